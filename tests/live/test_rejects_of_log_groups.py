"""``whyblocked rejects`` on a log group: whatever AWS does in the middle, the counts are right or said to be short."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.cli.programs import PROGRAM, in_process
from tests.live.asking import Asked, run
from tests.live.company import Company
from tests.live.test_evidence_of_accounts import SHUT, Logged, flow_log, record
from tests.moto_server import Overlay
from whyblocked.config import clients

JSON = "application/x-amz-json-1.1"
GROUP = "rejected-flows"
MANY = 10_500  # more than a page
Answer = Callable[[int, bytes], tuple[int, bytes] | None]


def error(code: str) -> bytes:
    return json.dumps({"__type": code, "message": f"{code} by a test"}).encode()


@pytest.fixture(scope="module")
def _logged(_server: Overlay, _served: Company) -> Iterator[Logged]:
    with flow_log(_server, _served, GROUP) as found:
        eni, start = _served.web_interface, int(time.time()) - 3000
        found.put(eni, start, *(_line(eni, n, start) for n in range(MANY // 2)))
        later = [{"timestamp": (start + 2000) * 1000, "message": _line(eni, n, start + 2000)} for n in range(MANY // 2)]
        found.logs.put_log_events(logGroupName=GROUP, logStreamName=f"{eni}-all", logEvents=later)
        yield found


def _line(eni: str, n: int, start: int) -> str:
    return record(eni, "192.0.2.77", "10.0.1.10", (40000 + n % 100, 22), "ACCEPT" if n % 10 else "REJECT", start)


@pytest.fixture
def answers(server: Overlay, _logged: Logged) -> Iterator[dict[str, Answer]]:
    """By operation: what the server answers to its nth call, from what it would have said; None: just that."""
    found: dict[str, Answer] = {}
    plain, calls = server.app, dict[str, int]()

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        operation = str(environ.get("HTTP_X_AMZ_TARGET", "")).rpartition(".")[2]
        if operation not in found:
            return plain(environ, start_response)
        calls[operation] = calls.get(operation, 0) + 1
        heard: list[Any] = []
        body = b"".join(plain(environ, lambda *said: heard.append(said)))
        changed = found[operation](calls[operation], body)
        if changed is None:
            start_response(*heard[0])
            return [body]
        start_response(f"{changed[0]} From a test", [("Content-Type", JSON)])
        return [changed[1]]

    server.app = app
    yield found
    server.app = plain


def rejects(server: Overlay, *options: str, attempts: int = 6) -> Asked:
    arguments = ("rejects", "--flow-logs", f"cloudwatch:{GROUP}", "--output", "json", *options)
    return run(server, *arguments, AWS_MAX_ATTEMPTS=str(attempts))


def counted(asked: Asked) -> tuple[int, int, int]:
    scanned = asked.answer["scanned"]
    return scanned["records"], scanned["rejected"], sum(group["records"] for group in asked.answer["groups"])


ALL = (MANY, MANY // 10, MANY // 10)


@pytest.mark.parametrize("since", ["1h", "7d"])
def test_many_records_are_all_counted_whichever_way_they_are_read(
    server: Overlay, answers: dict[str, Answer], since: str
) -> None:
    asked = rejects(server, "--since", since)
    assert (asked.status, counted(asked)) == (1, ALL)
    assert ("StartQuery" in server.log) is (since == "7d")
    assert ("was read with FilterLogEvents" in asked.err) is (since == "7d"), "moto runs no query: that is noticed"


def test_an_interface_that_is_asked_for_is_not_counted_twice(
    server: Overlay, served: Company, answers: dict[str, Answer]
) -> None:
    assert counted(rejects(server, "--interface", served.web_interface)) == ALL
    assert counted(rejects(server, "--interface", served.web_interface[:-5])) == ALL


def test_throttling_for_a_while_is_waited_out(server: Overlay, answers: dict[str, Answer]) -> None:
    answers["FilterLogEvents"] = lambda n, _: (400, error("ThrottlingException")) if n in (1, 3, 4) else None
    asked = rejects(server)
    assert (asked.status, counted(asked), asked.err) == (1, ALL, "")


def test_a_page_that_comes_twice_counts_once(server: Overlay, answers: dict[str, Answer]) -> None:
    before: list[bytes] = []

    def repeat(n: int, body: bytes) -> tuple[int, bytes] | None:
        before.append(body)
        return (200, before[-2]) if n == 2 else None

    answers["FilterLogEvents"] = repeat
    asked = rejects(server)
    assert (asked.status, counted(asked)) == (1, ALL)


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (400, "ExpiredTokenException", "does not accept the credentials"),
        (400, "ThrottlingException", "too many requests"),
        (400, "AccessDeniedException", "then no more"),
        (500, "InternalFailure", "AWS failed"),
    ],
)
def test_what_fails_in_the_middle_is_told_with_what_was_read_so_far(
    server: Overlay, answers: dict[str, Answer], status: int, code: str, said: str
) -> None:
    answers["FilterLogEvents"] = lambda n, _: (status, error(code)) if n > 1 else None
    asked = rejects(server, attempts=1)
    assert asked.status == 4
    records, rejected, grouped = counted(asked)
    assert records == 10_000
    assert rejected == grouped
    assert asked.err.count(said) == 1, "once, not for the permission as well"
    assert f"incomplete: the log group {GROUP} was not read to its end" in asked.err
    assert "Traceback" not in asked.err


def test_a_server_that_goes_silent_in_the_middle_is_waited_for_no_longer_than_needed(
    server: Overlay, answers: dict[str, Answer], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(n: int, _: bytes) -> None:
        if n > 1:
            time.sleep(4)

    monkeypatch.setattr(clients, "_READ_SECONDS", 3)
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    answers["FilterLogEvents"] = silent
    asked = in_process(capsys, "rejects", "--flow-logs", f"cloudwatch:{GROUP}", "--output", "json")
    assert asked.status == 4, asked.err
    assert json.loads(asked.out)["scanned"]["records"] == 10_000
    assert "the connection to AWS failed: Read timeout" in asked.err


def test_an_answer_that_is_cut_off_is_asked_for_again(server: Overlay, answers: dict[str, Answer]) -> None:
    answers["FilterLogEvents"] = lambda n, body: (200, body[: len(body) // 2]) if n == 2 else None
    asked = rejects(server)
    assert (asked.status, counted(asked)) == (1, ALL)


# -- Logs Insights, in moto's place -----------------------------------------------------------------------------------


@pytest.fixture
def queried(served: Company, answers: dict[str, Answer]) -> dict[str, Answer]:
    """Queries are answered as AWS would: first the counts, then the groups."""
    cells = {
        "xinterfaceid": served.web_interface,
        "xsrcaddr": "192.0.2.77",
        "xdstaddr": "10.0.1.10",
        "xdstport": "22",
        "xprotocol": "6",
        "xtotalpackets": "1.26E3",
        "xtotalbytes": "75600.0",
        "xfirststart": "1700000000",
        "xlastend": "1700000060",
    }
    results: list[list[dict[str, str]]] = [
        [{"xaction": "REJECT", "xtotalrecords": "420"}, {"xaction": "ACCEPT", "xtotalrecords": "9580"}],
        [{**cells, "xtotalrecords": "420"}],
    ]

    def result(n: int, _: bytes) -> tuple[int, bytes]:
        rows = [[{"field": k, "value": v} for k, v in row.items()] for row in results[min(n, 2) - 1]]
        scanned = {"bytesScanned": 2.5e9, "recordsScanned": 1e4, "recordsMatched": 1e4}
        return 200, json.dumps({"status": "Complete", "results": rows, "statistics": scanned}).encode()

    answers["GetQueryResults"] = result
    answers["StopQuery"] = lambda *_: (200, b'{"success": true}')
    return answers


def test_a_long_window_is_added_up_at_aws_and_its_price_told(server: Overlay, queried: dict[str, Answer]) -> None:
    asked = rejects(server, "--since", "7d")
    assert (asked.status, counted(asked)) == (1, (10_000, 420, 420))
    (group,) = asked.answer["groups"]
    assert (group["packets"], group["bytes"], group["first_seen"]) == (1260, 75600, "2023-11-14T22:13:20Z")
    assert "Logs Insights scanned 5.000 GB in 2 queries, about $0.0250 at $0.005 a GB" in asked.err
    assert "FilterLogEvents" not in server.log


def test_a_question_about_a_long_window_has_its_records_from_logs_insights(
    server: Overlay, served: Company, answers: dict[str, Answer]
) -> None:
    eni, start = served.web_interface, int(time.time()) - 5 * 86400
    lines = [record(eni, "192.0.2.77", "10.0.1.10", (40000 + n, 22), "REJECT", start) for n in range(3)]
    results: list[list[dict[str, str]]] = [
        [
            {"xaction": "REJECT", "xinterfaceid": eni, "xtotalrecords": "400"},
            {"xaction": "ACCEPT", "xinterfaceid": eni, "xtotalrecords": "9600"},
        ],
        [{"@timestamp": "x", "@message": line, "@logStream": f"{eni}-all"} for line in lines],
    ]

    def result(n: int, _: bytes) -> tuple[int, bytes]:
        rows = [[{"field": k, "value": v} for k, v in row.items()] for row in results[min(n, 2) - 1]]
        return 200, json.dumps({"status": "Complete", "results": rows, "statistics": {"bytesScanned": 1e9}}).encode()

    answers["GetQueryResults"] = result
    asked = run(server, SHUT, "--output", "json", "--flow-logs", f"cloudwatch:{GROUP}", "--since", "7d")
    evidence = asked.answer["evidence"]
    assert (asked.status, evidence["status"], evidence["rejected"]) == (1, "confirms", 3)
    assert evidence["scanned"]["records"] == 10_000, "what AWS counted"
    assert any("Logs Insights scanned 2.000 GB in 2 queries" in note for note in evidence["notes"])
    assert "FilterLogEvents" not in server.log


@pytest.mark.parametrize("code", ["ExpiredTokenException", "ThrottlingException", "AccessDeniedException"])
def test_a_query_that_fails_in_the_middle_ends_with_status_4(
    server: Overlay, queried: dict[str, Answer], code: str
) -> None:
    fine = queried["GetQueryResults"]
    queried["GetQueryResults"] = lambda n, body: fine(n, body) if n == 1 else (400, error(code))
    asked = rejects(server, "--since", "7d", attempts=1)
    assert (asked.status, asked.answer["groups"]) == (4, [])
    assert f"incomplete: the log group {GROUP} was not read to its end" in asked.err
    assert "StopQuery" in server.log


def test_a_query_that_aws_gives_up_ends_with_status_4(server: Overlay, queried: dict[str, Answer]) -> None:
    fine = queried["GetQueryResults"]
    failed = json.dumps({"status": "Failed", "results": []}).encode()
    queried["GetQueryResults"] = lambda n, body: fine(n, body) if n == 1 else (200, failed)
    asked = rejects(server, "--since", "7d")
    assert asked.status == 4
    assert "a Logs Insights query ended with status Failed 3 times" in asked.err


def test_ctrl_c_stops_the_query(server: Overlay, queried: dict[str, Answer]) -> None:
    running = json.dumps({"status": "Running", "results": []}).encode()
    queried["GetQueryResults"] = lambda *_: (200, running)
    command = [*PROGRAM, "rejects", "--flow-logs", f"cloudwatch:{GROUP}", "--since", "7d"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **server.environment()}
    )
    until = time.monotonic() + 30
    while server.log.count("GetQueryResults") < 2 and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, b"", b"")
    assert "StopQuery" in server.log
