"""Whom a rule of a security group means where it names no block: a prefix list, or the carriers of a group.

A reference means private addresses of interfaces that carry the group, in the same VPC, in one peered with it in the
same Region, and, for inbound rules, behind a transit gateway with security group referencing on.

https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-security-groups.html
https://docs.aws.amazon.com/vpc/latest/tgw/tgw-vpc-attachments.html#vpc-attachment-security
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import TYPE_CHECKING

from whyblocked.config import transit
from whyblocked.config.account import Account, Missing
from whyblocked.config.addresses import Ip, delegated_prefixes
from whyblocked.config.resources import NetworkInterface, PeeringSide
from whyblocked.network.flow import Bundle
from whyblocked.network.packets import Interval, Packets, span
from whyblocked.network.rules import Direction, GroupRule, any_match
from whyblocked.network.supposed import Supposed, spans_of_interface

if TYPE_CHECKING:
    from whyblocked.config.resources import TransitGatewayVpcAttachment

REFERENCING_IS_OFF = (
    "would allow it by the sender's group, which does not count across the transit gateway: security group referencing "
    "is off there or at an attachment"
)
TURN_REFERENCING_ON = (
    "Turn security group referencing on at the transit gateway and at both attachments, or name the sender's addresses "
    "in the rule."
)
_NEVER_ACROSS = "would allow it by the sender's group, which never counts across a transit gateway"
_NO_REFERENCING_ZONE = "use1-az3"

InterfaceAt = Callable[[str, Ip], NetworkInterface | Missing | None]
"""What tells the interface of a VPC that has an address."""

Scope = dict[str, PeeringSide | None]
"""The VPCs whose interfaces a reference can mean, with what is known of those on the other side of something."""


def peers_of(
    account: Account,
    interface: NetworkInterface,
    direction: Direction,
    bundle: Bundle,
    rule: GroupRule,
    packets: Packets,
    *,
    interface_at: InterfaceAt | None = None,
    referencing: bool = False,
) -> Sequence[Interval] | Missing:
    """The address spans that a prefix list or group rule stands for.

    ``interface_at`` where more is known of who has an address than the account lists.
    ``referencing``: as if security group referencing were on at every transit gateway and attachment.
    """
    if rule.kind == "prefix-list":
        cidrs = account.prefix_list(rule.peer)
        if isinstance(cidrs, Missing):
            return cidrs
        networks = (ip_network(cidr.strip(), strict=False) for cidr in cidrs)
        return [span(network) for network in networks if network.version == packets.version]
    if rule.peering_status == "deleted" or (direction == "ingress" and bundle.inspected):
        return ()  # behind a middlebox the sender's groups are no longer told
    low, high = packets.source if direction == "ingress" else packets.destination
    scope, unsure = _scope(account, interface, direction, bundle)
    if referencing:
        scope |= behind_transit_gateways(account, interface.vpc_id, bundle)
    if direction == "ingress" and bundle.relay is not None and bundle.relay.keeps:
        return [(low, high)] if _carries(account, scope, bundle.relay.node or "", rule) else ()
    peer = account.interfaces.get(bundle.origin.id) if direction == "ingress" else bundle.goal
    if isinstance(peer, Supposed) and any(a <= low and high <= b for a, b in spans_of_interface(peer, packets.version)):
        carries = peer.vpc_id in scope and any(group.group_id == rule.peer for group in peer.groups)
        return [(low, high)] if carries else ()
    if low == high:
        kind = IPv4Address if packets.version == 4 else IPv6Address
        return _peer_at(account, scope, unsure, rule, kind(low), interface_at or account.interface_at)
    return _peers_of_group(account, scope, unsure, rule, packets.version)


def allowed_with_referencing(
    account: Account,
    interface: NetworkInterface,
    bundle: Bundle,
    denied: Iterable[Packets],
    rules: tuple[GroupRule, ...],
) -> bool:
    """Whether it is only the switches of a transit gateway and its attachments that refuse these inbound packets."""
    by_group = any(rule.kind == "group" for rule in rules)
    if not by_group or not behind_transit_gateways(account, interface.vpc_id, bundle):
        return False
    return all(
        decision.action == "allow"
        for boxes in denied
        for decision in any_match(
            rules,
            boxes,
            lambda rule, packets: peers_of(account, interface, "ingress", bundle, rule, packets, referencing=True),
        )
    )


def why_not_referenced(account: Account, interface: NetworkInterface, bundle: Bundle) -> tuple[str, str]:
    """Why the sender's group does not count across a transit gateway, and what to do about it."""
    never = never_referenced(account, interface, bundle)
    if never is None:
        return REFERENCING_IS_OFF, TURN_REFERENCING_ON
    return f"{_NEVER_ACROSS} {never}", "Name the sender's addresses in the rule."


def never_referenced(account: Account, interface: NetworkInterface, bundle: Bundle | None = None) -> str | None:
    """Where no switch makes groups count across a transit gateway: at VPC endpoints, and in one zone."""
    if (interface.interface_type or "").replace("_", "").lower() == "vpcendpoint":
        return "at a VPC endpoint"
    sender = account.interfaces.get(bundle.origin.id) if bundle else None
    subnets = [account.subnets.get(end.subnet_id) for end in (interface, sender) if end is not None]
    if any(subnet is not None and subnet.availability_zone_id == _NO_REFERENCING_ZONE for subnet in subnets):
        return f"in {_NO_REFERENCING_ZONE}"
    return None


# -- where the carriers may be ---------------------------------------------------------------------------------------


def _scope(
    account: Account, interface: NetworkInterface, direction: Direction, bundle: Bundle
) -> tuple[Scope, dict[str, Missing]]:
    """The VPCs that a reference reaches, and why it is not known of some of them."""
    vpc_id = interface.vpc_id
    scope: Scope = {vpc_id: None}
    for pcx, peering in sorted(account.peerings_of.get(vpc_id, {}).items()):
        if peering.status.code != "active":
            continue
        if direction == "ingress" and not bundle.resumed and bundle.via != pcx:
            continue
        one, other = peering.requester_vpc_info, peering.accepter_vpc_info
        if other.vpc_id == vpc_id:
            one, other = other, one
        if other.vpc_id and same_region(account, one, other):
            scope[other.vpc_id] = other
    unsure: dict[str, Missing] = {}
    if direction == "egress" or never_referenced(account, interface, bundle):
        return scope, unsure
    for other_vpc, side in behind_transit_gateways(account, vpc_id, bundle).items():
        supported = _referencing(account, vpc_id, other_vpc, bundle)
        if supported:
            scope[other_vpc] = side
        if isinstance(supported, Missing):
            unsure[other_vpc] = supported
    return scope, unsure


def same_region(account: Account, one: PeeringSide, other: PeeringSide) -> bool:
    """Whether two sides are in one Region, as far as anything tells: no reference reaches across Regions."""
    regions = [side.region or account.region_of(side.vpc_id or "") for side in (one, other)]
    return not all(regions) or regions[0] == regions[1]


def behind_transit_gateways(account: Account, vpc_id: str, bundle: Bundle) -> Scope:
    """The VPC that the packets came from straight through a transit gateway; all it could be where that is unclear."""
    if bundle.resumed:
        gateways = [g for g in sorted(transit.gateways(account)) if _attached(account, g, vpc_id)]
        found = [a for g in gateways for a in account.transit_attachments.get(g, {}).values()]
    else:
        came_by = transit.by_id(account, bundle.via) if bundle.via else None
        found = [came_by] if came_by else []
    return {
        a.resource_id: PeeringSide(vpc_id=a.resource_id, owner_id=a.resource_owner_id)
        for a in found
        if a.resource_type == "vpc" and a.resource_id
    }


def _attached(account: Account, gateway_id: str, vpc_id: str) -> bool:
    return any(a.resource_id == vpc_id for a in account.transit_attachments.get(gateway_id, {}).values())


def _referencing(account: Account, vpc_id: str, other: str, bundle: Bundle) -> bool | Missing:
    """Whether groups of the other VPC count here: the gateway's switch is on, and that of both attachments."""
    came_by = transit.by_id(account, bundle.via) if bundle.via and not bundle.resumed else None
    known = [came_by.transit_gateway_id] if came_by else sorted(transit.gateways(account))
    for gateway_id in known:
        ends = [transit.attachment_of(account, gateway_id, one) for one in (vpc_id, other)]
        if any(isinstance(end, Missing) for end in ends):
            continue
        gateway = transit.gateway(account, gateway_id)
        if isinstance(gateway, Missing):
            return gateway
        if gateway.options is None or gateway.options.security_group_referencing_support != "enable":
            continue
        attached = [
            transit.vpc_attachment(account, end.transit_gateway_attachment_id, end.resource_id or "")
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


# -- who carries the group -------------------------------------------------------------------------------------------


def _peer_at(
    account: Account,
    scope: Scope,
    unsure: dict[str, Missing],
    rule: GroupRule,
    address: Ip,
    interface_at: InterfaceAt,
) -> Sequence[Interval] | Missing:
    """The address itself where the interface behind it carries the group: only private addresses count."""
    for vpc_id, side in scope.items():
        if not _may_hold(account, vpc_id, side, address) or _names_another(account, rule, vpc_id):
            continue
        owner = interface_at(vpc_id, address)
        if isinstance(owner, Missing):
            return _members_of(rule, owner)
        if owner is not None:
            carries = any(g.group_id == rule.peer for g in owner.groups)
            return (unsure.get(vpc_id) or [(int(address), int(address))]) if carries else ()
        unread = _unread(account, scope, vpc_id)
        if unread is not None:
            return _members_of(rule, unread)
    return ()


def _carries(account: Account, scope: Scope, node_id: str, rule: GroupRule) -> bool:
    """Behind a Network Load Balancer that keeps clients' addresses, its own groups count, and not the clients'.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-security-groups.html
    https://docs.aws.amazon.com/elasticloadbalancing/latest/network/target-group-register-targets.html
    """
    node = account.interface(node_id)
    return (
        isinstance(node, NetworkInterface)
        and node.vpc_id in scope
        and any(group.group_id == rule.peer for group in node.groups)
    )


def _names_another(account: Account, rule: GroupRule, vpc_id: str) -> bool:
    """Whether nobody in a VPC that was not read can carry the group: it belongs to another, and is not shared with it.

    https://docs.aws.amazon.com/vpc/latest/userguide/security-group-assoc.html
    """
    if vpc_id in account.vpcs:
        return False
    group = account.security_groups.get(rule.peer)
    of = (group.vpc_id if group else None) or rule.peer_vpc
    if of is None or of == vpc_id:
        return False
    associated = account.vpcs_of_group(rule.peer)
    return not isinstance(associated, Missing) and vpc_id not in associated


def _unread(account: Account, scope: Scope, vpc_id: str) -> Missing | None:
    """Why it is not known who is in a VPC other than the rule's own, which stands first in ``scope``."""
    subnets = () if vpc_id == next(iter(scope)) else account.subnets_of(vpc_id)
    return subnets if isinstance(subnets, Missing) else None


def _members_of(rule: GroupRule, why: Missing) -> Missing:
    """Nobody who can be asked lists who carries the group."""
    if why.pending:
        return why
    where = f" in account {rule.peer_account}" if rule.peer_account else ""
    return Missing(f"members of {rule.peer}{where}", f"not readable ({why})")


def _peers_of_group(
    account: Account, scope: Scope, unsure: dict[str, Missing], rule: GroupRule, version: int
) -> Sequence[Interval] | Missing:
    members = account.members(rule.peer)
    if isinstance(members, Missing):
        return members
    for vpc_id in scope:
        if _names_another(account, rule, vpc_id):
            continue
        unknown = account.hidden(vpc_id) or _unread(account, scope, vpc_id)
        if unknown is not None:
            return _members_of(rule, unknown)
    unclear = next((unsure[member.vpc_id] for member in members if member.vpc_id in unsure), None)
    if unclear is not None:
        return unclear
    spans = [
        (number, number)
        for member in members
        if member.vpc_id in scope
        for address in account.addresses_of(member)
        if address.version == version
        for number in (int(address),)
    ]
    for member in members:
        if member.vpc_id in scope:
            networks = (ip_network(block, strict=False) for block in delegated_prefixes(member))
            spans += [span(network) for network in networks if network.version == version]
    return spans


def _may_hold(account: Account, vpc_id: str, side: PeeringSide | None, address: Ip) -> bool:
    vpc = account.vpcs.get(vpc_id)
    if vpc is not None:
        return any(address in network for network in vpc.networks)
    blocks = blocks_of(account, side, address.version) if side is not None else []
    return not blocks or any(low <= int(address) <= high for low, high in blocks)


def blocks_of(account: Account, side: PeeringSide, version: int) -> list[Interval]:
    """The addresses of the VPC on one side, as far as they are known; the connection tells them while it is active."""
    written = [c.cidr_block for c in side.cidr_block_set] if version == 4 else []
    written += [c.ipv6_cidr_block for c in side.ipv6_cidr_block_set] if version == 6 else []
    vpc = account.vpcs.get(side.vpc_id or "")
    if vpc is not None:
        return [span(network) for network in vpc.networks if network.version == version]
    if not written and version == 4 and side.cidr_block:
        written = [side.cidr_block]
    return [span(ip_network(block, strict=False)) for block in written]
