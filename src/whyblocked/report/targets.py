"""The targets of load balancers in words: which of them are reached, what stops the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from whyblocked.diagnosis.answer import Target, last_of
from whyblocked.report.words import LEG_WORDS, Mark, count_words, kind_words, names_words, short

ALL = 12  # so many targets are shown one by one; of more, those that are alike are counted
ALIKE = 2  # of these so many are named,
KINDS = 12  # of so many kinds
NAMED = 3  # in a line
_MARKS: dict[str, Mark] = {"allowed": "yes", "blocked": "no", "partial": "no", "undetermined": "unknown"}
_SAYS = {
    "allowed": "allowed",
    "blocked": "blocked",
    "partial": "partly blocked",
    "undetermined": "can't be told",
}
_ORDER = ("blocked", "partial", "undetermined", "allowed")
_WELL = (None, "healthy", "unavailable")


class Row(msgspec.Struct, frozen=True):
    """A target, or several that are alike."""

    mark: Mark
    label: str
    place: str
    says: str


class Targets(msgspec.Struct, frozen=True):
    """All of them: how many are reached, then one by one, those that are not first."""

    head: str
    rows: list[Row]


def targets_of(targets: Sequence[Target], names: Mapping[str, str]) -> Targets | None:
    """The targets of an answer; None where it has none."""
    if not targets:
        return None
    kinds: dict[tuple[str, str], list[Target]] = {}
    for target in sorted(targets, key=lambda target: _ORDER.index(target.verdict)):
        kinds.setdefault((target.verdict, _says(target, names)), []).append(target)
    several = len({(target.load_balancer, target.target_group) for target in targets}) > 1
    rows: list[Row] = []
    for (verdict, says), alike in [*kinds.items()][:KINDS]:
        shown = alike if len(targets) <= ALL or len(alike) <= ALIKE + 1 else alike[:ALIKE]
        rows += [Row(_MARKS[verdict], label(target), _place(target, several=several), says) for target in shown]
        if len(shown) < len(alike):
            rows.append(Row(_MARKS[verdict], count_words(len(alike) - len(shown), "more target"), "", says))
    hidden = [target for alike in [*kinds.values()][KINDS:] for target in alike]
    if hidden:
        rows.append(Row(_MARKS[hidden[0].verdict], count_words(len(hidden), "more target"), "", _counted(hidden)))
    return Targets(_head(last_of(targets), names), rows)


def _head(targets: Sequence[Target], names: Mapping[str, str]) -> str:
    """``2 of 3 reachable; i-0abc:8080 blocked by security group sg-x, on the way there``."""
    reached = sum(target.verdict == "allowed" for target in targets)
    head = f"{reached or 'none'} of {len(targets):,} reachable"
    kinds: dict[str, list[Target]] = {}
    for target in sorted(targets, key=lambda target: _ORDER.index(target.verdict)):
        if target.verdict != "allowed":
            kinds.setdefault(_stopped(target, names), []).append(target)
    if len(kinds) > NAMED:
        return f"{head}; {_counted([target for target in targets if target.verdict != 'allowed'])}"
    for says, alike in kinds.items():
        head += f"; {label(alike[0]) if len(alike) == 1 else f'{len(alike):,} targets'} {says}"
    return head


def _counted(targets: Sequence[Target]) -> str:
    counts = {verdict: sum(target.verdict == verdict for target in targets) for verdict in _ORDER}
    return ", ".join(f"{count:,} {_SAYS[verdict]}" for verdict, count in counts.items() if count)


def _says(target: Target, names: Mapping[str, str]) -> str:
    says = _stopped(target, names)
    if target.health in _WELL:
        return says
    return f"{says}; {target.health}" + (f" ({target.health_reason})" if target.health_reason else "")


def _stopped(target: Target, names: Mapping[str, str]) -> str:
    """``blocked by security group sg-x, on the way there``."""
    found = dict.fromkeys((stop.leg, stop.layer, tuple(stop.resource_ids)) for stop in target.blocked_by)
    by = [
        f"{kind_words(layer)}{'s' if len(ids) > 1 else ''} {names_words(ids, names)}".rstrip() + f", {LEG_WORDS[leg]}"
        for leg, layer, ids in found
    ]
    if target.verdict == "allowed" or not by:
        return _SAYS[target.verdict]
    more = f", and {len(by) - NAMED} more" if len(by) > NAMED else ""
    word = f"{_SAYS[target.verdict]}, in part blocked" if target.verdict == "undetermined" else _SAYS[target.verdict]
    return f"{word} by {'; by '.join(by[:NAMED])}{more}"


def label(target: Target) -> str:
    """``i-0abc:8080 (web-1)``; a load balancer by its name alone."""
    named = ":loadbalancer/" in target.id and target.name
    host = target.name if named and target.name else short(target.id)
    host = f"[{host}]" if ":" in host and target.port is not None else host
    port = f":{target.port}" if target.port is not None else ""
    return f"{host}{port}" + (f" ({target.name})" if target.name and not named else "")


def labels(targets: Sequence[Target]) -> str:
    """The labels of a few, of many the first few and how many more there are."""
    if len(targets) <= NAMED + 1:
        return ", ".join(map(label, targets))
    return f"{', '.join(map(label, targets[:NAMED]))} and {count_words(len(targets) - NAMED, 'more target')}"


def _place(target: Target, *, several: bool) -> str:
    """Its zone, and where there are several groups or load balancers its own."""
    by = balancer_name(target.target_group or target.load_balancer)
    return ", ".join(filter(None, (target.availability_zone, by if several else "")))


def balancer_name(id_: str) -> str:
    """The name in the ARN of a load balancer or target group; that of a Classic Load Balancer is its id."""
    parts = id_.split("/")
    return parts[-2] if len(parts) > 1 else id_


def depths(targets: Iterable[Target]) -> dict[str, int]:
    """Of each load balancer that sends to targets behind how many others it stands."""
    behind = {target.id: target.load_balancer for target in targets}
    found: dict[str, int] = {}
    for balancer in behind.values():
        depth, before = 0, balancer
        while before in behind and depth < len(behind):
            depth, before = depth + 1, behind[before]
        found[balancer] = depth
    return found
