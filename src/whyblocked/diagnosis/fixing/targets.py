"""What a VPC has that a route could lead to, and which of it may help to reach some addresses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from whyblocked.config import resources as r
from whyblocked.config.account import Account, Missing, Query
from whyblocked.config.addresses import public_addresses
from whyblocked.config.edits import CreateRoute, Edit, ReplaceRoute
from whyblocked.diagnosis.fixing.steps import Case, NoFix
from whyblocked.diagnosis.fixing.words import called
from whyblocked.network.addresses import PUBLIC
from whyblocked.network.nat64 import PREFIX
from whyblocked.network.packets import Interval, subtract_intervals
from whyblocked.network.references import blocks_of

_GONE = ("deleted", "deleting", "rejected", "rejecting", "failed", "failing")


def is_public(version: int, spans: Sequence[Interval]) -> bool:
    """Whether all of these addresses are on the internet."""
    return not subtract_intervals(spans, PUBLIC[version])


def has_public(version: int, spans: Sequence[Interval]) -> bool:
    """Whether any of these addresses is on the internet."""
    return subtract_intervals(spans, PUBLIC[version]) != list(spans)


def holds(blocks: Iterable[Interval], spans: Sequence[Interval]) -> bool:
    """Whether the blocks cover all of these addresses."""
    return not subtract_intervals(spans, blocks)


def route_to(destination: str, target: str) -> r.Route:
    """The route to a block by a target, the field of which its id tells."""
    field = _FIELDS.get(target.partition("-")[0], "gateway_id")
    kind = "destination_ipv6_cidr_block" if ":" in destination else "destination_cidr_block"
    kind = "destination_prefix_list_id" if destination.startswith("pl-") else kind
    return r.Route(**{kind: destination, field: target})


def put_route(case: Case, table: r.RouteTable, destination: str, target: str) -> Edit:
    """The route made, or given another target where the table has one to this very destination that does not work."""
    keep_working(case, table, destination, target)
    there = any(one.destination == destination and one.origin in ("CreateRoute", "") for one in table.routes)
    made = ReplaceRoute if there else CreateRoute
    return made(route_table_id=table.route_table_id, route=route_to(destination, target))


def keep_working(case: Case, table: r.RouteTable, destination: str, target: str) -> None:
    """Refuses to take a route that works from who uses it: whose way is given up is for people to decide."""
    for one in table.routes:
        if one.destination == destination and one.state != "blackhole" and not circles(case.account, table, one):
            other = "leading them all by {} instead is a decision for people."
            if target.startswith("igw-"):
                other = (
                    "if the subnet is private, moving the host to a public subnet, or a load balancer in front, is a "
                    "decision for people."
                )
            raise NoFix(
                f"{called(case.account, table.route_table_id)} has a route to {destination} that works, and "
                f"replacing it would take that way from every host that uses it: {other.format(target)}"
            )


def circles(account: Account, table: r.RouteTable, route: r.Route) -> bool:
    """Whether a route leads to a NAT gateway that sends on by this very route: whatever takes it never gets out.

    A NAT gateway in one subnet alone uses that subnet's table. What it translates from IPv6 takes another route there.
    """
    gateway = account.nat_gateways.get(route.target)
    return gateway is not None and ":" not in route.destination and uses(account, gateway, table)


def uses(account: Account, gateway: r.NatGateway, table: r.RouteTable) -> bool:
    """Whether a NAT gateway lies in a subnet of this route table."""
    subnet = account.subnet(gateway.subnet_id) if gateway.subnet_id else None
    own = None if subnet is None or isinstance(subnet, Missing) else account.route_table_of(subnet)
    return isinstance(own, r.RouteTable) and own.route_table_id == table.route_table_id


def alike(one: str, other: str) -> bool:
    """Whether a route to the one may become one to the other: another kind of target changes it for everybody."""
    return one.partition("-")[0] == other.partition("-")[0]


_FIELDS = {
    "nat": "nat_gateway_id",
    "tgw": "transit_gateway_id",
    "pcx": "vpc_peering_connection_id",
    "eigw": "egress_only_internet_gateway_id",
    "eni": "network_interface_id",
    "vpce": "vpc_endpoint_id",
}


# -- what there is -----------------------------------------------------------------------------------------------------


def nat_gateways(account: Account, vpc_id: str) -> list[r.NatGateway]:
    """The public NAT gateways of a VPC that work."""
    if account.source.ask(Query("DescribeNatGateways", "vpc-id", vpc_id)) is not None:
        return []
    known = (gateway for _, gateway in sorted(account.nat_gateways.items()))
    return [
        gateway
        for gateway in known
        if gateway.vpc_id == vpc_id and gateway.state == "available" and gateway.connectivity_type != "private"
    ]


def egress_only_gateways(account: Account, vpc_id: str) -> list[str]:
    """The egress-only internet gateways attached to a VPC."""
    if account.source.ask(Query("DescribeEgressOnlyInternetGateways", "", "", about=vpc_id)) is not None:
        return []
    found = (
        gateway_id
        for gateway_id, gateway in account.egress_only_gateways.items()
        if any(a.vpc_id == vpc_id and (a.state or "attached") == "attached" for a in gateway.attachments)
    )
    return sorted(found)


def peerings(account: Account, vpc_id: str) -> list[r.VpcPeeringConnection]:
    """The peering connections of a VPC that are active, or wait for somebody to accept them."""
    sides = ("requester-vpc-info.vpc-id", "accepter-vpc-info.vpc-id")
    missing = [account.source.ask(Query("DescribeVpcPeeringConnections", side, vpc_id)) for side in sides]
    if any(missing):
        return []
    found = (peering for _, peering in sorted(account.peerings_of.get(vpc_id, {}).items()))
    alive = [one for one in found if one.status.code in ("active", "pending-acceptance")]
    return sorted(alive, key=lambda one: one.status.code != "active")


def transit_gateways(account: Account, vpc_id: str) -> list[str]:
    """The transit gateways that a VPC is attached to."""
    asked = [Query("DescribeTransitGatewayAttachments", "resource-id", vpc_id)]
    asked.append(Query("DescribeTransitGatewayVpcAttachments", "vpc-id", vpc_id))
    refused = [account.source.ask(query) is not None for query in asked]
    if all(refused):
        return []
    found = {
        gateway_id
        for gateway_id, attachments in account.transit_attachments.items()
        for one in attachments.values()
        if one.resource_id == vpc_id and one.state not in _GONE
    }
    of_vpc = (one for one in account.transit_vpc_attachments.values() if one.vpc_id == vpc_id)
    return sorted(found | {one.transit_gateway_id for one in of_vpc if one.state not in _GONE})


def vpn_gateways(account: Account, vpc_id: str) -> list[str]:
    """The virtual private gateway attached to a VPC."""
    if account.source.ask(Query("DescribeVpnGateways", "attachment.vpc-id", vpc_id)) is not None:
        return []
    found = (
        gateway_id
        for gateway_id, gateway in account.vpn_gateways.items()
        if any(a.vpc_id == vpc_id and a.state == "attached" for a in gateway.vpc_attachments)
    )
    return sorted(found)


def internet_gateway(account: Account, vpc_id: str) -> str | None:
    """The internet gateway attached to a VPC."""
    found = account.internet_gateway_of(vpc_id)
    return found.internet_gateway_id if isinstance(found, r.InternetGateway) else None


def other_side(peering: r.VpcPeeringConnection, vpc_id: str) -> r.PeeringSide:
    """The VPC that a peering connection leads to from this one."""
    one, other = peering.requester_vpc_info, peering.accepter_vpc_info
    return one if other.vpc_id == vpc_id else other


# -- what may help -----------------------------------------------------------------------------------------------------


def targets(
    case: Case, table: r.RouteTable, version: int, spans: Sequence[Interval], *, reply: bool, sender: str | None
) -> list[str]:
    """The ids of what a route of ``table`` to these addresses could lead to, the likeliest first.

    ``reply``: what comes back goes the way that the request came; ``sender`` is the interface that sends.
    """
    account, vpc_id = case.account, table.vpc_id
    came_by = entrance(case, vpc_id) if reply else None
    found = [came_by] if came_by else []
    found += [
        peering.vpc_peering_connection_id
        for peering in peerings(account, vpc_id)
        if holds(blocks_of(account, other_side(peering, vpc_id), version), spans)
    ]
    if version == 6 and holds([PREFIX], spans):
        found += _nat_targets(account, table)
    elif is_public(version, spans):
        found += _public_targets(account, table, version, reply=reply, sender=sender)
    else:
        found += [*transit_gateways(account, vpc_id), *vpn_gateways(account, vpc_id)]
    return list(dict.fromkeys(found))


def _public_targets(
    account: Account, table: r.RouteTable, version: int, *, reply: bool, sender: str | None
) -> Iterator[str]:
    gateway = internet_gateway(account, table.vpc_id)
    direct = [gateway] if gateway else []
    if reply:
        yield from direct
        return
    through = egress_only_gateways(account, table.vpc_id) if version == 6 else list(_nat_targets(account, table))
    own = account.interfaces.get(sender or "")
    yield from (
        (*direct, *through) if own is not None and public_addresses(own) and version == 4 else (*through, *direct)
    )
    yield from transit_gateways(account, table.vpc_id)


def _nat_targets(account: Account, table: r.RouteTable) -> Iterator[str]:
    """NAT gateways that do not use this very table: they would send to themselves."""
    served = {a.subnet_id for a in table.associations if a.subnet_id}
    zones = {s.availability_zone for s in (account.subnets.get(subnet_id or "") for subnet_id in served) if s}

    def elsewhere(gateway: r.NatGateway) -> bool:
        subnet = account.subnets.get(gateway.subnet_id or "")
        return subnet is None or subnet.availability_zone not in zones

    for gateway in sorted(nat_gateways(account, table.vpc_id), key=elsewhere):
        if not uses(account, gateway, table):
            yield gateway.nat_gateway_id


def entrance(case: Case, vpc_id: str) -> str | None:
    """What the request came into a VPC by, where that is no router of its own."""
    kinds = ("internet-gateway", "vpc-peering", "transit-gateway", "vpn-gateway")
    met = [p for p in case.walk.passages if p.leg == "forward" and p.kind in kinds]
    last = met[-1] if met else None
    if last is None or (last.kind == "internet-gateway" and last.vpc_id not in (None, vpc_id)):
        return None
    return last.id
