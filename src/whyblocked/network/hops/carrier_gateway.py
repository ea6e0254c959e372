"""Carrier gateways: what internet gateways are for other zones, for a Wavelength Zone and its carrier's network.

https://docs.aws.amazon.com/wavelength/latest/developerguide/how-wavelengths-work.html#wavelength-carrier-gateway
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from whyblocked.config.account import Account, Missing
from whyblocked.config.addresses import carrier_addresses
from whyblocked.config.exits import carrier_gateway
from whyblocked.config.resources import CarrierGateway, GatewayAttachment
from whyblocked.network.flow import Bundle, Node, Piece, flagged
from whyblocked.network.hops.internet_gateway import check_attachment, sender_of
from whyblocked.network.hops.public_access import check
from whyblocked.network.packets import ICMP, TCP
from whyblocked.network.walk import Step, Walk


def cross(walk: Walk, node: Node, bundle: Bundle) -> Iterator[Step]:
    """Out to the carrier's network with the carrier address as source; in only as the reply."""
    gateway = carrier_gateway(walk.account, node.id)
    if bundle.leg == "return" and node == bundle.origin:
        walk.arrive(node, bundle)
    elif isinstance(gateway, Missing):
        if not gateway.pending:
            walk.note(bundle, "carrier-gateway", node.id, "unknown", detail="could not be read")
            gateway = Missing(f"carrier gateway {node.id}", str(gateway))
        yield from walk.lose(bundle, gateway)
    elif bundle.heading == node:
        yield from _leave(walk, node, bundle, gateway)
    else:
        yield _reply(walk, node, bundle)


def neighbours(account: Account, here: Node) -> Iterable[Node]:
    """The VPC that it belongs to, and those whose routes name it."""
    gateway = account.carrier_gateways.get(here.id)
    vpcs = [gateway.vpc_id] if gateway and gateway.vpc_id else []
    vpcs += [t.vpc_id for t in account.route_tables.values() if any(r.target == here.id for r in t.routes)]
    yield from (Node("vpc", vpc_id) for vpc_id in dict.fromkeys(vpcs))


def _leave(walk: Walk, node: Node, bundle: Bundle, gateway: CarrierGateway) -> Iterator[Step]:
    if gateway.state not in ("available", ""):
        bundle = _refuse(walk, node, bundle, "BAD_STATE", f"{node.id} is {gateway.state}, not available.")
    bundle = check_attachment(walk, node, bundle, [GatewayAttachment(vpc_id=gateway.vpc_id)])
    if bundle.version == 6:
        bundle = _refuse(walk, node, bundle, "CARRIER_GATEWAY_CARRIES_NO_IPV6", f"{node.id} carries no IPv6.")
    bundle = bundle.but(pieces=tuple(_translated(walk, node, bundle, piece) for piece in bundle.pieces))
    bundle = bundle.but(pieces=check(walk, node, bundle, "carrier-gateway"))
    sure = tuple(p for p in bundle.pieces if p.packets.protocol in ((TCP, TCP), (ICMP, ICMP)))
    unsure = tuple(p for p in bundle.pieces if p not in sure)
    if unsure:
        what = (
            "AWS does not show whether the destination is in the carrier's network, beyond which not all protocols go"
        )
        yield from walk.lose(bundle.but(pieces=unsure), Missing(f"carrier gateway {node.id}", what))
    if sure:
        leaving = bundle.but(pieces=sure)
        walk.note(leaving, "carrier-gateway", node.id, "translate", detail="source becomes the carrier address")
        walk.warn(f"The packets leave AWS at {node.id}: what the carrier does with them is not visible in AWS.")
        walk.arrive(node, leaving)


def _refuse(walk: Walk, node: Node, bundle: Bundle, code: str, summary: str) -> Bundle:
    walk.note(bundle, "carrier-gateway", node.id, "deny", detail=summary)
    walk.block(bundle, bundle.pieces, layer="internet-gateway", code=code, summary=summary, resource_ids=(node.id,))
    return bundle.but(pieces=flagged(bundle.pieces, blocked=True))


def _translated(walk: Walk, node: Node, bundle: Bundle, piece: Piece) -> Piece:
    if piece.packets.version == 6:
        return piece
    owner = sender_of(walk, bundle, piece)
    if isinstance(owner, Missing):
        walk.lack(owner)
        return piece._replace(unknown=True)
    pairs = carrier_addresses(owner) if owner else ()
    carrier = next((int(carrier) for private, carrier in pairs if int(private) == piece.packets.source[0]), None)
    if carrier is not None:
        return piece.with_source(carrier)
    who = owner.network_interface_id if owner else "The source"
    walk.block(
        bundle,
        [piece],
        layer="internet-gateway",
        code="NO_CARRIER_ADDRESS",
        summary=f"{who} has no carrier IP address, so {node.id} drops what it sends.",
        resource_ids=(node.id,),
        interface_id=owner.network_interface_id if owner else None,
        next_step="Associate a carrier IP address with it (aws ec2 allocate-address --network-border-group ...).",
    )
    return piece._replace(blocked=True)


def _reply(walk: Walk, node: Node, bundle: Bundle) -> Step:
    """The carrier address becomes the private one again."""
    pairs = carrier_addresses(bundle.goal) if bundle.goal else ()
    behind = {int(carrier): int(private) for private, carrier in pairs}
    pieces = tuple(
        p.with_destination(behind[p.packets.destination[0]]) if p.packets.destination[0] in behind else p
        for p in bundle.pieces
    )
    here = bundle.but(pieces=pieces)
    walk.note(here, "carrier-gateway", node.id, "translate", subnet_id=None)
    door = Node("vpc", bundle.vpc_id or "")
    return door, here.but(heading=door, via=node.id, inbound=True, at=None, subnet_id=None)
