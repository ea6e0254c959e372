"""The table with which Athena reads a flow log in S3: its own fields, and partitions that need no upkeep.

https://docs.aws.amazon.com/athena/latest/ug/vpc-flow-logs-partition-projection.html
https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-path.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from whyblocked.errors import InputError
from whyblocked.flowlogs.fields import Format
from whyblocked.text import clean

_BIG = frozenset({"protocol", "packets", "bytes", "start", "end"})
_INT = frozenset(
    {"version", "srcport", "dstport", "tcp-flags", "traffic-path", "encryption-status"}
    | {f"packets-lost-{why}" for why in ("no-route", "blackhole", "mtu-exceeded", "ttl-expired")}
)
_TEXT = """ROW FORMAT DELIMITED FIELDS TERMINATED BY ' '
STORED AS TEXTFILE"""
_PARQUET = """ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat'"""
_UNITS = {"month": "1,12", "day": "1,31", "hour": "0,23"}


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """How a flow log's files lie below ``bucket/prefix``, as its destination options say, and whose they are."""

    bucket: str
    prefix: str = ""
    form: Format
    parquet: bool = False
    hive: bool = False
    hourly: bool = False
    accounts: tuple[str, ...]
    regions: tuple[str, ...]

    @property
    def root(self) -> str:
        """Where ``AWSLogs/`` is, with a slash at its end."""
        prefix = self.prefix.strip("/")
        return f"s3://{self.bucket}/{prefix}/" if prefix else f"s3://{self.bucket}/"


def create_table(name: str, layout: Layout) -> str:
    """The statement, for Athena's query editor; :func:`is_name` says what ``name`` may be, behind a database or not."""
    for text in (layout.root, *layout.accounts, *layout.regions):
        if not text.isprintable() or any(char in text for char in "'\"`\\${}"):
            raise InputError(f"athena-ddl: {clean(text)!r} can't stand in a statement: it has quotes or braces")
    keys = ["account", "region", *(["year", "month", "day"] if layout.hive else ["day"])]
    keys += ["hour"] if layout.hourly else []
    columns = ",\n".join(f"  `{column}` {kind}" for column, kind in _columns(layout.form, keys))
    partitions = ",\n".join(f"  `{key}` string" for key in keys)
    properties = ",\n".join(f"  '{key}' = '{value}'" for key, value in _properties(layout, keys))
    name = ".".join(f"`{part}`" for part in name.split("."))
    return (
        f"CREATE EXTERNAL TABLE IF NOT EXISTS {name} (\n{columns}\n)\nPARTITIONED BY (\n{partitions}\n)\n"
        f"{_PARQUET if layout.parquet else _TEXT}\nLOCATION '{layout.root}AWSLogs/'\n"
        f"TBLPROPERTIES (\n{properties}\n);\n"
    )


def _columns(form: Format, keys: Sequence[str]) -> Iterable[tuple[str, str]]:
    """Every field in its place. One that a partition has the name of gets another: without it, all would shift."""
    taken = {*keys}
    for field in form.names:
        column = field.lower().replace("-", "_")
        while column in taken:
            column += "_"
        taken.add(column)
        yield column, "bigint" if field in _BIG else "int" if field in _INT else "string"


def _properties(layout: Layout, keys: Sequence[str]) -> Iterable[tuple[str, str]]:
    if not layout.parquet:
        yield "skip.header.line.count", "1"
    yield "projection.enabled", "true"
    for key, values in zip(keys, (layout.accounts, layout.regions), strict=False):
        yield f"projection.{key}.type", "enum"
        yield f"projection.{key}.values", ",".join(values)
    for key in keys[2:]:
        if key == "day" and not layout.hive:
            yield from _dates("day", "yyyy/MM/dd", "2015/01/01", "DAYS")
        elif key == "year":
            yield from _dates("year", "yyyy", "2015", "YEARS")
        else:
            yield f"projection.{key}.type", "integer"
            yield f"projection.{key}.range", _UNITS[key]
            yield f"projection.{key}.digits", "2"
    yield "storage.location.template", f"{layout.root}AWSLogs/{'/'.join(_folders(layout, keys))}/"


def _dates(key: str, form: str, first: str, unit: str) -> Iterable[tuple[str, str]]:
    yield f"projection.{key}.type", "date"
    yield f"projection.{key}.range", f"{first},NOW"
    yield f"projection.{key}.format", form
    yield f"projection.{key}.interval", "1"
    yield f"projection.{key}.interval.unit", unit


def is_name(text: str) -> bool:
    """Whether it can be the name of a table or a database."""
    return re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", text) is not None


def _folders(layout: Layout, keys: Sequence[str]) -> Iterable[str]:
    if layout.hive:
        yield "aws-account-id=${account}/aws-service=vpcflowlogs/aws-region=${region}"
        yield from (f"{key}=${{{key}}}" for key in keys[2:])
    else:
        yield "${account}/vpcflowlogs/${region}"
        yield from (f"${{{key}}}" for key in keys[2:])
