"""Who may talk at an interface: the addresses of the other side cut into cells that the rules treat alike.

A rule at an interface looks at the other side's address alone, so its addresses, as one line from the lowest to the
highest, fall into a few cells for every protocol and port. A million flows are then a million look-ups.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from whyblocked.config.account import Missing
from whyblocked.network.packets import (
    ALL_PORTS,
    ALL_PROTOCOLS,
    EVERYWHERE,
    ICMP,
    ICMPV6,
    Interval,
    Packets,
    join_intervals,
    subtract_intervals,
)
from whyblocked.network.protocols import has_ports
from whyblocked.network.rules import AclRule, Decision, Direction, GroupRule, any_match, first_match

PASSES, REFUSED, UNKNOWN = 1, 2, 4  # what becomes of some of the packets; several where the record tells too little
RULE = 3  # bits before the place (plus one) of the first network ACL rule that refuses
ECHOES = {ICMP: (8, 0), ICMPV6: (128, 129)}  # types of the request and the reply: records tell none
_BITS = {"allow": PASSES, "deny": REFUSED, "unknown": UNKNOWN}


class Traffic(NamedTuple):
    """Packets of one IP version and protocol (None: not told) to the ports of a range, whoever the other side is.

    For ICMP the ports are types; where they are told, the code is 0, as in an echo and its reply.
    """

    direction: Direction
    version: int
    protocol: int | None
    ports: Interval

    def box(self, peer: Interval | None = None) -> Packets:
        """The packets as the rules see them; ``peer`` are the other side's addresses."""
        everywhere = EVERYWHERE[self.version]
        there = everywhere if peer is None else peer
        source, destination = (there, everywhere) if self.direction == "ingress" else (everywhere, there)
        codes = (0, 0) if self.protocol in ECHOES and self.ports != ALL_PORTS else ALL_PORTS
        return Packets(self.version, source, destination, self.span, codes, self.ports)

    @property
    def span(self) -> Interval:
        """The protocol as an interval."""
        return ALL_PROTOCOLS if self.protocol is None else (self.protocol, self.protocol)

    @property
    def is_whole(self) -> bool:
        """Whether each rule covers all of it or nothing, its addresses aside."""
        return has_ports(self.span) and self.ports != ALL_PORTS


class Cell(NamedTuple):
    """Addresses from ``start`` to the next cell, and what the rules do with packets from or to them."""

    start: int
    outcome: int


Spans = Callable[[GroupRule, Packets], Sequence[Interval] | Missing]


def breaks(rules: Iterable[GroupRule | AclRule], protocol: int | None) -> list[int]:
    """The ports at which any rule about a protocol begins or ends, 0 among them."""
    if protocol is None:
        return [0]
    found = {0}
    for rule in rules:
        span, (low, high) = (
            (rule.protocol, rule.ports)
            if isinstance(rule, GroupRule)
            else (rule.box.protocol, rule.box.destination_ports)
        )
        if span[0] <= protocol <= span[1]:
            found.add(low)
            found.add(high + 1)
    found.discard(ALL_PORTS[1] + 1)
    return sorted(found)


def about(rules: Sequence[GroupRule], traffic: Traffic) -> list[GroupRule]:
    """Those of the rules that name the protocol and the IP version of some traffic, whatever its ports."""
    (low, high), versions = traffic.span, (None, traffic.version)
    return [rule for rule in rules if rule.protocol[0] <= high and low <= rule.protocol[1] and rule.version in versions]


def at_ports(rules: Sequence[GroupRule], traffic: Traffic) -> list[GroupRule]:
    """Those of the rules :func:`about` some traffic that decide at its ports."""
    first, last = traffic.ports
    return [rule for rule in rules if rule.ports[0] <= first and last <= rule.ports[1]]


def group_cells(rules: Sequence[GroupRule], traffic: Traffic, spans: Spans, *, unread: bool) -> list[Cell]:
    """What rules do that are :func:`about` some traffic, and :func:`at_ports` if it is whole.

    ``unread``: some of the groups could not be read.
    """
    whole = traffic.box()
    refused = UNKNOWN if unread else REFUSED
    if not traffic.is_whole:
        decided = any_match(rules, whole, spans)
        bits = [UNKNOWN if unread and d.action == "deny" else _BITS[d.action] for d in decided]
        return _overlaid([(_peer(d, traffic), bit, 0) for d, bit in zip(decided, bits, strict=True)])
    passing: list[Interval] = []
    unknown = False
    for rule in rules:
        found = (rule.block,) if rule.block is not None else spans(rule, whole)
        if isinstance(found, Missing):
            unknown = True
        else:
            passing += found
    other = UNKNOWN if unknown else refused
    start, highest = EVERYWHERE[traffic.version]
    cells = []
    for low, high in join_intervals(passing):
        if start < low:
            cells.append(Cell(start, other))
        cells.append(Cell(low, PASSES))
        start = high + 1
    return [*cells, Cell(start, other)] if start <= highest else cells


def acl_cells(rules: Sequence[AclRule], traffic: Traffic) -> list[Cell]:
    """What a network ACL does, with the place of the rule that refuses."""
    if not traffic.is_whole:
        decided = first_match(rules, traffic.box())
        places = {id(rule): place for place, rule in enumerate(rules)}
        return _overlaid(
            [
                (_peer(d, traffic), _BITS[d.action], 0 if d.action == "allow" else places[id(d.rule)] + 1)
                for d in decided
            ]
        )
    cells: list[Cell] = []
    rest: list[Interval] = [EVERYWHERE[traffic.version]]
    for place, rule in enumerate(rules):
        if not _is_about(rule.box.protocol, rule.box.destination_ports, traffic):
            continue
        low, high = rule.box.source if traffic.direction == "ingress" else rule.box.destination
        outcome = PASSES if rule.allow else REFUSED | (place + 1) << RULE
        taken = [max(a, low) for a, b in rest if a <= high and low <= b]
        if taken:
            cells += [Cell(start, outcome) for start in taken]
            rest = subtract_intervals(rest, [(low, high)])
            if not rest:
                break
    return sorted(cells)


def _is_about(protocol: Interval, ports: Interval, traffic: Traffic) -> bool:
    (low, high), (first, last) = traffic.span, traffic.ports
    return protocol[0] <= low and high <= protocol[1] and ports[0] <= first and last <= ports[1]


def _peer(decision: Decision, traffic: Traffic) -> Interval:
    return decision.packets.source if traffic.direction == "ingress" else decision.packets.destination


def _overlaid(parts: Iterable[tuple[Interval, int, int]]) -> list[Cell]:
    """Cells of parts that may lie over each other: all that becomes of their packets, and the first rule."""
    known = list(parts)
    cells = []
    for start in sorted({p for (low, high), _, _ in known for p in (low, high + 1)})[:-1]:
        here = [(bit, rule) for (low, high), bit, rule in known if low <= start <= high]
        bits = 0
        for bit, _ in here:
            bits |= bit
        cells.append(Cell(start, bits | min((rule for _, rule in here if rule), default=0) << RULE))
    return cells
