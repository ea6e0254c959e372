"""The product asked in process: an account as raw AWS JSON, a question as an object, and how both are written down."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.oracle.model import Json
from tests.oracle.questions import Question as Asked
from whyblocked.api import Session, snapshot
from whyblocked.config.account import Account
from whyblocked.diagnosis.answer import Answer
from whyblocked.network.asked import Question
from whyblocked.question.grammar import parse

SOAK = int(os.environ.get("WHYBLOCKED_SOAK", "1"))  # how many times as many cases as usual


def account_of(raw: Json) -> Account:
    """The account that a snapshot folder with this JSON gives."""
    with TemporaryDirectory() as folder:
        for name, entries in raw.get("PrefixListEntries", {}).items():
            Path(folder, f"managed-prefix-list-entries.{name}.json").write_text(json.dumps({"Entries": entries}))
        for stem, document in raw.get("Files", {}).items():
            Path(folder, f"{stem}.json").write_text(json.dumps(document))
        rest = {key: value for key, value in raw.items() if key not in ("PrefixListEntries", "Files")}
        Path(folder, "account.json").write_text(json.dumps(rest))
        return snapshot(folder)


def question_of(asked: Asked) -> Question:
    """The reference's question as the product reads it from its own words."""
    words = asked.arguments()
    at = words.index("--protocol")
    options = {key[2:].replace("-", "_"): value for key, value in zip(words[at::2], words[at + 1 :: 2], strict=True)}
    return parse(" ".join(words[:at]), **options)


def ask(raw: Json, asked: Asked) -> Answer:
    return Session(account_of(raw)).explain(question_of(asked))


def explain(account: Account | Session, text: str, **options: Any) -> Answer:
    session = account if isinstance(account, Session) else Session(account)
    return session.explain(parse(text, **options))


def written(raw: Json, asked: Asked) -> str:
    """Everything that a failure needs to be asked again."""
    rest = {key: value for key, value in raw.items() if key != "SecurityGroupRules"}
    return f"{asked!r}\nwhyblocked {' '.join(asked.arguments())}\naccount = json.loads({json.dumps(rest)!r})"


def replayed(raw: Json, *questions: Question) -> str:
    """The same for questions as the product has them."""
    rest = {key: value for key, value in raw.items() if key != "SecurityGroupRules"}
    return "\n".join([*map(repr, questions), f"account = json.loads({json.dumps(rest)!r})"])


def simpler(asked: Asked) -> list[Asked]:
    """The same question about fewer source ports."""
    if asked.source_ports is None or asked.source_ports[0] == asked.source_ports[1]:
        return []
    low, high = asked.source_ports
    return [replace(asked, source_ports=(port, port)) for port in (40000, low, high)]
