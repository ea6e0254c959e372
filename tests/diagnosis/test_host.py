"""The host behind the packet: a story a cause, rules and records in, the report out; and what must not be said."""

from __future__ import annotations

import io
import json
import re
import shlex
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.builders import NOW, OPEN, OUT, Network, deny, every, question_of, tcp
from tests.diagnosis.recorded import FIN, HEADER, NINE, RST, SYN, SYN_ACK, Connection, others, without_flags
from tests.report.goldens import check
from tests.semantics.scenes import behind_nat, two_subnets
from whyblocked.api import Session, snapshot
from whyblocked.diagnosis.answer import Answer, Finding
from whyblocked.diagnosis.checked import Checked
from whyblocked.diagnosis.evidence import EvidenceRequest, gather
from whyblocked.diagnosis.host.telling import told
from whyblocked.report import html, markdown, text
from whyblocked.report import json as json_report
from whyblocked.report.check import junit
from whyblocked.report.console import build_console

CLIENT, SERVER, WORKER = "eni-client", "eni-server", "eni-worker"
ONE, TWO, THREE = Connection(), Connection(client_port=40001), Connection(client_port=40002)
PROVIDER = Connection("10.0.2.20", "203.0.113.80", 41000)
ASKED = "client -> server:443"


def closed_to_icmp() -> Network:
    """The groups of both ends have rules for HTTPS alone, as many have."""
    net = two_subnets(ingress=[tcp(443, "10.0.0.0/16")])
    group = next(one for one in net.responses["SecurityGroups"] if one["GroupId"] == "sg-client")
    group["IpPermissions"] = []
    return net


def worked(connection: Connection, eni: str, at: int = 0) -> str:
    """A connection as it should be: opened, used, closed."""
    return connection.asks(eni, SYN | FIN, 9, 120, at=at) + connection.answers(eni, SYN_ACK | FIN, 8, 700, at=at)


STORIES: dict[str, tuple[Callable[[], Network], str, str]] = {
    "nothing-back": (
        two_subnets,
        ASKED,
        ONE.asks(SERVER) + TWO.asks(SERVER, at=60) + others(SERVER),
    ),
    "nothing-back-on-windows": (
        lambda: two_subnets(platform="windows"),
        ASKED,
        ONE.asks(SERVER) + TWO.asks(SERVER, at=60) + others(SERVER),
    ),
    "service-stopped": (
        two_subnets,
        ASKED,
        worked(ONE, SERVER)
        + worked(TWO, SERVER, at=60)
        + THREE.asks(SERVER, SYN, 1, at=120)
        + THREE.answers(SERVER, RST, 1, 40, at=120),
    ),
    "reply-lost": (
        two_subnets,
        ASKED,
        "".join(c.asks(e, SYN, 4) for c in (ONE, TWO) for e in (CLIENT, SERVER))
        + "".join(c.answers(SERVER, SYN_ACK, 5) for c in (ONE, TWO))
        + others(CLIENT),
    ),
    "client-ignores": (
        two_subnets,
        ASKED,
        "".join(c.asks(e, SYN, 4) + c.answers(e, SYN_ACK, 5) for c in (ONE, TWO) for e in (CLIENT, SERVER))
        + others(CLIENT),
    ),
    "idle-behind-nat": (
        behind_nat,
        "worker -> 203.0.113.80:443",
        PROVIDER.asks(WORKER, SYN, 9, 120)
        + PROVIDER.answers(WORKER, SYN_ACK, 8, 300)
        + PROVIDER.asks(WORKER, 0, 1, 80, at=405, last=0)
        + PROVIDER.answers(WORKER, RST, 1, 40, at=405, last=0),
    ),
    "large-packets-lost": (
        closed_to_icmp,
        ASKED,
        "".join(ONE.asks(e, SYN, 9, 120) for e in (CLIENT, SERVER))
        + ONE.answers(SERVER, SYN_ACK, 20, 1400)
        + ONE.answers(CLIENT, SYN_ACK, 8, 90),
    ),
    "falls-silent": (
        two_subnets,
        ASKED,
        ONE.asks(SERVER, SYN, 9, 120)
        + ONE.answers(SERVER, SYN_ACK, 8, 300)
        + "".join(ONE.asks(SERVER, 0, 3, 90, at=at) for at in (120, 180, 240)),
    ),
    "without-flags": (two_subnets, ASKED, without_flags(ONE.asks(SERVER) + TWO.asks(SERVER, at=60) + others(SERVER))),
    "never-came": (two_subnets, ASKED, others(SERVER)),
    "provider-silent": (
        behind_nat,
        "worker -> 203.0.113.80:443",
        PROVIDER.asks(WORKER) + PROVIDER._replace(client_port=41001).asks(WORKER, at=60),
    ),
}


def answered(net: Network, line: str, records: str) -> Answer:
    return net.ask(line, records if records.startswith("version") else HEADER + records)


def shown(answer: Answer) -> str:
    stream = io.StringIO()
    text.render(answer, build_console(stream, False, 120))
    return re.sub(r"/tmp/\S+/flow\.log", "flow.log", stream.getvalue())


def host(answer: Answer) -> Finding:
    assert answer.verdict == "allowed"
    (finding,) = answer.blocked_by
    assert finding.layer == "host"
    return finding


def said(records: str, line: str = ASKED, net: Network | None = None) -> tuple[str, str]:
    """Code and confidence of the one finding."""
    finding = host(answered(net or two_subnets(), line, records))
    assert finding.confidence is not None
    return finding.code, finding.confidence


@pytest.mark.parametrize("story", STORIES)
def test_the_whole_story_as_people_read_it(story: str) -> None:
    make, line, records = STORIES[story]
    check(f"host.{story}.txt", shown(answered(make(), line, records)))


# -- what the records say -------------------------------------------------------------------------------------------


def test_syns_that_are_not_answered_are_the_hosts_silence() -> None:
    finding = host(answered(two_subnets(), ASKED, STORIES["nothing-back"][2]))
    assert (finding.code, finding.confidence, finding.leg) == ("HOST_SENDS_NOTHING_BACK", "high", "forward")
    assert (finding.interface_id, finding.rule, finding.direction) == (SERVER, None, None)
    assert finding.checks[0].startswith("aws ssm start-session --target i-")
    assert finding.command == finding.checks[1] == "sudo ss -lntp 'sport = :443'"


def test_a_rst_is_a_closed_port() -> None:
    assert said(ONE.asks(SERVER, SYN, 1) + ONE.answers(SERVER, RST, 1, 40)) == ("HOST_REFUSES_CONNECTIONS", "high")


def test_the_summary_begins_with_what_the_host_did() -> None:
    answer = answered(two_subnets(), ASKED, ONE.asks(SERVER, SYN, 1) + ONE.answers(SERVER, RST, 1, 40))
    assert answer.summary.startswith("AWS lets it pass; the host answered with RST: port closed. ")
    assert "Behind the rules  AWS lets it pass; the host answered with RST: port closed" in shown(answer)
    low = answered(two_subnets(), ASKED, STORIES["falls-silent"][2])
    assert low.summary.startswith("AWS lets it pass; an open connection fell silent (low confidence). ")


def test_syn_and_syn_ack_again_and_again_are_a_reply_that_gets_lost() -> None:
    records = ONE.asks(SERVER, SYN, 4) + ONE.answers(SERVER, SYN_ACK, 5)
    assert said(records + others(SERVER)) == ("REPLY_LOST_ON_THE_WAY_BACK", "medium")


def test_the_records_of_both_ends_name_the_leg() -> None:
    finding = host(answered(two_subnets(), ASKED, STORIES["reply-lost"][2]))
    assert (finding.code, finding.leg, finding.confidence) == ("REPLY_LOST_ON_THE_WAY_BACK", "return", "high")
    assert "eni-server answers" in finding.summary
    assert "comes to eni-client" in finding.summary


def test_a_connection_that_was_idle_for_longer_than_the_nat_gateway_remembers() -> None:
    finding = host(answered(behind_nat(), *STORIES["idle-behind-nat"][1:]))
    assert (finding.code, finding.confidence) == ("IDLE_CONNECTION_FORGOTTEN", "high")
    assert "nat-1 forgets connections that were idle for 350 seconds" in finding.summary


def test_a_shorter_pause_is_no_idle_timeout() -> None:
    records = ONE.asks(SERVER, SYN, 9, 120) + ONE.answers(SERVER, SYN_ACK, 8, 300)
    records += ONE.asks(SERVER, 0, 1, 80, at=300) + ONE.answers(SERVER, RST, 1, 40, at=300)
    assert answered(two_subnets(), ASKED, records).blocked_by == []


def test_a_connection_that_is_only_idle_is_nothing_to_report() -> None:
    records = ONE.asks(SERVER, SYN, 9, 120) + ONE.answers(SERVER, SYN_ACK, 8, 300)
    assert answered(two_subnets(), ASKED, records + others(SERVER, at=3000)).blocked_by == []


def test_large_packets_that_get_lost_name_the_rules_that_keep_icmp_out() -> None:
    finding = host(answered(closed_to_icmp(), *STORIES["large-packets-lost"][1:]))
    assert (finding.code, finding.confidence) == ("LARGE_PACKETS_LOST", "high")
    assert "no inbound rule of sg-server lets ICMP type 3 code 4 in" in finding.summary
    assert "ping -M do -s 1472 -c 3 10.0.1.10" in finding.checks


def test_a_network_acl_can_keep_icmp_out_as_well() -> None:
    rules = [deny(90, "icmp"), *OPEN]
    net = two_subnets(server_acl=(rules, OPEN))
    finding = host(answered(net, ASKED, STORIES["large-packets-lost"][2]))
    assert "no inbound rule of acl-server lets ICMP type 3 code 4 in" in finding.summary


def test_nothing_is_blamed_on_icmp_that_comes_in() -> None:
    finding = host(answered(two_subnets(), ASKED, STORIES["large-packets-lost"][2]))
    assert (finding.code, finding.confidence) == ("LARGE_PACKETS_LOST", "medium")
    assert "ICMP" not in finding.summary


def test_one_side_that_goes_on_alone_is_told_with_low_confidence() -> None:
    assert said(STORIES["falls-silent"][2]) == ("CONNECTION_FALLS_SILENT", "low")


def test_what_is_silent_outside_the_account_is_asked_about_at_the_client() -> None:
    finding = host(answered(behind_nat(), *STORIES["provider-silent"][1:]))
    assert (finding.code, finding.interface_id, finding.confidence) == ("HOST_SENDS_NOTHING_BACK", WORKER, "low")
    assert "nc -vz -w 5 203.0.113.80 443" in finding.checks


def test_a_query_to_a_name_server_that_is_not_answered() -> None:
    dns = Connection(port=53, protocol=17)
    records = dns.asks(SERVER, "-", 3, 70) + dns._replace(client_port=40001).asks(SERVER, "-", 3, 70, at=60)
    finding = host(answered(two_subnets(), "client -> server:53/udp", HEADER + records + others(SERVER)))
    assert (finding.code, finding.confidence) == ("HOST_SENDS_NOTHING_BACK", "medium")
    assert "sudo ss -lnup 'sport = :53'" in finding.checks


def test_a_query_that_icmp_answers_is_one_to_a_closed_port() -> None:
    dns, error = Connection(port=53, protocol=17), Connection(client_port=0, port=0, protocol=1)
    records = dns.asks(SERVER, "-", 3, 70) + error.answers(SERVER, "-", 3, 98)
    finding = host(answered(two_subnets(), "client -> server:53/udp", records))
    assert (finding.code, finding.confidence) == ("HOST_REFUSES_CONNECTIONS", "medium")
    assert finding.summary.startswith("eni-server answers udp/53 with ICMP, as a host does where nothing listens")


def test_a_one_way_sender_over_udp_is_nothing_to_report() -> None:
    syslog = Connection(port=514, protocol=17)
    assert answered(two_subnets(), "client -> server:514/udp", syslog.asks(SERVER, "-", 9)).blocked_by == []


def test_a_ping_that_arrives_and_is_not_answered() -> None:
    ping = Connection(client_port=0, port=0, protocol=1)
    finding = host(
        answered(two_subnets(), "client -> server/icmp", HEADER + ping.asks(SERVER, "-", 4, 84) + others(SERVER))
    )
    assert (finding.code, finding.confidence) == ("HOST_SENDS_NOTHING_BACK", "medium")
    assert "sysctl net.ipv4.icmp_echo_ignore_all" in finding.checks


# -- documented records, and what must not be said ------------------------------------------------------------------

DOCUMENTED = """
version vpc-id subnet-id instance-id interface-id account-id type srcaddr dstaddr srcport dstport pkt-srcaddr pkt-dstaddr protocol bytes packets start end action tcp-flags log-status
3 vpc-1 subnet-server i-01234567890123456 eni-server 123456789010 IPv4 52.213.180.42 10.0.2.20 43416 5001 52.213.180.42 10.0.2.20 6 568 8 1566848875 1566848933 ACCEPT 2 OK
3 vpc-1 subnet-server i-01234567890123456 eni-server 123456789010 IPv4 10.0.2.20 52.213.180.42 5001 43416 10.0.2.20 52.213.180.42 6 376 7 1566848875 1566848933 ACCEPT 18 OK
3 vpc-1 subnet-server i-01234567890123456 eni-server 123456789010 IPv4 52.213.180.42 10.0.2.20 43418 5001 52.213.180.42 10.0.2.20 6 100701 70 1566848875 1566848933 ACCEPT 2 OK
3 vpc-1 subnet-server i-01234567890123456 eni-server 123456789010 IPv4 10.0.2.20 52.213.180.42 5001 43418 10.0.2.20 52.213.180.42 6 632 12 1566848875 1566848933 ACCEPT 18 OK
3 vpc-1 subnet-server i-01234567890123456 eni-server 123456789010 IPv4 10.0.2.20 52.213.180.42 5001 43418 10.0.2.20 52.213.180.42 6 63388 1219 1566848933 1566849113 ACCEPT 1 OK
3 vpc-1 subnet-server i-01234567890123456 eni-server 123456789010 IPv4 52.213.180.42 10.0.2.20 43418 5001 52.213.180.42 10.0.2.20 6 23294588 15774 1566848933 1566849113 ACCEPT 1 OK
3 vpc-1 subnet-server i-01234567890123456 eni-server 123456789010 IPv4 52.213.180.42 10.0.2.20 43638 5001 52.213.180.42 10.0.2.20 6 1260 17 1566933133 1566933193 ACCEPT 3 OK
3 vpc-1 subnet-server i-01234567890123456 eni-server 123456789010 IPv4 10.0.2.20 52.213.180.42 5001 43638  10.0.2.20 52.213.180.42 6 967 14 1566933133 1566933193 ACCEPT 19 OK
""".lstrip()  # noqa: E501 - AWS's own lines, with the addresses of our scene


def public_service() -> Network:
    net = Network()
    net.internet_gateway()
    net.subnet("subnet-server", "10.0.2.0/24", routes={"0.0.0.0/0": "igw-1"})
    net.instance("server", "10.0.2.20", public="198.51.100.20")
    return net


def test_the_documented_connections_work_and_nothing_is_said_of_their_host() -> None:
    answer = answered(public_service(), "52.213.180.42 -> server:5001", DOCUMENTED)
    assert (answer.evidence.status, answer.evidence.records, answer.blocked_by) == ("confirms", 8, [])


def test_the_documented_connection_through_a_transit_gateway_works() -> None:
    records = ONE.asks(SERVER, 3) + ONE.answers(SERVER, 19) + ONE.asks(CLIENT, 3) + ONE.answers(CLIENT, 19)
    assert answered(two_subnets(), ASKED, records).blocked_by == []


@pytest.mark.parametrize(
    "action", ["accepted request, rejected reply", "rejected request"], ids=lambda action: action.replace(" ", "-")
)
def test_where_records_contradict_the_rules_the_host_is_not_blamed(action: str) -> None:
    request, reply = ONE.asks(SERVER), ONE.answers(SERVER).replace("ACCEPT", "REJECT")
    records = request + reply if "reply" in action else request.replace("ACCEPT", "REJECT")
    answer = answered(two_subnets(), ASKED, records)
    assert (answer.evidence.status, answer.blocked_by) == ("contradicts", [])


def test_where_the_rules_block_nothing_is_said_of_the_host() -> None:
    answer = answered(two_subnets(server_acl=(OPEN, [])), ASKED, ONE.asks(SERVER) + TWO.asks(SERVER))
    assert {finding.layer for finding in answer.blocked_by} == {"network-acl"}


def test_packets_of_an_old_connection_without_a_syn_say_nothing() -> None:
    assert answered(two_subnets(), ASKED, ONE.asks(SERVER, 0, 5) + TWO.asks(SERVER, FIN, 1)).blocked_by == []


def test_a_host_that_answers_again_is_not_reported() -> None:
    assert answered(two_subnets(), ASKED, ONE.asks(SERVER) + worked(TWO, SERVER, at=300)).blocked_by == []


def test_of_a_service_that_works_the_end_of_the_log_is_not_held_against_it() -> None:
    records = "".join(worked(ONE._replace(client_port=port), SERVER, at=port - 40000) for port in range(40000, 40060))
    answer = answered(two_subnets(), ASKED, records + ONE._replace(client_port=50000).asks(SERVER, SYN, 1, at=70))
    assert answer.blocked_by == []


def test_connections_that_are_lost_among_others_that_work_are_a_note() -> None:
    records = "".join(worked(ONE._replace(client_port=port), SERVER, at=port - 40000) for port in range(40000, 40060))
    lost = "".join(ONE._replace(client_port=port).asks(SERVER, SYN, 4, at=20) for port in (50000, 50001, 50002))
    answer = answered(two_subnets(), ASKED, records + lost)
    assert answer.blocked_by == []
    assert any(note.startswith("3 connections got no answer, while 60 others did") for note in answer.evidence.notes)


def test_a_connection_over_two_intervals_is_one() -> None:
    records = ONE.asks(SERVER, SYN, 1, at=58, last=1) + ONE.answers(SERVER, SYN_ACK, 1, at=61, last=0)
    records += ONE.asks(SERVER, FIN, 5, 200, at=61) + ONE.answers(SERVER, FIN, 5, 300, at=61)
    assert answered(two_subnets(), ASKED, records).blocked_by == []


def test_packets_that_left_and_did_not_arrive_are_no_hosts_work() -> None:
    answer = answered(two_subnets(), ASKED, ONE.asks(CLIENT) + others(SERVER))
    assert (answer.evidence.status, answer.blocked_by) == ("silent", [])


# -- how sure it is -------------------------------------------------------------------------------------------------


def test_skipped_records_weaken_it() -> None:
    skipped = "3 123456789012 eni-server - - - - - - - 1795424400 1795424458 - SKIPDATA -\n"
    finding = host(answered(two_subnets(), ASKED, STORIES["nothing-back"][2] + skipped))
    assert (finding.confidence, finding.confidence_reason) == ("medium", "AWS skipped some records (SKIPDATA)")


def test_one_try_at_the_end_of_the_log_is_of_low_confidence() -> None:
    finding = host(answered(two_subnets(), ASKED, ONE.asks(SERVER, SYN, 1)))
    assert finding.confidence == "low"
    assert (
        finding.confidence_reason
        == "it was tried but once; the log ends with it, so that an answer may only not be there yet"
    )


def test_a_format_without_flags_says_what_can_not_be_told_and_how_to_log_it() -> None:
    answer = answered(two_subnets(), ASKED, STORIES["without-flags"][2])
    assert (host(answer).code, host(answer).confidence) == ("HOST_SENDS_NOTHING_BACK", "medium")
    assert any("${tcp-flags}" in note for note in answer.evidence.notes)
    refused = without_flags(ONE.asks(SERVER, SYN, 1) + ONE.answers(SERVER, RST, 1, 40))
    answer = answered(two_subnets(), ASKED, refused)
    assert answer.blocked_by == []
    assert any("whether what came back accepts (SYN-ACK) or refuses (RST)" in note for note in answer.evidence.notes)


def test_a_log_of_rejected_traffic_only_says_nothing_of_the_host(tmp_path: Path) -> None:
    answer, weighed = gathered(tmp_path, ONE.asks(SERVER))
    assert weighed.read is not None
    only = weighed._replace(read=weighed.read._replace(traffic=frozenset({"REJECT"})))
    assert told(snapshot(tmp_path / "snapshot"), answer, only).blocked_by == []


def gathered(folder: Path, records: str, since: datetime | None = None) -> tuple[Answer, Any]:
    """An answer with its evidence, and what that rests on."""
    account = snapshot(two_subnets().save(folder / "snapshot"))
    (folder / "flow.log").write_text(HEADER + records)
    examined = Session(account).examine(question_of(ASKED))
    request = EvidenceRequest(locations=(str(folder / "flow.log"),), since=since)
    found = gather(examined.sightings, "allowed", account, request, NOW)
    return msgspec.structs.replace(examined.answer, evidence=found.evidence), found


def test_silence_in_a_file_is_a_hint_and_in_a_complete_log_of_the_accounts_a_finding(tmp_path: Path) -> None:
    answer, weighed = gathered(tmp_path, others(SERVER))
    account = snapshot(tmp_path / "snapshot")
    hinted = told(account, answer, weighed)
    assert hinted.blocked_by == []
    assert any("low confidence" in note for note in hinted.evidence.notes)
    complete = told(account, answer, weighed._replace(read=weighed.read._replace(complete=True)))
    assert (host(complete).code, host(complete).confidence) == ("NOTHING_ARRIVES", "medium")
    assert host(complete).interface_id == SERVER


def test_a_time_without_any_record_is_neither_a_hint_nor_a_finding(tmp_path: Path) -> None:
    answer, weighed = gathered(tmp_path, others(SERVER), datetime.fromtimestamp(NINE + 7200, UTC))
    account = snapshot(tmp_path / "snapshot")
    hinted = told(account, answer, weighed)
    assert "1 lies outside of it" in hinted.evidence.summary
    assert not any("lost before it came here" in note for note in hinted.evidence.notes)
    assert told(account, answer, weighed._replace(read=weighed.read._replace(complete=True))).blocked_by == []


def test_nothing_in_the_clients_complete_log_means_that_it_did_not_send(tmp_path: Path) -> None:
    answer, weighed = gathered(tmp_path, others(CLIENT) + others(SERVER))
    complete = weighed._replace(read=weighed.read._replace(complete=True))
    finding = host(told(snapshot(tmp_path / "snapshot"), answer, complete))
    assert (finding.code, finding.interface_id) == ("NOTHING_ARRIVES", CLIENT)
    assert "nc -vz -w 5 10.0.2.20 443" in finding.checks


# -- where it stands in the answer ----------------------------------------------------------------------------------


@pytest.mark.parametrize("story", [story for story in STORIES if story != "never-came"])
def test_the_verdict_stays_what_the_rules_say(story: str) -> None:
    make, line, records = STORIES[story]
    answer = answered(make(), line, records)
    assert (answer.verdict, answer.exit_status, answer.blockers) == ("allowed", 0, [])
    assert answer.summary.count("is allowed by security groups") == 1
    assert answer.summary.endswith(answer.hosts[0].summary[1:])
    assert answer.fixes == []


def test_junit_takes_no_finding_of_the_host_for_a_blocker() -> None:
    answer = answered(two_subnets(), ASKED, STORIES["nothing-back"][2])
    line = Checked(number=1, text=ASKED, expected="blocked", holds=False, answer=answer)
    shown = junit([line])
    assert "expected blocked, is allowed" in shown
    assert shown.count("sends nothing back") == 2  # the answer's summary, as attribute and as text: no blocker below


@pytest.mark.parametrize("render", [markdown.render, html.render], ids=["markdown", "html"])
def test_other_reports_have_it_behind_the_rules(render: Callable[[Answer], str]) -> None:
    shown = re.sub("[`<>/a-z]*code>|`", "", render(answered(two_subnets(), ASKED, STORIES["nothing-back"][2])))
    assert "Behind the rules" in shown
    assert "Blocked by" not in shown
    assert "HOST_SENDS_NOTHING_BACK" in shown
    assert "aws ssm start-session" in shown


def test_the_json_answer_has_the_finding_with_its_confidence() -> None:
    answer = json.loads(json_report.render(answered(two_subnets(), ASKED, STORIES["nothing-back"][2])))
    (finding,) = answer["blocked_by"]
    assert (answer["verdict"], finding["layer"], finding["confidence"]) == ("allowed", "host", "high")
    assert finding["packets"]["destination_ports"] == "443"


@pytest.mark.parametrize("story", [story for story in STORIES if story != "never-came"])
def test_commands_are_quoted_for_their_shell(story: str) -> None:
    make, line, records = STORIES[story]
    for finding in answered(make(), line, records).hosts:
        for command in finding.checks:
            assert command == command.strip()
            assert "\n" not in command
            if "windows" not in story:
                assert shlex.split(command)[0] in ("aws", "sudo", "ip", "nc", "ping", "tracepath", "sysctl")


def test_a_hostile_instance_id_stays_one_word() -> None:
    net = two_subnets()
    row = next(one for one in net.responses["NetworkInterfaces"] if one["NetworkInterfaceId"] == SERVER)
    for reservation in net.responses["Reservations"]:
        for instance in reservation["Instances"]:
            if instance["InstanceId"] == row["Attachment"]["InstanceId"]:
                instance["InstanceId"] = "i-1;reboot"
    row["Attachment"]["InstanceId"] = "i-1;reboot"
    finding = host(answered(net, ASKED, STORIES["nothing-back"][2]))
    assert shlex.split(finding.checks[0])[:5] == ["aws", "ssm", "start-session", "--target", "i-1;reboot"]


def test_nobody_logs_in_to_a_service() -> None:
    net = two_subnets()
    net.group("sg-db", [every("-1", "0.0.0.0/0")], OUT)
    net.interface(
        "eni-db", "10.0.2.30", groups=["sg-db"], description="RDSNetworkInterface", requester="amazon-rds",
        subnet="subnet-server",
    )  # fmt: skip
    database = Connection(server="10.0.2.30", port=5432)
    records = database.asks("eni-db") + database._replace(client_port=40001).asks("eni-db", at=60) + others("eni-db")
    finding = host(answered(net, "client -> 10.0.2.30:5432", records))
    assert finding.checks == []
    assert finding.next_step == (
        "RDS database is a service's: look at its state, its logs and its events, as nobody can log in there."
    )
