"""One module a kind of component: what it refuses, how it rewrites, where it hands on."""

from whyblocked.network.hops import (
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
)
from whyblocked.network.walk import UNMODELLED_HANDLERS, Handler

HANDLERS: dict[str, Handler] = {
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
    **UNMODELLED_HANDLERS,
}
