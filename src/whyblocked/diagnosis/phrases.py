"""Rules in words, as answers and reports alike tell them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

EVERY_PORT = "0-65535"
_PEERS = ("cidr", "prefix_list_id", "referenced_group_id")


def icmp_words(protocol: str, kind: object, code: object) -> str:
    """``icmp type 8 code 0``."""
    if str(kind) == "-1":
        return f"all {protocol}"
    return f"{protocol} type {kind}" + ("" if code is None or str(code) == "-1" else f" code {code}")


def traffic_words(rule: Mapping[str, Any]) -> str:
    """What a rule is about: ``tcp/22``, ``all traffic``, ``icmp type 8``."""
    protocol = str(rule.get("protocol", "all"))
    ports = rule.get("ports")
    if protocol in ("all", "-1"):
        return "all traffic"
    if rule.get("icmp_type") is not None:
        return icmp_words(protocol, rule["icmp_type"], rule.get("icmp_code"))
    if protocol.isdigit():
        return f"protocol {protocol}"
    return f"all {protocol}" if ports in (None, EVERY_PORT) else f"{protocol}/{ports}"


def rule_words(rule: Mapping[str, Any], direction: str | None, of_group: bool = False) -> str:
    """A rule as a short sentence: ``egress rule 100 denies tcp/22 to 0.0.0.0/0``, ``route 10.0.0.0/8 -> tgw-1``.

    ``of_group`` names the group of a security group rule as well.
    """
    if "rule_number" in rule:
        number = "*" if rule["rule_number"] in (32767, 32768) else rule["rule_number"]
        verb = {"allow": "allows", "deny": "denies"}.get(str(rule.get("action")), str(rule.get("action")))
        return _way(f"rule {number} {verb} {traffic_words(rule)}", rule.get("cidr"), direction)
    if "destination" in rule:
        target = f" -> {rule['target']}" if rule.get("target") else ""
        state = f" ({rule['state']})" if rule.get("state") not in (None, "active") else ""
        return f"route {rule['destination']}{target}{state}"
    if "rule_group" in rule:
        message = f" ({rule['msg']})" if rule.get("msg") else ""
        verbs = {"pass": "passes", "drop": "drops", "reject": "rejects", "forward": "forwards", "either": "may decide"}
        verb = verbs.get(str(rule.get("action")), str(rule.get("action")))
        group = f" of rule group {rule['rule_group']}" if rule["rule_group"] else ""
        return f"{rule.get('rule')}{message}{group} {verb}"
    if "listener_port" in rule:
        return f"listener {rule['listener_protocol']} {rule['listener_port']}"
    peers = [rule[key] for key in _PEERS if rule.get(key)]
    if peers or "rule_id" in rule:
        who = rule.get("rule_id") or "rule"
        if rule.get("group_id") and (of_group or not rule.get("rule_id")):
            who = f"{who} of {rule['group_id']}"
        words = _way(f"{who} allows {traffic_words(rule)}", peers[0] if peers else None, direction)
        return words + (f' "{rule["description"]}"' if rule.get("description") else "")
    return ", ".join(f"{key} {value}" for key, value in rule.items() if value is not None)


def _way(words: str, peer: object, direction: str | None) -> str:
    if peer:
        words += f" {'to' if direction == 'egress' else 'from'} {peer}"
    return f"{direction} {words}" if direction else words


def allowance_words(rule: Mapping[str, Any], direction: str | None) -> str:
    """What a security group rule allows: ``ingress tcp/22 from 203.0.113.0/24``."""
    peer = next((rule[key] for key in _PEERS if rule.get(key)), None)
    words = traffic_words(rule)
    if peer:
        words += f" {'to' if direction == 'egress' else 'from'} {peer}"
    return f"{direction} {words}" if direction else words
