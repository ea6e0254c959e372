"""Bytes as they come from a file, in lists of whole lines: unpacked where they are gzip, in bounded memory."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from whyblocked.flowlogs.fields import Format

CHUNK = 1 << 18
MAX_LINE = 1 << 16  # no record comes near: the longest fields are a handful of ARNs and tags
TOO_LONG = f"a line of more than {MAX_LINE} bytes"
NO_RECORD = "not JSON"  # how the faults begin of what is no record at all
GZIP = b"\x1f\x8b"


class Lines(NamedTuple):
    """Some lines without their ends; ``first`` is the number of the first. ``fault`` says what ended or broke them:
    it stands for one line, ``first``, that can't be read, and ``lines`` is empty then. ``form`` is the format of these
    lines where their source tells it, as columns with names do. ``half``: nothing tells that the line, which is the
    last, is whole, as it has no end."""

    lines: list[bytes]
    first: int
    fault: str | None = None
    form: Format | None = None
    half: bool = False


class Readable(Protocol):
    """What bytes can be read from."""

    def read(self, size: int, /) -> bytes:
        """Some of the bytes that follow, none at the end."""


class Unread:
    """Chunks as a stream; those put back come first."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    def read(self, size: int, /) -> bytes:  # noqa: ARG002 - a chunk is as long as it is
        """The next chunk that is not empty."""
        return next((chunk for chunk in self._chunks if chunk), b"")


class Damaged(Exception):
    """The packed data ends or breaks in the middle; what came before is whole."""


def inflate(stream: Readable, head: bytes) -> Iterator[bytes]:
    """The contents of a gzip stream of any number of members, whose first bytes are ``head``."""
    data = head
    while data:
        member = before = zlib.decompressobj(wbits=31)
        try:
            while not member.eof and (data := data or stream.read(CHUNK)):
                before = member.copy()
                yield member.decompress(data, CHUNK)
                data = member.unconsumed_tail
            if not member.eof:
                yield member.flush()  # at most a few kilobytes that the input so far already stood for
        except zlib.error:
            yield from _saved(before, data)
            raise Damaged("the gzip data is damaged here") from None
        if not member.eof:
            raise Damaged("the gzip data ends in the middle (half-written or cut off)")
        data = member.unused_data.lstrip(b"\0")  # zeros are allowed behind a member, as gzip does
        while len(data) < len(GZIP) and (more := stream.read(CHUNK)):
            data = (data + more).lstrip(b"\0")
        if data and not data.startswith(GZIP):
            raise Damaged("something else follows the gzip data")


def _saved(member: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    """What can still be read of a chunk before the place where it is damaged."""
    with contextlib.suppress(zlib.error):
        for place in range(len(data)):
            yield member.decompress(data[place : place + 1])  # as a longer step that fails gives nothing


def plain(stream: Readable, head: bytes) -> Iterator[bytes]:
    """The bytes of a stream whose first ones, already read, are ``head``."""
    while head:
        yield head
        head = stream.read(CHUNK)


def contents(stream: Readable, head: bytes) -> Iterator[bytes]:
    """The bytes of a stream that begins with ``head``, unpacked where they are gzip."""
    is_gzip = head.startswith(GZIP) or (head != b"" and GZIP.startswith(head))  # cut off behind its first byte
    return inflate(stream, head) if is_gzip else plain(stream, head)


def split(chunks: Iterator[bytes]) -> Iterator[Lines]:
    """The lines in these chunks; one that is too long counts as one fault."""
    number, rest, skipping = 1, b"", False
    try:
        for chunk in chunks:
            lines = chunk.split(b"\n")
            if skipping and len(lines) > 1:
                del lines[0]
                skipping = False
                number += 1
            elif skipping:
                continue
            else:
                lines[0] = rest + lines[0]
            rest = lines.pop()
            if lines:
                yield from _short(lines, number)
                number += len(lines)
            if len(rest) > MAX_LINE:
                yield Lines([], number, TOO_LONG)
                rest, skipping = b"", True
    except Damaged as error:
        yield Lines([], number, str(error))
        return
    if rest and not skipping:
        yield Lines([rest], number, half=True)


def _short(lines: list[bytes], number: int) -> Iterator[Lines]:
    """``lines``, with those that are too long taken out as faults."""
    start = 0
    if max(map(len, lines)) > MAX_LINE:
        for index, line in enumerate(lines):
            if len(line) > MAX_LINE:
                yield Lines(lines[start:index], number + start)
                yield Lines([], number + index, TOO_LONG)
                start = index + 1
    yield Lines(lines[start:], number + start)
