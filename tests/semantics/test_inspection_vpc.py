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


def test_the_fix_is_appliance_mode_at_the_inspection_vpc() -> None:
    (fix,) = inspected(appliance=False, zones=("a", "b")).fix("app -> db:5432").fixes
    assert fix.then == "allowed"
    (command,) = fix.commands
    assert "modify-transit-gateway-vpc-attachment --transit-gateway-attachment-id tgw-attach-x" in command
    assert "--options ApplianceModeSupport=enable" in command


# -- from on premises ------------------------------------------------------------------------------------------------


def inspected_office(*, appliance: bool = True, onward: str = "tgw-1") -> Network:
    """``app`` and an office behind a VPN connection, with the firewall of a third VPC on every way between them."""
    net = Network()
    net.vpc("vpc-x", "10.100.0.0/16")
    net.subnet("subnet-app", "10.0.1.0/24", zone="b", routes={"0.0.0.0/0": "tgw-1"})
    net.group("sg-app", [tcp(443, "172.20.0.0/16", "10.0.0.0/8")], OUT)
    net.instance("app", "10.0.1.10", groups=["sg-app"])
    for number, zone in enumerate("ab"):
        net.subnet(f"subnet-app-{zone}", f"10.0.255.{16 * number}/28", zone=zone)
        net.subnet(
            f"subnet-in-{zone}",
            f"10.100.0.{16 * number}/28",
            vpc="vpc-x",
            zone=zone,
            routes={"0.0.0.0/0": f"vpce-{zone}"},
        )
        net.subnet(
            f"subnet-fw-{zone}", f"10.100.1.{16 * number}/28", vpc="vpc-x", zone=zone, routes={"0.0.0.0/0": onward}
        )
    arn = net.firewall("main", {"subnet-fw-a": "vpce-a", "subnet-fw-b": "vpce-b"}, vpc="vpc-x")
    service = "com.amazonaws.vpce.eu-west-1.vpce-svc-0a1b2c3d4e5f60718"
    for number, zone in enumerate("ab"):
        at = {f"subnet-fw-{zone}": f"10.100.1.{16 * number + 5}"}
        net.endpoint(f"vpce-{zone}", service, "GatewayLoadBalancer", at=at, firewall=arn, vpc="vpc-x")
    transit_gateway(net)
    net.vpn_connection("vpn-1", "tgw-1")
    attach(net, "tgw-attach-1", "vpc-1", subnets=["subnet-app-a", "subnet-app-b"], table="tgw-rtb-1")
    attach(net, "tgw-attach-vpn", "vpn-1", table="tgw-rtb-1")
    doors = ["subnet-in-a", "subnet-in-b"]
    attach(net, "tgw-attach-x", "vpc-x", subnets=doors, appliance=appliance, table="tgw-rtb-x")
    transit_table(net, "tgw-rtb-1", static={"0.0.0.0/0": "tgw-attach-x"})
    transit_table(net, "tgw-rtb-x", propagated={"10.0.0.0/16": "tgw-attach-1", "172.20.0.0/16": ["tgw-attach-vpn"]})
    return net


def test_who_is_behind_the_inspection_vpc_comes_in_where_that_routes_them_back() -> None:
    answer = inspected_office().ask("172.20.5.5 -> app:443")
    assert (answer.verdict, codes(answer), answer.missing) == ("allowed", [], [])
    entered = [hop.detail for hop in answer.forward if hop.kind == "transit-gateway"]
    assert list(dict.fromkeys(entered)) == ["in by tgw-attach-vpn", "in by tgw-attach-x"]
    assert "network-firewall" in [hop.kind for hop in answer.forward]
    assert not any("172.20.5.5 is in the blocks of" in warning for warning in answer.warnings)
    assert inspected_office().ask("app -> 172.20.5.5:443").verdict == "allowed"


def test_a_host_of_another_vpc_that_no_interface_shows_comes_through_the_inspection_vpc_as_well() -> None:
    net = inspected(appliance=True, zones=("a", "b"))
    answer = net.ask("10.9.1.77 -> app:5432")
    assert (answer.verdict, codes(answer), answer.missing) == ("allowed", [], [])
    assert "network-firewall" in [hop.kind for hop in answer.forward]
    assert any("No interface owns 10.9.1.77 in subnet-db" in warning for warning in answer.warnings)


def test_without_appliance_mode_some_flows_from_the_office_meet_another_firewall_on_their_way_back() -> None:
    answer = inspected_office(appliance=False).ask("172.20.5.5 -> app:443")
    assert (answer.verdict, codes(answer)) == ("partial", ["ASYMMETRIC_ROUTING"])


def test_an_inspection_vpc_that_passes_nothing_on_is_nobodys_way_in() -> None:
    net = inspected_office(onward="igw-1")
    net.internet_gateway("igw-1", "vpc-x")
    answer = net.ask("172.20.5.5 -> app:443")
    assert answer.verdict == "blocked"
    assert any("No route of tgw-1 leads to 172.20.5.5" in warning for warning in answer.warnings)
