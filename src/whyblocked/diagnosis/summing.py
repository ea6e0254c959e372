"""Groups of rejected records put together for a person: by rule first, own traffic before the internet's noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from whyblocked.diagnosis.judging import (
    ACL,
    EXPLAINED,
    GROUP,
    LATE,
    NOW_ALLOWED,
    TRANSIT,
    UNEXPLAINED,
    UNHEARD,
)
from whyblocked.diagnosis.lookups import Column
from whyblocked.flowlogs.groups import NONE, Table
from whyblocked.network.addresses import PUBLIC, RFC1918, RFC6598
from whyblocked.network.packets import EVERYWHERE, subtract_intervals

if TYPE_CHECKING:
    from whyblocked.diagnosis.rejects import By, Rejects

OWN, LOST, INTERNET, UNTOLD, CHANGED, ELSEWHERE, SCANS, LATE_ONES = range(8)  # sections in the order of the report
MANY_SOURCES = 10  # so many strangers at one interface are a scan,
FEW_PACKETS = 2  # as far as none of them tries again: a client sends more than this in an interval;
MANY_PORTS = 10  # and one that tries so many ports is a scan whatever it sends
_SECTION = 50  # bits before it, for what the entries of a section have in common
LISTED = 3  # groups shown of an entry
_AT_ONCE = 1 << 20  # groups that are looked at at once
_MARKS = 1 << 25  # up to so many different values may be told apart by a mark for each,
_A_VALUE = 16  # which is faster than sorting up to so many marks a value


class Entry(NamedTuple):
    """Groups that belong together. ``rows`` are the biggest of them, ``value`` what they share (its place)."""

    section: int
    value: int
    rows: tuple[int, ...]
    groups: int
    records: int
    packets: int
    bytes: int
    first_seen: int
    last_seen: int
    sources: int
    destinations: int
    ports: int
    interfaces: int


class Sum(NamedTuple):
    """The entries with the most packets, section by section; ``hidden`` counts those that are not among them."""

    entries: list[Entry]
    sections: dict[int, tuple[int, int]]  # the groups and packets of each
    hidden: int


def add_up(found: Rejects, by: By) -> Sum:
    """Put the groups together."""
    if not len(found.table):
        return Sum([], {}, 0)
    table, section = found.table, sections(found)
    values, at = _entries(found, by, section)
    sizes = np.bincount(at)
    count = len(values)
    rows = np.argsort(at, kind="stable")  # an entry's groups together, in their order
    del at
    begins = np.cumsum(sizes) - sizes
    firsts = rows[begins]
    packets = _sums(table.packets, rows, begins)
    where, value = section[firsts], values & (1 << _SECTION) - 1
    del section
    order = np.lexsort((firsts, -packets, where))
    totals: dict[int, tuple[int, int]] = {}
    for one in sorted(set(where.tolist())):
        here = where == one
        totals[one] = int(sizes[here].sum()), int(packets[here].sum())
    shown = order[: found.top]
    is_shown = np.zeros(count, bool)
    is_shown[shown] = True
    rows = rows[np.repeat(is_shown, sizes)]  # the others are only counted
    sizes = sizes[is_shown]
    begins = np.cumsum(sizes) - sizes
    at = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    columns: dict[str, Any] = {
        "groups": sizes,
        "records": _sums(table.records, rows, begins),
        "packets": packets[is_shown],
        "bytes": _sums(table.bytes, rows, begins),
        "sources": _different(at, table.source, rows, len(sizes)),
        "destinations": _different(at, table.destination, rows, len(sizes)),
        "ports": _different(at, table.destination_port, rows, len(sizes)),
        "interfaces": _different(at, table.interface, rows, len(sizes)),
        "first_seen": _earliest(table.first_seen, rows, begins),
        "last_seen": np.maximum.reduceat(np.asarray(table.last_seen)[rows], begins),
    }
    places = np.cumsum(is_shown) - 1  # of the entries among those shown
    entries = [
        Entry(
            section=int(where[entry]),
            value=int(value[entry]),
            rows=tuple(rows[begins[place] : begins[place] + min(LISTED, int(sizes[place]))].tolist()),
            **{name: int(column[place]) for name, column in columns.items()},
        )
        for entry, place in zip(shown.tolist(), places[shown].tolist(), strict=True)
    ]
    return Sum(entries, totals, count - len(shown))


def sections(found: Rejects) -> Column:
    """In which part of the report each group stands."""
    judged, table = found.judged, found.table
    inside = own_addresses(found)
    source, destination = np.asarray(table.source), np.asarray(table.destination)
    section = np.where(inside[source] & inside[destination], np.int8(OWN), np.int8(INTERNET))
    outsiders = (section == INTERNET) & ~inside[source] & (judged.direction != 1) & (judged.status == EXPLAINED)
    section[_scans(found, outsiders)] = SCANS
    section[(judged.work == LATE) | ((judged.work == GROUP) & judged.reply)] = LATE_ONES
    section[judged.work == TRANSIT] = LOST
    section[judged.status > NOW_ALLOWED] = ELSEWHERE
    section[judged.status == UNEXPLAINED] = UNTOLD
    section[judged.status == NOW_ALLOWED] = CHANGED
    return section


def own_addresses(found: Rejects) -> Column:
    """Whether each address of the table is the account's own, or a private one."""
    blocks = [(4, *block) for block in (*RFC1918, RFC6598)]
    blocks += [(6, *block) for block in subtract_intervals([EVERYWHERE[6]], PUBLIC[6])]
    account = found.places.account
    blocks += [
        (n.version, int(n.network_address), int(n.broadcast_address)) for v in account.vpcs.values() for n in v.networks
    ]
    blocks += [(4, low, high) for low, high in account.public_within(4, *EVERYWHERE[4])]
    return found.judged.numbers.within(blocks)


def _scans(found: Rejects, outsiders: Column) -> Column:
    """Which of these groups are the internet's noise: many strangers with few packets each, or one that tries ports.

    What is noise at one interface has nothing to do with others, so that some of them are looked at at a time.
    """
    interface = np.asarray(found.table.interface)
    sizes = np.bincount(interface[outsiders], minlength=len(found.table.interfaces))
    turns = np.cumsum(sizes) // _AT_ONCE
    is_noise = np.zeros(len(interface), bool)
    for turn in np.flatnonzero(np.bincount(turns)).tolist():
        rows = np.flatnonzero(outsiders & (turns == turn)[interface]) if turns[-1] else np.flatnonzero(outsiders)
        is_noise[rows] = _noise(found.table, rows)
    return is_noise


def _noise(table: Table, rows: Column) -> Column:
    """The same for all groups at some interfaces."""
    if not len(rows):
        return np.zeros(0, bool)
    interface = np.asarray(table.interface)[rows].astype(np.int64)
    pairs = interface << 32 | np.asarray(table.source)[rows]
    order, begins = _runs(pairs)
    packets, records = (
        np.add.reduceat(np.asarray(column)[rows[order]].astype(np.int64), begins)
        for column in (table.packets, table.records)
    )
    tried = np.diff(np.append(begins, len(rows)))
    at = pairs[order[begins]] >> 32
    strangers = np.bincount(at)
    noise = ((strangers[at] >= MANY_SOURCES) & (packets <= FEW_PACKETS * records)) | (tried >= MANY_PORTS)
    is_noise = np.empty(len(rows), bool)
    is_noise[order] = np.repeat(noise, tried)
    return is_noise


def _entries(found: Rejects, by: By, section: Column) -> tuple[Column, Column]:
    """What the groups of each entry share, with their section, and the place of each group's entry among these."""
    parts = []
    for first in range(0, len(section), _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        values = _values(found, by, some) | section[some].astype(np.int64) << _SECTION
        different = _different_of(values)
        parts.append((different, np.searchsorted(different, values).astype(np.int32)))
    everything = _different_of(np.concatenate([different for different, _ in parts]))
    kind = np.int16 if len(everything) <= np.iinfo(np.int16).max else np.int32  # short ones are sorted much faster
    at = [np.searchsorted(everything, different).astype(kind)[places] for different, places in parts]
    return everything, np.concatenate(at)


def _values(found: Rejects, by: By, some: slice) -> Column:
    """What groups of one entry share: the rule's number, or the place of an address, interface or port."""
    table = found.table
    if by == "source":
        return np.asarray(table.source)[some].astype(np.int64)
    if by == "destination":
        return np.asarray(table.destination)[some].astype(np.int64)
    if by == "interface":
        return np.asarray(table.interface)[some].astype(np.int64)
    if by == "port":
        protocol = np.clip(np.asarray(table.protocol)[some].astype(np.int64), NONE, 255) + 1
        port = np.clip(np.asarray(table.destination_port)[some].astype(np.int64), NONE, 1 << 16) + 1
        both: Column = protocol << 17 | port
        return both
    judged = found.judged._replace(
        **{name: column[some] for name, column in found.judged._asdict().items() if name != "numbers"}
    )
    by_group, by_acl = judged.work == GROUP, judged.work == ACL
    what = np.where(by_group, judged.groups, np.where(by_acl, judged.acl, 0)).astype(np.int64)
    of_reason = (judged.work == UNHEARD) | (judged.work == TRANSIT)
    what = np.where(of_reason, np.asarray(table.reject_reason)[some], what)
    untold = (judged.status == UNEXPLAINED) & (judged.direction == NONE)
    rule = np.where(by_acl, judged.rule.astype(np.int64) + 1, 0)
    way = np.where(by_group | by_acl, judged.direction + 1, np.where(untold, 3, 0))
    six = np.where(by_acl, judged.version == 6, 0)
    reply = np.where(by_group | by_acl, judged.reply, 0)
    value: Column = (
        (((judged.work.astype(np.int64) << 20 | what) << 2 | way) << 1 | six) << 1 | reply
    ) << 16 | np.clip(rule, 0, 65535)
    return value


def _different_of(values: Column) -> Column:
    """The different values, sorted."""
    in_order = np.sort(values)
    return in_order[np.concatenate(([True], in_order[1:] != in_order[:-1]))[: len(values)]]


def _runs(values: Column) -> tuple[Column, Column]:
    """The places of the values in their order, those of equal ones in theirs, and where in it each value begins."""
    order = np.argsort(values, kind="stable")
    in_order = values[order]
    begins = np.flatnonzero(np.concatenate(([True], in_order[1:] != in_order[:-1])))
    return order, begins


def _sums(column: memoryview, rows: Column, begins: Column) -> Column:
    return np.add.reduceat(np.asarray(column)[rows].astype(np.int64), begins)


def _earliest(column: memoryview, rows: Column, begins: Column) -> Column:
    """The smallest of each entry's times, 0 where none is known."""
    never = np.iinfo(np.int64).max
    times = np.asarray(column)[rows].astype(np.int64)
    found = np.minimum.reduceat(np.where(times > 0, times, never), begins)
    return np.where(found == never, 0, found)


def _different(at: Column, column: memoryview, rows: Column, count: int) -> Column:
    """How many different values there are in each entry."""
    values = np.minimum(np.asarray(column)[rows].astype(np.int64), 0xFFFFFFFF)  # no port is bigger
    known = values != NONE
    if not known.all():
        at, values = at[known], values[known]
    room = int(values.max(initial=0)) + 1
    if count * room <= min(_MARKS, _A_VALUE * len(values)):
        marks = np.zeros((count, room), bool)
        marks[at, values] = True
        found: Column = np.count_nonzero(marks, axis=1)
        return found
    pairs = at.astype(np.int64) << 32 | values
    pairs.sort()
    new = np.concatenate(([True], pairs[1:] != pairs[:-1]))[: len(pairs)]
    return np.bincount(pairs[new] >> 32, minlength=count)
