"""The targets of load balancers in words: which of them are reached, what stops the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from whyblocked.diagnosis.answer import Stop, Target, last_of
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
_ALONE = {
    "allowed": "reachable",
    "blocked": "not reachable",
    "partial": "reachable in part",
    "undetermined": "not known whether it is reachable",
}
_BECAUSE = {
    "ELBV2_NO_TARGETS_IN_AZ": "as its zone is not served",
    "ELB_INSTALLED_AZ_RESTRICTION": "as its zone is not served",
    "ELBV2_SOURCE_ADDRESS_PRESERVATION": "as it is the client itself",
    "NO_POSSIBLE_DESTINATION": "as no interface has the address",
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
    if len(targets) == 1:
        return _ALONE[targets[0].verdict]
    reached, in_part, untold = (
        sum(target.verdict == verdict for target in targets) for verdict in ("allowed", "partial", "undetermined")
    )
    head = f"{reached or in_part or 'none'} of {len(targets):,} "
    if reached or not (in_part or untold):
        head += "reachable"
    else:
        head += "reachable in part" if in_part else "known to be reachable"
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
    why = list(dict.fromkeys(_because(stop, names) for stop in target.blocked_by))
    if target.verdict == "allowed" or not why:
        return _SAYS[target.verdict]
    more = f"; and {len(why) - NAMED} more" if len(why) > NAMED else ""
    word = f"{_SAYS[target.verdict]}, in part blocked" if target.verdict == "undetermined" else _SAYS[target.verdict]
    return f"{word} {'; '.join(why[:NAMED])}{more}"


def _because(stop: Stop, names: Mapping[str, str]) -> str:
    if stop.code in _BECAUSE:
        return _BECAUSE[stop.code]
    if stop.layer == "instance":
        return "as it is not running"
    kind = kind_words(stop.layer) + ("s" if len(stop.resource_ids) > 1 else "")
    return f"by {kind} {names_words(stop.resource_ids, names)}".rstrip() + f", {LEG_WORDS[stop.leg]}"


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


def depths(targets: Sequence[Target]) -> list[int]:
    """Of each target behind how many other load balancers its own stands."""
    found: list[int] = []
    for place, target in enumerate(targets):
        before = [found[one] + 1 for one in target.behind if one < place]  # it is met before the targets behind it
        found.append(max(before, default=0))
    return found
