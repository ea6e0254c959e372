"""What to do about what could not be read."""

from __future__ import annotations

import io
import json
import shlex
from pathlib import Path
from typing import Any

import botocore.session
import msgspec
import pytest
from botocore import xform_name

from tests.builders import question_of
from tests.report import answers
from whyblocked.api import Session, snapshot
from whyblocked.config.operations import SAVED, Operation
from whyblocked.config.snapshot import load_snapshot
from whyblocked.report import html, markdown
from whyblocked.report.outline import outline
from whyblocked.report.text import build_console, render
from whyblocked.report.unread import ways_to_read

UNSAVED = "ec2:DescribeNetworkAcls: not in the snapshot"
COMMAND = "aws ec2 describe-network-acls > describe-network-acls.json"


def commands(*missing: str, region: str | None = None) -> list[str | None]:
    return [command for _, command in ways_to_read(missing, region)]


def test_a_list_that_a_snapshot_lacks_is_added_by_its_call_once() -> None:
    assert commands(UNSAVED, f"the ACL of subnet-1: {UNSAVED}") == [COMMAND]
    assert commands(UNSAVED, region="eu-west-1") == [
        "aws ec2 describe-network-acls --region eu-west-1 > describe-network-acls.json"
    ]


def test_what_one_object_has_is_asked_for_by_its_id() -> None:
    assert commands(
        "ec2:GetManagedPrefixListEntries: pl-2 is not in the snapshot",
        "ec2:SearchTransitGatewayRoutes: tgw-rtb-1 is not in the snapshot",
    ) == [
        "aws ec2 get-managed-prefix-list-entries --prefix-list-id pl-2 > get-managed-prefix-list-entries.pl-2.json",
        (
            "aws ec2 search-transit-gateway-routes --transit-gateway-route-table-id tgw-rtb-1 "
            "--filters Name=state,Values=active,blackhole > search-transit-gateway-routes.tgw-rtb-1.json"
        ),
    ]


def test_what_a_list_lacks_goes_beside_it_and_takes_nothing_away() -> None:
    assert commands("ec2:DescribeSubnets: subnet-9 is not in the snapshot") == [
        "aws ec2 describe-subnets > describe-subnets.subnet-9.json"
    ]


ELB = "arn:aws:elasticloadbalancing:eu-west-1:111122223333"


@pytest.mark.parametrize(
    ("call", "arn", "command", "file"),
    [
        (
            "DescribeTargetHealth",
            f"{ELB}:targetgroup/web/0123456789abcdef",
            "describe-target-health --target-group-arn",
            "describe-target-health.web.json",
        ),
        (
            "DescribeListeners",
            f"{ELB}:loadbalancer/app/shop/0123456789abcdef",
            "describe-listeners --load-balancer-arn",
            "describe-listeners.shop.json",
        ),
        (
            "DescribeRules",
            f"{ELB}:listener/app/shop/0123456789abcdef/fedcba9876543210",
            "describe-rules --listener-arn",
            "describe-rules.fedcba9876543210.json",
        ),
    ],
)
def test_what_a_load_balancer_has_is_asked_for_by_its_arn_into_a_file_of_its_name(
    call: str, arn: str, command: str, file: str
) -> None:
    assert commands(f"elasticloadbalancing:{call}: {arn} is not in the snapshot") == [
        f"aws elbv2 {command} {arn} --region eu-west-1 > {file}"
    ]


@pytest.mark.parametrize(
    "end", ["targetgroup/../../x", "targetgroup/$(reboot)/0", "targetgroup/a;b/0", "targetgroup/-a/0"]
)
def test_an_arn_that_is_none_of_a_load_balancer_is_in_no_command(end: str) -> None:
    text = f"elasticloadbalancing:DescribeTargetHealth: {ELB}:{end} is not in the snapshot"
    assert commands(text) == ["whyblocked snapshot save snapshot-anew"]


@pytest.mark.parametrize("name", ["../pl-1", "pl-1;reboot", "$(reboot)", "-rf", "a/b", "arn:aws:x:y"])
def test_an_id_that_is_a_path_an_option_or_a_command_is_in_no_command(name: str) -> None:
    for call in ("GetManagedPrefixListEntries", "DescribeSubnets"):
        assert commands(f"ec2:{call}: {name} is not in the snapshot") == ["whyblocked snapshot save snapshot-anew"]


def test_a_region_is_quoted_for_the_shell() -> None:
    (command,) = commands(UNSAVED, region="eu west;reboot")
    assert command is not None
    assert "eu west;reboot" in shlex.split(command)


def test_a_permission_that_aws_refuses_is_to_be_asked_for_once_an_account() -> None:
    denied = "ec2:DescribeNetworkAcls: AccessDenied"
    elsewhere = "ec2:DescribeNetworkAcls in account 111122223333: AccessDenied"
    assert ways_to_read([denied, denied, elsewhere]) == [
        ("Ask for the permission ec2:DescribeNetworkAcls, which AWS refuses here.", None),
        ("Ask for the permission ec2:DescribeNetworkAcls in account 111122223333, which AWS refuses here.", None),
    ]


@pytest.mark.parametrize(
    "text",
    ["ec2:DescribeSubnets: subnet-9 not found in eu-west-1", "what an appliance does", "", "ec2:DescribeNone: x"],
)
def test_what_nothing_would_give_has_no_way(text: str) -> None:
    assert ways_to_read([text]) == []


@pytest.mark.parametrize("operation", SAVED, ids=lambda operation: operation.name)
def test_every_command_is_one_that_the_aws_cli_knows(operation: Operation) -> None:
    about = "x-1 is " if operation.each else ""
    if operation.service == "elbv2" and operation.each:
        about = f"{ELB}:targetgroup/x/0 is "
    seen = 0
    for command in commands(f"{operation.permission}: {about}not in the snapshot"):
        assert command is not None
        program, service, call, *options = shlex.split(command.partition(" > ")[0])
        if program != "aws":
            continue
        model: Any = botocore.session.get_session().get_service_model(service)
        (name,) = [name for name in model.operation_names if xform_name(name, "-") == call]
        shape = model.operation_model(name).input_shape
        known = {f"--{xform_name(member, '-')}" for member in (shape.members if shape else ())}
        given = {word for word in options if word.startswith("--")} - {"--region"}
        assert given <= known
        assert {f"--{xform_name(member, '-')}" for member in (shape.required_members if shape else ())} <= given
        seen += 1
    assert seen or (operation.each and operation.each.parameter.endswith("Arn"))


def test_a_file_so_named_is_read_as_what_was_missing(tmp_path: Path) -> None:
    (command,) = commands("ec2:GetManagedPrefixListEntries: pl-2 is not in the snapshot")
    assert command is not None
    lists = {"PrefixLists": [{"PrefixListId": "pl-2", "PrefixListName": "offices", "AddressFamily": "IPv4"}]}
    (tmp_path / "lists.json").write_text(json.dumps(lists))
    (tmp_path / command.partition(" > ")[2]).write_text(json.dumps({"Entries": [{"Cidr": "192.0.2.0/24"}]}))
    assert load_snapshot(tmp_path).prefix_list("pl-2") == ("192.0.2.0/24",)


def test_every_report_of_an_open_answer_shows_the_command() -> None:
    found = msgspec.structs.replace(answers.undetermined(), missing=[UNSAVED])
    stream = io.StringIO()
    render(found, build_console(stream, False, 80))
    assert f"    {COMMAND}\n" in stream.getvalue()
    assert f"\n{COMMAND}\n" in markdown.render(found)
    assert f"<pre>{COMMAND.replace('>', '&gt;')}</pre>" in html.render(found)


def test_an_answer_that_is_decided_asks_for_nothing_more() -> None:
    found = msgspec.structs.replace(answers.allowed(), missing=[UNSAVED])
    assert outline(found).next_steps == []


@pytest.mark.parametrize(
    "lacking",
    ["describe-network-acls", "describe-route-tables", "describe-security-groups", "describe-subnets"],
)
def test_what_the_commands_add_to_a_snapshot_decides_the_question(tmp_path: Path, lacking: str) -> None:
    incident = Path(__file__).parents[2] / "fixtures" / "18-packets-never-came"
    saved = {path.name: path.read_bytes() for path in (incident / "snapshot").glob("*.json")}
    called = {f"aws ec2 {name.removesuffix('.json')}": data for name, data in saved.items()}
    for name, data in saved.items():
        if name != f"{lacking}.json":
            (tmp_path / name).write_bytes(data)
    question = question_of((incident / "question.txt").read_text().strip())
    found = Session(snapshot(tmp_path)).explain(question)
    assert found.verdict == "undetermined"
    for command in commands(*found.missing):
        assert command is not None
        (tmp_path / command.partition(" > ")[2]).write_bytes(called[command.partition(" > ")[0]])
    assert Session(snapshot(tmp_path)).explain(question).verdict == "allowed"
