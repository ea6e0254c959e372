"""Calls about load balancers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from whyblocked.config import edits as e
from whyblocked.config import resources as r
from whyblocked.config.planned.told import Edits, Told

_OF_A_LISTENER = ("SslPolicy", "Certificates", "AlpnPolicy", "MutualAuthentication")


def _actions(told: Told, found: list[Any]) -> tuple[r.Action, ...]:
    return tuple(told.shaped(list[r.Action], found))


def _create_listener(told: Told) -> Edits:
    told.some(*_OF_A_LISTENER)
    return [
        e.CreateListener(
            load_balancer_arn=told.need("LoadBalancerArn"),
            protocol=told.need("Protocol"),
            port=told.need("Port"),
            default_actions=_actions(told, told.need("DefaultActions")),
        )
    ]


def _modify_listener(told: Told) -> Edits:
    told.some(*_OF_A_LISTENER)
    actions = told.may("DefaultActions")
    return [
        e.ModifyListener(
            listener_arn=told.need("ListenerArn"),
            protocol=told.may("Protocol"),
            port=told.may("Port"),
            default_actions=None if actions is None else _actions(told, actions),
        )
    ]


def _delete_listener(told: Told) -> Edits:
    return [e.DeleteListener(listener_arn=told.need("ListenerArn"))]


def _register(told: Told) -> Edits:
    targets = tuple(told.shaped(list[r.Target], told.need("Targets")))
    return [e.RegisterTargets(target_group_arn=told.need("TargetGroupArn"), targets=targets)]


def _deregister(told: Told) -> Edits:
    targets = tuple(told.shaped(list[r.Target], told.need("Targets")))
    return [e.DeregisterTargets(target_group_arn=told.need("TargetGroupArn"), targets=targets)]


def _set_subnets(told: Told) -> Edits:
    subnets = told.may("Subnets") or told.each("SubnetMappings", "SubnetId")
    return [e.SetSubnets(load_balancer_arn=told.need("LoadBalancerArn"), subnets=tuple(subnets))]


def _set_groups(told: Told) -> Edits:
    groups = tuple(told.need("SecurityGroups"))
    return [e.SetSecurityGroups(load_balancer_arn=told.need("LoadBalancerArn"), security_groups=groups)]


def _balancer_attributes(told: Told) -> Edits:
    attributes = tuple(told.shaped(list[r.Attribute], told.need("Attributes")))
    return [e.ModifyLoadBalancerAttributes(load_balancer_arn=told.need("LoadBalancerArn"), attributes=attributes)]


def _group_attributes(told: Told) -> Edits:
    attributes = tuple(told.shaped(list[r.Attribute], told.need("Attributes")))
    return [e.ModifyTargetGroupAttributes(target_group_arn=told.need("TargetGroupArn"), attributes=attributes)]


MAKERS: dict[str, Callable[[Told], Edits]] = {
    "CreateListener": _create_listener,
    "ModifyListener": _modify_listener,
    "DeleteListener": _delete_listener,
    "RegisterTargets": _register,
    "DeregisterTargets": _deregister,
    "SetSubnets": _set_subnets,
    "SetSecurityGroups": _set_groups,
    "ModifyLoadBalancerAttributes": _balancer_attributes,
    "ModifyTargetGroupAttributes": _group_attributes,
}
