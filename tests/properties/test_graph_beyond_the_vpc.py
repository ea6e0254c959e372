"""What :mod:`tests.properties.test_graph` holds inside a VPC, for every other component: transit gateways, VPNs,
endpoints, firewalls, load balancers. The walk keeps to the graph, and what an answer names is what decides."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from random import Random

import pytest

from tests.oracle.crossing.scenes import SCENES
from tests.oracle.model import Json
from tests.oracle.questions import Question as Asked
from tests.properties.asking import SOAK, account_of, ask, question_of
from tests.properties.crossing import written
from tests.properties.repairs import flipped, repaired, spoiled
from tests.properties.test_walk_of_sets import stepped, walked
from tests.properties.worlds import with_rows
from whyblocked.api import Session
from whyblocked.diagnosis.answer import Answer, Finding, Hop
from whyblocked.errors import EndpointError

ROUTES = "search-transit-gateway-routes"


def scenes(each: int, what: str, *names: str) -> Iterator[tuple[Json, Asked]]:
    for name in names or SCENES:
        for seed in range(each * SOAK):
            account, question = SCENES[name](Random(f"{what} {name}{seed}"))
            yield with_rows(account), question


def answered(each: int, what: str, *names: str) -> Iterator[tuple[Json, Asked, Answer]]:
    """The scenes that have an answer: both ends of a question may lie outside of a spoiled network."""
    for raw, question in scenes(each, what, *names):
        with suppress(EndpointError):
            yield raw, question, ask(raw, question)


def test_every_step_is_an_edge_of_the_graph() -> None:
    """And the graph has an edge for every step that some hop wants to take: none is given up for want of one."""
    kinds: set[str] = set()
    for raw, question in scenes(12, "edges"):
        found = walked(Session(account_of(raw)), question_of(question))
        if found is None:
            continue
        kinds |= stepped(found[1], partial(written, raw, question))
    assert kinds >= {
        *("interface", "security-group", "subnet", "network-acl", "route-table", "vpc", "internet", "internet-gateway"),
        *("nat-gateway", "vpn-gateway", "transit-gateway", "vpc-endpoint", "load-balancer", "target-group"),
    }


def test_what_stands_in_an_answer_was_walked_through() -> None:
    """Every hop that is a vertex of the graph by its own id is one of those that the walk stepped on."""
    hops = 0
    for raw, question in scenes(6, "walked"):
        session = Session(account_of(raw))
        found = walked(session, question_of(question))
        if found is None:
            continue
        nodes = {node for step in found[1].path for node in step}
        named = {(node.kind, node.id) for node in nodes}
        for hop in found[1].passages:
            if hop.kind in ("transit-gateway", "nat-gateway", "vpc-endpoint", "internet-gateway", "vpn-gateway"):
                at = ("interface", hop.interface_id)  # an interface endpoint is told at the interface that it is
                assert named & {(hop.kind, hop.id), at}, (hop, written(raw, question))
                hops += 1
    assert hops > 50


# -- taking away what let it pass -----------------------------------------------------------------------------------


def without(raw: Json, hop: Hop) -> Json | None:
    """The account without the route of a transit gateway, or the rule or route inside a VPC, that let packets pass."""
    if hop.kind != "transit-gateway-route-table":
        return spoiled(raw, hop)
    rule = hop.rule
    if rule is None or hop.action != "forward":
        return None
    account = copy.deepcopy(raw)
    routes = account["Files"][f"{ROUTES}.{hop.id}"]["Routes"]
    found = [one for one in routes if is_route(one, rule)]
    assert found, (rule, routes)
    for one in found:
        one["State"] = "blackhole"
    return account


def is_route(row: Json, rule: Json) -> bool:
    ids = [one["TransitGatewayAttachmentId"] for one in row.get("TransitGatewayAttachments", ())]
    destination = row.get("DestinationCidrBlock") or row.get("PrefixListId")
    return bool(destination == rule["destination"]) and ",".join(ids) == (rule["target"] or "")


def test_the_rules_and_routes_on_the_way_are_those_that_decide() -> None:
    """Of what is allowed: without any of the rules and routes that the answer names it no longer is (or another rule of
    a security group stands in, and is named)."""
    spoilt: Counter[str] = Counter()
    names = ("transit", "vpn", "nat", "endpoint", "firewall", "inspection", "mixed")
    for raw, question, answer in answered(8, "spoiled", *names):
        if answer.verdict != "allowed":
            continue
        for hop in (*answer.forward, *answer.return_):
            worse = without(raw, hop)
            if worse is None:
                continue
            after = ask(worse, question)
            named = [one.rule for one in (*after.forward, *after.return_) if one.kind == hop.kind]
            if after.verdict == "allowed" and (hop.kind != "security-group" or hop.rule in named):
                pytest.fail(f"still allowed without {hop}\n{written(raw, question)}", pytrace=False)
            spoilt[hop.kind] += 1
    assert spoilt.keys() == {"network-acl", "security-group", "route-table", "transit-gateway-route-table"}
    assert spoilt["transit-gateway-route-table"] > 10


# -- taking away what refused it -------------------------------------------------------------------------------------


def without_blocker(raw: Json, found: Finding) -> Json | None:
    """The account without the very rule or route that refuses; None where it is something else."""
    if found.layer == "network-firewall" and found.rule is not None:
        return without_firewall_rule(raw, found.rule)
    if found.code == "TGW_RTB_BAD_STATE_ROUTE" and found.rule is not None:
        account = copy.deepcopy(raw)
        routes = account["Files"][f"{ROUTES}.{found.resource_ids[0]}"]["Routes"]
        routes[:] = [one for one in routes if not is_route(one, found.rule)]
        return account
    return flipped(raw, found) or repaired(raw, found)


def without_firewall_rule(raw: Json, rule: Json) -> Json:
    account = copy.deepcopy(raw)
    source = account["Files"][f"describe-rule-group.{rule['rule_group']}"]["RuleGroup"]["RulesSource"]
    if "StatefulRules" in source:
        rows = source["StatefulRules"]
        kept = [one for one in rows if one["RuleOptions"][0]["Settings"] != [rule["sid"]]]
        source["StatefulRules"] = kept
    else:
        listed = source["StatelessRulesAndCustomActions"]
        rows = listed["StatelessRules"]
        kept = [one for one in rows if one["Priority"] != rule["priority"]]
        listed["StatelessRules"] = kept
    assert len(kept) == len(rows) - 1, rule
    return account


def test_a_rule_that_refuses_refuses_nothing_once_it_is_gone() -> None:
    """And where it was all that blocked, the verdict is another one, or another rule of the same kind now decides."""
    gone: Counter[str] = Counter()
    for raw, question, answer in answered(40, "refused", "transit", "vpn", "firewall", "inspection", "mixed"):
        for found in answer.blocked_by:
            better = without_blocker(raw, found)
            if better is None:
                continue
            after = ask(better, question)
            same = [one for one in after.blocked_by if (one.layer, one.rule) == (found.layer, found.rule) and one.rule]
            here = [one for one in same if one.resource_ids == found.resource_ids and one.leg == found.leg]
            if here:
                pytest.fail(f"{found.summary}\n{here[0].summary}\n{written(raw, question)}", pytrace=False)
            alone = all((one.layer, one.rule) == (found.layer, found.rule) for one in answer.blocked_by)
            if alone and answer.verdict == "blocked":
                assert after.verdict != "blocked" or after.blocked_by, written(raw, question)
                gone[f"{found.layer} alone"] += after.verdict != "blocked"
            gone[found.layer] += 1
    assert gone.keys() >= {"network-firewall", "transit-gateway", "network-acl", "security-group", "vpn-gateway"}
    assert gone["network-firewall alone"] > 2
