"""VPCs, an office and a second gateway around a transit gateway."""

from __future__ import annotations

from random import Random

from tests.oracle import shapes
from tests.oracle.crossing.scenes.common import OFFICE, RULES, Scene, change, packet, spoke
from tests.oracle.crossing.services import Site


def transit(rng: Random) -> Scene:
    net = Site()
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
    doors["direct"] = net.attach(gateway, "direct-connect-gateway", "dxgw-1", "right" if split else "left", "direct")
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
        if rng.random() < 0.3:  # of equal prefixes Direct Connect's wins
            tables[table].append(net.transit_route("192.168.0.0/16", doors["direct"], "propagated"))
    tables["far"] += [net.transit_route(f"10.{number}.0.0/16", peered) for number in (0, 1, 2)]
    tables["far"].append(net.transit_route("10.3.0.0/16", doors["d"], "propagated"))

    def other_route(rng: Random, net: Site) -> None:
        """More specific, or equal and of higher or lower priority."""
        table = tables[rng.choice(("left", "right", "far"))]
        cidr = rng.choice(
            ("10.1.0.0/24", "10.1.0.0/16", "10.0.0.0/16", "10.0.1.0/24", "10.3.0.0/16", "0.0.0.0/0", "10.0.0.0/8")
        )
        ends = (
            [doors["d"], "tgw-attach-peer"] if table is tables["far"] else [*(doors[k] for k in "abc"), doors["office"]]
        )
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

    def lose_transit_route(rng: Random, net: Site) -> None:
        table = tables[rng.choice(("left", "right", "far"))]
        table.remove(rng.choice(table)) if table else None

    def unassociate(rng: Random, net: Site) -> None:
        row = rng.choice(net.rows("TransitGatewayAttachments"))
        row.pop("Association", None)

    def associate_elsewhere(rng: Random, net: Site) -> None:
        rows = [one for one in net.rows("TransitGatewayAttachments") if one["TransitGatewayId"] == gateway]
        row = rng.choice(rows)
        if "Association" in row:
            row["Association"]["TransitGatewayRouteTableId"] = rng.choice(("tgw-rtb-left", "tgw-rtb-right"))

    def one_zone(rng: Random, net: Site) -> None:
        rng.choice(net.rows("TransitGatewayVpcAttachments"))["SubnetIds"].pop(rng.choice((0, -1)))
        rows = net.rows("TransitGatewayVpcAttachments")
        for row in rows:
            if not row["SubnetIds"]:
                row["SubnetIds"] = [f"subnet-{row['VpcId'][4:]}-door0"]

    def not_available(rng: Random, net: Site) -> None:
        row = rng.choice(net.rows("TransitGatewayVpcAttachments"))
        row["State"] = rng.choice(("pendingAcceptance", "deleting", "failed"))
        net.one("TransitGatewayAttachments", "TransitGatewayAttachmentId", row["TransitGatewayAttachmentId"])[
            "State"
        ] = row["State"]

    def appliance(rng: Random, net: Site) -> None:
        rng.choice(net.rows("TransitGatewayVpcAttachments"))["Options"]["ApplianceModeSupport"] = "enable"

    def references(rng: Random, net: Site) -> None:
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
    return net.raw, packet(rng, ends[0], ends[1], ":" in ends[0])
