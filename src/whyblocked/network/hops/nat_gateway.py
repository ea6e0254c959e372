"""NAT gateways: outbound connections only, one address for many.

https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from ipaddress import IPv4Address

from whyblocked.config.account import Missing
from whyblocked.config.resources import NatGateway
from whyblocked.network import nat64
from whyblocked.network.flow import Binding, Bundle, Node, Piece, flagged, split
from whyblocked.network.hops import encryption, nat_addresses, own_vpc
from whyblocked.network.packets import (
    DESTINATION,
    DESTINATION_PORTS,
    ICMP,
    ICMPV6,
    TCP,
    UDP,
    Interval,
    intersect,
)
from whyblocked.network.protocols import has_ports
from whyblocked.network.walk import Step, Walk

PORTS: Interval = (1024, 65535)  # what a NAT gateway uses as source ports


def cross(walk: Walk, node: Node, bundle: Bundle) -> Iterator[Step]:
    """Translate what goes out, undo it for the replies, refuse what begins outside."""
    gateway = walk.account.nat_gateway(node.id)
    if isinstance(gateway, Missing):
        yield from walk.lose(bundle, gateway)
        return
    here = bundle.but(subnet_id=gateway.subnet_id, vpc_id=gateway.vpc_id or bundle.vpc_id)
    if here.established:
        yield from _reply(walk, node, gateway, here)
        return
    if all(piece.packets.destination in _own_spans(gateway) for piece in here.pieces):
        yield from _refuse(
            walk, node, here, "NAT_GATEWAY_REFUSES_INBOUND", f"{node.id} accepts no connections, it only makes them."
        )
        return
    own = nat_addresses.choose(walk, node, gateway, bundle)
    if own is None:
        yield from walk.lose(here, Missing(f"NAT gateway {node.id}", "its private address is not known"))
        return
    here = here.but(pieces=own.pieces)
    interface_id = _interface_id(gateway)
    if interface_id is not None:
        walk.sight(here, interface_id, "ingress", here.pieces)
    here = _check_state(walk, node, gateway, here)
    here = _check_source(walk, node, here)
    if here.version == 6:
        here = yield from _check_ipv6(walk, node, here)
    if not here.pieces:
        return
    here = _check_protocol(walk, node, here)
    encryption.remark(walk, node, here, "nat_gateway")
    binding = Binding(node.id, own.number, here.pieces)
    pieces = tuple(_translated(piece, own.number) for piece in here.pieces)
    walk.note(
        here,
        "nat-gateway",
        node.id,
        "translate",
        packets=tuple(p.packets for p in pieces),
        detail=f"source becomes {IPv4Address(own.number)}",
        interface_id=interface_id,
    )
    sent = here.but(pieces=pieces, bindings=(*here.bindings, binding))
    unknown = nat_addresses.unsure(walk, gateway, own, sent)
    if unknown is not None:
        yield from walk.lose(sent, unknown)
        return
    yield from _onward(walk, gateway, sent)


def _translated(piece: Piece, own: int) -> Piece:
    if piece.packets.version == 6:
        return nat64.to_ipv4(piece, own, PORTS)
    return piece.with_source(own, PORTS if has_ports(piece.packets.protocol) else None)


def _check_source(walk: Walk, node: Node, bundle: Bundle) -> Bundle:
    """It serves its own VPC, and what a transit gateway brings; nobody behind a peering connection or a VPN."""
    if (bundle.via or "").startswith("tgw-"):
        return bundle
    return own_vpc.refuse_others(
        walk,
        node,
        bundle,
        code="NGW_REQUIRES_SOURCE_IN_VPC",
        serves=f"{node.id} serves {bundle.vpc_id} only",
        next_step="Use a NAT gateway in the sender's own VPC, or come by a transit gateway.",
    )


def _check_ipv6(walk: Walk, node: Node, bundle: Bundle) -> Generator[Step, None, Bundle]:
    """The part of the IPv6 packets that NAT64 can translate; the rest ends here."""
    inside, outside = split(bundle.pieces, DESTINATION, [nat64.PREFIX])
    if outside:
        rest = bundle.but(pieces=tuple(outside))
        walk.note(rest, "nat-gateway", node.id, "deny", detail="IPv6 to 64:ff9b::/96 only")
        walk.block(
            rest,
            outside,
            layer="nat-gateway",
            code="NAT_GATEWAY_CARRIES_NO_IPV6",
            summary=f"Of IPv6, {node.id} translates only what goes to 64:ff9b::/96.",
            resource_ids=(node.id,),
            next_step="Route IPv6 to an egress-only internet gateway.",
        )
        yield from walk.drop(rest)
    pings, others = split(
        [piece for piece in inside if piece.packets.protocol == (ICMPV6, ICMPV6)],
        DESTINATION_PORTS,
        [(nat64.ECHO_REQUEST, nat64.ECHO_REQUEST)],
    )
    if others:
        what = "what NAT64 makes of ICMPv6 other than echo requests is not documented"
        yield from walk.lose(bundle.but(pieces=tuple(others)), Missing(f"NAT gateway {node.id}", what))
    ports = [piece for piece in inside if piece.packets.protocol != (ICMPV6, ICMPV6)]
    return bundle.but(pieces=(*ports, *pings))


def _onward(walk: Walk, gateway: NatGateway, bundle: Bundle) -> Iterator[Step]:
    """Out of the gateway's interface into its subnet; a regional one has a route table instead."""
    interface_id = _interface_id(gateway)
    pieces = tuple(piece._replace(here=False) for piece in bundle.pieces)
    leaving = bundle.but(pieces=pieces, inbound=False, heading=None, at=interface_id)
    if interface_id is not None:
        walk.sight(leaving, interface_id, "egress", pieces)
    if not gateway.regional:
        yield Node("subnet", gateway.subnet_id or ""), leaving
        return
    table = nat_addresses.table_of(walk, gateway)
    if isinstance(table, Missing):
        yield from walk.lose(leaving, table)
    else:
        yield Node("route-table", table.route_table_id), leaving


def _reply(walk: Walk, node: Node, gateway: NatGateway, bundle: Bundle) -> Iterator[Step]:
    binding = bundle.bindings[-1] if bundle.bindings else None
    if binding is None or binding.gateway_id != node.id or not _addressed(bundle, binding):
        again = any(p.leg == "return" and p.id == node.id and p.action == "translate" for p in walk.passages)
        why = "it has passed it already" if again else "the connection did not go out through it"
        summary = f"The reply is routed to {node.id}, which drops it: {why}."
        yield from _refuse(walk, node, bundle, "NAT_GATEWAY_KNOWS_NO_CONNECTION", summary)
        return
    interface_id = _interface_id(gateway)
    if interface_id is not None:
        walk.sight(bundle, interface_id, "ingress", bundle.pieces)
    restored: list[Piece] = []
    strange: list[Piece] = []
    for piece in bundle.pieces:
        found = [back for before in binding.pieces if (back := _restored(piece, before))]
        restored += found
        if not found:
            strange.append(piece)
    if strange:
        yield from _stray(walk, node, bundle.but(pieces=tuple(strange), bindings=bundle.bindings[:-1]))
    restored_bundle = bundle.but(pieces=tuple(dict.fromkeys(restored)), bindings=bundle.bindings[:-1])
    if not restored_bundle.pieces:
        return
    walk.note(
        restored_bundle,
        "nat-gateway",
        node.id,
        "translate",
        detail="back to the sender",
        interface_id=interface_id,
    )
    yield from _onward(walk, gateway, restored_bundle)


def _stray(walk: Walk, node: Node, bundle: Bundle) -> Iterator[Step]:
    """Replies from an address or port that nothing was sent to; what was refused before needs no further reason."""
    walk.end(bundle, [piece for piece in bundle.pieces if piece.blocked])
    fresh = bundle.but(pieces=tuple(piece for piece in bundle.pieces if not piece.blocked))
    if fresh.pieces:
        summary = f"The reply reaches {node.id} from another address than it sent to, so it drops it."
        yield from _refuse(walk, node, fresh, "NAT_GATEWAY_KNOWS_NO_CONNECTION", summary)


def _restored(piece: Piece, before: Piece) -> Piece | None:
    """The reply ``piece`` with the translation of ``before`` undone, or None where it answers another packet."""
    if before.packets.version == 6:
        piece = piece._replace(packets=nat64.to_ipv6(piece.packets))
    back = before.turned()
    source = _overlap(back.packets.source, piece.packets.source)
    if source is None or back.packets.protocol != piece.packets.protocol:
        return None
    if has_ports(piece.packets.protocol):
        ports = _overlap(back.packets.source_ports, piece.packets.source_ports)
        if ports is None:
            return None
        back = back.narrowed(back.packets._replace(source=source, source_ports=ports))
    else:
        back = before.turned(piece.packets._replace(source=source, destination=back.packets.destination))
    asked = intersect(back.asked, piece.asked)
    if asked is None:
        return None
    return back._replace(asked=asked).sharing(piece)


def _overlap(a: Interval, b: Interval) -> Interval | None:
    low, high = max(a[0], b[0]), min(a[1], b[1])
    return (low, high) if low <= high else None


def _addressed(bundle: Bundle, binding: Binding) -> bool:
    return all(piece.packets.destination == (binding.address, binding.address) for piece in bundle.pieces)


def _refuse(walk: Walk, node: Node, bundle: Bundle, code: str, summary: str) -> Iterator[Step]:
    walk.note(bundle, "nat-gateway", node.id, "deny", detail="outbound connections only")
    walk.block(
        bundle,
        bundle.pieces,
        layer="nat-gateway",
        code=code,
        summary=summary,
        resource_ids=(node.id,),
        next_step="Route the subnet to an internet gateway if the host is to be reached from outside."
        if bundle.established
        else None,
    )
    yield from walk.drop(bundle)


def _check_state(walk: Walk, node: Node, gateway: NatGateway, bundle: Bundle) -> Bundle:
    if gateway.state.lower() == "available":
        return bundle
    walk.note(bundle, "nat-gateway", node.id, "deny", detail=gateway.state)
    walk.block(
        bundle,
        bundle.pieces,
        layer="nat-gateway",
        code="BAD_STATE",
        summary=f"{node.id} is {gateway.state}, not available.",
        resource_ids=(node.id,),
        next_step="Point the route at a NAT gateway that is available.",
    )
    return bundle.but(pieces=flagged(bundle.pieces, blocked=True))


def _check_protocol(walk: Walk, node: Node, bundle: Bundle) -> Bundle:
    icmp = ICMP if bundle.version == 4 else ICMPV6
    carried = ((TCP, TCP), (UDP, UDP), (icmp, icmp))
    refused = [piece for piece in bundle.pieces if piece.packets.protocol not in carried]
    if not refused:
        return bundle
    walk.note(
        bundle,
        "nat-gateway",
        node.id,
        "deny",
        packets=tuple(p.packets for p in refused),
        detail="TCP, UDP and ICMP only",
    )
    walk.block(
        bundle,
        refused,
        layer="nat-gateway",
        code="PROTOCOL_RESTRICTION",
        summary=f"{node.id} translates TCP, UDP and ICMP only.",
        resource_ids=(node.id,),
    )
    return bundle.but(pieces=tuple(p._replace(blocked=True) if p in refused else p for p in bundle.pieces))


def _own_spans(gateway: NatGateway) -> set[Interval]:
    numbers = (int(IPv4Address(a.private_ip or a.public_ip or 0)) for a in gateway.nat_gateway_addresses)
    return {(number, number) for number in numbers if number}


def _interface_id(gateway: NatGateway) -> str | None:
    found = sorted(gateway.nat_gateway_addresses, key=lambda a: not a.is_primary)
    return next((a.network_interface_id for a in found if a.network_interface_id), None)
