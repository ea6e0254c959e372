"""The walk of a set of packets is the union of the walks of its members.

What became of every packet of a wide question (it passes, is blocked, can't be told) is what became of it in any
question that asks about fewer packets.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from ipaddress import ip_network
from random import Random
from typing import NamedTuple

import msgspec
import pytest

from tests.oracle.model import Json
from tests.oracle.world import CLIENT
from tests.properties.asking import SOAK, account_of
from tests.properties.worlds import CLIENT_V6, changed_world
from whyblocked.api import Session
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
    subtract_all,
)
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


def drawn(rng: Random) -> Question:
    """A question about many packets, between places that a network mostly joins."""
    version = rng.choice((4, 4, 6))
    inside, outside = (INSIDE, OUTSIDE) if version == 4 else (INSIDE_V6, OUTSIDE_V6)
    while True:
        ends = [rng.choice(inside), rng.choice(inside if rng.random() < 0.5 else outside)]
        rng.shuffle(ends)
        if version == 4 and rng.random() < 0.1:
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


def replayed(raw: Json, *questions: Question) -> str:
    rest = {key: value for key, value in raw.items() if key != "SecurityGroupRules"}
    return "\n".join([*map(repr, questions), f"account = json.loads({json.dumps(rest)!r})"])


def test_every_packet_fares_as_it_does_alone() -> None:
    compared = 0
    for seed in range(100 * SOAK):
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
                if alone is None:
                    continue
                single = fates(alone[1].leaves)
                wrong = differing(fates(whole[1].leaves).within([box for fate in single for box in fate]), single)
                if wrong:
                    pytest.fail("\n".join((*wrong, replayed(raw, question, part))), pytrace=False)
                compared += 1
    assert compared > 500 * SOAK


def test_no_packet_is_lost() -> None:
    """What a question asks about is what its leaves are about, however it was split, translated and restored."""
    for seed in range(100 * SOAK):
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
