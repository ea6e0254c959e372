"""How much of AWS's quotas is used once a fix is made.

https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
"""

from __future__ import annotations

from collections.abc import Iterable

from whyblocked.config import edits as e
from whyblocked.config.account import Account, Query
from whyblocked.config.edits.groups import rules_of

RULES = 60  # a security group, direction and IP version
ENTRIES = 20  # a network ACL, direction and IP version, with the one that AWS shows as *
_LAST_NUMBER = 32766
# With how many rules the lists of AWS count, by the end of their names:
# https://docs.aws.amazon.com/vpc/latest/userguide/working-with-aws-managed-prefix-lists.html#aws-managed-prefix-list-weights
_WEIGHTS = {
    "cloudfront.origin-facing": 55,
    "dynamodb": 1,
    "ec2-instance-connect": 2,
    "groundstation": 5,
    "route53-healthchecks": 25,
    "s3": 1,
    "s3express": 6,
    "vpc-lattice": 10,
}


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
    """A prefix list counts as so many rules as it may have entries, one of AWS with its weight; else, as it has."""
    if kind != "prefix_list_ids":
        return 1
    account.source.ask(Query("DescribeManagedPrefixLists", "prefix-list-id", peer))
    names = (
        name for name, ids in account.prefix_list_names.items() if peer in ids and name.startswith("com.amazonaws.")
    )
    for name in names:
        for service, weight in _WEIGHTS.items():
            if name.endswith(f".{service}"):
                return weight
    listed = account.managed_lists.get(peer)
    most = listed.max_entries if listed is not None else None
    return most or len(account.prefix_lists.get(peer, ())) or 1


def _room_of_acl(after: Account, edit: e.CreateNetworkAclEntry, used: list[str], over: list[str]) -> None:
    acl = after.network_acls.get(edit.network_acl_id)
    if acl is None:
        return
    entry = edit.entry
    alike = [
        one for one in acl.entries if one.egress == entry.egress and bool(one.cidr_block) == bool(entry.cidr_block)
    ]
    count = len([one for one in alike if one.rule_number <= _LAST_NUMBER]) + 1
    way = "outbound" if entry.egress else "inbound"
    used.append(f"{edit.network_acl_id}: {count} of {ENTRIES} {way} rules")
    if count > ENTRIES:
        over.append(
            f"{edit.network_acl_id} would have {count} {way} rules, with the last one (*); the quota is {ENTRIES} "
            "unless it was raised (40 at most), and AWS refuses what goes beyond it."
        )
