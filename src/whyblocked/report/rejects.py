"""Rejected flows for a terminal: by rule, own traffic first, the internet's noise last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from whyblocked.report.console import PROSE, UNWRAPPED, say, wrapped
from whyblocked.report.outline import Mark
from whyblocked.report.rejected import Item, Story, followed, story

if TYPE_CHECKING:
    from whyblocked.diagnosis.rejects import By, Explained, Rejects

_SIGNS: dict[Mark, tuple[str, str]] = {
    "yes": ("✓", "green"),
    "no": ("✗", "bold red"),
    "unknown": ("?", "bold magenta"),
    "pass": ("·", ""),
}


def render(found: Rejects, by: By, console: Console) -> None:
    """The whole report."""
    say(console, _lines(story(found, by), max(console.width, 40)))


def render_group(group: Explained, names: dict[str, str], console: Console) -> None:
    """One group in one line."""
    say(console, [Text(followed(group, names))])


def _lines(seen: Story, width: int) -> Iterator[Text]:
    sign, style = _SIGNS[seen.mark]
    prose = width if width >= UNWRAPPED else min(width, PROSE)
    yield from wrapped(Text.assemble((f"{sign} {seen.title}", f"bold {style}"), "  ", seen.counts), width, 0, 2)
    for section in seen.sections:
        yield Text()
        yield from wrapped(Text.assemble((section.title, "bold"), "  ", (section.words, "dim")), prose, 0, 2)
        for item in section.items:
            yield from _item(item, width, prose)
    if seen.hidden:
        yield Text()
        yield Text(f"{seen.hidden}: --top 0 shows all", "dim")
    if seen.remarks:
        yield Text()
        yield Text("Notes", "bold")
        for remark in seen.remarks:
            yield from wrapped(Text.assemble(("! ", "bold magenta"), remark), prose, 2, 4)


def _item(item: Item, width: int, prose: int) -> Iterator[Text]:
    sign, style = _SIGNS[item.mark]
    yield from wrapped(Text.assemble((f"{sign} ", style), (item.title, "bold")), prose, 2, 4)
    yield from wrapped(Text(item.amount, "dim"), prose, 4)
    for flow in item.flows:
        yield from wrapped(Text(flow), width, 6, 8)
    for change in item.changes:
        yield from wrapped(Text.assemble(("changed ", "dim"), change), width, 6, 8)
    if item.near:
        yield from wrapped(Text.assemble(("nearest ", "dim"), item.near), prose, 6, 8)
    if item.next_step:
        yield from wrapped(Text(item.next_step), prose, 6)
    if item.command:
        yield Text(f"      {item.command}", "bold")
