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
    Column,
)
from whyblocked.flowlogs.groups import NONE
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
    section = sections(found)
    value = _values(found, by) | section.astype(np.int64) << _SECTION
    rows, begins = _runs(value)
    table = found.table
    count = len(begins)
    firsts = rows[begins]
    sizes = np.diff(np.append(begins, len(rows)))
    packets = _sums(table.packets, rows, begins)
    where = section[firsts]
    value = value[firsts] & (1 << _SECTION) - 1
    del section
    order = np.lexsort((firsts, -packets, where))
    totals: dict[int, tuple[int, int]] = {}
    for one in np.unique(where).tolist():
        here = where == one
        totals[one] = int(sizes[here].sum()), int(packets[here].sum())
    shown = order[: found.top]
    at = np.repeat(np.arange(count, dtype=np.int32), sizes)
    columns: dict[str, Any] = {
        "records": _sums(table.records, rows, begins),
        "bytes": _sums(table.bytes, rows, begins),
        "sources": _different(at, table.source, rows, count),
        "destinations": _different(at, table.destination, rows, count),
        "ports": _different(at, table.destination_port, rows, count),
        "interfaces": _different(at, table.interface, rows, count),
        "first_seen": _earliest(table.first_seen, rows, begins),
        "last_seen": np.maximum.reduceat(np.asarray(table.last_seen)[rows], begins),
    }
    entries = [
        Entry(
            section=int(where[entry]),
            value=int(value[entry]),
            rows=tuple(rows[begins[entry] : begins[entry] + min(LISTED, int(sizes[entry]))].tolist()),
            groups=int(sizes[entry]),
            packets=int(packets[entry]),
            **{name: int(column[entry]) for name, column in columns.items()},
        )
        for entry in shown.tolist()
    ]
    return Sum(entries, totals, count - len(shown))


def sections(found: Rejects) -> Column:
    """In which part of the report each group stands."""
    judged, table = found.judged, found.table
    inside = own_addresses(found)
    source, destination = np.asarray(table.source), np.asarray(table.destination)
    section = np.where(inside[source] & inside[destination], OWN, INTERNET)
    outsiders = (section == INTERNET) & ~inside[source] & (judged.direction != 1) & (judged.status == EXPLAINED)
    rows = np.flatnonzero(outsiders)
    if len(rows):
        section[rows[_scans(found, rows)]] = SCANS
    section[(judged.work == LATE) | ((judged.work == GROUP) & judged.reply)] = LATE_ONES
    section[judged.work == TRANSIT] = LOST
    section[judged.status > NOW_ALLOWED] = ELSEWHERE
    section[judged.status == UNEXPLAINED] = UNTOLD
    section[judged.status == NOW_ALLOWED] = CHANGED
    return section.astype(np.int8)


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


def _scans(found: Rejects, rows: Column) -> Column:
    """Which of these groups are the internet's noise: many strangers with few packets each, or one that tries ports."""
    table = found.table
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


def _values(found: Rejects, by: By) -> Column:
    """What groups of one entry share: the rule's number, or the place of an address, interface or port."""
    table, judged = found.table, found.judged
    if by == "source":
        return np.asarray(table.source)
    if by == "destination":
        return np.asarray(table.destination)
    if by == "interface":
        return np.asarray(table.interface)
    if by == "port":
        protocol = np.clip(np.asarray(table.protocol).astype(np.int64), NONE, 255) + 1
        port = np.clip(np.asarray(table.destination_port).astype(np.int64), NONE, 1 << 16) + 1
        both: Column = protocol << 17 | port
        return both
    by_group, by_acl = judged.work == GROUP, judged.work == ACL
    what = np.where(by_group, judged.groups, np.where(by_acl, judged.acl, 0)).astype(np.int64)
    of_reason = (judged.work == UNHEARD) | (judged.work == TRANSIT)
    what = np.where(of_reason, np.asarray(table.reject_reason), what)
    untold = (judged.status == UNEXPLAINED) & (judged.direction == NONE)
    rule = np.where(by_acl, judged.rule.astype(np.int64) + 1, 0)
    way = np.where(by_group | by_acl, judged.direction + 1, np.where(untold, 3, 0))
    six = np.where(by_acl, judged.version == 6, 0)
    reply = np.where(by_group | by_acl, judged.reply, 0)
    value: Column = (
        (((judged.work.astype(np.int64) << 20 | what) << 2 | way) << 1 | six) << 1 | reply
    ) << 16 | np.clip(rule, 0, 65535)
    return value


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
    pairs = at.astype(np.int64)
    pairs <<= 32
    pairs |= values
    pairs = pairs[known]
    pairs.sort()
    new = np.concatenate(([True], pairs[1:] != pairs[:-1]))[: len(pairs)]
    return np.bincount(pairs[new] >> 32, minlength=count)
