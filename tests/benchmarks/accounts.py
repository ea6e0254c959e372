"""Accounts of any size as snapshot folders, and questions about them: the same ones each time.

``python -m tests.benchmarks.accounts FOLDER COUNT`` writes the large one and prints questions.
"""

from __future__ import annotations

import json
import sys
from ipaddress import IPv4Network, ip_network
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from tests import transits
from tests.builders import Network
from tests.oracle import shapes

SEED = 20261123
_PORTS = (22, 53, 80, 443, 3306, 3389, 5432, 6379, 8080, 8443, 9090, 9200, 27017)
_ABROAD = ("203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24")
Json = dict[str, Any]


class Size(NamedTuple):
    """How much of everything there is, in the whole account; ``rules`` are those of one security group."""

    vpcs: int
    subnets: int
    acls: int
    groups: int
    rules: int
    interfaces: int
    gateways: int = 0
    """Transit gateways, each of an equal part of the VPCs."""

    def __str__(self) -> str:
        joined = f", {self.gateways} transit gateways" if self.gateways else ""
        return (
            f"{self.interfaces:,} interfaces, {self.groups:,} groups of {self.rules} rules, "
            f"{self.acls} ACLs, {self.vpcs} VPCs{joined}"
        )


SMALL = Size(vpcs=1, subnets=2, acls=1, groups=4, rules=4, interfaces=6)
MIDDLE = Size(vpcs=12, subnets=36, acls=20, groups=100, rules=10, interfaces=300)
LARGE = Size(vpcs=40, subnets=160, acls=80, groups=1_000, rules=20, interfaces=5_000, gateways=4)


class Account:
    """A made-up account: VPCs in a row, every second pair peered, half of the subnets public, the rest behind NAT."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self.rng = Random(SEED)
        self.counter = 0
        self.vpcs = [shapes.vpc(self._id("vpc"), f"10.{n}.0.0/16") for n in range(size.vpcs)]
        self.subnets = [self._subnet(n) for n in range(size.subnets)]
        self.groups = self._groups()
        self.interfaces: list[Json] = []
        self.reservations = [self._instance(n) for n in range(size.interfaces)]
        self.peerings = [
            shapes.peering(self._id("pcx"), one, other) for one, other in zip(self.vpcs, self.vpcs[1:], strict=False)
        ][::2]
        self.gateways = [shapes.internet_gateway(self._id("igw"), one["VpcId"]) for one in self.vpcs]
        self.nats: list[Json] = []
        self.tables = [table for n in range(size.vpcs) for table in self._tables(n)]
        self.acls = self._acls()
        self.transits = self._transits()

    def _id(self, kind: str) -> str:
        self.counter += 1
        return f"{kind}-0{self.counter * 0x1F35A7:016x}"

    def _of(self, rows: list[Json], n: int) -> list[Json]:
        return rows[n % self.size.vpcs :: self.size.vpcs]

    def _subnet(self, n: int) -> Json:
        vpc = self.vpcs[n % self.size.vpcs]
        block = list(ip_network(vpc["CidrBlock"]).subnets(new_prefix=20))[n // self.size.vpcs]
        row = shapes.subnet(self._id("subnet"), vpc["VpcId"], str(block))
        if self.size.gateways:  # an attachment has one subnet in a zone: a public and a private one in each zone
            row |= {"AvailabilityZone": f"{shapes.REGION}{'ab'[n // self.size.vpcs // 2 % 2]}"}
        return row

    def _groups(self) -> list[Json]:
        ids = [self._id("sg") for _ in range(self.size.groups)]
        made = []
        for n, group_id in enumerate(ids):
            peers = ids[n % self.size.vpcs :: self.size.vpcs]
            rules = [self._permission(peers) for _ in range(self.size.rules)]
            made.append(shapes.group(group_id, self.vpcs[n % self.size.vpcs]["VpcId"], rules))
        return made

    def _permission(self, peers: list[str]) -> Json:
        rng = self.rng
        low = rng.choice(_PORTS)
        kind = rng.random()
        if kind < 0.2:
            peer = rng.choice(peers)
        elif kind < 0.4:
            peer = rng.choice(("0.0.0.0/0", *_ABROAD))
        else:
            peer = str(IPv4Network((0x0A000000 | rng.randrange(self.size.vpcs) << 16 | rng.randrange(16) << 12, 20)))
        return shapes.permission("tcp", low, low + rng.choice((0, 0, 0, 10)), [peer])

    def _instance(self, n: int) -> Json:
        subnet = self.subnets[n % self.size.subnets]
        address = str(ip_network(subnet["CidrBlock"])[10 + n // self.size.subnets])
        groups = [one["GroupId"] for one in self._of(self.groups, n % self.size.subnets)]
        public = {address: f"52.{n >> 16}.{n >> 8 & 255}.{n & 255}"} if self._is_public(n % self.size.subnets) else None
        instance_id = self._id("i")
        row = shapes.interface(
            self._id("eni"), subnet, [address], self.rng.sample(groups, min(3, len(groups))), instance_id, public
        )
        self.interfaces.append(row)
        return shapes.reservation(instance_id, [row])

    def _is_public(self, subnet: int) -> bool:
        return subnet // self.size.vpcs % 2 == 0

    def _tables(self, n: int) -> list[Json]:
        """A main table that leads to the internet gateway, and one that leads to a NAT gateway."""
        vpc, subnets = self.vpcs[n], self._of(self.subnets, n)
        routes = [shapes.route(vpc["CidrBlock"], "local")]
        if self.size.gateways:
            routes.append(shapes.route("10.0.0.0/8", self._gateway_of(n)))
        for peering in self.peerings:
            sides = peering["RequesterVpcInfo"], peering["AccepterVpcInfo"]
            if vpc["VpcId"] in (sides[0]["VpcId"], sides[1]["VpcId"]):
                other = next(side for side in sides if side["VpcId"] != vpc["VpcId"])
                routes.append(shapes.route(other["CidrBlock"], peering["VpcPeeringConnectionId"]))
        address = str(ip_network(subnets[0]["CidrBlock"])[4000])
        public = f"54.0.0.{n}"
        row = shapes.interface(self._id("eni"), subnets[0], [address], public={address: public}, check=False, nat=True)
        self.interfaces.append(row)
        self.nats.append(shapes.nat_gateway(self._id("nat"), row, public))
        behind = [one["SubnetId"] for one in subnets[1::2]]
        return [
            shapes.route_table(
                self._id("rtb"),
                vpc["VpcId"],
                [*routes, shapes.route("0.0.0.0/0", self.gateways[n]["InternetGatewayId"])],
                main=True,
            ),
            shapes.route_table(
                self._id("rtb"),
                vpc["VpcId"],
                [*routes, shapes.route("0.0.0.0/0", self.nats[-1]["NatGatewayId"])],
                behind,
            ),
        ]

    def _acls(self) -> list[Json]:
        """A default ACL for every VPC; the others guard a subnet each, with a few rules that deny."""
        own = self.subnets[: self.size.acls - self.size.vpcs]
        made = []
        for n, vpc in enumerate(self.vpcs):
            rest = [one["SubnetId"] for one in self._of(self.subnets, n) if one not in own]
            made.append(shapes.acl(self._id("acl"), vpc["VpcId"], rest, _entries(), default=True))
        for subnet in own:
            denied = [
                shapes.acl_entry(10 + n, "ingress", "deny", self.rng.choice(_ABROAD), 6, (low, low + 10))
                for n, low in enumerate(self.rng.sample(_PORTS, 5))
            ]
            made.append(shapes.acl(self._id("acl"), subnet["VpcId"], [subnet["SubnetId"]], [*denied, *_entries()]))
        return made

    def _gateway_of(self, vpc: int) -> str:
        return f"tgw-0{vpc * self.size.gateways // self.size.vpcs:016x}"

    def _transits(self) -> Network:
        """Transit gateways that are all peered with each other: own VPCs are propagated, those of others are static."""
        net = Network(None, account=shapes.OWNER, region=shapes.REGION)
        homes = {vpc["CidrBlock"]: self._gateway_of(n) for n, vpc in enumerate(self.vpcs)}
        gateways = list(dict.fromkeys(homes.values())) if self.size.gateways else []
        for gateway in gateways:
            table = gateway.replace("tgw-", "tgw-rtb-")
            transits.transit_gateway(net, gateway)
            peers = {other: _attachment(*sorted((gateway, other))) for other in gateways if other != gateway}
            for other, peering in peers.items():
                transits.attach(net, peering, other, gateway=gateway, table=table)
            propagated = {}
            for n, vpc in enumerate(self.vpcs):
                if self._gateway_of(n) == gateway:
                    attachment = propagated[vpc["CidrBlock"]] = _attachment(gateway, vpc["VpcId"])
                    within = [one["SubnetId"] for one in self._of(self.subnets, n)[1::2]]
                    transits.attach(net, attachment, vpc["VpcId"], within, gateway=gateway, table=table)
            static = {block: peers[home] for block, home in homes.items() if home != gateway}
            static["10.0.0.0/8"] = transits.BLACKHOLE
            transits.transit_table(net, table, static, propagated, gateway=gateway)
        return net

    def write(self, folder: Path) -> Path:
        """Write it as the AWS CLI prints it, a file for each kind."""
        folder.mkdir()
        documents = {
            "Vpcs": self.vpcs,
            "Subnets": self.subnets,
            "RouteTables": self.tables,
            "NetworkAcls": self.acls,
            "SecurityGroups": self.groups,
            "SecurityGroupRules": shapes.group_rules(self.groups),
            "NetworkInterfaces": self.interfaces,
            "Reservations": self.reservations,
            "InternetGateways": self.gateways,
            "NatGateways": self.nats,
            "VpcPeeringConnections": self.peerings,
            "PrefixLists": [],
            **{key: rows for key, rows in self.transits.responses.items() if key.startswith("TransitGateway")},
        }
        for key, rows in documents.items():
            (folder / f"{key}.json").write_text(json.dumps({key: rows}))
        for name, answer in self.transits.details.items():
            (folder / f"{name}.json").write_text(json.dumps(answer))
        return folder

    def questions(self, count: int) -> list[str]:
        """Questions of every kind that a runbook has, each about another place."""
        rng = Random(SEED)
        instances = [one["Instances"][0] for one in self.reservations]
        groups: dict[str, list[Json]] = {}
        for one in instances:
            groups.setdefault(one["VpcId"], []).append(one)
        made = []
        for _ in range(count):
            one, port = rng.choice(instances), rng.choice(_PORTS)
            here, kind = one["InstanceId"], rng.random()
            if self.size.gateways and kind < 0.20:
                made.append(f"{here} -> {rng.choice(instances)['InstanceId']}:{port}")
            elif kind < 0.40:
                made.append(f"{here} -> {rng.choice(groups[one['VpcId']])['InstanceId']}:{port}")
            elif kind < 0.55:
                made.append(f"{here} -> {rng.choice(instances)['PrivateIpAddress']}:{port}")
            elif kind < 0.75:
                made.append(f"203.0.113.{rng.randrange(256)} -> {one.get('PublicIpAddress', here)}:{port}")
            elif kind < 0.85:
                made.append(f"{here} -> 198.51.100.{rng.randrange(256)}:{port}")
            elif kind < 0.95:
                made.append(f"{rng.choice(self.subnets)['CidrBlock']} -> {here}:{port}")
            else:
                made.append(f"{rng.choice(instances)['InstanceId']} -> {here}")
        return made


def _attachment(one: str, other: str) -> str:
    """The id of what attaches a gateway to a VPC or another gateway, the same seen from both sides."""
    return f"tgw-attach-{one.partition('-')[2][-4:]}{other.partition('-')[2]}"


def _entries() -> list[Json]:
    allow = [shapes.acl_entry(100, direction, "allow", "0.0.0.0/0") for direction in ("egress", "ingress")]
    return [*allow, *shapes.acl_stars(ipv6=False)]


if __name__ == "__main__":
    made = Account(LARGE)
    made.write(Path(sys.argv[1]))
    print("\n".join(made.questions(int(sys.argv[2]))))
