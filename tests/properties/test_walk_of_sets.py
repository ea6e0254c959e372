"""The walk of a set of packets is the union of the walks of its members.

What became of every packet of a wide question (it passes, is blocked, can't be told) is what became of it in any
question that asks about fewer packets. Only packets that nobody sends are left out of a wide question.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from itertools import islice, product
from random import Random
from typing import NamedTuple

import msgspec
import pytest

from tests.oracle.model import Json, inside
from tests.oracle.routing import lookup
from tests.oracle.snapshot import Snapshot, owns, subnet_cidrs
from tests.oracle.world import CLIENT
from tests.properties.asking import SOAK, account_of, replayed
from tests.properties.worlds import CLIENT_V6, changed_world, picky_world, serving_world
from whyblocked.api import Session
from whyblocked.diagnosis.answer import PacketSet
from whyblocked.errors import EndpointError, UndeterminedError
from whyblocked.network.asked import ALL_PROTOCOLS, Asked, Question
from whyblocked.network.flow import Piece
from whyblocked.network.packets import (
    ICMP,
    ICMPV6,
    TCP,
    UDP,
    Interval,
    Packets,
    intersect,
    span,
    subtract_all,
)
from whyblocked.network.protocols import protocol_span
from whyblocked.network.start import starts
from whyblocked.network.walk import Walk

INSIDE = (
    *(
        "10.0.0.0/29",
        "169.254.169.250/31",
        "10.0.0.8/29",
        "10.0.1.8/29",
        "10.0.1.16/29",
        "10.0.1.8/30",
        "10.1.0.8/29",
        "10.0.0.0/23",
        "10.0.1.192/27",
    ),
    *("10.0.0.10", "10.0.1.10", "10.0.1.20", "10.1.0.10", "10.0.1.200", "i-web", "i-app", "i-db", "i-peer"),
)
OUTSIDE = ("203.0.113.0/29", "198.51.100.0/24", "192.168.0.72/29", CLIENT, "192.168.0.77")
INSIDE_V6 = (
    *("2001:db8:0:100::10/125", "2001:db8:0:101::10/125", "2001:db8:0:201::/120"),
    *("2001:db8:0:100::10", "2001:db8:0:101::10", "2001:db8:0:101::200", "i-web", "i-app", "i-peer"),
)
OUTSIDE_V6 = ("2001:db8:ffff::/125", CLIENT_V6)
DESTINATION_PORTS: tuple[Interval | None, ...] = (
    None,
    (20, 25),
    (79, 81),
    (440, 446),
    (0, 65535),
    (22, 22),
    (1000, 1030),
)
SOURCE_PORTS: tuple[Interval | None, ...] = (None, (1020, 1028), (32760, 32770), (1024, 65535), (40000, 40000))


class Fates(NamedTuple):
    """The packets of a question by what became of them."""

    passing: list[Packets]
    blocked: list[Packets]
    unknown: list[Packets]

    def within(self, boxes: Sequence[Packets]) -> Fates:
        return Fates(*(_common(fate, boxes) for fate in self))


def fates(leaves: Iterable[Piece]) -> Fates:
    found = Fates([], [], [])
    for leaf in leaves:
        fate = found.blocked if leaf.blocked else found.unknown if leaf.unknown else found.passing
        fate.append(leaf.asked)
    return found


def _common(one: Sequence[Packets], other: Sequence[Packets]) -> list[Packets]:
    return [box for a in one for b in other if (box := intersect(a, b))]


def differing(one: Fates, other: Fates) -> list[str]:
    """Packets that fare differently."""
    wrong = []
    for name, a, b in zip(Fates._fields, one, other, strict=True):
        wrong += [f"{name} only in the set: {box}" for box in subtract_all(dict.fromkeys(a), b)]
        wrong += [f"{name} only in the member: {box}" for box in subtract_all(dict.fromkeys(b), a)]
    return wrong


def drawn(rng: Random, *, within: bool = False) -> Question:
    """A question about many packets, between places that a network mostly joins (``within`` its private side)."""
    version = rng.choice((4, 4, 6))
    inside, outside = (INSIDE, OUTSIDE) if version == 4 else (INSIDE_V6, OUTSIDE_V6)
    while True:
        ends = [rng.choice(inside), rng.choice(inside if within or rng.random() < 0.5 else outside)]
        rng.shuffle(ends)
        if version == 4 and not within and rng.random() < 0.1:
            ends[1] = "52.0.0.8/29"  # public addresses of the account's own, and others
        if ends[0] != ends[1] and any("." in end or ":" in end for end in ends):
            break
    icmp = ICMP if version == 4 else ICMPV6
    protocol = rng.choice((TCP, TCP, TCP, UDP, icmp, ALL_PROTOCOLS, 50))
    ports = protocol in (TCP, UDP)
    return Question(
        text=f"{ends[0]} -> {ends[1]}",
        source=ends[0],
        destination=ends[1],
        protocol=protocol,
        destination_ports=rng.choice(DESTINATION_PORTS) if ports else None,
        source_ports=rng.choice(SOURCE_PORTS) if ports else None,
        icmp_type=-1 if protocol == icmp else None,
        icmp_code=-1 if protocol == icmp else None,
    )


def member(rng: Random, question: Question) -> Question:
    """The same question about fewer packets: one address, one port or a few of them, one protocol."""
    icmp = ICMPV6 if ":" in question.source + question.destination else ICMP
    protocol = question.protocol
    if protocol == ALL_PROTOCOLS:
        protocol = rng.choice((TCP, UDP, icmp, 2, 47, 50, 255))
    changes = {
        "source": _one_of(rng, question.source),
        "destination": _one_of(rng, question.destination),
        "protocol": protocol,
        "icmp_type": rng.choice((0, 3, 8, 128, 129, -1)) if protocol == icmp else None,
        "icmp_code": rng.choice((0, -1)) if protocol == icmp else None,
    }
    if protocol in (TCP, UDP):
        changes["destination_ports"] = _part_of(rng, question.destination_ports or (0, 65535))
        if question.source_ports is not None:
            changes["source_ports"] = _part_of(rng, question.source_ports)
    return msgspec.structs.replace(question, **changes)


def _one_of(rng: Random, end: str) -> str:
    if "/" not in end:
        return end
    block = ip_network(end)
    if block.num_addresses > 16:
        return str(block[rng.choice((1, 2, 10, 11, 20, 99, 192, 200, 255)) % block.num_addresses])
    return str(block[rng.randrange(block.num_addresses)])


def _part_of(rng: Random, ports: Interval) -> Interval:
    low, high = sorted(rng.randint(*ports) for _ in range(2))
    return rng.choice(((low, low), (low, high), (ports[0], ports[0]), (ports[1], ports[1])))


def walked(session: Session, question: Question) -> tuple[Asked, Walk] | None:
    """None where an end has no address of the other's IP version, or is gone."""
    try:
        return session.walk(question)
    except (EndpointError, UndeterminedError):
        return None


def stepped(walk: Walk, context: Callable[[], str]) -> set[str]:
    """The kinds of what a walk came by, each of its steps an edge of the graph, and no hop in want of one."""
    assert all(walk.graph.graph.has_edge(*step) for step in walk.path)
    lost = [missing for missing in walk.missing if missing.reason.startswith("no way to")]
    assert not lost, f"{lost}\n{context()}"
    return {node.kind for step in walk.path for node in step}


def leads_elsewhere(raw: Json, question: Question, part: Question) -> bool:
    """A block of addresses enters where the destination's routes name the way back to it; an address that an interface
    owns is that interface wherever the way back leads. So they compare where it leads to the owner."""
    if question.source == part.source:
        return False
    snapshot = Snapshot(raw)
    ways = {lookup(snapshot, table, part.source).kind for table in raw["RouteTables"]}
    return bool(snapshot.owners(part.source)) and not ways <= {"local", "pcx"}


def is_kept(raw: Json, address: str) -> bool:
    """Whether AWS keeps an address of a subnet: who asks for it alone is told so, and of a block nobody means it."""
    if not address[0].isdigit() or "/" in address:
        return False
    number = ip_address(address)
    networks = [ip_network(cidr) for subnet in raw["Subnets"] for cidr in subnet_cidrs(subnet)]
    return any(number in (*islice(block, 4), block[-1]) for block in networks if block.version == number.version)


def ends_of(box: Packets) -> tuple[str, str]:
    kind = IPv4Address if box.version == 4 else IPv6Address
    return str(kind(box.source[0])), str(kind(box.destination[0]))


def is_nobodys(raw: Json, source: str, destination: str) -> bool:
    """Whether nobody sends packets from one address to the other: it is its own, or nothing that sends has it."""
    snapshot = Snapshot(raw)
    owners = snapshot.owners(source)
    if not owners:
        return not any(inside(source, cidr) for subnet in raw["Subnets"] for cidr in subnet_cidrs(subnet))
    for row in owners:
        instance = snapshot.instance(row.get("Attachment", {}).get("InstanceId", ""))
        running = instance is None or instance["State"]["Name"] == "running"
        attached = row["Status"] != "available" and row.get("Attachment", {}).get("Status", "attached") == "attached"
        if owns(row, destination) or not running or not attached or row["InterfaceType"] == "nat_gateway":
            return True
    return False


def test_every_packet_fares_as_it_does_alone() -> None:
    compared = 0
    left_out = 0
    for seed in range(60 * SOAK):
        rng = Random(seed)
        raw = changed_world(rng)
        session = Session(account_of(raw))
        for _ in range(3):
            question = drawn(rng)
            whole = walked(session, question)
            if whole is None:
                continue
            for _ in range(4):
                part = member(rng, question)
                alone = walked(session, part)
                if alone is None or leads_elsewhere(raw, question, part) or is_kept(raw, part.destination):
                    continue
                single = fates(alone[1].leaves)
                told = [leaf.asked for leaf in whole[1].leaves]
                missing = subtract_all(dict.fromkeys(box for fate in single for box in fate), told)
                left_out += len(missing)
                if missing:
                    assert all(is_nobodys(raw, *ends_of(box)) for box in missing), replayed(raw, question, part)
                    single = single.within(told)
                wrong = differing(fates(whole[1].leaves).within([box for fate in single for box in fate]), single)
                if wrong:
                    pytest.fail("\n".join((*wrong, replayed(raw, question, part))), pytrace=False)
                compared += 1
    assert compared > 250 * SOAK
    assert left_out > 0


def test_no_packet_is_lost() -> None:
    """What a question asks about is what its leaves are about, however it was split, translated and restored."""
    for seed in range(60 * SOAK):
        rng = Random(seed)
        raw = changed_world(rng)
        session = Session(account_of(raw))
        for _ in range(4):
            question = drawn(rng)
            found = walked(session, question)
            if found is None:
                continue
            asked, walk = found
            fresh = Walk(walk.account, walk.graph, walk.rulebook, {})
            begun = [piece.asked for _, bundle in starts(fresh, asked) for piece in bundle.pieces]
            ended = [leaf.asked for leaf in walk.leaves]
            lost, gained = subtract_all(begun, ended), subtract_all(ended, begun)
            if lost or gained:
                pytest.fail(f"lost {lost}\ngained {gained}\n{replayed(raw, question)}", pytrace=False)


def test_the_verdict_on_a_block_is_what_its_members_say_together() -> None:
    """Every sender with every other address, every port: allowed if all are, blocked if all are, else partial."""
    met: Counter[str] = Counter()
    for seed in range(25 * SOAK):
        rng = Random(seed)
        raw = changed_world(rng)
        session = Session(account_of(raw))
        ends = rng.sample(("10.0.0.8/30", "10.0.1.8/30", "10.0.1.20/31", "10.1.0.8/30", CLIENT), 2)
        question = Question(
            text=" -> ".join(ends),
            source=ends[0],
            destination=ends[1],
            protocol=rng.choice((TCP, TCP, UDP)),
            destination_ports=rng.choice(((21, 23), (79, 80), (443, 444))),
            source_ports=(40000, 40000),
        )
        verdict = session.explain(question).verdict
        members = list(every_member(question))
        members = [one for one in members if not is_nobodys(raw, one.source, one.destination)] or members
        alone = {session.explain(one).verdict for one in members}
        if "undetermined" not in alone:  # a NAT gateway's own ports can make one packet partly blocked
            assert verdict == (alone.pop() if len(alone) == 1 else "partial"), replayed(raw, question)
        met[verdict] += 1
    assert min(met[verdict] for verdict in ("allowed", "blocked", "partial")) > 0


def every_member(question: Question) -> Iterator[Question]:
    assert question.destination_ports is not None
    low, high = question.destination_ports
    for source in ip_network(question.source):
        for destination in ip_network(question.destination):
            for port in range(low, high + 1):
                yield msgspec.structs.replace(
                    question, source=str(source), destination=str(destination), destination_ports=(port, port)
                )


def _ports(text: str) -> set[int]:
    words = [word.split("-") for word in text.split(",") if word]
    return {n for word in words for n in range(int(word[0]), int(word[-1]) + 1)}


def test_open_ports_are_those_that_are_allowed_alone() -> None:
    some = 0
    for seed in range(60 * SOAK):
        rng = Random(seed)
        raw = serving_world(rng)
        session = Session(account_of(raw))
        source = rng.choice((CLIENT, "i-app", "10.0.1.20/31", "10.1.0.10", "203.0.113.4/30"))
        destination = rng.choice(("i-web", "i-web", "i-db", "i-peer", "10.0.0.10/31"))
        ports = rng.choice((None, (40000, 40000), (1024, 65535)))
        protocol = rng.choice((TCP, TCP, UDP))
        question = Question(
            text=f"{source} -> {destination}",
            source=source,
            destination=destination,
            protocol=protocol,
            source_ports=ports,
        )
        answer = session.explain(question)
        told = answer.open_ports
        assert told is not None
        in_part = {n for part in answer.partly_open for n in _ports(part.destination_ports or "")}
        passing = _ports(told)
        edges = {n + step for ports in (passing, in_part) for n in ports for step in (-1, 1) if n + step not in ports}
        edges |= {n + step for n in edges for step in (-1, 1)}
        for port in sorted({0, 22, 65535, rng.randint(0, 65535), *edges} & set(range(65536))):
            alone = session.explain(msgspec.structs.replace(question, destination_ports=(port, port)))
            assert (alone.verdict == "allowed") == (port in passing), (port, told, replayed(raw, question))
            allowed = {"partial", "undetermined"} if port in in_part else {"allowed", "blocked", "undetermined"}
            assert alone.verdict in allowed, (port, told, answer.partly_open, replayed(raw, question))
        some += told not in ("", "0-65535")
    assert some > 10


def test_the_findings_hold_the_packets_that_are_blocked_and_no_others() -> None:
    """Where nothing translates, so that a finding speaks of the packets that were asked about."""
    exact = 0
    for seed in range(120 * SOAK):
        rng = Random(seed)
        raw = picky_world(rng)
        session = Session(account_of(raw))
        question = drawn(rng, within=True)
        found = walked(session, question) if question.protocol != ALL_PROTOCOLS else None
        if found is None or question.protocol in (ICMP, ICMPV6):
            continue
        walk = found[1]
        if any(passage.kind in ("nat-gateway", "internet-gateway") for passage in walk.passages):
            continue
        blocked = fates(walk.leaves).blocked
        refused = [p.turned() if b.leg == "return" else p for b in walk.blockers for p in b.packets]
        wrong = [*subtract_all(dict.fromkeys(refused), blocked), *subtract_all(blocked, dict.fromkeys(refused))]
        assert not wrong, (wrong, replayed(raw, question))
        told = [box for finding in session.explain(question).blocked_by for box in boxes_of(finding.packets)]
        assert not subtract_all(blocked, told), replayed(raw, question)
        if not subtract_all(told, blocked):  # sets that are too many to tell apart are told as the one that holds them
            exact += len(blocked) > 0
    assert exact > 5


def boxes_of(words: PacketSet) -> list[Packets]:
    protocols = [protocol_span(word) for word in words.protocol.split(",")]
    ends = [[span(ip_network(block)) for block in text.split(",")] for text in (words.source, words.destination)]
    ports = [_spans(text) for text in (words.source_ports, words.destination_ports)]
    version = ip_network(words.source.split(",")[0]).version
    every = product(ends[0], ends[1], filter(None, protocols), ports[0], ports[1])
    return [Packets(version, *numbers) for numbers in every]


def _spans(text: str | None) -> list[Interval]:
    words = [word.split("-") for word in text.split(",")] if text else [["0", "65535"]]
    return [(int(word[0]), int(word[-1])) for word in words]
