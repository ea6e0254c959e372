"""Appliances on the path: instances that forward, Gateway Load Balancer endpoints, and gateways' own route tables.

https://docs.aws.amazon.com/vpc/latest/userguide/gateway-route-tables.html
https://docs.aws.amazon.com/vpc/latest/userguide/route-table-options.html#route-tables-appliance-routing
https://docs.aws.amazon.com/vpc/latest/reachability/explanation-codes.html
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import OUT, OUT_V6, Network, allow, blockers, codes, deny, gone, tcp

OPEN_GROUP = [tcp((0, 65535), "0.0.0.0/0")]


def between(*, check: bool = False, db_acl: Any = None, **box: Any) -> Network:
    """``app`` (10.0.1.10) and ``db`` (10.0.2.20): more specific routes lead through ``box`` (10.0.9.9) both ways."""
    net = Network()
    net.subnet("subnet-app", "10.0.1.0/24", routes={"10.0.2.0/24": "eni-box"})
    net.subnet("subnet-db", "10.0.2.0/24", routes={"10.0.1.0/24": "eni-box"}, **({"acl": db_acl} if db_acl else {}))
    net.subnet("subnet-box", "10.0.9.0/24")
    net.group("sg-db", [tcp(5432, "10.0.1.0/24")], OUT)
    net.group("sg-box", OPEN_GROUP, OUT)
    net.instance("app", "10.0.1.10")
    net.instance("db", "10.0.2.20", groups=["sg-db"])
    net.instance("box", "10.0.9.9", **{"groups": ["sg-box"], "source_dest_check": check, **box})
    return net


def test_what_an_appliance_does_is_not_known() -> None:
    answer = between().ask("app -> db:5432")
    assert (answer.verdict, blockers(answer)) == ("undetermined", [])
    assert any("AWS does not show" in missing for missing in answer.missing)
    assert [hop.id for hop in answer.forward if hop.kind == "interface"] == ["eni-app", "eni-box", "eni-db"]


def test_an_appliance_that_checks_addresses_forwards_nothing() -> None:
    answer = between(check=True).ask("app -> db:5432")
    assert (answer.verdict, codes(answer)[0]) == ("blocked", "ENI_SOURCE_DEST_CHECK_RESTRICTION")


def test_an_appliance_has_security_groups_both_ways() -> None:
    net = between()
    net.group("sg-narrow", [tcp(443, "0.0.0.0/0")], OUT)
    net.responses["NetworkInterfaces"][-1]["Groups"] = [{"GroupId": "sg-narrow", "GroupName": "narrow"}]
    answer = net.ask("app -> db:5432")
    assert (answer.verdict, blockers(answer)) == ("blocked", ["forward security-group ingress sg-narrow"])


def test_what_refuses_behind_an_appliance_is_named_and_settles_nothing() -> None:
    """The appliance may put another address on the packets: then other rules match."""
    net = between(db_acl=([deny(10, "tcp", 5432, "10.0.1.0/24"), allow(100)], [allow(100)]))
    answer = net.ask("app -> db:5432")
    assert (answer.verdict, blockers(answer)) == ("undetermined", ["forward network-acl ingress acl-db rule 10"])


def test_what_refuses_before_an_appliance_settles_it() -> None:
    net = between()
    net.group("sg-shut", [], [tcp(443, "0.0.0.0/0")])
    net.responses["NetworkInterfaces"][0]["Groups"] = [{"GroupId": "sg-shut", "GroupName": "shut"}]
    answer = net.ask("app -> db:5432")
    assert (answer.verdict, blockers(answer)) == ("blocked", ["forward security-group egress sg-shut"])


def test_a_nat_instance_is_left_at_its_door() -> None:
    """It puts its own address on what goes out; whether the internet gateway takes that is not known."""
    net = Network()
    net.internet_gateway()
    net.subnet("subnet-app", "10.0.1.0/24", routes={"0.0.0.0/0": "eni-nat"})
    net.subnet("subnet-public", "10.0.9.0/24", routes={"0.0.0.0/0": "igw-1"})
    net.group("sg-nat", OPEN_GROUP, OUT)
    net.instance("app", "10.0.1.10")
    net.instance("nat", "10.0.9.9", public="198.51.100.9", groups=["sg-nat"], source_dest_check=False)
    answer = net.ask("app -> 192.0.2.80:443")
    assert (answer.verdict, blockers(answer)) == ("undetermined", [])


# -- Gateway Load Balancer endpoints --------------------------------------------------------------------------------


def behind_endpoint(*, same_subnet: bool = False, acl: Any = None) -> Network:
    """``web`` (10.0.1.10, public) whose traffic goes through a third party's appliances both ways."""
    net = Network()
    net.internet_gateway()
    net.subnet("subnet-web", "10.0.1.0/24", routes={"0.0.0.0/0": "vpce-0a1"}, **({"acl": acl} if acl else {}))
    net.subnet("subnet-gate", "10.0.2.0/28", routes={"0.0.0.0/0": "igw-1"})
    net.group("sg-web", [tcp(443, "0.0.0.0/0")], OUT)
    net.instance("web", "10.0.1.10", public="198.51.100.10", groups=["sg-web"])
    place = {"subnet-web": "10.0.1.5"} if same_subnet else {"subnet-gate": "10.0.2.5"}
    net.endpoint("vpce-0a1", "com.amazonaws.vpce.eu-west-1.vpce-svc-0a", "GatewayLoadBalancer", at=place)
    net.responses["Firewalls"] = []
    net.table("rtb-edge", {"10.0.1.0/24": "vpce-0a1"}, gateway="igw-1")
    return net


def test_appliances_behind_an_endpoint_are_not_shown() -> None:
    answer = behind_endpoint().ask("203.0.113.5 -> web:443")
    assert (answer.verdict, blockers(answer)) == ("undetermined", [])
    assert answer.missing == ["appliances behind vpce-0a1: AWS does not show what they do with the packets"]
    assert [hop.kind for hop in answer.return_].count("vpc-endpoint") == 2  # passed, and not shown


def test_what_refuses_before_the_endpoint_settles_it() -> None:
    net = behind_endpoint(acl=([allow(100)], [deny(10, "tcp", (1024, 65535)), allow(100)]))
    answer = net.ask("web -> 192.0.2.80:8443")
    assert (answer.verdict, blockers(answer)[0]) == ("blocked", "forward network-acl egress acl-web rule 10")


def test_an_endpoint_in_the_same_subnet_is_behind_the_network_acl_all_the_same() -> None:
    # https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-load-balancer-endpoints.html
    net = behind_endpoint(same_subnet=True, acl=([deny(10, "tcp", 8443), allow(100)], [allow(100)]))
    answer = net.ask("web -> 192.0.2.80:8443")
    assert (answer.verdict, blockers(answer)[0]) == ("blocked", "forward network-acl ingress acl-web rule 10")


# -- gateway route tables -------------------------------------------------------------------------------------------


def redirected(*, public: str | None = "198.51.100.9", out: str = "eni-box", target: Any = "eni-box") -> Network:
    """``web`` (10.0.1.10, public 198.51.100.10): what comes in for its subnet goes to ``box`` (10.0.9.9) first."""
    net = Network()
    net.internet_gateway()
    net.subnet("subnet-web", "10.0.1.0/24", routes={"0.0.0.0/0": out})
    net.subnet("subnet-box", "10.0.9.0/24", routes={"0.0.0.0/0": "igw-1"})
    net.group("sg-web", [tcp(443, "0.0.0.0/0")], OUT)
    net.group("sg-box", OPEN_GROUP, OUT)
    net.instance("web", "10.0.1.10", public="198.51.100.10", groups=["sg-web"])
    net.instance("box", "10.0.9.9", public=public, groups=["sg-box"], source_dest_check=False)
    net.table("rtb-edge", {"10.0.1.0/24": target}, gateway="igw-1")
    return net


def test_what_comes_in_is_sent_to_the_appliance_and_goes_out_through_it() -> None:
    answer = redirected().ask("203.0.113.5 -> web:443")
    assert (answer.verdict, blockers(answer)) == ("undetermined", [])
    assert "eni-box" in [hop.interface_id for hop in answer.return_]


def test_an_appliance_without_a_public_address_gets_nothing_from_the_internet() -> None:
    answer = redirected(public=None).ask("203.0.113.5 -> web:443")
    assert (answer.verdict, codes(answer)) == ("blocked", ["INGRESS_RTB_NO_PUBLIC_IP"])


@pytest.mark.parametrize("question", ["web -> 192.0.2.80:443", "203.0.113.5 -> web:443"])
def test_a_redirected_subnet_cannot_leave_past_the_appliance(question: str) -> None:
    answer = redirected(out="igw-1").ask(question)
    assert "INGRESS_RTB_TRAFFIC_REDIRECTION" in codes(answer)
    if question.startswith("web"):
        assert answer.verdict == "blocked"


def test_other_subnets_are_not_redirected() -> None:
    net = redirected()
    net.subnet("subnet-other", "10.0.3.0/24", routes={"0.0.0.0/0": "igw-1"})
    net.instance("other", "10.0.3.10", public="198.51.100.30", groups=["sg-web"])
    assert net.ask("203.0.113.5 -> other:443").verdict == "allowed"
    assert net.ask("box -> 192.0.2.80:443").verdict == "allowed"


def test_an_appliance_that_is_gone_leaves_a_blackhole() -> None:
    answer = redirected(target=gone("eni-old")).ask("203.0.113.5 -> web:443")
    assert (answer.verdict, codes(answer)[0]) == ("blocked", "BAD_STATE_ROUTE")
    assert answer.blocked_by[0].resource_ids == ["rtb-edge"]


def test_the_way_back_through_a_middlebox_tells_where_packets_enter() -> None:
    net = Network()
    net.vpc("vpc-2", "10.9.0.0/16")
    net.peering("pcx-1", "vpc-1", "vpc-2")
    net.subnet("subnet-app", "10.0.1.0/24", routes={"10.9.0.0/16": "eni-box"})
    net.subnet("subnet-box", "10.0.9.0/24", routes={"10.9.0.0/16": "pcx-1"})
    net.subnet("subnet-far", "10.9.1.0/24", vpc="vpc-2", routes={"10.0.0.0/16": "pcx-1"})
    net.group("sg-app", [tcp(443, "10.9.0.0/16")], OUT)
    net.group("sg-box", OPEN_GROUP, OUT)
    net.instance("app", "10.0.1.10", groups=["sg-app"])
    net.instance("box", "10.0.9.9", groups=["sg-box"], source_dest_check=False)
    answer = net.ask("10.9.1.50 -> app:443")
    assert "vpc-peering" in [hop.kind for hop in answer.forward]
    assert answer.verdict == "undetermined"


def test_an_egress_only_gateway_takes_nothing_from_behind_an_endpoint() -> None:
    # https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-load-balancer-endpoints.html
    net = Network(ipv6="2001:db8:1::/56")
    net.egress_only_gateway()
    net.subnet("subnet-app", "10.0.1.0/24", ipv6="2001:db8:1:1::/64", routes={"::/0": "vpce-0a1"})
    net.subnet("subnet-gate", "10.0.2.0/28", ipv6="2001:db8:1:2::/64", routes={"::/0": "eigw-1"})
    net.instance("app", "10.0.1.10", ipv6="2001:db8:1:1::10", groups=["sg-app"])
    net.group("sg-app", [], OUT_V6)
    net.endpoint(
        "vpce-0a1", "com.amazonaws.vpce.eu-west-1.vpce-svc-0a", "GatewayLoadBalancer", at={"subnet-gate": "10.0.2.5"}
    )
    answer = net.ask("2001:db8:1:1::10 -> [2001:db8:ffff::5]:443")
    assert codes(answer) == ["EGRESS_ONLY_GATEWAY_AFTER_APPLIANCES"]
