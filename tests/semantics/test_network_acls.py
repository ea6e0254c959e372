"""Network ACLs: numbered rules, first match decides, stateless, at the edge of a subnet.

https://docs.aws.amazon.com/vpc/latest/userguide/nacl-basics.html
https://docs.aws.amazon.com/vpc/latest/userguide/custom-network-acl.html (ephemeral ports)
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from tests.builders import ANYWHERE_V6, CLOSED, OPEN, Json, Network, allow, blockers, deny
from tests.semantics.scenes import CLIENT_V6, OPEN_ACL, SERVER_V6, Acl, public_server, two_subnets

V6 = f"{CLIENT_V6} -> [{SERVER_V6}]"


class Case(NamedTuple):
    """Inbound rules of the server's subnet, a question from another subnet, and the rule that refuses it."""

    name: str
    rules: list[Json]
    question: str
    refused_by: int | None


CASES = [
    Case("first match allows", [allow(100, "tcp", 443), deny(200)], "client -> server:443", None),
    Case("first match denies", [deny(90, "tcp", 443), allow(100)], "client -> server:443", 90),
    Case("numbers decide, not the order of the list", [allow(200), deny(100)], "client -> server:443", 100),
    Case("a deny behind the allow does nothing", [deny(200, "tcp", 443), allow(100)], "client -> server:443", None),
    Case("a deny for others does nothing", [deny(90, cidr="10.0.3.0/24"), allow(100)], "client -> server:443", None),
    Case("a deny for the sender", [deny(90, cidr="10.0.1.10/32"), allow(100)], "client -> server:443", 90),
    Case("no rule at all", CLOSED, "client -> server:443", 32767),
    Case("only another port", [allow(100, "tcp", 80)], "client -> server:443", 32767),
    Case("only another protocol", [allow(100, "udp", 443)], "client -> server:443", 32767),
    Case("only another source", [allow(100, "tcp", 443, "10.0.3.0/24")], "client -> server:443", 32767),
    Case("first port of a range", [allow(100, "tcp", (8000, 8100))], "client -> server:8000", None),
    Case("last port of a range", [allow(100, "tcp", (8000, 8100))], "client -> server:8100", None),
    Case("port behind a range", [allow(100, "tcp", (8000, 8100))], "client -> server:8101", 32767),
    Case("UDP", [allow(100, "udp", 53)], "client -> server:53/udp", None),
    Case("a protocol by number", [allow(100, "50")], "client -> server/50", None),
    Case("another protocol by number", [allow(100, "51")], "client -> server/50", 32767),
    Case("echo request", [allow(100, "icmp", icmp=(8, 0))], "client -> server/icmp", None),
    Case("echo request, any code", [allow(100, "icmp", icmp=(8, -1))], "client -> server/icmp", None),
    Case("all ICMP", [allow(100, "icmp", icmp=(-1, -1))], "client -> server/icmp", None),
    Case("another ICMP type", [allow(100, "icmp", icmp=(3, 4))], "client -> server/icmp", 32767),
    Case("TCP rules say nothing of ICMP", [allow(100, "tcp", (0, 65535))], "client -> server/icmp", 32767),
    Case("IPv6 allowed", [allow(101, "tcp", 443, ANYWHERE_V6)], f"{V6}:443", None),
    Case("IPv6 asked, only an IPv4 rule", [allow(100)], f"{V6}:443", 32768),
    Case("IPv4 asked, only an IPv6 rule", [allow(101, cidr=ANYWHERE_V6)], "10.0.1.10 -> 10.0.2.20:443", 32767),
    Case("IPv6 denied first", [deny(90, cidr="2001:db8:1:1::/64"), *OPEN], f"{V6}:443", 90),
    Case("IPv4 not touched by it", [deny(90, cidr="2001:db8:1:1::/64"), *OPEN], "10.0.1.10 -> 10.0.2.20:443", None),
    Case("ICMPv6", [allow(101, "icmpv6", cidr=ANYWHERE_V6, icmp=(128, 0))], f"{V6}/icmpv6", None),
    Case("ICMPv6, another type", [allow(101, "icmpv6", cidr=ANYWHERE_V6, icmp=(135, 0))], f"{V6}/icmpv6", 32768),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_first_rule_that_matches_decides(case: Case) -> None:
    answer = two_subnets(server_acl=(case.rules, OPEN)).ask(case.question)
    if case.refused_by is None:
        assert (answer.verdict, blockers(answer)) == ("allowed", [])
    else:
        refused = [f"forward network-acl ingress acl-server rule {case.refused_by}"]
        assert (answer.verdict, blockers(answer)) == ("blocked", refused)
        assert answer.blocked_by[0].code == "SUBNET_ACL_RESTRICTION"


@pytest.mark.parametrize("family", ["IPv4", "IPv6"])
@pytest.mark.parametrize(
    ("client_acl", "server_acl", "refused"),
    [
        pytest.param((OPEN, CLOSED), OPEN_ACL, "forward network-acl egress acl-client", id="request leaves"),
        pytest.param(OPEN_ACL, (CLOSED, OPEN), "forward network-acl ingress acl-server", id="request enters"),
        pytest.param(OPEN_ACL, (OPEN, CLOSED), "return network-acl egress acl-server", id="reply leaves"),
        pytest.param((CLOSED, OPEN), OPEN_ACL, "return network-acl ingress acl-client", id="reply enters"),
    ],
)
def test_both_lists_of_both_subnets_are_asked(client_acl: Acl, server_acl: Acl, refused: str, family: str) -> None:
    net = two_subnets(client_acl=client_acl, server_acl=server_acl)
    answer = net.ask("10.0.1.10 -> 10.0.2.20:443" if family == "IPv4" else f"{V6}:443")
    rule = 32767 if family == "IPv4" else 32768
    assert (answer.verdict, blockers(answer)) == ("blocked", [f"{refused} rule {rule}"])


def test_every_blocker_on_both_legs_is_told_in_the_order_of_the_packets() -> None:
    answer = two_subnets(client_acl=(CLOSED, CLOSED), server_acl=(CLOSED, CLOSED)).ask("client -> server:443")
    assert blockers(answer) == [
        "forward network-acl egress acl-client rule 32767",
        "forward network-acl ingress acl-server rule 32767",
        "return network-acl egress acl-server rule 32767",
        "return network-acl ingress acl-client rule 32767",
    ]


def test_nothing_is_asked_within_a_subnet() -> None:
    net = Network()
    net.subnet("subnet-1", "10.0.1.0/24", acl=(CLOSED, CLOSED))
    net.instance("one", "10.0.1.11")
    net.instance("two", "10.0.1.12")
    answer = net.ask("one -> two:443")
    assert answer.verdict == "allowed"
    assert not any(hop.kind == "network-acl" for hop in [*answer.forward, *answer.return_])


def test_two_subnets_with_one_network_acl_are_still_two_subnets() -> None:
    net = Network()
    net.acl("acl-shared", CLOSED, OPEN)
    net.subnet("subnet-1", "10.0.1.0/24", acl="acl-shared")
    net.subnet("subnet-2", "10.0.2.0/24", acl="acl-shared")
    net.instance("one", "10.0.1.11")
    net.instance("two", "10.0.2.12")
    assert blockers(net.ask("one -> two:443")) == [
        "forward network-acl ingress acl-shared rule 32767",
        "return network-acl ingress acl-shared rule 32767",
    ]


# -- replies and ephemeral ports ------------------------------------------------------------------------------------


class Reply(NamedTuple):
    """Reply ports that the server's subnet lets out, who asks, and what of the source ports does not come back."""

    name: str
    out: tuple[int, int] | None
    platform: str | None
    verdict: str
    lost: str | None
    source_port: str | None = None


REPLIES = [
    Reply("Linux, AWS's sample range", (32768, 65535), None, "allowed", None),
    Reply("Linux, to the last port", (32768, 60999), None, "allowed", None),
    Reply("Linux, one port short", (32768, 60998), None, "partial", "60999"),
    Reply("Linux, the range of Windows", (49152, 65535), None, "partial", "32768-49151"),
    Reply("Linux, another range", (1024, 32767), None, "blocked", "32768-60999"),
    Reply("Linux, one port", (40000, 40000), None, "partial", "32768-39999,40001-60999"),
    Reply("Linux, nothing", None, None, "blocked", "32768-60999"),
    Reply("Windows, its own range", (49152, 65535), "windows", "allowed", None),
    Reply("Windows, the range of Linux", (32768, 60999), "windows", "partial", "61000-65535"),
    Reply("a source port inside", (32768, 60999), None, "allowed", None, "40000"),
    Reply("a source port outside", (32768, 60999), None, "blocked", "1024", "1024"),
    Reply("a source range across", (32768, 60999), None, "partial", "30000-32767", "30000-40000"),
]


@pytest.mark.parametrize("reply", REPLIES, ids=lambda reply: reply.name)
def test_replies_need_the_ephemeral_ports_of_the_client(reply: Reply) -> None:
    net = Network()
    net.subnet("subnet-client", "10.0.1.0/24")
    out = [] if reply.out is None else [allow(100, "tcp", reply.out)]
    net.subnet("subnet-server", "10.0.2.0/24", acl=(OPEN, out))
    net.instance("client", "10.0.1.10", platform=reply.platform)
    net.instance("server", "10.0.2.20")
    option = f" --source-port {reply.source_port}" if reply.source_port else ""
    answer = net.ask(f"client -> server:443{option}")
    assert answer.verdict == reply.verdict
    lost = [finding.packets.source_ports for finding in answer.blocked_by]
    assert lost == ([] if reply.lost is None else [reply.lost])
    assert all(finding.leg == "return" and finding.direction == "egress" for finding in answer.blocked_by)


def test_ports_that_pass_for_some_client_ports_alone_are_open_in_part() -> None:
    net = Network()
    net.subnet("subnet-client", "10.0.1.0/24")
    net.subnet("subnet-server", "10.0.2.0/24", acl=([allow(100, "tcp", 443)], [allow(100, "tcp", (49152, 65535))]))
    net.instance("client", "10.0.1.10")
    net.instance("server", "10.0.2.20")
    answer = net.ask("client -> server")
    assert (answer.verdict, answer.open_ports) == ("partial", "")
    assert [(part.destination_ports, part.source_ports) for part in answer.partly_open] == [("443", "49152-60999")]
    assert net.ask("client -> server:443").partly_open == []
    assert net.ask("client -> server --source-port 50000").open_ports == "443"
    assert net.ask("client -> server --source-port 50000").partly_open == []


def test_a_client_on_the_internet_may_use_any_port_from_1024() -> None:
    answer = public_server(acl=(OPEN, [allow(100, "tcp", (32768, 65535))])).ask("203.0.113.5 -> web:443")
    assert (answer.verdict, blockers(answer)) == ("partial", ["return network-acl egress acl-public rule 32767"])
    assert answer.question.source_port == "1024-65535"
    assert answer.blocked_by[0].packets.source_ports == "1024-32767"


@pytest.mark.parametrize(
    ("out", "passes"),
    [
        pytest.param([allow(100, "icmp", icmp=(0, 0))], True, id="echo replies"),
        pytest.param([allow(100, "icmp", icmp=(-1, -1))], True, id="all ICMP"),
        pytest.param([allow(100, "icmp", icmp=(8, 0))], False, id="only echo requests"),
        pytest.param([allow(100, "tcp", (0, 65535))], False, id="only TCP"),
    ],
)
def test_the_reply_to_a_ping_needs_a_rule(out: list[Json], passes: bool) -> None:
    answer = two_subnets(server_acl=(OPEN, out)).ask("client -> server/icmp")
    refused = ["return network-acl egress acl-server rule 32767"]
    assert (answer.verdict, blockers(answer)) == (("allowed", []) if passes else ("blocked", refused))


@pytest.mark.parametrize(("type_", "passes"), [(129, True), (128, False)])
def test_the_reply_to_a_ping_over_ipv6_needs_a_rule(type_: int, passes: bool) -> None:
    out = [allow(100, "icmpv6", cidr=ANYWHERE_V6, icmp=(type_, 0))]
    answer = two_subnets(server_acl=(OPEN, out)).ask(f"{V6}/icmpv6")
    refused = ["return network-acl egress acl-server rule 32768"]
    assert (answer.verdict, blockers(answer)) == (("allowed", []) if passes else ("blocked", refused))


def test_icmp_types_without_a_reply_have_no_way_back() -> None:
    answer = two_subnets(server_acl=(OPEN, CLOSED)).ask("client -> server/icmp --icmp-type 3 --icmp-code 4")
    assert (answer.verdict, answer.return_) == ("allowed", [])


def test_a_blocked_reply_over_udp_comes_with_a_word_on_one_way_senders() -> None:
    answer = two_subnets(server_acl=(OPEN, CLOSED)).ask("client -> server:514/udp")
    assert (answer.verdict, blockers(answer)) == ("blocked", ["return network-acl egress acl-server rule 32767"])
    assert any("one-way senders" in warning for warning in answer.warnings)


# -- sets -----------------------------------------------------------------------------------------------------------


def test_a_rule_that_splits_the_asked_sources_makes_the_answer_partial() -> None:
    answer = public_server(acl=([deny(90, cidr="203.0.113.128/25"), *OPEN], OPEN)).ask("203.0.113.0/24 -> web:443")
    assert (answer.verdict, blockers(answer)) == ("partial", ["forward network-acl ingress acl-public rule 90"])
    assert answer.blocked_by[0].packets.source == "203.0.113.128/25"


def test_a_rule_that_splits_the_asked_ports_makes_the_answer_partial() -> None:
    answer = two_subnets(server_acl=([deny(90, "tcp", (8050, 8060)), *OPEN], OPEN)).ask("client -> server:8000-8100")
    assert answer.verdict == "partial"
    assert answer.blocked_by[0].packets.destination_ports == "8050-8060"


def test_which_ports_are_open_takes_the_reply_into_account() -> None:
    rules = [allow(100, "tcp", 443), allow(110, "tcp", (8000, 8010)), deny(120, "tcp", 8005)]
    net = two_subnets(server_acl=([deny(90, "tcp", 8003), *rules], OPEN))
    assert net.ask("client -> server").open_ports == "443,8000-8002,8004-8010"
    closed = two_subnets(server_acl=(rules, CLOSED)).ask("client -> server")
    assert (closed.verdict, closed.open_ports) == ("blocked", "")


def test_a_subnet_whose_network_acl_was_not_read_leaves_the_answer_open() -> None:
    net = two_subnets()
    net.leave_out("NetworkAcls")
    answer = net.ask("client -> server:443")
    assert answer.verdict == "undetermined"
    assert any("DescribeNetworkAcls" in missing for missing in answer.missing)
