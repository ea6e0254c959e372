"""Every component in one account, and routes that lead to any of them."""

from __future__ import annotations

from random import Random

from tests.oracle import shapes
from tests.oracle.crossing.scenes.common import (
    OFFICE,
    OUTSIDE,
    RULES,
    Scene,
    block_public_access,
    change,
    packet,
)
from tests.oracle.crossing.scenes.firewalls import policy
from tests.oracle.crossing.services import Site
from tests.oracle.model import Json

ENDS = ("i-a0", "i-a1", "i-b0", "i-c0", "i-x0", "10.0.0.10", "10.1.0.10")

BUSY = ("a0", "a1", "b0", "c0", "x0", "r0", "r1", "ut")  # how the tables of the machines, doors and ways out end


def mixed(rng: Random) -> Scene:
    net = Site()
    gateway = net.transit_gateway("one", rng.choice(("enable", "disable")))
    everything = net.transit_table(gateway, "all")
    vpcs = {name: net.vpc(name, f"10.{number}.0.0/16") for number, name in enumerate("abcx")}
    peering = net.add("VpcPeeringConnections", shapes.peering("pcx-ab", vpcs["a"], vpcs["b"]))
    for number, name in enumerate("abcx"):
        igw = net.internet_gateway(name)
        away = [("10.0.0.0/8", gateway), ("192.168.0.0/16", gateway)]
        net.subnet(f"{name}-out", name, f"10.{number}.9.0/24", 0, [*away, ("0.0.0.0/0", igw)])
        net.nat(name, f"{name}-out", f"10.{number}.9.9", f"52.0.{number}.9" if rng.random() < 0.8 else None)
        for zone in (0, 1):
            inner = [*away, ("0.0.0.0/0", f"nat-{name}")]
            net.subnet(f"{name}{zone}", name, f"10.{number}.{zone}.0/24", zone, inner)
            public = f"52.0.{number}.{zone}" if rng.random() < 0.3 else None
            net.instance(f"{name}{zone}", f"{name}{zone}", f"10.{number}.{zone}.10", public)
            net.subnet(f"{name}-door{zone}", name, f"10.{number}.{100 + zone}.0/28", zone, [])
        door = net.attach_vpc(gateway, name, [f"{name}-door0", f"{name}-door1"], "all", appliance=rng.random() < 0.15)
        everything.append(net.transit_route(f"10.{number}.0.0/16", door, "propagated"))
    office = net.attach(gateway, "vpn", net.vpn("office", None, 1, gateway, 3), "all", "office")
    everything.append(net.transit_route("192.168.0.0/16", office, "propagated"))
    vgw = net.vpn_gateway("a", "a")
    net.vpn("branch", ["192.168.0.0/16"], rng.choice((1, 1, 0)), vgw)
    net.raw["virtualInterfaces"] = []
    files = net.raw["Files"]
    files[f"describe-direct-connect-gateway-associations.{vgw}"] = {"directConnectGatewayAssociations": []}
    for zone in (0, 1):
        net.subnet(f"fw{zone}", "x", f"10.3.{200 + zone}.0/28", zone, [("10.0.0.0/8", gateway), ("0.0.0.0/0", "nat-x")])
        net.gateway_load_balancer_endpoint(f"fw{zone}", f"fw{zone}", f"10.3.{200 + zone}.4")
    net.firewall("main", "x", {"fw0": "fw0", "fw1": "fw1"}, policy(rng, net) if rng.random() < 0.5 else OPEN)
    net.subnet("gwlb", "c", "10.2.200.0/28", 0, [("10.0.0.0/8", gateway), ("0.0.0.0/0", "nat-c")])
    net.gateway_load_balancer_endpoint("unknown", "gwlb", "10.2.200.4")  # an appliance of somebody's
    net.raw["PrefixLists"] = [{"PrefixListId": "pl-s3", "PrefixListName": "s3", "Cidrs": ["203.0.113.0/24"]}]
    net.endpoint("s3", "a", "Gateway", RouteTableIds=[])
    assert peering

    def retarget(rng: Random, net: Site) -> None:
        """A route leads elsewhere, or there is another one."""
        busy = [one for one in net.rows("RouteTables") if one["RouteTableId"][-2:] in BUSY]
        table = rng.choice(busy if rng.random() < 0.7 else net.rows("RouteTables"))
        name = table["VpcId"][4:]
        ways = [f"igw-{name}", f"nat-{name}", gateway, gateway]
        ways += {
            "a": ["pcx-ab", "pcx-ab", vgw, "vpce-s3"],
            "b": ["pcx-ab", "pcx-ab"],
            "x": ["vpce-fw0", "vpce-fw1"],
            "c": ["vpce-unknown"],
        }.get(name, [])
        to = rng.choice(ways)
        cidr = rng.choice(("0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.0.0.0/16", "192.168.0.0/16", "203.0.113.0/24"))
        cidr = "pl-s3" if to == "vpce-s3" else cidr
        own = {one["CidrBlock"] for one in net.one("Vpcs", "VpcId", table["VpcId"])["CidrBlockAssociationSet"]}
        if cidr in own:
            return
        table["Routes"] = [one for one in table["Routes"] if cidr not in one.values()]
        table["Routes"].append(shapes.route(cidr, to))

    def through_the_firewall(rng: Random, net: Site) -> None:
        for zone in (0, 1):
            routes = net.one("RouteTables", "RouteTableId", f"rtb-x-door{zone}")["Routes"]
            routes[:] = [one for one in routes if "0.0.0.0/0" not in one.values()]
            routes.append(shapes.route("0.0.0.0/0", f"vpce-fw{zone}"))
        first = net.transit_table(gateway, "first") if "tgw-rtb-first" not in str(net.raw["Files"]) else []
        first.append(net.transit_route("0.0.0.0/0", "tgw-attach-x"))
        for row in net.rows("TransitGatewayAttachments"):
            if row["ResourceId"] != "vpc-x" and rng.random() < 0.8:
                row["Association"]["TransitGatewayRouteTableId"] = "tgw-rtb-first"

    def transit(rng: Random, net: Site) -> None:
        cidr = rng.choice(("10.1.0.0/24", "10.0.0.0/8", "0.0.0.0/0", "192.168.1.0/24", "10.2.0.0/16"))
        to = rng.choice(("tgw-attach-a", "tgw-attach-b", "tgw-attach-c", "tgw-attach-x", "tgw-attach-office", None))
        if all(one["DestinationCidrBlock"] != cidr or one["Type"] != "static" for one in everything):
            everything.append(net.transit_route(cidr, to))

    own = (retarget, retarget, retarget, retarget, transit, through_the_firewall)
    change(rng, net, (*(rule for rule in RULES if rng.random() < 0.5), *own, block_public_access), (2, 5, 8, 12))
    ends = rng.choice((rng.sample(ENDS, 2), [rng.choice(ENDS), rng.choice((OUTSIDE, OUTSIDE, OFFICE))]))
    if rng.random() < 0.2:
        ends.reverse()
    return net.raw, packet(rng, ends[0], ends[1])


OPEN: Json = {
    "StatelessDefaultActions": ["aws:forward_to_sfe"],
    "StatelessFragmentDefaultActions": ["aws:drop"],
    "StatelessRuleGroupReferences": [],
    "StatefulRuleGroupReferences": [],
}
