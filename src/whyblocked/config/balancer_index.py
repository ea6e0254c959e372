"""Load balancers, listeners and rules, indexed by what they are looked up by."""

from __future__ import annotations

from collections import defaultdict

from whyblocked.config import resources as r


class BalancerIndex:
    """What the account has of load balancing; the first of several with one id stays.

    ``nodes`` are interfaces of load balancers that no list of interfaces shows: they have an id of ours.
    """

    def __init__(self) -> None:
        self.by_id: dict[str, r.Balancer] = {}
        self.by_name: dict[str, dict[str, r.Balancer]] = defaultdict(dict)
        self.by_host: dict[str, dict[str, r.Balancer]] = defaultdict(dict)
        self.listeners: dict[str, dict[str, r.Listener]] = defaultdict(dict)  # by load balancer
        self.rules: dict[str, dict[str, r.ListenerRule]] = defaultdict(dict)  # by listener
        self.target_groups: dict[str, r.TargetGroup] = {}
        self.groups_of: dict[str, dict[str, r.TargetGroup]] = defaultdict(dict)  # by load balancer
        self.interfaces: dict[str, dict[str, r.NetworkInterface]] = defaultdict(dict)  # by description
        self.nodes: dict[str, r.NetworkInterface] = {}

    def add_balancer(self, balancer: r.Balancer) -> None:
        """Index a load balancer of either generation."""
        if self.by_id.setdefault(balancer.id, balancer) is balancer:
            self.by_name[balancer.name][balancer.id] = balancer
            if balancer.dns_name:
                self.by_host[balancer.dns_name.lower().rstrip(".")][balancer.id] = balancer

    def add_listener(self, listener: r.Listener) -> None:
        """Index a listener by its load balancer; those of other services name none."""
        if listener.load_balancer_arn and listener.listener_arn:
            self.listeners[listener.load_balancer_arn].setdefault(listener.listener_arn, listener)

    def add_rule(self, rule: r.ListenerRule) -> None:
        """Index a rule by its listener; those of other services have none."""
        if rule.listener_arn and rule.rule_arn:
            self.rules[rule.listener_arn].setdefault(rule.rule_arn, rule)

    def add_target_group(self, group: r.TargetGroup) -> None:
        """Index a target group, by its load balancers as well."""
        if self.target_groups.setdefault(group.target_group_arn, group) is group:
            for arn in group.load_balancer_arns:
                self.groups_of[arn][group.target_group_arn] = group

    def add_interface(self, interface: r.NetworkInterface) -> None:
        """Index an interface of a load balancer by the description that Elastic Load Balancing gives it."""
        if interface.description and interface.description.startswith("ELB "):
            self.interfaces[interface.description][interface.network_interface_id] = interface
