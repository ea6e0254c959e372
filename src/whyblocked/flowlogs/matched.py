"""Large files looked through for the few accepted records that tell whether rejected flows were answers.

Of every accepted line the fields that matter become one number, which is looked up among those of the rejected flows; a
line whose number is among them goes to the parser, and :class:`whyblocked.flowlogs.pairs.Pairs` looks again. A chunk in
which anything is unusual goes through the parser as a whole. So memory follows the rejected flows, not the records.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from whyblocked.flowlogs.fields import Format, canonical
from whyblocked.flowlogs.files import PARQUET, NotAFlowLog, form_of, read_file
from whyblocked.flowlogs.groups import NONE, PORTS, UNKNOWN
from whyblocked.flowlogs.pairs import Flow, Pairs
from whyblocked.flowlogs.picked import Chunk, Column, Picked
from whyblocked.flowlogs.quick import Unsuited, merge
from whyblocked.flowlogs.records import Record, Scan
from whyblocked.flowlogs.sinks import File

_THREADS = 2
_WAITING = 6  # files that were taken, and not read yet: they may be held on the disk for us alone
_WORD = 8  # bytes
_MASKS = np.array([(1 << 8 * size) - 1 for size in range(_WORD + 1)], np.uint64)
_ODD = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)


class Matching:
    """Reads files in the background, two at a time, and adds to the pairs what it finds."""

    def __init__(self, pairs: Pairs) -> None:
        self._pairs = pairs
        self._keys = np.unique(keys_of(pairs.rejected))
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="records")
        self._room = threading.BoundedSemaphore(_THREADS + _WAITING)
        self._taken: deque[Future[Scan]] = deque()
        self._lock = threading.Lock()

    def take(self, file: File) -> bool:
        """Whether the file is read here."""
        form = form_of(file.path, file.forms)
        if form is None and not _begins_as_parquet(file.path):
            return False
        self._room.acquire()
        self._taken.append(self._pool.submit(self._finish, file, form))
        return True

    def settle(self, scan: Scan) -> None:
        """Wait for the files that were taken."""
        while self._taken:
            found = self._taken.popleft().result()
            self._pairs.seen |= found.accepted > 0
            merge(scan, found)

    def close(self) -> None:
        """Stop."""
        self._pool.shutdown(cancel_futures=True)

    def _finish(self, file: File, form: Format | None) -> Scan:
        try:
            return self._read(file, form)
        finally:
            file.release()
            self._room.release()

    def _read(self, file: File, form: Format | None) -> Scan:
        try:
            if form is None:
                return self._parquet(file.path)
            matched = _Matched(file, form, self._keys)
            matched.read()
            self._add(matched.records)
        except Unsuited:
            scan = Scan()
            with suppress(NotAFlowLog):  # which was said when it was read first
                for records in read_file(file, scan):
                    self._add(records)
            return scan
        return matched.scan

    def _add(self, records: Iterable[Record]) -> None:
        with self._lock:
            for record in records:
                self._pairs.add(record)

    def _parquet(self, path: Path) -> Scan:
        """The accepted records between ends that matter, each once; :class:`Unsuited` where the parser has to look."""
        import duckdb
        import pyarrow as pa
        from pyarrow import parquet

        from whyblocked.flowlogs.parquet import DAMAGED

        try:
            names = {canonical(name): name for name in parquet.read_schema(path).names}
            if Format(tuple(names)).lacking or any(mark in str(path) for mark in "*?["):
                raise Unsuited
            ends = {(f[0], *ends) for f in self._pairs.rejected for ends in ((f[1], f[2]), (f[2], f[1]))}
            wanted = pa.table(dict(zip("isd", map(pa.array, zip(*sorted(ends), strict=True)), strict=True)))
            with duckdb.connect(":memory:", config={"threads": 1}) as engine:
                engine.register("wanted", wanted)
                rows: Sequence[Any] = engine.execute(_statement(names), [str(path)]).fetchall()
                accepted = engine.execute(f"SELECT count(*) {_accepted(names)}", [str(path)]).fetchone()
        except (*DAMAGED, duckdb.Error):
            raise Unsuited from None
        for i, s, d, source_port, destination_port, protocol in rows:
            ports = {"source_port": source_port, "destination_port": destination_port}
            self._add([Record(interface_id=i, srcaddr=s, dstaddr=d, protocol=protocol, accepted=True, **ports)])
        return Scan(accepted=accepted[0] if accepted else 0, files=1)


def _statement(names: dict[str, str]) -> str:
    """SQL for the accepted records whose ends are ``wanted``: interface, ends, ports, protocol."""

    def text(*fields: str) -> str:
        return _text(names, *fields)

    def number(field: str) -> str:
        return f'try_cast("{names[field]}" AS BIGINT)' if field in names else "NULL"

    return (
        "SELECT DISTINCT r.* FROM (SELECT "
        f"{text('interface-id', 'resource-id')} AS i, {text('pkt-srcaddr', 'srcaddr')} AS s, "
        f"{text('pkt-dstaddr', 'dstaddr')} AS d, {number('srcport')} AS f, {number('dstport')} AS t, "
        f"{number('protocol')} AS p {_accepted(names)}) AS r "
        "SEMI JOIN wanted AS w ON r.i = w.i AND r.s = w.s AND r.d = w.d"
    )


def _accepted(names: dict[str, str]) -> str:
    """Where the accepted records come from."""
    status = f" AND {_text(names, 'log-status')} IN ('OK', '-')" if "log-status" in names else ""
    return f"FROM read_parquet(?) WHERE {_text(names, 'action')} = 'ACCEPT'{status}"


def _text(names: dict[str, str], *fields: str) -> str:
    """The first of these columns that says something."""
    known = [f"nullif(CAST(\"{names[field]}\" AS VARCHAR), '-')" for field in fields if field in names]
    return f"coalesce({', '.join((*known, repr(UNKNOWN)))})"


def _begins_as_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(len(PARQUET)) == PARQUET
    except OSError:
        return False


class _Matched(Picked):
    """One text file, of which the accepted lines are parsed that may pair with one of the rejected flows."""

    def __init__(self, file: File, form: Format, keys: Column) -> None:
        self._keys = keys
        super().__init__(file, form)

    def _prepare(self) -> None:
        at = {name: place for place, name in enumerate(self._form.names)}
        self._ends = [(at.get(f"pkt-{name}", -1), at.get(name, -1)) for name in ("srcaddr", "dstaddr")]
        self._ports = [at.get(name, -1) for name in ("srcport", "dstport")]
        self._protocol = at.get("protocol", -1)

    def _is_ours(self, chunk: Chunk) -> Column:
        rows = np.flatnonzero(chunk.kinds[0])
        found = np.zeros(len(chunk.begins), bool)
        some = chunk._replace(begins=chunk.begins[rows], lines=chunk.lines[rows])

        def hashed(place: int) -> Column:
            return np.full(len(rows), _ABSENT) if place < 0 else _hashed(some.words, *some.field(place))

        def end(packets: int, seen: int) -> Column:
            told = hashed(packets)
            return told if seen < 0 else np.where(told == _ABSENT, hashed(seen), told)

        interface, protocol = hashed(self._interface), hashed(self._protocol)
        source, destination = (end(*places) for places in self._ends)
        ports = [hashed(place) for place in self._ports]
        told = np.isin(protocol, _WITH_PORTS) & (ports[0] != _ABSENT) & (ports[1] != _ABSENT)
        from_port, to_port = (np.where(told, port, _ABSENT) for port in ports)
        pairs = ((destination, source, from_port), (source, destination, to_port))  # its answer's key, and its own
        ours = interface == _ABSENT
        for one, other, port in pairs:
            ours |= self._is_known(_key(interface, one, other, port, protocol))
        found[rows] = ours
        return found

    def _is_known(self, keys: Column) -> Column:
        places = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        found: Column = self._keys[places] == keys
        return found


def keys_of(flows: Iterable[Flow]) -> Column:
    """The number of each rejected flow, as that of its own line, or of the line that it answers, comes out."""
    columns: list[list[bytes]] = [[], [], [], [], []]
    for flow in flows:
        for column, value in zip(columns, flow, strict=True):
            column.append((UNKNOWN if value == NONE else str(value)).encode("utf-8", "replace"))
    return _key(*(_hashed_texts(column) for column in columns))


def _key(*parts: Column) -> Column:
    found = np.zeros(len(parts[0]), np.uint64)
    for place, part in enumerate(parts):
        found = (found ^ part) * _ODD[place % len(_ODD)]
        found ^= found >> np.uint64(31)
    return found


def _hashed(words: Column, begins: Column, ends: Column) -> Column:
    """Fields as numbers: of long ones the first and the last eight bytes count."""
    sizes = ends - begins
    head = words[begins] & _MASKS[np.minimum(sizes, _WORD)]
    tail = np.where(sizes > _WORD, words[np.maximum(ends - _WORD, begins)], 0).astype(np.uint64)
    found: Column = (head * _ODD[0] ^ tail) * _ODD[1] + sizes.astype(np.uint64)
    found ^= found >> np.uint64(29)
    return found


def _hashed_texts(texts: Sequence[bytes]) -> Column:
    """The numbers of texts that stand nowhere else."""
    sizes = np.array([len(text) for text in texts], np.int64)
    ends = np.cumsum(sizes)
    body = b"".join(texts) + bytes(_WORD)
    words: np.ndarray[Any, np.dtype[np.uint64]] = np.ndarray((len(body) - _WORD + 1,), "<u8", body, 0, (1,))
    return _hashed(words, ends - sizes, ends)


_ABSENT = _hashed_texts([UNKNOWN.encode()])[0]
_WITH_PORTS = _hashed_texts([(UNKNOWN if number == NONE else str(number)).encode() for number in PORTS])
