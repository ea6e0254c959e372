"""The figures of `whyblocked rejects`: against zcat, DuckDB and flowlogs-reader, its memory, and how both grow."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.records import Kind, account
from tests.benchmarks.timing import Command, Spread, alone, in_turn

HERE = Path(__file__).parent
TOP = HERE.parents[1]
NEEDED = "click, msgspec, numpy"  # the third-party libraries in sys.modules after such a run, and no others
HUGE = 100_000_000
LONG = 1800  # seconds


class Sizes(NamedTuple):
    """How many records each figure takes, and how many runs."""

    usual: int
    reader: int
    growth: tuple[int, ...]
    runs: int


FULL = Sizes(10_000_000, 1_000_000, (1_000_000, 10_000_000, 30_000_000), 5)
QUICK = Sizes(1_000_000, 100_000, (100_000, 1_000_000, 3_000_000), 3)


class Rejecting:
    """The benchmark; data is made when a figure needs it."""

    def __init__(self, program: Sequence[str | Path], folder: Path, sizes: Sizes) -> None:
        self.program, self.folder, self.sizes = program, folder, sizes
        self.snapshot = folder / "account"
        if not self.snapshot.exists():
            account().write(self.snapshot)

    def ours(self, records: int, *, parquet: bool = False) -> Command:
        """`whyblocked rejects` on so many records."""
        where = self._data(records, parquet)
        words: list[str | Path] = ["rejects", "--flow-logs", where, "--snapshot", self.snapshot, "--top", "100"]
        return Command([*self.program, *words], statuses=(1,), timeout=LONG)

    def yardstick(self, name: str, records: int) -> Command:
        """What another tool does with the same files."""
        files = sorted(self._data(records, name == "parquet").iterdir())
        return Command([sys.executable, HERE / "yardsticks.py", name, *files], statuses=(0,), timeout=LONG)

    def _data(self, records: int, parquet: bool) -> Path:
        if not (where := Kind(records, parquet).path(self.folder)).exists():
            command = [sys.executable, "-m", "tests.benchmarks.records", str(self.folder), str(records)]
            subprocess.run([*command, *["--parquet"] * parquet], cwd=TOP, check=True, stdout=subprocess.DEVNULL)
        return where

    # -- figures ---------------------------------------------------------------------------------------------

    def text(self) -> None:
        """Text in gzip: against unpacking it, and against adding it up."""
        size = self.sizes.usual
        print(f"\nRejected flows, {size:,} records of text in gzip, every group explained")
        zcat = Command(["gzip", "-dc", *sorted(self._data(size, False).iterdir())], statuses=(0,), timeout=LONG)
        self._compare("zcat of the files", self.ours(size), zcat, 0.9)
        self._compare("DuckDB adding up, 2 threads", self.ours(size), self.yardstick("text", size), 1.3)

    def reader(self) -> None:
        """Against the library that people use."""
        size = self.sizes.reader
        print("\nRejected flows, against flowlogs-reader only reading them")
        runs = min(self.sizes.runs, 3)
        pair = in_turn(self.yardstick("reader", size), self.ours(size), runs)
        print(
            f"  {f'{size:,} records':36} {pair.ours.shown(2)}   against {pair.other.shown(2)}   "
            f"{pair.ratio.shown(1)} times faster",
            flush=True,
        )
        size = self.sizes.usual  # which takes that library minutes: once, and after ours has run
        ours, other = alone(self.ours(size), 2).seconds.median, alone(self.yardstick("reader", size), 1).seconds.median
        print(
            f"  {f'{size:,} records':36} {other:.2f}   against {ours:.2f}   "
            f"{other / ours:.1f} times faster, target at least 20 at 10 million"
        )

    def parquet(self) -> None:
        """Parquet: against adding it up."""
        size = self.sizes.usual
        print(f"\nRejected flows, {size:,} records of Parquet, every group explained")
        self._compare("DuckDB adding up, 2 threads", self.ours(size, parquet=True), self.yardstick("parquet", size), 2)

    def small(self) -> None:
        """A small file: against importing what an answer needs."""
        print(f"\nRejected flows, 1,000 records: against importing {NEEDED}")
        importing = Command([sys.executable, "-c", f"import {NEEDED}"], statuses=(0,))
        self._compare("imports", self.ours(1_000), importing, 1.5, runs=max(self.sizes.runs, 9))

    def growth(self, *, huge: bool = False) -> None:
        """Time and memory as the records grow; the groups grow with them, a little slower."""
        print("\nRejected flows, how time and memory grow")
        for size in (*self.sizes.growth, *[HUGE] * huge):
            runs = alone(self.ours(size), 1 if size > self.sizes.usual else self.sizes.runs)
            million = Spread(tuple(seconds * 1e6 / size for seconds in runs.seconds.values))
            target = {10_000_000: ", target at most 600", HUGE: ", target at most 1,024"}.get(size, "")
            print(
                f"  {f'{size:,} records':36} {runs.seconds.shown(2)}   {million.shown(3)} a million "
                f"({runs.cpu_seconds.median * 1e6 / size:.3f} CPU)   peak {max(runs.peaks):,.0f} MiB{target}",
                flush=True,
            )

    def explained(self) -> None:
        """Groups explained a second."""
        size = self.sizes.usual
        print(f"\nGroups explained, from {size:,} records: judged, put together, a hundred put into words")
        command = [
            sys.executable,
            "-m",
            "tests.benchmarks.explaining",
            str(self.snapshot),
            str(self._data(size, False)),
        ]
        rates, cpu_rates = [], []
        for _ in range(self.sizes.runs):
            done = subprocess.run(command, cwd=TOP, check=True, capture_output=True, text=True)
            groups, seconds, cpu_seconds = map(float, done.stdout.split())
            rates.append(groups / seconds)
            cpu_rates.append(groups / cpu_seconds)
        rate, cpu_rate = Spread(tuple(rates)), Spread(tuple(cpu_rates))
        print(f"  {f'{groups:,.0f} groups':36} {rate.shown(0)} a second, target at least 500,000; "
              f"{cpu_rate.shown(0)} a CPU second", flush=True)  # fmt: skip

    def _compare(self, what: str, ours: Command, other: Command, target: float, runs: int | None = None) -> None:
        pair = in_turn(ours, other, runs or self.sizes.runs)
        print(
            f"  {what:36} {pair.ours.shown()}   against {pair.other.shown()}   ratio {pair.ratio.shown(2)}, "
            f"target at most {target}   (CPU seconds {pair.cpu.shown(2)}; peak {pair.peak:,.0f} MiB)",
            flush=True,
        )
