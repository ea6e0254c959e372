"""Rejected flows: what the flow logs hold, each group of records explained by the rules at its interface."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from whyblocked.config.account import Account
from whyblocked.diagnosis.answer import Change, Finding
from whyblocked.diagnosis.causes import Causes
from whyblocked.diagnosis.judging import NOW_ALLOWED, STATUSES, Judged, judge
from whyblocked.diagnosis.lookups import Rules
from whyblocked.diagnosis.near import MOST
from whyblocked.diagnosis.places import DIRECTIONS, Places
from whyblocked.diagnosis.request import ChangesRequest
from whyblocked.diagnosis.sources import Read, read
from whyblocked.flowlogs.groups import NONE, UNKNOWN, Filters, Table
from whyblocked.flowlogs.sinks import LogsRequest
from whyblocked.flowlogs.window import iso
from whyblocked.network.protocols import protocol_text
from whyblocked.network.simulator import Simulator

if TYPE_CHECKING:
    from whyblocked.diagnosis.mended import Mended

Status = Literal["explained", "now-allowed", "unexplained", "unknown-interface"]
By = Literal["rule", "source", "destination", "interface", "port"]


class RejectsRequest(LogsRequest, frozen=True, kw_only=True):
    """What the user wants to know; ``top`` is how many groups are explained in full, 0 all of them.

    ``changes``: look for the change that lets pass now what was rejected; None: do not.
    """

    filters: Filters = Filters()
    top: int = 20
    changes: ChangesRequest | None = None


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """A group of rejected records and why they were rejected, as the contract has it (part 4).

    An unexplained one has a cause where that refuses some of the packets that the records may be of. ``change`` is what
    let it pass since, of what is ``now-allowed``, where CloudTrail tells.
    """

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
    change: Change | None = None


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What ``whyblocked rejects --output json`` prints.

    ``notes``: what else to know of what was read, and what could not be read; standard error has the same lines.
    """

    schema_version: Literal[1] = 1
    scanned: dict[str, int]
    groups: list[Explained]
    notes: list[str] = []


class Rejects:
    """Every group, judged; those that are shown are explained on demand.

    ``notes`` say what else to know of what was read, ``missing`` what could not be read, ``failed`` where AWS failed,
    so that records may be missing.
    """

    def __init__(
        self, read: Read, judged: Judged, places: Places, top: int, changes: ChangesRequest | None = None
    ) -> None:
        found = read.found
        self.table: Table = found.table
        self.judged = judged
        self.places = places
        self.scanned: dict[str, int] = found.scan.counts()
        self.places_of_faults: list[str] = found.scan.places
        self.notes: list[str] = found.notes
        self.failed = read.failed
        self._unread = bool(read.missing)
        self.missing = list(dict.fromkeys([*read.missing, *(str(m) for m in places.missing if not m.absent)]))
        self.top = top or len(self.table)
        self.causes = Causes(self.table, judged, places)
        self._changes = changes

    @cached_property
    def _mended(self) -> Mended | None:
        """What tells of changes, if it is asked; made for the first group that would be allowed now."""
        if self._changes is None:
            return None
        from whyblocked.diagnosis.mended import Mended

        return Mended(self.causes, self._changes)

    @property
    def remarks(self) -> list[str]:
        """What a reader should know besides the groups, a line each."""
        found = [f"malformed: {place}" for place in self.places_of_faults]
        more = self.scanned["malformed"] - len(self.places_of_faults)
        if found and more > 0:
            found.append(f"and {more:,} more malformed lines")
        found += self.notes
        found += [f"incomplete: {reason}" for reason in self.failed]
        for missing in self.missing:
            why = missing.partition(": ")[2] or missing
            if not any(reason.endswith(why) for reason in self.failed):  # those are told already
                found.append(f"could not be read: {missing}")
        mended: Mended | None = vars(self).get("_mended")  # if it was asked
        return found + (mended.notes if mended else [])

    @property
    def exit_status(self) -> int:
        """0 where nothing was rejected, 1 where something was.

        4 where AWS failed before all was read, 3 where nothing was found and some logs may not be read.
        """
        if self.failed:
            return 4
        return 1 if len(self.table) else 3 if self._unread else 0

    def explained(self, row: int, near: int = MOST) -> Explained:
        """One group in full, with so many near misses."""
        mended = self._mended if self.judged.status[row] == NOW_ALLOWED else None
        return explained(self.causes, row, mended, near)

    @property
    def document(self) -> Document:
        """The groups with the most packets, as programs read them."""
        shown = min(self.top, len(self.table))
        groups = [self.explained(row) for row in range(shown)]
        return Document(scanned=self.scanned, groups=groups, notes=self.remarks)  # of which explaining makes some


def rejects(simulator: Simulator, request: RejectsRequest, now: datetime) -> Rejects:
    """Read the flow logs, and judge every group of rejected records by the rules at its interface."""
    done = _read(simulator.account, request, now)
    table = done.found.table
    places = Places(simulator, table.interfaces)
    rules = Rules(table, places)
    judged = judge(table, rules)
    if judged.doubtful.any():
        from whyblocked.diagnosis.replies import look  # which most runs do without

        looked = look(simulator.account, request, table, judged, done.found.scan.billed, now)
        judged = judged.with_pairs(table, rules, looked.rows, looked.pairs) if len(looked.rows) else judged
        done.found.notes.extend(looked.notes)
    done.found.notes.extend(getattr(simulator.account.source, "warnings", ()))
    return Rejects(done, judged, places, request.top, request.changes)


def _read(account: Account, request: RejectsRequest, now: datetime) -> Read:
    """What was rejected, at the interfaces that are asked about; their ids may be cut short."""
    if not request.filters.interfaces:
        return read(account, request, now)
    from whyblocked.diagnosis.sought import Sought  # which a run without a filter does without

    sought = Sought(account, request.filters.interfaces)
    done = read(account, at_interfaces(request, () if sought.short else sought.ids), now)
    table = sought.in_records(done.found.table, complete=not done.failed)
    found = done.found._replace(table=table, notes=[*done.found.notes, *sought.notes(table)])
    return done._replace(found=found)


def at_interfaces(request: RejectsRequest, interfaces: Iterable[str]) -> RejectsRequest:
    """The request with these interfaces to filter by; none filter nothing."""
    filters = msgspec.structs.replace(request.filters, interfaces=frozenset(interfaces))
    return msgspec.structs.replace(request, filters=filters)


def explained(causes: Causes, row: int, mended: Mended | None = None, near: int = MOST) -> Explained:
    """One group with its cause and so many near misses, or with the change that ``mended`` it."""
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
        cause=causes.cause(row, near),
        change=mended.change(row) if mended else None,
    )


def time_text(seconds: int) -> str | None:
    try:
        return iso(seconds) if seconds else None
    except (OverflowError, ValueError, OSError):  # no time that a calendar has
        return None
