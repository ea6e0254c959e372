"""Rejected flows in the order and the words in which people read them; text and Markdown only dress this up."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from whyblocked.diagnosis.answer import Finding
from whyblocked.diagnosis.causes import LATE_PACKETS, NOBODY
from whyblocked.diagnosis.judging import UNHEARD
from whyblocked.diagnosis.owners import owners
from whyblocked.diagnosis.summing import (
    CHANGED,
    ELSEWHERE,
    INTERNET,
    LATE_ONES,
    LOST,
    OWN,
    SCANS,
    UNTOLD,
    Entry,
    add_up,
)
from whyblocked.report.words import count_words, kind_words, rule_words, size_words, span_words
from whyblocked.text import clean

if TYPE_CHECKING:
    from whyblocked.diagnosis.rejects import By, Explained, Rejects
    from whyblocked.report.words import Mark

_TITLES: dict[int, tuple[str, str]] = {
    OWN: ("Between your own addresses", ""),
    LOST: ("Lost by a transit gateway", ""),
    INTERNET: ("To and from the internet", ""),
    UNTOLD: ("Not explained", "the rules can not be read, or the records do not tell enough"),
    CHANGED: ("Allowed by today's rules", "they changed since, or the security group had forgotten the connection"),
    ELSEWHERE: ("At interfaces that are not in the configuration", "they are gone, or in another account or Region"),
    SCANS: ("Internet scanners", "strangers that knock everywhere; nothing is to be done"),
    LATE_ONES: ("Late packets of closed connections", "nobody has to open a rule for them"),
}
_MARKS: dict[int, Mark] = {OWN: "no", LOST: "no", INTERNET: "no", UNTOLD: "unknown"}
_FOLDED = (SCANS, LATE_ONES)
_STATUSES = {
    "now-allowed": "no rule refuses it now",
    "unknown-interface": "which rules decided there is not known",
}
_NAME = 60


class Item(NamedTuple):
    """Groups that belong together: why they were rejected, how much it is, the biggest of them, and what to do.

    ``more``: how many flows there are besides those, empty where there is none.
    ``changes`` are what let the biggest pass since, each once.
    """

    mark: Mark
    title: str
    amount: str
    flows: list[str]
    more: str
    near: str
    next_step: str | None
    command: str | None
    changes: list[str]


class Section(msgspec.Struct, frozen=True):
    """A part of the report."""

    title: str
    words: str
    items: list[Item]


class Story(msgspec.Struct, frozen=True):
    """The whole report, all of it safe to show."""

    mark: Mark
    title: str
    counts: str
    sections: list[Section]
    hidden: str | None
    remarks: list[str]


def story(found: Rejects, by: By) -> Story:
    """The report of rejected flows, put together ``by`` what was asked."""
    total = add_up(found, by)
    shown = {
        row: found.explained(row, near=1 if row == entry.rows[0] and entry.section not in _FOLDED else 0)
        for entry in total.entries
        for row in entry.rows
    }
    ends = [end for group in shown.values() for end in (group.source, group.destination)]
    names = owners(found.places.account, ends, [group.interface_id for group in shown.values()])
    sections = []
    for number in sorted({entry.section for entry in total.entries}):
        title, words = _TITLES[number]
        groups, packets = total.sections[number]
        amount = f"{count_words(groups, 'flow')}, {count_words(packets, 'packet')}"
        items = [_item(entry, found, shown, names, by) for entry in total.entries if entry.section == number]
        sections.append(Section(title, f"{amount}: {words}" if words else amount, items))
    mark, title = _headline(found)
    return Story(
        mark=mark,
        title=title,
        counts=_counts(found.scanned),
        sections=sections,
        hidden=count_words(total.hidden, "more entry", "more entries") if total.hidden else None,
        remarks=[clean(remark, 500) for remark in found.remarks],
    )


def _headline(found: Rejects) -> tuple[Mark, str]:
    """What came of it; a good end only where records were read and none of them was rejected."""
    rejected = len(found.table)
    if rejected:
        return "no", count_words(rejected, "REJECTED FLOW", "REJECTED FLOWS")
    if found.scanned["rejected"]:
        return "pass", "NOTHING REJECTED AMONG WHAT WAS ASKED FOR"
    if found.scanned["records"] == found.scanned["malformed"]:
        return "pass", "NO RECORD WAS READ"
    return "yes", "NOTHING WAS REJECTED"


def _counts(scanned: dict[str, int]) -> str:
    """``14 records in 1 file: 9 accepted, 3 rejected, 1 without data``."""
    kinds = (
        ("accepted", "accepted"),
        ("rejected", "rejected"),
        ("no_data", "without data"),
        ("skipped_data", "skipped by AWS"),
        ("malformed", "malformed"),
    )
    words = ", ".join(f"{scanned[key]:,} {words}" for key, words in kinds if scanned[key])
    where = f" in {count_words(scanned['files'], 'file')}" if scanned["files"] else ""
    return f"{count_words(scanned['records'], 'record')}{where}{f': {words}' if words else ''}"


def _item(entry: Entry, found: Rejects, shown: dict[int, Explained], names: dict[str, str], by: By) -> Item:
    first = shown[entry.rows[0]]
    cause = None if entry.section in _FOLDED else first.cause
    alone = entry.groups == 1
    near = "" if cause is None or not cause.near_misses else _near(cause)
    return Item(
        mark=_MARKS.get(entry.section, "pass"),
        title=clean(_title(entry, found, first, names, by), 400),
        amount=clean(_amount(entry), 400),
        flows=[clean(_flow(row, shown[row], found, names, by, alone=alone), 400) for row in entry.rows],
        more=f"and {entry.groups - len(entry.rows):,} more; --output csv --top 0 lists every flow"
        if entry.groups > len(entry.rows)
        else "",
        near=near if alone or not near else f"for the first, {near}",
        next_step=clean(cause.next_step, 500) if alone and cause and cause.next_step else None,
        command=clean(cause.command, 4000) if alone and cause and cause.command else None,
        changes=_changes([shown[row] for row in entry.rows]),
    )


def _title(entry: Entry, found: Rejects, first: Explained, names: dict[str, str], by: By) -> str:
    if by == "source":
        return f"from {_named(first.source, names)}"
    if by == "destination":
        return f"to {_named(first.destination, names)}"
    if by == "interface":
        return f"at {_named(first.interface_id, names)}"
    if by == "port":
        return _traffic(first)
    return _why(entry.rows[0], first, found, alone=entry.interfaces == 1)


def _why(row: int, group: Explained, found: Rejects, *, alone: bool) -> str:
    """Why the group in this row was rejected; ``alone``: nothing but its own interface is meant."""
    if group.cause is not None and group.status == "unexplained":
        return group.cause.summary.rstrip(".")
    if group.cause is not None:
        return _rule(group.cause, found, alone=alone)
    if group.status in _STATUSES:
        return _STATUSES[group.status]
    if found.judged.work[row] == UNHEARD:
        return f"the records give a reason that is not known here: {found.table[row].reject_reason}"
    if group.direction is None:
        return "neither end is an address of the interface, and the records have no flow-direction"
    return "the rules that decide could not all be read"


def _rule(cause: Finding, found: Rejects, *, alone: bool) -> str:
    """What refused, without the one interface of a group: its rules may stand at many."""
    account = found.places.account
    known = {g: group.group_name for g in cause.resource_ids if (group := account.security_groups.get(g))}
    ids = [f"{g} ({clean(name, _NAME)})" if (name := known.get(g)) else g for g in cause.resource_ids]
    way = "inbound" if cause.direction == "ingress" else "outbound"
    if cause.layer == "security-group":
        if cause.code == "SG_HAS_NO_RULES":
            return f"{', '.join(ids)}: no {way} rules at all"
        late = ", and by the ports these are late answers" if cause.next_step == NOBODY else ""
        return f"no {way} rule of {' or '.join(ids)} allows it{late}"
    if cause.layer == "network-acl" and cause.rule is not None:
        reply = " (replies to accepted requests)" if cause.leg == "return" else ""
        return f"{kind_words(cause.layer)} {', '.join(ids)}: {rule_words(cause.rule, cause.direction)}{reply}"
    if cause.code == LATE_PACKETS:
        return "none of them opens a connection (no SYN)"
    if alone or not cause.resource_ids:
        return cause.summary.rstrip(".")
    return cause.summary.partition(f" at {cause.resource_ids[0]}")[0].rstrip(".")


def _amount(entry: Entry) -> str:
    """``412 sources -> 3 ports of 2 destinations, 1,203 packets (90.1 kB)``, with the time."""
    words = ""
    if entry.groups > 1:
        ports = f"{count_words(entry.ports, 'port')} of " if entry.ports else ""
        words = f"{count_words(entry.sources, 'source')} -> {ports}{count_words(entry.destinations, 'destination')}"
        if entry.interfaces > 1:
            words += f" at {count_words(entry.interfaces, 'interface')}"
        words += ", "
    words += f"{count_words(entry.packets, 'packet')}, {size_words(entry.bytes)}"
    from whyblocked.diagnosis.rejects import time_text

    first, last = time_text(entry.first_seen), time_text(entry.last_seen)
    return f"{words}, {span_words(first, last)}" if first and last else words


def _flow(row: int, group: Explained, found: Rejects, names: dict[str, str], by: By, *, alone: bool) -> str:
    """``203.0.113.5 -> 10.0.1.10 (web-1) tcp/22, 9 packets, ingress at eni-1``; its reason where not all share it."""
    words = _ends(group, names)
    if not alone:
        words += f", {count_words(group.packets, 'packet')}"
    words += f", {_where(group)}"
    if by != "rule":
        words += f": {_why(row, group, found, alone=True)}"
    too = group.cause.summary.partition("; ")[2].rstrip(".") if group.cause else ""
    return f"{words}; {too}" if too else words


def _changes(groups: list[Explained]) -> list[str]:
    """``since 2026-11-23 14:02:31 UTC: AuthorizeSecurityGroupIngress on sg-web: added ..., by role/deploy``."""
    found = {group.change.event_id or group.change.summary: group.change for group in groups if group.change}
    if not found:
        return []
    from whyblocked.report.changes import changed  # which a run that looks for no changes does without

    return [clean(f"since {one.when}: {one.what}, {one.who}", 500) for one in map(changed, found.values())]


def followed(group: Explained, names: dict[str, str]) -> str:
    """A group in one line, with its time and its reason."""
    when = f"{group.last_seen or group.first_seen} " if group.last_seen or group.first_seen else ""
    words = f"{_ends(group, names)}, {count_words(group.packets, 'packet')}, {_where(group)}"
    why = group.cause.summary.rstrip(".") if group.cause else _STATUSES.get(group.status, group.status)
    return clean(f"{when}{words}: {why}", 1000)


def _ends(group: Explained, names: dict[str, str]) -> str:
    return f"{_named(group.source, names)} -> {_named(group.destination, names)} {_traffic(group)}"


def _where(group: Explained) -> str:
    return f"{group.direction} at {group.interface_id}" if group.direction else f"at {group.interface_id}"


def _traffic(group: Explained) -> str:
    protocol = f"protocol {group.protocol}" if group.protocol.isdigit() or group.protocol == "-" else group.protocol
    return protocol if group.destination_port is None else f"{protocol}/{group.destination_port}"


def _near(cause: Finding) -> str:
    miss = cause.near_misses[0]
    return clean(f"{rule_words(miss.rule, cause.direction, of_group=True)}: {miss.summary}", 500)


def _named(text: str, names: dict[str, str]) -> str:
    return f"{text} ({clean(names[text], _NAME)})" if text in names else text
