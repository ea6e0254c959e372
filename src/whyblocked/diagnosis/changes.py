"""What changed: events of CloudTrail's on the resources that decide, and whether they may have caused the verdict.

An event may have caused it by what it did, not by its time alone: the rule that was taken away would have allowed the
packets, the rule that decides was put there by it, the route led to where they go. Nothing of this settles a verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from whyblocked.config.account import Account
from whyblocked.config.addresses import private_addresses
from whyblocked.config.trail import Event, Heard, Told, Trail
from whyblocked.diagnosis import trail_addresses as addresses
from whyblocked.diagnosis import trail_rules as rules
from whyblocked.diagnosis.answer import Answer, Change, Turn
from whyblocked.diagnosis.request import ChangesRequest
from whyblocked.diagnosis.suspects import Decider, deciders, lookups, numbered
from whyblocked.diagnosis.trail_words import did, groups_in, named
from whyblocked.flowlogs.window import iso
from whyblocked.network.packets import EVERYWHERE, Interval, Packets, intersect, span
from whyblocked.network.rules import GroupRule
from whyblocked.network.walk import Walk

MOST = 20
"""Changes in an answer; more are counted."""
_EARLY = 10 * 60  # the longest interval that a record stands for: the change may be older than the last packet in it
_LATE = 60  # records may begin so much earlier than the change by the clock of CloudTrail

SURE, PERHAPS, NOT = 2, 1, 0


class Judged(NamedTuple):
    """How likely an event is to have caused the verdict, and why."""

    likely: int
    why: str | None = None


class Looking:
    """The look for what changed, under way while flow logs are read.

    Where nothing blocks it waits for them: then only a rejected record makes changes worth the calls.
    """

    def __init__(self, account: Account, walk: Walk, request: ChangesRequest) -> None:
        self._account, self._request = account, request
        self._deciders = deciders(walk)
        self._trail: Trail | None = None
        if walk.blockers or request.always or is_free(account):
            self._trail = hear(account, self._deciders, request)

    def told(self, answer: Answer) -> Answer:
        """The answer with the changes, joined with its evidence."""
        if self._trail is None:
            if not answer.evidence.rejected:
                return answer
            self._trail = hear(self._account, self._deciders, self._request)
        heard = self._trail.heard()
        turn = answer.evidence.turn
        found = changes(self._account, self._deciders, heard.events, turn)
        notes = list(heard.notes)
        empty = _has_no_events(self._account)
        if empty and self._request.always:
            notes.append("the snapshot holds no CloudTrail events")
        if not found and not notes and not isinstance(self._trail, Told):
            notes.append("no change of what decides this is in CloudTrail's events of that time")
        if len(found) > MOST:
            notes.append(f"{len(found) - MOST} more changes of these resources are not listed")
        return msgspec.structs.replace(
            answer,
            changes=found[:MOST],
            change_summary=None if empty else _story(turn, found, heard),
            change_notes=notes,
        )


def is_free(account: Account) -> bool:
    """Whether the source tells of changes without asking anybody."""
    return bool(getattr(account.source, "trail", None))


def _has_no_events(account: Account) -> bool:
    """Whether the source is a snapshot without a file of events: then it tells nothing of changes, also not of none."""
    return getattr(account.source, "trail", None) is not None and not is_free(account)


def hear(account: Account, found: Sequence[Decider], request: ChangesRequest, most: int | None = None) -> Trail:
    """Begin to look for what was changed of these resources; ``most`` look-ups, else as many as are worth it."""
    begin = getattr(account.source, "hear", None)
    if begin is None or not found:
        return Told(Heard([], []))
    trail: Trail = begin(lookups(found, most), request.since, request.now)
    return trail


def changes(
    account: Account, found: Sequence[Decider], events: Iterable[Event], turn: Turn | None = None
) -> list[Change]:
    """The events that are about a decider: what may have caused the verdict first, then the newest."""
    ranked = []
    events = list(events)
    taken = addresses.lost(events) if any(one.unaddressed for one in found) else {}
    for event in events:
        of_addresses = event.name in addresses.EVENTS and any(one.unaddressed for one in found)
        about, judgement = _took(event, found, taken) if of_addresses else judged(event, found, account)
        if about:
            near = judgement.likely > NOT and _is_near(event, turn)
            rank = (not near, -judgement.likely, -event.time, event.event_id)
            ranked.append((rank, told(event, about, judgement, account)))
    ranked.sort(key=lambda entry: entry[0])
    return [change for _, change in ranked]


def judged(event: Event, found: Iterable[Decider], account: Account) -> tuple[list[Decider], Judged]:
    """The deciders that an event is about, and how likely it is to have made one of them decide as it does."""
    about = [one for one in found if _is_about(event, one)]
    best = max((_judge(event, one, account) for one in about), key=lambda j: j.likely, default=Judged(NOT))
    return about, best


_WHOSE = "whose public address it took away is not told"


def _took(
    event: Event, found: Sequence[Decider], taken: Mapping[str, frozenset[str] | None]
) -> tuple[list[Decider], Judged]:
    """The same of an event about a public address, where one is missing."""
    holders = taken[addresses.key(event)]
    hosts = [one for one in found if one.unaddressed]
    about = [one for one in hosts if holders is not None and one.id in holders]
    if about:
        moved = event.name == "AssociateAddress"
        return about, Judged(
            SURE, f"it {'gave the public address to another' if moved else 'took the public address away'}"
        )
    named = [one for one in found if _is_about(event, one)]
    if not named and holders is None and event.name == "DisassociateAddress":
        return hosts, Judged(PERHAPS, _WHOSE)
    return named, Judged(NOT)


def told(event: Event, about: Sequence[Decider], judgement: Judged, account: Account) -> Change:
    """An event as answers show it."""
    ids = list(dict.fromkeys(one.id for one in about if one.kind != "block-public-access" or one.id in event.mentions))
    if judgement.why == _WHOSE:
        ids = []
    what = did(event)
    on = f" on {', '.join(named(account, one) for one in ids)}" if ids else ""
    return Change(
        time=_iso(event.time),
        event_name=event.name,
        event_id=event.event_id or None,
        resource_ids=ids,
        by=event.by,
        source_address=event.source_address or None,
        user_agent=event.agent or None,
        console=event.console,
        account_id=event.account_id or None,
        region=event.region or None,
        summary=f"{event.name}{on}{f': {what}' if what else ''}.",
        may_have_caused=judgement.likely > NOT,
        why=judgement.why,
    )


def _iso(seconds: int) -> str:
    try:
        return iso(seconds)
    except (OverflowError, ValueError, OSError):  # no time that a calendar has
        return str(seconds)


# -- with the records ---------------------------------------------------------------------------------------------


def _is_near(event: Event, turn: Turn | None) -> bool:
    """Whether the event lies where the records turned."""
    if turn is None:
        return False
    until, since = (int(datetime.fromisoformat(text).timestamp()) for text in (turn.until, turn.since))
    return until - _EARLY <= event.time <= since + _LATE


def _story(turn: Turn | None, found: Sequence[Change], heard: Heard) -> str | None:
    """The records and the change that fits them, in one line."""
    suspect = found[0] if found and found[0].may_have_caused else None
    if turn is None:
        return None if suspect is None else f"{_event(suspect, '')}."
    day = turn.since[:10]
    records = f"{turn.before} until {_clock(turn.until, day)}, {turn.after} since {_clock(turn.since, day)} UTC"
    if suspect is not None:
        return f"{records}; {_event(suspect, day)}."
    if heard.notes:
        return f"{records}; which change that was can't be told."
    return f"{records}; CloudTrail tells of no change that would explain it (it may be 15 minutes late)."


def _event(change: Change, day: str) -> str:
    on = f" on {' and '.join(change.resource_ids)}" if change.resource_ids else ""
    return f"{change.event_name}{on} at {_clock(change.time, day)} by {change.by}"


def _clock(time: str, day: str) -> str:
    """``14:02:31``, with its date where that is another."""
    return time[11:19] if time[:10] == day else time.replace("T", " ").rstrip("Z")


# -- whether it may have caused it ----------------------------------------------------------------------------------


def _is_about(event: Event, one: Decider) -> bool:
    if not one.ids.isdisjoint(event.mentions):
        return True
    return one.kind == "block-public-access" and "BlockPublicAccess" in event.name


def _judge(event: Event, one: Decider, account: Account) -> Judged:
    """Whether the event may be why ``one`` does what it does."""
    if event.name in rules.GROUP_RULES:
        return _group_rules(event, one, account) if one.kind == "security-group" else Judged(NOT)
    if event.name in rules.ACL_RULES:
        return _acl_rule(event, one) if one.kind == "network-acl" else Judged(NOT)
    if event.name in rules.ROUTES and one.kind != "prefix-list":
        return _route(event, one)
    if event.name == "ModifyManagedPrefixList":
        return _prefix_list(event, one)
    if event.name in ("ModifyNetworkInterfaceAttribute", "ModifyInstanceAttribute"):
        return _attribute(event, one)
    if event.name in ("ReplaceNetworkAclAssociation", "ReplaceRouteTableAssociation", "AssociateRouteTable"):
        put = not one.also.isdisjoint(event.mentions)
        what = "network ACL" if one.kind == "network-acl" else "route table"
        return Judged(SURE, f"it put the subnet under this {what}") if put else Judged(NOT)
    if one.blocks:
        beside = one.layer in ("security-group", "route-table", "network-firewall")  # what stands there is not to blame
        return Judged(NOT) if beside else Judged(PERHAPS, "it is about what blocks")
    return Judged(PERHAPS, "it is about what lets this pass now") if event.name in _OPENING else Judged(NOT)


_OPENING = frozenset(
    {
        *("AttachInternetGateway", "CreateNatGateway", "AssociateAddress", "AcceptVpcPeeringConnection"),
        *("StartInstances", "ModifyVpcBlockPublicAccessOptions", "CreateVpcBlockPublicAccessExclusion"),
        *("CreateListener", "ModifyListener", "RegisterTargets", "AssociateTransitGatewayRouteTable"),
        *("EnableTransitGatewayRouteTablePropagation", "CreateTransitGatewayVpcAttachment", "CreateVpcEndpoint"),
    }
)


def _group_rules(event: Event, one: Decider, account: Account) -> Judged:
    """A security group's rules: added, taken away, or changed into others."""
    found = [rule for rule in rules.group_rules(event) if event.name[0] == "M" or rule.direction == one.direction]
    wrong_way = event.name[0] != "M" and one.direction is not None and not event.name.lower().endswith(one.direction)
    if wrong_way:
        return Judged(NOT)
    hits = [_allows(rule, one.packets, account) for rule in found]
    if event.name.startswith("Revoke"):
        if not one.blocks:
            return Judged(NOT)
        if not found:
            return Judged(PERHAPS, "which rule it took away is not told")
        if True in hits:
            return Judged(SURE, "the rule that it took away would have allowed this")
        return Judged(PERHAPS, "the rule that it took away may have allowed this") if None in hits else Judged(NOT)
    if event.name == "ModifySecurityGroupRules":
        ids = set(rules.rule_ids(event))
        if not one.blocks:
            decides = (one.rule or {}).get("rule_id") in ids or (one.rule is None and True in hits)
            return Judged(SURE, "it changed the rule that allows this now") if decides else Judged(NOT)
        return Judged(NOT) if True in hits else Judged(PERHAPS, "what the rule was before is not told")
    if one.blocks:
        return Judged(NOT)
    return Judged(SURE, "the rule that it added allows this") if True in hits else Judged(NOT)


def _allows(rule: GroupRule, packets: Iterable[Packets], account: Account) -> bool | None:
    """Whether the rule allows any of the packets; None where whom it means is not known."""
    unsure = False
    for box in packets:
        if rule.kind == "cidr" and (rule.version != box.version or rule.block is None):
            continue
        spans = [rule.block] if rule.kind == "cidr" and rule.block else _peers(rule, box, account)
        if any(intersect(box, rule.box(box.version, peer)) for peer in spans or ()):
            return True
        unsure |= spans is None and intersect(box, rule.box(box.version, EVERYWHERE[box.version])) is not None
    return None if unsure else False


def _peers(rule: GroupRule, box: Packets, account: Account) -> list[Interval] | None:
    """Whom a prefix list or group means, as far as the account is known already; None where it is not."""
    if rule.kind == "prefix-list":
        blocks = account.prefix_lists.get(rule.peer)
        spans = [rules.block_of(cidr) for cidr in blocks or ()]
        return None if blocks is None else [found[1] for found in spans if found and found[0] == box.version]
    carriers = [i for i in account.interfaces.values() if any(g.group_id == rule.peer for g in i.groups)]
    return [span(a) for i in carriers for a in private_addresses(i) if a.version == box.version] or None


def _acl_rule(event: Event, one: Decider) -> Judged:
    """A numbered rule of a network ACL."""
    if one.direction is not None and rules.is_egress(event) != (one.direction == "egress"):
        return Judged(NOT)
    number, decides, rule = rules.acl_number(event), numbered(one), rules.acl_rule_of(event)
    touches = rule is not None and any(intersect(box, rule.box) for box in one.packets)
    if event.name == "DeleteNetworkAclEntry":
        if number is None or (decides is not None and number >= decides):
            return Judged(NOT)
        where = "" if decides is None else ", but it stood before the rule that decides now"
        return Judged(PERHAPS, f"what it {'allowed' if one.blocks else 'denied'} is not told{where}")
    if rule is None or not touches:
        changed = event.name == "ReplaceNetworkAclEntry" and rule is not None and one.blocks and rule.allow
        before = number is not None and (decides is None or number < decides)
        return Judged(PERHAPS, "what the rule was before is not told") if changed and before else Judged(NOT)
    if rule.allow == one.blocks:
        return Judged(NOT)
    if number == decides or (decides is None and not one.blocks):
        return Judged(SURE, f"it made the rule that {'denies' if one.blocks else 'allows'} this")
    return Judged(NOT)


def _route(event: Event, one: Decider) -> Judged:
    """A route of a VPC's or a transit gateway's route table."""
    text = rules.destination(event)
    deciding = str((one.rule or {}).get("destination") or "")
    found, decides = rules.block_of(text), rules.block_of(deciding)
    leads = found is None or any(box.version == found[0] and _overlap(box.destination, found[1]) for box in one.packets)
    if not leads or one.kind not in ("route-table", "transit-gateway", "transit-gateway-route-table"):
        return Judged(NOT)
    if event.name.startswith("Delete"):
        narrower = found is None or decides is None or _size(found[1]) <= _size(decides[1])
        if narrower and (one.blocks or deciding):
            return Judged(SURE if one.blocks else PERHAPS, "the route that it took away was for these packets")
        return Judged(NOT)
    if text == deciding:
        return Judged(SURE, "it made the route that decides")
    return Judged(NOT)


def _overlap(a: Interval, b: Interval) -> bool:
    return a[0] <= b[1] and b[0] <= a[1]


def _size(interval: Interval) -> int:
    return interval[1] - interval[0]


def _prefix_list(event: Event, one: Decider) -> Judged:
    """Entries of a prefix list that a rule or route names."""
    if one.kind != "prefix-list":
        return Judged(NOT)
    found = [rules.block_of(cidr) for cidr in rules.entries(event, "removeEntry" if one.blocks else "addEntry")]
    blocks = [block for block in found if block is not None]
    for box in one.packets:
        spans = [span for version, span in blocks if version == box.version]
        if any(_overlap(span, side) for span in spans for side in (box.source, box.destination)):
            return Judged(SURE, f"the block that it {'took away' if one.blocks else 'added'} holds these addresses")
    return Judged(NOT)


def _attribute(event: Event, one: Decider) -> Judged:
    """The groups of an interface or instance, or its check of source and destination."""
    if groups_in(event):
        of_groups = one.kind == "security-group" or one.layer in ("security-group", "")
        return Judged(PERHAPS, "it decided which security groups stand there") if of_groups else Judged(NOT)
    return Judged(PERHAPS, "it is about what blocks") if one.layer in ("interface", "instance") else Judged(NOT)
