"""`whyblocked rejects` on the incidents: each rejected group with its cause, as JSON and by exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

FIXTURES = Path(__file__).parents[2] / "fixtures"
INCIDENTS = sorted(folder.name for folder in FIXTURES.iterdir() if (folder / "flow.log").is_file())
STATUSES = {"explained", "now-allowed", "unexplained", "unknown-interface"}


@cache
def rejects(name: str) -> tuple[int, dict[str, Any]]:
    """Exit status and JSON of one incident."""
    folder = FIXTURES / name
    words = ["rejects", "--flow-logs", str(folder / "flow.log"), "--snapshot", str(folder / "snapshot")]
    done = subprocess.run(
        [sys.executable, "-m", "whyblocked", *words, "--output", "json"], capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("name", INCIDENTS)
def test_every_rejected_record_is_in_a_group_and_counted_once(name: str) -> None:
    status, answer = rejects(name)
    scanned, groups = answer["scanned"], answer["groups"]
    kinds = ("accepted", "rejected", "no_data", "skipped_data", "malformed")
    assert scanned["records"] == sum(scanned[kind] for kind in kinds)
    assert sum(group["records"] for group in groups) == scanned["rejected"]
    assert {group["status"] for group in groups} <= STATUSES
    assert status == (1 if groups else 0)


def test_the_new_office_is_refused_by_the_groups_of_the_web_server() -> None:
    _, answer = rejects("00-new-office-address")
    office = next(group for group in answer["groups"] if group["source"] == "203.0.113.5")
    assert (office["status"], office["cause"]["layer"]) == ("explained", "security-group")
    assert (office["destination"], office["destination_port"], office["protocol"]) == ("10.20.0.21", 22, "tcp")


def blamed(finding: dict[str, Any]) -> tuple[object, ...]:
    number = finding.get("rule_number") or (finding.get("rule") or {}).get("rule_number")
    keys = ("layer", "leg", "direction", "code")
    return *(finding[key] for key in keys), tuple(finding["resource_ids"]), number


def seen_in_records(name: str) -> bool:
    """Whether the incident's records hold rejects of its own question."""
    expected = json.loads((FIXTURES / name / "expected.json").read_text(encoding="utf-8"))
    evidence = expected.get("evidence", {})
    return bool(expected["blocked_by"] and evidence.get("rejected")) and evidence.get("status") == "confirms"


@pytest.mark.parametrize("name", [name for name in INCIDENTS if seen_in_records(name)])
def test_the_cause_of_an_incident_is_the_cause_of_its_rejected_records(name: str) -> None:
    expected = json.loads((FIXTURES / name / "expected.json").read_text(encoding="utf-8"))["blocked_by"]
    layers = ("security-group", "network-acl", "block-public-access")
    first = next(finding for finding in expected if finding["layer"] in layers)
    _, answer = rejects(name)
    assert blamed(first) in {blamed(group["cause"]) for group in answer["groups"] if group["cause"]}
