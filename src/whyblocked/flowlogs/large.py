"""Large flow logs: text files read two at a time and added up in DuckDB, everything else by the parser."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from whyblocked.flowlogs.engine import Store
from whyblocked.flowlogs.fields import Format
from whyblocked.flowlogs.files import files_below, form_of, read_path
from whyblocked.flowlogs.groups import Filters, Progress, Table
from whyblocked.flowlogs.locations import read_files
from whyblocked.flowlogs.quick import Quick, Unsuited
from whyblocked.flowlogs.records import PLACES, Scan, Wanted

_THREADS = 2


def gather_large(
    locations: Sequence[str],
    forms: Sequence[Format],
    wanted: Wanted,
    scan: Scan,
    filters: Filters,
    stdin: BinaryIO | None,
    progress: Progress | None,
) -> Table:
    """The groups in these locations; what was read goes into ``scan``."""
    sizes = {
        path: path.stat().st_size
        for location in locations
        if location != "-"
        for path in files_below(Path(location), wanted)
        if path.is_file()
    }
    read = _Read(sum(sizes.values()), progress)
    with Store(wanted) as store, ThreadPoolExecutor(_THREADS) as pool:
        taken: list[Future[Scan]] = []

        def take(path: Path) -> bool:
            form = form_of(path, forms)
            if form is None or form.lacking:
                return False
            taken.append(pool.submit(_one, path, form, forms, wanted, store, read))
            return True

        try:
            for location in locations:
                for records in read_files(location, forms, wanted, scan, stdin, take):
                    store.add_records(records)
            for future in taken:
                _merge(scan, future.result())
        except BaseException:
            for future in taken:
                future.cancel()
            raise
        return store.table(filters)


class _Read:
    """How much was read, told from any thread."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._lock, self._done, self._total, self._progress = threading.Lock(), 0, total, progress

    def add(self, size: int) -> None:
        if self._progress:
            with self._lock:
                self._done += size
                self._progress(self._done, self._total)


def _one(path: Path, form: Format, forms: Sequence[Format], wanted: Wanted, store: Store, read: _Read) -> Scan:
    """Read one text file, in the quick way where it is suited."""
    try:
        quick = Quick(str(path), form, wanted)
        quick.read(path)
        scan = quick.scan
        for table in quick.tables:
            scan.outside += store.add(table)
        store.add_records(quick.records)
    except Unsuited:
        scan = Scan()
        for records in read_path(str(path), forms, wanted, scan):
            store.add_records(records)
    read.add(path.stat().st_size)
    return scan


def _merge(scan: Scan, other: Scan) -> None:
    for name in ("accepted", "rejected", "no_data", "skipped_data", "malformed", "files", "outside"):
        setattr(scan, name, getattr(scan, name) + getattr(other, name))
    scan.places.extend(other.places[: max(0, PLACES - len(scan.places))])
    scan.notes.extend(other.notes)
