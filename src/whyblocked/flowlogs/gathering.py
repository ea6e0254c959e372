"""Rejected records from every location into one table of groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from whyblocked.flowlogs.fields import Format, parse_format
from whyblocked.flowlogs.files import files_below
from whyblocked.flowlogs.grouping import Grouping
from whyblocked.flowlogs.groups import Filters, Progress, Rejected
from whyblocked.flowlogs.locations import read_files
from whyblocked.flowlogs.records import Record, Scan, Wanted

LARGE = 3 << 20  # bytes of files from which the engine's start-up pays; gzip's count eightfold
_PACKED = 8


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
    forms = [parse_format(log_format)] if log_format else []
    wanted = Wanted(since=since, until=until, rejected_only=True)
    scan = Scan()
    once = list(dict.fromkeys(locations))
    size = sum(_size(location, wanted) for location in once)
    if size >= LARGE * _PACKED:
        from whyblocked.flowlogs.large import gather_large

        table = gather_large(once, forms, wanted, scan, filters, stdin, progress)
    else:
        grouping = Grouping(filters)
        for records in _read(once, forms, wanted, scan, stdin):
            grouping.add(records)
        table = grouping.table()
    return Rejected(table, scan, notes(scan))


def _read(
    locations: Sequence[str], forms: Sequence[Format], wanted: Wanted, scan: Scan, stdin: BinaryIO | None
) -> Iterator[list[Record]]:
    for location in locations:
        yield from read_files(location, forms, wanted, scan, stdin)


def _size(location: str, wanted: Wanted) -> int:
    """About how many bytes of text a location holds; what can't be read is told when it is read."""
    if location == "-":
        return 0
    try:
        paths = files_below(Path(location), wanted)
        return sum(path.stat().st_size * (_PACKED if path.suffix in (".gz", ".parquet") else 1) for path in paths)
    except (OSError, ValueError):
        return 0


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
