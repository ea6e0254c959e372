"""Columns of rejected records or of groups of them, side by side, and what the engine does with them as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path

import numpy as np

from whyblocked.flowlogs.fields import BIGGEST
from whyblocked.flowlogs.listed import Column
from whyblocked.flowlogs.memory import DEAR

Rows = dict[str, Column]

KEYS = ("interface", "source", "destination", "port", "protocol", "direction", "reason")
SUMS: dict[str, np.ufunc] = {
    "records": np.add, "packets": np.add, "bytes": np.add, "first_seen": np.minimum, "last_seen": np.maximum,
    "flags": np.bitwise_or, "syn": np.add, "source_port": np.maximum, "subnet": np.maximum, "vpc": np.maximum,
}  # fmt: skip
ALL = ("hash", *KEYS, *SUMS)
_SAFE = 1 << 62
_SAMPLE = 1 << 10
_AT_ONCE = 1 << 20
_ODD = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)


class Run:
    """Groups in files, a file for each column: read in parts, as what is mapped would count as memory."""

    def __init__(self, folder: Path, rows: Rows) -> None:
        folder.mkdir()
        self._folder = folder
        self._size = len(rows["hash"])
        self._kinds = {name: column.dtype for name, column in rows.items()}
        for name, column in rows.items():
            column.tofile(folder / name)

    def __len__(self) -> int:
        return self._size

    def part(self, name: str, first: int, after: int) -> Column:
        """Some of a column."""
        kind = self._kinds[name]
        found: Column = np.fromfile(self._folder / name, kind, after - first, offset=first * kind.itemsize)
        return found


def narrow(column: Column) -> Column:
    """The column in the narrowest numbers that hold it."""
    if not len(column):
        return column.astype(np.int8)
    low, high = int(column.min()), int(column.max())
    for kind in (np.int8, np.int16, np.int32, np.int64):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return column.astype(kind, copy=False)
    return column


def joined(parts: list[Rows]) -> Rows:
    """Rows one after the other; the parts are given up one column at a time."""
    if len(parts) == 1:
        return parts[0]
    found: Rows = {}
    for name in list(parts[0]) if parts else ALL:
        found[name] = np.concatenate([part.pop(name) for part in parts]) if parts else np.zeros(0, np.int8)
    return found


def taken(rows: Rows, which: Column) -> Rows:
    """Some of the rows."""
    return {name: column[which] for name, column in rows.items()}


def hashed(rows: Rows) -> Column:
    """A number for every key, by which keys spread evenly: all seven columns fill three, and these mix."""
    wide = {name: rows[name].astype(np.int64).view(np.uint64) for name in KEYS}
    one = wide["source"] << np.uint64(32) | wide["destination"] & np.uint64(0xFFFFFFFF)
    two = wide["port"] << np.uint64(32) ^ wide["interface"]
    three = (wide["protocol"] << np.uint64(2) ^ wide["direction"]) << np.uint64(32) ^ wide["reason"]
    found = np.zeros(len(one), np.uint64)
    for column, odd in zip((one, two, three), _ODD, strict=True):
        found = (found ^ column) * np.uint64(odd)
        found ^= found >> np.uint64(31)
    signed: Column = found.view(np.int64)
    return signed


def reduced(of: np.ufunc, column: Column, order: Column, firsts: Column) -> Column:
    """A column's groups each made one number; a sum past the biggest number stays there.

    ``order`` has the rows of a group together, and each group begins at one of its ``firsts``.
    """
    if not len(firsts):
        return column[:0]
    low, high = int(column.min()), int(column.max())
    is_big = max(-low, high) * len(order) > _SAFE
    if low == high:  # as in many columns: no row has to be looked at
        if of is not np.add:
            return np.full(len(firsts), low)
        if not is_big:
            return np.diff(firsts, append=len(order)) * low
    ordered = column[order]
    if is_big and of is np.add:
        exact = np.add.reduceat(ordered.astype(object), firsts)
        return np.array([min(total, BIGGEST) for total in exact], np.int64)
    found: Column = of.reduceat(ordered.astype(np.int64) if of is np.add else ordered, firsts)
    return found


def in_order(columns: Sequence[Column], pool: Executor) -> Column:
    """The order of rows by the first column, then by the others; no two rows are equal in all.

    As many columns as a number has room for are sorted as one, by two threads of the pool unless memory is dear, and
    rows that are equal in it by the others.
    """
    size = len(columns[0])
    if not size:
        return np.zeros(0, np.int64)
    first, room, used = np.zeros(size, np.int64), 63, 0
    for column in columns:
        low, high = int(column.min()), int(column.max())
        bits = (high - low).bit_length()
        if bits > room:
            break
        first <<= bits
        first += column
        first -= low
        room -= bits
        used += 1
    if size > DEAR:
        order = np.argsort(first)
        _settle(first[order], order, columns[used:])
        return order

    def sorted_part(rows: Column) -> Column:
        numbers = first[rows]
        order = np.argsort(numbers)
        rows = rows[order]
        _settle(numbers[order], rows, columns[used:])
        return rows

    sample = np.sort(first[:: max(1, size // _SAMPLE)])
    pivot = sample[len(sample) // 2]
    return np.concatenate(list(pool.map(sorted_part, (np.flatnonzero(first <= pivot), np.flatnonzero(first > pivot)))))


def _settle(first: Column, order: Column, columns: Sequence[Column]) -> None:
    """Put rows that are equal in ``first`` in order by some columns, if there are any, a million rows at a time."""
    begin = 0
    while columns and begin < len(first):
        end = int(np.searchsorted(first, first[min(begin + _AT_ONCE, len(first)) - 1], "right"))
        same = first[begin + 1 : end] == first[begin : end - 1]
        tied = np.zeros(end - begin, bool)
        tied[1:] |= same
        tied[:-1] |= same
        again = begin + np.flatnonzero(tied)
        rows = order[again]
        order[again] = rows[np.lexsort([*(column[rows] for column in reversed(columns)), first[again]])]
        begin = end
