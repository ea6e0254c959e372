"""Entries of network ACLs, and which ACL guards a subnet.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkAclEntry.html
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReplaceNetworkAclAssociation.html
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from whyblocked.config import resources as r
from whyblocked.config.account import Account, Query
from whyblocked.config.edits.kinds import (
    CreateNetworkAcl,
    CreateNetworkAclEntry,
    DeleteNetworkAclEntry,
    ReplaceNetworkAclAssociation,
    ReplaceNetworkAclEntry,
    SetNetworkAclEntries,
)
from whyblocked.config.edits.making import canonical, network_acl, readable, refuse, subnet, vpc
from whyblocked.config.replacing import replace
from whyblocked.text import clean

LAST_NUMBER = 32766  # behind it are the rules that AWS shows as *
MOST_ENTRIES = 40
"""In one direction and IP version, the default rule among them, whatever the quota was raised to.

https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-nacls
"""

_NUMBERS = {"tcp": "6", "udp": "17", "icmp": "1", "icmpv6": "58", "all": "-1"}


def create(account: Account, edit: CreateNetworkAclEntry) -> None:
    """Add an entry at a number that is free."""
    acl, entry = network_acl(account, edit.network_acl_id), as_kept(edit.entry)
    if _at(acl, entry.rule_number, entry.egress) is not None:
        refuse(f"{acl.network_acl_id} has {_number(entry.rule_number, entry.egress)} already")
    alike = [e for e in acl.entries if e.egress == entry.egress and bool(e.cidr_block) == bool(entry.cidr_block)]
    if len(alike) >= MOST_ENTRIES:
        way, version = "outbound" if entry.egress else "inbound", 4 if entry.cidr_block else 6
        refuse(f"{acl.network_acl_id} has {len(alike)} {way} rules for IPv{version}, as many as any quota allows")
    _put(account, acl, (*acl.entries, entry))


def exchange(account: Account, edit: ReplaceNetworkAclEntry) -> None:
    """Put another entry in the place of one."""
    acl, entry = network_acl(account, edit.network_acl_id), as_kept(edit.entry)
    old = _there(acl, entry.rule_number, entry.egress)
    _put(account, acl, (entry if e is old else e for e in acl.entries))


def delete(account: Account, edit: DeleteNetworkAclEntry) -> None:
    """Take an entry out."""
    acl = network_acl(account, edit.network_acl_id)
    old = _there(acl, edit.rule_number, edit.egress)
    _put(account, acl, (e for e in acl.entries if e is not old))


def associate(account: Account, edit: ReplaceNetworkAclAssociation) -> None:
    """Make another ACL guard a subnet: it leaves the one that it has."""
    subnet_id = edit.subnet_id or _subnet_of(account, edit.association_id or "")
    guarded = subnet(account, subnet_id)
    acl = network_acl(account, edit.network_acl_id or _default(account, guarded.vpc_id))
    if guarded.vpc_id != acl.vpc_id:
        refuse(f"{acl.network_acl_id} is of {acl.vpc_id}, and {subnet_id} of {guarded.vpc_id}")
    old = readable(subnet_id, account.network_acl_of(guarded))
    left = tuple(a for a in old.associations if a.subnet_id != subnet_id)
    replace(account, msgspec.structs.replace(old, associations=left))
    acl = account.network_acls[acl.network_acl_id]
    moved = r.NetworkAclAssociation(network_acl_association_id=edit.association_id, subnet_id=subnet_id)
    replace(account, msgspec.structs.replace(acl, associations=(*acl.associations, moved)))


def create_acl(account: Account, edit: CreateNetworkAcl) -> None:
    """An ACL of a VPC with AWS's last rules alone."""
    of = vpc(account, edit.vpc_id)
    versions = {4, *(network.version for network in of.networks)}
    entries = tuple(
        r.NetworkAclEntry(
            rule_number=LAST_NUMBER + (1 if version == 4 else 2),
            protocol="-1",
            rule_action="deny",
            egress=egress,
            cidr_block="0.0.0.0/0" if version == 4 else None,
            ipv6_cidr_block="::/0" if version == 6 else None,
        )
        for version in sorted(versions)
        for egress in (False, True)
    )
    replace(
        account, r.NetworkAcl(network_acl_id=edit.network_acl_id, vpc_id=of.vpc_id, entries=entries, associations=())
    )


def set_entries(account: Account, edit: SetNetworkAclEntries) -> None:
    """Put these entries in the place of all that there are in one direction, but AWS's last ones."""
    acl = network_acl(account, edit.network_acl_id)
    kept = [e for e in acl.entries if e.egress != edit.egress or e.rule_number > LAST_NUMBER]
    new = [as_kept(entry) for entry in edit.entries]
    twice = [e.rule_number for e in new if sum(other.rule_number == e.rule_number for other in new) > 1]
    if twice:
        refuse(f"{acl.network_acl_id} would have {_number(twice[0], edit.egress)} twice")
    _put(account, acl, (*kept, *new))


def _default(account: Account, vpc_id: str) -> str:
    readable(vpc_id, account.source.ask(Query("DescribeNetworkAcls", "vpc-id", vpc_id)))
    found = account._default_acl.get(vpc_id)
    return found.network_acl_id if found else refuse(f"the default network ACL of {vpc_id} is not known")


def as_kept(entry: r.NetworkAclEntry) -> r.NetworkAclEntry:
    """An entry as AWS keeps it: the protocol as its number, blocks without bits behind their prefix, a known action."""
    if not 1 <= entry.rule_number <= LAST_NUMBER:
        refuse(f"rule number {entry.rule_number}: the numbers are 1 to {LAST_NUMBER}")
    if entry.rule_action not in ("allow", "deny"):
        refuse(f"rule action '{clean(entry.rule_action, 40)}': it is allow or deny")
    if bool(entry.cidr_block) == bool(entry.ipv6_cidr_block):
        refuse(f"rule {entry.rule_number} has to have either an IPv4 or an IPv6 block")
    protocol = entry.protocol.strip().lower()
    protocol = _NUMBERS.get(protocol, protocol)
    if protocol != "-1" and not (protocol.isdigit() and int(protocol) <= 255):
        refuse(f"'{clean(protocol, 40)}' is no protocol: tcp, udp, icmp, icmpv6, -1 or a number")
    ports = entry.port_range
    if protocol in ("6", "17") and (ports is None or not 0 <= ports.from_ <= ports.to <= 65535):
        refuse(f"rule {entry.rule_number} has to have ports from 0 to 65535, the lower first")
    if protocol in ("1", "58") and entry.icmp_type_code is None:
        refuse(f"rule {entry.rule_number} has to have an ICMP type and code (-1 for all)")
    return msgspec.structs.replace(
        entry,
        protocol=protocol,
        cidr_block=canonical(entry.cidr_block) if entry.cidr_block else None,
        ipv6_cidr_block=canonical(entry.ipv6_cidr_block) if entry.ipv6_cidr_block else None,
        port_range=ports if protocol in ("6", "17") else None,
    )


def _at(acl: r.NetworkAcl, number: int, egress: bool) -> r.NetworkAclEntry | None:
    return next((e for e in acl.entries if (e.rule_number, e.egress) == (number, egress)), None)


def _there(acl: r.NetworkAcl, number: int, egress: bool) -> r.NetworkAclEntry:
    found = _at(acl, number, egress)
    if found is None or number > LAST_NUMBER:
        refuse(f"{acl.network_acl_id} has no {_number(number, egress)} that could be changed")
    return found


def _number(number: int, egress: bool) -> str:
    return f"{'outbound' if egress else 'inbound'} rule {number}"


def _put(account: Account, acl: r.NetworkAcl, entries: Iterable[r.NetworkAclEntry]) -> None:
    replace(account, msgspec.structs.replace(acl, entries=tuple(entries)))


def _subnet_of(account: Account, association_id: str) -> str:
    readable(
        association_id, account.source.ask(Query("DescribeNetworkAcls", "association.association-id", association_id))
    )
    for acl in account.network_acls.values():
        for association in acl.associations:
            if association.network_acl_association_id == association_id and association.subnet_id:
                return association.subnet_id
    refuse(f"no network ACL has the association {clean(association_id, 60)}")
