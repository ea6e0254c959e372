"""A small account in moto: one VPC, one instance behind a security group, a route table and a network ACL."""

from __future__ import annotations

from typing import Any, NamedTuple

import boto3


class Cloud(NamedTuple):
    """The ids of what was made, and the client that made it."""

    ec2: Any
    vpc: str
    subnet: str
    group: str
    instance: str
    interface: str
    prefix_list: str


def build(**client: Any) -> Cloud:
    """Make it, in moto in process or behind ``endpoint_url``."""
    ec2 = boto3.client("ec2", region_name="us-east-1", **client)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    prefix_list = ec2.create_managed_prefix_list(
        PrefixListName="office", MaxEntries=2, AddressFamily="IPv4", Entries=[{"Cidr": "192.0.2.0/24"}]
    )["PrefixList"]["PrefixListId"]
    group = ec2.create_security_group(GroupName="web", Description="web", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "PrefixListIds": [{"PrefixListId": prefix_list}]}
        ],
    )
    placed: Any = {"DeviceIndex": 0, "SubnetId": subnet, "Groups": [group], "PrivateIpAddress": "10.0.1.10"}
    instance = ec2.run_instances(ImageId="ami-1e749f67", MinCount=1, MaxCount=1, NetworkInterfaces=[placed])
    (row,) = instance["Instances"]
    interface = row["NetworkInterfaces"][0]["NetworkInterfaceId"]
    ec2.create_tags(Resources=[row["InstanceId"]], Tags=[{"Key": "Name", "Value": "web"}])
    return Cloud(ec2, vpc, subnet, group, row["InstanceId"], interface, prefix_list)
