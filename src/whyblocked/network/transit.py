"""Which route of a transit gateway takes a packet: longest prefix, and AWS's order among equals.

https://docs.aws.amazon.com/vpc/latest/tgw/how-transit-gateways-work.html#tgw-route-evaluation-overview
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

import msgspec

from whyblocked.config import resources as r
from whyblocked.config import transit
from whyblocked.config.account import Account, Missing
from whyblocked.config.operations import permission_of
from whyblocked.network.packets import Interval, join_intervals, span, subtract_intervals

_SEARCH = permission_of("SearchTransitGatewayRoutes")
_STATIC, _PREFIX_LIST, _PROPAGATED = 0, 1, 2
_BY_TYPE = {"vpc": 2, "direct-connect-gateway": 3, "connect": 4, "vpn": 5, "vpn-concentrator": 6, "client-vpn": 7}
_LAST = 8


class Entry(msgspec.Struct, frozen=True):
    """A span of destinations with the route that covers it (or what could not be read about it)."""

    span: Interval
    length: int
    rank: int
    route: r.TransitGatewayRoute
    missing: Missing | None = None


class Choice(msgspec.Struct, frozen=True):
    """Destinations and what becomes of them: a route, nothing (no route), or undecidable.

    Both ``route`` and ``missing``: what is known leads there, but there may be another route that wins.
    """

    destinations: Interval
    route: r.TransitGatewayRoute | None
    missing: Missing | None = None


class Table(msgspec.Struct, frozen=True):
    """A transit gateway route table made ready for look-ups of one IP version.

    ``unread`` says why nothing in it is certain; ``silent`` are the attachments whose routes are in it but not known.
    """

    table_id: str
    entries: tuple[Entry, ...]
    unread: Missing | None = None
    silent: tuple[str, ...] = ()


def compile_table(account: Account, gateway_id: str, table_id: str, version: int) -> Table | Missing:
    """Order the routes of one IP version as they win; what is propagated is worked out where it is not listed."""
    listed = transit.routes_of(account, table_id, gateway_id)
    partial = account.partial.get(("SearchTransitGatewayRoutes", table_id))
    if not isinstance(listed, Missing) and partial is None:
        return _ordered(account, table_id, version, listed)
    if isinstance(listed, Missing) and listed.pending:
        return listed
    propagations = account.details_about(
        "GetTransitGatewayRouteTablePropagations", table_id, r.TransitGatewayPropagation
    )
    if isinstance(propagations, Missing):
        unread = listed if isinstance(listed, Missing) else propagations
        return unread if isinstance(listed, Missing) else _ordered(account, table_id, version, listed, unread)
    derived, silent = derived_routes(account, propagations, version)
    unread_routes = listed if isinstance(listed, Missing) else None
    if partial == "as many as fit":
        unread_routes = Missing(_SEARCH, f"{table_id} has more routes than the answer lists")
    routes = () if isinstance(listed, Missing) else listed
    routes = (*routes, *_references(account, table_id, routes), *derived)
    return _ordered(account, table_id, version, routes, unread_routes, silent)


def _ordered(
    account: Account,
    table_id: str,
    version: int,
    routes: tuple[r.TransitGatewayRoute, ...],
    unread: Missing | None = None,
    silent: tuple[str, ...] = (),
) -> Table:
    entries: list[Entry] = []
    for route in routes:
        if route.state not in ("active", "blackhole", ""):
            continue
        cidrs: tuple[str, ...] | Missing = (route.destination_cidr_block,) if route.destination_cidr_block else ()
        if not route.destination_cidr_block and route.prefix_list_id:
            cidrs = account.prefix_list(route.prefix_list_id)
        if isinstance(cidrs, Missing):
            unread = unread or cidrs
            continue
        networks = (ip_network(cidr.strip(), strict=False) for cidr in cidrs)
        entries += [Entry(span(n), n.prefixlen, _rank(route), route) for n in networks if n.version == version]
    entries.sort(key=lambda entry: (-entry.length, entry.rank))
    return Table(table_id, tuple(_ambiguous(table_id, entries)), unread, silent)


def _rank(route: r.TransitGatewayRoute) -> int:
    if route.type != "propagated":
        return _PREFIX_LIST if route.prefix_list_id else _STATIC
    return min((_BY_TYPE.get(a.resource_type, _LAST) for a in route.transit_gateway_attachments), default=_LAST)


def derived_routes(
    account: Account, propagations: tuple[r.TransitGatewayPropagation, ...], version: int
) -> tuple[tuple[r.TransitGatewayRoute, ...], tuple[str, ...]]:
    """What attached VPCs propagate: their blocks. And the attachments of which nothing tells that."""
    routes: list[r.TransitGatewayRoute] = []
    silent: list[str] = []
    for one in propagations:
        if not one.active:
            continue
        networks = _blocks(account, one, version)
        if networks is None:
            silent.append(one.transit_gateway_attachment_id or one.resource_id or "")
            continue
        to = r.TransitGatewayRouteAttachment(
            transit_gateway_attachment_id=one.transit_gateway_attachment_id,
            resource_id=one.resource_id,
            resource_type=one.resource_type,
        )
        routes += [
            r.TransitGatewayRoute(
                destination_cidr_block=str(network), transit_gateway_attachments=(to,), type="propagated"
            )
            for network in networks
        ]
    return tuple(routes), tuple(silent)


def _blocks(account: Account, one: r.TransitGatewayPropagation, version: int) -> list[IPv4Network | IPv6Network] | None:
    vpc = account.vpcs.get(one.resource_id or "")
    if one.resource_type != "vpc" or vpc is None:
        return None
    networks = [network for network in vpc.networks if network.version == version]
    if version == 6 and networks:
        attached = account.transit_vpc_attachments.get(one.transit_gateway_attachment_id or "")
        if attached is None or attached.options is None:
            return None
        return networks if attached.options.ipv6_support == "enable" else []
    return networks


def _references(
    account: Account, table_id: str, routes: tuple[r.TransitGatewayRoute, ...]
) -> Iterator[r.TransitGatewayRoute]:
    """The prefix lists that a table refers to, where its routes do not show them."""
    shown = {route.prefix_list_id for route in routes}
    for one in account.details.get(("GetTransitGatewayPrefixListReferences", table_id), ()):
        if isinstance(one, r.TransitGatewayPrefixListReference) and one.prefix_list_id not in shown:
            to = one.transit_gateway_attachment
            yield r.TransitGatewayRoute(
                prefix_list_id=one.prefix_list_id,
                transit_gateway_attachments=(to,) if to else (),
                state="blackhole" if one.blackhole else "active",
            )


def _ambiguous(table_id: str, entries: list[Entry]) -> Iterator[Entry]:
    """Mark equal blocks that two VPCs propagate: AWS enters that of the one that was attached first."""
    leading: dict[tuple[Interval, int], set[str]] = {}
    for entry in entries:
        if entry.rank == _PROPAGATED:
            leading.setdefault((entry.span, entry.rank), set()).update(ids_of(entry.route))
    for entry in entries:
        several = leading.get((entry.span, entry.rank), set())
        if len(several) > 1:
            why = f"{' and '.join(sorted(several))} propagate the same block; the one attached first has it"
            yield msgspec.structs.replace(entry, missing=Missing(f"transit gateway route table {table_id}", why))
        else:
            yield entry


def ids_of(route: r.TransitGatewayRoute) -> list[str]:
    """The attachments that a route leads to."""
    return [a.transit_gateway_attachment_id or "" for a in route.transit_gateway_attachments]


def described(route: r.TransitGatewayRoute) -> dict[str, Any]:
    """A route as it stands in answers."""
    return {"destination": route.destination, "target": ",".join(ids_of(route)) or None, "state": route.state}


def look_up(table: Table, destinations: Interval) -> list[Choice]:
    """Split ``destinations`` by the route that takes them."""
    choices: list[Choice] = []
    rest = [destinations]
    for entry in table.entries:
        if not rest:
            break
        if entry.span[0] > destinations[1] or destinations[0] > entry.span[1]:
            continue  # most routes are about other destinations
        found = [(max(a, entry.span[0]), min(b, entry.span[1])) for a, b in rest]
        found = [part for part in found if part[0] <= part[1]]
        if found:
            missing = entry.missing or table.unread or _overridden(table, entry)
            choices += [Choice(part, entry.route, missing) for part in found]
            rest = subtract_intervals(rest, [entry.span])
    unlisted = table.unread or (_silence(table) if table.silent else None)
    choices += [Choice(part, None, unlisted) for part in join_intervals(rest)]
    return choices


def _overridden(table: Table, entry: Entry) -> Missing | None:
    """Whether an attachment whose routes are not known may have one that wins over ``entry``.

    It may have a more specific one. Into the blocks of a VPC nothing is taken to be announced from outside.
    """
    if entry.rank == _PROPAGATED or set(table.silent) <= set(ids_of(entry.route)) or entry.span[0] == entry.span[1]:
        return None
    return _silence(table)


def _silence(table: Table) -> Missing:
    return Missing(
        _SEARCH, f"the routes that {' and '.join(table.silent)} propagates into {table.table_id} are not known"
    )
