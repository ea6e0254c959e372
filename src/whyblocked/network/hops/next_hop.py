"""What a route hands packets to, where it names something else than that: an instance, or an address.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Route.html
"""

from __future__ import annotations

from ipaddress import ip_address

from whyblocked.config.account import Missing
from whyblocked.config.resources import Route
from whyblocked.network.flow import Node
from whyblocked.network.graph import target_node
from whyblocked.network.walk import Walk


def next_hop(walk: Walk, route: Route, vpc_id: str) -> Node | Missing:
    """Where a route leads: an instance means its primary interface, an address (of a Route Server) whoever has it."""
    target = target_node(route, vpc_id)
    if target.kind != "target":
        return target
    if target.id.startswith("i-"):
        interfaces = walk.account.interfaces_of(target.id)
        return interfaces if isinstance(interfaces, Missing) else Node("interface", interfaces[0].network_interface_id)
    if route.ip_address and target.id == route.ip_address:
        owner = walk.interface_at(vpc_id, ip_address(route.ip_address))
        if owner is None:
            return Missing(
                f"the next hop {route.ip_address} of route {route.destination}", f"nobody in {vpc_id} has it"
            )
        return owner if isinstance(owner, Missing) else Node("interface", owner.network_interface_id)
    return target
