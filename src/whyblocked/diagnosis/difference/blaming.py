"""Which changes turn one answer into another: accounts between the two are asked, until none can be left out.

Delta debugging (A. Zeller, R. Hildebrandt: Simplifying and isolating failure-inducing input, 2002), with the changes as
what is taken apart. Bounded by a number of accounts, never by a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence, Set
from typing import NamedTuple

from whyblocked.diagnosis.difference.sides import ACL_OF, TABLE_OF, Change
from whyblocked.diagnosis.difference.trees import NOTHING, texts_in

MOST_ACCOUNTS = 200
"""Asked for one answer."""
_MOST_CAUSES = 5

Outcome = tuple[object, ...]
Ask = Callable[[Collection[int]], Outcome]
"""The outcome in the account before with the changes of these numbers made."""


class Blame(NamedTuple):
    """Sets of changes (``causes``), each enough to turn the answer into the later one.

    ``further`` are changes that turn a part of it. With all of these taken back in the later account, the answer is the
    earlier one again; none can be left out. Not ``complete``: the search ended at its limit, and more may be named.
    """

    causes: tuple[tuple[int, ...], ...]
    further: tuple[int, ...] = ()
    complete: bool = True


class _Enough(Exception):
    """No error: the search is over."""


def blame(changes: Sequence[Change], ask: Ask, before: Outcome, after: Outcome, mentioned: Set[str]) -> Blame:
    """The changes that turn ``before`` into ``after``; ``mentioned`` are ids that the two answers name."""
    return _Search(changes, ask, before, after).run(mentioned)


class _Search:
    def __init__(self, changes: Sequence[Change], ask: Ask, before: Outcome, after: Outcome) -> None:
        self._changes, self._ask = changes, ask
        self._before, self._after = before, after
        self._asked: dict[frozenset[int], Outcome] = {}
        self._needs = _needs(changes)

    def run(self, mentioned: Set[str]) -> Blame:
        everything = frozenset(range(len(self._changes)))
        causes: list[tuple[int, ...]] = []
        complete = True
        pool = everything
        try:
            while pool and len(causes) < _MOST_CAUSES and self._reaches(pool):
                cause, whole = self._smallest(pool, mentioned, self._reaches)
                complete &= whole
                causes.append(tuple(sorted(cause)))
                pool = everything - {one for found in causes for one in found}
                if self._outcome(pool) == self._before:
                    return Blame(tuple(causes), complete=complete)
            rest, whole = self._smallest(pool, mentioned, lambda some: self._outcome(pool - some) == self._before)
            complete &= whole
            return Blame(tuple(causes), tuple(sorted(rest)), complete)
        except _Enough:
            return Blame(tuple(causes), complete=False)

    def _reaches(self, some: frozenset[int]) -> bool:
        return self._outcome(some) == self._after

    def _outcome(self, some: frozenset[int]) -> Outcome:
        found = self._asked.get(some)
        if found is None:
            if len(self._asked) >= MOST_ACCOUNTS:
                raise _Enough
            found = self._asked[some] = self._ask(some)
        return found

    def _smallest(
        self, pool: frozenset[int], mentioned: Set[str], holds: Callable[[frozenset[int]], bool]
    ) -> tuple[frozenset[int], bool]:
        """A smallest part of the pool for which it still holds; False where the limit came before it was smallest."""
        found = pool
        try:
            for names in (_own, _texts):  # what the answers name first, then what mentions it
                near = self._with_needs(n for n in pool if not mentioned.isdisjoint(names(self._changes[n]))) & pool
                if len(near) < len(found) and holds(near):
                    found = near
                    break
            found = self._halved(found, holds)
            for one in sorted(found):  # what was only kept for others to make sense
                if len(found) > 1 and holds(found - {one}):
                    found -= {one}
        except _Enough:
            return found, False
        return found, True

    def _halved(self, found: frozenset[int], holds: Callable[[frozenset[int]], bool]) -> frozenset[int]:
        parts = 2
        while len(found) > 1:
            order = sorted(found)
            size = -(-len(order) // parts)
            pieces = [frozenset(order[at : at + size]) for at in range(0, len(order), size)]
            candidates = [self._with_needs(piece) & found for piece in pieces]
            if parts > 2 or len(pieces) > 2:
                candidates += [found - piece for piece in pieces]
            smaller = next((one for one in candidates if len(one) < len(found) and holds(one)), None)
            if smaller is not None:
                parts = 2 if len(smaller) <= size else max(parts - 1, 2)
                found = smaller
            elif size == 1:
                break
            else:
                parts = min(len(order), parts * 2)
        return found

    def _with_needs(self, some: Iterable[int]) -> frozenset[int]:
        """These changes, with those without which they make no sense."""
        found: set[int] = set()
        ahead = list(some)
        while ahead:
            one = ahead.pop()
            if one not in found:
                found.add(one)
                ahead += self._needs[one]
        return frozenset(found)


def _own(change: Change) -> set[str]:
    """The id of what changed, and of what serves it."""
    found = {change.key.id}
    for value in (change.before, change.after) if change.key.kind in (ACL_OF, TABLE_OF) else ():
        found.update(texts_in(value))
    return found


def _texts(change: Change) -> set[str]:
    """The ids in a change, its own among them."""
    found = {change.key.id}
    for value in (change.before, change.after, *(side for edit in change.edits for side in edit[1:])):
        found.update(texts_in(value))
    for edit in change.edits:
        found.update(edit.path)
    return found


def _needs(changes: Sequence[Change]) -> list[list[int]]:
    """For each change the others that it rests on: what it names must have come, and what goes must not be named."""
    came = {c.key.id: n for n, c in enumerate(changes) if not c.edits and c.before is NOTHING}
    went = {c.key.id: n for n, c in enumerate(changes) if not c.edits and c.after is NOTHING}
    needs: list[list[int]] = [[] for _ in changes]
    for number, change in enumerate(changes):
        later = set(texts_in(change.after)) | {text for edit in change.edits for text in texts_in(edit.after)}
        earlier = set(texts_in(change.before)) | {text for edit in change.edits for text in texts_in(edit.before)}
        needs[number] += [came[text] for text in later if text in came and came[text] != number]
        for text in earlier - later:
            if text in went and went[text] != number:
                needs[went[text]].append(number)
    return needs
