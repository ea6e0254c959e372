"""VPC peering connections: between exactly two VPCs, not transitive, no state.

https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-basics.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Literal

from whyblocked.config.account import Missing, Query
from whyblocked.config.resources import PeeringSide, VpcPeeringConnection
from whyblocked.network.flow import Bundle, Node, Piece, flagged, split
from whyblocked.network.hops.relaying import check_kept
from whyblocked.network.packets import DESTINATION, SOURCE, join_intervals, network_words, verb
from whyblocked.network.references import blocks_of, same_region
from whyblocked.network.walk import Step, Walk


def cross(walk: Walk, node: Node, bundle: Bundle) -> Iterator[Step]:
    """Over to the other VPC's router."""
    peering = walk.account.peering(node.id)
    if isinstance(peering, Missing):
        yield from walk.lose(bundle, peering)
        return
    here = check_status(walk, peering, bundle)
    if bundle.leg == "return" and bundle.origin == node:
        walk.note(here, "vpc-peering", node.id, "forward")
        walk.arrive(node, here)
        return
    one, other = peering.requester_vpc_info, peering.accepter_vpc_info
    if other.vpc_id == here.vpc_id:
        one, other = other, one
    here = _check_addresses(walk, peering, here, one, other)
    if not same_region(walk.account, one, other):
        here = check_kept(walk, here, f"{node.id} into another Region")
    if other.vpc_id is None:
        yield from walk.lose(here, Missing(f"vpc peering connection {node.id}", "the other VPC is not named"))
        return
    for low, high in {piece.packets.destination for piece in here.pieces}:
        if low == high:  # whose address it is will be needed there
            walk.account.owners(IPv4Address(low) if here.version == 4 else IPv6Address(low), other.vpc_id)
    unread = unreadable(walk, other)
    if unread is not None:
        walk.note(here, "vpc-peering", node.id, "unknown", detail=f"{other.vpc_id} is not readable")
        yield from walk.lose(here, unread)
        return
    walk.note(here, "vpc-peering", node.id, "forward", detail=f"to {other.vpc_id}")
    there = Node("vpc", other.vpc_id)
    yield there, here.but(heading=there, vpc_id=other.vpc_id, subnet_id=None, at=None, inbound=True, via=node.id)


def unreadable(walk: Walk, side: PeeringSide) -> Missing | None:
    """Why the VPC on this side can't be followed, or None where it can."""
    vpc_id = side.vpc_id or ""
    names = ("DescribeVpcs", "DescribeSubnets", "DescribeRouteTables", "DescribeNetworkAcls")
    walk.account.expect(Query(name, "vpc-id", vpc_id) for name in names)  # which are needed next, in one round
    subnets = walk.account.subnets_of(vpc_id)
    if not isinstance(subnets, Missing):
        return None
    if subnets.pending:
        return subnets
    where = f" of account {side.owner_id}" if side.owner_id else ""
    where += f" in {side.region}" if side.region else ""
    return Missing(f"{vpc_id}{where}", f"the other side of the peering connection is not readable ({subnets})")


def check_status(walk: Walk, peering: VpcPeeringConnection, bundle: Bundle) -> Bundle:
    """Only an active connection forwards."""
    if peering.status.code == "active":
        return bundle
    pcx = peering.vpc_peering_connection_id
    walk.note(bundle, "vpc-peering", pcx, "deny", detail=peering.status.code or "no status")
    walk.block(
        bundle,
        bundle.pieces,
        layer="vpc-peering",
        code="BAD_STATE",
        summary=f"Peering connection {pcx} is {peering.status.code or 'without a status'}, not active.",
        resource_ids=(pcx,),
        next_step=f"Accept {pcx}." if peering.status.code == "pending-acceptance" else None,
    )
    return bundle.but(pieces=flagged(bundle.pieces, blocked=True))


def _check_addresses(
    walk: Walk, peering: VpcPeeringConnection, bundle: Bundle, one: PeeringSide, other: PeeringSide
) -> Bundle:
    """Not transitive: the source must be in the one VPC, the destination in the other."""
    pieces = list(bundle.pieces)
    ends: tuple[tuple[PeeringSide, int, Literal["source", "destination"]], ...] = (
        (one, SOURCE, "source"),
        (other, DESTINATION, "destination"),
    )
    for side, dimension, name in ends:
        blocks = blocks_of(walk.account, side, bundle.version)
        if not blocks:
            continue
        pieces, wrong = split(pieces, dimension, join_intervals(blocks))
        if wrong:
            pieces += refuse_strangers(walk, peering, bundle, wrong, name, side).pieces
    return bundle.but(pieces=tuple(pieces))


def refuse_strangers(
    walk: Walk,
    peering: VpcPeeringConnection,
    bundle: Bundle,
    pieces: Sequence[Piece],
    name: Literal["source", "destination"],
    side: PeeringSide,
) -> Bundle:
    """These pieces of the bundle, whose address is not in the VPC on this side, refused."""
    where = network_words(bundle.version, [getattr(p.packets, name) for p in pieces])
    walk.block(
        bundle,
        pieces,
        layer="vpc-peering",
        code="PCX_REQUIRES_ADDRESS_IN_VPC_CIDR",
        summary=f"Peering is not transitive: {name} {where} {verb(where, 'is', 'are')} not in "
        f"{side.vpc_id or 'the VPC'}.",
        resource_ids=(peering.vpc_peering_connection_id,),
    )
    return bundle.but(pieces=flagged(tuple(pieces), blocked=True))
