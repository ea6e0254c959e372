"""NAT gateways of every kind."""

from __future__ import annotations

from random import Random

from tests.oracle import shapes
from tests.oracle.crossing.scenes.common import (
    NAT64,
    OUTSIDE,
    OUTSIDE_V6,
    RULES,
    Scene,
    block_public_access,
    change,
    packet,
    spoke,
)
from tests.oracle.crossing.services import Site


def nat(rng: Random) -> Scene:
    """Regional and zonal ones, NAT64; a private one towards another VPC by a transit gateway."""
    net = Site()
    net.vpc("a", "10.0.0.0/16", "2001:db8:0::/56")
    igw = net.internet_gateway("a")
    kind = rng.choice(("zonal", "regional", "regional", "private"))
    for zone in (0, 1, 2):
        net.subnet(f"a{zone}", "a", f"10.0.{zone}.0/24", zone, [], f"2001:db8:0:{zone}::/64")
        net.instance(f"a{zone}", f"a{zone}", f"10.0.{zone}.10", ipv6=f"2001:db8:0:{zone}::10")
    if kind == "regional":
        zones = {zone: f"52.0.0.{zone + 1}" for zone in rng.choice(((0, 1), (0,), (0, 1, 2)))}
        gateway = net.regional_nat("a", zones, rng.choice((True, False)), [("0.0.0.0/0", igw)])
    else:
        out = [("0.0.0.0/0", igw)] if kind == "zonal" or rng.random() < 0.2 else []
        net.subnet("nat", "a", "10.0.9.0/24", 0, out, "2001:db8:0:9::/64")
        gateway = net.nat("a", "nat", "10.0.9.9", "52.0.0.9" if kind == "zonal" else None)
    if kind == "private" or rng.random() < 0.3:
        transit_gateway = net.transit_gateway("one")
        table = net.transit_table(transit_gateway, "all")
        spoke(net, "b", 1, [("10.0.9.0/24", transit_gateway), ("10.0.0.0/16", transit_gateway)], ipv6=False)
        net.subnet("a-door0", "a", "10.0.100.0/28", 0)
        door = net.attach_vpc(transit_gateway, "a", ["a-door0"], "all")
        table.append(net.transit_route("10.0.0.0/16", door, "propagated"))
        table.append(
            net.transit_route("10.1.0.0/16", net.attach_vpc(transit_gateway, "b", ["b-door0", "b-door1"], "all"))
        )
        if kind != "regional":
            name = "RouteTables", "RouteTableId", "rtb-nat"
            net.one(*name)["Routes"].append(shapes.route("10.1.0.0/16", transit_gateway))
    for zone in (0, 1, 2):
        routes = net.one("RouteTables", "RouteTableId", f"rtb-a{zone}")["Routes"]
        routes += [shapes.route("0.0.0.0/0", gateway), shapes.route("64:ff9b::/96", gateway)]
        if rng.random() < 0.3:
            routes.append(shapes.route("::/0", gateway))

    def break_gateway(rng: Random, net: Site) -> None:
        net.rows("NatGateways")[0]["State"] = rng.choice(("pending", "failed", "deleting", "deleted"))

    def detach(rng: Random, net: Site) -> None:
        net.rows("InternetGateways")[0]["Attachments"] = []

    change(rng, net, (*RULES, break_gateway, detach, block_public_access))
    source = rng.choice(("i-a0", "i-a1", "i-a2"))
    there = [OUTSIDE, OUTSIDE, NAT64, NAT64, OUTSIDE_V6]
    if "TransitGateways" in net.raw:
        there += ["i-b0", "i-b1", "10.1.0.10"]
    destination = rng.choice(there)
    if rng.random() < 0.1:
        return net.raw, packet(rng, OUTSIDE, rng.choice(("52.0.0.1", "i-a0")))
    return net.raw, packet(rng, source, destination, ":" in destination)
