"""How far a rule is from packets that it did not match: the dimensions that fail, by how much, and that in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from operator import attrgetter
from typing import Literal

import msgspec

from whyblocked.network.packets import ALL_PORTS, Interval, Packets, join_intervals, network_words
from whyblocked.network.protocols import has_ports, is_icmp, protocol_text

Dimension = Literal["source", "destination", "port", "protocol", "icmp-type"]
Side = Literal["source", "destination"]

# What fails, as bits, so that a thousand rules are compared quickly.
SOURCE, DESTINATION, PORT, PROTOCOL, TYPE = 1, 2, 4, 8, 16
SOURCE_PORT = 32  # a firewall alone looks at it
PLACE = 64  # nothing about the packets: the rule stands behind the one that decides
_DIMENSIONS: tuple[tuple[int, Dimension], ...] = (
    (PROTOCOL, "protocol"),
    (PORT, "port"),
    (TYPE, "icmp-type"),
    (SOURCE, "source"),
    (DESTINATION, "destination"),
)
SIDES: dict[Side, int] = {"source": SOURCE, "destination": DESTINATION}
FAR = 129  # what can't be measured is further off than any prefix
_RANK = attrgetter("rank")


class Gap(msgspec.Struct, frozen=True):
    """How far a candidate is off: what ``failed`` (bits), the way in bits of prefix and port, and which it is.

    Candidates are asked for by their ``place``, so it is also what puts equals in order.
    """

    failed: int
    way: int
    place: int

    @property
    def rank(self) -> tuple[int, bool, int, int]:
        """Nearest first: few dimensions, then not the protocol (another service altogether), then a short way."""
        return self.failed.bit_count(), bool(self.failed & PROTOCOL), self.way, self.place


class Wanted(msgspec.Struct, frozen=True):
    """What a rule would have had to cover: the refused packets of one IP version and protocol, as one box."""

    version: int
    protocol: Interval
    ports: Interval
    codes: Interval
    source: Interval
    destination: Interval
    sources: tuple[Interval, ...]
    destinations: tuple[Interval, ...]
    port_spans: tuple[Interval, ...]

    def side(self, side: Side) -> Interval:
        """The lowest and the highest address of one side."""
        return self.source if side == "source" else self.destination

    def words(self, side: Side) -> str:
        """The addresses of one side, in words."""
        return network_words(self.version, self.sources if side == "source" else self.destinations)


def wanted(packets: Sequence[Packets]) -> Wanted:
    """The packets that are like the first of ``packets``, in one box."""
    first = packets[0]
    alike = [p for p in packets if p.version == first.version and p.protocol == first.protocol]
    sources, destinations, ports, codes = (
        tuple(join_intervals(spans))
        for spans in (
            [p.source for p in alike],
            [p.destination for p in alike],
            [p.destination_ports for p in alike],
            [p.source_ports for p in alike],
        )
    )
    return Wanted(
        version=first.version,
        protocol=first.protocol,
        ports=hull(ports),
        codes=hull(codes),
        source=hull(sources),
        destination=hull(destinations),
        sources=sources,
        destinations=destinations,
        port_spans=ports,
    )


def hull(spans: Sequence[Interval]) -> Interval:
    """From the lowest to the highest of sorted intervals."""
    return spans[0][0], spans[-1][1]


def covers(outer: Interval, inner: Interval) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]


# -- measuring ------------------------------------------------------------------------------------------------------


def traffic_gap(want: Wanted, protocol: Interval, ports: Interval, codes: Interval) -> tuple[int, int]:
    """What fails of protocol, ports and ICMP types, and how far the ports are off, as a number of bits."""
    if protocol[0] <= want.protocol[0] and want.protocol[1] <= protocol[1]:
        if has_ports(want.protocol):
            way = _port_way(want, ports)
            return (PORT, way) if way else (0, 0)
        if is_icmp(want.protocol, want.version):
            return (0, 0) if covers(ports, want.ports) and covers(codes, want.codes) else (TYPE, 0)
        return 0, 0
    if has_ports(want.protocol) and has_ports(protocol):
        way = _port_way(want, ports)
        return (PROTOCOL | PORT, way) if way else (PROTOCOL, 0)
    if ports == ALL_PORTS:
        return PROTOCOL, 0
    # Ports of a rule say nothing about packets without them, nor ICMP types about packets with ports.
    return PROTOCOL | (TYPE if is_icmp(want.protocol, want.version) else PORT), 16


def _port_way(want: Wanted, ports: Interval) -> int:
    """How far off ports are, in bits of the way to the next one; 0 where all of them are held."""
    (low, high), (first, last) = ports, want.ports
    if low <= first and last <= high:
        return 0
    return max(low - last, first - high, 1).bit_length()


def port_reach(want: Wanted, ports: Interval) -> int:
    """By how much the range would have to grow to hold the ports."""
    return max(ports[0] - want.ports[0], want.ports[1] - ports[1], 0)


def bits_outside(block: Interval, ours: Interval) -> int:
    """How many bits shorter the block's prefix would have to be to hold our addresses; 0 where it does."""
    (low, high), (first, last) = block, ours
    if low <= first and last <= high:
        return 0
    around = ((min(first, low)) ^ (max(last, high))).bit_length()
    return max(around - (high - low).bit_length(), 1)


def block_gap(want: Wanted, side: Side, version: int, block: Interval) -> tuple[int, int]:
    """What fails of a block, and by how many bits; of the other IP version, the wider is the nearer."""
    if version != want.version:  # the wider, the nearer
        return SIDES[side], 1 + (32 if version == 4 else 128) - (block[1] - block[0]).bit_length()
    bits = bits_outside(block, want.side(side))
    return (SIDES[side], bits) if bits else (0, 0)


# -- words ----------------------------------------------------------------------------------------------------------


def dimensions(failed: int) -> list[Dimension]:
    """The dimensions that failed, by name."""
    if failed & SOURCE_PORT:
        failed |= PORT
    return [name for bit, name in _DIMENSIONS if failed & bit]


def traffic_words(want: Wanted, failed: int, protocol: Interval, ports: Interval, codes: Interval) -> list[str]:
    """``allows udp, not tcp``; ``allows port 2222, not 22``."""
    words = []
    if failed & PROTOCOL:
        words.append(f"allows {protocol_text(protocol)}, not {_protocol(want.protocol)}")
        if not (has_ports(want.protocol) and has_ports(protocol)):
            return words
    if failed & PORT:
        several = "s" if ports[0] != ports[1] else ""
        words.append(f"allows port{several} {_ports(ports)}, not {','.join(map(_ports, want.port_spans))}")
    if failed & TYPE:
        words.append(f"allows ICMP {_type(ports, codes)}, not {_type(want.ports, want.codes)}")
    return words


def block_words(want: Wanted, side: Side, version: int, block: Interval, written: str) -> str:
    """``203.0.113.5 is one bit outside 203.0.113.0/30``."""
    ours = want.words(side)
    if version != want.version:
        return f"{written} is IPv{version}, and {ours} is IPv{want.version}"
    if covers(want.side(side), block):
        return f"{written} is only a part of {ours}"
    return f"{ours} is {bits_words(bits_outside(block, want.side(side)))} outside {written}"


def bits_words(bits: int) -> str:
    return "one bit" if bits == 1 else f"{bits} bits"


def distances(
    want: Wanted, failed: int, protocol: Interval, ports: Interval, side: Side = "source", bits: int | None = None
) -> dict[str, int]:
    """How far, for what can be measured: by how much ports would have to grow, a prefix to be shorter in ``bits``."""
    found: dict[str, int] = {}
    if failed & PORT and has_ports(want.protocol) and has_ports(protocol) and (reach := port_reach(want, ports)):
        found["port"] = reach
    if failed & SIDES[side] and bits is not None:
        found[side] = bits
    return found


def _protocol(protocol: Interval) -> str:
    words = protocol_text(protocol)
    return "all traffic" if words == "all" else words


def _ports(span: Interval) -> str:
    return str(span[0]) if span[0] == span[1] else f"{span[0]}-{span[1]}"


def _type(types: Interval, codes: Interval) -> str:
    if types in (ALL_PORTS, (0, 255)):
        return "of every type"
    return f"type {_ports(types)}" + ("" if codes in (ALL_PORTS, (0, 255)) else f" code {_ports(codes)}")


# -- the nearest ----------------------------------------------------------------------------------------------------


def nearest(gaps: Iterable[Gap], most: int) -> list[Gap]:
    """The nearest ``most``, best first; among those that fail equally few dimensions, one of each kind before others.

    So a rule for the right port from elsewhere, one for another port and one for another protocol all come out.
    """
    found = [(gap.failed.bit_count(), gap) for gap in gaps]
    fewest = max(1, min([failed for failed, _ in found], default=1))
    near = sorted((gap for failed, gap in found if failed <= fewest), key=_RANK)
    first: dict[int, Gap] = {}
    for gap in near:
        first.setdefault(gap.failed, gap)
    chosen = list(first.values())[:most]
    others = (gap for gap in near if first[gap.failed] is not gap)
    return sorted([*chosen, *islice(others, most - len(chosen))], key=_RANK)
