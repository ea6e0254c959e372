"""The answer as it would be after planned changes, beside that of today."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from whyblocked.config.account import Account
from whyblocked.config.edits import Edit, apply
from whyblocked.config.planned import LeftOut, Planned
from whyblocked.diagnosis.answer import Answer, Evidence, Verdict
from whyblocked.diagnosis.edit_words import edit_words
from whyblocked.diagnosis.fixing.quotas import room

_NOT_YET = Evidence(
    status="unavailable",
    summary="Flow logs tell of today; of changes that are still to be made they tell nothing.",
)


def applied(account: Account, planned: Sequence[Planned]) -> Account:
    """A copy of ``account`` with all changes made, those of the first file first."""
    changes = [change for one in planned for change in one.changes]
    places, regions = [change.where for change in changes], [change.region for change in changes]
    return apply(account, [change.edit for change in changes], places, regions)


def as_planned(found: Answer, today: Answer | None, account: Account, planned: Sequence[Planned]) -> Answer:
    """``found`` on the edited ``account`` as what it is: the answer with ``planned`` changes, and what it is ``today``.

    Where a change could not be made on the copy, and is about something on the path, the answer can't be told.
    """
    edits = [change.edit for one in planned for change in one.changes]
    left_out = [one for plan in planned for one in plan.left_out]
    on_path = _on_path(found)
    missing = [_told(one) for one in left_out if not on_path.isdisjoint(one.about)]
    warnings = [f"Not applied: {_told(one)}" for one in left_out if on_path.isdisjoint(one.about)]
    warnings += [warning for plan in planned for warning in plan.warnings]
    verdict: Verdict = "undetermined" if missing else found.verdict
    return msgspec.structs.replace(
        found,
        verdict=verdict,
        summary=_summary(found, today, edits, missing),
        evidence=_NOT_YET,
        warnings=list(dict.fromkeys((*found.warnings, *room(account, edits)[1], *warnings))),
        missing=[*found.missing, *missing],
        applied=[edit_words(account, edit) for edit in edits],
        before=today.verdict if today else None,
        before_summary=today.summary if today else None,
    )


def _told(one: LeftOut) -> str:
    return f"{one.where}: {one.why}"


def _summary(found: Answer, today: Answer | None, edits: Sequence[Edit], missing: Sequence[str]) -> str:
    head = f"With {len(edits):,} planned change{'' if len(edits) == 1 else 's'}"
    if missing:
        said = f"{head}, {found.question.text} can't be told: {missing[0]}."
    else:
        said = f"{head}: {found.summary}"
    return said if today is None else f"{said} Today it is {_WORDS[today.verdict]}."


_WORDS: dict[Verdict, str] = {
    "allowed": "allowed",
    "blocked": "blocked",
    "partial": "partly blocked",
    "undetermined": "undetermined",
}


def _on_path(found: Answer) -> frozenset[str]:
    """Every resource that the packets meet, there and back."""
    return frozenset(_met(found))


def _met(found: Answer) -> Iterator[str]:
    for hop in (*found.forward, *found.return_):
        yield from (hop.id, *hop.resource_ids)
        yield from (place for place in (hop.interface_id, hop.subnet_id, hop.vpc_id) if place)
        yield from (str(value) for value in (hop.rule or {}).values())
    for finding in found.blocked_by:
        yield from finding.resource_ids
        yield from (place for place in (finding.interface_id, finding.subnet_id, finding.vpc_id) if place)
    yield from (found.question.source, found.question.destination)
