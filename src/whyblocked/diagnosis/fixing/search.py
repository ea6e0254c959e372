"""Looking for plans: proposals tried one after the other until the whole question passes."""

from __future__ import annotations

from typing import NamedTuple

from whyblocked.config.edits import CreateRoute, DeleteRoute, Edit, ReplaceRoute
from whyblocked.diagnosis.fixing.proposing import options
from whyblocked.diagnosis.fixing.steps import Case, NoFix, Step, key_of
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


def search(trial: Trial, case: Case) -> Found:
    """Plans for the question that stands as ``case`` says."""
    passing: list[Plan] = []
    clearing: list[Plan] = []
    reasons: list[tuple[int, str]] = []  # with how far the plan had come, of which the furthest tells most
    waiting: list[tuple[Plan, Case]] = [((), case)]
    while waiting and len(passing) < MOST_PLANS and not trial.spent:
        plan, here = waiting.pop()
        if len(plan) >= MOST_STEPS:
            reasons.append((len(plan), f"More than {MOST_STEPS} things would have to be changed."))
            continue
        try:
            ways = options(here)
        except NoFix as reason:
            reasons.append((len(plan), str(reason)))
            continue
        ahead: list[tuple[Plan, Case]] = []
        for way in ways:
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
                ahead.append((longer, outcome))
            else:
                clearing.append(longer)
        waiting += reversed(ahead)
    found = passing or clearing
    if not found:
        return Found(reason=max(reasons, key=lambda one: one[0])[1] if reasons else None)
    plans = list(dict.fromkeys(_needed(trial, plan, passing=bool(passing)) for plan in found))
    fewest = min(map(len, plans))  # what takes more steps is no alternative
    return Found(tuple(plan for plan in plans if len(plan) == fewest)[:MOST_PLANS], bool(passing))


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


def _needed(trial: Trial, plan: Plan, *, passing: bool) -> Plan:
    """The plan without the steps that it does as well without."""
    for one in plan if len(plan) > 1 else ():
        if trial.spent:
            break
        shorter = tuple(other for other in plan if other is not one)
        outcome = trial.ask(shorter)
        if not isinstance(outcome, str) and _does(outcome, passing=passing):
            plan = shorter
    return plan


def _does(outcome: Outcome, *, passing: bool) -> bool:
    return outcome.verdict == "allowed" if passing else not outcome.walk.blockers
