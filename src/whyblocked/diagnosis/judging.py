"""Every group of rejected records judged by the rules at its interface, all groups at once, as columns.

No rule is evaluated a million times: per security groups (or network ACL), direction, IP version, protocol and range of
ports the other side's addresses are cut into cells once, and every group of records is looked up in them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from whyblocked.diagnosis.lookups import Column, Numbers, Rules
from whyblocked.diagnosis.peers import ECHOES, PASSES, REFUSED, RULE, UNKNOWN
from whyblocked.flowlogs.fields import LOST
from whyblocked.flowlogs.groups import NONE, Table
from whyblocked.flowlogs.memory import DEAR, give_back
from whyblocked.flowlogs.pairs import CLIENTS, FIRST_EPHEMERAL
from whyblocked.network.packets import ALL_PORTS, ICMP, ICMPV6, TCP, span

EXPLAINED, NOW_ALLOWED, UNEXPLAINED, UNKNOWN_INTERFACE = range(4)
STATUSES = ("explained", "now-allowed", "unexplained", "unknown-interface")
GROUP, ACL, LATE, PUBLIC_ACCESS, ENCRYPTION, TRANSIT, UNHEARD, NOTHING = range(
    8
)  # what was at work; UNHEARD: a new reason
# What the accepted records say of a group of rejected ones; UNHEEDED: a reply that was never let pass.
UNHEEDED, REPLIES, NO_REPLIES, UNTOLD = 2, 1, 0, -1
OPEN, TELLING = 1, 2  # how much of a group speaks for a reply: nothing against it, or its ports and the rules
_ACK = 16
_AT_ONCE = 1 << 17  # groups: their columns stay in the cache of a CPU
_THREADS = 2
_REASONS = {"BPA": PUBLIC_ACCESS, "EC": ENCRYPTION, **dict.fromkeys(LOST.values(), TRANSIT)}


class Judged(NamedTuple):
    """A column for every question about a group of records; rows as in the table.

    ``place`` is the place in ``interfaces`` of one that is known, else -1; ``direction`` one in ``DIRECTIONS``, -1
    where nothing tells. ``work`` is what was at work (:data:`GROUP` ...), ``partly`` whether that refuses some of such
    packets only, and the records do not tell which these were, ``rule`` the place of the network ACL's rule, ``too``
    whether the other of the two refuses as well. ``reply`` is whether it is taken for an answer, ``doubtful`` whether
    accepted records could tell that better (:data:`OPEN`, :data:`TELLING`), ``untold`` whether it may be one or not for
    all that is known.
    """

    status: Column
    work: Column
    direction: Column
    version: Column
    groups: Column
    acl: Column
    rule: Column
    partly: Column
    too: Column
    reply: Column
    doubtful: Column
    untold: Column
    numbers: Numbers

    def with_pairs(self, table: Table, rules: Rules, rows: Column, pairs: Column) -> Judged:
        """The same, with these rows judged by what accepted records say of them, too."""
        again = _Judging(table, rows, rules, pairs).judged()
        columns = []
        for old, new in zip(self[:-1], again[:-1], strict=True):
            column = old.astype(np.result_type(old, _narrow(new)))
            column[rows] = new
            columns.append(column)
        return Judged._make([*columns, self.numbers])


def judge(table: Table, rules: Rules) -> Judged:
    """Judge every group of the table, some of them at a time: their numbers take many times what the answer takes."""

    def some(first: int) -> list[Column]:
        part = _Judging(table, slice(first, first + _AT_ONCE), rules).judged()
        return [_narrow(column) for column in part[:-1]]

    firsts = range(0, len(table), _AT_ONCE)
    if len(firsts) > 1:
        from concurrent.futures import ThreadPoolExecutor  # which a small file does without

        with ThreadPoolExecutor(_THREADS) as pool:  # numpy works on both CPUs at once
            parts = list(pool.map(some, firsts))
    else:
        parts = [some(0)]
    columns: list[Any] = [np.concatenate([part.pop(0) for part in parts]) for _ in range(len(parts[0]))]
    if len(table) > DEAR:
        give_back()
    return Judged._make([*columns, rules.numbers])


class _Judging:
    """Some of the groups; ``pairs`` says of each whether it replies to accepted requests."""

    def __init__(self, table: Table, rows: slice | Column, rules: Rules, pairs: Column | None = None) -> None:
        def column(of: memoryview) -> Column:
            found: Column = np.asarray(of)[rows]
            return found

        self._rules = rules
        self.places, self.numbers = rules.places, rules.numbers
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
        self.groups, self.acl = rules.groups[self.interface], rules.acl[self.interface]
        self.is_nat, self.is_transit = rules.is_nat[self.interface], rules.is_transit[self.interface]
        self.from_here = rules.is_own(self.interface, self.source)
        self.to_here = rules.is_own(self.interface, self.destination)
        ends = self.numbers.version[self.source], self.numbers.version[self.destination]
        self.version = np.where(ends[0] > 0, *ends)
        self.has_addresses = (ends[0] > 0) & (ends[0] == ends[1])
        self.is_mixed = (ends[0] > 0) & (ends[1] > 0) & ~self.has_addresses  # no packet has ends of both IP versions

    def judged(self) -> Judged:
        """The columns."""
        rows = len(self.interface)
        direction = self._direction()
        everyone = np.arange(rows)
        known = (self.groups != NONE) & (direction != NONE) & (self._peer(everyone, direction)[0] > 0) & ~self.is_mixed
        group, acl = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
        judged = np.flatnonzero(known)
        group[judged], acl[judged] = self._decide(judged, direction[judged])
        undirected = np.flatnonzero((self.groups != NONE) & (direction == NONE) & self.has_addresses)
        self._both_ways(undirected, direction, group, acl)
        answer = self._answers(direction, acl)
        reply, doubtful, untold = self._replies(direction, group, answer)
        acl = np.where(reply, answer, acl)
        proven = reply & (self.pairs >= REPLIES)  # the group had let the request pass, and so its reply
        group[proven] = np.where(group[proven] > 0, PASSES, 0)
        by_group, by_acl = _refuses(group), _refuses(acl)

        work = np.full(rows, NOTHING)
        work[self.late] = LATE  # unless a network ACL, which knows no connections, refuses them
        work[by_group & ~self.late] = GROUP
        work[by_acl & (~by_group | self.late | (direction == 0) | reply | untold)] = ACL
        maybe = (group & REFUSED > 0, acl & REFUSED > 0)
        partly = (work == NOTHING) & (maybe[0] | maybe[1]) & (self.groups != NONE) & (self.reason == NOTHING)
        work[partly] = np.where(maybe[1] & (~maybe[0] | (direction == 0) | reply), ACL, GROUP)[partly]
        work[self.groups == NONE] = NOTHING
        work = np.where(self.reason != NOTHING, self.reason, work)
        reply |= self._stale(direction, (work == GROUP) & ~partly)

        status = np.full(rows, NOW_ALLOWED)
        status[(group | acl) & UNKNOWN > 0] = UNEXPLAINED
        status[direction == NONE] = UNEXPLAINED
        status[group == 0] = UNEXPLAINED
        unread = np.array([name in self.places.unread for name in self._rules.names] or [False])
        status[(self.groups == NONE)] = UNKNOWN_INTERFACE
        status[(self.groups == NONE) & unread[self.interface]] = UNEXPLAINED
        status[(work < UNHEARD) & ~partly] = EXPLAINED
        status[partly] = UNEXPLAINED
        status[(work == UNHEARD) & (status != UNKNOWN_INTERFACE)] = UNEXPLAINED
        return Judged(
            status=status,
            work=work,
            direction=direction,
            version=self.version,
            groups=self.groups,
            acl=self.acl,
            rule=(acl >> RULE) - 1,
            partly=partly,
            too=by_group & by_acl & ~self.late & ~(reply & (work == ACL)),
            reply=reply,
            doubtful=doubtful,
            untold=untold & (work == ACL) & ~partly,
            numbers=self.numbers,
        )

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
            ways.append((*outcome, _refuses(outcome[0]) | _refuses(outcome[1])))
        for way, other in ((0, 1), (1, 0)):
            only = ways[way][2] & ~ways[other][2]
            chosen = rows[only]
            direction[chosen] = way
            group[chosen], acl[chosen] = ways[way][0][only], ways[way][1][only]

    def _answers(self, direction: Column, acl: Column) -> Column:
        """What the network ACL does with replies: other than with requests for ICMP, whose types records lack."""
        answer = acl.copy()
        pings = np.flatnonzero(_has_echoes(self.protocol) & (acl > 0))
        if len(pings):
            found = self._of_acl(pings, direction[pings], self._echo(pings, 1))
            answer[pings] = np.where(found & REFUSED > 0, found, np.where(self.pairs[pings] >= REPLIES, acl[pings], 0))
        return answer

    def _replies(self, direction: Column, group: Column, acl: Column) -> tuple[Column, Column, Column]:
        """What is taken for replies, of what nothing but accepted records could be certain, and what remains open.

        With SYN and ACK it is one. Otherwise the ports tell, with the rules: from a port that servers use to one that
        clients use, if the rules would have let the request pass. A NAT gateway is never asked from outside, and asks
        nobody inside. A group lets the reply of an accepted request pass, so one that it refuses now, and that never
        passed, was another's work.
        """
        found = self.is_answer.copy()
        to_port, from_port = _rank(self.port), _rank(self.source_port)
        is_told = (self.port != NONE) & (self.source_port != NONE)
        may_reply = ((self.port == NONE) | (self.port >= FIRST_EPHEMERAL)) & ~self.opens & (self.groups != NONE)
        may_reply &= ~is_told | (from_port <= to_port)
        untold = np.zeros(len(found), bool)
        refused = may_reply & (group & REFUSED > 0) & ~self.late & (direction != NONE)
        doubtful = np.where(refused, OPEN, 0)
        doubtful[self._served(direction, np.flatnonzero(refused & is_told & (from_port < to_port)))] = TELLING
        found |= refused & (self.pairs == UNHEEDED)
        maybe = (acl & REFUSED > 0) & may_reply & ~self.is_answer
        nat = maybe & self.is_nat
        inside = self._is_inside(nat)
        found |= nat & np.where(direction == 0, self.to_here & ~inside[0], ~self.from_here | inside[1])
        rows = np.flatnonzero(maybe & ~self.is_nat & (direction != NONE))
        if not len(rows):
            return found, doubtful, untold
        way = direction[rows]
        back = 1 - way
        asked, other = self._decide(
            rows, back, peer=self._peer(rows, way), port=np.where(is_told, self.source_port, NONE)[rows]
        )
        served = (asked & PASSES > 0) & (other & PASSES > 0)
        evident = (is_told & (from_port < to_port))[rows]
        pairs = self.pairs[rows]
        found[rows] |= (served & evident) | (pairs >= REPLIES)
        doubtful[rows] = np.maximum(doubtful[rows], np.where(served & evident, 0, OPEN))
        untold[rows] = served & ~evident & (way == 1) & (pairs == UNTOLD)
        return found, doubtful, untold

    def _served(self, direction: Column, rows: Column) -> Column:
        """Those of the rows, which go from a service's port to a client's, whose request the rules let pass.

        What comes in speaks for itself only from the lowest class of ports: outbound rules tend to allow everything.
        """
        if len(rows):
            rows = rows[(direction[rows] == 1) | (_rank(self.source_port[rows]) == 0)]
            way = direction[rows]
            asked = self._decide(rows, 1 - way, peer=self._peer(rows, way), port=self.source_port[rows])
            rows = rows[(asked[0] & asked[1] & PASSES) > 0]
        return rows

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

        Records tell no ICMP types. They are taken for echo requests, if those are refused; else any type is meant.
        """
        peer = peer or self._peer(rows, direction)
        ports = self.port[rows] if port is None else port
        group, acl = self._of_groups(rows, direction, ports, peer), self._of_acl(rows, direction, ports, peer)
        pings = np.flatnonzero(_has_echoes(self.protocol[rows]))
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
        protocol = self.protocol[rows]
        return self._rules.of_groups.look_up(self.groups[rows], direction, peer[0], protocol, port, peer[1])

    def _of_acl(
        self, rows: Column, direction: Column, port: Column, peer: tuple[Column, Column] | None = None
    ) -> Column:
        version, number = peer or self._peer(rows, direction)
        protocol = self.protocol[rows]
        found = self._rules.of_acl.look_up(self.acl[rows], direction, version, protocol, port, number)
        # What goes to a transit gateway is looked at even from its own subnet (https://docs.aws.amazon.com/vpc/latest/tgw/tgw-nacls.html).
        found[self._in_subnet(rows, version, number) & ~(self.is_transit[rows] & (direction == 0))] = PASSES
        return found

    def _in_subnet(self, rows: Column, version: Column, number: Column) -> Column:
        """Whether the other side is in the interface's own subnet, inside which no network ACL looks."""
        found = np.zeros(len(rows), bool)
        at = self.interface[rows]
        for of, low, high in self._rules.subnets:
            found |= (version == of[at]) & (number >= low[at]) & (number <= high[at])
        return found


def _refuses(outcome: Column) -> Column:
    """Where all packets are refused that a record may stand for."""
    found: Column = outcome & (PASSES | REFUSED) == REFUSED
    return found


def _narrow(column: Column) -> Column:
    """The column in numbers that are narrow enough for a million rows."""
    if column.dtype == bool:
        return column
    highest = int(column.max(initial=0))
    return column.astype(np.int8 if highest < 1 << 7 else np.int16 if highest < 1 << 15 else np.int32)


def _has_echoes(protocol: Column) -> Column:
    found: Column = (protocol == ICMP) | (protocol == ICMPV6)
    return found


def _within(numbers: Column, highest: int) -> Column:
    """The column with what no protocol or port can be taken for not told."""
    column = numbers.astype(np.int64)
    return np.where((column < 0) | (column > highest), NONE, column)


def _rank(port: Column) -> Column:
    """How much a port is a client's: 0 a service's, 2 a client's, 1 what may be either."""
    return (port >= FIRST_EPHEMERAL).astype(np.int8) + (port >= CLIENTS)
