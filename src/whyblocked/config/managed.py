"""The resources of services in one form: how each is called, and where its network interfaces are.

How an interface tells whose it is stands in its description and requester, which services fill in by habit, not by
contract; the ids and addresses that a service's own API gives go first.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from whyblocked.config import resources as r
from whyblocked.config.account import Account

R = TypeVar("R", bound=r.Resource)


class Managed(NamedTuple):
    """A resource of a service.

    ``what`` says of which kind, ``name`` is how the answer calls it, ``aliases`` are its other names and ARNs and
    ``hosts`` its DNS names. Its interfaces are ``interface_ids``, or those that have ``addresses``, or those in
    ``subnets`` with just ``groups`` whose description fits ``described`` (in ``zone`` where it is in one), or those of
    ``instance_ids``, its hosts. ``parts`` names the resources that it consists of instead. ``sends``: it makes
    connections from each of its interfaces and accepts none. ``remark`` says why it can't be an end, ``notes`` are
    for the reader, ``lacks`` is what to ask for to know all this.
    """

    what: str
    name: str
    aliases: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    vpc_id: str | None = None
    subnets: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    zone: str | None = None
    interface_ids: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    instance_ids: tuple[str, ...] = ()
    described: str = ""
    parts: tuple[tuple[str, str], ...] = ()
    public: bool = False
    ipv6: bool = False
    sends: bool = False
    port: int | None = None
    remark: str = ""
    notes: tuple[str, ...] = ()
    lacks: tuple[tuple[str, str, str], ...] = ()


class Services:
    """The resources of services in an account, by what they are called."""

    def __init__(self, account: Account) -> None:
        self.version = account.version
        self.names: dict[str, list[Managed]] = defaultdict(list)
        self.hosts: dict[str, list[Managed]] = defaultdict(list)
        self.by_kind: dict[tuple[str, str], Managed] = {}
        for found in _all(account):
            self.by_kind.setdefault((found.what, found.name), found)
            for name in dict.fromkeys((found.name, *found.aliases)):
                self.names[name.lower()].append(found)
            for host in dict.fromkeys(host.lower() for host in found.hosts if host):
                self.hosts[host].append(found)

    def called(self, name: str) -> list[Managed]:
        """What has this name, ARN or DNS name; a DNS name means the endpoint, not all that the resource has."""
        text = name.lower().rstrip(".")
        return self.hosts.get(text) or self.names.get(text) or []


_known: WeakKeyDictionary[Account, Services] = WeakKeyDictionary()


def services(account: Account) -> Services:
    """The resources of services in ``account`` as it is now."""
    found = _known.get(account)
    if found is None or found.version != account.version:
        found = _known[account] = Services(account)
    return found


def _all(account: Account) -> Iterator[Managed]:
    for make in _MAKERS:
        yield from make(account)


def _of(account: Account, kind: type[R]) -> list[R]:
    return [one for one in account.managed.get(kind, {}).values() if isinstance(one, kind)]


def _texts(*values: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))


def _subnet_ids(subnets: Iterable[r.SubnetInGroup]) -> tuple[str, ...]:
    return tuple(subnet.subnet_identifier for subnet in subnets)


# -- RDS -------------------------------------------------------------------------------------------------------------

INSTANCE, CLUSTER = "RDS instance", "RDS cluster"
_RDS = r"RDSNetworkInterface"


def _databases(account: Account) -> Iterator[Managed]:
    for one in _of(account, r.DBInstance):
        group = one.db_subnet_group
        yield Managed(
            INSTANCE,
            one.db_instance_identifier,
            aliases=_texts(one.db_instance_arn),
            hosts=_texts(one.endpoint.address if one.endpoint else None),
            vpc_id=group.vpc_id if group else None,
            subnets=_subnet_ids(group.subnets) if group else (),
            groups=tuple(g.vpc_security_group_id for g in one.vpc_security_groups),
            zone=one.availability_zone,
            described=_RDS,
            public=one.publicly_accessible,
            ipv6=one.network_type == "DUAL",
            port=one.endpoint.port if one.endpoint else None,
        )


def _clusters(account: Account) -> Iterator[Managed]:
    """A cluster's endpoint is its writer, its reader endpoint the others (or the writer, where there are none)."""
    groups = {one.db_subnet_group_name: one for one in _of(account, r.DBSubnetGroup)}
    for one in _of(account, r.DBCluster):
        members = one.db_cluster_members
        writers = [m.db_instance_identifier for m in members if m.is_cluster_writer]
        readers = [m.db_instance_identifier for m in members if not m.is_cluster_writer]
        everyone = [m.db_instance_identifier for m in members]
        group = groups.get(one.db_subnet_group)
        base = Managed(
            CLUSTER,
            one.db_cluster_identifier,
            vpc_id=group.vpc_id if group else None,
            subnets=_subnet_ids(group.subnets) if group else (),
            groups=tuple(g.vpc_security_group_id for g in one.vpc_security_groups),
            described=_RDS,
            public=one.publicly_accessible,
            ipv6=one.network_type == "DUAL",
            port=one.port,
            lacks=(("DescribeDBInstances", "db-cluster-id", one.db_cluster_identifier),)
            if members
            else (("DescribeDBSubnetGroups", "DBSubnetGroupName", one.db_subnet_group or ""),),
        )
        ends = ((_texts(one.endpoint), writers or everyone), (_texts(one.reader_endpoint), readers or everyone))
        for number, (hosts, ids) in enumerate((*ends, (one.custom_endpoints, everyone))):
            named = _texts(one.db_cluster_arn) if not number else ()
            yield base._replace(
                name=one.db_cluster_identifier if not number else hosts[0] if hosts else "",
                aliases=named,
                hosts=hosts,
                parts=tuple((INSTANCE, name) for name in ids),
            )


def _proxies(account: Account) -> Iterator[Managed]:
    for one in _of(account, r.DBProxy):
        yield Managed(
            "RDS proxy",
            one.db_proxy_name,
            aliases=_texts(one.db_proxy_arn),
            hosts=_texts(one.endpoint),
            vpc_id=one.vpc_id,
            subnets=one.vpc_subnet_ids,
            groups=one.vpc_security_group_ids,
            described=r".*DBProxy.*",
        )


# -- ElastiCache -----------------------------------------------------------------------------------------------------

NODE = "ElastiCache cluster"


def _caches(account: Account) -> Iterator[Managed]:
    groups = {one.cache_subnet_group_name: one for one in _of(account, r.CacheSubnetGroup)}
    for one in _of(account, r.CacheCluster):
        group = groups.get(one.cache_subnet_group_name or "")
        endpoints = [node.endpoint for node in one.cache_nodes] + [one.configuration_endpoint]
        zones = {node.customer_availability_zone for node in one.cache_nodes} or {one.preferred_availability_zone}
        yield Managed(
            NODE,
            one.cache_cluster_id,
            aliases=_texts(one.arn),
            hosts=_texts(*(end.address for end in endpoints if end)),
            vpc_id=group.vpc_id if group else None,
            subnets=_subnet_ids(group.subnets) if group else (),
            groups=tuple(g.security_group_id for g in one.security_groups),
            zone=next(iter(zones)) if len(zones) == 1 else None,
            described=rf"ElastiCache[ +:]{re.escape(one.cache_cluster_id)}(?![\w-]).*",
            port=next((end.port for end in endpoints if end and end.port), None),
            lacks=(("DescribeCacheSubnetGroups", "CacheSubnetGroupName", one.cache_subnet_group_name or ""),),
        )


def _replication_groups(account: Account) -> Iterator[Managed]:
    for one in _of(account, r.ReplicationGroup):
        nodes = [member for shard in one.node_groups for member in shard.node_group_members]
        primaries = [n.cache_cluster_id for n in nodes if n.current_role == "primary" and n.cache_cluster_id]
        replicas = [n.cache_cluster_id for n in nodes if n.current_role == "replica" and n.cache_cluster_id]
        everyone = list(one.member_clusters)
        asks = tuple(("DescribeCacheClusters", "CacheClusterId", name) for name in one.member_clusters)
        all_ends = (one.configuration_endpoint, *(shard.primary_endpoint for shard in one.node_groups))
        ends: list[tuple[str, Iterable[r.HostPort | None], list[str]]] = [
            (one.replication_group_id, all_ends, primaries or everyone),
            ("", [shard.reader_endpoint for shard in one.node_groups], replicas or everyone),
        ]
        ends += [("", [node.read_endpoint], [node.cache_cluster_id]) for node in nodes if node.cache_cluster_id]
        for name, endpoints, members in ends:
            hosts = _texts(*(end.address for end in endpoints if end))
            if name or hosts:
                yield Managed(
                    "ElastiCache replication group",
                    name or hosts[0],
                    aliases=_texts(one.arn) if name else (),
                    hosts=hosts,
                    parts=tuple((NODE, member) for member in members),
                    port=next((end.port for end in endpoints if end and end.port), None),
                    lacks=asks,
                )


def _serverless_caches(account: Account) -> Iterator[Managed]:
    """Reached through a VPC endpoint of its own in each subnet."""
    for one in _of(account, r.ServerlessCache):
        ends = (one.endpoint, one.reader_endpoint)
        yield Managed(
            "ElastiCache serverless cache",
            one.serverless_cache_name,
            aliases=_texts(one.arn),
            hosts=_texts(*(end.address for end in ends if end)),
            subnets=one.subnet_ids,
            groups=one.security_group_ids,
            described=r"VPC Endpoint Interface vpce-.*|ElastiCache.*",
            port=next((end.port for end in ends if end and end.port), None),
        )


# -- Redshift, OpenSearch, EFS, MSK ----------------------------------------------------------------------------------


def _warehouses(account: Account) -> Iterator[Managed]:
    groups = {one.cluster_subnet_group_name: one for one in _of(account, r.ClusterSubnetGroup)}
    for one in _of(account, r.RedshiftCluster):
        group = groups.get(one.cluster_subnet_group_name or "")
        leaders = [node for node in one.cluster_nodes if (node.node_role or "").upper() in ("LEADER", "SHARED")]
        yield Managed(
            "Redshift cluster",
            one.cluster_identifier,
            aliases=_texts(one.cluster_namespace_arn),
            hosts=_texts(one.endpoint.address if one.endpoint else None),
            vpc_id=one.vpc_id,
            subnets=_subnet_ids(group.subnets) if group else (),
            groups=tuple(g.vpc_security_group_id for g in one.vpc_security_groups),
            zone=one.availability_zone,
            addresses=_texts(*(node.private_ip_address for node in leaders)),
            described=r"RedshiftNetworkInterface",
            public=one.publicly_accessible,
            port=one.endpoint.port if one.endpoint else None,
            lacks=(("DescribeClusterSubnetGroups", "ClusterSubnetGroupName", one.cluster_subnet_group_name or ""),),
        )


def _domains(account: Account) -> Iterator[Managed]:
    for one in _of(account, r.Domain):
        vpc = one.vpc_options
        in_vpc = vpc is not None and bool(vpc.subnet_ids)
        yield Managed(
            "OpenSearch domain",
            one.domain_name,
            aliases=_texts(one.arn),
            hosts=_texts(one.endpoint, one.endpoint_v2, *one.endpoints.values()),
            vpc_id=vpc.vpc_id if vpc else None,
            subnets=vpc.subnet_ids if vpc else (),
            groups=vpc.security_group_ids if vpc else (),
            described=rf"(ES|.*OpenSearch.*) {re.escape(one.domain_name)}",
            port=443,
            remark="" if in_vpc else "is public: it has no network interface in a VPC",
        )


def _file_systems(account: Account) -> Iterator[Managed]:
    names = {one.file_system_id: one for one in _of(account, r.FileSystem)}
    targets: dict[str, list[r.MountTarget]] = defaultdict(list)
    for target in _of(account, r.MountTarget):
        targets[target.file_system_id].append(target)
    for file_system_id in dict.fromkeys((*names, *targets)):
        system, own = names.get(file_system_id), targets.get(file_system_id, [])
        region = {account.region_of(target.vpc_id or "") for target in own} - {None}
        yield Managed(
            "EFS file system",
            file_system_id,
            aliases=_texts(system.file_system_arn, system.name) if system else (),
            hosts=tuple(f"{file_system_id}.efs.{name}.amazonaws.com" for name in region),
            interface_ids=_texts(*(target.network_interface_id for target in own)),
            addresses=_texts(*(target.ip_address for target in own if not target.network_interface_id)),
            vpc_id=next((target.vpc_id for target in own if target.vpc_id), None),
            port=2049,
            described=rf"EFS mount target for {re.escape(file_system_id)} .*",
            lacks=() if own else (("DescribeMountTargets", "FileSystemId", file_system_id),),
            remark="" if own else "has no mount target",
        )
        for target in own:
            yield Managed(
                "EFS mount target",
                target.mount_target_id,
                vpc_id=target.vpc_id,
                interface_ids=_texts(target.network_interface_id),
                addresses=() if target.network_interface_id else _texts(target.ip_address),
                port=2049,
            )


def _brokers(account: Account) -> Iterator[Managed]:
    for one in _of(account, r.KafkaCluster):
        info = one.provisioned.broker_node_group_info if one.provisioned else one.broker_node_group_info
        configs = one.serverless.vpc_configs if one.serverless else ()
        about = (one.cluster_arn, one.cluster_name)
        details = next((found for name in about if (found := account.details.get(("ListNodes", name or "")))), ())
        nodes = [n.broker_node_info for n in details if isinstance(n, r.KafkaNode) and n.broker_node_info]
        base = Managed(
            "MSK cluster",
            one.cluster_name,
            aliases=_texts(one.cluster_arn),
            subnets=info.client_subnets if info else tuple(s for c in configs for s in c.subnet_ids),
            groups=info.security_groups if info else tuple(g for c in configs for g in c.security_group_ids),
            described=r".*(MSK|[Kk]afka|VPC Endpoint Interface).*",
            interface_ids=_texts(*(node.attached_eni_id for node in nodes)),
            addresses=_texts(*(node.client_vpc_ip_address for node in nodes if not node.attached_eni_id)),
            lacks=(("ListNodes", "ClusterArn", one.cluster_arn or ""),) if info and not nodes else (),
        )
        yield base
        for node in nodes:
            yield base._replace(
                what="MSK broker",
                name=node.endpoints[0] if node.endpoints else "",
                aliases=(),
                hosts=node.endpoints,
                interface_ids=_texts(node.attached_eni_id),
                addresses=() if node.attached_eni_id else _texts(node.client_vpc_ip_address),
            )


# -- Lambda and ECS --------------------------------------------------------------------------------------------------


def _functions(account: Account) -> Iterator[Managed]:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html: one interface for the functions that have
    the same subnet and groups, made when it is needed and gone when it was not for long."""
    for one in _of(account, r.Function):
        vpc = one.vpc_config
        arn = re.fullmatch(r"(arn:[^:]*:lambda:[^:]*:[^:]*:function:[^:]*)(:.*)?", one.function_arn or "")
        yield Managed(
            "Lambda function",
            one.function_name,
            aliases=_texts(one.function_arn, arn[1] if arn else None),
            vpc_id=vpc.vpc_id if vpc else None,
            subnets=vpc.subnet_ids if vpc else (),
            groups=vpc.security_group_ids if vpc else (),
            described=r"AWS Lambda VPC ENI.*",
            ipv6=bool(vpc and vpc.ipv6_allowed_for_dual_stack),
            sends=True,
            remark="" if vpc and vpc.subnet_ids else "is in no VPC: it has no network interface there",
        )


TASK = "ECS task"


def _tasks(account: Account) -> Iterator[Managed]:
    hosts = {one.container_instance_arn: one.ec2_instance_id for one in _of(account, r.ContainerInstance)}
    of_service: dict[tuple[str, str], list[str]] = defaultdict(list)
    for task in _of(account, r.Task):
        cluster, short = _last(task.cluster_arn), _last(task.task_arn)
        found = [
            detail.value
            for attachment in task.attachments
            for detail in attachment.details
            if detail.name == "networkInterfaceId" and detail.value
        ]
        host = hosts.get(task.container_instance_arn or "")
        bindings = [
            f"port {binding.container_port} of {container.name} is port {binding.host_port} of its host"
            for container in task.containers
            for binding in container.network_bindings
            if binding.host_port and binding.host_port != binding.container_port
        ]
        instance = task.container_instance_arn
        yield Managed(
            TASK,
            task.task_arn,
            aliases=_texts(f"{cluster}/{short}", short),
            interface_ids=tuple(found),
            instance_ids=() if found else _texts(host),
            remark=""
            if found or host or instance
            else f"has no network interface ({task.last_status or 'not running'})",
            lacks=(("DescribeContainerInstances", "cluster,containerInstances[]", f"{cluster},{instance}"),)
            if instance and not found and not host
            else (),
            notes=tuple(bindings),
        )
        kind, _, service = (task.group or "").partition(":")
        if kind == "service":
            of_service[cluster, service].append(task.task_arn)
    yield from _ecs_services(account, of_service)


def _ecs_services(account: Account, of_service: dict[tuple[str, str], list[str]]) -> Iterator[Managed]:
    described = {(_last(one.cluster_arn), one.service_name): one for one in _of(account, r.EcsService)}
    for cluster, name in dict.fromkeys((*described, *of_service)):
        one = described.get((cluster, name))
        network = one.network_configuration.awsvpc_configuration if one and one.network_configuration else None
        yield Managed(
            "ECS service",
            f"{cluster}/{name}",
            aliases=_texts(name, one.service_arn if one else None),
            subnets=network.subnets if network else (),
            groups=network.security_groups if network else (),
            described=r"arn:[^:]*:ecs:[^:]*:[^:]*:attachment/.*",
            parts=tuple((TASK, arn) for arn in of_service.get((cluster, name), ())),
            remark="" if network or of_service.get((cluster, name)) else "has no task that runs",
        )


def _last(arn: str | None) -> str:
    return (arn or "").rpartition("/")[2]


_MAKERS: tuple[Callable[[Account], Iterator[Managed]], ...] = (
    _databases,
    _clusters,
    _proxies,
    _caches,
    _replication_groups,
    _serverless_caches,
    _warehouses,
    _domains,
    _file_systems,
    _brokers,
    _functions,
    _tasks,
)
