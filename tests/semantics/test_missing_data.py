"""What a snapshot does not tell is not made up: an error that names the key, or an answer that stays open."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import OUT, Json, Network, codes, tcp
from tests.semantics.scenes import public_server
from tests.transits import attach, transit_gateway, transit_table
from whyblocked.errors import InputError

IN = "203.0.113.5 -> web:22"


def test_an_instance_without_a_state_is_taken_as_running_and_that_is_said() -> None:
    net = public_server()
    del net.responses["Reservations"][0]["Instances"][0]["State"]
    answer = net.ask(IN)
    assert answer.verdict == "allowed"
    assert any("is not told; it is taken as running" in warning for warning in answer.warnings)


@pytest.mark.parametrize(
    ("key", "name", "inner"),
    [("RouteTables", "Routes", "DestinationCidrBlock"), ("NetworkAcls", "Associations", "SubnetId")],
)
def test_a_row_without_what_it_is_about_is_named(key: str, name: str, inner: str) -> None:
    net = public_server()
    for row in net.responses[key]:
        for one in row[name]:
            one.pop(inner, None)
            one.pop("DestinationIpv6CidrBlock", None)
    with pytest.raises(InputError, match=rf'{name}\[\d\] has no key "{inner}"'):
        net.ask(IN)


@pytest.mark.parametrize("end", ["FromPort", "ToPort"])
def test_half_a_range_of_ports_is_no_rule_for_all_of_them(end: str) -> None:
    net = public_server(ingress=[tcp(443, "0.0.0.0/0")])
    group = next(one for one in net.responses["SecurityGroups"] if one["IpPermissions"])
    del group["IpPermissions"][0][end]
    with pytest.raises(InputError, match=f'has no key "{end}"'):
        net.ask(IN)


def test_a_transit_gateway_route_without_a_destination_is_named() -> None:
    net = Network()
    net.vpc("vpc-2", "10.9.0.0/16")
    net.subnet("subnet-a", "10.0.1.0/24", routes={"10.9.0.0/16": "tgw-1"})
    net.subnet("subnet-b", "10.9.1.0/24", vpc="vpc-2", routes={"10.0.0.0/16": "tgw-1"})
    net.instance("app", "10.0.1.10")
    net.instance("db", "10.9.1.10")
    transit_gateway(net)
    attach(net, "tgw-attach-1", "vpc-1", ["subnet-a"])
    attach(net, "tgw-attach-2", "vpc-2", ["subnet-b"])
    transit_table(net, propagated={"10.0.0.0/16": "tgw-attach-1", "10.9.0.0/16": "tgw-attach-2"})
    for one in net.details["search-transit-gateway-routes.tgw-rtb-1"]["Routes"]:
        one.pop("DestinationCidrBlock")
    with pytest.raises(InputError, match='has no key "DestinationCidrBlock"'):
        net.ask("app -> db:443")


def test_an_address_of_a_nat_gateway_that_is_none_is_named() -> None:
    net = Network()
    net.internet_gateway()
    net.subnet("subnet-nat", "10.0.2.0/24", routes={"0.0.0.0/0": "igw-1"})
    net.subnet("subnet-app", "10.0.1.0/24", routes={"0.0.0.0/0": "nat-1"})
    net.instance("app", "10.0.1.10")
    net.nat_gateway("nat-1", "10.0.2.5", public="198.51.100.5")
    net.responses["NatGateways"][0]["NatGatewayAddresses"][0]["PublicIp"] = "strange"
    with pytest.raises(InputError, match="NatGateways"):
        net.ask("app -> 203.0.113.5:443")


def test_a_next_hop_that_is_no_address_is_named() -> None:
    net = public_server()
    table = next(t for t in net.responses["RouteTables"] if t["RouteTableId"] == "rtb-public")
    table["Routes"].append({"DestinationCidrBlock": "10.60.0.0/16", "IpAddress": "strange", "State": "active"})
    with pytest.raises(InputError, match="RouteTables"):
        net.ask("web -> 10.60.1.5:443")


def test_block_public_access_that_shows_on_the_subnet_alone_leaves_it_open() -> None:
    net = public_server()
    for row in (*net.responses["Subnets"], *net.responses["Vpcs"]):
        row["BlockPublicAccessStates"] = {"InternetGatewayBlockMode": "block-bidirectional"}
    net.responses.pop("VpcBlockPublicAccessOptions", None)
    answer = net.ask(IN)
    assert answer.verdict == "undetermined"
    assert any("BlockPublicAccess" in missing for missing in answer.missing)


def test_whose_an_address_is_is_open_where_only_instances_show_their_interfaces() -> None:
    net = public_server()
    net.group("sg-desk", [], OUT)
    net.instance("desk", "10.0.1.77", groups=["sg-desk"])
    assert net.ask("desk -> 10.0.1.200:22").verdict == "allowed"
    net.leave_out("NetworkInterfaces")
    answer = net.ask("desk -> 10.0.1.200:22")
    assert answer.verdict == "undetermined"
    assert any("DescribeNetworkInterfaces" in missing for missing in answer.missing)


# -- Network Firewall -------------------------------------------------------------------------------------------------


def inspected(group: Json, **policy: Any) -> Network:
    net = Network()
    net.internet_gateway()
    net.subnet("subnet-app", "10.0.1.0/24", routes={"0.0.0.0/0": "vpce-fw"})
    net.subnet("subnet-fw", "10.0.2.0/28", routes={"0.0.0.0/0": "igw-1"})
    net.instance("app", "10.0.1.10", public="198.51.100.10")
    arn = net.firewall("inspection", {"subnet-fw": "vpce-fw"}, stateful={"names": group}, **policy)
    service = "com.amazonaws.vpce.eu-west-1.vpce-svc-0a1b2c3d4e5f60718"
    net.endpoint("vpce-fw", service, "GatewayLoadBalancer", at={"subnet-fw": "10.0.2.5"}, firewall=arn)
    net.table("rtb-edge", {"10.0.1.0/24": "vpce-fw"}, gateway="igw-1")
    return net


TO = "app -> 192.0.2.80:443"
LISTED = {"Targets": ["example.com"], "TargetTypes": ["TLS_SNI"]}


@pytest.mark.parametrize("source", [{}, {"RulesSourceList": LISTED}])
def test_rules_that_do_not_show_may_do_anything(source: Json) -> None:
    assert inspected({"RulesSource": source}).ask(TO).verdict == "undetermined"


def test_a_policy_without_its_rules_is_named() -> None:
    net = inspected({"RulesSource": {"RulesString": "drop tcp any any -> any 443 (sid:1;)"}})
    assert net.ask(TO).verdict == "blocked"
    del net.details["describe-firewall-policy.inspection"]["FirewallPolicy"]
    with pytest.raises(InputError, match='has no key "FirewallPolicy"'):
        net.ask(TO)


def test_default_actions_tell_that_the_order_is_strict() -> None:
    net = inspected({"RulesSource": {"RulesString": "alert tcp any any -> any 443 (sid:1;)"}}, strict=True)
    policy = net.details["describe-firewall-policy.inspection"]["FirewallPolicy"]
    policy["StatefulDefaultActions"] = ["aws:drop_strict"]
    policy.pop("StatefulEngineOptions")
    assert codes(net.ask(TO)) == ["FIREWALL_RULES_RESTRICTION"]


@pytest.mark.parametrize("question", [IN, "web -> 203.0.113.5:443"])
@pytest.mark.parametrize(("state", "verdict"), [("active", "allowed"), ("blackhole", "blocked")])
def test_the_state_of_a_route_tells_whether_a_gateway_that_was_not_captured_is_attached(
    state: str, verdict: str, question: str
) -> None:
    net = public_server()
    del net.responses["InternetGateways"]
    for table in net.responses["RouteTables"]:
        for route in table["Routes"]:
            if route.get("GatewayId") == "igw-1":
                route["State"] = state
    assert net.ask(question).verdict == verdict
