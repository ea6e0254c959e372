"""Rules and routes over packet sets against a slow evaluation of one packet at a time.

The reference's rules, which read the raw JSON, judge single packets; every box must be cut into parts that hold exactly
the packets that they would give it.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from itertools import product
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle import shapes
from tests.oracle.model import ICMP, ICMPV6, TCP, UDP, Json, Packet
from tests.oracle.rules import acl_decision, permission_covers, permission_names
from tests.oracle.snapshot import Snapshot
from tests.properties.asking import SOAK
from whyblocked.config.account import Account, Missing
from whyblocked.config.resources import NetworkAcl, RouteTable, SecurityGroup, SecurityGroupRule
from whyblocked.network.packets import Interval, Packets, intersect, span
from whyblocked.network.routes import Choice, compile_table, look_up
from whyblocked.network.rules import (
    Decision,
    Direction,
    GroupRule,
    acl_rules,
    any_match,
    first_match,
    group_rules,
)

many = settings(max_examples=120 * SOAK, deadline=None)
rounds = range(60 * SOAK)

# A universe of few addresses, ports, types and codes in which blocks and ranges overlap.
V4 = (*(f"10.0.0.{n}" for n in (0, 1, 2, 3, 4, 7, 8, 15)), "10.0.1.0", "203.0.113.5", "0.0.0.0", "255.255.255.255")
V6 = (*(f"2001:db8::{n:x}" for n in (0, 1, 2, 4, 65535)), "2001:db9::1", "::", "ffff::1")
BLOCKS_V4 = ("0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/30", "10.0.0.0/31", "10.0.0.4/30", "10.0.0.7/32", "10.0.0.8/29")
BLOCKS_V6 = ("::/0", "2001:db8::/32", "2001:db8::/126", "2001:db8::4/128")
PORTS = (0, 1, 22, 79, 80, 81, 443, 65534, 65535)
TYPES = (0, 3, 8, 128, 129, 255)
CODES = (0, 1, 4, 255)
PROTOCOLS = ("tcp", "udp", "icmp", "icmpv6", "-1", "6", "17", "50", "58", "0", "255")
LISTS = {"pl-one": ["10.0.0.0/31", "10.0.0.7/32"], "pl-two": ["10.0.0.7/32", "2001:db8::/127"], "pl-none": []}
MEMBERS = {"sg-one": ["10.0.0.1", "2001:db8::1"], "sg-two": ["10.0.0.7", "10.0.0.8"], "sg-none": []}


def packet_of(box: Packets, numbers: Sequence[int]) -> Packet:
    """One packet of a box: source, destination, protocol, and what stands for source and destination port."""
    source, destination, protocol, low, high = numbers
    kind = IPv4Address if box.version == 4 else IPv6Address
    one, other = str(kind(source)), str(kind(destination))
    if protocol in (TCP, UDP):
        return Packet(one, other, protocol, source_port=low, destination_port=high)
    if protocol in (ICMP, ICMPV6):
        return Packet(one, other, protocol, icmp_type=high, icmp_code=low)
    return Packet(one, other, protocol)


def samples(rng: Random, box: Packets, count: int = 60) -> list[tuple[int, ...]]:
    """Packets of a box at the places where rules begin and end."""
    known = [int(ip_address(text)) for text in (V4 if box.version == 4 else V6)]
    icmp = box.protocol in ((ICMP, ICMP), (ICMPV6, ICMPV6))
    pools = [known, known, [1, 6, 17, 50, 58, 0, 255], CODES if icmp else PORTS, TYPES if icmp else PORTS]
    inside = [[n for n in pool if low <= n <= high] or [low] for pool, (low, high) in zip(pools, box[1:], strict=True)]
    return [tuple(rng.choice(found) for found in inside) for _ in range(count)]


def holds(box: Packets, numbers: Sequence[int]) -> bool:
    return all(low <= n <= high for n, (low, high) in zip(numbers, box[1:], strict=True))


def deciding(decisions: Sequence[Decision], numbers: Sequence[int]) -> Decision:
    """The one decision on a packet: decisions are disjoint and leave nothing out."""
    found = [decision for decision in decisions if holds(decision.packets, numbers)]
    assert len(found) == 1, f"{len(found)} decisions on {numbers}: {found}"
    return found[0]


def drawn_box(rng: Random) -> Packets:
    """A box as questions make them: one protocol (or those that no name stands for), any addresses and ports."""
    version = rng.choice((4, 4, 6))
    source, destination = _drawn_end(rng, version), _drawn_end(rng, version)
    icmp = ICMP if version == 4 else ICMPV6
    protocol = rng.choice((TCP, TCP, UDP, icmp, icmp, 50, 0, 255))
    box = Packets(version, source, destination, (protocol, protocol))
    if protocol == icmp:
        return box._replace(source_ports=_span(rng, CODES, 255), destination_ports=_span(rng, TYPES, 255))
    if protocol in (TCP, UDP):
        return box._replace(source_ports=_span(rng, PORTS), destination_ports=_span(rng, PORTS))
    return box


def _drawn_end(rng: Random, version: int) -> Interval:
    pool, blocks = (V4, BLOCKS_V4) if version == 4 else (V6, BLOCKS_V6)
    single = int(ip_address(rng.choice(pool)))
    return span(ip_network(rng.choice(blocks))) if rng.random() < 0.5 else (single, single)


def _span(rng: Random, pool: Sequence[int], top: int = 65535) -> Interval:
    low, high = sorted((rng.choice(pool), rng.choice(pool)))
    return rng.choice(((low, high), (low, low), (0, top)))


def permission(rng: Random) -> Json:
    named = rng.sample((*BLOCKS_V4, *BLOCKS_V6, *LISTS, *MEMBERS), rng.choice((1, 1, 2, 4)))
    protocol = rng.choice(PROTOCOLS)
    if protocol in ("icmp", "icmpv6", "58"):
        kind, code = rng.choice(((8, 0), (8, -1), (3, 4), (128, -1), (129, 0), (-1, -1), (None, None)))
        return shapes.permission(protocol, kind, code, named)
    if protocol in ("tcp", "udp", "6", "17"):
        return shapes.permission(protocol, *_span(rng, PORTS), named)
    return shapes.permission(protocol, peers=named, ports_key=rng.random() < 0.5)


def group(rng: Random) -> Json:
    rules = [[permission(rng) for _ in range(rng.choice((0, 1, 2, 4)))] for _ in range(2)]
    return shapes.group("sg-x", "vpc-x", *rules)


def read(kind: Any, row: Json) -> Any:
    return msgspec.convert(row, kind)


def peers(rule: GroupRule, packets: Packets) -> Sequence[Interval] | Missing:
    named = LISTS[rule.peer] if rule.kind == "prefix-list" else MEMBERS[rule.peer]
    blocks = map(ip_network, named)
    return [span(block) for block in blocks if block.version == packets.version]


def snapshot_of_members() -> Snapshot:
    """Interfaces that carry the groups, as the reference looks them up."""
    rows = []
    subnet = shapes.subnet("subnet-x", "vpc-x", "10.0.0.0/16")
    for name, held in MEMBERS.items():
        ipv6 = [one for one in held if ":" in one]
        if held:
            rows.append(
                shapes.interface(f"eni-{name}", subnet, [o for o in held if "." in o], [name], "i-x", ipv6=ipv6)
            )
    return Snapshot(
        {
            "NetworkInterfaces": rows,
            "SecurityGroups": [shapes.group(name, "vpc-x") for name in MEMBERS],
            "PrefixListEntries": {name: [{"Cidr": cidr} for cidr in cidrs] for name, cidrs in LISTS.items()},
        }
    )


MEMBERSHIP = snapshot_of_members()
SELF: Json = {"VpcId": "vpc-x", "OwnerId": shapes.OWNER}


def allowing(row: Json, packet: Packet, direction: str) -> list[Json]:
    """The permissions that allow one packet."""
    peer = packet.destination if direction == "egress" else packet.source
    key = "IpPermissionsEgress" if direction == "egress" else "IpPermissions"
    return [
        one
        for one in row[key]
        if permission_covers(one, packet) and permission_names(MEMBERSHIP, SELF, one, peer, direction)
    ]


# Security groups


@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_a_group_allows_the_packets_that_some_rule_allows(direction: Direction) -> None:
    for seed in rounds:
        rng = Random(seed)
        row = group(rng)
        rules = group_rules(read(SecurityGroup, row), (), direction)
        box = drawn_box(rng)
        decisions = any_match(rules, box, peers)
        for numbers in samples(rng, box):
            decision = deciding(decisions, numbers)
            packet = packet_of(box, numbers)
            allowed = allowing(row, packet, direction)
            assert decision.action == ("allow" if allowed else "deny"), (seed, packet, row)
            if decision.action == "allow":
                assert isinstance(decision.rule, GroupRule)
                assert _among(decision.rule, allowed), (seed, packet, decision.rule)


def _among(rule: GroupRule, allowed: list[Json]) -> bool:
    """Whether the rule that is said to decide is one that allows the packet."""
    lists = [(one, kind, entry) for one in allowed for kind in PEER_FIELDS for entry in one[kind]]
    return any(entry[PEER_FIELDS[kind]] == rule.peer for _, kind, entry in lists)


PEER_FIELDS = {
    "IpRanges": "CidrIp",
    "Ipv6Ranges": "CidrIpv6",
    "PrefixListIds": "PrefixListId",
    "UserIdGroupPairs": "GroupId",
}


@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_rules_by_row_and_folded_permissions_allow_the_same(direction: Direction) -> None:
    for seed in rounds:
        rng = Random(seed)
        row = group(rng)
        rows = [read(SecurityGroupRule, one) for one in shapes.group_rules([row])]
        folded = read(SecurityGroup, row)
        bare = msgspec.structs.replace(folded, ip_permissions=None, ip_permissions_egress=None)
        of_rows = group_rules(bare, rows, direction)
        of_both = group_rules(folded, rows, direction)
        assert len(of_rows) == len(of_both) == len(group_rules(folded, (), direction))
        box = drawn_box(rng)
        decided = [any_match(rules, box, peers) for rules in (of_rows, of_both, group_rules(folded, (), direction))]
        for numbers in samples(rng, box):
            assert len({deciding(decisions, numbers).action for decisions in decided}) == 1
        for rule in of_both:
            assert rule.rule_id is not None
            found = next(one for one in rows if one.security_group_rule_id == rule.rule_id)
            assert found.is_egress == (direction == "egress")
            assert rule.peer in (
                found.cidr_ipv4,
                found.cidr_ipv6,
                found.prefix_list_id,
                found.referenced_group_info and found.referenced_group_info.group_id,
            )


def test_what_cannot_be_read_leaves_open_what_only_it_could_allow() -> None:
    """Allowed where a readable rule allows it, else open where an unreadable one could, else denied."""
    lost = Missing("pl-one", "not readable")

    def partly(rule: GroupRule, packets: Packets) -> Sequence[Interval] | Missing:
        return lost if rule.peer in ("pl-one", "sg-two") else peers(rule, packets)

    for seed in rounds:
        rng = Random(seed)
        row = group(rng)
        rules = group_rules(read(SecurityGroup, row), (), "ingress")
        box = drawn_box(rng)
        for numbers in samples(rng, box, 30):
            decision = deciding(any_match(rules, box, partly), numbers)
            one = Packets(box.version, *((n, n) for n in numbers))
            sure = any_match([rule for rule in rules if rule.peer not in ("pl-one", "sg-two")], one, peers)
            doubtful = [rule for rule in rules if rule.peer in ("pl-one", "sg-two")]
            open_to = [rule for rule in doubtful if intersect(one, rule.box(one.version, _all(one.version)))]
            expected = "allow" if sure[0].action == "allow" else "unknown" if open_to else "deny"
            assert decision.action == expected
            assert decision.missing == (lost if expected == "unknown" else None)


def _all(version: int) -> Interval:
    return span(ip_network("0.0.0.0/0" if version == 4 else "::/0"))


# Network ACLs


def acl(rng: Random) -> Json:
    entries = shapes.acl_stars(ipv6=True) if rng.random() < 0.8 else []
    for direction in ("ingress", "egress"):
        for number in rng.sample(range(1, 200), rng.choice((0, 1, 3, 6))):
            block = rng.choice((*BLOCKS_V4, *BLOCKS_V6))
            action = rng.choice(("allow", "deny"))
            protocol = rng.choice((-1, TCP, TCP, UDP, ICMP, ICMPV6, 50, 0))
            more: dict[str, Any] = {}
            if protocol in (TCP, UDP) and rng.random() < 0.9:
                more["ports"] = _span(rng, PORTS)
            if protocol in (ICMP, ICMPV6) and rng.random() < 0.9:
                more["icmp"] = rng.choice(((8, 0), (8, -1), (3, 4), (128, -1), (129, 0), (-1, -1)))
            entries.append(shapes.acl_entry(number, direction, action, block, protocol, **more))
    rng.shuffle(entries)
    return shapes.acl("acl-x", "vpc-x", ["subnet-x"], entries)


@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_the_first_rule_that_matches_decides(direction: Direction) -> None:
    for seed in rounds:
        rng = Random(seed)
        row = acl(rng)
        for _ in range(2):
            box = drawn_box(rng)
            rules = acl_rules(read(NetworkAcl, row), direction, box.version)
            decisions = first_match(rules, box)
            for numbers in samples(rng, box):
                decision = deciding(decisions, numbers)
                packet = packet_of(box, numbers)
                allowed, number = acl_decision(row, packet, direction)
                assert decision.action == ("allow" if allowed else "deny"), (seed, packet, row)
                assert decision.rule is not None
                decided = decision.rule.described()["rule_number"]
                assert decided == number or (number in (None, 32767, 32768) and decided in (32767, 32768))


@many
@given(st.integers(0, 2**32))
def test_decisions_cover_the_box_and_nothing_else(seed: int) -> None:
    rng = Random(seed)
    box = drawn_box(rng)
    decisions = first_match(acl_rules(read(NetworkAcl, acl(rng)), "ingress", box.version), box)
    decisions_of_group = any_match(group_rules(read(SecurityGroup, group(rng)), (), "egress"), box, peers)
    for found in (decisions, decisions_of_group):
        assert all(intersect(decision.packets, box) == decision.packets for decision in found)
        assert sum(map(_size, (decision.packets for decision in found))) == _size(box)
        assert not any(intersect(one.packets, other.packets) for n, one in enumerate(found) for other in found[n + 1 :])


def _size(box: Packets) -> int:
    size = 1
    for low, high in box[1:]:
        size *= high - low + 1
    return size


# Routes


LOCAL_V6 = "2001:db8::/126"
TARGETS = ("igw-x", "nat-x", "pcx-x", "tgw-x", "eni-x")


def table(rng: Random) -> Json:
    """Static, propagated and prefix list routes whose destinations overlap; at most one static route each."""
    rows = [shapes.route("10.0.0.0/28", "local"), shapes.route(LOCAL_V6, "local")]
    others = {*BLOCKS_V4, "10.0.0.0/26", "10.0.1.0/24", "2001:db8::/125", *BLOCKS_V6} - {LOCAL_V6}
    static = rng.sample(sorted(others), rng.randint(0, 7))
    states = ("active", "active", "blackhole")
    rows += [shapes.route(block, rng.choice(TARGETS), rng.choice(states)) for block in static]
    learnt = rng.sample((*BLOCKS_V4, *BLOCKS_V6), rng.choice((0, 0, 1, 3)))
    rows += [shapes.route(block, "vgw-x", propagated=True) for block in learnt]
    rows += [shapes.route(name, rng.choice(TARGETS)) for name in rng.sample(sorted(LISTS), rng.choice((0, 1, 2)))]
    rng.shuffle(rows)
    return shapes.route_table("rtb-x", "vpc-x", rows, main=True)


def slowly(row: Json, wanted: str) -> set[str]:
    """The targets (with state) of the best routes for one address, longest prefix first, then the kind of route."""
    version = ip_address(wanted).version
    found: list[tuple[int, int, str]] = []
    local = False
    for route in row["Routes"]:
        rank = 2 if route["Origin"] == "EnableVgwRoutePropagation" else 1 if "DestinationPrefixListId" in route else 0
        written = next(value for key, value in route.items() if key.startswith("Destination"))
        target = next(value for key, value in route.items() if not key.startswith("Destination"))
        for cidr in LISTS.get(written, [written]):
            block = ip_network(cidr)
            if block.version == version and ip_address(wanted) in block:
                local = local or target == "local"
                found.append((-block.prefixlen, rank, f"{target} {route['State']}"))
    if local:
        found = [one for one in found if one[1] != 2]
    if not found:
        return set()
    best = min((length, rank) for length, rank, _ in found)
    return {target for length, rank, target in found if (length, rank) == best}


def test_the_longest_prefix_decides_then_static_then_list_then_propagated() -> None:
    account = Account()
    for name, cidrs in LISTS.items():
        account.add_prefix_list(name, cidrs)
    unsure = 0
    for seed in range(300 * SOAK):
        rng = Random(seed)
        row = table(rng)
        for version, pool, blocks in ((4, V4, BLOCKS_V4), (6, V6, BLOCKS_V6)):
            compiled = compile_table(read(RouteTable, row), version, account)
            wide = span(ip_network(rng.choice(blocks)))
            choices = look_up(compiled, version, wide)
            assert sum(c.destinations[1] - c.destinations[0] + 1 for c in choices) == wide[1] - wide[0] + 1
            for text in pool:
                number = int(ip_address(text))
                if not wide[0] <= number <= wide[1]:
                    continue
                expected = slowly(row, text)
                chosen = [c for c in choices if c.destinations[0] <= number <= c.destinations[1]]
                single = look_up(compiled, version, (number, number))
                assert len(chosen) == len(single) == 1
                for choice in (*chosen, *single):
                    if len(expected) > 1:
                        unsure += 1
                        assert choice.missing is not None
                    else:
                        assert choice.missing is None
                        assert _told(choice) == expected, (seed, text, row)
    assert unsure > 0


def _told(choice: Choice) -> set[str]:
    return set() if choice.route is None else {f"{choice.route.target} {choice.route.state}"}


def test_a_list_that_cannot_be_read_leaves_open_all_but_local() -> None:
    rows = [shapes.route("10.0.0.0/28", "local"), shapes.route("0.0.0.0/0", "igw-x"), shapes.route("pl-x", "pcx-x")]
    found = read(RouteTable, shapes.route_table("rtb-x", "vpc-x", rows, main=True))
    compiled = compile_table(found, 4, Account())
    for text, target in (("10.0.0.3", "local"), ("10.0.0.16", None), ("203.0.113.5", None)):
        number = int(ip_address(text))
        (choice,) = look_up(compiled, 4, (number, number))
        assert (choice.route.target if choice.route else None) == target
        assert (choice.missing is None) == (target is not None)


def test_every_pair_of_kinds_of_route_to_one_block() -> None:
    """Equal prefixes: static before prefix list before propagated, in whatever order they stand."""
    account = Account()
    account.add_prefix_list("pl-x", ["203.0.113.0/24"])
    kinds = {
        "static": shapes.route("203.0.113.0/24", "igw-x"),
        "list": shapes.route("pl-x", "pcx-x"),
        "propagated": shapes.route("203.0.113.0/24", "vgw-x", propagated=True),
    }
    order = list(kinds)
    for one, other in product(order, order):
        if one == other:
            continue
        found = read(RouteTable, shapes.route_table("rtb-x", "vpc-x", [kinds[one], kinds[other]], main=True))
        number = int(ip_address("203.0.113.9"))
        (choice,) = look_up(compile_table(found, 4, account), 4, (number, number))
        first = min(one, other, key=order.index)
        assert choice.route is not None
        assert choice.route.target in kinds[first].values()
