"""Fixes where routes lead to the wrong place, and where the VPN connection behind a transit gateway is down."""

from __future__ import annotations

import pytest

from tests.builders import Network
from tests.semantics.test_peering import between_twins
from tests.semantics.test_transit_gateways import hybrid, joined
from tests.transits import attach, transit_table
from whyblocked.diagnosis.answer import Answer

BLOCKS = {"10.0.0.0/16": "tgw-attach-1", "10.9.0.0/16": "tgw-attach-2"}


def commands(answer: Answer) -> list[str]:
    return [command.partition(" --region")[0] for fix in answer.fixes for command in fix.commands]


def transit_command(verb: str, block: str, attachment: str) -> str:
    return (
        f"aws ec2 {verb}-transit-gateway-route --transit-gateway-route-table-id tgw-rtb-1 "
        f"--destination-cidr-block {block} --transit-gateway-attachment-id {attachment}"
    )


@pytest.mark.parametrize("routes", [{"10.0.0.0/16": "pcx-ab", "10.0.1.0/24": "pcx-cb"}, {"10.0.0.0/16": "pcx-cb"}])
@pytest.mark.parametrize("question", ["b -> a:443", "a -> b:443"])
def test_a_route_of_its_own_past_the_one_that_leads_astray(question: str, routes: dict[str, str]) -> None:
    answer = between_twins(routes).fix(question)
    assert answer.verdict == "blocked"
    assert (
        "aws ec2 create-route --route-table-id rtb-b --destination-cidr-block 10.0.1.10/32 "
        "--vpc-peering-connection-id pcx-ab"
    ) in commands(answer)


def test_a_route_of_its_own_in_the_table_of_a_transit_gateway() -> None:
    net = joined(table=False)
    attach(net, "tgw-attach-3", "vpn-1")
    net.vpn_connection("vpn-1", "tgw-1")
    transit_table(net, static={"10.9.1.0/24": "tgw-attach-3"}, propagated=BLOCKS)
    assert commands(net.fix("app -> db:5432")) == [
        transit_command("create", "10.9.1.20/32", "tgw-attach-2"),
        transit_command("replace", "10.9.1.0/24", "tgw-attach-2"),
    ]


def behind_two(*, same: bool = True) -> Network:
    """10.60.0.0/16 routed to ``vpn-1``, which is down; ``vpn-2`` is up."""
    net = hybrid(static=True)
    net.vpn_connection("vpn-1", "tgw-1", tunnels=("DOWN", "DOWN"))
    net.vpn_connection("vpn-2", "tgw-1", tunnels=("UP", "UP"))
    attach(net, "tgw-attach-4", "vpn-2", table="tgw-rtb-2")
    if same:
        net.responses["VpnConnections"][1]["CustomerGatewayId"] = net.responses["VpnConnections"][0][
            "CustomerGatewayId"
        ]
    return net


def test_the_route_to_a_connection_that_is_down_goes_to_another_to_the_same_device() -> None:
    answer = behind_two().fix("app -> 10.60.1.5:443")
    assert commands(answer) == [transit_command("replace", "10.60.0.0/16", "tgw-attach-4")]


def test_a_connection_to_another_device_is_not_taken_for_a_way() -> None:
    answer = behind_two(same=False).fix("app -> 10.60.1.5:443")
    assert answer.fixes == []
    assert "no change in AWS is known to mend it" in (answer.no_fix or "")
