"""An answer put in the order and the words in which people read it; text, Markdown and HTML only dress this up."""

from __future__ import annotations

from itertools import groupby
from typing import Literal, NamedTuple

from whyblocked.diagnosis.answer import Answer, Evidence, Finding, Fix, Hop, Leg, NearMiss, PacketSet, Seen
from whyblocked.report.safe import safe
from whyblocked.report.words import (
    count_words,
    difference_words,
    kind_words,
    packet_words,
    ports_words,
    question_words,
    rule_words,
    size_words,
    span_words,
)

Mark = Literal["yes", "no", "unknown", "pass"]

VERDICTS: dict[str, tuple[Mark, str]] = {
    "allowed": ("yes", "ALLOWED"),
    "blocked": ("no", "BLOCKED"),
    "partial": ("no", "PARTLY BLOCKED"),
    "undetermined": ("unknown", "UNDETERMINED"),
}
EVIDENCE = {
    "confirms": "the flow logs confirm this",
    "contradicts": "the flow logs CONTRADICT this",
    "silent": "the flow logs have no record of this",
    "unavailable": "no flow logs to compare with",
}
LEGS: dict[Leg, str] = {"forward": "on the way there", "return": "on the way back"}
_MARKS: dict[str, Mark] = {"allow": "yes", "deny": "no", "unknown": "unknown"}
_DOES = {
    "allow": "lets it pass",
    "deny": "stops it",
    "forward": "hands it on",
    "translate": "translates it",
    "deliver": "reached",
    "unknown": "cannot be told",
}
_WORST: tuple[Mark, ...] = ("no", "unknown", "yes", "pass")


class Near(NamedTuple):
    """A rule that almost matched."""

    rule: str
    failed: str
    summary: str


class Blocker(NamedTuple):
    """One blocker: what it is, the rule, and facts as labelled rows."""

    title: str
    rows: list[tuple[str, str]]
    near: list[Near]


class Decision(NamedTuple):
    """What one resource did with the packet, or with a part of it (``only``)."""

    mark: Mark
    says: str
    only: str


class Step(NamedTuple):
    """One resource on the path, with all that it decided."""

    mark: Mark
    kind: str
    id: str
    name: str | None
    decisions: list[Decision]


class Path(NamedTuple):
    """One leg."""

    title: str
    packets: str
    steps: list[Step]


class Outline(NamedTuple):
    """What stands in every report, all of it safe to show."""

    mark: Mark
    verdict: str
    question: str
    open_ports: str | None
    summary: str
    blockers: list[Blocker]
    paths: list[Path]
    needs: list[str]
    fixes: list[Fix]
    next_steps: list[str]
    warnings: list[str]
    missing: list[str]
    evidence: Evidence


def outline(answer: Answer) -> Outline:
    """The outline of ``answer``."""
    answer = safe(answer)
    mark, verdict = VERDICTS[answer.verdict]
    names = {hop.id: hop.name for hop in (*answer.forward, *answer.return_) if hop.name}
    return Outline(
        mark=mark,
        verdict=verdict,
        question=question_words(answer.question, names),
        open_ports=answer.open_ports,
        summary=answer.summary,
        blockers=[_blocker(finding, answer, names) for finding in answer.blocked_by],
        paths=[
            _path("Path there", answer.forward),
            _path("Path back" if _arrives(answer) else "Path back, had it arrived", answer.return_),
        ],
        needs=answer.missing if answer.verdict == "undetermined" else [],
        fixes=answer.fixes,
        next_steps=list(dict.fromkeys(f.next_step for f in answer.blocked_by if f.next_step)),
        warnings=answer.warnings,
        missing=answer.missing,
        evidence=answer.evidence,
    )


def finding_title(finding: Finding, names: dict[str, str]) -> str:
    """``network ACL acl-1 (private), on the way back``."""
    kind = kind_words(finding.layer) + ("s" if len(finding.resource_ids) > 1 else "")
    ids = ", ".join(f"{id_} ({names[id_]})" if id_ in names else id_ for id_ in finding.resource_ids)
    return f"{kind} {ids}".rstrip() + f", {LEGS[finding.leg]}"


def _blocker(finding: Finding, answer: Answer, names: dict[str, str]) -> Blocker:
    place = [finding.interface_id, finding.subnet_id, finding.vpc_id]
    where = [id_ for id_ in place if id_ and id_ not in finding.resource_ids]
    if finding.account_id:
        where.append(f"account {finding.account_id}")
    if finding.region:
        where.append(finding.region)
    rows = [
        ("rule", rule_words(finding.rule, finding.direction) if finding.rule else _no_rule(finding)),
        ("why", "" if finding.summary == answer.summary else finding.summary),
        ("where", ", ".join(where)),
        ("stops", packet_words(finding.packets)),
        ("code", finding.code),
    ]
    return Blocker(
        finding_title(finding, names),
        [(label, words) for label, words in rows if words],
        [_near(miss, finding) for miss in finding.near_misses],
    )


def _no_rule(finding: Finding) -> str:
    if finding.layer == "security-group":
        return f"no {finding.direction} rule allows it"
    return "no route matches" if finding.layer == "route-table" else ""


def _near(miss: NearMiss, finding: Finding) -> Near:
    return Near(rule_words(miss.rule, finding.direction), " and ".join(miss.failed), miss.summary)


def _arrives(answer: Answer) -> bool:
    return answer.verdict != "blocked" or all(finding.leg == "return" for finding in answer.blocked_by)


def _path(title: str, hops: list[Hop]) -> Path:
    groups = [list(same) for _, same in groupby(hops, key=lambda hop: (hop.kind, hop.id, hop.direction))]
    return Path(title, packet_words(hops[0].packet) if hops else "", [_step(group) for group in groups])


def _step(hops: list[Hop]) -> Step:
    first = hops[0]
    packets = [hop.packet for hop in hops]
    decisions = [_decision(hop, packets) for hop in hops]
    ids = [first.id, *(id_ for id_ in first.resource_ids if id_ != first.id)]
    if first.kind == "security-group" and len(ids) > 1 and first.id not in first.resource_ids:
        ids = ids[1:]
    worst = min((decision.mark for decision in decisions), key=_WORST.index)
    return Step(worst, kind_words(first.kind), ", ".join(ids), first.name, decisions)


def _decision(hop: Hop, packets: list[PacketSet]) -> Decision:
    mark = _MARKS.get(hop.action, "pass")
    parts = [rule_words(hop.rule, hop.direction)] if hop.rule else []
    if hop.detail:
        parts.append(hop.detail)
    says = "; ".join(parts) or _DOES[hop.action]
    if hop.direction and not hop.rule:
        says = f"{hop.direction}: {says}"
    only = difference_words(hop.packet, packets)
    if hop.rule and only == ports_words(str(hop.rule.get("ports"))):
        only = ""  # the rule has said so
    return Decision(mark, says, only)


# -- the evidence -----------------------------------------------------------------------------------------------

_EXPECTED = {
    "accept": "the rules accept",
    "reject": "the rules reject",
    "partial": "the rules reject a part",
    "nothing": "nothing gets here",
    "unknown": "not known what the rules do",
}


def evidence_rows(evidence: Evidence) -> list[tuple[str, str]]:
    """The facts of the evidence as labelled rows, without the timeline."""
    rows = []
    if evidence.records:
        sizes = f"{count_words(evidence.packets, 'packet')}, {size_words(evidence.bytes)}"
        rows.append(("records", f"{_counts(evidence)} ({sizes})"))
    if evidence.first_seen or evidence.last_seen:
        rows.append(("seen", span_words(evidence.first_seen, evidence.last_seen)))
    rows += [("at", _seen(seen)) for seen in evidence.seen]
    if evidence.sources:
        rows.append(("read", ", ".join(evidence.sources)))
    scanned = [f"{count:,} {key.replace('_', ' ')}" for key, count in evidence.scanned.items() if count]
    if scanned:
        rows.append(("scanned", ", ".join(scanned)))
    return rows


def _seen(seen: Seen) -> str:
    return f"{seen.interface_id} {seen.direction}: {_counts(seen)}; {_EXPECTED[seen.expected]}"


def _counts(seen: Seen | Evidence) -> str:
    counts = [f"{seen.accepted:,} accepted"] if seen.accepted else []
    counts += [f"{seen.rejected:,} rejected"] if seen.rejected else []
    return ", ".join(counts) or "none seen"
