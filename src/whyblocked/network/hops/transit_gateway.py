"""Transit gateways: a router of its own between VPCs, other gateways and what lies outside AWS.

What comes in by an attachment is routed by the one table that the attachment is associated with; what goes to a VPC
leaves by the interface in one of the attachment's subnets, and that subnet's route table leads on.

https://docs.aws.amazon.com/vpc/latest/tgw/how-transit-gateways-work.html
https://docs.aws.amazon.com/vpc/latest/tgw/tgw-vpc-attachments.html
https://docs.aws.amazon.com/vpc/latest/tgw/tgw-nacls.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from whyblocked.config import resources as r
from whyblocked.config import transit
from whyblocked.config.account import Account, Missing
from whyblocked.config.resources import (
    TransitGatewayAttachment,
    TransitGatewayRoute,
    TransitGatewayRouteAttachment,
)
from whyblocked.network.flow import Bundle, Node, Piece, flagged, split
from whyblocked.network.packets import DESTINATION, Interval, network_words, span
from whyblocked.network.transit import Choice, look_up
from whyblocked.network.walk import Step, Walk

OUTSIDE = frozenset({"vpn", "vpn-concentrator", "direct-connect-gateway", "connect", "client-vpn"})
"""Kinds of attachments behind which AWS shows nothing more."""

_WORKS = ("available", "modifying", "")


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
    subnets = _subnets(walk, attachment)
    if isinstance(subnets, Missing):
        return _unknown(walk, node, bundle, subnets)
    assert not isinstance(attachment, Missing)
    here = _check_state(walk, attachment, bundle)
    near = _in_zone_of(walk, bundle.subnet_id, subnets)
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


def _check_state(walk: Walk, attachment: TransitGatewayAttachment, bundle: Bundle) -> Bundle:
    """Only an available attachment carries packets; one that is modified goes on working meanwhile."""
    if attachment.state in _WORKS:
        return bundle
    attachment_id = attachment.transit_gateway_attachment_id
    accept = f"Accept {attachment_id}." if attachment.state == "pendingAcceptance" else None
    gateway = attachment.transit_gateway_id
    walk.note(bundle, "transit-gateway", gateway, "deny", detail=f"{attachment_id} is {attachment.state}")
    walk.block(
        bundle,
        bundle.pieces,
        layer="transit-gateway",
        code="BAD_STATE_ATTACHMENT",
        summary=f"{attachment_id} of {gateway} is {attachment.state}, not available.",
        resource_ids=(attachment_id,),
        next_step=accept,
    )
    return bundle.but(pieces=flagged(bundle.pieces, blocked=True))


def _unknown(walk: Walk, node: Node, bundle: Bundle, missing: Missing) -> Iterator[Step]:
    walk.note(bundle, "transit-gateway", node.id, "unknown", detail=str(missing))
    return walk.lose(bundle, _naming(node.id, missing))


def _naming(gateway_id: str, missing: Missing) -> Missing:
    """``missing`` with the gateway that it is about."""
    if missing.pending or gateway_id in str(missing):
        return missing
    return Missing(f"transit gateway {gateway_id}", str(missing))


# -- through its route table ----------------------------------------------------------------------------------------


def _through(walk: Walk, node: Node, bundle: Bundle, attachment: TransitGatewayAttachment | Missing) -> Iterator[Step]:
    if isinstance(attachment, Missing):
        yield from _unknown(walk, node, bundle, attachment)
        return
    here = bundle if bundle.vpc_id else _check_state(walk, attachment, bundle)
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
        yield from _take(walk, node, leaving, table_id, route, missing)


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
        next_step=f"Associate {attachment_id} with a route table of {node.id}.",
    )
    return walk.drop(bundle)


def described(route: TransitGatewayRoute) -> dict[str, Any]:
    """A route as it stands in answers."""
    target = ",".join(a.transit_gateway_attachment_id or "" for a in route.transit_gateway_attachments)
    return {"destination": route.destination, "target": target or None, "state": route.state}


def _take(
    walk: Walk, node: Node, bundle: Bundle, table_id: str, route: TransitGatewayRoute | None, missing: Missing | None
) -> Iterator[Step]:
    rule = described(route) if route else None
    kind = "transit-gateway-route-table"
    if missing is not None:
        walk.note(bundle, kind, table_id, "unknown", rule=rule, detail=str(missing), resource_ids=(table_id,))
        walk.lack(missing)
        bundle = bundle.but(pieces=flagged(bundle.pieces, unknown=True))
        if route is None or missing.pending:
            walk.leaves += bundle.pieces
            return
    if route is None:
        yield from _no_route(walk, bundle, table_id)
        return
    if route.state == "blackhole":
        yield from _blackhole(walk, bundle, table_id, route, certain=missing is None)
        return
    if missing is None:
        walk.note(bundle, kind, table_id, "forward", rule=rule, resource_ids=(table_id,))
    if not route.transit_gateway_attachments:
        yield from walk.lose(bundle, Missing(f"route {route.destination} of {table_id}", "its attachment is not told"))
    for to in route.transit_gateway_attachments:  # several share the load: each flow takes one of them
        attachment = _attachment(walk, node.id, to)
        if isinstance(attachment, Missing):
            yield from _unknown(walk, node, bundle, attachment)
        else:
            yield from _leave(walk, node, _check_state(walk, attachment, bundle), attachment)


def _no_route(walk: Walk, bundle: Bundle, table_id: str) -> Iterator[Step]:
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
        next_step=f"Add a route for {where} to {table_id}, or let the attachment of {where} propagate into it.",
    )
    return walk.drop(bundle)


def _blackhole(
    walk: Walk, bundle: Bundle, table_id: str, route: TransitGatewayRoute, *, certain: bool
) -> Iterator[Step]:
    if not certain:
        walk.leaves += bundle.pieces
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
        rule=rule,
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
    """From the attachment's interface in the zone of origin; from any where there is none, or in appliance mode."""
    vpc_id = attachment.resource_id or ""
    transit.expect(walk.account, node.id, [vpc_id])
    subnets = _subnets(walk, attachment)
    if isinstance(subnets, Missing):
        owner = attachment.resource_owner_id
        where = f"{vpc_id} of account {owner}" if owner else vpc_id
        yield from _unknown(walk, node, bundle, subnets if subnets.pending else Missing(where, str(subnets)))
        return
    options = transit.vpc_attachment(walk.account, attachment.transit_gateway_attachment_id, vpc_id)
    pinned = not isinstance(options, Missing) and options.options and options.options.appliance_mode_support == "enable"
    near = [] if pinned or bundle.vpc_id is None else _in_zone_of(walk, bundle.subnet_id, subnets)
    ways = _different(walk, bundle, near or subnets)
    if len(ways) > 1:
        why = "appliance mode picks one a flow" if pinned else "it is not in the zone that the packets come from"
        walk.warn(
            f"{attachment.transit_gateway_attachment_id} may use any of its subnets ({why}), and they differ in "
            f"route table or network ACL; each was tried: {', '.join(s.subnet_id for s in ways)}."
        )
    pieces = tuple(piece._replace(here=False) for piece in bundle.pieces)
    for subnet in ways:
        yield (
            Node("subnet", subnet.subnet_id),
            bundle.but(pieces=pieces, heading=None, at=None, subnet_id=subnet.subnet_id, vpc_id=vpc_id, inbound=False),
        )


def _different(walk: Walk, bundle: Bundle, subnets: list[r.Subnet]) -> list[r.Subnet]:
    """One subnet for all that treat the packets alike: the same route table and network ACL, or the destination's."""
    if len(subnets) < 2:
        return subnets
    found: dict[tuple[object, ...], r.Subnet] = {}
    for subnet in subnets:
        table, acl = walk.account.route_table_of(subnet), walk.account.network_acl_of(subnet)
        inside, _ = split(bundle.pieces, DESTINATION, [span(n) for n in subnet.networks if n.version == bundle.version])
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
    entrance = _peer(walk, attachment)
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


def _peer(walk: Walk, attachment: TransitGatewayAttachment) -> TransitGatewayAttachment | Missing:
    """The attachment on the other side of a peering."""
    gateway_id = attachment.transit_gateway_id
    peering = walk.account.transit_peerings.get(attachment.transit_gateway_attachment_id)
    peer_id = attachment.resource_id or ""
    if peering is not None:
        sides = (peering.requester_tgw_info, peering.accepter_tgw_info)
        peer_id = next((s.transit_gateway_id for s in sides if s.transit_gateway_id != gateway_id), None) or peer_id
    entrance = transit.peer_attachment(walk.account, peer_id, gateway_id)
    if not isinstance(entrance, Missing) or entrance.pending:
        return entrance
    owner = walk.account.account_id_of(peer_id) or attachment.resource_owner_id
    region = walk.account.region_of(peer_id)
    where = f" of account {owner}" if owner else ""
    where += f" in {region}" if region else ""
    return Missing(f"transit gateway {peer_id}{where}", f"peered with {gateway_id}, not readable")


def _attachment(walk: Walk, gateway_id: str, to: TransitGatewayRouteAttachment) -> TransitGatewayAttachment | Missing:
    """What a route leads to; where the list of attachments is not readable, as far as the route itself tells."""
    found = transit.attachment(walk.account, gateway_id, to.transit_gateway_attachment_id or "")
    if not isinstance(found, Missing) or found.pending or not to.resource_type:
        return found
    return TransitGatewayAttachment(
        transit_gateway_attachment_id=to.transit_gateway_attachment_id or "",
        transit_gateway_id=gateway_id,
        resource_type=to.resource_type,
        resource_id=to.resource_id,
    )


# -- the way back ----------------------------------------------------------------------------------------------------


class Way(NamedTuple):
    """Addresses, and the attachment behind which the routes of a gateway place them, as far as that is known."""

    destinations: Interval
    attachment: TransitGatewayAttachment | None = None
    missing: Missing | None = None


def ways_to(walk: Walk, node: Node, vpc_id: str, version: int, destinations: Interval) -> Iterator[Way]:
    """Where packets of a VPC to these addresses leave the gateway, and those of the gateways that it is peered with."""
    transit.expect(walk.account, node.id, [vpc_id])
    attachment = transit.attachment_of(walk.account, node.id, vpc_id)
    yield from _ways_from(walk, node.id, attachment, version, destinations, (node.id,))


def _ways_from(
    walk: Walk,
    gateway_id: str,
    attachment: TransitGatewayAttachment | Missing,
    version: int,
    destinations: Interval,
    passed: tuple[str, ...],
) -> Iterator[Way]:
    table_id = attachment if isinstance(attachment, Missing) else transit.table_of(walk.account, attachment)
    table = walk.rulebook.transit(gateway_id, table_id, version) if isinstance(table_id, str) else table_id
    if table is None or isinstance(table, Missing):
        yield Way(destinations, missing=_naming(gateway_id, table) if table else None)
        return
    for choice in look_up(table, destinations):
        route = choice.route
        if route is None or route.state == "blackhole" or not route.transit_gateway_attachments:
            yield Way(choice.destinations, missing=choice.missing)
            continue
        for to in route.transit_gateway_attachments:
            there = _attachment(walk, gateway_id, to)
            if isinstance(there, Missing):
                yield Way(choice.destinations, missing=_naming(gateway_id, there))
            elif there.resource_type == "vpc" or there.resource_type in OUTSIDE:
                yield Way(choice.destinations, there, choice.missing)
            else:
                yield from _ways_of_peer(walk, there, version, choice, passed)


def _ways_of_peer(
    walk: Walk, there: TransitGatewayAttachment, version: int, choice: Choice, passed: tuple[str, ...]
) -> Iterator[Way]:
    peer = _peer(walk, there)
    if isinstance(peer, Missing):
        yield Way(choice.destinations, missing=peer)
    elif peer.transit_gateway_id not in passed:
        onward = (*passed, peer.transit_gateway_id)
        yield from _ways_from(walk, peer.transit_gateway_id, peer, version, choice.destinations, onward)
    else:
        yield Way(choice.destinations)


# -- subnets and zones -----------------------------------------------------------------------------------------------


def _subnets(walk: Walk, attachment: TransitGatewayAttachment | Missing) -> list[r.Subnet] | Missing:
    """The subnets that hold the interfaces of a VPC's attachment."""
    if isinstance(attachment, Missing):
        return attachment
    vpc_id = attachment.resource_id or ""
    found = transit.vpc_attachment(walk.account, attachment.transit_gateway_attachment_id, vpc_id)
    of_vpc = walk.account.subnets_of(vpc_id)
    if isinstance(found, Missing):
        return found
    if isinstance(of_vpc, Missing):
        return of_vpc
    subnets = [walk.account.subnet(subnet_id) for subnet_id in found.subnet_ids]
    missing = next((s for s in subnets if isinstance(s, Missing)), None)
    if missing is not None:
        return missing
    return [s for s in subnets if not isinstance(s, Missing)] or Missing(
        f"subnets of {attachment.transit_gateway_attachment_id}", "none are listed"
    )


def _in_zone_of(walk: Walk, subnet_id: str | None, subnets: list[r.Subnet]) -> list[r.Subnet]:
    """Those of ``subnets`` in the zone of a subnet; all of them where its zone is not told."""
    origin = walk.account.subnets.get(subnet_id or "")
    if origin is None:
        return subnets
    for attribute in ("availability_zone_id", "availability_zone"):  # ids mean the same in every account
        zone = getattr(origin, attribute)
        if zone and all(getattr(s, attribute) for s in subnets):
            return [s for s in subnets if getattr(s, attribute) == zone]
    return subnets
