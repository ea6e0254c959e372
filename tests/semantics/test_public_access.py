"""Block Public Access: modes, exclusions, and through which gateway the packets go.

https://docs.aws.amazon.com/vpc/latest/userguide/security-vpc-bpa-basics.html
https://docs.aws.amazon.com/vpc/latest/userguide/security-vpc-bpa-example.html
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from tests.builders import Network, codes
from tests.semantics.scenes import OUTSIDE_V6, behind_nat, public_server

HOST, OUT_V6_HOST = "192.0.2.80", "2001:db8:1:1::10"
BPA = "VPC_BLOCK_PUBLIC_ACCESS_ENABLED"


class Row(NamedTuple):
    """A mode with an exclusion, and what passes: in and out directly, and out by NAT or egress-only gateway."""

    mode: str
    exclusion: str | None
    direct: bool
    through: bool


ROWS = [
    Row("off", None, True, True),
    Row("off", "allow-bidirectional", True, True),
    Row("off", "allow-egress", True, True),
    Row("block-ingress", None, False, True),
    Row("block-ingress", "allow-bidirectional", True, True),
    Row("block-ingress", "allow-egress", False, True),
    Row("block-bidirectional", None, False, False),
    Row("block-bidirectional", "allow-bidirectional", True, True),
    Row("block-bidirectional", "allow-egress", False, True),
]


def egress_only() -> Network:
    net = Network(ipv6="2001:db8:1::/56")
    net.egress_only_gateway()
    net.subnet("subnet-public", "10.0.1.0/24", ipv6="2001:db8:1:1::/64", routes={"::/0": "eigw-1"})
    net.instance("worker", "10.0.1.10", ipv6=OUT_V6_HOST)
    return net


def six_by_nat() -> Network:
    net = Network(ipv6="2001:db8:1::/56")
    net.internet_gateway()
    net.subnet("subnet-public", "10.0.1.0/24", routes={"0.0.0.0/0": "igw-1"})
    net.subnet("subnet-six", "10.0.2.0/24", ipv6="2001:db8:1:2::/64", routes={"64:ff9b::/96": "nat-1"})
    net.nat_gateway("nat-1", "10.0.1.99", "198.51.100.99")
    net.instance("worker", None, ipv6="2001:db8:1:2::20")
    return net


@pytest.mark.parametrize("whole", [False, True], ids=["of the subnet", "of the VPC"])
@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r.mode}, {r.exclusion or 'nothing'} excluded")
def test_what_passes_on_both_legs(row: Row, whole: bool) -> None:
    """Every way of a connection passes or fails as the page's table says; replies are never stopped by themselves."""
    for scene, question, passes in (
        (public_server(), "203.0.113.5 -> web:443", row.direct),
        (public_server(), f"web -> {HOST}:443", row.direct),
        (public_server(), f"{OUTSIDE_V6} -> [{OUT_V6_HOST}]:443", row.direct),
        (public_server(), f"{OUT_V6_HOST} -> [{OUTSIDE_V6}]:443", row.direct),
        (behind_nat(), f"worker -> {HOST}:443", row.through),
        (six_by_nat(), "worker -> [64:ff9b::c000:250]:443", row.through),
        (egress_only(), f"{OUT_V6_HOST} -> [{OUTSIDE_V6}]:443", row.through),
    ):
        place = "vpc-1" if whole else "subnet-public"
        scene.block_public_access(row.mode, {place: row.exclusion} if row.exclusion else None)
        answer = scene.ask(question)
        expected = ("allowed", []) if passes else ("blocked", [("forward", BPA)])
        assert (answer.verdict, [(f.leg, f.code) for f in answer.blocked_by]) == expected, question


def test_the_exclusion_of_a_client_does_not_cover_its_nat_gateway() -> None:
    net = behind_nat()
    net.block_public_access("block-bidirectional", {"subnet-private": "allow-bidirectional"})
    assert codes(net.ask(f"worker -> {HOST}:443")) == [BPA]


@pytest.mark.parametrize("state", ["create-failed", "delete-complete", "disable-complete"])
def test_an_exclusion_that_is_gone_excludes_nothing(state: str) -> None:
    net = public_server()
    net.block_public_access("block-bidirectional", {"subnet-public": "allow-bidirectional"})
    net.responses["VpcBlockPublicAccessExclusions"][0]["State"] = state
    assert codes(net.ask(f"web -> {HOST}:443")) == [BPA]


@pytest.mark.parametrize("state", ["create-in-progress", "update-in-progress", "delete-in-progress"])
def test_an_exclusion_that_is_just_changing_leaves_the_answer_open(state: str) -> None:
    net = public_server()
    net.block_public_access("block-bidirectional", {"subnet-public": "allow-bidirectional"})
    net.responses["VpcBlockPublicAccessExclusions"][0]["State"] = state
    answer = net.ask(f"web -> {HOST}:443")
    assert (answer.verdict, codes(answer)) == ("undetermined", [])
    assert any(state in missing for missing in answer.missing)


def test_a_switch_that_is_just_changing_is_mentioned() -> None:
    net = public_server()
    net.block_public_access("block-ingress")
    net.settings["VpcBlockPublicAccessOptions"]["State"] = "update-in-progress"
    answer = net.ask("203.0.113.5 -> web:443")
    assert codes(answer) == [BPA]
    assert any("is being changed to block-ingress" in warning for warning in answer.warnings)


def test_of_a_regional_nat_gateway_only_the_exclusion_of_the_vpc_is_sure() -> None:
    def account(place: str) -> Network:
        net = Network()
        net.internet_gateway()
        net.regional_nat_gateway("nat-1", {"198.51.100.99": "a"})
        net.subnet("subnet-private", "10.0.2.0/24", routes={"0.0.0.0/0": "nat-1"})
        net.instance("worker", "10.0.2.20")
        net.block_public_access("block-bidirectional", {place: "allow-egress"} if place else None)
        return net

    assert account("vpc-1").ask(f"worker -> {HOST}:443").verdict == "allowed"
    assert account("subnet-private").ask(f"worker -> {HOST}:443").verdict == "undetermined"
    assert codes(account("").ask(f"worker -> {HOST}:443")) == [BPA]


def shared(mode: str) -> Network:
    """A VPC that another account shares, whose switch shows on its subnets."""
    net = public_server()
    net.block_public_access("off")
    for row in (*net.responses["Vpcs"], *net.responses["Subnets"]):
        row["OwnerId"] = "999999999999"
        row["BlockPublicAccessStates"] = {"InternetGatewayBlockMode": mode}
    return net


def test_in_a_shared_vpc_the_owners_switch_counts() -> None:
    assert shared("off").ask(f"web -> {HOST}:443").verdict == "allowed"
    answer = shared("block-bidirectional").ask(f"web -> {HOST}:443")
    assert (answer.verdict, codes(answer)) == ("undetermined", [])
    assert any("999999999999" in missing for missing in answer.missing)
