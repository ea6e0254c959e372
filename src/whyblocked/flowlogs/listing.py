"""Which objects of a bucket hold flow logs of a window: found level by level, so that years are not listed for an hour.

https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-path.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from whyblocked.config.fetch import concurrently
from whyblocked.flowlogs.keys import (
    account_of,
    flow_log_of,
    is_laid_out,
    may_hold,
    of_another_service,
    region_of,
    within,
)
from whyblocked.flowlogs.s3 import Bucket, Level

_BLIND = 2  # levels of folders whose names tell nothing that are looked at one by one
_MARKERS = ("/", "_$folder$")  # what consoles and Hadoop leave for a folder


class Object(NamedTuple):
    """An object that is to be read; ``size`` in bytes."""

    key: str
    size: int


class Delivery(NamedTuple):
    """Whose files are wanted where several flow logs deliver; an ``account`` or ``region`` that is empty is unknown."""

    flow_log_id: str
    account: str = ""
    region: str = ""

    def has(self, key: str) -> bool:
        """Whether a file is this flow log's: by its name, where that is AWS's, else by its folder."""
        delivered_by = flow_log_of(key)
        return delivered_by == self.flow_log_id if delivered_by else account_of(key) == self.account

    def among(self, folders: list[str]) -> list[str]:
        """The folders that may hold its files."""
        own = any(account_of(folder) == self.account for folder in folders)
        return [
            folder
            for folder in folders
            if (not own or account_of(folder) in (None, self.account))
            and (not self.region or region_of(folder) in (None, self.region))
        ]


class Listed(NamedTuple):
    """The objects to read, in order of their keys, each once.

    ``whole`` tells that the location is this one object. ``folders`` and ``files`` count what lies outside the window
    by its name, ``others`` are folders of other services' logs.
    """

    objects: list[Object]
    whole: bool = False
    folders: int = 0
    files: int = 0
    others: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Of all objects, in bytes."""
        return sum(found.size for found in self.objects)


def list_objects(
    bucket: Bucket, prefix: str, since: int | None, until: int | None, delivery: Delivery | None = None
) -> Listed:
    """What is to be read of an object, a folder, or all keys with a prefix, for a window in Unix seconds."""
    walk = _Walk(bucket, since, until, delivery)
    top = bucket.level(prefix, flat=False)
    if prefix in top.objects and not prefix.endswith(_MARKERS):
        return Listed([Object(prefix, top.objects[prefix])], whole=True)
    if prefix and f"{prefix}/" in top.folders:  # and not those that only begin alike
        top = Level({}, [f"{prefix}/"])
    queue = walk.take(top)
    depth = 0
    while queue:
        depth += 1
        levels = concurrently([walk.lister(folder, depth) for folder in queue])
        queue = [folder for level in levels for folder in walk.take(level)]
    objects = [Object(key, walk.objects[key]) for key in sorted(walk.objects)]
    return Listed(objects, False, walk.folders, walk.files, tuple(walk.others))


class _Walk:
    """What was found so far."""

    def __init__(self, bucket: Bucket, since: int | None, until: int | None, delivery: Delivery | None) -> None:
        self.bucket, self.since, self.until, self.delivery = bucket, since, until, delivery
        self.objects: dict[str, int] = {}
        self.others: dict[str, None] = {}
        self.folders = self.files = 0

    def lister(self, folder: str, depth: int) -> Callable[[], Level]:
        """What lists a folder: by its folders where their names may tell a time, else everything at once."""
        blind = depth > _BLIND and not is_laid_out(folder)
        return partial(self.bucket.level, folder, flat=blind or within(folder, self.since, self.until))

    def take(self, level: Level) -> list[str]:
        """Keep the objects that are wanted; the folders to list next."""
        for key in self._own(level.objects):
            if key.endswith(_MARKERS) or (self.delivery and not self.delivery.has(key)):
                continue
            if may_hold(key, self.since, self.until):
                self.objects[key] = level.objects[key]
            else:
                self.files += 1
        folders = self._own(level.folders)
        if self.delivery:
            folders = self.delivery.among(folders)
        kept = [folder for folder in folders if may_hold(folder, self.since, self.until)]
        self.folders += len(folders) - len(kept)
        return kept

    def _own(self, keys: Iterable[str]) -> list[str]:
        """Those that are no other service's."""
        found = []
        for key in keys:
            if other := of_another_service(key):
                self.others[other] = None
            else:
                found.append(key)
        return found
