"""The report of rejected flows, for people and for programs."""

from __future__ import annotations

import csv
import io
import json as stdlib_json
import unicodedata
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from markdown_it import MarkdownIt

from tests.builders import OUT, Network, tcp
from tests.rejects.company import OFFICE, company, morning
from tests.rejects.telling import record, rejects
from tests.report import goldens
from tests.report.test_hostile import texts
from whyblocked.diagnosis.rejects import By, Rejects
from whyblocked.report import json, rejects_csv, rejects_markdown, schema
from whyblocked.report import rejects as text
from whyblocked.report.console import build_console

SCHEMA = Path(__file__).parents[2] / "docs" / "rejects.schema.json"


def report(found: Rejects, by: By = "rule", width: int = 80, *, color: bool = False) -> str:
    stream = io.StringIO()
    text.render(found, by, build_console(stream, color, width))
    return stream.getvalue()


@pytest.fixture(scope="module", name="found")
def _found() -> Rejects:
    return rejects(company(), morning())


def test_the_report_by_rule(found: Rejects) -> None:
    goldens.check("rejects.80.txt", report(found))


def test_the_report_in_colour(found: Rejects) -> None:
    goldens.check("rejects.color.txt", report(found, color=True))


@pytest.mark.parametrize("by", ["source", "destination", "interface", "port"])
def test_the_report_by_what_was_asked(by: By) -> None:
    goldens.check(f"rejects.{by}.txt", report(rejects(company(), morning(), top=6), by))


def test_the_report_as_markdown() -> None:
    found = rejects_markdown.render(rejects(company(), morning(), top=5), "rule")
    MarkdownIt().parse(found)
    goldens.check("rejects.md", found)


def test_the_report_as_csv() -> None:
    found = rejects_csv.render(rejects(company(), morning(), top=8))
    assert {len(row) for row in csv.reader(io.StringIO(found))} == {21}
    goldens.check("rejects.csv", found)


def test_the_report_as_json() -> None:
    goldens.check("rejects.json", json.render_rejects(rejects(company(), morning(), top=3)))


def test_no_good_end_is_told_where_nothing_was_read() -> None:
    assert report(rejects(company(), ["half a line"])).startswith(
        "· NO RECORD WAS READ  1 record in 1 file: 1 malformed"
    )
    assert report(rejects(company(), [])).startswith("· NO RECORD WAS READ  0 records")


def test_nothing_rejected_is_said_in_one_line() -> None:
    accepted = record("eni-web1", f"{OFFICE} 40000 -> 10.0.1.10 443", accepted=True)
    assert report(rejects(company(), [accepted])) == "✓ NOTHING WAS REJECTED  1 record in 1 file: 1 accepted\n"


def test_no_line_of_prose_is_longer_than_the_terminal(found: Rejects) -> None:
    for by in ("rule", "source", "destination", "interface", "port"):
        lines = report(found, by).splitlines()
        assert max(len(line) for line in lines if not line.startswith("      aws ")) <= 80


# -- what stands where ----------------------------------------------------------------------------------------------


def test_traffic_between_own_addresses_comes_first_however_small_and_noise_last() -> None:
    lines = [record("eni-web1", f"{OFFICE} 40000 -> 10.0.1.10 22", packets=900)]
    lines.append(record("eni-orders", "10.0.1.30 41000 -> 10.0.2.20 5432", packets=1))
    shown = report(rejects(company(), [*lines, *morning()]))
    order = ["Between your own addresses", "To and from the internet", "Allowed by today's rules"]
    order += ["At interfaces that are not in the configuration", "Internet scanners", "Late packets"]
    assert [shown.index(title) for title in order] == sorted(shown.index(title) for title in order)


def test_strangers_with_a_packet_each_are_folded_and_one_who_tries_again_is_not() -> None:
    strangers = [
        record("eni-web1", f"198.18.0.{number} 50000 -> 10.0.1.10 22", packets=1, flags=2) for number in range(1, 13)
    ]
    person = record("eni-web1", f"{OFFICE} 40000 -> 10.0.1.10 22", packets=6, flags=2)
    shown = report(rejects(company(), [*strangers, person]))
    internet, scanners = shown.split("Internet scanners")
    assert OFFICE in internet
    assert "12 sources -> 1 port of 1 destination" in scanners
    assert OFFICE not in scanners


def test_one_who_tries_many_ports_is_a_scanner_whatever_it_sends() -> None:
    tried = [record("eni-web1", f"{OFFICE} 50000 -> 10.0.1.10 {port}", packets=9, flags=2) for port in range(1, 11)]
    assert "1 source -> 10 ports of 1 destination" in report(rejects(company(), tried)).split("Internet scanners")[1]


def test_a_few_strangers_are_no_scan() -> None:
    few = [record("eni-web1", f"198.18.0.{number} 50000 -> 10.0.1.10 22", packets=1, flags=2) for number in range(1, 5)]
    assert "Internet scanners" not in report(rejects(company(), few))


def test_owners_are_named_by_tag_or_by_what_the_service_says_of_them(found: Rejects) -> None:
    shown = " ".join(report(found).split())
    assert "10.0.1.30 (worker) -> 10.0.2.20 (orders)" in shown
    assert "10.0.1.40 (Application Load Balancer shop)" in shown
    assert "10.0.3.99 (NAT gateway nat-1)" in shown


def test_a_public_address_of_the_account_is_its_own() -> None:
    net = company()
    comes = record("eni-web1", "198.51.100.99 40000 -> 10.0.1.10 22", flags=2)  # from the NAT gateway, by the internet
    shown = report(rejects(net, [comes]))
    assert "Between your own addresses" in shown
    assert "198.51.100.99 (NAT gateway nat-1)" in " ".join(shown.split())


def test_a_rule_for_replies_is_one_for_all_ports_of_clients(found: Rejects) -> None:
    shown = " ".join(report(found).split())
    assert "allows tcp/1024-65535 to 10.0.1.10/32" in shown
    assert "--port-range From=1024,To=65535" in shown


def test_what_is_not_explained_says_why() -> None:
    flows = [
        record("eni-web1", f"{OFFICE} 40000 -> 10.0.1.10 22", reason="XYZ"),
        record("eni-web1", "10.7.7.7 40000 -> 10.8.8.8 443"),
    ]
    shown = " ".join(report(rejects(company(), flows)).split())
    assert "the records give a reason that is not known here: XYZ" in shown
    assert "neither end is an address of the interface, and the records have no flow-direction" in shown


# -- for programs ---------------------------------------------------------------------------------------------------


def test_a_program_reads_what_a_person_is_told_of_the_records() -> None:
    flows = [record("eni-web1", f"{OFFICE} 40000 -> 10.0.1.10 22"), "not a record"]
    document = stdlib_json.loads(json.render_rejects(rejects(company(), flows)))
    (note,) = document["notes"]
    assert note.startswith("malformed: ")
    assert note.endswith("flow.log:3: 3 fields where the format has 19")


GROUP = ["interface_id", "source", "destination", "destination_port", "protocol", "direction", "records", "packets"]
GROUP += ["bytes", "first_seen", "last_seen", "status", "cause"]


def test_the_json_is_what_the_contract_says(found: Rejects) -> None:
    document: dict[str, Any] = stdlib_json.loads(json.render_rejects(found))
    assert [*document] == ["schema_version", "scanned", "groups", "notes"]
    assert [*document["scanned"]] == [
        "records",
        "accepted",
        "rejected",
        "no_data",
        "skipped_data",
        "malformed",
        "files",
    ]
    assert {tuple(group) for group in document["groups"]} == {(*GROUP, "change")}
    assert {group["status"] for group in document["groups"]} == {"explained", "now-allowed", "unknown-interface"}
    assert all((group["cause"] is not None) == (group["status"] == "explained") for group in document["groups"])
    packets = [group["packets"] for group in document["groups"]]
    assert packets == sorted(packets, reverse=True)
    jsonschema.Draft202012Validator(stdlib_json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(document)


def test_the_committed_schema_is_current() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema.render("rejects")


# -- whatever people call things ------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(name=texts, group=texts)
def test_no_name_steers_a_terminal_or_a_spreadsheet(name: str, group: str) -> None:
    name, group = (words.encode("utf-8", "replace").decode() for words in (name, group))
    net = Network()
    net.subnet("subnet-1", "10.0.1.0/24")
    net.group("sg-1", [tcp(443, "0.0.0.0/0", note=name)], OUT, name=group)
    net.instance(name, "10.0.1.10", groups=["sg-1"], interface_id="eni-1")
    found = rejects(net, [record("eni-1", f"{OFFICE} 40000 -> 10.0.1.10 22", flags=2)])
    shown = report(found) + rejects_markdown.render(found, "rule") + rejects_csv.render(found)
    assert all(character == "\n" or unicodedata.category(character) not in ("Cc", "Cf", "Cs") for character in shown)
    assert len(rejects_csv.render(found).splitlines()) == 2
    assert stdlib_json.loads(json.render_rejects(found))["groups"][0]["status"] == "explained"
