"""The obviously permissive change at each blocker, and the one that takes away what let packets pass."""

from __future__ import annotations

import copy

from tests.oracle.model import Json
from tests.oracle.shapes import acl_entry, permission
from tests.oracle.world import row
from tests.properties.worlds import with_rows
from whyblocked.diagnosis.answer import Finding, Hop

EVERYONE = ("0.0.0.0/0", "::/0")
STARS = (32767, 32768)


def repaired(raw: Json, found: Finding) -> Json | None:
    """The account with the layer open at this place; None where no change to it alone is obvious."""
    account = copy.deepcopy(raw)
    if found.layer == "network-acl":
        _open_acl(account, found.resource_ids[0], found.direction or "ingress")
    elif found.layer == "security-group":
        _open_group(account, found.resource_ids[0], found.direction or "ingress")
    elif found.layer == "instance":
        _start(account, found.resource_ids[0])
    elif found.layer == "block-public-access":
        account["VpcBlockPublicAccessOptions"]["InternetGatewayBlockMode"] = "off"
    elif found.code == "BAD_STATE" and found.layer == "nat-gateway":
        row(account, "NatGateways", "NatGatewayId", found.resource_ids[0])["State"] = "available"
    elif found.code == "BAD_STATE" and found.layer == "vpc-peering":
        row(account, "VpcPeeringConnections", "VpcPeeringConnectionId", found.resource_ids[0])["Status"] = {
            "Code": "active"
        }
    elif found.code == "BAD_STATE_VPN":
        for connection in account["VpnConnections"]:
            connection["VgwTelemetry"][0]["Status"] = "UP"
    else:
        return None
    return with_rows(account)


def same_place(one: Finding, other: Finding) -> bool:
    """Whether two findings blame one thing, which a repair opens for both legs alike."""
    return (one.layer, one.direction, one.resource_ids, one.code == other.code or one.layer == "security-group") == (
        other.layer,
        other.direction,
        other.resource_ids,
        True,
    )


def _open_acl(account: Json, acl_id: str, direction: str) -> None:
    """Further than AWS lets users go, number 0 is before every rule there is."""
    entries = row(account, "NetworkAcls", "NetworkAclId", acl_id)["Entries"]
    entries[:] = [one for one in entries if (one["RuleNumber"], one["Egress"]) != (0, direction == "egress")]
    entries += [acl_entry(number, direction, "allow", block) for number, block in zip((-1, 0), EVERYONE, strict=True)]


def _open_group(account: Json, group_id: str, direction: str) -> None:
    key = "IpPermissions" if direction == "ingress" else "IpPermissionsEgress"
    row(account, "SecurityGroups", "GroupId", group_id)[key].append(permission("-1", peers=EVERYONE))


def _start(account: Json, instance_id: str) -> None:
    for reservation in account["Reservations"]:
        for instance in reservation["Instances"]:
            if instance["InstanceId"] == instance_id:
                instance["State"] = {"Code": 16, "Name": "running"}


def flipped(raw: Json, found: Finding) -> Json | None:
    """The account with the very rule that denies turned into one that allows; None where no rule of its own denies."""
    rule = found.rule or {}
    if found.layer != "network-acl" or rule["rule_number"] in STARS:
        return None
    account = copy.deepcopy(raw)
    _entry(account, found.resource_ids[0], rule["rule_number"], found.direction == "egress", rule["cidr"])[
        "RuleAction"
    ] = "allow"
    return account


def spoiled(raw: Json, hop: Hop) -> Json | None:
    """The account without the very rule or route that let packets pass; None where none is named."""
    rule = hop.rule
    if rule is None or hop.action not in ("allow", "forward"):
        return None
    account = copy.deepcopy(raw)
    if hop.kind == "network-acl":
        _entry(account, hop.id, rule["rule_number"], hop.direction == "egress", rule["cidr"])["RuleAction"] = "deny"
    elif hop.kind == "security-group":
        _remove(account, hop, rule)
    elif hop.kind == "route-table" and rule["target"] != "local":
        routes = row(account, "RouteTables", "RouteTableId", hop.id)["Routes"]
        found = [one for one in routes if rule["destination"] in one.values() and rule["target"] in one.values()]
        assert found, (rule, routes)
        for one in found:  # a route may stand there twice, propagated as well
            one["State"] = "blackhole"
    else:
        return None
    return with_rows(account)


def _entry(account: Json, acl_id: str, number: int, egress: bool, cidr: str) -> Json:
    entries = row(account, "NetworkAcls", "NetworkAclId", acl_id)["Entries"]
    (found,) = [
        one for one in entries if (one["RuleNumber"], one["Egress"]) == (number, egress) and cidr in one.values()
    ]
    entry: Json = found
    return entry


def _remove(account: Json, hop: Hop, rule: Json) -> None:
    """The one row with the rule's id, from the permission that holds it."""
    rows = {one["SecurityGroupRuleId"]: one for one in account["SecurityGroupRules"]}
    named = rows[rule["rule_id"]]
    key = "IpPermissionsEgress" if named["IsEgress"] else "IpPermissions"
    assert named["IsEgress"] == (hop.direction == "egress")
    peer = rule.get("cidr") or rule.get("prefix_list_id") or rule.get("referenced_group_id")
    for one in row(account, "SecurityGroups", "GroupId", named["GroupId"])[key]:
        ports = (one["IpProtocol"], one.get("FromPort", -1), one.get("ToPort", -1))
        if ports != (named["IpProtocol"], named["FromPort"], named["ToPort"]):
            continue
        for field in ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs"):
            one[field] = [entry for entry in one[field] if peer not in entry.values()]
