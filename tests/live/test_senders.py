"""A block of addresses as the source, asked live: who can send from it, in calls that do not grow with who is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, cast

import boto3
import pytest

from tests.live.accounts import run
from tests.live.company import permission
from whyblocked.api import Session, live, snapshot
from whyblocked.config.live import Live
from whyblocked.config.save import save_snapshot
from whyblocked.diagnosis.answer import Answer
from whyblocked.question.grammar import parse

QUESTION = "10.0.0.0/16 -> 10.0.1.10:5432"


class Crowd(NamedTuple):
    """Where more instances can be put."""

    ec2: Any
    subnet: str
    group: str


@pytest.fixture
def crowd(aws: None) -> Crowd:
    """A database that all of the VPC may reach, an endpoint, and a host that is stopped."""
    ec2: Any = boto3.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="db", Description="db", VpcId=vpc)["GroupId"]
    rule: Any = permission("tcp", 5432, cidr="10.0.0.0/16")
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    run(ec2, "db", subnet, "10.0.1.10", group)
    asleep = run(ec2, "asleep", subnet, "10.0.1.11", group)
    ec2.stop_instances(InstanceIds=[asleep])
    ec2.create_vpc_endpoint(
        VpcId=vpc,
        ServiceName="com.amazonaws.us-east-1.sqs",
        VpcEndpointType="Interface",
        SubnetIds=[subnet],
        SecurityGroupIds=[group],
    )
    return Crowd(ec2, subnet, group)


def asked(question: str = QUESTION) -> tuple[Answer, Live]:
    account = live()
    answer = Session(account).explain(parse(question))
    return answer, cast(Live, account.source)


def test_who_sends_nothing_is_left_out_live_as_from_the_saved_account(crowd: Crowd, tmp_path: Path) -> None:
    answer, source = asked()
    assert (answer.verdict, answer.blocked_by, answer.missing) == ("allowed", [], [])
    (left_out,) = [warning for warning in answer.warnings if warning.startswith("Left out of")]
    assert all(words in left_out for words in ("VPC endpoint", "stopped"))
    save_snapshot(tmp_path, source)
    saved = Session(snapshot(tmp_path)).explain(parse(QUESTION))
    assert (saved.verdict, saved.forward, saved.warnings) == (answer.verdict, answer.forward, answer.warnings)


def test_a_larger_crowd_takes_no_more_calls(crowd: Crowd) -> None:
    _, before = asked()
    for number in range(20, 40):
        run(crowd.ec2, f"host-{number}", crowd.subnet, f"10.0.1.{number}", crowd.group)
    answer, after = asked()
    assert answer.verdict == "allowed"
    assert len(after.calls) == len(before.calls)
