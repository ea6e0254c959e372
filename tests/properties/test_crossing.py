"""The product's answers beside an independent evaluation, packet by packet, of networks with every component."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from tests.oracle.crossing.scenes import SCENES
from tests.properties.asking import SOAK
from tests.properties.crossing import compare, written

CASES = {
    "transit": 120,
    "vpn": 150,
    "nat": 100,
    "endpoint": 100,
    "firewall": 100,
    "inspection": 70,
    "balancer": 90,
    "mixed": 60,
}


@pytest.mark.parametrize("name", SCENES)
def test_a_step_away_from_working(name: str) -> None:
    met: Counter[tuple[str, str]] = Counter()
    for seed in range(CASES[name] * SOAK):
        account, question = SCENES[name](Random(f"{name}{seed}"))
        found = compare(account, question)
        if found.difference:
            lines = (
                f"{name} {seed}: the reference says {found.verdict}",
                *found.difference,
                written(account, question),
            )
            pytest.fail("\n".join(lines), pytrace=False)
        met[found.kind, found.verdict] += 1
    # The comparison is worth what it meets.
    assert met["verdict", "allowed"] >= CASES[name] // 15
    assert met["blockers", "blocked"] >= CASES[name] // 8
    assert sum(count for (kind, _), count in met.items() if kind == "skipped") <= CASES[name] * SOAK // 2
