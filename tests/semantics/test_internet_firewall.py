"""Automated Internet Firewall: what it may refuse is left open, what surely passes it by or stops elsewhere is not.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Subnet.html (networkFirewallConnectivityType)
"""

from __future__ import annotations

import pytest

from tests.builders import CLOSED, OPEN, OUT_V6, Network, codes
from tests.semantics.scenes import OUTSIDE_V6, behind_nat, public_server

FIREWALL = "arn:aws:network-firewall:eu-west-1:123456789012:firewall/edge"
IN, OUT = "203.0.113.5 -> web:443", "web -> 192.0.2.80:443"
WAYS = pytest.mark.parametrize("question", [IN, OUT, f"{OUTSIDE_V6} -> [2001:db8:1:1::10]:443"])


def inspected(net: Network, connectivity: str | None = "bidirectional", mode: str = "enforce") -> Network:
    """The same network with a firewall at its VPC's internet gateways, each subnet treated alike."""
    association = {"FirewallArn": FIREWALL, "FirewallOnboardingStatus": "active", "FirewallMode": mode}
    for vpc in net.responses["Vpcs"]:
        vpc["NetworkFirewallAssociations"] = [association]
    for subnet in net.responses["Subnets"] if connectivity else ():
        subnet["NetworkFirewallConnectivityType"] = connectivity
    return net


@WAYS
@pytest.mark.parametrize("connectivity", ["bidirectional", "flexible", "outbound-only", None])
def test_what_the_firewall_may_drop_is_left_open(question: str, connectivity: str | None) -> None:
    answer = inspected(public_server(), connectivity).ask(question)
    assert (answer.verdict, codes(answer)) == ("undetermined", [])
    assert answer.missing == [
        f"Automated Internet Firewall of vpc-1: {FIREWALL} may drop it by its policy, which is not followed"
    ]


@WAYS
@pytest.mark.parametrize(
    ("connectivity", "mode"), [("exclude", "enforce"), ("az-unsupported", "enforce"), ("bidirectional", "monitor")]
)
def test_what_passes_it_by_or_is_only_logged_is_allowed(question: str, connectivity: str, mode: str) -> None:
    answer = inspected(public_server(), connectivity, mode).ask(question)
    assert (answer.verdict, answer.missing) == ("allowed", [])


@pytest.mark.parametrize(
    ("connectivity", "verdict"),
    [
        ("flexible", "undetermined"),
        ("outbound-only", "undetermined"),
        ("bidirectional", "blocked"),
        ("exclude", "blocked"),
    ],
)
def test_the_firewall_translates_for_hosts_without_a_public_address(connectivity: str, verdict: str) -> None:
    answer = inspected(public_server(public=None), connectivity).ask(OUT)
    expected = ["IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS"] if verdict == "blocked" else []
    assert (answer.verdict, codes(answer)) == (verdict, expected)


def test_nobody_comes_in_to_a_host_without_a_public_address() -> None:
    answer = inspected(public_server(public=None), "flexible").ask(IN)
    assert answer.verdict == "blocked"


def test_what_else_blocks_decides() -> None:
    answer = inspected(public_server(acl=(CLOSED, OPEN))).ask(IN)
    assert (answer.verdict, codes(answer)) == ("blocked", ["SUBNET_ACL_RESTRICTION"])


def test_of_what_comes_through_a_nat_gateway_its_subnet_counts() -> None:
    net = inspected(behind_nat())
    assert net.ask("worker -> 192.0.2.80:443").verdict == "undetermined"
    nat = next(row["SubnetId"] for row in net.responses["NatGateways"])
    next(s for s in net.responses["Subnets"] if s["SubnetId"] == nat)["NetworkFirewallConnectivityType"] = "exclude"
    assert net.ask("worker -> 192.0.2.80:443").verdict == "allowed"


def test_an_egress_only_gateway_is_inspected_too() -> None:
    net = Network(ipv6="2001:db8:1::/56")
    net.egress_only_gateway("eigw-1")
    net.subnet("subnet-web", "10.0.1.0/24", ipv6="2001:db8:1:1::/64", routes={"::/0": "eigw-1"})
    net.group("sg-web", [], OUT_V6)
    net.instance("web", "10.0.1.10", ipv6="2001:db8:1:1::10", groups=["sg-web"])
    assert net.ask(f"web -> [{OUTSIDE_V6}]:443").verdict == "allowed"
    assert inspected(net).ask(f"web -> [{OUTSIDE_V6}]:443").verdict == "undetermined"
