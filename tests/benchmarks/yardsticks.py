"""What others do with the same flow logs: ``python yardsticks.py NAME FILE ...``, for the benchmark of `rejects`.

``text`` and ``parquet``: DuckDB adds up the rejected records, with typed columns and two threads, and nothing else.
``reader``: flowlogs-reader's Python API reads the records; only its S3 client is replaced, by one that opens files.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

TYPES = {
    "version": "INTEGER", "account_id": "VARCHAR", "interface_id": "VARCHAR", "srcaddr": "VARCHAR",
    "dstaddr": "VARCHAR", "srcport": "INTEGER", "dstport": "INTEGER", "protocol": "INTEGER", "packets": "BIGINT",
    "bytes": "BIGINT", "start": "BIGINT", "end": "BIGINT", "action": "VARCHAR", "log_status": "VARCHAR",
}  # fmt: skip
SUMS = (
    "SELECT interface_id, srcaddr, dstaddr, dstport, protocol, count(*) AS records, sum(packets) AS packets, "
    'sum(bytes) AS bytes, min("start") AS first_seen, max("end") AS last_seen '
    "FROM {source} WHERE action = 'REJECT' GROUP BY ALL"
)


def add_up(source: str, files: list[str]) -> None:
    """DuckDB's bare aggregation."""
    import duckdb

    connection = duckdb.connect(":memory:", config={"threads": 2, "preserve_insertion_order": "false"})
    connection.execute(f"CREATE TEMP TABLE groups AS {SUMS.format(source=source)}", [files])
    print(connection.execute("SELECT count(*) FROM groups").fetchall()[0][0])


class Files:
    """As much of an S3 client as reading an object takes."""

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        """An open file."""
        return {"Body": Path(Key).open("rb"), "ContentLength": Path(Key).stat().st_size}


def read(files: list[str]) -> None:
    """flowlogs-reader, every record of it."""
    from flowlogs_reader import S3FlowLogsReader  # type: ignore[import-untyped]

    class Reader(S3FlowLogsReader):  # type: ignore[misc]
        def _get_all_keys(self) -> list[str]:
            return files

    print(sum(1 for _ in Reader("bucket", boto_client=Files())))


if __name__ == "__main__":
    name, *files = sys.argv[1:]
    if name == "reader":
        read(files)
    elif name == "parquet":
        add_up("read_parquet(?)", files)
    else:
        columns = ", ".join(f"'{column}': '{kind}'" for column, kind in TYPES.items())
        add_up(f"read_csv(?, delim=' ', header=true, auto_detect=false, nullstr='-', columns={{{columns}}})", files)
