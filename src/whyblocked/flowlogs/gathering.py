"""Rejected records from every location into one table of groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

from whyblocked.flowlogs.fields import parse_format
from whyblocked.flowlogs.grouping import Grouping
from whyblocked.flowlogs.groups import Filters, Lost, Progress, Rejected
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
    if progress:
        progress(0, 0)
    for location in dict.fromkeys(locations):
        for records in read_files(location, forms, wanted, scan, stdin):
            grouping.add(records)
    return Rejected(grouping.table(), scan, notes(scan), losses(scan))


def notes(scan: Scan) -> list[str]:
    """What the reader should know of what was read."""
    found = list(scan.notes)
    if scan.skipped_data:
        some = "a record says" if scan.skipped_data == 1 else f"{scan.skipped_data} records say"
        found.append(
            f"some records were skipped by AWS ({some} SKIPDATA): flows of those intervals are not in the logs"
        )
    if scan.outside:
        found.append(f"{scan.outside} rejected records lie outside the window")
    return found


def losses(scan: Scan) -> list[Lost]:
    """The packets that transit gateways lost, most first."""
    found = [Lost(*names, *sums) for names, sums in scan.lost.items()]
    return sorted(found, key=lambda lost: (-sum(lost.packets), lost.transit_gateway_id, lost.attachment_id))
