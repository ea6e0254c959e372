"""Refused packets as rules can name them: blocks, protocols and ports, no wider than the question."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from typing import NamedTuple

from whyblocked.config.account import Account
from whyblocked.config.edits.interfaces import STAND_INS
from whyblocked.config.resources import NetworkInterface, block
from whyblocked.diagnosis.fixing.steps import Case, NoFix
from whyblocked.diagnosis.sets import addresses_text
from whyblocked.network.asked import End
from whyblocked.network.packets import (
    ALL_PORTS,
    ALL_PROTOCOLS,
    Interval,
    Packets,
    interval_text,
    join_intervals,
    span,
    subtract_intervals,
)
from whyblocked.network.protocols import has_ports, is_icmp, protocol_text
from whyblocked.network.supposed import spans_of_interface

MOST_BLOCKS = 4  # more than these make no rules that anyone wants to keep
EVERYWHERE = ("0.0.0.0/0", "::/0")


class Traffic(NamedTuple):
    """What one rule is about beside its peer: protocol, ports (ICMP: types) and ICMP codes; ports None: it has none."""

    version: int
    protocol: Interval
    ports: Interval | None = None
    codes: Interval | None = None

    @property
    def every(self) -> bool:
        """Whether it is all protocols."""
        return self.protocol == ALL_PROTOCOLS

    @property
    def icmp(self) -> tuple[int, int] | None:
        """ICMP type and code as rules write them, -1 for all."""
        if self.ports is None or self.codes is None:
            return None
        low, high = self.ports
        return (low, self.codes[0] if self.codes[0] == self.codes[1] else -1) if low == high else (-1, -1)

    def __str__(self) -> str:
        name = protocol_text(self.protocol)
        if self.every:
            return "all traffic"
        if self.icmp is not None:
            kind, code = self.icmp
            return f"all {name}" if kind == -1 else f"{name} type {kind}" + (f" code {code}" if code >= 0 else "")
        if self.ports is None:
            return name if name.isalpha() else f"protocol {name}"
        return f"{name}/{interval_text([self.ports])}" if self.ports != ALL_PORTS else f"all {name}"


def traffic_of(case: Case, boxes: Iterable[Packets]) -> list[Traffic]:
    """What rules have to be about to cover these packets: few, and none beyond the question's protocols and ports."""
    found: list[Traffic] = []
    boxes = list(dict.fromkeys(boxes))
    version = boxes[0].version
    protocols = join_intervals(box.protocol for box in boxes)
    if protocols[0][0] != protocols[-1][1] and case.asked.question.protocol == -1:
        return [Traffic(version, ALL_PROTOCOLS)]
    for protocol in sorted({box.protocol for box in boxes}):
        alike = [box for box in boxes if box.protocol == protocol]
        ports = join_intervals(box.destination_ports for box in alike)
        if has_ports(protocol):
            whole = (ports[0][0], ports[-1][1])
            if len(ports) > 1 and _is_asked(case, whole):
                ports = [whole]
            found += [Traffic(version, protocol, one) for one in ports]
        elif is_icmp(protocol, version):
            codes = join_intervals(box.source_ports for box in alike)
            one = len(ports) == len(codes) == 1 and ports[0][0] == ports[0][1]
            every = (0, 255)
            found.append(Traffic(version, protocol, ports[0] if one else every, codes[0] if one else every))
        else:
            found.append(Traffic(version, protocol))
    return found


def _is_asked(case: Case, ports: Interval) -> bool:
    """Whether all of these ports were asked about: what lies between those that are refused is then allowed already."""
    if any(passage.kind == "load-balancer" for passage in case.walk.passages):
        return False  # which sends to other ports
    low, high = case.asked.question.destination_ports or ALL_PORTS
    return low <= ports[0] and ports[1] <= high


def blocks_of(case: Case, version: int, spans: Iterable[Interval], *, of_source: bool) -> list[str]:
    """The blocks that rules have to name for these addresses of one side of the question.

    ``of_source``: they are the side where the question begins. Many small blocks become the one that was asked about,
    or those of the subnets that they lie in. Everything is named only where ``internet`` was asked about.
    """
    spans = join_intervals(spans)
    end = case.asked.source if of_source else case.asked.destination
    new = span(STAND_INS)
    if version == 4 and any(new[0] <= low <= high <= new[1] for low, high in spans):
        raise NoFix(
            f"What {end.label} sends would come from an address that is known only once it is allocated: "
            "ask again then."
        )
    found = addresses_text(version, spans).split(",")
    if len(found) > MOST_BLOCKS or _of_unlisted_nodes(case.account, version, spans):
        found = _wider(case.account, end, version, spans)
    if end.kind != "internet" and any(one in EVERYWHERE for one in found):
        raise NoFix(f"A rule for everyone ({found[0]}) is proposed only where the question asks for internet.")
    return found


def widened(
    case: Case, version: int, spans: Sequence[Interval], blocks: Iterable[str], *, of_source: bool
) -> list[str]:
    """In words, whom the blocks stand for beside the addresses that were asked about."""
    end = case.asked.source if of_source else case.asked.destination
    asked = [*spans, *([span(end.network)] if end.network is not None and end.network.version == version else [])]
    found = [
        f"{one} is a whole subnet: which of its addresses is meant is not fixed, so all of them count."
        for one in blocks
        if one not in EVERYWHERE and subtract_intervals([span(block(one))], asked)
    ]
    single = {IPv4Address(low) for low, high in spans if version == 4 and low == high}
    for name, gateway in sorted(case.account.nat_gateways.items()):
        own = {IPv4Address(t) for a in gateway.nat_gateway_addresses for t in (a.public_ip, a.private_ip) if t}
        found += [f"{one} is that of {name}: everybody who sends through it comes from there." for one in single & own]
    for balancer, nodes in _nodes_met(case):
        if any(
            low <= number <= high
            for node in nodes
            for number, _ in spans_of_interface(node, version)
            for low, high in spans
        ):
            found.append(f"Load balancer {balancer} sends from there for everybody whom it serves.")
    return found


def _nodes_met(case: Case) -> Iterator[tuple[str, list[NetworkInterface]]]:
    """The load balancers on the way, with those of their nodes that the packets came by."""
    for name in dict.fromkeys(p.id for p in case.walk.passages if p.kind == "load-balancer"):
        balancer = case.account.balancers.by_id.get(name)
        met = {p.interface_id for p in case.walk.passages if p.kind == "load-balancer" and p.id == name}
        nodes = (case.account.interfaces.get(n or "") or case.account.balancers.nodes.get(n or "") for n in met)
        yield balancer.name if balancer else name, [node for node in nodes if node is not None]


def _of_unlisted_nodes(account: Account, version: int, spans: Sequence[Interval]) -> bool:
    """Whether a load balancer has one of these addresses at a node that nothing lists: it may have another one."""
    own = (part for node in account.balancers.nodes.values() for part in spans_of_interface(node, version))
    return any(low <= number <= high for number, _ in own for low, high in spans)


def _wider(account: Account, end: End, version: int, spans: Sequence[Interval]) -> list[str]:
    if end.network is not None and end.network.version == version and _holds(end.network, spans):
        return [str(end.network)]
    blocks: dict[str, None] = {}
    for low, high in spans:
        around = (
            str(network)
            for subnet in account.all_subnets()
            for network in subnet.networks
            if network.version == version and _holds(network, [(low, high)])
        )
        found = next(around, None)
        if found is None:
            raise NoFix(f"{end.label} stands for more blocks of addresses than rules could name one by one.")
        blocks[found] = None
    if len(blocks) > MOST_BLOCKS:
        raise NoFix(f"{end.label} stands for more subnets than rules could name one by one.")
    return list(blocks)


def _holds(network: IPv4Network | IPv6Network, spans: Sequence[Interval]) -> bool:
    low, high = span(network)
    return low <= spans[0][0] and spans[-1][1] <= high


def asks_from_source(leg: str, direction: str | None) -> bool:
    """Whether the peer of a rule in this direction, for packets of this leg, is the side where the question begins."""
    return (leg == "forward") == (direction == "ingress")


def listed(items: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
