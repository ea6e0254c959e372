"""What a small file costs at the start: no library that only large ones need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.rejecting import NEEDED

FIXTURE = Path(__file__).parents[2] / "fixtures" / "00-new-office-address"
HEAVY = {"boto3", "duckdb", "isal", "networkx", "numpy.ma", "pyarrow", "rich.console"}
OURS = {
    "config.managed",
    "diagnosis.changes",
    "flowlogs.configured",
    "flowlogs.exports",
    "network.hops",
    "question.find",
    "report.changes",
}


def test_a_small_file_is_answered_without_heavy_libraries() -> None:
    words = ["rejects", "--flow-logs", str(FIXTURE / "flow.log"), "--snapshot", str(FIXTURE / "snapshot")]
    unneeded = HEAVY | {f"whyblocked.{name}" for name in OURS}
    code = f"import sys; from whyblocked.cli.main import run; run({words}); print({unneeded} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "REJECTED" in done.stdout
    assert done.stdout.splitlines()[-1] == "set()"


def test_the_benchmark_compares_a_small_file_with_the_libraries_that_it_loads() -> None:
    words = ["rejects", "--flow-logs", str(FIXTURE / "flow.log"), "--snapshot", str(FIXTURE / "snapshot")]
    answering = f"from whyblocked.cli.main import run; run({words})"
    assert _libraries(answering) - {"whyblocked"} == _libraries(f"import {NEEDED}")


def _libraries(code: str) -> set[str]:
    """The top-level modules of what is installed besides Python that are loaded after ``code``."""
    installed = "'site-packages' in str(vars(module).get('__file__'))"
    names = f"{{name.partition('.')[0] for name, module in sys.modules.items() if {installed}}}"
    command = [sys.executable, "-c", f"import sys; {code}; print(*{names})"]
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}  # a pipe has no width
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return set(done.stdout.splitlines()[-1].split())
