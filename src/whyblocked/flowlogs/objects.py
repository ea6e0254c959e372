"""The records in objects of S3: each object is a file, read as any other."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager

from whyblocked.flowlogs.fetching import Fetching
from whyblocked.flowlogs.fields import Format
from whyblocked.flowlogs.files import NotAFlowLog, listed, read_file
from whyblocked.flowlogs.gathering import text_size
from whyblocked.flowlogs.keys import span
from whyblocked.flowlogs.listing import Delivery, Listed, list_objects
from whyblocked.flowlogs.records import Record, Scan, Wanted
from whyblocked.flowlogs.s3 import Bucket, Left
from whyblocked.flowlogs.sinks import File, Sink, Unreadable
from whyblocked.text import clean

LARGE = 20 * 10**9
"""Bytes from which Athena is recommended: half an hour of reading."""
RATE = 10 * 10**6  # bytes of packed text in a second: a link of 100 Mbit; reading them takes a quarter of that
_DOLLARS_A_TERABYTE = 5  # what Athena asks for what it scans, about
_ENOUGH = 20  # objects that can't be read, and none that can: the rest will be no better


class Objects:
    """The flow logs below a prefix of a bucket, or those that one flow log delivered there.

    What ``bounded`` wants is read; objects whose names tell no time, and one that was named itself, are files as any
    other: of them, what ``free`` wants. ``dated`` tells that the names do tell, ``listed`` that they are all known,
    ``unread`` which objects could not be read, and ``missing`` what that would take.
    """

    def __init__(
        self, bucket: Bucket, prefix: str, bounded: Wanted, free: Wanted, delivery: Delivery | None = None
    ) -> None:
        self.bucket, self.prefix, self.delivery = bucket, prefix, delivery
        self.bounded, self.free = bounded, free
        self.place = bucket.at(prefix)
        self.dated = False
        self.listed = False
        self.missing: dict[str, None] = {}
        self.unread: list[str] = []
        self._left: dict[str, list[str]] = {}
        self._permission: str | None = None
        self._skipped: list[str] = []

    def read(
        self, forms: Sequence[Format], scan: Scan, sink: Sink, advise: Callable[[str], None] | None = None
    ) -> Generator[list[Record], None, None]:
        """The wanted records in order of the objects' keys, and something, if nothing, after each object.

        What the sink takes as a whole it is given. :class:`Unreadable` where nothing can be read; some objects that
        can't be are ``unread``, and the others are read all the same. Something that takes long is said to ``advise``
        first.
        """
        yield []
        found = self._list()
        if (long := _advice(found, self.place)) is not None:
            scan.notes.append(long)
            if advise:
                advise(long)
        read = 0
        sink.fetch(sum(text_size(one.key, one.size) for one in found.objects))
        with Fetching(self.bucket, found.objects) as objects, _settled(sink, scan):
            for one in objects:
                taken = False
                try:
                    if one.left:
                        self._leave(one.key, one.left)
                        if not read and sum(map(len, self._left.values())) >= _ENOUGH:
                            break
                        continue
                    wanted = self.bounded if span(one.key) and not found.whole else self.free
                    file = File(one.path, self.bucket.at(one.key), self.place, forms, wanted, one.release)
                    taken = sink.take(file)
                    if not taken:
                        yield from read_file(file, scan)
                    read += 1
                    yield []
                except NotAFlowLog:
                    self._skipped.append(clean(one.key, 80))
                finally:
                    if not taken:
                        one.release()
        self._conclude(found, read, scan)

    def _list(self) -> Listed:
        found = list_objects(self.bucket, self.prefix, self.bounded.since, self.bounded.until, self.delivery)
        self.listed = True
        self.dated = self.delivery is not None or (not found.whole and any(span(one.key) for one in found.objects))
        if not (found.objects or found.others or found.folders or found.files or self.delivery):
            raise Unreadable("there is no object of this name, nor any below it")
        return found

    def _leave(self, key: str, left: Left) -> None:
        self._left.setdefault(left.reason, []).append(key)
        self._permission = self._permission or left.permission
        if left.lacks:
            self.missing[left.lacks] = None

    def _conclude(self, found: Listed, read: int, scan: Scan) -> None:
        """Say what was not read."""
        for reason, keys in self._left.items():
            objects = "an object" if len(keys) == 1 else f"{len(keys):,} objects"
            self.unread.append(f"{objects} of {self.place} not read: {reason} ({self.bucket.at(keys[0])})")
        if self._left and not read:
            raise Unreadable("; ".join(self.unread), self._permission)
        notes = []
        others = [*self._skipped, *(clean(folder, 80) for folder in found.others)]
        if others and not (read or found.files or found.folders or self.delivery):
            raise Unreadable(f"no flow log there; not flow logs: {listed(others)}")
        if others and not self.delivery:
            notes.append(f"skipped in {self.place}, as they are no flow logs: {listed(others)}")
        if (found.folders or found.files) and self.free.since is None and not self.delivery:
            hour = "the last hour" if self.free.until is None else "the hour before --until"
            notes.append(f"{_outside(found)} of {self.place} outside {hour} not read: --since begins earlier")
        if self.delivery and not found.objects:
            notes.append(f"flow log {self.delivery.flow_log_id} has no file of the window in {self.place}")
        scan.notes += notes


@contextmanager
def _settled(sink: Sink, scan: Scan) -> Iterator[None]:
    """Wait, before the files are gone, for those that the sink still reads; what was read counts whatever happens."""
    try:
        yield
    finally:
        sink.settle(scan)


def _outside(found: Listed) -> str:
    kinds = ((found.folders, "folder"), (found.files, "object"))
    return " and ".join(f"{count:,} {kind}{'' if count == 1 else 's'}" for count, kind in kinds if count)


def _advice(found: Listed, place: str) -> str | None:
    """What to say of objects that take long to read here; None where they do not."""
    if found.size < LARGE:
        return None
    minutes = -(-found.size // (RATE * 60))
    dollars = found.size / 10**12 * _DOLLARS_A_TERABYTE
    return (
        f"{place}: {found.size / 10**9:,.0f} GB in {len(found.objects):,} objects take about {minutes:,} minutes to "
        f"read here; Athena reads them where they are, for about ${dollars:,.2f}: make a table of them and name it "
        "with --flow-logs athena:DATABASE.TABLE, or name a shorter time with --since and --until"
    )
