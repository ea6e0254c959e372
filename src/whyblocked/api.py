"""The Python API: what the command line itself calls.

account = snapshot("incident-42")
print(explain(parse("203.0.113.5 -> i-abc:22"), account).summary)
"""

from __future__ import annotations

from pathlib import Path

from whyblocked.config.account import Account
from whyblocked.diagnosis.answer import Answer
from whyblocked.diagnosis.answering import answer
from whyblocked.network.asked import Asked, Question
from whyblocked.network.simulator import Simulator
from whyblocked.network.walk import Walk
from whyblocked.question.resolve import resolve


class Session:
    """One account and its path model, for any number of questions.

    A live account is read in rounds: resolving and walking say what they lack, the account fetches it, and both are
    done again, until nothing new is asked for. Both are pure and take milliseconds; the rounds are what costs.
    """

    def __init__(self, account: Account) -> None:
        self.account = account
        self._simulator = Simulator(account)

    def explain(self, question: Question) -> Answer:
        """The answer from the configuration alone; :meth:`walk` gives what the evidence needs besides."""
        return answer(*self.walk(question))

    def walk(self, question: Question) -> tuple[Asked, Walk]:
        """The question with its ends found, and its walk, once everything it needs was read."""
        while True:
            asked = resolve(question, self.account)
            if asked is None:
                if not self.account.advance():
                    raise AssertionError("resolving waits for what was never asked")
                continue
            walk = self._simulator.walk(asked)
            if not any(missing.pending for missing in walk.missing) or not self.account.advance():
                return asked, walk


def snapshot(folder: str | Path, region: str | None = None) -> Account:
    """The account from a snapshot folder."""
    from whyblocked.config.snapshot import load_snapshot

    return load_snapshot(Path(folder), region)
