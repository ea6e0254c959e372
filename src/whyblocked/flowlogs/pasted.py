"""Records with something around them, as command lines print them and people paste them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address

from whyblocked.flowlogs.blocks import Lines, split
from whyblocked.flowlogs.fields import STATES, Format

_FRAMES = ((0, 0), (1, 0), (2, 0), (4, 1), (2, 1), (0, 1), (1, 1))  # so many words before and after the record
_FEWEST = 5  # words of a record in a row of several, or behind the name of a file
_GREPPED = re.compile(rb"[^ ]*:(?=(?:[2-9]|1[01]) )")  # a file's name, a line's number or both, before a version


def framed(
    forms: Sequence[Format], sample: list[list[bytes]], is_record: Callable[[Format, list[bytes]], bool]
) -> list[Format]:
    """The formats with what else stands in each line, where something does: in exports to S3 and in the output of
    ``aws logs tail`` a time, and the name of the stream; around those, what the AWS CLI adds in its own text output.
    Where a line is a record alone, others are no records with something around them."""
    for before, after in _FRAMES:
        for tokens in sample:
            for form in forms:
                if is_record(form, tokens[before : len(tokens) - after]):
                    around = [f"@{number}" for number in range(before + after)]
                    return [Format((*around[:before], *form.names, *around[before:])) for form in forms]
    return []


def is_row(line: bytes) -> bool:
    """Whether records stand side by side in one line, as ``--query 'events[].message' --output text`` prints them."""
    counts = {len(part.split()) for part in line.split(b"\t", 2)[:2]}  # of a long line, this is the beginning
    return b"\t" in line and len(counts) == 1 and counts.pop() >= _FEWEST


def is_grepped(line: bytes) -> bool:
    """Whether a file's name or a line's number stands before a record, as ``grep`` and ``zgrep`` print it.

    A record whose first field is an IPv6 address may look so too.
    """
    words = line.split()
    if not _GREPPED.match(line) or len(words) < _FEWEST or STATES.isdisjoint(words):
        return False
    try:
        ip_address(words[0].decode("utf-8", "replace"))
    except ValueError:
        return True
    return False


def grepped(chunks: Iterator[bytes]) -> Iterator[Lines]:
    """The lines in these chunks, without what ``grep`` put before them."""
    for block in split(chunks):
        found = (_GREPPED.match(line) for line in block.lines)
        lines = [line[match.end() :] if match else line for line, match in zip(block.lines, found, strict=True)]
        yield block._replace(lines=lines)
