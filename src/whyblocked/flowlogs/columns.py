"""Large Parquet files: rejected records straight as columns, by DuckDB; accepted ones are counted, not built.

A file in which anything is unusual (types that AWS does not write, a status or number that is none) is left to the
parser, so the counts are the same; as in large text files, the numbers of accepted records are not looked at.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from whyblocked.flowlogs.coding import Addresses
from whyblocked.flowlogs.fields import Format, canonical
from whyblocked.flowlogs.quick import ADDRESSES, NUMBERS, TEXTS, Unsuited, sound
from whyblocked.flowlogs.records import Scan

_PATTERN = frozenset("*?[")  # in a name, DuckDB would look for other files


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    """Started once: that takes as long as reading a small file."""
    return duckdb.connect(":memory:", config={"threads": 1})


def read_columns(path: Path, addresses: Addresses) -> tuple[Scan, pa.Table]:
    """The counts and the rejected records of a file; :class:`Unsuited` where the parser has to read it."""
    if not _PATTERN.isdisjoint(str(path)):
        raise Unsuited
    try:
        with parquet.ParquetFile(path) as file:
            rows, schema = file.metadata.num_rows, file.schema_arrow
        columns = _columns(schema)
        with _engine().cursor() as connection:
            found = connection.sql(
                f"SELECT {', '.join(columns)} FROM read_parquet(?) "
                f"WHERE {columns[0]} IS DISTINCT FROM 'ACCEPT' OR {columns[1]} IS DISTINCT FROM 'OK'",
                params=[str(path)],
            ).to_arrow_table()
    except (pa.ArrowException, OSError, duckdb.Error):
        raise Unsuited from None
    return _told(found, rows, addresses)


def _columns(schema: pa.Schema) -> list[str]:
    """What to select: action and status first, then what stands in :data:`TEXTS` and :data:`NUMBERS`."""
    names = {canonical(name): name for name in schema.names}
    once = len({name.lower() for name in schema.names}) == len(schema) == len(names)
    if not once or Format(tuple(names)).lacking or "log-status" not in names:
        raise Unsuited
    selected = []
    for name in ("action", "log-status", *TEXTS, *NUMBERS):
        if name not in names:
            continue
        kind, quoted = schema.field(names[name]).type, f'"{names[name]}"'
        if name in NUMBERS and pa.types.is_integer(kind):
            selected.append(f'{quoted}::BIGINT AS "{NUMBERS[name]}"')
        elif name not in NUMBERS and (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            selected.append(f"nullif({quoted}, '-') AS \"{TEXTS[name]}\"" if name in TEXTS else quoted)
        else:
            raise Unsuited
    return selected


def _told(found: pa.Table, rows: int, addresses: Addresses) -> tuple[Scan, pa.Table]:
    action, status = found.column(0), found.column(1)
    refused = pc.fill_null(pc.and_(pc.equal(action, "REJECT"), pc.equal(status, "OK")), False)
    scan = Scan(files=1, accepted=rows - found.num_rows)
    states: Any = pc.value_counts(status.filter(pc.invert(refused))).to_pylist()
    for state in states:
        if state["values"] == "NODATA":
            scan.no_data = state["counts"]
        elif state["values"] == "SKIPDATA":
            scan.skipped_data = state["counts"]
        else:
            raise Unsuited
    rejected = found.select(found.column_names[2:]).filter(refused)
    for name in rejected.column_names:
        if name in TEXTS.values() and name not in ADDRESSES:
            texts = pc.unique(rejected.column(name)).to_pylist()
            if any(text is not None and text.split() != [text] for text in texts):
                raise Unsuited
    table = sound(rejected, addresses)
    if table is None:
        raise Unsuited
    scan.rejected = table.num_rows
    return scan, table
