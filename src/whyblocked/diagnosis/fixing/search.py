"""Looking for plans: proposals tried one after the other until the whole question passes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from whyblocked.config.edits import (
    CreateNetworkAclEntry,
    CreateRoute,
    DeleteRoute,
    Edit,
    ReplaceNetworkAclEntry,
    ReplaceRoute,
)
from whyblocked.diagnosis.fixing.filters import numberless
from whyblocked.diagnosis.fixing.proposing import options
from whyblocked.diagnosis.fixing.steps import Case, NoFix, Option, Step, key_of
from whyblocked.diagnosis.fixing.trial import Outcome, Trial

MOST_PLANS = 3
MOST_STEPS = 8

Plan = tuple[Step, ...]


class Found(NamedTuple):
    """The plans that were tested, the best first; where there are none, why."""

    plans: tuple[Plan, ...] = ()
    clears: bool = True
    """Whether the question passes with them; else they clear all that is known to block, and the rest can't be told."""
    reason: str | None = None
    cut: bool = False
    """Whether the search ended before all candidates were tried."""


class _Waiting(NamedTuple):
    """A plan that does not do yet, how the question stands with it, and the ways on that were not tried."""

    plan: Plan
    case: Case
    ways: Sequence[Option] | None = None


def search(trial: Trial, case: Case) -> Found:
    """Plans for the question that stands as ``case`` says.

    All ways past one blocker are tried before the next blocker is looked at; where a walk is dear, one is followed to
    its end first.
    """
    passing: list[Plan] = []
    clearing: list[Plan] = []
    reasons: list[tuple[int, str]] = []  # with how far the plan had come, of which the furthest tells most
    waiting = [_Waiting((), case)]
    while waiting and len(passing) < MOST_PLANS and not trial.spent:
        plan, here, ways = waiting.pop()
        if len(plan) >= MOST_STEPS:
            reasons.append((len(plan), f"More than {MOST_STEPS} things would have to be changed."))
            continue
        try:
            ways = options(here) if ways is None else ways
        except NoFix as reason:
            reasons.append((len(plan), str(reason)))
            continue
        ahead: list[_Waiting] = []
        for number, way in enumerate(ways):
            if trial.dear and (ahead or trial.spent):
                ahead.append(_Waiting(plan, here, ways[number:]))
                break
            if _goes_back_on(plan, way):
                continue
            longer = (*plan, *way)
            outcome = trial.ask(longer)
            if isinstance(outcome, str):
                reasons.append((len(plan), outcome))
            elif outcome.verdict == "allowed":
                passing.append(longer)
            elif _stands_still(here, outcome):
                reasons.append((len(plan) - MOST_STEPS, f"{way[-1].says} That alone does not change what blocks."))
            elif outcome.walk.blockers:
                ahead.append(_Waiting(longer, outcome))
            else:
                clearing.append(longer)
        waiting += reversed(ahead)
    cut = bool(waiting) and len(passing) < MOST_PLANS
    found = passing or clearing
    if not found:
        return Found(reason=max(reasons, key=lambda one: one[0])[1] if reasons else None, cut=cut)
    plans: dict[object, Plan] = {}
    for plan in found:
        needed = _needed(trial, plan, passing=bool(passing))
        cut = cut or (needed is None)
        plans.setdefault(_same(needed or plan), needed or plan)
    fewest = min(map(len, plans.values()))  # what takes more steps is no alternative
    best = [_in_order(plan) for plan in plans.values() if len(plan) == fewest]
    return Found(tuple(best[:MOST_PLANS]), bool(passing), cut=cut)


def _same(plan: Plan) -> object:
    """What two plans have in common that change the same, in whatever order: numbers of new entries are no matter."""
    return frozenset(_numberless(edit) for one in plan for edit in one.edits)


def _numberless(edit: Edit) -> Edit:
    if not isinstance(edit, CreateNetworkAclEntry):
        return edit
    return msgspec.structs.replace(edit, entry=numberless(edit.entry))


def _in_order(plan: Plan) -> Plan:
    """In the order of the packets, but all entries of a network ACL's direction together, where the first stands."""
    places: dict[object, list[Step]] = {}
    for one in plan:
        entries = [edit for edit in one.edits if isinstance(edit, CreateNetworkAclEntry | ReplaceNetworkAclEntry)]
        key = (entries[0].network_acl_id, entries[0].entry.egress) if entries else one
        places.setdefault(key, []).append(one)
    return tuple(one for together in places.values() for one in together)


def _goes_back_on(plan: Plan, way: Plan) -> bool:
    """Whether a way would change a route that the plan has made: it would go round in circles."""
    made = {_route_of(edit) for one in plan for edit in one.edits} - {None}
    return any(_route_of(edit) in made for one in way for edit in one.edits)


def _route_of(edit: Edit) -> tuple[str, str] | None:
    if isinstance(edit, DeleteRoute):
        return edit.route_table_id, edit.destination
    return (edit.route_table_id, edit.route.destination) if isinstance(edit, CreateRoute | ReplaceRoute) else None


def _stands_still(before: Case, after: Outcome) -> bool:
    return _blocking(before) == _blocking(after)


def _blocking(case: Case) -> list[object]:
    return [(key_of(blocker), blocker.packets) for blocker in case.walk.blockers]


def _needed(trial: Trial, plan: Plan, *, passing: bool) -> Plan | None:
    """The plan without the steps that it does as well without; None where not all of them could be tried."""
    for one in plan if len(plan) > 1 else ():
        if trial.spent:
            return None
        shorter = tuple(other for other in plan if other is not one)
        outcome = trial.ask(shorter)
        if not isinstance(outcome, str) and _does(outcome, passing=passing):
            plan = shorter
    return plan


def _does(outcome: Outcome, *, passing: bool) -> bool:
    return outcome.verdict == "allowed" if passing else not outcome.walk.blockers
