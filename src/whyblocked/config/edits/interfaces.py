"""Elastic IP addresses, groups and checks of interfaces, and whether instances run.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateAddress.html
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyNetworkInterfaceAttribute.html
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceAttribute.html
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import msgspec

from whyblocked.config import resources as r
from whyblocked.config.account import Account, Missing, Query
from whyblocked.config.addresses import private_addresses
from whyblocked.config.edits.kinds import (
    AssociateAddress,
    DisassociateAddress,
    ModifyInstanceAttribute,
    ModifyNetworkInterfaceAttribute,
    StartInstances,
    StopInstances,
)
from whyblocked.config.edits.making import (
    instance,
    interface,
    known,
    only_interface,
    readable,
    refuse,
    security_group,
)
from whyblocked.config.replacing import replace
from whyblocked.text import clean

STAND_INS = IPv4Network("198.18.0.0/24")
"""Where addresses are from that stand in for ones to come: nobody has one of the block for benchmarks (RFC 2544)."""

MOST_GROUPS = 16  # of an interface, whatever the quota was raised to
"""https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups"""


def associate(account: Account, edit: AssociateAddress) -> None:
    """Put a public address on a private one, whose own it replaces."""
    address = _elastic(account, edit)
    if edit.network_interface_id:
        target = interface(account, edit.network_interface_id)
    else:
        target = only_interface(account, edit.instance_id or "", "an address can't be associated with it")
    private = edit.private_ip_address or target.private_ip_address
    if private is None or private not in map(str, private_addresses(target)):
        refuse(f"{target.network_interface_id} has no private address {clean(private or '', 40)}".rstrip())
    if readable(target.vpc_id, account.internet_gateway_of(target.vpc_id)) is None:
        refuse(f"{target.vpc_id} has no internet gateway, so no address of it can be public")
    public = address.public_ip or ""
    _take_off(account, public, moving=edit)
    target = account.interfaces[target.network_interface_id]
    association = r.Association(public_ip=public, allocation_id=address.allocation_id)
    replace(account, with_public(target, private, association))
    replace(
        account,
        msgspec.structs.replace(
            address,
            private_ip_address=private,
            network_interface_id=target.network_interface_id,
            instance_id=target.attachment.instance_id if target.attachment else None,
        ),
    )


def disassociate(account: Account, edit: DisassociateAddress) -> None:
    """Take a public address off the private one behind it."""
    if edit.public_ip:
        address = known(account, account.addresses, Query("DescribeAddresses", "public-ip", edit.public_ip))
    else:
        association_id = edit.association_id or ""
        readable(association_id, account.source.ask(Query("DescribeAddresses", "association-id", association_id)))
        found = (a for a in account.addresses.values() if a.association_id == association_id)
        address = next(found, None) or refuse(f"no address has the association {clean(association_id, 60)}")
    _take_off(account, address.public_ip or "")


def _elastic(account: Account, edit: AssociateAddress) -> r.Address:
    if not edit.allocated:
        allocated = account.addresses.get(edit.allocation_id or "")
        public = edit.public_ip or (allocated.public_ip if allocated else None) or stand_in(account)
        return r.Address(public_ip=public, allocation_id=edit.allocation_id)
    if edit.allocation_id:
        query = Query("DescribeAddresses", "allocation-id", edit.allocation_id)
    else:
        query = Query("DescribeAddresses", "public-ip", edit.public_ip or "")
    return known(account, account.addresses, query)


def stand_in(account: Account) -> str:
    """What stands in for a public address that AWS has still to give: one that the account has not."""
    address = STAND_INS.network_address + 1
    while address in account._public:
        address += 1
    return str(address)


def _take_off(account: Account, public: str, moving: AssociateAddress | None = None) -> None:
    """Leave the private address behind a public one without it."""
    try:
        behind = readable(public, account.public_owner(IPv4Address(public)))
    except ValueError:
        refuse(f"'{clean(public, 40)}' is no IPv4 address")
    if behind is None:
        return
    owner, private = behind
    if moving is not None and not moving.allow_reassociation:
        refuse(f"{public} is associated with {owner.network_interface_id} already")
    replace(account, with_public(owner, str(private), None))


def with_public(target: r.NetworkInterface, private: str, association: r.Association | None) -> r.NetworkInterface:
    """An interface with this public address on one of its private ones, or without any there."""
    addresses = tuple(
        msgspec.structs.replace(a, association=association) if a.private_ip_address == private else a
        for a in target.private_ip_addresses
    )
    changed = msgspec.structs.replace(target, private_ip_addresses=addresses)
    if private == target.private_ip_address:
        changed = msgspec.structs.replace(changed, association=association)
    return changed


# -- attributes --------------------------------------------------------------------------------------------------------


def modify_interface(account: Account, edit: ModifyNetworkInterfaceAttribute) -> None:
    """Other groups or another source/destination check."""
    target, groups = interface(account, edit.network_interface_id), edit.groups
    if edit.add_groups or edit.remove_groups:
        carried = groups if groups is not None else tuple(group.group_id for group in target.groups)
        groups = tuple(group for group in (*carried, *edit.add_groups) if group not in edit.remove_groups)
    _modify(account, target, groups, edit.source_dest_check)


def modify_instance(account: Account, edit: ModifyInstanceAttribute) -> None:
    """The same on the one interface of an instance."""
    own = only_interface(account, edit.instance_id, "its groups and source/destination check are those of each")
    _modify(account, own, edit.groups, edit.source_dest_check)


def _modify(account: Account, target: r.NetworkInterface, groups: tuple[str, ...] | None, check: bool | None) -> None:
    if groups is not None:
        if not 1 <= len(dict.fromkeys(groups)) <= MOST_GROUPS:
            refuse(f"{target.network_interface_id} can have 1 to {MOST_GROUPS} security groups, not {len(groups)}")
        found = tuple(_carried(account, target, group_id) for group_id in dict.fromkeys(groups))
        target = msgspec.structs.replace(target, groups=found)
    if check is not None:
        target = msgspec.structs.replace(target, source_dest_check=check)
    replace(account, target)


def _carried(account: Account, target: r.NetworkInterface, group_id: str) -> r.GroupIdentifier:
    group = security_group(account, group_id)
    if group.vpc_id not in (None, target.vpc_id):
        vpcs = account.vpcs_of_group(group_id)
        if isinstance(vpcs, Missing):
            readable(group_id, vpcs)
        elif target.vpc_id not in vpcs:
            refuse(f"{group_id} is of {group.vpc_id}, and {target.network_interface_id} of {target.vpc_id}")
    return r.GroupIdentifier(group_id=group_id, group_name=group.group_name)


# -- state -------------------------------------------------------------------------------------------------------------


def start(account: Account, edit: StartInstances) -> None:
    """Instances run."""
    for instance_id in edit.instance_ids:
        found = instance(account, instance_id)
        if found.state and found.state.name in ("terminated", "shutting-down"):
            refuse(f"{instance_id} is {found.state.name}: it can't be started any more")
        replace(account, msgspec.structs.replace(found, state=r.InstanceState(name="running")))


def stop(account: Account, edit: StopInstances) -> None:
    """Instances stop; what is no Elastic IP address goes back to AWS's pool."""
    for instance_id in edit.instance_ids:
        found = instance(account, instance_id)
        replace(account, msgspec.structs.replace(found, state=r.InstanceState(name="stopped")))
        for own in readable(instance_id, account.interfaces_of(instance_id)):
            primary = own.association
            if primary is not None and primary.ip_owner_id == "amazon" and own.private_ip_address:
                replace(account, with_public(own, own.private_ip_address, None))
