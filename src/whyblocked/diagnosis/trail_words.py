"""What an event of CloudTrail's did, in words. Texts of the event's own are cleaned where a report shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from whyblocked.config.account import Account
from whyblocked.config.resources import name_tag
from whyblocked.config.trail import Event, rows
from whyblocked.diagnosis.phrases import allowance_words, rule_words
from whyblocked.diagnosis.trail_rules import (
    acl_number,
    acl_rule_of,
    destination,
    entries,
    group_rules,
    is_egress,
    route,
    rule_ids,
)

_SHOWN = 3


def did(event: Event) -> str:
    """``took away ingress tcp/22 from 203.0.113.0/24``; empty where the name of the event says it all."""
    name = event.name
    if name.startswith(("AuthorizeSecurityGroup", "RevokeSecurityGroup")):
        verb = "added" if name.startswith("Authorize") else "took away"
        rules = [allowance_words(rule.described(), rule.direction) for rule in group_rules(event)]
        return f"{verb} {_listed(rules or rule_ids(event) or ['rules that the event does not tell'])}"
    if name == "ModifySecurityGroupRules":
        now = [(rule.rule_id or "a rule", allowance_words(rule.described(), None)) for rule in group_rules(event)]
        return _listed(f"{name} is now {words}" for name, words in now)
    if name.endswith("NetworkAclEntry"):
        return _acl_entry(event)
    if name in ("CreateRoute", "CreateTransitGatewayRoute"):
        return f"added {rule_words(route(event), None)}"
    if name in ("ReplaceRoute", "ReplaceTransitGatewayRoute"):
        return f"changed it to {rule_words(route(event), None)}"
    if name in ("DeleteRoute", "DeleteTransitGatewayRoute"):
        return f"took away route {destination(event)}"
    if name in ("ModifyNetworkInterfaceAttribute", "ModifyInstanceAttribute"):
        return _attribute(event)
    if name == "ModifyManagedPrefixList":
        return _list_entries(event)
    if name in ("DisassociateAddress", "ReleaseAddress"):
        said = event.request
        return (
            f"took away {said.get('publicIp') or said.get('associationId') or said.get('allocationId') or 'an address'}"
        )
    if name == "ModifyVpcBlockPublicAccessOptions":
        return f"set the mode {event.request.get('internetGatewayBlockMode', 'that the event does not tell')}"
    return ""


def groups_in(event: Event) -> list[str]:
    """The security groups that an interface or instance was given; empty where the event is not about them."""
    found = event.request.get("groupSet", event.request.get("groups"))
    return [str(row["groupId"]) for row in rows(found) if row.get("groupId")]


def named(account: Account, resource_id: str) -> str:
    """An id with what people call the resource: ``sg-0a1 (web)``."""
    group = account.security_groups.get(resource_id)
    if group is not None:
        name = group.group_name or name_tag(group.tags)
    else:
        known = (account.network_acls, account.route_tables, account.instances, account.nat_gateways, account.peerings)
        name = next((name_tag(index[resource_id].tags) for index in known if resource_id in index), None)
        interface = account.interfaces.get(resource_id)
        name = name_tag(interface.tag_set) if interface is not None else name
    return f"{resource_id} ({name})" if name else resource_id


def _acl_entry(event: Event) -> str:
    way = "egress" if is_egress(event) else "ingress"
    rule = acl_rule_of(event)
    if event.name.startswith("Delete") or rule is None:
        verb = {"D": "took away", "C": "added", "R": "changed"}[event.name[0]]
        return f"{verb} {way} rule {acl_number(event)}"
    return f"{'added' if event.name.startswith('Create') else 'changed it to'} {rule_words(rule.described(), way)}"


def _attribute(event: Event) -> str:
    groups = groups_in(event)
    if groups:
        return f"gave it the security groups {', '.join(groups)}"
    check = event.request.get("sourceDestCheck")
    value = check.get("value") if isinstance(check, dict) else check
    if value is not None:
        return f"turned the source/destination check {'on' if value in (True, 'true') else 'off'}"
    return ""


def _list_entries(event: Event) -> str:
    parts = [
        f"{verb} {_listed(blocks)}"
        for key, verb in (("addEntry", "added"), ("removeEntry", "took away"))
        if (blocks := entries(event, key))
    ]
    return " and ".join(parts)


def _listed(words: Iterable[str]) -> str:
    found: Sequence[str] = list(words)
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more
