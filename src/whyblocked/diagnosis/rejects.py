"""Rejected flows: what the flow logs hold, each group of records explained by the rules at its interface."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, BinaryIO, Literal

import msgspec

from whyblocked.diagnosis.answer import Finding
from whyblocked.diagnosis.causes import Causes
from whyblocked.diagnosis.judging import STATUSES, Judged, judge
from whyblocked.diagnosis.places import DIRECTIONS, Places
from whyblocked.diagnosis.sources import read
from whyblocked.flowlogs.groups import NONE, UNKNOWN, Filters, Rejected, Table
from whyblocked.flowlogs.window import iso
from whyblocked.network.protocols import protocol_text
from whyblocked.network.simulator import Simulator

Status = Literal["explained", "now-allowed", "unexplained", "unknown-interface"]
By = Literal["rule", "source", "destination", "interface", "port"]


class RejectsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What the user wants to know.

    ``locations`` are those of ``--flow-logs``; none: the flow logs that the account has. ``since`` and ``until`` bound
    every source once given; without them, what is read from AWS is bounded to the last hour. ``top`` is how many groups
    are explained in full, 0 all of them. ``stdin`` is read for the location ``-``.
    """

    locations: tuple[str, ...] = ()
    log_format: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    filters: Filters = Filters()
    top: int = 20
    stdin: BinaryIO | None = None
    progress: Callable[[str, int], None] | None = None


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """A group of rejected records and why they were rejected, as the contract has it (part 4)."""

    interface_id: str
    source: str
    destination: str
    destination_port: int | None
    protocol: str
    direction: Literal["ingress", "egress"] | None
    records: int
    packets: int
    bytes: int
    first_seen: str | None
    last_seen: str | None
    status: Status
    cause: Finding | None


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What ``whyblocked rejects --output json`` prints."""

    schema_version: Literal[1] = 1
    scanned: dict[str, int]
    groups: list[Explained]


class Rejects:
    """Every group, judged; those that are shown are explained on demand.

    ``notes`` say what else to know of what was read, ``missing`` what could not be read.
    """

    def __init__(self, found: Rejected, judged: Judged, places: Places, missing: list[str], top: int) -> None:
        self.table: Table = found.table
        self.judged = judged
        self.places = places
        self.scanned: dict[str, int] = found.scan.counts()
        self.places_of_faults: list[str] = found.scan.places
        self.notes: list[str] = found.notes
        self.missing = list(dict.fromkeys([*missing, *(str(m) for m in places.missing if not m.absent)]))
        self.top = top or len(self.table)
        self.causes = Causes(self.table, judged, places)

    @property
    def remarks(self) -> list[str]:
        """What a reader should know besides the groups, a line each."""
        found = [f"malformed: {place}" for place in self.places_of_faults]
        more = self.scanned["malformed"] - len(self.places_of_faults)
        if found and more > 0:
            found.append(f"and {more:,} more malformed lines")
        found += self.notes
        return [*found, *(f"could not be read: {missing}" for missing in self.missing)]

    @property
    def exit_status(self) -> int:
        """0 where nothing was rejected, 1 where something was."""
        return 1 if len(self.table) else 0

    def explained(self, row: int) -> Explained:
        """One group in full."""
        return explained(self.causes, row)

    @property
    def document(self) -> Document:
        """The groups with the most packets, as programs read them."""
        shown = min(self.top, len(self.table))
        return Document(scanned=self.scanned, groups=[self.explained(row) for row in range(shown)])


def rejects(simulator: Simulator, request: RejectsRequest, now: datetime) -> Rejects:
    """Read the flow logs, and judge every group of rejected records by the rules at its interface."""
    found, missing = read(simulator.account, request, now)
    places = Places(simulator, found.table.interfaces)
    return Rejects(found, judge(found.table, places), places, missing, request.top)


def explained(causes: Causes, row: int) -> Explained:
    """One group with its cause."""
    group, judged = causes.table[row], causes.judged
    way = int(judged.direction[row])
    status: Any = STATUSES[int(judged.status[row])]
    return Explained(
        interface_id=group.interface_id,
        source=group.source,
        destination=group.destination,
        destination_port=group.destination_port,
        protocol=UNKNOWN if group.protocol == NONE else protocol_text(group.protocol),
        direction=None if way == NONE else DIRECTIONS[way],
        records=group.records,
        packets=group.packets,
        bytes=group.bytes,
        first_seen=time_text(group.first_seen),
        last_seen=time_text(group.last_seen),
        status=status,
        cause=causes.cause(row),
    )


def time_text(seconds: int) -> str | None:
    try:
        return iso(seconds) if seconds else None
    except (OverflowError, ValueError, OSError):  # no time that a calendar has
        return None
