"""The connection of a load balancer to a target is walked like any question from its node to the target."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from tests.balancing import Balancing, node_id
from tests.builders import OPEN, Json, Network, allow, deny, question_of, tcp, told
from tests.properties.asking import SOAK
from whyblocked.api import Session, snapshot

NODES = {"subnet-a": "10.0.1.50", "subnet-b": "10.0.2.50"}
TARGETS = {"one": "10.0.3.10", "two": "10.0.4.10", "three": "10.0.1.10"}


def _rules(rng: Random) -> list[Json]:
    peers = ["sg-shop", "10.0.1.0/24", "10.0.2.0/24", "10.0.0.0/16", "192.0.2.0/24"]
    return [tcp(rng.choice((80, 8080, (8000, 8100))), rng.choice(peers)) for _ in range(rng.randint(1, 2))]


def _acl(rng: Random) -> tuple[list[Json], list[Json]] | None:
    blocks = ["10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24", "10.0.4.0/24"]
    match rng.randrange(6):
        case 0:
            return [deny(90, cidr=rng.choice(blocks)), *OPEN], OPEN
        case 1:
            return OPEN, [allow(90, "tcp", (32768, 65535)), allow(91, "tcp", (80, 8100))]
        case _:
            return None


def _world(rng: Random) -> Network:
    net = Network()
    for third, (bits, zone) in enumerate({"client": "a", "a": "a", "b": "b", "one": "a", "two": "b"}.items()):
        net.subnet(f"subnet-{bits}", f"10.0.{third}.0/24", zone=zone, acl=_acl(rng) if bits in TARGETS else None)
    net.group("sg-shop", [tcp(80, "10.0.0.0/24")], [tcp(rng.choice((8080, (1, 65535))), "10.0.0.0/16")])
    net.instance("client", "10.0.0.10")
    ids = {}
    for name, address in TARGETS.items():
        net.group(f"sg-{name}", _rules(rng))
        ids[name] = net.instance(name, address, groups=[f"sg-{name}"])
    chosen = rng.sample(sorted(ids), rng.randint(1, 3))
    balance = Balancing(net)
    balance.group("web", {ids[name]: 8080 for name in chosen}, cross_zone=rng.choice(("true", "false")))
    balance.balancer("shop", NODES, {("HTTP", 80): "web"}, groups=["sg-shop"])
    return net


def _pairs(net: Network, session: Session) -> Iterator[tuple[str, str]]:
    """The nodes and the interfaces of the targets that they may send to."""
    zones = {row["NetworkInterfaceId"]: row["AvailabilityZone"] for row in net.responses["NetworkInterfaces"]}
    crosses = {"Key": "load_balancing.cross_zone.enabled", "Value": "true"}
    everywhere = crosses in net.details["describe-target-group-attributes.web"]["Attributes"]
    for described in net.details["describe-target-health.web"]["TargetHealthDescriptions"]:
        interfaces = session.account.interfaces_of(described["Target"]["Id"])
        assert isinstance(interfaces, tuple)
        eni = interfaces[0].network_interface_id
        for subnet in NODES:
            node = node_id("shop", subnet)
            if everywhere or zones[eni] == zones[node]:
                yield node, eni


def _summed(verdicts: Sequence[str]) -> str:
    return verdicts[0] if len(set(verdicts)) == 1 else "partial"


def test_the_verdicts_of_targets_and_answer_sum_up_what_every_pair_of_node_and_target_gives() -> None:
    seen = set()
    for seed in range(40 * SOAK):
        net = _world(Random(seed))
        with tempfile.TemporaryDirectory() as folder:
            session = Session(snapshot(net.save(Path(folder))))
        _, walk = session.walk(question_of("client -> shop:80"))
        assert all(walk.graph.graph.has_edge(*step) for step in walk.path)
        assert {"load-balancer", "target-group"} <= {node.kind for step in walk.path for node in step}
        assert walk.missing == []
        pairs = list(_pairs(net, session))
        second = [session.explain(question_of(f"{a} -> {b}:8080 --source-port 1024-65535")).verdict for a, b in pairs]
        answer = session.explain(question_of("client -> shop:80"))
        seen.add(answer.verdict)
        assert answer.verdict == _summed(second), (seed, pairs, second)
        by_target = {
            eni: _summed([verdict for (_, to), verdict in zip(pairs, second, strict=True) if to == eni])
            for _, eni in pairs
        }
        assert {target.interface_id: target.verdict for target in answer.targets} == by_target, (seed, pairs, second)
    assert seen == {"allowed", "blocked", "partial"}


def test_a_target_has_the_verdict_of_the_question_where_it_is_the_only_one() -> None:
    seen = set()
    for seed in range(20 * SOAK):
        net = _world(Random(seed))
        group = net.details["describe-target-health.web"]["TargetHealthDescriptions"]
        crosses = {"Key": "load_balancing.cross_zone.enabled", "Value": "true"}
        if crosses not in net.details["describe-target-group-attributes.web"]["Attributes"]:
            continue  # alone it may be served by fewer nodes
        registered = list(group)
        together = net.ask("client -> shop:80")
        assert together.verdict == _summed([target.verdict for target in together.targets])
        for target in together.targets:
            group[:] = [one for one in registered if one["Target"]["Id"] == target.id]
            alone = net.ask("client -> shop:80")
            assert [(one.id, one.verdict) for one in alone.targets] == [(target.id, target.verdict)], seed
            assert alone.verdict == target.verdict, seed
            assert [told(finding) for finding in alone.blocked_by] == [
                told(together.blocked_by[stop.finding]) for stop in target.blocked_by
            ], seed
            seen.add(alone.verdict)
    assert seen == {"allowed", "blocked", "partial"}


def test_the_hops_of_a_target_lead_from_the_nodes_to_it_and_back() -> None:
    for seed in range(30 * SOAK):
        answer = _world(Random(seed)).ask("client -> shop:80")
        nodes = {node_id("shop", subnet) for subnet in NODES}
        own = {target.interface_id for target in answer.targets}
        for target in answer.targets:
            there = [answer.forward[place] for place in target.forward]
            back = [answer.return_[place] for place in target.return_]
            assert (there[-1].id, there[-1].action) == (target.interface_id, "deliver"), seed
            assert back[0].id == target.interface_id, seed
            assert {there[0].id, back[-1].id} <= nodes, seed
            others = own - {target.interface_id}
            assert not others & {hop.interface_id for hop in (*there, *back)}, seed
            refused = {hop.kind for hop in (*there, *back) if hop.action == "deny"}
            assert refused <= {stop.layer for stop in target.blocked_by}, seed
        there_to = {place for target in answer.targets for place in target.forward}
        back_from = {place for target in answer.targets for place in target.return_}
        clients = [hop for place, hop in enumerate(answer.forward) if place not in there_to]
        clients += [hop for place, hop in enumerate(answer.return_) if place not in back_from]
        assert {"load-balancer", "target-group"} <= {hop.kind for hop in clients}, seed
        assert not own & {hop.interface_id for hop in clients}, seed
