"""Flow logs from wherever they are into a sink: one reader for questions and for rejected flows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whyblocked.config.account import Account
from whyblocked.errors import AwsError, InputError, UsageError
from whyblocked.flowlogs.fields import Format, parse_format
from whyblocked.flowlogs.gathering import size_of
from whyblocked.flowlogs.locations import Location, locate, read_files
from whyblocked.flowlogs.records import Scan, Wanted
from whyblocked.flowlogs.sinks import File, LogsRequest, Sink, TooLarge, Unreadable
from whyblocked.flowlogs.window import DEFAULT
from whyblocked.text import clean

if TYPE_CHECKING:
    from whyblocked.flowlogs.configured import Configured, Group
    from whyblocked.flowlogs.listing import Delivery
    from whyblocked.flowlogs.objects import Objects
    from whyblocked.flowlogs.overlap import Log


def checked_request(request: LogsRequest) -> list[Location]:
    """The locations; refuses, before anything is read or asked, what can't be meant."""
    locations = [locate(text) for text in dict.fromkeys(request.locations)]
    if request.log_format is not None:
        parse_format(request.log_format)
    if request.since and request.until and request.since > request.until:
        raise UsageError("--since lies after --until: nothing is between them")
    return locations


class Reading:
    """One run over all sources.

    ``sources`` are those that were read, ``notes`` what to know of the others, ``missing`` what permissions lack,
    ``failed`` what AWS failed at, so that records may be missing. ``traffic`` is what the logs record, ``logs`` counts
    the account's flow logs, ``from_aws`` tells whether anything came from AWS, whose logs are minutes late, and
    ``narrowed`` whether records that the sink does not want were left out there.
    """

    def __init__(self, account: Account, sink: Sink, request: LogsRequest, now: datetime) -> None:
        self.account, self.sink, self.request = account, sink, request
        self.locations = checked_request(request)
        self.scan = Scan()
        self.forms = (parse_format(request.log_format),) if request.log_format is not None else ()
        self.sources: list[str] = []
        self.notes: list[str] = []
        self.missing: dict[str, None] = {}
        self.failed: list[str] = []
        self.traffic: set[str] = set()
        self.logs = 0
        self.from_aws = False
        self._known: Configured | None = None
        self._files_read: set[Path] = set()
        until = request.until or now
        self.window = (request.since or until - DEFAULT, until)

    def run(self) -> None:
        """Read the locations that were named, or the flow logs that the account has."""
        local = [location.text for location in self.locations if location.is_local]
        self.sink.expect(sum(size_of(text, self._free) for text in local))
        for location in self.locations:
            if location.is_local:
                self._files(location)
            else:
                self._at_aws(location)
        if not self.locations:
            self._configured()
        self.sink.settle(self.scan)

    # -- files -----------------------------------------------------------------------------------------------

    def _files(self, location: Location) -> None:
        def take(path: Path) -> bool:
            if path.is_file():  # a file and its folder may both be named, or a link and what it leads to
                known = len(self._files_read)
                self._files_read.add(path.resolve())
                if len(self._files_read) == known:
                    return True
            return self.sink.take(File(path, str(path), location.text, self.forms, self._free))

        for records in read_files(location.text, self.forms, self._free, self.scan, self.request.stdin, take):
            self.sink.add(records, location.text)
            self.told(location.name)
        self.sources.append(clean(location.name))
        self.traffic.add("ALL")

    # -- AWS -------------------------------------------------------------------------------------------------

    def _at_aws(self, location: Location) -> None:
        """A location at AWS that the user named."""
        if not self.is_live and self.request.client is None:
            raise InputError(
                f"--flow-logs {clean(location.text)}: can't be read from a snapshot: name exported records"
            )
        if location.kind == "athena":
            self._read_table(location)
            return
        if location.kind == "s3":
            if self._read_bucket(location.name, self.forms):
                self.traffic.add("ALL")
            return
        known: list[Group | None] = [group for group in self._log_groups() if group.name == location.name]
        for group in known or [None]:
            self._read_group(location.name, self.forms or (group.forms if group else ()), group, named=True)
            self.traffic |= group.traffic if group else {"ALL"}

    def _configured(self) -> None:
        """The flow logs that the account has."""
        found = self.account_logs()
        self.logs = found.logs
        self.notes += found.notes
        self.missing.update(dict.fromkeys(found.missing))
        groups = [group for group in found.groups if self._is_of_use(group.traffic)]
        if not self.is_live:
            for group in groups:
                name = (
                    f"the log group {clean(group.name)}" if group.kind == "cloudwatch" else f"s3://{clean(group.name)}"
                )
                self.notes.append(f"{name} can't be read from a snapshot: name its exported records with --flow-logs")
            return
        self._read_once(groups)

    def _is_of_use(self, traffic: frozenset[str]) -> bool:
        """Whether the sink wants something of flow logs that record such traffic (none: a transit gateway's)."""
        if self.sink.accepted_only:
            return bool(traffic - {"REJECT"})
        return not self.sink.rejected_only or traffic != {"ACCEPT"}

    def _read_once(self, groups: list[Group]) -> None:
        """Read what flow logs delivered, the broadest first, and nothing that was read already."""
        from whyblocked.flowlogs.overlap import BOTH, Coverage, Once

        wanted = frozenset({"REJECT"}) if self.sink.rejected_only else BOTH
        wanted = frozenset({"ACCEPT"}) if self.sink.accepted_only else wanted
        logs = [log for group in groups for log in group.logs]
        coverage = Coverage(self.account, logs, wanted, int(self.window[0].timestamp()))
        self.sink = once = Once(self.sink, coverage)
        groups.sort(key=lambda g: (min(map(coverage.preference, g.logs)), g.kind, g.logs[0].flow_log_id))
        done: list[Log] = []
        for place, group in enumerate(groups, 1):
            told = [next((other for other in done if coverage.covers(other, log)), None) for log in group.logs]
            if all(told):
                self.notes += [
                    f"flow log {clean(log.flow_log_id)} of {clean(log.resource_id)} was not read: "
                    f"{clean(other.flow_log_id)} has its records, too"
                    for log, other in zip(group.logs, told, strict=True)
                    if other
                ]
                continue
            once.begin(group.logs, done, [log for later in groups[place:] for log in later.logs])
            forms = self.forms or group.forms
            if (
                self._read_group(group.name, forms, group)
                if group.kind == "cloudwatch"
                else self._read_bucket(group.name, forms, group)
            ):
                self.traffic |= group.traffic
                done += group.logs
        self.notes += once.notes

    def account_logs(self) -> Configured:
        """The account's flow logs on what the sink is about."""
        if self._known is None:
            from whyblocked.flowlogs.configured import configured

            self._known = configured(self.account, self.sink.resources(), int(self.window[0].timestamp()))
        return self._known

    def _log_groups(self) -> list[Group]:
        return [group for group in self.account_logs().groups if group.kind == "cloudwatch"]

    def _read_group(self, name: str, forms: Sequence[Format], group: Group | None, *, named: bool = False) -> bool:
        """Read a log group; False where AWS refuses."""
        from whyblocked.flowlogs.cloudwatch import read_group
        from whyblocked.flowlogs.loggroup import PERMISSION, LogGroup

        resources = group.resources if group and not named else None
        region = group.region if group and group.region else self.sink.region(resources)
        location = f"cloudwatch:{name}"
        try:
            at_aws = LogGroup(self.client("logs", region, group.account_id if group else ""), name, region)
            narrow = self.sink.narrow(resources)
            told = partial(self.told, location)
            read_group(at_aws, forms, self.aws_wanted, self.scan, self.sink, narrow, told)
        except Unreadable as error:
            self._unreadable(error, location, named=named and group is None)
            return False
        except AwsError as error:
            self.failed.append(f"the log group {clean(name)} was not read to its end: {error.message}")
            self.missing[f"{PERMISSION}: {error.message}"] = None
            return False
        self.sources.append(clean(location))
        self.from_aws = True
        return True

    def _read_table(self, location: Location) -> None:
        """Have Athena read one of its tables."""
        from whyblocked.flowlogs.athena import PERMISSION, Athena, Limit, Services

        sink, request, region = self.sink, self.request, self.sink.region(None)
        athena, glue, s3 = (self.client(service, region) for service in ("athena", "glue", "s3"))
        limit = Limit(request.max_scan, request.advise, request.confirm)
        services = Services(athena, glue, s3, region or athena.meta.region_name)
        try:
            table = Athena(services, location.name, self.window, limit, request.work_group)
            if sink.adds_up:
                for groups in table.groups(sink.filters, self.scan):
                    sink.add_groups(groups)
                    self.told(location.text)
            else:
                for records in table.records(sink.narrow(None), self.aws_wanted, self.scan):
                    sink.add(records, location.text)
                    self.told(location.text)
        except Unreadable as error:
            self._unreadable(error, location.text, named=True)
            return
        except AwsError as error:
            self.failed.append(f"the table {clean(location.name)} was not read to its end: {error.message}")
            self.missing[f"{PERMISSION}: {error.message}"] = None
            return
        self.scan.costs.append(table.bill)
        self.scan.billed += table.scanned
        self.sources.append(clean(location.text))
        self.traffic.add("ALL")
        self.from_aws = True

    def _read_bucket(self, name: str, forms: Sequence[Format], group: Group | None = None) -> bool:
        """Read the objects that the user named, or those of a flow log (``group``); False where AWS refuses."""
        from whyblocked.flowlogs.objects import Objects
        from whyblocked.flowlogs.s3 import GET, LIST, Bucket

        location = f"s3://{name}"
        bucket, _, prefix = name.partition("/")
        objects: Objects | None = None
        try:
            account_id = group.account_id if group else ""
            opened = Bucket(self.client("s3", account_id=account_id), bucket, self.request.request_payer)
            delivery = self._delivery(group) if group else None
            objects = Objects(opened, prefix, self.aws_wanted, self._free, delivery)
            with closing(objects.read(forms, self.scan, self.sink, self.request.advise)) as batches:
                for records in batches:
                    self.sink.add(records, location)
                    self.told(location)
        except Unreadable as error:
            self._unreadable(error, location, named=group is None)
            return False
        except AwsError as error:
            self.failed.append(f"{clean(location)} was not read to its end: {error.message}")
            self.missing[f"{GET if objects and objects.listed else LIST}: {error.message}"] = None
            return False
        self.failed += objects.unread
        self.missing.update(objects.missing)
        self.sources += [] if clean(location) in self.sources else [clean(location)]
        self.from_aws = self.from_aws or objects.dated
        return True

    def _unreadable(self, error: Unreadable, location: str, *, named: bool) -> None:
        """Note what can't be read; what was ``named`` and no permission opens is an error of the user's."""
        if named and error.permission is None and not isinstance(error, TooLarge):
            raise InputError(f"--flow-logs {clean(location)}: {error.reason}") from None
        self.notes.append(error.reason)
        if error.permission:
            self.missing[f"{error.permission}: AccessDenied"] = None

    def _delivery(self, group: Group) -> Delivery:
        """What a flow log delivers, by its own account and Region."""
        from whyblocked.flowlogs.listing import Delivery

        flow_log_id = group.logs[0].flow_log_id
        return Delivery(flow_log_id, group.account_id or self._account_id(), group.region or self._region)

    def _account_id(self) -> str:
        """The account that is asked; empty where AWS does not tell."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return str(self.client("sts").get_caller_identity()["Account"])
        except (BotoCoreError, ClientError):
            return ""

    @property
    def _region(self) -> str:
        """The Region that is asked; empty where the configuration is a snapshot."""
        return str(getattr(self.account.source, "region", ""))

    @property
    def is_live(self) -> bool:
        """Whether the configuration comes from AWS, so that what it has may be read unasked."""
        return callable(getattr(self.account.source, "client", None))

    def client(self, service: str, region: str = "", account_id: str = "") -> Any:
        """A client of another service, in an account that was read or else in the first."""
        make: Any = getattr(self.account.source, "client", None)
        if make is None:
            assert self.request.client is not None
            return self.request.client(service, region or None)
        return make(service, region or None, account_id)

    @property
    def aws_wanted(self) -> Wanted:
        """What is wanted of a source at AWS: bounded in time, whatever was asked."""
        return self._wanted(*self.window)

    @property
    def _free(self) -> Wanted:
        """What is wanted of files: bounded in time where that was asked."""
        return self._wanted(self.request.since, self.request.until)

    def _wanted(self, since: datetime | None, until: datetime | None) -> Wanted:
        return Wanted(
            interfaces=self.sink.interfaces,
            since=int(since.timestamp()) if since else None,
            until=int(until.timestamp()) if until else None,
            rejected_only=self.sink.rejected_only,
        )

    def told(self, location: str, records: int | None = None) -> None:
        """Say how far reading is: so many records, or those that were counted so far."""
        if self.request.progress:
            self.request.progress(location, self.scan.records if records is None else records)
