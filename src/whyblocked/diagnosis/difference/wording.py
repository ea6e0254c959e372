"""Changes in words. Texts from the snapshots are cleaned where a report shows them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

import msgspec

from whyblocked.config import resources as r
from whyblocked.config.inventory import INSTANCES, Item
from whyblocked.diagnosis.difference.sides import ACL_OF, TABLE_OF, Change, Key, Sides
from whyblocked.diagnosis.difference.trees import NOTHING, PERMISSIONS, Edit, cut
from whyblocked.diagnosis.phrases import allowance_words, rule_words
from whyblocked.network.rules import Direction, acl_rule, permission_rules

T = TypeVar("T", bound=r.Resource)

Kind = Literal["added", "removed", "changed"]
_SHORT = 120

_KINDS = {
    "Vpcs": "VPC",
    "NetworkAcls": "network ACL",
    "NetworkInterfaces": "network interface",
    ACL_OF: "network ACL of",
    TABLE_OF: "route table of",
    INSTANCES: "instance",
    "NatGateways": "NAT gateway",
    "VpcPeeringConnections": "VPC peering connection",
    "VpcEndpoints": "VPC endpoint",
    "VpnGateways": "VPN gateway",
    "VpnConnections": "VPN connection",
    "Entries": "entries of prefix list",
    "Routes": "transit gateway route table",
    "Associations": "associations of transit gateway route table",
    "TransitGatewayRouteTablePropagations": "propagations of transit gateway route table",
    "TransitGatewayPrefixListReferences": "prefix list references of transit gateway route table",
    "TransitGatewayVpcAttachments": "transit gateway VPC attachment",
    "TargetHealthDescriptions": "targets of",
    "Attributes": "attributes of",
    "Rules": "listener rule",
    "LoadBalancerDescriptions": "classic load balancer",
    "LoadBalancerAttributes": "attributes of classic load balancer",
    "VpcBlockPublicAccessOptions": "Block Public Access",
    "VpcBlockPublicAccessExclusions": "Block Public Access exclusion",
    "VpcEncryptionControls": "VPC encryption control",
    "SecurityGroupVpcAssociations": "association of security group and VPC",
    "FirewallPolicyResponse": "firewall policy",
    "RuleGroupResponse": "rule group",
    "DBInstances": "DB instance",
    "DBClusters": "DB cluster",
    "DBProxies": "DB proxy",
    "Addresses": "Elastic IP address",
}


def kind_of(change: Change) -> Kind:
    """Whether something came, went, or is another now."""
    if change.edits:
        sides = {(edit.before is NOTHING, edit.after is NOTHING) for edit in change.edits}
        return "added" if sides == {(True, False)} else "removed" if sides == {(False, True)} else "changed"
    return "added" if change.before is NOTHING else "removed" if change.after is NOTHING else "changed"


def resource_words(key: Key) -> str:
    """``security group``, ``targets of``: what a kind is called before its id."""
    known = _KINDS.get(key.kind)
    if known is not None:
        return known
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", key.kind).replace("Ipv6", "IPv6").lower()
    return words.removesuffix("s")


def name_of(sides: Sides, key: Key) -> str | None:
    """What people call it: a security group's name, a ``Name`` tag."""
    item: Item | None = sides.after.items.get(key) or sides.before.items.get(key)
    if item is None:
        return None
    if key.kind == "SecurityGroups" and isinstance(item.raw.get("GroupName"), str):
        return str(item.raw["GroupName"])
    tags = item.raw.get("Tags") or item.raw.get("TagSet") or ()
    found = [tag.get("Value") for tag in tags if isinstance(tag, dict) and tag.get("Key") == "Name"]
    return found[0] if found and isinstance(found[0], str) and found[0] else None


def what(change: Change) -> str:
    """What is different within the resource: ``ingress tcp/22 from 203.0.113.0/24``, ``State.Name: a -> b``."""
    key = change.key
    if key.kind in (ACL_OF, TABLE_OF):
        return f"{_serving(change.before)} -> {_serving(change.after)}"
    if not change.edits:
        return ""
    if len(change.edits) > 1:
        return _public(change.edits)
    (edit,) = change.edits
    words = _ELEMENTS.get(edit.path[0])
    if words is not None and len(edit.path) == 2:
        before, after = (None if side is NOTHING else words(edit.path, side) for side in (edit.before, edit.after))
        return before or after or "" if None in (before, after) else _turned(before or "", after or "")
    if NOTHING in (edit.before, edit.after):
        shown = edit.after if edit.before is NOTHING else edit.before
        is_named = isinstance(shown, dict) and len(edit.path) > 1  # an element, which its name tells
        return ".".join(edit.path) + ("" if is_named else f" {_value(shown)}")
    return f"{'.'.join(edit.path)}: {_value(edit.before)} -> {_value(edit.after)}"


def plain(value: Any) -> Any:
    """A value of a change as JSON has it; what is not there is null."""
    return None if value is NOTHING else cut(value)


def _turned(before: str, after: str) -> str:
    """Two rules or routes, without what they share at their beginning where that is a name."""
    return f"{before} -> {after}" if before != after else f"{after} (in what does not decide)"


def _serving(association: Any) -> str:
    if association is NOTHING:
        return "none of its own"
    name = str(association.get("NetworkAclId") or association.get("RouteTableId"))
    state = association.get("AssociationState")
    told = state.get("State") if isinstance(state, dict) else None
    return name if told in (None, "associated") else f"{name} ({told})"


def _public(edits: tuple[Edit, ...]) -> str:
    """The public addresses that an interface had and has."""
    sides: list[list[str]] = [[], []]
    for edit in edits:
        for found, value in zip(sides, (edit.before, edit.after), strict=True):
            if edit.path[-1] == "PublicIp" and value is not NOTHING:
                found.append(str(value))
            elif isinstance(value, Mapping) and value.get("PublicIp"):
                found.append(str(value["PublicIp"]))
    before, after = (", ".join(dict.fromkeys(found)) or "none" for found in sides)
    return f"public address: {before} -> {after}" if before != after else "what is told of its public address"


def _value(value: Any) -> str:
    if value is NOTHING or value is None:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(cut(value), ensure_ascii=False, default=str)
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"


# -- elements that have words of their own -----------------------------------------------------------------------------


def _permission(path: tuple[str, ...], value: Any) -> str:
    direction: Direction = "egress" if path[0].endswith("Egress") else "ingress"
    permission = _as(r.IpPermission, value)
    rules = list(permission_rules("", permission, direction)) if permission is not None else []
    if not rules:
        return f"{direction} {path[-1]}"
    rule = rules[0]
    said = f' "{rule.description}"' if rule.description else ""
    return f"{allowance_words(rule.described(), direction)}{said}"


def _entry(path: tuple[str, ...], value: Any) -> str:
    if "Cidr" in value:
        return str(value["Cidr"])
    entry = _as(r.NetworkAclEntry, value)
    way: Direction = "egress" if value.get("Egress") else "ingress"
    rule = acl_rule(entry, way, 4 if entry.cidr_block else 6) if entry is not None else None
    return rule_words(rule.described(), way) if rule is not None else f"rule {path[-1]}"


def _route(path: tuple[str, ...], value: Any) -> str:
    attachments = value.get("TransitGatewayAttachments")
    if attachments is not None or "Type" in value:
        found = [one.get("TransitGatewayAttachmentId") for one in attachments or () if isinstance(one, dict)]
        target, state = ", ".join(map(str, found)) or "nothing", value.get("State")
        return rule_words({"destination": path[-1], "target": target, "state": state}, None)
    route = _as(r.Route, value)
    if route is None:
        return f"route {path[-1]}"
    return rule_words({"destination": route.destination, "target": route.target, "state": route.state}, None)


def _group(path: tuple[str, ...], value: Any) -> str:
    name = value.get("GroupName") if isinstance(value, dict) else None
    return f"security group {path[-1]}" + (f" ({name})" if name else "")


def _target(path: tuple[str, ...], value: Any) -> str:
    health = value.get("TargetHealth") if isinstance(value, dict) else None
    state = health.get("State") if isinstance(health, dict) else None
    return f"target {path[-1]}" + (f" ({state})" if state else "")


def _address(path: tuple[str, ...], _value: Any) -> str:
    return f"address {path[-1]}"


_ELEMENTS: dict[str, Callable[[tuple[str, ...], Any], str]] = {
    **dict.fromkeys(PERMISSIONS, _permission),
    "Entries": _entry,
    "Routes": _route,
    "Groups": _group,
    "TargetHealthDescriptions": _target,
    "PrivateIpAddresses": _address,
    "Ipv6Addresses": _address,
}


def _as(kind: type[T], value: Any) -> T | None:
    try:
        return msgspec.convert(cut(value), kind, strict=False)
    except (msgspec.ValidationError, ValueError):
        return None
