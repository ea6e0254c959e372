"""What an account knows of transit gateways, by what the walk asks for.

A gateway that another account owns shows less: its attachments, but neither associations nor route tables.
https://docs.aws.amazon.com/vpc/latest/tgw/transit-gateway-share.html
"""

from __future__ import annotations

from collections.abc import Iterable

from whyblocked.config import resources as r
from whyblocked.config.account import Account, Missing, Query
from whyblocked.config.operations import permission_of

_ATTACHMENTS = "DescribeTransitGatewayAttachments"
_VPC_ATTACHMENTS = "DescribeTransitGatewayVpcAttachments"
_PEERINGS = "DescribeTransitGatewayPeeringAttachments"
_GONE = ("deleted", "deleting", "rejected", "failed")


def expect(account: Account, gateway_id: str, vpc_ids: Iterable[str]) -> None:
    """Say that packets of these VPCs meet a transit gateway, so that a live account reads all of it at once."""
    queries = [Query("DescribeTransitGateways", "transit-gateway-id", gateway_id)]
    for vpc_id in vpc_ids:
        queries += [Query(_ATTACHMENTS, "resource-id", vpc_id), Query(_VPC_ATTACHMENTS, "vpc-id", vpc_id)]
        attached = [a for a in account.transit_attachments.get(gateway_id, {}).values() if a.resource_id == vpc_id]
        tables = [a.association.transit_gateway_route_table_id for a in attached if a.association]
        queries += [Query("SearchTransitGatewayRoutes", "TransitGatewayRouteTableId", t) for t in tables if t]
    account.expect(queries)


def gateway(account: Account, gateway_id: str) -> r.TransitGateway | Missing:
    """The transit gateway with this id."""
    found = account.transit_gateways.get(gateway_id)
    query = Query("DescribeTransitGateways", "transit-gateway-id", gateway_id)
    return found or account._lacks("TransitGateways", query)


def attachment_of(account: Account, gateway_id: str, vpc_id: str) -> r.TransitGatewayAttachment | Missing:
    """How a VPC is attached to a gateway: the attachment that works, where one that is gone is listed as well."""
    query = Query(_ATTACHMENTS, "resource-id", vpc_id)
    missing = account.source.ask(query)
    if missing is not None and missing.pending:
        return missing
    known = account.transit_attachments.get(gateway_id, {}).values()
    found = [a for a in known if a.resource_id == vpc_id]
    if not found:
        vpc_query = Query(_VPC_ATTACHMENTS, "vpc-id", vpc_id)
        other = account.source.ask(vpc_query)
        if other is not None and other.pending:
            return other
        vpcs = account.transit_vpc_attachments.values()
        found = [_as_attachment(a) for a in vpcs if (a.vpc_id, a.transit_gateway_id) == (vpc_id, gateway_id)]
    if not found:
        lacking = account._lacks("TransitGatewayAttachments", query)
        return lacking if missing is not None else Missing(lacking.what, f"no attachment of {vpc_id} to {gateway_id}")
    return min(found, key=lambda a: (a.state != "available", a.state in _GONE, a.transit_gateway_attachment_id))


def attachment(account: Account, gateway_id: str, attachment_id: str) -> r.TransitGatewayAttachment | Missing:
    """An attachment of a gateway by its id."""
    found = account.transit_attachments.get(gateway_id, {}).get(attachment_id)
    if found is not None:
        return found
    query = Query(_ATTACHMENTS, "transit-gateway-attachment-id", attachment_id, gateway_id)
    lacking = account._lacks("TransitGatewayAttachments", query)
    if not lacking.pending and attachment_id in account.transit_vpc_attachments:
        return _as_attachment(account.transit_vpc_attachments[attachment_id])
    return lacking


def peering(account: Account, attachment: r.TransitGatewayAttachment) -> r.TransitGatewayPeeringAttachment | Missing:
    """Both sides of an attachment that peers two gateways: nothing else tells the other's Region."""
    attachment_id = attachment.transit_gateway_attachment_id
    query = Query(_PEERINGS, "transit-gateway-attachment-id", attachment_id, attachment.transit_gateway_id)
    return account.transit_peerings.get(attachment_id) or account._lacks("TransitGatewayPeeringAttachments", query)


def peer_attachment(account: Account, gateway_id: str, peer_id: str) -> r.TransitGatewayAttachment | Missing:
    """The attachment by which a gateway is peered with another."""
    query = Query(_ATTACHMENTS, "transit-gateway-id", gateway_id)
    known = account.transit_attachments.get(gateway_id, {}).values()
    found = [a for a in known if a.resource_type.endswith("peering") and a.resource_id == peer_id]
    if not found:
        return account._lacks("TransitGatewayAttachments", query)
    return min(found, key=lambda a: (a.state != "available", a.transit_gateway_attachment_id))


def vpc_attachment(account: Account, attachment_id: str, vpc_id: str) -> r.TransitGatewayVpcAttachment | Missing:
    """The subnets and options of a VPC's attachment."""
    found = account.transit_vpc_attachments.get(attachment_id)
    if found is not None:
        return found
    lacking = account._lacks("TransitGatewayVpcAttachments", Query(_VPC_ATTACHMENTS, "vpc-id", vpc_id), attachment_id)
    if lacking.pending:
        return lacking
    subnets = _subnets_by_interfaces(account, attachment_id)
    if not subnets:
        return lacking
    return r.TransitGatewayVpcAttachment(
        transit_gateway_attachment_id=attachment_id,
        transit_gateway_id="",
        vpc_id=vpc_id,
        subnet_ids=tuple(sorted(subnets)),
    )


def gateways(account: Account) -> set[str]:
    """The gateways that something is known to be attached to."""
    return {*account.transit_attachments, *(a.transit_gateway_id for a in account.transit_vpc_attachments.values())}


def subnets_of(account: Account, gateway_id: str) -> set[str]:
    """The subnets in which a gateway is known to have an interface."""
    attached = [a for a in account.transit_vpc_attachments.values() if a.transit_gateway_id == gateway_id]
    found = {subnet_id for a in attached for subnet_id in a.subnet_ids}
    attachments = account.transit_attachments.get(gateway_id, {})
    unread = [a for a in attachments if a not in account.transit_vpc_attachments]
    return found.union(*(_subnets_by_interfaces(account, attachment_id) for attachment_id in unread))


def _subnets_by_interfaces(account: Account, attachment_id: str) -> set[str]:
    """The subnets of an attachment as its interfaces show them."""
    return {interface.subnet_id for interface in account.transit_interfaces.get(attachment_id, {}).values()}


def by_id(account: Account, attachment_id: str) -> r.TransitGatewayAttachment | None:
    """An attachment that was met already, whichever gateway it is of."""
    for attachments in account.transit_attachments.values():
        if attachment_id in attachments:
            return attachments[attachment_id]
    found = account.transit_vpc_attachments.get(attachment_id)
    return _as_attachment(found) if found else None


def table_of(account: Account, attachment: r.TransitGatewayAttachment) -> str | Missing | None:
    """The id of the route table that decides about what comes in by an attachment; None where it has none."""
    gateway_id, owner = attachment.transit_gateway_id, attachment.transit_gateway_owner_id
    attachment_id = attachment.transit_gateway_attachment_id
    association = attachment.association
    if association is not None and association.transit_gateway_route_table_id:
        return association.transit_gateway_route_table_id if association.active else None
    if association is not None and association.transit_gateway_policy_table_id:
        return Missing(f"policy table {association.transit_gateway_policy_table_id}", "not modelled")
    for table in account.transit_tables.values():
        listed = account.details.get(("GetTransitGatewayRouteTableAssociations", table.transit_gateway_route_table_id))
        for one in listed or ():
            if isinstance(one, r.TransitGatewayTableAssociation) and one.transit_gateway_attachment_id == attachment_id:
                return table.transit_gateway_route_table_id if one.state in ("associated", "") else None
    foreign = bool(owner) and owner != attachment.resource_owner_id
    query = Query("DescribeTransitGatewayRouteTables", "transit-gateway-id", gateway_id)
    if foreign:  # who has the VPC alone is not shown the association
        query = Query(_ATTACHMENTS, "transit-gateway-attachment-id", attachment_id, gateway_id)
    missing = account.source.ask(query)
    if missing is not None and missing.pending:
        return missing
    known = account.transit_attachments.get(gateway_id, {})  # empty: made of a call that never shows associations
    tables = [t for t in account.transit_tables.values() if t.transit_gateway_id == gateway_id]
    if foreign:
        shown = attachment_id in account.transit_shown_by_owner or any(
            a.association for a in known.values() if a.transit_gateway_owner_id == owner
        )
    else:
        shown = bool(tables) or (missing is None and owner is not None)
    if known and shown:
        return None
    whose = f"account {owner}" if foreign else "its owner"
    how = f" ({missing.reason})" if missing is not None else ""
    return Missing(f"the route table of {attachment_id}", f"only {whose} can read it on {gateway_id}{how}")


def routes_of(account: Account, table_id: str, gateway_id: str) -> tuple[r.TransitGatewayRoute, ...] | Missing:
    """The routes that a table lists: all of them, or only what :attr:`Index.partial` says."""
    found = account.details_about("SearchTransitGatewayRoutes", table_id, r.TransitGatewayRoute)
    if isinstance(found, Missing) and not found.pending:
        owner = account.account_id_of(gateway_id)
        whose = f" of {gateway_id} in account {owner}" if owner else f" of {gateway_id}"
        return Missing(permission_of("SearchTransitGatewayRoutes"), f"{table_id}{whose}: {found.reason}")
    return found


def _as_attachment(found: r.TransitGatewayVpcAttachment) -> r.TransitGatewayAttachment:
    return r.TransitGatewayAttachment(
        transit_gateway_attachment_id=found.transit_gateway_attachment_id,
        transit_gateway_id=found.transit_gateway_id,
        resource_type="vpc",
        resource_id=found.vpc_id,
        state=found.state,
        resource_owner_id=found.vpc_owner_id,
    )
