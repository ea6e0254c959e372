"""The subnet as a segment, and the VPC's router between its subnets.

Traffic inside a subnet passes neither network ACL nor route table
(https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html).
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from whyblocked.config.account import Missing
from whyblocked.config.resources import ClassicLoadBalancer, NetworkInterface, Subnet
from whyblocked.network.flow import Bundle, Node, Piece, split
from whyblocked.network.hops import vpc_endpoint
from whyblocked.network.hops.network_acl import leaving_within
from whyblocked.network.packets import DESTINATION, network_words, subtract_intervals
from whyblocked.network.supposed import Supposed, spans_of_interface
from whyblocked.network.walk import Step, Walk


def cross(walk: Walk, node: Node, bundle: Bundle) -> Iterator[Step]:
    """Hand over inside the segment, or to the subnet's route table on the way out."""
    subnet = walk.account.subnet(node.id)
    if isinstance(subnet, Missing):
        yield from walk.lose(bundle, subnet)
        return
    here = bundle.but(subnet_id=subnet.subnet_id, vpc_id=subnet.vpc_id)
    if bundle.inbound:
        heading = bundle.heading
        if heading is not None and heading.kind in ("nat-gateway", "transit-gateway", "vpc-endpoint"):
            yield heading, here
        elif heading is not None and heading.kind == "interface":
            yield Node("security-group", heading.id), here
        else:
            yield from _deliver(walk, subnet, here)
        return
    if here.established and here.relay is not None and here.relay.keeps:
        taker = walk.account.interface(here.relay.node or "")
        if isinstance(taker, NetworkInterface) and taker.vpc_id == subnet.vpc_id:
            yield _back_to_balancer(subnet, taker, here)
            return
    inside, outside = split(here.pieces, DESTINATION, walk.rulebook.spans(subnet, here.version))
    if inside:
        within = here.but(pieces=tuple(inside))
        if _sent_by_classic(walk, here):
            within = leaving_within(walk, subnet, within)
        yield from _deliver(walk, subnet, within.but(inbound=True))
    if outside:
        table = walk.account.route_table_of(subnet)
        leaving = here.but(pieces=tuple(outside))
        if isinstance(table, Missing):
            walk.note(leaving, "route-table", subnet.subnet_id, "unknown", detail="could not be read")
            yield from walk.lose(leaving, table)
        else:
            yield Node("route-table", table.route_table_id), leaving


def _sent_by_classic(walk: Walk, bundle: Bundle) -> bool:
    """Whether the packets leave the node of a Classic Load Balancer for one of its instances."""
    relay = bundle.relay
    if bundle.established or relay is None or relay.node != bundle.at:
        return False
    return isinstance(walk.account.balancers.by_id.get(relay.gateway_id), ClassicLoadBalancer)


def _back_to_balancer(subnet: Subnet, node: NetworkInterface, bundle: Bundle) -> Step:
    """Replies to a client whose address a Network Load Balancer kept go through it, whatever routes say."""
    heading = Node("interface", node.network_interface_id)
    if node.subnet_id == subnet.subnet_id:
        return Node("security-group", heading.id), bundle.but(heading=heading, inbound=True)
    return Node("network-acl", subnet.subnet_id), bundle.but(heading=heading)


def cross_vpc(walk: Walk, node: Node, bundle: Bundle) -> Iterator[Step]:
    """The router hands on to the subnet that holds the destination, the NAT gateway or the forwarding interface."""
    here = bundle.but(vpc_id=node.id, inbound=True)
    heading = here.heading
    if heading == node:
        waiting = {walk.awaiting(here, piece.packets.destination[0]) for piece in here.pieces}
        heading = waiting.pop() or node if len(waiting) == 1 else node  # the reply to what a NAT gateway translated
        here = here.but(heading=heading)
    if heading is not None and heading.kind == "nat-gateway":
        gateway = walk.account.nat_gateway(heading.id)
        if isinstance(gateway, Missing):
            yield from walk.lose(here, gateway)
        elif gateway.subnet_id is None:  # regional: in no subnet, so no network ACL is in between
            yield heading, here
        else:
            yield Node("network-acl", gateway.subnet_id), here
        return
    if heading is not None and heading.kind == "vpc-endpoint":
        yield from vpc_endpoint.entrance(walk, heading, here)
        return
    if heading is not None and heading.kind == "interface":
        interface = walk.account.interface(heading.id)
        if isinstance(interface, Missing):
            yield from walk.lose(here, interface)
        else:
            yield Node("network-acl", interface.subnet_id), here
        return
    yield from _local(walk, node, here)


def _local(walk: Walk, node: Node, bundle: Bundle) -> Iterator[Step]:
    subnets = walk.account.subnets_of(node.id)
    if isinstance(subnets, Missing):
        yield from walk.lose(bundle, subnets)
        return
    rest = list(bundle.pieces)
    for subnet in subnets:
        inside, rest = split(rest, DESTINATION, walk.rulebook.spans(subnet, bundle.version))
        if inside:
            yield Node("network-acl", subnet.subnet_id), bundle.but(pieces=tuple(inside), subnet_id=subnet.subnet_id)
        if not rest:
            return
    hidden = walk.account.hidden(node.id)
    if hidden is not None:  # a subnet that is not shared with who reads this may hold them
        yield from walk.lose(bundle.but(pieces=tuple(rest)), hidden)
        return
    where = network_words(bundle.version, [piece.packets.destination for piece in rest])
    lost = bundle.but(pieces=tuple(rest), subnet_id=None)
    walk.block(
        lost,
        rest,
        layer="route-table",
        code="NO_POSSIBLE_DESTINATION",
        summary=f"No subnet of {node.id} holds {where}.",
        resource_ids=(node.id,),
    )
    yield from walk.drop(lost)


def _deliver(walk: Walk, subnet: Subnet, bundle: Bundle) -> Iterator[Step]:
    """To the interfaces that own the addresses; what nobody owns goes to a hypothetical host."""
    if isinstance(bundle.goal, Supposed) and bundle.goal.subnet_id == subnet.subnet_id:
        meant, others = split(bundle.pieces, DESTINATION, spans_of_interface(bundle.goal, bundle.version))
        if meant:
            yield Node("security-group", bundle.goal.network_interface_id), bundle.but(pieces=tuple(meant))
        bundle = bundle.but(pieces=tuple(others))
    owned: dict[Node, list[Piece]] = {}
    unowned: list[Piece] = []
    addressed: list[tuple[NetworkInterface, Piece]] = []
    for piece in bundle.pieces:
        low, high = piece.packets.destination
        if low == high:
            gateway = walk.awaiting(bundle, low)
            if gateway is not None:
                owned.setdefault(gateway, []).append(piece)
                continue
            kind = IPv4Address if piece.packets.version == 4 else IPv6Address
            owner = walk.interface_at(subnet.vpc_id, kind(low))
            if isinstance(owner, Missing):
                yield from walk.lose(bundle.but(pieces=(piece,)), owner)
            elif owner is None:
                unowned.append(piece)
            else:
                addressed.append((owner, piece))
            continue
        addresses = walk.account.addresses_within(subnet.vpc_id, piece.packets.version, low, high)
        if isinstance(addresses, Missing):
            yield from walk.lose(bundle.but(pieces=(piece,)), addresses)
            continue
        addressed += [
            (interface, piece.narrowed(piece.packets._replace(destination=own))) for own, interface in addresses
        ]
        unowned += [
            piece.narrowed(piece.packets._replace(destination=part))
            for part in subtract_intervals([(low, high)], [span for span, _ in addresses])
        ]
    for interface, piece in addressed:
        door = _door(walk, interface)
        if isinstance(door, Missing):
            yield from walk.lose(bundle.but(pieces=(piece,)), door)
        else:
            owned.setdefault(door, []).append(piece)
    for door, pieces in owned.items():
        yield door, bundle.but(pieces=tuple(pieces))
    if unowned:
        yield Node("host", subnet.subnet_id), bundle.but(pieces=tuple(unowned))


def _door(walk: Walk, interface: NetworkInterface) -> Node | Missing:
    """An interface is entered through its security groups; that of a NAT gateway is the gateway itself."""
    if (interface.interface_type or "").replace("_", "").lower() == "natgateway":
        gateway = walk.account.nat_gateway_behind(interface)
        return gateway if isinstance(gateway, Missing) else Node("nat-gateway", gateway.nat_gateway_id)
    return Node("security-group", interface.network_interface_id)
