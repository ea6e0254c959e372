"""What scenes of every component share: changes of rules, questions, VPCs around a transit gateway."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.oracle import shapes
from tests.oracle.crossing.services import Site
from tests.oracle.model import ICMP, ICMPV6, TCP, UDP, Json
from tests.oracle.questions import Question

OUTSIDE, OUTSIDE_V6, NAT64 = "203.0.113.5", "2001:db8:ffff::5", "64:ff9b::cb00:7105"
OFFICE = "192.168.1.9"
CIDRS = (
    "0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16", "10.0.0.0/24", "10.0.0.10/32", "10.1.0.0/16", "10.1.0.0/24",
    "10.2.0.0/16", "10.0.1.0/24", "10.1.1.0/24", "192.168.0.0/16", "203.0.113.0/24", "10.0.100.0/23", "10.1.100.0/23",
    "64:ff9b::/96", "2001:db8::/32", "::/0",
)  # fmt: skip
Scene = tuple[Json, Question]


# Rules, whatever the component


def deny(rng: Random, net: Site) -> None:
    """A network ACL refuses some more, in one direction."""
    acl = rng.choice(net.rows("NetworkAcls"))
    number = rng.randint(1, 99)
    if any(one["RuleNumber"] == number for one in acl["Entries"]):
        return
    protocol, ports = rng.choice(((-1, None), (-1, None), (TCP, (1024, 65535)), (TCP, (0, 1023)), (TCP, (443, 443))))
    direction = rng.choice(("ingress", "egress"))
    entry = shapes.acl_entry(number, direction, "deny", rng.choice(CIDRS), protocol, ports)
    acl["Entries"].append(entry)


def shut(rng: Random, net: Site) -> None:
    """A network ACL without one of its allowing rules."""
    entries = rng.choice(net.rows("NetworkAcls"))["Entries"]
    allowing = [one for one in entries if one["RuleAction"] == "allow"]
    if allowing:
        entries.remove(rng.choice(allowing))


def narrow(rng: Random, net: Site) -> None:
    """A security group that serves some only."""
    group = rng.choice(net.rows("SecurityGroups"))
    names = [one["GroupId"] for one in net.rows("SecurityGroups")]
    key = rng.choice(("IpPermissions", "IpPermissions", "IpPermissionsEgress"))
    peers = rng.choice(([rng.choice(CIDRS)], [rng.choice(names)], [rng.choice(CIDRS), rng.choice(names)]))
    low, high = rng.choice(((443, 443), (0, 1023), (0, 65535), (8080, 8080)))
    rule = rng.choice((shapes.permission("-1", peers=peers), shapes.permission("tcp", low, high, peers)))
    group[key] = [rule] if rng.random() < 0.9 else []


def stop(rng: Random, net: Site) -> None:
    instance = rng.choice(net.rows("Reservations"))["Instances"][0]
    instance["State"] = {"Code": 80, "Name": "stopped"}


def lose_route(rng: Random, net: Site) -> None:
    routes = rng.choice(net.rows("RouteTables"))["Routes"]
    one = rng.choice(routes)
    if one.get("GatewayId") != "local":
        routes.remove(one)


def bury_route(rng: Random, net: Site) -> None:
    one = rng.choice(rng.choice(net.rows("RouteTables"))["Routes"])
    if one.get("GatewayId") != "local":
        one["State"] = "blackhole"


def block_public_access(rng: Random, net: Site) -> None:
    net.raw["VpcBlockPublicAccessOptions"] = {
        "AwsAccountId": shapes.OWNER,
        "AwsRegion": shapes.REGION,
        "State": "update-complete",
        "InternetGatewayBlockMode": rng.choice(("block-ingress", "block-bidirectional")),
        "ManagedBy": "account",
        "ExclusionsAllowed": "allowed",
    }
    net.raw["VpcBlockPublicAccessExclusions"] = []
    for vpc in net.rows("Vpcs"):
        if rng.random() < 0.5:
            net.add(
                "VpcBlockPublicAccessExclusions",
                {
                    "ExclusionId": f"vpcbpa-exclude-{vpc['VpcId']}",
                    "InternetGatewayExclusionMode": rng.choice(("allow-bidirectional", "allow-egress")),
                    "ResourceArn": f"arn:aws:ec2:{shapes.REGION}:{shapes.OWNER}:vpc/{vpc['VpcId']}",
                    "State": "create-complete",
                    "Tags": [],
                },
            )


Change = Callable[[Random, Site], None]
RULES: tuple[Change, ...] = (deny, deny, shut, narrow, narrow, lose_route, bury_route, stop)


def change(rng: Random, net: Site, changes: tuple[Change, ...], many: tuple[int, ...] = (0, 1, 2, 3, 3, 5)) -> None:
    for _ in range(rng.choice(many)):
        rng.choice(changes)(rng, net)
    net.raw["SecurityGroupRules"] = shapes.group_rules(net.rows("SecurityGroups"))


def packet(rng: Random, source: str, destination: str, ipv6: bool = False) -> Question:
    kind = rng.choice((TCP, TCP, TCP, TCP, UDP, ICMP, 50))
    if kind in (TCP, UDP):
        return Question(source, destination, kind, rng.choice((443, 443, 80, 8080)), (40000, 40000))
    if kind == ICMP:
        return Question(source, destination, ICMPV6 if ipv6 else ICMP, icmp_type=128 if ipv6 else 8, icmp_code=0)
    return Question(source, destination, 50)


def spoke(net: Site, name: str, number: int, routes: list[tuple[str, str]], ipv6: bool = True) -> None:
    """A VPC with a workload subnet and an attachment subnet in each of two zones, and an instance in each."""
    six = f"2001:db8:{number}::/56" if ipv6 else None
    net.vpc(name, f"10.{number}.0.0/16", six)
    for zone in (0, 1):
        inner = f"2001:db8:{number}:{zone}::/64" if ipv6 else None
        net.subnet(f"{name}{zone}", name, f"10.{number}.{zone}.0/24", zone, routes, inner)
        net.subnet(f"{name}-door{zone}", name, f"10.{number}.{100 + zone}.0/28", zone, [])
        host = f"2001:db8:{number}:{zone}::10" if ipv6 else None
        net.instance(f"{name}{zone}", f"{name}{zone}", f"10.{number}.{zone}.10", ipv6=host)
