"""Flow logs in files: one file, a folder of them, standard input; told apart by their content."""

from __future__ import annotations

import codecs
import io
import os
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
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
from whyblocked.flowlogs.fields import (
    DEFAULT,
    STATES,
    TRANSIT,
    Format,
    fits,
    header_format,
    is_begun,
    is_default,
    is_nearly_default,
    is_transit,
)
from whyblocked.flowlogs.keys import may_hold
from whyblocked.flowlogs.records import Parser, Record, Scan, Wanted
from whyblocked.flowlogs.sinks import File
from whyblocked.text import clean

PARQUET = b"PAR1"
_BOM = b"\xef\xbb\xbf"
_SAMPLE = 50  # lines looked at to recognise a format
_NAMED = 3  # skipped files named in a note
_TEXT = re.compile(rb"[\t\r\x20-\x7e]+\Z")
_PLAIN_HEADER = re.compile(rb"[a-z0-9-]+( [a-z0-9-]+)+\r?\Z")
_PACKED = {
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"PK\x03\x04": "zip",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"\x04\x22\x4d\x18": "lz4",
    b"\xff\x06\0\0sNaPpY": "snappy",
}
_OWN_FORMAT = "give the flow log's own with --log-format '${version} ...'"


class NotAFlowLog(InputError):
    """The content is something else: fatal for a file that was named, a note for one found in a folder.

    ``packed`` names what it is packed with where that is why it can't be read.
    """

    def __init__(self, message: str, packed: str = "") -> None:
        super().__init__(message)
        self.packed = packed


Take = Callable[[Path], bool]


def read_path(
    location: str, forms: Sequence[Format], wanted: Wanted, scan: Scan, take: Take | None = None
) -> Iterator[list[Record]]:
    """The wanted records of a file or of all files below a folder, in order of their names.

    A file for which ``take`` is true is somebody else's to read.
    """
    if "\0" in location:
        raise InputError(f"flow logs: {clean(location)!r} is no file name")
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
        where = clean(str(error.filename or location))  # a folder below it may be what can't be read
        raise InputError(f"flow logs: {where}: {error.strerror or type(error).__name__}") from None


def read_file(file: File, scan: Scan) -> Iterator[list[Record]]:
    """The wanted records of a file that is known to hold some."""
    with file.path.open("rb") as stream:
        yield from read_stream(stream, file.name, file.forms, file.wanted, scan)


def read_stream(
    stream: BinaryIO, name: str, forms: Sequence[Format], wanted: Wanted, scan: Scan
) -> Iterator[list[Record]]:
    """The wanted records of an open file. ``forms`` come from the user; a header line in the file comes first."""
    blocks = _opened(stream, name)
    begin, sample = _beginning(blocks)
    told = next((block.form for block in begin if block.form), None)
    if told and not told.is_telling:
        fields = ", ".join(told.lacking)
        raise NotAFlowLog(f"flow logs: {clean(name)} is not a flow log: its columns lack {fields}")
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
    if head and (head.startswith(PARQUET) or PARQUET.startswith(head)) and contained:
        return _parquet(stream, head)
    first, chunks = _begun(contents(stream, head))
    if first.startswith(GZIP) and contained:  # a packed payload, packed again on its way
        first, chunks = _begun(inflate(Unread(chunks), first))
    if first.startswith(PARQUET) and contained:
        return _parquet(Unread(chunks), first)
    _refuse_packed(first, name)
    simple = True
    if wide := _wide(first):
        first, chunks = _begun(_recoded(chain([first], chunks), wide))
        simple = False
    first = first.removeprefix(_BOM)
    line = first.lstrip().partition(b"\n")[0]
    if b"\0" in first[:4096] and not _TEXT.match(line):
        raise NotAFlowLog(f"flow logs: {clean(name)} is not a flow log (binary data)")
    chunks = chain([first], chunks)
    form: Callable[[Iterator[bytes]], Iterator[Lines]] = split
    if not (line[:1].isdigit() and b" " in line and b"," not in line) and not _is_header(line):
        from whyblocked.flowlogs import exports

        form = exports.json_lines if exports.is_json(first) else exports.csv_lines if exports.is_csv(first) else split
    if form is split and (b"\t" in line or b":" in line.partition(b" ")[0]):
        from whyblocked.flowlogs import pasted  # which most files do without

        if pasted.is_row(line):
            chunks = (chunk.replace(b"\t", b"\n") for chunk in chunks)
            simple = False
        elif pasted.is_grepped(line):
            form = pasted.grepped
    if not contained and not (simple and form is split):
        raise NotAFlowLog(f"flow logs: {clean(name)} is not lines of text")
    return form(chunks)


def _begun(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The beginning, its first line as a whole where it has one, and what follows; a fault comes in its place."""
    first = b""
    try:
        while b"\n" not in first.lstrip() and len(first) < CHUNK:
            first += next(chunks)
    except StopIteration:
        return first, iter(())
    except Damaged as error:
        return first, _failing(error)
    return first, chunks


def _failing(error: Damaged) -> Iterator[bytes]:
    yield from ()
    raise error


def _refuse_packed(first: bytes, name: str) -> None:
    """Say how a file is packed where it is in a way that AWS never packs."""
    packed = next((how for magic, how in _PACKED.items() if first.startswith(magic)), "")
    if first[257:262] == b"ustar":
        packed = "tar"
    if packed:
        raise NotAFlowLog(f"flow logs: {clean(name)} is packed with {packed}, which is not read: unpack it", packed)


def _wide(first: bytes) -> str:
    """How the text is coded where each character takes two bytes, as Windows PowerShell redirects it."""
    if first.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    some = first[: min(64, len(first) & ~1)]
    if len(some) < 8:
        return ""
    return "utf-16-le" if not any(some[1::2]) else "utf-16-be" if not any(some[::2]) else ""


def _recoded(chunks: Iterator[bytes], coding: str) -> Iterator[bytes]:
    """The same in UTF-8."""
    decoder = codecs.getincrementaldecoder(coding)("replace")
    for chunk in chunks:
        yield decoder.decode(chunk).encode("utf-8", "replace")
    yield decoder.decode(b"", True).encode("utf-8", "replace")


def _is_header(line: bytes) -> bool:
    """Whether a line is, beyond doubt, one of names with spaces between them, as text files begin."""
    return bool(_PLAIN_HEADER.match(line)) and header_format(line.split()) is not None


def _parquet(stream: BinaryIO | Unread, head: bytes) -> Iterator[Lines]:
    """The rows of a Parquet file; its index stands at the end, so what comes through a pipe is kept first."""
    from whyblocked.flowlogs.parquet import parquet_lines

    if not isinstance(stream, Unread) and stream.seekable():
        stream.seek(0)
        yield from parquet_lines(stream)
        return
    from tempfile import TemporaryFile  # which most files do without

    with TemporaryFile() as kept:
        try:
            for chunk in plain(stream, head):
                kept.write(chunk)
        except Damaged as error:
            yield Lines([], 1, str(error))
            return
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
    if any(header_format(line.split()) for line in sample):
        return None
    try:
        found = _formats(begin, sample, str(path), forms)
    except InputError:
        return None
    return found[0] if len(found) == 1 else None


def formats_of_text(head: bytes, begin: list[Lines], name: str, forms: Sequence[Format]) -> Sequence[Format] | None:
    """The formats to try on text that begins with these bytes, or None where it is no plain text."""
    if head.startswith(GZIP):
        return None
    try:
        _opened(io.BytesIO(head), name, contained=False)
    except InputError:
        return None
    return _formats(begin, [line for block in begin for line in block.lines[:_SAMPLE] if line.strip()], name, forms)


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
        except NotAFlowLog as error:
            name = clean(str(path.relative_to(folder)), 80)
            skipped.append(f"{name} ({error.packed})" if error.packed else name)
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
    if not sample or any(header_format(tokens) for tokens in sample):
        return forms
    if not forms and any(is_default(tokens) for tokens in sample):
        return [DEFAULT]
    if not forms and any(is_transit(tokens) for tokens in sample):
        return [TRANSIT]
    from whyblocked.flowlogs.pasted import framed  # which most files do without

    if forms:
        return framed(forms, sample, fits) or forms
    if found := framed([DEFAULT], sample, lambda _, tokens: is_default(tokens)):
        return found
    if len(sample) == 1 and begin[-1].half and is_begun(sample[0]):
        return []
    if any(is_nearly_default(tokens) for tokens in sample):
        return [DEFAULT]
    if any(not STATES.isdisjoint(tokens) for tokens in sample):
        raise InputError(
            f"flow logs: {clean(name)} has no header line and is not in the default format (version 2): {_OWN_FORMAT}"
        )
    raise NotAFlowLog(f"flow logs: {clean(name)} is not a flow log: no header line, no record of a known format")
