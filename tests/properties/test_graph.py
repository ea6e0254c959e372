"""What an answer names is what decides: change it, and the answer changes; the walk keeps to the graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from random import Random

import pytest

from tests.oracle.accounts import random_account
from tests.oracle.model import Json
from tests.oracle.questions import Question as Asked
from tests.oracle.questions import random_question
from tests.properties.asking import SOAK, account_of, ask, question_of, replayed, written
from tests.properties.repairs import flipped, repaired, same_place, spoiled
from tests.properties.test_walk_of_sets import drawn, stepped, walked
from tests.properties.worlds import (
    broken_world,
    changed_world,
    denying_world,
    likely_question,
    office_world,
    picky_world,
)
from whyblocked.api import Session
from whyblocked.network.flow import INTERNET, Node

WORLDS = (changed_world, picky_world)


def drawn_case(seed: int, *worlds: Callable[[Random], Json]) -> tuple[Json, list[Asked]]:
    rng = Random(seed)
    raw = rng.choice(worlds or WORLDS)(rng)
    session = Session(account_of(raw))
    drawn_questions = [likely_question(rng, raw) for _ in range(4)]
    return raw, [question for question in drawn_questions if walked(session, question_of(question))]


def test_every_step_is_an_edge_of_the_graph() -> None:
    """And the graph has an edge for every step that some hop wants to take: none is given up for want of one."""
    kinds: set[str] = set()
    for seed in range(100 * SOAK):
        rng = Random(seed)
        raw = (*WORLDS, office_world, random_account)[seed % 4](rng)
        questions = [question_of(random_question(rng, raw)) if seed % 4 == 3 else drawn(rng) for _ in range(3)]
        session = Session(account_of(raw))
        for question in questions:
            found = walked(session, question)
            if found is None:
                continue
            kinds |= stepped(found[1], partial(replayed, raw, question))
    assert kinds >= {
        *("interface", "security-group", "subnet", "network-acl", "route-table", "vpc", "host", "internet"),
        *("internet-gateway", "egress-only-internet-gateway", "nat-gateway", "vpc-peering", "vpn-gateway"),
    }


def test_the_graph_joins_only_what_exists() -> None:
    """Every vertex that was reached is a resource of the account (or the internet, or what a route names)."""
    for seed in range(30 * SOAK):
        raw, questions = drawn_case(seed)
        session = Session(account_of(raw))
        ids = {str(value) for key in raw for value in _texts(raw[key])}
        for question in questions:
            found = walked(session, question_of(question))
            nodes = {node for step in (found[1].path if found else ()) for node in step} - {INTERNET}
            assert {node for node in nodes if not _known(node, ids)} == set()


def _known(node: Node, ids: set[str]) -> bool:
    return node.id in ids


def _texts(value: object) -> list[object]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value]


def test_a_blocker_is_gone_once_it_is_opened() -> None:
    opened: Counter[str] = Counter()
    for seed in range(60 * SOAK):
        raw, questions = drawn_case(seed, broken_world, broken_world, changed_world, picky_world, office_world)
        for question in questions:
            answer = ask(raw, question)
            for found in answer.blocked_by:
                better = repaired(raw, found)
                if better is None:
                    continue
                after = ask(better, question)
                still = [one.summary for one in after.blocked_by if same_place(one, found)]
                if still:
                    pytest.fail(f"{found.summary}\n{still}\n{written(raw, question)}", pytrace=False)
                if len(answer.blocked_by) == 1 and answer.verdict in ("blocked", "partial"):
                    assert after.verdict == "allowed" or after.blocked_by, written(raw, question)
                opened[found.layer] += 1
    assert opened.keys() >= {"network-acl", "security-group", "instance", "nat-gateway", "vpc-peering"}


def test_what_is_opened_step_by_step_passes_in_the_end() -> None:
    """Answers whose blockers can all be opened: when none is left, the packets pass."""
    passed = 0
    for seed in range(25 * SOAK):
        raw, questions = drawn_case(seed)
        for question in questions:
            account, answer = raw, ask(raw, question)
            for _ in range(12):
                better = [fix for found in answer.blocked_by if (fix := repaired(account, found))]
                if not better:
                    break
                account = better[0]
                answer = ask(account, question)
            if not answer.blocked_by:
                assert answer.verdict in ("allowed", "undetermined"), written(account, question)
                passed += account is not raw
    assert passed > 10


def test_the_rule_that_denies_is_the_one_that_decides() -> None:
    """A single network ACL rule is all that blocks: once it allows instead, that rule denies nothing any more."""
    turned = 0
    for seed in range(30 * SOAK):
        raw, questions = drawn_case(seed, denying_world)
        for question in questions:
            answer = ask(raw, question)
            changed = flipped(raw, answer.blocked_by[0]) if len(answer.blocked_by) == 1 else None
            if changed is None:
                continue
            assert ask(changed, question).verdict == "allowed", written(raw, question)
            turned += 1
    assert turned > 3


def test_the_rules_and_routes_on_the_way_are_those_that_decide() -> None:
    """Of what is allowed: without any of the rules and routes that the answer names it no longer is (or another rule
    of a security group stands in, and is named)."""
    spoilt: Counter[str] = Counter()
    for seed in range(12 * SOAK):
        raw, questions = drawn_case(seed)
        for question in questions:
            answer = ask(raw, question)
            if answer.verdict != "allowed":
                continue
            for hop in (*answer.forward, *answer.return_):
                worse = spoiled(raw, hop)
                if worse is None:
                    continue
                after = ask(worse, question)
                named = [one.rule for one in (*after.forward, *after.return_) if one.kind == hop.kind]
                if after.verdict == "allowed" and (hop.kind != "security-group" or hop.rule in named):
                    pytest.fail(f"still allowed without {hop}\n{written(raw, question)}", pytrace=False)
                spoilt[hop.kind] += 1
    assert spoilt.keys() == {"network-acl", "security-group", "route-table"}
