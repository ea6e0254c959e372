"""Targets that nothing leads to: they are taken out, and do not keep the others from being mended."""

from __future__ import annotations

from typing import Any

import pytest

from tests.semantics.test_load_balancers import TARGET, Shop

VACANT = "10.0.4.99"  # of a subnet, but no interface's
OUTSIDE = "192.168.7.7"  # of no VPC


def registered(*others: str, **settings: Any) -> Shop:
    made = Shop(**settings)
    return made.targets(targets=dict.fromkeys((TARGET, *others)), kind="ip").balanced()


@pytest.mark.parametrize("lost", [VACANT, OUTSIDE])
def test_a_target_that_nothing_leads_to_is_deregistered(lost: str) -> None:
    (fix,) = registered(lost).net.fix("client -> shop:80").fixes
    (command,) = fix.commands
    assert command.startswith("aws elbv2 deregister-targets --target-group-arn arn:aws:elasticloadbalancing:")
    assert f" --targets Id={lost},Port=8080" in command
    assert any("if its host is still there" in warning for warning in fix.warnings)


def test_it_does_not_keep_the_others_from_being_mended() -> None:
    answer = registered(OUTSIDE, VACANT, ingress={"web-1": []}).net.fix("client -> shop:80")
    calls = [command.split()[2] for command in answer.fixes[0].commands]
    assert sorted(calls) == ["authorize-security-group-ingress", "deregister-targets", "deregister-targets"]


def test_where_it_is_the_only_one_there_is_no_fix() -> None:
    made = Shop().targets(targets={VACANT: None}, kind="ip").balanced()
    answer = made.net.fix("client -> shop:80")
    assert (answer.verdict, answer.fixes) == ("blocked", [])
    assert answer.no_fix


def test_no_public_address_and_no_nat_gateway_is_proposed_for_a_private_address_outside() -> None:
    made = registered(OUTSIDE)
    gateway = made.net.internet_gateway()
    for table in made.net.responses["RouteTables"]:
        table["Routes"].append(
            {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateway, "Origin": "CreateRoute", "State": "active"}
        )
    answer = made.net.fix("client -> shop:80")
    assert "public address" not in (answer.no_fix or "")
    assert all("associate-address" not in command for fix in answer.fixes for command in fix.commands)
    assert "deregister-targets" in answer.fixes[0].commands[0]
