"""Changes that CloudTrail tells of, in words: text, Markdown and HTML only dress this up."""

from __future__ import annotations

import re

import msgspec

from whyblocked.diagnosis.answer import Answer, Change
from whyblocked.report.words import moment_words

SHOWN = 5
"""More are only counted: JSON lists them."""
# How programs call themselves in the user agent that CloudTrail notes.
_PROGRAMS = (
    (re.compile(r"Terraform[/ ]([\w.-]+)"), "Terraform"),
    (re.compile(r"\bOpenTofu/([\w.-]+)"), "OpenTofu"),
    (re.compile(r"\b[Pp]ulumi\S*"), "Pulumi"),
    (re.compile(r"^cloudformation\.amazonaws\.com"), "CloudFormation"),
    (re.compile(r"^aws-cli/([\w.-]+)"), "AWS CLI"),
    (re.compile(r"^Boto3/([\w.-]+)"), "boto3"),
)
_AGENT = 60


class Changed(msgspec.Struct, frozen=True):
    """One change: when, what was done to which resource, who did it from where, and why it may be the cause."""

    suspicious: bool
    when: str
    what: str
    who: str
    why: str


class Changes(msgspec.Struct, frozen=True):
    """All of the section; ``summary`` joins the first of them with the records, where these tell more than it."""

    summary: str | None
    rows: list[Changed]
    notes: list[str]

    def __bool__(self) -> bool:
        return bool(self.summary or self.rows or self.notes)

    def shown(self) -> tuple[list[Changed], str | None]:
        """The first few, and how many more there are."""
        more = len(self.rows) - SHOWN
        return self.rows[:SHOWN], f"and {more} more: --output json lists them" if more > 0 else None


def changes_of(answer: Answer) -> Changes:
    """The changes of an answer that is safe to show."""
    summary = answer.change_summary if answer.evidence.turn is not None else None
    return Changes(summary, [changed(one) for one in answer.changes], answer.change_notes)


def changed(one: Change) -> Changed:
    """A change in words."""
    return Changed(one.may_have_caused, moment_words(one.time), one.summary.rstrip("."), who_words(one), one.why or "")


def who_words(one: Change) -> str:
    """``by role/deploy (alice), from 198.51.100.7, with Terraform 1.9.5``."""
    words = f"by {one.by}"
    if one.source_address:
        words += f", from {one.source_address}"
    return f"{words}, {program}" if (program := _program(one)) else words


def _program(one: Change) -> str:
    if one.console:
        return "in the console"
    agent = one.user_agent or ""
    for pattern, name in _PROGRAMS:
        if match := pattern.search(agent):
            version = f" {match[1]}" if pattern.groups else ""
            return f"with {name}{version}"
    if not agent or agent == one.source_address:  # a service of AWS's stands in both
        return ""
    return f"with {agent if len(agent) <= _AGENT else agent[: _AGENT - 1] + '…'}"
