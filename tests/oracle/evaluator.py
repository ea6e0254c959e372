"""One question about one packet: `evaluate(snapshot, source, destination, ...)` -> Outcome (facts 0)."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

from tests.oracle.model import (
    ICMP,
    ICMPV6,
    TCP,
    UDP,
    Beyond,
    Host,
    Internet,
    Json,
    Outcome,
    Packet,
    address,
    is_private,
)
from tests.oracle.routing import Lookup, lookup, table_of_subnet
from tests.oracle.snapshot import Snapshot, public_pairs
from tests.oracle.walk import Arrival, Segment, Walk

# Facts 1.6: metadata and DHCP, Amazon DNS, time, ECS task metadata, Windows licence activation.
UNFILTERED = (
    "169.254.169.254", "fd00:ec2::254", "169.254.169.253", "fd00:ec2::253", "169.254.169.123", "fd00:ec2::123",
    "169.254.170.2", "169.254.169.250", "169.254.169.251", "fd00:ec2::250", "fd00:ec2::251",
)  # fmt: skip


# Doubts about what the question means rather than about AWS; a comparison may choose to overlook them.
SEVERAL_INTERFACES = "an instance with several interfaces: its primary one is meant"
SEVERAL_ADDRESSES = "an interface with several addresses: its first one is meant"
NO_ADDRESS = "an interface without an address of the packet's family"


class Unanswerable(ValueError):
    """The question names nothing, or more than one thing: the product should exit 2."""


def evaluate(
    snapshot: Json,
    source: str,
    destination: str,
    protocol: int,
    source_port: int | None = None,
    destination_port: int | None = None,
    icmp_type: int | None = None,
    icmp_code: int | None = None,
    *,
    nat_port: int | None = None,
    family: int | None = None,
    walk: Walk | None = None,
) -> Outcome:
    """`source` and `destination` are an address, an interface id or an instance id (its primary interface; name the
    others
    by interface). `nat_port` is the source port that NAT gateways choose (1024-65535). `family` (4 or 6) decides
    where no end
    is an address."""
    if protocol in (TCP, UDP) and (source_port is None or destination_port is None):
        raise Unanswerable("TCP and UDP packets have ports")
    if protocol in (ICMP, ICMPV6) and (icmp_type is None or icmp_code is None):
        raise Unanswerable("ICMP packets have a type and a code")
    if protocol not in (TCP, UDP):
        source_port = destination_port = None
    if protocol not in (ICMP, ICMPV6):
        icmp_type = icmp_code = None
    walk = walk or Walk(Snapshot(snapshot), nat_port)
    version = family_of(source, destination, family)
    sender = resolve(walk, source, version)
    if isinstance(sender, Host) and not is_id(source) and sender.address != source:
        walk.doubt("the sender is named by the public address of an interface")
    if isinstance(sender, Host) and not is_id(destination):
        receiver: Host | Internet = Internet(destination)  # walked as asked: whoever the routes lead to
    else:
        receiver = resolve(walk, destination, version)
    if isinstance(sender, Internet) and isinstance(receiver, Internet):
        raise Unanswerable("both ends are outside the account")
    if "" in (sender.address, receiver.address):
        walk.doubt(NO_ADDRESS)
        walk.block("interface")
        return outcome(walk)
    packet = Packet(sender.address, receiver.address, protocol, source_port, destination_port, icmp_type, icmp_code)
    if isinstance(sender, Internet):
        assert isinstance(receiver, Host)
        return from_outside(walk, packet, receiver)
    return from_host(walk, sender, packet, receiver)


def outcome(walk: Walk) -> Outcome:
    """Undetermined unless a blocker is certain."""
    blockers, unknowns, doubts = tuple(walk.blockers), tuple(walk.unknowns), tuple(walk.doubts)
    if blockers:
        first = blockers[0]
        reason = f"{first.leg}: {first.layer} {','.join(first.resource_ids)} refuses it"
        return Outcome("blocked", blockers, reason, unknowns, doubts, walk.complete)
    if unknowns:
        return Outcome("undetermined", (), unknowns[0], unknowns, doubts, walk.complete)
    return Outcome("allowed", (), "nothing refuses it", (), doubts, walk.complete)


# Who is meant


def is_id(text: str) -> bool:
    return text.startswith(("i-", "eni-"))


def family_of(source: str, destination: str, family: int | None) -> int:
    versions = {address(text).version for text in (source, destination) if not is_id(text)}
    if len(versions) == 2 or (versions and family not in (None, *versions)):
        raise Unanswerable("the ends are of different families")
    return versions.pop() if versions else family or 4


def resolve(walk: Walk, text: str, version: int) -> Host | Internet:
    """An interface is meant by its first address of the family; Host.address is empty where it has none."""
    snapshot = walk.snapshot
    if text.startswith("i-"):
        if snapshot.instance(text) is None:
            raise Unanswerable(f"no such instance: {text}")
        interfaces = snapshot.interfaces_of(text)
        if not interfaces:
            walk.block("instance", text)
            return Host("", "", "")
        if len(interfaces) > 1:
            walk.doubt(SEVERAL_INTERFACES)
        text = interfaces[0]["NetworkInterfaceId"]
    if text.startswith("eni-"):
        interface = snapshot.interface(text)
        if interface is None:
            raise Unanswerable(f"no such interface: {text}")
        held = [interface["PrivateIpAddress"]]  # the primary one
        held += [one["PrivateIpAddress"] for one in interface["PrivateIpAddresses"] if not one["Primary"]]
        if version == 6:
            held = [one["Ipv6Address"] for one in interface.get("Ipv6Addresses", [])]
        if len(held) > 1:
            walk.doubt(SEVERAL_ADDRESSES)
        return snapshot.host(interface, held[0] if held else "")
    owners = snapshot.owners(text)
    if len(owners) > 1:
        raise Unanswerable(f"{text} belongs to several interfaces")
    if owners:
        return snapshot.host(owners[0], text)
    public = snapshot.public_owner(text) if version == 4 else None
    if public is not None:
        return snapshot.host(*public)
    return Internet(text)


# From inside


def from_host(walk: Walk, sender: Host, packet: Packet, receiver: Host | Internet) -> Outcome:
    """Stages 1 to 8 of facts 0, then the reply."""
    walk.state(sender)
    if unfiltered(walk.snapshot, sender, packet.destination):
        return outcome(walk)
    if isinstance(receiver, Host) and receiver.interface_id == sender.interface_id:
        walk.doubt("an interface that talks to itself")
    owners = walk.snapshot.owners(packet.destination, sender.vpc_id)
    if owners and same_instance(walk.snapshot, sender.interface_id, owners[0]):
        walk.doubt("two addresses of one instance: its own system delivers the packet")
    walk.groups(sender, packet, "egress")
    send(walk, sender, packet, receiver if isinstance(receiver, Host) else None)
    return outcome(walk)


def unfiltered(snapshot: Snapshot, sender: Host, wanted: str) -> bool:
    """Facts 1.6. Amazon DNS is the VPC's (primary) range plus two; the router is every subnet's range plus one."""
    if wanted in UNFILTERED:
        return True
    vpc = snapshot.find("Vpcs", "VpcId", sender.vpc_id)
    if vpc is not None and wanted == str(ip_network(vpc["CidrBlock"])[2]):
        return True
    mine = [subnet for subnet in snapshot.rows("Subnets") if subnet["VpcId"] == sender.vpc_id]
    return any(wanted == str(ip_network(subnet["CidrBlock"])[1]) for subnet in mine)


def same_instance(snapshot: Snapshot, interface_id: str | None, other: Json) -> bool:
    one = snapshot.interface(interface_id or "")
    ids = [row.get("Attachment", {}).get("InstanceId") for row in (one or {}, other)]
    return ids[0] is not None and ids[0] == ids[1]


def send(walk: Walk, sender: Host, packet: Packet, meant: Host | None) -> None:
    first = sender, packet
    walk.origin, walk.sent = sender, packet
    arrival = walk.leave(sender, packet)
    assert isinstance(walk.origin, Host)
    assert walk.sent is not None
    sender, packet = walk.origin, walk.sent  # the last stretch began at the last NAT gateway on the way
    if arrival is None:
        reply_from_the_unknown(walk, *first)
        return
    if meant is not None and arrival.place != meant:
        walk.doubt("the routes lead to another host than the one that was asked for")
        table = table_of_subnet(walk.snapshot, sender.vpc_id, sender.subnet_id)
        walk.block("route-table", *([table["RouteTableId"]] if table else []))
        walk.lost()
        return
    walk.segments.append(Segment(sender, packet, arrival, walk.crossed_peering))
    arrive(walk, arrival)


def arrive(walk: Walk, arrival: Arrival) -> None:
    """Stage 8, and then the reply where there is one."""
    if isinstance(arrival.place, Host):
        walk.state(arrival.place)
        if arrival.place.nat_id is not None:
            walk.block("nat-gateway", arrival.place.nat_id)  # it takes no connection and answers no ping (facts 4.2)
            walk.lost()
            return
        walk.receive(arrival.place, arrival.packet)
        walk.groups(arrival.place, arrival.packet, "ingress")
        if walk.relay(arrival) is None:
            return
    if arrival.packet.has_reply():
        walk.leg = "return"
        reply(walk)


def reply_from_the_unknown(walk: Walk, sender: Host, packet: Packet) -> None:
    """Whatever is behind a hop that the model does not know, the sender knows only one reply: the same addresses turned
    around, through its own subnet's NACL. Asked only where nothing refused the packet, and marked as doubtful."""
    if walk.blockers or not walk.unknowns or not packet.has_reply():
        return
    walk.leg = "return"
    before = len(walk.blockers)
    walk.acl(sender.subnet_id, packet.reply(), "ingress")
    if len(walk.blockers) > before:
        walk.doubt("a reply from behind an unknown hop, refused by the sender's own network ACL")


# From outside


def from_outside(walk: Walk, packet: Packet, receiver: Host) -> Outcome:
    """An address that no interface owns: from the internet when public, else where the way back to it leads."""
    snapshot, outside = walk.snapshot, packet.source
    in_a_vpc = any(snapshot.vpc_holds(vpc["VpcId"], outside) for vpc in snapshot.rows("Vpcs"))
    if is_private(outside) or in_a_vpc:
        table = table_of_subnet(snapshot, receiver.vpc_id, receiver.subnet_id)
        way = lookup(snapshot, table, outside) if table is not None else Lookup("", "unreadable")
        neighbour = neighbour_at(snapshot, receiver, outside, way)
        if neighbour is not None:
            return from_host(walk, neighbour, packet, receiver)
        if is_private(outside) or way.kind != "igw":
            enter_by(walk, packet, receiver, way)
            return outcome(walk)
    elif leads_elsewhere(snapshot, receiver, outside):
        walk.doubt("a public source to which a route of its own leads")
    packet = at_public_address(walk, packet, receiver)
    if packet.destination == receiver.address and address(packet.destination).version == 4:
        walk.block("internet-gateway")  # no public address
        walk.public_access(receiver, "direct")
        walk.acl(receiver.subnet_id, packet, "ingress")
        entered: Arrival | None = Arrival(receiver, packet)
    else:
        entered = walk.from_internet(packet)
    if entered is not None:
        walk.segments.append(Segment(Internet(outside), packet, entered))
        arrive(walk, entered)
    return outcome(walk)


def leads_elsewhere(snapshot: Snapshot, receiver: Host, outside: str) -> bool:
    table = table_of_subnet(snapshot, receiver.vpc_id, receiver.subnet_id)
    return table is not None and lookup(snapshot, table, outside).kind in ("pcx", "tgw", "vgw", "vpce")


def at_public_address(walk: Walk, packet: Packet, receiver: Host) -> Packet:
    """The public address of the private one that is meant, else any that the interface has (unchanged: there is
    none)."""
    interface = walk.snapshot.interface(receiver.interface_id or "")
    pairs = dict(public_pairs(interface)) if interface is not None else {}
    if receiver.address not in pairs and pairs:
        walk.doubt("only another address of the interface has a public one")
        return replace(packet, destination=next(iter(pairs.values())))
    return replace(packet, destination=pairs.get(receiver.address, receiver.address))


def neighbour_at(snapshot: Snapshot, receiver: Host, outside: str, way: Lookup) -> Host | None:
    """A hypothetical host in the receiver's VPC, or in a peer that the receiver's table names."""
    if snapshot.subnet_holds(receiver.subnet_id, outside) or way.kind == "local":
        return snapshot.host_at(outside, receiver.vpc_id)
    peering = snapshot.find("VpcPeeringConnections", "VpcPeeringConnectionId", way.target)
    if way.kind != "pcx" or way.state != "active" or peering is None:
        return None
    for side in (peering["RequesterVpcInfo"], peering["AccepterVpcInfo"]):
        if side["VpcId"] != receiver.vpc_id and snapshot.vpc_holds(side["VpcId"], outside):
            return snapshot.host_at(outside, side["VpcId"])
    return None


def enter_by(walk: Walk, packet: Packet, receiver: Host, way: Lookup) -> None:
    """A private sender behind the gateway that the way back names; then NACL and groups of the receiver, and the
    reply."""
    if way.kind in ("tgw", "vgw") and way.state == "active":
        arrival = walk.enter(packet, receiver, way)
        if arrival is not None:
            assert walk.origin is not None
            walk.segments.append(Segment(walk.origin, packet, arrival))
            arrive(walk, arrival)
        return
    if way.kind in ("none", "ambiguous", "unreadable") or way.state != "active":
        walk.doubt("a private sender to which no usable route leads")  # the reply will find that out
        if way.kind in ("ambiguous", "unreadable"):
            walk.unknown("where the sender enters")
    elif way.kind == "igw":
        walk.block("internet-gateway", way.target)  # private sources refused (facts 4.1)
    elif way.kind == "nat":
        walk.block("nat-gateway", way.target)  # no inbound (facts 4.2)
    elif way.kind == "pcx":
        enter_by_peering(walk, packet, receiver, way)
    elif way.kind == "eni":
        walk.doubt("a private sender behind an appliance")
        interface = walk.snapshot.interface(way.target)
        if interface is not None and interface.get("SourceDestCheck", True):
            walk.block("interface", way.target)  # it may not emit a foreign source (facts 4.10)
        walk.unknown(f"appliance {way.target}")
    elif way.kind == "local":
        walk.doubt("an address of the VPC that no subnet covers")
        walk.unknown(f"a sender at {packet.source}")
    else:
        walk.unknown(f"{way.kind} {way.target}")
    walk.acl(receiver.subnet_id, packet, "ingress")
    arrival = Arrival(receiver, packet)
    walk.segments.append(Segment(Internet(packet.source), packet, arrival))
    arrive(walk, arrival)


def enter_by_peering(walk: Walk, packet: Packet, receiver: Host, way: Lookup) -> None:
    peering = walk.snapshot.find("VpcPeeringConnections", "VpcPeeringConnectionId", way.target)
    if peering is None:
        walk.unknown(way.target)
        return
    sides = [peering["RequesterVpcInfo"]["VpcId"], peering["AccepterVpcInfo"]["VpcId"]]
    peers = [walk.snapshot.find("Vpcs", "VpcId", side) for side in sides if side != receiver.vpc_id]
    if not peers or peers[0] is None:
        walk.unknown(f"peer of {way.target}")
    elif not walk.snapshot.vpc_holds(peers[0]["VpcId"], packet.source):
        walk.block("vpc-peering", way.target)  # not transitive
    else:
        walk.doubt("an address of the peer VPC that no subnet covers")
        walk.unknown(f"a sender at {packet.source}")


# The reply


def reply(walk: Walk) -> None:
    """Back over every stretch, the last first: it must come back to the very sender, under the very addresses (facts
    4.3)."""
    for segment in reversed(walk.segments):
        turned = segment.arrival.packet.reply()
        expected = segment.sent.reply()
        if segment.kept:
            came = walk.back(segment)
        elif isinstance(segment.arrival.place, Host):
            to_nat = isinstance(segment.sender, Host) and segment.sender.nat_id is not None
            came = walk.leave(segment.arrival.place, turned, segment.peering if to_nat else "")
        elif isinstance(segment.arrival.place, Beyond):
            came = walk.back_from(segment.arrival.place, turned)
        elif segment.arrival.untranslated and isinstance(segment.sender, Host):
            walk.acl(segment.sender.subnet_id, expected, "ingress")  # as if it had had a public address
            continue
        else:
            came = walk.from_internet(turned, segment.arrival.left_by)
        if came is None:
            return
        if came.place != segment.sender or came.packet != expected:
            refuse_stray(walk, segment, came)
            return


def refuse_stray(walk: Walk, segment: Segment, came: Arrival) -> None:
    """The reply went to someone else, or came back from an address that the sender never asked."""
    walk.doubt("which layer to name for a reply that went astray")
    host = segment.arrival.place
    if isinstance(host, Host):
        table = table_of_subnet(walk.snapshot, host.vpc_id, host.subnet_id)
        walk.block("route-table", *([table["RouteTableId"]] if table else []))
    else:
        walk.block("internet-gateway")
    if isinstance(came.place, Internet):
        walk.complete = False
