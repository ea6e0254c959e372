"""Route tables: which one applies, which route wins, what its state does.

https://docs.aws.amazon.com/vpc/latest/userguide/subnet-route-tables.html
https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html
"""

from __future__ import annotations

import pytest

from tests.builders import Network, Routes, To, blockers, codes, gone, propagated, route, tcp
from tests.semantics.scenes import OUTSIDE_V6, public_server

HOST = "192.0.2.80"


def sender(routes: Routes) -> Network:
    """``app`` (10.0.1.10) with a public address, and these routes besides the local ones."""
    net = Network(ipv6="2001:db8:1::/56")
    net.internet_gateway()
    net.subnet("subnet-app", "10.0.1.0/24", ipv6="2001:db8:1:1::/64", routes=routes)
    net.instance("app", "10.0.1.10", public="198.51.100.10", ipv6="2001:db8:1:1::10")
    return net


def taken(net: Network, question: str) -> tuple[str, str]:
    """Destination and target of the route that the request took first."""
    rules = [hop.rule for hop in net.ask(question).forward if hop.kind == "route-table" and hop.rule]
    return rules[0]["destination"], rules[0]["target"]


def test_the_longest_prefix_wins() -> None:
    routes = {"0.0.0.0/0": "igw-1", "192.0.2.0/24": "tgw-1", "192.0.2.80/32": "igw-1", "192.0.2.64/26": "vgw-1"}
    net = sender(routes)
    assert taken(net, f"app -> {HOST}:443") == ("192.0.2.80/32", "igw-1")
    assert taken(net, "app -> 192.0.2.81:443") == ("192.0.2.64/26", "vgw-1")
    assert taken(net, "app -> 192.0.2.1:443") == ("192.0.2.0/24", "tgw-1")
    assert taken(net, "app -> 203.0.113.5:443") == ("0.0.0.0/0", "igw-1")
    assert net.ask(f"app -> {HOST}:443").verdict == "allowed"


def test_the_longest_prefix_wins_for_ipv6() -> None:
    net = sender({"::/0": "igw-1", "2001:db8:ffff::/48": "tgw-1"})
    assert taken(net, f"2001:db8:1:1::10 -> [{OUTSIDE_V6}]:443") == ("2001:db8:ffff::/48", "tgw-1")
    assert taken(net, "2001:db8:1:1::10 -> [2001:db8:eeee::5]:443") == ("::/0", "igw-1")


def test_without_a_route_the_packet_is_dropped() -> None:
    answer = sender({}).ask(f"app -> {HOST}:443")
    assert (answer.verdict, blockers(answer)) == ("blocked", ["forward route-table rtb-app"])
    assert codes(answer) == ["NO_ROUTE_TO_DESTINATION"]


def test_a_default_route_for_ipv4_is_none_for_ipv6() -> None:
    net = sender({"0.0.0.0/0": "igw-1"})
    assert net.ask(f"app -> {HOST}:443").verdict == "allowed"
    answer = net.ask(f"2001:db8:1:1::10 -> [{OUTSIDE_V6}]:443")
    assert (answer.verdict, codes(answer)) == ("blocked", ["NO_ROUTE_TO_DESTINATION"])


def test_a_default_route_for_ipv6_is_none_for_ipv4() -> None:
    net = sender({"::/0": "igw-1"})
    assert net.ask(f"2001:db8:1:1::10 -> [{OUTSIDE_V6}]:443").verdict == "allowed"
    assert codes(net.ask(f"app -> {HOST}:443")) == ["NO_ROUTE_TO_DESTINATION"]


def test_the_reply_needs_a_route_too() -> None:
    answer = public_server(routes={}).ask("203.0.113.5 -> web:443")
    assert (answer.verdict, blockers(answer)) == ("blocked", ["return route-table rtb-public"])
    assert codes(answer) == ["NO_ROUTE_TO_DESTINATION"]


def test_the_reply_needs_a_route_of_its_own_ip_version() -> None:
    net = public_server(routes={"0.0.0.0/0": "igw-1"})
    assert net.ask("203.0.113.5 -> web:443").verdict == "allowed"
    answer = net.ask(f"{OUTSIDE_V6} -> [2001:db8:1:1::10]:443")
    assert blockers(answer) == ["return route-table rtb-public"]


@pytest.mark.parametrize("question", [f"app -> {HOST}:443", f"2001:db8:1:1::10 -> [{OUTSIDE_V6}]:443"])
def test_a_blackhole_drops_and_no_wider_route_takes_over(question: str) -> None:
    net = sender(
        {
            "0.0.0.0/0": "igw-1",
            "192.0.2.0/24": gone("nat-0gone"),
            "::/0": "igw-1",
            "2001:db8:ffff::/48": gone("eigw-0gone"),
        }
    )
    answer = net.ask(question)
    assert (answer.verdict, codes(answer)) == ("blocked", ["BAD_STATE_ROUTE"])
    rule = answer.blocked_by[0].rule
    assert rule is not None
    assert rule["state"] == "blackhole"
    assert rule["destination"] in ("192.0.2.0/24", "2001:db8:ffff::/48")


def test_a_blackhole_for_others_does_not_matter() -> None:
    assert (
        sender({"0.0.0.0/0": "igw-1", "10.8.0.0/16": gone("pcx-0gone")}).ask(f"app -> {HOST}:443").verdict == "allowed"
    )


# -- which table ----------------------------------------------------------------------------------------------------


def test_a_subnet_without_a_table_of_its_own_uses_the_main_one() -> None:
    net = Network()
    net.internet_gateway()
    net.responses["RouteTables"].clear()
    net.table("rtb-main", {"0.0.0.0/0": "igw-1"}, main=True)
    net.subnet("subnet-1", "10.0.1.0/24")
    net.subnet("subnet-2", "10.0.2.0/24", routes={})
    net.instance("on-main", "10.0.1.10", public="198.51.100.10")
    net.instance("on-own", "10.0.2.10", public="198.51.100.20")
    assert net.ask(f"on-main -> {HOST}:443").verdict == "allowed"
    answer = net.ask(f"on-own -> {HOST}:443")
    assert blockers(answer) == ["forward route-table rtb-2"]


def test_an_association_that_failed_does_not_count() -> None:
    net = sender({"0.0.0.0/0": "igw-1"})
    assert net.ask(f"app -> {HOST}:443").verdict == "allowed"
    for table in net.responses["RouteTables"]:
        for association in table["Associations"]:
            if "SubnetId" in association:
                association["AssociationState"] = {"State": "failed"}
    assert blockers(net.ask(f"app -> {HOST}:443")) == ["forward route-table rtb-main-1"]


# -- ties -----------------------------------------------------------------------------------------------------------


def peered(routes: Routes) -> Network:
    """``app`` and, behind pcx-1, ``db`` (10.9.1.20); the peer routes back."""
    net = Network()
    net.vpc("vpc-2", "10.9.0.0/16")
    net.peering("pcx-1", "vpc-1", "vpc-2")
    net.subnet("subnet-app", "10.0.1.0/24", routes=routes)
    net.subnet("subnet-db", "10.9.1.0/24", routes={"10.0.0.0/16": "pcx-1"}, vpc="vpc-2")
    net.instance("app", "10.0.1.10")
    net.group("sg-db", [tcp(5432, "10.0.0.0/16")], vpc="vpc-2")
    net.instance("db", "10.9.1.20", groups=["sg-db"])
    return net


def test_a_static_route_beats_a_propagated_one_of_the_same_length() -> None:
    net = peered({"10.9.0.0/16": "pcx-1"})
    _propagate(net, "10.9.0.0/16")
    assert net.ask("app -> db:5432").verdict == "allowed"
    assert taken(net, "app -> db:5432") == ("10.9.0.0/16", "pcx-1")


def test_a_static_route_beats_one_of_a_route_server_of_the_same_length() -> None:
    # https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html ("propagated routes")
    net = peered({"10.9.0.0/16": To("eni-box", origin="Advertisement")})
    net.instance("box", "10.0.1.99", source_dest_check=False)
    assert taken(net, "app -> db:5432") == ("10.9.0.0/16", "eni-box")
    table = next(t for t in net.responses["RouteTables"] if t["RouteTableId"] == "rtb-app")
    table["Routes"].append(route("10.9.0.0/16", "pcx-1"))
    assert taken(net, "app -> db:5432") == ("10.9.0.0/16", "pcx-1")


@pytest.mark.parametrize(
    ("address", "missing"), [("10.0.3.99", "appliance i-"), ("10.0.3.98", "the next hop 10.0.3.98 of route")]
)
def test_the_next_hop_of_a_route_server_may_be_an_address_alone(address: str, missing: str) -> None:
    net = peered({})
    net.subnet("subnet-box", "10.0.3.0/24", routes={"10.9.0.0/16": "pcx-1"})
    net.instance("box", "10.0.3.99", source_dest_check=False)
    table = next(t for t in net.responses["RouteTables"] if t["RouteTableId"] == "rtb-app")
    shown = {"DestinationCidrBlock": "10.9.0.0/16", "IpAddress": address, "Origin": "Advertisement", "State": "active"}
    table["Routes"].append(shown)
    answer = net.ask("app -> db:5432")
    assert (answer.verdict, blockers(answer)) == ("undetermined", [])
    assert any(text.startswith(missing) for text in answer.missing)


def test_a_longer_propagated_route_beats_a_static_one() -> None:
    net = peered({"10.9.0.0/16": "pcx-1"})
    _propagate(net, "10.9.1.0/24")
    assert taken(net, "app -> db:5432") == ("10.9.1.0/24", "vgw-1")


def test_a_static_route_beats_a_prefix_list_and_that_a_propagated_route() -> None:
    net = peered({"pl-peers": "tgw-1", "10.9.0.0/16": "pcx-1"})
    net.prefix_list("pl-peers", ["10.9.0.0/16"])
    assert taken(net, "app -> db:5432") == ("10.9.0.0/16", "pcx-1")
    net = peered({"pl-peers": "pcx-1"})
    net.prefix_list("pl-peers", ["10.9.0.0/16"])
    _propagate(net, "10.9.0.0/16")
    assert taken(net, "app -> db:5432") == ("pl-peers", "pcx-1")


def _propagate(net: Network, cidr: str) -> None:
    """A propagated route in front of all others of the app's table: the order of the list means nothing."""
    table = next(t for t in net.responses["RouteTables"] if t["RouteTableId"] == "rtb-app")
    to = propagated("vgw-1")
    table["Routes"].insert(
        0, {"DestinationCidrBlock": cidr, "GatewayId": to.target, "Origin": to.origin, "State": to.state}
    )


def test_a_propagated_route_never_takes_the_vpcs_own_addresses() -> None:
    net = Network()
    net.subnet("subnet-app", "10.0.1.0/24", routes={"10.0.2.0/24": propagated("vgw-1")})
    net.subnet("subnet-db", "10.0.2.0/24")
    net.instance("app", "10.0.1.10")
    net.instance("db", "10.0.2.20")
    assert net.ask("app -> db:5432").verdict == "allowed"
    assert taken(net, "app -> db:5432") == ("10.0.0.0/16", "local")


def test_the_blocks_of_a_prefix_list_are_routes() -> None:
    net = peered({"pl-peers": "pcx-1"})
    net.prefix_list("pl-peers", ["10.9.0.0/16", "10.10.0.0/16"])
    assert net.ask("app -> db:5432").verdict == "allowed"


def test_a_prefix_list_that_was_not_read_may_hold_any_address_but_the_vpcs_own() -> None:
    net = peered({"pl-peers": "pcx-1"})
    net.prefix_list("pl-peers", ["10.9.0.0/16"], entries=False)
    net.instance("other", "10.0.1.11")
    answer = net.ask("app -> db:5432")
    assert answer.verdict == "undetermined"
    assert any("pl-peers" in missing for missing in answer.missing)
    assert net.ask("app -> other:5432").verdict == "allowed"


def test_prefix_lists_that_overlap_with_other_targets_leave_the_answer_open() -> None:
    net = peered({"pl-one": "pcx-1", "pl-two": "tgw-1"})
    net.prefix_list("pl-one", ["10.9.0.0/16"])
    net.prefix_list("pl-two", ["10.9.0.0/16"])
    assert net.ask("app -> db:5432").verdict == "undetermined"


# -- local ----------------------------------------------------------------------------------------------------------


def test_every_block_of_the_vpc_is_local() -> None:
    net = Network("10.0.0.0/16", "100.64.0.0/20", ipv6="2001:db8:1::/56")
    net.subnet("subnet-app", "10.0.1.0/24", ipv6="2001:db8:1:1::/64", routes={})
    net.subnet("subnet-pods", "100.64.1.0/24", ipv6="2001:db8:1:2::/64", routes={})
    net.instance("app", "10.0.1.10", ipv6="2001:db8:1:1::10")
    net.instance("pod", "100.64.1.20", ipv6="2001:db8:1:2::20")
    assert net.ask("app -> pod:8080").verdict == "allowed"
    assert net.ask("pod -> app:8080").verdict == "allowed"
    assert net.ask("2001:db8:1:1::10 -> [2001:db8:1:2::20]:8080").verdict == "allowed"


def test_a_route_more_specific_than_local_sends_a_subnets_traffic_to_an_appliance() -> None:
    net = Network()
    net.subnet("subnet-app", "10.0.1.0/24", routes={"10.0.2.0/24": "eni-firewall"})
    net.subnet("subnet-db", "10.0.2.0/24")
    net.subnet("subnet-inspection", "10.0.3.0/24")
    net.instance("app", "10.0.1.10")
    net.instance("db", "10.0.2.20")
    net.instance("other", "10.0.3.20")
    net.instance("firewall", "10.0.3.5", source_dest_check=False)
    answer = net.ask("app -> db:5432")
    assert (answer.verdict, taken(net, "app -> db:5432")) == ("undetermined", ("10.0.2.0/24", "eni-firewall"))
    assert any("appliance" in missing for missing in answer.missing)
    assert net.ask("app -> other:5432").verdict == "allowed"


def test_routes_are_not_asked_within_a_subnet() -> None:
    net = Network()
    net.subnet("subnet-app", "10.0.1.0/24", routes={"10.0.1.0/24": gone("eni-0gone")})
    net.instance("one", "10.0.1.11")
    net.instance("two", "10.0.1.12")
    answer = net.ask("one -> two:443")
    assert answer.verdict == "allowed"
    assert not any(hop.kind == "route-table" for hop in answer.forward)


@pytest.mark.parametrize("question", ["app -> 169.254.168.9:80", "2001:db8:1:1::10 -> [fd00:ec2::99]:80"])
def test_some_ranges_are_never_forwarded_whatever_the_routes(question: str) -> None:
    answer = sender({"0.0.0.0/0": "igw-1", "::/0": "igw-1", "169.254.168.0/22": "igw-1"}).ask(question)
    assert (answer.verdict, codes(answer)) == ("blocked", ["NO_ROUTE_TO_DESTINATION"])


def test_a_state_that_aws_does_not_define_leaves_the_answer_open() -> None:
    net = sender({"0.0.0.0/0": "igw-1"})
    for table in net.responses["RouteTables"]:
        for row in table["Routes"]:
            if row["GatewayId"] == "igw-1":
                row["State"] = "filtered"
    assert net.ask(f"app -> {HOST}:443").verdict == "undetermined"
