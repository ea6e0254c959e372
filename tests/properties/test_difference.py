"""Random accounts with random edits: what is compared, and what is blamed, is right of each."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

from tests.oracle.model import Json
from tests.properties.asking import SOAK, account_of, question_of, replayed
from tests.properties.test_determinism import shuffled
from tests.properties.worlds import broken_world, changed_world, likely_question, picky_world, wide_world, with_rows
from whyblocked.api import Session, difference
from whyblocked.config.account import Account
from whyblocked.config.inventory import Inventory, load_inventory
from whyblocked.diagnosis.answer import Answer
from whyblocked.diagnosis.difference.comparing import compare
from whyblocked.diagnosis.difference.sides import Sides
from whyblocked.diagnosis.difference.telling import Asking
from whyblocked.errors import WhyblockedError
from whyblocked.network.asked import Question

WORLDS = (changed_world, picky_world, broken_world, lambda rng: with_rows(wide_world()))


def inventory_of(raw: Json) -> Inventory:
    """The inventory of the folder that :func:`account_of` makes an account of."""
    with TemporaryDirectory() as folder:
        for name, entries in raw.get("PrefixListEntries", {}).items():
            Path(folder, f"managed-prefix-list-entries.{name}.json").write_text(json.dumps({"Entries": entries}))
        rest = {key: value for key, value in raw.items() if key != "PrefixListEntries"}
        Path(folder, "account.json").write_text(json.dumps(rest))
        return load_inventory(Path(folder))


def explained(account: Account, question: Question) -> Answer | str:
    try:
        return Session(account).explain(question)
    except WhyblockedError as error:
        return error.message


def told(found: Answer | str) -> object:
    """What an answer says, but for the ids of security group rules, which are others in each of these snapshots."""
    if isinstance(found, str):
        return found
    blockers = [(f.layer, f.leg, f.direction, f.resource_ids, f.code, f.summary, f.packets) for f in found.blocked_by]
    hops = [(hop.kind, hop.id, hop.action, hop.packet) for hop in (*found.forward, *found.return_)]
    return found.verdict, found.open_ports, blockers, found.missing, hops


def verdict(found: Answer | str) -> str:
    return found if isinstance(found, str) else found.verdict


def drawn(seed: int) -> tuple[Json, Json, list[Question]]:
    """An account, the same after other changes, and questions that one or the other answers."""
    rng = Random(seed)
    before, after = (rng.choice(WORLDS)(rng) for _ in range(2))
    return before, after, [question_of(likely_question(rng, world)) for world in (before, after, before, after)]


@pytest.mark.parametrize("seed", range(40 * SOAK))
def test_a_snapshot_has_no_difference_from_itself(seed: int) -> None:
    rng = Random(seed)
    raw = rng.choice(WORLDS)(rng)
    assert difference(inventory_of(raw), inventory_of(shuffled(rng, raw))).changes == []


@pytest.mark.parametrize("seed", range(60 * SOAK))
def test_all_changes_together_make_the_later_account(seed: int) -> None:
    before, after, questions = drawn(seed)
    sides = Sides(inventory_of(before), inventory_of(after))
    changes = compare(sides)
    for question in questions:
        made, there = explained(sides.between(changes), question), explained(account_of(after), question)
        assert told(made) == told(there), replayed(before, question) + replayed(after, question)
        same, here = explained(sides.between(()), question), explained(account_of(before), question)
        assert told(same) == told(here), replayed(before, question)


@pytest.mark.parametrize("seed", range(120 * SOAK))
def test_what_is_blamed_turns_the_answer_and_taken_back_restores_it(seed: int) -> None:
    before, after, questions = drawn(seed)
    sides = Sides(inventory_of(before), inventory_of(after))
    changes = compare(sides)
    asking = [Asking(question, question.text) for question in questions]
    found = difference(inventory_of(before), inventory_of(after), asking)
    assert len(found.changes) == len(changes)
    for question, answer in zip(questions, found.answers, strict=True):
        was, now = (explained(account_of(raw), question) for raw in (before, after))
        if verdict(was) == verdict(now):
            continue
        said = f"{answer.because}, {answer.further}\n{replayed(before, question)}\n{replayed(after, question)}"
        assert answer.changed, said
        assert answer.because, said
        for cause in answer.because:
            made = sides.between([changes[number - 1] for number in cause])
            assert verdict(explained(made, question)) == verdict(now), said
            for spared in cause if len(cause) > 1 and answer.complete else ():
                less = sides.between([changes[number - 1] for number in cause if number != spared])
                assert verdict(explained(less, question)) != verdict(now), said
        blamed = {number for cause in answer.because for number in cause} | set(answer.further)
        rest = sides.between([change for number, change in enumerate(changes, 1) if number not in blamed])
        assert verdict(explained(rest, question)) == verdict(was), said
