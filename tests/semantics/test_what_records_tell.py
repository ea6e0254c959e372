"""What records at the two ends say about which layer refused: AWS logs ACCEPT and REJECT, never why.

https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-records-examples.html (security groups and network ACLs)
"""

from __future__ import annotations

import pytest

from tests.builders import CLOSED, OPEN, Network, allow, blockers, tcp
from tests.semantics.scenes import Acl, two_subnets

HEADER = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action "
    "log-status tcp-flags\n"
)


def record(
    interface: str, action: str, *, reply: bool = False, flags: int | str | None = None, port: int = 40000
) -> str:
    """One record of client:40000 -> server:443 (or its reply) at ``eni-client`` or ``eni-server``."""
    ends = f"10.0.2.20 10.0.1.10 443 {port}" if reply else f"10.0.1.10 10.0.2.20 {port} 443"
    seen = (18 if reply else 2) if flags is None else flags
    return f"3 123456789012 eni-{interface} {ends} 6 4 240 1795424400 1795424458 {action} OK {seen}\n"


SEEN_TO_WORK = record("client", "ACCEPT") + record("server", "ACCEPT") + record("server", "ACCEPT", reply=True)


@pytest.mark.parametrize(
    ("net", "records", "refused"),
    [
        pytest.param(
            two_subnets(server_acl=(OPEN, CLOSED)),
            record("server", "ACCEPT") + record("server", "REJECT", reply=True),
            "return network-acl egress acl-server rule 32767",
            id="server: request accepted, reply rejected",
        ),
        pytest.param(
            two_subnets(client_acl=(CLOSED, OPEN)),
            record("client", "ACCEPT") + record("client", "REJECT", reply=True),
            "return network-acl ingress acl-client rule 32767",
            id="client: request accepted, reply rejected",
        ),
        pytest.param(
            two_subnets(egress=[tcp(80, "0.0.0.0/0")]),
            record("client", "REJECT"),
            "forward security-group egress sg-client",
            id="client: request rejected, by its group",
        ),
        pytest.param(
            two_subnets(client_acl=(OPEN, CLOSED)),
            record("client", "REJECT"),
            "forward network-acl egress acl-client rule 32767",
            id="client: request rejected, by its network ACL",
        ),
        pytest.param(
            two_subnets(ingress=[tcp(80, "0.0.0.0/0")]),
            record("client", "ACCEPT") + record("server", "REJECT"),
            "forward security-group ingress sg-server",
            id="server: request rejected, by its group",
        ),
        pytest.param(
            two_subnets(server_acl=(CLOSED, OPEN)),
            record("client", "ACCEPT") + record("server", "REJECT"),
            "forward network-acl ingress acl-server rule 32767",
            id="server: request rejected, by its network ACL",
        ),
    ],
)
def test_records_at_either_end_confirm_the_layer_that_the_rules_name(net: Network, records: str, refused: str) -> None:
    answer = net.ask("client -> server:443", HEADER + records)
    assert (answer.verdict, blockers(answer)) == ("blocked", [refused])
    assert (answer.evidence.status, answer.evidence.rejected) == ("confirms", 1)


@pytest.mark.parametrize(
    ("net", "records"),
    [
        pytest.param(two_subnets(), record("server", "REJECT"), id="allowed, request rejected at the server"),
        pytest.param(two_subnets(), record("client", "REJECT"), id="allowed, request rejected at the client"),
        pytest.param(two_subnets(), record("server", "REJECT", reply=True), id="allowed, reply rejected"),
        pytest.param(two_subnets(ingress=[]), record("server", "ACCEPT"), id="blocked, request accepted there"),
        pytest.param(two_subnets(server_acl=(OPEN, CLOSED)), SEEN_TO_WORK, id="reply blocked, reply accepted"),
        pytest.param(
            two_subnets(client_acl=(OPEN, CLOSED)), record("server", "ACCEPT"), id="blocked before, accepted behind"
        ),
    ],
)
def test_records_that_say_otherwise_contradict(net: Network, records: str) -> None:
    assert net.ask("client -> server:443", HEADER + records).evidence.status == "contradicts"


def test_records_of_a_working_connection_confirm_that_it_is_allowed() -> None:
    answer = two_subnets().ask("client -> server:443", HEADER + SEEN_TO_WORK)
    assert (answer.verdict, answer.evidence.status, answer.evidence.accepted) == ("allowed", "confirms", 3)


def test_packets_that_left_and_did_not_arrive_are_said_to_be_lost_in_between() -> None:
    other = record("server", "ACCEPT").replace("10.0.1.10", "10.0.1.99")
    answer = two_subnets().ask("client -> server:443", HEADER + record("client", "ACCEPT") + other)
    assert answer.evidence.status == "silent"


def test_late_packets_of_a_closed_connection_accuse_no_rule() -> None:
    answer = two_subnets().ask("client -> server:443", HEADER + record("server", "REJECT", flags=4))
    assert answer.evidence.status == "silent"
    answer = two_subnets().ask("client -> server:443", HEADER + SEEN_TO_WORK + record("server", "REJECT", flags=1))
    assert answer.evidence.status == "confirms"


def test_records_of_the_part_that_passes_and_of_the_part_that_does_not_confirm_a_partial_answer() -> None:
    out: Acl = (OPEN, [allow(100, "tcp", (49152, 65535))])
    records = "".join(
        record("server", "ACCEPT", port=port) + record("server", action, reply=True, port=port)
        for port, action in ((50000, "ACCEPT"), (40000, "REJECT"))
    )
    answer = two_subnets(server_acl=out).ask("client -> server:443", HEADER + records)
    assert (answer.verdict, answer.evidence.status) == ("partial", "confirms")
    assert (answer.evidence.accepted, answer.evidence.rejected) == (3, 1)


def test_a_partial_answer_is_contradicted_by_a_rejection_of_the_part_that_passes() -> None:
    out: Acl = (OPEN, [allow(100, "tcp", (49152, 65535))])
    records = record("server", "ACCEPT", port=50000) + record("server", "REJECT", reply=True, port=50000)
    assert two_subnets(server_acl=out).ask("client -> server:443", HEADER + records).evidence.status == "contradicts"


def test_records_of_other_flows_say_nothing() -> None:
    others = (
        record("server", "REJECT").replace(" 443 ", " 22 ")
        + record("server", "REJECT").replace("10.0.1.10", "10.0.1.11")
        + record("server", "REJECT").replace(" 6 4 ", " 17 4 ")
        + record("elsewhere", "REJECT")
    )
    answer = two_subnets().ask("client -> server:443", HEADER + others)
    assert (answer.evidence.status, answer.evidence.records, answer.evidence.scanned["records"]) == ("silent", 0, 4)


def test_nothing_seen_at_a_stopped_instance_is_what_the_rules_say() -> None:
    no_data = "3 123456789012 eni-server - - - - - - - 1795424400 1795424458 - NODATA -\n"
    answer = two_subnets(state="stopped").ask("client -> server:443", HEADER + record("client", "ACCEPT") + no_data)
    assert (answer.verdict, answer.evidence.status) == ("blocked", "confirms")


@pytest.mark.parametrize("action", ["ACCEPT", "REJECT"])
def test_records_contradict_nothing_where_the_rules_cannot_tell(action: str) -> None:
    net = two_subnets(ingress=[tcp(443, "pl-0a1")])
    net.prefix_list("pl-0a1", ["10.0.1.0/24"], entries=False)
    answer = net.ask("client -> server:443", HEADER + record("server", action))
    assert (answer.verdict, answer.evidence.status, answer.evidence.records) == ("undetermined", "confirms", 1)
