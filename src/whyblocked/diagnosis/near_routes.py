"""The routes that came closest where none covers a destination, and those that one which leads nowhere good hides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from whyblocked.config.account import Account
from whyblocked.config.resources import Route, Tag, TransitGatewayRoute, block, owner_tag
from whyblocked.diagnosis.answer import NearMiss
from whyblocked.diagnosis.nearness import (
    PLACE,
    Gap,
    Wanted,
    block_gap,
    block_words,
    covers,
    dimensions,
    distances,
)
from whyblocked.network import routes, transit
from whyblocked.network.noted import Blocker
from whyblocked.network.packets import ALL_PORTS, ALL_PROTOCOLS, Interval, network_text, span

_OF_VPC = ("NO_ROUTE_TO_DESTINATION", "BAD_STATE_ROUTE", "MORE_SPECIFIC_ROUTE", "HIGHER_PRIORITY_ROUTE")
_OF_GATEWAY = (
    "TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT",
    "TGW_RTB_BAD_STATE_ROUTE",
    "TGW_RTB_MORE_SPECIFIC_ROUTE",
    "TGW_RTB_HIGHER_PRIORITY_ROUTE",
)
_SHARED = {4: 8, 6: 32}  # bits that a route and a destination have in common at least, to be called near


class Way(NamedTuple):
    """A block that a route is for; of a prefix list, one of its entries."""

    version: int
    span: Interval
    route: Route | TransitGatewayRoute

    @property
    def listed(self) -> bool:
        """Whether the route names a prefix list."""
        return self.route.destination.startswith("pl-")

    @property
    def order(self) -> tuple[object, ...]:
        """Whatever order AWS lists the routes in, equals come in this one."""
        return self.span, self.route.destination, str(self.described)

    @property
    def described(self) -> dict[str, Any]:
        """The route as it stands in answers."""
        if isinstance(self.route, Route):
            return routes.described(self.route)
        return transit.described(self.route)


class Routes:
    """The routes of one table: those that came close, or, where one of them took the packets, those that it hides."""

    def __init__(self, blocker: Blocker, ways: Iterable[Way], want: Wanted, tags: tuple[Tag, ...]) -> None:
        self._want, self._taken = want, blocker.rule
        self._owner = owner_tag(tags)
        measure = self._hidden if self._taken else self._close
        found: dict[int, tuple[int, int, Way]] = {}
        for way in ways:
            gap = measure(way)
            key = id(way.route)  # of a prefix list, the entry that came closest stands for all
            if gap is not None and (key not in found or (*gap, way.span) < (*found[key][:2], found[key][2].span)):
                found[key] = (*gap, way)
        self._near = sorted(found.values(), key=lambda near: (*near[:2], near[2].order))

    def gaps(self) -> Iterator[Gap]:
        for place, (failed, bits, _) in enumerate(self._near):
            yield Gap(failed, bits, place)

    def _hidden(self, way: Way) -> tuple[int, int] | None:
        """A route that would have taken it if the one that did did not win; the narrower comes next."""
        if way.version != self._want.version or not covers(way.span, self._want.destination):
            return None
        if way.described == self._taken:
            return None
        return PLACE, (way.span[1] - way.span[0]).bit_length()

    def _close(self, way: Way) -> tuple[int, int] | None:
        failed, bits = block_gap(self._want, "destination", way.version, way.span)
        if failed and way.version == self._want.version:
            length = (32 if way.version == 4 else 128) - (way.span[1] - way.span[0]).bit_length()
            return (failed, bits) if length - bits >= _SHARED[way.version] else None
        return (failed, bits) if failed else None

    def told(self, gap: Gap) -> NearMiss:
        (failed, bits, way), want = self._near[gap.place], self._want
        written = network_text(way.version, [way.span])
        measured = bits if way.version == want.version else None
        if failed == PLACE:
            hider = (self._taken or {}).get("destination")
            how = "comes first" if hider == written else "is more specific"
            words = f"shadowed: it would take it, but {hider} {how}, and AWS does not fall back"
        elif way.version != want.version and not way.listed:
            words = f"it is for IPv{way.version} only"
        else:
            words = block_words(want, "destination", way.version, way.span, written)
            words += f", the nearest entry of {way.route.destination}" if way.listed else ""
        return NearMiss(
            rule=way.described,
            failed=dimensions(failed),
            summary=words,
            owner=self._owner,
            distance=distances(want, failed, ALL_PROTOCOLS, ALL_PORTS, "destination", measured),
            shadowed_by=self._taken if failed == PLACE else None,
        )


def of_table(account: Account, blocker: Blocker, want: Wanted) -> Routes | None:
    """The routes of a subnet's table, but for the VPC's own."""
    table = account.route_tables.get(blocker.resource_ids[0]) if blocker.resource_ids else None
    if table is None or blocker.code not in _OF_VPC:
        return None
    ways = (way for route in table.routes if route.target != "local" for way in _ways(account, route))
    return Routes(blocker, ways, want, table.tags)


def of_gateway(account: Account, blocker: Blocker, want: Wanted) -> Routes | None:
    """The routes of a transit gateway's table."""
    if blocker.code not in _OF_GATEWAY:
        return None
    entries = (entry for entry in blocker.tried if isinstance(entry, transit.Entry))
    table = account.transit_tables.get(blocker.resource_ids[0]) if blocker.resource_ids else None
    ways = (Way(want.version, entry.span, entry.route) for entry in entries)
    return Routes(blocker, ways, want, table.tags if table else ())


def _ways(account: Account, route: Route) -> Iterator[Way]:
    listed = route.destination_prefix_list_id
    for cidr in account.prefix_lists.get(listed, ()) if listed else (route.destination,):
        network = block(cidr.strip())
        yield Way(network.version, span(network), route)
