"""Every proposed fix, carried out from its printed commands, beside an independent evaluation of the account.

The question has to pass then, packet by packet; and what else passes has to be what the fix says.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_network
from random import Random

import pytest

from tests.fixing.carrying_out import carried_out, parsed
from tests.oracle.crossing.scenes import SCENES
from tests.oracle.evaluator import Unanswerable
from tests.oracle.model import ICMP, TCP, UDP, Json, Outcome
from tests.oracle.questions import Question, answer, evaluate_sample, sample_packets
from tests.properties import crossing, worlds
from tests.properties.asking import SOAK, account_of, question_of, written
from tests.properties.comparing import beyond, verdict_of
from whyblocked.api import Session
from whyblocked.diagnosis.answer import Answer, Fix
from whyblocked.errors import WhyblockedError

WORLDS = (worlds.changed_world, worlds.picky_world, worlds.broken_world, worlds.denying_world, worlds.serving_world)
CASES = 400
SCENE_CASES = 60


def fixed(account: Json, question: Question) -> Answer | None:
    """The answer with its fixes; None where the question can't be asked."""
    try:
        session = Session(account_of(account))
        asked = question_of(question)
        return session.fix(asked, session.explain(asked))
    except WhyblockedError:
        return None


def random_cases(count: int) -> Iterator[tuple[Json, Question]]:
    for seed in range(count * SOAK):
        rng = Random(seed)
        account = WORLDS[seed % len(WORLDS)](rng)
        yield account, worlds.likely_question(rng, account)


def test_with_every_fix_the_whole_question_passes() -> None:
    met: Counter[str] = Counter()
    for account, question in random_cases(CASES):
        found = fixed(account, question)
        if found is None or found.verdict not in ("blocked", "partial"):
            continue
        assert found.fixes or found.no_fix
        met["fixed" if found.fixes else "not fixed"] += 1
        for fix in found.fixes:
            met[_judged(account, question, fix)] += 1
    # The comparison is worth what it meets.
    assert met["passes"] > CASES // 5
    assert met["fixed"] > 2 * met["not fixed"]


def _judged(account: Json, question: Question, fix: Fix) -> str:
    if fix.then != "allowed":
        return "can't be told"
    mended = carried_out(account, fix.commands)
    try:
        reference = answer(mended, question)
    except Unanswerable:
        return "not comparable"
    verdict = verdict_of(reference)
    if verdict == "undetermined" or (verdict != "allowed" and (reference.doubts or beyond(mended, question))):
        return "not comparable"
    assert verdict == "allowed", f"{fix.commands}\n{written(account, question)}"
    return "passes"


@pytest.mark.parametrize("name", SCENES)
def test_with_every_fix_the_question_passes_through_every_component(name: str) -> None:
    met: Counter[str] = Counter()
    for seed in range(SCENE_CASES * SOAK):
        account, question = SCENES[name](Random(f"{name}{seed}"))
        found = fixed(account, question)
        for fix in found.fixes if found is not None else ():
            if fix.then != "allowed":
                continue
            outcomes = _outcomes(carried_out(account, fix.commands), question)
            verdict = crossing.verdict_of(outcomes) if outcomes else "undetermined"
            if verdict == "undetermined" or any(one.doubts for one in outcomes):
                met["not comparable"] += 1
                continue
            assert verdict == "allowed", f"{name} {seed}: {fix.commands}"
            met["passes"] += 1
    assert met["passes"] > met["not comparable"]
    assert met["passes"] > SCENE_CASES // 10


def _outcomes(account: Json, question: Question) -> list[Outcome]:
    try:
        return crossing.reference(account, question)
    except Unanswerable:
        return []


# -- what else it allows -----------------------------------------------------------------------------------------------


def test_nothing_else_is_opened_unless_the_fix_says_so() -> None:
    met: Counter[str] = Counter()
    for number, (account, question) in enumerate(random_cases(CASES // 2)):
        found = fixed(account, question)
        for fix in found.fixes[:1] if found is not None else ():
            mended = carried_out(account, fix.commands)
            for other in _other_questions(Random(number), question):
                if _passes(account, other) is False and _passes(mended, other) is True:
                    met["opened"] += 1
                    assert fix.also_allows, f"{fix.commands} lets pass {other}\n{written(account, question)}"
                else:
                    met["as before"] += 1
    assert met["opened"] > 10
    assert met["as before"] > 3 * met["opened"]


def _other_questions(rng: Random, question: Question) -> Iterator[Question]:
    """From others, to others, for something else."""
    ends = (*worlds.PLACES, *worlds.ELSEWHERE)
    for _ in range(12):
        source, destination = rng.choice((question.source, rng.choice(ends))), question.destination
        if rng.random() < 0.4:
            destination = rng.choice(worlds.PLACES)
        protocol = rng.choice((question.protocol, TCP, UDP, ICMP))
        if protocol in (TCP, UDP):
            port = question.destination_port if rng.random() < 0.7 else rng.choice(worlds.PORTS)
            other = Question(source, destination, protocol, port or 443, (40000, 40000))
        elif protocol == question.protocol:
            kind, code = question.icmp_type, question.icmp_code
            other = Question(source, destination, protocol, icmp_type=kind, icmp_code=code)
        else:
            other = Question(source, destination, protocol, icmp_type=8, icmp_code=0)
        if not _within(other, question):
            yield other


def _within(other: Question, question: Question) -> bool:
    """Whether the other question is a part of the one that was asked."""
    ends = [[_machine(end) for end in (one.source, one.destination)] for one in (other, question)]
    what = [(one.protocol, one.destination_port, one.icmp_type) for one in (other, question)]
    return ends[0] == ends[1] and what[0] == what[1]


def _machine(end: str) -> str:
    """One name for all that the same machine is called."""
    return next((name for name, called in worlds.MACHINES.items() if end in called), end)


def _passes(account: Json, question: Question) -> bool | None:
    """None where the reference can't tell."""
    if beyond(account, question):
        return None
    try:
        outcomes = [evaluate_sample(account, question, sample) for sample in sample_packets(account, question)]
    except Unanswerable:
        return None
    if any(one.doubts or one.verdict == "undetermined" for one in outcomes):
        return None
    return all(one.verdict == "allowed" for one in outcomes)


def test_rules_name_nobody_but_the_ends_of_the_question() -> None:
    count = 0
    for account, question in random_cases(CASES // 2):
        found = fixed(account, question)
        for fix in found.fixes if found is not None else ():
            for command in fix.commands:
                for cidr in _peers(command):
                    count += 1
                    block = ip_network(cidr)
                    assert block.prefixlen >= (32 if block.version == 4 else 128) or fix.also_allows, command
                    assert block.prefixlen > 0
    assert count > CASES // 20


def _peers(command: str) -> list[str]:
    operation, options = parsed(shlex.split(command)) if command.startswith("aws ") else ("", {})
    if "authorize" in operation:
        return re.findall(r"CidrIp(?:v6)?=([^}]+)", options["ip-permissions"][0])
    if operation == "ec2 create-network-acl-entry":
        return options.get("cidr-block", options.get("ipv6-cidr-block", []))
    return []
