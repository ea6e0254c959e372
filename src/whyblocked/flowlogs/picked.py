"""Large files read for a few interfaces: their records go to the parser, all others are counted by what they are.

A chunk in which anything is unusual (a line of another width, an unknown word, a tab) goes through the parser of
:mod:`whyblocked.flowlogs.records` as a whole, so the counts are the same. One thing is not looked at: the numbers and
addresses of records of other interfaces.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from whyblocked.flowlogs.blocks import MAX_LINE, Lines
from whyblocked.flowlogs.fields import Format, header_format
from whyblocked.flowlogs.files import form_of, read_file
from whyblocked.flowlogs.quick import Unsuited, unpacked
from whyblocked.flowlogs.records import Parser, Record, Scan
from whyblocked.flowlogs.sinks import File

Column = NDArray[Any]

_CHUNK = 1 << 20  # bytes of text that are looked at in one go
_SPACE, _END, _DASH = 32, 10, ord("-")
_WORD = 8
_FEW = 64  # unusual lines in a chunk that are worth looking at one by one
_KINDS = ("accepted", "rejected", "no_data", "skipped_data")
_THREADS = 2
_WAITING = 6  # files that were taken, and not read yet: they may be held on the disk for us alone


def _word(text: str) -> np.uint64:
    return np.uint64(int.from_bytes(text.encode(), "little"))


class Picking:
    """Reads files in the background, two at a time, in the order in which they were taken."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="records")
        self._room = threading.BoundedSemaphore(_THREADS + _WAITING)
        self._taken: deque[tuple[Future[tuple[Scan, list[Record]]], File]] = deque()

    def take(self, file: File) -> bool:
        """Whether the file is read here."""
        form = form_of(file.path, file.forms)
        if form is None or form.lacking or not file.wanted.interfaces:
            return False
        self._room.acquire()
        self._taken.append((self._pool.submit(self._finish, file, form), file))
        return True

    def _finish(self, file: File, form: Format) -> tuple[Scan, list[Record]]:
        try:
            return _read(file, form)
        finally:
            file.release()
            self._room.release()

    def next(self) -> tuple[Scan, list[Record], str] | None:
        """The counts, the records and the location of the next file; None where none is left."""
        if not self._taken:
            return None
        future, file = self._taken.popleft()
        scan, records = future.result()
        return scan, records, file.location

    def close(self) -> None:
        """Stop."""
        self._pool.shutdown(cancel_futures=True)


def _read(file: File, form: Format) -> tuple[Scan, list[Record]]:
    try:
        picked = Picked(file, form)
        picked.read()
    except Unsuited:
        scan = Scan()
        return scan, [record for records in read_file(file, scan) for record in records]
    return picked.scan, picked.records


class Chunk(NamedTuple):
    """Some whole lines: their bytes, the eight bytes from each on as a number, where each line begins, and where its
    fields end (a row a line); ``kinds`` are which lines are accepted, rejected, without data and skipped.
    """

    array: NDArray[np.uint8]
    words: NDArray[np.uint64]
    begins: Column
    lines: Column
    kinds: tuple[Column, ...]

    def field(self, place: int) -> tuple[Column, Column]:
        """Where a field begins and ends in every line."""
        return self.begins if place == 0 else self.lines[:, place - 1] + 1, self.lines[:, place]

    def is_dash(self, place: int) -> Column:
        """In which lines a field is absent."""
        begins, ends = self.field(place)
        found: Column = (ends - begins == 1) & (self.array[begins] == _DASH)
        return found


class Picked:
    """One text file, of which the lines of some interfaces are parsed."""

    def __init__(self, file: File, form: Format) -> None:
        fields = ("action", "log-status", "interface-id")
        once = len(set(form.names)) == len(form.names) > 1
        if not (once and all(field in form.names for field in fields)):
            raise Unsuited
        self.scan = Scan()
        self.records: list[Record] = []
        self._file, self._form = file, form
        self._action, self._status, self._interface = (form.names.index(field) for field in fields)
        self._parser = Parser(file.name, [form], file.wanted, self.scan)
        self._number = 1
        self._prepare()

    def _prepare(self) -> None:
        """Know the interfaces by how they end; :class:`Unsuited` where that tells too little."""
        names = sorted(name.encode() for name in self._file.wanted.interfaces)
        if min(map(len, names)) < _WORD:
            raise Unsuited
        self._tails = np.array([int.from_bytes(name[-_WORD:], "little") for name in names], np.uint64)

    def _is_ours(self, chunk: Chunk) -> Column:
        """Which of the lines may be wanted: the parser looks again."""
        begins, ends = chunk.field(self._interface)
        ours = (ends - begins >= _WORD) & np.isin(chunk.words[np.maximum(ends - _WORD, 0)], self._tails)
        found: Column = ours | chunk.is_dash(self._interface)
        return found

    def read(self) -> None:
        with self._file.path.open("rb") as stream:
            waiting, size = [], 0
            for part in unpacked(stream):
                waiting.append(part)
                size += len(part)
                if size < _CHUNK:
                    continue
                rest = self._whole_lines(b"".join(waiting))
                waiting, size = [rest], len(rest)
            if rest := self._whole_lines(b"".join(waiting)):
                self._slow([rest])
        self.scan.files = 1

    def _whole_lines(self, text: bytes) -> bytes:
        """Read the lines that have an end, and give back what follows."""
        end = text.rfind(b"\n") + 1
        if len(text) - end > MAX_LINE:
            raise Unsuited
        if end:
            self._chunk(text[:end])
        return text[end:]

    def _chunk(self, chunk: bytes) -> None:
        """Some whole lines."""
        array = np.frombuffer(chunk, np.uint8)
        gaps = np.flatnonzero(array <= _SPACE)
        width = len(self._form.names)
        ends = gaps[width - 1 :: width]
        usual = len(gaps) % width == 0 and (array[ends] == _END).all() and np.count_nonzero(array[gaps] == _SPACE)
        if not usual or usual != len(gaps) - len(ends) or array[0] <= _SPACE or (np.diff(gaps) == 1).any():
            self._slow(chunk.split(b"\n")[:-1])
            return
        words: NDArray[np.uint64] = np.ndarray((len(chunk),), "<u8", chunk + bytes(_WORD), 0, (1,))
        lines = gaps.reshape(-1, width)
        begins = np.concatenate([[0], ends[:-1] + 1])
        found = Chunk(array, words, begins, lines, ())
        action, status = found.field(self._action), found.field(self._status)
        fine, no_data, skipped = (_is(words, *status, text) for text in ("OK", "NODATA", "SKIPDATA"))
        kinds = (fine & _is(words, *action, "ACCEPT"), fine & _is(words, *action, "REJECT"), no_data, skipped)
        strange = ~np.logical_or.reduce(kinds)
        if np.count_nonzero(strange) > _FEW:
            self._slow(chunk.split(b"\n")[:-1])
            return
        ours = self._is_ours(found._replace(kinds=kinds))
        for name, kind in zip(_KINDS, kinds, strict=True):
            setattr(self.scan, name, getattr(self.scan, name) + int(np.count_nonzero(kind & ~ours)))
        for place in np.flatnonzero(ours | strange).tolist():
            self._line(chunk[int(begins[place]) : int(ends[place])], self._number + place)
        self._number += len(ends)

    def _line(self, line: bytes, number: int) -> None:
        """A line that the parser reads."""
        tokens = line.split()
        if len(line) > MAX_LINE or (tokens and (header_format(tokens) or self._form) != self._form):
            raise Unsuited
        self.records += self._parser.read(Lines([line], number))

    def _slow(self, lines: list[bytes]) -> None:
        for place, line in enumerate(lines):
            self._line(line, self._number + place)
        self._number += len(lines)


def _is(words: NDArray[np.uint64], begins: Column, ends: Column, text: str) -> Column:
    """In which lines a field is this text of at most eight characters."""
    mask = np.uint64((1 << 8 * len(text)) - 1)
    found: Column = (ends - begins == len(text)) & (words[begins] & mask == _word(text))
    return found
