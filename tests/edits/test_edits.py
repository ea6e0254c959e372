"""Changes made on a copy of an account: what they do to answers, and what AWS would refuse."""

from __future__ import annotations

import pytest

from tests.builders import Network, allow, tcp
from tests.edits.making import account_of, ask, entry, let_in, tcp_from, to_gateway
from whyblocked.config import resources as r
from whyblocked.config.edits import (
    AcceptVpcPeeringConnection,
    AssociateAddress,
    AssociateRouteTable,
    AttachInternetGateway,
    CreateRoute,
    CreateVpcBlockPublicAccessExclusion,
    DeleteNetworkAclEntry,
    DeleteRoute,
    Edit,
    ModifyInstanceAttribute,
    ModifyManagedPrefixList,
    ModifyNetworkInterfaceAttribute,
    ReplaceNetworkAclAssociation,
    ReplaceRoute,
    ReplaceRouteTableAssociation,
    RevokeSecurityGroup,
    StartInstances,
    StopInstances,
    apply,
)
from whyblocked.errors import EditError, UndeterminedError

CLIENT = "203.0.113.5"
SSH = f"{CLIENT} -> web:22"


def shop() -> Network:
    """A web server with a public address, and a database beside it that only says what it needs to."""
    net = Network()
    net.internet_gateway()
    net.subnet("subnet-web", "10.0.1.0/24", routes={"0.0.0.0/0": "igw-1"})
    net.subnet("subnet-db", "10.0.2.0/24", acl=([allow(100, "tcp", 5432)], [allow(100, "tcp", (32768, 60999))]))
    net.group("sg-web", [tcp(443, "0.0.0.0/0")])
    net.group("sg-db", [tcp(5432, "sg-web")], [])
    net.instance("web", "10.0.1.10", groups=["sg-web"], public="198.51.100.10")
    net.instance("db", "10.0.2.10", groups=["sg-db"])
    return net


def verdicts(net: Network, line: str, *edits: Edit) -> tuple[str, str]:
    """The answer today, and as it would be; asking about the copy leaves the original's answer as it was."""
    account = account_of(net)
    before = ask(account, line)
    after = ask(apply(account, edits), line)
    assert ask(account, line) == before
    return before.verdict, after.verdict


# -- what edits do -----------------------------------------------------------------------------------------------------


def test_a_rule_lets_the_client_in_and_only_on_the_copy() -> None:
    assert verdicts(shop(), SSH, let_in("sg-web", tcp_from(22, f"{CLIENT}/32"))) == ("blocked", "allowed")


def test_a_rule_may_name_a_group_whose_carriers_are_then_let_in() -> None:
    net = shop()
    net.instance("batch", "10.0.1.20", groups=["sg-web"])
    edit = let_in("sg-web", tcp_from(8080, "sg-web"))
    assert verdicts(net, "batch -> web:8080", edit) == ("blocked", "allowed")


def test_a_rule_that_is_revoked_lets_nobody_in_any_more() -> None:
    edit = RevokeSecurityGroup(group_id="sg-web", direction="ingress", permission=tcp_from(443, "0.0.0.0/0"))
    assert verdicts(shop(), f"{CLIENT} -> web:443", edit) == ("allowed", "blocked")


def test_edits_are_made_one_after_the_other() -> None:
    rule = tcp_from(22, f"{CLIENT}/32")
    there_and_gone = (
        let_in("sg-web", rule),
        RevokeSecurityGroup(group_id="sg-web", direction="ingress", permission=rule),
    )
    assert verdicts(shop(), SSH, *there_and_gone) == ("blocked", "blocked")


def test_an_entry_in_front_of_the_one_that_allows_denies() -> None:
    deny = entry("acl-db", 50, "deny", (5432, 5432), cidr="10.0.1.0/24")
    assert verdicts(shop(), "web -> db:5432", deny) == ("allowed", "blocked")


def test_without_the_entry_the_reply_is_lost() -> None:
    gone = DeleteNetworkAclEntry(network_acl_id="acl-db", rule_number=100, egress=True)
    account = apply(account_of(shop()), [gone])
    answer = ask(account, "web -> db:5432")
    assert [(found.leg, found.layer) for found in answer.blocked_by] == [("return", "network-acl")]


def test_a_subnet_is_guarded_by_the_acl_that_it_is_given() -> None:
    net = shop()
    net.acl("acl-open", [allow(100)], [allow(100)])
    net.group("sg-ssh", [tcp(22, "10.0.0.0/16")])
    net.instance("other", "10.0.2.20", groups=["sg-ssh"])
    moved = ReplaceNetworkAclAssociation(network_acl_id="acl-open", subnet_id="subnet-db")
    assert verdicts(net, "web -> other:22", moved) == ("blocked", "allowed")


def test_a_route_and_a_public_address_open_the_way_out() -> None:
    net = shop()
    net.group("sg-out")
    net.instance("job", "10.0.2.30", groups=["sg-out"])
    net.acl("acl-open", [allow(100)], [allow(100)])
    net.responses["Addresses"] = [{"PublicIp": "198.51.100.99", "AllocationId": "eipalloc-1", "Domain": "vpc"}]
    edits = [
        ReplaceNetworkAclAssociation(network_acl_id="acl-open", subnet_id="subnet-db"),
        to_gateway("rtb-main-1", "0.0.0.0/0", "igw-1"),
        AssociateAddress(network_interface_id="eni-job", allocation_id="eipalloc-1"),
    ]
    assert verdicts(net, "job -> 8.8.8.8:443", *edits) == ("blocked", "allowed")
    assert verdicts(net, "job -> 8.8.8.8:443", *edits[:2]) == ("blocked", "blocked")


def test_an_associated_address_is_found_by_its_number() -> None:
    net = shop()
    net.responses["Addresses"] = [{"PublicIp": "198.51.100.99", "AllocationId": "eipalloc-1"}]
    moved = AssociateAddress(network_interface_id="eni-web", public_ip="198.51.100.99")
    account = apply(account_of(net), [moved])
    assert ask(account, f"{CLIENT} -> 198.51.100.99:443").verdict == "allowed"
    assert ask(account, f"{CLIENT} -> web:443").verdict == "allowed"
    assert account.public_owner(r.address("198.51.100.10")) is None


def test_without_its_route_nothing_leaves() -> None:
    gone = DeleteRoute(route_table_id="rtb-web", destination="0.0.0.0/0")
    assert verdicts(shop(), f"{CLIENT} -> web:443", gone) == ("allowed", "blocked")


def test_a_route_can_be_given_another_target() -> None:
    net = shop()
    net.nat_gateway("nat-1", "10.0.1.99", "198.51.100.77")
    other = ReplaceRoute(
        route_table_id="rtb-web", route=r.Route(destination_cidr_block="0.0.0.0/0", nat_gateway_id="nat-1")
    )
    assert verdicts(net, f"{CLIENT} -> web:443", other) == ("allowed", "blocked")


def test_a_subnet_can_be_given_another_route_table() -> None:
    net = shop()
    net.table("rtb-out", {"0.0.0.0/0": "igw-1"})
    net.group("sg-any", [tcp(22, "0.0.0.0/0")])
    net.subnet("subnet-new", "10.0.3.0/24")
    net.instance("new", "10.0.3.10", groups=["sg-any"], public="198.51.100.11")
    line = f"{CLIENT} -> new:22"
    assert verdicts(net, line, AssociateRouteTable(route_table_id="rtb-out", subnet_id="subnet-new")) == (
        "blocked",
        "allowed",
    )
    back = ReplaceRouteTableAssociation(route_table_id="rtb-main-1", subnet_id="subnet-web")
    assert verdicts(net, f"{CLIENT} -> web:443", back) == ("allowed", "blocked")


def test_other_groups_on_an_interface_decide_from_then_on() -> None:
    net = shop()
    net.group("sg-ssh", [tcp(22, f"{CLIENT}/32")])
    for edit in (
        ModifyNetworkInterfaceAttribute(network_interface_id="eni-web", groups=("sg-web", "sg-ssh")),
        ModifyInstanceAttribute(instance_id=instance_id(net, "web"), groups=("sg-ssh",)),
    ):
        assert verdicts(net, SSH, edit) == ("blocked", "allowed")
    lost = ModifyNetworkInterfaceAttribute(network_interface_id="eni-web", groups=("sg-ssh",))
    assert verdicts(net, "web -> db:5432", lost) == ("allowed", "blocked")


def test_an_instance_can_be_started_and_stopped() -> None:
    net = shop()
    net.instance("idle", "10.0.1.50", groups=["sg-web"], public="198.51.100.12", state="stopped")
    assert verdicts(net, f"{CLIENT} -> idle:443", StartInstances(instance_ids=(instance_id(net, "idle"),))) == (
        "blocked",
        "allowed",
    )
    assert verdicts(net, "db -> web:443", StopInstances(instance_ids=(instance_id(net, "web"),)))[1] == "blocked"


def test_a_peering_connection_that_is_accepted_carries_packets() -> None:
    net = shop()
    net.vpc("vpc-2", "10.1.0.0/16")
    net.subnet("subnet-far", "10.1.1.0/24", vpc="vpc-2", routes={"10.0.0.0/16": "pcx-1"})
    net.group("sg-far", [tcp(22, "10.0.0.0/16")], vpc="vpc-2")
    net.instance("far", "10.1.1.10", groups=["sg-far"])
    net.peering("pcx-1", "vpc-1", "vpc-2", status="pending-acceptance")
    route = r.Route(destination_cidr_block="10.1.0.0/16", vpc_peering_connection_id="pcx-1")
    edits = [
        CreateRoute(route_table_id="rtb-web", route=route),
        AcceptVpcPeeringConnection(vpc_peering_connection_id="pcx-1"),
    ]
    assert verdicts(net, "web -> far:22", *edits) == ("blocked", "allowed")
    assert verdicts(net, "web -> far:22", edits[0]) == ("blocked", "blocked")


def test_an_internet_gateway_that_is_attached_wakes_its_routes() -> None:
    net = Network()
    net.internet_gateway(vpc=None)
    net.subnet("subnet-web", "10.0.1.0/24", routes={"0.0.0.0/0": "igw-1"})
    net.responses["RouteTables"][-1]["Routes"][-1]["State"] = "blackhole"
    net.group("sg-web", [tcp(443, "0.0.0.0/0")])
    net.instance("web", "10.0.1.10", groups=["sg-web"], public="198.51.100.10")
    attached = AttachInternetGateway(internet_gateway_id="igw-1", vpc_id="vpc-1")
    assert verdicts(net, f"{CLIENT} -> web:443", attached) == ("blocked", "allowed")


def test_what_block_public_access_leaves_out_passes() -> None:
    net = shop()
    net.block_public_access("block-bidirectional")
    left_out = CreateVpcBlockPublicAccessExclusion(
        internet_gateway_exclusion_mode="allow-bidirectional", subnet_id="subnet-web"
    )
    assert verdicts(net, f"{CLIENT} -> web:443", left_out) == ("blocked", "allowed")


def test_a_block_in_a_prefix_list_counts_in_the_rules_that_name_it() -> None:
    net = shop()
    net.prefix_list("pl-1", ["192.0.2.0/24"])
    net.group("sg-list", [tcp(22, "pl-1")])
    net.instance("ops", "10.0.1.60", groups=["sg-list"], public="198.51.100.13")
    more = ModifyManagedPrefixList(prefix_list_id="pl-1", add=(f"{CLIENT}/32",))
    assert verdicts(net, f"{CLIENT} -> ops:22", more) == ("blocked", "allowed")


def test_copies_of_copies_hold_the_edits_of_both() -> None:
    first = apply(account_of(shop()), [let_in("sg-web", tcp_from(22, f"{CLIENT}/32"))])
    second = apply(first, [entry("acl-default-1", 50, "deny", (22, 22))])
    assert [ask(account, SSH).verdict for account in (first, second)] == ["allowed", "blocked"]


# -- what AWS refuses --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (let_in("sg-web", tcp_from(443, "0.0.0.0/0")), "sg-web has the ingress rule already: tcp 443, 0.0.0.0/0"),
        (let_in("sg-none", tcp_from(443, "0.0.0.0/0")), "sg-none is not in the snapshot"),
        (let_in("sg-web", tcp_from((22, 20), "0.0.0.0/0")), "the lower first"),
        (let_in("sg-web", tcp_from(22, "sg-none")), "sg-none is not in the snapshot"),
        (
            RevokeSecurityGroup(group_id="sg-web", direction="ingress", permission=tcp_from(22, "0.0.0.0/0")),
            "sg-web has no such ingress rule: tcp 22, 0.0.0.0/0",
        ),
        (entry("acl-db", 100, "allow", (22, 22)), "acl-db has inbound rule 100 already"),
        (entry("acl-db", 40000, "allow", (22, 22)), "the numbers are 1 to 32766"),
        (
            DeleteNetworkAclEntry(network_acl_id="acl-db", rule_number=32767, egress=False),
            "acl-db has no inbound rule 32767 that could be changed",
        ),
        (to_gateway("rtb-web", "0.0.0.0/0", "igw-1"), "rtb-web has a route to 0.0.0.0/0 already"),
        (to_gateway("rtb-web", "0.0.0.0/1", "igw-2"), "igw-2 is not in the snapshot"),
        (to_gateway("rtb-web", "10.0.2.0/24", "igw-1"), "10.0.2.0/24 is a part of vpc-1"),
        (DeleteRoute(route_table_id="rtb-web", destination="10.0.0.0/16"), "can't be deleted"),
        (DeleteRoute(route_table_id="rtb-web", destination="10.9.0.0/16"), "has no route to 10.9.0.0/16"),
        (
            ModifyNetworkInterfaceAttribute(network_interface_id="eni-web", groups=()),
            "eni-web can have 1 to 16 security groups, not 0",
        ),
        (AssociateRouteTable(route_table_id="rtb-web", subnet_id="subnet-web"), "is associated with rtb-web already"),
    ],
)
def test_what_aws_would_refuse_is_an_error_that_holds_the_edit(edit: Edit, says: str) -> None:
    with pytest.raises(EditError) as raised:
        apply(account_of(shop()), [let_in("sg-web", tcp_from(80, "0.0.0.0/0")), edit])
    assert says in raised.value.message
    assert raised.value.edit is edit


def test_what_cannot_be_read_cannot_be_edited() -> None:
    net = shop()
    net.leave_out("NetworkAcls")
    with pytest.raises(UndeterminedError, match="ec2:DescribeNetworkAcls: not in the snapshot"):
        apply(account_of(net), [entry("acl-db", 50, "allow", (22, 22))])


def instance_id(net: Network, name: str) -> str:
    """The id of the instance with this name."""
    for reservation in net.responses["Reservations"]:
        for found in reservation["Instances"]:
            if {"Key": "Name", "Value": name} in found["Tags"]:
                return str(found["InstanceId"])
    raise KeyError(name)
