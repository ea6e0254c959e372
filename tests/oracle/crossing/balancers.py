"""Load balancers: the client's connection to a node, and the node's to a target (facts 4.8, 2.4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.oracle.evaluator import evaluate, outcome
from tests.oracle.model import TCP, UDP, Host, Json, Outcome, Packet
from tests.oracle.rules import permission_covers
from tests.oracle.snapshot import public_of
from tests.oracle.walk import Arrival, Segment

if TYPE_CHECKING:
    from tests.oracle.crossing.walk import Crossing

CARRIES = {"TCP_UDP": (TCP, UDP), "UDP": (UDP,), "QUIC": (UDP,), "TCP_QUIC": (TCP, UDP)}  # all others TCP


def outcomes(account: Json, asked: Any, source_port: int | None, nat_port: int) -> Iterator[Outcome]:
    """For every node, every target and every way. `asked.destination` is the name of a load balancer."""
    from tests.oracle.crossing.walk import every_way

    def run(walk: Crossing) -> Outcome:
        walk.balancer = balancer_of(account, asked.destination)
        if walk.balancer["State"]["Code"] not in ("active", "active_impaired"):
            walk.block("load-balancer", asked.destination)
        everywhere = nodes(account, walk.balancer)
        node = walk.choose([one for one in everywhere if has_targets(walk, one, asked)] or everywhere)
        public = public_of(node, node["PrivateIpAddress"]) if walk.balancer.get("Scheme") != "internal" else None
        there = public or node["NetworkInterfaceId"]
        if not asked.source.startswith("i-"):
            there = node["NetworkInterfaceId"]
        ports = source_port, asked.destination_port
        evaluate(account, asked.source, there, asked.protocol, *ports, asked.icmp_type, asked.icmp_code, walk=walk)
        return replace(outcome(walk), target=walk.target)

    yield from every_way(account, run, nat_port)


def balancer_of(account: Json, name: str) -> Json:
    for row in account.get("LoadBalancers", []):
        if row["LoadBalancerName"] == name:
            found: Json = row
            return found
    row = next(one for one in account["LoadBalancerDescriptions"] if one["LoadBalancerName"] == name)
    return {**row, "Type": "classic", "State": {"Code": "active"}}


def nodes(account: Json, balancer: Json) -> list[Json]:
    """The interface in each enabled subnet."""
    where = balancer.get("Subnets") or [zone["SubnetId"] for zone in balancer["AvailabilityZones"]]
    name = balancer["LoadBalancerName"]
    mine = [name] if balancer["Type"] == "classic" else balancer["LoadBalancerArn"].partition("loadbalancer/")[2:]
    return [
        one
        for one in account["NetworkInterfaces"]
        if one["Description"] == f"ELB {mine[0]}" and one["SubnetId"] in where
    ]


def has_targets(walk: Crossing, node: Json, asked: Any) -> bool:
    """A node without targets of its own is taken out of DNS: clients ask the others."""
    balancer, host = walk.balancer, walk.snapshot.host(node, node["PrivateIpAddress"])
    assert balancer is not None
    packet = Packet("", "", asked.protocol, None, asked.destination_port)
    found = ways(walk, balancer, packet)
    return not found or any(way == "answers" or targets(walk, balancer, way, host) for way in found)


def relay(walk: Crossing, arrival: Arrival) -> Arrival | None:
    """What the node makes of a connection: another one, to one of the targets."""
    host, packet = arrival.place, arrival.packet
    balancer = walk.balancer
    assert isinstance(host, Host)
    if balancer is None or walk.relayed or not host.interface_id:
        return arrival
    walk.relayed = True
    name = balancer["LoadBalancerName"]
    possible = ways(walk, balancer, packet)
    served = [one for one in possible if one == "answers" or targets(walk, balancer, one, host)]
    way = walk.choose(served or possible or [None])
    if way is None:
        walk.block("load-balancer", name)  # no listener
        return walk.lost()
    if way == "answers":
        return arrival
    target = walk.choose(targets(walk, balancer, way, host) or [None])
    if target is None:
        walk.block("load-balancer", name)  # no target in use
        return walk.lost()
    address, port, kept = target
    walk.target = (way if isinstance(way, str) else None), address, port
    there = walk.snapshot.host_at(address, host.vpc_id)
    if there is None:
        walk.unknown(address)
        return walk.lost()
    client = packet.source
    if kept and there.address == client:
        walk.block("load-balancer", name)  # it can't be its own client
        return walk.lost()
    own = walk.nat_port if walk.nat_port is not None else 1024
    sent = replace(packet, destination=address, destination_port=port)
    if not kept:
        sent = replace(sent, source=host.address, source_port=own)
    walk.origin, walk.sent = host, sent
    walk.groups(host, sent, "egress")
    if kept:
        carried = keep(walk, host, there, sent)
    else:
        if balancer["Type"] == "classic" and there.subnet_id == host.subnet_id:
            walk.acl(host.subnet_id, sent, "egress")
        found = walk.leave(host, sent)
        if found is None:
            return None
        carried = found
    walk.segments.append(Segment(host, sent, carried, kept=kept))
    walk.state(there)
    if kept and names_balancer(walk, there, sent):
        return carried
    if kept and names_client(walk, there, client):
        walk.doubt("the client's own group, behind a load balancer that keeps its address")
    walk.groups(there, sent, "ingress")
    return carried


def keep(walk: Crossing, host: Host, there: Host, sent: Packet) -> Arrival:
    """To the target with the client's address: through the network ACLs, and no route table."""
    if there.subnet_id != host.subnet_id:
        walk.acl(host.subnet_id, sent, "egress")
        walk.acl(there.subnet_id, sent, "ingress")
    return Arrival(there, sent)


def back(walk: Crossing, segment: Segment) -> Arrival:
    """The same way back, whatever the target's routes say of the client."""
    there, host = segment.arrival.place, segment.sender
    assert isinstance(there, Host)
    assert isinstance(host, Host)
    turned = segment.sent.reply()
    if there.subnet_id != host.subnet_id:
        walk.acl(there.subnet_id, turned, "egress")
        walk.acl(host.subnet_id, turned, "ingress")
    return Arrival(host, turned)


def names_balancer(walk: Crossing, there: Host, packet: Packet) -> bool:
    """A target's rule that names the load balancer's group lets it pass even with the client's address."""
    mine = set((walk.balancer or {}).get("SecurityGroups", []))
    interface = walk.snapshot.interface(there.interface_id or "") or {"Groups": []}
    for membership in interface["Groups"]:
        group = walk.snapshot.find("SecurityGroups", "GroupId", membership["GroupId"])
        for rule in (group or {}).get("IpPermissions", []):
            if permission_covers(rule, packet) and {one["GroupId"] for one in rule["UserIdGroupPairs"]} & mine:
                return True
    return False


def names_client(walk: Crossing, there: Host, client: str) -> bool:
    owners = [one for row in walk.snapshot.owners(client) for one in row["Groups"]]
    interface = walk.snapshot.interface(there.interface_id or "") or {"Groups": []}
    groups = [walk.snapshot.find("SecurityGroups", "GroupId", one["GroupId"]) for one in interface["Groups"]]
    named = {
        pair["GroupId"]
        for group in groups
        if group
        for rule in group["IpPermissions"]
        for pair in rule["UserIdGroupPairs"]
    }
    return bool(named & {one["GroupId"] for one in owners})


# Listeners and targets


def ways(walk: Crossing, balancer: Json, packet: Packet) -> list[Any]:
    """What takes the packet on: target groups, or "answers" where the load balancer does it itself."""
    raw = walk.snapshot.raw
    if balancer["Type"] == "classic":
        heard = [one["Listener"] for one in balancer["ListenerDescriptions"]]
        mine = [one for one in heard if one["LoadBalancerPort"] == packet.destination_port and packet.protocol == TCP]
        return [one["InstancePort"] for one in mine]
    found: list[Any] = []
    for listener in raw["Listeners"]:
        if listener["LoadBalancerArn"] != balancer["LoadBalancerArn"] or listener["Port"] != packet.destination_port:
            continue
        if packet.protocol not in CARRIES.get(listener["Protocol"], (TCP,)):
            continue
        rules = [one for one in raw["Rules"] if listener["ListenerArn"].rpartition("/")[2] in one["RuleArn"]]
        for action in [action for rule in rules for action in rule["Actions"]]:
            if action["Type"] != "forward":
                found.append("answers")
                continue
            shares = action["ForwardConfig"]["TargetGroups"]
            found += [one["TargetGroupArn"] for one in shares if one["Weight"]]
    return list(dict.fromkeys(found))


def targets(walk: Crossing, balancer: Json, way: Any, host: Host) -> list[tuple[str, int, bool] | None]:
    """Address, port, and whether the client's address is kept: of the targets that this node may choose. None for one
    in a zone that is not enabled, and where none is registered."""
    from tests.oracle.crossing.transit import zone_of

    files, name = walk.snapshot.raw["Files"], balancer["LoadBalancerName"]
    zone = zone_of(walk.snapshot, host.subnet_id)
    enabled = [zone_of(walk.snapshot, one["SubnetId"]) for one in nodes(walk.snapshot.raw, balancer)]
    settings = files[f"describe-load-balancer-attributes.{name}"]
    if balancer["Type"] == "classic":
        crosses = settings["LoadBalancerAttributes"]["CrossZoneLoadBalancing"]["Enabled"]
        listed = [(one["InstanceId"], way, None) for one in balancer["Instances"]]
        kept, kind = False, "instance"
    else:
        group = walk.snapshot.find("TargetGroups", "TargetGroupArn", way)
        assert group is not None
        attributes = values(files[f"describe-target-group-attributes.{group['TargetGroupName']}"])
        crosses = values(settings)["load_balancing.cross_zone.enabled"] == "true"
        own = attributes["load_balancing.cross_zone.enabled"]
        crosses = crosses if own == "use_load_balancer_configuration" else own == "true"
        kept = attributes.get("preserve_client_ip.enabled") == "true"
        rows = files[f"describe-target-health.{group['TargetGroupName']}"]["TargetHealthDescriptions"]
        listed = [(one["Target"]["Id"], one["Target"]["Port"], None) for one in rows]
        kind = group["TargetType"]
    found: list[tuple[str, int, bool] | None] = [] if listed else [None]
    for target, port, _ in listed:
        if kind == "instance":
            address = walk.snapshot.interfaces_of(target)[0]["PrivateIpAddress"]
        else:
            address = target
        place = walk.snapshot.host_at(address, host.vpc_id)
        at = zone_of(walk.snapshot, place.subnet_id) if place else ""
        if at not in enabled:
            found.append(None)  # one answer a target: this one gets nothing
        elif crosses or at == zone:
            found.append((address, port, kept))
    return found


def values(document: Json) -> dict[str, str]:
    return {one["Key"]: one["Value"] for one in document["Attributes"]}
