"""The words of rules, packets, sizes and times."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.report import answers
from tests.report.answers import acl_rule
from whyblocked.diagnosis.answer import Asking, Fix, FixStep, PacketSet
from whyblocked.report import words
from whyblocked.report.outline import outline, places_of

GROUP = {"rule_id": "sgr-1", "group_id": "sg-1", "protocol": "tcp", "ports": "22", "description": None}


@pytest.mark.parametrize(
    ("rule", "direction", "said"),
    [
        (acl_rule(90, "deny", "tcp", "0.0.0.0/0", "22"), "ingress", "ingress rule 90 denies tcp/22 from 0.0.0.0/0"),
        (acl_rule(90, "allow", "udp", "::/0", "0-65535"), "egress", "egress rule 90 allows all udp to ::/0"),
        (acl_rule(32767, "deny", "all", "0.0.0.0/0"), "egress", "egress rule * denies all traffic to 0.0.0.0/0"),
        (acl_rule(32768, "deny", "all", "::/0"), "ingress", "ingress rule * denies all traffic from ::/0"),
        (acl_rule(100, "allow", "50", "10.0.0.0/8"), "ingress", "ingress rule 100 allows protocol 50 from 10.0.0.0/8"),
        (
            {**acl_rule(100, "allow", "icmp", "10.0.0.0/8"), "icmp_type": 8, "icmp_code": -1},
            "ingress",
            "ingress rule 100 allows icmp type 8 from 10.0.0.0/8",
        ),
        (
            {**acl_rule(100, "allow", "icmpv6", "::/0"), "icmp_type": -1, "icmp_code": -1},
            "egress",
            "egress rule 100 allows all icmpv6 to ::/0",
        ),
        (
            {**acl_rule(100, "allow", "icmp", "10.0.0.0/8"), "icmp_type": 3, "icmp_code": 4},
            "ingress",
            "ingress rule 100 allows icmp type 3 code 4 from 10.0.0.0/8",
        ),
        ({**GROUP, "cidr": "10.0.0.0/8"}, "ingress", "ingress sgr-1 allows tcp/22 from 10.0.0.0/8"),
        ({**GROUP, "prefix_list_id": "pl-1"}, "egress", "egress sgr-1 allows tcp/22 to pl-1"),
        (
            {**GROUP, "referenced_group_id": "sg-2", "description": "bastion"},
            "ingress",
            'ingress sgr-1 allows tcp/22 from sg-2 "bastion"',
        ),
        (
            {**GROUP, "rule_id": None, "cidr": "10.0.0.0/8"},
            "ingress",
            "ingress rule of sg-1 allows tcp/22 from 10.0.0.0/8",
        ),
        ({"destination": "0.0.0.0/0", "target": "igw-1", "state": "active"}, None, "route 0.0.0.0/0 -> igw-1"),
        (
            {"destination": "0.0.0.0/0", "target": "nat-1", "state": "blackhole"},
            None,
            "route 0.0.0.0/0 -> nat-1 (blackhole)",
        ),
        ({"mode": "block-ingress", "exclusion": None}, None, "mode block-ingress"),
    ],
)
def test_a_rule(rule: dict[str, Any], direction: str | None, said: str) -> None:
    assert words.rule_words(rule, direction) == said


def test_a_route_to_nowhere_names_no_target_and_says_once_that_it_is_a_blackhole() -> None:
    rule = {"destination": "10.70.1.0/24", "target": None, "state": "blackhole"}
    assert words.rule_words(rule, None) == "route 10.70.1.0/24 (blackhole)"
    answer = answers.blocked_by_group()
    hop = msgspec.structs.replace(answer.forward[0], action="deny", rule=rule, detail="blackhole")
    step = outline(msgspec.structs.replace(answer, forward=[hop])).paths[0].parts[0].steps[0]
    assert [decision.says for decision in step.decisions] == ["route 10.70.1.0/24 (blackhole)"]


def test_the_path_back_is_headed_by_everyone_who_sends_and_by_no_later_address() -> None:
    answer = answers.blocked_on_return()
    first = answer.return_[0]
    other = msgspec.structs.replace(first, packet=msgspec.structs.replace(first.packet, source="10.0.2.10"))
    later = msgspec.structs.replace(other, kind="nat-gateway")
    shown = outline(msgspec.structs.replace(answer, return_=[*answer.return_, other, later])).paths[1]
    assert shown.packets == "tcp 10.0.1.10, 10.0.2.10 -> 203.0.113.5 ports 1024-65535 (source port 22)"


def test_what_is_stopped_on_the_way_back_is_the_reply_to_what_was_asked() -> None:
    asked = answers.there(destination="10.20.0.21", destination_ports="22", source_ports="1024-32767")
    assert words.reply_words(asked) == "tcp 10.20.0.21 -> 203.0.113.5 ports 1024-32767 (source port 22)"
    pong = PacketSet(source="10.0.0.1/32", destination="10.0.1.1/32", protocol="icmp", icmp_type="0", icmp_code="0")
    assert words.reply_words(pong) == "icmp 10.0.1.1 -> 10.0.0.1 type 0 code 0"
    rows = dict(outline(answers.blocked_on_return()).blockers[0].rows)
    assert rows["stops"] == "tcp 10.0.1.10 -> 203.0.113.5 ports 1024-65535 (source port 22)"


@pytest.mark.parametrize(
    ("ids", "title"),
    [
        (["acl-1", "acl-2"], "network ACLs acl-1, acl-2, on the way there"),
        (["acl-1", "rtb-2"], "network ACL acl-1, rtb-2, on the way there"),
    ],
)
def test_a_kind_is_in_the_plural_where_all_are_of_that_kind(ids: list[str], title: str) -> None:
    answer = answers.blocked_by_group()
    finding = msgspec.structs.replace(answer.blockers[0], layer="network-acl", leg="forward", resource_ids=ids)
    assert outline(msgspec.structs.replace(answer, blocked_by=[finding])).blockers[0].title == title


def test_where_no_hop_says_what_blocks_the_resource_that_refuses_is_marked() -> None:
    answer = answers.blocked_by_group()
    gateway, *rest = answers.allowed().forward
    finding = msgspec.structs.replace(answer.blockers[0], leg="forward", resource_ids=[gateway.id])
    refused = msgspec.structs.replace(answer, forward=[gateway, *rest], return_=[], blocked_by=[finding])
    steps = outline(refused).paths[0].parts[0].steps
    assert [step.mark for step in steps].count("no") == 1
    assert (steps[0].mark, steps[0].decisions[0].says) == ("no", "stops it")
    partly = msgspec.structs.replace(refused, verdict="partial")
    assert "no" not in [step.mark for step in outline(partly).paths[0].parts[0].steps]


def test_a_rule_of_one_of_several_groups() -> None:
    rule = {**GROUP, "cidr": "10.0.0.0/8"}
    assert words.rule_words(rule, "egress", of_group=True) == "egress sgr-1 of sg-1 allows tcp/22 to 10.0.0.0/8"


@pytest.mark.parametrize(
    ("packets", "said"),
    [
        (answers.there(), "tcp 203.0.113.5 -> 10.0.1.10 port 22 (source ports 1024-65535)"),
        (answers.there(source_ports="0-65535", destination_ports="0-65535"), "tcp 203.0.113.5 -> 10.0.1.10"),
        (
            PacketSet(source="2001:db8::1/128", destination="::/0", protocol="icmpv6", icmp_type="128", icmp_code="0"),
            "icmpv6 2001:db8::1 -> ::/0 type 128 code 0",
        ),
        (
            PacketSet(source="10.0.0.0/8", destination="10.1.0.0/16", protocol="50"),
            "protocol 50 10.0.0.0/8 -> 10.1.0.0/16",
        ),
        (PacketSet(source="a", destination="b", protocol="all"), "all traffic a -> b"),
    ],
)
def test_packets(packets: PacketSet, said: str) -> None:
    assert words.packet_words(packets) == said


def test_many_blocks_are_counted() -> None:
    blocks = ",".join(f"10.{i}.0.0/16" for i in range(40))
    assert words.block_words(blocks).endswith("10.9.0.0/16, 30 more blocks")
    assert words.block_words("10.0.0.1/32,10.0.0.8/29") == "10.0.0.1, 10.0.0.8/29"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"protocol": "tcp", "destination_port": 22}, "a -> b (web) tcp/22"),
        ({"protocol": "tcp"}, "a -> b (web) tcp, every port"),
        ({"protocol": "udp", "destination_port": "53-54"}, "a -> b (web) udp/53-54"),
        ({"protocol": "all"}, "a -> b (web) all traffic"),
        ({"protocol": "50"}, "a -> b (web) protocol 50"),
        ({"protocol": "icmp", "icmp_type": 8, "icmp_code": 0}, "a -> b (web) icmp type 8 code 0"),
        ({"protocol": "icmp", "icmp_type": -1, "icmp_code": -1}, "a -> b (web) all icmp"),
    ],
)
def test_a_question(changes: dict[str, Any], said: str) -> None:
    asking = Asking(text="", source="a", destination="b", **changes)
    assert words.question_words(asking, {"b": "web"}) == said


@pytest.mark.parametrize(
    ("size", "said"),
    [(0, "0 B"), (540, "540 B"), (7440, "7.4 kB"), (123_456, "123 kB"), (5_000_000, "5.0 MB"), (10**14, "100.0 TB")],
)
def test_sizes(size: int, said: str) -> None:
    assert words.size_words(size) == said


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2026-11-23T09:00:01Z", "2026-11-23T09:04:59Z", "2026-11-23 09:00:01 to 09:04:59 UTC"),
        ("2026-11-23T23:59:00Z", "2026-11-24T00:01:00Z", "2026-11-23 23:59:00 to 2026-11-24 00:01:00 UTC"),
        ("2026-11-23T09:00:01Z", "2026-11-23T09:00:01Z", "2026-11-23 09:00:01 UTC"),
        ("yesterday", "2026-11-23T09:00:01Z", "yesterday to 2026-11-23T09:00:01Z"),
        ("2026-11-23T09:00:01Z", None, "2026-11-23T09:00:01Z"),
    ],
)
def test_times(first: str, last: str | None, said: str) -> None:
    assert words.span_words(first, last) == said


@pytest.mark.parametrize(
    ("second", "said"),
    [("09:05:00", "5 min"), ("10:00:00", "1 h"), ("09:00:30", "30 s"), ("09:00:00", None), ("later", None)],
)
def test_steps(second: str, said: str | None) -> None:
    assert words.step_words("2026-11-23T09:00:00Z", f"2026-11-23T{second}Z") == said


def test_blockers_that_differ_in_their_packets_alone_are_one() -> None:
    (blocker,) = outline(answers.two_groups()).blockers
    assert [words for label, words in blocker.rows if label == "stops"] == [
        "tcp 203.0.113.0/25 -> 10.0.1.10 port 22 (source ports 1024-65535)",
        "tcp 203.0.113.192/26 -> 10.0.1.10 port 22 (source ports 1024-65535)",
    ]


@pytest.mark.parametrize(
    ("count", "shown", "also"), [(3, 3, []), (4, 1, ["3 other interfaces"]), (900, 1, ["899 other"])]
)
def test_what_refuses_the_same_at_very_many_interfaces_is_told_of_one(count: int, shown: int, also: list[str]) -> None:
    (finding,) = answers.blocked_by_group().blocked_by
    many = [
        msgspec.structs.replace(finding, interface_id=f"eni-{n}", summary=f"Refused at eni-{n}.") for n in range(count)
    ]
    other = answers.blocked_on_return().blocked_by
    found = outline(answers.answer(verdict="blocked", summary="No.", blocked_by=[*many, *other])).blockers
    assert len(found) == shown + 1
    said = [words for blocker in found for label, words in blocker.rows if label == "also"]
    assert [words.removeprefix("the same at ")[: len(begin)] for words, begin in zip(said, also, strict=True)] == also


def test_the_groups_of_an_interface_are_one_step() -> None:
    (there,) = outline(answers.two_groups()).paths[0].parts
    assert [step.place for step in there.steps] == [
        "",
        f"{answers.GROUP} (web), sg-0a11b22c33d44e55f (ops)",
        f"{answers.INSTANCE} (web-1)",
    ]
    assert [decision.mark for decision in there.steps[1].decisions] == ["yes", "no"]


@pytest.mark.parametrize(
    ("places", "said"),
    [
        ([(None, None)], ""),
        ([(None, "eu-west-1")], "eu-west-1"),
        ([("111122223333", "eu-west-1")] * 2, "account 111122223333, eu-west-1"),
        (
            [("1", "eu-west-1"), ("2", "eu-west-1"), ("1", "eu-west-1")],
            "account 1, eu-west-1: steps 1, 3; account 2, eu-west-1: step 2",
        ),
    ],
)
def test_where_the_commands_of_a_fix_are_run(places: list[tuple[str | None, str | None]], said: str) -> None:
    steps = [FixStep(summary="", commands=[], account_id=account, region=region) for account, region in places]
    assert places_of(Fix(summary="", commands=[], steps=steps)) == said


def test_the_outline_leaves_the_answer_alone() -> None:
    answer = answers.hostile()
    before = msgspec.json.encode(answer)
    outline(answer)
    assert msgspec.json.encode(answer) == before


def test_a_firewalls_rule_is_told_with_its_group_and_message() -> None:
    rule = {"rule_group": "web", "rule": "rule 7", "action": "drop", "sid": "7", "msg": "no web"}
    assert words.rule_words(rule, None) == "rule 7 (no web) of rule group web drops"
