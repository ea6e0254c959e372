"""Load balancers of both generations, with what stands between them and their targets.

Shapes: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Operations.html
https://docs.aws.amazon.com/elasticloadbalancing/2012-06-01/APIReference/API_Operations.html (Classic)
"""

import msgspec

from whyblocked.config.resources.base import Resource, State


class BalancerAddress(Resource, frozen=True):
    """The addresses of a load balancer in one zone, where it has fixed ones."""

    ip_address: str | None = None
    private_ipv4_address: str | None = msgspec.field(name="PrivateIPv4Address", default=None)
    ipv6_address: str | None = msgspec.field(name="IPv6Address", default=None)


class BalancerZone(Resource, frozen=True):
    """An Availability Zone that is enabled for a load balancer, with the subnet of its node there."""

    zone_name: str | None = None
    subnet_id: str | None = None
    load_balancer_addresses: tuple[BalancerAddress, ...] = ()


class LoadBalancer(Resource, frozen=True):
    """An Application, Network or Gateway Load Balancer."""

    load_balancer_arn: str
    load_balancer_name: str
    dns_name: str | None = msgspec.field(name="DNSName", default=None)
    scheme: str | None = None
    vpc_id: str | None = None
    state: State | None = None
    type: str = "application"
    availability_zones: tuple[BalancerZone, ...] = ()
    security_groups: tuple[str, ...] = ()
    ip_address_type: str | None = None

    @property
    def id(self) -> str:
        """Its ARN."""
        return self.load_balancer_arn

    @property
    def name(self) -> str:
        """Its name, unique in the account and Region."""
        return self.load_balancer_name

    @property
    def kind(self) -> str:
        """``application``, ``network`` or ``gateway``."""
        return self.type

    @property
    def internal(self) -> bool:
        """Whether its name stands for private addresses; Gateway Load Balancers have no public ones either."""
        return self.scheme == "internal" or self.type == "gateway"

    @property
    def subnet_ids(self) -> tuple[str, ...]:
        """The subnets that its nodes are in."""
        return tuple(zone.subnet_id for zone in self.availability_zones if zone.subnet_id)

    @property
    def zones(self) -> frozenset[str]:
        """The names of the zones that are enabled."""
        return frozenset(zone.zone_name for zone in self.availability_zones if zone.zone_name)


class ClassicListener(Resource, frozen=True):
    """Which port a Classic Load Balancer listens on, and which port of the instances it goes on to."""

    protocol: str = "TCP"
    load_balancer_port: int = 0
    instance_protocol: str | None = None
    instance_port: int = 0


class ClassicListenerDescription(Resource, frozen=True):
    """A listener with its policies, which do not matter here."""

    listener: ClassicListener


class ClassicInstance(Resource, frozen=True):
    """An instance that is registered with a Classic Load Balancer."""

    instance_id: str


class ClassicLoadBalancer(Resource, frozen=True):
    """A Classic Load Balancer; its name is its id."""

    load_balancer_name: str
    dns_name: str | None = msgspec.field(name="DNSName", default=None)
    scheme: str | None = None
    vpc_id: str | None = msgspec.field(name="VPCId", default=None)
    subnets: tuple[str, ...] = ()
    availability_zones: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    instances: tuple[ClassicInstance, ...] = ()
    listener_descriptions: tuple[ClassicListenerDescription, ...] = ()

    @property
    def id(self) -> str:
        """Its name: it has no ARN that AWS would show."""
        return self.load_balancer_name

    @property
    def name(self) -> str:
        """Its name."""
        return self.load_balancer_name

    @property
    def kind(self) -> str:
        """``classic``."""
        return "classic"

    @property
    def internal(self) -> bool:
        """Whether its name stands for private addresses."""
        return self.scheme == "internal"

    @property
    def subnet_ids(self) -> tuple[str, ...]:
        """The subnets that its nodes are in."""
        return self.subnets

    @property
    def zones(self) -> frozenset[str]:
        """The names of the zones that are enabled."""
        return frozenset(self.availability_zones)


Balancer = LoadBalancer | ClassicLoadBalancer


class CrossZone(Resource, frozen=True):
    """Whether the nodes of a Classic Load Balancer reach the instances of other zones."""

    enabled: bool = False


class ClassicAttributes(Resource, frozen=True):
    """What was set on a Classic Load Balancer."""

    cross_zone_load_balancing: CrossZone | None = None


class WeightedTargetGroup(Resource, frozen=True):
    """One of the target groups of an action, and its share."""

    target_group_arn: str | None = None
    weight: int | None = None


class ForwardConfig(Resource, frozen=True):
    """The target groups of an action."""

    target_groups: tuple[WeightedTargetGroup, ...] = ()


class Action(Resource, frozen=True):
    """What a listener does with a request: ``forward``, ``redirect``, ``fixed-response``, or ask who it is."""

    type: str = ""
    target_group_arn: str | None = None
    forward_config: ForwardConfig | None = None

    @property
    def shares(self) -> dict[str, int]:
        """The target groups that it forwards to, each with its weight."""
        shares = {self.target_group_arn: 1} if self.target_group_arn else {}
        for group in self.forward_config.target_groups if self.forward_config else ():
            if group.target_group_arn:
                shares[group.target_group_arn] = 1 if group.weight is None else group.weight
        return shares


class Listener(Resource, frozen=True):
    """A port and protocol that a load balancer listens on; other services have listeners, too."""

    listener_arn: str | None = None
    load_balancer_arn: str | None = None
    port: int | None = None
    protocol: str | None = None
    default_actions: tuple[Action, ...] = ()


class ConditionValues(Resource, frozen=True):
    """What a condition compares with."""

    values: tuple[str, ...] = ()


class Condition(Resource, frozen=True):
    """A condition of a rule: on ``host-header``, ``path-pattern``, ``source-ip``, ..."""

    field: str | None = None
    values: tuple[str, ...] = ()
    host_header_config: ConditionValues | None = None
    path_pattern_config: ConditionValues | None = None
    http_request_method_config: ConditionValues | None = None
    source_ip_config: ConditionValues | None = None

    @property
    def compared(self) -> tuple[str, ...]:
        """The values that it compares with, where they are plain texts."""
        configs = [self.host_header_config, self.path_pattern_config]
        configs += [self.http_request_method_config, self.source_ip_config]
        return self.values or next((config.values for config in configs if config and config.values), ())


class ListenerRule(Resource, frozen=True):
    """A rule of a listener: the first whose conditions hold decides; other services have rules, too."""

    rule_arn: str | None = None
    priority: str | None = None
    conditions: tuple[Condition, ...] = ()
    actions: tuple[Action, ...] = ()
    is_default: bool = False

    @property
    def listener_arn(self) -> str | None:
        """The listener's ARN, which the rule's own holds; None for the rules of other services."""
        parts = (self.rule_arn or "").split(":listener-rule/")
        return f"{parts[0]}:listener/{parts[1].rpartition('/')[0]}" if len(parts) == 2 else None


class TargetGroup(Resource, frozen=True):
    """Where a listener forwards to."""

    target_group_arn: str
    target_group_name: str
    protocol: str | None = None
    port: int | None = None
    vpc_id: str | None = None
    target_type: str = "instance"
    ip_address_type: str | None = None
    load_balancer_arns: tuple[str, ...] = ()


class Target(Resource, frozen=True):
    """A registered instance, address, function or load balancer, and its port."""

    id: str
    port: int | None = None
    availability_zone: str | None = None


class TargetHealth(Resource, frozen=True):
    """What health checks say of a target."""

    state: str | None = None
    reason: str | None = None
    description: str | None = None


class TargetHealthDescription(Resource, frozen=True):
    """A registered target with its health."""

    target: Target
    target_health: TargetHealth | None = None


class Attribute(Resource, frozen=True):
    """One setting of a load balancer or target group."""

    key: str = ""
    value: str | None = None
