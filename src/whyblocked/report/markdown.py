"""The report for incident channels: short, readable as plain text, the same on GitHub and in Slack."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from whyblocked.diagnosis.answer import Answer
from whyblocked.report.outline import (
    BEHIND,
    Outline,
    evidence_rows,
    outline,
    places_of,
    tested,
)
from whyblocked.report.path import Path
from whyblocked.report.words import Mark

_SIGNS: dict[Mark, str] = {"yes": "✓", "no": "✗", "unknown": "?", "pass": "·"}
_FLAGS: dict[Mark, str] = {"no": " ← **blocked here**", "unknown": " ← **not known**"}

# A word that no dialect reads as anything else; all others go into code spans, where nothing is markup, a mention,
# a link, a reference to an issue or commit, or an emoji.
_PLAIN = re.compile(r"\(?(?:[A-Za-z]+(?:['-][A-Za-z]+)*'?[).,;:!?]*|[0-9]{1,4}(?:\.[0-9]{1,2})?[,;:]?)")
_OPEN = "\u2039"  # for "<": Slack reads <!here> even in a code span
_EDGES = r"(\(?)(.*?)([).,;:!?]*)"  # what stays outside of a span: matches every line


def render(answer: Answer) -> str:
    """The answer as a Markdown document."""
    return "\n".join(_lines(outline(answer))) + "\n"


def _lines(seen: Outline) -> Iterator[str]:
    if seen.supposed is not None:
        yield f"**{seen.supposed.head}**"
        yield ""
    yield f"**{_SIGNS[seen.mark]} {seen.verdict}** {code(seen.question)}"
    yield ""
    yield prose(seen.summary)
    if seen.open_ports is not None:
        yield ""
        yield f"Open ports: {code(seen.open_ports)}"
    if seen.partly_open:
        yield ""
        yield f"Open in part: {', '.join(code(part) for part in seen.partly_open)}"
    if seen.supposed is not None:
        if seen.supposed.today is not None:
            yield ""
            yield f"Today: {prose(seen.supposed.today)}"
        yield from _section("Planned changes", "made on a copy, not in AWS")
        yield from (f"- {prose(words)}" for words in seen.supposed.applied)
    if seen.targets is not None:
        yield from _section("Targets", prose(seen.targets.head))
        for row in seen.targets.rows:
            place = f" ({code(row.place)})" if row.place else ""
            yield f"- {_SIGNS[row.mark]} {prose(row.label)}{place}: {prose(row.says)}"
    if seen.blockers:
        yield from _section("Blocked by")
    for blocker in seen.blockers:
        yield f"- ✗ {prose(blocker.title)}"
        for label, words in blocker.rows:
            yield f"  - {label}: {prose(words) if label == 'why' else code(words)}"
        for near in blocker.near:
            failed = f" ({near.failed})" if near.failed else ""
            yield f"  - nearest{failed}: {code(near.rule)} – {prose(near.summary)}"
    for path in seen.paths:
        yield from _path(path)
    yield from _evidence(seen)
    yield from _behind(seen)
    yield from _changes(seen)
    yield from _next(seen)
    for title, items in (("Warnings", seen.warnings), ("Could not be read", seen.missing)):
        if items:
            yield from _section(title)
            yield from (f"- {prose(item)}" for item in items)


def _section(title: str, words: str = "") -> Iterator[str]:
    yield ""
    yield f"**{title}**" + (f" {words}" if words else "")
    yield ""


def _path(path: Path) -> Iterator[str]:
    if not path.parts:
        return
    yield from _section(path.title, code(path.packets))
    for part in path.parts:
        if part.head:
            yield f"- {prose(part.head)}:"
        indent = "  " if part.head else ""
        for step in part.steps:
            place = f"{prose(step.kind)} {code(step.place)}".rstrip()
            for decision in step.decisions:
                only = f" ({code(decision.only)})" if decision.only else ""
                flag = _FLAGS.get(decision.mark, "")
                yield f"{indent}- {_SIGNS[decision.mark]} {place}: {prose(decision.says)}{only}{flag}"
    if path.more:
        yield f"- {prose(path.more)}"


def _evidence(seen: Outline) -> Iterator[str]:
    yield from _section("Evidence", seen.evidence_says)
    yield prose(seen.evidence.summary)
    rows = [row for row in evidence_rows(seen.evidence) if row[0] in ("records", "seen", "at")]
    if rows or seen.evidence.notes:
        yield ""
    yield from (f"- {label}: {prose(words)}" for label, words in rows)
    yield from (f"- {prose(note)}" for note in seen.evidence.notes)


def _behind(seen: Outline) -> Iterator[str]:
    if seen.behind:
        yield from _section(BEHIND, seen.behind_says)
    for one in seen.behind:
        yield f"- ! {prose(one.says)}"
        yield from (
            f"  - {label}: {prose(words) if label == 'confidence' else code(words)}" for label, words in one.rows
        )
        yield ""
        yield prose(one.next_step)
        if one.checks:
            yield ""
            yield from block(one.checks)


def _changes(seen: Outline) -> Iterator[str]:
    if not seen.changes:
        return
    yield from _section("What changed", "CloudTrail")
    if seen.changes.summary:
        yield prose(seen.changes.summary)
        yield ""
    rows, more = seen.changes.shown()
    for row in rows:
        yield f"- {'**!** ' if row.suspicious else ''}{code(row.when)} {prose(row.what)}, {prose(row.who)}"
        if row.why:
            yield f"  - {prose(row.why)}"
    yield from (f"- {prose(note)}" for note in (*((more,) if more else ()), *seen.changes.notes))


def _next(seen: Outline) -> Iterator[str]:
    for number, fix in enumerate(seen.fixes):
        yield from _section("Fix" if not number else f"Or fix {number + 1}", tested(fix))
        for place, step in enumerate(fix.steps, 1):
            yield f"{place}. {prose(step.summary)}" if len(fix.steps) > 1 else prose(step.summary)
        yield ""
        yield from block(fix.commands)
        facts = [("Where", places_of(fix)), ("Also allows", fix.also_allows), ("Quota", "; ".join(fix.room))]
        facts += [("Note", warning) for warning in fix.warnings]
        yield ""
        yield from (f"- {label}: {prose(words)}" for label, words in facts if words)
        if fix.terraform and not number:
            yield ""
            yield "As Terraform:"
            yield ""
            yield from block(fix.terraform, "hcl")
    if seen.fixes or not (seen.next_steps or seen.no_fix):
        return
    yield from _section("Next step")
    for says, command in seen.next_steps:
        yield f"- {prose(says)}"
        if command:
            yield from block([command])
    if seen.no_fix:
        yield f"- No tested fix: {prose(seen.no_fix)}"


def block(commands: list[str], language: str = "sh") -> Iterator[str]:
    runs = re.findall("`+", " ".join(commands))
    fence = "`" * max(3, *(len(run) + 1 for run in runs), 3)
    yield f"{fence}{language}"
    yield from (command.replace("<", _OPEN) for command in commands)
    yield fence


def code(text: str) -> str:
    """``text`` in a code span."""
    text = text.replace("`", "'").replace("<", _OPEN)
    return f"`{text}`" if text.strip() else ""


def prose(text: str) -> str:
    """A sentence, with all that could be read as markup in code spans."""
    parts: list[str] = []
    for plain, words in groupby(text.split(), key=lambda word: bool(_PLAIN.fullmatch(word))):
        if plain:
            parts.extend(words)
            continue
        run = " ".join(words)
        head, core, tail = re.fullmatch(_EDGES, run).groups()  # type: ignore[union-attr]
        if core.count("(") > core.count(")") and tail.startswith(")"):
            core, tail = f"{core})", tail[1:]
        parts.append(f"{head}{code(core)}{tail}" if core else code(run))
    return " ".join(parts)
