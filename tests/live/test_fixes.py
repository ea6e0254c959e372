"""Fixes for a live account: one more round of calls at most, and commands that AWS (as moto) takes as they stand."""

from __future__ import annotations

from typing import Any, cast

import boto3
import pytest
from botocore import xform_name

from tests.live.company import APP, OFFICE, STRANGER, Company, backend
from tests.live.test_rounds import QUESTIONS
from tests.moto_server import REGION, Overlay
from whyblocked.api import Session, live
from whyblocked.config.live import Live
from whyblocked.config.planned.arguments import call
from whyblocked.config.planned.shell import commands
from whyblocked.diagnosis.answer import Answer
from whyblocked.question.grammar import parse

BLOCKED = [question for question, verdict in QUESTIONS if verdict in ("blocked", "partial")]
UNFILTERED = {"DescribeInternetGateways", "DescribeEgressOnlyInternetGateways", "DescribeSubnets"}


def fixed(question: str) -> tuple[Answer, Live, int]:
    """The answer with its fixes, and in which round it was without."""
    account = live()
    session = Session(account)
    source = cast(Live, account.source)
    found = session.explain(parse(question))
    waves = source.waves
    return session.fix(parse(question), found), source, waves


def carry_out(script: str) -> None:
    """Each command as a call by boto3, what it makes for itself by another one before."""
    made: dict[str, str] = {}
    for command in commands(script, "fix.sh"):
        found = call(command, "fix.sh")
        client = cast(Any, boto3).client(found.service, region_name=found.region or REGION)
        parameters = found.parameters
        allocation = str(parameters.get("AllocationId", ""))
        if allocation.startswith("eipalloc-new"):
            parameters["AllocationId"] = client.allocate_address(Domain="vpc")["AllocationId"]
        parameters = {
            key: made.get(value, value) if isinstance(value, str) else value for key, value in parameters.items()
        }
        getattr(client, xform_name(found.operation))(**parameters)


@pytest.mark.parametrize("question", BLOCKED)
def test_a_fix_takes_one_more_round_at_most(company: Company, question: str) -> None:
    answer, source, waves = fixed(company.fill(question))
    assert source.waves <= waves + 1
    asked = [(name, repr(parameters)) for name, parameters in source.calls]
    assert len(asked) == len(set(asked)), f"made twice: {asked}"
    whole = {name for name, parameters in source.calls if not parameters}
    assert not {name for name in whole if "PublicAccess" not in name} - UNFILTERED
    assert answer.fixes or answer.no_fix


def test_what_else_the_rule_allows_is_read_with_it(company: Company) -> None:
    answer, source, _ = fixed(f"{STRANGER} -> web-1:22")
    assert answer.fixes[0].also_allows is not None
    assert "is on 2 interfaces" in answer.fixes[0].also_allows  # web-1's and kiosk's
    assert ("DescribeNetworkInterfaces", {"Filters": [{"Name": "group-id", "Values": [company.web_group]}]}) in [
        (name, {"Filters": parameters["Filters"]}) for name, parameters in source.calls if "Filters" in parameters
    ]


@pytest.mark.parametrize(
    ("question", "operations"),
    [
        (f"{STRANGER} -> web-1:22", ["authorize-security-group-ingress"]),
        ("app -> web-1:22", ["authorize-security-group-ingress"]),
        (f"{OFFICE} -> kiosk:443", ["create-network-acl-entry"]),
        ("app -> batch:8080", ["authorize-security-group-ingress", "start-instances"]),
        ("web-1 -> database:5432", ["create-route", "authorize-security-group-ingress"]),
    ],
)
def test_the_commands_mend_the_account(company: Company, question: str, operations: list[str]) -> None:
    before, _, _ = fixed(question)
    assert before.verdict in ("blocked", "partial")
    fix = before.fixes[0]
    assert [command.split()[2] for command in fix.commands] == operations
    carry_out("\n".join(fix.commands))
    after, _, _ = fixed(question)
    assert (after.verdict, after.fixes) == ("allowed", [])


def test_an_entry_of_the_list_that_the_rule_names_mends_it_as_well(company: Company) -> None:
    question = "198.51.100.177 -> web-1:22"
    before, _, _ = fixed(question)
    _, entry = before.fixes
    (command,) = entry.commands
    assert command.split()[2] == "modify-managed-prefix-list"
    assert "1 rule of 1 security group" in (entry.also_allows or "")
    carry_out(command)
    after, _, _ = fixed(question)
    assert after.verdict == "allowed"


def test_a_blackhole_in_front_of_a_route_that_works_is_deleted(company: Company) -> None:
    question = "app -> 203.0.113.9:443"
    working, _, _ = fixed(question)
    assert working.verdict == "allowed", working.summary
    (table_id,) = (hop.id for hop in working.forward[:4] if hop.kind == "route-table")
    company.ec2.create_route(
        RouteTableId=table_id, DestinationCidrBlock="203.0.113.0/24", VpcPeeringConnectionId=company.peering
    )
    table = backend().route_tables[table_id]
    (made,) = (route for route in table.routes if route.destination_cidr_block == "203.0.113.0/24")
    made.state = "blackhole"
    before, _, _ = fixed(question)
    assert before.verdict == "blocked"
    (command,) = before.fixes[0].commands
    assert command.split()[2] == "delete-route"
    carry_out(command)
    after, _, _ = fixed(question)
    assert (after.verdict, after.fixes) == ("allowed", [])


def test_an_elastic_ip_address_is_allocated_where_it_is_needed(company: Company) -> None:
    """The route of the subnet leads to the NAT gateway: the reply to who comes in has to leave by the other gateway."""
    before, _, _ = fixed(f"{OFFICE} -> app:8080")
    assert before.verdict == "blocked"
    fix = before.fixes[0]
    assert any("allocate-address" in command for command in fix.commands)
    carry_out("\n".join(fix.commands))
    (interface,) = company.ec2.describe_network_interfaces(
        Filters=[{"Name": "attachment.instance-id", "Values": [APP]}]
    )["NetworkInterfaces"]
    public = interface["Association"]["PublicIp"]
    try:
        after, _, _ = fixed(f"{OFFICE} -> app:8080")
        assert (after.verdict, after.question.destination) == ("allowed", APP)
    finally:
        (address,) = company.ec2.describe_addresses(PublicIps=[public])["Addresses"]
        company.ec2.disassociate_address(AssociationId=address["AssociationId"])


@pytest.fixture
def asking(server: Overlay, served: Company, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A session behind the server, which can be told to refuse between the answer and its fix."""
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    return Session(live())


@pytest.mark.parametrize("code", ["UnauthorizedOperation", "RequestLimitExceeded"])
def test_where_more_may_not_be_read_the_fix_tells_what_it_does_not_know(
    server: Overlay, asking: Session, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    question = parse(f"{STRANGER} -> web-1:22")
    found = asking.explain(question)
    server.refuse("DescribeNetworkInterfaces", code)
    fix = asking.fix(question, found).fixes[0]
    assert fix.also_allows is not None
    assert "could not be read" in fix.also_allows


def test_where_the_remedy_itself_may_not_be_read_there_is_none_and_a_reason(
    server: Overlay, served: Company, asking: Session
) -> None:
    """What there is to route to is not known, and only what is could be proposed."""
    question = parse("web-1 -> database:5432")
    found = asking.explain(question)
    assert found.verdict == "blocked"
    server.refuse("DescribeVpcPeeringConnections", "UnauthorizedOperation")
    answer = asking.fix(question, found)
    assert answer.fixes == []
    assert answer.no_fix
