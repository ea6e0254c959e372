"""What changed: which events are about what decides, and which of them may have caused the verdict."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.builders import NOW, Json, Network, allow, deny, gone, hexid, question_of, tcp
from tests.report.goldens import check
from tests.trails import authorized, entry, permissions, printed, record, revoked
from whyblocked.api import Session, snapshot
from whyblocked.diagnosis.answer import Answer, Change
from whyblocked.diagnosis.changes import MOST
from whyblocked.diagnosis.evidence import EvidenceRequest
from whyblocked.diagnosis.request import ChangesRequest
from whyblocked.diagnosis.suspects import deciders, lookups
from whyblocked.report import html, markdown, text
from whyblocked.report.console import build_console

QUESTION = "203.0.113.5 -> web:22"
AT = "2026-11-23T14:02:31Z"


def network(*rules: Json, acl: tuple[list[Json], list[Json]] | None = None, **routes: Any) -> Network:
    """A web server that is reached from the internet, as far as its group and its network ACL let it."""
    net = Network()
    net.internet_gateway()
    net.subnet("subnet-front", "10.0.1.0/24", routes={"0.0.0.0/0": "igw-1"} | routes, acl=acl)
    net.group("sg-web", rules or [tcp(443, "0.0.0.0/0")])
    net.instance("web", "10.0.1.10", groups=["sg-web"], public="198.51.100.10")
    return net


def asked(net: Network, folder: Path, *events: Json, line: str = QUESTION, log: str | None = None) -> Answer:
    """The answer of a snapshot that holds these events, weighed against a flow log."""
    net.details["lookup-events"] = printed(*events)
    session = Session(snapshot(net.save(folder / "snapshot")))
    examined = session.examine(question_of(line))
    looking = session.look_for_changes(examined, ChangesRequest(NOW))
    assert looking is not None
    answer = examined.answer
    if log is not None:
        (folder / "flow.log").write_text(textwrap.dedent(log).lstrip(), encoding="utf-8")
        answer = session.weigh(examined, EvidenceRequest(locations=(str(folder / "flow.log"),)), NOW)
    return looking.told(answer)


def judged(net: Network, folder: Path, event: Json, line: str = QUESTION) -> Change | None:
    """The one change of an answer; None where the event is not about what decides."""
    found = asked(net, folder, event, line=line).changes
    assert len(found) <= 1
    return found[0] if found else None


def suspicious(net: Network, folder: Path, event: Json, line: str = QUESTION) -> bool | None:
    found = judged(net, folder, event, line)
    return None if found is None else found.may_have_caused


# -- security groups ------------------------------------------------------------------------------------------------


def test_a_change_says_all_that_a_reader_asks(tmp_path: Path) -> None:
    found = judged(network(), tmp_path, revoked("sg-web", AT, "tcp", 22, "203.0.113.0/24"))
    assert found is not None
    assert found.event_id
    assert (found.time, found.event_name, found.resource_ids) == (AT, "RevokeSecurityGroupIngress", ["sg-web"])
    assert (found.by, found.source_address, found.region) == ("role/deploy (alice)", "198.51.100.7", "eu-west-1")
    assert found.summary == (
        "RevokeSecurityGroupIngress on sg-web (web): took away ingress tcp/22 from 203.0.113.0/24."
    )
    assert found.may_have_caused
    assert found.why == "the rule that it took away would have allowed this"


INSTANCE = hexid("i", "123456789012", "web")
CARRIED = {"items": [{"groupId": "sg-web"}]}
BY_ID = {"items": [{"securityGroupRuleId": "sgr-1"}]}
OUTBOUND = permissions("-1", None, "0.0.0.0/0")
FLAT = {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "cidrIp": "203.0.113.5/32"}
CHANGED = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv4": "198.51.100.0/24"}
MODIFIED = {"GroupId": "sg-web", "SecurityGroupRule": {"SecurityGroupRuleId": "sgr-1", "SecurityGroupRule": CHANGED}}


def on_group(name: str, **request: Any) -> Json:
    return record(name, AT, {"groupId": "sg-web", **request})


def on_interface(**request: Any) -> Json:
    return record("ModifyNetworkInterfaceAttribute", AT, {"networkInterfaceId": "eni-web", **request})


def on_instance(name: str, **request: Any) -> Json:
    return record(name, AT, {"instanceId": INSTANCE, **request})


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (revoked("sg-web", AT, "tcp", 22, "203.0.113.0/24"), True),
        (revoked("sg-web", AT, "-1", None, "0.0.0.0/0"), True),
        (revoked("sg-web", AT, "tcp", 22, "198.51.100.0/24", "203.0.113.5/32"), True),
        (revoked("sg-web", AT, "tcp", 22, "198.51.100.0/24"), False),
        (revoked("sg-web", AT, "tcp", 2222, "203.0.113.0/24"), False),
        (revoked("sg-web", AT, "udp", 22, "203.0.113.0/24"), False),
        (revoked("sg-other", AT, "tcp", 22, "203.0.113.0/24"), None),
        (authorized("sg-web", AT, "tcp", 443, "0.0.0.0/0"), False),
        (on_group("RevokeSecurityGroupIngress", **FLAT), True),
        (on_group("RevokeSecurityGroupEgress", ipPermissions=OUTBOUND), False),
        (on_group("RevokeSecurityGroupIngress", ipPermissions={}, securityGroupRuleIds=BY_ID), True),
        (
            record("ModifySecurityGroupRules", AT, {"ModifySecurityGroupRulesRequest": MODIFIED}, ids=["sg-web"]),
            True,
        ),
        (on_interface(groupSet=CARRIED), True),
        (on_interface(sourceDestCheck={"value": False}), False),
        (on_instance("ModifyInstanceAttribute", groupSet=CARRIED), True),
        (on_instance("StopInstances"), False),
        (entry("CreateNetworkAclEntry", "acl-default-1", AT, 1), False),
    ],
)
def test_what_a_security_group_lost_is_held_against_the_packets(
    tmp_path: Path, event: Json, expected: bool | None
) -> None:
    assert suspicious(network(), tmp_path, event) is expected


def test_the_rules_in_the_answer_of_a_revocation_count_where_the_request_names_ids_alone(tmp_path: Path) -> None:
    def event(cidr: str) -> Json:
        rule = {"securityGroupRuleId": "sgr-1", "groupId": "sg-web", "isEgress": False, "ipProtocol": "tcp"}
        rules = [rule | {"fromPort": 22, "toPort": 22, "cidrIpv4": cidr}]
        request = {"groupId": "sg-web", "securityGroupRuleIds": {"items": [{"securityGroupRuleId": "sgr-1"}]}}
        response = {"_return": True, "revokedSecurityGroupRuleSet": {"items": rules}}
        return record("RevokeSecurityGroupIngress", AT, request, response)

    assert suspicious(network(), tmp_path, event("203.0.113.0/24")) is True
    assert suspicious(network(), tmp_path, event("198.51.100.0/24")) is False


def test_a_rule_that_named_a_group_is_held_against_its_carriers(tmp_path: Path) -> None:
    net = network()
    net.group("sg-app")
    net.instance("app", "10.0.1.20", groups=["sg-app"])
    net.group("sg-none")
    event = record(
        "RevokeSecurityGroupIngress",
        AT,
        {"groupId": "sg-web", "ipPermissions": permissions("tcp", 22, groups=("sg-app",))},
    )
    assert suspicious(net, tmp_path, event, "app -> web:22") is True
    assert suspicious(net, tmp_path, event) is False  # from the internet
    unknown = record(
        "RevokeSecurityGroupIngress",
        AT,
        {"groupId": "sg-web", "ipPermissions": permissions("tcp", 22, groups=("sg-none",))},
    )
    found = judged(net, tmp_path, unknown, "app -> web:22")
    assert found is not None
    assert found.why == "the rule that it took away may have allowed this"


def test_entries_taken_from_a_prefix_list_of_a_rule(tmp_path: Path) -> None:
    net = network(tcp(22, "pl-office"))
    net.prefix_lists["pl-office"] = ["198.51.100.0/24"]

    def event(key: str, cidr: str) -> Json:
        request = {"PrefixListId": "pl-office", key: {"cidr": cidr, "tag": "1"}}
        return record("ModifyManagedPrefixList", AT, {"ModifyManagedPrefixListRequest": request}, ids=["pl-office"])

    found = judged(net, tmp_path, event("RemoveEntry", "203.0.113.0/24"))
    assert found is not None
    assert found.summary == "ModifyManagedPrefixList on pl-office: took away 203.0.113.0/24."
    assert found.may_have_caused
    assert suspicious(net, tmp_path, event("RemoveEntry", "192.0.2.0/24")) is False
    assert suspicious(net, tmp_path, event("AddEntry", "203.0.113.0/24")) is False


# -- network ACLs, routes and the rest ------------------------------------------------------------------------------


def associated(made: str) -> Json:
    request = {"associationId": "aclassoc-0old", "networkAclId": "acl-front"}
    return record("ReplaceNetworkAclAssociation", AT, request, {"newAssociationId": made})


SHUT = ([deny(90, "tcp", 22), allow(100)], [allow(100)])


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (entry("CreateNetworkAclEntry", "acl-front", AT, 90, "deny", protocol="6", port=22), True),
        (entry("ReplaceNetworkAclEntry", "acl-front", AT, 90, "deny", protocol="6", port=22), True),
        (entry("CreateNetworkAclEntry", "acl-front", AT, 90, "deny", protocol="6", port=22, egress=True), False),
        (entry("CreateNetworkAclEntry", "acl-front", AT, 95, "deny", protocol="6", port=22), False),
        (entry("CreateNetworkAclEntry", "acl-front", AT, 100, "allow"), False),
        (entry("DeleteNetworkAclEntry", "acl-front", AT, 80), True),
        (entry("DeleteNetworkAclEntry", "acl-front", AT, 110), False),
        (associated(hexid("aclassoc", "subnet-front")), True),
        (associated("aclassoc-0other"), False),
    ],
)
def test_what_a_network_acl_got(tmp_path: Path, event: Json, expected: bool) -> None:
    net = network(tcp(22, "0.0.0.0/0"), acl=SHUT)
    assert suspicious(net, tmp_path, event) is expected


def test_the_event_that_made_the_rule_says_so(tmp_path: Path) -> None:
    net = network(tcp(22, "0.0.0.0/0"), acl=SHUT)
    found = judged(net, tmp_path, entry("CreateNetworkAclEntry", "acl-front", AT, 90, "deny", protocol="6", port=22))
    assert found is not None
    assert found.summary == ("CreateNetworkAclEntry on acl-front: added ingress rule 90 denies tcp/22 from 0.0.0.0/0.")
    assert found.why == "it made the rule that denies this"


@pytest.mark.parametrize(
    ("name", "request_", "expected"),
    [
        ("DeleteRoute", {"destinationCidrBlock": "0.0.0.0/0"}, True),
        ("DeleteRoute", {"destinationCidrBlock": "203.0.113.0/24"}, True),
        ("DeleteRoute", {"destinationCidrBlock": "192.168.0.0/16"}, False),
        ("DeleteRoute", {"destinationPrefixListId": "pl-1"}, True),
        ("CreateRoute", {"destinationCidrBlock": "192.168.0.0/16", "gatewayId": "igw-1"}, False),
    ],
)
def test_a_route_that_is_gone(tmp_path: Path, name: str, request_: Json, expected: bool) -> None:
    net = Network()
    net.internet_gateway()
    net.subnet("subnet-front", "10.0.1.0/24", routes={})
    net.instance("web", "10.0.1.10", public="198.51.100.10")
    event = record(name, AT, {"routeTableId": "rtb-front", **request_})
    assert suspicious(net, tmp_path, event, "web -> 203.0.113.5:443") is expected


def test_a_route_that_was_pointed_elsewhere_and_what_it_led_to(tmp_path: Path) -> None:
    net = Network()
    net.subnet("subnet-back", "10.0.2.0/24", routes={"0.0.0.0/0": gone("nat-1")})
    net.instance("app", "10.0.2.10")
    line = "app -> 203.0.113.5:443"
    request = {"routeTableId": "rtb-back", "destinationCidrBlock": "0.0.0.0/0", "natGatewayId": "nat-1"}
    pointed = judged(net, tmp_path, record("ReplaceRoute", AT, request), line)
    assert pointed is not None
    assert pointed.summary == "ReplaceRoute on rtb-back: changed it to route 0.0.0.0/0 -> nat-1."
    assert pointed.why == "it made the route that decides"
    gateway = judged(
        net, tmp_path, record("DeleteNatGateway", AT, {"DeleteNatGatewayRequest": {"NatGatewayId": "nat-1"}}), line
    )
    assert gateway is not None
    assert (gateway.may_have_caused, gateway.why) == (True, "it is about what blocks")


def test_a_stopped_instance(tmp_path: Path) -> None:
    net = network(tcp(22, "0.0.0.0/0"))
    net.instance("batch", "10.0.1.30", groups=["sg-web"], state="stopped", instance_id="i-0abc1234def567890")
    stopped = record("StopInstances", AT, {"instancesSet": {"items": [{"instanceId": "i-0abc1234def567890"}]}})
    assert suspicious(net, tmp_path, stopped, "web -> batch:22") is True


# -- public addresses ------------------------------------------------------------------------------------------------


BEFORE = "2026-11-23T09:00:00Z"
ALLOCATED = {"allocationId": "eipalloc-0a1"}
TAKEN = record("DisassociateAddress", AT, {"associationId": "eipassoc-0b2"})


def given(*, association: str = "eipassoc-0b2", time: str = BEFORE, **to: Any) -> Json:
    """An Elastic IP address is associated: the answer tells the association, the request with what."""
    response = {"requestId": "1", "_return": True, "associationId": association}
    return record("AssociateAddress", time, {**ALLOCATED, "allowReassociation": True, **to}, response)


def unaddressed() -> Network:
    """A web server that the internet would reach, had it a public address."""
    net = Network()
    net.internet_gateway()
    net.subnet("subnet-front", "10.0.1.0/24", routes={"0.0.0.0/0": "igw-1"})
    net.group("sg-web", [tcp(22, "0.0.0.0/0")])
    net.instance("web", "10.0.1.10", groups=["sg-web"])
    return net


TO_WEB = given(networkInterfaceId="eni-web")
TO_INSTANCE = given(instanceId=INSTANCE)
TO_OTHER = given(networkInterfaceId="eni-other")


@pytest.mark.parametrize("line", [QUESTION, "web -> 203.0.113.5:443"])
@pytest.mark.parametrize(
    ("events", "why"),
    [
        ((TO_WEB, TAKEN), "it took the public address away"),
        ((TO_INSTANCE, TAKEN), "it took the public address away"),
        ((TO_WEB, record("ReleaseAddress", AT, ALLOCATED)), "it took the public address away"),
        (
            (record("DisassociateAddress", AT, {"publicIp": "198.51.100.10"}, ids=["eni-web"]),),
            "it took the public address away",
        ),
        (
            (TO_WEB, given(association="eipassoc-0c3", time=AT, networkInterfaceId="eni-other")),
            "it gave the public address to another",
        ),
        ((TAKEN,), "whose public address it took away is not told"),
    ],
)
def test_what_took_the_public_address_away(tmp_path: Path, line: str, events: tuple[Json, ...], why: str) -> None:
    found = asked(unaddressed(), tmp_path, *events, line=line).changes
    assert [(one.time, one.why) for one in found if one.may_have_caused] == [(AT, why)]


@pytest.mark.parametrize(
    "events",
    [
        (TO_WEB,),  # it gave it one
        (TO_OTHER, TAKEN),  # another one's
        (record("DisassociateAddress", AT, {"associationId": "eipassoc-0b2"}, ids=["eni-other"]),),
        (record("ReleaseAddress", AT, ALLOCATED),),  # of an address that nobody is known to have had
        (given(time=AT, networkInterfaceId="eni-other"),),
    ],
)
def test_a_public_address_that_was_never_its_own_is_no_cause(tmp_path: Path, events: tuple[Json, ...]) -> None:
    found = asked(unaddressed(), tmp_path, *events).changes
    assert not [one for one in found if one.may_have_caused]


def test_the_release_of_an_address_that_was_taken_away_before_is_no_cause(tmp_path: Path) -> None:
    released = record("ReleaseAddress", "2026-11-23T15:00:00Z", ALLOCATED)
    found = asked(unaddressed(), tmp_path, TO_WEB, TAKEN, released).changes
    assert [one.event_name for one in found if one.may_have_caused] == ["DisassociateAddress"]


def test_a_change_of_an_unknown_host_s_address_is_not_said_to_be_on_this_one(tmp_path: Path) -> None:
    (whose,) = asked(unaddressed(), tmp_path, TAKEN).changes
    assert (whose.resource_ids, whose.summary) == ([], "DisassociateAddress: took away eipassoc-0b2.")
    taken = asked(unaddressed(), tmp_path / "linked", TO_WEB, TAKEN).changes[0]
    assert taken.summary == "DisassociateAddress on eni-web: took away eipassoc-0b2."


def test_what_takes_addresses_is_asked_for_by_name_where_one_is_missing(tmp_path: Path) -> None:
    session = Session(snapshot(unaddressed().save(tmp_path / "snapshot")))
    for line, expected in ((QUESTION, True), ("10.0.1.9 -> web:443", False)):
        walk = session.examine(question_of(line)).walk
        assert walk is not None
        asked_for = {lookup.value for lookup in lookups(deciders(walk))}
        assert {"DisassociateAddress", "AssociateAddress", "ReleaseAddress"}.issubset(asked_for) is expected


@pytest.mark.parametrize("value", [None, 7, "", [], {"items": [{"a": 1}]}, {"x": {"y": None}}, ["eni-web"]])
@pytest.mark.parametrize("name", ["AssociateAddress", "DisassociateAddress", "ReleaseAddress"])
def test_addresses_of_no_known_form_never_cost_the_answer(tmp_path: Path, name: str, value: Any) -> None:
    keys = ("associationId", "allocationId", "publicIp", "networkInterfaceId", "instanceId")
    odd = record(name, BEFORE, dict.fromkeys(keys, value), {"associationId": value}, ids=[])
    answer = asked(unaddressed(), tmp_path, odd, TO_WEB, TAKEN)
    assert answer.verdict == "blocked"
    assert "it took the public address away" in [one.why for one in answer.changes]


def test_addresses_do_not_matter_where_something_else_blocks(tmp_path: Path) -> None:
    assert asked(network(), tmp_path, TAKEN).changes == []


# -- what passes now ------------------------------------------------------------------------------------------------


TO_THE_INTERNET = {"destinationCidrBlock": "0.0.0.0/0", "gatewayId": "igw-1"}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (authorized("sg-web", AT, "tcp", 22, "203.0.113.0/24"), True),
        (authorized("sg-web", AT, "tcp", 22, "198.51.100.0/24"), False),
        (revoked("sg-web", AT, "tcp", 22, "203.0.113.0/24"), False),
        (entry("DeleteNetworkAclEntry", "acl-default-1", AT, 90), True),
        (entry("CreateNetworkAclEntry", "acl-default-1", AT, 100, "allow"), True),
        (entry("CreateNetworkAclEntry", "acl-default-1", AT, 200, "deny"), False),
        (record("CreateRoute", AT, {"routeTableId": "rtb-front", **TO_THE_INTERNET}), True),
        (record("AttachInternetGateway", AT, {"internetGatewayId": "igw-1", "vpcId": "vpc-1"}), True),
        (record("DetachNetworkInterface", AT, {"networkInterfaceId": "eni-web"}), False),
    ],
)
def test_what_lets_it_pass_now(tmp_path: Path, event: Json, expected: bool) -> None:
    net = network(tcp(22, "203.0.113.0/24"))
    assert asked(net, tmp_path).verdict == "allowed"
    assert suspicious(net, tmp_path, event) is expected


# -- order, and the records -----------------------------------------------------------------------------------------


HEADER = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
)


def line_of(start: str, end: str, action: str) -> str:
    first, last = (int(datetime.fromisoformat(f"2026-11-23T{clock}Z").timestamp()) for clock in (start, end))
    return f"2 123456789012 eni-web 203.0.113.5 10.0.1.10 40000 22 6 9 540 {first} {last} {action} OK"


TURNED = "\n".join(
    [
        HEADER,
        line_of("13:50:02", "13:50:58", "ACCEPT"),
        line_of("14:01:20", "14:02:10", "ACCEPT"),
        line_of("14:02:40", "14:03:20", "REJECT"),
        line_of("14:04:01", "14:04:58", "REJECT"),
    ]
)
STORY = (
    authorized("sg-web", "2026-11-23T09:12:00Z", "tcp", 8443, "0.0.0.0/0"),
    revoked("sg-web", "2026-11-22T16:40:00Z", "tcp", 22, "203.0.113.5/32"),
    revoked("sg-web", AT, "tcp", 22, "203.0.113.0/24"),
    record(
        "RevokeSecurityGroupIngress",
        "2026-11-23T14:10:00Z",
        {"groupId": "sg-web", "ipPermissions": permissions("tcp", 22, "0.0.0.0/0")},
        userAgent="console.ec2.amazonaws.com",
        userIdentity={"type": "IAMUser", "userName": "bob"},
    ),
)


def test_the_change_between_the_last_accepted_and_the_first_rejected_record_comes_first(tmp_path: Path) -> None:
    answer = asked(network(), tmp_path, *STORY, log=TURNED)
    assert [change.time for change in answer.changes] == [
        AT,
        "2026-11-23T14:10:00Z",
        "2026-11-22T16:40:00Z",
        "2026-11-23T09:12:00Z",
    ]
    assert [change.may_have_caused for change in answer.changes] == [True, True, True, False]
    assert answer.change_summary == (
        "ACCEPT until 14:02:10, REJECT since 14:02:40 UTC; "
        "RevokeSecurityGroupIngress on sg-web at 14:02:31 by role/deploy (alice)."
    )
    turn = answer.evidence.turn
    assert turn is not None
    assert (turn.interface_id, turn.direction, turn.before, turn.after) == ("eni-web", "ingress", "ACCEPT", "REJECT")
    assert (turn.until, turn.since) == ("2026-11-23T14:02:10Z", "2026-11-23T14:02:40Z")


def test_what_was_mended_meanwhile(tmp_path: Path) -> None:
    log = "\n".join([HEADER, line_of("14:01:20", "14:02:10", "REJECT"), line_of("14:02:40", "14:03:20", "ACCEPT")])
    answer = asked(
        network(tcp(22, "203.0.113.0/24")), tmp_path, authorized("sg-web", AT, "tcp", 22, "203.0.113.0/24"), log=log
    )
    assert answer.change_summary == (
        "REJECT until 14:02:10, ACCEPT since 14:02:40 UTC; "
        "AuthorizeSecurityGroupIngress on sg-web at 14:02:31 by role/deploy (alice)."
    )


def test_records_that_turned_without_a_change_that_explains_it(tmp_path: Path) -> None:
    answer = asked(network(), tmp_path, authorized("sg-web", AT, "tcp", 8443, "0.0.0.0/0"), log=TURNED)
    assert answer.change_summary == (
        "ACCEPT until 14:02:10, REJECT since 14:02:40 UTC; "
        "CloudTrail tells of no change that would explain it (it may be 15 minutes late)."
    )


@pytest.mark.parametrize(
    "lines",
    [
        [line_of("14:00:00", "14:10:00", "ACCEPT"), line_of("14:02:00", "14:12:00", "REJECT")],
        [line_of("09:00:02", "09:01:12", "ACCEPT"), line_of("09:00:31", "09:01:40", "REJECT")],
        [line_of("14:00:00", "14:00:50", "REJECT")],
        [line_of("14:00:00", "14:00:50", "ACCEPT"), line_of("14:00:00", "14:00:50", "REJECT")],
    ],
)
def test_records_of_both_kinds_at_one_time_have_not_turned(tmp_path: Path, lines: list[str]) -> None:
    assert asked(network(), tmp_path, log="\n".join([HEADER, *lines])).evidence.turn is None


def test_a_snapshot_without_events_clears_nobody(tmp_path: Path) -> None:
    session = Session(snapshot(network().save(tmp_path / "snapshot")))
    (tmp_path / "flow.log").write_text(TURNED, encoding="utf-8")
    examined = session.examine(question_of(QUESTION))
    weighed = session.weigh(examined, EvidenceRequest(locations=(str(tmp_path / "flow.log"),)), NOW)
    for always, notes in ((False, []), (True, ["the snapshot holds no CloudTrail events"])):
        looking = session.look_for_changes(examined, ChangesRequest(NOW, always=always))
        assert looking is not None
        answer = looking.told(weighed)
        assert answer.evidence.turn is not None
        assert (answer.changes, answer.change_summary, answer.change_notes) == ([], None, notes)


@pytest.mark.parametrize("text", ["{{{", None, "[1]"])
def test_an_event_that_cannot_be_read_is_told_and_nothing_is_cleared(tmp_path: Path, text: str | None) -> None:
    net = network()
    net.details["lookup-events"] = {"Events": [{"EventName": "DeleteRoute", "CloudTrailEvent": text}]}
    (tmp_path / "flow.log").write_text(TURNED, encoding="utf-8")
    session = Session(snapshot(net.save(tmp_path / "snapshot")))
    examined = session.examine(question_of(QUESTION))
    looking = session.look_for_changes(examined, ChangesRequest(NOW))
    assert looking is not None
    answer = looking.told(session.weigh(examined, EvidenceRequest(locations=(str(tmp_path / "flow.log"),)), NOW))
    assert answer.change_notes == ["1 event could not be read"]
    assert "no change" not in (answer.change_summary or "")


def test_without_records_the_likeliest_change_is_told(tmp_path: Path) -> None:
    answer = asked(network(), tmp_path, *STORY)
    assert answer.change_summary == ("RevokeSecurityGroupIngress on sg-web at 2026-11-23 14:10:00 by user/bob.")
    assert asked(network(), tmp_path).change_summary is None


def test_changes_beyond_a_number_are_counted(tmp_path: Path) -> None:
    events = [authorized("sg-web", f"2026-11-23T12:00:{i:02}Z", "tcp", 8000 + i, "0.0.0.0/0") for i in range(MOST + 5)]
    answer = asked(network(), tmp_path, *events)
    assert len(answer.changes) == MOST
    assert answer.change_notes == ["5 more changes of these resources are not listed"]


def test_changes_move_neither_verdict_nor_exit_status(tmp_path: Path) -> None:
    without = asked(network(), tmp_path, log=TURNED)
    with_ = asked(network(), tmp_path, *STORY, log=TURNED)
    for name in ("verdict", "summary", "blocked_by", "evidence", "missing", "warnings", "exit_status"):
        assert getattr(with_, name) == getattr(without, name)


# -- reports --------------------------------------------------------------------------------------------------------


def shown(answer: Answer) -> str:
    """The text report, 100 columns wide."""
    import io

    stream = io.StringIO()
    text.render(answer, build_console(stream, color=False, width=100))
    return stream.getvalue()


@pytest.mark.parametrize(("name", "render"), [("changes.txt", shown), ("changes.md", markdown.render)])
def test_the_whole_story_as_people_read_it(tmp_path: Path, name: str, render: Callable[[Answer], str]) -> None:
    check(name, render(asked(network(), tmp_path, *STORY, log=TURNED)).replace(str(tmp_path), "."))


EVIL = "\x1b]8;;http://evil\x07<script>alert(1)</script>@here `rm -rf` \u202e=cmd"


def hostile() -> Json:
    found = revoked("sg-web", AT, "tcp", 22, "203.0.113.0/24", sourceIPAddress=EVIL, userAgent=EVIL, awsRegion=EVIL)
    identity = {"type": "IAMUser", "userName": EVIL, "arn": EVIL}
    return found | {"userIdentity": identity, "eventID": EVIL, "recipientAccountId": EVIL}


@pytest.mark.parametrize("render", [shown, markdown.render, html.render])
def test_hostile_text_in_events_stays_text(tmp_path: Path, render: Callable[[Answer], str]) -> None:
    page = render(asked(network(), tmp_path, hostile()))
    assert "RevokeSecurityGroupIngress" in page
    for bad in ("\x1b", "\x07", "\u202e"):
        assert bad not in page
    if render is not shown:
        assert "<script>" not in page
        assert "\n@here" not in page


@pytest.mark.parametrize(
    "request_",
    [
        {"groupId": "sg-web", "ipPermissions": {"items": [{"ipProtocol": {"x": 1}, "ipRanges": {"items": "no"}}]}},
        {"groupId": "sg-web", "ipPermissions": {"items": [{"ipProtocol": "tcp", "ipRanges": [{"cidrIp": "no"}]}]}},
        {"groupId": "sg-web", "ipPermissions": {"items": [{"ipProtocol": "tcp", "fromPort": "x"}]}},
        {"groupId": "sg-web", "ipPermissions": [["a"], None, 7]},
        {"groupId": ["sg-web"], "ipPermissions": "all"},
        {"groupId": "sg-web", "ruleNumber": "x", "portRange": 7, "aclProtocol": {}, "cidrBlock": 9, "egress": "maybe"},
        {"groupId": "sg-web", "destinationCidrBlock": 7, "addEntry": [1], "groupSet": "x", "sourceDestCheck": []},
        "sg-web",
        None,
    ],
)
@pytest.mark.parametrize(
    "name",
    [
        "RevokeSecurityGroupIngress",
        "ModifySecurityGroupRules",
        "CreateNetworkAclEntry",
        "DeleteNetworkAclEntry",
        "ReplaceRoute",
        "ModifyManagedPrefixList",
        "ModifyNetworkInterfaceAttribute",
        "ModifyVpcBlockPublicAccessOptions",
    ],
)
def test_parameters_of_no_known_form_never_cost_the_answer(tmp_path: Path, name: str, request_: Any) -> None:
    event = record(name, AT, {}, ids=["sg-web"]) | {"requestParameters": request_, "responseElements": request_}
    answer = asked(network(), tmp_path, event)
    assert answer.verdict == "blocked"
    assert [change.event_name for change in answer.changes] in ([name], [])
    assert json.loads(json.dumps(shown(answer)))
