"""Behind which attachment the routes of a transit gateway place addresses: where their packets come in.

https://docs.aws.amazon.com/vpc/latest/tgw/how-transit-gateways-work.html
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from whyblocked.config import transit
from whyblocked.config.account import Missing
from whyblocked.config.resources import TransitGatewayAttachment
from whyblocked.network.flow import Node
from whyblocked.network.hops.transit_attachment import OUTSIDE, attachment_of_route, naming, peer_of
from whyblocked.network.packets import Interval
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
    yield from _ways_from(walk, node.id, attachment, version, destinations, (node.id,))


def _ways_from(
    walk: Walk,
    gateway_id: str,
    attachment: TransitGatewayAttachment | Missing,
    version: int,
    destinations: Interval,
    passed: tuple[str, ...],
) -> Iterator[Way]:
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
            elif there.resource_type == "vpc" or there.resource_type in OUTSIDE:
                yield Way(choice.destinations, there, choice.missing)
            else:
                yield from _ways_of_peer(walk, there, version, choice, passed)


def _ways_of_peer(
    walk: Walk, there: TransitGatewayAttachment, version: int, choice: Choice, passed: tuple[str, ...]
) -> Iterator[Way]:
    peer = peer_of(walk, there)
    if isinstance(peer, Missing):
        yield Way(choice.destinations, missing=peer)
    elif peer.transit_gateway_id not in passed:
        onward = (*passed, peer.transit_gateway_id)
        yield from _ways_from(walk, peer.transit_gateway_id, peer, version, choice.destinations, onward)
    else:
        yield Way(choice.destinations)
