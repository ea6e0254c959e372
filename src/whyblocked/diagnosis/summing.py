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
    value = _values(found, by)
    _, at = np.unique((section << 50) | value, return_inverse=True)
    count = int(at.max()) + 1
    table = found.table
    packets = _sums(at, np.asarray(table.packets), count)
    firsts = np.zeros(count, np.int64)
    firsts[at[::-1]] = np.arange(len(at))[::-1]
    order = sorted(range(count), key=lambda e: (int(section[firsts[e]]), -int(packets[e]), int(firsts[e])))
    totals: dict[int, tuple[int, int]] = {}
    sizes = np.bincount(at, minlength=count)
    for entry in order:
        groups, sent = totals.get(where := int(section[firsts[entry]]), (0, 0))
        totals[where] = groups + int(sizes[entry]), sent + int(packets[entry])
    shown = order[: found.top]
    columns: dict[str, Any] = {
        "records": _sums(at, np.asarray(table.records), count),
        "bytes": _sums(at, np.asarray(table.bytes), count),
        "sources": _different(at, np.asarray(table.source), count),
        "destinations": _different(at, np.asarray(table.destination), count),
        "ports": _different(at, np.asarray(table.destination_port) + 1, count, without=0),
        "interfaces": _different(at, np.asarray(table.interface), count),
        "first_seen": _extreme(at, np.asarray(table.first_seen), count, np.minimum),
        "last_seen": _extreme(at, np.asarray(table.last_seen), count, np.maximum),
    }
    entries = [
        Entry(
            section=int(section[firsts[entry]]),
            value=int(value[firsts[entry]]),
            rows=tuple(np.flatnonzero(at == entry)[:LISTED].tolist()),
            groups=int(sizes[entry]),
            packets=int(packets[entry]),
            **{name: int(column[entry]) for name, column in columns.items()},
        )
        for entry in shown
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
    return section.astype(np.int64)


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
    interface = np.asarray(table.interface)[rows]
    pairs, at = np.unique(interface << 32 | np.asarray(table.source)[rows], return_inverse=True)
    packets = _sums(at, np.asarray(table.packets)[rows], len(pairs))
    records = _sums(at, np.asarray(table.records)[rows], len(pairs))
    tried = np.bincount(at, minlength=len(pairs))
    strangers = np.bincount(pairs >> 32)
    one_of_many = (strangers[pairs >> 32] >= MANY_SOURCES) & (packets <= FEW_PACKETS * records)
    noise: Column = one_of_many | (tried >= MANY_PORTS)
    return noise[at]


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
        protocol = np.clip(np.asarray(table.protocol), NONE, 255) + 1
        port = np.clip(np.asarray(table.destination_port), NONE, 1 << 16) + 1
        both: Column = protocol << 17 | port
        return both
    by_group, by_acl = judged.work == GROUP, judged.work == ACL
    what = np.where(by_group, judged.groups, np.where(by_acl, judged.acl, 0))
    of_reason = (judged.work == UNHEARD) | (judged.work == TRANSIT)
    what = np.where(of_reason, np.asarray(table.reject_reason), what)
    untold = (judged.status == UNEXPLAINED) & (judged.direction == NONE)
    rule = np.where(by_acl, judged.rule + 1, 0)
    way = np.where(by_group | by_acl, judged.direction + 1, np.where(untold, 3, 0))
    six = np.where(by_acl, judged.version == 6, 0)
    reply = np.where(by_group | by_acl, judged.reply, 0)
    value: Column = ((((judged.work << 20 | what) << 2 | way) << 1 | six) << 1 | reply) << 16 | np.clip(rule, 0, 65535)
    return value


def _sums(at: Column, column: Column, count: int) -> Column:
    total = np.zeros(count, np.int64)
    np.add.at(total, at, column)
    return total


def _extreme(at: Column, column: Column, count: int, of: np.ufunc) -> Column:
    known = column > 0
    worst = np.full(count, np.iinfo(np.int64).max if of is np.minimum else 0)
    of.at(worst, at[known], column[known])
    found: Column = np.where(worst == np.iinfo(np.int64).max, 0, worst)
    return found


def _different(at: Column, column: Column, count: int, without: int = NONE) -> Column:
    """How many different values there are in each entry."""
    pairs = np.unique((at << 32) | column)
    pairs = pairs[(pairs & 0xFFFFFFFF) != without] if without != NONE else pairs
    return np.bincount(pairs >> 32, minlength=count)
