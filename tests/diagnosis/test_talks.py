"""Connections packet by packet, summed up as a flow log does it: the records have to tell what became of them."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import NamedTuple

import pytest

from whyblocked.diagnosis.host.talks import Talk, Talks
from whyblocked.flowlogs.records import Record
from whyblocked.network.packets import TCP, Packets
from whyblocked.network.sighting import Sighting

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
CLIENT, SERVER = "203.0.113.5", "10.0.1.10"
rounds = pytest.mark.parametrize("seed", range(150))


class Packet(NamedTuple):
    """One packet at the server's interface."""

    time: float
    asks: bool
    flags: int
    size: int


def opened(rng: Random) -> list[Packet]:
    """The handshake of Linux or of Windows, and some data."""
    syn, ack = rng.choice(((60, 52), (52, 40), (64, 52)))
    at = rng.uniform(0, 300)
    found = [Packet(at, True, SYN, syn), Packet(at + 0.1, False, SYN | ACK, rng.choice((syn, 44)))]
    found.append(Packet(at + 0.2, True, ACK, ack))
    for _ in range(rng.choice((0, 1, 5, 40))):
        at += rng.choice((0.01, 0.5, 20))
        asks = rng.random() < 0.5
        found.append(Packet(at + 0.3, asks, ACK | PSH, rng.randrange(ack + 1, 1500)))
        found.append(Packet(at + 0.31, not asks, ACK, ack))
    if rng.random() < 0.7:
        for asks in (True, False):
            at += 0.05
            found.append(Packet(at + 0.4, asks, rng.choice((FIN | ACK, FIN | ACK, RST)), ack))
    return found


def tried(rng: Random, answer: str) -> list[Packet]:
    """SYNs, each sent again after twice the time, and what comes back."""
    at, wait, size = rng.uniform(0, 300), 1.0, rng.choice((48, 52, 60, 64))
    found = []
    for _ in range(rng.choice((2, 4, 6))):
        found.append(Packet(at, True, SYN, size))
        if answer == "refused":
            found.append(Packet(at + 0.1, False, RST | ACK, 40))
        elif answer == "unfinished":
            found += [Packet(at + 0.1, False, SYN | ACK, size)] * rng.choice((1, 2))
        at, wait = at + wait, wait * 2
    return found


def records(packets: Iterable[Packet], interval: int, offset: int) -> list[Record]:
    """What AWS writes: sums an interval and direction; of flags FIN, SYN, RST and SYN-ACK, or-ed together."""
    sums: dict[tuple[int, bool], list[Packet]] = {}
    for packet in packets:
        sums.setdefault(((int(packet.time) + offset) // interval, packet.asks), []).append(packet)
    found = []
    for (_, asks), part in sums.items():
        flags = 0
        for packet in part:
            flags |= packet.flags & (FIN | SYN | RST) | (packet.flags & ACK if packet.flags & SYN else 0)
        ends = (CLIENT, SERVER, 40000, 443) if asks else (SERVER, CLIENT, 443, 40000)
        found.append(
            Record(
                interface_id="eni-1",
                srcaddr=ends[0],
                dstaddr=ends[1],
                source_port=ends[2],
                destination_port=ends[3],
                protocol=TCP,
                packets=len(part),
                bytes=sum(packet.size for packet in part),
                start=int(min(packet.time for packet in part)),
                end=int(max(packet.time for packet in part)),
                accepted=True,
                tcp_flags=flags,
            )
        )
    return found


def told(packets: list[Packet], rng: Random, interval: int | None = None) -> Talk:
    """The connection as the records tell it, in whatever order they come."""
    talks = Talks()
    found = records(packets, interval or rng.choice((60, 600)), rng.randrange(600))
    rng.shuffle(found)
    for record in found:
        asks = record.source == CLIENT
        box = Packets(4, (0, 2**32 - 1), (0, 2**32 - 1))
        talks.add(
            record,
            Sighting(
                interface_id="eni-1",
                subnet_id="subnet-1",
                vpc_id="vpc-1",
                leg="forward" if asks else "return",
                direction="ingress" if asks else "egress",
                packets=(box,),
                accepted=(box,),
                rejected=(),
            ),
        )
    (talk,) = talks.at("eni-1")
    return talk


@rounds
def test_a_connection_that_was_opened_is_known_to_work_however_it_is_cut_into_intervals(seed: int) -> None:
    rng = Random(seed)
    talk = told(opened(rng), rng)
    assert talk.state() == "works"
    assert talk.idle() is None


@rounds
@pytest.mark.parametrize("answer", ["unanswered", "refused", "unfinished"])
def test_what_came_of_a_try_is_known_however_it_is_cut_into_intervals(answer: str, seed: int) -> None:
    rng = Random(seed)
    assert told(tried(rng, answer), rng).state() == answer


@rounds
def test_a_pause_is_seen_where_the_connection_does_not_survive_it(seed: int) -> None:
    rng = Random(seed)
    before = [packet for packet in opened(rng) if not packet.flags & (FIN | RST)]
    last = max(packet.time for packet in before)
    pause = rng.choice((100, 400, 4000))
    survives = rng.random() < 0.5
    after = [Packet(last + pause, True, ACK | PSH, 200)]
    after.append(Packet(last + pause + 0.1, False, ACK if survives else RST, 52))
    idle = told(before + after, rng, 60).idle()
    assert (idle is not None) == (pause > 350 and not survives)
    coarse = told(before + after, rng, 600).idle()  # one record may span the pause
    assert coarse is None or (pause > 350 and not survives)
    if idle is not None:
        assert idle.reset
        assert abs(idle.seconds - pause) <= 1
