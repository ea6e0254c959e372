"""Routes of VPCs: where none leads, where one leads to nothing, where one leads astray.

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
from whyblocked.diagnosis.fixing.boxes import blocks_of, listed
from whyblocked.diagnosis.fixing.gateways import a_gateway
from whyblocked.diagnosis.fixing.steps import Case, NoFix, Option, Step, step
from whyblocked.diagnosis.fixing.targets import (
    entrance,
    holds,
    internet_gateway,
    peerings,
    put_route,
    route_to,
    targets,
)
from whyblocked.diagnosis.fixing.words import called
from whyblocked.network.noted import Blocker, Passage
from whyblocked.network.packets import Interval, join_intervals, span
from whyblocked.network.routes import look_up
from whyblocked.network.rulebook import Rulebook

MOST_WAYS = 4  # targets that are tried for one missing route


def no_route(case: Case, blocker: Blocker) -> Sequence[Option]:
    """A route to what the VPC has: gateways, peering connections, transit gateways; or another table for the subnet."""
    table = _table(case, blocker.resource_ids[0])
    version, spans = _wanted(blocker)
    endpoint = _by_endpoint(case, blocker, table)
    if endpoint is not None:
        return [(endpoint,)]
    blocks = blocks_of(case, version, spans, of_source=blocker.leg == "return")
    reply = blocker.leg == "return"
    found = targets(case, table, version, spans, reply=reply, sender=blocker.interface_id)[:MOST_WAYS]
    ways: list[Option] = [(_routed(case, blocker, table, blocks, target),) for target in found]
    ways += _other_tables(case, blocker, table, version, spans)
    if not ways:
        raise NoFix(
            f"{called(case.account, table.vpc_id)} has nothing that could lead to {listed(blocks)}: no gateway, "
            "peering connection or transit gateway for it is known, and which one to make is a decision."
        )
    return ways


def black_hole(case: Case, blocker: Blocker) -> Sequence[Option]:
    """What a route leads to is gone, detached or not accepted: mend that, or give the route another target."""
    rule = blocker.rule or {}
    destination, target = str(rule.get("destination")), str(rule.get("target"))
    table = _table(case, blocker.resource_ids[0])
    peering = case.account.peerings.get(target)
    if peering is not None and peering.status.code == "pending-acceptance":
        return [(accepting(case, blocker, target),)]
    gateway = case.account.internet_gateways.get(target)
    if gateway is not None and not any(a.vpc_id for a in gateway.attachments):
        edit = AttachInternetGateway(internet_gateway_id=target, vpc_id=table.vpc_id)
        says = f"Attach {called(case.account, target)} to {called(case.account, table.vpc_id)}."
        return [(step([blocker], [edit], says),)]
    version, spans = _wanted(blocker)
    reply = blocker.leg == "return"
    likely = targets(case, table, version, spans, reply=reply, sender=blocker.interface_id)
    found = [other for other in likely if other != target and _alike(other, target)]
    if not found:
        raise NoFix(
            f"{target or 'The target'} of route {destination} is gone, and {called(case.account, table.vpc_id)} has "
            "nothing else that the route could lead to."
        )
    written = next((one for one in table.routes if one.destination == destination), None)
    if written is not None and written.origin == "EnableVgwRoutePropagation":
        blocks = blocks_of(case, version, spans, of_source=reply)
        return [(_routed(case, blocker, table, blocks, other),) for other in found[:MOST_WAYS]]
    return [(_retargeted(case, blocker, table, destination, other),) for other in found[:MOST_WAYS]]


def _alike(one: str, other: str) -> bool:
    """Whether a route to the one may become one to the other: another kind of target changes it for everybody."""
    return one.partition("-")[0] == other.partition("-")[0]


def back_to_sender(case: Case, blocker: Blocker) -> Sequence[Option]:
    """The reply is routed elsewhere than the request came from: a route of its own, as the more specific one wins."""
    led = _led_astray(case, blocker)
    table = _table(case, led.id)
    came_by = entrance(case, table.vpc_id)
    if came_by is None or came_by == (led.rule or {}).get("target"):
        raise NoFix(f"{blocker.summary} What the request came by is not known, so no route to it can be proposed.")
    version, spans = _wanted(blocker)
    blocks = blocks_of(case, version, spans, of_source=True)
    return [(_routed(case, blocker, table, blocks, came_by),)]


def to_the_right_one(case: Case, blocker: Blocker) -> Sequence[Option]:
    """The request ends in another VPC with the same addresses: a route of its own to the one that is meant."""
    led = _led_astray(case, blocker)
    table = _table(case, led.id)
    meant = {interface.vpc_id for interface in case.asked.destination.interfaces}
    right = [
        peering.vpc_peering_connection_id
        for peering in peerings(case.account, table.vpc_id)
        if meant & {peering.requester_vpc_info.vpc_id, peering.accepter_vpc_info.vpc_id}
    ]
    if not right:
        raise NoFix(f"{blocker.summary} Nothing is known that leads from {table.vpc_id} to the one that is meant.")
    version, spans = _wanted(blocker)
    blocks = blocks_of(case, version, spans, of_source=False)
    return [(_routed(case, blocker, table, blocks, target),) for target in right]


def past_the_wrong_turn(case: Case, blocker: Blocker) -> Sequence[Option]:
    """Another route wins over the one that leads to the right place."""
    return back_to_sender(case, blocker) if blocker.leg == "return" else to_the_right_one(case, blocker)


def around(case: Case, blocker: Blocker) -> Sequence[Option]:
    """A gateway refuses what it does not carry: a route of its own that leads by another one."""
    met = [p for p in _routes_met(case, blocker.leg) if (p.rule or {}).get("target") in blocker.resource_ids]
    if not met:
        raise NoFix(f"{blocker.summary} No route of the account leads there that could be changed.")
    table = _table(case, met[-1].id)
    version, spans = _wanted(blocker)
    reply = blocker.leg == "return"
    found = targets(case, table, version, spans, reply=reply, sender=blocker.interface_id)
    works = blocker.code in ("BAD_STATE", "BAD_STATE_ATTACHMENT")  # else all gateways of a kind refuse alike
    others = [
        target
        for target in found
        if target not in blocker.resource_ids and (works or not _alike(target, blocker.resource_ids[0]))
    ][:MOST_WAYS]
    if not others:
        raise NoFix(f"{blocker.summary} {called(case.account, table.vpc_id)} has nothing else that it could go by.")
    blocks = blocks_of(case, version, spans, of_source=reply)
    if (met[-1].rule or {}).get("destination") in blocks:
        destination = blocks[0]
        if not works:
            _kept(case, table, blocks)
        return [(_retargeted(case, blocker, table, destination, target),) for target in others]
    return [(_routed(case, blocker, table, blocks, target),) for target in others]


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
    return [(*made, _routed(case, blocker, table, blocks, gateway or _target_of(made[0])))]


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


def _table(case: Case, table_id: str) -> r.RouteTable:
    table = case.account.route_tables.get(table_id)
    if table is None:
        raise NoFix(f"Route table {table_id} could not be read.")
    return table


def _wanted(blocker: Blocker) -> tuple[int, list[Interval]]:
    """The addresses that the refused packets are on their way to."""
    return blocker.packets[0].version, join_intervals(box.destination for box in blocker.packets)


def _routed(case: Case, blocker: Blocker, table: r.RouteTable, blocks: Sequence[str], target: str) -> Step:
    edits: list[Edit] = []
    says = ""
    warns = []
    peering = case.account.peerings.get(target)
    if peering is not None and peering.status.code == "pending-acceptance":
        accept = accepting(case, blocker, target)
        edits, says, warns = [*accept.edits], f"{accept.says} ", [*accept.warns]
    _kept(case, table, blocks)
    put = [put_route(table, block, target) for block in blocks]
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
        warns.append("The route is as narrow as the question: other destinations keep the way that they have, or none.")
    return step([blocker], edits, says, *warns, place=table.vpc_id)


def _retargeted(case: Case, blocker: Blocker, table: r.RouteTable, destination: str, target: str) -> Step:
    edit = ReplaceRoute(route_table_id=table.route_table_id, route=route_to(destination, target))
    where = called(case.account, table.route_table_id)
    says = f"Replace the route to {destination} in {where}: point it to {called(case.account, target)}."
    return step([blocker], [edit], says, _touches(table, destination), place=table.vpc_id)


def _kept(case: Case, table: r.RouteTable, blocks: Sequence[str]) -> None:
    """Refuses to take a route that works from who uses it: whose way is given up is for people to decide."""
    for one in table.routes:
        if one.destination in blocks and one.state != "blackhole":
            raise NoFix(
                f"{called(case.account, table.route_table_id)} has a route to {one.destination} that works, and "
                "replacing it would take that way from every host that uses it. If the subnet is private, moving the "
                "host to a public subnet, or a load balancer in front, is a decision for people."
            )


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


def _other_tables(
    case: Case, blocker: Blocker, table: r.RouteTable, version: int, spans: Sequence[Interval]
) -> list[Option]:
    """Another table of the VPC that other subnets use and that has the route: for a subnet that nobody gave one."""
    subnet_id = blocker.subnet_id
    if subnet_id is None or any(a.subnet_id == subnet_id for a in table.associations):
        return []
    rulebook = Rulebook(case.account)
    ways: list[Option] = []
    for _, other in sorted(case.account.route_tables.items()):
        if other.vpc_id != table.vpc_id or other is table or not any(a.subnet_id for a in other.associations):
            continue
        compiled = rulebook.table(other, version)
        choices = [choice for part in spans for choice in look_up(compiled, version, part)]
        if all(one.route is not None and one.missing is None and one.route.state != "blackhole" for one in choices):
            edit = AssociateRouteTable(route_table_id=other.route_table_id, subnet_id=subnet_id)
            says = (
                f"Associate {called(case.account, subnet_id)} with {called(case.account, other.route_table_id)}; "
                "it has no route table of its own and uses the main one."
            )
            ways.append((step([blocker], [edit], says, place=table.vpc_id),))
    return ways[:1]


def _routes_met(case: Case, leg: str) -> list[Passage]:
    kept = (p for p in case.walk.passages if p.leg == leg and p.kind == "route-table" and p.rule)
    return list(kept)


def _led_astray(case: Case, blocker: Blocker) -> Passage:
    """The last route that leads out of a VPC before the packets end in the wrong place."""
    met = [p for p in _routes_met(case, blocker.leg) if (p.rule or {}).get("target") != "local"]
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
