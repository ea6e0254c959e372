"""``snapshot save``, and the same question on the live account and on what was saved of it."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.live.asking import Ask, run
from tests.live.company import Company
from tests.moto_server import Overlay

QUESTIONS = [
    "203.0.113.5 -> i-abc:22",
    "192.0.2.77 -> {web}:22",
    "internet -> web-1",
    "203.0.113.5 -> kiosk:443",
    "app -> internet:443",
    "web-1 -> app:8080",
    "app -> batch:22",
    "app -> database:5432",
    "10.0.1.99 -> app:22",
    "10.0.1.10 -> 10.0.2.20:22/udp",
    "203.0.113.0/24 -> 10.0.1.0/24:22",
    "{app_ipv6} -> [2001:db8::5]:443",
    "8.8.8.8 -> 198.51.100.200:443",  # the NAT gateway's address
    "app -> 10.0.1.200:443",
    "app -> 198.51.100.0/24:443",  # other addresses of the account's are in it
    "2001:db8::5 -> web-1:443",
]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("saved") / "deep" / "snap"


@pytest.fixture
def folder(server: Overlay, served: Company, saved: Path) -> Path:
    """A snapshot that the program saved, once for all tests."""
    if not saved.exists():
        done = run(server, "snapshot", "save", str(saved))
        assert (done.status, done.err) == (0, "")
        assert str(saved / "123456789012" / "us-east-1") in done.out
        server.log.clear()
    return saved


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_snapshot_answers_as_the_live_account(
    server: Overlay, ask: Ask, served: Company, folder: Path, question: str
) -> None:
    def without_evidence(answer: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in answer.items() if key not in ("evidence", "warnings")}

    live = ask(served.fill(question))
    server.log.clear()
    snapshot = ask(served.fill(question), "--snapshot", str(folder))
    assert server.log == []
    assert without_evidence(snapshot.answer) == without_evidence(live.answer)
    assert (snapshot.status, snapshot.err) == (live.status, "")


def test_a_snapshot_needs_no_aws_settings(server: Overlay, served: Company, folder: Path) -> None:
    nothing = tuple(server.environment())
    asked = run(server, "203.0.113.5 -> i-abc:22", "--snapshot", str(folder), "--output", "json", without=nothing)
    assert (asked.status, asked.verdict) == (0, "allowed")


def test_what_is_not_in_the_snapshot_says_so(ask: Ask, served: Company, folder: Path) -> None:
    asked = ask("203.0.113.5 -> i-f00:22", "--snapshot", str(folder))
    assert (asked.status, asked.out) == (2, "")
    assert "no instance i-f00 in the snapshot (it holds us-east-1)" in asked.err


def test_only_the_owner_may_read_a_snapshot(folder: Path) -> None:
    assert {stat.S_IMODE(path.stat().st_mode) for path in files(folder)} == {0o600}
    folders = [folder.parent, folder, *(path for path in folder.rglob("*") if path.is_dir())]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}


def test_user_data_is_in_no_file(served: Company, folder: Path) -> None:
    attribute = served.ec2.describe_instance_attribute(InstanceId=served.ids["web"], Attribute="userData")
    secret = attribute["UserData"]["Value"]
    assert b"hunter2" in base64.b64decode(secret)
    texts = [path.read_text() for path in files(folder)]
    assert texts
    assert not any(word in text for text in texts for word in ("hunter2", secret, "UserData"))


def test_saving_again_replaces_what_changed_and_nothing_else(
    server: Overlay, served: Company, folder: Path, tmp_path: Path
) -> None:
    where = tmp_path / "twice"
    assert run(server, "snapshot", "save", str(where)).status == 0
    first = {path.relative_to(where): path.read_text() for path in files(where)}
    served.ec2.create_tags(Resources=[served.vpc], Tags=[{"Key": "Name", "Value": "renamed"}])
    try:
        assert run(server, "snapshot", "save", str(where)).status == 0
    finally:
        served.ec2.delete_tags(Resources=[served.vpc], Tags=[{"Key": "Name"}])
    second = {path.relative_to(where): path.read_text() for path in files(where)}
    assert set(second) == set(first)
    assert [name.name for name in first if first[name] != second[name]] == ["describe-vpcs.json"]
    assert all(json.loads(text) for text in second.values())


def test_what_may_not_be_saved_is_told_on_standard_error(server: Overlay, served: Company, tmp_path: Path) -> None:
    server.refuse("DescribeNetworkAcls", "UnauthorizedOperation")
    done = run(server, "snapshot", "save", str(tmp_path / "part"))
    assert (done.status, done.err) == (0, "whyblocked: skipped ec2:DescribeNetworkAcls: AccessDenied\n")
    open_question = ("203.0.113.5 -> i-abc:22", "--snapshot", str(tmp_path / "part"), "--output", "json")
    asked = run(server, *open_question)
    assert asked.status == 3
    assert asked.answer["missing"] == ["ec2:DescribeNetworkAcls: not in the snapshot"]


def test_nothing_is_left_of_a_save_that_failed(server: Overlay, served: Company, tmp_path: Path) -> None:
    server.refuse("DescribeRouteTables", "ExpiredToken")
    done = run(server, "snapshot", "save", str(tmp_path / "failed"))
    assert (done.status, done.out) == (4, "")
    assert not (tmp_path / "failed").exists()
