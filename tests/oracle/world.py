"""One plain account in which everything is allowed; a test breaks the one thing that it is about.

VPC a 10.0.0.0/16, 2001:db8:0:100::/56     VPC b 10.1.0.0/16 (peered with a)
  front 10.0.0.0/24   -> igw-a               far 10.1.0.0/24 -> igw-b
    web  10.0.0.10 = 52.0.0.10, nat-a 10.0.0.99 = 52.0.0.99
  back  10.0.1.0/24   -> nat-a, eigw-a
    app  10.0.1.10, db 10.0.1.20           peer 10.1.0.10 = 52.0.0.20
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.oracle import shapes
from tests.oracle.account_rules import default_acl_entries
from tests.oracle.evaluator import evaluate
from tests.oracle.model import ICMP, ICMPV6, TCP, Json, Outcome

CLIENT = "203.0.113.5"


def everything(*more: Json) -> list[Json]:
    """Network ACL entries: `more` come first where their numbers are below 100, then all is allowed."""
    return [*default_acl_entries(ipv6=True), *more]


def world() -> Json:
    a = shapes.vpc("vpc-a", "10.0.0.0/16", ipv6="2001:db8:0:100::/56")
    b = shapes.vpc("vpc-b", "10.1.0.0/16")
    front = shapes.subnet("subnet-front", "vpc-a", "10.0.0.0/24", "2001:db8:0:100::/64")
    back = shapes.subnet("subnet-back", "vpc-a", "10.0.1.0/24", "2001:db8:0:101::/64")
    far = shapes.subnet("subnet-far", "vpc-b", "10.1.0.0/24")
    web = shapes.interface(
        "eni-web", front, ["10.0.0.10"], ["sg-a"], "i-web", {"10.0.0.10": "52.0.0.10"}, ["2001:db8:0:100::10"]
    )
    app = shapes.interface("eni-app", back, ["10.0.1.10"], ["sg-a"], "i-app", ipv6=["2001:db8:0:101::10"])
    db = shapes.interface("eni-db", back, ["10.0.1.20"], ["sg-a"], "i-db")
    peer = shapes.interface("eni-peer", far, ["10.1.0.10"], ["sg-b"], "i-peer", {"10.1.0.10": "52.0.0.20"})
    nat = shapes.interface("eni-nat", front, ["10.0.0.99"], public={"10.0.0.99": "52.0.0.99"}, check=False, nat=True)
    local_a = [shapes.route("10.0.0.0/16", "local"), shapes.route("2001:db8:0:100::/56", "local")]
    to_b, to_a = shapes.route("10.1.0.0/16", "pcx-ab"), shapes.route("10.0.0.0/16", "pcx-ab")
    out_front = [shapes.route("0.0.0.0/0", "igw-a"), shapes.route("::/0", "igw-a")]
    out_back = [shapes.route("0.0.0.0/0", "nat-a"), shapes.route("::/0", "eigw-a")]
    out_far = [shapes.route("10.1.0.0/16", "local"), to_a, shapes.route("0.0.0.0/0", "igw-b")]
    all_in = [shapes.permission("-1", peers=["0.0.0.0/0", "::/0"])]
    return {
        "Vpcs": [a, b],
        "Subnets": [front, back, far],
        "RouteTables": [
            shapes.route_table("rtb-front", "vpc-a", [*local_a, dict(to_b), *out_front], ["subnet-front"]),
            shapes.route_table("rtb-back", "vpc-a", [*local_a, dict(to_b), *out_back], main=True),
            shapes.route_table("rtb-far", "vpc-b", out_far, main=True),
        ],
        "NetworkAcls": [
            shapes.acl("acl-front", "vpc-a", ["subnet-front"], everything()),
            shapes.acl("acl-back", "vpc-a", ["subnet-back"], everything()),
            shapes.acl("acl-far", "vpc-b", ["subnet-far"], everything()),
        ],
        "SecurityGroups": [shapes.group("sg-a", "vpc-a", all_in), shapes.group("sg-b", "vpc-b", all_in)],
        "NetworkInterfaces": [web, app, db, peer, nat],
        "Reservations": [
            shapes.reservation(name, [row])
            for name, row in (("i-web", web), ("i-app", app), ("i-db", db), ("i-peer", peer))
        ],
        "InternetGateways": [
            shapes.internet_gateway("igw-a", "vpc-a"),
            shapes.internet_gateway("igw-b", "vpc-b"),
        ],
        "EgressOnlyInternetGateways": [shapes.egress_only_gateway("eigw-a", "vpc-a")],
        "NatGateways": [shapes.nat_gateway("nat-a", nat, "52.0.0.99")],
        "VpcPeeringConnections": [shapes.peering("pcx-ab", a, b)],
        "PrefixListEntries": {},
    }


def row(account: Json, key: str, field: str, wanted: str) -> Json:
    return next(one for one in account[key] if one[field] == wanted)


def interface(account: Json, interface_id: str) -> Json:
    return row(account, "NetworkInterfaces", "NetworkInterfaceId", interface_id)


def deny(account: Json, acl_id: str, *entries: Json) -> None:
    """Further entries of a network ACL."""
    row(account, "NetworkAcls", "NetworkAclId", acl_id)["Entries"].extend(entries)


def ingress(account: Json, group_id: str, *permissions: Json) -> None:
    row(account, "SecurityGroups", "GroupId", group_id)["IpPermissions"] = list(permissions)


def egress(account: Json, group_id: str, *permissions: Json) -> None:
    row(account, "SecurityGroups", "GroupId", group_id)["IpPermissionsEgress"] = list(permissions)


def set_routes(account: Json, table_id: str, *routes: Json) -> None:
    row(account, "RouteTables", "RouteTableId", table_id)["Routes"] = list(routes)


def add_routes(account: Json, table_id: str, *routes: Json) -> None:
    row(account, "RouteTables", "RouteTableId", table_id)["Routes"].extend(routes)


def drop_routes(account: Json, table_id: str, target: str) -> None:
    table = row(account, "RouteTables", "RouteTableId", table_id)
    table["Routes"] = [one for one in table["Routes"] if target not in one.values()]


def stop(account: Json, instance_id: str) -> None:
    for reservation in account["Reservations"]:
        for instance in reservation["Instances"]:
            if instance["InstanceId"] == instance_id:
                instance["State"] = {"Code": 80, "Name": "stopped"}


def tcp(account: Json, source: str, destination: str, port: int = 22, source_port: int = 40000, **more: Any) -> Outcome:
    return evaluate(account, source, destination, TCP, source_port, port, **more)


def ping(account: Json, source: str, destination: str) -> Outcome:
    ipv6 = ":" in source + destination
    return evaluate(account, source, destination, ICMPV6 if ipv6 else ICMP, icmp_type=128 if ipv6 else 8, icmp_code=0)


def named(outcome: Outcome) -> Sequence[tuple[str, str, str, int | None]]:
    """The blockers in short; asks that the verdict fits them."""
    assert (outcome.verdict == "blocked") == bool(outcome.blockers)
    return [blocker.short() for blocker in outcome.blockers]
