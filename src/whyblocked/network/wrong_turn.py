"""Which route led packets somewhere else than where they belong, and whether it hid one that leads there.

Where addresses are used twice, the longest prefix decides which of their owners is meant, and among equals the order of
https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html and
https://docs.aws.amazon.com/vpc/latest/tgw/how-transit-gateways-work.html#tgw-route-evaluation-overview
"""

from __future__ import annotations

from typing import Any

import msgspec

from whyblocked.config import transit as gateways
from whyblocked.config.account import Account, Missing
from whyblocked.config.resources import Route, TransitGatewayPropagation, TransitGatewayRoute, block
from whyblocked.network import routes, transit
from whyblocked.network.flow import Bundle, Node, Turn
from whyblocked.network.graph import target_node
from whyblocked.network.packets import Interval, network_words, span
from whyblocked.network.rulebook import Rulebook

_OF_VPC = ("MORE_SPECIFIC_ROUTE", "HIGHER_PRIORITY_ROUTE")
_OF_GATEWAY = ("TGW_RTB_MORE_SPECIFIC_ROUTE", "TGW_RTB_HIGHER_PRIORITY_ROUTE")


class WrongTurn(msgspec.Struct, frozen=True):
    """The route that decided, and what it says of a blocker; ``code`` None where no other route led home."""

    layer: str
    table_id: str
    vpc_id: str | None
    rule: dict[str, Any]
    why: str
    next_step: str
    code: str | None = None
    tried: tuple[transit.Entry, ...] = ()
    gateway_id: str | None = None


class _Way(msgspec.Struct, frozen=True):
    """A route of a table with the span and the length of its prefix."""

    route: Route | TransitGatewayRoute
    span: Interval
    length: int


def wrong_turn(account: Account, rulebook: Rulebook, bundle: Bundle, home: Node | None) -> WrongTurn | Missing | None:
    """The route that led the bundle away from ``home``: the first that hid one that leads there, else the last.

    ``home`` is a VPC, or the gateway that the packets belong behind. None where nothing was routed, :class:`Missing`
    where something has to be fetched first.
    """
    if not bundle.turns:
        return None
    where = network_words(bundle.version, [piece.packets.destination for piece in bundle.pieces])
    for turn in bundle.turns if home is not None else ():
        ways = _ways(account, rulebook, turn, bundle)
        if isinstance(ways, Missing):
            return ways
        taken = next((way for way in ways if way.route == turn.route), None)
        if taken is None or _leads(account, turn, taken.route, home):
            continue
        for way in ways:
            leads = way.route != turn.route and _leads(account, turn, way.route, home)
            if isinstance(leads, Missing):
                return leads
            if leads:
                return _hidden(account, turn, taken, way, where)
    last = next((turn for turn in reversed(bundle.turns) if not _is_local(turn.route)), bundle.turns[-1])
    step = f"Add a longer route for {where} to {last.table_id} that leads to its own network."
    return WrongTurn(*_place(account, last), _described(last.route), _words(last), step, gateway_id=last.gateway_id)


def _hidden(account: Account, turn: Turn, taken: _Way, way: _Way, where: str) -> WrongTurn:
    longer, stronger = _OF_GATEWAY if turn.gateway_id else _OF_VPC
    other = _described(way.route)
    hides = f"hides {other['destination']} -> {other['target']}"
    if taken.length > way.length:
        code, why = longer, f"{_words(turn)}, which is more specific and {hides}"
    else:
        code, why = stronger, f"{_words(turn)}, which comes before one as long and {hides}"
    step = f"Remove that route, or add a longer one for {where} to {turn.table_id} that leads to {other['target']}."
    tried = (
        transit.Entry(one.span, one.length, 0, one.route) for one in (taken, way) if not isinstance(one.route, Route)
    )
    return WrongTurn(*_place(account, turn), _described(turn.route), why, step, code, tuple(tried), turn.gateway_id)


def _place(account: Account, turn: Turn) -> tuple[str, str, str | None]:
    if turn.gateway_id:
        return "transit-gateway", turn.table_id, None
    return "route-table", turn.table_id, account.route_tables[turn.table_id].vpc_id


def _is_local(route: Route | TransitGatewayRoute) -> bool:
    return isinstance(route, Route) and route.target == "local"


def _described(route: Route | TransitGatewayRoute) -> dict[str, Any]:
    return routes.described(route) if isinstance(route, Route) else transit.described(route)


def _words(turn: Turn) -> str:
    rule = _described(turn.route)
    return f"{turn.table_id} routes it by {rule['destination']} -> {rule['target']}"


# -- what else a table has -------------------------------------------------------------------------------------------


def _ways(account: Account, rulebook: Rulebook, turn: Turn, bundle: Bundle) -> list[_Way] | Missing:
    """The routes of a table that cover all of the packets' destinations and could take them, the strongest first.

    A transit gateway's table does not list what an attached VPC propagates where an equal static route hides it.
    """
    low = min(piece.packets.destination[0] for piece in bundle.pieces)
    high = max(piece.packets.destination[1] for piece in bundle.pieces)
    known: list[_Way] = []
    if turn.gateway_id is None:
        entries = rulebook.table(account.route_tables[turn.table_id], bundle.version).entries
        known += [_Way(entry.route, entry.span, entry.length) for entry in entries]
    else:
        table = rulebook.transit(turn.gateway_id, turn.table_id, bundle.version)
        told = account.details_about(
            "GetTransitGatewayRouteTablePropagations", turn.table_id, TransitGatewayPropagation
        )
        if isinstance(told, Missing) and told.pending:
            return told
        if not isinstance(table, Missing):
            known += [_Way(entry.route, entry.span, entry.length) for entry in table.entries]
        for route in () if isinstance(told, Missing) else transit.derived_routes(account, told, bundle.version)[0]:
            network = block(route.destination)
            known.append(_Way(route, span(network), network.prefixlen))
    covering = (way for way in known if way.span[0] <= low and high <= way.span[1])
    return [way for way in covering if way.route.state in ("active", "")]


def _leads(account: Account, turn: Turn, route: Route | TransitGatewayRoute, home: Node | None) -> bool | Missing:
    """Whether a route leads to where the packets belong, as far as one look tells."""
    if home is None:
        return False
    if isinstance(route, TransitGatewayRoute):
        return any(home.id in (to.resource_id, turn.gateway_id) for to in route.transit_gateway_attachments)
    target = target_node(route, account.route_tables[turn.table_id].vpc_id)
    if target == home:
        return True
    if target.kind == "vpc-peering":
        peering = account.peering(target.id)
        if isinstance(peering, Missing):
            return peering if peering.pending else False
        return home.id in (peering.requester_vpc_info.vpc_id, peering.accepter_vpc_info.vpc_id)
    if target.kind == "transit-gateway" and home.kind == "vpc":
        attached = gateways.attachment_of(account, target.id, home.id)
        return (attached if attached.pending else False) if isinstance(attached, Missing) else True
    return False
