"""What load balancers of all kinds do with their targets: which of them a node sends to, and with which addresses.

https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/how-elastic-load-balancing-works.html
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

import msgspec

from whyblocked.config.account import Missing
from whyblocked.config.addresses import Ip, private_addresses
from whyblocked.config.balancers import node_address
from whyblocked.config.resources import Balancer, NetworkInterface
from whyblocked.network.flow import Binding, Bundle, Node, flagged
from whyblocked.network.forks import Registered, Spot
from whyblocked.network.packets import Interval
from whyblocked.network.walk import Step, Walk

PORTS: Interval = (1024, 65535)  # what a load balancer uses as source ports


class Way(msgspec.Struct, frozen=True):
    """A target as a node reaches it: ``interface`` None where the address is nobody's here, ``zone`` None: any."""

    label: str
    address: Ip
    port: int | None
    interface: NetworkInterface | None = None
    zone: str | None = None


def to_instance(walk: Walk, instance_id: str, port: int | None, version: int) -> Way | Missing:
    """The way to a registered instance: the first address of its primary interface."""
    interfaces = walk.account.interfaces_of(instance_id)
    if isinstance(interfaces, Missing):
        return interfaces
    primary = interfaces[0]
    address = next((a for a in private_addresses(primary) if a.version == version), None)
    if address is None:
        return Missing(f"target {instance_id}", f"it has no IPv{version} address")
    return Way(instance_id, address, port, primary, zone_of(walk, primary))


def zone_of(walk: Walk, interface: NetworkInterface) -> str | None:
    """The Availability Zone of an interface."""
    subnet = walk.account.subnet(interface.subnet_id)
    if isinstance(subnet, Missing):
        walk.lack(*((subnet,) if subnet.pending else ()))
        return interface.availability_zone
    return subnet.availability_zone or interface.availability_zone


def zones_of(walk: Walk, balancer: Balancer) -> frozenset[str]:
    """The zones that are enabled for a load balancer: as it says, or those of its subnets."""
    if balancer.zones:
        return balancer.zones
    subnets = (walk.account.subnets.get(subnet_id) for subnet_id in balancer.subnet_ids)
    return frozenset(subnet.availability_zone for subnet in subnets if subnet and subnet.availability_zone)


def towards(walk: Walk, bundle: Bundle, target: Registered, way: Way | Missing) -> Bundle:
    """The bundle on the way to a target, which the walk tells apart from the ways to others from here on."""
    if isinstance(way, Missing):
        return walk.fork(bundle, target, Spot(zone=target.zone))
    eni = way.interface.network_interface_id if way.interface else None
    return walk.fork(bundle, target, Spot(str(way.address), eni, way.zone or target.zone))


def send(
    walk: Walk, balancer: Balancer, node: NetworkInterface, bundle: Bundle, way: Way, *, keeps: bool = False
) -> Iterator[Step]:
    """On another connection, out of the node for a target."""
    version = way.address.version
    source = None if keeps else node_address(node, version)
    if source is None and not keeps:
        yield from walk.lose(bundle, Missing(f"load balancer {balancer.name}", f"no IPv{version} address to send from"))
        return
    pieces = tuple(p.sent_on(version, source, int(way.address), way.port, PORTS) for p in bundle.pieces)
    binding = Binding(balancer.id, source or 0, bundle.pieces, node.network_interface_id, keeps, bundle.tracked)
    yield (
        Node("interface", node.network_interface_id),
        bundle.but(
            pieces=pieces,
            goal=way.interface,
            bindings=(*bundle.bindings, binding),
            inbound=False,
            heading=None,
            at=None,
            via=None,
            inspected=(),
            tracked=(),
            turns=(),
            resumed=False,
        ),
    )


def check_kept(walk: Walk, bundle: Bundle, through: str) -> Bundle:
    """Where a Network Load Balancer keeps clients' addresses, its packets have to flow to the target directly.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/network/edit-target-group-attributes.html
    """
    relay = bundle.relay
    if bundle.established or relay is None or not relay.keeps:
        return bundle
    balancer = walk.account.balancers.by_id.get(relay.gateway_id)
    what = f"what becomes of packets that {balancer.name if balancer else relay.gateway_id} sends through {through}"
    why = "it keeps clients' addresses, which AWS supports for targets that it reaches directly: turn that off"
    walk.lack(Missing(what, f"{why} (preserve_client_ip.enabled)"))
    return bundle.but(pieces=flagged(bundle.pieces, unknown=True))


def outside_zones(walk: Walk, balancer: Balancer, bundle: Bundle, way: Way, code: str, layer_id: str) -> None:
    """A target in a zone that is not enabled gets nothing."""
    what = "an instance" if balancer.kind == "classic" else "a target"
    enabled = ", ".join(sorted(zones_of(walk, balancer)))
    walk.block(
        bundle,
        bundle.pieces,
        layer="load-balancer" if balancer.kind == "classic" else "target-group",
        code=code,
        summary=f"{way.label} is in {way.zone}, a zone that is not enabled for {balancer.name}: it gets no traffic.",
        resource_ids=(layer_id,),
        interface_id=way.interface.network_interface_id if way.interface else None,
        next_step=f"Enable {way.zone} for {balancer.name}, or register {what} in {enabled}.",
    )
    walk.end(bundle, flagged(bundle.pieces, blocked=True))


def address_of(text: str) -> Ip | None:
    """``text`` as an address, None where it is none."""
    for kind in (IPv4Address, IPv6Address):
        try:
            return kind(text)
        except ValueError:
            continue
    return None
