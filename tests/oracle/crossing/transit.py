"""Transit gateways (facts 2.4, 4.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.oracle.model import Beyond, Host, Json, Packet, inside, network
from tests.oracle.snapshot import Snapshot
from tests.oracle.walk import Arrival

if TYPE_CHECKING:
    from tests.oracle.crossing.walk import Crossing

BY_KIND = ("vpc", "direct-connect-gateway", "connect", "vpn")  # priority of propagated routes


def cross(walk: Crossing, host: Host, packet: Packet, gateway_id: str) -> Arrival | None:
    """From a subnet of a VPC: by the attachment's subnet in the same zone, past its *inbound* rules only."""
    attachment = attachment_of(walk.snapshot, gateway_id, host.vpc_id)
    if attachment is None:
        walk.unknown(f"attachment of {host.vpc_id} to {gateway_id}")
        return walk.lost()
    if attachment["State"] != "available":
        walk.block("transit-gateway", attachment["TransitGatewayAttachmentId"])
    zone = zone_of(walk.snapshot, host.subnet_id)
    doors = [one for one in attachment["SubnetIds"] if zone_of(walk.snapshot, one) == zone]
    if not doors:
        walk.block("transit-gateway", attachment["TransitGatewayAttachmentId"])
        return walk.lost()
    walk.acl(doors[0], packet, "ingress")
    return through(walk, gateway_id, attachment["TransitGatewayAttachmentId"], packet, zone)


def enter(walk: Crossing, packet: Packet, receiver: Host, gateway_id: str) -> Arrival | None:
    """From a stranger that is where the way back leads."""
    attachment = attachment_of(walk.snapshot, gateway_id, receiver.vpc_id)
    table = attachment and table_of(walk.snapshot, gateway_id, attachment["TransitGatewayAttachmentId"])
    route = table and best(routes_of(walk.snapshot, table), packet.source)
    if not route or route["State"] != "active":
        walk.doubt("a stranger to whom no transit gateway route leads")
        walk.unknown(f"where {packet.source} is")
        return walk.lost()
    behind = route["TransitGatewayAttachments"][0]
    if behind["ResourceType"] not in ("vpn", "direct-connect-gateway") or len(route["TransitGatewayAttachments"]) > 1:
        walk.doubt("a stranger behind something other than a VPN")
        walk.unknown(f"where {packet.source} is")
        return walk.lost()
    walk.origin = Beyond(packet.source, behind["TransitGatewayAttachmentId"])
    return enter_by_attachment(walk, packet, behind["TransitGatewayAttachmentId"])


def enter_by_attachment(walk: Crossing, packet: Packet, attachment_id: str) -> Arrival | None:
    """From behind a VPN or Direct Connect attachment."""
    row = walk.snapshot.find("TransitGatewayAttachments", "TransitGatewayAttachmentId", attachment_id)
    assert row is not None
    usable(walk, row)
    return through(walk, row["TransitGatewayId"], attachment_id, packet, "")


def through(
    walk: Crossing, gateway_id: str, attachment_id: str, packet: Packet, zone: str, hops: int = 0
) -> Arrival | None:
    """The table that the incoming attachment is associated with decides."""
    if walk.leg == "forward":
        walk.gateways.append(gateway_id)
    if hops > 8:
        walk.doubt("a circle through transit gateways")
        walk.block("transit-gateway")
        return walk.lost()
    table = table_of(walk.snapshot, gateway_id, attachment_id)
    if table is None:
        walk.block("transit-gateway", attachment_id)
        return walk.lost()
    routes = walk.snapshot.raw["Files"].get(f"search-transit-gateway-routes.{table}")
    if routes is None:
        walk.unknown(f"routes of {table}")
        return walk.lost()
    route = best(routes["Routes"], packet.destination, walk.snapshot)
    if route is None or route["State"] == "blackhole":
        walk.block("transit-gateway", table)
        return walk.lost()
    onward = walk.choose(sorted(route["TransitGatewayAttachments"], key=str))
    row = attachment_row(walk.snapshot, gateway_id, onward["TransitGatewayAttachmentId"])
    if row is None:
        walk.unknown(onward["TransitGatewayAttachmentId"])
        return walk.lost()
    usable(walk, row)
    if row["ResourceType"] == "vpc":
        attachment = walk.snapshot.find(
            "TransitGatewayVpcAttachments", "TransitGatewayAttachmentId", row["TransitGatewayAttachmentId"]
        )
        if attachment is None:
            walk.unknown(row["TransitGatewayAttachmentId"])
            return walk.lost()
        return into_vpc(walk, attachment, packet, zone)
    if row["ResourceType"] == "peering":
        return through(walk, row["ResourceId"], row["TransitGatewayAttachmentId"], packet, "", hops + 1)
    return Arrival(Beyond(packet.destination, row["TransitGatewayAttachmentId"]), packet)


def into_vpc(walk: Crossing, attachment: Json, packet: Packet, zone: str) -> Arrival | None:
    """By the zone of origin where the attachment is there, else (and in appliance mode) by any; then the subnet's
    route table, past its *outbound* rules only."""
    name, subnets = attachment["TransitGatewayAttachmentId"], sorted(attachment["SubnetIds"])
    same = [one for one in subnets if zone_of(walk.snapshot, one) == zone]
    if attachment["Options"].get("ApplianceModeSupport") == "enable":
        subnet = walk.pinned.get(name) or walk.choose(subnets)
        walk.pinned[name] = subnet
    else:
        subnet = same[0] if same else walk.choose(subnets)
    return walk.leave(Host("", subnet, attachment["VpcId"]), packet)


def usable(walk: Crossing, row: Json) -> None:
    if row["State"] != "available":
        walk.block("transit-gateway", row["TransitGatewayAttachmentId"])
    if row["ResourceType"] == "vpn":
        connection = walk.snapshot.find("VpnConnections", "VpnConnectionId", row["ResourceId"])
        if connection is None:
            walk.unknown(row["ResourceId"])
        elif connection["State"] != "available" or all(t["Status"] != "UP" for t in connection["VgwTelemetry"]):
            walk.block("transit-gateway", row["ResourceId"])


def refers(snapshot: Snapshot, gateway_id: str, vpcs: list[str]) -> bool:
    gateway = snapshot.find("TransitGateways", "TransitGatewayId", gateway_id)
    switches = [(gateway or {}).get("Options", {}).get("SecurityGroupReferencingSupport", "disable")]
    for vpc in vpcs:
        attachment = attachment_of(snapshot, gateway_id, vpc)
        switches.append((attachment or {}).get("Options", {}).get("SecurityGroupReferencingSupport", "enable"))
    return set(switches) == {"enable"}


# Look-ups


def attachment_of(snapshot: Snapshot, gateway_id: str, vpc_id: str) -> Json | None:
    rows = snapshot.rows("TransitGatewayVpcAttachments")
    return next((row for row in rows if (row["TransitGatewayId"], row["VpcId"]) == (gateway_id, vpc_id)), None)


def attachment_row(snapshot: Snapshot, gateway_id: str, attachment_id: str) -> Json | None:
    for row in snapshot.rows("TransitGatewayAttachments"):
        if row["TransitGatewayAttachmentId"] == attachment_id and row["TransitGatewayId"] == gateway_id:
            return row
    return None


def table_of(snapshot: Snapshot, gateway_id: str, attachment_id: str) -> str | None:
    row = attachment_row(snapshot, gateway_id, attachment_id) or {}
    association = row.get("Association", {})
    return association.get("TransitGatewayRouteTableId") if association.get("State") == "associated" else None


def routes_of(snapshot: Snapshot, table: str) -> list[Json]:
    found: list[Json] = snapshot.raw["Files"].get(f"search-transit-gateway-routes.{table}", {}).get("Routes", [])
    return found


def best(routes: list[Json], wanted: str, snapshot: Snapshot | None = None) -> Json | None:
    """Longest prefix; then static, prefix list, propagated by kind."""
    found: list[tuple[int, int, Json]] = []
    for route in routes:
        if route["State"] not in ("active", "blackhole"):
            continue
        if "PrefixListId" in route and route.get("DestinationCidrBlock") is None:
            cidrs = (snapshot and snapshot.prefix_list(route["PrefixListId"])) or []
        else:
            cidrs = [route["DestinationCidrBlock"]]
        found += [(-network(cidr).prefixlen, rank(route), route) for cidr in cidrs if inside(wanted, cidr)]
    return min(found, key=lambda one: one[:2])[2] if found else None


def rank(route: Json) -> int:
    if route["Type"] == "static":
        return 1 if "PrefixListId" in route else 0
    return 2 + BY_KIND.index(route["TransitGatewayAttachments"][0]["ResourceType"])


def zone_of(snapshot: Snapshot, subnet_id: str) -> str:
    subnet = snapshot.find("Subnets", "SubnetId", subnet_id)
    return str(subnet["AvailabilityZone"]) if subnet else ""
