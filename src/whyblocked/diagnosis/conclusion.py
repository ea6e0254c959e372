"""From counted records to the evidence: does what was seen agree with what the rules expect."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import Literal

from whyblocked.config.account import Account
from whyblocked.diagnosis.answer import Evidence, Turn
from whyblocked.diagnosis.tally import Span, Spot, Tally
from whyblocked.flowlogs.records import Scan
from whyblocked.flowlogs.window import iso
from whyblocked.network.sighting import Sighting
from whyblocked.text import clean

Status = Literal["confirms", "contradicts", "silent"]

_NEXT = (
    "next: see what was changed since, with --changes (a snapshot: save it anew and ask again); where an end or what "
    "lies between belongs to another account, read the rules of that one too (one more "
    "--profile, or --role-arn)"
)
_FORMAT = (
    "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} "
    "${bytes} ${start} ${end} ${action} ${log-status} ${tcp-flags} ${pkt-srcaddr} ${pkt-dstaddr} ${flow-direction} "
    "${traffic-path} ${reject-reason}"
)


def conclude(
    tally: Tally, scan: Scan, *, traffic: frozenset[str], recent: bool, window: tuple[int, int] | None
) -> Evidence:
    """The evidence from everything that was read.

    ``traffic`` are the kinds that the logs record (ALL, ACCEPT, REJECT); ``recent``: the window ends so near to now
    that records may still be on their way; ``window`` bounds the timeline where it is not that of the records.
    """
    spots = tally.spots
    status, summary = _judged(tally, scan, traffic)
    everything = Span()
    for span in (span for spot in spots for span in (spot.accepted, spot.rejected)):
        everything.join(span)
    first, last = window or (everything.first, everything.last)
    timeline = tally.timeline.bars(first, last) if first is not None and last is not None else []
    return Evidence(
        status=status,
        summary=summary,
        records=everything.records,
        accepted=sum(spot.accepted.records for spot in spots),
        rejected=sum(spot.rejected.records for spot in spots),
        packets=sum(spot.packets for spot in spots),
        bytes=sum(spot.bytes for spot in spots),
        first_seen=None if everything.first is None else iso(everything.first),
        last_seen=None if everything.last is None else iso(everything.last),
        scanned=scan.counts(),
        seen=[spot.seen() for spot in spots if spot.records or spot.sighting.interface_id in scan.interfaces],
        timeline=timeline,
        turn=next((turn for spot in spots if (turn := _turn(spot)) is not None), None),
        notes=list(_notes(tally, scan, status, recent)),
    )


def enable_command(sightings: Sequence[Sighting], account: Account) -> str:
    """A command that would log the interface that tells most: the destination's, else the first on the path."""
    arriving = [s for s in sightings if s.leg == "forward" and s.direction == "ingress"]
    best = arriving[-1] if arriving else sightings[0]
    region = account.region_of(best.interface_id) or account.region_of(best.vpc_id)
    owner = account.account_id_of(best.vpc_id) or "ACCOUNT"
    words = ["aws", "ec2", "create-flow-logs", "--resource-type", "NetworkInterface"]
    words += ["--resource-ids", clean(best.interface_id), "--traffic-type", "ALL", "--max-aggregation-interval", "60"]
    words += ["--log-destination-type", "cloud-watch-logs", "--log-group-name", "LOG_GROUP"]
    words += ["--deliver-logs-permission-arn", f"arn:aws:iam::{clean(owner)}:role/ROLE", "--log-format", _FORMAT]
    words += ["--region", clean(region)] if region else []
    return shlex.join(words)


# -- the status --------------------------------------------------------------------------------------------------


def _judged(tally: Tally, scan: Scan, traffic: frozenset[str]) -> tuple[Status, str]:
    spots = tally.spots
    wrong = [spot for spot in spots if any(span.records for span in spot.contradicting.values())]
    lasting = [spot for spot in wrong if _since(spot, tally) is None]
    if lasting:
        return "contradicts", _contradiction(lasting[0], tally)
    if wrong:
        return "confirms", _confirmed_since(wrong[0], _since(wrong[0], tally) or Span(), tally)
    if tally.verdict == "undetermined" and (seen := [spot for spot in spots if spot.records > spot.late.records]):
        return "confirms", f"The rules leave it open; the flow logs show {_shown(seen)}."
    passed = [spot for spot in spots if spot.agreeing[True].records]
    refused = [spot for spot in spots if spot.agreeing[False].records]
    if refused:
        return "confirms", _refused(refused, passed, tally)
    due = [spot for spot in spots if spot.place.expected in ("reject", "partial")]
    if passed and due and tally.verdict == "blocked":
        return "silent", _refusal_not_seen(passed, due[0], tally, scan, traffic)
    if passed and (lost := _lost(passed, tally, scan, traffic)):
        return "silent", (
            f"The flow logs show packets leaving by {_where(passed[0])} {_when(passed[0].agreeing[True])}, but none at "
            f"{_where(lost)}, which is logged: they got lost in between, or were dropped by what keeps no flow log."
        )
    if passed:
        return "confirms", _passed(passed, tally)
    return "silent", _nothing(tally, scan)


def _since(spot: Spot, tally: Tally) -> Span | None:
    """The records that agree and are all newer than what contradicts the rules at a place: something changed then.

    Those of the same place; where the rules block all of it, also those that were rejected elsewhere on the path.
    """
    rejected, accepted = spot.contradicting[False], spot.contradicting[True]
    if rejected.records and accepted.records:
        return None
    if rejected.records:
        newer = [spot.agreeing[True]]
    else:
        others = tally.spots if tally.verdict == "blocked" else ()
        newer = [spot.agreeing[False], *(other.agreeing[False] for other in others if other is not spot)]
    last = rejected.last if rejected.records else accepted.last
    for span in newer:
        if last is not None and span.first is not None and last <= span.first:
            return span
    return None


def _confirmed_since(spot: Spot, newer: Span, tally: Tally) -> str:
    """The newest records agree with the rules, older ones do not."""
    rejected = spot.contradicting[False]
    old = rejected if rejected.records else spot.contradicting[True]
    was, now = ("rejected", "accepted") if rejected.records else ("accepted", "rejected")
    at = next(one for one in tally.spots if any(span is newer for span in one.agreeing.values()))
    where = "there" if at is spot else f"at {_where(at)}"
    until = iso(old.last or 0)
    if not tally.reasons and tally.verdict == "undetermined":
        text = "The rules leave it open; the flow logs show a change"
    else:
        text = "The flow logs agree since a change"
    return (
        f"{text}: {_records(old)} {was} at {_where(spot)} until {until}, and from {iso(newer.first or 0)} on "
        f"{_records(newer)} {now} {where}."
    )


def _is_logged(spot: Spot, tally: Tally, scan: Scan) -> bool:
    """Whether the log of a place tells of the time asked about: all that was read of it may lie outside."""
    name = spot.sighting.interface_id
    return name in scan.interfaces and (not scan.outside or name in tally.active)


def _contradiction(spot: Spot, tally: Tally) -> str:
    rejected, accepted = spot.contradicting[False], spot.contradicting[True]
    span, agreeing = (rejected, spot.agreeing[True]) if rejected.records else (accepted, spot.agreeing[False])
    what = "rejected" if rejected.records else "accepted"
    if not spot.sighting.reached:
        rules = "The rules stop this before"
    elif span is accepted:
        rules = "The rules reject this at"
    elif tally.reasons:
        rules = "Nothing in the configuration blocks this at"
    else:
        rules = "The rules accept this at"
    text = f"{rules} {_where(spot)}, yet the flow logs show {_records(span)} {what} there {_when(span)}".rstrip()
    return f"{text}{_changed(span, agreeing)}."


def _changed(span: Span, agreeing: Span) -> str:
    """What the times of the records that agree say about those that do not."""
    if not agreeing.records or None in (span.first, span.last, agreeing.first, agreeing.last):
        return ""
    if span.last <= agreeing.first:  # type: ignore[operator]
        return f"; from {iso(agreeing.first or 0)} on they agree, so something changed in between"
    if agreeing.last <= span.first:  # type: ignore[operator]
        return f"; until {iso(agreeing.last or 0)} they agreed, so something changed in between"
    return f"; {_records(agreeing)} of the same time {'agree' if agreeing.records > 1 else 'agrees'}"


def _refused(refused: Sequence[Spot], passed: Sequence[Spot], tally: Tally) -> str:
    spot = refused[0]
    span = spot.agreeing[False]
    who = "the reply" if spot.sighting.leg == "return" else "this flow"
    text = f"The flow logs agree: {_records(span)} of {who} rejected at {_where(spot)} {_when(span)}".rstrip()
    if spot in passed:
        count = _records(spot.agreeing[True])
        text += f"; {count} of another part {'was' if spot.agreeing[True].records == 1 else 'were'} accepted there"
    elif passed:
        first = passed[0]
        which = "the request" if first.sighting.leg == "forward" and who == "the reply" else "it"
        text += f"; {which} was accepted at {_where(first)}"
    if tally.reasons:
        text += f" (reject-reason {', '.join(clean(reason, 20) for reason in sorted(tally.reasons))})"
    return f"{text}."


def _passed(passed: Sequence[Spot], tally: Tally) -> str:
    spot = passed[-1] if tally.verdict == "blocked" else passed[0]
    for other in passed:
        if other.sighting.leg == "forward" and other.sighting.direction == "ingress":
            spot = other
    span = spot.agreeing[True]
    text = f"The flow logs agree: {_records(span)} of this flow accepted at {_where(spot)} {_when(span)}".rstrip()
    if tally.verdict == "blocked":
        return f"{text}, and nothing behind what blocks it."
    return f"{text}, none rejected."


def _refusal_not_seen(passed: Sequence[Spot], due: Spot, tally: Tally, scan: Scan, traffic: frozenset[str]) -> str:
    seen = passed[0]
    who = "the reply" if due.sighting.leg == "return" else "the packets"
    text = f"The flow logs show {_records(seen.agreeing[True])} accepted at {_where(seen)}"
    if traffic == {"ACCEPT"}:
        return f"{text}; they record accepted traffic only, so a rejection at {_where(due)} can't show."
    if not _is_logged(due, tally, scan):
        return f"{text}; no records of {_where(due)}, where the rules reject {who}, were among those read."
    if due.sighting.interface_id == seen.sighting.interface_id:
        return f"{text}, but no rejection of {who} at {_where(due)}: perhaps none was sent in that time."
    return f"{text}, but nothing at {_where(due)}, where the rules would reject it: {who} did not get that far."


def _lost(passed: Sequence[Spot], tally: Tally, scan: Scan, traffic: frozenset[str]) -> Spot | None:
    """The interface that accepted packets should have come to, is logged, and shows none of them."""
    if traffic == {"REJECT"} or passed[0].sighting.leg != "forward" or passed[0].sighting.direction != "egress":
        return None
    arriving = [s for s in tally.spots if s.sighting.leg == "forward" and s.sighting.direction == "ingress"]
    last = arriving[-1] if arriving else None
    if last is None or last.records or not last.sighting.reached or last.place.expected != "accept":
        return None
    return last if _is_logged(last, tally, scan) else None


def _nothing(tally: Tally, scan: Scan) -> str:
    late = sum(spot.late.records for spot in tally.spots)
    if late:
        return (
            f"The flow logs show only {_number(late, 'rejected record')} without a SYN: late packets of connections "
            "that were closed before, no attempt to open one."
        )
    if records := sum(spot.records for spot in tally.spots):
        return (
            f"{_number(records, 'record')} may be of this flow, but {'do' if records > 1 else 'does'} not tell enough."
        )
    if not scan.records:
        return "The flow logs hold no records at all in this time."
    paths = list(dict.fromkeys(spot.sighting.interface_id for spot in tally.spots))
    if tally.is_outside(scan):
        lie = "lies" if scan.outside == 1 else "lie"
        return (
            f"No record of {_listed(paths)} lies in the time asked about; {scan.outside:,} {lie} outside of it. "
            "Whether packets came in that time, these logs do not tell."
        )
    read = f"the {_number(scan.records, 'record')} read" if scan.records > 1 else "the one record read"
    logged = list(dict.fromkeys(s.sighting.interface_id for s in tally.spots if _is_logged(s, tally, scan)))
    if not logged:
        return f"None of this flow is among {read}, nor any other record that names {_listed(paths)}."
    reached = {spot.sighting.interface_id for spot in tally.spots if spot.sighting.reached}
    if not reached & set(logged):
        return f"None of this flow is among {read}, as the rules say: nothing gets as far as {_listed(logged)}."
    return f"None of this flow is among {read}: its packets did not come to {_listed(logged)}."


# -- when it changed -----------------------------------------------------------------------------------------------


def _turn(spot: Spot) -> Turn | None:
    """When the records of a place changed from one action to the other, late packets of old connections left aside.

    Not where both were seen at one time: then the same rules may treat these packets differently.
    """
    accepted, rejected = Span(), Span()
    for kind in (spot.agreeing, spot.contradicting):
        accepted.join(kind[True])
        rejected.join(kind[False])
    for (before, first), (after, second) in (
        (("ACCEPT", accepted), ("REJECT", rejected)),
        (("REJECT", rejected), ("ACCEPT", accepted)),
    ):
        if first.last is None or second.first is None or second.last is None or first.last >= second.last:
            continue
        if first.last <= second.first:
            return Turn(
                interface_id=spot.sighting.interface_id,
                direction=spot.sighting.direction,
                before=before,  # type: ignore[arg-type]
                until=iso(first.last),
                after=after,  # type: ignore[arg-type]
                since=iso(second.first),
            )
    return None


# -- the notes -----------------------------------------------------------------------------------------------------


def _notes(tally: Tally, scan: Scan, status: Status, recent: bool) -> Iterable[str]:
    late = sum(spot.late.records for spot in tally.spots)
    if status == "contradicts":
        yield _NEXT
        if tally.without_flags:
            yield (
                "these records have no tcp-flags: some of the rejected ones may be late packets of closed connections, "
                "which no rule refuses"
            )
        if tally.established:
            yield "the accepted records show no SYN: the connection may be older than the rules of today"
        if tally.icmp:
            yield "flow logs do not tell ICMP types: the records may be of another type than the one asked about"
    elif late and any(spot.records > spot.late.records for spot in tally.spots):
        yield f"{_number(late, 'rejected record')} without a SYN left aside: late packets of closed connections"
    for reason, count in sorted(tally.reasons.items()):
        words = {"BPA": "VPC Block Public Access", "EC": "VPC encryption controls"}.get(reason, clean(reason, 40))
        yield f"{_number(count, 'record')} rejected by {words}, not by a security group or network ACL"
    if tally.loose:
        yield (
            f"{_number(tally.loose, 'record')} matched by interface and ports alone where the primary address stands "
            "for another one, or a field is missing: log pkt-srcaddr and pkt-dstaddr to tell them apart"
        )
    if tally.other_ports:
        yield f"{_number(tally.other_ports, 'record')} between the same ends had client ports that were not asked about"
    if tally.twice:
        yield f"{_number(tally.twice, 'record')} found in several flow logs, counted once"
    if scan.skipped_data:
        yield (
            f"AWS skipped some records (SKIPDATA in {_number(scan.skipped_data, 'line')}): "
            "what is missing here may be among them"
        )
    if scan.malformed:
        shown = f", the first at {scan.places[0]}" if scan.places else ""
        yield f"{_number(scan.malformed, 'malformed line')} left out{shown}"
    if scan.outside:
        yield f"{_number(scan.outside, 'record')} of these interfaces outside of the time asked about"
    if recent and status == "silent":
        yield "records come up to 10 minutes late: the newest packets may not be there yet"


# -- words ---------------------------------------------------------------------------------------------------------


def _where(spot: Spot) -> str:
    return f"{clean(spot.sighting.interface_id, 64)} ({spot.sighting.direction})"


def _when(span: Span) -> str:
    return span.words()


def _records(span: Span) -> str:
    return _number(span.records, "record")


def _shown(spots: Sequence[Spot]) -> str:
    parts = []
    for spot in spots:
        if spot.rejected.records:
            parts.append(f"{_records(spot.rejected)} rejected at {_where(spot)}")
        if spot.accepted.records:
            parts.append(f"{_records(spot.accepted)} accepted at {_where(spot)}")
    return ", ".join(parts)


def _listed(names: Sequence[str]) -> str:
    shown = [clean(name, 64) for name in names[:3]]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(shown)}{more}"


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
