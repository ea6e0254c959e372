"""The changes that can be made to a copy of an account: one class a kind, called as AWS's API calls the operation.

Each holds what the operation is told, in the API's own shapes where there is one (an ``IpPermission``, a
``NetworkAclEntry``, a ``Route``), so that a change from a file, from a plan and from a proposed fix are the same thing.
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Operations.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

from typing import Literal

import msgspec

from whyblocked.config import resources as r

NEW_GATEWAY = "igw-new"
"""Stands in for the id of an internet gateway that is still to be made."""

Direction = Literal["ingress", "egress"]


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """Any one change."""


# -- security groups ---------------------------------------------------------------------------------------------------


class AuthorizeSecurityGroup(Edit, frozen=True):
    """``AuthorizeSecurityGroupIngress`` and ``-Egress``: a rule for every source (destination) in ``permission``."""

    group_id: str
    direction: Direction
    permission: r.IpPermission


class RevokeSecurityGroup(Edit, frozen=True):
    """``RevokeSecurityGroupIngress`` and ``-Egress``, by ``permission`` or by the ids of rules."""

    group_id: str
    direction: Direction
    permission: r.IpPermission | None = None
    rule_ids: tuple[str, ...] = ()


class ModifySecurityGroupRule(Edit, frozen=True):
    """``ModifySecurityGroupRules`` of one rule, which becomes the one source of ``permission``."""

    group_id: str
    rule_id: str
    permission: r.IpPermission


class CreateSecurityGroup(Edit, frozen=True):
    """A security group more, without any rule (Terraform takes that away which AWS gives); ``group_id`` is made up."""

    group_id: str
    vpc_id: str
    group_name: str | None = None


class SetSecurityGroupRules(Edit, frozen=True):
    """All the rules of one direction, as Terraform keeps those that stand in the group itself: others go."""

    group_id: str
    direction: Direction
    permissions: tuple[r.IpPermission, ...]


# -- network ACLs ------------------------------------------------------------------------------------------------------


class CreateNetworkAclEntry(Edit, frozen=True):
    """A numbered rule more."""

    network_acl_id: str
    entry: r.NetworkAclEntry


class ReplaceNetworkAclEntry(Edit, frozen=True):
    """Another rule at a number that one has."""

    network_acl_id: str
    entry: r.NetworkAclEntry


class DeleteNetworkAclEntry(Edit, frozen=True):
    """A numbered rule less."""

    network_acl_id: str
    rule_number: int
    egress: bool


class CreateNetworkAcl(Edit, frozen=True):
    """A network ACL more, which denies everything; ``network_acl_id`` is made up."""

    network_acl_id: str
    vpc_id: str


class SetNetworkAclEntries(Edit, frozen=True):
    """All the entries of one direction, as Terraform keeps those that stand in the ACL itself: others go."""

    network_acl_id: str
    egress: bool
    entries: tuple[r.NetworkAclEntry, ...]


class ReplaceNetworkAclAssociation(Edit, frozen=True):
    """Another network ACL for a subnet, which is named by its id or by that of the association that it has.

    None is the default ACL of the subnet's VPC.
    """

    network_acl_id: str | None
    association_id: str | None = None
    subnet_id: str | None = None


# -- route tables ------------------------------------------------------------------------------------------------------


class CreateRoute(Edit, frozen=True):
    """A route more; ``route`` has one destination and one target."""

    route_table_id: str
    route: r.Route


class ReplaceRoute(Edit, frozen=True):
    """Another target for a destination that has one; a target ``local`` gives the VPC's own route its own back."""

    route_table_id: str
    route: r.Route


class DeleteRoute(Edit, frozen=True):
    """A route less; ``destination`` is a block or the id of a prefix list."""

    route_table_id: str
    destination: str


class CreateRouteTable(Edit, frozen=True):
    """A route table more, with the local routes alone; ``route_table_id`` is made up."""

    route_table_id: str
    vpc_id: str


class SetRoutes(Edit, frozen=True):
    """All the routes, as Terraform keeps those that stand in the table: others go, but the local and learned ones."""

    route_table_id: str
    routes: tuple[r.Route, ...]


class AssociateRouteTable(Edit, frozen=True):
    """A route table for a subnet that has none of its own, or for a gateway."""

    route_table_id: str
    subnet_id: str | None = None
    gateway_id: str | None = None


class DisassociateRouteTable(Edit, frozen=True):
    """No route table of its own for a subnet, which falls back on the main one, or for a gateway."""

    association_id: str


class ReplaceRouteTableAssociation(Edit, frozen=True):
    """Another route table for what has one: by its association, or by the subnet's id; or another main one of a VPC."""

    route_table_id: str
    association_id: str | None = None
    subnet_id: str | None = None
    vpc_id: str | None = None


# -- interfaces, instances, addresses ----------------------------------------------------------------------------------


class AssociateAddress(Edit, frozen=True):
    """An Elastic IP address for an interface, or for the one interface of an instance.

    The address is named by its allocation or by itself. Where it is not ``allocated`` yet, ``public_ip`` is whatever
    stands in for it; None: an address that the account has not.
    """

    network_interface_id: str | None = None
    instance_id: str | None = None
    private_ip_address: str | None = None
    allocation_id: str | None = None
    public_ip: str | None = None
    allow_reassociation: bool = True
    allocated: bool = True


class DisassociateAddress(Edit, frozen=True):
    """An Elastic IP address is taken off; it is named by its association or by itself."""

    association_id: str | None = None
    public_ip: str | None = None


class ModifyNetworkInterfaceAttribute(Edit, frozen=True):
    """Other groups for an interface, or another source/destination check; None leaves as it is.

    Groups may also come and go one by one, which no call of AWS's does, but Terraform.
    """

    network_interface_id: str
    groups: tuple[str, ...] | None = None
    source_dest_check: bool | None = None
    add_groups: tuple[str, ...] = ()
    remove_groups: tuple[str, ...] = ()


class ModifyInstanceAttribute(Edit, frozen=True):
    """The same for the one interface of an instance."""

    instance_id: str
    groups: tuple[str, ...] | None = None
    source_dest_check: bool | None = None


class StartInstances(Edit, frozen=True):
    """Instances run."""

    instance_ids: tuple[str, ...]


class StopInstances(Edit, frozen=True):
    """Instances stop; a public address that is no Elastic IP address is lost."""

    instance_ids: tuple[str, ...]


# -- gateways, peering, Block Public Access, prefix lists --------------------------------------------------------------


class CreateInternetGateway(Edit, frozen=True):
    """An internet gateway more, attached to nothing; ``internet_gateway_id`` is made up."""

    internet_gateway_id: str


class AttachInternetGateway(Edit, frozen=True):
    """An internet gateway for a VPC that has none."""

    internet_gateway_id: str
    vpc_id: str


class DetachInternetGateway(Edit, frozen=True):
    """No internet gateway any more."""

    internet_gateway_id: str
    vpc_id: str


class AcceptVpcPeeringConnection(Edit, frozen=True):
    """A peering connection that waits for it becomes active."""

    vpc_peering_connection_id: str


class DeleteVpcPeeringConnection(Edit, frozen=True):
    """A peering connection is no more; routes to it become black holes."""

    vpc_peering_connection_id: str


class ModifyVpcBlockPublicAccessOptions(Edit, frozen=True):
    """Another mode for Block Public Access in a Region (empty: wherever it is known): ``off``, ``block-...``."""

    internet_gateway_block_mode: str
    region: str = ""


class CreateVpcBlockPublicAccessExclusion(Edit, frozen=True):
    """A VPC or subnet that Block Public Access leaves out: ``allow-bidirectional`` or ``allow-egress``."""

    internet_gateway_exclusion_mode: str
    vpc_id: str | None = None
    subnet_id: str | None = None


class ModifyVpcBlockPublicAccessExclusion(Edit, frozen=True):
    """Another mode for what Block Public Access leaves out."""

    exclusion_id: str
    internet_gateway_exclusion_mode: str


class DeleteVpcBlockPublicAccessExclusion(Edit, frozen=True):
    """It no longer does."""

    exclusion_id: str


class ModifyManagedPrefixList(Edit, frozen=True):
    """Blocks more and less in a customer's prefix list; ``version`` is the one that the change is made from."""

    prefix_list_id: str
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    version: int | None = None


# -- transit gateways --------------------------------------------------------------------------------------------------


class CreateTransitGatewayRoute(Edit, frozen=True):
    """A static route more, to an attachment or to nowhere (``blackhole``)."""

    transit_gateway_route_table_id: str
    destination_cidr_block: str
    transit_gateway_attachment_id: str | None = None
    blackhole: bool = False


class ReplaceTransitGatewayRoute(Edit, frozen=True):
    """Another target for a static route."""

    transit_gateway_route_table_id: str
    destination_cidr_block: str
    transit_gateway_attachment_id: str | None = None
    blackhole: bool = False


class DeleteTransitGatewayRoute(Edit, frozen=True):
    """A static route less."""

    transit_gateway_route_table_id: str
    destination_cidr_block: str


class AssociateTransitGatewayRouteTable(Edit, frozen=True):
    """A route table for what comes in by an attachment that has none."""

    transit_gateway_route_table_id: str
    transit_gateway_attachment_id: str


class DisassociateTransitGatewayRouteTable(Edit, frozen=True):
    """No route table any more for what comes in by an attachment."""

    transit_gateway_route_table_id: str
    transit_gateway_attachment_id: str


class EnableTransitGatewayRouteTablePropagation(Edit, frozen=True):
    """The blocks behind an attachment are entered into a route table by themselves."""

    transit_gateway_route_table_id: str
    transit_gateway_attachment_id: str


class DisableTransitGatewayRouteTablePropagation(Edit, frozen=True):
    """They are no longer."""

    transit_gateway_route_table_id: str
    transit_gateway_attachment_id: str


class ModifyTransitGatewayVpcAttachment(Edit, frozen=True):
    """Subnets more and less for an attachment; each in a zone of its own. None leaves an option as it is."""

    transit_gateway_attachment_id: str
    add_subnet_ids: tuple[str, ...] = ()
    remove_subnet_ids: tuple[str, ...] = ()
    security_group_referencing_support: str | None = None
    appliance_mode_support: str | None = None


class ModifyTransitGateway(Edit, frozen=True):
    """Security group referencing of a transit gateway: ``enable`` or ``disable``."""

    transit_gateway_id: str
    security_group_referencing_support: str


class AcceptTransitGatewayVpcAttachment(Edit, frozen=True):
    """An attachment that waits for it becomes available."""

    transit_gateway_attachment_id: str


# -- ways out: VPN, NAT gateways, endpoints, firewalls -----------------------------------------------------------------


class AttachVpnGateway(Edit, frozen=True):
    """A virtual private gateway for a VPC that has none."""

    vpn_gateway_id: str
    vpc_id: str


class CreateVpnConnectionRoute(Edit, frozen=True):
    """A static route of a VPN connection more."""

    vpn_connection_id: str
    destination_cidr_block: str


class AssociateNatGatewayAddress(Edit, frozen=True):
    """An Elastic IP address for a NAT gateway; a regional one has it in one Availability Zone.

    Where it is not allocated yet, ``allocation_id`` is None.
    """

    nat_gateway_id: str
    availability_zone: str | None = None
    allocation_id: str | None = None


class ModifyVpcEndpoint(Edit, frozen=True):
    """Route tables more for a gateway endpoint, each of which gets a route to the service."""

    vpc_endpoint_id: str
    add_route_table_ids: tuple[str, ...]


class AddFirewallRule(Edit, frozen=True):
    """``UpdateRuleGroup`` with a Suricata rule in front of those that a stateful group has.

    The operation replaces the whole group: ``keeps`` names what it has beside its rules, as the API calls it.
    """

    rule_group_arn: str
    rule: str
    keeps: tuple[str, ...] = ()


# -- load balancers ----------------------------------------------------------------------------------------------------


class CreateListener(Edit, frozen=True):
    """A port and protocol that a load balancer listens on."""

    load_balancer_arn: str
    protocol: str
    port: int
    default_actions: tuple[r.Action, ...]


class ModifyListener(Edit, frozen=True):
    """Another port, protocol or action for a listener; None leaves as it is."""

    listener_arn: str
    protocol: str | None = None
    port: int | None = None
    default_actions: tuple[r.Action, ...] | None = None


class DeleteListener(Edit, frozen=True):
    """A load balancer no longer listens there."""

    listener_arn: str


class RegisterTargets(Edit, frozen=True):
    """Targets more in a target group; they are taken as healthy."""

    target_group_arn: str
    targets: tuple[r.Target, ...]


class DeregisterTargets(Edit, frozen=True):
    """Targets less."""

    target_group_arn: str
    targets: tuple[r.Target, ...]


class SetSubnets(Edit, frozen=True):
    """The subnets, and so the zones, of a load balancer: all of them."""

    load_balancer_arn: str
    subnets: tuple[str, ...]


class SetSecurityGroups(Edit, frozen=True):
    """The security groups of a load balancer: all of them."""

    load_balancer_arn: str
    security_groups: tuple[str, ...]


class ModifyLoadBalancerAttributes(Edit, frozen=True):
    """Settings of a load balancer; those that are not named stay."""

    load_balancer_arn: str
    attributes: tuple[r.Attribute, ...]


class ModifyTargetGroupAttributes(Edit, frozen=True):
    """Settings of a target group; those that are not named stay."""

    target_group_arn: str
    attributes: tuple[r.Attribute, ...]
