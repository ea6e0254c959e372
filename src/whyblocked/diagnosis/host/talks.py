"""Connections as one interface's records tell of them: who asked, what came back, with which TCP flags.

Records are sums over an interval: flags are or-ed together, a connection may be spread over several records, and one
record may hold several connections in turn that used the same ports. An ACK alone is no flag.
https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

import msgspec

from whyblocked.flowlogs.records import Record
from whyblocked.network.packets import ICMP, ICMPV6, TCP, UDP
from whyblocked.network.sighting import Sighting

FIN, SYN, RST, ACK = 1, 2, 4, 16
IDLE = 350  # seconds after which NAT gateways, Network Load Balancers and network firewalls forget a connection
QUIET = 60  # seconds by which a record's times may be off
LARGE = 1000  # bytes a packet has on average where some are as large as the path may carry
_MOST = 1 << 14  # connections that are told apart
_PARTS = 32  # records of one connection and direction that are told apart

# SYNs are of one size each; with an ACK, which is smaller, the average can't be one of these.
_SYN_SIZES = {4: (48, 52, 60, 64), 6: (68, 72, 80, 84)}

State = Literal["works", "refused", "unanswered", "unfinished", "unclear", "other"]


class Part(NamedTuple):
    """One record: when (Unix seconds), how much, with which flags (None: not told)."""

    start: int
    end: int
    packets: int
    bytes: int
    flags: int | None


class Idle(msgspec.Struct, frozen=True):
    """A pause after which a connection did not go on: its length, its end, and whether that was a RST."""

    seconds: int
    until: int
    reset: bool


class Silence(msgspec.Struct, frozen=True):
    """One side sends, the other no more: who is not heard (as seen from here), since when, what is sent to it."""

    quiet: Literal["asking", "answering"]
    since: int
    packets: int
    large: bool


class Talk:
    """A connection (or a flow of another protocol) between ``remote`` and an interface."""

    def __init__(self, remote: str, client_port: int, service_port: int, protocol: int) -> None:
        self.remote, self.client_port, self.service_port = remote, client_port, service_port
        self.protocol = protocol
        self.unreachable = False  # ICMP went to the remote end, as a host sends where nothing listens over UDP
        self.asked: list[Part] = []
        self.answered: list[Part] = []

    @property
    def version(self) -> int:
        return 6 if ":" in self.remote else 4

    @property
    def start(self) -> int:
        return min(part.start for part in (*self.asked, *self.answered))

    @property
    def end(self) -> int:
        return max(part.end for part in (*self.asked, *self.answered))

    @property
    def has_flags(self) -> bool:
        """Whether its records tell TCP flags."""
        return any(part.flags is not None for part in (*self.asked, *self.answered))

    @property
    def was_answered(self) -> bool:
        """Whether a SYN-ACK (or, without flags, anything) came back."""
        flags = _flags(self.answered)
        return bool(self.answered) and (flags is None or bool(flags & SYN))

    def state(self) -> State:
        """What became of it."""
        if not self.asked:
            return "other"
        if self.protocol != TCP:
            refused = self.protocol == UDP and self.unreachable
            return "works" if self.answered else "refused" if refused else "unanswered"
        asked, answered = _flags(self.asked), _flags(self.answered)
        if not self.answered:
            return "unanswered" if asked is None or asked & SYN else "other"
        if answered is None:
            return "unclear" if self._may_be_refused() else "works"
        if answered & RST and not answered & SYN:
            return "refused" if asked is None or asked & SYN else "other"
        return "unfinished" if self._is_unfinished() else "works"

    def _may_be_refused(self) -> bool:
        """Without flags: whether what came back is as little as a RST for every SYN."""
        size = 40 if self.version == 4 else 60
        return all(part.bytes == part.packets * size for part in self.answered)

    def _is_unfinished(self) -> bool:
        """Whether SYN and SYN-ACK are sent again and again: only packets of their size, and no ACK in between."""
        if _flags(self.asked) != SYN or _flags(self.answered) != SYN | ACK:
            return False
        sizes = _SYN_SIZES[self.version]
        alike = all(any(part.bytes == part.packets * size for size in sizes) for part in (*self.asked, *self.answered))
        return alike and max(_packets(self.asked), _packets(self.answered)) > 1

    def idle(self) -> Idle | None:
        """The first pause that the connection did not survive: only a RST, or one side unheard, comes behind it."""
        parts = sorted([*((p, 0) for p in self.asked), *((p, 1) for p in self.answered)], key=lambda one: one[0][:2])
        for place in range(1, len(parts)):
            before, behind = parts[:place], parts[place:]
            pause = behind[0][0].start - max(part.end for part, _ in before)
            closed = (_flags(part for part, _ in before) or 0) & (FIN | RST)
            again = (_flags(part for part, _ in behind) or 0) & SYN
            if pause < IDLE or closed or again or len({side for _, side in before}) < 2:
                continue
            reset = bool((_flags(part for part, _ in behind) or 0) & RST)
            if reset or len({side for _, side in behind}) < 2:
                return Idle(pause, behind[0][0].start, reset)
        return None

    def silence(self) -> Silence | None:
        """Whether one side went on sending after the other was last heard, with no end of the connection (FIN, RST)."""
        if not self.asked or not self.answered or (_flags([*self.asked, *self.answered]) or 0) & (FIN | RST):
            return None
        for quiet, heard, others in (("answering", self.answered, self.asked), ("asking", self.asked, self.answered)):
            since = max(part.end for part in heard)
            later = [part for part in others if part.start > since + QUIET]
            if _packets(later) > 1 and not (_flags(later) or 0) & SYN:
                packets = _packets(later)
                large = sum(part.bytes for part in later) >= packets * LARGE
                return Silence(quiet, since, packets, large)  # type: ignore[arg-type]
        return None


class Talks:
    """The connections of a question, by the interface that recorded them; where it is ``full``, not all of them."""

    def __init__(self) -> None:
        self._found: dict[str, dict[tuple[object, ...], Talk]] = {}
        self._errors: set[tuple[str, str]] = set()
        self._count = 0
        self.full = False

    def add(self, record: Record, sighting: Sighting) -> None:
        """Take a record of the question that was accepted."""
        asks = sighting.leg == "forward"
        inward = sighting.direction == "ingress"
        remote = record.source if inward else record.destination
        if remote is None or record.protocol is None or record.start is None or record.end is None:
            return
        ports = record.source_port or 0, record.destination_port or 0
        if record.protocol in (ICMP, ICMPV6):
            ports = 0, 0
        client, service = ports if asks else ports[::-1]
        key = remote, client, service, record.protocol, asks == inward
        talks = self._found.setdefault(sighting.interface_id, {})
        talk = talks.get(key)
        if talk is None:
            if self._count >= _MOST:
                self.full = True
                return
            self._count += 1
            talk = talks[key] = Talk(remote, client, service, record.protocol)
        part = Part(record.start, record.end, record.packets, record.bytes, record.tcp_flags)
        _take(talk.asked if asks else talk.answered, part)

    def hear(self, record: Record) -> None:
        """Take a record of something else that was accepted: ICMP may be the answer to packets over UDP."""
        if (
            record.protocol in (ICMP, ICMPV6)
            and record.interface_id
            and record.destination
            and len(self._errors) < _MOST
        ):
            self._errors.add((record.interface_id, record.destination))

    def at(self, interface_id: str) -> list[Talk]:
        """The connections that an interface recorded, in the order in which they began."""
        found = sorted(self._found.get(interface_id, {}).values(), key=_order)
        for talk in found:
            talk.unreachable = (interface_id, talk.remote) in self._errors
        return found

    def __iter__(self) -> Iterator[Talk]:
        for talks in self._found.values():
            yield from talks.values()


def _take(parts: list[Part], part: Part) -> None:
    if len(parts) < _PARTS:
        parts.append(part)
        return
    last = parts[-1]
    flags = None if last.flags is None and part.flags is None else (last.flags or 0) | (part.flags or 0)
    start, end = min(last.start, part.start), max(last.end, part.end)
    parts[-1] = Part(start, end, last.packets + part.packets, last.bytes + part.bytes, flags)


def _order(talk: Talk) -> tuple[object, ...]:
    return talk.start, talk.end, talk.remote, talk.client_port, talk.service_port, talk.protocol


def _flags(parts: Iterable[Part]) -> int | None:
    """All flags together; None where no record tells any."""
    told = [part.flags for part in parts if part.flags is not None]
    found = 0
    for flags in told:
        found |= flags
    return found if told else None


def _packets(parts: Iterable[Part]) -> int:
    return sum(part.packets for part in parts)
