"""Transit gateways: attachments, their route tables, the subnets that hold their interfaces.

https://docs.aws.amazon.com/vpc/latest/tgw/how-transit-gateways-work.html
https://docs.aws.amazon.com/vpc/latest/tgw/tgw-vpc-attachments.html
https://docs.aws.amazon.com/vpc/latest/tgw/tgw-nacls.html
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import OPEN, OUT_V6, Network, blockers, codes, every, tcp
from tests.transits import BLACKHOLE, attach, transit_gateway, transit_route, transit_table

BLOCKS = {"10.0.0.0/16": "tgw-attach-1", "10.9.0.0/16": "tgw-attach-2"}
V6_BLOCKS = {"2001:db8:1::/56": "tgw-attach-1", "2001:db8:9::/56": "tgw-attach-2"}
V6 = "2001:db8:1:1::10 -> [2001:db8:9:1::20]:5432"
ACLS = (OPEN, OPEN)


def joined(
    *,
    near: dict[str, Any] | None = None,
    far: dict[str, Any] | None = None,
    routes: dict[str, Any] | None = None,
    app_acl: Any = ACLS,
    near_acl: Any = ACLS,
    far_acl: Any = ACLS,
    db_acl: Any = ACLS,
    referencing: bool = False,
    ingress: list[Any] | None = None,
    first: dict[str, Any] | None = None,
    second: dict[str, Any] | None = None,
    table: bool = True,
) -> Network:
    """``app`` (10.0.1.10) in vpc-1 and ``db`` (10.9.1.20) in vpc-2, both attached to tgw-1 by subnets of their own."""
    net = Network(ipv6="2001:db8:1::/56")
    net.vpc("vpc-2", "10.9.0.0/16", ipv6="2001:db8:9::/56")
    near = {"10.9.0.0/16": "tgw-1", "2001:db8:9::/56": "tgw-1"} if near is None else near
    far = {"10.0.0.0/16": "tgw-1", "2001:db8:1::/56": "tgw-1"} if far is None else far
    net.subnet("subnet-app", "10.0.1.0/24", ipv6="2001:db8:1:1::/64", routes=near, acl=app_acl)
    net.subnet("subnet-tgw1", "10.0.255.0/28", ipv6="2001:db8:1:ff::/64", acl=near_acl)
    net.subnet("subnet-db", "10.9.1.0/24", ipv6="2001:db8:9:1::/64", routes=far, vpc="vpc-2", acl=db_acl)
    net.subnet("subnet-tgw2", "10.9.255.0/28", ipv6="2001:db8:9:ff::/64", vpc="vpc-2", acl=far_acl)
    net.group("sg-app", [], OUT_V6)
    net.group("sg-db", [every("-1", "0.0.0.0/0", "::/0")] if ingress is None else ingress, [], vpc="vpc-2")
    net.instance("app", "10.0.1.10", ipv6="2001:db8:1:1::10", groups=["sg-app"])
    net.instance("db", "10.9.1.20", ipv6="2001:db8:9:1::20", groups=["sg-db"])
    transit_gateway(net, referencing=referencing)
    attach(net, "tgw-attach-1", "vpc-1", **{"subnets": ["subnet-tgw1"], **(first or {})})
    attach(net, "tgw-attach-2", "vpc-2", **{"subnets": ["subnet-tgw2"], **(second or {})})
    if table:
        transit_table(net, propagated={**BLOCKS, **V6_BLOCKS}, static=routes)
    return net


@pytest.mark.parametrize("question", ["app -> db:5432", V6, "app -> db/icmp"])
def test_two_vpcs_whose_routes_are_propagated_reach_each_other(question: str) -> None:
    answer = joined().ask(question)
    assert (answer.verdict, blockers(answer), answer.missing) == ("allowed", [], [])
    for leg in (answer.forward, answer.return_):
        kinds = [hop.kind for hop in leg]
        assert "transit-gateway" in kinds
        assert "transit-gateway-route-table" in kinds


# -- routes ---------------------------------------------------------------------------------------------------------


def test_without_a_route_in_the_table_the_request_is_dropped() -> None:
    net = joined(table=False)
    transit_table(net, propagated={"10.0.0.0/16": "tgw-attach-1"})
    answer = net.ask("app -> db:5432")
    assert (answer.verdict, blockers(answer)) == ("blocked", ["forward transit-gateway tgw-rtb-1"])
    assert codes(answer) == ["TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT"]
    assert "10.9.1.20" in answer.blocked_by[0].summary


def test_the_reply_is_routed_by_the_table_of_the_other_attachment() -> None:
    net = joined(second={"table": "tgw-rtb-2"})
    transit_table(net, "tgw-rtb-2")
    answer = net.ask("app -> db:5432")
    assert (answer.verdict, blockers(answer)) == ("blocked", ["return transit-gateway tgw-rtb-2"])
    assert codes(answer) == ["TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT"]


def test_without_a_route_back_in_the_subnets_own_table_the_reply_never_gets_to_the_gateway() -> None:
    assert blockers(joined(far={}).ask("app -> db:5432")) == ["return route-table rtb-db"]


def test_a_static_route_wins_over_an_equal_propagated_one() -> None:
    answer = joined(routes={"10.9.0.0/16": BLACKHOLE}).ask("app -> db:5432")
    assert (answer.verdict, codes(answer)) == ("blocked", ["TGW_RTB_BAD_STATE_ROUTE"])
    assert answer.blocked_by[0].rule == {"destination": "10.9.0.0/16", "target": None, "state": "blackhole"}


def test_the_longest_prefix_wins_over_a_wider_blackhole() -> None:
    assert joined(routes={"10.0.0.0/8": BLACKHOLE}).ask("app -> db:5432").verdict == "allowed"


def test_a_blackhole_for_a_part_of_a_vpc_takes_only_that() -> None:
    net = joined(routes={"10.9.1.16/28": BLACKHOLE})
    net.instance("other", "10.9.1.40", groups=["sg-db"])
    assert codes(net.ask("app -> db:5432")) == ["TGW_RTB_BAD_STATE_ROUTE"]
    assert net.ask("app -> other:5432").verdict == "allowed"
    assert net.ask("app -> 10.9.1.0/26:5432").verdict == "partial"


@pytest.mark.parametrize("state", ["pending", "deleting", "deleted"])
def test_a_route_that_is_not_active_takes_nothing(state: str) -> None:
    net = joined(routes={"10.9.1.0/24": BLACKHOLE})
    net.details["search-transit-gateway-routes.tgw-rtb-1"]["Routes"][0]["State"] = state
    assert net.ask("app -> db:5432").verdict == "allowed"


def prefix_list_route(to: str | None, *, entries: bool = True) -> Network:
    """A table that refers to a prefix list beside what is propagated."""
    net = joined()
    net.prefix_list("pl-0a1", ["10.9.1.0/24", "10.9.2.0/24"], entries=entries)
    route: dict[str, Any] = {"PrefixListId": "pl-0a1", "Type": "static", "State": "active" if to else "blackhole"}
    if to:
        route["TransitGatewayAttachments"] = [{"TransitGatewayAttachmentId": to, "ResourceType": "vpc"}]
    net.details["search-transit-gateway-routes.tgw-rtb-1"]["Routes"].append(route)
    return net


def test_a_prefix_list_reference_covers_its_entries() -> None:
    assert prefix_list_route("tgw-attach-2").ask("app -> db:5432").verdict == "allowed"
    answer = prefix_list_route(None).ask("app -> db:5432")
    assert codes(answer) == ["TGW_RTB_BAD_STATE_ROUTE"]
    assert (answer.blocked_by[0].rule or {})["destination"] == "pl-0a1"


def test_a_prefix_list_whose_entries_are_not_known_leaves_it_open() -> None:
    answer = prefix_list_route(None, entries=False).ask("app -> db:5432")
    assert answer.verdict == "undetermined"
    assert any("pl-0a1" in missing for missing in answer.missing)


def test_of_equal_blocks_static_wins_over_a_prefix_list_and_that_over_what_is_propagated() -> None:
    net = joined(routes={"10.9.1.0/24": "tgw-attach-2"})
    net.prefix_list("pl-0a1", ["10.9.1.0/24", "10.9.0.0/16"])
    net.details["search-transit-gateway-routes.tgw-rtb-1"]["Routes"].append(
        {"PrefixListId": "pl-0a1", "Type": "static", "State": "blackhole"}
    )
    assert net.ask("app -> db:5432").verdict == "allowed"
    net.subnet("subnet-db2", "10.9.2.0/24", routes={"10.0.0.0/16": "tgw-1"}, vpc="vpc-2")
    net.instance("db2", "10.9.2.20", groups=["sg-db"])
    assert codes(net.ask("app -> db2:5432")) == ["TGW_RTB_BAD_STATE_ROUTE"]


# -- attachments -----------------------------------------------------------------------------------------------------


def test_an_attachment_without_a_route_table_drops_what_comes_in_by_it() -> None:
    answer = joined(first={"table": None}).ask("app -> db:5432")
    assert codes(answer) == ["TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION"]
    assert blockers(answer) == ["forward transit-gateway tgw-attach-1"]


def test_for_the_reply_the_association_of_the_other_attachment_counts() -> None:
    answer = joined(second={"table": None}).ask("app -> db:5432")
    assert blockers(answer) == ["return transit-gateway tgw-attach-2"]


@pytest.mark.parametrize("state", ["pendingAcceptance", "rejected", "failed", "deleting", "deleted", "pending"])
@pytest.mark.parametrize("end", ["first", "second"])
def test_an_attachment_that_is_not_available_carries_nothing(state: str, end: str) -> None:
    net = joined(first={"state": state}) if end == "first" else joined(second={"state": state})
    answer = net.ask("app -> db:5432")
    assert answer.verdict == "blocked"
    assert codes(answer)[0] == "BAD_STATE_ATTACHMENT"
    assert state in answer.blocked_by[0].summary


def test_a_new_attachment_counts_although_the_deleted_one_is_still_listed() -> None:
    net = joined()
    attach(net, "tgw-attach-0", "vpc-1", state="deleted", table=None)
    net.responses["TransitGatewayAttachments"].reverse()
    assert net.ask("app -> db:5432").verdict == "allowed"


# -- zones -----------------------------------------------------------------------------------------------------------


def test_from_a_zone_without_an_attachment_subnet_nothing_reaches_the_gateway() -> None:
    net = joined()
    net.subnet("subnet-b", "10.0.2.0/24", routes={"10.9.0.0/16": "tgw-1"}, zone="b")
    net.instance("batch", "10.0.2.10", groups=["sg-app"])
    answer = net.ask("batch -> db:5432")
    assert (answer.verdict, codes(answer)) == ("blocked", ["TGW_ROUTE_AZ_RESTRICTION"])
    assert "eu-west-1b" in answer.blocked_by[0].summary


def two_zones(*, b_acl: Any = ACLS, appliance: bool = False, zones: tuple[str, str] = ("a", "b")) -> Network:
    """vpc-2 attached in two zones; what goes to the attachment's second subnet meets ``b_acl``."""
    net = joined(second={"subnets": ["subnet-tgw2", "subnet-tgw3"], "appliance": appliance})
    net.responses["Subnets"][3]["AvailabilityZone"] = f"eu-west-1{zones[0]}"
    net.responses["Subnets"][3]["AvailabilityZoneId"] = f"euw1-az{zones[0]}"
    net.subnet("subnet-tgw3", "10.9.254.0/28", vpc="vpc-2", acl=b_acl, zone=zones[1])
    net.responses["Subnets"][4]["AvailabilityZoneId"] = f"euw1-az{zones[1]}"
    for number in (0, 1, 2):
        net.responses["Subnets"][number]["AvailabilityZoneId"] = "euw1-aza"
    return net


def test_the_gateway_stays_in_the_zone_that_packets_come_from() -> None:
    assert two_zones(b_acl=(OPEN, [])).ask("app -> db:5432").verdict == "allowed"


def test_where_the_zone_of_origin_is_not_attached_each_subnet_is_tried() -> None:
    net = two_zones(b_acl=(OPEN, []), zones=("c", "b"))
    answer = net.ask("db -> app:443")  # the reply leaves vpc-1 for a zone that vpc-2 is not attached in
    assert "TGW_ROUTE_AZ_RESTRICTION" in codes(answer)
    net.responses["Subnets"][2]["AvailabilityZone"] = "eu-west-1c"
    net.responses["Subnets"][2]["AvailabilityZoneId"] = "euw1-azc"
    answer = net.ask("app -> db:5432")
    assert (answer.verdict, blockers(answer)) == ("partial", ["forward network-acl egress acl-tgw3 rule 32767"])
    assert any("subnet-tgw3" in warning for warning in answer.warnings)


def test_where_all_subnets_treat_them_alike_one_stands_for_all() -> None:
    net = two_zones(b_acl="acl-tgw2", zones=("c", "b"))
    net.responses["Subnets"][2]["AvailabilityZone"] = "eu-west-1c"
    net.responses["Subnets"][2]["AvailabilityZoneId"] = "euw1-azc"
    answer = net.ask("app -> db:5432")
    assert (answer.verdict, [w for w in answer.warnings if "any of its subnets" in w]) == ("allowed", [])


def test_in_appliance_mode_any_zone_may_be_picked() -> None:
    answer = two_zones(b_acl=(OPEN, []), appliance=True).ask("app -> db:5432")
    assert answer.verdict == "partial"
    assert any("appliance mode" in warning for warning in answer.warnings)


# -- network ACLs of attachment subnets ------------------------------------------------------------------------------
# https://docs.aws.amazon.com/vpc/latest/tgw/tgw-nacls.html


CLOSED: list[Any] = []


@pytest.mark.parametrize(
    ("place", "acl", "blocked"),
    [
        ("app_acl", (OPEN, CLOSED), "forward network-acl egress acl-app rule 32767"),
        ("near_acl", (CLOSED, OPEN), "forward network-acl ingress acl-tgw1 rule 32767"),
        ("near_acl", (OPEN, CLOSED), "return network-acl egress acl-tgw1 rule 32767"),
        ("far_acl", (CLOSED, OPEN), "return network-acl ingress acl-tgw2 rule 32767"),
        ("far_acl", (OPEN, CLOSED), "forward network-acl egress acl-tgw2 rule 32767"),
        ("db_acl", (CLOSED, OPEN), "forward network-acl ingress acl-db rule 32767"),
    ],
)
def test_an_attachment_subnet_applies_one_side_of_its_network_acl_a_direction(
    place: str, acl: Any, blocked: str
) -> None:
    answer = joined(**{place: acl}).ask("app -> db:5432")
    assert (answer.verdict, blockers(answer)) == ("blocked", [blocked])


def test_in_the_attachments_own_subnet_what_goes_out_meets_both_sides_and_what_comes_in_none() -> None:
    def net(acl: Any) -> Network:
        ends: dict[str, Any] = {"first": {"subnets": ["subnet-app"]}, "second": {"subnets": ["subnet-db"]}}
        return joined(**ends, app_acl=acl, far_acl=(CLOSED, CLOSED))

    only_out = [{**OPEN[0], "CidrBlock": "10.9.0.0/16"}]
    only_in = [{**OPEN[0], "CidrBlock": "10.0.1.0/24"}]
    # Outbound by the destination, inbound by the source: both the instance's own subnet's.
    assert net((only_in, only_out)).ask("app -> db:5432").verdict == "allowed"
    assert blockers(net((CLOSED, only_out)).ask("app -> db:5432")) == ["forward network-acl ingress acl-app rule 32767"]
    assert blockers(net((only_in, CLOSED)).ask("app -> db:5432")) == ["forward network-acl egress acl-app rule 32767"]


# -- security groups -------------------------------------------------------------------------------------------------


BY_GROUP = [tcp(5432, "sg-app")]


def test_groups_count_across_the_gateway_where_all_switches_are_on() -> None:
    assert joined(referencing=True, ingress=BY_GROUP).ask("app -> db:5432").verdict == "allowed"


@pytest.mark.parametrize(
    "off",
    [
        {"referencing": False},
        {"referencing": True, "first": {"referencing": False}},
        {"referencing": True, "second": {"referencing": False}},
    ],
)
def test_one_switch_that_is_off_makes_groups_count_for_nothing(off: dict[str, Any]) -> None:
    answer = joined(ingress=BY_GROUP, **off).ask("app -> db:5432")
    assert (answer.verdict, codes(answer)) == ("blocked", ["SG_REFERENCING_SUPPORT"])
    assert blockers(answer) == ["forward security-group ingress sg-db"]


def test_a_rule_for_another_group_or_port_is_not_a_matter_of_switches() -> None:
    assert codes(joined(ingress=[tcp(5432, "sg-else")]).ask("app -> db:5432")) == ["ENI_SG_RULES_MISMATCH"]
    assert codes(joined(ingress=[tcp(22, "sg-app")]).ask("app -> db:5432")) == ["ENI_SG_RULES_MISMATCH"]


def test_outbound_rules_never_name_groups_across_the_gateway() -> None:
    net = joined(referencing=True)
    net.responses["SecurityGroups"][0]["IpPermissionsEgress"] = [tcp(5432, "sg-db")]
    answer = net.ask("app -> db:5432")
    assert blockers(answer) == ["forward security-group egress sg-app"]


def test_a_gateway_that_cannot_be_read_leaves_group_references_open() -> None:
    net = joined(ingress=BY_GROUP)
    net.leave_out("TransitGateways")
    assert net.ask("app -> db:5432").verdict == "undetermined"
    assert joined(ingress=[tcp(5432, "10.0.0.0/8")]).ask("app -> db:5432").verdict == "allowed"


# -- what lies outside AWS -------------------------------------------------------------------------------------------


def hybrid(
    resource: str = "vpn-1",
    *,
    back: dict[str, Any] | None = None,
    connect: bool = False,
    state: str = "available",
    static: bool = False,
) -> Network:
    """``app`` in vpc-1, and 10.60.0.0/16 on premises behind a VPN (or Direct Connect, Connect) attachment."""
    net = Network()
    net.subnet("subnet-app", "10.0.1.0/24", routes={"10.60.0.0/16": "tgw-1"})
    net.group("sg-app", [tcp(443, "10.60.0.0/16")])
    net.instance("app", "10.0.1.10", groups=["sg-app"])
    transit_gateway(net)
    attach(net, "tgw-attach-1", "vpc-1", ["subnet-app"])
    attach(net, "tgw-attach-3", resource, connect=connect, state=state, table="tgw-rtb-2")
    out = {"10.60.0.0/16": "tgw-attach-3"}
    transit_table(net, static=out if static else None, propagated=None if static else out)
    transit_table(net, "tgw-rtb-2", propagated={"10.0.0.0/16": "tgw-attach-1"} if back is None else back)
    return net


@pytest.mark.parametrize(("resource", "connect"), [("vpn-1", False), ("dxgw-1", False), ("vpc-9", True)])
def test_what_leaves_aws_has_the_verdict_so_far(resource: str, connect: bool) -> None:
    net = hybrid(resource, connect=connect)
    net.vpn_connection("vpn-1", "tgw-1")
    for question in ("app -> 10.60.1.5:443", "10.60.1.5 -> app:443"):
        answer = net.ask(question)
        assert (answer.verdict, answer.missing) == ("allowed", []), question
        assert "transit-gateway" in [hop.kind for hop in answer.return_]
    assert any("leave AWS here" in warning for warning in net.ask("app -> 10.60.1.5:443").warnings)


def test_the_own_side_decides_about_what_comes_from_on_premises() -> None:
    answer = hybrid().ask("10.60.1.5 -> app:22")
    assert (answer.verdict, blockers(answer)) == ("blocked", ["forward security-group ingress sg-app"])


def test_the_vpns_own_table_decides_about_what_comes_in_by_it() -> None:
    net = hybrid(back={})
    assert blockers(net.ask("app -> 10.60.1.5:443")) == ["return transit-gateway tgw-rtb-2"]
    assert blockers(net.ask("10.60.1.5 -> app:443")) == ["forward transit-gateway tgw-rtb-2"]


def test_a_vpn_attachment_that_is_not_available_carries_nothing() -> None:
    answer = hybrid(state="deleting").ask("app -> 10.60.1.5:443")
    assert codes(answer)[0] == "BAD_STATE_ATTACHMENT"


@pytest.mark.parametrize("question", ["app -> 10.60.1.5:443", "10.60.1.5 -> app:443"])
def test_a_vpn_attachment_needs_a_tunnel_that_is_up(question: str) -> None:
    net = hybrid()
    net.vpn_connection("vpn-1", "tgw-1", tunnels=("DOWN", "UP"))
    assert (net.ask(question).verdict, net.ask(question).missing) == ("allowed", [])
    down = hybrid()
    down.vpn_connection("vpn-1", "tgw-1", tunnels=("DOWN", "DOWN"))
    answer = down.ask(question)
    assert (answer.verdict, codes(answer)) == ("blocked", ["TGW_BAD_STATE_VPN"])
    assert answer.blocked_by[0].leg == "forward"
    assert answer.blocked_by[0].resource_ids == ["tgw-1", "vpn-1"]


def test_only_the_vpn_that_a_route_leads_to_has_to_be_up() -> None:
    net = hybrid()
    attach(net, "tgw-attach-4", "vpn-2", table="tgw-rtb-2")
    net.vpn_connection("vpn-1", "tgw-1")
    net.vpn_connection("vpn-2", "tgw-1", tunnels=("DOWN", "DOWN"))
    routes = net.details["search-transit-gateway-routes.tgw-rtb-1"]["Routes"]
    routes.append(transit_route(net, "10.60.1.0/24", "tgw-attach-4", "static"))
    assert codes(net.ask("app -> 10.60.1.5:443")) == ["TGW_BAD_STATE_VPN"]
    assert net.ask("app -> 10.60.2.5:443").verdict == "allowed"


def test_tunnels_that_were_not_read_leave_the_answer_open() -> None:
    net = hybrid(static=True)
    answer = net.ask("app -> 10.60.1.5:443")
    assert (answer.verdict, blockers(answer)) == ("undetermined", [])
    assert answer.missing == ["tunnels of vpn-1: ec2:DescribeVpnConnections: not in the snapshot"]
    assert net.ask("10.60.1.5 -> app:443").verdict == "undetermined"
    net.vpn_connection("vpn-1", "tgw-1", tunnels=())
    assert net.ask("app -> 10.60.1.5:443").missing == ["tunnels of vpn-1: nothing tells whether they are up"]


def test_a_route_that_bgp_brought_tells_that_its_session_is_up() -> None:
    # "the routes are withdrawn": https://docs.aws.amazon.com/vpc/latest/tgw/how-transit-gateways-work.html
    answer = hybrid().ask("app -> 10.60.1.5:443")
    assert (answer.verdict, answer.missing) == ("allowed", [])


def test_from_an_address_that_no_table_routes_back_to_the_reply_does_not_find_its_way() -> None:
    net = hybrid()
    net.responses["RouteTables"][1]["Routes"][-1]["DestinationCidrBlock"] = "10.0.0.0/8"
    net.responses["SecurityGroups"][0]["IpPermissions"] = [tcp(443, "10.0.0.0/8")]
    answer = net.ask("10.61.1.5 -> app:443")
    assert (answer.verdict, codes(answer)) == ("blocked", ["TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT"])
    assert answer.blocked_by[0].leg == "return"


def test_from_an_address_of_another_vpc_behind_the_gateway_its_own_subnet_counts() -> None:
    net = joined(near={})
    answer = net.ask("10.0.1.77 -> db:5432")
    assert blockers(answer) == ["forward route-table rtb-app"]
    assert joined().ask("10.0.1.77 -> db:5432").verdict == "allowed"


def test_a_route_that_sends_a_vpcs_own_addresses_out_of_aws_blocks() -> None:
    net = joined(table=False)
    attach(net, "tgw-attach-3", "vpn-1")
    transit_table(net, static={"10.9.1.0/24": "tgw-attach-3"}, propagated=BLOCKS)
    answer = net.ask("app -> db:5432")
    assert (answer.verdict, codes(answer)) == ("blocked", ["TGW_RTB_MORE_SPECIFIC_ROUTE"])
    (finding,) = answer.blocked_by
    assert (finding.layer, finding.resource_ids, finding.vpc_id) == ("transit-gateway", ["tgw-rtb-1"], None)
    assert finding.rule == {"destination": "10.9.1.0/24", "target": "tgw-attach-3", "state": "active"}
    assert "hides 10.9.0.0/16 -> tgw-attach-2" in finding.summary


def test_a_static_route_hides_what_a_vpc_propagates_which_the_table_then_does_not_list() -> None:
    # "the static route has a higher priority": https://docs.aws.amazon.com/vpc/latest/tgw/how-transit-gateways-work.html
    net = joined(table=False)
    attach(net, "tgw-attach-3", "vpn-1")
    transit_table(net, static={"10.9.0.0/16": "tgw-attach-3"}, propagated={"10.0.0.0/16": "tgw-attach-1"})
    unlisted = net.ask("app -> db:5432")
    assert (unlisted.verdict, codes(unlisted)) == ("blocked", ["DELIVERED_ELSEWHERE"])
    assert unlisted.blocked_by[0].rule == {"destination": "10.9.0.0/16", "target": "tgw-attach-3", "state": "active"}
    propagates = {"ResourceType": "vpc", "State": "enabled", "TransitGatewayAttachmentId": "tgw-attach-2"}
    net.details["get-transit-gateway-route-table-propagations.tgw-rtb-1"] = {
        "TransitGatewayRouteTablePropagations": [{**propagates, "ResourceId": "vpc-2"}]
    }
    answer = net.ask("app -> db:5432")
    assert (answer.verdict, codes(answer)) == ("blocked", ["TGW_RTB_HIGHER_PRIORITY_ROUTE"])
    assert "hides 10.9.0.0/16 -> tgw-attach-2" in answer.blocked_by[0].summary


def test_a_reply_is_led_astray_by_the_table_of_the_other_attachment() -> None:
    net = joined(table=False, second={"table": "tgw-rtb-2"})
    attach(net, "tgw-attach-3", "vpn-1")
    transit_table(net, "tgw-rtb-1", propagated=BLOCKS)
    transit_table(net, "tgw-rtb-2", static={"10.0.1.0/24": "tgw-attach-3"}, propagated=BLOCKS)
    (finding,) = net.ask("app -> db:5432").blocked_by
    assert (finding.leg, finding.code) == ("return", "TGW_RTB_MORE_SPECIFIC_ROUTE")
    assert finding.resource_ids == ["tgw-rtb-2"]


def test_a_route_that_leads_to_another_vpc_with_the_same_block_blocks() -> None:
    net = joined(table=False)
    net.vpc("vpc-3", "10.9.0.0/16")
    net.subnet("subnet-third", "10.9.1.0/24", vpc="vpc-3", routes={"10.0.0.0/16": "tgw-1"})
    attach(net, "tgw-attach-3", "vpc-3", ["subnet-third"])
    transit_table(net, propagated={**BLOCKS, "10.9.0.0/16": "tgw-attach-3"})
    answer = net.ask("app -> db:5432")
    assert answer.verdict == "blocked"
    assert "DELIVERED_ELSEWHERE" in codes(answer)


# -- gateways that are peered ----------------------------------------------------------------------------------------


def peered(*, far: dict[str, Any] | None = None, readable: bool = True, referencing: bool = False) -> Network:
    """``app`` behind tgw-1 and ``db`` behind tgw-2, which are peered by one attachment that both list."""
    net = joined(
        second={"gateway": "tgw-2", "table": "tgw-rtb-2"},
        far={"10.0.0.0/16": "tgw-2"},
        table=False,
        referencing=referencing,
        ingress=BY_GROUP if referencing else None,
    )
    attach(net, "tgw-attach-9", "tgw-2", owner="999999999999")
    transit_table(net, static={"10.9.0.0/16": "tgw-attach-9"}, propagated={"10.0.0.0/16": "tgw-attach-1"})
    if not readable:
        attachments = net.responses["TransitGatewayAttachments"]
        net.responses["TransitGatewayAttachments"] = [a for a in attachments if a["TransitGatewayId"] == "tgw-1"]
        return net
    transit_gateway(net, "tgw-2", referencing=referencing)
    attach(net, "tgw-attach-9", "tgw-1", gateway="tgw-2", table="tgw-rtb-2")
    rows = net.responses["TransitGatewayAttachments"]
    rows[-1], rows[-2] = rows[-2], rows[-1]
    transit_table(
        net,
        "tgw-rtb-2",
        gateway="tgw-2",
        static={"10.0.0.0/16": "tgw-attach-9"} if far is None else far,
        propagated={"10.9.0.0/16": "tgw-attach-2"},
    )
    return net


def test_through_a_peered_gateway_each_ones_table_decides() -> None:
    answer = peered().ask("app -> db:5432")
    assert (answer.verdict, answer.missing) == ("allowed", [])
    assert [hop.id for hop in answer.forward if hop.kind == "transit-gateway-route-table"] == ["tgw-rtb-1", "tgw-rtb-2"]
    answer = peered(far={}).ask("app -> db:5432")
    assert (answer.verdict, blockers(answer)) == ("blocked", ["return transit-gateway tgw-rtb-2"])


def test_a_peered_gateway_that_cannot_be_read_is_named_with_its_account() -> None:
    answer = peered(readable=False).ask("app -> db:5432")
    assert answer.verdict == "undetermined"
    assert any("tgw-2 of account 999999999999" in missing for missing in answer.missing)


def test_groups_do_not_count_across_peered_gateways() -> None:
    answer = peered(referencing=True).ask("app -> db:5432")
    assert (answer.verdict, codes(answer)) == ("blocked", ["ENI_SG_RULES_MISMATCH"])


def test_from_an_address_behind_a_peered_gateway() -> None:
    assert peered().ask("10.0.1.77 -> db:5432").verdict == "allowed"


# -- through a VPC in the middle -------------------------------------------------------------------------------------


def egress_vpc(*, back: dict[str, Any] | None = None, nat_acl: Any = ACLS) -> Network:
    """``app`` in vpc-1 whose default route is the gateway, and a NAT gateway for all in vpc-2 (10.9.0.0/16).

    https://docs.aws.amazon.com/vpc/latest/tgw/transit-gateway-nat-igw.html
    """
    net = Network()
    net.vpc("vpc-2", "10.9.0.0/16")
    net.internet_gateway(vpc="vpc-2")
    net.subnet("subnet-app", "10.0.1.0/24", routes={"0.0.0.0/0": "tgw-1"})
    net.subnet("subnet-tgw2", "10.9.255.0/28", vpc="vpc-2", routes={"0.0.0.0/0": "nat-1"})
    public = {"0.0.0.0/0": "igw-1", "10.0.0.0/16": "tgw-1"} if back is None else back
    net.subnet("subnet-public", "10.9.1.0/24", vpc="vpc-2", routes=public, acl=nat_acl)
    net.nat_gateway("nat-1", "10.9.1.99", "198.51.100.99")
    net.group("sg-app", [])
    net.instance("app", "10.0.1.10", groups=["sg-app"])
    transit_gateway(net)
    attach(net, "tgw-attach-1", "vpc-1", ["subnet-app"])
    attach(net, "tgw-attach-2", "vpc-2", ["subnet-tgw2"], table="tgw-rtb-2")
    transit_table(net, static={"0.0.0.0/0": "tgw-attach-2"})
    transit_table(net, "tgw-rtb-2", propagated={"10.0.0.0/16": "tgw-attach-1"})
    return net


def test_a_nat_gateway_of_a_central_vpc_serves_the_others() -> None:
    answer = egress_vpc().ask("app -> 192.0.2.80:443")
    assert (answer.verdict, answer.missing) == ("allowed", [])
    kinds = [hop.kind for hop in answer.forward]
    assert kinds.index("transit-gateway") < kinds.index("nat-gateway") < kinds.index("internet-gateway")
    assert "transit-gateway" in [hop.kind for hop in answer.return_]


def test_the_public_subnet_of_the_central_vpc_needs_the_route_back() -> None:
    answer = egress_vpc(back={"0.0.0.0/0": "igw-1"}).ask("app -> 192.0.2.80:443")
    assert answer.verdict == "blocked"
    assert {finding.leg for finding in answer.blocked_by} == {"return"}


def test_the_internet_gateway_of_another_vpc_serves_nobody_by_itself() -> None:
    net = egress_vpc()
    net.responses["RouteTables"][3]["Routes"][-1] = {
        "DestinationCidrBlock": "0.0.0.0/0",
        "GatewayId": "igw-1",
        "State": "active",
        "Origin": "CreateRoute",
    }
    assert net.ask("app -> 192.0.2.80:443").verdict == "blocked"


# -- what cannot be read ---------------------------------------------------------------------------------------------


def test_a_gateway_of_another_account_whose_tables_are_not_shown_is_left_open() -> None:
    net = joined(first={"table": None, "gateway_owner": "999999999999"}, table=False)
    del net.responses["TransitGatewayRouteTables"]
    answer = net.ask("app -> db:5432")
    assert (answer.verdict, blockers(answer)) == ("undetermined", [])
    assert any("999999999999" in missing and "tgw-1" in missing for missing in answer.missing)


def test_tables_without_the_owners_view_of_an_attachment_do_not_say_that_it_has_none() -> None:
    shared = {"table": None, "gateway_owner": "999999999999"}
    net = joined(first=shared, second=shared)
    answer = net.ask("app -> db:5432")
    assert (answer.verdict, blockers(answer)) == ("undetermined", [])
    assert any("only account 999999999999 can read it" in missing for missing in answer.missing)
    seen_by_owner = joined(first=shared, second={"gateway_owner": "999999999999"})
    assert codes(seen_by_owner.ask("app -> db:5432")) == ["TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION"]


def test_the_owners_view_of_an_attachment_completes_that_of_the_vpcs_account() -> None:
    net = joined(first={"gateway_owner": "999999999999", "table": None})
    attach(net, "tgw-attach-1", "vpc-1", ["subnet-tgw1"], gateway_owner="999999999999")
    assert net.ask("app -> db:5432").verdict == "allowed"


def test_a_table_whose_routes_were_not_captured_is_not_taken_as_empty() -> None:
    net = joined()
    del net.details["search-transit-gateway-routes.tgw-rtb-1"]
    answer = net.ask("app -> db:5432")
    assert (answer.verdict, blockers(answer)) == ("undetermined", [])
    assert any("SearchTransitGatewayRoutes" in missing for missing in answer.missing)


def test_a_list_of_routes_that_was_cut_decides_nothing() -> None:
    net = joined()
    net.details["search-transit-gateway-routes.tgw-rtb-1"]["AdditionalRoutesAvailable"] = True
    assert net.ask("app -> db:5432").verdict == "undetermined"


def test_an_association_that_only_the_table_lists_counts() -> None:
    net = joined(first={"table": None})
    net.details["get-transit-gateway-route-table-associations.tgw-rtb-1"] = {
        "Associations": [
            {
                "TransitGatewayAttachmentId": "tgw-attach-1",
                "ResourceId": "vpc-1",
                "ResourceType": "vpc",
                "State": "associated",
            }
        ]
    }
    assert net.ask("app -> db:5432").verdict == "allowed"


def test_an_attachment_that_was_not_captured_leaves_it_open() -> None:
    net = joined()
    net.leave_out("TransitGatewayAttachments", "TransitGatewayVpcAttachments")
    answer = net.ask("app -> db:5432")
    assert (answer.verdict, blockers(answer)) == ("undetermined", [])


def test_the_subnets_of_an_attachment_show_in_its_interfaces_as_well() -> None:
    net = joined(near_acl=([], OPEN))
    net.leave_out("TransitGatewayVpcAttachments")
    for attachment, address in (("tgw-attach-1", "10.0.255.4"), ("tgw-attach-2", "10.9.255.4")):
        net.interface(f"eni-{attachment}", address, groups=[], kind="transit_gateway")
        net.responses["NetworkInterfaces"][-1]["Description"] = (
            f"Network Interface for Transit Gateway Attachment {attachment}"
        )
    assert blockers(net.ask("app -> db:5432")) == ["forward network-acl ingress acl-tgw1 rule 32767"]


def test_a_vpc_of_another_account_is_named() -> None:
    net = hybrid()
    attach(net, "tgw-attach-9", "vpc-9", ["subnet-9"], owner="999999999999")
    transit_table(net, "tgw-rtb-3", propagated={"10.60.0.0/16": "tgw-attach-9"})
    net.responses["TransitGatewayAttachments"][0]["Association"]["TransitGatewayRouteTableId"] = "tgw-rtb-3"
    for question in ("app -> 10.60.1.5:443", "10.60.1.5 -> app:443"):
        answer = net.ask(question)
        assert answer.verdict == "undetermined"
        assert any("vpc-9 of account 999999999999" in missing for missing in answer.missing), answer.missing
    assert blockers(net.ask("10.60.1.5 -> app:22")) == ["forward security-group ingress sg-app"]


# -- circles -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("many", [2, 3, 9])
def test_gateways_that_send_everything_to_each_other_are_a_circle(many: int) -> None:
    net = joined(table=False)
    gateways = [f"tgw-{number + 1}" for number in range(many)]
    for number, gateway in enumerate(gateways):
        if number:
            transit_gateway(net, gateway)
        to = {}
        for other in gateways:
            if other != gateway:
                attachment = "tgw-attach-" + "-".join(sorted(name[4:] for name in (gateway, other)))
                attach(net, attachment, other, gateway=gateway, table=f"tgw-rtb-{number + 1}")
                to[other] = attachment
        transit_table(net, f"tgw-rtb-{number + 1}", static={"10.0.0.0/8": list(to.values())}, gateway=gateway)
    answer = net.ask("app -> db:5432")
    assert (answer.verdict, set(codes(answer))) == ("blocked", {"ROUTING_LOOP"})
    assert {finding.layer for finding in answer.blocked_by} == {"transit-gateway"}
