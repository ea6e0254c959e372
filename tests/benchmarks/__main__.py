"""``python -m tests.benchmarks``: measure every figure and print it beside its target.

Judges nothing: a slow machine is no failure. The exit status is 1 only where a command did not work.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from tests.benchmarks.accounts import LARGE, MIDDLE, SMALL, Account
from tests.benchmarks.rejecting import FULL, QUICK, Rejecting
from tests.benchmarks.timing import Command, CrashError, alone, in_turn

HERE = Path(__file__).parent
TOP = HERE.parents[1]
SCRIPT = Path(sys.executable).with_name("whyblocked")
PROGRAM: list[str | Path] = [SCRIPT] if SCRIPT.exists() else [sys.executable, "-m", "whyblocked"]
FLOWS = frozenset(("text", "parquet", "reader", "small", "explained", "growth"))  # of rejected flows
PARTS = ("start", "snapshot", "live", "check", "large", "text", "parquet", "reader", "small", "explained", "growth")
DELAY = 0.120
QUESTIONS = 2_000


def main() -> int:
    """Measure everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Measure the speed of whyblocked.")
    parser.add_argument("--quick", action="store_true", help="fewer runs, less data: about two minutes, and less sure")
    parser.add_argument("--huge", action="store_true", help="also rejected flows of 100 million records: 2 GB of disk")
    parser.add_argument("--only", choices=PARTS, action="append", help="measure this part alone (repeatable)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep the flow logs there, or take them from there")
    wanted = parser.parse_args()
    quick = wanted.quick
    runs = 3 if quick else 11
    names = ("boto3", "click", "rich", "networkx", "msgspec", "numpy", "pyarrow", "duckdb", "isal", "flowlogs-reader")
    print(
        f"Python {platform.python_version()} on {os.cpu_count()} CPUs; " + ", ".join(f"{n} {version(n)}" for n in names)
    )
    print("Whole processes in seconds: median (least-most). The two sides of a ratio run in turn.\n")
    parts = wanted.only or PARTS
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            if "start" in parts:
                start_up(runs)
            middle = Account(MIDDLE)
            if "snapshot" in parts:
                offline(runs, middle, middle.write(folder / "middle"))
            if "live" in parts:
                live(runs, folder)
            if "check" in parts:
                for what, account in (("small", Account(SMALL)), ("middle", middle)):
                    where = folder / what
                    check(1 if quick else 3, account, where if where.exists() else account.write(where))
            if "large" in parts:
                large(1 if quick else 3, folder / "large")
            if not FLOWS.isdisjoint(parts):
                data = wanted.data or folder / "flows"
                data.mkdir(parents=True, exist_ok=True)
                rejecting = Rejecting(PROGRAM, data, QUICK if quick else FULL)
                for part in parts:
                    if part == "growth":
                        rejecting.growth(huge=wanted.huge)
                    elif part in FLOWS:
                        getattr(rejecting, part)()
    except (CrashError, subprocess.SubprocessError, OSError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    return 0


def compare(what: str, ours: Command, other: Command, runs: int, target: float) -> float:
    """Print a line for two commands run in turn; our median."""
    pair = in_turn(ours, other, runs)
    print(
        f"  {what:36} {pair.ours.shown()}   against {pair.other.shown()}   "
        f"ratio {pair.ratio.shown(2)}, target at most {target}",
        flush=True,
    )
    return pair.ours.median


def importing(what: str) -> Command:
    """A Python that only imports."""
    return Command([sys.executable, "-c", f"import {what}"], statuses=(0,))


def start_up(runs: int) -> None:
    """The command line that does nothing yet."""
    print("Start: against importing click and rich")
    for option in ("--help", "--version"):
        compare(option, Command([*PROGRAM, option], statuses=(0,)), importing("click, rich.console"), runs, 1.5)


def offline(runs: int, account: Account, snapshot: Path) -> None:
    """One answer from a snapshot."""
    print(f"\nAn answer from a snapshot ({account.size}):\nagainst importing rich and networkx")
    question = account.questions(1)[0]
    for output in ("text", "json"):
        ours = Command([*PROGRAM, question, "--snapshot", snapshot, "--no-flow-logs", "--output", output])
        compare(output, ours, importing("rich.console, networkx"), runs, 2)


def live(runs: int, folder: Path) -> None:
    """One answer from the API, replayed."""
    print("\nA live answer: against a script that makes the same calls in the same rounds with boto3 and a thread pool")
    Command([sys.executable, "-m", "tests.benchmarks.recording", folder], {"PYTHONPATH": str(TOP)}, (0,)).run()
    questions = json.loads((folder / "questions.json").read_text())
    for delay in (0.0, DELAY):
        with replaying(folder / "answers.json", delay) as url:
            environment = {
                "AWS_ENDPOINT_URL": url,
                "AWS_ACCESS_KEY_ID": "testing",
                "AWS_SECRET_ACCESS_KEY": "testing",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            }
            for name, asked in questions.items():
                seconds = compare(
                    f"{name}, {delay * 1000:.0f} ms a call",
                    Command([*PROGRAM, asked["question"], "--no-flow-logs"], environment),
                    Command([sys.executable, HERE / "by_hand.py", folder / asked["rounds"]], environment, (0,)),
                    runs,
                    1.2,
                )
                if delay:
                    calls = " + ".join(map(str, asked["calls"]))
                    print(
                        f"  {'':36} {seconds:.3f} s, target at most 0.7 ({calls} calls in {len(asked['calls'])} rounds)"
                    )


@contextmanager
def replaying(answers: Path, delay: float) -> Iterator[str]:
    """The address of a replay server in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.replay", str(answers), str(delay)]
    with subprocess.Popen(command, cwd=TOP, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()


def checking(questions: list[str], snapshot: Path, count: int, output: str) -> Command:
    """``check`` of the first questions about an account."""
    file = snapshot.with_name(f"{snapshot.name}.{count}")
    file.write_text("".join(f"{line}\n" for line in questions[:count]))
    return Command([*PROGRAM, "check", file, "--snapshot", snapshot, "--output", output], statuses=(0,))


def check(runs: int, account: Account, snapshot: Path) -> None:
    """Many questions about one snapshot; one question tells what start and loading cost."""
    print(f"\n{QUESTIONS:,} questions in check ({account.size})")
    questions = account.questions(QUESTIONS)
    one = alone(checking(questions, snapshot, 1, "json"), max(runs, 3))
    print(f"  {'one question, start and loading':36} {one.seconds.shown()}")
    for output in ("json", "text"):
        seconds, cpu_seconds, _ = alone(checking(questions, snapshot, QUESTIONS, output), runs)
        rate, cpu_rate = QUESTIONS / seconds.median, QUESTIONS / cpu_seconds.median
        print(
            f"  {output:36} {seconds.shown(2)}   {rate:,.0f} questions a second with start, target at least 500 "
            f"({cpu_rate:,.0f} a CPU second)",
            flush=True,
        )


def large(runs: int, snapshot: Path) -> None:
    """One answer about a large account, and what each further one takes and all of them together hold in memory.

    The account is made by another process: what this one ever held would count as the peak of those that it starts.
    """
    print(f"\nA large account ({LARGE})")
    make = [sys.executable, "-m", "tests.benchmarks.accounts", str(snapshot), str(QUESTIONS)]
    questions = subprocess.run(make, cwd=TOP, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    for output in ("text", "json"):
        ask = Command([*PROGRAM, questions[0], "--snapshot", snapshot, "--no-flow-logs", "--output", output])
        seconds, cpu_seconds, peaks = alone(ask, max(runs, 3))
        print(
            f"  {f'one question, {output}':36} {seconds.shown()}, target at most 2 ({cpu_seconds.shown()} of CPU), "
            f"{max(peaks):.0f} MiB, target at most 400",
            flush=True,
        )
    for output in ("text", "json"):
        one = alone(checking(questions, snapshot, 1, output), max(runs, 3))
        several = alone(checking(questions, snapshot, QUESTIONS, output), runs)
        wall, cpu = (
            1000 * (every.median - first.median) / (QUESTIONS - 1)
            for every, first in ((several.seconds, one.seconds), (several.cpu_seconds, one.cpu_seconds))
        )
        print(
            f"  {f'each of {QUESTIONS - 1:,} more in check, {output}':36} {wall:.1f} ms, target at most 5 "
            f"({cpu:.1f} ms of CPU), {max(several.peaks):.0f} MiB, target at most 400",
            flush=True,
        )


if __name__ == "__main__":
    raise SystemExit(main())
