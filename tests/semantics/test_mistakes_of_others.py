"""Mistakes that other tools for the same question ship, each as the case in which they go wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.builders import (
    ANYWHERE,
    CLOSED,
    OPEN,
    Network,
    allow,
    blockers,
    codes,
    deny,
    every,
    tcp,
    udp,
)
from tests.semantics.scenes import behind_nat, public_server, two_subnets
from whyblocked.cli.main import run

DEFAULT_ROW = "2 123456789012 {} {} {} {} {} 6 4 240 1795424400 1795424458 {} OK\n"


def test_01_a_rule_for_a_group_that_the_sender_carries_allows() -> None:
    assert two_subnets(ingress=[tcp(5432, "sg-client")]).ask("client -> server:5432").verdict == "allowed"


def test_02_a_rule_for_a_group_does_not_match_a_sender_that_comes_by_the_public_address() -> None:
    net = public_server(ingress=[tcp(443, "sg-client")])
    net.group("sg-client")
    net.instance("client", "10.0.1.20", public="198.51.100.20", groups=["sg-client"])
    assert net.ask("client -> 10.0.1.10:443").verdict == "allowed"
    assert blockers(net.ask("client -> 198.51.100.10:443")) == ["forward security-group ingress sg-web"]


def test_03_one_open_reply_port_is_not_enough_and_the_missing_ones_are_shown() -> None:
    answer = public_server(acl=(OPEN, [allow(100, "tcp", 1024)])).ask("203.0.113.5 -> web:443")
    assert (answer.verdict, blockers(answer)) == ("partial", ["return network-acl egress acl-public rule 32767"])
    assert answer.blocked_by[0].packets.source_ports == "1025-65535"


def test_04_a_ping_without_a_rule_for_its_reply_is_blocked() -> None:
    answer = two_subnets(server_acl=(OPEN, [allow(100, "tcp", (0, 65535))])).ask("client -> server/icmp")
    assert (answer.verdict, answer.blocked_by[0].leg) == ("blocked", "return")


def test_05_both_last_rules_of_a_network_acl_are_known_as_such() -> None:
    net = two_subnets(server_acl=([allow(100), allow(101, cidr="::/0")], OPEN))
    entries = next(a for a in net.responses["NetworkAcls"] if a["NetworkAclId"] == "acl-server")["Entries"]
    assert {entry["RuleNumber"] for entry in entries} >= {32767, 32768}
    assert net.ask("client -> server:443").verdict == "allowed"
    assert net.ask("2001:db8:1:1::10 -> [2001:db8:1:2::20]:443").verdict == "allowed"
    closed = two_subnets(server_acl=(CLOSED, OPEN)).ask("2001:db8:1:1::10 -> [2001:db8:1:2::20]:443")
    assert "(*)" in closed.blocked_by[0].summary


def test_06_a_prefix_list_that_cannot_be_read_is_unknown_not_empty() -> None:
    net = public_server(ingress=[tcp(22, "pl-0a1")])
    net.prefix_list("pl-0a1", ["203.0.113.0/24"], entries=False)
    assert net.ask("203.0.113.5 -> web:22").verdict == "undetermined"


def test_07_a_rule_for_udp_does_not_open_the_same_port_for_tcp() -> None:
    net = two_subnets(ingress=[udp(53, ANYWHERE)], server_acl=([allow(100, "udp", 53)], OPEN))
    assert net.ask("client -> server:53/udp").verdict == "allowed"
    assert blockers(net.ask("client -> server:53/tcp")) == [
        "forward network-acl ingress acl-server rule 32767",
        "forward security-group ingress sg-server",
    ]


@pytest.mark.parametrize(("port", "verdict"), [(8100, "allowed"), (8101, "blocked")])
def test_08_the_last_port_of_a_range_belongs_to_it(port: int, verdict: str) -> None:
    net = two_subnets(ingress=[tcp((8000, 8100), ANYWHERE)], server_acl=([allow(100, "tcp", (8000, 8100))], OPEN))
    assert net.ask(f"client -> server:{port}").verdict == verdict


def test_09_network_acl_rules_count_by_number_and_the_first_match_wins() -> None:
    rules = [allow(300, "tcp", 443), deny(100, "tcp", 443), allow(200, "tcp", 443)]
    answer = two_subnets(server_acl=(rules, OPEN)).ask("client -> server:443")
    assert blockers(answer) == ["forward network-acl ingress acl-server rule 100"]


def test_10_no_network_acl_counts_within_a_subnet() -> None:
    net = two_subnets(server_acl=(CLOSED, CLOSED))
    net.instance("neighbour", "10.0.2.21")
    assert net.ask("neighbour -> server:443").verdict == "allowed"
    assert net.ask("client -> server:443").verdict == "blocked"


def test_11_the_rule_that_denies_is_named() -> None:
    answer = two_subnets(server_acl=([deny(70, "tcp", 443, "10.0.1.0/24"), *OPEN], OPEN)).ask("client -> server:443")
    rule = answer.blocked_by[0].rule
    assert rule is not None
    assert (rule["rule_number"], rule["action"], rule["cidr"], rule["ports"]) == (70, "deny", "10.0.1.0/24", "443")
    assert "70" in answer.summary


def test_12_a_rule_behind_the_one_that_decides_is_a_near_miss_not_the_decider() -> None:
    rules = [deny(70, cidr="10.0.1.0/24"), deny(80, "tcp", 443), allow(90, "tcp", 443)]
    finding = two_subnets(server_acl=(rules, OPEN)).ask("client -> server:443").blocked_by[0]
    assert finding.rule is not None
    assert finding.rule["rule_number"] == 70
    assert [miss.rule["rule_number"] for miss in finding.near_misses] == [90]


def test_13_the_interface_that_owns_the_address_is_looked_at_not_the_first_one() -> None:
    net = two_subnets(ingress=[], secondary={"10.0.2.21": None})
    net.group("sg-second", [tcp(443, ANYWHERE)])
    instance = net.responses["Reservations"][-1]["Instances"][0]["InstanceId"]
    net.interface(
        "eni-second", "10.0.2.50", groups=["sg-second"], secondary={"10.0.2.51": None}, instance=instance, device=1
    )
    for address, verdict in (
        ("10.0.2.20", "blocked"),
        ("10.0.2.21", "blocked"),
        ("10.0.2.50", "allowed"),
        ("10.0.2.51", "allowed"),
    ):
        assert net.ask(f"client -> {address}:443").verdict == verdict, address
    assert net.ask("client -> server:443").verdict == "partial"


RECORDS = {
    "default format, no header": DEFAULT_ROW.format("eni-server", "10.0.1.10", "10.0.2.20", 40000, 443, "REJECT"),
    "a header line": "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end "
    "action log-status\n" + DEFAULT_ROW.format("eni-server", "10.0.1.10", "10.0.2.20", 40000, 443, "REJECT"),
    "fields in another order": "action interface-id dstport srcport protocol dstaddr srcaddr end start log-status\n"
    "REJECT eni-server 443 40000 6 10.0.2.20 10.0.1.10 1795424458 1795424400 OK\n",
    "dashes, NODATA and SKIPDATA between": "2 123456789012 eni-server - - - - - - - 1795424400 1795424458 - NODATA\n"
    "2 123456789012 eni-server - - - - - - - 1795424400 1795424458 - SKIPDATA\n"
    + DEFAULT_ROW.format("eni-server", "10.0.1.10", "10.0.2.20", 40000, 443, "REJECT"),
    "a reject-reason": "version interface-id srcaddr dstaddr srcport dstport protocol start end action log-status "
    "reject-reason\n8 eni-server 10.0.1.10 10.0.2.20 40000 443 6 1795424400 1795424458 REJECT OK -\n",
    "times in milliseconds": DEFAULT_ROW.format("eni-server", "10.0.1.10", "10.0.2.20", 40000, 443, "REJECT")
    .replace("1795424400", "1795424400000")
    .replace("1795424458", "1795424458000"),
}


@pytest.mark.parametrize("records", RECORDS.values(), ids=RECORDS.keys())
def test_14_records_are_read_in_every_form_they_come_in(records: str) -> None:
    answer = two_subnets(ingress=[]).ask("client -> server:443", records)
    assert (answer.evidence.status, answer.evidence.rejected) == ("confirms", 1)
    assert answer.evidence.first_seen == "2026-11-23T09:00:00Z"


def test_14_port_0_is_a_port() -> None:
    row = DEFAULT_ROW.format("eni-server", "10.0.1.10", "10.0.2.20", 40000, 0, "REJECT")
    net = two_subnets(ingress=[])
    assert net.ask("client -> server", row).evidence.rejected == 1
    assert net.ask("client -> server:443", row).evidence.records == 0


@pytest.mark.parametrize("resource", ["eni-server", "subnet-server", "vpc-1"])
def test_15_a_flow_log_on_interface_subnet_or_vpc_is_found(resource: str) -> None:
    net = two_subnets()
    net.flow_log("fl-1", resource, group="/flow/all")
    evidence = net.ask_of_its_flow_logs("client -> server:443").evidence
    assert any("/flow/all" in note for note in evidence.notes)
    assert evidence.enable_command is None


def test_15_without_a_flow_log_the_command_that_makes_one_is_shown() -> None:
    evidence = two_subnets().ask_of_its_flow_logs("client -> server:443").evidence
    assert evidence.status == "unavailable"
    assert evidence.enable_command is not None
    assert "create-flow-logs" in evidence.enable_command
    assert "eni-server" in evidence.enable_command


def test_16_one_call_that_was_refused_leaves_a_partial_report_and_its_own_exit_status() -> None:
    net = two_subnets(ingress=[])
    net.leave_out("NetworkAcls")
    answer = net.ask("client -> server:443")
    assert (answer.verdict, blockers(answer)) == ("blocked", ["forward security-group ingress sg-server"])
    assert any("DescribeNetworkAcls" in missing for missing in answer.missing)
    open_ = two_subnets()
    open_.leave_out("NetworkAcls")
    assert open_.ask("client -> server:443").exit_status == 3


@pytest.mark.parametrize("kind", ["SecurityGroups", "RouteTables", "NatGateways"])
def test_17_a_resource_that_is_gone_by_the_time_it_is_asked_for_is_not_taken_for_open(kind: str) -> None:
    net = behind_nat()
    net.responses[kind].clear()
    answer = net.ask("worker -> 192.0.2.80:443")
    assert (answer.verdict, answer.exit_status) == ("undetermined", 3)
    assert answer.missing


def test_18_block_public_access_and_its_exclusion_of_a_subnet() -> None:
    net = public_server()
    for mode in ("block-bidirectional", "block-ingress"):
        net.block_public_access(mode)
        assert codes(net.ask("203.0.113.5 -> web:443")) == ["VPC_BLOCK_PUBLIC_ACCESS_ENABLED"]
        net.block_public_access(mode, {"subnet-public": "allow-bidirectional"})
        assert net.ask("203.0.113.5 -> web:443").verdict == "allowed"


def test_18_an_interface_that_denies_gateway_traffic() -> None:
    net = public_server()
    net.responses["NetworkInterfaces"][0]["DenyAllIgwTraffic"] = True
    assert codes(net.ask("2001:db8:ffff::5 -> [2001:db8:1:1::10]:443"))[0] == "ENI_DENIES_IGW_TRAFFIC"


def test_18_an_appliance_and_a_stopped_instance() -> None:
    net = two_subnets(state="stopped")
    assert codes(net.ask("10.0.1.10 -> 10.0.2.20:443")) == ["BAD_STATE"]
    for check, verdict in ((True, "blocked"), (False, "undetermined")):
        net = Network()
        net.subnet("subnet-app", "10.0.1.0/24", routes={"0.0.0.0/0": "eni-proxy"})
        net.subnet("subnet-proxy", "10.0.2.0/24")
        net.instance("app", "10.0.1.10")
        net.instance("proxy", "10.0.2.5", source_dest_check=check)
        assert net.ask("app -> 192.0.2.80:443").verdict == verdict


def test_19_json_is_one_document_whatever_the_answer_warns_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net = two_subnets()
    net.leave_out("NetworkAcls")
    folder = str(net.save(tmp_path))
    assert run(["client", "10.0.2.200:443", "--snapshot", folder, "--no-flow-logs", "--output", "json"]) == 3
    document = json.loads(capsys.readouterr().out)
    assert document["schema_version"] == 1
    assert document["warnings"]
    assert document["missing"]


def test_20_a_block_that_misses_by_one_bit_is_the_first_near_miss() -> None:
    rules = [tcp(22, "198.51.100.0/24"), tcp(22, "203.0.113.0/30"), tcp(22, "203.0.100.0/24")]
    finding = public_server(ingress=rules).ask("203.0.113.5 -> web:22").blocked_by[0]
    assert finding.near_misses[0].rule["cidr"] == "203.0.113.0/30"
    assert finding.near_misses[0].failed == ["source"]


def test_20_wide_and_narrow_rules_of_a_group_count_the_same() -> None:
    for rules in ([tcp(443, ANYWHERE), tcp(443, "10.0.1.10/32")], [tcp(443, "10.0.1.10/32"), every("-1", ANYWHERE)]):
        assert two_subnets(ingress=rules).ask("client -> server:443").verdict == "allowed"
