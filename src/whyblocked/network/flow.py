"""What moves along the graph: pieces of the question, bundled while they share their way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from whyblocked.network.packets import (
    DESTINATION,
    DESTINATION_PORTS,
    PROTOCOL,
    SOURCE,
    SOURCE_PORTS,
    Interval,
    Packets,
    subtract_intervals,
    with_interval,
)

if TYPE_CHECKING:
    from whyblocked.config.resources import NetworkInterface, Route, TransitGatewayRoute

Leg = Literal["forward", "return"]


class Node(msgspec.Struct, frozen=True):
    """A vertex of the graph: a kind of resource and its id."""

    kind: str
    id: str


INTERNET = Node("internet", "internet")


class Link(msgspec.Struct, frozen=True):
    """Ties a dimension of the packet to one of the question: ``asked = here + offset``."""

    dimension: int
    offset: int = 0


Links = tuple[Link | None, Link | None, Link | None, Link | None]
"""For source, destination, source ports, destination ports; None where a translation cut the tie."""

STRAIGHT: Links = (Link(SOURCE), Link(DESTINATION), Link(SOURCE_PORTS), Link(DESTINATION_PORTS))
_PLACES = ((0, SOURCE), (1, DESTINATION), (2, SOURCE_PORTS), (3, DESTINATION_PORTS))


class Piece(NamedTuple):
    """A box of packets as they are here, with the part of the question that they stand for.

    ``blocked``: something before refused it (the walk goes on all the same). ``unknown``: something before could not
    be decided. ``here``: it was this subnet's network ACL that refused it, on its way in. ``guess``: an appliance may
    have changed it or kept it, so that what follows is named but settles nothing. ``leaks``: what refused it lets the
    first packets of a connection pass, which flow logs may show.
    """

    packets: Packets
    asked: Packets
    links: Links = STRAIGHT
    blocked: bool = False
    unknown: bool = False
    here: bool = False
    guess: bool = False
    leaks: bool = False

    def narrowed(self, packets: Packets) -> Piece:
        """This piece cut down to ``packets``, a part of its own; the question's part shrinks with it."""
        if packets == self.packets:
            return self
        asked = list(self.asked)
        for place, dimension in _PLACES:
            link = self.links[place]
            if link is not None and packets[dimension] != self.packets[dimension]:
                low, high = packets[dimension]  # type: ignore[misc]
                asked[link.dimension] = (low + link.offset, high + link.offset)
        if packets.protocol != self.packets.protocol:
            asked[PROTOCOL] = packets.protocol
        return self._replace(packets=packets, asked=Packets(*asked))  # type: ignore[arg-type]

    def with_source(self, address: int, ports: tuple[int, int] | None = None) -> Piece:
        """The source translated to one address; with ``ports`` the source ports are remapped as well."""
        link = self.links[0]
        low, high = self.packets.source
        if ports is None:
            moved = Link(link.dimension, link.offset + low - address) if link and low == high else None
            packets = self.packets._replace(source=(address, address))
            return self._replace(packets=packets, links=(moved, *self.links[1:]))
        packets = self.packets._replace(source=(address, address), source_ports=ports)
        return self._replace(packets=packets, links=(None, self.links[1], None, self.links[3]))

    def with_destination(self, address: int) -> Piece:
        """One destination address translated to another."""
        link = self.links[1]
        moved = Link(link.dimension, link.offset + self.packets.destination[0] - address) if link else None
        packets = self.packets._replace(destination=(address, address))
        return self._replace(packets=packets, links=(self.links[0], moved, *self.links[2:]))

    def standing_for(self, asked: Packets) -> Piece:
        """This piece cut down to what stands for ``asked``, a part of its part of the question."""
        packets = self.packets
        for place, dimension in _PLACES:
            link = self.links[place]
            if link is not None:
                low, high = asked[link.dimension]  # type: ignore[misc]
                packets = with_interval(packets, dimension, (low - link.offset, high - link.offset))
        return self._replace(packets=packets, asked=asked)

    def sent_on(self, version: int, source: int | None, destination: int, port: int | None, ports: Interval) -> Piece:
        """The packets of the connection that a load balancer makes for this one; ``source`` None keeps the client's."""
        whole = self.packets
        packets = whole._replace(version=version, destination=(destination, destination))
        if source is not None:
            packets = packets._replace(source=(source, source), source_ports=ports)
        if port is not None:
            packets = packets._replace(destination_ports=(port, port))
        a, _, c, d = self.links
        kept = source is None
        return self._replace(
            packets=packets, links=(a if kept else None, None, c if kept else None, d if port is None else None)
        )

    def sharing(self, other: Piece) -> Piece:
        """This piece with what befell ``other``, the same packets on the far side of a gateway, as well."""
        return self._replace(
            blocked=self.blocked or other.blocked,
            unknown=self.unknown or other.unknown,
            guess=self.guess or other.guess,
            leaks=self.leaks or other.leaks,
        )

    def turned(self, packets: Packets | None = None) -> Piece:
        """The reply: source and destination swapped (``packets`` where the reply differs in more than that)."""
        a, b, c, d = self.links
        links: Links = (b, a, d, c) if packets is None else (b, a, None, None)
        return self._replace(packets=packets or self.packets.turned(), links=links, here=False)


class Binding(msgspec.Struct, frozen=True):
    """What a NAT gateway or load balancer remembers: which packets it translated, and to which source address.

    ``node`` is the interface of the load balancer that took them, None for a NAT gateway; it ``keeps`` the client's
    address as the source. ``tracked`` are the firewalls that have to see the reply to the connection it took.
    """

    gateway_id: str
    address: int
    pieces: tuple[Piece, ...]
    node: str | None = None
    keeps: bool = False
    tracked: tuple[str, ...] = ()


class Turn(msgspec.Struct, frozen=True):
    """A route that was taken: of a VPC's route table, or of a table of the transit gateway that is named."""

    table_id: str
    route: Route | TransitGatewayRoute
    gateway_id: str | None = None


class Bundle(msgspec.Struct, frozen=True):
    """Pieces that go the same way, and where they are.

    ``origin`` is where the leg began and a reply has to come back to; ``goal`` the interface that the leg is meant
    to reach, where there is one. ``heading`` is where the router sends the pieces, ``at`` the interface whose
    packets they are on the way out, ``subnet_id``/``vpc_id`` the place, ``inbound`` whether they come into it. ``via``
    names the last gateway or peering connection that they crossed, ``bindings`` the translations to undo on the reply.
    ``inspected`` are the endpoints and interfaces that passed the pieces on as middleboxes on this leg, ``tracked``
    those whose stateful firewall saw the request and has to see the reply. ``pinned`` names, by attachment in appliance
    mode, the subnet that a flow enters by, both ways. ``turns`` are the routes that this leg took,
    ``crossed`` the attachments by which it came into transit gateways, with which packets: the same again is a circle.
    ``branch`` is the way to or from a load balancer's target that they are on, 0 before any load balancer sent them on.
    """

    pieces: tuple[Piece, ...]
    leg: Leg
    origin: Node
    goal: NetworkInterface | None = None
    established: bool = False
    heading: Node | None = None
    at: str | None = None
    subnet_id: str | None = None
    vpc_id: str | None = None
    inbound: bool = False
    via: str | None = None
    bindings: tuple[Binding, ...] = ()
    resumed: bool = False
    inspected: tuple[str, ...] = ()
    tracked: tuple[str, ...] = ()
    pinned: tuple[tuple[str, str], ...] = ()
    turns: tuple[Turn, ...] = ()
    crossed: tuple[tuple[str, tuple[Packets, ...]], ...] = ()
    branch: int = 0

    def but(self, **changes: object) -> Bundle:
        """This bundle with some fields changed."""
        return msgspec.structs.replace(self, **changes)

    @property
    def version(self) -> int:
        """The IP version of the pieces."""
        return self.pieces[0].packets.version

    @property
    def relay(self) -> Binding | None:
        """The load balancer that sent the pieces on, where that is the last that changed them."""
        return self.bindings[-1] if self.bindings and self.bindings[-1].node else None

    @property
    def boxes(self) -> tuple[Packets, ...]:
        """The packets of all pieces as they are here."""
        return tuple(piece.packets for piece in self.pieces)


def split(pieces: Iterable[Piece], dimension: int, spans: Sequence[Interval]) -> tuple[list[Piece], list[Piece]]:
    """The parts of the pieces that lie in one of the spans in this dimension, and the others."""
    inside: list[Piece] = []
    outside: list[Piece] = []
    for piece in pieces:
        low, high = piece.packets[dimension]  # type: ignore[misc]
        common = [(max(low, a), min(high, b)) for a, b in spans if a <= high and low <= b]
        if not common:
            outside.append(piece)
            continue
        if common == [(low, high)]:  # all of it, as nearly always
            inside.append(piece)
            continue
        rest = subtract_intervals([(low, high)], common)
        for parts, where in ((common, inside), (rest, outside)):
            where += [piece.narrowed(with_interval(piece.packets, dimension, part)) for part in parts]
    return inside, outside


def flagged(pieces: tuple[Piece, ...], *, blocked: bool = False, unknown: bool = False) -> tuple[Piece, ...]:
    """The pieces marked as blocked or unknown from here on."""
    return tuple(p._replace(blocked=p.blocked or blocked, unknown=p.unknown or unknown) for p in pieces)


def guessed(pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """The pieces behind an appliance that may have dropped or changed them; what was refused before stays so."""
    return tuple(p if p.blocked else p._replace(unknown=True, guess=True) for p in pieces)
