"""Where a walk parts over the targets of a load balancer, and what became of the packets on each of these ways.

Every way from a node to a target is a branch, and what comes back from targets goes on to the client on a branch of its
own, once for all of them that sent the same. So the fate of a target is that of its branches and of those ahead of
them, and no connection has to be walked a second time to tell it.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from whyblocked.network.flow import Piece

BLOCKED, UNKNOWN, PASSING = 1, 2, 4
CLIENT = 0
"""The branch of everything that no load balancer has sent on."""


def fate(pieces: Iterable[Piece]) -> int:
    """What became of the pieces of packets at their end: :data:`BLOCKED`, :data:`UNKNOWN` and :data:`PASSING`, joined.

    What is refused behind an appliance is refused only if the appliance passes it on as it is, which can't be told.
    """
    found = 0
    for piece in pieces:
        if piece.guess:
            found |= UNKNOWN
        elif piece.blocked:
            found |= BLOCKED
        else:
            found |= UNKNOWN if piece.unknown else PASSING
    return found


class Registered(msgspec.Struct, frozen=True):
    """A target as it is registered; ``group`` is the ARN of its target group, None with a Classic Load Balancer."""

    balancer: str
    group: str | None
    id: str
    port: int | None
    zone: str | None = None
    health: str | None = None
    reason: str | None = None


class Spot(msgspec.Struct, frozen=True):
    """Where a target is, as far as that is known."""

    address: str | None = None
    interface_id: str | None = None
    zone: str | None = None


class Branch(msgspec.Struct):
    """Packets between a load balancer's ``node`` and a target, or (no ``target``) between the client and a node.

    ``outer`` is the branch of the connection that the load balancer took, ``depth`` how many load balancers made
    another one since the client's. ``ahead`` are the branches on which its packets, or the replies to them, go on.
    ``stopped``: some of the packets were refused before they came to the node.
    """

    target: Registered | None = None
    spot: Spot = Spot()
    node: str | None = None
    outer: int = CLIENT
    depth: int = 0
    stopped: bool = False
    fate: int = 0
    ahead: list[int] = []


class Forks:
    """The branches of one walk, by their number."""

    def __init__(self) -> None:
        self.branches = [Branch()]
        self._trips: dict[object, int] = {}

    def __bool__(self) -> bool:
        """Whether any target was met."""
        return len(self.branches) > 1

    def to(self, target: Registered, spot: Spot, outer: int, node: str | None, pieces: Iterable[Piece]) -> int:
        """A new branch from a node to a target, for the connection that these pieces of ``outer`` make."""
        depth = self.branches[outer].depth + 1
        stopped = any(piece.blocked for piece in pieces)
        number = self._add(Branch(target, spot, node, outer, depth, stopped))
        if outer != CLIENT:
            self.branches[outer].ahead.append(number)
        return number

    def back(self, number: int, place: object) -> tuple[int, bool]:
        """The branch on which replies of branch ``number`` go on to the client, and whether it is a new one: those
        that are at the same ``place`` share it."""
        trip = self._trips.get(place)
        is_new = trip is None
        if trip is None:
            outer = self.branches[self.branches[number].outer]
            trip = self._add(Branch(outer.target, outer.spot, outer.node, outer.outer, outer.depth))
            self._trips[place] = trip
        if number != CLIENT:
            self.branches[number].ahead.append(trip)
        return trip, is_new

    def end(self, number: int, pieces: Iterable[Piece]) -> None:
        """Pieces of a branch end here."""
        self.branches[number].fate |= fate(pieces)

    def targets(self) -> dict[Registered, list[int]]:
        """Every target that was met, with the branches that lead to it, in the order in which they were met."""
        found: dict[Registered, list[int]] = {}
        for number, branch in enumerate(self.branches):
            if branch.target is not None:
                found.setdefault(branch.target, []).append(number)
        return found

    def beyond(self, numbers: Iterable[int]) -> set[int]:
        """These branches and all that lie ahead of them."""
        found: set[int] = set()
        waiting = list(numbers)
        while waiting:
            number = waiting.pop()
            if number not in found:
                found.add(number)
                waiting += self.branches[number].ahead
        return found

    def fate_of(self, numbers: Iterable[int]) -> int:
        """What became of the packets of these branches, taken together."""
        found = 0
        for number in numbers:
            found |= self.branches[number].fate
        return found

    def _add(self, branch: Branch) -> int:
        self.branches.append(branch)
        return len(self.branches) - 1
