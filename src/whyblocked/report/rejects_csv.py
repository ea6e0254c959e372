"""Rejected flows as CSV: a line a group, for spreadsheets and scripts."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from whyblocked.report.words import rule_words
from whyblocked.text import clean

if TYPE_CHECKING:
    from whyblocked.diagnosis.rejects import Explained, Rejects

OWN = (
    "interface_id",
    "source",
    "destination",
    "destination_port",
    "protocol",
    "direction",
    "records",
    "packets",
    "bytes",
    "first_seen",
    "last_seen",
    "status",
)
CHANGE = ("change_time", "change_by", "change")
CAUSE = ("layer", "leg", "resource_ids", "rule", "code", "summary")
_FORMULA = ("=", "+", "-", "@")


def render(rejects: Rejects) -> str:
    """The groups with the most packets, with a line of names above them."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow((*OWN, *CAUSE, *CHANGE))
    writer.writerows([_cell(value) for value in _row(group)] for group in rejects.document.groups)
    return out.getvalue()


def _row(group: Explained) -> list[object]:
    own = [getattr(group, name) for name in OWN]
    cause, change = group.cause, group.change
    changed = [change.time, change.by, change.summary] if change else [None for _ in CHANGE]
    if cause is None:
        return [*own, *[None for _ in CAUSE], *changed]
    rule = rule_words(cause.rule, cause.direction) if cause.rule else None
    return [*own, cause.layer, cause.leg, " ".join(cause.resource_ids), rule, cause.code, cause.summary, *changed]


def _cell(value: object) -> object:
    """A value that no spreadsheet takes for a formula."""
    if not isinstance(value, str):
        return "" if value is None else value
    text = clean(value, 500)
    return f"'{text}" if text.startswith(_FORMULA) and len(text) > 1 else text
