"""Fixes for routes that lead nowhere, and the reasons where nothing mends them."""

from __future__ import annotations

import pytest

from tests.builders import ANYWHERE, OUT, Network, To, every, gone, route
from tests.fixing.test_ways import CLIENT, told, two_subnets
from tests.semantics.test_middleboxes import redirected

NAT: dict[str, str | To] = {ANYWHERE: "nat-1"}
OUTSIDE: dict[str, str | To] = {ANYWHERE: "igw-1"}


# -- blackholes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", ["203.0.113.5/32", "203.0.113.0/24"])
@pytest.mark.parametrize("target", ["pcx-0", "eni-0", "tgw-0"])
def test_a_blackhole_in_front_of_a_wider_route_that_leads_there_is_taken_out(block: str, target: str) -> None:
    answer = two_subnets({**NAT, block: gone(target)}).fix(f"app -> {CLIENT}:443")
    assert told(answer) == [f"delete-route --route-table-id rtb-private --destination-cidr-block {block}"]
    (fix,) = answer.fixes
    assert "the route to 0.0.0.0/0 by nat-1 takes its packets" in fix.summary
    assert f"{block} takes the wider route" in (fix.also_allows or "")
    assert any("firewall" in warning for warning in fix.warnings)
    assert any(f"Take out the route to {block}" in line for line in fix.terraform)


def test_a_part_of_the_internet_that_a_blackhole_swallows_goes_with_the_rest_again() -> None:
    answer = two_subnets({**NAT, "192.0.2.0/24": gone("pcx-0")}).fix("app -> internet:443")
    assert answer.verdict == "partial"
    assert told(answer) == ["delete-route --route-table-id rtb-private --destination-cidr-block 192.0.2.0/24"]


def test_a_reply_that_a_blackhole_swallows_goes_back_by_the_wider_route() -> None:
    net = two_subnets({ANYWHERE: "igw-1", f"{CLIENT}/32": gone("eni-0")}, public="198.51.100.10")
    answer = net.fix(f"{CLIENT} -> app:443")
    assert told(answer) == [f"delete-route --route-table-id rtb-private --destination-cidr-block {CLIENT}/32"]


def test_a_blackhole_with_no_wider_route_is_pointed_to_the_nat_gateway() -> None:
    answer = two_subnets({f"{CLIENT}/32": gone("pcx-0")}).fix(f"app -> {CLIENT}:443")
    assert told(answer) == [
        f"replace-route --route-table-id rtb-private --destination-cidr-block {CLIENT}/32 --nat-gateway-id nat-1"
    ]


def test_another_nat_gateway_comes_before_taking_the_route_out() -> None:
    net = two_subnets({**NAT, f"{CLIENT}/32": gone("nat-0")})
    first, second = net.fix(f"app -> {CLIENT}:443").fixes
    assert "replace-route" in first.commands[0]
    assert "delete-route" in second.commands[0]


def test_a_blackhole_is_not_taken_out_where_the_wider_route_leads_astray() -> None:
    answer = two_subnets({**NAT, "10.9.0.0/16": gone("pcx-0")}).fix("app -> 10.9.0.1:443")
    assert answer.fixes == []
    assert "nor a wider route that leads there" in (answer.no_fix or "")


# -- a NAT gateway in a subnet that routes to it -----------------------------------------------------------------------


def circling(*, gateway: bool = True) -> Network:
    """``app`` behind a NAT gateway that routes to itself, ``web`` beside it."""
    net = Network()
    if gateway:
        net.internet_gateway()
    net.subnet("public", "10.0.1.0/24", routes=NAT)
    net.nat_gateway("nat-1", "10.0.1.7", "198.51.100.7")
    net.subnet("private", "10.0.2.0/24", routes=NAT)
    net.group("sg-app", [every("-1", ANYWHERE)], OUT)
    net.instance("app", "10.0.2.10", groups=["sg-app"])
    net.instance("web", "10.0.1.10", groups=["sg-app"], public="198.51.100.10")
    return net


TO_THE_INTERNET = "replace-route --route-table-id rtb-public --destination-cidr-block 0.0.0.0/0 --gateway-id igw-1"


@pytest.mark.parametrize("question", ["app -> internet:443", f"app -> {CLIENT}:443", "web -> internet:443"])
def test_the_subnet_of_a_nat_gateway_that_routes_to_itself_gets_the_internet_gateway(question: str) -> None:
    answer = circling().fix(question)
    assert answer.verdict == "blocked"
    assert told(answer) == [TO_THE_INTERNET]


def test_a_route_in_a_circle_is_none_that_works_so_that_a_reply_may_have_it() -> None:
    assert told(circling().fix("internet -> web:443")) == [TO_THE_INTERNET]


def test_the_subnet_of_a_nat_gateway_that_shares_the_main_table_with_its_clients_gets_that_of_public_subnets() -> None:
    net = Network()
    net.internet_gateway()
    net.subnet("other", "10.0.5.0/24", routes=OUTSIDE)
    net.subnet("public", "10.0.1.0/24")
    net.subnet("private", "10.0.2.0/24")
    net.nat_gateway("nat-1", "10.0.1.7", "198.51.100.7")
    main = next(one for one in net.responses["RouteTables"] if one["RouteTableId"] == "rtb-main-1")
    main["Routes"].append(route(ANYWHERE, "nat-1"))
    net.group("sg-app", [], OUT)
    net.instance("app", "10.0.2.10", groups=["sg-app"])
    answer = net.fix("app -> internet:443")
    assert told(answer) == ["associate-route-table --route-table-id rtb-other --subnet-id public"]
    assert len(answer.fixes) == 1


def test_a_circle_without_an_internet_gateway_says_what_is_missing() -> None:
    answer = circling(gateway=False).fix("app -> internet:443")
    assert answer.fixes == []
    assert answer.no_fix == (
        "nat-1 lies in public, and there the route to 0.0.0.0/0 of rtb-public leads back to it. It has to route to an "
        "internet gateway, and to vpc-1 none is attached."
    )


# -- past a middlebox --------------------------------------------------------------------------------------------------


def test_a_route_that_works_is_not_taken_away_to_lead_past_an_appliance() -> None:
    net = redirected(out="igw-1")
    (before,) = net.fix("web -> 192.0.2.80:443").fixes
    assert before.commands[0].startswith("aws ec2 create-route --route-table-id rtb-web ")
    table = next(one for one in net.responses["RouteTables"] if one["RouteTableId"] == "rtb-web")
    table["Routes"].append(route("192.0.2.80/32", "igw-1"))
    answer = net.fix("web -> 192.0.2.80:443")
    assert answer.fixes == []
    assert "has a route to 192.0.2.80/32 that works" in (answer.no_fix or "")
    assert "by eni-box instead is a decision for people" in (answer.no_fix or "")


# -- who asks from outside ---------------------------------------------------------------------------------------------


def inside(routes: dict[str, str | To], public: str | None = None, *, gateway: bool = True) -> Network:
    """``app`` in a subnet with these routes, beside that of a NAT gateway where there is an internet gateway."""
    net = Network()
    if gateway:
        net.internet_gateway()
        net.subnet("edge", "10.0.3.0/24", routes={ANYWHERE: "igw-1"})
        net.nat_gateway("nat-1", "10.0.3.7", "198.51.100.7")
    net.subnet("private", "10.0.2.0/24", routes=routes)
    net.group("sg-app", [every("-1", ANYWHERE)], OUT)
    net.instance("app", "10.0.2.10", groups=["sg-app"], public=public)
    return net


LAMBDA = "AWS Lambda VPC ENI-report-0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f"


@pytest.mark.parametrize(
    ("net", "source", "reason"),
    [
        (inside(NAT), "192.168.7.0/24", "192.168.7.0/24 lies behind nat-1, which accepts no connections. vpc-1 has no"),
        (inside(OUTSIDE), "192.168.7.0/24", "private source address (RFC1918). vpc-1 has no peering"),
        (inside({}), "192.168.7.0/24", "nothing that could lead to 192.168.7.0/24"),
        (inside({}, gateway=False), "192.168.7.0/24", "nothing that could lead to 192.168.7.0/24"),
        (inside(NAT), "internet", "rtb-private has a route to 0.0.0.0/0 that works"),
    ],
)
def test_why_nothing_lets_a_block_in_is_about_the_way_in(net: Network, source: str, reason: str) -> None:
    answer = net.fix(f"{source} -> app:443")
    assert answer.verdict == "blocked"
    assert answer.fixes == []
    assert reason in (answer.no_fix or "")
    assert "send through a NAT gateway" not in (answer.no_fix or "")


@pytest.mark.parametrize("source", [CLIENT, "203.0.113.0/24", "internet"])
@pytest.mark.parametrize("end", ["database", "function", "nobody"])
def test_what_can_have_no_public_address_is_not_told_how_to_send(source: str, end: str) -> None:
    net = inside(NAT)
    net.interface("eni-db", "10.0.2.31", groups=["sg-app"], description="RDSNetworkInterface", requester="amazon-rds")
    net.interface(
        "eni-report", "10.0.2.32", groups=["sg-app"], kind="lambda", description=LAMBDA, requester="AROAEXAMPLE:report"
    )
    address, reason = {
        "database": ("10.0.2.31", "it is reached from inside only, unless its service has a setting"),
        "function": ("10.0.2.32", "A Lambda function accepts no connections"),
        "nobody": ("10.0.2.77", "No interface is known there"),
    }[end]
    answer = net.fix(f"{source} -> {address}:443")
    assert answer.fixes == []
    assert reason in (answer.no_fix or "")


def test_a_private_block_that_a_peering_leads_to_gets_a_route_past_the_nat_gateway() -> None:
    net = inside(NAT)
    net.vpc("vpc-2", "192.168.0.0/16")
    net.peering("pcx-1", "vpc-1", "vpc-2")
    net.subnet("far", "192.168.7.0/24", vpc="vpc-2", routes={"10.0.0.0/16": "pcx-1"})
    net.group("sg-far", [], OUT, vpc="vpc-2")
    net.instance("far", "192.168.7.5", groups=["sg-far"])
    assert told(net.fix("192.168.7.0/24 -> app:443")) == [
        (
            "create-route --route-table-id rtb-private --destination-cidr-block 192.168.7.0/24 "
            "--vpc-peering-connection-id pcx-1"
        )
    ]


@pytest.mark.parametrize(
    ("routes", "public", "gateway", "verbs"),
    [
        ({}, None, False, ["create-internet-gateway", "attach-internet-gateway", "associate-address", "create-route"]),
        ({}, "198.51.100.10", False, ["create-internet-gateway", "attach-internet-gateway", "create-route"]),
        ({}, None, True, ["associate-address", "create-route"]),
        ({}, "198.51.100.10", True, ["create-route"]),
        (NAT, None, True, ["associate-address", "create-route"]),
        (OUTSIDE, None, True, ["associate-address"]),
    ],
)
def test_a_client_on_the_internet_is_let_in_by_what_is_missing(
    routes: dict[str, str | To], public: str | None, gateway: bool, verbs: list[str]
) -> None:
    answer = inside(routes, public, gateway=gateway).fix("203.0.113.0/24 -> app:443")
    commands = told(answer)
    assert len(commands) == len(verbs)
    assert all(verb in command for verb, command in zip(verbs, commands, strict=True))
