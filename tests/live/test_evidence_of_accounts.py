"""Flow logs as an account has them: found by the program itself, read, and weighed against the rules."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest

from tests.live.asking import Asked, run
from tests.live.company import Company
from tests.moto_server import ACCOUNT, Overlay

OPEN, SHUT = "203.0.113.5 -> i-abc:22", "192.0.2.77 -> i-abc:22"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/flow-logs"
REFUSED = '{"__type":"AccessDeniedException","message":"refused by a test"}'


class Logged(NamedTuple):
    """A log group that flow logs deliver to."""

    group: str
    logs: Any

    def put(self, interface: str, start: int, *messages: str) -> None:
        """Deliver records of an interface."""
        stream = f"{interface}-all"
        self.logs.create_log_stream(logGroupName=self.group, logStreamName=stream)
        events = [{"timestamp": start * 1000, "message": message} for message in messages]
        self.logs.put_log_events(logGroupName=self.group, logStreamName=stream, logEvents=events)


def record(interface: str, source: str, destination: str, ports: tuple[int, int], action: str, start: int) -> str:
    """One in the default format."""
    end = start + 50
    return f"2 {ACCOUNT} {interface} {source} {destination} {ports[0]} {ports[1]} 6 3 180 {start} {end} {action} OK"


@contextmanager
def flow_log(server: Overlay, company: Company, group: str, **settings: Any) -> Iterator[Logged]:
    """A flow log of the company's VPC into a log group."""
    keys: Any = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    logs = boto3.client("logs", region_name="us-east-1", endpoint_url=server.url, **keys)
    logs.create_log_group(logGroupName=group)
    asked: Any = {
        "ResourceIds": [company.vpc],
        "ResourceType": "VPC",
        "TrafficType": "ALL",
        "LogDestinationType": "cloud-watch-logs",
        "LogGroupName": group,
        "DeliverLogsPermissionArn": ROLE,
        **settings,
    }
    made = company.ec2.create_flow_logs(**asked)["FlowLogIds"]
    server.log.clear()
    try:
        yield Logged(group, logs)
    finally:
        company.ec2.delete_flow_logs(FlowLogIds=made)
        logs.delete_log_group(logGroupName=group)


@pytest.fixture
def logged(server: Overlay, served: Company) -> Iterator[Logged]:
    with flow_log(server, served, "vpc-flow") as found:
        yield found


def as_json(server: Overlay, question: str, *options: str) -> Asked:
    asked = run(server, question, "--output", "json", *options)
    assert asked.err == ""
    return asked


# -- the account's own flow logs -------------------------------------------------------------------------------------


def test_rejected_records_confirm_a_block(server: Overlay, served: Company, logged: Logged, now: int) -> None:
    eni = served.web_interface
    start = now - 600
    logged.put(
        eni,
        start,
        *(record(eni, "192.0.2.77", "10.0.1.10", (40000 + n, 22), "REJECT", start) for n in range(3)),
        record(eni, "198.51.100.99", "10.0.1.10", (40000, 22), "REJECT", start),  # someone else's
    )
    asked = as_json(server, SHUT)
    evidence = asked.answer["evidence"]
    assert (asked.status, evidence["status"]) == (1, "confirms")
    assert (evidence["rejected"], evidence["accepted"], evidence["packets"]) == (3, 0, 9)
    assert evidence["sources"] == ["cloudwatch:vpc-flow"]
    assert server.log.count("DescribeFlowLogs") == 1
    report = run(server, SHUT)
    assert "the flow logs confirm this" in report.out
    assert "3 rejected (9 packets" in report.out


def test_rejected_records_contradict_rules_that_allow(
    server: Overlay, served: Company, logged: Logged, now: int
) -> None:
    eni = served.web_interface
    logged.put(eni, now - 600, record(eni, "203.0.113.5", "10.0.1.10", (40000, 22), "REJECT", now - 600))
    asked = as_json(server, OPEN)
    assert (asked.status, asked.verdict) == (0, "allowed"), "evidence warns, the rules decide"
    assert asked.answer["evidence"]["status"] == "contradicts"
    report = run(server, OPEN)
    assert report.status == 0
    assert "CONTRADICT" in report.out


def test_accepted_records_contradict_a_block(server: Overlay, served: Company, logged: Logged, now: int) -> None:
    eni = served.web_interface
    logged.put(eni, now - 600, record(eni, "192.0.2.77", "10.0.1.10", (40000, 22), "ACCEPT", now - 600))
    asked = as_json(server, SHUT)
    assert (asked.status, asked.answer["evidence"]["status"]) == (1, "contradicts")


def test_records_of_others_alone_are_silence(server: Overlay, served: Company, logged: Logged, now: int) -> None:
    eni = served.web_interface
    logged.put(eni, now - 600, record(eni, "203.0.113.99", "10.0.1.10", (40000, 443), "ACCEPT", now - 600))
    evidence = as_json(server, OPEN).answer["evidence"]
    assert (evidence["status"], evidence["records"]) == ("silent", 0)
    assert evidence["scanned"]["records"] == 1


def test_records_from_before_the_window_are_not_read(
    server: Overlay, served: Company, logged: Logged, now: int
) -> None:
    eni, start = served.web_interface, now - 3 * 3600
    logged.put(eni, start, record(eni, "192.0.2.77", "10.0.1.10", (40000, 22), "REJECT", start))
    assert as_json(server, SHUT).answer["evidence"]["status"] == "silent"
    assert as_json(server, SHUT, "--since", "4h").answer["evidence"]["status"] == "confirms"
    assert as_json(server, SHUT, "--since", "4h", "--until", "3h").answer["evidence"]["rejected"] == 1


def test_a_format_of_its_own_is_taken_from_the_flow_log(server: Overlay, served: Company, now: int) -> None:
    form = "${action} ${dstport} ${srcport} ${dstaddr} ${srcaddr} ${protocol} ${interface-id} ${start} ${end}"
    start = now - 600
    with flow_log(server, served, "custom", LogFormat=form) as logged:
        eni = served.web_interface
        logged.put(eni, start, f"REJECT 22 40000 10.0.1.10 192.0.2.77 6 {eni} {start} {start + 9}")
        evidence = as_json(server, SHUT).answer["evidence"]
    assert (evidence["status"], evidence["rejected"], evidence["scanned"]["malformed"]) == ("confirms", 1, 0)


def test_a_nat_gateway_shows_packets_on_both_sides(server: Overlay, served: Company, logged: Logged, now: int) -> None:
    start = now - 600
    app, nat = served.app_interface, served.nat_interface
    logged.put(app, start, record(app, "10.0.2.20", "192.0.2.77", (40000, 443), "ACCEPT", start))
    logged.put(
        nat,
        start,
        record(nat, "10.0.2.20", "10.0.1.200", (40000, 443), "ACCEPT", start),
        record(nat, "10.0.1.200", "192.0.2.77", (50000, 443), "ACCEPT", start),
    )
    evidence = as_json(server, "app -> 192.0.2.77:443").answer["evidence"]
    assert evidence["status"] == "confirms"
    seen = [(row["interface_id"], row["direction"]) for row in evidence["seen"] if row["accepted"]]
    assert seen == [(app, "egress"), (nat, "ingress"), (nat, "egress")]


def test_a_flow_log_of_the_interface_alone_is_found(server: Overlay, served: Company, now: int) -> None:
    eni = served.web_interface
    with flow_log(server, served, "one", ResourceIds=[eni], ResourceType="NetworkInterface") as logged:
        logged.put(eni, now - 600, record(eni, "192.0.2.77", "10.0.1.10", (40000, 22), "REJECT", now - 600))
        assert as_json(server, SHUT).answer["evidence"]["status"] == "confirms"
        assert as_json(server, "web-1 -> app:22").answer["evidence"]["status"] == "silent"


# -- what can't be read ----------------------------------------------------------------------------------------------


def test_without_a_flow_log_the_command_for_one_is_given(server: Overlay, served: Company) -> None:
    evidence = as_json(server, SHUT).answer["evidence"]
    assert evidence["status"] == "unavailable"
    assert evidence["enable_command"].startswith("aws ec2 create-flow-logs ")
    assert served.web_interface in evidence["enable_command"]
    assert "FilterLogEvents" not in server.log


def test_records_that_may_not_be_read_name_the_permission(server: Overlay, served: Company, logged: Logged) -> None:
    server.add("FilterLogEvents", 400, REFUSED, "application/x-amz-json-1.1")
    asked = as_json(server, SHUT)
    assert (asked.status, asked.verdict) == (1, "blocked"), "the verdict stands without evidence"
    assert asked.answer["evidence"]["status"] == "unavailable"
    assert asked.answer["missing"] == ["logs:FilterLogEvents: AccessDenied"]


def test_flow_logs_that_may_not_be_listed_name_the_permission(server: Overlay, served: Company) -> None:
    server.refuse("DescribeFlowLogs", "UnauthorizedOperation")
    asked = as_json(server, OPEN)
    assert (asked.status, asked.verdict) == (0, "allowed")
    assert asked.answer["missing"] == ["ec2:DescribeFlowLogs: AccessDenied"]
    assert asked.answer["evidence"]["enable_command"] is None


def test_logs_that_fail_leave_the_answer_as_it_is(server: Overlay, served: Company, logged: Logged) -> None:
    server.add("FilterLogEvents", 500, "<html>Internal Server Error</html>", "text/html")
    asked = run(server, OPEN, "--output", "json", AWS_MAX_ATTEMPTS="1")
    assert (asked.status, asked.verdict, asked.answer["evidence"]["status"]) == (0, "allowed", "unavailable")


def test_no_flow_logs_asks_for_none(server: Overlay, served: Company, logged: Logged) -> None:
    asked = as_json(server, SHUT, "--no-flow-logs")
    assert asked.answer["evidence"]["status"] == "unavailable"
    assert not {"DescribeFlowLogs", "FilterLogEvents", "DescribeLogGroups"} & set(server.log)


# -- records that the user names ---------------------------------------------------------------------------------------


def test_files_of_records_are_read_without_asking_for_flow_logs(
    server: Overlay, served: Company, tmp_path: Path, now: int
) -> None:
    eni, start = served.web_interface, now - 90000
    text = record(eni, "192.0.2.77", "10.0.1.10", (40000, 22), "REJECT", start) + "\n"
    plain, packed = tmp_path / "flow.log", tmp_path / "flow.log.gz"
    plain.write_text(text)
    packed.write_bytes(gzip.compress(text.encode()))
    for file in (plain, packed):
        asked = as_json(server, SHUT, "--flow-logs", str(file))
        evidence = asked.answer["evidence"]
        assert (evidence["status"], evidence["rejected"], evidence["sources"]) == ("confirms", 1, [str(file)])
    assert not {"DescribeFlowLogs", "FilterLogEvents"} & set(server.log)
    both = as_json(server, SHUT, "--flow-logs", str(plain), "--flow-logs", str(packed)).answer["evidence"]
    assert (both["rejected"], both["scanned"]["records"]) == (1, 2), "the same record twice counts once"


def test_a_log_group_that_the_user_names_is_read(server: Overlay, served: Company, logged: Logged, now: int) -> None:
    eni = served.web_interface
    logged.put(eni, now - 600, record(eni, "192.0.2.77", "10.0.1.10", (40000, 22), "REJECT", now - 600))
    evidence = as_json(server, SHUT, "--flow-logs", "cloudwatch:vpc-flow").answer["evidence"]
    assert (evidence["status"], evidence["rejected"]) == ("confirms", 1)
    gone = run(server, SHUT, "--output", "json", "--flow-logs", "cloudwatch:nowhere")
    assert (gone.status, gone.out) == (2, "")
    assert "nowhere does not exist" in gone.err
