"""The targets of load balancers: what each of them is, and the verdict of the question by way of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from whyblocked.config.account import Account
from whyblocked.config.resources import name_tag
from whyblocked.diagnosis.answer import Stop, Target, Verdict
from whyblocked.diagnosis.passing import listed, name_of_interface
from whyblocked.network.forks import BLOCKED, CLIENT, PASSING, UNKNOWN, Forks, Registered, Spot

if TYPE_CHECKING:
    from whyblocked.network.noted import Blocker
    from whyblocked.network.walk import Walk

Ways = Mapping[int, Sequence[int]]
Stops = Sequence[tuple[int, Sequence["Blocker"]]]
"""Blockers that are alike, with the place of their first finding."""


def verdict_of(fate: int) -> Verdict:
    """The verdict of what became of packets.

    ``partial`` needs a piece that surely passes and one that surely does not; where nothing surely passes and
    something can't be told, the answer is ``undetermined``.
    """
    both = fate & BLOCKED and fate & PASSING
    if not fate or (fate & UNKNOWN and not both):
        return "undetermined"
    if fate & BLOCKED:
        return "partial" if both else "blocked"
    return "allowed"


def serving(walk: Walk, stops: Stops, there: Ways, back: Ways) -> list[Target]:
    """Every target that the walk met, in the order in which it met them."""
    forks, stopping = walk.forks, _Stopping(walk.forks, stops)
    met = forks.targets()
    places = {target: place for place, target in enumerate(met)}
    found = []
    for target, numbers in met.items():
        reached = forks.beyond(numbers)
        before = (forks.branches[forks.branches[number].outer].target for number in numbers)
        spot = _spot([forks.branches[number].spot for number in numbers])
        found.append(
            Target(
                id=target.id,
                port=target.port,
                name=_name(walk.account, target, spot),
                load_balancer=target.balancer,
                target_group=target.group,
                behind=sorted({places[one] for one in before if one is not None}),
                availability_zone=spot.zone,
                interface_id=listed(walk.account, spot.interface_id),
                address=spot.address,
                health=target.health,
                health_reason=target.reason,
                verdict=verdict_of(forks.fate_of(reached)),
                blocked_by=stopping.on(numbers, reached),
                forward=_merged([there[number] for number in numbers if number in there]),
                return_=_merged([back[number] for number in numbers if number in back]),
            )
        )
    return found


def _spot(spots: Sequence[Spot]) -> Spot:
    """Where a target is; of a load balancer, which is at several places, what they have in common."""
    first = spots[0]
    if all(spot == first for spot in spots):
        return first
    return Spot(zone=first.zone if all(spot.zone == first.zone for spot in spots) else None)


def _name(account: Account, target: Registered, spot: Spot) -> str | None:
    balancer = account.balancers.by_id.get(target.id)
    if balancer is not None:
        return balancer.name
    instance = account.instances.get(target.id)
    interface = account.interfaces.get(spot.interface_id or "")
    named = name_tag(instance.tags) if instance else None
    return named or (name_of_interface(account, interface) if interface else None)


class _Stopping:
    """What stops packets, by the branch on which it does."""

    def __init__(self, forks: Forks, stops: Stops) -> None:
        self._forks = forks
        self._stops: dict[int, Stop] = {}
        self._by_branch: dict[int, dict[int, None]] = {}
        self._there: dict[int, dict[int, set[str | None]]] = {}  # on the way there: the interfaces they were bound for
        for place, same in stops:
            first = same[0]
            ids = list(first.resource_ids)
            self._stops[place] = Stop(
                finding=place,
                leg=first.leg,
                layer=first.layer,  # type: ignore[arg-type]
                code=first.code,
                resource_ids=ids,
            )
            for blocker in same:
                self._by_branch.setdefault(blocker.branch, {})[place] = None
                if blocker.leg == "forward":
                    self._there.setdefault(blocker.branch, {}).setdefault(place, set()).add(blocker.goal)

    def on(self, numbers: Iterable[int], reached: Iterable[int]) -> list[Stop]:
        """What stops packets before these branches, on them and on those ahead of them."""
        found = {place for number in reached for place in self._by_branch.get(number, ())}
        for number in numbers:
            found.update(self._before(number))
        return [self._stops[place] for place in sorted(found)]

    def _before(self, number: int) -> Iterator[int]:
        branch = self._forks.branches[number]
        while branch.stopped:
            for place, goals in self._there.get(branch.outer, {}).items():
                if branch.outer != CLIENT or None in goals or branch.node in goals:
                    yield place
            branch = self._forks.branches[branch.outer]


def _merged(ways: Sequence[Sequence[int]]) -> list[int]:
    """One order that keeps to that of every way, as far as they agree: what they share comes when all get there."""
    if len(ways) < 2:
        return list(ways[0]) if ways else []
    rest = [list(reversed(way)) for way in ways]
    merged: list[int] = []
    while rest := [way for way in rest if way]:
        heads = [way[-1] for way in rest]
        taken = next((head for head in heads if not any(head in way[:-1] for way in rest)), heads[0])
        merged.append(taken)
        for way in rest:
            if taken in way:
                way.remove(taken)
    return merged
