"""Gateway (edge) route tables: where traffic that enters a VPC by a gateway is sent.

https://docs.aws.amazon.com/vpc/latest/userguide/gateway-route-tables.html
Refusals and their codes: https://docs.aws.amazon.com/vpc/latest/reachability/explanation-codes.html
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

from whyblocked.config.account import Missing
from whyblocked.config.addresses import public_addresses
from whyblocked.config.resources import NetworkInterface, Route, RouteTable
from whyblocked.network.flow import Bundle, Node, Piece, flagged
from whyblocked.network.hops.next_hop import next_hop
from whyblocked.network.packets import network_words
from whyblocked.network.routes import look_up
from whyblocked.network.walk import Step, Walk


def into_vpc(walk: Walk, gateway: Node, vpc_id: str, bundle: Bundle) -> Iterator[Step]:
    """To the VPC's router, heading for the middlebox where the gateway's route table names one."""
    local = Node("vpc", vpc_id)
    onward = bundle.but(heading=local, via=gateway.id)
    table = walk.account.edge_table_of(gateway.id)
    if table is None:
        yield local, onward
        return
    compiled = walk.rulebook.table(table, bundle.version)
    for piece in onward.pieces:
        for choice in look_up(compiled, bundle.version, piece.packets.destination):
            part = onward.but(pieces=(piece.narrowed(piece.packets._replace(destination=choice.destinations)),))
            if choice.missing is not None:
                yield from walk.lose(part, choice.missing)
            elif choice.route is None or choice.route.target == "local":
                yield local, part
            elif choice.route.state == "blackhole":
                yield from _blackhole(walk, table, part, choice.route)
            else:
                target = next_hop(walk, choice.route, vpc_id)
                if isinstance(target, Missing):
                    yield from walk.lose(part, target)
                else:
                    yield local, _check_address(walk, gateway, part, target, choice.route)


def _blackhole(walk: Walk, table: RouteTable, bundle: Bundle, route: Route) -> Iterator[Step]:
    rtb = table.route_table_id
    rule = {"destination": route.destination, "target": route.target, "state": route.state}
    walk.note(bundle, "route-table", rtb, "deny", rule=rule, detail="blackhole", resource_ids=(rtb,))
    walk.block(
        bundle,
        bundle.pieces,
        layer="route-table",
        code="BAD_STATE_ROUTE",
        summary=f"Route {route.destination} of {rtb}, the gateway's own table, is a blackhole: {route.target} is gone.",
        resource_ids=(rtb,),
        rule=rule,
        next_step=f"Point route {route.destination} of {rtb} at a target that exists.",
    )
    yield from walk.drop(bundle)


def _check_address(walk: Walk, gateway: Node, bundle: Bundle, target: Node, route: Route) -> Bundle:
    """What comes from the internet reaches a middlebox only where that has a public address itself."""
    heading = bundle.but(heading=target)
    if gateway.kind != "internet-gateway" or target.kind != "interface" or bundle.version == 6:
        return heading
    interface = walk.account.interface(target.id)
    if isinstance(interface, Missing) or public_addresses(interface):
        return heading
    walk.block(
        heading,
        heading.pieces,
        layer="internet-gateway",
        code="INGRESS_RTB_NO_PUBLIC_IP",
        summary=f"The table of {gateway.id} sends {route.destination} to {target.id}, which has no public address.",
        resource_ids=(gateway.id, target.id),
        interface_id=target.id,
        next_step=f"Give {target.id} a public IPv4 address.",
    )
    return heading.but(pieces=flagged(heading.pieces, blocked=True))


def refuse_bypass(walk: Walk, gateway: Node, bundle: Bundle) -> tuple[Piece, ...]:
    """A subnet whose incoming traffic is redirected can't use the gateway past its middlebox."""
    table = walk.account.edge_table_of(gateway.id)
    if table is None:
        return bundle.pieces
    compiled = walk.rulebook.table(table, bundle.version)
    pieces: list[Piece] = []
    for piece in bundle.pieces:
        for choice in look_up(compiled, bundle.version, piece.packets.source):
            part = piece.narrowed(piece.packets._replace(source=choice.destinations))
            route = choice.route
            if route is None or route.target in ("local", *bundle.inspected) or route.state == "blackhole":
                pieces.append(part)
                continue
            hop = next_hop(walk, route, table.vpc_id)
            target = route.target if isinstance(hop, Missing) else hop.id
            if target in bundle.inspected or _is_its_own(walk, target, part):
                pieces.append(part)
                continue
            _block_bypass(walk, gateway, bundle, part, table, route)
            pieces.append(part._replace(blocked=True))
    return tuple(pieces)


def _is_its_own(walk: Walk, target: str, piece: Piece) -> bool:
    """Whether it is the middlebox itself that sends."""
    interface = walk.account.interfaces.get(target)
    low, high = piece.packets.source
    return interface is not None and low == high and _owns(interface, low)


def _owns(interface: NetworkInterface, number: int) -> bool:
    texts = {interface.private_ip_address, *(a.private_ip_address for a in interface.private_ip_addresses)}
    return number < 2**32 and str(IPv4Address(number)) in texts


def _block_bypass(walk: Walk, gateway: Node, bundle: Bundle, piece: Piece, table: RouteTable, route: Route) -> None:
    where = network_words(bundle.version, [piece.packets.source])
    walk.block(
        bundle,
        [piece],
        layer="internet-gateway",
        code="INGRESS_RTB_TRAFFIC_REDIRECTION",
        summary=f"{table.route_table_id} sends what comes in for {where} through {route.target}, so it can't leave by "
        f"{gateway.id} directly.",
        resource_ids=(gateway.id, table.route_table_id),
        interface_id=bundle.at,
        next_step=f"Route what the subnet sends to the internet through {route.target}, too.",
    )
