"""What leads out of a VPC: VPN gateways and connections, addresses of NAT gateways, endpoints, firewall rules.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpnConnectionRoute.html
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateNatGatewayAddress.html
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcEndpoint.html
https://docs.aws.amazon.com/network-firewall/latest/APIReference/API_UpdateRuleGroup.html
"""

from __future__ import annotations

from ipaddress import IPv4Address

import msgspec

from whyblocked.config import resources as r
from whyblocked.config.account import Account, Missing, Query
from whyblocked.config.edits.gateways import set_routes
from whyblocked.config.edits.interfaces import stand_in
from whyblocked.config.edits.kinds import (
    AddFirewallRule,
    AssociateNatGatewayAddress,
    AttachVpnGateway,
    CreateVpnConnectionRoute,
    ModifyVpcEndpoint,
)
from whyblocked.config.edits.making import canonical, known, readable, refuse, route_table, vpc
from whyblocked.config.endpoints import rule_group
from whyblocked.config.replacing import replace
from whyblocked.config.resources.vpn import VpnStaticRoute
from whyblocked.text import clean

# -- VPN ---------------------------------------------------------------------------------------------------------------


def attach_vpn_gateway(account: Account, edit: AttachVpnGateway) -> None:
    """Give a VPC its virtual private gateway; routes to it work from then on."""
    query = Query("DescribeVpnGateways", "vpn-gateway-id", edit.vpn_gateway_id)
    gateway = known(account, account.vpn_gateways, query)
    vpc(account, edit.vpc_id)
    attached = next((a.vpc_id for a in gateway.vpc_attachments if a.vpc_id and a.state == "attached"), None)
    if attached is not None:
        refuse(f"{gateway.vpn_gateway_id} is attached to {attached} already")
    made = r.GatewayAttachment(vpc_id=edit.vpc_id, state="attached")
    account.vpn_gateways[gateway.vpn_gateway_id] = msgspec.structs.replace(gateway, vpc_attachments=(made,))
    account.version += 1
    set_routes(account, gateway.vpn_gateway_id, "active", edit.vpc_id)


def create_vpn_route(account: Account, edit: CreateVpnConnectionRoute) -> None:
    """Write down a prefix behind a connection that has static routes."""
    query = Query("DescribeVpnConnections", "vpn-connection-id", edit.vpn_connection_id)
    connection = known(account, account.vpn_connections, query)
    if connection.options is None or not connection.options.static_routes_only:
        refuse(f"{connection.vpn_connection_id} learns its routes by BGP: announce the prefix there")
    destination = canonical(edit.destination_cidr_block)
    if any(canonical(one.destination_cidr_block or "") == destination for one in connection.routes):
        refuse(f"{connection.vpn_connection_id} has a route to {destination} already")
    made = VpnStaticRoute(destination_cidr_block=destination, state="available")
    account.vpn_connections[connection.vpn_connection_id] = msgspec.structs.replace(
        connection, routes=(*connection.routes, made)
    )
    account.version += 1


# -- NAT gateways, endpoints -------------------------------------------------------------------------------------------


def associate_nat_address(account: Account, edit: AssociateNatGatewayAddress) -> None:
    """An address more for a NAT gateway, in a zone where it is a regional one."""
    query = Query("DescribeNatGateways", "nat-gateway-id", edit.nat_gateway_id)
    gateway = known(account, account.nat_gateways, query)
    if gateway.connectivity_type == "private":
        refuse(f"{gateway.nat_gateway_id} is a private one: it has no public addresses")
    public: str | None = stand_in(account)
    if edit.allocation_id:
        found = known(account, account.addresses, Query("DescribeAddresses", "allocation-id", edit.allocation_id))
        public = found.public_ip
    try:
        IPv4Address(public or "")
    except ValueError:
        refuse(f"'{clean(public or '', 40)}' is no IPv4 address")
    made = r.NatGatewayAddress(public_ip=public, status="succeeded", availability_zone=edit.availability_zone)
    account.nat_gateways[gateway.nat_gateway_id] = msgspec.structs.replace(
        gateway, nat_gateway_addresses=(*gateway.nat_gateway_addresses, made)
    )
    account.version += 1


def modify_endpoint(account: Account, edit: ModifyVpcEndpoint) -> None:
    """Give route tables the route to a gateway endpoint, which the service's prefix list is the destination of."""
    query = Query("DescribeVpcEndpoints", "vpc-endpoint-id", edit.vpc_endpoint_id)
    endpoint = known(account, account.vpc_endpoints, query)
    if endpoint.kind != "gateway":
        refuse(f"{endpoint.vpc_endpoint_id} is no gateway endpoint: no route table belongs to it")
    listed = _list_of(account, endpoint)
    for table_id in edit.add_route_table_ids:
        table = route_table(account, table_id)
        if table.vpc_id != endpoint.vpc_id:
            refuse(f"{table_id} is of {table.vpc_id}, and {endpoint.vpc_endpoint_id} of {endpoint.vpc_id}")
        if any(route.target == endpoint.vpc_endpoint_id for route in table.routes):
            refuse(f"{table_id} has a route to {endpoint.vpc_endpoint_id} already")
        made = r.Route(destination_prefix_list_id=listed, gateway_id=endpoint.vpc_endpoint_id, origin="CreateRoute")
        replace(account, msgspec.structs.replace(table, routes=(*table.routes, made)))
    added = tuple(dict.fromkeys((*endpoint.route_table_ids, *edit.add_route_table_ids)))
    account.vpc_endpoints[endpoint.vpc_endpoint_id] = msgspec.structs.replace(endpoint, route_table_ids=added)
    account.version += 1


def _list_of(account: Account, endpoint: r.VpcEndpoint) -> str:
    """The prefix list of an endpoint's service: that of its routes in other tables, else the one with its name."""
    for table in account.route_tables.values():
        for route in table.routes:
            if route.target == endpoint.vpc_endpoint_id and route.destination_prefix_list_id:
                return route.destination_prefix_list_id
    missing = account.source.ask(Query("DescribeManagedPrefixLists", "prefix-list-name", endpoint.service_name))
    if isinstance(missing, Missing):
        readable(f"the prefix list of {endpoint.service_name}", missing)
    found = account.prefix_list_names.get(endpoint.service_name)
    return found[0] if found else refuse(f"the prefix list of {endpoint.service_name} is not known")


# -- firewalls ---------------------------------------------------------------------------------------------------------


def add_firewall_rule(account: Account, edit: AddFirewallRule) -> None:
    """A rule in front of those of a stateful group that is written in Suricata's language."""
    group = readable(edit.rule_group_arn, rule_group(account, edit.rule_group_arn))
    source = group.rules_source
    if source is None or source.rules_string is None:
        refuse(f"the rules of {group.rule_group_name} are not written in Suricata's language")
    source = msgspec.structs.replace(source, rules_string=f"{edit.rule}\n{source.rules_string}")
    account.rule_groups[group.rule_group_arn] = msgspec.structs.replace(group, rules_source=source)
    account.version += 1
