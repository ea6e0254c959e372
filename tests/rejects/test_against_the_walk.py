"""Flows that are walked first, then told as flow log records: each rejected one is blamed on what the walk blames."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle.accounts import random_account
from tests.oracle.model import TCP, UDP, Json
from tests.oracle.questions import Question, random_question
from tests.oracle.routing import lookup, table_of_subnet
from tests.oracle.snapshot import Snapshot
from tests.oracle.walk import Walk as Reference
from tests.properties.asking import SOAK, account_of, question_of, written
from tests.properties.worlds import changed_world, denying_world, likely_question, picky_world, serving_world
from tests.rejects.labelled import (
    FORMATS,
    V5,
    Seen,
    Verdict,
    distinct,
    found_in,
    groups_of,
    key_of,
    last_of_all,
    record,
    verdict_of,
)
from whyblocked.api import Session
from whyblocked.errors import WhyblockedError
from whyblocked.network.packets import Interval, Packets
from whyblocked.network.sighting import Sighting
from whyblocked.network.walk import Walk

FILTERS = ("security-group", "network-acl")
WORLDS = (picky_world, denying_world, changed_world, serving_world, random_account)
FLOWS = 80  # an account
ELSEWHERE = Seen("eni-elsewhere", "ingress", "forward", "192.0.2.1", "192.0.2.2", TCP, 40000, 443)  # was accepted


def flows_of(raw: Json, session: Session, form: str, rng: Random) -> list[list[Seen]]:
    """Random flows of an account, none of whose records could be taken for another's."""
    ask = random_question if "i-web" not in str(raw["Reservations"]) else likely_question
    questions = [ask(rng, raw) for _ in range(FLOWS)]
    flows = (flow for asked in questions if (flow := walked(session, single(asked, rng), rng)))
    return distinct(flows, raw, form)


def single(asked: Question, rng: Random) -> Question:
    """The question about one source port, one that clients use, and a port that servers use."""
    if asked.source_ports is None:
        return asked
    port = asked.destination_port if asked.destination_port != 65535 else 8443
    return replace(asked, source_ports=(rng.randint(32768, 60999),) * 2, destination_port=port)


def walked(session: Session, asked: Question, rng: Random) -> list[Seen]:
    """What happens to one packet and its reply at every interface, until one refuses it."""
    try:
        _, walk = session.walk(question_of(asked))
    except WhyblockedError:  # no such address, both ends outside, ...
        return []
    reached = [sighting for sighting in walk.sightings() if sighting.reached]
    nat_port = _nat_port(reached, rng)
    flow: list[Seen] = []
    for sighting in reached:
        if sighting.unknown or len(sighting.packets) != 1:
            break
        seen = _seen(walk, sighting, nat_port)
        if seen is None:
            break
        flow.append(seen)
        if seen.verdict:
            break
    return flow


def _nat_port(reached: list[Sighting], rng: Random) -> int:
    """The port that a NAT gateway takes: one whose packets are refused, if there is one."""
    for sighting in reached:
        for box in sighting.rejected[:1]:
            for low, high in (box.source_ports, box.destination_ports):
                if low < high and box.protocol[0] in (TCP, UDP):
                    return rng.randint(low, high)
    return rng.randint(1024, 65535)


def _seen(walk: Walk, sighting: Sighting, nat_port: int) -> Seen | None:
    box = sighting.packets[0]
    protocol = box.protocol[0]
    has_ports = protocol in (TCP, UDP)

    def port(span: Interval) -> int:
        return 0 if not has_ports else span[0] if span[0] == span[1] else nat_port

    address = IPv4Address if box.version == 4 else IPv6Address
    seen = Seen(
        interface_id=sighting.interface_id,
        direction=sighting.direction,
        leg=sighting.leg,
        source=str(address(box.source[0])),
        destination=str(address(box.destination[0])),
        protocol=protocol,
        source_port=port(box.source_ports),
        destination_port=port(box.destination_ports),
        icmp_type=box.destination_ports[0] if protocol in (1, 58) else None,
    )
    if not any(_holds(part, seen) for part in sighting.rejected):
        return seen
    for blocker in walk.blockers:
        here = sighting.interface_id if blocker.layer == "security-group" else sighting.subnet_id
        if (
            blocker.layer in FILTERS
            and (blocker.leg, blocker.direction) == (sighting.leg, sighting.direction)
            and here in (blocker.interface_id, blocker.subnet_id)
            and any(_holds(part, seen) for part in blocker.packets)
        ):
            number = last_of_all((blocker.rule or {}).get("rule_number"))
            ids = tuple(sorted(blocker.resource_ids))
            return replace(seen, verdict=Verdict(blocker.layer, sighting.leg, sighting.direction, ids, number))
    return None  # its address is another's as well, and that one refuses


def _holds(box: Packets, seen: Seen) -> bool:
    if seen.protocol not in (TCP, UDP):
        return True
    spans = ((box.source_ports, seen.source_port), (box.destination_ports, seen.destination_port))
    return all(low <= port <= high for (low, high), port in spans)


def routed_inside_its_subnet(seen: Seen, raw: Json) -> bool:
    """Whether the sender's next hop (a NAT gateway, an appliance) is in its own subnet."""
    snapshot = Snapshot(raw)
    row = snapshot.interface(seen.interface_id)
    assert row is not None
    host = snapshot.host(row, seen.source)
    table = table_of_subnet(snapshot, host.vpc_id, host.subnet_id)
    assert table is not None
    return seen.direction == "egress" and Reference(snapshot).stays_in_subnet(
        lookup(snapshot, table, seen.destination), host
    )


@settings(max_examples=50 * SOAK, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_rejected_flow_is_blamed_on_what_the_walk_blames(seed: int) -> None:
    rng = Random(seed)
    raw = rng.choice(WORLDS)(rng)
    session = Session(account_of(raw))
    form = rng.choice(FORMATS)
    flows = flows_of(raw, session, form, rng)
    lines = [record(seen, raw, form, rng) for flow in [*flows, [ELSEWHERE]] for seen in flow]
    rng.shuffle(lines)
    found = groups_of(found_in(session, lines, form))
    refused = [flow[-1] for flow in flows if flow[-1].verdict]
    for seen in refused:
        group = found.pop(key_of(seen, raw, form))
        about = f"{seen}\n{form}\n{written(raw, Question('', '', 0))}"
        assert group.direction == seen.direction, about
        if seen.is_echo:
            assert (group.status, verdict_of(group)) == ("explained", seen.verdict), about
        else:  # records have no ICMP types, and pings may pass
            assert group.status in ("explained", "unexplained"), about
            assert group.cause, about
    assert not found


@settings(max_examples=15 * SOAK, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_without_accepted_records_only_the_leg_of_pings_and_the_like_may_be_missed(seed: int) -> None:
    rng = Random(seed)
    raw = rng.choice(WORLDS)(rng)
    session = Session(account_of(raw))
    refused = [flow[-1] for flow in flows_of(raw, session, V5, rng) if flow[-1].verdict]
    found = groups_of(found_in(session, [record(seen, raw, V5, rng) for seen in refused], V5))
    for seen in refused:
        assert seen.verdict
        blamed = verdict_of(found[key_of(seen, raw, V5)])
        if seen.protocol in (TCP, UDP):
            assert blamed == seen.verdict
        elif seen.is_echo and blamed and seen.verdict.layer == blamed.layer:
            assert (blamed.ids, blamed.direction) == (seen.verdict.ids, seen.verdict.direction)


@settings(max_examples=15 * SOAK, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_flow_that_the_walk_lets_pass_is_allowed_now(seed: int) -> None:
    rng = Random(seed)
    raw = rng.choice(WORLDS)(rng)
    session = Session(account_of(raw))
    form = rng.choice(FORMATS)
    passing = [flow[0] for flow in flows_of(raw, session, form, rng) if len(flow) > 1]
    refused_then = [replace(seen, verdict=Verdict("", "", "", ())) for seen in passing]
    found = groups_of(found_in(session, [record(seen, raw, form, rng) for seen in refused_then], form))
    for seen in passing:
        # Of other ICMP types the rules may refuse some; and where a gateway is in the same subnet, the path would tell.
        if seen.protocol in (TCP, UDP, 50) and not routed_inside_its_subnet(seen, raw):
            group = found[key_of(seen, raw, form)]
            assert (group.status, group.cause) == ("now-allowed", None), f"{seen}\n{form}"


@pytest.mark.parametrize("name", ["eni-0ffffffffffffffff", "-"])
def test_an_interface_that_is_not_in_the_configuration_is_unknown(name: str) -> None:
    rng = Random(1)
    raw = picky_world(rng)
    seen = Seen(name, "ingress", "forward", "203.0.113.5", "10.0.0.10", TCP, 40000, 22, None, Verdict("", "", "", ()))
    found = found_in(Session(account_of(raw)), [record(seen, raw, V5, rng)], V5)
    assert [(group.status, group.cause) for group in found.document.groups] == [("unknown-interface", None)]
