"""Which change let pass what was rejected: for groups of records that today's rules would allow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property

import numpy as np

from whyblocked.config.account import Account
from whyblocked.config.trail import Heard
from whyblocked.diagnosis.answer import Change
from whyblocked.diagnosis.causes import Causes
from whyblocked.diagnosis.changes import NOT, hear, judged, told
from whyblocked.diagnosis.judging import NOW_ALLOWED
from whyblocked.diagnosis.places import DIRECTIONS
from whyblocked.diagnosis.request import ChangesRequest
from whyblocked.diagnosis.suspects import MOST_LOOKUPS, Decider, at_interface

_EARLY = 60  # a record may begin so much later than the change by the clock of CloudTrail
_MOST_ROWS = 1000  # groups that are looked at for what to ask


class Mended:
    """Tells the change of one group on demand; what is needed of CloudTrail is asked once, for the biggest groups."""

    def __init__(self, causes: Causes, request: ChangesRequest) -> None:
        self._causes, self._request = causes, request
        self._account: Account = causes.places.account

    @property
    def notes(self) -> list[str]:
        """What of CloudTrail was not read, if it was asked."""
        return self._heard.notes if "_heard" in self.__dict__ else []

    def change(self, row: int) -> Change | None:
        """What may have let the group pass since: the surest, and of those the first after its last record."""
        if self._causes.judged.status[row] != NOW_ALLOWED or not self._rows:
            return None
        found = self._deciders(row)
        last = self._causes.table[row].last_seen
        ranked = []
        for event in self._heard.events:
            about, judgement = judged(event, found, self._account)
            if about and judgement.likely > NOT and event.time >= last - _EARLY:
                ranked.append(((-judgement.likely, event.time, event.event_id), event, about, judgement))
        if not ranked:
            return None
        _, event, about, judgement = min(ranked, key=lambda entry: entry[0])
        return told(event, about, judgement, self._account)

    @cached_property
    def _rows(self) -> list[int]:
        """The biggest groups that would be allowed now, at interfaces that are known."""
        rows: list[int] = np.flatnonzero(self._causes.judged.status == NOW_ALLOWED)[:_MOST_ROWS].tolist()
        return [row for row in rows if self._causes.table[row].interface_id in self._causes.places.found]

    @cached_property
    def _heard(self) -> Heard:
        found: dict[tuple[str, str], Decider] = {}
        first: int | None = None
        for row in self._rows:
            if len(found) >= MOST_LOOKUPS:
                break
            for one in self._deciders(row):
                found.setdefault((one.kind, one.id), one)
            last = self._causes.table[row].last_seen
            first = last if first is None else min(first, last)
        since = self._request.since or _moment(first)
        request = self._request._replace(since=since if since is None else min(since, self._request.now))
        return hear(self._account, list(found.values()), request, MOST_LOOKUPS).heard()

    def _deciders(self, row: int) -> Sequence[Decider]:
        packets = self._causes.packets(row)
        way = max(int(self._causes.judged.direction[row]), 0)
        return at_interface(self._account, self._causes.table[row].interface_id, packets, DIRECTIONS[way])


def _moment(seconds: int | None) -> datetime | None:
    """A little before that time; None where no calendar has it."""
    try:
        return datetime.fromtimestamp(seconds - _EARLY, UTC) if seconds else None
    except (OverflowError, ValueError, OSError):
        return None
