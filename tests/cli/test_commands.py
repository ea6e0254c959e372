"""The commands: how arguments are told apart, what they print, and the mistakes that they tell."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cli.incident import INSTANCE, write
from tests.cli.programs import in_process, program
from whyblocked import __version__
from whyblocked.cli.commands import COMMANDS, arrange, flags, load


@pytest.fixture
def snapshot(tmp_path: Path) -> str:
    return str(write(tmp_path / "snapshot"))


@pytest.mark.parametrize(
    ("arguments", "command", "left"),
    [
        (["a", "->", "b"], "ask", ["a", "→", "b"]),
        (["a", "->b"], "ask", ["a", "→b"]),
        (["check", "f"], "check", ["f"]),
        (["--snapshot", "d", "check", "f"], "check", ["--snapshot", "d", "f"]),
        (["--snapshot=d", "check", "f"], "check", ["--snapshot=d", "f"]),
        (["--no-color", "check", "f"], "check", ["--no-color", "f"]),
        (["--region", "check", "a", "b"], "ask", ["--region", "check", "a", "b"]),
        (["check", "->", "b"], "ask", ["check", "→", "b"]),
        (["check", "to", "b"], "ask", ["check", "to", "b"]),
        (["a", "check"], "ask", ["a", "check"]),
        (["check", "--help"], "check", ["--help"]),
        (["a", "b", "--help"], "", ["--help"]),
        (["help"], "", ["--help"]),
        (["-h"], "", ["--help"]),
        (["--version"], "", ["--version"]),
        (["--flow-logs", "-", "a", "b"], "ask", ["--flow-logs", "-", "a", "b"]),
        (["--", "check", "b"], "ask", ["--", "check", "b"]),
        ([], "ask", []),
    ],
)
def test_arguments_in_order(arguments: list[str], command: str, left: list[str]) -> None:
    found = arrange(arguments, flags())
    assert (found.command, found.arguments) == (command, left)


def test_places_are_those_of_what_is_no_option() -> None:
    assert arrange(["--region", "x", "a", "--no-color", "-", "--flow-logs", "-"], flags()).places == [2, 4]
    assert arrange(["--debug", "check", "-"], flags()).places == [1]


def test_every_command_loads_and_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    listed = in_process(capsys, "--help").out
    for name in COMMANDS:
        assert load(name) is not None
        assert re.search(rf"^  {name} ", listed, re.MULTILINE)
        assert in_process(capsys, name, "--help").out.startswith(f"Usage: whyblocked {name}")


def test_help_names_every_option_of_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    found = in_process(capsys, "--help")
    assert found.status == 0
    common = "profile region endpoint-url output no-color snapshot debug version help"
    question = "protocol source-port icmp-type icmp-code flow-logs no-flow-logs log-format since until"
    for option in map("--{}".format, (*common.split(" "), *question.split(" "))):
        assert f"{option} " in found.out or f"{option}\n" in found.out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert in_process(capsys, "--version") == (0, f"whyblocked {__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("203.0.113.5", "->", "i-abc:22"),
        ("203.0.113.5", "->i-abc:22"),
        ("203.0.113.5->", "i-abc:22"),
        ("203.0.113.5 -> i-abc:22",),
        ("203.0.113.5", "to", "i-abc:22"),
        ("203.0.113.5", "i-abc:22"),
        ("203.0.113.5", "i-abc", "--protocol", "tcp"),
        ("203.0.113.5", "web-1:ssh/tcp"),
    ],
)
def test_a_question(arguments: tuple[str, ...], snapshot: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = in_process(capsys, *arguments, "--snapshot", snapshot, "--output", "json")
    answer = json.loads(found.out)
    assert answer["question"]["source"] == "203.0.113.5"
    assert answer["question"]["destination"] == INSTANCE
    assert found.status == {"allowed": 0, "partial": 1}[answer["verdict"]]
    assert found.err == ""


@pytest.mark.parametrize("output", ["text", "markdown", "html"])
def test_outputs(output: str, snapshot: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = in_process(capsys, "198.51.100.7", "web-1:22", "--snapshot", snapshot, "--output", output)
    assert found.status == 1
    assert "sg-1" in found.out
    assert "\x1b" not in found.out


BAD: list[tuple[tuple[str, ...], str]] = [
    ((), "nothing is asked"),
    (("a",), "no destination"),
    (("a", "b:0"), "port 0"),
    (("a", "-"), "no destination; type it with quotes"),
    (("a", "b", "--protocol"), "requires an argument"),
    (("a", "b", "--protocol", "tpc"), "--protocol: 'tpc'"),
    (("a", "b", "--output", "yaml"), "invalid value for '--output'"),
    (("a", "b", "--no-such"), "no such option '--no-such'"),
    (("a", "b", "--regoin", "x"), "--region"),
    (("a", "b", "-x"), "no such option '-x'"),
    (("a", "b", "--since", "yesterday"), "--since"),
    (("a", "b", "--since", "1h", "--until", "2h"), "--since 1h is not before --until 2h"),
    (("a", "b", "--flow-logs", "x", "--no-flow-logs"), "contradict each other"),
    (("a", "b", "--snapshot", "/no/such/folder"), "/no/such/folder"),
    (("a", "b", "--snapshot", "/dev/null"), "not a folder"),
    (("rejects", "--by", "colour"), "invalid value for '--by'"),
    (("rejects", "--source", "10.0.0.300"), "--source: '10.0.0.300' is no address or block"),
    (("rejects", "--port", "99999"), "--port"),
    (("rejects", "--protocol", "tpc"), "--protocol: 'tpc'"),
    (
        ("rejects", "--flow-logs", "/no/such/file", "--snapshot", "fixtures/00-new-office-address/snapshot"),
        "/no/such/file",
    ),
    (("check",), "missing argument 'FILE'"),
    (("check", "/no/such/file"), "/no/such/file: can't be read: No such file or directory"),
    (("check", "/"), "can't be read: Is a directory"),
    (("check", "f", "g"), "unexpected extra argument"),
    (("check", "f", "--output", "html"), "invalid value for '--output'"),
    (("snapshot",), "missing command"),
    (("snapshot", "load"), "no such command 'load'"),
    (("snapshot", "save"), "missing argument 'DIR'"),
    (("snapshot", "save", "d", "--snapshot", "e"), "not from a snapshot"),
    (("completion", "csh"), "invalid value"),
    (("completion",), "Choose from: bash, zsh, fish"),
    (("demo", "no-such-incident"), "no incident is called 'no-such-incident'"),
    (("rejects", "records.log"), "files of flow logs are named with --flow-logs records.log"),
    (("rejects", "my records.log", "--top", "0"), "--flow-logs 'my records.log'"),
    (("demo", "one-of-three-targets"), "did you mean one-of-two-targets?"),
    (("iam-policy", "x"), "unexpected extra argument"),
    (("a\x1b", "b\x07:0"), "no text"),
    (("--\x1b[31m",), "no such option"),
    (("a", "b", "--since", "\x1b[31m" * 1000), "--since"),
    (("x" * 1_000_000,), "1000000 characters long"),
    (("a", "b", "--output", "x" * 100_000), "invalid value"),
]


@pytest.mark.parametrize("name", ["07", "07-network-acl-without-ipv6", "network-acl-without-ipv6"])
def test_an_incident_is_shown_by_its_name_its_folder_or_its_number(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = in_process(capsys, "demo", name)
    assert shown.status == 0
    assert "network ACL" in shown.out.partition("\n")[2].partition("Path there")[0]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[repr(arguments)[:40] for arguments, _ in BAD])
def test_mistakes_are_one_line_and_exit_2(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = in_process(capsys, *arguments)
    assert (found.status, found.out) == (2, "")
    assert found.err.startswith("whyblocked: ")
    assert message in found.err
    assert found.err.count("\n") == 1
    assert len(found.err) < 1100
    assert "\x1b" not in found.err


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [(("rejcts", "--top", "3"), "rejects"), (("waht-if", "a -> b", "--apply", "f"), "what-if"), (("whios",), "whois")],
)
def test_a_slip_in_the_name_of_a_command(
    arguments: tuple[str, ...], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = in_process(capsys, *arguments)
    assert found.status == 2
    assert f"did you mean the command {meant}?" in found.err


def test_bytes_that_are_no_text() -> None:
    found = program(b"a", b"b\xff")
    assert (found.status, found.out) == (2, "")
    assert found.err == "whyblocked: the question holds characters that are no text: 'b\ufffd'\n"


def test_what_is_not_found_names_what_is_similar(snapshot: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = in_process(capsys, "203.0.113.5", "web-2", "--snapshot", snapshot)
    assert found.status == 2
    assert found.err.splitlines() == [
        "whyblocked: destination: nothing is called 'web-2' in the snapshot",
        f"  similar: {INSTANCE} (web-1, running, vpc-1)",
    ]


# -- check -----------------------------------------------------------------------------------------------------------

FILE = """\
# what must hold
203.0.113.5 -> web-1:22 allowed   # the office
198.51.100.7 to web-1:22 BLOCKED
198.51.100.7 web-1 --protocol udp
"""


def check(
    tmp_path: Path, text: str, snapshot: str, capsys: pytest.CaptureFixture[str], *more: str
) -> tuple[int, str, str]:
    file = tmp_path / "questions"
    file.write_text(text)
    return in_process(capsys, "check", str(file), "--snapshot", snapshot, *more)


def test_check_as_json_lines(tmp_path: Path, snapshot: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = check(tmp_path, FILE, snapshot, capsys, "--output", "json")
    answers = [json.loads(line) for line in out.splitlines()]
    assert [(a["line"], a["expected"], a["holds"], a["verdict"]) for a in answers] == [
        (2, "allowed", True, "allowed"),
        (3, "blocked", True, "blocked"),
        (4, None, None, "blocked"),
    ]
    assert (status, err) == (0, "")


def test_check_tells_what_would_mend_an_expectation_that_fails(
    tmp_path: Path, snapshot: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """That of access which is there and should not be, no change of the kind would; and who reads text did not ask."""
    text = "198.51.100.7 web-1:22 allowed\n203.0.113.5 web-1:22 blocked\n198.51.100.7 web-1:22\n"
    _, out, _ = check(tmp_path, text, snapshot, capsys, "--output", "json")
    fixes = [json.loads(line)["fixes"] for line in out.splitlines()]
    assert [[command.split()[2] for one in found for command in one["commands"]] for found in fixes] == [
        ["authorize-security-group-ingress"],
        [],
        [],
    ]


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("", 0),
        ("# nothing\n", 0),
        ("203.0.113.5 web-1:22 allowed", 0),
        ("203.0.113.5 web-1:22 blocked", 1),
        ("203.0.113.5 web-1:22\n198.51.100.7 web-1:22", 0),
        ("203.0.113.5 web-1 partial", 0),
        ("203.0.113.5 web-1 allowed", 1),
        ("nonsense\n203.0.113.5 web-1:22 allowed", 2),
        ("203.0.113.5 nobody:22\n203.0.113.5 web-1:22 blocked", 2),
        ("203.0.113.5 web-1:22 allowed\r\n203.0.113.5 web-1:443 allowed\r\n", 0),
    ],
)
def test_check_status(
    text: str, status: int, tmp_path: Path, snapshot: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(tmp_path, text, snapshot, capsys)[0] == status


def test_undetermined_fails_only_where_something_was_expected(
    tmp_path: Path, snapshot: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (Path(snapshot) / "network-acls.json").unlink()
    question = "203.0.113.5 web-1:22"
    status, out, _ = check(tmp_path, f"{question} allowed\n{question}\n", snapshot, capsys, "--output", "json")
    assert status == 3
    assert [json.loads(line)["holds"] for line in out.splitlines()] == [False, None]
    assert check(tmp_path, f"{question}\n", snapshot, capsys)[0] == 0
    assert check(tmp_path, f"{question} allowed\n198.51.100.7 web-1:22 allowed", snapshot, capsys)[0] == 1


def test_a_line_that_is_no_question_is_named_and_the_others_answered(
    tmp_path: Path, snapshot: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "a -> b:0\n203.0.113.5 web-1:22 allowed\n203.0.113.5 web-2\x1b[31m\n203.0.113.5 web-2\n"
    status, out, err = check(tmp_path, text, snapshot, capsys, "--output", "json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert status == 2
    assert lines[0]["line"] == 1
    assert lines[0]["text"] == "a -> b:0"
    assert lines[0]["error"].startswith("destination port: port 0")
    assert lines[1]["verdict"] == "allowed"
    assert [set(line) for line in (lines[2], lines[3])] == [{"line", "text", "error"}] * 2
    assert f"similar: {INSTANCE}" in lines[3]["error"]
    assert [line.split(": ")[1] for line in err.splitlines()] == ["line 1", "line 3", "line 4"]
    assert "\x1b" not in out + err


def test_bytes_that_are_no_text_spoil_only_their_line(
    tmp_path: Path, snapshot: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "questions"
    file.write_bytes(b"\xef\xbb\xbf203.0.113.5 web-1:22 allowed\na b\xff\n\x00\n")
    found = in_process(capsys, "check", str(file), "--snapshot", snapshot, "--output", "json")
    lines = [json.loads(line) for line in found.out.splitlines()]
    assert [("verdict" in line, line["line"]) for line in lines] == [(True, 1), (False, 2), (False, 3)]
    file.write_bytes("203.0.113.5 web-1:22".encode("utf-16"))
    found = in_process(capsys, "check", str(file), "--snapshot", snapshot)
    assert (found.status, found.err) == (2, f"whyblocked: {file}: is UTF-16; save it as UTF-8\n")


@pytest.mark.parametrize(("terminal", "told"), [(True, ""), (False, "whyblocked: line 1: ")])
def test_a_line_without_an_answer_is_told_once_on_a_terminal(
    terminal: bool,
    told: str,
    tmp_path: Path,
    snapshot: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "questions.txt").write_text("nobody-1 -> web-1:22\n")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
    found = in_process(capsys, "check", str(tmp_path / "questions.txt"), "--snapshot", snapshot)
    assert found.status == 2
    assert "nothing is called 'nobody-1'" in " ".join(found.out.split())
    assert found.err[:20] == told[:20]


def test_check_of_a_file_without_a_question_says_that_nothing_was_checked(
    tmp_path: Path, snapshot: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "questions.txt").write_text("# to be written\n")
    found = in_process(capsys, "check", str(tmp_path / "questions.txt"), "--snapshot", snapshot)
    assert found.status == 0
    assert "questions.txt holds no question: nothing was checked" in found.err


def test_check_reads_standard_input(
    snapshot: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"203.0.113.5 web-1:22 allowed\n")))
    found = in_process(capsys, "check", "-", "--snapshot", snapshot)
    assert found.status == 0
    assert "allowed" in found.out


def test_junit(tmp_path: Path, snapshot: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "junit.xml"
    status, *_ = check(
        tmp_path, FILE + "nonsense\n203.0.113.5 web-1:22 blocked\n", snapshot, capsys, "--junit", str(report)
    )
    suite = ElementTree.parse(report).getroot()
    assert status == 2
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("5", "1", "1")
    status, _, err = check(tmp_path, FILE, snapshot, capsys, "--junit", str(tmp_path / "no" / "such.xml"))
    assert status == 2
    assert "--junit" in err


# -- the others --------------------------------------------------------------------------------------------------------


def test_schema_and_policy_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(in_process(capsys, "schema").out)["title"] == "whyblocked answer"
    assert json.loads(in_process(capsys, "iam-policy").out)["Version"] == "2012-10-17"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert "_WHYBLOCKED_COMPLETE" in in_process(capsys, "completion", shell).out


def test_completion() -> None:
    def complete(line: str) -> list[str]:
        found = program(_WHYBLOCKED_COMPLETE="bash_complete", COMP_CWORD=str(line.count(" ")), COMP_WORDS=line)
        return found.out.split()

    assert complete("whyblocked ch") == ["plain,check"]
    assert complete("whyblocked --sn") == ["plain,--snapshot"]
    assert complete("whyblocked check --ju") == ["plain,--junit"]
    assert complete("whyblocked a --sn") == ["plain,--snapshot"]
    assert complete("whyblocked --region x --sn") == ["plain,--snapshot"]
    assert complete("whyblocked snapshot s") == ["plain,save"]


def test_a_snapshot_is_saved(tmp_path: Path, aws: None, capsys: pytest.CaptureFixture[str]) -> None:
    found = in_process(capsys, "snapshot", "save", str(tmp_path / "saved"))
    assert found.status == 0
    assert re.search(r"^\d+ files in .*saved/\d{12}/us-east-1$", found.out, re.MULTILINE)
    asked = in_process(capsys, "203.0.113.5", "i-abc:22", "--snapshot", str(tmp_path / "saved"))
    assert asked.status == 2
    assert "no instance i-abc in the snapshot" in asked.err


def test_a_live_account_without_the_instance(aws: None, capsys: pytest.CaptureFixture[str]) -> None:
    found = in_process(capsys, "203.0.113.5", "i-abc:22", "--no-flow-logs")
    assert found.status == 2
    assert "no instance i-abc in us-east-1" in found.err
    assert found.err.count("\n") == 1
