"""The rules and routes that an event of CloudTrail's is about, in the form that the rules of the account have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from whyblocked.config import resources as r
from whyblocked.config.trail import Event, rows
from whyblocked.network.packets import Interval, span
from whyblocked.network.rules import AclRule, Direction, GroupRule, acl_rule, permission_rules, row_rule

T = TypeVar("T", bound=r.Resource)

GROUP_RULES = frozenset(
    {
        "AuthorizeSecurityGroupIngress",
        "AuthorizeSecurityGroupEgress",
        "RevokeSecurityGroupIngress",
        "RevokeSecurityGroupEgress",
        "ModifySecurityGroupRules",
    }
)
ACL_RULES = frozenset({"CreateNetworkAclEntry", "ReplaceNetworkAclEntry", "DeleteNetworkAclEntry"})
ROUTES = frozenset(
    {
        "CreateRoute",
        "ReplaceRoute",
        "DeleteRoute",
        "CreateTransitGatewayRoute",
        "ReplaceTransitGatewayRoute",
        "DeleteTransitGatewayRoute",
    }
)
_TARGETS = (
    *("gatewayId", "natGatewayId", "transitGatewayId", "vpcPeeringConnectionId", "egressOnlyInternetGatewayId"),
    *("vpcEndpointId", "networkInterfaceId", "instanceId", "carrierGatewayId", "localGatewayId", "coreNetworkArn"),
    "transitGatewayAttachmentId",
)


def group_rules(event: Event) -> list[GroupRule]:
    """The rules that were added, taken away or (as they are now) changed; none where the event does not tell them."""
    group_id = group_of(event)
    if event.name == "ModifySecurityGroupRules":
        changed = []
        for row in rows(event.request.get("securityGroupRule")):
            inner = row.get("securityGroupRule")
            if isinstance(inner, dict):
                changed.append({**inner, "securityGroupRuleId": row.get("securityGroupRuleId")})
        return list(_of_rows(changed, group_id, "ingress"))
    direction: Direction = "egress" if event.name.endswith("Egress") else "ingress"
    for key in ("securityGroupRuleSet", "revokedSecurityGroupRuleSet"):
        found = list(_of_rows(rows(event.response.get(key)), group_id, direction))
        if found:
            return found
    given = rows(event.request.get("ipPermissions")) or [dict(event.request)]
    return [rule for one in given for rule in _of_permission(one, group_id, direction)]


def group_of(event: Event) -> str:
    """The security group that an event is about."""
    return str(event.request.get("groupId") or "")


def rule_ids(event: Event) -> list[str]:
    """The ids of rules that it names."""
    named = rows(event.request.get("securityGroupRuleIds")) + rows(event.request.get("securityGroupRule"))
    found = [str(row["securityGroupRuleId"]) for row in named if row.get("securityGroupRuleId")]
    plain = event.request.get("securityGroupRuleIds")
    return found or [one for one in (plain if isinstance(plain, list) else []) if isinstance(one, str)]


def acl_rule_of(event: Event) -> AclRule | None:
    """The numbered rule that it created or put in the place of another; None where it does not tell one."""
    entry = _as(
        r.NetworkAclEntry,
        {
            "RuleNumber": event.request.get("ruleNumber"),
            "Protocol": str(event.request.get("aclProtocol", event.request.get("protocol", ""))),
            "RuleAction": event.request.get("ruleAction"),
            "Egress": is_egress(event),
            "CidrBlock": event.request.get("cidrBlock"),
            "Ipv6CidrBlock": event.request.get("ipv6CidrBlock"),
            "PortRange": _capitals(event.request.get("portRange")),
            "IcmpTypeCode": _capitals(event.request.get("icmpTypeCode")),
        },
    )
    if entry is None:
        return None
    return acl_rule(entry, "egress" if entry.egress else "ingress", 4 if entry.cidr_block else 6)


def acl_number(event: Event) -> int | None:
    """The number of the network ACL rule that it is about."""
    try:
        return int(event.request.get("ruleNumber", ""))
    except (TypeError, ValueError):
        return None


def is_egress(event: Event) -> bool:
    """Whether the network ACL rule is an outbound one."""
    return event.request.get("egress") in (True, "true")


def destination(event: Event) -> str:
    """The destination of the route: a block or a prefix list."""
    keys = ("destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId", "prefixListId")
    return next((str(event.request[key]) for key in keys if event.request.get(key)), "")


def route(event: Event) -> dict[str, Any]:
    """The route as answers have it."""
    target = next((str(event.request[key]) for key in _TARGETS if event.request.get(key)), None)
    blackhole = event.request.get("blackhole") in (True, "true")
    return {"destination": destination(event), "target": target, "state": "blackhole" if blackhole else "active"}


def block_of(text: str) -> tuple[int, Interval] | None:
    """IP version and addresses of a block; None where it is none."""
    try:
        network = r.block(text.strip())
    except ValueError:
        return None
    return network.version, span(network)


def entries(event: Event, key: str) -> list[str]:
    """The blocks that were added to (``addEntry``) or taken from (``removeEntry``) a prefix list."""
    return [str(row["cidr"]) for row in rows(event.request.get(key)) if row.get("cidr")]


# -- decoding -------------------------------------------------------------------------------------------------------


def _of_rows(found: Iterable[Mapping[str, Any]], group_id: str, direction: Direction) -> Iterator[GroupRule]:
    """Rules as ``DescribeSecurityGroupRules`` would show them."""
    for row in found:
        referenced = row.get("referencedGroupInfo")
        pair = referenced if isinstance(referenced, dict) else {"groupId": row.get("referencedGroupId")}
        egress = row.get("isEgress", direction == "egress") in (True, "true")
        rule = _as(
            r.SecurityGroupRule,
            {
                "SecurityGroupRuleId": str(row.get("securityGroupRuleId") or ""),
                "GroupId": str(row.get("groupId") or group_id),
                "IsEgress": egress,
                "IpProtocol": str(row.get("ipProtocol", "")),
                "FromPort": row.get("fromPort"),
                "ToPort": row.get("toPort"),
                "CidrIpv4": row.get("cidrIpv4"),
                "CidrIpv6": row.get("cidrIpv6"),
                "PrefixListId": row.get("prefixListId"),
                "ReferencedGroupInfo": _capitals(pair) if pair.get("groupId") else None,
                "Description": row.get("description"),
            },
        )
        made = _made(row_rule, rule) if rule is not None else None
        if made is not None:
            yield made


def _of_permission(given: Mapping[str, Any], group_id: str, direction: Direction) -> list[GroupRule]:
    """Rules as the caller named them: an ``IpPermission``, or its fields alone (``cidrIp``)."""
    if "ipProtocol" not in given:
        return []
    blocks = [*rows(given.get("ipRanges")), *([{"cidrIp": given["cidrIp"]}] if given.get("cidrIp") else [])]
    permission = _as(
        r.IpPermission,
        {
            "IpProtocol": str(given["ipProtocol"]),
            "FromPort": given.get("fromPort"),
            "ToPort": given.get("toPort"),
            "IpRanges": [_capitals(one) for one in blocks],
            "Ipv6Ranges": [_capitals(one) for one in rows(given.get("ipv6Ranges"))],
            "PrefixListIds": [_capitals(one) for one in rows(given.get("prefixListIds"))],
            "UserIdGroupPairs": [
                _capitals(one) for key in ("groups", "userIdGroupPairs") for one in rows(given.get(key))
            ],
        },
    )
    if permission is None:
        return []
    try:
        return list(permission_rules(group_id, permission, direction))
    except ValueError:
        return []


def _as(kind: type[T], value: dict[str, Any]) -> T | None:
    """``value`` as a resource; None where it is not of that shape (what a log file holds is anybody's)."""
    try:
        return msgspec.convert({key: item for key, item in value.items() if item is not None}, kind, strict=False)
    except (msgspec.ValidationError, ValueError):
        return None


def _made(make: Any, rule: r.SecurityGroupRule) -> GroupRule | None:
    try:
        found: GroupRule | None = make(rule)
    except ValueError:
        return None
    return found


def _capitals(value: object) -> dict[str, Any] | None:
    """The object with keys as the API has them; None where it is none, or empty."""
    return {f"{k[:1].upper()}{k[1:]}": v for k, v in value.items()} if isinstance(value, dict) and value else None
