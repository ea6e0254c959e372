"""Which route takes a packet: longest prefix, and AWS's tie-breaks.

https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import msgspec

from whyblocked.config.account import Account, Missing
from whyblocked.config.resources import Route, RouteTable
from whyblocked.network.addresses import PUBLIC
from whyblocked.network.packets import Interval, span, subtract_intervals

_STATIC, _PREFIX_LIST, _PROPAGATED = 0, 1, 2
_FROM_GATEWAY = "EnableVgwRoutePropagation"
_LEARNED = (_FROM_GATEWAY, "Advertisement")  # of a virtual private gateway, of a VPC Route Server


class Entry(msgspec.Struct, frozen=True):
    """A span of destinations with the route that covers it (or what could not be read about it)."""

    span: Interval
    length: int
    rank: int
    route: Route
    missing: Missing | None = None


class Choice(msgspec.Struct, frozen=True):
    """Destinations and what becomes of them: a route, nothing (no route), or undecidable."""

    destinations: Interval
    route: Route | None
    missing: Missing | None = None


class Table(msgspec.Struct, frozen=True):
    """A route table made ready for look-ups of one IP version."""

    entries: tuple[Entry, ...]
    unreadable: tuple[tuple[Route, Missing], ...]
    local: tuple[Interval, ...]


def compile_table(table: RouteTable, version: int, account: Account) -> Table:
    """Order the routes of one IP version as they win: longest prefix first, then static, prefix list, propagated.

    What a VPN gateway propagated never takes destinations of the VPC's local routes, however specific it is
    (https://docs.aws.amazon.com/vpn/latest/s2svpn/vpn-route-priority.html).
    """
    entries: list[Entry] = []
    propagated: list[Entry] = []
    unreadable: list[tuple[Route, Missing]] = []
    for route in table.routes:
        if route.destination_prefix_list_id:
            cidrs = account.prefix_list(route.destination_prefix_list_id)
            if isinstance(cidrs, Missing):
                unreadable.append((route, cidrs))
                continue
            rank = _PREFIX_LIST
        else:
            written = route.destination_cidr_block if version == 4 else route.destination_ipv6_cidr_block
            cidrs = (written,) if written else ()
            rank = _PROPAGATED if route.origin in _LEARNED else _STATIC
        for cidr in cidrs:
            network = ip_network(cidr.strip(), strict=False)
            if network.version == version:
                where = propagated if route.origin == _FROM_GATEWAY else entries
                where.append(Entry(span(network), network.prefixlen, rank, route))
    local = tuple(entry.span for entry in entries if entry.route.target == "local")
    for entry in propagated:
        entries += [msgspec.structs.replace(entry, span=part) for part in subtract_intervals([entry.span], local)]
    entries.sort(key=lambda entry: (-entry.length, entry.rank))
    return Table(tuple(_ambiguous(table, entries)), tuple(unreadable), local)


def _ambiguous(table: RouteTable, entries: list[Entry]) -> list[Entry]:
    """Mark equal blocks of prefix lists that lead to different targets: AWS picks one of them at random."""
    targets: dict[Interval, set[str]] = {}
    for entry in entries:
        if entry.rank == _PREFIX_LIST:
            targets.setdefault(entry.span, set()).add(entry.route.target)
    return [
        msgspec.structs.replace(
            entry,
            missing=Missing(
                f"route table {table.route_table_id}",
                f"prefix lists that overlap lead to {' and '.join(sorted(targets[entry.span]))}; AWS picks one of them",
            ),
        )
        if entry.rank == _PREFIX_LIST and len(targets[entry.span]) > 1
        else entry
        for entry in entries
    ]


def look_up(table: Table, version: int, destinations: Interval) -> list[Choice]:
    """Split ``destinations`` by the route that takes them."""
    choices: list[Choice] = []
    rest = [destinations]
    for route, missing in table.unreadable:
        # A list of a gateway endpoint holds public addresses only, and no list is more specific than local.
        covered = list(PUBLIC[version]) if route.target.startswith("vpce-") else [destinations]
        possible = subtract_intervals(_common(rest, covered), table.local)
        choices += [Choice(part, None, missing) for part in possible]
        rest = subtract_intervals(rest, possible)
    for entry in table.entries:
        if not rest:
            break
        low, high = entry.span
        if len(rest) == 1 and (rest[0][1] < low or rest[0][0] > high):
            continue
        found = _common(rest, [entry.span])
        if found:
            choices += [Choice(part, entry.route, entry.missing) for part in found]
            rest = subtract_intervals(rest, [entry.span])
    choices += [Choice(part, None) for part in rest]
    return choices


def described(route: Route) -> dict[str, Any]:
    """A route as it stands in answers."""
    return {"destination": route.destination, "target": route.target, "state": route.state}


def _common(first: list[Interval], second: list[Interval]) -> list[Interval]:
    return [(max(a, c), min(b, d)) for a, b in first for c, d in second if a <= d and c <= b]
