"""Rules of security groups, made and taken away.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupIngress.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from whyblocked.config import resources as r
from whyblocked.config.account import Account, Missing, Query
from whyblocked.config.edits.kinds import (
    AuthorizeSecurityGroup,
    CreateSecurityGroup,
    Direction,
    ModifySecurityGroupRule,
    RevokeSecurityGroup,
    SetSecurityGroupRules,
)
from whyblocked.config.edits.making import canonical, readable, refuse, security_group, vpc
from whyblocked.config.replacing import replace
from whyblocked.text import clean

MOST_RULES = 1000  # of all groups of an interface together, whatever the quota of one group was raised to
"""https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups"""

_NAMES = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": "-1"}
_PORTS, _ICMP = ("tcp", "udp"), ("icmp", "icmpv6")
_FIELDS: dict[Direction, str] = {"ingress": "ip_permissions", "egress": "ip_permissions_egress"}


class Rule(NamedTuple):
    """One rule of a group: a protocol with its ports (ICMP: type and code), and one peer of one kind."""

    protocol: str
    low: int | None
    high: int | None
    kind: str  # the field of the permission that the peer stands in
    peer: str
    source: r.Resource  # as that field holds it

    @property
    def same(self) -> tuple[object, ...]:
        """What makes two rules the same one."""
        return self[:5]

    def __str__(self) -> str:
        ports = "" if self.low is None else f" {self.low}" if self.low == self.high else f" {self.low}-{self.high}"
        return f"{'all traffic' if self.protocol == '-1' else self.protocol}{ports}, {clean(self.peer, 60)}"


def rules_in(permissions: Iterable[r.IpPermission]) -> Iterator[Rule]:
    """Every rule of some permissions, protocol and blocks as AWS keeps them."""
    for permission in permissions:
        protocol = _NAMES.get(permission.ip_protocol.strip().lower(), permission.ip_protocol.strip().lower())
        low, high = permission.from_port, permission.to_port
        if protocol not in (*_PORTS, *_ICMP):
            low = high = None
        elif protocol in _ICMP:
            low, high = (-1, -1) if low in (None, -1) else (low, -1 if high is None else high)
        for range4 in permission.ip_ranges:
            cidr = canonical(range4.cidr_ip)
            yield Rule(protocol, low, high, "ip_ranges", cidr, msgspec.structs.replace(range4, cidr_ip=cidr))
        for range6 in permission.ipv6_ranges:
            cidr = canonical(range6.cidr_ipv6)
            yield Rule(protocol, low, high, "ipv6_ranges", cidr, msgspec.structs.replace(range6, cidr_ipv6=cidr))
        for listed in permission.prefix_list_ids:
            yield Rule(protocol, low, high, "prefix_list_ids", listed.prefix_list_id, listed)
        for pair in permission.user_id_group_pairs:
            yield Rule(protocol, low, high, "user_id_group_pairs", pair.group_id or "", pair)


def folded(rules: Iterable[Rule]) -> tuple[r.IpPermission, ...]:
    """Rules as ``DescribeSecurityGroups`` shows them: those that share protocol and ports in one permission."""
    found: dict[tuple[object, ...], dict[str, list[r.Resource]]] = {}
    for rule in rules:
        found.setdefault(rule[:3], {}).setdefault(rule.kind, []).append(rule.source)
    return tuple(
        r.IpPermission(
            ip_protocol=str(protocol),
            from_port=low,  # type: ignore[arg-type]
            to_port=high,  # type: ignore[arg-type]
            **{kind: tuple(sources) for kind, sources in peers.items()},  # type: ignore[arg-type]
        )
        for (protocol, low, high), peers in found.items()
    )


def rules_of(account: Account, group: r.SecurityGroup, direction: Direction) -> list[Rule]:
    """The rules of a group; those with ids stand in where it came without permissions."""
    permissions: Sequence[r.IpPermission] | None = getattr(group, _FIELDS[direction])
    if permissions is None:
        egress = direction == "egress"
        permissions = [_as_permission(row) for row in _rows(account, group.group_id) if row.is_egress == egress]
    return list(rules_in(permissions))


def authorize(account: Account, edit: AuthorizeSecurityGroup) -> None:
    """Add the rules, each of which has to be new."""
    group = security_group(account, edit.group_id)
    rules = rules_of(account, group, edit.direction)
    there = {rule.same for rule in rules}
    for rule in rules_in([edit.permission]):
        _check(rule)
        if rule.same in there:
            refuse(f"{group.group_id} has the {edit.direction} rule already: {rule}")
        there.add(rule.same)
        rules.append(_with_peer(account, group, rule))
    if len(rules) > MOST_RULES:
        refuse(f"{group.group_id} would have {len(rules)} {edit.direction} rules; no quota goes beyond {MOST_RULES}")
    _put(account, group, edit.direction, rules)


def revoke(account: Account, edit: RevokeSecurityGroup) -> None:
    """Take the rules away, each of which has to be there."""
    group = security_group(account, edit.group_id)
    egress = edit.direction == "egress"
    unwanted = list(rules_in([edit.permission] if edit.permission else ()))
    for rule_id in edit.rule_ids:
        row = _row(account, group.group_id, rule_id)
        if row.is_egress != egress:
            refuse(f"{rule_id} is no {edit.direction} rule")
        unwanted += rules_in([_as_permission(row)])
    rules = rules_of(account, group, edit.direction)
    there = {rule.same for rule in rules}
    for rule in unwanted:
        if rule.same not in there:
            refuse(f"{group.group_id} has no such {edit.direction} rule: {rule}")
    gone = {rule.same for rule in unwanted}
    _put(account, group, edit.direction, [rule for rule in rules if rule.same not in gone])
    rows = account.security_group_rules.get(group.group_id, {})
    account.security_group_rules[group.group_id] = {
        rule_id: row
        for rule_id, row in rows.items()
        if row.is_egress != egress or not gone.intersection(rule.same for rule in rules_in([_as_permission(row)]))
    }


def modify(account: Account, edit: ModifySecurityGroupRule) -> None:
    """Make a rule another one; its id and direction stay."""
    row = _row(account, edit.group_id, edit.rule_id)
    rules = list(rules_in([edit.permission]))
    if len(rules) != 1:
        refuse(f"{edit.rule_id} has one source or destination, not {len(rules)}")
    direction: Direction = "egress" if row.is_egress else "ingress"
    revoke(account, RevokeSecurityGroup(group_id=edit.group_id, direction=direction, rule_ids=(edit.rule_id,)))
    authorize(account, AuthorizeSecurityGroup(group_id=edit.group_id, direction=direction, permission=edit.permission))
    account.security_group_rules[edit.group_id][edit.rule_id] = _as_row(row, rules[0])


def create(account: Account, edit: CreateSecurityGroup) -> None:
    """A group of a VPC, without rules."""
    group = r.SecurityGroup(
        group_id=edit.group_id,
        group_name=edit.group_name,
        vpc_id=vpc(account, edit.vpc_id).vpc_id,
        owner_id=account.account_id_of(edit.vpc_id),
        ip_permissions=(),
        ip_permissions_egress=(),
    )
    replace(account, group)


def set_rules(account: Account, edit: SetSecurityGroupRules) -> None:
    """Put these rules in the place of all that there are."""
    group = security_group(account, edit.group_id)
    rules: dict[tuple[object, ...], Rule] = {}
    for rule in rules_in(edit.permissions):
        _check(rule)
        rules[rule.same] = _with_peer(account, group, rule)
    _put(account, group, edit.direction, rules.values())


def _check(rule: Rule) -> None:
    if rule.protocol in _PORTS:
        low, high = rule.low, rule.high
        if low is None or high is None or not (0 <= low <= high <= 65535 or low == high == -1):
            refuse(f"a rule for {rule.protocol} has ports from 0 to 65535, the lower first: {rule}")
    elif not (rule.protocol in (*_ICMP, "-1") or (rule.protocol.isdigit() and int(rule.protocol) <= 255)):
        refuse(f"'{clean(rule.protocol, 40)}' is no protocol: tcp, udp, icmp, icmpv6, -1 or a number")


def _with_peer(account: Account, group: r.SecurityGroup, rule: Rule) -> Rule:
    """A rule with what AWS adds to the group that it names: whose it is, and its VPC where that is another."""
    pair = rule.source
    if not isinstance(pair, r.UserIdGroupPair) or pair.group_id is None:
        return rule
    elsewhere = pair.user_id is not None and pair.user_id != group.owner_id
    peer = account.security_groups.get(pair.group_id)
    if peer is None and not elsewhere:
        peer = security_group(account, pair.group_id)
    if peer is None:
        return rule
    other = peer.vpc_id if peer.vpc_id != group.vpc_id else None
    pair = msgspec.structs.replace(pair, user_id=pair.user_id or peer.owner_id, vpc_id=pair.vpc_id or other)
    return rule._replace(source=pair)


def _put(account: Account, group: r.SecurityGroup, direction: Direction, rules: Iterable[Rule]) -> None:
    replace(account, msgspec.structs.replace(group, **{_FIELDS[direction]: folded(rules)}))


# -- rules with ids ----------------------------------------------------------------------------------------------------


def _rows(account: Account, group_id: str) -> list[r.SecurityGroupRule]:
    missing = account.source.ask(Query("DescribeSecurityGroupRules", "group-id", group_id))
    if isinstance(missing, Missing):
        readable(f"rules of {group_id}", missing)
    return list(account.security_group_rules.get(group_id, {}).values())


def _row(account: Account, group_id: str, rule_id: str) -> r.SecurityGroupRule:
    for row in _rows(account, group_id):
        if row.security_group_rule_id == rule_id:
            return row
    refuse(f"{group_id} has no rule {clean(rule_id, 40)}")


def _as_permission(row: r.SecurityGroupRule) -> r.IpPermission:
    note = row.description
    return r.IpPermission(
        ip_protocol=row.ip_protocol,
        from_port=row.from_port,
        to_port=row.to_port,
        ip_ranges=(r.IpRange(cidr_ip=row.cidr_ipv4, description=note),) if row.cidr_ipv4 else (),
        ipv6_ranges=(r.Ipv6Range(cidr_ipv6=row.cidr_ipv6, description=note),) if row.cidr_ipv6 else (),
        prefix_list_ids=(
            (r.PrefixListId(prefix_list_id=row.prefix_list_id, description=note),) if row.prefix_list_id else ()
        ),
        user_id_group_pairs=(
            (msgspec.structs.replace(row.referenced_group_info, description=note),) if row.referenced_group_info else ()
        ),
    )


def _as_row(row: r.SecurityGroupRule, rule: Rule) -> r.SecurityGroupRule:
    return r.SecurityGroupRule(
        security_group_rule_id=row.security_group_rule_id,
        group_id=row.group_id,
        is_egress=row.is_egress,
        ip_protocol=rule.protocol,
        from_port=rule.low,
        to_port=rule.high,
        cidr_ipv4=rule.peer if rule.kind == "ip_ranges" else None,
        cidr_ipv6=rule.peer if rule.kind == "ipv6_ranges" else None,
        prefix_list_id=rule.peer if rule.kind == "prefix_list_ids" else None,
        referenced_group_info=rule.source if isinstance(rule.source, r.UserIdGroupPair) else None,
        description=getattr(rule.source, "description", None),
        tags=row.tags,
    )
