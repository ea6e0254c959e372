"""The Python API: what the command line itself calls.

session = Session(snapshot("incident-42"))
print(session.explain(parse("203.0.113.5 -> i-abc:22")).summary)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from whyblocked.config.account import Account, Query
from whyblocked.errors import EndpointError, UndeterminedError
from whyblocked.network.simulator import Simulator

if TYPE_CHECKING:
    from whyblocked.config.inventory import Inventory
    from whyblocked.config.planned import Planned
    from whyblocked.diagnosis.answer import Answer
    from whyblocked.diagnosis.changes import Looking
    from whyblocked.diagnosis.difference.telling import Asking, Difference
    from whyblocked.diagnosis.evidence import EvidenceRequest
    from whyblocked.diagnosis.following import Batch
    from whyblocked.diagnosis.rejects import Rejects, RejectsRequest
    from whyblocked.diagnosis.request import ChangesRequest
    from whyblocked.diagnosis.whois import WhoIs
    from whyblocked.network.asked import Asked, Question
    from whyblocked.network.sighting import Sighting
    from whyblocked.network.walk import Walk


class Examined(msgspec.Struct, frozen=True):
    """An answer from the configuration, what flow logs should show if it is right, and the walk that it is from."""

    answer: Answer
    sightings: tuple[Sighting, ...] = ()
    walk: Walk | None = None


class Session:
    """One account and its path model, for any number of questions.

    A live account is read in rounds: resolving and walking say what they lack, the account fetches it, and both are
    done again, until nothing new is asked for. Both are pure and take milliseconds; the rounds are what costs.
    ``flow_logs`` asks for the account's flow logs in the same rounds, for an evidence that is to follow.
    """

    def __init__(self, account: Account, *, flow_logs: bool = False) -> None:
        self.account = account
        self._flow_logs = flow_logs

    @cached_property
    def _simulator(self) -> Simulator:
        """Made for the first walk, which a live account's first answers come before."""
        return Simulator(self.account)

    def explain(self, question: Question) -> Answer:
        """The answer from the configuration alone; :meth:`fix` looks for what would mend it."""
        return self.examine(question).answer

    def fix(self, question: Question, found: Answer, walk: Walk | None = None) -> Answer:
        """The answer to ``question`` with fixes that were tested, where it is blocked; else as it is.

        ``walk`` is the one that the answer is from, where it is at hand: else the question is walked again.
        """
        if found.verdict not in ("blocked", "partial"):
            return found
        from whyblocked.diagnosis.fixing.telling import fixed

        return fixed(self.account, question, found, walk)

    def examine(self, question: Question) -> Examined:
        """The answer from the configuration, ready to be weighed against flow logs."""
        from whyblocked.diagnosis.answering import answer, unanswered

        try:
            asked, walk = self.walk(question)
        except UndeterminedError as error:
            return Examined(unanswered(question, error))
        return Examined(answer(asked, walk, self._remarks()), tuple(walk.sightings()), walk)

    def walk(self, question: Question) -> tuple[Asked, Walk]:
        """The question with its ends found, and its walk, once everything it needs was read."""
        from whyblocked.question.resolve import resolve

        while True:
            asked = resolve(question, self.account)
            if asked is None:
                if not self.account.advance():
                    raise AssertionError("resolving waits for what was never asked")
                continue
            if self._flow_logs:
                self.account.expect(_flow_logs_of(asked))
            walk = self._simulator.walk(asked)
            if not any(missing.pending for missing in walk.missing) or not self.account.advance():
                return asked, walk

    def weigh(self, examined: Examined, request: EvidenceRequest, now: datetime) -> Answer:
        """The answer with what the flow logs say of it; ``now`` is the time of the run."""
        from whyblocked.diagnosis.evidence import gather

        found = examined.answer
        gathered = gather(examined.sightings, found.verdict, self.account, request, now)
        missing = list(dict.fromkeys((*found.missing, *gathered.missing)))
        weighed = msgspec.structs.replace(found, evidence=gathered.evidence, missing=missing)
        if found.verdict != "allowed":
            return weighed
        from whyblocked.diagnosis.host.telling import told

        return told(self.account, weighed, gathered)

    def look_for_changes(self, examined: Examined, request: ChangesRequest) -> Looking | None:
        """Begin to look for what changed of all that decides the question; goes on while the answer is weighed."""
        if examined.walk is None:
            return None
        from whyblocked.diagnosis.changes import Looking

        return Looking(self.account, examined.walk, request)

    def rejects(self, request: RejectsRequest, now: datetime) -> Rejects:
        """The rejected flows of flow logs, each explained by the rules at its interface; ``now``: time of the run."""
        from whyblocked.diagnosis.rejects import rejects

        return rejects(self._simulator, request, now)

    def follow(self, request: RejectsRequest) -> Iterator[Batch]:
        """The rejected flows of one growing file, or of standard input, explained as they come."""
        from whyblocked.diagnosis.following import following

        return following(self._simulator, request)

    def whois(self, text: str) -> WhoIs:
        """Who has an address, an id or a name; :class:`EndpointError` for a name that nothing has."""
        from whyblocked.diagnosis.whois import whois

        return whois(self.account, text)

    def _remarks(self) -> Iterable[str]:
        remarks: Iterable[str] = getattr(self.account.source, "warnings", ())
        return remarks


class WhatIf:
    """One account as it would be with planned changes; none of them is made but on a copy.

    ``account`` is that copy. :class:`~whyblocked.errors.EditError` where AWS would refuse a change.
    """

    def __init__(self, account: Account, planned: Sequence[Planned]) -> None:
        from whyblocked.diagnosis.planned import applied

        self._planned = planned
        self._today = Session(account)
        self.account = applied(account, planned)
        self._then = Session(self.account)

    def explain(self, question: Question) -> Answer:
        """The answer as it would be, with the verdict of today beside it."""
        from whyblocked.diagnosis.planned import as_planned

        try:
            today = self._today.explain(question)
        except EndpointError:
            today = None  # a change may be what makes the end
        return as_planned(self._then.explain(question), today, self.account, self._planned)

    def fix(self, question: Question, found: Answer) -> Answer:
        """The answer with what would have to be changed besides, where it would be blocked."""
        return self._then.fix(question, found)


def difference(
    before: Inventory, after: Inventory, questions: Iterable[Asking] = (), errors: Sequence[str] = ()
) -> Difference:
    """What changed from one snapshot to the other, which answers that changes, and which of the changes do it."""
    from whyblocked.diagnosis.difference.telling import Comparison

    comparison = Comparison(before, after, lambda account, question: Session(account).explain(question))
    return comparison.difference(questions, errors)


def _flow_logs_of(asked: Asked) -> Iterable[Query]:
    for interface in (*asked.source.interfaces, *asked.destination.interfaces):
        for resource_id in (interface.network_interface_id, interface.subnet_id, interface.vpc_id):
            yield Query("DescribeFlowLogs", "resource-id", resource_id)


def snapshot(folder: str | Path, region: str | None = None) -> Account:
    """The account from a snapshot folder."""
    from whyblocked.config.snapshot import load_snapshot

    return load_snapshot(Path(folder), region)


def live(
    profiles: tuple[str, ...] = (),
    region: str | None = None,
    endpoint_url: str | None = None,
    debug: bool = False,
    role: str | None = None,
) -> Account:
    """The account that the AWS configuration names; nothing is read before a question asks for it.

    The first of ``profiles`` is where questions begin; the others, and ``role`` (an ARN with ``{account}`` in it), open
    the accounts that a walk leads to.
    """
    from whyblocked.config.live import live_account

    return live_account(profiles, region, endpoint_url, debug, role, meanwhile=_prepare)


def _prepare() -> None:
    """Import what a walk will need: there is time for it while AWS answers the first calls."""
    import networkx  # noqa: F401 - for its own sake

    import whyblocked.network.hops
    import whyblocked.network.start  # noqa: F401 - as well
