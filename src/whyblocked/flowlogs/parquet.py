"""Parquet as lines of records: the columns' names are the format, an absent value is ``-``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from whyblocked.flowlogs.blocks import Lines
from whyblocked.flowlogs.fields import Format, canonical
from whyblocked.flowlogs.values import TIMES, token

_ROWS = 1 << 14
_WHOLE = "message"
_TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
_BINARIES = (
    pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_fixed_size_binary
)  # fmt: skip
DAMAGED = (pa.ArrowException, OSError, UnicodeDecodeError)
"""What reading a Parquet file raises that is damaged or half-written."""


def parquet_lines(stream: BinaryIO) -> Iterator[Lines]:
    """The rows of a Parquet file that can be read from any place; what is damaged ends it as one fault."""
    number = 1
    try:
        with parquet.ParquetFile(stream) as file:
            names = dict.fromkeys(field.name for field in file.schema_arrow if not pa.types.is_nested(field.type))
            form: Format | None = Format(tuple(canonical(name) for name in names))
            if _WHOLE in names and form and not form.is_telling:  # records in text
                names, form = {_WHOLE: None}, None
            else:
                yield Lines([], number, form=form)
            for batch in file.iter_batches(_ROWS, columns=list(names)):
                columns = [batch.column(batch.schema.names.index(name)) for name in names]  # a name may come twice
                texts = [_texts(column, canonical(name)) for column, name in zip(columns, names, strict=True)]
                lines = [" ".join(row).encode("utf-8", "replace") for row in zip(*texts, strict=True)]
                yield Lines(lines, number, form=form)
                number += len(lines)
    except DAMAGED as error:
        reason = str(error).splitlines()[0].split(". ")[0]
        yield Lines([], number, f"the Parquet data is damaged or half-written ({reason[:80]})")


def _texts(column: pa.Array, name: str) -> list[str]:
    """A column, of whatever type, as text records have it."""
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_timestamp(kind):
        column = pc.cast(column, pa.timestamp("s"), safe=False).cast(pa.int64())
    elif pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        column = pc.cast(column, pa.int64(), safe=False)
    is_text, is_binary = any(of(kind) for of in _TEXTS), any(of(kind) for of in _BINARIES)
    texts = _decoded(column if is_binary else pc.fill_null(pc.cast(column, pa.string()), "-"), is_binary=is_binary)
    if name == _WHOLE or not (is_text or is_binary or name in TIMES):
        return texts
    return (
        [token(text, name) for text in texts] if name in TIMES else ["%20".join(text.split()) or "-" for text in texts]
    )


def _decoded(column: pa.Array, *, is_binary: bool) -> list[str]:
    """A column of texts, or of bytes that are meant to be some; what is not UTF-8 in them is replaced."""
    if not is_binary:
        try:
            return list(column.to_pylist())
        except UnicodeDecodeError:
            column = column.cast(pa.binary())
    return ["-" if text is None else text.decode("utf-8", "replace") for text in column.to_pylist()]
