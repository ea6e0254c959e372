"""Routes, associations and propagations of transit gateways.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTransitGatewayRoute.html
https://docs.aws.amazon.com/vpc/latest/tgw/how-transit-gateways-work.html
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from whyblocked.config import resources as r
from whyblocked.config import transit
from whyblocked.config.account import Account, Missing, Query
from whyblocked.config.edits.kinds import (
    AcceptTransitGatewayVpcAttachment,
    AssociateTransitGatewayRouteTable,
    CreateTransitGatewayRoute,
    DeleteTransitGatewayRoute,
    DisableTransitGatewayRouteTablePropagation,
    DisassociateTransitGatewayRouteTable,
    EnableTransitGatewayRouteTablePropagation,
    ModifyTransitGateway,
    ModifyTransitGatewayVpcAttachment,
    ReplaceTransitGatewayRoute,
)
from whyblocked.config.edits.making import canonical, known, readable, refuse, subnet, vpc
from whyblocked.config.replacing import replace
from whyblocked.config.resources.transit import TransitGatewayOptions, TransitGatewayVpcAttachmentOptions
from whyblocked.errors import UndeterminedError
from whyblocked.text import clean

_ROUTES, _PROPAGATIONS = "SearchTransitGatewayRoutes", "GetTransitGatewayRouteTablePropagations"
_ASSOCIATIONS = "GetTransitGatewayRouteTableAssociations"


# -- routes ------------------------------------------------------------------------------------------------------------


def create(account: Account, edit: CreateTransitGatewayRoute) -> None:
    """Add a static route; a propagated one to the same block counts no longer."""
    table, routes, route = _static(account, edit)
    if any(_is_static(one, route.destination) for one in routes):
        refuse(f"{table} has a static route to {route.destination} already")
    _put_routes(account, table, (*routes, route))


def exchange(account: Account, edit: ReplaceTransitGatewayRoute) -> None:
    """Give a static route another target."""
    table, routes, route = _static(account, edit)
    _there(table, routes, route.destination)
    _put_routes(account, table, (route if _is_static(one, route.destination) else one for one in routes))


def delete(account: Account, edit: DeleteTransitGatewayRoute) -> None:
    """Take a static route out; what it hid, the table shows again."""
    table, destination = _table(account, edit.transit_gateway_route_table_id), canonical(edit.destination_cidr_block)
    table_id = table.transit_gateway_route_table_id
    routes = _routes(account, table)
    _there(table_id, routes, destination)
    left = [one for one in routes if not _is_static(one, destination)]
    propagations = account.details_about(_PROPAGATIONS, table_id, r.TransitGatewayPropagation)
    if isinstance(propagations, Missing):
        if propagations.pending:
            readable(table_id, propagations)
        propagations = ()
    for one in propagations:
        if one.active and one.resource_type == "vpc" and (one.resource_id or "") in account.vpcs:
            left += _entered(account, one, [route for route in left if route.destination != destination], destination)
    _put_routes(account, table_id, left)


def _static(
    account: Account, edit: CreateTransitGatewayRoute | ReplaceTransitGatewayRoute
) -> tuple[str, tuple[r.TransitGatewayRoute, ...], r.TransitGatewayRoute]:
    """The table, what it holds, and the route that is to be in it."""
    table = _table(account, edit.transit_gateway_route_table_id)
    destination = canonical(edit.destination_cidr_block)
    if bool(edit.transit_gateway_attachment_id) == edit.blackhole:
        refuse(f"the route to {destination} has to lead to an attachment, or else be a blackhole")
    to: tuple[r.TransitGatewayRouteAttachment, ...] = ()
    if edit.transit_gateway_attachment_id:
        found = _attachment(account, table, edit.transit_gateway_attachment_id)
        to = (_leading_to(found),)
    route = r.TransitGatewayRoute(
        destination_cidr_block=destination,
        transit_gateway_attachments=to,
        type="static",
        state="blackhole" if edit.blackhole else "active",
    )
    return table.transit_gateway_route_table_id, _routes(account, table), route


def _leading_to(found: r.TransitGatewayAttachment) -> r.TransitGatewayRouteAttachment:
    return r.TransitGatewayRouteAttachment(
        transit_gateway_attachment_id=found.transit_gateway_attachment_id,
        resource_id=found.resource_id,
        resource_type=found.resource_type,
    )


def _is_static(route: r.TransitGatewayRoute, destination: str) -> bool:
    block = route.destination_cidr_block
    return route.type != "propagated" and block is not None and canonical(block) == destination


def _there(table_id: str, routes: Iterable[r.TransitGatewayRoute], destination: str) -> None:
    if not any(_is_static(one, destination) for one in routes):
        refuse(f"{table_id} has no static route to {destination}")


def _table(account: Account, table_id: str) -> r.TransitGatewayRouteTable:
    query = Query("DescribeTransitGatewayRouteTables", "TransitGatewayRouteTableIds", table_id)
    return known(account, account.transit_tables, query)


def _routes(account: Account, table: r.TransitGatewayRouteTable) -> tuple[r.TransitGatewayRoute, ...]:
    table_id = table.transit_gateway_route_table_id
    return readable(table_id, transit.routes_of(account, table_id, table.transit_gateway_id))


def _put_routes(account: Account, table_id: str, routes: Iterable[r.TransitGatewayRoute]) -> None:
    account.details[_ROUTES, table_id] = tuple(routes)
    account.version += 1


def _attachment(account: Account, table: r.TransitGatewayRouteTable, attachment_id: str) -> r.TransitGatewayAttachment:
    found = transit.attachment(account, table.transit_gateway_id, attachment_id)
    if isinstance(found, Missing) and not found.pending:
        query = Query("DescribeTransitGatewayAttachments", "transit-gateway-attachment-id", attachment_id)
        if account.source.ask(query) is None:
            refuse(f"{clean(attachment_id, 60)} is no attachment of {table.transit_gateway_id}")
    return readable(attachment_id, found)


# -- associations ------------------------------------------------------------------------------------------------------


def associate(account: Account, edit: AssociateTransitGatewayRouteTable) -> None:
    """Make a table decide for what comes in by an attachment."""
    table = _table(account, edit.transit_gateway_route_table_id)
    table_id = table.transit_gateway_route_table_id
    found = _attachment(account, table, edit.transit_gateway_attachment_id)
    _read_associations(account, table)
    old = transit.table_of(account, found)
    if isinstance(old, Missing) and old.pending:
        readable(edit.transit_gateway_attachment_id, old)
    if isinstance(old, str):
        refuse(f"{found.transit_gateway_attachment_id} is associated with {old} already")
    made = r.TransitGatewayAssociation(transit_gateway_route_table_id=table_id, state="associated")
    replace(account, msgspec.structs.replace(found, association=made))


def disassociate(account: Account, edit: DisassociateTransitGatewayRouteTable) -> None:
    """Leave what comes in by an attachment without a table."""
    table = _table(account, edit.transit_gateway_route_table_id)
    table_id = table.transit_gateway_route_table_id
    found = _attachment(account, table, edit.transit_gateway_attachment_id)
    _read_associations(account, table)
    if readable(found.transit_gateway_attachment_id, transit.table_of(account, found)) != table_id:
        refuse(f"{found.transit_gateway_attachment_id} is not associated with {table_id}")
    replace(account, msgspec.structs.replace(found, association=None))
    listed = account.details.get((_ASSOCIATIONS, table_id))
    if listed is not None:
        account.details[_ASSOCIATIONS, table_id] = tuple(
            one
            for one in listed
            if getattr(one, "transit_gateway_attachment_id", None) != found.transit_gateway_attachment_id
        )


def _read_associations(account: Account, table: r.TransitGatewayRouteTable) -> None:
    """Wait for what a walk looks at: the tables of the gateway."""
    query = Query("DescribeTransitGatewayRouteTables", "transit-gateway-id", table.transit_gateway_id)
    missing = account.source.ask(query)
    if missing is not None and missing.pending:
        readable(table.transit_gateway_id, missing)


# -- propagations ------------------------------------------------------------------------------------------------------


def enable(account: Account, edit: EnableTransitGatewayRouteTablePropagation) -> None:
    """Enter the blocks of an attached VPC into a table."""
    table = _table(account, edit.transit_gateway_route_table_id)
    table_id = table.transit_gateway_route_table_id
    found = _attachment(account, table, edit.transit_gateway_attachment_id)
    attachment_id = found.transit_gateway_attachment_id
    if found.resource_type.endswith("peering"):
        refuse(f"{attachment_id} leads to another transit gateway: its routes are static ones")
    propagations = account.details_about(_PROPAGATIONS, table_id, r.TransitGatewayPropagation)
    if isinstance(propagations, Missing):
        if propagations.pending:
            readable(table_id, propagations)
        propagations = ()
    if any(one.transit_gateway_attachment_id == attachment_id and one.active for one in propagations):
        refuse(f"{attachment_id} propagates into {table_id} already")
    made = r.TransitGatewayPropagation(
        transit_gateway_attachment_id=attachment_id,
        resource_id=found.resource_id,
        resource_type=found.resource_type,
        state="enabled",
    )
    account.details[_PROPAGATIONS, table_id] = (*propagations, made)
    account.version += 1
    if account.partial.get((_ROUTES, table_id)) is not None:
        return  # the walk works out what is propagated
    routes = _routes(account, table)
    if found.resource_type != "vpc":
        what = f"the routes that {attachment_id} ({found.resource_type}) would propagate into {table_id}"
        raise UndeterminedError(f"{what} are not known", (what,))
    vpc(account, found.resource_id or "")
    _put_routes(account, table_id, (*routes, *_entered(account, made, routes)))


def disable(account: Account, edit: DisableTransitGatewayRouteTablePropagation) -> None:
    """Take what an attachment propagates out of a table."""
    table = _table(account, edit.transit_gateway_route_table_id)
    table_id, attachment_id = table.transit_gateway_route_table_id, edit.transit_gateway_attachment_id
    routes = _routes(account, table)
    propagations = account.details_about(_PROPAGATIONS, table_id, r.TransitGatewayPropagation)
    if isinstance(propagations, Missing):
        if propagations.pending:
            readable(table_id, propagations)
    else:
        left = tuple(one for one in propagations if one.transit_gateway_attachment_id != attachment_id)
        if len(left) == len(propagations):
            refuse(f"{clean(attachment_id, 60)} does not propagate into {table_id}")
        account.details[_PROPAGATIONS, table_id] = left
    _put_routes(account, table_id, (one for one in routes if not _propagated_by(one, attachment_id)))


def _propagated_by(route: r.TransitGatewayRoute, attachment_id: str) -> bool:
    to = {a.transit_gateway_attachment_id for a in route.transit_gateway_attachments}
    return route.type == "propagated" and to == {attachment_id}


def _entered(
    account: Account, one: r.TransitGatewayPropagation, there: Iterable[r.TransitGatewayRoute], only: str | None = None
) -> list[r.TransitGatewayRoute]:
    """The routes to the blocks of an attached VPC that a table shows: none that it has already, static or not."""
    networks = account.vpcs[one.resource_id or ""].networks
    attached = account.transit_vpc_attachments.get(one.transit_gateway_attachment_id or "")
    with_ipv6 = attached is not None and attached.options is not None and attached.options.ipv6_support == "enable"
    shown = {canonical(route.destination_cidr_block) for route in there if route.destination_cidr_block}
    to = r.TransitGatewayRouteAttachment(
        transit_gateway_attachment_id=one.transit_gateway_attachment_id,
        resource_id=one.resource_id,
        resource_type=one.resource_type,
    )
    return [
        r.TransitGatewayRoute(destination_cidr_block=str(network), transit_gateway_attachments=(to,), type="propagated")
        for network in networks
        if (network.version == 4 or with_ipv6) and str(network) not in shown and only in (None, str(network))
    ]


# -- options -----------------------------------------------------------------------------------------------------------


def modify_attachment(account: Account, edit: ModifyTransitGatewayVpcAttachment) -> None:
    """Other subnets or options for the attachment of a VPC."""
    attachment_id = edit.transit_gateway_attachment_id
    query = Query("DescribeTransitGatewayVpcAttachments", "transit-gateway-attachment-id", attachment_id)
    found = known(account, account.transit_vpc_attachments, query)
    subnets = [subnet_id for subnet_id in found.subnet_ids if subnet_id not in edit.remove_subnet_ids]
    zones = {subnet(account, subnet_id).availability_zone: subnet_id for subnet_id in subnets}
    for subnet_id in edit.add_subnet_ids:
        added = subnet(account, subnet_id)
        if added.vpc_id != found.vpc_id:
            refuse(f"{subnet_id} is of {added.vpc_id}, and {attachment_id} of {found.vpc_id}")
        if added.availability_zone in zones:
            refuse(f"{attachment_id} has {zones[added.availability_zone]} in {added.availability_zone} already")
        subnets.append(subnet_id)
    if not subnets:
        refuse(f"{attachment_id} has to have a subnet")
    options = found.options or TransitGatewayVpcAttachmentOptions()
    changed = {
        name: value
        for name in ("security_group_referencing_support", "appliance_mode_support")
        if (value := getattr(edit, name)) is not None
    }
    options = msgspec.structs.replace(options, **changed)
    replace(account, msgspec.structs.replace(found, subnet_ids=tuple(subnets), options=options))


def accept(account: Account, edit: AcceptTransitGatewayVpcAttachment) -> None:
    """Make an attachment available that waits for it."""
    attachment_id = edit.transit_gateway_attachment_id
    found = transit.by_id(account, attachment_id)
    if found is None:
        query = Query("DescribeTransitGatewayVpcAttachments", "transit-gateway-attachment-id", attachment_id)
        known(account, account.transit_vpc_attachments, query)
        found = transit.by_id(account, attachment_id)
    if found is None or found.state != "pendingAcceptance":
        refuse(f"{clean(attachment_id, 60)} does not wait to be accepted")
    replace(account, msgspec.structs.replace(found, state="available"))
    attached = account.transit_vpc_attachments.get(attachment_id)
    if attached is not None:
        replace(account, msgspec.structs.replace(attached, state="available"))


def modify_gateway(account: Account, edit: ModifyTransitGateway) -> None:
    """Turn security group referencing on or off."""
    query = Query("DescribeTransitGateways", "transit-gateway-id", edit.transit_gateway_id)
    found = known(account, account.transit_gateways, query)
    options = TransitGatewayOptions(security_group_referencing_support=edit.security_group_referencing_support)
    replace(account, msgspec.structs.replace(found, options=options))
