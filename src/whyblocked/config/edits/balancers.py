"""Listeners, targets, subnets, groups and settings of load balancers.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateListener.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RegisterTargets.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_SetSubnets.html
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from whyblocked.config import balancers
from whyblocked.config import resources as r
from whyblocked.config.account import Account, Missing, Query
from whyblocked.config.edits.kinds import (
    CreateListener,
    DeleteListener,
    DeregisterTargets,
    ModifyListener,
    ModifyLoadBalancerAttributes,
    ModifyTargetGroupAttributes,
    RegisterTargets,
    SetSecurityGroups,
    SetSubnets,
)
from whyblocked.config.edits.making import instance, known, readable, refuse, security_group, subnet
from whyblocked.config.replacing import replace
from whyblocked.config.resources.balancers import BalancerZone
from whyblocked.text import clean

_PROTOCOLS = {
    "application": ("HTTP", "HTTPS"),
    "network": ("TCP", "UDP", "TLS", "TCP_UDP", "QUIC", "TCP_QUIC"),
}


def create_listener(account: Account, edit: CreateListener) -> None:
    """Listen on a port that is free."""
    balancer = _balancer(account, edit.load_balancer_arn)
    listeners = readable(balancer.name, balancers.listeners_of(account, balancer))
    _check(balancer, edit.protocol, edit.port)
    if any(one.port == edit.port for one in listeners):
        refuse(f"{balancer.name} has a listener on port {edit.port} already")
    arn = f"{balancer.id.replace(':loadbalancer/', ':listener/')}/port-{edit.port}"
    made = r.Listener(
        listener_arn=arn,
        load_balancer_arn=balancer.id,
        port=edit.port,
        protocol=edit.protocol.upper(),
        default_actions=edit.default_actions,
    )
    _put(account, balancer, made, (*listeners, made))


def modify_listener(account: Account, edit: ModifyListener) -> None:
    """Another port, protocol or default action."""
    balancer, old, listeners = _listener(account, edit.listener_arn)
    changed = {
        name: value for name in ("protocol", "port", "default_actions") if (value := getattr(edit, name)) is not None
    }
    new = msgspec.structs.replace(old, **changed)
    _check(balancer, new.protocol or "", new.port or 0)
    if any(one.port == new.port for one in listeners if one is not old):
        refuse(f"{balancer.name} has another listener on port {new.port}")
    _put(account, balancer, new, (new if one is old else one for one in listeners))


def delete_listener(account: Account, edit: DeleteListener) -> None:
    """Listen there no longer."""
    balancer, old, listeners = _listener(account, edit.listener_arn)
    index = account.balancers.listeners
    index[balancer.id] = {arn: one for arn, one in index.get(balancer.id, {}).items() if arn != old.listener_arn}
    _tell(account, "DescribeListeners", balancer.id, balancer.name, (one for one in listeners if one is not old))


def _put(account: Account, balancer: r.LoadBalancer, listener: r.Listener, listeners: Iterable[r.Listener]) -> None:
    """The listener with its last rule, and its target groups as groups of the load balancer."""
    for arn in (arn for action in listener.default_actions for arn in action.shares):
        group = _target_group(account, arn)
        if balancer.id not in group.load_balancer_arns:
            arns = (*group.load_balancer_arns, balancer.id)
            replace(account, msgspec.structs.replace(group, load_balancer_arns=arns))
    replace(account, listener)
    _tell(account, "DescribeListeners", balancer.id, balancer.name, listeners)
    arn = listener.listener_arn or ""
    if ("DescribeRules", arn) not in account.details and arn.rpartition("/")[2].startswith("port-"):
        rule = r.ListenerRule(
            rule_arn=f"{arn.replace(':listener/', ':listener-rule/')}/default",
            priority="default",
            actions=listener.default_actions,
            is_default=True,
        )
        account.balancers.rules[arn] = {rule.rule_arn or "": rule}
        account.details["DescribeRules", arn] = (rule,)


def _listener(account: Account, arn: str) -> tuple[r.LoadBalancer, r.Listener, tuple[r.Listener, ...]]:
    balancer = _balancer(account, arn.rpartition("/")[0].replace(":listener/", ":loadbalancer/"))
    listeners = readable(balancer.name, balancers.listeners_of(account, balancer))
    found = next((one for one in listeners if one.listener_arn == arn), None)
    if found is None:
        refuse(f"{balancer.name} has no listener {clean(arn)}")
    return balancer, found, listeners


def _check(balancer: r.LoadBalancer, protocol: str, port: int) -> None:
    possible = _PROTOCOLS.get(balancer.kind, (protocol.upper(),))
    if protocol.upper() not in possible:
        refuse(f"{balancer.name} is of type {balancer.kind}: it listens with {', '.join(possible)}")
    if not 1 <= port <= 65535 and balancer.kind != "gateway":
        refuse(f"port {port}: it is one from 1 to 65535")


def _balancer(account: Account, arn: str) -> r.LoadBalancer:
    found = known(account, account.balancers.by_id, Query("DescribeLoadBalancers", "LoadBalancerArns", arn))
    if not isinstance(found, r.LoadBalancer):
        refuse(f"{found.name} is a Classic Load Balancer")
    return found


def _target_group(account: Account, arn: str) -> r.TargetGroup:
    return known(account, account.balancers.target_groups, Query("DescribeTargetGroups", "TargetGroupArns", arn))


def _tell(account: Account, operation: str, arn: str, name: str, found: Iterable[r.Resource]) -> None:
    """Put another answer in the place of one that is about an object, however its file is called."""
    account.details[operation, arn] = tuple(found)
    account.details.pop((operation, name), None)
    account.version += 1


# -- targets -----------------------------------------------------------------------------------------------------------


def register(account: Account, edit: RegisterTargets) -> None:
    """Targets more; those that are registered already stay as they are."""
    group = _target_group(account, edit.target_group_arn)
    there = readable(group.target_group_name, balancers.targets_of(account, group))
    registered = {_name(group, one.target) for one in there}
    added = []
    for target in edit.targets:
        if group.target_type == "instance":
            instance(account, target.id)
        if _name(group, target) not in registered:
            added.append(r.TargetHealthDescription(target=target))  # whether it will be healthy nobody knows
    _tell(account, "DescribeTargetHealth", group.target_group_arn, group.target_group_name, (*there, *added))


def deregister(account: Account, edit: DeregisterTargets) -> None:
    """Targets less; one without a port means those on all ports."""
    group = _target_group(account, edit.target_group_arn)
    there = readable(group.target_group_name, balancers.targets_of(account, group))
    gone = {_name(group, target) for target in edit.targets if target.port is not None}
    everywhere = {target.id for target in edit.targets if target.port is None}
    left = (one for one in there if _name(group, one.target) not in gone and one.target.id not in everywhere)
    _tell(account, "DescribeTargetHealth", group.target_group_arn, group.target_group_name, left)


def _name(group: r.TargetGroup, target: r.Target) -> tuple[str, int | None]:
    return target.id, target.port or group.port


# -- the load balancer itself ------------------------------------------------------------------------------------------


def set_subnets(account: Account, edit: SetSubnets) -> None:
    """Nodes in just these subnets; the health of targets was that of other zones."""
    balancer = _balancer(account, edit.load_balancer_arn)
    for group in account.balancers.groups_of.get(balancer.id, {}).values():
        targets = readable(group.target_group_name, balancers.targets_of(account, group))
        unknown = (r.TargetHealthDescription(target=one.target) for one in targets)
        _tell(account, "DescribeTargetHealth", group.target_group_arn, group.target_group_name, unknown)
    old = {zone.subnet_id: zone for zone in balancer.availability_zones}
    zones: dict[str | None, BalancerZone] = {}
    for subnet_id in edit.subnets:
        there = subnet(account, subnet_id)
        if balancer.vpc_id not in (None, there.vpc_id):
            refuse(f"{subnet_id} is of {there.vpc_id}, and {balancer.name} of {balancer.vpc_id}")
        if there.availability_zone in zones:
            refuse(f"{balancer.name} can have one subnet in {there.availability_zone}, not two")
        new = BalancerZone(zone_name=there.availability_zone, subnet_id=subnet_id)
        zones[there.availability_zone] = old.get(subnet_id, new)
    if len(zones) < (2 if balancer.kind == "application" else 1):
        refuse(f"{balancer.name} is of type {balancer.kind}: it needs subnets in at least two zones")
    replace(account, msgspec.structs.replace(balancer, availability_zones=tuple(zones.values())))


def set_groups(account: Account, edit: SetSecurityGroups) -> None:
    """These security groups on all nodes."""
    balancer = _balancer(account, edit.load_balancer_arn)
    if balancer.kind == "network" and not balancer.security_groups:
        refuse(f"{balancer.name} was made without security groups, so it can't be given any")
    groups = tuple(
        r.GroupIdentifier(group_id=group_id, group_name=security_group(account, group_id).group_name)
        for group_id in dict.fromkeys(edit.security_groups)
    )
    if not groups and balancer.kind != "network":
        refuse(f"{balancer.name} has to have a security group")
    nodes = readable(balancer.name, balancers.nodes_of(account, balancer))
    for node in nodes:
        if not balancers.is_made_up(account, node):
            replace(account, msgspec.structs.replace(node, groups=groups))
    ids = tuple(group.group_id for group in groups)
    replace(account, msgspec.structs.replace(balancer, security_groups=ids))


def modify_balancer(account: Account, edit: ModifyLoadBalancerAttributes) -> None:
    """Other settings of a load balancer."""
    balancer = _balancer(account, edit.load_balancer_arn)
    operation = "DescribeLoadBalancerAttributes"
    old = account.details_about(operation, balancer.id, r.Attribute, balancer.name)
    _set(account, operation, balancer.id, balancer.name, old, edit.attributes)


def modify_target_group(account: Account, edit: ModifyTargetGroupAttributes) -> None:
    """Other settings of a target group."""
    group = _target_group(account, edit.target_group_arn)
    arn, name, operation = group.target_group_arn, group.target_group_name, "DescribeTargetGroupAttributes"
    _set(account, operation, arn, name, account.details_about(operation, arn, r.Attribute, name), edit.attributes)


def _set(
    account: Account,
    operation: str,
    arn: str,
    name: str,
    old: tuple[r.Attribute, ...] | Missing,
    new: Iterable[r.Attribute],
) -> None:
    settings = {one.key: one for one in readable(name, old)}
    settings |= {one.key: one for one in new}
    _tell(account, operation, arn, name, settings.values())
