"""Security groups of an interface: all groups together, allow rules only, stateful.

https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_network

from whyblocked.config import transit
from whyblocked.config.account import Missing
from whyblocked.config.addresses import Ip, delegated_prefixes, private_addresses
from whyblocked.config.resources import NetworkInterface, TransitGatewayVpcAttachment
from whyblocked.network.flow import Bundle, Node, Piece
from whyblocked.network.hops.interface import works
from whyblocked.network.packets import Interval, Packets, span
from whyblocked.network.rules import Decision, Direction, GroupRule, any_match
from whyblocked.network.walk import Step, Walk

REFERENCING_IS_OFF = (
    "would allow it by the sender's group, which does not count across the transit gateway: security group referencing "
    "is off there or at an attachment"
)
TURN_REFERENCING_ON = (
    "Turn security group referencing on at the transit gateway and at both attachments, or name the sender's addresses "
    "in the rule."
)


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


def allowed_with_referencing(
    walk: Walk, interface: NetworkInterface, bundle: Bundle, denied: Iterable[Packets], rules: tuple[GroupRule, ...]
) -> bool:
    """Whether it is only the switches of a transit gateway and its attachments that refuse these inbound packets."""
    if not any(rule.kind == "group" for rule in rules) or not _behind_transit_gateways(walk, interface.vpc_id, bundle):
        return False
    return all(
        decision.action == "allow"
        for packets_denied in denied
        for decision in any_match(
            rules,
            packets_denied,
            lambda rule, packets: peers_of(walk, interface, "ingress", bundle, rule, packets, referencing=True),
        )
    )


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
    boxes = [piece.packets for piece in denied]
    if (
        direction == "ingress"
        and not bundle.resumed
        and allowed_with_referencing(walk, interface, bundle, boxes, rules)
    ):
        walk.block(
            bundle,
            denied,
            layer="security-group",
            code="SG_REFERENCING_SUPPORT",
            summary=f"{' and '.join(groups)} on {eni} {REFERENCING_IS_OFF} ({bundle.via}).",
            direction=direction,
            resource_ids=groups,
            interface_id=eni,
            tried=rules,
            next_step=TURN_REFERENCING_ON,
        )
        return
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
    walk: Walk,
    interface: NetworkInterface,
    direction: Direction,
    bundle: Bundle,
    rule: GroupRule,
    packets: Packets,
    *,
    referencing: bool = False,
) -> Sequence[Interval] | Missing:
    """The address spans that a prefix list or group rule stands for.

    ``referencing``: as if security group referencing were on at every transit gateway and attachment.
    """
    if rule.kind == "prefix-list":
        cidrs = walk.account.prefix_list(rule.peer)
        if isinstance(cidrs, Missing):
            return cidrs
        networks = (ip_network(cidr.strip(), strict=False) for cidr in cidrs)
        return [span(network) for network in networks if network.version == packets.version]
    if rule.peering_status == "deleted":
        return ()
    low, high = packets.source if direction == "ingress" else packets.destination
    scope, unsure = _scope(walk, interface.vpc_id, direction, bundle)
    if referencing:
        scope |= _behind_transit_gateways(walk, interface.vpc_id, bundle)
    if low == high:
        kind = IPv4Address if packets.version == 4 else IPv6Address
        return _peer_at(walk, scope, unsure, rule, kind(low))
    return _peers_of_group(walk, scope, unsure, rule, packets.version)


def _scope(
    walk: Walk, vpc_id: str, direction: Direction, bundle: Bundle
) -> tuple[dict[str, str | None], dict[str, Missing]]:
    """The VPCs whose interfaces a group reference can mean: this one, those peered with it in the same Region, and,
    for inbound rules, the one that the packets came from by a transit gateway; and those that can't be told.

    https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-security-groups.html
    https://docs.aws.amazon.com/vpc/latest/tgw/tgw-vpc-attachments.html#vpc-attachment-security
    """
    scope = {vpc_id: walk.account.account_id_of(vpc_id)}
    for _, peering in sorted(walk.account.peerings.items()):
        if peering.status.code != "active":
            continue
        if direction == "ingress" and not bundle.resumed and bundle.via != peering.vpc_peering_connection_id:
            continue
        one, other = peering.requester_vpc_info, peering.accepter_vpc_info
        if other.vpc_id == vpc_id:
            one, other = other, one
        if one.vpc_id == vpc_id and other.vpc_id and (not one.region or not other.region or one.region == other.region):
            scope[other.vpc_id] = other.owner_id
    unsure: dict[str, Missing] = {}
    for other_vpc, owner in _behind_transit_gateways(walk, vpc_id, bundle).items() if direction == "ingress" else ():
        supported = _referencing(walk, vpc_id, other_vpc, bundle)
        if supported:
            scope[other_vpc] = owner
        if isinstance(supported, Missing):
            unsure[other_vpc] = supported
    return scope, unsure


def _behind_transit_gateways(walk: Walk, vpc_id: str, bundle: Bundle) -> dict[str, str | None]:
    """The VPC that the packets came from straight through a transit gateway; all it could be where that is unclear."""
    account = walk.account
    if bundle.resumed:
        gateways = [g for g in sorted(transit.gateways(account)) if _attached(walk, g, vpc_id)]
        found = [a for g in gateways for a in account.transit_attachments.get(g, {}).values()]
    else:
        came_by = transit.by_id(account, bundle.via) if bundle.via else None
        found = [came_by] if came_by else []
    return {a.resource_id: a.resource_owner_id for a in found if a.resource_type == "vpc" and a.resource_id}


def _attached(walk: Walk, gateway_id: str, vpc_id: str) -> bool:
    return any(a.resource_id == vpc_id for a in walk.account.transit_attachments.get(gateway_id, {}).values())


def _referencing(walk: Walk, vpc_id: str, other: str, bundle: Bundle) -> bool | Missing:
    """Whether groups of the other VPC count here: the gateway's switch is on, and that of both attachments."""
    came_by = transit.by_id(walk.account, bundle.via) if bundle.via and not bundle.resumed else None
    known = [came_by.transit_gateway_id] if came_by else sorted(transit.gateways(walk.account))
    for gateway_id in known:
        ends = [transit.attachment_of(walk.account, gateway_id, one) for one in (vpc_id, other)]
        if any(isinstance(end, Missing) for end in ends):
            continue
        gateway = transit.gateway(walk.account, gateway_id)
        if isinstance(gateway, Missing):
            return gateway
        if gateway.options is None or gateway.options.security_group_referencing_support != "enable":
            continue
        attached = [
            transit.vpc_attachment(walk.account, end.transit_gateway_attachment_id, end.resource_id or "")
            for end in ends
            if not isinstance(end, Missing)
        ]
        unread = next((a for a in attached if isinstance(a, Missing)), None)
        if unread is not None:
            return unread
        if all(not isinstance(a, Missing) and _switched_on(a) for a in attached):
            return True
    return False


def _switched_on(attached: TransitGatewayVpcAttachment) -> bool:
    """An attachment has it on unless it says otherwise."""
    return attached.options is None or attached.options.security_group_referencing_support != "disable"


def _peer_at(
    walk: Walk, scope: dict[str, str | None], unsure: dict[str, Missing], rule: GroupRule, address: Ip
) -> Sequence[Interval] | Missing:
    """The address itself where the interface behind it carries the group: only private addresses count."""
    for vpc_id in scope:
        if not _may_hold(walk, vpc_id, address):
            continue
        owner = walk.account.interface_at(vpc_id, address)
        if isinstance(owner, Missing):
            return owner
        if owner is not None:
            carries = any(g.group_id == rule.peer for g in owner.groups)
            return (unsure.get(vpc_id) or [(int(address), int(address))]) if carries else ()
    return _foreign(walk, scope, rule) or ()


def _foreign(walk: Walk, scope: dict[str, str | None], rule: GroupRule) -> Missing | None:
    """A group of an account that was not read: nobody here can list who carries it."""
    unread = [
        vpc for vpc, owner in scope.items() if owner and owner == rule.peer_account and vpc not in walk.account.vpcs
    ]
    return (
        Missing(f"members of {rule.peer} in account {rule.peer_account}", "not readable from here") if unread else None
    )


def _peers_of_group(
    walk: Walk, scope: dict[str, str | None], unsure: dict[str, Missing], rule: GroupRule, version: int
) -> Sequence[Interval] | Missing:
    members = walk.account.members(rule.peer)
    if isinstance(members, Missing):
        return members
    unclear = next((unsure[member.vpc_id] for member in members if member.vpc_id in unsure), None)
    if unclear is not None:
        return unclear
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
    return spans or _foreign(walk, scope, rule) or ()


def _may_hold(walk: Walk, vpc_id: str, address: Ip) -> bool:
    vpc = walk.account.vpcs.get(vpc_id)
    return vpc is None or any(address in network for network in vpc.networks)
