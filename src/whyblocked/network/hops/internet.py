"""The internet: where packets leave AWS's hands, and where those from outside begin."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from whyblocked.config.account import Missing
from whyblocked.network.flow import INTERNET, Bundle, Node, Piece, flagged, split
from whyblocked.network.hops.internet_gateway import private_behind
from whyblocked.network.packets import DESTINATION
from whyblocked.network.walk import Step, Walk


def cross(walk: Walk, _node: Node, bundle: Bundle) -> Iterator[Step]:
    """Packets that came out of a gateway are delivered, or turn in again for an address of the account."""
    leaving = bundle.heading is not None
    if leaving and bundle.leg == "return" and bundle.origin == INTERNET:
        walk.arrive(INTERNET, bundle)
        return
    doors: dict[tuple[Node | None, str], list[Piece]] = {}
    ours, outside = _apart(walk, bundle)
    for piece in ours:
        door = _door(walk, bundle, piece)
        if isinstance(door, Missing):
            yield from walk.lose(bundle.but(pieces=(piece,)), door)
        elif door is None:
            outside.append(piece)
        else:
            doors.setdefault(door, []).append(piece)
    for (gateway, vpc_id), pieces in doors.items():
        entering = bundle.but(pieces=tuple(pieces), inbound=True, heading=None, vpc_id=vpc_id, subnet_id=None, at=None)
        if gateway is None:
            refuse_without_gateway(walk, entering)
            walk.resume(entering.but(pieces=tuple(_behind(walk, entering))), vpc_id)
        else:
            yield gateway, entering
    if outside:
        rest = bundle.but(pieces=tuple(outside))
        if leaving or bundle.leg == "forward":
            walk.note(rest, "internet", "internet", "deliver", subnet_id=None, vpc_id=None)
            walk.arrive(INTERNET, rest)
        else:
            yield from walk.drop(rest)  # nobody out there can address it, as a blocker said on the way out


def _apart(walk: Walk, bundle: Bundle) -> tuple[list[Piece], list[Piece]]:
    """What may be for an interface of the account, and the rest of blocks, in which no interface is known."""
    if bundle.leg == "return" and bundle.version == 6:  # to where the packets came from, even if nobody owns it
        return list(bundle.pieces), []
    if bundle.leg == "forward" and walk.to_internet:
        return [], list(bundle.pieces)
    ours: list[Piece] = []
    outside: list[Piece] = []
    for piece in bundle.pieces:
        low, high = piece.packets.destination
        owned = [(low, low)] if low == high else walk.account.public_within(bundle.version, low, high)
        mine, others = split([piece], DESTINATION, owned)
        ours += mine
        outside += others
    return ours, outside


def _door(walk: Walk, bundle: Bundle, piece: Piece) -> tuple[Node | None, str] | Missing | None:
    """The gateway that an address of the account is behind (None: there is none), with its VPC; None for others."""
    if bundle.via and bundle.via.startswith("eigw-") and bundle.leg == "return":
        home = bundle.goal or walk.account.subnets.get(bundle.origin.id)
        return Node("egress-only-internet-gateway", bundle.via), home.vpc_id if home else ""
    vpc_id = _vpc_of(walk, bundle, piece)
    if vpc_id is None or isinstance(vpc_id, Missing):
        return vpc_id
    gateway = gateway_of(walk, vpc_id)
    if isinstance(gateway, Missing):
        return gateway
    return gateway, vpc_id


def _behind(walk: Walk, bundle: Bundle) -> Iterator[Piece]:
    """The refused pieces as they would look inside, so that what else stops them shows."""
    for piece in flagged(bundle.pieces, blocked=True):
        private = private_behind(walk, bundle, piece.packets.destination[0]) if bundle.version == 4 else None
        yield piece if private is None else piece.with_destination(int(private))


def refuse_without_gateway(walk: Walk, bundle: Bundle) -> None:
    """A VPC without an internet gateway takes nothing from the internet."""
    walk.block(
        bundle,
        bundle.pieces,
        layer="internet-gateway",
        code="NO_INTERNET_GATEWAY",
        summary=f"{bundle.vpc_id or 'The VPC'} has no internet gateway, so nothing comes in from the internet.",
        next_step="Attach an internet gateway to the VPC and route the subnet to it, or use a private path.",
    )


def _vpc_of(walk: Walk, bundle: Bundle, piece: Piece) -> str | Missing | None:
    number = piece.packets.destination[0]
    if piece.packets.version == 4:
        for binding in bundle.bindings:
            gateway = walk.account.nat_gateways.get(binding.gateway_id)
            if gateway and any(a.public_ip == str(IPv4Address(number)) for a in gateway.nat_gateway_addresses):
                return gateway.vpc_id
        owner = walk.account.public_owner(IPv4Address(number))
        return owner[0].vpc_id if isinstance(owner, tuple) else owner
    if bundle.leg == "return" and bundle.origin.kind == "host":  # a host that nobody owns has its address all the same
        subnet = walk.account.subnets.get(bundle.origin.id)
        return subnet.vpc_id if subnet else None
    owners = walk.account.owners(IPv6Address(number))
    if isinstance(owners, Missing):
        return owners
    return owners[0].vpc_id if owners else None


def gateway_of(walk: Walk, vpc_id: str) -> Node | Missing | None:
    """The internet gateway of a VPC, or the one that its routes name where gateways were not captured."""
    gateway = walk.account.internet_gateway_of(vpc_id)
    if isinstance(gateway, Missing):
        return gateway
    if gateway is not None:
        return Node("internet-gateway", gateway.internet_gateway_id)
    if walk.account.internet_gateways:
        return None
    for _, table in sorted(walk.account.route_tables.items()):
        for route in table.routes if table.vpc_id == vpc_id else ():
            if route.target.startswith("igw-") and route.state == "active":
                return Node("internet-gateway", route.target)
    return None
