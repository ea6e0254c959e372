"""Targets outside the VPC of a Network Load Balancer: where it may keep its clients' addresses, and where it may not.

https://docs.aws.amazon.com/elasticloadbalancing/latest/network/edit-target-group-attributes.html ("traffic must flow
directly from the Network Load Balancer to the target"; the same VPC, or a peered one in the same Region)
"""

from __future__ import annotations

import pytest

from tests.balancing import Balancing
from tests.builders import Network, codes, tcp
from tests.transits import attach, transit_gateway, transit_table


def far_target(over: str, *, keeps: bool, ingress: str = "10.0.0.0/16", region: str | None = None) -> Network:
    """``app`` and ``shop``, a Network Load Balancer, in vpc-1; its target (10.9.1.10) in vpc-2, behind ``over``."""
    net = Network()
    net.vpc("vpc-2", "10.9.0.0/16")
    net.subnet("subnet-app", "10.0.1.0/24")
    net.subnet("subnet-node", "10.0.2.0/24", routes={"10.9.0.0/16": over})
    net.subnet("subnet-far", "10.9.1.0/24", vpc="vpc-2", routes={"10.0.0.0/16": over})
    net.group("sg-far", [tcp(8080, ingress)], vpc="vpc-2")
    net.instance("app", "10.0.1.10")
    net.instance("far", "10.9.1.10", groups=["sg-far"])
    net.peering("pcx-1", "vpc-1", "vpc-2", accepter_region=region)
    transit_gateway(net)
    attach(net, "tgw-attach-1", "vpc-1", ["subnet-node"])
    attach(net, "tgw-attach-2", "vpc-2", ["subnet-far"])
    transit_table(net, propagated={"10.0.0.0/16": "tgw-attach-1", "10.9.0.0/16": "tgw-attach-2"})
    made = Balancing(net)
    made.group("far", {"10.9.1.10": 8080}, protocol="TCP", kind="ip", keeps=keeps, zones={"10.9.1.10": "all"})
    made.balancer("shop", {"subnet-node": "10.0.2.5"}, {("TCP", 443): "far"}, kind="network")
    return net


@pytest.mark.parametrize("over", ["pcx-1", "tgw-1"])
def test_with_its_own_address_it_reaches_targets_by_any_way(over: str) -> None:
    answer = far_target(over, keeps=False, ingress="10.0.2.5/32").ask("app -> shop:443")
    assert (answer.verdict, codes(answer), answer.missing) == ("allowed", [], [])


def test_a_target_in_a_peered_vpc_of_the_same_region_sees_the_client() -> None:
    assert far_target("pcx-1", keeps=True, ingress="10.0.1.10/32").ask("app -> shop:443").verdict == "allowed"
    answer = far_target("pcx-1", keeps=True, ingress="10.0.2.5/32").ask("app -> shop:443")
    assert (answer.verdict, codes(answer)) == ("blocked", ["ENI_SG_RULES_MISMATCH"])


@pytest.mark.parametrize(("over", "region"), [("tgw-1", None), ("pcx-1", "us-east-1")])
def test_where_the_way_is_not_direct_keeping_the_clients_address_is_not_supported(
    over: str, region: str | None
) -> None:
    net = far_target(over, keeps=True, region=region)
    answer = net.ask("app -> shop:443")
    assert (answer.verdict, codes(answer)) == ("undetermined", [])
    assert "preserve_client_ip.enabled" in answer.missing[0]
    assert "shop sends through" in answer.missing[0]


def test_a_firewall_between_it_and_the_target_is_no_direct_way() -> None:
    def net(keeps: bool) -> Network:
        net = Network()
        net.subnet("subnet-app", "10.0.1.0/24")
        net.subnet("subnet-node", "10.0.2.0/24", routes={"10.0.3.0/24": "vpce-fw"})
        net.subnet("subnet-far", "10.0.3.0/24", routes={"10.0.2.0/24": "vpce-fw"})
        net.subnet("subnet-fw", "10.0.4.0/28")
        net.instance("app", "10.0.1.10")
        net.instance("far", "10.0.3.10")
        arn = net.firewall("inspection", {"subnet-fw": "vpce-fw"})
        service = "com.amazonaws.vpce.eu-west-1.vpce-svc-0a1b2c3d4e5f60718"
        at = {"subnet-fw": "10.0.4.5"}
        net.endpoint("vpce-fw", service, "GatewayLoadBalancer", at=at, firewall=arn)
        made = Balancing(net)
        made.group("far", {"10.0.3.10": 8080}, protocol="TCP", kind="ip", keeps=keeps)
        made.balancer("shop", {"subnet-node": "10.0.2.5"}, {("TCP", 443): "far"}, kind="network")
        return net

    assert net(keeps=False).ask("app -> shop:443").verdict == "allowed"
    answer = net(keeps=True).ask("app -> shop:443")  # the replies go to the load balancer by themselves
    assert (answer.verdict, codes(answer)) == ("blocked", ["ASYMMETRIC_ROUTING"])
