"""An answer put in the order and the words in which people read it; text, Markdown and HTML only dress this up."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import structs

from whyblocked.diagnosis.answer import Answer, Evidence, Finding, Fix, Hop, Leg, NearMiss, PacketSet, Seen
from whyblocked.diagnosis.host.heads import headline
from whyblocked.report.changes import Changes, changes_of
from whyblocked.report.path import Path, path
from whyblocked.report.safe import safe
from whyblocked.report.targets import Targets, targets_of
from whyblocked.report.words import (
    LEG_WORDS,
    Mark,
    count_words,
    difference_words,
    kind_words,
    names_words,
    packet_words,
    question_words,
    reply_words,
    rule_words,
    short,
    size_words,
    span_words,
)

VERDICTS: dict[str, tuple[Mark, str]] = {
    "allowed": ("yes", "ALLOWED"),
    "blocked": ("no", "BLOCKED"),
    "partial": ("no", "PARTLY BLOCKED"),
    "undetermined": ("unknown", "UNDETERMINED"),
}
_EVIDENCE = {
    "confirms": "the flow logs confirm this",
    "contradicts": "the flow logs CONTRADICT this",
    "silent": "the flow logs have no record of this",
    "unavailable": "no flow logs to compare with",
}
_SHOWN = "the rules leave it open; what the flow logs show"
TESTED = {
    "allowed": "tested on a copy of the account: with it the question passes",
    "undetermined": "tested on a copy of the account: nothing that AWS shows blocks it any more",
}
_STOPS = ("deny", "unknown")
EACH = 3  # blockers that differ in their place alone are shown one by one up to so many
RAISE_FIRST = "not ready: the quota has to be raised first, as AWS refuses it until then"
BEHIND = "Behind the rules"


def tested(fix: Fix) -> str:
    """What stands beside the title of a fix: what the trial says, unless AWS's quotas have no room for it."""
    return TESTED[fix.then] if fix.fits else RAISE_FIRST


class Near(msgspec.Struct, frozen=True):
    """A rule that almost matched."""

    rule: str
    failed: str
    summary: str


class Blocker(msgspec.Struct, frozen=True):
    """One blocker: what it is, the rule, and facts as labelled rows."""

    title: str
    rows: list[tuple[str, str]]
    near: list[Near]


class Behind(msgspec.Struct, frozen=True):
    """What the records say of the host behind the rules: facts as labelled rows, what to look at, what to run there."""

    says: str
    rows: list[tuple[str, str]]
    next_step: str
    checks: list[str]


class Supposed(msgspec.Struct, frozen=True):
    """Of an answer as it would be: a line that says so, the planned changes, and the answer of today in a sentence."""

    head: str
    applied: list[str]
    today: str | None


class Outline(msgspec.Struct, frozen=True):
    """What stands in every report, all of it safe to show."""

    mark: Mark
    verdict: str
    question: str
    supposed: Supposed | None
    open_ports: str | None  # words, where every port was asked about
    partly_open: list[str]
    summary: str
    targets: Targets | None
    blockers: list[Blocker]
    paths: list[Path]
    needs: list[str]
    fixes: list[Fix]
    no_fix: str | None
    next_steps: list[tuple[str, str | None]]  # a sentence, and the command that does it
    warnings: list[str]
    missing: list[str]
    evidence: Evidence
    evidence_says: str
    behind: list[Behind]
    behind_says: str
    changes: Changes


def outline(answer: Answer) -> Outline:
    """The outline of ``answer``."""
    answer = safe(answer)
    mark, verdict = VERDICTS[answer.verdict]
    names = {hop.id: hop.name for hop in (*answer.forward, *answer.return_) if hop.name}
    asked = answer.question
    ends = ((asked.source, asked.source_name), (asked.destination, asked.destination_name))
    names |= {end: name for end, name in ends if name}
    return Outline(
        mark=mark,
        verdict=verdict,
        question=question_words(answer.question, names),
        supposed=_supposed(answer),
        open_ports=_open_ports(answer),
        partly_open=[_partly_open(part, answer) for part in answer.partly_open],
        summary=answer.summary,
        targets=targets_of(answer.targets, names),
        blockers=_blockers(answer, names),
        paths=[
            path("Path there", _marked(answer, "forward"), "forward", answer.targets, names),
            path(
                "Path back" if _arrives(answer) else "Path back, had it arrived",
                _marked(answer, "return"),
                "return",
                answer.targets,
                names,
            ),
        ],
        needs=answer.missing if answer.verdict == "undetermined" else [],
        fixes=answer.fixes,
        no_fix=answer.no_fix,
        next_steps=_next_steps(answer),
        warnings=answer.warnings,
        missing=answer.missing,
        evidence=answer.evidence,
        evidence_says=_evidence_says(answer),
        behind=[_behind(finding) for finding in answer.hosts],
        behind_says=headline(answer.hosts[0]) if answer.hosts else "",
        changes=changes_of(answer),
    )


def _marked(answer: Answer, leg: Leg) -> list[Hop]:
    """The hops of a leg. Where all is blocked and yet no hop says where, those of the resources that refuse do."""
    hops = answer.forward if leg == "forward" else answer.return_
    if answer.verdict != "blocked" or any(hop.action in _STOPS for hop in (*answer.forward, *answer.return_)):
        return hops
    refusing = {id_ for finding in answer.blockers if finding.leg == leg for id_ in finding.resource_ids}
    return [
        structs.replace(hop, action="deny", detail=None if hop.action == "translate" else hop.detail)
        if hop.id in refusing and hop.action != "allow"
        else hop
        for hop in hops
    ]


def _open_ports(answer: Answer) -> str | None:
    if answer.open_ports == "":
        return "none wholly" if answer.partly_open else "none"
    return answer.open_ports


def _partly_open(part: PacketSet, answer: Answer) -> str:
    """``443 (source ports 32768-60999)``: the ports, and what sets the packets that pass apart from others."""
    others = [*(hop.packet for hop in answer.forward[:1]), *answer.partly_open]
    others = [structs.replace(other, destination_ports=part.destination_ports) for other in others]
    return f"{part.destination_ports} ({difference_words(part, others) or 'some packets'})"


def _next_steps(answer: Answer) -> list[tuple[str, str | None]]:
    steps = dict.fromkeys((f.next_step, f.command) for f in answer.blockers if f.next_step)
    if answer.verdict != "undetermined":
        return list(steps)
    from whyblocked.report.unread import ways_to_read

    regions = {finding.region for finding in answer.blockers}
    return [*steps, *ways_to_read(answer.missing, regions.pop() if len(regions) == 1 else None)]


def _supposed(answer: Answer) -> Supposed | None:
    if answer.before is None and not answer.applied:
        return None
    today = f", today {VERDICTS[answer.before][1]}" if answer.before else ""
    head = f"As it would be with {count_words(len(answer.applied), 'planned change')}{today}"
    return Supposed(head, answer.applied, answer.before_summary)


def _blockers(answer: Answer, names: Mapping[str, str]) -> list[Blocker]:
    # What differs in its packets alone is one blocker that stops several parts of the question.
    parts: list[tuple[Finding, list[PacketSet]]] = []
    for finding in answer.blockers:
        if parts and structs.replace(finding, packets=parts[-1][0].packets) == parts[-1][0]:
            parts[-1][1].append(finding.packets)
        else:
            parts.append((finding, [finding.packets]))
    # What refuses the same at very many interfaces is told of one of them.
    alike: dict[object, list[tuple[Finding, list[PacketSet]]]] = {}
    for part in parts:
        first = part[0]
        what = (first.leg, first.layer, first.direction, *first.resource_ids, str(first.rule), first.code)
        alike.setdefault(what, []).append(part)
    shown = {id(part): 0 for same in alike.values() for part in same if len(same) <= EACH}
    shown |= {id(same[0]): len(same) - 1 for same in alike.values() if len(same) > EACH}
    return [_blocker(*part, answer, names, shown[id(part)]) for part in parts if id(part) in shown]


def _blocker(
    finding: Finding, packets: list[PacketSet], answer: Answer, names: Mapping[str, str], others: int
) -> Blocker:
    alike = len({short(id_).partition("-")[0].partition("/")[0] for id_ in finding.resource_ids}) == 1
    kind = kind_words(finding.layer) + ("s" if alike and len(finding.resource_ids) > 1 else "")
    title = f"{kind} {names_words(finding.resource_ids, names)}".rstrip() + f", {LEG_WORDS[finding.leg]}"
    rows = [
        ("rule", rule_words(finding.rule, finding.direction) if finding.rule else _no_rule(finding)),
        ("why", "" if finding.summary.rstrip(".") in answer.summary else finding.summary),
        ("where", _where(finding)),
        ("also", _also(finding, others)),
        *(("stops", reply_words(part) if finding.leg == "return" else packet_words(part)) for part in packets),
        ("owner", finding.owner or ""),
        ("code", finding.code),
    ]
    return Blocker(
        title,
        [(label, words) for label, words in rows if words],
        [_near(miss, finding) for miss in finding.near_misses],
    )


def _also(finding: Finding, others: int) -> str:
    place = "interface" if finding.interface_id else "place"
    return f"the same at {count_words(others, f'other {place}')}; --output json has all" if others else ""


def _where(finding: Finding) -> str:
    place = [finding.interface_id, finding.subnet_id, finding.vpc_id]
    where = [id_ for id_ in place if id_ and id_ not in finding.resource_ids]
    if finding.account_id:
        where.append(f"account {finding.account_id}")
    if finding.region:
        where.append(finding.region)
    return ", ".join(where)


def places_of(fix: Fix) -> str:
    """The accounts and Regions in which the commands of a fix have to be run; empty where none is known."""
    steps: dict[str, list[str]] = {}
    for number, step in enumerate(fix.steps, 1):
        account = f"account {step.account_id}" if step.account_id else ""
        place = ", ".join(filter(None, (account, step.region)))
        if place:
            steps.setdefault(place, []).append(str(number))
    if len(steps) < 2:
        return next(iter(steps), "")
    return "; ".join(f"{place}: step{'' if len(of) == 1 else 's'} {', '.join(of)}" for place, of in steps.items())


def _behind(finding: Finding) -> Behind:
    confidence = f"{finding.confidence} ({finding.confidence_reason})"
    places = ", ".join((*finding.resource_ids, _where(finding)))
    rows = [("confidence", confidence), ("where", places), ("code", finding.code)]
    return Behind(finding.summary, rows, finding.next_step or "", finding.checks)


def _no_rule(finding: Finding) -> str:
    if finding.layer == "security-group":
        return f"no {finding.direction} rule allows it"
    return "no route matches" if finding.layer == "route-table" else ""


def _near(miss: NearMiss, finding: Finding) -> Near:
    rule = rule_words(miss.rule, finding.direction) + (f", owner {miss.owner}" if miss.owner else "")
    differs = "differ" if len(miss.failed) > 1 else "differs"
    return Near(rule, f"{' and '.join(miss.failed)} {differs}" if miss.failed else "", miss.summary)


def _arrives(answer: Answer) -> bool:
    return answer.verdict != "blocked" or all(finding.leg == "return" for finding in answer.blockers)


# -- the evidence -----------------------------------------------------------------------------------------------

_EXPECTED = {
    "accept": "the rules accept",
    "reject": "the rules reject",
    "partial": "the rules reject a part",
    "nothing": "nothing gets here",
    "unknown": "not known what the rules do",
}


def _evidence_says(answer: Answer) -> str:
    """How records and verdict go together; where there is no verdict they can't confirm one."""
    status = answer.evidence.status
    return _SHOWN if answer.verdict == "undetermined" and status == "confirms" else _EVIDENCE[status]


def _scanned(key: str, count: int) -> str:
    words = key.replace("_", " ")
    return count_words(count, words.removesuffix("s")) if key in ("records", "files") else f"{count:,} {words}"


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
    scanned = [_scanned(key, count) for key, count in evidence.scanned.items() if count]
    if scanned:
        rows.append(("scanned", ", ".join(scanned)))
    return rows


def _seen(seen: Seen) -> str:
    place = f"{seen.interface_id} {seen.direction} {LEG_WORDS[seen.leg]}"
    return f"{place}: {_counts(seen)}; {_EXPECTED[seen.expected]}"


def _counts(seen: Seen | Evidence) -> str:
    counts = [f"{seen.accepted:,} accepted"] if seen.accepted else []
    counts += [f"{seen.rejected:,} rejected"] if seen.rejected else []
    return ", ".join(counts) or "none seen"
