"""Where the packets of a question begin, and with which addresses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from whyblocked.config.account import Missing
from whyblocked.config.addresses import private_addresses, public_addresses
from whyblocked.config.balancers import hides_public_address, is_made_up
from whyblocked.config.resources import NetworkInterface, Vpc
from whyblocked.errors import EndpointError
from whyblocked.network.asked import Asked, End
from whyblocked.network.entry import enter_by_internet, from_addresses, from_subnets
from whyblocked.network.flow import Bundle, Node, Piece
from whyblocked.network.opening import (
    boxes,
    comes_from_outside,
    ephemeral_ports,
    spans_of,
    version_of,
)
from whyblocked.network.packets import (
    Interval,
)
from whyblocked.network.senders import only_senders
from whyblocked.network.supposed import addressed_as
from whyblocked.network.targets import source_address, targets_of
from whyblocked.network.walk import Step, Walk


def starts(walk: Walk, asked: Asked) -> list[Step]:
    """Every place where packets of the question begin, with those packets."""
    return only_senders(walk, asked, _everywhere(walk, asked))


def _everywhere(walk: Walk, asked: Asked) -> Iterator[Step]:
    version = version_of(asked)
    balancer = asked.destination.balancer
    if balancer is not None:
        if {node.subnet_id for node in asked.destination.interfaces} == set(balancer.subnet_ids):
            walk.balancer = balancer.id
        for node in asked.destination.interfaces:
            if is_made_up(walk.account, node):
                walk.place(node)
                walk.warn(
                    f"No interface of load balancer {balancer.name} is listed in {node.subnet_id}: taken as one there "
                    f"with {', '.join(map(str, private_addresses(node)))}, an address that the subnet has free."
                )
    walk.from_internet = asked.source.kind == "internet"
    walk.to_internet = asked.destination.kind == "internet"
    walk.to_host = asked.destination.kind == "host"
    walk.to_address = asked.destination.kind == "address"
    for end in (asked.source, asked.destination):
        if end.kind == "host" and not any(addressed_as(i, version) for i in end.interfaces):
            raise EndpointError(
                f"{end.label} has no IPv{version} address, and the other end of the question is IPv{version}"
            )
    if asked.destination.kind == "service" and not spans_of(asked.destination, version):
        raise EndpointError(f"{asked.destination.label} has no IPv{version} addresses, as far as its prefix lists tell")
    if asked.source.interfaces:
        yield from _from_interfaces(walk, asked, version)
        return
    if not asked.destination.interfaces and asked.destination.kind != "host" and _is_outside(walk, asked.destination):
        yield from from_subnets(walk, asked, version)
        return
    for target in targets_of(walk, asked, version, outside=comes_from_outside(asked.source)):
        vpc = walk.account.vpcs.get(target.subnet.vpc_id) if target.subnet else None
        sources = spans_of(asked.source, version, vpc)
        if asked.source.kind == "internet":
            yield from enter_by_internet(walk, asked, version, sources, target)
            continue
        for source in sources:
            yield from from_addresses(walk, asked, version, source, target)


def _is_outside(walk: Walk, end: End) -> bool:
    """Whether no subnet of the account has any address of this end."""
    network = end.network
    if end.kind == "internet" or network is None:
        return True
    return not any(network.overlaps(block) for s in walk.account.subnets.values() for block in s.networks)


def _from_interfaces(walk: Walk, asked: Asked, version: int) -> Iterator[Step]:
    if asked.source.every:
        for interface in asked.source.interfaces:
            for span in addressed_as(interface, version):
                yield from _from_interface(walk, asked, version, interface, span)
        return
    interface = _sending(walk, asked, version)
    source = source_address(asked.source, interface, version)
    if source is None:
        raise EndpointError(f"{interface.network_interface_id} has no IPv{version} address to send from")
    yield from _from_interface(walk, asked, version, interface, (source, source))


def _from_interface(
    walk: Walk, asked: Asked, version: int, interface: NetworkInterface, source: Interval
) -> Iterator[Step]:
    place = Node("interface", interface.network_interface_id)
    ports = ephemeral_ports(walk, interface)
    vpc = walk.account.vpcs.get(interface.vpc_id)
    addressed = _addressed_from_inside(asked.destination, version, vpc)
    if version == 4 and asked.destination.balancer is not None and not asked.destination.balancer.internal:
        addressed = _public_nodes(walk, asked.destination)
    for spans, goal in addressed:
        pieces = [
            Piece(box, box)
            for destination in spans
            for box in boxes(asked.question, version, source, destination, ports)
        ]
        if pieces:
            yield place, Bundle(tuple(pieces), "forward", origin=place, goal=goal)


def _public_nodes(walk: Walk, end: End) -> Iterator[tuple[Sequence[Interval], NetworkInterface | None]]:
    """The nodes of an internet-facing load balancer: its name stands for their public addresses, inside as well."""
    public = [int(address) for node in end.interfaces for _, address in public_addresses(node)]
    if any(hides_public_address(walk.account, node) for node in end.interfaces):
        missing = Missing(f"public addresses of load balancer {end.label}", "none of its interfaces is listed")
        walk.lack(missing)
    if public:
        walk.warn(
            f"{end.label} is internet-facing: its name stands for public addresses, so packets leave the VPC by an "
            "internet gateway even from inside, and rules that name the sender's security group do not match."
        )
    for address in public:
        yield [(address, address)], None


def _sending(walk: Walk, asked: Asked, version: int) -> NetworkInterface:
    """The interface that the packets leave by: one in the destination's subnet, else the primary."""
    candidates = [i for i in asked.source.interfaces if addressed_as(i, version)]
    candidates = candidates or list(asked.source.interfaces)
    if len(candidates) == 1:
        return candidates[0]
    subnets = {i.subnet_id for i in asked.destination.interfaces}
    chosen = next((i for i in candidates if i.subnet_id in subnets), candidates[0])
    others = ", ".join(i.network_interface_id for i in candidates if i is not chosen)
    walk.warn(
        f"{asked.source.label} has several interfaces; taken as leaving by {chosen.network_interface_id}. "
        f"To ask about another, name it as the source: {others}."
    )
    return chosen


def _addressed_from_inside(
    end: End, version: int, vpc: Vpc | None
) -> Iterator[tuple[Sequence[Interval], NetworkInterface | None]]:
    if end.kind == "host":
        for interface in end.interfaces:
            if spans := addressed_as(interface, version):
                yield spans, interface
        return
    goal = end.interfaces[0] if end.interfaces and not end.public else None
    yield spans_of(end, version, vpc), goal
