"""Large flow logs: text and Parquet files read two at a time as columns, everything else by the parser."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from whyblocked.flowlogs.engine import Store
from whyblocked.flowlogs.fields import Format, canonical
from whyblocked.flowlogs.files import PARQUET, form_of, read_file
from whyblocked.flowlogs.groups import Filters, Table
from whyblocked.flowlogs.memory import keep_what_is_free
from whyblocked.flowlogs.quick import Quick, Unsuited, merge
from whyblocked.flowlogs.records import Record, Scan, Wanted
from whyblocked.flowlogs.sinks import File

if TYPE_CHECKING:
    from pyarrow.parquet import FileMetaData

_THREADS = 2
_WAITING = 6  # files that were taken, and not read yet: they may be held on the disk for us alone


class Large:
    """Adds up rejected records; a context, as it has threads and may use the disk.

    ``told`` hears how many records were read so far, from any thread.
    """

    def __init__(self, told: Callable[[int], None]) -> None:
        keep_what_is_free()
        self._store = Store(Wanted())
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="records")
        self._room = threading.BoundedSemaphore(_THREADS + _WAITING)
        self._taken: deque[Future[Scan]] = deque()
        self._told, self._done, self._lock = told, 0, threading.Lock()

    def add(self, records: Sequence[Record]) -> None:
        """Keep records that the parser found."""
        self._store.add_records(records)

    def add_groups(self, table: Table) -> None:
        """Keep groups that were added up elsewhere."""
        self._store.add_groups(table)

    def take(self, file: File) -> bool:
        """Read a file in the background where that is worth it; False where it is the parser's."""
        form = index = None
        if _is_parquet(file.path):
            index = _index(file.path)
        else:
            form = form_of(file.path, file.forms)
        if index is None and (form is None or form.lacking):
            return False
        self._room.acquire()
        self._taken.append(self._pool.submit(self._finish, file, form, index))
        return True

    def settle(self, scan: Scan) -> None:
        """Wait for the files that were taken, and count what they hold."""
        while self._taken:
            merge(scan, self._taken.popleft().result())

    def table(self, filters: Filters) -> Table:
        """The groups, in their order."""
        return self._store.table(filters)

    def close(self) -> None:
        """Stop, and give up what is on the disk."""
        self._pool.shutdown(cancel_futures=True)
        self._store.__exit__()

    def _finish(self, file: File, form: Format | None, index: FileMetaData | None) -> Scan:
        try:
            return self._read(file, form, index)
        finally:
            file.release()
            self._room.release()

    def _read(self, file: File, form: Format | None, index: FileMetaData | None) -> Scan:
        """Read one file, text of this format or Parquet with this index, in the quick way where it is suited."""
        store = self._store
        try:
            if form is None:
                from whyblocked.flowlogs.columns import read_columns  # which text does without

                scan, tables = read_columns(file.path, store.addresses, index)
            else:
                quick = Quick(file.name, form, file.wanted, store.addresses)
                quick.read(file.path)
                scan, tables = quick.scan, quick.tables
                store.add_records(quick.records)
            for table in tables:
                scan.outside += store.add(table, file.wanted)
        except Unsuited:
            scan = Scan()
            for records in read_file(file, scan):
                store.add_records(records)
        with self._lock:
            self._done += scan.records
            self._told(self._done)
        return scan


def _index(path: Path) -> FileMetaData | None:
    """The index of a Parquet file that has what flow logs have; what is not whole, or another's, is the parser's."""
    from pyarrow import parquet

    from whyblocked.flowlogs.parquet import DAMAGED

    try:
        found = parquet.read_metadata(path)
        names = found.schema.to_arrow_schema().names
    except DAMAGED:
        return None
    return None if Format(tuple(map(canonical, names))).lacking else found


def _is_parquet(path: Path) -> bool:
    """Whether a file that can be read begins as Parquet does."""
    try:
        with path.open("rb") as stream:
            return stream.read(len(PARQUET)) == PARQUET
    except OSError:
        return False
