"""Accepted requests beside rejected replies, looked for in the same files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.flowlogs.test_records import HEADER
from whyblocked.flowlogs import pairs
from whyblocked.flowlogs.pairs import Flow, find_pairs

REPLY: Flow = ("eni-1", "10.0.1.10", "203.0.113.5", 2077, 6)


def line(flow: str, action: str = "ACCEPT", interface: str = "eni-1") -> str:
    return f"2 123456789010 {interface} {flow} 1 40 1418530010 1418530070 {action} OK"


def answered(folder: Path, *lines: str, flow: Flow = REPLY) -> tuple[bool, bool]:
    """Whether the flow answers a request, and whether accepted records were seen at all."""
    path = folder / "x.log"
    path.write_text("\n".join([HEADER, *lines, ""]))
    found = find_pairs([str(path)], (), [flow], None, None)
    assert found
    return flow in found.answered, found.seen


def test_an_accepted_request_the_other_way_round_makes_a_reply(tmp_path: Path) -> None:
    assert answered(tmp_path, line("203.0.113.5 10.0.1.10 2077 443 6")) == (True, True)


def test_a_reply_that_was_also_accepted_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    request, reply = line("203.0.113.5 10.0.1.10 2077 443 6"), "10.0.1.10 203.0.113.5 443 2077 6"
    for lines, passed in (((request, line(reply)), {REPLY}), ((request, line(reply, "REJECT")), set())):
        path.write_text("\n".join([HEADER, *lines, ""]))
        found = find_pairs([str(path)], (), [REPLY], None, None)
        assert found
        assert (found.answered, found.passed) == ({REPLY}, passed)


@pytest.mark.parametrize(
    "other",
    [
        line("203.0.113.5 10.0.1.10 2077 443 6", "REJECT"),
        line("203.0.113.5 10.0.1.10 2077 443 6", interface="eni-2"),
        line("203.0.113.5 10.0.1.10 2078 443 6"),
        line("203.0.113.5 10.0.1.10 2077 443 17"),
        line("203.0.113.6 10.0.1.10 2077 443 6"),
        line("10.0.1.10 203.0.113.5 443 2077 6"),
        line("203.0.113.5 10.0.1.10 2077 40000 6"),  # itself an answer, from a service's port
    ],
)
def test_anything_else_does_not(tmp_path: Path, other: str) -> None:
    assert answered(tmp_path, other, line("192.0.2.1 192.0.2.2 1 2 6")) == (False, True)


def test_protocols_without_ports_are_matched_by_their_addresses(tmp_path: Path) -> None:
    reply: Flow = ("eni-1", "10.0.1.10", "203.0.113.5", -1, 1)
    assert answered(tmp_path, line("203.0.113.5 10.0.1.10 0 0 1"), flow=reply) == (True, True)
    assert answered(tmp_path, line("10.0.1.10 203.0.113.5 0 0 1"), flow=reply) == (False, True)


def test_a_log_of_rejects_alone_proves_nothing(tmp_path: Path) -> None:
    assert answered(tmp_path, line("10.0.1.10 203.0.113.5 443 2077 6", "REJECT")) == (False, False)


def test_what_cannot_be_read_again_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    for location in (str(tmp_path / "pipe"), "-", "cloudwatch:flows", "s3://bucket/flows", str(tmp_path / "gone")):
        assert find_pairs([location], (), [REPLY], None, None) is None
    (tmp_path / "x.log").write_text(HEADER)
    monkeypatch.setattr(pairs, "LARGE", 10)
    assert find_pairs([str(tmp_path / "x.log")], (), [REPLY], None, None) is None
