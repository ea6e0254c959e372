"""Which address a NAT gateway sends from: a zonal one from its primary, a regional one from those of the sender's zone.

https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateways-regional.html
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address

import msgspec

from whyblocked.config.account import Missing
from whyblocked.config.resources import NatGateway, NatGatewayAddress, RouteTable
from whyblocked.network.flow import Bundle, Node, Piece, flagged
from whyblocked.network.routes import look_up
from whyblocked.network.walk import Walk


class Address(msgspec.Struct, frozen=True):
    """The address that is sent from (the public one where AWS shows no other); the pieces, checked for their zone."""

    number: int
    private: bool
    pieces: tuple[Piece, ...]


def choose(walk: Walk, node: Node, gateway: NatGateway, bundle: Bundle) -> Address | None:
    """What the gateway sends these pieces from; None where it shows no address. The bundle is still at its subnet."""
    shown = [a for a in gateway.nat_gateway_addresses if a.private_ip or (gateway.regional and a.public_ip)]
    usable = [a for a in shown if a.status in (None, "succeeded")] or shown
    if not usable:
        return None
    pieces = bundle.pieces
    if gateway.regional:
        near = _in_zone(walk, usable, bundle)
        if near:
            usable = near
        else:
            pieces = _other_zone(walk, node, gateway, bundle)
    usable = sorted(usable, key=lambda a: not a.is_primary)
    if len(usable) > 1:
        names = ", ".join(a.public_ip or a.private_ip or "" for a in usable)
        walk.warn(f"{node.id} sends from any of {names}; the first is followed here.")
    first = usable[0]
    return Address(int(IPv4Address(first.private_ip or first.public_ip or 0)), bool(first.private_ip), pieces)


def _in_zone(walk: Walk, addresses: Sequence[NatGatewayAddress], bundle: Bundle) -> list[NatGatewayAddress]:
    """The addresses for the sender's zone; all of them where zones are not told."""
    subnet = walk.account.subnets.get(bundle.subnet_id or "")
    names = {subnet.availability_zone, subnet.availability_zone_id} - {None} if subnet else set()
    if not names or not any(a.availability_zone or a.availability_zone_id for a in addresses):
        return list(addresses)
    return [a for a in addresses if names & {a.availability_zone, a.availability_zone_id}]


def _other_zone(walk: Walk, node: Node, gateway: NatGateway, bundle: Bundle) -> tuple[Piece, ...]:
    """Where AWS manages the zones, another serves until it has come to the sender's; by hand, nobody does."""
    subnet = walk.account.subnets.get(bundle.subnet_id or "")
    zone = subnet.availability_zone if subnet else None
    if gateway.auto_provision_zones != "disabled":
        walk.warn(f"{node.id} has no address in {zone} yet; another Availability Zone serves it meanwhile.")
        return bundle.pieces
    walk.block(
        bundle,
        bundle.pieces,
        layer="nat-gateway",
        code="REGIONAL_NGW_ROUTE_AZ_RESTRICTION",
        summary=f"{node.id} has no address in {zone}, and its zones are managed by hand.",
        resource_ids=(node.id,),
        next_step=f"Associate an Elastic IP address in {zone} with {node.id}.",
    )
    return flagged(bundle.pieces, blocked=True)


def table_of(walk: Walk, gateway: NatGateway) -> RouteTable | Missing:
    """The route table of a regional NAT gateway."""
    table = walk.account.route_tables.get(gateway.route_table_id or "") or walk.account.edge_table_of(
        gateway.nat_gateway_id
    )
    return table or Missing(f"route table of regional NAT gateway {gateway.nat_gateway_id}", "was not read")


def unsure(walk: Walk, gateway: NatGateway, own: Address, bundle: Bundle) -> Missing | None:
    """Why it is not known how the packets look: off the internet a private address is theirs, and AWS shows none."""
    table = table_of(walk, gateway) if gateway.regional and not own.private else None
    if not isinstance(table, RouteTable):
        return None
    compiled = walk.rulebook.table(table, bundle.version)
    for piece in bundle.pieces:
        for choice in look_up(compiled, bundle.version, piece.packets.destination):
            if choice.route is not None and not choice.route.target.startswith("igw-"):
                what = f"AWS does not show the private address that it sends from to {choice.route.target}"
                return Missing(f"regional NAT gateway {gateway.nat_gateway_id}", what)
    return None
