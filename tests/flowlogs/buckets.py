"""Buckets of flow logs in moto, as AWS lays them out, and reading them as the program does."""

from __future__ import annotations

import gzip
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import boto3

from whyblocked.config.account import Account, Nothing
from whyblocked.flowlogs.fields import DEFAULT
from whyblocked.flowlogs.reading import Reading
from whyblocked.flowlogs.records import Record
from whyblocked.flowlogs.sinks import LogsRequest, Sink

ACCOUNT, REGION, LOG, ENI = "123456789012", "us-east-1", "fl-0123456789abcdef0", "eni-0aaaaaaaaaaaaaaaa"
BUCKET = "company-flow-logs"
HEADER = " ".join(DEFAULT.names)
LAYOUTS = {
    "plain": "AWSLogs/{account}/vpcflowlogs/{region}/%Y/%m/%d/",
    "hourly": "AWSLogs/{account}/vpcflowlogs/{region}/%Y/%m/%d/%H/",
    "Hive": "AWSLogs/aws-account-id={account}/aws-service=vpcflowlogs/aws-region={region}/year=%Y/month=%m/day=%d/",
    "hourly Hive": "AWSLogs/aws-account-id={account}/aws-service=vpcflowlogs/aws-region={region}"
    "/year=%Y/month=%m/day=%d/hour=%H/",
}


def line(
    port: int = 22, when: int = 0, action: str = "REJECT", interface: str = ENI, source: str = "192.0.2.77"
) -> str:
    """A record in the default format; ``when`` it began."""
    start = when or int(time.time()) - 600
    return f"2 {ACCOUNT} {interface} {source} 10.0.1.10 40000 {port} 6 3 180 {start} {start + 50} {action} OK"


def packed(*lines: str) -> bytes:
    """A file as AWS delivers it."""
    return gzip.compress("\n".join((HEADER, *lines, "")).encode(), mtime=0)


def key(
    when: int,
    layout: str = "plain",
    *,
    log: str = LOG,
    account: str = ACCOUNT,
    region: str = REGION,
    suffix: str = ".log.gz",
    part: str = "a1b2c3d4",
) -> str:
    """The key of the file with what ended then."""
    at = datetime.fromtimestamp(when - when % 300, UTC)
    folder = at.strftime(LAYOUTS[layout]).format(account=account, region=region)
    return f"{folder}{account}_vpcflowlogs_{region}_{log}_{at:%Y%m%dT%H%MZ}_{part}{suffix}"


class Store(NamedTuple):
    """A bucket, and the prefixes that were listed in it since it was made."""

    s3: Any
    listed: list[str]
    fetched: list[str]

    def put(self, name: str, *lines: str, body: bytes | None = None, **more: Any) -> None:
        """Put a file of records (or of anything)."""
        self.s3.put_object(Bucket=BUCKET, Key=name, Body=packed(*lines) if body is None else body, **more)


def store(**client: Any) -> Store:
    """A new bucket."""
    s3 = boto3.client("s3", region_name=REGION, **client)
    s3.create_bucket(Bucket=BUCKET)
    found = Store(s3, [], [])
    s3.meta.events.register(
        "provide-client-params.s3.ListObjectsV2", lambda params, **_: found.listed.append(params.get("Prefix"))
    )
    s3.meta.events.register(
        "provide-client-params.s3.GetObject", lambda params, **_: found.fetched.append(params["Key"])
    )
    return found


class Collected(Sink):
    """Keeps every record."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def add(self, records: Sequence[Record], source: str) -> None:
        self.records += records

    @property
    def ports(self) -> list[int | None]:
        """Of the records, in their order."""
        return [record.destination_port for record in self.records]


def read(client: Any, *locations: str, account: Account | None = None, **request: Any) -> tuple[Reading, Collected]:
    """Read locations with this client of S3."""
    sink = Collected()
    asked = LogsRequest(locations=locations, client=lambda service, region: client, **request)
    reading = Reading(account or Account(Nothing()), sink, asked, datetime.now(UTC))
    reading.run()
    return reading, sink
