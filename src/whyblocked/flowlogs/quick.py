"""Large text files: the accepted lines are counted by how they end and never taken apart, the rejected ones parsed.

A chunk in which anything is unusual (a line of another width, an unknown word, a header, a number that is none) goes
through the parser of :mod:`whyblocked.flowlogs.records`, so the counts are the same. One thing is not looked at: the
numbers and addresses of an accepted record that has the right width and ends as one does.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from isal import isal_zlib
from isal.igzip_lib import IsalError
from numpy.typing import NDArray
from pyarrow import csv

from whyblocked.flowlogs.blocks import CHUNK, GZIP, MAX_LINE, Lines
from whyblocked.flowlogs.fields import Format, header_format
from whyblocked.flowlogs.records import Parser, Record, Scan, Wanted

_BATCH = 1 << 23  # bytes of rejected lines that are parsed at once
_DAMAGED = cast(type[Exception], IsalError)  # its stub does not say that it is one
_FEW = 64  # unusual lines in a chunk that are worth looking at one by one
_MILLISECONDS = 10**11
_REJECT = re.compile(rb"[ ]REJECT[ ]")
_WORDS = {word: int.from_bytes(word.encode(), "little") for word in (" ACCEPT ", " REJECT ", "- NODATA", "SKIPDATA")}
_OK = int.from_bytes(b" OK", "little")
_NUMBERS = {"dstport": "port", "protocol": "protocol", "packets": "packets", "bytes": "bytes", "start": "start",
            "end": "end", "tcp-flags": "flags", "srcport": "srcport"}  # fmt: skip
_TEXTS = {"interface-id": "interface", "srcaddr": "src", "dstaddr": "dst", "pkt-srcaddr": "pkt_src",
          "pkt-dstaddr": "pkt_dst", "flow-direction": "direction", "reject-reason": "reason", "subnet-id": "subnet",
          "vpc-id": "vpc", "resource-id": "resource"}  # fmt: skip
_ADDRESSES = ("src", "dst", "pkt_src", "pkt_dst")


class Unsuited(Exception):
    """The file is for the parser alone: damaged, with lines too long, or of an unsuited format."""


class Quick:
    """Reads one text file. ``tables`` are its rejected records as columns, ``records`` those that the parser found."""

    def __init__(self, name: str, form: Format, wanted: Wanted) -> None:
        self.scan = Scan()
        self.tables: list[pa.Table] = []
        self.records: list[Record] = []
        self._form = form
        self._width = len(form.names)
        self._tailed = form.names[-2:] == ("action", "log-status")
        at = form.names.index("action") if "action" in form.names else 0
        once = len(set(form.names)) == self._width
        if not (0 < at < self._width - 1 and once and "log-status" in form.names and not form.lacking):
            raise Unsuited
        self._parser = Parser(name, [form], wanted, self.scan)
        self._rejected: list[bytes] = []
        self._numbers: list[int] = []
        self._size = 0
        self._good: set[str] = {"-"}
        self._number = 1

    def read(self, path: Path) -> None:
        """Read the file; raises :class:`Unsuited` where the parser has to read it from the beginning."""
        with path.open("rb") as stream:
            rest = b""
            for chunk in _contents(stream):
                end = chunk.rfind(b"\n") + 1
                if not end:
                    rest += chunk
                    if len(rest) > MAX_LINE:
                        raise Unsuited
                    continue
                self._chunk(rest + chunk[:end])
                rest = chunk[end:]
            if rest:
                if len(rest) > MAX_LINE:
                    raise Unsuited
                self._slow([rest])
        self._flush()
        self.scan.files += 1

    def _chunk(self, chunk: bytes) -> None:
        """Some whole lines."""
        array = np.frombuffer(chunk, np.uint8)
        ends = np.flatnonzero(array == 10)
        found = self._by_tails(chunk, ends) if self._tailed else self._by_search(chunk, ends)
        odd = self._odd(chunk, ends, found[4]) if found else None
        spaces = (self._width - 1) * (len(ends) - sum(len(line.split()) != self._width for line in odd or []))
        spaces += sum(line.count(b" ") for line in odd or [] if len(line.split()) != self._width)
        if found is None or odd is None or np.count_nonzero(array == 32) != spaces:
            self._slow(chunk.split(b"\n")[:-1])
            return
        accepted, no_data, skipped, rejected, strange = found
        self.scan.accepted += accepted
        self.scan.no_data += no_data
        self.scan.skipped_data += skipped
        for line, place in zip(odd, strange.tolist(), strict=True):
            self.records += self._parser.read(Lines([line], self._number + place))
        if len(rejected):
            begins = np.where(rejected > 0, ends[rejected - 1] + 1, 0)
            lines = [chunk[a:b] for a, b in zip(begins.tolist(), (ends[rejected] + 1).tolist(), strict=True)]
            self._rejected += lines
            self._numbers += (rejected + self._number).tolist()
            self._size += int((ends[rejected] + 1 - begins).sum())
        self._number += len(ends)
        if self._size > _BATCH:
            self._flush()

    def _by_tails(
        self, chunk: bytes, ends: NDArray[np.int64]
    ) -> tuple[int, int, int, NDArray[np.int64], NDArray[np.int64]] | None:
        """Counts and places of lines that end in action and status: both are read at once as one number."""
        if len(ends) == 0 or ends[0] < 16:
            return None
        words: NDArray[np.uint64] = np.ndarray((len(chunk) - 7,), "<u8", chunk, 0, (1,))
        tails = words[ends - 10]
        last = words[ends - 8]
        fine = last >> np.uint64(48) == np.uint64(_OK >> 8)
        accepted = (tails == np.uint64(_WORDS[" ACCEPT "])) & fine
        rejected = (tails == np.uint64(_WORDS[" REJECT "])) & fine
        no_data = last == np.uint64(_WORDS["- NODATA"])
        skipped = last == np.uint64(_WORDS["SKIPDATA"])
        strange = np.flatnonzero(~(accepted | rejected | no_data | skipped))
        counts = (int(np.count_nonzero(kind)) for kind in (accepted, no_data, skipped))
        return (*counts, np.flatnonzero(rejected), strange)  # type: ignore[return-value]

    def _by_search(
        self, chunk: bytes, ends: NDArray[np.int64]
    ) -> tuple[int, int, int, NDArray[np.int64], NDArray[np.int64]] | None:
        """The same where the action stands further inside: what is not made up of whole, known lines is left."""
        accepted, no_data, skipped = (chunk.count(word) for word in (b" ACCEPT ", b"NODATA", b"SKIPDATA"))
        at = np.array([match.start() for match in _REJECT.finditer(chunk)], np.int64)
        rejected = np.searchsorted(ends, at)
        if accepted + no_data + skipped + len(at) != len(ends) or len(np.unique(rejected)) != len(at):
            return None
        return accepted, no_data, skipped, rejected, np.array([], np.int64)

    def _odd(self, chunk: bytes, ends: NDArray[np.int64], strange: NDArray[np.int64]) -> list[bytes] | None:
        """The unusual lines, or None where they are many or a header changes the format."""
        if len(strange) > _FEW:
            return None
        begins = np.where(strange > 0, ends[strange - 1] + 1, 0)
        lines = [chunk[a:b] for a, b in zip(begins.tolist(), ends[strange].tolist(), strict=True)]
        for line in lines:
            tokens = line.split()
            if len(line) > MAX_LINE:
                raise Unsuited
            if tokens and (header := header_format(tokens)) is not None and header != self._form:
                raise Unsuited
        return lines

    def _slow(self, lines: list[bytes]) -> None:
        """Lines that the parser reads, every one."""
        for line in lines:
            if len(line) > MAX_LINE:
                raise Unsuited
            if not line[:1].isdigit() and (tokens := line.split()):
                header = header_format(tokens)
                if header is not None and header != self._form:
                    raise Unsuited
        self.records += self._parser.read(Lines(lines, self._number))
        self._number += len(lines)

    def _flush(self) -> None:
        """Parse the rejected lines that have come together; where one of them is faulty, one by one."""
        if not self._rejected:
            return
        table = self._parsed(b"".join(self._rejected))
        if table is None or table.num_rows != len(self._rejected):
            for number, line in zip(self._numbers, self._rejected, strict=True):
                self.records += self._parser.read(Lines([line[:-1]], number))
        else:
            self.scan.rejected += table.num_rows
            self.tables.append(table)
        self._rejected, self._numbers, self._size = [], [], 0

    def _parsed(self, text: bytes) -> pa.Table | None:
        names = list(self._form.names)
        types = {name: pa.int64() for name in _NUMBERS} | {name: pa.string() for name in _TEXTS}
        kept = [name for name in names if name in types or name in ("action", "log-status")]
        if b'"' in text:
            return None
        try:
            table = csv.read_csv(
                pa.BufferReader(text),
                csv.ReadOptions(column_names=names, use_threads=False, block_size=_BATCH * 2),
                csv.ParseOptions(delimiter=" ", quote_char=False),
                csv.ConvertOptions(
                    column_types=types, include_columns=kept, null_values=["-"], strings_can_be_null=True
                ),
            )
        except pa.ArrowInvalid:
            return None
        actions, states = table.column("action"), table.column("log-status")
        if pc.any(pc.not_equal(actions, "REJECT")).as_py() or pc.any(pc.not_equal(states, "OK")).as_py():
            return None
        columns = {**_TEXTS, **_NUMBERS}
        table = table.select([name for name in kept if name in columns])
        table = table.rename_columns([columns[name] for name in table.column_names])
        return table if self._is_sound(table) else None

    def _is_sound(self, table: pa.Table) -> bool:
        """Whether addresses are addresses, numbers not negative, and times in seconds."""
        for name in (*_NUMBERS.values(), *_ADDRESSES):
            if name not in table.column_names:
                continue
            if name in _ADDRESSES:
                for text in pc.unique(table.column(name)).to_pylist():
                    if text is not None and text not in self._good and not self._is_address(text):
                        return False
                continue
            extremes = pc.min_max(table.column(name)).as_py()
            if (extremes["min"] or 0) < 0 or (name in ("start", "end") and (extremes["max"] or 0) >= _MILLISECONDS):
                return False
        return True

    def _is_address(self, text: str) -> bool:
        try:
            socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
        except (OSError, ValueError):
            return False
        self._good.add(text)
        return True


def _contents(stream: Any) -> Iterator[bytes]:
    """The bytes of the file, unpacked where it is gzip."""
    data = stream.read(CHUNK)
    if data.startswith(b"\xef\xbb\xbf"):  # a byte order mark is left to the parser
        raise Unsuited
    if not data.startswith(GZIP):
        while data:
            yield data
            data = stream.read(CHUNK)
        return
    try:
        while data:
            member = isal_zlib.decompressobj(wbits=31)
            while not member.eof and (data := data or stream.read(CHUNK)):
                yield member.decompress(data, CHUNK)
                data = member.unconsumed_tail
            if not member.eof:
                raise Unsuited
            data = member.unused_data.lstrip(b"\0")
            while len(data) < len(GZIP) and (more := stream.read(CHUNK)):
                data = (data + more).lstrip(b"\0")
            if data and not data.startswith(GZIP):
                raise Unsuited
    except _DAMAGED:
        raise Unsuited from None
