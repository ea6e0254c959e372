"""Rejected records from every source into one table of groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from whyblocked.flowlogs.files import files_below
from whyblocked.flowlogs.grouping import Grouping
from whyblocked.flowlogs.groups import Filters, Group, Table
from whyblocked.flowlogs.records import Record, Scan, Wanted
from whyblocked.flowlogs.sinks import File

if TYPE_CHECKING:
    from whyblocked.flowlogs.large import Large

LARGE = 5 << 17  # bytes of files from which the engine's start-up pays; gzip's count eightfold
PACKED = 8


class Gathering:
    """Adds up rejected records: few in plain Python, many in the engine for large flow logs, once they are expected.

    A context, as the engine has threads and may use the disk. ``told`` hears how many records were read so far.
    """

    def __init__(self, filters: Filters, told: Callable[[int], None] = lambda _: None) -> None:
        self._filters, self._told = filters, told
        self._grouping = Grouping(filters)
        self._large: Large | None = None

    def __enter__(self) -> Gathering:
        return self

    def __exit__(self, *_: object) -> None:
        if self._large:
            self._large.close()

    def expect(self, size: int) -> None:
        """So many bytes of text, about, come in files."""
        if size >= LARGE * PACKED and self._large is None:
            from whyblocked.flowlogs.large import Large

            self._large = Large(self._told)

    def add(self, records: Sequence[Record]) -> None:
        """Take records that the parser found."""
        (self._large or self._grouping).add(records)

    def add_groups(self, groups: Iterable[Group]) -> None:
        """Take groups that were added up elsewhere."""
        self._grouping.add_groups(groups)

    def take(self, file: File) -> bool:
        """Whether the file is read here, in the background; its records are counted by :meth:`settle`."""
        return self._large is not None and self._large.take(file)

    def settle(self, scan: Scan) -> None:
        """Wait for the files that were taken."""
        if self._large:
            self._large.settle(scan)

    def table(self) -> Table:
        """The groups, in their order."""
        if self._large is None:
            return self._grouping.table()
        self._large.add_groups(self._grouping.table())
        return self._large.table(self._filters)


def size_of(location: str, wanted: Wanted) -> int:
    """About how many bytes of text a file or folder holds; what can't be read is told when it is read."""
    if location == "-":
        return 0
    try:
        paths = files_below(Path(location), wanted)
        return sum(text_size(path.name, path.stat().st_size) for path in paths)
    except (OSError, ValueError):
        return 0


def text_size(name: str, size: int) -> int:
    """About how many bytes of text a file of this name and size holds."""
    return size * (PACKED if name.endswith((".gz", ".parquet")) else 1)


def notes(scan: Scan) -> list[str]:
    """What the reader should know of what was read."""
    found = [*scan.costs, *scan.notes]
    if scan.skipped_data:
        some = "a record says" if scan.skipped_data == 1 else f"{scan.skipped_data} records say"
        found.append(
            f"some records were skipped by AWS ({some} SKIPDATA): flows of those intervals are not in the logs"
        )
    if scan.outside:
        lie = "a rejected record lies" if scan.outside == 1 else f"{scan.outside:,} rejected records lie"
        found.append(f"{lie} outside the window")
    return found
