"""What changed in the configuration, resource by resource, and what is no change."""

from __future__ import annotations

import copy
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from tests.builders import ANYWHERE, Network, Reference, allow, deny, every, gone, icmp, route, tcp
from tests.difference.comparing import after, compared, row, told


def network() -> Network:
    """A web server in public, an application behind a NAT gateway, a peered VPC, a prefix list."""
    net = Network("10.0.0.0/16", ipv6="2001:db8:1::/56")
    net.internet_gateway()
    net.subnet("subnet-web", "10.0.1.0/24", routes={"0.0.0.0/0": "igw-1"}, acl=([allow(100)], [allow(100)]))
    net.subnet("subnet-app", "10.0.2.0/24", routes={"0.0.0.0/0": "nat-1"})
    net.group("sg-web", [tcp(443, ANYWHERE), tcp(22, "203.0.113.0/24", "pl-office", note="office")], name="web")
    net.group("sg-app", [tcp(8080, "sg-web")], name="app")
    net.instance("web", "10.0.1.10", groups=["sg-web"], public="198.51.100.10")
    net.instance("app", "10.0.2.10", groups=["sg-app"])
    net.nat_gateway("nat-1", "10.0.1.200", "198.51.100.200")
    net.vpc("vpc-2", "10.1.0.0/16")
    net.peering("pcx-1", "vpc-1", "vpc-2")
    net.prefix_list("pl-office", ["192.0.2.0/24", "198.51.100.0/24"])
    return net


def group_of(net: Network) -> Any:
    return row(net, "SecurityGroups", "GroupId", "sg-web")


def acl_of(net: Network) -> Any:
    return row(net, "NetworkAcls", "NetworkAclId", "acl-web")


def table_of(net: Network) -> Any:
    return row(net, "RouteTables", "RouteTableId", "rtb-app")


def interface_of(net: Network) -> Any:
    return row(net, "NetworkInterfaces", "NetworkInterfaceId", "eni-web")


def instance_of(net: Network) -> Any:
    return net.responses["Reservations"][0]["Instances"][0]


# -- rules ----------------------------------------------------------------------------------------------------------


def test_a_rule_that_was_added_and_one_that_is_gone() -> None:
    def change(net: Network) -> None:
        group_of(net)["IpPermissions"] = [tcp(443, ANYWHERE), tcp((8000, 8100), "10.0.0.0/8"), tcp(22, "pl-office")]
        group_of(net)["IpPermissionsEgress"] = [icmp(8, 0, ANYWHERE)]

    described = '~ security group sg-web: ingress tcp/22 from pl-office "office" -> ingress tcp/22 from pl-office'
    assert told(network(), change) == [
        '- security group sg-web: ingress tcp/22 from 203.0.113.0/24 "office"',
        described,
        "+ security group sg-web: ingress tcp/8000-8100 from 10.0.0.0/8",
        "- security group sg-web: egress all traffic to 0.0.0.0/0",
        "+ security group sg-web: egress icmp type 8 code 0 to 0.0.0.0/0",
    ]


def test_rules_folded_in_another_way_are_the_same_rules() -> None:
    def change(net: Network) -> None:
        group_of(net)["IpPermissions"] = [
            tcp(22, "pl-office", note="office"),
            {**tcp(22, "203.0.113.0/24", note="office"), "IpProtocol": "6"},
            tcp(443, ANYWHERE),
        ]

    assert told(network(), change) == []


def test_a_rule_that_names_a_group() -> None:
    other = Reference("sg-far", account="999999999999")
    assert told(network(), lambda net: group_of(net)["IpPermissions"].append(every("-1", other))) == [
        "+ security group sg-web: ingress all traffic from sg-far"
    ]


def test_entries_of_a_network_acl() -> None:
    def change(net: Network) -> None:
        acl_of(net)["Entries"][0]["RuleAction"] = "deny"
        acl_of(net)["Entries"].append(deny(90, "tcp", 22) | {"Egress": False})

    was, now = (f"egress rule 100 {does} all traffic to 0.0.0.0/0" for does in ("allows", "denies"))
    assert told(network(), change) == [
        f"~ network ACL acl-web: {was} -> {now}",
        "+ network ACL acl-web: ingress rule 90 denies tcp/22 from 0.0.0.0/0",
    ]


def test_entries_of_a_prefix_list() -> None:
    def change(net: Network) -> None:
        net.prefix_lists["pl-office"] = ["198.51.100.0/24", "203.0.113.0/24"]

    assert told(network(), change) == [
        "- entries of prefix list pl-office: 192.0.2.0/24",
        "+ entries of prefix list pl-office: 203.0.113.0/24",
    ]


# -- routes and what they serve -------------------------------------------------------------------------------------


def test_routes() -> None:
    def change(net: Network) -> None:
        routes = table_of(net)["Routes"]
        routes[-1] = route("0.0.0.0/0", gone("nat-1"))
        routes.append(route("10.1.0.0/16", "pcx-1"))
        row(net, "RouteTables", "RouteTableId", "rtb-web")["Routes"].pop()

    assert told(network(), change) == [
        "~ route table rtb-app: route 0.0.0.0/0 -> nat-1 -> route 0.0.0.0/0 -> nat-1 (blackhole)",
        "+ route table rtb-app: route 10.1.0.0/16 -> pcx-1",
        "- route table rtb-web: route 0.0.0.0/0 -> igw-1",
    ]


def test_a_subnet_under_another_table_and_another_acl_is_one_change_each() -> None:
    def change(net: Network) -> None:
        moved = acl_of(net)["Associations"].pop()
        moved |= {"NetworkAclId": "acl-default-1", "NetworkAclAssociationId": "aclassoc-0new"}
        row(net, "NetworkAcls", "NetworkAclId", "acl-default-1")["Associations"].append(moved)
        served = table_of(net)["Associations"].pop()
        row(net, "RouteTables", "RouteTableId", "rtb-web")["Associations"].append(served | {"RouteTableId": "rtb-web"})

    assert told(network(), change) == [
        "~ network ACL of subnet-web: acl-web -> acl-default-1",
        "~ route table of subnet-app: rtb-app -> rtb-web",
    ]


def test_a_subnet_that_falls_back_to_the_main_table_and_another_main_table() -> None:
    def change(net: Network) -> None:
        table_of(net)["Associations"].pop()
        main = row(net, "RouteTables", "RouteTableId", "rtb-main-1")["Associations"].pop()
        table_of(net)["Associations"].append(main | {"RouteTableId": "rtb-app"})

    assert told(network(), change) == [
        "- route table of subnet-app: rtb-app -> none of its own",
        "~ route table of the rest of vpc-1: rtb-main-1 -> rtb-app",
    ]


def test_the_id_of_an_association_alone_is_no_change() -> None:
    def change(net: Network) -> None:
        acl_of(net)["Associations"][0]["NetworkAclAssociationId"] = "aclassoc-0another"

    assert told(network(), change) == []


# -- interfaces, gateways and the rest ------------------------------------------------------------------------------


def test_groups_and_addresses_of_an_interface() -> None:
    def change(net: Network) -> None:
        interface_of(net)["Groups"] = [{"GroupId": "sg-app", "GroupName": "app"}]
        interface_of(net)["PrivateIpAddresses"].append({"Primary": False, "PrivateIpAddress": "10.0.1.11"})
        interface_of(net)["SourceDestCheck"] = False
        for place in (interface_of(net), interface_of(net)["PrivateIpAddresses"][0]):
            place["Association"] = {**place["Association"], "PublicIp": "198.51.100.99", "AllocationId": "eipalloc-0b"}

    assert told(network(), change) == [
        "+ network interface eni-web: security group sg-app (app)",
        "- network interface eni-web: security group sg-web (web)",
        "~ network interface eni-web: public address: 198.51.100.10 -> 198.51.100.99",
        "+ network interface eni-web: address 10.0.1.11",
        "~ network interface eni-web: SourceDestCheck: true -> false",
    ]


def test_states() -> None:
    def change(net: Network) -> None:
        instance_of(net)["State"] = {"Code": 80, "Name": "stopped"}
        row(net, "VpcPeeringConnections", "VpcPeeringConnectionId", "pcx-1")["Status"]["Code"] = "deleted"
        row(net, "NatGateways", "NatGatewayId", "nat-1")["State"] = "deleted"
        net.responses["InternetGateways"][0]["Attachments"] = []

    web = instance_of(network())["InstanceId"]
    assert told(network(), change) == [
        f"~ instance {web}: State.Name: running -> stopped",
        "- internet gateway igw-1: Attachments.vpc-1",
        "~ NAT gateway nat-1: State: available -> deleted",
        "~ VPC peering connection pcx-1: Status.Code: active -> deleted",
    ]


def test_what_came_and_what_went() -> None:
    def change(net: Network) -> None:
        net.group("sg-new")
        net.responses["NatGateways"].clear()

    found = compared(network(), after(network(), change)).changes
    assert [(one.change, one.summary) for one in found] == [
        ("added", "security group sg-new (new) is new"),
        ("removed", "NAT gateway nat-1 is gone"),
    ]
    assert found[0].after["GroupName"] == "new"
    assert (found[0].before, found[1].after) == (None, None)


def test_what_has_no_words_of_its_own_is_told_by_its_key() -> None:
    def change(net: Network) -> None:
        net.responses["Vpcs"][0]["InstanceTenancy"] = "dedicated"
        net.responses["Subnets"][0]["MapPublicIpOnLaunch"] = True
        net.responses["Subnets"][0]["SomethingNew"] = {"Deep": {"Inside": ["a", "b"]}}

    assert told(network(), change) == [
        "~ VPC vpc-1: InstanceTenancy: default -> dedicated",
        "~ subnet subnet-web: MapPublicIpOnLaunch: false -> true",
        '+ subnet subnet-web: SomethingNew {"Deep": {"Inside": ["a", "b"]}}',
    ]


# -- no change ------------------------------------------------------------------------------------------------------


def shuffled(rng: Random, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shuffled(rng, value[key]) for key in rng.sample(list(value), len(value))}
    return [shuffled(rng, one) for one in rng.sample(value, len(value))] if isinstance(value, list) else value


def test_a_snapshot_has_no_difference_from_itself_in_whatever_order() -> None:
    def change(net: Network) -> None:
        net.responses = shuffled(Random(5), net.responses)

    assert told(network(), change) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda net: instance_of(net).update(LaunchTime="2026-11-23T00:00:00+00:00", StateTransitionReason="User"),
        lambda net: instance_of(net).update(BlockDeviceMappings=[{"DeviceName": "/dev/xvda"}], EbsOptimized=False),
        lambda net: interface_of(net)["Attachment"].update(AttachTime="2026-11-23T00:00:00+00:00"),
        lambda net: net.responses["Subnets"][0].update(AvailableIpAddressCount=3),
        lambda net: group_of(net)["Tags"].append({"Key": "CostCenter", "Value": "7"}),
        lambda net: group_of(net)["IpPermissions"][0].update(Ipv6Ranges=[], UserIdGroupPairs=[]),
    ],
)
def test_times_counters_other_tags_and_empty_lists_are_no_change(change: Callable[[Network], Any]) -> None:
    assert told(network(), change) == []


def test_a_name_tag_is_a_change_as_questions_find_things_by_it() -> None:
    def change(net: Network) -> None:
        instance_of(net)["Tags"] = [{"Key": "Name", "Value": "web-old"}]

    web = instance_of(network())["InstanceId"]
    assert told(network(), change) == [f"~ instance {web}: Tags.Name.Value: web -> web-old"]


def test_what_only_one_has_captured_is_not_compared_and_told() -> None:
    def change(net: Network) -> None:
        net.responses["VpnGateways"] = [{"VpnGatewayId": "vgw-1", "State": "available", "VpcAttachments": []}]

    found = compared(network(), after(network(), change))
    assert (found.changes, found.exit_status) == ([], 0)
    assert found.not_compared == ["VpnGateways: only in after"]


def test_rows_of_rules_are_compared_only_where_they_are_all_that_there_is() -> None:
    before = network()
    rule = {"SecurityGroupRuleId": "sgr-1", "GroupId": "sg-web", "IsEgress": False, "IpProtocol": "tcp", "FromPort": 22}
    before.responses["SecurityGroupRules"] = [rule | {"ToPort": 22, "CidrIpv4": "203.0.113.0/24"}]

    def change(net: Network) -> None:
        net.responses["SecurityGroupRules"][0]["SecurityGroupRuleId"] = "sgr-2"

    assert told(before, change) == []
    bare = copy.deepcopy(before)
    for name in ("IpPermissions", "IpPermissionsEgress"):
        del group_of(bare)[name]
    assert told(bare, change) == ["- security group rule sgr-1", "+ security group rule sgr-2"]


def test_secrets_are_never_told() -> None:
    secret = "correct horse battery staple"

    def change(net: Network) -> None:
        tunnel = {"OutsideIpAddress": "192.0.2.1", "PreSharedKey": secret}
        connection = {"VpnConnectionId": "vpn-1", "VpnGatewayId": "vgw-1", "State": "available"}
        net.responses["VpnConnections"] = [
            {**connection, "CustomerGatewayConfiguration": secret, "Options": {"TunnelOptions": [tunnel]}}
        ]
        function = {"FunctionName": "nightly", "FunctionArn": "arn:aws:lambda:eu-west-1:1:function:nightly"}
        net.responses["Functions"] = [{**function, "Environment": {"Variables": {"PASSWORD": secret}}}]

    before = network()
    before.responses |= {"VpnConnections": [], "Functions": []}
    found = compared(before, after(before, change))
    assert [one.summary for one in found.changes] == ["function nightly is new", "VPN connection vpn-1 is new"]
    assert secret not in str(found)
