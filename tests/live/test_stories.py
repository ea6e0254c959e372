"""The main stories, told by the program itself: a subprocess that asks an account behind a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.cli.programs import install, on_terminal
from tests.live.asking import Ask, run
from tests.live.company import ANYWHERE, APP, BATCH, WEB, Company, backend, known_ids, permission
from tests.moto_server import Overlay

REGIONS = (
    '<?xml version="1.0"?><DescribeRegionsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><regionInfo>'
    "<item><regionName>us-east-1</regionName></item><item><regionName>eu-west-1</regionName></item>"
    "</regionInfo></DescribeRegionsResponse>"
)


@contextmanager
def allowing(company: Company, group: str, rule: dict[str, Any]) -> Iterator[None]:
    """The group with one rule more."""
    company.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    try:
        yield
    finally:
        company.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[rule])


# -- the question of the name ----------------------------------------------------------------------------------------


def test_a_group_blocks_until_it_allows(server: Overlay, served: Company) -> None:
    before = run(server, "192.0.2.77", "->", "i-abc:22", "--output", "json")
    assert (before.status, before.verdict, before.err) == (1, "blocked", "")
    (finding,) = before.answer["blocked_by"]
    assert (finding["layer"], finding["direction"], finding["leg"]) == ("security-group", "ingress", "forward")
    assert finding["resource_ids"] == [served.web_group]
    assert (finding["interface_id"], finding["region"]) == (served.web_interface, "us-east-1")
    with allowing(served, served.web_group, permission("tcp", 22, cidr="192.0.2.0/24")):
        after = run(server, "192.0.2.77", "->", "i-abc:22", "--output", "json")
    assert (after.status, after.verdict, after.answer["blocked_by"]) == (0, "allowed", [])
    assert after.answer["question"]["destination"] == WEB


def test_the_report_names_rule_place_and_nearest_rules(server: Overlay, served: Company) -> None:
    report = run(server, "192.0.2.77", "to", "i-abc:22")
    assert (report.status, report.err) == (1, "")
    for words in (
        "BLOCKED",
        served.web_group,
        served.web_interface,
        "Nearest rules",
        served.office,
        "create-flow-logs",
    ):
        assert words in report.out
    assert "\x1b" not in report.out


def test_the_line_as_people_type_it_reaches_a_live_account(server: Overlay, served: Company, tmp_path: Path) -> None:
    shown = on_terminal(
        ["bash", "-c", "whyblocked 203.0.113.5 -> i-abc:22"],
        tmp_path,
        install(tmp_path / "bin"),
        **server.environment(),
    )
    assert shown.status == 0
    assert f"203.0.113.5 -> {WEB} (web-1) tcp/22" in shown.out
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]


# -- what stops packets ----------------------------------------------------------------------------------------------


def test_replies_that_a_network_acl_lets_out_in_part_are_partial(server: Overlay, ask: Ask, served: Company) -> None:
    asked = run(server, "203.0.113.5 -> kiosk:443", "--output", "json")
    assert (asked.status, asked.verdict) == (1, "partial")
    (finding,) = asked.answer["blocked_by"]
    assert (finding["layer"], finding["leg"], finding["direction"]) == ("network-acl", "return", "egress")
    assert finding["rule"]["rule_number"] == 32767
    assert finding["packets"]["source_ports"] == "1024-32767"
    whole = ask("203.0.113.5 -> kiosk:443", "--source-port", "40000")
    assert (whole.status, whole.verdict) == (0, "allowed")


def test_a_network_acl_that_denies_blocks_by_its_number(ask: Ask, served: Company) -> None:
    filters = [{"Name": "association.subnet-id", "Values": [served.private]}]
    (acl,) = served.ec2.describe_network_acls(Filters=filters)["NetworkAcls"]
    rule = {"NetworkAclId": acl["NetworkAclId"], "RuleNumber": 90, "Egress": False}
    served.ec2.create_network_acl_entry(
        **rule, Protocol="6", RuleAction="deny", CidrBlock="10.0.1.0/24", PortRange={"From": 8080, "To": 8080}
    )
    try:
        asked = ask("web-1 -> app:8080")
    finally:
        served.ec2.delete_network_acl_entry(**rule)
    assert asked.status == 1
    (finding,) = asked.answer["blocked_by"]
    assert (finding["code"], finding["rule"]["rule_number"]) == ("SUBNET_ACL_RESTRICTION", 90)
    assert finding["resource_ids"] == [acl["NetworkAclId"]]


def test_a_stopped_instance_answers_nothing(ask: Ask, served: Company) -> None:
    asked = ask("10.0.1.10 -> batch:22")
    assert (asked.status, asked.codes) == (1, ["BAD_STATE"])
    assert asked.answer["blocked_by"][0]["resource_ids"] == [BATCH]
    assert "stopped" in asked.answer["summary"]


def test_a_private_instance_reaches_the_internet_through_the_nat_gateway(ask: Ask, served: Company) -> None:
    asked = ask("app -> internet:443")
    assert (asked.status, asked.verdict) == (0, "allowed")
    assert [hop["kind"] for hop in asked.answer["forward"]].count("nat-gateway") == 1


def test_a_route_into_nothing_blocks(ask: Ask, served: Company) -> None:
    (route,) = (
        route for table in backend().route_tables.values() for route in table.routes if route.nat_gateway is not None
    )
    route.state = "blackhole"
    try:
        asked = ask("app -> internet:443")
    finally:
        route.state = "active"
    assert asked.status == 1
    assert asked.answer["blocked_by"][0]["layer"] == "route-table"
    assert asked.answer["blocked_by"][0]["rule"]["state"] == "blackhole"


def test_a_peered_vpc_is_reached_and_its_group_blocks(ask: Ask, served: Company) -> None:
    through = ask("app -> database:5432")
    assert (through.status, through.verdict) == (0, "allowed")
    assert served.peering in {hop["id"] for hop in through.answer["forward"]}
    blocked = ask("app -> database:22")
    assert (blocked.status, blocked.codes) == (1, ["ENI_SG_RULES_MISMATCH"])
    beyond = ask("web-1 -> database:5432")  # the public subnet has no route there
    assert beyond.status == 1
    assert beyond.answer["blocked_by"][0]["layer"] in ("route-table", "internet-gateway")


def test_a_peering_connection_that_is_gone_blocks(ask: Ask, served: Company) -> None:
    peering = backend().vpc_pcxs[served.peering]
    peering._status.code, before = "deleted", peering._status.code
    try:
        asked = ask("app -> database:5432")
    finally:
        peering._status.code = before
    assert asked.status == 1
    assert {finding["layer"] for finding in asked.answer["blocked_by"]} == {"vpc-peering"}


def test_a_reference_to_a_group_lets_its_members_in(ask: Ask, served: Company) -> None:
    assert ask("web-1 -> app:8080").status == 0
    assert ask("batch -> app:8080").status == 1


# -- finding the ends ------------------------------------------------------------------------------------------------


def test_a_name_tag_is_an_end(ask: Ask, served: Company) -> None:
    asked = ask("203.0.113.5 -> web-1:22")
    assert (asked.status, asked.answer["question"]["destination"]) == (0, WEB)
    assert asked.answer["question"]["destination_name"] == "web-1"


def test_an_ambiguous_short_id_lists_its_candidates(server: Overlay, served: Company) -> None:
    asked = run(server, "203.0.113.5 -> i-ab:22")
    assert (asked.status, asked.out) == (2, "")
    first, *candidates = asked.err.splitlines()
    assert "'i-ab' is ambiguous" in first
    assert [line.split()[0] for line in candidates] == sorted([WEB, BATCH])


def test_an_ambiguous_name_lists_its_candidates(ask: Ask, served: Company) -> None:
    served.ec2.create_tags(Resources=[APP], Tags=[{"Key": "Name", "Value": "web-1"}])
    try:
        asked = ask("203.0.113.5 -> web-1:22")
    finally:
        served.ec2.create_tags(Resources=[APP], Tags=[{"Key": "Name", "Value": "app"}])
    assert asked.status == 2
    assert [line.split()[0] for line in asked.err.splitlines()[1:]] == sorted([APP, WEB])


@pytest.mark.parametrize("end", ["i-f00", "nobody", "i-0fffffffffffffff0"])
def test_what_is_not_found_says_where_was_looked_and_how_to_look_elsewhere(ask: Ask, served: Company, end: str) -> None:
    asked = ask(f"203.0.113.5 -> {end}:22")
    assert (asked.status, asked.out) == (2, "")
    (line,) = asked.err.splitlines()
    assert end in line
    assert "us-east-1" in line
    assert "--region" in line
    assert "--profile" in line


def test_what_is_in_another_region_says_so(server: Overlay, ask: Ask, served: Company) -> None:
    server.add("DescribeRegions", 200, REGIONS)
    there = boto3.client(
        "ec2",
        region_name="eu-west-1",
        endpoint_url=server.url,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    vpc = there.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    subnet = there.create_subnet(VpcId=vpc, CidrBlock="10.8.0.0/24")["Subnet"]["SubnetId"]
    with known_ids("i-0eee5555555555555"):
        there.run_instances(ImageId="ami-1e749f67", MinCount=1, MaxCount=1, SubnetId=subnet)
    asked = ask("203.0.113.5 -> i-eee:22")
    assert asked.status == 2
    assert "but in eu-west-1: use --region eu-west-1" in asked.err
    found = ask("203.0.113.5 -> i-eee:22", "--region", "eu-west-1")
    assert (found.status, found.answer["blocked_by"][0]["region"]) == (1, "eu-west-1")
    assert not found.err


def test_ends_outside_of_the_account_are_said(ask: Ask, served: Company) -> None:
    asked = ask("203.0.113.5 -> 192.0.2.77:22")
    assert asked.status == 2
    assert "both ends lie outside the account" in asked.err


def test_a_host_that_nobody_has_is_taken_as_one_with_a_warning(ask: Ask, served: Company) -> None:
    asked = ask("10.0.1.99 -> app:22")
    assert asked.status == 0
    assert any("No interface owns 10.0.1.99" in warning for warning in asked.answer["warnings"])


def test_a_group_that_lets_everyone_in_is_open_without_a_port(ask: Ask, served: Company) -> None:
    with allowing(served, served.app_group, permission("tcp", (9000, 9010), cidr=ANYWHERE)):
        asked = ask("10.0.1.10 -> app")
    assert (asked.status, asked.verdict) == (1, "partial")
    assert asked.answer["open_ports"] == "22,8080,9000-9010"
