"""Flow logs that are still being written: a file that grows, or what comes through standard input."""

from __future__ import annotations

import io
import os
import select
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from whyblocked.errors import InputError
from whyblocked.flowlogs.blocks import CHUNK, GZIP, MAX_LINE, Lines, split
from whyblocked.flowlogs.fields import Format
from whyblocked.flowlogs.files import PARQUET, formats_of_text
from whyblocked.flowlogs.records import Parser, Record, Scan, Wanted
from whyblocked.text import clean

INTERVAL = 0.5  # seconds between two looks at a file

_PACKED = (GZIP, PARQUET)
AGAIN = b""  # in place of data: what follows is another file, or the same from its beginning


def follow(
    location: str,
    forms: Sequence[Format],
    wanted: Wanted,
    scan: Scan,
    stdin: BinaryIO | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[list[Record] | None]:
    """The wanted records of a growing text file, or of standard input (``-``), as they come; None: no more for now.

    A file is read from its beginning and never ends. One that takes its place, and one that is cut short, is read from
    its beginning as well, in the format that was known if it has no header line.
    """
    name = "standard input" if location == "-" else location
    reading = _Lines(name, forms, wanted, scan)
    scan.files += 1
    for data in _pipe(stdin) if location == "-" and stdin else _opened(location, sleep):
        if data is None:
            yield None
        elif data == AGAIN:
            yield reading.ended()
            reading.number = 1
        else:
            yield from reading.taken(data)
    yield reading.ended()


class _Lines:
    """Pieces of text put together to whole lines, and these to records."""

    def __init__(self, name: str, forms: Sequence[Format], wanted: Wanted, scan: Scan) -> None:
        self.name, self.forms, self.wanted, self.scan = name, forms, wanted, scan
        self.parser: Parser | None = None
        self.number = 1
        self._rest = b""

    def taken(self, data: bytes) -> Iterator[list[Record]]:
        """The records that are whole with this piece."""
        data = self._rest + data
        end = data.rfind(b"\n") + 1
        self._rest = data[end:][: MAX_LINE + 1]  # what is longer is no record, however it goes on
        if not end:
            if self.parser is None and (data.startswith(_PACKED) or len(data) > MAX_LINE):
                self._begin(data, [])
            return
        for block in split(iter([data[:end]])):
            yield self._read(block._replace(first=block.first + self.number - 1))
        self.number += data.count(b"\n", 0, end)

    def ended(self) -> list[Record]:
        """The record in a last line without an end."""
        rest, self._rest = self._rest, b""
        return self._read(Lines([rest], self.number, half=True)) if rest else []

    def _read(self, block: Lines) -> list[Record]:
        if self.parser is None:
            if not block.fault and not any(line.strip() for line in block.lines):
                return []
            self.parser = self._begin(b"\n".join([*block.lines, b""]), [block])
        return self.parser.read(block)

    def _begin(self, head: bytes, blocks: list[Lines]) -> Parser:
        forms = formats_of_text(head, blocks, self.name, self.forms)
        if forms is None:
            raise InputError(
                f"--follow: {clean(self.name)} is not lines of text: read it without --follow, as it stands now"
            )
        return Parser(self.name, forms, self.wanted, self.scan)


def _opened(location: str, sleep: Callable[[float], None]) -> Iterator[bytes | None]:
    """What a file holds and gets, as ``tail -F`` has it."""
    path = Path(location)
    try:
        if not path.exists() or path.is_dir():
            raise InputError(
                f"--follow: {clean(location)} is no file: it reads one file of text, or - for standard input"
            )
        stream = path.open("rb", buffering=0)
    except OSError as error:
        raise InputError(f"flow logs: {clean(location)}: {error.strerror or type(error).__name__}") from None
    except ValueError:  # a NUL in the name
        raise InputError(f"flow logs: {clean(location)!r} is no file name") from None
    try:
        if not stream.seekable():
            yield from _pipe(cast(BinaryIO, stream))
            return
        while True:
            while data := stream.read(CHUNK):
                yield data
            yield None
            sleep(INTERVAL)
            another = _another(path, stream)
            if another:
                while data := stream.read(CHUNK):  # written before the other took its place
                    yield data
                stream.close()
                stream = another
                yield AGAIN
            elif os.fstat(stream.fileno()).st_size < stream.tell():
                stream.seek(0)
                yield AGAIN
    finally:
        stream.close()


def _another(path: Path, stream: io.FileIO) -> io.FileIO | None:
    """The file that stands where the one that is read once stood, if it is another."""
    try:
        found, known = path.stat(), os.fstat(stream.fileno())
        return None if (found.st_dev, found.st_ino) == (known.st_dev, known.st_ino) else path.open("rb", buffering=0)
    except OSError:  # it is gone, for now
        return None


def _pipe(stream: BinaryIO) -> Iterator[bytes | None]:
    """What comes through a pipe until it is closed."""
    read = getattr(stream, "read1", stream.read)
    while True:
        if not _is_ready(stream):
            yield None
            continue
        data = read(CHUNK)
        if not data:
            return
        yield data


def _is_ready(stream: BinaryIO) -> bool:
    """Whether there is something to read, or it is at its end, before :data:`INTERVAL` is over."""
    try:
        return bool(select.select([stream], [], [], INTERVAL)[0])
    except (OSError, ValueError):  # nothing that can be waited for
        return True
