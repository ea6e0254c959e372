"""AWS Network Firewall: firewalls, their policies and rule groups.

The answers about one of them are two objects, what it is called and what it holds; here they are one.
https://docs.aws.amazon.com/network-firewall/latest/APIReference/Welcome.html
"""

import msgspec

from whyblocked.config.resources.base import Resource, block


class FirewallAttachment(Resource, frozen=True):
    """A firewall's endpoint in one zone."""

    subnet_id: str | None = None
    endpoint_id: str | None = None
    status: str | None = None


class SyncState(Resource, frozen=True):
    """What a firewall has in one zone."""

    attachment: FirewallAttachment | None = None


class Firewall(Resource, frozen=True):
    """A firewall with its status."""

    firewall_arn: str
    firewall_policy_arn: str
    firewall_name: str = ""
    vpc_id: str | None = None
    sync_states: dict[str, SyncState] = msgspec.field(default_factory=dict)

    @property
    def endpoint_ids(self) -> tuple[str, ...]:
        """Its endpoints, one a zone."""
        attached = (state.attachment for state in self.sync_states.values())
        return tuple(one.endpoint_id for one in attached if one and one.endpoint_id)


class ListedFirewall(Resource, frozen=True):
    """A firewall as ``list-firewalls`` names it."""

    firewall_arn: str
    firewall_name: str = ""


class AddressSet(Resource, frozen=True):
    """Blocks, or ports, that a variable stands for."""

    definition: tuple[str, ...] = ()


class RuleVariables(Resource, frozen=True):
    """The variables of a rule group."""

    ip_sets: dict[str, AddressSet] = msgspec.field(name="IPSets", default_factory=dict)
    port_sets: dict[str, AddressSet] = msgspec.field(default_factory=dict)


class PolicyVariables(Resource, frozen=True):
    """The variables of a policy: ``HOME_NET`` for all of its rule groups."""

    rule_variables: dict[str, AddressSet] = msgspec.field(default_factory=dict)


class RuleGroupOverride(Resource, frozen=True):
    """What a policy makes of a rule group's actions."""

    action: str | None = None


class RuleGroupReference(Resource, frozen=True):
    """A rule group in a policy; the lowest priority comes first."""

    resource_arn: str
    priority: int = 0
    override: RuleGroupOverride | None = None


class EngineOptions(Resource, frozen=True):
    """How the stateful engine orders rules."""

    rule_order: str | None = None


class AddressDefinition(Resource, frozen=True):
    """A block of addresses, or ``ANY``."""

    address_definition: str


class ResolvedAddresses(Resource, frozen=True):
    """What a policy does with connections to addresses that no answer of Route 53 Resolver gave.

    Without sources those of the firewall's VPC are meant; an empty list of them means nobody.
    """

    action: str
    dns_firewall_rule_group_id: str = msgspec.field(name="DNSFirewallRuleGroupId", default="")
    source_ranges: tuple[AddressDefinition, ...] | None = msgspec.field(name="SourceIPRanges", default=None)
    bypassed_ranges: tuple[AddressDefinition, ...] = msgspec.field(
        name="BypassDestinationValidationIPRanges", default=()
    )

    def __post_init__(self) -> None:
        for one in (*(self.source_ranges or ()), *self.bypassed_ranges):
            block(one.address_definition)


class FirewallPolicy(Resource, frozen=True):
    """A policy: which rule groups in which order, and what happens to what none of them decides."""

    firewall_policy_arn: str
    stateless_default_actions: tuple[str, ...]
    firewall_policy_name: str = ""
    stateless_rule_group_references: tuple[RuleGroupReference, ...] = ()
    stateful_rule_group_references: tuple[RuleGroupReference, ...] = ()
    stateful_default_actions: tuple[str, ...] = ()
    stateful_engine_options: EngineOptions | None = None
    policy_variables: PolicyVariables | None = None
    resolved_addresses: ResolvedAddresses | None = msgspec.field(name="Route53ResolvedIPValidation", default=None)


class FirewallPorts(Resource, frozen=True):
    """A range of ports of a stateless rule, inclusive."""

    from_port: int = 0
    to_port: int = 65535


class TcpFlags(Resource, frozen=True):
    """The flags that a packet must have set among those that are looked at."""

    flags: tuple[str, ...] = ()
    masks: tuple[str, ...] = ()


class MatchAttributes(Resource, frozen=True):
    """What a stateless rule matches; what is empty matches anything."""

    sources: tuple[AddressDefinition, ...] = ()
    destinations: tuple[AddressDefinition, ...] = ()
    source_ports: tuple[FirewallPorts, ...] = ()
    destination_ports: tuple[FirewallPorts, ...] = ()
    protocols: tuple[int, ...] = ()
    tcp_flags: tuple[TcpFlags, ...] = msgspec.field(name="TCPFlags", default=())


class RuleDefinition(Resource, frozen=True):
    """A stateless rule's match and actions."""

    match_attributes: MatchAttributes
    actions: tuple[str, ...] = ()


class StatelessRule(Resource, frozen=True):
    """A stateless rule with its place in the group."""

    rule_definition: RuleDefinition
    priority: int = 0


class StatelessRules(Resource, frozen=True):
    """The rules of a stateless group."""

    stateless_rules: tuple[StatelessRule, ...] = ()


class RuleHeader(Resource, frozen=True):
    """Protocol, addresses and ports of a stateful rule, each a text as Suricata writes it."""

    protocol: str = "IP"
    source: str = "ANY"
    source_port: str = "ANY"
    direction: str = "FORWARD"
    destination: str = "ANY"
    destination_port: str = "ANY"


class RuleOption(Resource, frozen=True):
    """A keyword of a stateful rule with its settings."""

    keyword: str
    settings: tuple[str, ...] = ()


class StatefulRule(Resource, frozen=True):
    """A stateful rule in parts."""

    action: str
    header: RuleHeader
    rule_options: tuple[RuleOption, ...] = ()


class DomainList(Resource, frozen=True):
    """A list of domain names: rules that look into TLS and HTTP."""

    targets: tuple[str, ...] = ()
    target_types: tuple[str, ...] = ()
    generated_rules_type: str = ""

    @property
    def by_address(self) -> bool:
        """Whether it looks at the addresses that Route 53 Resolver gave for its names, too."""
        return "AWS_ROUTE_53_RESOLVED_DOMAIN" in self.target_types


class RulesSource(Resource, frozen=True):
    """The rules of a group, in one of four forms."""

    rules_string: str | None = None
    rules_source_list: DomainList | None = None
    stateful_rules: tuple[StatefulRule, ...] = ()
    stateless_rules_and_custom_actions: StatelessRules | None = None


class SetReference(Resource, frozen=True):
    """Where the blocks of a reference set stand: a prefix list's ARN."""

    reference_arn: str = ""


class ReferenceSets(Resource, frozen=True):
    """The sets of blocks that a group refers to, by name."""

    ip_set_references: dict[str, SetReference] = msgspec.field(name="IPSetReferences", default_factory=dict)


class RuleGroup(Resource, frozen=True):
    """A rule group."""

    rule_group_arn: str
    rule_group_name: str = ""
    type: str = ""
    rules_source: RulesSource | None = None
    rule_variables: RuleVariables | None = None
    reference_sets: ReferenceSets | None = None
