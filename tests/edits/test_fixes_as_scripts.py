"""The commands of a proposed fix, read back as a script, do what the fix promised."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.builders import question_of
from tests.properties.asking import SOAK, account_of
from tests.properties.asking import question_of as asked_of
from tests.properties.worlds import changed_world, denying_world, likely_question, serving_world
from whyblocked.api import Session, WhatIf, snapshot
from whyblocked.config.planned import read
from whyblocked.errors import EditError, EndpointError

FIXTURES = Path(__file__).parents[2] / "fixtures"
INCIDENTS = sorted(path for path in FIXTURES.iterdir() if path.is_dir())


@pytest.mark.parametrize("folder", INCIDENTS, ids=lambda folder: folder.name)
def test_the_fixes_of_every_incident_hold_when_they_are_read_back(folder: Path) -> None:
    question = question_of((folder / "question.txt").read_text(encoding="utf-8").strip())
    account = snapshot(folder / "snapshot")
    session = Session(account)
    today = session.explain(question)
    for fix in session.fix(question, today).fixes:
        if any(command.startswith("aws network-firewall ") for command in fix.commands):
            with pytest.raises(EditError, match="is not run"):  # its group is written as a whole
                read("\n".join(fix.commands).encode(), "fix.sh")
            continue
        planned = read("\n".join(fix.commands).encode(), "fix.sh")
        found = WhatIf(account, [planned]).explain(question)
        assert (found.verdict, found.before, len(found.applied)) == (fix.then, today.verdict, len(fix.commands))


@pytest.mark.parametrize("seed", range(25 * SOAK))
def test_the_fixes_of_random_questions_hold_when_they_are_read_back(seed: int) -> None:
    rng = Random(seed)
    raw = (changed_world, denying_world, serving_world)[seed % 3](rng)
    account = account_of(raw)
    session = Session(account)
    for _ in range(3):
        question = asked_of(likely_question(rng, raw))
        try:
            today = session.explain(question)
        except EndpointError:
            continue  # an end without an address of the other's IP version
        for fix in session.fix(question, today).fixes:
            script = "\n".join(fix.commands)
            found = WhatIf(account, [read(script.encode(), "fix.sh")]).explain(question)
            assert found.verdict == fix.then, script
