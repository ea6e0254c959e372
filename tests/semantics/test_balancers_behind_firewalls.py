"""Load balancers and firewalls on one way: each of the two connections is inspected by itself.

https://docs.aws.amazon.com/network-firewall/latest/developerguide/asymmetric-routing.html
https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
"""

from __future__ import annotations

import pytest

from tests.balancing import Balancing
from tests.builders import Json, Network, codes, tcp

INTO = "203.0.113.5 -> shop:80"
CLIENTS, TARGETS = "10.0.1.0/24", "10.0.3.0/24"  # the subnets of the load balancer and of its target
THROUGH = {TARGETS: "vpce-fw"}


def inspected(
    *,
    edge: bool = True,
    out: str = "vpce-fw",
    there: dict[str, str] | None = None,
    back: dict[str, str] | None = None,
    rule: Json | None = None,
    kind: str = "application",
) -> Network:
    """An internet-facing load balancer, what enters for it through a firewall; ``there`` and ``back`` route between it
    and its target."""
    net = Network()
    net.internet_gateway()
    net.subnet("subnet-lb", CLIENTS, routes={"0.0.0.0/0": out, **(there or {})})
    net.subnet("subnet-fw", "10.0.2.0/28", routes={"0.0.0.0/0": "igw-1"})
    net.subnet("subnet-web", TARGETS, routes=back or {})
    net.group("sg-shop", [tcp(80, "0.0.0.0/0")])
    net.group("sg-web", [rule or tcp(8080, "sg-shop")])
    web = net.instance("web", "10.0.3.10", groups=["sg-web"])
    arn = net.firewall("inspection", {"subnet-fw": "vpce-fw"})
    service = "com.amazonaws.vpce.eu-west-1.vpce-svc-0a1b2c3d4e5f60718"
    net.endpoint("vpce-fw", service, "GatewayLoadBalancer", at={"subnet-fw": "10.0.2.5"}, firewall=arn)
    if edge:
        net.table("rtb-edge", {CLIENTS: "vpce-fw"}, gateway="igw-1")
    balance = Balancing(net)
    protocol = "TCP" if kind == "network" else "HTTP"
    balance.group("web", {web: None}, port=8080, protocol=protocol)
    nodes = {"subnet-lb": ("10.0.1.50", "198.51.100.50")}
    balance.balancer("shop", nodes, {(protocol, 80): "web"}, kind=kind, groups=["sg-shop"], internal=False)
    return net


@pytest.mark.parametrize("kind", ["application", "network"])
def test_the_clients_connection_is_inspected_and_the_targets_group_still_knows_the_load_balancer(kind: str) -> None:
    answer = inspected(kind=kind).ask(INTO)
    assert (answer.verdict, codes(answer), answer.missing) == ("allowed", [], [])
    for leg in (answer.forward, answer.return_):
        assert [hop.kind for hop in leg].count("network-firewall") == 1


def test_replies_to_the_client_do_not_leave_past_the_firewall() -> None:
    answer = inspected(out="igw-1").ask(INTO)
    assert (answer.verdict, codes(answer)) == ("blocked", ["INGRESS_RTB_TRAFFIC_REDIRECTION"])


def test_requests_of_the_client_past_the_firewall_are_asymmetric() -> None:
    answer = inspected(edge=False).ask(INTO)
    assert (answer.verdict, codes(answer)) == ("blocked", ["ASYMMETRIC_ROUTING"])


def test_a_firewall_between_load_balancer_and_target_hides_the_load_balancers_group() -> None:
    answer = inspected(there=THROUGH, back={CLIENTS: "vpce-fw"}).ask(INTO)
    assert (answer.verdict, codes(answer)) == ("blocked", ["SG_REFERENCES_NOT_PRESERVED"])


def test_a_firewall_may_inspect_both_connections() -> None:
    answer = inspected(there=THROUGH, back={CLIENTS: "vpce-fw"}, rule=tcp(8080, CLIENTS)).ask(INTO)
    assert (answer.verdict, codes(answer), answer.missing) == ("allowed", [], [])


def test_a_targets_reply_past_the_firewall_is_asymmetric_though_the_clients_connection_is_not() -> None:
    answer = inspected(there=THROUGH, rule=tcp(8080, CLIENTS)).ask(INTO)
    assert (answer.verdict, codes(answer)) == ("blocked", ["ASYMMETRIC_ROUTING"])


def test_a_targets_reply_through_a_firewall_that_saw_only_the_client_is_asymmetric() -> None:
    answer = inspected(back={CLIENTS: "vpce-fw"}).ask(INTO)
    assert (answer.verdict, codes(answer)) == ("blocked", ["ASYMMETRIC_ROUTING"])
