"""Two snapshots compared, for people: the answers that changed first, then every change, resource by resource."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from whyblocked.report.words import Mark, count_words
from whyblocked.text import clean

if TYPE_CHECKING:  # Markdown does without rich
    from rich.text import Text

    from whyblocked.diagnosis.answer import Answer
    from whyblocked.diagnosis.difference.telling import Answered, Changed, Difference
    from whyblocked.report.console import Screen

_SIGNS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "")}
_ALONE = {"added": "is new", "removed": "is gone", "changed": "is another"}
_MARKS: dict[Mark, tuple[str, str]] = {
    "yes": ("=", ""),
    "no": ("✗", "bold red"),
    "unknown": ("?", "bold magenta"),
    "pass": ("✓", "green"),  # another answer than before, and the one that it should be
}
_MOST = 500


class Cause(NamedTuple):
    """Changes that belong together, with what introduces them."""

    words: str
    changes: list[str]


class Item(NamedTuple):
    """A question: what became of its answer, why it is so now, and what did it."""

    mark: Mark
    title: str
    verdicts: str
    why: str
    causes: list[Cause]


class Row(NamedTuple):
    """A change with its sign."""

    sign: str
    style: str
    number: str
    words: str


class Group(NamedTuple):
    """A resource with its changes."""

    title: str
    rows: list[Row]


class Story(NamedTuple):
    """The whole report, all of it safe to show."""

    title: str
    words: str
    answers: str
    items: list[Item]
    groups: list[Group]
    notes: list[str]


def story(found: Difference) -> Story:
    """The comparison in the words of the report."""
    count = len(found.changes)
    changed = sum(one.changed for one in found.answers)
    return Story(
        title=count_words(count, "DIFFERENCE", "DIFFERENCES") if count else _none(found),
        words=clean(f"{found.before} -> {found.after}", _MOST),
        answers=f"{count_words(len(found.answers), 'question')}, {changed or 'none'} changed" if found.answers else "",
        items=[_item(one, found.changes) for one in found.answers],
        groups=[_group(list(same)) for _, same in groupby(found.changes, key=_resource)],
        notes=[clean(one, _MOST) for one in (*(f"not compared: {one}" for one in found.not_compared), *found.errors)],
    )


def _none(found: Difference) -> str:
    return "NO DIFFERENCE" + (" in what both have captured" if found.not_compared else "")


def _resource(change: Changed) -> tuple[str | None, ...]:
    return change.kind, change.resource_id, change.account_id, change.region


def _group(changes: list[Changed]) -> Group:
    first = changes[0]
    title = f"{first.kind} {first.resource_id}" + (f" ({clean(first.name, 120)})" if first.name else "")
    where = [text for text in (f"account {first.account_id}" if first.account_id else "", first.region) if text]
    rows = [
        Row(*_SIGNS[change.change], str(change.number), clean(change.what or _ALONE[change.change], _MOST))
        for change in changes
    ]
    return Group(clean(f"{title}  {', '.join(where)}".rstrip(), _MOST), rows)


def _item(one: Answered, changes: list[Changed]) -> Item:
    was, now = _verdict(one.before), _verdict(one.after)
    is_open = one.after is None or "undetermined" in (was, now)
    is_right = one.expected is not None and one.expected == now
    mark: Mark = ("pass" if is_right else "no") if one.changed else "unknown" if is_open else "yes"
    expected = "" if not one.expected else " (as it should be)" if is_right else f" (should be {one.expected})"
    same = f"{now}, but otherwise than before" if one.changed else f"{now}, as before"
    told = one.before if now != "undetermined" and was == "undetermined" and not one.changed else one.after
    why = (told.summary if told else one.error_after) or ""
    return Item(
        mark=mark,
        title=clean(one.text, 300),
        verdicts=(f"{was} -> {now}" if was != now else same) + expected,
        why=clean(why, _MOST) if one.changed or is_open else "",
        causes=list(_causes(one, changes)),
    )


def _verdict(answer: Answer | None) -> str:
    return "no answer" if answer is None else answer.verdict


def _causes(one: Answered, changes: list[Changed]) -> Iterator[Cause]:
    def said(numbers: list[int]) -> list[str]:
        return [clean(f"{number}. {changes[number - 1].summary}", _MOST) for number in numbers]

    for turn, numbers in enumerate(one.because):
        these = "these together" if len(numbers) > 1 else "this"
        yield Cause(f"by itself {these} would have done it, too:" if turn else f"{these} did it:", said(numbers))
    if one.further:
        yield Cause("in part also:", said(one.further))
    if one.changed and not (one.because or one.further):
        yield Cause("which change did it was not found", [])
    elif not one.complete:
        yield Cause("the search ended at its limit: not all of these may be needed", [])


# -- for a terminal -------------------------------------------------------------------------------------------------


def render(found: Difference, console: Screen) -> None:
    """The whole report."""
    from whyblocked.report.console import say

    say(console, _lines(story(found), max(console.width, 40)))


def _lines(seen: Story, width: int) -> Iterator[Text]:
    from rich.text import Text

    from whyblocked.report.console import PROSE, UNWRAPPED, wrapped

    prose = width if width >= UNWRAPPED else min(width, PROSE)
    yield from wrapped(Text.assemble((seen.title, "bold"), "  ", seen.words), width, 0, 2)
    if seen.answers:
        yield Text()
        yield Text.assemble(("Answers", "bold"), f"  {seen.answers}")
    for item in seen.items:
        sign, style = _MARKS[item.mark]
        yield from wrapped(Text.assemble((f"{sign} ", style), (item.title, "bold"), f"  {item.verdicts}"), width, 2, 4)
        if item.why:
            yield from wrapped(Text(item.why), prose, 4)
        for cause in item.causes:
            yield from wrapped(Text(cause.words, "dim"), prose, 4)
            for change in cause.changes:
                yield from wrapped(Text(change), width, 6, 8)
    for group in seen.groups:
        yield Text()
        yield from wrapped(Text(group.title, "bold"), width, 0, 2)
        for row in group.rows:
            number = f"{row.number}. " if seen.items else ""
            line = Text.assemble((f"{row.sign} ", row.style), (number, "dim"), row.words)
            yield from wrapped(line, width, 2, 4 + len(number))
    if seen.notes:
        yield Text()
        yield Text("Notes", "bold")
        for note in seen.notes:
            yield from wrapped(Text.assemble(("! ", "bold magenta"), note), prose, 2, 4)


# -- for incident channels ------------------------------------------------------------------------------------------


def markdown(found: Difference) -> str:
    """The report as a Markdown document."""
    return "\n".join(_markdown(story(found))) + "\n"


def _markdown(seen: Story) -> Iterator[str]:
    from whyblocked.report.markdown import code, prose

    yield f"**{seen.title}** {code(seen.words)}"
    if seen.answers:
        yield ""
        yield f"**Answers** {prose(seen.answers)}"
        yield ""
    for item in seen.items:
        yield f"- {_MARKS[item.mark][0]} {code(item.title)} {prose(item.verdicts)}"
        if item.why:
            yield f"  - {prose(item.why)}"
        for cause in item.causes:
            yield f"  - {prose(cause.words)}"
            yield from (f"    - {code(change)}" for change in cause.changes)
    for group in seen.groups:
        yield ""
        yield f"**Changed** {prose(group.title)}"
        yield ""
        for row in group.rows:
            yield f"- `{row.sign}` {f'{row.number}: ' if seen.items else ''}{code(row.words)}"
    if seen.notes:
        yield ""
        yield "**Notes**"
        yield ""
        yield from (f"- {prose(note)}" for note in seen.notes)
