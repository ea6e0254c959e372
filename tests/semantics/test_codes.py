"""The page of codes is complete."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = re.compile(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`")
PROTOCOLS = {"TCP_UDP", "TCP_QUIC"}  # of listeners, which are no codes
IN_SOURCE = re.compile(r'"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"')


def test_every_code_that_a_finding_has_is_documented() -> None:
    documented = set(CODE.findall((ROOT / "docs" / "codes.md").read_text(encoding="utf-8")))
    told = [ROOT / "src/whyblocked/diagnosis" / name for name in ("causes.py", "host/telling.py")]
    paths = [*(ROOT / "src/whyblocked/network").rglob("*.py"), *told]
    sources = [path.read_text(encoding="utf-8") for path in paths]
    given = {code for text in sources for code in IN_SOURCE.findall(text)} - PROTOCOLS
    assert given - documented == set()
    assert {code for code in documented - given if not code.startswith("IGW_")} == set()
