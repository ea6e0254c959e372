"""Where the packets of a question begin, and with which addresses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address

from whyblocked.config.account import Ip, Missing, private_addresses, public_addresses
from whyblocked.config.resources import NetworkInterface, Route, Subnet
from whyblocked.network.addresses import PUBLIC, is_public
from whyblocked.network.asked import ALL_PROTOCOLS, Asked, End, Question
from whyblocked.network.flow import INTERNET, Bundle, Node, Piece, flagged
from whyblocked.network.graph import UNMODELLED, target_node
from whyblocked.network.hops.internet import gateway_of, refuse_without_gateway
from whyblocked.network.hops.internet_gateway import refuse_private
from whyblocked.network.hops.peering import check_status, unreadable
from whyblocked.network.packets import (
    ALL_PORTS,
    ICMP,
    ICMPV6,
    TCP,
    UDP,
    Interval,
    Packets,
    network_text,
    span,
    subtract_intervals,
)
from whyblocked.network.routes import look_up
from whyblocked.network.walk import Step, Walk

UNKNOWN_CLIENT: Interval = (1024, 65535)
LINUX: Interval = (32768, 60999)
WINDOWS: Interval = (49152, 65535)


def ephemeral_ports(walk: Walk, interface: NetworkInterface | None) -> Interval:
    """The source ports that a client uses: by operating system for an instance, else the widest range.

    https://docs.aws.amazon.com/vpc/latest/userguide/custom-network-acl.html#nacl-ephemeral-ports
    """
    instance_id = interface.attachment.instance_id if interface and interface.attachment else None
    instance = walk.account.instance(instance_id) if instance_id else None
    if instance is None or isinstance(instance, Missing):
        return UNKNOWN_CLIENT
    return WINDOWS if (instance.platform or "").lower() == "windows" else LINUX


def version_of(asked: Asked) -> int:
    """The IP version that a question is about."""
    for end in (asked.source, asked.destination):
        if end.network is not None:
            return end.network.version
    hosts = [end for end in (asked.source, asked.destination) if end.kind == "host"]
    outside = len(hosts) == 1
    for end in hosts:
        if outside and any(public_addresses(i) for i in end.interfaces):
            return 4
    versions = [{a.version for i in end.interfaces for a in private_addresses(i)} for end in hosts]
    common = set.intersection(*versions) if versions else {4}
    if outside and 6 in common and asked.source.kind == "internet":
        return 6
    return 4 if 4 in common or not common else 6


def boxes(question: Question, version: int, source: Interval, destination: Interval, ports: Interval) -> list[Packets]:
    """The packets of the question between two spans of addresses; ``ports`` are the client's source ports."""
    asked_ports = question.destination_ports or ALL_PORTS
    sports = question.source_ports or ports
    icmp = ICMP if version == 4 else ICMPV6
    found = []
    number = question.protocol
    if number in (TCP, UDP, ALL_PROTOCOLS):
        found += [
            Packets(version, source, destination, (p, p), sports, asked_ports)
            for p in (TCP, UDP)
            if number in (p, ALL_PROTOCOLS)
        ]
    if number in (icmp, ALL_PROTOCOLS):
        found.append(
            Packets(
                version, source, destination, (icmp, icmp), _all_or(question.icmp_code), _all_or(question.icmp_type)
            )
        )
    if number == ALL_PROTOCOLS:
        others = subtract_intervals([(0, 255)], [(TCP, TCP), (UDP, UDP), (icmp, icmp)])
        found += [Packets(version, source, destination, other) for other in others]
    elif number not in (TCP, UDP, icmp):
        found.append(Packets(version, source, destination, (number, number)))
    return found


def _all_or(value: int | None) -> Interval:
    return (0, 255) if value is None or value == -1 else (value, value)


def starts(walk: Walk, asked: Asked) -> Iterator[Step]:
    """Every place where packets of the question begin, with those packets."""
    version = version_of(asked)
    if asked.source.interfaces:
        yield from _from_interfaces(walk, asked, version)
        return
    sources = _spans(asked.source, version)
    for target in _targets(walk, asked, version, outside=_comes_from_outside(asked.source)):
        for source in sources:
            yield from _from_addresses(walk, asked, version, source, target)


class _Target:
    """One destination: the addresses that the packets carry, and the interface or subnet that they are for."""

    def __init__(
        self,
        spans: Sequence[Interval],
        interface: NetworkInterface | None,
        subnet: Subnet | None,
        private: Interval | None,
    ) -> None:
        self.spans = spans
        self.interface = interface
        self.subnet = subnet
        self.private = private  # the address inside AWS where ``spans`` is the public one, else the same

    def has_public(self, version: int) -> bool:
        """Whether the internet can address it at all."""
        return version == 6 or (self.private is not None and self.spans[0] != self.private)


def _comes_from_outside(end: End) -> bool:
    if end.kind == "internet":
        return True
    if end.network is None or end.interfaces:
        return False
    return all(is_public(a) for a in (end.network.network_address, end.network.broadcast_address))


def _spans(end: End, version: int) -> Sequence[Interval]:
    if end.kind == "internet":
        return PUBLIC[version]
    return [span(end.network)] if end.network is not None else []


# -- from an interface of the account -----------------------------------------------------------------------------


def _from_interfaces(walk: Walk, asked: Asked, version: int) -> Iterator[Step]:
    interface = _sending(walk, asked, version)
    source = _source_address(asked.source, interface, version)
    if source is None:
        walk.lack(Missing(interface.network_interface_id, f"it has no IPv{version} address to send from"))
        return
    place = Node("interface", interface.network_interface_id)
    ports = ephemeral_ports(walk, interface)
    for spans, goal in _addressed_from_inside(asked.destination, version):
        pieces = [
            Piece(box, box)
            for destination in spans
            for box in boxes(asked.question, version, (source, source), destination, ports)
        ]
        if pieces:
            yield place, Bundle(tuple(pieces), "forward", origin=place, goal=goal)


def _sending(walk: Walk, asked: Asked, version: int) -> NetworkInterface:
    """The interface that the packets leave by: one in the destination's subnet, else the primary."""
    candidates = [i for i in asked.source.interfaces if any(a.version == version for a in private_addresses(i))]
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


def _source_address(end: End, interface: NetworkInterface, version: int) -> int | None:
    if end.address is not None and end.address.version == version:
        if not end.public:
            return int(end.address)
        behind = {public: private for private, public in public_addresses(interface)}
        private = behind.get(IPv4Address(int(end.address)))
        if private is not None:
            return int(private)
    return next((int(a) for a in private_addresses(interface) if a.version == version), None)


def _addressed_from_inside(end: End, version: int) -> Iterator[tuple[Sequence[Interval], NetworkInterface | None]]:
    if end.kind == "host":
        for interface in end.interfaces:
            address = next((int(a) for a in private_addresses(interface) if a.version == version), None)
            if address is not None:
                yield [(address, address)], interface
        return
    goal = end.interfaces[0] if end.interfaces and not end.public else None
    yield _spans(end, version), goal


# -- from addresses that no interface owns ------------------------------------------------------------------------


def _targets(walk: Walk, asked: Asked, version: int, *, outside: bool) -> Iterator[_Target]:
    end = asked.destination
    if end.kind == "host":
        yield from _host_targets(walk, end, version, outside=outside)
    elif end.interfaces and end.network is not None:
        interface = end.interfaces[0]
        subnet = _subnet(walk, interface)
        if end.public:
            private = _source_address(end, interface, 4)
            yield _Target(_spans(end, version), interface, subnet, None if private is None else (private, private))
        else:
            public = (
                dict(public_addresses(interface)).get(IPv4Address(int(end.network.network_address)))
                if version == 4
                else None
            )
            own = span(end.network)
            # A private address that was asked for is taken as it is; only the internet needs the public one.
            yield _Target([(int(public), int(public))] if public and outside else [own], interface, subnet, own)
    else:
        yield from _unowned_targets(walk, end, version)


def _host_targets(walk: Walk, end: End, version: int, *, outside: bool) -> Iterator[_Target]:
    for interface in end.interfaces:
        subnet = _subnet(walk, interface)
        public = public_addresses(interface) if version == 4 and outside else ()
        if public:
            private, address = public[0]
            yield _Target([(int(address), int(address))], interface, subnet, (int(private), int(private)))
            continue
        own = next((int(a) for a in private_addresses(interface) if a.version == version), None)
        if own is None or (outside and version == 4 and any(public_addresses(i) for i in end.interfaces)):
            continue  # from outside only the interfaces with a public address are meant, where there is one
        yield _Target([(own, own)], interface, subnet, (own, own))


def _unowned_targets(walk: Walk, end: End, version: int) -> Iterator[_Target]:
    rest = list(_spans(end, version))
    for subnet in walk.account.subnets.values():
        for block in (span(n) for n in subnet.networks if n.version == version):
            inside = [(max(a, block[0]), min(b, block[1])) for a, b in rest if a <= block[1] and block[0] <= b]
            for part in inside:
                yield _Target([part], None, subnet, part)
            rest = subtract_intervals(rest, inside)


def _subnet(walk: Walk, interface: NetworkInterface) -> Subnet | None:
    subnet = walk.account.subnet(interface.subnet_id)
    if isinstance(subnet, Missing):
        walk.lack(subnet)
        return None
    return subnet


def _from_addresses(walk: Walk, asked: Asked, version: int, source: Interval, target: _Target) -> Iterator[Step]:
    """From inside the VPC where the address lies there, else by what the destination's routes name as the way back.

    A public address comes by the internet, unless a route of its own (not a default route) leads elsewhere.
    """
    outside = _comes_from_outside(asked.source)
    if asked.source.kind == "internet" or target.subnet is None:
        yield from _enter_by_internet(walk, asked, version, source, target)
        return
    home = [span(n) for n in target.subnet.networks if n.version == version]
    near = [(max(a, source[0]), min(b, source[1])) for a, b in home if a <= source[1] and source[0] <= b]
    for part in near:
        yield from _from_inside(walk, asked, version, part, target, target.subnet.vpc_id)
    table = walk.account.route_table_of(target.subnet)
    if isinstance(table, Missing):
        walk.lack(table)
        yield from _at_the_door(walk, asked, version, source, target, Node("target", "unknown"), unknown=True)
        return
    compiled = walk.rulebook.table(table, version)
    for part in subtract_intervals([source], near):
        for choice in look_up(compiled, version, part):
            route = choice.route if choice.route is not None and choice.route.state in ("active", "") else None
            entry = target_node(route, table.vpc_id) if route else None
            addressed_publicly = asked.destination.public or target.has_public(version)
            if outside and not _leads_inside(route, entry, addressed_publicly=addressed_publicly):
                yield from _enter_by_internet(walk, asked, version, choice.destinations, target)
            elif choice.missing is not None:
                walk.lack(choice.missing)
                nowhere = Node("target", "unknown")
                yield from _at_the_door(walk, asked, version, choice.destinations, target, nowhere, unknown=True)
            else:
                yield from _enter(walk, asked, version, choice.destinations, target, entry)


def _leads_inside(route: Route | None, entry: Node | None, *, addressed_publicly: bool) -> bool:
    """Whether a public source comes by another way than an internet gateway."""
    if route is None or entry is None or entry.kind in ("internet-gateway", "nat-gateway"):
        return False
    if entry.kind in ("vpc", "egress-only-internet-gateway"):
        return True
    return not addressed_publicly and not route.destination.endswith("/0")


def _enter(
    walk: Walk, asked: Asked, version: int, source: Interval, target: _Target, entry: Node | None
) -> Iterator[Step]:
    vpc_id = target.subnet.vpc_id if target.subnet else ""
    if entry == Node("vpc", vpc_id):
        yield from _from_inside(walk, asked, version, source, target, vpc_id)
    elif entry is not None and entry.kind == "vpc-peering":
        yield from _enter_by_peering(walk, asked, version, source, target, entry)
    elif entry is not None and entry.kind in UNMODELLED:
        words = entry.kind.replace("-", " ")
        walk.lack(Missing(f"{words} {entry.id}", "not modelled yet, what it does with the packet is unknown"))
        yield from _at_the_door(walk, asked, version, source, target, entry, unknown=True)
    elif entry is not None and entry.kind == "interface":
        walk.lack(Missing(f"appliance {entry.id}", "AWS does not show what it does with the packets that it forwards"))
        yield from _at_the_door(walk, asked, version, source, target, entry, unknown=True)
    elif entry is not None and entry.kind == "egress-only-internet-gateway":
        for _, bundle in _at_the_door(walk, asked, version, source, target, INTERNET):
            yield entry, bundle.but(inbound=True, vpc_id=vpc_id)
    elif _comes_from_outside(asked.source) or (entry is not None and entry.kind == "internet-gateway"):
        yield from _enter_by_internet(walk, asked, version, source, target)
    elif entry is not None and entry.kind == "nat-gateway":
        for node, bundle in _at_the_door(walk, asked, version, source, target, entry):
            walk.block(
                bundle,
                bundle.pieces,
                layer="nat-gateway",
                code="NAT_GATEWAY_REFUSES_INBOUND",
                summary=f"{network_text(version, [source])} lies behind {entry.id}, which accepts no connections.",
                resource_ids=(entry.id,),
            )
            yield node, bundle.but(pieces=flagged(bundle.pieces, blocked=True))
    else:
        walk.warn(
            f"No route of {target.subnet.subnet_id if target.subnet else 'the destination'} leads to "
            f"{network_text(version, [source])}, so it is not known where its packets would enter."
        )
        yield from _at_the_door(walk, asked, version, source, target, Node("nowhere", "nowhere"))


def _pieces(
    asked: Asked, version: int, source: Interval, spans: Sequence[Interval], ports: Interval
) -> tuple[Piece, ...]:
    return tuple(
        Piece(box, box) for destination in spans for box in boxes(asked.question, version, source, destination, ports)
    )


def _enter_by_internet(walk: Walk, asked: Asked, version: int, source: Interval, target: _Target) -> Iterator[Step]:
    pieces = _pieces(asked, version, source, target.spans, UNKNOWN_CLIENT)
    vpc_id = target.subnet.vpc_id if target.subnet else None
    bundle = Bundle(pieces, "forward", origin=INTERNET, goal=target.interface, vpc_id=vpc_id)
    gateway = gateway_of(walk, vpc_id) if vpc_id else None
    if isinstance(gateway, Missing):
        walk.lack(gateway)
        bundle = bundle.but(pieces=flagged(pieces, unknown=True))
        gateway = None
    elif gateway is None:
        refuse_without_gateway(walk, bundle)
        bundle = bundle.but(pieces=flagged(pieces, blocked=True))
    has_public = target.has_public(version)
    walk.note(bundle, "internet", "internet", "forward", subnet_id=None, vpc_id=None)
    if has_public and gateway is not None:
        yield gateway, bundle.but(inbound=True)
        return
    if not _comes_from_outside(asked.source) and gateway is not None:
        # A private source: the gateway refuses it whatever address it asks for.
        bundle = bundle.but(pieces=refuse_private(walk, gateway, bundle, outbound=False))
        walk.note(bundle, "internet-gateway", gateway.id, "deny", detail="carries no private source addresses")
    elif not has_public:
        eni = target.interface.network_interface_id if target.interface else None
        walk.block(
            bundle,
            pieces,
            layer="internet-gateway",
            code="IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS",
            summary=f"{asked.destination.label} has no public IPv4 address, so the internet can't reach it.",
            resource_ids=(gateway.id,) if gateway else (),
            interface_id=eni,
            subnet_id=target.subnet.subnet_id if target.subnet else None,
            next_step="Give it a public IPv4 address (an Elastic IP), or reach it by a load balancer, VPN or bastion.",
        )
        bundle = bundle.but(pieces=flagged(bundle.pieces, blocked=True))
        if gateway is not None:
            walk.note(
                bundle,
                "internet-gateway",
                gateway.id,
                "deny",
                detail="no public address to translate",
                interface_id=eni,
            )
    elif target.private is not None and version == 4:
        bundle = bundle.but(pieces=tuple(p.with_destination(target.private[0]) for p in bundle.pieces))
    if vpc_id:
        door = Node("vpc", vpc_id)
        via = gateway.id if gateway else None
        yield door, bundle.but(heading=door, vpc_id=vpc_id, via=via, inbound=True)


def _at_the_door(
    walk: Walk, asked: Asked, version: int, source: Interval, target: _Target, origin: Node, *, unknown: bool = False
) -> Iterator[Step]:
    """At the router of the destination's VPC, coming from ``origin``."""
    spans = [target.private] if target.private else target.spans
    pieces = _pieces(asked, version, source, spans, UNKNOWN_CLIENT)
    vpc_id = target.subnet.vpc_id if target.subnet else ""
    door = Node("vpc", vpc_id)
    bundle = Bundle(
        flagged(pieces, unknown=unknown),
        "forward",
        origin,
        target.interface,
        heading=door,
        vpc_id=vpc_id,
        inbound=True,
        via=origin.id,
    )
    if origin.kind not in ("nowhere", "target", "internet"):
        walk.note(bundle, origin.kind, origin.id, "unknown" if unknown else "forward", subnet_id=None)
    yield door, bundle


def _from_inside(
    walk: Walk, asked: Asked, version: int, source: Interval, target: _Target, vpc_id: str
) -> Iterator[Step]:
    """From the interfaces and hypothetical hosts of a VPC that have these addresses."""
    spans = [target.private] if target.private and not asked.destination.public else target.spans
    subnets = walk.account.subnets_of(vpc_id)
    rest = [source]
    for subnet in () if isinstance(subnets, Missing) else subnets:
        for block in (span(n) for n in subnet.networks if n.version == version):
            inside = [(max(a, block[0]), min(b, block[1])) for a, b in rest if a <= block[1] and block[0] <= b]
            rest = subtract_intervals(rest, inside)
            for part in inside:
                yield from _from_segment(walk, asked, version, part, spans, target, subnet)
    for part in rest:
        walk.warn(f"{network_text(version, [part])} is in the blocks of {vpc_id} but in none of its subnets.")
        yield from _at_the_door(walk, asked, version, part, target, Node("vpc", vpc_id))


def _from_segment(
    walk: Walk, asked: Asked, version: int, source: Interval, spans: Sequence[Interval], target: _Target, subnet: Subnet
) -> Iterator[Step]:
    owned = _owned(walk, subnet.vpc_id, version, source)
    for address, interface in owned:
        place = Node("interface", interface.network_interface_id)
        ports = ephemeral_ports(walk, interface)
        pieces = _pieces(asked, version, (address, address), spans, ports)
        yield place, Bundle(pieces, "forward", place, target.interface)
    unowned = subtract_intervals([source], [(a, a) for a, _ in owned])
    if unowned:
        place = Node("host", subnet.subnet_id)
        walk.warn(
            f"No interface owns {network_text(version, unowned)} in {subnet.subnet_id}; "
            "taken as a host there without security groups."
        )
        pieces = tuple(p for part in unowned for p in _pieces(asked, version, part, spans, UNKNOWN_CLIENT))
        yield place, Bundle(pieces, "forward", place, target.interface)


def _owned(walk: Walk, vpc_id: str, version: int, source: Interval) -> list[tuple[int, NetworkInterface]]:
    if source[0] == source[1]:
        address: Ip = IPv4Address(source[0]) if version == 4 else IPv6Address(source[0])
        owner = walk.account.interface_at(vpc_id, address)
        return [] if owner is None or isinstance(owner, Missing) else [(source[0], owner)]
    found = walk.account.addresses_within(vpc_id, version, *source)
    if isinstance(found, Missing):
        walk.lack(found)
        return []
    return found


def _enter_by_peering(
    walk: Walk, asked: Asked, version: int, source: Interval, target: _Target, entry: Node
) -> Iterator[Step]:
    """From the other VPC: its hosts where it can be read, else at our door with the far side unknown."""
    peering = walk.account.peering(entry.id)
    if isinstance(peering, Missing):
        walk.lack(peering)
        yield from _at_the_door(walk, asked, version, source, target, entry, unknown=True)
        return
    near, far = peering.requester_vpc_info, peering.accepter_vpc_info
    if target.subnet is not None and far.vpc_id == target.subnet.vpc_id:
        near, far = far, near
    unread = unreadable(walk, far)
    if unread is None and far.vpc_id is not None:
        yield from _from_inside(walk, asked, version, source, target, far.vpc_id)
        return
    if unread is not None:
        walk.lack(unread)
    for node, bundle in _at_the_door(walk, asked, version, source, target, entry, unknown=True):
        yield node, check_status(walk, peering, bundle)
