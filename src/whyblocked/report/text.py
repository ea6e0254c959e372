"""The report for a terminal: verdict, blocking rule, why and where at one glance, then the path and the evidence."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len
from rich.text import Text

from whyblocked.diagnosis.answer import Answer, Fix
from whyblocked.report.console import PROSE, UNWRAPPED, Screen, build_console, say, wrapped
from whyblocked.report.outline import (
    BEHIND,
    Outline,
    Supposed,
    evidence_rows,
    outline,
    places_of,
    tested,
)
from whyblocked.report.path import Part, Path, Step
from whyblocked.report.targets import Targets
from whyblocked.report.timeline import timeline
from whyblocked.report.words import Mark

__all__ = ["build_console", "render", "render_evidence", "render_verdict"]

_SIGNS: dict[Mark, tuple[str, str]] = {
    "yes": ("✓", "green"),
    "no": ("✗", "bold red"),
    "unknown": ("?", "bold magenta"),
    "pass": ("·", ""),
}
_FLAGS: dict[Mark, str] = {"no": "<- blocked here", "unknown": "<- not known"}
_KIND = 16  # cells of the column of kinds; a few kinds are longer


def render(answer: Answer, console: Screen) -> None:
    """The whole report."""
    seen = outline(answer)
    say(console, [*_verdict(seen, _width(console)), *_rest(seen, seen, _width(console))])


def render_verdict(answer: Answer, console: Screen) -> None:
    """What the configuration alone tells: verdict, blockers, path and nearest rules."""
    say(console, _verdict(outline(answer), _width(console)))


def render_evidence(answer: Answer, console: Screen, first: Answer | None = None) -> None:
    """What comes after: evidence, next step, warnings, and what could not be read.

    ``first`` is the answer that :func:`render_verdict` was given, where it was another.
    """
    say(console, _rest(outline(answer), outline(first or answer), _width(console)))


def _width(console: Screen) -> int:
    return max(console.width, 40)


def _prose(width: int) -> int:
    return width if width >= UNWRAPPED else min(width, PROSE)


# -- the verdict ------------------------------------------------------------------------------------------------


def _verdict(seen: Outline, width: int) -> Iterator[Text]:
    if seen.supposed is not None:
        yield from wrapped(Text(seen.supposed.head, "bold magenta"), width, 0, 2)
    sign, style = _SIGNS[seen.mark]
    head = Text.assemble((f"{sign} {seen.verdict}", f"bold {style}"), "  ", (seen.question, "bold"))
    yield from wrapped(head, width, 0, 2)
    yield Text()
    yield from wrapped(Text(seen.summary), _prose(width), 2)
    if seen.open_ports is not None:
        yield Text()
        yield from _row("open ports", seen.open_ports, width, 2)
    for number, part in enumerate(seen.partly_open):
        yield from _row("" if number else "in part", part, width, 2)
    if seen.supposed is not None:
        yield from _planned(seen.supposed, width)
    if seen.targets is not None:
        yield from _targets(seen.targets, width)
    for blocker in seen.blockers:
        yield Text()
        title = Text.assemble(("✗ ", "bold red"), (blocker.title, "bold"))
        yield from wrapped(title, width, 2, 4)
        before = ""
        for label, words in blocker.rows:
            limit = _prose(width) if label == "why" else width
            shown, before = "" if label == before else label, label
            yield from _row(shown, words, limit, 4, "red" if label == "rule" else "", 6)
    if seen.needs:
        yield Text()
        for need in seen.needs:
            yield from wrapped(Text.assemble(("? ", "bold magenta"), need), width, 2, 4)
    for path in seen.paths:
        yield from _path(path, width)
    yield from _nearest(seen, width)


def _planned(supposed: Supposed, width: int) -> Iterator[Text]:
    if supposed.today is not None:
        yield Text()
        yield from _row("today", supposed.today, _prose(width), 2, label_width=5)
    yield from _section("Planned changes", "made on a copy, not in AWS")
    for words in supposed.applied:
        yield from wrapped(Text.assemble("· ", words), width, 2, 4)


def _targets(targets: Targets, width: int) -> Iterator[Text]:
    yield Text()
    yield from wrapped(Text.assemble(("Targets", "bold"), f"  {targets.head}"), width, 0, 2)
    labels = max(cell_len(row.label) for row in targets.rows)
    places = max(cell_len(row.place) for row in targets.rows)
    for row in targets.rows:
        place = f"  {_fill(row.place, places)}" if places else ""
        says = Text.assemble(_sign(row.mark), " ", _fill(row.label, labels), place, "  ", row.says)
        yield from wrapped(says, width, 2, 6)


def _row(label: str, words: str, width: int, indent: int, style: str = "", label_width: int = 10) -> Iterator[Text]:
    text = Text.assemble((f"{label:<{label_width}} ", "dim"), (words, style))
    yield from wrapped(text, width, indent, indent + label_width + 1)


def _nearest(seen: Outline, width: int) -> Iterator[Text]:
    found = [blocker for blocker in seen.blockers if blocker.near]
    if found:
        yield from _section("Nearest rules")
    for blocker in found:
        if len(seen.blockers) > 1:
            yield from wrapped(Text(blocker.title), width, 2, 4)
        for near in blocker.near:
            yield from wrapped(Text.assemble("· ", near.rule), width, 2, 4)
            failed = f"{near.failed}: " if near.failed else ""
            words = Text.assemble((failed, "bold"), near.summary)
            yield from wrapped(words, _prose(width), 6)


def _section(title: str, words: str = "") -> Iterator[Text]:
    yield Text()
    yield Text.assemble((title, "bold"), f"  {words}" if words else "")


# -- the path ---------------------------------------------------------------------------------------------------


def _path(path: Path, width: int) -> Iterator[Text]:
    yield Text()
    words = path.packets if path.parts else "nothing to follow"
    head = Text.assemble((path.title, "bold"), "  ", (words, "dim"))
    if cell_len(head.plain) <= width:
        yield head
    else:
        yield Text(path.title, "bold")
        yield from wrapped(Text(words, "dim"), width, 2)
    steps = [step for part in path.parts for step in part.steps]
    indent = 4 if len(path.parts) > 1 else 2
    kinds = max((_KIND, *(cell_len(step.kind) for step in steps)))
    left = indent + 2 + kinds + 2 + max((cell_len(step.place) for step in steps), default=0) + 2
    room = width - left
    stacked = width < UNWRAPPED and any(cell_len(line.plain) > room for step in steps for line in _says(step))
    for part in path.parts:
        if part.head:
            yield from wrapped(Text(part.head, "bold"), width, 2, 4)
        yield from _part(part, width, 4 if part.head else 2, kinds, None if stacked else left)
    if path.more:
        yield from wrapped(Text(path.more), width, 2, 4)


def _part(part: Part, width: int, indent: int, kinds: int, left: int | None) -> Iterator[Text]:
    """The steps of one connection: a line for each decision that begins at ``left``, or (None) stacked.

    ``kinds`` is how wide their kinds are.
    """
    stop = next((step for step in part.steps if step.mark in _FLAGS), None)
    for step in part.steps:
        if left is None:
            yield from _stacked(step, width, indent)
        else:
            for number, line in enumerate(_says(step)):
                place = f"{step.kind:<{kinds}}  {step.place}" if number == 0 else ""
                sign = _sign(step.decisions[number].mark)
                yield Text.assemble(" " * indent, sign, " ", _fill(place, left - indent - 2), line)
        stopped = step is stop and all(decision.mark != "yes" for decision in step.decisions)
        if stopped and (part.onward or step is not part.steps[-1]):
            yield Text(f"{' ' * (indent + 2)}from here on as if it had passed:", "dim italic")


def _stacked(step: Step, width: int, indent: int) -> Iterator[Text]:
    head = Text.assemble(_sign(step.mark), " ", f"{step.kind:<{_KIND}}  {step.place}")
    says = _says(step)
    if len(says) == 1 and indent + 2 + cell_len(head.plain) + cell_len(says[0].plain) <= width:
        head.append("  " if step.place else "").append_text(says[0])
        says = []
    yield from wrapped(head, width, indent, indent + 2)
    for decision, line in zip(step.decisions, says, strict=False):
        if len(says) > 1:
            line = Text.assemble(_sign(decision.mark), " ", line)
        yield from wrapped(line, width, indent + 4, indent + 6)


def _says(step: Step) -> list[Text]:
    lines = []
    for decision in step.decisions:
        line = Text(decision.says)
        if decision.only:
            line.append(f" ({decision.only})")
        if decision.mark in _FLAGS:
            line.append("  ").append(_FLAGS[decision.mark], _SIGNS[decision.mark][1])
        lines.append(line)
    return lines


def _sign(mark: Mark) -> Text:
    return Text(*_SIGNS[mark])


def _fill(text: str, cells: int) -> str:
    return text + " " * (cells - cell_len(text))


# -- what comes after -------------------------------------------------------------------------------------------


def _rest(seen: Outline, first: Outline, width: int) -> Iterator[Text]:
    yield from _evidence(seen, width)
    yield from _behind_the_rules(seen, width)
    yield from _changes(seen, width)
    for number, fix in enumerate(seen.fixes):
        yield from _fix(fix, number, width)
    if not seen.fixes and (seen.next_steps or seen.no_fix):
        yield from _section("Next step")
        for step, typed in seen.next_steps:
            yield from wrapped(Text(step), _prose(width), 2)
            if typed:
                yield Text(f"    {typed}", "bold")
        if seen.no_fix:
            yield from wrapped(Text.assemble(("no tested fix: ", "dim"), seen.no_fix), _prose(width), 2)
    for title, words in (
        ("Warnings", seen.warnings),
        ("Could not be read", [need for need in seen.missing if need not in first.needs]),
    ):
        if words:
            yield from _section(title)
        for item in words:
            yield from wrapped(Text.assemble(("! ", "bold magenta"), item), _prose(width), 2, 4)


def _fix(fix: Fix, number: int, width: int) -> Iterator[Text]:
    """One fix: what to do step by step, to be copied as it stands. Terraform once, as it says the same."""
    yield from _section("Fix" if not number else f"Or fix {number + 1}", tested(fix))
    for place, step in enumerate(fix.steps, 1):
        label = f"{place}. " if len(fix.steps) > 1 else ""
        yield from wrapped(Text.assemble((label, "bold"), step.summary), _prose(width), 2, 2 + len(label))
        for command in step.commands:
            yield Text(f"    {command}", "bold")
    for label, words in (
        ("where", places_of(fix)),
        ("also", fix.also_allows),
        ("quota", "; ".join(fix.room)),
    ):
        if words:
            yield from _row(label, words, _prose(width), 2, label_width=5)
    for warning in fix.warnings:
        yield from wrapped(Text.assemble(("! ", "bold magenta"), warning), _prose(width), 2, 4)
    if fix.terraform and not number:
        yield Text("  As Terraform:")
        for line in fix.terraform:
            yield Text(f"    {line}".rstrip(), "dim")


def _behind_the_rules(seen: Outline, width: int) -> Iterator[Text]:
    if seen.behind:
        yield from _section(BEHIND, seen.behind_says)
    for one in seen.behind:
        yield from wrapped(Text.assemble(("! ", "bold magenta"), one.says), _prose(width), 2, 4)
        for label, words in one.rows:
            yield from _row(label, words, _prose(width), 4)
        yield from wrapped(Text(one.next_step), _prose(width), 4)
        for command in one.checks:
            yield Text(f"    {command}", "bold")


def _changes(seen: Outline, width: int) -> Iterator[Text]:
    if not seen.changes:
        return
    yield from _section("What changed", "CloudTrail")
    if seen.changes.summary:
        yield from wrapped(Text(seen.changes.summary), _prose(width), 2)
    rows, more = seen.changes.shown()
    for row in rows:
        sign = ("! ", "bold red") if row.suspicious else ("· ", "")
        yield from wrapped(Text.assemble(sign, (row.when, "bold"), f"  {row.what}"), width, 2, 4)
        yield from wrapped(Text(row.who, "dim"), width, 4, 6)
        if row.why:
            yield from wrapped(Text(row.why), _prose(width), 4)
    for note in (*((more,) if more else ()), *seen.changes.notes):
        yield from wrapped(Text.assemble("· ", note), _prose(width), 2, 4)


def _evidence(seen: Outline, width: int) -> Iterator[Text]:
    evidence = seen.evidence
    yield Text()
    style = "bold magenta" if evidence.status == "contradicts" else ""
    yield Text.assemble(("Evidence", "bold"), "  ", (seen.evidence_says, style))
    yield from wrapped(Text(evidence.summary), _prose(width), 2)
    before = ""
    for label, words in evidence_rows(evidence):
        shown, before = "" if label == before else label, label
        yield from _row(shown, words, width, 2)
    bars = timeline(evidence.timeline, min(60, width - 24))
    if bars:
        yield from _row("timeline", bars.span, width, 2)
        for label, row, total, style in (
            ("rejected", bars.rejected, evidence.rejected, "red"),
            ("accepted", bars.accepted, evidence.accepted, "green"),
        ):
            if total:
                yield Text.assemble((f"    {label} ", "dim"), (row, style), f"  {total:,} in all")
    for note in evidence.notes:
        yield from wrapped(Text.assemble("· ", note), _prose(width), 2, 4)
    if evidence.enable_command:
        yield Text("  To switch them on:")
        yield Text(f"    {evidence.enable_command}", "bold")
