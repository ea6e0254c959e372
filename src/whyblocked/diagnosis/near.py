"""Near misses: the rules that came closest to letting a packet pass, and in what they failed."""

from __future__ import annotations

from typing import Literal

from whyblocked.diagnosis.answer import NearMiss
from whyblocked.network.packets import ALL_PORTS, ALL_PROTOCOLS, Interval, Packets, network_text
from whyblocked.network.protocols import has_ports, is_icmp, protocol_text
from whyblocked.network.rules import AclRule, Direction, GroupRule
from whyblocked.network.walk import Blocker

Dimension = Literal["source", "destination", "port", "protocol", "icmp-type"]
MOST = 3


def near_misses(blocker: Blocker) -> list[NearMiss]:
    """The closest rules of a security group or network ACL that refused, best first.

    A rule comes the closer the fewer dimensions fail, then the nearer the port, then the longer the common prefix.
    For a network ACL also the rules behind the deny that would have allowed it.
    """
    if not blocker.packets or not blocker.tried or blocker.direction is None:
        return []
    packets = blocker.packets[0]
    ranked: list[tuple[tuple[int, int, int], NearMiss]] = []
    for rule in blocker.tried:
        found = (
            _acl_miss(rule, packets, blocker)
            if isinstance(rule, AclRule)
            else _group_miss(rule, packets, blocker.direction)
        )
        if found is not None:
            ranked.append(found)
    ranked.sort(key=lambda entry: entry[0])
    fewest = ranked[0][0][0] if ranked else 0
    return [miss for rank, miss in ranked if rank[0] <= max(1, fewest)][:MOST]


def _group_miss(
    rule: GroupRule, packets: Packets, direction: Direction
) -> tuple[tuple[int, int, int], NearMiss] | None:
    if rule.kind == "cidr" and rule.version != packets.version:
        return None
    failed, distance, reasons = _failed(packets, rule.protocol, rule.ports, rule.codes)
    side: Dimension = "source" if direction == "ingress" else "destination"
    ours = packets.source if direction == "ingress" else packets.destination
    gap = 0
    if rule.block is not None:
        if not _covers(rule.block, ours):
            failed.append(side)
            gap = _bits_apart(packets.version, rule.block, ours)
            reasons.append(f"{_from(direction)} {rule.peer}, not {_address(packets.version, ours)}")
    elif not failed:
        failed.append(side)
        kind = "group" if rule.kind == "group" else "prefix list"
        reasons.append(f"{_from(direction)} {kind} {rule.peer}, which {_address(packets.version, ours)} is not in")
    if not failed:
        return None
    return (len(failed), distance, gap), NearMiss(rule=rule.described(), failed=failed, summary="; ".join(reasons))


def _acl_miss(rule: AclRule, packets: Packets, blocker: Blocker) -> tuple[tuple[int, int, int], NearMiss] | None:
    if not rule.allow:
        return None
    decided = (blocker.rule or {}).get("rule_number", 0)
    failed, distance, reasons = _failed(packets, rule.box.protocol, rule.box.destination_ports, rule.box.source_ports)
    side: Dimension = "source" if blocker.direction == "ingress" else "destination"
    block, ours = (
        (rule.box.source, packets.source)
        if blocker.direction == "ingress"
        else (rule.box.destination, packets.destination)
    )
    gap = 0
    if not _covers(block, ours):
        failed.append(side)
        gap = _bits_apart(packets.version, block, ours)
        reasons.append(f"{_from(blocker.direction)} {rule.cidr}, not {_address(packets.version, ours)}")
    if not failed:
        if rule.number < decided:
            return None
        return (0, rule.number, 0), NearMiss(
            rule=rule.described(),
            failed=[],
            summary=f"rule {rule.number} would allow it, but rule {decided} comes first",
        )
    return (len(failed), distance, gap), NearMiss(rule=rule.described(), failed=failed, summary="; ".join(reasons))


def _failed(
    packets: Packets, protocol: Interval, ports: Interval, codes: Interval
) -> tuple[list[Dimension], int, list[str]]:
    """The dimensions other than the address that fail, how far apart the ports are, and both in words."""
    failed: list[Dimension] = []
    reasons: list[str] = []
    distance = 0
    if not _covers(protocol, packets.protocol):
        failed.append("protocol")
        reasons.append(f"{protocol_text(protocol)}, not {protocol_text(packets.protocol)}")
    elif has_ports(packets.protocol) and not _covers(ports, packets.destination_ports):
        failed.append("port")
        reasons.append(f"port {_span_text(ports)}, not {_span_text(packets.destination_ports)}")
    elif is_icmp(packets.protocol, packets.version) and not (
        _covers(ports, packets.destination_ports) and _covers(codes, packets.source_ports)
    ):
        failed.append("icmp-type")
        reasons.append(f"ICMP type {_span_text(ports)}, not {_span_text(packets.destination_ports)}")
    if has_ports(packets.protocol) and protocol != ALL_PROTOCOLS and ports != ALL_PORTS:
        low, high = packets.destination_ports
        distance = max(ports[0] - high, low - ports[1], 0)
        if "protocol" in failed and distance:
            failed.append("port")
            reasons.append(f"port {_span_text(ports)}, not {_span_text(packets.destination_ports)}")
    return failed, distance, reasons


def _covers(outer: Interval, inner: Interval) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def _bits_apart(version: int, block: Interval, ours: Interval) -> int:
    """How many bits shorter the block's prefix would have to be to cover our address."""
    width = 32 if version == 4 else 128
    length = width - (block[1] - block[0]).bit_length()
    common = width - (block[0] ^ ours[0]).bit_length()
    return max(length - common, 0)


def _from(direction: Direction | None) -> str:
    return "from" if direction == "ingress" else "to"


def _address(version: int, span: Interval) -> str:
    return network_text(version, [span]).removesuffix("/32").removesuffix("/128")


def _span_text(span: Interval) -> str:
    if span in (ALL_PORTS, (0, 255)):
        return "any"
    return str(span[0]) if span[0] == span[1] else f"{span[0]}-{span[1]}"
