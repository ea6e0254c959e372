"""The example scenarios of AWS's transit gateway guide, with the addresses and tables that stand there.

https://docs.aws.amazon.com/vpc/latest/tgw/TGW_Scenarios.html
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.builders import Network, blockers, codes, every
from tests.transits import BLACKHOLE, attach, transit_gateway, transit_table

ANY = [every("-1", "0.0.0.0/0")]


def three_vpcs(default: Mapping[str, str], *, tables: Mapping[str, str]) -> Network:
    """VPCs A (10.1.0.0/16), B (10.2.0.0/16) and C (10.3.0.0/16) with a host each, and a VPN, at one gateway."""
    net = Network(None)
    transit_gateway(net)
    for number, name in enumerate("abc", 1):
        vpc = f"vpc-{name}"
        net.vpc(vpc, f"10.{number}.0.0/16")
        net.subnet(f"subnet-{name}", f"10.{number}.1.0/24", vpc=vpc, routes=default)
        net.group(f"sg-{name}", ANY, vpc=vpc)
        net.instance(name, f"10.{number}.1.10", groups=[f"sg-{name}"])
        attach(net, f"tgw-attach-{name}", vpc, [f"subnet-{name}"], table=tables.get(name, "tgw-rtb-1"))
    attach(net, "tgw-attach-vpn", "vpn-1", table=tables.get("vpn", "tgw-rtb-1"))
    return net


def propagated(*names: str) -> dict[str, str]:
    blocks = {"a": "10.1.0.0/16", "b": "10.2.0.0/16", "c": "10.3.0.0/16", "vpn": "10.99.99.0/24"}
    return {blocks[name]: f"tgw-attach-{name}" for name in names}


def test_centralized_router() -> None:
    # https://docs.aws.amazon.com/vpc/latest/tgw/transit-gateway-centralized-router.html
    net = three_vpcs({"0.0.0.0/0": "tgw-1"}, tables={})
    transit_table(net, propagated=propagated("a", "b", "c", "vpn"))
    for question in ("a -> b:443", "c -> a:443", "a -> 10.99.99.5:443", "10.99.99.5 -> b:443"):
        assert net.ask(question).verdict == "allowed", question


def test_isolated_vpcs() -> None:
    # https://docs.aws.amazon.com/vpc/latest/tgw/transit-gateway-isolated.html
    net = three_vpcs({"0.0.0.0/0": "tgw-1"}, tables={"vpn": "tgw-rtb-2"})
    transit_table(net, propagated=propagated("vpn"))
    transit_table(net, "tgw-rtb-2", propagated=propagated("a", "b", "c"))
    assert net.ask("a -> 10.99.99.5:443").verdict == "allowed"
    assert net.ask("10.99.99.5 -> c:443").verdict == "allowed"
    answer = net.ask("a -> b:443")
    assert blockers(answer) == ["forward transit-gateway tgw-rtb-1", "return transit-gateway tgw-rtb-1"]


def test_isolated_vpcs_with_shared_services() -> None:
    # https://docs.aws.amazon.com/vpc/latest/tgw/transit-gateway-isolated-shared.html
    net = three_vpcs({"0.0.0.0/0": "tgw-1"}, tables={"c": "tgw-rtb-2", "vpn": "tgw-rtb-2"})
    transit_table(net, propagated=propagated("c", "vpn"))
    transit_table(net, "tgw-rtb-2", propagated=propagated("a", "b", "c", "vpn"))
    for question in ("a -> c:443", "c -> b:443", "c -> 10.99.99.5:443", "10.99.99.5 -> a:443"):
        assert net.ask(question).verdict == "allowed", question
    assert net.ask("a -> b:443").verdict == "blocked"


@pytest.mark.parametrize("blackholes", [True, False])
def test_centralized_outbound_routing(blackholes: bool) -> None:
    # https://docs.aws.amazon.com/vpc/latest/tgw/transit-gateway-nat-igw.html
    net = three_vpcs({"0.0.0.0/0": "tgw-1"}, tables={"c": "tgw-rtb-2"})
    net.internet_gateway(vpc="vpc-c")
    back = {"0.0.0.0/0": "igw-1", "10.1.0.0/16": "tgw-1", "10.2.0.0/16": "tgw-1"}
    net.subnet("subnet-public", "10.3.2.0/24", vpc="vpc-c", routes=back)
    net.nat_gateway("nat-1", "10.3.2.99", "198.51.100.99")
    private = next(table for table in net.responses["RouteTables"] if table["RouteTableId"] == "rtb-c")
    del private["Routes"][-1]["TransitGatewayId"]
    private["Routes"][-1]["NatGatewayId"] = "nat-1"
    drop = {"10.1.0.0/16": BLACKHOLE, "10.2.0.0/16": BLACKHOLE} if blackholes else {}
    transit_table(net, static={"0.0.0.0/0": "tgw-attach-c", **drop})
    transit_table(net, "tgw-rtb-2", propagated=propagated("a", "b"))
    assert net.ask("a -> 192.0.2.80:443").verdict == "allowed"
    answer = net.ask("a -> b:443")
    # Without the blackholes the packets go around by the NAT gateway of VPC C, which sends them back to the gateway.
    assert answer.verdict == ("blocked" if blackholes else "allowed")
    assert set(codes(answer)) == ({"TGW_RTB_BAD_STATE_ROUTE"} if blackholes else set())
