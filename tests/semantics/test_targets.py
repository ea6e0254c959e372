"""One answer a target of a load balancer: what each is, whether it is reached, and what stops it.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-target-groups.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-backend-instances.html
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.balancing import node_id
from tests.builders import OPEN, allow, deny, tcp, udp
from tests.semantics.test_load_balancers import OTHER, TARGET, Shop, shop
from whyblocked.diagnosis.answer import Answer, Hop, Target
from whyblocked.network import walk

EVERYBODY = [tcp(8080, "0.0.0.0/0")]


def verdicts(answer: Answer) -> dict[str, str]:
    """By what the targets are called."""
    return {target.name or target.id: target.verdict for target in answer.targets}


def stopping(answer: Answer, name: str) -> list[str]:
    """What stops a target, as ``forward security-group sg-web-2``; each is a finding of the answer."""
    target = next(target for target in answer.targets if name in (target.name, target.id))
    for stop in target.blocked_by:
        finding = answer.blocked_by[stop.finding]
        assert (stop.leg, stop.layer, stop.code, stop.resource_ids) == (
            finding.leg,
            finding.layer,
            finding.code,
            finding.resource_ids,
        )
    said = (f"{stop.leg} {stop.layer} {','.join(stop.resource_ids)}" for stop in target.blocked_by)
    return list(dict.fromkeys(said))  # one and the same at several nodes


def way(hops: list[Hop], target: Target, leg: str) -> list[str]:
    """The hops of a load balancer's connection to a target."""
    return [f"{hops[n].kind} {hops[n].id}" for n in (target.forward if leg == "forward" else target.return_)]


def eni_at(made: Shop, address: str) -> str:
    rows = made.net.responses["NetworkInterfaces"]
    return str(next(row["NetworkInterfaceId"] for row in rows if row["PrivateIpAddress"] == address))


# -- what a target is -------------------------------------------------------------------------------------------------


def test_a_question_without_a_load_balancer_has_no_targets() -> None:
    assert shop().ask("client -> web-1:8080").targets == []


def test_a_target_is_told_as_aws_names_it_with_its_place_and_health() -> None:
    made = Shop()
    made.targets(health={made.two: ("unhealthy", "Target.Timeout")}).balanced()
    answer = made.ask()
    first, second = answer.targets
    assert (first.id, first.port, first.name, first.address) == (made.one, 8080, "web-1", TARGET)
    assert (first.availability_zone, first.load_balancer) == ("eu-west-1a", made.arn)
    assert first.target_group == made.balance.group_arn("web")
    assert first.interface_id == eni_at(made, TARGET)
    assert (first.health, first.health_reason) == ("healthy", None)
    assert (second.id, second.health, second.health_reason) == (made.two, "unhealthy", "Target.Timeout")
    assert (answer.verdict, verdicts(answer)) == ("allowed", {"web-1": "allowed", "web-2": "allowed"})


def test_an_instance_at_two_ports_is_two_targets() -> None:
    made = Shop(ingress={"web-1": [tcp(8080, "sg-shop")]})
    made.targets(targets={made.one: 8080}).targets(name="admin", targets={made.one: 9090})
    answer = made.balanced({("HTTP", 80): {"web": 1, "admin": 1}}).ask()
    assert [(target.port, target.verdict) for target in answer.targets] == [(8080, "allowed"), (9090, "blocked")]
    assert len({target.target_group for target in answer.targets}) == 2


def test_a_target_whose_address_no_interface_has_is_blocked_as_nothing_answers_there() -> None:
    made = Shop().targets(targets={TARGET: None, "10.0.4.99": None}, kind="ip").balanced()
    answer = made.ask()
    stranger = answer.targets[1]
    assert (stranger.id, stranger.address, stranger.interface_id) == ("10.0.4.99", "10.0.4.99", None)
    assert (stranger.availability_zone, stranger.verdict) == ("eu-west-1b", "blocked")
    assert (answer.verdict, answer.targets[0].verdict) == ("partial", "allowed")
    (found,) = answer.blocked_by
    assert (found.layer, found.code) == ("interface", "NO_POSSIBLE_DESTINATION")
    assert "10.0.4.99" in found.summary
    assert not any("taken as a host" in warning for warning in answer.warnings)


def test_an_address_that_no_interface_has_is_still_a_host_where_it_is_asked_for_itself() -> None:
    answer = shop().ask("client -> 10.0.4.99:8080")
    assert answer.verdict == "allowed"
    assert any("No interface owns 10.0.4.99" in warning for warning in answer.warnings)


def test_whose_a_targets_address_is_can_not_be_told_where_interfaces_were_not_read() -> None:
    made = Shop().targets(targets={TARGET: None, "10.0.4.99": None}, kind="ip").balanced()
    made.net.leave_out("NetworkInterfaces")
    assert made.ask("10.0.0.9 -> shop:80").verdict == "undetermined"


def test_a_target_that_can_not_be_read_is_undetermined_and_the_others_are_not() -> None:
    made = Shop()
    made.targets(targets={made.one: None, "i-0123456789abcdef9": None}).balanced()
    answer = made.ask()
    assert [target.verdict for target in answer.targets] == ["allowed", "undetermined"]
    assert answer.verdict == "undetermined"
    assert answer.summary.endswith("; 1 of 2 targets is reachable, of 1 it can't be told.")


def test_where_the_ways_are_too_many_the_targets_that_were_not_followed_are_undetermined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(walk, "MOST_IN_ALL", 45)
    answer = Shop(ingress={"web-2": []}).targets().balanced().ask()
    assert "undetermined" in {target.verdict for target in answer.targets}
    assert answer.verdict == "undetermined"


def test_a_function_is_a_target_without_a_place() -> None:
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:shop"
    answer = Shop().targets(targets={arn: None}, kind="lambda").balanced().ask()
    (function,) = answer.targets
    assert (function.id, function.port, function.address, function.verdict) == (arn, None, None, "allowed")
    assert (function.forward, function.return_) == ([], [])


def test_a_classic_load_balancers_instances_are_targets_without_a_group() -> None:
    made = Shop(ingress={"web-2": []})
    made.balance.classic(
        "old", {"subnet-a": "10.0.1.60", "subnet-b": "10.0.2.60"}, {80: 8080}, [made.one, made.two], groups=["sg-shop"]
    )
    answer = made.ask("client -> old:80")
    assert [(t.load_balancer, t.target_group, t.port, t.health) for t in answer.targets] == [
        ("old", None, 8080, None)
    ] * 2
    assert (answer.verdict, verdicts(answer)) == ("partial", {"web-1": "allowed", "web-2": "blocked"})
    assert stopping(answer, "web-2") == ["forward security-group sg-web-2"]


# -- what stops it ----------------------------------------------------------------------------------------------------


def test_a_target_whose_group_refuses_is_blocked_and_the_other_is_not() -> None:
    answer = shop(ingress={"web-2": []}).ask()
    assert (answer.verdict, verdicts(answer)) == ("partial", {"web-1": "allowed", "web-2": "blocked"})
    assert (stopping(answer, "web-1"), stopping(answer, "web-2")) == ([], ["forward security-group sg-web-2"])
    assert answer.summary.endswith("; 1 of 2 targets is reachable.")


def test_a_target_whose_subnet_refuses_one_node_is_reached_in_part() -> None:
    answer = shop(acls={"web-2": ([deny(90, cidr="10.0.2.0/24"), *OPEN], OPEN)}).ask()
    assert (answer.verdict, verdicts(answer)) == ("partial", {"web-1": "allowed", "web-2": "partial"})
    assert stopping(answer, "web-2") == ["forward network-acl acl-web-2"]


def test_a_reply_that_is_refused_blocks_that_target_alone() -> None:
    closed = (OPEN, [allow(100, "tcp", (80, 443))])
    answer = shop(acls={"web-1": closed}).ask()
    assert (answer.verdict, verdicts(answer)) == ("partial", {"web-1": "blocked", "web-2": "allowed"})
    assert (stopping(answer, "web-1"), stopping(answer, "web-2")) == (["return network-acl acl-web-1"], [])


def test_a_target_in_a_zone_that_is_not_enabled_is_blocked_by_its_target_group() -> None:
    made = Shop()
    made.targets(health={made.two: ("unused", "Target.NotInUse")}).balanced(nodes={"subnet-a": "10.0.1.50"})
    answer = made.ask()
    assert (answer.verdict, verdicts(answer)) == ("partial", {"web-1": "allowed", "web-2": "blocked"})
    assert answer.targets[1].blocked_by[0].code == "ELBV2_NO_TARGETS_IN_AZ"
    assert (answer.targets[1].health, answer.targets[1].forward) == ("unused", [])


def test_an_instance_in_a_zone_that_a_classic_load_balancer_has_not_is_blocked() -> None:
    made = Shop()
    made.balance.classic("old", {"subnet-a": "10.0.1.60"}, {80: 8080}, [made.one, made.two], groups=["sg-shop"])
    answer = made.ask("client -> old:80")
    assert (answer.verdict, verdicts(answer)) == ("partial", {"web-1": "allowed", "web-2": "blocked"})
    assert [stop.code for stop in answer.targets[1].blocked_by] == ["ELB_INSTALLED_AZ_RESTRICTION"]


def test_appliances_behind_a_gateway_load_balancer_are_targets_at_the_port_of_geneve() -> None:
    made = Shop(ingress={"web-1": [udp(6081, "10.0.0.0/16")], "web-2": []})
    made.targets(name="gate", protocol="GENEVE", port=6081)
    nodes = {"subnet-a": "10.0.1.70", "subnet-b": "10.0.2.70"}
    made.balance.balancer("gate", nodes, {("GENEVE", 6081): "gate"}, kind="gateway")
    answer = made.ask("client -> gate:6081/udp")
    assert {target.port for target in answer.targets} == {6081}
    assert (answer.verdict, verdicts(answer)) == ("partial", {"web-1": "allowed", "web-2": "blocked"})


def test_a_stopped_target_is_blocked_and_the_other_is_not() -> None:
    made = shop()
    made.net.responses["Reservations"][1]["Instances"][0]["State"] = {"Code": 80, "Name": "stopped"}
    answer = made.ask()
    assert verdicts(answer) == {"web-1": "blocked", "web-2": "allowed"}
    assert stopping(answer, "web-1") == [f"forward instance {made.one}"]


def test_rules_of_a_listener_lead_to_the_targets_of_several_groups() -> None:
    made = Shop(ingress={"web-2": []})
    made.targets(targets={made.one: None}).targets(name="api", targets={made.two: None}).balanced({})
    listener = made.balance.listener(made.arn, "HTTP", 80, "web")
    path = {"Field": "path-pattern", "Values": ["/api/*"], "PathPatternConfig": {"Values": ["/api/*"]}}
    made.balance.rule(listener, 10, [path], "api")
    answer = made.ask()
    assert [(target.target_group, target.verdict) for target in answer.targets] == [
        (made.balance.group_arn("api"), "blocked"),
        (made.balance.group_arn("web"), "allowed"),
    ]


def test_a_target_in_another_zone_is_reached_by_its_own_node_alone() -> None:
    denied = [deny(90, cidr="10.0.1.0/24"), *OPEN]
    answer = Shop(acls={"web-2": (denied, OPEN)}).targets(cross_zone="false").balanced().ask()
    assert (answer.verdict, verdicts(answer)) == ("allowed", {"web-1": "allowed", "web-2": "allowed"})


def test_a_target_that_is_its_own_client_is_blocked_where_the_clients_address_is_kept() -> None:
    made = Shop(ingress={"web-1": EVERYBODY, "web-2": EVERYBODY}).network()
    answer = made.ask("web-1 -> shop:80")
    assert (answer.verdict, verdicts(answer)) == ("partial", {"web-1": "blocked", "web-2": "allowed"})
    assert answer.targets[0].blocked_by[0].code == "ELBV2_SOURCE_ADDRESS_PRESERVATION"


def test_a_target_that_lets_the_client_in_is_reached_where_its_address_is_kept() -> None:
    ingress = {"web-1": [tcp(8080, "10.0.0.0/24")], "web-2": [tcp(8080, "10.0.1.0/24", "10.0.2.0/24")]}
    kept = Shop(ingress=ingress).network().ask()
    assert (kept.verdict, verdicts(kept)) == ("partial", {"web-1": "allowed", "web-2": "blocked"})
    own = Shop(ingress=ingress).network(keeps=False).ask()
    assert (own.verdict, verdicts(own)) == ("partial", {"web-1": "blocked", "web-2": "allowed"})


def test_what_stops_the_client_stops_every_target() -> None:
    answer = shop(ingress={"shop": [], "web-2": []}).ask()
    assert (answer.verdict, verdicts(answer)) == ("blocked", {"web-1": "blocked", "web-2": "blocked"})
    assert stopping(answer, "web-1") == ["forward security-group sg-shop"]
    assert stopping(answer, "web-2") == ["forward security-group sg-shop", "forward security-group sg-web-2"]


def test_what_stops_the_reply_to_the_client_stops_every_target() -> None:
    answer = shop(acls={"a": (OPEN, [deny(90, cidr="10.0.0.0/24"), *OPEN])}).ask()
    assert (answer.verdict, verdicts(answer)) == ("partial", {"web-1": "partial", "web-2": "partial"})
    assert stopping(answer, "web-1") == stopping(answer, "web-2") == ["return network-acl acl-a"]
    assert "reachable" not in answer.summary, "that is the same for all of them"


def test_targets_that_are_reached_in_part_are_not_said_to_be_unreachable() -> None:
    made = shop(ingress={"web-2": []}, acls={"a": (OPEN, [deny(90, cidr="10.0.0.0/24"), *OPEN])})
    answer = made.ask()
    assert verdicts(answer) == {"web-1": "partial", "web-2": "blocked"}
    assert answer.summary.endswith("; 1 of 2 targets is reachable in part.")


def test_targets_of_which_it_can_not_be_told_are_not_said_to_be_unreachable() -> None:
    made = Shop(ingress={"web-1": []})
    made.targets(targets={made.one: None, "i-0123456789abcdef9": None}).balanced()
    answer = made.ask()
    assert [target.verdict for target in answer.targets] == ["blocked", "undetermined"]
    assert answer.summary.endswith("; of 1 of 2 targets it can't be told.")


def test_a_node_that_is_shut_off_leaves_the_targets_by_the_other() -> None:
    answer = shop(acls={"a": ([deny(90, cidr="10.0.0.0/24"), *OPEN], OPEN)}).ask()
    assert verdicts(answer) == {"web-1": "partial", "web-2": "partial"}
    assert stopping(answer, "web-1") == ["forward network-acl acl-a"]


def test_what_stops_packets_to_others_of_a_block_stops_no_target() -> None:
    made = shop()
    made.net.group("sg-shut", [])
    made.net.instance("neighbour", "10.0.1.77", groups=["sg-shut"])
    answer = made.ask("client -> 10.0.1.0/24:80")
    assert answer.verdict == "partial"
    assert verdicts(answer) == {"web-1": "allowed", "web-2": "allowed"}


def test_ports_that_nobody_listens_on_are_no_matter_of_the_targets() -> None:
    answer = Shop(ingress={"shop": [tcp((0, 65535), "0.0.0.0/0")]}).targets().balanced().ask("client -> shop")
    assert (answer.verdict, answer.open_ports) == ("partial", "80")
    assert verdicts(answer) == {"web-1": "allowed", "web-2": "allowed"}


# -- load balancers in a row ------------------------------------------------------------------------------------------


def fronted(**ingress: Any) -> Shop:
    """A Network Load Balancer ``front`` in front of the Application Load Balancer ``shop``."""
    made = shop(ingress={"shop": [tcp(80, "10.0.0.0/24")], **ingress})
    made.balance.group("front", {made.arn: 80}, kind="alb", protocol="TCP")
    nodes = {"subnet-a": "10.0.1.60", "subnet-b": "10.0.2.60"}
    made.balance.balancer("front", nodes, {("TCP", 80): "front"}, kind="network", cross_zone=True)
    return made


def test_a_load_balancer_behind_another_is_a_target_and_so_are_its_own() -> None:
    made = fronted(**{"web-2": []})
    answer = made.ask("client -> front:80")
    assert verdicts(answer) == {"shop": "partial", "web-1": "allowed", "web-2": "blocked"}
    behind, first, _ = answer.targets
    assert [target.behind for target in answer.targets] == [[], [0], [0]]
    assert (behind.id, behind.port) == (made.arn, 80)
    assert (behind.interface_id, behind.address, behind.availability_zone) == (None, None, None), "it has two nodes"
    assert behind.load_balancer.endswith("loadbalancer/net/front/0123456789abcdef")
    assert first.load_balancer == behind.id
    assert stopping(answer, "shop") == stopping(answer, "web-2") == ["forward security-group sg-web-2"]
    assert stopping(answer, "web-1") == []


def test_a_load_balancer_that_is_a_target_by_its_addresses_is_one_as_well() -> None:
    made = shop(ingress={"shop": [tcp(80, "10.0.0.0/16")], "web-2": []})
    made.balance.group("front", {"10.0.1.50": 80, "10.0.2.50": 80}, kind="ip", protocol="TCP")
    made.balance.balancer("front", {"subnet-a": "10.0.1.60"}, {("TCP", 80): "front"}, kind="network", cross_zone=True)
    made.net.responses["LoadBalancers"][-1]["AvailabilityZones"].append({"ZoneName": "eu-west-1b"})
    answer = made.ask("client -> front:80")
    assert [(target.behind, target.verdict) for target in answer.targets] == [
        ([], "partial"),
        ([], "partial"),
        ([0, 1], "allowed"),
        ([0, 1], "blocked"),
    ]
    assert answer.summary.endswith("; 1 of 2 targets is reachable.")


def test_what_stops_the_load_balancer_in_front_stops_the_targets_behind() -> None:
    answer = fronted(shop=[]).ask("client -> front:80")
    assert verdicts(answer) == {"shop": "blocked", "web-1": "blocked", "web-2": "blocked"}
    assert stopping(answer, "web-1") == ["forward security-group sg-shop"]


# -- the way to it ----------------------------------------------------------------------------------------------------


def test_the_hops_of_a_target_are_those_of_its_own_connection_in_their_order() -> None:
    made = Shop()
    made.targets(targets={made.one: None, made.two: None}).balanced(nodes={"subnet-a": "10.0.1.50"})
    made.net.responses["LoadBalancers"][-1]["AvailabilityZones"].append({"ZoneName": "eu-west-1b"})
    answer = made.ask()
    node, eni = node_id("shop", "subnet-a"), eni_at(made, OTHER)
    assert way(answer.forward, answer.targets[1], "forward") == [
        f"interface {node}",
        "security-group sg-shop",
        "route-table rtb-main-1",
        "network-acl acl-default-1",
        "network-acl acl-default-1",
        "security-group sg-web-2",
        f"interface {eni}",
    ]
    assert way(answer.return_, answer.targets[1], "return") == [
        f"interface {eni}",
        "security-group sg-web-2",
        "route-table rtb-main-1",
        "network-acl acl-default-1",
        "network-acl acl-default-1",
        "security-group sg-shop",
        f"interface {node}",
    ]


def test_of_several_nodes_what_they_share_comes_when_all_of_them_get_there() -> None:
    answer = shop().ask()
    target = answer.targets[0]
    met = [answer.forward[n].interface_id for n in target.forward if answer.forward[n].kind == "interface"]
    assert met == [node_id("shop", "subnet-a"), node_id("shop", "subnet-b"), target.interface_id]
    back = [answer.return_[n].interface_id for n in target.return_ if answer.return_[n].kind == "interface"]
    assert back == [target.interface_id, node_id("shop", "subnet-a"), node_id("shop", "subnet-b")]


def test_the_clients_connection_comes_first_on_the_way_there_and_last_on_the_way_back() -> None:
    answer = fronted().ask("client -> front:80")
    behind, *others = answer.targets
    inner = {n for target in others for n in target.forward}
    assert max(range(min(behind.forward))) < min(behind.forward) <= max(behind.forward) < min(inner)
    assert sorted({*behind.forward, *inner}) == list(range(min(behind.forward), len(answer.forward)))
    inner = {n for target in others for n in target.return_}
    assert max(inner) < min(behind.return_)
    assert sorted({*behind.return_, *inner}) == list(range(max(behind.return_) + 1))
    assert max(behind.return_) < len(answer.return_) - 1
