"""Transit gateways: a router of its own between VPCs, other gateways and what lies outside AWS.

What comes in by an attachment is routed by the one table that the attachment is associated with; what goes to a VPC
leaves by the interface in one of the attachment's subnets, and that subnet's route table leads on.

https://docs.aws.amazon.com/vpc/latest/tgw/how-transit-gateways-work.html
https://docs.aws.amazon.com/vpc/latest/tgw/tgw-vpc-attachments.html
https://docs.aws.amazon.com/vpc/latest/tgw/tgw-nacls.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from whyblocked.config import resources as r
from whyblocked.config import transit
from whyblocked.config.account import Account, Missing
from whyblocked.config.resources import (
    TransitGatewayAttachment,
    TransitGatewayRoute,
)
from whyblocked.network.flow import Bundle, Node, Piece, Turn, flagged, split
from whyblocked.network.hops.relaying import check_kept
from whyblocked.network.hops.transit_attachment import (
    OUTSIDE,
    attachment_of_route,
    check,
    check_state,
    in_zone_of,
    naming,
    peer_of,
    subnets_of_attachment,
)
from whyblocked.network.packets import DESTINATION, network_words
from whyblocked.network.transit import Table, described, ids_of, look_up
from whyblocked.network.walk import Step, Walk


def neighbours(account: Account, here: Node) -> Iterable[Node]:
    """The subnets of its attachments, the gateways that it is peered with, and where packets entered it."""
    for attachment in account.transit_attachments.get(here.id, {}).values():
        if attachment.resource_type.endswith("peering") and attachment.resource_id:
            yield Node("transit-gateway", attachment.resource_id)
    for subnet_id in transit.subnets_of(account, here.id):
        yield Node("network-acl", subnet_id)
        yield Node("subnet", subnet_id)


def cross(walk: Walk, node: Node, bundle: Bundle) -> Iterator[Step]:
    """Into an attachment's subnet on the way from a VPC; through the route table; out by another attachment."""
    if bundle.vpc_id is None:  # from outside AWS or a peer
        attachment = transit.attachment(walk.account, node.id, bundle.via or "")
        return _through(walk, node, bundle, attachment)
    goal = bundle.goal.vpc_id if bundle.goal else bundle.vpc_id
    transit.expect(walk.account, node.id, dict.fromkeys((bundle.vpc_id, goal)))
    attachment = transit.attachment_of(walk.account, node.id, bundle.vpc_id)
    if bundle.inbound and bundle.heading == node:
        return _through(walk, node, bundle, attachment)
    return _to_interface(walk, node, bundle, attachment)


# -- into the gateway ----------------------------------------------------------------------------------------------


def _to_interface(
    walk: Walk, node: Node, bundle: Bundle, attachment: TransitGatewayAttachment | Missing
) -> Iterator[Step]:
    """From a subnet to the attachment's interface in its zone, through the inbound rules that guard that."""
    subnets = subnets_of_attachment(walk, attachment)
    if isinstance(subnets, Missing):
        return _unknown(walk, node, bundle, subnets)
    assert not isinstance(attachment, Missing)
    here = check_kept(walk, check_state(walk, attachment, bundle), node.id)
    near = in_zone_of(walk, bundle.subnet_id, subnets)
    if not near:
        here = _wrong_zone(walk, node, attachment, here, subnets)
        near = subnets
    return iter([(Node("network-acl", near[0].subnet_id), here.but(inbound=True, heading=node))])


def _wrong_zone(
    walk: Walk, node: Node, attachment: TransitGatewayAttachment, bundle: Bundle, subnets: list[r.Subnet]
) -> Bundle:
    source = walk.account.subnets.get(bundle.subnet_id or "")
    zone = source.availability_zone if source else None
    where = ", ".join(sorted({s.availability_zone or s.subnet_id for s in subnets}))
    walk.note(bundle, "transit-gateway", node.id, "deny", detail=f"not attached in {zone}")
    walk.block(
        bundle,
        bundle.pieces,
        layer="transit-gateway",
        code="TGW_ROUTE_AZ_RESTRICTION",
        summary=f"{bundle.subnet_id} is in {zone}, where {attachment.transit_gateway_attachment_id} has no subnet "
        f"(only in {where}), so its packets do not reach {node.id}.",
        resource_ids=(attachment.transit_gateway_attachment_id,),
        next_step=f"Add a subnet in {zone} to {attachment.transit_gateway_attachment_id}.",
    )
    return bundle.but(pieces=flagged(bundle.pieces, blocked=True))


def _unknown(walk: Walk, node: Node, bundle: Bundle, missing: Missing) -> Iterator[Step]:
    walk.note(bundle, "transit-gateway", node.id, "unknown", detail=str(missing))
    return walk.lose(bundle, naming(node.id, missing))


# -- through its route table ----------------------------------------------------------------------------------------


def _through(walk: Walk, node: Node, bundle: Bundle, attachment: TransitGatewayAttachment | Missing) -> Iterator[Step]:
    if isinstance(attachment, Missing):
        yield from _unknown(walk, node, bundle, attachment)
        return
    entrance = f"{node.id} {attachment.transit_gateway_attachment_id}"
    crossing = (entrance, bundle.boxes)
    if crossing in bundle.crossed:
        walk.circle(node, bundle)
        return
    goal = bundle.goal.network_interface_id if bundle.goal else None
    place = (bundle.leg, bundle.origin, goal, bundle.subnet_id, bundle.inspected)
    if not walk.is_new(Node(node.kind, entrance), bundle, place):
        return
    here = bundle.but(crossed=(*bundle.crossed, crossing))
    here = here if here.vpc_id else check(walk, attachment, here)
    table_id = transit.table_of(walk.account, attachment)
    if isinstance(table_id, Missing):
        yield from _unknown(walk, node, here, table_id)
        return
    by = f"in by {attachment.transit_gateway_attachment_id}"
    if table_id is None:
        yield from _not_associated(walk, node, here, attachment)
        return
    walk.note(here, "transit-gateway", node.id, "forward", detail=by)
    table = walk.rulebook.transit(node.id, table_id, here.version)
    if isinstance(table, Missing):
        yield from _unknown(walk, node, here, table)
        return
    ways: dict[tuple[int, Missing | None], tuple[TransitGatewayRoute | None, list[Piece]]] = {}
    for piece in here.pieces:
        for choice in look_up(table, piece.packets.destination):
            part = piece.narrowed(piece.packets._replace(destination=choice.destinations))
            ways.setdefault((id(choice.route), choice.missing), (choice.route, []))[1].append(part)
    for (_, missing), (route, parts) in ways.items():
        leaving = here.but(pieces=tuple(parts), via=attachment.transit_gateway_attachment_id)
        yield from _take(walk, node, leaving, table, route, missing)


def _not_associated(walk: Walk, node: Node, bundle: Bundle, attachment: TransitGatewayAttachment) -> Iterator[Step]:
    attachment_id = attachment.transit_gateway_attachment_id
    walk.note(bundle, "transit-gateway", node.id, "deny", detail=f"{attachment_id} has no route table")
    walk.block(
        bundle,
        bundle.pieces,
        layer="transit-gateway",
        code="TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION",
        summary=f"{attachment_id} is associated with no route table of {node.id}, so what comes in by it is dropped.",
        resource_ids=(attachment_id,),
        gateway_id=node.id,
        next_step=f"Associate {attachment_id} with a route table of {node.id}.",
    )
    return walk.drop(bundle)


def _take(
    walk: Walk, node: Node, bundle: Bundle, table: Table, route: TransitGatewayRoute | None, missing: Missing | None
) -> Iterator[Step]:
    table_id = table.table_id
    rule = described(route) if route else None
    kind = "transit-gateway-route-table"
    if missing is not None:
        walk.note(bundle, kind, table_id, "unknown", rule=rule, detail=str(missing), resource_ids=(table_id,))
        walk.lack(missing)
        bundle = bundle.but(pieces=flagged(bundle.pieces, unknown=True))
        if route is None or missing.pending:
            walk.end(bundle, bundle.pieces)
            return
    if route is None:
        yield from _no_route(walk, node, bundle, table)
        return
    if route.state == "blackhole":
        yield from _blackhole(walk, node, bundle, table, route, certain=missing is None)
        return
    if missing is None:
        walk.note(bundle, kind, table_id, "forward", rule=rule, resource_ids=(table_id,))
    bundle = bundle.but(turns=(*bundle.turns, Turn(table_id, route, node.id)))
    if not route.transit_gateway_attachments:
        yield from walk.lose(bundle, Missing(f"route {route.destination} of {table_id}", "its attachment is not told"))
    if route.type == "propagated":
        walk.learned_from.update(ids_of(route))
    for to in route.transit_gateway_attachments:  # several share the load: each flow takes one of them
        attachment = attachment_of_route(walk, node.id, to)
        if isinstance(attachment, Missing):
            yield from _unknown(walk, node, bundle, attachment)
        else:
            yield from _leave(walk, node, check(walk, attachment, bundle), attachment)


def _no_route(walk: Walk, node: Node, bundle: Bundle, table: Table) -> Iterator[Step]:
    table_id = table.table_id
    where = network_words(bundle.version, [piece.packets.destination for piece in bundle.pieces])
    back = "back " if bundle.leg == "return" else ""
    detail = f"no route to {where}"
    walk.note(bundle, "transit-gateway-route-table", table_id, "deny", detail=detail, resource_ids=(table_id,))
    walk.block(
        bundle,
        bundle.pieces,
        layer="transit-gateway",
        code="TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT",
        summary=f"Transit gateway route table {table_id}, which decides for {bundle.via}, has no route {back}"
        f"to {where}.",
        resource_ids=(table_id,),
        gateway_id=node.id,
        tried=table.entries,
        next_step=f"Add a route for {where} to {table_id}, or let the attachment of {where} propagate into it.",
    )
    return walk.drop(bundle)


def _blackhole(
    walk: Walk, node: Node, bundle: Bundle, table: Table, route: TransitGatewayRoute, *, certain: bool
) -> Iterator[Step]:
    table_id = table.table_id
    if not certain:
        walk.end(bundle, bundle.pieces)
        return iter(())
    why = "its attachment is gone" if route.transit_gateway_attachments else "it drops what it takes"
    rule = described(route)
    walk.note(
        bundle,
        "transit-gateway-route-table",
        table_id,
        "deny",
        rule=rule,
        detail="blackhole",
        resource_ids=(table_id,),
    )
    walk.block(
        bundle,
        bundle.pieces,
        layer="transit-gateway",
        code="TGW_RTB_BAD_STATE_ROUTE",
        summary=f"Route {route.destination} of transit gateway route table {table_id} is a blackhole: {why}.",
        resource_ids=(table_id,),
        gateway_id=node.id,
        rule=rule,
        tried=table.entries,
        next_step=f"Replace route {route.destination} of {table_id} by one to an attachment that exists.",
    )
    return walk.drop(bundle)


# -- out of the gateway ----------------------------------------------------------------------------------------------


def _leave(walk: Walk, node: Node, bundle: Bundle, attachment: TransitGatewayAttachment) -> Iterator[Step]:
    if attachment.resource_type == "vpc":
        yield from _into_vpc(walk, node, bundle, attachment)
    elif attachment.resource_type in OUTSIDE:
        _out_of_aws(walk, node, bundle, attachment)
    elif attachment.resource_type.endswith("peering"):
        yield from _to_peer(walk, node, bundle, attachment)
    else:
        what = f"{attachment.resource_type or 'attachment'} {attachment.transit_gateway_attachment_id}"
        yield from _unknown(walk, node, bundle, Missing(f"{what} of {node.id}", "what it does is not shown"))


def _into_vpc(walk: Walk, node: Node, bundle: Bundle, attachment: TransitGatewayAttachment) -> Iterator[Step]:
    """From the attachment's interface in the zone of origin; from any where there is none, or in appliance mode.

    In appliance mode a flow keeps to one of them, both ways: an appliance in that zone sees all of it.
    """
    vpc_id = attachment.resource_id or ""
    transit.expect(walk.account, node.id, [vpc_id])
    subnets = subnets_of_attachment(walk, attachment)
    if isinstance(subnets, Missing):
        owner = attachment.resource_owner_id
        where = f"{vpc_id} of account {owner}" if owner else vpc_id
        yield from _unknown(walk, node, bundle, subnets if subnets.pending else Missing(where, str(subnets)))
        return
    options = transit.vpc_attachment(walk.account, attachment.transit_gateway_attachment_id, vpc_id)
    pinned = not isinstance(options, Missing) and options.options and options.options.appliance_mode_support == "enable"
    near = [] if pinned or bundle.vpc_id is None else in_zone_of(walk, bundle.subnet_id, subnets)
    taken = dict(bundle.pinned).get(attachment.transit_gateway_attachment_id) if pinned else None
    near = [s for s in subnets if s.subnet_id == taken] or near
    ways = _different(walk, bundle, near or subnets)
    if len(ways) > 1:
        why = "appliance mode picks one a flow" if pinned else "it is not in the zone that the packets come from"
        walk.warn(
            f"{attachment.transit_gateway_attachment_id} may use any of its subnets ({why}), and they differ in "
            f"route table or network ACL; each was tried: {', '.join(s.subnet_id for s in ways)}."
        )
    pieces = tuple(piece._replace(here=False) for piece in bundle.pieces)
    for subnet in ways:
        flow = bundle
        if pinned and len(ways) > 1:
            flow = bundle.but(pinned=(*bundle.pinned, (attachment.transit_gateway_attachment_id, subnet.subnet_id)))
        yield (
            Node("subnet", subnet.subnet_id),
            flow.but(pieces=pieces, heading=None, at=None, subnet_id=subnet.subnet_id, vpc_id=vpc_id, inbound=False),
        )


def _different(walk: Walk, bundle: Bundle, subnets: list[r.Subnet]) -> list[r.Subnet]:
    """One subnet for all that treat the packets alike: the same route table and network ACL, or the destination's."""
    if len(subnets) < 2:
        return subnets
    found: dict[tuple[object, ...], r.Subnet] = {}
    for subnet in subnets:
        table, acl = walk.account.route_table_of(subnet), walk.account.network_acl_of(subnet)
        inside, _ = split(bundle.pieces, DESTINATION, walk.rulebook.spans(subnet, bundle.version))
        key = (
            table if isinstance(table, Missing) else table.route_table_id,
            acl if isinstance(acl, Missing) else acl.network_acl_id,
            subnet.subnet_id if inside else None,
        )
        found.setdefault(key, subnet)
    return list(found.values())


def _out_of_aws(walk: Walk, node: Node, bundle: Bundle, attachment: TransitGatewayAttachment) -> None:
    """The end of what AWS shows: the verdict so far stands, and a reply comes in by the same attachment."""
    attachment_id = attachment.transit_gateway_attachment_id
    what = f"{attachment.resource_type.replace('-', ' ')} {attachment.resource_id or ''}".strip()
    there = bundle.but(vpc_id=None, subnet_id=None, at=None, heading=None)
    walk.note(there, "transit-gateway", node.id, "deliver", detail=f"leaves AWS by {attachment_id} ({what})")
    if bundle.leg == "forward":
        walk.warn(f"Packets leave AWS here by {attachment_id} ({what}): what happens beyond it is not visible.")
    walk.arrive(node, there.but(via=attachment_id))


def _to_peer(walk: Walk, node: Node, bundle: Bundle, attachment: TransitGatewayAttachment) -> Iterator[Step]:
    """On to the other gateway, where static routes decide again."""
    entrance = peer_of(walk, attachment)
    if isinstance(entrance, Missing):
        walk.note(bundle, "transit-gateway", node.id, "unknown", detail=str(entrance))
        yield from walk.lose(bundle, entrance)
        return
    there = bundle.but(heading=None, at=None, subnet_id=None, vpc_id=None, inbound=False)
    pieces = tuple(piece._replace(here=False) for piece in bundle.pieces)
    yield (
        Node("transit-gateway", entrance.transit_gateway_id),
        there.but(pieces=pieces, via=entrance.transit_gateway_attachment_id),
    )
