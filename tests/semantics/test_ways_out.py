"""Ways out that are rare: carrier gateways, Outposts, Cloud WAN, VPC Lattice, DNS Firewall, encryption controls.

https://docs.aws.amazon.com/wavelength/latest/developerguide/how-wavelengths-work.html
https://docs.aws.amazon.com/vpc/latest/userguide/vpc-encryption-controls.html
https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-dns-firewall-overview.html
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import Json, Network, allow, blockers, codes
from tests.semantics.scenes import OPEN_ACL, Acl, behind_nat, from_behind_a_vpn, public_server, through_a_hub

HOST = "192.0.2.80"


# -- carrier gateways -----------------------------------------------------------------------------------------------


def wavelength(
    *, carrier: str | None = "155.146.1.9", state: str = "available", vpc: str = "vpc-1", acl: Acl = OPEN_ACL
) -> Network:
    """``edge`` (10.0.1.10) in a Wavelength Zone, whose subnet is routed to a carrier gateway."""
    net = Network(ipv6="2001:db8:1::/56")
    net.responses["CarrierGateways"] = [
        {"CarrierGatewayId": "cagw-1", "VpcId": vpc, "State": state, "OwnerId": net.account, "Tags": []}
    ]
    routes = {"0.0.0.0/0": "cagw-1", "::/0": "cagw-1"}
    net.subnet("subnet-edge", "10.0.1.0/24", ipv6="2001:db8:1:1::/64", routes=routes, acl=acl)
    net.instance("edge", "10.0.1.10", ipv6="2001:db8:1:1::10")
    if carrier:
        row = net.responses["NetworkInterfaces"][0]
        for shown in (row, row["PrivateIpAddresses"][0]):
            shown["Association"] = {"CarrierIp": carrier, "IpOwnerId": net.account, "PublicDnsName": ""}
    return net


@pytest.mark.parametrize("question", [f"edge -> {HOST}:443", f"edge -> {HOST}/icmp"])
def test_with_a_carrier_address_a_host_reaches_out(question: str) -> None:
    answer = wavelength().ask(question)
    assert (answer.verdict, blockers(answer)) == ("allowed", [])
    leaving = next(hop for hop in answer.forward if hop.kind == "carrier-gateway")
    assert leaving.packet.source == "155.146.1.9/32"
    assert answer.return_[-1].packet.destination == "10.0.1.10/32"
    assert any("leave AWS at cagw-1" in warning for warning in answer.warnings)


def test_replies_from_the_carrier_pass_the_network_acl() -> None:
    answer = wavelength(acl=([allow(100, "tcp", 443)], OPEN_ACL[1])).ask(f"edge -> {HOST}:443")
    assert blockers(answer) == ["return network-acl ingress acl-edge rule 32767"]


@pytest.mark.parametrize(
    ("scene", "question", "code"),
    [
        ({"carrier": None}, f"edge -> {HOST}:443", "NO_CARRIER_ADDRESS"),
        ({"state": "deleting"}, f"edge -> {HOST}:443", "BAD_STATE"),
        ({"vpc": "vpc-9"}, f"edge -> {HOST}:443", "BAD_STATE_ATTACHMENT"),
        ({}, "2001:db8:1:1::10 -> [2001:db8:ffff::5]:443", "CARRIER_GATEWAY_CARRIES_NO_IPV6"),
    ],
)
def test_what_a_carrier_gateway_refuses(scene: dict[str, Any], question: str, code: str) -> None:
    answer = wavelength(**scene).ask(question)
    assert (answer.verdict, codes(answer)) == ("blocked", [code])


def test_block_public_access_covers_carrier_gateways() -> None:
    net = wavelength()
    net.block_public_access("block-ingress")
    assert codes(net.ask(f"edge -> {HOST}:443")) == ["VPC_BLOCK_PUBLIC_ACCESS_ENABLED"]


def test_what_only_the_carrier_knows_leaves_the_answer_open() -> None:
    assert wavelength().ask(f"edge -> {HOST}:53/udp").verdict == "undetermined"
    inward = wavelength().ask("10.99.0.5 -> edge:443")
    assert (inward.verdict, blockers(inward)) == ("undetermined", [])
    assert any("the carrier's own network" in missing for missing in inward.missing)


# -- what no API shows ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "look"),
    [
        ("lgw-1", "search-local-gateway-routes"),
        ("arn:aws:networkmanager::123456789012:core-network/core-network-0a1", "networkmanager get-network-routes"),
    ],
)
@pytest.mark.parametrize("question", ["app -> 10.60.1.5:443", "10.60.1.5 -> app:443"])
def test_where_to_look_is_said(target: str, look: str, question: str) -> None:
    net = Network()
    net.subnet("subnet-app", "10.0.1.0/24", routes={"10.60.0.0/16": target})
    net.instance("app", "10.0.1.10")
    answer = net.ask(question)
    assert (answer.verdict, blockers(answer)) == ("undetermined", [])
    assert any(target in missing and look in missing for missing in answer.missing)


def test_an_oracle_database_network_is_named() -> None:
    net = Network()
    target = "arn:aws:odb:eu-west-1:123456789012:odb-network/odbnet-1"
    net.subnet("subnet-app", "10.0.1.0/24", routes={"10.60.0.0/16": target})
    row = net.responses["RouteTables"][-1]["Routes"][-1]
    row["OdbNetworkArn"] = row.pop("CoreNetworkArn")
    net.instance("app", "10.0.1.10")
    assert any("aws odb get-odb-network" in missing for missing in net.ask("app -> 10.60.1.5:1521").missing)


def lattice(routes: dict[str, Any]) -> Network:
    net = Network()
    net.prefix_list("pl-lattice", ["169.254.171.0/24"], name="com.amazonaws.eu-west-1.vpc-lattice", owner="AWS")
    net.subnet("subnet-app", "10.0.1.0/24", routes=routes)
    net.instance("app", "10.0.1.10")
    return net


def test_services_behind_vpc_lattice_are_not_guessed() -> None:
    answer = lattice({"pl-lattice": "VpcLattice"}).ask("app -> 169.254.171.32:443")
    assert (answer.verdict, blockers(answer)) == ("undetermined", [])
    assert any("VPC Lattice" in missing for missing in answer.missing)


def test_without_an_association_nothing_is_behind_the_addresses_of_vpc_lattice() -> None:
    answer = lattice({"0.0.0.0/0": "igw-1"}).ask("app -> 169.254.171.32:443")
    assert codes(answer) == ["NO_ROUTE_TO_DESTINATION"]


@pytest.mark.parametrize(("port", "mentioned"), [("53/udp", True), ("53", True), ("443", False)])
def test_dns_firewall_is_mentioned_for_questions_to_the_amazon_dns_server(port: str, mentioned: bool) -> None:
    net = lattice({})
    answer = net.ask(f"app -> 10.0.0.2:{port}")
    assert answer.verdict == "allowed"
    assert any("DNS Firewall" in warning for warning in answer.warnings) == mentioned


# -- encryption controls --------------------------------------------------------------------------------------------


def enforced(net: Network, mode: str = "enforce", **exclusions: str) -> Network:
    control: Json = {
        "VpcId": "vpc-1",
        "VpcEncryptionControlId": "vpcec-1",
        "Mode": mode,
        "State": "available",
        "ResourceExclusions": {kind: {"State": state} for kind, state in exclusions.items()},
    }
    net.responses["Vpcs"][0]["EncryptionControl"] = control
    return net


def test_a_vpc_that_enforces_encryption_and_a_gateway_that_it_does_not_exclude() -> None:
    answer = enforced(public_server()).ask(f"web -> {HOST}:443")
    assert answer.verdict == "allowed"
    assert any("vpc-1 enforces encryption" in warning and "igw-1" in warning for warning in answer.warnings)


@pytest.mark.parametrize(
    "net",
    [
        enforced(public_server(), mode="monitor"),
        enforced(public_server(), InternetGateway="enabled"),
        enforced(behind_nat(), InternetGateway="enabled", NatGateway="enabled"),
    ],
    ids=["monitor", "excluded", "both excluded"],
)
def test_encryption_controls_that_let_it_pass_are_not_mentioned(net: Network) -> None:
    name = "web" if "web" in str(net.responses["Reservations"]) else "worker"
    answer = net.ask(f"{name} -> {HOST}:443")
    assert (answer.verdict, answer.warnings) == ("allowed", [])


def test_encryption_controls_of_their_own_call_count_as_well() -> None:
    net = enforced(behind_nat())
    net.responses["VpcEncryptionControls"] = [net.responses["Vpcs"][0].pop("EncryptionControl")]
    warnings = net.ask(f"worker -> {HOST}:443").warnings
    assert [any(name in text for text in warnings) for name in ("nat-1", "igw-1")] == [True, True]


# -- egress-only internet gateways ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("vpc", "state"), [("vpc-9", "attached"), ("vpc-1", "detaching")])
def test_an_egress_only_gateway_works_for_the_vpc_that_it_is_attached_to(vpc: str, state: str) -> None:
    net = Network(ipv6="2001:db8:1::/56")
    net.egress_only_gateway(vpc=vpc)
    net.responses["EgressOnlyInternetGateways"][0]["Attachments"][0]["State"] = state
    net.subnet("subnet-1", "10.0.1.0/24", ipv6="2001:db8:1:1::/64", routes={"::/0": "eigw-1"})
    net.instance("worker", "10.0.1.10", ipv6="2001:db8:1:1::10")
    answer = net.ask("2001:db8:1:1::10 -> [2001:db8:ffff::5]:443")
    assert (answer.verdict, set(codes(answer))) == ("blocked", {"BAD_STATE_ATTACHMENT"})


# -- who is served --------------------------------------------------------------------------------------------------


def test_a_nat_gateway_serves_what_a_transit_gateway_brings() -> None:
    answer = through_a_hub({"0.0.0.0/0": "nat-1"}).ask(f"spoke -> {HOST}:443")
    assert (answer.verdict, codes(answer)) == ("allowed", [])


def test_a_nat_gateway_does_not_serve_who_comes_by_a_vpn() -> None:
    """Brought to it by the VPN gateway's own route table and a firewall."""
    answer = from_behind_a_vpn().ask("192.168.7.7 -> app:443")
    assert (answer.verdict, codes(answer)[0]) == ("blocked", "NGW_REQUIRES_SOURCE_IN_VPC")
    assert "nat-1 serves vpc-1 only, and 192.168.7.7 is not in it" in answer.blocked_by[0].summary
    assert from_behind_a_vpn(nat=False).ask("192.168.7.7 -> app:443").verdict == "allowed"


def test_a_vpn_gateway_takes_only_what_its_own_vpc_sends() -> None:
    """A VPC with a VPN is no way through for what is behind a transit gateway."""
    net = through_a_hub({"192.168.0.0/16": "vgw-1"})
    answer = net.ask("spoke -> 192.168.7.7:443")
    assert answer.verdict == "blocked"
    assert codes(answer) == ["VGW_PRIVATE_IP_ASSOCIATION_FOR_EGRESS", "NO_POSSIBLE_DESTINATION"], (
        "nor do replies come back"
    )
    assert net.ask("hub -> 192.168.7.7:443").verdict == "allowed"
