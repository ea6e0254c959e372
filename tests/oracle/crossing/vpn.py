"""Virtual private gateways and their VPN connections (facts 4.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.oracle.model import Beyond, Host, Json, Packet, address, inside
from tests.oracle.walk import Arrival

if TYPE_CHECKING:
    from tests.oracle.crossing.walk import Crossing


def leave(walk: Crossing, host: Host, packet: Packet, gateway_id: str) -> Arrival | None:
    gateway = walk.snapshot.find("VpnGateways", "VpnGatewayId", gateway_id)
    if gateway is None:
        walk.unknown(gateway_id)
        return walk.lost()
    attached(walk, gateway, host.vpc_id)
    if address(packet.destination).version == 6:
        walk.block("vpn-gateway", gateway_id)  # VPN on a virtual private gateway carries no IPv6
        return walk.lost()
    if not walk.snapshot.vpc_holds(host.vpc_id, packet.source):
        walk.block("vpn-gateway", gateway_id)  # only from addresses of its VPC
        return walk.lost()
    usable(walk, gateway_id, packet.destination)
    return Arrival(Beyond(packet.destination, gateway_id), packet)


def enter(walk: Crossing, packet: Packet, gateway_id: str) -> Arrival | None:
    gateway = walk.snapshot.find("VpnGateways", "VpnGatewayId", gateway_id)
    if gateway is None:
        walk.unknown(gateway_id)
        return walk.lost()
    vpcs = [one["VpcId"] for one in gateway["VpcAttachments"]]
    host = next((h for vpc in vpcs if (h := walk.snapshot.host_at(packet.destination, vpc))), None)
    if host is None:
        walk.doubt("from on premises to an address that nobody holds")
        walk.block("vpn-gateway", gateway_id)
        return walk.lost()
    attached(walk, gateway, host.vpc_id)
    if walk.leg == "forward" and not any(up(one) for one in connections(walk, gateway_id)):
        walk.block("vpn-gateway", gateway_id)  # by which of those that are up, nobody can tell
    walk.acl(host.subnet_id, packet, "ingress")
    return Arrival(host, packet)


def attached(walk: Crossing, gateway: Json, vpc_id: str) -> None:
    there = any(one["VpcId"] == vpc_id and one["State"] == "attached" for one in gateway["VpcAttachments"])
    if not there or gateway["State"] != "available":
        walk.block("vpn-gateway", gateway["VpnGatewayId"])


def usable(walk: Crossing, gateway_id: str, remote: str) -> None:
    """A connection whose tunnel is up, with a static route to the remote address or one that BGP brought."""
    mine = connections(walk, gateway_id)
    static = [
        one
        for one in mine
        if any(inside(remote, r["DestinationCidrBlock"]) and r["State"] == "available" for r in one.get("Routes", []))
    ]
    dynamic = [one for one in mine if not one["Options"]["StaticRoutesOnly"]]
    learned = any(
        route.get("GatewayId") == gateway_id and inside(remote, route["DestinationCidrBlock"])
        for table in walk.snapshot.rows("RouteTables")
        for route in table["Routes"]
        if route.get("Origin") == "EnableVgwRoutePropagation" and "DestinationCidrBlock" in route
    )
    if any(up(one) for one in static) or (learned and any(up(one) for one in dynamic)):
        return
    talking = [one for one in dynamic if any(t["AcceptedRouteCount"] for t in one["VgwTelemetry"]) and up(one)]
    tables = walk.snapshot.rows("RouteTables")
    shown = any(one["GatewayId"] == gateway_id for table in tables for one in table["PropagatingVgws"])
    if talking and not shown:
        walk.unknown(f"what BGP brought to {gateway_id}")
        return
    walk.block("vpn-gateway", gateway_id)


def connections(walk: Crossing, gateway_id: str) -> list[Json]:
    rows = walk.snapshot.rows("VpnConnections")
    return [
        one for one in rows if one.get("VpnGatewayId") == gateway_id and one["State"] not in ("deleting", "deleted")
    ]


def up(connection: Json) -> bool:
    return connection["State"] == "available" and any(t["Status"] == "UP" for t in connection["VgwTelemetry"])
