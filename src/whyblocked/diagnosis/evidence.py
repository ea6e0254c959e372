"""What the flow logs say of a question: records read, matched with what the rules expect, and put into words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from whyblocked.config.account import Account
from whyblocked.diagnosis.answer import Evidence, Verdict
from whyblocked.diagnosis.conclusion import conclude, enable_command
from whyblocked.diagnosis.host.cases import Read
from whyblocked.diagnosis.matching import own_of
from whyblocked.diagnosis.tally import Tally
from whyblocked.flowlogs.gathering import LARGE, PACKED
from whyblocked.flowlogs.reading import Reading, checked_request
from whyblocked.flowlogs.records import Record, Scan
from whyblocked.flowlogs.sinks import File, Filter, LogsRequest, Sink
from whyblocked.network.packets import UDP
from whyblocked.network.sighting import Sighting

if TYPE_CHECKING:
    from whyblocked.flowlogs.picked import Picking

_PUSHED = 20  # more addresses or interfaces than this are not pushed down to AWS


class EvidenceRequest(LogsRequest, frozen=True, kw_only=True):
    """What the user wants of the flow logs; nothing where they are not ``enabled``."""

    enabled: bool = True


class Gathered(NamedTuple):
    """The evidence, and what could not be read for want of a permission (for the answer's ``missing``).

    ``tally`` and ``read`` are what it rests on, None where nothing was read.
    """

    evidence: Evidence
    missing: tuple[str, ...]
    tally: Tally | None = None
    read: Read | None = None


def gather(
    sightings: Sequence[Sighting], verdict: Verdict, account: Account, request: EvidenceRequest, now: datetime
) -> Gathered:
    """Read the flow logs and say whether they agree with the rules.

    ``now`` is the time of the run. A location that can't be read because it is wrong is an error; what AWS refuses
    becomes a note, and a permission that would help stands in ``missing``.
    """
    checked_request(request)
    if not request.enabled:
        return Gathered(Evidence(status="unavailable", summary="Flow logs were not read, as asked."), ())
    if not sightings:
        summary = "No network interface of the account is on the path, so no flow log can tell of it."
        return Gathered(Evidence(status="unavailable", summary=summary), ())
    sink = _Sought(sightings, verdict, account)
    reading = Reading(account, sink, request, now)
    try:
        reading.run()
    finally:
        sink.close()
    return _concluded(sink, reading, now)


class _Sought(Sink):
    """Takes the records of a question: those of the interfaces on its path."""

    def __init__(self, sightings: Sequence[Sighting], verdict: Verdict, account: Account) -> None:
        self.sightings, self.account = sightings, account
        self.interfaces = frozenset(s.interface_id for s in sightings)
        self.tally = Tally(sightings, verdict, lambda interface: own_of(account, interface))
        self._picking: Picking | None = None

    def expect(self, size: int) -> None:
        if self._picking is None and size >= LARGE * PACKED:
            from whyblocked.flowlogs.picked import Picking

            self._picking = Picking()

    def take(self, file: File) -> bool:
        return self._picking is not None and self._picking.take(file)

    def settle(self, scan: Scan) -> None:
        while self._picking and (found := self._picking.next()):
            from whyblocked.flowlogs.quick import merge

            counts, records, location = found
            merge(scan, counts)
            self.add(records, location)

    def close(self) -> None:
        """Stop what is read in the background."""
        if self._picking:
            self._picking.close()

    def add(self, records: Sequence[Record], source: str) -> None:
        for record in records:
            self.tally.add(record, source)

    def resources(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(i for s in self.sightings for i in (s.interface_id, s.subnet_id, s.vpc_id)))

    def narrow(self, resources: frozenset[str] | None) -> Filter:
        covered = self._covered(resources)
        interfaces = tuple(dict.fromkeys(s.interface_id for s in covered))
        protocols = {p[0] if p[0] == p[1] else None for s in covered for p in (box.protocol for box in s.packets)}
        return Filter(
            interfaces=interfaces if len(interfaces) <= _PUSHED and all(map(_is_plain, interfaces)) else (),
            addresses=self._addresses(covered),
            protocol=protocols.pop() if len(protocols) == 1 and protocols != {UDP} else None,  # ICMP may answer UDP
        )

    def region(self, resources: frozenset[str] | None) -> str:
        regions = {self.account.region_of(s.vpc_id) or "" for s in self._covered(resources)}
        return regions.pop() if len(regions) == 1 else ""

    def _covered(self, resources: frozenset[str] | None) -> list[Sighting]:
        return [s for s in self.sightings if resources is None or resources & {s.interface_id, s.subnet_id, s.vpc_id}]

    def _addresses(self, sightings: Sequence[Sighting]) -> tuple[str, ...]:
        """Every address that a record of the question can show, where all of them are known and IPv4; else none."""
        found: set[int] = set()
        for sighting in sightings:
            for box in sighting.packets:
                if box.version != 4 or box.source[0] != box.source[1] or box.destination[0] != box.destination[1]:
                    return ()
                found |= {box.source[0], box.destination[0]}
            own = own_of(self.account, sighting.interface_id)
            if not own.addresses:
                return ()
            found |= {a.number for a in own.addresses if a.version == 4}
        return tuple(str(IPv4Address(number)) for number in sorted(found)) if len(found) <= _PUSHED else ()


def _concluded(sink: _Sought, reading: Reading, now: datetime) -> Gathered:
    """What came of it."""
    notes = [*reading.notes, *reading.failed, *reading.scan.costs, *reading.scan.notes]
    missing = tuple(reading.missing)
    if not reading.sources:
        summary = "No flow log of the path could be read."
        command = None
        if not reading.logs and not missing and not reading.locations:
            summary = "No flow log covers the interfaces, subnets and VPCs on the path."
            command = enable_command(sink.sightings, reading.account)
        evidence = Evidence(status="unavailable", summary=summary, notes=notes, enable_command=command)
        return Gathered(evidence, missing)
    recent = reading.from_aws and reading.window[1] > now - timedelta(minutes=15)
    evidence = conclude(
        sink.tally, reading.scan, traffic=frozenset(reading.traffic), recent=recent, window=_shown_window(reading)
    )
    read = Read(
        scan=reading.scan,
        traffic=frozenset(reading.traffic),
        complete=reading.from_aws
        and not (reading.locations or missing or reading.failed or reading.scan.skipped_data)
        and "ALL" in reading.traffic
        and not recent,
        until=int(reading.window[1].timestamp()) if reading.from_aws else None,
    )
    told = msgspec.structs.replace(evidence, sources=reading.sources, notes=[*evidence.notes, *notes])
    return Gathered(told, missing, sink.tally, read)


def _shown_window(reading: Reading) -> tuple[int, int] | None:
    """The window of the timeline, where it is not that of the records found."""
    if not reading.from_aws and not (reading.request.since and reading.request.until):
        return None
    return int(reading.window[0].timestamp()), int(reading.window[1].timestamp())


def _is_plain(name: str) -> bool:
    return name.isascii() and name.replace("-", "").isalnum()
