"""The same configuration gives the same answer, in whatever order AWS lists it."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import msgspec
import pytest

from tests.oracle.accounts import random_account
from tests.oracle.model import Json
from tests.oracle.questions import random_question
from tests.properties.asking import SOAK, account_of, question_of, replayed
from tests.properties.test_walk_of_sets import drawn
from tests.properties.worlds import changed_world, likely_question, picky_world
from whyblocked.api import Session
from whyblocked.errors import WhyblockedError
from whyblocked.network.asked import Question


def told(session: Session, question: Question) -> Json:
    """The answer as JSON, or the error in its place."""
    try:
        found: Json = json.loads(msgspec.json.encode(session.explain(question)))
    except WhyblockedError as error:
        return {"error": error.message, "candidates": list(error.candidates)}
    return found


def shuffled(rng: Random, value: Any) -> Any:
    """Every list in another order."""
    if isinstance(value, dict):
        keys = list(value)
        rng.shuffle(keys)
        return {key: shuffled(rng, value[key]) for key in keys}
    if isinstance(value, list):
        return [shuffled(rng, item) for item in rng.sample(value, len(value))]
    return value


def differing(one: Any, other: Any, where: str = "") -> list[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        return [
            found for key in {**one, **other} for found in differing(one.get(key), other.get(key), f"{where}.{key}")
        ]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [
            found for n, (a, b) in enumerate(zip(one, other, strict=True)) for found in differing(a, b, f"{where}[{n}]")
        ]
    return [] if one == other else [f"{where}: {one!r} != {other!r}"]


def cases(seed: int) -> tuple[Json, list[Question]]:
    rng = Random(seed)
    raw = (changed_world, picky_world, random_account)[seed % 3](rng)
    if seed % 3 == 2:
        return raw, [question_of(random_question(rng, raw)) for _ in range(3)]
    return raw, [*(question_of(likely_question(rng, raw)) for _ in range(2)), drawn(rng), drawn(rng)]


def test_asking_twice_gives_the_same_answer() -> None:
    for seed in range(20 * SOAK):
        raw, questions = cases(seed)
        session, fresh = Session(account_of(raw)), Session(account_of(raw))
        first = [told(session, question) for question in questions]
        again = [told(session, question) for question in reversed(questions)]
        assert first == again[::-1] == [told(fresh, question) for question in questions]


def test_the_order_of_lists_says_nothing() -> None:
    for seed in range(36 * SOAK):
        raw, questions = cases(seed)
        session = Session(account_of(raw))
        other = Session(account_of(shuffled(Random(seed), raw)))
        for question in questions:
            wrong = differing(told(session, question), told(other, question))
            if wrong:
                pytest.fail("\n".join((*wrong[:20], replayed(raw, question))), pytrace=False)
