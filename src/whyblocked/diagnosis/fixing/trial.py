"""Trying a plan: its changes made on a copy of the account, and the question asked again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from whyblocked.config.account import Account, Missing, Query
from whyblocked.config.edits import apply
from whyblocked.config.operations import permission_of
from whyblocked.diagnosis.answer import Verdict
from whyblocked.diagnosis.answering import judge
from whyblocked.diagnosis.fixing.steps import Case, Step
from whyblocked.errors import WhyblockedError
from whyblocked.network.asked import Question
from whyblocked.network.simulator import Simulator
from whyblocked.question.resolve import resolve

MOST_WALKS = 40  # for all plans of one question


class Outcome(Case):
    """How the question stands with a plan."""

    @property
    def verdict(self) -> Verdict:
        """The answer that it would be."""
        return judge(self.walk.leaves)


class Trial:
    """Asks one question of copies of an account, of what was read already: a trial fetches nothing.

    ``wishes`` says that something was looked up that could still be fetched; ``walks`` counts.
    """

    def __init__(self, account: Account, question: Question) -> None:
        self._sealed = Sealed(account)
        self._question = question
        self.walks = 0

    @property
    def account(self) -> Account:
        """The account as it is, of which nothing more is fetched."""
        return self._sealed.account

    @property
    def wishes(self) -> bool:
        """Whether a further round of reading may change what is found."""
        return self._sealed.wishes

    @property
    def spent(self) -> bool:
        """Whether there were as many walks as one question is worth."""
        return self.walks >= MOST_WALKS

    def ask(self, steps: Sequence[Step]) -> Outcome | str:
        """The question with these steps taken; in words why not, where AWS would refuse one or can't be read."""
        self.walks += 1
        try:
            account = apply(self._sealed.account, [edit for one in steps for edit in one.edits])
            asked = resolve(self._question, account)
            if asked is None:
                return "an end of the question was not read"
            return Outcome(account, asked, Simulator(account).walk(asked))
        except WhyblockedError as error:
            return error.message


class Sealed:
    """A source that fetches nothing, in front of one that may: what is not there yet counts as not readable.

    ``account`` is the account behind it, as it is read so far.
    """

    def __init__(self, original: Account) -> None:
        self._original = original
        self.wishes = False
        self.account = apply(original, ())
        self.account.source = self

    def __getattr__(self, name: str) -> Any:
        """What only some sources have is the original's."""
        return getattr(self._original.source, name)

    def ask(self, query: Query) -> Missing | None:
        """As the original; what it would fetch next is noted."""
        missing = self._original.source.ask(query)
        if missing is None or not missing.pending:
            return missing
        self.wishes = True
        return Missing(permission_of(query.operation), f"{query.value} was not read".strip())

    def advance(self, account: Account) -> bool:  # noqa: ARG002 - the protocol's signature
        """Nothing comes."""
        return False

    def absent(self, query: Query) -> Missing:
        """As the original."""
        return self._original.source.absent(query)

    def hidden(self, account: Account, vpc_id: str) -> Missing | None:
        """As the original."""
        return self._original.source.hidden(account, vpc_id)
