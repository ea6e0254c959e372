"""Flow logs in CloudWatch Logs: FilterLogEvents for a short window, Logs Insights for a long one.

FilterLogEvents costs nothing and hands over every record; Logs Insights is paid by the gigabyte and adds up at AWS. A
log group of the Infrequent Access class has Logs Insights only:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch_Logs_Log_Classes.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from whyblocked.flowlogs import events
from whyblocked.flowlogs.fields import Format
from whyblocked.flowlogs.insights import Insights, Unanswered
from whyblocked.flowlogs.loggroup import LogGroup, Refused
from whyblocked.flowlogs.messages import Messages
from whyblocked.flowlogs.queries import Span
from whyblocked.flowlogs.records import Scan, Wanted
from whyblocked.flowlogs.sinks import Filter, Sink, Unreadable
from whyblocked.text import clean

LONG = 3 * 3600  # seconds from which on Logs Insights is worth its price and its start
_INTERVAL = 600  # the longest aggregation interval: an event carries the start of its flow's interval
_PROBES = 4  # interfaces that are probed
_CLASSES = frozenset({"InvalidOperationException", "InvalidParameterException"})  # where a class lacks an operation


def read_group(
    group: LogGroup,
    forms: Sequence[Format],
    wanted: Wanted,
    scan: Scan,
    sink: Sink,
    narrow: Filter,
    told: Callable[[int], None] = lambda _: None,
) -> None:
    """Fill the sink with the wanted records of a log group.

    ``forms`` are those that deliver there; without any, the default format and header lines are recognised. ``told``
    hears how many records were read. Raises :class:`Unreadable` where AWS refuses, and
    :class:`whyblocked.errors.AwsError` where it fails.
    """
    insights = Insights(group, forms, wanted, scan, sink, narrow, told)
    span = None
    if wanted.since is not None and wanted.until is not None:
        span = Span(max(0, wanted.since - _INTERVAL), max(0, wanted.until))
    if span and span.last - span.first - _INTERVAL > LONG:
        try:
            insights.read(span, must=False)
        except Unanswered as reason:
            scan.notes.append(f"{reason}: {clean(insights.location)} was read with FilterLogEvents")
        else:
            return
    try:
        _filtered(group, forms, wanted, scan, sink, narrow, told, span)
    except Refused as refused:
        if refused.code not in _CLASSES or span is None:
            raise refused.unreadable from None
        try:
            insights.read(span, must=True)
        except Unanswered as reason:
            raise Unreadable(
                f"the log group {clean(group.name)} allows neither FilterLogEvents nor Logs Insights, as those of the "
                f"Delivery class do not ({reason})"
            ) from None


def _filtered(
    group: LogGroup,
    forms: Sequence[Format],
    wanted: Wanted,
    scan: Scan,
    sink: Sink,
    narrow: Filter,
    told: Callable[[int], None],
    span: Span | None,
) -> None:
    """Read with FilterLogEvents: AWS filters first, the parser looks again.

    Where AWS's filter leaves nothing of an interface, a few of its records are read all the same, to know that it is
    logged.
    """
    location = f"cloudwatch:{group.name}"
    messages = Messages(location, forms, wanted, scan)
    accepted = scan.accepted
    asked = events.pattern(forms[0], narrow) if len(forms) == 1 else ""
    first, last = (wanted.since, wanted.until) if span is None else (span.first, span.last)

    def take(pages: Iterator[list[bytes]]) -> None:
        for lines in pages:
            sink.add(messages.read(lines), location)
            told(scan.records)

    try:
        take(events.read(group, events.request(group, first, last, asked, narrow.interfaces)))
    except Refused as refused:
        if not asked or refused.code != "InvalidParameterException":
            raise
        asked = ""  # the pattern only saves reading
        take(events.read(group, events.request(group, first, last, asked, narrow.interfaces)))
    if not asked or narrow.accepted:
        return
    if narrow.rejected and scan.accepted == accepted:
        scan.notes.append(f"{clean(location)}: accepted records were left out at AWS, and are not counted")
    silent = [i for i in narrow.interfaces if i in wanted.interfaces and i not in scan.interfaces]
    for interface in silent[:_PROBES]:
        take(events.probe(group, events.request(group, first, last, "", ()), interface))
