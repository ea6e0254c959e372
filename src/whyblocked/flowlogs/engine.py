"""Rejected records added up as columns: a row for each record, sorted and merged into groups, past a bound on disk.

Texts are numbers here (:mod:`whyblocked.flowlogs.coding`), so that a row takes a few dozen bytes. Rows that came
together are merged into a run of groups in the order of their keys' hash; runs that memory should not hold are kept in
files, and at the end merged a range of hashes at a time. So memory follows the groups, not the records.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from typing_extensions import Buffer

from whyblocked.flowlogs.coding import Addresses, Codes, different
from whyblocked.flowlogs.fields import BIGGEST
from whyblocked.flowlogs.grouping import Keep
from whyblocked.flowlogs.groups import DIRECTIONS, NONE, PORTS, SYN, UNKNOWN, Filters, Table
from whyblocked.flowlogs.listed import Column
from whyblocked.flowlogs.memory import DEAR, give_back, keep_none_of_the_large
from whyblocked.flowlogs.records import Record, Wanted
from whyblocked.flowlogs.rows import ALL, KEYS, SUMS, Rows, Run, hashed, in_order, joined, narrow, reduced, taken

_BOUND = 1 << 21  # rows that wait in memory, and groups that a run in memory may have
_RANGE = 1 << 19  # rows that each thread merges at once
_THREADS = 2
_TEXTS = ("interface", "resource", "src", "dst", "pkt_src", "pkt_dst", "direction", "reason", "subnet", "vpc")
_NUMBERS = ("port", "protocol", "packets", "bytes", "start", "end", "flags", "srcport")
_ARROW = dict.fromkeys(_TEXTS, pa.string()) | dict.fromkeys(_NUMBERS, pa.int64())
_COLUMNS = {"port": "destination_port", "reason": "reject_reason"}  # as a table calls them
_FLAGGED = 1 << 40  # with the flags, where a record has some: without it, none has


class Store:
    """Takes rejected records from several threads and adds them up at the end; a context, as it may use the disk."""

    def __init__(self, wanted: Wanted) -> None:
        self.addresses = Addresses()
        self._interfaces, self._reasons, self._subnets, self._vpcs = Codes(), Codes(), Codes(), Codes()
        self._wanted = wanted
        self._folder: TemporaryDirectory[str] | None = None
        self._waiting: list[Rows] = []
        self._size = 0
        self._runs: list[Run] = []
        self._files = 0
        self._lock = threading.Lock()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            self._folder.cleanup()

    # -- rows ------------------------------------------------------------------------------------------------

    def add(self, table: pa.Table, wanted: Wanted | None = None) -> int:
        """Keep records in columns; returns how many of them lie outside the window (the store's unless it is told)."""
        kept, outside = _window(table, wanted or self._wanted)
        if not kept.num_rows:
            return outside
        self._keep(self._rows(kept))
        return outside

    def _keep(self, rows: Rows) -> None:
        with self._lock:
            self._waiting.append(rows)
            self._size += len(rows["hash"])
            parts = self._waiting if self._size > _BOUND else []
            if parts:
                self._waiting, self._size = [], 0
        if parts:
            self._merge(parts)  # while other threads go on

    def add_records(self, records: Sequence[Record]) -> None:
        """Keep records that the parser found."""
        if records:
            rows = [_row(record) for record in records]
            self.add(pa.table({n: pa.array([row[n] for row in rows], kind) for n, kind in _ARROW.items()}))

    def add_groups(self, table: Table) -> None:
        """Keep groups that were added up elsewhere."""
        if not len(table):
            return

        def coded(codes: Codes, texts: Sequence[str], column: memoryview) -> Column:
            found: Column = np.append(codes.of(texts), np.int32(NONE))[np.asarray(column)]
            return found

        numbers = self.addresses.column(pa.chunked_array([pa.array(table.addresses, pa.string())]))
        if numbers is None:
            raise ValueError("an address that is none")
        flags = np.asarray(table.flags).astype(np.int64)
        first = np.asarray(table.first_seen).astype(np.int64)
        last = np.asarray(table.last_seen).astype(np.int64)
        found: Rows = {
            "interface": coded(self._interfaces, table.interfaces, table.interface),
            "source": numbers[np.asarray(table.source)],
            "destination": numbers[np.asarray(table.destination)],
            "port": np.asarray(table.destination_port),
            "protocol": np.asarray(table.protocol),
            "direction": np.asarray(table.direction),
            "reason": coded(self._reasons, table.reject_reasons, table.reject_reason),
            "records": np.asarray(table.records),
            "packets": np.asarray(table.packets),
            "bytes": np.asarray(table.bytes),
            "first_seen": np.where(first == 0, BIGGEST, first),
            "last_seen": np.where(last == 0, NONE, last),
            "flags": np.where(flags == NONE, 0, flags | _FLAGGED),
            "syn": np.asarray(table.syn),
            "source_port": np.asarray(table.source_port),
            "subnet": coded(self._subnets, table.subnets, table.subnet),
            "vpc": coded(self._vpcs, table.vpcs, table.vpc),
        }
        self._keep({"hash": hashed(found), **{name: narrow(column) for name, column in found.items()}})

    def _rows(self, table: pa.Table) -> Rows:
        """Records as rows of numbers."""
        size = table.num_rows
        interface = self._interfaces.column(table, "interface")
        named = interface != NONE
        if not named.all():
            interface = np.where(named, interface, self._interfaces.column(table, "resource"))
            interface[interface == NONE] = self._interfaces.of([UNKNOWN])[0]
        source = self._end(table, "pkt_src", "src")
        destination = self._end(table, "pkt_dst", "dst")
        protocol, port = _numbers(table, "protocol", NONE), _numbers(table, "port", NONE)
        first, last = _either(table, "start", "end"), _either(table, "end", "start")
        flags = _numbers(table, "flags", NONE)
        has_flags = flags != NONE
        ports = np.where(_has_ports(protocol), port, NONE)
        found: Rows = {
            "interface": interface,
            "source": source,
            "destination": destination,
            "port": ports,
            "protocol": protocol,
            "direction": self._direction(table),
            "reason": self._reasons.column(table, "reason"),
            "records": np.ones(size, np.int8),
            "packets": _numbers(table, "packets", 0),
            "bytes": _numbers(table, "bytes", 0),
            "first_seen": np.where(first == NONE, BIGGEST, first),
            "last_seen": last,
            "flags": np.where(has_flags, flags | _FLAGGED, 0),
            "syn": (has_flags & (flags & SYN > 0)).astype(np.int8),
            "source_port": np.where(ports == NONE, NONE, _numbers(table, "srcport", NONE)),
            "subnet": self._subnets.column(table, "subnet"),
            "vpc": self._vpcs.column(table, "vpc"),
        }
        return {"hash": hashed(found), **{name: narrow(column) for name, column in found.items()}}

    def _direction(self, table: pa.Table) -> Column:
        """The directions that the records tell, as :func:`whyblocked.flowlogs.groups.way` reads them."""
        found = np.full(table.num_rows, NONE, np.int8)
        if "direction" in table.column_names:
            codes = Codes()
            told = codes.column(table, "direction")
            ways = [DIRECTIONS.index(t) if t in DIRECTIONS else NONE for t in codes.texts]
            found = np.array([*ways, NONE], np.int8)[told]
        if {"pkt_src", "pkt_dst"}.isdisjoint(table.column_names) or (found != NONE).all():
            return found
        comes, goes = self._differs(table, "pkt_dst", "dst"), self._differs(table, "pkt_src", "src")
        return np.where((found == NONE) & (comes != goes), np.where(comes, 0, 1), found)

    def _differs(self, table: pa.Table, packets: str, seen: str) -> Column:
        """Where an end of the packet is another one than the interface saw."""
        one, other = self._address(table, packets), self._address(table, seen)
        found: Column = (one != other) & (one != NONE) & (other != NONE)
        return found

    def _end(self, table: pa.Table, packets: str, seen: str) -> Column:
        """One end of the flow: the packet's, else what the interface saw."""
        found = self._address(table, packets)
        if (found == NONE).any():
            found = np.where(found != NONE, found, self._address(table, seen))
            found[found == NONE] = self.addresses.unknown()
        return found

    def _address(self, table: pa.Table, name: str) -> Column:
        """A column of addresses that are ones, or are numbers already."""
        if name not in table.column_names:
            return np.full(table.num_rows, NONE, np.int64)
        column = table.column(name)
        if pa.types.is_int64(column.type):
            return column.to_numpy()  # type: ignore[no-any-return]
        found = self.addresses.column(column)
        if found is None:
            raise ValueError("an address that is none")
        return found

    # -- groups ----------------------------------------------------------------------------------------------

    def _merge(self, parts: list[Rows]) -> None:
        """Merge rows that waited; if that is still much, it goes into a file."""
        rows = self._grouped(joined(parts))
        with self._lock:
            if len(rows["hash"]) <= _BOUND // 2:
                self._waiting.append(rows)
                self._size += len(rows["hash"])
                return
        self._write(rows)

    def _write(self, rows: Rows) -> None:
        """Put groups into files."""
        with self._lock:
            if self._folder is None:
                self._folder = TemporaryDirectory(prefix="whyblocked-", ignore_cleanup_errors=True)
                keep_none_of_the_large()
            place = Path(self._folder.name, str(self._files))
            self._files += 1
        run = Run(place, rows)
        with self._lock:
            self._runs.append(run)

    def _grouped(self, rows: Rows) -> Rows:
        """The rows with equal keys merged into one each, in the order of the keys' hashes."""
        order = np.argsort(rows["hash"])
        hashes = rows["hash"][order]
        begins = np.ones(len(order), bool)
        begins[1:] = hashes[1:] != hashes[:-1]
        again = np.flatnonzero(~begins)
        one, other = order[again - 1], order[again]
        if any((rows[name][one] != rows[name][other]).any() for name in KEYS):
            # Two keys of one hash: rows of one key may not stand together.
            order = np.lexsort([*(rows[name] for name in KEYS), rows["hash"]])
            begins[1:] = False
            for name in KEYS:
                column = rows[name][order]
                begins[1:] |= column[1:] != column[:-1]
        firsts = np.flatnonzero(begins)
        heads = order[firsts]
        found = {"hash": hashes[firsts], **{name: narrow(rows[name][heads]) for name in KEYS}}
        for name, of in SUMS.items():
            column = rows[name]
            if name in ("subnet", "vpc") and (column != NONE).any():
                found[name] = narrow(self._latest(name, column[order], firsts))
            else:
                found[name] = narrow(reduced(of, column, order, firsts))
        return found

    def _latest(self, name: str, column: Column, firsts: Column) -> Column:
        """Of each group the text that sorts last, none where there is none."""
        texts, places = (self._subnets if name == "subnet" else self._vpcs).placed(column)
        codes = np.append((self._subnets if name == "subnet" else self._vpcs).of(texts), NONE)
        found: Column = codes[np.maximum.reduceat(places, firsts)]
        return found

    def table(self, filters: Filters) -> Table:
        """The groups, in their order."""
        with ThreadPoolExecutor(_THREADS) as pool:
            parts, used = self._parts(filters, pool)
            addresses, places = self.addresses.ranked(used)
            for rows, of in zip(parts, places, strict=True):
                rows["source"], rows["destination"] = of[rows["source"]], of[rows["destination"]]
            is_dear = sum(len(rows["port"]) for rows in parts) > DEAR
            found = {name: _whole(parts, name, is_dear) for name in list(parts[0])}
            interfaces, found["interface"] = self._interfaces.placed(found["interface"])
            reasons, found["reason"] = self._reasons.placed(found["reason"])
            subnets, found["subnet"] = self._subnets.placed(found["subnet"])
            vpcs, found["vpc"] = self._vpcs.placed(found["vpc"])
            columns = _ordered(found, pool)
        if is_dear:
            give_back()
        return Table(
            interfaces=interfaces,
            addresses=addresses,
            reject_reasons=reasons,
            subnets=subnets,
            vpcs=vpcs,
            **{_COLUMNS.get(name, name): column for name, column in columns.items()},
        )

    def _parts(self, filters: Filters, pool: Executor) -> tuple[list[Rows], list[Column]]:
        """The groups of each range of hashes, two ranges at once, and the addresses that each part's ends name.

        Part by part all columns become narrow: at the end there is no room for wide ones.
        """
        waiting, self._waiting = self._waiting, []
        if self._runs and waiting:
            self._write(self._grouped(joined(waiting)))
            waiting = []
        size = sum(len(rows["hash"]) for rows in waiting) + sum(map(len, self._runs))
        count = _THREADS * max(1, -(-size // (_RANGE * _THREADS)))
        bounds = np.array([n * ((1 << 64) // count) - (1 << 63) for n in range(1, count)], np.int64)
        cuts = [_cut(run.part("hash", 0, len(run)), bounds) for run in self._runs]
        of = [np.searchsorted(bounds, rows["hash"], "right").astype(np.int16) for rows in waiting]

        def part(n: int) -> tuple[Rows, Column]:
            parts = [taken(rows, np.flatnonzero(one == n)) for rows, one in zip(waiting, of, strict=True)]
            for run, cut in zip(self._runs, cuts, strict=True):
                parts.append({name: run.part(name, cut[n], cut[n + 1]) for name in ALL})
            return self._finished(self._grouped(joined(parts)), filters)

        found = list(pool.map(part, range(count)))
        return [rows for rows, _ in found], [used for _, used in found]

    def _finished(self, rows: Rows, filters: Filters) -> tuple[Rows, Column]:
        """The groups that are asked for, as a table has them, with addresses as places among those returned."""
        kept = self._kept(rows, filters)
        del rows["hash"]
        rows = rows if kept is None else taken(rows, kept)
        flags = rows["flags"]
        rows["flags"] = narrow(np.where(flags > 0, flags.astype(np.int64) & (_FLAGGED - 1), NONE))
        for name, none in (("first_seen", BIGGEST), ("last_seen", NONE)):
            rows[name] = narrow(np.where(rows[name] == none, 0, rows[name]))
        used, (rows["source"], rows["destination"]) = different(rows["source"], rows["destination"])
        return rows, used

    def _kept(self, rows: Rows, filters: Filters) -> Column | None:
        """Which groups are asked for; None: all of them."""
        if filters == Filters():
            return None
        keep = Keep(filters)
        kept = np.ones(len(rows["port"]), bool)
        if filters.interfaces:
            names = [name in filters.interfaces for name in self._interfaces.texts]
            kept &= np.array(names, bool)[rows["interface"]]
        if filters.protocol is not None:
            kept &= rows["protocol"] == filters.protocol
        if filters.ports:
            port = rows["port"]
            kept &= np.logical_or.reduce([(low <= port) & (port <= high) for low, high in filters.ports])
        for networks, name, end in ((filters.sources, "source", 0), (filters.destinations, "destination", 1)):
            if networks:
                used, (places,) = different(rows[name])
                texts = self.addresses.texts(used).to_pylist()
                kept &= np.array([keep.address(text, networks, end) for text in texts], bool)[places]
        return kept


def _whole(parts: list[Rows], name: str, is_dear: bool) -> Column:
    """A column of all parts, which they give up; ``is_dear``: memory is."""
    found = np.concatenate([part.pop(name) for part in parts])
    if is_dear:
        give_back()
    return found


def _ordered(found: Rows, pool: Executor) -> dict[str, memoryview]:
    """The columns in the table's order, each given up as soon as it is in order."""
    order = in_order([-found["packets"], *(found[name] for name in KEYS)], pool)
    return dict(pool.map(lambda name: (name, memoryview(cast(Buffer, found.pop(name)[order]))), list(found)))


def _cut(hashes: Column, bounds: Column) -> list[int]:
    """Where the ranges between the bounds begin and end."""
    return [0, *np.searchsorted(hashes, bounds).tolist(), len(hashes)]


def _window(table: pa.Table, wanted: Wanted) -> tuple[pa.Table, int]:
    """The records that lie in the window, and how many do not."""
    since, until = wanted.since, wanted.until
    if since is None and until is None:
        return table, 0
    first, last = _either(table, "start", "end"), _either(table, "end", "start")
    inside = np.ones(table.num_rows, bool)
    if since is not None:
        inside &= (last >= since) | (last == NONE)
    if until is not None:
        inside &= (first <= until) | (first == NONE)
    kept = table.filter(pa.array(inside))
    return kept, table.num_rows - kept.num_rows


def _row(record: Record) -> dict[str, Any]:
    return {
        "interface": record.interface_id, "resource": None, "src": record.srcaddr, "dst": record.dstaddr,
        "pkt_src": record.pkt_srcaddr, "pkt_dst": record.pkt_dstaddr, "port": record.destination_port,
        "protocol": record.protocol, "direction": record.direction, "reason": record.reject_reason,
        "packets": record.packets, "bytes": record.bytes, "start": record.start, "end": record.end,
        "flags": record.tcp_flags, "subnet": _told(record, "subnet-id"), "vpc": _told(record, "vpc-id"),
        "srcport": record.source_port,
    }  # fmt: skip


def _told(record: Record, name: str) -> str | None:
    value = record.fields.get(name, UNKNOWN)
    return None if value == UNKNOWN else value


def _numbers(table: pa.Table, name: str, absent: int) -> Column:
    """A column of numbers."""
    if name not in table.column_names:
        return np.full(table.num_rows, absent)
    column = table.column(name)
    found: Column = (pc.fill_null(column, absent) if column.null_count else column).to_numpy()
    return found


def _either(table: pa.Table, name: str, other: str) -> Column:
    """A time, or where there is none, the other one."""
    found = _numbers(table, name, NONE)
    return np.where(found == NONE, _numbers(table, other, NONE), found) if (found == NONE).any() else found


def _has_ports(protocol: Column) -> Column:
    found = np.zeros(len(protocol), bool)
    for number in PORTS:
        found |= protocol == number
    return found
