"""Where output goes: the answer to standard output, everything else to standard error."""

from __future__ import annotations

import contextlib
import io
import os
import select
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn, TextIO

from whyblocked.text import clean

if TYPE_CHECKING:
    from whyblocked.report.console import Screen


def console(no_color: bool) -> Screen:
    """The console for reports on standard output."""
    from whyblocked.report.console import Plain, build_console

    stream = stdout()
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")  # a locale that lacks a character must not cost the report
    out = build_console(stream, False if no_color else None)
    if not isinstance(out, Plain):
        out.on_broken_pipe = _closed_pipe  # type: ignore[method-assign] # rich's own leaves with the status for "blocked"
    return out


def emit(document: str) -> None:
    """Write a document for programs, or for a file: as UTF-8, whatever the locale."""
    stream = stdout()
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="replace")
    stream.write(document)
    stream.flush()


def note(text: str) -> None:
    """A line on standard error: a warning, or what goes on."""
    if sys.stderr is not None:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def check_pipe() -> None:
    """Raise :class:`BrokenPipeError` where nobody reads standard output any more, though nothing is written now."""
    if not hasattr(select, "poll"):
        return
    poll = select.poll()
    with contextlib.suppress(OSError, ValueError):  # no file of the system's
        poll.register(stdout().fileno(), 0)
    if any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0)):
        raise BrokenPipeError


class Progress:
    """A line on the terminal that says how far reading is, and is gone when it is done."""

    def __init__(self, shown: bool) -> None:
        self._stream = sys.stderr if shown and sys.stderr is not None and sys.stderr.isatty() else None
        self._width = 0

    def told(self, location: str, records: int) -> None:
        """So many records were read of a location."""
        if self._stream is not None:
            line = f"reading {clean(location, 40)}: {records:,} records"
            self._stream.write(f"\r{line.ljust(self._width)}")
            self._stream.flush()
            self._width = len(line)

    def advise(self, text: str) -> None:
        """A line that stays."""
        self._clear()
        note(f"whyblocked: {clean(text, 1000)}")

    @property
    def confirm(self) -> Callable[[str], bool] | None:
        """Asks the user, whose answer is no unless it is yes; None where there is no terminal to ask at."""
        if sys.stdin is None or sys.stderr is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
            return None
        return self._confirmed

    def _confirmed(self, text: str) -> bool:
        self._clear()
        sys.stderr.write(f"whyblocked: {clean(text, 1000)}. Read it? [y/N] ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._clear()

    def _clear(self) -> None:
        if self._stream is not None and self._width:
            self._stream.write(f"\r{' ' * self._width}\r")
            self._stream.flush()
            self._width = 0


def _closed_pipe() -> NoReturn:
    raise BrokenPipeError


def stdout() -> TextIO:
    """Standard output; where it was closed before the program began, nothing is written anywhere."""
    if sys.stdout is None:
        sys.stdout = io.TextIOWrapper(io.FileIO(os.devnull, "w"), encoding="utf-8")
    return sys.stdout
