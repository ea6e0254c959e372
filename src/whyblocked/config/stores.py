"""Databases, caches, brokers and file systems in the form of :mod:`whyblocked.config.managed`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from whyblocked.config import resources as r
from whyblocked.config.account import Account
from whyblocked.config.managed import Managed, of, subnet_ids, texts

# -- RDS -------------------------------------------------------------------------------------------------------------

INSTANCE, CLUSTER = "RDS instance", "RDS cluster"
_RDS = r"RDSNetworkInterface"


def databases(account: Account) -> Iterator[Managed]:
    for one in of(account, r.DBInstance):
        group = one.db_subnet_group
        yield Managed(
            INSTANCE,
            one.db_instance_identifier,
            aliases=texts(one.db_instance_arn),
            hosts=texts(one.endpoint.address if one.endpoint else None),
            vpc_id=group.vpc_id if group else None,
            subnets=subnet_ids(group.subnets) if group else (),
            groups=tuple(g.vpc_security_group_id for g in one.vpc_security_groups),
            zone=one.availability_zone,
            described=_RDS,
            public=one.publicly_accessible,
            ipv6=one.network_type == "DUAL",
            port=one.endpoint.port if one.endpoint else None,
        )


def clusters(account: Account) -> Iterator[Managed]:
    """A cluster's endpoint is its writer, its reader endpoint the others (or the writer, where there are none)."""
    groups = {one.db_subnet_group_name: one for one in of(account, r.DBSubnetGroup)}
    for one in of(account, r.DBCluster):
        members = one.db_cluster_members
        writers = [m.db_instance_identifier for m in members if m.is_cluster_writer]
        readers = [m.db_instance_identifier for m in members if not m.is_cluster_writer]
        everyone = [m.db_instance_identifier for m in members]
        group = groups.get(one.db_subnet_group)
        base = Managed(
            CLUSTER,
            one.db_cluster_identifier,
            vpc_id=group.vpc_id if group else None,
            subnets=subnet_ids(group.subnets) if group else (),
            groups=tuple(g.vpc_security_group_id for g in one.vpc_security_groups),
            described=_RDS,
            public=one.publicly_accessible,
            ipv6=one.network_type == "DUAL",
            port=one.port,
            lacks=(("DescribeDBInstances", "db-cluster-id", one.db_cluster_identifier),)
            if members
            else (("DescribeDBSubnetGroups", "DBSubnetGroupName", one.db_subnet_group or ""),),
        )
        ends = ((texts(one.endpoint), writers or everyone), (texts(one.reader_endpoint), readers or everyone))
        for number, (hosts, ids) in enumerate((*ends, (one.custom_endpoints, everyone))):
            named = texts(one.db_cluster_arn) if not number else ()
            yield base._replace(
                name=one.db_cluster_identifier if not number else hosts[0] if hosts else "",
                aliases=named,
                hosts=hosts,
                parts=tuple((INSTANCE, name) for name in ids),
            )


def proxies(account: Account) -> Iterator[Managed]:
    for one in of(account, r.DBProxy):
        yield Managed(
            "RDS proxy",
            one.db_proxy_name,
            aliases=texts(one.db_proxy_arn),
            hosts=texts(one.endpoint),
            vpc_id=one.vpc_id,
            subnets=one.vpc_subnet_ids,
            groups=one.vpc_security_group_ids,
            described=r".*DBProxy.*",
        )


# -- ElastiCache -----------------------------------------------------------------------------------------------------

NODE = "ElastiCache cluster"


def caches(account: Account) -> Iterator[Managed]:
    groups = {one.cache_subnet_group_name: one for one in of(account, r.CacheSubnetGroup)}
    for one in of(account, r.CacheCluster):
        group = groups.get(one.cache_subnet_group_name or "")
        endpoints = [node.endpoint for node in one.cache_nodes] + [one.configuration_endpoint]
        zones = {node.customer_availability_zone for node in one.cache_nodes} or {one.preferred_availability_zone}
        yield Managed(
            NODE,
            one.cache_cluster_id,
            aliases=texts(one.arn),
            hosts=texts(*(end.address for end in endpoints if end)),
            vpc_id=group.vpc_id if group else None,
            subnets=subnet_ids(group.subnets) if group else (),
            groups=tuple(g.security_group_id for g in one.security_groups),
            zone=next(iter(zones)) if len(zones) == 1 else None,
            described=rf"ElastiCache[ +:]{re.escape(one.cache_cluster_id)}(?![\w-]).*",
            port=next((end.port for end in endpoints if end and end.port), None),
            lacks=(("DescribeCacheSubnetGroups", "CacheSubnetGroupName", one.cache_subnet_group_name or ""),),
        )


def replication_groups(account: Account) -> Iterator[Managed]:
    for one in of(account, r.ReplicationGroup):
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
            hosts = texts(*(end.address for end in endpoints if end))
            if name or hosts:
                yield Managed(
                    "ElastiCache replication group",
                    name or hosts[0],
                    aliases=texts(one.arn) if name else (),
                    hosts=hosts,
                    parts=tuple((NODE, member) for member in members),
                    port=next((end.port for end in endpoints if end and end.port), None),
                    lacks=asks,
                )


def serverless_caches(account: Account) -> Iterator[Managed]:
    """Reached through a VPC endpoint of its own in each subnet."""
    for one in of(account, r.ServerlessCache):
        ends = (one.endpoint, one.reader_endpoint)
        yield Managed(
            "ElastiCache serverless cache",
            one.serverless_cache_name,
            aliases=texts(one.arn),
            hosts=texts(*(end.address for end in ends if end)),
            subnets=one.subnet_ids,
            groups=one.security_group_ids,
            described=r"VPC Endpoint Interface vpce-.*|ElastiCache.*",
            port=next((end.port for end in ends if end and end.port), None),
        )


# -- Redshift, OpenSearch, EFS, MSK ----------------------------------------------------------------------------------


def warehouses(account: Account) -> Iterator[Managed]:
    groups = {one.cluster_subnet_group_name: one for one in of(account, r.ClusterSubnetGroup)}
    for one in of(account, r.RedshiftCluster):
        group = groups.get(one.cluster_subnet_group_name or "")
        leaders = [node for node in one.cluster_nodes if (node.node_role or "").upper() in ("LEADER", "SHARED")]
        yield Managed(
            "Redshift cluster",
            one.cluster_identifier,
            aliases=texts(one.cluster_namespace_arn),
            hosts=texts(one.endpoint.address if one.endpoint else None),
            vpc_id=one.vpc_id,
            subnets=subnet_ids(group.subnets) if group else (),
            groups=tuple(g.vpc_security_group_id for g in one.vpc_security_groups),
            zone=one.availability_zone,
            addresses=texts(*(node.private_ip_address for node in leaders)),
            described=r"RedshiftNetworkInterface",
            public=one.publicly_accessible,
            port=one.endpoint.port if one.endpoint else None,
            lacks=(("DescribeClusterSubnetGroups", "ClusterSubnetGroupName", one.cluster_subnet_group_name or ""),),
        )


def domains(account: Account) -> Iterator[Managed]:
    for one in of(account, r.Domain):
        vpc = one.vpc_options
        in_vpc = vpc is not None and bool(vpc.subnet_ids)
        yield Managed(
            "OpenSearch domain",
            one.domain_name,
            aliases=texts(one.arn),
            hosts=texts(one.endpoint, one.endpoint_v2, *one.endpoints.values()),
            vpc_id=vpc.vpc_id if vpc else None,
            subnets=vpc.subnet_ids if vpc else (),
            groups=vpc.security_group_ids if vpc else (),
            described=rf"(ES|.*OpenSearch.*) {re.escape(one.domain_name)}",
            port=443,
            remark="" if in_vpc else "is public: it has no network interface in a VPC",
        )


def file_systems(account: Account) -> Iterator[Managed]:
    names = {one.file_system_id: one for one in of(account, r.FileSystem)}
    targets: dict[str, list[r.MountTarget]] = defaultdict(list)
    for target in of(account, r.MountTarget):
        targets[target.file_system_id].append(target)
    for file_system_id in dict.fromkeys((*names, *targets)):
        system, own = names.get(file_system_id), targets.get(file_system_id, [])
        region = {account.region_of(target.vpc_id or "") for target in own} - {None}
        yield Managed(
            "EFS file system",
            file_system_id,
            aliases=texts(system.file_system_arn, system.name) if system else (),
            hosts=tuple(f"{file_system_id}.efs.{name}.amazonaws.com" for name in region),
            interface_ids=texts(*(target.network_interface_id for target in own)),
            addresses=texts(*(target.ip_address for target in own if not target.network_interface_id)),
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
                interface_ids=texts(target.network_interface_id),
                addresses=() if target.network_interface_id else texts(target.ip_address),
                port=2049,
            )


def brokers(account: Account) -> Iterator[Managed]:
    for one in of(account, r.KafkaCluster):
        info = one.provisioned.broker_node_group_info if one.provisioned else one.broker_node_group_info
        configs = one.serverless.vpc_configs if one.serverless else ()
        about = (one.cluster_arn, one.cluster_name)
        details = next((found for name in about if (found := account.details.get(("ListNodes", name or "")))), ())
        nodes = [n.broker_node_info for n in details if isinstance(n, r.KafkaNode) and n.broker_node_info]
        base = Managed(
            "MSK cluster",
            one.cluster_name,
            aliases=texts(one.cluster_arn),
            subnets=info.client_subnets if info else tuple(s for c in configs for s in c.subnet_ids),
            groups=info.security_groups if info else tuple(g for c in configs for g in c.security_group_ids),
            described=r".*(MSK|[Kk]afka|VPC Endpoint Interface).*",
            interface_ids=texts(*(node.attached_eni_id for node in nodes)),
            addresses=texts(*(node.client_vpc_ip_address for node in nodes if not node.attached_eni_id)),
            lacks=(("ListNodes", "ClusterArn", one.cluster_arn or ""),) if info and not nodes else (),
        )
        yield base
        for node in nodes:
            yield base._replace(
                what="MSK broker",
                name=node.endpoints[0] if node.endpoints else "",
                aliases=(),
                hosts=node.endpoints,
                interface_ids=texts(node.attached_eni_id),
                addresses=() if node.attached_eni_id else texts(node.client_vpc_ip_address),
            )
