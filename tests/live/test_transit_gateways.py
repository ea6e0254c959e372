"""Two VPCs at a transit gateway, asked live: a few rounds, the same answer as from what was saved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

import boto3
import pytest
from moto.core.exceptions import AccessDeniedError
from moto.ec2.responses import EC2Response

from tests import moto_fixups
from tests.live.accounts import run
from tests.live.company import backend, permission
from tests.moto_server import ACCOUNT, REGION
from whyblocked.api import Session, live, snapshot
from whyblocked.config.live import Live
from whyblocked.config.save import save_snapshot
from whyblocked.diagnosis.answer import Answer
from whyblocked.question.grammar import parse

QUESTION = "10.0.1.10 -> 10.9.1.20:5432"


class Hub(NamedTuple):
    """The client, and the ids of what tests change."""

    ec2: Any
    gateway: str
    tables: tuple[str, str]
    attachments: tuple[str, str]
    vpcs: tuple[str, str]


@pytest.fixture
def hub(aws: None) -> Hub:
    """``app`` and ``db`` in two VPCs, each attached with a table of its own into which the other one propagates."""
    ec2: Any = boto3.client("ec2")
    options = {"DefaultRouteTableAssociation": "disable", "DefaultRouteTablePropagation": "disable"}
    gateway = ec2.create_transit_gateway(Options=options)["TransitGateway"]["TransitGatewayId"]
    vpcs, attachments, tables = [], [], []
    for name, block in (("app", "10.0"), ("db", "10.9")):
        vpc = ec2.create_vpc(CidrBlock=f"{block}.0.0/16")["Vpc"]["VpcId"]
        subnet, transit = (
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"{block}.{part}.0/24", AvailabilityZone="us-east-1a")["Subnet"]
            for part in (1, 255)
        )
        other = "10.9.0.0/16" if name == "app" else "10.0.0.0/16"
        attached = ec2.create_transit_gateway_vpc_attachment(
            TransitGatewayId=gateway, VpcId=vpc, SubnetIds=[transit["SubnetId"]]
        )["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
        table = ec2.create_transit_gateway_route_table(TransitGatewayId=gateway)["TransitGatewayRouteTable"]
        table_id = table["TransitGatewayRouteTableId"]
        ec2.associate_transit_gateway_route_table(
            TransitGatewayRouteTableId=table_id, TransitGatewayAttachmentId=attached
        )
        (main,) = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
        ec2.create_route(RouteTableId=main["RouteTableId"], DestinationCidrBlock=other, TransitGatewayId=gateway)
        group = ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        allowed = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[allowed])
        host = "10" if name == "app" else "20"
        placed: Any = {
            "DeviceIndex": 0,
            "SubnetId": subnet["SubnetId"],
            "Groups": [group],
            "PrivateIpAddress": f"{block}.1.{host}",
        }
        ec2.run_instances(ImageId="ami-1e749f67", MinCount=1, MaxCount=1, NetworkInterfaces=[placed])
        vpcs.append(vpc)
        attachments.append(attached)
        tables.append(table_id)
    for table_id, attached in zip(tables, reversed(attachments), strict=True):
        ec2.enable_transit_gateway_route_table_propagation(
            TransitGatewayRouteTableId=table_id, TransitGatewayAttachmentId=attached
        )
    return Hub(ec2, gateway, (tables[0], tables[1]), (attachments[0], attachments[1]), (vpcs[0], vpcs[1]))


def asked(question: str = QUESTION) -> tuple[Answer, Live]:
    account = live()
    answer = Session(account).explain(parse(question))
    return answer, cast(Live, account.source)


def test_both_ways_through_the_gateway(hub: Hub) -> None:
    answer, source = asked()
    assert (answer.verdict, answer.missing) == ("allowed", [])
    assert source.waves <= 6, source.calls
    assert all(parameters for _, parameters in source.calls)


def test_a_route_that_the_return_table_lacks(hub: Hub) -> None:
    hub.ec2.create_transit_gateway_route(
        TransitGatewayRouteTableId=hub.tables[1], DestinationCidrBlock="10.0.1.0/24", Blackhole=True
    )
    answer, _ = asked()
    assert [finding.code for finding in answer.blocked_by] == ["TGW_RTB_BAD_STATE_ROUTE"]
    assert answer.blocked_by[0].leg == "return"


def test_other_attachments_cost_no_call(hub: Hub) -> None:
    _, before = asked()
    for number in range(20, 32):
        vpc = hub.ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")["Vpc"]["VpcId"]
        subnet = hub.ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.{number}.0.0/24")["Subnet"]["SubnetId"]
        attached = hub.ec2.create_transit_gateway_vpc_attachment(
            TransitGatewayId=hub.gateway, VpcId=vpc, SubnetIds=[subnet]
        )["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
        for table in hub.tables:
            hub.ec2.enable_transit_gateway_route_table_propagation(
                TransitGatewayRouteTableId=table, TransitGatewayAttachmentId=attached
            )
    answer, after = asked()
    assert answer.verdict == "allowed"
    assert len(after.calls) == len(before.calls)


def branch(hub: Hub, destination: str, *, tunnels: tuple[str, str] = ("UP", "DOWN")) -> str:
    """A VPN at the gateway, to which a static route of the app's table leads. Its id."""
    attached = vpn(hub.ec2, hub.gateway, tunnels)
    hub.ec2.create_transit_gateway_route(
        TransitGatewayRouteTableId=hub.tables[0], DestinationCidrBlock=destination, TransitGatewayAttachmentId=attached
    )
    if destination.startswith("192.168."):
        route_from_app(hub, destination)
    return str(next(reversed(backend().vpn_connections)))


def vpn(ec2: Any, gateway: str, tunnels: tuple[str, str], region: str = REGION) -> str:
    """A VPN connection of a gateway; the id of its attachment."""
    customer = ec2.create_customer_gateway(Type="ipsec.1", PublicIp="192.0.2.1", BgpAsn=65000)["CustomerGateway"]
    made = ec2.create_vpn_connection(
        Type="ipsec.1", CustomerGatewayId=customer["CustomerGatewayId"], TransitGatewayId=gateway
    )["VpnConnection"]["VpnConnectionId"]
    backend(region).vpn_connections[made].vgw_telemetry = [
        {"OutsideIpAddress": f"192.0.2.{number}", "Status": status} for number, status in enumerate(tunnels)
    ]
    (attached,) = ec2.describe_transit_gateway_attachments(
        Filters=[{"Name": "resource-type", "Values": ["vpn"]}, {"Name": "resource-id", "Values": [made]}]
    )["TransitGatewayAttachments"]
    return str(attached["TransitGatewayAttachmentId"])


def route_from_app(hub: Hub, destination: str) -> None:
    """A route of the app's VPC to the gateway."""
    (main,) = hub.ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [hub.vpcs[0]]}])["RouteTables"]
    hub.ec2.create_route(
        RouteTableId=main["RouteTableId"], DestinationCidrBlock=destination, TransitGatewayId=hub.gateway
    )


def same_when_saved(folder: Path, question: str) -> Answer:
    """The live answer, which that from the saved account equals."""
    answer, source = asked(question)
    save_snapshot(folder, source)
    saved = Session(snapshot(folder)).explain(parse(question))
    assert (saved.verdict, saved.blocked_by, saved.missing) == (answer.verdict, answer.blocked_by, answer.missing)
    return answer


@pytest.mark.parametrize(
    ("destination", "code"),
    [("10.9.1.0/24", "TGW_RTB_MORE_SPECIFIC_ROUTE"), ("10.9.0.0/16", "TGW_RTB_HIGHER_PRIORITY_ROUTE")],
)
def test_a_route_to_the_branch_hides_that_to_the_vpc(hub: Hub, tmp_path: Path, destination: str, code: str) -> None:
    branch(hub, destination)
    found = hub.ec2.describe_instances(Filters=[{"Name": "private-ip-address", "Values": ["10.9.1.20"]}])
    named = found["Reservations"][0]["Instances"][0]["InstanceId"]
    finding = same_when_saved(tmp_path, f"10.0.1.10 -> {named}:5432").blocked_by[0]
    assert (finding.code, finding.resource_ids) == (code, [hub.tables[0]])
    assert hub.attachments[1] in finding.summary


@pytest.mark.parametrize(("tunnels", "found"), [(("DOWN", "DOWN"), ["TGW_BAD_STATE_VPN"]), (("DOWN", "UP"), [])])
def test_a_vpn_at_the_gateway_needs_a_tunnel_that_is_up(
    hub: Hub, tmp_path: Path, tunnels: tuple[str, str], found: list[str]
) -> None:
    branch(hub, "192.168.0.0/16", tunnels=tunnels)
    answer = same_when_saved(tmp_path, "10.0.1.10 -> 192.168.7.7:443")
    assert [finding.code for finding in answer.blocked_by if finding.leg == "forward"] == found
    assert answer.missing == []


def test_a_vpn_that_cannot_be_read_leaves_the_answer_open(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: object) -> None:
        raise AccessDeniedError(user_arn="arn:aws:iam::123456789012:user/reader", action="ec2:DescribeVpnConnections")

    vpn = branch(hub, "192.168.0.0/16")
    monkeypatch.setattr(EC2Response, "describe_vpn_connections", refused)
    answer, _ = asked("10.0.1.10 -> 192.168.7.7:443")
    assert answer.missing == [f"tunnels of {vpn}: ec2:DescribeVpnConnections: AccessDenied"]


# -- an inspection VPC ------------------------------------------------------------------------------------------------


@pytest.fixture
def inspected(hub: Hub) -> Iterator[str]:
    """An office (172.20.0.0/16) behind a VPN, and a firewall in a third VPC between it and ``app``: its endpoint."""
    ec2 = hub.ec2
    office = vpn(ec2, hub.gateway, ("UP", "UP"))
    guard = ec2.create_vpc(CidrBlock="10.100.0.0/16")["Vpc"]["VpcId"]
    doors, walls = (
        ec2.create_subnet(VpcId=guard, CidrBlock=f"10.100.{part}.0/28", AvailabilityZone="us-east-1a")["Subnet"][
            "SubnetId"
        ]
        for part in (0, 1)
    )
    endpoint = ec2.create_vpc_endpoint(
        VpcId=guard,
        ServiceName="com.amazonaws.vpce.us-east-1.vpce-svc-0a1b2c3d4e5f60718",
        VpcEndpointType="GatewayLoadBalancer",
        SubnetIds=[walls],
    )["VpcEndpoint"]["VpcEndpointId"]
    arn = moto_fixups.add_firewall("central", guard, {walls: endpoint}, "drop tcp any any -> any 22 (sid:7; rev:1;)")
    ec2.create_tags(Resources=[endpoint], Tags=[{"Key": "Firewall", "Value": arn}])
    for subnet, target in ((doors, {"VpcEndpointId": endpoint}), (walls, {"TransitGatewayId": hub.gateway})):
        table = ec2.create_route_table(VpcId=guard)["RouteTable"]["RouteTableId"]
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", **target)
    inspection = ec2.create_transit_gateway_vpc_attachment(
        TransitGatewayId=hub.gateway, VpcId=guard, SubnetIds=[doors], Options={"ApplianceModeSupport": "enable"}
    )["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
    tables = {
        hub.tables[0]: {"172.20.0.0/16": inspection},
        table_of(hub, office): {"10.0.0.0/16": inspection},
        table_of(hub, inspection): {"172.20.0.0/16": office, "10.0.0.0/16": hub.attachments[0]},
    }
    for table, routes in tables.items():
        for block, attached in routes.items():
            ec2.create_transit_gateway_route(
                TransitGatewayRouteTableId=table, DestinationCidrBlock=block, TransitGatewayAttachmentId=attached
            )
    route_from_app(hub, "172.20.0.0/16")
    (group,) = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["app"]}])["SecurityGroups"]
    rules = [permission("tcp", port, cidr="172.20.0.0/16") for port in (22, 443)]
    ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=rules)
    yield endpoint
    moto_fixups.firewalls.clear()


def table_of(hub: Hub, attachment: str) -> str:
    """A new route table for what comes in by an attachment."""
    made = hub.ec2.create_transit_gateway_route_table(TransitGatewayId=hub.gateway)["TransitGatewayRouteTable"]
    table: str = made["TransitGatewayRouteTableId"]
    hub.ec2.associate_transit_gateway_route_table(
        TransitGatewayRouteTableId=table, TransitGatewayAttachmentId=attachment
    )
    return table


def test_who_is_behind_the_inspection_vpc_comes_in_where_that_routes_them_back(
    hub: Hub, inspected: str, tmp_path: Path
) -> None:
    question = "172.20.5.5 -> 10.0.1.10:443"
    answer = same_when_saved(tmp_path, question)
    assert (answer.verdict, answer.missing, answer.blocked_by) == ("allowed", [], [])
    assert [hop.id for hop in answer.forward if hop.kind == "vpc-endpoint"] == [inspected]
    assert asked(question)[1].waves <= 11  # one after the other: each table says where to look next
    refused = same_when_saved(tmp_path / "other", "172.20.5.5 -> 10.0.1.10:22")
    assert {finding.code for finding in refused.blocked_by} == {"FIREWALL_RULES_RESTRICTION"}


# -- a gateway in another Region --------------------------------------------------------------------------------------

FAR = "eu-west-1"


@pytest.fixture
def far(hub: Hub) -> str:
    """A gateway in another Region, peered with the hub's, with a VPC (``archive``, 10.50.1.30) and a VPN of its own.

    Its VPN connection, with both tunnels down, has 192.168.0.0/16 behind it.
    """
    ec2: Any = boto3.client("ec2", region_name=FAR)
    options = {"DefaultRouteTableAssociation": "disable", "DefaultRouteTablePropagation": "disable"}
    gateway = ec2.create_transit_gateway(Options=options)["TransitGateway"]["TransitGatewayId"]
    vpc = ec2.create_vpc(CidrBlock="10.50.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.50.1.0/24", AvailabilityZone=f"{FAR}a")["Subnet"]["SubnetId"]
    attached = ec2.create_transit_gateway_vpc_attachment(TransitGatewayId=gateway, VpcId=vpc, SubnetIds=[subnet])
    to_vpc = attached["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
    asked_for = hub.ec2.create_transit_gateway_peering_attachment(
        TransitGatewayId=hub.gateway, PeerTransitGatewayId=gateway, PeerAccountId=ACCOUNT, PeerRegion=FAR
    )
    peering = asked_for["TransitGatewayPeeringAttachment"]["TransitGatewayAttachmentId"]
    ec2.accept_transit_gateway_peering_attachment(TransitGatewayAttachmentId=peering)
    to_vpn = vpn(ec2, gateway, ("DOWN", "DOWN"), FAR)
    table = ec2.create_transit_gateway_route_table(TransitGatewayId=gateway)["TransitGatewayRouteTable"]
    for one in (to_vpc, peering, to_vpn):
        ec2.associate_transit_gateway_route_table(
            TransitGatewayRouteTableId=table["TransitGatewayRouteTableId"], TransitGatewayAttachmentId=one
        )
    for block, to in (("10.0.0.0/16", peering), ("10.50.0.0/16", to_vpc), ("192.168.0.0/16", to_vpn)):
        ec2.create_transit_gateway_route(
            TransitGatewayRouteTableId=table["TransitGatewayRouteTableId"],
            DestinationCidrBlock=block,
            TransitGatewayAttachmentId=to,
        )
    hub.ec2.associate_transit_gateway_route_table(
        TransitGatewayRouteTableId=hub.tables[1], TransitGatewayAttachmentId=peering
    )
    (main,) = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    ec2.create_route(RouteTableId=main["RouteTableId"], DestinationCidrBlock="10.0.0.0/16", TransitGatewayId=gateway)
    for block in ("10.50.0.0/16", "192.168.0.0/16"):
        hub.ec2.create_transit_gateway_route(
            TransitGatewayRouteTableId=hub.tables[0], DestinationCidrBlock=block, TransitGatewayAttachmentId=peering
        )
        route_from_app(hub, block)
    group = ec2.create_security_group(GroupName="archive", Description="archive", VpcId=vpc)["GroupId"]
    rule: Any = permission("tcp", 5432, cidr="10.0.0.0/16")
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    run(ec2, "archive", subnet, "10.50.1.30", group)
    return str(gateway)


def test_a_gateway_in_another_region_is_read_there(hub: Hub, far: str) -> None:
    answer, _ = asked("10.0.1.10 -> 10.50.1.30:5432")
    assert (answer.verdict, answer.missing) == ("allowed", [])
    assert far in [hop.id for hop in answer.forward]
    refused, _ = asked("10.0.1.10 -> 10.50.1.30:22")
    (finding,) = refused.blocked_by
    assert (finding.code, finding.region) == ("ENI_SG_RULES_MISMATCH", FAR)


def test_the_vpn_of_a_gateway_in_another_region_is_read_there(hub: Hub, far: str, tmp_path: Path) -> None:
    answer = same_when_saved(tmp_path, "10.0.1.10 -> 192.168.7.7:443")
    assert [finding.code for finding in answer.blocked_by] == ["TGW_BAD_STATE_VPN"]
    assert far in answer.blocked_by[0].resource_ids


@pytest.mark.parametrize("question", [QUESTION, "10.9.1.20 -> 10.0.1.10:22", "10.0.1.77 -> 10.9.1.20:5432"])
def test_a_snapshot_answers_as_the_live_account(hub: Hub, tmp_path: Path, question: str) -> None:
    answer, source = asked(question)
    save_snapshot(tmp_path, source)
    saved = Session(snapshot(tmp_path)).explain(parse(question))
    assert (saved.verdict, saved.blocked_by, saved.missing) == (answer.verdict, answer.blocked_by, answer.missing)
    assert saved.forward == answer.forward
