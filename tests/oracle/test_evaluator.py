"""The reference evaluator is right on cases made by hand from the facts; the section stands beside each group."""

from __future__ import annotations

import pytest

from tests.oracle import shapes
from tests.oracle.evaluator import Unanswerable, evaluate
from tests.oracle.world import (
    CLIENT,
    add_routes,
    deny,
    drop_routes,
    egress,
    everything,
    ingress,
    interface,
    named,
    ping,
    row,
    set_routes,
    stop,
    tcp,
    world,
)

ENTRY, ROUTE, RULE = shapes.acl_entry, shapes.route, shapes.permission


@pytest.mark.parametrize(
    ("source", "destination"),
    [
        (CLIENT, "i-web"),
        (CLIENT, "52.0.0.10"),
        ("2001:db8:ffff::5", "i-web"),
        ("i-web", CLIENT),
        ("i-app", CLIENT),
        ("i-app", "2001:db8:ffff::5"),
        ("i-app", "i-db"),
        ("i-app", "i-web"),
        ("i-web", "i-app"),
        ("i-app", "i-peer"),
        ("i-peer", "10.0.1.10"),
        ("i-app", "52.0.0.20"),
        ("i-web", "52.0.0.20"),
        ("i-web", "169.254.169.254"),
        ("10.0.1.77", "i-app"),
        ("10.1.0.77", "eni-app"),
    ],
)
def test_the_plain_account_allows_everything(source: str, destination: str) -> None:
    assert named(tcp(world(), source, destination)) == []
    assert tcp(world(), source, destination).verdict == "allowed"
    assert ping(world(), source, destination).verdict == "allowed"


# Routes (facts 3)


def test_an_explicit_association_beats_the_main_table() -> None:
    account = world()
    row(account, "RouteTables", "RouteTableId", "rtb-front")["Associations"] = []
    assert named(tcp(account, CLIENT, "i-web")) == [("return", "nat-gateway", "nat-a", None)]


def test_no_route_ends_the_leg() -> None:
    account = world()
    drop_routes(account, "rtb-back", "nat-a")
    outcome = tcp(account, "i-app", CLIENT)
    assert named(outcome) == [("forward", "route-table", "rtb-back", None)]
    assert not outcome.complete


def test_a_blackhole_does_not_fall_back_to_a_wider_route() -> None:
    account = world()
    add_routes(account, "rtb-front", ROUTE("203.0.113.0/24", "nat-gone", "blackhole"))
    assert tcp(account, "i-web", "198.51.100.7").verdict == "allowed"
    assert named(tcp(account, "i-web", CLIENT)) == [("forward", "route-table", "rtb-front", None)]
    assert named(tcp(account, CLIENT, "i-web")) == [("return", "route-table", "rtb-front", None)]


def test_static_beats_prefix_list_beats_propagated() -> None:
    account = world()
    account["PrefixListEntries"]["pl-1"] = [{"Cidr": "203.0.113.0/24"}]
    add_routes(account, "rtb-front", ROUTE("203.0.113.0/24", "vgw-1", propagated=True))
    assert tcp(account, "i-web", CLIENT).verdict == "undetermined"
    add_routes(account, "rtb-front", ROUTE("pl-1", "tgw-1", "blackhole"))
    assert tcp(account, "i-web", CLIENT).verdict == "blocked"
    add_routes(account, "rtb-front", ROUTE("203.0.113.0/24", "igw-a"))
    assert tcp(account, "i-web", CLIENT).verdict == "allowed"


def test_local_beats_a_more_specific_propagated_route() -> None:
    account = world()
    add_routes(account, "rtb-front", ROUTE("10.0.1.0/24", "vgw-1", propagated=True))
    assert tcp(account, "i-web", "i-app").verdict == "allowed"


def test_a_more_specific_static_route_beats_local() -> None:
    account = world()
    add_routes(account, "rtb-front", ROUTE("10.0.1.0/24", "eni-peer", "blackhole"))
    assert named(tcp(account, "i-web", "i-app")) == [("forward", "route-table", "rtb-front", None)]


def test_a_default_route_of_ipv4_is_none_of_ipv6() -> None:
    account = world()
    set_routes(account, "rtb-front", ROUTE("10.0.0.0/16", "local"), ROUTE("0.0.0.0/0", "igw-a"))
    assert named(tcp(account, "2001:db8:ffff::5", "i-web")) == [("return", "route-table", "rtb-front", None)]


# Internet gateway (facts 4.1)


def test_no_public_address_no_internet() -> None:
    account = world()
    add_routes(account, "rtb-back", ROUTE("203.0.113.0/24", "igw-a"))
    assert named(tcp(account, "i-app", CLIENT)) == [("forward", "internet-gateway", "igw-a", None)]
    assert named(tcp(account, CLIENT, "i-app"))[0] == ("forward", "internet-gateway", "", None)


def test_a_public_address_on_a_secondary_private_one() -> None:
    account = world()
    entry = {"PrivateIpAddress": "10.0.0.11", "Primary": False, "Association": {"PublicIp": "52.0.0.11"}}
    interface(account, "eni-web")["PrivateIpAddresses"].append(entry)
    deny(account, "acl-front", ENTRY(3, "egress", "deny", "203.0.113.0/24"))
    assert named(tcp(account, CLIENT, "52.0.0.11")) == [("return", "network-acl", "acl-front", 3)]
    ingress(account, "sg-a")
    assert named(tcp(account, CLIENT, "52.0.0.11"))[0] == ("forward", "security-group", "sg-a", None)


def test_a_detached_gateway() -> None:
    account = world()
    account["InternetGateways"][0]["Attachments"] = []
    assert named(tcp(account, "i-web", CLIENT))[0] == ("forward", "internet-gateway", "igw-a", None)
    assert named(tcp(account, CLIENT, "i-web"))[0] == ("forward", "internet-gateway", "", None)


@pytest.mark.parametrize("target", ["192.168.0.9", "100.64.0.9", "10.200.0.1"])
def test_private_destinations_are_refused(target: str) -> None:
    assert named(tcp(world(), "i-web", target)) == [("forward", "internet-gateway", "igw-a", None)]


def test_a_private_sender_cannot_come_from_the_internet() -> None:
    assert named(tcp(world(), "192.168.0.9", "i-web"))[0] == ("forward", "internet-gateway", "igw-a", None)


# NAT gateway (facts 2.4, 4.2)


@pytest.mark.parametrize(
    ("acl", "direction", "cidr", "ports", "leg"),
    [
        ("acl-back", "egress", "203.0.113.5/32", (443, 443), "forward"),  # leg 1: C -> I
        ("acl-front", "ingress", "10.0.1.10/32", (443, 443), "forward"),  # leg 2: C -> I
        ("acl-front", "egress", "203.0.113.5/32", (443, 443), "forward"),  # leg 3: N -> I
        (
            "acl-front",
            "ingress",
            "203.0.113.5/32",
            (2000, 2000),
            "return",
        ),  # leg 4: I -> N, the port of the NAT gateway
        ("acl-front", "egress", "10.0.1.10/32", (40000, 40000), "return"),  # leg 5: I -> C
        ("acl-back", "ingress", "203.0.113.5/32", (40000, 40000), "return"),  # leg 6: I -> C
    ],
)
def test_each_of_the_six_legs_of_a_nat_gateway(
    acl: str, direction: str, cidr: str, ports: tuple[int, int], leg: str
) -> None:
    account = world()
    deny(account, acl, ENTRY(9, direction, "deny", cidr, 6, ports=ports))
    outcome = tcp(account, "i-app", CLIENT, 443, source_port=40000, nat_port=2000)
    assert named(outcome) == [(leg, "network-acl", acl, 9)]


def test_a_nat_gateway_takes_no_connection_from_outside() -> None:
    assert named(tcp(world(), CLIENT, "52.0.0.99"))[-1] == ("forward", "nat-gateway", "nat-a", None)
    assert named(ping(world(), "i-app", "10.0.0.99")) == [("forward", "nat-gateway", "nat-a", None)]


def test_a_nat_gateway_knows_tcp_udp_and_icmp_alone() -> None:
    assert named(evaluate(world(), "i-app", CLIENT, 50)) == [("forward", "nat-gateway", "nat-a", None)]
    assert evaluate(world(), "i-app", CLIENT, 17, 5000, 53).verdict == "allowed"


def test_a_private_nat_gateway_reaches_no_internet_but_a_peer() -> None:
    account = world()
    nat = interface(account, "eni-nat")
    del nat["PrivateIpAddresses"][0]["Association"]
    account["NatGateways"] = [shapes.nat_gateway("nat-a", nat, None)]
    assert named(tcp(account, "i-app", CLIENT)) == [("forward", "internet-gateway", "igw-a", None)]
    drop_routes(account, "rtb-back", "pcx-ab")
    assert tcp(account, "i-app", "i-peer").verdict == "allowed"


def test_a_nat_gateway_that_failed() -> None:
    account = world()
    account["NatGateways"][0]["State"] = "failed"
    assert named(tcp(account, "i-app", CLIENT)) == [("forward", "nat-gateway", "nat-a", None)]


def test_return_to_sender_of_a_nat_gateway_across_a_peering() -> None:
    account = world()
    drop_routes(account, "rtb-back", "pcx-ab")
    drop_routes(account, "rtb-far", "pcx-ab")
    assert tcp(account, "i-app", "i-peer").verdict == "allowed"
    assert named(tcp(account, "i-web", "i-peer"))[0][:2] == ("return", "internet-gateway")


def test_a_reply_that_would_leave_by_a_nat_gateway() -> None:
    account = world()
    drop_routes(account, "rtb-front", "0.0.0.0/0")
    add_routes(account, "rtb-front", ROUTE("203.0.113.0/24", "nat-a"))
    assert named(tcp(account, CLIENT, "i-web")) == [("return", "nat-gateway", "nat-a", None)]


# Egress-only internet gateway (facts 3.4)


def test_an_egress_only_gateway_lets_nobody_in() -> None:
    assert tcp(world(), "i-app", "2001:db8:ffff::5").verdict == "allowed"
    assert named(tcp(world(), "2001:db8:ffff::5", "i-app")) == [
        ("return", "egress-only-internet-gateway", "eigw-a", None)
    ]


def test_the_acl_still_applies_to_an_egress_only_gateway() -> None:
    account = world()
    deny(account, "acl-back", ENTRY(4, "ingress", "deny", "2001:db8:ffff::/48"))
    assert named(tcp(account, "i-app", "2001:db8:ffff::5")) == [("return", "network-acl", "acl-back", 4)]


# Peering (facts 4.3)


def test_a_peering_that_is_not_active() -> None:
    account = world()
    account["VpcPeeringConnections"][0]["Status"]["Code"] = "pending-acceptance"
    assert named(tcp(account, "i-app", "i-peer")) == [
        ("forward", "vpc-peering", "pcx-ab", None),
        ("return", "vpc-peering", "pcx-ab", None),
    ]


def test_a_peering_needs_routes_on_both_sides() -> None:
    account = world()
    drop_routes(account, "rtb-far", "pcx-ab")
    drop_routes(account, "rtb-far", "igw-b")
    assert named(tcp(account, "i-app", "i-peer")) == [("return", "route-table", "rtb-far", None)]
    assert named(tcp(account, "i-peer", "i-app")) == [("forward", "route-table", "rtb-far", None)]


def test_a_peering_is_no_way_to_the_internet() -> None:
    account = world()
    add_routes(account, "rtb-back", ROUTE("203.0.113.0/24", "pcx-ab"))
    assert named(tcp(account, "i-app", CLIENT)) == [("forward", "vpc-peering", "pcx-ab", None)]


def test_a_peer_that_cannot_be_read() -> None:
    account = world()
    account["Vpcs"] = account["Vpcs"][:1]
    assert tcp(account, "i-app", "10.1.0.10").verdict == "undetermined"


def test_a_blocker_is_certain_even_before_an_unknown_hop() -> None:
    account = world()
    add_routes(account, "rtb-back", ROUTE("192.168.0.0/16", "tgw-1"))
    assert tcp(account, "i-app", "192.168.0.9").verdict == "undetermined"
    assert tcp(account, "192.168.0.9", "i-app").verdict == "undetermined"
    deny(account, "acl-back", ENTRY(6, "egress", "deny", "192.168.0.0/24"))
    assert named(tcp(account, "i-app", "192.168.0.9")) == [("forward", "network-acl", "acl-back", 6)]
    assert named(tcp(account, "192.168.0.9", "i-app")) == [("return", "network-acl", "acl-back", 6)]


# Interfaces and instances (facts 4.10)


def test_stopped_instances_are_named_at_both_ends() -> None:
    account = world()
    stop(account, "i-web")
    assert named(tcp(account, CLIENT, "i-web")) == [("forward", "instance", "i-web", None)]
    stop(account, "i-app")
    assert [blocker[2] for blocker in named(tcp(account, "i-app", "i-web"))] == ["i-app", "i-web"]


def test_a_detached_interface() -> None:
    account = world()
    eni = interface(account, "eni-db")
    eni["Status"] = "available"
    del eni["Attachment"]
    assert named(tcp(account, "i-app", "eni-db")) == [("forward", "interface", "eni-db", None)]


@pytest.mark.parametrize(("check", "verdict"), [(True, "blocked"), (False, "undetermined")])
def test_a_route_to_an_appliance(check: bool, verdict: str) -> None:
    account = world()
    interface(account, "eni-db")["SourceDestCheck"] = check
    add_routes(account, "rtb-front", ROUTE("198.51.100.0/24", "eni-db"))
    assert tcp(account, "i-web", "198.51.100.7").verdict == verdict


def test_all_blockers_come_out_in_order() -> None:
    account = world()
    egress(account, "sg-a", RULE("udp", 1, 2, ["0.0.0.0/0"]))
    ingress(account, "sg-a", RULE("udp", 1, 2, ["0.0.0.0/0"]))
    deny(account, "acl-back", ENTRY(1, "egress", "deny", "10.0.0.0/24"), ENTRY(2, "ingress", "deny", "10.0.0.0/24"))
    deny(account, "acl-front", ENTRY(1, "ingress", "deny", "10.0.1.0/24"), ENTRY(2, "egress", "deny", "10.0.1.0/24"))
    assert named(tcp(account, "i-app", "i-web")) == [
        ("forward", "security-group", "sg-a", None),
        ("forward", "network-acl", "acl-back", 1),
        ("forward", "network-acl", "acl-front", 1),
        ("forward", "security-group", "sg-a", None),
        ("return", "network-acl", "acl-front", 2),
        ("return", "network-acl", "acl-back", 2),
    ]


def test_what_is_never_filtered() -> None:
    """Facts 1.6."""
    account = world()
    egress(account, "sg-a")
    deny(account, "acl-back", ENTRY(1, "egress", "deny", "0.0.0.0/0"))
    for target in ("169.254.169.254", "169.254.169.253", "169.254.169.123", "10.0.0.2", "10.0.1.1", "fd00:ec2::254"):
        assert tcp(account, "i-app", target, 53).verdict == "allowed"
    assert tcp(account, "i-app", "10.0.1.2", 53).verdict == "blocked"


# Block Public Access (facts 4.11)


@pytest.mark.parametrize(
    ("mode", "exclusions", "inward", "outward", "by_nat"),
    [
        ("off", [], "allowed", "allowed", "allowed"),
        ("block-ingress", [], "blocked", "blocked", "allowed"),
        ("block-ingress", [("vpc-a", "allow-bidirectional")], "allowed", "allowed", "allowed"),
        ("block-ingress", [("vpc-a", "allow-egress")], "blocked", "blocked", "allowed"),
        ("block-bidirectional", [], "blocked", "blocked", "blocked"),
        ("block-bidirectional", [("vpc-a", "allow-bidirectional")], "allowed", "allowed", "allowed"),
        ("block-bidirectional", [("subnet-back", "allow-bidirectional")], "blocked", "blocked", "blocked"),
        ("block-bidirectional", [("subnet-front", "allow-egress")], "blocked", "blocked", "allowed"),
    ],
)
def test_block_public_access(
    mode: str, exclusions: list[tuple[str, str]], inward: str, outward: str, by_nat: str
) -> None:
    account = world()
    account["VpcBlockPublicAccessOptions"] = {"InternetGatewayBlockMode": mode}
    account["VpcBlockPublicAccessExclusions"] = [
        {"ResourceArn": f"arn:aws:ec2:::x/{name}", "InternetGatewayExclusionMode": how, "State": "create-complete"}
        for name, how in exclusions
    ]
    assert tcp(account, CLIENT, "i-web").verdict == inward
    assert tcp(account, "i-web", CLIENT).verdict == outward
    assert tcp(account, "i-app", CLIENT).verdict == by_nat
    for outcome in (tcp(account, CLIENT, "i-web"), tcp(account, "i-web", CLIENT), tcp(account, "i-app", CLIENT)):
        assert {blocker.layer for blocker in outcome.blockers} <= {"block-public-access"}


# Questions that nobody can answer


def test_questions_that_name_nothing_or_too_much() -> None:
    account = world()
    interface(account, "eni-peer")["PrivateIpAddresses"].append({"PrivateIpAddress": "10.0.1.20", "Primary": False})
    for source, destination in (("198.51.100.7", CLIENT), ("i-none", "i-web"), ("10.0.1.20", "i-web")):
        with pytest.raises(Unanswerable):
            tcp(account, source, destination)
    with pytest.raises(Unanswerable):
        tcp(account, "2001:db8:ffff::5", "10.0.0.10")


def test_one_way_messages_have_no_reply() -> None:
    account = world()
    row(account, "NetworkAcls", "NetworkAclId", "acl-front")["Entries"] = [
        one for one in everything() if not (one["Egress"] and one["RuleAction"] == "allow")
    ]
    assert evaluate(account, CLIENT, "i-web", 1, icmp_type=3, icmp_code=4).verdict == "allowed"
    assert ping(account, CLIENT, "i-web").verdict == "blocked"
