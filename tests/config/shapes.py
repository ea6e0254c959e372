"""The smallest resources that load, as the AWS CLI prints them, and a way to put them into files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def vpc(vpc_id: str = "vpc-1", **more: Any) -> Json:
    return {"VpcId": vpc_id, "CidrBlock": "10.0.0.0/16", **more}


def subnet(subnet_id: str = "subnet-1", vpc_id: str = "vpc-1", **more: Any) -> Json:
    return {"SubnetId": subnet_id, "VpcId": vpc_id, "CidrBlock": "10.0.1.0/24", **more}


def acl(acl_id: str = "acl-1", vpc_id: str = "vpc-1", subnets: tuple[str, ...] = ("subnet-1",), **more: Any) -> Json:
    row = {"RuleNumber": 100, "Protocol": "-1", "RuleAction": "allow", "Egress": False, "CidrBlock": "0.0.0.0/0"}
    return {
        "NetworkAclId": acl_id,
        "VpcId": vpc_id,
        "Entries": [row],
        "Associations": [{"SubnetId": subnet_id} for subnet_id in subnets],
        **more,
    }


def interface(interface_id: str = "eni-1", address: str = "10.0.1.5", **more: Any) -> Json:
    return {
        "NetworkInterfaceId": interface_id,
        "VpcId": "vpc-1",
        "SubnetId": "subnet-1",
        "Groups": [{"GroupId": "sg-1"}],
        "PrivateIpAddress": address,
        **more,
    }


def without(resource: Json, key: str) -> Json:
    return {name: value for name, value in resource.items() if name != key}


def put(folder: Path, **files: Any) -> Path:
    """Write ``folder/<name>.json``; ``__`` in a name stands for a slash. Bytes and texts are written as they are."""
    for name, content in files.items():
        path = folder / f"{name.replace('__', '/')}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(content, bytes):
            content = (content if isinstance(content, str) else json.dumps(content)).encode()
        path.write_bytes(content)
    return folder
