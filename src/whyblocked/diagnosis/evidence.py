"""What the flow logs say of a question: records read, matched with what the rules expect, and put into words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from ipaddress import IPv4Address
from typing import Any, BinaryIO, NamedTuple

import msgspec

from whyblocked.config.account import Account
from whyblocked.diagnosis.answer import Evidence, Verdict
from whyblocked.diagnosis.conclusion import conclude, enable_command
from whyblocked.diagnosis.matching import own_of
from whyblocked.diagnosis.tally import Tally
from whyblocked.errors import AwsError, InputError, UsageError
from whyblocked.flowlogs.configured import Configured, Group, configured
from whyblocked.flowlogs.fields import Format, parse_format
from whyblocked.flowlogs.locations import check, log_group, read_files
from whyblocked.flowlogs.records import Scan, Wanted
from whyblocked.flowlogs.window import DEFAULT
from whyblocked.network.sighting import Sighting
from whyblocked.text import clean

_PUSHED = 20  # more addresses or interfaces than this are not pushed down to AWS


class EvidenceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What the user wants of the flow logs.

    ``locations`` are those of ``--flow-logs``; none: the flow logs that the account has. ``since`` and ``until`` bound
    every source once given; without them, what is read from AWS is bounded to the last hour. ``stdin`` is read for
    the location ``-``. ``progress`` is called now and then with a location and the number of records read so far.
    """

    locations: tuple[str, ...] = ()
    log_format: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    enabled: bool = True
    stdin: BinaryIO | None = None
    progress: Callable[[str, int], None] | None = None


class Gathered(NamedTuple):
    """The evidence, and what could not be read for want of a permission (for the answer's ``missing``)."""

    evidence: Evidence
    missing: tuple[str, ...]


def checked_request(request: EvidenceRequest) -> None:
    """Refuse, before anything is read or asked, what can't be meant: locations, format, window."""
    check(request.locations)
    if request.log_format is not None:
        parse_format(request.log_format)
    if request.since and request.until and request.since > request.until:
        raise UsageError("--since lies after --until: nothing is between them")


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
    reading = _Reading(sightings, verdict, account, request, now)
    if request.locations:
        for location in dict.fromkeys(request.locations):
            reading.location(location)
    else:
        reading.configured()
    return reading.result()


class _Reading:
    """One run over all sources."""

    def __init__(
        self, sightings: Sequence[Sighting], verdict: Verdict, account: Account, request: EvidenceRequest, now: datetime
    ) -> None:
        self.sightings, self.verdict, self.account, self.request, self.now = sightings, verdict, account, request, now
        self.tally = Tally(sightings, verdict, lambda interface: own_of(account, interface))
        self.scan = Scan()
        self.forms = (parse_format(request.log_format),) if request.log_format is not None else ()
        self.sources: list[str] = []
        self.notes: list[str] = []
        self.missing: dict[str, None] = {}
        self.traffic: set[str] = set()
        self.logs = 0
        self.from_aws = False
        self._known: Configured | None = None
        until = request.until or now
        self.window = (request.since or until - DEFAULT, until)

    # -- reading ---------------------------------------------------------------------------------------------

    def location(self, location: str) -> None:
        """One location that the user named."""
        group = log_group(location)
        if group is None:
            name = "standard input" if location == "-" else location
            batches = read_files(location, self.forms, self._wanted(aws=False), self.scan, self.request.stdin)
            for records in batches:
                for record in records:
                    self.tally.add(record, location)
                self._progress(name)
            self.sources.append(clean(name))
            self.traffic.add("ALL")
            return
        if not self._is_live:
            raise InputError(f"--flow-logs {clean(location)}: CloudWatch Logs can't be read from a snapshot")
        known = next((g for g in self._configured().groups if g.name == group), None)
        forms = self.forms or (known.forms if known else ())
        self._read_group(group, forms, named=True)
        self.traffic |= known.traffic if known else {"ALL"}

    def configured(self) -> None:
        """The flow logs that the account has on the path."""
        found = self._configured()
        self.logs = found.logs
        self.notes += found.notes
        self.missing.update(dict.fromkeys(found.missing))
        for group in found.groups:
            if not self._is_live:
                self.notes.append(
                    f"the log group {clean(group.name)} can't be read from a snapshot: name its exported records "
                    "with --flow-logs"
                )
            elif self._read_group(group.name, self.forms or group.forms, group=group):
                self.traffic |= group.traffic

    def _configured(self) -> Configured:
        if self._known is None:
            ids = [i for s in self.sightings for i in (s.interface_id, s.subnet_id, s.vpc_id)]
            self._known = configured(self.account, ids)
        return self._known

    def _read_group(
        self, name: str, forms: Sequence[Format], *, group: Group | None = None, named: bool = False
    ) -> bool:
        """Read a log group; False where AWS refuses."""
        from whyblocked.flowlogs.cloudwatch import PERMISSION, Filter, Unreadable, read_group

        covered = [s for s in self.sightings if not group or group.resources & {s.interface_id, s.subnet_id, s.vpc_id}]
        regions = {self.account.region_of(s.vpc_id) or "" for s in covered}
        region = regions.pop() if len(regions) == 1 else ""
        interfaces = tuple(dict.fromkeys(s.interface_id for s in covered))
        protocols = {p[0] if p[0] == p[1] else None for s in covered for p in (box.protocol for box in s.packets)}
        narrow = Filter(
            interfaces=interfaces if len(interfaces) <= _PUSHED and all(map(_is_plain, interfaces)) else (),
            addresses=self._addresses(covered),
            protocol=protocols.pop() if len(protocols) == 1 else None,
        )
        location = f"cloudwatch:{name}"
        try:
            logs = self._client(region)
            wanted = self._wanted(aws=True)
            for records in read_group(logs, name, forms, wanted, self.scan, narrow=narrow, region=region):
                for record in records:
                    self.tally.add(record, location)
                self._progress(location)
        except Unreadable as error:
            if named and error.permission is None:
                raise InputError(f"--flow-logs {clean(location)}: {error.reason}") from None
            self.notes.append(error.reason)
            if error.permission:
                self.missing[f"{error.permission}: AccessDenied"] = None
            return False
        except AwsError as error:
            self.notes.append(f"the log group {clean(name)} was not read to its end: {error.message}")
            self.missing[f"{PERMISSION}: {error.message}"] = None
            return False
        self.sources.append(clean(location))
        self.from_aws = True
        return True

    @property
    def _is_live(self) -> bool:
        return callable(getattr(self.account.source, "client", None))

    def _client(self, region: str) -> Any:
        """A client of CloudWatch Logs; the source has to be live."""
        return self.account.source.client("logs", region or None)  # type: ignore[attr-defined]

    def _wanted(self, *, aws: bool) -> Wanted:
        interfaces = frozenset(s.interface_id for s in self.sightings)
        since, until = self.window if aws else (self.request.since, self.request.until)
        return Wanted(
            interfaces=interfaces,
            since=int(since.timestamp()) if since else None,
            until=int(until.timestamp()) if until else None,
        )

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

    def _progress(self, location: str) -> None:
        if self.request.progress:
            self.request.progress(location, self.scan.records)

    # -- the result ------------------------------------------------------------------------------------------

    def result(self) -> Gathered:
        """The evidence from everything that was read."""
        notes = [*self.notes, *self.scan.notes]
        if not self.sources:
            summary = "No flow log of the path could be read."
            command = None
            if not self.logs and not self.missing and not self.request.locations:
                summary = "No flow log covers the interfaces, subnets and VPCs on the path."
                command = enable_command(self.sightings, self.account)
            evidence = Evidence(status="unavailable", summary=summary, notes=notes, enable_command=command)
            return Gathered(evidence, tuple(self.missing))
        recent = self.from_aws and self.window[1] > self.now - timedelta(minutes=15)
        evidence = conclude(
            self.tally, self.scan, traffic=frozenset(self.traffic), recent=recent, window=self._shown_window()
        )
        return Gathered(
            msgspec.structs.replace(evidence, sources=self.sources, notes=[*evidence.notes, *notes]),
            tuple(self.missing),
        )

    def _shown_window(self) -> tuple[int, int] | None:
        """The window of the timeline, where it is not that of the records found."""
        if not self.from_aws and not (self.request.since and self.request.until):
            return None
        return int(self.window[0].timestamp()), int(self.window[1].timestamp())


def _is_plain(name: str) -> bool:
    return name.isascii() and name.replace("-", "").isalnum()
