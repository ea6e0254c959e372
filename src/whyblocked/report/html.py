"""The report as one page that needs nothing else: no script, no font, no picture from elsewhere; prints well."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from whyblocked.diagnosis.answer import Answer, Fix, Moment
from whyblocked.report.outline import (
    BEHIND,
    Blocker,
    Outline,
    evidence_rows,
    outline,
    places_of,
    tested,
)
from whyblocked.report.path import Path, Step
from whyblocked.report.targets import Targets
from whyblocked.report.words import Mark, clock_words

_SIGNS: dict[Mark, str] = {"yes": "✓", "no": "✗", "unknown": "?", "pass": "·"}
_FLAGS: dict[Mark, str] = {"no": "blocked here", "unknown": "not known"}

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5b6470; --line: #d5dae0; --paper: #ffffff;
  --yes: #1a7f37; --no: #c62828; --unknown: #8a3fb0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7eb; --soft: #9aa4b0; --line: #3a424c; --paper: #14171b;
  --yes: #57c271; --no: #ff7b72; --unknown: #d2a0ee; } }
@media print { :root { --ink: #000; --soft: #444; --line: #bbb; --paper: #fff; --yes: #1a7f37; --no: #b71c1c;
  --unknown: #6a2c8c; } html { font-size: 11px; } body { padding: 0; max-width: none; }
  section, li, tr { break-inside: avoid; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 3rem; max-width: 62rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.5rem; letter-spacing: .01em; }
h2 { margin: 2rem 0 .5rem; padding-top: .75rem; border-top: 1px solid var(--line); font-size: 1rem; }
h2 small { margin-left: .5rem; color: var(--soft); font-weight: normal; }
h3 { margin: 1rem 0 .25rem; font-size: .9375rem; overflow-wrap: anywhere; }
p { margin: .5rem 0; }
code, pre { font: .875rem/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; unicode-bidi: isolate; }
code, dd, td { overflow-wrap: anywhere; }
pre { margin: .5rem 0; padding: .6rem .8rem; border: 1px solid var(--line); border-radius: 6px;
  white-space: pre-wrap; overflow-wrap: anywhere; }
.question { font-size: 1.05rem; }
.summary { font-size: 1.1rem; }
.yes { color: var(--yes); } .no { color: var(--no); } .unknown { color: var(--unknown); }
.blocker { margin: 1rem 0; padding: .1rem 1rem; border-left: 4px solid var(--no); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: .5rem 0; }
dt { color: var(--soft); } dd { margin: 0; }
table { width: 100%; border-collapse: collapse; }
td { padding: .3rem .6rem .3rem 0; vertical-align: top; border-bottom: 1px solid var(--line); }
td.mark { width: 1.5rem; font-weight: bold; } td.kind { width: 9rem; white-space: nowrap; }
td.id { width: 15rem; }
ul { margin: .5rem 0; padding-left: 1.25rem; }
figure { margin: .75rem 0; } figcaption { color: var(--soft); font-size: .875rem; }
svg .yes { fill: var(--yes); } svg .no { fill: var(--no); }
footer { margin-top: 2.5rem; color: var(--soft); font-size: .875rem; }
@media (max-width: 40rem) { td { display: inline-block; border: 0; width: auto !important; padding-bottom: 0; }
  tr { display: block; padding: .3rem 0; border-bottom: 1px solid var(--line); } }
""".strip()


def render(answer: Answer) -> str:
    """The answer as an HTML page."""
    return "\n".join(_page(outline(answer))) + "\n"


def _page(seen: Outline) -> Iterator[str]:
    title = f"{seen.verdict}{' as planned' if seen.supposed else ''}: {seen.question}"
    yield "<!doctype html>"
    yield '<html lang="en">'
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(title)}</title>"
    yield f"<style>\n{_STYLE}\n</style>"
    yield "</head>"
    yield "<body>"
    yield "<header>"
    if seen.supposed is not None:
        yield f'<p class="unknown"><strong>{escape(seen.supposed.head)}</strong></p>'
    yield f'<h1 class="{seen.mark}">{_SIGNS[seen.mark]} {seen.verdict}</h1>'
    yield f'<p class="question">{_code(seen.question)}</p>'
    yield f'<p class="summary">{escape(seen.summary)}</p>'
    if seen.open_ports is not None:
        yield f"<p>Open ports: {_code(seen.open_ports)}</p>"
    if seen.partly_open:
        yield f"<p>Open in part: {', '.join(_code(part) for part in seen.partly_open)}</p>"
    yield "</header>"
    yield "<main>"
    yield from _planned(seen)
    yield from _targets(seen.targets)
    for blocker in seen.blockers:
        yield from _blocker(blocker)
    for path in seen.paths:
        yield from _path(path)
    yield from _nearest(seen)
    yield from _evidence(seen)
    yield from _behind(seen)
    yield from _changes(seen)
    yield from _next(seen)
    yield from _list("Warnings", seen.warnings)
    yield from _list("Could not be read", seen.missing)
    yield "</main>"
    yield "<footer>whyblocked</footer>"
    yield "</body>"
    yield "</html>"


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>" if text else ""


def _rows(rows: list[tuple[str, str]]) -> Iterator[str]:
    if rows:
        yield "<dl>"
        before = ""
        for label, words in rows:
            shown, before = "" if label == before else label, label
            yield f"<dt>{escape(shown)}</dt><dd>{escape(words) if label == 'why' else _code(words)}</dd>"
        yield "</dl>"


def _planned(seen: Outline) -> Iterator[str]:
    if seen.supposed is None:
        return
    yield "<section>"
    if seen.supposed.today is not None:
        yield f"<p>Today: {escape(seen.supposed.today)}</p>"
    yield "<h2>Planned changes <small>made on a copy, not in AWS</small></h2>"
    yield "<ul>"
    yield from (f"<li>{_code(words)}</li>" for words in seen.supposed.applied)
    yield "</ul>"
    yield "</section>"


def _targets(targets: Targets | None) -> Iterator[str]:
    if targets is None:
        return
    yield "<section>"
    yield f"<h2>Targets <small>{escape(targets.head)}</small></h2>"
    yield "<table>"
    for row in targets.rows:
        yield (
            f'<tr><td class="mark {row.mark}">{_SIGNS[row.mark]}</td><td class="id">{_code(row.label)}</td>'
            f'<td class="kind">{_code(row.place)}</td><td>{escape(row.says)}</td></tr>'
        )
    yield "</table>"
    yield "</section>"


def _blocker(blocker: Blocker) -> Iterator[str]:
    yield '<section class="blocker">'
    yield f'<p><strong><span class="no">✗</span> {escape(blocker.title)}</strong></p>'
    yield from _rows(blocker.rows)
    yield "</section>"


def _path(path: Path) -> Iterator[str]:
    yield "<section>"
    packets = _code(path.packets) if path.parts else "nothing to follow"
    yield f"<h2>{escape(path.title)} <small>{packets}</small></h2>"
    for part in path.parts:
        if part.head:
            yield f"<h3>{escape(part.head)}</h3>"
        yield "<table>"
        yield from (row for step in part.steps for row in _step(step))
        yield "</table>"
    if path.more:
        yield f"<p>{escape(path.more)}</p>"
    yield "</section>"


def _step(step: Step) -> Iterator[str]:
    for number, decision in enumerate(step.decisions):
        place = f'<td class="kind">{escape(step.kind)}</td><td class="id">{_code(step.place)}</td>'
        flag = _FLAGS.get(decision.mark)
        yield (
            f'<tr><td class="mark {decision.mark}">{_SIGNS[decision.mark]}</td>'
            + (place if number == 0 else '<td class="kind"></td><td class="id"></td>')
            + f"<td>{_code(decision.says)}"
            + (f" ({_code(decision.only)})" if decision.only else "")
            + (f' <strong class="{decision.mark}">← {flag}</strong>' if flag else "")
            + "</td></tr>"
        )


def _nearest(seen: Outline) -> Iterator[str]:
    found = [near for blocker in seen.blockers for near in blocker.near]
    if found:
        yield "<section>"
        yield "<h2>Nearest rules</h2>"
        yield "<ul>"
        for near in found:
            failed = f"<strong>{escape(near.failed)}</strong>: " if near.failed else ""
            yield f"<li>{_code(near.rule)}<br>{failed}{escape(near.summary)}</li>"
        yield "</ul>"
        yield "</section>"


def _evidence(seen: Outline) -> Iterator[str]:
    evidence = seen.evidence
    yield "<section>"
    yield f"<h2>Evidence <small>{seen.evidence_says}</small></h2>"
    yield f"<p>{escape(evidence.summary)}</p>"
    yield from _rows(evidence_rows(evidence))
    yield from _chart(evidence.timeline)
    if evidence.notes:
        yield "<ul>"
        yield from (f"<li>{escape(note)}</li>" for note in evidence.notes)
        yield "</ul>"
    if evidence.enable_command:
        yield "<p>To switch them on:</p>"
        yield f"<pre>{escape(evidence.enable_command)}</pre>"
    yield "</section>"


def _behind(seen: Outline) -> Iterator[str]:
    if not seen.behind:
        return
    yield "<section>"
    yield f"<h2>{BEHIND} <small>{escape(seen.behind_says)}</small></h2>"
    for one in seen.behind:
        yield f"<p><strong>{escape(one.says)}</strong></p>"
        yield from _rows(one.rows)
        yield f"<p>{escape(one.next_step)}</p>"
        yield from (f"<pre>{escape(command)}</pre>" for command in one.checks)
    yield "</section>"


def _chart(moments: list[Moment]) -> Iterator[str]:
    peak = max((moment.accepted + moment.rejected for moment in moments), default=0)
    if len(moments) < 2 or peak <= 0:
        return
    bar, height = 600 / len(moments), 80
    yield "<figure>"
    yield f'<svg viewBox="0 0 600 {height}" width="100%" height="{height}" preserveAspectRatio="none" role="img">'
    for number, moment in enumerate(moments):
        top = float(height)
        for mark, count in (("no", moment.rejected), ("yes", moment.accepted)):
            size = height * max(count, 0) / peak
            if size:
                top -= size
                place = f'x="{number * bar:.2f}" y="{top:.2f}" width="{bar * 0.85:.2f}" height="{size:.2f}"'
                yield f'<rect class="{mark}" {place}></rect>'
    yield "</svg>"
    first, last = clock_words(moments[0].start), clock_words(moments[-1].start)
    words = f"{first} to {last} UTC, at most {peak:,} at once; below: rejected, above: accepted"
    yield f"<figcaption>{escape(words)}</figcaption>"
    yield "</figure>"


def _changes(seen: Outline) -> Iterator[str]:
    if not seen.changes:
        return
    yield "<section>"
    yield "<h2>What changed <small>CloudTrail</small></h2>"
    if seen.changes.summary:
        yield f"<p>{escape(seen.changes.summary)}</p>"
    yield "<ul>"
    for row in seen.changes.rows:
        mark = '<strong class="no">!</strong> ' if row.suspicious else ""
        why = f"<br>{escape(row.why)}" if row.why else ""
        yield f"<li>{mark}{_code(row.when)} {escape(row.what)}<br>{escape(row.who)}{why}</li>"
    yield from (f"<li>{escape(note)}</li>" for note in seen.changes.notes)
    yield "</ul>"
    yield "</section>"


def _next(seen: Outline) -> Iterator[str]:
    for number, fix in enumerate(seen.fixes):
        yield from _fix(fix, number)
    if seen.fixes or not (seen.next_steps or seen.no_fix):
        return
    yield "<section>"
    yield "<h2>Next step</h2>"
    for step, command in seen.next_steps:
        yield f"<p>{escape(step)}</p>"
        if command:
            yield f"<pre>{escape(command)}</pre>"
    if seen.no_fix:
        yield f"<p>No tested fix: {escape(seen.no_fix)}</p>"
    yield "</section>"


def _fix(fix: Fix, number: int) -> Iterator[str]:
    yield "<section>"
    title = "Fix" if not number else f"Or fix {number + 1}"
    yield f"<h2>{title} <small>{escape(tested(fix))}</small></h2>"
    for step in fix.steps:
        yield f"<p>{escape(step.summary)}</p>"
        yield from (f"<pre>{escape(command)}</pre>" for command in step.commands)
    if places_of(fix):
        yield f"<p>In {escape(places_of(fix))}</p>"
    if fix.also_allows:
        yield f"<p><strong>Also allows:</strong> {escape(fix.also_allows)}</p>"
    if fix.warnings or fix.room:
        yield "<ul>"
        yield from (f"<li>{escape(text)}</li>" for text in (*fix.warnings, *fix.room))
        yield "</ul>"
    if fix.terraform:
        lines = "\n".join(fix.terraform)
        yield f"<details><summary>As Terraform</summary><pre>{escape(lines)}</pre></details>"
    yield "</section>"


def _list(title: str, items: list[str]) -> Iterator[str]:
    if items:
        yield "<section>"
        yield f"<h2>{title}</h2>"
        yield "<ul>"
        yield from (f"<li>{escape(item)}</li>" for item in items)
        yield "</ul>"
        yield "</section>"
