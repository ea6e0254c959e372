"""Athena in moto, with an engine behind it: tables of Glue over files, and statements that are really run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from moto.athena.models import AthenaBackend, QueryResults, athena_backends
from moto.athena.responses import AthenaResponse

from tests.flowlogs.engines import Engine, glue_columns
from tests.moto_server import ACCOUNT, REGION

TABLE = "logs.flow"
TYPES = {"bigint": "BIGINT", "string": "VARCHAR"}


class Athenas:
    """What runs the statements; ``asked`` are their texts, ``page`` the rows on a page of a result."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.engine = Engine()
        self.asked: list[str] = []
        self.page = 1000
        patch.setattr(AthenaBackend, "_store_predefined_query_results", self._run)
        patch.setattr(AthenaResponse, "get_query_results", lambda response: self._page(response))

    def _run(self, query: str) -> None:
        athena = athena_backends[ACCOUNT][REGION]
        if query in athena.query_results:
            return
        self.asked.append(athena.executions[query].query)
        names, rows = self.engine.run(self.asked[-1])
        shown: list[list[str | None]] = [[*names], *rows]
        cells = [[{} if value is None else {"VarCharValue": value} for value in row] for row in shown]
        info = [{"Name": name, "Label": name, "Type": "varchar"} for name in names]
        athena.query_results[query] = QueryResults(rows=[{"Data": row} for row in cells], column_info=info)

    def _page(self, response: Any) -> str:
        """As AWS pages a result: the row of names is on the first page alone."""
        found = athena_backends[ACCOUNT][REGION].get_query_results(response._get_param("QueryExecutionId")).to_dict()
        begin = int(response._get_param("NextToken") or 0)
        rows = found["ResultSet"]["Rows"]
        end = begin + min(self.page, int(response._get_param("MaxResults") or 1000))
        found["ResultSet"]["Rows"] = rows[begin:end]
        return json.dumps({**found, **({"NextToken": str(end)} if end < len(rows) else {})})

    def table(
        self,
        glue: Any,
        paths: Sequence[Path],
        names: Sequence[str],
        *,
        name: str = TABLE,
        keys: Sequence[tuple[str, str]] = (),
        parameters: dict[str, str] | None = None,
        location: str = "s3://company-flow-logs/AWSLogs/",
    ) -> None:
        """A table in Glue over some files; its partition columns' values are in the files' paths."""
        database, _, relation = name.partition(".")
        columns = glue_columns(names)
        glue.create_database(DatabaseInput={"Name": database})
        glue.create_table(
            DatabaseName=database,
            TableInput={
                "Name": relation,
                "TableType": "EXTERNAL_TABLE",
                "Parameters": parameters or {},
                "PartitionKeys": [{"Name": key, "Type": kind} for key, kind in keys],
                "StorageDescriptor": {"Columns": columns, "Location": location},
            },
        )
        types = {column["Name"]: TYPES[column["Type"]] for column in columns}
        self.engine.table(name, paths, types, [key for key, _ in keys])
