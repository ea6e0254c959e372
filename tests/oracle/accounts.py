"""Small but nasty random accounts as raw AWS JSON, and the folder form that the product reads."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from pathlib import Path
from random import Random

from hypothesis import strategies as st

from tests.oracle import account_rules as rules
from tests.oracle import shapes
from tests.oracle.model import Json, inside

V4_BASES = ("10.0.0.0/16", "10.1.0.0/16", "172.31.0.0/16", "10.0.0.0/20", "10.3.0.0/16")
SECONDARY = ("100.64.0.0/20", "10.2.0.0/16", "192.168.0.0/24")
INSTANCE_STATES = ("running",) * 20 + ("stopped", "pending")
PEERING_STATES = ("active",) * 6 + ("pending-acceptance", "deleted")
BPA_MODES = ("off", "off", "off", "off", "off", "off", "block-ingress", "block-bidirectional")


class Account:
    """Builds one account; every choice is drawn from `rng`."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.lenient = rng.random() < 0.4  # few rules that deny, so that packets get far
        self.counter = 0
        self.publics = 0
        self.vpcs: list[Json] = []
        self.subnets: list[Json] = []
        self.groups: list[Json] = []
        self.interfaces: list[Json] = []
        self.reservations: list[Json] = []
        self.internet: list[Json] = []
        self.egress_only: list[Json] = []
        self.nats: list[Json] = []
        self.peerings: list[Json] = []
        self.acls: list[Json] = []
        self.tables: list[Json] = []
        self.lists: dict[str, list[str]] = {}

    def new(self, kind: str) -> str:
        self.counter += 1
        return f"{kind}-0{self.counter * 0x1F35A7:016x}"

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def public(self) -> str:
        self.publics += 1
        return f"52.0.0.{self.publics}"

    def of_vpc(self, rows: list[Json], vpc: Json) -> list[Json]:
        return [row for row in rows if row["VpcId"] == vpc["VpcId"]]

    def build(self) -> Json:
        for _ in range(self.rng.choice((0, 0, 1, 2))):
            self.lists[self.new("pl")] = self.rng.sample(rules.CIDRS_V4[1:], self.rng.randint(1, 3))
        if self.chance(0.2):
            self.lists[self.new("pl")] = self.rng.sample(rules.CIDRS_V6[1:], 2)
        for number in range(self.rng.choice((1, 2, 2, 3))):
            self.add_vpc(number)
        for one, other in zip(self.vpcs, self.vpcs[1:], strict=False):
            if self.chance(0.75):
                self.add_peering(one, other)
        self.add_groups()
        for _ in range(self.rng.randint(2, 5)):
            self.add_instance()
        if self.chance(0.3):
            self.add_interface(self.rng.choice(self.subnets), None)
        for vpc in self.vpcs:
            if self.chance(0.5):
                self.add_nat(vpc)
            self.add_tables(vpc)
            self.add_acls(vpc)
        return self.raw()

    def add_vpc(self, number: int) -> None:
        rng = self.rng
        ipv6 = f"2001:db8:0:{number + 1}00::/56" if self.chance(0.4) else None
        base = rng.choice(V4_BASES)
        more = [block for block in rng.sample(SECONDARY, 1) if self.chance(0.25)]
        vpc = shapes.vpc(self.new("vpc"), base, more, ipv6)
        self.vpcs.append(vpc)
        first = list(ip_network(base).subnets(new_prefix=24))[:2]
        blocks = [str(first[0]), str(first[1]), *(str(next(ip_network(one).subnets(new_prefix=25))) for one in more)]
        for n, block in enumerate(blocks[: rng.choice((1, 2, 2))] + blocks[2:]):
            v6 = ipv6.replace("00::/56", f"0{n + 1}::/64") if ipv6 and self.chance(0.85) else None
            self.subnets.append(shapes.subnet(self.new("subnet"), vpc["VpcId"], block, v6))
        if self.chance(0.8):
            self.internet.append(shapes.internet_gateway(self.new("igw"), vpc["VpcId"] if self.chance(0.92) else None))
        if ipv6 and self.chance(0.5):
            self.egress_only.append(shapes.egress_only_gateway(self.new("eigw"), vpc["VpcId"]))

    def add_peering(self, one: Json, other: Json) -> None:
        """AWS refuses to peer overlapping VPCs, so those get at most a failed connection."""
        mine = [ip_network(entry["CidrBlock"]) for entry in one["CidrBlockAssociationSet"]]
        theirs = [ip_network(entry["CidrBlock"]) for entry in other["CidrBlockAssociationSet"]]
        overlap = any(a.overlaps(b) for a in mine for b in theirs)
        status = "failed" if overlap else self.rng.choice(PEERING_STATES)
        self.peerings.append(shapes.peering(self.new("pcx"), one, other, status))

    def add_groups(self) -> None:
        homes = [(self.new("sg"), vpc["VpcId"]) for vpc in self.vpcs for _ in range(self.rng.randint(1, 3))]
        peers = [group_id for group_id, _ in homes] + list(self.lists)
        for group_id, vpc_id in homes:
            one = rules.group(self.rng, group_id, vpc_id, peers)
            if self.lenient and self.chance(0.85):
                one = shapes.group(group_id, vpc_id, [shapes.permission("-1", peers=["0.0.0.0/0", "::/0"])])
            self.groups.append(one)

    def free_addresses(self, subnet: Json, count: int) -> list[str]:
        """From .10 upwards; the first is 10.0.0.10, which random rules like to name."""
        taken = sum(len(row["PrivateIpAddresses"]) for row in self.interfaces if row["SubnetId"] == subnet["SubnetId"])
        base = ip_network(subnet["CidrBlock"])
        return [str(base[10 + taken + n]) for n in range(count)]

    def add_interface(self, subnet: Json, instance_id: str | None, device: int = 0) -> Json:
        rng = self.rng
        addresses = self.free_addresses(subnet, rng.choice((1, 1, 1, 1, 1, 2, 3)))
        available = [group["GroupId"] for group in self.groups if group["VpcId"] == subnet["VpcId"]]
        groups = rng.sample(available, min(len(available), rng.choice((1, 1, 1, 2))))
        public = {one: self.public() for n, one in enumerate(addresses) if self.chance(0.6 if n == 0 else 0.3)}
        blocks = [entry["Ipv6CidrBlock"] for entry in subnet["Ipv6CidrBlockAssociationSet"]]
        ipv6 = [str(ip_network(block)[0x10 + len(self.interfaces)]) for block in blocks if self.chance(0.8)]
        row = shapes.interface(
            self.new("eni"), subnet, addresses, groups, instance_id, public, ipv6, device, check=not self.chance(0.2)
        )
        self.interfaces.append(row)
        return row

    def add_instance(self) -> None:
        rng = self.rng
        instance_id = self.new("i")
        subnet = rng.choice(self.subnets)
        rows = [self.add_interface(subnet, instance_id)]
        if self.chance(0.12):
            siblings = [one for one in self.subnets if one["VpcId"] == subnet["VpcId"]]
            rows.append(self.add_interface(rng.choice(siblings), instance_id, device=1))
        state = rng.choice(INSTANCE_STATES)
        self.reservations.append(shapes.reservation(instance_id, rows, state, windows=self.chance(0.2)))

    def add_nat(self, vpc: Json) -> None:
        subnet = self.rng.choice(self.of_vpc(self.subnets, vpc))
        address = self.free_addresses(subnet, 1)[0]
        public = self.public() if self.chance(0.8) else None
        row = shapes.interface(
            self.new("eni"), subnet, [address], public={address: public} if public else None, check=False, nat=True
        )
        state = self.rng.choice(("available", "available", "available", "available", "failed", "deleted"))
        if state != "deleted":  # its interface goes with it
            self.interfaces.append(row)
        self.nats.append(shapes.nat_gateway(self.new("nat"), row, public, state))

    def add_tables(self, vpc: Json) -> None:
        """A main table, and explicit ones for some subnets."""
        rng, vpc_id = self.rng, vpc["VpcId"]
        subnets = [one["SubnetId"] for one in self.of_vpc(self.subnets, vpc)]
        with_nat = [row["SubnetId"] for row in self.nats]
        explicit = [one for one in subnets if self.chance(0.9 if one in with_nat else 0.5)]
        rest = [one for one in subnets if one not in explicit]
        self.tables.append(shapes.route_table(self.new("rtb"), vpc_id, self.routes(vpc, rest), main=True))
        for subnet_id in explicit:
            self.tables.append(shapes.route_table(self.new("rtb"), vpc_id, self.routes(vpc, [subnet_id]), [subnet_id]))
        if rng.random() < 0.1:
            self.tables.append(shapes.route_table(self.new("rtb"), vpc_id, self.routes(vpc, [])))

    def routes(self, vpc: Json, subnets: list[str]) -> list[Json]:
        """For a table that serves `subnets`: a NAT gateway's own subnet seldom leads to a NAT gateway."""
        gateways = [row for row in self.internet if any(a["VpcId"] == vpc["VpcId"] for a in row["Attachments"])]
        loose = [row for row in self.internet if not row["Attachments"]]
        nats = [row["NatGatewayId"] for row in self.of_vpc(self.nats, vpc)]
        beside_nat = any(row["SubnetId"] in subnets for row in self.of_vpc(self.nats, vpc))
        if beside_nat and self.chance(0.9):
            nats = []
        eigws = [row for row in self.egress_only if row["Attachments"][0]["VpcId"] == vpc["VpcId"]]
        defaults = [row["InternetGatewayId"] for row in gateways] + nats * 2
        defaults += [row["EgressOnlyInternetGatewayId"] for row in eigws]
        targets = [row["NetworkInterfaceId"] for row in self.of_vpc(self.interfaces, vpc)][:2]
        rows = rules.routes(self.rng, vpc, targets + nats, defaults, list(self.lists))
        if loose and self.chance(0.3):  # a detached gateway leaves a blackhole behind
            rows.insert(0, shapes.route("0.0.0.0/0", loose[0]["InternetGatewayId"], "blackhole"))
        for peering in self.peerings:
            rows = [*self.peering_routes(vpc, peering), *rows]
        for row in rows:
            self.bury(row)
        local = [entry["CidrBlock"] for entry in vpc["CidrBlockAssociationSet"]]
        local += [entry["Ipv6CidrBlock"] for entry in vpc.get("Ipv6CidrBlockAssociationSet", [])]
        rows.sort(key=lambda row: row.get("GatewayId") != "local")
        kept = rules.legal(rows, local, [one["CidrBlock"] for one in self.of_vpc(self.subnets, vpc)])
        self.rng.shuffle(kept)
        return kept

    def peering_routes(self, vpc: Json, peering: Json) -> Iterator[Json]:
        sides = [peering["RequesterVpcInfo"]["VpcId"], peering["AccepterVpcInfo"]["VpcId"]]
        if vpc["VpcId"] not in sides:
            return
        peer = next(one for one in self.vpcs if one["VpcId"] in sides and one is not vpc)
        blocks = [entry["CidrBlock"] for entry in peer["CidrBlockAssociationSet"]]
        if vpc.get("Ipv6CidrBlockAssociationSet"):
            blocks += [entry["Ipv6CidrBlock"] for entry in peer.get("Ipv6CidrBlockAssociationSet", [])]
        for block in blocks:
            if self.chance(0.88):
                yield shapes.route(block, peering["VpcPeeringConnectionId"])

    def bury(self, row: Json) -> None:
        """Routes to what is gone are blackholes (facts 3.3)."""
        peering = next(
            (p for p in self.peerings if p["VpcPeeringConnectionId"] == row.get("VpcPeeringConnectionId")), None
        )
        nat = next((n for n in self.nats if n["NatGatewayId"] == row.get("NatGatewayId")), None)
        gone = (peering and peering["Status"]["Code"] != "active") or (nat and nat["State"] == "deleted")
        if gone and self.chance(0.8):
            row["State"] = "blackhole"
        if "NetworkInterfaceId" in row:
            target = next(one for one in self.interfaces if one["NetworkInterfaceId"] == row["NetworkInterfaceId"])
            if "InstanceId" in target.get("Attachment", {}):
                row.update(InstanceId=target["Attachment"]["InstanceId"], InstanceOwnerId=shapes.OWNER)

    def add_acls(self, vpc: Json) -> None:
        """Every subnet has exactly one; the default one always exists."""
        ipv6 = bool(vpc.get("Ipv6CidrBlockAssociationSet"))
        subnets = [one["SubnetId"] for one in self.of_vpc(self.subnets, vpc)]
        own = [one for one in subnets if self.chance(0.5)]
        rest = [one for one in subnets if one not in own]
        self.acls.append(shapes.acl(self.new("acl"), vpc["VpcId"], rest, self.acl_entries(ipv6), default=True))
        for subnet_id in own:
            self.acls.append(shapes.acl(self.new("acl"), vpc["VpcId"], [subnet_id], self.acl_entries(ipv6)))

    def acl_entries(self, ipv6: bool) -> list[Json]:
        if self.lenient and self.chance(0.7):
            return rules.default_acl_entries(ipv6)
        return rules.acl_entries(self.rng, ipv6)

    def raw(self) -> Json:
        exclusions: list[Json] = []
        mode = self.rng.choice(BPA_MODES)
        if mode != "off" and self.chance(0.6):
            subnet = self.rng.choice(self.subnets)
            kind, name = self.rng.choice((("vpc", subnet["VpcId"]), ("subnet", subnet["SubnetId"])))
            exclusions.append(
                {
                    "ExclusionId": self.new("vpcbpa-exclude"),
                    "InternetGatewayExclusionMode": self.rng.choice(("allow-bidirectional", "allow-egress")),
                    "ResourceArn": f"arn:aws:ec2:{shapes.REGION}:{shapes.OWNER}:{kind}/{name}",
                    "State": "create-complete",
                    "Tags": [],
                }
            )
        return {
            "Vpcs": self.vpcs,
            "Subnets": self.subnets,
            "RouteTables": self.tables,
            "NetworkAcls": self.acls,
            "SecurityGroups": self.groups,
            "SecurityGroupRules": shapes.group_rules(self.groups),
            "NetworkInterfaces": self.interfaces,
            "Reservations": self.reservations,
            "InternetGateways": self.internet,
            "EgressOnlyInternetGateways": self.egress_only,
            "NatGateways": self.nats,
            "VpcPeeringConnections": self.peerings,
            "PrefixLists": [shapes.managed_prefix_list(name, cidrs) for name, cidrs in self.lists.items()],
            "PrefixListEntries": {name: [{"Cidr": cidr} for cidr in cidrs] for name, cidrs in self.lists.items()},
            "VpcBlockPublicAccessOptions": {
                "AwsAccountId": shapes.OWNER,
                "AwsRegion": shapes.REGION,
                "State": "default-state" if mode == "off" else "update-complete",
                "InternetGatewayBlockMode": mode,
                "ManagedBy": "account",
                "ExclusionsAllowed": "allowed",
            },
            "VpcBlockPublicAccessExclusions": exclusions,
        }


def random_account(rng: Random) -> Json:
    return Account(rng).build()


def accounts() -> st.SearchStrategy[Json]:
    """Accounts drawn through hypothesis' own random source, so that a failure is replayed and made smaller."""
    return st.randoms(use_true_random=False).map(random_account)


def minimise(account: Json, still_fails: Callable[[Json], bool]) -> Json:
    """The account without every row and rule that the failure does not need; `still_fails` must be true of the account.

    Give a `still_fails` that is false where an answer raises, so that no half account counts as a smaller failure."""
    smaller = copy.deepcopy(account)
    removed = True
    while removed:
        removed = False
        for rows in removable(smaller):
            for index in reversed(range(len(rows))):
                row = rows.pop(index)
                smaller["SecurityGroupRules"] = shapes.group_rules(smaller["SecurityGroups"])
                if still_fails(smaller):
                    removed = True
                else:
                    rows.insert(index, row)
        smaller["SecurityGroupRules"] = shapes.group_rules(smaller["SecurityGroups"])
    return smaller


def removable(account: Json) -> list[list[Json]]:
    keys = ("NetworkInterfaces", "Reservations", "NatGateways", "VpcPeeringConnections", "InternetGateways")
    lists: list[list[Json]] = [
        account[key] for key in (*keys, "EgressOnlyInternetGateways", "VpcBlockPublicAccessExclusions")
    ]
    lists += [table["Routes"] for table in account["RouteTables"]]
    lists += [acl["Entries"] for acl in account["NetworkAcls"]]
    for group in account["SecurityGroups"]:
        lists += [group["IpPermissions"], group["IpPermissionsEgress"]]
    return lists


def write_snapshot(account: Json, folder: Path) -> None:
    """As contract part 6 wants it: one file a top-level key, one `Entries` file a prefix list."""
    folder.mkdir(parents=True, exist_ok=True)
    for key, value in account.items():
        if key == "PrefixListEntries":
            for name, entries in value.items():
                (folder / f"managed-prefix-list-entries.{name}.json").write_text(json.dumps({"Entries": entries}))
        elif key == "Files":
            for stem, document in value.items():
                (folder / f"{stem}.json").write_text(json.dumps(document))
        else:
            (folder / f"{key}.json").write_text(json.dumps({key: value}))


def address_book(account: Json) -> list[str]:
    """Every address that an interface holds, public ones too, and that only one of them holds."""
    held: list[str] = []
    for row in account["NetworkInterfaces"]:
        held += [entry["PrivateIpAddress"] for entry in row["PrivateIpAddresses"]]
        held += [entry["Association"]["PublicIp"] for entry in row["PrivateIpAddresses"] if "Association" in entry]
        held += [entry["Ipv6Address"] for entry in row["Ipv6Addresses"]]
    return [one for one in held if held.count(one) == 1]


def vpc_covers(account: Json, wanted: str) -> bool:
    blocks = [entry["CidrBlock"] for vpc in account["Vpcs"] for entry in vpc["CidrBlockAssociationSet"]]
    return any(inside(wanted, block) for block in blocks)
