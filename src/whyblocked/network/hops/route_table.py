"""Route tables: longest prefix, state, and the target that the packets are handed to.

https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html
"""

from __future__ import annotations

from collections.abc import Iterator

from whyblocked.config.account import Missing
from whyblocked.config.resources import Route, RouteTable
from whyblocked.network.addresses import LATTICE, NEVER_FORWARDED
from whyblocked.network.beyond import LATTICE_TARGET
from whyblocked.network.flow import Bundle, Node, Piece, Turn, split
from whyblocked.network.hops.next_hop import next_hop
from whyblocked.network.packets import DESTINATION, network_words, subtract_intervals
from whyblocked.network.routes import described, look_up
from whyblocked.network.walk import Step, Walk


def cross(walk: Walk, node: Node, bundle: Bundle) -> Iterator[Step]:
    """Each part of the packets goes to the target of the route that takes it."""
    table = walk.account.route_tables[node.id]
    compiled = walk.rulebook.table(table, bundle.version)
    ways: dict[int, tuple[Route | None, Missing | None, list[Piece]]] = {}
    unforwarded = [NEVER_FORWARDED[bundle.version]]
    if any(route.target == LATTICE_TARGET for route in table.routes):
        unforwarded = subtract_intervals(unforwarded, [LATTICE[bundle.version]])
    never, pieces = split(bundle.pieces, DESTINATION, unforwarded)
    if never:
        ways[id(None)] = (None, None, never)
    for piece in pieces:
        for choice in look_up(compiled, bundle.version, piece.packets.destination):
            part = piece.narrowed(piece.packets._replace(destination=choice.destinations))
            key = id(choice.missing) if choice.missing else id(choice.route)
            ways.setdefault(key, (choice.route, choice.missing, []))[2].append(part)
    for route, missing, parts in ways.values():
        yield from _take(walk, table, bundle.but(pieces=tuple(parts)), route, missing)


def _take(
    walk: Walk, table: RouteTable, bundle: Bundle, route: Route | None, missing: Missing | None
) -> Iterator[Step]:
    rtb = table.route_table_id
    if missing is not None:
        rule = described(route) if route else None
        walk.note(bundle, "route-table", rtb, "unknown", rule=rule, detail=str(missing), resource_ids=(rtb,))
        yield from walk.lose(bundle, missing)
        return
    if route is None:
        sender = _back_to_sender(bundle)
        if sender is not None:
            walk.note(bundle, "route-table", rtb, "forward", detail="back to the NAT gateway that it came from")
            yield Node("network-acl", bundle.subnet_id or ""), bundle.but(heading=sender)
            return
        yield from _no_route(walk, rtb, bundle)
        return
    if route.state == "blackhole":
        yield from _blackhole(walk, rtb, bundle, route)
        return
    if route.state not in ("active", ""):
        walk.note(bundle, "route-table", rtb, "unknown", rule=described(route), resource_ids=(rtb,))
        unusable = Missing(
            f"route {route.destination} of {rtb}", f"its state is {route.state}, which AWS does not define"
        )
        yield from walk.lose(bundle, unusable)
        return
    heading = next_hop(walk, route, table.vpc_id)
    if isinstance(heading, Missing):
        yield from walk.lose(bundle, heading)
        return
    walk.note(bundle, "route-table", rtb, "forward", rule=described(route), resource_ids=(rtb,))
    onward = bundle.but(heading=heading, turns=(*bundle.turns, Turn(rtb, route)))
    if bundle.subnet_id is None:  # the table of a regional NAT gateway, which is in no subnet
        inside = heading.kind in ("vpc", "nat-gateway", "interface")
        yield (Node("vpc", table.vpc_id) if inside else heading), onward
    elif _in_this_subnet(walk, heading, bundle.subnet_id):
        yield Node("subnet", bundle.subnet_id or ""), onward.but(inbound=True)
    else:
        yield Node("network-acl", bundle.subnet_id or ""), onward


def _in_this_subnet(walk: Walk, heading: Node, subnet_id: str | None) -> bool:
    """Whether the next hop sits in the subnet that the packets come from: then no network ACL is in between."""
    if heading.kind == "nat-gateway":
        gateway = walk.account.nat_gateways.get(heading.id)
        return gateway is not None and gateway.subnet_id == subnet_id
    if heading.kind == "interface":
        interface = walk.account.interfaces.get(heading.id)
        return interface is not None and interface.subnet_id == subnet_id
    return False


def _back_to_sender(bundle: Bundle) -> Node | None:
    """Replies to a NAT gateway return over the peering connection that the request came by, route or not.

    https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html
    """
    if bundle.established and bundle.bindings and bundle.relay is None and bundle.via and bundle.via.startswith("pcx-"):
        return Node("vpc-peering", bundle.via)
    return None


def _no_route(walk: Walk, rtb: str, bundle: Bundle) -> Iterator[Step]:
    where = network_words(bundle.version, [piece.packets.destination for piece in bundle.pieces])
    back = "back " if bundle.leg == "return" else ""
    walk.note(bundle, "route-table", rtb, "deny", detail=f"no route to {where}", resource_ids=(rtb,))
    walk.block(
        bundle,
        bundle.pieces,
        layer="route-table",
        code="NO_ROUTE_TO_DESTINATION",
        summary=f"Route table {rtb} of {bundle.subnet_id or bundle.vpc_id} has no route {back}to {where}.",
        resource_ids=(rtb,),
        interface_id=bundle.at,
        next_step=f"Add a route for {where} to {rtb}.",
    )
    yield from walk.drop(bundle)


def _blackhole(walk: Walk, rtb: str, bundle: Bundle, route: Route) -> Iterator[Step]:
    peering = walk.account.peerings.get(route.target)
    if peering is not None and peering.status.code not in ("active", "deleted", ""):
        why = f"{route.target} is {peering.status.code}"
        step = f"Accept {route.target}." if peering.status.code == "pending-acceptance" else None
    else:
        why = f"{route.target or 'its target'} is gone or detached"
        step = f"Point route {route.destination} of {rtb} at a target that exists."
    walk.note(bundle, "route-table", rtb, "deny", rule=described(route), detail="blackhole", resource_ids=(rtb,))
    walk.block(
        bundle,
        bundle.pieces,
        layer="route-table",
        code="BAD_STATE_ROUTE",
        summary=f"Route {route.destination} of {rtb} is a blackhole: {why}.",
        resource_ids=(rtb,),
        rule=described(route),
        interface_id=bundle.at,
        next_step=step,
    )
    yield from walk.drop(bundle)
