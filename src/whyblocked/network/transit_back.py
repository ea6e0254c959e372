"""Behind which attachment the routes of a transit gateway place addresses: where their packets come in.

https://docs.aws.amazon.com/vpc/latest/tgw/how-transit-gateways-work.html
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from whyblocked.config import transit
from whyblocked.config.account import Missing, Query
from whyblocked.config.resources import TransitGatewayAttachment
from whyblocked.network import routes
from whyblocked.network.flow import Node
from whyblocked.network.graph import target_node
from whyblocked.network.hops.approach import behind_middlebox
from whyblocked.network.hops.transit_attachment import (
    OUTSIDE,
    attachment_of_route,
    naming,
    peer_of,
    subnets_of_attachment,
)
from whyblocked.network.packets import Interval, span, subtract_intervals
from whyblocked.network.transit import Choice, ids_of, look_up
from whyblocked.network.walk import Walk


class Way(msgspec.Struct, frozen=True):
    """Addresses, and the attachment behind which the routes of a gateway place them, as far as that is known."""

    destinations: Interval
    attachment: TransitGatewayAttachment | None = None
    missing: Missing | None = None


def ways_to(walk: Walk, node: Node, vpc_id: str, version: int, destinations: Interval) -> Iterator[Way]:
    """Where packets of a VPC to these addresses leave the gateway, and those of the gateways that it is peered with."""
    transit.expect(walk.account, node.id, [vpc_id])
    attachment = transit.attachment_of(walk.account, node.id, vpc_id)
    yield from dict.fromkeys(_ways_from(walk, node.id, attachment, version, destinations, ()))


def _ways_from(
    walk: Walk,
    gateway_id: str,
    attachment: TransitGatewayAttachment | Missing,
    version: int,
    destinations: Interval,
    passed: tuple[str, ...],
) -> Iterator[Way]:
    entrance = gateway_id if isinstance(attachment, Missing) else attachment.transit_gateway_attachment_id
    if entrance in passed:  # the routes lead in a circle
        yield Way(destinations)
        return
    passed = (*passed, entrance)
    table_id = attachment if isinstance(attachment, Missing) else transit.table_of(walk.account, attachment)
    table = walk.rulebook.transit(gateway_id, table_id, version) if isinstance(table_id, str) else table_id
    if table is None or isinstance(table, Missing):
        yield Way(destinations, missing=naming(gateway_id, table) if table else None)
        return
    for choice in look_up(table, destinations):
        route = choice.route
        if route is None or route.state == "blackhole" or not route.transit_gateway_attachments:
            yield Way(choice.destinations, missing=choice.missing)
            continue
        if route.type == "propagated":
            walk.learned_from.update(ids_of(route))
        for to in route.transit_gateway_attachments:
            there = attachment_of_route(walk, gateway_id, to)
            if isinstance(there, Missing):
                yield Way(choice.destinations, missing=naming(gateway_id, there))
            elif there.resource_type == "vpc":
                yield from _ways_of_vpc(walk, there, version, choice, passed)
            elif there.resource_type in OUTSIDE:
                yield Way(choice.destinations, there, choice.missing)
            else:
                yield from _ways_of_peer(walk, there, version, choice, passed)


def _ways_of_peer(
    walk: Walk, there: TransitGatewayAttachment, version: int, choice: Choice, passed: tuple[str, ...]
) -> Iterator[Way]:
    peer = peer_of(walk, there)
    if isinstance(peer, Missing):
        yield Way(choice.destinations, missing=peer)
    else:
        yield from _ways_from(walk, peer.transit_gateway_id, peer, version, choice.destinations, passed)


def _ways_of_vpc(
    walk: Walk, there: TransitGatewayAttachment, version: int, choice: Choice, passed: tuple[str, ...]
) -> Iterator[Way]:
    """In a VPC are its own addresses; others are where its routes pass them on to, as behind an inspection VPC.

    https://docs.aws.amazon.com/vpc/latest/tgw/transit-gateway-appliance-scenario.html
    """
    vpc_id = there.resource_id or ""
    names = ("DescribeVpcs", "DescribeSubnets", "DescribeRouteTables", "DescribeNetworkAcls")
    walk.account.expect(Query(name, "vpc-id", vpc_id) for name in names)  # whichever it is, they are needed next
    vpc = walk.account.vpc(vpc_id)
    if isinstance(vpc, Missing):
        yield Way(choice.destinations, there, vpc if vpc.pending else choice.missing)
        return
    blocks = [span(network) for network in vpc.networks if network.version == version]
    strange = subtract_intervals([choice.destinations], blocks) if blocks else []
    for own in subtract_intervals([choice.destinations], strange):
        yield Way(own, there, choice.missing)
    if not strange:
        return
    subnets = subnets_of_attachment(walk, there)
    if isinstance(subnets, Missing):
        for part in strange:
            yield Way(part, missing=subnets)
        return
    for subnet in subnets:
        table = walk.account.route_table_of(subnet)
        for part in strange:
            if isinstance(table, Missing):
                yield Way(part, missing=table)
                continue
            for found in routes.look_up(walk.rulebook.table(table, version), version, part):
                yield from _ways_on(walk, there, version, found, choice.missing, passed)


def _ways_on(
    walk: Walk,
    there: TransitGatewayAttachment,
    version: int,
    found: routes.Choice,
    missing: Missing | None,
    passed: tuple[str, ...],
) -> Iterator[Way]:
    """Through the middlebox of a VPC and back to a transit gateway; what leads elsewhere is nobody's way in."""
    working = found.route is not None and found.route.state in ("active", "")
    onward = target_node(found.route, there.resource_id or "") if found.route is not None and working else None
    onward = behind_middlebox(walk, onward, version, found.destinations)
    if found.missing is not None or onward is None or onward.kind != "transit-gateway":
        yield Way(found.destinations, missing=found.missing)
        return
    back = transit.attachment_of(walk.account, onward.id, there.resource_id or "")
    for way in _ways_from(walk, onward.id, back, version, found.destinations, passed):
        yield msgspec.structs.replace(way, missing=way.missing or missing)
