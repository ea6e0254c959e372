"""Large flow logs are read in another way, as columns of other widths: the rules say the same of them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.benchmarks import records
from tests.benchmarks.accounts import Account
from whyblocked import api
from whyblocked.diagnosis import evidence, judging, summing
from whyblocked.diagnosis.evidence import EvidenceRequest
from whyblocked.diagnosis.rejects import By, RejectsRequest
from whyblocked.diagnosis.summing import add_up
from whyblocked.flowlogs import gathering
from whyblocked.question.grammar import parse
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
    for module, name, size in ((judging, "_AT_ONCE", 100), (summing, "_AT_ONCE", 50), (summing, "_MARKS", 0)):
        monkeypatch.setattr(module, name, size)  # as if there were many times more
    answer = session.rejects(request, datetime.now(UTC))
    assert (json.render_rejects(answer), [add_up(answer, by) for by in WAYS]) == found[0]
    assert found[0][0].count('"explained"') > 300


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("parquet", [False, True])
def test_objects_of_s3_are_read_as_files_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, account: Account, parquet: bool
) -> None:
    session = api.Session(api.snapshot(account.write(tmp_path / "account")))
    logs = records.Kind(5_000, parquet).write(tmp_path)
    s3: Any = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="flow-records")
    for n, path in enumerate(sorted(path for path in logs.rglob("*") if path.is_file())):
        for copy in range(3):  # more objects than are on the disk at a time
            s3.upload_file(str(path), "flow-records", f"mine/{n}/{copy}/{path.name}")
    found = []
    for locations, large in (
        (("s3://flow-records/mine",), 1 << 60),
        (("s3://flow-records/mine",), 0),
        ((str(logs),), 0),
    ):
        monkeypatch.setattr(gathering, "LARGE", large)
        since = datetime(2000, 1, 1, tzinfo=UTC)  # of objects whose names tell a time, else the last hour
        request = RejectsRequest(locations=locations, top=0, since=since, client=lambda *_: s3)
        found.append(session.rejects(request, datetime.now(UTC)))
    slow, fast, once = found
    assert json.render_rejects(fast) == json.render_rejects(slow)
    assert fast.scanned == {name: 3 * count for name, count in once.scanned.items()}
    assert [group.packets for group in fast.table] == [3 * group.packets for group in once.table]


@pytest.mark.parametrize("parquet", [False, True])
def test_a_question_weighs_the_same_records(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, account: Account, parquet: bool
) -> None:
    session = api.Session(api.snapshot(account.write(tmp_path / "account")))
    logs = records.Kind(20_000, parquet).write(tmp_path)
    seen = 0
    for interface in account.interfaces[:6]:
        examined = session.examine(parse(f"internet -> {interface['NetworkInterfaceId']}"))
        found = []
        for large in (1 << 60, 0):
            monkeypatch.setattr(evidence, "LARGE", large)
            request = EvidenceRequest(locations=(str(logs),))
            found.append(session.weigh(examined, request, datetime.now(UTC)).evidence)
        assert found[0] == found[1]
        seen += found[0].records
    assert seen, "some of the records are of these questions"
