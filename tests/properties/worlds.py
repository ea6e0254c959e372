"""Accounts in which nearly everything passes, with one to three things changed; and the questions that meet them.

Wholly random accounts refuse nearly everything for many reasons at once. These are a step away from working, so that
allowed and partly blocked answers, NAT, peering, IPv6 and ICMP are frequent.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.oracle import account_rules, shapes
from tests.oracle.account_rules import acl_entry, default_acl_entries, permission
from tests.oracle.evaluator import Unanswerable
from tests.oracle.model import ICMP, ICMPV6, TCP, UDP, Json, address
from tests.oracle.questions import Question, evaluate_sample, sample_packets
from tests.oracle.world import CLIENT, interface, row, stop, world

CLIENT_V6 = "2001:db8:ffff::5"
LISTS = {
    "pl-clients": [f"{CLIENT}/32", "10.0.0.0/24", "198.51.100.0/24"],
    "pl-peers": ["10.1.0.0/16", "10.0.1.0/25"],
    "pl-v6": ["2001:db8:ffff::/48", "2001:db8:0:100::/56"],
}
PORTS = (22, 80, 443, 1024, 65535)
EPHEMERAL = ((32768, 60999), (49152, 65535), (1024, 65535), (1024, 65535), (40000, 40000))
MACHINES = {
    "web": ("i-web", "eni-web", "10.0.0.10", "52.0.0.10", "2001:db8:0:100::10"),
    "app": ("i-app", "eni-app", "10.0.1.10", "2001:db8:0:101::10"),
    "db": ("i-db", "10.0.1.20"),
    "peer": ("i-peer", "10.1.0.10", "52.0.0.20", "2001:db8:0:201::10"),
}
PLACES = tuple(end for called in MACHINES.values() for end in called)
ELSEWHERE = (
    *(CLIENT, CLIENT, CLIENT, "198.51.100.7", CLIENT_V6, CLIENT_V6),
    *("192.168.0.77", "10.1.0.200", "10.0.1.200", "10.0.9.9", "2001:db8:0:101::200"),
)


def wide_world() -> Json:
    """The reference's world, with IPv6 on both sides of the peering, a further group and prefix lists."""
    account = world()
    a, b = account["Vpcs"][0], shapes.vpc("vpc-b", "10.1.0.0/16", ipv6="2001:db8:0:200::/56")
    account["Vpcs"][1] = b
    account["Subnets"][2] = shapes.subnet("subnet-far", "vpc-b", "10.1.0.0/24", "2001:db8:0:201::/64")
    account["VpcPeeringConnections"] = [shapes.peering("pcx-ab", a, b)]
    interface(account, "eni-peer")["Ipv6Addresses"] = [{"Ipv6Address": "2001:db8:0:201::10"}]
    far = [shapes.route("2001:db8:0:200::/56", "local"), shapes.route("::/0", "igw-b")]
    routes(account, "rtb-far").extend([*far, shapes.route("2001:db8:0:100::/56", "pcx-ab")])
    for table_id in ("rtb-front", "rtb-back"):
        routes(account, table_id).append(shapes.route("2001:db8:0:200::/56", "pcx-ab"))
    account["SecurityGroups"].append(shapes.group("sg-db", "vpc-a", [everything()]))
    interface(account, "eni-db")["Groups"] = [{"GroupId": "sg-db", "GroupName": "name of sg-db"}]
    account["PrefixListEntries"] = {name: [{"Cidr": cidr} for cidr in cidrs] for name, cidrs in LISTS.items()}
    account["PrefixLists"] = [shapes.managed_prefix_list(name, cidrs) for name, cidrs in LISTS.items()]
    account["VpcBlockPublicAccessOptions"] = {
        "AwsAccountId": shapes.OWNER,
        "AwsRegion": shapes.REGION,
        "State": "default-state",
        "InternetGatewayBlockMode": "off",
        "ManagedBy": "account",
        "ExclusionsAllowed": "allowed",
    }
    account["VpcBlockPublicAccessExclusions"] = []
    return account


def changed_world(rng: Random) -> Json:
    account = wide_world()
    for change in rng.choices(CHANGES, WEIGHTS, k=rng.choice((0, 1, 1, 2, 2, 3))):
        change(rng, account)
    return with_rows(account)


def picky_world(rng: Random) -> Json:
    """Nearly everything is routed, but rules let some of it pass and refuse the rest."""
    account = wide_world()
    for change in rng.choices((serve_some_ports, narrow_group, add_acl_entries, restrict_group), k=rng.choice((1, 2))):
        change(rng, account)
    return with_rows(account)


def broken_world(rng: Random) -> Json:
    """One thing is wrong, of the kinds that have an obvious remedy."""
    account = wide_world()
    kinds = (stop_machine, break_nat, break_peering, block_public_access, narrow_group, serve_some_ports)
    rng.choice(kinds)(rng, account)
    return with_rows(account)


def office_world(rng: Random) -> Json:
    """A changed world with a virtual private gateway to the office, and now and then a regional NAT gateway."""
    account = changed_world(rng)
    gateway = "vgw-0000000000000000a"
    vpc = "vpc-a" if rng.random() < 0.9 else "vpc-b"
    account["VpnGateways"] = [
        {"VpnGatewayId": gateway, "State": "available", "VpcAttachments": [{"VpcId": vpc, "State": "attached"}]}
    ]
    static = rng.choice(("192.168.0.0/16", "192.168.0.0/16", "192.168.0.0/26"))
    account["VpnConnections"] = [
        {
            "VpnConnectionId": "vpn-a",
            "VpnGatewayId": gateway,
            "State": "available",
            "Options": {"StaticRoutesOnly": rng.random() < 0.7},
            "Routes": [{"DestinationCidrBlock": static, "Source": "Static", "State": "available"}],
            "VgwTelemetry": [{"Status": rng.choice(("UP", "UP", "UP", "DOWN")), "AcceptedRouteCount": 1}],
        }
    ]
    for table_id in ("rtb-front", "rtb-back"):
        found = routes(account, table_id)
        if not any("192.168.0.0/16" in one.values() for one in found):
            found.append(shapes.route("192.168.0.0/16", gateway, propagated=rng.random() < 0.3))
    if rng.random() < 0.3:
        nat = account["NatGateways"][0]
        del nat["SubnetId"]
        nat |= {"AvailabilityMode": "regional", "RouteTableId": "rtb-nat", "AutoProvisionZones": "enabled"}
        kept = [one for one in routes(account, "rtb-front") if "nat" not in str(one)]
        account["RouteTables"].append(shapes.route_table("rtb-nat", "vpc-a", kept))
    return account


def denying_world(rng: Random) -> Json:
    """Network ACLs with rules before the one that allows everything."""
    account = wide_world()
    for _ in range(4):
        add_acl_entries(rng, account)
    return with_rows(account)


def serving_world(rng: Random) -> Json:
    """Every group serves some ports, every network ACL denies some."""
    account = wide_world()
    for group in account["SecurityGroups"]:
        spans = [account_rules.port_range(rng) for _ in range(3)]
        group["IpPermissions"] = [
            shapes.permission(rng.choice(("tcp", "tcp", "udp", "-1")), low, high, ["0.0.0.0/0"]) for low, high in spans
        ]
    for acl in account["NetworkAcls"]:
        low, high = account_rules.port_range(rng)
        if rng.random() < 0.5 and (low, high) != (0, 65535):
            entry = shapes.acl_entry(9, rng.choice(("ingress", "egress")), "deny", "0.0.0.0/0", TCP, (low, high))
            acl["Entries"].append(entry)
    return with_rows(account)


def with_rows(account: Json) -> Json:
    """The account with the rows of DescribeSecurityGroupRules that belong to its groups."""
    return {**account, "SecurityGroupRules": shapes.group_rules(account["SecurityGroups"])}


def likely_question(rng: Random, account: Json) -> Question:
    """Between machines and the outside, mostly in ways that a working network serves."""
    while True:
        question = _drawn(rng)
        try:
            evaluate_sample(account, question, sample_packets(account, question)[0])
        except Unanswerable:
            continue
        return question


def _drawn(rng: Random) -> Question:
    ends = [rng.choice(PLACES), rng.choice(PLACES if rng.random() < 0.55 else ELSEWHERE)]
    rng.shuffle(ends)
    source, destination = ends
    versions = {address(end).version for end in ends if not end.startswith(("i-", "eni-"))}
    if len(versions) > 1 or _machine(source) == _machine(destination):
        return _drawn(rng)
    if source.startswith("52.") and rng.random() < 0.8:
        return _drawn(rng)
    ipv6 = versions == {6}
    protocol = rng.choice((TCP, TCP, TCP, TCP, UDP, ICMPV6 if ipv6 else ICMP, ICMPV6 if ipv6 else ICMP, 50))
    if protocol in (TCP, UDP):
        return Question(source, destination, protocol, rng.choice(PORTS), rng.choice(EPHEMERAL))
    if protocol == 50:
        return Question(source, destination, protocol)
    types = account_rules.ICMPV6_TYPES if ipv6 else account_rules.ICMP_TYPES
    kind, code = rng.choice(types) if rng.random() < 0.3 else (128 if ipv6 else 8, 0)
    kind, code = (128 if ipv6 else 8, 0) if kind == -1 else (kind, max(code, 0))
    return Question(source, destination, protocol, icmp_type=kind, icmp_code=code)


def _machine(end: str) -> str:
    """One name for all that the same machine is called."""
    for name, called in MACHINES.items():
        if end in called:
            return name
    return end


# What can be changed


def everything() -> Json:
    return shapes.permission("-1", peers=["0.0.0.0/0", "::/0"])


def routes(account: Json, table_id: str) -> list[Json]:
    found: list[Json] = row(account, "RouteTables", "RouteTableId", table_id)["Routes"]
    return found


def _one(rng: Random, account: Json, key: str) -> Json:
    found: Json = rng.choice(account[key])
    return found


def add_acl_entries(rng: Random, account: Json) -> None:
    acl = _one(rng, account, "NetworkAcls")
    taken = {(entry["RuleNumber"], entry["Egress"]) for entry in acl["Entries"]}
    for _ in range(rng.choice((1, 1, 2))):
        entry = acl_entry(rng, rng.randint(1, 99), rng.choice(("ingress", "egress")), ipv6=True)
        if (entry["RuleNumber"], entry["Egress"]) not in taken:
            acl["Entries"].append(entry)
            taken.add((entry["RuleNumber"], entry["Egress"]))


def serve_some_ports(rng: Random, account: Json) -> None:
    """The usual hand-made network ACL: services one way, some idea of ephemeral ports the other."""
    acl = _one(rng, account, "NetworkAcls")
    entries = shapes.acl_stars(ipv6=True)
    for direction in ("ingress", "egress"):
        ephemeral = rng.choice(((1024, 65535), (32768, 65535), (32768, 60999), (49152, 65535)))
        for number, block in ((100, "0.0.0.0/0"), (200, "::/0")):
            for offset, ports in ((0, (22, 443)), (1, ephemeral)):
                if rng.random() < 0.95:
                    entries.append(shapes.acl_entry(number + offset, direction, "allow", block, TCP, ports=ports))
            icmp = rng.choice((None, (8, 0), (0, 0), (-1, -1))) if number == 100 else rng.choice((None, (-1, -1)))
            if icmp:
                entries.append(
                    shapes.acl_entry(number + 2, direction, "allow", block, 1 if number == 100 else 58, icmp=icmp)
                )
    acl["Entries"] = entries


def forget_ipv6(rng: Random, account: Json) -> None:
    _one(rng, account, "NetworkAcls")["Entries"] = default_acl_entries(ipv6=False)


def restrict_group(rng: Random, account: Json) -> None:
    group = _one(rng, account, "SecurityGroups")
    key = rng.choice(("IpPermissions", "IpPermissions", "IpPermissionsEgress"))
    peers = ["sg-a", "sg-b", "sg-db", *LISTS]
    group[key] = [permission(rng, peers) for _ in range(rng.choice((0, 1, 1, 2, 3)))]


def narrow_group(rng: Random, account: Json) -> None:
    """One service for everyone, or everything for one peer."""
    group = _one(rng, account, "SecurityGroups")
    key = rng.choice(("IpPermissions", "IpPermissions", "IpPermissionsEgress"))
    port = rng.choice(PORTS)
    group[key] = rng.choice(
        (
            [shapes.permission("tcp", port, port, ["0.0.0.0/0", "::/0"])],
            [shapes.permission("icmp", 8, rng.choice((0, -1)), ["0.0.0.0/0"])],
            [shapes.permission("icmpv6", peers=["::/0"]), shapes.permission("tcp", 0, 65535, ["::/0"])],
            [shapes.permission("-1", peers=[rng.choice(("sg-a", "sg-b", "sg-db"))])],
            [shapes.permission("-1", peers=[rng.choice(sorted(LISTS))])],
            [shapes.permission("6", 1024, 65535, ["10.0.0.0/8", f"{CLIENT}/32"])],
            [shapes.permission("-1", peers=["10.0.0.0/8", "2001:db8:0:100::/56"], ports_key=True)],
        )
    )


def second_group(rng: Random, account: Json) -> None:
    chosen = rng.choice(("eni-web", "eni-app", "eni-db"))
    names = ("sg-a", "sg-db")
    interface(account, chosen)["Groups"] = [{"GroupId": name, "GroupName": f"name of {name}"} for name in names]


def lose_route(rng: Random, account: Json) -> None:
    found = _one(rng, account, "RouteTables")["Routes"]
    index = rng.randrange(len(found))
    if found[index].get("GatewayId") != "local":
        found.pop(index)


def break_route(rng: Random, account: Json) -> None:
    one: Json = rng.choice(_one(rng, account, "RouteTables")["Routes"])
    if one.get("GatewayId") != "local":
        one["State"] = "blackhole"


def add_route(rng: Random, account: Json) -> None:
    """A further route, often more specific than the one that works."""
    table = _one(rng, account, "RouteTables")
    gateway = "igw-a" if table["VpcId"] == "vpc-a" else "igw-b"
    target = rng.choice([gateway, "pcx-ab", "pcx-ab", "tgw-0000000000000000a", *(["nat-a"] * 2)])
    if target == "nat-a" and table["RouteTableId"] != "rtb-back":
        target = gateway
    destination = rng.choice(
        ("203.0.113.0/24", f"{CLIENT}/32", "192.168.0.0/16", "10.0.0.0/8", "10.1.0.0/24", "52.0.0.0/24", "pl-peers")
    )
    known = {value for one in table["Routes"] for key, value in one.items() if key.startswith("Destination")}
    within = destination.startswith("10.1") and table["VpcId"] == "vpc-b"
    if destination not in known and not within:
        table["Routes"].append(shapes.route(destination, target))


def propagate_route(rng: Random, account: Json) -> None:
    table = _one(rng, account, "RouteTables")
    destination = rng.choice(("10.0.0.0/24", "192.168.0.0/16", "0.0.0.0/0", "10.0.0.0/8", "203.0.113.0/24"))
    table["Routes"].append(shapes.route(destination, "vgw-0000000000000000a", propagated=True))


def change_default(rng: Random, account: Json) -> None:
    """Another way out: no NAT gateway for the private subnet, or one where it is not needed."""
    table = rng.choice(("rtb-front", "rtb-back"))
    found = routes(account, table)
    out = [one for one in found if one.get("DestinationCidrBlock") == "0.0.0.0/0"]
    for one in out:
        found.remove(one)
    found.append(shapes.route("0.0.0.0/0", "igw-a" if table == "rtb-back" else rng.choice(("nat-a", "igw-a"))))


def gateway_to_all(rng: Random, account: Json) -> None:
    """IPv6 by the internet gateway instead of the egress-only one, or the other way round."""
    for one in routes(account, rng.choice(("rtb-front", "rtb-back"))):
        if one.get("DestinationIpv6CidrBlock") == "::/0":
            old = "GatewayId" if "GatewayId" in one else "EgressOnlyInternetGatewayId"
            del one[old]
            one["EgressOnlyInternetGatewayId" if old == "GatewayId" else "GatewayId"] = (
                "eigw-a" if old == "GatewayId" else "igw-a"
            )


def peer_through_nat(rng: Random, account: Json) -> None:
    """The private subnet reaches the peer through the NAT gateway."""
    for one in routes(account, "rtb-back"):
        if one.get("DestinationCidrBlock") == "10.1.0.0/16" and "VpcPeeringConnectionId" in one:
            del one["VpcPeeringConnectionId"]
            one["NatGatewayId"] = "nat-a"
    if rng.random() < 0.3:
        lose_route(rng, account)


def detach_gateway(rng: Random, account: Json) -> None:
    _one(rng, account, "InternetGateways")["Attachments"] = []


def break_nat(rng: Random, account: Json) -> None:
    account["NatGateways"][0]["State"] = rng.choice(("failed", "pending", "deleted"))


def private_nat(rng: Random, account: Json) -> None:
    gateway = account["NatGateways"][0]
    gateway["ConnectivityType"] = "private"
    gateway["NatGatewayAddresses"][0].pop("PublicIp", None)
    one = interface(account, "eni-nat")
    one.pop("Association", None)
    one["PrivateIpAddresses"][0].pop("Association", None)
    if rng.random() < 0.6:
        peer_through_nat(rng, account)


def break_peering(rng: Random, account: Json) -> None:
    status = rng.choice(("pending-acceptance", "deleted"))
    account["VpcPeeringConnections"] = [shapes.peering("pcx-ab", account["Vpcs"][0], account["Vpcs"][1], status)]


def give_public(rng: Random, account: Json) -> None:
    """A public address for a private machine, or none any more."""
    one = interface(account, rng.choice(("eni-web", "eni-app", "eni-db", "eni-peer")))
    entry = one["PrivateIpAddresses"][0]
    if "Association" in entry:
        del entry["Association"]
        one.pop("Association", None)
    else:
        number = 30 + rng.randrange(20)
        entry["Association"] = {"IpOwnerId": shapes.OWNER, "PublicIp": f"52.0.0.{number}", "PublicDnsName": ""}
        one["Association"] = dict(entry["Association"])


def second_address(rng: Random, account: Json) -> None:
    """A secondary private address with the public one, before or behind the primary."""
    one = interface(account, rng.choice(("eni-web", "eni-app")))
    private = one["PrivateIpAddress"].removesuffix("10") + "11"
    entry: Json = {"Primary": False, "PrivateIpAddress": private}
    if any(found["PrivateIpAddress"] == private for found in one["PrivateIpAddresses"]):
        return
    if rng.random() < 0.5:
        entry["Association"] = {"IpOwnerId": shapes.OWNER, "PublicIp": "52.0.0.11", "PublicDnsName": ""}
    one["PrivateIpAddresses"].append(entry)


def delegate_prefix(rng: Random, account: Json) -> None:
    """The machine holds the block that `10.0.1.200` lies in."""
    interface(account, rng.choice(("eni-app", "eni-db")))["Ipv4Prefixes"] = [{"Ipv4Prefix": "10.0.1.192/28"}]


def stop_machine(rng: Random, account: Json) -> None:
    stop(account, rng.choice(("i-web", "i-app", "i-peer")))


def detach_machine(rng: Random, account: Json) -> None:
    one = interface(account, rng.choice(("eni-web", "eni-db")))
    one.pop("Attachment", None)
    one["Status"] = "available"


def refuse_gateways(rng: Random, account: Json) -> None:
    """AWS gives such an interface no public IPv4 address."""
    one = interface(account, rng.choice(("eni-web", "eni-app", "eni-peer")))
    one["DenyAllIgwTraffic"] = True
    one.pop("Association", None)
    one["PrivateIpAddresses"][0].pop("Association", None)


def block_public_access(rng: Random, account: Json) -> None:
    options = account["VpcBlockPublicAccessOptions"]
    options["InternetGatewayBlockMode"] = rng.choice(("block-ingress", "block-bidirectional"))
    options["State"] = "update-complete"
    # Nobody says which of two counts, so never a VPC and its subnet, nor one of them twice.
    account["VpcBlockPublicAccessExclusions"].clear()
    of_a = rng.choice(([("vpc", "vpc-a")], [("subnet", "subnet-front"), ("subnet", "subnet-back")]))
    for kind, name in (*of_a, ("vpc", "vpc-b")):
        if rng.random() < 0.4:
            account["VpcBlockPublicAccessExclusions"].append(
                {
                    "ExclusionId": f"vpcbpa-exclude-{name}",
                    "InternetGatewayExclusionMode": rng.choice(("allow-bidirectional", "allow-egress")),
                    "ResourceArn": f"arn:aws:ec2:{shapes.REGION}:{shapes.OWNER}:{kind}/{name}",
                    "State": "create-complete",
                    "Tags": [],
                }
            )


def edge_table(rng: Random, account: Json) -> None:
    """A route table for what the internet gateway lets in, that changes nothing."""
    table = shapes.route_table("rtb-edge", "vpc-a", routes(account, "rtb-front")[:2])
    table["Associations"] = [
        {
            "Main": False,
            "RouteTableAssociationId": "rtbassoc-edge",
            "RouteTableId": "rtb-edge",
            "GatewayId": "igw-a",
            "AssociationState": {"State": "associated"},
        }
    ]
    account["RouteTables"].append(table)


_WEIGHTED: dict[Callable[[Random, Json], None], int] = {
    add_acl_entries: 8,
    serve_some_ports: 14,
    forget_ipv6: 1,
    restrict_group: 5,
    narrow_group: 7,
    second_group: 2,
    lose_route: 3,
    break_route: 2,
    add_route: 4,
    propagate_route: 1,
    change_default: 2,
    gateway_to_all: 2,
    peer_through_nat: 3,
    detach_gateway: 1,
    break_nat: 1,
    private_nat: 2,
    break_peering: 1,
    give_public: 3,
    second_address: 2,
    delegate_prefix: 1,
    stop_machine: 1,
    detach_machine: 1,
    refuse_gateways: 1,
    block_public_access: 2,
    edge_table: 1,
}
CHANGES, WEIGHTS = list(_WEIGHTED), list(_WEIGHTED.values())
