"""Security groups of an interface: all groups together, allow rules only, stateful.

https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_network

from whyblocked.config.account import Missing
from whyblocked.config.addresses import Ip, delegated_prefixes, private_addresses
from whyblocked.config.resources import NetworkInterface
from whyblocked.network.flow import Bundle, Node, Piece
from whyblocked.network.hops.interface import works
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
    code, summary = "ENI_SG_RULES_MISMATCH", f"No {way} rule of {names} on {eni} allows it."
    if not rules:
        code = "SG_HAS_NO_RULES"
        summary = f"{names} on {eni} {'has' if len(groups) == 1 else 'have'} no {way} rules at all."
    elif direction == "ingress" and bundle.inspected and _would_match(walk, interface, bundle, denied, rules):
        code = "SG_REFERENCES_NOT_PRESERVED"
        summary = (
            f"A rule of {names} on {eni} names the sender's security group, which is not told behind "
            f"{bundle.inspected[-1]}: name its addresses instead."
        )
    walk.block(
        bundle,
        denied,
        layer="security-group",
        code=code,
        summary=summary,
        direction=direction,
        resource_ids=groups,
        interface_id=eni,
        tried=rules,
    )


def _would_match(
    walk: Walk, interface: NetworkInterface, bundle: Bundle, denied: Sequence[Piece], rules: tuple[GroupRule, ...]
) -> bool:
    """Whether a rule that names a group would allow it all if the sender came without a middlebox.

    https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
    """
    direct = bundle.but(inspected=())
    named = [rule for rule in rules if rule.kind == "group"]
    return all(
        decision.action == "allow"
        for piece in denied
        for decision in any_match(
            named, piece.packets, lambda rule, packets: peers_of(walk, interface, "ingress", direct, rule, packets)
        )
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
    if rule.peering_status == "deleted" or (direction == "ingress" and bundle.inspected):
        return ()  # behind a middlebox the sender's groups are no longer told
    low, high = packets.source if direction == "ingress" else packets.destination
    scope = _scope(walk, interface.vpc_id, direction, bundle)
    if direction == "ingress" and bundle.relay is not None and bundle.relay.keeps:
        return [(low, high)] if _carries(walk, scope, bundle.relay.node or "", rule) else ()
    if low == high:
        kind = IPv4Address if packets.version == 4 else IPv6Address
        return _peer_at(walk, scope, rule, kind(low))
    return _peers_of_group(walk, scope, rule, packets.version)


def _carries(walk: Walk, scope: dict[str, str | None], node_id: str, rule: GroupRule) -> bool:
    """Behind a Network Load Balancer that keeps clients' addresses, its own groups count, and not the clients'.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-security-groups.html
    https://docs.aws.amazon.com/elasticloadbalancing/latest/network/target-group-register-targets.html
    """
    node = walk.account.interface(node_id)
    return (
        isinstance(node, NetworkInterface)
        and node.vpc_id in scope
        and any(g.group_id == rule.peer for g in node.groups)
    )


def _scope(walk: Walk, vpc_id: str, direction: Direction, bundle: Bundle) -> dict[str, str | None]:
    """The VPCs whose interfaces a group reference can mean: this one, and those peered with it in the same Region.

    https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-security-groups.html
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
    return scope


def _peer_at(walk: Walk, scope: dict[str, str | None], rule: GroupRule, address: Ip) -> Sequence[Interval] | Missing:
    """The address itself where the interface behind it carries the group: only private addresses count."""
    for vpc_id in scope:
        if not _may_hold(walk, vpc_id, address):
            continue
        owner = walk.interface_at(vpc_id, address)
        if isinstance(owner, Missing):
            return owner
        if owner is not None:
            return [(int(address), int(address))] if any(g.group_id == rule.peer for g in owner.groups) else ()
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
    walk: Walk, scope: dict[str, str | None], rule: GroupRule, version: int
) -> Sequence[Interval] | Missing:
    members = walk.account.members(rule.peer)
    if isinstance(members, Missing):
        return members
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
