"""Flow logs through Athena, asked as a user does: moto for the API, DuckDB for what Athena would read."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.cli.programs import in_process, on_terminal
from tests.flowlogs.athenas import TABLE, Athenas
from tests.flowlogs.engines import Row, write_parquet, write_text
from tests.live.asking import Asked
from tests.live.company import Company
from tests.moto_server import Overlay
from whyblocked.config.permissions import policy
from whyblocked.flowlogs.fields import DEFAULT

SHUT = "192.0.2.77 -> i-abc:22"
LOCATION = f"athena:{TABLE}"
JSON_ERROR = "application/x-amz-json-1.1"
BUCKET = "company-flow-logs"
PROJECTED = {
    "projection.enabled": "true",
    "projection.region.type": "enum",
    "projection.region.values": "us-east-1,eu-west-1",
    "projection.day.type": "date",
    "projection.day.format": "yyyy/MM/dd",
    "projection.day.range": "2020/01/01,NOW",
    "storage.location.template": f"s3://{BUCKET}/AWSLogs/1/vpcflowlogs/${{region}}/${{day}}",
}
PROJECTED_KEYS = (("region", "string"), ("day", "string"))


class World:
    """The company, an Athena, clients of the server's, and the command line in this process."""

    def __init__(
        self, server: Overlay, company: Company, athenas: Athenas, folder: Path, now: int, run: Callable[..., Asked]
    ) -> None:
        self.server, self.company, self.athenas, self.folder, self.now = server, company, athenas, folder, now
        self.run = run
        keys: Any = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        self.glue: Any = boto3.client("glue", region_name="us-east-1", endpoint_url=server.url, **keys)
        self.s3: Any = boto3.client("s3", region_name="us-east-1", endpoint_url=server.url, **keys)

    def row(self, source: str = "192.0.2.77", action: str = "REJECT", ago: int = 600, **fields: Any) -> Row:
        start = self.now - ago
        plain = f"2 1 {self.company.web_interface} {source} 10.0.1.10 40000 22 6 3 180 {start} {start + 50} {action} OK"
        return dict(zip(DEFAULT.names, plain.split(), strict=True)) | fields

    def table(self, rows: Sequence[Row], **settings: Any) -> Path:
        """A table over one text file, outside of moto's S3."""
        path = write_text(self.folder / "flow.log", DEFAULT.names, rows)
        self.athenas.table(self.glue, [path], DEFAULT.names, **settings)
        return path

    def object(self, key: str, size: int) -> None:
        """An object in the table's bucket: for what is said of sizes alone."""
        self.s3.create_bucket(Bucket=BUCKET)
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=b"x" * size)

    def rejects(self, *options: str, **variables: str) -> Asked:
        return self.run("rejects", "--flow-logs", LOCATION, "--output", "json", *options, **variables)


@pytest.fixture
def world(
    server: Overlay,
    served: Company,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    now: int,
) -> Iterator[World]:
    def run(*arguments: str, **variables: str) -> Asked:
        with monkeypatch.context() as patch:
            for name, value in {**server.environment(), **variables}.items():
                patch.setenv(name, value)
            return Asked(*in_process(capsys, *arguments))

    found = World(server, served, Athenas(monkeypatch), tmp_path, now, run)
    yield found
    for database in found.glue.get_databases()["DatabaseList"]:
        for table in found.glue.get_tables(DatabaseName=database["Name"])["TableList"]:
            found.glue.delete_table(DatabaseName=database["Name"], Name=table["Name"])
        found.glue.delete_database(Name=database["Name"])
    for bucket in found.s3.list_buckets()["Buckets"]:
        for item in found.s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", ()):
            found.s3.delete_object(Bucket=bucket["Name"], Key=item["Key"])
        found.s3.delete_bucket(Bucket=bucket["Name"])


def groups(asked: Asked) -> list[dict[str, Any]]:
    return asked.answer["groups"]


# -- rejected flows ----------------------------------------------------------------------------------------------------


def test_rejected_flows_are_what_the_same_records_in_a_file_give(world: World) -> None:
    rows = [
        *(world.row(f"192.0.2.{n % 7}") for n in range(30)),
        *(world.row(action="ACCEPT") for _ in range(5)),
        {**world.row("-", "-"), "log-status": "NODATA", "dstaddr": "-", "protocol": "-"},
        {**world.row("-", "-"), "log-status": "SKIPDATA", "dstaddr": "-"},
    ]
    path = world.table(rows)
    there = world.rejects()
    here = world.run("rejects", "--flow-logs", str(path), "--output", "json")
    assert (there.status, groups(there)) == (here.status, groups(here)) == (1, groups(here))
    assert there.answer["scanned"] == {**here.answer["scanned"], "files": 0}
    assert groups(there)[0]["status"] == "explained"
    assert "left out" not in there.err, "accepted records are counted"
    assert len(world.athenas.asked) == 1, "one statement"


def exchange(world: World) -> list[Row]:
    """A request that was accepted, and its answer, which was not though the network ACL lets it pass now."""
    ends = {"srcaddr": "10.0.1.10", "dstaddr": "192.0.2.77", "srcport": "45000", "dstport": "443"}
    turned = {"srcaddr": "192.0.2.77", "dstaddr": "10.0.1.10", "srcport": "443", "dstport": "45000"}
    return [
        {**world.row(action="ACCEPT"), **ends},
        {**world.row(), **turned},
        *(world.row(f"203.0.113.{n}") for n in range(9)),
    ]


def test_a_rejected_answer_of_an_accepted_request_is_told_by_a_second_statement(world: World) -> None:
    world.table(exchange(world))
    asked = world.rejects("--source", "192.0.2.77")
    assert [group["status"] for group in groups(asked)] == ["now-allowed"]
    assert len(world.athenas.asked) == 2
    assert "action = 'ACCEPT'" in world.athenas.asked[1]
    assert asked.err.count("to tell answers from requests: Athena read ") == 1, "it costs"


def test_a_second_statement_is_not_paid_for_where_the_first_read_much(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from whyblocked.diagnosis import replies

    world.table(exchange(world))
    monkeypatch.setattr(replies, "DEFAULT_LIMIT", -1)
    asked = world.rejects("--source", "192.0.2.77")
    assert [group["status"] for group in groups(asked)] == ["explained"]
    assert len(world.athenas.asked) == 1
    assert "was not looked at: it would have AWS scan" in asked.err


def test_parquet_is_read_by_the_names_of_columns(world: World) -> None:
    names = ("action", "end", "interface-id", "log-status", "srcaddr", "dstaddr", "pkt-srcaddr", "tcp-flags", "start")
    row = {**world.row(), "pkt-srcaddr": "198.51.100.9", "tcp-flags": "2"}
    path = write_parquet(world.folder / "flow.parquet", names, [{name: row[name] for name in names}] * 3)
    world.athenas.table(world.glue, [path], names)
    (group,) = groups(world.rejects())
    assert (group["source"], group["records"], group["protocol"]) == ("198.51.100.9", 3, "-")


def test_a_result_of_many_pages_is_read_to_its_end_and_counted_once(world: World) -> None:
    world.table([world.row(f"192.0.2.{n}") for n in range(100)])
    world.athenas.page = 7
    asked = world.rejects("--top", "0")
    assert (len(groups(asked)), asked.answer["scanned"]["rejected"]) == (100, 100)
    assert world.server.log.count("GetQueryResults") == 15


def test_filters_leave_out_groups_and_count_their_records(world: World) -> None:
    world.table([world.row("192.0.2.77"), world.row("198.51.100.1"), world.row("2001:db8::1")])
    asked = world.rejects("--source", "192.0.2.0/24", "--source", "2001:db8:1::/48")
    assert [group["source"] for group in groups(asked)] == ["192.0.2.77"]
    assert asked.answer["scanned"]["rejected"] == 3


def test_the_window_is_the_last_hour_unless_one_is_given(world: World) -> None:
    world.table([world.row("192.0.2.1", ago=600), world.row("192.0.2.2", ago=3 * 3600)])
    assert [group["source"] for group in groups(world.rejects())] == ["192.0.2.1"]
    both = world.rejects("--since", "4h")
    assert [group["source"] for group in groups(both)] == ["192.0.2.1", "192.0.2.2"]


def test_beside_a_snapshot_athena_is_read_with_the_credentials_that_there_are(world: World, tmp_path: Path) -> None:
    world.table([world.row()])
    saved = world.run("snapshot", "save", str(tmp_path / "saved"))
    assert saved.status == 0
    asked = world.rejects("--snapshot", str(tmp_path / "saved"))
    assert groups(asked)[0]["status"] == "explained"


# -- questions ---------------------------------------------------------------------------------------------------------


def test_a_question_takes_its_evidence_from_athena(world: World) -> None:
    others = [world.row(f"198.51.100.{n}") for n in range(50)]
    world.table([world.row(srcport=str(40000 + n)) for n in range(3)] + others)
    asked = world.run(SHUT, "--output", "json", "--flow-logs", LOCATION)
    evidence = asked.answer["evidence"]
    assert (asked.status, evidence["status"], evidence["rejected"]) == (1, "confirms", 3)
    assert evidence["sources"] == [LOCATION]
    assert evidence["scanned"]["records"] <= 4, "AWS leaves out what is not asked for"


def test_an_interface_that_is_logged_without_the_flow_is_silence(world: World) -> None:
    world.table([world.row("198.51.100.1")] * 20)
    evidence = world.run(SHUT, "--output", "json", "--flow-logs", LOCATION).answer["evidence"]
    assert (evidence["status"], evidence["scanned"]["records"]) == ("silent", 1)


# -- partitions and what is read ---------------------------------------------------------------------------------------


def partitioned(world: World) -> None:
    """Three days of a projected table in its files, and two of them with sizes in S3."""
    days = [datetime.fromtimestamp(world.now - 86400 * n, UTC).strftime("%Y/%m/%d") for n in (0, 1, 30)]
    paths = []
    for number, day in enumerate(days):
        folder = world.folder / f"region=us-east-1/day={day.replace('/', '-')}"
        folder.mkdir(parents=True)
        paths.append(write_text(folder / "flow.log", DEFAULT.names, [world.row(f"192.0.2.{number}", ago=60)]))
        world.object(f"AWSLogs/1/vpcflowlogs/us-east-1/{day}/flow.log.gz", 3000 if number else 2000)
    form = {"projection.day.format": "yyyy-MM-dd"}  # as the paths of the files can have it
    world.athenas.table(world.glue, paths, DEFAULT.names, keys=PROJECTED_KEYS, parameters={**PROJECTED, **form})


def test_only_the_partitions_of_the_window_are_read(world: World) -> None:
    partitioned(world)
    asked = world.rejects("--since", "30m")
    sources = {group["source"] for group in groups(asked)}
    assert "192.0.2.0" in sources
    assert "192.0.2.2" not in sources, "its partition is of another month, whatever its records say"
    (text,) = world.athenas.asked
    assert '"day" BETWEEN' in text
    assert '"region"' not in text, "every Region is read"


def test_partitions_that_the_catalog_lists_are_bounded_and_counted(world: World) -> None:
    keys = (("year", "string"), ("month", "string"), ("day", "string"))
    paths = []
    for days in (0, 40):
        at = datetime.fromtimestamp(world.now - 86400 * days, UTC)
        folder = world.folder / f"{at:year=%Y/month=%m/day=%d}"
        folder.mkdir(parents=True)
        paths.append(write_text(folder / "flow.log", DEFAULT.names, [world.row(f"192.0.2.{days}", ago=60)]))
        world.object(f"flow/{at:%Y/%m/%d}/flow.log.gz", 1000 if days else 2000)
    world.athenas.table(world.glue, paths, DEFAULT.names, keys=keys, location=f"s3://{BUCKET}/flow")
    for days in (0, 40):
        at = datetime.fromtimestamp(world.now - 86400 * days, UTC)
        place = {"Columns": [], "Location": f"s3://{BUCKET}/flow/{at:%Y/%m/%d}"}
        made = {"Values": [f"{at:%Y}", f"{at:%m}", f"{at:%d}"], "StorageDescriptor": place}
        world.glue.create_partition(DatabaseName="logs", TableName="flow", PartitionInput=made)
    asked = world.rejects("--since", "1m")
    assert [group["source"] for group in groups(asked)] == ["192.0.2.0"]
    assert "up to 2.0 KB" in asked.err
    both = world.rejects("--since", "41d")
    assert "up to 2.9 KB" in both.err
    assert len(groups(both)) == 2


def test_a_view_has_no_size_that_could_be_known(world: World) -> None:
    world.table([world.row()], location="")
    asked = world.rejects()
    assert asked.status == 2
    assert "it is not known how much Athena reads for this (the table has no place in S3)" in asked.err
    assert world.rejects("--max-scan", "none").status == 1


def test_what_is_read_and_its_price_is_told_before_and_after(world: World) -> None:
    world.table([world.row()])
    world.object("AWSLogs/1/flow.log.gz", 5000)
    asked = world.rejects()
    assert "Athena reads up to 4.9 KB for this (less than $0.01)" in asked.err
    assert "Athena read 0 B of the table logs.flow" in asked.err


def test_more_than_the_limit_is_refused_where_nobody_can_be_asked(world: World) -> None:
    world.table([world.row()])
    world.object("AWSLogs/1/flow.log.gz", 5000)
    for words in (("rejects",), (SHUT,)):
        asked = world.run(*words, "--flow-logs", LOCATION, "--output", "json", "--max-scan", "4KB")
        assert (asked.status, asked.out) == (2, "")
        assert "up to 4.9 KB" in asked.err
        assert "the limit is 4.0 KB" in asked.err
        assert "--since" in asked.err
    assert "StartQueryExecution" not in world.server.log
    assert world.rejects("--max-scan", "5KB").status == 1
    assert world.rejects("--max-scan", "none").status == 1


def test_more_than_the_limit_is_asked_for_on_a_terminal(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.table([world.row()])
    world.object("AWSLogs/1/flow.log.gz", 5000)
    command = [sys.executable, "-m", "whyblocked", "rejects", "--flow-logs", LOCATION, "--max-scan", "1KB"]
    environment = world.server.environment()
    declined = on_terminal(command, world.folder, world.folder, typed="\n", **environment)
    assert declined.status == 2
    assert "Read it? [y/N]" in declined.out
    assert "was not read, as you said" in declined.out
    assert "StartQueryExecution" not in world.server.log
    agreed = on_terminal(command, world.folder, world.folder, typed="y\n", **environment)
    assert agreed.status == 1
    assert "192.0.2.77" in agreed.out


def test_sizes_that_may_not_be_listed_are_not_taken_for_nothing(world: World) -> None:
    world.table([world.row()])
    world.server.add("GET /company-flow-logs", 403, "<Error><Code>AccessDenied</Code></Error>")
    asked = world.rejects()
    assert (asked.status, asked.out) == (2, "")
    assert "s3:ListBucket" in asked.err
    assert world.rejects("--max-scan", "none").status == 1


@pytest.mark.parametrize("size", ["", "ten", "10XB", "-1", "1e9"])
def test_a_limit_that_is_no_size_is_refused(world: World, size: str) -> None:
    asked = world.rejects("--max-scan", size)
    assert asked.status == 2
    assert "--max-scan" in asked.err


def test_every_call_is_in_the_policy(world: World) -> None:
    world.table([world.row()])
    world.object("AWSLogs/1/flow.log.gz", 1)
    world.server.log.clear()
    assert world.rejects().status == 1
    names = {action.partition(":")[2] for statement in policy()["Statement"] for action in statement["Action"]}
    assert {call for call in world.server.log if "/" not in call} <= names
    assert {"GetTable", "StartQueryExecution", "GetQueryResults", f"GET /{BUCKET}"} <= set(world.server.log)


# -- what can't be read ------------------------------------------------------------------------------------------------


def test_a_table_that_is_not_there_is_named(world: World) -> None:
    asked = world.rejects()
    assert (asked.status, asked.out) == (2, "")
    assert "there is no table flow in the database logs of the Region us-east-1" in asked.err


def test_a_table_of_something_else_is_named_with_what_it_lacks(world: World) -> None:
    world.glue.create_database(DatabaseInput={"Name": "logs"})
    columns = [{"Name": "srcaddr", "Type": "string"}, {"Name": "eventname", "Type": "string"}]
    table = {"Name": "flow", "StorageDescriptor": {"Columns": columns}}
    world.glue.create_table(DatabaseName="logs", TableInput=table)
    asked = world.rejects()
    assert asked.status == 2
    assert "no column action and no dstaddr or pkt_dstaddr" in asked.err


@pytest.mark.parametrize(
    ("operation", "permission"),
    [
        ("GetTable", "glue:GetTable"),
        ("StartQueryExecution", "athena:StartQueryExecution"),
        ("GetQueryExecution", "athena:GetQueryExecution"),
        ("GetQueryResults", "athena:GetQueryResults"),
    ],
)
def test_a_permission_that_lacks_is_named(world: World, operation: str, permission: str) -> None:
    world.table([world.row()])
    world.server.add(operation, 400, '{"__type":"AccessDeniedException","message":"no"}', JSON_ERROR)
    asked = world.rejects()
    assert asked.status == 3
    assert permission in asked.err
    question = world.run(SHUT, "--output", "json", "--flow-logs", LOCATION)
    assert (question.status, question.verdict) == (1, "blocked"), "the verdict stands without evidence"
    assert f"{permission}: AccessDenied" in question.answer["missing"]


def test_a_workgroup_without_a_place_for_results_says_what_to_do(world: World) -> None:
    world.table([world.row()])
    said = "No output location provided. An output location is required"
    world.server.add(
        "StartQueryExecution", 400, f'{{"__type":"InvalidRequestException","message":"{said}"}}', JSON_ERROR
    )
    asked = world.rejects()
    assert asked.status == 2
    assert "aws athena update-work-group --work-group primary" in asked.err
    assert "--work-group" in asked.err


def test_a_query_that_fails_ends_with_athenas_reason(world: World) -> None:
    world.table([world.row()])
    status = '{"State": "FAILED", "StateChangeReason": "HIVE_BAD_DATA: Error\\nparsing field"}'
    world.server.add("GetQueryExecution", 200, f'{{"QueryExecution": {{"Status": {status}}}}}', JSON_ERROR)
    asked = world.rejects()
    assert asked.status == 4
    assert "Athena's query failed: HIVE_BAD_DATA: Error parsing field" in asked.err
    assert groups(asked) == []


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("ThrottlingException", "too many requests"),
        ("ExpiredTokenException", "does not accept the credentials"),
        ("InternalServerException", "AWS failed"),
    ],
)
def test_what_was_read_before_aws_failed_is_shown_as_incomplete(world: World, code: str, said: str) -> None:
    world.table([world.row(f"192.0.2.{n}") for n in range(10)])
    world.athenas.page = 6
    original, calls = world.server.app, []

    def failing(environ: dict[str, Any], start_response: Any) -> Any:
        if "GetQueryResults" in str(environ.get("HTTP_X_AMZ_TARGET")):
            calls.append(environ)
            if len(calls) > 1:
                status = "500 x" if code.startswith("Internal") else "400 x"
                start_response(status, [("Content-Type", JSON_ERROR)])
                return [json.dumps({"__type": code, "message": "no"}).encode()]
        return original(environ, start_response)

    world.server.app = failing
    try:
        asked = world.rejects(AWS_MAX_ATTEMPTS="1")
    finally:
        world.server.app = original
    assert asked.status == 4
    assert len(groups(asked)) == 5
    assert "incomplete: the table logs.flow was not read to its end" in asked.err
    assert said in asked.err


def test_a_page_that_comes_again_is_not_counted_again_and_is_no_end(world: World) -> None:
    world.table([world.row(f"192.0.2.{n}") for n in range(3)])
    names, rows = world.athenas.engine.run(_statement(world))
    texts: list[list[str | None]] = [[*names], *rows]
    shown = [{"Data": [{} if text is None else {"VarCharValue": text} for text in row]} for row in texts]
    page = {"ResultSet": {"Rows": shown}, "NextToken": "again"}
    world.server.add("GetQueryResults", 200, json.dumps(page), JSON_ERROR)
    asked = world.rejects()
    assert (asked.status, asked.answer["scanned"]["rejected"]) == (4, 3)
    assert "the same page of the result twice" in asked.err


def _statement(world: World) -> str:
    """What Athena is asked."""
    world.rejects()
    return world.athenas.asked[-1]


def test_a_query_whose_end_is_not_seen_is_stopped(world: World) -> None:
    world.table([world.row()])
    world.server.add("GetQueryExecution", 500, '{"__type":"InternalServerException"}', JSON_ERROR)
    asked = world.rejects(AWS_MAX_ATTEMPTS="1")
    assert asked.status == 4
    assert world.server.log.count("StopQueryExecution") == 1


def test_ctrl_c_stops_the_query(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    world.table([world.row()])
    world.server.add("GetQueryExecution", 200, '{"QueryExecution": {"Status": {"State": "RUNNING"}}}', JSON_ERROR)
    monkeypatch.setattr("whyblocked.flowlogs.athena.time.sleep", interrupted)
    asked = world.rejects()
    assert (asked.status, asked.out) == (130, "")
    assert world.server.log.count("StopQueryExecution") == 1


def test_a_query_that_takes_its_time_is_waited_for(world: World) -> None:
    world.table([world.row()])
    running = '{"QueryExecution": {"Status": {"State": "QUEUED"}}}'
    world.server.add("GetQueryExecution", 200, running, JSON_ERROR, times=2)
    assert world.rejects().status == 1
    assert world.server.log.count("GetQueryExecution") == 3
