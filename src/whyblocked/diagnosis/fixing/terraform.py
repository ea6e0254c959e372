"""Changes as Terraform for the AWS provider: resources where there are any, else what to set, as a comment.

https://registry.terraform.io/providers/hashicorp/aws/latest/docs
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from whyblocked.config import edits as e
from whyblocked.config.edits import NEW_GATEWAY
from whyblocked.config.resources import IpPermission, NetworkAclEntry, Route

_TARGETS = {
    "nat": "nat_gateway_id",
    "tgw": "transit_gateway_id",
    "pcx": "vpc_peering_connection_id",
    "eigw": "egress_only_gateway_id",
    "eni": "network_interface_id",
    "vpce": "vpc_endpoint_id",
    "cagw": "carrier_gateway_id",
    "lgw": "local_gateway_id",
}
"""The argument of ``aws_route`` that names the target, by how its id begins; ``gateway_id`` for the others."""

Attributes = dict[str, Any]
Written = tuple[str, str, Attributes] | str
"""A resource (its type, what its name is made of, its arguments), or a comment."""


class Raw(str):
    """An expression, as opposed to a text in quotes."""


class Nested(dict[str, Any]):
    """The arguments of a block inside of a resource."""


def terraform(edits: Iterable[e.Edit]) -> str:
    """One document for all of a plan's edits."""
    names: dict[str, int] = {}
    written = (one for edit in edits for one in _WRITERS[type(edit)](edit))
    return "\n\n".join(_comment(one) if isinstance(one, str) else _block(one, names) for one in written)


def _comment(text: str) -> str:
    return f"# {' '.join(text.split())}"


def _block(written: tuple[str, str, Attributes], names: dict[str, int]) -> str:
    kind, label, attributes = written
    name = _label(label)
    count = names[name] = names.get(name, 0) + 1
    head = f'resource "{kind}" "{name}{f"_{count}" if count > 1 else ""}" {{'
    return "\n".join([head, *_arguments(attributes, "  "), "}"])


def _label(text: str) -> str:
    """A resource's name: letters, digits and underscores, a letter first."""
    name = re.sub(r"[^0-9a-z]+", "_", text.lower()).strip("_")
    return name if name[:1].isalpha() else f"r_{name}"


def _arguments(attributes: Attributes, indent: str) -> Iterator[str]:
    plain = {key: value for key, value in attributes.items() if value is not None and not isinstance(value, Nested)}
    width = max(map(len, plain), default=0)
    yield from (f"{indent}{key:<{width}} = {_value(value)}" for key, value in plain.items())
    for key, value in attributes.items():
        if isinstance(value, Nested):
            yield from ("", f"{indent}{key} {{", *_arguments(value, indent * 2), f"{indent}}}")


def _value(value: Any) -> str:
    if isinstance(value, Raw):
        return str(value)
    if value == NEW_GATEWAY:
        return "aws_internet_gateway.new.id"
    # In a quoted text ${ and %{ begin a template: doubled, they stand for themselves.
    return re.sub(r"([$%])\{", r"\1\1{", json.dumps(value, ensure_ascii=True))


# -- rules -------------------------------------------------------------------------------------------------------------


def _authorize(edit: e.AuthorizeSecurityGroup) -> Iterator[Written]:
    for key, peer in _peers(edit.permission):
        one = edit.permission
        yield (
            f"aws_vpc_security_group_{edit.direction}_rule",
            f"{edit.group_id}_{edit.direction}_{one.ip_protocol.replace('-1', 'all')}_{one.to_port or ''}",
            {
                "security_group_id": edit.group_id,
                "ip_protocol": one.ip_protocol,
                "from_port": one.from_port,
                "to_port": one.to_port,
                key: peer,
            },
        )


def _peers(permission: IpPermission) -> Iterator[tuple[str, str]]:
    yield from (("cidr_ipv4", one.cidr_ip) for one in permission.ip_ranges)
    yield from (("cidr_ipv6", one.cidr_ipv6) for one in permission.ipv6_ranges)
    yield from (("prefix_list_id", one.prefix_list_id) for one in permission.prefix_list_ids)
    yield from (("referenced_security_group_id", one.group_id or "") for one in permission.user_id_group_pairs)


def _list_entry(edit: e.ModifyManagedPrefixList) -> Iterator[Written]:
    for block in edit.add:
        attributes: Attributes = {"prefix_list_id": edit.prefix_list_id, "cidr": block}
        yield "aws_ec2_managed_prefix_list_entry", f"{edit.prefix_list_id}_{block}", attributes


def _create_entry(edit: e.CreateNetworkAclEntry) -> Iterator[Written]:
    yield "aws_network_acl_rule", _entry_label(edit.network_acl_id, edit.entry), _entry(edit.network_acl_id, edit.entry)


def _replace_entry(edit: e.ReplaceNetworkAclEntry) -> Iterator[Written]:
    way = "outbound" if edit.entry.egress else "inbound"
    yield f"In place of {way} rule {edit.entry.rule_number} of {edit.network_acl_id} as it is:"
    yield "aws_network_acl_rule", _entry_label(edit.network_acl_id, edit.entry), _entry(edit.network_acl_id, edit.entry)


def _entry_label(acl_id: str, entry: NetworkAclEntry) -> str:
    return f"{acl_id}_{'egress' if entry.egress else 'ingress'}_{entry.rule_number}"


def _entry(acl_id: str, entry: NetworkAclEntry) -> Attributes:
    ports, icmp = entry.port_range, entry.icmp_type_code
    return {
        "network_acl_id": acl_id,
        "rule_number": entry.rule_number,
        "egress": entry.egress,
        "protocol": entry.protocol,
        "rule_action": entry.rule_action,
        "cidr_block": entry.cidr_block,
        "ipv6_cidr_block": entry.ipv6_cidr_block,
        "from_port": ports.from_ if ports else None,
        "to_port": ports.to if ports else None,
        "icmp_type": icmp.type if icmp else None,
        "icmp_code": icmp.code if icmp else None,
    }


# -- routes ------------------------------------------------------------------------------------------------------------


def _create_route(edit: e.CreateRoute) -> Iterator[Written]:
    yield "aws_route", f"{edit.route_table_id}_{edit.route.destination}", _route(edit.route_table_id, edit.route)


def _replace_route(edit: e.ReplaceRoute) -> Iterator[Written]:
    yield f"In place of the route to {edit.route.destination} that {edit.route_table_id} has:"
    yield "aws_route", f"{edit.route_table_id}_{edit.route.destination}", _route(edit.route_table_id, edit.route)


def _delete_route(edit: e.DeleteRoute) -> Iterator[Written]:
    yield f"Take out the route to {edit.destination} that {edit.route_table_id} has."


def _route(table_id: str, route: Route) -> Attributes:
    return {
        "route_table_id": table_id,
        "destination_cidr_block": route.destination_cidr_block,
        "destination_ipv6_cidr_block": route.destination_ipv6_cidr_block,
        "destination_prefix_list_id": route.destination_prefix_list_id,
        _TARGETS.get(route.target.partition("-")[0], "gateway_id"): route.target,
    }


def _transit_route(edit: e.CreateTransitGatewayRoute | e.ReplaceTransitGatewayRoute) -> Iterator[Written]:
    if isinstance(edit, e.ReplaceTransitGatewayRoute):
        yield f"In place of {edit.transit_gateway_route_table_id}'s route to {edit.destination_cidr_block} as it is:"
    yield (
        "aws_ec2_transit_gateway_route",
        f"{edit.transit_gateway_route_table_id}_{edit.destination_cidr_block}",
        {
            "transit_gateway_route_table_id": edit.transit_gateway_route_table_id,
            "destination_cidr_block": edit.destination_cidr_block,
            "transit_gateway_attachment_id": edit.transit_gateway_attachment_id,
            "blackhole": True if edit.blackhole else None,
        },
    )


def _of_attachment(kind: str) -> Callable[[Any], Iterator[Written]]:
    def write(edit: Any) -> Iterator[Written]:
        table, attachment = edit.transit_gateway_route_table_id, edit.transit_gateway_attachment_id
        ids = {"transit_gateway_route_table_id": table, "transit_gateway_attachment_id": attachment}
        yield kind, f"{table}_{attachment}", ids

    return write


def _vpc_attachment(edit: e.ModifyTransitGatewayVpcAttachment) -> Iterator[Written]:
    name = edit.transit_gateway_attachment_id
    for subnet_id in edit.add_subnet_ids:
        yield f"In the aws_ec2_transit_gateway_vpc_attachment of {name}: add {subnet_id} to subnet_ids."
    for option in ("security_group_referencing_support", "appliance_mode_support"):
        if value := getattr(edit, option):
            yield f'In the aws_ec2_transit_gateway_vpc_attachment of {name}: {option} = "{value}"'


def _transit_gateway(edit: e.ModifyTransitGateway) -> Iterator[Written]:
    value = edit.security_group_referencing_support
    yield f'In the aws_ec2_transit_gateway of {edit.transit_gateway_id}: security_group_referencing_support = "{value}"'


# -- gateways, addresses, instances ------------------------------------------------------------------------------------


def _associate_address(edit: e.AssociateAddress) -> Iterator[Written]:
    eni = edit.network_interface_id or ""
    allocation: str = edit.allocation_id or ""
    if not edit.allocated:
        allocation = Raw(f"aws_eip.{_label(eni)}.id")
        yield "aws_eip", eni, {"domain": "vpc"}
    yield (
        "aws_eip_association",
        eni if edit.allocated else f"{eni}_address",
        {
            "network_interface_id": eni,
            "private_ip_address": edit.private_ip_address,
            "allocation_id": allocation,
        },
    )


def _interface(edit: e.ModifyNetworkInterfaceAttribute) -> Iterator[Written]:
    where = f"In the aws_network_interface or aws_instance of {edit.network_interface_id}"
    if edit.source_dest_check is not None:
        yield f"{where}: source_dest_check = {str(edit.source_dest_check).lower()}"
    if edit.groups is not None:
        yield f"{where}: security_groups = {json.dumps(list(edit.groups))}"


def _start(edit: e.StartInstances) -> Iterator[Written]:
    for instance_id in edit.instance_ids:
        yield "aws_ec2_instance_state", instance_id, {"instance_id": instance_id, "state": "running"}


def _create_gateway(_edit: e.CreateInternetGateway) -> Iterator[Written]:
    yield "aws_internet_gateway", "new", {}


def _attach(edit: e.AttachInternetGateway) -> Iterator[Written]:
    ids = {"internet_gateway_id": edit.internet_gateway_id, "vpc_id": edit.vpc_id}
    yield "aws_internet_gateway_attachment", edit.internet_gateway_id, ids


def _accept_peering(edit: e.AcceptVpcPeeringConnection) -> Iterator[Written]:
    pcx = edit.vpc_peering_connection_id
    yield "aws_vpc_peering_connection_accepter", pcx, {"vpc_peering_connection_id": pcx, "auto_accept": True}


def _exclude(edit: e.CreateVpcBlockPublicAccessExclusion) -> Iterator[Written]:
    yield (
        "aws_vpc_block_public_access_exclusion",
        edit.subnet_id or edit.vpc_id or "",
        {
            "subnet_id": edit.subnet_id,
            "vpc_id": edit.vpc_id,
            "internet_gateway_exclusion_mode": edit.internet_gateway_exclusion_mode,
        },
    )


def _modify_exclusion(edit: e.ModifyVpcBlockPublicAccessExclusion) -> Iterator[Written]:
    where = f"In the aws_vpc_block_public_access_exclusion of {edit.exclusion_id}"
    yield f'{where}: internet_gateway_exclusion_mode = "{edit.internet_gateway_exclusion_mode}"'


def _associate_table(edit: e.AssociateRouteTable) -> Iterator[Written]:
    ids = {"route_table_id": edit.route_table_id, "subnet_id": edit.subnet_id, "gateway_id": edit.gateway_id}
    yield "aws_route_table_association", edit.subnet_id or edit.gateway_id or "", ids


def _attach_vpn(edit: e.AttachVpnGateway) -> Iterator[Written]:
    ids = {"vpn_gateway_id": edit.vpn_gateway_id, "vpc_id": edit.vpc_id}
    yield "aws_vpn_gateway_attachment", edit.vpn_gateway_id, ids


def _vpn_route(edit: e.CreateVpnConnectionRoute) -> Iterator[Written]:
    ids = {"vpn_connection_id": edit.vpn_connection_id, "destination_cidr_block": edit.destination_cidr_block}
    yield "aws_vpn_connection_route", f"{edit.vpn_connection_id}_{edit.destination_cidr_block}", ids


def _nat_address(edit: e.AssociateNatGatewayAddress) -> Iterator[Written]:
    zone = f"{edit.nat_gateway_id}_{edit.availability_zone or 'address'}"
    if edit.allocation_id is None:
        yield "aws_eip", zone, {"domain": "vpc"}
    name = edit.allocation_id or f"aws_eip.{_label(zone)}.id"
    yield (
        f"In the aws_nat_gateway of {edit.nat_gateway_id}: an availability_zone_address for {edit.availability_zone} "
        f"with allocation_ids = [{name}]."
    )


def _endpoint(edit: e.ModifyVpcEndpoint) -> Iterator[Written]:
    for table_id in edit.add_route_table_ids:
        ids = {"vpc_endpoint_id": edit.vpc_endpoint_id, "route_table_id": table_id}
        yield "aws_vpc_endpoint_route_table_association", f"{edit.vpc_endpoint_id}_{table_id}", ids


def _accept_attachment(edit: e.AcceptTransitGatewayVpcAttachment) -> Iterator[Written]:
    name = edit.transit_gateway_attachment_id
    yield "aws_ec2_transit_gateway_vpc_attachment_accepter", name, {"transit_gateway_attachment_id": name}


def _firewall_rule(edit: e.AddFirewallRule) -> Iterator[Written]:
    yield (
        f"In the aws_networkfirewall_rule_group of {edit.rule_group_arn.rpartition('/')[2]}, in front of the others of "
        f"rules_source.rules_string: {edit.rule}"
    )


# -- load balancers ----------------------------------------------------------------------------------------------------


def _create_listener(edit: e.CreateListener) -> Iterator[Written]:
    arns = [action.target_group_arn for action in edit.default_actions]
    action = Nested(type="forward", target_group_arn=arns[0])
    yield (
        "aws_lb_listener",
        f"{_name(edit.load_balancer_arn)}_{edit.port}",
        {
            "load_balancer_arn": edit.load_balancer_arn,
            "protocol": edit.protocol,
            "port": edit.port,
            "default_action": action,
        },
    )


def _register(edit: e.RegisterTargets) -> Iterator[Written]:
    for target in edit.targets:
        yield (
            "aws_lb_target_group_attachment",
            f"{_name(edit.target_group_arn)}_{target.id}",
            {"target_group_arn": edit.target_group_arn, "target_id": target.id, "port": target.port},
        )


def _deregister(edit: e.DeregisterTargets) -> Iterator[Written]:
    for target in edit.targets:
        yield f"Remove the aws_lb_target_group_attachment of {target.id} to {_name(edit.target_group_arn)}."


def _set_subnets(edit: e.SetSubnets) -> Iterator[Written]:
    yield f"In the aws_lb of {_name(edit.load_balancer_arn)}: subnets = {json.dumps(list(edit.subnets))}"


def _balancer_attributes(edit: e.ModifyLoadBalancerAttributes) -> Iterator[Written]:
    settings = ", ".join(f"{one.key} = {one.value}" for one in edit.attributes)
    yield f"In the aws_lb of {_name(edit.load_balancer_arn)}, the argument for {settings}."


def _group_attributes(edit: e.ModifyTargetGroupAttributes) -> Iterator[Written]:
    settings = ", ".join(f"{one.key} = {one.value}" for one in edit.attributes)
    yield f"In the aws_lb_target_group of {_name(edit.target_group_arn)}, the argument for {settings}."


def _name(arn: str) -> str:
    parts = arn.rpartition(":")[2].split("/")
    return parts[-2] if len(parts) > 1 else parts[-1]


_WRITERS: dict[type, Callable[[Any], Iterator[Written]]] = {
    e.AuthorizeSecurityGroup: _authorize,
    e.ModifyManagedPrefixList: _list_entry,
    e.CreateNetworkAclEntry: _create_entry,
    e.ReplaceNetworkAclEntry: _replace_entry,
    e.CreateRoute: _create_route,
    e.ReplaceRoute: _replace_route,
    e.DeleteRoute: _delete_route,
    e.CreateTransitGatewayRoute: _transit_route,
    e.ReplaceTransitGatewayRoute: _transit_route,
    e.AssociateTransitGatewayRouteTable: _of_attachment("aws_ec2_transit_gateway_route_table_association"),
    e.EnableTransitGatewayRouteTablePropagation: _of_attachment("aws_ec2_transit_gateway_route_table_propagation"),
    e.ModifyTransitGatewayVpcAttachment: _vpc_attachment,
    e.ModifyTransitGateway: _transit_gateway,
    e.AssociateAddress: _associate_address,
    e.ModifyNetworkInterfaceAttribute: _interface,
    e.StartInstances: _start,
    e.CreateInternetGateway: _create_gateway,
    e.AttachInternetGateway: _attach,
    e.AcceptVpcPeeringConnection: _accept_peering,
    e.CreateVpcBlockPublicAccessExclusion: _exclude,
    e.ModifyVpcBlockPublicAccessExclusion: _modify_exclusion,
    e.AssociateRouteTable: _associate_table,
    e.AttachVpnGateway: _attach_vpn,
    e.CreateVpnConnectionRoute: _vpn_route,
    e.AssociateNatGatewayAddress: _nat_address,
    e.ModifyVpcEndpoint: _endpoint,
    e.AcceptTransitGatewayVpcAttachment: _accept_attachment,
    e.AddFirewallRule: _firewall_rule,
    e.CreateListener: _create_listener,
    e.RegisterTargets: _register,
    e.DeregisterTargets: _deregister,
    e.SetSubnets: _set_subnets,
    e.ModifyLoadBalancerAttributes: _balancer_attributes,
    e.ModifyTargetGroupAttributes: _group_attributes,
}
