"""What a fix allows beside what was asked, counted; and how much room the quotas leave.

https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from whyblocked.config import edits as e
from whyblocked.config.account import Account, Missing
from whyblocked.config.edits.groups import rules_of
from whyblocked.config.resources import IpPermission, NetworkAclEntry
from whyblocked.diagnosis.fixing.boxes import listed
from whyblocked.diagnosis.fixing.words import called, counted
from whyblocked.network.packets import ALL_PORTS
from whyblocked.network.protocols import protocol_span, protocol_text

RULES = 60  # a security group, direction and IP version
ENTRIES = 20  # a network ACL, direction and IP version, with the one that AWS shows as *
_MOST_NAMED = 3


def also_allows(account: Account, edits: Iterable[e.Edit]) -> list[str]:
    """What the edits let pass beside the question, a sentence each; ``account`` is the one before them."""
    found = (text for edit in edits for text in _EFFECTS.get(type(edit), _none)(account, edit))
    return list(dict.fromkeys(found))


def _none(_account: Account, _edit: Any) -> Iterator[str]:
    return iter(())


# -- security groups ---------------------------------------------------------------------------------------------------


def _authorize(account: Account, edit: e.AuthorizeSecurityGroup) -> Iterator[str]:
    group = called(account, edit.group_id)
    members = account.members(edit.group_id)
    what = traffic_text(edit.permission)
    inbound = edit.direction == "ingress"
    whom = peers_text(account, edit.permission)
    if isinstance(members, Missing):
        yield f"How many interfaces carry {group} could not be read ({members}); the rule holds for all of them."
    elif len(members) > 1:
        to = f"{'from' if inbound else 'to'} {whom}"
        way = "into" if inbound else "out of"
        yield f"{group} is on {counted(len(members), 'interface')}: {what} {to} is then allowed {way} all of them."
    for pair in edit.permission.user_id_group_pairs:
        peers = account.members(pair.group_id or "")
        name = called(account, pair.group_id or "")
        if isinstance(peers, Missing):
            yield f"The rule holds for every interface that carries {name}; how many do could not be read ({peers})."
        elif len(peers) != 1 or inbound:
            yield (
                f"The rule holds for every interface that carries {name}, now {len(peers):,}, "
                "and for those that will carry it."
            )


def traffic_text(permission: IpPermission) -> str:
    """``tcp/22``, ``all traffic``, ``icmp type 8``."""
    name = protocol_text(protocol_span(permission.ip_protocol) or (0, 255))
    low, high = permission.from_port, permission.to_port
    if name == "all":
        return "all traffic"
    if name in ("icmp", "icmpv6"):
        return f"all {name}" if low in (None, -1) else f"{name} type {low}"
    if low is None or high is None:
        return name if name.isalpha() else f"protocol {name}"
    if (low, high) == ALL_PORTS:
        return f"all {name}"
    return f"{name}/{low}" if low == high else f"{name}/{low}-{high}"


def peers_text(account: Account, permission: IpPermission) -> str:
    """Whom a permission names."""
    peers = [one.cidr_ip for one in permission.ip_ranges] + [one.cidr_ipv6 for one in permission.ipv6_ranges]
    peers += [one.prefix_list_id for one in permission.prefix_list_ids]
    peers += [called(account, one.group_id or "") for one in permission.user_id_group_pairs]
    return listed(peers) if peers else "nobody"


# -- network ACLs ------------------------------------------------------------------------------------------------------


def _entry(account: Account, edit: e.CreateNetworkAclEntry | e.ReplaceNetworkAclEntry) -> Iterator[str]:
    acl = account.network_acls.get(edit.network_acl_id)
    if acl is None or edit.entry.rule_action != "allow":
        return
    entry = edit.entry
    guarded = account.subnets_of(acl.vpc_id)
    subnets = [
        subnet.subnet_id
        for subnet in (() if isinstance(guarded, Missing) else guarded)
        if account.network_acl_of(subnet) is acl
    ]
    block = entry.cidr_block or entry.ipv6_cidr_block
    way, whom = ("leave", f"to {block}") if entry.egress else ("enter", f"from {block}")
    where = _some(account, subnets) if subnets else "the subnets that it guards"
    yield (
        f"{called(account, acl.network_acl_id)} guards {where}: {entry_text(entry)} {whom} may {way} "
        f"{'all of it' if len(subnets) == 1 else 'all of them'}, as far as security groups allow it."
    )


def entry_text(entry: NetworkAclEntry) -> str:
    """What an entry is about: ``tcp/22``."""
    ports, icmp = entry.port_range, entry.icmp_type_code
    low, high = (ports.from_, ports.to) if ports else (icmp.type, icmp.code) if icmp else (None, None)
    return traffic_text(IpPermission(ip_protocol=entry.protocol, from_port=low, to_port=high))


def _some(account: Account, subnet_ids: list[str]) -> str:
    if len(subnet_ids) > _MOST_NAMED:
        return counted(len(subnet_ids), "subnet")
    return listed([called(account, subnet_id) for subnet_id in subnet_ids])


_EFFECTS: dict[type, Callable[[Account, Any], Iterator[str]]] = {
    e.AuthorizeSecurityGroup: _authorize,
    e.CreateNetworkAclEntry: _entry,
    e.ReplaceNetworkAclEntry: _entry,
}


# -- quotas ------------------------------------------------------------------------------------------------------------


def room(after: Account, edits: Iterable[e.Edit]) -> tuple[list[str], list[str]]:
    """What is used of the quotas once the edits are made; and a warning for each that would be passed."""
    used: list[str] = []
    over: list[str] = []
    for edit in edits:
        if isinstance(edit, e.AuthorizeSecurityGroup):
            _room_of_group(after, edit, used, over)
        elif isinstance(edit, e.CreateNetworkAclEntry):
            _room_of_acl(after, edit, used, over)
    return list(dict.fromkeys(used)), list(dict.fromkeys(over))


def _room_of_group(after: Account, edit: e.AuthorizeSecurityGroup, used: list[str], over: list[str]) -> None:
    group = after.security_groups.get(edit.group_id)
    if group is None:
        return
    version = 6 if edit.permission.ipv6_ranges else 4
    other = "ip_ranges" if version == 6 else "ipv6_ranges"
    count = sum(
        _weight(after, rule.kind, rule.peer) for rule in rules_of(after, group, edit.direction) if rule.kind != other
    )
    way = "inbound" if edit.direction == "ingress" else "outbound"
    used.append(f"{edit.group_id}: {count} of {RULES} {way} rules")
    if count > RULES:
        over.append(
            f"{edit.group_id} would have {count} {way} rules; the quota is {RULES} unless it was raised, and AWS "
            "refuses what goes beyond it."
        )


def _weight(account: Account, kind: str, peer: str) -> int:
    """A prefix list counts with as many rules as it may have entries; here, as it has."""
    return len(account.prefix_lists.get(peer, ())) or 1 if kind == "prefix_list_ids" else 1


def _room_of_acl(after: Account, edit: e.CreateNetworkAclEntry, used: list[str], over: list[str]) -> None:
    acl = after.network_acls.get(edit.network_acl_id)
    if acl is None:
        return
    entry = edit.entry
    alike = [
        one for one in acl.entries if one.egress == entry.egress and bool(one.cidr_block) == bool(entry.cidr_block)
    ]
    count = len([one for one in alike if one.rule_number < 32767]) + 1
    way = "outbound" if entry.egress else "inbound"
    used.append(f"{edit.network_acl_id}: {count} of {ENTRIES} {way} rules")
    if count > ENTRIES:
        over.append(
            f"{edit.network_acl_id} would have {count} {way} rules, with the last one (*); the quota is {ENTRIES} "
            "unless it was raised (40 at most), and AWS refuses what goes beyond it."
        )
