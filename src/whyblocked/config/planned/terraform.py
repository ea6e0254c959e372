"""Plans of Terraform (and OpenTofu) as changes: the resources of the AWS provider that make up a network.

What a plan would do to others of them, and what is only known once it is carried out, is left out and told.
https://registry.terraform.io/providers/hashicorp/aws/latest/docs
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from whyblocked.config.planned import Change, LeftOut, Planned
from whyblocked.config.planned.plan import Plan, Resource, Unknown
from whyblocked.config.planned.terraform_places import PLACES
from whyblocked.config.planned.terraform_rules import RULES
from whyblocked.config.planned.terraform_types import Staged
from whyblocked.errors import EditError
from whyblocked.text import clean

_TYPES = {**RULES, **PLACES}
_NAMED_ALIKE = {"aws_alb": "aws_lb", "aws_alb_listener": "aws_lb_listener"}
_NAMED_ALIKE |= {"aws_alb_target_group_attachment": "aws_lb_target_group_attachment"}

# Types that have to do with the network, by how they begin, and those that only sound so.
_NETWORK = re.compile(
    r"aws_(vpc|subnet|security_group|network_|route\b|route_table|main_route|default_|nat_gateway|internet_gateway|"
    r"egress_only|eip|ec2_transit_gateway|ec2_managed_prefix|ec2_carrier|ec2_local_gateway|networkfirewall|vpn_|dx_|"
    r"lb\b|lb_|alb|elb|instance\b|customer_gateway)"
)
_NO_NETWORK = re.compile(
    r"aws_(vpc_dhcp|vpc_ipam|default_kms|network_interface_permission|lb_listener_certificate|lb_trust|lb_cookie|"
    r"lb_ssl|vpc_endpoint_policy|vpc_endpoint_connection_notification|ec2_transit_gateway_policy)"
)
_GROUPS_OR_SUBNETS = {
    "security_groups",
    "security_group_ids",
    "vpc_security_group_ids",
    "subnets",
    "subnet_ids",
    "vpc_config",
    "network_configuration",
}
_WITHOUT_EFFECT = {"tags", "tags_all", "description", "timeouts", "name", "name_prefix", "revoke_rules_on_delete"}
_ID = re.compile(r"(?:[a-z]+-)+[0-9a-f]{6,}|arn:[\w:/.*-]+")
_NOT_ABOUT = ("vpc-", "ami-", "snap-", "vol-", "eni-attach-", "r-")
_WHERE = ("subnet-", "sg-")  # where something is and which groups it carries changes neither of them
_BESIDE = ("eni-", "i-", "eipalloc-")  # nor does what is new change what it is put beside
_OF_SUBNETS_AND_GROUPS = re.compile(
    r"aws_(default_|vpc_)?(security_group|network_acl|route_table|subnet|main_route)|"
    r"aws_(network_interface_sg_attachment|ec2_transit_gateway_vpc_attachment)"
)


def read_plan(text: str, name: str) -> Planned:
    """The changes that a plan would make, in the order in which they can be made."""
    try:
        plan = Plan(text, name)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise EditError(f"{name}: is not what terraform show -json prints of a saved plan") from None
    changes: list[tuple[int, Change]] = []
    left_out: list[LeftOut] = []
    for resource in plan.resources:
        if not resource.managed or not {"create", "update", "delete"}.intersection(resource.actions):
            continue
        where = f"{name}: {resource.address}"
        try:
            changes += [(stage, Change(edit, where)) for stage, edit in _made(resource)]
        except Unknown as unknown:
            why = f"{unknown.attribute} is known only after apply"
            left_out.append(LeftOut(where, why, _about(resource)))
        except (KeyError, TypeError, ValueError, AttributeError, msgspec.ValidationError) as error:
            raise EditError(
                f"{where}: is not as Terraform's AWS provider writes it: {clean(str(error), 100)}"
            ) from None
        else:
            left_out += _rest(resource, where)
    in_order = tuple(change for _, change in sorted(changes, key=lambda one: one[0]))
    return Planned(in_order, tuple(left_out), name)


def _made(resource: Resource) -> list[Staged]:
    maker = _TYPES.get(_NAMED_ALIKE.get(resource.type, resource.type))
    made = maker.make(resource) if maker else ()
    return [(stage, msgspec.convert(msgspec.to_builtins(edit), type(edit))) for stage, edit in made]  # types checked


def _rest(resource: Resource, where: str) -> Iterator[LeftOut]:
    """What of a resource can't be applied, if it may matter."""
    kind = _TYPES.get(_NAMED_ALIKE.get(resource.type, resource.type))
    changed = resource.changed() - _WITHOUT_EFFECT
    if kind is not None:
        if resource.updated and (more := changed & kind.matters):
            yield LeftOut(where, f"a change of {_listed(more)} is not applied", _about(resource))
        if resource.deleted and not kind.ends:
            yield LeftOut(where, f"deleting a resource of type {resource.type} is not applied", _about(resource))
        return
    network = _NETWORK.match(resource.type) and not _NO_NETWORK.match(resource.type)
    if not network and not changed & _GROUPS_OR_SUBNETS:
        return
    if resource.updated:
        if changed:
            yield LeftOut(where, f"a change of {_listed(changed)} is not applied", _about(resource))
        return
    what = "replacing" if resource.created and resource.deleted else "creating" if resource.created else "deleting"
    yield LeftOut(where, f"{what} a resource of type {resource.type} is not applied", _about(resource))


def _listed(names: set[str]) -> str:
    found = sorted(names)
    more = f" and {len(found) - 5} more" if len(found) > 5 else ""
    return ", ".join(found[:5]) + more


def _about(resource: Resource) -> frozenset[str]:
    """The resources that a change may be felt at: those that its attributes name, if it is more than a place there."""
    elsewhere = _NOT_ABOUT
    if not _OF_SUBNETS_AND_GROUPS.match(resource.type):
        new = resource.created and not resource.deleted and resource.type not in _TYPES
        elsewhere = (*elsewhere, *_WHERE, *(_BESIDE if new else ()))
    return frozenset(
        text
        for text in (*_texts(resource.before), *_texts(resource.after), resource.made_up)
        if _ID.fullmatch(text) and not text.startswith(elsewhere)
    )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            if name not in ("tags", "tags_all"):
                yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
