"""Rejected flows for a terminal: by rule, own traffic first, the internet's noise last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from whyblocked.report.console import PROSE, UNWRAPPED, Line, Part, Screen, laid, say
from whyblocked.report.rejected import Item, Story, followed, story

if TYPE_CHECKING:
    from whyblocked.diagnosis.rejects import By, Explained, Rejects
    from whyblocked.report.words import Mark

_ENDLESS = 1 << 30
_SIGNS: dict[Mark, tuple[str, str]] = {
    "yes": ("✓", "green"),
    "no": ("✗", "bold red"),
    "unknown": ("?", "bold magenta"),
    "pass": ("·", ""),
}


def render(found: Rejects, by: By, console: Screen) -> None:
    """The whole report."""
    say(console, _Page(console).lines(story(found, by)))


def render_group(group: Explained, names: dict[str, str], console: Screen) -> None:
    """One group in one line."""
    say(console, [followed(group, names)])


class _Page:
    """The lines of the report as wide as the console."""

    def __init__(self, console: Screen) -> None:
        self._width = max(console.width, 40)
        self._prose = self._width if self._width >= UNWRAPPED else min(self._width, PROSE)
        self._plain = console.color_system is None

    def lines(self, seen: Story) -> Iterator[Line]:
        """All of them."""
        sign, style = _SIGNS[seen.mark]
        yield from self._wide((f"{sign} {seen.title}", f"bold {style}"), "  ", seen.counts, rest=2)
        for section in seen.sections:
            yield ""
            yield from self._narrow((section.title, "bold"), "  ", (section.words, "dim"), rest=2)
            for item in section.items:
                yield from self._item(item)
        if seen.hidden:
            yield ""
            yield from self._wide((f"{seen.hidden}: --top 0 shows all", "dim"))
        if seen.remarks:
            yield ""
            yield from self._wide(("Notes", "bold"))
            for remark in seen.remarks:
                yield from self._narrow(("! ", "bold magenta"), remark, first=2, rest=4)

    def _item(self, item: Item) -> Iterator[Line]:
        sign, style = _SIGNS[item.mark]
        yield from self._narrow((f"{sign} ", style), (item.title, "bold"), first=2, rest=4)
        yield from self._narrow((item.amount, "dim"), first=4)
        for flow in item.flows:
            yield from self._wide(flow, first=6, rest=8)
        if item.more:
            yield from self._narrow((item.more, "dim"), first=6, rest=8)
        for change in item.changes:
            yield from self._wide(("changed ", "dim"), change, first=6, rest=8)
        if item.near:
            yield from self._narrow(("nearest ", "dim"), item.near, first=6, rest=8)
        if item.next_step:
            yield from self._narrow(item.next_step, first=6)
        if item.command:
            yield from laid(((item.command, "bold"),), _ENDLESS, 6, plain=self._plain)  # to be pasted

    def _wide(self, *parts: Part, first: int = 0, rest: int | None = None) -> Iterable[Line]:
        return laid(parts, self._width, first, rest, plain=self._plain)

    def _narrow(self, *parts: Part, first: int = 0, rest: int | None = None) -> Iterable[Line]:
        return laid(parts, self._prose, first, rest, plain=self._plain)
