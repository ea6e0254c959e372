"""Plain look-ups over a dict of raw AWS CLI JSON: every function is a loop."""

from __future__ import annotations

from collections.abc import Iterator

from tests.oracle.model import Host, Json, inside


class Snapshot:
    def __init__(self, raw: Json) -> None:
        self.raw = raw

    def rows(self, key: str) -> list[Json]:
        rows: list[Json] = self.raw.get(key, [])
        return rows

    def find(self, key: str, field: str, wanted: str) -> Json | None:
        for row in self.rows(key):
            if row.get(field) == wanted:
                return row
        return None

    # Interfaces and instances

    def interface(self, interface_id: str) -> Json | None:
        return self.find("NetworkInterfaces", "NetworkInterfaceId", interface_id)

    def instance(self, instance_id: str) -> Json | None:
        for reservation in self.rows("Reservations"):
            for instance in reservation["Instances"]:
                if instance["InstanceId"] == instance_id:
                    found: Json = instance
                    return found
        return None

    def interfaces_of(self, instance_id: str) -> list[Json]:
        """Attached interfaces, the primary one (device index 0) first."""
        mine = [
            row for row in self.rows("NetworkInterfaces") if row.get("Attachment", {}).get("InstanceId") == instance_id
        ]
        return sorted(mine, key=lambda row: int(row["Attachment"].get("DeviceIndex", 0)))

    def owners(self, wanted: str, vpc_id: str | None = None) -> list[Json]:
        """Interfaces that hold this private IPv4 or this IPv6 address."""
        return [row for row in self.rows("NetworkInterfaces") if vpc_id in (None, row["VpcId"]) and owns(row, wanted)]

    def public_owner(self, wanted: str) -> tuple[Json, str] | None:
        """The interface behind a public IPv4 address and the private address that it is mapped to (facts 4.1)."""
        for row in self.rows("NetworkInterfaces"):
            for private, public in public_pairs(row):
                if public == wanted:
                    return row, private
        return None

    def host(self, row: Json, owned: str) -> Host:
        nat_id = None
        for gateway in self.rows("NatGateways"):
            for entry in gateway.get("NatGatewayAddresses", []):
                if entry.get("NetworkInterfaceId") == row["NetworkInterfaceId"]:
                    nat_id = gateway["NatGatewayId"]
        return Host(owned, row["SubnetId"], row["VpcId"], row["NetworkInterfaceId"], nat_id)

    def host_at(self, wanted: str, vpc_id: str) -> Host | None:
        """Who answers at this address inside this VPC: an interface, else a hypothetical host where a subnet covers
        it."""
        for row in self.owners(wanted, vpc_id):
            return self.host(row, wanted)
        for subnet in self.rows("Subnets"):
            if subnet["VpcId"] == vpc_id and any(inside(wanted, cidr) for cidr in subnet_cidrs(subnet)):
                return Host(wanted, subnet["SubnetId"], vpc_id)
        return None

    # Subnets and VPCs

    def subnet_holds(self, subnet_id: str, wanted: str) -> bool:
        subnet = self.find("Subnets", "SubnetId", subnet_id)
        return subnet is not None and any(inside(wanted, cidr) for cidr in subnet_cidrs(subnet))

    def vpc_holds(self, vpc_id: str, wanted: str) -> bool:
        vpc = self.find("Vpcs", "VpcId", vpc_id)
        return vpc is not None and any(inside(wanted, cidr) for cidr in vpc_cidrs(vpc))

    def network_acl(self, subnet_id: str) -> Json | None:
        """Exactly one NACL per subnet, always with an explicit association (facts 2.1, 8.1)."""
        for acl in self.rows("NetworkAcls"):
            for association in acl["Associations"]:
                if association["SubnetId"] == subnet_id:
                    return acl
        return None

    def prefix_list(self, prefix_list_id: str) -> list[str] | None:
        """CIDRs of a prefix list; None where they could not be read."""
        entries = self.raw.get("PrefixListEntries", {}).get(prefix_list_id)
        if entries is not None:
            return [entry["Cidr"] for entry in entries]
        listed = self.find("PrefixLists", "PrefixListId", prefix_list_id)
        cidrs: list[str] | None = (listed or {}).get("Cidrs")  # describe-prefix-lists prints them, for AWS's own lists
        return cidrs

    # Gateways

    def internet_gateway_of(self, vpc_id: str) -> Json | None:
        for gateway in self.rows("InternetGateways"):
            if gateway_attached(gateway, vpc_id):
                return gateway
        return None

    def active_peering(self, one: str, other: str) -> bool:
        """An active peering of the same Region between two VPCs (facts 1.3)."""
        for peering in self.rows("VpcPeeringConnections"):
            requester, accepter = peering["RequesterVpcInfo"], peering["AccepterVpcInfo"]
            same_region = requester.get("Region") == accepter.get("Region")
            joins = {requester["VpcId"], accepter["VpcId"]} == {one, other}
            if peering["Status"]["Code"] == "active" and same_region and joins:
                return True
        return False


def public_pairs(row: Json) -> Iterator[tuple[str, str]]:
    """(private, public) for every private address that has a public one; it may sit on a secondary address (facts
    4.1)."""
    for entry in row.get("PrivateIpAddresses", []):
        if "PublicIp" in entry.get("Association", {}):
            yield entry["PrivateIpAddress"], entry["Association"]["PublicIp"]


def public_of(row: Json, private: str) -> str | None:
    return dict(public_pairs(row)).get(private)


def owns(row: Json, wanted: str) -> bool:
    """All of an interface's addresses: secondary ones and delegated prefixes count (facts 4.10)."""
    single = [entry["PrivateIpAddress"] for entry in row.get("PrivateIpAddresses", [])]
    single += [entry["Ipv6Address"] for entry in row.get("Ipv6Addresses", [])]
    prefixes = [entry["Ipv4Prefix"] for entry in row.get("Ipv4Prefixes", [])]
    prefixes += [entry["Ipv6Prefix"] for entry in row.get("Ipv6Prefixes", [])]
    return wanted in single or any(inside(wanted, prefix) for prefix in prefixes)


def subnet_cidrs(subnet: Json) -> list[str]:
    sets = subnet.get("Ipv6CidrBlockAssociationSet", [])
    v6 = [entry["Ipv6CidrBlock"] for entry in sets if entry["Ipv6CidrBlockState"]["State"] == "associated"]
    return ([subnet["CidrBlock"]] if subnet.get("CidrBlock") else []) + v6


def vpc_cidrs(vpc: Json) -> list[str]:
    """Every CIDR whose association state is `associated` (facts 3.2)."""
    v4 = [
        e["CidrBlock"] for e in vpc.get("CidrBlockAssociationSet", []) if e["CidrBlockState"]["State"] == "associated"
    ]
    sets = vpc.get("Ipv6CidrBlockAssociationSet", [])
    return v4 + [e["Ipv6CidrBlock"] for e in sets if e["Ipv6CidrBlockState"]["State"] == "associated"]


def gateway_attached(gateway: Json, vpc_id: str) -> bool:
    """`available` in practice, though the shape's enum says `attached` (facts 4.1)."""
    return any(a["VpcId"] == vpc_id and a["State"] in ("available", "attached") for a in gateway.get("Attachments", []))
