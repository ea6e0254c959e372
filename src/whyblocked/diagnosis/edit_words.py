"""What a change does, in words: one phrase an edit, with the names that people know the resources by."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from whyblocked.config import edits as e
from whyblocked.config.account import Account
from whyblocked.config.resources import NetworkAclEntry, Route
from whyblocked.diagnosis.fixing.effects import entry_text, peers_text, traffic_text
from whyblocked.diagnosis.fixing.words import called

_SHOWN = 5


def edit_words(account: Account, edit: e.Edit) -> str:
    """``sg-0a1 (web): add ingress tcp/22 from 203.0.113.5/32``."""
    return _WRITERS[type(edit)](account, edit)


def _listed(words: Iterable[str]) -> str:
    found = list(words)
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more


# -- rules -------------------------------------------------------------------------------------------------------------


def _permission(account: Account, direction: str, permission: Any) -> str:
    way = "from" if direction == "ingress" else "to"
    return f"{direction} {traffic_text(permission)} {way} {peers_text(account, permission)}"


def _authorize(account: Account, edit: e.AuthorizeSecurityGroup) -> str:
    return f"{called(account, edit.group_id)}: add {_permission(account, edit.direction, edit.permission)}"


def _revoke(account: Account, edit: e.RevokeSecurityGroup) -> str:
    rules = _listed(edit.rule_ids)
    if edit.permission is not None:
        rules = _permission(account, edit.direction, edit.permission)
    return f"{called(account, edit.group_id)}: remove {rules}"


def _modify_rule(account: Account, edit: e.ModifySecurityGroupRule) -> str:
    now = f"{traffic_text(edit.permission)}, {peers_text(account, edit.permission)}"
    return f"{called(account, edit.group_id)}: make {edit.rule_id} {now}"


def _create_group(account: Account, edit: e.CreateSecurityGroup) -> str:
    name = f" ({edit.group_name})" if edit.group_name else ""
    return f"{edit.group_id}{name}: new security group in {called(account, edit.vpc_id)}"


def _set_rules(account: Account, edit: e.SetSecurityGroupRules) -> str:
    rules = _listed(_permission(account, edit.direction, one) for one in edit.permissions)
    return f"{called(account, edit.group_id)}: {edit.direction} rules become {rules or 'none'}"


def _create_acl(account: Account, edit: e.CreateNetworkAcl) -> str:
    return f"{edit.network_acl_id}: new network ACL in {called(account, edit.vpc_id)}"


def _set_entries(account: Account, edit: e.SetNetworkAclEntries) -> str:
    way = "egress" if edit.egress else "ingress"
    rules = _listed(_entry(one).removeprefix(f"{way} ") for one in edit.entries)
    return f"{called(account, edit.network_acl_id)}: {way} rules become {rules or 'none'}"


def _entry(entry: NetworkAclEntry) -> str:
    way, of = ("egress", "to") if entry.egress else ("ingress", "from")
    block = entry.cidr_block or entry.ipv6_cidr_block
    return f"{way} rule {entry.rule_number}: {entry.rule_action} {entry_text(entry)} {of} {block}"


def _create_entry(account: Account, edit: e.CreateNetworkAclEntry) -> str:
    return f"{called(account, edit.network_acl_id)}: add {_entry(edit.entry)}"


def _replace_entry(account: Account, edit: e.ReplaceNetworkAclEntry) -> str:
    return f"{called(account, edit.network_acl_id)}: change to {_entry(edit.entry)}"


def _delete_entry(account: Account, edit: e.DeleteNetworkAclEntry) -> str:
    way = "egress" if edit.egress else "ingress"
    return f"{called(account, edit.network_acl_id)}: remove {way} rule {edit.rule_number}"


def _replace_acl(account: Account, edit: e.ReplaceNetworkAclAssociation) -> str:
    acl = called(account, edit.network_acl_id) if edit.network_acl_id else "the default network ACL of its VPC"
    return f"{called(account, edit.subnet_id or edit.association_id or '')}: guarded by {acl}"


# -- routes ------------------------------------------------------------------------------------------------------------


def _to(route: Route) -> str:
    return f"route {route.destination} to {route.target}"


def _create_route(account: Account, edit: e.CreateRoute) -> str:
    return f"{called(account, edit.route_table_id)}: add {_to(edit.route)}"


def _replace_route(account: Account, edit: e.ReplaceRoute) -> str:
    return f"{called(account, edit.route_table_id)}: change to {_to(edit.route)}"


def _delete_route(account: Account, edit: e.DeleteRoute) -> str:
    return f"{called(account, edit.route_table_id)}: remove route {edit.destination}"


def _create_table(account: Account, edit: e.CreateRouteTable) -> str:
    return f"{edit.route_table_id}: new route table in {called(account, edit.vpc_id)}"


def _set_routes(account: Account, edit: e.SetRoutes) -> str:
    routes = _listed(f"{route.destination} to {route.target}" for route in edit.routes)
    return f"{called(account, edit.route_table_id)}: routes become {routes or 'the local ones alone'}"


def _associate_table(account: Account, edit: e.AssociateRouteTable) -> str:
    return f"{called(account, edit.subnet_id or edit.gateway_id or '')}: use {called(account, edit.route_table_id)}"


def _disassociate_table(_account: Account, edit: e.DisassociateRouteTable) -> str:
    return f"{edit.association_id}: remove, so that the main route table is used"


def _replace_table(account: Account, edit: e.ReplaceRouteTableAssociation) -> str:
    if edit.vpc_id:
        return f"{called(account, edit.vpc_id)}: the main route table becomes {called(account, edit.route_table_id)}"
    of = called(account, edit.subnet_id) if edit.subnet_id else edit.association_id
    return f"{of}: use {called(account, edit.route_table_id)}"


# -- interfaces, addresses, instances ----------------------------------------------------------------------------------


def _associate_address(account: Account, edit: e.AssociateAddress) -> str:
    what = "a new Elastic IP address" if not edit.allocated else edit.public_ip or edit.allocation_id
    on = f" on {edit.private_ip_address}" if edit.private_ip_address else ""
    return f"{called(account, edit.network_interface_id or edit.instance_id or '')}: associate {what}{on}"


def _disassociate_address(_account: Account, edit: e.DisassociateAddress) -> str:
    return f"{edit.public_ip or edit.association_id}: disassociate"


def _attributes(account: Account, of: str, groups: tuple[str, ...] | None, check: bool | None) -> str:
    said = []
    if groups is not None:
        said.append(f"security groups become {_listed(called(account, group) for group in groups)}")
    if check is not None:
        said.append(f"source/destination check {'on' if check else 'off'}")
    return f"{called(account, of)}: {', '.join(said) or 'nothing about the network'}"


def _interface(account: Account, edit: e.ModifyNetworkInterfaceAttribute) -> str:
    said = [_attributes(account, edit.network_interface_id, edit.groups, edit.source_dest_check)]
    for verb, groups in (("add", edit.add_groups), ("remove", edit.remove_groups)):
        if groups:
            words = _listed(called(account, group) for group in groups)
            said.append(f"{called(account, edit.network_interface_id)}: {verb} security group {words}")
    return "; ".join(said[1:] or said)


def _instance(account: Account, edit: e.ModifyInstanceAttribute) -> str:
    return _attributes(account, edit.instance_id, edit.groups, edit.source_dest_check)


def _start(account: Account, edit: e.StartInstances) -> str:
    return f"{_listed(called(account, one) for one in edit.instance_ids)}: start"


def _stop(account: Account, edit: e.StopInstances) -> str:
    return f"{_listed(called(account, one) for one in edit.instance_ids)}: stop"


# -- gateways, peering, Block Public Access, prefix lists --------------------------------------------------------------


def _create_gateway(_account: Account, edit: e.CreateInternetGateway) -> str:
    return f"{edit.internet_gateway_id}: new internet gateway"


def _attach(account: Account, edit: e.AttachInternetGateway) -> str:
    return f"{called(account, edit.internet_gateway_id)}: attach to {called(account, edit.vpc_id)}"


def _detach(account: Account, edit: e.DetachInternetGateway) -> str:
    return f"{called(account, edit.internet_gateway_id)}: detach from {called(account, edit.vpc_id)}"


def _accept(account: Account, edit: e.AcceptVpcPeeringConnection) -> str:
    return f"{called(account, edit.vpc_peering_connection_id)}: accept"


def _delete_peering(account: Account, edit: e.DeleteVpcPeeringConnection) -> str:
    return f"{called(account, edit.vpc_peering_connection_id)}: delete"


def _public_access(_account: Account, edit: e.ModifyVpcBlockPublicAccessOptions) -> str:
    return f"Block Public Access: mode {edit.internet_gateway_block_mode}"


def _exclude(account: Account, edit: e.CreateVpcBlockPublicAccessExclusion) -> str:
    of = called(account, edit.subnet_id or edit.vpc_id or "")
    return f"Block Public Access: exclude {of} ({edit.internet_gateway_exclusion_mode})"


def _modify_exclusion(_account: Account, edit: e.ModifyVpcBlockPublicAccessExclusion) -> str:
    return f"{edit.exclusion_id}: becomes {edit.internet_gateway_exclusion_mode}"


def _attach_vpn(account: Account, edit: e.AttachVpnGateway) -> str:
    return f"{called(account, edit.vpn_gateway_id)}: attach to {called(account, edit.vpc_id)}"


def _vpn_route(account: Account, edit: e.CreateVpnConnectionRoute) -> str:
    return f"{called(account, edit.vpn_connection_id)}: add static route {edit.destination_cidr_block}"


def _nat_address(account: Account, edit: e.AssociateNatGatewayAddress) -> str:
    address = edit.allocation_id or "a new address"
    where = f" in {edit.availability_zone}" if edit.availability_zone else ""
    return f"{called(account, edit.nat_gateway_id)}: associate {address}{where}"


def _endpoint(account: Account, edit: e.ModifyVpcEndpoint) -> str:
    return f"{edit.vpc_endpoint_id}: add {_listed(called(account, name) for name in edit.add_route_table_ids)}"


def _firewall_rule(_account: Account, edit: e.AddFirewallRule) -> str:
    return f"{_name(edit.rule_group_arn)}: add rule {edit.rule}"


def _accept_attachment(_account: Account, edit: e.AcceptTransitGatewayVpcAttachment) -> str:
    return f"{edit.transit_gateway_attachment_id}: accept"


def _include(_account: Account, edit: e.DeleteVpcBlockPublicAccessExclusion) -> str:
    return f"Block Public Access: end exclusion {edit.exclusion_id}"


def _prefix_list(_account: Account, edit: e.ModifyManagedPrefixList) -> str:
    said = [f"{verb} {_listed(blocks)}" for verb, blocks in (("add", edit.add), ("remove", edit.remove)) if blocks]
    return f"{edit.prefix_list_id}: {' and '.join(said) or 'nothing'}"


# -- transit gateways --------------------------------------------------------------------------------------------------


def _transit_route(verb: str) -> Callable[[Account, Any], str]:
    def write(account: Account, edit: e.CreateTransitGatewayRoute | e.ReplaceTransitGatewayRoute) -> str:
        to = "nowhere (blackhole)" if edit.blackhole else edit.transit_gateway_attachment_id
        table = called(account, edit.transit_gateway_route_table_id)
        return f"{table}: {verb} route {edit.destination_cidr_block} to {to}"

    return write


def _delete_transit_route(account: Account, edit: e.DeleteTransitGatewayRoute) -> str:
    return f"{called(account, edit.transit_gateway_route_table_id)}: remove route {edit.destination_cidr_block}"


def _at_table(says: str) -> Callable[[Account, Any], str]:
    def write(account: Account, edit: Any) -> str:
        table = called(account, edit.transit_gateway_route_table_id)
        return f"{edit.transit_gateway_attachment_id}: {says} {table}"

    return write


def _attachment(account: Account, edit: e.ModifyTransitGatewayVpcAttachment) -> str:
    said = [
        f"{verb} {_listed(called(account, subnet) for subnet in subnets)}"
        for verb, subnets in (("add", edit.add_subnet_ids), ("remove", edit.remove_subnet_ids))
        if subnets
    ]
    options = (
        ("security group referencing", edit.security_group_referencing_support),
        ("appliance mode", edit.appliance_mode_support),
    )
    said += [f"{value} {what}" for what, value in options if value is not None]
    return f"{edit.transit_gateway_attachment_id}: {', '.join(said) or 'nothing about the network'}"


def _gateway(account: Account, edit: e.ModifyTransitGateway) -> str:
    switch = edit.security_group_referencing_support
    return f"{called(account, edit.transit_gateway_id)}: {switch} security group referencing"


# -- load balancers ----------------------------------------------------------------------------------------------------


def _name(arn: str) -> str:
    """What people call a load balancer or target group: ``.../app/shop/0123``, ``.../targetgroup/web/0123``."""
    kind, *path = arn.rpartition(":")[2].split("/")
    name = path[:1] if kind == "targetgroup" else path[1:2]
    return name[0] if name else arn


def _forwards(actions: Iterable[Any]) -> str:
    targets = [_name(arn) for action in actions for arn in action.shares]
    return f" to {_listed(targets)}" if targets else ""


def _create_listener(_account: Account, edit: e.CreateListener) -> str:
    return f"{_name(edit.load_balancer_arn)}: listen on {edit.protocol} {edit.port}{_forwards(edit.default_actions)}"


def _modify_listener(_account: Account, edit: e.ModifyListener) -> str:
    now = " ".join(str(part) for part in (edit.protocol, edit.port) if part is not None)
    return f"{_name(edit.listener_arn)}: change listener {now}{_forwards(edit.default_actions or ())}"


def _delete_listener(_account: Account, edit: e.DeleteListener) -> str:
    return f"{_name(edit.listener_arn)}: remove listener {edit.listener_arn.rpartition('/')[2]}"


def _targets(verb: str) -> Callable[[Account, Any], str]:
    def write(account: Account, edit: e.RegisterTargets | e.DeregisterTargets) -> str:
        targets = (called(account, one.id) + (f":{one.port}" if one.port else "") for one in edit.targets)
        return f"{_name(edit.target_group_arn)}: {verb} {_listed(targets)}"

    return write


def _set_subnets(account: Account, edit: e.SetSubnets) -> str:
    return f"{_name(edit.load_balancer_arn)}: subnets become {_listed(called(account, one) for one in edit.subnets)}"


def _set_groups(account: Account, edit: e.SetSecurityGroups) -> str:
    groups = _listed(called(account, one) for one in edit.security_groups)
    return f"{_name(edit.load_balancer_arn)}: security groups become {groups}"


def _balancer_settings(_account: Account, edit: e.ModifyLoadBalancerAttributes) -> str:
    return f"{_name(edit.load_balancer_arn)}: set {_listed(f'{one.key}={one.value}' for one in edit.attributes)}"


def _group_settings(_account: Account, edit: e.ModifyTargetGroupAttributes) -> str:
    return f"{_name(edit.target_group_arn)}: set {_listed(f'{one.key}={one.value}' for one in edit.attributes)}"


_WRITERS: dict[type, Callable[[Account, Any], str]] = {
    e.AuthorizeSecurityGroup: _authorize,
    e.RevokeSecurityGroup: _revoke,
    e.ModifySecurityGroupRule: _modify_rule,
    e.CreateSecurityGroup: _create_group,
    e.SetSecurityGroupRules: _set_rules,
    e.CreateNetworkAcl: _create_acl,
    e.SetNetworkAclEntries: _set_entries,
    e.CreateNetworkAclEntry: _create_entry,
    e.ReplaceNetworkAclEntry: _replace_entry,
    e.DeleteNetworkAclEntry: _delete_entry,
    e.ReplaceNetworkAclAssociation: _replace_acl,
    e.CreateRouteTable: _create_table,
    e.SetRoutes: _set_routes,
    e.CreateRoute: _create_route,
    e.ReplaceRoute: _replace_route,
    e.DeleteRoute: _delete_route,
    e.AssociateRouteTable: _associate_table,
    e.DisassociateRouteTable: _disassociate_table,
    e.ReplaceRouteTableAssociation: _replace_table,
    e.AssociateAddress: _associate_address,
    e.DisassociateAddress: _disassociate_address,
    e.ModifyNetworkInterfaceAttribute: _interface,
    e.ModifyInstanceAttribute: _instance,
    e.StartInstances: _start,
    e.StopInstances: _stop,
    e.CreateInternetGateway: _create_gateway,
    e.AttachInternetGateway: _attach,
    e.DetachInternetGateway: _detach,
    e.AcceptVpcPeeringConnection: _accept,
    e.DeleteVpcPeeringConnection: _delete_peering,
    e.ModifyVpcBlockPublicAccessOptions: _public_access,
    e.CreateVpcBlockPublicAccessExclusion: _exclude,
    e.ModifyVpcBlockPublicAccessExclusion: _modify_exclusion,
    e.DeleteVpcBlockPublicAccessExclusion: _include,
    e.AttachVpnGateway: _attach_vpn,
    e.CreateVpnConnectionRoute: _vpn_route,
    e.AssociateNatGatewayAddress: _nat_address,
    e.ModifyVpcEndpoint: _endpoint,
    e.AddFirewallRule: _firewall_rule,
    e.AcceptTransitGatewayVpcAttachment: _accept_attachment,
    e.ModifyManagedPrefixList: _prefix_list,
    e.CreateTransitGatewayRoute: _transit_route("add"),
    e.ReplaceTransitGatewayRoute: _transit_route("change to"),
    e.DeleteTransitGatewayRoute: _delete_transit_route,
    e.AssociateTransitGatewayRouteTable: _at_table("associate with"),
    e.DisassociateTransitGatewayRouteTable: _at_table("disassociate from"),
    e.EnableTransitGatewayRouteTablePropagation: _at_table("propagate into"),
    e.DisableTransitGatewayRouteTablePropagation: _at_table("propagate no longer into"),
    e.ModifyTransitGatewayVpcAttachment: _attachment,
    e.ModifyTransitGateway: _gateway,
    e.CreateListener: _create_listener,
    e.ModifyListener: _modify_listener,
    e.DeleteListener: _delete_listener,
    e.RegisterTargets: _targets("register"),
    e.DeregisterTargets: _targets("deregister"),
    e.SetSubnets: _set_subnets,
    e.SetSecurityGroups: _set_groups,
    e.ModifyLoadBalancerAttributes: _balancer_settings,
    e.ModifyTargetGroupAttributes: _group_settings,
}
