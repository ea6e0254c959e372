"""What a flow log should have seen of a question at one interface, according to the rules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from whyblocked.network.flow import Bundle, Leg, Piece
from whyblocked.network.packets import Packets, subtract_all
from whyblocked.network.rules import Direction


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """The question's packets at one interface, on one leg, in one direction.

    ``packets`` are the boxes as they are on the wire there (source and destination in the packet's own direction,
    private addresses on the VPC's side of an internet gateway). ``accepted`` and ``rejected`` are the parts that the
    interface's security groups and its subnet's network ACL let pass and refuse, ``unknown`` what can't be decided.
    ``reached`` is False where an earlier blocker stops every packet before it gets here, so that no record is due.
    """

    interface_id: str
    subnet_id: str
    vpc_id: str
    leg: Literal["forward", "return"]
    direction: Literal["ingress", "egress"]
    packets: tuple[Packets, ...]
    accepted: tuple[Packets, ...]
    rejected: tuple[Packets, ...]
    unknown: tuple[Packets, ...] = ()
    reached: bool = True


class Sightings:
    """What is sighted on a walk, gathered by interface, leg and direction."""

    def __init__(self) -> None:
        self._seen: dict[tuple[Leg, str, Direction], _Seen] = {}

    def add(self, bundle: Bundle, interface_id: str, direction: Direction, pieces: Iterable[Piece]) -> None:
        """These pieces pass an interface where the bundle is; each says whether it is refused right there."""
        key = (bundle.leg, interface_id, direction)
        seen = self._seen.setdefault(key, _Seen(bundle.subnet_id or "", bundle.vpc_id or ""))
        for piece in pieces:
            seen.packets[piece.packets] = None
            seen.reached |= piece.here or piece.leaks or not piece.blocked
            if piece.here:
                seen.rejected[piece.packets] = None
            elif piece.unknown or piece.leaks:
                seen.unknown[piece.packets] = None

    def refuse(self, leg: Leg, interface_id: str, direction: Direction, boxes: Iterable[Packets]) -> None:
        """The interface's own filters refuse these of the packets that were sighted there."""
        seen = self._seen.get((leg, interface_id, direction))
        if seen is not None:
            seen.rejected.update(dict.fromkeys(boxes))

    def all(self) -> list[Sighting]:
        """What a flow log of every interface on the way should show."""
        return [
            Sighting(
                interface_id=interface_id,
                subnet_id=seen.subnet_id,
                vpc_id=seen.vpc_id,
                leg=leg,
                direction=direction,
                packets=tuple(seen.packets),
                rejected=tuple(seen.rejected),
                unknown=tuple(subtract_all(seen.unknown, seen.rejected)),
                accepted=tuple(subtract_all(seen.packets, [*seen.rejected, *seen.unknown])),
                reached=seen.reached,
            )
            for (leg, interface_id, direction), seen in self._seen.items()
        ]


class _Seen:
    def __init__(self, subnet_id: str, vpc_id: str) -> None:
        self.subnet_id = subnet_id
        self.vpc_id = vpc_id
        self.packets: dict[Packets, None] = {}
        self.rejected: dict[Packets, None] = {}
        self.unknown: dict[Packets, None] = {}
        self.reached = False
