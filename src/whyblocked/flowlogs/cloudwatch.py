"""Flow logs in CloudWatch Logs, read with FilterLogEvents: AWS filters first, the parser looks again.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Any, Protocol

import msgspec

from whyblocked.config.awserrors import refusal
from whyblocked.errors import InputError, WhyblockedError
from whyblocked.flowlogs.blocks import Lines
from whyblocked.flowlogs.fields import DEFAULT, TRANSIT, Format, header_format, is_default, is_transit
from whyblocked.flowlogs.records import Parser, Record, Scan, Wanted
from whyblocked.text import clean

PERMISSION = "logs:FilterLogEvents"
_PATTERN_LIMIT = 1024
_PROBES = 4  # interfaces that are probed, and pages read for each
_PROBED = 10
_INTERVAL = 600  # the longest aggregation interval: an event carries the start of its flow's interval


class Logs(Protocol):
    """The part of a CloudWatch Logs client that is used."""

    def filter_log_events(self, **parameters: Any) -> Any:
        """One page of events."""


class Unreadable(Exception):
    """A log group that can't be read; ``permission`` is what would help, where a permission would."""

    def __init__(self, reason: str, permission: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permission = permission


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask AWS to filter by: only what every wanted record has. Empty collections filter nothing.

    ``addresses`` are IPv4, and hold both ends: a record is wanted only if its ``srcaddr`` and its ``dstaddr`` are
    both among them. ``rejected`` leaves out what was accepted.
    """

    interfaces: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    protocol: int | None = None
    rejected: bool = False


def pattern(form: Format, wanted: Filter) -> str:
    """A space-delimited filter pattern for records of this format; empty where there is nothing to filter by.

    Every field has its place in it. ``-`` always passes, so that NODATA and SKIPDATA are seen.
    """
    conditions: dict[str, Sequence[str]] = {
        "interface-id": wanted.interfaces,
        "srcaddr": wanted.addresses,
        "dstaddr": wanted.addresses,
        "protocol": () if wanted.protocol is None else (str(wanted.protocol),),
        "action": ("REJECT",) if wanted.rejected else (),
    }
    asked = {name: values for name, values in conditions.items() if values and name in form.names}
    for dropped in (None, "srcaddr", "dstaddr", "interface-id"):  # too long a list is left to the parser
        asked.pop(dropped or "", None)
        terms = [_term(number, name, asked.get(name, ())) for number, name in enumerate(form.names)]
        text = f"[{', '.join(terms)}]"
        if len(text) <= _PATTERN_LIMIT:
            return text if asked else ""
    return ""


def _term(number: int, name: str, values: Sequence[str]) -> str:
    field = f"f{number}_{''.join(char if char.isalnum() else '_' for char in name)}"
    if not values:
        return f"f{number}"
    either = values if name == "interface-id" else (*values, "-")
    return " || ".join(f'{field}="{value}"' for value in either)


def read_group(
    logs: Logs,
    group: str,
    forms: Sequence[Format],
    wanted: Wanted,
    scan: Scan,
    *,
    narrow: Filter,
    region: str = "",
) -> Iterator[list[Record]]:
    """The wanted records of a log group, a page at a time.

    ``forms`` are those that deliver there; without any, the default format and header lines are recognised. Where
    AWS's filter leaves nothing of an interface, a few of its records are read all the same, to know that it is logged.
    """
    parameters: dict[str, Any] = {"logGroupName": group}
    if wanted.since is not None:
        parameters["startTime"] = max(0, wanted.since - _INTERVAL) * 1000
    if wanted.until is not None:
        parameters["endTime"] = wanted.until * 1000 + 999
    asked = pattern(forms[0], narrow) if len(forms) == 1 else ""
    stream = {"logStreamNamePrefix": narrow.interfaces[0]} if len(narrow.interfaces) == 1 else {}
    reading = _Reading(f"cloudwatch:{group}", forms, wanted, scan)
    with_pattern = {"filterPattern": asked} if asked else {}
    for events in _pages(logs, {**parameters, **stream, **with_pattern}, region):
        yield reading.read(events)
    if not asked:
        return
    for interface in [i for i in narrow.interfaces if i not in scan.interfaces][:_PROBES]:
        probe = {**parameters, "logStreamNamePrefix": interface, "limit": _PROBED}
        for events in islice(_pages(logs, probe, region), _PROBES):
            own = [event for event in events if str(event.get("logStreamName", "")).startswith(interface)]
            yield reading.read(own)
            if own:
                break


class _Reading:
    """The parser of a group, set up with its first events."""

    def __init__(self, name: str, forms: Sequence[Format], wanted: Wanted, scan: Scan) -> None:
        self.name, self.forms, self.wanted, self.scan = name, forms, wanted, scan
        self.parser: Parser | None = None
        self.count = 1

    def read(self, events: list[dict[str, Any]]) -> list[Record]:
        lines = [str(event.get("message", "")).encode("utf-8", "replace") for event in events]
        if not lines:
            return []
        if self.parser is None:
            forms = self.forms or _recognised(lines, self.name)
            self.parser = Parser(self.name, forms, self.wanted, self.scan)
        first, self.count = self.count, self.count + len(lines)
        return self.parser.read(Lines(lines, first))


def _pages(logs: Logs, parameters: dict[str, Any], region: str) -> Iterator[list[dict[str, Any]]]:
    """Every page: an empty one with a token is not the end; a token that comes again is."""
    tokens: set[str] = set()
    token: str | None = None
    while True:
        try:
            page = logs.filter_log_events(**parameters, **({"nextToken": token} if token else {}))
        except Exception as error:  # noqa: BLE001 - botocore's, told apart there
            if token is None and "filterPattern" in parameters and _code(error) == "InvalidParameterException":
                parameters = {name: value for name, value in parameters.items() if name != "filterPattern"}
                continue  # the pattern only saves reading
            raise _unreadable(error, str(parameters["logGroupName"]), region) from None
        yield page.get("events", [])
        token = page.get("nextToken")
        if not token or token in tokens:
            return
        tokens.add(token)


def _unreadable(error: Exception, group: str, region: str) -> Exception:
    """What a refused call means: a group that can't be read, or the end of the reading."""
    found = refusal(error, PERMISSION, region)
    if isinstance(found, WhyblockedError):
        return found
    name = clean(group)
    if found.kind == "denied":
        return Unreadable(f"the log group {name} can't be read ({PERMISSION}: {found.reason})", PERMISSION)
    if found.kind == "not found":
        return Unreadable(f"the log group {name} does not exist; AWS makes it with the first traffic")
    if _code(error) in ("InvalidOperationException", "InvalidParameterException"):
        return Unreadable(
            f"the log group {name} does not allow FilterLogEvents, as those of the Infrequent Access and Delivery "
            f"classes do not ({found.reason})"
        )
    return Unreadable(f"the log group {name} can't be read ({PERMISSION}: {found.reason})")


def _code(error: Exception) -> str:
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))


def _recognised(lines: Collection[bytes], name: str) -> Sequence[Format]:
    """The default format where records of it, or header lines, are among the first; else it has to be told."""
    sample = [tokens for line in list(lines)[:50] if (tokens := line.split())]
    if any(is_default(tokens) for tokens in sample):
        return [DEFAULT]
    if any(is_transit(tokens) for tokens in sample):
        return [TRANSIT]
    if any(header_format(tokens) for tokens in sample):
        return []
    raise InputError(
        f"flow logs: the records in {clean(name)} are not in the default format (version 2): give the flow log's own "
        "with --log-format '${version} ...'"
    )
