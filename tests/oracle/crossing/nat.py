"""NAT gateways of every kind: private ones, regional ones, and NAT64 (facts 3.4, 4.2)."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

from tests.oracle.model import ICMP, ICMPV6, TCP, UDP, Host, Json, Packet, address, inside, is_private
from tests.oracle.rules import public_access_mode
from tests.oracle.snapshot import Snapshot
from tests.oracle.walk import Arrival, Segment, Walk

if TYPE_CHECKING:
    from tests.oracle.crossing.walk import Crossing

NAT64 = "64:ff9b::/96"


def translate(walk: Crossing, host: Host, packet: Packet, nat_id: str, hops: int) -> Arrival | None:
    gateway = walk.snapshot.find("NatGateways", "NatGatewayId", nat_id)
    sixth = address(packet.destination).version == 6
    regional = gateway is not None and gateway.get("AvailabilityMode") == "regional"
    if gateway is None or (not sixth and not regional):
        return Walk.nat(walk, host, packet, nat_id, hops)
    if walk.leg == "return" or hops > 2 or host.nat_id:
        walk.doubt("a NAT gateway behind a NAT gateway, or asked for a reply")
        walk.block("nat-gateway", nat_id)
        return walk.lost()
    if not regional and gateway["SubnetId"] != host.subnet_id:
        walk.acl(gateway["SubnetId"], packet, "ingress")
    if gateway["State"] != "available":
        walk.block("nat-gateway", nat_id)
        if gateway["State"] == "deleting":
            walk.doubt("a NAT gateway in state deleting may still forward")
    if sixth and not inside(packet.destination, NAT64):
        walk.block("nat-gateway", nat_id)  # IPv6 is carried as NAT64 only
        return walk.lost()
    if packet.protocol not in (TCP, UDP, ICMP):
        if packet.protocol == ICMPV6:
            walk.doubt("ICMPv6 through NAT64")
        walk.block("nat-gateway", nat_id)
    there = at_zone(walk, host, gateway) if regional else zonal(walk, gateway)
    if there is None:
        walk.block("nat-gateway", nat_id)
        return walk.lost()
    walk.segments.append(Segment(walk.origin or host, packet, Arrival(there, packet)))
    sent = replace(packet, source=there.address)
    if sixth:
        sent = replace(sent, destination=embedded(packet.destination))
    if sent.source_port is not None:
        sent = replace(sent, source_port=walk.nat_port if walk.nat_port is not None else max(sent.source_port, 1024))
    walk.origin, walk.sent = there, sent
    if regional:
        return out_of_regional(walk, gateway, there, sent)
    return walk.leave(there, sent, hops=hops + 1)


def zonal(walk: Crossing, gateway: Json) -> Host | None:
    if public_access_mode(walk.snapshot) == "block-bidirectional":
        walk.doubt("Block Public Access and NAT64")
    entry = gateway["NatGatewayAddresses"][0]
    interface = walk.snapshot.interface(entry["NetworkInterfaceId"])
    return walk.snapshot.host(interface, entry["PrivateIp"]) if interface else None


def at_zone(walk: Crossing, host: Host, gateway: Json) -> Host | None:
    """The address of the sender's zone; another zone's only where AWS expands by itself."""
    from tests.oracle.crossing.transit import zone_of

    zone = zone_of(walk.snapshot, host.subnet_id)
    entries = [one for one in gateway["NatGatewayAddresses"] if one["Status"] == "succeeded"]
    mine = [one for one in entries if one["AvailabilityZone"] == zone]
    if not mine and gateway["AutoProvisionZones"] != "enabled":
        return None
    if not (mine or entries):
        return None
    entry = walk.choose(mine or entries)
    return Host(entry["PublicIp"], "", gateway["VpcId"], None, gateway["NatGatewayId"])


def out_of_regional(walk: Crossing, gateway: Json, there: Host, packet: Packet) -> Arrival | None:
    """Its own route table, and no network ACL, for it is in no subnet."""
    from tests.oracle.routing import lookup

    table = walk.snapshot.find("RouteTables", "RouteTableId", gateway["RouteTableId"])
    if table is None:
        walk.unknown(gateway["RouteTableId"])
        return walk.lost()
    route = lookup(walk.snapshot, table, packet.destination)
    if route.kind == "none" or route.state != "active":
        walk.block("route-table", route.table_id)
        return walk.lost()
    if route.kind != "igw":
        walk.doubt("a regional NAT gateway that leads elsewhere than to the internet")
        walk.unknown(route.target)
        return walk.lost()
    found = walk.snapshot.find("InternetGateways", "InternetGatewayId", route.target)
    if found is None or not any(one["VpcId"] == there.vpc_id for one in found["Attachments"]):
        walk.block("internet-gateway", route.target)
    walk.public_access(there, "nat")
    if is_private(packet.destination):
        walk.block("internet-gateway", route.target)
        return walk.lost()
    return walk.from_internet(packet)


def back_to_regional(walk: Crossing, there: Host, packet: Packet) -> Arrival | None:
    """From a regional NAT gateway to its client: by the VPC's local route."""
    host = walk.snapshot.host_at(packet.destination, there.vpc_id)
    if host is None:
        walk.unknown(packet.destination)
        return walk.lost()
    walk.acl(host.subnet_id, packet, "ingress")
    return Arrival(host, packet)


def regional_behind(snapshot: Snapshot, wanted: str) -> Host | None:
    for gateway in snapshot.rows("NatGateways"):
        if gateway.get("AvailabilityMode") == "regional":
            for entry in gateway["NatGatewayAddresses"]:
                if entry.get("PublicIp") == wanted:
                    return Host(wanted, "", gateway["VpcId"], None, gateway["NatGatewayId"])
    return None


def embedded(wanted: str) -> str:
    return str(IPv4Address(int(IPv6Address(wanted)) & 0xFFFFFFFF))
