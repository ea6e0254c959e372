"""VPC endpoints as targets of routes: gateway endpoints to S3 and DynamoDB, and the way through appliances.

https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html
https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-load-balancer-endpoints.html
https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html (an endpoint's subnet is entered and left)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from whyblocked.config.account import Account, Missing
from whyblocked.config.endpoints import firewall_behind, vpc_endpoint
from whyblocked.config.resources import VpcEndpoint
from whyblocked.config.resources.endpoints import APPLIANCES, GATEWAY
from whyblocked.network.flow import INTERNET, Bundle, Node, Piece, flagged, guessed, split
from whyblocked.network.hops import network_firewall, own_vpc
from whyblocked.network.packets import DESTINATION_PORTS, ICMP, ICMPV6, TCP
from whyblocked.network.policies import restricts
from whyblocked.network.walk import Step, Walk

_ECHO_REQUEST = {4: (8, 8), 6: (128, 128)}
_ECHO_REPLY = {4: (0, 0), 6: (129, 129)}


def neighbours(account: Account, here: Node) -> Iterable[Node]:
    """The subnet of an endpoint in front of appliances, the VPC of a gateway endpoint."""
    endpoint = account.vpc_endpoints.get(here.id)
    if endpoint is not None:
        yield Node("vpc", endpoint.vpc_id)
        yield from (Node("subnet", subnet_id) for subnet_id in endpoint.subnet_ids)
        return
    for table in account.route_tables.values():
        if any(route.target == here.id for route in table.routes):
            yield Node("vpc", table.vpc_id)


def entrance(walk: Walk, node: Node, bundle: Bundle) -> Iterator[Step]:
    """From the VPC's router: into the endpoint's subnet where it has one, else straight into the service."""
    endpoint = vpc_endpoint(walk.account, node.id)
    if isinstance(endpoint, Missing):
        if endpoint.pending or not _takes_a_prefix_list(walk, node.id):
            walk.note(bundle, "vpc-endpoint", node.id, "unknown", detail="could not be read")
            yield from walk.lose(bundle, Missing(f"vpc endpoint {node.id}", str(endpoint), endpoint.pending))
            return
        # Only gateway endpoints take a prefix list, and only a working one leaves the route active.
        walk.warn(f"{node.id} could not be read ({endpoint}); its route is active, so it is taken as available.")
        yield node, bundle
    elif endpoint.kind == APPLIANCES and endpoint.subnet_ids:
        yield Node("network-acl", endpoint.subnet_ids[0]), bundle
    else:
        yield node, bundle


def _takes_a_prefix_list(walk: Walk, endpoint_id: str) -> bool:
    return any(
        route.target == endpoint_id and route.destination_prefix_list_id is not None
        for table in walk.account.route_tables.values()
        for route in table.routes
    )


def cross(walk: Walk, node: Node, bundle: Bundle) -> Iterator[Step]:
    """Into the service and back, or through the appliances and out of the endpoint's subnet."""
    found = vpc_endpoint(walk.account, node.id)
    endpoint = None if isinstance(found, Missing) else found
    if endpoint is None or endpoint.kind == GATEWAY:
        return _service(walk, node, endpoint, bundle)
    if endpoint.kind == APPLIANCES and endpoint.subnet_ids:
        return _through(walk, node, endpoint, bundle)
    kind = f"a VPC endpoint of type {endpoint.vpc_endpoint_type}"
    walk.note(bundle, "vpc-endpoint", node.id, "unknown", detail=f"{kind}, not modelled")
    return walk.lose(bundle, Missing(f"vpc endpoint {node.id}", f"{kind} as the target of a route is not modelled"))


def check_state(walk: Walk, endpoint: VpcEndpoint, bundle: Bundle, interface_id: str | None = None) -> Bundle:
    """Only an available endpoint carries packets."""
    if endpoint.available:
        return bundle
    name = endpoint.vpc_endpoint_id
    walk.note(bundle, "vpc-endpoint", name, "deny", detail=endpoint.state, interface_id=interface_id)
    waiting = endpoint.state.lower() == "pendingacceptance"
    walk.block(
        bundle,
        bundle.pieces,
        layer="vpc-endpoint",
        code="BAD_STATE",
        summary=f"VPC endpoint {endpoint.vpc_endpoint_id} is {endpoint.state}, not available.",
        resource_ids=(endpoint.vpc_endpoint_id,),
        interface_id=interface_id,
        next_step=f"Have the owner of {endpoint.service_name} accept {endpoint.vpc_endpoint_id}." if waiting else None,
    )
    return bundle.but(pieces=flagged(bundle.pieces, blocked=True))


def tell_policy(walk: Walk, endpoint: VpcEndpoint) -> None:
    """A policy refuses requests, not packets: worth saying where the packets pass."""
    if restricts(endpoint.policy_document):
        walk.warn(
            f"{endpoint.vpc_endpoint_id} has an endpoint policy that does not allow everything: what it refuses is "
            "answered with an error (HTTP 403), no packet is dropped."
        )


# -- gateway endpoints ----------------------------------------------------------------------------------------------


def _service(walk: Walk, node: Node, endpoint: VpcEndpoint | None, bundle: Bundle) -> Iterator[Step]:
    vpc_id = bundle.vpc_id or (endpoint.vpc_id if endpoint else "")
    if bundle.leg == "return" and bundle.heading is None:  # the service answers
        door = Node("vpc", vpc_id)
        walk.note(bundle, "vpc-endpoint", node.id, "forward", detail="the reply comes back by itself", subnet_id=None)
        yield door, bundle.but(heading=door, vpc_id=vpc_id, subnet_id=None, at=None, inbound=True, via=node.id)
        return
    here = bundle if endpoint is None else check_state(walk, endpoint, bundle)
    if bundle.leg == "return":
        _stray(walk, node, here)
        return
    here = _check_protocol(walk, node, here)
    here = own_vpc.refuse_others(
        walk,
        node,
        here,
        code="VPCE_GATEWAY_REQUIRES_SOURCE_IN_VPC",
        serves=f"Gateway endpoint {node.id} serves hosts of {vpc_id} only",
        next_step="Use an interface endpoint, or a NAT gateway in front of the gateway endpoint.",
    )
    service = endpoint.service_name if endpoint else "its service"
    walk.note(here, "vpc-endpoint", node.id, "deliver", detail=f"to {service}", subnet_id=None)
    if endpoint is not None:
        tell_policy(walk, endpoint)
    walk.arrive(node, here.but(inbound=False))


def _stray(walk: Walk, node: Node, bundle: Bundle) -> None:
    """A reply to an address of the service: services open no connections, so "internet" has nobody there."""
    if walk.from_internet and bundle.origin == INTERNET:
        walk.note(bundle, "vpc-endpoint", node.id, "forward", detail="addresses of a service, which opens none")
        walk.warn(f"Addresses that routes give to {node.id} are a service's own: no connections begin there.")
        return
    walk.arrive(node, bundle)


def _check_protocol(walk: Walk, node: Node, bundle: Bundle) -> Bundle:
    """TCP and ping alone.

    https://docs.aws.amazon.com/vpc/latest/reachability/explanation-codes.html
    """
    echo = (ICMP, ICMP) if bundle.version == 4 else (ICMPV6, ICMPV6)
    kept: list[Piece] = [piece for piece in bundle.pieces if piece.packets.protocol == (TCP, TCP)]
    pings, refused = split(
        [piece for piece in bundle.pieces if piece.packets.protocol == echo],
        DESTINATION_PORTS,
        [_ECHO_REQUEST[bundle.version], _ECHO_REPLY[bundle.version]],
    )
    refused += [piece for piece in bundle.pieces if piece.packets.protocol not in ((TCP, TCP), echo)]
    if not refused:
        return bundle
    boxes = tuple(piece.packets for piece in refused)
    walk.note(bundle, "vpc-endpoint", node.id, "deny", packets=boxes, detail="TCP and ping only", subnet_id=None)
    walk.block(
        bundle,
        refused,
        layer="vpc-endpoint",
        code="VPCE_GATEWAY_PROTOCOL_RESTRICTION",
        summary=f"Gateway endpoint {node.id} carries TCP and ICMP echo only.",
        resource_ids=(node.id,),
    )
    return bundle.but(pieces=(*kept, *pings, *flagged(tuple(refused), blocked=True)))


# -- in front of appliances -----------------------------------------------------------------------------------------


def _through(walk: Walk, node: Node, endpoint: VpcEndpoint, bundle: Bundle) -> Iterator[Step]:
    """In by the endpoint's interface, past the firewall, and out into the endpoint's subnet."""
    interface_id = endpoint.network_interface_ids[0] if endpoint.network_interface_ids else None
    here = bundle.but(subnet_id=endpoint.subnet_ids[0], vpc_id=endpoint.vpc_id)
    if interface_id is not None:
        walk.sight(here, interface_id, "ingress", here.pieces)
    here = check_state(walk, endpoint, here, interface_id)
    walk.note(here, "vpc-endpoint", node.id, "forward", interface_id=interface_id)
    firewall = firewall_behind(walk.account, endpoint)
    passed = here.but(inspected=(*here.inspected, node.id))
    if firewall is None:
        lacking = Missing(f"appliances behind {node.id}", "AWS does not show what they do with the packets")
        walk.note(here, "vpc-endpoint", node.id, "unknown", detail=f"inspected by {endpoint.service_name}")
        walk.lack(lacking)
        parts = [passed.but(pieces=guessed(here.pieces))]
    elif isinstance(firewall, Missing):
        walk.lack(firewall if firewall.pending else Missing(f"appliances behind {node.id}", str(firewall)))
        walk.note(here, "vpc-endpoint", node.id, "unknown", detail="the firewall behind it could not be read")
        parts = [passed.but(pieces=guessed(here.pieces))]
    else:
        parts = list(network_firewall.inspect(walk, node, firewall, passed, interface_id))
    for part in parts:
        pieces = tuple(piece._replace(here=False) for piece in part.pieces)
        leaving = part.but(pieces=pieces, inbound=False, heading=None, at=interface_id)
        if interface_id is not None:
            walk.sight(leaving, interface_id, "egress", pieces)
        yield Node("subnet", endpoint.subnet_ids[0]), leaving
