"""Parquet as lines of records: the columns' names are the format, an absent value is ``-``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from whyblocked.flowlogs.blocks import Lines
from whyblocked.flowlogs.fields import Format, canonical

_ROWS = 1 << 14


def parquet_lines(stream: BinaryIO) -> Iterator[Lines]:
    """The rows of a Parquet file that can be read from any place; what is damaged ends it as one fault."""
    number = 1
    try:
        with parquet.ParquetFile(stream) as file:
            schema = file.schema_arrow
            columns = [field.name for field in schema if not pa.types.is_nested(field.type)]
            form = Format(tuple(canonical(name) for name in columns))
            yield Lines([], number, form=form)
            for batch in file.iter_batches(_ROWS, columns=columns):
                texts = [_texts(batch.column(name)) for name in columns]
                lines = [" ".join(row).encode() for row in zip(*texts, strict=True)]
                yield Lines(lines, number, form=form)
                number += len(lines)
    except (pa.ArrowException, OSError) as error:
        yield Lines([], number, f"the Parquet data is damaged or half-written ({str(error).splitlines()[0][:80]})")


def _texts(column: pa.Array) -> list[str]:
    """A column as text records have it."""
    if pa.types.is_timestamp(column.type):
        column = pc.cast(column, pa.timestamp("s"), safe=False).cast(pa.int64())
    elif pa.types.is_floating(column.type):
        column = pc.cast(column, pa.int64(), safe=False)
    elif pa.types.is_binary(column.type):
        column = pc.cast(column, pa.string())
    texts = pc.fill_null(pc.cast(column, pa.string()), "-").to_pylist()
    return ["%20".join(text.split()) or "-" for text in texts] if pa.types.is_string(column.type) else texts
