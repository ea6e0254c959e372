"""NAT64: IPv6 packets to 64:ff9b::/96 become IPv4 packets to the address in their last 32 bits, and replies turn back.

https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-nat64-dns64.html
The translation of ICMP: RFC 7915.
"""

from __future__ import annotations

from ipaddress import IPv6Network

from whyblocked.network.flow import Link, Piece
from whyblocked.network.packets import ICMP, ICMPV6, Interval, Packets, span
from whyblocked.network.protocols import has_ports

PREFIX: Interval = span(IPv6Network("64:ff9b::/96"))
ECHO_REQUEST, ECHO_REPLY = 128, 129  # of ICMPv6; the other types have no counterpart that a client would ask about
_ICMP_TYPES = {ECHO_REQUEST: 8, ECHO_REPLY: 0}


def to_ipv4(piece: Piece, source: int, ports: Interval) -> Piece:
    """A piece for the prefix as it leaves the gateway, with the gateway's ``source`` and, if it has any, ``ports``."""
    there, _, codes, types = piece.links
    low, high = piece.packets.destination
    protocol, destination_ports = piece.packets.protocol, piece.packets.destination_ports
    if protocol == (ICMPV6, ICMPV6):
        moved = _ICMP_TYPES[destination_ports[0]]
        types = _moved(types, destination_ports[0] - moved)
        protocol, destination_ports = (ICMP, ICMP), (moved, moved)
    remapped = has_ports(protocol)
    first, last = piece.packets.source
    return piece._replace(
        packets=Packets(
            4,
            (source, source),
            (low - PREFIX[0], high - PREFIX[0]),
            protocol,
            ports if remapped else piece.packets.source_ports,
            destination_ports,
        ),
        links=(
            _moved(there, first - source) if first == last and not remapped else None,
            _moved(piece.links[1], PREFIX[0]),
            None if remapped else codes,
            types,
        ),
    )


def to_ipv6(reply: Packets) -> Packets:
    """A reply as the client sees it, but for its destination, which only the gateway knows."""
    low, high = reply.source
    protocol, types = reply.protocol, reply.destination_ports
    if protocol == (ICMP, ICMP):
        back = {four: six for six, four in _ICMP_TYPES.items()}
        protocol, types = (ICMPV6, ICMPV6), (back.get(types[0], types[0]),) * 2
    source = (low + PREFIX[0], high + PREFIX[0])
    return reply._replace(version=6, source=source, protocol=protocol, destination_ports=types)


def _moved(link: Link | None, offset: int) -> Link | None:
    return None if link is None else Link(link.dimension, link.offset + offset)
