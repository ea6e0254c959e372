"""Running the command line: in this process, as a program, and typed into real shells."""

from __future__ import annotations

import fcntl
import os
import select
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from whyblocked.cli.main import run

PROGRAM = (sys.executable, "-m", "whyblocked")


class Result(NamedTuple):
    """What a run left behind."""

    status: int
    out: str
    err: str


def in_process(capsys: pytest.CaptureFixture[str], *arguments: str) -> Result:
    """Run the command line in this process."""
    status = run(arguments)
    captured = capsys.readouterr()
    return Result(status, captured.out, captured.err)


def program(*arguments: str | bytes, **environment: str) -> Result:
    """Run it as a program, through pipes."""
    done = subprocess.run(
        [*PROGRAM, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, **environment},
        timeout=60,
        check=False,
    )
    return Result(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode())


def install(folder: Path) -> Path:
    """A folder for PATH with ``whyblocked`` in it."""
    folder.mkdir(exist_ok=True)
    script = folder / "whyblocked"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m whyblocked "$@"\n')
    script.chmod(0o755)
    return folder


def on_terminal(command: Sequence[str], cwd: Path, path: Path, *, typed: str = "", **environment: str) -> Result:
    """Run ``command`` with a pseudo-terminal as its controlling terminal; ``out`` is what the terminal shows.

    ``typed`` waits in the terminal until it is read.
    """
    ours, theirs = os.openpty()
    os.write(ours, typed.encode())
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, b"\x18\x00\x78\x00\x00\x00\x00\x00")  # 24 lines of 120
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=cwd,
        env={**os.environ, "PATH": f"{path}:{os.environ['PATH']}", "TERM": "xterm", **environment},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    shown = bytearray()
    deadline = time.monotonic() + 60
    try:
        while time.monotonic() < deadline:
            if select.select([ours], [], [], 0.1)[0]:
                try:
                    data = os.read(ours, 65536)
                except OSError:  # Linux: the last one has closed it
                    break
                if not data:
                    break
                shown += data
            elif process.poll() is not None:
                break
        status = process.wait(timeout=10)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return Result(status, shown.decode().replace("\r\n", "\n"), "")
