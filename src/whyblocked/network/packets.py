"""Sets of packets: boxes of address, protocol and port intervals that rules intersect, subtract and split.

A box spans one interval in each of five dimensions, all bounds inclusive. For ICMP and ICMPv6 the type stands in
the place of the destination port and the code in that of the source port, so that one algebra serves all protocols;
other protocols without ports span the full range there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, summarize_address_range
from typing import NamedTuple

Interval = tuple[int, int]

ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
ALL_PORTS: Interval = (0, 65535)
ALL_PROTOCOLS: Interval = (0, 255)
EVERYWHERE: dict[int, Interval] = {4: (0, 2**32 - 1), 6: (0, 2**128 - 1)}

SOURCE, DESTINATION, PROTOCOL, SOURCE_PORTS, DESTINATION_PORTS = 1, 2, 3, 4, 5
DIMENSIONS = (SOURCE, DESTINATION, PROTOCOL, SOURCE_PORTS, DESTINATION_PORTS)


class Packets(NamedTuple):
    """A box of packets of one IP version."""

    version: int
    source: Interval
    destination: Interval
    protocol: Interval = ALL_PROTOCOLS
    source_ports: Interval = ALL_PORTS
    destination_ports: Interval = ALL_PORTS

    def turned(self) -> Packets:
        """The same packets seen from the other end: source and destination, and their ports, swapped."""
        return Packets(
            self.version, self.destination, self.source, self.protocol, self.destination_ports, self.source_ports
        )


def with_interval(packets: Packets, dimension: int, interval: Interval) -> Packets:
    """The box with another interval in one dimension."""
    return Packets._make([*packets[:dimension], interval, *packets[dimension + 1 :]])


def span(network: IPv4Network | IPv6Network | IPv4Address | IPv6Address) -> Interval:
    """The interval of numbers that a block or address covers."""
    if isinstance(network, IPv4Address | IPv6Address):
        return int(network), int(network)
    return int(network.network_address), int(network.broadcast_address)


def intersect(a: Packets, b: Packets) -> Packets | None:
    """The packets that are in both boxes, or None."""
    if a[0] != b[0]:
        return None
    (al, ah), (bl, bh) = a[1], b[1]
    (cl, ch), (dl, dh) = a[2], b[2]
    (el, eh), (fl, fh) = a[3], b[3]
    (gl, gh), (hl, hh) = a[4], b[4]
    (il, ih), (jl, jh) = a[5], b[5]
    if al > bh or bl > ah or cl > dh or dl > ch or el > fh or fl > eh or gl > hh or hl > gh or il > jh or jl > ih:
        return None
    return Packets(
        a[0],
        (max(al, bl), min(ah, bh)),
        (max(cl, dl), min(ch, dh)),
        (max(el, fl), min(eh, fh)),
        (max(gl, hl), min(gh, hh)),
        (max(il, jl), min(ih, jh)),
    )


def subtract(a: Packets, b: Packets) -> list[Packets]:
    """The packets of ``a`` that are not in ``b``, as disjoint boxes."""
    common = intersect(a, b)
    if common is None:
        return [a]
    if common == a:
        return []
    rest: list[Packets] = []
    fields = list(a)
    for dimension in DIMENSIONS:
        low, high = a[dimension]  # type: ignore[misc]
        inner_low, inner_high = common[dimension]  # type: ignore[misc]
        if low < inner_low:
            rest.append(Packets._make([*fields[:dimension], (low, inner_low - 1), *fields[dimension + 1 :]]))
        if inner_high < high:
            rest.append(Packets._make([*fields[:dimension], (inner_high + 1, high), *fields[dimension + 1 :]]))
        fields[dimension] = (inner_low, inner_high)
    return rest


def subtract_all(boxes: Iterable[Packets], taken: Iterable[Packets]) -> list[Packets]:
    """The packets of ``boxes`` that are in none of ``taken``."""
    rest = list(boxes)
    for box in taken:
        rest = [piece for whole in rest for piece in subtract(whole, box)]
        if not rest:
            break
    return rest


def join_intervals(intervals: Iterable[Interval]) -> list[Interval]:
    """Sorted, disjoint intervals that cover the same numbers, neighbours joined."""
    joined: list[Interval] = []
    for low, high in sorted(intervals):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], high))
        else:
            joined.append((low, high))
    return joined


def subtract_intervals(intervals: Iterable[Interval], taken: Iterable[Interval]) -> list[Interval]:
    """The numbers of ``intervals`` that are in none of ``taken``."""
    rest = join_intervals(intervals)
    for low, high in taken:
        rest = [part for a, b in rest for part in ((a, min(b, low - 1)), (max(a, high + 1), b)) if part[0] <= part[1]]
    return rest


def interval_text(intervals: Sequence[Interval]) -> str:
    """``"22,443,8000-8100"``."""
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in intervals)


def network_text(version: int, intervals: Iterable[Interval]) -> str:
    """Comma-separated CIDRs that cover exactly these addresses."""
    return ",".join(_cidrs(version, low, high) for low, high in join_intervals(intervals))


def network_words(version: int, intervals: Iterable[Interval], most: int = 3) -> str:
    """The addresses for a sentence: a single one without its length, of many blocks the first few."""
    blocks = network_text(version, intervals).split(",")
    blocks = [block.removesuffix("/32" if version == 4 else "/128") for block in blocks]
    more = f" and {len(blocks) - most} more blocks" if len(blocks) > most + 1 else ""
    return ", ".join(blocks[: most if more else most + 1]) + more


def verb(where: str, one: str, many: str) -> str:
    """The form of a verb behind the words of :func:`network_words`: one block *is*, several *are*."""
    return many if "," in where or " and " in where else one


@lru_cache(maxsize=8192)
def _cidrs(version: int, low: int, high: int) -> str:
    kind = IPv4Address if version == 4 else IPv6Address
    if low == high:
        return f"{kind(low)}/{32 if version == 4 else 128}"
    return ",".join(str(network) for network in summarize_address_range(kind(low), kind(high)))


class Box(NamedTuple):
    """A union of boxes that is again a product: several intervals in each dimension."""

    version: int
    source: tuple[Interval, ...]
    destination: tuple[Interval, ...]
    protocol: tuple[Interval, ...]
    source_ports: tuple[Interval, ...]
    destination_ports: tuple[Interval, ...]


def merge(boxes: Iterable[Packets]) -> list[Box]:
    """Few products that cover exactly the packets of ``boxes``: boxes alike in all dimensions but one are joined."""
    products = [Box._make([b.version, *((interval,) for interval in b[1:])]) for b in boxes]
    changed = len(products) > 1
    while changed:
        changed = False
        for dimension in DIMENSIONS:
            groups: dict[tuple[object, ...], list[Interval]] = {}
            for product in products:
                key = (*product[:dimension], None, *product[dimension + 1 :])
                groups.setdefault(key, []).extend(product[dimension])  # type: ignore[arg-type]
            if len(groups) < len(products):
                changed = True
            products = [
                Box._make([*key[:dimension], tuple(join_intervals(found)), *key[dimension + 1 :]])
                for key, found in groups.items()
            ]
    return products
