"""A snapshot that was put together by hand, in files of any name: each kind of managed resource by each of its names.

``hand_made/`` holds what ``aws rds describe-db-instances`` and its likes print, for one of each in a VPC.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.builders import question_of
from whyblocked.api import Session, snapshot
from whyblocked.diagnosis.answer import Answer
from whyblocked.diagnosis.whois import whois
from whyblocked.errors import EndpointError

FOLDER = Path(__file__).parent / "hand_made"
TASK = "0123456789abcdef0123456789abcdef"

DATABASE, LEDGER, PROXY = "eni-0a000000000000002", "eni-0a000000000000003", "eni-0a00000000000000d"
CACHE, WAREHOUSE, SEARCH = "eni-0a000000000000004", "eni-0a000000000000005", "eni-0a000000000000006"
FILES, BROKER, FUNCTION = "eni-0a000000000000007", "eni-0a000000000000008", "eni-0a000000000000009"
CHECKOUT, HOST, POD = "eni-0a00000000000000a", "eni-0a00000000000000b", "eni-0a00000000000000c"

NAMES = {
    "orders-db": DATABASE,
    "orders-db.c1abcdefghij.eu-west-1.rds.amazonaws.com": DATABASE,
    "[arn:aws:rds:eu-west-1:111122223333:db:orders-db]": DATABASE,
    "ledger": LEDGER,
    "ledger-1": LEDGER,
    "ledger.cluster-c1abcdefghij.eu-west-1.rds.amazonaws.com": LEDGER,
    "ledger.cluster-ro-c1abcdefghij.eu-west-1.rds.amazonaws.com": LEDGER,
    "[arn:aws:rds:eu-west-1:111122223333:cluster:ledger]": LEDGER,
    "orders-proxy": PROXY,
    "orders-proxy.proxy-c1abcdefghij.eu-west-1.rds.amazonaws.com": PROXY,
    "sessions": CACHE,
    "sessions-0001-001": CACHE,
    "master.sessions.abc123.euw1.cache.amazonaws.com": CACHE,
    "sessions-0001-001.sessions.abc123.euw1.cache.amazonaws.com": CACHE,
    "warehouse": WAREHOUSE,
    "warehouse.cabcdefghijk.eu-west-1.redshift.amazonaws.com": WAREHOUSE,
    "logs": SEARCH,
    "vpc-logs-abcdefghijklmnopqrstuvwxyz.eu-west-1.es.amazonaws.com": SEARCH,
    "[arn:aws:es:eu-west-1:111122223333:domain/logs]": SEARCH,
    "home": FILES,
    "fs-0123456789abcdef0": FILES,
    "fs-0123456789abcdef0.efs.eu-west-1.amazonaws.com": FILES,
    "events": BROKER,
    "b-1.events.abc123.c1.kafka.eu-west-1.amazonaws.com": BROKER,
    "[arn:aws:kafka:eu-west-1:111122223333:cluster/events/1111-2222-3333-4444-5]": BROKER,
    "[prod/checkout]": CHECKOUT,
    "checkout": CHECKOUT,
    f"[prod/{TASK}]": CHECKOUT,
    TASK: CHECKOUT,
    f"[arn:aws:ecs:eu-west-1:111122223333:task/prod/{TASK}]": CHECKOUT,
    "[arn:aws:ecs:eu-west-1:111122223333:service/prod/checkout]": CHECKOUT,
    "[prod/legacy]": HOST,
    "legacy": HOST,
    "10.30.65.20": POD,  # an address of the prefix that is delegated to the node
}


def explain(question: str, folder: Path = FOLDER) -> Answer:
    return Session(snapshot(folder)).examine(question_of(question)).answer


@pytest.mark.parametrize(("name", "interface"), NAMES.items())
def test_a_managed_resource_is_reached_by_each_of_its_names(name: str, interface: str) -> None:
    answer = explain(f"app-1 -> {name}:{8080 if interface == POD else 443}")
    assert answer.forward[-1].id == interface
    assert (answer.verdict, answer.missing) == ("allowed", [])


def test_a_function_sends_and_accepts_nothing() -> None:
    assert explain("report -> orders-db:5432").verdict == "allowed"
    codes = [finding.code for finding in explain("app-1 -> report:443").blocked_by]
    assert codes == ["SG_HAS_NO_RULES", "LAMBDA_ACCEPTS_NO_CONNECTIONS"]


def test_a_pod_has_the_groups_of_its_node() -> None:
    (finding,) = explain("10.30.65.20 -> orders-db:5432").blocked_by
    assert (finding.code, finding.interface_id) == ("ENI_SG_RULES_MISMATCH", DATABASE)


@pytest.mark.parametrize(
    ("destination", "says"),
    [
        ("169.254.171.10", "VPC Lattice decides by service"),
        ("10.60.1.5", "the segments of Cloud WAN decide"),
        ("192.168.40.9", "AWS does not show what is behind an Outpost"),
    ],
)
def test_what_no_call_shows_is_named_with_where_to_look(destination: str, says: str) -> None:
    answer = explain(f"app-1 -> {destination}:443")
    assert answer.verdict == "undetermined"
    assert any(says in missing for missing in answer.missing)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("10.30.1.21", f"{DATABASE} of RDS instance orders-db"),
        ("10.30.2.21", f"{LEDGER} of RDS instance ledger-1"),
        ("10.30.1.22", f"{PROXY} of RDS proxy orders-proxy"),
        ("10.30.1.31", f"{CACHE} of ElastiCache cluster sessions-0001-001"),
        ("10.30.1.41", f"{WAREHOUSE} of Redshift cluster warehouse"),
        ("10.30.1.51", f"{SEARCH} of OpenSearch domain logs"),
        ("10.30.1.61", f"{FILES} of EFS file system fs-0123456789abcdef0"),
        ("10.30.1.71", f"{BROKER} of MSK cluster events"),
        ("10.30.1.81", f"{FUNCTION} of Lambda function report"),
        ("10.30.1.91", f"{CHECKOUT} of ECS task prod/{TASK}"),
        ("10.30.2.80", f"{HOST} of i-0b000000000000002 (ecs-host, running)"),
        ("10.30.65.20", f"{POD} of i-0c000000000000003 (eks-node, running)"),
        ("ledger", f"{LEDGER} of RDS instance ledger-1"),
        ("checkout", f"{CHECKOUT} of ECS task prod/{TASK}"),
        ("prod/legacy", f"{HOST} of i-0b000000000000002 (ecs-host, running)"),
        ("b-1.events.abc123.c1.kafka.eu-west-1.amazonaws.com", f"{BROKER} of MSK cluster events"),
    ],
)
def test_whois_tells_the_owner(asked: str, says: str) -> None:
    assert whois(snapshot(FOLDER), asked).summary == f"{asked} is {says}."


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("10.30.1.1", "10.30.1.1 is the VPC router of subnet-0a0a0a0a0a0a0a0a1, reserved by AWS."),
        ("10.30.0.2", "10.30.0.2 is the Amazon DNS server of vpc-0aaa1111bbbb22223, reserved by AWS."),
        ("10.30.1.200", "it is free in subnet-0a0a0a0a0a0a0a0a1"),
        ("10.30.200.1", "but in none of its subnets"),
        ("169.254.169.254", "the instance metadata service, which every VPC has"),
        ("s3", "s3 is a service of AWS's"),
        ("10.99.0.1", "is not in this account"),
    ],
)
def test_whois_tells_what_nobody_has(asked: str, says: str) -> None:
    assert says in whois(snapshot(FOLDER), asked).summary


def test_whois_of_what_has_no_address_says_what_to_name() -> None:
    with pytest.raises(EndpointError, match="is a VPC: name an address, an interface, an instance or a name"):
        whois(snapshot(FOLDER), "vpc-0aaa1111bbbb22223")


def test_the_answers_of_calls_about_one_resource_serve_as_well(tmp_path: Path) -> None:
    """``opensearch describe-domain``, ``lambda get-function-configuration``, ``kafka list-clusters`` of old."""
    folder = tmp_path / "snapshot"
    shutil.copytree(FOLDER, folder)
    domain = json.loads((folder / "opensearch.json").read_text())["DomainStatusList"][0]
    (folder / "opensearch.json").write_text(json.dumps({"DomainStatus": domain}))
    function = json.loads((folder / "lambda.json").read_text())["Functions"][0]
    (folder / "lambda.json").write_text(json.dumps(function))
    cluster = json.loads((folder / "msk.json").read_text())["ClusterInfoList"][0]
    flat = {**cluster, **cluster.pop("Provisioned")}
    (folder / "msk.json").write_text(json.dumps({"ClusterInfoList": [flat]}))
    for question in ("app-1 -> logs:443", "report -> logs:443", "app-1 -> events:9094"):
        assert explain(question, folder).verdict == "allowed", question


def test_without_its_interfaces_a_resource_is_taken_as_a_host_in_its_subnets(tmp_path: Path) -> None:
    folder = tmp_path / "snapshot"
    shutil.copytree(FOLDER, folder)
    rows = json.loads((folder / "enis.json").read_text())["NetworkInterfaces"]
    hosts = [row for row in rows if "InstanceId" in row.get("Attachment", {})]
    (folder / "enis.json").write_text(json.dumps({"NetworkInterfaces": hosts}))
    (folder / "list-nodes.events.json").unlink()
    for name in ("orders-db", "ledger", "orders-proxy", "sessions", "logs", "events"):
        answer = explain(f"app-1 -> {name}:443", folder)
        assert answer.verdict == "allowed", name
        assert any("taken as a host there" in warning for warning in answer.warnings), name
    assert explain("app-1 -> [prod/checkout]:8080", folder).verdict == "undetermined"
