"""Rejected flows while they happen: every new group of records of a growing flow log, explained as it comes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

from whyblocked.diagnosis.causes import Causes
from whyblocked.diagnosis.judging import judge
from whyblocked.diagnosis.lookups import Rules
from whyblocked.diagnosis.owners import owners
from whyblocked.diagnosis.places import Places
from whyblocked.diagnosis.rejects import Explained, RejectsRequest, at_interfaces, explained
from whyblocked.flowlogs.fields import parse_format
from whyblocked.flowlogs.follow import INTERVAL, follow
from whyblocked.flowlogs.grouping import Grouping
from whyblocked.flowlogs.groups import Group, Table
from whyblocked.flowlogs.records import Scan, Wanted
from whyblocked.network.simulator import Simulator


class Batch(NamedTuple):
    """What came in a short time: the groups that were not there before, the names of their ends, and remarks."""

    groups: list[Explained]
    names: dict[str, str]
    remarks: list[str]


def following(simulator: Simulator, request: RejectsRequest) -> Iterator[Batch]:
    """A batch, an empty one too, whenever nothing more has come for now; a file never ends, standard input may."""
    (location,) = request.locations
    if request.filters.interfaces:
        from whyblocked.diagnosis.sought import Sought

        sought = Sought(simulator.account, request.filters.interfaces)
        if sought.short:  # what is to come can't be looked through
            sought.refuse(sought.short[0])
        request = at_interfaces(request, sought.ids)
    since, until = (int(at.timestamp()) if at else None for at in (request.since, request.until))
    forms = [parse_format(request.log_format)] if request.log_format is not None else []
    wanted = Wanted(since=since, until=until, rejected_only=True)
    scan = Scan()
    news = _News(simulator, scan)
    grouping, began = Grouping(request.filters), time.monotonic()
    for records in follow(location, forms, wanted, scan, request.stdin):
        if records:
            grouping.add(records)
        if records is None or time.monotonic() - began > INTERVAL:
            yield news.batch(grouping.table())
            grouping, began = Grouping(request.filters), time.monotonic()
    yield news.batch(grouping.table())


class _News:
    """What was not said before."""

    def __init__(self, simulator: Simulator, scan: Scan) -> None:
        self._simulator, self._scan = simulator, scan
        self._groups: set[tuple[object, ...]] = set()
        self._remarks: set[str] = set()

    def batch(self, table: Table) -> Batch:
        """The groups of the table that are new, each with its cause."""
        rows = []
        for row, group in enumerate(table):
            if (key := _key(group)) not in self._groups:
                self._groups.add(key)
                rows.append(row)
        groups: list[Explained] = []
        names: dict[str, str] = {}
        missing: list[str] = []
        if rows:
            places = Places(self._simulator, table.interfaces)
            causes = Causes(table, judge(table, Rules(table, places)), places)
            groups = [explained(causes, row) for row in rows]
            ends = [end for group in groups for end in (group.source, group.destination)]
            names = owners(places.account, ends, [group.interface_id for group in groups])
            missing = [f"could not be read: {one}" for one in places.missing if not one.absent]
        found = [f"malformed: {place}" for place in self._scan.places]
        if self._scan.skipped_data:
            found.append("some records were skipped by AWS (SKIPDATA): flows of those intervals are not in the log")
        remarks = [remark for remark in (*found, *self._scan.notes, *missing) if remark not in self._remarks]
        self._remarks.update(remarks)
        return Batch(groups, names, remarks)


def _key(group: Group) -> tuple[object, ...]:
    return (
        *(group.interface_id, group.source, group.destination, group.destination_port, group.protocol),
        *(group.direction, group.reject_reason),
    )
