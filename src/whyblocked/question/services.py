"""How names of services' resources look, and which calls may know one.

DNS names: the documentation of each service, "connecting to ..."; only their first labels say what they belong to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

Ask = tuple[str, str, str]
"""An operation, the filter or parameter, its value."""

_TAIL = r"\.amazonaws\.com(?:\.cn)?\.?"
_HOSTS = {
    "rds": re.compile(rf"([^.]+)\.(?:[^.]+\.)+rds{_TAIL}", re.IGNORECASE),
    "elasticache": re.compile(
        rf"(?:(?:clustercfg|master|primary|replica|reader)\.)?([^.]+)\..+\.cache{_TAIL}", re.IGNORECASE
    ),
    "redshift": re.compile(rf"([^.]+)\..+\.redshift{_TAIL}", re.IGNORECASE),
    "es": re.compile(rf"(?:vpc-|search-)?([^.]+)-[^.-]+\..+(?:\.es{_TAIL}|\.aos\.[^.]+\.on\.aws\.?)", re.IGNORECASE),
    "elasticfilesystem": re.compile(rf"(?:[^.]+\.)?(fs-[0-9a-f]+)\.efs\.[^.]+{_TAIL}", re.IGNORECASE),
    "kafka": re.compile(rf"(?:b-[^.]+\.)?([^.]+)\..+\.kafka(?:-serverless)?\.[^.]+{_TAIL}", re.IGNORECASE),
}
_ARN = re.compile(
    r"arn:[^:]*:(rds|elasticache|redshift|es|elasticfilesystem|kafka|lambda|ecs):[^:]*:[^:]*:(.+)", re.IGNORECASE
)
_FILE_SYSTEM = re.compile(r"(fs|fsmt)-[0-9a-f]{8,17}", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,254}")
_FUNCTION = re.compile(r"[A-Za-z0-9_-]{1,140}")
_IN_CLUSTER = re.compile(r"([A-Za-z0-9_-]+)/([A-Za-z0-9_-]+)")
_TASK = re.compile(r"[0-9a-f]{32}")


def is_managed(name: str) -> bool:
    """Whether a name is plainly that of a service's resource: its ARN, its id, or a DNS name that AWS gave it."""
    return bool(_ARN.fullmatch(name) or _FILE_SYSTEM.fullmatch(name)) or any(p.fullmatch(name) for p in _HOSTS.values())


def asks(name: str) -> Iterator[Ask]:
    """The calls that may know a name."""
    if match := _ARN.fullmatch(name):
        yield from _of_service(match[1].lower(), re.split("[:/]", match[2], maxsplit=1)[-1], match[2])
    elif host := next(((s, m[1]) for s, p in _HOSTS.items() if (m := p.fullmatch(name))), None):
        yield from _of_service(*host, "")
    elif match := _FILE_SYSTEM.fullmatch(name):
        yield from _of_service("elasticfilesystem", name, "")
    elif match := _IN_CLUSTER.fullmatch(name):
        yield from _ecs(match[1], match[2])
    elif _FUNCTION.fullmatch(name):
        yield "GetFunctionConfiguration", "FunctionName", name
        yield "ListClusters", "", ""
        if _NAME.fullmatch(name):
            for service in ("rds", "elasticache", "redshift", "es", "kafka"):
                yield from _of_service(service, name, "")


def asks_in_clusters(name: str, clusters: Iterable[str]) -> Iterator[Ask]:
    """The calls that may know the name of a service or task in one of these clusters (ARNs)."""
    if _FUNCTION.fullmatch(name):
        for arn in clusters:
            yield from _ecs(arn.rpartition("/")[2], name)


def _of_service(service: str, name: str, whole: str) -> Iterator[Ask]:
    """The calls of one service; ``whole`` is the resource part of an ARN."""
    if service == "rds":
        name = name.lower()
        yield "DescribeDBInstances", "DBInstanceIdentifier", name
        yield "DescribeDBClusters", "DBClusterIdentifier", name
        yield "DescribeDBProxies", "DBProxyName", name
    elif service == "elasticache":
        name = name.lower()
        group = name.removesuffix("-ro")
        yield "DescribeCacheClusters", "CacheClusterId", name
        yield "DescribeReplicationGroups", "ReplicationGroupId", group
        yield "DescribeReplicationGroups", "ReplicationGroupId", re.sub(r"(-\d{4})?-\d{3}$", "", group)
        yield "DescribeServerlessCaches", "", ""
    elif service == "redshift":
        yield "DescribeClusters", "ClusterIdentifier", name.lower()
    elif service == "es":
        yield "DescribeDomains", "DomainNames[]", name
    elif service == "elasticfilesystem":
        if name.startswith("fsmt-"):
            yield "DescribeMountTargets", "MountTargetId", name
        else:
            yield "DescribeMountTargets", "FileSystemId", name.rpartition("/")[2]
    elif service == "kafka":
        yield "ListClustersV2", "ClusterNameFilter", name.partition("/")[0]
    elif service == "lambda":
        yield "GetFunctionConfiguration", "FunctionName", name.partition(":")[0]
    elif service == "ecs":
        parts = whole.split("/")
        if len(parts) == 3 and parts[0] == "task":
            yield "DescribeTasks", "cluster,tasks[]", f"{parts[1]},{parts[2]}"
        elif len(parts) == 3:
            yield from _ecs(parts[1], parts[2])


def _ecs(cluster: str, name: str) -> Iterator[Ask]:
    if _TASK.fullmatch(name):
        yield "DescribeTasks", "cluster,tasks[]", f"{cluster},{name}"
    else:
        yield "DescribeServices", "cluster,services[]", f"{cluster},{name}"
        yield "ListTasks", "cluster,serviceName", f"{cluster},{name}"
