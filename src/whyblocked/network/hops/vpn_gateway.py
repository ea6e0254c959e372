"""Virtual private gateways: the way to what is behind VPN connections and Direct Connect, and back.

https://docs.aws.amazon.com/vpn/latest/s2svpn/vpn-route-priority.html
Refusals and their codes: https://docs.aws.amazon.com/vpc/latest/reachability/explanation-codes.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from whyblocked.config.account import Account, Missing
from whyblocked.config.exits import direct_connect, vpn_connections, vpn_gateway
from whyblocked.config.resources import Route, VpnConnection, VpnGateway, block
from whyblocked.network.flow import Bundle, Node, flagged, split
from whyblocked.network.hops import edge, own_vpc
from whyblocked.network.hops.encryption import remark
from whyblocked.network.hops.internet_gateway import check_attachment
from whyblocked.network.packets import DESTINATION, Interval, network_words, span, subtract_intervals
from whyblocked.network.walk import Step, Walk


def cross(walk: Walk, node: Node, bundle: Bundle) -> Iterator[Step]:
    """Out to the end of what AWS shows, or in from there to the VPC's router."""
    gateway = vpn_gateway(walk.account, node.id)
    if isinstance(gateway, Missing):
        yield from _unread(walk, node, bundle, gateway)
    elif bundle.heading == node:
        yield from _leave(walk, node, bundle, gateway)
    else:
        yield from _enter(walk, node, bundle, gateway)


def neighbours(account: Account, here: Node) -> Iterable[Node]:
    """The VPC that it is attached to, and those whose routes name it."""
    gateway = account.vpn_gateways.get(here.id)
    vpcs = [a.vpc_id for a in gateway.vpc_attachments if a.vpc_id] if gateway else []
    vpcs += [t.vpc_id for t in account.route_tables.values() if any(r.target == here.id for r in t.routes)]
    yield from (Node("vpc", vpc_id) for vpc_id in dict.fromkeys(vpcs))


def _unread(walk: Walk, node: Node, bundle: Bundle, missing: Missing) -> Iterator[Step]:
    if not missing.pending:
        walk.note(bundle, "vpn-gateway", node.id, "unknown", detail="could not be read")
        missing = Missing(f"VPN gateway {node.id}", str(missing))
    if bundle.leg == "return" and node == bundle.origin:
        walk.arrive(node, bundle)
    elif bundle.leg == "forward" and bundle.inbound:  # what the VPC itself does with it still counts
        walk.lack(missing)
        yield from _door(walk, node, bundle.but(pieces=flagged(bundle.pieces, unknown=True)))
    else:
        yield from walk.lose(bundle, missing)


# -- out ---------------------------------------------------------------------------------------------------------


def _leave(walk: Walk, node: Node, bundle: Bundle, gateway: VpnGateway) -> Iterator[Step]:
    if not bundle.established:
        bundle = _check_state(walk, node, bundle, gateway)
    remark(walk, node, bundle, "virtual_private_gateway")
    leaving = own_vpc.refuse_others(
        walk,
        node,
        bundle,
        code="VGW_PRIVATE_IP_ASSOCIATION_FOR_EGRESS",
        serves=f"{node.id} takes only what interfaces of {bundle.vpc_id} send",
        next_step="Connect the networks by a transit gateway: a VPC passes nothing on for others.",
    )
    for ends in _ways(walk, node, leaving):
        if isinstance(ends.why, Missing):
            if ends.why.pending:
                yield from walk.lose(ends.bundle, ends.why)
                continue
            walk.note(ends.bundle, "vpn-gateway", node.id, "unknown", detail=str(ends.why))
            walk.lack(ends.why)  # a reply may be refused all the same
            walk.arrive(node, ends.bundle.but(pieces=flagged(ends.bundle.pieces, unknown=True)))
            continue
        if ends.why:
            walk.note(ends.bundle, "vpn-gateway", node.id, "deliver", detail=ends.why)
        if not all(piece.blocked for piece in ends.bundle.pieces):
            walk.warn(f"The packets leave AWS at {node.id}: what happens behind it is not visible in AWS.")
        walk.arrive(node, ends.bundle)


def _check_state(walk: Walk, node: Node, bundle: Bundle, gateway: VpnGateway) -> Bundle:
    if gateway.state.lower() not in ("available", ""):
        walk.note(bundle, "vpn-gateway", node.id, "deny", detail=gateway.state)
        walk.block(
            bundle,
            bundle.pieces,
            layer="vpn-gateway",
            code="BAD_STATE",
            summary=f"{node.id} is {gateway.state}, not available.",
            resource_ids=(node.id,),
        )
        bundle = bundle.but(pieces=flagged(bundle.pieces, blocked=True))
    return check_attachment(walk, node, bundle, gateway.vpc_attachments)


class _End(msgspec.Struct, frozen=True):
    """What becomes of a part of the packets: in words how they go on (none: refused), or what is not known."""

    bundle: Bundle
    why: str | Missing


def _ways(walk: Walk, node: Node, bundle: Bundle) -> Iterator[_End]:
    """Part by part, by what knows the destination: a connection that works, propagated routes, or nothing.

    The gateway forwards to prefixes that it learned or that are written in a connection's static routes, and no other.
    """
    connections = vpn_connections(walk.account, node.id)
    if isinstance(connections, Missing):
        yield _End(bundle, connections if connections.pending else Missing(f"VPN gateway {node.id}", str(connections)))
        return
    alive: list[VpnConnection] = [c for c in connections if is_up(c)]
    unsure = [c for c in connections if is_up(c) is None]
    if bundle.established and not alive:  # where all are down, or none is known, that is told of the request
        alive, unsure = list(connections), []
    rest = list(bundle.pieces)
    for connection in alive:
        found, rest = split(rest, DESTINATION, _static(connection, bundle.version))
        if found:
            yield _End(bundle.but(pieces=tuple(found)), f"over {connection.vpn_connection_id}")
    for connection in unsure:
        found, rest = split(rest, DESTINATION, _static(connection, bundle.version))
        if found:
            yield _End(bundle.but(pieces=tuple(found)), tunnels_unread(connection.vpn_connection_id))
    alive += [c for c in unsure if not _is_static(c)]  # what BGP brought is there only while its session is
    propagated, tables = _propagated(walk, node, bundle)
    dynamic = [c for c in alive if not _is_static(c)]
    proven = _proven(walk, node, bundle.version, connections, dynamic, propagated)
    found, rest = split(rest, DESTINATION, proven)
    if found:
        how = f"over {dynamic[0].vpn_connection_id}" if dynamic and bundle.version == 4 else "by a propagated route"
        yield _End(bundle.but(pieces=tuple(found)), how)
    if rest:
        lost = _Lost(bundle.but(pieces=tuple(rest)), connections, alive, propagated, propagates=bool(tables))
        yield from _unknown(walk, node, lost)


def _proven(
    walk: Walk,
    node: Node,
    version: int,
    connections: Sequence[VpnConnection],
    dynamic: Sequence[VpnConnection],
    propagated: list[Interval],
) -> list[Interval]:
    """The propagated prefixes that lead somewhere.

    Those of BGP are withdrawn when its session ends. Those of static routes stay whatever becomes of the tunnels, so
    they prove nothing; what neither explains, and all IPv6, comes from Direct Connect, unless there is none.
    """
    if dynamic or version == 6:
        return propagated
    if any(not _is_static(connection) for connection in connections):
        return []
    others = _not_static(connections, propagated)
    return [] if others and direct_connect(walk.account, node.id) is False else others


def _not_static(connections: Sequence[VpnConnection], propagated: list[Interval]) -> list[Interval]:
    return subtract_intervals(propagated, [span for connection in connections for span in _static(connection, 4)])


class _Lost(NamedTuple):
    """What no working connection has a route for, with all that may tell why."""

    bundle: Bundle
    connections: Sequence[VpnConnection]
    alive: Sequence[VpnConnection]
    propagated: list[Interval]
    propagates: bool  # whether any route table shows what the gateway learns


def _unknown(walk: Walk, node: Node, lost: _Lost) -> Iterator[_End]:
    """Over Direct Connect, or not at all."""
    bundle, connections, alive, propagated, propagates = lost
    other = direct_connect(walk.account, node.id)
    if other is True:
        found, rest = split(bundle.pieces, DESTINATION, _not_static(connections, propagated))
        if found:
            yield _End(bundle.but(pieces=tuple(found)), "over Direct Connect")
        if not rest:
            return
        bundle = bundle.but(pieces=tuple(rest))
    where = network_words(bundle.version, [piece.packets.destination for piece in bundle.pieces])
    if isinstance(other, Missing) and (other.pending or not connections):
        yield _End(bundle, other if other.pending else Missing(f"Direct Connect of {node.id}", str(other)))
        return
    if other is True:
        what = f"AWS does not show whether Direct Connect announces {where} to it; see the router's BGP session"
        yield _End(bundle, Missing(f"VPN gateway {node.id}", what))
        return
    dynamic = [c for c in alive if not _is_static(c) and _learned(c) != 0]
    if dynamic and bundle.version == 4 and not propagates:
        name = dynamic[0].vpn_connection_id
        what = f"no route table shows what {name} learns by BGP: propagate {node.id}'s routes, or see the router"
        yield _End(bundle, Missing(f"VPN gateway {node.id}", what))
        return
    dead = [] if bundle.version == 6 else [c for c in connections if c not in alive and is_up(c) is False]
    if dead and (not alive or any(split(bundle.pieces, DESTINATION, _static(c, 4))[0] for c in dead)):
        names = tuple(connection.vpn_connection_id for connection in dead)
        code, summary = "BAD_STATE_VPN", f"No tunnel of {' and '.join(names)} is up, so nothing gets through {node.id}."
        step = "See the tunnel details of the VPN connection, and the customer gateway's side of it."
    elif bundle.version == 6 and connections:
        code, names = "VPN_GATEWAY_CARRIES_NO_IPV6", (node.id,)
        summary = f"{node.id} carries no IPv6 over VPN connections."
        step = "Use a VPN connection with IPv6 tunnels on a transit gateway."
    else:
        code, names = "NO_ROUTE_TO_DESTINATION", (node.id,)
        summary = f"{node.id} knows no route to {where}: no VPN connection has one."
        step = f"Add a static route for {where} to the VPN connection, or announce it by BGP."
    walk.note(bundle, "vpn-gateway", node.id, "deny", detail=summary)
    walk.block(
        bundle,
        bundle.pieces,
        layer="vpn-gateway",
        code=code,
        summary=summary,
        resource_ids=names if node.id in names else (node.id, *names),
        next_step=step,
    )
    yield _End(bundle.but(pieces=flagged(bundle.pieces, blocked=True)), "")


def _is_static(connection: VpnConnection) -> bool:
    return connection.options is not None and connection.options.static_routes_only


def is_up(connection: VpnConnection) -> bool | None:
    """Whether packets pass the connection: it is available, and one of its tunnels is up. None where nothing tells."""
    if connection.state.lower() not in ("available", ""):
        return False
    if not connection.vgw_telemetry:
        return None
    return any(tunnel.status.upper() == "UP" for tunnel in connection.vgw_telemetry)


def tunnels_unread(connection_id: str, why: Missing | None = None) -> Missing:
    """That it is not known whether a tunnel of a connection is up."""
    return Missing(f"tunnels of {connection_id}", str(why) if why else "nothing tells whether they are up")


def _learned(connection: VpnConnection) -> int | None:
    """How many routes BGP brought over the connection; None where that was not told."""
    counts = [t.accepted_route_count for t in connection.vgw_telemetry if t.status.upper() == "UP"]
    return None if not counts or None in counts else sum(count or 0 for count in counts)


def _static(connection: VpnConnection, version: int) -> list[Interval]:
    written = (
        block(route.destination_cidr_block)
        for route in connection.routes
        if route.destination_cidr_block and route.state.lower() in ("available", "")
    )
    return [span(network) for network in written if network.version == version == 4]


def _propagated(walk: Walk, node: Node, bundle: Bundle) -> tuple[list[Interval], list[str]]:
    """The prefixes that the gateway put into route tables, and the tables that take them."""
    spans: list[Interval] = []
    tables: list[str] = []
    for table in walk.account.route_tables.values():
        routes = [r for r in table.routes if r.target == node.id and _is_propagated(r)]
        if routes or any(gateway.gateway_id == node.id for gateway in table.propagating_vgws):
            tables.append(table.route_table_id)
        for route in routes:
            written = route.destination_cidr_block if bundle.version == 4 else route.destination_ipv6_cidr_block
            spans += [span(block(written))] if written else []
    return spans, tables


def _is_propagated(route: Route) -> bool:
    return route.origin == "EnableVgwRoutePropagation" and route.state in ("active", "")


# -- in ----------------------------------------------------------------------------------------------------------


def _enter(walk: Walk, node: Node, bundle: Bundle, gateway: VpnGateway) -> Iterator[Step]:
    """From behind the gateway to the VPC's router: the request, or the reply to one that left here."""
    if not bundle.established:
        bundle = _check_state(walk, node, bundle, gateway)
        bundle = _check_tunnels(walk, node, bundle)
    walk.note(bundle, "vpn-gateway", node.id, "forward", subnet_id=None)
    yield from _door(walk, node, bundle)


def _door(walk: Walk, node: Node, bundle: Bundle) -> Iterator[Step]:
    """To the VPC's router, or the middlebox that the gateway's own route table names."""
    return edge.into_vpc(walk, node, bundle.vpc_id or "", bundle.but(inbound=True, at=None, subnet_id=None))


def _check_tunnels(walk: Walk, node: Node, bundle: Bundle) -> Bundle:
    """Nothing comes in where every VPN connection is down and there is no Direct Connect."""
    connections = vpn_connections(walk.account, node.id)
    if isinstance(connections, Missing):
        walk.lack(connections)
        return bundle.but(pieces=flagged(bundle.pieces, unknown=True))
    if any(is_up(connection) for connection in connections):
        return bundle
    unsure = [connection.vpn_connection_id for connection in connections if is_up(connection) is None]
    if unsure:
        walk.lack(*map(tunnels_unread, unsure))
        return bundle.but(pieces=flagged(bundle.pieces, unknown=True))
    other = direct_connect(walk.account, node.id)
    if other is True:
        return bundle
    if isinstance(other, Missing) and (other.pending or not connections):
        walk.lack(other)
        return bundle.but(pieces=flagged(bundle.pieces, unknown=True))
    names = tuple(connection.vpn_connection_id for connection in connections)
    what = f"No tunnel of {' and '.join(names)} is up" if names else "It has no VPN connection and no Direct Connect"
    walk.note(bundle, "vpn-gateway", node.id, "deny", detail=what)
    walk.block(
        bundle,
        bundle.pieces,
        layer="vpn-gateway",
        code="BAD_STATE_VPN",
        summary=f"{what}, so nothing comes in through {node.id}.",
        resource_ids=(node.id, *names),
        next_step="See the tunnel details of the VPN connection, and the customer gateway's side of it.",
    )
    return bundle.but(pieces=flagged(bundle.pieces, blocked=True))
