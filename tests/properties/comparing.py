"""The product's answer beside the reference's: what differs, told so that it can be asked again."""

from __future__ import annotations

import copy
from typing import Literal, NamedTuple

from tests.oracle.accounts import minimise
from tests.oracle.evaluator import Unanswerable
from tests.oracle.model import Json, Packet, address
from tests.oracle.questions import Answer as Reference
from tests.oracle.questions import Question, answer, interface_behind
from tests.oracle.routing import lookup, table_of_subnet
from tests.oracle.snapshot import Snapshot
from tests.properties.asking import ask, simpler, written
from tests.properties.worlds import with_rows
from whyblocked.diagnosis.answer import Answer
from whyblocked.errors import WhyblockedError
from whyblocked.network.addresses import is_public

Named = tuple[str, str, tuple[str, ...], int | None]
STARS = (32767, 32768)


class Compared(NamedTuple):
    """What was compared, the reference's verdict, and what differs: empty where the two agree."""

    kind: Literal["skipped", "verdict", "blockers"]
    verdict: str
    difference: tuple[str, ...] = ()


def compare(raw: Json, question: Question) -> Compared:
    try:
        reference = answer(raw, question)
    except Unanswerable:
        return Compared("skipped", "")
    expected = verdict_of(reference)
    if reference.doubts or beyond(raw, question):
        return Compared("skipped", expected)
    try:
        ours = ask(raw, question)
    except WhyblockedError as error:
        return Compared("verdict", expected, (f"whyblocked says {error.message}",))
    if ours.verdict != expected:
        return Compared("verdict", expected, (f"whyblocked says {ours.verdict}",))
    if expected not in ("blocked", "partial") or not reference.complete:
        return Compared("verdict", expected)
    if any(one.code == "ENI_DENIES_IGW_TRAFFIC" for one in ours.blocked_by):
        return Compared("verdict", expected)  # the reference blames the gateway for it
    mine, theirs = blamed(ours), named(reference)
    if (
        "forward",
        "internet-gateway",
        (),
        None,
    ) in mine & theirs:  # nothing comes in, whatever Block Public Access says
        mine, theirs = ({one for one in found if one[1] != "block-public-access"} for found in (mine, theirs))
    if any(one.code == "NO_INTERNET_GATEWAY" for one in ours.blocked_by):  # the one that a route names is detached
        mine, theirs = _nameless(mine), _nameless(theirs)
    wrong = [f"only whyblocked blames {one}" for one in sorted(mine - theirs, key=str)]
    wrong += [f"only the reference blames {one}" for one in sorted(theirs - mine, key=str)]
    return Compared("blockers", expected, tuple(wrong))


def _nameless(found: set[Named]) -> set[Named]:
    return {(leg, layer, () if layer == "internet-gateway" else ids, number) for leg, layer, ids, number in found}


def verdict_of(reference: Reference) -> str:
    """`partial` as soon as one packet surely passes and another surely does not."""
    verdicts = {outcome.verdict for _, outcome in reference.outcomes}
    return "partial" if {"allowed", "blocked"} <= verdicts else reference.verdict


def named(reference: Reference) -> set[Named]:
    return {
        (b.leg, b.layer, tuple(sorted(b.resource_ids)), _number(b.layer, b.rule_number))
        for _, outcome in reference.outcomes
        for b in outcome.blockers
    }


def blamed(ours: Answer) -> set[Named]:
    found: set[Named] = set()
    for one in ours.blocked_by:
        # The reference names no gateway where the gateway is not what is wrong.
        nameless = one.code == "IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS"
        ids = () if nameless else tuple(sorted(one.resource_ids))
        found.add((one.leg, one.layer, ids, _number(one.layer, (one.rule or {}).get("rule_number"))))
    return found


def _number(layer: str, number: int | None) -> int | None:
    """The last rule is the same one whether the account shows it or not."""
    return STARS[0] if layer == "network-acl" and number in (None, *STARS) else number


def beyond(raw: Json, question: Question) -> bool:
    """What the two read differently, each for a reason of its own, so that comparing them says nothing."""
    rows = [interface_behind(raw, end) for end in (question.source, question.destination)]
    return (
        question.source == question.destination  # the packets never leave the machine
        or any(_several(raw, end) for end in (question.source, question.destination))
        or _routed_privately(raw, question, rows[1])
        or _private_stranger(question, rows[0])
        or _alone(raw, question, rows[1])
    )


def _several(raw: Json, end: str) -> bool:
    """Of an instance with several interfaces the product asks every one, the reference the primary one."""
    if not end.startswith("i-"):
        return False
    return sum(one.get("Attachment", {}).get("InstanceId") == end for one in raw["NetworkInterfaces"]) > 1


def _routed_privately(raw: Json, question: Question, receiver: Json | None) -> bool:
    """A public source to which the destination has a route of its own: the product takes it as coming from there."""
    if receiver is None or question.source.startswith(("i-", "eni-")) or not is_public(address(question.source)):
        return False
    snapshot = Snapshot(raw)
    table = table_of_subnet(snapshot, receiver["VpcId"], receiver["SubnetId"])
    return table is not None and lookup(snapshot, table, question.source).kind not in ("none", "igw", "nat", "eigw")


def _private_stranger(question: Question, sender: Json | None) -> bool:
    """A private source that nobody owns asks for a public address: the product walks it as asked."""
    if sender is not None or question.source.startswith(("i-", "eni-")) or is_public(address(question.source)):
        return False
    return not question.destination.startswith(("i-", "eni-")) and is_public(address(question.destination))


def _alone(raw: Json, question: Question, receiver: Json | None) -> bool:
    """A lone ICMPv6 message from outside to a subnet that leaves by an egress-only gateway, in a VPC with an
    internet gateway: the product says that nothing begins outside, the reference looks at this one packet."""
    reply = Packet("", "", question.protocol, icmp_type=question.icmp_type, icmp_code=question.icmp_code).has_reply()
    if reply or receiver is None or question.source.startswith(("i-", "eni-")):
        return False
    snapshot = Snapshot(raw)
    table = table_of_subnet(snapshot, receiver["VpcId"], receiver["SubnetId"])
    return table is not None and lookup(snapshot, table, question.source).kind == "eigw"


def smallest(raw: Json, question: Question) -> str:
    """The same difference in the smallest account that shows it, with that account and the question."""
    found = compare(raw, question)

    def fails(account: Json, asked: Question) -> bool:
        try:
            return compare(with_rows(account), asked) == found
        except Exception:  # noqa: BLE001 - half an account may break either side in any way
            return False

    question = next((asked for asked in simpler(question) if fails(raw, asked)), question)
    raw = with_rows(minimise(copy.deepcopy(raw), lambda account: fails(account, question)))
    return "\n".join((f"the reference: {found.verdict}", *found.difference, written(raw, question)))
