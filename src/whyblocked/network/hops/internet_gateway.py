"""Internet gateways: a public address for each private one, in both directions.

https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html
Refusals and their codes: https://docs.aws.amazon.com/vpc/latest/reachability/explanation-codes.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address

from whyblocked.config.account import Missing
from whyblocked.config.addresses import Ip, public_addresses
from whyblocked.config.balancers import hides_public_address
from whyblocked.config.resources import GatewayAttachment, NetworkInterface
from whyblocked.network import nat64
from whyblocked.network.addresses import RFC1918, RFC6598, UNIQUE_LOCAL
from whyblocked.network.flow import INTERNET, Bundle, Node, Piece, flagged, split
from whyblocked.network.hops import edge
from whyblocked.network.hops.encryption import remark
from whyblocked.network.hops.internet_firewall import inspect, translates, undecided
from whyblocked.network.hops.public_access import check
from whyblocked.network.packets import DESTINATION, SOURCE, Interval, Packets, network_words, span, verb
from whyblocked.network.walk import Step, Walk


def cross(walk: Walk, node: Node, bundle: Bundle) -> Iterator[Step]:
    """Out to the internet with the public address as source, or in to the private address behind it."""
    remark(walk, node, bundle, "internet_gateway")
    if bundle.inbound:
        return _enter(walk, node, bundle)
    return _leave(walk, node, bundle)


def _leave(walk: Walk, node: Node, bundle: Bundle) -> Iterator[Step]:
    gateway = walk.account.internet_gateways.get(node.id)
    if gateway is not None:
        bundle = check_attachment(walk, node, bundle, gateway.attachments)
    bundle = bundle.but(pieces=edge.refuse_bypass(walk, node, bundle))
    if translates(walk, bundle):
        nameless = tuple(piece for piece in bundle.pieces if _without_public(walk, bundle, piece))
        if nameless:
            yield from walk.lose(bundle.but(pieces=nameless), undecided(walk, bundle))
        bundle = bundle.but(pieces=tuple(piece for piece in bundle.pieces if piece not in nameless))
        if not bundle.pieces:
            return
    pieces = tuple(piece for whole in bundle.pieces for piece in _translated(walk, node, bundle, whole))
    pieces = refuse_private(walk, node, bundle.but(pieces=pieces), outbound=True)
    pieces = inspect(walk, bundle.but(pieces=pieces))
    pieces = check(walk, node, bundle.but(pieces=pieces), "internet-gateway")
    walk.note(
        bundle,
        "internet-gateway",
        node.id,
        "translate" if bundle.version == 4 else "forward",
        packets=tuple(p.packets for p in pieces),
        detail=_becomes("source", bundle.boxes, [p.packets for p in pieces]),
    )
    pieces = _same_address(walk, node, bundle.but(pieces=pieces))
    yield INTERNET, bundle.but(pieces=pieces, heading=node, at=None, via=node.id, subnet_id=None, vpc_id=None)


def check_attachment(walk: Walk, node: Node, bundle: Bundle, attachments: Iterable[GatewayAttachment]) -> Bundle:
    """A gateway carries the packets of the VPC that it is attached to only."""
    if any(a.vpc_id == bundle.vpc_id and (a.state or "available") in ("available", "attached") for a in attachments):
        return bundle
    walk.note(bundle, node.kind, node.id, "deny", detail=f"not attached to {bundle.vpc_id}")
    walk.block(
        bundle,
        bundle.pieces,
        layer="internet-gateway" if node.kind == "carrier-gateway" else node.kind,
        code="BAD_STATE_ATTACHMENT",
        summary=f"{node.id} is not attached to {bundle.vpc_id}, so it carries nothing for it.",
        resource_ids=(node.id,),
        next_step=f"Attach {node.id} to {bundle.vpc_id}, or route to a gateway that is attached.",
    )
    return bundle.but(pieces=flagged(bundle.pieces, blocked=True))


def _translated(walk: Walk, node: Node, bundle: Bundle, piece: Piece) -> Iterator[Piece]:
    """The piece with its public source; without one it is refused and goes on as it is."""
    translated = _addresses_of_nat(walk, bundle, bundle.vpc_id).get(piece.packets.source[0])
    if translated is not None:
        yield piece.with_source(int(translated))
        return
    owner = sender_of(walk, bundle, piece)
    if isinstance(owner, Missing):
        walk.lack(owner)
        yield piece._replace(unknown=True)
        return
    if piece.packets.version == 6:
        if owner is not None and owner.deny_all_igw_traffic:
            yield from _denied_igw(walk, bundle, piece, owner)
        else:
            yield piece
        return
    public = _public_of(owner, piece)
    if public is not None:
        yield piece.with_source(int(public))
        return
    if owner is not None and hides_public_address(walk.account, owner):
        yield piece
        return
    nat = bundle.bindings[-1].gateway_id if bundle.bindings and not bundle.relay and not bundle.established else None
    who = nat or (owner.network_interface_id if owner else "The source")
    walk.block(
        bundle,
        [piece],
        layer="internet-gateway",
        code="IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS",
        summary=f"{who} has no public IPv4 address, so {node.id} drops what it sends to the internet.",
        resource_ids=(node.id,),
        interface_id=owner.network_interface_id if owner else None,
        next_step="Give it a public IPv4 address (an Elastic IP), or route it through a NAT gateway.",
    )
    yield piece._replace(blocked=True)


def _public_of(owner: NetworkInterface | None, piece: Piece) -> IPv4Address | None:
    return dict(public_addresses(owner)).get(IPv4Address(piece.packets.source[0])) if owner else None


def _without_public(walk: Walk, bundle: Bundle, piece: Piece) -> bool:
    """Whether a piece leaves without a public IPv4 address as its source."""
    if piece.packets.version == 6 or piece.packets.source[0] in _addresses_of_nat(walk, bundle, bundle.vpc_id):
        return False
    owner = sender_of(walk, bundle, piece)
    if isinstance(owner, Missing) or (owner is not None and hides_public_address(walk.account, owner)):
        return False
    return _public_of(owner, piece) is None


def _becomes(what: str, before: Iterable[Packets], after: Iterable[Packets]) -> str | None:
    """What a translation did, in words; None where it did nothing."""
    old = {getattr(packets, what)[0] for packets in before}
    new = {getattr(packets, what)[0] for packets in after} - old
    return f"{what} becomes {', '.join(str(IPv4Address(low)) for low in sorted(new))}" if new else None


def _addresses_of_nat(walk: Walk, bundle: Bundle, vpc_id: str | None = None) -> dict[int, IPv4Address]:
    """The public address for each private one of the NAT gateways (of a VPC) that translated the packets."""
    gateways = (walk.account.nat_gateways.get(binding.gateway_id) for binding in bundle.bindings)
    return {
        int(IPv4Address(address.private_ip or address.public_ip)): IPv4Address(address.public_ip)
        for gateway in gateways
        for address in (gateway.nat_gateway_addresses if gateway and vpc_id in (None, gateway.vpc_id) else ())
        if address.public_ip  # alone with a regional gateway, which shows no private one
    }


def sender_of(walk: Walk, bundle: Bundle, piece: Piece) -> NetworkInterface | Missing | None:
    """The interface of the bundle's VPC that a piece is from, where it is from one address."""
    return _owner(walk, bundle, piece.packets.version, piece.packets.source)


def _owner(walk: Walk, bundle: Bundle, version: int, addresses: Interval) -> NetworkInterface | Missing | None:
    if addresses[0] != addresses[1] or bundle.vpc_id is None:
        return None
    kind = IPv4Address if version == 4 else IPv6Address
    return walk.interface_at(bundle.vpc_id, kind(addresses[0]))


def _same_address(walk: Walk, node: Node, bundle: Bundle) -> tuple[Piece, ...]:
    """A reply has to come from the address that the client sent to."""
    if bundle.leg == "forward":
        return bundle.pieces
    wrong = [p for p in bundle.pieces if p.links[0] is not None and p.links[0].offset != 0 and not p.blocked]
    if wrong:
        walk.block(
            bundle,
            wrong,
            layer="internet-gateway",
            code="REPLY_FROM_OTHER_ADDRESS",
            summary="The reply leaves with another public address than the one that was asked.",
            resource_ids=(node.id,),
        )
    return tuple(p._replace(blocked=True) if p in wrong else p for p in bundle.pieces)


def _enter(walk: Walk, node: Node, bundle: Bundle) -> Iterator[Step]:
    vpc_id = bundle.vpc_id or ""
    pieces: list[Piece] = []
    for piece in bundle.pieces:
        if piece.packets.version == 6:
            owner = _owner(walk, bundle, 6, piece.packets.destination)
            if isinstance(owner, NetworkInterface) and owner.deny_all_igw_traffic:
                pieces += _denied_igw(walk, bundle, piece, owner)
            else:
                pieces.append(piece)
            continue
        private = private_behind(walk, bundle, piece.packets.destination[0])
        pieces.append(piece if private is None else piece.with_destination(int(private)))
    entered = bundle.but(pieces=refuse_private(walk, node, bundle.but(pieces=tuple(pieces)), outbound=False))
    entered = entered.but(pieces=inspect(walk, entered))
    entered = entered.but(pieces=check(walk, node, entered, "internet-gateway"))
    walk.note(
        entered,
        "internet-gateway",
        node.id,
        "translate" if bundle.version == 4 else "forward",
        detail=_becomes("destination", bundle.boxes, entered.boxes),
        vpc_id=vpc_id,
    )
    yield from edge.into_vpc(walk, node, vpc_id, entered)


def private_behind(walk: Walk, bundle: Bundle, public: int) -> Ip | None:
    """The private address behind a public one of the account."""
    for private, address in _addresses_of_nat(walk, bundle).items():
        if int(address) == public:
            return IPv4Address(private)
    owner = walk.account.public_owner(IPv4Address(public))
    return None if owner is None or isinstance(owner, Missing) else owner[1]


def refuse_private(walk: Walk, node: Node, bundle: Bundle, *, outbound: bool) -> tuple[Piece, ...]:
    """No private or shared address on the internet's side, and none that only NAT64 has a use for."""
    if bundle.version == 6:
        known = _refuse_nat64(walk, node, bundle) if outbound else bundle.pieces
        return _refuse_private_ipv6(walk, node, bundle.but(pieces=known))
    pieces = list(bundle.pieces)
    for spans, name in ((RFC1918, "RFC1918"), ((RFC6598,), "RFC6598")):
        found, pieces = split(pieces, DESTINATION if outbound else SOURCE, spans)
        if not found:
            continue
        what = "destination" if outbound else "source"
        way = "EGRESS" if outbound else "INGRESS"
        walk.block(
            bundle,
            found,
            layer="internet-gateway",
            code=f"IGW_{what.upper()}_ADDRESS_NOT_IN_{name}_{way}",
            summary=f"{node.id} carries no packets with a private {what} address ({name}).",
            resource_ids=(node.id,),
            next_step="Route private addresses through a peering connection, transit gateway or VPN instead.",
        )
        pieces += flagged(tuple(found), blocked=True)
    return tuple(pieces)


def _refuse_private_ipv6(walk: Walk, node: Node, bundle: Bundle) -> tuple[Piece, ...]:
    """Unique local addresses, and blocks that the VPC has as private ones, are not advertised on the internet.

    https://docs.aws.amazon.com/vpc/latest/userguide/vpc-ip-addressing.html
    """
    if bundle.established:
        return bundle.pieces  # told of the request
    vpc = walk.account.vpcs.get(bundle.vpc_id or "")
    private = [UNIQUE_LOCAL, *(span(network) for network in (vpc.private_ipv6 if vpc else ()))]
    pieces = list(bundle.pieces)
    for dimension, name in ((SOURCE, "source"), (DESTINATION, "destination")):
        found, pieces = split(pieces, dimension, private)
        if not found:
            continue
        boxes = tuple(piece.packets for piece in found)
        walk.note(bundle, node.kind, node.id, "deny", packets=boxes, detail=f"carries no private {name} addresses")
        walk.block(
            bundle,
            found,
            layer=node.kind,
            code="IPV6_ADDRESS_NOT_ADVERTISED",
            summary=f"{node.id} carries no packets with a private IPv6 {name} address: it is not advertised on the "
            "internet.",
            resource_ids=(node.id,),
            next_step="Use an address of a public IPv6 block, or go through a host that has one.",
        )
        pieces += flagged(tuple(found), blocked=True)
    return tuple(pieces)


def _refuse_nat64(walk: Walk, node: Node, bundle: Bundle) -> tuple[Piece, ...]:
    """What DNS64 made of an IPv4 address means nothing on the internet: a NAT gateway has to translate it.

    https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-nat64-dns64.html
    """
    found, others = split(bundle.pieces, DESTINATION, [nat64.PREFIX])
    if found:
        where = network_words(6, [piece.packets.destination for piece in found])
        boxes = tuple(piece.packets for piece in found)
        walk.note(bundle, node.kind, node.id, "deny", packets=boxes, detail="translates no addresses of 64:ff9b::/96")
        walk.block(
            bundle,
            found,
            layer=node.kind,
            code="NAT64_NEEDS_A_NAT_GATEWAY",
            summary=f"{where} {verb(where, 'stands for an IPv4 address', 'stand for IPv4 addresses')}, and {node.id} "
            f"does not translate {verb(where, 'it', 'them')}.",
            resource_ids=(node.id,),
            next_step="Route 64:ff9b::/96 of the subnet to a NAT gateway.",
        )
    return (*others, *flagged(tuple(found), blocked=True))


def _denied_igw(walk: Walk, bundle: Bundle, piece: Piece, owner: NetworkInterface) -> tuple[Piece, ...]:
    eni = owner.network_interface_id
    walk.block(
        bundle,
        [piece],
        layer="interface",
        code="ENI_DENIES_IGW_TRAFFIC",
        summary=f"{eni} denies all traffic of internet gateways (DenyAllIgwTraffic).",
        resource_ids=(eni,),
        interface_id=eni,
    )
    return flagged((piece,), blocked=True)
