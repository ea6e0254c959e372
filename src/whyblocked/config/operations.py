"""The read calls that whyblocked makes, each stated once: what it is called, what comes back, how it is filtered.

The live source, ``snapshot save``, the snapshot's document and the IAM policy are all built from this table.
Names and shapes: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from whyblocked.config import resources as r


def cli_words(name: str) -> str:
    """A name of the API's as the AWS CLI spells it."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1-\2", name)
    return re.sub(r"([A-Z])([A-Z][a-z])", r"\1-\2", words).lower()


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

    ``key`` is the top-level key of its response and ``kind`` the name of what stands under it; empty where the response
    is only saved so far. ``beside`` is the key of a second object in the response that belongs to the first: the two
    are decoded as one. ``filters`` is the parameter that takes filters (none: a list without), ``always`` are
    parameters that no call goes without.
    ``optional``: an endpoint or capture that does not know it lacks a feature, not information. ``single``: the key
    holds one object, not a list. ``direct``: what is no filter but a parameter of the call itself (``id``; ``ids[]``
    for a list; ``cluster,ids[]`` for several, whose values stand in this order, commas between them). ``parameters``:
    the same, where the plural ones take a list. ``whole``: the answer is the object itself, and ``key`` is a field
    that it is known by. ``listed``: it lists everything without being told of what, so that a snapshot can hold it.
    ``call`` is what the API calls it where another service has a call of that name.
    """

    name: str
    key: str
    kind: str = ""
    service: str = "ec2"
    filters: str = "Filters"
    optional: bool = False
    single: bool = False
    each: Each | None = None
    beside: str = ""
    always: tuple[tuple[str, Any], ...] = ()
    direct: tuple[str, ...] = ()
    whole: bool = False
    listed: bool = True
    call: str = ""
    parameters: tuple[str, ...] = ()

    @property
    def type(self) -> Any:
        """What stands under the key, a kind of resource: loaded here, as most calls are never made. None where it is
        only saved."""
        return getattr(r, self.kind) if self.kind else None

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
        return cli_words(self.name)


_IAM_PREFIX = {
    "elbv2": "elasticloadbalancing",
    "elb": "elasticloadbalancing",
    "efs": "elasticfilesystem",
    "opensearch": "es",
}

STATIC_ROUTES = "TransitGatewayStaticRoutes"  # of Batfish's puller: the static ones only
_EACH_TRANSIT_TABLE = Each(
    "DescribeTransitGatewayRouteTables",
    "TransitGatewayRouteTableId",
    "TransitGatewayRouteTableId",
    "TransitGatewayRouteTableId",
)
_EACH_BALANCER = Each("DescribeLoadBalancers", "LoadBalancerArn", "LoadBalancerArn", "LoadBalancerName")
_EACH_TARGET_GROUP = Each("DescribeTargetGroups", "TargetGroupArn", "TargetGroupArn", "TargetGroupName")

_READ = (
    Operation("DescribeVpcs", "Vpcs", "Vpc"),
    Operation("DescribeSubnets", "Subnets", "Subnet"),
    Operation("DescribeRouteTables", "RouteTables", "RouteTable"),
    Operation("DescribeNetworkAcls", "NetworkAcls", "NetworkAcl", parameters=("NetworkAclIds",)),
    Operation("DescribeSecurityGroups", "SecurityGroups", "SecurityGroup"),
    Operation("DescribeSecurityGroupRules", "SecurityGroupRules", "SecurityGroupRule", optional=True),
    Operation(
        "DescribeSecurityGroupVpcAssociations",
        "SecurityGroupVpcAssociations",
        "SecurityGroupVpcAssociation",
        optional=True,
    ),
    Operation("DescribeNetworkInterfaces", "NetworkInterfaces", "NetworkInterface"),
    Operation("DescribeInstances", "Reservations", "Reservation"),
    Operation("DescribeInternetGateways", "InternetGateways", "InternetGateway"),
    Operation("DescribeEgressOnlyInternetGateways", "EgressOnlyInternetGateways", "EgressOnlyInternetGateway"),
    Operation("DescribeNatGateways", "NatGateways", "NatGateway", filters="Filter"),
    Operation("DescribeVpcPeeringConnections", "VpcPeeringConnections", "VpcPeeringConnection"),
    Operation("DescribeManagedPrefixLists", "PrefixLists", "PrefixList"),
    Operation(
        "GetManagedPrefixListEntries",
        "Entries",
        "PrefixListEntry",
        each=Each("DescribeManagedPrefixLists", "PrefixListId", "PrefixListId", "PrefixListId"),
    ),
    Operation(
        "DescribeVpcBlockPublicAccessOptions",
        "VpcBlockPublicAccessOptions",
        "PublicAccessOptions",
        optional=True,
        single=True,
    ),
    Operation(
        "DescribeVpcBlockPublicAccessExclusions",
        "VpcBlockPublicAccessExclusions",
        "PublicAccessExclusion",
        optional=True,
    ),
    Operation("DescribeAddresses", "Addresses", "Address"),
    Operation("DescribeFlowLogs", "FlowLogs", "FlowLog", filters="Filter"),
    Operation("DescribeVpnGateways", "VpnGateways", "VpnGateway"),
    Operation("DescribeVpnConnections", "VpnConnections", "VpnConnection"),
    Operation(
        "DescribeVirtualInterfaces", "virtualInterfaces", "VirtualInterface", service="directconnect", filters=""
    ),
    Operation(
        "DescribeDirectConnectGatewayAssociations",
        "directConnectGatewayAssociations",
        "DirectConnectAssociation",
        service="directconnect",
        each=Each("DescribeVpnGateways", "VpnGatewayId", "virtualGatewayId", "VpnGatewayId"),
    ),
    Operation("DescribeCarrierGateways", "CarrierGateways", "CarrierGateway", optional=True),
    Operation("DescribeVpcEncryptionControls", "VpcEncryptionControls", "EncryptionControl", optional=True),
    Operation("DescribeTransitGateways", "TransitGateways", "TransitGateway"),
    Operation("DescribeTransitGatewayAttachments", "TransitGatewayAttachments", "TransitGatewayAttachment"),
    Operation("DescribeTransitGatewayVpcAttachments", "TransitGatewayVpcAttachments", "TransitGatewayVpcAttachment"),
    Operation(
        "DescribeTransitGatewayPeeringAttachments",
        "TransitGatewayPeeringAttachments",
        "TransitGatewayPeeringAttachment",
    ),
    Operation(
        "DescribeTransitGatewayRouteTables",
        "TransitGatewayRouteTables",
        "TransitGatewayRouteTable",
        parameters=("TransitGatewayRouteTableIds",),
    ),
    Operation(
        "SearchTransitGatewayRoutes",
        "Routes",
        "TransitGatewayRoute",
        each=_EACH_TRANSIT_TABLE._replace(wrapper=STATIC_ROUTES),
        always=(("Filters", [{"Name": "state", "Values": ["active", "blackhole"]}]),),
    ),
    Operation(
        "GetTransitGatewayRouteTablePropagations",
        "TransitGatewayRouteTablePropagations",
        "TransitGatewayPropagation",
        each=_EACH_TRANSIT_TABLE._replace(wrapper="TransitGatewayPropagations"),
    ),
    Operation(
        "GetTransitGatewayRouteTableAssociations",
        "Associations",
        "TransitGatewayTableAssociation",
        each=_EACH_TRANSIT_TABLE,
    ),
    Operation(
        "GetTransitGatewayPrefixListReferences",
        "TransitGatewayPrefixListReferences",
        "TransitGatewayPrefixListReference",
        each=_EACH_TRANSIT_TABLE,
    ),
    Operation(
        "DescribeLoadBalancers",
        "LoadBalancers",
        "LoadBalancer",
        service="elbv2",
        parameters=("Names", "LoadBalancerArns"),
    ),
    Operation(
        "DescribeListeners",
        "Listeners",
        "Listener",
        service="elbv2",
        each=_EACH_BALANCER._replace(wrapper="LoadBalancerListeners", named=True),
    ),
    Operation(
        "DescribeRules",
        "Rules",
        "ListenerRule",
        service="elbv2",
        each=Each("DescribeListeners", "ListenerArn", "ListenerArn", "ListenerArn", named=True),
    ),
    Operation(
        "DescribeTargetGroups",
        "TargetGroups",
        "TargetGroup",
        service="elbv2",
        parameters=("LoadBalancerArn", "TargetGroupArns"),
    ),
    Operation(
        "DescribeTargetHealth",
        "TargetHealthDescriptions",
        "TargetHealthDescription",
        service="elbv2",
        each=_EACH_TARGET_GROUP._replace(wrapper="LoadBalancerTargetHealth"),
    ),
    Operation(
        "DescribeTargetGroupAttributes",
        "Attributes",
        "Attribute",
        service="elbv2",
        each=_EACH_TARGET_GROUP,
    ),
    Operation(
        "DescribeLoadBalancerAttributes",
        "Attributes",
        "Attribute",
        service="elbv2",
        each=_EACH_BALANCER._replace(wrapper="LoadBalancerAttributes"),
    ),
    Operation(
        "DescribeClassicLoadBalancers",
        "LoadBalancerDescriptions",
        "ClassicLoadBalancer",
        service="elb",
        call="DescribeLoadBalancers",
        parameters=("LoadBalancerNames",),
    ),
    Operation(
        "DescribeClassicLoadBalancerAttributes",
        "LoadBalancerAttributes",
        "ClassicAttributes",
        service="elb",
        call="DescribeLoadBalancerAttributes",
        single=True,
        each=Each("DescribeClassicLoadBalancers", "LoadBalancerName", "LoadBalancerName", "LoadBalancerName"),
    ),
    Operation("DescribeVpcEndpoints", "VpcEndpoints", "VpcEndpoint"),
    Operation("ListFirewalls", "Firewalls", "ListedFirewall", service="network-firewall", filters=""),
    Operation(
        "DescribeFirewall",
        "Firewall",
        "Firewall",
        service="network-firewall",
        single=True,
        each=Each("ListFirewalls", "FirewallArn", "FirewallArn", "FirewallName"),
        beside="FirewallStatus",
    ),
    Operation(
        "DescribeFirewallPolicy",
        "FirewallPolicyResponse",
        "FirewallPolicy",
        service="network-firewall",
        single=True,
        each=Each("ListFirewallPolicies", "Arn", "FirewallPolicyArn", "Name"),
        beside="FirewallPolicy",
    ),
    Operation(
        "DescribeRuleGroup",
        "RuleGroupResponse",
        "RuleGroup",
        service="network-firewall",
        single=True,
        each=Each("ListRuleGroups", "Arn", "RuleGroupArn", "Name"),
        beside="RuleGroup",
    ),
)
"""What a question is answered from."""

_MANAGED = (
    Operation(
        "DescribeDBInstances",
        "DBInstances",
        "DBInstance",
        service="rds",
        optional=True,
        direct=("DBInstanceIdentifier",),
    ),
    Operation(
        "DescribeDBClusters", "DBClusters", "DBCluster", service="rds", optional=True, direct=("DBClusterIdentifier",)
    ),
    Operation("DescribeDBProxies", "DBProxies", "DBProxy", service="rds", optional=True, direct=("DBProxyName",)),
    Operation(
        "DescribeDBSubnetGroups",
        "DBSubnetGroups",
        "DBSubnetGroup",
        service="rds",
        optional=True,
        direct=("DBSubnetGroupName",),
    ),
    Operation(
        "DescribeCacheClusters",
        "CacheClusters",
        "CacheCluster",
        service="elasticache",
        optional=True,
        always=(("ShowCacheNodeInfo", True),),
        direct=("CacheClusterId",),
    ),
    Operation(
        "DescribeReplicationGroups",
        "ReplicationGroups",
        "ReplicationGroup",
        service="elasticache",
        optional=True,
        direct=("ReplicationGroupId",),
    ),
    Operation(
        "DescribeServerlessCaches",
        "ServerlessCaches",
        "ServerlessCache",
        service="elasticache",
        optional=True,
        direct=("ServerlessCacheName",),
    ),
    Operation(
        "DescribeCacheSubnetGroups",
        "CacheSubnetGroups",
        "CacheSubnetGroup",
        service="elasticache",
        optional=True,
        direct=("CacheSubnetGroupName",),
    ),
    Operation(
        "DescribeClusters",
        "Clusters",
        "RedshiftCluster",
        service="redshift",
        optional=True,
        direct=("ClusterIdentifier",),
    ),
    Operation(
        "DescribeClusterSubnetGroups",
        "ClusterSubnetGroups",
        "ClusterSubnetGroup",
        service="redshift",
        optional=True,
        direct=("ClusterSubnetGroupName",),
    ),
    Operation("ListDomainNames", "DomainNames", "DomainInfo", service="opensearch", optional=True),
    Operation(
        "DescribeDomains",
        "DomainStatusList",
        "Domain",
        service="opensearch",
        optional=True,
        each=Each("ListDomainNames", "DomainName", "DomainNames[]", "DomainName"),
    ),
    Operation(
        "DescribeFileSystems", "FileSystems", "FileSystem", service="efs", optional=True, direct=("FileSystemId",)
    ),
    Operation(
        "DescribeMountTargets",
        "MountTargets",
        "MountTarget",
        service="efs",
        optional=True,
        each=Each("DescribeFileSystems", "FileSystemId", "FileSystemId", "FileSystemId"),
        direct=("MountTargetId",),
    ),
    Operation(
        "ListClustersV2",
        "ClusterInfoList",
        "KafkaCluster",
        service="kafka",
        optional=True,
        direct=("ClusterNameFilter",),
    ),
    Operation(
        "ListNodes",
        "NodeInfoList",
        "KafkaNode",
        service="kafka",
        optional=True,
        each=Each("ListClustersV2", "ClusterArn", "ClusterArn", "ClusterName"),
    ),
    Operation("ListFunctions", "Functions", "Function", service="lambda", optional=True),
    Operation(
        "GetFunctionConfiguration",
        "FunctionArn",
        "Function",
        service="lambda",
        optional=True,
        direct=("FunctionName",),
        whole=True,
        listed=False,
    ),
    Operation("ListClusters", "clusterArns", "ClusterArns", service="ecs", optional=True, whole=True),
    Operation(
        "ListTasks",
        "taskArns",
        "TaskArns",
        service="ecs",
        optional=True,
        direct=("cluster,serviceName",),
        whole=True,
        listed=False,
    ),
    Operation(
        "DescribeTasks", "tasks", "Task", service="ecs", optional=True, direct=("cluster,tasks[]",), listed=False
    ),
    Operation(
        "DescribeServices",
        "services",
        "EcsService",
        service="ecs",
        optional=True,
        direct=("cluster,services[]",),
        listed=False,
    ),
    Operation(
        "DescribeContainerInstances",
        "containerInstances",
        "ContainerInstance",
        service="ecs",
        optional=True,
        direct=("cluster,containerInstances[]",),
        listed=False,
    ),
)
"""What finds the interfaces of a service's resource by its name: asked for only where a name may be one."""

IN_CLUSTERS = (
    Operation("ListServices", "serviceArns", service="ecs", optional=True, listed=False),
    Operation("ListContainerInstances", "containerInstanceArns", service="ecs", optional=True, listed=False),
)
"""What tells which services and hosts a cluster of ECS has, for a snapshot of them."""

_SAVED = (
    Operation("ListFirewallPolicies", "FirewallPolicies", service="network-firewall"),
    Operation("ListRuleGroups", "RuleGroups", service="network-firewall"),
)
"""What a snapshot keeps beyond that, for the hops that a later version knows."""


ALWAYS_ALLOWED = "sts:GetCallerIdentity"
ELSEWHERE = "ec2:DescribeRegions"
TRAIL = "cloudtrail:LookupEvents"  # what changed: never needed for a verdict
ASSUMING = "sts:AssumeRole"  # with --role-arn, in the accounts that a path leads to

_DECODED = (*_READ, *_MANAGED)
READ = {operation.name: operation for operation in _DECODED}
MANAGED = frozenset(operation.name for operation in _MANAGED)
SAVED = tuple(operation for operation in (*_DECODED, *_SAVED) if operation.listed)
BY_KEY = {
    **{operation.key: operation for operation in reversed(_DECODED)},
    "ManagedPrefixLists": READ["DescribeManagedPrefixLists"],
    "DomainStatus": READ["DescribeDomains"]._replace(key="DomainStatus", single=True, each=None),  # DescribeDomain's
}
WRAPPERS = {operation.each.wrapper: operation for operation in _DECODED if operation.each and operation.each.wrapper}


def permission_of(name: str) -> str:
    """The IAM action that allows the read call with this name."""
    return READ[name].permission if name in READ else f"ec2:{name}"
