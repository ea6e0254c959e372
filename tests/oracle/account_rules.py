"""Random rules of security groups, network ACLs and route tables over a small universe, so that they often match."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from tests.oracle import shapes
from tests.oracle.model import Json, network

PORTS = (0, 22, 80, 443, 1023, 1024, 32767, 32768, 40000, 49152, 60999, 61000, 65535)
OUTSIDE_V4 = ("203.0.113.5", "203.0.113.200", "198.51.100.7")
OUTSIDE_V6 = ("2001:db8:ffff::5", "2001:db8:fffe::7")
CIDRS_V4 = (
    "0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16", "10.0.0.0/24", "10.0.1.0/24", "10.0.0.0/25", "10.0.0.11/32",
    "10.1.0.0/16",
    "10.1.0.0/24", "172.31.0.0/16", "203.0.113.0/24", "203.0.113.5/32", "203.0.113.0/25", "198.51.100.0/24",
    "128.0.0.0/1",
    "52.0.0.0/24", "192.168.0.0/16",
)  # fmt: skip
CIDRS_V6 = (
    "::/0",
    "2001:db8::/32",
    "2001:db8:0:100::/56",
    "2001:db8:0:101::/64",
    "2001:db8:ffff::/48",
    "2001:db8:ffff::5/128",
)
ICMP_TYPES = ((8, 0), (0, 0), (8, -1), (0, -1), (-1, -1), (3, 4), (11, 0))
ICMPV6_TYPES = ((128, 0), (129, 0), (128, -1), (129, -1), (-1, -1), (2, 0))


def port_range(rng: Random) -> tuple[int, int]:
    low, high = sorted((rng.choice(PORTS), rng.choice(PORTS)))
    return rng.choice([(low, high), (low, high), (low, low), (0, 65535), (1024, 65535), (32768, 60999), (32768, 65535)])


def cidr(rng: Random, ipv6: bool) -> str:
    pool = CIDRS_V6 if ipv6 else CIDRS_V4
    return pool[0] if rng.random() < 0.4 else rng.choice(pool)


def permission(rng: Random, peers: Sequence[str]) -> Json:
    """`peers`: group and prefix list ids that a rule may name."""
    named: list[str] = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if peers and rng.random() < 0.3:
            named.append(rng.choice(peers))
        else:
            named.append(cidr(rng, rng.random() < 0.3))
    named = list(dict.fromkeys(named))
    protocol = rng.choice(("tcp", "tcp", "tcp", "udp", "icmp", "icmpv6", "-1", "6", "50"))
    if protocol == "-1":
        return shapes.permission("-1", peers=named, ports_key=rng.random() < 0.3)
    if protocol == "50":
        return shapes.permission("50", peers=named)
    if protocol in ("icmp", "icmpv6"):
        low, high = rng.choice(ICMP_TYPES if protocol == "icmp" else ICMPV6_TYPES)
        return shapes.permission(protocol, low, high, named)
    low, high = port_range(rng)
    return shapes.permission(protocol, low, high, named)


def permissions(rng: Random, peers: Sequence[str], most: int) -> list[Json]:
    return [permission(rng, peers) for _ in range(rng.randint(0, most))]


def group(rng: Random, group_id: str, vpc_id: str, peers: Sequence[str]) -> Json:
    ingress = permissions(rng, peers, 4)
    if rng.random() < 0.65:
        ingress.append(shapes.permission("-1", peers=["0.0.0.0/0", "::/0"]))
    egress = permissions(rng, peers, 3) if rng.random() < 0.25 else None
    return shapes.group(group_id, vpc_id, ingress, egress)


def acl_entry(rng: Random, number: int, direction: str, ipv6: bool) -> Json:
    action = "allow" if rng.random() < 0.6 else "deny"
    block = cidr(rng, ipv6 and rng.random() < 0.4)
    protocol = rng.choice((-1, -1, 6, 6, 6, 17, 58 if ":" in block else 1, 50))
    if protocol in (6, 17):
        return shapes.acl_entry(number, direction, action, block, protocol, ports=port_range(rng))
    if protocol in (1, 58):
        types = ICMP_TYPES if protocol == 1 else ICMPV6_TYPES
        return shapes.acl_entry(number, direction, action, block, protocol, icmp=rng.choice(types))
    return shapes.acl_entry(number, direction, action, block, protocol)


def default_acl_entries(ipv6: bool) -> list[Json]:
    """What a default network ACL begins with (facts 2.1)."""
    rows = [shapes.acl_entry(100, direction, "allow", "0.0.0.0/0") for direction in ("ingress", "egress")]
    if ipv6:
        rows += [shapes.acl_entry(101, direction, "allow", "::/0") for direction in ("ingress", "egress")]
    return [*rows, *shapes.acl_stars(ipv6)]


def acl_entries(rng: Random, ipv6: bool) -> list[Json]:
    """Some random entries, often before a wide allow, then the `*` rows; the order of the rows says nothing."""
    entries = shapes.acl_stars(ipv6)
    for direction in ("ingress", "egress"):
        numbers = rng.sample(range(1, 60), rng.choice((0, 0, 1, 2, 3)))
        entries += [acl_entry(rng, number, direction, ipv6) for number in numbers]
        if rng.random() < 0.7:
            entries.append(shapes.acl_entry(rng.choice((30, 100, 32766)), direction, "allow", "0.0.0.0/0"))
        elif rng.random() < 0.7:  # the usual shape: services, and some idea of ephemeral ports
            ephemeral = rng.choice(((1024, 65535), (32768, 65535), (32768, 60999), (49152, 65535)))
            entries.append(shapes.acl_entry(100, direction, "allow", "0.0.0.0/0", 6, ports=(22, 443)))
            entries.append(shapes.acl_entry(110, direction, "allow", "0.0.0.0/0", 6, ports=ephemeral))
        if ipv6 and rng.random() < 0.85:
            entries.append(shapes.acl_entry(rng.choice((31, 101, 32765)), direction, "allow", "::/0"))
    unique = {(entry["RuleNumber"], entry["Egress"]): entry for entry in entries}
    rows = list(unique.values())
    rng.shuffle(rows)
    return rows


def routes(
    rng: Random, vpc: Json, targets: Sequence[str], defaults: Sequence[str], prefix_lists: Sequence[str]
) -> list[Json]:
    """`defaults`: targets that make sense for a default route; `targets`: all others that exist."""
    rows = [shapes.route(entry["CidrBlock"], "local") for entry in vpc["CidrBlockAssociationSet"]]
    sets = vpc.get("Ipv6CidrBlockAssociationSet", [])
    rows += [shapes.route(entry["Ipv6CidrBlock"], "local") for entry in sets]
    v4_defaults = [one for one in defaults if not one.startswith("eigw")]
    v6_defaults = [one for one in defaults if one.startswith(("eigw", "igw"))]
    if v4_defaults and rng.random() < 0.8:
        rows.append(shapes.route("0.0.0.0/0", rng.choice(v4_defaults), broken(rng)))
    if sets and v6_defaults and rng.random() < 0.8:
        rows.append(shapes.route("::/0", rng.choice(v6_defaults), broken(rng)))
    for _ in range(rng.choice((0, 0, 1, 2))):
        target = rng.choice([*targets, *v4_defaults, "tgw-0000000000000000a"])
        if prefix_lists and rng.random() < 0.3:
            rows.append(shapes.route(rng.choice(prefix_lists), target, broken(rng)))
        else:
            rows.append(shapes.route(rng.choice(CIDRS_V4[1:]), target, broken(rng)))
    if rng.random() < 0.15:
        propagated = rng.choice(("10.0.0.0/24", "192.168.0.0/16", "0.0.0.0/0", "10.0.0.0/8", "203.0.113.0/24"))
        rows.append(shapes.route(propagated, "vgw-0000000000000000a", propagated=True))
    return rows


def broken(rng: Random) -> str:
    return "blackhole" if rng.random() < 0.06 else "active"


def legal(rows: Sequence[Json], local: Sequence[str], subnets: Sequence[str]) -> list[Json]:
    """What AWS would let stand: one static route a destination, and inside the VPC only exact subnets towards an
    interface
    or a NAT gateway (facts 3.2)."""
    kept: list[Json] = []
    seen: set[tuple[str, bool]] = set()
    for row in rows:
        destination = next(str(value) for key, value in row.items() if key.startswith("Destination"))
        propagated = row["Origin"] == "EnableVgwRoutePropagation"
        if (destination, propagated) in seen:
            continue
        if not destination.startswith("pl-") and not propagated and row.get("GatewayId") != "local":
            block = network(destination)
            same = [network(one) for one in local if network(one).version == block.version]
            within = any(block.subnet_of(one) for one in same)  # type: ignore[arg-type]
            if within and (destination not in subnets or not {"NetworkInterfaceId", "NatGatewayId"} & set(row)):
                continue
        seen.add((destination, propagated))
        kept.append(row)
    return kept
