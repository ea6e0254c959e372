"""A script of commands: the answer that ``what-if`` gives before is the answer after the calls were made in AWS."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore import xform_name

from tests.builders import question_of
from tests.config import cloud
from whyblocked.api import Session, WhatIf, live
from whyblocked.config.planned import read
from whyblocked.config.planned.arguments import call
from whyblocked.config.planned.shell import commands
from whyblocked.diagnosis.answer import Answer

CLIENT = "203.0.113.5"
QUESTIONS = (
    f"{CLIENT} -> web:22",
    "192.0.2.7 -> web:22",
    "web -> 8.8.8.8:443",
    "10.0.1.77 -> web:22",
    f"{CLIENT} -> web",
)

AUTHORIZE = "aws ec2 authorize-security-group-ingress --group-id {group} --protocol tcp --port 22 --cidr 203.0.113.0/24"
ROUTE = "aws ec2 create-route --route-table-id {table} --destination-cidr-block 0.0.0.0/0 --gateway-id {gateway}"
ADDRESS = "aws ec2 associate-address --network-interface-id {interface} --allocation-id {allocation}"
OPEN = f"{AUTHORIZE}\n{ROUTE}\n{ADDRESS}\n"
DENY = (
    "aws ec2 create-network-acl-entry --network-acl-id {acl} --rule-number 50 --protocol 6 --rule-action deny "
    "--port-range From=22,To=22 --cidr-block 203.0.113.0/25"
)

SCRIPTS = {
    "open": OPEN,
    "without a route": f"{AUTHORIZE}\n{ADDRESS}\n",
    "without an address": f"{AUTHORIZE}\n{ROUTE}\n",
    "route to a part": f"{AUTHORIZE}\n{ADDRESS}\n{ROUTE.replace('0.0.0.0/0', '203.0.112.0/23')}\n",
    "deny on the way in": f"{OPEN}{DENY} --ingress\n",
    "deny on the way out": f"{OPEN}{DENY.replace('From=22,To=22', 'From=1024,To=40000')} --egress\n",
    "deny and take it back": f"{OPEN}{DENY} --ingress\n"
    "aws ec2 delete-network-acl-entry --network-acl-id {acl} --rule-number 50 --ingress\n",
    "deny that becomes allow": f"{OPEN}{DENY} --ingress\n"
    "aws ec2 replace-network-acl-entry --network-acl-id {acl} --rule-number 50 --ingress --protocol 6 "
    "--rule-action allow --port-range From=22,To=22 --cidr-block 203.0.113.0/25\n",
    "no default entry": f"{OPEN}aws ec2 delete-network-acl-entry --network-acl-id {{acl}} --rule-number 100 --egress\n",
    "another acl": f"{OPEN}aws ec2 replace-network-acl-association --association-id {{association}} "
    "--network-acl-id {closed}\n",
    "revoked": f"{OPEN}aws ec2 revoke-security-group-ingress --group-id {{group}} "
    "--ip-permissions IpProtocol=tcp,FromPort=22,ToPort=22,PrefixListIds=[{{PrefixListId={list}}}]\n",
    "no way out": f"{OPEN}aws ec2 revoke-security-group-egress --group-id {{group}} --protocol -1 --cidr 0.0.0.0/0\n",
    "other groups": f"{OPEN}aws ec2 modify-network-interface-attribute --network-interface-id {{interface}} "
    "--groups {other}\n",
    "a group more": "aws ec2 modify-network-interface-attribute --network-interface-id {interface} "
    "--groups {group} {other}\n",
    "route replaced": f"{OPEN}aws ec2 delete-route --route-table-id {{table}} --destination-cidr-block 0.0.0.0/0\n"
    "aws ec2 create-route --route-table-id {table} --destination-cidr-block 192.0.2.0/24 --gateway-id {gateway}\n",
    "a table of its own": f"{OPEN}aws ec2 associate-route-table --route-table-id {{spare}} --subnet-id {{subnet}}\n",
    "stopped": f"{OPEN}aws ec2 stop-instances --instance-ids {{instance}}\n",
    "stopped and started": f"{OPEN}aws ec2 stop-instances --instance-ids {{instance}}\n"
    "aws ec2 start-instances --instance-ids {instance}\n",
    "a client more in the list": f"{OPEN}aws ec2 modify-managed-prefix-list --prefix-list-id {{list}} "
    "--current-version 1 --add-entries Cidr=8.8.8.0/24 --remove-entries Cidr=192.0.2.0/24\n",
    "the address taken off again": f"{OPEN}aws ec2 disassociate-address --public-ip 198.51.100.7\n",
    "the gateway taken away": f"{OPEN}aws ec2 delete-route --route-table-id {{table}} "
    "--destination-cidr-block 0.0.0.0/0\n",
}


@pytest.fixture
def ids(aws: None) -> dict[str, str]:
    """The small account, with a closed network ACL, a second group, a spare route table and an address."""
    made = cloud.build()
    ec2: Any = made.ec2
    of_vpc = [{"Name": "vpc-id", "Values": [made.vpc]}]
    (acl,) = ec2.describe_network_acls(Filters=of_vpc)["NetworkAcls"]
    (table,) = ec2.describe_route_tables(Filters=of_vpc)["RouteTables"]
    other = ec2.create_security_group(GroupName="other", Description="other", VpcId=made.vpc)["GroupId"]
    ec2.authorize_security_group_ingress(
        GroupId=other, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="10.0.0.0/8"
    )  # fmt: skip
    return {
        "group": made.group,
        "interface": made.interface,
        "instance": made.instance,
        "subnet": made.subnet,
        "list": made.prefix_list,
        "other": other,
        "table": table["RouteTableId"],
        "gateway": ec2.describe_internet_gateways()["InternetGateways"][0]["InternetGatewayId"],
        "allocation": ec2.allocate_address(Domain="vpc", Address="198.51.100.7")["AllocationId"],
        "acl": acl["NetworkAclId"],
        "association": next(a["NetworkAclAssociationId"] for a in acl["Associations"] if a["SubnetId"] == made.subnet),
        "closed": ec2.create_network_acl(VpcId=made.vpc)["NetworkAcl"]["NetworkAclId"],
        "spare": ec2.create_route_table(VpcId=made.vpc)["RouteTable"]["RouteTableId"],
    }


def make(script: str) -> None:
    """Make the calls of a script, as boto3 takes them."""
    ec2: Any = boto3.client("ec2")
    for command in commands(script, "script"):
        made = call(command, "script")
        getattr(ec2, xform_name(made.operation))(**made.parameters)


def shown(answer: Answer) -> Any:
    """What has to be the same: not the ids that AWS gives to what is new."""
    blockers = [
        (one.layer, one.leg, one.direction, one.code, one.resource_ids, one.packets) for one in answer.blocked_by
    ]
    hops = [(hop.kind, hop.id, hop.direction, hop.action) for hop in (*answer.forward, *answer.return_)]
    return answer.verdict, answer.open_ports, blockers, hops


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_answer_before_is_that_after(name: str, ids: dict[str, str]) -> None:
    script = SCRIPTS[name].format(**ids)
    supposed = WhatIf(live(), [read(script.encode(), "script")])
    before = [supposed.explain(question_of(line)) for line in QUESTIONS]
    present = Session(live())
    today = [present.explain(question_of(line)).verdict for line in QUESTIONS]
    assert [answer.before for answer in before] == today
    make(script)
    session = Session(live())
    for answer, line in zip(before, QUESTIONS, strict=True):
        assert shown(answer) == shown(session.explain(question_of(line))), line


def test_scripts_change_answers_in_both_directions(ids: dict[str, str]) -> None:
    account = live()
    verdicts = {
        name: WhatIf(account, [read(script.format(**ids).encode(), "script")])
        .explain(question_of(QUESTIONS[0]))
        .verdict
        for name, script in SCRIPTS.items()
    }
    assert {"allowed", "blocked", "partial"} == set(verdicts.values()), verdicts
