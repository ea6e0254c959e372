"""VPCs that several accounts use: what who takes part can't see is not taken for absent.

https://docs.aws.amazon.com/vpc/latest/userguide/vpc-sharing.html
https://docs.aws.amazon.com/vpc/latest/userguide/security-group-assoc.html
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders import ACCOUNT, Json, Network, blockers, codes, tcp
from whyblocked.api import Session, snapshot
from whyblocked.diagnosis.answer import Answer
from whyblocked.question.grammar import parse

OWNER = "222222222222"


def shared() -> Network:
    """``app`` (10.0.1.10) and ``job`` (10.0.2.10) of an account in subnets that another one shares with it."""
    net = Network(None)
    net.vpc("vpc-1", "10.0.0.0/16", owner=OWNER)
    net.subnet("subnet-app", "10.0.1.0/24", owner=OWNER, routes={"0.0.0.0/0": "nat-1"})
    net.subnet("subnet-job", "10.0.2.0/24", owner=OWNER)
    net.group("sg-app", [tcp(443, "10.0.0.0/16")])
    net.instance("app", "10.0.1.10", groups=["sg-app"])
    net.instance("job", "10.0.2.10", groups=["sg-app"])
    return net


def test_between_the_interfaces_of_who_takes_part_all_is_known() -> None:
    assert shared().ask("app -> job:443").verdict == "allowed"
    assert codes(shared().ask("app -> job:22")) == ["ENI_SG_RULES_MISMATCH"]


@pytest.mark.parametrize("question", ["app -> 10.0.2.99:443", "app -> 10.0.2.0/24:443"])
def test_an_address_that_shows_no_owner_may_be_another_accounts(question: str) -> None:
    answer = shared().ask(question)
    assert (answer.verdict, blockers(answer)) == ("undetermined", [])
    assert any(OWNER in missing for missing in answer.missing)


def test_a_subnet_that_is_not_shared_may_hold_an_address_all_the_same() -> None:
    answer = shared().ask("app -> 10.0.77.5:443")
    assert (answer.verdict, blockers(answer)) == ("undetermined", [])
    assert any(OWNER in missing for missing in answer.missing)


def test_a_nat_gateway_of_the_owner_does_not_show() -> None:
    net = shared()
    net.leave_out("NatGateways")
    answer = net.ask("app -> 203.0.113.5:443")
    assert answer.verdict == "undetermined"
    assert any("ec2:DescribeNatGateways" in missing for missing in answer.missing)


def test_with_the_owners_capture_beside_it_everything_is_known(tmp_path: Path) -> None:
    net = shared()
    net.save(tmp_path / ACCOUNT / net.region)
    owner = Network(None, account=OWNER)
    owner.vpc("vpc-1", "10.0.0.0/16")
    owner.subnet("subnet-app", "10.0.1.0/24")
    owner.subnet("subnet-job", "10.0.2.0/24")
    owner.subnet("subnet-db", "10.0.3.0/24")
    owner.group("sg-db", [tcp(5432, "10.0.1.0/24")])
    owner.instance("db", "10.0.3.10", groups=["sg-db"])
    owner.save(tmp_path / OWNER / owner.region)
    assert asked(tmp_path, "app -> db:5432").verdict == "allowed"
    assert codes(asked(tmp_path, "job -> db:5432")) == ["ENI_SG_RULES_MISMATCH"]
    assert asked(tmp_path, "app -> 10.0.2.99:443").verdict == "allowed"


def asked(folder: Path, question: str) -> Answer:
    return Session(snapshot(folder)).explain(parse(question))


# -- groups of another VPC -------------------------------------------------------------------------------------------


def associated() -> Network:
    """``one`` in vpc-2 carries a group of vpc-1, and ``two`` there lets that group in."""
    net = Network()
    net.vpc("vpc-2", "10.9.0.0/16")
    net.subnet("subnet-two", "10.9.1.0/24", vpc="vpc-2")
    net.group("sg-everywhere", [tcp(22, "10.9.0.0/16")])
    net.group("sg-two", [tcp(443, "sg-everywhere")], vpc="vpc-2")
    net.instance("one", "10.9.1.10", groups=["sg-everywhere"])
    net.instance("two", "10.9.1.20", groups=["sg-two"])
    net.responses["SecurityGroupVpcAssociations"] = [association("sg-everywhere", "vpc-2")]
    return net


def association(group: str, vpc: str, state: str = "associated") -> Json:
    """A row of describe-security-group-vpc-associations."""
    return {"GroupId": group, "VpcId": vpc, "VpcOwnerId": ACCOUNT, "State": state, "GroupOwnerId": ACCOUNT}


def test_a_group_of_another_vpc_filters_and_is_referenced_where_it_is_associated() -> None:
    net = associated()
    assert net.ask("two -> one:22").verdict == "allowed"
    assert codes(net.ask("two -> one:80")) == ["ENI_SG_RULES_MISMATCH"]
    assert net.ask("one -> two:443").verdict == "allowed"


@pytest.mark.parametrize(
    ("state", "verdict"),
    [("associated", "undetermined"), ("associating", "undetermined"), ("disassociated", "blocked")],
)
def test_whoever_was_not_read_may_carry_a_group_only_where_it_is_associated(state: str, verdict: str) -> None:
    net = Network()
    net.peering("pcx-1", "vpc-1", "vpc-9", accepter_cidr="10.9.0.0/16")
    net.subnet("subnet-app", "10.0.1.0/24", routes={"10.9.0.0/16": "pcx-1"})
    net.group("sg-both", [])
    net.group("sg-app", [], [tcp(443, "sg-both")])
    net.instance("app", "10.0.1.10", groups=["sg-app"])
    net.responses["SecurityGroupVpcAssociations"] = [association("sg-both", "vpc-9", state)]
    assert net.ask("app -> 10.9.1.20:443").verdict == verdict


def test_a_vpc_of_another_account_without_interfaces_is_not_taken_for_shared() -> None:
    net = Network()
    net.vpc("vpc-2", "10.9.0.0/16", owner=OWNER)
    net.peering("pcx-1", "vpc-1", "vpc-2")
    net.subnet("subnet-app", "10.0.1.0/24", routes={"10.9.0.0/16": "pcx-1"})
    net.subnet("subnet-two", "10.9.1.0/24", vpc="vpc-2", owner=OWNER, routes={"10.0.0.0/16": "pcx-1"})
    net.instance("app", "10.0.1.10")
    assert net.ask("app -> 10.9.1.20:443").verdict == "allowed", "to a host that may be there, without groups"
