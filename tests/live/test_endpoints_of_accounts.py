"""VPC endpoints, services and firewalls of a live account: the same answers as its snapshot, and few calls."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest

from tests import moto_fixups
from tests.config import cloud
from whyblocked.api import Session, live
from whyblocked.config.live import Live, live_account
from whyblocked.config.save import save_snapshot
from whyblocked.config.snapshot import load_snapshot
from whyblocked.diagnosis.answer import Answer
from whyblocked.question.grammar import parse

S3 = "com.amazonaws.us-east-1.s3"


class Made(NamedTuple):
    """The account of :mod:`tests.config.cloud` with a table for its subnet, and what a test adds to."""

    ec2: Any
    vpc: str
    subnet: str
    group: str
    table: str
    gateway: str


@pytest.fixture
def made(aws: None) -> Iterator[Made]:
    things = cloud.build()
    table = things.ec2.create_route_table(VpcId=things.vpc)["RouteTable"]["RouteTableId"]
    things.ec2.associate_route_table(RouteTableId=table, SubnetId=things.subnet)
    (gateway,) = things.ec2.describe_internet_gateways()["InternetGateways"]
    yield Made(things.ec2, things.vpc, things.subnet, things.group, table, gateway["InternetGatewayId"])
    moto_fixups.firewalls.clear()


def explained(question: str) -> tuple[Answer, Live]:
    account = live()
    answer = Session(account).explain(parse(question))
    return answer, cast(Live, account.source)


def same_of_its_snapshot(answer: Answer, question: str, folder: Path) -> bool:
    save_snapshot(folder, cast(Live, live_account().source))
    again = Session(load_snapshot(folder)).explain(parse(question))
    return (again.verdict, again.blocked_by, again.forward, again.return_, again.missing) == (
        answer.verdict,
        answer.blocked_by,
        answer.forward,
        answer.return_,
        answer.missing,
    )


def test_s3_through_a_gateway_endpoint(made: Made, tmp_path: Path) -> None:
    before, _ = explained("web -> s3:443")
    assert (before.verdict, before.question.destination) == ("blocked", S3)
    made.ec2.create_vpc_endpoint(VpcId=made.vpc, ServiceName=S3, RouteTableIds=[made.table], VpcEndpointType="Gateway")
    answer, source = explained("web -> s3:443")
    assert (answer.verdict, answer.missing) == ("allowed", [])
    assert "vpc-endpoint" in [hop.kind for hop in answer.forward]
    assert source.waves <= 4, source.calls
    assert same_of_its_snapshot(answer, "web -> s3:443", tmp_path)


def test_an_interface_endpoint_by_its_services_name(made: Made, tmp_path: Path) -> None:
    endpoint = made.ec2.create_vpc_endpoint(
        VpcId=made.vpc,
        ServiceName="com.amazonaws.us-east-1.sqs",
        VpcEndpointType="Interface",
        SubnetIds=[made.subnet],
        SecurityGroupIds=[made.group],
        PrivateDnsEnabled=True,
    )["VpcEndpoint"]
    question = "web -> sqs.us-east-1.amazonaws.com:443"
    answer, source = explained(question)
    assert (answer.verdict, answer.question.destination) == ("blocked", endpoint["VpcEndpointId"])
    assert [finding.layer for finding in answer.blocked_by] == ["security-group"]
    assert source.waves <= 5, source.calls  # the last for a prefix list that came close in another port
    assert same_of_its_snapshot(answer, question, tmp_path)
    for name in (endpoint["VpcEndpointId"], endpoint["VpcEndpointId"][:12]):
        assert explained(f"web -> {name}:443")[0].question.destination == endpoint["VpcEndpointId"]


def test_a_firewall_on_the_way_out(made: Made, tmp_path: Path) -> None:
    guard = made.ec2.create_subnet(VpcId=made.vpc, CidrBlock="10.0.2.0/28")["Subnet"]["SubnetId"]
    endpoint = made.ec2.create_vpc_endpoint(
        VpcId=made.vpc,
        ServiceName="com.amazonaws.vpce.us-east-1.vpce-svc-0a1b2c3d4e5f60718",
        VpcEndpointType="GatewayLoadBalancer",
        SubnetIds=[guard],
    )["VpcEndpoint"]["VpcEndpointId"]
    arn = moto_fixups.add_firewall(
        "egress", made.vpc, {guard: endpoint}, 'drop tcp any any -> any 443 (msg:"no web"; sid:7; rev:1;)'
    )
    made.ec2.create_tags(Resources=[endpoint], Tags=[{"Key": "Firewall", "Value": arn}])
    made.ec2.create_route(RouteTableId=made.table, DestinationCidrBlock="0.0.0.0/0", VpcEndpointId=endpoint)
    table = made.ec2.create_route_table(VpcId=made.vpc)["RouteTable"]["RouteTableId"]
    made.ec2.associate_route_table(RouteTableId=table, SubnetId=guard)
    made.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=made.gateway)
    question = "web -> 192.0.2.80:443"
    answer, source = explained(question)
    assert answer.verdict == "blocked"
    assert "FIREWALL_RULES_RESTRICTION" in [finding.code for finding in answer.blocked_by]
    assert {name for name, _ in source.calls} >= {"DescribeVpcEndpoints", "DescribeFirewall", "DescribeRuleGroup"}
    assert "ListFirewalls" not in {name for name, _ in source.calls}  # the endpoint's tag says which one
    assert same_of_its_snapshot(answer, question, tmp_path)
