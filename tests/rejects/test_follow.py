"""`whyblocked rejects --follow` as people run it: a line for every new rejected flow, until they have seen enough."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.programs import in_process

INCIDENT = Path(__file__).parents[2] / "fixtures" / "00-new-office-address"
SNAPSHOT = ("--snapshot", str(INCIDENT / "snapshot"))
RECORDS = (INCIDENT / "flow.log").read_text(encoding="utf-8").splitlines(keepends=True)
OFFICE = next(line for line in RECORDS if " 203.0.113.5 " in line and " REJECT " in line)


def host(number: int) -> str:
    return OFFICE.replace("203.0.113.5", f"203.0.113.{number}")


@contextmanager
def following(location: str, *more: str, stdin: int | None = subprocess.DEVNULL) -> Iterator[subprocess.Popen[str]]:
    words = ["rejects", "--follow", "--flow-logs", location, *SNAPSHOT, *more]
    with subprocess.Popen(
        [sys.executable, "-m", "whyblocked", *words],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def line(running: subprocess.Popen[str]) -> str:
    assert running.stdout is not None
    return running.stdout.readline()


def test_a_growing_file_until_control_c(tmp_path: Path) -> None:
    path = tmp_path / "flow.log"
    path.write_text(RECORDS[0] + host(5))
    with following(str(path)) as running:
        first = line(running)
        assert first.startswith("2026-11-23T09:")
        assert "203.0.113.5 -> 10.20.0.21 (web-1) tcp/22, " in first
        assert ": No inbound rule of sg-" in first
        with path.open("a") as stream:
            stream.write(host(5) + host(6))  # the first was said
        assert " 203.0.113.6 -> " in line(running)
        path.rename(tmp_path / "flow.log.1")
        path.write_text(host(7) + "half a li")
        assert " 203.0.113.7 -> " in line(running)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
        assert (running.returncode, out, err) == (130, "", "")


def test_standard_input_as_it_comes_and_to_its_end() -> None:
    with following("-", "--output", "json", stdin=subprocess.PIPE) as running:
        assert running.stdin is not None
        for number in (5, 6):
            running.stdin.write(f"{RECORDS[0]}{host(number)}not a record\n")
            running.stdin.flush()
            group = json.loads(line(running))
            assert (group["source"], group["status"]) == (f"203.0.113.{number}", "explained")
            assert group["cause"]["layer"] == "security-group"
        running.stdin.write(host(7).rstrip())
        out, err = running.communicate(timeout=30)
        assert json.loads(out)["source"] == "203.0.113.7"
        assert running.returncode == 1
        assert err == "".join(
            f"whyblocked: malformed: standard input:{number}: 3 fields where the format has 14\n" for number in (3, 6)
        )


def test_a_closed_pipe_ends_it_though_nothing_more_comes(tmp_path: Path) -> None:
    path = tmp_path / "flow.log"
    path.write_text(host(5))
    with following(str(path)) as running:
        assert line(running)
        assert running.stdout is not None
        running.stdout.close()
        assert running.wait(timeout=30) == 141
        assert running.stderr is not None
        assert running.stderr.read() == ""


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--flow-logs", "-", "--output", "csv"], "it can't print csv"),
        (["--flow-logs", "-", "--output", "markdown"], "it can't print markdown"),
        ([], "--follow reads one file, or - for standard input: name it with --flow-logs"),
        (["--flow-logs", "-", "--flow-logs", "x.log"], "--follow reads one file"),
        (["--flow-logs", "gone.log"], "gone.log is no file"),
        (["--flow-logs", "."], "--follow: . is no file: it reads one file of text"),
        (["--flow-logs", "s3://bucket/AWSLogs"], "s3://bucket/AWSLogs is no file"),
        (
            ["--flow-logs", os.devnull, "--log-format", "version srcaddr"],
            "--log-format: the record format lacks action",
        ),
    ],
)
def test_what_can_not_be_followed(capsys: pytest.CaptureFixture[str], words: Sequence[str], named: str) -> None:
    found = in_process(capsys, "rejects", "--follow", *words, *SNAPSHOT)
    assert (found.status, found.out) == (2, "")
    assert named in found.err
    assert found.err.count("\n") == 1


def test_filters_hold_and_nothing_rejected_is_no_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    reader, writer = os.pipe()
    os.write(writer, "".join(RECORDS).encode())
    os.close(writer)
    with os.fdopen(reader) as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        found = in_process(capsys, "rejects", "--follow", "--flow-logs", "-", "--port", "9", *SNAPSHOT)
    assert found == (0, "", "")
