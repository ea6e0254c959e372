"""Transit gateways: routes, propagations, associations, zones, security group referencing.

https://docs.aws.amazon.com/vpc/latest/tgw/how-transit-gateways-work.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from whyblocked.config import resources as r
from whyblocked.config import transit
from whyblocked.config.account import Missing, Query
from whyblocked.config.edits import (
    AcceptTransitGatewayVpcAttachment,
    AssociateTransitGatewayRouteTable,
    CreateTransitGatewayRoute,
    Edit,
    EnableTransitGatewayRouteTablePropagation,
    ModifyTransitGateway,
    ModifyTransitGatewayVpcAttachment,
    ReplaceTransitGatewayRoute,
)
from whyblocked.diagnosis.fixing.boxes import blocks_of, listed
from whyblocked.diagnosis.fixing.steps import Case, NoFix, Option, Step, step
from whyblocked.diagnosis.fixing.targets import holds, internet_gateway, is_public
from whyblocked.diagnosis.fixing.words import called
from whyblocked.network.hops.transit_attachment import OUTSIDE
from whyblocked.network.hops.vpn_gateway import is_up
from whyblocked.network.noted import Blocker
from whyblocked.network.packets import Interval, join_intervals, span
from whyblocked.network.references import never_referenced
from whyblocked.network.rulebook import Rulebook
from whyblocked.network.transit import look_up

MOST_TABLES = 3
TUNNELS_DOWN = (
    "The tunnels of the VPN connection are down: what is wrong is at the customer gateway, or between it and AWS, and "
    "no change in AWS is known to mend it."
)


def no_route(case: Case, blocker: Blocker) -> Sequence[Option]:
    """Let the attachment of the VPC propagate into the table, or a static route to it."""
    table = _table(case, blocker)
    attachment = _attachment_of(case, table.transit_gateway_id, blocker)
    if attachment is None:
        return _outward(case, blocker, table)
    found: list[Option] = []
    name = attachment.transit_gateway_attachment_id
    where = called(case.account, table.transit_gateway_route_table_id)
    if attachment.resource_type == "vpc":
        edit = EnableTransitGatewayRouteTablePropagation(
            transit_gateway_route_table_id=table.transit_gateway_route_table_id, transit_gateway_attachment_id=name
        )
        says = f"Let {name} (of {called(case.account, attachment.resource_id or '')}) propagate into {where}."
        found.append((step([blocker], [edit], says, place=table.transit_gateway_id),))
    return [*found, (_static(case, blocker, table, name),)]


def black_hole(case: Case, blocker: Blocker) -> Sequence[Option]:
    """A route of its own past the blackhole, which stays for everybody else; or another target for the route."""
    table = _table(case, blocker)
    attachment = _attachment_of(case, table.transit_gateway_id, blocker)
    if attachment is None:
        return _outward(case, blocker, table)
    name = attachment.transit_gateway_attachment_id
    warn = "A blackhole is often put there on purpose: ask before it goes."
    replaced = _replaced(case, blocker, table.transit_gateway_route_table_id, name, warn)
    past = _static(case, blocker, table, name)
    return [(past,), (replaced,)]


def wrong_turn(case: Case, blocker: Blocker) -> Sequence[Option]:
    """A route of its own to the attachment that is meant; or the route that wins pointed there."""
    table = _table(case, blocker)
    attachment = _attachment_of(case, table.transit_gateway_id, blocker)
    if attachment is None:
        raise NoFix(f"{blocker.summary} The attachment of the VPC that is meant is not known.")
    name = attachment.transit_gateway_attachment_id
    warn = "All that the route took goes there, too."
    replaced = _replaced(case, blocker, table.transit_gateway_route_table_id, name, warn)
    return [(_static(case, blocker, table, name),), (replaced,)]


def other_connection(case: Case, blocker: Blocker) -> Sequence[Option]:
    """Another VPN connection to the same customer gateway, with a tunnel that is up."""
    gateway_id, vpn = blocker.resource_ids
    down = case.account.vpn_connections.get(vpn)
    customer = down.customer_gateway_id if down else None
    routes = [p for p in case.walk.passages if p.kind == "transit-gateway-route-table" and p.leg == "forward"]
    if customer is None or not routes:
        raise NoFix(TUNNELS_DOWN)
    source = case.account.source
    source.ask(Query("DescribeVpnConnections", "customer-gateway-id", customer, gateway_id))
    found: list[Option] = []
    for name, one in sorted(case.account.vpn_connections.items()):
        if one.customer_gateway_id != customer or one.transit_gateway_id != gateway_id or not is_up(one):
            continue
        source.ask(Query("DescribeTransitGatewayAttachments", "resource-id", name, gateway_id))
        for attachment in case.account.transit_attachments.get(gateway_id, {}).values():
            if attachment.resource_id == name:
                warn = f"{name} has to reach the same network: AWS shows no more than that it ends at {customer}, too."
                to = attachment.transit_gateway_attachment_id
                found.append((_replaced(case, blocker, routes[-1].id, to, warn, routes[-1].rule),))
    if not found:
        raise NoFix(TUNNELS_DOWN)
    return found[:MOST_TABLES]


def association(case: Case, blocker: Blocker) -> Sequence[Option]:
    """A route table for what comes in by an attachment: one that knows the way."""
    attachment = transit.by_id(case.account, blocker.resource_ids[0])
    if attachment is None:
        raise NoFix(f"{blocker.summary} The attachment could not be read.")
    gateway_id = attachment.transit_gateway_id
    tables = [t for _, t in sorted(case.account.transit_tables.items()) if t.transit_gateway_id == gateway_id]
    rulebook = Rulebook(case.account)
    box = blocker.packets[0]
    found: list[Option] = []
    for table in tables:
        compiled = rulebook.transit(gateway_id, table.transit_gateway_route_table_id, box.version)
        if isinstance(compiled, Missing):
            continue
        choices = look_up(compiled, box.destination)
        if any(choice.route is None or choice.route.state == "blackhole" for choice in choices):
            continue
        edit = AssociateTransitGatewayRouteTable(
            transit_gateway_route_table_id=table.transit_gateway_route_table_id,
            transit_gateway_attachment_id=attachment.transit_gateway_attachment_id,
        )
        name = called(case.account, table.transit_gateway_route_table_id)
        says = f"Associate {attachment.transit_gateway_attachment_id} with {name}."
        warn = "The table then decides for everything that comes in by this attachment."
        found.append((step([blocker], [edit], says, warn, place=gateway_id),))
    if not found:
        raise NoFix(f"{blocker.summary} None of the gateway's route tables has a route for these packets.")
    return found[:MOST_TABLES]


def zone(case: Case, blocker: Blocker) -> Sequence[Option]:
    """A subnet in the sender's zone for the attachment."""
    name = blocker.resource_ids[0]
    sender = case.account.subnets.get(blocker.subnet_id or "")
    if sender is None or sender.availability_zone is None:
        raise NoFix(f"{blocker.summary} The sender's zone is not known.")
    subnets = case.account.subnets_of(sender.vpc_id)
    there = [] if isinstance(subnets, Missing) else list(subnets)
    alike = [s for s in there if s.availability_zone == sender.availability_zone and s is not sender]
    found: list[Option] = []
    for subnet in (*alike, sender):
        edit = ModifyTransitGatewayVpcAttachment(transit_gateway_attachment_id=name, add_subnet_ids=(subnet.subnet_id,))
        says = f"Add {called(case.account, subnet.subnet_id)} in {sender.availability_zone} to {name}."
        warn = "AWS recommends a small subnet of its own for attachments, as its network ACL counts for them."
        found.append((step([blocker], [edit], says, warn),))
    return found[:MOST_TABLES]


def acceptance(case: Case, blocker: Blocker) -> Sequence[Option]:
    """An attachment that the owner of the gateway has still to accept."""
    name = blocker.resource_ids[0]
    attachment = transit.by_id(case.account, name)
    if attachment is None or attachment.state != "pendingAcceptance" or attachment.resource_type != "vpc":
        raise NoFix(f"{blocker.summary} What brought it there is not shown.")
    owner = attachment.transit_gateway_owner_id
    says = f"Accept {name}{f', in account {owner}' if owner else ''}."
    edit = AcceptTransitGatewayVpcAttachment(transit_gateway_attachment_id=name)
    return [(step([blocker], [edit], says, place=attachment.transit_gateway_id),)]


def referencing(case: Case, blocker: Blocker) -> Step | None:
    """Security group referencing, turned on wherever on the way it is off."""
    vias = [p.id for p in case.walk.passages if p.kind == "transit-gateway" and p.leg == "forward"]
    gateway = case.account.transit_gateways.get(vias[-1]) if vias else None
    interface = case.account.interfaces.get(blocker.interface_id or "")
    if gateway is None or interface is None or never_referenced(case.account, interface):
        return None
    edits: list[Edit] = []
    names: list[str] = []
    if gateway.options is None or gateway.options.security_group_referencing_support != "enable":
        name = gateway.transit_gateway_id
        edits.append(ModifyTransitGateway(transit_gateway_id=name, security_group_referencing_support="enable"))
        names.append(called(case.account, name))
    ends = {interface.vpc_id for end in (case.asked.source, case.asked.destination) for interface in end.interfaces}
    for _, attached in sorted(case.account.transit_vpc_attachments.items()):
        if attached.transit_gateway_id != gateway.transit_gateway_id or attached.vpc_id not in ends:
            continue
        if attached.options is not None and attached.options.security_group_referencing_support == "enable":
            continue
        name = attached.transit_gateway_attachment_id
        edits.append(
            ModifyTransitGatewayVpcAttachment(
                transit_gateway_attachment_id=name, security_group_referencing_support="enable"
            )
        )
        names.append(f"{name} (of {called(case.account, attached.vpc_id)})")
    if not edits:
        return None
    says = f"Turn security group referencing on at {listed(names)}."
    warn = "Rules that name groups then count across the transit gateway in all VPCs where it is on; inbound ones only."
    return step([blocker], edits, says, warn, place=gateway.transit_gateway_id)


def appliance_mode(case: Case, blocker: Blocker) -> Step | None:
    """Appliance mode at the VPC of the firewall, where it is off: one of its endpoints sees both ways of a flow.

    https://docs.aws.amazon.com/vpc/latest/tgw/transit-gateway-appliance-scenario.html
    """
    firewalls = (case.account.firewalls.get(name) for name in blocker.resource_ids)
    endpoints = (case.account.vpc_endpoints.get(name) for name in blocker.resource_ids)
    vpcs = {found.vpc_id for found in (*firewalls, *endpoints) if found is not None}
    crossed = {passage.id for passage in case.walk.passages if passage.kind == "transit-gateway"}
    for name, attached in sorted(case.account.transit_vpc_attachments.items()):
        pinned = attached.options is not None and attached.options.appliance_mode_support == "enable"
        if pinned or attached.vpc_id not in vpcs or attached.transit_gateway_id not in crossed:
            continue
        edit = ModifyTransitGatewayVpcAttachment(transit_gateway_attachment_id=name, appliance_mode_support="enable")
        says = f"Turn appliance mode on at {name} (of {called(case.account, attached.vpc_id)})."
        return step([blocker], [edit], says, place=attached.vpc_id)
    return None


# -- parts -------------------------------------------------------------------------------------------------------------


def _table(case: Case, blocker: Blocker) -> r.TransitGatewayRouteTable:
    table = case.account.transit_tables.get(blocker.resource_ids[0])
    if table is None:
        raise NoFix(f"{blocker.summary} Only the owner of the transit gateway can read and change its tables.")
    return table


def _attachment_of(case: Case, gateway_id: str, blocker: Blocker) -> r.TransitGatewayAttachment | None:
    """The attachment of the VPC that holds these packets' destination."""
    version = blocker.packets[0].version
    spans = join_intervals(box.destination for box in blocker.packets)
    attachments = case.account.transit_attachments.get(gateway_id, {})
    meant = _vpc_of(case, blocker)
    for _, attachment in sorted(attachments.items()):
        vpc = case.account.vpcs.get(attachment.resource_id or "")
        if attachment.resource_type == "vpc" and vpc is not None and attachment.state == "available":
            own = [span(network) for network in vpc.networks if network.version == version]
            if meant in (None, vpc.vpc_id) and holds(own, spans):
                return attachment
    return None


def _outward(case: Case, blocker: Blocker, table: r.TransitGatewayRouteTable) -> Sequence[Option]:
    """To the internet by a VPC that has a gateway to it, to other networks by what leads out of AWS."""
    public = is_public(blocker.packets[0].version, join_intervals(box.destination for box in blocker.packets))
    came_by = {passage.vpc_id for passage in case.walk.passages if passage.leg == blocker.leg}
    found: list[Option] = []
    for name, one in sorted(case.account.transit_attachments.get(table.transit_gateway_id, {}).items()):
        if one.state != "available":
            continue
        vpc_id = one.resource_id or ""
        exit_vpc = one.resource_type == "vpc" and public and vpc_id not in came_by
        if (exit_vpc and internet_gateway(case.account, vpc_id)) or (one.resource_type in OUTSIDE and not public):
            found.append((_static(case, blocker, table, name),))
    if not found:
        raise NoFix(f"{blocker.summary} No attachment is known behind which this address is.")
    return found[:MOST_TABLES]


def _vpc_of(case: Case, blocker: Blocker) -> str | None:
    """The VPC that the packets are for, where the question says it."""
    end = case.asked.source if blocker.leg == "return" else case.asked.destination
    vpcs = {interface.vpc_id for interface in end.interfaces}
    return vpcs.pop() if len(vpcs) == 1 else None


def _replaced(
    case: Case, blocker: Blocker, table_id: str, attachment_id: str, warn: str, rule: dict[str, Any] | None = None
) -> Step:
    """The route that took the packets, pointed to an attachment."""
    destination = str((rule or blocker.rule or {}).get("destination"))
    edit = ReplaceTransitGatewayRoute(
        transit_gateway_route_table_id=table_id,
        destination_cidr_block=destination,
        transit_gateway_attachment_id=attachment_id,
    )
    table = case.account.transit_tables.get(table_id)
    says = f"Point the route to {destination} in {called(case.account, table_id)} to {attachment_id}."
    return step([blocker], [edit], says, warn, place=table.transit_gateway_id if table else table_id)


def _static(case: Case, blocker: Blocker, table: r.TransitGatewayRouteTable, attachment_id: str) -> Step:
    version = blocker.packets[0].version
    spans: list[Interval] = join_intervals(box.destination for box in blocker.packets)
    blocks = blocks_of(case, version, spans, of_source=blocker.leg == "return")
    edits = [
        CreateTransitGatewayRoute(
            transit_gateway_route_table_id=table.transit_gateway_route_table_id,
            destination_cidr_block=block,
            transit_gateway_attachment_id=attachment_id,
        )
        for block in blocks
    ]
    where = called(case.account, table.transit_gateway_route_table_id)
    says = f"Add to {where} a static route to {listed(blocks)} by {attachment_id}."
    warn = "The route is as narrow as the question: other hosts of the VPC need their own, or a wider one."
    return step([blocker], edits, says, warn, place=table.transit_gateway_id)
