"""A second look at flow logs, for the accepted records that tell whether rejected flows answered accepted requests.

A security group lets the answer to an accepted request pass, so that a rejected one is the network ACL's work even
where today's ACL would let it pass. Only flows that may be answers are looked for, in the time around them and at their
interfaces; what is not worth reading again is said to have been left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from ipaddress import IPv4Address
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from whyblocked.config.account import Account
from whyblocked.diagnosis.judging import NO_REPLIES, REPLIES, TELLING, UNHEEDED, UNTOLD, Judged
from whyblocked.diagnosis.lookups import Column
from whyblocked.errors import InputError
from whyblocked.flowlogs.costs import DEFAULT_LIMIT, size_text
from whyblocked.flowlogs.groups import UNKNOWN, Table
from whyblocked.flowlogs.locations import Location, locate
from whyblocked.flowlogs.pairs import Flow, Pairs
from whyblocked.flowlogs.reading import Reading
from whyblocked.flowlogs.records import Record, Scan
from whyblocked.flowlogs.sinks import File, Filter, LogsRequest, Sink, TooLarge

if TYPE_CHECKING:
    from whyblocked.flowlogs.matched import Matching

SMALL = 64 << 20  # bytes of text: up to here files are read again for any flow that may be an answer
PLAIN = 4 << 20  # and up to here by the parser alone
FETCHED = 4 << 30  # bytes of text that are fetched from S3 once more
_FLOWS = 100_000  # the biggest that are looked for
_PUSHED = 20  # more addresses or interfaces than this are not pushed down to AWS
_RECORDS = 100_000  # that AWS hands over at most
_AROUND = 600  # seconds: the longest aggregation interval
_EVERYWHERE = "*"


class Looked(msgspec.Struct, frozen=True):
    """What the accepted records say (``pairs``) of these rows, and what to know of the looking."""

    rows: Column
    pairs: Column
    notes: list[str]


class _Source(msgspec.Struct, frozen=True):
    """A location, or (None) all flow logs of the account; ``rows`` are looked for in it."""

    location: Location | None
    rows: Column

    @property
    def text(self) -> str:
        return self.location.text if self.location else _EVERYWHERE


def look(account: Account, request: LogsRequest, table: Table, judged: Judged, billed: int, now: datetime) -> Looked:
    """Look for the requests of flows that may be answers; ``billed`` bytes were paid for when the logs were read."""
    rows = np.flatnonzero(judged.doubtful)
    looking = _Looking(account, request, table, judged.doubtful, now)
    whole = np.ones(len(table), bool)
    for source in looking.sources(billed):
        whole &= looking.into(source)
    told = whole[rows]
    pairs = np.full(len(rows), UNTOLD)
    pairs[told] = looking.said(rows[told])
    return Looked(rows[told], pairs[told], looking.notes(len(rows) - int(np.count_nonzero(told))))


class _Looking:
    def __init__(self, account: Account, request: LogsRequest, table: Table, doubtful: Column, now: datetime) -> None:
        self._account, self._request, self._table, self._now = account, request, table, now
        telling, others = np.flatnonzero(doubtful == TELLING), np.flatnonzero((doubtful > 0) & (doubtful < TELLING))
        self._telling = telling[:_FLOWS]
        self._all = np.concatenate([self._telling, others[: _FLOWS - len(self._telling)]])
        self._reasons: dict[str, None] = {}
        self._costs: list[str] = []

    @cached_property
    def pairs(self) -> Pairs:
        """What is looked for, and what was found."""
        return Pairs(_flow(self._table, row) for row in self._all.tolist())

    def sources(self, billed: int) -> list[_Source]:
        """Where it is worth looking, and for what; a place that is not is there with no rows."""
        found: list[_Source] = []
        for text in dict.fromkeys(self._request.locations):
            location = locate(text)
            rows = self._all
            if location.kind == "stdin" or (location.kind == "file" and not _can_be_read_again(text)):
                rows = self._none("what comes through a pipe can't be read again")
            elif location.kind in ("athena", "cloudwatch"):
                rows = self._at_aws(billed)
            found.append(_Source(location, rows))
        return found or [_Source(None, self._at_aws(billed))]

    def _none(self, reason: str) -> Column:
        self._reasons[reason] = None
        return self._all[:0]

    def _at_aws(self, billed: int) -> Column:
        """Where AWS filters: what ports speak for, and what else few addresses hold."""
        if 2 * billed > DEFAULT_LIMIT:
            return self._none(f"it would have AWS scan {size_text(billed)} once more")
        ends = self._table.source, self._table.destination
        known = {end[row] for row in self._telling.tolist() for end in ends}
        rows = self._telling.tolist()
        for row in islice(self._all.tolist(), len(rows), None):
            more = known | {end[row] for end in ends}
            if len(more) < _PUSHED:
                known = more
                rows.append(row)
        if len(rows) < len(self._all):
            self._reasons["at AWS those alone are looked for whose ports speak for it, and few others"] = None
        return np.array(rows, np.int64)

    def into(self, source: _Source) -> Column:
        """Look into one source: the rows of which it told all that it has."""
        told = np.zeros(len(self._table), bool)
        if not len(source.rows):
            return told
        sink = _Requests(self._account, self._table, source.rows, self, speaks=len(self._telling) > 0)
        request = msgspec.structs.replace(
            self._request,
            locations=(source.location.text,) if source.location else (),
            advise=None,
            confirm=_refuse,
            **self._times(source.rows),
        )
        reading = Reading(self._account, sink, request, self._now)
        try:
            reading.run()
        except TooLarge as error:
            sink.left[error.reason] = None
        except InputError as error:  # it is not what it was a moment ago
            sink.left[error.message] = None
        finally:
            sink.close()
        self._costs += reading.scan.costs
        if reading.scan.accepted or (source.location is None and not reading.traffic <= {"REJECT"}):
            self.pairs.seen = True
        for reason in (*sink.left, *reading.failed):
            self._reasons[reason] = None
        told[source.rows] = not (sink.left or reading.failed) and bool(reading.sources or source.location is None)
        return told

    def _times(self, rows: Column) -> dict[str, datetime | None]:
        """The time around some rows, where all of them tell theirs; else what was asked about."""
        first, last = (np.asarray(of)[rows] for of in (self._table.first_seen, self._table.last_seen))
        try:
            if first.min() > 0 and last.min() > 0:
                # A record may end before it begins, for all that its writer cared.
                since = min(int(first.min()), int(last.min())) - _AROUND
                until = max(int(first.max()), int(last.max())) + _AROUND
                return {"since": datetime.fromtimestamp(since, UTC), "until": datetime.fromtimestamp(until, UTC)}
        except (OverflowError, ValueError, OSError):  # no time that a calendar has
            pass
        return {"since": self._request.since, "until": self._request.until}

    def said(self, rows: Column) -> Column:
        """What the accepted records say of some rows."""
        if not len(rows):
            return rows
        pairs = self.pairs
        found = np.full(len(rows), NO_REPLIES if pairs.seen else UNTOLD)
        for place, row in enumerate(rows.tolist()):
            flow = _flow(self._table, row)
            if flow in pairs.answered:
                found[place] = REPLIES if flow in pairs.passed else UNHEEDED
        return found

    def notes(self, left: int) -> list[str]:
        """What was paid for, and what was left alone."""
        found = [f"to tell answers from requests: {cost}" for cost in self._costs]
        if left:
            flows = "a rejected flow answers" if left == 1 else f"{left:,} rejected flows answer"
            why = "; ".join(self._reasons) or "it is looked for the biggest flows only"
            found.append(f"whether {flows} accepted requests was not looked at: {why}")
        return found


class _Requests(Sink):
    """Takes accepted records. ``left`` are the reasons for which some of them were not read."""

    accepted_only = True

    def __init__(self, account: Account, table: Table, rows: Column, looking: _Looking, *, speaks: bool) -> None:
        self._account, self._table, self._rows, self._looking = account, table, rows, looking
        self._speaks = speaks
        places = set(np.asarray(table.interface)[rows].tolist())  # np.unique would load numpy's masked arrays
        names = frozenset(table.interfaces[place] for place in places)
        self.interfaces = frozenset() if UNKNOWN in names else names
        self.left: dict[str, None] = {}
        self._taken = 0
        self._matching: Matching | None = None

    def expect(self, size: int) -> None:
        if size > SMALL and not self._speaks:
            self._leave(f"{size_text(size)} of records are read again only where ports speak for it")
        if size >= PLAIN and self._matching is None:
            from whyblocked.flowlogs.matched import Matching

            self._matching = Matching(self._looking.pairs)

    def fetch(self, size: int) -> None:
        if size > FETCHED:
            self._leave(f"{size_text(size)} of records are not fetched again")
        self.expect(size)

    def add(self, records: Sequence[Record], source: str) -> None:
        for record in records:
            self._looking.pairs.add(record)
        self._taken += len(records)
        if self._taken > _RECORDS and source.startswith(("cloudwatch:", "athena:")):
            self._leave(f"they are among more than {_RECORDS:,} accepted records of {source}")

    def _leave(self, reason: str) -> None:
        self.left[reason] = None
        raise TooLarge(reason)

    def take(self, file: File) -> bool:
        return self._matching is not None and self._matching.take(file)

    def settle(self, scan: Scan) -> None:
        if self._matching:
            self._matching.settle(scan)

    def close(self) -> None:
        """Stop what is read in the background."""
        if self._matching:
            self._matching.close()

    def resources(self) -> tuple[str, ...] | None:
        if not self.interfaces:
            return None
        known = [one for name in sorted(self.interfaces) if (one := self._account.interfaces.get(name))]
        places = dict.fromkeys(place for one in known for place in (one.subnet_id, one.vpc_id))
        return (*sorted(self.interfaces), *places)

    def narrow(self, resources: frozenset[str] | None) -> Filter:  # noqa: ARG002 - the same for every log
        protocols = set(np.unique(np.asarray(self._table.protocol)[self._rows]).tolist())
        interfaces = tuple(sorted(self.interfaces))
        return Filter(
            interfaces=interfaces if len(interfaces) <= _PUSHED else (),
            addresses=self._addresses(),
            protocol=protocols.pop() if len(protocols) == 1 and min(protocols) >= 0 else None,
            accepted=True,
        )

    def _addresses(self) -> tuple[str, ...]:
        """Every address that an accepted record can show, where they are few and all of them IPv4; else none."""
        ends = (np.asarray(of)[self._rows] for of in (self._table.source, self._table.destination))
        places = np.unique(np.concatenate(list(ends)))
        if len(places) > _PUSHED or not self.interfaces:
            return ()
        found = {self._table.addresses[place] for place in places.tolist()}
        for name in self.interfaces:
            own = self._account.interfaces.get(name)
            if own is None:
                return ()
            found |= {one.private_ip_address for one in own.private_ip_addresses if one.private_ip_address}
            found |= {own.private_ip_address} if own.private_ip_address else set()
        if len(found) > _PUSHED or any(text == UNKNOWN or ":" in text for text in found):
            return ()
        return tuple(str(address) for address in sorted(map(IPv4Address, found)))


def _refuse(above: str) -> bool:
    """Nobody is asked whether more may be paid for a second look."""
    raise TooLarge(above)


def _can_be_read_again(text: str) -> bool:
    try:
        return Path(text).is_file() or Path(text).is_dir()
    except (OSError, ValueError):
        return False


def _flow(table: Table, row: int) -> Flow:
    ends = table.addresses[table.source[row]], table.addresses[table.destination[row]]
    return table.interfaces[table.interface[row]], *ends, table.destination_port[row], table.protocol[row]
