"""Records of the question, counted where they were seen: how many, when, and whether the rules explain them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from whyblocked.diagnosis.answer import Moment, Seen
from whyblocked.diagnosis.host.talks import Talks
from whyblocked.diagnosis.matching import Flow, Own, Place, is_late
from whyblocked.flowlogs.records import Record, Scan
from whyblocked.flowlogs.window import iso
from whyblocked.network.packets import ICMP, ICMPV6, TCP
from whyblocked.network.sighting import Sighting

BARS = 12
_STEPS = 4096  # spans of time that are told apart before they are joined
_REMEMBERED = 1 << 16  # records that are recognised when another log holds them too

Agreement = Literal["agrees", "contradicts", "open", "late"]


class Span:
    """How many records of one kind, and from when to when."""

    def __init__(self) -> None:
        self.records = 0
        self.first: int | None = None
        self.last: int | None = None

    def add(self, record: Record) -> None:
        self.records += 1
        if record.start is not None:
            self.first = record.start if self.first is None else min(self.first, record.start)
        if record.end is not None:
            self.last = record.end if self.last is None else max(self.last, record.end)

    def join(self, other: Span) -> None:
        """Add what another span holds."""
        self.records += other.records
        if other.first is not None:
            self.first = other.first if self.first is None else min(self.first, other.first)
        if other.last is not None:
            self.last = other.last if self.last is None else max(self.last, other.last)

    def words(self) -> str:
        """``between 2026-11-23T09:00:00Z and 2026-11-23T09:04:59Z``, or nothing where no record has a time."""
        if self.first is None or self.last is None:
            return ""
        return f"between {iso(self.first)} and {iso(self.last)}"


class Timeline:
    """Counts over time in bounded memory: as the span grows, so do its steps."""

    def __init__(self) -> None:
        self._step = 1
        self._counts: dict[int, list[int]] = {}

    def add(self, when: int, accepted: bool) -> None:
        count = self._counts.setdefault(when // self._step, [0, 0])
        count[0 if accepted else 1] += 1
        while len(self._counts) > _STEPS:
            self._step *= 2
            joined: dict[int, list[int]] = {}
            for step, (yes, no) in self._counts.items():
                both = joined.setdefault(step // 2, [0, 0])
                both[0] += yes
                both[1] += no
            self._counts = joined

    def bars(self, first: int, last: int) -> list[Moment]:
        """The counts in at most :data:`BARS` equal bars from ``first`` to ``last``; what is outside is in the next."""
        if not self._counts:
            return []
        last = max(first, last)  # a record may end before it begins, for all that its writer cared
        width = max(1, self._step, -(-(last - first + 1) // BARS))
        bars = [[0, 0] for _ in range(-(-(last - first + 1) // width))]
        for step, (yes, no) in self._counts.items():
            bar = bars[min(len(bars) - 1, max(0, step * self._step - first) // width)]
            bar[0] += yes
            bar[1] += no
        return [Moment(start=iso(first + i * width), accepted=yes, rejected=no) for i, (yes, no) in enumerate(bars)]


class Spot:
    """What was seen at one sighting."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.sighting = place.sighting
        self.accepted, self.rejected = Span(), Span()
        self.packets = self.bytes = 0
        self.agreeing = {True: Span(), False: Span()}  # by accepted
        self.contradicting = {True: Span(), False: Span()}
        self.late = Span()

    @property
    def records(self) -> int:
        return self.accepted.records + self.rejected.records

    def add(self, record: Record, agreement: Agreement) -> None:
        (self.accepted if record.accepted else self.rejected).add(record)
        self.packets += record.packets
        self.bytes += record.bytes
        if agreement == "agrees":
            self.agreeing[record.accepted].add(record)
        elif agreement == "contradicts":
            self.contradicting[record.accepted].add(record)
        elif agreement == "late":
            self.late.add(record)

    def seen(self) -> Seen:
        """As the answer shows it."""
        both = Span()
        both.join(self.accepted)
        both.join(self.rejected)
        return Seen(
            interface_id=self.sighting.interface_id,
            leg=self.sighting.leg,
            direction=self.sighting.direction,
            expected=self.place.expected,
            accepted=self.accepted.records,
            rejected=self.rejected.records,
            packets=self.packets,
            bytes=self.bytes,
            first_seen=None if both.first is None else iso(both.first),
            last_seen=None if both.last is None else iso(both.last),
        )


class Tally:
    """Every record that belongs to the question, at its place. ``verdict`` is what the rules say of the question.

    Besides counts it remembers what a reader has to be told: ``loose`` records that do not tell all that it takes,
    ``other_ports`` those that only a client port keeps out of the question, ``reasons`` for a rejection by something
    else than rules, ``twice`` the records that a second log holds too; of contradictions, whether an ICMP type, a
    connection from before a change (``established``) or one that was closed (``without_flags``) may explain them.
    ``talks`` are the connections that were accepted where all is allowed, ``active`` says when each interface's newest
    record ends, whatever it is about.
    """

    def __init__(self, sightings: Iterable[Sighting], verdict: str, own: Callable[[str], Own]) -> None:
        self.verdict = verdict
        self.spots = [Spot(Place(sighting, own(sighting.interface_id))) for sighting in sightings]
        self._of_interface: dict[str, list[Spot]] = {}
        for spot in self.spots:
            self._of_interface.setdefault(spot.sighting.interface_id, []).append(spot)
        self.timeline = Timeline()
        self.loose = self.other_ports = self.twice = 0
        self.icmp = self.established = self.without_flags = False
        self.reasons: dict[str, int] = {}
        self.talks = Talks()
        self.active: dict[str, int] = {}
        self._sources: dict[tuple[object, ...], str] = {}

    def add(self, record: Record, source: str) -> None:
        """Count a record where it belongs, if anywhere, once however many logs hold it."""
        for spots in self._candidates(record):
            if record.interface_id is not None and (record.end or 0) > self.active.get(record.interface_id, 0):
                self.active[record.interface_id] = record.end or 0
            flow = Flow(record, spots[0].place.own)
            for spot in spots:
                match = spot.place.match(flow)
                if match is None:
                    continue
                if self._is_known(record, source):
                    return
                agreement = self._agreement(record, spot, match.rules)
                if match.loose:
                    self.loose += 1
                    agreement = "open" if agreement == "contradicts" or flow.lacks else agreement
                self._note(record, spot, agreement)
                spot.add(record, agreement)
                if record.accepted and self.verdict == "allowed":
                    self.talks.add(record, spot.sighting)
                if record.start is not None:
                    self.timeline.add(record.start, record.accepted)
                return
            if record.accepted and self.verdict == "allowed":
                self.talks.hear(record)
            if record.interface_id is not None:
                self.other_ports += any(spot.place.nearly(flow) for spot in spots)

    def is_outside(self, scan: Scan) -> bool:
        """Whether all that was read of the interfaces lies outside the time asked about: it tells nothing of that."""
        return bool(scan.outside) and not self.active

    def _candidates(self, record: Record) -> Iterable[Sequence[Spot]]:
        if record.interface_id is None:
            return self._of_interface.values()
        spots = self._of_interface.get(record.interface_id)
        return [spots] if spots else []

    def _is_known(self, record: Record, source: str) -> bool:
        """Whether another log told of it already. One log never does so twice."""
        key = (
            *(record.interface_id, record.source, record.destination, record.source_port, record.destination_port),
            *(record.protocol, record.start, record.end, record.packets, record.bytes, record.accepted),
            record.direction,
        )
        if len(self._sources) < _REMEMBERED:
            first = self._sources.setdefault(key, source)
        else:
            first = self._sources.get(key, source)
        self.twice += first != source
        return first != source

    def _agreement(self, record: Record, spot: Spot, rules: str) -> Agreement:
        """Whether the rules explain this record."""
        if not record.accepted and record.reject_reason:
            self.reasons[record.reject_reason] = self.reasons.get(record.reject_reason, 0) + 1
            return {"allowed": "contradicts", "undetermined": "open"}.get(self.verdict, "agrees")  # type: ignore[return-value]
        if rules in ("unknown", "either") and spot.sighting.reached:
            return "open"
        if not spot.sighting.reached:
            if not record.accepted and is_late(record):
                return "late"
            is_reply = spot.sighting.leg == "return"
            if is_reply and not (spot.place.service_is_known and record.protocol not in (ICMP, ICMPV6)):
                return "open"  # a packet of the same host's own, for all that the record tells
            return "contradicts"
        if record.accepted == (rules == "accept"):
            return "agrees"
        return "late" if not record.accepted and is_late(record) else "contradicts"

    def _note(self, record: Record, spot: Spot, agreement: Agreement) -> None:
        if agreement != "contradicts":
            return
        self.icmp |= record.protocol in (ICMP, ICMPV6)
        if record.protocol == TCP and record.tcp_flags is None:
            self.without_flags |= not record.accepted
        elif record.protocol == TCP and is_late(record):
            self.established |= record.accepted and spot.sighting.reached
