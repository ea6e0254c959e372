"""Accounts a step away from working, one kind a component, and a question that crosses it: `SCENES[name](rng)`."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.oracle import shapes
from tests.oracle.crossing.build import Net
from tests.oracle.model import ICMP, ICMPV6, TCP, UDP, Json
from tests.oracle.questions import Question

OUTSIDE, OUTSIDE_V6, NAT64 = "203.0.113.5", "2001:db8:ffff::5", "64:ff9b::cb00:7105"
OFFICE = "192.168.1.9"
CIDRS = (
    "0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16", "10.0.0.0/24", "10.0.0.10/32", "10.1.0.0/16", "10.1.0.0/24", "10.2.0.0/16",
    "10.0.1.0/24", "10.1.1.0/24", "192.168.0.0/16", "203.0.113.0/24", "10.0.100.0/23", "10.1.100.0/23", "64:ff9b::/96",
    "2001:db8::/32", "::/0",
)  # fmt: skip
Scene = tuple[Json, Question]


# Rules, whatever the component


def deny(rng: Random, net: Net) -> None:
    """A network ACL refuses some more, in one direction."""
    acl = rng.choice(net.rows("NetworkAcls"))
    number = rng.randint(1, 99)
    if any(one["RuleNumber"] == number for one in acl["Entries"]):
        return
    protocol, ports = rng.choice(((-1, None), (-1, None), (TCP, (1024, 65535)), (TCP, (0, 1023)), (TCP, (443, 443))))
    direction = rng.choice(("ingress", "egress"))
    entry = shapes.acl_entry(number, direction, "deny", rng.choice(CIDRS), protocol, ports)
    acl["Entries"].append(entry)


def shut(rng: Random, net: Net) -> None:
    """A network ACL without one of its allowing rules."""
    entries = rng.choice(net.rows("NetworkAcls"))["Entries"]
    allowing = [one for one in entries if one["RuleAction"] == "allow"]
    if allowing:
        entries.remove(rng.choice(allowing))


def narrow(rng: Random, net: Net) -> None:
    """A security group that serves some only."""
    group = rng.choice(net.rows("SecurityGroups"))
    names = [one["GroupId"] for one in net.rows("SecurityGroups")]
    key = rng.choice(("IpPermissions", "IpPermissions", "IpPermissionsEgress"))
    peers = rng.choice(([rng.choice(CIDRS)], [rng.choice(names)], [rng.choice(CIDRS), rng.choice(names)]))
    low, high = rng.choice(((443, 443), (0, 1023), (0, 65535), (8080, 8080)))
    rule = rng.choice((shapes.permission("-1", peers=peers), shapes.permission("tcp", low, high, peers)))
    group[key] = [rule] if rng.random() < 0.9 else []


def stop(rng: Random, net: Net) -> None:
    instance = rng.choice(net.rows("Reservations"))["Instances"][0]
    instance["State"] = {"Code": 80, "Name": "stopped"}


def lose_route(rng: Random, net: Net) -> None:
    routes = rng.choice(net.rows("RouteTables"))["Routes"]
    one = rng.choice(routes)
    if one.get("GatewayId") != "local":
        routes.remove(one)


def bury_route(rng: Random, net: Net) -> None:
    one = rng.choice(rng.choice(net.rows("RouteTables"))["Routes"])
    if one.get("GatewayId") != "local":
        one["State"] = "blackhole"


def block_public_access(rng: Random, net: Net) -> None:
    net.raw["VpcBlockPublicAccessOptions"] = {
        "AwsAccountId": shapes.OWNER,
        "AwsRegion": shapes.REGION,
        "State": "update-complete",
        "InternetGatewayBlockMode": rng.choice(("block-ingress", "block-bidirectional")),
        "ManagedBy": "account",
        "ExclusionsAllowed": "allowed",
    }
    net.raw["VpcBlockPublicAccessExclusions"] = []
    for vpc in net.rows("Vpcs"):
        if rng.random() < 0.5:
            net.add(
                "VpcBlockPublicAccessExclusions",
                {
                    "ExclusionId": f"vpcbpa-exclude-{vpc['VpcId']}",
                    "InternetGatewayExclusionMode": rng.choice(("allow-bidirectional", "allow-egress")),
                    "ResourceArn": f"arn:aws:ec2:{shapes.REGION}:{shapes.OWNER}:vpc/{vpc['VpcId']}",
                    "State": "create-complete",
                    "Tags": [],
                },
            )


Change = Callable[[Random, Net], None]
RULES: tuple[Change, ...] = (deny, deny, shut, narrow, narrow, lose_route, bury_route, stop)


def change(rng: Random, net: Net, changes: tuple[Change, ...]) -> None:
    for _ in range(rng.choice((0, 1, 2, 3, 3, 5))):
        rng.choice(changes)(rng, net)
    net.raw["SecurityGroupRules"] = shapes.group_rules(net.rows("SecurityGroups"))


def packet(rng: Random, source: str, destination: str, ipv6: bool = False) -> Question:
    kind = rng.choice((TCP, TCP, TCP, TCP, UDP, ICMP, 50))
    if kind in (TCP, UDP):
        return Question(source, destination, kind, rng.choice((443, 443, 80, 8080)), (40000, 40000))
    if kind == ICMP:
        return Question(source, destination, ICMPV6 if ipv6 else ICMP, icmp_type=128 if ipv6 else 8, icmp_code=0)
    return Question(source, destination, 50)


# Transit gateways


def spoke(net: Net, name: str, number: int, routes: list[tuple[str, str]], ipv6: bool = True) -> None:
    """A VPC with a workload subnet and an attachment subnet in each of two zones, and an instance in each."""
    six = f"2001:db8:{number}::/56" if ipv6 else None
    net.vpc(name, f"10.{number}.0.0/16", six)
    for zone in (0, 1):
        inner = f"2001:db8:{number}:{zone}::/64" if ipv6 else None
        net.subnet(f"{name}{zone}", name, f"10.{number}.{zone}.0/24", zone, routes, inner)
        net.subnet(f"{name}-door{zone}", name, f"10.{number}.{100 + zone}.0/28", zone, [])
        host = f"2001:db8:{number}:{zone}::10" if ipv6 else None
        net.instance(f"{name}{zone}", f"{name}{zone}", f"10.{number}.{zone}.10", ipv6=host)


def transit(rng: Random) -> Scene:
    net = Net()
    gateway = net.transit_gateway("one", rng.choice(("enable", "disable")))
    other = net.transit_gateway("two", "enable")
    everywhere = [("10.0.0.0/8", gateway), ("192.168.0.0/16", gateway), ("2001:db8::/32", gateway)]
    for number, name in enumerate(("a", "b", "c")):
        spoke(net, name, number, everywhere)
    spoke(net, "d", 3, [("10.0.0.0/8", other), ("2001:db8::/32", other)])
    split = rng.random() < 0.4
    tables = {"left": net.transit_table(gateway, "left"), "right": net.transit_table(gateway, "right")}
    tables["far"] = net.transit_table(other, "far")
    doors = {}
    for name in ("a", "b", "c", "d"):
        at = "far" if name == "d" else "right" if split and name != "a" else "left"
        # Some attachments are in the workload subnets themselves.
        subnets = [f"{name}-door{zone}" if rng.random() < 0.85 else f"{name}{zone}" for zone in (0, 1)]
        via = other if name == "d" else gateway
        doors[name] = net.attach_vpc(via, name, subnets, at, appliance=rng.random() < 0.15)
    office = net.vpn("office", None, rng.choice((2, 1, 1, 0)), gateway, learned=3)
    doors["office"] = net.attach(gateway, "vpn", office, "right" if split else "left", "office")
    peered = net.attach(gateway, "peering", other, "right" if split else "left", "peer")
    net.attach(other, "peering", gateway, "far", "peer")
    net.add(
        "TransitGatewayPeeringAttachments",
        {
            "TransitGatewayAttachmentId": peered,
            "RequesterTgwInfo": {"TransitGatewayId": gateway, "OwnerId": shapes.OWNER, "Region": shapes.REGION},
            "AccepterTgwInfo": {"TransitGatewayId": other, "OwnerId": shapes.OWNER, "Region": shapes.REGION},
            "State": "available",
            "Tags": [],
        },
    )
    for table in ("left", "right"):
        for number, name in enumerate(("a", "b", "c")):
            tables[table].append(net.transit_route(f"10.{number}.0.0/16", doors[name], "propagated"))
            tables[table].append(net.transit_route(f"2001:db8:{number}::/56", doors[name], "propagated"))
        tables[table].append(net.transit_route("10.3.0.0/16", peered))
        tables[table].append(net.transit_route("192.168.0.0/16", doors["office"], "propagated"))
    for number, name in enumerate(("a", "b", "c")):
        tables["far"].append(net.transit_route(f"10.{number}.0.0/16", peered))
    tables["far"].append(net.transit_route("10.3.0.0/16", doors["d"], "propagated"))

    def other_route(rng: Random, net: Net) -> None:
        """More specific, or equal and of higher or lower priority."""
        table = tables[rng.choice(("left", "right", "far"))]
        cidr = rng.choice(("10.1.0.0/24", "10.1.0.0/16", "10.0.0.0/16", "10.0.1.0/24", "10.3.0.0/16", "0.0.0.0/0", "10.0.0.0/8"))
        ends = [doors["d"], "tgw-attach-peer"] if table is tables["far"] else [*(doors[k] for k in "abc"), doors["office"]]
        kind = rng.choice(("static", "static", "propagated"))
        to = rng.choice([*ends, None])
        if to is None:
            kind = "static"
        row = net.transit_route(cidr, to, kind)
        if to == "tgw-attach-peer":
            row["TransitGatewayAttachments"][0]["ResourceId"] = gateway
            row["Type"] = "static"
        same = [one for one in table if one["DestinationCidrBlock"] == cidr]
        if kind == "static" and rng.random() < 0.3 and ":" not in cidr:
            row["PrefixListId"] = "pl-transit"
        if any(one["Type"] == row["Type"] and ("PrefixListId" in one) == ("PrefixListId" in row) for one in same):
            return
        table.insert(rng.randrange(len(table) + 1), row)

    def lose_transit_route(rng: Random, net: Net) -> None:
        table = tables[rng.choice(("left", "right", "far"))]
        table.remove(rng.choice(table)) if table else None

    def unassociate(rng: Random, net: Net) -> None:
        row = rng.choice(net.rows("TransitGatewayAttachments"))
        row.pop("Association", None)

    def associate_elsewhere(rng: Random, net: Net) -> None:
        rows = [one for one in net.rows("TransitGatewayAttachments") if one["TransitGatewayId"] == gateway]
        row = rng.choice(rows)
        if "Association" in row:
            row["Association"]["TransitGatewayRouteTableId"] = rng.choice(("tgw-rtb-left", "tgw-rtb-right"))

    def one_zone(rng: Random, net: Net) -> None:
        rng.choice(net.rows("TransitGatewayVpcAttachments"))["SubnetIds"].pop(rng.choice((0, -1)))
        rows = net.rows("TransitGatewayVpcAttachments")
        for row in rows:
            if not row["SubnetIds"]:
                row["SubnetIds"] = [f"subnet-{row['VpcId'][4:]}-door0"]

    def not_available(rng: Random, net: Net) -> None:
        row = rng.choice(net.rows("TransitGatewayVpcAttachments"))
        row["State"] = rng.choice(("pendingAcceptance", "deleting", "failed"))
        net.one("TransitGatewayAttachments", "TransitGatewayAttachmentId", row["TransitGatewayAttachmentId"])["State"] = row[
            "State"
        ]

    def appliance(rng: Random, net: Net) -> None:
        rng.choice(net.rows("TransitGatewayVpcAttachments"))["Options"]["ApplianceModeSupport"] = "enable"

    def references(rng: Random, net: Net) -> None:
        """A rule that names a group of another VPC."""
        one, other = rng.sample(["a", "b", "c", "d"], 2)
        key = rng.choice(("IpPermissions", "IpPermissions", "IpPermissions", "IpPermissionsEgress"))
        net.one("SecurityGroups", "GroupId", f"sg-{one}")[key] = [shapes.permission("-1", peers=[f"sg-{other}"])]
        if rng.random() < 0.3:
            row = rng.choice(net.rows("TransitGatewayVpcAttachments"))
            row["Options"]["SecurityGroupReferencingSupport"] = "disable"

    net.raw["PrefixListEntries"]["pl-transit"] = [{"Cidr": "10.1.0.0/16"}]
    own = (other_route, other_route, lose_transit_route, unassociate, associate_elsewhere, one_zone, one_zone)
    change(rng, net, (*RULES, *own, not_available, appliance, references, references))
    ends = rng.sample(["i-a0", "i-a1", "i-b0", "i-b1", "i-c0", "i-d0", "i-d1", "10.0.0.10", "10.1.1.10"], 2)
    if rng.random() < 0.25:
        ends[rng.choice((0, 1))] = OFFICE
    if rng.random() < 0.2:
        ends = rng.sample(["2001:db8:0:0::10", "2001:db8:0:1::10", "2001:db8:1:0::10", "2001:db8:2:1::10"], 2)
    return net.raw, packet(rng, *ends, ":" in ends[0])


# Virtual private gateways


def vpn(rng: Random) -> Scene:
    net = Net()
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

    def more_specific(rng: Random, net: Net) -> None:
        table = net.one("RouteTables", "RouteTableId", rng.choice(("rtb-a0", "rtb-a1")))
        cidr = rng.choice(("192.168.1.0/24", "10.0.1.0/25", "0.0.0.0/0"))
        row = shapes.route(cidr, gateway, propagated=cidr == "10.0.1.0/25")
        if all(one.get("DestinationCidrBlock") != cidr for one in table["Routes"]):
            table["Routes"].append(row)
            table["PropagatingVgws"] = [{"GatewayId": gateway}] if row["Origin"] != "CreateRoute" else table["PropagatingVgws"]

    def six(rng: Random, net: Net) -> None:
        for zone in (0, 1):
            net.one("RouteTables", "RouteTableId", f"rtb-a{zone}")["Routes"].append(shapes.route("::/0", gateway))

    change(rng, net, (*RULES, more_specific, more_specific, six))
    here = rng.choice(("i-a0", "i-a1", "10.0.0.10"))
    ends = rng.choice(((here, OFFICE), (here, OFFICE), (OFFICE, here), (OFFICE, here), ("i-a0", "i-a1")))
    if rng.random() < 0.08:
        return net.raw, packet(rng, "i-a0", OUTSIDE_V6, True)
    return net.raw, packet(rng, *ends)


# NAT gateways


def nat(rng: Random) -> Scene:
    """Regional and zonal ones, NAT64; a private one towards another VPC by a transit gateway."""
    net = Net()
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
        table.append(net.transit_route("10.1.0.0/16", net.attach_vpc(transit_gateway, "b", ["b-door0", "b-door1"], "all")))
        if kind != "regional":
            name = "RouteTables", "RouteTableId", "rtb-nat"
            net.one(*name)["Routes"].append(shapes.route("10.1.0.0/16", transit_gateway))
    for zone in (0, 1, 2):
        routes = net.one("RouteTables", "RouteTableId", f"rtb-a{zone}")["Routes"]
        routes += [shapes.route("0.0.0.0/0", gateway), shapes.route("64:ff9b::/96", gateway)]
        if rng.random() < 0.3:
            routes.append(shapes.route("::/0", gateway))

    def break_gateway(rng: Random, net: Net) -> None:
        net.rows("NatGateways")[0]["State"] = rng.choice(("pending", "failed", "deleting", "deleted"))

    def detach(rng: Random, net: Net) -> None:
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


# VPC endpoints


def endpoint(rng: Random) -> Scene:
    net = Net()
    net.vpc("a", "10.0.0.0/16")
    igw = net.internet_gateway("a")
    net.raw["PrefixLists"] = [
        {"PrefixListId": "pl-s3", "PrefixListName": f"com.amazonaws.{shapes.REGION}.s3", "Cidrs": ["203.0.113.0/24", "198.18.0.0/24"]}
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

    def not_available(rng: Random, net: Net) -> None:
        rng.choice(net.rows("VpcEndpoints"))["State"] = rng.choice(("pending", "deleting", "failed", "PendingAcceptance"))

    def spell(rng: Random, net: Net) -> None:
        rng.choice(net.rows("VpcEndpoints"))["State"] = "Available"

    def more_specific(rng: Random, net: Net) -> None:
        routes = net.one("RouteTables", "RouteTableId", "rtb-a0")["Routes"]
        routes.append(shapes.route(rng.choice(("203.0.113.5/32", "203.0.113.0/24")), igw))

    change(rng, net, (*RULES, not_available, spell, more_specific, block_public_access))
    here = rng.choice(("i-a0", "i-a0", "i-a1", "i-b0", "i-b1", "10.0.0.10"))
    there = rng.choice((OUTSIDE, "203.0.113.77", "eni-sqs", "10.0.7.7", "10.0.7.7", "198.51.100.9"))
    if rng.random() < 0.05:
        here, there = "eni-sqs", "i-a0"
    return net.raw, packet(rng, here, there)


# Network Firewall


def stateless_rule(rng: Random, priority: int) -> Json:
    def blocks() -> list[Json]:
        return [{"AddressDefinition": rng.choice([one for one in CIDRS if "." in one])}]

    wanted: Json = {}
    if rng.random() < 0.6:
        wanted["Sources"] = blocks()
    if rng.random() < 0.6:
        wanted["Destinations"] = blocks()
    if rng.random() < 0.6:
        wanted["Protocols"] = rng.choice(([6], [6], [17], [1], [6, 17]))
    ports = set(wanted.get("Protocols", ())) <= {6, 17} and "Protocols" in wanted
    if ports and rng.random() < 0.5:
        wanted["DestinationPorts"] = [rng.choice(({"FromPort": 443, "ToPort": 443}, {"FromPort": 1024, "ToPort": 65535}))]
    if ports and rng.random() < 0.3:
        wanted["SourcePorts"] = [rng.choice(({"FromPort": 443, "ToPort": 443}, {"FromPort": 1024, "ToPort": 65535}))]
    action = rng.choice(("aws:pass", "aws:drop", "aws:forward_to_sfe", "aws:forward_to_sfe"))
    return {"Priority": priority, "RuleDefinition": {"MatchAttributes": wanted, "Actions": [action]}}


def stateful_rule(rng: Random, number: int) -> Json:
    ends = ("ANY", "ANY", "$HOME_NET", "$EXTERNAL_NET", "10.0.0.0/16", "10.0.0.0/24", "203.0.113.0/24", "10.1.0.0/16")
    protocol = rng.choice(("TCP", "TCP", "UDP", "ICMP", "IP", "IP"))
    ported = protocol in ("TCP", "UDP")
    return {
        "Action": rng.choice(("PASS", "PASS", "DROP", "ALERT", "REJECT") if protocol == "TCP" else ("PASS", "PASS", "DROP", "ALERT")),
        "Header": {
            "Protocol": protocol,
            "Source": rng.choice(ends),
            "SourcePort": rng.choice(("ANY", "ANY", "1024:65535")) if ported else "ANY",
            "Direction": rng.choice(("FORWARD", "FORWARD", "ANY")),
            "Destination": rng.choice(ends),
            "DestinationPort": rng.choice(("ANY", "443", "443", "1:1023")) if ported else "ANY",
        },
        "RuleOptions": [{"Keyword": "sid", "Settings": [str(number)]}],
    }


def policy(rng: Random, net: Net) -> Json:
    strict = rng.random() < 0.5
    found: Json = {
        "StatelessDefaultActions": [rng.choice(("aws:forward_to_sfe",) * 5 + ("aws:pass", "aws:drop"))],
        "StatelessFragmentDefaultActions": ["aws:drop"],
        "StatelessRuleGroupReferences": [],
        "StatefulRuleGroupReferences": [],
    }
    if rng.random() < 0.5:
        found["StatefulEngineOptions"] = {"RuleOrder": "STRICT_ORDER" if strict else "DEFAULT_ACTION_ORDER"}
    else:
        strict = False
    if strict and rng.random() < 0.7:
        found["StatefulDefaultActions"] = rng.choice((["aws:drop_strict"], ["aws:alert_strict"], ["aws:drop_strict", "aws:alert_strict"]))
    for n in range(rng.choice((0, 0, 1, 1, 2))):
        rules = [stateless_rule(rng, priority) for priority in rng.sample(range(1, 50), rng.choice((1, 2, 3)))]
        group = {"RulesSource": {"StatelessRulesAndCustomActions": {"StatelessRules": rules, "CustomActions": []}}}
        arn = net.rule_group(f"stateless-{n}", group, stateful=False)
        found["StatelessRuleGroupReferences"].append({"ResourceArn": arn, "Priority": rng.choice((5, 1)) + n})
    for n in range(rng.choice((0, 1, 1, 2))):
        rows = [stateful_rule(rng, n * 10 + k + 1) for k in range(rng.choice((1, 2, 3)))]
        options = {"StatefulRuleOptions": {"RuleOrder": "STRICT_ORDER"}} if strict else {}
        arn = net.rule_group(f"stateful-{n}", {"RulesSource": {"StatefulRules": rows}, **options}, stateful=True)
        reference = {"ResourceArn": arn, "Priority": 10 - n} if strict else {"ResourceArn": arn}
        found["StatefulRuleGroupReferences"].append(reference)
    return found


def firewall(rng: Random) -> Scene:
    """Between the workloads of a VPC and the internet, and between two of its subnets."""
    net = Net()
    net.vpc("a", "10.0.0.0/16")
    igw = net.internet_gateway("a")
    for zone in (0, 1):
        net.subnet(f"fw{zone}", "a", f"10.0.20{zone}.0/28", zone, [("0.0.0.0/0", igw)])
        net.gateway_load_balancer_endpoint(f"fw{zone}", f"fw{zone}", f"10.0.20{zone}.4")
    for zone in (0, 1):
        inner = [(f"10.0.{1 - zone}.0/24", f"vpce-fw{rng.choice((0, 0, 0, 1))}")]
        routes = [("0.0.0.0/0", f"vpce-fw{zone}")] + (inner if rng.random() < 0.6 else [])
        net.subnet(f"a{zone}", "a", f"10.0.{zone}.0/24", zone, routes)
        net.instance(f"a{zone}", f"a{zone}", f"10.0.{zone}.10", f"52.0.0.{zone + 1}" if rng.random() < 0.9 else None)
    edge = [shapes.route("10.0.0.0/16", "local")]
    for zone in (0, 1):
        if rng.random() < 0.9:
            edge.append(shapes.route(f"10.0.{zone}.0/24", f"vpce-fw{zone if rng.random() < 0.95 else 1 - zone}"))
    table = shapes.route_table("rtb-edge", "vpc-a", edge)
    table["Associations"] = [
        {
            "Main": False,
            "RouteTableAssociationId": "rtbassoc-edge",
            "RouteTableId": "rtb-edge",
            "GatewayId": igw,
            "AssociationState": {"State": "associated"},
        }
    ]
    net.add("RouteTables", table)
    net.firewall("main", "a", {"fw0": "fw0", "fw1": "fw1"}, policy(rng, net))
    change(rng, net, (deny, narrow, lose_route, bury_route, block_public_access))
    here, inner_host = rng.choice(("i-a0", "i-a1")), rng.choice((("i-a0", "i-a1"), ("i-a1", "i-a0")))
    ends = rng.choice(((here, OUTSIDE), (here, OUTSIDE), (OUTSIDE, here), inner_host))
    return net.raw, packet(rng, *ends)


def inspection(rng: Random) -> Scene:
    """Two spokes whose packets a transit gateway takes through a firewall in a third VPC, and out to the internet."""
    net = Net()
    gateway = net.transit_gateway("one", "enable")
    for number, name in enumerate(("a", "b")):
        spoke(net, name, number, [("0.0.0.0/0", gateway)], ipv6=False)
    net.vpc("x", "10.9.0.0/16")
    igw = net.internet_gateway("x")
    back = [("10.0.0.0/15", gateway)]
    for zone in (0, 1):
        net.subnet(f"x-door{zone}", "x", f"10.9.{zone}.0/28", zone, [("0.0.0.0/0", f"vpce-fw{zone}")])
        net.subnet(f"x-fw{zone}", "x", f"10.9.1{zone}.0/28", zone, [*back, ("0.0.0.0/0", f"nat-x{zone}")])
        net.gateway_load_balancer_endpoint(f"fw{zone}", f"x-fw{zone}", f"10.9.1{zone}.4")
        net.subnet(f"x-nat{zone}", "x", f"10.9.2{zone}.0/28", zone, [("10.0.0.0/15", f"vpce-fw{zone}"), ("0.0.0.0/0", igw)])
        net.nat(f"x{zone}", f"x-nat{zone}", f"10.9.2{zone}.9", f"52.0.0.{zone + 1}")
    net.firewall("main", "x", {"x-fw0": "fw0", "x-fw1": "fw1"}, policy(rng, net))
    before, after = net.transit_table(gateway, "before"), net.transit_table(gateway, "after")
    spokes = {name: net.attach_vpc(gateway, name, [f"{name}-door0", f"{name}-door1"], "before") for name in "ab"}
    x = net.attach_vpc(gateway, "x", ["x-door0", "x-door1"], "after", appliance=rng.random() < 0.75)
    before.append(net.transit_route("0.0.0.0/0", x))
    for number, name in enumerate("ab"):
        after.append(net.transit_route(f"10.{number}.0.0/16", spokes[name], "propagated"))

    def shortcut(rng: Random, net: Net) -> None:
        before.append(net.transit_route("10.1.0.0/16", spokes["b"]))

    def reference(rng: Random, net: Net) -> None:
        net.one("SecurityGroups", "GroupId", "sg-b")["IpPermissions"] = [shapes.permission("-1", peers=["sg-a"])]

    def lose(rng: Random, net: Net) -> None:
        if after:
            after.pop()

    change(rng, net, (deny, deny, narrow, lose_route, bury_route, shortcut, reference, lose, block_public_access))
    ends = rng.choice((("i-a0", "i-b0"), ("i-a0", "i-b1"), ("i-a1", "i-b0"), ("i-a0", OUTSIDE), ("i-b1", OUTSIDE)))
    return net.raw, packet(rng, *ends)


SCENES: dict[str, Callable[[Random], Scene]] = {
    "transit": transit,
    "vpn": vpn,
    "nat": nat,
    "endpoint": endpoint,
    "firewall": firewall,
    "inspection": inspection,
}


# Load balancers


def balancer(rng: Random) -> Scene:
    """In two of three zones, with clients in its VPC, in a peer and on the internet."""
    net = Net()
    a = net.vpc("a", "10.0.0.0/16")
    b = net.vpc("b", "10.1.0.0/16")
    igw = net.internet_gateway("a")
    net.add("VpcPeeringConnections", shapes.peering("pcx-ab", a, b))
    net.subnet("b0", "b", "10.1.0.0/24", 0, [("10.0.0.0/16", "pcx-ab")])
    net.instance("b0", "b0", "10.1.0.10")
    kind = rng.choice(("application", "network", "network", "classic"))
    internal = rng.random() < 0.6
    shared = rng.random() < 0.3  # nodes and targets in the same subnets
    for zone in (0, 1, 2):
        out = [("0.0.0.0/0", igw)] if not internal or rng.random() < 0.3 else []
        net.subnet(f"lb{zone}", "a", f"10.0.10{zone}.0/24", zone, [("10.1.0.0/16", "pcx-ab"), *out])
        net.subnet(f"a{zone}", "a", f"10.0.{zone}.0/24", zone, [("10.1.0.0/16", "pcx-ab")])
        net.instance(f"a{zone}", f"lb{zone}" if shared else f"a{zone}", f"10.0.{'10' if shared else ''}{zone}.10")
    net.instance("client", "a0", "10.0.0.77")
    net.add("SecurityGroups", shapes.group("sg-lb", "vpc-a", [shapes.permission("-1", peers=["0.0.0.0/0"])]))
    groups = ["sg-lb"] if kind != "network" or rng.random() < 0.6 else []
    cross = kind == "application" or rng.random() < 0.5
    nodes = {f"lb{zone}": (f"10.0.10{zone}.50", None if internal else f"52.0.0.{zone + 1}") for zone in (0, 1)}
    arn = net.balancer("shop", kind, nodes, groups, internal, cross)
    udp = kind == "network" and rng.random() < 0.2
    members = [(f"a{zone}", rng.choice((8080, 8080, 443))) for zone in rng.choice(((0, 1), (0, 1), (0, 1, 2), (2,), (0,), ()))]
    if kind == "classic":
        row = net.rows("LoadBalancerDescriptions")[0]
        for port, to in ((443, 8080), (80, rng.choice((80, 8080)))):
            listener = {"Protocol": "TCP", "LoadBalancerPort": port, "InstanceProtocol": "TCP", "InstancePort": to}
            row["ListenerDescriptions"].append({"Listener": listener, "PolicyNames": []})
        row["Instances"] = [{"InstanceId": f"i-{name}"} for name, _ in members]
    else:
        by_address = rng.random() < 0.4
        attributes = {"cross_zone": rng.choice(("use_load_balancer_configuration",) * 3 + ("true", "false"))}
        protocol = "HTTP"
        if kind == "network":
            protocol = rng.choice(("UDP", "TCP_UDP")) if udp else "TCP"
            attributes["preserve"] = "true" if udp else rng.choice(("true", "false"))
        else:
            attributes["cross_zone"] = rng.choice(("use_load_balancer_configuration",) * 3 + ("false",))
        targets = [
            (f"10.0.{'10' if shared else ''}{name[1]}.10" if by_address else f"i-{name}", port) for name, port in members
        ]
        net.target_group("web", "a", protocol, "ip" if by_address else "instance", targets, **attributes)
        net.target_group("more", "a", protocol, "instance", [("i-a0", 80)], **attributes)
        shares = rng.choice(({"web": 1}, {"web": 1}, {"web": 1}, {"web": 1, "more": 1}, {"web": 1, "more": 0}))
        heard = net.listener(arn, protocol if kind == "network" else "HTTPS", 443, net.forward(shares))
        if kind == "application" and rng.random() < 0.3:
            net.rule(heard, "5", net.forward({"more": 1}))
        if kind == "application":
            redirect = {"Type": "redirect", "Order": 1, "RedirectConfig": {"Port": "443", "StatusCode": "HTTP_301"}}
            net.listener(arn, "HTTP", 80, [redirect])

    def serve_balancer(rng: Random, net: Net) -> None:
        """Targets that take what the load balancer's group or subnets send, or what clients do."""
        peers = rng.choice((["sg-lb"], ["10.0.100.0/23"], ["10.0.0.0/16"], ["203.0.113.0/24"], ["sg-a"]))
        rule = shapes.permission("tcp", *rng.choice(((8080, 8080), (80, 8080))), peers)
        net.one("SecurityGroups", "GroupId", "sg-a")["IpPermissions"] = [rule]

    def serve_clients(rng: Random, net: Net) -> None:
        peers = rng.choice((["203.0.113.0/24"], ["10.0.0.0/8"], ["sg-a"], ["sg-b"]))
        rule = shapes.permission("tcp", 443, rng.choice((443, 8080)), peers)
        net.one("SecurityGroups", "GroupId", "sg-lb")["IpPermissions"] = [rule]

    def send_to_targets(rng: Random, net: Net) -> None:
        rule = shapes.permission("tcp", 8080, 8080, [rng.choice(("sg-a", "10.0.0.0/24", "10.0.0.0/16"))])
        net.one("SecurityGroups", "GroupId", "sg-lb")["IpPermissionsEgress"] = [rule]

    def ephemeral(rng: Random, net: Net) -> None:
        """A network ACL that lets out only some of the ports that the nodes use."""
        acl = rng.choice(net.rows("NetworkAcls"))
        if all(one["RuleNumber"] != 98 for one in acl["Entries"]):
            direction, ports = rng.choice(("ingress", "egress")), (1024, 32767)
            acl["Entries"].append(shapes.acl_entry(98, direction, "deny", rng.choice(CIDRS[:3]), TCP, ports))

    own = (serve_balancer, serve_balancer, serve_clients, send_to_targets, ephemeral)
    change(rng, net, (*(one for one in RULES if one is not narrow), narrow, *own, block_public_access))
    source = rng.choice(("i-client", "i-client", "i-b0", OUTSIDE, "i-a0"))
    if source == OUTSIDE and internal:
        source = "i-client"
    protocol = UDP if udp and rng.random() < 0.7 else TCP
    port = rng.choice((443, 443, 443, 80, 8080))
    return net.raw, Question(source, "shop", protocol, port, (40000, 40000))


SCENES["balancer"] = balancer
