"""``what-if`` and ``check --apply``: answers as they would be, and the mistakes that are told."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.incident import ALLOWED, REFUSED, write
from tests.cli.programs import Result, in_process

OPEN = f"aws ec2 authorize-security-group-ingress --group-id sg-1 --protocol tcp --port 22 --cidr {REFUSED}/32\n"
SHUT = f"aws ec2 revoke-security-group-ingress --group-id sg-1 --protocol tcp --port 22 --cidr {ALLOWED}/32\n"
QUESTION = f"{REFUSED} -> web-1:22"


class Run:
    """The command line on the small account."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        self._snapshot = str(write(folder / "snapshot"))

    def __call__(self, *arguments: str) -> Result:
        return in_process(self._capsys, *arguments, "--snapshot", self._snapshot)

    def file(self, content: str, name: str = "change.sh") -> str:
        path = self.folder / name
        path.write_text(content)
        return str(path)


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    return Run(tmp_path, capsys)


# -- one question ------------------------------------------------------------------------------------------------------


def test_the_answer_as_it_would_be_says_so_and_what_it_is_today(run: Run) -> None:
    shown = run("what-if", QUESTION, "--apply", run.file(OPEN))
    assert shown.status == 0
    assert shown.out.startswith("As it would be with 1 planned change, today BLOCKED\n✓ ALLOWED  ")
    assert f"· sg-1 (web): add ingress tcp/22 from {REFUSED}/32" in shown.out
    assert "Today it is blocked." in shown.out
    assert "of changes that are still to be made they tell nothing" in shown.out


def test_the_answer_as_json_has_today_beside_it(run: Run) -> None:
    answer = json.loads(run("what-if", QUESTION, "--apply", run.file(OPEN), "--output", "json").out)
    assert (answer["verdict"], answer["before"]) == ("allowed", "blocked")
    assert answer["applied"] == [f"sg-1 (web): add ingress tcp/22 from {REFUSED}/32"]
    assert answer["before_summary"].startswith(f"{REFUSED} -> ")
    assert answer["evidence"]["status"] == "unavailable"


def test_an_answer_of_today_has_nothing_applied(run: Run) -> None:
    answer = json.loads(run(QUESTION, "--no-flow-logs", "--output", "json").out)
    assert (answer["applied"], answer["before"], answer["before_summary"]) == ([], None, None)


@pytest.mark.parametrize("output", ["markdown", "html"])
def test_reports_for_reading_say_that_it_is_planned(run: Run, output: str) -> None:
    shown = run("what-if", QUESTION, "--apply", run.file(OPEN), "--output", output)
    assert "As it would be with 1 planned change, today BLOCKED" in shown.out
    assert "Planned changes" in shown.out


def test_what_would_still_be_blocked_gets_a_fix_on_top_of_the_changes(run: Run) -> None:
    shown = run("what-if", f"{ALLOWED} -> web-1:22", "--apply", run.file(SHUT), "--output", "json")
    answer = json.loads(shown.out)
    assert (shown.status, answer["verdict"], answer["before"]) == (1, "blocked", "allowed")
    (command,) = answer["fixes"][0]["commands"]
    again = run("what-if", f"{ALLOWED} -> web-1:22", "--apply", run.file(f"{SHUT}{command}\n"))
    assert again.status == 0


def test_several_files_are_applied_in_their_order(run: Run) -> None:
    open_, shut = run.file(OPEN, "1.sh"), run.file(SHUT.replace(ALLOWED, REFUSED), "2.sh")
    assert run("what-if", QUESTION, "--apply", open_, "--apply", shut).status == 1
    assert run("what-if", QUESTION, "--apply", shut, "--apply", open_).status == 2


def test_changes_can_come_from_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(OPEN.encode())))
    assert run("what-if", QUESTION, "--apply", "-").status == 0


def test_the_question_may_be_in_any_form(run: Run) -> None:
    change = run.file(OPEN)
    for words in ([REFUSED, "->", "web-1:22"], [REFUSED, "web-1:22"], [REFUSED, "to", "web-1:22"]):
        assert run("what-if", *words, "--apply", change).status == 0
        assert run("--apply", change, "what-if", *words).status == 0


def test_a_file_without_changes_changes_nothing(run: Run) -> None:
    shown = run("what-if", QUESTION, "--apply", run.file("# nothing yet\n"))
    assert shown.status == 1
    assert shown.out.startswith("As it would be with 0 planned changes, today BLOCKED")
    assert "change.sh: nothing of the network is changed" in shown.out


def test_one_file_of_several_that_changes_nothing_is_named(run: Run) -> None:
    nothing = run.file("aws ec2 describe-security-groups --group-ids sg-1\n", "look.sh")
    shown = run("what-if", QUESTION, "--apply", run.file(OPEN), "--apply", nothing, "--output", "json")
    told = [warning for warning in json.loads(shown.out)["warnings"] if "nothing" in warning]
    assert (shown.status, [warning.rpartition("/")[2] for warning in told]) == (
        0,
        ["look.sh: nothing of the network is changed"],
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--apply", "none.sh"), "none.sh: can't be read: No such file or directory"),
        ((), "what-if needs the planned changes: --apply FILE"),
        (("--apply", "-", "--apply", "-"), "--apply - stands there twice"),
    ],
)
def test_what_is_missing_is_told_in_a_line(run: Run, arguments: tuple[str, ...], says: str) -> None:
    shown = run("what-if", QUESTION, *arguments)
    assert (shown.status, shown.out) == (2, "")
    assert says in shown.err
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize(
    ("script", "says"),
    [
        (f"{OPEN}{OPEN}", "change.sh: line 2: sg-1 has the ingress rule already: tcp 22, 198.51.100.7/32"),
        (f"\n\n{OPEN.replace('sg-1', 'sg-9')}", "change.sh: line 3: sg-9 is not in the snapshot"),
        ("rm -rf /\n", "change.sh: line 1: 'rm' is no command of the AWS CLI"),
    ],
)
def test_a_change_that_cannot_be_made_is_told_with_its_line(run: Run, script: str, says: str) -> None:
    run.file(script)
    shown = run("what-if", QUESTION, "--apply", "change.sh")
    assert (shown.status, shown.out) == (2, "")
    assert shown.err == f"whyblocked: {says}{shown.err.removeprefix(f'whyblocked: {says}')}"
    assert shown.err.count("\n") == 1


def test_what_cannot_be_read_leaves_it_undetermined(run: Run) -> None:
    (run.folder / "snapshot" / "network-acls.json").unlink()
    script = "aws ec2 delete-network-acl-entry --network-acl-id acl-1 --ingress --rule-number 100\n"
    shown = run("what-if", QUESTION, "--apply", run.file(script))
    assert shown.status == 3
    assert "acl-1 can't be changed, as it can't be read: ec2:DescribeNetworkAcls: not in the snapshot" in shown.err


# -- many questions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("output", ["text", "json"])
def test_a_check_says_that_a_file_changes_nothing(run: Run, output: str) -> None:
    questions = run.file(f"{QUESTION} blocked\n", "network.txt")
    shown = run("check", questions, "--apply", run.file("# nothing yet\n"), "--output", output)
    assert shown.status == 0
    assert shown.err.endswith("change.sh: nothing of the network is changed\n")


def test_expectations_are_held_against_the_changes(run: Run) -> None:
    questions = run.file(f"{QUESTION} allowed\n{ALLOWED} -> web-1:22 allowed\n{REFUSED} -> web-1:443 allowed\n", "q")
    shown = run("check", questions, "--apply", run.file(OPEN + SHUT))
    assert shown.status == 1
    lines = shown.out.splitlines()
    assert [line for line in lines if "(today" in line] == [
        line for line in lines if line.endswith(("allowed (today blocked)", "blocked (today allowed)"))
    ]
    assert lines[-1] == "3 questions: 2 hold, 1 does not, 2 other than today"


def test_expectations_as_json_lines_have_today_beside_them(run: Run) -> None:
    questions = run.file(f"{QUESTION} allowed\n", "q")
    rows: list[Any] = [
        json.loads(line)
        for line in run("check", questions, "--apply", run.file(OPEN), "--output", "json").out.splitlines()
    ]
    assert [(row["holds"], row["verdict"], row["before"]) for row in rows] == [(True, "allowed", "blocked")]


def test_without_changes_a_check_says_nothing_of_today(run: Run) -> None:
    assert "today" not in run("check", run.file(f"{QUESTION} blocked\n", "q")).out


def test_standard_input_can_be_read_once(run: Run) -> None:
    shown = run("check", "-", "--apply", "-")
    assert (shown.status, shown.err.count("\n")) == (2, 1)
    assert "standard input can be read once" in shown.err
