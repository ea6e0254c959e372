"""What a walk between two ends will look up, told before it starts: a live account fetches all of it in one round."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from whyblocked.config.account import Account, Query
from whyblocked.config.resources import Instance
from whyblocked.network.addresses import is_public
from whyblocked.network.asked import End
from whyblocked.question.find import Search
from whyblocked.question.shapes import Shape


def needed(search: Search, ends: Sequence[End]) -> Iterator[Query]:
    """What a walk between these ends will look up."""
    interfaces = [interface for end in ends for interface in end.interfaces]
    vpcs = [interface.vpc_id for interface in interfaces]
    if not vpcs:
        vpcs = [vpc_id for end in ends for vpc_id in subnets_around(search.account, end)]
    yield from _bundle(search, vpcs, [group.group_id for interface in interfaces for group in interface.groups])
    for end in ends:
        if instance_id := instance_wanted(end):
            yield Query("DescribeInstances", "instance-id", instance_id)


def public_access(search: Search, ends: Sequence[End]) -> Iterator[Query]:
    """What Block Public Access says of traffic with the outside."""
    if any(_outside(end) for end in ends):
        yield Query("DescribeVpcBlockPublicAccessOptions", "", "")
        modes = {options.internet_gateway_block_mode for options in search.account.public_access.values()}
        if modes - {None, "off"}:
            yield Query("DescribeVpcBlockPublicAccessExclusions", "", "")


def _outside(end: End) -> bool:
    if end.kind == "network":
        return end.network is not None and is_public(end.network.network_address)
    return end.kind in ("internet", "service") or end.public or (end.address is not None and is_public(end.address))


def may_be_inside(shape: Shape) -> bool:
    """Whether an end is a block that may hold interfaces of a VPC."""
    network = shape.network
    return network is not None and network.num_addresses > 1 and network.prefixlen > 0 and not is_public(network[0])


def around_instance(search: Search, instance: Instance) -> Iterator[Query]:
    """What its interfaces will need, as far as the instance itself shows them."""
    shown = instance.network_interfaces
    vpcs = [vpc_id for vpc_id in (instance.vpc_id, *(i.vpc_id for i in shown)) if vpc_id]
    yield from _bundle(search, vpcs, [group.group_id for i in shown for group in i.groups or ()])


def _bundle(search: Search, vpc_ids: Sequence[str], group_ids: Sequence[str]) -> Iterator[Query]:
    for vpc_id in dict.fromkeys(vpc_ids):
        yield Query("DescribeVpcs", "vpc-id", vpc_id)
        yield Query("DescribeSubnets", "vpc-id", vpc_id)
        yield Query("DescribeRouteTables", "vpc-id", vpc_id)
        yield Query("DescribeNetworkAcls", "vpc-id", vpc_id)
        yield Query("DescribeInternetGateways", "attachment.vpc-id", vpc_id)
        if search.block:  # who is in it, and behind which groups, would take two rounds more
            yield Query("DescribeNetworkInterfaces", "vpc-id", vpc_id)
            yield Query("DescribeSecurityGroups", "vpc-id", vpc_id)
    for group_id in dict.fromkeys(group_ids):
        if not search.block:
            yield Query("DescribeSecurityGroups", "group-id", group_id)
        yield Query("DescribeSecurityGroupRules", "group-id", group_id)


def subnets_around(account: Account, end: End) -> list[str]:
    """The VPCs that have a subnet whose range an address or block touches; a default route is nowhere."""
    network = end.network
    if network is None or not network.prefixlen:
        return []
    return [
        subnet.vpc_id
        for subnet in account.subnets.values()
        if any(block.version == network.version and block.overlaps(network) for block in subnet.networks)
    ]


def vpcs_of(end: End) -> set[str]:
    """The VPCs that its interfaces are in."""
    return {interface.vpc_id for interface in end.interfaces}


def instance_wanted(end: End) -> str | None:
    """The id of the one instance that an end without one belongs to."""
    ids = {i.attachment.instance_id if i.attachment else None for i in end.interfaces}
    return ids.pop() if end.instance is None and len(ids) == 1 else None
