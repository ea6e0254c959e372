"""Snapshots that are not as they should be: an answer or one clear line, whatever is in them."""

from __future__ import annotations

import io
import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import TypeVar

import pytest

from tests.incidents.mutating import FOLDER, Documents, incident, mapped, odd, session, without_something
from whyblocked.api import Session
from whyblocked.diagnosis.answer import Answer
from whyblocked.errors import WhyblockedError
from whyblocked.question.grammar import parse
from whyblocked.report import html, json, markdown, text, whois
from whyblocked.report.console import build_console

T = TypeVar("T")
SOAK = int(os.environ.get("WHYBLOCKED_SOAK", "1"))
FOLDERS = sorted(path.parent for path in FOLDER.glob("*/question.txt"))
NAMED = pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name[:2])
# Everything that a terminal would obey, but the end of a line.
STEERS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")
HOSTILE = "\x1b[31m[red]<script>x</script>\u202e`|](http://e)\r\n\x9b2J\x00'\";$(x)"
ADDRESS = re.compile(r"[0-9a-f.:/]+")
ID = re.compile(r"(i|eni|sg|acl|rtb|vpc|subnet|igw|nat|pcx|tgw|vpce|vgw|vpn|eigw|pl|arn)[-:]")
DECIDING = re.compile(
    r"(State|Status|Code|Type|.*Protocol|.*Action|Scheme|.*Mode|Origin|RuleOrder|Direction|.*OwnerId)"
)


def rendered(answer: Answer) -> dict[str, str]:
    out = io.StringIO()
    text.render(answer, build_console(out))
    return {
        "text": out.getvalue(),
        "json": json.render(answer),
        "markdown": markdown.render(answer),
        "html": html.render(answer),
    }


def _tried(ask: Callable[[], T]) -> T | None:
    """What comes of it; None where an error of our own says in clean lines why nothing does."""
    try:
        return ask()
    except WhyblockedError as error:
        status, lines = error.status, (error.message, *error.candidates)
    assert status in (2, 3)
    assert all(len(line) < 1000 and not STEERS.search(line) for line in lines)
    return None


def answered(documents: Documents, question: str) -> str:
    """The verdict, or "refused" where an error of our own says why there is none."""
    answer = _tried(lambda: session(documents).explain(parse(question)))
    if answer is None:
        return "refused"
    assert all(not STEERS.search(page) for page in rendered(answer).values())
    return answer.verdict


@NAMED
def test_nothing_in_a_snapshot_is_a_crash(folder: Path) -> None:
    question, documents = incident(folder)
    rng = Random(folder.name)
    for _ in range(4 * SOAK):
        what, spoilt = odd(rng, documents)
        try:
            answered(spoilt, question)
        except Exception as error:
            raise AssertionError(f"{folder.name}, {what}") from error


@NAMED
def test_what_is_left_out_never_makes_an_open_question_allowed(folder: Path) -> None:
    question, documents = incident(folder)
    rng = Random(folder.name)
    for _ in range(2 * SOAK):
        told, left, before = [], documents, ""
        for _ in range(3):
            what, left = without_something(rng, left)
            told.append(what)
            verdict = answered(left, question) if left else "refused"
            none = any("StatefulRuleGroupReferences" in one for one in told)  # AWS leaves it out where there are none
            assert (before, verdict) != ("undetermined", "allowed") or none, (folder.name, told)
            before = verdict


@NAMED
def test_no_text_of_a_snapshot_steers_what_shows_it(folder: Path) -> None:
    _, documents = incident(folder)
    # A policy's rules and what decides stay as they are, so that the answers are as long as ever.
    spoilt = {
        name: mapped(
            document,
            lambda key, value: (
                value if ADDRESS.fullmatch(value) or DECIDING.fullmatch(key) or "aws:" in value[:4] else value + HOSTILE
            ),
        )
        for name, document in documents.items()
    }
    spoilt = spoilt if _opens(spoilt) else {n: mapped(d, _hostile_ids) for n, d in documents.items()}
    opened = session(spoilt)
    own = [one.private_ip_address for one in opened.account.interfaces.values() if one.private_ip_address]
    for question in (f"{own[0]} -> {own[-1]}:443", f"{own[0]} -> 192.0.2.80:443", f"203.0.113.5 -> {own[0]}:22"):
        _check_texts(opened, question)
    for end in (*own[:3], *list(opened.account.interfaces)[:3]):
        _check_owner(opened, end)


def _opens(documents: Documents) -> bool:
    try:
        session(documents)
    except WhyblockedError:
        return False
    return True


def _hostile_ids(_: str, value: str) -> str:
    return value + HOSTILE if ID.match(value) else value


def _check_texts(opened: Session, question: str) -> None:
    answer = _tried(lambda: opened.explain(parse(question)))
    if answer is None:
        return
    pages = rendered(answer)
    assert all(not STEERS.search(page) for page in pages.values())
    assert "<script>x" not in pages["html"]
    outside_blocks = re.sub(r"^```.*?^```", "", pages["markdown"], flags=re.DOTALL | re.MULTILINE)
    assert "](http" not in re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", outside_blocks)
    for finding in answer.blocked_by:
        words = shlex.split(finding.command or "")  # a name is one word of it, whatever is in it
        assert all("[red]" in word for word in words if "$(x)" in word)


def _check_owner(opened: Session, end: str) -> None:
    out = io.StringIO()
    found = _tried(lambda: opened.whois(end))
    if found is None:
        return
    whois.render(found, build_console(out))
    assert not any(STEERS.search(page) for page in (out.getvalue(), json.render_whois(found), whois.markdown(found)))
