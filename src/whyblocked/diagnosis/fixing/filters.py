"""Security group rules and network ACL entries that let pass what is refused, as narrow as the question.

https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
https://docs.aws.amazon.com/vpc/latest/userguide/nacl-rules.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from whyblocked.config.edits import (
    AuthorizeSecurityGroup,
    CreateNetworkAclEntry,
    Edit,
    ReplaceNetworkAclEntry,
)
from whyblocked.config.resources import (
    GroupIdentifier,
    IcmpTypeCode,
    IpPermission,
    IpRange,
    Ipv6Range,
    NetworkAcl,
    NetworkAclEntry,
    NetworkInterface,
    PortRange,
    UserIdGroupPair,
)
from whyblocked.diagnosis.advice import LAST_NUMBER, free_number
from whyblocked.diagnosis.fixing.boxes import Traffic, asks_from_source, blocks_of, listed, traffic_of, widened
from whyblocked.diagnosis.fixing.steps import Case, NoFix, Step, step
from whyblocked.diagnosis.fixing.words import called
from whyblocked.diagnosis.near import near_misses
from whyblocked.network.noted import Blocker
from whyblocked.network.packets import ALL_PORTS, TCP, UDP, Packets
from whyblocked.network.protocols import protocol_text
from whyblocked.network.rules import DEFAULT_RULE, Direction, GroupRule
from whyblocked.network.supposed import Supposed, spans_of_interface

MOST_MOVED = 6  # entries that are moved to make room in front of a deny

TRACKED = (
    "A new rule counts for new connections at once; those that are open already go on as they are, and taking the rule "
    "away again does not end them."
)
STATELESS = "A network ACL keeps no state: what it lets in needs a rule of its own to go out again, and the reverse."


# -- security groups ---------------------------------------------------------------------------------------------------


def by_group(case: Case, blockers: Sequence[Blocker]) -> list[Step]:
    """The rules for what one security group refuses in one direction: by addresses, by group; the better one first."""
    by_address: Step | NoFix
    try:
        by_address = _addressed(case, blockers)
    except NoFix as reason:
        by_address = reason
    referring = _referring(case, blockers)
    found = [one for one in (by_address, referring) if isinstance(one, Step)]
    if isinstance(by_address, NoFix) and not found:
        raise by_address
    return list(reversed(found)) if referring is not None and _is_named(case, blockers[0]) else found


def group_for(case: Case, blocker: Blocker) -> str:
    """The group of the interface that a rule belongs into: that of the rule that came closest."""
    near = next(
        (miss.rule.get("group_id") for miss in near_misses(case.account, blocker) if "port" not in miss.failed), None
    )
    return str(near or blocker.resource_ids[0])


def _addressed(case: Case, blockers: Sequence[Blocker]) -> Step:
    first = blockers[0]
    boxes = [box for blocker in blockers for box in blocker.packets]
    ingress = first.direction == "ingress"
    of_source = asks_from_source(first.leg, first.direction)
    spans = [box.source if ingress else box.destination for box in boxes]
    version = boxes[0].version
    blocks = blocks_of(case, version, spans, of_source=of_source)
    peers = (
        {"ip_ranges": tuple(IpRange(cidr_ip=block) for block in blocks)}
        if version == 4
        else {"ipv6_ranges": tuple(Ipv6Range(cidr_ipv6=block) for block in blocks)}
    )
    also = widened(case, version, spans, blocks, of_source=of_source)
    return _authorize(case, blockers, boxes, listed([_short(block) for block in blocks]), peers, also)


def _referring(case: Case, blockers: Sequence[Blocker]) -> Step | None:
    """A rule that names the group of the other side, where all of it is interfaces that carry one."""
    first = blockers[0]
    groups: list[GroupIdentifier] | None = None
    boxes = [box for blocker in blockers for box in blocker.packets]
    for box in boxes:
        peer = _peer(case, first, box)
        own = [] if peer is None else list(peer.groups)
        groups = own if groups is None else [group for group in groups if group in own]
    if not groups:
        return None
    named = {rule.peer for rule in first.tried if isinstance(rule, GroupRule) and rule.kind == "group"}
    chosen = next((group for group in groups if group.group_id in named), groups[0]).group_id
    pair = UserIdGroupPair(group_id=chosen)
    return _authorize(case, blockers, boxes, called(case.account, chosen), {"user_id_group_pairs": (pair,)})


def _peer(case: Case, blocker: Blocker, box: Packets) -> NetworkInterface | None:
    """The interface on the other side that has these addresses as private ones, as far as the question shows it."""
    of_source = asks_from_source(blocker.leg, blocker.direction)
    end = case.asked.source if of_source else case.asked.destination
    met = dict.fromkeys(passage.interface_id for passage in case.walk.passages if passage.interface_id)
    others = (case.account.interfaces.get(name) or case.account.balancers.nodes.get(name) for name in met)
    low, high = box.source if blocker.direction == "ingress" else box.destination
    for interface in (*end.interfaces, *others):
        if interface is None or interface.network_interface_id == blocker.interface_id:
            continue
        if any(a <= low and high <= b for a, b in spans_of_interface(interface, box.version)):
            return interface
    return None


def _is_named(case: Case, blocker: Blocker) -> bool:
    """Whether the other side is called by a name, so that its address is not what is meant."""
    of_source = asks_from_source(blocker.leg, blocker.direction)
    end = case.asked.source if of_source else case.asked.destination
    peer = _peer(case, blocker, blocker.packets[0])
    relayed = peer is not None and peer not in end.interfaces
    return relayed or isinstance(peer, Supposed) or end.kind == "host"


def _authorize(
    case: Case,
    blockers: Sequence[Blocker],
    boxes: Iterable[Packets],
    whom: str,
    peers: Mapping[str, Any],
    also: Iterable[str] = (),
) -> Step:
    first = blockers[0]
    group = group_for(case, first)
    direction: Direction = first.direction or "ingress"
    traffic = traffic_of(case, boxes)
    edits = [
        AuthorizeSecurityGroup(group_id=group, direction=direction, permission=_permission(one, peers))
        for one in traffic
    ]
    way, to = ("inbound", "from") if direction == "ingress" else ("outbound", "to")
    what = listed([str(one) for one in traffic])
    rules = f"an {way} rule that allows" if len(traffic) == 1 else f"{way} rules that allow"
    says = f"Give {called(case.account, group)} {rules} {what} {to} {whom}."
    return step(blockers, edits, says, *portless(case), TRACKED, also=also)


def _permission(traffic: Traffic, peers: Mapping[str, Any]) -> IpPermission:
    name = "-1" if traffic.every else protocol_text(traffic.protocol)
    if traffic.icmp is not None:
        low, high = traffic.icmp
        return IpPermission(ip_protocol=name, from_port=low, to_port=high, **peers)
    if traffic.ports is None:
        return IpPermission(ip_protocol=name, **peers)
    return IpPermission(ip_protocol=name, from_port=traffic.ports[0], to_port=traffic.ports[1], **peers)


def portless(case: Case) -> Sequence[str]:
    """What to say where a question names no port, so that the rules are for all of them."""
    question = case.asked.question
    if question.protocol in (TCP, UDP) and question.destination_ports is None:
        return ("The question names no port, so this opens all of them: ask about one port for a narrower change.",)
    return ()


def _short(block: str) -> str:
    return block.removesuffix("/128" if ":" in block else "/32")


# -- network ACLs ------------------------------------------------------------------------------------------------------


def by_acl(case: Case, blockers: Sequence[Blocker], taken: set[tuple[str, bool, int]]) -> list[Step]:
    """The entries in front of the rule that refused; ``taken`` are the numbers of this plan's other entries."""
    first = blockers[0]
    acl = case.account.network_acls.get(first.resource_ids[0])
    if acl is None:
        raise NoFix(f"{first.resource_ids[0]} could not be read, so no free number in it is known.")
    boxes = [box for blocker in blockers for box in blocker.packets]
    ingress = first.direction == "ingress"
    of_source = asks_from_source(first.leg, first.direction)
    spans = [box.source if ingress else box.destination for box in boxes]
    version = boxes[0].version
    blocks = blocks_of(case, version, spans, of_source=of_source)
    traffic = traffic_of(case, boxes)
    edits: list[Edit] = []
    numbers: list[int] = []
    for block in blocks:
        for one in traffic:
            place = _room(acl, not ingress, _decided(first), taken)
            taken.add((acl.network_acl_id, not ingress, place.number))
            numbers.append(place.number)
            made = ReplaceNetworkAclEntry if place.moved else CreateNetworkAclEntry
            entry = _entry(place.number, one, block, not ingress)
            edits += [*place.moved, made(network_acl_id=acl.network_acl_id, entry=entry)]
    way, to = ("inbound", "from") if ingress else ("outbound", "to")
    what = listed([str(one) for one in traffic])
    reply = "replies, " if first.leg == "return" else ""
    whom = listed([_short(block) for block in blocks])
    several = listed([str(number) for number in numbers])
    rules = f"{way} rule {several} that allows" if len(numbers) == 1 else f"{way} rules {several} that allow"
    says = f"Add to {called(case.account, acl.network_acl_id)} {rules} {reply}{what} {to} {whom}."
    if any(isinstance(edit, ReplaceNetworkAclEntry) for edit in edits):
        says += f" No number in front of rule {_decided(first)} is free, so it and those behind it move up by one."
    also = widened(case, version, spans, blocks, of_source=of_source)
    return [step(blockers, edits, says, *portless(case), STATELESS, also=also)]


def entries_of(one: Step) -> frozenset[tuple[str, NetworkAclEntry]]:
    """The entries that a step adds, whatever their numbers; empty where it changes anything else, too."""
    found = [edit for edit in one.edits if isinstance(edit, CreateNetworkAclEntry)]
    if len(found) < len(one.edits):
        return frozenset()
    return frozenset((edit.network_acl_id, numberless(edit.entry)) for edit in found)


def numberless(entry: NetworkAclEntry) -> NetworkAclEntry:
    """An entry but for its number."""
    return msgspec.structs.replace(entry, rule_number=0)


def _decided(blocker: Blocker) -> int:
    return int((blocker.rule or {}).get("rule_number", DEFAULT_RULE))


class _Place(NamedTuple):
    """A number for an entry, and what is moved before so that it can have it."""

    number: int
    moved: tuple[Edit, ...] = ()


def _room(acl: NetworkAcl, egress: bool, denies: int, taken: set[tuple[str, bool, int]]) -> _Place:
    """A number that is tried before the rule that denies; where none is free, its own."""
    planned = {number for name, way, number in taken if (name, way) == (acl.network_acl_id, egress)}
    free = free_number(acl, denies, egress=egress, taken=planned)
    if free is not None:
        return _Place(free)
    if denies > LAST_NUMBER:
        raise NoFix(f"{acl.network_acl_id} has no rule number left.")
    return _Place(denies, _moved(acl, egress, denies, planned))


def _moved(acl: NetworkAcl, egress: bool, denies: int, planned: set[int]) -> tuple[Edit, ...]:
    """The entries from the one that denies on, each a number further, up to the first gap; the last one first."""
    there = {entry.rule_number: entry for entry in acl.entries if entry.egress == egress}
    gap = next(one for one in range(denies, LAST_NUMBER + 2) if one not in there and one not in planned)
    if gap > LAST_NUMBER or gap - denies > MOST_MOVED or any(one not in there for one in range(denies, gap)):
        raise NoFix(f"There is no free number in front of rule {denies} of {acl.network_acl_id}: renumber its rules.")
    edits: list[Edit] = []
    for number in range(gap, denies, -1):
        made = CreateNetworkAclEntry if number == gap else ReplaceNetworkAclEntry
        entry = msgspec.structs.replace(there[number - 1], rule_number=number)
        edits.append(made(network_acl_id=acl.network_acl_id, entry=entry))
    return tuple(edits)


def _entry(number: int, traffic: Traffic, block: str, egress: bool) -> NetworkAclEntry:
    low, high = traffic.ports or ALL_PORTS
    icmp = traffic.icmp
    return NetworkAclEntry(
        rule_number=number,
        protocol="-1" if traffic.every else str(traffic.protocol[0]),
        rule_action="allow",
        egress=egress,
        cidr_block=None if ":" in block else block,
        ipv6_cidr_block=block if ":" in block else None,
        port_range=PortRange(from_=low, to=high) if traffic.ports is not None and icmp is None else None,
        icmp_type_code=IcmpTypeCode(type=icmp[0], code=icmp[1]) if icmp is not None else None,
    )
