"""The read calls that whyblocked makes, each stated once: what it is called, what comes back, how it is filtered.

The live source, ``snapshot save``, the snapshot's document and the IAM policy are all built from this table.
Names and shapes: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

from typing import NamedTuple

from whyblocked.config import resources as r


class Each(NamedTuple):
    """A call that has to be made once for every resource that another call lists."""

    operation: str
    id: str
    parameter: str
    plural: bool = False
    name: str = ""  # what its file is named after, where that isn't the id


class Operation(NamedTuple):
    """One read call.

    ``key`` is the top-level key of its response and ``type`` what stands under it; None where the response is only
    saved so far. ``optional``: an endpoint or capture that does not know it lacks a feature, not information.
    """

    name: str
    key: str
    type: type[r.Resource] | None = None
    service: str = "ec2"
    filters: str = "Filters"
    optional: bool = False
    single: bool = False
    each: Each | None = None

    @property
    def permission(self) -> str:
        """The IAM action that allows the call."""
        return f"{_IAM_PREFIX.get(self.service, self.service)}:{self.name}"


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
        each=Each("DescribeManagedPrefixLists", "PrefixListId", "PrefixListId"),
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
)
"""What a question is answered from."""

_SAVED = (
    Operation("DescribeAddresses", "Addresses"),
    Operation("DescribeVpnGateways", "VpnGateways"),
    Operation("DescribeVpcEndpoints", "VpcEndpoints"),
    Operation("DescribeTransitGateways", "TransitGateways"),
    Operation("DescribeTransitGatewayAttachments", "TransitGatewayAttachments"),
    Operation("DescribeTransitGatewayVpcAttachments", "TransitGatewayVpcAttachments"),
    Operation("DescribeTransitGatewayRouteTables", "TransitGatewayRouteTables"),
    Operation(
        "GetTransitGatewayRouteTablePropagations",
        "TransitGatewayRouteTablePropagations",
        each=Each("DescribeTransitGatewayRouteTables", "TransitGatewayRouteTableId", "TransitGatewayRouteTableId"),
    ),
    Operation(
        "SearchTransitGatewayRoutes",
        "Routes",
        each=Each("DescribeTransitGatewayRouteTables", "TransitGatewayRouteTableId", "TransitGatewayRouteTableId"),
    ),
    Operation("DescribeLoadBalancers", "LoadBalancers", service="elbv2"),
    Operation(
        "DescribeListeners",
        "Listeners",
        service="elbv2",
        each=Each("DescribeLoadBalancers", "LoadBalancerArn", "LoadBalancerArn", name="LoadBalancerName"),
    ),
    Operation("DescribeTargetGroups", "TargetGroups", service="elbv2"),
    Operation(
        "DescribeTargetHealth",
        "TargetHealthDescriptions",
        service="elbv2",
        each=Each("DescribeTargetGroups", "TargetGroupArn", "TargetGroupArn", name="TargetGroupName"),
    ),
    Operation(
        "DescribeTargetGroupAttributes",
        "Attributes",
        service="elbv2",
        each=Each("DescribeTargetGroups", "TargetGroupArn", "TargetGroupArn", name="TargetGroupName"),
    ),
    Operation("DescribeDBInstances", "DBInstances", service="rds"),
)
"""What a snapshot keeps beyond that, for the hops that a later version knows."""

READ = {operation.name: operation for operation in _READ}
SAVED = (*_READ, *_SAVED)
BY_KEY = {
    **{operation.key: operation for operation in _READ},
    "ManagedPrefixLists": READ["DescribeManagedPrefixLists"],
}
