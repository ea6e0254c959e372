"""Where flow logs are: what ``--flow-logs`` may name, told apart and read."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Literal, NamedTuple

from whyblocked.errors import UsageError
from whyblocked.flowlogs.fields import Format
from whyblocked.flowlogs.files import Take, read_path, read_stream
from whyblocked.flowlogs.records import Record, Scan, Wanted
from whyblocked.text import clean

Kind = Literal["file", "stdin", "s3", "cloudwatch", "athena"]

_PREFIXES: dict[str, tuple[Kind, str]] = {
    "s3://": ("s3", "s3://BUCKET/PREFIX"),
    "cloudwatch:": ("cloudwatch", "cloudwatch:LOG-GROUP"),
    "athena:": ("athena", "athena:DATABASE.TABLE"),
}


class Location(NamedTuple):
    """A location, told apart: ``name`` is the file or folder, ``bucket/prefix``, log group or ``database.table``."""

    kind: Kind
    name: str
    text: str

    @property
    def is_local(self) -> bool:
        """Whether it is read without AWS."""
        return self.kind in ("file", "stdin")


def locate(text: str) -> Location:
    """What a location is; :class:`UsageError` where it can't be one."""
    if text == "-":
        return Location("stdin", "standard input", text)
    for prefix, (kind, form) in _PREFIXES.items():
        if text.startswith(prefix):
            name = text.removeprefix(prefix)
            first, _, rest = name.partition("." if kind == "athena" else "/")
            if not name or (kind != "cloudwatch" and not first) or (kind == "athena" and not rest):
                raise UsageError(f"--flow-logs {clean(text)}: write it as {form}")
            return Location(kind, name, text)
    if not text:
        forms = ", ".join(form for _, form in _PREFIXES.values())
        raise UsageError(f"--flow-logs: name a file, a folder, {forms} or - for standard input")
    return Location("file", text, text)


def read_files(
    location: str,
    forms: Sequence[Format],
    wanted: Wanted,
    scan: Scan,
    stdin: BinaryIO | None = None,
    take: Take | None = None,
) -> Iterator[list[Record]]:
    """The wanted records of a file, a folder or standard input (``-``), a batch at a time."""
    if location == "-":
        yield from read_stream(stdin or sys.stdin.buffer, "standard input", forms, wanted, scan)
    else:
        yield from read_path(location, forms, wanted, scan, take)
