"""Changes on a copy of a live account: what they are about is fetched, and what comes later is edited, too."""

from __future__ import annotations

from typing import Any

import pytest

from tests.config import cloud
from tests.config.cloud import Cloud
from tests.edits.making import let_in, tcp_from
from whyblocked.api import Session, live
from whyblocked.config import resources as r
from whyblocked.config.edits import (
    AssociateAddress,
    CreateNetworkAclEntry,
    CreateRoute,
    Edit,
    ReplaceNetworkAclAssociation,
    apply,
)
from whyblocked.diagnosis.answer import Answer
from whyblocked.errors import EditError
from whyblocked.question.grammar import parse

QUESTION = "203.0.113.5 -> web:22"


class Wanted:
    """The small account, with what a client outside needs to get in: as edits, and as calls that make them."""

    def __init__(self, made: Cloud) -> None:
        self.cloud = made
        ec2 = made.ec2
        (gateway,) = ec2.describe_internet_gateways()["InternetGateways"]
        (table,) = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [made.vpc]}])["RouteTables"]
        ec2.create_route(
            RouteTableId=table["RouteTableId"],
            DestinationCidrBlock="192.0.2.0/24",
            GatewayId=gateway["InternetGatewayId"],
        )
        self.address = ec2.allocate_address(Domain="vpc", Address="198.51.100.7")
        self.acl = ec2.create_network_acl(VpcId=made.vpc)["NetworkAcl"]["NetworkAclId"]
        self.gateway, self.table = gateway["InternetGatewayId"], table["RouteTableId"]

    def edits(self) -> list[Edit]:
        entries: list[Edit] = [
            CreateNetworkAclEntry(
                network_acl_id=self.acl,
                entry=r.NetworkAclEntry(
                    rule_number=10, protocol="-1", rule_action="allow", egress=egress, cidr_block="203.0.113.0/24"
                ),
            )
            for egress in (True, False)
        ]
        return [
            *entries,
            ReplaceNetworkAclAssociation(network_acl_id=self.acl, subnet_id=self.cloud.subnet),
            CreateRoute(
                route_table_id=self.table,
                route=r.Route(destination_cidr_block="203.0.113.0/24", gateway_id=self.gateway),
            ),
            AssociateAddress(network_interface_id=self.cloud.interface, allocation_id=self.address["AllocationId"]),
            let_in(self.cloud.group, tcp_from(22, "203.0.113.5/32")),
        ]

    def make(self) -> None:
        ec2: Any = self.cloud.ec2
        for egress in (True, False):
            ec2.create_network_acl_entry(
                NetworkAclId=self.acl, RuleNumber=10, Protocol="-1", RuleAction="allow", Egress=egress,
                CidrBlock="203.0.113.0/24",
            )  # fmt: skip
        found = ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [self.cloud.subnet]}])
        (association,) = (
            a["NetworkAclAssociationId"]
            for a in found["NetworkAcls"][0]["Associations"]
            if a["SubnetId"] == self.cloud.subnet
        )
        ec2.replace_network_acl_association(AssociationId=association, NetworkAclId=self.acl)
        ec2.create_route(RouteTableId=self.table, DestinationCidrBlock="203.0.113.0/24", GatewayId=self.gateway)
        ec2.associate_address(NetworkInterfaceId=self.cloud.interface, AllocationId=self.address["AllocationId"])
        ec2.authorize_security_group_ingress(
            GroupId=self.cloud.group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="203.0.113.5/32"
        )


@pytest.fixture
def wanted(aws: None) -> Wanted:
    return Wanted(cloud.build())


def answer(question: str, *edits: Edit) -> Answer:
    account = live()
    return Session(apply(account, edits) if edits else account).explain(parse(question))


def test_the_answer_on_the_copy_is_that_after_the_calls(wanted: Wanted) -> None:
    today, supposed = answer(QUESTION), answer(QUESTION, *wanted.edits())
    wanted.make()
    later = answer(QUESTION)
    assert (today.verdict, supposed.verdict, later.verdict) == ("blocked", "allowed", "allowed")
    assert [(hop.kind, hop.id, hop.action) for hop in supposed.forward] == [
        (hop.kind, hop.id, hop.action) for hop in later.forward
    ]


def test_every_edit_counts(wanted: Wanted) -> None:
    edits = wanted.edits()
    for left_out in edits:
        rest = [edit for edit in edits if edit is not left_out]
        open_already = isinstance(left_out, ReplaceNetworkAclAssociation)  # the default network ACL lets all pass
        assert answer(QUESTION, *rest).verdict == ("allowed" if open_already else "blocked"), left_out


def test_the_copy_and_the_original_can_be_asked_in_turns(wanted: Wanted) -> None:
    account = live()
    edited = apply(account, wanted.edits())
    one, other = Session(account), Session(edited)
    inside = parse("web -> 10.0.1.77:443")
    assert one.explain(parse(QUESTION)).verdict == "blocked"
    assert other.explain(inside).verdict == one.explain(inside).verdict == "allowed"
    assert other.explain(parse(QUESTION)).verdict == "allowed"


def test_what_aws_does_not_have_cannot_be_edited(wanted: Wanted) -> None:
    with pytest.raises(EditError, match="sg-0123456789abcdef0 not found in us-east-1"):
        apply(live(), [let_in("sg-0123456789abcdef0", tcp_from(22, "203.0.113.5/32"))])
