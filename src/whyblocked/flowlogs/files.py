"""Flow logs in files: one file, a folder of them, standard input; told apart by their content."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from whyblocked.errors import InputError
from whyblocked.flowlogs.blocks import (
    CHUNK,
    GZIP,
    NO_RECORD,
    TOO_LONG,
    Damaged,
    Lines,
    Unread,
    contents,
    inflate,
    plain,
    split,
)
from whyblocked.flowlogs.fields import DEFAULT, Format, header_format, is_default
from whyblocked.flowlogs.keys import may_hold
from whyblocked.flowlogs.records import Parser, Record, Scan, Wanted
from whyblocked.text import clean

PARQUET = b"PAR1"
_BOM = b"\xef\xbb\xbf"
_SAMPLE = 50  # lines looked at to recognise a format
_NAMED = 3  # skipped files named in a note
_STATES = frozenset({b"ACCEPT", b"REJECT", b"NODATA", b"SKIPDATA"})
_OWN_FORMAT = "give the flow log's own with --log-format '${version} ...'"


class NotAFlowLog(InputError):
    """The content is something else: fatal for a file that was named, a note for one found in a folder."""


Take = Callable[[Path], bool]


def read_path(
    location: str, forms: Sequence[Format], wanted: Wanted, scan: Scan, take: Take | None = None
) -> Iterator[list[Record]]:
    """The wanted records of a file or of all files below a folder, in order of their names.

    A file for which ``take`` is true is somebody else's to read.
    """
    path = Path(location)
    try:
        if path.is_dir():
            yield from _read_folder(path, forms, wanted, scan, take)
            return
        if take and take(path):
            return
        with path.open("rb") as stream:
            yield from read_stream(stream, location, forms, wanted, scan)
    except FileNotFoundError:
        raise InputError(f"flow logs: no such file or folder: {clean(location)}") from None
    except OSError as error:
        raise InputError(f"flow logs: {clean(location)}: {error.strerror or type(error).__name__}") from None
    except ValueError:  # a NUL in the name
        raise InputError(f"flow logs: {clean(location)!r} is no file name") from None


def read_stream(
    stream: BinaryIO, name: str, forms: Sequence[Format], wanted: Wanted, scan: Scan
) -> Iterator[list[Record]]:
    """The wanted records of an open file. ``forms`` come from the user; a header line in the file comes first."""
    blocks = _opened(stream, name)
    begin, sample = _beginning(blocks)
    told = any(block.form for block in begin)
    parser = Parser(name, forms if told else _formats(begin, sample, name, forms), wanted, scan)
    scan.files += 1
    for block in chain(begin, blocks):
        if found := parser.read(block):
            yield found


def _opened(stream: BinaryIO, name: str, contained: bool = True) -> Iterator[Lines]:
    """The lines of a file, whatever it keeps them in; that is told by how it begins.

    Unless records may be ``contained`` in something else, only lines of text are read, plain or packed once.
    """
    head = stream.read(CHUNK)
    while len(head) < len(PARQUET) and (more := stream.read(CHUNK)):  # a pipe gives what it has
        head += more
    if head.startswith(PARQUET) and contained:
        return _parquet(stream, head)
    chunks = contents(stream, head.removeprefix(_BOM))
    try:
        first = next(chunks, b"")
        if first.startswith(GZIP) and contained:  # a packed payload, packed again on its way
            chunks = inflate(Unread(chunks), first)
            first = next(chunks, b"")
        while len(first) < CHUNK and not first.strip() and (more := next(chunks, b"")):
            first += more
    except Damaged as error:
        return iter([Lines([], 1, str(error))])
    first = first.removeprefix(_BOM)
    if b"\0" in first[:4096]:
        raise NotAFlowLog(f"flow logs: {clean(name)} is not a flow log (binary data)")
    chunks = chain([first], chunks)
    if not first.lstrip()[:1].isdigit():
        from whyblocked.flowlogs import exports

        form = exports.json_lines if exports.is_json(first) else exports.csv_lines if exports.is_csv(first) else None
        if form and not contained:
            raise NotAFlowLog(f"flow logs: {clean(name)} is not lines of text")
        if form:
            return form(chunks)
    return split(chunks)


def _parquet(stream: BinaryIO, head: bytes) -> Iterator[Lines]:
    """The rows of a Parquet file; its index stands at the end, so what comes through a pipe is kept first."""
    from whyblocked.flowlogs.parquet import parquet_lines

    if stream.seekable():
        stream.seek(0)
        yield from parquet_lines(stream)
        return
    with TemporaryFile() as kept:
        for chunk in plain(stream, head):
            kept.write(chunk)
        kept.seek(0)
        yield from parquet_lines(kept)


def _beginning(blocks: Iterator[Lines]) -> tuple[list[Lines], list[bytes]]:
    """As many blocks as it takes to know the first lines that are not blank, and those lines."""
    begin: list[Lines] = []
    sample: list[bytes] = []
    for block in blocks:
        begin.append(block)
        if block.form:
            break
        sample += [line for line in block.lines[:_SAMPLE] if not line.isspace() and line]
        if len(sample) >= _SAMPLE or len(begin) >= _SAMPLE:
            break
    return begin, sample


def form_of(path: Path, forms: Sequence[Format]) -> Format | None:
    """The format of a text file where it is beyond doubt; None for any other file, which is no error yet."""
    try:
        with path.open("rb") as stream:
            begin, sample = _beginning(_opened(stream, str(path), contained=False))
    except (InputError, OSError):
        return None
    if not sample or any(block.form or block.fault for block in begin):
        return None
    if first := header_format(sample[0].split()):
        return first
    headers = any(header_format(line.split()) for line in sample)
    if headers or (not forms and not any(is_default(line.split()) for line in sample)):
        return None
    return (forms[0] if len(forms) == 1 else None) if forms else DEFAULT


def _read_folder(
    folder: Path, forms: Sequence[Format], wanted: Wanted, scan: Scan, take: Take | None
) -> Iterator[list[Record]]:
    """Every file below a folder; those that are no flow logs are named in a note, not read."""
    skipped: list[str] = []
    files = pruned = 0
    for path in _walk(folder, wanted):
        if path is None:
            pruned += 1
            continue
        files += 1
        if take and take(path):
            continue
        try:
            with path.open("rb") as stream:
                yield from read_stream(stream, str(path), forms, wanted, scan)
        except NotAFlowLog:
            skipped.append(clean(str(path.relative_to(folder)), 80))
        except OSError as error:
            raise InputError(f"flow logs: {clean(str(path))}: {error.strerror or type(error).__name__}") from None
    if len(skipped) == files and not pruned:
        what = f"; not flow logs: {listed(skipped)}" if skipped else ""
        raise InputError(f"flow logs: no flow log in the folder {clean(str(folder))}{what}")
    if skipped:
        scan.notes.append(f"skipped in {clean(str(folder))}, as they are no flow logs: {listed(skipped)}")


def files_below(path: Path, wanted: Wanted) -> list[Path]:
    """The files of a location that may hold records of the window."""
    return [file for file in _walk(path, wanted) if file] if path.is_dir() else [path]


def _walk(folder: Path, wanted: Wanted) -> Iterator[Path | None]:
    """The regular files below a folder, sorted, hidden ones left out; links to folders are not followed.

    None stands for files and folders whose names, as AWS gives them, say that they lie outside the window.
    """

    def fail(error: OSError) -> None:
        raise error

    for where, folders, names in os.walk(folder, onerror=fail):
        found = sorted(name for name in folders if not name.startswith("."))
        folders[:] = [name for name in found if may_hold(f"{where}/{name}/", wanted.since, wanted.until)]
        yield from [None] * (len(found) - len(folders))
        for name in sorted(names):
            path = Path(where, name)
            if not name.startswith(".") and path.is_file():
                yield path if may_hold(str(path), wanted.since, wanted.until) else None


def listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _formats(begin: list[Lines], lines: list[bytes], name: str, forms: Sequence[Format]) -> Sequence[Format]:
    """The formats to try on a file with these first lines; a header line, where there is one, follows by itself."""
    if not lines and any(block.fault == TOO_LONG for block in begin):
        raise NotAFlowLog(f"flow logs: {clean(name)} is not a flow log: it has no lines")
    if not lines and any(block.fault and block.fault.startswith(NO_RECORD) for block in begin):
        raise NotAFlowLog(f"flow logs: {clean(name)} is not a flow log: JSON without records")
    sample = [line.split() for line in lines]
    if forms or not sample or any(header_format(tokens) for tokens in sample):
        return forms
    if any(is_default(tokens) for tokens in sample):
        return [DEFAULT]
    if any(not _STATES.isdisjoint(tokens) for tokens in sample):
        raise InputError(
            f"flow logs: {clean(name)} has no header line and is not in the default format (version 2): {_OWN_FORMAT}"
        )
    raise NotAFlowLog(f"flow logs: {clean(name)} is not a flow log: no header line, no record of a known format")
