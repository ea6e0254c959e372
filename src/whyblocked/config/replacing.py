"""Exchanging resources in the index of a copy, whose inner dictionaries are those of the original: none is written to.

A copy costs as many references as there are resources; exchanging one costs what is indexed beside it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from whyblocked.config import resources as r
from whyblocked.config.account import Account
from whyblocked.config.addresses import delegated_prefixes, private_addresses, public_addresses
from whyblocked.config.balancer_index import BalancerIndex
from whyblocked.config.balancers import node_description

K = TypeVar("K")
V = TypeVar("V")


def take_over(original: Account, into: Account) -> None:
    """Give ``into`` the index of ``original``, so that what is put into it does not show there."""
    source, version = into.source, into.version
    vars(into).update(_shallow(vars(original)))
    into.balancers = BalancerIndex()
    vars(into.balancers).update(_shallow(vars(original.balancers)))
    into.source = source
    into.version = max(version, original.version) + 1


def _shallow(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: copy.copy(value) if isinstance(value, dict) else value for name, value in attributes.items()}


def replace(account: Account, new: r.Resource) -> None:
    """Put ``new`` where the resource with its id is, or where none is yet."""
    replacer = _REPLACERS.get(type(new))
    if replacer is not None:
        replacer(account, new)
    else:
        account.add(new)
    account.version += 1


def _security_group(account: Account, new: r.SecurityGroup) -> None:
    account.security_groups[new.group_id] = new


def _network_acl(account: Account, new: r.NetworkAcl) -> None:
    old = account.network_acls.pop(new.network_acl_id, None)
    _drop_values(account._acl_of_subnet, old)
    account.add(new)


def _route_table(account: Account, new: r.RouteTable) -> None:
    old = account.route_tables.pop(new.route_table_id, None)
    for index in (account._table_of_subnet, account._table_of_gateway, account._main_table):
        _drop_values(index, old)
    account.add(new)


def _interface(account: Account, new: r.NetworkInterface) -> None:
    eni = new.network_interface_id
    old = account.interfaces.pop(eni, None)
    for interface in (old, new) if old is not None else (new,):
        for address in private_addresses(interface):
            vpc = interface.vpc_id, address.version
            account._private[vpc] = {n: i for n, i in account._private[vpc].items() if i is not old}
            _own(account._owners, address, eni)
        _own(account.interfaces_in, interface.subnet_id, eni)
        for word in (interface.description or "").split():
            if word in account.transit_interfaces:
                _own(account.transit_interfaces, word, eni)
        for group in interface.groups:
            _own(account._members, group.group_id, eni)
        if interface.attachment and interface.attachment.instance_id:
            _own(account._of_instance, interface.attachment.instance_id, eni)
        if interface.description and interface.description.startswith("ELB "):
            _own(account.balancers.interfaces, interface.description, eni)
        if delegated_prefixes(interface):
            spans = account._delegated[interface.vpc_id]
            account._delegated[interface.vpc_id] = [span for span in spans if span[3] is not old]
    for _, outside in public_addresses(old) if old is not None else ():
        if account._public.get(outside, (None,))[0] is old:
            del account._public[outside]
    account.add(new)


def _instance(account: Account, new: r.Instance) -> None:
    account.instances[new.instance_id] = new


def _internet_gateway(account: Account, new: r.InternetGateway) -> None:
    old = account.internet_gateways.pop(new.internet_gateway_id, None)
    _drop_values(account._gateway_of_vpc, old)
    account.add(new)


def _peering(account: Account, new: r.VpcPeeringConnection) -> None:
    pcx = new.vpc_peering_connection_id
    old = account.peerings.pop(pcx, None)
    for peering in (old, new) if old is not None else (new,):
        for side in (peering.requester_vpc_info, peering.accepter_vpc_info):
            if side.vpc_id:
                _own(account.peerings_of, side.vpc_id, pcx)
    account.add(new)


def _address(account: Account, new: r.Address) -> None:
    for key in (new.allocation_id, new.public_ip):
        if key:
            account.addresses[key] = new


def _exclusion(account: Account, new: r.PublicAccessExclusion) -> None:
    account.public_access_exclusions[new.exclusion_id or new.resource_arn] = new


def _transit_gateway(account: Account, new: r.TransitGateway) -> None:
    account.transit_gateways[new.transit_gateway_id] = new


def _transit_attachment(account: Account, new: r.TransitGatewayAttachment) -> None:
    _own(account.transit_attachments, new.transit_gateway_id, "")
    account.transit_attachments[new.transit_gateway_id][new.transit_gateway_attachment_id] = new


def _transit_vpc_attachment(account: Account, new: r.TransitGatewayVpcAttachment) -> None:
    account.transit_vpc_attachments[new.transit_gateway_attachment_id] = new


def _balancer(account: Account, new: r.Balancer) -> None:
    index = account.balancers
    old = index.by_id.pop(new.id, None)
    _own(index.by_name, new.name, new.id)
    for balancer in (old, new) if old is not None else (new,):
        if balancer.dns_name:
            _own(index.by_host, balancer.dns_name.lower().rstrip("."), new.id)
    made_up = node_description(new)
    index.nodes = {eni: node for eni, node in index.nodes.items() if node.description != made_up}
    index.add_balancer(new)


def _listener(account: Account, new: r.Listener) -> None:
    if new.load_balancer_arn and new.listener_arn:
        listeners = account.balancers.listeners
        listeners[new.load_balancer_arn] = {**listeners.get(new.load_balancer_arn, {}), new.listener_arn: new}


def _target_group(account: Account, new: r.TargetGroup) -> None:
    index = account.balancers
    index.target_groups.pop(new.target_group_arn, None)
    for arn in new.load_balancer_arns:
        _own(index.groups_of, arn, new.target_group_arn)
    index.add_target_group(new)


def _drop_values(index: dict[K, V], old: V | None) -> None:
    for key in [key for key, value in index.items() if value is old]:
        del index[key]


def _own(index: dict[K, dict[str, V]], key: K, without: str) -> None:
    """Give the index an inner dictionary of its own, without the entry that changes."""
    index[key] = {name: value for name, value in index.get(key, {}).items() if name != without}


_REPLACERS: dict[type[r.Resource], Callable[[Account, Any], None]] = {
    r.SecurityGroup: _security_group,
    r.NetworkAcl: _network_acl,
    r.RouteTable: _route_table,
    r.NetworkInterface: _interface,
    r.Instance: _instance,
    r.InternetGateway: _internet_gateway,
    r.VpcPeeringConnection: _peering,
    r.Address: _address,
    r.PublicAccessExclusion: _exclusion,
    r.TransitGateway: _transit_gateway,
    r.TransitGatewayAttachment: _transit_attachment,
    r.TransitGatewayVpcAttachment: _transit_vpc_attachment,
    r.LoadBalancer: _balancer,
    r.ClassicLoadBalancer: _balancer,
    r.Listener: _listener,
    r.TargetGroup: _target_group,
}


def forget(account: Account, index: dict[str, V], ids: Iterable[str]) -> None:
    """Take these resources out of an index that nothing else is indexed beside."""
    for resource_id in ids:
        index.pop(resource_id, None)
    account.version += 1
