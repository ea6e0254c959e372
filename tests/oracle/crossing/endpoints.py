"""VPC endpoints (facts 4.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.oracle.crossing import firewall
from tests.oracle.model import ICMP, TCP, UDP, Beyond, Host, Json, Packet
from tests.oracle.snapshot import Snapshot
from tests.oracle.walk import Arrival

if TYPE_CHECKING:
    from tests.oracle.crossing.walk import Crossing


def leave(walk: Crossing, host: Host, packet: Packet, endpoint_id: str) -> Arrival | None:
    """By a route to an endpoint."""
    row = walk.snapshot.find("VpcEndpoints", "VpcEndpointId", endpoint_id)
    if row is None:
        walk.unknown(endpoint_id)
        return walk.lost()
    if row["VpcEndpointType"] == "GatewayLoadBalancer":
        return firewall.pass_by(walk, packet, row)
    state(walk, row)
    if not walk.snapshot.vpc_holds(host.vpc_id, packet.source):
        walk.block("vpc-endpoint", endpoint_id)  # of no use to peers, VPN and transit gateways
        return walk.lost()
    echo = packet.protocol == ICMP and packet.icmp_type in (0, 8)
    if packet.protocol != TCP and not echo:
        walk.block("vpc-endpoint", endpoint_id)
    return Arrival(Beyond(packet.destination, endpoint_id), packet)


def back(walk: Crossing, packet: Packet, endpoint_id: str) -> Arrival | None:
    """The reply of a gateway endpoint's service."""
    row = walk.snapshot.find("VpcEndpoints", "VpcEndpointId", endpoint_id)
    assert row is not None
    host = walk.snapshot.host_at(packet.destination, row["VpcId"])
    assert host is not None
    walk.acl(host.subnet_id, packet, "ingress")
    return Arrival(host, packet)


def receive(walk: Crossing, host: Host, packet: Packet) -> None:
    """An interface endpoint answers TCP and UDP; no ping."""
    row = of_interface(walk.snapshot, walk.snapshot.interface(host.interface_id or ""))
    if row is not None:
        state(walk, row)
        if packet.protocol not in (TCP, UDP):
            walk.block("vpc-endpoint", row["VpcEndpointId"])


def state(walk: Crossing, row: Json) -> None:
    if row["State"].lower() != "available":
        walk.block("vpc-endpoint", row["VpcEndpointId"])


def of_interface(snapshot: Snapshot, interface: Json | None) -> Json | None:
    for row in snapshot.rows("VpcEndpoints"):
        if interface is not None and interface["NetworkInterfaceId"] in row.get("NetworkInterfaceIds", []):
            return row if row["VpcEndpointType"] == "Interface" else None
    return None
