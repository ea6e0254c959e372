"""What a Network Firewall policy does with packets: stateless rules by priority, then the stateful engine.

https://docs.aws.amazon.com/network-firewall/latest/developerguide/firewall-policy-processing.html
https://docs.aws.amazon.com/network-firewall/latest/developerguide/suricata-rule-evaluation-order.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import msgspec

from whyblocked.config import resources as r
from whyblocked.config.account import Account, Missing
from whyblocked.config.endpoints import firewall_policy, rule_group
from whyblocked.network.packets import (
    ALL_PORTS,
    ALL_PROTOCOLS,
    EVERYWHERE,
    TCP,
    UDP,
    Interval,
    Packets,
    intersect,
    span,
    subtract_all,
)
from whyblocked.network.resolving import validation
from whyblocked.network.suricata import (
    FirewallRule,
    Header,
    Unresolved,
    Way,
    addresses,
    compiled,
    opens_only,
    parse,
)

_STATELESS = {"aws:pass": "pass", "aws:drop": "drop", "aws:forward_to_sfe": "forward"}
_NOT_SHOWN = "its rules do not show"
_IN_ORDER = {"pass": 0, "either": 1, "drop": 2, "reject": 3}
_OPENING, _ANSWERING = frozenset({"SYN"}), frozenset({"SYN", "ACK"})


class Engine(msgspec.Struct, frozen=True):
    """A firewall's policy made ready for packets of one IP version, as it treats requests or replies."""

    stateless: tuple[FirewallRule, ...]
    stateless_default: str
    stateful: tuple[FirewallRule, ...]
    stateful_default: str
    default_action: str = ""  # the stateful default as AWS names it
    missing: tuple[Missing, ...] = ()


class Outcome(msgspec.Struct, frozen=True):
    """What becomes of packets: ``action``, or ``unknown`` where it hangs on ``rule`` for the reason that it gives."""

    packets: Packets
    action: Literal["pass", "drop", "forward", "unknown"]
    rule: FirewallRule | None = None
    explicit: bool = False


# -- deciding -------------------------------------------------------------------------------------------------------


def decide(rules: Iterable[FirewallRule], packets: Packets, default: str) -> list[Outcome]:
    """Split ``packets`` by the first rule that surely decides each part; doubts before it may undo the decision."""
    outcomes: list[Outcome] = []
    rest: list[tuple[Packets, tuple[FirewallRule, ...]]] = [(packets, ())]
    for rule in rules:
        ahead: list[tuple[Packets, tuple[FirewallRule, ...]]] = []
        for box, doubts in rest:
            if not rule.sure and any(doubt.action == rule.action for doubt in doubts):
                ahead.append((box, doubts))  # one doubt of a kind is enough
                continue
            found = _apart([common for own in rule.boxes if (common := intersect(box, own))])
            if rule.sure:
                outcomes += [_settled(common, rule.action, rule, doubts) for common in found]
            else:
                ahead += [(common, (*doubts, rule)) for common in found]
            ahead += [(part, doubts) for part in subtract_all([box], found)]
        rest = ahead
        if not rest:
            break
    return outcomes + [_settled(box, default, None, doubts) for box, doubts in rest]


def _apart(boxes: Sequence[Packets]) -> list[Packets]:
    """The same packets in boxes that do not overlap."""
    found: list[Packets] = []
    for box in boxes:
        found += subtract_all([box], found)
    return found


def _settled(box: Packets, action: str, rule: FirewallRule | None, doubts: tuple[FirewallRule, ...]) -> Outcome:
    kind = "drop" if action == "reject" else action
    doubt = next((d for d in doubts if ("drop" if d.action == "reject" else d.action) != kind), None)
    if doubt is not None:
        return Outcome(box, "unknown", doubt)
    if kind not in ("pass", "drop", "forward"):
        return Outcome(box, "unknown", rule)
    return Outcome(box, kind, rule, explicit=rule is not None)  # type: ignore[arg-type]


# -- making ready ---------------------------------------------------------------------------------------------------


def engine_of(account: Account, firewall: r.Firewall, version: int, *, reply: bool) -> Engine | Missing:
    """The policy of a firewall over packets of one IP version."""
    policy = firewall_policy(account, firewall.firewall_policy_arn)
    if isinstance(policy, Missing):
        return policy
    missing: list[Missing] = []
    stateless = [
        rule
        for reference in sorted(policy.stateless_rule_group_references, key=lambda ref: ref.priority)
        for rule in _stateless_rules(account, reference, version, missing, reply=reply)
    ]
    options = policy.stateful_engine_options or r.EngineOptions()
    references = policy.stateful_rule_group_references
    # Only a strict order has default actions; that they are there tells the order where it is not written.
    order = options.rule_order or ("strict_order" if policy.stateful_default_actions else "")
    strict = order.lower() == "strict_order"
    ordered = sorted(references, key=lambda ref: ref.priority) if strict else references
    drops = [action for action in policy.stateful_default_actions if strict and action.startswith("aws:drop")]
    way: Way = "reply" if reply else "request"
    stateful = [
        rule
        for reference in ordered
        for rule in _stateful_rules(account, firewall, policy, reference, version, missing)
        if rule.way in ("both", way)
    ]
    if "aws:drop_strict" in drops:  # what only looks at data lets no connection be opened
        stateful = [rule for rule in stateful if not (rule.payload and rule.action == "pass")]
    if not strict:
        stateful.sort(key=lambda rule: _IN_ORDER.get(rule.action, 4))
    if not reply:
        stateful = [*validation(account, firewall, policy, version, missing), *stateful]
    defaults = [_STATELESS[action] for action in policy.stateless_default_actions if action in _STATELESS]
    return Engine(
        stateless=tuple(stateless),
        stateless_default=defaults[0] if defaults else "forward",
        stateful=tuple(stateful),
        stateful_default="drop" if drops else "pass",
        default_action=drops[0] if drops else "",
        missing=tuple(missing),
    )


def _unread(reference: r.RuleGroupReference, version: int, why: str) -> FirewallRule:
    """What stands for a rule group whose rules are not known."""
    everything = Packets(version, EVERYWHERE[version], EVERYWHERE[version])
    name = reference.resource_arn.rpartition("/")[2]
    return FirewallRule(
        action="either",
        boxes=(everything,),
        sure=False,
        why=why,
        group=name,
        group_arn=reference.resource_arn,
        label="all rules",
    )


def _stateless_rules(
    account: Account, reference: r.RuleGroupReference, version: int, missing: list[Missing], *, reply: bool
) -> Iterator[FirewallRule]:
    group = rule_group(account, reference.resource_arn)
    if isinstance(group, Missing):
        missing.append(group)
        yield _unread(reference, version, str(group))
        return
    source = group.rules_source.stateless_rules_and_custom_actions if group.rules_source else None
    if source is None:
        yield _unread(reference, version, _NOT_SHOWN)
    flags = _ANSWERING if reply else _OPENING
    for rule in sorted(source.stateless_rules if source else (), key=lambda one: one.priority):
        yield _stateless_rule(group, rule, version, flags)


def _stateless_rule(group: r.RuleGroup, rule: r.StatelessRule, version: int, flags: frozenset[str]) -> FirewallRule:
    match = rule.rule_definition.match_attributes
    action = next((_STATELESS[a] for a in rule.rule_definition.actions if a in _STATELESS), "either")
    with_ports = match.source_ports or match.destination_ports
    protocols: list[Interval] = [(number, number) for number in match.protocols]
    protocols = protocols or ([(TCP, TCP), (UDP, UDP)] if with_ports else [ALL_PROTOCOLS])
    if match.tcp_flags:
        protocols = [(TCP, TCP)] if ALL_PROTOCOLS in protocols or (TCP, TCP) in protocols else []
    opening = not match.tcp_flags or any(_has_flags(one, flags) for one in match.tcp_flags)
    from_ports, to_ports = (
        [(one.from_port, one.to_port) for one in listed] or [ALL_PORTS]
        for listed in (match.source_ports, match.destination_ports)
    )
    sources = _blocks([one.address_definition for one in match.sources], version)
    destinations = _blocks([one.address_definition for one in match.destinations], version)
    boxes = tuple(
        Packets(version, source, destination, protocol, *pair)
        for protocol in protocols
        for source in sources
        for destination in destinations
        for pair in ((a, b) for a in from_ports for b in to_ports)
    )
    # Of a connection's packets the one that opens it decides: dropped, there is no connection.
    sure = not match.tcp_flags or (opening and action == "drop")
    return FirewallRule(
        action=action,
        boxes=boxes,
        sure=sure,
        why="" if sure else "it matches packets with certain TCP flags only",
        group=group.rule_group_name,
        group_arn=group.rule_group_arn,
        label=f"stateless rule {rule.priority}",
        details=(("priority", rule.priority),),
    )


def _has_flags(field: r.TcpFlags, flags: frozenset[str]) -> bool:
    looked_at = flags & frozenset(field.masks) if field.masks else flags
    return looked_at == frozenset(field.flags)


def _blocks(texts: Sequence[str], version: int) -> list[Interval]:
    """The blocks of one IP version; without any, everything."""
    if not texts or any(text.lower() == "any" for text in texts):
        return [EVERYWHERE[version]]
    return [span(network) for text in texts if (network := r.block(text)).version == version]


def _stateful_rules(
    account: Account,
    firewall: r.Firewall,
    policy: r.FirewallPolicy,
    reference: r.RuleGroupReference,
    version: int,
    missing: list[Missing],
) -> Iterator[FirewallRule]:
    alert_only = reference.override is not None and (reference.override.action or "").lower() == "drop_to_alert"
    if ":aws-managed:" in reference.resource_arn:
        if alert_only:
            return
        yield _unread(reference, version, "AWS manages its rules and does not show them")
        return
    group = rule_group(account, reference.resource_arn)
    if isinstance(group, Missing):
        missing.append(group)
        yield _unread(reference, version, str(group))
        return
    variables = _Variables(account, firewall, policy, group, version, missing)
    origin: dict[str, Any] = {"group": group.rule_group_name, "group_arn": group.rule_group_arn}
    source = group.rules_source or r.RulesSource()
    if source == r.RulesSource():
        yield _unread(reference, version, _NOT_SHOWN)
    headers: list[Header | str] = [*parse(source.rules_string or ""), *map(_header, source.stateful_rules)]
    for header in headers:
        if isinstance(header, str):
            yield _not_understood(header, version, origin)
        elif header.action in ("pass", "drop", "reject", "rejectsrc", "rejectdst", "rejectboth"):
            if opens_only(header) or (alert_only and header.action != "pass"):
                continue
            rule = compiled(header, version, variables, origin)
            if rule is not None:
                yield rule
    if source.rules_source_list is not None and not alert_only:
        yield from _domain_rules(source.rules_source_list, version, variables, origin)


def _not_understood(text: str, version: int, origin: dict[str, Any]) -> FirewallRule:
    everything = Packets(version, EVERYWHERE[version], EVERYWHERE[version])
    shown = text if len(text) <= 60 else f"{text[:60]}..."
    why = "it is not understood"
    return FirewallRule(action="either", boxes=(everything,), sure=False, why=why, label=f"rule '{shown}'", **origin)


def _header(rule: r.StatefulRule) -> Header:
    """A rule in parts, as the text would have it."""
    head = rule.header
    return Header(
        rule.action.lower(),
        head.protocol.lower(),
        head.source,
        head.source_port,
        head.direction.upper() == "ANY",
        head.destination,
        head.destination_port,
        tuple((option.keyword.lower(), ",".join(option.settings).strip('"')) for option in rule.rule_options),
    )


def _domain_rules(
    listed: r.DomainList, version: int, variables: _Variables, origin: dict[str, Any]
) -> Iterator[FirewallRule]:
    """A domain list looks at names in TLS and HTTP: what it does with a connection the header does not tell.

    One that looks at what Route 53 Resolver answered needs no data, and knows no protocol.
    """
    if listed.generated_rules_type == "ALERTLIST":
        return
    action = {"DENYLIST": "drop", "REJECTLIST": "reject"}.get(listed.generated_rules_type, "either")
    try:
        home, outside = addresses("$HOME_NET", version, variables), addresses("$EXTERNAL_NET", version, variables)
    except Unresolved:
        home = outside = [EVERYWHERE[version]]
    names = ", ".join(listed.targets[:3]) + (", ..." if len(listed.targets) > 3 else "")
    yield FirewallRule(
        action=action,
        boxes=tuple(
            Packets(version, a, b, ALL_PROTOCOLS if listed.by_address else (TCP, TCP)) for a in home for b in outside
        ),
        sure=False,
        why=f"it looks at the domain name ({names})",
        way="request",
        payload=not listed.by_address,
        label=f"domain list ({listed.generated_rules_type.lower() or 'of a kind that does not show'})",
        **origin,
    )


class _Variables:
    """What ``$NAME`` and ``@NAME`` stand for in a rule group.

    ``HOME_NET`` is the group's own, else the policy's, else the blocks of the firewall's VPC; ``EXTERNAL_NET`` is all
    that is not in it.
    """

    def __init__(
        self,
        account: Account,
        firewall: r.Firewall,
        policy: r.FirewallPolicy,
        group: r.RuleGroup,
        version: int,
        missing: list[Missing],
    ) -> None:
        self._account, self._firewall, self._version, self._missing = account, firewall, version, missing
        own = group.rule_variables or r.RuleVariables()
        shared = policy.policy_variables.rule_variables if policy.policy_variables else {}
        self._own = {name: found.definition for name, found in {**own.ip_sets, **own.port_sets}.items()}
        self._shared = {name: found.definition for name, found in shared.items()}
        self._references = group.reference_sets.ip_set_references if group.reference_sets else {}

    def __call__(self, name: str) -> Sequence[str]:
        key = name[1:]
        if name.startswith("@"):
            return self._reference(key)
        if key in self._own:
            return self._own[key]
        if key in self._shared:
            return self._shared[key]
        if name == "$HOME_NET":
            return self._home()
        if name == "$EXTERNAL_NET":
            if any(f"${own}" == "$HOME_NET" for own in self._own):
                raise Unresolved("its rule group defines $HOME_NET and not $EXTERNAL_NET")
            return ("!$HOME_NET",)
        raise Unresolved(f"{name} is not defined")

    def _home(self) -> Sequence[str]:
        vpc = self._account.vpc(self._firewall.vpc_id or "")
        if isinstance(vpc, Missing):
            self._missing.append(vpc)
            raise Unresolved(vpc)
        return [str(network) for network in vpc.networks]

    def _reference(self, key: str) -> Sequence[str]:
        reference = self._references.get(key)
        list_id = reference.reference_arn.rpartition("/")[2] if reference else ""
        if not list_id.startswith("pl-"):
            raise Unresolved(f"@{key} is not a prefix list that can be read")
        blocks = self._account.prefix_list(list_id)
        if isinstance(blocks, Missing):
            self._missing.append(blocks)
            raise Unresolved(blocks)
        return blocks
