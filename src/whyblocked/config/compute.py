"""Functions of Lambda and tasks of ECS in the form of :mod:`whyblocked.config.managed`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from whyblocked.config import resources as r
from whyblocked.config.account import Account
from whyblocked.config.managed import Managed, of, texts


def functions(account: Account) -> Iterator[Managed]:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html: one interface for the functions that have
    the same subnet and groups, made when it is needed and gone when it was not for long."""
    for one in of(account, r.Function):
        vpc = one.vpc_config
        arn = re.fullmatch(r"(arn:[^:]*:lambda:[^:]*:[^:]*:function:[^:]*)(:.*)?", one.function_arn or "")
        yield Managed(
            "Lambda function",
            one.function_name,
            aliases=texts(one.function_arn, arn[1] if arn else None),
            vpc_id=vpc.vpc_id if vpc else None,
            subnets=vpc.subnet_ids if vpc else (),
            groups=vpc.security_group_ids if vpc else (),
            described=r"AWS Lambda VPC ENI.*",
            ipv6=bool(vpc and vpc.ipv6_allowed_for_dual_stack),
            sends=True,
            remark="" if vpc and vpc.subnet_ids else "is in no VPC: it has no network interface there",
        )


TASK = "ECS task"
_MOST_TASKS = 100  # that one call describes; the tasks of a service are alike


def tasks(account: Account) -> Iterator[Managed]:
    hosts = {one.container_instance_arn: one.ec2_instance_id for one in of(account, r.ContainerInstance)}
    of_service: dict[tuple[str, str], list[str]] = defaultdict(list)
    for task in of(account, r.Task):
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
            f"{cluster}/{short}",
            aliases=(task.task_arn,),
            short=(short,),
            interface_ids=tuple(found),
            instance_ids=() if found else texts(host),
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
            of_service[cluster, service].append(short)
    yield from _ecs_services(account, of_service)


def _ecs_services(account: Account, of_service: dict[tuple[str, str], list[str]]) -> Iterator[Managed]:
    described = {(_last(one.cluster_arn), one.service_name): one for one in of(account, r.EcsService)}
    for cluster, name in dict.fromkeys((*described, *of_service)):
        one = described.get((cluster, name))
        running = of_service.get((cluster, name), ())
        unread = [arn for arn in _listed(account, cluster, name) if _last(arn) not in running]
        network = one.network_configuration.awsvpc_configuration if one and one.network_configuration else None
        yield Managed(
            "ECS service",
            f"{cluster}/{name}",
            aliases=texts(one.service_arn if one else None),
            short=(name,),
            subnets=network.subnets if network else (),
            groups=network.security_groups if network else (),
            described=r"arn:[^:]*:ecs:[^:]*:[^:]*:attachment/.*",
            parts=tuple((TASK, f"{cluster}/{short}") for short in running),
            remark="" if network or running or unread else "has no task that runs",
            lacks=(("DescribeTasks", "cluster,tasks[]", ",".join((cluster, *unread))),) if unread else (),
        )


def _listed(account: Account, cluster: str, service: str) -> tuple[str, ...]:
    """The tasks of a service as far as they were listed for it; more than one call takes are left out."""
    told = account.details.get(("ListTasks", f"{cluster},{service}"), ())
    return tuple(arn for one in told if isinstance(one, r.TaskArns) for arn in one.task_arns)[:_MOST_TASKS]


def _last(arn: str | None) -> str:
    return (arn or "").rpartition("/")[2]
