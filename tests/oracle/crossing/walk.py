"""A walk through every component, and the outcomes of one packet: one for each way that AWS may choose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.oracle.crossing import balancers, endpoints, firewall, nat, transit, vpn
from tests.oracle.evaluator import evaluate, outcome
from tests.oracle.model import Beyond, Host, Json, Outcome, Packet
from tests.oracle.routing import Lookup, lookup, table_of_gateway
from tests.oracle.rules import near
from tests.oracle.snapshot import Snapshot
from tests.oracle.walk import Arrival, Segment, Walk

MOST_CHOICES = 60
MOST_TURNS = 16


@dataclass
class Crossing(Walk):
    """`picks` are the choices that AWS makes on the way, in the order in which they are met; `options` how many there
    were."""

    picks: tuple[int, ...] = ()
    options: list[int] = field(default_factory=list)
    gateways: list[str] = field(default_factory=list)  # transit gateways that the leg crossed, in order
    inspected: list[str] = field(default_factory=list)  # endpoints that a stateful firewall watches the connection at
    explicit: set[str] = field(default_factory=set)  # those where a rule decided the request
    seen_again: set[str] = field(default_factory=set)
    passed: list[tuple[str, str]] = field(default_factory=list)  # leg and endpoint of every middlebox
    pinned: dict[str, str] = field(default_factory=dict)  # appliance mode: the subnet that a flow enters by

    turns: int = 0
    balancer: Json | None = None  # the load balancer that was asked for
    relayed: bool = False
    target: tuple[str | None, str, int] | None = None  # where it sent the packet on to

    def leave(self, host: Host, packet: Packet, return_to_sender: str = "", hops: int = 0) -> Arrival | None:
        self.turns += 1
        if self.turns > MOST_TURNS:
            self.doubt("routes that lead in a circle")
            self.block("route-table")
            return self.lost()
        if host.nat_id and not host.subnet_id:
            return nat.back_to_regional(self, host, packet)
        return super().leave(host, packet, return_to_sender, hops)

    def choose(self, options: list[Any]) -> Any:
        pick = self.picks[len(self.options)] if len(self.options) < len(self.picks) else 0
        self.options.append(len(options))
        return options[pick]

    def beyond(self, host: Host, packet: Packet, route: Lookup) -> Arrival | None:
        if route.kind == "tgw":
            return transit.cross(self, host, packet, route.target)
        if route.kind == "vgw":
            return vpn.leave(self, host, packet, route.target)
        if route.kind == "vpce":
            return endpoints.leave(self, host, packet, route.target)
        return super().beyond(host, packet, route)

    def back_from(self, place: Beyond, packet: Packet) -> Arrival | None:
        if place.gateway_id.startswith("vgw-"):
            return vpn.enter(self, packet, place.gateway_id)
        if place.gateway_id.startswith("tgw-attach-"):
            return transit.enter_by_attachment(self, packet, place.gateway_id)
        return endpoints.back(self, packet, place.gateway_id)

    def enter(self, packet: Packet, receiver: Host, way: Lookup) -> Arrival | None:
        if way.kind == "vgw":
            self.origin = Beyond(packet.source, way.target)
            return vpn.enter(self, packet, way.target)
        return transit.enter(self, packet, receiver, way.target)

    def groups(self, host: Host, packet: Packet, direction: str) -> None:
        """Interfaces of some services have no groups at all, and take everything."""
        interface = self.snapshot.interface(host.interface_id or "")
        if interface is None or interface["Groups"]:
            super().groups(host, packet, direction)

    def relay(self, arrival: Arrival) -> Arrival | None:
        return balancers.relay(self, arrival)

    def back(self, segment: Segment) -> Arrival | None:
        return balancers.back(self, segment) if segment.kept else None

    def receive(self, host: Host, packet: Packet) -> None:
        endpoints.receive(self, host, packet)

    def state(self, host: Host) -> None:
        interface = self.snapshot.interface(host.interface_id or "")
        if self.leg == "forward" and not self.segments and endpoints.of_interface(self.snapshot, interface):
            self.block("vpc-endpoint")  # it never begins a connection (facts 4.6)
        super().state(host)

    def nat(self, host: Host, packet: Packet, nat_id: str, hops: int) -> Arrival | None:
        return nat.translate(self, host, packet, nat_id, hops)

    def from_internet(self, packet: Packet, known_by: str = "") -> Arrival | None:
        regional = nat.regional_behind(self.snapshot, packet.destination)
        return Arrival(regional, packet) if regional is not None else super().from_internet(packet, known_by)

    def internet_gateway(self, host: Host, packet: Packet, gateway_id: str) -> Arrival | None:
        """What comes in by a middlebox may not leave past it (facts 4.1)."""
        table = table_of_gateway(self.snapshot, gateway_id)
        route = lookup(self.snapshot, table, packet.source) if table else None
        redirected = route is not None and route.kind == "vpce" and route.state == "active"
        if route is not None and redirected and (self.leg, route.target) not in self.passed:
            self.block("internet-gateway", gateway_id)
        return super().internet_gateway(host, packet, gateway_id)

    def into_vpc(self, host: Host, packet: Packet, gateway: Json | None) -> Arrival | None:
        table = table_of_gateway(self.snapshot, gateway["InternetGatewayId"]) if gateway else None
        if table is None:
            return super().into_vpc(host, packet, gateway)
        route = lookup(self.snapshot, table, packet.destination)
        if route.state == "blackhole":
            self.block("route-table", route.table_id)
            return self.lost()
        if route.kind == "vpce":
            return endpoints.leave(self, Host("", "", host.vpc_id), packet, route.target)
        return super().into_vpc(host, packet, gateway)

    def peering(self, host: Host, packet: Packet, route: Lookup) -> Arrival | None:
        """Not transitive: what comes from elsewhere is refused (facts 4.3)."""
        if not self.snapshot.vpc_holds(host.vpc_id, packet.source):
            self.block("vpc-peering", route.target)
            return self.lost()
        return super().peering(host, packet, route)

    def refers(self, member: Json, interface: Json, direction: str) -> bool:
        """Facts 1.3: not past an appliance; across one transit gateway only inbound, where it and both attachments
        support it."""
        if self.passed:
            return False
        if not self.gateways:
            return super().refers(member, interface, direction)
        if near(self.snapshot, member["VpcId"], interface["VpcId"]):
            self.doubt("a group of the same or a peered VPC, across a transit gateway")
        if direction == "egress" or len(self.gateways) > 1:
            return False
        return transit.refers(self.snapshot, self.gateways[0], [member["VpcId"], interface["VpcId"]])


def outcomes(account: Json, *asked: Any, nat_port: int | None = None, **options: Any) -> Iterator[Outcome]:
    """The outcome of one packet for every way that AWS may choose. Takes what `evaluate` takes."""

    def run(walk: Crossing) -> Outcome:
        evaluate(account, *asked, walk=walk, **options)
        firewall.finish(walk)
        return outcome(walk)

    yield from every_way(account, run, nat_port)


def every_way(account: Json, run: Callable[[Crossing], Outcome], nat_port: int | None) -> Iterator[Outcome]:
    waiting: list[tuple[int, ...]] = [()]
    met = 0
    while waiting:
        picks = waiting.pop()
        walk = Crossing(Snapshot(account), nat_port, picks=picks)
        yield run(walk)
        met += 1
        assert met < MOST_CHOICES, "too many choices"
        taken = [*picks, *[0] * (len(walk.options) - len(picks))]
        for n in range(len(picks), len(walk.options)):
            waiting += [(*taken[:n], other) for other in range(1, walk.options[n])]
