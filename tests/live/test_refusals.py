"""What AWS refuses, forgets or garbles in the middle of a question, and what becomes of the answer."""

from __future__ import annotations

import pytest

from tests.live.asking import Ask, run
from tests.live.company import WEB, Company
from tests.moto_server import Overlay

OPEN, SHUT = "203.0.113.5 -> i-abc:22", "192.0.2.77 -> i-abc:22"
HTML = "<!doctype html><html><title>500 Internal Server Error</title><h1>Oops</h1></html>"
NOTHING = (
    '<?xml version="1.0"?><{0}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
    "<requestId>0</requestId></{0}Response>"
)
DENIED = "UnauthorizedOperation"


# -- the run ends ----------------------------------------------------------------------------------------------------


def test_throttling_is_waited_out(server: Overlay, served: Company) -> None:
    server.refuse("DescribeNetworkInterfaces", "RequestLimitExceeded", times=2)
    asked = run(server, OPEN, "--output", "json", "--no-flow-logs")
    assert (asked.status, asked.verdict, asked.err) == (0, "allowed", "")


def test_throttling_past_the_retries_ends_the_run(server: Overlay, served: Company) -> None:
    server.refuse("DescribeNetworkInterfaces", "RequestLimitExceeded")
    asked = run(server, OPEN, "--output", "json", AWS_MAX_ATTEMPTS="1")
    assert (asked.status, asked.out) == (4, "")
    assert "ec2:DescribeNetworkInterfaces in us-east-1 because of too many requests" in asked.err
    assert asked.err.count("\n") == 1


@pytest.mark.parametrize("code", ["ExpiredToken", "RequestExpired", "AuthFailure", "InvalidClientTokenId"])
def test_credentials_that_ran_out_say_how_to_sign_in_again(
    server: Overlay, ask: Ask, served: Company, code: str
) -> None:
    server.refuse("DescribeInstances", code)
    asked = ask(OPEN)
    assert (asked.status, asked.out) == (4, "")
    assert code in asked.err
    assert "sign in again" in asked.err
    assert asked.err.count("\n") == 1


def test_an_error_on_aws_side_ends_the_run(server: Overlay, ask: Ask, served: Company) -> None:
    server.refuse("DescribeVpcs", "InternalError")
    asked = ask(OPEN, AWS_MAX_ATTEMPTS="1")
    assert (asked.status, asked.out) == (4, "")
    assert "AWS failed on ec2:DescribeVpcs in us-east-1" in asked.err


# -- one call is denied ----------------------------------------------------------------------------------------------


def test_a_denied_call_leaves_the_answer_open_and_names_the_permission(server: Overlay, served: Company) -> None:
    server.refuse("DescribeNetworkAcls", DENIED)
    asked = run(server, OPEN, "--output", "json")
    assert (asked.status, asked.verdict) == (3, "undetermined")
    assert asked.answer["missing"] == ["ec2:DescribeNetworkAcls: AccessDenied"]
    assert "ec2:DescribeNetworkAcls" in asked.answer["summary"]
    report = run(server, OPEN)
    assert report.status == 3
    assert "UNDETERMINED" in report.out
    assert "ec2:DescribeNetworkAcls" in report.out


def test_what_certainly_blocks_blocks_whatever_else_is_denied(server: Overlay, ask: Ask, served: Company) -> None:
    for operation in ("DescribeNetworkAcls", "DescribeRouteTables", "DescribeInstances"):
        server.refuse(operation, DENIED)
    asked = ask(SHUT)
    assert (asked.status, asked.verdict, asked.codes) == (1, "blocked", ["ENI_SG_RULES_MISMATCH"])
    assert set(asked.answer["missing"]) >= {
        "ec2:DescribeNetworkAcls: AccessDenied",
        "ec2:DescribeRouteTables: AccessDenied",
    }


@pytest.mark.parametrize(
    "operation",
    [
        "DescribeInstances",
        "DescribeInternetGateways",
        "DescribeNetworkAcls",
        "DescribeNetworkInterfaces",
        "DescribeRouteTables",
        "DescribeSecurityGroups",
        "DescribeSubnets",
        "DescribeVpcBlockPublicAccessOptions",
        "GetManagedPrefixListEntries",
    ],
)
def test_each_call_that_matters_is_missing_by_its_permission(
    server: Overlay, ask: Ask, served: Company, operation: str
) -> None:
    server.refuse(operation, DENIED)
    asked = ask(OPEN)
    assert (asked.status, asked.verdict) == (3, "undetermined")
    assert asked.answer["missing"] == [f"ec2:{operation}: AccessDenied"]
    assert asked.answer["blocked_by"] == [], "what could not be read blocks nothing"
    assert asked.err == ""


@pytest.mark.parametrize(
    ("operation", "question"),
    [
        ("DescribeNatGateways", "app -> internet:443"),
        ("DescribeVpcPeeringConnections", "app -> database:5432"),
        ("DescribeSubnets", "internet -> 10.0.1.0/24:443"),
        ("DescribeSubnets", "10.9.9.9 -> i-abc:443"),
        ("DescribeSubnets", "10.0.1.99 -> 192.0.2.77:443"),
        ("DescribeInstances", "web-1 -> app:8080"),
        ("DescribeNetworkInterfaces", "10.0.1.10 -> 10.0.2.20:22"),
    ],
)
def test_what_lies_further_off_is_missing_too(
    server: Overlay, ask: Ask, served: Company, operation: str, question: str
) -> None:
    server.refuse(operation, DENIED)
    asked = ask(question)
    assert (asked.status, asked.verdict, asked.codes) == (3, "undetermined", [])
    assert asked.answer["missing"] == [f"ec2:{operation}: AccessDenied"]


def test_rules_without_their_ids_are_rules_all_the_same(server: Overlay, ask: Ask, served: Company) -> None:
    whole = ask(OPEN)
    server.refuse("DescribeSecurityGroupRules", DENIED)
    asked = ask(OPEN)
    assert (asked.status, asked.answer["missing"]) == (0, [])
    assert any("ec2:DescribeSecurityGroupRules" in warning for warning in asked.answer["warnings"])
    allowed_by = [
        next(hop["rule"] for hop in one.answer["forward"] if hop["kind"] == "security-group") for one in (whole, asked)
    ]
    assert allowed_by[0]["rule_id"].startswith("sgr-")
    assert allowed_by[1] == {**allowed_by[0], "rule_id": None}


def test_everything_denied_is_undetermined_and_not_an_error(server: Overlay, served: Company) -> None:
    run(server, OPEN)
    for operation in set(server.log):
        server.refuse(operation, DENIED)
    asked = run(server, OPEN, "--output", "json")
    assert (asked.status, asked.verdict, asked.err) == (3, "undetermined", "")
    assert asked.answer["missing"]
    assert asked.answer["evidence"]["status"] == "unavailable"


def test_a_page_of_html_from_everything_is_undetermined(server: Overlay, served: Company) -> None:
    run(server, OPEN)
    for operation in set(server.log):
        server.add(operation, 500, HTML, "text/html")
    asked = run(server, OPEN, "--output", "json")
    assert (asked.status, asked.verdict, asked.err) == (3, "undetermined", "")
    assert "html" not in asked.out


# -- what is gone between two calls ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "question"),
    [
        ("DescribeInstances", OPEN),
        ("DescribeNetworkInterfaces", OPEN),
        ("DescribeSubnets", OPEN),
        ("DescribeRouteTables", OPEN),
        ("DescribeNetworkAcls", OPEN),
        ("DescribeSecurityGroups", OPEN),
        ("DescribeNatGateways", "app -> internet:443"),
        ("DescribeVpcPeeringConnections", "app -> database:5432"),
    ],
)
def test_what_vanished_between_two_calls_leaves_the_answer_open(
    server: Overlay, ask: Ask, served: Company, operation: str, question: str
) -> None:
    server.add(operation, 200, NOTHING.format(operation))
    asked = ask(question)
    assert (asked.status, asked.verdict, asked.codes) == (3, "undetermined", [])
    assert all(missing.startswith(f"ec2:{operation}: ") for missing in asked.answer["missing"])
    assert asked.answer["missing"]


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("GetManagedPrefixListEntries", "InvalidPrefixListID.NotFound"),
        ("DescribeSecurityGroups", "InvalidGroup.NotFound"),
        ("DescribeSubnets", "InvalidSubnetID.NotFound"),
    ],
)
def test_an_id_that_aws_no_longer_knows_leaves_the_answer_open(
    server: Overlay, ask: Ask, served: Company, operation: str, code: str
) -> None:
    server.refuse(operation, code)
    asked = ask(OPEN)
    assert (asked.status, asked.verdict) == (3, "undetermined")
    assert "not found in us-east-1" in asked.answer["missing"][0]


def test_an_instance_that_was_terminated_meanwhile_is_said(server: Overlay, ask: Ask, served: Company) -> None:
    server.refuse("DescribeNetworkInterfaces", "InvalidNetworkInterfaceID.NotFound")
    asked = ask(OPEN)
    assert asked.status == 3
    assert f"the network interfaces of {WEB} could not be read" in asked.answer["summary"]


def test_an_answer_that_is_no_xml_is_a_call_that_is_not_offered(server: Overlay, ask: Ask, served: Company) -> None:
    server.add("DescribeSecurityGroups", 200, "<html>a proxy's page")
    asked = ask(OPEN)
    assert (asked.status, asked.answer["missing"]) == (3, ["ec2:DescribeSecurityGroups: not offered by this endpoint"])
