"""DuckDB in Athena's place: real files as a table, and Athena's own text translated by sqlglot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import sqlglot
from pyarrow import parquet

from whyblocked.flowlogs.statement import Column
from whyblocked.flowlogs.tables import field_of

WHOLE = ("version", "srcport", "dstport", "protocol", "packets", "bytes", "start", "end", "tcp-flags", "traffic-path")
Row = Mapping[str, str]


def columns(names: Iterable[str], *, typed: bool) -> dict[str, Column]:
    """The columns of a table of this format: typed as AWS's documentation has them, or text alone."""
    return {name: Column(name.replace("-", "_"), "number" if typed and name in WHOLE else "text") for name in names}


def write_text(path: Path, names: Sequence[str], rows: Iterable[Row]) -> Path:
    """A file as flow logs deliver it."""
    lines = [" ".join(names), *(" ".join(row[name] for name in names) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def write_parquet(path: Path, names: Sequence[str], rows: Sequence[Row]) -> Path:
    """A Parquet file as flow logs deliver it: typed, with underscores, what is not told is null."""

    def column(name: str) -> pa.Array:
        values = [None if row[name] == "-" else row[name] for row in rows]
        if name in WHOLE:
            return pa.array([None if v is None else int(v) for v in values], pa.int64())
        return pa.array(values, pa.string())

    parquet.write_table(pa.table({name.replace("-", "_"): column(name) for name in names}), path)
    return path


class Engine:
    """A database whose tables are files."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()

    def table(self, name: str, paths: Sequence[Path], types: Mapping[str, str], keys: Sequence[str] = ()) -> None:
        """Text or Parquet files as a table of these columns; a text that is no number is null in a column of numbers.

        ``keys`` are partition columns, whose values are in the files' paths.
        """
        schema, _, relation = name.partition(".")
        self.connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        files = ", ".join(f"'{path}'" for path in paths)
        if paths and paths[0].suffix == ".parquet":
            source = f"read_parquet([{files}], hive_partitioning = false, filename = true)"
        else:
            texts = ", ".join(f"'{column}': 'VARCHAR'" for column in types)
            source = (
                f"read_csv([{files}], delim = ' ', quote = '', escape = '', header = true, auto_detect = false, "
                f"nullstr = '', columns = {{{texts}}}, null_padding = true, filename = true)"
            )
        shown = [f'try_cast("{column}" AS {kind}) AS "{column}"' for column, kind in types.items()]
        shown += [f"regexp_extract(filename, '/{key}=([^/]*)/', 1) AS \"{key}\"" for key in keys]
        self.connection.execute(f'CREATE VIEW "{schema}"."{relation}" AS SELECT {", ".join(shown)} FROM {source}')

    def run(self, athena: str) -> tuple[list[str], list[list[str | None]]]:
        """Athena's text, translated: the names of the result's columns, and its rows as Athena gives them."""
        (translated,) = sqlglot.transpile(athena, read="athena", write="duckdb")
        return self.native(translated)

    def native(self, sql: str) -> tuple[list[str], list[list[str | None]]]:
        """A text as it is."""
        done = self.connection.execute(sql)
        names = [str(column[0]) for column in done.description or ()]
        return names, [[None if value is None else str(value) for value in row] for row in done.fetchall()]


def types_of(table: Mapping[str, Column]) -> dict[str, str]:
    """DuckDB's types for a table's columns."""
    return {column.name: "BIGINT" if column.kind == "number" else "VARCHAR" for column in table.values()}


def glue_columns(names: Iterable[str]) -> list[dict[str, Any]]:
    """The columns of a table of this format, as Glue has them."""
    return [
        {"Name": name.replace("-", "_"), "Type": "bigint" if field_of(name) in WHOLE else "string"} for name in names
    ]
