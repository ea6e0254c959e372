"""Logs Insights: what AWS adds up is what the records add up to, however it is asked and whatever goes wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.flowlogs.insights_engine import Client, Event, refused
from whyblocked.errors import AwsError, InputError
from whyblocked.flowlogs import insights, loggroup, queries
from whyblocked.flowlogs.blocks import Lines
from whyblocked.flowlogs.cloudwatch import read_group
from whyblocked.flowlogs.fields import BY_VERSION, DEFAULT, Format, parse_format
from whyblocked.flowlogs.grouping import Grouping
from whyblocked.flowlogs.groups import Group
from whyblocked.flowlogs.insights import Plan
from whyblocked.flowlogs.loggroup import LogGroup
from whyblocked.flowlogs.records import Parser, Record, Scan, Wanted
from whyblocked.flowlogs.sinks import Filter, Sink, Unreadable

GROUP = "vpc-flow"
NOW = 1_700_000_000
DAY = Wanted(since=NOW - 86_400, until=NOW, rejected_only=True)


class Sums(Sink):
    """Adds up what it is given."""

    rejected_only = True
    adds_up = True

    def __init__(self) -> None:
        self.grouping = Grouping()
        self.records: list[Record] = []

    def add(self, records: Sequence[Record], source: str) -> None:
        assert source == f"cloudwatch:{GROUP}"
        self.records += records
        self.grouping.add(records)

    def add_groups(self, groups: Iterable[Group]) -> None:
        self.grouping.add_groups(groups)

    @property
    def groups(self) -> list[Group]:
        return list(self.grouping.table())


class Kept(Sums):
    """Takes records one by one."""

    rejected_only = False
    adds_up = False


def line(n: int, action: str = "REJECT", at: int = NOW - 3600, interface: str = "eni-1") -> str:
    return f"2 1 {interface} 10.0.{n // 250}.{n % 250} 10.9.0.1 {40000 + n % 9} 22 6 3 180 {at} {at + 60} {action} OK"


def events(lines: Iterable[str], at: int = NOW - 3600) -> list[Event]:
    return [Event(at * 1000 + 1000 * n, text) for n, text in enumerate(lines)]


def read(
    client: Any,
    forms: Sequence[Format] = (DEFAULT,),
    wanted: Wanted = DAY,
    narrow: Filter | None = None,
    sink: Sums | None = None,
) -> tuple[Sums, Scan]:
    sink, scan = sink or Sums(), Scan()
    read_group(LogGroup(client, GROUP, "eu-west-1"), forms, wanted, scan, sink, narrow or Filter(rejected=True))
    return sink, scan


def expected(lines: Iterable[str], forms: Sequence[Format], wanted: Wanted) -> tuple[Sums, Scan]:
    """What the parser and the grouping make of the same records."""
    sink, scan = Sums(), Scan()
    texts = [text.encode() for text in lines]
    sink.add(Parser("", forms, wanted, scan).read(Lines(texts, 1)), f"cloudwatch:{GROUP}")
    return sink, scan


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loggroup, "_LONGEST", 0.0)
    monkeypatch.setattr(queries, "_FIRST_PAUSE", 0.0)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results that hold four rows."""
    for module in (insights, queries):
        monkeypatch.setattr(module, "LIMIT", 4)
    monkeypatch.setattr(insights, "_MANY", 1_000_000)


# -- the text --------------------------------------------------------------------------------------------------------


def test_the_query_is_made_of_the_format() -> None:
    form = parse_format("${action} ${srcaddr} ${my_field} ${dstaddr} ${packets}")
    address = "[0-9A-Fa-f:.]+|-"
    assert Plan(form, DAY, Filter(rejected=True)).groups().splitlines() == [
        "fields @timestamp, @message, @logStream",
        (
            rf"| parse @message /^ *(?<xaction>ACCEPT|REJECT) +(?<xsrcaddr>{address}) +\S+ +(?<xdstaddr>{address}) "
            r"+(?<xpackets>[0-9]{1,15}) *$/"
        ),
        '| filter xaction = "REJECT"',
        "| stats count(*) as xtotalrecords, sum(xpackets) as xtotalpackets by xsrcaddr, xdstaddr",
        "| limit 10000",
    ]


def test_what_narrows_is_filtered_at_aws() -> None:
    narrow = Filter(interfaces=("eni-1",), addresses=("10.0.0.1", "10.0.0.2"), protocol=6, rejected=True)
    assert [text for text in Plan(DEFAULT, DAY, narrow).groups().splitlines() if "filter" in text] == [
        '| filter xaction = "REJECT"',
        '| filter xsrcaddr in ["10.0.0.1", "10.0.0.2", "-"]',
        '| filter xdstaddr in ["10.0.0.1", "10.0.0.2", "-"]',
        '| filter xprotocol = 6 or xprotocol = "-"',
        '| filter xinterfaceid in ["eni-1", "-"]',
        f"| filter xend >= {DAY.since}",
        f"| filter xstart <= {DAY.until}",
    ]


def test_the_longest_query_is_within_the_limit() -> None:
    form = Format(tuple(name for names in BY_VERSION.values() for name in names.split()))
    narrow = Filter(
        interfaces=tuple(f"eni-{n:017x}" for n in range(20)),
        addresses=tuple(f"100.100.100.{n}" for n in range(120, 140)),
    )
    plan = Plan(form, DAY, narrow)
    texts = (plan.counts(by_interface=True), plan.groups(), plan.messages(), plan.rest())
    assert all(1000 < len(text) < 10_000 for text in texts)


# -- the sums --------------------------------------------------------------------------------------------------------


def test_rejected_records_are_added_up_at_aws_and_all_kinds_counted() -> None:
    lines = [
        *(line(n) for n in range(6)),
        *(line(1, "ACCEPT") for _ in range(5)),
        "2 1 eni-1 - - - - - - - 1699990000 1699990060 - NODATA",
        "2 1 eni-1 - - - - - - - 1699990000 1699990060 - SKIPDATA",
        "no record",
        f"2 1 eni-1 10.0.0.999 10.9.0.1 1 22 6 3 180 {NOW - 3600} {NOW - 3600} REJECT OK",
    ]
    client = Client(events(lines))
    sink, scan = read(client)
    should, counts = expected(lines, (DEFAULT,), DAY)
    assert sink.groups == should.groups
    assert len(sink.groups) == 6
    assert scan.counts() == counts.counts()
    assert scan.places == [f"cloudwatch:{GROUP}:1: 2 fields where the format has 14"]
    assert not sink.records, "no record was fetched"


_ADDRESSES = st.sampled_from(["10.0.0.1", "10.0.0.2", "2001:db8::1", "-"])
_NUMBERS = st.sampled_from(["0", "1", "17", "123456789012", "-"])
_TIMES = st.integers(NOW - 4 * 3600 - 700, NOW + 5).map(str)
_VALUES: dict[str, st.SearchStrategy[str]] = {
    "srcaddr": _ADDRESSES,
    "dstaddr": _ADDRESSES,
    "pkt-srcaddr": _ADDRESSES,
    "pkt-dstaddr": st.sampled_from(["10.0.0.3", "-"]),
    "srcport": _NUMBERS,
    "dstport": st.sampled_from(["22", "443", "0", "-"]),
    "protocol": st.sampled_from(["6", "17", "1", "-"]),
    "packets": _NUMBERS,
    "bytes": _NUMBERS,
    "start": st.one_of(_TIMES, st.sampled_from(["-", str(NOW * 1000)])),
    "end": _TIMES,
    "action": st.sampled_from(["REJECT", "REJECT", "REJECT", "ACCEPT", "-", "DROP"]),
    "log-status": st.sampled_from(["OK", "OK", "OK", "OK", "NODATA", "SKIPDATA", "ODD"]),
    "interface-id": st.sampled_from(["eni-1", "eni-2", "-"]),
    "resource-id": st.sampled_from(["nat-1", "-"]),
    "flow-direction": st.sampled_from(["ingress", "egress", "-"]),
    "tcp-flags": st.sampled_from(["2", "18", "4", "0", "-"]),
    "reject-reason": st.sampled_from(["BPA", "-"]),
    "subnet-id": st.sampled_from(["subnet-1", "subnet-2", "-"]),
    "vpc-id": st.sampled_from(["vpc-1", "-"]),
    "my_field": st.sampled_from(["anything", "-"]),
}


@st.composite
def logs(draw: st.DrawFn) -> tuple[Format, list[Event]]:
    """A format of any fields in any order, and records of it."""
    needed = ["action", "srcaddr", "dstaddr"]
    others = draw(st.lists(st.sampled_from(sorted(set(_VALUES) - set(needed))), unique=True))
    names = draw(st.permutations([*needed, *others]))
    rows = draw(st.lists(st.tuples(*(_VALUES[name] for name in names)), max_size=25))
    times = draw(st.lists(st.integers(NOW - 4 * 3600 - 600, NOW), min_size=len(rows), max_size=len(rows)))
    spaces = draw(st.sampled_from([" ", "  "]))
    found = [Event(1000 * at, spaces.join(row)) for at, row in zip(times, rows, strict=True)]
    return Format(tuple(names)), found


@given(logs(), st.sampled_from([3, 7, 10_000]), st.sampled_from([2, 10_000]), st.integers(0, 2))
def test_sums_of_aws_are_those_of_the_records(
    case: tuple[Format, list[Event]], limit: int, page: int, polls: int
) -> None:
    form, given_events = case
    wanted = Wanted(since=NOW - 4 * 3600, until=NOW, rejected_only=True)
    lines = [event.message for event in given_events]
    should, counts = expected(lines, (form,), wanted)
    client = Client(given_events, polls=polls, page=page)
    with pytest.MonkeyPatch.context() as patch:
        for module in (insights, queries):
            patch.setattr(module, "LIMIT", limit)
        try:
            sink, scan = read(client, (form,), wanted)
        except AwsError:  # more rows in one second than a result has: said, never left out silently
            seconds = [event.at for event in given_events]
            assert max(seconds.count(at) for at in seconds) >= limit
            return
        except Unreadable as error:
            assert limit < 10_000  # what can't be told by rows goes another way, which is shut here
            assert "expected format" in error.reason  # noqa: PT017
            return
    assert sink.groups == should.groups
    assert scan.counts() == counts.counts()


@given(logs(), st.sampled_from([3, 10_000]))
def test_records_fetched_by_insights_are_those_that_are_wanted(case: tuple[Format, list[Event]], limit: int) -> None:
    form, given_events = case
    wanted = Wanted(since=NOW - 4 * 3600, until=NOW, interfaces=frozenset({"eni-1"}))
    should, counts = expected([event.message for event in given_events], (form,), wanted)
    with pytest.MonkeyPatch.context() as patch:
        for module in (insights, queries):
            patch.setattr(module, "LIMIT", limit)
        try:
            sink, scan = read(Client(given_events), (form,), wanted, Filter(interfaces=("eni-1",)), Kept())
        except (AwsError, Unreadable):
            assert limit < 10_000
            return
    assert sorted(map(repr, sink.records)) == sorted(map(repr, should.records))
    if "interface-id" in form.names and "resource-id" not in form.names:
        assert {**scan.interfaces} == counts.interfaces


# -- limits ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small")
def test_a_full_result_splits_the_time_until_nothing_is_lost() -> None:
    lines = [line(n) for n in range(40)]
    client = Client(events(lines), polls=1)
    sink, scan = read(client)
    assert sink.groups == expected(lines, (DEFAULT,), DAY)[0].groups
    assert len(sink.groups) == scan.rejected == 40
    assert 1 < client.most <= 4


@pytest.mark.usefixtures("small")
def test_a_full_second_is_a_failure_and_no_short_count() -> None:
    client = Client([Event(1000 * (NOW - 60), line(n, at=NOW - 60)) for n in range(9)])
    sink = Sums()
    with pytest.raises(AwsError, match="one second of the log group vpc-flow has more"):
        read(client, sink=sink)
    assert len(sink.groups) == 4, "what was read so far is kept"


def test_results_of_many_pages_are_read_to_their_end() -> None:
    lines = [line(n) for n in range(40)]
    sink, _ = read(Client(events(lines), page=7))
    assert len(sink.groups) == 40


# -- which way -------------------------------------------------------------------------------------------------------


class Both(Client):
    """A client that gives all events by either way, and remembers which."""

    def __init__(self, found: Sequence[Event]) -> None:
        super().__init__(found)
        self.filtered = 0

    def filter_log_events(self, **parameters: Any) -> Any:
        self.filtered += 1
        inside = [e for e in self.events if parameters["startTime"] <= e.at <= parameters["endTime"]]
        return {"events": [{"message": e.message, "timestamp": e.at, "eventId": str(n)} for n, e in enumerate(inside)]}


def test_a_short_window_is_filtered_and_a_long_one_queried() -> None:
    hour = Wanted(since=NOW - 3600, until=NOW, rejected_only=True)
    for wanted, filtered, asked in ((hour, 1, 0), (DAY, 0, 2)):
        client = Both(events([line(n) for n in range(3)]))
        assert len(read(client, wanted=wanted)[0].groups) == 3
        assert (client.filtered, len(client.asked)) == (filtered, asked)


def test_a_log_group_of_infrequent_access_is_queried_however_short_the_window() -> None:
    hour = Wanted(since=NOW - 3600, until=NOW, rejected_only=True)
    client = Client(events([line(n) for n in range(3)]))
    assert len(read(client, wanted=hour)[0].groups) == 3
    other = parse_format("${action} ${srcaddr} ${dstaddr}")
    mixed = Client(events([line(1), "REJECT 10.0.0.1 10.0.0.2"]))
    sink, scan = read(mixed, (DEFAULT, other), hour)
    assert (len(sink.groups), scan.rejected, scan.malformed) == (2, 2, 0), "formats are told apart by the parser"


def test_two_formats_in_one_group_are_filtered_and_the_report_says_so() -> None:
    client = Both(events([line(1)]))
    _, scan = read(client, (DEFAULT, parse_format("${action} ${srcaddr} ${dstaddr}")))
    assert (client.filtered, client.asked) == (1, [])
    assert any("was read with FilterLogEvents" in note for note in scan.notes)


@pytest.mark.parametrize("code", ["AccessDeniedException", "MalformedQueryException", "InvalidParameterException"])
def test_where_queries_are_refused_events_are_filtered(code: str) -> None:
    class Refusing(Both):
        def start_query(self, **parameters: Any) -> Any:
            raise refused(code)

    client = Refusing(events([line(1)]))
    sink, scan = read(client)
    assert (len(sink.groups), scan.rejected, client.filtered) == (1, 1, 1)


def test_an_endpoint_that_answers_something_else_is_not_believed() -> None:
    class Echo(Both):
        def get_query_results(self, **_: Any) -> Any:
            cells = [[{"field": "@message", "value": e.message}, {"field": "@ptr", "value": "1"}] for e in self.events]
            return {"status": "Complete", "results": cells}

    client = Echo(events([line(1), line(2, "ACCEPT")]))
    sink, scan = read(client)
    assert (len(sink.groups), scan.rejected, scan.accepted) == (1, 1, 1)
    assert client.filtered == 1


def test_accepted_records_alone_are_handed_over_without_counting_the_others() -> None:
    lines = [line(1), line(2, "ACCEPT"), line(3, "ACCEPT"), "no record"]
    client, sink = Client(events(lines)), Kept()
    sink.accepted_only = True
    narrow = Filter(accepted=True, interfaces=("eni-1",), addresses=("10.0.0.2", "10.9.0.1"))
    _, scan = read(client, wanted=Wanted(since=DAY.since, until=DAY.until), narrow=narrow, sink=sink)
    assert [record.source for record in sink.records] == ["10.0.0.2"]
    assert scan.records == 0, "it is no count of the log group"
    assert len(client.asked) == 1, "one query is paid for"


def test_without_a_known_format_it_has_to_be_the_default_one() -> None:
    assert len(read(Client(events([line(1)])), ())[0].groups) == 1
    with pytest.raises(InputError, match="--log-format"):
        read(Client(events(["OK REJECT 22"])), ())


def test_what_was_scanned_is_said_with_its_price() -> None:
    _, scan = read(Client(events([line(1)])))
    assert scan.billed == 2_000_000
    assert scan.costs == ["Logs Insights scanned 0.002 GB in 2 queries, about $0.0000 at $0.005 a GB"]


# -- evidence --------------------------------------------------------------------------------------------------------


def test_an_interface_is_known_to_be_logged_though_no_record_is_wanted() -> None:
    wanted = Wanted(since=NOW - 86_400, until=NOW, interfaces=frozenset({"eni-1", "eni-2"}))
    lines = [line(1), line(2, interface="eni-2"), line(3, interface="eni-3")]
    narrow = Filter(interfaces=("eni-1", "eni-2"), addresses=("10.0.0.1", "10.9.0.1"))
    sink, scan = read(Client(events(lines)), wanted=wanted, narrow=narrow, sink=Kept())
    assert [record.srcaddr for record in sink.records] == ["10.0.0.1"]
    assert scan.interfaces == {"eni-1": 1, "eni-2": 1}


# -- faults ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["Failed", "Timeout", "Cancelled", "Unknown"])
def test_a_query_that_fails_is_run_again(status: str) -> None:
    client = Client(events([line(n) for n in range(9)]))
    client.statuses = ["Complete", status, status]
    sink, scan = read(client)
    assert (len(sink.groups), scan.rejected) == (9, 9)


@pytest.mark.parametrize("status", ["Failed", "Timeout"])
def test_a_query_that_always_fails_ends_the_reading(status: str) -> None:
    client = Client(events([line(n) for n in range(9)]))
    client.statuses = ["Complete", *[status] * 20]
    with pytest.raises(AwsError, match=f"ended with status {status} 3 times"):
        read(client)


def test_lost_credentials_end_the_reading() -> None:
    class Expiring(Client):
        def get_query_results(self, **parameters: Any) -> Any:
            if len(self.asked) > 1:
                raise refused("ExpiredTokenException")
            return super().get_query_results(**parameters)

    client = Expiring(events([line(1)]))
    with pytest.raises(AwsError, match="credentials"):
        read(client)
    assert client.stopped == ["query-2"], "what still runs costs, and no one waits for it"


def test_throttling_for_a_while_loses_nothing() -> None:
    class Throttling(Client):
        calls = 0

        def get_query_results(self, **parameters: Any) -> Any:
            self.calls += 1
            if self.calls % 2:
                raise refused("ThrottlingException")
            return super().get_query_results(**parameters)

    assert len(read(Throttling(events([line(n) for n in range(9)])))[0].groups) == 9


def test_a_page_of_results_that_comes_twice_is_not_added_twice() -> None:
    class Twice(Client):
        calls = 0

        def get_query_results(self, **parameters: Any) -> Any:
            self.calls += 1
            if self.calls == 3 and "nextToken" in parameters:
                parameters = {**parameters, "nextToken": "0"}
            return super().get_query_results(**parameters)

    lines = [line(n) for n in range(20)]
    sink, _ = read(Twice(events(lines), page=7))
    assert sink.groups == expected(lines, (DEFAULT,), DAY)[0].groups


def test_who_ends_the_program_stops_the_queries() -> None:
    class Interrupted(Client):
        def get_query_results(self, **parameters: Any) -> Any:
            raise KeyboardInterrupt

    client = Interrupted(events([line(1)]))
    with pytest.raises(KeyboardInterrupt):
        read(client)
    assert client.stopped == ["query-1"]
