"""Security groups, network ACLs and Block Public Access for one packet (facts 1, 2, 4.11)."""

from __future__ import annotations

from collections.abc import Callable

from tests.oracle.model import ICMP, ICMPV6, TCP, UDP, Json, Packet, address, inside, protocol_number
from tests.oracle.snapshot import Snapshot, owns

Refers = Callable[[Json, Json, str], bool]  # may a rule of the second interface, in this direction, name the first?


def groups_allow(
    snapshot: Snapshot, interface: Json, packet: Packet, direction: str, refers: Refers | None = None
) -> bool | None:
    """Union over all groups of the interface; nothing matched means no (facts 1.1). None: it hangs on what cannot be
    read."""
    unreadable = False
    for membership in interface["Groups"]:
        group = snapshot.find("SecurityGroups", "GroupId", membership["GroupId"])
        if group is None:
            unreadable = True
            continue
        for permission in group["IpPermissionsEgress" if direction == "egress" else "IpPermissions"]:
            if not permission_covers(permission, packet):
                continue
            peer = packet.destination if direction == "egress" else packet.source
            matched = permission_names(snapshot, interface, permission, peer, direction, refers)
            if matched:
                return True
            unreadable = unreadable or matched is None
    return None if unreadable else False


def names_groups(snapshot: Snapshot, interface: Json, direction: str) -> bool:
    """Does any rule in this direction name a group?"""
    key = "IpPermissionsEgress" if direction == "egress" else "IpPermissions"
    mine = [membership["GroupId"] for membership in interface["Groups"]]
    groups = [group for group in snapshot.rows("SecurityGroups") if group["GroupId"] in mine]
    return any(permission.get("UserIdGroupPairs") for group in groups for permission in group[key])


def permission_covers(permission: Json, packet: Packet) -> bool:
    """Protocol and ports of a security group rule (facts 1.2)."""
    protocol = protocol_number(permission["IpProtocol"])
    if protocol == -1:
        return True
    if protocol != packet.protocol:
        return False
    low, high = permission.get("FromPort"), permission.get("ToPort")
    if protocol in (TCP, UDP):
        if low is None or high is None or low == -1:
            return True
        return packet.destination_port is not None and low <= packet.destination_port <= high
    if protocol in (ICMP, ICMPV6):
        # FromPort is the type and ToPort the code; 8 and 0 are no "ports 8 to 0" (facts 1.2).
        if low is None or low == -1:
            return True
        return packet.icmp_type == low and (high is None or high == -1 or packet.icmp_code == high)
    return True  # ports are ignored for every other protocol


def permission_names(
    snapshot: Snapshot, interface: Json, permission: Json, peer: str, direction: str, refers: Refers | None = None
) -> bool | None:
    """Does the rule name this peer (facts 1.3)?"""
    if any(inside(peer, entry["CidrIp"]) for entry in permission.get("IpRanges", [])):
        return True
    if any(inside(peer, entry["CidrIpv6"]) for entry in permission.get("Ipv6Ranges", [])):
        return True
    unreadable = False
    for entry in permission.get("PrefixListIds", []):
        cidrs = snapshot.prefix_list(entry["PrefixListId"])
        if cidrs is None:
            unreadable = True
        elif any(inside(peer, cidr) for cidr in cidrs):
            return True
    for pair in permission.get("UserIdGroupPairs", []):
        matched = reference_names(snapshot, interface, pair, peer, direction, refers)
        if matched:
            return True
        unreadable = unreadable or matched is None
    return None if unreadable else False


def reference_names(
    snapshot: Snapshot, interface: Json, pair: Json, peer: str, direction: str, refers: Refers | None
) -> bool | None:
    """A group reference: the peer is a *private* address of an interface that carries the group, in the same VPC or
    across an active peering of the same Region, or where `refers` says so. A public address never matches (facts
    1.3)."""
    for member in snapshot.rows("NetworkInterfaces"):
        carries = any(group["GroupId"] == pair["GroupId"] for group in member["Groups"])
        if not carries or not owns(member, peer):
            continue
        vpcs = member["VpcId"], interface["VpcId"]
        if refers(member, interface, direction) if refers else near(snapshot, *vpcs):
            return True
    known = snapshot.find("SecurityGroups", "GroupId", pair["GroupId"]) is not None
    foreign = pair.get("UserId") not in (None, interface.get("OwnerId"))
    if not known and foreign and pair.get("PeeringStatus") == "active":
        return None  # members of another account's group cannot be listed
    return False  # a stale reference allows nothing


def near(snapshot: Snapshot, one: str, other: str) -> bool:
    """The same VPC, or one across an active peering of the same Region."""
    return one == other or snapshot.active_peering(one, other)


def acl_decision(acl: Json, packet: Packet, direction: str) -> tuple[bool, int | None]:
    """(allowed, number of the rule that decided): ascending order, first match, implicit deny (facts 2.1)."""
    egress = direction == "egress"
    peer = packet.destination if egress else packet.source
    for entry in sorted(acl["Entries"], key=lambda entry: int(entry["RuleNumber"])):
        if entry["Egress"] == egress and acl_entry_matches(entry, packet, peer):
            return entry["RuleAction"] == "allow", int(entry["RuleNumber"])
    return False, None


def acl_entry_matches(entry: Json, packet: Packet, peer: str) -> bool:
    """Facts 2.2."""
    cidr = entry.get("CidrBlock") or entry["Ipv6CidrBlock"]
    if not inside(peer, cidr):
        return False
    protocol = protocol_number(entry["Protocol"])
    if protocol == -1:
        return True
    if protocol != packet.protocol:
        return False
    if protocol in (TCP, UDP):
        ports = entry.get("PortRange")
        if ports is None:
            return True
        return packet.destination_port is not None and ports["From"] <= packet.destination_port <= ports["To"]
    # Types count only for 1 with an IPv4 CIDR and 58 with an IPv6 CIDR.
    if (protocol, address(peer).version) in ((ICMP, 4), (ICMPV6, 6)):
        wanted = entry.get("IcmpTypeCode")
        if wanted is None or wanted["Type"] == -1:
            return True
        return packet.icmp_type == wanted["Type"] and wanted["Code"] in (-1, packet.icmp_code)
    return True


def public_access_mode(snapshot: Snapshot) -> str:
    mode: str = snapshot.raw.get("VpcBlockPublicAccessOptions", {}).get("InternetGatewayBlockMode", "off")
    return mode


def public_access_exclusions(snapshot: Snapshot, vpc_id: str, subnet_id: str) -> set[str]:
    """Exclusions stand on a subnet or on its whole VPC."""
    found: set[str] = set()
    for exclusion in snapshot.rows("VpcBlockPublicAccessExclusions"):
        resource = exclusion["ResourceArn"].rsplit("/", 1)[-1]
        if exclusion["State"] in ("create-complete", "update-complete") and resource in (vpc_id, subnet_id):
            found.add(exclusion["InternetGatewayExclusionMode"])
    return found


def public_access_blocked(snapshot: Snapshot, vpc_id: str, subnet_id: str, way: str) -> bool:
    """The table of facts 4.11. `way`: "direct" (own public address, either direction), "nat" or "egress-only"
    (outbound).

    For "nat" the subnet is that of the NAT gateway, for the others that of the workload."""
    mode = public_access_mode(snapshot)
    exclusions = public_access_exclusions(snapshot, vpc_id, subnet_id)
    if mode == "off":
        return False
    if way == "direct":
        return "allow-bidirectional" not in exclusions  # allow-egress does not help a direct path
    if mode == "block-ingress":
        return False
    return not exclusions
