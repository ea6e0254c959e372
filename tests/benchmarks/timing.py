"""Whole processes, timed from start to exit; two commands in turn, so that a machine that is busy is so for both."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

ANSWERS = (0, 1, 3)  # allowed, blocked, undetermined


class CrashError(Exception):
    """A command did not do what is measured."""


class Spread(NamedTuple):
    """Several runs of one thing."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    def shown(self, digits: int = 3) -> str:
        """The median, with the least and the most."""
        return f"{self.median:.{digits}f} ({min(self.values):.{digits}f}-{max(self.values):.{digits}f})"


class Pair(NamedTuple):
    """Two commands that were run in turn."""

    ours: Spread
    other: Spread
    cpu: Spread
    """The ratio of CPU seconds, which other programs disturb less."""
    peak: float
    """The most memory that ours took, in MiB."""

    @property
    def ratio(self) -> Spread:
        """Ours to the other's, run by run."""
        return Spread(tuple(a / b for a, b in zip(self.ours.values, self.other.values, strict=True)))


class Runs(NamedTuple):
    """Several runs of one command."""

    seconds: Spread
    cpu_seconds: Spread
    peaks: tuple[float, ...]


class Run(NamedTuple):
    """What one run took; ``peak`` is the memory of its largest process in MiB."""

    seconds: float
    cpu_seconds: float
    peak: float


class Command(NamedTuple):
    """A program with its arguments, what else its environment holds, and the exit statuses that mean it worked."""

    arguments: Sequence[str | Path]
    environment: Mapping[str, str] = {}
    statuses: Sequence[int] = ANSWERS
    timeout: float = 120

    def run(self) -> Run:
        """Run it once."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
        environment.update(self.environment)
        start = time.perf_counter()
        with (
            TemporaryFile() as errors,
            subprocess.Popen(
                self.arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, env=environment
            ) as process,
        ):
            killer = threading.Timer(self.timeout, process.kill)
            killer.start()
            _, status, used = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
            killer.cancel()
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode not in self.statuses:
                errors.seek(0)
                words = " ".join(map(str, self.arguments))[:500]
                said = errors.read().decode(errors="replace")
                raise CrashError(f"{words}: exit status {process.returncode}\n{said}")
        peak = used.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
        return Run(seconds, used.ru_utime + used.ru_stime, peak)


def alone(command: Command, runs: int) -> Runs:
    """Several runs, after one that does not count where there are several."""
    if runs > 1:
        command.run()
    found = [command.run() for _ in range(runs)]
    return Runs(
        Spread(tuple(run.seconds for run in found)),
        Spread(tuple(run.cpu_seconds for run in found)),
        tuple(run.peak for run in found),
    )


def in_turn(ours: Command, other: Command, runs: int) -> Pair:
    """Both, A B A B ..., after one run of each that does not count."""
    ours.run()
    other.run()
    found = [(ours.run(), other.run()) for _ in range(runs)]
    return Pair(
        Spread(tuple(a.seconds for a, _ in found)),
        Spread(tuple(b.seconds for _, b in found)),
        Spread(tuple(a.cpu_seconds / b.cpu_seconds for a, b in found)),
        max(a.peak for a, _ in found),
    )
