"""The example records of AWS's own pages, with the rules that they are said to come from: rules, records, answer.

https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-records-examples.html
The records are verbatim; where the page shows addresses only, the other fields of the default format are added.
"""

from __future__ import annotations

import pytest

from tests.builders import ANYWHERE, OPEN, Json, Network, allow, blockers, deny, every, icmp, tcp

ENI = "eni-1235b8ca123456789"
SSH = f"2 123456789010 {ENI} 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK\n"
RDP = f"2 123456789010 {ENI} 172.31.9.69 172.31.9.12 49761 3389 6 20 4249 1418530010 1418530070 REJECT OK\n"
NO_DATA = f"2 123456789010 {ENI} - - - - - - - 1431280876 1431280934 - NODATA\n"
SKIPPED = "2 123456789010 eni-11111111aaaaaaaaa - - - - - - - 1431280876 1431280934 - SKIPDATA\n"
PING = f"2 123456789010 {ENI} 203.0.113.12 172.31.16.139 0 0 1 4 336 1432917027 1432917142 ACCEPT OK\n"
PING_REFUSED = PING.replace("ACCEPT", "REJECT")
PONG_REFUSED = f"2 123456789010 {ENI} 172.31.16.139 203.0.113.12 0 0 1 4 336 1432917094 1432917142 REJECT OK\n"
PONG = PONG_REFUSED.replace("REJECT", "ACCEPT")


def default_vpc(address: str, rules: list[Json]) -> Network:
    """A default VPC whose instance ``host`` has this address and a group with these inbound rules."""
    net = Network("172.31.0.0/16", account="123456789010", region="us-east-1")
    net.internet_gateway()
    net.subnet("subnet-16", "172.31.16.0/20", routes={"0.0.0.0/0": "igw-1"})
    net.subnet("subnet-0", "172.31.0.0/20", routes={"0.0.0.0/0": "igw-1"}, zone="b")
    net.group("sg-host", rules)
    net.instance("host", address, groups=["sg-host"], interface_id=ENI)
    return net


def test_accepted_ssh() -> None:
    net = default_vpc("172.31.16.21", [tcp(22, "172.31.0.0/16")])
    answer = net.ask("172.31.16.139 -> host:22", SSH)
    assert (answer.verdict, answer.evidence.status, answer.evidence.accepted) == ("allowed", "confirms", 1)
    assert (answer.evidence.packets, answer.evidence.bytes) == (20, 4249)
    assert answer.evidence.first_seen == "2014-12-14T04:06:50Z"


def test_rejected_rdp() -> None:
    net = default_vpc("172.31.9.12", [tcp(22, ANYWHERE)])
    answer = net.ask("172.31.9.69 -> host:3389", RDP)
    assert (answer.verdict, blockers(answer)) == ("blocked", ["forward security-group ingress sg-host"])
    assert (answer.evidence.status, answer.evidence.rejected) == ("confirms", 1)


def test_accepted_ssh_where_the_rules_no_longer_allow_it() -> None:
    net = default_vpc("172.31.16.21", [tcp(22, "172.31.9.0/24")])
    assert net.ask("172.31.16.139 -> host:22", SSH).evidence.status == "contradicts"


def test_rejected_rdp_where_the_rules_now_allow_it() -> None:
    answer = default_vpc("172.31.9.12", [tcp(3389, ANYWHERE)]).ask("172.31.9.69 -> host:3389", RDP)
    assert (answer.verdict, answer.evidence.status) == ("allowed", "contradicts")


def test_no_data() -> None:
    answer = default_vpc("172.31.16.21", [tcp(22, ANYWHERE)]).ask("172.31.16.139 -> host:22", NO_DATA)
    assert (answer.evidence.status, answer.evidence.records) == ("silent", 0)
    assert answer.evidence.scanned["no_data"] == 1


def test_skipped_data_is_said_to_hide_something() -> None:
    answer = default_vpc("172.31.16.21", [tcp(22, ANYWHERE)]).ask("172.31.16.139 -> host:22", NO_DATA + SKIPPED)
    assert answer.evidence.scanned["skipped_data"] == 1
    assert any("SKIPDATA" in note for note in answer.evidence.notes)


# -- ping: security group and network ACL ---------------------------------------------------------------------------


def pinged(*, group: bool, out: bool) -> Network:
    """An instance on the internet whose group admits ICMP (but lets none out), whose network ACL admits it too."""
    net = Network("172.31.0.0/16", account="123456789010", region="us-east-1")
    net.internet_gateway()
    rules = [allow(100, "icmp", icmp=(-1, -1))]
    refusing = [deny(100, "icmp", icmp=(-1, -1))]
    net.subnet("subnet-16", "172.31.16.0/20", routes={"0.0.0.0/0": "igw-1"}, acl=(rules, rules if out else refusing))
    net.group("sg-host", [icmp(-1, -1, ANYWHERE)] if group else [tcp(22, ANYWHERE)], [tcp((0, 65535), ANYWHERE)])
    net.instance("host", "172.31.16.139", public="198.51.100.139", groups=["sg-host"], interface_id=ENI)
    return net


def test_ping_admitted_by_the_group_its_reply_refused_by_the_network_acl() -> None:
    answer = pinged(group=True, out=False).ask("203.0.113.12 -> host/icmp", PING + PONG_REFUSED)
    assert (answer.verdict, blockers(answer)) == ("blocked", ["return network-acl egress acl-16 rule 100"])
    assert (answer.evidence.status, answer.evidence.accepted, answer.evidence.rejected) == ("confirms", 1, 1)


def test_ping_whose_reply_the_network_acl_lets_out() -> None:
    answer = pinged(group=True, out=True).ask("203.0.113.12 -> host/icmp", PING + PONG)
    assert (answer.verdict, answer.evidence.status) == ("allowed", "confirms")
    assert (answer.evidence.accepted, answer.evidence.rejected) == (2, 0)


def test_ping_refused_by_the_group_has_one_record() -> None:
    answer = pinged(group=False, out=True).ask("203.0.113.12 -> host/icmp", PING_REFUSED)
    assert (answer.verdict, blockers(answer)) == ("blocked", ["forward security-group ingress sg-host"])
    assert (answer.evidence.status, answer.evidence.accepted, answer.evidence.rejected) == ("confirms", 0, 1)


# -- IPv6 -----------------------------------------------------------------------------------------------------------

CLIENT_V6 = "2001:db8:1234:a100:8d6e:3477:df66:f105"
SERVER_V6 = "2001:db8:1234:a102:3304:8879:34cf:4071"
SSH_V6 = f"2 123456789010 {ENI} {CLIENT_V6} {SERVER_V6} 34892 22 6 54 8855 1477913708 1477913820 ACCEPT OK\n"


@pytest.mark.parametrize(
    ("peer", "verdict", "status"), [("::/0", "allowed", "confirms"), (ANYWHERE, "blocked", "contradicts")]
)
def test_accepted_ssh_over_ipv6(peer: str, verdict: str, status: str) -> None:
    net = Network(ipv6="2001:db8:1234:a100::/56", account="123456789010")
    net.subnet("subnet-0", "10.0.0.0/24", ipv6="2001:db8:1234:a100::/64")
    net.subnet("subnet-2", "10.0.2.0/24", ipv6="2001:db8:1234:a102::/64")
    net.group("sg-server", [tcp(22, peer)])
    net.instance("server", "10.0.2.10", ipv6=SERVER_V6, groups=["sg-server"], interface_id=ENI)
    answer = net.ask(f"{CLIENT_V6} -> [{SERVER_V6}]:22", SSH_V6)
    assert (answer.verdict, answer.evidence.status, answer.evidence.accepted) == (verdict, status, 1)


# -- TCP flags ------------------------------------------------------------------------------------------------------

FLAGS = (
    "version vpc-id subnet-id instance-id interface-id account-id type srcaddr dstaddr srcport dstport "
    "pkt-srcaddr pkt-dstaddr protocol bytes packets start end action tcp-flags log-status\n"
)
WHERE = f"3 vpc-abcdefab012345678 subnet-aaaaaaaa012345678 i-01234567890123456 {ENI} 123456789010 IPv4 "
IN, OUT = (
    "52.213.180.42 10.0.0.62 {} 5001 52.213.180.42 10.0.0.62 6 ",
    "10.0.0.62 52.213.180.42 5001 {} 10.0.0.62 52.213.180.42 6 ",
)
OPENED = (
    WHERE + IN.format(43416) + "568 8 1566848875 1566848933 ACCEPT 2 OK\n"
    + WHERE + OUT.format(43416) + "376 7 1566848875 1566848933 ACCEPT 18 OK\n"
    + WHERE + IN.format(43418) + "100701 70 1566848875 1566848933 ACCEPT 2 OK\n"
    + WHERE + OUT.format(43418) + "632 12 1566848875 1566848933 ACCEPT 18 OK\n"
)  # fmt: skip
CLOSED_LATER = (
    WHERE + OUT.format(43418) + "63388 1219 1566848933 1566849113 ACCEPT 1 OK\n"
    + WHERE + IN.format(43418) + "23294588 15774 1566848933 1566849113 ACCEPT 1 OK\n"
)  # fmt: skip
ALL_IN_ONE = (
    WHERE + IN.format(43638) + "1260 17 1566933133 1566933193 ACCEPT 3 OK\n"
    + WHERE + OUT.format("43638 ") + "967 14 1566933133 1566933193 ACCEPT 19 OK\n"  # two spaces, as on the page
)  # fmt: skip


def iperf(port: int = 5001) -> Network:
    net = Network("10.0.0.0/16", account="123456789010")
    net.internet_gateway()
    net.subnet("subnet-aaaaaaaa012345678", "10.0.0.0/24", routes={"0.0.0.0/0": "igw-1"})
    net.group("sg-server", [tcp(port, "52.213.180.42/32")])
    net.instance(
        "server",
        "10.0.0.62",
        public="198.51.100.62",
        groups=["sg-server"],
        interface_id=ENI,
        instance_id="i-01234567890123456",
    )
    return net


@pytest.mark.parametrize(
    ("records", "count"),
    [
        pytest.param(OPENED, 4, id="two connections opened: SYN and SYN-ACK"),
        pytest.param(OPENED + CLOSED_LATER, 6, id="one of them closed in the next interval: FIN"),
        pytest.param(ALL_IN_ONE, 2, id="opened and closed in one interval"),
    ],
)
def test_tcp_flags_of_connections_that_were_accepted(records: str, count: int) -> None:
    answer = iperf().ask("52.213.180.42 -> i-0123456789:5001", FLAGS + records)
    assert (answer.verdict, answer.evidence.status) == ("allowed", "confirms")
    assert (answer.evidence.accepted, answer.evidence.rejected) == (count, 0)


def test_a_syn_that_was_accepted_contradicts_rules_that_refuse_it() -> None:
    answer = iperf(port=5002).ask("52.213.180.42 -> i-0123456789:5001", FLAGS + OPENED)
    assert (answer.verdict, answer.evidence.status) == ("blocked", "contradicts")


# -- NAT gateway ----------------------------------------------------------------------------------------------------

NAT_ENI, CLIENT_ENI = ENI, "eni-1111aaaa2222bbbb3"
NAT_FORMAT = (
    "version interface-id srcaddr dstaddr pkt-srcaddr pkt-dstaddr srcport dstport protocol packets bytes start end "
    "action log-status tcp-flags\n"
)
OUTWARD = "{} 443 6 9 1200 1566848875 1566848933 ACCEPT OK 2\n"
INWARD = "443 {} 6 8 5300 1566848875 1566848933 ACCEPT OK 18\n"
AT_THE_NAT_GATEWAY = (
    f"3 {NAT_ENI} 10.0.1.5 10.0.0.220 10.0.1.5 203.0.113.5 " + OUTWARD.format(40000)
    + f"3 {NAT_ENI} 10.0.0.220 203.0.113.5 10.0.0.220 203.0.113.5 " + OUTWARD.format(2345)
    + f"3 {NAT_ENI} 203.0.113.5 10.0.0.220 203.0.113.5 10.0.0.220 " + INWARD.format(2345)
    + f"3 {NAT_ENI} 10.0.0.220 10.0.1.5 203.0.113.5 10.0.1.5 " + INWARD.format(40000)
)  # fmt: skip
AT_THE_CLIENT = (
    f"3 {CLIENT_ENI} 10.0.1.5 203.0.113.5 10.0.1.5 203.0.113.5 " + OUTWARD.format(40000)
    + f"3 {CLIENT_ENI} 203.0.113.5 10.0.1.5 203.0.113.5 10.0.1.5 " + INWARD.format(40000)
)  # fmt: skip


def translated(inbound: list[Json] = OPEN) -> Network:
    """10.0.1.5 behind a NAT gateway (10.0.0.220), whose subnet admits these."""
    net = Network("10.0.0.0/16", account="123456789010")
    net.internet_gateway()
    net.subnet("subnet-public", "10.0.0.0/24", routes={"0.0.0.0/0": "igw-1"}, acl=(inbound, OPEN))
    net.subnet("subnet-private", "10.0.1.0/24", routes={"0.0.0.0/0": "nat-1234567890abcdef0"})
    net.nat_gateway("nat-1234567890abcdef0", "10.0.0.220", "198.51.100.220", interface_id=NAT_ENI)
    net.instance("client", "10.0.1.5", interface_id=CLIENT_ENI, instance_id="i-01234567890123456")
    return net


def test_both_sides_of_a_nat_gateway_and_its_client() -> None:
    answer = translated().ask("client -> 203.0.113.5:443", NAT_FORMAT + AT_THE_NAT_GATEWAY + AT_THE_CLIENT)
    assert (answer.verdict, answer.evidence.status, answer.evidence.accepted) == ("allowed", "confirms", 6)
    seen = {(s.interface_id, s.leg, s.direction): s.accepted for s in answer.evidence.seen}
    ways = [
        (CLIENT_ENI, "forward", "egress"),
        (NAT_ENI, "forward", "ingress"),
        (NAT_ENI, "forward", "egress"),
        (NAT_ENI, "return", "ingress"),
        (NAT_ENI, "return", "egress"),
        (CLIENT_ENI, "return", "ingress"),
    ]
    assert seen == dict.fromkeys(ways, 1)


def test_a_reply_refused_at_the_nat_gateway() -> None:
    inbound = [allow(100, cidr="10.0.0.0/16"), allow(110, "tcp", (32768, 65535))]
    refused = AT_THE_NAT_GATEWAY.splitlines(keepends=True)
    refused[2] = refused[2].replace("ACCEPT", "REJECT")
    answer = translated(inbound).ask("client -> 203.0.113.5:443", NAT_FORMAT + "".join(refused[:3]))
    assert (answer.verdict, blockers(answer)) == ("partial", ["return network-acl ingress acl-public rule 32767"])
    assert (answer.evidence.status, answer.evidence.rejected) == ("confirms", 1)


# -- service name, path and direction -------------------------------------------------------------------------------

SERVICE = (
    "version srcaddr dstaddr srcport dstport protocol start end type packets bytes account-id vpc-id subnet-id "
    "instance-id interface-id region az-id sublocation-type sublocation-id action tcp-flags pkt-srcaddr pkt-dstaddr "
    "pkt-src-aws-service pkt-dst-aws-service traffic-path flow-direction log-status\n"
)
S3_PLACE = (
    f"123456789012 vpc-abcdefab012345678 subnet-aaaaaaaa012345678 i-0c50d5961bcb2d47b {ENI} "
    "ap-southeast-2 apse2-az3 - - ACCEPT "
)
S3 = (
    "5 52.95.128.179 10.0.0.71 80 34210 6 1616729292 1616729349 IPv4 14 15044 " + S3_PLACE
    + "19 52.95.128.179 10.0.0.71 S3 - - ingress OK\n"
    + "5 10.0.0.71 52.95.128.179 34210 80 6 1616729292 1616729349 IPv4 7 471 " + S3_PLACE
    + "3 10.0.0.71 52.95.128.179 - S3 8 egress OK\n"
)  # fmt: skip


def test_a_connection_to_s3_over_the_internet_gateway() -> None:
    net = Network("10.0.0.0/16", account="123456789012", region="ap-southeast-2")
    net.internet_gateway()
    net.subnet("subnet-aaaaaaaa012345678", "10.0.0.0/24", routes={"0.0.0.0/0": "igw-1"})
    net.group("sg-client", [], [every("-1", ANYWHERE)])
    net.instance(
        "client",
        "10.0.0.71",
        public="198.51.100.71",
        groups=["sg-client"],
        interface_id=ENI,
        instance_id="i-0c50d5961bcb2d47b",
    )
    answer = net.ask("i-0c50d5961bcb2d47b -> 52.95.128.179:80", SERVICE + S3)
    assert (answer.verdict, answer.evidence.status, answer.evidence.accepted) == ("allowed", "confirms", 2)
    assert {(seen.leg, seen.direction) for seen in answer.evidence.seen} == {
        ("forward", "egress"),
        ("return", "ingress"),
    }


# -- transit gateway ------------------------------------------------------------------------------------------------

TRANSIT = (
    "version interface-id account-id vpc-id subnet-id instance-id srcaddr dstaddr srcport dstport protocol tcp-flags "
    "type pkt-srcaddr pkt-dstaddr action log-status\n"
    "3 eni-33333333333333333 123456789010 vpc-abcdefab012345678 subnet-22222222bbbbbbbbb i-01234567890123456 "
    "10.20.33.164 10.40.2.236 39812 80 6 3 IPv4 10.20.33.164 10.40.2.236 ACCEPT OK\n"
    "3 eni-33333333333333333 123456789010 vpc-abcdefab012345678 subnet-22222222bbbbbbbbb i-01234567890123456 "
    "10.40.2.236 10.20.33.164 80 39812 6 19 IPv4 10.40.2.236 10.20.33.164 ACCEPT OK\n"
    "3 eni-11111111111111111 123456789010 vpc-abcdefab012345678 subnet-11111111aaaaaaaaa - "
    "10.40.1.175 10.40.2.236 39812 80 6 3 IPv4 10.20.33.164 10.40.2.236 ACCEPT OK\n"
    "3 eni-22222222222222222 123456789010 vpc-abcdefab012345678 subnet-22222222bbbbbbbbb - "
    "10.40.2.236 10.40.2.31 80 39812 6 19 IPv4 10.40.2.236 10.20.33.164 ACCEPT OK\n"
)


def test_a_client_behind_a_transit_gateway_is_left_open_and_its_records_are_shown() -> None:
    net = Network("10.40.0.0/16", account="123456789010")
    net.subnet("subnet-22222222bbbbbbbbb", "10.40.2.0/24", routes={"10.20.0.0/16": "tgw-0123456789abcdef0"})
    net.group("sg-web", [tcp(80, "10.20.0.0/16")])
    net.instance(
        "web",
        "10.40.2.236",
        groups=["sg-web"],
        interface_id="eni-33333333333333333",
        instance_id="i-01234567890123456",
    )
    answer = net.ask("10.20.33.164 -> web:80", TRANSIT)
    assert (answer.verdict, blockers(answer)) == ("undetermined", [])
    assert any("tgw-0123456789abcdef0" in missing for missing in answer.missing)
    assert answer.evidence.rejected == 0
    assert answer.evidence.accepted >= 1
