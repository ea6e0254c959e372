"""Incidents as flow logs show them: what was configured, what was recorded, and what has to be blamed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders import CLOSED, NOW, OPEN, OUT, Network, allow, deny, every, icmp, tcp, udp
from tests.rejects.telling import HEADER, cause, groups, one, record, short
from tests.semantics.scenes import behind_nat, two_subnets
from whyblocked.api import Session, snapshot
from whyblocked.diagnosis.rejects import RejectsRequest

STRANGER = "203.0.113.5"


def web(
    *, ingress: list[object] | None = None, egress: object = OUT, acl: object = (OPEN, OPEN), **server: object
) -> Network:
    """``web`` (10.0.1.10, group sg-web, which serves https) in a public subnet with a network ACL of its own."""
    net = Network(ipv6="2001:db8:1::/56")
    net.internet_gateway()
    net.subnet("subnet-web", "10.0.1.0/24", ipv6="2001:db8:1:1::/64", routes={"0.0.0.0/0": "igw-1"}, acl=acl)  # type: ignore[arg-type]
    rules = [tcp(443, "0.0.0.0/0", "::/0")] if ingress is None else ingress
    net.group("sg-web", rules, egress)  # type: ignore[arg-type]
    net.instance("web", "10.0.1.10", groups=["sg-web"], ipv6="2001:db8:1:1::10", **server)  # type: ignore[arg-type]
    return net


# -- security groups ------------------------------------------------------------------------------------------------


def test_a_port_that_no_group_serves() -> None:
    found = one(web(), record("eni-web", f"{STRANGER} 40000 -> 10.0.1.10 22", flags=2))
    assert (found.direction, short(found.cause)) == ("ingress", "forward security-group ingress sg-web")
    assert found.cause
    assert found.cause.code == "ENI_SG_RULES_MISMATCH"
    assert found.cause.command
    assert f"CidrIp={STRANGER}/32" in found.cause.command


def test_a_pod_whose_address_is_in_a_block_delegated_to_its_node() -> None:
    net = web(ingress=[tcp(8080, "10.0.0.0/16")])
    net.interface("eni-node", "10.0.1.20", groups=["sg-web"], prefixes=["10.0.1.64/28"], instance="i-0123456789abcdef0")
    pod = record("eni-node", "10.0.1.10 40000 -> 10.0.1.70 9090", seen=("10.0.1.10", "10.0.1.20"), flags=2)
    found = one(net, pod)
    assert (found.destination, found.direction) == ("10.0.1.70", "ingress")
    assert short(found.cause) == "forward security-group ingress sg-web"


def test_a_secondary_address_shown_as_the_primary_one() -> None:
    net = web(secondary={"10.0.1.11": "198.51.100.11"})
    found = one(net, record("eni-web", f"{STRANGER} 40000 -> 10.0.1.11 22", seen=(STRANGER, "10.0.1.10")))
    assert (found.destination, found.direction) == ("10.0.1.11", "ingress")
    assert short(found.cause) == "forward security-group ingress sg-web"


def test_a_group_that_lets_its_own_members_in_and_nobody_else() -> None:
    net = web(ingress=[tcp(5432, "sg-web")])
    net.instance("member", "10.0.1.20", groups=["sg-web"])
    net.instance("other", "10.0.1.30")
    found = groups(
        net,
        record("eni-web", "10.0.1.20 40000 -> 10.0.1.10 5432", packets=9),
        record("eni-web", "10.0.1.30 40000 -> 10.0.1.10 5432", packets=8),
        record("eni-web", "10.0.1.20 40000 -> 10.0.1.10 6379", packets=7),
    )
    assert [group.status for group in found] == ["now-allowed", "explained", "explained"]
    assert {short(group.cause) for group in found[1:]} == {"forward security-group ingress sg-web"}


def test_an_office_that_is_not_in_the_prefix_list() -> None:
    net = web(ingress=[tcp(22, "pl-offices")])
    net.prefix_list("pl-offices", ["198.51.100.0/24"])
    inside, outside = (record("eni-web", f"{ip} 40000 -> 10.0.1.10 22") for ip in ("198.51.100.7", STRANGER))
    assert one(net, inside).status == "now-allowed"
    assert short(cause(net, outside)) == "forward security-group ingress sg-web"


def test_a_prefix_list_that_could_not_be_read_explains_nothing() -> None:
    net = web(ingress=[tcp(22, "pl-offices")])
    net.prefix_list("pl-offices", ["198.51.100.0/24"], entries=False)
    found = groups(
        net,
        record("eni-web", f"{STRANGER} 40000 -> 10.0.1.10 22", packets=9),
        record("eni-web", f"{STRANGER} 40000 -> 10.0.1.10 23"),
    )
    assert [group.status for group in found] == ["unexplained", "explained"]


def test_a_rule_that_was_added_since() -> None:
    found = one(web(), record("eni-web", f"{STRANGER} 40000 -> 10.0.1.10 443", flags=2))
    assert (found.status, found.cause) == ("now-allowed", None)


def test_a_group_without_outbound_rules() -> None:
    net = two_subnets(egress=[])
    found = cause(net, record("eni-client", "10.0.1.10 40000 -> 10.0.2.20 443", flags=2))
    assert (short(found), found.code) == ("forward security-group egress sg-client", "SG_HAS_NO_RULES")


@pytest.mark.parametrize(("protocol", "flow"), [("50", f"{STRANGER} -> 10.0.1.10"), ("47", f"{STRANGER} -> 10.0.1.10")])
def test_a_tunnel_that_no_group_serves(protocol: str, flow: str) -> None:
    found = one(web(), record("eni-web", flow, protocol))
    assert (found.protocol, found.destination_port) == (protocol, None)
    assert short(found.cause) == "forward security-group ingress sg-web"


def test_udp_that_only_tcp_was_opened_for() -> None:
    net = web(ingress=[tcp(53, "0.0.0.0/0")])
    found = cause(net, record("eni-web", f"{STRANGER} 40000 -> 10.0.1.10 53", "udp"))
    assert short(found) == "forward security-group ingress sg-web"
    assert found.near_misses[0].failed == ["protocol"]


# -- network ACLs ---------------------------------------------------------------------------------------------------


def test_a_deny_rule_in_front_of_the_one_that_allows() -> None:
    net = web(acl=([deny(90, "tcp", 443, "203.0.113.0/24"), *OPEN], OPEN))
    found = cause(net, record("eni-web", f"{STRANGER} 40000 -> 10.0.1.10 443", flags=2))
    assert short(found) == "forward network-acl ingress acl-web rule 90"
    assert found.rule
    assert found.rule["cidr"] == "203.0.113.0/24"


def test_a_network_acl_that_knows_no_ipv6() -> None:
    net = web(acl=([allow(100)], [allow(100)]))
    found = cause(net, record("eni-web", "2001:db8:ffff::5 40000 -> 2001:db8:1:1::10 443", flags=2))
    assert short(found) == "forward network-acl ingress acl-web rule 32768"
    assert found.rule
    assert found.rule["cidr"] == "::/0"


def test_where_both_refuse_the_one_that_the_packet_meets_first_is_blamed_and_the_other_named() -> None:
    comes = record("eni-client", "10.0.2.20 40000 -> 10.0.1.10 22", flags=2)
    goes = record("eni-client", "10.0.1.10 40000 -> 10.0.2.20 22", flags=2)
    net = two_subnets(egress=[], client_acl=(CLOSED, CLOSED))
    first = cause(net, comes)
    assert short(first) == "forward network-acl ingress acl-client rule 32767"
    assert "no rule of sg-client allows it, either" in first.summary
    second = cause(net, goes)
    assert short(second) == "forward security-group egress sg-client"
    assert "network ACL acl-client denies, too" in second.summary


def test_inside_a_subnet_no_network_acl_is_asked() -> None:
    net = web(acl=(CLOSED, CLOSED))
    net.instance("neighbour", "10.0.1.20")
    assert short(cause(net, record("eni-web", "10.0.1.20 40000 -> 10.0.1.10 22"))).startswith("forward security-group")


# -- replies --------------------------------------------------------------------------------------------------------

PING = f"{STRANGER} -> 172.31.16.139"
PONG = f"172.31.16.139 -> {STRANGER}"


def pinged(*, group: bool = True, out: bool = False) -> Network:
    """The documented example: the group lets ICMP in and nothing out; ``out``: the network ACL lets the reply out.

    https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-records-examples.html
    """
    net = Network("172.31.0.0/16")
    entries = [allow(100)] if out else [deny(90, "icmp"), allow(100)]
    net.subnet("subnet-1", "172.31.16.0/20", acl=([allow(100)], entries))
    net.group("sg-ping", [every("icmp", "0.0.0.0/0")] if group else [tcp(80, "0.0.0.0/0")], [])
    net.instance("target", "172.31.16.139", groups=["sg-ping"])
    return net


def test_a_ping_whose_reply_is_rejected_is_the_network_acls_work() -> None:
    records = [record("eni-target", PING, "icmp", accepted=True), record("eni-target", PONG, "icmp")]
    assert short(cause(pinged(), *records)) == "return network-acl egress acl-1 rule 90"


def test_a_rejected_ping_in_a_log_of_rejects_alone_is_not_taken_for_a_reply() -> None:
    found = cause(pinged(), record("eni-target", PONG, "icmp"))
    assert short(found) == "forward network-acl egress acl-1 rule 90", "it denies pings as well as answers to them"
    assert (
        "no rule of sg-ping allows it, either, unless these are answers: only accepted records would" in found.summary
    )
    net = pinged()
    net.group("sg-open", [every("icmp", "0.0.0.0/0")], OUT)
    net.interface("eni-open", "172.31.16.140", groups=["sg-open"], subnet="subnet-1")
    found = cause(net, record("eni-open", f"172.31.16.140 -> {STRANGER}", "icmp"))
    assert short(found) == "forward network-acl egress acl-1 rule 90"
    assert "; whether these are answers: only accepted records would tell" in found.summary


def test_other_protocols_without_ports_are_not_taken_for_replies_either() -> None:
    net = web(ingress=[every("50", "0.0.0.0/0")], acl=(OPEN, [deny(90, "50"), *OPEN]))
    found = cause(net, record("eni-web", f"10.0.1.10 -> {STRANGER}", "50"))
    assert short(found) == "forward network-acl egress acl-web rule 90"
    accepted = record("eni-web", f"{STRANGER} -> 10.0.1.10", "50", accepted=True)
    found = cause(net, record("eni-web", f"10.0.1.10 -> {STRANGER}", "50"), accepted)
    assert short(found) == "return network-acl egress acl-web rule 90"


def test_a_ping_that_no_group_allows_asks_for_a_rule_about_pings_alone() -> None:
    found = cause(web(), record("eni-web", f"{STRANGER} -> 10.0.1.10", "icmp"))
    assert short(found) == "forward security-group ingress sg-web"
    assert found.next_step
    assert found.next_step.startswith("If these are pings, which the records do not tell: Give sg-web an inbound rule")
    assert found.command
    assert "IpProtocol=icmp,FromPort=8,ToPort=-1," in found.command
    six = cause(web(), record("eni-web", "2001:db8:ffff::5 -> 2001:db8:1:1::10", "icmpv6"))
    assert six.command
    assert "IpProtocol=icmpv6,FromPort=128,ToPort=-1," in six.command
    assert found.packets.icmp_type == "all", "the packets are what the records show"


def test_an_answer_to_a_ping_asks_for_a_rule_about_such_answers_alone() -> None:
    records = [record("eni-target", PING, "icmp", accepted=True), record("eni-target", PONG, "icmp")]
    step = cause(pinged(), *records).next_step
    assert step == (
        "If these are answers to pings, which the records do not tell: Add outbound rule 89 to acl-1 that allows icmp "
        f"type 0 to {STRANGER}/32, if it should pass."
    )


def test_where_pings_pass_and_other_types_do_not_nothing_is_explained_and_no_rule_for_all_types_suggested() -> None:
    ping = record("eni-web", f"{STRANGER} -> 10.0.1.10", "icmp")
    found = one(web(ingress=[icmp(8, -1, "0.0.0.0/0"), icmp(3, 4, "0.0.0.0/0")]), ping)
    assert (found.status, short(found.cause)) == ("unexplained", "forward security-group ingress sg-web")
    assert found.cause
    assert found.cause.summary == (
        "Inbound rules of sg-web let only types 3,8 of icmp pass, and the records do not tell the type: it was another "
        "one, or the rules have changed since."
    )
    assert (found.cause.command, found.cause.near_misses) == (None, [])
    assert found.cause.next_step
    assert "Find out the type before a rule is opened" in found.cause.next_step
    net = web(ingress=[every("icmp", "0.0.0.0/0")], acl=([deny(80, "icmp", icmp=(13, -1)), *OPEN], OPEN))
    found = one(net, ping)
    assert (found.status, short(found.cause)) == ("unexplained", "forward network-acl ingress acl-web rule 80")
    assert found.cause
    assert "let only types 0-12,14-255 of icmp pass" in found.cause.summary


def test_what_the_records_lack_is_named_where_the_rules_refuse_some_ports_or_protocols_only() -> None:
    no_ports = one(web(), record("eni-web", f"{STRANGER} - -> 10.0.1.10 -"))
    assert (no_ports.status, no_ports.destination_port) == ("unexplained", None)
    assert no_ports.cause
    assert "let only port 443 of tcp pass, and the records do not tell the port" in no_ports.cause.summary
    assert (no_ports.cause.command, "${dstport}" in (no_ports.cause.next_step or "")) == (None, True)
    nothing = one(web(), record("eni-web", f"{STRANGER} - -> 10.0.1.10 -", "-"))
    assert nothing.status == "unexplained"
    assert nothing.cause
    assert "let only some protocols pass, and the records do not tell the protocol" in nothing.cause.summary
    shut = one(web(ingress=[]), record("eni-web", f"{STRANGER} - -> 10.0.1.10 -", "-"))
    assert (shut.status, short(shut.cause)) == ("explained", "forward security-group ingress sg-web")


def test_where_one_of_both_refuses_every_type_it_is_blamed() -> None:
    ping = record("eni-web", f"{STRANGER} -> 10.0.1.10", "icmp")
    net = web(ingress=[], acl=([deny(80, "icmp", icmp=(13, -1)), *OPEN], OPEN))
    assert short(cause(net, ping)) == "forward security-group ingress sg-web"


def test_where_all_types_pass_it_is_allowed_now() -> None:
    found = one(web(ingress=[every("icmp", "0.0.0.0/0")]), record("eni-web", f"{STRANGER} -> 10.0.1.10", "icmp"))
    assert (found.status, found.cause) == ("now-allowed", None)


def test_a_ping_that_is_rejected_itself_is_the_groups_work() -> None:
    found = cause(pinged(group=False, out=True), record("eni-target", PING, "icmp"))
    assert short(found) == "forward security-group ingress sg-ping"


def test_a_ping_from_here_is_no_reply_where_no_request_was_accepted() -> None:
    other = record("eni-target", "198.51.100.7 -> 172.31.16.139", "icmp", accepted=True)
    found = cause(pinged(), record("eni-target", PONG, "icmp"), other)
    assert short(found) == "forward security-group egress sg-ping"
    assert "rule 90 of network ACL acl-1 denies, too" in found.summary


def test_a_rejected_reply_of_an_accepted_request_is_never_the_groups_work() -> None:
    request, reply = record("eni-target", PING, "icmp", accepted=True), record("eni-target", PONG, "icmp")
    found = one(pinged(out=True), request, reply)
    assert (found.status, found.cause) == ("now-allowed", None), "the network ACL's rule is gone"
    passed = record("eni-target", PONG, "icmp", accepted=True)
    found = one(pinged(out=True), request, passed, reply)
    assert short(found.cause) == "forward security-group egress sg-ping", "the replies passed, so this was none"


@pytest.mark.parametrize("flags", [None, 18])
def test_a_rejected_answer_of_an_accepted_connection_is_never_the_groups_work(flags: int | None) -> None:
    net = web(egress=[])
    request = record("eni-web", f"{STRANGER} 40000 -> 10.0.1.10 443", accepted=True, flags=flags and 2)
    answer = f"10.0.1.10 443 -> {STRANGER} 40000"
    rejected = record("eni-web", answer, flags=flags)
    assert one(net, request, rejected).status == "now-allowed"
    assert short(cause(net, rejected)) == "forward security-group egress sg-web"


def test_answers_that_passed_before_are_late_ones_that_the_group_refuses() -> None:
    request = record("eni-web", f"{STRANGER} 40000 -> 10.0.1.10 443", accepted=True)
    passed, late = (record("eni-web", f"10.0.1.10 443 -> {STRANGER} 40000", accepted=is_in) for is_in in (True, False))
    found = cause(web(egress=[]), request, passed, late)
    assert (short(found), found.command) == ("forward security-group egress sg-web", None)


def test_of_icmp_rules_the_one_about_pings_is_blamed() -> None:
    net = web(ingress=[icmp(3, 4, "0.0.0.0/0")], acl=([deny(80, "icmp", icmp=(13, -1)), *OPEN], OPEN))
    found = cause(net, record("eni-web", f"{STRANGER} -> 10.0.1.10", "icmp"))
    assert short(found) == "forward security-group ingress sg-web"


def test_replies_to_low_ports_of_clients() -> None:
    net = web(acl=(OPEN, [allow(100, "tcp", (32768, 65535))]))
    records = [
        record("eni-web", f"{STRANGER} 2077 -> 10.0.1.10 443", accepted=True),
        record("eni-web", f"10.0.1.10 443 -> {STRANGER} 2077"),
    ]
    assert short(cause(net, *records)) == "return network-acl egress acl-web rule 32767"
    assert short(cause(net, records[1])) == "return network-acl egress acl-web rule 32767"


def test_replies_that_a_clients_own_network_acl_refuses() -> None:
    net = two_subnets(client_acl=(CLOSED, OPEN))
    found = cause(net, record("eni-client", "10.0.2.20 443 -> 10.0.1.10 40000"))
    assert short(found) == "return network-acl ingress acl-client rule 32767"


def test_answers_of_a_name_server_that_the_network_acl_refuses() -> None:
    net = two_subnets(client_acl=([allow(100, "tcp")], OPEN))
    found = cause(net, record("eni-client", "10.0.2.20 53 -> 10.0.1.10 40000", "udp"))
    assert short(found) == "return network-acl ingress acl-client rule 32767"


def test_an_answer_with_syn_and_ack_is_a_reply_whatever_its_ports() -> None:
    net = web(acl=(OPEN, CLOSED))
    found = cause(net, record("eni-web", f"10.0.1.10 50000 -> {STRANGER} 40000", flags=18))
    assert short(found) == "return network-acl egress acl-web rule 32767"


def test_a_new_connection_is_no_reply_whatever_its_ports() -> None:
    net = web(acl=(OPEN, CLOSED))
    found = cause(net, record("eni-web", f"10.0.1.10 443 -> {STRANGER} 40000", flags=2))
    assert short(found) == "forward network-acl egress acl-web rule 32767"


def test_a_scanner_that_sends_from_port_443_is_answered_by_nobody_here() -> None:
    net = two_subnets(egress=[tcp(5432, "10.0.2.0/24")], client_acl=(CLOSED, OPEN))
    found = cause(net, record("eni-client", f"{STRANGER} 443 -> 10.0.1.10 40000"))
    assert short(found) == "forward network-acl ingress acl-client rule 32767"


# -- NAT gateways, as their interface records them ------------------------------------------------------------------

CLIENT_TO_HOST = f"10.0.2.20 40000 -> {STRANGER} 443"
HOST_TO_CLIENT = f"{STRANGER} 443 -> 10.0.2.20 40000"


def test_a_client_that_the_network_acl_of_the_nat_gateway_refuses() -> None:
    net = behind_nat(nat_acl=([deny(90, "tcp", 443, "10.0.2.0/24"), *OPEN], OPEN))
    found = one(net, record("eni-nat-1", CLIENT_TO_HOST, seen=("10.0.2.20", "10.0.1.99")))
    assert (found.direction, found.destination) == ("ingress", STRANGER)
    assert short(found.cause) == "forward network-acl ingress acl-public rule 90"


def test_replies_of_the_internet_that_do_not_reach_the_ports_of_a_nat_gateway() -> None:
    net = behind_nat(nat_acl=([allow(100, "tcp", (32768, 65535)), allow(110, cidr="10.0.0.0/16")], OPEN))
    found = cause(net, record("eni-nat-1", f"{STRANGER} 443 -> 10.0.1.99 2345"))
    assert short(found) == "return network-acl ingress acl-public rule 32767"


def test_a_nat_gateway_whose_answers_to_its_client_are_refused() -> None:
    net = behind_nat(nat_acl=(OPEN, [allow(100, "tcp", (80, 443))]))
    found = one(net, record("eni-nat-1", HOST_TO_CLIENT, seen=("10.0.1.99", "10.0.2.20")))
    assert (found.direction, found.source) == ("egress", STRANGER)
    assert short(found.cause) == "return network-acl egress acl-public rule 32767"


def test_without_packet_addresses_a_client_of_a_nat_gateway_is_still_none_of_its_hosts() -> None:
    net = behind_nat(nat_acl=([deny(90, "tcp", 443, "10.0.2.0/24"), *OPEN], OPEN))
    found = cause(net, record("eni-nat-1", "10.0.2.20 40000 -> 10.0.1.99 443"))
    assert short(found) == "forward network-acl ingress acl-public rule 90"


# -- what no rule does ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flags", [0, 1, 4, 5])
def test_late_packets_of_closed_connections_need_no_rule(flags: int) -> None:
    found = cause(web(), record("eni-web", f"{STRANGER} 443 -> 10.0.1.10 40000", flags=flags))
    assert (found.layer, found.code, found.rule) == ("interface", "LATE_PACKETS", None)
    assert (found.next_step, found.command) == ("Nobody has to open a rule for these.", None)


@pytest.mark.parametrize("flags", [2, 3, 6, 7])
def test_a_connection_that_was_opened_in_the_interval_is_new_whatever_else_it_did(flags: int) -> None:
    found = cause(web(), record("eni-web", f"{STRANGER} 40000 -> 10.0.1.10 22", flags=flags))
    assert short(found) == "forward security-group ingress sg-web"


def test_a_flow_with_late_and_new_packets_is_new() -> None:
    flow = f"{STRANGER} 40000 -> 10.0.1.10 22"
    found = one(web(), record("eni-web", flow, flags=1), record("eni-web", flow, flags=2, at=60))
    assert (found.records, short(found.cause)) == (2, "forward security-group ingress sg-web")


def test_late_packets_that_a_network_acl_denies_are_its_own_work() -> None:
    net = web(acl=(OPEN, [allow(100, "tcp", (80, 443))]))
    found = cause(net, record("eni-web", f"10.0.1.10 443 -> {STRANGER} 40000", flags=1))
    assert short(found) == "return network-acl egress acl-web rule 32767"


def test_without_flags_packets_from_a_service_to_a_clients_port_ask_for_no_rule() -> None:
    late, new = (record("eni-web", f"{STRANGER} {port} -> 10.0.1.10 40000") for port in (443, 50000))
    found = cause(web(), late)
    assert short(found) == "forward security-group ingress sg-web"
    assert (found.next_step, found.command) == ("Nobody has to open a rule for these.", None)
    assert cause(web(), new).command


def test_block_public_access() -> None:
    net = web()
    net.block_public_access("block-bidirectional")
    found = cause(net, record("eni-web", f"{STRANGER} 40000 -> 10.0.1.10 443", direction="ingress", reason="BPA"))
    assert (found.layer, found.resource_ids) == ("block-public-access", ["vpc-1"])


def test_encryption_controls() -> None:
    found = cause(web(), record("eni-web", "10.0.2.20 40000 -> 10.0.1.10 443", direction="ingress", reason="EC"))
    assert (found.layer, found.code) == ("interface", "VPC_ENCRYPTION_CONTROLS_ENFORCED")


def test_a_reason_that_is_new_is_not_put_on_the_rules() -> None:
    # AWS gives no reason where security groups and network ACLs refuse.
    found = one(web(), record("eni-web", f"{STRANGER} 40000 -> 10.0.1.10 22", direction="ingress", reason="XYZ"))
    assert (found.status, found.cause) == ("unexplained", None)


def test_an_interface_that_is_gone() -> None:
    found = one(web(), record("eni-0123456789abcdef0", f"{STRANGER} 40000 -> 10.0.1.10 22"))
    assert (found.status, found.cause) == ("unknown-interface", None)


def test_an_interface_without_groups_has_only_its_network_acl() -> None:
    net = web(acl=([deny(90, "tcp", 22), *OPEN], OPEN))
    net.interface("eni-tgw", "10.0.1.200", groups=[], kind="transit_gateway", requester="amazon-aws")
    flow = "10.20.33.164 39812 -> 10.40.2.236"
    seen = ("10.20.33.164", "10.0.1.200")
    assert short(cause(net, record("eni-tgw", f"{flow} 22", seen=seen))) == (
        "forward network-acl ingress acl-web rule 90"
    )
    assert one(net, record("eni-tgw", f"{flow} 443", seen=seen)).status == "now-allowed"


def test_what_a_transit_gateway_takes_from_its_own_subnet_meets_the_network_acl() -> None:
    """https://docs.aws.amazon.com/vpc/latest/tgw/tgw-nacls.html"""
    net = web(acl=([deny(90, "tcp", 22), *OPEN], [deny(90, "tcp", 22), *OPEN]))
    net.interface("eni-tgw", "10.0.1.200", groups=[], kind="transit_gateway", requester="amazon-aws")
    there = record("eni-tgw", "10.0.1.10 40000 -> 10.20.33.164 22", seen=("10.0.1.10", "10.0.1.200"))
    back = record("eni-tgw", "10.20.33.164 40000 -> 10.0.1.10 22", seen=("10.0.1.200", "10.0.1.10"))
    assert short(cause(net, there)) == "forward network-acl ingress acl-web rule 90"
    assert one(net, back).status == "now-allowed"


def test_a_direction_that_nothing_tells_is_not_guessed() -> None:
    found = one(web(ingress=[udp(53, "0.0.0.0/0")]), record("eni-web", "10.9.9.9 40000 -> 10.8.8.8 53", "udp"))
    assert (found.status, found.direction) == ("unexplained", None)


@pytest.mark.parametrize("protocol", ["tcp", "icmp"])
def test_ends_of_both_ip_versions_are_no_flow_that_rules_decide(protocol: str) -> None:
    """AWS writes none such; whoever does is not answered with a rule of one of the two."""
    net = web(ingress=[tcp(443, "0.0.0.0/0")], acl=([deny(90), *OPEN], OPEN))
    for flow, direction in (
        ("2001:db8::7 40000 -> 10.0.1.10 22", "ingress"),
        ("10.0.1.10 22 -> 2001:db8::7 40000", "-"),
    ):
        found = one(net, record("eni-web", flow, protocol, direction=direction))
        assert (found.status, found.cause) == ("unexplained", None)


def test_a_file_that_is_named_in_several_ways_counts_once(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    log = folder / "flow.log"
    log.write_text("\n".join([HEADER, record("eni-web", f"{STRANGER} 40000 -> 10.0.1.10 22"), ""]))
    (folder / "newest.log").symlink_to(log)
    session = Session(snapshot(web().save(tmp_path / "snapshot")))
    found = session.rejects(RejectsRequest(locations=(str(log), str(folder), f"{folder}/../logs/flow.log")), NOW)
    assert (found.scanned["records"], found.scanned["files"]) == (1, 1)
