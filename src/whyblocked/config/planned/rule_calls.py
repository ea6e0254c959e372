"""Calls about rules of security groups, entries of network ACLs, and routes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from whyblocked.config import edits as e
from whyblocked.config import resources as r
from whyblocked.config.planned.told import Edits, Told

_ROUTE_TARGETS = (
    "GatewayId",
    "NatGatewayId",
    "TransitGatewayId",
    "VpcPeeringConnectionId",
    "NetworkInterfaceId",
    "InstanceId",
    "EgressOnlyInternetGatewayId",
    "CarrierGatewayId",
    "LocalGatewayId",
    "CoreNetworkArn",
    "OdbNetworkArn",
    "VpcEndpointId",
)


# -- security groups ---------------------------------------------------------------------------------------------------


def _direction(told: Told) -> e.Direction:
    return "egress" if told.call.operation.endswith("Egress") else "ingress"


def _group_id(told: Told) -> str:
    if name := told.may("GroupName"):
        told.fail(f"the group is named '{name}': a name may be that of several groups, so give its id (--group-id)")
    return str(told.need("GroupId"))


def _permissions(told: Told) -> list[r.IpPermission]:
    permissions = told.shaped(list[r.IpPermission], told.need("IpPermissions"))
    for permission in permissions:
        if any(pair.group_id is None for pair in permission.user_id_group_pairs):
            told.fail("the source is a group's name: a name may be that of several groups, so give its id")
    return permissions


def _authorize(told: Told) -> Edits:
    group_id, direction = _group_id(told), _direction(told)
    return [
        e.AuthorizeSecurityGroup(group_id=group_id, direction=direction, permission=permission)
        for permission in _permissions(told)
    ]


def _revoke(told: Told) -> Edits:
    group_id, direction = _group_id(told), _direction(told)
    if rule_ids := told.may("SecurityGroupRuleIds"):
        return [e.RevokeSecurityGroup(group_id=group_id, direction=direction, rule_ids=tuple(rule_ids))]
    return [
        e.RevokeSecurityGroup(group_id=group_id, direction=direction, permission=permission)
        for permission in _permissions(told)
    ]


def _modify_rules(told: Told) -> Edits:
    group_id = told.need("GroupId")
    return [
        e.ModifySecurityGroupRule(
            group_id=group_id,
            rule_id=one.get("SecurityGroupRuleId") or told.fail("a rule has no SecurityGroupRuleId"),
            permission=told.shaped(r.IpPermission, _as_permission(one.get("SecurityGroupRule") or {})),
        )
        for one in told.need("SecurityGroupRules")
    ]


def _as_permission(rule: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {name: rule[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in rule}
    note = {"Description": rule["Description"]} if "Description" in rule else {}
    for name, field, key in (
        ("CidrIpv4", "IpRanges", "CidrIp"),
        ("CidrIpv6", "Ipv6Ranges", "CidrIpv6"),
        ("PrefixListId", "PrefixListIds", "PrefixListId"),
        ("ReferencedGroupId", "UserIdGroupPairs", "GroupId"),
    ):
        if name in rule:
            found[field] = [{key: rule[name], **note}]
    return found


# -- network ACLs ------------------------------------------------------------------------------------------------------


def _entry(told: Told) -> r.NetworkAclEntry:
    told_entry = told.some("CidrBlock", "Ipv6CidrBlock", "PortRange", "IcmpTypeCode")
    told_entry |= {name: told.need(name) for name in ("RuleNumber", "Protocol", "RuleAction", "Egress")}
    return told.shaped(r.NetworkAclEntry, told_entry)


def _create_entry(told: Told) -> Edits:
    return [e.CreateNetworkAclEntry(network_acl_id=told.need("NetworkAclId"), entry=_entry(told))]


def _replace_entry(told: Told) -> Edits:
    return [e.ReplaceNetworkAclEntry(network_acl_id=told.need("NetworkAclId"), entry=_entry(told))]


def _delete_entry(told: Told) -> Edits:
    number, egress = told.need("RuleNumber"), told.need("Egress")
    return [e.DeleteNetworkAclEntry(network_acl_id=told.need("NetworkAclId"), rule_number=number, egress=egress)]


def _replace_acl(told: Told) -> Edits:
    association = told.need("AssociationId")
    return [e.ReplaceNetworkAclAssociation(network_acl_id=told.need("NetworkAclId"), association_id=association)]


# -- routes ------------------------------------------------------------------------------------------------------------


def _route(told: Told) -> r.Route:
    names = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")
    targets = told.some(*_ROUTE_TARGETS)
    if told.may("LocalTarget"):
        targets["GatewayId"] = "local"
    if len(targets) != 1:
        told.fail(f"{told.call.operation}: a route has one target, not {len(targets)}")
    return told.shaped(r.Route, {**told.some(*names), **targets})


def _create_route(told: Told) -> Edits:
    return [e.CreateRoute(route_table_id=told.need("RouteTableId"), route=_route(told))]


def _replace_route(told: Told) -> Edits:
    return [e.ReplaceRoute(route_table_id=told.need("RouteTableId"), route=_route(told))]


def _delete_route(told: Told) -> Edits:
    blocks = told.some("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")
    if len(blocks) != 1:
        told.fail("DeleteRoute needs one destination")
    return [e.DeleteRoute(route_table_id=told.need("RouteTableId"), destination=next(iter(blocks.values())))]


def _associate_table(told: Told) -> Edits:
    table_id = told.need("RouteTableId")
    return [
        e.AssociateRouteTable(route_table_id=table_id, subnet_id=told.may("SubnetId"), gateway_id=told.may("GatewayId"))
    ]


def _disassociate_table(told: Told) -> Edits:
    return [e.DisassociateRouteTable(association_id=told.need("AssociationId"))]


def _replace_table(told: Told) -> Edits:
    association = told.need("AssociationId")
    return [e.ReplaceRouteTableAssociation(route_table_id=told.need("RouteTableId"), association_id=association)]


MAKERS: dict[str, Callable[[Told], Edits]] = {
    "AuthorizeSecurityGroupIngress": _authorize,
    "AuthorizeSecurityGroupEgress": _authorize,
    "RevokeSecurityGroupIngress": _revoke,
    "RevokeSecurityGroupEgress": _revoke,
    "ModifySecurityGroupRules": _modify_rules,
    "CreateNetworkAclEntry": _create_entry,
    "ReplaceNetworkAclEntry": _replace_entry,
    "DeleteNetworkAclEntry": _delete_entry,
    "ReplaceNetworkAclAssociation": _replace_acl,
    "CreateRoute": _create_route,
    "ReplaceRoute": _replace_route,
    "DeleteRoute": _delete_route,
    "AssociateRouteTable": _associate_table,
    "DisassociateRouteTable": _disassociate_table,
    "ReplaceRouteTableAssociation": _replace_table,
}
