"""ECS in a snapshot: the services, tasks and hosts of every cluster, which no one call gives.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html (and its siblings: so many a call)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from whyblocked.config.fetch import concurrently, fetcher
from whyblocked.config.operations import IN_CLUSTERS, READ, Operation

_DESCRIBED = {
    "ListServices": ("DescribeServices", "services", 10),
    "ListTasks": ("DescribeTasks", "tasks", 100),
    "ListContainerInstances": ("DescribeContainerInstances", "containerInstances", 100),
}
WRITTEN = tuple(READ[name] for name, _, _ in _DESCRIBED.values())
"""The operations whose answers are written, one file a cluster."""


class Told(NamedTuple):
    """The joined answer of an operation about one cluster, or what went wrong."""

    operation: Operation
    cluster: str
    outcome: dict[str, Any] | Exception


def read_clusters(client: Any, clusters: Iterable[str]) -> Iterator[Told]:
    """Ask what each cluster has, and describe it."""
    lists = [(cluster, listed) for cluster in clusters for listed in (*IN_CLUSTERS, READ["ListTasks"])]
    asked = concurrently([fetcher(client, listed, {"cluster": cluster}) for cluster, listed in lists])
    parts: list[tuple[str, Operation, dict[str, Any]]] = []
    for (cluster, listed), outcome in zip(lists, asked, strict=True):
        if isinstance(outcome, Exception):
            yield Told(listed, cluster, outcome)
            continue
        name, parameter, at_once = _DESCRIBED[listed.name]
        ids = outcome.get(listed.key, [])
        some = (ids[start : start + at_once] for start in range(0, len(ids), at_once))
        parts += [(cluster, READ[name], {"cluster": cluster, parameter: part}) for part in some]
    joined: dict[tuple[str, str], list[Any]] = defaultdict(list)
    described = concurrently([fetcher(client, operation, parameters) for _, operation, parameters in parts])
    for (cluster, operation, _), outcome in zip(parts, described, strict=True):
        if isinstance(outcome, Exception):
            yield Told(operation, cluster, outcome)
        else:
            joined[cluster, operation.name] += outcome.get(operation.key, [])
    for (cluster, name), found in joined.items():
        yield Told(READ[name], cluster, {READ[name].key: found})
