"""Services and tasks of ECS, asked live and of a saved account: the same interfaces either way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple, cast

import boto3
import pytest
from moto.core.exceptions import AccessDeniedError
from moto.ecs.responses import EC2ContainerServiceResponse

from tests.live.accounts import run
from tests.live.company import permission
from whyblocked.api import Session, live, snapshot
from whyblocked.config.live import Live
from whyblocked.config.save import save_snapshot
from whyblocked.diagnosis.answer import Answer
from whyblocked.errors import EndpointError
from whyblocked.question.grammar import parse

ACCOUNT, REGION = "123456789012", "us-east-1"
SERVICE = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/prod"


class Cluster(NamedTuple):
    """The task that has an interface of its own, and the host of the one that has none."""

    task: str
    host: str


@pytest.fixture
def cluster(aws: None, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """``prod``, with the services ``orders`` (awsvpc, 10.0.1.70) and ``legacy`` (bridge, on the host 10.0.1.80).

    ``web`` (10.0.1.10) may reach both on port 8080.
    """
    monkeypatch.setattr("moto.ecs.models.random_private_ip", lambda: "10.0.1.70")
    ec2, ecs = boto3.client("ec2"), boto3.client("ecs")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="orders", Description="orders", VpcId=vpc)["GroupId"]
    rule: Any = permission("tcp", 8080, cidr="10.0.1.10/32")
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    run(ec2, "web", subnet, "10.0.1.10", group)
    host = run(ec2, "host", subnet, "10.0.1.80", group)
    ecs.create_cluster(clusterName="staging")
    ecs.create_cluster(clusterName="prod")
    document = json.dumps({"instanceId": host, "region": REGION, "accountId": ACCOUNT})
    ecs.register_container_instance(cluster="prod", instanceIdentityDocument=document)
    container: Any = {"name": "api", "image": "api", "memory": 128, "portMappings": [{"containerPort": 8080}]}
    network: Any = {"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": [group]}}
    tasks = {}
    for name, mode, more in (("orders", "awsvpc", {"networkConfiguration": network}), ("legacy", "bridge", {})):
        kind: Any = {"launchType": "FARGATE" if mode == "awsvpc" else "EC2", **more}
        ecs.register_task_definition(
            family=name, networkMode=cast(Any, mode), cpu="128", memory="128", containerDefinitions=[container]
        )
        ecs.create_service(cluster="prod", serviceName=name, taskDefinition=name, desiredCount=1, **kind)
        ran = ecs.run_task(cluster="prod", taskDefinition=name, group=f"service:{name}", **kind)
        tasks[name] = ran["tasks"][0]["taskArn"]
    return Cluster(tasks["orders"], host)


def asked(question: str, folder: Path) -> tuple[Answer, Live]:
    """The live answer, which that from the saved account equals."""
    account = live()
    answer = Session(account).explain(parse(question))
    save_snapshot(folder, cast(Live, account.source))
    saved = Session(snapshot(folder)).explain(parse(question))
    assert (saved.verdict, saved.forward, saved.blocked_by, saved.missing) == (
        answer.verdict,
        answer.forward,
        answer.blocked_by,
        answer.missing,
    )
    return answer, cast(Live, account.source)


@pytest.mark.parametrize("name", ["[prod/orders]", f"[{SERVICE}/orders]", "orders"])
def test_a_service_with_interfaces_of_its_own(cluster: Cluster, tmp_path: Path, name: str) -> None:
    answer, _ = asked(f"web -> {name}:8080", tmp_path)
    assert answer.verdict == "allowed"
    assert answer.forward[-1].packet.destination == "10.0.1.70/32"
    assert asked(f"web -> {name}:22", tmp_path)[0].verdict == "blocked"


def test_a_task_by_its_arn(cluster: Cluster, tmp_path: Path) -> None:
    answer, _ = asked(f"web -> [{cluster.task}]:8080", tmp_path)
    assert (answer.verdict, answer.forward[-1].packet.destination) == ("allowed", "10.0.1.70/32")


@pytest.mark.parametrize("name", ["[prod/legacy]", f"[{SERVICE}/legacy]", "legacy"])
def test_a_service_in_bridge_mode_is_at_its_hosts(cluster: Cluster, tmp_path: Path, name: str) -> None:
    answer, source = asked(f"web -> {name}:8080", tmp_path)
    assert (answer.verdict, answer.forward[-1].packet.destination) == ("allowed", "10.0.1.80/32")
    assert source.waves <= 9, source.calls


def test_a_bare_name_is_looked_for_in_few_clusters_only(cluster: Cluster) -> None:
    ecs = boto3.client("ecs")
    for number in range(9):
        ecs.create_cluster(clusterName=f"other-{number}")
    with pytest.raises(EndpointError, match="nothing is called 'orders'"):
        Session(live()).explain(parse("web -> orders:8080"))
    assert Session(live()).explain(parse("web -> [prod/orders]:8080")).verdict == "allowed"


def test_what_is_saved_is_one_file_a_cluster(cluster: Cluster, tmp_path: Path) -> None:
    asked("web -> [prod/orders]:8080", tmp_path)
    names = {path.name for path in tmp_path.rglob("*.json") if "clusters" in path.name or ".prod" in path.name}
    assert {"list-clusters.json", "describe-services.prod.json", "describe-tasks.prod.json"} <= names
    assert "describe-container-instances.prod.json" in names
    (kept,) = tmp_path.rglob("describe-services.prod.json")
    kept.rename(kept.with_name("describe-services.gone.json"))
    save_snapshot(tmp_path, cast(Live, live().source))
    assert [path.name for path in tmp_path.rglob("describe-services.*")] == ["describe-services.prod.json"]


def test_what_may_not_be_listed_is_named(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: object) -> None:
        raise AccessDeniedError(user_arn="arn:aws:iam::123456789012:user/reader", action="ecs:ListServices")

    monkeypatch.setattr(EC2ContainerServiceResponse, "list_services", refused)
    (saved,) = save_snapshot(tmp_path, cast(Live, live().source))
    assert "ecs:ListServices: AccessDenied" in saved.skipped
