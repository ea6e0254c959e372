"""What a transit gateway's own records say it lost stands among the rejected flows, explained by the gateway."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.programs import in_process
from tests.flowlogs.cases import TRANSIT_HEADER, transit
from tests.flowlogs.test_records import ACCEPTED, HEADER

SNAPSHOT = str(Path(__file__).parents[2] / "fixtures" / "00-new-office-address" / "snapshot")
KINDS = {
    "no_route": ("TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT", "for want of a route"),
    "blackhole": ("TGW_RTB_BAD_STATE_ROUTE", "in a blackhole route"),
    "mtu_exceeded": ("TGW_MTU_EXCEEDED", "for their size"),
    "ttl_expired": ("TGW_TTL_EXPIRED", "for their age (time to live)"),
}


def rejects(capsys: pytest.CaptureFixture[str], folder: Path, *lines: str, output: str = "json") -> str:
    path = folder / "tgw.log"
    path.write_text("\n".join(lines))
    found = in_process(capsys, "rejects", "--flow-logs", str(path), "--snapshot", SNAPSHOT, "--output", output)
    assert (found.status, found.err) == (1, "")
    return found.out


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_loss_has_its_finding(capsys: pytest.CaptureFixture[str], tmp_path: Path, kind: str) -> None:
    code, why = KINDS[kind]
    loss = transit(**{f"packets_lost_{kind}": 7}, flow_direction="ingress", packets=90, bytes=900)
    found: dict[str, Any] = json.loads(rejects(capsys, tmp_path, TRANSIT_HEADER, loss, transit()))
    assert (found["scanned"]["accepted"], found["scanned"]["rejected"], found["scanned"]["records"]) == (1, 1, 2)
    (group,) = found["groups"]
    assert (group["status"], group["direction"], group["interface_id"]) == ("explained", "ingress", "tgw-attach-1")
    assert (group["records"], group["packets"], group["bytes"]) == (1, 7, 0)
    cause = group["cause"]
    assert (cause["layer"], cause["code"], cause["rule"]) == ("transit-gateway", code, None)
    assert (cause["resource_ids"], cause["interface_id"]) == (["tgw-attach-1"], None)
    assert cause["summary"] == f"A transit gateway lost these packets {why} at tgw-attach-1."
    assert cause["packets"]["destination"] == "10.1.0.1/32"
    assert cause["next_step"]


def test_they_are_a_section_of_the_report_by_kind(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    losses = [
        transit(tgw_attachment_id=f"tgw-attach-{n}", packets_lost_no_route=n, packets_lost_blackhole=9) for n in (1, 2)
    ]
    text = rejects(capsys, tmp_path, HEADER, ACCEPTED, *losses, output="text")
    assert "Lost by a transit gateway  4 flows, 21 packets" in text
    assert "A transit gateway lost these packets in a blackhole route\n" in text
    assert "A transit gateway lost these packets for want of a route\n" in text
    assert "10.0.0.1 -> 10.1.0.1 tcp/2, 2 packets, at tgw-attach-2" in text


def test_an_attachment_or_address_that_is_not_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    loss = transit(tgw_attachment_id="-", tgw_id="-", dstaddr="-", packets_lost_no_route=1)
    (group,) = json.loads(rejects(capsys, tmp_path, TRANSIT_HEADER, loss))["groups"]
    assert (group["interface_id"], group["cause"]["resource_ids"]) == ("-", [])
    assert group["cause"]["summary"] == "A transit gateway lost these packets for want of a route."
    assert group["cause"]["next_step"].startswith("Give their destination a route in the transit gateway route table")
