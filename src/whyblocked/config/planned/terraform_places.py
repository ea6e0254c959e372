"""Addresses, interfaces, gateways, transit gateways and load balancers as Terraform plans them.

https://registry.terraform.io/providers/hashicorp/aws/latest/docs
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from whyblocked.config import edits as e
from whyblocked.config import resources as r
from whyblocked.config.planned.plan import Resource, Unknown
from whyblocked.config.planned.terraform_types import GONE, NEW, PLACE, RULE, Staged, Type
from whyblocked.config.resources.balancers import ForwardConfig, WeightedTargetGroup

# -- addresses, interfaces, instances ----------------------------------------------------------------------------------


def _address(one: Resource) -> Iterator[Staged]:
    """``aws_eip``, which may be associated by itself."""
    instance, interface = one.before.get("instance"), one.before.get("network_interface")
    if (one.deleted or one.updated) and (instance or interface):
        yield GONE, e.DisassociateAddress(public_ip=one.before["public_ip"])
    if not (one.created or one.updated):
        return
    interface, instance = one.name_of("network_interface"), one.name_of("instance")
    if interface or instance:
        yield (
            PLACE,
            e.AssociateAddress(
                network_interface_id=interface,
                instance_id=None if interface else instance,
                private_ip_address=one.name_of("associate_with_private_ip"),
                allocation_id=one.id,
                allocated=not one.made_up,
            ),
        )


def _address_association(one: Resource) -> Iterator[Staged]:
    if one.deleted:
        yield GONE, e.DisassociateAddress(public_ip=one.before["public_ip"])
    if one.created:
        allocation, public = one.name_of("allocation_id"), one.name_of("public_ip")
        interface, instance = one.name_of("network_interface_id"), one.name_of("instance_id")
        if not (allocation or public) or not (interface or instance):
            raise Unknown("the address or what it is for")
        yield (
            PLACE,
            e.AssociateAddress(
                network_interface_id=interface,
                instance_id=None if interface else instance,
                private_ip_address=one.name_of("private_ip_address"),
                allocation_id=allocation,
                public_ip=None if allocation else public,
                allocated=not one.is_new(allocation or ""),
            ),
        )


def _interface(one: Resource) -> Iterator[Staged]:
    if not one.updated:
        return
    changed = one.changed()
    groups = one.names_of("security_groups") if "security_groups" in changed else None
    check = bool(one.get("source_dest_check")) if "source_dest_check" in changed else None
    if groups is not None or check is not None:
        yield (
            PLACE,
            e.ModifyNetworkInterfaceAttribute(network_interface_id=one.id, groups=groups, source_dest_check=check),
        )


def _interface_group(one: Resource) -> Iterator[Staged]:
    if one.deleted:
        old, group = one.before["network_interface_id"], one.before["security_group_id"]
        yield GONE, e.ModifyNetworkInterfaceAttribute(network_interface_id=old, remove_groups=(group,))
    if one.created:
        interface, group = one.name_of("network_interface_id") or "", one.name_of("security_group_id") or ""
        yield PLACE, e.ModifyNetworkInterfaceAttribute(network_interface_id=interface, add_groups=(group,))


def _instance(one: Resource) -> Iterator[Staged]:
    """An instance keeps its interface as long as it is only updated."""
    if not one.updated:
        return
    changed = one.changed()
    groups = one.names_of("vpc_security_group_ids") if "vpc_security_group_ids" in changed else None
    check = bool(one.get("source_dest_check")) if "source_dest_check" in changed else None
    if groups is not None or check is not None:
        yield PLACE, e.ModifyInstanceAttribute(instance_id=one.id, groups=groups, source_dest_check=check)


def _instance_state(one: Resource) -> Iterator[Staged]:
    if one.created or one.updated:
        kind = e.StartInstances if one.get("state") == "running" else e.StopInstances
        yield PLACE, kind(instance_ids=(one.name_of("instance_id") or "",))


# -- gateways, peering, Block Public Access, prefix lists --------------------------------------------------------------


def _internet_gateway(one: Resource) -> Iterator[Staged]:
    if one.deleted and one.before.get("vpc_id"):
        yield GONE, e.DetachInternetGateway(internet_gateway_id=one.before["id"], vpc_id=one.before["vpc_id"])
    if one.made_up:
        yield NEW, e.CreateInternetGateway(internet_gateway_id=one.made_up)
        if vpc := one.name_of("vpc_id"):
            yield NEW, e.AttachInternetGateway(internet_gateway_id=one.made_up, vpc_id=vpc)
    elif one.updated and "vpc_id" in one.changed():
        if one.before.get("vpc_id"):
            yield GONE, e.DetachInternetGateway(internet_gateway_id=one.id, vpc_id=one.before["vpc_id"])
        if vpc := one.name_of("vpc_id"):
            yield NEW, e.AttachInternetGateway(internet_gateway_id=one.id, vpc_id=vpc)


def _gateway_attachment(one: Resource) -> Iterator[Staged]:
    if one.deleted:
        old = one.before
        yield GONE, e.DetachInternetGateway(internet_gateway_id=old["internet_gateway_id"], vpc_id=old["vpc_id"])
    if one.created:
        gateway, vpc = one.name_of("internet_gateway_id") or "", one.name_of("vpc_id") or ""
        yield NEW, e.AttachInternetGateway(internet_gateway_id=gateway, vpc_id=vpc)


def _vpn_attachment(one: Resource) -> Iterator[Staged]:
    if one.created:
        gateway, vpc = one.name_of("vpn_gateway_id") or "", one.name_of("vpc_id") or ""
        yield NEW, e.AttachVpnGateway(vpn_gateway_id=gateway, vpc_id=vpc)


def _vpn_route(one: Resource) -> Iterator[Staged]:
    if one.created:
        connection, block = one.name_of("vpn_connection_id") or "", str(one.get("destination_cidr_block"))
        yield RULE, e.CreateVpnConnectionRoute(vpn_connection_id=connection, destination_cidr_block=block)


def _endpoint_table(one: Resource) -> Iterator[Staged]:
    if one.created:
        endpoint, table = one.name_of("vpc_endpoint_id") or "", one.name_of("route_table_id") or ""
        yield RULE, e.ModifyVpcEndpoint(vpc_endpoint_id=endpoint, add_route_table_ids=(table,))


def _attachment_accepter(one: Resource) -> Iterator[Staged]:
    if one.created:
        attachment = one.name_of("transit_gateway_attachment_id") or ""
        yield NEW, e.AcceptTransitGatewayVpcAttachment(transit_gateway_attachment_id=attachment)


def _peering(one: Resource) -> Iterator[Staged]:
    if one.deleted:
        yield GONE, e.DeleteVpcPeeringConnection(vpc_peering_connection_id=one.before["id"])
    if one.created:
        raise Unknown("its id")


def _accepter(one: Resource) -> Iterator[Staged]:
    if one.created and one.get("auto_accept"):
        peering = one.name_of("vpc_peering_connection_id") or ""
        yield NEW, e.AcceptVpcPeeringConnection(vpc_peering_connection_id=peering)


def _public_access(one: Resource) -> Iterator[Staged]:
    mode = "off" if one.deleted and not one.created else str(one.get("internet_gateway_block_mode"))
    yield PLACE, e.ModifyVpcBlockPublicAccessOptions(internet_gateway_block_mode=mode)


def _exclusion(one: Resource) -> Iterator[Staged]:
    mode = one.get("internet_gateway_exclusion_mode") if one.created or one.updated else ""
    if one.deleted:
        yield GONE, e.DeleteVpcBlockPublicAccessExclusion(exclusion_id=one.before["id"])
    if one.updated:
        yield (
            PLACE,
            e.ModifyVpcBlockPublicAccessExclusion(exclusion_id=one.id, internet_gateway_exclusion_mode=mode),
        )
    if one.created:
        yield (
            PLACE,
            e.CreateVpcBlockPublicAccessExclusion(
                internet_gateway_exclusion_mode=mode,
                vpc_id=one.name_of("vpc_id"),
                subnet_id=one.name_of("subnet_id"),
            ),
        )


def _prefix_list(one: Resource) -> Iterator[Staged]:
    if one.created:
        raise Unknown("its id")
    if one.updated and "entry" in one.changed():
        old, new = ({row["cidr"] for row in rows or ()} for rows in (one.before.get("entry"), one.get("entry")))
        added, gone = tuple(sorted(new - old)), tuple(sorted(old - new))
        yield RULE, e.ModifyManagedPrefixList(prefix_list_id=one.id, add=added, remove=gone)


def _prefix_list_entry(one: Resource) -> Iterator[Staged]:
    if one.deleted:
        old = one.before
        yield GONE, e.ModifyManagedPrefixList(prefix_list_id=old["prefix_list_id"], remove=(old["cidr"],))
    if one.created:
        listed = one.name_of("prefix_list_id") or ""
        yield RULE, e.ModifyManagedPrefixList(prefix_list_id=listed, add=(str(one.get("cidr")),))


# -- transit gateways --------------------------------------------------------------------------------------------------


def _transit_route(one: Resource) -> Iterator[Staged]:
    if one.deleted:
        old = one.before
        yield (
            GONE,
            e.DeleteTransitGatewayRoute(
                transit_gateway_route_table_id=old["transit_gateway_route_table_id"],
                destination_cidr_block=old["destination_cidr_block"],
            ),
        )
    if one.created:
        yield (
            RULE,
            e.CreateTransitGatewayRoute(
                transit_gateway_route_table_id=one.name_of("transit_gateway_route_table_id") or "",
                destination_cidr_block=str(one.get("destination_cidr_block")),
                transit_gateway_attachment_id=one.name_of("transit_gateway_attachment_id"),
                blackhole=bool(one.get("blackhole")),
            ),
        )


def _at_table(made: Callable[..., e.Edit], ended: Callable[..., e.Edit]) -> Callable[[Resource], Iterator[Staged]]:
    names = ("transit_gateway_route_table_id", "transit_gateway_attachment_id")

    def make(one: Resource) -> Iterator[Staged]:
        if one.deleted:
            yield GONE, ended(**{name: one.before[name] for name in names})
        if one.created:
            yield RULE, made(**{name: one.name_of(name) or "" for name in names})

    return make


def _transit_gateway(one: Resource) -> Iterator[Staged]:
    if one.updated and "security_group_referencing_support" in one.changed():
        switch = str(one.get("security_group_referencing_support"))
        yield PLACE, e.ModifyTransitGateway(transit_gateway_id=one.id, security_group_referencing_support=switch)


def _transit_attachment(one: Resource) -> Iterator[Staged]:
    if not one.updated:
        raise Unknown("what it becomes")
    changed = one.changed()
    old, new = set(one.before.get("subnet_ids") or ()), set(one.names_of("subnet_ids"))
    options = {
        name: one.get(name)
        for name in ("security_group_referencing_support", "appliance_mode_support")
        if name in changed
    }
    if options or old != new:
        yield (
            PLACE,
            e.ModifyTransitGatewayVpcAttachment(
                transit_gateway_attachment_id=one.id,
                add_subnet_ids=tuple(sorted(new - old)),
                remove_subnet_ids=tuple(sorted(old - new)),
                **options,
            ),
        )


# -- load balancers ----------------------------------------------------------------------------------------------------


def _listener(one: Resource) -> Iterator[Staged]:
    if one.deleted:
        yield GONE, e.DeleteListener(listener_arn=one.before["arn"])
    if one.created:
        yield (
            RULE,
            e.CreateListener(
                load_balancer_arn=one.name_of("load_balancer_arn") or "",
                protocol=str(one.get("protocol")),
                port=int(one.get("port") or 0),
                default_actions=_actions(one),
            ),
        )
    if one.updated and one.changed() & {"port", "protocol", "default_action"}:
        yield (
            RULE,
            e.ModifyListener(
                listener_arn=one.before["arn"],
                protocol=one.get("protocol"),
                port=one.get("port"),
                default_actions=_actions(one),
            ),
        )


def _actions(one: Resource) -> tuple[r.Action, ...]:
    rows = one.after.get("default_action") or []
    if any(row.get("type") == "forward" and not (row.get("target_group_arn") or row.get("forward")) for row in rows):
        raise Unknown("default_action")
    return tuple(_action(row) for row in rows)


def _action(row: dict[str, Any]) -> r.Action:
    forward = (row.get("forward") or [{}])[0]
    shares = tuple(
        WeightedTargetGroup(target_group_arn=share.get("arn"), weight=share.get("weight"))
        for share in forward.get("target_group") or ()
    )
    return r.Action(
        type=str(row.get("type", "")),
        target_group_arn=row.get("target_group_arn") or None,
        forward_config=ForwardConfig(target_groups=shares) if shares else None,
    )


def _target(one: Resource) -> Iterator[Staged]:
    if one.deleted:
        old = r.Target(id=one.before["target_id"], port=one.before.get("port"))
        yield GONE, e.DeregisterTargets(target_group_arn=one.before["target_group_arn"], targets=(old,))
    if one.created:
        target = r.Target(id=one.name_of("target_id") or "", port=one.get("port"))
        arn = one.name_of("target_group_arn") or ""
        yield PLACE, e.RegisterTargets(target_group_arn=arn, targets=(target,))


def _balancer(one: Resource) -> Iterator[Staged]:
    if not one.updated:
        raise Unknown("its nodes")
    changed = one.changed()
    if "security_groups" in changed:
        groups = one.names_of("security_groups")
        yield PLACE, e.SetSecurityGroups(load_balancer_arn=one.id, security_groups=groups)
    if "subnets" in changed or "subnet_mapping" in changed:
        yield PLACE, e.SetSubnets(load_balancer_arn=one.id, subnets=one.names_of("subnets"))
    if "enable_cross_zone_load_balancing" in changed:
        value = str(bool(one.get("enable_cross_zone_load_balancing"))).lower()
        setting = r.Attribute(key="load_balancing.cross_zone.enabled", value=value)
        yield PLACE, e.ModifyLoadBalancerAttributes(load_balancer_arn=one.id, attributes=(setting,))


_INSTANCE = frozenset({"subnet_id", "private_ip", "secondary_private_ips", "network_interface", "ipv6_addresses"})
_INTERFACE = frozenset({"private_ip", "private_ips", "ipv6_addresses", "ipv4_prefixes", "ipv6_prefixes", "attachment"})

PLACES: dict[str, Type] = {
    "aws_eip": Type(_address),
    "aws_eip_association": Type(_address_association),
    "aws_network_interface": Type(_interface, _INTERFACE),
    "aws_network_interface_sg_attachment": Type(_interface_group),
    "aws_instance": Type(_instance, _INSTANCE),
    "aws_ec2_instance_state": Type(_instance_state),
    "aws_internet_gateway": Type(_internet_gateway),
    "aws_internet_gateway_attachment": Type(_gateway_attachment),
    "aws_vpn_gateway_attachment": Type(_vpn_attachment, ends=False),
    "aws_vpn_connection_route": Type(_vpn_route, ends=False),
    "aws_vpc_endpoint_route_table_association": Type(_endpoint_table, ends=False),
    "aws_ec2_transit_gateway_vpc_attachment_accepter": Type(_attachment_accepter, ends=False),
    "aws_vpc_peering_connection": Type(_peering),
    "aws_vpc_peering_connection_accepter": Type(_accepter),
    "aws_vpc_block_public_access_options": Type(_public_access),
    "aws_vpc_block_public_access_exclusion": Type(_exclusion),
    "aws_ec2_managed_prefix_list": Type(_prefix_list),
    "aws_ec2_managed_prefix_list_entry": Type(_prefix_list_entry),
    "aws_ec2_transit_gateway_route": Type(_transit_route),
    "aws_ec2_transit_gateway_route_table_association": Type(
        _at_table(e.AssociateTransitGatewayRouteTable, e.DisassociateTransitGatewayRouteTable)
    ),
    "aws_ec2_transit_gateway_route_table_propagation": Type(
        _at_table(e.EnableTransitGatewayRouteTablePropagation, e.DisableTransitGatewayRouteTablePropagation)
    ),
    "aws_ec2_transit_gateway": Type(_transit_gateway),
    "aws_ec2_transit_gateway_vpc_attachment": Type(_transit_attachment),
    "aws_lb_listener": Type(_listener),
    "aws_lb_target_group_attachment": Type(_target),
    "aws_lb": Type(_balancer, frozenset({"ip_address_type", "internal"})),
}
