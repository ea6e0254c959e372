"""For random accounts and calls: the answer on the copy is that on the account whose JSON was rewritten by hand."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from tests.edits.by_hand import MAKERS, Made, changes
from tests.oracle.accounts import random_account
from tests.oracle.model import Json
from tests.oracle.questions import random_question
from tests.properties.asking import SOAK, account_of, question_of, written
from tests.properties.test_determinism import differing, told
from tests.properties.worlds import changed_world, likely_question, picky_world, with_rows
from whyblocked.api import Session
from whyblocked.config.edits import Edit, apply
from whyblocked.config.planned.arguments import Call
from whyblocked.config.planned.calls import edits_of

ALLOCATED = {"Addresses": [{"PublicIp": "198.51.100.200", "AllocationId": "eipalloc-1", "Domain": "vpc"}]}


def edits(made: list[Made]) -> list[Edit]:
    return [edit for operation, told in made for edit in edits_of(Call("ec2", operation, told, "here"))]


def nameless(value: Any) -> Any:
    """An answer without the ids of rules, which a rule that is still to be made has not."""
    if isinstance(value, dict):
        return {key: nameless(item) for key, item in value.items() if key not in ("rule_id", "near_misses")}
    return [nameless(item) for item in value] if isinstance(value, list) else value


def separate(raw: Json) -> Json:
    """A copy in which no two resources are one object, as they are in worlds that are written down short."""
    copied: Json = json.loads(json.dumps(raw))
    return copied


@pytest.mark.parametrize("seed", range(45 * SOAK))
def test_the_answer_is_that_of_the_rewritten_account(seed: int) -> None:
    rng = Random(seed)
    raw = (changed_world, picky_world, random_account)[seed % 3](rng) | ALLOCATED
    rewritten = separate(raw)
    made = changes(rng, rewritten, rng.choice((1, 1, 2, 3, 5)))
    draw = random_question if seed % 3 == 2 else likely_question
    account, other = account_of(with_rows(raw)), Session(account_of(with_rows(rewritten)))
    untouched = Session(account)
    then = Session(apply(account, edits(made)))
    for _ in range(4):
        asked = draw(rng, rewritten if rng.random() < 0.5 else raw)
        question = question_of(asked)
        before = told(untouched, question)
        one, two = nameless(told(then, question)), nameless(told(other, question))
        context = f"{json.dumps(made)}\n{written(raw, asked)}"
        assert not differing(one, two), f"{differing(one, two)}\n{context}"
        assert told(untouched, question) == before == told(Session(account_of(with_rows(raw))), question), context


def test_every_kind_of_call_is_drawn() -> None:
    drawn: set[str] = set()
    for seed in range(60):
        rng = Random(seed)
        drawn |= {operation for operation, _ in changes(rng, separate(changed_world(rng)), 5)}
    assert len(drawn) >= len(set(MAKERS))


def test_the_same_edits_on_one_account_give_the_same_copy() -> None:
    rng = Random(7)
    raw: Json = changed_world(rng) | ALLOCATED
    made = changes(rng, separate(raw), 4)
    account = account_of(with_rows(raw))
    question = question_of(likely_question(rng, raw))
    assert told(Session(apply(account, edits(made))), question) == told(Session(apply(account, edits(made))), question)
