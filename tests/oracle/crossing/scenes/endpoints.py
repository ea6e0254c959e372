"""A gateway endpoint and an interface endpoint, used from their VPC and from elsewhere."""

from __future__ import annotations

from random import Random

from tests.oracle import shapes
from tests.oracle.crossing.scenes.common import OUTSIDE, RULES, Scene, block_public_access, change, packet, spoke
from tests.oracle.crossing.services import Site


def endpoint(rng: Random) -> Scene:
    net = Site()
    net.vpc("a", "10.0.0.0/16")
    igw = net.internet_gateway("a")
    net.raw["PrefixLists"] = [
        {
            "PrefixListId": "pl-s3",
            "PrefixListName": f"com.amazonaws.{shapes.REGION}.s3",
            "Cidrs": ["203.0.113.0/24", "198.18.0.0/24"],
        }
    ]
    transit_gateway = net.transit_gateway("one")
    table = net.transit_table(transit_gateway, "all")
    way = [("203.0.113.0/24", transit_gateway), ("10.0.0.0/16", transit_gateway)]
    spoke(net, "b", 1, way if rng.random() < 0.4 else way[1:], ipv6=False)
    for zone in (0, 1):
        routes = [("0.0.0.0/0", igw)] if rng.random() < 0.3 else []
        if rng.random() < 0.8:
            routes.append(("pl-s3", "vpce-s3"))
        routes.append(("10.1.0.0/16", transit_gateway))
        net.subnet(f"a{zone}", "a", f"10.0.{zone}.0/24", zone, routes)
        public = f"52.0.0.{zone}" if rng.random() < 0.3 else None
        net.instance(f"a{zone}", f"a{zone}", f"10.0.{zone}.10", public)
    net.subnet("a-door0", "a", "10.0.100.0/28", 0, [("pl-s3", "vpce-s3")] if rng.random() < 0.5 else [])
    tables = [one["RouteTableId"] for one in net.rows("RouteTables") if "vpce-s3" in str(one["Routes"])]
    net.endpoint("s3", "a", "Gateway", RouteTableIds=tables)
    table.append(net.transit_route("10.0.0.0/16", net.attach_vpc(transit_gateway, "a", ["a-door0"], "all")))
    table.append(net.transit_route("10.1.0.0/16", net.attach_vpc(transit_gateway, "b", ["b-door0", "b-door1"], "all")))
    table.append(net.transit_route("203.0.113.0/24", "tgw-attach-a"))
    group = shapes.group("sg-endpoint", "vpc-a", [shapes.permission("tcp", 443, 443, ["10.0.0.0/8"])])
    net.add("SecurityGroups", group)
    net.subnet("a-inner", "a", "10.0.7.0/24", 0, [("10.1.0.0/16", transit_gateway)])
    net.interface("sqs", "a-inner", "10.0.7.7", ["sg-endpoint"], InterfaceType="vpc_endpoint")
    groups = [{"GroupId": "sg-endpoint", "GroupName": "endpoint"}]
    net.endpoint("sqs", "a", "Interface", ["a-inner"], NetworkInterfaceIds=["eni-sqs"], Groups=groups)

    def not_available(rng: Random, net: Site) -> None:
        rng.choice(net.rows("VpcEndpoints"))["State"] = rng.choice(
            ("pending", "deleting", "failed", "PendingAcceptance")
        )

    def spell(rng: Random, net: Site) -> None:
        rng.choice(net.rows("VpcEndpoints"))["State"] = "Available"

    def more_specific(rng: Random, net: Site) -> None:
        routes = net.one("RouteTables", "RouteTableId", "rtb-a0")["Routes"]
        routes.append(shapes.route(rng.choice(("203.0.113.5/32", "203.0.113.0/24")), igw))

    change(rng, net, (*RULES, not_available, spell, more_specific, block_public_access))
    here = rng.choice(("i-a0", "i-a0", "i-a1", "i-b0", "i-b1", "10.0.0.10"))
    there = rng.choice((OUTSIDE, "203.0.113.77", "eni-sqs", "10.0.7.7", "10.0.7.7", "198.51.100.9"))
    if rng.random() < 0.05:
        here, there = "eni-sqs", "i-a0"
    return net.raw, packet(rng, here, there)
