"""A small company in moto: a VPC with public and private subnets, a NAT gateway, IPv6, and a peered VPC.

Everything has an address, a name and an id that a test can type; what AWS would make and moto does not (the NAT
gateway's interface) is mended in moto's backend, so this works in process and for a server in this process alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import boto3
import moto.ec2.models.instances
import pytest
from moto.backends import get_backend

from tests.moto_server import ACCOUNT, REGION

OFFICE = "203.0.113.5"  # in the prefix list that may use SSH
STRANGER = "192.0.2.77"  # in none
WEB, APP, BATCH, KIOSK, PEER = (
    "i-0abc1234def567890",
    "i-0aa11111111111111",
    "i-0ab22222222222222",
    "i-0c033333333333333",
    "i-0d044444444444444",
)
WEB_PUBLIC, KIOSK_PUBLIC, NAT_PUBLIC = "198.51.100.10", "198.51.100.30", "198.51.100.200"
ANYWHERE = "0.0.0.0/0"

Json = dict[str, Any]


class Company(NamedTuple):
    """The ids of what a test may change or name, and the client that made it."""

    ec2: Any
    vpc: str
    public: str
    private: str
    web_group: str
    app_group: str
    office: str
    web_interface: str
    app_interface: str
    nat_interface: str
    web_ipv6: str
    app_ipv6: str
    peering: str

    @property
    def ids(self) -> dict[str, str]:
        """By the names that questions have in braces."""
        fixed = {"web": WEB, "app": APP, "batch": BATCH, "kiosk": KIOSK, "peer": PEER}
        return fixed | {name: value for name, value in self._asdict().items() if isinstance(value, str)}

    def fill(self, question: str) -> str:
        """A question with the ids of this account in place of ``{web}``, ``{app_ipv6}``, ..."""
        return question.format(**self.ids)


def build(**client: Any) -> Company:
    """Make it, in moto in process or behind ``endpoint_url``."""
    return _Builder(boto3.client("ec2", region_name=REGION, **client)).build()


def backend(region: str = REGION) -> Any:
    """moto's own objects: for what no call of AWS's can make."""
    return get_backend("ec2")[ACCOUNT][region]


def permission(protocol: str, ports: int | tuple[int, int], *, cidr: str = "", group: str = "", pl: str = "") -> Json:
    """One rule of a security group."""
    low, high = ports if isinstance(ports, tuple) else (ports, ports)
    rule: Json = {"IpProtocol": protocol, "FromPort": low, "ToPort": high}
    if cidr:
        rule |= {"Ipv6Ranges": [{"CidrIpv6": cidr}]} if ":" in cidr else {"IpRanges": [{"CidrIp": cidr}]}
    if group:
        rule["UserIdGroupPairs"] = [{"GroupId": group}]
    if pl:
        rule["PrefixListIds"] = [{"PrefixListId": pl}]
    return rule


class _Builder:
    def __init__(self, ec2: Any) -> None:
        self.ec2 = ec2
        self.interfaces: dict[str, str] = {}

    def build(self) -> Company:
        ec2 = self.ec2
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]["VpcId"]
        (described,) = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]
        ipv6 = described["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"].removesuffix("00::/56")
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        outward = ec2.create_egress_only_internet_gateway(VpcId=vpc)
        outward_id = outward["EgressOnlyInternetGateway"]["EgressOnlyInternetGatewayId"]
        public = self.subnet(vpc, "10.0.1.0/24", f"{ipv6}01::/64")
        private = self.subnet(vpc, "10.0.2.0/24", f"{ipv6}02::/64")
        narrow = self.subnet(vpc, "10.0.3.0/24")
        nat, nat_interface = self.nat_gateway(public)
        peering, peer_subnet = self.peered(vpc)
        through_gateway = {ANYWHERE: {"GatewayId": gateway}, "::/0": {"GatewayId": gateway}}
        to_peer = {"10.1.0.0/16": {"VpcPeeringConnectionId": peering}}
        self.routes(vpc, [public, narrow], through_gateway)
        self.routes(
            vpc,
            [private],
            {
                ANYWHERE: {"NatGatewayId": nat},
                "::/0": {"EgressOnlyInternetGatewayId": outward_id},
                **to_peer,
            },
        )
        self.short_replies(vpc, narrow)
        entries = [{"Cidr": "203.0.113.0/24", "Description": "office"}]
        office = ec2.create_managed_prefix_list(
            PrefixListName="office", MaxEntries=5, AddressFamily="IPv4", Entries=entries
        )["PrefixList"]["PrefixListId"]
        web_group = self.group(
            vpc,
            "web",
            permission("tcp", 22, pl=office),
            permission("tcp", 443, cidr=ANYWHERE),
            permission("tcp", 443, cidr="::/0"),
        )
        app_group = self.group(
            vpc, "app", permission("tcp", 8080, group=web_group), permission("tcp", 22, cidr="10.0.1.0/24")
        )
        peer_group = self.group(self.peer_vpc, "peer", permission("tcp", 5432, cidr="10.0.2.0/24"))
        self.instance(WEB, "web-1", public, "10.0.1.10", web_group, WEB_PUBLIC)
        self.instance(APP, "app", private, "10.0.2.20", app_group)
        self.instance(BATCH, "batch", private, "10.0.2.30", app_group)
        self.instance(KIOSK, "kiosk", narrow, "10.0.3.30", web_group, KIOSK_PUBLIC)
        self.instance(PEER, "database", peer_subnet, "10.1.1.10", peer_group)
        ec2.stop_instances(InstanceIds=[BATCH])
        return Company(
            ec2=ec2,
            vpc=vpc,
            public=public,
            private=private,
            web_group=web_group,
            app_group=app_group,
            office=office,
            web_interface=self.interfaces[WEB],
            app_interface=self.interfaces[APP],
            nat_interface=nat_interface,
            web_ipv6=self.ipv6(WEB),
            app_ipv6=self.ipv6(APP),
            peering=peering,
        )

    def subnet(self, vpc: str, block: str, ipv6: str = "") -> str:
        made = str(self.ec2.create_subnet(VpcId=vpc, CidrBlock=block)["Subnet"]["SubnetId"])
        if ipv6:
            self.ec2.associate_subnet_cidr_block(SubnetId=made, Ipv6CidrBlock=ipv6)
        return made

    def nat_gateway(self, subnet: str) -> tuple[str, str]:
        """A NAT gateway with its interface where AWS would place it."""
        address = self.ec2.allocate_address(Domain="vpc", Address=NAT_PUBLIC)["AllocationId"]
        made = self.ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]["NatGatewayId"]
        gateway = backend().nat_gateways[made]
        interface = gateway._eni
        interface.interface_type, interface.source_dest_check, interface._group_set = "nat_gateway", False, []
        interface.private_ip_address = gateway.private_ip = "10.0.1.200"
        interface.private_ip_addresses = [{"Primary": True, "PrivateIpAddress": "10.0.1.200"}]
        interface.status = "in-use"
        interface.description = f"Interface for NAT Gateway {made}"
        for row in gateway.address_set:
            row["privateIp"] = "10.0.1.200"
        return str(made), str(interface.id)

    def peered(self, vpc: str) -> tuple[str, str]:
        """Another VPC, its peering with ``vpc``, and its subnet."""
        self.peer_vpc = str(self.ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"])
        request = self.ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=self.peer_vpc)
        peering = str(request["VpcPeeringConnection"]["VpcPeeringConnectionId"])
        self.ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
        subnet = self.subnet(self.peer_vpc, "10.1.1.0/24")
        self.routes(self.peer_vpc, [subnet], {"10.0.0.0/16": {"VpcPeeringConnectionId": peering}})
        return peering, subnet

    def routes(self, vpc: str, subnets: list[str], targets: dict[str, Json]) -> None:
        table = self.ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        for destination, target in targets.items():
            key = "DestinationIpv6CidrBlock" if ":" in destination else "DestinationCidrBlock"
            self.ec2.create_route(RouteTableId=table, **{key: destination}, **target)
        for subnet in subnets:
            self.ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)

    def short_replies(self, vpc: str, subnet: str) -> None:
        """A network ACL that lets replies out to a part of the ephemeral ports only."""
        acl = self.ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
        rule = {"NetworkAclId": acl, "RuleAction": "allow", "CidrBlock": ANYWHERE, "RuleNumber": 100}
        self.ec2.create_network_acl_entry(**rule, Protocol="-1", Egress=False)
        ports = {"From": 32768, "To": 65535}
        self.ec2.create_network_acl_entry(**rule, Protocol="6", PortRange=ports, Egress=True)
        (old,) = self.ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])[
            "NetworkAcls"
        ]
        held = next(a["NetworkAclAssociationId"] for a in old["Associations"] if a["SubnetId"] == subnet)
        self.ec2.replace_network_acl_association(AssociationId=held, NetworkAclId=acl)

    def group(self, vpc: str, name: str, *rules: Json) -> str:
        made = self.ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        self.ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=list(rules))
        return str(made)

    def instance(self, instance_id: str, name: str, subnet: str, address: str, group: str, public: str = "") -> None:
        placed = {"DeviceIndex": 0, "SubnetId": subnet, "PrivateIpAddress": address, "Groups": [group]}
        with known_ids(instance_id):
            (made,) = self.ec2.run_instances(
                ImageId="ami-1e749f67",
                MinCount=1,
                MaxCount=1,
                NetworkInterfaces=[placed],
                UserData="#!/bin/sh\nexport TOKEN=hunter2\n",
                TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}],
            )["Instances"]
        self.interfaces[instance_id] = interface = made["NetworkInterfaces"][0]["NetworkInterfaceId"]
        if public:
            allocation = self.ec2.allocate_address(Domain="vpc", Address=public)["AllocationId"]
            self.ec2.associate_address(AllocationId=allocation, NetworkInterfaceId=interface)

    def ipv6(self, instance_id: str) -> str:
        given = self.ec2.assign_ipv6_addresses(NetworkInterfaceId=self.interfaces[instance_id], Ipv6AddressCount=1)
        return str(given["AssignedIpv6Addresses"][0])


@contextmanager
def known_ids(*ids: str) -> Iterator[None]:
    """The next instances get these ids."""
    left = iter(ids)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moto.ec2.models.instances, "random_instance_id", lambda: next(left))
        yield
