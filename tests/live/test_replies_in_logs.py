"""Rejected answers of accepted requests in logs at AWS: the requests are looked for there, and little else is read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.programs import in_process
from tests.flowlogs.buckets import BUCKET, Store, key
from tests.live.asking import run
from tests.live.company import Company
from tests.live.test_evidence_of_accounts import Logged, flow_log, record
from tests.live.test_logs_in_s3 import flow_logs, to_s3
from tests.moto_server import Overlay
from whyblocked.diagnosis import replies

HOST, WEB = "192.0.2.80", "10.0.1.10"
LEFT = "was not looked at"


def request(eni: str, start: int) -> str:
    return record(eni, WEB, HOST, (45000, 443), "ACCEPT", start)


def answer(eni: str, start: int) -> str:
    """What no inbound rule of the group allows, if it is no answer; the network ACL allows everything."""
    return record(eni, HOST, WEB, (443, 45000), "REJECT", start)


def others(eni: str, start: int, count: int = 50) -> list[str]:
    return [record(eni, f"198.51.100.{n}", WEB, (40000, 443), "ACCEPT", start) for n in range(count)]


def rejects(server: Overlay, *options: str) -> tuple[str, str]:
    """The status of the only group, and standard error."""
    asked = run(server, "rejects", "--output", "json", *options)
    (group,) = json.loads(asked.out)["groups"]
    return group["status"], asked.err


@pytest.fixture
def logged(server: Overlay, served: Company) -> Iterator[Logged]:
    with flow_log(server, served, "vpc-flow") as found:
        yield found


@pytest.fixture
def patterns(server: Overlay, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The filter patterns that the program asks with."""
    plain, found = server.app, list[str]()

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        if str(environ.get("HTTP_X_AMZ_TARGET", "")).endswith("FilterLogEvents"):
            found.append(json.loads(environ["wsgi.input"].getvalue()).get("filterPattern", ""))
        return plain(environ, start_response)

    monkeypatch.setattr(server, "app", app)
    return found


@pytest.mark.parametrize("location", [(), ("--flow-logs", "cloudwatch:vpc-flow")])
def test_in_a_log_group_the_requests_alone_are_asked_for(
    server: Overlay, served: Company, logged: Logged, now: int, patterns: list[str], location: tuple[str, ...]
) -> None:
    eni, start = served.web_interface, now - 900
    logged.put(eni, start, request(eni, start), answer(eni, start), *others(eni, start))
    status, err = rejects(server, *location)
    assert (status, LEFT in err) == ("now-allowed", False)
    first, second = patterns
    assert 'f12_action="REJECT"' in first
    assert 'f12_action="ACCEPT"' in second
    assert f'f2_interface_id="{eni}"' in second
    assert f'"{HOST}"' in second


def test_of_what_does_not_speak_for_itself_few_are_looked_for(
    server: Overlay, served: Company, logged: Logged, now: int, patterns: list[str]
) -> None:
    eni, start = served.web_interface, now - 900
    ends = [f"198.51.100.{n}" for n in range(30)]
    pings = [record(eni, end, WEB, (0, 0), "REJECT", start).replace(" 0 0 6 ", " 0 0 1 ") for end in ends]
    logged.put(eni, start, *pings, *others(eni, start))
    asked = run(server, "rejects", "--output", "json")
    assert len(json.loads(asked.out)["groups"]) == 20
    assert sum(f'"{end}"' in patterns[1] for end in ends) == 18
    assert "whether 12 rejected flows answer accepted requests was not looked at: at AWS those alone" in asked.err


def test_without_the_request_it_is_late(server: Overlay, served: Company, logged: Logged, now: int) -> None:
    eni, start = served.web_interface, now - 900
    logged.put(eni, start, answer(eni, start), *others(eni, start))
    assert rejects(server)[0] == "explained"


def test_what_fails_in_the_second_look_is_said_and_nothing_guessed(
    server: Overlay, served: Company, logged: Logged, now: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    eni, start = served.web_interface, now - 900
    logged.put(eni, start, request(eni, start), answer(eni, start))
    plain, calls = server.app, list[int]()

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        if str(environ.get("HTTP_X_AMZ_TARGET", "")).endswith("FilterLogEvents"):
            calls.append(1)
            if len(calls) > 1:
                start_response("500 no", [("Content-Type", "application/x-amz-json-1.1")])
                return [b"{}"]
        return plain(environ, start_response)

    monkeypatch.setattr(server, "app", app)
    asked = run(server, "rejects", "--output", "json", AWS_MAX_ATTEMPTS="1")
    (group,) = json.loads(asked.out)["groups"]
    assert (asked.status, group["status"]) == (1, "explained"), "all that was rejected was read"
    assert "whether a rejected flow answers accepted requests was not looked at: the log group vpc-flow" in asked.err


@pytest.mark.parametrize("named", [True, False])
def test_in_s3_the_objects_around_it_are_read_again(
    server: Overlay,
    served: Company,
    store: Store,
    now: int,
    named: bool,
) -> None:
    eni, start, early = served.web_interface, now - 900, now - 3 * 3600
    with flow_logs(served, to_s3()) as (log,):
        store.put(key(start + 50, log=log, part="a"), answer(eni, start))
        store.put(key(start + 50, log=log, part="b"), request(eni, start), *others(eni, start))
        store.put(key(early, log=log), *others(eni, early))
        options = ("--flow-logs", f"s3://{BUCKET}/") if named else ()
        server.log.clear()
        status, err = rejects(server, "--since", "4h", *options)
        assert (status, LEFT in err) == ("now-allowed", False)
        read = [operation for operation in server.log if operation.endswith(".log.gz")]
        assert len(read) == 5, "what is hours away is read once"


def test_in_s3_much_is_not_fetched_again(
    server: Overlay,
    served: Company,
    store: Store,
    now: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    eni, start = served.web_interface, now - 900
    store.put("x.log", request(eni, start), answer(eni, start))
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(replies, "FETCHED", 10)
    _, out, err = in_process(capsys, "rejects", "--output", "json", "--flow-logs", f"s3://{BUCKET}/x.log")
    assert json.loads(out)["groups"][0]["status"] == "explained"
    assert "was not looked at: " in err
    assert "of records are not fetched again" in err
