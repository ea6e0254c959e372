"""Fixes that are rules of security groups and network ACLs: as narrow as the question, tested, in packet order."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.builders import ANYWHERE, OPEN, OUT, Json, Network, allow, deny, tcp, udp
from whyblocked.report import outline

CLIENT = "203.0.113.5"


def web(ingress: Sequence[Json] = OPEN, egress: Sequence[Json] = OPEN) -> Network:
    """One public host that serves HTTPS, behind a network ACL with these rules."""
    net = Network()
    net.internet_gateway()
    net.subnet("public", "10.0.1.0/24", routes={ANYWHERE: "igw-1"}, acl=([*ingress], [*egress]))
    net.group("sg-web", ingress=[tcp(443, ANYWHERE)])
    net.instance("web", "10.0.1.10", groups=["sg-web"], public="198.51.100.10")
    return net


def test_a_missing_rule_is_proposed_for_the_one_client_that_asks() -> None:
    (fix,) = web().fix(f"{CLIENT} -> web:22").fixes
    assert fix.commands == [
        (
            "aws ec2 authorize-security-group-ingress --group-id sg-web --ip-permissions "
            "'IpProtocol=tcp,FromPort=22,ToPort=22,IpRanges=[{CidrIp=203.0.113.5/32}]' --region eu-west-1"
        )
    ]
    assert fix.summary == f"Give sg-web (web) an inbound rule that allows tcp/22 from {CLIENT}."
    assert fix.then == "allowed"
    assert fix.also_allows is None
    assert fix.room == ["sg-web: 2 of 60 inbound rules"]


def test_a_block_of_clients_gets_a_rule_for_the_block() -> None:
    (fix,) = web().fix("203.0.113.0/24 -> web:22").fixes
    assert "CidrIp=203.0.113.0/24" in fix.commands[0]


def test_everyone_is_let_in_only_where_the_internet_was_asked_about() -> None:
    (fix,) = web().fix("internet -> web:22").fixes
    assert "CidrIp=0.0.0.0/0" in fix.commands[0]
    (fix,) = web().fix("64.0.0.0/4 -> web:22").fixes
    assert "CidrIp=64.0.0.0/4" in fix.commands[0]


def test_all_interfaces_that_carry_the_group_are_counted() -> None:
    net = web()
    for number in range(11, 14):
        net.instance(f"web-{number}", f"10.0.1.{number}", groups=["sg-web"])
    (fix,) = net.fix(f"{CLIENT} -> web:22").fixes
    assert fix.also_allows == (
        "sg-web (web) is on 4 interfaces: tcp/22 from 203.0.113.5/32 is then allowed into all of them."
    )


def test_the_rule_goes_into_the_group_that_came_closest() -> None:
    net = web()
    net.group("sg-ops", ingress=[tcp(22, "203.0.113.0/30")])
    net.instance("ops", "10.0.1.20", groups=["sg-web", "sg-ops"], public="198.51.100.20")
    (fix,) = net.fix(f"{CLIENT} -> ops:22").fixes
    assert "--group-id sg-ops " in fix.commands[0]


def test_between_hosts_that_are_named_the_group_comes_first_and_the_address_second() -> None:
    net = web()
    net.group("sg-app")
    net.instance("app", "10.0.1.20", groups=["sg-app"])
    by_group, by_address = net.fix("app -> web:8080").fixes
    assert "UserIdGroupPairs=[{GroupId=sg-app}]" in by_group.commands[0]
    assert "CidrIp=10.0.1.20/32" in by_address.commands[0]
    assert by_group.also_allows is not None
    assert "every interface that carries sg-app" in by_group.also_allows
    assert by_address.also_allows is None


def test_between_addresses_the_address_comes_first() -> None:
    net = web()
    net.group("sg-app")
    net.instance("app", "10.0.1.20", groups=["sg-app"])
    first, _ = net.fix("10.0.1.20 -> 10.0.1.10:8080").fixes
    assert "CidrIp=10.0.1.20/32" in first.commands[0]


def test_no_group_is_named_where_the_packets_come_with_a_public_address() -> None:
    net = web()
    net.group("sg-app")
    net.instance("app", "10.0.1.20", groups=["sg-app"], public="198.51.100.20")
    (fix,) = net.fix("app -> 198.51.100.10:8080").fixes
    assert "CidrIp=198.51.100.20/32" in fix.commands[0]


def test_a_group_that_lets_nothing_out_gets_an_outbound_rule() -> None:
    net = web()
    net.group("sg-shut", egress=[])
    net.instance("shut", "10.0.1.20", groups=["sg-shut"])
    first, second = net.fix("shut -> web:443").fixes
    assert "authorize-security-group-egress --group-id sg-shut" in first.commands[0]
    assert "GroupId=sg-web" in first.commands[0]
    assert "CidrIp=10.0.1.10/32" in second.commands[0]


def test_a_network_acl_entry_comes_in_front_of_the_deny() -> None:
    net = web(ingress=[deny(90, cidr="203.0.113.0/24"), allow(100)])
    (fix,) = net.fix(f"{CLIENT} -> web:443").fixes
    assert fix.commands == [
        (
            f"aws ec2 create-network-acl-entry --network-acl-id acl-public --ingress --rule-number 89 --protocol 6 "
            f"--port-range From=443,To=443 --cidr-block {CLIENT}/32 --rule-action allow --region eu-west-1"
        )
    ]
    assert fix.room == ["acl-public: 4 of 20 inbound rules"]


def test_where_no_number_in_front_of_the_deny_is_free_the_rules_move_up() -> None:
    net = web(ingress=[deny(1, cidr="203.0.113.0/24"), deny(2, cidr="192.0.2.0/24"), allow(100)])
    (fix,) = net.fix(f"{CLIENT} -> web:443").fixes
    moved = [command.split(" --ingress --rule-number ") for command in fix.commands]
    assert [(words[0].split()[2], words[1].split()[0]) for words in moved] == [
        ("create-network-acl-entry", "3"),
        ("replace-network-acl-entry", "2"),
        ("replace-network-acl-entry", "1"),
    ]
    assert "192.0.2.0/24 --rule-action deny" in fix.commands[0]
    assert "203.0.113.0/24 --rule-action deny" in fix.commands[1]
    assert f"{CLIENT}/32 --rule-action allow" in fix.commands[2]


def test_request_and_reply_each_get_their_entry_as_a_network_acl_keeps_no_state() -> None:
    net = web(ingress=[allow(100, "tcp", 80)], egress=[allow(100, "tcp", (49152, 65535))])
    (fix,) = net.fix(f"{CLIENT} -> web:443").fixes
    assert [("--ingress" in command, "--egress" in command) for command in fix.commands] == [
        (True, False),
        (False, True),
    ]
    assert "From=1024,To=49151" in fix.commands[1]
    assert any("keeps no state" in warning for warning in fix.warnings)


def test_several_blockers_are_cleared_by_one_plan_in_the_order_of_the_packets() -> None:
    net = web(ingress=[deny(90, "tcp", 22), allow(100)], egress=[allow(100, "tcp", (32768, 65535))])
    (fix,) = net.fix(f"{CLIENT} -> web:22").fixes
    assert [step.commands[0].split()[2] for step in fix.steps] == [
        "create-network-acl-entry",
        "authorize-security-group-ingress",
        "create-network-acl-entry",
    ]


def test_icmp_has_types_where_others_have_ports() -> None:
    net = web(ingress=[allow(100, "tcp")])
    (fix,) = net.fix(f"{CLIENT} -> web/icmp").fixes
    assert "--protocol 1 --icmp-type-code Type=8,Code=0" in fix.commands[0]
    assert "IpProtocol=icmp,FromPort=8,ToPort=0,IpRanges=[{CidrIp=203.0.113.5/32}]" in fix.commands[1]


def test_a_range_of_which_some_ports_pass_already_gets_one_rule() -> None:
    net = web()
    net.group("sg-some", ingress=[tcp(8080, ANYWHERE)])
    net.instance("some", "10.0.1.20", groups=["sg-some"], public="198.51.100.20")
    (fix,) = net.fix(f"{CLIENT} -> some:8000-8100").fixes
    assert "FromPort=8000,ToPort=8100" in fix.commands[0]


def test_a_question_about_all_protocols_gets_a_rule_for_all_of_them() -> None:
    (fix,) = web().fix(f"{CLIENT} -> web/all").fixes
    assert "IpProtocol=-1,IpRanges" in fix.commands[0]


def test_a_full_group_is_warned_about() -> None:
    net = web()
    net.group("sg-full", ingress=[tcp(port, ANYWHERE) for port in range(8000, 8060)])
    net.instance("full", "10.0.1.20", groups=["sg-full"], public="198.51.100.20")
    (fix,) = net.fix(f"{CLIENT} -> full:22").fixes
    assert fix.room == ["sg-full: 61 of 60 inbound rules"]
    assert "would have 61 inbound rules; the quota is 60" in fix.warnings[0]
    assert not fix.fits
    assert outline.tested(fix) == outline.RAISE_FIRST


def test_what_lets_the_whole_internet_in_says_so_first() -> None:
    (fix,) = web().fix("internet -> web:22").fixes
    assert fix.warnings[0] == "THIS OPENS PORT 22 TO THE WHOLE INTERNET: SSH."
    (narrow,) = web().fix(f"{CLIENT} -> web:22").fixes
    assert not any("WHOLE INTERNET" in warning for warning in narrow.warnings)


def test_rules_for_other_protocols_do_not_matter() -> None:
    net = web()
    net.group("sg-dns", ingress=[udp(53, ANYWHERE)], egress=OUT)
    net.instance("dns", "10.0.1.53", groups=["sg-dns"], public="198.51.100.53")
    (fix,) = net.fix(f"{CLIENT} -> dns:53").fixes
    assert "IpProtocol=tcp,FromPort=53,ToPort=53" in fix.commands[0]


def test_what_is_not_blocked_gets_no_fix() -> None:
    answer = web().fix(f"{CLIENT} -> web:443")
    assert (answer.verdict, answer.fixes, answer.no_fix) == ("allowed", [], None)


def test_terraform_says_the_same() -> None:
    (fix,) = web(egress=[allow(100, "tcp", (32768, 65535))]).fix(f"{CLIENT} -> web:22").fixes
    assert "\n".join(fix.terraform) == (
        'resource "aws_vpc_security_group_ingress_rule" "sg_web_ingress_tcp_22" {\n'
        '  security_group_id = "sg-web"\n'
        '  ip_protocol       = "tcp"\n'
        "  from_port         = 22\n"
        "  to_port           = 22\n"
        '  cidr_ipv4         = "203.0.113.5/32"\n'
        "}\n\n"
        'resource "aws_network_acl_rule" "acl_public_egress_110" {\n'
        '  network_acl_id = "acl-public"\n'
        "  rule_number    = 110\n"
        "  egress         = true\n"
        '  protocol       = "6"\n'
        '  rule_action    = "allow"\n'
        '  cidr_block     = "203.0.113.5/32"\n'
        "  from_port      = 1024\n"
        "  to_port        = 32767\n"
        "}"
    )


# -- prefix lists ------------------------------------------------------------------------------------------------------


def listed(cidrs: Sequence[str] = ("192.0.2.0/24",), owner: str | None = None) -> Network:
    """The web host, whose group lets a prefix list use SSH."""
    net = web()
    net.prefix_list("pl-offices", cidrs, owner=owner)
    net.group("sg-ops", ingress=[tcp(22, "pl-offices")])
    net.instance("ops", "10.0.1.20", groups=["sg-ops"], public="198.51.100.20")
    return net


def test_a_list_that_the_rule_names_can_get_an_entry_instead_of_the_group_a_rule() -> None:
    net = listed()
    net.group("sg-other", ingress=[tcp(443, "pl-offices")], egress=[tcp(443, "pl-offices")])
    net.table("rtb-other", {"pl-offices": "igw-1"})
    rule, entry = net.fix(f"{CLIENT} -> ops:22").fixes
    assert "authorize-security-group-ingress --group-id sg-ops" in rule.commands[0]
    assert entry.commands == [
        (
            "aws ec2 modify-managed-prefix-list --prefix-list-id pl-offices --current-version 1 "
            f"--add-entries Cidr={CLIENT}/32 --region eu-west-1"
        )
    ]
    assert entry.summary == (
        f"Add {CLIENT}/32 to prefix list pl-offices (offices), which an inbound rule of sg-ops (ops) allows."
    )
    assert entry.also_allows == (
        f"Whatever names pl-offices (offices) counts {CLIENT}/32 in from then on: "
        "3 rules of 2 security groups and routes of 1 route table."
    )
    assert entry.terraform == [
        'resource "aws_ec2_managed_prefix_list_entry" "pl_offices_203_0_113_5_32" {',
        '  prefix_list_id = "pl-offices"',
        '  cidr           = "203.0.113.5/32"',
        "}",
    ]


@pytest.mark.parametrize(
    "net",
    [
        pytest.param(listed(owner="AWS"), id="AWS's"),
        pytest.param(listed(owner="999999999999"), id="another account's"),
        pytest.param(listed([f"192.0.2.{number}/32" for number in range(12)]), id="full"),
        pytest.param(listed(["2001:db8::/32"]), id="for IPv6"),
    ],
)
def test_a_list_that_cannot_take_the_entry_is_left_alone(net: Network) -> None:
    (fix,) = net.fix(f"{CLIENT} -> ops:22").fixes
    assert "authorize-security-group-ingress" in fix.commands[0]


def test_where_the_group_is_full_the_entry_of_the_list_comes_first() -> None:
    net = listed()
    more = [tcp(port, ANYWHERE) for port in range(1000, 1050)]
    net.group("sg-full", ingress=[tcp(22, "pl-offices"), *more])
    net.instance("full", "10.0.1.30", groups=["sg-full"], public="198.51.100.30")
    entry, rule = net.fix(f"{CLIENT} -> full:22").fixes
    assert "modify-managed-prefix-list" in entry.commands[0]
    assert (entry.fits, rule.fits) == (True, False)


def test_a_list_counts_in_the_quota_with_all_the_entries_that_it_may_have() -> None:
    (fix, _) = listed().fix(f"{CLIENT} -> ops:22").fixes
    assert fix.room == ["sg-ops: 11 of 60 inbound rules"]


@pytest.mark.parametrize(
    ("name", "used"),
    [("com.amazonaws.global.cloudfront.origin-facing", 56), ("com.amazonaws.eu-west-1.s3", 2)],
)
def test_a_list_of_aws_counts_with_its_weight(name: str, used: int) -> None:
    """https://docs.aws.amazon.com/vpc/latest/userguide/working-with-aws-managed-prefix-lists.html"""
    net = web()
    net.prefix_list("pl-aws", ["192.0.2.0/24", "198.51.100.0/25"], name=name, owner="AWS")
    net.group("sg-ops", ingress=[tcp(443, "pl-aws")])
    net.instance("ops", "10.0.1.20", groups=["sg-ops"], public="198.51.100.20")
    (fix,) = net.fix(f"{CLIENT} -> ops:22").fixes
    assert fix.room == [f"sg-ops: {used} of 60 inbound rules"]
