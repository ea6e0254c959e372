"""``--region`` of a command against the Region of what it is about."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.builders import Network, allow, question_of, tcp
from tests.edits.making import account_of
from whyblocked.api import WhatIf, snapshot
from whyblocked.config.account import Account
from whyblocked.config.planned import read
from whyblocked.errors import EditError

SSH = "203.0.113.5 -> web:22"
OPEN = "aws ec2 authorize-security-group-ingress --group-id {} --protocol tcp --port 22 --cidr 203.0.113.5/32"


def network(region: str, number: int = 1) -> Network:
    """A web server that is open to all for HTTPS alone."""
    net = Network(None, region=region)
    vpc, group = f"vpc-{number}", f"sg-web-{number}"
    net.vpc(vpc, f"10.{number}.0.0/16")
    net.internet_gateway(f"igw-{number}", vpc)
    routes = {"0.0.0.0/0": f"igw-{number}"}
    net.subnet(f"subnet-{number}", f"10.{number}.1.0/24", vpc=vpc, routes=routes, acl=([allow(100)], [allow(100)]))
    net.group(group, [tcp(443, "0.0.0.0/0")], vpc=vpc)
    name = "web" if number == 1 else f"web-{number}"
    net.instance(name, f"10.{number}.1.10", groups=[group], public=f"198.51.100.{number}")
    return net


def verdict(account: Account, script: str, line: str = SSH) -> str:
    return WhatIf(account, [read(script.encode(), "change.sh")]).explain(question_of(line)).verdict


@pytest.mark.parametrize("region", ["", " --region eu-west-1", " --region=eu-west-1"])
def test_a_command_for_the_region_of_its_resource_is_made(region: str) -> None:
    assert verdict(account_of(network("eu-west-1")), OPEN.format("sg-web-1") + region) == "allowed"


@pytest.mark.parametrize(
    "command",
    [
        OPEN.format("sg-web-1"),
        "aws ec2 delete-route --route-table-id rtb-1 --destination-cidr-block 0.0.0.0/0",
        "aws ec2 delete-network-acl-entry --network-acl-id acl-1 --rule-number 100 --ingress",
        "aws ec2 modify-network-interface-attribute --network-interface-id eni-web --groups sg-web-1",
    ],
)
def test_a_command_for_another_region_is_an_error_with_its_line(command: str) -> None:
    with pytest.raises(EditError) as raised:
        verdict(account_of(network("eu-west-1")), f"# open it\n{command} --region us-east-1\n")
    resource = next(word for word in command.split() if word.endswith("-1") or word == "eni-web")
    assert raised.value.message == (
        f"change.sh: line 2: --region us-east-1: {resource} is in eu-west-1, so AWS would not find it"
    )


def test_each_command_is_held_against_its_own_region_where_several_were_read(tmp_path: Path) -> None:
    for region, number in (("eu-west-1", 1), ("us-east-1", 2)):
        network(region, number).save(tmp_path / region)
    account = snapshot(tmp_path)
    here, there = f"{OPEN.format('sg-web-1')} --region eu-west-1\n", f"{OPEN.format('sg-web-2')} --region us-east-1\n"
    assert verdict(account, here + there) == "allowed"
    assert verdict(account, here + there, "203.0.113.5 -> web-2:22") == "allowed"
    with pytest.raises(EditError, match=r"line 2: --region eu-west-1: sg-web-2 is in us-east-1"):
        verdict(account, here + there.replace("us-east-1", "eu-west-1"))


def test_where_nothing_tells_the_region_of_a_resource_none_is_wrong() -> None:
    net = network("eu-west-1")
    for key in ("Subnets", "NetworkInterfaces", "Reservations"):
        net.responses[key] = json.loads(
            re.sub(r'"(Availability)?Zone\w*": "[^"]*",?', "", json.dumps(net.responses[key]))
        )
    account = account_of(net)
    assert account.region_of("vpc-1") is None
    assert verdict(account, f"{OPEN.format('sg-web-1')} --region us-east-1") == "allowed"
