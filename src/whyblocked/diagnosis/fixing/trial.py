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
from whyblocked.network.walk import Walk
from whyblocked.question.resolve import resolve

MOST_WALKS = 40  # for all plans of one question
MOST_WORK = 300_000  # ways from one resource to the next in all of them: some seconds; most questions take a few dozen


class Outcome(Case):
    """How the question stands with a plan."""

    @property
    def verdict(self) -> Verdict:
        """The answer that it would be."""
        return judge(self.walk.leaves)


class Trial:
    """Asks one question of copies of an account, of what was read already: a trial fetches nothing.

    ``walk`` is that of the question as it stands, where there was one. ``wishes`` says that something was looked up
    that could still be fetched; ``walks`` counts, and ``_work`` what they took: by that the search ends, not by a
    clock, so that a question has the same fixes everywhere.
    """

    def __init__(self, account: Account, question: Question, walk: Walk | None = None) -> None:
        self._sealed = Sealed(account)
        self._question = question
        self._walk = walk
        self._work = 0
        self._size = 0  # of one walk
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
        """Whether there were as many walks as one question is worth; one is always made."""
        return self.walks >= MOST_WALKS or (self._work > 0 and self._work + self._size > MOST_WORK)

    @property
    def dear(self) -> bool:
        """Whether one walk takes so long that not as many can be made as for other questions."""
        return self._size * MOST_WALKS > MOST_WORK

    def start(self) -> Outcome | str:
        """The question as it stands, of which the plans are for."""
        asked = resolve(self._question, self._sealed.account) if self._walk is not None else None
        if self._walk is not None and asked is not None and not any(one.pending for one in self._walk.missing):
            found: Outcome | str = Outcome(self._sealed.account, asked, self._walk)
        else:
            found = self.ask(())
        self._work = 0  # the budget is for trying
        self._size = 0 if isinstance(found, str) else len(found.walk.path)
        return found

    def ask(self, steps: Sequence[Step]) -> Outcome | str:
        """The question with these steps taken; in words why not, where AWS would refuse one or can't be read."""
        self.walks += 1
        try:
            account = apply(self._sealed.account, [edit for one in steps for edit in one.edits])
            asked = resolve(self._question, account)
            if asked is None:
                return "an end of the question was not read"
            walk = Simulator(account).walk(asked)
            self._work += len(walk.path)
            return Outcome(account, asked, walk)
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
