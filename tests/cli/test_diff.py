"""``whyblocked diff``: its arguments, its exit status, and what it prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from markdown_it import MarkdownIt

from tests.builders import ANYWHERE, Json, Network, allow, deny, tcp
from tests.cli.programs import in_process, install, on_terminal
from tests.difference.comparing import row
from tests.report.goldens import check

SSH, WEB = "203.0.113.5 -> web:22", "203.0.113.5 -> web:443"
SCHEMA = Path(__file__).parents[2] / "docs" / "diff.schema.json"
EVIL = "\x1b]0;evil\x07<script>@here`x`\u202e"


def network(name: str = "web") -> Network:
    net = Network()
    net.internet_gateway()
    net.subnet("subnet-web", "10.0.1.0/24", routes={"0.0.0.0/0": "igw-1"}, acl=([allow(100)], [allow(100)]))
    net.group("sg-web", [tcp(22, "203.0.113.0/24", note="office"), tcp(443, ANYWHERE)], name=name)
    net.instance("web", "10.0.1.10", groups=["sg-web"], public="198.51.100.10", instance_id="i-0abc1234def567890")
    return net


@pytest.fixture(name="folders")
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A network before and after: SSH was closed by a group and a network ACL, an application came."""
    monkeypatch.chdir(tmp_path)
    net = network()
    net.save(tmp_path / "before")
    group: Json = row(net, "SecurityGroups", "GroupId", "sg-web")
    group["IpPermissions"] = [tcp(443, ANYWHERE), tcp(8443, "10.0.0.0/8")]
    entries = row(net, "NetworkAcls", "NetworkAclId", "acl-web")["Entries"]
    entries.append(deny(90, "tcp", 22) | {"Egress": False})
    net.instance("app", "10.0.1.20", groups=["sg-web"], instance_id="i-0abc1234def567899")
    net.save(tmp_path / "after")
    (tmp_path / "questions.txt").write_text(f"{SSH} allowed # the office\n{WEB} allowed\n")
    return tmp_path


def diff(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    return in_process(capsys, "diff", *arguments)


# -- exit status ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("before", "before"), 0),
        (("before", "after"), 1),
        (("before", "before", SSH), 0),
        (("before", "after", SSH), 1),
        (("before", "after", WEB), 0),
        (("before", "after", "203.0.113.5", "to", "web:22"), 1),
        (("before", "after", "203.0.113.5", "->", "web:22"), 1),
        (("before", "after", "--check", "questions.txt"), 1),
        (("before", "after", "203.0.113.5 -> nobody:22"), 2),
    ],
)
def test_the_exit_status_is_that_of_diff(
    folders: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], status: int
) -> None:
    found = diff(capsys, *arguments)
    assert (found.status, found.err) == (status, "")


def test_an_answer_that_can_not_be_told_is_3(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("before", "after"):
        (folders / folder / "describe-network-acls.json").unlink()
    found = diff(capsys, "before", "after", WEB)
    assert found.status == 3
    assert "undetermined, as before" in found.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("before",), "missing argument 'AFTER'"),
        (("before", "nowhere"), "nowhere: no such folder"),
        (("before", "questions.txt"), "questions.txt: not a folder"),
        (("live", "live"), "only one of the two can be live"),
        (("before", "after", "--snapshot", "before"), "--snapshot: name the two folders themselves"),
        (("before", "after", SSH, "--check", "questions.txt"), "--check and a question contradict each other"),
        (("before", "after", "--check", "none.txt"), "none.txt: can't be read"),
        (("before", "after", "what is this"), "what is this"),
        (("before", "after", "--output", "html"), "'html' is not one of"),
        (("before", "empty"), "holds a known API response"),
        (("before", "broken"), "vpcs.json: not JSON"),
    ],
)
def test_bad_usage_is_one_line(
    folders: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    (folders / "empty").mkdir()
    (folders / "broken").mkdir()
    (folders / "broken" / "vpcs.json").write_text('{"Vpcs": [')
    found = diff(capsys, *arguments)
    assert (found.status, found.out) == (2, "")
    assert words in found.err
    assert found.err.count("\n") == 1


def test_a_line_that_is_no_question_is_named_and_the_others_are_answered(
    folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folders / "questions.txt").write_text(f"what\n{SSH}\n")
    found = diff(capsys, "before", "after", "--check", "questions.txt", "--output", "json")
    assert found.status == 2
    assert found.err.startswith("whyblocked: line 1: ")
    document = json.loads(found.out)
    assert [(one["line"], one["changed"]) for one in document["answers"]] == [(2, True)]


# -- what is printed --------------------------------------------------------------------------------------------------


def test_the_report(folders: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    check("diff.txt", diff(capsys, "before", "after", "--check", "questions.txt").out)


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_an_answer_that_became_what_it_should_be_is_no_failure(
    folders: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    (folders / "wished.txt").write_text(f"{SSH} blocked\n")
    found = diff(capsys, "before", "after", "--check", "wished.txt", "--output", form)
    line = next(line for line in found.out.splitlines() if "should be" in line)
    assert line.strip("- ").startswith("✓ ")
    assert line.endswith("blocked (as it should be)")
    assert found.status == 1  # an answer is another one


def test_the_report_as_markdown(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = diff(capsys, "before", "after", "--check", "questions.txt", "--output", "markdown").out
    MarkdownIt().parse(found)
    check("diff.md", found)


def test_the_json_is_of_the_committed_schema(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(diff(capsys, "before", "after", "--check", "questions.txt", "--output", "json").out)
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    assert [*document] == ["schema_version", "before", "after", "changes", "not_compared", "answers", "errors"]
    assert (document["before"], document["after"]) == ("before", "after")
    ssh, web = document["answers"]
    assert (ssh["expected"], ssh["before"]["verdict"], ssh["after"]["verdict"]) == ("allowed", "allowed", "blocked")
    named = {number: one["summary"] for one in document["changes"] for number in (one["number"],)}
    assert sorted(named[number] for cause in ssh["because"] for number in cause) == [
        "network ACL acl-web: new: ingress rule 90 denies tcp/22 from 0.0.0.0/0",
        'security group sg-web (web): gone: ingress tcp/22 from 203.0.113.0/24 "office"',
    ]
    assert (web["changed"], web["because"]) == (False, [])


def test_the_schema_is_the_committed_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert in_process(capsys, "schema", "diff").out == SCHEMA.read_text()


def test_nothing_different_is_said_in_one_line(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert diff(capsys, "before", "before").out == "NO DIFFERENCE  before -> before\n"


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_hostile_names_stay_names(tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    network(EVIL).save(tmp_path / "before")
    net = network(EVIL)
    group = row(net, "SecurityGroups", "GroupId", "sg-web")
    group["IpPermissions"] = [tcp(22, ANYWHERE, note=EVIL)]
    group[EVIL] = EVIL
    net.group(EVIL)
    net.save(tmp_path / "after")
    found = diff(capsys, str(tmp_path / "before"), str(tmp_path / "after"), SSH, "--output", form).out
    assert "sg-web" in found
    for bad in ("\x1b", "\x07", "\u202e"):
        assert bad not in found
    if form == "markdown":
        assert "<script>" not in found


def test_the_arrow_may_stand_unquoted(folders: Path, tmp_path: Path) -> None:
    shown = on_terminal(
        ["bash", "-c", "whyblocked diff before after 203.0.113.5 -> i-0abc1234def567890:22"],
        folders,
        install(tmp_path / "bin"),
    )
    assert shown.status == 1
    assert "allowed -> blocked" in shown.out
    assert not (folders / "i-0abc1234def567890:22").exists()


def test_a_region_bounds_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network().save(tmp_path / "before" / "123456789012" / "eu-west-1")
    network().save(tmp_path / "after" / "123456789012" / "eu-west-1")
    network().save(tmp_path / "before" / "123456789012" / "us-east-1")
    network(name="other").save(tmp_path / "after" / "123456789012" / "us-east-1")
    both = (str(tmp_path / "before"), str(tmp_path / "after"))
    assert diff(capsys, *both).status == 1
    assert diff(capsys, *both, "--region", "eu-west-1").status == 0


def test_a_region_that_only_one_snapshot_has_captured_is_not_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network().save(tmp_path / "before" / "123456789012" / "eu-west-1")
    network().save(tmp_path / "after" / "123456789012" / "eu-west-1")
    network(name="other").save(tmp_path / "after" / "123456789012" / "us-east-1")
    found = diff(capsys, str(tmp_path / "before"), str(tmp_path / "after"))
    assert found.status == 0
    assert "account 123456789012, us-east-1: only in" in " ".join(found.out.split())
    assert found.out.startswith("NO DIFFERENCE in what both have captured")
