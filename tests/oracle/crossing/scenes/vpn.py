"""A VPC with a virtual private gateway, and the office behind it."""

from __future__ import annotations

from random import Random

from tests.oracle import shapes
from tests.oracle.crossing.scenes.common import OFFICE, OUTSIDE_V6, RULES, Scene, change, packet
from tests.oracle.crossing.services import Site


def vpn(rng: Random) -> Scene:
    net = Site()
    net.vpc("a", "10.0.0.0/16", "2001:db8:0::/56")
    net.vpc("b", "10.1.0.0/16")
    gateway = net.vpn_gateway("a", rng.choice(("a", "a", "a", "a", "b", None)))
    net.raw["virtualInterfaces"] = []
    files = net.raw["Files"]
    files[f"describe-direct-connect-gateway-associations.{gateway}"] = {"directConnectGatewayAssociations": []}
    for zone in (0, 1):
        net.subnet(f"a{zone}", "a", f"10.0.{zone}.0/24", zone, [], f"2001:db8:0:{zone}::/64")
        net.instance(f"a{zone}", f"a{zone}", f"10.0.{zone}.10", ipv6=f"2001:db8:0:{zone}::10")
    statics = rng.choice((["192.168.0.0/16"], ["192.168.0.0/16"], ["192.168.1.0/24"], ["192.168.2.0/24"], None, None))
    tunnels, brought = rng.choice((2, 1, 1, 0)), rng.choice((0, 4))
    net.vpn("one", statics, tunnels, gateway, brought)
    known = list(statics or (["192.168.0.0/16"] if tunnels and brought else []))
    if rng.random() < 0.3:
        more = rng.choice((["192.168.1.0/24"], ["172.16.0.0/12"], ["192.168.0.0/16"]))
        net.vpn("two", more, rng.choice((2, 0)), gateway)
        known += [one for one in more if one not in known]
    if rng.random() < 0.1:
        net.rows("VpnGateways")[0]["State"] = rng.choice(("pending", "deleted"))
    if rng.random() < 0.1:
        net.rows("VpnConnections")[0]["State"] = rng.choice(("pending", "deleting", "deleted"))
    learned = rng.random() < 0.5
    for zone in (0, 1):
        table = net.one("RouteTables", "RouteTableId", f"rtb-a{zone}")
        if learned:
            table["PropagatingVgws"] = [{"GatewayId": gateway}]
        for cidr in known if learned else ["192.168.0.0/16"]:
            table["Routes"].append(shapes.route(cidr, gateway, propagated=learned))

    def more_specific(rng: Random, net: Site) -> None:
        table = net.one("RouteTables", "RouteTableId", rng.choice(("rtb-a0", "rtb-a1")))
        cidr = rng.choice(("192.168.1.0/24", "10.0.1.0/25", "0.0.0.0/0"))
        row = shapes.route(cidr, gateway, propagated=cidr == "10.0.1.0/25")
        if all(one.get("DestinationCidrBlock") != cidr for one in table["Routes"]):
            table["Routes"].append(row)
            table["PropagatingVgws"] = (
                [{"GatewayId": gateway}] if row["Origin"] != "CreateRoute" else table["PropagatingVgws"]
            )

    def six(rng: Random, net: Site) -> None:
        for zone in (0, 1):
            net.one("RouteTables", "RouteTableId", f"rtb-a{zone}")["Routes"].append(shapes.route("::/0", gateway))

    change(rng, net, (*RULES, more_specific, more_specific, six))
    here = rng.choice(("i-a0", "i-a1", "10.0.0.10"))
    ends = rng.choice(((here, OFFICE), (here, OFFICE), (OFFICE, here), (OFFICE, here), ("i-a0", "i-a1")))
    if rng.random() < 0.08:
        return net.raw, packet(rng, "i-a0", OUTSIDE_V6, True)
    return net.raw, packet(rng, *ends)
