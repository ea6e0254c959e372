"""Flow logs of several accounts and Regions: each is listed and read where it is, by whoever may read there."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.cli.programs import in_process
from tests.flowlogs import buckets
from tests.live.accounts import FAR, PATTERN, REPORTS, SHOP, World, keys_of
from tests.moto_server import REGION

CLIENT = "10.0.1.10"
PLACES = {
    "app": (SHOP, REGION, "10.0.1.10"),
    "reports": (REPORTS, REGION, "10.9.1.20"),
    "stray": (SHOP, FAR, "10.6.1.40"),
}
READ_IN_PART = re.compile("could not|not known|not read|incomplete")
Capture = pytest.CaptureFixture[str]


def service(name: str, place: str) -> Any:
    account, region, _ = PLACES[place]
    return boto3.client(name, region_name=region, **keys_of(account))  # type: ignore[call-overload]


def interface_of(world: World, name: str) -> str:
    (instance,) = world.clients[name].describe_instances(InstanceIds=[world.hosts[name]])["Reservations"][0][
        "Instances"
    ]
    return str(instance["NetworkInterfaces"][0]["NetworkInterfaceId"])


def line(interface: str, destination: str, action: str, start: int, port: int = 22) -> str:
    ends = f"{CLIENT} {destination} 40000 {port}"
    return f"2 123456789012 {interface} {ends} 6 3 180 {start} {start + 50} {action} OK"


@pytest.fixture
def logged(world: World) -> Iterator[dict[str, str]]:
    """A flow log of each VPC, all of them into a log group of the same name; the interfaces by the places' names."""
    start = int(time.time()) - 600
    made: dict[str, Any] = {}
    interfaces = {name: interface_of(world, name) for name in PLACES}
    for name, (account, _, address) in PLACES.items():
        logs = service("logs", name)
        logs.create_log_group(logGroupName="vpc-flow")
        made[name] = world.clients[name].create_flow_logs(
            ResourceIds=[world.vpcs[name]],
            ResourceType="VPC",
            TrafficType="ALL",
            LogGroupName="vpc-flow",
            DeliverLogsPermissionArn=f"arn:aws:iam::{account}:role/flow-logs",
        )["FlowLogIds"]
        logs.create_log_stream(logGroupName="vpc-flow", logStreamName=f"{interfaces[name]}-all")
        action = "ACCEPT" if name == "app" else "REJECT"
        to = "10.9.1.20" if name == "app" else address
        message = line(interfaces[name], to, action, start)
        logs.put_log_events(
            logGroupName="vpc-flow",
            logStreamName=f"{interfaces[name]}-all",
            logEvents=[{"timestamp": start * 1000, "message": message}],
        )
    yield interfaces
    for name, ids in made.items():
        world.clients[name].delete_flow_logs(FlowLogIds=ids)
        service("logs", name).delete_log_group(logGroupName="vpc-flow")


@pytest.fixture
def profiles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[str, ...]:
    """Options for the shop at home, the reports team, and the shop in the other Region."""
    config = tmp_path / "config"
    sections = {"shop": (SHOP, REGION), "reports": (REPORTS, REGION), "far": (SHOP, FAR)}
    config.write_text(
        "".join(
            f"[profile {name}]\ncredential_source = Environment\nregion = {region}\n"
            f"role_arn = {PATTERN.format(account=account)}\n"
            for name, (account, region) in sections.items()
        )
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    return tuple(word for name in sections for word in ("--profile", name))


def rejected(capsys: Capture, *options: str) -> tuple[int, dict[str, str], str]:
    """Exit status, the interfaces of the groups with their status, and standard error."""
    status, out, err = in_process(capsys, "rejects", "--output", "json", *options)
    groups = json.loads(out)["groups"] if out else []
    return status, {group["interface_id"]: group["status"] for group in groups}, err


def test_rejected_flows_of_every_profile_are_read_and_explained(
    capsys: Capture, logged: dict[str, str], profiles: tuple[str, ...]
) -> None:
    status, found, err = rejected(capsys, *profiles)
    assert (status, found) == (1, {logged["reports"]: "explained", logged["stray"]: "explained"})
    assert not READ_IN_PART.search(err), err


def test_one_profile_alone_reads_its_own(capsys: Capture, logged: dict[str, str], profiles: tuple[str, ...]) -> None:
    assert rejected(capsys, *profiles[2:4])[:2] == (1, {logged["reports"]: "explained"})
    assert rejected(capsys, *profiles[:2])[:2] == (0, {})


def test_a_log_group_that_is_named_is_read_wherever_flow_logs_deliver_to_it(
    capsys: Capture, logged: dict[str, str], profiles: tuple[str, ...]
) -> None:
    status, found, err = rejected(capsys, *profiles, "--flow-logs", "cloudwatch:vpc-flow")
    assert (status, set(found)) == (1, {logged["reports"], logged["stray"]})
    assert not READ_IN_PART.search(err), err


def test_flow_logs_in_s3_are_read_with_their_own_account(
    capsys: Capture,
    world: World,
    profiles: tuple[str, ...],
) -> None:
    start = int(time.time()) - 600
    eni = interface_of(world, "reports")
    store = buckets.store(**keys_of(REPORTS))
    (log,) = world.clients["reports"].create_flow_logs(
        ResourceIds=[world.vpcs["reports"]],
        ResourceType="VPC",
        TrafficType="ALL",
        LogDestinationType="s3",
        LogDestination=f"arn:aws:s3:::{buckets.BUCKET}",
    )["FlowLogIds"]
    try:
        for account in (REPORTS, SHOP):  # of another flow log, by its folder
            key = buckets.key(start + 50, log=log, account=account)
            store.put(key, line(eni, "10.9.1.20", "REJECT", start, 22 if account == REPORTS else 23))
        status, out, err = in_process(capsys, "rejects", "--output", "json", *profiles)
        assert (status, READ_IN_PART.search(err)) == (1, None)
        assert [group["destination_port"] for group in json.loads(out)["groups"]] == [22]
    finally:
        world.clients["reports"].delete_flow_logs(FlowLogIds=[log])
        for one in store.s3.list_objects_v2(Bucket=buckets.BUCKET)["Contents"]:
            store.s3.delete_object(Bucket=buckets.BUCKET, Key=one["Key"])
        store.s3.delete_bucket(Bucket=buckets.BUCKET)


def evidence(capsys: Capture, question: str, *options: str) -> tuple[dict[str, Any], list[str]]:
    _, out, err = in_process(capsys, question, "--output", "json", *options)
    assert err == ""
    answer = json.loads(out)
    return answer["evidence"], answer["missing"]


def test_a_question_reads_the_flow_logs_of_every_account_on_its_path(capsys: Capture, logged: dict[str, str]) -> None:
    found, missing = evidence(capsys, "app -> 10.9.1.20:22", "--role-arn", PATTERN)
    assert (found["status"], found["accepted"], found["rejected"], missing) == ("confirms", 1, 1, [])
    assert {seen["interface_id"] for seen in found["seen"]} == {logged["app"], logged["reports"]}


def test_a_question_reads_the_flow_logs_of_every_region_on_its_path(capsys: Capture, logged: dict[str, str]) -> None:
    found, missing = evidence(capsys, "app -> 10.6.1.40:22")
    assert (found["status"], found["rejected"], missing) == ("confirms", 1, [])
    assert [seen["interface_id"] for seen in found["seen"] if seen["rejected"]] == [logged["stray"]]


def test_flow_logs_that_may_not_be_listed_far_off_are_named(
    capsys: Capture, logged: dict[str, str], profiles: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.exceptions import ClientError

    from whyblocked.config import live as module
    from whyblocked.config.fetch import fetcher as real

    def fetcher(client, operation, parameters):  # type: ignore[no-untyped-def]
        if operation.name == "DescribeFlowLogs" and client.meta.region_name == FAR:

            def denied() -> None:
                raise ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": "no"}}, operation.name)

            return denied
        return real(client, operation, parameters)

    monkeypatch.setattr(module, "fetcher", fetcher)
    status, found, err = rejected(capsys, *profiles)
    assert (status, set(found)) == (1, {logged["reports"]})
    lacking = f"ec2:DescribeFlowLogs in {FAR}: AccessDenied"
    assert f"which flow logs there are is not known ({lacking})" in err
    found_too, missing = evidence(capsys, "app -> 10.6.1.40:22", *profiles)
    assert (found_too["rejected"], missing) == (0, [lacking])
