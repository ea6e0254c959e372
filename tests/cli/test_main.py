"""How the program starts and ends: errors, pipes, Ctrl-C, and what is not imported."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.incident import write
from tests.cli.programs import PROGRAM, in_process, program
from whyblocked.cli import main
from whyblocked.errors import AwsError, EndpointError, WhyblockedError

HEAVY = {"boto3", "botocore", "networkx", "duckdb", "rich", "msgspec"}


@pytest.fixture
def snapshot(tmp_path: Path) -> str:
    return str(write(tmp_path / "snapshot"))


def imported(*arguments: str) -> set[str]:
    """The top-level modules that a run imports."""
    code = (
        "import sys; from whyblocked.cli.main import run; run(sys.argv[1:]); sys.stdout.flush();"
        "print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize(
    "arguments", [("--help",), ("--version",), ("check", "--help"), ("--bogus",), ("rejects", "--help")]
)
def test_help_and_usage_errors_start_fast(arguments: tuple[str, ...]) -> None:
    assert not imported(*arguments) & HEAVY


def test_a_bad_question_starts_fast() -> None:
    assert not imported("a b:0") & (HEAVY - {"msgspec"})


def test_a_snapshot_needs_no_aws_library(snapshot: str) -> None:
    assert not imported("203.0.113.5 i-abc:22", "--snapshot", snapshot) & {"boto3", "botocore", "duckdb"}
    assert not imported("203.0.113.5 i-abc:22", "--snapshot", snapshot, "--output", "json") & {"boto3", "rich"}


def test_python_m_and_the_script_are_the_same() -> None:
    assert program("--version").out.startswith("whyblocked ")


@pytest.mark.parametrize(
    ("error", "status", "shown"),
    [
        (
            EndpointError("x is ambiguous:", ("one", "two\x1b[31m")),
            2,
            "whyblocked: x is ambiguous:\n  one\n  two\ufffd[31m\n",
        ),
        (AwsError("no\ncredentials"), 4, "whyblocked: no\ufffdcredentials\n"),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 141, ""),
        (
            RuntimeError("[red]x[/red]\x1b"),
            4,
            "internal error: RuntimeError: [red]x[/red]\ufffd (--debug shows the traceback)\n",
        ),
        (WhyblockedError("x" * 100_000), 4, "…\n"),
    ],
)
def test_the_boundary(
    error: BaseException, status: int, shown: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(arguments: list[str]) -> int:
        raise error

    monkeypatch.setattr("whyblocked.cli.commands.execute", fail)
    found = in_process(capsys, "a", "b")
    assert found.status == status
    assert found.out == ""
    assert found.err.endswith(shown)
    assert len(found.err) < 1100
    assert "Traceback" not in found.err


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(arguments: list[str]) -> int:
        raise RuntimeError("\x1b[31m")

    monkeypatch.setattr("whyblocked.cli.commands.execute", fail)
    found = in_process(capsys, "a", "b", "--debug")
    assert found.status == 4
    assert "Traceback" in found.err
    assert "\x1b" not in found.err
    assert found.err.endswith("internal error: RuntimeError: \ufffd[31m\n")


@pytest.mark.parametrize("output", ["text", "json"])
def test_a_closed_pipe_ends_it_quietly(output: str, snapshot: str) -> None:
    process = subprocess.Popen(
        [*PROGRAM, "203.0.113.5 i-abc:22", "--snapshot", snapshot, "--output", output],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=60) == main.CLOSED_PIPE


def test_closed_streams_are_no_crash(snapshot: str) -> None:
    line = '"$@" >&- 2>&-'
    command = ["sh", "-c", line, "sh", *PROGRAM, "198.51.100.7 i-abc:22", "--snapshot", snapshot]
    assert subprocess.run(command, timeout=60, check=False).returncode == 1
    error = ["sh", "-c", line, "sh", *PROGRAM, "a b:0"]
    assert subprocess.run(error, timeout=60, check=False).returncode == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_told(snapshot: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PROGRAM, "203.0.113.5 i-abc:22", "--snapshot", snapshot],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 4
    assert done.stderr == "whyblocked: the answer could not be written: No space left on device\n"


def test_ctrl_c_ends_it_quietly(tmp_path: Path, snapshot: str) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    process = subprocess.Popen(
        [*PROGRAM, "check", str(fifo), "--snapshot", snapshot],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores it
    )
    with fifo.open("w"):  # waits until the program reads
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, b"", b"")


def test_output_in_a_poor_locale(tmp_path: Path) -> None:
    folder = str(write(tmp_path / "snapshot", "größe✓"))
    for encoding in ("ascii", "latin-1"):
        found = program("203.0.113.5 i-abc:22", "--snapshot", folder, PYTHONIOENCODING=encoding)
        assert (found.status, found.err) == (0, "")
        found = program("203.0.113.5", "größe✓", "--snapshot", folder, "--output", "json", PYTHONIOENCODING=encoding)
        assert '"203.0.113.5 -> größe✓"' in found.out
