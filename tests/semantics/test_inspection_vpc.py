"""A firewall in a VPC of its own, which a transit gateway leads the packets of all others through.

https://docs.aws.amazon.com/network-firewall/latest/developerguide/asymmetric-routing.html
https://docs.aws.amazon.com/vpc/latest/tgw/transit-gateway-appliance-scenario.html
"""

from __future__ import annotations

import pytest

from tests.builders import OUT, Network, codes, tcp
from tests.transits import attach, transit_gateway, transit_table


def inspected(*, appliance: bool, zones: tuple[str, str]) -> Network:
    """``app`` and ``db`` in two VPCs, each in one of ``zones``, and a firewall in both zones of a third VPC."""
    net = Network()
    net.vpc("vpc-2", "10.9.0.0/16")
    net.vpc("vpc-x", "10.100.0.0/16")
    for place, cidr, vpc, zone in (("app", "10.0", "vpc-1", zones[0]), ("db", "10.9", "vpc-2", zones[1])):
        net.subnet(f"subnet-{place}", f"{cidr}.1.0/24", vpc=vpc, zone=zone, routes={"10.0.0.0/8": "tgw-1"})
        for number, door in enumerate("ab"):
            net.subnet(f"subnet-{place}-{door}", f"{cidr}.255.{16 * number}/28", vpc=vpc, zone=door)
        net.group(f"sg-{place}", [tcp(5432, "10.0.0.0/8")], OUT, vpc=vpc)
        net.instance(place, f"{cidr}.1.10", groups=[f"sg-{place}"])
    for number, zone in enumerate("ab"):
        away, back = {"10.0.0.0/8": f"vpce-{zone}"}, {"10.0.0.0/12": "tgw-1"}
        net.subnet(f"subnet-in-{zone}", f"10.100.0.{16 * number}/28", vpc="vpc-x", zone=zone, routes=away)
        net.subnet(f"subnet-fw-{zone}", f"10.100.1.{16 * number}/28", vpc="vpc-x", zone=zone, routes=back)
    arn = net.firewall("main", {"subnet-fw-a": "vpce-a", "subnet-fw-b": "vpce-b"}, vpc="vpc-x")
    service = "com.amazonaws.vpce.eu-west-1.vpce-svc-0a1b2c3d4e5f60718"
    for number, zone in enumerate("ab"):
        at = {f"subnet-fw-{zone}": f"10.100.1.{16 * number + 5}"}
        net.endpoint(f"vpce-{zone}", service, "GatewayLoadBalancer", at=at, firewall=arn, vpc="vpc-x")
    transit_gateway(net)
    attach(net, "tgw-attach-1", "vpc-1", subnets=["subnet-app-a", "subnet-app-b"], table="tgw-rtb-1")
    attach(net, "tgw-attach-2", "vpc-2", subnets=["subnet-db-a", "subnet-db-b"], table="tgw-rtb-1")
    doors = ["subnet-in-a", "subnet-in-b"]
    attach(net, "tgw-attach-x", "vpc-x", subnets=doors, appliance=appliance, table="tgw-rtb-x")
    transit_table(net, "tgw-rtb-1", static={"0.0.0.0/0": "tgw-attach-x"})
    transit_table(net, "tgw-rtb-x", propagated={"10.0.0.0/16": "tgw-attach-1", "10.9.0.0/16": "tgw-attach-2"})
    return net


@pytest.mark.parametrize("zones", [("a", "a"), ("a", "b")])
def test_in_appliance_mode_the_firewall_of_one_zone_sees_both_ways(zones: tuple[str, str]) -> None:
    answer = inspected(appliance=True, zones=zones).ask("app -> db:5432")
    assert (answer.verdict, codes(answer), answer.missing) == ("allowed", [], [])


def test_without_it_the_reply_comes_by_the_zone_that_it_is_sent_from() -> None:
    assert inspected(appliance=False, zones=("a", "a")).ask("app -> db:5432").verdict == "allowed"
    answer = inspected(appliance=False, zones=("a", "b")).ask("app -> db:5432")
    assert (answer.verdict, codes(answer)) == ("blocked", ["ASYMMETRIC_ROUTING"])
    assert answer.blocked_by[0].leg == "return"
