"""Where the records of rejected flows come from: files, log groups that were named, or the account's own flow logs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from whyblocked.config.account import Account
from whyblocked.errors import InputError, UndeterminedError
from whyblocked.flowlogs.gathering import Gathering, notes
from whyblocked.flowlogs.groups import Group, Rejected
from whyblocked.flowlogs.reading import Reading
from whyblocked.flowlogs.records import Record
from whyblocked.flowlogs.sinks import Filter, Sink

if TYPE_CHECKING:
    from whyblocked.diagnosis.rejects import RejectsRequest

_PUSHED = 20  # more interfaces than this are not pushed down to AWS


class Read(NamedTuple):
    """What was read: the groups, what could not be read for want of a permission, and what AWS failed at."""

    found: Rejected
    missing: list[str]
    failed: list[str]


def read(account: Account, request: RejectsRequest, now: datetime) -> Read:
    """The rejected records, added up."""
    with Gathering(request.filters, _told(request)) as gathering:
        reading = Reading(account, _Sums(account, request, gathering), request, now)
        if not reading.locations and not reading.is_live:
            raise InputError(
                "no flow log is named, and the configuration comes from a snapshot: name exported records with "
                "--flow-logs"
            )
        reading.run()
        if not reading.sources and not reading.failed:
            why = "; ".join((*reading.missing, *reading.notes)) or "the account has no flow log"
            hint = "name one with --flow-logs"
            raise UndeterminedError(f"no flow log can be read: {why}; {hint}", tuple(reading.missing))
        found = Rejected(gathering.table(), reading.scan, [*reading.notes, *notes(reading.scan)])
    return Read(found, list(reading.missing), reading.failed)


def _told(request: RejectsRequest) -> Callable[[int], None]:
    told = request.progress
    return (lambda records: told("flow logs", records)) if told else lambda _: None


class _Sums(Sink):
    """Takes rejected records and adds them up."""

    rejected_only = True
    adds_up = True

    def __init__(self, account: Account, request: RejectsRequest, gathering: Gathering) -> None:
        self.account, self.filters, self.gathering = account, request.filters, gathering
        self.expect, self.take, self.settle = gathering.expect, gathering.take, gathering.settle  # type: ignore[method-assign]

    def add(self, records: Sequence[Record], source: str) -> None:  # noqa: ARG002 - where it was is not asked
        self.gathering.add(records)

    def add_groups(self, groups: Iterable[Group]) -> None:
        self.gathering.add_groups(groups)

    def resources(self) -> tuple[str, ...] | None:
        if not self.filters.interfaces:
            return None
        ids = sorted(self.filters.interfaces)
        while True:
            found = [self.account.interface(name) for name in ids]
            if not any(getattr(one, "pending", False) for one in found) or not self.account.advance():
                break
        known = [one for name in ids if (one := self.account.interfaces.get(name))]
        if len(known) < len(ids):  # one is gone, or is no network interface: it may be in any log
            return None
        return (*ids, *(i.subnet_id for i in known), *(i.vpc_id for i in known))

    def narrow(self, resources: frozenset[str] | None) -> Filter:  # noqa: ARG002 - the same for every log
        interfaces = tuple(sorted(self.filters.interfaces))
        are_named = all(name.startswith("eni-") for name in interfaces)  # others stand in a field of their own
        return Filter(
            interfaces=interfaces if are_named and len(interfaces) <= _PUSHED else (),
            protocol=self.filters.protocol,
            rejected=True,
        )
