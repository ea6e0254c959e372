"""The events of a log group by FilterLogEvents: filtered at AWS, page by page, several slices of the time at once.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from queue import Full, Queue
from typing import Any, NamedTuple

from whyblocked.errors import AwsError
from whyblocked.flowlogs.fields import Format
from whyblocked.flowlogs.loggroup import LogGroup
from whyblocked.flowlogs.sinks import Filter
from whyblocked.text import clean

_PATTERN_LIMIT = 1024
_PROBES = 4  # pages that are read for a sign of an interface, with so many events
_PROBED = 10
_SLICES = 32  # of the time, where it has more than one page; none shorter than this many milliseconds
_SHORTEST = 60_000
_ALONE = 6  # pages that are read one after another before that pays
_READERS = 4
_AHEAD = 16  # pages of a slice that wait for their turn, of a megabyte each
_REMEMBERED = 4  # pages of a slice whose events are known when they come again
_AGAIN = 3  # times that a page which is not what was asked for is asked for again
_PARTING = 1.0  # seconds for readers to notice that no one wants more

Request = dict[str, Any]


def pattern(form: Format, wanted: Filter) -> str:
    """A space-delimited filter pattern for records of this format; empty where there is nothing to filter by.

    Every field has its place in it. ``-`` always passes, so that NODATA and SKIPDATA are seen.
    """
    conditions: dict[str, Sequence[str]] = {
        "interface-id": wanted.interfaces,
        "srcaddr": wanted.addresses,
        "dstaddr": wanted.addresses,
        "protocol": () if wanted.protocol is None else (str(wanted.protocol),),
        "action": ("REJECT",) if wanted.rejected else ("ACCEPT",) if wanted.accepted else (),
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


def request(group: LogGroup, first: int | None, last: int | None, asked: str, interfaces: Sequence[str]) -> Request:
    """What to ask for: events of these seconds (both included), that match a pattern, of the only interface."""
    parameters: Request = {"logGroupName": group.name}
    if first is not None:
        parameters["startTime"] = first * 1000
    if last is not None:
        parameters["endTime"] = last * 1000 + 999
    if asked:
        parameters["filterPattern"] = asked
    if len(interfaces) == 1:
        parameters["logStreamNamePrefix"] = interfaces[0]
    return parameters


def read(group: LogGroup, asked: Request) -> Iterator[list[bytes]]:
    """The messages of all events, a page at a time.

    The first few pages are often all. Where they are not, slices of the time are read at once, in their order; what
    they give again of those pages is known.
    """
    pages = _pages(group, asked)
    known: list[_Page] = []
    for page in pages:
        known.append(page)
        yield page.messages
        if page.following and len(known) == _ALONE:
            break
    slices = _slices(asked) if known[-1].following else []
    if len(slices) > 1 and all("eventId" in event for page in known for event in page.events):
        yield from _together(group, slices, known)
    else:
        yield from (page.messages for page in pages)


def probe(group: LogGroup, asked: Request, interface: str) -> Iterator[list[bytes]]:
    """A few messages of an interface, whatever they say, to know that it is logged."""
    plain = {name: value for name, value in asked.items() if name != "filterPattern"}
    for page in islice(_pages(group, {**plain, "logStreamNamePrefix": interface, "limit": _PROBED}), _PROBES):
        own = [event for event in page.events if str(event.get("logStreamName", "")).startswith(interface)]
        if own:
            yield _messages(own)
            return


class _Page(NamedTuple):
    """The new events of one page, and the token of the page that follows."""

    events: list[dict[str, Any]]
    following: str | None

    @property
    def messages(self) -> list[bytes]:
        return _messages(self.events)


def _messages(events: list[dict[str, Any]]) -> list[bytes]:
    return [str(event.get("message", "")).encode("utf-8", "replace") for event in events]


def _pages(group: LogGroup, asked: Request, known: Sequence[_Page] = ()) -> Iterator[_Page]:
    """Every page: an empty one with a token is not the end, and what comes a second time is left out.

    A page is asked for again where it is not the one that was asked for: its token was followed before, or its events
    are of another time. Where that does not help, the reading ends with an error, not with too few records. ``known``
    are pages that were read before.
    """
    before = {_identity(event) for page in known for event in page.events}
    recent: deque[set[tuple[Any, Any]]] = deque(maxlen=_REMEMBERED)
    tokens: set[str] = set()
    token: str | None = None
    again = 0
    while True:
        page = group.ask("filter_log_events", **asked, **({"nextToken": token} if token else {}))
        events = page["events"]
        following = page.get("nextToken")
        inside = [event for event in events if _is_inside(event, asked)]
        if len(inside) < len(events) and again < _AGAIN:
            again += 1
            group.slow_down()
            continue
        new = [event for event in inside if "eventId" not in event or not _is_known(event, before, *recent)]
        recent.append({_identity(event) for event in new})
        yield _Page(new, following or None)
        if not following:
            return
        if following in tokens:
            again += 1
            if again > _AGAIN:
                raise AwsError(f"AWS gives the same page of the log group {clean(group.name)} again and again")
            group.slow_down()
            continue
        again = 0
        token = following
        tokens.add(following)


def _is_inside(event: dict[str, Any], asked: Request) -> bool:
    """Whether an event is of the time that was asked for."""
    at = event.get("timestamp")
    return at is None or (at >= asked.get("startTime", at) and at <= asked.get("endTime", at))


def _identity(event: dict[str, Any]) -> tuple[Any, Any]:
    return event.get("logStreamName"), event.get("eventId")


def _is_known(event: dict[str, Any], *pages: set[tuple[Any, Any]]) -> bool:
    identity = _identity(event)
    return any(identity in page for page in pages)


# -- several slices at once ----------------------------------------------------------------------------------------


def _slices(asked: Request) -> list[Request]:
    """The request cut into disjoint slices of the time, to the millisecond."""
    first, last = asked.get("startTime"), asked.get("endTime")
    if first is None or last is None:
        return [asked]
    span = last - first + 1
    count = max(1, min(_SLICES, span // _SHORTEST))
    edges = [first + span * number // count for number in range(count + 1)]
    return [{**asked, "startTime": begin, "endTime": end - 1} for begin, end in pairwise(edges)]


_End = BaseException | None  # how a slice ended


def _together(group: LogGroup, slices: Sequence[Request], known: Sequence[_Page]) -> Iterator[list[bytes]]:
    """The pages of all slices, in order; a few slices are read ahead, each into a queue that holds so many pages."""
    queues: list[Queue[list[bytes] | _End]] = [Queue(_AHEAD) for _ in slices]
    waiting = iter(zip(slices, queues, strict=True))
    lock, stop = threading.Lock(), threading.Event()

    def put(queue: Queue[list[bytes] | _End], item: list[bytes] | _End) -> None:
        while not stop.is_set():
            try:
                queue.put(item, timeout=0.1)
            except Full:
                continue
            return

    def work() -> None:
        while not stop.is_set():
            with lock:
                part, queue = next(waiting, (None, None))
            if part is None or queue is None:
                return
            end: _End = None
            try:
                for page in _pages(group, part, known):
                    if stop.is_set():
                        return
                    put(queue, page.messages)
            except Exception as error:  # noqa: BLE001 - raised where the pages are taken
                end = error
            put(queue, end)

    readers = [threading.Thread(target=work, daemon=True) for _ in range(min(_READERS, len(slices)))]
    for reader in readers:
        reader.start()
    try:
        for queue in queues:
            while not isinstance(item := queue.get(), BaseException | None):
                yield item
            if item is not None:
                raise item
    finally:
        stop.set()
        until = time.monotonic() + _PARTING
        for reader in readers:
            reader.join(max(0.0, until - time.monotonic()))
