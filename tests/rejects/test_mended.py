"""Which change let pass what was rejected: of groups that today's rules allow, as far as CloudTrail tells."""

from __future__ import annotations

import csv
import io
import json as stdlib_json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.builders import Json, Network, allow, tcp
from tests.rejects.telling import START, one, record, rejects
from tests.rejects.test_report import report
from tests.trails import authorized, entry, permissions, printed, revoked
from tests.trails import record as event
from whyblocked.report import json, rejects_csv, rejects_markdown

OFFICE = "203.0.113.5"
SSH = f"{OFFICE} 40000 -> 10.0.1.10 22"


def at(seconds: int) -> str:
    return datetime.fromtimestamp(START + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def network(*events: Json) -> Network:
    """A web server whose group opens SSH to the office, and what CloudTrail tells of it."""
    net = Network()
    net.internet_gateway()
    net.subnet("subnet-web", "10.0.1.0/24", routes={"0.0.0.0/0": "igw-1"}, acl=([allow(100)], [allow(100)]))
    net.group("sg-web", [tcp(22, "203.0.113.0/24"), tcp(443, "0.0.0.0/0")])
    net.instance("web", "10.0.1.10", groups=["sg-web"], public="198.51.100.10")
    net.details["lookup-events"] = printed(*events)
    return net


def changed(*events: Json, records: tuple[str, ...] = (SSH,)) -> str | None:
    """What is said to have let the one group pass."""
    found = one(network(*events), *(record("eni-web", flow, flags=2) for flow in records))
    assert found.status == "now-allowed"
    return found.change.summary if found.change else None


OPENED = authorized("sg-web", at(300), "tcp", 22, "203.0.113.0/24")
SAID = "AuthorizeSecurityGroupIngress on sg-web (web): added ingress tcp/22 from 203.0.113.0/24."


def test_the_rule_that_was_added_since_is_named() -> None:
    found = one(network(OPENED), record("eni-web", SSH, flags=2))
    assert found.change
    assert (found.change.time, found.change.by, found.change.summary) == (at(300), "role/deploy (alice)", SAID)
    assert found.change.why == "the rule that it added allows this"


@pytest.mark.parametrize(
    "other",
    [
        authorized("sg-web", at(-300), "tcp", 22, "203.0.113.0/24"),
        authorized("sg-web", at(300), "tcp", 22, "198.51.100.0/24"),
        authorized("sg-web", at(300), "tcp", 443, "0.0.0.0/0"),
        authorized("sg-other", at(300), "tcp", 22, "203.0.113.0/24"),
        revoked("sg-web", at(300), "tcp", 22, "203.0.113.0/24"),
        event(
            "AuthorizeSecurityGroupEgress",
            at(300),
            {"groupId": "sg-web", "ipPermissions": permissions("tcp", 22, "203.0.113.0/24")},
        ),
        {**OPENED, "errorCode": "Client.UnauthorizedOperation"},
    ],
)
def test_a_change_that_did_not_let_it_pass_is_not(other: Json) -> None:
    assert changed(other) is None
    assert changed(other, OPENED) == SAID


def test_what_is_sure_goes_before_what_may_be_and_the_first_before_later_ones() -> None:
    deleted = entry("DeleteNetworkAclEntry", "acl-web", at(200), 90)
    again = authorized("sg-web", at(600), "tcp", 22, "0.0.0.0/0")
    assert changed(deleted, OPENED, again) == SAID
    assert changed(deleted) == "DeleteNetworkAclEntry on acl-web: took away ingress rule 90."


def test_the_groups_that_an_interface_was_given() -> None:
    given = {"networkInterfaceId": "eni-web", "groupSet": {"items": [{"groupId": "sg-web"}]}}
    found = changed(event("ModifyNetworkInterfaceAttribute", at(100), given))
    assert found == "ModifyNetworkInterfaceAttribute on sg-web (web), eni-web: gave it the security groups sg-web."


def test_a_group_that_is_rejected_still_has_no_change() -> None:
    found = one(network(OPENED), record("eni-web", f"{OFFICE} 40000 -> 10.0.1.10 23", flags=2))
    assert (found.status, found.change) == ("explained", None)


def test_reports_tell_the_change_once_for_all_groups_that_it_let_pass() -> None:
    flows = [record("eni-web", f"203.0.113.{host} 40000 -> 10.0.1.10 22", flags=2) for host in (5, 6, 7)]
    found = rejects(network(OPENED), flows)
    said = "changed since 2026-11-23 09:05:00 UTC: AuthorizeSecurityGroupIngress on sg-web (web):"
    assert " ".join(report(found, width=200).split()).count(said) == 1
    words = rejects_markdown.render(found, "rule")
    assert words.count("  - changed: `since 2026-11-23 09:05:00 UTC: AuthorizeSecurityGroupIngress on sg-web") == 1
    rows = list(csv.DictReader(io.StringIO(rejects_csv.render(found))))
    assert [(row["change_time"], row["change_by"], row["change"]) for row in rows] == [
        (at(300), "role/deploy (alice)", SAID)
    ] * 3
    document: Any = stdlib_json.loads(json.render_rejects(found))
    assert [group["change"]["event_name"] for group in document["groups"]] == ["AuthorizeSecurityGroupIngress"] * 3


def test_hostile_text_of_events_stays_text() -> None:
    evil = "=cmd|' /C calc'!A0\x1b[31m\u202e`<!here>"
    opened = {
        **OPENED,
        "userIdentity": {"type": "IAMUser", "userName": evil},
        "sourceIPAddress": evil,
        "userAgent": evil,
    }
    opened["userIdentity"]["type"] = "Unknown"
    found = rejects(network(opened), [record("eni-web", SSH, flags=2)])
    for page in (report(found), rejects_markdown.render(found, "rule"), rejects_csv.render(found)):
        assert "\x1b" not in page
        assert "\u202e" not in page
    assert "<!here>" not in rejects_markdown.render(found, "rule")
    (row,) = csv.DictReader(io.StringIO(rejects_csv.render(found)))
    assert row["change_by"].startswith("'=cmd")
