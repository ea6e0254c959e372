"""The way of the packets in words, resource by resource; where load balancers part it, each way for itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, pairwise

import msgspec
from msgspec import structs

from whyblocked.diagnosis.answer import Hop, Leg, PacketSet, Target
from whyblocked.report.targets import balancer_name, depths, labels
from whyblocked.report.words import (
    Mark,
    count_words,
    difference_words,
    kind_words,
    names_words,
    packet_words,
    ports_words,
    rule_words,
)

MOST_WAYS = 8  # to targets that are shown of a leg
_MARKS: dict[str, Mark] = {"allow": "yes", "deny": "no", "unknown": "unknown"}
_DOES = {
    "allow": "lets it pass",
    "deny": "stops it",
    "forward": "hands it on",
    "translate": "translates it",
    "deliver": "reached",
    "unknown": "cannot be told",
}
_WORST: tuple[Mark, ...] = ("no", "unknown", "yes", "pass")
_OWN = ("interface", "instance", "host")  # every target has its own: that alone makes no other way
_BALANCING = ("load-balancer", "target-group")
_PASSES = ("allow", "forward", "translate", "deliver")
_ENDS: dict[Leg, tuple[str, str]] = {"forward": ("to", "destination"), "return": ("from", "source")}


class Decision(msgspec.Struct, frozen=True):
    """What one resource did with the packet, or with a part of it (``only``)."""

    mark: Mark
    says: str
    only: str


class Step(msgspec.Struct, frozen=True):
    """One resource on the path, with all that it decided."""

    mark: Mark
    kind: str
    place: str
    decisions: list[Decision]


class Part(msgspec.Struct, frozen=True):
    """The client's connection (``head`` empty on the way there), or that of a load balancer to targets.

    ``onward``: the same packets go on in the part that follows.
    """

    head: str
    steps: list[Step]
    onward: bool = False


class Path(msgspec.Struct, frozen=True):
    """One leg; ``more`` says what of it is not shown."""

    title: str
    packets: str
    parts: list[Part]
    more: str


class _Way(msgspec.Struct, frozen=True):
    """Targets that the same resources decide on, and the places of the hops to the first of them."""

    targets: list[Target]
    places: Sequence[int]


def path(title: str, hops: list[Hop], leg: Leg, targets: Sequence[Target], names: Mapping[str, str]) -> Path:
    """One leg in words. What a load balancer's connections have in common is one part, and then each for itself, where
    targets that the same resources decide on in the same way are one."""
    own = Counter(place for target in targets for place in _places(target, leg))
    clients = [hop for place, hop in enumerate(hops) if place not in own]
    ways = _ways(hops, leg, targets, own)
    first = [hop for hop in clients if hop.action == "deliver"] if ways and leg == "return" else []
    first = first or clients or hops
    packets = packet_words(_from_all(first) if leg == "return" else first[0].packet) if first else ""
    shown, more = _shown(hops, ways)
    parts: list[Part] = []
    for balancer, same in groupby(ways, key=lambda way: way.targets[0].load_balancer):
        parts += _connections(hops, balancer, list(same), shown, leg, own, names)
    if leg == "forward":
        parts = [*_to_nodes(clients, names, onward=bool(parts)), *parts]
    else:
        parts += _from_nodes(clients, names)
    return Path(title, packets, parts, more)


def _from_all(hops: Sequence[Hop]) -> PacketSet:
    """The replies where they begin: from every sender that sends the same but for its address."""
    first = hops[0]
    same = [
        hop.packet
        for hop in hops
        if (hop.kind, hop.action) == (first.kind, first.action)
        and structs.replace(hop.packet, source=first.packet.source) == first.packet
    ]
    return structs.replace(first.packet, source=", ".join(dict.fromkeys(packets.source for packets in same)))


def _to_nodes(hops: Sequence[Hop], names: Mapping[str, str], *, onward: bool) -> Iterator[Part]:
    """The client's connection; where a load balancer has several nodes, what is on the way to each further one."""
    begins = [
        place
        for place in range(1, len(hops))
        if hops[place - 1].kind in _BALANCING and hops[place].kind not in _BALANCING
    ]
    for begin, end in pairwise([0, *begins, len(hops)] if hops else []):
        node = [hop.id for hop in hops[begin:end] if hop.kind == "interface"][-1:]
        head = f"to {names_words(node, names)}" if begin and node else "to another node" if begin else ""
        yield Part(head, _steps(hops[begin:end], names), onward=onward)


def _from_nodes(hops: Sequence[Hop], names: Mapping[str, str]) -> Iterator[Part]:
    """The same on the way back."""
    begins = [place for place, hop in enumerate(hops) if hop.kind == "load-balancer"]
    if hops and (not begins or begins[0]):
        begins.insert(0, 0)
    for begin, end in pairwise([*begins, len(hops)]):
        first = hops[begin]
        node = first.interface_id if first.kind == "load-balancer" and len(begins) > 1 else None
        head = f"from {names_words([node], names)} to the client" if node else "to the client"
        yield Part(head if first.kind == "load-balancer" else "", _steps(hops[begin:end], names))


def _places(target: Target, leg: Leg) -> list[int]:
    return target.forward if leg == "forward" else target.return_


def _connections(
    hops: Sequence[Hop],
    balancer: str,
    ways: list[_Way],
    shown: Sequence[_Way],
    leg: Leg,
    own: Mapping[int, int],
    names: Mapping[str, str],
) -> Iterator[Part]:
    """The parts of one load balancer: what its ways begin (or on the way back end) with, and the rest of each."""
    there = leg == "forward"
    turned = [way.places if there else way.places[::-1] for way in ways]
    same = 0
    if len(ways) > 1:
        while all(len(places) > same and places[same] == turned[0][same] for places in turned):
            same += 1
    common = turned[0][:same]
    begin = Part(
        f"from {balancer_name(balancer)} to its targets" if there else f"from the targets to {balancer_name(balancer)}",
        _steps([hops[place] for place in (common if there else common[::-1])], names),
        onward=True,
    )
    if common and there:
        yield begin
    for way in ways:
        places = way.places[same:] if there else way.places[: len(way.places) - same]
        if places and way in shown:
            yield _part(hops, _Way(way.targets, places), leg, own, names)
    if common and not there:
        yield begin


def _ways(hops: Sequence[Hop], leg: Leg, targets: Sequence[Target], own: Mapping[int, int]) -> list[_Way]:
    """What is behind another load balancer comes after it on the way there, and before it on the way back."""
    depth = dict(zip(map(id, targets), depths(targets), strict=True))
    balancers = list(dict.fromkeys(target.load_balancer for target in targets))

    def order(target: Target) -> tuple[int, int]:
        return depth[id(target)] * (1 if leg == "forward" else -1), balancers.index(target.load_balancer)

    ways: dict[tuple[object, ...], _Way] = {}
    shapes: dict[int, object] = {}
    for target in sorted(targets, key=order):
        places = _places(target, leg)
        for place in places:
            if place not in shapes:
                shapes[place] = place if own[place] > 1 else _shape(hops[place], leg)
        if places:
            key = (target.load_balancer, *(shapes[place] for place in places))
            ways.setdefault(key, _Way([], places)).targets.append(target)
    return list(ways.values())


def _shape(hop: Hop, leg: Leg) -> object:
    """What makes a hop another one than that to another target: all but the target itself."""
    return (
        hop.kind,
        () if hop.kind in _OWN else tuple(hop.resource_ids or [hop.id]),
        hop.direction,
        hop.action,
        str(hop.rule),
        hop.detail,
        hop.subnet_id,
        structs.replace(hop.packet, **{_ENDS[leg][1]: ""}),
    )


def _shown(hops: Sequence[Hop], ways: list[_Way]) -> tuple[list[_Way], str]:
    """Of very many ways the first, those before others that something stops."""
    if len(ways) <= MOST_WAYS:
        return ways, ""
    passing = [number for number, way in enumerate(ways) if all(hops[place].action in _PASSES for place in way.places)]
    order = [*sorted({*range(len(ways))} - {*passing}), *passing]
    hidden = sum(len(ways[number].targets) for number in order[MOST_WAYS:])
    more = f"the way of {count_words(hidden, 'more target')} is not shown; --output json has all"
    return [ways[number] for number in sorted(order[:MOST_WAYS])], more


def _part(hops: Sequence[Hop], way: _Way, leg: Leg, own: Mapping[int, int], names: Mapping[str, str]) -> Part:
    others = len(way.targets) - 1
    alone = {id(hops[place]) for place in way.places if own[place] == 1 and hops[place].kind in _OWN} if others else ()
    steps = _steps([hops[place] for place in way.places], names, alone, others)
    return Part(f"{_ENDS[leg][0]} {labels(way.targets)}", steps)


def _steps(
    hops: Sequence[Hop], names: Mapping[str, str], alone: set[int] | tuple[()] = (), others: int = 0
) -> list[Step]:
    groups = (list(same) for _, same in groupby(hops, key=_resource))
    return [_step(group, names, others if id(group[0]) in alone else 0) for group in groups]


def _resource(hop: Hop) -> tuple[object, ...]:
    # The groups of an interface decide together, whichever of them has the rule.
    ids = hop.resource_ids if hop.kind == "security-group" and hop.resource_ids else [hop.id]
    return hop.kind, hop.direction, hop.interface_id, ids


def _step(hops: list[Hop], names: Mapping[str, str], others: int) -> Step:
    first = hops[0]
    ids: list[str] = _resource(first)[-1]  # type: ignore[assignment]
    packets = [hop.packet for hop in hops]
    decisions = [_decision(hop, packets, several=len(ids) > 1) for hop in hops]
    worst = min((decision.mark for decision in decisions), key=_WORST.index)
    place = "" if ids == [first.kind] else names_words(ids, names)
    if others:
        place += f" and {others:,} more"
    return Step(worst, kind_words(first.kind), place, decisions)


def _decision(hop: Hop, packets: list[PacketSet], several: bool) -> Decision:
    mark = _MARKS.get(hop.action, "pass")
    parts = [rule_words(hop.rule, hop.direction, of_group=several)] if hop.rule else []
    if hop.detail and not (hop.rule and hop.rule.get("state") == hop.detail):  # a route that is a blackhole has said so
        parts.append(hop.detail)
    says = "; ".join(parts) or _DOES[hop.action]
    if hop.direction and not hop.rule:
        says = f"{hop.direction}: {says}"
    only = difference_words(hop.packet, packets)
    if hop.rule and only == ports_words(str(hop.rule.get("ports"))):
        only = ""  # the rule has said so
    return Decision(mark, says, only)
