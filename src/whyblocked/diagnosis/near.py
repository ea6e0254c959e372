"""Near misses: the rules that came closest to letting a packet pass, and in what they failed."""

from __future__ import annotations

from typing import Literal

from whyblocked.diagnosis.answer import NearMiss
from whyblocked.network.packets import ALL_PORTS, ALL_PROTOCOLS, Interval, Packets, network_text
from whyblocked.network.protocols import has_ports, is_icmp, protocol_text
from whyblocked.network.rules import AclRule, GroupRule
from whyblocked.network.walk import Blocker

Dimension = Literal["source", "destination", "port", "protocol", "icmp-type"]
Rank = tuple[int, int]
MOST = 3
_NO_PREFIX = 129  # a peer that is no block is further off than any


def near_misses(blocker: Blocker) -> list[NearMiss]:
    """The closest rules of a security group or network ACL that refused, best first.

    A rule comes the closer the fewer dimensions fail, then the fewer bits lie between: of the prefix that would have to
    be shorter, and of the way to the port.
    For a network ACL also the rules behind the deny that would have allowed it.
    """
    if not blocker.packets or not blocker.tried or blocker.direction is None:
        return []
    packets = blocker.packets[0]
    ranked = []
    for rule in blocker.tried:
        rank = _acl_rank(rule, packets, blocker) if isinstance(rule, AclRule) else _group_rank(rule, packets, blocker)
        if rank is not None:
            ranked.append((rank, rule))
    ranked.sort(key=lambda entry: entry[0])
    fewest = ranked[0][0][0] if ranked else 0
    near = [rule for rank, rule in ranked if rank[0] <= max(1, fewest)][:MOST]
    return [_told(rule, packets, blocker) for rule in near]


def _group_rank(rule: GroupRule, packets: Packets, blocker: Blocker) -> Rank | None:
    if rule.kind == "cidr" and rule.version != packets.version:
        return None
    failed = _failed(packets, rule.protocol, rule.ports, rule.codes)
    ours = _ours(packets, blocker)
    gap = 0
    if rule.block is None:
        gap = _NO_PREFIX
        count = len(failed) or 1  # nobody here can say more about a group or prefix list than that it did not match
    elif _covers(rule.block, ours):
        count = len(failed)
    else:
        count, gap = len(failed) + 1, _bits_apart(packets.version, rule.block, ours)
    return (count, _distance(packets, rule.protocol, rule.ports).bit_length() + gap) if count else None


def _acl_rank(rule: AclRule, packets: Packets, blocker: Blocker) -> Rank | None:
    if not rule.allow:
        return None
    protocol, ports = rule.box.protocol, rule.box.destination_ports
    count = len(_failed(packets, protocol, ports, rule.box.source_ports))
    block, ours = _ours(rule.box, blocker), _ours(packets, blocker)
    gap = 0
    if not _covers(block, ours):
        count, gap = count + 1, _bits_apart(packets.version, block, ours)
    if not count:
        return None if rule.number < _decided(blocker) else (0, rule.number)
    return count, _distance(packets, protocol, ports).bit_length() + gap


def _told(rule: GroupRule | AclRule, packets: Packets, blocker: Blocker) -> NearMiss:
    """In what a rule failed, in words."""
    way = "from" if blocker.direction == "ingress" else "to"
    side: Dimension = "source" if blocker.direction == "ingress" else "destination"
    ours = _ours(packets, blocker)
    block: Interval | None
    if isinstance(rule, AclRule):
        protocol, ports, codes = rule.box.protocol, rule.box.destination_ports, rule.box.source_ports
        block, peer = _ours(rule.box, blocker), rule.cidr
    else:
        protocol, ports, codes = rule.protocol, rule.ports, rule.codes
        block, peer = rule.block, rule.peer
    failed = _failed(packets, protocol, ports, codes)
    reasons = [_reason(dimension, packets, protocol, ports) for dimension in failed]
    if block is not None and not _covers(block, ours):
        failed.append(side)
        reasons.append(f"{way} {peer}, not {_address(packets.version, ours)}")
    elif isinstance(rule, GroupRule) and block is None and not failed:
        failed.append(side)
        kind = "group" if rule.kind == "group" else "prefix list"
        reasons.append(f"{way} {kind} {peer}, which {_address(packets.version, ours)} is not in")
    elif isinstance(rule, AclRule) and not failed:
        reasons.append(f"rule {rule.number} would allow it, but rule {_decided(blocker)} comes first")
    return NearMiss(rule=rule.described(), failed=failed, summary="; ".join(reasons))


def _failed(packets: Packets, protocol: Interval, ports: Interval, codes: Interval) -> list[Dimension]:
    """The dimensions other than the address that fail."""
    failed: list[Dimension] = []
    if not _covers(protocol, packets.protocol):
        failed.append("protocol")
        if _distance(packets, protocol, ports):
            failed.append("port")
    elif has_ports(packets.protocol):
        if not _covers(ports, packets.destination_ports):
            failed.append("port")
    elif is_icmp(packets.protocol, packets.version) and not (
        _covers(ports, packets.destination_ports) and _covers(codes, packets.source_ports)
    ):
        failed.append("icmp-type")
    return failed


def _distance(packets: Packets, protocol: Interval, ports: Interval) -> int:
    """How far apart the ports are."""
    if not has_ports(packets.protocol) or protocol == ALL_PROTOCOLS or ports == ALL_PORTS:
        return 0
    low, high = packets.destination_ports
    return max(ports[0] - high, low - ports[1], 0)


def _reason(dimension: Dimension, packets: Packets, protocol: Interval, ports: Interval) -> str:
    if dimension == "protocol":
        return f"{protocol_text(protocol)}, not {protocol_text(packets.protocol)}"
    what = "port" if dimension == "port" else "ICMP type"
    return f"{what} {_span_text(ports)}, not {_span_text(packets.destination_ports)}"


def _ours(packets: Packets, blocker: Blocker) -> Interval:
    """The addresses that a rule of the blocker's direction looks at."""
    return packets.source if blocker.direction == "ingress" else packets.destination


def _decided(blocker: Blocker) -> int:
    """The number of the network ACL rule that refused."""
    number: int = (blocker.rule or {}).get("rule_number", 0)
    return number


def _covers(outer: Interval, inner: Interval) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def _bits_apart(version: int, block: Interval, ours: Interval) -> int:
    """How many bits shorter the block's prefix would have to be to cover our address."""
    width = 32 if version == 4 else 128
    length = width - (block[1] - block[0]).bit_length()
    common = width - (block[0] ^ ours[0]).bit_length()
    return max(length - common, 0)


def _address(version: int, span: Interval) -> str:
    return network_text(version, [span]).removesuffix("/32").removesuffix("/128")


def _span_text(span: Interval) -> str:
    if span in (ALL_PORTS, (0, 255)):
        return "any"
    return str(span[0]) if span[0] == span[1] else f"{span[0]}-{span[1]}"
