"""Random accounts look like AWS's own answers, and a set of packets is judged as the union of its members."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import botocore.session
import pytest
from botocore.model import ListShape, Shape, StructureShape
from hypothesis import HealthCheck, given, settings

from tests.oracle.accounts import accounts, minimise, random_account, write_snapshot
from tests.oracle.model import TCP, Json
from tests.oracle.questions import Question, answer, random_question, sample_packets
from tests.oracle.shapes import acl_entry
from tests.oracle.world import CLIENT, deny, world

OPERATIONS = {
    "Vpcs": "DescribeVpcs",
    "Subnets": "DescribeSubnets",
    "RouteTables": "DescribeRouteTables",
    "NetworkAcls": "DescribeNetworkAcls",
    "SecurityGroups": "DescribeSecurityGroups",
    "SecurityGroupRules": "DescribeSecurityGroupRules",
    "NetworkInterfaces": "DescribeNetworkInterfaces",
    "Reservations": "DescribeInstances",
    "InternetGateways": "DescribeInternetGateways",
    "EgressOnlyInternetGateways": "DescribeEgressOnlyInternetGateways",
    "NatGateways": "DescribeNatGateways",
    "VpcPeeringConnections": "DescribeVpcPeeringConnections",
    "PrefixLists": "DescribeManagedPrefixLists",
    "VpcBlockPublicAccessOptions": "DescribeVpcBlockPublicAccessOptions",
    "VpcBlockPublicAccessExclusions": "DescribeVpcBlockPublicAccessExclusions",
}


def misfits(value: Any, shape: Shape, where: str) -> list[str]:
    """Keys and types that AWS's own description of the answer does not have."""
    if isinstance(shape, StructureShape):
        unknown = [f"{where}.{key}" for key in value if key not in shape.members]
        known = (misfits(value[key], shape.members[key], f"{where}.{key}") for key in value if key in shape.members)
        return [*unknown, *(one for found in known for one in found)]
    if isinstance(shape, ListShape):
        return [one for item in value for one in misfits(item, shape.member, where)]
    kinds: dict[str, type] = {"boolean": bool, "integer": int, "long": int}
    fits = isinstance(value, kinds.get(shape.type_name, str))
    return [] if fits else [f"{where}: {value!r} is no {shape.type_name}"]


@pytest.fixture(scope="module")
def many() -> list[Json]:
    return [random_account(Random(seed)) for seed in range(150)]


def test_every_key_is_one_that_aws_prints(many: list[Json]) -> None:
    service = botocore.session.get_session().get_service_model("ec2")
    found: set[str] = set()
    for account in [*many, {**world(), "PrefixListEntries": {"pl-1": []}}]:
        for key, value in account.items():
            if key == "PrefixListEntries":
                continue
            output = service.operation_model(OPERATIONS[key]).output_shape
            assert output is not None
            found |= set(misfits({key: value}, output, key))
    assert found == set()


def test_ids_and_addresses_are_unique(many: list[Json]) -> None:
    for account in many:
        for key, field in (("NetworkInterfaces", "NetworkInterfaceId"), ("Subnets", "SubnetId")):
            ids = [one[field] for one in account[key]]
            assert len(ids) == len(set(ids))
        held = [
            (one["VpcId"], entry["PrivateIpAddress"])
            for one in account["NetworkInterfaces"]
            for entry in one["PrivateIpAddresses"]
        ]
        assert len(held) == len(set(held))


def test_every_subnet_has_one_acl_and_a_route_table(many: list[Json]) -> None:
    for account in many:
        with_acl = [a["SubnetId"] for acl in account["NetworkAcls"] for a in acl["Associations"]]
        assert sorted(with_acl) == sorted(subnet["SubnetId"] for subnet in account["Subnets"])
        mains = [t["VpcId"] for t in account["RouteTables"] for a in t["Associations"] if a["Main"]]
        assert sorted(mains) == sorted(vpc["VpcId"] for vpc in account["Vpcs"])


def test_the_questions_meet_every_verdict_and_most_layers(many: list[Json]) -> None:
    verdicts: Counter[str] = Counter()
    layers: set[tuple[str, str]] = set()
    for seed, account in enumerate(many):
        rng = Random(seed)
        for _ in range(6):
            result = answer(account, random_question(rng, account))
            verdicts[result.verdict] += 1
            layers |= {(b.leg, b.layer) for _, outcome in result.outcomes for b in outcome.blockers}
    assert verdicts["allowed"] > 100
    assert set(verdicts) == {"allowed", "blocked", "partial", "undetermined"}
    both = ("security-group", "network-acl", "route-table", "internet-gateway", "nat-gateway", "block-public-access")
    assert {layer for _, layer in layers} >= {*both, "instance", "interface", "vpc-peering"}


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(account=accounts())
def test_the_strategy_draws_accounts_that_can_be_asked(account: Json) -> None:
    question = random_question(Random(0), account)
    result = answer(account, question)
    assert len(result.outcomes) == len(sample_packets(account, question))


def test_a_split_source_port_range_is_partial() -> None:
    account = world()
    deny(account, "acl-front", acl_entry(8, "egress", "deny", "203.0.113.0/24", TCP, ports=(40000, 50000)))
    asked = Question(CLIENT, "i-web", TCP, destination_port=22, source_ports=(1024, 65535))
    assert answer(account, asked).verdict == "partial"
    assert answer(account, Question(CLIENT, "i-web", TCP, 22, (40000, 50000))).verdict == "blocked"
    assert answer(account, Question(CLIENT, "i-web", TCP, 22, (1024, 39999))).verdict == "allowed"


def test_nat_ports_split_the_answer_too() -> None:
    account = world()
    deny(account, "acl-front", acl_entry(8, "ingress", "deny", "203.0.113.0/24", TCP, ports=(1024, 32767)))
    assert answer(account, Question("i-app", CLIENT, TCP, 443, (32768, 60999))).verdict == "partial"
    assert answer(account, Question("i-web", CLIENT, TCP, 443, (32768, 60999))).verdict == "allowed"


def test_questions_are_written_as_the_command_line_wants_them() -> None:
    asked = Question("i-web", "2001:db8:ffff::5", TCP, destination_port=443, source_ports=(1024, 65535))
    words = "i-web to [2001:db8:ffff::5]:443 --protocol tcp --source-port 1024-65535"
    assert asked.arguments() == words.split()
    echo = Question(CLIENT, "i-web", 1, icmp_type=8, icmp_code=0)
    assert echo.arguments() == f"{CLIENT} to i-web --protocol icmp --icmp-type 8 --icmp-code 0".split()


def test_a_failure_is_made_smaller() -> None:
    account = random_account(Random(3))

    def names_port_22(one: Json) -> bool:
        rules = [rule for group in one["SecurityGroups"] for rule in group["IpPermissions"]]
        return len(rules) >= 1

    smaller = minimise(account, names_port_22)
    assert sum(len(group["IpPermissions"]) for group in smaller["SecurityGroups"]) == 1
    assert smaller["NetworkInterfaces"] == []


def test_a_snapshot_folder_holds_every_row(tmp_path: Path) -> None:
    account = next(one for one in map(random_account, map(Random, range(100))) if one["PrefixListEntries"])
    write_snapshot(account, tmp_path)
    name, entries = next(iter(account["PrefixListEntries"].items()))
    assert json.loads((tmp_path / "Vpcs.json").read_text()) == {"Vpcs": account["Vpcs"]}
    assert json.loads((tmp_path / f"managed-prefix-list-entries.{name}.json").read_text()) == {"Entries": entries}
