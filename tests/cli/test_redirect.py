"""The line that people type, without quotes, in real shells on a terminal."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.incident import write
from tests.cli.programs import PROGRAM, Result, install, on_terminal

SHELLS = [
    pytest.param(name, marks=pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not installed"))
    for name in ("bash", "sh", "zsh", "dash", "ksh")
]
ONE = "bash" if shutil.which("bash") else "sh"


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    return write(tmp_path / "snapshot")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


def typed(shell: str, line: str, here: Path) -> Result:
    return on_terminal([shell, "-c", line], here, install(here.parent / "bin"), NO_COLOR="1")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    "question",
    [
        "203.0.113.5 -> i-abc:22",
        "203.0.113.5->i-abc:22",
        "203.0.113.5-> i-abc:22",
        "203.0.113.5 ->i-abc:22",
        "'203.0.113.5 -> i-abc:22'",
        "203.0.113.5 i-abc:22",
        "203.0.113.5 to i-abc:22",
    ],
)
def test_every_spelling_in_every_shell(shell: str, question: str, here: Path, snapshot: Path) -> None:
    shown = typed(shell, f"whyblocked {question} --snapshot {snapshot}", here)
    assert "ALLOWED" in shown.out
    assert "203.0.113.5 -> i-0abc1234def567890" in shown.out
    assert shown.status == 0
    assert names(here) == []


@pytest.mark.parametrize("shell", SHELLS)
def test_a_file_with_content_is_never_touched(shell: str, here: Path, snapshot: Path) -> None:
    file = here / "i-abc:22"
    file.write_text("precious\n")
    shown = typed(shell, f"whyblocked 203.0.113.5 ->> i-abc:22 --snapshot {snapshot}", here)
    assert shown.status == 2
    assert "whyblocked '203.0.113.5 -> i-abc:22'" in shown.out
    assert file.read_text() == "precious\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_noclobber_keeps_the_shell_from_emptying_a_file(shell: str, here: Path, snapshot: Path) -> None:
    file = here / "i-abc:22"
    file.write_text("precious\n")
    shown = typed(shell, f"set -C; whyblocked 203.0.113.5 -> i-abc:22 --snapshot {snapshot}", here)
    assert shown.status != 0
    assert file.read_text() == "precious\n"


@pytest.mark.parametrize("content", ["", "precious\n"])
def test_a_file_that_was_there_stays_even_if_the_shell_emptied_it(content: str, here: Path, snapshot: Path) -> None:
    file = here / "i-abc:22"
    file.write_text(content)
    os.utime(file, (1_700_000_000, 1_700_000_000))
    shown = typed(ONE, f"whyblocked 203.0.113.5 -> i-abc:22 --snapshot {snapshot}", here)
    assert shown.status == 2
    assert "was there before" in shown.out
    assert "whyblocked '203.0.113.5 -> i-abc:22'" in shown.out
    assert names(here) == ["i-abc:22"]


def test_an_empty_file_that_is_appended_to_stays(here: Path, snapshot: Path) -> None:
    shown = typed(ONE, f"whyblocked 203.0.113.5 ->> i-abc:22 --snapshot {snapshot}", here)
    assert shown.status == 2
    assert names(here) == ["i-abc:22"]


def test_a_second_name_keeps_the_file(here: Path, snapshot: Path) -> None:
    line = f"touch a && ln a i-abc:22 && whyblocked 203.0.113.5 -> i-abc:22 --snapshot {snapshot}"
    assert typed(ONE, line, here).status == 2
    assert names(here) == ["a", "i-abc:22"]


def test_a_file_in_another_folder_stays(here: Path, snapshot: Path) -> None:
    (here / "web").mkdir()
    shown = typed(ONE, f"whyblocked 203.0.113.5 -> web/1 --snapshot {snapshot}", here)
    assert shown.status == 2
    assert "type it with quotes" in shown.out
    assert names(here / "web") == ["1"]


def test_a_link_stays(here: Path, tmp_path: Path, snapshot: Path) -> None:
    (here / "i-abc:22").symlink_to(tmp_path / "target")
    assert typed(ONE, f"whyblocked 203.0.113.5 -> i-abc:22 --snapshot {snapshot}", here).status == 2
    assert (here / "i-abc:22").is_symlink()
    assert (tmp_path / "target").exists()


def test_options_may_follow_and_json_goes_to_the_terminal(here: Path, snapshot: Path) -> None:
    shown = typed(ONE, f"whyblocked --snapshot {snapshot} 203.0.113.5 -> i-abc:22 --output json --no-flow-logs", here)
    assert json.loads(shown.out)["question"]["text"] == "203.0.113.5 -> i-abc:22"
    assert names(here) == []


def test_a_name_in_brackets(here: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other", "web 1:a")
    shown = typed(ONE, f"whyblocked 203.0.113.5 -> '[web 1:a]:443' --snapshot {other}", here)
    assert (shown.status, names(here)) == (0, [])
    assert "ALLOWED" in shown.out


def test_a_mistake_leaves_no_file_behind(here: Path, snapshot: Path) -> None:
    for line in ("whyblocked 203.0.113.5 -> i-abc:sssh", "whyblocked 203.0.113.5 -> i-abc:22 --regoin x"):
        shown = typed(ONE, line, here)
        assert shown.status == 2
        assert shown.out.startswith("whyblocked: ")
        assert shown.out.count("\n") == 1
        assert names(here) == []


def test_errors_sent_into_the_same_file_reach_the_terminal(here: Path, snapshot: Path) -> None:
    shown = typed(ONE, f"whyblocked 203.0.113.5 -> i-fff:22 --snapshot {snapshot} 2>&1", here)
    assert shown.status == 2
    assert "no instance i-fff" in shown.out
    assert names(here) == []


def test_the_verdict_is_the_exit_status(here: Path, snapshot: Path) -> None:
    assert typed(ONE, f"whyblocked 198.51.100.7 -> i-abc:22 --snapshot {snapshot}", here).status == 1


def test_a_destination_that_only_lacks(here: Path) -> None:
    shown = typed(ONE, "whyblocked 203.0.113.5 -", here)
    assert shown.status == 2
    assert "'203.0.113.5 -' has no destination; type it with quotes" in shown.out


def test_other_commands_take_a_dash_for_standard_input(here: Path, snapshot: Path) -> None:
    shown = typed(ONE, f"echo 203.0.113.5 i-abc:22 | whyblocked check --snapshot {snapshot} - > result", here)
    assert shown.status == 0
    assert "203.0.113.5 i-abc:22" in (here / "result").read_text()


def test_without_a_terminal_it_prints_on_standard_error(here: Path, snapshot: Path) -> None:
    with (here / "i-abc:22").open("w") as file:
        done = subprocess.run(
            [*PROGRAM, "203.0.113.5", "-", "--snapshot", str(snapshot)],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.PIPE,
            cwd=here,
            start_new_session=True,
            timeout=60,
            check=False,
        )
    assert b"ALLOWED" in done.stderr
    assert (done.returncode, names(here)) == (0, [])


def test_without_anything_to_print_on_the_file_stays(here: Path, snapshot: Path) -> None:
    with (here / "i-abc:22").open("w") as file:
        done = subprocess.run(
            [*PROGRAM, "203.0.113.5", "-", "--snapshot", str(snapshot)],
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=here,
            start_new_session=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, names(here)) == (2, ["i-abc:22"])


@pytest.mark.parametrize("shell", SHELLS)
def test_a_question_about_planned_changes_needs_no_quotes(shell: str, here: Path, tmp_path: Path) -> None:
    snapshot = write(tmp_path / "snapshot")
    change = tmp_path / "change.sh"
    change.write_text(
        "aws ec2 authorize-security-group-ingress --group-id sg-1 --protocol tcp --port 22 --cidr 198.51.100.7/32\n"
    )
    line = f"whyblocked what-if 198.51.100.7 -> web-1:22 --apply {change} --snapshot {snapshot}"
    shown = typed(shell, line, here)
    assert (shown.status, names(here)) == (0, [])
    assert "As it would be with 1 planned change, today BLOCKED" in shown.out


def test_what_was_typed_before_the_question_is_in_the_way_out(here: Path, snapshot: Path) -> None:
    (here / "web-1:22").write_text("precious\n")
    shown = typed(ONE, f"whyblocked what-if 198.51.100.7 ->> web-1:22 --apply x --snapshot {snapshot}", here)
    assert shown.status == 2
    assert "type it with quotes: whyblocked what-if '198.51.100.7 -> i-abc:22'" in shown.out
