"""Near misses in words: what failed and by how much, whose the rule is, and what hides it."""

from __future__ import annotations

from tests.balancing import Balancing
from tests.builders import OPEN, OUT, Network, Reference, allow, deny, every, gone, icmp, tcp, udp
from tests.semantics.scenes import public_server, two_subnets, two_vpcs
from whyblocked.diagnosis.answer import Answer, NearMiss
from whyblocked.report.markdown import render as markdown


def nearest(answer: Answer, finding: int = 0) -> list[str]:
    return [miss.summary for miss in answer.blocked_by[finding].near_misses]


def first(answer: Answer) -> NearMiss:
    return answer.blocked_by[0].near_misses[0]


# -- security groups ------------------------------------------------------------------------------------------------


def test_a_block_says_how_many_bits_the_source_is_outside() -> None:
    answer = public_server(ingress=[tcp(22, "203.0.113.0/30")]).ask("203.0.113.5 -> web:22")
    assert nearest(answer) == ["203.0.113.5 is one bit outside 203.0.113.0/30"]
    assert (first(answer).failed, first(answer).distance) == (["source"], {"source": 1})


def test_the_nearest_in_address_port_and_protocol_come_in_this_order() -> None:
    rules = [udp(22, "203.0.113.5/32"), tcp(2222, "203.0.113.5/32"), tcp(22, "203.0.113.8/31"), tcp(22, "192.0.2.0/24")]
    answer = public_server(ingress=rules).ask("203.0.113.5 -> web:22")
    assert nearest(answer) == [
        "203.0.113.5 is 3 bits outside 203.0.113.8/31",
        "allows port 2222, not 22",
        "allows udp, not tcp",
    ]
    assert [miss.distance for miss in answer.blocked_by[0].near_misses] == [{"source": 3}, {"port": 2200}, {}]


def test_a_rule_for_another_protocol_is_not_nearer_than_one_for_another_port() -> None:
    answer = two_subnets(ingress=[udp(443, "0.0.0.0/0"), tcp(9000, "0.0.0.0/0")]).ask("client -> server:443")
    assert nearest(answer) == ["allows port 9000, not 443", "allows udp, not tcp"]


def test_a_rule_for_ipv4_only_says_so_to_ipv6() -> None:
    answer = two_subnets(ingress=[tcp(443, "0.0.0.0/0")]).ask("[2001:db8:1:1::10] -> [2001:db8:1:2::20]:443")
    assert nearest(answer) == ["0.0.0.0/0 is IPv4, and 2001:db8:1:1::10 is IPv6"]
    assert (first(answer).failed, first(answer).distance) == (["source"], {})


def test_a_ping_that_only_another_icmp_type_is_allowed_for() -> None:
    answer = two_subnets(ingress=[icmp(3, 4, "0.0.0.0/0"), tcp(7, "0.0.0.0/0")]).ask("client -> server/icmp")
    assert nearest(answer) == ["allows ICMP type 3 code 4, not type 8 code 0"]
    assert first(answer).failed == ["icmp-type"]


def test_a_group_that_the_sender_does_not_carry_is_named_with_those_that_it_does() -> None:
    net = two_subnets(ingress=[tcp(443, "sg-office")])
    assert nearest(net.ask("client -> server:443")) == [
        "eni-client (10.0.1.10) does not carry sg-office: it carries sg-client"
    ]


def test_a_group_that_the_sender_carries_and_a_public_address() -> None:
    net = public_server(ingress=[tcp(443, "sg-batch")])
    net.group("sg-batch", [], OUT)
    net.subnet("subnet-batch", "10.0.9.0/24", routes={"0.0.0.0/0": "igw-1"})
    net.instance("batch", "10.0.9.30", groups=["sg-batch"], public="198.51.100.30")
    found = next(f for f in net.ask("batch -> 198.51.100.10:443").blocked_by if f.layer == "security-group")
    assert [miss.summary for miss in found.near_misses] == [
        (
            "would match the private address 10.0.9.30 of eni-batch, which carries sg-batch: references to groups "
            "ignore public addresses, and 198.51.100.30 is one"
        )
    ]


def test_an_address_of_nobody_is_in_no_group() -> None:
    answer = public_server(ingress=[tcp(443, "sg-office")]).ask("203.0.113.5 -> web:443")
    assert nearest(answer) == ["203.0.113.5 is no address of an interface that carries sg-office"]


def test_a_stale_reference_is_called_stale() -> None:
    net = two_vpcs(ingress=[tcp(5432, Reference("sg-app", vpc="vpc-1", peering="pcx-1", status="deleted"))])
    assert nearest(net.ask("app -> db:5432")) == ["its reference to sg-app is stale: the peering connection is gone"]


def test_of_a_prefix_list_the_nearest_entry_is_named() -> None:
    net = public_server(ingress=[tcp(443, "pl-offices")])
    net.prefix_list("pl-offices", ["192.0.2.0/24", "203.0.113.0/30", "2001:db8::/32"])
    answer = net.ask("203.0.113.5 -> web:443")
    assert nearest(answer) == [
        "203.0.113.5 is one bit outside 203.0.113.0/30, the nearest entry of prefix list pl-offices"
    ]
    assert first(answer).distance == {"source": 1}


def test_the_entries_of_a_prefix_list_are_not_looked_at_where_the_port_fails_already() -> None:
    net = public_server(ingress=[tcp(22, "pl-offices")])  # live, nobody asks for them then: a snapshot says the same
    net.prefix_list("pl-offices", ["203.0.113.0/24"])
    answer = net.ask("203.0.113.5 -> web:443")
    assert nearest(answer) == ["allows port 22, not 443; the entries of prefix list pl-offices were not looked at then"]
    assert first(answer).failed == ["port"]


def test_a_source_that_is_wider_than_the_rule() -> None:
    answer = public_server(ingress=[tcp(2222, "203.0.113.4/32")]).ask("203.0.113.0/24 -> web:22")
    assert nearest(answer) == ["allows port 2222, not 22; 203.0.113.4/32 is only a part of 203.0.113.0/24"]
    assert first(answer).distance == {"port": 2200, "source": 8}


# -- network ACLs ---------------------------------------------------------------------------------------------------


def test_a_rule_behind_the_deny_is_shadowed_by_it() -> None:
    net = two_subnets(server_acl=([deny(90, "tcp", 443), allow(120, "tcp", 443)], OPEN))
    answer = net.ask("client -> server:443")
    assert nearest(answer) == [
        "rule 120 would allow it, but rule 90 denies first; rule 120 is shadowed: rule 90 takes all that it is about"
    ]
    miss = first(answer)
    assert miss.failed == []
    assert miss.shadowed_by is not None
    assert miss.shadowed_by["rule_number"] == 90
    assert answer.blocked_by[0].rule == miss.shadowed_by


def test_a_rule_that_others_still_reach_is_only_behind_the_deny() -> None:
    net = two_subnets(server_acl=([deny(90, "tcp", 443, "10.0.1.0/28"), allow(120, "tcp", 443)], OPEN))
    assert nearest(net.ask("client -> server:443")) == ["rule 120 would allow it, but rule 90 denies first"]


def test_a_rule_that_nothing_can_reach_is_called_shadowed_where_it_would_not_match_anyway() -> None:
    rules = [deny(80, "tcp", 8443), allow(85, "tcp", 8443)]
    answer = two_subnets(server_acl=(rules, OPEN)).ask("client -> server:443")
    assert answer.blocked_by[0].rule is not None
    assert answer.blocked_by[0].rule["rule_number"] == 32767
    assert nearest(answer) == ["allows port 8443, not 443; rule 85 is shadowed: rule 80 takes all that it is about"]


def test_a_network_acl_that_was_opened_for_ipv4_only() -> None:
    answer = two_subnets(server_acl=([allow(100)], OPEN)).ask("[2001:db8:1:1::10] -> [2001:db8:1:2::20]:443")
    assert nearest(answer) == ["0.0.0.0/0 is IPv4, and 2001:db8:1:1::10 is IPv6"]


def test_replies_miss_by_their_ports() -> None:
    answer = two_subnets(server_acl=(OPEN, [allow(100, "tcp", (49152, 65535))])).ask("client -> server:443")
    assert nearest(answer) == ["allows ports 49152-65535, not 32768-49151"]


# -- routes ---------------------------------------------------------------------------------------------------------


def routed(routes: dict[str, object]) -> Network:
    net = Network()
    net.internet_gateway()
    net.vpc("vpc-2", "10.1.0.0/16")
    net.peering("pcx-1", "vpc-1", "vpc-2")
    net.subnet("subnet-a", "10.0.1.0/24", routes=routes)  # type: ignore[arg-type]
    net.instance("client", "10.0.1.10")
    return net


def test_a_missing_route_names_the_nearest_one() -> None:
    answer = routed({"10.2.0.0/16": "pcx-1", "172.16.0.0/12": "igw-1"}).ask("client -> 10.3.0.5:443")
    assert nearest(answer) == ["10.3.0.5 is one bit outside 10.2.0.0/16"]
    assert first(answer).rule == {"destination": "10.2.0.0/16", "target": "pcx-1", "state": "active"}
    assert (first(answer).failed, first(answer).distance) == (["destination"], {"destination": 1})


def test_a_default_route_for_ipv4_only() -> None:
    net = Network(ipv6="2001:db8:1::/56")
    net.internet_gateway()
    net.subnet("subnet-a", "10.0.1.0/24", ipv6="2001:db8:1:1::/64", routes={"0.0.0.0/0": "igw-1"})
    net.instance("client", "10.0.1.10", ipv6="2001:db8:1:1::10")
    assert nearest(net.ask("client -> [2001:db8:9::1]:443")) == ["it is for IPv4 only"]


def test_a_blackhole_hides_the_wider_route_and_is_itself_the_cause() -> None:
    answer = routed({"10.3.0.0/16": gone("pcx-9"), "0.0.0.0/0": "igw-1"}).ask("client -> 10.3.0.5:443")
    assert answer.blocked_by[0].code == "BAD_STATE_ROUTE"
    assert nearest(answer) == [
        "shadowed: it would take it, but 10.3.0.0/16 is more specific, and AWS does not fall back"
    ]
    assert first(answer).shadowed_by == answer.blocked_by[0].rule


def test_of_a_route_for_a_prefix_list_the_nearest_entry_is_named() -> None:
    net = routed({"pl-branches": "pcx-1"})
    net.prefix_list("pl-branches", ["10.8.0.0/24", "10.2.0.0/16", "10.64.0.0/16"])
    assert nearest(net.ask("client -> 10.3.0.5:443")) == [
        "10.3.0.5 is one bit outside 10.2.0.0/16, the nearest entry of pl-branches"
    ]


# -- others ---------------------------------------------------------------------------------------------------------


def test_a_listener_on_another_port() -> None:
    net = Network()
    net.subnet("subnet-a", "10.0.1.0/24")
    net.instance("desk", "10.0.1.9")
    balance = Balancing(net)
    balance.group("web", {net.instance("server", "10.0.1.10"): 8080}, protocol="TCP")
    balance.balancer("shop", {"subnet-a": "10.0.1.50"}, {("TCP", 8443): "web"}, kind="network")
    answer = net.ask("desk -> shop:443")
    assert answer.blocked_by[0].code == "ELBV2_LISTENERS_MISMATCH"
    assert nearest(answer) == ["takes port 8443, not 443"]
    assert "listener TCP 8443" in markdown(answer)


# -- whose it is ----------------------------------------------------------------------------------------------------


def test_the_owner_of_a_group_and_the_description_of_its_rule_stand_beside_the_rule() -> None:
    net = public_server(ingress=[tcp(22, "203.0.113.0/30", note="second floor")])
    group = next(one for one in net.responses["SecurityGroups"] if one["GroupId"] == "sg-web")
    group["Tags"] = [{"Key": "Team", "Value": "office-it"}, {"Key": "aws:cloudformation:stack-name", "Value": "web"}]
    answer = net.ask("203.0.113.5 -> web:22")
    assert (first(answer).description, first(answer).owner) == ("second floor", "office-it")
    assert answer.blocked_by[0].owner == "office-it"
    assert "owner office-it" in markdown(answer).replace("`", "")


def test_the_stack_stands_in_where_nobody_is_named() -> None:
    net = two_subnets(server_acl=([deny(90), allow(100)], OPEN))
    acl = next(one for one in net.responses["NetworkAcls"] if one["NetworkAclId"] == "acl-server")
    acl["Tags"] = [{"Key": "aws:cloudformation:stack-name", "Value": "network-prod"}]
    assert first(net.ask("client -> server:443")).owner == "CloudFormation stack network-prod"


def test_an_owner_is_data_and_steers_no_report() -> None:
    net = two_subnets(ingress=[every("50", "0.0.0.0/0")])
    group = next(one for one in net.responses["SecurityGroups"] if one["GroupId"] == "sg-server")
    group["Tags"] = [{"Key": "Owner", "Value": "\x1b[31m<!here> [x](javascript:alert(1))"}]
    shown = markdown(net.ask("client -> server:443"))
    assert "\x1b" not in shown
    assert "<!here>" not in shown
