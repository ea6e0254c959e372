"""The attachments of transit gateways: their state, their subnets and zones, the gateway behind a peering.

https://docs.aws.amazon.com/vpc/latest/tgw/tgw-vpc-attachments.html
https://docs.aws.amazon.com/vpc/latest/tgw/tgw-vpn-attachments.html
"""

from __future__ import annotations

from whyblocked.config import resources as r
from whyblocked.config import transit
from whyblocked.config.account import Missing
from whyblocked.config.exits import vpn_connection
from whyblocked.config.resources import TransitGatewayAttachment, TransitGatewayRouteAttachment
from whyblocked.network.flow import Bundle, flagged
from whyblocked.network.hops.vpn_gateway import is_up, tunnels_unread
from whyblocked.network.walk import Walk

OUTSIDE = frozenset({"vpn", "vpn-concentrator", "direct-connect-gateway", "connect", "client-vpn"})
"""Kinds of attachments behind which AWS shows nothing more."""

_WORKS = ("available", "modifying", "")


def check(walk: Walk, attachment: TransitGatewayAttachment, bundle: Bundle) -> Bundle:
    """Whether packets pass an attachment: it is available, and so is the VPN connection that it may be made of."""
    return _check_vpn(walk, attachment, check_state(walk, attachment, bundle))


def check_state(walk: Walk, attachment: TransitGatewayAttachment, bundle: Bundle) -> Bundle:
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


def _check_vpn(walk: Walk, attachment: TransitGatewayAttachment, bundle: Bundle) -> Bundle:
    """Nothing passes a VPN connection without a tunnel that is up.

    Where that was not read, a route that BGP brought tells it: it is there only while its session is.
    """
    if attachment.resource_type != "vpn" or not attachment.resource_id:
        return bundle
    gateway, vpn = attachment.transit_gateway_id, attachment.resource_id
    connection = vpn_connection(walk.account, vpn, gateway)
    missing = connection if isinstance(connection, Missing) else None
    up = None if isinstance(connection, Missing) else is_up(connection)
    if up is None:
        waits = missing is not None and missing.pending
        if not waits and (bundle.established or attachment.transit_gateway_attachment_id in walk.learned_from):
            return bundle  # of a reply, the request tells
        walk.lack(missing if missing and waits else tunnels_unread(vpn, missing))
        return bundle.but(pieces=flagged(bundle.pieces, unknown=True))
    if up:
        return bundle
    told = any(b.code == "TGW_BAD_STATE_VPN" and b.leg != bundle.leg and vpn in b.resource_ids for b in walk.blockers)
    if not told:  # the reply fails by the same cause as the request
        walk.note(bundle, "transit-gateway", gateway, "deny", detail=f"no tunnel of {vpn} is up")
        walk.block(
            bundle,
            bundle.pieces,
            layer="transit-gateway",
            code="TGW_BAD_STATE_VPN",
            summary=f"No tunnel of {vpn} is up, so nothing passes between it and {gateway}.",
            resource_ids=(gateway, vpn),
            next_step="See the tunnel details of the VPN connection, and the customer gateway's side of it.",
        )
    return bundle.but(pieces=flagged(bundle.pieces, blocked=True))


def naming(gateway_id: str, missing: Missing) -> Missing:
    """``missing`` with the gateway that it is about."""
    if missing.pending or gateway_id in str(missing):
        return missing
    return Missing(f"transit gateway {gateway_id}", str(missing))


def attachment_of_route(
    walk: Walk, gateway_id: str, to: TransitGatewayRouteAttachment
) -> TransitGatewayAttachment | Missing:
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


def peer_of(walk: Walk, attachment: TransitGatewayAttachment) -> TransitGatewayAttachment | Missing:
    """The attachment on the other side of a peering."""
    gateway_id = attachment.transit_gateway_id
    peering = transit.peering(walk.account, attachment)
    peer_id = attachment.resource_id or ""
    if isinstance(peering, Missing):
        if peering.pending:
            return peering
    else:
        sides = (peering.requester_tgw_info, peering.accepter_tgw_info)
        peer_id = next((s.transit_gateway_id for s in sides if s.transit_gateway_id != gateway_id), None) or peer_id
    entrance = transit.peer_attachment(walk.account, peer_id, gateway_id)
    if not isinstance(entrance, Missing) or entrance.pending:
        return entrance
    owner = walk.account.account_id_of(peer_id) or attachment.resource_owner_id
    region = walk.account.region_of(peer_id)
    where = f" of account {owner}" if owner else ""
    where += f" in {region}" if region else ""
    return Missing(f"transit gateway {peer_id}{where}", f"peered with {gateway_id}, not readable ({entrance})")


def subnets_of_attachment(walk: Walk, attachment: TransitGatewayAttachment | Missing) -> list[r.Subnet] | Missing:
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


def in_zone_of(walk: Walk, subnet_id: str | None, subnets: list[r.Subnet]) -> list[r.Subnet]:
    """Those of ``subnets`` in the zone of a subnet; all of them where its zone is not told."""
    origin = walk.account.subnets.get(subnet_id or "")
    if origin is None:
        return subnets
    for attribute in ("availability_zone_id", "availability_zone"):  # ids mean the same in every account
        zone = getattr(origin, attribute)
        if zone and all(getattr(s, attribute) for s in subnets):
            return [s for s in subnets if getattr(s, attribute) == zone]
    return subnets
