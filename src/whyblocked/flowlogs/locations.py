"""Where flow logs are: what ``--flow-logs`` may name, told apart and read."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from whyblocked.errors import UsageError
from whyblocked.flowlogs.fields import Format
from whyblocked.flowlogs.files import Take, read_path, read_stream
from whyblocked.flowlogs.records import Record, Scan, Wanted
from whyblocked.text import clean

CLOUDWATCH = "cloudwatch:"
_LATER = {"s3://": "Amazon S3", "athena:": "Athena"}


def check(locations: Sequence[str]) -> None:
    """Refuse, before anything is read, what can't be a location; each location counts once."""
    for location in locations:
        for prefix, service in _LATER.items():
            if location.startswith(prefix):
                raise UsageError(f"--flow-logs {clean(location)}: flow logs in {service} are not read yet")
        if location in ("", CLOUDWATCH):
            raise UsageError("--flow-logs: name a file, a folder, cloudwatch:LOG-GROUP or - for standard input")


def log_group(location: str) -> str | None:
    """The CloudWatch Logs group that a location names, or None for files."""
    return location.removeprefix(CLOUDWATCH) if location.startswith(CLOUDWATCH) else None


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
