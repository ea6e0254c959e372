"""The company of :mod:`tests.live.company`: in this process, or behind a server that programs ask."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.programs import in_process
from tests.flowlogs import buckets
from tests.flowlogs.buckets import Store
from tests.live import accounts
from tests.live import company as companies
from tests.live.accounts import World
from tests.live.asking import Ask, Asked
from tests.live.company import Company
from tests.moto_server import Overlay

_PLAIN = ("--output", "json", "--no-flow-logs", "--no-changes")
_KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture(scope="module")
def _in_process() -> Iterator[Company]:
    from moto import mock_aws

    from tests import moto_fixups

    moto_fixups.mend()
    with mock_aws():
        yield companies.build()


@pytest.fixture
def company(_in_process: Company, monkeypatch: pytest.MonkeyPatch) -> Company:
    """The company in this process; the tests of a module share it, so none of them changes it for good."""
    for name, value in _KEYS.items():
        monkeypatch.setenv(name, value)
    return _in_process


@pytest.fixture(scope="module")
def _served(_server: Overlay) -> Iterator[Company]:
    _server.reset()
    keys: Any = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    yield companies.build(endpoint_url=_server.url, **keys)
    _server.reset()


@pytest.fixture
def server(_server: Overlay, _served: Company) -> Iterator[Overlay]:
    """The server that :func:`served` is behind, with no rules and an empty log."""
    _server.rules.clear()
    _server.log.clear()
    yield _server
    _server.rules.clear()


@pytest.fixture
def served(_served: Company) -> Company:
    """The company behind a server; the tests of a module share it, so none of them changes it for good."""
    return _served


@pytest.fixture(scope="module")
def _world() -> Iterator[World]:
    from moto import mock_aws

    from tests import moto_fixups

    moto_fixups.mend()
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name, value in _KEYS.items():
            patch.setenv(name, value)
        yield accounts.build()


@pytest.fixture
def world(_world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The three accounts of :mod:`tests.live.accounts`, in this process; the tests of a module share them."""
    for name, value in _KEYS.items():
        monkeypatch.setenv(name, value)
    return _world


@pytest.fixture
def store(server: Overlay, served: Company) -> Iterator[Store]:
    """A bucket of that account, emptied and deleted in the end."""
    found = buckets.store(endpoint_url=server.url, aws_access_key_id="testing", aws_secret_access_key="testing")
    yield found
    server.rules.clear()
    for page in found.s3.get_paginator("list_objects_v2").paginate(Bucket=buckets.BUCKET):
        for one in page.get("Contents", ()):
            found.s3.delete_object(Bucket=buckets.BUCKET, Key=one["Key"])
    found.s3.delete_bucket(Bucket=buckets.BUCKET)


@pytest.fixture
def now() -> int:
    """The time as records have it."""
    return int(time.time())


@pytest.fixture
def ask(server: Overlay, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Ask the account behind the server by the command line, which takes a fifth of the time of a program."""

    def asked(question: str, *options: str, **variables: str) -> Asked:
        with monkeypatch.context() as patch:
            for name, value in {**server.environment(), **variables}.items():
                patch.setenv(name, value)
            result = in_process(capsys, question, *_PLAIN, *options)
        return Asked(*result)

    return asked
