"""How one packet travels from a host until it arrives somewhere (facts 0, 2.4, 3, 4.1-4.3, 4.10)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tests.oracle.model import (
    ICMP,
    TCP,
    UDP,
    Beyond,
    Blocker,
    Host,
    Internet,
    Json,
    Leg,
    Packet,
    Place,
    address,
    inside,
    is_private,
)
from tests.oracle.routing import Lookup, lookup, table_of_gateway, table_of_subnet
from tests.oracle.rules import (
    acl_decision,
    groups_allow,
    names_groups,
    near,
    public_access_blocked,
    public_access_exclusions,
    public_access_mode,
)
from tests.oracle.snapshot import Snapshot, gateway_attached, owns, public_of

NEVER_FORWARDED = ("169.254.168.0/22", "fd00:ec2::/32")  # facts 3.2
END = None  # the packet got no further, or nobody can say where it went


@dataclass(frozen=True)
class Arrival:
    place: Place
    packet: Packet  # as it looks there
    left_by: str = ""  # id of the egress-only gateway that it left through, and that knows the connection
    untranslated: bool = False  # went on "as if": an internet gateway had no public address for it


@dataclass(frozen=True)
class Segment:
    """A stretch on which the addresses mean the same to both ends; a NAT gateway begins a new one."""

    sender: Place
    sent: Packet
    arrival: Arrival
    peering: str = ""  # the peering connection that it crossed
    kept: bool = False  # a load balancer sent it on with the client's address


@dataclass
class Walk:
    snapshot: Snapshot
    nat_port: int | None = None
    leg: Leg = "forward"
    blockers: list[Blocker] = field(default_factory=list)
    unknowns: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    complete: bool = True
    segments: list[Segment] = field(default_factory=list)
    crossed_peering: str = ""
    origin: Place | None = None  # where the stretch began that is being walked, and what was sent there
    sent: Packet | None = None

    # What is noted on the way

    def block(self, layer: str, *ids: str, rule: int | None = None, direction: str | None = None) -> None:
        blocker = Blocker(self.leg, layer, ids, rule, direction)
        if blocker not in self.blockers:
            self.blockers.append(blocker)

    def unknown(self, what: str) -> None:
        self.unknowns.append(f"{self.leg}: {what}")

    def doubt(self, what: str) -> None:
        self.doubts.append(what)

    def lost(self) -> Arrival | None:
        """The leg ends here: behind this point nothing is certain."""
        self.complete = False
        return END

    # Filters

    def acl(self, subnet_id: str, packet: Packet, direction: str) -> None:
        acl = self.snapshot.network_acl(subnet_id)
        if acl is None:
            self.unknown(f"network ACL of {subnet_id}")
            return
        allowed, number = acl_decision(acl, packet, direction)
        if not allowed:
            self.block("network-acl", acl["NetworkAclId"], rule=number, direction=direction)

    def groups(self, host: Host, packet: Packet, direction: str) -> None:
        if host.interface_id is None or host.nat_id is not None:
            return  # a hypothetical host; NAT gateways have no group (facts 1.1)
        interface = self.snapshot.interface(host.interface_id)
        assert interface is not None
        allowed = groups_allow(self.snapshot, interface, packet, direction, self.refers)
        peer = packet.destination if direction == "egress" else packet.source
        if len(self.snapshot.owners(peer)) > 1 and names_groups(self.snapshot, interface, direction):
            self.doubt("several interfaces hold the peer's address: group references are matched by address")
        if allowed is None:
            self.unknown(f"security groups of {host.interface_id}")
        elif not allowed:
            ids = sorted(group["GroupId"] for group in interface["Groups"])
            self.block("security-group", *ids, direction=direction)

    def state(self, host: Host) -> None:
        """Interface attached, instance running (facts 4.10)."""
        if host.interface_id is None or host.nat_id is not None:
            return
        interface = self.snapshot.interface(host.interface_id)
        assert interface is not None
        attachment = interface.get("Attachment", {})
        if interface["Status"] == "available" or attachment.get("Status") != "attached":
            self.block("interface", host.interface_id)
            return
        if "InstanceId" in attachment:
            instance = self.snapshot.instance(attachment["InstanceId"])
            if instance is None:
                self.unknown(f"instance {attachment['InstanceId']}")
            elif instance["State"]["Name"] != "running":
                self.block("instance", attachment["InstanceId"])

    def public_access(self, host: Host, way: str) -> None:
        """Block Public Access, named once a VPC: its refusal of a direction is the same fact on both legs (facts
        4.11)."""
        if public_access_blocked(self.snapshot, host.vpc_id, host.subnet_id, way):
            seen = [b for b in self.blockers if b.layer == "block-public-access" and b.resource_ids == (host.vpc_id,)]
            if not seen:
                self.block("block-public-access", host.vpc_id)

    # The way

    def leave(self, host: Host, packet: Packet, return_to_sender: str = "", hops: int = 0) -> Arrival | None:
        """The packet leaves a host. `return_to_sender`: a reply to a NAT gateway over this peering needs no route
        (facts 4.2)."""
        if self.snapshot.subnet_holds(host.subnet_id, packet.destination):
            there = self.snapshot.host_at(packet.destination, host.vpc_id)
            assert there is not None
            if there.subnet_id == host.subnet_id:
                return Arrival(there, packet)  # layer 2: no routes and no NACL inside a subnet (facts 2.4, 3.2)
        table = table_of_subnet(self.snapshot, host.vpc_id, host.subnet_id)
        if table is None:
            self.unknown(f"route table of {host.subnet_id}")
            self.acl(host.subnet_id, packet, "egress")
            return self.lost()
        route = lookup(self.snapshot, table, packet.destination)
        if return_to_sender and not (route.kind == "pcx" and route.target == return_to_sender):
            self.doubt("return to sender of a NAT gateway across a peering")
            route = Lookup(route.table_id, "pcx", return_to_sender)
        if any(inside(packet.destination, cidr) for cidr in NEVER_FORWARDED):
            route = Lookup(route.table_id, "none")
        if route.kind == "none" or route.state == "blackhole":
            self.block("route-table", route.table_id)  # no fallback to a wider route (facts 3.2)
        if route.doubt:
            self.doubt(route.doubt)
        if route.kind == "eni" and route.target == host.interface_id:
            pass  # handed to itself: nothing leaves the subnet
        elif not self.stays_in_subnet(route, host):
            self.acl(host.subnet_id, packet, "egress")
        if route.kind == "none" or route.state == "blackhole":
            return self.lost()
        if route.state != "active":
            self.unknown(f"route state {route.state} in {route.table_id}")  # facts 3.3: `filtered` is unverified
            return self.lost()
        if route.kind == "local":
            return self.local(host, packet, route)
        if route.kind == "igw":
            return self.internet_gateway(host, packet, route.target)
        if route.kind == "eigw":
            return self.egress_only(host, packet, route.target)
        if route.kind == "nat":
            return self.nat(host, packet, route.target, hops)
        if route.kind == "pcx":
            return self.peering(host, packet, route)
        if route.kind == "eni":
            return self.appliance(host, packet, route.target)
        return self.beyond(host, packet, route)

    # What a wider walk knows more about: see tests.oracle.crossing

    def beyond(self, host: Host, packet: Packet, route: Lookup) -> Arrival | None:
        """A transit gateway, a VPN gateway, an endpoint, ..."""
        self.unknown(f"{route.kind} {route.target}")
        return self.lost()

    def back_from(self, place: Beyond, packet: Packet) -> Arrival | None:
        """A packet that comes from behind a gateway."""
        self.unknown(place.gateway_id)
        return self.lost()

    def enter(self, packet: Packet, receiver: Host, way: Lookup) -> Arrival | None:
        """A packet from a stranger, whom the receiver's table says to be behind this gateway."""
        self.unknown(f"{way.kind} {way.target}")
        self.acl(receiver.subnet_id, packet, "ingress")
        self.origin = Internet(packet.source)
        return Arrival(receiver, packet)

    def receive(self, host: Host, packet: Packet) -> None:
        """What else a receiver may refuse."""

    def relay(self, arrival: Arrival) -> Arrival | None:
        """Where a load balancer sends it on to."""
        return arrival

    def back(self, segment: Segment) -> Arrival | None:
        """A reply that no route decides about."""
        return END

    def refers(self, member: Json, interface: Json, direction: str) -> bool:
        """May a rule of this interface name a group that the member carries?"""
        return near(self.snapshot, member["VpcId"], interface["VpcId"])

    def stays_in_subnet(self, route: Lookup, host: Host) -> bool:
        """A NAT gateway or appliance in the sender's own subnet is reached without leaving it (facts 2.4)."""
        if route.state != "active":
            return False
        if route.kind == "eni":
            interface = self.snapshot.interface(route.target)
            return interface is not None and interface["SubnetId"] == host.subnet_id
        gateway = self.snapshot.find("NatGateways", "NatGatewayId", route.target) if route.kind == "nat" else None
        return gateway is not None and gateway.get("SubnetId") == host.subnet_id

    def local(self, host: Host, packet: Packet, route: Lookup) -> Arrival | None:
        there = self.snapshot.host_at(packet.destination, host.vpc_id)
        if there is None:
            self.doubt("an address of the VPC that no subnet covers")
            self.block("route-table", route.table_id)
            return self.lost()
        self.acl(there.subnet_id, packet, "ingress")
        return Arrival(there, packet)

    def internet_gateway(self, host: Host, packet: Packet, gateway_id: str) -> Arrival | None:
        """Outward: attached, not refused by BPA, public destination, a public address for the source (facts 4.1)."""
        gateway = self.snapshot.find("InternetGateways", "InternetGatewayId", gateway_id)
        if gateway is None:
            self.unknown(gateway_id)
            return self.lost()
        if not gateway_attached(gateway, host.vpc_id):
            self.block("internet-gateway", gateway_id)
        sender = self.sender_in(host, packet)
        self.public_access(sender, "nat" if sender.nat_id else "direct")
        if is_private(packet.destination):
            self.block("internet-gateway", gateway_id)
            return self.lost()
        host = sender
        interface = self.snapshot.interface(host.interface_id) if host.interface_id else None
        if address(packet.source).version == 6:
            if interface is not None and interface.get("DenyAllIgwTraffic"):
                self.block("internet-gateway", gateway_id)
            return self.from_internet(packet)
        public = public_of(interface, host.address) if interface is not None else None
        if public is None:
            self.block("internet-gateway", gateway_id)
            if self.snapshot.public_owner(packet.destination):
                return self.lost()  # nobody knows as whom it would arrive
            return Arrival(Internet(packet.destination), packet, untranslated=True)
        return self.from_internet(replace(packet, source=public))

    def sender_in(self, host: Host, packet: Packet) -> Host:
        """Whose packet it is: `host` may have been an endpoint on its way."""
        if host.address:
            return host
        return self.snapshot.host_at(packet.source, host.vpc_id) or host

    def egress_only(self, host: Host, packet: Packet, gateway_id: str) -> Arrival | None:
        """IPv6, outward, stateful (facts 3.4)."""
        gateway = self.snapshot.find("EgressOnlyInternetGateways", "EgressOnlyInternetGatewayId", gateway_id)
        if gateway is None:
            self.unknown(gateway_id)
            return self.lost()
        if not gateway_attached(gateway, host.vpc_id):
            self.block("egress-only-internet-gateway", gateway_id)
        if self.leg == "return":
            self.doubt("a reply that would leave by an egress-only gateway")
            self.block("egress-only-internet-gateway", gateway_id)  # it knows no such connection
            return self.lost()
        self.public_access(host, "egress-only")
        if is_private(packet.destination):
            self.doubt("a private IPv6 destination at an egress-only gateway")
            self.block("egress-only-internet-gateway", gateway_id)
            return self.lost()
        arrival = self.from_internet(packet)
        return replace(arrival, left_by=gateway_id) if arrival else END

    def from_internet(self, packet: Packet, known_by: str = "") -> Arrival | None:
        """A packet out on the internet: to whom does it come? `known_by`: the egress-only gateway that waits for
        this reply."""
        if address(packet.destination).version == 4:
            found = self.snapshot.public_owner(packet.destination)
        else:
            owners = self.snapshot.owners(packet.destination)
            found = (owners[0], packet.destination) if owners else None
        if found is None:
            return Arrival(Internet(packet.destination), packet)
        interface, private = found
        host = self.snapshot.host(interface, private)
        if known_by:
            arrived = replace(packet, destination=private)
            self.acl(host.subnet_id, arrived, "ingress")
            return Arrival(host, arrived)
        gateway = self.snapshot.internet_gateway_of(host.vpc_id)
        if gateway is None:
            self.block("internet-gateway")
        if host.nat_id is None:
            self.public_access(host, "direct")
        if is_private(packet.source) or interface.get("DenyAllIgwTraffic"):
            self.block("internet-gateway", *([gateway["InternetGatewayId"]] if gateway else []))
        return self.into_vpc(host, replace(packet, destination=private), gateway)

    def into_vpc(self, host: Host, packet: Packet, gateway: Json | None) -> Arrival | None:
        """An edge table can redirect what an internet gateway lets in (facts 3.1)."""
        table = table_of_gateway(self.snapshot, gateway["InternetGatewayId"]) if gateway else None
        if table is not None:
            route = lookup(self.snapshot, table, packet.destination)
            if route.kind != "local":
                self.unknown(f"edge route table {route.table_id}")
                return self.lost()
        self.acl(host.subnet_id, packet, "ingress")
        return Arrival(host, packet)

    def nat(self, host: Host, packet: Packet, nat_id: str, hops: int) -> Arrival | None:
        """The six legs of facts 2.4, and facts 4.2."""
        gateway = self.snapshot.find("NatGateways", "NatGatewayId", nat_id)
        if gateway is None or not gateway.get("SubnetId"):
            self.unknown(nat_id)  # not readable, or a regional one
            return self.lost()
        if self.leg == "return":
            self.block("nat-gateway", nat_id)  # a reply of a connection that it never saw, under another source address
            return self.lost()
        if host.nat_id:
            self.doubt("a NAT gateway behind a NAT gateway")
        subnet_id = gateway["SubnetId"]
        if subnet_id != host.subnet_id:
            self.acl(subnet_id, packet, "ingress")
        if gateway["State"] != "available":
            if gateway["State"] == "deleting":
                self.doubt("a NAT gateway in state deleting may still forward")
            self.block("nat-gateway", nat_id)
        if address(packet.destination).version == 6:
            self.doubt("IPv6 at a NAT gateway (NAT64 is not modelled)")
            self.unknown(f"NAT64 at {nat_id}")
            return self.lost()
        if packet.protocol not in (TCP, UDP, ICMP):
            self.block("nat-gateway", nat_id)
        if public_access_mode(self.snapshot) == "block-bidirectional":
            own = public_access_exclusions(self.snapshot, host.vpc_id, host.subnet_id)
            if own != public_access_exclusions(self.snapshot, host.vpc_id, subnet_id):
                self.doubt("Block Public Access excludes only one of the NAT gateway's subnet and its client's")
        entry = gateway["NatGatewayAddresses"][0]
        interface = self.snapshot.interface(entry.get("NetworkInterfaceId", ""))
        if interface is None or hops > 2 or host.nat_id == nat_id:
            if interface is not None:
                self.block("nat-gateway", nat_id)
                self.doubt("a NAT gateway whose own route leads to a NAT gateway again")
            return self.lost()
        there = self.snapshot.host(interface, entry["PrivateIp"])
        self.segments.append(Segment(self.origin or host, packet, Arrival(there, packet)))
        self.origin = there
        if packet.source_port is not None:
            port = self.nat_port if self.nat_port is not None else max(packet.source_port, 1024)
            packet = replace(packet, source_port=port)
        packet = replace(packet, source=there.address)
        self.sent = packet
        return self.leave(there, packet, hops=hops + 1)

    def peering(self, host: Host, packet: Packet, route: Lookup) -> Arrival | None:
        """Active, not transitive, only addresses of the peer VPC (facts 4.3)."""
        peering = self.snapshot.find("VpcPeeringConnections", "VpcPeeringConnectionId", route.target)
        if peering is None:
            self.unknown(route.target)
            return self.lost()
        if peering["Status"]["Code"] != "active":
            self.block("vpc-peering", route.target)
        sides = [peering["RequesterVpcInfo"], peering["AccepterVpcInfo"]]
        others = [side for side in sides if side["VpcId"] != host.vpc_id]
        if len(others) != 1:
            self.doubt("a route to a peering connection of other VPCs")
            self.block("vpc-peering", route.target)
            return self.lost()
        peer = others[0]["VpcId"]
        if self.snapshot.find("Vpcs", "VpcId", peer) is None:
            self.unknown(f"peer VPC {peer}")
            return self.lost()
        if not self.snapshot.vpc_holds(peer, packet.destination):
            self.block("vpc-peering", route.target)
            return self.lost()
        there = self.snapshot.host_at(packet.destination, peer)
        if there is None:
            self.doubt("an address of the peer VPC that no subnet covers")
            self.block("vpc-peering", route.target)
            return self.lost()
        self.crossed_peering = route.target
        self.acl(there.subnet_id, packet, "ingress")
        return Arrival(there, packet)

    def appliance(self, host: Host, packet: Packet, interface_id: str) -> Arrival | None:
        """A route to an interface: the source/destination check drops what is not its own (facts 4.10)."""
        interface = self.snapshot.interface(interface_id)
        if interface is None:
            self.unknown(interface_id)
            return self.lost()
        there = self.snapshot.host(interface, interface["PrivateIpAddress"])
        if interface["SubnetId"] != host.subnet_id:
            self.acl(interface["SubnetId"], packet, "ingress")
        if owns(interface, packet.destination):
            return Arrival(replace(there, address=packet.destination), packet)
        self.doubt("state and groups of an appliance")
        self.state(there)
        if interface.get("SourceDestCheck", True):
            self.block("interface", interface_id)
        elif self.leg == "forward" and interface_id != host.interface_id:
            self.groups(there, packet, "ingress")
        self.unknown(f"appliance {interface_id}")
        return self.lost()
