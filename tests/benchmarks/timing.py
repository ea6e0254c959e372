"""Whole processes, timed from start to exit; two commands in turn, so that a machine that is busy is so for both."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
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

    @property
    def ratio(self) -> Spread:
        """Ours to the other's, run by run."""
        return Spread(tuple(a / b for a, b in zip(self.ours.values, self.other.values, strict=True)))


class Run(NamedTuple):
    """What one run took."""

    seconds: float
    cpu_seconds: float


class Command(NamedTuple):
    """A program with its arguments, what else its environment holds, and the exit statuses that mean it worked."""

    arguments: Sequence[str | Path]
    environment: Mapping[str, str] = {}
    statuses: Sequence[int] = ANSWERS

    def run(self) -> Run:
        """Run it once."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
        environment.update(self.environment)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        done = subprocess.run(
            self.arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
            timeout=120,
            check=False,
        )
        seconds = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode not in self.statuses:
            words = " ".join(map(str, self.arguments))
            raise CrashError(f"{words}: exit status {done.returncode}\n{done.stderr.decode(errors='replace')}")
        return Run(seconds, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def alone(command: Command, runs: int) -> tuple[Spread, Spread]:
    """Seconds and CPU seconds of several runs, after one that does not count where there are several."""
    if runs > 1:
        command.run()
    found = [command.run() for _ in range(runs)]
    return Spread(tuple(run.seconds for run in found)), Spread(tuple(run.cpu_seconds for run in found))


def in_turn(ours: Command, other: Command, runs: int) -> Pair:
    """Both, A B A B ..., after one run of each that does not count."""
    ours.run()
    other.run()
    times = [(ours.run().seconds, other.run().seconds) for _ in range(runs)]
    return Pair(Spread(tuple(a for a, _ in times)), Spread(tuple(b for _, b in times)))
