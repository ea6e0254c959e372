"""The resources of an account, indexed by what they are looked up by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cache
from ipaddress import IPv4Address
from typing import Any, Literal, TypeVar

import msgspec

from whyblocked.config import resources as r
from whyblocked.config.addresses import Ip, delegated_prefixes, private_addresses, public_addresses
from whyblocked.config.balancer_index import BalancerIndex
from whyblocked.text import clean

Kept = TypeVar("Kept", r.Vpc, r.Subnet, r.RouteTable, r.NetworkAcl, r.SecurityGroup, r.NetworkInterface, r.Instance)
Partial = Literal["static routes", "as many as fit"]
"""What an answer holds that is not whole."""


class Index:
    """Resources by id, address, subnet, VPC and group; the first of several with one id stays."""

    def __init__(self) -> None:
        self.vpcs: dict[str, r.Vpc] = {}
        self.subnets: dict[str, r.Subnet] = {}
        self.route_tables: dict[str, r.RouteTable] = {}
        self.network_acls: dict[str, r.NetworkAcl] = {}
        self.security_groups: dict[str, r.SecurityGroup] = {}
        self.security_group_rules: dict[str, dict[str, r.SecurityGroupRule]] = defaultdict(dict)
        self.group_vpcs: dict[str, dict[str, str]] = defaultdict(dict)  # the state by group and associated VPC
        self.interfaces: dict[str, r.NetworkInterface] = {}
        self.instances: dict[str, r.Instance] = {}
        self.internet_gateways: dict[str, r.InternetGateway] = {}
        self.egress_only_gateways: dict[str, r.EgressOnlyInternetGateway] = {}
        self.nat_gateways: dict[str, r.NatGateway] = {}
        self.peerings: dict[str, r.VpcPeeringConnection] = {}
        self.vpn_gateways: dict[str, r.VpnGateway] = {}
        self.vpn_connections: dict[str, r.VpnConnection] = {}
        self.virtual_interfaces: dict[str, r.VirtualInterface] = {}
        self.carrier_gateways: dict[str, r.CarrierGateway] = {}
        self.encryption_controls: dict[str, r.EncryptionControl] = {}
        self.peerings_of: dict[str, dict[str, r.VpcPeeringConnection]] = defaultdict(dict)  # by VPC
        self.addresses: dict[str, r.Address] = {}  # Elastic IP addresses, by allocation and by themselves
        self.prefix_lists: dict[str, tuple[str, ...]] = {}
        self.public_access: dict[tuple[str, str], r.PublicAccessOptions] = {}  # by account and Region
        self.public_access_exclusions: dict[str, r.PublicAccessExclusion] = {}
        self.flow_logs: dict[str, r.FlowLog] = {}
        self.transit_gateways: dict[str, r.TransitGateway] = {}
        self.transit_attachments: dict[str, dict[str, r.TransitGatewayAttachment]] = defaultdict(dict)  # by gateway
        self.transit_shown_by_owner: set[str] = set()  # attachments as the account of the gateway sees them
        self.transit_vpc_attachments: dict[str, r.TransitGatewayVpcAttachment] = {}
        self.transit_peerings: dict[str, r.TransitGatewayPeeringAttachment] = {}
        self.transit_tables: dict[str, r.TransitGatewayRouteTable] = {}
        self.details: dict[tuple[str, str], tuple[r.Resource, ...]] = {}  # by operation, and what it was asked about
        self.partial: dict[tuple[str, str], Partial] = {}  # of these answers, what they hold only
        self.managed: dict[type[r.Resource], dict[object, r.Resource]] = defaultdict(dict)  # services' own, by kind
        self.managed_lists: dict[str, r.PrefixList] = {}  # prefix lists with their owner and version
        self.prefix_list_names: dict[str, list[str]] = defaultdict(list)  # the lists that have a name, by it
        self.vpc_endpoints: dict[str, r.VpcEndpoint] = {}
        self.firewalls: dict[str, r.Firewall] = {}  # by ARN, as what follows
        self.listed_firewalls: dict[str, r.ListedFirewall] = {}
        self.firewall_policies: dict[str, r.FirewallPolicy] = {}
        self.rule_groups: dict[str, r.RuleGroup] = {}
        self.balancers = BalancerIndex()
        self.broken: dict[str, list[r.Broken]] = defaultdict(list)
        self.differing: dict[str, None] = {}  # ids under which several resources were told that are not the same
        self._account_of: dict[str, str] = {}  # as AWS says
        self._reader_of: dict[str, str] = {}  # as the path of the capture says, or who owns something in it
        self._region_of: dict[str, str] = {}
        self._subnets_of: dict[str, dict[str, r.Subnet]] = defaultdict(dict)
        self._in_order: dict[str, tuple[r.Subnet, ...]] = {}
        self._table_of_subnet: dict[str, r.RouteTable] = {}
        self._table_of_gateway: dict[str, r.RouteTable] = {}
        self._main_table: dict[str, r.RouteTable] = {}
        self._acl_of_subnet: dict[str, r.NetworkAcl] = {}
        self._default_acl: dict[str, r.NetworkAcl] = {}
        self.interfaces_in: dict[str, dict[str, r.NetworkInterface]] = defaultdict(dict)  # by subnet
        self.transit_interfaces: dict[str, dict[str, r.NetworkInterface]] = defaultdict(dict)  # by attachment
        self._private: dict[tuple[str, int], dict[int, r.NetworkInterface]] = defaultdict(dict)  # by VPC and IP version
        self._owners: dict[Ip, dict[str, r.NetworkInterface]] = defaultdict(dict)
        self._delegated: dict[str, list[tuple[int, int, int, r.NetworkInterface]]] = defaultdict(list)
        self._public: dict[Ip, tuple[r.NetworkInterface, IPv4Address]] = {}
        self._addresses_of: dict[str, tuple[Ip, ...]] = {}  # by interface
        self._members: dict[str, dict[str, r.NetworkInterface]] = defaultdict(dict)
        self._of_instance: dict[str, dict[str, r.NetworkInterface]] = defaultdict(dict)
        self._gateway_of_vpc: dict[str, r.InternetGateway] = {}
        self._endpoints_of: dict[str, dict[str, r.VpcEndpoint]] = defaultdict(dict)  # by VPC
        self._endpoint_of_interface: dict[str, r.VpcEndpoint] = {}
        self._firewall_of_endpoint: dict[str, r.Firewall] = {}
        self.version = 0  # grows with every resource added, so that what was derived from the index can tell

    def add(self, resource: r.Resource, account_id: str | None = None, region: str | None = None) -> None:
        """Index ``resource``; the first of several with one id stays. Unknown kinds are left alone."""
        adder = _adder(type(resource))
        if adder is not None:
            self.version += 1
            adder(self, resource, account_id, region)

    def keep(
        self, kind: str, resource: r.Resource, where: str, account_id: str | None = None, region: str | None = None
    ) -> None:
        """Like :meth:`add`, but what has an address that is none is kept as broken, found ``where``."""
        try:
            self.add(resource, account_id, region)
        except ValueError as error:
            texts = frozenset(r.texts(msgspec.to_builtins(resource)))
            self.broken[kind].append(r.Broken(kind, texts, f"{where}: {clean(str(error))}"))

    def _is_first(self, known: dict[str, Kept], key: str, resource: Kept) -> bool:
        """Keep a resource, if it is the first with its id; one that says otherwise is remembered.

        Tags do not count: of what is shared, every account has its own.
        """
        first = known.setdefault(key, resource)
        if first is resource:
            return True
        if first != resource and _untagged(first) != _untagged(resource):
            self.differing[key] = None
        return False

    def add_prefix_list(self, prefix_list_id: str, cidrs: Iterable[str]) -> None:
        """Index the entries of a managed prefix list; lists of several files are joined."""
        self.version += 1
        self.prefix_lists[prefix_list_id] = tuple(dict.fromkeys((*self.prefix_lists.get(prefix_list_id, ()), *cidrs)))

    def add_details(
        self, operation: str, about: str, resources: Iterable[r.Resource], partial: Partial | None = None
    ) -> None:
        """Index the answer of a call about one object, which its answer does not name; several are joined."""
        self.version += 1
        if partial is not None:
            self.partial[operation, about] = partial
        self.details[operation, about] = (*self.details.get((operation, about), ()), *resources)

    def _add_vpc(self, vpc: r.Vpc, account_id: str | None, region: str | None) -> None:
        self._is_first(self.vpcs, vpc.vpc_id, vpc)
        self._place(vpc.vpc_id, vpc.owner_id, account_id, region)

    def _add_subnet(self, subnet: r.Subnet, account_id: str | None, region: str | None) -> None:
        if self._is_first(self.subnets, subnet.subnet_id, subnet):
            self._subnets_of[subnet.vpc_id][subnet.subnet_id] = subnet
            self._in_order.clear()
        self._place(subnet.vpc_id, subnet.owner_id, account_id, region)

    def _add_route_table(self, table: r.RouteTable, account_id: str | None, region: str | None) -> None:
        if not self._is_first(self.route_tables, table.route_table_id, table):
            return
        self._place(table.vpc_id, table.owner_id, account_id, region)
        for association in table.associations:
            if not association.active:
                continue
            if association.main:
                self._main_table[table.vpc_id] = table
            if association.subnet_id:
                self._table_of_subnet[association.subnet_id] = table
            if association.gateway_id:
                self._table_of_gateway[association.gateway_id] = table

    def _add_network_acl(self, acl: r.NetworkAcl, account_id: str | None, region: str | None) -> None:
        if not self._is_first(self.network_acls, acl.network_acl_id, acl):
            return
        self._place(acl.vpc_id, acl.owner_id, account_id, region)
        for association in acl.associations:
            if association.subnet_id:
                self._acl_of_subnet[association.subnet_id] = acl
        if acl.is_default:
            self._default_acl[acl.vpc_id] = acl

    def _add_security_group(self, group: r.SecurityGroup, account_id: str | None, region: str | None) -> None:
        self._is_first(self.security_groups, group.group_id, group)
        if group.vpc_id:
            self._place(group.vpc_id, None, account_id or group.owner_id, region)  # a shared VPC is another's

    def _add_security_group_rule(self, rule: r.SecurityGroupRule, *_: object) -> None:
        self.security_group_rules[rule.group_id].setdefault(rule.security_group_rule_id, rule)

    def _add_group_association(self, association: r.SecurityGroupVpcAssociation, *_: object) -> None:
        self.group_vpcs[association.group_id].setdefault(association.vpc_id, association.state)

    def _add_interface(self, interface: r.NetworkInterface, account_id: str | None, region: str | None) -> None:
        private, public = (
            private_addresses(interface),
            public_addresses(interface),
        )  # ValueError before anything is kept
        delegated = [r.block(text) for text in delegated_prefixes(interface)]
        if not self._is_first(self.interfaces, interface.network_interface_id, interface):
            return
        self._place(interface.vpc_id, None, account_id or interface.owner_id, region)  # a shared VPC is another's
        self._place(interface.network_interface_id, interface.owner_id, account_id, region)
        self.balancers.add_interface(interface)
        self._addresses_of[interface.network_interface_id] = private
        for address in private:
            self._private[interface.vpc_id, address.version].setdefault(int(address), interface)
            self._owners[address][interface.network_interface_id] = interface
        self.interfaces_in[interface.subnet_id][interface.network_interface_id] = interface
        if (interface.interface_type or "").replace("_", "").lower() == "transitgateway":
            for word in (interface.description or "").split():  # one is the attachment: AWS names it there only
                self.transit_interfaces[word][interface.network_interface_id] = interface
        for inside, outside in public:
            self._public.setdefault(outside, (interface, inside))
        for network in delegated:
            span = (int(network.network_address), int(network.broadcast_address), network.version)
            self._delegated[interface.vpc_id].append((*span, interface))
        for group in interface.groups:
            self._members[group.group_id][interface.network_interface_id] = interface
        if interface.attachment and interface.attachment.instance_id:
            self._of_instance[interface.attachment.instance_id][interface.network_interface_id] = interface

    def addresses_of(self, interface: r.NetworkInterface) -> tuple[Ip, ...]:
        """The private addresses of an interface, as :func:`private_addresses` tells them."""
        return self._addresses_of.get(interface.network_interface_id) or private_addresses(interface)

    def suppose(self, interface: r.NetworkInterface) -> None:
        """Know an interface that is not listed by its id and in its subnet; no address and no group leads to it."""
        if self.interfaces.get(interface.network_interface_id) != interface:
            here = self.interfaces_in[interface.subnet_id]
            self.interfaces[interface.network_interface_id] = interface
            self.interfaces_in[interface.subnet_id] = {**here, interface.network_interface_id: interface}
            self.version += 1

    def _add_instance(self, instance: r.Instance, account_id: str | None, region: str | None) -> None:
        self._is_first(self.instances, instance.instance_id, instance)
        self._place(instance.instance_id, None, account_id, region)

    def _add_internet_gateway(self, gateway: r.InternetGateway, *_: object) -> None:
        if self.internet_gateways.setdefault(gateway.internet_gateway_id, gateway) is not gateway:
            return
        for attachment in gateway.attachments:
            if attachment.vpc_id and (attachment.state or "available").lower() in ("available", "attached"):
                self._gateway_of_vpc[attachment.vpc_id] = gateway

    def _add_egress_only_gateway(self, gateway: r.EgressOnlyInternetGateway, *_: object) -> None:
        self.egress_only_gateways.setdefault(gateway.egress_only_internet_gateway_id, gateway)

    def _add_nat_gateway(self, gateway: r.NatGateway, *_: object) -> None:
        self.nat_gateways.setdefault(gateway.nat_gateway_id, gateway)

    def _add_peering(self, peering: r.VpcPeeringConnection, *_: object) -> None:
        if self.peerings.setdefault(peering.vpc_peering_connection_id, peering) is not peering:
            return
        for side in (peering.requester_vpc_info, peering.accepter_vpc_info):
            if side.vpc_id:
                self.peerings_of[side.vpc_id][peering.vpc_peering_connection_id] = peering
                self._place(side.vpc_id, side.owner_id, None, side.region)

    def _add_address(self, address: r.Address, *_: object) -> None:
        for key in (address.allocation_id, address.public_ip):
            if key:
                self.addresses.setdefault(key, address)

    def _add_public_access(self, options: r.PublicAccessOptions, account_id: str | None, region: str | None) -> None:
        self.public_access[options.aws_account_id or account_id or "", options.aws_region or region or ""] = options

    def _add_exclusion(self, exclusion: r.PublicAccessExclusion, *_: object) -> None:
        self.public_access_exclusions.setdefault(exclusion.exclusion_id or exclusion.resource_arn, exclusion)

    def _add_vpn_gateway(self, gateway: r.VpnGateway, *_: object) -> None:
        self.vpn_gateways.setdefault(gateway.vpn_gateway_id, gateway)

    def _add_vpn_connection(self, connection: r.VpnConnection, *_: object) -> None:
        self.vpn_connections.setdefault(connection.vpn_connection_id, connection)

    def _add_virtual_interface(self, interface: r.VirtualInterface, *_: object) -> None:
        self.virtual_interfaces.setdefault(interface.virtual_interface_id, interface)

    def _add_carrier_gateway(self, gateway: r.CarrierGateway, *_: object) -> None:
        self.carrier_gateways.setdefault(gateway.carrier_gateway_id, gateway)

    def _add_encryption_control(self, control: r.EncryptionControl, *_: object) -> None:
        if control.vpc_id:
            self.encryption_controls.setdefault(control.vpc_id, control)

    def _add_flow_log(self, flow_log: r.FlowLog, account_id: str | None, region: str | None) -> None:
        self._place(flow_log.flow_log_id, None, account_id, region)
        self.flow_logs.setdefault(flow_log.flow_log_id, flow_log)

    def _add_transit_gateway(self, gateway: r.TransitGateway, _account_id: str | None, region: str | None) -> None:
        self.transit_gateways.setdefault(gateway.transit_gateway_id, gateway)
        told = (gateway.transit_gateway_arn or "").split(":")
        self._place(gateway.transit_gateway_id, gateway.owner_id, None, told[3] if len(told) > 3 else region)

    def _add_transit_attachment(
        self, attachment: r.TransitGatewayAttachment, account_id: str | None, region: str | None
    ) -> None:
        """The gateway's owner and that of the VPC see the same attachment; only the former its association."""
        known = self.transit_attachments[attachment.transit_gateway_id]
        seen = known.get(attachment.transit_gateway_attachment_id)
        if seen is None or (seen.association is None and attachment.association is not None):
            known[attachment.transit_gateway_attachment_id] = attachment
        if account_id is not None and account_id == attachment.transit_gateway_owner_id:
            self.transit_shown_by_owner.add(attachment.transit_gateway_attachment_id)
        self._place(attachment.transit_gateway_id, attachment.transit_gateway_owner_id, None, region)
        if attachment.resource_type == "vpc" and attachment.resource_id:
            self._place(attachment.resource_id, attachment.resource_owner_id, None, region)

    def _add_transit_vpc_attachment(
        self, attachment: r.TransitGatewayVpcAttachment, _account_id: str | None, region: str | None
    ) -> None:
        self.transit_vpc_attachments.setdefault(attachment.transit_gateway_attachment_id, attachment)
        self._place(attachment.vpc_id, attachment.vpc_owner_id, None, region)

    def _add_transit_peering(self, peering: r.TransitGatewayPeeringAttachment, *_: object) -> None:
        self.transit_peerings.setdefault(peering.transit_gateway_attachment_id, peering)
        for side in (peering.requester_tgw_info, peering.accepter_tgw_info):
            if side.transit_gateway_id:
                self._place(side.transit_gateway_id, side.owner_id, None, side.region)

    def _add_transit_table(self, table: r.TransitGatewayRouteTable, *_: object) -> None:
        self.transit_tables.setdefault(table.transit_gateway_route_table_id, table)

    def _add_managed(self, resource: r.Resource, *_: object) -> None:
        name_and_arn = tuple(getattr(resource, field) for field in resource.__struct_fields__[:2])
        self.managed[type(resource)].setdefault(name_and_arn, resource)

    def _add_prefix_list(self, listed: r.PrefixList, *_: object) -> None:
        if listed.owner_id is not None:
            self.managed_lists.setdefault(listed.prefix_list_id, listed)
        ids = self.prefix_list_names[listed.prefix_list_name or ""]
        if listed.prefix_list_id not in ids:
            ids.append(listed.prefix_list_id)

    def _add_vpc_endpoint(self, endpoint: r.VpcEndpoint, account_id: str | None, region: str | None) -> None:
        if self.vpc_endpoints.setdefault(endpoint.vpc_endpoint_id, endpoint) is not endpoint:
            return
        self._place(endpoint.vpc_id, None, account_id or endpoint.owner_id, region)  # a shared VPC is another's
        self._endpoints_of[endpoint.vpc_id][endpoint.vpc_endpoint_id] = endpoint
        for interface_id in endpoint.network_interface_ids:
            self._endpoint_of_interface[interface_id] = endpoint

    def _add_firewall(self, firewall: r.Firewall, *_: object) -> None:
        if self.firewalls.setdefault(firewall.firewall_arn, firewall) is firewall:
            for endpoint_id in firewall.endpoint_ids:
                self._firewall_of_endpoint[endpoint_id] = firewall

    def _add_listed_firewall(self, firewall: r.ListedFirewall, *_: object) -> None:
        self.listed_firewalls.setdefault(firewall.firewall_arn, firewall)

    def _add_firewall_policy(self, policy: r.FirewallPolicy, *_: object) -> None:
        self.firewall_policies.setdefault(policy.firewall_policy_arn, policy)

    def _add_rule_group(self, group: r.RuleGroup, *_: object) -> None:
        self.rule_groups.setdefault(group.rule_group_arn, group)

    def _place(self, key: str, owner_id: str | None, reader_id: str | None, region: str | None) -> None:
        if owner_id:
            self._account_of.setdefault(key, owner_id)
        if reader_id:
            self._reader_of.setdefault(key, reader_id)
        if region:
            self._region_of.setdefault(key, region)

    def owner_of(self, vpc_id: str) -> str | None:
        """The account that a VPC belongs to, as AWS says."""
        return self._account_of.get(vpc_id)

    def account_id_of(self, vpc_id: str) -> str | None:
        """The account that owns a VPC (or interface), where anything told it."""
        return self._account_of.get(vpc_id) or self._reader_of.get(vpc_id)

    def region_of(self, vpc_id: str) -> str | None:
        """The Region of a VPC, where anything told it."""
        return self._region_of.get(vpc_id)


_ADDERS: dict[str, Callable[..., None]] = {
    "Vpc": Index._add_vpc,
    "Subnet": Index._add_subnet,
    "RouteTable": Index._add_route_table,
    "NetworkAcl": Index._add_network_acl,
    "SecurityGroup": Index._add_security_group,
    "SecurityGroupRule": Index._add_security_group_rule,
    "SecurityGroupVpcAssociation": Index._add_group_association,
    "NetworkInterface": Index._add_interface,
    "Instance": Index._add_instance,
    "InternetGateway": Index._add_internet_gateway,
    "EgressOnlyInternetGateway": Index._add_egress_only_gateway,
    "NatGateway": Index._add_nat_gateway,
    "VpcPeeringConnection": Index._add_peering,
    "Address": Index._add_address,
    "PublicAccessOptions": Index._add_public_access,
    "PublicAccessExclusion": Index._add_exclusion,
    "FlowLog": Index._add_flow_log,
    "VpnGateway": Index._add_vpn_gateway,
    "VpnConnection": Index._add_vpn_connection,
    "VirtualInterface": Index._add_virtual_interface,
    "CarrierGateway": Index._add_carrier_gateway,
    "EncryptionControl": Index._add_encryption_control,
    "TransitGateway": Index._add_transit_gateway,
    "TransitGatewayAttachment": Index._add_transit_attachment,
    "TransitGatewayVpcAttachment": Index._add_transit_vpc_attachment,
    "TransitGatewayPeeringAttachment": Index._add_transit_peering,
    "TransitGatewayRouteTable": Index._add_transit_table,
    "LoadBalancer": lambda index, found, *_: index.balancers.add_balancer(found),
    "ClassicLoadBalancer": lambda index, found, *_: index.balancers.add_balancer(found),
    "Listener": lambda index, found, *_: index.balancers.add_listener(found),
    "ListenerRule": lambda index, found, *_: index.balancers.add_rule(found),
    "TargetGroup": lambda index, found, *_: index.balancers.add_target_group(found),
    "PrefixList": Index._add_prefix_list,
    "VpcEndpoint": Index._add_vpc_endpoint,
    "Firewall": Index._add_firewall,
    "ListedFirewall": Index._add_listed_firewall,
    "FirewallPolicy": Index._add_firewall_policy,
    "RuleGroup": Index._add_rule_group,
}


def _untagged(resource: r.Resource) -> r.Resource:
    tags: dict[str, Any] = {name: () for name in ("tags", "tag_set") if hasattr(resource, name)}
    return msgspec.structs.replace(resource, **tags)


@cache
def _adder(kind: type[r.Resource]) -> Callable[..., None] | None:
    """What indexes resources of a kind; told by its name, so that no kind is loaded that an account does not have."""
    return _ADDERS.get(kind.__name__) or (Index._add_managed if kind in r.MANAGED else None)
