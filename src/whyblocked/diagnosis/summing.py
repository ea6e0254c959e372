"""Groups of rejected records put together for a person: by rule first, own traffic before the internet's noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
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
_SECTION = 3  # bits that it has
_FEW_BITS = 22  # as many values as have these are told apart by a mark for each
LISTED = 3  # groups shown of an entry
_AT_ONCE = 1 << 20  # groups that are looked at at once
_SCANS_AT_ONCE = 1 << 18  # of those that may be scans, by each of two threads
_MARKS = 1 << 25  # up to so many different values may be told apart by a mark for each,
_A_VALUE = 64  # which is faster than sorting up to so many marks a value


class Entry(msgspec.Struct, frozen=True):
    """Groups that belong together; ``rows`` are the biggest of them."""

    section: int
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


class Sum(msgspec.Struct, frozen=True):
    """The entries with the most packets, section by section; ``hidden`` counts those that are not among them."""

    entries: list[Entry]
    sections: dict[int, tuple[int, int]]  # the groups and packets of each
    hidden: int


def add_up(found: Rejects, by: By) -> Sum:
    """Put the groups together."""
    if not len(found.table):
        return Sum([], {}, 0)
    table, section = found.table, sections(found)
    at, count = _entries(found, by, section)
    sizes = np.bincount(at)
    rows = np.argsort(at, kind="stable")  # an entry's groups together, in their order
    del at
    begins = np.cumsum(sizes) - sizes
    firsts = rows[begins]
    packets = _sums(table.packets, rows, begins)
    where = section[firsts]
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
    turns = np.cumsum(sizes) // _SCANS_AT_ONCE
    is_noise = np.zeros(len(interface), bool)

    def look(turn: int) -> None:
        rows = np.flatnonzero(outsiders & (turns == turn)[interface]) if turns[-1] else np.flatnonzero(outsiders)
        is_noise[rows] = _noise(found.table, rows)

    met = np.flatnonzero(np.bincount(turns)).tolist()
    if len(met) > 1:
        from concurrent.futures import ThreadPoolExecutor  # which a small file does without

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(look, met))
    else:
        look(met[0])
    return is_noise


def _noise(table: Table, rows: Column) -> Column:
    """The same for all groups at some interfaces."""
    if not len(rows):
        return np.zeros(0, bool)
    interface = np.asarray(table.interface)[rows].astype(np.int64)
    order, begins = _runs(interface << 32 | np.asarray(table.source)[rows])
    packets, records = (
        np.add.reduceat(np.asarray(column)[rows[order]].astype(np.int64), begins)
        for column in (table.packets, table.records)
    )
    tried = np.diff(np.append(begins, len(rows)))
    at = interface[order[begins]]
    strangers = np.bincount(at)
    noise = ((strangers[at] >= MANY_SOURCES) & (packets <= FEW_PACKETS * records)) | (tried >= MANY_PORTS)
    is_noise = np.empty(len(rows), bool)
    is_noise[order] = np.repeat(noise, tried)
    return is_noise


def _entries(found: Rejects, by: By, section: Column) -> tuple[Column, int]:
    """Which entry each group belongs to, and how many entries there are: a section's groups that share something."""
    share, bits = _shared(found, by)
    values = np.empty(len(section), np.int32 if bits + _SECTION < 32 else np.int64)
    for first in range(0, len(section), _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        values[some] = section[some].astype(values.dtype) << bits | share(some)
    if bits + _SECTION <= _FEW_BITS:
        marks = np.zeros(1 << bits + _SECTION, bool)
        marks[values] = True
        different = np.flatnonzero(marks)
        numbers = np.zeros(len(marks), _kind(len(different)))
        numbers[different] = np.arange(len(different))
        return numbers[values], len(different)
    different = _different_of(values)
    at = np.empty(len(values), _kind(len(different)))
    for first in range(0, len(section), _AT_ONCE):
        at[first : first + _AT_ONCE] = np.searchsorted(different, values[first : first + _AT_ONCE])
    return at, len(different)


def _kind(count: int) -> type[np.signedinteger[Any]]:
    """Short numbers, if they suffice: they are sorted much faster."""
    return np.int16 if count <= np.iinfo(np.int16).max else np.int32


def _shared(found: Rejects, by: By) -> tuple[Callable[[slice], Column], int]:
    """What gives a number to what groups of an entry share, for some of the groups, and how many bits it has.

    That is the rule, or the place of an address or interface, or the port.
    """
    table = found.table
    if by == "port":
        protocol, port = np.asarray(table.protocol), np.asarray(table.destination_port)
        return lambda some: (_bounded(protocol[some], 255) + 1) << 17 | _bounded(port[some], 1 << 16) + 1, 26
    if by != "rule":
        places = np.asarray({"source": table.source, "destination": table.destination}.get(by, table.interface))
        return lambda some: places[some], int(places.max(initial=0)).bit_length()
    judged, reasons = found.judged, np.asarray(table.reject_reason)
    most = (int(column.max(initial=0)) for column in (judged.groups, judged.acl, reasons))
    what_bits, rule_bits = max(most).bit_length(), (int(judged.rule.max(initial=0)) + 1).bit_length()
    kind: Any = np.int32 if what_bits + rule_bits <= 20 else np.int64

    def rule(some: slice) -> Column:
        work, direction = judged.work[some], judged.direction[some]
        by_group, by_acl = work == GROUP, work == ACL
        by_rule = by_group | by_acl
        what = np.where(by_group, judged.groups[some], np.where(by_acl, judged.acl[some], 0))
        of_reason = (work == UNHEARD) | (work == TRANSIT)
        if of_reason.any():
            what = np.where(of_reason, reasons[some], what)
        untold = (judged.status[some] == UNEXPLAINED) & (direction == NONE)
        way = np.where(by_rule, direction + 1, np.where(untold, 3, 0))
        number = np.where(by_acl, judged.rule[some] + 1, 0)
        six, reply = by_acl & (judged.version[some] == 6), by_rule & judged.reply[some]
        found: Column = work.astype(kind) << what_bits | what.astype(kind)
        for bits, column in ((2, way), (1, six), (1, reply), (rule_bits, number)):
            found = found << bits | column.astype(kind)
        return found

    return rule, 3 + what_bits + 4 + rule_bits


def _bounded(column: Column, highest: int) -> Column:
    """The numbers, those that are too high as the highest, as wide ones."""
    return np.clip(column.astype(np.int64), NONE, highest)


def _different_of(values: Column) -> Column:
    """The different values, sorted."""
    in_order = np.sort(values)
    return in_order[np.concatenate(([True], in_order[1:] != in_order[:-1]))[: len(values)]]


def _runs(values: Column) -> tuple[Column, Column]:
    """The places of the values in their order, and where in it each value begins."""
    order = np.argsort(values, kind="stable")  # the table's order is nearly theirs, of which this one makes use
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
