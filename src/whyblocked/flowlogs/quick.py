"""Large text files: the accepted lines are counted by how they end and never taken apart, the rejected ones parsed.

A chunk in which anything is unusual (a line of another width, an unknown word, a header, a number that is none) goes
through the parser of :mod:`whyblocked.flowlogs.records`, so the counts are the same. One thing is not looked at: the
numbers and addresses of a record that was accepted, or without data, and has the right width.
"""

from __future__ import annotations

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

from whyblocked.flowlogs.blocks import GZIP, MAX_LINE, Lines
from whyblocked.flowlogs.coding import Addresses
from whyblocked.flowlogs.fields import HIGHEST, Format, header_format
from whyblocked.flowlogs.records import PLACES, Parser, Record, Scan, Wanted

CHUNK = 1 << 20  # bytes of text that are looked at in one go
_PACKED = 1 << 18  # bytes of gzip that are read in one go
_BATCH = 1 << 23  # bytes of rejected lines that are parsed at once
_DAMAGED = cast(type[Exception], IsalError)  # its stub does not say that it is one
_FEW = 256  # unusual lines in a chunk that are worth looking at one by one
_MILLISECONDS = 10**11
_SPACE, _END = ord(" "), ord("\n")
_TAIL = 16  # bytes that a line has at least, where its end is read as a number
_UP_TO = np.array([(2 << bit) - 1 for bit in range(64)], np.uint64)
NUMBERS = {"dstport": "port", "protocol": "protocol", "packets": "packets", "bytes": "bytes", "start": "start",
            "end": "end", "tcp-flags": "flags", "srcport": "srcport"}  # fmt: skip
TEXTS = {"interface-id": "interface", "srcaddr": "src", "dstaddr": "dst", "pkt-srcaddr": "pkt_src",
          "pkt-dstaddr": "pkt_dst", "flow-direction": "direction", "reject-reason": "reason", "subnet-id": "subnet",
          "vpc-id": "vpc", "resource-id": "resource"}  # fmt: skip
_CODED = pa.dictionary(pa.int32(), pa.string())
_HIGHEST = {NUMBERS[name]: highest for name, highest in HIGHEST.items()}
ADDRESSES = ("src", "dst", "pkt_src", "pkt_dst")


Bytes = NDArray[np.uint8]
Places = NDArray[np.int64]
Truths = NDArray[np.bool_]
Kinds = tuple[Truths, Truths, Truths, Truths]  # which lines are accepted, rejected, without data, skipped


def _word(text: str) -> np.uint64:
    """A text of at most eight characters as the number that its bytes are read as."""
    return np.uint64(int.from_bytes(text.encode(), "little"))


_OK, _NO_DATA, _SKIPPED = _word("OK"), _word("- NODATA"), _word("SKIPDATA")
_ACCEPTED, _REJECTED = _word(" ACCEPT "), _word(" REJECT ")


class Unsuited(Exception):
    """The file is for the parser alone: damaged, with lines too long, or of an unsuited format."""


class Quick:
    """Reads one text file. ``tables`` are its rejected records as columns, ``records`` those that the parser found."""

    def __init__(self, name: str, form: Format, wanted: Wanted, addresses: Addresses) -> None:
        self.scan = Scan()
        self.tables: list[pa.Table] = []
        self.records: list[Record] = []
        self._form = form
        self._width = len(form.names)
        self._tailed = form.names[-2:] == ("action", "log-status")
        at = form.names.index("action") if "action" in form.names else 0
        once = len(set(form.names)) == self._width
        status = form.names.index("log-status") if "log-status" in form.names else 0
        if not (at > 0 and status > 0 and once and not form.lacking):
            raise Unsuited
        self._action, self._status = at, status
        self._parser = Parser(name, [form], wanted, self.scan)
        self._late = Scan()  # of rejected lines, which are looked at after those that follow them
        self._late_parser = Parser(name, [form], wanted, self._late)
        self._rejected: list[bytes] = []
        self._numbers: list[Places] = []
        self._size = 0
        self._addresses = addresses
        self._number = 1

    def read(self, path: Path) -> None:
        """Read the file; raises :class:`Unsuited` where the parser has to read it from the beginning."""
        with path.open("rb") as stream:
            rest = b""
            for chunk in unpacked(stream):
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
        places = sorted(self.scan.places + self._late.places, key=self._number_of)
        merge(self.scan, self._late)
        self.scan.places = places[:PLACES]
        self.scan.files += 1

    def _number_of(self, place: str) -> int:
        """The number of the line that the place of a fault names."""
        return int(place[len(self._parser.name) + 1 :].partition(":")[0])

    def _chunk(self, chunk: bytes) -> None:
        """Some whole lines."""
        array = np.frombuffer(chunk, np.uint8)
        ends = np.flatnonzero(array < _SPACE)
        usual = (array[ends] == _END).all() and array[0] > _SPACE  # no other control character, no space in front
        found = (self._by_tails if self._tailed else self._by_fields)(chunk, array, ends) if usual else None
        if found is None:
            self._slow(chunk.split(b"\n")[:-1])
            return
        if (ends[1:] - ends[:-1]).max(initial=ends[0]) > MAX_LINE:
            raise Unsuited
        accepted, rejected, no_data, skipped = found
        counts = [int(np.count_nonzero(kind)) for kind in found]
        if sum(counts) < len(ends):
            strange = np.flatnonzero(~(accepted | rejected | no_data | skipped))
            odd = self._odd(chunk, ends, strange)
            if odd is None:
                self._slow(chunk.split(b"\n")[:-1])
                return
            for line, place in zip(odd, strange.tolist(), strict=True):
                self.records += self._parser.read(Lines([line], self._number + place))
        self.scan.accepted += counts[0]
        self.scan.no_data += counts[2]
        self.scan.skipped_data += counts[3]
        refused = np.flatnonzero(rejected)
        if len(refused):
            begins = np.where(refused > 0, ends[refused - 1] + 1, 0)
            afters = ends[refused] + 1
            self._rejected += [chunk[a:b] for a, b in zip(begins.tolist(), afters.tolist(), strict=True)]
            self._numbers.append(refused + self._number)
            self._size += int((afters - begins).sum())
        self._number += len(ends)
        if self._size > _BATCH:
            self._flush()

    def _by_tails(self, chunk: bytes, array: Bytes, ends: Places) -> Kinds | None:
        """Kinds of lines that end in action and status: both are read at once as one number."""
        whole = self._whole(array, ends)
        if whole is None or len(chunk) < _TAIL or ends[0] < _TAIL:
            return None
        words: NDArray[np.uint64] = np.ndarray((len(chunk) - 7,), "<u8", chunk, 0, (1,))
        last, tails = words[ends - 8], words[ends - 10]
        fine = last >> np.uint64(48) == _OK
        kinds = (
            fine & (tails == _ACCEPTED),
            fine & (tails == _REJECTED),
            last == _NO_DATA,
            (last == _SKIPPED) & (tails >> np.uint64(8) & np.uint64(255) == np.uint64(_SPACE)),
        )
        return kinds if whole.all() else tuple(kind & whole for kind in kinds)

    def _whole(self, array: Bytes, ends: Places) -> Truths | None:
        """Which lines have as many fields as the format; None where two spaces meet, or one a line's end.

        A bit stands for a byte, set where a field ends, and the bits of each line are counted.
        """
        bits = np.packbits(array <= _SPACE, bitorder="little")
        words = np.zeros(len(bits) // 8 + 1, "<u8")
        words.view(np.uint8)[: len(bits)] = bits
        if (words & words << np.uint64(1)).any() or (words[:-1] >> np.uint64(63) & words[1:] & np.uint64(1)).any():
            return None
        counts = np.bitwise_count(words)
        before = np.cumsum(counts, dtype=np.int64) - counts
        at = ends >> 6
        upto = before[at] + np.bitwise_count(words[at] & _UP_TO[ends & 63])
        found: Truths = np.empty(len(ends), bool)
        found[0] = upto[0] == self._width
        np.equal(upto[1:] - upto[:-1], self._width, out=found[1:])
        return found

    def _by_fields(self, chunk: bytes, array: Bytes, ends: Places) -> Kinds | None:
        """The same where action and status stand elsewhere: every field's place is found."""
        gaps = np.flatnonzero(array <= _SPACE)
        if len(gaps) != self._width * len(ends) or (gaps[self._width - 1 :: self._width] != ends).any():
            return None
        if (np.diff(gaps) == 1).any():
            return None
        words: NDArray[np.uint64] = np.ndarray((len(chunk),), "<u8", chunk + bytes(8), 0, (1,))
        lines = gaps.reshape(-1, self._width)

        def is_field(place: int, *texts: str) -> list[Truths]:
            begins, sizes = lines[:, place - 1] + 1, lines[:, place] - lines[:, place - 1] - 1
            found = words[begins]
            return [
                (sizes == len(text)) & (found & np.uint64((1 << 8 * len(text)) - 1) == _word(text)) for text in texts
            ]

        accepted, rejected = is_field(self._action, "ACCEPT", "REJECT")
        fine, no_data, skipped = is_field(self._status, "OK", "NODATA", "SKIPDATA")
        return fine & accepted, fine & rejected, no_data, skipped

    def _odd(self, chunk: bytes, ends: NDArray[np.int64], strange: NDArray[np.int64]) -> list[bytes] | None:
        """The unusual lines, or None where they are many or a header changes the format."""
        if len(strange) > _FEW:
            return None
        begins = np.where(strange > 0, ends[strange - 1] + 1, 0)
        lines = [chunk[a:b] for a, b in zip(begins.tolist(), ends[strange].tolist(), strict=True)]
        for line in lines:
            tokens = line.split()
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
            for number, line in zip(np.concatenate(self._numbers).tolist(), self._rejected, strict=True):
                self.records += self._late_parser.read(Lines([line[:-1]], number))
        else:
            self.scan.rejected += table.num_rows
            self.tables.append(table)
        self._rejected, self._numbers, self._size = [], [], 0

    def _parsed(self, text: bytes) -> pa.Table | None:
        names = list(self._form.names)
        types = dict.fromkeys(NUMBERS, pa.int64()) | dict.fromkeys(TEXTS, _CODED)
        kept = [name for name in names if name in types]
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
        columns = {**TEXTS, **NUMBERS}
        table = table.select([name for name in kept if name in columns])
        table = table.rename_columns([columns[name] for name in table.column_names])
        return sound(table, self._addresses)


def sound(table: pa.Table, addresses: Addresses) -> pa.Table | None:
    """The table with addresses as numbers, if they are addresses, no number is negative or too big, and times are in
    seconds."""
    for place, name in enumerate(table.column_names):
        if name in ADDRESSES:
            numbers = addresses.column(table.column(name))
            if numbers is None:
                return None
            table = table.set_column(place, name, pa.array(numbers))
        elif name in NUMBERS.values():
            extremes = pc.min_max(table.column(name)).as_py()
            highest = _MILLISECONDS - 1 if name in ("start", "end") else _HIGHEST.get(name)
            if (highest is not None and (extremes["max"] or 0) > highest) or (extremes["min"] or 0) < 0:
                return None
    return table


def merge(scan: Scan, other: Scan) -> None:
    """Add what another reader counted."""
    for name in ("accepted", "rejected", "no_data", "skipped_data", "malformed", "files", "outside"):
        setattr(scan, name, getattr(scan, name) + getattr(other, name))
    scan.places.extend(other.places[: max(0, PLACES - len(scan.places))])
    scan.notes.extend(other.notes)
    for interface, count in other.interfaces.items():
        scan.interfaces[interface] = scan.interfaces.get(interface, 0) + count


def unpacked(stream: Any) -> Iterator[bytes]:
    """The bytes of a file, unpacked where it is gzip; :class:`Unsuited` where the parser has to say what is wrong."""
    data = stream.read(_PACKED)
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
            while not member.eof and (data := data or stream.read(_PACKED)):
                yield member.decompress(data, CHUNK)
                data = member.unconsumed_tail
            if not member.eof:
                raise Unsuited
            data = member.unused_data.lstrip(b"\0")
            while len(data) < len(GZIP) and (more := stream.read(_PACKED)):
                data = (data + more).lstrip(b"\0")
            if data and not data.startswith(GZIP):
                raise Unsuited
    except _DAMAGED:
        raise Unsuited from None
