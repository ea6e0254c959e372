"""Every incident under ``fixtures/`` gets the answer that its ``expected.json`` asks for, here and as a program."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

from tests.builders import question_of
from whyblocked.api import Session, snapshot
from whyblocked.diagnosis.answer import EXIT_STATUS
from whyblocked.diagnosis.evidence import EvidenceRequest
from whyblocked.diagnosis.request import ChangesRequest
from whyblocked.report import json as json_report

Json = dict[str, Any]

FIXTURES = Path(__file__).parents[2] / "fixtures"
INCIDENTS = sorted(path for path in FIXTURES.iterdir() if path.is_dir())
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
AS_PROGRAM = ("00-", "01-", "14-", "16-", "18-", "21-")
OUR_KEYS = {"layer", "leg", "direction", "resource_ids", "code", "interface_id", "subnet_id", "vpc_id", "rule"}

every_incident = pytest.mark.parametrize("folder", INCIDENTS, ids=lambda folder: folder.name)


def question(folder: Path) -> str:
    return (folder / "question.txt").read_text(encoding="utf-8").strip()


def expected(folder: Path) -> Json:
    found: Json = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    return found


def answered(folder: Path) -> Json:
    """The answer as the JSON that programs read."""
    session = Session(snapshot(folder / "snapshot"))
    request = EvidenceRequest(locations=(str(folder / "flow.log"),))
    asked = question_of(question(folder))
    examined = session.examine(asked)
    looking = session.look_for_changes(examined, ChangesRequest(NOW))
    assert looking is not None
    answer = looking.told(session.fix(asked, session.weigh(examined, request, NOW)))
    found: Json = json.loads(json_report.render(answer))
    return found


def what_matters(finding: Json, wanted: Mapping[str, Any]) -> Json:
    """Of a finding, the keys that the incident names; some of them stand deeper in it."""
    rule, packets = finding["rule"] or {}, finding["packets"]
    deeper = {
        "rule_number": rule.get("rule_number"),
        "source": packets["source"],
        "source_ports": packets["source_ports"],
        "near_miss": finding["near_misses"][0]["rule"].get("cidr") if finding["near_misses"] else None,
    }
    return {key: finding[key] if key in OUR_KEYS else deeper[key] for key in wanted}


def check(answer: Json, wanted: Json) -> None:
    """Whether the answer holds all that the incident expects of it."""
    assert answer["verdict"] == wanted["verdict"]
    keys = [*wanted["blocked_by"], *({"layer": ""} for _ in answer["blocked_by"])]
    found = [what_matters(finding, names) for finding, names in zip(answer["blocked_by"], keys, strict=False)]
    assert found == wanted["blocked_by"]
    assert {target["id"]: target["verdict"] for target in answer["targets"]} == wanted.get("targets", {})
    assert {key: answer["evidence"][key] for key in wanted["evidence"]} == wanted["evidence"]
    changes = wanted.get("changes", [])
    found = [{key: change[key] for key in names} for change, names in zip(answer["changes"], changes, strict=True)]
    assert found == changes
    if "open_ports" in wanted:
        assert answer["open_ports"] == wanted["open_ports"]
    first = next(iter(answer["fixes"]), {"commands": [], "then": "allowed"})
    assert first["commands"] == wanted.get("fix", [])
    assert first["then"] == wanted.get("then", "allowed")
    assert answer["no_fix"] == wanted.get("no_fix")
    for kind in ("warnings", "missing"):
        for words in wanted.get(kind, ()):
            assert any(words in text for text in answer[kind]), (words, answer[kind])


@every_incident
def test_the_answer_is_the_expected_one(folder: Path) -> None:
    check(answered(folder), expected(folder))


@pytest.mark.parametrize(
    "folder", [f for f in INCIDENTS if f.name.startswith(AS_PROGRAM)], ids=lambda folder: folder.name
)
def test_the_program_says_the_same(folder: Path) -> None:
    arguments = [question(folder), "--snapshot", str(folder / "snapshot"), "--flow-logs", str(folder / "flow.log")]
    run = subprocess.run(
        [sys.executable, "-m", "whyblocked", *arguments, "--output", "json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    wanted = expected(folder)
    assert run.returncode == EXIT_STATUS[wanted["verdict"]], run.stderr
    check(json.loads(run.stdout), wanted)


def test_nearly_every_blocked_incident_gets_a_fix_and_the_others_say_why_not() -> None:
    found = [expected(folder) for folder in INCIDENTS]
    blocked = [one for one in found if one["verdict"] in ("blocked", "partial")]
    without = [one for one in blocked if "fix" not in one]
    assert len(without) <= 0.05 * len(blocked)
    assert all(one["no_fix"] for one in without)


# -- the folders themselves -----------------------------------------------------------------------------------------


def test_there_are_incidents() -> None:
    assert len(INCIDENTS) >= 14
    assert INCIDENTS[0].name.startswith("00-")  # what the demo shows first


@every_incident
def test_a_folder_is_complete_and_readable(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {
        "README.md",
        "question.txt",
        "snapshot",
        "flow.log",
        "expected.json",
    }
    readme = (folder / "README.md").read_text(encoding="utf-8")
    lines = [line for line in readme.splitlines() if line]
    assert 5 <= len(lines) <= 14
    assert max(map(len, lines)) <= 120
    assert re.search(r"https://docs\.aws\.amazon\.com/\S+\.html", readme)
    assert len(question(folder).splitlines()) == 1


def test_the_index_names_every_incident_and_its_verdict() -> None:
    index = (FIXTURES / "README.md").read_text(encoding="utf-8")
    for folder in INCIDENTS:
        row = next(line for line in index.splitlines() if f"({folder.name}/)" in line)
        assert row.endswith(f"| {expected(folder)['verdict']} |")


@every_incident
def test_no_record_of_an_interface_that_is_not_there(folder: Path) -> None:
    files = (folder / "snapshot").rglob("describe-network-interfaces.json")  # one an account and Region
    shown = [json.loads(path.read_text(encoding="utf-8"))["NetworkInterfaces"] for path in files]
    known = {interface["NetworkInterfaceId"] for interfaces in shown for interface in interfaces}
    named = set(re.findall(r"eni-[0-9a-f]+", (folder / "flow.log").read_text(encoding="utf-8")))
    assert named
    assert named <= known


# -- the shapes of AWS ----------------------------------------------------------------------------------------------

EC2 = ServiceModel(Loader().load_service_model("ec2", "service-2"), "ec2")
OTHERS = [
    ServiceModel(Loader().load_service_model(name, "service-2"), name)
    for name in ("rds", "lambda", "efs", "elbv2", "network-firewall", "cloudtrail")
]
SHAPES = {
    xform_name(name, "-"): service.operation_model(name).output_shape
    for service in (*OTHERS, EC2)
    for name in service.operation_names
}
PLAIN: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "timestamp": (str,),
    "integer": (int,),
    "long": (int,),
    "boolean": (bool,),
    "float": (int, float),
    "double": (int, float),
}


def strange(value: Any, shape: Shape, where: str) -> list[str]:
    """The places at which a response is not of AWS's shape."""
    if isinstance(shape, StructureShape):
        if not isinstance(value, dict):
            return [where]
        unknown = [f"{where}.{key}" for key in value if key not in shape.members]
        known = [(key, item) for key, item in value.items() if key in shape.members]
        return unknown + [s for key, item in known for s in strange(item, shape.members[key], f"{where}.{key}")]
    if isinstance(shape, ListShape):
        if not isinstance(value, list):
            return [where]
        return [s for index, item in enumerate(value) for s in strange(item, shape.member, f"{where}[{index}]")]
    if isinstance(shape, MapShape):
        if not isinstance(value, dict):
            return [where]
        return [s for key, item in value.items() for s in strange(item, shape.value, f"{where}.{key}")]
    fits = isinstance(value, PLAIN[shape.type_name]) and isinstance(value, bool) == (shape.type_name == "boolean")
    return [] if fits else [where]


@every_incident
def test_every_file_of_a_snapshot_has_the_shape_of_its_operation(folder: Path) -> None:
    files = sorted((folder / "snapshot").rglob("*.json"))
    assert files
    for path in files:
        shape = SHAPES[path.stem.partition(".")[0]]
        assert shape is not None
        assert strange(json.loads(path.read_text(encoding="utf-8")), shape, path.stem) == []


def test_what_is_not_of_aws_s_shape_is_noticed() -> None:
    shape = SHAPES["describe-vpcs"]
    assert shape is not None
    wrong = {"Vpcs": [{"VpcId": 1, "Cidr": "10.0.0.0/16", "IsDefault": "no", "Tags": {}}], "Subnets": []}
    assert strange(wrong, shape, "f") == [
        "f.Subnets",
        "f.Vpcs[0].Cidr",
        "f.Vpcs[0].VpcId",
        "f.Vpcs[0].IsDefault",
        "f.Vpcs[0].Tags",
    ]
