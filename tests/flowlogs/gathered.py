"""Flow logs in files, added up as the program does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from whyblocked.flowlogs.fields import parse_format
from whyblocked.flowlogs.gathering import Gathering, notes, size_of
from whyblocked.flowlogs.groups import Filters, Rejected
from whyblocked.flowlogs.locations import read_files
from whyblocked.flowlogs.records import Scan, Wanted
from whyblocked.flowlogs.sinks import File


def rejected(
    locations: Sequence[str],
    *,
    log_format: str | None = None,
    since: int | None = None,
    until: int | None = None,
    filters: Filters | None = None,
    stdin: BinaryIO | None = None,
) -> Rejected:
    """The rejected records in files, folders and standard input (``-``). Times are Unix seconds."""
    forms = [parse_format(log_format)] if log_format else []
    wanted, scan = Wanted(since=since, until=until, rejected_only=True), Scan()
    with Gathering(filters or Filters()) as gathering:
        gathering.expect(sum(size_of(location, wanted) for location in locations))

        for location in dict.fromkeys(locations):

            def take(path: Path, location: str = location) -> bool:
                return gathering.take(File(path, str(path), location, forms, wanted))

            for records in read_files(location, forms, wanted, scan, stdin, take):
                gathering.add(records)
        gathering.settle(scan)
        return Rejected(gathering.table(), scan, notes(scan))
