"""Tables of flow logs: the statement that makes one, and what a window means for their partitions."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from whyblocked.errors import InputError
from whyblocked.flowlogs.ddl import Layout, create_table
from whyblocked.flowlogs.fields import DEFAULT, FIELDS, Format
from whyblocked.flowlogs.statement import READ
from whyblocked.flowlogs.tables import Table, described, holds, parts, prefixes

WITH_REGION = Format((*DEFAULT.names, "vpc-id", "region", "tcp-flags", "flow-direction"))
AT = datetime(2026, 11, 25, 8, 30, tzinfo=UTC)
HOUR = (AT - timedelta(hours=1), AT)


def layout(**options: Any) -> Layout:
    plain: dict[str, Any] = {"bucket": "logs", "prefix": "net/flow", "form": WITH_REGION}
    return Layout(**{**plain, "accounts": ("111122223333",), "regions": ("eu-west-1", "us-east-1"), **options})


def glue(statement: str) -> dict[str, Any]:
    """The table that a statement makes, as Glue describes it."""
    (made,) = sqlglot.parse(statement, read="hive")
    assert isinstance(made, exp.Create)
    keys = made.find(exp.PartitionedByProperty)
    assert keys is not None

    def listed(schema: exp.Expression) -> list[dict[str, str]]:
        return [{"Name": c.name, "Type": c.args["kind"].sql("hive").lower()} for c in schema.expressions]

    options = re.findall(r"^  '([^']+)' = '([^']*)'", statement, re.MULTILINE)
    (location,) = re.findall("LOCATION '([^']*)'", statement)
    return {
        "StorageDescriptor": {"Columns": listed(made.this), "Location": location},
        "PartitionKeys": listed(keys.this),
        "Parameters": dict(options),
    }


def key(hive: bool, hourly: bool, parquet: bool, at: datetime = AT) -> str:
    """A file as AWS names it."""
    folder = (
        f"aws-account-id=111122223333/aws-service=vpcflowlogs/aws-region=us-east-1/{at:year=%Y/month=%m/day=%d}"
        if hive
        else f"111122223333/vpcflowlogs/us-east-1/{at:%Y/%m/%d}"
    )
    hour = (f"/hour={at:%H}" if hive else f"/{at:%H}") if hourly else ""
    name = f"111122223333_vpcflowlogs_us-east-1_fl-1_{at:%Y%m%dT%H%MZ}_ab.log.{'parquet' if parquet else 'gz'}"
    return f"s3://logs/net/flow/AWSLogs/{folder}{hour}/{name}"


LAYOUTS = list(product((False, True), repeat=3))


@pytest.mark.parametrize(("hive", "hourly", "parquet"), LAYOUTS)
def test_the_table_of_every_layout_has_every_field_in_its_place(hive: bool, hourly: bool, parquet: bool) -> None:
    made = glue(create_table("flow", layout(hive=hive, hourly=hourly, parquet=parquet)))
    names = [column["Name"] for column in made["StorageDescriptor"]["Columns"]]
    assert names == [{"region": "region_"}.get(n, n.replace("-", "_")) for n in WITH_REGION.names]
    assert not set(names) & {column["Name"] for column in made["PartitionKeys"]}
    assert (made["Parameters"].get("skip.header.line.count") == "1") is not parquet
    table = described("db.flow", made)
    assert set(table.columns) == set(WITH_REGION.names) & set(READ)
    assert {n for n, c in table.columns.items() if c.kind == "number"} == {
        "srcport", "dstport", "protocol", "packets", "bytes", "start", "end", "tcp-flags"
    }  # fmt: skip


@pytest.mark.parametrize(("hive", "hourly", "parquet"), LAYOUTS)
def test_the_partitions_of_a_window_are_where_aws_delivers_its_files(hive: bool, hourly: bool, parquet: bool) -> None:
    table = described("db.flow", glue(create_table("flow", layout(hive=hive, hourly=hourly, parquet=parquet))))
    places = prefixes(table, parts(table, HOUR, {}))
    for minutes in (-60, -1, 0, 10):
        file = key(hive, hourly, parquet, AT + timedelta(minutes=minutes))
        assert any(file.startswith(place) for place in places), file
    assert not any(key(hive, hourly, parquet, AT - timedelta(days=2)).startswith(place) for place in places)
    assert all(place.endswith("/") for place in places)


@pytest.mark.parametrize("text", ["a'b", 'a"b', "a`b", "a$b", "a\\b", "a\nb", "${day}"])
def test_what_would_end_a_text_of_the_statement_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="can't stand in a statement"):
        create_table("flow", layout(prefix=text))


def test_reserved_words_are_quoted() -> None:
    statement = create_table("logs.flow", layout())
    assert "CREATE EXTERNAL TABLE IF NOT EXISTS `logs`.`flow` (" in statement
    assert "  `end` bigint" in statement


# -- tables that others made -------------------------------------------------------------------------------------------


def table(keys: dict[str, str], **parameters: str) -> Table:
    options = {name.replace("_", "."): value for name, value in parameters.items()}
    return Table(name="db.flow", columns={}, keys=keys, parameters=options, location="s3://logs/flow")


def condition(made: Table, **examples: str) -> str:
    return " AND ".join(part.condition for part in parts(made, HOUR, examples).values() if part.condition)


PROJECTED = {"projection_enabled": "true"}


@pytest.mark.parametrize(
    ("made", "examples", "expected"),
    [
        (table({"day": "string"}, **PROJECTED, projection_day_type="date", projection_day_format="yyyy/MM/dd"), {},
         "\"day\" BETWEEN '2026/11/25' AND '2026/11/25'"),
        (table({"day": "string"}, **PROJECTED, projection_day_type="date", projection_day_format="dd-MM-yyyy"), {},
         "\"day\" IN ('25-11-2026')"),
        (table({"date": "date"}), {}, "\"date\" BETWEEN DATE '2026-11-25' AND DATE '2026-11-25'"),
        (table({"date": "string"}), {"date": "2026/11/20"}, "\"date\" BETWEEN '2026/11/25' AND '2026/11/25'"),
        (table({"dt": "string"}), {"dt": "2026112007"}, "\"dt\" BETWEEN '2026112507' AND '2026112508'"),
        (table({"year": "string", "month": "string", "day": "string", "hour": "string"}), {},
         "\"year\" IN ('2026') AND \"month\" IN ('11') AND \"day\" IN ('25') AND \"hour\" IN ('07', '7', '08', '8')"),
        (table({"year": "int", "month": "int"}), {}, '"year" IN (2026) AND "month" IN (11)'),
        (table({"day": "string"}), {}, ""),  # nobody knows what it holds
        (table({"team": "string", "region": "string"}), {"team": "net"}, ""),
        (table({"day": "bigint"}, **PROJECTED, projection_day_type="integer"), {}, ""),
    ],
)  # fmt: skip
def test_partition_columns_are_bounded_where_it_is_known_what_they_hold(
    made: Table, examples: dict[str, str], expected: str
) -> None:
    assert condition(made, **examples) == expected


def test_a_partition_column_that_needs_a_value_is_named() -> None:
    with pytest.raises(InputError, match="partition column account is injected"):
        parts(table({"account": "string"}, **PROJECTED, projection_account_type="injected"), HOUR, {})


@given(
    st.integers(0, 15 * 365 * 24 * 60).map(lambda n: datetime(2015, 1, 1, tzinfo=UTC) + timedelta(minutes=n)),
    st.integers(0, 400 * 24 * 60),
    st.floats(0, 1),
    st.sampled_from(("%Y/%m/%d", "%d-%m-%Y", "%Y-%m-%d-%H", "units")),
)
def test_no_moment_of_a_window_is_left_out(since: datetime, minutes: int, place: float, form: str) -> None:
    until = since + timedelta(minutes=minutes)
    at = since + (until - since) * place
    java = form.replace("%Y", "yyyy").replace("%m", "MM").replace("%d", "dd").replace("%H", "HH")
    if form == "units":
        made = table({"year": "string", "month": "string", "day": "string", "hour": "string"})
        values = {"year": f"{at:%Y}", "month": f"{at:%m}", "day": f"{at:%d}", "hour": f"{at:%H}"}
    else:
        made = table({"day": "string"}, **PROJECTED, projection_day_type="date", projection_day_format=java)
        values = {"day": f"{at:{form}}"}
    found = parts(made, (since, until), {})
    assert holds(found, values)
    for key, part in found.items():
        text = part.condition
        if between := re.fullmatch(r"\"\w+\" BETWEEN '(.*)' AND '(.*)'", text):
            assert between[1] <= values[key] <= between[2]
        elif text:
            assert f"'{values[key]}'" in text


@pytest.mark.parametrize("since", [datetime(1, 1, 1, tzinfo=UTC), datetime(2015, 1, 1, tzinfo=UTC)])
def test_a_window_of_all_time_is_a_window(since: datetime) -> None:
    made = table({"year": "string", "month": "string", "day": "string"})
    assert holds(
        parts(made, (since, datetime(9999, 12, 31, tzinfo=UTC)), {}), {"year": "2026", "month": "02", "day": "29"}
    )


@pytest.mark.parametrize(
    ("column", "field"),
    [("interfaceid", "interface-id"), ("sourceaddress", "srcaddr"), ("numbytes", "bytes"), ("end", "end"),
     ("pkt_srcaddr", "pkt-srcaddr"), ("logStatus", "log-status"), ("endtime", "end")],
)  # fmt: skip
def test_columns_are_known_by_all_the_names_that_aws_gave_them(column: str, field: str) -> None:
    names = [name for name in ("action", "srcaddr", "dstaddr") if name != field]
    columns = [{"Name": name, "Type": "string"} for name in (*names, column)]
    assert described("db.flow", {"StorageDescriptor": {"Columns": columns}}).columns[field].name == column


def test_a_type_that_is_not_read_is_named() -> None:
    columns = [{"Name": name, "Type": "string"} for name in ("action", "srcaddr", "dstaddr")]
    with pytest.raises(InputError, match="column start has the type timestamp"):
        described("db.flow", {"StorageDescriptor": {"Columns": [*columns, {"Name": "start", "Type": "timestamp"}]}})


def test_every_field_has_a_column_of_its_own() -> None:
    made = glue(create_table("flow", layout(form=Format(tuple(FIELDS)))))
    names = [column["Name"] for column in made["StorageDescriptor"]["Columns"]]
    assert len(set(names)) == len(FIELDS)
