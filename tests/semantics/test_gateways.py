"""Internet gateways, egress-only internet gateways, NAT gateways, Block Public Access.

https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html
https://docs.aws.amazon.com/vpc/latest/userguide/egress-only-internet-gateway.html
https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html
https://docs.aws.amazon.com/vpc/latest/userguide/security-vpc-bpa.html
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from tests.builders import ANYWHERE, CLOSED, OPEN, OUT_V6, Json, Network, allow, blockers, codes, deny, gone, tcp
from tests.semantics.scenes import OPEN_ACL, OUTSIDE_V6, Acl, behind_nat, public_server

HOST = "192.0.2.80"
WEB_V6 = "2001:db8:1:1::10"


# -- internet gateway -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "question",
    [
        pytest.param("203.0.113.5 -> web:443", id="in, IPv4"),
        pytest.param("203.0.113.5 -> 198.51.100.10:443", id="in, by the public address"),
        pytest.param("internet -> web:443", id="in, from everywhere"),
        pytest.param(f"{OUTSIDE_V6} -> [{WEB_V6}]:443", id="in, IPv6"),
        pytest.param(f"web -> {HOST}:443", id="out, IPv4"),
        pytest.param(f"{WEB_V6} -> [{OUTSIDE_V6}]:443", id="out, IPv6"),
        pytest.param("203.0.113.5 -> web/icmp", id="ping"),
    ],
)
def test_a_routed_host_with_a_public_address_is_on_the_internet(question: str) -> None:
    answer = public_server().ask(question)
    assert (answer.verdict, blockers(answer)) == ("allowed", [])


def test_the_gateway_translates_in_and_out() -> None:
    answer = public_server().ask("203.0.113.5 -> web:443")
    inside = next(hop for hop in answer.forward if hop.kind == "security-group")
    assert (inside.packet.source, inside.packet.destination) == ("203.0.113.5/32", "10.0.1.10/32")
    outside = next(hop for hop in answer.return_ if hop.kind == "internet-gateway")
    assert (outside.packet.source, outside.packet.destination) == ("198.51.100.10/32", "203.0.113.5/32")


def test_rules_inside_see_the_private_address_not_the_public_one() -> None:
    assert public_server(acl=(OPEN, OPEN)).ask("203.0.113.5 -> web:443").verdict == "allowed"
    closed = [deny(90, cidr="198.51.100.10/32"), *OPEN]
    assert public_server(acl=(closed, closed)).ask(f"web -> {HOST}:443").verdict == "allowed"


def test_without_a_public_address_nothing_comes_in() -> None:
    answer = public_server(public=None).ask("203.0.113.5 -> web:443")
    assert answer.verdict == "blocked"
    assert (codes(answer)[0], answer.blocked_by[0].layer) == (
        "IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS",
        "internet-gateway",
    )


def test_without_a_public_address_nothing_goes_out() -> None:
    answer = public_server(public=None).ask(f"web -> {HOST}:443")
    assert (answer.verdict, blockers(answer)) == ("blocked", ["forward internet-gateway igw-1"])
    assert codes(answer) == ["IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS"]


def test_ipv6_needs_no_public_ipv4_address() -> None:
    assert public_server(public=None).ask(f"{OUTSIDE_V6} -> [{WEB_V6}]:443").verdict == "allowed"


def test_without_an_internet_gateway_nothing_comes_in() -> None:
    net = Network()
    net.subnet("subnet-1", "10.0.1.0/24")
    net.instance("web", "10.0.1.10", public="198.51.100.10")
    answer = net.ask("203.0.113.5 -> web:443")
    assert (answer.verdict, codes(answer)[0]) == ("blocked", "NO_INTERNET_GATEWAY")
    assert answer.blocked_by[0].layer == "internet-gateway"


def test_a_detached_gateway_is_none() -> None:
    net = Network()
    net.internet_gateway(vpc=None)
    net.subnet("subnet-1", "10.0.1.0/24", routes={"0.0.0.0/0": gone("igw-1")})
    net.instance("web", "10.0.1.10", public="198.51.100.10")
    assert codes(net.ask("203.0.113.5 -> web:443"))[0] == "NO_INTERNET_GATEWAY"
    assert codes(net.ask(f"web -> {HOST}:443")) == ["BAD_STATE_ROUTE"]


def test_a_public_address_on_a_secondary_private_one_counts() -> None:
    net = public_server(public=None, secondary={"10.0.1.11": "198.51.100.11"})
    assert net.ask("203.0.113.5 -> 198.51.100.11:443").verdict == "allowed"
    assert net.ask(f"10.0.1.11 -> {HOST}:443").verdict == "allowed"
    assert net.ask(f"10.0.1.10 -> {HOST}:443").verdict == "blocked"


@pytest.mark.parametrize("private", ["10.99.0.5", "172.20.0.5", "192.168.7.7", "100.64.0.9"])
def test_private_addresses_do_not_cross_it(private: str) -> None:
    answer = public_server().ask(f"web -> {private}:443")
    assert answer.verdict == "blocked"
    assert answer.blocked_by[0].layer == "internet-gateway"
    assert codes(answer)[0].startswith("IGW_DESTINATION_ADDRESS_NOT_IN_RFC")


def test_an_interface_that_denies_gateway_traffic_is_not_reached_over_ipv6() -> None:
    net = public_server()
    assert net.ask(f"{OUTSIDE_V6} -> [{WEB_V6}]:443").verdict == "allowed"
    net.responses["NetworkInterfaces"][0]["DenyAllIgwTraffic"] = True
    answer = net.ask(f"{OUTSIDE_V6} -> [{WEB_V6}]:443")
    assert answer.verdict == "blocked"
    assert codes(answer)[0] == "ENI_DENIES_IGW_TRAFFIC"


# -- the public address of the own VPC ------------------------------------------------------------------------------


def neighbours(rule: Json) -> Network:
    """``web`` (public 198.51.100.10) admits ``rule``; ``client`` (public 198.51.100.20, group sg-client) asks."""
    net = Network()
    net.internet_gateway()
    net.subnet("subnet-public", "10.0.1.0/24", routes={"0.0.0.0/0": "igw-1"})
    net.group("sg-client")
    net.group("sg-web", [rule])
    net.instance("web", "10.0.1.10", public="198.51.100.10", groups=["sg-web"])
    net.instance("client", "10.0.1.20", public="198.51.100.20", groups=["sg-client"])
    return net


def test_a_neighbour_that_asks_the_public_address_comes_with_its_own_public_address() -> None:
    answer = neighbours(tcp(443, "198.51.100.20/32")).ask("client -> 198.51.100.10:443")
    assert (answer.verdict, blockers(answer)) == ("allowed", [])
    assert any("public address" in warning for warning in answer.warnings)


@pytest.mark.parametrize(
    "rule", [tcp(443, "sg-client"), tcp(443, "10.0.1.20/32")], ids=["its group", "its private address"]
)
def test_by_the_public_address_neither_group_nor_private_address_match(rule: Json) -> None:
    net = neighbours(rule)
    assert net.ask("client -> web:443").verdict == "allowed"
    answer = net.ask("client -> 198.51.100.10:443")
    assert (answer.verdict, blockers(answer)) == ("blocked", ["forward security-group ingress sg-web"])


# -- egress-only internet gateway -----------------------------------------------------------------------------------


def six_only_out() -> Network:
    net = Network(ipv6="2001:db8:1::/56")
    net.egress_only_gateway()
    net.subnet("subnet-1", "10.0.1.0/24", ipv6="2001:db8:1:1::/64", routes={"::/0": "eigw-1"})
    net.instance("worker", "10.0.1.10", ipv6=WEB_V6)
    return net


def test_an_egress_only_gateway_lets_connections_out_and_their_replies_in() -> None:
    answer = six_only_out().ask(f"{WEB_V6} -> [{OUTSIDE_V6}]:443")
    assert (answer.verdict, blockers(answer)) == ("allowed", [])
    assert "egress-only-internet-gateway" in [hop.kind for hop in answer.return_]


def test_an_egress_only_gateway_lets_no_connection_in() -> None:
    answer = six_only_out().ask(f"{OUTSIDE_V6} -> [{WEB_V6}]:443")
    assert (answer.verdict, blockers(answer)) == ("blocked", ["forward egress-only-internet-gateway eigw-1"])


def test_an_egress_only_gateway_has_no_ipv4() -> None:
    assert codes(six_only_out().ask(f"worker -> {HOST}:443")) == ["NO_ROUTE_TO_DESTINATION"]


def test_replies_through_an_egress_only_gateway_still_pass_the_network_acl() -> None:
    net = six_only_out()
    net.acl("acl-1", [allow(100)], OPEN)
    net.responses["NetworkAcls"][-1]["Associations"] = net.responses["NetworkAcls"][0].pop("Associations")
    net.responses["NetworkAcls"][0]["Associations"] = []
    answer = net.ask(f"{WEB_V6} -> [{OUTSIDE_V6}]:443")
    assert blockers(answer) == ["return network-acl ingress acl-1 rule 32768"]


# -- NAT gateway ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("question", [f"worker -> {HOST}:443", f"worker -> {HOST}:53/udp", f"worker -> {HOST}/icmp"])
def test_a_nat_gateway_carries_tcp_udp_and_icmp_out(question: str) -> None:
    answer = behind_nat().ask(question)
    assert (answer.verdict, blockers(answer)) == ("allowed", [])
    assert [hop.kind for hop in answer.forward].count("nat-gateway") == 1
    assert [hop.kind for hop in answer.return_].count("nat-gateway") == 1


def test_a_nat_gateway_carries_nothing_else() -> None:
    answer = behind_nat().ask(f"worker -> {HOST} --protocol 50")
    assert answer.verdict == "blocked"
    assert (answer.blocked_by[0].layer, codes(answer)[0]) == ("nat-gateway", "PROTOCOL_RESTRICTION")


def test_a_nat_gateway_lets_nothing_in() -> None:
    assert behind_nat().ask("203.0.113.5 -> worker:443").verdict == "blocked"
    answer = behind_nat().ask("203.0.113.5 -> 198.51.100.99:443")
    assert answer.verdict == "blocked"
    assert "nat-gateway" in [finding.layer for finding in answer.blocked_by]


class Leg(NamedTuple):
    """One of the six network ACL checks of a connection through a NAT gateway in another subnet."""

    name: str
    client_acl: Acl
    nat_acl: Acl
    refused: str


# Client 10.0.2.20, NAT gateway 10.0.1.99: each leg is closed by a rule that only its own packets match.
FROM_HOST = deny(90, cidr=f"{HOST}/32")
TO_CLIENT = deny(90, "tcp", (1024, 65535), "10.0.2.20/32")
TO_HOST = deny(90, "tcp", 443, f"{HOST}/32")
FROM_CLIENT = deny(90, cidr="10.0.2.20/32")
LEGS = [
    Leg("1 request leaves the client", (OPEN, [TO_HOST, *OPEN]), OPEN_ACL, "forward network-acl egress acl-private"),
    Leg(
        "2 request enters the NAT subnet",
        OPEN_ACL,
        ([FROM_CLIENT, *OPEN], OPEN),
        "forward network-acl ingress acl-public",
    ),
    Leg("3 request leaves the NAT subnet", OPEN_ACL, (OPEN, [TO_HOST, *OPEN]), "forward network-acl egress acl-public"),
    Leg("4 reply enters the NAT subnet", OPEN_ACL, ([FROM_HOST, *OPEN], OPEN), "return network-acl ingress acl-public"),
    Leg("5 reply leaves the NAT subnet", OPEN_ACL, (OPEN, [TO_CLIENT, *OPEN]), "return network-acl egress acl-public"),
    Leg("6 reply enters the client's", ([FROM_HOST, *OPEN], OPEN), OPEN_ACL, "return network-acl ingress acl-private"),
]


@pytest.mark.parametrize("leg", LEGS, ids=lambda leg: leg.name)
def test_six_network_acl_lists_are_asked_on_the_way_through_a_nat_gateway(leg: Leg) -> None:
    answer = behind_nat(client_acl=leg.client_acl, nat_acl=leg.nat_acl).ask(f"worker -> {HOST}:443")
    assert (answer.verdict, blockers(answer)) == ("blocked", [f"{leg.refused} rule 90"])


def test_replies_to_a_nat_gateway_need_the_ports_from_1024() -> None:
    inbound = [allow(100, cidr="10.0.0.0/16"), allow(110, "tcp", (32768, 65535))]
    answer = behind_nat(nat_acl=(inbound, OPEN)).ask(f"worker -> {HOST}:443")
    assert (answer.verdict, blockers(answer)) == ("partial", ["return network-acl ingress acl-public rule 32767"])


@pytest.mark.parametrize("state", ["pending", "failed", "deleting", "deleted"])
def test_only_an_available_nat_gateway_forwards(state: str) -> None:
    answer = behind_nat(state=state).ask(f"worker -> {HOST}:443")
    assert answer.verdict == "blocked"
    assert (answer.blocked_by[0].layer, codes(answer)[0]) == ("nat-gateway", "BAD_STATE")


def test_the_nat_gateways_own_subnet_must_be_routed_to_the_internet() -> None:
    answer = behind_nat(nat_routes={}).ask(f"worker -> {HOST}:443")
    assert (answer.verdict, blockers(answer)) == ("blocked", ["forward route-table rtb-public"])


def test_a_private_nat_gateway_does_not_reach_the_internet() -> None:
    answer = behind_nat(nat_public=None).ask(f"worker -> {HOST}:443")
    assert answer.verdict == "blocked"
    assert answer.blocked_by[0].layer == "internet-gateway"


def test_a_nat_gateway_gets_its_replies_back_over_a_peering_without_a_route() -> None:
    def account(far: str) -> Network:
        net = Network()
        net.vpc("vpc-2", "10.9.0.0/16")
        net.peering("pcx-1", "vpc-1", "vpc-2")
        net.subnet("subnet-nat", "10.0.1.0/24", routes={"10.9.0.0/16": "pcx-1"})
        net.subnet("subnet-app", "10.0.2.0/24", routes={"10.9.0.0/16": far})
        net.subnet("subnet-db", "10.9.1.0/24", vpc="vpc-2")
        net.nat_gateway("nat-1", "10.0.1.99")
        net.instance("app", "10.0.2.10")
        net.group("sg-db", [tcp(5432, "10.0.0.0/16")], vpc="vpc-2")
        net.instance("db", "10.9.1.20", groups=["sg-db"])
        return net

    assert account("nat-1").ask("app -> db:5432").verdict == "allowed"
    plain = account("pcx-1").ask("app -> db:5432")
    assert (plain.verdict, codes(plain)) == ("blocked", ["NO_ROUTE_TO_DESTINATION"])


# -- Block Public Access --------------------------------------------------------------------------------------------


class Switch(NamedTuple):
    """Mode of the account, exclusion of the subnet, and what of in, out and out by NAT gateway still passes.

    https://docs.aws.amazon.com/vpc/latest/userguide/security-vpc-bpa-example.html
    """

    mode: str
    exclusion: str | None
    inward: bool
    outward: bool
    by_nat: bool


SWITCHES = [
    Switch("off", None, True, True, True),
    Switch("block-ingress", None, False, False, True),
    Switch("block-ingress", "allow-bidirectional", True, True, True),
    Switch("block-ingress", "allow-egress", False, False, True),
    Switch("block-bidirectional", None, False, False, False),
    Switch("block-bidirectional", "allow-bidirectional", True, True, True),
    Switch("block-bidirectional", "allow-egress", False, False, True),
]


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda s: f"{s.mode} {s.exclusion or 'no exclusion'}")
def test_block_public_access_and_its_exclusions(switch: Switch) -> None:
    for scene, question, passes in (
        (public_server(), "203.0.113.5 -> web:443", switch.inward),
        (public_server(), f"web -> {HOST}:443", switch.outward),
        (public_server(), f"{OUTSIDE_V6} -> [{WEB_V6}]:443", switch.inward),
        (behind_nat(), f"worker -> {HOST}:443", switch.by_nat),
    ):
        scene.block_public_access(switch.mode, {"subnet-public": switch.exclusion} if switch.exclusion else None)
        answer = scene.ask(question)
        expected = ("allowed", []) if passes else ("blocked", ["VPC_BLOCK_PUBLIC_ACCESS_ENABLED"])
        assert (answer.verdict, codes(answer)) == expected, question


def test_block_public_access_stops_an_egress_only_gateway_in_both_directions_only() -> None:
    net = six_only_out()
    net.block_public_access("block-ingress")
    assert net.ask(f"{WEB_V6} -> [{OUTSIDE_V6}]:443").verdict == "allowed"
    net.block_public_access("block-bidirectional")
    assert codes(net.ask(f"{WEB_V6} -> [{OUTSIDE_V6}]:443")) == ["VPC_BLOCK_PUBLIC_ACCESS_ENABLED"]


def test_an_exclusion_of_the_vpc_covers_its_subnets() -> None:
    net = public_server()
    net.block_public_access("block-bidirectional", {"vpc-1": "allow-bidirectional"})
    assert net.ask("203.0.113.5 -> web:443").verdict == "allowed"


def test_block_public_access_says_nothing_of_private_paths() -> None:
    net = Network()
    net.subnet("subnet-1", "10.0.1.0/24")
    net.subnet("subnet-2", "10.0.2.0/24")
    net.instance("one", "10.0.1.11")
    net.instance("two", "10.0.2.12")
    net.block_public_access("block-bidirectional")
    assert net.ask("one -> two:443").verdict == "allowed"


def test_a_gateway_and_everything_behind_it_is_told_in_one_run() -> None:
    net = public_server(public=None, ingress=[tcp(22, ANYWHERE)], acl=(CLOSED, OPEN))
    layers = [finding.layer for finding in net.ask("203.0.113.5 -> web:443").blocked_by]
    assert layers[:3] == ["internet-gateway", "network-acl", "security-group"]


# -- private IPv6 addresses -------------------------------------------------------------------------------------------


def private_ipv6(block: str, gateway: str, *, attribute: str | None = None) -> Network:
    """``app`` (…::10) in a VPC with an IPv6 block, routed to an internet or egress-only gateway."""
    net = Network(ipv6=f"{block}::/56")
    net.internet_gateway()
    net.egress_only_gateway()
    net.subnet("subnet-app", "10.0.1.0/24", ipv6=f"{block}::/64", routes={"::/0": gateway})
    net.group("sg-app", [tcp(443, "::/0")], OUT_V6)
    net.instance("app", "10.0.1.10", ipv6=f"{block}::10", groups=["sg-app"])
    if attribute:
        net.responses["Vpcs"][0]["Ipv6CidrBlockAssociationSet"][0] |= {"Ipv6AddressAttribute": attribute}
    return net


@pytest.mark.parametrize(("block", "attribute"), [("fd12:3456:789a:100", None), ("2001:db8:1:100", "private")])
def test_private_ipv6_addresses_are_not_on_the_internet(block: str, attribute: str | None) -> None:
    # https://docs.aws.amazon.com/vpc/latest/userguide/vpc-ip-addressing.html
    for gateway in ("igw-1", "eigw-1"):
        out = private_ipv6(block, gateway, attribute=attribute).ask(f"app -> [{OUTSIDE_V6}]:443")
        assert (out.verdict, codes(out)) == ("blocked", ["IPV6_ADDRESS_NOT_ADVERTISED"])
        assert out.blocked_by[0].resource_ids == [gateway]
    into = private_ipv6(block, "igw-1", attribute=attribute).ask(f"[{OUTSIDE_V6}] -> app:443")
    assert (into.verdict, codes(into)) == ("blocked", ["IPV6_ADDRESS_NOT_ADVERTISED"])


def test_public_ipv6_addresses_are() -> None:
    net = private_ipv6("2001:db8:1:100", "igw-1", attribute="public")
    assert net.ask(f"app -> [{OUTSIDE_V6}]:443").verdict == "allowed"
    to_private = net.ask("app -> [fd12::5]:443")
    assert (to_private.verdict, codes(to_private)[0]) == ("blocked", "IPV6_ADDRESS_NOT_ADVERTISED")
