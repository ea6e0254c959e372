"""Small accounts, written the way a person would draw them on a whiteboard, in the shapes of the AWS CLI.

    net = Network()
    net.subnet("public", "10.0.1.0/24", routes={"0.0.0.0/0": "igw-1"})
    net.group("sg-web", ingress=[tcp(443, "0.0.0.0/0")])
    net.instance("web", "10.0.1.10", groups=["sg-web"], public="198.51.100.10")
    assert net.ask("203.0.113.5 -> web:443").verdict == "allowed"

What is not said is what AWS does by itself: an open default network ACL, a main route table with the local routes
alone, groups that allow everything out and nothing in. Ids are readable (``acl-public``, ``eni-web``) unless a test
names its own; only endpoints need real ones, and tests name instances by their ``Name`` tag.
"""

from __future__ import annotations

import copy
import hashlib
import json
import tempfile
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, NamedTuple

from whyblocked.api import Session, snapshot
from whyblocked.diagnosis.answer import Answer, Finding
from whyblocked.diagnosis.evidence import EvidenceRequest
from whyblocked.network.asked import Question
from whyblocked.question.lines import read_line

Json = dict[str, Any]

ACCOUNT = "123456789012"
REGION = "eu-west-1"
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
ANYWHERE = "0.0.0.0/0"
ANYWHERE_V6 = "::/0"
PROTOCOLS = {"all": "-1", "icmp": "1", "tcp": "6", "udp": "17", "icmpv6": "58"}

Ports = int | tuple[int, int] | None


def hexid(kind: str, *names: str) -> str:
    """An id as AWS makes them, always the same for the same names: ``i-0…`` with 17 digits."""
    return f"{kind}-0{hashlib.sha256(':'.join((kind, *names)).encode()).hexdigest()[:16]}"


# -- network ACL rules ----------------------------------------------------------------------------------------------


def allow(
    number: int,
    protocol: str = "all",
    ports: Ports = None,
    cidr: str = ANYWHERE,
    *,
    icmp: tuple[int, int] | None = None,
) -> Json:
    """A numbered rule that allows: protocol, ports, the other side's block; direction is where it is listed."""
    return _entry("allow", number, protocol, ports, cidr, icmp)


def deny(
    number: int,
    protocol: str = "all",
    ports: Ports = None,
    cidr: str = ANYWHERE,
    *,
    icmp: tuple[int, int] | None = None,
) -> Json:
    """A numbered rule that denies."""
    return _entry("deny", number, protocol, ports, cidr, icmp)


def _entry(action: str, number: int, protocol: str, ports: Ports, cidr: str, icmp: tuple[int, int] | None) -> Json:
    entry: Json = {"CidrBlock" if ip_network(cidr).version == 4 else "Ipv6CidrBlock": cidr, "Egress": False}
    if icmp is not None:
        entry["IcmpTypeCode"] = {"Code": icmp[1], "Type": icmp[0]}
    if ports is not None:
        low, high = _range(ports)
        entry["PortRange"] = {"From": low, "To": high}
    return {**entry, "Protocol": PROTOCOLS.get(protocol, protocol), "RuleAction": action, "RuleNumber": number}


def _range(ports: int | tuple[int, int]) -> tuple[int, int]:
    return (ports, ports) if isinstance(ports, int) else ports


OPEN = [allow(100), allow(101, cidr=ANYWHERE_V6)]
CLOSED: list[Json] = []


# -- security group rules -------------------------------------------------------------------------------------------


class Reference(NamedTuple):
    """A security group as peer of a rule, with what AWS shows of it beyond the id."""

    group: str
    account: str = ACCOUNT
    vpc: str | None = None
    peering: str | None = None
    status: str | None = None


Peer = str | Reference


def tcp(ports: Ports, *peers: Peer, note: str | None = None) -> Json:
    """A rule for TCP; a peer is a block, ``pl-...``, ``sg-...`` or a :class:`Reference`."""
    return _permission("tcp", ports, peers, note)


def udp(ports: Ports, *peers: Peer, note: str | None = None) -> Json:
    return _permission("udp", ports, peers, note)


def icmp(type_: int, code: int, *peers: Peer, protocol: str = "icmp", note: str | None = None) -> Json:
    """A rule for ICMP: the type stands where the first port would, the code where the last would."""
    return _permission(protocol, (type_, code), peers, note)


def every(protocol: str, *peers: Peer, note: str | None = None) -> Json:
    """A rule for a whole protocol by name or number, ``"-1"`` for all of them."""
    return _permission(protocol, None, peers, note)


def _permission(protocol: str, ports: Ports, peers: Sequence[Peer], note: str | None) -> Json:
    row: Json = {"IpProtocol": protocol}
    if ports is not None:
        row["FromPort"], row["ToPort"] = _range(ports)
    row |= {"UserIdGroupPairs": [], "IpRanges": [], "Ipv6Ranges": [], "PrefixListIds": []}
    described = {"Description": note} if note else {}
    for peer in peers:
        if isinstance(peer, str) and peer.startswith("sg-"):
            peer = Reference(peer)
        if isinstance(peer, Reference):
            pair = {"UserId": peer.account, "GroupId": peer.group, "VpcId": peer.vpc, "PeeringStatus": peer.status}
            pair["VpcPeeringConnectionId"] = peer.peering
            row["UserIdGroupPairs"].append(described | {k: v for k, v in pair.items() if v})
        elif peer.startswith("pl-"):
            row["PrefixListIds"].append(described | {"PrefixListId": peer})
        elif ip_network(peer).version == 4:
            row["IpRanges"].append(described | {"CidrIp": peer})
        else:
            row["Ipv6Ranges"].append(described | {"CidrIpv6": peer})
    return row


OUT = [every("-1", ANYWHERE)]
OUT_V6 = [every("-1", ANYWHERE), every("-1", ANYWHERE_V6)]


# -- routes ---------------------------------------------------------------------------------------------------------


class To(NamedTuple):
    """A route's target with its state and origin."""

    target: str
    state: str = "active"
    origin: str = "CreateRoute"


def gone(target: str) -> To:
    """A target that is no more: the route is a blackhole."""
    return To(target, "blackhole")


def propagated(target: str) -> To:
    """A route that a virtual private gateway announced."""
    return To(target, origin="EnableVgwRoutePropagation")


_TARGETS = {
    "nat": "NatGatewayId",
    "tgw": "TransitGatewayId",
    "pcx": "VpcPeeringConnectionId",
    "eigw": "EgressOnlyInternetGatewayId",
    "eni": "NetworkInterfaceId",
    "cagw": "CarrierGatewayId",
    "lgw": "LocalGatewayId",
    "arn": "CoreNetworkArn",
}


def route(destination: str, to: str | To) -> Json:
    """One route as ``describe-route-tables`` shows it."""
    to = To(to) if isinstance(to, str) else to
    if destination.startswith("pl-"):
        row = {"DestinationPrefixListId": destination}
    else:
        version = ip_network(destination).version
        row = {"DestinationCidrBlock" if version == 4 else "DestinationIpv6CidrBlock": destination}
    field = _TARGETS.get(to.target.partition("-")[0].partition(":")[0], "GatewayId")
    return {**row, field: to.target, "Origin": to.origin, "State": to.state}


Routes = Mapping[str, str | To]


# -- the account ----------------------------------------------------------------------------------------------------


class Network:
    """An account in one Region, one resource a call. ``account`` owns what does not say otherwise."""

    def __init__(
        self,
        cidr: str | None = "10.0.0.0/16",
        *more: str,
        ipv6: str | None = None,
        account: str = ACCOUNT,
        region: str = REGION,
    ) -> None:
        self.account, self.region = account, region
        self.responses: dict[str, list[Json]] = {}
        self.prefix_lists: dict[str, list[str]] = {}
        self.settings: dict[str, Json] = {}
        self.details: dict[str, Json] = {}  # answers about one object, by the name of their file
        self._left_out: set[str] = set()
        for key in ("Vpcs", "Subnets", "RouteTables", "NetworkAcls", "SecurityGroups", "NetworkInterfaces"):
            self.responses[key] = []
        for key in ("Reservations", "InternetGateways", "NatGateways", "EgressOnlyInternetGateways"):
            self.responses[key] = []
        self.responses["VpcPeeringConnections"], self.responses["FlowLogs"] = [], []
        if cidr is not None:
            self.vpc("vpc-1", cidr, *more, ipv6=ipv6)

    # -- building --------------------------------------------------------------------------------------------

    def vpc(
        self,
        vpc_id: str,
        cidr: str,
        *more: str,
        ipv6: str | None = None,
        name: str | None = None,
        main: str | None = None,
        acl: str | None = None,
        owner: str | None = None,
    ) -> str:
        """A VPC with its main route table (local routes alone) and its open default network ACL."""
        number = vpc_id.removeprefix("vpc-")
        row: Json = {
            "OwnerId": owner or self.account,
            "InstanceTenancy": "default",
            "CidrBlockAssociationSet": [
                {
                    "AssociationId": hexid("vpc-cidr-assoc", vpc_id, block),
                    "CidrBlock": block,
                    "CidrBlockState": {"State": "associated"},
                }
                for block in (cidr, *more)
            ],
            "IsDefault": False,
            "Tags": _tags(name),
            "BlockPublicAccessStates": {"InternetGatewayBlockMode": "off"},
            "VpcId": vpc_id,
            "State": "available",
            "CidrBlock": cidr,
            "DhcpOptionsId": hexid("dopt", self.account),
        }
        if ipv6:
            row["Ipv6CidrBlockAssociationSet"] = [
                {
                    "AssociationId": hexid("vpc-cidr-assoc", vpc_id, ipv6),
                    "Ipv6CidrBlock": ipv6,
                    "Ipv6CidrBlockState": {"State": "associated"},
                    "NetworkBorderGroup": self.region,
                    "Ipv6Pool": "Amazon",
                }
            ]
        self.responses["Vpcs"].append(row)
        self.table(main or f"rtb-main-{number}", {}, vpc=vpc_id, main=True, owner=owner)
        self.acl(acl or f"acl-default-{number}", OPEN, OPEN, vpc=vpc_id, default=True, owner=owner)
        return vpc_id

    def subnet(
        self,
        subnet_id: str,
        cidr: str,
        *,
        vpc: str = "vpc-1",
        ipv6: str | None = None,
        routes: Routes | None = None,
        table: str | None = None,
        acl: str | tuple[list[Json], list[Json]] | None = None,
        name: str | None = None,
        zone: str = "a",
        owner: str | None = None,
    ) -> str:
        """A subnet. ``routes`` gives it a table of its own (``table`` an existing one, neither the main one);
        ``acl`` names a network ACL or gives the inbound and outbound rules of its own."""
        bits = subnet_id.removeprefix("subnet-")
        block = ip_network(cidr)
        self.responses["Subnets"].append(
            {
                "AvailabilityZoneId": f"{_zone_prefix(self.region)}-az{'abc'.index(zone) + 1}",
                "MapCustomerOwnedIpOnLaunch": False,
                "OwnerId": owner or self.account,
                "AssignIpv6AddressOnCreation": ipv6 is not None,
                "Ipv6CidrBlockAssociationSet": [
                    {
                        "AssociationId": hexid("subnet-cidr-assoc", subnet_id),
                        "Ipv6CidrBlock": ipv6,
                        "Ipv6CidrBlockState": {"State": "associated"},
                    }
                ]
                if ipv6
                else [],
                "Tags": _tags(name),
                "SubnetArn": self._arn("subnet", subnet_id, owner),
                "EnableDns64": False,
                "Ipv6Native": False,
                "PrivateDnsNameOptionsOnLaunch": {
                    "HostnameType": "ip-name",
                    "EnableResourceNameDnsARecord": False,
                    "EnableResourceNameDnsAAAARecord": False,
                },
                "BlockPublicAccessStates": {"InternetGatewayBlockMode": "off"},
                "SubnetId": subnet_id,
                "State": "available",
                "VpcId": vpc,
                "CidrBlock": cidr,
                "AvailableIpAddressCount": block.num_addresses - 5,
                "AvailabilityZone": f"{self.region}{zone}",
                "DefaultForAz": False,
                "MapPublicIpOnLaunch": False,
            }
        )
        if routes is not None:
            self.table(f"rtb-{bits}", routes, vpc=vpc, subnets=[subnet_id], owner=owner)
        elif table is not None:
            self._associate_table(table, subnet_id)
        if isinstance(acl, tuple):
            self.acl(f"acl-{bits}", *acl, vpc=vpc, subnets=[subnet_id], owner=owner)
        else:
            self._associate_acl(acl or self._default_acl(vpc), subnet_id)
        return subnet_id

    def table(
        self,
        table_id: str,
        routes: Routes,
        *,
        vpc: str = "vpc-1",
        subnets: Iterable[str] = (),
        main: bool = False,
        gateway: str | None = None,
        name: str | None = None,
        owner: str | None = None,
        local: bool = True,
    ) -> str:
        """A route table: the VPC's local routes and ``routes``. ``gateway`` makes it an edge table."""
        blocks = []
        shown = next(row for row in self.responses["Vpcs"] if row["VpcId"] == vpc)
        if local:
            blocks = [a["CidrBlock"] for a in shown["CidrBlockAssociationSet"]]
            blocks += [a["Ipv6CidrBlock"] for a in shown.get("Ipv6CidrBlockAssociationSet", ())]
        rows = [route(block, To("local", origin="CreateRouteTable")) for block in blocks]
        self.responses["RouteTables"].append(
            {
                "Associations": [],
                "PropagatingVgws": [
                    {"GatewayId": to.target} for to in routes.values() if isinstance(to, To) and "Vgw" in to.origin
                ],
                "RouteTableId": table_id,
                "Routes": rows + [route(destination, to) for destination, to in routes.items()],
                "Tags": _tags(name),
                "VpcId": vpc,
                "OwnerId": owner or self.account,
            }
        )
        if main:
            self._associate_table(table_id, None)
        for subnet in subnets:
            self._associate_table(table_id, subnet)
        if gateway:
            self._associate_table(table_id, None, gateway)
        return table_id

    def acl(
        self,
        acl_id: str,
        ingress: Iterable[Json],
        egress: Iterable[Json],
        *,
        vpc: str = "vpc-1",
        subnets: Iterable[str] = (),
        default: bool = False,
        name: str | None = None,
        owner: str | None = None,
    ) -> str:
        """A network ACL with the rules of both directions; AWS's own ``*`` rules (32767, 32768) are added.

        The entries stand in the order in which they are given, as AWS does not sort them.
        """
        entries = [entry | {"Egress": True} for entry in egress] + [entry | {"Egress": False} for entry in ingress]
        for outbound in (True, False):
            entries.append(deny(32767) | {"Egress": outbound})
            if any("Ipv6CidrBlock" in entry for entry in entries) or self._has_ipv6(vpc):
                entries.append(deny(32768, cidr=ANYWHERE_V6) | {"Egress": outbound})
        self.responses["NetworkAcls"].append(
            {
                "Associations": [],
                "Entries": entries,
                "IsDefault": default,
                "NetworkAclId": acl_id,
                "Tags": _tags(name),
                "VpcId": vpc,
                "OwnerId": owner or self.account,
            }
        )
        for subnet in subnets:
            self._associate_acl(acl_id, subnet)
        return acl_id

    def group(
        self,
        group_id: str,
        ingress: Iterable[Json] = (),
        egress: Iterable[Json] | None = None,
        *,
        vpc: str = "vpc-1",
        name: str | None = None,
        description: str = "made for a test",
        owner: str | None = None,
    ) -> str:
        """A security group; without ``egress`` it has the rule that every new group has: everything out."""
        self.responses["SecurityGroups"].append(
            {
                "GroupId": group_id,
                "IpPermissionsEgress": list(OUT if egress is None else egress),
                "Tags": _tags(name),
                "VpcId": vpc,
                "SecurityGroupArn": self._arn("security-group", group_id, owner),
                "OwnerId": owner or self.account,
                "GroupName": name or group_id.removeprefix("sg-"),
                "Description": description,
                "IpPermissions": list(ingress),
            }
        )
        return group_id

    def instance(
        self,
        name: str,
        address: str | None,
        *,
        groups: Iterable[str] = ("sg-open",),
        public: str | None = None,
        ipv6: str | None = None,
        instance_id: str | None = None,
        interface_id: str | None = None,
        state: str = "running",
        platform: str | None = None,
        source_dest_check: bool = True,
        secondary: Mapping[str, str | None] | None = None,
        kind: str = "t3.small",
        tags: Mapping[str, str] | None = None,
        subnet: str | None = None,
        owner: str | None = None,
    ) -> str:
        """An instance with one interface; more come with :meth:`interface`. The address says which subnet it is in.

        ``secondary`` maps further private addresses to their public ones (or None). Gives the instance's id.
        """
        instance_id = instance_id or hexid("i", self.account, name)
        eni = self.interface(
            interface_id or f"eni-{name}",
            address,
            groups=groups,
            public=public,
            ipv6=ipv6,
            secondary=secondary,
            instance=instance_id,
            source_dest_check=source_dest_check,
            subnet=subnet,
            owner=owner,
        )
        shown = self._find("NetworkInterfaces", "NetworkInterfaceId", eni)
        codes = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
        row: Json = {
            "Architecture": "x86_64",
            "BlockDeviceMappings": [],
            "EbsOptimized": True,
            "EnaSupport": True,
            "Hypervisor": "xen",
            "NetworkInterfaces": [_as_instance_shows(shown)],
            "RootDeviceName": "/dev/xvda",
            "RootDeviceType": "ebs",
            "SecurityGroups": shown["Groups"],
            "SourceDestCheck": source_dest_check,
            "Tags": _tags(name, tags),
            "VirtualizationType": "hvm",
            "MetadataOptions": {"State": "applied", "HttpTokens": "required", "HttpEndpoint": "enabled"},
            "PlatformDetails": "Windows" if platform else "Linux/UNIX",
            "InstanceId": instance_id,
            "ImageId": hexid("ami", platform or "linux"),
            "State": {"Code": codes[state], "Name": state},
            "PrivateDnsName": shown.get("PrivateDnsName", ""),
            "PublicDnsName": shown.get("Association", {}).get("PublicDnsName", ""),
            "StateTransitionReason": "User initiated (2026-11-20 18:04:11 GMT)" if state == "stopped" else "",
            "InstanceType": kind,
            "LaunchTime": "2026-06-02T07:41:09+00:00",
            "Placement": {
                "AvailabilityZone": shown["AvailabilityZone"],
                "Tenancy": "default",
            },
            "Monitoring": {"State": "disabled"},
            "SubnetId": shown["SubnetId"],
            "VpcId": shown["VpcId"],
        }
        if address:
            row["PrivateIpAddress"] = address
        if public:
            row["PublicIpAddress"] = public
        if ipv6:
            row["Ipv6Address"] = ipv6
        if platform:
            row["Platform"] = platform
        self.responses["Reservations"].append(
            {
                "ReservationId": hexid("r", instance_id),
                "OwnerId": owner or self.account,
                "Groups": [],
                "Instances": [row],
            }
        )
        return instance_id

    def interface(
        self,
        interface_id: str,
        address: str | None,
        *,
        groups: Iterable[str] = ("sg-open",),
        public: str | None = None,
        ipv6: str | None = None,
        secondary: Mapping[str, str | None] | None = None,
        prefixes: Iterable[str] = (),
        instance: str | None = None,
        device: int = 0,
        attachment: str = "attached",
        source_dest_check: bool = True,
        deny_igw: bool | None = None,
        kind: str = "interface",
        name: str | None = None,
        description: str = "",
        requester: str | None = None,
        subnet: str | None = None,
        owner: str | None = None,
    ) -> str:
        """A network interface, attached to ``instance`` or (with ``requester``) to a service, else to nothing."""
        place = self._subnet_of(address or ipv6 or "") if subnet is None else self._find("Subnets", "SubnetId", subnet)
        dns = f"ip-{address.replace('.', '-')}.{self.region}.compute.internal" if address else ""
        row: Json = {
            "AvailabilityZone": place["AvailabilityZone"],
            "Description": description,
            "Groups": [{"GroupId": g, "GroupName": self._group_name(g, place["VpcId"])} for g in groups],
            "InterfaceType": kind,
            "Ipv6Addresses": [{"Ipv6Address": ipv6, "IsPrimaryIpv6": False}] if ipv6 else [],
            "MacAddress": _mac(interface_id),
            "NetworkInterfaceId": interface_id,
            "OwnerId": owner or self.account,
            "PrivateDnsName": dns,
            "PrivateIpAddresses": [],
            "RequesterManaged": requester is not None,
            "SourceDestCheck": source_dest_check,
            "Status": "in-use" if instance or requester else "available",
            "SubnetId": place["SubnetId"],
            "TagSet": _tags(name),
            "VpcId": place["VpcId"],
        }
        if prefixes:
            row["Ipv4Prefixes"] = [{"Ipv4Prefix": prefix} for prefix in prefixes]
        if deny_igw is not None:
            row["DenyAllIgwTraffic"] = deny_igw
        if requester:
            row["RequesterId"] = requester
        if ipv6:
            row["Ipv6Address"] = ipv6
        addresses = {address: public, **(secondary or {})} if address else {}
        for number, (private, outside) in enumerate(addresses.items()):
            shown: Json = {"Primary": number == 0}
            if outside:
                shown["Association"] = self._association(outside)
            row["PrivateIpAddresses"].append(shown | {"PrivateDnsName": dns, "PrivateIpAddress": private})
        if address:
            row["PrivateIpAddress"] = address
        if public:
            row["Association"] = self._association(public)
        if instance or requester:
            row["Attachment"] = {
                "AttachTime": "2026-06-02T07:41:09+00:00",
                "AttachmentId": hexid("eni-attach", interface_id),
                "DeleteOnTermination": instance is not None,
                "DeviceIndex": device,
                "NetworkCardIndex": 0,
                "InstanceOwnerId": (owner or self.account) if instance else requester,
                "Status": attachment,
            }
            if instance:
                row["Attachment"]["InstanceId"] = instance
                row["Attachment"] = dict(sorted(row["Attachment"].items()))
        self.responses["NetworkInterfaces"].append(row)
        for reservation in self.responses["Reservations"] if instance else ():
            for found in reservation["Instances"]:
                if found["InstanceId"] == instance:
                    found["NetworkInterfaces"].append(_as_instance_shows(row))
        return interface_id

    def internet_gateway(self, gateway_id: str = "igw-1", vpc: str | None = "vpc-1", *, name: str | None = None) -> str:
        """An internet gateway, attached to ``vpc`` (None: to nothing)."""
        self.responses["InternetGateways"].append(
            {
                "Attachments": [{"State": "available", "VpcId": vpc}] if vpc else [],
                "InternetGatewayId": gateway_id,
                "OwnerId": self.account,
                "Tags": _tags(name),
            }
        )
        return gateway_id

    def egress_only_gateway(self, gateway_id: str = "eigw-1", vpc: str = "vpc-1", *, name: str | None = None) -> str:
        self.responses["EgressOnlyInternetGateways"].append(
            {
                "Attachments": [{"State": "attached", "VpcId": vpc}],
                "EgressOnlyInternetGatewayId": gateway_id,
                "Tags": _tags(name),
            }
        )
        return gateway_id

    def nat_gateway(
        self,
        gateway_id: str,
        address: str,
        public: str | None = None,
        *,
        state: str = "available",
        interface_id: str | None = None,
        name: str | None = None,
    ) -> str:
        """A zonal NAT gateway with its interface; private where it has no public address."""
        place = self._subnet_of(address)
        eni = interface_id or f"eni-{gateway_id}"
        if state != "deleted":
            self.interface(
                eni,
                address,
                groups=(),
                public=public,
                kind="nat_gateway",
                requester="amazon-aws",
                source_dest_check=False,
                description=f"Interface for NAT Gateway {gateway_id}",
            )
        shown: Json = {"NetworkInterfaceId": eni, "PrivateIp": address}
        if public:
            shown |= {"AllocationId": hexid("eipalloc", public), "PublicIp": public}
        row: Json = {
            "CreateTime": "2026-03-11T10:22:41+00:00",
            "NatGatewayAddresses": [
                shown
                | {"AssociationId": hexid("eipassoc", public or address), "IsPrimary": True, "Status": "succeeded"}
            ],
            "NatGatewayId": gateway_id,
            "State": state,
            "SubnetId": place["SubnetId"],
            "VpcId": place["VpcId"],
            "Tags": _tags(name),
            "ConnectivityType": "public" if public else "private",
            "AvailabilityMode": "zonal",
        }
        if state == "deleted":
            row["DeleteTime"] = "2026-11-23T08:40:02+00:00"
        self.responses["NatGateways"].append(row)
        return gateway_id

    def regional_nat_gateway(
        self,
        gateway_id: str,
        publics: Mapping[str, str],
        *,
        routes: Routes | None = None,
        automatic: bool = True,
        state: str = "available",
        vpc: str = "vpc-1",
    ) -> str:
        """A regional NAT gateway with its own route table; ``publics`` maps its public addresses to their zones."""
        table = self.table(
            f"rtb-{gateway_id}", {"0.0.0.0/0": "igw-1"} if routes is None else routes, vpc=vpc, gateway=gateway_id
        )
        self.responses["NatGateways"].append(
            {
                "CreateTime": "2026-03-11T10:22:41+00:00",
                "NatGatewayAddresses": [
                    {
                        "AllocationId": hexid("eipalloc", public),
                        "PublicIp": public,
                        "AssociationId": hexid("eipassoc", public),
                        "IsPrimary": False,
                        "Status": "succeeded",
                        "AvailabilityZone": f"{self.region}{zone}",
                        "AvailabilityZoneId": f"{_zone_prefix(self.region)}-az{'abc'.index(zone) + 1}",
                    }
                    for public, zone in publics.items()
                ],
                "NatGatewayId": gateway_id,
                "State": state,
                "VpcId": vpc,
                "Tags": [],
                "ConnectivityType": "public",
                "AvailabilityMode": "regional",
                "AutoScalingIps": "enabled" if automatic else "disabled",
                "AutoProvisionZones": "enabled" if automatic else "disabled",
                "RouteTableId": table,
            }
        )
        return gateway_id

    def peering(
        self,
        peering_id: str,
        requester: str,
        accepter: str,
        *,
        status: str = "active",
        name: str | None = None,
        accepter_account: str | None = None,
        accepter_region: str | None = None,
        accepter_cidr: str | None = None,
    ) -> str:
        """A peering connection between two VPCs; ``accepter_*`` tell of one that was not built here."""
        messages = {
            "active": "Active",
            "pending-acceptance": f"Pending Acceptance by {accepter_account or self.account}",
        }
        sides = {
            "AccepterVpcInfo": self._side(accepter, accepter_account, accepter_region, accepter_cidr, status),
            "RequesterVpcInfo": self._side(requester, None, None, None, status),
        }
        self.responses["VpcPeeringConnections"].append(
            {
                **sides,
                "Status": {"Code": status, "Message": messages.get(status, status)},
                "Tags": _tags(name),
                "VpcPeeringConnectionId": peering_id,
            }
        )
        return peering_id

    def _side(self, vpc: str, account: str | None, region: str | None, cidr: str | None, status: str) -> Json:
        known = next((row for row in self.responses["Vpcs"] if row["VpcId"] == vpc), None)
        side: Json = {"OwnerId": account or (known["OwnerId"] if known else self.account), "VpcId": vpc}
        side["Region"] = region or self.region
        block = known["CidrBlock"] if known else cidr
        if status != "active" and known is None:
            return side  # AWS tells blocks of the other side only while the connection is active
        side["CidrBlock"] = block
        blocks = [a["CidrBlock"] for a in known["CidrBlockAssociationSet"]] if known else [cidr]
        side["CidrBlockSet"] = [{"CidrBlock": b} for b in blocks if b]
        for association in known.get("Ipv6CidrBlockAssociationSet", ()) if known else ():
            side.setdefault("Ipv6CidrBlockSet", []).append({"Ipv6CidrBlock": association["Ipv6CidrBlock"]})
        return side

    def vpn_gateway(
        self, gateway_id: str = "vgw-1", vpc: str | None = "vpc-1", *, state: str = "available", name: str | None = None
    ) -> str:
        """A virtual private gateway, attached to ``vpc`` (None: to nothing)."""
        self.responses.setdefault("VpnConnections", [])
        self.responses.setdefault("VpnGateways", []).append(
            {
                "AmazonSideAsn": 64512,
                "Tags": _tags(name),
                "VpnGatewayId": gateway_id,
                "State": state,
                "Type": "ipsec.1",
                "VpcAttachments": [{"VpcId": vpc, "State": "attached"}] if vpc else [],
            }
        )
        return gateway_id

    def vpn_connection(
        self,
        connection_id: str,
        gateway: str = "vgw-1",
        *,
        static: Iterable[str] | None = None,
        tunnels: Iterable[str] = ("UP", "DOWN"),
        learned: int = 1,
        state: str = "available",
    ) -> str:
        """A Site-to-Site VPN connection: with ``static`` routes, or (None) with BGP that ``learned`` so many routes."""
        self.responses.setdefault("VpnConnections", []).append(
            {
                "Category": "VPN",
                "Options": {"EnableAcceleration": False, "StaticRoutesOnly": static is not None},
                "Routes": [
                    {"DestinationCidrBlock": cidr, "Source": "Static", "State": "available"} for cidr in static or ()
                ],
                "Tags": [],
                "VgwTelemetry": [
                    {
                        "AcceptedRouteCount": learned if status == "UP" else 0,
                        "LastStatusChange": "2026-11-23T07:12:44+00:00",
                        "OutsideIpAddress": f"192.0.2.{20 + number}",
                        "Status": status,
                        "StatusMessage": "" if status == "UP" else "IPSEC IS DOWN",
                    }
                    for number, status in enumerate(tunnels)
                ],
                "VpnConnectionId": connection_id,
                "State": state,
                "Type": "ipsec.1",
                "CustomerGatewayId": hexid("cgw", connection_id),
                ("TransitGatewayId" if gateway.startswith("tgw-") else "VpnGatewayId"): gateway,
            }
        )
        return connection_id

    def prefix_list(
        self,
        list_id: str,
        cidrs: Sequence[str],
        *,
        name: str = "offices",
        owner: str | None = None,
        entries: bool = True,
    ) -> str:
        """A managed prefix list; without ``entries`` only the list is known, not what stands in it."""
        aws = owner == "AWS"
        self.responses.setdefault("PrefixLists", []).append(
            {
                "PrefixListId": list_id,
                "AddressFamily": f"IPv{ip_network(cidrs[0]).version}" if cidrs else "IPv4",
                "State": "create-complete",
                "PrefixListArn": f"arn:aws:ec2:{self.region}:{'aws' if aws else self.account}:prefix-list/{list_id}",
                "PrefixListName": name,
                "MaxEntries": max(len(cidrs), 10),
                "Version": 1,
                "Tags": [],
                "OwnerId": owner or self.account,
            }
        )
        if entries:
            self.prefix_lists[list_id] = list(cidrs)
        return list_id

    def endpoint(
        self,
        endpoint_id: str,
        service: str,
        kind: str = "Interface",
        *,
        at: Mapping[str, str] | None = None,
        groups: Sequence[str] = ("sg-open",),
        tables: Sequence[str] = (),
        vpc: str = "vpc-1",
        state: str = "available",
        private_dns: bool = False,
        policy: Json | None = None,
        firewall: str | None = None,
    ) -> str:
        """A VPC endpoint; ``at`` maps its subnets to the addresses of its interfaces, ``tables`` serve a gateway's."""
        interface = kind == "Interface"
        kinds = {"Interface": "vpc_endpoint", "GatewayLoadBalancer": "gateway_load_balancer_endpoint"}
        made = [
            self.interface(
                f"eni-{endpoint_id}-{number}",
                address,
                subnet=subnet,
                groups=groups if interface else (),
                kind=kinds[kind],
                requester="727180483921",
                description=f"VPC Endpoint Interface {endpoint_id}",
                source_dest_check=interface,
                deny_igw=True,
            )
            for number, (subnet, address) in enumerate((at or {}).items())
        ]
        short = service.rpartition(".")[2]
        names = [f"{endpoint_id}-0a1b2c3d.{short}.{self.region}.vpce.amazonaws.com"]
        names += [f"{short}.{self.region}.amazonaws.com"] if private_dns else []
        everything = {"Action": "*", "Effect": "Allow", "Principal": "*", "Resource": "*"}
        tags = _tags(None)
        if firewall:
            tags = [{"Key": "AWSNetworkFirewallManaged", "Value": "true"}, {"Key": "Firewall", "Value": firewall}]
        row: Json = {
            "VpcEndpointId": endpoint_id,
            "VpcEndpointType": kind,
            "VpcId": vpc,
            "ServiceName": service,
            "State": state,
            "RouteTableIds": list(tables),
            "SubnetIds": list(at or {}),
            "Groups": [{"GroupId": g, "GroupName": self._group_name(g, vpc)} for g in groups] if interface else [],
            "IpAddressType": "ipv4",
            "PrivateDnsEnabled": private_dns,
            "RequesterManaged": firewall is not None,
            "NetworkInterfaceIds": made,
            "DnsEntries": [{"DnsName": n, "HostedZoneId": "Z38GZ743OKFT7T"} for n in names] if interface else [],
            "CreationTimestamp": "2026-05-11T08:12:44.123000+00:00",
            "Tags": tags,
            "OwnerId": self.account,
        }
        if kind != "GatewayLoadBalancer":
            row["PolicyDocument"] = json.dumps({"Version": "2008-10-17", "Statement": [policy or everything]})
        self.responses.setdefault("VpcEndpoints", []).append(row)
        return endpoint_id

    def firewall(
        self,
        name: str,
        endpoints: Mapping[str, str],
        *,
        vpc: str = "vpc-1",
        stateless: Mapping[str, Sequence[Json]] | None = None,
        stateless_default: str = "aws:forward_to_sfe",
        stateful: Mapping[str, Json] | None = None,
        strict: bool = False,
        default: Sequence[str] = (),
        home: Sequence[str] = (),
        status: str = "READY",
        more: Mapping[str, Any] | None = None,
    ) -> str:
        """A Network Firewall, its policy and rule groups (by name); ``endpoints`` maps subnets to endpoint ids.

        A stateless group is its rules, a stateful one its ``RuleGroup``; ``more`` stands in the policy as it is.
        """
        arn = f"arn:aws:network-firewall:{self.region}:{self.account}:firewall/{name}"
        policy = f"arn:aws:network-firewall:{self.region}:{self.account}:firewall-policy/{name}"
        kinds = {"stateless": stateless or {}, "stateful": stateful or {}}
        references: dict[str, list[Json]] = {}
        for kind, groups in kinds.items():
            for number, (group, content) in enumerate(groups.items()):
                group_arn = f"arn:aws:network-firewall:{self.region}:{self.account}:{kind}-rulegroup/{group}"
                references.setdefault(kind, []).append({"ResourceArn": group_arn, "Priority": number + 1})
                if kind == "stateful" and not strict:
                    del references[kind][-1]["Priority"]
                rules = (
                    content
                    if isinstance(content, dict)
                    else {"RulesSource": {"StatelessRulesAndCustomActions": {"StatelessRules": content}}}
                )
                self.details[f"describe-rule-group.{group}"] = {
                    "UpdateToken": hexid("token", group),
                    "RuleGroup": rules,
                    "RuleGroupResponse": {
                        "RuleGroupArn": group_arn,
                        "RuleGroupName": group,
                        "Type": kind.upper(),
                        "Capacity": 100,
                        "RuleGroupStatus": "ACTIVE",
                    },
                }
        content = {
            "StatelessDefaultActions": [stateless_default],
            "StatelessFragmentDefaultActions": [stateless_default],
            "StatelessRuleGroupReferences": references.get("stateless", []),
            "StatefulRuleGroupReferences": references.get("stateful", []),
        }
        if strict:
            content["StatefulDefaultActions"] = list(default)
            content["StatefulEngineOptions"] = {"RuleOrder": "STRICT_ORDER", "StreamExceptionPolicy": "DROP"}
        if home:
            content["PolicyVariables"] = {"RuleVariables": {"HOME_NET": {"Definition": list(home)}}}
        content.update(more or {})
        self.details[f"describe-firewall-policy.{name}"] = {
            "UpdateToken": hexid("token", "policy", name),
            "FirewallPolicyResponse": {
                "FirewallPolicyName": name,
                "FirewallPolicyArn": policy,
                "FirewallPolicyStatus": "ACTIVE",
            },
            "FirewallPolicy": content,
        }
        zones = {subnet: self._find("Subnets", "SubnetId", subnet)["AvailabilityZone"] for subnet in endpoints}
        self.details[f"describe-firewall.{name}"] = {
            "UpdateToken": hexid("token", name),
            "Firewall": {
                "FirewallName": name,
                "FirewallArn": arn,
                "FirewallPolicyArn": policy,
                "VpcId": vpc,
                "SubnetMappings": [{"SubnetId": subnet} for subnet in endpoints],
                "DeleteProtection": False,
            },
            "FirewallStatus": {
                "Status": "READY",
                "ConfigurationSyncStateSummary": "IN_SYNC",
                "SyncStates": {
                    zones[subnet]: {"Attachment": {"SubnetId": subnet, "EndpointId": endpoint, "Status": status}}
                    for subnet, endpoint in endpoints.items()
                },
            },
        }
        self.responses.setdefault("Firewalls", []).append({"FirewallName": name, "FirewallArn": arn})
        return arn

    def block_public_access(self, mode: str, exclusions: Mapping[str, str] | None = None) -> None:
        """Block Public Access of the account; ``exclusions`` map subnets and VPCs to their mode."""
        self.settings["VpcBlockPublicAccessOptions"] = {
            "AwsAccountId": self.account,
            "AwsRegion": self.region,
            "State": "update-complete",
            "InternetGatewayBlockMode": mode,
            "Reason": "true",
            "LastUpdateTimestamp": "2026-11-22T21:05:33+00:00",
            "ManagedBy": "account",
            "ExclusionsAllowed": "allowed",
        }
        self.responses["VpcBlockPublicAccessExclusions"] = [
            {
                "ExclusionId": hexid("vpcbpa-exclude", resource),
                "InternetGatewayExclusionMode": exclusion,
                "ResourceArn": self._arn("subnet" if resource.startswith("subnet-") else "vpc", resource),
                "State": "create-complete",
                "CreationTimestamp": "2026-11-22T21:00:12+00:00",
                "LastUpdateTimestamp": "2026-11-22T21:01:12+00:00",
                "Tags": [],
            }
            for resource, exclusion in (exclusions or {}).items()
        ]

    def flow_log(
        self, log_id: str, resource: str, *, group: str, log_format: str | None = None, traffic: str = "ALL"
    ) -> str:
        """A flow log of an interface, subnet or VPC that delivers to CloudWatch Logs."""
        default = (
            "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} "
            "${packets} ${bytes} ${start} ${end} ${action} ${log-status}"
        )
        self.responses.setdefault("FlowLogs", []).append(
            {
                "CreationTime": "2026-03-11T10:30:00+00:00",
                "DeliverLogsPermissionArn": f"arn:aws:iam::{self.account}:role/flow-logs",
                "DeliverLogsStatus": "SUCCESS",
                "FlowLogId": log_id,
                "FlowLogStatus": "ACTIVE",
                "LogGroupName": group,
                "ResourceId": resource,
                "TrafficType": traffic,
                "LogDestinationType": "cloud-watch-logs",
                "LogFormat": log_format or default,
                "Tags": [],
                "MaxAggregationInterval": 60,
            }
        )
        return log_id

    def leave_out(self, *keys: str) -> None:
        """Make the snapshot without these top-level keys: a call that was not made."""
        self._left_out.update(keys)

    # -- asking ----------------------------------------------------------------------------------------------

    def ask(self, line: str, records: str | None = None) -> Answer:
        """The answer to a question about this account (a line as ``check`` reads it), by way of a snapshot folder.

        With flow log ``records`` (the content of a file) it says whether they agree.
        """
        with tempfile.TemporaryDirectory() as folder:
            self.save(Path(folder) / "snapshot")
            session = Session(snapshot(Path(folder) / "snapshot"))
            examined = session.examine(question_of(line))
            if records is None:
                return examined.answer
            log = Path(folder) / "flow.log"
            log.write_text(textwrap.dedent(records).lstrip(), encoding="utf-8")
            return session.weigh(examined, EvidenceRequest(locations=(str(log),)), NOW)

    def fix(self, line: str) -> Answer:
        """The answer with the fixes that were found for it, or the reason why there are none."""
        with tempfile.TemporaryDirectory() as folder:
            session = Session(snapshot(self.save(Path(folder))))
            question = question_of(line)
            return session.fix(question, session.explain(question))

    def ask_of_its_flow_logs(self, line: str) -> Answer:
        """The answer with the evidence of the flow logs that the account itself has."""
        with tempfile.TemporaryDirectory() as folder:
            session = Session(snapshot(self.save(Path(folder))))
            return session.weigh(session.examine(question_of(line)), EvidenceRequest(), NOW)

    def files(self) -> dict[str, Json]:
        """The snapshot: names of files without suffix, as the AWS CLI calls its operations, and their content."""
        found: dict[str, Json] = {}
        for key, rows in self.responses.items():
            if key not in self._left_out:
                found[OPERATIONS.get(key, key)] = {key: copy.deepcopy(rows)}
        for key, row in self.settings.items():
            found[OPERATIONS[key]] = {key: copy.deepcopy(row)}
        for list_id, cidrs in self.prefix_lists.items():
            name = f"get-managed-prefix-list-entries.{list_id}"
            found[name] = {"Entries": [{"Cidr": cidr, "Description": ""} for cidr in cidrs]}
        for name, content in self.details.items():
            if not self._left_out.intersection(content):
                found[name] = copy.deepcopy(content)
        return found

    def save(self, folder: Path) -> Path:
        """Write the snapshot into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.files().items():
            (folder / f"{name}.json").write_text(json.dumps(content, indent=4) + "\n", encoding="utf-8")
        return folder

    # -- helpers ---------------------------------------------------------------------------------------------

    def _find(self, key: str, field: str, value: str) -> Json:
        return next(row for row in self.responses[key] if row[field] == value)

    def _subnet_of(self, address: str) -> Json:
        wanted = ip_address(address)
        for row in self.responses["Subnets"]:
            blocks = [row["CidrBlock"], *(a["Ipv6CidrBlock"] for a in row["Ipv6CidrBlockAssociationSet"])]
            if any(wanted in ip_network(block) for block in blocks):
                return row
        raise ValueError(f"no subnet holds {address}")

    def _has_ipv6(self, vpc: str) -> bool:
        return "Ipv6CidrBlockAssociationSet" in self._find("Vpcs", "VpcId", vpc)

    def _default_acl(self, vpc: str) -> str:
        return next(a["NetworkAclId"] for a in self.responses["NetworkAcls"] if a["VpcId"] == vpc and a["IsDefault"])

    def _associate_acl(self, acl: str, subnet: str) -> None:
        self._find("NetworkAcls", "NetworkAclId", acl)["Associations"].append(
            {"NetworkAclAssociationId": hexid("aclassoc", subnet), "NetworkAclId": acl, "SubnetId": subnet}
        )

    def _associate_table(self, table: str, subnet: str | None, gateway: str | None = None) -> None:
        row: Json = {
            "Main": subnet is None and gateway is None,
            "RouteTableAssociationId": hexid("rtbassoc", table, subnet or gateway or "main"),
            "RouteTableId": table,
        }
        if subnet:
            row["SubnetId"] = subnet
        if gateway:
            row["GatewayId"] = gateway
        row["AssociationState"] = {"State": "associated"}
        self._find("RouteTables", "RouteTableId", table)["Associations"].append(row)

    def _group_name(self, group: str, vpc: str) -> str:
        """The name of a group; the group that allows everything comes into being where it is used."""
        for row in self.responses["SecurityGroups"]:
            if row["GroupId"] == group:
                return str(row["GroupName"])
        if group == "sg-open":
            self.group(group, [every("-1", ANYWHERE, ANYWHERE_V6)], OUT_V6, vpc=vpc)
            return "open"
        return group.removeprefix("sg-")

    def _association(self, public: str) -> Json:
        return {
            "AllocationId": hexid("eipalloc", public),
            "AssociationId": hexid("eipassoc", public),
            "IpOwnerId": self.account,
            "PublicDnsName": f"ec2-{public.replace('.', '-')}.{self.region}.compute.amazonaws.com",
            "PublicIp": public,
        }

    def _arn(self, kind: str, resource: str, owner: str | None = None) -> str:
        return f"arn:aws:ec2:{self.region}:{owner or self.account}:{kind}/{resource}"


OPERATIONS = {
    "Vpcs": "describe-vpcs",
    "Subnets": "describe-subnets",
    "RouteTables": "describe-route-tables",
    "NetworkAcls": "describe-network-acls",
    "SecurityGroups": "describe-security-groups",
    "NetworkInterfaces": "describe-network-interfaces",
    "Reservations": "describe-instances",
    "InternetGateways": "describe-internet-gateways",
    "NatGateways": "describe-nat-gateways",
    "EgressOnlyInternetGateways": "describe-egress-only-internet-gateways",
    "VpcPeeringConnections": "describe-vpc-peering-connections",
    "PrefixLists": "describe-managed-prefix-lists",
    "FlowLogs": "describe-flow-logs",
    "TransitGateways": "describe-transit-gateways",
    "TransitGatewayAttachments": "describe-transit-gateway-attachments",
    "TransitGatewayVpcAttachments": "describe-transit-gateway-vpc-attachments",
    "TransitGatewayPeeringAttachments": "describe-transit-gateway-peering-attachments",
    "TransitGatewayRouteTables": "describe-transit-gateway-route-tables",
    "SecurityGroupVpcAssociations": "describe-security-group-vpc-associations",
    "LoadBalancers": "describe-load-balancers",
    "LoadBalancerDescriptions": "describe-classic-load-balancers",
    "Listeners": "describe-listeners",
    "Rules": "describe-rules",
    "TargetGroups": "describe-target-groups",
    "VpcEndpoints": "describe-vpc-endpoints",
    "Firewalls": "list-firewalls",
    "VpcBlockPublicAccessOptions": "describe-vpc-block-public-access-options",
    "VpcBlockPublicAccessExclusions": "describe-vpc-block-public-access-exclusions",
    "VpnGateways": "describe-vpn-gateways",
    "VpnConnections": "describe-vpn-connections",
    "virtualInterfaces": "describe-virtual-interfaces",
    "CarrierGateways": "describe-carrier-gateways",
    "VpcEncryptionControls": "describe-vpc-encryption-controls",
}


def _as_instance_shows(interface: Json) -> Json:
    """An interface as it stands inside an instance: a part of its fields, the association without its ids."""
    keys: tuple[str, ...] = (
        "Description",
        "Groups",
        "Ipv6Addresses",
        "MacAddress",
        "NetworkInterfaceId",
        "OwnerId",
        "PrivateDnsName",
    )
    keys += ("PrivateIpAddress", "SourceDestCheck", "Status", "SubnetId", "VpcId", "InterfaceType")
    shown = {key: copy.deepcopy(interface[key]) for key in keys if key in interface}
    public = ("IpOwnerId", "PublicDnsName", "PublicIp")
    shown["PrivateIpAddresses"] = [
        {k: {p: v[p] for p in public} if k == "Association" else v for k, v in address.items()}
        for address in interface["PrivateIpAddresses"]
    ]
    if "Association" in interface:
        shown["Association"] = {p: interface["Association"][p] for p in public}
    attachment = interface.get("Attachment", {})
    kept = ("AttachTime", "AttachmentId", "DeleteOnTermination", "DeviceIndex", "NetworkCardIndex", "Status")
    shown["Attachment"] = {key: attachment[key] for key in kept if key in attachment}
    return shown


def _tags(name: str | None, more: Mapping[str, str] | None = None) -> list[Json]:
    tags = {"Name": name, **(more or {})} if name else dict(more or {})
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _mac(interface_id: str) -> str:
    digits = hashlib.sha256(interface_id.encode()).hexdigest()
    return ":".join(("02", *(digits[i : i + 2] for i in range(0, 10, 2))))


def _zone_prefix(region: str) -> str:
    parts = region.split("-")
    return parts[0] + "".join(word[0] for word in parts[1].split()) + parts[2]


def question_of(line: str) -> Question:
    """The question of a line as ``check`` reads it, options and all."""
    found = read_line(1, line)
    assert found.question is not None, found.error
    return found.question


# -- reading answers ------------------------------------------------------------------------------------------------


def told(finding: Finding) -> str:
    """A blocker in a few words: ``forward security-group ingress sg-web``, with the rule's number where it has one."""
    words = [finding.leg, finding.layer, finding.direction or "", *finding.resource_ids]
    if finding.rule and "rule_number" in finding.rule:
        words.append(f"rule {finding.rule['rule_number']}")
    return " ".join(word for word in words if word)


def blockers(answer: Answer) -> list[str]:
    """All blockers in a few words each, in their order."""
    return [told(finding) for finding in answer.blocked_by]


def codes(answer: Answer) -> list[str]:
    """The codes of all blockers."""
    return [finding.code for finding in answer.blocked_by]
