"""Route tables (facts 3) for one address."""

from __future__ import annotations

from dataclasses import dataclass

from tests.oracle.model import Json, inside, network
from tests.oracle.snapshot import Snapshot

TARGET_FIELDS = (
    ("NatGatewayId", "nat"),
    ("TransitGatewayId", "tgw"),
    ("VpcPeeringConnectionId", "pcx"),
    ("NetworkInterfaceId", "eni"),
    ("EgressOnlyInternetGatewayId", "eigw"),
    ("CarrierGatewayId", "other"),
    ("LocalGatewayId", "other"),
    ("CoreNetworkArn", "other"),
    ("OdbNetworkArn", "other"),
    ("InstanceId", "other"),
)
STATIC, PREFIX_LIST, PROPAGATED = 0, 1, 2  # facts 3.2, rule 2


@dataclass(frozen=True)
class Lookup:
    """`kind` is the kind of target, "none" where no route covers the address, "ambiguous" where AWS does not say
    which wins."""

    table_id: str
    kind: str
    target: str = ""
    state: str = "active"
    doubt: str = ""


def table_of_subnet(snapshot: Snapshot, vpc_id: str, subnet_id: str) -> Json | None:
    """The explicit association, else the VPC's main table (facts 3.1)."""
    main = None
    for table in snapshot.rows("RouteTables"):
        for association in table["Associations"]:
            if association.get("AssociationState", {}).get("State", "associated") != "associated":
                continue
            if association.get("SubnetId") == subnet_id:
                return table
            if association.get("Main") and table["VpcId"] == vpc_id:
                main = table
    return main


def table_of_gateway(snapshot: Snapshot, gateway_id: str) -> Json | None:
    """An edge table (facts 3.1)."""
    for table in snapshot.rows("RouteTables"):
        for association in table["Associations"]:
            if association.get("GatewayId") == gateway_id:
                return table
    return None


def target_of(route: Json) -> tuple[str, str]:
    """Facts 3.3."""
    gateway = route.get("GatewayId", "")
    if gateway:
        kinds = {"local": "local", "igw": "igw", "vgw": "vgw", "vpce": "vpce"}
        return kinds.get(gateway.split("-")[0], "other"), gateway
    for field, kind in TARGET_FIELDS:
        if route.get(field):
            return kind, route[field]
    return "other", "unknown target"


def is_local(route: Json) -> bool:
    """The local route; its own target can have been replaced (facts 3.2)."""
    return route.get("GatewayId") == "local" or route.get("Origin") == "CreateRouteTable"


def lookup(snapshot: Snapshot, table: Json, wanted: str) -> Lookup:
    """Longest prefix, then static before prefix list before propagated; local beats any propagated route (facts
    3.2)."""
    table_id = table["RouteTableId"]
    matches: list[tuple[int, int, Json]] = []  # prefix length, rank, route
    unreadable = ""
    for route in table["Routes"]:
        cidrs, rank = destinations(snapshot, route)
        if cidrs is None:
            unreadable = str(route["DestinationPrefixListId"])
            continue
        matches += [(network(cidr).prefixlen, rank, route) for cidr in cidrs if inside(wanted, cidr)]
    if any(is_local(route) for _, _, route in matches):
        matches = [match for match in matches if match[1] != PROPAGATED]
    if unreadable:
        return Lookup(table_id, "ambiguous", unreadable, doubt="a prefix list of a route table cannot be read")
    if not matches:
        return Lookup(table_id, "none")
    longest = max(length for length, _, _ in matches)
    best_rank = min(rank for length, rank, _ in matches if length == longest)
    best = [route for length, rank, route in matches if (length, rank) == (longest, best_rank)]
    targets = {target_of(route) for route in best}
    if len(targets) > 1:
        return Lookup(table_id, "ambiguous", "several routes", doubt="equal routes with different targets")
    doubt = ""
    if best_rank == PREFIX_LIST:
        lists = {target_of(route) for _, rank, route in matches if rank == PREFIX_LIST}
        if len(lists) > 1:  # facts 3.2, rule 4: AWS picks one at random; whether longest prefix still rules is not said
            doubt = "overlapping prefix lists with different targets"
    (kind, target) = targets.pop()
    return Lookup(table_id, kind, target, best[0].get("State", "active"), doubt)


def destinations(snapshot: Snapshot, route: Json) -> tuple[list[str] | None, int]:
    if "DestinationPrefixListId" in route:
        return snapshot.prefix_list(route["DestinationPrefixListId"]), PREFIX_LIST
    cidr = route.get("DestinationCidrBlock") or route["DestinationIpv6CidrBlock"]
    return [cidr], PROPAGATED if route.get("Origin") == "EnableVgwRoutePropagation" else STATIC
