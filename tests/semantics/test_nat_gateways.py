"""NAT gateways beyond the public one of a subnet: private, regional, with several addresses, and NAT64.

https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html
https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateways-regional.html
https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-nat64-dns64.html
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest

from tests.builders import OPEN, Json, Network, allow, blockers, codes, deny, tcp
from tests.semantics.scenes import OPEN_ACL, Acl, behind_nat

HOST = "192.0.2.80"
WORKER_V6 = "2001:db8:1:2::20"


def in_64(address: str) -> str:
    """An IPv4 address as DNS64 gives it."""
    return str(IPv6Address(int(IPv6Address("64:ff9b::")) + int(IPv4Address(address))))


# -- private --------------------------------------------------------------------------------------------------------


def private_nat(ingress: list[Json] | None = None) -> Network:
    """``worker`` reaches the office over a private NAT gateway (10.0.1.99) and a virtual private gateway."""
    net = Network()
    net.vpn_gateway()
    net.vpn_connection("vpn-1", static=["192.168.0.0/16"])
    net.subnet("subnet-nat", "10.0.1.0/24", routes={"192.168.0.0/16": "vgw-1", "0.0.0.0/0": "igw-1"})
    net.subnet("subnet-private", "10.0.2.0/24", routes={"0.0.0.0/0": "nat-1"})
    net.nat_gateway("nat-1", "10.0.1.99")
    net.instance("worker", "10.0.2.20")
    return net


def test_a_private_nat_gateway_hides_the_sender_from_the_office() -> None:
    answer = private_nat().ask("worker -> 192.168.7.7:443")
    assert (answer.verdict, blockers(answer)) == ("allowed", [])
    leaving = next(hop for hop in answer.forward if hop.kind == "vpn-gateway")
    assert leaving.packet.source == "10.0.1.99/32"
    assert [hop.kind for hop in answer.return_].count("nat-gateway") == 1


def test_a_public_nat_gateway_uses_its_private_address_off_the_internet() -> None:
    net = private_nat()
    net.internet_gateway()
    net.responses["NatGateways"].clear()
    net.responses["NetworkInterfaces"] = [r for r in net.responses["NetworkInterfaces"] if "nat" not in str(r)]
    net.nat_gateway("nat-1", "10.0.1.99", "198.51.100.99")
    leaving = next(h for h in net.ask("worker -> 192.168.7.7:443").forward if h.kind == "vpn-gateway")
    assert leaving.packet.source == "10.0.1.99/32"
    assert net.ask(f"worker -> {HOST}:443").verdict == "allowed"


def test_a_private_nat_gateway_does_not_reach_the_internet() -> None:
    net = private_nat()
    net.internet_gateway()
    answer = net.ask(f"worker -> {HOST}:443")
    assert (answer.verdict, codes(answer)) == ("blocked", ["IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS"])


def test_the_office_gets_no_connection_through_a_private_nat_gateway() -> None:
    answer = private_nat().ask("192.168.7.7 -> 10.0.1.99:443")
    assert (answer.verdict, codes(answer)) == ("blocked", ["NAT_GATEWAY_REFUSES_INBOUND"])


# -- several addresses ----------------------------------------------------------------------------------------------


def test_with_several_addresses_it_is_said_that_any_may_be_used() -> None:
    net = behind_nat()
    more = {"PrivateIp": "10.0.1.98", "PublicIp": "198.51.100.98", "IsPrimary": False, "Status": "succeeded"}
    net.responses["NatGateways"][0]["NatGatewayAddresses"].insert(0, more)
    answer = net.ask(f"worker -> {HOST}:443")
    assert answer.verdict == "allowed"
    assert any("198.51.100.99, 198.51.100.98" in warning for warning in answer.warnings)


def test_an_address_that_was_not_assigned_is_not_used() -> None:
    net = behind_nat()
    more = {"PrivateIp": "10.0.1.98", "PublicIp": "198.51.100.98", "IsPrimary": True, "Status": "failed"}
    net.responses["NatGateways"][0]["NatGatewayAddresses"].insert(0, more)
    answer = net.ask(f"worker -> {HOST}:443")
    assert {h.packet.source for h in answer.forward if h.kind == "internet"} == {"198.51.100.99/32"}
    assert answer.warnings == []


# -- regional -------------------------------------------------------------------------------------------------------


def regional(*, zone: str = "a", client_acl: Acl = OPEN_ACL, **gateway: Any) -> Network:
    """``worker`` (10.0.2.20) in a private subnet, and a regional NAT gateway with addresses in zones a and b."""
    net = Network()
    net.internet_gateway()
    net.regional_nat_gateway("nat-1", {"198.51.100.98": "b", "198.51.100.99": "a"}, **gateway)
    net.subnet("subnet-private", "10.0.2.0/24", routes={"0.0.0.0/0": "nat-1"}, acl=client_acl, zone=zone)
    net.instance("worker", "10.0.2.20")
    return net


@pytest.mark.parametrize("question", [f"worker -> {HOST}:443", f"worker -> {HOST}:53/udp", f"worker -> {HOST}/icmp"])
def test_a_regional_nat_gateway_needs_no_public_subnet(question: str) -> None:
    answer = regional().ask(question)
    assert (answer.verdict, blockers(answer), answer.warnings) == ("allowed", [], [])
    assert "rtb-nat-1" in [hop.id for hop in answer.forward]
    assert [hop.kind for hop in answer.return_].count("nat-gateway") == 1


@pytest.mark.parametrize(("zone", "public"), [("a", "198.51.100.99/32"), ("b", "198.51.100.98/32")])
def test_each_zone_is_served_by_its_own_address(zone: str, public: str) -> None:
    answer = regional(zone=zone).ask(f"worker -> {HOST}:443")
    assert {hop.packet.source for hop in answer.forward if hop.kind == "internet"} == {public}


def test_a_zone_that_it_has_not_come_to_yet_is_served_by_another() -> None:
    answer = regional(zone="c").ask(f"worker -> {HOST}:443")
    assert answer.verdict == "allowed"
    assert any("no address in eu-west-1c yet" in warning for warning in answer.warnings)


def test_a_zone_that_was_not_added_by_hand_is_not_served() -> None:
    answer = regional(zone="c", automatic=False).ask(f"worker -> {HOST}:443")
    assert (answer.verdict, codes(answer)) == ("blocked", ["REGIONAL_NGW_ROUTE_AZ_RESTRICTION"])


def test_only_the_clients_own_network_acl_is_asked() -> None:
    inbound = [allow(100, "tcp", (49152, 65535))]
    answer = regional(client_acl=(inbound, OPEN)).ask(f"worker -> {HOST}:443")
    assert blockers(answer) == ["return network-acl ingress acl-private rule 32767"]
    assert {hop.id for hop in answer.forward if hop.kind == "network-acl"} == {"acl-private"}


def test_the_route_table_of_a_regional_nat_gateway_decides() -> None:
    answer = regional(routes={}).ask(f"worker -> {HOST}:443")
    assert (answer.verdict, blockers(answer)) == ("blocked", ["forward route-table rtb-nat-1"])


def test_a_regional_nat_gateway_that_is_not_available_forwards_nothing() -> None:
    assert codes(regional(state="failed").ask(f"worker -> {HOST}:443")) == ["BAD_STATE"]


def test_a_regional_nat_gateway_lets_nothing_in() -> None:
    assert regional().ask("203.0.113.5 -> worker:443").verdict == "blocked"


def test_what_a_regional_nat_gateway_sends_from_off_the_internet_is_not_shown() -> None:
    net = regional(routes={"0.0.0.0/0": "tgw-1"})
    answer = net.ask(f"worker -> {HOST}:443")
    assert (answer.verdict, blockers(answer)) == ("undetermined", [])
    assert any("nat-1" in missing and "private address" in missing for missing in answer.missing)


def test_without_its_route_table_nothing_is_known_of_a_regional_nat_gateway() -> None:
    net = regional()
    net.responses["RouteTables"] = [r for r in net.responses["RouteTables"] if r["RouteTableId"] != "rtb-nat-1"]
    answer = net.ask(f"worker -> {HOST}:443")
    assert (answer.verdict, blockers(answer)) == ("undetermined", [])


# -- NAT64 ----------------------------------------------------------------------------------------------------------


def six_only(*, routes: dict[str, Any] | None = None, client_acl: Acl = OPEN_ACL, nat_acl: Acl = OPEN_ACL) -> Network:
    """``worker``, which has IPv6 only, and a NAT gateway (10.0.1.99) for what DNS64 tells it."""
    net = Network(ipv6="2001:db8:1::/56")
    net.internet_gateway()
    net.subnet("subnet-public", "10.0.1.0/24", routes={"0.0.0.0/0": "igw-1"}, acl=nat_acl)
    to_nat = {"64:ff9b::/96": "nat-1"} if routes is None else routes
    net.subnet("subnet-six", "10.0.2.0/24", ipv6="2001:db8:1:2::/64", routes=to_nat, acl=client_acl)
    net.nat_gateway("nat-1", "10.0.1.99", "198.51.100.99")
    net.instance("worker", None, ipv6=WORKER_V6)
    return net


@pytest.mark.parametrize("what", [":443", ":53/udp", "/icmpv6"])
def test_an_ipv6_host_reaches_ipv4_through_nat64(what: str) -> None:
    answer = six_only().ask(f"worker -> [{in_64(HOST)}]{what}")
    assert (answer.verdict, blockers(answer), answer.missing) == ("allowed", [], [])
    outside = next(hop for hop in answer.forward if hop.kind == "internet")
    assert (outside.packet.source, outside.packet.destination) == ("198.51.100.99/32", f"{HOST}/32")
    back = answer.return_[-1]
    assert (back.packet.source, back.packet.destination) == (f"{in_64(HOST)}/128", f"{WORKER_V6}/128")


def test_a_ping_is_a_ping_of_the_other_version_behind_it() -> None:
    answer = six_only().ask(f"worker -> [{in_64(HOST)}]/icmpv6")
    types = [(hop.packet.protocol, hop.packet.icmp_type) for hop in answer.forward if hop.kind == "security-group"]
    assert types == [("icmpv6", "128")]
    assert [(h.packet.protocol, h.packet.icmp_type) for h in answer.forward if h.kind == "internet"] == [("icmp", "8")]


def test_without_the_route_nat64_is_not_reached() -> None:
    answer = six_only(routes={}).ask(f"worker -> [{in_64(HOST)}]:443")
    assert codes(answer) == ["NO_ROUTE_TO_DESTINATION"]


@pytest.mark.parametrize("gateway", ["igw-1", "eigw-1"])
def test_an_address_of_nat64_means_nothing_on_the_internet(gateway: str) -> None:
    net = six_only(routes={"::/0": gateway})
    net.egress_only_gateway()
    answer = net.ask(f"worker -> [{in_64(HOST)}]:443")
    assert (answer.verdict, codes(answer)) == ("blocked", ["NAT64_NEEDS_A_NAT_GATEWAY"])
    assert net.ask("worker -> [2001:db8:ffff::5]:443").verdict == "allowed"


def test_the_clients_rules_see_ipv6_and_those_behind_the_gateway_ipv4() -> None:
    six = allow(101, cidr="64:ff9b::/96")
    only_six = ([six], [six])
    assert six_only(client_acl=only_six).ask(f"worker -> [{in_64(HOST)}]:443").verdict == "allowed"
    four = ([allow(100)], [allow(100)])
    refused = six_only(client_acl=four).ask(f"worker -> [{in_64(HOST)}]:443")
    assert blockers(refused) == [
        "forward network-acl egress acl-six rule 32768",
        "return network-acl ingress acl-six rule 32768",
    ]
    denied = six_only(nat_acl=(OPEN, [deny(90, "tcp", 443, f"{HOST}/32"), *OPEN]))
    assert blockers(denied.ask(f"worker -> [{in_64(HOST)}]:443")) == ["forward network-acl egress acl-public rule 90"]


def test_a_block_of_ipv4_addresses_is_cut_where_a_rule_behind_nat64_cuts_it() -> None:
    net = six_only(nat_acl=(OPEN, [deny(90, cidr="192.0.2.128/25"), *OPEN]))
    answer = net.ask(f"worker -> {in_64('192.0.2.0')}/120:443")
    assert answer.verdict == "partial"
    assert [finding.packets.destination for finding in answer.blocked_by] == ["192.0.2.128/25"]


def test_nat64_reaches_a_host_of_the_vpc_that_has_ipv4_only() -> None:
    net = six_only()
    net.group("sg-db", [tcp(5432, "10.0.1.99/32")])
    net.subnet("subnet-db", "10.0.3.0/24")
    net.instance("db", "10.0.3.30", groups=["sg-db"])
    assert net.ask(f"worker -> [{in_64('10.0.3.30')}]:5432").verdict == "allowed"
    assert blockers(net.ask(f"worker -> [{in_64('10.0.3.30')}]:22")) == ["forward security-group ingress sg-db"]


def test_other_ipv6_is_not_carried_by_a_nat_gateway() -> None:
    answer = six_only(routes={"::/0": "nat-1"}).ask("worker -> [2001:db8:ffff::5]:443")
    assert (answer.verdict, codes(answer)) == ("blocked", ["NAT_GATEWAY_CARRIES_NO_IPV6"])


def test_only_pings_of_icmpv6_are_known_to_be_translated() -> None:
    answer = six_only().ask(f"worker -> [{in_64(HOST)}] --protocol icmpv6 --icmp-type 1")
    assert answer.verdict == "undetermined"


def test_every_port_of_a_host_behind_nat64() -> None:
    answer = six_only(nat_acl=(OPEN, [deny(90, "tcp", (8000, 9000)), *OPEN])).ask(f"worker -> {in_64(HOST)}")
    assert (answer.verdict, answer.open_ports) == ("partial", "0-7999,9001-65535")


def test_a_reply_that_comes_to_it_twice_is_dropped() -> None:
    net = Network()
    net.internet_gateway()
    net.subnet("subnet-nat", "10.0.1.0/24", routes={"0.0.0.0/0": "igw-1", "10.0.2.0/24": "vpce-fw"})
    net.subnet("subnet-app", "10.0.2.0/24", routes={"0.0.0.0/0": "vpce-fw"})
    net.subnet("subnet-fw", "10.0.3.0/28", routes={"0.0.0.0/0": "nat-1", "10.0.2.0/24": "nat-1"})
    net.nat_gateway("nat-1", "10.0.1.99", "198.51.100.99")
    net.instance("app", "10.0.2.20")
    arn = net.firewall("inspection", {"subnet-fw": "vpce-fw"})
    service = "com.amazonaws.vpce.eu-west-1.vpce-svc-0a1b2c3d4e5f60718"
    net.endpoint("vpce-fw", service, "GatewayLoadBalancer", at={"subnet-fw": "10.0.3.5"}, firewall=arn)
    answer = net.ask("app -> 192.0.2.80:443")
    assert (answer.verdict, codes(answer)) == ("blocked", ["NAT_GATEWAY_KNOWS_NO_CONNECTION"])
    assert "it has passed it already" in answer.summary
