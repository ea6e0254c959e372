"""Calls about addresses, interfaces, instances, gateways and transit gateways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from whyblocked.config import edits as e
from whyblocked.config.planned.shell import NEW_ADDRESS
from whyblocked.config.planned.told import Edits, Told

# -- addresses, interfaces, instances ----------------------------------------------------------------------------------


def _associate_address(told: Told) -> Edits:
    allocation = told.may("AllocationId")
    return [
        e.AssociateAddress(
            network_interface_id=told.may("NetworkInterfaceId"),
            instance_id=told.may("InstanceId"),
            private_ip_address=told.may("PrivateIpAddress"),
            allocation_id=allocation,
            public_ip=told.may("PublicIp"),
            allow_reassociation=told.may("AllowReassociation", True),
            allocated=not (allocation or "").startswith(NEW_ADDRESS),
        )
    ]


def _disassociate_address(told: Told) -> Edits:
    return [e.DisassociateAddress(association_id=told.may("AssociationId"), public_ip=told.may("PublicIp"))]


def _groups_and_check(told: Told) -> dict[str, Any]:
    groups, check = told.may("Groups"), told.may("SourceDestCheck")
    return {
        "groups": None if groups is None else tuple(groups),
        "source_dest_check": None if check is None else bool(check.get("Value")),
    }


def _modify_interface(told: Told) -> Edits:
    interface_id = told.need("NetworkInterfaceId")
    told.some("Description", "Attachment", "EnaSrdSpecification", "ConnectionTrackingSpecification")
    return [e.ModifyNetworkInterfaceAttribute(network_interface_id=interface_id, **_groups_and_check(told))]


def _modify_instance(told: Told) -> Edits:
    instance_id = told.need("InstanceId")
    changed = _groups_and_check(told)
    told.some(
        "DisableApiTermination", "DisableApiStop", "EbsOptimized", "InstanceInitiatedShutdownBehavior", "UserData"
    )
    return [e.ModifyInstanceAttribute(instance_id=instance_id, **changed)]


def _start(told: Told) -> Edits:
    return [e.StartInstances(instance_ids=tuple(told.need("InstanceIds")))]


def _stop(told: Told) -> Edits:
    told.some("Force", "Hibernate")
    return [e.StopInstances(instance_ids=tuple(told.need("InstanceIds")))]


# -- gateways, peering, Block Public Access, prefix lists --------------------------------------------------------------


def _create_gateway(told: Told) -> Edits:
    told.some("TagSpecifications")
    return [e.CreateInternetGateway(internet_gateway_id=e.NEW_GATEWAY)]


def _attach(told: Told) -> Edits:
    return [e.AttachInternetGateway(internet_gateway_id=told.need("InternetGatewayId"), vpc_id=told.need("VpcId"))]


def _detach(told: Told) -> Edits:
    return [e.DetachInternetGateway(internet_gateway_id=told.need("InternetGatewayId"), vpc_id=told.need("VpcId"))]


def _accept_peering(told: Told) -> Edits:
    return [e.AcceptVpcPeeringConnection(vpc_peering_connection_id=told.need("VpcPeeringConnectionId"))]


def _delete_peering(told: Told) -> Edits:
    return [e.DeleteVpcPeeringConnection(vpc_peering_connection_id=told.need("VpcPeeringConnectionId"))]


def _set_public_access(told: Told) -> Edits:
    mode, region = told.need("InternetGatewayBlockMode"), told.call.region or ""
    return [e.ModifyVpcBlockPublicAccessOptions(internet_gateway_block_mode=mode, region=region)]


def _exclude(told: Told) -> Edits:
    mode = told.need("InternetGatewayExclusionMode")
    where = told.some("VpcId", "SubnetId")
    if len(where) != 1:
        told.fail("an exclusion is that of a VPC or of a subnet")
    return [
        e.CreateVpcBlockPublicAccessExclusion(
            internet_gateway_exclusion_mode=mode, vpc_id=where.get("VpcId"), subnet_id=where.get("SubnetId")
        )
    ]


def _modify_exclusion(told: Told) -> Edits:
    mode = told.need("InternetGatewayExclusionMode")
    return [
        e.ModifyVpcBlockPublicAccessExclusion(
            exclusion_id=told.need("ExclusionId"), internet_gateway_exclusion_mode=mode
        )
    ]


def _include(told: Told) -> Edits:
    return [e.DeleteVpcBlockPublicAccessExclusion(exclusion_id=told.need("ExclusionId"))]


def _modify_prefix_list(told: Told) -> Edits:
    told.some("PrefixListName", "MaxEntries")
    add, remove = (tuple(told.each(name, "Cidr")) for name in ("AddEntries", "RemoveEntries"))
    listed, version = told.need("PrefixListId"), told.may("CurrentVersion")
    return [e.ModifyManagedPrefixList(prefix_list_id=listed, add=add, remove=remove, version=version)]


# -- VPN, NAT gateways, endpoints --------------------------------------------------------------------------------------


def _attach_vpn(told: Told) -> Edits:
    return [e.AttachVpnGateway(vpn_gateway_id=told.need("VpnGatewayId"), vpc_id=told.need("VpcId"))]


def _vpn_route(told: Told) -> Edits:
    block = told.need("DestinationCidrBlock")
    return [e.CreateVpnConnectionRoute(vpn_connection_id=told.need("VpnConnectionId"), destination_cidr_block=block)]


def _nat_address(told: Told) -> Edits:
    allocations, zone = told.need("AllocationIds"), told.may("AvailabilityZone")
    gateway_id = told.need("NatGatewayId")
    if len(allocations) != 1 or told.may("PrivateIpAddresses"):
        told.fail("AssociateNatGatewayAddress: only one address at a time can be applied, without a private one")
    made = allocations[0].startswith(NEW_ADDRESS)
    return [
        e.AssociateNatGatewayAddress(
            nat_gateway_id=gateway_id,
            availability_zone=zone,
            allocation_id=None if made else allocations[0],
        )
    ]


def _modify_endpoint(told: Told) -> Edits:
    tables = tuple(told.need("AddRouteTableIds"))
    return [e.ModifyVpcEndpoint(vpc_endpoint_id=told.need("VpcEndpointId"), add_route_table_ids=tables)]


# -- transit gateways --------------------------------------------------------------------------------------------------


def _transit_route(told: Told) -> dict[str, Any]:
    return {
        "transit_gateway_route_table_id": told.need("TransitGatewayRouteTableId"),
        "destination_cidr_block": told.need("DestinationCidrBlock"),
    }


def _transit_target(told: Told) -> dict[str, Any]:
    return {
        "transit_gateway_attachment_id": told.may("TransitGatewayAttachmentId"),
        "blackhole": told.may("Blackhole", False),
    }


def _create_transit_route(told: Told) -> Edits:
    return [e.CreateTransitGatewayRoute(**_transit_route(told), **_transit_target(told))]


def _replace_transit_route(told: Told) -> Edits:
    return [e.ReplaceTransitGatewayRoute(**_transit_route(told), **_transit_target(told))]


def _delete_transit_route(told: Told) -> Edits:
    return [e.DeleteTransitGatewayRoute(**_transit_route(told))]


def _at_table(kind: Callable[..., e.Edit]) -> Callable[[Told], Edits]:
    def make(told: Told) -> Edits:
        return [
            kind(
                transit_gateway_route_table_id=told.need("TransitGatewayRouteTableId"),
                transit_gateway_attachment_id=told.need("TransitGatewayAttachmentId"),
            )
        ]

    return make


def _modify_attachment(told: Told) -> Edits:
    options = told.may("Options", {})
    return [
        e.ModifyTransitGatewayVpcAttachment(
            transit_gateway_attachment_id=told.need("TransitGatewayAttachmentId"),
            add_subnet_ids=tuple(told.may("AddSubnetIds", ())),
            remove_subnet_ids=tuple(told.may("RemoveSubnetIds", ())),
            security_group_referencing_support=options.get("SecurityGroupReferencingSupport"),
            appliance_mode_support=options.get("ApplianceModeSupport"),
        )
    ]


def _modify_gateway(told: Told) -> Edits:
    gateway_id, options = told.need("TransitGatewayId"), told.may("Options", {})
    told.some("Description")
    switch = options.pop("SecurityGroupReferencingSupport", None)
    for name in ("DnsSupport", "VpnEcmpSupport", "AutoAcceptSharedAttachments"):
        options.pop(name, None)
    if options:
        told.fail(f"ModifyTransitGateway: {', '.join(options)} can't be applied")
    if switch is None:
        return []
    return [e.ModifyTransitGateway(transit_gateway_id=gateway_id, security_group_referencing_support=switch)]


def _accept_attachment(told: Told) -> Edits:
    return [e.AcceptTransitGatewayVpcAttachment(transit_gateway_attachment_id=told.need("TransitGatewayAttachmentId"))]


MAKERS: dict[str, Callable[[Told], Edits]] = {
    "AssociateAddress": _associate_address,
    "DisassociateAddress": _disassociate_address,
    "ModifyNetworkInterfaceAttribute": _modify_interface,
    "ModifyInstanceAttribute": _modify_instance,
    "StartInstances": _start,
    "StopInstances": _stop,
    "CreateInternetGateway": _create_gateway,
    "AttachInternetGateway": _attach,
    "DetachInternetGateway": _detach,
    "AcceptVpcPeeringConnection": _accept_peering,
    "DeleteVpcPeeringConnection": _delete_peering,
    "ModifyVpcBlockPublicAccessOptions": _set_public_access,
    "CreateVpcBlockPublicAccessExclusion": _exclude,
    "ModifyVpcBlockPublicAccessExclusion": _modify_exclusion,
    "DeleteVpcBlockPublicAccessExclusion": _include,
    "AttachVpnGateway": _attach_vpn,
    "CreateVpnConnectionRoute": _vpn_route,
    "AssociateNatGatewayAddress": _nat_address,
    "ModifyVpcEndpoint": _modify_endpoint,
    "AcceptTransitGatewayVpcAttachment": _accept_attachment,
    "ModifyManagedPrefixList": _modify_prefix_list,
    "CreateTransitGatewayRoute": _create_transit_route,
    "ReplaceTransitGatewayRoute": _replace_transit_route,
    "DeleteTransitGatewayRoute": _delete_transit_route,
    "AssociateTransitGatewayRouteTable": _at_table(e.AssociateTransitGatewayRouteTable),
    "DisassociateTransitGatewayRouteTable": _at_table(e.DisassociateTransitGatewayRouteTable),
    "EnableTransitGatewayRouteTablePropagation": _at_table(e.EnableTransitGatewayRouteTablePropagation),
    "DisableTransitGatewayRouteTablePropagation": _at_table(e.DisableTransitGatewayRouteTablePropagation),
    "ModifyTransitGatewayVpcAttachment": _modify_attachment,
    "ModifyTransitGateway": _modify_gateway,
}
