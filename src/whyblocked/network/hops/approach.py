"""Where packets enter a VPC whose routes back to their sender lead through a middlebox."""

from __future__ import annotations

from whyblocked.config.account import Missing
from whyblocked.config.endpoints import vpc_endpoint
from whyblocked.config.resources import Subnet
from whyblocked.config.resources.endpoints import APPLIANCES
from whyblocked.network.flow import Node
from whyblocked.network.graph import target_node
from whyblocked.network.packets import Interval
from whyblocked.network.routes import look_up
from whyblocked.network.walk import Walk

MOST_MIDDLEBOXES = 4  # one behind the other; more is a circle


def behind_middlebox(walk: Walk, entry: Node | None, version: int, sender: Interval) -> Node | None:
    """What the middlebox itself routes the sender to, as often as that is one: there the packets come from.

    Where that can't be told, ``entry`` as it is.
    """
    found = entry
    for _ in range(MOST_MIDDLEBOXES):
        subnet = _subnet_of(walk, found)
        if subnet is None:
            return found
        table = walk.account.route_table_of(subnet)
        if isinstance(table, Missing):
            walk.lack(table)
            return entry
        choices = look_up(walk.rulebook.table(table, version), version, sender)
        route = choices[0].route if len(choices) == 1 and choices[0].missing is None else None
        if route is None or route.state not in ("active", ""):
            return entry
        found = target_node(route, table.vpc_id)
    return entry


def _subnet_of(walk: Walk, node: Node | None) -> Subnet | None:
    """The subnet of a middlebox; None for what is none, or could not be read."""
    subnet_id = None
    if node is not None and node.kind == "vpc-endpoint":
        endpoint = vpc_endpoint(walk.account, node.id)
        if isinstance(endpoint, Missing):
            walk.lack(endpoint)
        elif endpoint.kind == APPLIANCES and endpoint.subnet_ids:
            subnet_id = endpoint.subnet_ids[0]
    elif node is not None and node.kind == "interface":
        interface = walk.account.interface(node.id)
        if not isinstance(interface, Missing) and not interface.source_dest_check:
            subnet_id = interface.subnet_id
    subnet = walk.account.subnet(subnet_id) if subnet_id else None
    return None if isinstance(subnet, Missing) else subnet
