"""Records inside something else: JSON (lines, documents, arrays) and CSV, as AWS's services and console export them.

Known shapes: CloudWatch Logs subscription payloads, also behind one another as Firehose writes them, and as a Lambda
function gets them; the answers of ``filter-log-events``, ``get-log-events`` and ``get-query-results`` (of Logs Insights
and of Athena); exports of Logs Insights and of the console; events as Splunk and Elasticsearch keep them; objects and
tables with one field a column.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
"""

from __future__ import annotations

import base64
import binascii
import codecs
import csv
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from whyblocked.flowlogs.blocks import NO_RECORD, Damaged, Lines, split
from whyblocked.flowlogs.fields import FIELDS, STATES, Format, canonical, is_default
from whyblocked.flowlogs.values import token
from whyblocked.text import clean

_BATCH = 1000
_LARGEST = 1 << 26  # characters of one JSON value; a subscription payload has at most a megabyte
_MESSAGE = ("@message", "message", "Message", "_raw")
_EVENTS = ("logEvents", "events", "results", "Records", "records")
_HOLDERS = frozenset({*_MESSAGE, *_EVENTS, "awslogs", "kinesis", "data", "Data"})
_AROUND = " :}"
_LIST = re.compile(rf'"(?:{"|".join(_EVENTS)})"\s*:\s*\[')
_PACKED = "H4sI"  # how base64 of gzip begins
_LEFT_OUT = ("action", "srcaddr", "dstaddr")  # where there is nothing, some writers leave out the name as well
_TELLING = 2  # so many names of fields make a header
_FEWEST = 5  # columns of a table without a header that may be records, or words of a record in one of them
_COMPLETE = "Complete"  # what get-query-results says at the end; until then it has some of the rows
CUT_OFF = "the JSON ends in the middle (half-written or cut off)"
_CUT = 12  # an error so near to the end of what is read may be the end's: a number, word or escape cut in two
_SPACE = " \t\r\n,[]"


def is_json(head: bytes) -> bool:
    """Whether the content begins as JSON does: with an object, a list, or a record as a text alone in its line."""
    head = head.lstrip()
    return head[:1] in (b"{", b"[") or (head[:1] == b'"' and _is_quoted(head.split(b"\n", 1)[0]))


def _is_quoted(line: bytes) -> bool:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, str) and _is_record(value)


def is_csv(head: bytes) -> bool:
    """Whether the first line is one of a table: a header of columns, or the values of a record."""
    line = head.lstrip().split(b"\n", 1)[0].decode("utf-8", "replace").strip()
    names = _cells(line)
    return _is_header(names) or (len(names) >= _FEWEST and " " not in line) or any(map(_is_message, names))


def json_lines(chunks: Iterator[bytes]) -> Iterator[Lines]:
    """The records in JSON; a value that can't be read is one fault, placed by the number of the record."""
    return _blocks(_unfolded(_values(chunks)))


def csv_lines(chunks: Iterator[bytes]) -> Iterator[Lines]:
    """The records in a table. A header line may come again; without any, a cell is a record, or all of them are one."""
    return _blocks(_rows(split(chunks)))


def _rows(blocks: Iterator[Lines]) -> Iterator[object]:
    """For every line of a table its record; an empty text where there is none."""
    faults: list[Fault] = []
    first = next((block for block in blocks if block.fault or any(map(bytes.strip, block.lines))), None)
    if first is None:
        return
    yield from [""] * (first.first - 1)

    def lines() -> Iterator[str]:
        for block in chain([first], blocks):
            if block.fault:
                faults.append(Fault(block.fault))
            yield from (line.decode("utf-8", "replace").replace("\0", "") for line in block.lines)

    begin = next((line for line in first.lines if line.strip()), b"").decode("utf-8", "replace")
    reader = csv.reader(lines(), delimiter=_mark(begin))
    names: list[str] = []
    while True:
        before = reader.line_num
        try:
            row: Sequence[str] | None = next(reader, None)
            fault = ""
        except csv.Error as error:
            row, fault = (), f"not CSV: {error}"
        yield from faults
        faults.clear()
        if row is None:
            return
        cells = [cell.strip().strip("\ufeff") for cell in row]
        if fault:
            yield Fault(fault)
        elif not any(cells):
            yield ""
        elif _is_header(cells):
            names = [canonical(name) for name in cells]
            yield Head(names)
        elif not names:
            whole = next(filter(_is_message, cells), None)
            yield " ".join("%20".join(cell.split()) or "-" for cell in cells) if whole is None else whole
        elif len(cells) == len(names):
            yield dict(zip(names, cells, strict=True))
        else:
            yield Fault(f"{len(cells)} columns where the header has {len(names)}")
        yield from [""] * (reader.line_num - before - 1)  # a cell may hold the ends of lines


def _is_header(cells: Sequence[str]) -> bool:
    """Whether a row names columns among which records, or their fields, are."""
    names = [canonical(cell.strip().strip("\ufeff")) for cell in cells]
    return any(name in _MESSAGE for name in names) or sum(name in FIELDS for name in names) >= _TELLING


def _is_message(cell: str) -> bool:
    """Whether a cell of a table without a header is a record: beyond doubt, as tags in a line may have commas."""
    words = cell.encode("utf-8", "replace").split()
    return bool(words) and is_default(words)


def _is_record(text: str) -> bool:
    """Whether a text is, as far as its words tell, a record."""
    words = text.encode("utf-8", "replace").split()
    return len(words) >= _FEWEST and not STATES.isdisjoint(words)


def _mark(line: str) -> str:
    """What stands between the columns: spreadsheets in some countries write semicolons."""
    return ";" if line.count(";") > line.count(",") else ","


def _cells(line: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=_mark(line)), [])
    except csv.Error:
        return []


class Head(list[str]):
    """The names of columns."""


class Fault(str):
    """Why something is no record."""

    __slots__ = ()


def _values(chunks: Iterator[bytes]) -> Iterator[object]:
    """The JSON values in a stream, however they are divided; the items of an array at the top one by one.

    Of a document that is too large to be held, or that ends in the middle, the items of its list come one by one. Of a
    list in a list, as ``--query 'events[].[timestamp,message]'`` makes of an event, only what may be a record comes.
    """
    decoder, decode = json.JSONDecoder(), codecs.getincrementaldecoder("utf-8")("replace").decode
    text, at, ended, fault, enough, inside, skip, depth = "", 0, False, "", 0, False, False, 0
    while True:
        if skip:  # the rest of a line that is no JSON
            end = text.find("\n", at)
            skip, at = end < 0, len(text) if end < 0 else end
        while at < len(text) and (text[at] in _SPACE or (inside and text[at] in _AROUND)):
            depth = max(0, depth + (text[at] == "[") - (text[at] == "]"))
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
            value, end = decoder.raw_decode(text, at)
            in_row = depth > 1 and not inside
            if isinstance(value, (dict, list, str)) or inside or in_row:
                at, enough = end, 0
                if _may_hold(value) if inside else not in_row or _may_be(value):
                    yield value
                continue
            reason, cut = f"{NO_RECORD} of a record", False
        except RecursionError:
            reason, cut = "JSON nested too deeply", False
        except ValueError as error:
            where = getattr(error, "pos", at)  # a number with too many digits has none, wherever it ends
            cut = where >= len(text) - _CUT or str(error).startswith("Unterminated string")
            reason = f"{NO_RECORD}: {getattr(error, 'msg', error)}"
        if cut and not ended and len(text) - at < _LARGEST:
            enough = 2 * (len(text) - at)  # reading on pays only with as much again
            continue
        if cut and text[at] == "{" and (inner := _LIST.search(text, at)):
            at, enough, inside = inner.end(), 0, True
            continue
        if not (ended and fault and cut):
            yield Fault(CUT_OFF if cut and ended else reason)
        skip = not (cut and ended)
        at = at if skip else len(text)
    if fault:
        yield Fault(fault)


def _may_hold(value: object) -> bool:
    """Whether this may hold records, and is not what a document says besides them."""
    if isinstance(value, dict):
        return any(name in _HOLDERS or canonical(name) in FIELDS for name in value)
    return isinstance(value, list)


def _may_be(cell: object) -> bool:
    """Whether what stands in a list of a list may be a record, or may hold some."""
    return _is_record(cell) if isinstance(cell, str) else isinstance(cell, dict)


def _unfolded(values: Iterable[object]) -> Iterator[object]:
    """The records (a text, or fields by name) inside the containers that AWS puts around them."""
    for value in values:
        if not isinstance(value, dict):
            yield from _results(value) if isinstance(value, list) else (value,)
        elif value.get("messageType") == "CONTROL_MESSAGE":
            continue
        elif (packed := _data(value)) is not None:
            yield from _packed(packed)
        elif (table := _table(value)) is not None:
            yield from table
        elif (event := _event(value)) is not None:
            yield event
        elif (inner := next((value[name] for name in _EVENTS if isinstance(value.get(name), list)), None)) is not None:
            for item in inner:
                yield from _results(item) if isinstance(item, list) else _unfolded([item])
            if "results" in value and (status := value.get("status", _COMPLETE)) != _COMPLETE:
                yield Fault(f"the query had not ended ({clean(str(status), 20)}): these are not all of its results")
        elif not any(name in value for name in _EVENTS):
            yield value


def _results(row: list[Any]) -> Iterator[object]:
    """A row of ``get-query-results``: a list of fields with their values."""
    if all(isinstance(cell, dict) and "field" in cell for cell in row):
        yield {str(cell["field"]): cell.get("value") for cell in row}
    else:
        yield from _unfolded(row)


def _table(value: Mapping[str, Any]) -> list[dict[str, object]] | None:
    """The rows of Athena's ``get-query-results``, the first of which has the names; None for anything else.

    https://docs.aws.amazon.com/athena/latest/APIReference/API_GetQueryResults.html
    """
    result = value.get("ResultSet")
    rows = result.get("Rows") if isinstance(result, dict) else None
    if not isinstance(rows, list):
        return None
    data = [row["Data"] for row in rows if isinstance(row, dict) and isinstance(row.get("Data"), list)]
    texts = [[cell.get("VarCharValue") if isinstance(cell, dict) else None for cell in cells] for cells in data]
    names = [str(text) for text in texts[0]] if texts else []
    return [dict(zip(names, cells, strict=False)) for cells in texts[1:]]


def _event(value: Mapping[str, Any]) -> object:
    """What is inside the event of a store of logs; None in anything else."""
    inside = value.get("_source", value.get("result"))
    if isinstance(inside, dict):
        return _original(inside) or inside
    return _original(value)


def _original(event: Mapping[str, Any]) -> str | None:
    """The record that an event was made of."""
    told = event.get("event")
    original = told.get("original") if isinstance(told, dict) else told
    return original if isinstance(original, str) and _is_record(original) else None


def _data(value: Mapping[str, Any]) -> object:
    """The packed payload in an event of a function (CloudWatch Logs', Kinesis's or Firehose's), or in what
    ``aws kinesis get-records`` prints; None in any other."""
    if isinstance(value.get("awslogs"), dict):
        return value["awslogs"].get("data", "")
    stream = value.get("kinesis")
    inside = stream if isinstance(stream, dict) else value
    data = inside.get("data", inside.get("Data"))
    return data if isinstance(data, str) and data.startswith(_PACKED) else None


def _packed(data: object) -> Iterator[object]:
    try:
        payload = zlib.decompressobj(wbits=31).decompress(base64.b64decode(str(data)), _LARGEST)
    except (binascii.Error, ValueError, zlib.error):
        payload = b""
    if not payload:
        yield Fault("data is not base64 of gzip")
    yield from _unfolded(_values(iter([payload])))


def _blocks(records: Iterable[object]) -> Iterator[Lines]:
    """Lines of text records; fields by name become lines of a format that is made of all their names."""
    texts: list[bytes] = []
    objects: list[Mapping[str, object]] = []
    number = 1

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
            if isinstance(record, Head):
                names = dict.fromkeys(name for name in record if name)
                form = Format(tuple(names))
                if not form.lacking or not any(name in _MESSAGE for name in names):
                    yield Lines([], number, form=form)
            else:
                yield Lines([], number, record if isinstance(record, Fault) else f"{NO_RECORD} of a record")
        number += 1
    yield from full()


def _told(objects: list[Mapping[str, object]], first: int, names: Iterable[str]) -> Lines:
    quiet = all(fields.get("log-status") in ("NODATA", "SKIPDATA") for fields in objects)
    form = Format(tuple(dict.fromkeys((*names, *(_LEFT_OUT if quiet else ())))))
    lines = [" ".join([token(fields.get(name), name) for name in form.names]) for fields in objects]
    return Lines([line.encode("utf-8", "replace") for line in lines], first, form=form)
