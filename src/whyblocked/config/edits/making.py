"""What all edits need while they are made: looking resources up, and saying why it can't be done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn, TypeVar

from whyblocked.config import resources as r
from whyblocked.config.account import Account, Missing, Query
from whyblocked.config.operations import READ
from whyblocked.errors import EditError, InputError, UndeterminedError
from whyblocked.text import clean

T = TypeVar("T")


class Waiting(Exception):
    """Something that an edit is about was asked for, and comes with the next round."""


def known(account: Account, index: Mapping[str, T], query: Query) -> T:
    """What ``query`` asks for, from ``index``; :class:`EditError` where there is no such thing."""
    found = index.get(query.value)
    if found is not None:
        return found
    for broken in account.broken.get(READ[query.operation].key, ()):
        if not broken.mentions or query.value in broken.mentions:
            raise InputError(broken.message)
    readable(query.value, account.source.ask(query))
    raise EditError(clean(account.source.absent(query).reason))


def readable(what: str, found: T | Missing) -> T:
    """``found``, where it is no Missing."""
    if isinstance(found, Missing):
        if found.pending:
            raise Waiting
        raise UndeterminedError(f"{clean(what)} can't be changed, as it can't be read: {found}", (str(found),))
    return found


def refuse(text: str) -> NoReturn:
    """AWS would not do it."""
    raise EditError(text)


def canonical(cidr: str) -> str:
    """A block as AWS keeps it: without bits behind its prefix."""
    try:
        return str(r.block(cidr.strip()))
    except ValueError:
        refuse(f"'{clean(cidr, 60)}' is no block of addresses")


def security_group(account: Account, group_id: str) -> r.SecurityGroup:
    """The group with this id."""
    return known(account, account.security_groups, Query("DescribeSecurityGroups", "group-id", group_id))


def network_acl(account: Account, acl_id: str) -> r.NetworkAcl:
    """The network ACL with this id."""
    return known(account, account.network_acls, Query("DescribeNetworkAcls", "NetworkAclIds", acl_id))


def route_table(account: Account, table_id: str) -> r.RouteTable:
    """The route table with this id."""
    return known(account, account.route_tables, Query("DescribeRouteTables", "route-table-id", table_id))


def vpc(account: Account, vpc_id: str) -> r.Vpc:
    """The VPC with this id."""
    return known(account, account.vpcs, Query("DescribeVpcs", "vpc-id", vpc_id))


def subnet(account: Account, subnet_id: str) -> r.Subnet:
    """The subnet with this id."""
    return known(account, account.subnets, Query("DescribeSubnets", "subnet-id", subnet_id))


def interface(account: Account, interface_id: str) -> r.NetworkInterface:
    """The interface with this id."""
    query = Query("DescribeNetworkInterfaces", "network-interface-id", interface_id)
    return known(account, account.interfaces, query)


def instance(account: Account, instance_id: str) -> r.Instance:
    """The instance with this id."""
    return known(account, account.instances, Query("DescribeInstances", "instance-id", instance_id))


def only_interface(account: Account, instance_id: str, what: str) -> r.NetworkInterface:
    """The one interface of an instance; what AWS refuses for one with several says ``what``."""
    found = account.interfaces_of(instance_id)
    if isinstance(found, Missing) and not found.pending:
        instance(account, instance_id)
    interfaces = readable(instance_id, found)
    if len(interfaces) > 1:
        names = ", ".join(one.network_interface_id for one in interfaces)
        refuse(f"{instance_id} has several interfaces, so {what}: name one of {names}")
    return interfaces[0]
