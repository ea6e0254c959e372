"""Where a text report goes: how wide, in which colours, and with which characters the stream can write."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import IO, TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

UNWRAPPED = 10_000  # the width of a pipe: one fact a line, for grep
PROSE = 100  # wider than this, sentences are hard to read

# One ASCII character for one that the stream can't write, so that columns stay aligned.
_PLAIN = {"✓": "+", "✗": "x", "·": "-", "…": "~", "–": "-", "’": "'", "×": "x", "▲": "!"}
# What a line never breaks: a word, a short quotation, or a number with the word before it that says of what.
_WORDS = re.compile(r'(\s*)("[^"]{1,40}"|<- \w+ \w+|(?:\(?(?:source )?(?:from|ports?|account|rule|type) )?\S+)')
_BARS = "▁▂▃▄▅▆▇█"
_PLAIN |= dict(zip(_BARS, "12345678", strict=True))


class Plain:
    """A stream without colours, as much of a console as a report needs: rich is loaded where there are some."""

    color_system = None

    def __init__(self, file: IO[str], width: int) -> None:
        self.file, self.width = file, width

    @property
    def encoding(self) -> str:
        """The characters that the stream can write."""
        return (getattr(self.file, "encoding", None) or "utf-8").lower()


Screen: TypeAlias = "Console | Plain"
"""Where a report goes."""


def build_console(stream: IO[str], color: bool | None = None, width: int | None = None) -> Screen:
    """A console on ``stream``. ``color`` True or False decides; None leaves it to the environment and the stream.

    No colour with NO_COLOR, TERM=dumb or in a pipe, unless FORCE_COLOR asks for it. Colours are the sixteen that a
    terminal's own theme defines. Without colour there are no escape sequences at all.
    """
    width = width or _width(stream)
    if not (_colored(stream) if color is None else color):
        return Plain(stream, width)
    from rich.console import Console

    return Console(
        file=stream,
        width=width,
        color_system="standard",
        force_terminal=True,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )


def _colored(stream: IO[str]) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")


def _width(stream: IO[str]) -> int:
    wished = os.environ.get("COLUMNS", "")
    if wished.isascii() and wished.isdigit() and int(wished) > 0:
        return int(wished)
    if not stream.isatty():
        return UNWRAPPED
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


Part = str | tuple[str, str]
"""Some of a line: a text, and its style where it has one."""

Line: TypeAlias = "str | Text"
"""A line: a text where it has no styles, or none that are shown."""


def say(screen: Screen, lines: Iterable[Line]) -> None:
    """Print ``lines`` as they are: never cropped, and in characters that the stream can write."""
    shown = [writable(line, screen.encoding) for line in lines]
    if isinstance(screen, Plain):
        screen.file.write("".join(f"{line if isinstance(line, str) else line.plain}\n" for line in shown))
        screen.file.flush()
        return
    from rich.text import Text

    texts = [Text(line) if isinstance(line, str) else line for line in shown]
    screen.print(Text("\n").join(texts), soft_wrap=True)


def writable(line: Line, encoding: str) -> Line:
    """``line`` with a plain character for each that ``encoding`` has not, its styles kept."""
    plain = line if isinstance(line, str) else line.plain
    if plain.isascii() or encoding.replace("-", "") == "utf8":
        return line
    plain = "".join(char if _encodes(char, encoding) else _PLAIN.get(char, "?") for char in plain)
    if isinstance(line, str):
        return plain
    line = line.copy()
    line.plain = plain
    return line


def _encodes(char: str, encoding: str) -> bool:
    try:
        char.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return char.isascii()
    return True


def laid(parts: Sequence[Part], width: int, first: int = 0, rest: int | None = None, *, plain: bool) -> Sequence[Line]:
    """The parts of a line put together, and broken as :func:`wrapped` does it; ``plain``: styles are not shown."""
    if plain:
        words = "".join([part if isinstance(part, str) else part[0] for part in parts]).rstrip()
        if first + 2 * len(words) <= width:  # a character takes at most two cells
            return (" " * first + words,)
    from rich.text import Text

    return wrapped(Text.assemble(*parts), width, first, rest)


def wrapped(text: Text, width: int, first: int = 0, rest: int | None = None) -> list[Text]:
    """``text`` in lines of ``width`` cells, indented by ``first`` and then ``rest``.

    Breaks at spaces only: an id, a rule or a list of ports that is too long for a line sticks out of it.
    """
    from rich.cells import cell_len

    rest = first if rest is None else rest
    breaks: list[int] = []
    used = first
    for word in _WORDS.finditer(text.plain):
        space, size = cell_len(word[1]), cell_len(word[2])
        if word.start() > 0 and used + space + size > width:
            breaks.append(word.start(2))
            used = rest + size
        else:
            used += space + size
    lines = list(text.divide(breaks))
    for number, line in enumerate(lines):
        line.rstrip()
        line.pad_left(rest if number else first)
    return lines
