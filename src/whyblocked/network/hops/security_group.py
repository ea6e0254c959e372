"""Security groups of an interface: all groups together, allow rules only, stateful.

https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_network

from whyblocked.config.account import Missing
from whyblocked.config.addresses import Ip, delegated_prefixes, private_addresses
from whyblocked.config.resources import NetworkInterface, PeeringSide
from whyblocked.network.flow import Bundle, Node, Piece
from whyblocked.network.hops.interface import works
from whyblocked.network.hops.peering import blocks_of
from whyblocked.network.packets import Interval, Packets, span
from whyblocked.network.rules import Decision, Direction, GroupRule, any_match
from whyblocked.network.walk import Step, Walk


def cross(walk: Walk, node: Node, bundle: Bundle) -> Iterator[Step]:
    """Let pass what any rule of any group of the interface allows, and every reply."""
    interface = walk.account.interface(node.id)
    if isinstance(interface, Missing):
        yield from walk.lose(bundle, interface)
        return
    direction: Direction = "ingress" if bundle.inbound else "egress"
    here = bundle.but(subnet_id=interface.subnet_id, vpc_id=interface.vpc_id)
    walk.sight(here, node.id, direction, _visible(walk, interface, here.pieces))
    ahead = Node("interface", node.id) if bundle.inbound else Node("subnet", interface.subnet_id)
    groups = tuple(sorted(group.group_id for group in interface.groups))
    if not groups:
        yield ahead, here
    elif bundle.established:
        walk.note(
            here,
            "security-group",
            groups[0],
            "allow",
            direction=direction,
            detail="reply of a tracked connection",
            resource_ids=groups,
            interface_id=node.id,
        )
        yield ahead, here
    else:
        yield ahead, _filter(walk, interface, groups, direction, here)


def _filter(
    walk: Walk, interface: NetworkInterface, groups: tuple[str, ...], direction: Direction, bundle: Bundle
) -> Bundle:
    rules, unread = walk.rulebook.groups(interface, direction)
    pieces: list[Piece] = []
    outcome: dict[tuple[str, GroupRule | None], list[Packets]] = {}
    denied: list[Piece] = []
    unclear: list[Piece] = []
    for piece in bundle.pieces:
        decided = any_match(
            rules, piece.packets, lambda rule, packets: peers_of(walk, interface, direction, bundle, rule, packets)
        )
        for decision in decided:
            if decision.action == "deny" and unread:
                decision = Decision(decision.packets, "unknown", None, unread[0])
            part = piece.narrowed(decision.packets)
            rule = decision.rule if isinstance(decision.rule, GroupRule) else None
            outcome.setdefault((decision.action, rule), []).append(decision.packets)
            if decision.action == "unknown":
                walk.lack(*unread, *((decision.missing,) if decision.missing else ()))
                part = part._replace(unknown=True)
                unclear.append(part)
            elif decision.action == "deny":
                denied.append(part)
                part = part._replace(blocked=True, here=direction == "ingress" and (part.here or not part.blocked))
            pieces.append(part)
    for (action, rule), boxes in outcome.items():
        walk.note(
            bundle,
            "security-group",
            rule.group_id if rule else groups[0],
            action,  # type: ignore[arg-type]
            packets=tuple(boxes),
            direction=direction,
            rule=rule.described() if rule else None,
            detail=None if rule else "no rule allows it",
            resource_ids=groups,
            interface_id=interface.network_interface_id,
        )
    walk.sight(bundle, interface.network_interface_id, direction, _visible(walk, interface, unclear))
    if denied:
        _block(walk, interface, groups, direction, bundle, denied, rules)
    return bundle.but(pieces=tuple(pieces))


def _visible(walk: Walk, interface: NetworkInterface, pieces: Sequence[Piece]) -> Sequence[Piece]:
    """The pieces as a flow log sees them: at an interface of nothing that runs, nothing arrives."""
    if works(walk, interface):
        return pieces
    return [piece._replace(blocked=True, here=False) for piece in pieces]


def _block(
    walk: Walk,
    interface: NetworkInterface,
    groups: tuple[str, ...],
    direction: Direction,
    bundle: Bundle,
    denied: Sequence[Piece],
    rules: tuple[GroupRule, ...],
) -> None:
    eni = interface.network_interface_id
    walk.refuse(bundle, eni, direction, (piece.packets for piece in denied))
    names = " or ".join(groups) if len(groups) < 4 else f"{len(groups)} security groups"
    way = "inbound" if direction == "ingress" else "outbound"
    walk.block(
        bundle,
        denied,
        layer="security-group",
        code="ENI_SG_RULES_MISMATCH" if rules else "SG_HAS_NO_RULES",
        summary=f"No {way} rule of {names} on {eni} allows it."
        if rules
        else f"{names} on {eni} {'has' if len(groups) == 1 else 'have'} no {way} rules at all.",
        direction=direction,
        resource_ids=groups,
        interface_id=eni,
        tried=rules,
    )


def peers_of(
    walk: Walk, interface: NetworkInterface, direction: Direction, bundle: Bundle, rule: GroupRule, packets: Packets
) -> Sequence[Interval] | Missing:
    """The address spans that a prefix list or group rule stands for."""
    if rule.kind == "prefix-list":
        cidrs = walk.account.prefix_list(rule.peer)
        if isinstance(cidrs, Missing):
            return cidrs
        networks = (ip_network(cidr.strip(), strict=False) for cidr in cidrs)
        return [span(network) for network in networks if network.version == packets.version]
    if rule.peering_status == "deleted":
        return ()
    low, high = packets.source if direction == "ingress" else packets.destination
    scope = _scope(walk, interface.vpc_id, direction, bundle)
    if low == high:
        kind = IPv4Address if packets.version == 4 else IPv6Address
        return _peer_at(walk, scope, rule, kind(low))
    return _peers_of_group(walk, scope, rule, packets.version)


def _scope(walk: Walk, vpc_id: str, direction: Direction, bundle: Bundle) -> dict[str, PeeringSide | None]:
    """The VPCs whose interfaces a group reference can mean: this one, and those peered with it in the same Region.

    https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-security-groups.html
    """
    scope: dict[str, PeeringSide | None] = {vpc_id: None}
    for pcx, peering in sorted(walk.account.peerings_of.get(vpc_id, {}).items()):
        if peering.status.code != "active":
            continue
        if direction == "ingress" and not bundle.resumed and bundle.via != pcx:
            continue
        one, other = peering.requester_vpc_info, peering.accepter_vpc_info
        if other.vpc_id == vpc_id:
            one, other = other, one
        if other.vpc_id and _same_region(walk, one, other):
            scope[other.vpc_id] = other
    return scope


def _same_region(walk: Walk, one: PeeringSide, other: PeeringSide) -> bool:
    """Whether two sides are in one Region, as far as anything tells: no reference reaches across Regions."""
    regions = [side.region or walk.account.region_of(side.vpc_id or "") for side in (one, other)]
    return not all(regions) or regions[0] == regions[1]


def _peer_at(
    walk: Walk, scope: dict[str, PeeringSide | None], rule: GroupRule, address: Ip
) -> Sequence[Interval] | Missing:
    """The address itself where the interface behind it carries the group: only private addresses count."""
    for vpc_id, side in scope.items():
        if not _may_hold(walk, vpc_id, side, address) or _names_another(walk, rule, vpc_id):
            continue
        owner = walk.account.interface_at(vpc_id, address)
        if isinstance(owner, Missing):
            return _members_of(rule, owner)
        if owner is not None:
            return [(int(address), int(address))] if any(g.group_id == rule.peer for g in owner.groups) else ()
        unread = _unread(walk, scope, vpc_id)
        if unread is not None:
            return _members_of(rule, unread)
    return ()


def _names_another(walk: Walk, rule: GroupRule, vpc_id: str) -> bool:
    """Whether nobody in a VPC that was not read can carry the group: it belongs to another, and is not shared with it.

    https://docs.aws.amazon.com/vpc/latest/userguide/security-group-assoc.html
    """
    if vpc_id in walk.account.vpcs:
        return False
    group = walk.account.security_groups.get(rule.peer)
    of = (group.vpc_id if group else None) or rule.peer_vpc
    if of is None or of == vpc_id:
        return False
    associated = walk.account.vpcs_of_group(rule.peer)
    return not isinstance(associated, Missing) and vpc_id not in associated


def _unread(walk: Walk, scope: dict[str, PeeringSide | None], vpc_id: str) -> Missing | None:
    """Why it is not known who is in a VPC other than the rule's own, which stands first in ``scope``."""
    subnets = () if vpc_id == next(iter(scope)) else walk.account.subnets_of(vpc_id)
    return subnets if isinstance(subnets, Missing) else None


def _members_of(rule: GroupRule, why: Missing) -> Missing:
    """Nobody who can be asked lists who carries the group."""
    if why.pending:
        return why
    where = f" in account {rule.peer_account}" if rule.peer_account else ""
    return Missing(f"members of {rule.peer}{where}", f"not readable ({why})")


def _peers_of_group(
    walk: Walk, scope: dict[str, PeeringSide | None], rule: GroupRule, version: int
) -> Sequence[Interval] | Missing:
    members = walk.account.members(rule.peer)
    if isinstance(members, Missing):
        return members
    for vpc_id in scope:
        if _names_another(walk, rule, vpc_id):
            continue
        unknown = walk.account.hidden(vpc_id) or _unread(walk, scope, vpc_id)
        if unknown is not None:
            return _members_of(rule, unknown)
    spans = [
        (int(address), int(address))
        for member in members
        if member.vpc_id in scope
        for address in private_addresses(member)
        if address.version == version
    ]
    for member in members:
        if member.vpc_id in scope:
            networks = (ip_network(block, strict=False) for block in delegated_prefixes(member))
            spans += [span(network) for network in networks if network.version == version]
    return spans


def _may_hold(walk: Walk, vpc_id: str, side: PeeringSide | None, address: Ip) -> bool:
    vpc = walk.account.vpcs.get(vpc_id)
    if vpc is not None:
        return any(address in network for network in vpc.networks)
    blocks = blocks_of(walk, side, address.version) if side is not None else []
    return not blocks or any(low <= int(address) <= high for low, high in blocks)
