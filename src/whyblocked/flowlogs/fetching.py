"""Objects of S3 as files: several on their way at once, few on the disk, taken up again where a connection broke."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple

from whyblocked.errors import AwsError, InputError
from whyblocked.flowlogs.listing import Object
from whyblocked.flowlogs.s3 import Bucket, Left, code_of
from whyblocked.text import clean

AT_ONCE = 8  # objects on their way or on the disk
_CHUNK = 1 << 18
_TRIES = 5  # for the body of one object; the calls themselves are repeated by botocore
_CHANGED = ("PreconditionFailed", "412", "InvalidRange", "416")

pause = 0.5
"""Seconds before the second try for a body, doubled for each that follows."""


class Fetched(NamedTuple):
    """An object and the file that it was written to, or why it can't be read.

    The file stays until :meth:`release`; whoever is done with it lets the next object come.
    """

    key: str
    path: Path
    left: Left | None
    release: Callable[[], None]


class Fetching:
    """The objects in their order, as a context that takes its files away with it, however it is left.

    An error of AWS's that ends the reading is raised when its object's turn comes: those before it were given.
    """

    def __init__(self, bucket: Bucket, objects: Sequence[Object]) -> None:
        self._bucket, self._objects = bucket, objects
        self._stop = threading.Event()
        self._out: set[Path] = set()

    def __enter__(self) -> Iterator[Fetched]:
        try:
            self._folder = TemporaryDirectory(prefix="whyblocked-")
        except OSError as error:
            raise _no_room(error) from None
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="s3")
        return self._run()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._pool.shutdown(cancel_futures=True)
        self._folder.cleanup()

    def _run(self) -> Iterator[Fetched]:
        names = count()
        rest = iter(self._objects)
        waiting: deque[Future[Fetched]] = deque()
        while True:
            room = max(AT_ONCE - len(waiting) - len(self._out), not waiting)
            for found in islice(rest, room):
                path = Path(self._folder.name, str(next(names)))
                waiting.append(self._pool.submit(self._fetch, found.key, path))
            if not waiting:
                return
            fetched = waiting.popleft().result()
            self._out.add(fetched.path)
            yield fetched

    def _fetch(self, key: str, path: Path) -> Fetched:
        def release() -> None:
            self._out.discard(path)
            path.unlink(missing_ok=True)

        try:
            with path.open("wb") as file:
                _Download(self._bucket, key, file, self._stop).run()
        except Left as left:
            return Fetched(key, path, left, release)
        except OSError as error:
            raise _no_room(error) from None
        return Fetched(key, path, None, release)


class _Download:
    """One object into one file."""

    def __init__(self, bucket: Bucket, key: str, file: BinaryIO, stop: threading.Event) -> None:
        self.bucket, self.key, self.file, self.stop = bucket, key, file, stop
        self.done = 0  # bytes written
        self.tag: str | None = None  # the version that they are of

    def run(self) -> None:
        """Write all of it; what broke off goes on where it stopped, what changed meanwhile is read anew."""
        why = ""
        for tried in range(_TRIES):
            if self.stop.wait(pause * 2 ** (tried - 1) if tried else 0):
                return
            body = self._body()
            if body is None:
                why = "it changed while it was read"
                continue
            broken = self._write(body)
            if broken is None:
                return
            why = clean(str(broken)) or type(broken).__name__
        raise AwsError(f"AWS failed on {self.bucket.at(self.key)} {_TRIES} times: {why}; try again")

    def _body(self) -> Any:
        """What is still to come, or None where there is another version now."""
        part = {"Range": f"bytes={self.done}-", "IfMatch": self.tag} if self.done and self.tag else {}
        if not part:
            self._begin()
        try:
            answer = self.bucket.get(self.key, **part)
        except Exception as error:  # noqa: BLE001 - botocore's, told apart there
            if part and code_of(error) in _CHANGED:
                self._begin()
                return None
            raise self.bucket.unread(error) from None
        if part and not str(answer.get("ContentRange", "")).startswith(f"bytes {self.done}-"):
            self._begin()  # an endpoint that gives all of it again
        self.tag = answer.get("ETag")
        return answer["Body"]

    def _begin(self) -> None:
        self.file.seek(0)
        self.file.truncate()
        self.done, self.tag = 0, None

    def _write(self, body: Any) -> Exception | None:
        """Write what comes; what broke it off, or None at its end."""
        from botocore.exceptions import FlexibleChecksumError

        try:
            while not self.stop.is_set():
                try:
                    chunk = body.read(_CHUNK)
                except FlexibleChecksumError as error:  # what was written is not what AWS has
                    self._begin()
                    return error
                except Exception as error:  # noqa: BLE001 - a connection breaks in many ways
                    return error
                if not chunk:
                    return None
                self.file.write(chunk)
                self.done += len(chunk)
            return None
        finally:
            body.close()


def _no_room(error: OSError) -> InputError:
    return InputError(
        f"no room for files from S3 in the folder for temporary files ({error.strerror or type(error).__name__}): "
        "TMPDIR names another"
    )
