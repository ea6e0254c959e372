"""Changes to load balancers, made on a copy."""

from __future__ import annotations

import pytest

from tests.balancing import Balancing
from tests.builders import Network, tcp
from tests.edits.making import account_of, ask
from whyblocked.config import resources as r
from whyblocked.config.edits import (
    CreateListener,
    DeleteListener,
    DeregisterTargets,
    Edit,
    ModifyListener,
    ModifyLoadBalancerAttributes,
    ModifyTargetGroupAttributes,
    RegisterTargets,
    SetSecurityGroups,
    SetSubnets,
    apply,
)
from whyblocked.errors import EditError

CLIENT = "10.0.1.99"


class Shop:
    """An internal load balancer in two zones in front of one server of two."""

    def __init__(self, kind: str = "application", *, cross_zone: bool | None = None, listed: bool = True) -> None:
        net = self.net = Network()
        net.subnet("subnet-a", "10.0.1.0/24", zone="a")
        net.subnet("subnet-b", "10.0.2.0/24", zone="b")
        net.group("sg-shop", [tcp((1, 9000), "10.0.0.0/16")])
        net.group("sg-shut", [])
        net.group("sg-web", [tcp(8080, "10.0.0.0/16")])
        self.web = net.instance("web", "10.0.1.20", groups=["sg-web"])
        self.spare = net.instance("spare", "10.0.2.20", groups=["sg-web"])
        protocol = "HTTP" if kind == "application" else "TCP"
        balancing = Balancing(net)
        self.group = balancing.group("web", {self.web: 8080}, protocol=protocol)
        self.other = balancing.group("other", {self.spare: 8080}, protocol=protocol)
        self.empty = balancing.group("empty", {}, protocol=protocol)
        nodes = {"subnet-a": "10.0.1.50" if listed else None, "subnet-b": "10.0.2.50" if listed else None}
        self.balancer = balancing.balancer(
            "shop", nodes, {(protocol, 80): "web", (protocol, 81): "empty"}, kind=kind, groups=["sg-shop"],
            cross_zone=cross_zone,
        )  # fmt: skip
        self.listener = f"{self.balancer.replace(':loadbalancer/', ':listener/')}/{80:016x}"

    def verdict(self, port: int, *edits: Edit, client: str = CLIENT) -> str:
        return ask(apply(account_of(self.net), edits), f"{client} -> shop:{port}").verdict


def forward(arn: str) -> tuple[r.Action, ...]:
    return (r.Action(type="forward", target_group_arn=arn),)


@pytest.mark.parametrize("kind", ["application", "network"])
def test_a_listener_more_takes_what_comes_to_its_port(kind: str) -> None:
    shop = Shop(kind, cross_zone=True)
    protocol = "HTTP" if kind == "application" else "TCP"
    made = CreateListener(
        load_balancer_arn=shop.balancer, protocol=protocol, port=8443, default_actions=forward(shop.group)
    )
    assert (shop.verdict(8443), shop.verdict(8443, made), shop.verdict(80, made)) == ("blocked", "allowed", "allowed")


def test_a_listener_may_lead_to_a_target_group_that_no_load_balancer_had() -> None:
    shop = Shop()
    made = CreateListener(
        load_balancer_arn=shop.balancer, protocol="HTTP", port=9000, default_actions=forward(shop.other)
    )
    answer = ask(apply(account_of(shop.net), [made]), f"{CLIENT} -> shop:9000")
    assert answer.verdict == "allowed"
    assert "10.0.2.20/32" in {hop.packet.destination for hop in answer.forward}


def test_a_listener_can_be_changed_and_deleted() -> None:
    shop = Shop()
    moved = ModifyListener(listener_arn=shop.listener, port=8081)
    assert (shop.verdict(80, moved), shop.verdict(8081, moved)) == ("blocked", "allowed")
    assert shop.verdict(80, DeleteListener(listener_arn=shop.listener)) == "blocked"


def test_targets_come_and_go() -> None:
    shop = Shop()
    more = RegisterTargets(target_group_arn=shop.empty, targets=(r.Target(id=shop.web, port=8080),))
    fewer = DeregisterTargets(target_group_arn=shop.group, targets=(r.Target(id=shop.web),))
    assert (shop.verdict(81), shop.verdict(81, more)) == ("blocked", "allowed")
    assert (shop.verdict(80), shop.verdict(80, fewer)) == ("allowed", "blocked")


@pytest.mark.parametrize("listed", [True, False])
def test_other_groups_count_on_every_node(listed: bool) -> None:
    shop = Shop(listed=listed)
    shut = SetSecurityGroups(load_balancer_arn=shop.balancer, security_groups=("sg-shut",))
    assert (shop.verdict(80), shop.verdict(80, shut)) == ("allowed", "blocked")


def test_a_load_balancer_reaches_targets_in_its_own_zones() -> None:
    shop = Shop("network", cross_zone=True)
    one = SetSubnets(load_balancer_arn=shop.balancer, subnets=("subnet-b",))
    answer = ask(apply(account_of(shop.net), [one]), f"{CLIENT} -> shop:80")
    assert [found.code for found in answer.blocked_by] == ["ELBV2_NO_TARGETS_IN_AZ"]


def test_balancing_across_zones_can_be_turned_on() -> None:
    shop = Shop("network", cross_zone=False)
    setting = (r.Attribute(key="load_balancing.cross_zone.enabled", value="true"),)
    line = f"{CLIENT} -> 10.0.2.50:80"
    on = [
        ModifyLoadBalancerAttributes(load_balancer_arn=shop.balancer, attributes=setting),
        ModifyTargetGroupAttributes(target_group_arn=shop.group, attributes=setting),
    ]
    account = account_of(shop.net)
    verdicts = [ask(apply(account, edits), line).verdict for edits in ([], on[:1], on[1:])]
    assert verdicts == ["blocked", "allowed", "allowed"]


def test_what_aws_would_refuse() -> None:
    shop = Shop()
    arn = shop.balancer
    refused: list[tuple[Edit, str]] = [
        (
            CreateListener(load_balancer_arn=arn, protocol="HTTP", port=80, default_actions=forward(shop.group)),
            "shop has a listener on port 80 already",
        ),
        (
            CreateListener(load_balancer_arn=arn, protocol="TCP", port=90, default_actions=forward(shop.group)),
            "shop is of type application: it listens with HTTP, HTTPS",
        ),
        (SetSubnets(load_balancer_arn=arn, subnets=("subnet-a",)), "at least two zones"),
        (SetSecurityGroups(load_balancer_arn=arn, security_groups=()), "has to have a security group"),
        (
            RegisterTargets(target_group_arn=shop.group, targets=(r.Target(id="i-none"),)),
            "i-none is not in the snapshot",
        ),
    ]
    for edit, says in refused:
        with pytest.raises(EditError) as raised:
            apply(account_of(shop.net), [edit])
        assert says in raised.value.message
