"""From the question that is blocked to the fixes of its answer."""

from __future__ import annotations

import msgspec

from whyblocked.config.account import Account
from whyblocked.config.edits import apply
from whyblocked.diagnosis.answer import Answer, Finding, Fix, FixStep
from whyblocked.diagnosis.fixing.commands import commands
from whyblocked.diagnosis.fixing.effects import also_allows
from whyblocked.diagnosis.fixing.opening import made_public, opened
from whyblocked.diagnosis.fixing.quotas import room
from whyblocked.diagnosis.fixing.search import Found, Plan, search
from whyblocked.diagnosis.fixing.steps import Step
from whyblocked.diagnosis.fixing.terraform import terraform
from whyblocked.diagnosis.fixing.trial import Trial
from whyblocked.errors import WhyblockedError
from whyblocked.network.asked import Question
from whyblocked.network.walk import Walk

_NONE = "No change is known that makes the whole question pass."
_CUT = (
    "Not all candidates were tried, as the search is bounded: another fix, or this one with fewer steps, may do as "
    "well. A narrower question is searched further."
)
_CUT_SHORT = "Not all candidates were tried, as the search is bounded: a narrower question is searched further."


def fixed(account: Account, question: Question, answer: Answer, walk: Walk | None = None) -> Answer:
    """The answer with its fixes, or with the reason why it has none; ``walk`` is the one that it is from.

    A live account may read once more for it, in one round.
    """
    found, trial = _found(account, question, walk)
    if trial.wishes:
        try:
            if account.advance():
                found, trial = _found(account, question)
        except WhyblockedError as error:  # the answer stands without a fix
            found = found._replace(reason=f"{found.reason or _NONE} More could not be read: {error.message}")
    if not found.plans:
        reasons = [found.reason or _NONE, *([_CUT_SHORT] if found.cut else [])]
        return msgspec.structs.replace(answer, no_fix=" ".join(reasons))
    told = [(plan, _told(trial, plan, found)) for plan in found.plans]
    told.sort(key=lambda one: not one[1].fits)  # what a quota has no room for comes last
    blocked_by = [_agreeing(finding, *told[0]) for finding in answer.blocked_by]
    return msgspec.structs.replace(answer, fixes=[fix for _, fix in told], blocked_by=blocked_by)


def _agreeing(finding: Finding, plan: Plan, fix: Fix) -> Finding:
    """A finding whose next step is that of the first fix for it."""
    key = (finding.leg, finding.layer, tuple(finding.resource_ids), finding.code)
    for one, told in zip(plan, fix.steps, strict=True):
        if key in one.clears:
            command = told.commands[0] if len(told.commands) == 1 else None
            return msgspec.structs.replace(finding, next_step=one.says, command=command)
    return finding


def _found(account: Account, question: Question, walk: Walk | None = None) -> tuple[Found, Trial]:
    trial = Trial(account, question, walk)
    start = trial.start()
    if isinstance(start, str):
        return Found(reason=start), trial
    found = search(trial, start)
    for plan in found.plans:  # what is counted in them may have to be read as well
        edits = [edit for one in plan for edit in one.edits]
        also_allows(trial.account, edits)
        made_public(trial.account, edits)
        room(trial.account, edits)
    return found, trial


def _told(trial: Trial, plan: Plan, found: Found) -> Fix:
    account = trial.account
    edits = [edit for one in plan for edit in one.edits]
    used, over = room(apply(account, edits), edits)
    warnings = dict.fromkeys(warning for one in plan for warning in one.warns)
    steps = [_step(account, one) for one in plan]
    return Fix(
        summary=" ".join(one.says for one in plan),
        commands=[command for one in steps for command in one.commands],
        also_allows=" ".join([*also_allows(account, edits), *dict.fromkeys(text for one in plan for text in one.also)])
        or None,
        terraform=terraform(edits).split("\n"),
        then="allowed" if found.clears else "undetermined",
        steps=steps,
        warnings=[*opened(edits), *made_public(account, edits), *over, *warnings, *([_CUT] if found.cut else [])],
        room=used,
        fits=not over,
    )


def _step(account: Account, one: Step) -> FixStep:
    region = account.region_of(one.place)
    return FixStep(
        summary=one.says,
        commands=[command for edit in one.edits for command in commands(edit, region)],
        account_id=account.account_id_of(one.place),
        region=region,
    )
