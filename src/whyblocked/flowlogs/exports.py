"""Records inside something else: JSON (lines, documents, arrays) and CSV, as AWS's services and console export them.

Known shapes: CloudWatch Logs subscription payloads, also behind one another as Firehose writes them, and as a Lambda
function gets them; the answers of ``filter-log-events``, ``get-log-events`` and ``get-query-results``; exports of
Logs Insights and of the console; objects and tables with one field a column.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
"""

from __future__ import annotations

import base64
import binascii
import codecs
import csv
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from whyblocked.flowlogs.blocks import NO_RECORD, Damaged, Lines, split
from whyblocked.flowlogs.fields import FIELDS, Format, canonical

_BATCH = 1000
_LARGEST = 1 << 26  # characters of one JSON value; a subscription payload has at most a megabyte
_MESSAGE = ("@message", "message", "Message")
_EVENTS = ("logEvents", "events", "results", "Records", "records")
_TIMES = ("start", "end")
_CUT = 12  # an error so near to the end of what is read may be the end's: a number, word or escape cut in two
_SPACE = " \t\r\n,[]"


def is_json(head: bytes) -> bool:
    """Whether the content begins as JSON does; a text record never does."""
    return head.lstrip()[:1] in (b"{", b"[")


def is_csv(head: bytes) -> bool:
    """Whether the first line is a header of columns among which records, or their fields, are."""
    line = head.lstrip().split(b"\n", 1)[0]
    if b"," not in line and line.strip().strip(b'"').decode("utf-8", "replace") not in _MESSAGE:
        return False
    return any(name in FIELDS or name in _MESSAGE for name in _columns(line.decode("utf-8", "replace")))


def json_lines(chunks: Iterator[bytes]) -> Iterator[Lines]:
    """The records in JSON; a value that can't be read is one fault, placed by the number of the record."""
    return _blocks(_unfolded(_values(chunks)))


def csv_lines(chunks: Iterator[bytes]) -> Iterator[Lines]:
    """The records in a table whose first line names the columns; a header that comes again is one again."""
    names: list[str] = []
    for block in split(chunks):
        if block.fault:
            yield block
            continue
        rows = csv.reader(line.decode("utf-8", "replace").replace("\0", "") for line in block.lines)
        found: list[object] = []
        try:
            for row in rows:
                cells = [cell.strip() for cell in row]
                header = [canonical(cell.strip("\ufeff")) for cell in cells]
                if header == names:
                    continue
                if not names:
                    names = header
                    if _has_fields(names):
                        yield Lines([], 1, form=Format(tuple(names)))
                elif not any(cells):
                    continue
                elif len(cells) == len(names):
                    found.append(dict(zip(names, cells, strict=True)))
                else:
                    found.append(Fault(f"{len(cells)} columns where the header has {len(names)}"))
        except csv.Error as error:
            found.append(Fault(f"not CSV: {error}"))
        yield from _blocks(found, block.first + (block.first == 1))


def _has_fields(names: list[str]) -> bool:
    """Whether columns hold the fields of records, not whole records."""
    return "action" in names or not any(name in _MESSAGE for name in names)


class Fault(str):
    """Why something is no record."""

    __slots__ = ()


def _columns(line: str) -> list[str]:
    try:
        return [canonical(name.strip().strip("\ufeff")) for name in next(csv.reader([line]), [])]
    except csv.Error:
        return []


def _values(chunks: Iterator[bytes]) -> Iterator[object]:
    """The JSON values in a stream, however they are divided; the items of an array at the top one by one."""
    decoder, decode = json.JSONDecoder(), codecs.getincrementaldecoder("utf-8")("replace").decode
    text, at, ended, fault, enough = "", 0, False, "", 0
    while True:
        while at < len(text) and text[at] in _SPACE:
            at += 1
        if (at == len(text) or len(text) - at < enough) and not ended:
            try:
                more = next(chunks, None)
            except Damaged as error:
                more, fault = None, str(error)
            ended = more is None
            text, at = text[at:] + decode(more or b"", ended), 0
            continue
        if at == len(text):
            break
        try:
            value, at = decoder.raw_decode(text, at)
            enough = 0
            yield value
            continue
        except RecursionError:
            reason, cut = "JSON nested too deeply", False
        except ValueError as error:
            where = getattr(error, "pos", len(text))
            cut = where >= len(text) - _CUT or str(error).startswith("Unterminated string")
            reason = f"{NO_RECORD}: {getattr(error, 'msg', error)}"
        if cut and not ended and len(text) - at < _LARGEST:
            enough = 2 * (len(text) - at)  # reading on pays only with as much again
            continue
        if not (ended and fault and cut):
            yield Fault(reason)
        end = text.find("\n", at)
        at = len(text) if end < 0 else end
    if fault:
        yield Fault(fault)


def _unfolded(values: Iterable[object]) -> Iterator[object]:
    """The records (a text, or fields by name) inside the containers that AWS puts around them."""
    for value in values:
        if not isinstance(value, dict):
            yield from _results(value) if isinstance(value, list) else (value,)
        elif value.get("messageType") == "CONTROL_MESSAGE":
            continue
        elif isinstance(value.get("awslogs"), dict):
            yield from _packed(value["awslogs"].get("data"))
        elif inner := next((value[name] for name in _EVENTS if isinstance(value.get(name), list)), None):
            for item in inner:
                yield from _results(item) if isinstance(item, list) else _unfolded([item])
        elif not any(name in value for name in _EVENTS):
            yield value


def _results(row: list[Any]) -> Iterator[object]:
    """A row of ``get-query-results``: a list of fields with their values."""
    if all(isinstance(cell, dict) and "field" in cell for cell in row):
        yield {str(cell["field"]): cell.get("value") for cell in row}
    else:
        yield from _unfolded(row)


def _packed(data: object) -> Iterator[object]:
    try:
        payload = zlib.decompressobj(wbits=31).decompress(base64.b64decode(str(data)), _LARGEST)
    except (binascii.Error, ValueError, zlib.error):
        yield Fault("awslogs.data is not base64 of gzip")
        return
    yield from _unfolded(_values(iter([payload])))


def _blocks(records: Iterable[object], first: int = 1) -> Iterator[Lines]:
    """Lines of text records; fields by name become lines of a format that is made of all their names."""
    texts: list[bytes] = []
    objects: list[Mapping[str, object]] = []
    number = first

    def full() -> Iterator[Lines]:
        if texts:
            yield Lines(texts[:], number - len(texts))
        if objects:
            yield _told(objects, number - len(objects), names)
        texts.clear()
        objects.clear()

    names: dict[str, None] = {}
    for record in records:
        fields = {canonical(str(name)): value for name, value in record.items()} if isinstance(record, dict) else {}
        message = record if type(record) is str else next((fields[name] for name in _MESSAGE if name in fields), None)
        whole = "action" in fields and Format(tuple(fields)).lacking == ()
        line = message.encode("utf-8", "replace") if isinstance(message, str) and not whole else None
        if line is not None and b"\n" in (line := line.strip()):
            line = b" ".join(line.split())
        if (line is None and texts) or (line is not None and objects) or len(texts) + len(objects) >= _BATCH:
            yield from full()
        if line is not None:
            texts.append(line)
        elif FIELDS.keys() & fields.keys():
            names.update(dict.fromkeys(name for name in fields if not name.startswith("@") and name))
            objects.append(fields)
        else:
            yield from full()
            yield Lines([], number, record if isinstance(record, Fault) else f"{NO_RECORD} of a record")
        number += 1
    yield from full()


def _told(objects: list[Mapping[str, object]], first: int, names: Iterable[str]) -> Lines:
    form = Format(tuple(names))
    lines = [" ".join([_token(fields.get(name), name) for name in form.names]) for fields in objects]
    return Lines([line.encode("utf-8", "replace") for line in lines], first, form=form)


def _token(value: object, name: str) -> str:
    """A value as a record in text has it."""
    if value is None or value == "":
        return "-"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value)
    if name in _TIMES and not text.isdigit() and text != "-":
        text = _seconds(text)
    elif "." in text and text.removesuffix(".0").isdigit():
        text = text.removesuffix(".0")
    return "%20".join(text.split()) or "-"


def _seconds(text: str) -> str:
    """A time that was written as a date, in Unix seconds."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return str(int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()))
