"""Which record belongs to which sighting: interface, direction, protocol, addresses and ports, with AWS's traps.

https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-limitations.html
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Literal

import msgspec

from whyblocked.config.account import Account
from whyblocked.config.addresses import Ip, delegated_prefixes, private_addresses
from whyblocked.config.resources import NetworkInterface
from whyblocked.flowlogs.records import Record
from whyblocked.network.packets import ALL_PORTS, ICMP, ICMPV6, TCP, Packets
from whyblocked.network.sighting import Sighting

Rules = Literal["accept", "reject", "either", "unknown"]
SYN = 2
_NO_PORTS = (ICMP, ICMPV6)


class Address(msgspec.Struct, frozen=True):
    """An address as the boxes hold it."""

    version: int
    number: int


class Match(msgspec.Struct, frozen=True):
    """A record that belongs to a sighting. ``rules`` is what they do with it there; ``loose`` where the record does
    not tell all that it takes (the primary address stands for another one, a field is missing)."""

    rules: Rules
    loose: bool


@lru_cache(maxsize=1 << 14)
def address(text: str) -> Address:
    """The address that a record names; the parser has checked it."""
    found = ip_address(text)
    return Address(found.version, int(found))


class Own:
    """The addresses that an interface answers to inside AWS; none where it is not in the configuration."""

    def __init__(self, interface: NetworkInterface | None, known: Sequence[Ip] = ()) -> None:
        found = private_addresses(interface) if interface else known
        self.addresses = frozenset(Address(a.version, int(a)) for a in found)
        primary = [next((a for a in found if a.version == version), None) for version in (4, 6)]
        self.primary = frozenset(Address(a.version, int(a)) for a in primary if a)
        blocks = [ip_network(b, strict=False) for b in delegated_prefixes(interface)] if interface else []
        self._blocks = [(b.version, int(b.network_address), int(b.broadcast_address)) for b in blocks]

    def __contains__(self, found: Address) -> bool:
        return found in self.addresses or any(
            version == found.version and low <= found.number <= high for version, low, high in self._blocks
        )


def own_of(account: Account, interface_id: str) -> Own:
    """The addresses of an interface of ``account``; a NAT gateway's stand in the gateway, which alone is read."""
    interface = account.interfaces.get(interface_id)
    addresses = (a for gateway in account.nat_gateways.values() for a in gateway.nat_gateway_addresses)
    known = [a for a in addresses if a.network_interface_id == interface_id and a.private_ip]
    return Own(interface, [ip_address(a.private_ip or "") for a in sorted(known, key=lambda a: not a.is_primary)])


def direction_of(record: Record, own: Own) -> Literal["ingress", "egress"] | None:
    """From the record itself, else from which of its ends is the interface's; None where neither tells."""
    if record.direction is not None:
        return record.direction
    source, destination = record.srcaddr or record.pkt_srcaddr, record.dstaddr or record.pkt_dstaddr
    from_here = source is not None and address(source) in own
    to_here = destination is not None and address(destination) in own
    if from_here == to_here:
        return None
    return "egress" if from_here else "ingress"


class Flow:
    """A record as the boxes see it."""

    def __init__(self, record: Record, own: Own) -> None:
        self.direction = direction_of(record, own)
        self.source = address(record.source) if record.source else None
        self.destination = address(record.destination) if record.destination else None
        self.protocol = record.protocol
        ports = record.protocol not in _NO_PORTS
        self.source_port = record.source_port if ports else None
        self.destination_port = record.destination_port if ports else None
        self.lacks = record.protocol is None or (
            ports and (record.source_port is None or record.destination_port is None)
        )
        # Without the pkt- fields an interface's primary address stands for its other ones, and for those of the
        # packets that it forwards: as destination of what comes in, as source of what goes out.
        inward, outward = self.direction != "egress", self.direction != "ingress"
        self.source_stands_in = outward and record.pkt_srcaddr is None and self.source in own.primary
        self.destination_stands_in = inward and record.pkt_dstaddr is None and self.destination in own.primary

    def fits(self, box: Packets) -> Literal["yes", "loosely", "no", "other client port"]:
        """Whether the record may be of these packets."""
        if self.protocol is not None and not box.protocol[0] <= self.protocol <= box.protocol[1]:
            return "no"
        loose = self.lacks or self.source is None or self.destination is None
        for found, span, stands_in in (
            (self.source, box.source, self.source_stands_in),
            (self.destination, box.destination, self.destination_stands_in),
        ):
            if found is None:
                continue
            if found.version != box.version:
                return "no"
            if not span[0] <= found.number <= span[1]:
                if not stands_in:
                    return "no"
                loose = True
        source = _within(self.source_port, box.source_ports)
        destination = _within(self.destination_port, box.destination_ports)
        if source and destination:
            return "loosely" if loose else "yes"
        return "other client port" if source or destination else "no"


class Place:
    """A sighting, ready to be compared with records."""

    def __init__(self, sighting: Sighting, own: Own) -> None:
        self.sighting = sighting
        self.own = own
        client = [(b.source_ports if sighting.leg == "forward" else b.destination_ports) for b in sighting.packets]
        service = [(b.destination_ports if sighting.leg == "forward" else b.source_ports) for b in sighting.packets]
        self._asks_client_ports = any(ports != ALL_PORTS for ports in client)
        self.service_is_known = bool(service) and all(high - low < 1024 for low, high in service)

    @property
    def expected(self) -> Literal["accept", "reject", "partial", "nothing", "unknown"]:
        """What the rules do at this place with the question's packets."""
        seen = self.sighting
        if not seen.reached:
            return "nothing"
        if seen.unknown or not (seen.accepted or seen.rejected):
            return "unknown"
        if seen.accepted and seen.rejected:
            return "partial"
        return "accept" if seen.accepted else "reject"

    def match(self, flow: Flow) -> Match | None:
        """Whether a record of this interface belongs here, and what the rules do with it."""
        if flow.direction is not None and flow.direction != self.sighting.direction:
            return None
        fit = _best(flow, self.sighting.packets)
        if fit not in ("yes", "loosely"):
            return None
        accepted, rejected, unknown = (
            _best(flow, boxes) in ("yes", "loosely")
            for boxes in (self.sighting.accepted, self.sighting.rejected, self.sighting.unknown)
        )
        rules: Rules = "unknown"
        if not unknown and (accepted or rejected):
            rules = "either" if accepted and rejected else "accept" if accepted else "reject"
        return Match(rules, fit == "loosely")

    def nearly(self, flow: Flow) -> bool:
        """Whether only the client's port lies outside of what was asked."""
        if not self._asks_client_ports or flow.direction not in (None, self.sighting.direction):
            return False
        forward = self.sighting.leg == "forward"
        for box in self.sighting.packets:
            ports = box.destination_ports if forward else box.source_ports
            port = flow.destination_port if forward else flow.source_port
            if flow.fits(box) == "other client port" and _within(port, ports):
                return True
        return False


def is_late(record: Record) -> bool:
    """Whether a rejected record looks like the last packets of a connection that was already closed: TCP, no SYN.

    AWS records FIN, SYN, RST and SYN-ACK only, and logs packets behind the end of a connection as REJECT.
    """
    return record.protocol == TCP and record.tcp_flags is not None and not record.tcp_flags & SYN


def _within(port: int | None, span: tuple[int, int]) -> bool:
    return port is None or span[0] <= port <= span[1]


def _best(flow: Flow, boxes: tuple[Packets, ...]) -> str:
    """The best fit among boxes: one that fits beyond doubt counts before one that only may."""
    best = "no"
    for box in boxes:
        fit = flow.fits(box)
        if fit == "yes":
            return fit
        if fit == "loosely":
            best = fit
    return best
