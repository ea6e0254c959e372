"""How the flow logs of a bucket lie there: what the account says of them, and what the bucket itself shows.

https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-path.html
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from whyblocked.config.awserrors import refusal
from whyblocked.config.resources import FlowLog
from whyblocked.errors import AwsError, InputError, UndeterminedError, UsageError, WhyblockedError
from whyblocked.flowlogs.ddl import Layout
from whyblocked.flowlogs.fields import DEFAULT, Format, header_format, parse_format
from whyblocked.text import clean

_PLACE = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?\Z", re.DOTALL)
_ACCOUNT = re.compile(r"(?:aws-account-id=)?([0-9]{12})/\Z")
_HEAD = 1 << 16
_HIVE = "aws-account-id="
_SERVICES = ("vpcflowlogs/", "aws-service=vpcflowlogs/")


class Found(NamedTuple):
    """A layout, and what the user should know of how it was found."""

    layout: Layout
    notes: list[str]


class Shown(NamedTuple):
    """What a bucket shows: the accounts and Regions that have flow logs, and one object."""

    accounts: list[str]
    regions: list[str]
    key: str


def place_of(text: str) -> tuple[str, str]:
    """The bucket and the prefix that a flow log was given, of the place as the user wrote it."""
    found = _PLACE.match(text)
    if found is None:
        raise UsageError(f"athena-ddl: {clean(text)!r} is no place in S3: write it as s3://BUCKET/PREFIX/")
    prefix = f"/{found[2] or ''}"
    return found[1], prefix.partition("/AWSLogs")[0].strip("/") if "/AWSLogs" in prefix else prefix.strip("/")


def find_layout(
    s3: Any, place: tuple[str, str], logs: Iterable[FlowLog], form: Format | None, sts: Callable[[], Any], region: str
) -> Found:
    """How the files below a place lie; where the bucket shows none, they are of the caller's account and ``region``."""
    bucket, prefix = place
    own = [log for log in logs if _delivers(log, bucket, prefix)]
    shown, notes = _shown(s3, bucket, f"{prefix}/AWSLogs/".lstrip("/"), region)
    options = [log.destination_options for log in own if log.destination_options]
    key = shown.key
    parquet = key.endswith(".parquet") if key else any(o.file_format == "parquet" for o in options)
    hive = _HIVE in key if key else any(o.hive_compatible_partitions for o in options)
    hourly = _has_hour(key) if key else any(o.per_hour_partition for o in options)
    forms = [form] if form else _forms(own)
    if not forms and key:
        forms = [_form_of(s3, bucket, key, region)]
    if not forms:
        notes.append("no flow log that delivers there, and no file, is to be seen: the default format is taken")
    if len(forms) > 1 and not parquet:
        raise InputError(
            "athena-ddl: flow logs of several formats deliver there, whose text files can't be one table: name the "
            "format with --log-format, and keep them apart by their prefixes"
        )
    names = dict.fromkeys(name for one in forms or [DEFAULT] for name in one.names)
    layout = Layout(
        bucket=bucket,
        prefix=prefix,
        form=Format(tuple(names)),
        parquet=parquet,
        hive=hive,
        hourly=hourly,
        accounts=tuple(shown.accounts or [_caller(sts(), region)]),
        regions=tuple(shown.regions or [region]),
    )
    return Found(layout, notes)


def _caller(sts: Any, region: str) -> str:
    try:
        return str(sts.get_caller_identity()["Account"])
    except Exception as error:  # noqa: BLE001 - botocore's, told apart there
        found = refusal(error, "sts:GetCallerIdentity", region)
        raise found if isinstance(found, WhyblockedError) else AwsError(f"no account: {found.reason}") from None


def _delivers(log: FlowLog, bucket: str, prefix: str) -> bool:
    target = (log.log_destination or "").partition(":s3:::")[2].strip("/")
    return log.log_destination_type == "s3" and target == f"{bucket}/{prefix}".strip("/")


def _forms(logs: Sequence[FlowLog]) -> list[Format]:
    """The different formats of some flow logs."""
    named = [parse_format(log.log_format, clean(log.flow_log_id)) for log in logs if log.log_format]
    return list(dict.fromkeys(named))


def _has_hour(key: str) -> bool:
    folders = key.split("/")[:-1]
    return (
        folders[-1].startswith("hour=") or re.search(r"/[0-9]{4}/[0-9]{2}/[0-9]{2}/[0-9]{2}/[^/]*\Z", key) is not None
    )


def _shown(s3: Any, bucket: str, root: str, region: str) -> tuple[Shown, list[str]]:
    accounts: dict[str, None] = {}
    regions: dict[str, None] = {}
    key = ""
    try:
        for folder in _folders(s3, bucket, root):
            found = _ACCOUNT.match(folder.removeprefix(root))
            if found is None:
                continue
            service = _SERVICES["=" in folder.removeprefix(root)]
            for below in _folders(s3, bucket, f"{folder}{service}"):
                accounts[found[1]] = None
                regions[below.rstrip("/").rpartition("/")[2].removeprefix("aws-region=")] = None
                key = key or _first(s3, bucket, below)
    except Exception as error:  # noqa: BLE001 - botocore's, told apart there
        refused = refusal(error, "s3:ListBucket", region)
        if isinstance(refused, WhyblockedError):
            raise refused from None
        if getattr(error, "response", {}).get("Error", {}).get("Code") == "NoSuchBucket":
            raise InputError(f"athena-ddl: there is no bucket {clean(bucket)}") from None
        note = f"s3:ListBucket: {refused.reason}: which accounts and Regions have flow logs there could not be seen"
        return Shown([], [], ""), [note]
    return Shown(list(accounts), list(regions), key), []


def _folders(s3: Any, bucket: str, prefix: str) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
    return [str(found["Prefix"]) for page in pages for found in page.get("CommonPrefixes") or ()]


def _first(s3: Any, bucket: str, prefix: str) -> str:
    """The first file of a flow log below a prefix."""
    page = s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=100)
    return next((str(item["Key"]) for item in page.get("Contents") or () if "_vpcflowlogs_" in item["Key"]), "")


def _form_of(s3: Any, bucket: str, key: str, region: str) -> Format:
    """The format of a file: the names of its columns, or its header line."""
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"]
        data = body.read() if key.endswith(".parquet") else body.read(_HEAD)
    except Exception as error:  # noqa: BLE001 - botocore's, told apart there
        refused = refusal(error, "s3:GetObject", region)
        if isinstance(refused, WhyblockedError):
            raise refused from None
        raise UndeterminedError(
            f"athena-ddl: the format is not known: s3://{clean(bucket)}/{clean(key, 500)} can't be read "
            f"(s3:GetObject: {refused.reason}); name the format with --log-format"
        ) from None
    found = _columns(data) if key.endswith(".parquet") else _header(data)
    if found is None:
        raise InputError(
            f"athena-ddl: s3://{clean(bucket)}/{clean(key, 500)} does not tell its fields: name them with --log-format"
        )
    return found


def _columns(data: bytes) -> Format | None:
    from whyblocked.flowlogs.parquet import parquet_lines

    return next((lines.form for lines in parquet_lines(io.BytesIO(data)) if lines.form), None)


def _header(data: bytes) -> Format | None:
    try:
        text = zlib.decompressobj(31).decompress(data) if data[:2] == b"\x1f\x8b" else data
    except zlib.error:
        return None
    tokens = text.partition(b"\n")[0].split()
    return header_format(tokens) if tokens else None
