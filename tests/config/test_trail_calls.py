"""Asking CloudTrail: the pace, the pages, the limit of calls, and what is done about refusals and silence."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tests import trails
from tests.builders import Json
from whyblocked.config import trail_calls
from whyblocked.config.account import Missing
from whyblocked.config.live import Live
from whyblocked.config.places import HOME, Place
from whyblocked.config.trail import Heard, Lookup
from whyblocked.config.trail_calls import A_SECOND, MOST_CALLS, Asking, Clock, Where, ask
from whyblocked.errors import AwsError

SINCE = datetime(2026, 11, 22, 14, tzinfo=UTC)
Answer = Json | Exception


class Time:
    """A clock that goes on when somebody sleeps."""

    def __init__(self) -> None:
        self.at = 100.0

    def clock(self) -> Clock:
        return Clock(lambda: self.at, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.at += seconds


class Client:
    """Answers ``lookup_events`` with what a test says, and notes when and for what it was called."""

    def __init__(self, time: Time, answer: Callable[[Json], Answer]) -> None:
        self._time, self._answer = time, answer
        self.calls: list[tuple[float, str, str | None]] = []
        self.asked: list[Json] = []

    def lookup_events(self, **asked: Any) -> Json:
        (attribute,) = asked["LookupAttributes"]
        self.calls.append((self._time.at, attribute["AttributeValue"], asked.get("NextToken")))
        self.asked.append(asked)
        found = self._answer(asked)
        if isinstance(found, Exception):
            raise found
        return found


def names(*values: str) -> list[Lookup]:
    return [Lookup("ResourceName", value, value) for value in values]


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "LookupEvents")


def events(number: int, token: str | None = None) -> Json:
    found = [trails.revoked(f"sg-{i}", f"2026-11-23T12:00:{i:02}Z", "tcp", 22, "0.0.0.0/0") for i in range(number)]
    return trails.printed(*found) | ({"NextToken": token} if token else {})


def asked(answer: Callable[[Json], Answer], lookups: Iterable[Lookup]) -> tuple[Client, Heard]:
    time = Time()
    client = Client(time, answer)
    asking = Asking({Where(client, "eu-west-1", ""): list(lookups)}, SINCE, clock=time.clock())
    for thread in asking._threads:
        thread.join()
    return client, asking.heard()


def test_one_attribute_a_call_from_the_given_time_on() -> None:
    client, heard = asked(lambda _: events(1), names("sg-1"))
    assert client.asked == [
        {
            "LookupAttributes": [{"AttributeKey": "ResourceName", "AttributeValue": "sg-1"}],
            "StartTime": SINCE,
            "MaxResults": 50,
        }
    ]
    assert [event.name for event in heard.events] == ["RevokeSecurityGroupIngress"]
    assert heard.notes == []


def test_no_more_than_two_calls_begin_within_a_second() -> None:
    client, _ = asked(lambda _: events(0), names(*"abcdefg"))
    times = [at for at, _, _ in client.calls]
    assert len(times) == 7
    assert all(later - earlier >= 1 for earlier, later in zip(times, times[A_SECOND:], strict=False))
    assert times[-1] - times[0] == 3


def test_every_first_page_comes_before_any_second_one() -> None:
    def answer(asked: Json) -> Answer:
        more = asked["LookupAttributes"][0]["AttributeValue"] == "sg-1" and "NextToken" not in asked
        return events(2, "page 2" if more else None)

    client, heard = asked(answer, names("sg-1", "sg-2"))
    assert [call[1:] for call in client.calls] == [("sg-1", None), ("sg-2", None), ("sg-1", "page 2")]
    assert len(heard.events) == 2  # the same ones: each counts once
    assert heard.notes == []


def test_pages_are_read_up_to_a_limit_that_is_told() -> None:
    client, heard = asked(lambda _: events(1, "more"), names("sg-1"))
    assert len(client.calls) == 3
    assert heard.notes == ["CloudTrail: only the newest 150 events of sg-1 were looked at"]


def test_calls_are_made_up_to_a_limit_that_is_told() -> None:
    client, heard = asked(lambda _: events(0), names(*(f"sg-{i}" for i in range(12))))
    assert len(client.calls) == MOST_CALLS
    assert heard.notes == [
        "CloudTrail: sg-8, sg-9, sg-10 and 1 more were not asked about after 8 calls, the most that are made"
    ]


def test_events_that_cannot_be_read_are_counted_once_each() -> None:
    page = events(4)
    for item, text in zip(page["Events"], ("{{{", "[1]", None), strict=False):
        item["CloudTrailEvent"] = text
    client, heard = asked(lambda _: page, names("sg-1", "sg-2"))
    assert len(client.calls) == 2
    assert heard.notes == ["CloudTrail: 3 events could not be read"]
    assert len(heard.events) == 1


def test_an_event_without_its_record_is_counted() -> None:
    page = events(1)
    del page["Events"][0]["CloudTrailEvent"]
    _, heard = asked(lambda _: page, names("sg-1"))
    assert (heard.events, heard.notes) == ([], ["CloudTrail: 1 event could not be read"])


def test_a_change_without_a_time_is_counted() -> None:
    timeless = trails.record("DeleteRoute", "yesterday", {"routeTableId": "rtb-1"})
    _, heard = asked(lambda _: trails.printed(timeless), names("rtb-1"))
    assert (heard.events, heard.notes) == ([], ["CloudTrail: 1 event could not be read"])


def test_reading_calls_and_failed_attempts_are_not_taken_for_unreadable() -> None:
    reading = trails.record("DescribeInstances", "2026-11-23T12:00:00Z", {}, readOnly=True)
    failed = trails.record("DeleteRoute", "2026-11-23T12:00:00Z", {}, errorCode="Client.UnauthorizedOperation")
    _, heard = asked(lambda _: trails.printed(reading, failed), names("sg-1"))
    assert (heard.events, heard.notes) == ([], [])


def test_throttling_is_waited_out_and_counts_as_a_call() -> None:
    answers: list[Answer] = [refused("ThrottlingException"), refused("ThrottlingException"), events(1)]
    client, heard = asked(lambda _: answers.pop(0), names("sg-1"))
    times = [at for at, _, _ in client.calls]
    assert [later - earlier for earlier, later in pairwise(times)] == [1, 1]
    assert (len(heard.events), heard.notes) == (1, [])


def test_throttling_without_end_stops_at_the_limit() -> None:
    client, heard = asked(lambda _: refused("ThrottlingException"), names("sg-1"))
    assert len(client.calls) == MOST_CALLS
    assert heard.notes == [
        "CloudTrail: sg-1 was not asked about after 8 calls, the most that are made, some of them throttled"
    ]


@pytest.mark.parametrize(
    ("error", "note"),
    [
        (refused("AccessDeniedException"), "cloudtrail:LookupEvents: AccessDenied"),
        (NotImplementedError(), "cloudtrail:LookupEvents: not offered by this endpoint"),
        (refused("InvalidTimeRangeException"), "cloudtrail:LookupEvents: InvalidTimeRangeException: no"),
        (EndpointConnectionError(endpoint_url="https://x"), "cloudtrail:LookupEvents: Could not connect"),
        (RuntimeError("boo"), "cloudtrail:LookupEvents: RuntimeError"),
    ],
)
def test_a_refusal_ends_the_asking_with_a_note(error: Exception, note: str) -> None:
    client, heard = asked(lambda _: error, names("sg-1", "sg-2"))
    assert len(client.calls) == 1
    assert len(heard.notes) == 1
    assert heard.notes[0].startswith(note)


def test_where_nothing_is_listed_under_an_id_events_are_asked_for_by_their_name() -> None:
    def answer(asked: Json) -> Answer:
        return events(0 if asked["LookupAttributes"][0]["AttributeKey"] == "ResourceName" else 1)

    fallback = Lookup("ResourceName", "acl-1", "acl-1", ("DeleteNetworkAclEntry", "CreateNetworkAclEntry"))
    client, heard = asked(answer, [fallback, *names("sg-1")])
    assert [value for _, value, _ in client.calls] == [
        "acl-1",
        "sg-1",
        "DeleteNetworkAclEntry",
        "CreateNetworkAclEntry",
    ]
    assert len(heard.events) == 1
    client, _ = asked(lambda _: events(1), [fallback])
    assert [value for _, value, _ in client.calls] == ["acl-1"]


def test_a_slow_endpoint_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trail_calls, "PATIENCE", 0.05)
    held, reached = threading.Event(), threading.Event()

    def answer(asked: Json) -> Answer:
        if asked["LookupAttributes"][0]["AttributeValue"] == "sg-2":
            reached.set()
            held.wait(30)
        return events(1)

    client = Client(Time(), answer)
    asking = Asking({Where(client, "eu-west-1", ""): names("sg-1", "sg-2")}, SINCE, clock=Clock(sleep=lambda _: None))
    reached.wait(30)
    heard = asking.heard()
    held.set()
    assert len(heard.events) == 1
    assert heard.notes == ["CloudTrail took longer than 0 s: there may be more than it told by then"]


def test_each_account_and_region_has_its_own_pace_and_name() -> None:
    time = Time()
    here, there = Client(time, lambda _: events(1)), Client(time, lambda _: refused("AccessDenied"))
    asking = Asking(
        {
            Where(here, "eu-west-1", ""): names("sg-1"),
            Where(there, "us-east-1", " in account 999999999999 in us-east-1"): names("sg-2"),
        },
        SINCE,
        ["somebody said something"],
        time.clock(),
    )
    for thread in asking._threads:
        thread.join()
    heard = asking.heard()
    assert len(heard.events) == 1
    assert heard.notes == [
        "somebody said something",
        "cloudtrail:LookupEvents in account 999999999999 in us-east-1: AccessDenied",
    ]


class Source:
    """As much of a live account as the asking needs: where resources are, and who can be asked there."""

    region = "eu-west-1"

    def __init__(self, clients: dict[str, Client | Missing | AwsError]) -> None:
        self._clients = clients
        self.made: list[tuple[str, str]] = []
        self.accounts = self

    def place_of(self, resource_id: str) -> Place:
        return HOME if resource_id.startswith("sg-home") else Place("999999999999", resource_id.partition("@")[2])

    def where(self, place: Place) -> str:
        return f" in account {place.account}" if place.account else ""

    def clients(self, account: str) -> Any:
        self._account = account
        found = self._clients[account]
        return found if isinstance(found, Missing) else self

    def client(self, service: str, region: str, config: Any) -> Client:
        assert (service, config.read_timeout) == ("cloudtrail", trail_calls.PATIENCE + 1)
        self.made.append((self._account, region))
        found = self._clients[self._account]
        if isinstance(found, AwsError):
            raise found
        assert isinstance(found, Client)
        return found


def test_each_thing_is_asked_where_it_is() -> None:
    home, other = Client(Time(), lambda _: events(1)), Client(Time(), lambda _: events(2))
    source = Source({"": home, "999999999999": other})
    heard = ask(cast(Live, source), names("sg-home", "sg-1@us-east-1", "sg-2@us-east-1"), SINCE).heard()
    assert source.made == [("", "eu-west-1"), ("999999999999", "us-east-1")]
    assert [value for _, value, _ in home.calls] == ["sg-home"]
    assert [value for _, value, _ in other.calls] == ["sg-1@us-east-1", "sg-2@us-east-1"]
    assert len(heard.events) == 2


@pytest.mark.parametrize("closed", [Missing("account 999999999999", "not readable"), AwsError("not readable")])
def test_an_account_that_can_not_be_read_is_a_note(closed: Missing | AwsError) -> None:
    source = Source({"": Client(Time(), lambda _: events(1)), "999999999999": closed})
    heard = ask(cast(Live, source), names("sg-home", "sg-1@us-east-1"), SINCE).heard()
    assert len(heard.events) == 1
    assert heard.notes == ["cloudtrail:LookupEvents in account 999999999999: not readable"]
