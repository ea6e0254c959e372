"""One module a kind of component: what it refuses, how it rewrites, where it hands on."""

from whyblocked.network.graph import Neighbours
from whyblocked.network.hops import (
    carrier_gateway,
    egress_only_gateway,
    interface,
    internet,
    internet_gateway,
    nat_gateway,
    network_acl,
    peering,
    route_table,
    security_group,
    subnet,
    transit_gateway,
    vpn_gateway,
)
from whyblocked.network.walk import UNMODELLED_HANDLERS, Handler

HANDLERS: dict[str, Handler] = {
    **UNMODELLED_HANDLERS,  # those that have a module follow below
    "interface": interface.cross,
    "host": interface.cross_host,
    "security-group": security_group.cross,
    "subnet": subnet.cross,
    "route-table": route_table.cross,
    "network-acl": network_acl.cross,
    "vpc": subnet.cross_vpc,
    "internet-gateway": internet_gateway.cross,
    "internet": internet.cross,
    "egress-only-internet-gateway": egress_only_gateway.cross,
    "nat-gateway": nat_gateway.cross,
    "vpc-peering": peering.cross,
    "vpn-gateway": vpn_gateway.cross,
    "carrier-gateway": carrier_gateway.cross,
    "transit-gateway": transit_gateway.cross,
}
"""What moves packets through a resource of each kind; for the kinds of :data:`UNMODELLED`, to an open end."""

NEIGHBOURS: dict[str, Neighbours] = {
    "vpn-gateway": vpn_gateway.neighbours,
    "carrier-gateway": carrier_gateway.neighbours,
    "transit-gateway": transit_gateway.neighbours,
}
"""What the resources of kinds beyond the VPC's own hand packets over to: each stands in its hop module."""
