"""Large flow logs are read in another way, as columns of other widths: the rules say the same of them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.benchmarks import records
from tests.benchmarks.accounts import Account
from whyblocked import api
from whyblocked.diagnosis import judging
from whyblocked.diagnosis.rejects import By, RejectsRequest
from whyblocked.diagnosis.summing import add_up
from whyblocked.flowlogs import gathering
from whyblocked.report import json

WAYS: tuple[By, ...] = ("rule", "source", "destination", "interface", "port")


@pytest.fixture(scope="module")
def account() -> Account:
    return records.account()


@pytest.mark.parametrize("parquet", [False, True])
def test_the_answer_is_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, account: Account, parquet: bool
) -> None:
    session = api.Session(api.snapshot(account.write(tmp_path / "account")))
    logs = records.Kind(5_000, parquet).write(tmp_path)
    request = RejectsRequest(locations=(str(logs),), top=0)
    found = []
    for large in (1 << 60, 0):
        monkeypatch.setattr(gathering, "LARGE", large)
        answer = session.rejects(request, datetime.now(UTC))
        found.append((json.render_rejects(answer), [add_up(answer, by) for by in WAYS]))
    assert found[0] == found[1]
    monkeypatch.setattr(judging, "_AT_ONCE", 100)
    assert json.render_rejects(session.rejects(request, datetime.now(UTC))) == found[0][0]
    assert found[0][0].count('"explained"') > 300
