"""Following packet sets along the graph, there and back, and noting what every resource on the way does with them.

After a blocker the walk goes on as if it had let the packets through, so that one run finds every blocker on both
legs. What can't be decided is carried on as ``unknown``; it makes an answer undetermined only where it mattered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from whyblocked.config.account import Account, Missing
from whyblocked.config.addresses import Ip, private_addresses
from whyblocked.config.resources import NetworkInterface
from whyblocked.network.beyond import reason
from whyblocked.network.flow import Bundle, Node, Piece, flagged, split
from whyblocked.network.forks import Forks, Registered, Spot
from whyblocked.network.graph import UNMODELLED, NetworkGraph
from whyblocked.network.noted import Action, Blocker, Passage
from whyblocked.network.packets import DESTINATION, Packets, subtract_all
from whyblocked.network.protocols import is_icmp
from whyblocked.network.rulebook import Rulebook
from whyblocked.network.rules import Direction
from whyblocked.network.sighting import Sighting, Sightings
from whyblocked.network.supposed import Supposed, spans_of_interface
from whyblocked.network.wrong_turn import wrong_turn

Step = tuple[Node, Bundle]
Handler = Callable[["Walk", Node, Bundle], Iterable[Step]]

MOST_STEPS = 64  # more than any path has; a bundle that takes more goes round in circles
MOST_IN_ALL = 200_000  # seconds of walking, and what a load balancer with thousands of targets takes

# ICMP types that are answered, with the type of the answer, whose code is 0 (RFC 792, RFC 950, RFC 4443).
_REPLIES = {4: {8: 0, 13: 14, 15: 16, 17: 18}, 6: {128: 129}}


class Walk:
    """One question on its way through the graph; the hop modules move it and note what happens."""

    def __init__(self, account: Account, graph: NetworkGraph, rulebook: Rulebook, handlers: dict[str, Handler]) -> None:
        self.account = account
        self.graph = graph
        self.rulebook = rulebook
        self.passages: list[Passage] = []
        self.blockers: list[Blocker] = []
        self.leaves: list[Piece] = []
        self.forks = Forks()
        self.path: list[tuple[Node, Node]] = []
        self.balancer: str | None = None  # the load balancer that is asked for by name, with all its nodes
        self.from_internet = False  # the source is "internet": no address in particular
        self.to_internet = False  # the destination is "internet": of that, the account's own addresses are no part
        self.to_address = False  # the destination is one address: of a block, nobody means those that AWS keeps
        self.to_host = False  # the destination was named, not given by an address that others may have as well
        self.served: set[str] = set()  # nodes of the load balancer asked for that send packets to a target
        self.idle: set[str] = set()  # and those that have none for them: no client is sent there
        self.learned_from: set[str] = set()  # attachments whose own routes were met: what announces them is there
        self._handlers = handlers
        self._came_by: set[tuple[object, ...]] = set()
        self._nodes: dict[tuple[str, Ip], NetworkInterface] = {}
        self._missing: dict[Missing, None] = {}
        self._warnings: dict[str, None] = {}
        self._sightings = Sightings()
        self._arrived: list[tuple[Node, Bundle]] = []

    # -- moving ----------------------------------------------------------------------------------------------

    def run(self, starts: Iterable[Step]) -> None:
        """Walk the forward leg from every start, then the reply of everything that arrived."""
        for start in starts:
            self._follow(*start)
        idle = self.idle - self.served
        self.blockers = [blocker for blocker in self.blockers if not idle or blocker.goal not in idle]
        for place, bundle in self._arrived:
            for reply in self._replies(place, bundle):
                self._follow(*reply)

    def _follow(self, node: Node, bundle: Bundle) -> None:
        ways: list[tuple[Node | None, Node, Bundle, int]] = [(None, node, bundle, 0)]
        while ways:
            before, node, bundle, steps = ways.pop()
            if before is not None:
                if not self.graph.leads(before, node):
                    self.lose(
                        bundle, Missing(f"{before.kind} {before.id}", f"no way to {node.kind} {node.id} is known")
                    )
                    continue
                self.path.append((before, node))
            if steps > MOST_STEPS:
                self.circle(node, bundle)
                continue
            if len(self.path) > MOST_IN_ALL:
                self.lose(bundle, Missing("the ways of these packets", "they part too often for all to be followed"))
                continue
            ahead = list(self._handlers[node.kind](self, node, bundle))
            ways += [(node, there, then, steps + 1) for there, then in reversed(ahead) if then.pieces]

    def circle(self, node: Node, bundle: Bundle) -> None:
        """Routes that lead back to where the packets came from: they never arrive."""
        self.block(
            bundle,
            bundle.pieces,
            layer="transit-gateway" if node.kind == "transit-gateway" else "route-table",
            code="ROUTING_LOOP",
            summary=f"The routes lead in a circle through {node.kind} {node.id}.",
            resource_ids=(node.id,),
        )
        self.end(bundle, flagged(bundle.pieces, blocked=True))

    def arrive(self, place: Node, bundle: Bundle) -> None:
        """The bundle reached what it was sent to (or the edge of what AWS controls)."""
        if bundle.leg == "forward":
            if self.to_host and bundle.goal is not None and place.id != bundle.goal.network_interface_id:
                goal = bundle.goal.network_interface_id
                what = f"The routes do not lead to {goal}: the packets end at {_words(place)}"
                self._astray(bundle, "DELIVERED_ELSEWHERE", what)
                bundle = bundle.but(pieces=flagged(bundle.pieces, blocked=True))
            self._arrived.append((place, bundle))
        elif place == bundle.origin:
            self.end(bundle, self.seen_by_firewalls(bundle))
        else:
            what = f"The reply does not come back to the sender: it goes to {_words(place)}"
            self._astray(bundle, "REPLY_GOES_ELSEWHERE", what)
            self.end(bundle, flagged(bundle.pieces, blocked=True))

    def _astray(self, bundle: Bundle, code: str, summary: str) -> None:
        """Where addresses are used twice, routes may lead to the one that is not meant."""
        turn = wrong_turn(self.account, self.rulebook, bundle, self._belongs(bundle))
        if isinstance(turn, Missing):
            self.lack(turn)
        if turn is None or isinstance(turn, Missing):
            self.block(bundle, bundle.pieces, layer="route-table", code=code, summary=f"{summary}.")
            return
        self.block(
            bundle,
            bundle.pieces,
            layer=turn.layer,
            code=turn.code or code,
            summary=f"{summary}; {turn.why}.",
            resource_ids=(turn.table_id,),
            subnet_id=None,
            vpc_id=turn.vpc_id,
            gateway_id=turn.gateway_id,
            rule=turn.rule,
            tried=turn.tried,
            next_step=turn.next_step,
        )

    def _belongs(self, bundle: Bundle) -> Node | None:
        """The VPC that the packets of a leg should get to, or the gateway behind which it began."""
        vpc_id = self._home(bundle)
        if vpc_id is None and bundle.leg == "return":
            subnet = self.account.subnets.get(bundle.origin.id)
            vpc_id = subnet.vpc_id if subnet else None
        return Node("vpc", vpc_id) if vpc_id else bundle.origin if bundle.leg == "return" else None

    def seen_by_firewalls(self, bundle: Bundle) -> tuple[Piece, ...]:
        """The pieces of a reply that is back, refused where a stateful firewall that saw the request did not see it.

        https://docs.aws.amazon.com/network-firewall/latest/developerguide/asymmetric-routing.html
        """
        missed = [endpoint for endpoint in bundle.tracked if endpoint not in bundle.inspected]
        fresh = [piece for piece in bundle.pieces if not piece.blocked]
        if not missed or not fresh:
            return bundle.pieces
        self.block(
            bundle,
            fresh,
            layer="network-firewall",
            code="ASYMMETRIC_ROUTING",
            summary=f"The reply does not come back through {' and '.join(missed)}, whose firewall saw the request.",
            resource_ids=tuple(missed),
            next_step=f"Route the replies through {missed[0]} as well.",
        )
        return flagged(bundle.pieces, blocked=True)

    def drop(self, bundle: Bundle) -> Iterator[Step]:
        """Nothing leads on. Go on at the door of the VPC that the packets were meant for, where it is known."""
        refused = bundle.but(pieces=flagged(bundle.pieces, blocked=True))
        vpc_id = None if bundle.resumed else self._home(bundle)
        if vpc_id is not None:
            self.resume(refused, vpc_id)
        else:
            self.end(refused, refused.pieces)
        return iter(())

    def resume(self, bundle: Bundle, vpc_id: str) -> None:
        """Go on at the router of a VPC with packets that were refused before they got there."""
        door = Node("vpc", vpc_id)
        self._follow(door, bundle.but(resumed=True, heading=door, vpc_id=vpc_id))

    def _home(self, bundle: Bundle) -> str | None:
        """The VPC of the interface that all pieces are addressed to: the goal's, or the NAT gateway's of a reply."""
        goal = bundle.goal
        if goal is not None and not split(bundle.pieces, DESTINATION, spans_of_interface(goal, bundle.version))[1]:
            return goal.vpc_id
        if bundle.established and bundle.bindings and _all_to({bundle.bindings[-1].address}, bundle.pieces):
            gateway = self.account.nat_gateways.get(bundle.bindings[-1].gateway_id)
            return gateway.vpc_id if gateway else None
        return None

    def awaiting(self, bundle: Bundle, address: int) -> Node | None:
        """The NAT gateway of this VPC that waits for replies at an address; another VPC may use the address, too."""
        if not bundle.established or not bundle.bindings or bundle.bindings[-1].address != address:
            return None
        gateway = self.account.nat_gateways.get(bundle.bindings[-1].gateway_id)
        return Node("nat-gateway", gateway.nat_gateway_id) if gateway and gateway.vpc_id == bundle.vpc_id else None

    def place(self, node: NetworkInterface) -> None:
        """A node of a load balancer that no list of interfaces shows has its addresses for this walk."""
        self._nodes.update({(node.vpc_id, address): node for address in private_addresses(node)})

    def interface_at(self, vpc_id: str, address: Ip) -> NetworkInterface | Missing | None:
        """The interface of a VPC that has a private (or IPv6) address."""
        return self._nodes.get((vpc_id, address)) or self.account.interface_at(vpc_id, address)

    def is_new(self, node: Node, bundle: Bundle, *more: object) -> bool:
        """Whether no bundle with these pieces (and ``more``) came by here before: it took the same way to its end."""
        target = self.forks.branches[bundle.branch].target
        key = (node, bundle.pieces, bundle.bindings, bundle.tracked, bundle.pinned, target, *more)
        seen = key in self._came_by
        self._came_by.add(key)
        return not seen

    def end(self, bundle: Bundle, pieces: Sequence[Piece]) -> None:
        """The way of these pieces of the bundle ends here, with what befell them."""
        self.leaves += pieces
        if bundle.branch:
            self.forks.end(bundle.branch, pieces)

    def fork(self, bundle: Bundle, target: Registered, spot: Spot) -> Bundle:
        """The bundle on the way from the load balancer's node that it is at to one of the targets."""
        number = self.forks.to(target, spot, bundle.branch, bundle.at, bundle.pieces)
        return bundle.but(branch=number)

    def rejoin(self, node: Node, bundle: Bundle) -> tuple[Bundle, bool]:
        """The bundle, which left the way to a target, on the connection that the load balancer took, going on to
        ``node``; and whether it is the first with these pieces: others took the same way to their end."""
        place = (node, bundle.pieces, bundle.bindings, bundle.tracked, bundle.pinned)
        number, is_new = self.forks.back(bundle.branch, place)
        return bundle.but(branch=number), is_new

    def lose(self, bundle: Bundle, *missing: Missing) -> Iterator[Step]:
        """The leg ends undecided here: what comes out of an unknown hop, and whether a reply meets it, is not known."""
        self.lack(*missing)
        hidden = self.account.hidden(bundle.vpc_id) if bundle.vpc_id else None
        if hidden is not None:  # whose account would have to be read, whatever it is
            self.lack(hidden)
        self.end(bundle, flagged(bundle.pieces, unknown=True))
        return iter(())

    def _replies(self, place: Node, bundle: Bundle) -> Iterator[Step]:
        pieces: list[Piece] = []
        for piece in bundle.pieces:
            version, protocol = piece.packets.version, piece.packets.protocol
            if not is_icmp(protocol, version):
                pieces.append(piece.turned())
                continue
            rest = [piece.packets]
            for asks, answers in _REPLIES[version].items():
                low, high = piece.packets.destination_ports
                if low <= asks <= high:
                    request = piece.packets._replace(destination_ports=(asks, asks))
                    rest = subtract_all(rest, [request])
                    reply = request.turned()._replace(destination_ports=(answers, answers), source_ports=(0, 0))
                    pieces.append(piece.narrowed(request).turned(reply))
            self.end(bundle, [piece.narrowed(part) for part in rest])
        if pieces:
            yield (
                place,
                bundle.but(
                    pieces=tuple(pieces),
                    leg="return",
                    established=True,
                    goal=self.sender(bundle),
                    heading=None,
                    at=None,
                    inbound=False,
                    resumed=False,
                    inspected=(),
                    crossed=(),
                    turns=(),
                ),
            )

    def sender(self, bundle: Bundle) -> NetworkInterface | None:
        """The interface that a reply has to come back to: the load balancer's node, else where the leg began."""
        relay = bundle.relay
        if relay is not None:
            node = self.account.interface(relay.node or "")
            return None if isinstance(node, Missing) or relay.keeps else node
        if bundle.origin.kind != "interface":
            return None
        return self.account.interfaces.get(bundle.origin.id)

    # -- noting ----------------------------------------------------------------------------------------------

    def note(self, bundle: Bundle, kind: str, resource_id: str, action: Action, **more: Any) -> None:
        """Add a passage; ``packets`` defaults to all of the bundle's."""
        more.setdefault("packets", bundle.boxes)
        more.setdefault("subnet_id", bundle.subnet_id)
        more.setdefault("vpc_id", bundle.vpc_id)
        self.passages.append(
            Passage(leg=bundle.leg, kind=kind, id=resource_id, action=action, branch=bundle.branch, **more)
        )

    def block(
        self, bundle: Bundle, pieces: Iterable[Piece], *, layer: str, code: str, summary: str, **more: Any
    ) -> None:
        """Add a blocker for these pieces of the bundle."""
        more.setdefault("subnet_id", bundle.subnet_id)
        more.setdefault("vpc_id", bundle.vpc_id)
        more.setdefault("goal", bundle.goal.network_interface_id if bundle.goal else None)
        packets = tuple(piece.packets for piece in pieces)
        more["branch"] = bundle.branch
        self.blockers.append(Blocker(leg=bundle.leg, layer=layer, code=code, summary=summary, packets=packets, **more))

    def lack(self, *missing: Missing) -> None:
        """Remember what could not be read."""
        self._missing.update(dict.fromkeys(missing))

    def warn(self, text: str) -> None:
        """Remember something the reader must know."""
        self._warnings[text] = None

    @property
    def missing(self) -> list[Missing]:
        """What could not be read, once each."""
        return list(self._missing)

    @property
    def warnings(self) -> list[str]:
        """The warnings, once each."""
        return list(self._warnings)

    # -- what flow logs should show --------------------------------------------------------------------------

    def sight(self, bundle: Bundle, interface_id: str, direction: Direction, pieces: Iterable[Piece]) -> None:
        """These pieces pass an interface where the bundle is; each says whether it is refused right there."""
        if interface_id in self.account.balancers.nodes:
            return  # of our making: no flow log knows it
        if isinstance(self.account.interfaces.get(interface_id), Supposed):
            return  # no log has records of it
        self._sightings.add(bundle, interface_id, direction, pieces)

    def refuse(self, bundle: Bundle, interface_id: str, direction: Direction, boxes: Iterable[Packets]) -> None:
        """The interface's own filters refuse these of the packets that were sighted there."""
        self._sightings.refuse(bundle.leg, interface_id, direction, boxes)

    def sightings(self) -> list[Sighting]:
        """What a flow log of every interface on the way should show."""
        return self._sightings.all()


def _words(place: Node) -> str:
    return f"{place.kind.replace('-', ' ')} {place.id}" if place.id != place.kind else f"the {place.kind}"


def _all_to(addresses: set[int], pieces: Iterable[Piece]) -> bool:
    return all(
        p.packets.destination[0] == p.packets.destination[1] and p.packets.destination[0] in addresses for p in pieces
    )


def unmodelled(walk: Walk, node: Node, bundle: Bundle) -> Iterator[Step]:
    """A resource that the model does not know: the leg ends undecided, naming it."""
    if bundle.leg == "return" and node == bundle.origin:
        walk.arrive(node, bundle)
        return iter(())
    words = node.kind.replace("-", " ")
    walk.note(bundle, node.kind, node.id, "unknown", detail="not followed")
    return walk.lose(bundle, Missing(f"{words} {node.id}", reason(node)))


UNMODELLED_HANDLERS: dict[str, Handler] = dict.fromkeys(UNMODELLED, unmodelled)
