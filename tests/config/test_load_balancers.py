"""Load balancers in snapshots: as the AWS CLI prints them, and as Batfish's AWS puller keeps them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.balancing import Balancing
from tests.builders import Network, question_of, tcp
from whyblocked.api import Session, snapshot
from whyblocked.config.balancers import balancer_attributes, listeners_of, rules_of, targets_of
from whyblocked.config.resources import LoadBalancer
from whyblocked.errors import InputError

Json = dict[str, Any]


def network() -> Network:
    net = Network()
    net.subnet("subnet-a", "10.0.1.0/24")
    net.group("sg-shop", [tcp(80, "10.0.0.0/16")])
    net.group("sg-web", [tcp(8080, "sg-shop")])
    net.instance("client", "10.0.1.10")
    web = net.instance("web", "10.0.1.20", groups=["sg-web"])
    balance = Balancing(net)
    balance.group("web", {web: 8080})
    balance.balancer("shop", {"subnet-a": "10.0.1.50"}, {("HTTP", 80): "web"}, groups=["sg-shop"])
    return net


def as_batfish(folder: Path) -> None:
    """The answers of calls about one object each in one list, as Batfish's puller writes them."""
    (balancer,) = json.loads((folder / "describe-load-balancers.json").read_text())["LoadBalancers"]
    (group,) = json.loads((folder / "describe-target-groups.json").read_text())["TargetGroups"]
    of_balancer = {"LoadBalancerArn": balancer["LoadBalancerArn"]}
    wrapped = {
        "LoadBalancerListeners": ("describe-listeners", of_balancer),
        "LoadBalancerAttributes": ("describe-load-balancer-attributes.shop", of_balancer),
        "LoadBalancerTargetHealth": ("describe-target-health.web", {"TargetGroupArn": group["TargetGroupArn"]}),
    }
    for key, (name, about) in wrapped.items():
        file = folder / f"{name}.json"
        (folder / f"{key}.json").write_text(json.dumps({key: [about | json.loads(file.read_text())]}))
        file.unlink()
    (folder / "describe-rules.json").unlink()
    (folder / "describe-target-group-attributes.web.json").unlink()


@pytest.mark.parametrize("batfish", [False, True])
def test_both_forms_load(batfish: bool, tmp_path: Path) -> None:
    folder = network().save(tmp_path)
    if batfish:
        as_batfish(folder)
    account = snapshot(folder)
    (balancer,) = account.balancers.by_id.values()
    assert isinstance(balancer, LoadBalancer)
    assert (balancer.name, balancer.internal, balancer.zones) == ("shop", True, frozenset({"eu-west-1a"}))
    listeners = listeners_of(account, balancer)
    assert isinstance(listeners, tuple)
    assert [(one.protocol, one.port) for one in listeners] == [("HTTP", 80)]
    (group,) = account.balancers.target_groups.values()
    targets = targets_of(account, group)
    assert isinstance(targets, tuple)
    assert [one.target.port for one in targets] == [8080]
    settings = balancer_attributes(account, balancer)
    assert isinstance(settings, dict)
    assert settings["load_balancing.cross_zone.enabled"] == "true"
    assert Session(account).explain(question_of("client -> shop:80")).verdict == "allowed"


def test_listeners_of_several_files_are_joined(tmp_path: Path) -> None:
    folder = network().save(tmp_path)
    rows = json.loads((folder / "describe-listeners.json").read_text())["Listeners"]
    more = rows[0] | {"ListenerArn": rows[0]["ListenerArn"] + "1", "Port": 443, "Protocol": "HTTPS"}
    (folder / "second.json").write_text(json.dumps({"Listeners": [more]}))
    account = snapshot(folder)
    (balancer,) = account.balancers.by_id.values()
    assert isinstance(balancer, LoadBalancer)
    listeners = listeners_of(account, balancer)
    assert isinstance(listeners, tuple)
    assert [one.port for one in listeners] == [80, 443]


def test_rules_come_in_the_order_of_their_priority(tmp_path: Path) -> None:
    net = network()
    balance = Balancing(net)
    listener = net.responses["Listeners"][0]["ListenerArn"]
    for priority in (100, 9, 20):
        balance.rule(listener, priority, [{"Field": "host-header", "Values": ["a.example"]}], "web")
    account = snapshot(net.save(tmp_path))
    (found,) = next(iter(account.balancers.listeners.values())).values()
    rules = rules_of(account, found)
    assert isinstance(rules, tuple)
    assert [rule.priority for rule in rules] == ["9", "20", "100"]


def test_lists_of_other_services_under_the_same_keys_are_left_alone(tmp_path: Path) -> None:
    folder = network().save(tmp_path)
    others: dict[str, Json] = {
        "events": {
            "Rules": [{"Name": "nightly", "Arn": "arn:aws:events:eu-west-1:1:rule/nightly", "State": "ENABLED"}]
        },
        "accelerator": {"Listeners": [{"ListenerArn": "arn:aws:globalaccelerator::1:accelerator/a/listener/b"}]},
        "queue": {"Attributes": {"QueueArn": "arn:aws:sqs:eu-west-1:1:q"}},
        "resolver": {"Rules": [{"Priority": 5}]},
    }
    for name, content in others.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    assert Session(snapshot(folder)).explain(question_of("client -> shop:80")).verdict == "allowed"


@pytest.mark.parametrize(
    ("name", "key", "row", "message"),
    [
        (
            "describe-load-balancers",
            "LoadBalancers",
            {"LoadBalancerArn": 5, "LoadBalancerName": "shop"},
            "LoadBalancerArn",
        ),
        ("describe-listeners", "Listeners", {"Port": "http"}, "Port"),
        ("describe-target-groups", "TargetGroups", {"TargetGroupName": None}, "TargetGroupName"),
        ("describe-target-health.web", "TargetHealthDescriptions", {"Target": {"Port": 80}}, "Id"),
    ],
)
def test_what_can_not_be_made_sense_of_is_named_with_its_file_and_key(
    name: str, key: str, row: Json, message: str, tmp_path: Path
) -> None:
    folder = network().save(tmp_path)
    file = folder / f"{name}.json"
    rows = json.loads(file.read_text())[key]
    file.write_text(json.dumps({key: [{**rows[0], **row}]}))
    with pytest.raises(InputError) as caught:
        Session(snapshot(folder)).explain(question_of("client -> shop:80"))
    assert f"{name}.json" in caught.value.message
    assert message in caught.value.message
