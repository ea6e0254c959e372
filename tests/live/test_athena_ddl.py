"""``whyblocked athena-ddl`` as a user runs it: the table follows what the account and the bucket show."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from tests.cli.programs import in_process
from tests.flowlogs.test_tables import glue
from tests.live.asking import Asked
from tests.live.company import Company, backend
from tests.moto_server import ACCOUNT, Overlay
from whyblocked.flowlogs.fields import DEFAULT

BUCKET = "company-flow-logs"
CUSTOM = "${action} ${srcaddr} ${dstaddr} ${region} ${start} ${end}"
NAME = f"{ACCOUNT}_vpcflowlogs_us-east-1_fl-1_20261125T0830Z_ab.log"
Run = Callable[..., Asked]


@pytest.fixture
def s3(server: Overlay) -> Iterator[Any]:
    keys: Any = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    found = boto3.client("s3", region_name="us-east-1", endpoint_url=server.url, **keys)
    found.create_bucket(Bucket=BUCKET)
    yield found
    for item in found.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        found.delete_object(Bucket=BUCKET, Key=item["Key"])
    found.delete_bucket(Bucket=BUCKET)


@pytest.fixture
def ddl(server: Overlay, served: Company, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> Asked:
        with monkeypatch.context() as patch:
            for name, value in server.environment().items():
                patch.setenv(name, value)
            return Asked(*in_process(capsys, "athena-ddl", *arguments))

    return run


@pytest.fixture
def flow_log(served: Company, s3: Any) -> Iterator[Any]:
    (made,) = served.ec2.create_flow_logs(
        ResourceIds=[served.vpc],
        ResourceType="VPC",
        TrafficType="ALL",
        LogDestinationType="s3",
        LogDestination=f"arn:aws:s3:::{BUCKET}",
        LogFormat=CUSTOM,
    )["FlowLogIds"]
    yield backend().flow_logs[made]
    served.ec2.delete_flow_logs(FlowLogIds=[made])


def columns(asked: Asked) -> list[str]:
    return [column["Name"] for column in glue(asked.out)["StorageDescriptor"]["Columns"]]


def test_the_flow_log_that_delivers_there_tells_format_and_layout(ddl: Run, flow_log: Any) -> None:
    flow_log.destination_options = {
        "FileFormat": "parquet",
        "HiveCompatiblePartitions": True,
        "PerHourPartition": True,
    }
    asked = ddl(f"s3://{BUCKET}/")
    assert (asked.status, asked.err) == (0, "")
    assert columns(asked) == ["action", "srcaddr", "dstaddr", "region_", "start", "end"]
    made = glue(asked.out)
    assert [key["Name"] for key in made["PartitionKeys"]] == ["account", "region", "year", "month", "day", "hour"]
    assert made["Parameters"]["projection.account.values"] == ACCOUNT
    assert "ParquetHiveSerDe" in asked.out


def test_a_file_tells_what_no_flow_log_does(ddl: Run, s3: Any) -> None:
    for account, region in ((ACCOUNT, "us-east-1"), ("999988887777", "eu-west-1")):
        key = f"net/AWSLogs/{account}/vpcflowlogs/{region}/2026/11/25/08/{NAME}.gz"
        s3.put_object(Bucket=BUCKET, Key=key, Body=gzip.compress(b"action srcaddr dstaddr end\nREJECT 1.1.1.1 - 1\n"))
    s3.put_object(Bucket=BUCKET, Key=f"net/AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/x.json.gz", Body=b"x")
    for place in (f"s3://{BUCKET}/net", f"s3://{BUCKET}/net/AWSLogs/{ACCOUNT}/vpcflowlogs/"):
        asked = ddl(place, "--table", "logs.flow")
        assert (asked.status, asked.err) == (0, "")
        assert columns(asked) == ["action", "srcaddr", "dstaddr", "end"]
        options = glue(asked.out)["Parameters"]
        assert options["projection.account.values"] == f"{ACCOUNT},999988887777"
        assert options["projection.region.values"] == "us-east-1,eu-west-1"
        assert options["storage.location.template"] == (
            f"s3://{BUCKET}/net/AWSLogs/${{account}}/vpcflowlogs/${{region}}/${{day}}/${{hour}}/"
        )


def test_without_either_the_default_format_is_taken_and_told(ddl: Run, s3: Any) -> None:
    asked = ddl(f"s3://{BUCKET}/")
    assert asked.status == 0
    assert columns(asked) == [name.replace("-", "_") for name in DEFAULT.names]
    assert "the default format is taken" in asked.err
    named = ddl(f"s3://{BUCKET}/", "--log-format", CUSTOM)
    assert (columns(named)[3], named.err) == ("region_", "")


def test_files_that_may_not_be_read_leave_the_format_to_the_user(ddl: Run, s3: Any, server: Overlay) -> None:
    key = f"AWSLogs/{ACCOUNT}/vpcflowlogs/us-east-1/2026/11/25/{NAME}.gz"
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    server.add(f"GET /{BUCKET}/{key}", 403, "<Error><Code>AccessDenied</Code></Error>")
    asked = ddl(f"s3://{BUCKET}/")
    assert (asked.status, asked.out) == (3, "")
    assert "s3:GetObject" in asked.err
    assert "--log-format" in asked.err
    assert ddl(f"s3://{BUCKET}/", "--log-format", CUSTOM).status == 0


def test_a_file_that_tells_nothing_is_named(ddl: Run, s3: Any) -> None:
    key = f"AWSLogs/{ACCOUNT}/vpcflowlogs/us-east-1/2026/11/25/{NAME}.gz"
    s3.put_object(Bucket=BUCKET, Key=key, Body=gzip.compress(b"\x00\x01"))
    asked = ddl(f"s3://{BUCKET}/")
    assert asked.status == 2
    assert "does not tell its fields" in asked.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("bucket/prefix",), "s3://BUCKET/PREFIX/"),
        (("s3://B_CKET/",), "s3://BUCKET/PREFIX/"),
        (("s3://no-such-bucket/",), "there is no bucket no-such-bucket"),
        ((f"s3://{BUCKET}/a'b/",), "can't stand in a statement"),
        ((f"s3://{BUCKET}/", "--table", "a`b"), "--table"),
        ((f"s3://{BUCKET}/", "--log-format", "${srcaddr} ${dstaddr}"), "lacks action"),
    ],
)
def test_what_can_make_no_table_is_refused(ddl: Run, s3: Any, arguments: tuple[str, ...], said: str) -> None:
    asked = ddl(*arguments)
    assert (asked.status, asked.out) == (2, "")
    assert said in asked.err
