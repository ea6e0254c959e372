"""Two snapshots compared: what changed, which answers that changes, and which of the changes do it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from whyblocked.config.account import Account
from whyblocked.config.inventory import Inventory
from whyblocked.diagnosis.answer import Answer, Finding, Hop
from whyblocked.diagnosis.difference.blaming import Blame, Outcome, blame
from whyblocked.diagnosis.difference.comparing import compare, resource
from whyblocked.diagnosis.difference.sides import Change, Side, Sides
from whyblocked.diagnosis.difference.wording import Kind, kind_of, name_of, plain, resource_words, what
from whyblocked.errors import EndpointError
from whyblocked.network.asked import Question

Explain = Callable[[Account, Question], Answer]
"""Answers a question about an account."""


class Asking(NamedTuple):
    """A question to ask of both snapshots; ``line`` and ``expected`` where it is one of a file."""

    question: Question
    text: str
    line: int | None = None
    expected: str | None = None


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """One difference. ``number`` is how answers name it, ``what`` what is different within the resource.

    ``path`` leads to it in what AWS tells of the resource; null where the resource came or went as a whole, or where
    it is what serves a subnet or gateway. ``before`` and ``after`` are the values there.
    """

    number: int
    kind: str
    resource_id: str
    name: str | None
    account_id: str | None
    region: str | None
    change: Kind
    what: str
    path: list[str] | None
    before: Any
    after: Any
    summary: str


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """A question asked of both. ``error`` stands where one of them can't be asked (an end that is not found).

    ``because`` are sets of numbers of changes, each enough to turn the answer into the later one; ``further`` are
    changes that turn a part of it. With all of them taken back, the later answer is the earlier one again.
    ``complete``: none of them can be left out; otherwise the search ended at its limit of accounts that are asked.
    """

    line: int | None
    text: str
    expected: str | None
    changed: bool
    before: Answer | None
    after: Answer | None
    error_before: str | None
    error_after: str | None
    because: list[list[int]]
    further: list[int]
    complete: bool


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What ``whyblocked diff --output json`` prints."""

    schema_version: Literal[1] = 1
    before: str
    after: str
    changes: list[Changed]
    not_compared: list[str]
    answers: list[Answered]
    errors: list[str] = []

    @property
    def exit_status(self) -> int:
        """0 nothing is different, 1 something is, 2 a question that is none, 3 an answer that can't be told.

        With questions it is their answers that count.
        """
        if self.errors or any(one.error_before and one.error_after for one in self.answers):
            return 2
        if not self.answers:
            return 1 if self.changes else 0
        if any(one.changed for one in self.answers):
            return 1
        told = [answer.verdict for one in self.answers for answer in (one.before, one.after) if answer]
        return 3 if "undetermined" in told else 0


class Comparison:
    """Compares two snapshots once, for any number of questions."""

    def __init__(self, before: Inventory, after: Inventory, explain: Explain) -> None:
        self._sides = Sides(before, after)
        self._changes = compare(self._sides)
        self._explain = explain
        self._accounts: dict[frozenset[int], Account] = {}
        # What only one has captured is in every account between the two, so those are not what each of them says.
        self._is_alike = self._sides.of_before == self._sides.of_after
        self._wholes: dict[str, Account] = {}

    def difference(self, questions: Iterable[Asking] = (), errors: Sequence[str] = ()) -> Difference:
        """All of it."""
        sides = self._sides
        return Difference(
            before=sides.before.inventory.name,
            after=sides.after.inventory.name,
            changes=[self._told(number, change) for number, change in enumerate(self._changes, 1)],
            not_compared=list(_not_compared(sides)),
            answers=[self._answered(asking) for asking in questions],
            errors=list(errors),
        )

    def _told(self, number: int, change: Change) -> Changed:
        key, kind, inside = change.key, kind_of(change), what(change)
        item = self._sides.after.items.get(key) or self._sides.before.items.get(key)
        name = name_of(self._sides, key)
        edit = change.edits[0] if len(change.edits) == 1 else None
        which = f"{resource_words(key)} {key.id}" + (f" ({name})" if name else "")
        return Changed(
            number=number,
            kind=resource_words(key),
            resource_id=key.id,
            name=name,
            account_id=(item.slot.account_id if item else None) or key.place[0] or None,
            region=(item.slot.region if item else None) or key.place[1] or None,
            change=kind,
            what=inside,
            path=list(edit.path) if edit else None,
            before=plain(edit.before if edit else resource(key, change.before)),
            after=plain(edit.after if edit else resource(key, change.after)),
            summary=f"{which}: {_VERBS[kind]}{inside}" if inside else f"{which} {_ALONE[kind]}",
        )

    # -- answers ---------------------------------------------------------------------------------------------------

    def _answered(self, asking: Asking) -> Answered:
        everything = range(len(self._changes))
        before, error_before = self._alone(self._sides.before, (), asking.question)
        after, error_after = self._alone(self._sides.after, everything, asking.question)
        lacking = not self._is_alike  # then an answer that can't be told may be another one for that alone
        was, now = first, last = _outcome(before, error_before), _outcome(after, error_after)
        found = Blame(())
        if was != now and not self._is_alike:
            first, last = (_outcome(*self._asked(asking.question, some)) for some in ((), everything))
        if first != last:
            by_verdict = first[0] != last[0]  # then it is the verdict alone that has to be explained

            def ask(some: Collection[int]) -> Outcome:
                outcome = _outcome(*self._asked(asking.question, some))
                return outcome[:1] if by_verdict else outcome

            ends = (first[:1], last[:1]) if by_verdict else (first, last)
            found = blame(self._changes, ask, *ends, _mentioned(before, after))
        return Answered(
            line=asking.line,
            text=asking.text,
            expected=asking.expected,
            changed=was != now and not (lacking and "undetermined" in (was[0], now[0])),
            before=before,
            after=after,
            error_before=_words(error_before),
            error_after=_words(error_after),
            because=[[number + 1 for number in cause] for cause in found.causes],
            further=[number + 1 for number in found.further],
            complete=found.complete,
        )

    def _alone(self, side: Side, some: Iterable[int], question: Question) -> tuple[Answer | None, EndpointError | None]:
        """What one snapshot answers by itself; ``some`` are the changes that make it of the one before."""
        if self._is_alike:
            return self._asked(question, some)
        name = "before" if side is self._sides.before else "after"
        if name not in self._wholes:
            self._wholes[name] = self._sides.whole(side)
        return self._answer(self._wholes[name], question)

    def _asked(self, question: Question, some: Iterable[int]) -> tuple[Answer | None, EndpointError | None]:
        """The answer in the account with these changes, or why there is none."""
        numbers = frozenset(some)
        account = self._accounts.get(numbers)
        if account is None:
            account = self._sides.between([self._changes[number] for number in sorted(numbers)])
            if len(numbers) in (0, len(self._changes)):
                self._accounts[numbers] = account
        return self._answer(account, question)

    def _answer(self, account: Account, question: Question) -> tuple[Answer | None, EndpointError | None]:
        try:
            return self._explain(account, question), None
        except EndpointError as error:
            return None, error


_VERBS: dict[Kind, str] = {"added": "new: ", "removed": "gone: ", "changed": ""}
_ALONE: dict[Kind, str] = {"added": "is new", "removed": "is gone", "changed": "is another"}


def _words(error: EndpointError | None) -> str | None:
    return None if error is None else " ".join((error.message, "; ".join(error.candidates))).strip()


def _outcome(answer: Answer | None, error: EndpointError | None) -> Outcome:
    """What makes two answers the same: the verdict, then the ports that are open and what blocks.

    Without an answer it is the reason; what is similar to a name that is not found makes no difference.
    """
    if answer is None:
        return (f"no answer: {error.message if error else ''}",)
    blockers = [
        (f.layer, f.leg, f.direction, tuple(f.resource_ids), f.code, str(f.rule), f.interface_id, f.packets)
        for f in answer.blocked_by
    ]
    return answer.verdict, answer.open_ports, tuple(blockers), tuple(answer.missing)


def _mentioned(*answers: Answer | None) -> set[str]:
    """The ids that answers name: what decides is likely among them."""
    found: set[str] = set()
    for answer in answers:
        if answer is not None:
            places: list[Finding | Hop] = [*answer.blocked_by, *answer.forward, *answer.return_]
            for one in places:
                found.update(one.resource_ids)
                found.update(id_ for id_ in (one.interface_id, one.subnet_id, one.vpc_id) if id_)
                found.update(value for value in (one.rule or {}).values() if isinstance(value, str) and _is_id(value))
            found.update(hop.id for hop in (*answer.forward, *answer.return_))
    return found


def _is_id(text: str) -> bool:
    """Whether a text of a rule names a resource, and not addresses or ports."""
    return text.startswith("arn:") or (text[:1].isalpha() and "-" in text and ":" not in text)


def _not_compared(sides: Sides) -> Iterator[str]:
    """What only one of the two has captured."""
    before, after = sides.before.inventory.name, sides.after.inventory.name
    for name, one, other in ((before, sides.of_before, sides.of_after), (after, sides.of_after, sides.of_before)):
        known = {kind for kind, _ in other}
        missing = sorted({kind for kind, _ in one - other if kind not in known})
        if missing:
            yield f"{', '.join(missing)}: only in {name}"
        places: dict[tuple[str, str], list[str]] = {}
        for kind, place in sorted(one - other):
            if kind in known:
                places.setdefault(place, []).append(kind)
        for (account, region), kinds in sorted(places.items()):
            yield f"{', '.join(kinds)} of account {account}, {region}: only in {name}"
