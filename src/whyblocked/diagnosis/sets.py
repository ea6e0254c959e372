"""Packet sets in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from whyblocked.diagnosis.answer import PacketSet
from whyblocked.network.addresses import PUBLIC
from whyblocked.network.packets import (
    ALL_PORTS,
    Box,
    Interval,
    Packets,
    interval_text,
    join_intervals,
    merge,
    network_text,
    subtract_intervals,
)
from whyblocked.network.protocols import has_ports, is_icmp, protocol_text

MOST = 8  # sets that are told apart; more are told as the one set that holds them all


def packet_sets(packets: Iterable[Packets]) -> list[PacketSet]:
    """Few sets that together are exactly these packets; where there are too many, one an IP version that holds them."""
    products = merge(dict.fromkeys(packets))
    if len(products) > MOST:
        alike = [[product for product in products if product.version == version] for version in (4, 6)]
        products = [_hull(some) for some in alike if some]
    return [_described(product) for product in products]


def packet_set(packets: Iterable[Packets]) -> PacketSet:
    """The one set that holds these packets, which are of one IP version."""
    return _one_set(tuple(packets))


@lru_cache(maxsize=4096)
def _one_set(packets: tuple[Packets, ...]) -> PacketSet:
    products = merge(dict.fromkeys(packets))
    return _described(products[0] if len(products) == 1 else _hull(products))


def _hull(products: Sequence[Box]) -> Box:
    return Box(
        products[0].version,
        source=tuple(join_intervals(i for p in products for i in p.source)),
        destination=tuple(join_intervals(i for p in products for i in p.destination)),
        protocol=tuple(sorted({i for p in products for i in p.protocol})),
        source_ports=tuple(join_intervals(i for p in products for i in p.source_ports)),
        destination_ports=tuple(join_intervals(i for p in products for i in p.destination_ports)),
    )


@lru_cache(maxsize=4096)
def _described(product: Box) -> PacketSet:
    protocol = ",".join(protocol_text(interval) for interval in product.protocol)
    base = {
        "source": addresses_text(product.version, product.source),
        "destination": addresses_text(product.version, product.destination),
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


def addresses_text(version: int, spans: Sequence[Interval]) -> str:
    """CIDRs; all public addresses (but a VPC's own), which take fifty of them, are the block of everything."""
    whole = PUBLIC[version]
    ends_alike = spans[0][0] == whole[0][0] and spans[-1][1] == whole[-1][1]
    left_out = subtract_intervals(whole, spans) if ends_alike else whole
    if all(version == 6 and 2**64 < high - low < 2**84 for low, high in left_out):
        return "0.0.0.0/0" if version == 4 else "::/0"
    return network_text(version, spans)


def _type_text(spans: Sequence[Interval]) -> str:
    return "all" if spans in (((0, 255),), (ALL_PORTS,)) else interval_text(spans)
