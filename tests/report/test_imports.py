"""What a renderer costs at the start: only the modules it needs."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("json", ["rich", "networkx", "boto3"]),
        ("markdown", ["rich", "networkx", "boto3"]),
        ("html", ["rich", "networkx", "boto3"]),
        ("check", ["rich", "networkx", "boto3"]),
        (
            "text",
            ["networkx", "boto3", "rich.markdown", "rich.traceback", "rich.progress", "rich.table", "rich.syntax"],
        ),
    ],
)
def test_what_a_renderer_does_not_import(module: str, absent: list[str]) -> None:
    code = f"import sys, whyblocked.report.{module}; print(sorted({absent!r} & sys.modules.keys()))".replace(
        repr(absent), f"set({absent!r})"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
