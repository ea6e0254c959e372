"""What random cases have found, each in the smallest network that shows it."""

from __future__ import annotations

from tests.oracle import shapes
from tests.oracle.account_rules import default_acl_entries
from tests.oracle.model import Json
from tests.oracle.shapes import acl_entry
from tests.oracle.world import CLIENT, interface, set_routes
from tests.oracle.world import row as row_of
from tests.properties.asking import account_of, explain
from tests.properties.worlds import routes, wide_world
from whyblocked.diagnosis.answer import Answer


def asked(raw: Json, text: str, **options: str) -> Answer:
    return explain(account_of(raw), text, **options)


def blamed(answer: Answer) -> list[tuple[str, str, list[str]]]:
    return [(found.leg, found.code, found.resource_ids) for found in answer.blocked_by]


def refuse_all(raw: Json, acl_id: str) -> None:
    row_of(raw, "NetworkAcls", "NetworkAclId", acl_id)["Entries"] = []


def test_a_gateway_that_is_not_attached_carries_nothing() -> None:
    raw = wide_world()
    raw["InternetGateways"][0]["Attachments"] = []
    raw["EgressOnlyInternetGateways"][0]["Attachments"] = []
    outward = asked(raw, f"i-web -> {CLIENT}:443")
    assert outward.verdict == "blocked"
    assert ("forward", "BAD_STATE_ATTACHMENT", ["igw-a"]) in blamed(outward)
    assert ("return", "NO_INTERNET_GATEWAY", []) in blamed(outward)
    assert "not attached to vpc-a" in outward.blocked_by[0].summary
    six = asked(raw, "i-app -> [2001:db8:ffff::5]:443")
    assert six.verdict == "blocked"
    assert blamed(six)[0] == ("forward", "BAD_STATE_ATTACHMENT", ["eigw-a"])


def test_a_gateway_of_another_vpc_carries_nothing() -> None:
    raw = wide_world()
    set_routes(raw, "rtb-front", *[one for one in routes(raw, "rtb-front") if "0.0.0.0/0" not in one.values()])
    routes(raw, "rtb-front").append({**routes(raw, "rtb-far")[2], "GatewayId": "igw-b"})
    assert ("forward", "BAD_STATE_ATTACHMENT", ["igw-b"]) in blamed(asked(raw, f"i-web -> {CLIENT}:443"))


def private_nat() -> Json:
    raw = wide_world()
    raw["NatGateways"][0]["NatGatewayAddresses"][0].pop("PublicIp")
    raw["NatGateways"][0]["ConnectivityType"] = "private"
    nat = interface(raw, "eni-nat")
    nat.pop("Association")
    nat["PrivateIpAddresses"][0].pop("Association")
    return raw


def test_no_packet_is_lost_where_a_reply_does_not_fit_what_a_nat_gateway_sent() -> None:
    """It was never translated, so the answer comes from a private address: blocked on the way out, not unknown."""
    answer = asked(private_nat(), "i-app -> 52.0.0.20:443")
    assert answer.verdict == "blocked"
    assert blamed(answer)[0] == ("forward", "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS", ["igw-a"])
    assert all(leg == "forward" for leg, _, _ in blamed(answer))


def test_blockers_of_the_reply_behind_a_nat_gateway_that_could_not_send() -> None:
    raw = private_nat()
    entries = row_of(raw, "NetworkAcls", "NetworkAclId", "acl-back")["Entries"]
    entries[:] = [one for one in entries if one["Egress"]]
    assert blamed(asked(raw, f"i-app -> {CLIENT}:443")) == [
        ("forward", "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS", ["igw-a"]),
        ("return", "SUBNET_ACL_RESTRICTION", ["acl-back"]),
    ]


def test_blockers_inside_a_vpc_that_has_no_internet_gateway() -> None:
    raw = wide_world()
    raw["InternetGateways"] = raw["InternetGateways"][:1]
    refuse_all(raw, "acl-far")
    assert blamed(asked(raw, "i-web -> 52.0.0.20:443"))[:2] == [
        ("forward", "NO_INTERNET_GATEWAY", []),
        ("forward", "SUBNET_ACL_RESTRICTION", ["acl-far"]),
    ]


def test_a_block_that_holds_the_sender_itself() -> None:
    """The packets to its own address never leave it, whatever its groups say, so they decide nothing."""
    raw = wide_world()
    row_of(raw, "SecurityGroups", "GroupId", "sg-a")["IpPermissionsEgress"] = []
    answer = asked(raw, "i-app -> [10.0.1.10/31]:443")
    assert answer.verdict == "blocked"
    assert [found.packets.destination for found in answer.blocked_by] == ["10.0.1.11/32"]


def test_a_block_that_holds_what_no_rule_filters() -> None:
    raw = wide_world()
    row_of(raw, "SecurityGroups", "GroupId", "sg-a")["IpPermissionsEgress"] = []
    answer = asked(raw, "i-web -> [10.0.0.0/30]:53/udp")
    assert answer.verdict == "partial"
    assert {found.packets.destination for found in answer.blocked_by} == {"10.0.0.0/32,10.0.0.3/32"}


def test_a_block_that_holds_a_delegated_prefix() -> None:
    """An address of a delegated prefix is the interface's, alone as in a block: its groups filter it."""
    raw = wide_world()
    interface(raw, "eni-db")["Ipv4Prefixes"] = [{"Ipv4Prefix": "10.0.1.192/28"}]
    row_of(raw, "SecurityGroups", "GroupId", "sg-db")["IpPermissions"] = []
    assert asked(raw, "i-app -> 10.0.1.200:443").verdict == "blocked"
    answer = asked(raw, "i-app -> [10.0.1.192/27]:443")
    assert answer.verdict == "partial"
    assert [found.packets.destination for found in answer.blocked_by] == ["10.0.1.192/28"]


def test_a_block_that_holds_public_addresses_of_the_account() -> None:
    raw = wide_world()
    row_of(raw, "SecurityGroups", "GroupId", "sg-b")["IpPermissions"] = []
    answer = asked(raw, "i-web -> [52.0.0.16/28]:443")
    assert answer.verdict == "partial"
    assert blamed(answer) == [("forward", "SG_HAS_NO_RULES", ["sg-b"])]


def test_a_block_of_ipv6_addresses_of_the_account_by_the_internet() -> None:
    raw = wide_world()
    for table in ("rtb-front", "rtb-far"):
        set_routes(raw, table, *[one for one in routes(raw, table) if "VpcPeeringConnectionId" not in one])
    row_of(raw, "SecurityGroups", "GroupId", "sg-b")["IpPermissions"] = []
    answer = asked(raw, "i-web -> [2001:db8:0:201::/120]:443")
    assert answer.verdict == "partial"
    assert [found.packets.destination for found in answer.blocked_by] == ["2001:db8:0:201::10/128"]


def test_ipv6_addresses_of_a_peer_come_by_the_peering_connection() -> None:
    """They look public, but the destination's table has a route of its own to them."""
    assert asked(wide_world(), "[2001:db8:0:100::10/125] -> i-peer:443").verdict == "allowed"
    raw = wide_world()
    refuse_all(raw, "acl-front")
    assert ("forward", "SUBNET_ACL_RESTRICTION", ["acl-front"]) in blamed(
        asked(raw, "[2001:db8:0:100::20] -> i-peer:443")
    )


def test_a_reply_to_an_ipv6_address_that_nobody_owns() -> None:
    for source in ("[2001:db8:0:100::99]", "[2001:db8:0:101::98/127]"):  # by an internet and an egress-only gateway
        answer = asked(wide_world(), f"{source} -> [2001:db8:ffff::5]:443")
        assert answer.verdict == "allowed", source


def test_a_peering_connection_refuses_only_what_is_not_in_the_peer() -> None:
    raw = wide_world()
    found = next(one for one in routes(raw, "rtb-front") if one.get("DestinationCidrBlock") == "10.1.0.0/16")
    found["DestinationCidrBlock"] = "10.0.0.0/8"
    assert asked(raw, "i-web -> 10.1.0.10:443").verdict == "allowed"
    assert asked(raw, "i-web -> 10.2.0.10:443").verdict == "blocked"
    both = asked(raw, "i-web -> [10.0.0.0/14]:443")
    assert both.verdict == "partial"
    refused = [found for found in both.blocked_by if found.code == "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR"]
    assert [one.packets.destination for one in refused] == ["10.2.0.0/15"]


def test_what_is_never_forwarded_is_not_forwarded_in_a_block_either() -> None:
    answer = asked(wide_world(), "i-web -> [169.254.168.0/21]:443")
    assert answer.verdict == "partial"
    (found,) = answer.blocked_by
    assert found.code == "NO_ROUTE_TO_DESTINATION"
    assert found.packets.destination.startswith("169.254.168.0/24,")
    assert found.packets.destination.endswith(",169.254.171.0/24")
    assert "169.254.169.254" not in found.packets.destination  # the metadata service


def test_a_reply_of_one_kind_of_icmp_says_nothing_about_the_others() -> None:
    """Behind a NAT gateway, too: only echo and its like are answered, so only they can fail on the way back."""
    raw = wide_world()
    entries = row_of(raw, "NetworkAcls", "NetworkAclId", "acl-back")["Entries"]
    entries[:] = [one for one in entries if one["Egress"]]
    one_way = asked(raw, f"i-app -> {CLIENT}", protocol="icmp", icmp_type="3")
    every = asked(raw, f"i-app -> {CLIENT}", protocol="icmp", icmp_type="-1")
    assert (one_way.verdict, every.verdict) == ("allowed", "partial")


def test_a_reply_of_icmp_has_code_0() -> None:
    raw = wide_world()
    acl = row_of(raw, "NetworkAcls", "NetworkAclId", "acl-front")
    acl["Entries"] = [
        acl_entry(100, "ingress", "allow", "0.0.0.0/0"),
        acl_entry(100, "egress", "allow", "0.0.0.0/0", 1, icmp=(0, 0)),
    ]
    assert asked(raw, f"{CLIENT} -> i-web", protocol="icmp", icmp_type="8", icmp_code="-1").verdict == "allowed"


def test_a_nat_gateway_waits_for_replies_in_its_own_vpc_only() -> None:
    """A third VPC uses the same addresses, and a machine in it the NAT gateway's: it is no NAT gateway."""
    raw = wide_world()
    c = shapes.vpc("vpc-c", "10.0.0.0/16")
    twin = shapes.subnet("subnet-twin", "vpc-c", "10.0.0.0/24")
    raw["Vpcs"].append(c)
    raw["Subnets"].append(twin)
    out = [shapes.route("10.0.0.0/16", "local"), shapes.route("0.0.0.0/0", "igw-c")]
    raw["RouteTables"].append(shapes.route_table("rtb-c", "vpc-c", out, main=True))
    raw["NetworkAcls"].append(shapes.acl("acl-c", "vpc-c", ["subnet-twin"], default_acl_entries(ipv6=False)))
    raw["InternetGateways"].append(shapes.internet_gateway("igw-c", "vpc-c"))
    raw["SecurityGroups"].append(shapes.group("sg-c", "vpc-c", [shapes.permission("-1", peers=["0.0.0.0/0"])]))
    one = shapes.interface("eni-twin", twin, ["10.0.0.99"], ["sg-c"], "i-twin", {"10.0.0.99": "52.0.0.50"})
    raw["NetworkInterfaces"].append(one)
    raw["Reservations"].append(shapes.reservation("i-twin", [one]))
    assert asked(raw, "i-app -> 52.0.0.50:443").verdict == "allowed"
