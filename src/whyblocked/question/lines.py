"""Files of questions: one a line, with what it should be, and comments (contract, part 5).

``web-1 -> db:5432 --source-port 40000 allowed  # nightly report``
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from whyblocked.errors import UsageError
from whyblocked.network.asked import Question
from whyblocked.question.grammar import ARROW, parse, words_of
from whyblocked.text import clean

EXPECTATIONS = ("allowed", "blocked", "partial")
_OPTIONS = {
    "--protocol": "protocol",
    "--source-port": "source_port",
    "--icmp-type": "icmp_type",
    "--icmp-code": "icmp_code",
}
_BRACKETS = re.compile(r"[\[\]\\#]")


class Line(NamedTuple):
    """A line that asks something; ``question`` is None where it is none, and ``error`` says why.

    ``text`` is the question as it stands there, without what is ``expected`` behind it.
    """

    number: int
    text: str
    expected: str | None
    question: Question | None
    error: str | None


def read_lines(lines: Iterable[str]) -> Iterator[Line]:
    """The lines that ask something, numbered as in the file; empty ones and comments are left out."""
    for number, line in enumerate(lines, 1):
        text = without_comment(line.removeprefix("\ufeff") if number == 1 else line).strip()
        if text:
            yield read_line(number, text)


def read_line(number: int, text: str) -> Line:
    """One line without its comment."""
    expected = None
    try:
        words, options = _taken_apart(text)
        if words[-1].lower() in EXPECTATIONS and _is_question(words[:-1]):
            word = words.pop()
            expected, text = word.lower(), text.removesuffix(word).rstrip()
        return Line(number, text, expected, parse(" ".join(words), **options), None)
    except UsageError as error:
        return Line(number, text, expected, None, error.message)


def without_comment(line: str) -> str:
    """``line`` up to a ``#`` that stands outside of brackets."""
    depth = at = 0
    while match := _BRACKETS.search(line, at):
        at = match.end()
        if match[0] == "\\":
            at += bool(depth)  # what follows within brackets is just a character
        elif match[0] == "#":
            if not depth:
                return line[: match.start()]
        else:
            depth = max(0, depth + (1 if match[0] == "[" else -1))
    return line


def _taken_apart(text: str) -> tuple[list[str], dict[str, str]]:
    """The words of the question and its expectation, and the options."""
    words: list[str] = []
    options: dict[str, str] = {}
    found = iter(words_of(text))
    for word in found:
        if not word.startswith("--"):
            words.append(word)
            continue
        name, equals, value = word.partition("=")
        keyword = _OPTIONS.get(name)
        if keyword is None:
            raise UsageError(f"{clean(name, 40)} can't stand in a line, only {', '.join(_OPTIONS)}")
        if keyword in options:
            raise UsageError(f"{name} stands there twice")
        value = value if equals else next(found, "")
        if not value:
            raise UsageError(f"{name} has no value")
        options[keyword] = value
    return words or [""], options


def _is_question(words: list[str]) -> bool:
    """Whether these words name both ends, so that one behind them is an expectation and no endpoint's name."""
    if ARROW in words:
        return words[-1] != ARROW
    return len(words) == 2 if words[1:2] != ["to"] else len(words) == 3
