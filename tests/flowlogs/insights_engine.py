"""A small Logs Insights: reads the text of a query and really does what AWS documents that it does.

It knows fields, parse with a regular expression, filter, stats ... by, display and limit, and nothing of flow logs:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

Fields = dict[str, str]
_TOKEN = re.compile(r'\s*("[^"]*"|>=|<=|=|[()\[\],]|[@\w]+)')
_REGEX = re.compile(r"parse @message /(.*)/\s*\Z", re.DOTALL)
_SUM = re.compile(r"(count|sum|min|max)\((\*|@?\w+)\) as (\w+)\Z")


class Event(NamedTuple):
    """A log event; ``at`` is in milliseconds."""

    at: int
    message: str
    stream: str = "eni-all"


class Malformed(Exception):
    """AWS would call this a malformed query."""


def evaluate(text: str, events: Sequence[Event]) -> list[Fields]:
    """The rows that a query gives for some events."""
    rows = [{"@timestamp": str(e.at), "@message": e.message, "@logStream": e.stream, "@ptr": str(e.at)} for e in events]
    shown: list[str] = []
    for command in _commands(text):
        name, _, rest = command.partition(" ")
        if name == "fields" or name == "display":
            shown = [field.strip() for field in rest.split(",")]
        elif name == "parse":
            rows = [_parsed(command, row) for row in rows]
        elif name == "filter":
            test = _Condition(rest).test
            rows = [row for row in rows if test(row)]
        elif name == "stats":
            rows = _added_up(rest, rows)
            shown = list(dict.fromkeys(name for row in rows for name in row))
        elif name == "limit":
            rows = rows[: int(rest)]
        else:
            raise Malformed(command)
    return [{name: row[name] for name in shown if name in row} for row in rows]


def _commands(text: str) -> list[str]:
    """The commands between pipes, but for those within regular expressions."""
    found, held = [], ""
    for part in re.split(r"(\||/(?:\\.|[^/])*/)", text):
        if part == "|":
            found.append(held.strip())
            held = ""
        else:
            held += part
    return [*found, held.strip()]


def _parsed(command: str, row: Fields) -> Fields:
    wanted = _REGEX.match(command)
    if not wanted:
        raise Malformed(command)
    names = re.findall(r"\(\?<(\w+)>", wanted[1])
    if not names or len(set(names)) < len(names) or not all(name.isalnum() for name in names):
        raise Malformed(f"a group of Java's has letters and digits, and every name once: {names}")
    found = re.search(wanted[1].replace("(?<", "(?P<"), row["@message"])
    return {**row, **(found.groupdict() if found else {})}


def _added_up(rest: str, rows: Sequence[Fields]) -> list[Fields]:
    sums, _, keys = rest.partition(" by ")
    by = [key.strip() for key in keys.split(",")]
    groups: dict[tuple[str | None, ...], list[Fields]] = {}
    for row in rows:
        groups.setdefault(tuple(row.get(key) for key in by), []).append(row)
    return [
        {
            **{name: value for name, value in zip(by, key, strict=True) if value is not None},
            **dict(found for part in sums.split(", ") if (found := _sum(part.strip(), group))),
        }
        for key, group in groups.items()
    ]


def _sum(text: str, rows: Sequence[Fields]) -> tuple[str, str] | None:
    found = _SUM.match(text)
    if not found:
        raise Malformed(text)
    kind, field, alias = found.groups()
    if kind == "count":
        return alias, str(len(rows))
    numbers = [int(row[field]) for row in rows if row.get(field, "-").isdigit()]
    if kind == "sum":
        return alias, str(sum(numbers))
    return (alias, str(min(numbers) if kind == "min" else max(numbers))) if numbers else None  # nothing has no extreme


class _Condition:
    """A condition of ``filter``: or binds least, then and, then not."""

    def __init__(self, text: str) -> None:
        self.tokens = _TOKEN.findall(text)
        if "".join(self.tokens) != re.sub(r'\s+(?=(?:[^"]*"[^"]*")*[^"]*\Z)', "", text):
            raise Malformed(text)
        self.test = self._either()
        if self.tokens:
            raise Malformed(text)

    def _take(self, wanted: str | None = None) -> str:
        token: str = self.tokens.pop(0) if self.tokens else ""
        if wanted is not None and token != wanted:
            raise Malformed(f"{token} where {wanted} belongs")
        return token

    def _either(self) -> Callable[[Fields], bool]:
        tests = [self._both()]
        while self.tokens[:1] == ["or"]:
            self._take()
            tests.append(self._both())
        return lambda row: any(test(row) for test in tests)

    def _both(self) -> Callable[[Fields], bool]:
        tests = [self._one()]
        while self.tokens[:1] == ["and"]:
            self._take()
            tests.append(self._one())
        return lambda row: all(test(row) for test in tests)

    def _one(self) -> Callable[[Fields], bool]:
        token = self._take()
        if token == "not":
            test = self._one()
            return lambda row: not test(row)
        if token == "(":
            inner = self._either()
            self._take(")")
            return inner
        if token == "ispresent":
            self._take("(")
            name = self._take()
            self._take(")")
            return lambda row: name in row
        return self._compared(token)

    def _compared(self, field: str) -> Callable[[Fields], bool]:
        operator = self._take()
        if operator == "in":
            self._take("[")
            values = set()
            while (token := self._take()) != "]":
                if token.startswith('"'):
                    values.add(token.strip('"'))
                elif token != ",":
                    raise Malformed(token)
            return lambda row: row.get(field) in values
        value = self._take()
        if value.startswith('"'):
            if operator != "=":
                raise Malformed(operator)
            return lambda row: row.get(field) == value.strip('"')
        number = int(value)
        compare = {"=": int.__eq__, ">=": int.__ge__, "<=": int.__le__}[operator]
        return lambda row: row.get(field, "").isdigit() and compare(int(row[field]), number)


class Client:
    """Logs Insights over some events; ``statuses`` are how the first queries end, ``polls`` how late."""

    def __init__(self, events: Sequence[Event], *, polls: int = 0, page: int = 10_000) -> None:
        self.events, self.polls, self.page = events, polls, page
        self.statuses: list[str] = []
        self.queries: dict[str, tuple[list[Fields], str]] = {}
        self.polled: dict[str, int] = {}
        self.asked: list[dict[str, Any]] = []
        self.stopped: list[str] = []
        self.most = 0  # that ran at once

    def start_query(self, **parameters: Any) -> Any:
        self.asked.append(parameters)
        inside = [e for e in self.events if parameters["startTime"] <= e.at / 1000 <= parameters["endTime"]]
        name = f"query-{len(self.asked)}"
        try:
            rows = evaluate(parameters["queryString"], inside)
        except Malformed as error:
            raise refused("MalformedQueryException", str(error)) from None
        self.queries[name] = (rows, self.statuses.pop(0) if self.statuses else "Complete")
        self.polled[name] = 0
        self.most = max(self.most, len(self.queries))
        return {"queryId": name}

    def get_query_results(self, **parameters: Any) -> Any:
        name = parameters["queryId"]
        rows, status = self.queries[name]
        self.polled[name] += 1
        scanned = {"bytesScanned": 1e6, "recordsScanned": float(len(self.events)), "recordsMatched": float(len(rows))}
        if self.polled[name] <= self.polls:
            return {"status": "Running", "results": _cells(rows[:1]), "statistics": scanned}
        begin = int(parameters.get("nextToken", 0))
        end = begin + self.page
        more = {"nextToken": str(end)} if end < len(rows) else {}
        if not more:
            del self.queries[name]
        return {"status": status, "results": _cells(rows[begin:end]), "statistics": scanned, **more}

    def stop_query(self, **parameters: Any) -> Any:
        self.stopped.append(parameters["queryId"])
        return {"success": True}

    def filter_log_events(self, **parameters: Any) -> Any:
        raise refused("InvalidOperationException", "only Logs Insights reads this log group")


def refused(code: str, message: str = "no") -> ClientError:
    """An error of AWS's."""
    response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    return ClientError(response, "StartQuery")


def _cells(rows: Sequence[Fields]) -> list[list[dict[str, str]]]:
    return [[{"field": name, "value": value} for name, value in row.items()] for row in rows]
