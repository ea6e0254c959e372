"""What to change about one blocker: a sentence, and the AWS CLI command where one is enough.

This is advice for one place, narrow as the question; what else a change allows is for the reader to judge.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from shlex import quote

from whyblocked.config.resources import NetworkAcl
from whyblocked.diagnosis.answer import NearMiss, PacketSet
from whyblocked.network.noted import Blocker
from whyblocked.network.protocols import protocol_number
from whyblocked.text import clean

LAST_NUMBER = 32766
_MOST_BLOCKS = 3  # more than these make no rule that anyone wants to type


Step = tuple[str | None, str | None]


def next_step(blocker: Blocker, packets: PacketSet, near: Sequence[NearMiss], acl: NetworkAcl | None) -> Step:
    """What to do about a blocker, and the command for it.

    ``packets`` is the part of the question that it blocks, ``near`` what came close, ``acl`` the network ACL that
    refused, if it was one.
    """
    if blocker.next_step is not None:
        return blocker.next_step, None
    if blocker.layer == "security-group":
        closest = near[0].rule.get("group_id") if near else None
        return _group_step(blocker, packets, closest or blocker.resource_ids[0])
    if acl is not None:
        return _acl_step(blocker, packets, acl)
    return None, None


def _group_step(blocker: Blocker, packets: PacketSet, group: str) -> Step:
    ingress = blocker.direction == "ingress"
    peers = (packets.source if ingress else packets.destination).split(",")
    what = _what(packets, packets.destination_ports)
    way = f"{'inbound' if ingress else 'outbound'} rule that allows {what} {'from' if ingress else 'to'}"
    sentence = f"Give {group} an {way} {_some(peers)}, if it should pass."
    ports = _port_range(packets)
    if ports is None or len(peers) > _MOST_BLOCKS or "," in packets.protocol:
        return sentence, None
    version6 = ":" in peers[0]
    ranges = ",".join(f"{{{'CidrIpv6' if version6 else 'CidrIp'}={peer}}}" for peer in peers)
    number = protocol_number(packets.protocol)
    protocol = "-1" if number in (None, -1) else packets.protocol
    permission = f"IpProtocol={protocol}{ports},{'Ipv6Ranges' if version6 else 'IpRanges'}=[{ranges}]"
    command = f"authorize-security-group-{blocker.direction}"
    return sentence, f"aws ec2 {command} --group-id {quote(clean(group))} --ip-permissions '{permission}'"


def _port_range(packets: PacketSet) -> str | None:
    """``,FromPort=22,ToPort=22`` for one range of ports (or ICMP type and code); None for several."""
    if packets.destination_ports is not None:
        if "," in packets.destination_ports:
            return None
        low, _, high = packets.destination_ports.partition("-")
        return f",FromPort={low},ToPort={high or low}"
    if packets.icmp_type is not None:
        if not packets.icmp_type.isdigit():
            return ",FromPort=-1,ToPort=-1" if packets.icmp_type == "all" else None
        code = packets.icmp_code or "all"
        return f",FromPort={packets.icmp_type},ToPort={code if code.isdigit() else -1}"
    return ""


def _acl_step(blocker: Blocker, packets: PacketSet, network_acl: NetworkAcl) -> Step:
    ingress = blocker.direction == "ingress"
    reply = blocker.leg == "return"
    acl = network_acl.network_acl_id
    # An ingress rule names the sender, an egress rule the receiver; a reply turns the question around.
    peers = (packets.source if ingress != reply else packets.destination).split(",")
    ports = packets.source_ports if reply else packets.destination_ports
    denies = int((blocker.rule or {}).get("rule_number", LAST_NUMBER + 1))
    number = free_number(network_acl, denies, egress=not ingress)
    if number is None:
        return f"Make room in {acl} for a rule in front of the one that denies.", None
    way = f"{'inbound' if ingress else 'outbound'} rule {number}"
    whom = f"{'from' if ingress else 'to'} {_some(peers)}"
    sentence = f"Add {way} to {acl} that allows {_what(packets, ports)} {whom}, if it should pass."
    protocol = protocol_number(packets.protocol)
    if len(peers) > 1 or (ports and "," in ports) or protocol is None or packets.icmp_type is not None:
        return sentence, None
    span = ""
    if ports:
        low, _, high = ports.partition("-")
        span = f" --port-range From={low},To={high or low}"
    block = f"{'--ipv6-cidr-block' if ':' in peers[0] else '--cidr-block'} {peers[0]}"
    command = (
        f"aws ec2 create-network-acl-entry --network-acl-id {quote(clean(acl))} --{blocker.direction} "
        f"--rule-number {number} --protocol {protocol}{span} {block} --rule-action allow"
    )
    return sentence, command


def free_number(acl: NetworkAcl, denies: int, *, egress: bool, taken: Iterable[int] = ()) -> int | None:
    """A rule number that is tried before rule ``denies``: just in front of it, or behind the others where it is ``*``.

    ``taken`` are numbers that count as used. IPv4 and IPv6 rules of one direction share theirs.
    """
    used = {entry.rule_number for entry in acl.entries if entry.egress == egress}.union(taken)
    if denies <= LAST_NUMBER:
        return next((number for number in range(denies - 1, 0, -1) if number not in used), None)
    last = max((number for number in used if number <= LAST_NUMBER), default=90)
    wanted = (*range(last // 10 * 10 + 10, LAST_NUMBER + 1, 10)[:1], *range(LAST_NUMBER, 0, -1))
    return next((number for number in wanted if number not in used), None)


def _what(packets: PacketSet, ports: str | None) -> str:
    if packets.protocol == "all":
        return "all traffic"
    if ports is not None:
        return f"{packets.protocol}/{ports}"
    return f"{packets.protocol} type {packets.icmp_type}" if packets.icmp_type is not None else packets.protocol


def _some(peers: list[str]) -> str:
    more = len(peers) - _MOST_BLOCKS
    return ", ".join(peers) if more <= 0 else f"{', '.join(peers[:_MOST_BLOCKS])} and {more} more blocks"
