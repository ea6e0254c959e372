"""Rows of raw AWS JSON as `aws ec2 describe-*` prints them, one small function a kind of resource."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence

from tests.oracle.model import Json

OWNER, REGION, ZONE = "123456789012", "us-east-1", "us-east-1a"
CREATED = "2026-11-01T09:00:00+00:00"


def vpc(vpc_id: str, cidr: str, more: Sequence[str] = (), ipv6: str | None = None) -> Json:
    row: Json = {
        "VpcId": vpc_id,
        "CidrBlock": cidr,
        "CidrBlockAssociationSet": [
            {
                "AssociationId": f"vpc-cidr-assoc-{vpc_id[4:]}{n}",
                "CidrBlock": block,
                "CidrBlockState": {"State": "associated"},
            }
            for n, block in enumerate((cidr, *more))
        ],
        "DhcpOptionsId": "dopt-0000000000000000a",
        "State": "available",
        "OwnerId": OWNER,
        "InstanceTenancy": "default",
        "IsDefault": False,
    }
    if ipv6:
        row["Ipv6CidrBlockAssociationSet"] = [
            {
                "AssociationId": f"vpc-cidr-assoc-{vpc_id[4:]}v6",
                "Ipv6CidrBlock": ipv6,
                "Ipv6CidrBlockState": {"State": "associated"},
                "NetworkBorderGroup": REGION,
                "Ipv6Pool": "Amazon",
            }
        ]
    return row


def subnet(subnet_id: str, vpc_id: str, cidr: str, ipv6: str | None = None) -> Json:
    return {
        "SubnetId": subnet_id,
        "VpcId": vpc_id,
        "CidrBlock": cidr,
        "Ipv6CidrBlockAssociationSet": [
            {
                "AssociationId": f"subnet-cidr-assoc-{subnet_id[7:]}",
                "Ipv6CidrBlock": ipv6,
                "Ipv6CidrBlockState": {"State": "associated"},
            }
        ]
        if ipv6
        else [],
        "AvailabilityZone": ZONE,
        "AvailabilityZoneId": "use1-az1",
        "AvailableIpAddressCount": 200,
        "State": "available",
        "OwnerId": OWNER,
        "DefaultForAz": False,
        "MapPublicIpOnLaunch": False,
        "AssignIpv6AddressOnCreation": False,
        "SubnetArn": f"arn:aws:ec2:{REGION}:{OWNER}:subnet/{subnet_id}",
    }


TARGETS = {
    "local": "GatewayId",
    "igw": "GatewayId",
    "vgw": "GatewayId",
    "vpce": "GatewayId",
    "nat": "NatGatewayId",
    "tgw": "TransitGatewayId",
    "pcx": "VpcPeeringConnectionId",
    "eni": "NetworkInterfaceId",
    "eigw": "EgressOnlyInternetGatewayId",
}


def route(destination: str, target: str, state: str = "active", propagated: bool = False) -> Json:
    if destination.startswith("pl-"):
        field = "DestinationPrefixListId"
    else:
        field = "DestinationIpv6CidrBlock" if ":" in destination else "DestinationCidrBlock"
    origin = "CreateRouteTable" if target == "local" else "EnableVgwRoutePropagation" if propagated else "CreateRoute"
    return {field: destination, TARGETS[target.split("-")[0]]: target, "Origin": origin, "State": state}


def route_table(
    table_id: str, vpc_id: str, routes: Sequence[Json], subnets: Iterable[str] = (), main: bool = False
) -> Json:
    associations: list[Json] = [
        {
            "Main": False,
            "RouteTableAssociationId": f"rtbassoc-{subnet_id[7:]}",
            "RouteTableId": table_id,
            "SubnetId": subnet_id,
            "AssociationState": {"State": "associated"},
        }
        for subnet_id in subnets
    ]
    if main:
        associations.append(
            {
                "Main": True,
                "RouteTableAssociationId": f"rtbassoc-{table_id[4:]}",
                "RouteTableId": table_id,
                "AssociationState": {"State": "associated"},
            }
        )
    gateways = sorted({row["GatewayId"] for row in routes if row["Origin"] == "EnableVgwRoutePropagation"})
    return {
        "RouteTableId": table_id,
        "VpcId": vpc_id,
        "OwnerId": OWNER,
        "Associations": associations,
        "PropagatingVgws": [{"GatewayId": gateway} for gateway in gateways],
        "Routes": list(routes),
        "Tags": [],
    }


def acl_entry(
    number: int,
    direction: str,
    action: str,
    cidr: str,
    protocol: int = -1,
    ports: tuple[int, int] | None = None,
    icmp: tuple[int, int] | None = None,
) -> Json:
    row: Json = {
        "RuleNumber": number,
        "Egress": direction == "egress",
        "RuleAction": action,
        "Protocol": str(protocol),
        "Ipv6CidrBlock" if ":" in cidr else "CidrBlock": cidr,
    }
    if ports is not None:
        row["PortRange"] = {"From": ports[0], "To": ports[1]}
    if icmp is not None:
        row["IcmpTypeCode"] = {"Type": icmp[0], "Code": icmp[1]}
    return row


def acl_stars(ipv6: bool) -> list[Json]:
    """The `*` rows as the API shows them (facts 2.1)."""
    rows = [acl_entry(32767, direction, "deny", "0.0.0.0/0") for direction in ("egress", "ingress")]
    if ipv6:
        rows += [acl_entry(32768, direction, "deny", "::/0") for direction in ("egress", "ingress")]
    return rows


def acl(acl_id: str, vpc_id: str, subnets: Iterable[str], entries: Sequence[Json], default: bool = False) -> Json:
    return {
        "NetworkAclId": acl_id,
        "VpcId": vpc_id,
        "OwnerId": OWNER,
        "IsDefault": default,
        "Associations": [
            {"NetworkAclAssociationId": f"aclassoc-{subnet_id[7:]}", "NetworkAclId": acl_id, "SubnetId": subnet_id}
            for subnet_id in subnets
        ],
        "Entries": list(entries),
        "Tags": [],
    }


def permission(
    protocol: str, low: int | None = None, high: int | None = None, peers: Sequence[str] = (), ports_key: bool = False
) -> Json:
    """`peers`: CIDRs of both families, prefix list ids, group ids. `ports_key`: write -1 ports for an all-protocol
    rule."""
    row: Json = {"IpProtocol": protocol}
    if low is not None:
        row.update(FromPort=low, ToPort=low if high is None else high)
    elif ports_key:
        row.update(FromPort=-1, ToPort=-1)
    row["IpRanges"] = [{"CidrIp": peer} for peer in peers if "." in peer]
    row["Ipv6Ranges"] = [{"CidrIpv6": peer} for peer in peers if ":" in peer]
    row["PrefixListIds"] = [{"PrefixListId": peer} for peer in peers if peer.startswith("pl-")]
    row["UserIdGroupPairs"] = [{"UserId": OWNER, "GroupId": peer} for peer in peers if peer.startswith("sg-")]
    return row


def group(group_id: str, vpc_id: str, ingress: Sequence[Json] = (), egress: Sequence[Json] | None = None) -> Json:
    """Without `egress`: the allow-all rule that a new group has (facts 1.1)."""
    allow_all = [permission("-1", peers=["0.0.0.0/0", "::/0"])]
    return {
        "GroupId": group_id,
        "GroupName": f"name of {group_id}",
        "Description": "made by a test",
        "VpcId": vpc_id,
        "OwnerId": OWNER,
        "SecurityGroupArn": f"arn:aws:ec2:{REGION}:{OWNER}:security-group/{group_id}",
        "IpPermissions": list(ingress),
        "IpPermissionsEgress": allow_all if egress is None else list(egress),
        "Tags": [],
    }


def group_rules(groups: Sequence[Json]) -> list[Json]:
    """The same rules as DescribeSecurityGroupRules prints them: one row a source (facts 1.7)."""
    rows: list[Json] = []
    for one in groups:
        for key, egress in (("IpPermissions", False), ("IpPermissionsEgress", True)):
            for entry in one[key]:
                sources = [{"CidrIpv4": e["CidrIp"]} for e in entry["IpRanges"]]
                sources += [{"CidrIpv6": e["CidrIpv6"]} for e in entry["Ipv6Ranges"]]
                sources += [{"PrefixListId": e["PrefixListId"]} for e in entry["PrefixListIds"]]
                sources += [
                    {"ReferencedGroupInfo": {"GroupId": e["GroupId"], "UserId": e["UserId"]}}
                    for e in entry["UserIdGroupPairs"]
                ]
                for source in sources:
                    rows.append(
                        {
                            "SecurityGroupRuleId": f"sgr-{len(rows):017x}",
                            "GroupId": one["GroupId"],
                            "GroupOwnerId": OWNER,
                            "IsEgress": egress,
                            "IpProtocol": entry["IpProtocol"],
                            "FromPort": entry.get("FromPort", -1),
                            "ToPort": entry.get("ToPort", -1),
                            "Tags": [],
                            **source,
                        }
                    )
    return rows


def interface(
    interface_id: str,
    in_subnet: Json,
    addresses: Sequence[str],
    groups: Sequence[str] = (),
    instance_id: str | None = None,
    public: Mapping[str, str] | None = None,
    ipv6: Sequence[str] = (),
    device: int = 0,
    check: bool = True,
    nat: bool = False,
) -> Json:
    """Attached where it has an instance or belongs to a NAT gateway; `public` maps private addresses to public ones."""
    entries: list[Json] = []
    for n, private in enumerate(addresses):
        entry: Json = {"Primary": n == 0, "PrivateIpAddress": private}
        if public and private in public:
            entry["Association"] = {"IpOwnerId": OWNER, "PublicIp": public[private], "PublicDnsName": ""}
        entries.append(entry)
    row: Json = {
        "NetworkInterfaceId": interface_id,
        "SubnetId": in_subnet["SubnetId"],
        "VpcId": in_subnet["VpcId"],
        "AvailabilityZone": ZONE,
        "OwnerId": OWNER,
        "Description": "",
        "InterfaceType": "nat_gateway" if nat else "interface",
        "RequesterManaged": nat,
        "MacAddress": "02:00:00:00:00:01",
        "SourceDestCheck": check,
        "PrivateIpAddress": addresses[0],
        "PrivateIpAddresses": entries,
        "Ipv6Addresses": [{"Ipv6Address": one} for one in ipv6],
        "Groups": [{"GroupId": one, "GroupName": f"name of {one}"} for one in groups],
        "Status": "in-use" if instance_id or nat else "available",
        "TagSet": [],
    }
    if "Association" in entries[0]:
        row["Association"] = dict(entries[0]["Association"])
    if instance_id or nat:
        row["Attachment"] = {
            "AttachmentId": f"eni-attach-{interface_id[4:]}",
            "DeleteOnTermination": False,
            "DeviceIndex": device,
            "Status": "attached",
            "AttachTime": CREATED,
            **(
                {"InstanceId": instance_id, "InstanceOwnerId": OWNER}
                if instance_id
                else {"InstanceOwnerId": "amazon-aws"}
            ),
        }
    return row


def reservation(instance_id: str, interfaces: Sequence[Json], state: str = "running", windows: bool = False) -> Json:
    codes = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
    first = interfaces[0]
    row: Json = {
        "InstanceId": instance_id,
        "ImageId": "ami-00000000000000001",
        "InstanceType": "t3.micro",
        "LaunchTime": CREATED,
        "State": {"Code": codes[state], "Name": state},
        "SubnetId": first["SubnetId"],
        "VpcId": first["VpcId"],
        "PrivateIpAddress": first["PrivateIpAddress"],
        "PlatformDetails": "Windows" if windows else "Linux/UNIX",
        "SecurityGroups": [dict(one) for one in first["Groups"]],
        "SourceDestCheck": first["SourceDestCheck"],
        "NetworkInterfaces": [
            {
                "NetworkInterfaceId": one["NetworkInterfaceId"],
                "SubnetId": one["SubnetId"],
                "VpcId": one["VpcId"],
                "OwnerId": OWNER,
                "PrivateIpAddress": one["PrivateIpAddress"],
                "PrivateIpAddresses": [dict(entry) for entry in one["PrivateIpAddresses"]],
                "Ipv6Addresses": [dict(entry) for entry in one["Ipv6Addresses"]],
                "Groups": [dict(entry) for entry in one["Groups"]],
                "SourceDestCheck": one["SourceDestCheck"],
                "Status": one["Status"],
                "InterfaceType": "interface",
            }
            for one in interfaces
        ],
        "Tags": [],
    }
    if windows:
        row["Platform"] = "windows"
    if "Association" in first:
        row["PublicIpAddress"] = first["Association"]["PublicIp"]
    return {"ReservationId": f"r-{instance_id[2:]}", "OwnerId": OWNER, "Groups": [], "Instances": [row]}


def internet_gateway(gateway_id: str, vpc_id: str | None) -> Json:
    attachments = [{"State": "available", "VpcId": vpc_id}] if vpc_id else []
    return {"InternetGatewayId": gateway_id, "OwnerId": OWNER, "Attachments": attachments, "Tags": []}


def egress_only_gateway(gateway_id: str, vpc_id: str) -> Json:
    attachments = [{"State": "attached", "VpcId": vpc_id}]
    return {"EgressOnlyInternetGatewayId": gateway_id, "Attachments": attachments, "Tags": []}


def nat_gateway(nat_id: str, row: Json, public: str | None, state: str = "available") -> Json:
    address: Json = {
        "NetworkInterfaceId": row["NetworkInterfaceId"],
        "PrivateIp": row["PrivateIpAddress"],
        "IsPrimary": True,
        "Status": "succeeded",
    }
    if public:
        address.update(PublicIp=public, AllocationId=f"eipalloc-{nat_id[4:]}")
    return {
        "NatGatewayId": nat_id,
        "SubnetId": row["SubnetId"],
        "VpcId": row["VpcId"],
        "State": state,
        "ConnectivityType": "public" if public else "private",
        "NatGatewayAddresses": [address],
        "CreateTime": CREATED,
        "Tags": [],
    }


def peering(peering_id: str, requester: Json, accepter: Json, status: str = "active") -> Json:
    def side(of: Json) -> Json:
        info: Json = {"VpcId": of["VpcId"], "OwnerId": OWNER, "Region": REGION, "CidrBlock": of["CidrBlock"]}
        if status == "active":  # CIDRs are returned only while active (facts 4.3)
            info["CidrBlockSet"] = [{"CidrBlock": e["CidrBlock"]} for e in of["CidrBlockAssociationSet"]]
            v6 = of.get("Ipv6CidrBlockAssociationSet", [])
            info["Ipv6CidrBlockSet"] = [{"Ipv6CidrBlock": e["Ipv6CidrBlock"]} for e in v6]
        return info

    return {
        "VpcPeeringConnectionId": peering_id,
        "RequesterVpcInfo": side(requester),
        "AccepterVpcInfo": side(accepter),
        "Status": {"Code": status, "Message": status},
        "Tags": [],
    }


def managed_prefix_list(list_id: str, cidrs: Sequence[str]) -> Json:
    return {
        "PrefixListId": list_id,
        "PrefixListName": f"name of {list_id}",
        "PrefixListArn": f"arn:aws:ec2:{REGION}:{OWNER}:prefix-list/{list_id}",
        "AddressFamily": f"IPv{ipaddress.ip_network(cidrs[0]).version}",
        "MaxEntries": 10,
        "State": "create-complete",
        "Version": 1,
        "OwnerId": OWNER,
        "Tags": [],
    }
