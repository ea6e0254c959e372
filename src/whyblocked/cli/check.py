"""``whyblocked check FILE``: many questions about one account, and whether the answers are what they should be."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from whyblocked.cli.options import AccountSettings, account_options, apply_option, output_options
from whyblocked.cli.what_if import read_planned
from whyblocked.errors import EndpointError, InputError, UsageError
from whyblocked.text import clean

if TYPE_CHECKING:
    from whyblocked.config.account import Account
    from whyblocked.config.planned import Planned
    from whyblocked.diagnosis.checked import Checked
    from whyblocked.question.lines import Line

HOLDS, FAILS, NO_QUESTION, UNDETERMINED = 0, 1, 2, 3


@click.command("check", short_help="Answer a file of questions.")
@click.argument("file")
@click.option("--junit", metavar="PATH", help="Write the result there as JUnit XML, too.")
@apply_option
@account_options
@output_options("text", "json")
def command(
    file: str,
    junit: str | None,
    apply: tuple[str, ...],
    settings: AccountSettings,
    output: str,
    no_color: bool,
) -> int:
    """Answer the questions in FILE (- for standard input), one a line.

    Behind a question may stand what it should be: allowed, blocked or partial. # begins a comment; --protocol,
    --source-port, --icmp-type and --icmp-code may stand in a line. With --apply, the answers are those after planned
    changes, and it is said which of them are others than today.

    Exit status: 0 every expectation holds, 1 one does not, 2 a line is no question, 3 one with an expectation stays
    undetermined, 4 AWS failed.
    """
    if file == "-" and "-" in apply:
        raise UsageError("check - and --apply -: standard input can be read once")
    from whyblocked.question.lines import read_lines

    lines = list(read_lines(read_file(file)))
    if not lines:
        from whyblocked.cli.output import note

        note(f"whyblocked: {'standard input' if file == '-' else clean(file)} holds no question: nothing was checked")
    planned = read_planned(apply) if apply else None
    for warning in (warning for plan in planned or () for warning in plan.warnings):
        from whyblocked.cli.output import note

        note(f"whyblocked: {warning}")
    told = output == "text" and sys.stdout is not None and sys.stdout.isatty()  # the table, on the same screen
    checking = Checking(settings.open(), planned, fixes=output == "json", notes=not told)
    if output == "json":
        from whyblocked.cli.output import emit
        from whyblocked.report.json import render_line

        checked = []
        for one in checking.run(lines):
            emit(render_line(one))
            checked.append(one)
    else:
        from whyblocked.cli.output import console
        from whyblocked.report.check import render

        checked = list(checking.run(lines))
        render(checked, console(no_color))
    if junit is not None:
        _write_junit(junit, checked)
    return checking.status


class Checking:
    """Answers lines one after another, as they would be after ``planned`` changes where there are some.

    ``status`` is the exit status after those that were answered. ``fixes``: lines that should be allowed and are not
    are answered with what would mend them. ``notes``: lines without an answer are told on standard error, too.
    """

    def __init__(
        self, account: Account, planned: list[Planned] | None = None, *, fixes: bool = False, notes: bool = True
    ) -> None:
        from whyblocked import api

        self._fixes, self._notes = fixes, notes
        self._session = api.Session(account) if planned is None else api.WhatIf(account, planned)
        self._seen: set[int] = set()

    @property
    def status(self) -> int:
        """A line that can't be answered outweighs one that fails, and that one outweighs one that can't be told."""
        return next((status for status in (NO_QUESTION, FAILS, UNDETERMINED) if status in self._seen), HOLDS)

    def run(self, lines: Iterable[Line]) -> Iterator[Checked]:
        """What becomes of each line, in their order."""
        for line in lines:
            yield self._check(line)

    def _check(self, line: Line) -> Checked:
        from whyblocked.diagnosis.checked import Checked

        if line.question is None:
            return self._failed(line, NO_QUESTION, line.error or "no question")
        try:
            answer = self._session.explain(line.question)
        except EndpointError as error:
            return self._failed(line, NO_QUESTION, _with_candidates(error))
        holds = None if line.expected is None else answer.verdict == line.expected
        if self._fixes and line.expected == "allowed" and holds is False:
            answer = self._session.fix(line.question, answer)
        if holds is False:
            self._seen.add(UNDETERMINED if answer.verdict == "undetermined" else FAILS)
        return Checked(number=line.number, text=line.text, expected=line.expected, holds=holds, answer=answer)

    def _failed(self, line: Line, status: int, error: str) -> Checked:
        from whyblocked.cli.output import note
        from whyblocked.diagnosis.checked import Checked

        self._seen.add(status)
        if self._notes:
            note(f"whyblocked: line {line.number}: {clean(error, 1000)}")
        return Checked(
            number=line.number, text=clean(line.text, 1000), expected=line.expected, error=clean(error, 1000)
        )


def _with_candidates(error: EndpointError) -> str:
    """The error with what an ambiguous name could have meant, on one line."""
    return " ".join((error.message, "; ".join(error.candidates))).strip()


def read_file(file: str) -> list[str]:
    """The lines of a file; bytes that are no text are kept, so that only their line is none."""
    name = "standard input" if file == "-" else clean(file)
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except (OSError, AttributeError) as error:
        raise InputError(f"{name}: can't be read: {getattr(error, 'strerror', None) or 'it is closed'}") from None
    except ValueError:  # a null character in the name
        raise InputError(f"{name}: no such file") from None
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{name}: is UTF-16; save it as UTF-8")
    return data.decode("utf-8", "surrogateescape").replace("\r\n", "\n").split("\n")


def _write_junit(path: str, checked: list[Checked]) -> None:
    from whyblocked.report.check import junit

    try:
        Path(path).write_text(junit(checked), encoding="utf-8", errors="replace")
    except (OSError, ValueError) as error:
        raise InputError(
            f"--junit {clean(path)}: can't be written: {getattr(error, 'strerror', None) or 'no such path'}"
        ) from None
