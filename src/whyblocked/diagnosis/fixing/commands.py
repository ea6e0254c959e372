"""Changes as commands of the AWS CLI that run as they stand, one a line, quoted for a shell.

https://docs.aws.amazon.com/cli/latest/reference/ec2/
https://docs.aws.amazon.com/cli/latest/reference/elbv2/
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable
from typing import Any

from whyblocked.config import edits as e
from whyblocked.config.edits import NEW_GATEWAY
from whyblocked.config.resources import IpPermission, NetworkAclEntry, Route

_TARGETS = {
    "nat": "--nat-gateway-id",
    "tgw": "--transit-gateway-id",
    "pcx": "--vpc-peering-connection-id",
    "eigw": "--egress-only-internet-gateway-id",
    "eni": "--network-interface-id",
    "vpce": "--vpc-endpoint-id",
    "cagw": "--carrier-gateway-id",
    "lgw": "--local-gateway-id",
    "i": "--instance-id",
}
"""The option that names a route's target, by how its id begins; ``--gateway-id`` for the others."""

Words = Iterable[str]


def commands(edit: e.Edit, region: str | None) -> list[str]:
    """The commands that make ``edit`` in ``region`` (or in that of the CLI's own settings)."""
    if isinstance(edit, e.CreateInternetGateway):
        words = ("ec2", "create-internet-gateway", "--query", "InternetGateway.InternetGatewayId", "--output", "text")
        return [f"igw=$({_line(words, region)})"]
    if isinstance(edit, e.AddFirewallRule):
        return [_firewall_rule(edit, region)]
    return [_line(words, region) for words in _WRITERS[type(edit)](edit)]


def _line(words: Words, region: str | None) -> str:
    told = ["--region", region] if region else []
    return " ".join(_quoted(word, told) for word in ("aws", *words, *told))


def _quoted(word: str, told: list[str]) -> str:
    """``word`` for a shell: an address is allocated by a command of its own, a gateway made by one before."""
    if word == NEW_GATEWAY:
        return '"$igw"'
    return f'"$({shlex.join([*_ALLOCATE, *told])})"' if word is _NEW_ADDRESS else shlex.quote(word)


_NEW_ADDRESS = "a new address"
_ALLOCATE = ("aws", "ec2", "allocate-address", "--domain", "vpc", "--query", "AllocationId", "--output", "text")


def _firewall_rule(edit: e.AddFirewallRule, region: str | None) -> str:
    """A rule group is written as a whole, with the token of what it was: both are read as the command runs."""
    told = ["--region", region] if region else []
    of = ["--rule-group-arn", edit.rule_group_arn, *told]
    read = ["aws", "network-firewall", "describe-rule-group", *of]
    rules = f'join(`"\\n"`, [`{json.dumps(edit.rule)}`, RulesSource.RulesString])'
    kept = "".join(f", {name}: {name}" for name in edit.keeps)
    whole = shlex.join(
        [*read, "--output", "json", "--query", f"RuleGroup.{{RulesSource: {{RulesString: {rules}}}{kept}}}"]
    )
    token = shlex.join([*read, "--output", "text", "--query", "UpdateToken"])
    write = shlex.join(["aws", "network-firewall", "update-rule-group", *of])
    return f'{write} --update-token "$({token})" --rule-group "$({whole})"'


# -- prefix lists ------------------------------------------------------------------------------------------------------


def _modify_prefix_list(edit: e.ModifyManagedPrefixList) -> Iterable[Words]:
    version = [] if edit.version is None else ["--current-version", str(edit.version)]
    added = (f"Cidr={block}" for block in edit.add)
    yield (
        *("ec2", "modify-managed-prefix-list", "--prefix-list-id", edit.prefix_list_id),
        *(*version, "--add-entries", *added),
    )


# -- rules -------------------------------------------------------------------------------------------------------------


def permission_text(permission: IpPermission) -> str:
    """A permission in the CLI's shorthand."""
    parts = [f"IpProtocol={permission.ip_protocol}"]
    if permission.from_port is not None:
        parts += [f"FromPort={permission.from_port}", f"ToPort={permission.to_port}"]
    for name, key, values in (
        ("IpRanges", "CidrIp", [one.cidr_ip for one in permission.ip_ranges]),
        ("Ipv6Ranges", "CidrIpv6", [one.cidr_ipv6 for one in permission.ipv6_ranges]),
        ("PrefixListIds", "PrefixListId", [one.prefix_list_id for one in permission.prefix_list_ids]),
        ("UserIdGroupPairs", "GroupId", [one.group_id or "" for one in permission.user_id_group_pairs]),
    ):
        if values:
            parts.append(f"{name}=[{','.join(f'{{{key}={value}}}' for value in values)}]")
    return ",".join(parts)


def _authorize(edit: e.AuthorizeSecurityGroup) -> Iterable[Words]:
    permission = permission_text(edit.permission)
    yield (
        "ec2",
        f"authorize-security-group-{edit.direction}",
        "--group-id",
        edit.group_id,
        "--ip-permissions",
        permission,
    )


def _entry(operation: str, acl_id: str, entry: NetworkAclEntry) -> Words:
    yield from ("ec2", operation, "--network-acl-id", acl_id, "--egress" if entry.egress else "--ingress")
    yield from ("--rule-number", str(entry.rule_number), "--protocol", entry.protocol)
    if entry.port_range is not None:
        yield from ("--port-range", f"From={entry.port_range.from_},To={entry.port_range.to}")
    if entry.icmp_type_code is not None:
        yield from ("--icmp-type-code", f"Type={entry.icmp_type_code.type},Code={entry.icmp_type_code.code}")
    block = (
        ("--ipv6-cidr-block", entry.ipv6_cidr_block) if entry.ipv6_cidr_block else ("--cidr-block", entry.cidr_block)
    )
    yield from (block[0], block[1] or "", "--rule-action", entry.rule_action)


def _create_entry(edit: e.CreateNetworkAclEntry) -> Iterable[Words]:
    yield _entry("create-network-acl-entry", edit.network_acl_id, edit.entry)


def _replace_entry(edit: e.ReplaceNetworkAclEntry) -> Iterable[Words]:
    yield _entry("replace-network-acl-entry", edit.network_acl_id, edit.entry)


# -- routes ------------------------------------------------------------------------------------------------------------


def _at(operation: str, table_id: str, destination: str) -> Words:
    yield from ("ec2", operation, "--route-table-id", table_id)
    option = "--destination-ipv6-cidr-block" if ":" in destination else "--destination-cidr-block"
    yield from ("--destination-prefix-list-id" if destination.startswith("pl-") else option, destination)


def _route(operation: str, table_id: str, route: Route) -> Words:
    yield from _at(operation, table_id, route.destination)
    yield from (_TARGETS.get(route.target.partition("-")[0], "--gateway-id"), route.target)


def _create_route(edit: e.CreateRoute) -> Iterable[Words]:
    yield _route("create-route", edit.route_table_id, edit.route)


def _replace_route(edit: e.ReplaceRoute) -> Iterable[Words]:
    yield _route("replace-route", edit.route_table_id, edit.route)


def _delete_route(edit: e.DeleteRoute) -> Iterable[Words]:
    yield _at("delete-route", edit.route_table_id, edit.destination)


def _transit_route(operation: str, edit: e.CreateTransitGatewayRoute | e.ReplaceTransitGatewayRoute) -> Iterable[Words]:
    to = ("--blackhole",) if edit.blackhole else ("--transit-gateway-attachment-id", edit.transit_gateway_attachment_id)
    table = ("--transit-gateway-route-table-id", edit.transit_gateway_route_table_id)
    block = ("--destination-cidr-block", edit.destination_cidr_block)
    yield ("ec2", operation, *table, *block, *(word or "" for word in to))


def _of_attachment(operation: str) -> Callable[[Any], Iterable[Words]]:
    def write(edit: Any) -> Iterable[Words]:
        table = ("--transit-gateway-route-table-id", edit.transit_gateway_route_table_id)
        yield ("ec2", operation, *table, "--transit-gateway-attachment-id", edit.transit_gateway_attachment_id)

    return write


def _vpc_attachment(edit: e.ModifyTransitGatewayVpcAttachment) -> Iterable[Words]:
    words = ["ec2", "modify-transit-gateway-vpc-attachment"]
    words += ["--transit-gateway-attachment-id", edit.transit_gateway_attachment_id]
    words += ["--add-subnet-ids", *edit.add_subnet_ids] if edit.add_subnet_ids else []
    switches = {
        "SecurityGroupReferencingSupport": edit.security_group_referencing_support,
        "ApplianceModeSupport": edit.appliance_mode_support,
    }
    options = [f"{name}={value}" for name, value in switches.items() if value]
    yield [*words, "--options", ",".join(options)] if options else words


def _transit_gateway(edit: e.ModifyTransitGateway) -> Iterable[Words]:
    options = f"SecurityGroupReferencingSupport={edit.security_group_referencing_support}"
    yield "ec2", "modify-transit-gateway", "--transit-gateway-id", edit.transit_gateway_id, "--options", options


# -- gateways, addresses, instances ------------------------------------------------------------------------------------


def _associate_address(edit: e.AssociateAddress) -> Iterable[Words]:
    words = ["ec2", "associate-address", "--network-interface-id", edit.network_interface_id or ""]
    words += ["--private-ip-address", edit.private_ip_address] if edit.private_ip_address else []
    yield [*words, "--allocation-id", _NEW_ADDRESS if not edit.allocated else edit.allocation_id or ""]


def _interface(edit: e.ModifyNetworkInterfaceAttribute) -> Iterable[Words]:
    words = ("ec2", "modify-network-interface-attribute", "--network-interface-id", edit.network_interface_id)
    if edit.groups is not None:
        yield (*words, "--groups", *edit.groups)
    if edit.source_dest_check is not None:
        yield (*words, "--source-dest-check" if edit.source_dest_check else "--no-source-dest-check")


def _start(edit: e.StartInstances) -> Iterable[Words]:
    yield ("ec2", "start-instances", "--instance-ids", *edit.instance_ids)


def _attach(edit: e.AttachInternetGateway) -> Iterable[Words]:
    gateway = ("--internet-gateway-id", edit.internet_gateway_id)
    yield ("ec2", "attach-internet-gateway", *gateway, "--vpc-id", edit.vpc_id)


def _accept_peering(edit: e.AcceptVpcPeeringConnection) -> Iterable[Words]:
    yield "ec2", "accept-vpc-peering-connection", "--vpc-peering-connection-id", edit.vpc_peering_connection_id


def _exclude(edit: e.CreateVpcBlockPublicAccessExclusion) -> Iterable[Words]:
    of = ("--subnet-id", edit.subnet_id) if edit.subnet_id else ("--vpc-id", edit.vpc_id or "")
    mode = ("--internet-gateway-exclusion-mode", edit.internet_gateway_exclusion_mode)
    yield ("ec2", "create-vpc-block-public-access-exclusion", *of, *mode)


def _modify_exclusion(edit: e.ModifyVpcBlockPublicAccessExclusion) -> Iterable[Words]:
    mode = ("--internet-gateway-exclusion-mode", edit.internet_gateway_exclusion_mode)
    yield ("ec2", "modify-vpc-block-public-access-exclusion", "--exclusion-id", edit.exclusion_id, *mode)


def _associate_table(edit: e.AssociateRouteTable) -> Iterable[Words]:
    of = ("--subnet-id", edit.subnet_id) if edit.subnet_id else ("--gateway-id", edit.gateway_id)
    yield ("ec2", "associate-route-table", "--route-table-id", edit.route_table_id, of[0], of[1] or "")


def _attach_vpn(edit: e.AttachVpnGateway) -> Iterable[Words]:
    yield "ec2", "attach-vpn-gateway", "--vpn-gateway-id", edit.vpn_gateway_id, "--vpc-id", edit.vpc_id


def _vpn_route(edit: e.CreateVpnConnectionRoute) -> Iterable[Words]:
    block = ("--destination-cidr-block", edit.destination_cidr_block)
    yield ("ec2", "create-vpn-connection-route", "--vpn-connection-id", edit.vpn_connection_id, *block)


def _nat_address(edit: e.AssociateNatGatewayAddress) -> Iterable[Words]:
    words = ["ec2", "associate-nat-gateway-address", "--nat-gateway-id", edit.nat_gateway_id]
    words += ["--availability-zone", edit.availability_zone] if edit.availability_zone else []
    yield [*words, "--allocation-ids", edit.allocation_id or _NEW_ADDRESS]


def _endpoint(edit: e.ModifyVpcEndpoint) -> Iterable[Words]:
    words = ("ec2", "modify-vpc-endpoint", "--vpc-endpoint-id", edit.vpc_endpoint_id)
    yield (*words, "--add-route-table-ids", *edit.add_route_table_ids)


def _accept_attachment(edit: e.AcceptTransitGatewayVpcAttachment) -> Iterable[Words]:
    name = ("--transit-gateway-attachment-id", edit.transit_gateway_attachment_id)
    yield ("ec2", "accept-transit-gateway-vpc-attachment", *name)


# -- load balancers ----------------------------------------------------------------------------------------------------


def _create_listener(edit: e.CreateListener) -> Iterable[Words]:
    words = ("elbv2", "create-listener", "--load-balancer-arn", edit.load_balancer_arn, "--protocol", edit.protocol)
    actions = (f"Type={action.type},TargetGroupArn={action.target_group_arn}" for action in edit.default_actions)
    yield (*words, "--port", str(edit.port), "--default-actions", *actions)


def _register(edit: e.RegisterTargets | e.DeregisterTargets) -> Iterable[Words]:
    call = "register-targets" if isinstance(edit, e.RegisterTargets) else "deregister-targets"
    targets = (f"Id={target.id}" + (f",Port={target.port}" if target.port else "") for target in edit.targets)
    yield ("elbv2", call, "--target-group-arn", edit.target_group_arn, "--targets", *targets)


def _set_subnets(edit: e.SetSubnets) -> Iterable[Words]:
    yield ("elbv2", "set-subnets", "--load-balancer-arn", edit.load_balancer_arn, "--subnets", *edit.subnets)


def _balancer_attributes(edit: e.ModifyLoadBalancerAttributes) -> Iterable[Words]:
    settings = (f"Key={one.key},Value={one.value}" for one in edit.attributes)
    of = ("--load-balancer-arn", edit.load_balancer_arn)
    yield ("elbv2", "modify-load-balancer-attributes", *of, "--attributes", *settings)


def _group_attributes(edit: e.ModifyTargetGroupAttributes) -> Iterable[Words]:
    settings = (f"Key={one.key},Value={one.value}" for one in edit.attributes)
    of = ("--target-group-arn", edit.target_group_arn)
    yield ("elbv2", "modify-target-group-attributes", *of, "--attributes", *settings)


_WRITERS: dict[type, Callable[[Any], Iterable[Words]]] = {
    e.AuthorizeSecurityGroup: _authorize,
    e.ModifyManagedPrefixList: _modify_prefix_list,
    e.CreateNetworkAclEntry: _create_entry,
    e.ReplaceNetworkAclEntry: _replace_entry,
    e.CreateRoute: _create_route,
    e.ReplaceRoute: _replace_route,
    e.DeleteRoute: _delete_route,
    e.CreateTransitGatewayRoute: lambda edit: _transit_route("create-transit-gateway-route", edit),
    e.ReplaceTransitGatewayRoute: lambda edit: _transit_route("replace-transit-gateway-route", edit),
    e.AssociateTransitGatewayRouteTable: _of_attachment("associate-transit-gateway-route-table"),
    e.EnableTransitGatewayRouteTablePropagation: _of_attachment("enable-transit-gateway-route-table-propagation"),
    e.ModifyTransitGatewayVpcAttachment: _vpc_attachment,
    e.ModifyTransitGateway: _transit_gateway,
    e.AssociateAddress: _associate_address,
    e.ModifyNetworkInterfaceAttribute: _interface,
    e.StartInstances: _start,
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
    e.CreateListener: _create_listener,
    e.RegisterTargets: _register,
    e.DeregisterTargets: _register,
    e.SetSubnets: _set_subnets,
    e.ModifyLoadBalancerAttributes: _balancer_attributes,
    e.ModifyTargetGroupAttributes: _group_attributes,
}
