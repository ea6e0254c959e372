"""Every group of rejected records judged by the rules at its interface, all groups at once, as columns.

No rule is evaluated a million times: per security groups (or network ACL), direction, IP version, protocol and range of
ports the other side's addresses are cut into cells once, and every group of records is looked up in them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from ipaddress import IPv6Address
from socket import inet_aton
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from whyblocked.config.account import Missing
from whyblocked.diagnosis.peers import (
    ECHOES,
    PASSES,
    REFUSED,
    RULE,
    UNKNOWN,
    Cell,
    Traffic,
    about,
    acl_cells,
    group_cells,
)
from whyblocked.diagnosis.places import DIRECTIONS, VERSIONS, Places
from whyblocked.flowlogs.fields import LOST
from whyblocked.flowlogs.groups import NONE, Table
from whyblocked.flowlogs.pairs import CLIENTS, FIRST_EPHEMERAL
from whyblocked.network.packets import ALL_PORTS, ICMP, ICMPV6, TCP, join_intervals, span

Column = NDArray[Any]

EXPLAINED, NOW_ALLOWED, UNEXPLAINED, UNKNOWN_INTERFACE = range(4)
STATUSES = ("explained", "now-allowed", "unexplained", "unknown-interface")
GROUP, ACL, LATE, PUBLIC_ACCESS, ENCRYPTION, TRANSIT, UNHEARD, NOTHING = range(
    8
)  # what was at work; UNHEARD: a new reason
REPLIES, NO_REPLIES, UNTOLD = 1, 0, -1  # what the accepted records say of a group of rejected ones
_ACK = 16
_AT_ONCE = 1 << 20  # groups
_REASONS = {"BPA": PUBLIC_ACCESS, "EC": ENCRYPTION, **dict.fromkeys(LOST.values(), TRANSIT)}


class Judged(NamedTuple):
    """A column for every question about a group of records; rows as in the table.

    ``place`` is the place in ``interfaces`` of one that is known, else -1; ``direction`` one in ``DIRECTIONS``, -1
    where nothing tells. ``work`` is what was at work (:data:`GROUP` ...), ``rule`` the place of the network ACL's rule,
    ``too`` whether the other of the two refuses as well, ``reply`` whether it is taken for an answer, ``doubtful``
    whether accepted records could tell that better.
    """

    status: Column
    work: Column
    direction: Column
    version: Column
    groups: Column
    acl: Column
    rule: Column
    too: Column
    reply: Column
    doubtful: Column
    numbers: Numbers


class Numbers:
    """The table's addresses as numbers of at most 32 bits that keep their order: IPv6 ones by their rank."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.version: Column = np.fromiter(
            (6 if ":" in t else 4 if "." in t else 0 for t in texts), np.int8, len(texts)
        )
        self.number: Column = np.zeros(len(texts), np.int64)
        four = np.flatnonzero(self.version == 4)
        packed = b"".join([inet_aton(texts[place]) for place in four.tolist()])
        self.number[four] = np.frombuffer(packed, ">u4")
        six = np.flatnonzero(self.version == 6)
        values = [int(IPv6Address(texts[place])) for place in six.tolist()]
        self._ranked = sorted(set(values))
        ranks = {value: rank for rank, value in enumerate(self._ranked)}
        self.number[six] = [ranks[value] for value in values]

    def at(self, version: int, address: int) -> int:
        """The number where an address stands, or would stand: the first of those not below it."""
        return address if version == 4 else bisect_left(self._ranked, address)

    def within(self, blocks: Sequence[tuple[int, int, int]]) -> Column:
        """Whether each address lies in one of these blocks: IP version, lowest and highest address."""
        inside = np.zeros(len(self.number), bool)
        for version in VERSIONS:
            joined = join_intervals((low, high) for of, low, high in blocks if of == version)
            spans = [found for low, high in joined if (found := self.span(version, low, high))[0] <= found[1]]
            if spans:
                lows, highs = np.array(spans, np.int64).T
                place = np.searchsorted(lows, self.number, "right") - 1
                inside |= (self.version == version) & (place >= 0) & (self.number <= highs[place])
        return inside

    def span(self, version: int, low: int, high: int) -> tuple[int, int]:
        """The numbers of the addresses of a span; the first is above the last where the table has none of them."""
        return self.at(version, low), self.at(version, high + 1) - 1


Cells = dict[tuple[object, ...], list[Cell]]  # by the rules that decide: most ports have the same ones


def judge(table: Table, places: Places, pairs: Column | None = None) -> Judged:
    """Judge every group of the table, some of them at a time: their numbers take many times what the answer takes.

    ``pairs`` says of each whether it replies to accepted requests.
    """
    numbers = Numbers(table.addresses)
    cells: Cells = {}
    parts = []
    for first in range(0, len(table), _AT_ONCE) or (0,):
        rows = slice(first, first + _AT_ONCE)
        part = _Judging(table, rows, numbers, places, cells, None if pairs is None else pairs[rows]).judged()
        parts.append([_narrow(column) for column in part[:-1]])
    columns: list[Any] = [np.concatenate(pieces) for pieces in zip(*parts, strict=True)]
    return Judged._make([*columns, numbers])


class _Judging:
    def __init__(
        self, table: Table, rows: slice, numbers: Numbers, places: Places, cells: Cells, pairs: Column | None
    ) -> None:
        def column(of: memoryview) -> Column:
            return np.asarray(of[rows])

        self.places = places
        self._cells = cells
        self._names = table.interfaces
        self.known = [places.found.get(name) for name in table.interfaces]
        self.numbers = numbers
        self.interface = column(table.interface).astype(np.int64)  # columns may be narrow; keys are made of these
        self.pairs = np.full(len(self.interface), UNTOLD) if pairs is None else pairs
        self.source, self.destination = column(table.source), column(table.destination)
        self.protocol = _within(column(table.protocol), 255)
        self.port = _within(column(table.destination_port), ALL_PORTS[1])
        self.source_port = _within(column(table.source_port), ALL_PORTS[1])
        self.told = column(table.direction)
        self.flags, syn = column(table.flags), column(table.syn)
        flags = self.flags
        has_flags = (self.protocol == TCP) & (flags != NONE)
        self.late = has_flags & (syn == 0)
        self.is_answer = has_flags & (syn > 0) & (flags & _ACK > 0)
        self.opens = has_flags & (syn > 0) & (flags & _ACK == 0)
        reasons = np.array([*(_REASONS.get(r, UNHEARD) for r in table.reject_reasons), NOTHING])
        self.reason = reasons[column(table.reject_reason)]
        self.groups = self._of_interface(lambda place: place.groups)
        self.acl = self._of_interface(lambda place: place.acl)
        self.is_nat = self._of_interface(lambda place: int(place.is_nat)) == 1
        self.is_transit = self._of_interface(lambda place: int(place.is_transit)) == 1
        self.from_here, self.to_here = self._is_own(self.source), self._is_own(self.destination)
        self.version = np.where(
            self.numbers.version[self.source] > 0,
            self.numbers.version[self.source],
            self.numbers.version[self.destination],
        )

    def _of_interface(self, fact: Callable[[Any], int]) -> Column:
        """A fact about each row's interface, -1 where it is not known."""
        facts: Column = np.array([NONE if place is None else fact(place) for place in self.known] or [NONE])
        found: Column = facts[self.interface]
        return found

    def judged(self) -> Judged:
        """The columns."""
        rows = len(self.interface)
        direction = self._direction()
        everyone = np.arange(rows)
        known = (self.groups != NONE) & (direction != NONE) & (self._peer(everyone, direction)[0] > 0)
        group, acl = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
        judged = np.flatnonzero(known)
        group[judged], acl[judged] = self._decide(judged, direction[judged])
        undirected = np.flatnonzero((self.groups != NONE) & (direction == NONE) & self._has_addresses())
        self._both_ways(undirected, direction, group, acl)
        answer = self._answers(direction, acl)
        reply, doubtful = self._replies(direction, answer)
        acl = np.where(reply, answer, acl)
        proven = reply & (self.pairs == REPLIES)  # the group had let the request pass, and so its reply
        group[proven] = np.where(group[proven] > 0, PASSES, 0)
        by_group, by_acl = group & REFUSED > 0, acl & REFUSED > 0

        work = np.full(rows, NOTHING)
        work[self.late] = LATE  # unless a network ACL, which knows no connections, refuses them
        work[by_group & ~self.late] = GROUP
        first = by_acl & (~by_group | self.late | (direction == 0) | reply)
        work[first] = ACL
        work[self.groups == NONE] = NOTHING
        work = np.where(self.reason != NOTHING, self.reason, work)
        reply |= self._stale(direction, work == GROUP)

        status = np.full(rows, NOW_ALLOWED)
        status[(group | acl) & UNKNOWN > 0] = UNEXPLAINED
        status[direction == NONE] = UNEXPLAINED
        status[group == 0] = UNEXPLAINED
        unread = np.array([name in self.places.unread for name in self._names] or [False])
        status[(self.groups == NONE)] = UNKNOWN_INTERFACE
        status[(self.groups == NONE) & unread[self.interface]] = UNEXPLAINED
        status[work < UNHEARD] = EXPLAINED
        status[(work == UNHEARD) & (status != UNKNOWN_INTERFACE)] = UNEXPLAINED
        return Judged(
            status=status,
            work=work,
            direction=direction,
            version=self.version,
            groups=self.groups,
            acl=self.acl,
            rule=(acl >> RULE) - 1,
            too=by_group & by_acl & ~self.late & ~(reply & (work == ACL)),
            reply=reply,
            doubtful=doubtful,
            numbers=self.numbers,
        )

    def _has_addresses(self) -> Column:
        found: Column = (self.numbers.version[self.source] > 0) & (self.numbers.version[self.destination] > 0)
        return found

    # -- directions ------------------------------------------------------------------------------------------

    def _direction(self) -> Column:
        """From the record itself, else from which of its ends is the interface's own.

        At a NAT gateway neither may be: its clients come in from the VPC, and it answers them for others.
        """
        from_here, to_here = self.from_here, self.to_here
        found = np.where(from_here == to_here, NONE, from_here.astype(np.int64))
        neither = self.is_nat & ~from_here & ~to_here
        if neither.any():
            blocks = [(n.version, *span(n)) for v in self.places.vpcs() for n in v.networks]
            inside = self.numbers.within(blocks)
            comes, goes = inside[self.source], inside[self.destination]
            found = np.where(neither & (comes != goes), goes.astype(np.int64), found)
        return np.where(self.told != NONE, self.told, found)

    def _is_own(self, end: Column) -> Column:
        """Whether an end is an address of the row's interface, delegated blocks among them."""
        keys: list[int] = []
        wide: list[tuple[int, int, int, int]] = []
        for at, place in enumerate(self.known):
            for version, low, high in place.own if place else ():
                first, last = self.numbers.span(version, low, high)
                if first == last:
                    keys.append(_key(at, version, first))
                elif first < last:
                    wide.append((at, version, first, last))
        family, number = self.numbers.version[end].astype(np.int64), self.numbers.number[end]
        found = _among(_key(self.interface, family, number), sorted(keys))
        for at, of, first, last in wide:
            found |= (self.interface == at) & (family == of) & (number >= first) & (number <= last)
        return found

    def _peer(self, rows: Column, direction: Column) -> tuple[Column, Column]:
        """IP version and number of the other side's address."""
        place = np.where(direction == 0, self.source[rows], self.destination[rows])
        return self.numbers.version[place], self.numbers.number[place]

    def _both_ways(self, rows: Column, direction: Column, group: Column, acl: Column) -> None:
        """Where nothing tells the direction: the one in which the rules refuse, if it is the only one."""
        ways = []
        for way in (0, 1):
            there = np.full(len(rows), way)
            outcome = self._decide(rows, there)
            ways.append((*outcome, (outcome[0] | outcome[1]) & REFUSED > 0))
        for way, other in ((0, 1), (1, 0)):
            only = ways[way][2] & ~ways[other][2]
            chosen = rows[only]
            direction[chosen] = way
            group[chosen], acl[chosen] = ways[way][0][only], ways[way][1][only]

    def _answers(self, direction: Column, acl: Column) -> Column:
        """What the network ACL does with replies: other than with requests for ICMP, whose types records lack."""
        answer = acl.copy()
        pings = np.flatnonzero(np.isin(self.protocol, list(ECHOES)) & (acl > 0))
        if len(pings):
            found = self._of_acl(pings, direction[pings], self._echo(pings, 1))
            answer[pings] = np.where(found & REFUSED > 0, found, np.where(self.pairs[pings] == REPLIES, acl[pings], 0))
        return answer

    def _replies(self, direction: Column, acl: Column) -> tuple[Column, Column]:
        """What is taken for replies, and of what of that nothing but accepted records could be certain.

        With SYN and ACK it is one. Otherwise the ports tell, with the rules: from a port that servers use to one that
        clients use, if the rules would have let the request pass; where the ports do not tell, a host replies and
        does not ask. A NAT gateway is never asked from outside, and asks nobody inside.
        """
        found = self.is_answer.copy()
        client = self.port >= FIRST_EPHEMERAL
        maybe = (acl & REFUSED > 0) & ((self.port == NONE) | client) & ~self.opens & ~found & (self.groups != NONE)
        to_port, from_port = _rank(self.port), _rank(self.source_port)
        is_told = (self.port != NONE) & (self.source_port != NONE)
        maybe &= ~is_told | (from_port <= to_port)
        nat = maybe & self.is_nat
        inside = self._is_inside(nat)
        found |= nat & np.where(direction == 0, self.to_here & ~inside[0], ~self.from_here | inside[1])
        rows = np.flatnonzero(maybe & ~self.is_nat & (direction != NONE))
        if not len(rows):
            return found, np.zeros(len(found), bool)
        way = direction[rows]
        back = 1 - way
        group, other = self._decide(
            rows, back, peer=self._peer(rows, way), port=np.where(is_told, self.source_port, NONE)[rows]
        )
        served = (group & PASSES > 0) & (other & PASSES > 0)
        evident = (is_told & (from_port < to_port))[rows]
        pairs = self.pairs[rows]
        guessed = served & (evident | ((way == 1) & (pairs != NO_REPLIES)))
        found[rows] |= guessed | (pairs == REPLIES)
        doubtful = np.zeros(len(found), bool)
        doubtful[rows] = ~(served & evident)
        return found, doubtful

    def _stale(self, direction: Column, refused: Column) -> Column:
        """What a security group refuses, and yet comes from a service that the rules let be asked to a client's port.

        It answers a connection that is no longer tracked. Records with flags tell that themselves.
        """
        has_flags = (self.protocol == TCP) & (self.flags != NONE)
        ports = (_rank(self.port) == 2) & (self.source_port > 0) & (_rank(self.source_port) == 0)
        rows = np.flatnonzero(refused & ports & ~has_flags)
        found = np.zeros(len(refused), bool)
        if len(rows):
            way = direction[rows]
            asked = self._decide(rows, 1 - way, peer=self._peer(rows, way), port=self.source_port[rows])
            found[rows] = (asked[0] & asked[1]) == PASSES
        return found

    def _is_inside(self, rows: Column) -> tuple[Column, Column]:
        """Whether the source and the destination are addresses of the VPCs; only where there are such rows."""
        if not rows.any():
            return rows, rows
        inside = self.numbers.within([(n.version, *span(n)) for v in self.places.vpcs() for n in v.networks])
        return inside[self.source], inside[self.destination]

    # -- rules -----------------------------------------------------------------------------------------------

    def _decide(
        self, rows: Column, direction: Column, *, port: Column | None = None, peer: tuple[Column, Column] | None = None
    ) -> tuple[Column, Column]:
        """What the security groups and the network ACL do with these rows in this direction.

        Records tell no ICMP types. They are taken for echo requests, if those are refused; else for any type.
        """
        peer = peer or self._peer(rows, direction)
        ports = self.port[rows] if port is None else port
        group, acl = self._of_groups(rows, direction, ports, peer), self._of_acl(rows, direction, ports, peer)
        pings = np.flatnonzero(np.isin(self.protocol[rows], list(ECHOES)))
        if len(pings):
            asked, way, other = rows[pings], direction[pings], (peer[0][pings], peer[1][pings])
            echo = self._echo(asked, 0)
            found = self._of_groups(asked, way, echo, other), self._of_acl(asked, way, echo, other)
            refused = (found[0] | found[1]) & REFUSED > 0
            group[pings] = np.where(refused, found[0], group[pings])
            acl[pings] = np.where(refused, found[1], acl[pings])
        return group, acl

    def _echo(self, rows: Column, reply: int) -> Column:
        """The ICMP type of an echo request or its reply."""
        return np.where(self.protocol[rows] == ICMP, ECHOES[ICMP][reply], ECHOES[ICMPV6][reply])

    def _of_groups(self, rows: Column, direction: Column, port: Column, peer: tuple[Column, Column]) -> Column:
        return self._look_up(self.groups[rows], self._group_rules, rows, direction, port, *peer)

    def _of_acl(
        self, rows: Column, direction: Column, port: Column, peer: tuple[Column, Column] | None = None
    ) -> Column:
        version, number = peer or self._peer(rows, direction)
        found = self._look_up(self.acl[rows], self._acl_rules, rows, direction, port, version, number)
        # What goes to a transit gateway is looked at even from its own subnet (https://docs.aws.amazon.com/vpc/latest/tgw/tgw-nacls.html).
        found[self._in_subnet(rows, version, number) & ~(self.is_transit[rows] & (direction == 0))] = PASSES
        return found

    def _look_up(
        self,
        sets: Column,
        rules: Callable[[int, Traffic | None, int, int, int | None], Any],
        rows: Column,
        direction: Column,
        port: Column,
        version: Column,
        number: Column,
    ) -> Column:
        if not len(rows):
            return np.zeros(0, np.int64)
        classes, at = _compact(((sets * 2 + direction) * 2 + (version == 6)) * 257 + self.protocol[rows] + 1)
        bounds: list[int] = []
        traffics: list[tuple[int, Traffic]] = []
        for place, code in enumerate(classes.tolist()):
            rest, protocol = divmod(code, 257)
            rest, is_six = divmod(rest, 2)
            which, way = divmod(rest, 2)
            of = None if protocol == 0 else protocol - 1
            ports = rules(which, None, way, VERSIONS[is_six], of)
            bounds.append(place << 17)
            traffics.append((which, Traffic(DIRECTIONS[way], VERSIONS[is_six], of, ALL_PORTS)))
            for low, after in zip(ports, [*ports[1:], ALL_PORTS[1] + 1], strict=True):
                bounds.append(place << 17 | low + 1)
                traffics.append((which, Traffic(DIRECTIONS[way], VERSIONS[is_six], of, (low, after - 1))))
        used, at = _compact(np.searchsorted(np.array(bounds), at << 17 | port + 1, "right") - 1)
        starts: list[int] = []
        outcomes: list[int] = []
        for place, found in enumerate(used.tolist()):
            which, traffic = traffics[found]
            for start, outcome in rules(which, traffic, 0, traffic.version, None):
                starts.append(place << 33 | self.numbers.at(traffic.version, start))
                outcomes.append(outcome)
        return np.array(outcomes)[np.searchsorted(np.array(starts), at << 33 | number, "right") - 1]

    def _group_rules(self, groups: int, traffic: Traffic | None, way: int, version: int, protocol: int | None) -> Any:
        """The cells of some traffic, or, where none is given, the ports at which the rules change."""
        if traffic is None:
            return self.places.breaks(groups, None, DIRECTIONS[way], version, protocol)
        if not self.places.like(groups).groups:
            return [Cell(0, PASSES)]
        rules, unread = self.places.group_rules(groups, traffic.direction)
        deciding = about(rules, traffic)
        key = (groups, traffic if not traffic.is_whole else traffic[:2], *map(id, deciding))
        if key not in self._cells:
            self._cells[key] = group_cells(
                deciding, traffic, lambda r, p: self.places.spans(groups, r, p), unread=unread
            )
        return self._cells[key]

    def _acl_rules(self, acl: int, traffic: Traffic | None, way: int, version: int, protocol: int | None) -> Any:
        if traffic is None:
            return self.places.breaks(None, acl, DIRECTIONS[way], version, protocol)
        rules = self.places.acl_rules(acl, traffic.direction, traffic.version)
        return [Cell(0, UNKNOWN)] if isinstance(rules, Missing) else acl_cells(rules[1], traffic)

    def _in_subnet(self, rows: Column, version: Column, number: Column) -> Column:
        """Whether the other side is in the interface's own subnet, inside which no network ACL looks."""
        found = np.zeros(len(rows), bool)
        blocks = [place.subnet if place else () for place in self.known]
        for turn in range(max(map(len, blocks), default=0)):
            spans = [(b[turn][0], *self.numbers.span(*b[turn])) if turn < len(b) else (0, 0, NONE) for b in blocks]
            of, low, high = (np.array(column)[self.interface[rows]] for column in zip(*spans, strict=True))
            found |= (version == of) & (number >= low) & (number <= high)
        return found


def _narrow(column: Column) -> Column:
    """The column in numbers that are narrow enough for a million rows."""
    if column.dtype == bool:
        return column
    highest = int(column.max(initial=0))
    return column.astype(np.int8 if highest < 1 << 7 else np.int16 if highest < 1 << 15 else np.int32)


def _within(numbers: Column, highest: int) -> Column:
    """The column with what no protocol or port can be taken for not told."""
    column = numbers.astype(np.int64)
    return np.where((column < 0) | (column > highest), NONE, column)


def _rank(port: Column) -> Column:
    """How much a port is a client's: 0 a service's, 2 a client's, 1 what may be either."""
    return (port >= FIRST_EPHEMERAL).astype(np.int8) + (port >= CLIENTS)


def _among(values: Column, sorted_keys: Sequence[int]) -> Column:
    """Whether each value is one of the keys."""
    keys = np.array([*sorted_keys, np.iinfo(np.int64).max])
    found: Column = keys[np.searchsorted(keys, values)] == values
    return found


def _key(interface: Any, version: Any, number: Any) -> Any:
    return (interface << 34) | ((version // 6) << 33) | number


def _compact(values: Column) -> tuple[Column, Column]:
    """The different values, sorted, and the place of each row's."""
    highest = int(values.max()) + 1
    if highest > 1 << 24:
        found: tuple[Column, Column] = np.unique(values, return_inverse=True)
        return found
    present = np.flatnonzero(np.bincount(values, minlength=highest))
    places = np.zeros(highest, np.int64)
    places[present] = np.arange(len(present))
    return present, places[values]
