"""The read calls that whyblocked makes, each stated once: what it is called, what comes back, how it is filtered.

The live source, ``snapshot save``, the snapshot's document and the IAM policy are all built from this table.
Names and shapes: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from whyblocked.config import resources as r


class Each(NamedTuple):
    """A call that has to be made once for every resource that another call lists; its answer does not name it.

    ``id`` is the key of the resource that goes into ``parameter``; ``name`` the one that its file is named after.
    ``wrapper`` is the top-level key under which Batfish's AWS puller keeps all answers, each with the id beside it.
    ``named``: each resource of the answer does name what it belongs to.
    """

    operation: str
    id: str
    parameter: str
    name: str
    wrapper: str = ""
    named: bool = False


class Operation(NamedTuple):
    """One read call.

    ``key`` is the top-level key of its response and ``type`` what stands under it; None where the response is only
    saved so far. ``beside`` is the key of a second object in the response that belongs to the first: the two are
    decoded as one. ``filters`` is the parameter that takes filters (none: a list without), ``always`` are parameters
    that no call goes without.
    ``optional``: an endpoint or capture that does not know it lacks a feature, not information. ``single``: the key
    holds one object, not a list. ``call`` is what the API calls it where another service has a call of that name,
    ``parameters`` are those that a query may give instead of a filter; the plural ones take a list.
    """

    name: str
    key: str
    type: type[r.Resource] | None = None
    service: str = "ec2"
    filters: str = "Filters"
    optional: bool = False
    single: bool = False
    each: Each | None = None
    beside: str = ""
    always: tuple[tuple[str, Any], ...] = ()
    call: str = ""
    parameters: tuple[str, ...] = ()

    @property
    def permission(self) -> str:
        """The IAM action that allows the call."""
        return f"{_IAM_PREFIX.get(self.service, self.service)}:{self.api_name}"

    @property
    def api_name(self) -> str:
        """What the service calls it."""
        return self.call or self.name

    @property
    def file_name(self) -> str:
        """The call as the AWS CLI spells it: ``describe-route-tables``, ``describe-db-instances``."""
        words = re.sub(r"([a-z0-9])([A-Z])", r"\1-\2", self.name)
        return re.sub(r"([A-Z])([A-Z][a-z])", r"\1-\2", words).lower()


_IAM_PREFIX = {"elbv2": "elasticloadbalancing", "elb": "elasticloadbalancing"}

_EACH_BALANCER = Each("DescribeLoadBalancers", "LoadBalancerArn", "LoadBalancerArn", "LoadBalancerName")
_EACH_TARGET_GROUP = Each("DescribeTargetGroups", "TargetGroupArn", "TargetGroupArn", "TargetGroupName")

_READ = (
    Operation("DescribeVpcs", "Vpcs", r.Vpc),
    Operation("DescribeSubnets", "Subnets", r.Subnet),
    Operation("DescribeRouteTables", "RouteTables", r.RouteTable),
    Operation("DescribeNetworkAcls", "NetworkAcls", r.NetworkAcl),
    Operation("DescribeSecurityGroups", "SecurityGroups", r.SecurityGroup),
    Operation("DescribeSecurityGroupRules", "SecurityGroupRules", r.SecurityGroupRule, optional=True),
    Operation("DescribeNetworkInterfaces", "NetworkInterfaces", r.NetworkInterface),
    Operation("DescribeInstances", "Reservations", r.Reservation),
    Operation("DescribeInternetGateways", "InternetGateways", r.InternetGateway),
    Operation("DescribeEgressOnlyInternetGateways", "EgressOnlyInternetGateways", r.EgressOnlyInternetGateway),
    Operation("DescribeNatGateways", "NatGateways", r.NatGateway, filters="Filter"),
    Operation("DescribeVpcPeeringConnections", "VpcPeeringConnections", r.VpcPeeringConnection),
    Operation("DescribeManagedPrefixLists", "PrefixLists", r.PrefixList),
    Operation(
        "GetManagedPrefixListEntries",
        "Entries",
        r.PrefixListEntry,
        each=Each("DescribeManagedPrefixLists", "PrefixListId", "PrefixListId", "PrefixListId"),
    ),
    Operation(
        "DescribeVpcBlockPublicAccessOptions",
        "VpcBlockPublicAccessOptions",
        r.PublicAccessOptions,
        optional=True,
        single=True,
    ),
    Operation(
        "DescribeVpcBlockPublicAccessExclusions",
        "VpcBlockPublicAccessExclusions",
        r.PublicAccessExclusion,
        optional=True,
    ),
    Operation("DescribeFlowLogs", "FlowLogs", r.FlowLog, filters="Filter"),
    Operation(
        "DescribeLoadBalancers",
        "LoadBalancers",
        r.LoadBalancer,
        service="elbv2",
        parameters=("Names", "LoadBalancerArns"),
    ),
    Operation(
        "DescribeListeners",
        "Listeners",
        r.Listener,
        service="elbv2",
        each=_EACH_BALANCER._replace(wrapper="LoadBalancerListeners", named=True),
    ),
    Operation(
        "DescribeRules",
        "Rules",
        r.ListenerRule,
        service="elbv2",
        each=Each("DescribeListeners", "ListenerArn", "ListenerArn", "ListenerArn", named=True),
    ),
    Operation(
        "DescribeTargetGroups",
        "TargetGroups",
        r.TargetGroup,
        service="elbv2",
        parameters=("LoadBalancerArn", "TargetGroupArns"),
    ),
    Operation(
        "DescribeTargetHealth",
        "TargetHealthDescriptions",
        r.TargetHealthDescription,
        service="elbv2",
        each=_EACH_TARGET_GROUP._replace(wrapper="LoadBalancerTargetHealth"),
    ),
    Operation(
        "DescribeTargetGroupAttributes",
        "Attributes",
        r.Attribute,
        service="elbv2",
        each=_EACH_TARGET_GROUP,
    ),
    Operation(
        "DescribeLoadBalancerAttributes",
        "Attributes",
        r.Attribute,
        service="elbv2",
        each=_EACH_BALANCER._replace(wrapper="LoadBalancerAttributes"),
    ),
    Operation(
        "DescribeClassicLoadBalancers",
        "LoadBalancerDescriptions",
        r.ClassicLoadBalancer,
        service="elb",
        call="DescribeLoadBalancers",
        parameters=("LoadBalancerNames",),
    ),
    Operation(
        "DescribeClassicLoadBalancerAttributes",
        "LoadBalancerAttributes",
        r.ClassicAttributes,
        service="elb",
        call="DescribeLoadBalancerAttributes",
        single=True,
        each=Each("DescribeClassicLoadBalancers", "LoadBalancerName", "LoadBalancerName", "LoadBalancerName"),
    ),
    Operation("DescribeVpcEndpoints", "VpcEndpoints", r.VpcEndpoint),
    Operation("ListFirewalls", "Firewalls", r.ListedFirewall, service="network-firewall", filters=""),
    Operation(
        "DescribeFirewall",
        "Firewall",
        r.Firewall,
        service="network-firewall",
        single=True,
        each=Each("ListFirewalls", "FirewallArn", "FirewallArn", "FirewallName"),
        beside="FirewallStatus",
    ),
    Operation(
        "DescribeFirewallPolicy",
        "FirewallPolicyResponse",
        r.FirewallPolicy,
        service="network-firewall",
        single=True,
        each=Each("ListFirewallPolicies", "Arn", "FirewallPolicyArn", "Name"),
        beside="FirewallPolicy",
    ),
    Operation(
        "DescribeRuleGroup",
        "RuleGroupResponse",
        r.RuleGroup,
        service="network-firewall",
        single=True,
        each=Each("ListRuleGroups", "Arn", "RuleGroupArn", "Name"),
        beside="RuleGroup",
    ),
)
"""What a question is answered from."""

_EACH_TRANSIT_TABLE = Each(
    "DescribeTransitGatewayRouteTables",
    "TransitGatewayRouteTableId",
    "TransitGatewayRouteTableId",
    "TransitGatewayRouteTableId",
)

_SAVED = (
    Operation("DescribeAddresses", "Addresses"),
    Operation("DescribeVpnGateways", "VpnGateways"),
    Operation("ListFirewallPolicies", "FirewallPolicies", service="network-firewall"),
    Operation("ListRuleGroups", "RuleGroups", service="network-firewall"),
    Operation("DescribeTransitGateways", "TransitGateways"),
    Operation("DescribeTransitGatewayAttachments", "TransitGatewayAttachments"),
    Operation("DescribeTransitGatewayVpcAttachments", "TransitGatewayVpcAttachments"),
    Operation("DescribeTransitGatewayRouteTables", "TransitGatewayRouteTables"),
    Operation(
        "GetTransitGatewayRouteTablePropagations",
        "TransitGatewayRouteTablePropagations",
        each=_EACH_TRANSIT_TABLE,
    ),
    Operation(
        "SearchTransitGatewayRoutes",
        "Routes",
        each=_EACH_TRANSIT_TABLE,
        always=(("Filters", [{"Name": "state", "Values": ["active", "blackhole"]}]),),
    ),
    Operation("DescribeDBInstances", "DBInstances", service="rds"),
)
"""What a snapshot keeps beyond that, for the hops that a later version knows."""


ALWAYS_ALLOWED = "sts:GetCallerIdentity"
ELSEWHERE = "ec2:DescribeRegions"

READ = {operation.name: operation for operation in _READ}
SAVED = (*_READ, *_SAVED)
BY_KEY = {
    **{operation.key: operation for operation in reversed(_READ)},
    "ManagedPrefixLists": READ["DescribeManagedPrefixLists"],
}
WRAPPERS = {operation.each.wrapper: operation for operation in _READ if operation.each and operation.each.wrapper}


def permission_of(name: str) -> str:
    """The IAM action that allows the read call with this name."""
    return READ[name].permission if name in READ else f"ec2:{name}"
