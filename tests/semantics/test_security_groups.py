"""Security groups: allow rules of all groups together, stateful.

https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from tests.builders import (
    ANYWHERE,
    ANYWHERE_V6,
    Json,
    Network,
    Reference,
    blockers,
    codes,
    every,
    icmp,
    tcp,
    udp,
)
from tests.semantics.scenes import CLIENT_V6, OUTSIDE_V6, SERVER_V6, public_server, two_subnets, two_vpcs

V6 = f"{CLIENT_V6} -> [{SERVER_V6}]"
REFUSED = ["forward security-group ingress sg-server"]


class Case(NamedTuple):
    """One rule of the server's group, and a question from the client: does the rule let it in?"""

    name: str
    rule: Json
    question: str
    passes: bool


CASES = [
    Case("source in the block", tcp(443, "10.0.1.0/24"), "client -> server:443", True),
    Case("source alone in the block", tcp(443, "10.0.1.10/32"), "client -> server:443", True),
    Case("source one beside the block", tcp(443, "10.0.1.11/32"), "client -> server:443", False),
    Case("source in none of the blocks", tcp(443, "10.0.3.0/24", "192.0.2.0/24"), "client -> server:443", False),
    Case("source in the second block", tcp(443, "10.0.3.0/24", "10.0.0.0/16"), "client -> server:443", True),
    Case("first port of a range", tcp((8000, 8100), ANYWHERE), "client -> server:8000", True),
    Case("last port of a range", tcp((8000, 8100), ANYWHERE), "client -> server:8100", True),
    Case("port before a range", tcp((8000, 8100), ANYWHERE), "client -> server:7999", False),
    Case("port behind a range", tcp((8000, 8100), ANYWHERE), "client -> server:8101", False),
    Case("UDP asked, UDP rule", udp(53, ANYWHERE), "client -> server:53/udp", True),
    Case("UDP asked, TCP rule", tcp(53, ANYWHERE), "client -> server:53/udp", False),
    Case("TCP asked, UDP rule", udp(53, ANYWHERE), "client -> server:53", False),
    Case("protocol 6 is TCP", every("6", ANYWHERE) | {"FromPort": 443, "ToPort": 443}, "client -> server:443", True),
    Case("protocol 17 is not TCP", every("17", ANYWHERE) | {"FromPort": 9, "ToPort": 9}, "client -> server:9", False),
    Case("all protocols, TCP", every("-1", ANYWHERE), "client -> server:443", True),
    Case("all protocols, UDP", every("-1", ANYWHERE), "client -> server:53/udp", True),
    Case("all protocols, ping", every("-1", ANYWHERE), "client -> server/icmp", True),
    Case("all protocols, ESP", every("-1", ANYWHERE), "client -> server/50", True),
    Case(
        "all protocols with ports -1",
        every("-1", ANYWHERE) | {"FromPort": -1, "ToPort": -1},
        "client -> server:9",
        True,
    ),
    Case("a protocol by number", every("50", ANYWHERE), "client -> server/50", True),
    Case("another protocol by number", every("51", ANYWHERE), "client -> server/50", False),
    Case(
        "ports of a protocol without ports",
        every("50", ANYWHERE) | {"FromPort": 1, "ToPort": 2},
        "client -> server/50",
        True,
    ),
    Case("ping, echo request", icmp(8, 0, ANYWHERE), "client -> server/icmp", True),
    Case("ping, any code", icmp(8, -1, ANYWHERE), "client -> server/icmp", True),
    Case("ping, all ICMP", icmp(-1, -1, ANYWHERE), "client -> server/icmp", True),
    Case("ping, only echo replies", icmp(0, 0, ANYWHERE), "client -> server/icmp", False),
    Case("ping, only fragmentation needed", icmp(3, 4, ANYWHERE), "client -> server/icmp", False),
    Case("type 3 code 4", icmp(3, 4, ANYWHERE), "client -> server/icmp --icmp-type 3 --icmp-code 4", True),
    Case("type 3 code 1", icmp(3, 4, ANYWHERE), "client -> server/icmp --icmp-type 3 --icmp-code 1", False),
    Case("8 to 0 is no port range", icmp(8, 0, ANYWHERE), "client -> server:8", False),
    Case("TCP is no ICMP", tcp((0, 65535), ANYWHERE), "client -> server/icmp", False),
    Case("IPv6 source in the block", tcp(443, "2001:db8:1:1::/64"), f"{V6}:443", True),
    Case("IPv6 source beside the block", tcp(443, "2001:db8:1:3::/64"), f"{V6}:443", False),
    Case("IPv6 asked, only 0.0.0.0/0", tcp(443, ANYWHERE), f"{V6}:443", False),
    Case("IPv4 asked, only ::/0", tcp(443, ANYWHERE_V6), "10.0.1.10 -> 10.0.2.20:443", False),
    Case("ping over IPv6", icmp(128, 0, ANYWHERE_V6, protocol="icmpv6"), f"{V6}/icmpv6", True),
    Case("ping over IPv6, all types", every("icmpv6", ANYWHERE_V6), f"{V6}/icmpv6", True),
    Case("ping over IPv6, number 58", every("58", ANYWHERE_V6), f"{V6}/icmpv6", True),
    Case("ping over IPv6, rule for ICMP", icmp(-1, -1, ANYWHERE_V6), f"{V6}/icmpv6", False),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_inbound_rule_lets_in_exactly_what_it_names(case: Case) -> None:
    answer = two_subnets(ingress=[case.rule]).ask(case.question)
    assert (answer.verdict, blockers(answer)) == (("allowed", []) if case.passes else ("blocked", REFUSED))


@pytest.mark.parametrize(
    ("rules", "passes"),
    [
        pytest.param([tcp(443, "10.0.2.20/32")], True, id="to the server"),
        pytest.param([tcp(443, "10.0.2.21/32")], False, id="to its neighbour"),
        pytest.param([tcp((1, 442), ANYWHERE), tcp((444, 65535), ANYWHERE)], False, id="to all ports but the asked"),
        pytest.param([udp(443, ANYWHERE)], False, id="the other protocol"),
        pytest.param([], False, id="no outbound rule at all"),
    ],
)
def test_outbound_rules_of_the_sender_count_as_well(rules: list[Json], passes: bool) -> None:
    answer = two_subnets(egress=rules).ask("client -> server:443")
    refused = ["forward security-group egress sg-client"]
    assert (answer.verdict, blockers(answer)) == (("allowed", []) if passes else ("blocked", refused))


def test_replies_pass_without_a_rule_of_their_own() -> None:
    net = two_subnets(ingress=[tcp(443, ANYWHERE)])  # sg-server has no outbound rule, sg-client no inbound one
    answer = net.ask("client -> server:443")
    assert answer.verdict == "allowed"
    tracked = [hop.detail for hop in answer.return_ if hop.kind == "security-group"]
    assert tracked == ["reply of a tracked connection"] * 2


def test_the_other_way_round_is_another_question() -> None:
    net = two_subnets(ingress=[tcp(443, ANYWHERE)])
    assert blockers(net.ask("server -> client:443")) == [
        "forward security-group egress sg-server",
        "forward security-group ingress sg-client",
    ]


def test_rules_of_several_groups_are_one_list() -> None:
    net = two_subnets(groups=["sg-ssh", "sg-web"])
    net.group("sg-ssh", [tcp(22, ANYWHERE)])
    net.group("sg-web", [tcp(443, ANYWHERE)])
    assert net.ask("client -> server:22").verdict == "allowed"
    assert net.ask("client -> server:443").verdict == "allowed"
    refused = net.ask("client -> server:80")
    assert [finding.resource_ids for finding in refused.blocked_by] == [["sg-ssh", "sg-web"]]
    assert refused.blocked_by[0].code == "ENI_SG_RULES_MISMATCH"


def test_two_rules_that_each_fail_do_not_add_up() -> None:
    net = two_subnets(ingress=[tcp(22, "10.0.1.0/24"), tcp(443, "10.0.3.0/24")])
    answer = net.ask("client -> server:443")
    assert blockers(answer) == REFUSED
    assert sorted(miss.failed[0] for miss in answer.blocked_by[0].near_misses) == ["port", "source"]


def test_a_group_without_rules_is_named_as_such() -> None:
    answer = two_subnets(ingress=[]).ask("client -> server:443")
    assert (blockers(answer), codes(answer)) == (REFUSED, ["SG_HAS_NO_RULES"])


def test_no_port_asks_which_ports_are_open() -> None:
    net = two_subnets(ingress=[tcp(22, "10.0.1.0/24"), tcp((8000, 8100), ANYWHERE), udp(53, ANYWHERE)])
    answer = net.ask("client -> server")
    assert (answer.verdict, answer.open_ports) == ("partial", "22,8000-8100")


# -- group references -----------------------------------------------------------------------------------------------


def test_a_reference_admits_members_of_the_group_by_their_private_addresses() -> None:
    net = two_subnets(ingress=[tcp(5432, "sg-client")])
    assert net.ask("client -> server:5432").verdict == "allowed"
    assert net.ask("10.0.1.10 -> 10.0.2.20:5432").verdict == "allowed"
    assert net.ask(f"{V6}:5432").verdict == "allowed"


def test_a_reference_does_not_admit_others() -> None:
    net = two_subnets(ingress=[tcp(5432, "sg-batch")])
    net.group("sg-batch")
    assert blockers(net.ask("client -> server:5432")) == REFUSED


def test_a_reference_brings_members_not_the_rules_of_the_group() -> None:
    net = two_subnets(ingress=[every("-1", "sg-batch")])
    net.group("sg-batch", [every("-1", ANYWHERE)])
    assert blockers(net.ask("client -> server:5432")) == REFUSED


def test_an_outbound_reference_admits_members_only() -> None:
    net = two_subnets(ingress=[tcp(5432, ANYWHERE)], egress=[tcp(5432, "sg-server")])
    net.instance("other", "10.0.2.21")
    assert net.ask("client -> server:5432").verdict == "allowed"
    assert blockers(net.ask("client -> other:5432")) == ["forward security-group egress sg-client"]


@pytest.mark.parametrize(
    ("rules", "passes"),
    [
        pytest.param([every("-1", "sg-cluster")], True, id="with a rule for itself"),
        pytest.param([], False, id="without a rule for itself"),
    ],
)
def test_sharing_a_group_grants_nothing_by_itself(rules: list[Json], passes: bool) -> None:
    net = Network()
    net.subnet("subnet-1", "10.0.1.0/24")
    net.group("sg-cluster", rules)
    net.instance("node-1", "10.0.1.11", groups=["sg-cluster"])
    net.instance("node-2", "10.0.1.12", groups=["sg-cluster"])
    answer = net.ask("node-1 -> node-2:7946")
    refused = ["forward security-group ingress sg-cluster"]
    assert (answer.verdict, blockers(answer)) == (("allowed", []) if passes else ("blocked", refused))


def test_a_reference_spans_an_active_peering_connection() -> None:
    reference = Reference("sg-app", vpc="vpc-1", peering="pcx-1", status="active")
    assert two_vpcs(ingress=[tcp(5432, reference)]).ask("app -> db:5432").verdict == "allowed"


def test_a_stale_reference_admits_nobody() -> None:
    reference = Reference("sg-app", vpc="vpc-1", peering="pcx-1", status="deleted")
    answer = two_vpcs(ingress=[tcp(5432, reference)]).ask("app -> db:5432")
    assert blockers(answer) == ["forward security-group ingress sg-db"]


def test_a_reference_to_a_group_of_another_account_cannot_be_told() -> None:
    net = Network()
    net.peering("pcx-1", "vpc-1", "vpc-9", accepter_account="999999999999", accepter_cidr="10.9.0.0/16")
    net.subnet("subnet-1", "10.0.1.0/24", routes={"10.9.0.0/16": "pcx-1"})
    foreign = Reference("sg-foreign", account="999999999999", peering="pcx-1", status="active")
    net.group("sg-server", [tcp(5432, foreign)])
    net.instance("server", "10.0.1.10", groups=["sg-server"])
    answer = net.ask("10.9.0.5 -> server:5432")
    assert (answer.verdict, blockers(answer)) == ("undetermined", [])
    assert any("sg-foreign" in missing for missing in answer.missing)


# -- prefix lists ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "passes"),
    [("203.0.113.5", True), ("203.0.113.9", False), ("192.0.2.77", True)],
)
def test_a_customer_managed_prefix_list_stands_for_its_blocks(source: str, passes: bool) -> None:
    net = public_server(ingress=[tcp(22, "pl-offices")])
    net.prefix_list("pl-offices", ["203.0.113.4/30", "192.0.2.64/26"])
    answer = net.ask(f"{source} -> web:22")
    refused = ["forward security-group ingress sg-web"]
    assert (answer.verdict, blockers(answer)) == (("allowed", []) if passes else ("blocked", refused))


def test_an_aws_managed_prefix_list_counts_the_same() -> None:
    net = public_server(ingress=[tcp(443, "pl-cloudfront")])
    net.prefix_list(
        "pl-cloudfront", ["203.0.113.0/25"], name="com.amazonaws.global.cloudfront.origin-facing", owner="AWS"
    )
    assert net.ask("203.0.113.5 -> web:443").verdict == "allowed"
    assert net.ask("203.0.113.200 -> web:443").verdict == "blocked"


def test_a_prefix_list_for_ipv6_admits_no_ipv4() -> None:
    net = public_server(ingress=[tcp(22, "pl-six")])
    net.prefix_list("pl-six", ["2001:db8:ffff::/48"])
    assert net.ask(f"{OUTSIDE_V6} -> [2001:db8:1:1::10]:22").verdict == "allowed"
    assert net.ask("203.0.113.5 -> web:22").verdict == "blocked"


def test_an_unreadable_prefix_list_leaves_open_only_what_it_alone_could_allow() -> None:
    net = public_server(ingress=[tcp(22, "pl-0a1"), tcp(443, ANYWHERE)])
    net.prefix_list("pl-0a1", ["203.0.113.0/24"], entries=False)
    unclear = net.ask("203.0.113.5 -> web:22")
    assert (unclear.verdict, blockers(unclear)) == ("undetermined", [])
    assert any("GetManagedPrefixListEntries" in missing and "pl-0a1" in missing for missing in unclear.missing)
    assert net.ask("203.0.113.5 -> web:443").verdict == "allowed"
    assert net.ask("203.0.113.5 -> web:80").verdict == "blocked"
