"""Rejected flows for incident channels, the same on GitHub and in Slack."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from whyblocked.report.markdown import block, code, prose
from whyblocked.report.rejected import Item, Story, story

if TYPE_CHECKING:
    from whyblocked.diagnosis.rejects import By, Rejects

_SIGNS = {"yes": "✓", "no": "✗"}


def render(found: Rejects, by: By) -> str:
    """The report as a Markdown document."""
    text = "\n".join(_lines(story(found, by)))
    return re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n"


def _lines(seen: Story) -> Iterator[str]:
    yield f"**{_SIGNS.get(seen.mark, '·')} {seen.title}** {prose(seen.counts)}"
    for section in seen.sections:
        yield ""
        yield f"**{section.title}** {prose(section.words)}"
        yield ""
        for item in section.items:
            yield from _item(item)
    if seen.hidden:
        yield ""
        yield f"{prose(seen.hidden)}: `--top 0` shows all"
    if seen.remarks:
        yield ""
        yield "**Notes**"
        yield ""
        yield from (f"- {prose(remark)}" for remark in seen.remarks)


def _item(item: Item) -> Iterator[str]:
    yield f"- {prose(item.title)}"
    yield f"  - {prose(item.amount)}"
    yield from (f"  - {code(flow)}" for flow in item.flows)
    if item.more:
        yield f"  - {prose(item.more)}"
    yield from (f"  - changed: {code(change)}" for change in item.changes)
    if item.near:
        yield f"  - nearest: {code(item.near)}"
    if item.next_step:
        yield f"  - {prose(item.next_step)}"
    if item.command:
        yield ""
        yield from block([item.command])
        yield ""
