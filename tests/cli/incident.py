"""A small account as a snapshot: one web server behind a security group that opens 22 to one address and 443 to all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

INSTANCE = "i-0abc1234def567890"
ALLOWED = "203.0.113.5"
REFUSED = "198.51.100.7"


def write(folder: Path, name: str = "web-1") -> Path:
    """The snapshot's folder; ``name`` is what the instance is called."""
    documents: dict[str, Any] = {
        "vpcs": {"Vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16"}]},
        "subnets": {
            "Subnets": [
                {
                    "SubnetId": "subnet-1",
                    "VpcId": "vpc-1",
                    "CidrBlock": "10.0.1.0/24",
                    "AvailabilityZone": "eu-west-1a",
                }
            ]
        },
        "route-tables": {
            "RouteTables": [
                {
                    "RouteTableId": "rtb-1",
                    "VpcId": "vpc-1",
                    "Associations": [{"Main": True, "RouteTableId": "rtb-1"}],
                    "Routes": [
                        {"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"},
                        {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1", "State": "active"},
                    ],
                }
            ]
        },
        "internet-gateways": {
            "InternetGateways": [
                {"InternetGatewayId": "igw-1", "Attachments": [{"VpcId": "vpc-1", "State": "available"}]}
            ]
        },
        "network-acls": {
            "NetworkAcls": [
                {
                    "NetworkAclId": "acl-1",
                    "VpcId": "vpc-1",
                    "IsDefault": True,
                    "Associations": [{"NetworkAclId": "acl-1", "SubnetId": "subnet-1"}],
                    "Entries": [
                        {
                            "RuleNumber": number,
                            "Protocol": "-1",
                            "RuleAction": action,
                            "Egress": egress,
                            "CidrBlock": "0.0.0.0/0",
                        }
                        for egress in (False, True)
                        for number, action in ((100, "allow"), (32767, "deny"))
                    ],
                }
            ]
        },
        "security-groups": {
            "SecurityGroups": [
                {
                    "GroupId": "sg-1",
                    "GroupName": "web",
                    "VpcId": "vpc-1",
                    "IpPermissions": [
                        {
                            "IpProtocol": "tcp",
                            "FromPort": port,
                            "ToPort": port,
                            "IpRanges": [{"CidrIp": cidr}],
                        }
                        for port, cidr in ((22, f"{ALLOWED}/32"), (443, "0.0.0.0/0"))
                    ],
                    "IpPermissionsEgress": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
                }
            ]
        },
        "network-interfaces": {
            "NetworkInterfaces": [
                {
                    "NetworkInterfaceId": "eni-0a1",
                    "VpcId": "vpc-1",
                    "SubnetId": "subnet-1",
                    "AvailabilityZone": "eu-west-1a",
                    "Groups": [{"GroupId": "sg-1"}],
                    "PrivateIpAddress": "10.0.1.10",
                    "PrivateIpAddresses": [
                        {
                            "PrivateIpAddress": "10.0.1.10",
                            "Primary": True,
                            "Association": {"PublicIp": "203.0.113.99"},
                        }
                    ],
                    "Association": {"PublicIp": "203.0.113.99"},
                    "Attachment": {"InstanceId": INSTANCE, "DeviceIndex": 0, "Status": "attached"},
                    "Status": "in-use",
                }
            ]
        },
        "instances": {
            "Reservations": [
                {
                    "Instances": [
                        {
                            "InstanceId": INSTANCE,
                            "State": {"Name": "running"},
                            "VpcId": "vpc-1",
                            "SubnetId": "subnet-1",
                            "Tags": [{"Key": "Name", "Value": name}],
                        }
                    ]
                }
            ]
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    for file, document in documents.items():
        (folder / f"{file}.json").write_text(json.dumps(document))
    return folder
