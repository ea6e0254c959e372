"""Load balancers of a live account: what a question asks for, and that its snapshot answers the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import boto3
import pytest

from tests.live.company import APP, BATCH, Company, backend
from tests.live.test_rounds import assert_few_calls
from tests.moto_server import REGION
from whyblocked.api import Session, live, snapshot
from whyblocked.config.live import Live
from whyblocked.config.save import save_snapshot
from whyblocked.diagnosis.answer import Answer
from whyblocked.errors import EndpointError, UndeterminedError
from whyblocked.question.grammar import parse


@pytest.fixture(scope="module")
def _balanced(_in_process: Company) -> str:
    """``shop`` before app, internal, with the interface of one node listed; and ``old``, Classic, before batch."""
    made = _in_process
    elbv2: Any = boto3.client("elbv2", region_name=REGION)
    balancer = elbv2.create_load_balancer(
        Name="shop", Subnets=[made.public, made.private], SecurityGroups=[made.web_group], Scheme="internal"
    )["LoadBalancers"][0]
    arn = balancer["LoadBalancerArn"]
    node = made.ec2.create_network_interface(
        SubnetId=made.public,
        PrivateIpAddress="10.0.1.50",
        Groups=[made.web_group],
        Description=f"ELB {arn.partition(':loadbalancer/')[2]}",
    )
    backend().enis[node["NetworkInterface"]["NetworkInterfaceId"]].status = "in-use"
    group = elbv2.create_target_group(Name="app", Protocol="HTTP", Port=8080, VpcId=made.vpc)["TargetGroups"][0]
    elbv2.register_targets(TargetGroupArn=group["TargetGroupArn"], Targets=[{"Id": APP}])
    forward = [{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}]
    elbv2.create_listener(LoadBalancerArn=arn, Protocol="HTTP", Port=443, DefaultActions=forward)
    elb: Any = boto3.client("elb", region_name=REGION)
    listener = {"Protocol": "TCP", "LoadBalancerPort": 443, "InstancePort": 8080}
    elb.create_load_balancer(
        LoadBalancerName="old",
        Listeners=[listener],
        Subnets=[made.public, made.private],
        SecurityGroups=[made.web_group],
        Scheme="internal",
    )
    elb.register_instances_with_load_balancer(LoadBalancerName="old", Instances=[{"InstanceId": BATCH}])
    for number in range(5):
        elbv2.create_load_balancer(Name=f"another-{number}", Subnets=[made.public])
    return str(balancer["DNSName"])


@pytest.fixture
def host(company: Company, _balanced: str) -> str:
    """The DNS name of ``shop``."""
    return _balanced


def explained(question: str) -> tuple[Answer, Live]:
    account = live()
    answer = Session(account).explain(parse(question))
    return answer, cast(Live, account.source)


@pytest.mark.parametrize("name", ["shop", "{host}", "10.0.1.50"])
def test_a_load_balancer_is_found_and_its_targets_walked_in_filtered_calls(host: str, name: str) -> None:
    answer, source = explained(f"app -> {name.format(host=host)}:443")
    assert (answer.verdict, answer.missing) == ("allowed", [])
    assert source.waves <= 6, source.calls
    assert_few_calls(source)


def test_the_calls_do_not_grow_with_what_else_there_is(host: str) -> None:
    _, source = explained("app -> shop:443")
    asked = [parameters for name, parameters in source.calls if name == "DescribeLoadBalancers"]
    assert asked == [{"Names": ["app"]}, {"Names": ["shop"]}]
    assert len([name for name, _ in source.calls if name == "DescribeTargetHealth"]) == 1


def test_a_classic_one_that_has_a_stopped_instance(host: str) -> None:
    answer, source = explained("app -> old:443")
    assert (answer.verdict, answer.missing) == ("blocked", [])
    assert {finding.code for finding in answer.blocked_by} == {"BAD_STATE"}
    assert_few_calls(source)


@pytest.mark.parametrize("question", ["app -> shop:443", "app -> shop:80", "app -> old:443", "app -> 10.0.1.50:443"])
def test_a_snapshot_answers_as_the_live_account(host: str, question: str, tmp_path: Path) -> None:
    (saved,) = save_snapshot(tmp_path, cast(Live, live().source))
    assert not [reason for reason in saved.skipped if reason.startswith("elasticloadbalancing")]
    answer, _ = explained(question)
    assert Session(snapshot(tmp_path)).explain(parse(question)) == answer


def test_a_name_that_nothing_has_is_not_found_and_not_undetermined(host: str) -> None:
    with pytest.raises(EndpointError, match="nothing is called 'nobody'"):
        explained("app -> nobody:443")
    with pytest.raises((EndpointError, UndeterminedError), match="no load balancer gone-1"):
        explained(f"app -> gone-1.{REGION}.elb.amazonaws.com:443")
