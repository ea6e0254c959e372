"""Network interfaces and the instances behind them.

Source/destination check: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-eni.html
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from whyblocked.config.account import Missing
from whyblocked.config.balancers import balancer_of
from whyblocked.config.ownership import ownership
from whyblocked.config.resources import Instance, NetworkInterface
from whyblocked.network.addresses import PUBLIC, reserved, unfiltered
from whyblocked.network.flow import Bundle, Node, Piece, flagged, guessed, split
from whyblocked.network.hops import endpoint_interface
from whyblocked.network.packets import DESTINATION, EVERYWHERE, Interval, network_words, subtract_intervals
from whyblocked.network.supposed import Supposed, spans_of_interface
from whyblocked.network.walk import Step, Walk

DNS = 53


def cross(walk: Walk, node: Node, bundle: Bundle) -> Iterator[Step]:
    """Packets leave an interface, arrive at the one they are for, or at one that should forward them."""
    interface = walk.account.interface(node.id)
    if isinstance(interface, Missing):
        return walk.lose(bundle, interface)
    here = bundle.but(subnet_id=interface.subnet_id, vpc_id=interface.vpc_id)
    if not bundle.inbound:
        return _leave(walk, interface, here)
    return _receive(walk, node, interface, here)


def _receive(walk: Walk, node: Node, interface: NetworkInterface, bundle: Bundle) -> Iterator[Step]:
    relay = bundle.relay
    if bundle.established and relay is not None and relay.node == node.id:
        walk.note(bundle, "interface", node.id, "forward", **_where(interface))
        yield Node("load-balancer", relay.gateway_id), bundle.but(at=node.id)
        return
    own, others = split(bundle.pieces, DESTINATION, spans_of_interface(interface, bundle.version))
    if own:
        yield from _arrive(walk, node, interface, bundle.but(pieces=tuple(own)))
    if others:
        yield from _forward(walk, interface, bundle.but(pieces=tuple(others)))


def _leave(walk: Walk, interface: NetworkInterface, bundle: Bundle) -> Iterator[Step]:
    if bundle.leg == "forward":
        bundle = _check_state(walk, interface, bundle)
        own = own_spans(interface, bundle.version)
        bundle = _answered_by_aws(walk, interface, bundle)
        bundle = endpoint_interface.check_sender(walk, interface, bundle)
        local, leaving = split(bundle.pieces, DESTINATION, own)
        if local:
            walk.warn("Source and destination are the same interface: the packets never leave the instance.")
            walk.end(bundle, local)
            bundle = bundle.but(pieces=tuple(leaving))
    if bundle.pieces:
        walk.note(bundle, "interface", interface.network_interface_id, "forward", **_where(interface))
        pieces = tuple(piece._replace(here=False) for piece in bundle.pieces)
        yield (
            Node("security-group", interface.network_interface_id),
            bundle.but(pieces=pieces, at=interface.network_interface_id, inbound=False, heading=None),
        )


def own_spans(interface: NetworkInterface, version: int) -> list[Interval]:
    """The addresses that are the interface's own; one that is only supposed has any of those that are free."""
    return [] if isinstance(interface, Supposed) else spans_of_interface(interface, version)


def _arrive(walk: Walk, node: Node, interface: NetworkInterface, bundle: Bundle) -> Iterator[Step]:
    if bundle.leg == "forward":
        bundle = _check_state(walk, interface, bundle)
        bundle = _refused_by_service(walk, interface, bundle)
        bundle = endpoint_interface.check_receiver(walk, interface, bundle)
        balancer = balancer_of(walk.account, interface)
        if isinstance(balancer, Missing):
            detail = f"a node of {(interface.description or 'a load balancer')[:80]}"
            walk.note(bundle, "interface", node.id, "unknown", detail=detail, **_where(interface))
            return walk.lose(bundle, balancer)
        if balancer is not None:
            walk.note(bundle, "interface", node.id, "forward", **_where(interface))
            return iter(((Node("load-balancer", balancer.id), bundle.but(at=node.id)),))
    walk.note(bundle, "interface", interface.network_interface_id, "deliver", **_where(interface))
    walk.arrive(node, bundle)
    return iter(())


def _refused_by_service(walk: Walk, interface: NetworkInterface, bundle: Bundle) -> Bundle:
    """A function only sends by its interface: https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html."""
    owner = ownership(interface)
    if owner is None or owner.service != "Lambda function":
        return bundle
    eni = interface.network_interface_id
    walk.note(bundle, "interface", eni, "deny", detail="a Lambda function accepts no connections", **_where(interface))
    walk.block(
        bundle,
        bundle.pieces,
        layer="interface",
        code="LAMBDA_ACCEPTS_NO_CONNECTIONS",
        summary=f"{eni} is a Lambda function's: it makes connections and accepts none.",
        resource_ids=(eni,),
        interface_id=eni,
        next_step="Invoke the function through the Lambda API, a function URL or a load balancer.",
    )
    return bundle.but(pieces=flagged(bundle.pieces, blocked=True))


def _forward(walk: Walk, interface: NetworkInterface, bundle: Bundle) -> Iterator[Step]:
    bundle = _check_state(walk, interface, bundle)
    eni = interface.network_interface_id
    if interface.source_dest_check:
        walk.note(bundle, "interface", eni, "deny", detail="source/destination check is on", **_where(interface))
        walk.block(
            bundle,
            bundle.pieces,
            layer="interface",
            code="ENI_SOURCE_DEST_CHECK_RESTRICTION",
            summary=f"{eni} is a route's target but drops packets for others: its source/destination check is on.",
            resource_ids=(eni,),
            interface_id=eni,
            next_step=f"If {eni} is meant to forward, turn its source/destination check off.",
        )
        return walk.drop(bundle)
    owner = _instance_id(interface) or eni
    walk.note(bundle, "interface", eni, "unknown", detail="forwards as an appliance", **_where(interface))
    walk.lack(Missing(f"appliance {owner}", "AWS does not show what it does with the packets that it forwards"))
    private, public = split(bundle.pieces, DESTINATION, _not_public(bundle.version))
    if bundle.version == 4 and bundle.leg == "forward":
        walk.end(bundle, flagged(tuple(public), unknown=True))  # a NAT instance puts its own address on what goes out
        bundle = bundle.but(pieces=tuple(private))
    if not bundle.pieces:
        return iter(())
    pieces = tuple(piece._replace(here=False) for piece in guessed(bundle.pieces))
    onward = bundle.but(pieces=pieces, inbound=False, heading=None, at=eni, inspected=(*bundle.inspected, eni))
    return iter([(Node("security-group", eni), onward)])


def _not_public(version: int) -> list[Interval]:
    return subtract_intervals([EVERYWHERE[version]], PUBLIC[version])


def _answered_by_aws(walk: Walk, interface: NetworkInterface, bundle: Bundle) -> Bundle:
    """Take out what no rule filters: link-local services, the Amazon DNS server, the VPC router."""
    vpc = walk.account.vpcs.get(interface.vpc_id)
    subnet = walk.account.subnets.get(interface.subnet_id)
    services = unfiltered(bundle.version, vpc, subnet.networks if subnet else ())
    answered, kept = split(bundle.pieces, DESTINATION, [(number, number) for number in services])
    for piece in answered:
        number = piece.packets.destination[0]
        service, address = services[number], (IPv4Address if bundle.version == 4 else IPv6Address)(number)
        walk.note(
            bundle,
            "interface",
            interface.network_interface_id,
            "deliver",
            packets=(piece.packets,),
            detail=f"to {service}",
        )
        walk.warn(f"{address} is {service}: security groups, network ACLs and routes never filter traffic to it.")
        if "DNS" in service and piece.packets.destination_ports[0] <= DNS <= piece.packets.destination_ports[1]:
            walk.warn(
                "Route 53 Resolver DNS Firewall may still refuse a name, and no flow log shows that "
                "(aws route53resolver list-firewall-rule-group-associations)."
            )
    walk.end(bundle, answered)
    return bundle.but(pieces=tuple(kept))


def _check_state(walk: Walk, interface: NetworkInterface, bundle: Bundle) -> Bundle:
    """An interface that is not attached, or whose instance does not run, neither sends nor answers."""
    eni = interface.network_interface_id
    if _detached(interface):
        walk.block(
            bundle,
            bundle.pieces,
            layer="interface",
            code="BAD_STATE_ATTACHMENT",
            summary=f"{eni} is not attached to anything that could send or answer.",
            resource_ids=(eni,),
            interface_id=eni,
            next_step=f"Attach {eni} to a running instance, or ask about the interface that is in use.",
        )
        walk.note(bundle, "interface", eni, "deny", detail="not attached")
        return bundle.but(pieces=flagged(bundle.pieces, blocked=True))
    instance_id = _instance_id(interface)
    if instance_id is None:
        return bundle
    instance = walk.account.instance(instance_id)
    if isinstance(instance, Missing):
        if instance.absent:
            walk.warn(f"The state of {instance_id} is not known; it is taken as running.")
            return bundle
        walk.lack(instance)
        return bundle.but(pieces=flagged(bundle.pieces, unknown=True))
    if instance.state is None or not instance.state.name:
        walk.warn(f"The state of {instance_id} is not told; it is taken as running.")
    name = _state(instance)
    if name == "running":
        return bundle
    walk.note(bundle, "instance", instance_id, "deny", detail=name, interface_id=eni)
    walk.block(
        bundle,
        bundle.pieces,
        layer="instance",
        code="BAD_STATE",
        summary=f"{instance_id} is {name}, not running.",
        resource_ids=(instance_id,),
        interface_id=eni,
        next_step=f"Start {instance_id}." if name in ("stopped", "stopping") else None,
    )
    return bundle.but(pieces=flagged(bundle.pieces, blocked=True))


def works(walk: Walk, interface: NetworkInterface) -> bool:
    """Whether it is attached to something that runs, as far as is known: an interface of nothing sees no packets."""
    instance = walk.account.instances.get(_instance_id(interface) or "")
    return not _detached(interface) and (instance is None or _state(instance) == "running")


def why_idle(walk: Walk, interface: NetworkInterface) -> str | None:
    """Why nothing is sent from an interface, in words; None where it is in use, or that can't be told."""
    if _detached(interface):
        return f"{interface.network_interface_id}, not attached"
    instance_id = _instance_id(interface)
    instance = walk.account.instance(instance_id) if instance_id else None
    if instance is None or isinstance(instance, Missing) or _state(instance) == "running":
        return None
    return f"{instance_id}, {_state(instance)}"


def _detached(interface: NetworkInterface) -> bool:
    state = interface.attachment.status if interface.attachment else None
    return interface.status == "available" or bool(state and state not in ("attached", "busy"))


def _state(instance: Instance) -> str:
    return (instance.state.name if instance.state else "") or "running"


def _instance_id(interface: NetworkInterface) -> str | None:
    return interface.attachment.instance_id if interface.attachment else None


def _where(interface: NetworkInterface) -> dict[str, str]:
    return {"interface_id": interface.network_interface_id}


def cross_host(walk: Walk, node: Node, bundle: Bundle) -> Iterator[Step]:
    """An address inside a subnet that no interface owns: a hypothetical host, without security groups.

    It is one where it was asked for; nothing answers for what a load balancer sends to a target there.
    """
    if not bundle.inbound:
        yield Node("subnet", node.id), bundle.but(subnet_id=node.id, inbound=False, at=None, heading=None)
        return
    if bundle.leg == "forward" and bundle.relay is not None:
        walk.arrive(node, _refuse_vacant(walk, node, bundle))
        return
    if bundle.leg == "forward":
        bundle = _refuse_reserved(walk, node, bundle)
    free = [piece for piece in bundle.pieces if bundle.leg == "forward" and not _kept_for(walk, node, piece)]
    if free:
        where = network_words(bundle.version, [piece.packets.destination for piece in free])
        walk.warn(f"No interface owns {where} in {node.id}; taken as a host there without security groups.")
    walk.note(bundle, "host", node.id, "deliver", detail="no interface owns the address")
    walk.arrive(node, bundle)


def _kept_for(walk: Walk, node: Node, piece: Piece) -> str:
    """What AWS keeps the address for that was asked for, in words; an empty text where it keeps it for nothing."""
    low, high = piece.packets.destination
    subnet = walk.account.subnets.get(node.id)
    if not walk.to_address or low != high or subnet is None:
        return ""
    address = (IPv4Address if piece.packets.version == 4 else IPv6Address)(low)
    block = next((block for block in subnet.networks if address in block), None)
    return reserved(address, block, subnet.networks, walk.account.vpcs.get(subnet.vpc_id)) if block else ""


def _refuse_reserved(walk: Walk, node: Node, bundle: Bundle) -> Bundle:
    """Nobody can have an address that AWS keeps; what answers at some of them does so inside the VPC alone."""
    pieces: list[Piece] = []
    for piece in bundle.pieces:
        kept = _kept_for(walk, node, piece)
        pieces.append(piece._replace(blocked=True) if kept else piece)
        if not kept:
            continue
        where = network_words(bundle.version, [piece.packets.destination])
        alone = ", which answers hosts of its own VPC only" if "DNS server" in kept or "router" in kept else ""
        walk.note(bundle, "host", node.id, "deny", packets=(piece.packets,), detail=f"{where} is {kept}")
        walk.block(
            bundle,
            [piece],
            layer="interface",
            code="NO_POSSIBLE_DESTINATION",
            summary=f"{where} is {kept} of {node.id}, reserved by AWS{alone}: no interface can have it.",
            resource_ids=(node.id,),
        )
    return bundle.but(pieces=tuple(pieces))


def _refuse_vacant(walk: Walk, node: Node, bundle: Bundle) -> Bundle:
    """A target that was registered by its address, which no interface has: all of the VPC's were read to get here.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html
    """
    where = network_words(bundle.version, [piece.packets.destination for piece in bundle.pieces])
    walk.note(bundle, "host", node.id, "deny", detail="no interface owns the address")
    walk.block(
        bundle,
        bundle.pieces,
        layer="interface",
        code="NO_POSSIBLE_DESTINATION",
        summary=f"No interface in {node.id} has {where}, where the load balancer sends to: nothing answers there.",
        resource_ids=(node.id,),
        next_step=f"Deregister {where}, or register the address that its host has now.",
    )
    return bundle.but(pieces=flagged(bundle.pieces, blocked=True))
