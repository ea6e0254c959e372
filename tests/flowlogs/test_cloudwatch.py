"""CloudWatch Logs: filter patterns, pages, refusals, and the whole way with moto."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.diagnosis.test_evidence import CLIENT, REPLY, REQUEST, SERVER, account, line, path, sighting
from whyblocked.config import resources as r
from whyblocked.config.account import Account, Nothing
from whyblocked.diagnosis.evidence import EvidenceRequest, Gathered, gather
from whyblocked.errors import AwsError, InputError
from whyblocked.flowlogs import loggroup
from whyblocked.flowlogs.cloudwatch import read_group
from whyblocked.flowlogs.events import pattern
from whyblocked.flowlogs.fields import DEFAULT, Format, parse_format
from whyblocked.flowlogs.loggroup import LogGroup
from whyblocked.flowlogs.records import Record, Scan, Wanted
from whyblocked.flowlogs.sinks import Filter, Sink, Unreadable

GROUP = "vpc-flow"
CUSTOM = (
    "${log-status} ${action} ${dstport} ${srcport} ${protocol} ${end} ${start} ${dstaddr} ${srcaddr} ${interface-id}"
)

# -- the pattern ---------------------------------------------------------------------------------------------------


def test_a_pattern_has_every_field_in_its_place() -> None:
    asked = Filter(interfaces=("eni-1",), addresses=("10.0.1.5", "10.0.2.9"), protocol=6)
    assert pattern(DEFAULT, asked) == (
        '[f0, f1, f2_interface_id="eni-1", f3_srcaddr="10.0.1.5" || f3_srcaddr="10.0.2.9" || f3_srcaddr="-", '
        'f4_dstaddr="10.0.1.5" || f4_dstaddr="10.0.2.9" || f4_dstaddr="-", f5, f6, '
        'f7_protocol="6" || f7_protocol="-", f8, f9, f10, f11, f12, f13]'
    )


def test_a_pattern_follows_the_format() -> None:
    form = parse_format("${action} ${my_field} ${dstaddr} ${srcaddr}")
    assert pattern(form, Filter(addresses=("10.0.0.1",), interfaces=("eni-1",))) == (
        '[f0, f1, f2_dstaddr="10.0.0.1" || f2_dstaddr="-", f3_srcaddr="10.0.0.1" || f3_srcaddr="-"]'
    )


def test_a_pattern_stays_within_its_limit() -> None:
    interfaces = ("eni-0123456789abcdef0", "eni-0123456789abcdef1")
    addresses = tuple(f"10.100.100.{n}" for n in range(100, 115))
    text = pattern(DEFAULT, Filter(interfaces=interfaces, addresses=addresses))
    assert 500 < len(text) <= 1024
    assert "interface_id" in text
    assert "dstaddr" in text
    assert "srcaddr" not in text
    assert pattern(DEFAULT, Filter(interfaces=tuple(f"eni-{n:017x}" for n in range(60)))) == ""


def test_nothing_to_filter_by_is_no_pattern() -> None:
    assert pattern(DEFAULT, Filter()) == ""


# -- pages and refusals --------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def no_holding_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loggroup, "_LONGEST", 0.0)


class Canned:
    """A client that gives what it was told to, and remembers what it was asked."""

    def __init__(self, *pages: Any) -> None:
        self.pages = list(pages)
        self.asked: list[dict[str, Any]] = []

    def filter_log_events(self, **parameters: Any) -> Any:
        self.asked.append(parameters)
        page = self.pages.pop(0) if self.pages else {"events": []}
        if isinstance(page, Exception):
            raise page
        return page


def event(message: str, stream: str = f"{SERVER}-all") -> dict[str, Any]:
    return {"message": message, "logStreamName": stream}


def refused(code: str, message: str = "no", status: int = 400) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "FilterLogEvents")


class Taken(Sink):
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def add(self, records: Sequence[Record], source: str) -> None:
        assert source == f"cloudwatch:{GROUP}"
        self.records += records


def read(
    logs: Canned,
    forms: tuple[Format, ...] = (DEFAULT,),
    narrow: Filter | None = None,
    since: int | None = None,
    until: int | None = None,
) -> tuple[list[Record], Scan]:
    scan = Scan()
    wanted = Wanted(interfaces=frozenset({SERVER}), since=since, until=until)
    sink = Taken()
    read_group(LogGroup(logs, GROUP, "eu-west-1"), forms, wanted, scan, sink, narrow or Filter())
    return sink.records, scan


def test_empty_pages_are_not_the_end() -> None:
    logs = Canned(
        {"events": [], "nextToken": "a"},
        {"events": [event(line())], "nextToken": "b"},
        {"events": [], "nextToken": "c"},
        {"events": [event(line())]},
    )
    found, scan = read(logs)
    assert (len(found), scan.accepted) == (2, 2)
    assert [call.get("nextToken") for call in logs.asked] == [None, "a", "b", "c"]


def test_the_window_is_widened_by_the_aggregation_interval() -> None:
    logs = Canned()
    read(logs, since=1_000_000, until=1_003_600)
    assert (logs.asked[0]["startTime"], logs.asked[0]["endTime"]) == (999_400_000, 1_003_600_999)


def test_one_interface_is_a_prefix_of_streams_and_an_unfiltered_look_follows_silence() -> None:
    logs = Canned({"events": []}, {"events": [event(line(ports=(1, 2)))]})
    found, scan = read(logs, narrow=Filter(interfaces=(SERVER,)))
    assert [set(call) for call in logs.asked] == [
        {"logGroupName", "logStreamNamePrefix", "filterPattern"},
        {"logGroupName", "logStreamNamePrefix", "limit"},
    ]
    assert scan.interfaces == {SERVER: 1}
    assert len(found) == 1


def test_streams_of_other_interfaces_are_left_out_of_the_look() -> None:
    logs = Canned({"events": []}, {"events": [event(line(), f"{CLIENT}-all")]})
    assert read(logs, narrow=Filter(interfaces=(SERVER,)))[1].records == 0


def test_several_interfaces_are_filtered_by_the_pattern() -> None:
    logs = Canned({"events": [event(line()), event(line(CLIENT))]})
    found, _ = read(logs, narrow=Filter(interfaces=(SERVER, CLIENT)))
    assert "logStreamNamePrefix" not in logs.asked[0]
    assert f'"{SERVER}" || f2_interface_id="{CLIENT}"' in logs.asked[0]["filterPattern"]
    assert [record.interface_id for record in found] == [SERVER]


def test_several_formats_in_one_group_are_not_filtered_at_aws() -> None:
    other = parse_format(CUSTOM)
    logs = Canned({"events": [event(line()), event(f"OK REJECT 22 1 6 1 1 10.0.0.2 10.0.0.1 {SERVER}")]})
    found, scan = read(logs, (DEFAULT, other), Filter(interfaces=(SERVER,)))
    assert "filterPattern" not in logs.asked[0]
    assert [record.accepted for record in found] == [True, False]
    assert scan.malformed == 0


def test_a_pattern_that_aws_refuses_is_left_out() -> None:
    logs = Canned(refused("InvalidParameterException", "Invalid filter pattern"), {"events": [event(line())]})
    assert len(read(logs, narrow=Filter(interfaces=(SERVER,)))[0]) == 1
    assert "filterPattern" not in logs.asked[1]


def test_without_a_known_format_the_records_have_to_be_of_the_default_one() -> None:
    assert len(read(Canned({"events": [event(line())]}), ())[0]) == 1
    header = "action srcaddr dstaddr interface-id"
    assert len(read(Canned({"events": [event(header), event(f"ACCEPT 10.0.0.1 10.0.0.2 {SERVER}")]}), ())[0]) == 1
    with pytest.raises(InputError, match="--log-format"):
        read(Canned({"events": [event("OK REJECT 22")]}), ())


def test_strange_messages_are_malformed() -> None:
    logs = Canned({"events": [event(""), event("a\nb"), event("\ud800"), {"message": None}, {}, event(line() + "\n")]})
    found, scan = read(logs)
    assert (len(found), scan.malformed) == (1, 3)
    assert scan.places[0].startswith(f"cloudwatch:{GROUP}:2: ")


@pytest.mark.parametrize(
    ("error", "said", "permission"),
    [
        (refused("AccessDeniedException"), "logs:FilterLogEvents: AccessDenied", "logs:FilterLogEvents"),
        (refused("ResourceNotFoundException"), "does not exist; AWS makes it with the first traffic", None),
        (refused("UnknownOperationException"), "not offered by this endpoint", None),
    ],
)
def test_refusals(error: Exception, said: str, permission: str | None) -> None:
    with pytest.raises(Unreadable) as caught:
        read(Canned(error))
    assert said in caught.value.reason
    assert caught.value.permission == permission


@pytest.mark.parametrize(
    "code",
    ["ThrottlingException", "ServiceUnavailableException", "ExpiredTokenException", "AccessDeniedException", "Odd"],
)
def test_what_fails_in_the_middle_ends_the_reading_and_is_no_refusal(code: str) -> None:
    error = refused(code, status=503 if code.startswith("Service") else 400)
    with pytest.raises(AwsError):
        read(Canned({"events": [event(line())], "nextToken": "a"}, *[error] * 9))


def test_throttling_for_a_while_loses_nothing() -> None:
    logs = Canned(
        {"events": [event(line())], "nextToken": "a"}, refused("ThrottlingException"), {"events": [event(line())]}
    )
    assert len(read(logs)[0]) == 2


def test_an_answer_that_is_cut_off_is_no_end() -> None:
    cut = {"message": '{"events": [{"eventId"'}
    logs = Canned({"events": [event(line())], "nextToken": "a"}, cut, {"events": [event(line())]})
    assert len(read(logs)[0]) == 2
    with pytest.raises(AwsError, match="can't be read"):
        read(Canned({"events": [event(line())], "nextToken": "a"}, cut, cut))


# -- pages that are not what was asked for --------------------------------------------------------------------------


def page(*numbers: int, token: str | None = None) -> dict[str, Any]:
    """A page of events with these identities."""
    events = [
        {**event(line(ports=(20000 + n, 22), at=n - 1418530010)), "eventId": str(n), "timestamp": 1000 * n}
        for n in numbers
    ]
    return {"events": events, **({"nextToken": token} if token else {})}


def ports(logs: Canned, since: int | None = None, until: int | None = None) -> list[int]:
    return [(record.source_port or 0) - 20000 for record in read(logs, since=since, until=until)[0]]


def test_a_page_that_comes_twice_counts_once() -> None:
    again = Canned(page(1, 2, token="a"), page(3, 4, token="b"), page(3, 4, token="b"), page(5))
    assert ports(again) == [1, 2, 3, 4, 5]
    assert [call.get("nextToken") for call in again.asked] == [None, "a", "b", "b"]
    under_a_new_token = Canned(page(1, 2, token="a"), page(1, 2, token="b"), page(3))
    assert ports(under_a_new_token) == [1, 2, 3]


def test_the_same_page_for_ever_is_a_failure_and_no_short_count() -> None:
    logs = Canned(page(1, token="a"), *[page(1, token="a")] * 9)
    with pytest.raises(AwsError, match="again and again"):
        read(logs)
    assert len(logs.asked) == 5


def test_a_page_of_another_time_is_asked_for_again() -> None:
    logs = Canned(page(100), page(5000, 5001))
    assert ports(logs, since=5000, until=6000) == [5000, 5001]
    always = Canned(*[page(100, 5000)] * 9)
    assert ports(always, since=5000, until=6000) == [5000], "an endpoint that does not know times"


# -- several slices of the time at once ------------------------------------------------------------------------------


class Paged(Canned):
    """A client over events at these times that gives a few a page, for any number of threads."""

    def __init__(self, times: Sequence[int], size: int, fail_at: int | None = None) -> None:
        super().__init__()
        self.times, self.size, self.fail_at = sorted(times), size, fail_at

    def filter_log_events(self, **parameters: Any) -> Any:
        self.asked.append(parameters)
        if len(self.asked) == self.fail_at:
            raise refused("ExpiredTokenException", "The security token included in the request is expired")
        inside = [at for at in self.times if parameters["startTime"] <= 1000 * at <= parameters["endTime"]]
        begin = int(parameters.get("nextToken", 0))
        end = begin + self.size
        return page(*inside[begin:end], token=str(end) if end < len(inside) else None)


def test_what_needs_many_pages_is_read_in_slices_and_in_order() -> None:
    times = [30_000 + 7 * n for n in range(500)]
    logs = Paged(times, 9)
    assert ports(logs, since=30_600, until=33_600) == [t for t in times if t + 60 >= 30_600]
    slices = sorted({(call["startTime"], call["endTime"]) for call in logs.asked[6:]})
    assert len(slices) > 4
    assert (slices[0][0], slices[-1][1]) == (30_000_000, 33_600_999)
    assert all(begin == before + 1 for (_, before), (begin, _) in pairwise(slices))


def test_what_is_in_the_first_page_takes_one_request() -> None:
    logs = Paged([30_700], 9)
    assert ports(logs, since=30_600, until=33_600) == [30_700]
    assert len(logs.asked) == 1


def test_lost_credentials_in_one_slice_end_the_reading_with_what_came_before() -> None:
    logs = Paged([100_000 + 7 * n for n in range(500)], 9, fail_at=30)
    sink, scan = Taken(), Scan()
    wanted = Wanted(interfaces=frozenset({SERVER}), since=100_600, until=103_600)
    with pytest.raises(AwsError, match="credentials"):
        read_group(LogGroup(logs, GROUP), (DEFAULT,), wanted, scan, sink, Filter())
    assert 0 < scan.records < 500


# -- the whole way -------------------------------------------------------------------------------------------------


class Live(Nothing):
    """The source of a live account, as far as flow logs need it."""

    def __init__(self, logs: Any) -> None:
        self.logs = logs
        self.asked: list[tuple[str, str | None]] = []

    def client(self, service: str, region: str | None = None, account_id: str = "") -> Any:
        self.asked.append((service, region))
        return self.logs


def live(logs: Any, **more: Any) -> Account:
    found = account()
    found.source = Live(logs)
    if more:
        values = {"flow_log_id": "fl-1", "resource_id": "vpc-1", "log_group_name": GROUP, **more}
        found.add(r.FlowLog(**values))
    return found


def gathered(of: Account, verdict: Any = "allowed", **options: Any) -> Gathered:
    now = options.pop("now", datetime(2014, 12, 14, 4, 30, tzinfo=UTC))
    return gather(options.pop("sightings", path()), verdict, of, EvidenceRequest(**options), now)


def test_the_accounts_own_flow_log_is_found_and_read() -> None:
    logs = Canned({"events": [event(line())]})
    of = live(logs, log_format=str(DEFAULT))
    evidence = gathered(of).evidence
    assert (evidence.status, evidence.records, evidence.sources) == ("confirms", 1, [f"cloudwatch:{GROUP}"])
    assert of.source.asked == [("logs", "eu-west-1")]  # type: ignore[attr-defined]
    asked = logs.asked[0]
    assert asked["startTime"] == 1000 * int(datetime(2014, 12, 14, 3, 20, tzinfo=UTC).timestamp())
    assert 'f7_protocol="6"' in asked["filterPattern"]
    assert '"172.31.16.139"' in asked["filterPattern"]
    assert '"172.31.16.22"' in asked["filterPattern"]  # another address of the server's
    assert evidence.timeline[0].start == "2014-12-14T03:30:00Z"
    assert len(evidence.timeline) == 12


def test_any_source_is_not_pushed_down() -> None:
    anyone = REQUEST._replace(source=(0, 2**32 - 1))
    logs = Canned({"events": [event(line())]})
    gathered(live(logs, traffic_type="ALL"), sightings=[sighting(SERVER, "forward", "ingress", anyone)])
    assert "srcaddr" not in logs.asked[0]["filterPattern"]
    assert logs.asked[0]["logStreamNamePrefix"] == SERVER


def test_only_interfaces_that_a_flow_log_covers_are_asked_about() -> None:
    logs = Canned({"events": [event(line())]})
    gathered(live(logs, resource_id=SERVER))
    assert logs.asked[0]["logStreamNamePrefix"] == SERVER


def test_an_accept_only_log_can_not_show_a_block() -> None:
    logs = Canned({"events": [event(line(CLIENT, ports=(20641, 22)))]})
    evidence = gathered(live(logs, traffic_type="ACCEPT"), "blocked", sightings=path(ingress="reject")).evidence
    assert evidence.status == "silent"
    assert "so a rejection at" in evidence.summary
    assert any("never shows a rejection" in note for note in evidence.notes)


def test_two_flow_logs_into_one_group_are_one_source() -> None:
    logs = Canned({"events": [event(line())]})
    of = live(logs, traffic_type="ACCEPT")
    of.add(r.FlowLog(flow_log_id="fl-2", resource_id=SERVER, log_group_name=GROUP, traffic_type="REJECT"))
    assert gathered(of).evidence.records == 1
    assert len([call for call in logs.asked if "limit" not in call]) == 1


@pytest.mark.parametrize(
    ("error", "missing"),
    [
        (refused("AccessDeniedException"), "logs:FilterLogEvents: AccessDenied"),
        (refused("ServiceUnavailableException", status=503), "logs:FilterLogEvents: AWS failed"),
        (refused("ResourceNotFoundException"), None),
    ],
)
def test_what_aws_refuses_makes_the_evidence_unavailable(error: Exception, missing: str | None) -> None:
    found = gathered(live(Canned(error), traffic_type="ALL"))
    assert found.evidence.status == "unavailable"
    assert found.evidence.notes
    assert found.evidence.enable_command is None
    assert [text.startswith(missing or "?") for text in found.missing] == ([True] if missing else [])


def test_a_named_group() -> None:
    logs = Canned({"events": [event(line())]})
    assert gathered(live(logs), locations=(f"cloudwatch:{GROUP}",)).evidence.status == "confirms"
    # with the format of the account's flow log that delivers there, or the user's
    message = f"OK REJECT 22 20641 6 1418530070 1418530010 172.31.16.21 172.31.16.139 {SERVER}"
    for of, log_format in (
        (live(Canned({"events": [event(message)]}), log_format=CUSTOM), None),
        (live(Canned({"events": [event(message)]})), CUSTOM),
    ):
        evidence = gathered(of, locations=(f"cloudwatch:{GROUP}",), log_format=log_format).evidence
        assert (evidence.status, evidence.rejected) == ("contradicts", 1)
    with pytest.raises(InputError, match="does not exist"):
        gathered(live(Canned(refused("ResourceNotFoundException"))), locations=("cloudwatch:gone",))
    found = gathered(live(Canned(refused("AccessDeniedException"))), locations=(f"cloudwatch:{GROUP}",))
    assert found.missing == ("logs:FilterLogEvents: AccessDenied",)


def test_silence_mentions_late_delivery() -> None:
    evidence = gathered(live(Canned(), traffic_type="ALL")).evidence
    assert evidence.status == "silent"
    assert any("up to 10 minutes late" in note for note in evidence.notes)
    earlier = datetime(2014, 12, 14, 4, tzinfo=UTC)
    assert not gathered(live(Canned(), traffic_type="ALL"), until=earlier).evidence.notes


# -- with moto -----------------------------------------------------------------------------------------------------


@pytest.fixture
def logs(aws: None) -> Iterator[Any]:
    import boto3

    client = boto3.client("logs")
    client.create_log_group(logGroupName=GROUP)
    for interface in (SERVER, CLIENT):
        client.create_log_stream(logGroupName=GROUP, logStreamName=f"{interface}-all")
    yield client
    client.close()


def put(logs: Any, interface: str, lines: list[str], start: int) -> None:
    events = [{"timestamp": (start + n) * 1000, "message": text} for n, text in enumerate(lines)]
    logs.put_log_events(logGroupName=GROUP, logStreamName=f"{interface}-all", logEvents=events)


def test_moto_end_to_end(logs: Any) -> None:
    now = datetime.fromtimestamp(int(time.time()), UTC)
    start = int(now.timestamp()) - 1800
    at = start - 1418530010
    put(logs, SERVER, [line(action="REJECT", at=at + n, ports=(20000 + n, 22)) for n in range(30)], start)
    put(logs, SERVER, [line(at=at + n, ports=(20000, 443)) for n in range(500)], start + 60)
    put(logs, CLIENT, [line(CLIENT, at=at)], start)
    put(logs, CLIENT, [line(CLIENT, at=at - 5 * 3600)], start - 5 * 3600)
    of = live(logs, log_format=str(DEFAULT), traffic_type="ALL")
    evidence = gathered(of, "blocked", sightings=path(ingress="reject"), now=now).evidence
    assert evidence.status == "confirms"
    assert (evidence.rejected, evidence.accepted) == (30, 1)
    assert evidence.scanned["malformed"] == 0
    day = now - timedelta(days=1)
    assert gathered(of, "blocked", sightings=path(ingress="reject"), now=now, since=day).evidence.accepted == 2


def test_moto_custom_format_and_missing_group(logs: Any) -> None:
    now = datetime.fromtimestamp(int(time.time()), UTC)
    start = int(now.timestamp()) - 600
    message = f"OK REJECT 20641 22 6 {start + 60} {start} 172.31.16.139 172.31.16.21 {SERVER}"
    put(logs, SERVER, [message, message.replace("OK REJECT", "NODATA -")], start)
    of = live(logs, log_format=CUSTOM)
    evidence = gathered(
        of, "blocked", now=now, sightings=[sighting(SERVER, "return", "egress", REPLY, "reject")]
    ).evidence
    assert (evidence.status, evidence.rejected, evidence.scanned["no_data"]) == ("confirms", 1, 1)
    with pytest.raises(InputError, match="does not exist"):
        gathered(of, now=now, locations=("cloudwatch:gone",))
