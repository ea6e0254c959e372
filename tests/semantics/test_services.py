"""Databases, caches, functions and tasks as ends of a question: found by name, asked at their interfaces."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import ACCOUNT, OUT, REGION, Json, Network, blockers, tcp

DB_HOST = "orders-db.cxy1.eu-west-1.rds.amazonaws.com"
DB_ARN = f"arn:aws:rds:{REGION}:{ACCOUNT}:db:orders-db"


def company(*, db_ingress: list[Json] | None = None) -> Network:
    """``web`` in a subnet, two subnets for what services run, and groups for each."""
    net = Network()
    net.subnet("subnet-web", "10.0.1.0/24", zone="a")
    net.subnet("subnet-a", "10.0.2.0/24", zone="a")
    net.subnet("subnet-b", "10.0.3.0/24", zone="b")
    net.group("sg-db", db_ingress if db_ingress is not None else [tcp(5432, "sg-web", "sg-fn")], [])
    net.group("sg-web", [], OUT)
    net.group("sg-fn", [], OUT)
    net.instance("web", "10.0.1.10", groups=["sg-web"])
    return net


def subnet_group(*names: str) -> Json:
    zones = {"subnet-a": "eu-west-1a", "subnet-b": "eu-west-1b"}
    subnets = [{"SubnetIdentifier": name, "SubnetAvailabilityZone": {"Name": zones[name]}} for name in names]
    return {"DBSubnetGroupName": "data", "VpcId": "vpc-1", "Subnets": subnets}


def database(name: str = "orders-db", **more: Any) -> Json:
    return {
        "DBInstanceIdentifier": name,
        "DBInstanceArn": f"arn:aws:rds:{REGION}:{ACCOUNT}:db:{name}",
        "Engine": "postgres",
        "Endpoint": {"Address": f"{name}.cxy1.eu-west-1.rds.amazonaws.com", "Port": 5432, "HostedZoneId": "Z1"},
        "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-db", "Status": "active"}],
        "DBSubnetGroup": subnet_group("subnet-a", "subnet-b"),
        "AvailabilityZone": "eu-west-1b",
        "PubliclyAccessible": False,
        **more,
    }


def with_database(net: Network) -> Network:
    net.responses["DBInstances"] = [database()]
    net.interface("eni-db", "10.0.3.17", groups=["sg-db"], description="RDSNetworkInterface", requester="amazon-rds")
    return net


@pytest.mark.parametrize("name", ["orders-db", "ORDERS-DB", DB_HOST, f"{DB_HOST}.", DB_ARN])
def test_a_database_is_found_by_name_dns_name_and_arn(name: str) -> None:
    net = with_database(company())
    answer = net.ask(f"web -> [{name}]:5432")
    assert answer.verdict == "allowed"
    assert answer.question.destination == "orders-db"
    assert answer.forward[-1].id == "eni-db"
    answer = net.ask(f"web -> [{name}]:3306")
    assert answer.verdict == "blocked"
    assert answer.blocked_by[0].interface_id == "eni-db"


def function(**more: Any) -> Json:
    return {
        "FunctionName": "report",
        "FunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:report",
        "VpcConfig": {"SubnetIds": ["subnet-a", "subnet-b"], "SecurityGroupIds": ["sg-fn"], "VpcId": "vpc-1"},
        **more,
    }


@pytest.mark.parametrize("name", ["report", function()["FunctionArn"], f"{function()['FunctionArn']}:live"])
def test_a_function_without_an_interface_sends_from_every_subnet_with_its_groups(name: str) -> None:
    net = with_database(company())
    net.responses["Functions"] = [function()]
    answer = net.ask(f"[{name}] -> orders-db:5432")
    assert answer.verdict == "allowed", blockers(answer)
    senders = {hop.id for hop in answer.forward if hop.kind == "interface"}
    assert senders == {"report@subnet-a", "report@subnet-b", "eni-db"}
    assert "No interface of report is listed in subnet-a" in answer.warnings[0]
    assert net.ask(f"[{name}] -> orders-db:3306").verdict == "blocked"
