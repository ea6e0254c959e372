"""Where the records of rejected flows come from: files, log groups that were named, or the account's own flow logs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from whyblocked.config.account import Account, Query
from whyblocked.errors import AwsError, InputError, UndeterminedError
from whyblocked.flowlogs.configured import Configured, configured
from whyblocked.flowlogs.fields import Format, parse_format
from whyblocked.flowlogs.gathering import notes
from whyblocked.flowlogs.grouping import Grouping
from whyblocked.flowlogs.groups import Rejected, rejected
from whyblocked.flowlogs.locations import check, log_group, read_files
from whyblocked.flowlogs.records import Scan, Wanted
from whyblocked.flowlogs.window import DEFAULT
from whyblocked.text import clean

if TYPE_CHECKING:
    from whyblocked.diagnosis.rejects import RejectsRequest

_PUSHED = 20  # more interfaces than this are not pushed down to AWS


def read(account: Account, request: RejectsRequest, now: datetime) -> tuple[Rejected, list[str]]:
    """The rejected records, added up, and what could not be read for want of a permission."""
    check(request.locations)
    if request.log_format is not None:
        parse_format(request.log_format)
    since, until = (int(at.timestamp()) if at else None for at in (request.since, request.until))
    if request.locations and not any(log_group(location) for location in request.locations):
        found = rejected(
            request.locations,
            log_format=request.log_format,
            since=since,
            until=until,
            filters=request.filters,
            stdin=request.stdin,
            progress=(lambda done, _: told("flow logs", done)) if (told := request.progress) else None,
        )
        return found, []
    reading = _Reading(account, request, now)
    if request.locations:
        for location in dict.fromkeys(request.locations):
            reading.location(location, Wanted(since=since, until=until, rejected_only=True))
    else:
        reading.configured()
    return reading.result()


class _Reading:
    """Several sources, of which at least one is AWS."""

    def __init__(self, account: Account, request: RejectsRequest, now: datetime) -> None:
        self.account, self.request = account, request
        self.grouping = Grouping(request.filters)
        self.scan = Scan()
        self.forms = (parse_format(request.log_format),) if request.log_format is not None else ()
        self.notes: list[str] = []
        self.missing: dict[str, None] = {}
        self._known: Configured | None = None
        until = request.until or now
        self.window = (request.since or until - DEFAULT, until)

    def location(self, location: str, wanted: Wanted) -> None:
        """One location that the user named."""
        name = log_group(location)
        if name is None:
            for records in read_files(location, self.forms, wanted, self.scan, self.request.stdin):
                self.grouping.add(records)
            return
        if not self._is_live:
            raise InputError(
                f"--flow-logs {clean(location)}: a log group can't be read from a snapshot: name its exported records"
            )
        known = next((group for group in self.account_logs().groups if group.name == name), None)
        self._group(name, self.forms or (known.forms if known else ()), named=True)

    def configured(self) -> None:
        """The flow logs that the account has."""
        found = self.account_logs()
        self.notes += found.notes
        self.missing.update(dict.fromkeys(found.missing))
        if not found.groups:
            why = "; ".join((*found.missing, *found.notes)) or "the account has no flow log"
            raise UndeterminedError(f"no flow log can be read: {why}; name one with --flow-logs", found.missing)
        for group in found.groups:
            if not self._is_live:
                raise InputError(
                    f"the log group {clean(group.name)} can't be read from a snapshot: name its exported records with "
                    "--flow-logs"
                )
            if group.traffic != {"ACCEPT"}:
                self._group(group.name, self.forms or group.forms)

    def account_logs(self) -> Configured:
        """The flow logs of the account, those of the interfaces asked about alone where some are."""
        if self._known is None:
            wanted: list[str] = []
            if self.request.filters.interfaces:
                wanted = self._covering(sorted(self.request.filters.interfaces))
            else:
                self.account.expect([Query("DescribeFlowLogs", "", "")])
                self.account.advance()
                wanted = sorted({log.resource_id or "" for log in self.account.flow_logs.values()})
            self._known = configured(self.account, wanted or [""])
        return self._known

    def _covering(self, interface_ids: Sequence[str]) -> list[str]:
        """The interfaces, their subnets and VPCs."""
        while True:
            found = [self.account.interface(name) for name in interface_ids]
            if not any(getattr(one, "pending", False) for one in found) or not self.account.advance():
                break
        names = [(i.subnet_id, i.vpc_id) for name in interface_ids if (i := self.account.interfaces.get(name))]
        return [*interface_ids, *(name for pair in names for name in pair)]

    def _group(self, name: str, forms: Sequence[Format], *, named: bool = False) -> None:
        from whyblocked.flowlogs.cloudwatch import PERMISSION, Filter, Unreadable, read_group

        interfaces = tuple(sorted(self.request.filters.interfaces))
        narrow = Filter(
            interfaces=interfaces if len(interfaces) <= _PUSHED else (),
            protocol=self.request.filters.protocol,
            rejected=True,
        )
        since, until = (int(at.timestamp()) for at in self.window)
        wanted = Wanted(since=since, until=until, rejected_only=True)
        try:
            for records in read_group(self._client(), name, forms, wanted, self.scan, narrow=narrow):
                self.grouping.add(records)
                if self.request.progress:
                    self.request.progress(f"cloudwatch:{name}", self.scan.records)
        except Unreadable as error:
            if named and error.permission is None:
                raise InputError(f"--flow-logs cloudwatch:{clean(name)}: {error.reason}") from None
            self.notes.append(error.reason)
            if error.permission:
                self.missing[f"{error.permission}: AccessDenied"] = None
        except AwsError as error:
            self.notes.append(f"the log group {clean(name)} was not read to its end: {error.message}")
            self.missing[f"{PERMISSION}: {error.message}"] = None

    @property
    def _is_live(self) -> bool:
        return callable(getattr(self.account.source, "client", None))

    def _client(self) -> Any:
        """A client of CloudWatch Logs; the source has to be live."""
        return self.account.source.client("logs", None)  # type: ignore[attr-defined]

    def result(self) -> tuple[Rejected, list[str]]:
        """Everything that was read."""
        self.notes.append("accepted records were left out at AWS, and are not counted")
        found = Rejected(self.grouping.table(), self.scan, [*self.notes, *notes(self.scan)])
        return found, list(self.missing)
