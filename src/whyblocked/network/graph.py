"""The path model: a networkx graph with a vertex for each resource and an edge for each possible hand-over.

The walk moves along its edges only. It grows where the walk comes by: the neighbours of a vertex are read from the
account the first time they are asked for, so that an account of thousands of interfaces costs what one question meets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from whyblocked.config import transit
from whyblocked.config.account import Account, Missing
from whyblocked.config.balancers import balancer_of
from whyblocked.config.resources import Route, RouteTable
from whyblocked.network.flow import INTERNET, Node

if TYPE_CHECKING:
    import networkx as nx

Neighbours = Callable[[Account, Node], Iterable[Node]]
"""What a vertex of one kind can hand packets over to."""

_TARGETS = {
    "igw": "internet-gateway",
    "nat": "nat-gateway",
    "eigw": "egress-only-internet-gateway",
    "pcx": "vpc-peering",
    "eni": "interface",
    "tgw": "transit-gateway",
    "vgw": "vpn-gateway",
    "vpce": "vpc-endpoint",
    "lgw": "local-gateway",
    "cagw": "carrier-gateway",
}
UNMODELLED = frozenset({"local-gateway", "carrier-gateway", "core-network", "target"})


def target_node(route: Route, vpc_id: str) -> Node:
    """The vertex that a route hands its packets to."""
    target = route.target
    if target == "local":
        return Node("vpc", vpc_id)
    if target.startswith("arn:"):
        return Node("core-network" if route.core_network_arn else "target", target)
    return Node(_TARGETS.get(target.partition("-")[0], "target"), target)


class NetworkGraph:
    """The graph of one account; ``edges`` of a vertex are added when it is first visited."""

    def __init__(self, account: Account, neighbours: Mapping[str, Neighbours]) -> None:
        import networkx as nx  # here, as it takes longer than a walk: not before there is one

        self.account = account
        self._neighbours = {**_EXPANDERS, **neighbours}
        self.graph: nx.DiGraph[Node] = nx.DiGraph()
        self._expanded: dict[Node, int] = {}

    def leads(self, here: Node, there: Node) -> bool:
        """Whether ``here`` can hand packets over to ``there``."""
        if self.graph.has_edge(here, there):
            return True
        if self._expanded.get(here) != self.account.version:
            self._expanded[here] = self.account.version
            expand = self._neighbours.get(here.kind)
            if expand is not None:
                self.graph.add_edges_from((here, neighbour) for neighbour in expand(self.account, here))
        return self.graph.has_edge(here, there)


def _interface(account: Account, here: Node) -> Iterable[Node]:
    yield Node("security-group", here.id)
    interface = account.interface(here.id)
    balancer = None if isinstance(interface, Missing) else balancer_of(account, interface)
    if balancer is not None and not isinstance(balancer, Missing):
        yield Node("load-balancer", balancer.id)


def _security_group(account: Account, here: Node) -> Iterable[Node]:
    interface = account.interface(here.id)
    yield Node("interface", here.id)
    if not isinstance(interface, Missing):
        yield Node("subnet", interface.subnet_id)


def _subnet(account: Account, here: Node) -> Iterable[Node]:
    subnet = account.subnet(here.id)
    if isinstance(subnet, Missing):
        return
    table = account.route_table_of(subnet)
    if not isinstance(table, Missing):
        yield Node("route-table", table.route_table_id)
    yield Node("host", here.id)
    yield Node("network-acl", here.id)  # replies to a Network Load Balancer that keeps its clients' addresses
    for gateway_id in transit.gateways(account):
        if here.id in transit.subnets_of(account, gateway_id):
            yield Node("transit-gateway", gateway_id)
    yield from (Node("security-group", interface_id) for interface_id in account.interfaces_in.get(here.id, ()))
    for node in account.balancers.nodes.values():
        if node.subnet_id == here.id:
            yield Node("security-group", node.network_interface_id)
    for gateway in account.nat_gateways.values():
        owned = (account.interfaces.get(a.network_interface_id or "") for a in gateway.nat_gateway_addresses)
        if gateway.subnet_id == here.id or any(i is not None and i.subnet_id == here.id for i in owned):
            yield Node("nat-gateway", gateway.nat_gateway_id)
    for endpoint in account.vpc_endpoints.values():
        if here.id in endpoint.subnet_ids:
            yield Node("vpc-endpoint", endpoint.vpc_endpoint_id)


def _host(_account: Account, here: Node) -> Iterable[Node]:
    yield Node("subnet", here.id)


def _route_table(account: Account, here: Node) -> Iterable[Node]:
    table = account.route_tables.get(here.id)
    if table is None:
        return
    subnets = account.subnets_of(table.vpc_id)
    for subnet in () if isinstance(subnets, Missing) else subnets:
        if account.route_table_of(subnet) is table:
            yield Node("network-acl", subnet.subnet_id)
            yield Node("subnet", subnet.subnet_id)
    yield Node("vpc", table.vpc_id)
    yield from (target_node(route, table.vpc_id) for route in table.routes)


def _network_acl(account: Account, here: Node) -> Iterable[Node]:
    yield Node("subnet", here.id)
    subnet = account.subnet(here.id)
    if isinstance(subnet, Missing):
        return
    yield Node("vpc", subnet.vpc_id)
    for pcx in account.peerings_of.get(subnet.vpc_id, ()):  # replies to a NAT gateway go back over it without a route
        yield Node("vpc-peering", pcx)
    table = account.route_table_of(subnet)
    if isinstance(table, RouteTable):
        yield from (target_node(route, table.vpc_id) for route in table.routes)


def _vpc(account: Account, here: Node) -> Iterable[Node]:
    subnets = account.subnets_of(here.id)
    for subnet in () if isinstance(subnets, Missing) else subnets:
        yield Node("network-acl", subnet.subnet_id)
    for gateway in account.nat_gateways.values():
        if gateway.vpc_id == here.id and gateway.regional:
            yield Node("nat-gateway", gateway.nat_gateway_id)
    for table in account.route_tables.values():
        if table.vpc_id == here.id:
            targets = (target_node(route, here.id) for route in table.routes)
            yield from (target for target in targets if target.kind == "vpc-endpoint")


def _internet_gateway(account: Account, here: Node) -> Iterable[Node]:
    yield INTERNET
    gateway = account.internet_gateways.get(here.id)
    vpcs = [a.vpc_id for a in gateway.attachments if a.vpc_id] if gateway else []
    vpcs += [t.vpc_id for t in account.route_tables.values() if any(r.target == here.id for r in t.routes)]
    yield from (Node("vpc", vpc_id) for vpc_id in dict.fromkeys(vpcs))
    table = account.edge_table_of(here.id)
    if table is not None:
        yield from (target_node(route, table.vpc_id) for route in table.routes)


def _internet(account: Account, _here: Node) -> Iterable[Node]:
    yield from (Node("internet-gateway", gateway_id) for gateway_id in account.internet_gateways)
    for table in account.route_tables.values():
        for route in table.routes:
            target = target_node(route, table.vpc_id)
            if target.kind in ("internet-gateway", "egress-only-internet-gateway"):
                yield target


def _egress_only(account: Account, here: Node) -> Iterable[Node]:
    yield INTERNET
    for table in account.route_tables.values():
        if any(route.target == here.id for route in table.routes):
            yield Node("vpc", table.vpc_id)


def _nat_gateway(account: Account, here: Node) -> Iterable[Node]:
    gateway = account.nat_gateways.get(here.id)
    if gateway and gateway.subnet_id:
        yield Node("subnet", gateway.subnet_id)
    elif gateway:
        edge = account.edge_table_of(here.id)
        yield Node("route-table", gateway.route_table_id or (edge.route_table_id if edge else ""))


def _peering(account: Account, here: Node) -> Iterable[Node]:
    peering = account.peerings.get(here.id)
    if peering is not None:
        for side in (peering.requester_vpc_info, peering.accepter_vpc_info):
            if side.vpc_id:
                yield Node("vpc", side.vpc_id)


def _unmodelled(account: Account, here: Node) -> Iterable[Node]:
    for table in account.route_tables.values():
        if any(route.target == here.id for route in table.routes):
            yield Node("vpc", table.vpc_id)


_EXPANDERS: dict[str, Neighbours] = {
    "interface": _interface,
    "security-group": _security_group,
    "subnet": _subnet,
    "host": _host,
    "route-table": _route_table,
    "network-acl": _network_acl,
    "vpc": _vpc,
    "internet-gateway": _internet_gateway,
    "internet": _internet,
    "egress-only-internet-gateway": _egress_only,
    "nat-gateway": _nat_gateway,
    "vpc-peering": _peering,
    **dict.fromkeys(UNMODELLED, _unmodelled),
}
