"""A live account compared with a snapshot of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.live.asking import run
from tests.live.company import Company, permission
from tests.live.test_stories import allowing
from tests.moto_server import Overlay

SHUT = "192.0.2.77 -> i-abc:22"


@pytest.fixture(name="saved")
def _saved(server: Overlay, served: Company, tmp_path: Path) -> Path:
    assert run(server, "snapshot", "save", str(tmp_path / "saved")).status == 0
    return tmp_path / "saved"


def test_an_account_has_no_difference_from_what_was_just_saved(server: Overlay, served: Company, saved: Path) -> None:
    found = run(server, "diff", str(saved), "live", SHUT)
    assert (found.status, found.err) == (0, "")
    assert found.out.startswith(f"NO DIFFERENCE  {saved} -> live\n")
    assert "blocked, as before" in found.out


def test_what_changed_since_it_was_saved_and_what_that_did(server: Overlay, served: Company, saved: Path) -> None:
    with allowing(served, served.web_group, permission("tcp", 22, cidr="192.0.2.0/24")):
        found = run(server, "diff", str(saved), "live", SHUT, "--output", "json")
        back = run(server, "diff", "live", str(saved), SHUT, "--output", "json")
    document: Any = json.loads(found.out)
    assert (found.status, found.err) == (1, "")
    (change,) = document["changes"]
    assert change["summary"].startswith(
        f"security group {served.web_group} (web): new: ingress tcp/22 from 192.0.2.0/24"
    )
    assert (change["account_id"], change["region"]) == ("123456789012", "us-east-1")
    (answer,) = document["answers"]
    assert (answer["before"]["verdict"], answer["after"]["verdict"]) == ("blocked", "allowed")
    assert answer["because"] == [[1]]
    assert json.loads(back.out)["changes"][0]["change"] == "removed"


def test_what_could_not_be_read_is_told_and_not_compared(server: Overlay, served: Company, saved: Path) -> None:
    server.refuse("DescribeVpnGateways", "UnauthorizedOperation")
    found = run(server, "diff", str(saved), "live")
    assert found.status == 0
    assert found.err == "whyblocked: skipped ec2:DescribeVpnGateways: AccessDenied\n"
    assert f"VpnGateways: only in {saved}" in " ".join(found.out.split())


def test_credentials_that_fail_end_it(server: Overlay, served: Company, saved: Path) -> None:
    server.refuse("DescribeVpcs", "ExpiredToken")
    found = run(server, "diff", str(saved), "live")
    assert (found.status, found.out) == (4, "")
    assert "sign in again" in found.err
