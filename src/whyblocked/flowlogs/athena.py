"""Flow logs that Athena has a table of: added up, or picked out, by one statement at AWS.

https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html
https://docs.aws.amazon.com/athena/latest/APIReference/API_GetQueryResults.html
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Any, NamedTuple, NoReturn

from whyblocked.config.awserrors import refusal
from whyblocked.errors import AwsError, UsageError, WhyblockedError
from whyblocked.flowlogs import statement
from whyblocked.flowlogs.blocks import Lines
from whyblocked.flowlogs.costs import cost_text, size_text
from whyblocked.flowlogs.fields import BIGGEST, Format
from whyblocked.flowlogs.groups import UNKNOWN, Filters, Group
from whyblocked.flowlogs.records import Parser, Record, Scan, Wanted
from whyblocked.flowlogs.sinks import Filter, Unreadable
from whyblocked.flowlogs.tables import Window, conditions, described, holds, parts, prefixes
from whyblocked.text import clean

PERMISSION = "athena:StartQueryExecution"
_CATALOG = "AwsDataCatalog"
_PAGES = 200  # of objects below one place, or of partitions, that are counted for an estimate
_AT_ONCE = 8  # places that are counted at once
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 3.0  # seconds between two looks at a query
Row = list[str | None]


class Services(NamedTuple):
    """The clients that are used, and the Region that they are of."""

    athena: Any
    glue: Any
    s3: Any
    region: str


class Size(NamedTuple):
    """So many bytes; ``all`` tells whether nothing was left out, ``why`` why something was."""

    bytes: int
    all: bool
    why: str = "the table has no place in S3"


class Limit(NamedTuple):
    """What may be read: ``bytes`` without asking (None: any number).

    ``advise`` is told what a query will read before it runs, ``confirm`` (None: there is nobody to ask) says whether
    more than the limit may be read.
    """

    bytes: int | None = None
    advise: Callable[[str], None] | None = None
    confirm: Callable[[str], bool] | None = None


class Athena:
    """One table, and the window that it is read for; ``work_group`` is where its queries run.

    Raises :class:`Unreadable` where AWS refuses, :class:`AwsError` where it fails.
    """

    def __init__(self, services: Services, name: str, window: Window, limit: Limit, work_group: str | None) -> None:
        self.services, self.name, self.limit, self.work_group = services, name, limit, work_group
        self.shown = f"the table {clean(name)}"
        self.database, _, self.relation = name.partition(".")
        self.scanned = 0
        self.table = described(name, self._described())
        partition = self._example() if self.table.keys and not self.table.is_projected else {}
        self.parts = parts(self.table, window, partition)
        self.source = statement.Source(
            relation=f"{statement.identifier(self.database)}.{statement.identifier(self.relation)}",
            columns=self.table.columns,
            conditions=tuple(conditions(self.parts)),
            since=int(window[0].timestamp()),
            until=int(window[1].timestamp()),
        )

    def groups(self, filters: Filters, scan: Scan) -> Iterator[list[Group]]:
        """The rejected records added up, a page at a time; every record is counted."""
        names = ("kind", *statement.KEYS, *statement.SUMS)
        for rows in self._run(statement.sums(self.source, filters), names):
            yield list(added_up([dict(zip(names, row, strict=True)) for row in rows], scan))

    def records(self, narrow: Filter, wanted: Wanted, scan: Scan) -> Iterator[list[Record]]:
        """The records that pass a filter, a page at a time."""
        fields = tuple(self.source.columns)
        parser, count = Parser(f"athena:{self.name}", [Format(fields)], wanted, scan), 1
        names = tuple(map(statement.column_of, fields))
        for rows in self._run(statement.records(self.source, narrow), names):
            lines = [" ".join("%20".join((value or "-").split()) or "-" for value in row).encode() for row in rows]
            yield parser.read(Lines(lines, count))
            count += len(lines)

    @property
    def bill(self) -> str:
        """What was read, and what it costs."""
        return f"Athena read {size_text(self.scanned)} of {self.shown} ({cost_text(self.scanned)})"

    # -- the table -------------------------------------------------------------------------------------------

    def _described(self) -> Mapping[str, Any]:
        """What the catalog says of the table; Athena's own GetTableMetadata needs the same permission of Glue's."""
        try:
            found: Mapping[str, Any] = self.services.glue.get_table(DatabaseName=self.database, Name=self.relation)
            return dict(found["Table"])
        except Exception as error:  # noqa: BLE001 - botocore's, told apart there
            if _code(error) == "EntityNotFoundException":
                raise Unreadable(
                    f"there is no table {clean(self.relation)} in the database {clean(self.database)} of the Region "
                    f"{self.services.region}"
                ) from None
            self._refused(error, "glue:GetTable")

    def _example(self) -> Mapping[str, str]:
        """The values of one partition; nothing where there is none, or it can't be read."""
        try:
            page = self.services.glue.get_partitions(
                DatabaseName=self.database, TableName=self.relation, MaxResults=1, ExcludeColumnSchema=True
            )
        except Exception as error:  # noqa: BLE001 - botocore's, told apart there
            self._unless_failed(error, "glue:GetPartitions")
            return {}
        found = page.get("Partitions") or ()
        return dict(zip(self.table.keys, found[0].get("Values") or (), strict=False)) if found else {}

    # -- what a query reads ----------------------------------------------------------------------------------

    def _allowed(self) -> None:
        """Tell what a query will read, and ask where it is more than the limit."""
        size, limit = self._size(), self.limit
        if size.all:
            figures = f"Athena reads up to {size_text(size.bytes)} for this ({cost_text(size.bytes)})"
        elif size.bytes:
            figures = f"Athena may read more than {size_text(size.bytes)} for this ({cost_text(size.bytes)})"
        else:
            figures = f"it is not known how much Athena reads for this ({size.why})"
        if limit.bytes is None or (size.all and size.bytes <= limit.bytes):
            if limit.advise:
                limit.advise(f"{self.shown}: {figures}")
            return
        above = f"{self.shown}: {figures}, and the limit is {size_text(limit.bytes)}"
        if limit.confirm is None:
            raise UsageError(f"--max-scan: {above}: narrow --since and --until, or raise it ('none' is no limit)")
        if not limit.confirm(above):
            raise UsageError(f"--max-scan: {self.shown} was not read, as you said")

    def _size(self) -> Size:
        """The bytes of the objects in the partitions of the window."""
        try:
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                sizes = list(pool.map(self._listed, self._places()))
        except Exception as error:  # noqa: BLE001 - botocore's, told apart there
            reason = self._unless_failed(error, "s3:ListBucket")
            return Size(0, False, f"s3:ListBucket: {reason}")
        return Size(sum(size.bytes for size in sizes), bool(sizes) and all(size.all for size in sizes))

    def _listed(self, place: str) -> Size:
        """The bytes of the objects below one place."""
        bucket, _, prefix = place.partition("://")[2].partition("/")
        total = 0
        try:
            pages = self.services.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            for number, page in enumerate(pages, 1):
                total += sum(int(item.get("Size") or 0) for item in page.get("Contents") or ())
                if number >= _PAGES and page.get("IsTruncated"):
                    return Size(total, False)
        except Exception as error:
            if _code(error) != "NoSuchBucket":
                raise
        return Size(total, True)

    def _places(self) -> list[str]:
        """Where the partitions of the window are; nothing where that is not known."""
        if not self.table.keys or self.table.is_projected:
            return prefixes(self.table, self.parts)
        asked = {"DatabaseName": self.database, "TableName": self.relation, "ExcludeColumnSchema": True}
        found: list[str] = []
        for number, page in enumerate(self.services.glue.get_paginator("get_partitions").paginate(**asked)):
            if number >= _PAGES:
                return []
            for partition in page.get("Partitions") or ():
                values = dict(zip(self.table.keys, partition.get("Values") or (), strict=False))
                if holds(self.parts, values):
                    location = str((partition.get("StorageDescriptor") or {}).get("Location") or "")
                    found.append(f"{location.rstrip('/')}/")
        return found

    # -- a query ---------------------------------------------------------------------------------------------

    def _run(self, sql: str, names: Sequence[str]) -> Iterator[list[Row]]:
        """The rows of a statement's result; the query is stopped where its result is not waited for."""
        self._allowed()
        more = {"WorkGroup": self.work_group} if self.work_group else {}
        try:
            started = self.services.athena.start_query_execution(
                QueryString=sql, QueryExecutionContext={"Database": self.database, "Catalog": _CATALOG}, **more
            )
        except Exception as error:  # noqa: BLE001 - botocore's, told apart there
            self._refused(error, PERMISSION)
        query = str(started["QueryExecutionId"])
        try:
            self._wait(query)
        except BaseException:
            self._stop(query)
            raise
        yield from self._pages(query, names)

    def _wait(self, query: str) -> None:
        """Until a query is done."""
        pause = _FIRST_WAIT
        while True:
            try:
                found = self.services.athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]
            except Exception as error:  # noqa: BLE001 - botocore's, told apart there
                self._refused(error, "athena:GetQueryExecution")
            status = found.get("Status") or {}
            state = status.get("State")
            if state == "SUCCEEDED":
                self.scanned = int((found.get("Statistics") or {}).get("DataScannedInBytes") or 0)
                return
            if state in ("FAILED", "CANCELLED"):
                self._failed(str(state), str(status.get("StateChangeReason") or ""))
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_WAIT)

    def _failed(self, state: str, reason: str) -> NoReturn:
        said = clean(" ".join(reason.split()), 400) or "AWS gives no reason"
        if state == "FAILED" and ("Access Denied" in reason or "AccessDenied" in reason):
            raise Unreadable(f"Athena may not read the objects of {self.shown} ({said})", "s3:GetObject")
        raise AwsError(f"Athena's query {'failed' if state == 'FAILED' else 'was cancelled'}: {said}")

    def _stop(self, query: str) -> None:
        """What nobody waits for need not be paid for; a query that is done is not stopped by this."""
        with contextlib.suppress(Exception):  # the reason for stopping is what is told
            self.services.athena.stop_query_execution(QueryExecutionId=query)

    def _pages(self, query: str, names: Sequence[str]) -> Iterator[list[Row]]:
        """The pages of a result; the first begins with a row of the columns' names."""
        token: str | None = None
        last: list[Row] = []
        seen: set[str] = set()
        while True:
            try:
                page = self.services.athena.get_query_results(
                    QueryExecutionId=query, MaxResults=1000, **({"NextToken": token} if token else {})
                )
            except Exception as error:  # noqa: BLE001 - botocore's, told apart there
                self._refused(error, "athena:GetQueryResults")
            rows: list[Row] = [[datum.get("VarCharValue") for datum in row.get("Data") or ()]
                    for row in (page.get("ResultSet") or {}).get("Rows") or ()]  # fmt: skip
            if rows and rows[0] == list(names):
                rows = rows[1:]
            if any(len(row) != len(names) for row in rows):
                raise AwsError(f"Athena's result has not the {len(names)} columns that were asked for")
            if rows != last:  # the same page again is not counted again
                yield rows
            last, token = rows, page.get("NextToken")
            if not token:
                return
            if token in seen:
                raise AwsError("Athena gave the same page of the result twice")
            seen.add(token)

    def _refused(self, error: Exception, permission: str) -> NoReturn:
        """The end of the reading that a refused call means."""
        found = refusal(error, permission, self.services.region)
        if isinstance(found, WhyblockedError):
            raise found from None
        if found.kind == "denied":
            raise Unreadable(f"{self.shown} can't be read ({permission}: {found.reason})", permission) from None
        if "output location" in found.reason:
            group = self.work_group or "primary"
            raise Unreadable(
                f"Athena's workgroup {clean(group)} has no place for results: give it one (aws athena "
                f"update-work-group --work-group {clean(group)} --configuration-updates "
                "'ResultConfigurationUpdates={OutputLocation=s3://BUCKET/PREFIX/}'), or name another with --work-group"
            ) from None
        raise Unreadable(f"{self.shown} can't be read ({permission}: {found.reason})") from None

    def _unless_failed(self, error: Exception, permission: str) -> str:
        """Why AWS refuses a call that only helps; the end of the reading where AWS fails."""
        found = refusal(error, permission, self.services.region)
        if isinstance(found, WhyblockedError):
            raise found from None
        return found.reason


def added_up(rows: Sequence[Mapping[str, str | None]], scan: Scan) -> Iterator[Group]:
    """The groups among some rows of the statement's result; all of them are counted."""
    for row in rows:
        kind, count = str(row["kind"]), _number(row["records"]) or 0
        if kind == statement.GROUP:
            if not all(map(_is_address, (row["source"], row["destination"]))):
                scan.malformed += count
                continue
            scan.rejected += count
            yield _group(row)
        elif kind in statement.KINDS:
            setattr(scan, kind, getattr(scan, kind) + count)


def _group(row: Mapping[str, str | None]) -> Group:
    protocol, direction = _number(row["protocol"]), row["direction"]
    return Group(
        interface_id=row["interface_id"] or UNKNOWN,
        source=row["source"] or UNKNOWN,
        destination=row["destination"] or UNKNOWN,
        destination_port=_number(row["destination_port"]),
        protocol=-1 if protocol is None else protocol,
        direction=direction if direction in ("ingress", "egress") else None,  # type: ignore[arg-type]
        records=_number(row["records"]) or 0,
        packets=_number(row["packets"]) or 0,
        bytes=_number(row["bytes"]) or 0,
        first_seen=_number(row["first_seen"]) or 0,
        last_seen=_number(row["last_seen"]) or 0,
        flags=_number(row["flags"]),
        syn=_number(row["syn"]) or 0,
        source_port=_number(row["source_port"]),
        reject_reason=row["reject_reason"],
        subnet_id=row["subnet_id"],
        vpc_id=row["vpc_id"],
    )


def _number(text: str | None) -> int | None:
    return min(int(text), BIGGEST) if text else None


def _is_address(text: str | None) -> bool:
    if text is None or text == UNKNOWN:
        return True
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _code(error: Exception) -> str:
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))
