"""Security groups and network ACLs of the reference evaluator, on cases made by hand from the facts."""

from __future__ import annotations

import pytest

from tests.oracle import shapes
from tests.oracle.evaluator import evaluate
from tests.oracle.world import (
    CLIENT,
    deny,
    egress,
    ingress,
    interface,
    named,
    ping,
    row,
    tcp,
    world,
)

ENTRY, ROUTE, RULE = shapes.acl_entry, shapes.route, shapes.permission


# Security groups (facts 1)


def test_rejected_rdp_where_no_group_rule_allows_it() -> None:
    account = world()
    ingress(account, "sg-a", RULE("tcp", 22, 22, ["0.0.0.0/0"]))
    assert tcp(account, CLIENT, "i-web", 22).verdict == "allowed"
    assert named(tcp(account, CLIENT, "i-web", 3389)) == [("forward", "security-group", "sg-a", None)]


def test_groups_of_one_interface_add_up() -> None:
    account = world()
    ingress(account, "sg-a")
    account["SecurityGroups"].append(shapes.group("sg-more", "vpc-a", [RULE("6", 20, 30, ["10.0.0.0/8"])]))
    interface(account, "eni-app")["Groups"].append({"GroupId": "sg-more"})
    assert tcp(account, "i-db", "i-app").verdict == "allowed"
    assert named(tcp(account, "i-db", "i-app", 31)) == [("forward", "security-group", "sg-a,sg-more", None)]


def test_a_reply_passes_the_groups_whatever_they_say() -> None:
    account = world()
    egress(account, "sg-a")
    assert tcp(account, CLIENT, "i-web").verdict == "allowed"
    assert named(tcp(account, "i-web", CLIENT)) == [("forward", "security-group", "sg-a", None)]


def test_an_icmp_rule_holds_type_and_code_and_not_ports() -> None:
    account = world()
    ingress(account, "sg-a", RULE("icmp", 8, 0, ["0.0.0.0/0"]))
    assert ping(account, CLIENT, "i-web").verdict == "allowed"
    assert evaluate(account, CLIENT, "i-web", 1, icmp_type=3, icmp_code=4).verdict == "blocked"
    ingress(account, "sg-a", RULE("icmp", -1, -1, ["0.0.0.0/0"]))
    assert evaluate(account, CLIENT, "i-web", 1, icmp_type=3, icmp_code=4).verdict == "allowed"


def test_ports_are_ignored_for_other_protocols() -> None:
    account = world()
    ingress(account, "sg-a", RULE("50", 1, 2, ["0.0.0.0/0"]))
    assert evaluate(account, CLIENT, "i-web", 50).verdict == "allowed"
    assert evaluate(account, CLIENT, "i-web", 47).verdict == "blocked"


def test_an_ipv4_rule_says_nothing_about_ipv6() -> None:
    account = world()
    ingress(account, "sg-a", RULE("-1", peers=["0.0.0.0/0"]))
    assert named(tcp(account, "2001:db8:ffff::5", "i-web")) == [("forward", "security-group", "sg-a", None)]


def test_a_prefix_list_stands_for_its_entries() -> None:
    account = world()
    account["PrefixListEntries"]["pl-1"] = [{"Cidr": "203.0.113.0/24"}]
    ingress(account, "sg-a", RULE("tcp", 22, 22, ["pl-1"]))
    assert tcp(account, CLIENT, "i-web").verdict == "allowed"
    assert tcp(account, "198.51.100.7", "i-web").verdict == "blocked"
    del account["PrefixListEntries"]["pl-1"]
    assert tcp(account, CLIENT, "i-web").verdict == "undetermined"


def test_a_group_reference_means_private_addresses_of_members() -> None:
    account = world()
    ingress(account, "sg-a", RULE("-1", peers=["sg-a"]))
    assert tcp(account, "i-app", "i-web").verdict == "allowed"
    assert named(tcp(account, "i-app", "52.0.0.10")) == [("forward", "security-group", "sg-a", None)]
    assert named(tcp(account, "10.0.1.77", "i-app")) == [("forward", "security-group", "sg-a", None)]


@pytest.mark.parametrize(("status", "verdict"), [("active", "allowed"), ("deleted", "blocked")])
def test_a_group_reference_needs_an_active_peering(status: str, verdict: str) -> None:
    account = world()
    ingress(account, "sg-b", RULE("-1", peers=["sg-a"]))
    account["VpcPeeringConnections"][0]["Status"]["Code"] = status
    outcome = tcp(account, "i-app", "i-peer")
    assert outcome.verdict == verdict
    assert ("security-group" in {blocker.layer for blocker in outcome.blockers}) == (status != "active")


# Network ACLs (facts 2)


def test_the_reply_of_a_ping_is_denied_by_the_acl_though_the_group_allows_it() -> None:
    """Facts 5.10, E5."""
    account = world()
    deny(account, "acl-front", ENTRY(90, "egress", "deny", "0.0.0.0/0", 1, icmp=(-1, -1)))
    ingress(account, "sg-a", RULE("icmp", -1, -1, ["0.0.0.0/0"]))
    egress(account, "sg-a")
    assert named(ping(account, CLIENT, "i-web")) == [("return", "network-acl", "acl-front", 90)]


def test_the_lowest_number_decides_whatever_the_order_of_the_rows() -> None:
    account = world()
    deny(account, "acl-front", ENTRY(20, "ingress", "deny", "203.0.113.0/24", 6, ports=(22, 22)))
    assert named(tcp(account, CLIENT, "i-web")) == [("forward", "network-acl", "acl-front", 20)]
    deny(account, "acl-front", ENTRY(10, "ingress", "allow", "203.0.113.5/32", 6, ports=(0, 65535)))
    assert tcp(account, CLIENT, "i-web").verdict == "allowed"
    assert tcp(account, "203.0.113.6", "i-web").verdict == "blocked"


def test_nothing_that_matches_is_the_star_rule() -> None:
    account = world()
    row(account, "NetworkAcls", "NetworkAclId", "acl-front")["Entries"] = shapes.acl_stars(ipv6=True)
    assert named(tcp(account, CLIENT, "i-web")) == [
        ("forward", "network-acl", "acl-front", 32767),
        ("return", "network-acl", "acl-front", 32767),
    ]
    assert named(ping(account, "2001:db8:ffff::5", "i-web"))[0] == ("forward", "network-acl", "acl-front", 32768)


def test_replies_go_to_ephemeral_ports() -> None:
    account = world()
    acl = row(account, "NetworkAcls", "NetworkAclId", "acl-front")
    acl["Entries"] = [
        *shapes.acl_stars(ipv6=False),
        ENTRY(100, "ingress", "allow", "0.0.0.0/0"),
        ENTRY(100, "egress", "allow", "0.0.0.0/0", 6, ports=(32768, 60999)),
    ]
    assert tcp(account, CLIENT, "i-web", source_port=32768).verdict == "allowed"
    assert named(tcp(account, CLIENT, "i-web", source_port=32767)) == [("return", "network-acl", "acl-front", 32767)]
    assert tcp(account, CLIENT, "i-web", source_port=61000).verdict == "blocked"


def test_no_acl_inside_a_subnet() -> None:
    account = world()
    deny(account, "acl-back", *(ENTRY(1, direction, "deny", "0.0.0.0/0") for direction in ("ingress", "egress")))
    assert tcp(account, "i-app", "i-db").verdict == "allowed"
    assert named(tcp(account, "i-app", "i-web")) == [
        ("forward", "network-acl", "acl-back", 1),
        ("return", "network-acl", "acl-back", 1),
    ]


def test_the_client_subnet_must_let_the_reply_in() -> None:
    account = world()
    deny(account, "acl-back", ENTRY(5, "ingress", "deny", "10.0.0.0/24", 6, ports=(1024, 65535)))
    assert named(tcp(account, "i-app", "i-web")) == [("return", "network-acl", "acl-back", 5)]


def test_icmpv6_types_in_an_acl() -> None:
    account = world()
    deny(account, "acl-front", ENTRY(7, "egress", "deny", "::/0", 58, icmp=(129, -1)))
    assert named(ping(account, "2001:db8:ffff::5", "i-web")) == [("return", "network-acl", "acl-front", 7)]
