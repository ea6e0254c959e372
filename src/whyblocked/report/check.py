"""The answers to a file of questions: a table for people, JUnit XML for CI (JSON Lines are in ``report.json``)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from whyblocked.diagnosis.checked import Checked
from whyblocked.report.words import Mark, count_words
from whyblocked.text import clean

if TYPE_CHECKING:  # CI and JSON do without rich
    from rich.text import Text

    from whyblocked.report.console import Screen

_SIGNS: dict[Mark, tuple[str, str]] = {
    "yes": ("✓", "green"),
    "no": ("✗", "bold red"),
    "unknown": ("?", "bold magenta"),
    "pass": ("·", ""),
}
_HEAD = ("", "line", "question", "expected", "verdict")


def render(lines: Sequence[Checked], console: Screen) -> None:
    """The table, with the reason below each line that needs one, and the count at its end."""
    from rich.text import Text

    from whyblocked.report.console import say

    rows = [_row(line) for line in lines]
    widths = [max(len(cells[i]) for cells in (_HEAD, *(row for _, row in rows))) for i in range(len(_HEAD))]
    widths[2] = min(widths[2], max(20, console.width - sum(widths) + widths[2] - 8))  # a longer one has its own line
    table: list[Text] = [Text(_line(_HEAD, widths), "bold")]
    for line, (mark, cells) in zip(lines, rows, strict=True):
        table.extend(_table(line, mark, cells, widths, console.width))
    table.extend([Text(), Text(total(lines), "bold")])
    say(console, table)


def _row(line: Checked) -> tuple[Mark, tuple[str, ...]]:
    mark = mark_of(line)
    verdict: str = "no answer" if line.answer is None else line.answer.verdict
    if (was := changed_from(line)) is not None:
        verdict += f" (today {was})"
    return mark, (_SIGNS[mark][0], str(line.number), clean(line.text, 500), clean(line.expected or "-", 20), verdict)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    sign, number, question, expected, verdict = cells
    return (
        f"{sign:<{widths[0]}} {number:>{widths[1]}}  {question:<{widths[2]}}  {expected:<{widths[3]}}  {verdict}"
    ).rstrip()


def _table(line: Checked, mark: Mark, cells: tuple[str, ...], widths: list[int], width: int) -> Iterator[Text]:
    from rich.text import Text

    from whyblocked.report.console import wrapped

    indent = widths[0] + widths[1] + 3
    if len(cells[2]) > widths[2]:
        yield from wrapped(Text(f"{cells[0]} {cells[1]:>{widths[1]}}  {cells[2]}"), width, 0, indent)
        cells = ("", "", "", *cells[3:])
    text = Text(_line(cells, widths))
    if cells[0]:
        text.stylize(_SIGNS[mark][1], 0, 1)
    yield text
    why = reason(line)
    if why:
        yield from wrapped(Text(why, _SIGNS[mark][1].removeprefix("bold ")), width, indent)


def mark_of(line: Checked) -> Mark:
    """Whether the line holds; a line without expectation is only told, never judged."""
    if line.answer is None or (line.expected and line.answer.verdict == "undetermined"):
        return "unknown"
    return "pass" if line.holds is None else "yes" if line.holds else "no"


def changed_from(line: Checked) -> str | None:
    """The verdict of today where planned changes make it another one."""
    found = line.answer
    return found.before if found is not None and found.before not in (None, found.verdict) else None


def reason(line: Checked) -> str:
    """Why a line does not hold or has no answer; empty where nothing is to be said."""
    if line.answer is None:
        return clean(line.error or "no answer", 500)
    return clean(line.answer.summary, 500) if mark_of(line) in ("no", "unknown") else ""


def total(lines: Sequence[Checked]) -> str:
    """``12 questions: 9 hold, 2 do not, 1 without an answer``."""
    marks = [mark_of(line) for line in lines]
    errors = sum(line.answer is None for line in lines)
    counts = [
        (marks.count("yes"), "hold" if marks.count("yes") != 1 else "holds"),
        (marks.count("no"), "do not" if marks.count("no") != 1 else "does not"),
        (marks.count("unknown") - errors, "undetermined"),
        (marks.count("pass"), "without expectation"),
        (errors, "without an answer"),
    ]
    changed = sum(changed_from(line) is not None for line in lines)
    if any(line.answer is not None and line.answer.applied for line in lines):
        counts.append((changed, "other than today"))
    words = ", ".join(f"{count:,} {what}" for count, what in counts if count or what == "other than today")
    return count_words(len(lines), "question") + (f": {words}" if words else "")


# -- JUnit ------------------------------------------------------------------------------------------------------


def junit(lines: Sequence[Checked]) -> str:
    """JUnit XML: a test case a line.

    An expectation that does not hold is a failure; one that stays undetermined, and a line without an answer, is an
    error. A line without expectation passes, with its verdict as output.
    """
    suites = ElementTree.Element("testsuites", _counts(lines))
    suite = ElementTree.SubElement(suites, "testsuite", {"name": "whyblocked", **_counts(lines)})
    for line in lines:
        name = f"line {line.number}: {_xml(line.text)}"
        case = ElementTree.SubElement(suite, "testcase", {"classname": "whyblocked.check", "name": name, "time": "0"})
        _outcome(case, line)
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"


def _outcome(case: ElementTree.Element, line: Checked) -> None:
    mark = mark_of(line)
    if line.answer is None:
        _told(case, "error", "no answer", line.error or "no answer")
    elif mark == "unknown":
        _told(case, "error", "undetermined", line.answer.summary, line.answer.missing)
    elif mark == "no":
        blockers = [finding.summary for finding in line.answer.blockers]
        words = f"expected {line.expected}, is {line.answer.verdict}: {line.answer.summary}"
        _told(case, "failure", line.answer.verdict, words, blockers)
    else:
        out = ElementTree.SubElement(case, "system-out")
        out.text = _xml(f"{line.answer.verdict}: {line.answer.summary}")


def _told(case: ElementTree.Element, kind: str, type_: str, message: str, details: Sequence[str] = ()) -> None:
    element = ElementTree.SubElement(case, kind, {"type": type_, "message": _xml(message)})
    element.text = "\n".join(_xml(detail) for detail in (message, *details))


def _counts(lines: Sequence[Checked]) -> dict[str, str]:
    marks = [mark_of(line) for line in lines]
    return {
        "tests": str(len(lines)),
        "failures": str(marks.count("no")),
        "errors": str(marks.count("unknown")),
        "skipped": "0",
    }


def _xml(text: str) -> str:
    # XML 1.0 has no place for these two, even escaped; clean() has replaced all control characters and surrogates.
    return clean(text, 1000).replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")
