"""What every test may ask for: clean surroundings, moto in process, moto as a server."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.moto_server import Overlay

os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")  # a second a process

settings.register_profile("ci", derandomize=True, deadline=None)
settings.load_profile("ci")


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No AWS settings and no names of whoever runs the tests, no instance metadata, no colours by surprise."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
            monkeypatch.delenv(name)
    home = tmp_path_factory.getbasetemp() / "no-aws-config"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(home))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(home))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr("whyblocked.config.dns.look_up", lambda _host: ())  # no test asks the network


@functools.cache
def _read_service_models_once() -> None:
    """Clients are made anew for each test; what they are made from need not be read from disk each time."""
    from botocore.loaders import JSONFileLoader

    load_file = JSONFileLoader.load_file
    known: dict[str, object] = {}

    def load_file_once(self: JSONFileLoader, path: str) -> object:
        if path not in known:
            known[path] = load_file(self, path)
        return known[path]

    JSONFileLoader.load_file = load_file_once  # type: ignore[method-assign, assignment]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """moto in this process, mended, in us-east-1."""
    from moto import mock_aws

    from tests import moto_fixups

    moto_fixups.mend()
    _read_service_models_once()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        yield


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every list comes in pages of five."""
    from tests import moto_fixups

    monkeypatch.setattr(moto_fixups, "page_size", 5)


@pytest.fixture(scope="session")
def _server() -> Iterator[Overlay]:
    from tests import moto_fixups
    from tests.moto_server import running

    moto_fixups.mend()
    _read_service_models_once()
    with running() as overlay:
        yield overlay


@pytest.fixture
def moto_server(_server: Overlay) -> Iterator[Overlay]:
    """moto as a server for programs run as subprocesses; empty at the start. Not together with ``aws``."""
    _server.reset()
    yield _server
    _server.reset()
