"""CloudTrail's records: which of them are changes, who made them, and in which forms their parameters come."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests import trails
from tests.builders import ACCOUNT, Json, Network
from tests.trails import entry, record, revoked
from whyblocked.api import snapshot
from whyblocked.config.snapshot import Snapshot
from whyblocked.config.trail import Event, Heard, TrailFile, TrailFiles, decode, plain, rows

TIME = "2026-11-23T14:02:31Z"
REVOKED = revoked("sg-web", TIME, "tcp", 22, "203.0.113.0/24")


def decoded(item: object) -> Event:
    found = decode(item)
    assert found is not None
    return found


# -- forms ------------------------------------------------------------------------------------------------------------


def test_a_record_says_who_did_what_when_and_from_where() -> None:
    event = decoded(REVOKED)
    assert (event.name, event.time, event.region, event.account_id) == (
        "RevokeSecurityGroupIngress",
        1795442551,
        "eu-west-1",
        ACCOUNT,
    )
    assert (event.by, event.source_address, event.console) == ("role/deploy (alice)", "198.51.100.7", False)
    assert event.agent == trails.TERRAFORM
    assert "sg-web" in event.mentions


def events_of(document: object) -> list[Event]:
    """The changes in a file that holds this."""
    return TrailFiles([TrailFile("events.json", json.dumps(document).encode())]).found.events


def test_what_lookup_events_prints_and_a_log_file_holds_is_the_same() -> None:
    (printed,) = events_of(trails.printed(REVOKED))
    (logged,) = events_of(trails.logged(REVOKED))
    assert logged.mentions < printed.mentions  # which names the resources beside the record
    assert replace(printed, mentions=logged.mentions) == logged


def test_lists_stand_under_items_and_newer_calls_under_their_own_name() -> None:
    older = decoded(REVOKED).request
    assert older["ipPermissions"][0]["ipRanges"] == [{"cidrIp": "203.0.113.0/24"}]
    newer = plain({"ModifySecurityGroupRulesRequest": {"GroupId": "sg-web", "SecurityGroupRule": {"tag": 1}}})
    assert newer == {"groupId": "sg-web", "securityGroupRule": {"tag": 1}}
    assert rows(newer["securityGroupRule"]) == [{"tag": 1}]
    assert rows(plain({"groupSet": {}})["groupSet"]) == []


@pytest.mark.parametrize(
    "record",
    [
        {**REVOKED, "errorCode": "Client.UnauthorizedOperation", "errorMessage": "no"},
        {**REVOKED, "errorCode": "Client.DryRunOperation"},
        {**REVOKED, "eventName": "DescribeSecurityGroups", "readOnly": True},
        {**REVOKED, "eventName": "CreateTags"},
        {**REVOKED, "eventName": "UpdateSecurityGroupRuleDescriptionsIngress"},
        {**REVOKED, "eventName": ["RevokeSecurityGroupIngress"]},
        {**REVOKED, "eventTime": "yesterday"},
        {**REVOKED, "eventTime": None},
        {"CloudTrailEvent": "{"},
        {"CloudTrailEvent": "[" * 5000},
        {"EventName": "RevokeSecurityGroupIngress"},
        ["RevokeSecurityGroupIngress"],
        None,
    ],
)
def test_failed_attempts_reading_calls_and_what_is_no_event_are_left_out(record: object) -> None:
    assert decode(record) is None


@pytest.mark.parametrize("document", [[], {"Events": None}, {"Records": {"eventName": "x"}}, {"Events": [1, "a"]}, 7])
def test_a_document_of_something_else_has_no_events(document: object) -> None:
    assert events_of(document) == []


# -- who ------------------------------------------------------------------------------------------------------------


STACKS = "cloudformation.amazonaws.com"
ROLE = f"arn:aws:sts::{ACCOUNT}:assumed-role/ops/i-0abc1234def567890"


@pytest.mark.parametrize(
    ("identity", "who"),
    [
        (trails.DEPLOY, "role/deploy (alice)"),
        ({"type": "AssumedRole", "arn": ROLE}, "role/ops (i-0abc1234def567890)"),
        (trails.DEPLOY | {"invokedBy": STACKS}, f"role/deploy (alice) through {STACKS}"),
        (trails.DEPLOY | {"invokedBy": "AWS Internal"}, "role/deploy (alice)"),
        ({"type": "IAMUser", "userName": "bob", "arn": f"arn:aws:iam::{ACCOUNT}:user/ops/bob"}, "user/bob"),
        ({"type": "Root", "arn": f"arn:aws:iam::{ACCOUNT}:root"}, "the root user"),
        ({"type": "AWSService", "invokedBy": "autoscaling.amazonaws.com"}, "autoscaling.amazonaws.com"),
        ({"type": "AWSAccount", "accountId": "999999999999"}, "account 999999999999"),
        ({"type": "FederatedUser", "arn": f"arn:aws:sts::{ACCOUNT}:federated-user/eve"}, "federated-user/eve"),
        ({}, "somebody"),
        (None, "somebody"),
    ],
)
def test_who_made_a_change_is_said_as_short_as_a_person_would(identity: Any, who: str) -> None:
    assert decoded({**REVOKED, "userIdentity": identity}).by == who


@pytest.mark.parametrize(
    ("more", "console"),
    [
        ({"userAgent": "console.ec2.amazonaws.com"}, True),
        ({"userAgent": "console.amazonaws.com"}, True),
        ({"userAgent": "Mozilla/5.0", "sessionCredentialFromConsole": "true"}, True),
        ({"userAgent": "console.evil.example"}, False),
        ({"userAgent": "aws-cli/2.17.0"}, False),
    ],
)
def test_a_change_in_the_console_is_known_as_one(more: Json, console: bool) -> None:
    assert decoded({**REVOKED, **more}).console is console


# -- files of a snapshot ----------------------------------------------------------------------------------------------


def folder(tmp_path: Path, **files: Json) -> Path:
    net = Network()
    net.subnet("subnet-a", "10.0.1.0/24")
    net.save(tmp_path)
    for name, content in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    return tmp_path


def heard(place: Path) -> Heard:
    source = snapshot(place).source
    assert isinstance(source, Snapshot)
    return source.trail.found


def test_a_snapshot_holds_events_as_printed_and_as_logged(tmp_path: Path) -> None:
    other = entry("DeleteNetworkAclEntry", "acl-1", TIME, 100)
    folder(tmp_path, trail=trails.printed(REVOKED), log=trails.logged(REVOKED, other))
    (tmp_path / "123_CloudTrail_eu-west-1_20261123T1405Z_x.json.gz").write_bytes(
        gzip.compress(json.dumps(trails.logged(other)).encode())
    )
    found = heard(tmp_path)
    assert sorted(event.name for event in found.events) == ["DeleteNetworkAclEntry", "RevokeSecurityGroupIngress"]
    assert found.notes == []


def test_a_snapshot_without_events_has_none(tmp_path: Path) -> None:
    source = snapshot(folder(tmp_path)).source
    assert isinstance(source, Snapshot)
    assert not source.trail
    assert source.trail.found == Heard([], [])


@pytest.mark.parametrize(
    "content",
    [b"", b"not gzip", gzip.compress(b'{"Records": [')[:20], gzip.compress(b"[" * 9999)],
    ids=["empty", "not gzip", "cut off", "too deep"],
)
def test_a_packed_file_that_can_not_be_read_is_noted_and_costs_nothing_else(tmp_path: Path, content: bytes) -> None:
    folder(tmp_path, trail=trails.printed(REVOKED))
    (tmp_path / "log.json.gz").write_bytes(content)
    found = heard(tmp_path)
    assert len(found.events) == 1
    (note,) = found.notes
    assert "log.json.gz can't be read: " in note


def test_a_file_that_unpacks_without_end_is_not_taken_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whyblocked.config.trail.MOST_BYTES", 1024 * 1024)
    folder(tmp_path)
    (tmp_path / "bomb.json.gz").write_bytes(gzip.compress(b" " * 2 * 1024 * 1024))
    (note,) = heard(tmp_path).notes
    assert note.endswith("bomb.json.gz can't be read: it unpacks to more than 1 MiB")


def test_records_of_another_program_s_are_left_alone(tmp_path: Path) -> None:
    folder(
        tmp_path, queue={"Records": [{"eventSource": "aws:sqs", "body": "hello"}]}, notes={"Events": [{"Message": "x"}]}
    )
    assert heard(tmp_path) == Heard([], [])


def test_the_time_bounds_what_files_tell(tmp_path: Path) -> None:
    source = snapshot(folder(tmp_path, trail=trails.printed(REVOKED))).source
    assert isinstance(source, Snapshot)
    time = decoded(REVOKED).time
    assert len(source.trail.since(time).events) == 1
    assert source.trail.since(time + 1).events == []


def test_a_change_names_its_resources_wherever_they_stand() -> None:
    request = {"networkInterfaceId": "eni-1", "groupSet": {"items": [{"groupId": "sg-2"}]}}
    assert {"eni-1", "sg-2"} <= decoded(record("ModifyNetworkInterfaceAttribute", TIME, request)).mentions
