"""Rejected records from every location into one table of groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

from whyblocked.flowlogs.fields import parse_format
from whyblocked.flowlogs.grouping import Grouping
from whyblocked.flowlogs.groups import Filters, Progress, Rejected
from whyblocked.flowlogs.locations import check, read_files
from whyblocked.flowlogs.records import Scan, Wanted


def gather(
    locations: Sequence[str],
    *,
    log_format: str | None,
    since: int | None,
    until: int | None,
    filters: Filters,
    stdin: BinaryIO | None,
    progress: Progress | None,
) -> Rejected:
    """What :func:`whyblocked.flowlogs.groups.rejected` promises."""
    check(locations)
    forms = [parse_format(log_format)] if log_format else []
    wanted = Wanted(since=since, until=until, rejected_only=True)
    scan = Scan()
    grouping = Grouping(filters)
    for location in dict.fromkeys(locations):
        for records in read_files(location, forms, wanted, scan, stdin):
            grouping.add(records)
    return Rejected(grouping.table(), scan, scan.notes, [])
