"""The IAM policy and the calls that are really made are the same."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import botocore.handlers
import pytest

from tests import moto_fixups
from tests.config import cloud
from tests.config.test_save import everything
from whyblocked.config.account import Account, Query
from whyblocked.config.live import Live, live_account
from whyblocked.config.operations import READ, SAVED
from whyblocked.config.permissions import policy
from whyblocked.config.save import save_snapshot
from whyblocked.config.trail import Lookup
from whyblocked.question.find import Search
from whyblocked.question.managed import find

# Not made by these tests: records are read by the flow log sources, other Regions are looked at after an error.
BY_OTHERS = {
    "kms:Decrypt",
    "logs:DescribeLogGroups",
    "logs:FilterLogEvents",
    "logs:GetQueryResults",
    "s3:GetObject",
    "s3:ListBucket",
}
ATHENA = {
    *(f"athena:{name}" for name in ("GetQueryExecution", "GetQueryResults")),
    *(f"glue:{name}" for name in ("GetDatabase", "GetPartitions", "GetTable")),
    "s3:GetBucketLocation",
}
QUERIES = {  # no reading, but needed for it
    "athena:StartQueryExecution",
    "athena:StopQueryExecution",
    "logs:StartQuery",
    "logs:StopQuery",
    "s3:PutObject",
    "sts:AssumeRole",
}


def allowed() -> list[str]:
    return [action for statement in policy()["Statement"] for action in statement["Action"]]


@pytest.fixture
def made(aws: None, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The IAM actions of all calls that are made from now on."""
    calls: set[str] = set()
    prefixes = {
        "elastic-load-balancing-v2": "elasticloadbalancing",
        "elastic-load-balancing": "elasticloadbalancing",
        "direct-connect": "directconnect",
        "efs": "elasticfilesystem",
        "opensearch": "es",
    }

    def note(event_name: str, **_: Any) -> None:
        service, operation = event_name.split(".")[1:]
        calls.add(f"{prefixes.get(service, service)}:{operation}")

    handlers: list[Any] = [*botocore.handlers.BUILTIN_HANDLERS, ("before-call", note)]
    monkeypatch.setattr(botocore.handlers, "BUILTIN_HANDLERS", handlers)
    return calls


def look_for(account: Account, name: str) -> None:
    """Ask the services for a name that none of them has."""
    search = Search(account)
    find(search, name)
    while search.waits():
        account.advance()
        search = Search(account)
        find(search, name)


def test_the_policy_allows_exactly_the_calls_that_are_made(made: set[str], tmp_path: Path) -> None:
    import boto3

    things = cloud.build()
    things.ec2.create_transit_gateway()
    things.ec2.create_vpn_gateway(Type="ipsec.1")
    elbv2 = boto3.client("elbv2")
    balancer = elbv2.create_load_balancer(Name="web", Subnets=[things.subnet])["LoadBalancers"][0]["LoadBalancerArn"]
    group = elbv2.create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId=things.vpc)["TargetGroups"][0]
    forward = [{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}]
    elbv2.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=forward)
    moto_fixups.add_firewall("egress", things.vpc, {things.subnet: "vpce-0a1b2c3d"})
    boto3.client("ecs").create_cluster(clusterName="staging")
    made.clear()
    account = live_account()
    source = cast(Live, account.source)
    everything(account, things)
    source.find_region_of("i-0nowhere")
    for name in ("orders", "prod/orders", f"prod/{'0a' * 16}", "fs-0123456789abcdef0"):
        look_for(account, name)
    for lacking in ("DescribeDBSubnetGroups", "DescribeCacheSubnetGroups", "DescribeClusterSubnetGroups"):
        source.ask(Query(lacking, READ[lacking].direct[0], "data"))
    source.ask(Query("DescribeContainerInstances", READ["DescribeContainerInstances"].direct[0], "prod,abc"))
    source.ask(Query("ListNodes", "ClusterArn", "arn:aws:kafka:us-east-1:123456789012:cluster/orders/1"))
    account.advance()
    source.hear([Lookup("ResourceName", things.group, things.group)], None, datetime.now(UTC)).heard()
    save_snapshot(tmp_path, source)
    assert made | BY_OTHERS | ATHENA | QUERIES == set(allowed())


def test_an_answer_needs_the_first_two_statements_only(made: set[str]) -> None:
    things = cloud.build()
    made.clear()
    everything(live_account(), things)
    questions, *_ = policy()["Statement"]
    assert made <= set(questions["Action"])


def test_the_policy_only_reads_and_names_nothing_twice() -> None:
    actions = allowed()
    assert len(actions) == len(set(actions))
    verbs = ("Decrypt", "Describe", "Get", "List", "Search", "Filter", "Lookup")
    assert all(action.split(":")[1].startswith(verbs) for action in actions if action not in QUERIES)
    assert not any("*" in action for action in actions)


def test_only_where_athena_puts_its_results_may_be_written() -> None:
    places = {s["Resource"] for s in policy()["Statement"] if "s3:PutObject" in s["Action"]}
    assert places == {"arn:aws:s3:::aws-athena-query-results-*"}


def test_every_call_is_stated_once() -> None:
    names = [(operation.service, operation.name) for operation in SAVED]
    assert len(names) == len(set(names))
    assert {name for name, operation in READ.items() if operation.listed} <= {name for _, name in names}


EVERY = {operation.name: operation for operation in (*SAVED, *READ.values())}


@pytest.mark.parametrize("operation", EVERY.values(), ids=lambda operation: operation.name)
def test_every_call_is_as_the_api_describes_it(operation: Any) -> None:
    import botocore.session

    model = botocore.session.Session().get_service_model(operation.service).operation_model(operation.api_name)
    assert model.output_shape is not None
    assert model.input_shape is not None
    assert operation.key in model.output_shape.members
    if not operation.whole:
        assert model.output_shape.members[operation.key].type_name == ("structure" if operation.single else "list")
    given = {name for name, _ in operation.always} | ({operation.each.parameter} if operation.each else set())
    for way in (*([operation.each.parameter] if operation.each else []), *operation.direct):
        for name in way.split(","):
            is_list = model.input_shape.members[name.removesuffix("[]")].type_name == "list"
            assert is_list == name.endswith("[]")
    told = {name.removesuffix("[]") for way in (*given, *operation.direct) for name in way.split(",")}
    assert set(model.input_shape.required_members) <= told <= set(model.input_shape.members)
    if operation.listed:
        assert set(model.input_shape.required_members) <= {name.removesuffix("[]") for name in given}
    for name in operation.parameters:
        assert model.input_shape.members[name].type_name == ("list" if name.endswith("s") else "string")
    if operation.type is not None and operation.service == "ec2" and operation.each is None and not operation.single:
        assert not operation.filters or operation.filters in model.input_shape.members
