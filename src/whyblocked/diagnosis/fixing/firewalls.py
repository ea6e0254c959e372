"""Network Firewall: a rule that passes what was asked about, and routes that lead both ways through one endpoint.

https://docs.aws.amazon.com/network-firewall/latest/developerguide/suricata-rule-evaluation-order.html
https://docs.aws.amazon.com/network-firewall/latest/developerguide/asymmetric-routing.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from whyblocked.config.account import Missing
from whyblocked.config.addresses import private_addresses
from whyblocked.config.edits import AddFirewallRule
from whyblocked.config.endpoints import firewall_policy, rule_group
from whyblocked.config.resources import FirewallPolicy, RuleGroup
from whyblocked.diagnosis.fixing import transits
from whyblocked.diagnosis.fixing.boxes import Traffic, blocks_of, listed, traffic_of
from whyblocked.diagnosis.fixing.steps import Case, NoFix, Option, step
from whyblocked.diagnosis.fixing.targets import put_route
from whyblocked.diagnosis.fixing.words import called
from whyblocked.network.noted import Blocker
from whyblocked.network.packets import join_intervals, span
from whyblocked.network.protocols import protocol_text
from whyblocked.network.routes import look_up
from whyblocked.network.rulebook import Rulebook

_SID = re.compile(r"\bsid\s*:\s*(\d+)")
_FIRST_SID = 1_000_000


def rule(case: Case, blocker: Blocker) -> Sequence[Option]:
    """A rule in front of the others of a group in Suricata's language: that which drops, or the policy's first."""
    if blocker.leg == "return":
        raise NoFix(f"{blocker.summary} A rule for replies alone is not proposed: pass the request.")
    boxes = blocker.packets
    version = boxes[0].version
    sources = blocks_of(case, version, join_intervals(box.source for box in boxes), of_source=True)
    destinations = blocks_of(case, version, join_intervals(box.destination for box in boxes), of_source=False)
    found: list[Option] = []
    for arn in _groups(case, blocker):
        group = rule_group(case.account, arn)
        if isinstance(group, Missing) or group.rules_source is None or group.rules_source.rules_string is None:
            continue
        sid = max([_FIRST_SID, *(int(number) for number in _SID.findall(group.rules_source.rules_string))]) + 1
        edits = []
        for one in traffic_of(case, boxes):
            head = f"pass {_protocol(one)} {_side(sources)} any -> {_side(destinations)} {_ports(one)}"
            written = f'{head} (msg:"asked by whyblocked"; sid:{sid}; rev:1;)'
            edits.append(AddFirewallRule(rule_group_arn=arn, rule=written, keeps=_beside_rules(case, blocker, group)))
            sid += 1
        what = " and ".join(str(one) for one in traffic_of(case, boxes))
        whom = f"from {', '.join(sources)} to {', '.join(destinations)}"
        says = f"Add to firewall rule group {group.rule_group_name} a rule that passes {what} {whom}."
        warn = "A rule group has a capacity that was fixed when it was made; each rule takes at least 1 of it."
        found.append((step([blocker], edits, says, warn),))
    if not found:
        raise NoFix(f"{blocker.summary} None of its rule groups is one to which a rule could be added here.")
    return found[:2]


def _beside_rules(case: Case, blocker: Blocker, group: RuleGroup) -> tuple[str, ...]:
    """What the group has beside its rules, which an update has to give again."""
    options = _policy(case, blocker).stateful_engine_options
    strict = options is not None and (options.rule_order or "").upper() == "STRICT_ORDER"
    found = [("StatefulRuleOptions", strict), ("RuleVariables", group.rule_variables is not None)]
    return tuple(name for name, there in (*found, ("ReferenceSets", group.reference_sets is not None)) if there)


def _policy(case: Case, blocker: Blocker) -> FirewallPolicy:
    firewall = case.account.firewalls.get(blocker.resource_ids[0])
    policy = firewall_policy(case.account, firewall.firewall_policy_arn) if firewall else None
    if policy is None or isinstance(policy, Missing):
        raise NoFix(f"{blocker.summary} Its policy could not be read.")
    return policy


def _groups(case: Case, blocker: Blocker) -> list[str]:
    """The groups that a rule could go into: the one that drops, else those of the policy in its order."""
    ordered = sorted(_policy(case, blocker).stateful_rule_group_references, key=lambda reference: reference.priority)
    arns = [one.resource_arn for one in ordered if ":aws-managed:" not in one.resource_arn]
    return list(dict.fromkeys((*(arn for arn in blocker.resource_ids[1:] if arn in arns), *arns)))


def _protocol(one: Traffic) -> str:
    name = protocol_text(one.protocol)
    if one.every or not name.isalpha():
        raise NoFix("A firewall rule is proposed for TCP, UDP and ICMP only.")
    return "icmp" if name == "icmpv6" else name


def _ports(one: Traffic) -> str:
    if one.ports is None or one.icmp is not None or one.ports == (0, 65535):
        return "any"
    low, high = one.ports
    return str(low) if low == high else f"{low}:{high}"


def _side(blocks: Sequence[str]) -> str:
    if any(block in ("0.0.0.0/0", "::/0") for block in blocks):
        return "any"
    return blocks[0] if len(blocks) == 1 else f"[{','.join(blocks)}]"


def through(case: Case, blocker: Blocker) -> Sequence[Option]:
    """What comes in goes through a middlebox, so what goes out has to as well: a route of its own to it."""
    edge = case.account.route_tables.get(blocker.resource_ids[-1])
    sender = case.account.interfaces.get(blocker.interface_id or "")
    led = [p for p in case.walk.passages if p.leg == blocker.leg and p.kind == "route-table" and p.rule]
    table = case.account.route_tables.get(led[-1].id) if led else None
    if edge is None or sender is None or table is None:
        raise NoFix(f"{blocker.summary} The route tables on the way could not be read.")
    version = blocker.packets[0].version
    own = next((span(a) for a in private_addresses(sender) if a.version == version), None)
    routes = look_up(Rulebook(case.account).table(edge, version), version, own) if own is not None else []
    target = next((choice.route.target for choice in routes if choice.route is not None), None)
    if target is None:
        raise NoFix(f"{blocker.summary} What the packets should go through is not known.")
    of_source = blocker.leg == "return"
    blocks = blocks_of(case, version, join_intervals(b.destination for b in blocker.packets), of_source=of_source)
    edits = [put_route(case, table, block, target) for block in blocks]
    says = f"Let {called(case.account, table.route_table_id)} route {listed(blocks)} by {target}."
    return [(step([blocker], edits, says, place=table.vpc_id),)]


def symmetric(case: Case, blocker: Blocker) -> Sequence[Option]:
    """Both ways through one endpoint: by appliance mode of an attachment, else by a route of the internet gateway."""
    pinned = transits.appliance_mode(case, blocker)
    return [(pinned,)] if pinned is not None else _redirected(case, blocker)


def _redirected(case: Case, blocker: Blocker) -> Sequence[Option]:
    """What comes in by the internet gateway for the subnet, through the endpoint that its requests go out by."""
    endpoint_id = next((name for name in blocker.resource_ids if name.startswith("vpce-")), None)
    gateways = [p.id for p in case.walk.passages if p.leg == "forward" and p.kind == "internet-gateway"]
    table = case.account.edge_table_of(gateways[-1]) if gateways else None
    if endpoint_id is None or table is None:
        raise NoFix(
            f"{blocker.summary} Both ways of a connection have to lead through one endpoint: which routes to change is "
            "a decision about the whole network."
        )
    blocks = []
    for box in blocker.packets:
        for subnet in case.account.all_subnets():
            own = [network for network in subnet.networks if network.version == box.version]
            inside = [n for n in own if span(n)[0] <= box.destination[0] and box.destination[1] <= span(n)[1]]
            if subnet.vpc_id == table.vpc_id and inside:
                blocks.append((str(inside[0]), subnet.subnet_id))
    if not blocks:
        raise NoFix(f"{blocker.summary} The subnet that the reply is for is not known.")
    found = dict(blocks)
    edits = [put_route(case, table, block, endpoint_id) for block in found]
    names = " and ".join(f"{block} ({called(case.account, subnet_id)})" for block, subnet_id in found.items())
    where = f"{called(case.account, table.route_table_id)}, the table of {gateways[-1]},"
    says = f"Add to {where} a route to {names} by {endpoint_id}."
    warn = "All that comes in from the internet for the subnet goes through the firewall then."
    return [(step([blocker], edits, says, warn, place=table.vpc_id),)]
