"""What changed in a live account: CloudTrail asked while the flow logs are read, and never in the way of the answer."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests import moto_fixups
from tests.builders import Json
from tests.cli.programs import PROGRAM, in_process
from tests.live.asking import Asked, run
from tests.live.company import Company
from tests.live.test_evidence_of_accounts import flow_log, record
from tests.moto_server import Overlay
from tests.trails import authorized, revoked
from whyblocked.config import trail_calls

OPEN, SHUT = "203.0.113.5 -> i-abc:22", "192.0.2.77 -> i-abc:22"
DENIED = json.dumps({"__type": "AccessDeniedException", "Message": "not allowed"})
THROTTLED = json.dumps({"__type": "ThrottlingException", "Message": "Rate exceeded"})
JSON = "application/x-amz-json-1.1"


def ago(minutes: int) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def trail(monkeypatch: pytest.MonkeyPatch) -> list[Json]:
    """What CloudTrail knows."""
    found: list[Json] = []
    monkeypatch.setattr(moto_fixups, "trail", found)
    return found


@pytest.fixture
def here(server: Overlay, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Ask in this process, so that a test may change how long is waited."""

    def asked(question: str, *options: str) -> Asked:
        with monkeypatch.context() as patch:
            for name, value in server.environment().items():
                patch.setenv(name, value)
            return Asked(*in_process(capsys, question, "--output", "json", *options))

    return asked


def lookups(server: Overlay) -> int:
    return server.log.count("LookupEvents")


def test_who_took_the_rule_away_is_told(server: Overlay, served: Company, trail: list[Json]) -> None:
    trail += [
        revoked(served.web_group, ago(30), "tcp", 22, "192.0.2.0/24"),
        authorized(served.web_group, ago(20), "tcp", 8443, "0.0.0.0/0"),
        revoked("sg-other", ago(10), "tcp", 22, "192.0.2.0/24"),
        revoked(served.web_group, ago(60 * 30), "tcp", 22, "192.0.2.0/24"),
    ]
    asked = run(server, SHUT, "--output", "json", "--no-flow-logs")
    assert (asked.status, asked.err) == (1, "")
    found = [(change["event_name"], change["may_have_caused"]) for change in asked.answer["changes"]]
    assert found == [("RevokeSecurityGroupIngress", True), ("AuthorizeSecurityGroupIngress", False)]
    assert asked.answer["changes"][0]["resource_ids"] == [served.web_group]
    assert asked.answer["change_notes"] == []
    assert lookups(server) <= trail_calls.MOST_CALLS
    longer = run(server, SHUT, "--output", "json", "--no-flow-logs", "--changes-since", "2d")
    assert len(longer.answer["changes"]) == 3


def test_the_report_tells_it_with_the_records(server: Overlay, served: Company, trail: list[Json], now: int) -> None:
    eni, start = served.web_interface, now - 1200
    trail.append(
        revoked(
            served.web_group,
            datetime.fromtimestamp(now - 900, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tcp",
            22,
            "192.0.2.0/24",
        )
    )
    with flow_log(server, served, "turned") as logged:
        logged.put(eni, start, line(eni, start, "ACCEPT"), line(eni, now - 600, "REJECT"))
        report = run(server, SHUT)
    words = " ".join(report.out.split())
    assert report.status == 1
    assert "ACCEPT until" in words
    assert f"UTC; RevokeSecurityGroupIngress on {served.web_group} at" in words
    assert "by role/deploy (alice)." in words


def line(eni: str, at: int, action: str) -> str:
    return record(eni, "192.0.2.77", "10.0.1.10", (40000, 22), action, at)


def test_nothing_changed_is_said(server: Overlay, served: Company, trail: list[Json]) -> None:
    asked = run(server, SHUT, "--output", "json", "--no-flow-logs")
    assert asked.answer["changes"] == []
    assert asked.answer["change_notes"] == ["no change of what decides this is in CloudTrail's events of that time"]


# -- when it is asked -----------------------------------------------------------------------------------------------


def test_what_passes_is_asked_about_only_where_records_were_rejected(
    server: Overlay, served: Company, trail: list[Json], now: int
) -> None:
    trail.append(authorized(served.web_group, ago(5), "tcp", 22, "203.0.113.0/24"))
    quiet = run(server, OPEN, "--output", "json", "--no-flow-logs")
    assert (quiet.verdict, quiet.answer["changes"], lookups(server)) == ("allowed", [], 0)
    asked = run(server, OPEN, "--output", "json", "--no-flow-logs", "--changes")
    assert [change["why"] for change in asked.answer["changes"]] == ["the rule that it added allows this"]
    server.log.clear()
    with flow_log(server, served, "mended") as logged:
        eni = served.web_interface
        logged.put(eni, now - 600, record(eni, "203.0.113.5", "10.0.1.10", (40000, 22), "REJECT", now - 600))
        told = run(server, OPEN, "--output", "json")
    assert [change["event_name"] for change in told.answer["changes"]] == ["AuthorizeSecurityGroupIngress"]
    assert told.status == 0


def test_no_changes_asks_nobody(server: Overlay, served: Company, trail: list[Json]) -> None:
    asked = run(server, SHUT, "--output", "json", "--no-flow-logs", "--no-changes")
    assert (asked.answer["changes"], asked.answer["change_notes"], lookups(server)) == ([], [], 0)
    wrong = run(server, SHUT, "--no-changes", "--changes-since", "2d")
    assert (wrong.status, wrong.out) == (2, "")
    assert "--no-changes and --changes-since contradict each other" in wrong.err
    never = run(server, SHUT, "--changes-since", "soon")
    assert (never.status, never.err) == (
        2,
        "whyblocked: --changes-since: 'soon' is no time; write 90m, 2d or 2026-11-23T09:00:00Z\n",
    )


# -- refusals -------------------------------------------------------------------------------------------------------


def test_a_refusal_is_a_note_and_nothing_else(server: Overlay, served: Company, trail: list[Json]) -> None:
    server.add("LookupEvents", 400, DENIED, JSON)
    asked = run(server, SHUT, "--output", "json", "--no-flow-logs")
    assert (asked.status, asked.verdict, asked.answer["missing"], asked.err) == (1, "blocked", [], "")
    assert asked.answer["change_notes"] == ["cloudtrail:LookupEvents: AccessDenied"]
    assert lookups(server) == 1
    report = run(server, SHUT, "--no-flow-logs")
    assert "cloudtrail:LookupEvents: AccessDenied" in report.out


def test_throttling_is_waited_out(server: Overlay, served: Company, trail: list[Json]) -> None:
    trail.append(revoked(served.web_group, ago(30), "tcp", 22, "192.0.2.0/24"))
    server.add("LookupEvents", 400, THROTTLED, JSON, times=1)
    asked = run(server, SHUT, "--output", "json", "--no-flow-logs")
    assert len(asked.answer["changes"]) == 1


def test_every_page_is_read(
    server: Overlay, served: Company, trail: list[Json], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moto_fixups, "trail_pages", [1])
    trail += [revoked(served.web_group, ago(minutes), "tcp", 22, "192.0.2.0/24") for minutes in (10, 20, 30)]
    asked = run(server, SHUT, "--output", "json", "--no-flow-logs")
    assert len(asked.answer["changes"]) == 3


class Held(list[Json]):
    """Events that nobody gets before they are released."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.released = threading.Event(), threading.Event()

    def __iter__(self) -> Iterator[Json]:
        self.reached.set()
        self.released.wait(60)
        return super().__iter__()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    found = Held()
    monkeypatch.setattr(moto_fixups, "trail", found)
    yield found
    found.released.set()


def test_a_slow_trail_costs_nothing_but_its_events(
    served: Company, here: Any, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trail_calls, "PATIENCE", 0.1)
    asked = here(SHUT, "--no-flow-logs")
    assert (asked.status, asked.verdict) == (1, "blocked")
    assert asked.answer["change_notes"] == ["CloudTrail took longer than 0 s: there may be more than it told by then"]


def test_the_verdict_is_on_the_terminal_before_cloudtrail_answers(server: Overlay, served: Company, held: Held) -> None:
    environment = {**server.environment(), "PYTHONUNBUFFERED": "1"}
    arguments = [*PROGRAM, SHUT, "--no-flow-logs"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        held.released.set()
        rest = process.stdout.read()
    assert "BLOCKED" in first
    assert "took longer" not in rest
    assert "What changed" in rest


# -- rejected flows -------------------------------------------------------------------------------------------------


def test_what_would_be_allowed_now_names_the_change(
    server: Overlay, served: Company, trail: list[Json], tmp_path: Path, now: int
) -> None:
    eni = served.web_interface
    lines = [record(eni, "203.0.113.5", "10.0.1.10", (40000 + n, 22), "REJECT", now - 3000) for n in range(3)]
    lines.append(record(eni, "192.0.2.77", "10.0.1.10", (40000, 22), "REJECT", now - 3000))
    (tmp_path / "flow.log").write_text("\n".join(lines) + "\n")
    trail.append(authorized(served.web_group, ago(20), "tcp", 22, "203.0.113.0/24"))
    asked = run(server, "rejects", "--flow-logs", str(tmp_path / "flow.log"), "--output", "json")
    assert asked.status == 1
    groups = {group["source"]: group for group in asked.answer["groups"]}
    assert groups["203.0.113.5"]["status"] == "now-allowed"
    assert groups["203.0.113.5"]["change"]["event_name"] == "AuthorizeSecurityGroupIngress"
    assert groups["192.0.2.77"]["change"] is None
    assert 0 < lookups(server) <= trail_calls.MOST_CALLS
    server.log.clear()
    silent = run(server, "rejects", "--flow-logs", str(tmp_path / "flow.log"), "--output", "json", "--no-changes")
    assert [group["change"] for group in silent.answer["groups"]] == [None, None]
    assert lookups(server) == 0
    server.add("LookupEvents", 400, DENIED, JSON)
    refused = run(server, "rejects", "--flow-logs", str(tmp_path / "flow.log"))
    assert (refused.status, refused.err) == (1, "")
    assert "cloudtrail:LookupEvents: AccessDenied" in refused.out


def test_flows_that_are_rejected_still_ask_nobody(
    server: Overlay, served: Company, trail: list[Json], tmp_path: Path, now: int
) -> None:
    line = record(served.web_interface, "192.0.2.77", "10.0.1.10", (40000, 22), "REJECT", now - 300)
    (tmp_path / "flow.log").write_text(line + "\n")
    run(server, "rejects", "--flow-logs", str(tmp_path / "flow.log"))
    assert lookups(server) == 0
