"""Parquet whose pages are packed with gzip, made into Parquet whose pages are not: isal unpacks them in half the time.

A row group becomes a file of its own in memory, with the columns that are wanted and nothing else, which pyarrow reads
as any other. Of the file only what stands around the packed bytes is understood here: the headers of pages, in Thrift's
compact protocol. Where one is not as nearly all writers write it, the file is left to pyarrow as it is.

https://parquet.apache.org/docs/file-format/
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple, cast

from isal import isal_zlib
from isal.igzip_lib import IsalError

MAGIC = b"PAR1"
_DAMAGED = cast(type[Exception], IsalError)  # its stub does not say that it is one
_GZIP, _GZIP_HEADER = b"\x1f\x8b\x08", 31
_DATA, _DICTIONARY = 0, 2  # kinds of pages
_TYPES = {"INT32": 1, "INT64": 2, "BYTE_ARRAY": 6}
_ENCODINGS = {"PLAIN": 0, "PLAIN_DICTIONARY": 2, "RLE": 3, "BIT_PACKED": 4, "RLE_DICTIONARY": 8}
_UNPACKED, _TEXT, _OPTIONAL = 0, 0, 1  # codec, converted type, repetition
_INT32, _INT64, _BINARY, _LIST, _STRUCT = 5, 6, 8, 9, 12  # types of Thrift's compact protocol
_STOP = b"\0"


class Unusual(Exception):
    """It is Parquet in a way that is not understood here, or damaged."""


class Column(NamedTuple):
    """A column of a row group, its pages unpacked. Places are in the file that it becomes a part of."""

    name: bytes
    type: int
    optional: bool
    encodings: list[int]
    values: int
    size: int
    dictionary: int | None
    data: int


def unpacked(file: BinaryIO, metadata: Any, group: int, names: Sequence[str]) -> bytes:
    """A file with these columns of a row group of ``file``, whose metadata pyarrow has read.

    Raises :class:`Unusual` where that can't be done here: what is wrong with the file, if anything, others tell.
    """
    found = metadata.row_group(group)
    parts: list[bytes | memoryview] = [MAGIC]
    columns, size = [], len(MAGIC)
    for place in range(found.num_columns):
        chunk = found.column(place)
        if chunk.path_in_schema in names:
            schema = metadata.schema.column(place)
            flat = schema.max_repetition_level == 0 and schema.max_definition_level <= 1
            if chunk.compression != "GZIP" or not flat or chunk.physical_type not in _TYPES:
                raise Unusual
            try:
                column = _column(file, chunk, schema.max_definition_level == 1, parts, size)
            except (IndexError, KeyError, ValueError, _DAMAGED):
                raise Unusual from None
            columns.append(column)
            size += column.size
    if len(columns) < len(names):
        raise Unusual
    footer = _footer(columns, found.num_rows)
    return b"".join([*parts, footer, len(footer).to_bytes(4, "little"), MAGIC])


def _column(file: BinaryIO, chunk: Any, optional: bool, parts: list[bytes | memoryview], place: int) -> Column:
    """Append the pages of a column, which begins at ``place``, to ``parts``."""
    begin = chunk.data_page_offset
    if chunk.has_dictionary_page:
        begin = min(begin, chunk.dictionary_page_offset)
    file.seek(begin)
    data = file.read(chunk.total_compressed_size)
    view = memoryview(data)
    first, dictionary, pages = place, None, None
    at = 0
    while at < len(data):
        kind, whole, packed, before, behind = _page(data, at)
        if kind == _DICTIONARY and pages is None:
            dictionary = place
        elif kind != _DATA:
            raise Unusual
        elif pages is None:
            pages = place
        body = data.index(
            _GZIP, behind
        )  # nothing behind the sizes is needed; if it looks like gzip, it unpacks to none
        content = isal_zlib.decompress(view[body : body + packed], _GZIP_HEADER, whole)
        if len(content) != whole:
            raise Unusual
        header = data[at:before] + _packed(whole << 1) + data[behind:body]
        parts += (header, content)
        place += len(header) + whole
        at = body + packed
    if pages is None:
        raise Unusual
    encodings = [_ENCODINGS[name] for name in chunk.encodings]
    name = chunk.path_in_schema.encode()
    kind = _TYPES[chunk.physical_type]
    return Column(name, kind, optional, encodings, chunk.num_values, place - first, dictionary, pages)


# -- reading --------------------------------------------------------------------------------------------------------


def _page(data: bytes, at: int) -> tuple[int, int, int, int, int]:
    """Of the header of a page: its kind, unpacked and packed size, and where the packed size begins and ends."""
    kind, at = _told(data, at)
    whole, before = _told(data, at)
    packed, behind = _told(data, before)
    return kind, whole, packed, before + 1, behind


def _told(data: bytes, at: int) -> tuple[int, int]:
    """The next field, a number that is not negative, and where it ends."""
    if data[at] != 1 << 4 | _INT32:
        raise Unusual
    found = shift = 0
    while True:
        at += 1
        byte = data[at]
        found |= (byte & 127) << shift
        if byte < 128:
            return found >> 1, at + 1
        shift += 7


# -- writing --------------------------------------------------------------------------------------------------------


class _Value(NamedTuple):
    """A value with its type in Thrift's compact protocol."""

    type: int
    bytes: bytes


def _footer(columns: Sequence[Column], rows: int) -> bytes:
    """``FileMetaData`` with one row group."""
    root = _struct({4: _binary(b"schema"), 5: _int(len(columns))})
    leaves = [
        _struct(
            {1: _int(column.type), 3: _int(_OPTIONAL if column.optional else 0), 4: _binary(column.name)}
            | ({6: _int(_TEXT)} if column.type == _TYPES["BYTE_ARRAY"] else {})
        )
        for column in columns
    ]
    chunks = [_struct({2: _long(column.data), 3: _described(column)}) for column in columns]
    size = sum(column.size for column in columns)
    group = _struct({1: _list(chunks), 2: _long(size), 3: _long(rows)})
    return _struct({1: _int(1), 2: _list([root, *leaves]), 3: _long(rows), 4: _list([group])}).bytes


def _described(column: Column) -> _Value:
    """``ColumnMetaData``."""
    told = {
        1: _int(column.type),
        2: _list([_int(encoding) for encoding in column.encodings]),
        3: _list([_binary(column.name)]),
        4: _int(_UNPACKED),
        5: _long(column.values),
        6: _long(column.size),
        7: _long(column.size),
        9: _long(column.data),
    }
    return _struct(told | ({11: _long(column.dictionary)} if column.dictionary is not None else {}))


def _struct(fields: Mapping[int, _Value]) -> _Value:
    parts: list[bytes] = []
    before = 0
    for number, value in fields.items():
        parts += (bytes((number - before << 4 | value.type,)), value.bytes)
        before = number
    return _Value(_STRUCT, b"".join([*parts, _STOP]))


def _list(values: Sequence[_Value]) -> _Value:
    kind = values[0].type
    head = bytes((len(values) << 4 | kind,)) if len(values) < 15 else bytes((15 << 4 | kind,)) + _packed(len(values))
    return _Value(_LIST, head + b"".join([value.bytes for value in values]))


def _binary(text: bytes) -> _Value:
    return _Value(_BINARY, _packed(len(text)) + text)


def _int(number: int) -> _Value:
    return _Value(_INT32, _packed(number << 1))


def _long(number: int) -> _Value:
    return _Value(_INT64, _packed(number << 1))


def _packed(number: int) -> bytes:
    """A number that is not negative in as few bytes as it takes, seven bits in each."""
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)
