"""Whole runs: what they may need of IAM, many questions on one load, and an endpoint with many gaps."""

from __future__ import annotations

import fnmatch
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import moto.settings
import pytest
from botocore.exceptions import ClientError

from tests.cli.programs import program
from tests.live.asking import Ask, Asked, run
from tests.live.company import WEB, Company
from tests.live.test_evidence_of_accounts import flow_log, record
from tests.live.test_stories import REGIONS
from tests.moto_server import Overlay

KEYS: Any = {"region_name": "us-east-1", "aws_access_key_id": "testing", "aws_secret_access_key": "testing"}


def printed_policy() -> Any:
    done = program("iam-policy")
    assert (done.status, done.err) == (0, "")
    return json.loads(done.out)


# -- the policy ------------------------------------------------------------------------------------------------------


def test_every_call_of_real_runs_is_in_the_policy(
    server: Overlay, ask: Ask, served: Company, tmp_path: Path, now: int
) -> None:
    actions = [action for statement in printed_policy()["Statement"] for action in statement["Action"]]
    eni = served.web_interface
    with flow_log(server, served, "vpc-flow") as logged:
        logged.put(eni, now - 600, record(eni, "192.0.2.77", "10.0.1.10", (40000, 22), "REJECT", now - 600))
        server.log.clear()
        assert run(server, "192.0.2.77 -> i-abc:22", "--output", "json").answer["evidence"]["status"] == "confirms"
    for question in ("app -> internet:443", "app -> database:5432", "{app_ipv6} -> [2001:db8::5]:443", "web-1 -> app"):
        assert ask(served.fill(question)).status in (0, 1)
    server.add("DescribeRegions", 200, REGIONS)
    assert ask("203.0.113.5 -> i-f00:22").status == 2
    assert run(server, "snapshot", "save", str(tmp_path / "snap")).status == 0
    of_paths = {call for call in server.log if "/" in call}  # services whose calls have no name on the wire
    called = set(server.log) - of_paths - {"DeleteFlowLogs", "DeleteLogGroup"}
    assert {"FilterLogEvents", "DescribeRegions", "DescribeNatGateways", "DescribeDBInstances"} <= called
    names = [action.partition(":")[2] for action in actions]
    assert [name for name in called if not any(fnmatch.fnmatchcase(name, pattern) for pattern in names)] == []


@pytest.fixture
def oncall(server: Overlay, served: Company, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """The keys of a user who has the printed policy and nothing else, while the server enforces policies."""
    iam = boto3.client("iam", endpoint_url=server.url, **KEYS)
    iam.create_user(UserName="oncall")
    key = iam.create_access_key(UserName="oncall")["AccessKey"]
    iam.put_user_policy(UserName="oncall", PolicyName="whyblocked", PolicyDocument=json.dumps(printed_policy()))
    monkeypatch.setattr(moto.settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0.0)
    return key["AccessKeyId"], key["SecretAccessKey"]


def test_the_printed_policy_is_enough(
    server: Overlay, served: Company, oncall: tuple[str, str], tmp_path: Path
) -> None:
    def as_oncall(*arguments: str) -> Asked:
        return run(server, *arguments, AWS_ACCESS_KEY_ID=oncall[0], AWS_SECRET_ACCESS_KEY=oncall[1])

    asked = as_oncall("app -> 192.0.2.77:443", "--output", "json")
    assert (asked.status, asked.verdict, asked.answer["missing"]) == (0, "allowed", [])
    saved = as_oncall("snapshot", "save", str(tmp_path / "snap"))
    assert saved.status == 0
    told = {line.split()[2].partition(":")[0] for line in saved.err.splitlines()}
    assert told <= {"es", "elasticfilesystem", "kafka", "lambda"}  # moto knows these services' actions by other names
    with pytest.raises(ClientError, match="UnauthorizedOperation"):  # so the server did look at the policy
        boto3.client(
            "ec2",
            region_name="us-east-1",
            endpoint_url=server.url,
            aws_access_key_id=oncall[0],
            aws_secret_access_key=oncall[1],
        ).describe_key_pairs()


# -- many questions ----------------------------------------------------------------------------------------------------


LINES = [
    "203.0.113.5 -> i-abc:22 allowed",
    "192.0.2.77 -> i-abc:22 blocked",
    "web-1 -> app:8080",
    "203.0.113.5 -> kiosk:443 partial",
    "app -> internet:443 allowed # through the NAT gateway",
    "app -> batch:22 allowed",
    "203.0.113.5 -> nobody:22",
    "what is this",
]


def check(server: Overlay, folder: Path, *lines: str) -> tuple[int, list[Any], str]:
    file = folder / "questions"
    file.write_text("\n".join(lines))
    server.log.clear()
    asked = run(server, "check", str(file), "--output", "json")
    return asked.status, [json.loads(line) for line in asked.out.splitlines()], asked.err


def test_a_file_of_questions_is_answered_line_by_line(server: Overlay, served: Company, tmp_path: Path) -> None:
    status, answers, told = check(server, tmp_path, *LINES)
    assert status == 2
    assert [answer["line"] for answer in answers] == list(range(1, 9))
    assert [answer.get("holds") for answer in answers] == [True, True, None, True, True, False, None, None]
    assert [answer.get("verdict", "error") for answer in answers] == [
        "allowed",
        "blocked",
        "allowed",
        "partial",
        "allowed",
        "blocked",
        "error",
        "error",
    ]
    assert answers[0]["question"]["destination"] == WEB
    assert [line.split(":")[1] for line in told.splitlines()] == [" line 7", " line 8"]


def test_one_load_serves_every_line(server: Overlay, served: Company, tmp_path: Path) -> None:
    status, once, _ = check(server, tmp_path, *LINES[:5])
    calls = sorted(server.log)
    again, twice, _ = check(server, tmp_path, *LINES[:5], *LINES[:5])
    assert (status, again) == (0, 0)
    assert sorted(server.log) == calls
    assert [{**answer, "line": 0} for answer in twice[5:]] == [{**answer, "line": 0} for answer in once]
    _, (alone,), _ = check(server, tmp_path, LINES[0])
    assert alone == once[0]
    assert calls.count("DescribeRouteTables") == 1
    assert "FilterLogEvents" not in calls


def test_credentials_that_run_out_end_the_check(server: Overlay, served: Company, tmp_path: Path) -> None:
    server.refuse("DescribeVpcs", "ExpiredToken")
    status, answers, told = check(server, tmp_path, *LINES)
    assert (status, answers) == (4, [])
    assert "sign in again" in told
    assert told.count("\n") == 1


# -- moto as it comes --------------------------------------------------------------------------------------------------


PLAIN = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


@pytest.fixture
def plain() -> Iterator[Overlay]:
    """moto without the mendings of these tests, in a process of its own: most of AWS's newer calls are not there."""
    process = subprocess.Popen(
        [sys.executable, "-c", PLAIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Overlay(url=f"http://127.0.0.1:{int(process.stdout.readline())}")
    finally:
        process.stdin.close()
        process.wait(timeout=20)
        process.stdout.close()


def test_an_endpoint_with_gaps_answers_and_says_which(plain: Overlay) -> None:
    ec2: Any = boto3.client("ec2", endpoint_url=plain.url, **KEYS)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    (table,) = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    ec2.create_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    group = ec2.create_security_group(GroupName="web", Description="web", VpcId=vpc)["GroupId"]
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "203.0.113.0/24"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    placed = {
        "DeviceIndex": 0,
        "SubnetId": subnet,
        "Groups": [group],
        "PrivateIpAddress": "10.0.1.10",
        "AssociatePublicIpAddress": True,
    }
    (made,) = ec2.run_instances(ImageId="ami-1e749f67", MinCount=1, MaxCount=1, NetworkInterfaces=[placed])["Instances"]
    instance = made["InstanceId"]
    allowed = run(plain, f"203.0.113.5 -> {instance}:22", "--output", "json")
    assert (allowed.status, allowed.verdict, allowed.err) == (0, "allowed", "")
    assert any("DescribeVpcBlockPublicAccessOptions: not offered" in text for text in allowed.answer["warnings"])
    blocked = run(plain, f"192.0.2.77 -> {instance}:22")
    assert blocked.status == 1
    assert group in blocked.out
