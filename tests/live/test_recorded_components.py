"""What moto does not hold: its own resources, with what AWS answers of the missing parts put into the responses.

The responses are those of the documentation of each call, cut down to what is read of them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, cast

import boto3
import pytest

from tests.live.company import permission
from tests.moto_server import REGION
from whyblocked.api import Session, live, snapshot
from whyblocked.config.live import Live
from whyblocked.config.save import save_snapshot
from whyblocked.diagnosis.answer import Answer
from whyblocked.question.grammar import parse

Json = dict[str, Any]
Change = Callable[[Json, Json], None]


class Made(NamedTuple):
    """``app`` (10.0.1.10) in a subnet with a route table of its own, in a VPC with an internet gateway."""

    ec2: Any
    vpc: str
    subnet: str
    table: str
    gateway: str


@pytest.fixture
def made(aws: None) -> Made:
    ec2: Any = boto3.client("ec2", region_name=REGION)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24", AvailabilityZone=f"{REGION}a")["Subnet"]["SubnetId"]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    group = ec2.create_security_group(GroupName="app", Description="app", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission("tcp", 443, cidr="0.0.0.0/0")])
    placed: Any = {"DeviceIndex": 0, "SubnetId": subnet, "Groups": [group], "PrivateIpAddress": "10.0.1.10"}
    app = ec2.run_instances(ImageId="ami-1e749f67", MinCount=1, MaxCount=1, NetworkInterfaces=[placed])["Instances"][0]
    ec2.create_tags(Resources=[app["InstanceId"]], Tags=[{"Key": "Name", "Value": "app"}])
    return Made(ec2, vpc, subnet, table, gateway)


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> dict[str, Change]:
    """By operation, what is done to moto's response, with the parameters of the call, before anybody reads it."""
    from whyblocked.config import live, save
    from whyblocked.config.fetch import fetcher as real

    changes: dict[str, Change] = {}

    def fetcher(client: Any, operation: Any, parameters: Json) -> Callable[[], Json]:
        def fetch() -> Json:
            response = real(client, operation, parameters)()
            if operation.name in changes:
                changes[operation.name](response, parameters)
            return response

        return fetch

    monkeypatch.setattr(live, "fetcher", fetcher)
    monkeypatch.setattr(save, "fetcher", fetcher)
    return changes


def same_when_saved(question: str, folder: Path) -> Answer:
    account = live()
    answer = Session(account).explain(parse(question))
    save_snapshot(folder, cast(Live, account.source))
    saved = Session(snapshot(folder)).explain(parse(question))
    assert (saved.verdict, saved.forward, saved.missing) == (answer.verdict, answer.forward, answer.missing)
    assert saved.blocked_by == answer.blocked_by
    return answer


# -- NAT gateways of a whole VPC -------------------------------------------------------------------------------------


def regional(made: Made, recorded: dict[str, Change], *, zone: str) -> None:
    """A regional NAT gateway with an address in one zone, managed by hand, and its own route table.

    https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateways-regional.html
    """
    own = made.ec2.create_route_table(VpcId=made.vpc)["RouteTable"]["RouteTableId"]
    made.ec2.create_route(RouteTableId=own, DestinationCidrBlock="0.0.0.0/0", GatewayId=made.gateway)
    allocated = made.ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = made.ec2.create_nat_gateway(SubnetId=made.subnet, AllocationId=allocated)["NatGateway"]["NatGatewayId"]
    made.ec2.create_route(RouteTableId=made.table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)

    def without_subnet(response: Json, _: Json) -> None:
        for row in response["NatGateways"]:
            row.pop("SubnetId", None)
            row |= {"AvailabilityMode": "regional", "AutoProvisionZones": "disabled", "RouteTableId": own}
            address = {"PublicIp": "198.51.100.99", "Status": "succeeded", "AvailabilityZone": zone}
            row["NatGatewayAddresses"] = [{**address, "AllocationId": allocated}]

    recorded["DescribeNatGateways"] = without_subnet


@pytest.mark.parametrize(
    ("zone", "verdict", "codes"),
    [
        (f"{REGION}a", "allowed", []),
        (f"{REGION}b", "blocked", ["REGIONAL_NGW_ROUTE_AZ_RESTRICTION"]),
    ],
)
def test_a_regional_nat_gateway_serves_its_zones(
    made: Made, recorded: dict[str, Change], tmp_path: Path, zone: str, verdict: str, codes: list[str]
) -> None:
    regional(made, recorded, zone=zone)
    answer = same_when_saved("app -> 192.0.2.80:443", tmp_path)
    assert (answer.verdict, [finding.code for finding in answer.blocked_by]) == (verdict, codes)
    assert answer.missing == []


# -- Wavelength Zones ------------------------------------------------------------------------------------------------


def test_a_carrier_gateway_needs_a_carrier_address(made: Made, recorded: dict[str, Change], tmp_path: Path) -> None:
    carrier = made.ec2.create_carrier_gateway(VpcId=made.vpc)["CarrierGateway"]["CarrierGatewayId"]

    def routed(response: Json, _: Json) -> None:  # moto takes no carrier gateway as a target
        for row in response["RouteTables"]:
            if row["RouteTableId"] == made.table:
                row["Routes"].append(
                    {"DestinationCidrBlock": "0.0.0.0/0", "CarrierGatewayId": carrier, "State": "active"}
                )

    recorded["DescribeRouteTables"] = routed
    answer = same_when_saved("app -> 192.0.2.80:443", tmp_path / "without")
    assert [finding.code for finding in answer.blocked_by if finding.leg == "forward"] == ["NO_CARRIER_ADDRESS"]

    def addressed(response: Json, _: Json) -> None:
        for row in response["NetworkInterfaces"]:
            row["Association"] = {"CarrierIp": "198.51.100.7", "AllocationId": "eipalloc-0a1"}
            row["PrivateIpAddresses"][0]["Association"] = row["Association"]

    recorded["DescribeNetworkInterfaces"] = addressed
    answer = same_when_saved("app -> 192.0.2.80:443", tmp_path / "with")
    assert (answer.verdict, answer.missing) == ("allowed", [])


# -- encryption controls ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["monitor", "enforce"])
def test_encryption_that_is_enforced_is_mentioned_where_a_gateway_is_not_excluded(
    made: Made, recorded: dict[str, Change], tmp_path: Path, mode: str
) -> None:
    made.ec2.create_route(RouteTableId=made.table, DestinationCidrBlock="0.0.0.0/0", GatewayId=made.gateway)
    (app,) = made.ec2.describe_network_interfaces()["NetworkInterfaces"]
    address = made.ec2.allocate_address(Domain="vpc")["AllocationId"]
    made.ec2.associate_address(AllocationId=address, NetworkInterfaceId=app["NetworkInterfaceId"])

    def controlled(response: Json, _: Json) -> None:
        for row in response["Vpcs"]:
            row["EncryptionControl"] = {
                "VpcId": row["VpcId"],
                "VpcEncryptionControlId": "vpcec-0a1",
                "Mode": mode,
                "State": "available",
                "ResourceExclusions": {"InternetGateway": {"State": "disabled"}},
            }

    recorded["DescribeVpcs"] = controlled
    answer = same_when_saved("app -> 192.0.2.80:443", tmp_path)
    assert answer.verdict == "allowed"
    said = [warning for warning in answer.warnings if "enforces encryption" in warning]
    assert bool(said) == (mode == "enforce")
