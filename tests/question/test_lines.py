"""Files of questions, a line at a time."""

from __future__ import annotations

import pytest

from whyblocked.question.lines import read_line, read_lines, without_comment


@pytest.mark.parametrize(
    ("text", "expected", "destination"),
    [
        ("a -> b:22 allowed", "allowed", "b"),
        ("a -> b:22 BLOCKED", "blocked", "b"),
        ("a b partial", "partial", "b"),
        ("a to b allowed", "allowed", "b"),
        ("a->b allowed", "allowed", "b"),
        ("a -> b", None, "b"),
        ("a -> blocked", None, "blocked"),
        ("a -> blocked blocked", "blocked", "blocked"),
        ("a blocked", None, "blocked"),
        ("a to blocked", None, "blocked"),
        ("blocked allowed partial", "partial", "allowed"),
        ("a [allowed] allowed", "allowed", "allowed"),
    ],
)
def test_expectations(text: str, expected: str | None, destination: str) -> None:
    line = read_line(3, text)
    assert (line.number, line.error, line.expected) == (3, None, expected)
    assert line.question is not None
    assert line.question.destination == destination


def test_options_stand_anywhere() -> None:
    for text in (
        "a -> b --protocol udp --source-port=53 blocked",
        "--protocol=udp a -> b blocked --source-port 53",
    ):
        line = read_line(1, text)
        assert line.question is not None
        assert (line.question.protocol, line.question.source_ports, line.expected) == (17, (53, 53), "blocked")
    icmp = read_line(1, "a b/icmp --icmp-type 3 --icmp-code 4 allowed").question
    assert icmp is not None
    assert (icmp.icmp_type, icmp.icmp_code) == (3, 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "no destination"),
        ("a allowed allowed allowed", "one word too many"),
        ("a -> b denied", "one word too many: 'denied'"),
        ("a -> allowed allowed allowed", "one word too many"),
        ("a -> b:0 allowed", "port 0"),
        ("a -> b --region eu-west-1", "--region can't stand in a line"),
        ("a -> b --protocol", "--protocol has no value"),
        ("a -> b --protocol=", "--protocol has no value"),
        ("a -> b --protocol udp --protocol udp", "stands there twice"),
        ("--protocol udp", "nothing is asked"),
        ("a -> [b", "not closed"),
        ("a -> b\udce9", "no text"),
    ],
)
def test_a_line_that_is_no_question(text: str, message: str) -> None:
    line = read_line(7, text)
    assert line.question is None
    assert message in (line.error or "")


def test_comments_and_numbers() -> None:
    lines = list(read_lines(["\ufeff# head", "", "a b  # tail", "  ", "a [b#1]:22 allowed#x", "\t# only", "c d\r"]))
    assert [(line.number, line.text, line.expected) for line in lines] == [
        (3, "a b", None),
        (5, "a [b#1]:22", "allowed"),
        (7, "c d", None),
    ]


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("a#b", "a"),
        ("[a#b] #", "[a#b] "),
        (r"[a\]#b]#c", r"[a\]#b]"),
        ("[a[#]#]#", "[a[#]#]"),
        ("]#", "]"),
        (r"\#", "\\"),
    ],
)
def test_where_a_comment_begins(line: str, kept: str) -> None:
    assert without_comment(line) == kept
