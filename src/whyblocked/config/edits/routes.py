"""Routes, and which route table serves a subnet or gateway.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateRoute.html
https://docs.aws.amazon.com/vpc/latest/userguide/subnet-route-tables.html
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from whyblocked.config import resources as r
from whyblocked.config import transit
from whyblocked.config.account import Account, Missing, Query
from whyblocked.config.edits.kinds import (
    AssociateRouteTable,
    CreateRoute,
    CreateRouteTable,
    DeleteRoute,
    DisassociateRouteTable,
    ReplaceRoute,
    ReplaceRouteTableAssociation,
    SetRoutes,
)
from whyblocked.config.edits.making import (
    canonical,
    instance,
    interface,
    known,
    only_interface,
    readable,
    refuse,
    route_table,
    subnet,
    vpc,
)
from whyblocked.config.replacing import replace
from whyblocked.text import clean

MOST_ROUTES = 1000  # that are not propagated, whatever the quota was raised to
"""https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-route-tables"""

_PROPAGATED = "EnableVgwRoutePropagation"
_ADVERTISED = "Advertisement"
_INSIDE = ("nat", "eni", "vpce", "i")  # what a part of the VPC can be routed to


def create(account: Account, edit: CreateRoute) -> None:
    """Add a route to a destination that the table has none for."""
    table = route_table(account, edit.route_table_id)
    route = _as_kept(account, table, edit.route)
    if any(_same(one, route) and _made(one) for one in table.routes):
        refuse(f"{table.route_table_id} has a route to {route.destination} already")
    _check_inside(account, table, route)
    if sum(map(_made, table.routes)) >= MOST_ROUTES:
        refuse(f"{table.route_table_id} has {MOST_ROUTES} routes, as many as any quota allows")
    _put(account, table, (*table.routes, route))


def exchange(account: Account, edit: ReplaceRoute) -> None:
    """Give a route another target."""
    table = route_table(account, edit.route_table_id)
    route = _as_kept(account, table, edit.route)
    old = _there(table, route.destination)
    route = msgspec.structs.replace(route, origin=old.origin)
    if old.origin == "CreateRouteTable" and route.target != "local" and not _leads_inside(route):
        refuse(f"the local route can lead to a NAT gateway, interface or endpoint of the VPC, not to {route.target}")
    _put(account, table, (route if one is old else one for one in table.routes))


def delete(account: Account, edit: DeleteRoute) -> None:
    """Take a route out."""
    table = route_table(account, edit.route_table_id)
    destination = edit.destination if edit.destination.startswith("pl-") else canonical(edit.destination)
    old = _there(table, destination)
    if old.target == "local" or old.origin == "CreateRouteTable":
        refuse(f"{table.route_table_id}: the local route to {destination} can't be deleted")
    _put(account, table, (one for one in table.routes if one is not old))


def create_table(account: Account, edit: CreateRouteTable) -> None:
    """A table of a VPC with its local routes alone, which serves nothing."""
    of = vpc(account, edit.vpc_id)
    routes = tuple(
        r.Route(
            destination_cidr_block=str(network) if network.version == 4 else None,
            destination_ipv6_cidr_block=str(network) if network.version == 6 else None,
            gateway_id="local",
            origin="CreateRouteTable",
        )
        for network in of.networks
    )
    replace(account, r.RouteTable(route_table_id=edit.route_table_id, vpc_id=of.vpc_id, routes=routes, associations=()))


def set_routes(account: Account, edit: SetRoutes) -> None:
    """Put these routes in the place of all that somebody made.

    A gateway endpoint keeps its own, and the local ones stay unless they are given another target.
    """
    table = route_table(account, edit.route_table_id)
    new = [_as_kept(account, table, route) for route in edit.routes]
    given = {_destination(route) for route in new}
    kept = [
        one
        for one in table.routes
        if not _made(one)
        or (one.origin == "CreateRouteTable" and _destination(one) not in given)
        or (one.destination_prefix_list_id and one.target.startswith("vpce-"))
    ]
    for route in new:
        _check_inside(account, table, route)
    _put(account, table, (*kept, *new))


# -- what a table serves -----------------------------------------------------------------------------------------------


def associate(account: Account, edit: AssociateRouteTable) -> None:
    """Make a table serve a subnet that falls back on the main one, or a gateway."""
    table = route_table(account, edit.route_table_id)
    if edit.subnet_id:
        served = subnet(account, edit.subnet_id)
        _same_vpc(table, edit.subnet_id, served.vpc_id)
        readable(edit.subnet_id, account.route_table_of(served))  # so that all tables of the VPC are known
        old = account._table_of_subnet.get(edit.subnet_id)
    else:
        vpc(account, table.vpc_id)
        old = account.edge_table_of(edit.gateway_id or "")
    if old is not None:
        refuse(f"{edit.subnet_id or edit.gateway_id} is associated with {old.route_table_id} already")
    made = r.RouteTableAssociation(subnet_id=edit.subnet_id, gateway_id=edit.gateway_id)
    replace(account, msgspec.structs.replace(table, associations=(*table.associations, made)))


def disassociate(account: Account, edit: DisassociateRouteTable) -> None:
    """Make a subnet fall back on the main table, or a gateway have none."""
    table, association = _association(account, edit.association_id)
    if association.main:
        refuse(f"{edit.association_id} is that of the main route table, which can only be replaced")
    _leave(account, table, association)


def reassociate(account: Account, edit: ReplaceRouteTableAssociation) -> None:
    """Make another table serve what one serves; of the main one, all subnets that have none of their own."""
    table = route_table(account, edit.route_table_id)
    if edit.association_id:
        old, association = _association(account, edit.association_id)
    elif edit.vpc_id:
        old, association = _main(account, edit.vpc_id)
    else:
        served = subnet(account, edit.subnet_id or "")
        old = readable(served.subnet_id, account.route_table_of(served))
        own = (a for a in old.associations if a.active and a.subnet_id == served.subnet_id)
        association = next(own, r.RouteTableAssociation(subnet_id=served.subnet_id))
    _same_vpc(table, old.route_table_id, old.vpc_id)
    _leave(account, old, association)
    table = account.route_tables[table.route_table_id]
    replace(account, msgspec.structs.replace(table, associations=(*table.associations, association)))


def _association(account: Account, association_id: str) -> tuple[r.RouteTable, r.RouteTableAssociation]:
    query = Query("DescribeRouteTables", "association.route-table-association-id", association_id)
    readable(association_id, account.source.ask(query))
    for table in account.route_tables.values():
        for association in table.associations:
            if association.route_table_association_id == association_id:
                return table, association
    refuse(f"no route table has the association {clean(association_id, 60)}")


def _main(account: Account, vpc_id: str) -> tuple[r.RouteTable, r.RouteTableAssociation]:
    readable(vpc_id, account.source.ask(Query("DescribeRouteTables", "vpc-id", vpc_id)))
    table = account._main_table.get(vpc_id)
    if table is None:
        refuse(f"the main route table of {clean(vpc_id, 60)} is not known")
    return table, next(a for a in table.associations if a.main and a.active)


def _leave(account: Account, table: r.RouteTable, association: r.RouteTableAssociation) -> None:
    left = tuple(a for a in table.associations if a is not association)
    replace(account, msgspec.structs.replace(table, associations=left))


def _same_vpc(table: r.RouteTable, what: str, vpc_id: str) -> None:
    if vpc_id != table.vpc_id:
        refuse(f"{table.route_table_id} is of {table.vpc_id}, and {what} of {vpc_id}")


# -- routes ------------------------------------------------------------------------------------------------------------


def _same(one: r.Route, other: r.Route) -> bool:
    return _destination(one) == _destination(other)


def _destination(route: r.Route) -> str:
    return route.destination if route.destination_prefix_list_id else canonical(route.destination)


def _made(route: r.Route) -> bool:
    """Whether somebody made the route (or the table came with it), as opposed to one that is learned."""
    return route.origin not in (_PROPAGATED, _ADVERTISED)


def _there(table: r.RouteTable, destination: str) -> r.Route:
    found = next((one for one in table.routes if _destination(one) == destination and _made(one)), None)
    if found is None:
        refuse(f"{table.route_table_id} has no route to {destination} that could be changed")
    return found


def _put(account: Account, table: r.RouteTable, routes: Iterable[r.Route]) -> None:
    replace(account, msgspec.structs.replace(table, routes=tuple(routes)))


def _as_kept(account: Account, table: r.RouteTable, route: r.Route) -> r.Route:
    """A route as AWS keeps it, with what it says of a target: that it exists, and of which VPC."""
    four, six = route.destination_cidr_block, route.destination_ipv6_cidr_block
    if sum(map(bool, (four, six, route.destination_prefix_list_id))) != 1:
        refuse("a route has to have one destination: an IPv4 block, an IPv6 block or a prefix list")
    route = msgspec.structs.replace(
        route,
        destination_cidr_block=canonical(four) if four else None,
        destination_ipv6_cidr_block=canonical(six) if six else None,
        gateway_id=route.gateway_id or route.vpc_endpoint_id,  # where DescribeRouteTables shows it
        vpc_endpoint_id=None,
        state="active",
        origin="CreateRoute",
    )
    if not route.target:
        refuse(f"the route to {route.destination} has no target")
    return _to_target(account, table, route)


def _to_target(account: Account, table: r.RouteTable, route: r.Route) -> r.Route:
    kind, target = route.target.partition("-")[0], route.target
    match kind:
        case "igw":
            gateway = readable(target, account.internet_gateway_of(table.vpc_id))
            if gateway is None or gateway.internet_gateway_id != target:
                query = Query("DescribeInternetGateways", "internet-gateway-id", target)
                known(account, account.internet_gateways, query)
                refuse(f"{target} is not attached to {table.vpc_id}")
        case "nat":
            nat = known(account, account.nat_gateways, Query("DescribeNatGateways", "nat-gateway-id", target))
            if nat.vpc_id:
                _same_vpc(table, target, nat.vpc_id)
        case "pcx":
            query = Query("DescribeVpcPeeringConnections", "vpc-peering-connection-id", target)
            peering = known(account, account.peerings, query)
            if table.vpc_id not in (peering.requester_vpc_info.vpc_id, peering.accepter_vpc_info.vpc_id):
                refuse(f"{target} is not a peering connection of {table.vpc_id}")
        case "tgw":
            transit.expect(account, target, (table.vpc_id,))
            attached = transit.attachment_of(account, target, table.vpc_id)
            if isinstance(attached, Missing) and attached.pending:
                readable(target, attached)
            if isinstance(attached, Missing) and target in account.transit_gateways:
                refuse(f"{table.vpc_id} is not attached to {target}")
        case "eni":
            own = interface(account, target)
            attached_to = own.attachment.instance_id if own.attachment else None
            return msgspec.structs.replace(route, instance_id=attached_to)
        case "i":
            instance(account, target)
            own = only_interface(account, target, "it can't be the target of a route")
            return msgspec.structs.replace(route, network_interface_id=own.network_interface_id)
        case "vpce":
            known(account, account.vpc_endpoints, Query("DescribeVpcEndpoints", "vpc-endpoint-id", target))
        case "vgw":
            known(account, account.vpn_gateways, Query("DescribeVpnGateways", "vpn-gateway-id", target))
    return route


def _check_inside(account: Account, table: r.RouteTable, route: r.Route) -> None:
    """A part of the VPC can be routed otherwise only if it is all of a subnet, and only to something inside."""
    if route.destination_prefix_list_id:
        return
    network = r.block(route.destination)
    own = [block for block in vpc(account, table.vpc_id).networks if block.version == network.version]
    if not any(network.subnet_of(block) for block in own):  # type: ignore[arg-type]
        return
    subnets = readable(table.vpc_id, account.subnets_of(table.vpc_id))
    if network in own:
        return
    if not any(network in one.networks for one in subnets) or not _leads_inside(route):
        refuse(
            f"{route.destination} is a part of {table.vpc_id}: it can be routed otherwise only if it is the block of a "
            "subnet, and only to a NAT gateway, an interface or a Gateway Load Balancer endpoint"
        )


def _leads_inside(route: r.Route) -> bool:
    return route.target.partition("-")[0] in _INSIDE
