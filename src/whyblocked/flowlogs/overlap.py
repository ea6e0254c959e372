"""Several flow logs on one interface: which are read first, which need not be, and each record once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from whyblocked.config.account import Account
from whyblocked.flowlogs.groups import Group
from whyblocked.flowlogs.records import Record, Scan
from whyblocked.flowlogs.sinks import File, Filter, Sink

_REMEMBERED = 1 << 19  # records that are known again when another log holds them: 60 MB
_BREADTH = ("vpc-", "subnet-", "eni-")

BOTH = frozenset({"ACCEPT", "REJECT"})


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """A flow log whose records can be read: of which ``actions``, and from when on (Unix seconds; None: not known).

    ``actions`` are empty for a transit gateway's. ``sound`` tells that it is active and delivers.
    """

    flow_log_id: str
    resource_id: str
    actions: frozenset[str]
    created: int | None = None
    sound: bool = True


class Coverage:
    """Which flow log holds what another holds too. Places of interfaces and subnets are asked of the account."""

    def __init__(self, account: Account, logs: Iterable[Log], wanted: frozenset[str], since: int | None) -> None:
        self.account, self.wanted, self.since = account, wanted, since
        resources = {log.resource_id for log in logs}
        if len(resources) > 1:
            self._learn(resources)

    def _learn(self, resources: Iterable[str]) -> None:
        """Know the VPCs and subnets of what is logged."""
        while True:
            asked = [self.account.interface(name) for name in resources if name.startswith("eni-")]
            subnets = [self.account.subnet(name) for name in resources if name.startswith("subnet-")]
            if not any(getattr(one, "pending", False) for one in (*asked, *subnets)) or not self.account.advance():
                return

    def preference(self, log: Log) -> tuple[bool, bool, int]:
        """What is read first sorts first: all that is wanted, for the whole window, of the most interfaces."""
        breadth = next((place for place, kind in enumerate(_BREADTH) if log.resource_id.startswith(kind)), 3)
        return (not self.wanted <= log.actions, not self._is_old(log), breadth)

    def contains(self, outer: Log, inner: Log) -> bool:
        """Whether what one flow log is on holds what the other is on."""
        return outer.resource_id in self._places(inner.resource_id)

    def covers(self, outer: Log, inner: Log) -> bool:
        """Whether one flow log surely has everything of the window that is wanted of the other."""
        asked = inner.actions & self.wanted
        return outer.sound and self._is_old(outer) and asked <= outer.actions and self.contains(outer, inner)

    def overlaps(self, one: Log, other: Log) -> bool:
        """Whether both may have the same record."""
        return bool(one.actions & other.actions & self.wanted) and (
            self.contains(one, other) or self.contains(other, one)
        )

    def told_by(self, log: Log, record: Record, *, inside: bool) -> bool:
        """Whether a flow log surely has a record of another; ``inside``: it is on all that the other is on."""
        if not log.sound or log.created is None or record.start is None or record.start < log.created:
            return False
        if ("ACCEPT" if record.accepted else "REJECT") not in log.actions:
            return False
        if inside:
            return True
        named = (record.fields.get("subnet-id"), record.fields.get("vpc-id"))
        return log.resource_id in (*self._places(record.interface_id or ""), *named)

    def _is_old(self, log: Log) -> bool:
        return log.created is not None and self.since is not None and log.created <= self.since

    def _places(self, resource_id: str) -> tuple[str | None, ...]:
        """A resource and what it lies in."""
        interface = self.account.interfaces.get(resource_id)
        if interface:
            return resource_id, interface.subnet_id, interface.vpc_id
        subnet = self.account.subnets.get(resource_id)
        return (resource_id, subnet.vpc_id) if subnet else (resource_id,)


class Once(Sink):
    """Hands on to a sink what no flow log told before; ``dropped`` counts what one did.

    Where flow logs overlap, a record belongs to the first that was read and existed then; before that, records that
    are the same in every number are one. ``full`` tells that there were more than can be remembered.
    """

    def __init__(self, sink: Sink, coverage: Coverage) -> None:
        self.sink, self.coverage = sink, coverage
        self.interfaces, self.adds_up = sink.interfaces, sink.adds_up
        self.rejected_only, self.accepted_only = sink.rejected_only, sink.accepted_only
        self.dropped = 0
        self.full = False
        self._before: list[tuple[Log, bool]] = []
        self._turn: dict[int, int] = {}
        self._turns = 0
        self._shared = self._among = False

    def begin(self, logs: Sequence[Log], before: Sequence[Log], after: Sequence[Log]) -> None:
        """Records of these flow logs come next; some were read ``before``, others may be ``after``."""
        overlaps, contains = self.coverage.overlaps, self.coverage.contains
        self._before = [
            (old, all(contains(old, log) for log in logs)) for old in before if any(overlaps(old, log) for log in logs)
        ]
        self._among = any(overlaps(one, other) for at, one in enumerate(logs) for other in logs[:at])
        self._shared = self._among or bool(self._before) or any(overlaps(log, new) for log in logs for new in after)
        self.adds_up = self.sink.adds_up and not self._shared
        self._turns += 1

    def add(self, records: Sequence[Record], source: str) -> None:
        self.sink.add([record for record in records if self._is_new(record)] if self._shared else records, source)

    def _is_new(self, record: Record) -> bool:
        """Whether no other flow log told of it. One alone never does so twice."""
        told = any(self.coverage.told_by(log, record, inside=inside) for log, inside in self._before)
        if not told:
            key = hash(
                (
                    *(record.interface_id, record.srcaddr or record.source, record.dstaddr or record.destination),
                    *(record.source_port, record.destination_port, record.protocol, record.start, record.end),
                    *(record.packets, record.bytes, record.accepted),
                )
            )
            first = self._turn.get(key)
            told = first is not None and (self._among or first != self._turns)
            if first is None:
                self.full = self.full or len(self._turn) >= _REMEMBERED
                if not self.full:
                    self._turn[key] = self._turns
        self.dropped += told
        return not told

    @property
    def notes(self) -> list[str]:
        """What to know of what was left out."""
        found = []
        if self.dropped:
            records = "a record" if self.dropped == 1 else f"{self.dropped:,} records"
            found.append(f"{records} found in several flow logs, counted once")
        if self.full:
            found.append("the flow logs overlap in more records than can be compared: some may be counted twice")
        return found

    def expect(self, size: int) -> None:
        self.sink.expect(size)

    def fetch(self, size: int) -> None:
        self.sink.fetch(size)

    def take(self, file: File) -> bool:
        return not self._shared and self.sink.take(file)

    def settle(self, scan: Scan) -> None:
        self.sink.settle(scan)

    def add_groups(self, groups: Iterable[Group]) -> None:
        self.sink.add_groups(groups)

    def resources(self) -> tuple[str, ...] | None:
        return self.sink.resources()

    def narrow(self, resources: frozenset[str] | None) -> Filter:
        return self.sink.narrow(resources)

    def region(self, resources: frozenset[str] | None) -> str:
        return self.sink.region(resources)
