"""What takes records, and how it says which it wants; the sources in this package fill it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from whyblocked.flowlogs.costs import DEFAULT_LIMIT
from whyblocked.flowlogs.fields import Format
from whyblocked.flowlogs.groups import Filters, Group
from whyblocked.flowlogs.records import Record, Scan, Wanted


class LogsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which flow logs to read.

    ``locations`` are those of ``--flow-logs``; none: the flow logs that the account has. ``since`` and ``until`` bound
    every source once given; without them, what is read from AWS is bounded to the last hour. ``stdin`` is read for
    the location ``-``. ``progress`` is called now and then with a location and the number of records read so far.
    ``advise`` is told at once what may make the user stop and ask otherwise. ``client`` makes clients of AWS's services
    (by service and Region) where the configuration is a snapshot. ``request_payer`` is ``requester`` where the user
    pays for what is read from a bucket that is not the user's.

    Athena may read ``max_scan`` bytes (None: any number) unasked; ``confirm`` is asked whether it may read more, and
    None where there is nobody to ask. Its queries run in ``work_group``.
    """

    locations: tuple[str, ...] = ()
    log_format: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    stdin: BinaryIO | None = None
    progress: Callable[[str, int], None] | None = None
    advise: Callable[[str], None] | None = None
    client: Callable[[str, str | None], Any] | None = None
    request_payer: str | None = None
    max_scan: int | None = DEFAULT_LIMIT
    confirm: Callable[[str], bool] | None = None
    work_group: str | None = None


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask AWS to filter by: only what every wanted record has. Empty collections filter nothing.

    ``addresses`` are IPv4, and hold both ends: a record is wanted only if its ``srcaddr`` and its ``dstaddr`` are
    both among them. ``rejected`` leaves out what was accepted, ``accepted`` what was rejected.
    """

    interfaces: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    protocol: int | None = None
    rejected: bool = False
    accepted: bool = False


class Unreadable(Exception):
    """A source that can't be read; ``permission`` is what would help, where a permission would."""

    def __init__(self, reason: str, permission: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permission = permission


class TooLarge(Unreadable):
    """A source of which more would have to be read than the sink is worth."""


def _keep() -> None:
    """A file that is not ours stays."""


class File(msgspec.Struct, frozen=True):
    """A file to be read as a whole.

    ``name`` is how it is shown, ``location`` where it was found. ``release`` is called by whoever is done with it.
    """

    path: Path
    name: str
    location: str
    forms: Sequence[Format]
    wanted: Wanted
    release: Callable[[], None] = _keep


class Sink(ABC):
    """Takes records.

    ``interfaces`` are the only ones whose records it wants (none: all of them), ``rejected_only`` whether accepted
    records are of no use to it, or ``accepted_only`` rejected ones, ``adds_up`` whether it takes groups that AWS added
    up as well, and ``filters`` which of these it wants.
    """

    interfaces: frozenset[str] = frozenset()
    rejected_only = False
    accepted_only = False
    adds_up = False
    filters = Filters()

    @abstractmethod
    def add(self, records: Sequence[Record], source: str) -> None:
        """Take some records; ``source`` is the location or flow log that they come from."""

    def add_groups(self, groups: Iterable[Group]) -> None:
        """Take rejected records that AWS added up; only where :attr:`adds_up`."""
        raise NotImplementedError

    def expect(self, size: int) -> None:  # noqa: B027 - most sinks read everything in one way
        """So many bytes of text, about, come in files; :class:`TooLarge` where that is not worth it."""

    def fetch(self, size: int) -> None:
        """The same of files that have to be fetched from AWS first."""
        self.expect(size)

    def take(self, file: File) -> bool:  # noqa: ARG002 - what a sink does that has no faster way
        """Whether the sink reads the file itself, in the background, and releases it when it is done."""
        return False

    def settle(self, scan: Scan) -> None:  # noqa: B027 - nothing was taken
        """Wait for the files that were taken, and count their records."""

    def resources(self) -> tuple[str, ...] | None:
        """The interfaces, subnets and VPCs whose flow logs may hold what is wanted; None: all that the account has."""
        return None

    def narrow(self, resources: frozenset[str] | None) -> Filter:  # noqa: ARG002 - what most sinks do
        """What AWS may filter by in a log that covers these resources (None: not known)."""
        return Filter(rejected=self.rejected_only, accepted=self.accepted_only)

    def region(self, resources: frozenset[str] | None) -> str:  # noqa: ARG002 - what most sinks do
        """The Region of a log that covers these resources; empty for the run's own."""
        return ""
