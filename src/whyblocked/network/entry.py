"""Where packets of a source that no interface owns come in: from a subnet, a peer, a gateway, the internet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from whyblocked.config.account import Missing
from whyblocked.config.resources import Route, Subnet, TransitGatewayAttachment
from whyblocked.network.asked import Asked
from whyblocked.network.beyond import reason
from whyblocked.network.flow import INTERNET, Bundle, Node, flagged
from whyblocked.network.graph import UNMODELLED, target_node
from whyblocked.network.hops.approach import behind_middlebox
from whyblocked.network.hops.internet import gateway_of, refuse_without_gateway
from whyblocked.network.hops.internet_gateway import refuse_private
from whyblocked.network.hops.peering import check_status, refuse_strangers, unreadable
from whyblocked.network.hops.public_access import check
from whyblocked.network.opening import (
    UNKNOWN_CLIENT,
    comes_from_outside,
    ephemeral_ports,
    pieces_between,
    spans_of,
)
from whyblocked.network.packets import (
    Interval,
    network_words,
    span,
    subtract_intervals,
    verb,
)
from whyblocked.network.references import blocks_of
from whyblocked.network.routes import look_up
from whyblocked.network.targets import Target, owned_within
from whyblocked.network.transit_back import ways_to
from whyblocked.network.walk import Step, Walk


def from_addresses(walk: Walk, asked: Asked, version: int, source: Interval, target: Target) -> Iterator[Step]:
    """From inside the VPC where the address lies there, else by what the destination's routes name as the way back.

    A public address comes by the internet, unless a route of its own (not a default route) leads elsewhere.
    """
    outside = comes_from_outside(asked.source)
    if target.subnet is None:  # it could not be read, and with it what routes say of the source
        if outside:
            yield from enter_by_internet(walk, asked, version, [source], target)
        else:
            yield from _at_the_door(walk, asked, version, source, target, Node("target", "unknown"), unknown=True)
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
            entry = behind_middlebox(walk, entry, version, choice.destinations)
            addressed_publicly = version == 4 and (asked.destination.public or target.has_public(version))
            if outside and not _leads_inside(route, entry, addressed_publicly=addressed_publicly):
                yield from enter_by_internet(walk, asked, version, [choice.destinations], target)
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
    walk: Walk, asked: Asked, version: int, source: Interval, target: Target, entry: Node | None
) -> Iterator[Step]:
    vpc_id = target.subnet.vpc_id if target.subnet else ""
    if entry == Node("vpc", vpc_id):
        yield from _from_inside(walk, asked, version, source, target, vpc_id)
    elif entry is not None and entry.kind == "vpc-peering":
        yield from _enter_by_peering(walk, asked, version, source, target, entry)
    elif entry is not None and entry.kind == "vpn-gateway":
        yield from _enter_by_vpn(walk, asked, version, source, target, entry)
    elif entry is not None and entry.kind == "transit-gateway":
        yield from _enter_by_transit_gateway(walk, asked, version, source, target, entry)
    elif entry is not None and (
        entry.kind in UNMODELLED or (entry.kind == "vpc-endpoint" and not comes_from_outside(asked.source))
    ):
        words = entry.kind.replace("-", " ")
        walk.lack(Missing(f"{words} {entry.id}", reason(entry)))
        yield from _at_the_door(walk, asked, version, source, target, entry, unknown=True)
    elif entry is not None and entry.kind == "interface":
        walk.lack(Missing(f"appliance {entry.id}", "AWS does not show what it does with the packets that it forwards"))
        yield from _at_the_door(walk, asked, version, source, target, entry, unknown=True)
    elif entry is not None and entry.kind == "egress-only-internet-gateway":
        for _, bundle in _at_the_door(walk, asked, version, source, target, INTERNET):
            yield entry, bundle.but(inbound=True, vpc_id=vpc_id)
    elif comes_from_outside(asked.source) or (entry is not None and entry.kind == "internet-gateway"):
        yield from enter_by_internet(walk, asked, version, [source], target)
    elif entry is not None and entry.kind == "nat-gateway":
        for node, bundle in _at_the_door(walk, asked, version, source, target, entry):
            where = network_words(version, [source])
            walk.block(
                bundle,
                bundle.pieces,
                layer="nat-gateway",
                code="NAT_GATEWAY_REFUSES_INBOUND",
                summary=f"{where} {verb(where, 'lies', 'lie')} behind {entry.id}, which accepts no connections.",
                resource_ids=(entry.id,),
            )
            yield node, bundle.but(pieces=flagged(bundle.pieces, blocked=True))
    else:
        walk.warn(
            f"No route of {target.subnet.subnet_id if target.subnet else 'the destination'} leads to "
            f"{network_words(version, [source])}, so it is not known where its packets would enter."
        )
        yield from _at_the_door(walk, asked, version, source, target, Node("nowhere", "nowhere"))


def enter_by_internet(
    walk: Walk, asked: Asked, version: int, sources: Sequence[Interval], target: Target
) -> Iterator[Step]:
    """Through the VPC's internet gateway, to the public address."""
    pieces = tuple(
        piece for source in sources for piece in pieces_between(asked, version, source, target.spans, UNKNOWN_CLIENT)
    )
    vpc_id = target.vpc_id
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
    if not comes_from_outside(asked.source) and gateway is not None:
        # A private source: the gateway refuses it whatever address it asks for.
        bundle = bundle.but(pieces=refuse_private(walk, gateway, bundle, outbound=False))
        walk.note(bundle, "internet-gateway", gateway.id, "deny", detail="carries no private source addresses")
    elif not has_public:
        bundle = _refuse_unaddressable(walk, asked, target, bundle, gateway)
    elif target.private is not None and version == 4:
        bundle = bundle.but(pieces=tuple(p.with_destination(target.private[0]) for p in bundle.pieces))
    if vpc_id:
        door = Node("vpc", vpc_id)
        via = gateway.id if gateway else None
        yield door, bundle.but(heading=door, vpc_id=vpc_id, via=via, inbound=True)


def _refuse_unaddressable(walk: Walk, asked: Asked, target: Target, bundle: Bundle, gateway: Node | None) -> Bundle:
    """What has no public address can't be addressed from the internet; Block Public Access would stop it as well."""
    eni = target.interface.network_interface_id if target.interface else None
    here = bundle.but(subnet_id=target.subnet.subnet_id if target.subnet else None)
    walk.block(
        here,
        here.pieces,
        layer="internet-gateway",
        code="IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS",
        summary=f"{asked.destination.label} has no public IPv4 address, so the internet can't reach it.",
        resource_ids=(gateway.id,) if gateway else (),
        interface_id=eni,
        next_step="Give it a public IPv4 address (an Elastic IP), or reach it by a load balancer, VPN or bastion.",
    )
    here = here.but(pieces=flagged(here.pieces, blocked=True))
    if gateway is not None:
        detail = "no public address to translate"
        walk.note(here, "internet-gateway", gateway.id, "deny", detail=detail, interface_id=eni)
        here = here.but(pieces=check(walk, gateway, here.but(inbound=True), "internet-gateway"))
    return here


def _at_the_door(
    walk: Walk, asked: Asked, version: int, source: Interval, target: Target, origin: Node, *, unknown: bool = False
) -> Iterator[Step]:
    """At the router of the destination's VPC, coming from ``origin``."""
    spans = [target.private] if target.private else target.spans
    pieces = pieces_between(asked, version, source, spans, UNKNOWN_CLIENT)
    vpc_id = target.vpc_id or ""
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
    walk: Walk, asked: Asked, version: int, source: Interval, target: Target, vpc_id: str
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
    nobody = rest and _holds_a_subnet(walk, asked, vpc_id, target)
    for part in rest:
        blocks = network_words(version, [part])
        are = verb(blocks, "is", "are")
        where = f"{blocks} {are} in the blocks of {vpc_id} but in none of its subnets"
        walk.warn(
            f"{where}: nobody is there, so {verb(blocks, 'it is', 'they are')} left out." if nobody else f"{where}."
        )
        if not nobody:
            yield from _at_the_door(walk, asked, version, part, target, Node("vpc", vpc_id))


def _holds_a_subnet(walk: Walk, asked: Asked, vpc_id: str, target: Target) -> bool:
    """Whether somebody can be in the block that is asked about: a subnet has some of its addresses."""
    found = walk.account.subnets_of(vpc_id)
    subnets = [*(() if isinstance(found, Missing) else found), *([target.subnet] if target.subnet else ())]
    block = asked.source.network
    networks = [network for subnet in subnets for network in subnet.networks]
    return block is not None and any(block.version == one.version and block.overlaps(one) for one in networks)


def from_subnets(walk: Walk, asked: Asked, version: int) -> Iterator[Step]:
    """From the subnets that hold the source's addresses, to somewhere outside the account."""
    rest = list(spans_of(asked.source, version))
    for subnet in walk.account.all_subnets():
        spans = spans_of(asked.destination, version, walk.account.vpcs.get(subnet.vpc_id))
        for block in (span(n) for n in subnet.networks if n.version == version):
            inside = [(max(a, block[0]), min(b, block[1])) for a, b in rest if a <= block[1] and block[0] <= b]
            rest = subtract_intervals(rest, inside)
            for part in inside:
                yield from _from_segment(walk, asked, version, part, spans, Target(spans, None, subnet, None), subnet)


def _from_segment(
    walk: Walk, asked: Asked, version: int, source: Interval, spans: Sequence[Interval], target: Target, subnet: Subnet
) -> Iterator[Step]:
    owned = owned_within(walk, subnet.vpc_id, version, source)
    for own, interface in owned:
        place = Node("interface", interface.network_interface_id)
        ports = ephemeral_ports(walk, interface)
        pieces = pieces_between(asked, version, own, spans, ports)
        yield place, Bundle(pieces, "forward", place, target.interface)
    unowned = subtract_intervals([source], [own for own, _ in owned])
    if unowned:
        place = Node("host", subnet.subnet_id)
        walk.warn(
            f"No interface owns {network_words(version, unowned)} in {subnet.subnet_id}; "
            "taken as a host there without security groups."
        )
        pieces = tuple(p for part in unowned for p in pieces_between(asked, version, part, spans, UNKNOWN_CLIENT))
        yield place, Bundle(pieces, "forward", place, target.interface)


def _enter_by_transit_gateway(
    walk: Walk, asked: Asked, version: int, source: Interval, target: Target, entry: Node
) -> Iterator[Step]:
    """From the VPC, or by the attachment to what lies outside AWS, that the gateway's routes name as the way back."""
    for way in ways_to(walk, entry, target.vpc_id or "", version, source):
        part = way.destinations
        if way.missing is not None:
            walk.lack(way.missing)
        if way.missing is not None and (way.attachment is None or way.missing.pending):
            yield from _at_the_door(walk, asked, version, part, target, entry, unknown=True)
        elif way.attachment is None:
            walk.warn(
                f"No route of {entry.id} leads to {network_words(version, [part])}, "
                "so it is not known where its packets would enter."
            )
            yield from _at_the_door(walk, asked, version, part, target, Node("nowhere", "nowhere"))
        elif way.attachment.resource_type == "vpc":
            yield from _from_vpc_behind(walk, asked, version, part, target, entry, way.attachment)
        else:
            place = Node("transit-gateway", way.attachment.transit_gateway_id)
            spans = [target.private] if target.private else target.spans
            pieces = pieces_between(asked, version, part, spans, UNKNOWN_CLIENT)
            pieces = flagged(pieces, unknown=way.missing is not None)
            via = way.attachment.transit_gateway_attachment_id
            yield place, Bundle(pieces, "forward", place, target.interface, via=via)


def _from_vpc_behind(
    walk: Walk,
    asked: Asked,
    version: int,
    source: Interval,
    target: Target,
    entry: Node,
    attachment: TransitGatewayAttachment,
) -> Iterator[Step]:
    vpc_id = attachment.resource_id or ""
    subnets = walk.account.subnets_of(vpc_id)
    if not isinstance(subnets, Missing):
        yield from _from_inside(walk, asked, version, source, target, vpc_id)
        return
    owner = f" of account {attachment.resource_owner_id}" if attachment.resource_owner_id else ""
    walk.lack(subnets if subnets.pending else Missing(f"{vpc_id}{owner}", f"behind {entry.id} ({subnets})"))
    yield from _at_the_door(walk, asked, version, source, target, entry, unknown=True)


def _enter_by_peering(
    walk: Walk, asked: Asked, version: int, source: Interval, target: Target, entry: Node
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
    blocks = blocks_of(walk.account, far, version)
    strange = subtract_intervals([source], blocks) if blocks else []
    for part in strange:
        for node, bundle in _at_the_door(walk, asked, version, part, target, entry):
            yield node, refuse_strangers(walk, peering, bundle, bundle.pieces, "source", far)
    if strange == [source]:
        return
    unread = unreadable(walk, far)
    if unread is None and far.vpc_id is not None:
        for part in subtract_intervals([source], strange):
            yield from _from_inside(walk, asked, version, part, target, far.vpc_id)
        return
    if unread is not None:
        walk.lack(unread)
    for node, bundle in _at_the_door(walk, asked, version, source, target, entry, unknown=True):
        yield node, check_status(walk, peering, bundle)


def _enter_by_vpn(
    walk: Walk, asked: Asked, version: int, source: Interval, target: Target, entry: Node
) -> Iterator[Step]:
    """From behind a virtual private gateway, which takes private addresses of its VPC only."""
    spans = [target.private] if target.private else target.spans
    pieces = pieces_between(asked, version, source, spans, UNKNOWN_CLIENT)
    bundle = Bundle(pieces, "forward", entry, target.interface, vpc_id=target.vpc_id or "", inbound=True)
    if asked.destination.public:
        walk.block(
            bundle,
            pieces,
            layer="vpn-gateway",
            code="VGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS",
            summary=f"{asked.destination.label} is a public address, and {entry.id} delivers to private ones only.",
            resource_ids=(entry.id,),
            next_step="Ask for its private address, which is the one to use from behind the VPN.",
        )
        bundle = bundle.but(pieces=flagged(pieces, blocked=True))
    yield entry, bundle
