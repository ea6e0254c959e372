"""Routes of VPCs: where none leads, where one leads astray.

https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html
"""

from __future__ import annotations

from collections.abc import Sequence

from whyblocked.config import resources as r
from whyblocked.config.account import Missing
from whyblocked.config.edits import (
    NEW_GATEWAY,
    AcceptVpcPeeringConnection,
    AssociateRouteTable,
    AttachInternetGateway,
    Edit,
    ModifyVpcEndpoint,
    ReplaceRoute,
)
from whyblocked.config.endpoints import endpoints_of
from whyblocked.diagnosis.fixing.boxes import EVERYWHERE, blocks_of, listed
from whyblocked.diagnosis.fixing.gateways import a_gateway
from whyblocked.diagnosis.fixing.steps import Case, NoFix, Option, Step, step
from whyblocked.diagnosis.fixing.targets import (
    alike,
    entrance,
    has_public,
    holds,
    internet_gateway,
    keep_working,
    peerings,
    put_route,
    route_to,
    targets,
)
from whyblocked.diagnosis.fixing.words import called
from whyblocked.network.noted import Blocker, Passage
from whyblocked.network.packets import Interval, join_intervals, span
from whyblocked.network.routes import Choice, look_up
from whyblocked.network.rulebook import Rulebook

_NARROW = "The route is as narrow as the question: other destinations keep the way that they have, or none."
_WIDE = "The route is a default route: all hosts of the subnets take it, to whatever has no narrower one."

MOST_WAYS = 4  # targets that are tried for one missing route


def no_route(case: Case, blocker: Blocker) -> Sequence[Option]:
    """A route to what the VPC has: gateways, peering connections, transit gateways; or another table for the subnet."""
    table = table_of(case, blocker.resource_ids[0])
    version, spans = wanted(blocker)
    endpoint = _by_endpoint(case, blocker, table)
    if endpoint is not None:
        return [(endpoint,)]
    blocks = blocks_of(case, version, spans, of_source=blocker.leg == "return")
    reply = blocker.leg == "return"
    found = targets(case, table, version, spans, reply=reply, sender=blocker.interface_id)[:MOST_WAYS]
    ways: list[Option] = [(routed(case, blocker, table, blocks, target),) for target in found]
    ways += other_tables(case, blocker, table, version, spans, blocker.subnet_id)
    if not ways:
        raise NoFix(
            f"{called(case.account, table.vpc_id)} has nothing that could lead to {listed(blocks)}: no gateway, "
            "peering connection or transit gateway for it is known, and which one to make is a decision."
        )
    return ways


def back_to_sender(case: Case, blocker: Blocker) -> Sequence[Option]:
    """The reply is routed elsewhere than the request came from: a route of its own, as the more specific one wins."""
    led = _led_astray(case, blocker)
    table = table_of(case, led.id)
    came_by = entrance(case, table.vpc_id)
    if came_by is None or came_by == (led.rule or {}).get("target"):
        raise NoFix(f"{blocker.summary} What the request came by is not known, so no route to it can be proposed.")
    version, spans = wanted(blocker)
    blocks = blocks_of(case, version, spans, of_source=True)
    return [(routed(case, blocker, table, blocks, came_by),)]


def to_the_right_one(case: Case, blocker: Blocker) -> Sequence[Option]:
    """The request ends in another VPC with the same addresses: a route of its own to the one that is meant."""
    led = _led_astray(case, blocker)
    table = table_of(case, led.id)
    meant = {interface.vpc_id for interface in case.asked.destination.interfaces}
    right = [
        peering.vpc_peering_connection_id
        for peering in peerings(case.account, table.vpc_id)
        if meant & {peering.requester_vpc_info.vpc_id, peering.accepter_vpc_info.vpc_id}
    ]
    if not right:
        raise NoFix(f"{blocker.summary} Nothing is known that leads from {table.vpc_id} to the one that is meant.")
    version, spans = wanted(blocker)
    blocks = blocks_of(case, version, spans, of_source=False)
    return [(routed(case, blocker, table, blocks, target),) for target in right]


def past_the_wrong_turn(case: Case, blocker: Blocker) -> Sequence[Option]:
    """Another route wins over the one that leads to the right place."""
    return back_to_sender(case, blocker) if blocker.leg == "return" else to_the_right_one(case, blocker)


def around(case: Case, blocker: Blocker) -> Sequence[Option]:
    """A gateway refuses what it does not carry: a route of its own that leads by another one."""
    met = [p for p in routes_met(case, blocker.leg) if (p.rule or {}).get("target") in blocker.resource_ids]
    if not met:
        raise NoFix(f"{blocker.summary} No route of the account leads there that could be changed.")
    table = table_of(case, met[-1].id)
    version, spans = wanted(blocker)
    reply = blocker.leg == "return"
    found = targets(case, table, version, spans, reply=reply, sender=blocker.interface_id)
    works = blocker.code in ("BAD_STATE", "BAD_STATE_ATTACHMENT")  # else all gateways of a kind refuse alike
    others = [
        target
        for target in found
        if target not in blocker.resource_ids and (works or not alike(target, blocker.resource_ids[0]))
    ][:MOST_WAYS]
    if not others:
        raise NoFix(f"{blocker.summary} {called(case.account, table.vpc_id)} has nothing else that it could go by.")
    blocks = blocks_of(case, version, spans, of_source=reply)
    if (met[-1].rule or {}).get("destination") in blocks:
        destination = blocks[0]
        if not works:
            keep_working(case, table, destination, others[0])
        return [(retargeted(case, blocker, table, destination, target),) for target in others]
    return [(routed(case, blocker, table, blocks, target),) for target in others]


def in_by_the_internet_gateway(case: Case, blocker: Blocker) -> Sequence[Option]:
    """An egress-only gateway lets nobody in: the reply to this client by the internet gateway, and so its request."""
    subnet = destination_subnet(case, blocker)
    if subnet is None:
        raise NoFix(f"{blocker.summary} The subnet that it is for is not known.")
    table = case.account.route_table_of(subnet)
    gateway = internet_gateway(case.account, subnet.vpc_id)
    if isinstance(table, Missing):
        raise NoFix(f"{blocker.summary} The route table of {subnet.subnet_id} could not be read.")
    made = [] if gateway is not None else [a_gateway(case, blocker, subnet.vpc_id)]
    boxes = blocker.packets
    spans = join_intervals(box.source for box in boxes)
    blocks = blocks_of(case, boxes[0].version, spans, of_source=True)
    return [(*made, routed(case, blocker, table, blocks, gateway or _target_of(made[0])))]


def in_by_a_private_way(case: Case, blocker: Blocker) -> Sequence[Option]:
    """Private addresses come in by no internet or NAT gateway: the reply, and so the request, by what leads there."""
    nat = case.account.nat_gateways.get(blocker.resource_ids[0])
    asked = {interface.network_interface_id for interface in case.asked.destination.interfaces}
    if nat is not None and asked & {one.network_interface_id for one in nat.nat_gateway_addresses}:
        raise NoFix(f"{blocker.summary} What sends through it is reached otherwise.")
    subnet = destination_subnet(case, blocker)
    table = case.account.route_table_of(subnet) if subnet is not None else None
    if not isinstance(table, r.RouteTable):
        raise NoFix(f"{blocker.summary} The route table of what it is for is not known.")
    boxes = blocker.packets
    spans = join_intervals(box.source for box in boxes)
    blocks = blocks_of(case, boxes[0].version, spans, of_source=True)
    found = targets(case, table, boxes[0].version, spans, reply=False, sender=None)
    others = [one for one in found if not one.startswith(("nat-", "igw-"))][:MOST_WAYS]
    if not others:
        raise NoFix(
            f"{blocker.summary} {called(case.account, table.vpc_id)} has no peering connection, transit gateway or "
            f"virtual private gateway that could lead to {listed(blocks)}, and which one to make is a decision."
        )
    return [(routed(case, blocker, table, blocks, target),) for target in others]


def accepted(case: Case, blocker: Blocker) -> Sequence[Option]:
    """A peering connection that waits for it."""
    peering = case.account.peerings.get(blocker.resource_ids[0])
    if peering is None or peering.status.code != "pending-acceptance":
        raise NoFix(f"{blocker.summary} It can't be brought back: a new one has to be made.")
    return [(accepting(case, blocker, peering.vpc_peering_connection_id),)]


def accepting(case: Case, blocker: Blocker, peering_id: str) -> Step:
    """A peering connection accepted, by who owns the VPC that was asked."""
    peering = case.account.peerings[peering_id]
    accepter = peering.accepter_vpc_info
    owner = f", in account {accepter.owner_id}" if accepter.owner_id else ""
    edit = AcceptVpcPeeringConnection(vpc_peering_connection_id=peering_id)
    says = f"Accept peering connection {called(case.account, peering_id)} for {accepter.vpc_id}{owner}."
    warn = "A peering connection adds no routes by itself: both VPCs need them."
    return step([blocker], [edit], says, warn, place=accepter.vpc_id)


# -- parts -------------------------------------------------------------------------------------------------------------


def table_of(case: Case, table_id: str) -> r.RouteTable:
    """A route table that was met."""
    table = case.account.route_tables.get(table_id)
    if table is None:
        raise NoFix(f"Route table {table_id} could not be read.")
    return table


def wanted(blocker: Blocker) -> tuple[int, list[Interval]]:
    """The addresses that the refused packets are on their way to."""
    return blocker.packets[0].version, join_intervals(box.destination for box in blocker.packets)


def routed(case: Case, blocker: Blocker, table: r.RouteTable, blocks: Sequence[str], target: str) -> Step:
    """Routes to ``blocks`` by ``target``; :class:`NoFix` where one that works would have to go for it."""
    edits: list[Edit] = []
    says = ""
    warns = []
    peering = case.account.peerings.get(target)
    if peering is not None and peering.status.code == "pending-acceptance":
        accept = accepting(case, blocker, target)
        edits, says, warns = [*accept.edits], f"{accept.says} ", [*accept.warns]
    put = [put_route(case, table, block, target) for block in blocks]
    edits += put
    replaced = [edit.route.destination for edit in put if isinstance(edit, ReplaceRoute)]
    what = "a route" if len(blocks) == 1 else "routes"
    by = "it" if target == NEW_GATEWAY else called(case.account, target)
    where = called(case.account, table.route_table_id)
    if replaced:
        says += f"Replace in {where} {what} to {listed(blocks)}, by {by}."
        warns.append(_touches(table, listed(replaced)))
    else:
        says += f"Add to {where} {what} to {listed(blocks)} by {by}."
        warns.append(_WIDE if set(blocks) & set(EVERYWHERE) else _NARROW)
    return step([blocker], edits, says, *warns, place=table.vpc_id)


def retargeted(case: Case, blocker: Blocker, table: r.RouteTable, destination: str, target: str) -> Step:
    """Another target for a route that leads nowhere."""
    edit = ReplaceRoute(route_table_id=table.route_table_id, route=route_to(destination, target))
    where = called(case.account, table.route_table_id)
    says = f"Replace the route to {destination} in {where}: point it to {called(case.account, target)}."
    return step([blocker], [edit], says, _touches(table, destination), place=table.vpc_id)


def _touches(table: r.RouteTable, destinations: str) -> str:
    """Who else a replaced route is for."""
    subnets = [a.subnet_id for a in table.associations if a.subnet_id]
    if table.is_main:
        subnets.append("every subnet without a table of its own")
    who = ", ".join(subnets) or "whatever uses the table"
    return (
        f"The replaced route to {destinations} is used by all hosts of {who}; by an internet gateway only those with "
        "public addresses get out."
    )


def _by_endpoint(case: Case, blocker: Blocker, table: r.RouteTable) -> Step | None:
    """A gateway endpoint for the service that was asked about, given to the table as well."""
    end = case.asked.destination
    if blocker.leg != "forward" or end.kind != "service":
        return None
    found = endpoints_of(case.account, table.vpc_id)
    for endpoint in () if isinstance(found, Missing) else found:
        if endpoint.kind != "gateway" or not endpoint.service_name.endswith(f".{end.text.lower()}"):
            continue
        name = endpoint.vpc_endpoint_id
        edit = ModifyVpcEndpoint(vpc_endpoint_id=name, add_route_table_ids=(table.route_table_id,))
        says = f"Add {called(case.account, table.route_table_id)} to the route tables of gateway endpoint {name}."
        return step([blocker], [edit], says, place=table.vpc_id)
    return None


def other_tables(
    case: Case, blocker: Blocker, table: r.RouteTable, version: int, spans: Sequence[Interval], subnet_id: str | None
) -> list[Option]:
    """Another table of the VPC that other subnets use and that has the route: for a subnet that nobody gave one."""
    if subnet_id is None or any(a.subnet_id == subnet_id for a in table.associations):
        return []
    rulebook = Rulebook(case.account)
    ways: list[Option] = []
    for _, other in sorted(case.account.route_tables.items()):
        if other.vpc_id != table.vpc_id or other is table or not any(a.subnet_id for a in other.associations):
            continue
        compiled = rulebook.table(other, version)
        choices = [choice for part in spans for choice in look_up(compiled, version, part)]
        if all(_may_lead(one, version) for one in choices):
            edit = AssociateRouteTable(route_table_id=other.route_table_id, subnet_id=subnet_id)
            says = (
                f"Associate {called(case.account, subnet_id)} with {called(case.account, other.route_table_id)}; "
                "it has no route table of its own and uses the main one."
            )
            ways.append((step([blocker], [edit], says, place=table.vpc_id),))
    return ways[:1]


def _may_lead(choice: Choice, version: int) -> bool:
    """Whether a route leads somewhere; an internet gateway leads to no private address."""
    if choice.route is None or choice.missing is not None or choice.route.state == "blackhole":
        return False
    return not choice.route.target.startswith(("igw-", "eigw-")) or has_public(version, [choice.destinations])


def routes_met(case: Case, leg: str) -> list[Passage]:
    """The routes that the packets of a leg took, in order."""
    kept = (p for p in case.walk.passages if p.leg == leg and p.kind == "route-table" and p.rule)
    return list(kept)


def _led_astray(case: Case, blocker: Blocker) -> Passage:
    """The last route that leads out of a VPC before the packets end in the wrong place."""
    met = [p for p in routes_met(case, blocker.leg) if (p.rule or {}).get("target") != "local"]
    if not met:
        raise NoFix(f"{blocker.summary} No route is known that leads there.")
    return met[-1]


def destination_subnet(case: Case, blocker: Blocker) -> r.Subnet | None:
    """The subnet that the refused packets are for."""
    box = blocker.packets[0]
    for subnet in case.account.all_subnets():
        own = [span(network) for network in subnet.networks if network.version == box.version]
        if subnet.vpc_id == blocker.vpc_id and holds(own, [box.destination]):
            return subnet
    return None


def _target_of(made: Step) -> str:
    """The gateway that a step attaches."""
    return next(edit.internet_gateway_id for edit in made.edits if isinstance(edit, AttachInternetGateway))
