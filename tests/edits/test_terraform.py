"""Plans of Terraform as changes: every type that counts, what refers to what is still to be made, what is left out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.builders import Network, question_of, tcp
from tests.edits.making import account_of
from tests.edits.plans import Json, Terraform
from tests.edits.test_edits import CLIENT, SSH, instance_id, shop
from whyblocked.api import WhatIf
from whyblocked.config import resources as r
from whyblocked.config.edits import (
    AssociateAddress,
    AuthorizeSecurityGroup,
    CreateListener,
    CreateTransitGatewayRoute,
    CreateVpnConnectionRoute,
    DisassociateTransitGatewayRouteTable,
    Edit,
    EnableTransitGatewayRouteTablePropagation,
    ModifyManagedPrefixList,
    ModifyTransitGatewayVpcAttachment,
    ModifyVpcBlockPublicAccessExclusion,
    ModifyVpcBlockPublicAccessOptions,
    RegisterTargets,
    RevokeSecurityGroup,
    SetSecurityGroups,
)
from whyblocked.config.planned import LeftOut, read
from whyblocked.diagnosis.answer import Answer
from whyblocked.errors import EditError

COMPUTED = ["id", "arn", "owner_id", "ingress", "egress"]
SSH_RULE: Json = {
    "type": "ingress",
    "security_group_id": "sg-web",
    "protocol": "tcp",
    "from_port": 22,
    "to_port": 22,
    "cidr_blocks": [f"{CLIENT}/32"],
    "ipv6_cidr_blocks": None,
    "prefix_list_ids": None,
    "self": False,
    "description": "office",
}


def answered(net: Network, plan: Terraform, line: str = SSH) -> Answer:
    return WhatIf(account_of(net), [read(plan.text(), "plan.json")]).explain(question_of(line))


def verdict(net: Network, plan: Terraform, line: str = SSH) -> str:
    return answered(net, plan, line).verdict


def edits(plan: Terraform) -> list[Edit]:
    return [change.edit for change in read(plan.text(), "plan.json").changes]


def left_out(plan: Terraform) -> list[LeftOut]:
    return list(read(plan.text(), "plan.json").left_out)


def inline(port: int, *cidrs: str, groups: tuple[str, ...] = (), own: bool = False) -> Json:
    return {
        "cidr_blocks": list(cidrs),
        "description": "",
        "from_port": port,
        "ipv6_cidr_blocks": [],
        "prefix_list_ids": [],
        "protocol": "tcp",
        "security_groups": list(groups),
        "self": own,
        "to_port": port,
    }


# -- security groups ---------------------------------------------------------------------------------------------------


def test_a_rule_of_its_own_comes_and_goes() -> None:
    made, gone = Terraform(), Terraform()
    made.create(
        "aws_security_group_rule.ssh", SSH_RULE, unknown=["id", "security_group_rule_id", "source_security_group_id"]
    )
    assert verdict(shop(), made) == "allowed"
    net = shop()
    net.responses["SecurityGroups"][0]["IpPermissions"].append(tcp(22, f"{CLIENT}/32"))
    gone.delete("aws_security_group_rule.ssh", SSH_RULE | {"id": "sgrule-1"})
    assert verdict(net, gone) == "blocked"


def test_a_rule_that_is_replaced_is_first_taken_away() -> None:
    plan = Terraform()
    plan.replace(
        "aws_security_group_rule.ssh", SSH_RULE | {"id": "sgrule-1"}, SSH_RULE | {"to_port": 23}, unknown=["id"]
    )
    assert [type(edit) for edit in edits(plan)] == [RevokeSecurityGroup, AuthorizeSecurityGroup]


@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_the_newer_rules_with_one_source(direction: str) -> None:
    net = shop()
    line = SSH if direction == "ingress" else "db -> 10.0.1.77:8080"
    rule = {
        "security_group_id": "sg-web" if direction == "ingress" else "sg-db",
        "ip_protocol": "tcp",
        "from_port": 22 if direction == "ingress" else 8080,
        "to_port": 22 if direction == "ingress" else 8080,
        "cidr_ipv4": f"{CLIENT}/32" if direction == "ingress" else "10.0.1.0/24",
        "cidr_ipv6": None,
        "prefix_list_id": None,
        "referenced_security_group_id": None,
        "description": None,
    }
    net.responses["NetworkAcls"] = net.responses["NetworkAcls"][:1]
    net.responses["NetworkAcls"][0]["Associations"].append({"SubnetId": "subnet-db"})
    plan = Terraform()
    plan.create(f"aws_vpc_security_group_{direction}_rule.one", rule, unknown=["id", "arn", "security_group_rule_id"])
    assert (verdict(net, Terraform(), line), verdict(net, plan, line)) == ("blocked", "allowed")
    other = Terraform()
    other.create(f"aws_vpc_security_group_{direction}_rule.one", rule | {"cidr_ipv4": "192.0.2.0/24"}, unknown=["id"])
    assert verdict(net, other, line) == "blocked"


def test_a_rule_that_is_updated_in_place_is_another_one_after() -> None:
    net = shop()
    net.responses["SecurityGroups"][0]["IpPermissions"].append(tcp(22, "192.0.2.0/24"))
    before = {"security_group_id": "sg-web", "ip_protocol": "tcp", "from_port": 22, "to_port": 22}
    before |= {"cidr_ipv4": "192.0.2.0/24", "id": "sgr-1"}
    plan = Terraform()
    plan.update("aws_vpc_security_group_ingress_rule.ssh", before, {"cidr_ipv4": f"{CLIENT}/32"})
    assert verdict(net, plan) == "allowed"
    assert verdict(net, plan, "192.0.2.9 -> web:22") == "blocked"


def test_rules_inside_a_group_are_all_that_it_has() -> None:
    plan = Terraform()
    group = {"id": "sg-web", "name": "web", "vpc_id": "vpc-1", "ingress": [inline(443, "0.0.0.0/0")], "egress": []}
    plan.update("aws_security_group.web", group, {"ingress": [inline(22, f"{CLIENT}/32"), inline(8080, own=True)]})
    assert verdict(shop(), plan) == "allowed"
    assert verdict(shop(), plan, f"{CLIENT} -> web:443") == "blocked"


def test_a_group_whose_rules_stay_is_left_as_it_is() -> None:
    plan = Terraform()
    group = {"id": "sg-web", "ingress": [inline(443, "0.0.0.0/0")], "egress": [], "tags": None}
    plan.update("aws_security_group.web", group, {"tags": {"owner": "web"}})
    assert (edits(plan), left_out(plan)) == ([], [])


def test_a_new_group_with_rules_of_their_own_for_a_running_instance() -> None:
    net = shop()
    plan = Terraform()
    plan.create("aws_security_group.ssh", {"name": "ssh", "vpc_id": "vpc-1", "description": "x"}, unknown=COMPUTED)
    rule = {key: value for key, value in SSH_RULE.items() if key != "security_group_id"}
    plan.create(
        "aws_security_group_rule.ssh", rule, unknown=["id"], refers={"security_group_id": ["aws_security_group.ssh.id"]}
    )
    server = {"id": instance_id(net, "web"), "vpc_security_group_ids": ["sg-web"], "source_dest_check": True}
    refers = {"vpc_security_group_ids": ["aws_security_group.ssh.id"]}
    plan.update("aws_instance.web", server, {}, refers=refers)
    answer = answered(net, plan)
    assert answer.verdict == "allowed"
    assert answer.applied == [
        "sg-aws_security_group.ssh (ssh): new security group in vpc-1",
        f"sg-aws_security_group.ssh (ssh): add ingress tcp/22 from {CLIENT}/32",
        f"{instance_id(net, 'web')} (web): security groups become sg-aws_security_group.ssh (ssh)",
    ]


def test_references_are_followed_into_modules_and_out_of_them() -> None:
    net = shop()
    plan = Terraform()
    plan.create("module.groups.aws_security_group.this[0]", {"name": "m", "vpc_id": "vpc-1"}, unknown=COMPUTED)
    plan.call("module.groups", {}, {"group_id": ["aws_security_group.this[0].id"]})
    plan.call("module.access", {"group": ["module.groups.group_id"]})
    rule = {"ip_protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_ipv4": f"{CLIENT}/32"}
    plan.create(
        'module.access.aws_vpc_security_group_ingress_rule.one["ssh"]',
        rule,
        refers={"security_group_id": ["var.group"]},
    )
    plan.create(
        "aws_network_interface_sg_attachment.web",
        {"network_interface_id": "eni-web"},
        refers={"security_group_id": ["module.groups.group_id"]},
    )
    assert verdict(net, plan) == "allowed"


def test_a_reference_to_one_of_several_needs_its_index() -> None:
    plan = Terraform()
    for number in (0, 1):
        plan.create(f"aws_security_group.many[{number}]", {"name": "m", "vpc_id": "vpc-1"}, unknown=COMPUTED)
        rule = {"ip_protocol": "-1", "cidr_ipv4": "10.0.0.0/8"}
        refers = {"security_group_id": ["aws_security_group.many", "count.index"]}
        plan.create(f"aws_vpc_security_group_ingress_rule.many[{number}]", rule, refers=refers)
    assert [one.why for one in left_out(plan)] == ["security_group_id is known only after apply"] * 2


def test_values_of_data_sources_are_known() -> None:
    plan = Terraform()
    plan.data("data.aws_security_group.web", {"id": "sg-web"})
    rule = {key: value for key, value in SSH_RULE.items() if key != "security_group_id"}
    refers = {"security_group_id": ["data.aws_security_group.web.id"]}
    plan.create("aws_security_group_rule.ssh", rule, unknown=["id"], refers=refers)
    assert verdict(shop(), plan) == "allowed"


# -- network ACLs and routes -------------------------------------------------------------------------------------------


def entry(number: int, action: str, port: int) -> Json:
    return {
        "action": action,
        "cidr_block": "0.0.0.0/0",
        "from_port": port,
        "icmp_code": 0,
        "icmp_type": 0,
        "ipv6_cidr_block": "",
        "protocol": "6",
        "rule_no": number,
        "to_port": port,
    }


def test_entries_of_network_acls() -> None:
    rule = {"network_acl_id": "acl-default-1", "rule_number": 50, "egress": False, "protocol": "tcp"}
    rule |= {"rule_action": "deny", "cidr_block": "0.0.0.0/0", "from_port": 443, "to_port": 443, "icmp_type": None}
    plan = Terraform()
    plan.create("aws_network_acl_rule.no", rule, unknown=["id"])
    assert verdict(shop(), plan, f"{CLIENT} -> web:443") == "blocked"
    gone = Terraform()
    gone.delete("aws_network_acl_rule.all", rule | {"rule_number": 100})
    assert verdict(shop(), gone, f"{CLIENT} -> web:443") == "blocked"


def test_a_network_acl_with_its_entries_and_subnets() -> None:
    plan = Terraform()
    after = {"vpc_id": "vpc-1", "subnet_ids": ["subnet-web"], "ingress": [entry(10, "allow", 22)], "egress": []}
    plan.create("aws_network_acl.tight", after, unknown=["id", "arn", "owner_id"])
    answer = answered(shop(), plan, f"{CLIENT} -> web:443")
    assert answer.verdict == "blocked"
    assert {found.resource_ids[0] for found in answer.blocked_by} == {"acl-aws_network_acl.tight"}
    gone = Terraform()
    gone.delete("aws_network_acl.db", {"id": "acl-db", "vpc_id": "vpc-1", "subnet_ids": ["subnet-db"]})
    net = shop()
    net.group("sg-ssh", [tcp(22, "10.0.0.0/16")])
    net.instance("other", "10.0.2.20", groups=["sg-ssh"])
    assert (verdict(net, Terraform(), "web -> other:22"), verdict(net, gone, "web -> other:22")) == (
        "blocked",
        "allowed",
    )


def test_a_default_network_acl_that_is_taken_over_loses_what_is_not_planned() -> None:
    plan = Terraform()
    after = {"default_network_acl_id": "acl-default-1", "ingress": [entry(10, "allow", 443)], "egress": []}
    plan.create("aws_default_network_acl.main", after, unknown=["id"])
    assert {(f.leg, f.direction) for f in answered(shop(), plan, f"{CLIENT} -> web:443").blocked_by} == {
        ("return", "egress")
    }


def test_routes_of_their_own() -> None:
    route = {"route_table_id": "rtb-web", "destination_cidr_block": "0.0.0.0/0", "gateway_id": "igw-1"}
    computed = ["id", "origin", "state", "instance_id", "network_interface_id"]
    gone, there = Terraform(), Terraform()
    gone.delete("aws_route.out", route | {"id": "r-1"})
    assert verdict(shop(), gone, f"{CLIENT} -> web:443") == "blocked"
    net = shop()
    net.responses["RouteTables"][1]["Routes"].pop()
    there.create("aws_route.out", route, unknown=computed)
    assert verdict(net, there, f"{CLIENT} -> web:443") == "allowed"
    moved = Terraform()
    net = shop()
    net.nat_gateway("nat-1", "10.0.1.99", "198.51.100.77")
    moved.update("aws_route.out", route | {"id": "r-1"}, {"gateway_id": "", "nat_gateway_id": "nat-1"})
    assert verdict(net, moved, f"{CLIENT} -> web:443") == "blocked"


def test_a_route_table_with_its_routes_and_a_gateway_of_the_same_plan() -> None:
    net = Network()
    net.subnet("subnet-web", "10.0.1.0/24")
    net.group("sg-web", [tcp(443, "0.0.0.0/0")])
    net.instance("web", "10.0.1.10", groups=["sg-web"], public="198.51.100.10")
    plan = Terraform()
    plan.create("aws_internet_gateway.main", {"vpc_id": "vpc-1"}, unknown=["id", "arn", "owner_id"])
    plan.create("aws_route_table.out", {"vpc_id": "vpc-1"}, unknown=["id", "arn", "route", "propagating_vgws"])
    plan.create(
        "aws_route.out",
        {"destination_cidr_block": "0.0.0.0/0"},
        unknown=["id", "instance_id", "network_interface_id"],
        refers={"route_table_id": ["aws_route_table.out.id"], "gateway_id": ["aws_internet_gateway.main.id"]},
    )
    plan.create(
        "aws_route_table_association.web",
        {"subnet_id": "subnet-web", "gateway_id": None},
        unknown=["id"],
        refers={"route_table_id": ["aws_route_table.out.id"]},
    )
    assert (verdict(net, Terraform(), f"{CLIENT} -> web:443"), verdict(net, plan, f"{CLIENT} -> web:443")) == (
        "blocked",
        "allowed",
    )


def test_routes_inside_a_table_are_all_that_it_has() -> None:
    out = {"cidr_block": "0.0.0.0/0", "gateway_id": "igw-1", "ipv6_cidr_block": "", "nat_gateway_id": ""}
    table = {"id": "rtb-web", "vpc_id": "vpc-1", "route": [out], "propagating_vgws": []}
    plan = Terraform()
    plan.update("aws_route_table.web", table, {"route": [out | {"cidr_block": "192.0.2.0/24"}]})
    assert verdict(shop(), plan, f"{CLIENT} -> web:443") == "blocked"
    assert verdict(shop(), plan, "192.0.2.9 -> web:443") == "allowed"
    assert verdict(shop(), plan, "web -> db:5432") == "allowed"  # the local route stays
    taken = Terraform()
    taken.create(
        "aws_default_route_table.main", {"default_route_table_id": "rtb-main-1", "route": [out]}, unknown=["id"]
    )
    assert len(edits(taken)) == 1


def test_which_table_serves_what() -> None:
    net = shop()
    back = Terraform()
    back.delete("aws_route_table_association.web", {"id": association(net, "rtb-web"), "subnet_id": "subnet-web"})
    assert verdict(net, back, f"{CLIENT} -> web:443") == "blocked"
    main = Terraform()
    main.create(
        "aws_main_route_table_association.main", {"vpc_id": "vpc-1", "route_table_id": "rtb-web"}, unknown=["id"]
    )
    net.group("sg-any", [tcp(22, "0.0.0.0/0")])
    net.subnet("subnet-new", "10.0.3.0/24")
    net.instance("new", "10.0.3.10", groups=["sg-any"], public="198.51.100.11")
    assert verdict(net, main, f"{CLIENT} -> new:22") == "allowed"


def association(net: Network, table: str) -> str:
    rows = next(row for row in net.responses["RouteTables"] if row["RouteTableId"] == table)["Associations"]
    return str(rows[0]["RouteTableAssociationId"])


# -- what has rules ----------------------------------------------------------------------------------------------------


def test_a_new_address_is_associated_whichever_way_it_is_written() -> None:
    net = shop()
    net.instance("job", "10.0.1.30", groups=["sg-web"])
    line = "job -> 8.8.8.8:443"
    one, two = Terraform(), Terraform()
    one.create(
        "aws_eip.job", {"domain": "vpc", "network_interface": "eni-job"}, unknown=["id", "public_ip", "instance"]
    )
    two.create("aws_eip.job", {"domain": "vpc"}, unknown=["id", "public_ip", "instance", "network_interface"])
    two.create(
        "aws_eip_association.job",
        {"network_interface_id": "eni-job"},
        unknown=["id", "instance_id", "private_ip_address", "public_ip"],
        refers={"allocation_id": ["aws_eip.job.allocation_id"]},
    )
    assert [verdict(net, plan, line) for plan in (Terraform(), one, two)] == ["blocked", "allowed", "allowed"]
    for plan in (one, two):
        assert [isinstance(edit, AssociateAddress) and edit.allocated for edit in edits(plan)] == [False]


def test_other_groups_for_an_interface() -> None:
    net = shop()
    net.group("sg-ssh", [tcp(22, f"{CLIENT}/32")])
    plan = Terraform()
    plan.update(
        "aws_network_interface.web", {"id": "eni-web", "security_groups": ["sg-web"]}, {"security_groups": ["sg-ssh"]}
    )
    assert verdict(net, plan) == "allowed"
    attached, detached = Terraform(), Terraform()
    pair = {"network_interface_id": "eni-web", "security_group_id": "sg-ssh"}
    attached.create("aws_network_interface_sg_attachment.x", pair, unknown=["id"])
    detached.delete("aws_network_interface_sg_attachment.x", pair | {"security_group_id": "sg-web"})
    assert verdict(net, attached) == "allowed"
    with pytest.raises(EditError, match="eni-web can have 1 to 16 security groups, not 0"):
        verdict(net, detached)


def test_gateways_exclusions_and_lists_of_blocks() -> None:
    plan = Terraform()
    exclusion = {"internet_gateway_exclusion_mode": "allow-egress", "vpc_id": None, "subnet_id": "subnet-web"}
    plan.update(
        "aws_vpc_block_public_access_exclusion.web",
        exclusion | {"id": "vpcbpa-exclude-1"},
        {"internet_gateway_exclusion_mode": "allow-bidirectional"},
    )
    plan.create("aws_vpc_block_public_access_options.this", {"internet_gateway_block_mode": "off"}, unknown=["id"])
    old, new = ({"cidr": cidr, "description": ""} for cidr in ("192.0.2.0/24", "203.0.113.0/24"))
    plan.update("aws_ec2_managed_prefix_list.office", {"id": "pl-1", "entry": [old]}, {"entry": [old, new]})
    plan.create("aws_vpn_connection_route.x", {"vpn_connection_id": "vpn-1", "destination_cidr_block": "10.9.0.0/16"})
    assert set(edits(plan)) == {
        ModifyVpcBlockPublicAccessExclusion(
            exclusion_id="vpcbpa-exclude-1", internet_gateway_exclusion_mode="allow-bidirectional"
        ),
        ModifyVpcBlockPublicAccessOptions(internet_gateway_block_mode="off"),
        ModifyManagedPrefixList(prefix_list_id="pl-1", add=("203.0.113.0/24",)),
        CreateVpnConnectionRoute(vpn_connection_id="vpn-1", destination_cidr_block="10.9.0.0/16"),
    }


def test_transit_gateways() -> None:
    names: Json = {"transit_gateway_route_table_id": "tgw-rtb-1", "transit_gateway_attachment_id": "tgw-attach-1"}
    plan = Terraform()
    route = names | {"destination_cidr_block": "10.9.0.0/16", "blackhole": False}
    plan.create("aws_ec2_transit_gateway_route.there", route, unknown=["id"])
    plan.delete("aws_ec2_transit_gateway_route_table_association.old", names | {"id": "x"})
    plan.create("aws_ec2_transit_gateway_route_table_propagation.new", names, unknown=["id"])
    attachment = {"id": "tgw-attach-1", "subnet_ids": ["subnet-a"], "appliance_mode_support": "disable"}
    plan.update("aws_ec2_transit_gateway_vpc_attachment.x", attachment, {"subnet_ids": ["subnet-a", "subnet-b"]})
    assert edits(plan) == [
        DisassociateTransitGatewayRouteTable(**names),
        CreateTransitGatewayRoute(destination_cidr_block="10.9.0.0/16", **names),
        EnableTransitGatewayRouteTablePropagation(**names),
        ModifyTransitGatewayVpcAttachment(transit_gateway_attachment_id="tgw-attach-1", add_subnet_ids=("subnet-b",)),
    ]


def test_listeners_and_targets() -> None:
    action = {"type": "forward", "target_group_arn": "arn:tg", "forward": []}
    listener = {"load_balancer_arn": "arn:lb", "port": 443, "protocol": "HTTPS", "default_action": [action]}
    plan = Terraform()
    plan.create("aws_lb_listener.https", listener, unknown=["id", "arn"])
    target = {"target_group_arn": "arn:tg", "target_id": "i-1", "port": 80, "availability_zone": None}
    plan.create("aws_alb_target_group_attachment.one", target, unknown=["id"])
    plan.update("aws_lb.shop", {"id": "arn:lb", "security_groups": ["sg-1"]}, {"security_groups": ["sg-2"]})
    assert edits(plan) == [
        CreateListener(
            load_balancer_arn="arn:lb",
            protocol="HTTPS",
            port=443,
            default_actions=(r.Action(type="forward", target_group_arn="arn:tg"),),
        ),
        RegisterTargets(target_group_arn="arn:tg", targets=(r.Target(id="i-1", port=80),)),
        SetSecurityGroups(load_balancer_arn="arn:lb", security_groups=("sg-2",)),
    ]


# -- what is left out --------------------------------------------------------------------------------------------------


def test_what_is_not_known_yet_and_on_the_path_leaves_the_answer_open() -> None:
    plan = Terraform()
    rule = {key: value for key, value in SSH_RULE.items() if key != "cidr_blocks"}
    plan.create("aws_security_group_rule.ssh", rule | {"id": "x"}, unknown=["id"], wanted=["cidr_blocks"])
    net = with_real_ids(shop())
    plan.changes[0]["change"]["after"]["security_group_id"] = "sg-0123456789abcdef0"
    answer = answered(net, plan)
    assert (answer.verdict, answer.before) == ("undetermined", "blocked")
    assert "plan.json: aws_security_group_rule.ssh: cidr_blocks is known only after apply" in answer.missing
    assert "can't be told" in answer.summary
    elsewhere = answered(net, plan, "db -> 10.0.2.77:5432")
    assert elsewhere.verdict == "blocked"
    assert any("Not applied: plan.json: aws_security_group_rule.ssh" in warning for warning in elsewhere.warnings)


@pytest.mark.parametrize(
    ("kind", "values", "about"),
    [
        ("aws_nat_gateway", {"subnet_id": "subnet-0123456789"}, set()),
        ("aws_instance", {"subnet_id": "subnet-0123456789", "vpc_security_group_ids": ["sg-0123456789"]}, set()),
        ("aws_vpc_endpoint", {"vpc_id": "vpc-0123456789", "route_table_ids": ["rtb-0123456789"]}, {"rtb-0123456789"}),
        ("aws_lb_listener_rule", {"listener_arn": "arn:aws:x"}, {"arn:aws:x"}),
    ],
)
def test_what_is_new_is_felt_only_where_it_changes_something(kind: str, values: Json, about: set[str]) -> None:
    plan = Terraform()
    plan.create(f"{kind}.x", values, unknown=["id"])
    assert [set(one.about) for one in left_out(plan)] == [about] * (kind != "aws_instance")


def with_real_ids(net: Network) -> Network:
    """The same network, whose group for the web has an id as AWS makes them."""
    text = json.dumps([net.responses, net.details]).replace('"sg-web"', '"sg-0123456789abcdef0"')
    net.responses, net.details = json.loads(text)
    return net


@pytest.mark.parametrize(
    ("kind", "before", "after", "says"),
    [
        ("aws_nat_gateway", None, {"subnet_id": "subnet-1"}, "creating a resource of type aws_nat_gateway"),
        ("aws_vpc_endpoint", {"id": "vpce-0a1b2c3d4e"}, None, "deleting a resource of type aws_vpc_endpoint"),
        ("aws_subnet", {"id": "s", "cidr_block": "a"}, {"id": "s", "cidr_block": "b"}, "a change of cidr_block"),
        (
            "aws_db_instance",
            {"id": "db", "vpc_security_group_ids": ["sg-1"]},
            {"id": "db", "vpc_security_group_ids": ["sg-2"]},
            "a change of vpc_security_group_ids is not applied",
        ),
        (
            "aws_instance",
            {"id": "i-1", "private_ip": "10.0.0.4"},
            {"id": "i-1", "private_ip": "10.0.0.5"},
            "a change of private_ip is not applied",
        ),
    ],
)
def test_network_resources_that_cannot_be_applied_are_named(
    kind: str, before: Json | None, after: Json | None, says: str
) -> None:
    plan = Terraform()
    if before and after:
        plan.update(f"{kind}.x", before, after)
    elif after:
        plan.create(f"{kind}.x", after)
    else:
        plan.delete(f"{kind}.x", before or {})
    (found,) = left_out(plan)
    assert found.where == f"plan.json: {kind}.x"
    assert says in found.why


@pytest.mark.parametrize(
    "kind", ["aws_s3_bucket", "aws_iam_role", "aws_route53_record", "aws_vpc_dhcp_options", "aws_lambda_function"]
)
def test_what_has_nothing_to_do_with_the_network_is_passed_over(kind: str) -> None:
    plan = Terraform()
    plan.create(f"{kind}.x", {"name": "x"}, unknown=["id"])
    plan.update(f"{kind}.y", {"id": "y", "name": "a"}, {"name": "b"})
    assert (edits(plan), left_out(plan)) == ([], [])


def test_what_stays_and_what_is_only_read_changes_nothing() -> None:
    plan = Terraform()
    plan.keep("aws_security_group_rule.ssh", SSH_RULE)
    plan.changes.append(
        {"address": "data.aws_vpc.x", "mode": "data", "type": "aws_vpc", "change": {"actions": ["read"]}}
    )
    plan.delete("aws_security_group_rule.old", SSH_RULE)
    plan.changes[-1]["deposed"] = "1f2e3d4c"
    assert (edits(plan), left_out(plan)) == ([], [])


# -- files -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"format_version": "1.0", "values": {"root_module": {}}}, "is a state, not a plan"),
        ({"@level": "info", "@message": "Terraform 1.9.5"}, "is the log of terraform plan -json"),
        ({"SecurityGroups": []}, "is no plan"),
        ({"resource_changes": [1, None, "x"]}, "holds changes that are none"),
        ({"resource_changes": [{"change": {"actions": "create"}}]}, "holds changes that are none"),
        ({"resource_changes": [], "errored": True}, "the plan failed"),
        ({"format_version": "2.0", "resource_changes": []}, "plans of format 2.0 are not known"),
    ],
)
def test_what_is_no_plan_is_told_with_the_way_out(document: Any, says: str) -> None:
    with pytest.raises(EditError) as raised:
        read(json.dumps(document).encode(), "plan.json")
    assert raised.value.message.startswith(f"plan.json: {says}")


def test_a_file_that_is_cut_off_and_a_log_of_many_lines_are_told() -> None:
    with pytest.raises(EditError, match=r"plan\.json: not JSON"):
        read(b'{"format_version": "1.2", "resource_', "plan.json")
    with pytest.raises(EditError, match="is the log of terraform plan -json"):
        read(b'{"@level":"info","@message":"a"}\n{"@level":"info","@message":"b"}\n', "plan.json")


def test_a_plan_without_changes_changes_nothing() -> None:
    document = Terraform().document()
    del document["resource_changes"]
    assert read(json.dumps(document).encode(), "plan.json").changes == ()


def test_a_resource_that_the_provider_would_not_write_is_told_with_its_address() -> None:
    plan = Terraform()
    plan.create("aws_network_acl_rule.x", {"network_acl_id": "acl-1", "rule_number": "ten", "protocol": "tcp"})
    with pytest.raises(EditError, match=r"plan\.json: aws_network_acl_rule\.x: is not as Terraform's AWS provider"):
        edits(plan)


def test_a_plan_as_powershell_writes_it() -> None:
    plan = Terraform()
    plan.create("aws_security_group_rule.ssh", SSH_RULE, unknown=["id"])
    assert len(read(plan.text().decode().encode("utf-16"), "plan.json").changes) == 1


def test_what_aws_would_refuse_is_told_with_the_address_of_the_resource() -> None:
    plan = Terraform()
    plan.create(
        "aws_security_group_rule.https", SSH_RULE | {"from_port": 443, "to_port": 443, "cidr_blocks": ["0.0.0.0/0"]}
    )
    with pytest.raises(EditError) as raised:
        verdict(shop(), plan)
    assert raised.value.message.startswith(
        "plan.json: aws_security_group_rule.https: sg-web has the ingress rule already"
    )


def test_a_plan_that_changes_nothing_is_told() -> None:
    plan = Terraform()
    plan.keep("aws_security_group_rule.ssh", SSH_RULE)
    answer = answered(shop(), plan)
    assert "plan.json: nothing of the network is changed" in answer.warnings
    assert (answer.verdict, answer.applied) == (answer.before, [])


def test_a_plan_of_what_has_nothing_to_do_with_the_network_is_told_as_well() -> None:
    plan = Terraform()
    plan.create("aws_s3_bucket.logs", {"bucket": "logs"})
    assert "plan.json: nothing of the network is changed" in answered(shop(), plan).warnings


def test_a_plan_that_changes_something_is_not_said_to_change_nothing() -> None:
    plan = Terraform()
    plan.keep("aws_security_group_rule.https", SSH_RULE)
    plan.create("aws_security_group_rule.ssh", SSH_RULE)
    assert not [warning for warning in answered(shop(), plan).warnings if "nothing" in warning]
