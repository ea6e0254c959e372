"""Packet sets in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from whyblocked.diagnosis.answer import PacketSet
from whyblocked.network.packets import (
    ALL_PORTS,
    Box,
    Interval,
    Packets,
    interval_text,
    join_intervals,
    merge,
    network_text,
)
from whyblocked.network.protocols import has_ports, is_icmp, protocol_text

MOST = 8  # sets that are told apart; more are told as the one set that holds them all


def packet_sets(packets: Iterable[Packets]) -> list[PacketSet]:
    """Few sets that together are exactly these packets (or one that holds them where there are too many)."""
    products = merge(dict.fromkeys(packets))
    if len(products) > MOST:
        products = [_hull(products)]
    return [_described(product) for product in products]


def packet_set(packets: Iterable[Packets]) -> PacketSet:
    """The one set that holds these packets."""
    products = merge(dict.fromkeys(packets))
    return _described(products[0] if len(products) == 1 else _hull(products))


def _hull(products: Sequence[Box]) -> Box:
    dimensions = [tuple(join_intervals(i for product in products for i in product[d])) for d in range(1, 6)]  # type: ignore[misc]
    return Box._make([products[0].version, *dimensions])


def _described(product: Box) -> PacketSet:
    protocol = ",".join(protocol_text(interval) for interval in product.protocol)
    base = {
        "source": network_text(product.version, product.source),
        "destination": network_text(product.version, product.destination),
        "protocol": protocol,
    }
    if all(has_ports(interval) for interval in product.protocol):
        return PacketSet(
            **base,
            source_ports=interval_text(product.source_ports),
            destination_ports=interval_text(product.destination_ports),
        )
    if all(is_icmp(interval, product.version) for interval in product.protocol):
        return PacketSet(
            **base, icmp_type=_type_text(product.destination_ports), icmp_code=_type_text(product.source_ports)
        )
    return PacketSet(**base)


def _type_text(spans: Sequence[Interval]) -> str:
    return "all" if spans in (((0, 255),), (ALL_PORTS,)) else interval_text(spans)
