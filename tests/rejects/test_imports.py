"""What a small file costs at the start: no library that only large ones need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FIXTURE = Path(__file__).parents[2] / "fixtures" / "00-new-office-address"
HEAVY = {"boto3", "duckdb", "isal", "networkx", "numpy.ma", "pyarrow", "rich.console"}
OURS = {
    "config.managed",
    "diagnosis.changes",
    "flowlogs.configured",
    "flowlogs.exports",
    "network.hops",
    "question.find",
}


def test_a_small_file_is_answered_without_heavy_libraries() -> None:
    words = ["rejects", "--flow-logs", str(FIXTURE / "flow.log"), "--snapshot", str(FIXTURE / "snapshot")]
    unneeded = HEAVY | {f"whyblocked.{name}" for name in OURS}
    code = f"import sys; from whyblocked.cli.main import run; run({words}); print({unneeded} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "REJECTED" in done.stdout
    assert done.stdout.splitlines()[-1] == "set()"
