"""The report for terminals and pipes."""

from __future__ import annotations

import io
import re

import msgspec
import pytest
from rich.console import Console

from tests.report import answers, goldens
from whyblocked.diagnosis.answer import Answer, Moment
from whyblocked.report import text, words
from whyblocked.report.console import UNWRAPPED, build_console, wrapped
from whyblocked.report.timeline import timeline


class Stream(io.StringIO):
    """A stream that says of itself what a test needs."""

    def __init__(self, tty: bool = False, encoding: str = "utf-8") -> None:
        super().__init__()
        self.tty = tty
        self.name_of_encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.name_of_encoding

    def isatty(self) -> bool:
        return self.tty


def report(answer: Answer, width: int = 80, color: bool = False, encoding: str = "utf-8") -> str:
    stream = Stream(encoding=encoding)
    text.render(answer, build_console(stream, color, width))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("story", "width"),
    [(story, width) for story in answers.STORIES for width in (80, 120)][:-1],  # hostile: once
)
def test_the_report_of_a_story(story: str, width: int) -> None:
    goldens.check(f"{story}.{width}.txt", report(answers.STORIES[story](), width))


def test_ports_that_are_open_in_part_are_told_with_what_passes() -> None:
    part = answers.there(destination_ports="443", source_ports="49152-65535")
    shown = report(msgspec.structs.replace(answers.every_port(), open_ports="", partly_open=[part]))
    assert "  open ports none wholly\n  in part    443 (source ports 49152-65535)\n" in shown
    other = answers.there(source="10.0.9.0/24", destination_ports="8443", source_ports="49152-65535")
    shown = report(msgspec.structs.replace(answers.every_port(), partly_open=[part, other]))
    assert "  open ports 22,443,8000-8100\n  in part    443 (from 203.0.113.5, source ports 49152-65535)\n" in shown
    assert "             8443 (from 10.0.9.0/24, source ports 49152-65535)\n" in shown


def test_ports_that_pass_on_one_way_of_several_are_told_as_open_for_some_packets() -> None:
    part = answers.every_port().forward[0].packet
    part = msgspec.structs.replace(part, destination_ports="8080")
    shown = report(msgspec.structs.replace(answers.every_port(), open_ports="", partly_open=[part]))
    assert "  in part    8080 (some packets)\n" in shown


def test_no_open_port_at_all_reads_none() -> None:
    assert "  open ports none\n" in report(msgspec.structs.replace(answers.every_port(), open_ports=""))


@pytest.mark.parametrize("story", ["blocked_on_return", "undetermined"])
def test_the_report_in_colour(story: str) -> None:
    goldens.check(f"{story}.color.txt", report(answers.STORIES[story](), 80, color=True))


def test_the_report_where_the_stream_can_only_write_ascii() -> None:
    plain = report(answers.blocked_on_return(), 80, encoding="ascii")
    assert plain.isascii()
    goldens.check("blocked_on_return.ascii.txt", plain)


def test_records_do_not_confirm_what_could_not_be_told() -> None:
    shown = report(msgspec.structs.replace(answers.undetermined(), evidence=answers.confirms()))
    assert "Evidence  the rules leave it open; what the flow logs show" in shown
    assert "confirm this" not in shown
    assert "Evidence  the flow logs confirm this" in report(answers.blocked_on_return())


def test_letters_that_the_stream_has_are_kept() -> None:
    answer = msgspec.structs.replace(answers.allowed(), summary="Zürich ✗ 東京")
    assert "Zürich x ??" in report(answer, encoding="iso8859-1")


@pytest.mark.parametrize("story", answers.STORIES)
def test_colour_changes_no_character(story: str) -> None:
    colored = report(answers.STORIES[story](), color=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == report(answers.STORIES[story]())


@pytest.mark.parametrize("story", answers.STORIES)
def test_colours_are_the_theme_of_the_terminal_and_never_its_background(story: str) -> None:
    codes = {
        int(code)
        for sequence in re.findall(r"\x1b\[([0-9;]*)m", report(answers.STORIES[story](), color=True))
        for code in sequence.split(";")
    }
    assert codes <= {0, 1, 2, 3, 31, 32, 35}  # bold, dim, italic; red, green, magenta


@pytest.mark.parametrize("width", [20, 40, 80, 100, 120, 200, UNWRAPPED])
@pytest.mark.parametrize("story", [story for story in answers.STORIES if story != "hostile"])
def test_no_width_cuts_or_breaks_anything(story: str, width: int) -> None:
    def words(width: int) -> list[str]:
        # A narrow report has one more sign where a resource decided more than once.
        return sorted(word for word in report(answers.STORIES[story](), width).split() if word not in "✓✗")

    assert words(width) == words(UNWRAPPED)


@pytest.mark.parametrize("story", [story for story in answers.STORIES if story != "hostile"])
def test_eighty_columns_are_kept_but_for_commands(story: str) -> None:
    lines = report(answers.STORIES[story]()).splitlines()
    assert [line for line in lines if len(line) > 80 and not line.startswith("    aws ")] == []


@pytest.mark.parametrize("kind", ["transit-gateway-route-table", "egress-only-internet-gateway", "block-public-access"])
def test_the_columns_of_a_path_stay_apart_however_long_a_kind_is(kind: str) -> None:
    answer = answers.blocked_by_group()
    hops = [msgspec.structs.replace(hop, kind=kind, name=None) for hop in answer.forward]
    shown = report(msgspec.structs.replace(answer, forward=hops), UNWRAPPED).partition("Path there")[2]
    label = words.kind_words(kind)
    lines = [line for line in shown.partition("\n\n")[0].splitlines() if label in line]
    assert lines
    assert all(len(re.split(" {2,}", line.partition(label)[2].strip())) >= 2 for line in lines)
    assert len({line.index(label) + len(re.split(r"(?<=\S) {2,}", line.strip())[0]) for line in lines}) == 1


def test_a_pipe_gets_one_fact_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    stream = Stream()
    text.render(answers.blocked_on_return(), build_console(stream))
    assert (
        "  ✗ network ACL       acl-0d4e5f60718293041 (private)"
        "  egress rule 90 denies tcp/1024-65535 to 0.0.0.0/0  <- blocked here\n"
    ) in stream.getvalue()


def test_the_parts_together_are_the_report() -> None:
    for story in answers.STORIES.values():
        stream = Stream()
        text.render_verdict(story(), build_console(stream, False, 80))
        text.render_evidence(story(), build_console(stream, False, 80))
        assert stream.getvalue() == report(story())


def test_the_verdict_does_not_look_at_the_evidence() -> None:
    first, later = Stream(), Stream()
    text.render_verdict(answers.allowed(), build_console(first, False, 80))
    changed = msgspec.structs.replace(answers.allowed(), evidence=answers.confirms())
    text.render_verdict(changed, build_console(later, False, 80))
    assert first.getvalue() == later.getvalue()


def test_what_could_not_be_read_is_said_once() -> None:
    early = msgspec.structs.replace(answers.undetermined(), missing=["ec2:DescribeNetworkAcls: AccessDenied"])
    stream = Stream()
    text.render_verdict(early, build_console(stream, False, 80))
    text.render_evidence(answers.undetermined(), build_console(stream, False, 80), first=early)
    assert stream.getvalue().count("ec2:DescribeNetworkAcls: AccessDenied") == 1
    assert stream.getvalue().count("logs:FilterLogEvents: AccessDenied") == 1


@pytest.mark.parametrize(
    ("environment", "tty", "color", "colored"),
    [
        ({}, True, None, True),
        ({}, False, None, False),
        ({"NO_COLOR": "1"}, True, None, False),
        ({"NO_COLOR": ""}, True, None, True),
        ({"TERM": "dumb"}, True, None, False),
        ({"FORCE_COLOR": "1"}, False, None, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, None, False),
        ({"FORCE_COLOR": "1"}, True, False, False),
        ({"NO_COLOR": "1"}, False, True, True),
    ],
)
def test_when_there_is_colour(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], tty: bool, color: bool | None, colored: bool
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = Stream(tty)
    text.render(answers.blocked_on_return(), build_console(stream, color))
    assert ("\x1b[" in stream.getvalue()) is colored


@pytest.mark.parametrize(
    ("columns", "tty", "width"), [("", False, UNWRAPPED), ("72", False, 72), ("0", False, UNWRAPPED), ("", True, 80)]
)
def test_how_wide_it_is(monkeypatch: pytest.MonkeyPatch, columns: str, tty: bool, width: int) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert build_console(Stream(tty)).width == width


def test_wide_letters_count_as_two_cells() -> None:
    console = Console(file=io.StringIO(), width=80)
    lines = wrapped(console.render_str("東京 東京 東京", markup=False), 10, 0, 2)
    assert [line.plain for line in lines] == ["東京 東京", "  東京"]


def test_a_long_timeline_is_added_up() -> None:
    moments = [
        Moment(start=f"2026-11-23T{i // 60:02}:{i % 60:02}:00Z", accepted=0, rejected=1 if i < 60 else 0)
        for i in range(180)
    ]
    bars = timeline(moments, 60)
    assert bars is not None
    assert bars.span == "00:00 to 02:57 UTC, a column is 3 min"
    assert bars.rejected == "█" * 20 + "·" * 40


@pytest.mark.parametrize("counts", [[], [4], [0, 0]])
def test_no_timeline_where_there_is_nothing_to_see(counts: list[int]) -> None:
    assert timeline(answers.timeline(counts)) is None
