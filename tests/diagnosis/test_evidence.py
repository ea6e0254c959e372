"""Records against what the rules expect: every status, AWS's documented pairs, the traps."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.flowlogs.cases import transit
from tests.flowlogs.test_records import ACCEPTED, HEADER, SKIPPED
from whyblocked.config import resources as r
from whyblocked.config.account import Account, Missing, Nothing, Query
from whyblocked.diagnosis.answer import Evidence
from whyblocked.diagnosis.evidence import EvidenceRequest, Gathered, gather
from whyblocked.diagnosis.tally import BARS, Timeline
from whyblocked.errors import InputError, UsageError
from whyblocked.network.packets import ALL_PORTS, ICMP, TCP, Packets, span
from whyblocked.network.sighting import Sighting

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
SERVER, CLIENT, NAT = "eni-1235b8ca123456789", "eni-0c11e17", "eni-00a7"
FULL = f"{HEADER} tcp-flags pkt-srcaddr pkt-dstaddr flow-direction"
EPHEMERAL = (1024, 65535)


def interface(interface_id: str, *addresses: str, ipv6: str | None = None) -> r.NetworkInterface:
    return r.NetworkInterface(
        network_interface_id=interface_id,
        vpc_id="vpc-1",
        subnet_id="subnet-1",
        groups=(),
        private_ip_address=addresses[0],
        private_ip_addresses=tuple(
            r.PrivateIpAddress(private_ip_address=a, primary=a == addresses[0]) for a in addresses
        ),
        ipv6_addresses=(r.Ipv6Address(ipv6_address=ipv6),) if ipv6 else (),
        owner_id="123456789010",
    )


def account() -> Account:
    found = Account()
    found.add(interface(SERVER, "172.31.16.21", "172.31.16.22"), "123456789010", "eu-west-1")
    found.add(interface(CLIENT, "172.31.16.139"), "123456789010", "eu-west-1")
    found.add(interface(NAT, "10.0.0.220"), "123456789010", "eu-west-1")
    return found


def box(
    source: str, destination: str, ports: tuple[int, int] = (22, 22), *, protocol: int = TCP, reply: bool = False
) -> Packets:
    """The packets from ``source`` to a service of ``destination``; a ``reply`` goes the other way."""
    a, b = ip_network(source), ip_network(destination)
    if protocol == ICMP:
        return Packets(a.version, span(a), span(b), (ICMP, ICMP), (0, 0), (0, 0) if reply else (8, 8))
    packets = Packets(a.version, span(a), span(b), (protocol, protocol), EPHEMERAL, ports)
    return packets._replace(source_ports=ports, destination_ports=EPHEMERAL) if reply else packets


def sighting(
    interface_id: str,
    leg: str,
    direction: str,
    packets: Packets,
    rules: str = "accept",
    *,
    reached: bool = True,
) -> Sighting:
    return Sighting(
        interface_id=interface_id,
        subnet_id="subnet-1",
        vpc_id="vpc-1",
        leg=leg,  # type: ignore[arg-type]
        direction=direction,  # type: ignore[arg-type]
        packets=(packets,),
        accepted=(packets,) if rules == "accept" else (),
        rejected=(packets,) if rules == "reject" else (),
        unknown=(packets,) if rules == "unknown" else (),
        reached=reached,
    )


REQUEST = box("172.31.16.139", "172.31.16.21")
REPLY = box("172.31.16.21", "172.31.16.139", reply=True)


def path(egress: str = "accept", ingress: str = "accept", reply: str = "accept") -> list[Sighting]:
    """Client and server with one thing that may refuse at each place; nothing gets behind what refuses."""
    sightings, reached = [], True
    for interface_id, leg, direction, packets, rules in (
        (CLIENT, "forward", "egress", REQUEST, egress),
        (SERVER, "forward", "ingress", REQUEST, ingress),
        (SERVER, "return", "egress", REPLY, reply),
        (CLIENT, "return", "ingress", REPLY, "accept"),
    ):
        sightings.append(sighting(interface_id, leg, direction, packets, rules, reached=reached))
        reached = reached and rules != "reject"
    return sightings


def line(
    interface_id: str = SERVER,
    source: str = "172.31.16.139",
    destination: str = "172.31.16.21",
    ports: tuple[int, int] = (20641, 22),
    action: str = "ACCEPT",
    at: int = 0,
    protocol: int = TCP,
) -> str:
    start = 1418530010 + at
    numbers = f"{ports[0]} {ports[1]} {protocol} 4 336 {start} {start + 60}"
    return f"2 123456789010 {interface_id} {source} {destination} {numbers} {action} OK"


def reply_line(interface_id: str = SERVER, action: str = "ACCEPT", at: int = 0) -> str:
    return line(interface_id, "172.31.16.21", "172.31.16.139", (22, 20641), action, at)


def read(
    lines: Sequence[str],
    sightings: Sequence[Sighting],
    verdict: str = "allowed",
    of: Account | None = None,
    **options: object,
) -> Evidence:
    found = gather(
        sightings,
        verdict,  # type: ignore[arg-type]
        of or account(),
        EvidenceRequest(
            locations=("-",),
            stdin=io.BytesIO("\n".join(lines).encode()),
            **options,  # type: ignore[arg-type]
        ),
        NOW,
    )
    assert found.missing == ()
    evidence = found.evidence
    assert (
        evidence.records == evidence.accepted + evidence.rejected == sum(s.accepted + s.rejected for s in evidence.seen)
    )
    assert sum(m.accepted + m.rejected for m in evidence.timeline) in (evidence.records, 0)
    assert len(evidence.timeline) <= BARS
    return evidence


# -- agreement and disagreement ----------------------------------------------------------------------------------


def test_accepted_as_the_rules_say() -> None:
    evidence = read([ACCEPTED, ACCEPTED.replace(SERVER, CLIENT)], path())
    assert evidence.status == "confirms"
    assert evidence.summary == (
        f"The flow logs agree: 1 record of this flow accepted at {SERVER} (ingress) "
        "between 2014-12-14T04:06:50Z and 2014-12-14T04:07:50Z, none rejected."
    )
    assert (evidence.records, evidence.accepted, evidence.packets, evidence.bytes) == (2, 2, 40, 8498)
    assert (evidence.first_seen, evidence.last_seen) == ("2014-12-14T04:06:50Z", "2014-12-14T04:07:50Z")
    assert evidence.sources == ["standard input"]
    assert evidence.scanned == {
        "records": 2, "accepted": 2, "rejected": 0, "no_data": 0, "skipped_data": 0, "malformed": 0, "files": 1
    }  # fmt: skip
    assert [(s.interface_id, s.direction, s.expected, s.accepted) for s in evidence.seen] == [
        (CLIENT, "egress", "accept", 1),
        (SERVER, "ingress", "accept", 1),
        (SERVER, "egress", "accept", 0),
        (CLIENT, "ingress", "accept", 0),
    ]


def test_records_of_a_transit_gateway_are_no_evidence_of_an_interface() -> None:
    losses = [
        transit(
            srcaddr="172.31.16.139", dstaddr="172.31.16.21", srcport=20641, dstport=22, packets_lost_no_route=3, **at
        )
        for at in ({}, {"tgw_attachment_id": "-"}, {"tgw_attachment_id": "-", "tgw_id": "-"})
    ]
    with_losses, without = read([ACCEPTED, *losses], path()), read([ACCEPTED], path())
    assert (with_losses.status, with_losses.seen, with_losses.rejected) == (without.status, without.seen, 0)
    assert with_losses.scanned["rejected"] == 3


def test_rejected_as_the_rules_say() -> None:
    lines = [line(action="REJECT", at=at, ports=(20000 + at, 22)) for at in range(0, 300, 60)]
    evidence = read([*lines, line(CLIENT)], path(ingress="reject"), "blocked")
    assert evidence.status == "confirms"
    assert f"5 records of this flow rejected at {SERVER} (ingress)" in evidence.summary
    assert f"it was accepted at {CLIENT} (egress)" in evidence.summary
    assert (evidence.rejected, evidence.accepted) == (5, 1)
    assert [m.rejected for m in evidence.timeline] == [1, 0, 1, 0, 1, 0, 1, 0, 0, 1, 0, 0]


def test_documented_ping_whose_reply_the_network_acl_drops() -> None:
    """The group lets the request in, so it would let the reply out: that a reply is rejected is the ACL's work."""
    of = Account()
    of.add(interface(SERVER, "172.31.16.139"))
    request, reply = (
        box("203.0.113.12", "172.31.16.139", protocol=ICMP),
        box("172.31.16.139", "203.0.113.12", protocol=ICMP, reply=True),
    )
    sightings = [
        sighting(SERVER, "forward", "ingress", request),
        sighting(SERVER, "return", "egress", reply, "reject"),
    ]
    lines = (Path(__file__).parents[1] / "flowlogs" / "documented" / "default.log").read_text().splitlines()
    evidence = read(lines, sightings, "blocked", of)
    assert evidence.status == "confirms"
    assert f"1 record of the reply rejected at {SERVER} (egress)" in evidence.summary
    assert f"the request was accepted at {SERVER} (ingress)" in evidence.summary
    assert evidence.records == 2
    # The group that refuses the request leaves a single REJECT.
    refused = [
        sighting(SERVER, "forward", "ingress", request, "reject"),
        sighting(SERVER, "return", "egress", reply, reached=False),
    ]
    alone = read([lines[4].replace("ACCEPT", "REJECT")], refused, "blocked", of)
    assert (alone.status, alone.rejected) == ("confirms", 1)


@pytest.mark.parametrize(
    ("sightings", "verdict", "lines", "said"),
    [
        (path(), "allowed", [line(action="REJECT")], f"The rules accept this at {SERVER} (ingress), yet"),
        (path(ingress="reject"), "blocked", [line()], f"The rules reject this at {SERVER} (ingress), yet"),
        (path(egress="reject"), "blocked", [line()], f"The rules stop this before {SERVER} (ingress), yet"),
        (path(egress="reject"), "blocked", [reply_line()], f"The rules stop this before {SERVER} (egress), yet"),
        (path(reply="reject"), "blocked", [line(), reply_line()], f"The rules reject this at {SERVER} (egress), yet"),
        (path(), "undetermined", [line(action="REJECT")], f"The rules accept this at {SERVER} (ingress), yet"),
    ],
)  # fmt: skip
def test_contradictions(sightings: list[Sighting], verdict: str, lines: list[str], said: str) -> None:
    evidence = read(lines, sightings, verdict)
    assert evidence.status == "contradicts"
    assert evidence.summary.startswith(said)


BEFORE, SINCE = "2014-12-14T04:07:50Z", "2014-12-14T04:16:50Z"


@pytest.mark.parametrize(
    ("place", "verdict", "old", "new"),
    [("accept", "allowed", "REJECT", "ACCEPT"), ("reject", "blocked", "ACCEPT", "REJECT")],
)
def test_the_newest_records_decide_whether_a_change_confirms_or_contradicts(
    place: str, verdict: str, old: str, new: str
) -> None:
    was, now = f"{old.lower()}ed", f"{new.lower()}ed"
    since = read([line(action=old), line(action=new, at=600)], path(ingress=place), verdict)
    assert since.status == "confirms"
    assert since.summary == (
        f"The flow logs agree since a change: 1 record {was} at {SERVER} (ingress) until {BEFORE}, "
        f"and from {SINCE} on 1 record {now} there."
    )
    assert since.turn is not None
    assert (since.turn.before, since.turn.after) == (old, new)
    reverse = read([line(action=new), line(action=old, at=600)], path(ingress=place), verdict)
    assert reverse.status == "contradicts"
    assert reverse.summary.endswith(f"; until {BEFORE} they agreed, so something changed in between.")
    mixed = read([line(action=old), line(action=new, at=30)], path(ingress=place), verdict)
    assert mixed.status == "contradicts"
    assert mixed.summary.endswith("; 1 record of the same time agrees.")


def test_a_rejection_at_the_client_since_a_change_explains_why_the_server_was_reached_before() -> None:
    before = [line(CLIENT), line()]
    evidence = read([*before, line(CLIENT, action="REJECT", at=600)], path(egress="reject"), "blocked")
    assert evidence.status == "confirms"
    assert f"1 record accepted at {CLIENT} (egress) until {BEFORE}" in evidence.summary
    assert read(
        [*before, line(at=1200), line(CLIENT, action="REJECT", at=600)], path(egress="reject"), "blocked"
    ).status == ("contradicts")


def test_connections_accepted_until_the_end_contradict_a_block_and_the_next_step_is_named() -> None:
    evidence = read([line(at=at) for at in (0, 60, 120)], path(ingress="reject"), "blocked")
    assert evidence.status == "contradicts"
    assert any("--changes" in note and "another account" in note for note in evidence.notes)
    assert not any("--changes" in note for note in read([line()], path()).notes)


def test_records_confirm_nothing_that_the_rules_leave_open() -> None:
    evidence = read([line()], path(), "undetermined")
    assert evidence.summary == (f"The rules leave it open; the flow logs show 1 record accepted at {SERVER} (ingress).")


def test_a_window_without_records_says_nothing_of_packets_that_did_not_come() -> None:
    since = datetime.fromtimestamp(1418530010 + 86400, UTC)
    for lines in ([line()], [line(), line(ports=(1, 443))]):
        evidence = read([*lines, line(CLIENT)], path(), since=since)
        assert evidence.status == "silent"
        assert evidence.summary == (
            f"No record of {CLIENT}, {SERVER} lies in the time asked about; {len(lines) + 1} lie outside of it. "
            "Whether packets came in that time, these logs do not tell."
        )


def test_no_part_is_settled_by_the_later_rejection_of_another_place() -> None:
    """Only where all is blocked does a rejection elsewhere on the path say that something changed."""
    lines = [line(), line(CLIENT, action="REJECT", at=600)]
    assert read(lines, path(egress="reject"), "blocked").status == "confirms"
    assert read(lines, path(egress="reject"), "partial").status == "contradicts"


def test_an_interface_whose_records_lie_outside_the_window_has_lost_nothing() -> None:
    since = datetime.fromtimestamp(1418530010 + 600, UTC)
    evidence = read([line(CLIENT, at=1200), line(ports=(1, 443))], path(), since=since)
    assert (evidence.status, "got lost" in evidence.summary) == ("confirms", False)


def flagged(action: str, flags: str, at: int = 0, pkt: tuple[str, str] = ("-", "-"), direction: str = "-") -> str:
    return f"{line(action=action, at=at)} {flags} {pkt[0]} {pkt[1]} {direction}"


@pytest.mark.parametrize(
    ("flags", "late"), [("0", True), ("1", True), ("4", True), ("5", True), ("2", False), ("3", False), ("-", False)]
)
def test_late_packets_of_closed_connections_are_no_contradiction(flags: str, late: bool) -> None:
    evidence = read([FULL, flagged("ACCEPT", "3"), flagged("REJECT", flags, 60)], path())
    assert evidence.status == ("confirms" if late else "contradicts")
    assert any("late packets of closed connections" in note for note in evidence.notes) is (late or flags == "-")
    alone = read([FULL, flagged("REJECT", flags)], path())
    assert alone.status == ("silent" if late else "contradicts")
    assert ("late packets" in alone.summary) is late
    # Where the rules reject it, it is rejected by them, whatever its flags.
    assert read([FULL, flagged("REJECT", flags)], path(ingress="reject"), "blocked").status == "confirms"


def test_an_old_connection_may_outlive_a_rule() -> None:
    evidence = read([FULL, flagged("ACCEPT", "0")], path(ingress="reject"), "blocked")
    assert evidence.status == "contradicts"
    assert any("older than the rules" in note for note in evidence.notes)


def test_a_default_format_can_not_tell_late_packets() -> None:
    evidence = read([line(action="REJECT")], path())
    assert any("no tcp-flags" in note for note in evidence.notes)


@pytest.mark.parametrize(
    ("verdict", "status"), [("allowed", "contradicts"), ("blocked", "confirms"), ("undetermined", "confirms")]
)
def test_rejected_by_something_else_than_rules(verdict: str, status: str) -> None:
    evidence = read([f"{HEADER} reject-reason", f"{line(action='REJECT')} BPA"], path(), verdict)
    assert evidence.status == status
    assert any("VPC Block Public Access" in note for note in evidence.notes)


def test_undecided_rules_are_not_contradicted() -> None:
    sightings = [sighting(SERVER, "forward", "ingress", REQUEST, "unknown")]
    evidence = read([line(action="REJECT")], sightings, "undetermined")
    assert evidence.status == "confirms"
    assert evidence.summary.startswith(f"The rules leave it open; the flow logs show 1 record rejected at {SERVER}")
    assert evidence.seen[0].expected == "unknown"


def test_each_part_is_judged_by_its_own_rules() -> None:
    whole = box("172.31.16.139", "172.31.16.21")
    low, high = whole._replace(source_ports=(1024, 32767)), whole._replace(source_ports=(32768, 65535))
    partly = Sighting(
        interface_id=SERVER, subnet_id="subnet-1", vpc_id="vpc-1", leg="forward", direction="ingress",
        packets=(whole,), accepted=(high,), rejected=(low,),
    )  # fmt: skip
    lines = [line(ports=(40000, 22)), line(ports=(2000, 22), action="REJECT")]
    evidence = read(lines, [partly], "partial")
    assert (evidence.status, evidence.seen[0].expected) == ("confirms", "partial")
    assert evidence.summary.endswith("; 1 record of another part was accepted there.")
    assert read([line(ports=(2000, 22))], [partly], "partial").status == "contradicts"


# -- silence -----------------------------------------------------------------------------------------------------


def test_records_but_none_of_this_flow() -> None:
    evidence = read([line(ports=(20641, 443)), line(source="10.9.9.9"), SKIPPED], path())
    assert evidence.status == "silent"
    assert evidence.summary == f"None of this flow is among the 3 records read: its packets did not come to {SERVER}."
    assert any("SKIPDATA in 1 line" in note for note in evidence.notes)
    assert evidence.timeline == []
    assert evidence.seen[0].interface_id == SERVER


def test_records_of_other_interfaces_only() -> None:
    evidence = read([line("eni-0ther")], path())
    assert evidence.summary == (
        f"None of this flow is among the one record read, nor any other record that names {CLIENT}, {SERVER}."
    )


def test_no_records() -> None:
    assert read([HEADER], path()).summary == "The flow logs hold no records at all in this time."


def test_silent_as_the_rules_say() -> None:
    evidence = read([line(ports=(1, 443))], [s for s in path(egress="reject") if s.interface_id == SERVER], "blocked")
    assert evidence.status == "silent"
    assert evidence.summary.endswith(f"as the rules say: nothing gets as far as {SERVER}.")


def test_lost_on_the_way() -> None:
    evidence = read([line(CLIENT), line(ports=(1, 443))], path())
    assert evidence.status == "silent"
    assert evidence.summary.startswith(f"The flow logs show packets leaving by {CLIENT} (egress)")
    assert f"none at {SERVER} (ingress), which is logged" in evidence.summary
    assert read([line(CLIENT)], path()).status == "confirms"  # the server is not logged


@pytest.mark.parametrize(
    ("sightings", "lines", "said"),
    [
        (path(ingress="reject"), [line(CLIENT)], f"no records of {SERVER} (ingress), where the rules reject"),
        (path(ingress="reject"), [line(CLIENT), line(ports=(1, 443))], f"but nothing at {SERVER} (ingress), where"),
        (path(reply="reject"), [line()], "no rejection of the reply at"),
    ],
)  # fmt: skip
def test_the_refusal_is_not_seen(sightings: list[Sighting], lines: list[str], said: str) -> None:
    evidence = read(lines, sightings, "blocked")
    assert evidence.status == "silent"
    assert said in evidence.summary


def test_blocked_where_no_interface_sees_it() -> None:
    away = [
        sighting(CLIENT, "forward", "egress", REQUEST),
        sighting(SERVER, "forward", "ingress", REQUEST, reached=False),
    ]
    evidence = read([line(CLIENT), line(ports=(1, 443))], away, "blocked")
    assert evidence.status == "confirms"
    assert evidence.summary.endswith(", and nothing behind what blocks it.")


# -- matching ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "matched"),
    [
        (line(), 1),
        (line("eni-0ther"), 0),
        (line(source="172.31.16.140"), 0),
        (line(destination="172.31.16.23"), 0),
        (line(ports=(20641, 23)), 0),
        (line(ports=(1023, 22)), 0),
        (line(ports=(22, 20641)), 0),  # from the service's port, but coming in
        (line(protocol=17), 0),
        (reply_line(), 1),
        (line(source="172.31.16.21", destination="172.31.16.139"), 0),
        (f"2 1 {SERVER} 2001:db8::1 2001:db8::2 20641 22 6 1 1 1 1 ACCEPT OK", 0),
        (f"2 1 {SERVER} - - - - - - - 1 1 - NODATA", 0),
    ],
)
def test_what_belongs_to_the_flow(record: str, matched: int) -> None:
    evidence = read([HEADER, record], path())
    assert evidence.records == matched


def test_other_client_ports_are_told() -> None:
    evidence = read([line(ports=(1023, 22)), line(ports=(700, 22)), line(ports=(700, 23))], path())
    assert "2 records between the same ends had client ports that were not asked about" in evidence.notes


def test_direction_from_the_record_counts_first() -> None:
    record = f"{line()} 2 - - {{}}"
    assert read([FULL, record.format("ingress")], path()).records == 1
    assert read([FULL, record.format("egress")], path()).records == 0


def test_a_secondary_address_shows_as_the_primary() -> None:
    second = [sighting(SERVER, "forward", "ingress", box("172.31.16.139", "172.31.16.22"))]
    evidence = read([line()], second)
    assert (evidence.status, evidence.records) == ("confirms", 1)
    assert any("stands for another one" in note for note in evidence.notes)
    # pkt-dstaddr tells, and then it has to be right.
    assert read([FULL, flagged("ACCEPT", "2", pkt=("172.31.16.139", "172.31.16.22"))], second).notes == []
    assert read([FULL, flagged("ACCEPT", "2", pkt=("172.31.16.139", "172.31.16.21"))], second).records == 0
    # What may be another address's traffic contradicts nothing.
    assert read([line(action="REJECT")], second).status == "silent"


NAT_LINES = (
    "eni-00a7 10.0.1.5 10.0.0.220 10.0.1.5 203.0.113.5",
    "eni-00a7 10.0.0.220 203.0.113.5 10.0.0.220 203.0.113.5",
    "eni-00a7 203.0.113.5 10.0.0.220 203.0.113.5 10.0.0.220",
    "eni-00a7 10.0.0.220 10.0.1.5 203.0.113.5 10.0.1.5",
)


@pytest.mark.parametrize("with_packet", [True, False])
def test_documented_nat_gateway(with_packet: bool) -> None:
    """With and without the pkt- fields, all four records find their place at the gateway's interface."""
    client, host, nat = "10.0.1.5", "203.0.113.5", "10.0.0.220"
    sightings = [
        sighting(NAT, "forward", "ingress", box(client, host)),
        sighting(NAT, "forward", "egress", box(nat, host)),
        sighting(NAT, "return", "ingress", box(host, nat, reply=True)),
        sighting(NAT, "return", "egress", box(host, client, reply=True)),
    ]
    names = ["interface-id", "srcaddr", "dstaddr", *(("pkt-srcaddr", "pkt-dstaddr") if with_packet else ())]
    lines = [" ".join([*names, "action"])]
    lines += [" ".join([*text.split()[: len(names)], "ACCEPT"]) for text in NAT_LINES]
    evidence = read(lines, sightings)
    assert [(s.leg, s.direction, s.accepted) for s in evidence.seen] == [
        ("forward", "ingress", 1),
        ("forward", "egress", 1),
        ("return", "ingress", 1),
        ("return", "egress", 1),
    ]
    assert evidence.timeline == []


def test_records_that_name_no_interface() -> None:
    evidence = read(
        ["srcaddr dstaddr srcport dstport protocol action", "172.31.16.139 172.31.16.21 20641 22 6 REJECT"],
        path(egress="reject"),
        "blocked",
    )
    assert (evidence.status, evidence.rejected) == ("confirms", 1)


def test_two_logs_that_tell_of_the_same_flow_count_once(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(ACCEPTED)
    (tmp_path / "b.log").write_text(ACCEPTED)
    found = gather(
        path(), "allowed", account(),
        EvidenceRequest(locations=(str(tmp_path / "a.log"), str(tmp_path / "b.log"), str(tmp_path / "a.log"))), NOW,
    ).evidence  # fmt: skip
    assert (found.records, found.scanned["records"], found.scanned["files"]) == (1, 2, 2)
    assert "1 record found in several flow logs, counted once" in found.notes


def test_the_window_bounds_files_once_given() -> None:
    lines = [line(), line(at=3600)]
    assert read(lines, path()).records == 2
    since = datetime.fromtimestamp(1418530010 + 600, UTC)
    evidence = read(lines, path(), since=since)
    assert (evidence.records, evidence.scanned["records"]) == (1, 2)
    assert "1 record of these interfaces outside of the time asked about" in evidence.notes
    assert read(lines, path(), until=since).records == 1


@given(st.lists(st.tuples(st.integers(0, 10**7), st.booleans()), min_size=1, max_size=60))
def test_the_timeline_loses_nothing(moments: list[tuple[int, bool]]) -> None:
    timeline = Timeline()
    for when, accepted in moments:
        timeline.add(when, accepted)
    times = [when for when, _ in moments]
    bars = timeline.bars(min(times), max(times))
    assert 1 <= len(bars) <= BARS
    assert sum(bar.accepted for bar in bars) == sum(accepted for _, accepted in moments)
    assert sum(bar.rejected for bar in bars) == sum(not accepted for _, accepted in moments)


def test_a_record_that_ends_before_it_begins_is_evidence_as_any_other() -> None:
    first, _, after = line(action="REJECT").rpartition("1418530070")
    evidence = read([f"{first}1000{after}"], path(ingress="reject"), "blocked")
    assert (evidence.status, [moment.rejected for moment in evidence.timeline]) == ("confirms", [1])


def test_the_timeline_is_bounded() -> None:
    timeline = Timeline()
    for when in range(0, 10**6, 7):
        timeline.add(when, accepted=True)
    assert len(timeline._counts) <= 4096
    assert sum(bar.accepted for bar in timeline.bars(0, 10**6)) == len(range(0, 10**6, 7))


# -- nothing to read ---------------------------------------------------------------------------------------------


def without(sightings: Sequence[Sighting], of: Account, **options: object) -> Gathered:
    return gather(sightings, "blocked", of, EvidenceRequest(**options), NOW)  # type: ignore[arg-type]


def test_not_asked_for() -> None:
    assert without(path(), account(), enabled=False).evidence == Evidence(
        status="unavailable", summary="Flow logs were not read, as asked."
    )


def test_no_interface_on_the_path() -> None:
    assert without([], account()).evidence.status == "unavailable"


def test_no_flow_log_gives_the_command_that_makes_one() -> None:
    evidence = without(path(), account()).evidence
    assert evidence.status == "unavailable"
    assert evidence.summary == "No flow log covers the interfaces, subnets and VPCs on the path."
    command = evidence.enable_command or ""
    assert command.startswith(
        f"aws ec2 create-flow-logs --resource-type NetworkInterface --resource-ids {SERVER} --traffic-type ALL "
    )
    assert "--log-group-name LOG_GROUP --deliver-logs-permission-arn arn:aws:iam::123456789010:role/ROLE" in command
    assert command.endswith("--region eu-west-1")
    assert "'${version} " in command


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"log_destination_type": "s3", "log_destination": "arn:aws-cn:s3:::logs/x/"}, "s3://logs/x can't be read"),
        ({"log_destination_type": "kinesis-data-firehose"}, "delivers to Firehose"),
        ({"log_group_name": "g"}, "the log group g can't be read from a snapshot"),
        ({"log_destination": "arn:aws:logs:eu-west-1:1:log-group:h"}, "the log group h can't be read from a snapshot"),
        ({"log_group_name": "g", "traffic_type": "ACCEPT"}, "never shows a rejection"),
        ({"log_group_name": "g", "traffic_type": "REJECT"}, "never shows what was accepted"),
        ({"log_group_name": "g", "flow_log_status": "INACTIVE"}, "is not active"),
        ({"deliver_logs_status": "FAILED", "deliver_logs_error_message": "Access error"}, "its records (Access error)"),
        ({"log_group_name": "g", "log_format": "${version} ${srcaddr} ${dstaddr}"}, "lacks action"),
        ({"log_group_name": "g\x1b[2J"}, "the log group g\ufffd[2J can't be read"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("resource", [SERVER, "subnet-1", "vpc-1"])
def test_flow_logs_that_can_not_be_read_are_named(more: dict[str, str], said: str, resource: str) -> None:
    of = account()
    of.add(r.FlowLog(flow_log_id="fl-1", resource_id=resource, **more))  # type: ignore[arg-type]
    evidence = without(path(), of).evidence
    assert (evidence.status, evidence.summary) == ("unavailable", "No flow log of the path could be read.")
    assert any(said in note for note in evidence.notes)
    assert evidence.enable_command is None


class Refused(Nothing):
    def __init__(self, *, absent: bool) -> None:
        self.absent_ = absent

    def ask(self, query: Query) -> Missing | None:
        return Missing(f"ec2:{query.operation}", "AccessDenied", absent=self.absent_)


@pytest.mark.parametrize("absent", [False, True])
def test_flow_logs_that_can_not_be_listed(absent: bool) -> None:
    found = without(path(), Account(Refused(absent=absent)))
    assert found.evidence.status == "unavailable"
    assert found.missing == (() if absent else ("ec2:DescribeFlowLogs: AccessDenied",))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"locations": ("s3://bucket/prefix",)}, "s3://bucket/prefix"),
        ({"log_format": "${version} ${start}"}, "lacks action"),
        ({"since": NOW, "until": NOW - timedelta(hours=1)}, "--since"),
        ({"locations": ("no-such-file.log",)}, "no-such-file.log"),
        ({"locations": ("cloudwatch:g",)}, "can't be read from a snapshot"),
    ],
)
def test_bad_requests(options: dict[str, object], said: str) -> None:
    with pytest.raises((UsageError, InputError)) as error:
        without(path(), account(), **options)
    assert said in error.value.message


def test_hostile_records_reach_no_terminal() -> None:
    lines = [HEADER, line(), "\x1b[31m[bold]evil[/bold]\x1b[0m", f"{line()}\u202e"]
    evidence = read(lines, path())
    assert any("2 malformed lines left out, the first at standard input:3" in note for note in evidence.notes)
    assert "\x1b" not in str(evidence)


def test_all_ports_and_progress() -> None:
    every = box("172.31.16.139", "172.31.16.21")._replace(source_ports=ALL_PORTS, destination_ports=ALL_PORTS)
    steps: list[tuple[str, int]] = []
    evidence = read(
        [line(ports=(5, 9))], [sighting(SERVER, "forward", "ingress", every)], progress=lambda *a: steps.append(a)
    )
    assert evidence.records == 1
    assert steps == [("standard input", 1)]
