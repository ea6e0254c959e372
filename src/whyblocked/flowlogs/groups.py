"""Rejected records added up: one group for each interface, source, destination, port and protocol.

Groups are kept as columns (:class:`Table`), so that a million of them stay small and can be worked on at once: a text
is a number in its column and stands in a list of different texts once. A :class:`Group` is one row, made on demand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import Literal, NamedTuple

import msgspec

from whyblocked.flowlogs.records import Scan

Direction = Literal["ingress", "egress"]

DIRECTIONS: tuple[Direction, Direction] = ("ingress", "egress")
NONE = -1  # in a column: there is none, or the format does not tell
UNKNOWN = "-"  # an interface or address that the record does not name, as AWS writes it
SYN = 2
PORTS = frozenset({6, 17, 33, 132, 136, NONE})  # TCP, UDP, DCCP, SCTP, UDP-Lite: others have no ports


def way(
    told: Direction | None, srcaddr: str | None, dstaddr: str | None, pkt_srcaddr: str | None, pkt_dstaddr: str | None
) -> Direction | None:
    """The direction that a record tells.

    Where the format has no ``flow-direction``, an address that differs from the packet's does: ``dstaddr`` of what
    comes in, and ``srcaddr`` of what goes out, is always the interface's own
    (https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-limitations.html).
    """
    if told is not None:
        return told
    comes = pkt_dstaddr is not None and dstaddr is not None and pkt_dstaddr != dstaddr
    goes = pkt_srcaddr is not None and srcaddr is not None and pkt_srcaddr != srcaddr
    return None if comes == goes else "ingress" if comes else "egress"


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Rejected records that are alike, a source port aside.

    ``interface_id`` is an attachment where a transit gateway lost packets. ``source`` and ``destination`` are the
    packet's, ``-`` where no record tells. ``protocol`` is -1 where the format does not tell. ``direction`` is
    ``flow-direction``'s, else what :func:`way` tells. ``first_seen`` is the smallest start and ``last_seen`` the
    largest end in Unix seconds, 0 where the format has neither. ``flags`` are all TCP flags seen, ``syn`` counts the
    records that have SYN among theirs. ``source_port`` is the highest of the source ports.
    """

    interface_id: str
    source: str
    destination: str
    destination_port: int | None
    protocol: int
    direction: Direction | None
    records: int
    packets: int
    bytes: int
    first_seen: int
    last_seen: int
    flags: int | None = None
    syn: int = 0
    source_port: int | None = None
    reject_reason: str | None = None
    subnet_id: str | None = None
    vpc_id: str | None = None


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Groups as columns of equal length, most packets first, then by the other keys in the order of their text.

    Every column is a ``memoryview`` of whole numbers: it reads as a sequence, and ``numpy.asarray(column)`` takes it
    as it is. ``interface``, ``source``, ``destination``, ``reject_reason``, ``subnet`` and ``vpc`` are places in the
    sorted lists ``interfaces``, ``addresses`` (of both ends), ``reject_reasons``, ``subnets`` and ``vpcs``; -1 is
    None. ``direction`` is a place in :data:`DIRECTIONS`.
    """

    interfaces: list[str]
    addresses: Sequence[str]
    reject_reasons: list[str]
    subnets: list[str]
    vpcs: list[str]
    interface: memoryview
    source: memoryview
    destination: memoryview
    destination_port: memoryview
    protocol: memoryview
    direction: memoryview
    records: memoryview
    packets: memoryview
    bytes: memoryview
    first_seen: memoryview
    last_seen: memoryview
    flags: memoryview
    syn: memoryview
    source_port: memoryview
    reject_reason: memoryview
    subnet: memoryview
    vpc: memoryview

    def __len__(self) -> int:
        return len(self.interface)

    def __getitem__(self, row: int) -> Group:
        port, direction, flags = self.destination_port[row], self.direction[row], self.flags[row]
        from_port = self.source_port[row]
        return Group(
            interface_id=self.interfaces[self.interface[row]],
            source=self.addresses[self.source[row]],
            destination=self.addresses[self.destination[row]],
            destination_port=None if port == NONE else port,
            protocol=self.protocol[row],
            direction=None if direction == NONE else DIRECTIONS[direction],
            records=self.records[row],
            packets=self.packets[row],
            bytes=self.bytes[row],
            first_seen=self.first_seen[row],
            last_seen=self.last_seen[row],
            flags=None if flags == NONE else flags,
            syn=self.syn[row],
            source_port=None if from_port == NONE else from_port,
            reject_reason=_text(self.reject_reasons, self.reject_reason[row]),
            subnet_id=_text(self.subnets, self.subnet[row]),
            vpc_id=_text(self.vpcs, self.vpc[row]),
        )

    def __iter__(self) -> Iterator[Group]:
        return (self[row] for row in range(len(self)))


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """Which groups are asked for; what is empty filters nothing. ``ports`` are ranges, both ends included."""

    sources: tuple[IPv4Network | IPv6Network, ...] = ()
    destinations: tuple[IPv4Network | IPv6Network, ...] = ()
    ports: tuple[tuple[int, int], ...] = ()
    protocol: int | None = None
    interfaces: frozenset[str] = frozenset()


class Rejected(NamedTuple):
    """What the flow logs hold: the groups, what was read, and what else to know."""

    table: Table
    scan: Scan
    notes: list[str]

    @property
    def groups(self) -> list[Group]:
        """Every group as a :class:`Group`: for a million of them, work on :attr:`table`."""
        return list(self.table)


def _text(texts: list[str], place: int) -> str | None:
    return None if place == NONE else texts[place]
