"""The product's answer beside the wider reference's, for accounts with every component."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import product

from tests.oracle.crossing import balancers
from tests.oracle.crossing.walk import outcomes
from tests.oracle.evaluator import Unanswerable
from tests.oracle.model import Json, Outcome
from tests.oracle.questions import NAT_PORTS, Question, representatives
from tests.properties.asking import ask
from tests.properties.comparing import STARS, Compared
from whyblocked.diagnosis.answer import Answer
from whyblocked.errors import WhyblockedError

# The rules of these are named one by one; of others the layer counts.
RULED = ("network-acl", "security-group", "route-table")
SAME = {"target-group": "load-balancer"}
UNSERVED = {"ELBV2_NO_TARGETS_IN_AZ", "ELB_INSTALLED_AZ_RESTRICTION"}  # in a zone that is not enabled
Named = tuple[str, str, tuple[str, ...], int | None]


def reference(account: Json, asked: Question) -> list[Outcome]:
    found: list[Outcome] = []
    if asked.destination == "shop":
        client = asked.source_ports[0] if asked.source_ports else None
        for own in representatives(account, *NAT_PORTS):
            found += balancers.outcomes(account, asked, client, own)
        return found
    ports: list[int | None] = [None]
    nats: list[int | None] = [None]
    if asked.source_ports:
        ports = [*representatives(account, *asked.source_ports)]
        nats = [*representatives(account, *NAT_PORTS)] if account.get("NatGateways") else [None]
    for port, nat_port in product(ports, nats):
        found += outcomes(
            account,
            *(asked.source, asked.destination, asked.protocol, port, asked.destination_port),
            *(asked.icmp_type, asked.icmp_code),
            nat_port=nat_port,
        )
    return found


def verdict_of(found: Iterable[Outcome]) -> str:
    verdicts = {one.verdict for one in found}
    if {"allowed", "blocked"} <= verdicts:
        return "partial"
    return "undetermined" if "undetermined" in verdicts else verdicts.pop()


def compare(account: Json, asked: Question) -> Compared:
    try:
        found = reference(account, asked)
    except Unanswerable:
        return Compared("skipped", "")
    expected = verdict_of(found)
    if any(one.doubts for one in found):
        return Compared("skipped", expected)
    try:
        ours = ask(account, asked)
    except WhyblockedError as error:
        return Compared("verdict", expected, (f"whyblocked says {error.message}",))
    if ours.verdict != expected:
        return Compared("verdict", expected, (f"whyblocked says {ours.verdict}", *told(ours, found)))
    if asked.destination == "shop" and (otherwise := tuple(targets_otherwise(ours, found))):
        return Compared("verdict", expected, otherwise)
    if expected in ("blocked", "partial"):
        return Compared("blockers", expected, tuple(blamed_otherwise(ours, found)))
    return Compared("verdict", expected)


def targets_otherwise(ours: Answer, found: list[Outcome]) -> Iterable[str]:
    """What the load balancer's targets have another verdict for, where every packet came to one of them."""
    theirs: dict[tuple[str | None, str | None, int | None], list[Outcome]] = {}
    for one in found:
        if one.target is not None:
            theirs.setdefault(one.target, []).append(one)
        elif ("forward", "load-balancer") not in {(blocker.leg, blocker.layer) for blocker in one.blockers}:
            return
    expected = {target: verdict_of(several) for target, several in theirs.items()}
    mine = {
        (target.target_group, target.address, target.port): target.verdict
        for target in ours.targets
        if not {stop.code for stop in target.blocked_by} & UNSERVED
    }
    for target in sorted({*mine, *expected}, key=str):
        if mine.get(target) != expected.get(target):
            yield f"target {target}: whyblocked says {mine.get(target)}, the reference {expected.get(target)}"


def blamed_otherwise(ours: Answer, found: list[Outcome]) -> Iterable[str]:
    mine = [named(one.leg, one.layer, one.resource_ids, (one.rule or {}).get("rule_number")) for one in ours.blocked_by]
    each = [[named(b.leg, b.layer, b.resource_ids, b.rule_number) for b in one.blockers] for one in found]
    first = {one[0] for one in each if one}
    if not any(together(mine[0], one) for one in first):
        yield f"whyblocked blames {mine[0]} first, the reference {sorted(first, key=str)}"
    if not all(one.complete for one in found):
        return
    theirs = {one for blockers in each for one in blockers}
    layers = {layer for _, layer, _, _ in mine}  # a gateway that refuses either way need not be named twice
    for one in sorted(theirs - set(mine), key=str):
        if one[1:3] == ("network-firewall", ()) and one[0] == "return":
            continue  # half a connection is told of what nothing else stops
        if one[1] in RULED or one[1] not in layers:
            yield f"only the reference blames {one}"
    layers = {layer for _, layer, _, _ in theirs}
    for one in sorted(set(mine) - theirs, key=str):
        if one[1] in RULED or one[1] not in layers:
            yield f"only whyblocked blames {one}"


def together(one: Named, other: Named) -> bool:
    """The same, or both at the same place: AWS does not say which comes first there."""
    same = (("security-group", "instance", "interface", "vpc-endpoint"), ("internet-gateway", "block-public-access"))
    return one == other or (one[0] == other[0] and any({one[1], other[1]} <= set(place) for place in same))


def named(leg: str, layer: str, ids: Iterable[str], number: int | None) -> Named:
    if layer not in RULED:
        return leg, SAME.get(layer, layer), (), None
    return leg, layer, tuple(sorted(ids)), (number if number not in STARS else None) if layer == "network-acl" else None


def told(ours: Answer, found: list[Outcome]) -> Iterable[str]:
    yield from (f"  we: {one.leg} {one.layer} {','.join(one.resource_ids)} {one.code}" for one in ours.blocked_by)
    yield from (f"  we miss: {one}" for one in ours.missing)
    for one in found:
        yield f"  ref: {one.verdict} {[b.short() for b in one.blockers]} {one.unknowns}"


def written(account: Json, asked: Question) -> str:
    rest = {key: value for key, value in account.items() if key != "SecurityGroupRules"}
    return f"{asked!r}\nwhyblocked {' '.join(asked.arguments())}\naccount = json.loads({json.dumps(rest)!r})"
