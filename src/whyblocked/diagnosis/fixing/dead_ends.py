"""Routes of VPCs that lead nowhere: to what is gone, or in a circle.

https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html
https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-scenarios.html
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from whyblocked.config import resources as r
from whyblocked.config.account import Missing
from whyblocked.config.edits import AttachInternetGateway, DeleteRoute
from whyblocked.diagnosis.fixing.boxes import EVERYWHERE, blocks_of
from whyblocked.diagnosis.fixing.steps import Case, NoFix, Option, Step, step
from whyblocked.diagnosis.fixing.targets import alike, circles, internet_gateway, targets
from whyblocked.diagnosis.fixing.ways import (
    MOST_WAYS,
    accepting,
    other_tables,
    retargeted,
    routed,
    routes_met,
    table_of,
    wanted,
)
from whyblocked.diagnosis.fixing.words import called
from whyblocked.network.noted import Blocker
from whyblocked.network.packets import Interval
from whyblocked.network.routes import compile_table, look_up

_MIDDLEBOXES = ("eni", "vpce")  # they lead wherever they like


def black_hole(case: Case, blocker: Blocker) -> Sequence[Option]:
    """What a route leads to is gone, detached or not accepted: mend that, give it another target, or take it out."""
    rule = blocker.rule or {}
    destination, target = str(rule.get("destination")), str(rule.get("target"))
    table = table_of(case, blocker.resource_ids[0])
    peering = case.account.peerings.get(target)
    if peering is not None and peering.status.code == "pending-acceptance":
        return [(accepting(case, blocker, target),)]
    gateway = case.account.internet_gateways.get(target)
    if gateway is not None and not any(a.vpc_id for a in gateway.attachments):
        edit = AttachInternetGateway(internet_gateway_id=target, vpc_id=table.vpc_id)
        says = f"Attach {called(case.account, target)} to {called(case.account, table.vpc_id)}."
        return [(step([blocker], [edit], says),)]
    version, spans = wanted(blocker)
    reply = blocker.leg == "return"
    likely = [
        other
        for other in targets(case, table, version, spans, reply=reply, sender=blocker.interface_id)
        if other != target
    ]
    written = next((one for one in table.routes if one.destination == destination), None)
    announced = written is not None and written.origin == "EnableVgwRoutePropagation"
    fixed = announced or (destination.startswith("pl-") and target.startswith("vpce-"))  # an endpoint's own
    found = [other for other in likely if alike(other, target)]
    without = None if fixed else _taken_out(case, blocker, table, destination, version, spans, likely)
    if not found and without is None and destination not in EVERYWHERE:
        found = likely  # nobody loses a way by it, and what goes everywhere else stays as it is
    if not found and without is None:
        raise NoFix(
            f"{target or 'The target'} of route {destination} is gone, and {called(case.account, table.vpc_id)} has "
            "nothing else of its kind that the route could lead to, nor a wider route that leads there."
        )
    if announced:
        blocks = blocks_of(case, version, spans, of_source=reply)
        return [(routed(case, blocker, table, blocks, other),) for other in found[:MOST_WAYS]]
    ways: list[Option] = [(retargeted(case, blocker, table, destination, other),) for other in found[:MOST_WAYS]]
    return ways if without is None else [*ways, (without,)]


def _taken_out(
    case: Case,
    blocker: Blocker,
    table: r.RouteTable,
    destination: str,
    version: int,
    spans: Sequence[Interval],
    likely: Sequence[str],
) -> Step | None:
    """The route deleted, where a wider one would take its packets to where they may be meant to go."""
    rest = tuple(one for one in table.routes if one.destination != destination)
    compiled = compile_table(msgspec.structs.replace(table, routes=rest), version, case.account)
    wider = [choice.route for part in spans for choice in look_up(compiled, version, part)]
    by: dict[str, str] = {}
    for route in wider:
        if route is None or route.state == "blackhole":
            return None
        if route.target not in likely and route.target.partition("-")[0] not in _MIDDLEBOXES:
            return None
        by[route.destination] = route.target
    edit = DeleteRoute(route_table_id=table.route_table_id, destination=destination)
    ways = " and ".join(f"the route to {wide} by {called(case.account, target)}" for wide, target in by.items())
    where = called(case.account, table.route_table_id)
    take = "takes" if len(by) == 1 else "take"
    says = f"Delete the route to {destination} in {where}, which is a blackhole: {ways} {take} its packets."
    warn = (
        f"Whoever made the route to {destination} wanted its packets to go another way than all others: if that was "
        "through a firewall, they go past it then."
    )
    return step([blocker], [edit], says, warn, place=table.vpc_id)


def circle(case: Case, blocker: Blocker) -> Sequence[Option]:
    """The subnet of a NAT gateway routes to that very gateway: it has to be a public one, with an internet gateway.

    The route works for nobody, so nobody loses a way where it is given another target.
    """
    for passage in routes_met(case, blocker.leg):
        table = case.account.route_tables.get(passage.id)
        rule = passage.rule or {}
        of = [one for one in table.routes if one.destination == rule.get("destination")] if table else []
        if table is None or not any(circles(case.account, table, one) for one in of):
            continue
        return _made_public(case, blocker, table, case.account.nat_gateways[of[0].target], of[0].destination)
    raise NoFix(f"{blocker.summary} Which of them should lead elsewhere is a decision.")


def _made_public(
    case: Case, blocker: Blocker, table: r.RouteTable, nat: r.NatGateway, destination: str
) -> Sequence[Option]:
    gateway_name, place = called(case.account, nat.nat_gateway_id), called(case.account, nat.subnet_id or "")
    what = (
        f"{gateway_name} lies in {place}, and there the route to {destination} of "
        f"{called(case.account, table.route_table_id)} leads back to it"
    )
    if nat.connectivity_type == "private":
        raise NoFix(f"{what}. It is a private one: where its subnet should route to is a decision.")
    gateway = internet_gateway(case.account, table.vpc_id)
    if gateway is None:
        known = case.account.internet_gateway_of(table.vpc_id)
        why = f"which one is attached could not be read: {known}" if isinstance(known, Missing) else "none is attached"
        raise NoFix(f"{what}. It has to route to an internet gateway, and to {table.vpc_id} {why}.")
    version, spans = wanted(blocker)
    ways = other_tables(case, blocker, table, version, spans, nat.subnet_id)
    return [*ways, (retargeted(case, blocker, table, destination, gateway),)]
