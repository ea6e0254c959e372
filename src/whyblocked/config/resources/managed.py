"""What services run on interfaces of their own: databases, caches, brokers, file systems, functions, tasks.

Shapes: the API References of RDS, ElastiCache, Redshift, OpenSearch, EFS, MSK, Lambda and ECS.
"""

from msgspec import field

from whyblocked.config.resources.base import Resource


class HostPort(Resource, frozen=True):
    """An endpoint: the DNS name and port that clients use."""

    address: str | None = None
    port: int | None = None


class Named(Resource, frozen=True):
    """Something that only has a name, such as an Availability Zone."""

    name: str | None = None


class SubnetInGroup(Resource, frozen=True):
    """A subnet of a subnet group, with its Availability Zone."""

    subnet_identifier: str
    subnet_availability_zone: Named | None = None


class VpcGroup(Resource, frozen=True):
    """A security group as RDS and Redshift show it."""

    vpc_security_group_id: str


class CacheGroup(Resource, frozen=True):
    """A security group as ElastiCache shows it."""

    security_group_id: str


class DBSubnetGroup(Resource, frozen=True):
    """The subnets that a database may have its interface in."""

    db_subnet_group_name: str | None = field(name="DBSubnetGroupName", default=None)
    vpc_id: str | None = None
    subnets: tuple[SubnetInGroup, ...] = ()


class DBInstance(Resource, frozen=True):
    """A database instance of RDS, Aurora, Neptune or DocumentDB."""

    db_instance_identifier: str = field(name="DBInstanceIdentifier")
    db_instance_arn: str | None = field(name="DBInstanceArn", default=None)
    db_cluster_identifier: str | None = field(name="DBClusterIdentifier", default=None)
    endpoint: HostPort | None = None
    vpc_security_groups: tuple[VpcGroup, ...] = ()
    db_subnet_group: DBSubnetGroup | None = field(name="DBSubnetGroup", default=None)
    availability_zone: str | None = None
    publicly_accessible: bool = False
    network_type: str | None = None


class DBClusterMember(Resource, frozen=True):
    """An instance of a cluster; one of them writes."""

    db_instance_identifier: str = field(name="DBInstanceIdentifier")
    is_cluster_writer: bool = False


class DBCluster(Resource, frozen=True):
    """A database cluster with its endpoints."""

    db_cluster_identifier: str = field(name="DBClusterIdentifier")
    db_cluster_arn: str | None = field(name="DBClusterArn", default=None)
    db_subnet_group: str | None = field(name="DBSubnetGroup", default=None)
    db_cluster_members: tuple[DBClusterMember, ...] = field(name="DBClusterMembers", default=())
    endpoint: str | None = None
    reader_endpoint: str | None = None
    custom_endpoints: tuple[str, ...] = ()
    port: int | None = None
    vpc_security_groups: tuple[VpcGroup, ...] = ()
    publicly_accessible: bool = False
    network_type: str | None = None


class DBProxy(Resource, frozen=True):
    """An RDS Proxy."""

    db_proxy_name: str = field(name="DBProxyName")
    db_proxy_arn: str | None = field(name="DBProxyArn", default=None)
    vpc_id: str | None = None
    vpc_security_group_ids: tuple[str, ...] = ()
    vpc_subnet_ids: tuple[str, ...] = ()
    endpoint: str | None = None


class CacheNode(Resource, frozen=True):
    """A node of a cache cluster."""

    endpoint: HostPort | None = None
    customer_availability_zone: str | None = None


class CacheCluster(Resource, frozen=True):
    """A cache cluster: a Memcached cluster, or one node of a replication group."""

    cache_cluster_id: str
    arn: str | None = field(name="ARN", default=None)
    configuration_endpoint: HostPort | None = None
    preferred_availability_zone: str | None = None
    cache_subnet_group_name: str | None = None
    cache_nodes: tuple[CacheNode, ...] = ()
    security_groups: tuple[CacheGroup, ...] = ()
    replication_group_id: str | None = None


class NodeGroupMember(Resource, frozen=True):
    """A node of a shard."""

    cache_cluster_id: str | None = None
    read_endpoint: HostPort | None = None
    current_role: str | None = None


class NodeGroup(Resource, frozen=True):
    """A shard of a replication group."""

    primary_endpoint: HostPort | None = None
    reader_endpoint: HostPort | None = None
    node_group_members: tuple[NodeGroupMember, ...] = ()


class ReplicationGroup(Resource, frozen=True):
    """A Valkey or Redis OSS replication group."""

    replication_group_id: str
    arn: str | None = field(name="ARN", default=None)
    member_clusters: tuple[str, ...] = ()
    node_groups: tuple[NodeGroup, ...] = ()
    configuration_endpoint: HostPort | None = None


class CacheSubnetGroup(Resource, frozen=True):
    """The subnets that cache nodes may have their interfaces in."""

    cache_subnet_group_name: str
    vpc_id: str | None = None
    subnets: tuple[SubnetInGroup, ...] = ()


class ServerlessCache(Resource, frozen=True):
    """A serverless cache."""

    serverless_cache_name: str
    arn: str | None = field(name="ARN", default=None)
    endpoint: HostPort | None = None
    reader_endpoint: HostPort | None = None
    security_group_ids: tuple[str, ...] = ()
    subnet_ids: tuple[str, ...] = ()


class ClusterNode(Resource, frozen=True):
    """A node of a Redshift cluster."""

    node_role: str | None = None
    private_ip_address: str | None = field(name="PrivateIPAddress", default=None)


class RedshiftCluster(Resource, frozen=True):
    """A Redshift cluster; its endpoint is the leader node."""

    cluster_identifier: str
    cluster_namespace_arn: str | None = None
    cluster_nodes: tuple[ClusterNode, ...] = ()
    cluster_subnet_group_name: str | None = None
    endpoint: HostPort | None = None
    vpc_id: str | None = None
    vpc_security_groups: tuple[VpcGroup, ...] = ()
    availability_zone: str | None = None
    publicly_accessible: bool = False


class ClusterSubnetGroup(Resource, frozen=True):
    """The subnets that a Redshift cluster may have its interfaces in."""

    cluster_subnet_group_name: str
    vpc_id: str | None = None
    subnets: tuple[SubnetInGroup, ...] = ()


class DomainVpc(Resource, frozen=True):
    """Where an OpenSearch domain has its interfaces."""

    vpc_id: str | None = field(name="VPCId", default=None)
    subnet_ids: tuple[str, ...] = ()
    security_group_ids: tuple[str, ...] = ()


class Domain(Resource, frozen=True):
    """An OpenSearch (or Elasticsearch) domain."""

    domain_name: str
    arn: str | None = field(name="ARN", default=None)
    endpoint: str | None = None
    endpoint_v2: str | None = field(name="EndpointV2", default=None)
    endpoints: dict[str, str] = field(default_factory=dict)
    vpc_options: DomainVpc | None = field(name="VPCOptions", default=None)


class DomainInfo(Resource, frozen=True):
    """An OpenSearch domain as a list names it."""

    domain_name: str


class FileSystem(Resource, frozen=True):
    """A file system of EFS."""

    file_system_id: str
    file_system_arn: str | None = None
    name: str | None = None


class MountTarget(Resource, frozen=True):
    """The interface of a file system in a subnet."""

    mount_target_id: str
    file_system_id: str
    network_interface_id: str | None = None
    ip_address: str | None = None
    subnet_id: str | None = None
    vpc_id: str | None = None
    availability_zone_name: str | None = None


class BrokerNodes(Resource, frozen=True):
    """Where the brokers of an MSK cluster have their interfaces."""

    client_subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()


class ProvisionedKafka(Resource, frozen=True):
    """The provisioned kind of an MSK cluster."""

    broker_node_group_info: BrokerNodes | None = None


class KafkaVpc(Resource, frozen=True):
    """Where a serverless MSK cluster is reached."""

    subnet_ids: tuple[str, ...] = ()
    security_group_ids: tuple[str, ...] = ()


class ServerlessKafka(Resource, frozen=True):
    """The serverless kind of an MSK cluster."""

    vpc_configs: tuple[KafkaVpc, ...] = ()


class KafkaCluster(Resource, frozen=True):
    """An MSK cluster, as ``ListClustersV2`` or, flat, the older ``ListClusters`` shows it."""

    cluster_name: str
    cluster_arn: str | None = None
    provisioned: ProvisionedKafka | None = None
    serverless: ServerlessKafka | None = None
    broker_node_group_info: BrokerNodes | None = None


class BrokerNode(Resource, frozen=True):
    """A broker with its interface in the client's VPC."""

    attached_eni_id: str | None = field(name="AttachedENIId", default=None)
    client_subnet: str | None = None
    client_vpc_ip_address: str | None = None
    endpoints: tuple[str, ...] = ()


class KafkaNode(Resource, frozen=True):
    """A node of an MSK cluster."""

    node_arn: str | None = field(name="NodeARN", default=None)
    broker_node_info: BrokerNode | None = None


class FunctionVpc(Resource, frozen=True):
    """Where a function sends from."""

    subnet_ids: tuple[str, ...] = ()
    security_group_ids: tuple[str, ...] = ()
    vpc_id: str | None = None
    ipv6_allowed_for_dual_stack: bool = False


class Function(Resource, frozen=True):
    """A Lambda function."""

    function_name: str
    function_arn: str | None = None
    vpc_config: FunctionVpc | None = None


class EcsResource(Resource, frozen=True, rename="camel"):
    """Base of what ECS shows: its JSON begins with small letters."""


class AttachmentDetail(EcsResource, frozen=True):
    """One fact about an attachment, such as ``networkInterfaceId``."""

    name: str = ""
    value: str = ""


class TaskAttachment(EcsResource, frozen=True):
    """What is attached to a task: with awsvpc its network interface."""

    type: str | None = None
    details: tuple[AttachmentDetail, ...] = ()


class PortBinding(EcsResource, frozen=True):
    """A port of a container, and the port of the host that leads to it."""

    container_port: int | None = None
    host_port: int | None = None


class TaskContainer(EcsResource, frozen=True):
    """A container of a task."""

    name: str | None = None
    network_bindings: tuple[PortBinding, ...] = ()


class Task(EcsResource, frozen=True):
    """A task: its own interface with awsvpc, else the host's."""

    task_arn: str
    cluster_arn: str | None = None
    group: str | None = None
    container_instance_arn: str | None = None
    attachments: tuple[TaskAttachment, ...] = ()
    containers: tuple[TaskContainer, ...] = ()
    last_status: str | None = None


class AwsvpcConfiguration(EcsResource, frozen=True):
    """Where the tasks of a service have their interfaces."""

    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    assign_public_ip: str | None = None


class NetworkConfiguration(EcsResource, frozen=True):
    """The network of a service's tasks."""

    awsvpc_configuration: AwsvpcConfiguration | None = None


class EcsService(EcsResource, frozen=True):
    """A service of ECS."""

    service_name: str
    service_arn: str | None = None
    cluster_arn: str | None = None
    network_configuration: NetworkConfiguration | None = None


class ContainerInstance(EcsResource, frozen=True):
    """An instance that tasks run on."""

    container_instance_arn: str
    ec2_instance_id: str | None = None


class ClusterArns(EcsResource, frozen=True):
    """The clusters of an account."""

    cluster_arns: tuple[str, ...] = ()


class TaskArns(EcsResource, frozen=True):
    """The tasks of a service."""

    task_arns: tuple[str, ...] = ()


MANAGED: tuple[type[Resource], ...] = (
    DBInstance,
    DBCluster,
    DBProxy,
    DBSubnetGroup,
    CacheCluster,
    ReplicationGroup,
    CacheSubnetGroup,
    ServerlessCache,
    RedshiftCluster,
    ClusterSubnetGroup,
    Domain,
    FileSystem,
    MountTarget,
    KafkaCluster,
    KafkaNode,
    Function,
    Task,
    EcsService,
    ContainerInstance,
    ClusterArns,
)
"""What is found by the name of a service's resource."""
