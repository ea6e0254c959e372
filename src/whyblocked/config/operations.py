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
    """

    operation: str
    id: str
    parameter: str
    name: str
    wrapper: str = ""


class Operation(NamedTuple):
    """One read call.

    ``key`` is the top-level key of its response and ``type`` what stands under it; None where the response is only
    saved so far. ``beside`` is the key of a second object in the response that belongs to the first: the two are
    decoded as one. ``filters`` is the parameter that takes filters (none: a list without), ``always`` are parameters
    that no call goes without.
    ``optional``: an endpoint or capture that does not know it lacks a feature, not information. ``single``: the key
    holds one object, not a list.
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

    @property
    def permission(self) -> str:
        """The IAM action that allows the call."""
        return f"{_IAM_PREFIX.get(self.service, self.service)}:{self.name}"

    @property
    def file_name(self) -> str:
        """The call as the AWS CLI spells it: ``describe-route-tables``, ``describe-db-instances``."""
        words = re.sub(r"([a-z0-9])([A-Z])", r"\1-\2", self.name)
        return re.sub(r"([A-Z])([A-Z][a-z])", r"\1-\2", words).lower()


_IAM_PREFIX = {"elbv2": "elasticloadbalancing"}

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

_EACH_TRANSIT_TABLE = Each("DescribeTransitGatewayRouteTables", *["TransitGatewayRouteTableId"] * 3)
_EACH_TARGET_GROUP = Each("DescribeTargetGroups", "TargetGroupArn", "TargetGroupArn", "TargetGroupName")

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
    Operation("DescribeLoadBalancers", "LoadBalancers", service="elbv2"),
    Operation(
        "DescribeListeners",
        "Listeners",
        service="elbv2",
        each=Each("DescribeLoadBalancers", "LoadBalancerArn", "LoadBalancerArn", "LoadBalancerName"),
    ),
    Operation("DescribeTargetGroups", "TargetGroups", service="elbv2"),
    Operation(
        "DescribeTargetHealth",
        "TargetHealthDescriptions",
        service="elbv2",
        each=_EACH_TARGET_GROUP,
    ),
    Operation(
        "DescribeTargetGroupAttributes",
        "Attributes",
        service="elbv2",
        each=_EACH_TARGET_GROUP,
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
