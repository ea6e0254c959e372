"""Virtual private gateways with Site-to-Site VPN and Direct Connect behind them: what goes out, and what comes in.

https://docs.aws.amazon.com/vpn/latest/s2svpn/vpn-route-priority.html
https://docs.aws.amazon.com/vpn/latest/s2svpn/VPNRoutingTypes.html
https://docs.aws.amazon.com/vpc/latest/reachability/explanation-codes.html
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import OUT_V6, Json, Network, blockers, codes, deny, propagated, tcp
from tests.semantics.scenes import OPEN_ACL, Acl

OUT, IN = "app -> 192.168.7.7:443", "192.168.7.7 -> app:443"
BOTH = pytest.mark.parametrize("question", [OUT, IN, "app -> 192.168.7.7/icmp"])


def office(
    *,
    to: Any = "vgw-1",
    static: list[str] | None = None,
    ingress: list[Json] | None = None,
    acl: Acl = OPEN_ACL,
    gateway: dict[str, Any] | None = None,
    **connection: Any,
) -> Network:
    """``app`` (10.0.1.10) whose subnet routes 192.168.0.0/16 to a gateway with one VPN connection to the office."""
    net = Network(ipv6="2001:db8:1::/56")
    net.vpn_gateway(**(gateway or {}))
    net.vpn_connection("vpn-1", static=["192.168.0.0/16"] if static is None else static, **connection)
    routes = {"192.168.0.0/16": to, "2001:db8:60::/48": to}
    net.subnet("subnet-app", "10.0.1.0/24", ipv6="2001:db8:1:1::/64", routes=routes, acl=acl)
    net.group("sg-app", [tcp(443, "192.168.0.0/16")] if ingress is None else ingress, OUT_V6)
    net.instance("app", "10.0.1.10", ipv6="2001:db8:1:1::10", groups=["sg-app"])
    return net


def by_bgp(to: Any = "vgw-1", **connection: Any) -> Network:
    net = office(to=to, **connection)
    net.responses["VpnConnections"][0]["Options"]["StaticRoutesOnly"] = False
    net.responses["VpnConnections"][0]["Routes"] = []
    return net


@BOTH
def test_a_static_connection_with_a_tunnel_up_carries_its_prefixes(question: str) -> None:
    answer = office().ask(question)
    assert (answer.verdict, blockers(answer), answer.missing) == ("allowed", [], [])
    assert "vgw-1" in [hop.id for hop in answer.forward]
    assert "vgw-1" in [hop.id for hop in answer.return_]


def test_where_the_packets_leave_aws_is_said() -> None:
    answer = office().ask(OUT)
    assert any("leave AWS at vgw-1" in warning for warning in answer.warnings)
    assert [(hop.action, hop.detail) for hop in answer.forward if hop.kind == "vpn-gateway"] == [
        ("deliver", "over vpn-1")
    ]


@pytest.mark.parametrize("tunnels", [("DOWN", "DOWN"), ("DOWN",)])
def test_a_connection_with_all_tunnels_down_carries_nothing(tunnels: tuple[str, ...]) -> None:
    out = office(tunnels=tunnels).ask(OUT)
    assert (out.verdict, blockers(out), codes(out)) == (
        "blocked",
        ["forward vpn-gateway vgw-1 vpn-1"],
        ["BAD_STATE_VPN"],
    )
    into = office(tunnels=tunnels).ask(IN)
    assert (into.verdict, codes(into)) == ("blocked", ["BAD_STATE_VPN"])


def test_a_second_connection_that_is_up_takes_over() -> None:
    net = office(tunnels=("DOWN", "DOWN"))
    net.vpn_connection("vpn-2", static=["192.168.0.0/16"])
    assert net.ask(OUT).verdict == "allowed"
    assert net.ask(IN).verdict == "allowed"


def test_a_reply_needs_the_connection_that_has_its_route() -> None:
    net = office(tunnels=("DOWN", "DOWN"))
    net.vpn_connection("vpn-2", static=["172.16.0.0/12"])  # the office's packets may come in by it, no reply leaves
    answer = net.ask(IN)
    assert (answer.verdict, blockers(answer)) == ("blocked", ["return vpn-gateway vgw-1 vpn-1"])
    assert codes(answer) == ["BAD_STATE_VPN"]


def test_what_is_propagated_for_no_reason_that_shows_leads_nowhere() -> None:
    net = office(to=propagated("vgw-1"), static=["192.168.8.0/24"])
    assert net.ask(OUT).verdict == "allowed"  # Direct Connect may have brought it
    net.details["describe-direct-connect-gateway-associations.vgw-1"] = {"directConnectGatewayAssociations": []}
    net.responses["virtualInterfaces"] = []
    assert codes(net.ask(OUT)) == ["NO_ROUTE_TO_DESTINATION"]


def test_a_prefix_without_a_static_route_is_not_carried() -> None:
    answer = office(static=["192.168.8.0/24"]).ask(OUT)
    assert (answer.verdict, codes(answer)) == ("blocked", ["NO_ROUTE_TO_DESTINATION"])
    assert answer.blocked_by[0].layer == "vpn-gateway"


def test_of_a_block_only_what_the_static_routes_cover_is_carried() -> None:
    answer = office(static=["192.168.7.0/25"]).ask("app -> 192.168.7.0/24:443")
    assert answer.verdict == "partial"
    assert [finding.packets.destination for finding in answer.blocked_by] == ["192.168.7.128/25"]


def test_without_a_static_route_the_reply_to_the_office_is_lost() -> None:
    answer = office(static=["192.168.8.0/24"]).ask(IN)
    assert (answer.verdict, blockers(answer)) == ("blocked", ["return vpn-gateway vgw-1"])


def test_a_static_route_that_is_still_pending_does_not_count() -> None:
    net = office()
    net.responses["VpnConnections"][0]["Routes"][0]["State"] = "pending"
    assert codes(net.ask(OUT)) == ["NO_ROUTE_TO_DESTINATION"]


@pytest.mark.parametrize("state", ["pending", "deleting", "deleted"])
def test_only_an_available_connection_carries(state: str) -> None:
    assert office(state=state).ask(OUT).verdict != "allowed"


def test_what_bgp_brought_is_what_was_propagated() -> None:
    assert by_bgp(propagated("vgw-1")).ask(OUT).verdict == "allowed"
    assert by_bgp(propagated("vgw-1")).ask(IN).verdict == "allowed"


def test_a_written_route_is_of_no_use_for_a_prefix_that_bgp_did_not_bring() -> None:
    net = by_bgp()
    net.table("rtb-other", {"192.168.128.0/17": propagated("vgw-1")})
    answer = net.ask(OUT)
    assert (answer.verdict, codes(answer)) == ("blocked", ["NO_ROUTE_TO_DESTINATION"])
    assert net.ask("app -> 192.168.200.7:443").verdict == "allowed"


def test_what_bgp_brought_is_not_known_where_no_table_takes_it() -> None:
    answer = by_bgp().ask(OUT)
    assert (answer.verdict, blockers(answer)) == ("undetermined", [])
    assert any("vpn-1" in missing for missing in answer.missing)


def test_a_reply_that_no_way_could_bring_back_blocks_all_the_same() -> None:
    answer = by_bgp(acl=([deny(90, "tcp", cidr="192.168.0.0/16")], OPEN_ACL[1])).ask(OUT)
    assert (answer.verdict, blockers(answer)[:1]) == ("blocked", ["return network-acl ingress acl-app rule 90"])


def test_a_session_that_brought_no_routes_leads_nowhere() -> None:
    assert codes(by_bgp(learned=0).ask(OUT)) == ["NO_ROUTE_TO_DESTINATION"]


def test_a_bgp_connection_that_is_down_carries_nothing() -> None:
    assert codes(by_bgp(tunnels=("DOWN", "DOWN")).ask(OUT)) == ["BAD_STATE_VPN"]


def test_ipv6_does_not_go_over_a_vpn_connection_of_a_vpn_gateway() -> None:
    answer = office().ask("2001:db8:1:1::10 -> [2001:db8:60::5]:443")
    assert (answer.verdict, codes(answer)) == ("blocked", ["VPN_GATEWAY_CARRIES_NO_IPV6"])


@BOTH
def test_a_gateway_that_is_attached_elsewhere_carries_nothing(question: str) -> None:
    answer = office(gateway={"vpc": None}).ask(question)
    assert (answer.verdict, codes(answer)) == ("blocked", ["BAD_STATE_ATTACHMENT"])
    assert answer.blocked_by[0].layer == "vpn-gateway"


@BOTH
def test_a_gateway_that_is_not_available_carries_nothing(question: str) -> None:
    assert codes(office(gateway={"state": "pending"}).ask(question)) == ["BAD_STATE"]


def test_groups_and_network_acls_see_the_addresses_of_the_office() -> None:
    assert blockers(office(ingress=[tcp(443, "192.168.8.0/24")]).ask(IN)) == ["forward security-group ingress sg-app"]
    closed = [deny(90, cidr="192.168.7.0/24"), *OPEN_ACL[0]]
    assert blockers(office(acl=(closed, OPEN_ACL[1])).ask(IN)) == ["forward network-acl ingress acl-app rule 90"]
    assert blockers(office(acl=(OPEN_ACL[0], closed)).ask(IN)) == ["return network-acl egress acl-app rule 90"]


def test_a_public_address_is_not_reached_through_the_gateway() -> None:
    net = office()
    net.interface("eni-pub", "10.0.1.20", groups=["sg-app"], instance="i-0abc1234def567890", public="198.51.100.20")
    answer = net.ask("192.168.7.7 -> 198.51.100.20:443")
    assert (answer.verdict, codes(answer)) == ("blocked", ["VGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS"])


def test_without_connections_it_may_be_direct_connect() -> None:
    net = office()
    net.responses["VpnConnections"].clear()
    answer = net.ask(OUT)
    assert (answer.verdict, blockers(answer)) == ("undetermined", [])
    assert any("directconnect:" in missing for missing in answer.missing)


def direct(*interfaces: str) -> Network:
    """No VPN connection, and Direct Connect as far as it was read: virtual interfaces to these gateways."""
    net = office(to=propagated("vgw-1") if interfaces else "vgw-1")
    net.responses["VpnConnections"].clear()
    net.responses["virtualInterfaces"] = [
        {"virtualInterfaceId": f"dxvif-{n}", "virtualInterfaceState": "available", "virtualGatewayId": gateway}
        for n, gateway in enumerate(interfaces)
    ]
    return net


def test_a_prefix_that_direct_connect_propagated_is_carried_also_ipv6() -> None:
    assert direct("vgw-1").ask(OUT).verdict == "allowed"
    assert direct("vgw-1").ask(IN).verdict == "allowed"
    assert direct("vgw-1").ask("2001:db8:1:1::10 -> [2001:db8:60::5]:443").verdict == "allowed"


def test_what_direct_connect_announces_is_not_known_where_nothing_was_propagated() -> None:
    net = direct("vgw-1")
    for table in net.responses["RouteTables"]:
        for route in table["Routes"]:
            route["Origin"] = route["Origin"].replace("EnableVgwRoutePropagation", "CreateRoute")
    answer = net.ask(OUT)
    assert (answer.verdict, blockers(answer)) == ("undetermined", [])
    assert any("Direct Connect" in missing for missing in answer.missing)


def test_a_propagated_prefix_that_no_static_route_explains_comes_from_direct_connect() -> None:
    net = office(to=propagated("vgw-1"), static=["192.168.8.0/24"])
    assert net.ask(OUT).verdict == "allowed"
    assert net.ask("2001:db8:1:1::10 -> [2001:db8:60::5]:443").verdict == "allowed"


def test_the_prefix_of_a_static_route_stays_propagated_when_the_tunnels_go_down() -> None:
    answer = office(to=propagated("vgw-1"), tunnels=("DOWN", "DOWN")).ask(OUT)
    assert (answer.verdict, codes(answer)) == ("blocked", ["BAD_STATE_VPN"])


def test_direct_connect_carries_on_where_its_backup_over_vpn_is_down() -> None:
    net = by_bgp(propagated("vgw-1"), tunnels=("DOWN", "DOWN"))
    assert codes(net.ask(OUT)) == ["BAD_STATE_VPN"]
    net.responses["virtualInterfaces"] = [
        {"virtualInterfaceId": "dxvif-1", "virtualInterfaceState": "available", "virtualGatewayId": "vgw-1"}
    ]
    for question in (OUT, IN):
        assert (net.ask(question).verdict, codes(net.ask(question))) == ("allowed", [])


@pytest.mark.parametrize("key", ["VpnGateways", "VpnConnections"])
@BOTH
def test_what_was_not_read_leaves_the_answer_open(key: str, question: str) -> None:
    net = office()
    net.leave_out(key)
    answer = net.ask(question)
    assert (answer.verdict, blockers(answer)) == ("undetermined", [])
    assert any(f"Describe{key}" in missing for missing in answer.missing)


def test_a_vpc_is_no_way_through_for_its_peers() -> None:
    net = office()
    net.vpc("vpc-2", "10.9.0.0/16")
    net.peering("pcx-1", "vpc-1", "vpc-2")
    net.subnet("subnet-peer", "10.9.1.0/24", vpc="vpc-2", routes={"192.168.0.0/16": "pcx-1"})
    net.instance("peer", "10.9.1.20", groups=["sg-peer"])
    net.group("sg-peer", [], vpc="vpc-2")
    answer = net.ask("peer -> 192.168.7.7:443")
    assert (answer.verdict, answer.blocked_by[0].code) == ("blocked", "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR")
