"""Making the line that people type work: ``whyblocked 203.0.113.5 -> i-abc:22``, without quotes.

A shell reads ``-> i-abc:22`` as an argument ``-`` and "standard output goes to the file i-abc:22", and makes that
file. So where the arguments end in ``-``, name only one end, and standard output is an empty file that was made this
moment, the name of the file is the destination: the file is removed, and what would have gone into it goes to the
terminal. In any other case nothing is touched, and the question has to be typed with quotes.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from whyblocked.errors import UsageError
from whyblocked.text import clean

STDOUT, STDERR = 1, 2
JUST_NOW = 10.0  # seconds from when the shell made the file until this runs, on a slow machine


def recover(arguments: list[str], places: Sequence[int], program: str = "whyblocked") -> list[str]:
    """``arguments``, with the destination that the shell took for a file; unchanged where it did not.

    ``places`` are those of the arguments that are no options, ``program`` is what was typed before them. Raises
    :class:`UsageError` where the question ends in a dash and the destination can't be told.
    """
    source = _source([arguments[place] for place in places])
    if source is None:
        return arguments
    way_out = _quoted(program, source)
    try:
        found = os.fstat(STDOUT)
        regular = stat.S_ISREG(found.st_mode) and sys.stdout is not None and sys.stdout.fileno() == STDOUT
    except (OSError, ValueError):
        regular = False
    if not regular:
        raise UsageError(f"'{clean(source)} -' has no destination; {way_out}")
    if found.st_size or _appends():
        raise UsageError(f"standard output goes to a file that holds data or is appended to; {way_out}")
    path = _path_of_stdout()
    name = path.name if path is not None and _is_here(path, found) else None
    if path is None or name is None:
        raise UsageError(f"what the shell made of the arrow can't be undone here; {way_out}")
    way_out = _quoted(program, source, name)
    if not _is_new(found):
        raise UsageError(f"the file '{clean(name)}' was there before, so it is left alone: remove it, or {way_out}")
    _print_elsewhere(found, way_out, name)
    try:
        if _is_here(path, found):
            path.unlink()
    except OSError as error:
        sys.stderr.write(f"whyblocked: the empty file '{clean(name)}' could not be removed: {error.strerror}\n")
    at = places[-1]
    head = arguments[at][:-1]
    return [*arguments[:at], *([head] if head else []), "→", name, *arguments[at + 1 :]]


def _source(words: Sequence[str]) -> str | None:
    """The one end that the words name before a last dash, or None where they are no such question."""
    if not words or not words[-1].endswith("-"):
        return None
    from whyblocked.question.grammar import ARROW, words_of

    try:
        found = words_of(" ".join(words)[:-1])
    except UsageError:
        return None
    return found[0] if len(found) == 1 and found[0] != ARROW else None


def _quoted(program: str, source: str, name: str = "i-abc:22") -> str:
    return f"type it with quotes: {program} '{clean(source)} -> {clean(name)}'"


# -- the file ------------------------------------------------------------------------------------------------------


def _appends() -> bool:
    """Whether the file was opened with ``>>``: then nobody meant an arrow."""
    import fcntl

    return bool(fcntl.fcntl(STDOUT, fcntl.F_GETFL) & os.O_APPEND)


def _path_of_stdout() -> Path | None:
    """The path of the file that standard output goes to, as the system knows it."""
    try:
        if sys.platform == "darwin":
            import fcntl

            answer = fcntl.fcntl(STDOUT, fcntl.F_GETPATH, bytes(1024))
            return Path(os.fsdecode(answer.rstrip(b"\0")))
        return Path(f"/proc/self/fd/{STDOUT}").readlink()
    except OSError:
        return None


def _is_here(path: Path, found: os.stat_result) -> bool:
    """Whether the path still leads to that very file, by no link, and it lies in the current folder.

    In another folder the destination's name would have held a slash, which no destination has outside of brackets.
    """
    try:
        same = os.path.samestat(path.lstat(), found)
        return same and path.parent.samefile(Path())
    except OSError:
        return False


def _is_new(found: os.stat_result) -> bool:
    """Whether the shell has just made the file, and not only emptied one that was there.

    Making a file sets all its times to one moment; emptying it leaves the older ones. One with a second name
    is not new either.
    """
    now = time.time()
    if found.st_nlink != 1 or not -1 <= now - found.st_ctime <= JUST_NOW:
        return False
    birth: float | None = getattr(found, "st_birthtime", None)  # macOS
    if birth is not None:
        return abs(found.st_mtime - birth) < 0.001
    return found.st_atime_ns == found.st_mtime_ns == found.st_ctime_ns


def _print_elsewhere(found: os.stat_result, way_out: str, name: str) -> None:
    """Let standard output go to the terminal, or where there is none, to standard error."""
    try:
        terminal: int | None = os.open("/dev/tty", os.O_WRONLY | os.O_NOCTTY)
    except OSError:
        terminal = None
    try:
        taken = os.path.samestat(os.fstat(STDERR), found)  # 2>&1
    except OSError:
        taken = True
    if terminal is None and taken:
        raise UsageError(f"there is nothing to print on but the file '{clean(name)}'; {way_out}")
    os.dup2(STDERR if terminal is None else terminal, STDOUT)
    if terminal is not None:
        if taken:
            os.dup2(terminal, STDERR)
        os.close(terminal)
    # The stream is made anew: the old one takes its descriptor for a file that can seek.
    sys.stdout = os.fdopen(STDOUT, "w", buffering=1, encoding=sys.stdout.encoding, closefd=False)
