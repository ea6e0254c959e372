"""Single packets at single interfaces, judged by the reference rule by rule, and by `rejects` from records."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from random import Random
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle import shapes
from tests.oracle.account_rules import OUTSIDE_V4, OUTSIDE_V6
from tests.oracle.accounts import random_account
from tests.oracle.model import ICMP, ICMPV6, TCP, UDP, Json, Packet
from tests.oracle.rules import acl_decision, groups_allow
from tests.oracle.snapshot import Snapshot, owns
from tests.properties.asking import SOAK, account_of, replayed
from tests.properties.worlds import denying_world, picky_world, serving_world
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

WORLDS = (random_account, random_account, picky_world, denying_world, serving_world)
FLOWS = 250  # an account
UNREADABLE = Verdict("unreadable", "", "", ())
ELSEWHERE = Seen("eni-elsewhere", "ingress", "forward", "192.0.2.1", "192.0.2.2", TCP, 40000, 443)  # was accepted
Way = Literal["ingress", "egress"]


def drawn(raw: Json, rng: Random) -> list[Seen]:
    """A random packet from or to an interface and, where nothing refuses it, its reply."""
    row = rng.choice([row for row in raw["NetworkInterfaces"] if not is_nat(row)])  # it neither asks nor is asked
    ipv6 = [one["Ipv6Address"] for one in row["Ipv6Addresses"]]
    version = 6 if ipv6 and rng.random() < 0.3 else 4
    own = rng.choice(ipv6 if version == 6 else [one["PrivateIpAddress"] for one in row["PrivateIpAddresses"]])
    blocks = [(e["Ipv4Prefix"] if version == 4 else "") for e in row.get("Ipv4Prefixes", [])]
    if version == 4 and blocks and rng.random() < 0.5:
        own = str(rng.choice(list(ip_network(rng.choice(blocks)))))
    peer = next(one for _ in range(99) if not owns(row, one := peer_of(raw, version, rng)))
    way: Way = rng.choice(("ingress", "egress"))
    protocol = rng.choice((TCP, TCP, TCP, UDP, UDP, ICMPV6 if version == 6 else ICMP, 50))
    source, destination = (peer, own) if way == "ingress" else (own, peer)
    ports = (0, 0)
    if protocol in (TCP, UDP):
        ports = rng.randint(32768, 60999), rng.choice((22, 80, 443, 1023, 1024, 8443, 32767))
    icmp_type = {ICMP: 8, ICMPV6: 128}.get(protocol)
    seen = Seen(row["NetworkInterfaceId"], way, "forward", source, destination, protocol, *ports, icmp_type)
    asked = replace(seen, verdict=judged(raw, row, seen))
    if asked.verdict:
        return [asked]
    back: Way = "egress" if way == "ingress" else "ingress"
    answer = replace(
        seen,
        direction=back,
        leg="return",
        source=destination,
        destination=source,
        source_port=ports[1],
        destination_port=ports[0],
        icmp_type={8: 0, 128: 129}.get(icmp_type or 0),
    )
    return [asked, replace(answer, verdict=judged(raw, row, answer))]


def is_nat(row: Json) -> bool:
    return bool(row["InterfaceType"] == "nat_gateway")


def peer_of(raw: Json, version: int, rng: Random) -> str:
    """Somebody outside, an interface, or a neighbour of one."""
    held: list[str] = []
    for row in raw["NetworkInterfaces"]:
        if version == 6:
            held += [one["Ipv6Address"] for one in row["Ipv6Addresses"]]
        else:
            held += [one["PrivateIpAddress"] for one in row["PrivateIpAddresses"]]
    outside = OUTSIDE_V6 if version == 6 else (*OUTSIDE_V4, "52.0.0.1", "10.9.9.9", "192.168.0.7", "128.1.1.1")
    chosen = rng.choice(held) if held and rng.random() < 0.6 else rng.choice(outside)
    if version == 4 and rng.random() < 0.3:
        chosen = str(next(ip_network(f"{chosen}/24", strict=False).hosts()) + rng.randint(1, 250))
    return chosen


def judged(raw: Json, row: Json, seen: Seen) -> Verdict | None:
    """The rules one after the other: ACL and groups on the way in, groups and ACL on the way out; a reply meets the
    ACL alone."""
    snapshot = Snapshot(raw)
    code = None if seen.icmp_type is None else 0
    has_ports = seen.protocol in (TCP, UDP)
    from_port, to_port = (seen.source_port, seen.destination_port) if has_ports else (None, None)
    packet = Packet(seen.source, seen.destination, seen.protocol, from_port, to_port, seen.icmp_type, code)
    peer = seen.source if seen.direction == "ingress" else seen.destination

    def acl() -> Verdict | None:
        found = snapshot.network_acl(row["SubnetId"])
        if snapshot.subnet_holds(row["SubnetId"], peer):
            return None
        if found is None:
            return UNREADABLE
        passes, number = acl_decision(found, packet, seen.direction)
        ids = (found["NetworkAclId"],)
        return None if passes else Verdict("network-acl", seen.leg, seen.direction, ids, last_of_all(number or 32767))

    def groups() -> Verdict | None:
        if seen.leg == "return":
            return None
        passes = groups_allow(snapshot, row, packet, seen.direction)
        if passes is None:
            return UNREADABLE
        ids = tuple(sorted(one["GroupId"] for one in row["Groups"]))
        return None if passes else Verdict("security-group", "forward", seen.direction, ids)

    steps = (acl, groups) if seen.direction == "ingress" else (groups, acl)
    return next((verdict for step in steps if (verdict := step())), None)


@settings(max_examples=30 * SOAK, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_every_rejected_packet_is_blamed_on_the_rule_that_the_reference_names(seed: int) -> None:
    rng = Random(seed)
    raw = rng.choice(WORLDS)(rng)
    with_prefixes(raw, rng)
    form = rng.choice(FORMATS)
    flows = distinct((drawn(raw, rng) for _ in range(FLOWS)), raw, form)
    found = groups_of(found_in(Session(account_of(raw)), lines_of([*flows, [ELSEWHERE]], raw, form, rng), form))
    for flow in flows:
        if verdict := flow[-1].verdict:
            group = found.pop(key_of(flow[-1], raw, form))
            about = f"{flow[-1]}\n{form}\n{replayed(raw)}"
            assert (group.status, verdict_of(group)) == ("explained", verdict), about
    assert not found


@settings(max_examples=15 * SOAK, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_rules_that_cannot_be_read_leave_unexplained_what_hangs_on_them(seed: int) -> None:
    rng = Random(seed)
    raw = rng.choice((picky_world, denying_world))(rng)
    for key in rng.choices(("SecurityGroups", "NetworkAcls"), k=2):
        raw[key].pop(rng.randrange(len(raw[key])))
    raw["SecurityGroupRules"] = shapes.group_rules(raw["SecurityGroups"])
    flows = distinct((drawn(raw, rng)[:1] for _ in range(FLOWS)), raw, V5)
    rejected = [[replace(flow[0], verdict=flow[0].verdict or UNREADABLE)] for flow in flows]
    found = groups_of(found_in(Session(account_of(raw)), lines_of([*rejected, [ELSEWHERE]], raw, V5, rng), V5))
    for (seen,) in flows:
        group = found[key_of(seen, raw, V5)]
        if seen.protocol in (ICMP, ICMPV6) and seen.verdict is None:
            continue  # some other type may be refused
        if seen.verdict is None:
            assert group.status == "now-allowed", seen
        elif seen.verdict == UNREADABLE:
            # What cannot be read comes first on the way; what can be read may still refuse, for certain.
            assert group.status in ("unexplained", "explained"), seen
        else:
            assert (group.status, verdict_of(group)) == ("explained", seen.verdict), seen


def with_prefixes(raw: Json, rng: Random) -> None:
    """Delegate a block to some interfaces, as EKS does for pods."""
    for row in raw["NetworkInterfaces"]:
        if rng.random() < 0.3 and not is_nat(row):
            base = ip_network(f"{row['PrivateIpAddress']}/24", strict=False)
            start = int(base.network_address) + 16 * rng.randint(12, 15)
            row["Ipv4Prefixes"] = [{"Ipv4Prefix": f"{ip_network((start, 28))}"}]


def lines_of(flows: list[list[Seen]], raw: Json, form: str, rng: Random) -> list[str]:
    lines = [record(seen, raw, form, rng) for flow in flows for seen in flow]
    rng.shuffle(lines)
    return lines
