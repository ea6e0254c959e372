"""The table and the JUnit XML of ``check``."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import pytest

from tests.report import answers, goldens
from whyblocked.diagnosis.checked import Checked
from whyblocked.report import check
from whyblocked.report.console import UNWRAPPED, build_console

LINES = [
    Checked(number=3, text="203.0.113.5 -> i-abc:22", expected="allowed", holds=True, answer=answers.allowed()),
    Checked(
        number=4, text="203.0.113.5 -> web-2:22", expected="allowed", holds=False, answer=answers.blocked_on_return()
    ),
    Checked(number=5, text="203.0.113.5 -> i-abc", answer=answers.every_port()),
    Checked(number=7, text="203.0.113.5 -> nobody:22", error="line 7: nothing is called 'nobody'"),
    Checked(
        number=12,
        text="2001:db8:1234:5678:9abc:def0:1234:5678 -> [a-load-balancer/with-a-long-name]:8000-8100/tcp",
        expected="allowed",
        holds=False,
        answer=answers.undetermined(),
    ),
]


def table(lines: list[Checked], width: int = 80, color: bool = False) -> str:
    stream = io.StringIO()
    check.render(lines, build_console(stream, color, width))
    return stream.getvalue()


def cases(lines: list[Checked]) -> list[ElementTree.Element]:
    return ElementTree.fromstring(check.junit(lines)).findall("testsuite/testcase")


@pytest.mark.parametrize("width", [80, 120])
def test_the_table(width: int) -> None:
    goldens.check(f"check.{width}.txt", table(LINES, width))


def test_a_pipe_gets_one_line_a_question() -> None:
    rows = [line for line in table(LINES, UNWRAPPED).splitlines() if " -> " in line]
    assert [row.split()[1] for row in rows] == ["3", "4", "5", "7", "12"]
    assert rows[-1].endswith("allowed   undetermined")


def test_signs_are_coloured() -> None:
    assert "\x1b[1;31m✗\x1b[0m" in table(LINES, color=True)


def test_no_questions() -> None:
    assert table([]).splitlines()[-1] == "0 questions"
    assert cases([]) == []


@pytest.mark.parametrize(
    ("lines", "total"),
    [
        (LINES, "5 questions: 1 holds, 1 does not, 1 undetermined, 1 without expectation, 1 without an answer"),
        (LINES[:1], "1 question: 1 holds"),
        (LINES[:1] * 2 + LINES[1:2] * 2, "4 questions: 2 hold, 2 do not"),
    ],
)
def test_the_count(lines: list[Checked], total: str) -> None:
    assert check.total(lines) == total


def test_junit() -> None:
    goldens.check("check.junit.xml", check.junit(LINES))


def test_junit_counts_and_outcomes() -> None:
    suite = ElementTree.fromstring(check.junit(LINES)).find("testsuite")
    assert suite is not None
    assert suite.attrib == {"name": "whyblocked", "tests": "5", "failures": "1", "errors": "2", "skipped": "0"}
    assert [case[0].tag for case in cases(LINES)] == ["system-out", "failure", "system-out", "error", "error"]


def test_junit_has_nothing_that_xml_has_not() -> None:
    text = "a\x00b\x1bc\ufffed\uffffe\ud800f\u202eg<&\"'>]]>\n"
    line = Checked(number=1, text=text, expected="allowed", holds=False, answer=answers.hostile(text))
    document = check.junit([line, Checked(number=2, text=text, error=text)])
    names = [case.get("name") for case in cases([line])]
    assert names == ["line 1: a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf\ufffdg<&\"'>]]>\ufffd"]
    ElementTree.fromstring(document)
