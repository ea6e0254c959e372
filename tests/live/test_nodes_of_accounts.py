"""Addresses in another account that are a load balancer's node or a VPC endpoint's: asked about there, not at home."""

from __future__ import annotations

from typing import Any, cast

import boto3
import pytest
from moto.backends import get_backend

from tests.live.accounts import PATTERN, REPORTS, World, keys_of
from tests.live.company import permission
from tests.moto_server import REGION
from whyblocked.api import Session, live
from whyblocked.config.live import Live
from whyblocked.diagnosis.answer import Answer
from whyblocked.question.grammar import parse


def asked(question: str) -> tuple[Answer, Live]:
    account = live(role=PATTERN)
    return Session(account).explain(parse(question)), cast(Live, account.source)


class Far:
    """What the reports team has beside its database: made once, as the accounts are the module's."""

    def __init__(self, world: World) -> None:
        self.ec2 = world.clients["reports"]
        self.vpc = world.vpcs["reports"]
        (subnet,) = self.ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [self.vpc]}])["Subnets"]
        self.subnet = subnet["SubnetId"]
        self.host = world.hosts["reports"]
        rules = [permission("tcp", port, cidr="10.0.0.0/16") for port in (80, 443)]
        self.group = self.ec2.create_security_group(GroupName="front", Description="front", VpcId=self.vpc)["GroupId"]
        self.ec2.authorize_security_group_ingress(GroupId=self.group, IpPermissions=rules)
        self.ec2.authorize_security_group_ingress(
            GroupId=world.groups["reports"], IpPermissions=[permission("tcp", 5432, cidr="10.9.1.0/24")]
        )

    def client(self, service: str) -> Any:
        name: Any = service
        return boto3.client(name, region_name=REGION, **keys_of(REPORTS))

    def interface(self, address: str, description: str) -> str:
        made = self.ec2.create_network_interface(
            SubnetId=self.subnet, PrivateIpAddress=address, Groups=[self.group], Description=description
        )["NetworkInterface"]["NetworkInterfaceId"]
        backends: Any = get_backend("ec2")
        backends[REPORTS][REGION].enis[made].status = "in-use"
        return str(made)

    def balancer(self, **settings: Any) -> str:
        return str(
            self.client("elbv2").create_load_balancer(
                Subnets=[self.subnet], SecurityGroups=[self.group], Scheme="internal", **settings
            )["LoadBalancers"][0]["LoadBalancerArn"]
        )


@pytest.fixture(scope="module")
def far(_world: World) -> Far:
    made = Far(_world)
    elbv2, arn = made.client("elbv2"), made.balancer(Name="front")
    group = elbv2.create_target_group(Name="db", Protocol="HTTP", Port=5432, VpcId=made.vpc)["TargetGroups"][0]
    elbv2.register_targets(TargetGroupArn=group["TargetGroupArn"], Targets=[{"Id": made.host}])
    forward = [{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}]
    elbv2.create_listener(LoadBalancerArn=arn, Protocol="HTTP", Port=80, DefaultActions=forward)
    made.interface("10.9.1.80", f"ELB {arn.partition(':loadbalancer/')[2]}")
    listener = {"Protocol": "TCP", "LoadBalancerPort": 80, "InstancePort": 5432}
    elb = made.client("elb")
    elb.create_load_balancer(
        LoadBalancerName="old",
        Listeners=[listener],
        Subnets=[made.subnet],
        SecurityGroups=[made.group],
        Scheme="internal",
    )
    elb.register_instances_with_load_balancer(LoadBalancerName="old", Instances=[{"InstanceId": made.host}])
    made.interface("10.9.1.81", "ELB old")
    return made


@pytest.fixture
def namesakes(world: World) -> None:
    """Load balancers of the first account with the same names, which listen on nothing."""
    ec2 = world.clients["app"]
    (subnet,) = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [world.vpcs["app"]]}])["Subnets"]
    boto3.client("elbv2", region_name=REGION).create_load_balancer(Name="front", Subnets=[subnet["SubnetId"]])


@pytest.mark.parametrize("address", ["10.9.1.80", "10.9.1.81"])
def test_a_node_of_a_load_balancer_leads_to_its_targets(world: World, far: Far, address: str) -> None:
    answer, _ = asked(f"app -> {address}:80")
    assert (answer.verdict, answer.missing) == ("allowed", [])
    assert {"load-balancer"} <= {hop.kind for hop in answer.forward}
    assert [hop.id for hop in answer.forward if hop.kind == "interface"][-1] not in (None, "")


def test_a_load_balancer_of_the_same_name_at_home_is_another(world: World, far: Far, namesakes: None) -> None:
    answer, _ = asked("app -> 10.9.1.80:80")
    assert (answer.verdict, answer.missing) == ("allowed", [])


def test_an_endpoint_that_is_not_accepted_answers_nothing(world: World, far: Far) -> None:
    endpoint = far.ec2.create_vpc_endpoint(
        VpcId=far.vpc,
        ServiceName="com.amazonaws.us-east-1.sqs",
        VpcEndpointType="Interface",
        SubnetIds=[far.subnet],
        SecurityGroupIds=[far.group],
    )["VpcEndpoint"]["VpcEndpointId"]
    backends: Any = get_backend("ec2")
    backend = backends[REPORTS][REGION]
    made = far.interface("10.9.1.90", f"VPC Endpoint Interface {endpoint}")
    backend.enis[made].interface_type = "vpc_endpoint"
    backend.vpc_end_points[endpoint].state = "pendingAcceptance"
    backend.vpc_end_points[endpoint].network_interface_ids = []
    answer, source = asked("app -> 10.9.1.90:443")
    assert [finding.code for finding in answer.blocked_by] == ["BAD_STATE"], answer.warnings
    assert answer.blocked_by[0].account_id == REPORTS
    assert ("DescribeVpcEndpoints", {"Filters": [{"Name": "vpc-endpoint-id", "Values": [endpoint]}]}) in source.calls
