"""From what blocks to the ways past it."""

from __future__ import annotations

from collections.abc import Sequence

from whyblocked.diagnosis.fixing import filters
from whyblocked.diagnosis.fixing.steps import Case, NoFix, Option, Proposer, Step
from whyblocked.network.walk import Blocker

_FILTERS = ("security-group", "network-acl")
_BY_CODE: dict[tuple[str, str], Proposer] = {}


def options(case: Case) -> Sequence[Option]:
    """The ways past what stands first: all rules in a row together, anything else alone, as it changes what follows.

    :class:`NoFix` where there is none.
    """
    rules: list[Blocker] = []
    for blocker in case.walk.blockers:
        if blocker.layer not in _FILTERS:
            break
        rules.append(blocker)
    if rules:
        return _past_rules(case, rules)
    first = next(iter(case.walk.blockers), None)
    if first is None:
        raise NoFix("Nothing that blocks is known.")
    proposer = _BY_CODE.get((first.layer, first.code))
    if proposer is None:
        raise NoFix(f"{first.summary} No change that whyblocked knows would help.")
    return proposer(case, first)


def _past_rules(case: Case, blockers: Sequence[Blocker]) -> Sequence[Option]:
    """The best step for each group and network ACL; and the second best, where any has one."""
    taken: set[tuple[str, bool, int]] = set()
    ways: list[list[Step]] = []
    for alike in _together(case, blockers):
        propose = filters.by_group(case, alike) if alike[0].layer == "security-group" else None
        ways.append(propose if propose is not None else filters.by_acl(case, alike, taken))
    return list(dict.fromkeys((tuple(way[0] for way in ways), tuple(way[-1] for way in ways))))


def _together(case: Case, blockers: Sequence[Blocker]) -> list[list[Blocker]]:
    """Blockers that one rule can be for: of one group or network ACL, direction and deciding rule."""
    found: dict[tuple[object, ...], list[Blocker]] = {}
    for blocker in blockers:
        if blocker.layer == "security-group":
            key: tuple[object, ...] = (filters.group_for(case, blocker), blocker.direction, blocker.code)
        else:
            key = (blocker.resource_ids, blocker.direction, blocker.leg, str(blocker.rule))
        found.setdefault((blocker.layer, *key), []).append(blocker)
    return list(found.values())
