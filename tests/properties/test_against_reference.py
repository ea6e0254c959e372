"""The product's answers beside those of an independent evaluation, packet by packet, of the same account."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.oracle.accounts import random_account
from tests.oracle.model import Json
from tests.oracle.questions import Question, random_question
from tests.properties.asking import SOAK
from tests.properties.comparing import compare, smallest
from tests.properties.worlds import changed_world, likely_question

SEEDS = 80
QUESTIONS = 5

# A seed has no smaller seed that means the same: `smallest` cuts the account down instead.
drawn = settings(
    max_examples=60 * SOAK,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


def agree(account: Json, question: Question) -> str:
    """Fails with the smallest account that shows the difference; tells what was compared."""
    found = compare(account, question)
    if found.difference:
        pytest.fail(smallest(account, question), pytrace=False)
    return f"{found.kind} {found.verdict}"


def test_a_step_away_from_a_working_network() -> None:
    met: Counter[str] = Counter()
    for seed in range(SEEDS * SOAK):
        rng = Random(seed)
        account = changed_world(rng)
        for _ in range(QUESTIONS):
            met[agree(account, likely_question(rng, account))] += 1
    # The comparison is worth what it meets.
    assert met["verdict allowed"] > SEEDS
    assert met["blockers blocked"] > SEEDS // 4
    assert met["blockers partial"] > 1


def test_random_networks() -> None:
    met: Counter[str] = Counter()
    for seed in range(SEEDS * SOAK // 2):
        rng = Random(seed)
        account = random_account(rng)
        for _ in range(QUESTIONS):
            met[agree(account, random_question(rng, account))] += 1
    assert met["verdict allowed"] > SEEDS // 10
    assert met["blockers blocked"] > SEEDS // 4
    assert met["verdict undetermined"] > 0


@drawn
@given(seed=st.integers(min_value=0, max_value=2**64), likely=st.booleans())
def test_drawn_networks(seed: int, likely: bool) -> None:
    rng = Random(seed)
    account = changed_world(rng) if likely else random_account(rng)
    agree(account, likely_question(rng, account) if likely else random_question(rng, account))
