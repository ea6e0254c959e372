"""Logs Insights queries, run: a few at once, the time split where a result is full, stopped when no one waits.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartQuery.html
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetQueryResults.html
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from types import TracebackType
from typing import Any, NamedTuple

from whyblocked.errors import AwsError
from whyblocked.flowlogs.loggroup import LogGroup
from whyblocked.text import clean

LIMIT = 10_000  # rows of a result; every query's text ends with it
_AT_ONCE = 4  # an account has a hundred, shared by all who ask
_TRIES = 3  # of a query that fails
_FIRST_PAUSE, _LAST_PAUSE = 0.2, 2.0  # seconds between looks at the results
_PRICE = 0.005  # dollars a gigabyte scanned, in most Regions: https://aws.amazon.com/cloudwatch/pricing/

Row = dict[str, str]


class Strange(Exception):
    """An answer to another question than was asked."""


class Span(NamedTuple):
    """Seconds, both ends included, and how often their query failed. Events of flow logs have whole seconds."""

    first: int
    last: int
    failures: int = 0

    def cut(self, pieces: int) -> list[Span]:
        """About so many disjoint spans that make up this one."""
        seconds = self.last - self.first + 1
        count = max(1, min(pieces, seconds))
        edges = [self.first + seconds * number // count for number in range(count + 1)]
        return [Span(begin, end - 1) for begin, end in pairwise(edges)]


@dataclass
class Cost:
    """What the queries cost."""

    queries: int = 0
    bytes_scanned: int = 0

    def __str__(self) -> str:
        some = "1 query" if self.queries == 1 else f"{self.queries} queries"
        gigabytes = self.bytes_scanned / 1e9
        return (
            f"Logs Insights scanned {gigabytes:,.3f} GB in {some}, about ${gigabytes * _PRICE:,.4f} at ${_PRICE} a GB"
        )


@dataclass
class Queries:
    """Runs queries on a log group; leaving it stops those that still run. ``told`` hears of events scanned so far."""

    group: LogGroup
    told: Callable[[int], None]
    cost: Cost = field(default_factory=Cost)
    _running: dict[str, Span] = field(default_factory=dict)
    _scanned: int = 0

    def __enter__(self) -> Queries:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for query in self._running:
            with contextlib.suppress(Exception):  # it may have ended, and whatever happened is told already
                self.group.logs.stop_query(queryId=query)
        self._running.clear()

    def run(self, text: str, span: Span, column: str, pieces: int = 1) -> Iterator[list[Row]]:
        """The rows of a query, a finished part of the span at a time; every row has this ``column``.

        Rows of grouped events come once for each part. An :class:`AwsError` at the end says what is incomplete, a
        :class:`Strange` that this endpoint does not do what it is asked.
        """
        waiting = deque(span.cut(pieces))
        overfull: Span | None = None
        pause = _FIRST_PAUSE
        while waiting or self._running:
            while waiting and len(self._running) < _AT_ONCE:
                self._start(text, waiting.popleft())
            ended = False
            for query, part in list(self._running.items()):
                rows = self._result(query)
                if rows is None:
                    continue
                ended = True
                del self._running[query]
                if isinstance(rows, str):
                    waiting.extendleft(reversed(_once_more(part, rows)))
                elif not all(column in row for row in rows):
                    raise Strange("Logs Insights does not answer what it is asked here")
                elif len(rows) < LIMIT:
                    yield rows
                elif part.first < part.last:
                    waiting.extendleft(reversed(part.cut(2)))
                else:
                    overfull = part
                    yield rows
            pause = _FIRST_PAUSE if ended else min(_LAST_PAUSE, pause * 1.5)
            if self._running and not ended:
                time.sleep(pause)
        if overfull:
            raise AwsError(
                f"Logs Insights gives at most {LIMIT:,} rows, and one second of the log group {clean(self.group.name)} "
                "has more: ask about fewer of them with --interface or --protocol"
            )

    def _start(self, text: str, part: Span) -> None:
        started = self.group.ask(
            "start_query", logGroupName=self.group.name, startTime=part.first, endTime=part.last, queryString=text
        )
        self._running[str(started["queryId"])] = part
        self.cost.queries += 1

    def _result(self, query: str) -> list[Row] | str | None:
        """The rows of a query, None where it has not ended, or the status that it failed with."""
        rows: list[Row] = []
        tokens: set[str] = set()
        more: dict[str, Any] = {}
        while True:
            page = self.group.ask("get_query_results", queryId=query, **more)
            status = str(page["status"])
            scanned = page.get("statistics") or {}
            self.told(self._scanned + int(scanned.get("recordsScanned") or 0))
            if status in ("Scheduled", "Running"):
                return None
            rows += [_row(cells) for cells in page.get("results") or []]
            token = page.get("nextToken")
            if token in tokens:
                status = "Complete, but a page of its result came twice"
            elif status == "Complete" and token:
                tokens.add(token)
                more = {"nextToken": token}
                continue
            self._scanned += int(scanned.get("recordsScanned") or 0)
            self.cost.bytes_scanned += int(scanned.get("bytesScanned") or 0)
            return rows if status == "Complete" else status


def _row(cells: list[dict[str, Any]]) -> Row:
    return {str(cell.get("field")): str(cell.get("value")) for cell in cells if cell.get("value") is not None}


def _once_more(part: Span, status: str) -> list[Span]:
    """What to ask in place of a query that failed: half as much, where it took too long."""
    failures = part.failures + 1
    if failures >= _TRIES:
        raise AwsError(f"a Logs Insights query ended with status {clean(status)} {failures} times")
    pieces = part.cut(2 if status == "Timeout" else 1)
    return [piece._replace(failures=failures) for piece in pieces]
