"""Three accounts in moto: the shop, a reports team that it peers with, and an archive in another Region.

``app`` (10.0.1.10) of the shop may reach ``reports`` (10.9.1.20) and ``archive`` (10.7.1.30) on port 5432 over peering
connections; ``stray`` (10.6.1.40), of the shop in the other Region, refuses it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import boto3

from tests.live.company import Json, permission
from tests.moto_server import ACCOUNT, REGION

SHOP, REPORTS, ARCHIVE = ACCOUNT, "222222222222", "333333333333"
FAR = "eu-west-1"
PATTERN = "arn:aws:iam::{account}:role/NetworkReader"


class World(NamedTuple):
    """The clients of the three accounts, where each has its VPC, and the ids of its hosts."""

    clients: dict[str, Any]
    vpcs: dict[str, str]
    hosts: dict[str, str]
    groups: dict[str, str]


def build(**client: Any) -> World:
    """Make them, in moto in process or behind ``endpoint_url``."""
    places = {
        "app": (SHOP, REGION, "10.0.0.0/16", "10.0.1.0/24", "10.0.1.10"),
        "reports": (REPORTS, REGION, "10.9.0.0/16", "10.9.1.0/24", "10.9.1.20"),
        "archive": (ARCHIVE, FAR, "10.7.0.0/16", "10.7.1.0/24", "10.7.1.30"),
        "stray": (SHOP, FAR, "10.6.0.0/16", "10.6.1.0/24", "10.6.1.40"),
    }
    world = World({}, {}, {}, {})
    subnets = {}
    for name, (account, region, block, part, _) in places.items():
        ec2 = world.clients[name] = boto3.client("ec2", region_name=region, **{**client, **keys_of(account, **client)})
        vpc = world.vpcs[name] = ec2.create_vpc(CidrBlock=block)["Vpc"]["VpcId"]
        subnets[name] = ec2.create_subnet(VpcId=vpc, CidrBlock=part)["Subnet"]["SubnetId"]
        group = ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        world.groups[name] = group
        if name != "stray":
            rule: Any = permission("tcp", 5432, cidr="10.0.0.0/16")
            ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    home = world.clients["app"]
    tables: dict[str, dict[str, str]] = {name: {} for name in places}
    for name in ("reports", "archive", "stray"):
        account, region, block, _, _ = places[name]
        asked = home.create_vpc_peering_connection(
            VpcId=world.vpcs["app"], PeerVpcId=world.vpcs[name], PeerOwnerId=account, PeerRegion=region
        )
        pcx = asked["VpcPeeringConnection"]["VpcPeeringConnectionId"]
        world.clients[name].accept_vpc_peering_connection(VpcPeeringConnectionId=pcx)
        tables["app"][block] = tables[name]["10.0.0.0/16"] = pcx
    for name, routes in tables.items():
        ec2 = world.clients[name]
        table = ec2.create_route_table(VpcId=world.vpcs[name])["RouteTable"]["RouteTableId"]
        for block, pcx in routes.items():
            ec2.create_route(RouteTableId=table, DestinationCidrBlock=block, VpcPeeringConnectionId=pcx)
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnets[name])
    for name, (_, _, _, _, address) in places.items():
        world.hosts[name] = run(world.clients[name], name, subnets[name], address, world.groups[name])
    return world


def run(ec2: Any, name: str, subnet: str, address: str, group: str) -> str:
    """Run an instance; its id."""
    placed = {"DeviceIndex": 0, "SubnetId": subnet, "PrivateIpAddress": address, "Groups": [group]}
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}]
    made = ec2.run_instances(
        ImageId="ami-1e749f67", MinCount=1, MaxCount=1, NetworkInterfaces=[placed], TagSpecifications=tags
    )
    return str(made["Instances"][0]["InstanceId"])


def keys_of(account: str, **client: Any) -> Json:
    """Credentials of an account."""
    if account == SHOP:
        return {}
    sts = boto3.client("sts", region_name=REGION, **client)
    role = PATTERN.format(account=account)
    given = sts.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    return {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }
