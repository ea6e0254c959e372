"""Rejected answers of accepted requests, wherever the records are: never the group's work, whatever passes now."""

from __future__ import annotations

import gzip
import io
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.builders import NOW, OUT, Network, icmp, tcp
from tests.flowlogs.cases import columns
from tests.rejects.telling import HEADER, record, short
from tests.rejects.test_stories import STRANGER, web
from whyblocked.api import Session, snapshot
from whyblocked.diagnosis import replies
from whyblocked.diagnosis.rejects import Explained, Rejects, RejectsRequest

REQUEST = record("eni-web", f"{STRANGER} 40000 -> 10.0.1.10 443", accepted=True)
ANSWER = record("eni-web", f"10.0.1.10 443 -> {STRANGER} 40000")
PING = record("eni-web", f"{STRANGER} -> 10.0.1.10", "icmp", accepted=True)
PONG = record("eni-web", f"10.0.1.10 -> {STRANGER}", "icmp")


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """``web`` lets https and pings in and nothing out; its network ACL lets everything pass."""
    net: Network = web(ingress=[tcp(443, "0.0.0.0/0"), icmp(8, -1, "0.0.0.0/0")], egress=[])
    return Session(snapshot(net.save(tmp_path / "snapshot")))


def asked(session: Session, *locations: Path | str, stdin: Sequence[str] = ()) -> Rejects:
    piped = io.BytesIO("\n".join([HEADER, *stdin, ""]).encode()) if stdin else None
    return session.rejects(RejectsRequest(locations=tuple(map(str, locations)), top=0, stdin=piped), NOW)


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join([HEADER, *lines, ""]))
    return path


def only(found: Rejects) -> Explained:
    (group,) = found.document.groups
    return group


def not_looked_at(found: Rejects) -> list[str]:
    return [remark for remark in found.remarks if "was not looked at" in remark]


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is one that the parser alone would take too long for."""
    monkeypatch.setattr(replies, "PLAIN", 0)


@pytest.fixture
def huge(large: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is one that is read again only for what speaks for itself."""
    monkeypatch.setattr(replies, "SMALL", 0)


@pytest.mark.parametrize("container", ["text", "gzip", "Parquet", "folder"])
def test_in_large_files_an_answer_of_an_accepted_request_is_never_the_groups_work(
    session: Session, large: None, tmp_path: Path, container: str
) -> None:
    log = tmp_path / "flow.log"
    write(log, REQUEST, ANSWER)
    if container == "gzip":
        log.write_bytes(gzip.compress(log.read_bytes()))
    elif container == "Parquet":
        names = HEADER.split()
        rows = [dict(zip(names, line.split(), strict=True)) for line in (REQUEST, ANSWER)]
        log.write_bytes(columns([{name.replace("-", "_"): value for name, value in row.items()} for row in rows]))
    elif container == "folder":
        log.unlink()
        log = tmp_path / "logs"
        log.mkdir()
        write(log / "1.log", REQUEST)
        write(log / "2.log", ANSWER)
        (log / "readme.txt").write_text("nothing")
    found = asked(session, log)
    assert (only(found).status, only(found).cause) == ("now-allowed", None)
    write(tmp_path / "alone.log", ANSWER)
    assert short(only(asked(session, tmp_path / "alone.log")).cause) == "forward security-group egress sg-web"


def test_huge_files_are_read_again_where_ports_and_rules_speak_for_an_answer(
    session: Session, huge: None, tmp_path: Path
) -> None:
    found = asked(session, write(tmp_path / "flow.log", PING, PONG, REQUEST, ANSWER))
    assert [group.status for group in found.document.groups] == ["now-allowed", "now-allowed"]
    assert not_looked_at(found) == []


def test_huge_files_are_not_read_again_for_anything_else_and_that_is_said(
    session: Session, huge: None, tmp_path: Path
) -> None:
    found = asked(session, write(tmp_path / "flow.log", PING, PONG))
    assert short(only(found).cause) == "forward security-group egress sg-web"
    (remark,) = not_looked_at(found)
    assert remark.startswith("whether a rejected flow answers accepted requests was not looked at: ")
    assert remark.endswith("of records are read again only where ports speak for it")


def test_a_pipe_can_not_be_read_again_and_that_is_said(session: Session) -> None:
    found = asked(session, "-", stdin=[REQUEST, ANSWER])
    assert short(only(found).cause) == "forward security-group egress sg-web"
    (remark,) = not_looked_at(found)
    assert remark.endswith("what comes through a pipe can't be read again")


def test_what_is_told_by_one_of_two_places_alone_is_not_enough(session: Session, tmp_path: Path) -> None:
    found = asked(session, write(tmp_path / "flow.log", REQUEST, ANSWER), "-", stdin=[REQUEST])
    assert short(only(found).cause) == "forward security-group egress sg-web"
    assert len(not_looked_at(found)) == 1


def test_requests_and_answers_may_be_in_different_files(session: Session, tmp_path: Path) -> None:
    found = asked(session, write(tmp_path / "1.log", ANSWER), write(tmp_path / "2.log", REQUEST))
    assert only(found).status == "now-allowed"


def test_a_request_hours_before_is_another_one(session: Session, tmp_path: Path) -> None:
    old = record("eni-web", f"{STRANGER} 40000 -> 10.0.1.10 443", accepted=True, at=-7200)
    found = asked(session, write(tmp_path / "flow.log", old, ANSWER))
    assert short(only(found).cause) == "forward security-group egress sg-web"


def test_where_nothing_may_be_an_answer_nothing_is_read_again(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replies._Looking, "into", None)  # would fail
    new = record("eni-web", f"{STRANGER} 40000 -> 10.0.1.10 22", flags=2)
    assert short(only(asked(session, write(tmp_path / "flow.log", new))).cause).startswith("forward security-group")


def test_answers_to_a_client_that_its_own_network_acl_refused(tmp_path: Path, huge: None) -> None:
    net = web(ingress=[], egress=OUT)
    session = Session(snapshot(net.save(tmp_path / "snapshot")))
    asks = record("eni-web", f"10.0.1.10 45000 -> {STRANGER} 443", accepted=True)
    answered = record("eni-web", f"{STRANGER} 443 -> 10.0.1.10 45000")
    assert only(asked(session, write(tmp_path / "flow.log", asks, answered))).status == "now-allowed"
    late = only(asked(session, write(tmp_path / "late.log", answered)))
    assert short(late.cause) == "forward security-group ingress sg-web"


def test_a_file_of_something_else_in_the_folder_does_not_hide_the_request(
    session: Session, large: None, tmp_path: Path
) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    write(logs / "a.log", REQUEST, ANSWER)
    (logs / "b.parquet").write_bytes(columns([{"action": "BLOCK", "client_addr": "x"}]))
    found = asked(session, logs)
    assert only(found).status == "now-allowed"
    assert not_looked_at(found) == []


def test_an_answer_that_ends_before_it_begins_is_looked_for_all_the_same(session: Session, tmp_path: Path) -> None:
    log = write(tmp_path / "a.log", REQUEST, _ending(ANSWER, 1418530070))
    assert only(asked(session, log)).status == "now-allowed"


def _ending(line: str, end: int) -> str:
    """A record with another end."""
    fields = line.split()
    fields[HEADER.split().index("end")] = str(end)
    return " ".join(fields)
