"""Virtual private gateways and NAT64 in a live account: what is asked for, and the snapshot that says the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest

from tests.live.company import Company, backend, permission
from whyblocked.api import Session, live, snapshot
from whyblocked.config.live import Live
from whyblocked.config.save import save_snapshot
from whyblocked.diagnosis.answer import Answer
from whyblocked.question.grammar import parse

OFFICE = "192.168.7.7"


class Branch(NamedTuple):
    """A VPC whose subnet is routed to a virtual private gateway, with one VPN connection of static routes."""

    gateway: str
    connection: Any  # moto's own object


@pytest.fixture(scope="module")
def _branch(_in_process: Company) -> Branch:
    ec2 = _in_process.ec2
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.7.1.0/24")["Subnet"]["SubnetId"]
    gateway = ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    ec2.attach_vpn_gateway(VpcId=vpc, VpnGatewayId=gateway)
    customer = ec2.create_customer_gateway(Type="ipsec.1", PublicIp="192.0.2.1", BgpAsn=65000)
    made = ec2.create_vpn_connection(
        Type="ipsec.1", CustomerGatewayId=customer["CustomerGateway"]["CustomerGatewayId"], VpnGatewayId=gateway
    )["VpnConnection"]["VpnConnectionId"]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="192.168.0.0/16", GatewayId=gateway)
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    group = ec2.create_security_group(GroupName="branch", Description="branch", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission("tcp", 22, cidr="192.168.0.0/16")])
    instance = ec2.run_instances(
        ImageId="ami-12c6146b",
        MinCount=1,
        MaxCount=1,
        SubnetId=subnet,
        PrivateIpAddress="10.7.1.10",
        SecurityGroupIds=[group],
    )["Instances"][0]["InstanceId"]
    ec2.create_tags(Resources=[instance], Tags=[{"Key": "Name", "Value": "branch"}])
    return Branch(gateway, backend().vpn_connections[made])


@pytest.fixture
def branch(company: Company, _branch: Branch) -> Branch:
    """The branch with a tunnel up; what moto does not keep of a connection stands in its object."""
    connection = _branch.connection
    connection.options = {"StaticRoutesOnly": True}
    connection.routes = [{"DestinationCidrBlock": "192.168.0.0/16", "Source": "Static", "State": "available"}]
    connection.vgw_telemetry = [{"OutsideIpAddress": "192.0.2.9", "Status": "UP", "AcceptedRouteCount": 1}]
    return _branch


def explained(question: str) -> tuple[Answer, Live]:
    account = live()
    answer = Session(account, flow_logs=True).explain(parse(question))
    return answer, cast(Live, account.source)


@pytest.mark.parametrize("question", [f"branch -> {OFFICE}:443", f"{OFFICE} -> branch:22"])
def test_a_question_across_a_vpn_gateway_takes_three_rounds_at_most(branch: Branch, question: str) -> None:
    answer, source = explained(question)
    assert (answer.verdict, answer.missing) == ("allowed", [])
    assert source.waves <= 3, source.calls
    asked = {name: parameters for name, parameters in source.calls if "Vpn" in name}
    assert asked == {
        name: {"Filters": [{"Name": "vpn-gateway-id", "Values": [branch.gateway]}]}
        for name in ("DescribeVpnGateways", "DescribeVpnConnections")
    }


def test_direct_connect_is_asked_about_only_where_no_connection_explains_it(branch: Branch) -> None:
    branch.connection.vgw_telemetry = [{"OutsideIpAddress": "192.0.2.9", "Status": "DOWN", "AcceptedRouteCount": 0}]
    answer, source = explained(f"branch -> {OFFICE}:443")
    assert (answer.verdict, [finding.code for finding in answer.blocked_by]) == ("blocked", ["BAD_STATE_VPN"])
    assert {"DescribeVirtualInterfaces", "DescribeDirectConnectGatewayAssociations"} <= {n for n, _ in source.calls}


@pytest.mark.parametrize("status", ["UP", "DOWN"])
def test_the_saved_account_says_the_same_and_keeps_no_keys(branch: Branch, tmp_path: Path, status: str) -> None:
    branch.connection.vgw_telemetry[0]["Status"] = status
    save_snapshot(tmp_path, cast(Live, live().source))
    text = "".join(path.read_text() for path in tmp_path.rglob("describe-vpn-*.json"))
    assert branch.gateway in text
    assert "CustomerGatewayConfiguration" not in text
    for question in (f"branch -> {OFFICE}:443", f"{OFFICE} -> branch:22"):
        saved = Session(snapshot(tmp_path)).explain(parse(question))
        now, _ = explained(question)
        assert (saved.verdict, saved.blocked_by, saved.forward, saved.return_) == (
            now.verdict,
            now.blocked_by,
            now.forward,
            now.return_,
        )
