"""A hop that the model does not know ends the leg undecided and is named: never allowed, never blocked, in silence."""

from __future__ import annotations

import pytest

from tests.builders import OUT_V6, Json, Network, blockers, tcp


def routed_to(target: str, *, egress: list[Json] | None = None) -> Network:
    net = Network(ipv6="2001:db8:1::/56")
    routes = {"10.60.0.0/16": target, "192.0.2.0/24": target, "2001:db8:60::/48": target}
    net.subnet("subnet-app", "10.0.1.0/24", ipv6="2001:db8:1:1::/64", routes=routes)
    net.group("sg-app", [tcp(443, "10.0.0.0/8")], OUT_V6 if egress is None else egress)
    net.instance("app", "10.0.1.10", ipv6="2001:db8:1:1::10", groups=["sg-app"])
    return net


TARGETS = [
    "tgw-0a1",
    "vgw-0a1",
    "vpce-0a1",
    "cagw-0a1",
    "lgw-0a1",
    "arn:aws:networkmanager::123456789012:core-network/core-network-0a1",
]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("question", ["app -> 10.60.1.5:443", "2001:db8:1:1::10 -> [2001:db8:60::5]:443"])
def test_a_target_that_is_not_modelled_ends_the_leg_and_is_named(target: str, question: str) -> None:
    answer = routed_to(target).ask(question)
    assert (answer.verdict, blockers(answer), answer.exit_status) == ("undetermined", [], 3)
    assert any(target in missing for missing in answer.missing)
    assert ("unknown", target) in [(hop.action, hop.id) for hop in answer.forward]


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_refused_before_the_unknown_hop_is_blocked(target: str) -> None:
    answer = routed_to(target, egress=[tcp(80, "0.0.0.0/0")]).ask("app -> 10.60.1.5:443")
    assert (answer.verdict, blockers(answer)) == ("blocked", ["forward security-group egress sg-app"])


@pytest.mark.parametrize("target", ["tgw-0a1", "vgw-0a1"])
def test_from_behind_an_unknown_hop_the_own_side_still_counts(target: str) -> None:
    net = routed_to(target)
    open_ = net.ask("10.60.1.5 -> app:443")
    assert open_.verdict == "undetermined"
    assert any(target in missing for missing in open_.missing)
    shut = net.ask("10.60.1.5 -> app:22")
    assert (shut.verdict, blockers(shut)) == ("blocked", ["forward security-group ingress sg-app"])


def test_an_unknown_hop_on_another_path_does_not_matter() -> None:
    net = routed_to("tgw-0a1")
    net.subnet("subnet-db", "10.0.2.0/24")
    net.instance("db", "10.0.2.20")
    answer = net.ask("app -> db:5432")
    assert (answer.verdict, answer.missing) == ("allowed", [])


def test_a_set_that_is_partly_refused_and_partly_unknown_is_undetermined() -> None:
    net = routed_to("tgw-0a1", egress=[tcp((8000, 8010), "0.0.0.0/0")])
    answer = net.ask("app -> 10.60.1.5:8005-8020")
    assert answer.verdict == "undetermined"
    assert [finding.packets.destination_ports for finding in answer.blocked_by] == ["8011-8020"]
