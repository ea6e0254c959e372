"""Where a query is asked: in the account and Region that the resources themselves name."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.config.shapes import Json, interface, subnet
from whyblocked.config import resources as r
from whyblocked.config.account import Query
from whyblocked.config.places import HOME, Asked, Place, Places

OWNER, GUEST = "222222222222", "333333333333"


def learned(*rows: tuple[Json, type[r.Resource]], reader: Place = HOME) -> Places:
    places = Places()
    for row, kind in rows:
        places.learn(msgspec.convert(row, kind), reader)
    return places


def peering(**far: Any) -> Json:
    side = {"VpcId": "vpc-9", "OwnerId": OWNER, "Region": "eu-west-1", **far}
    return {
        "VpcPeeringConnectionId": "pcx-1",
        "RequesterVpcInfo": {"VpcId": "vpc-1", "OwnerId": "111111111111"},
        "AccepterVpcInfo": side,
        "Status": {"Code": "active"},
    }


def test_the_other_side_of_a_peering_connection_is_asked_where_it_says_it_is() -> None:
    places = learned((peering(), r.VpcPeeringConnection))
    assert places.of(Query("DescribeSubnets", "vpc-id", "vpc-9")) == (Asked(Place(OWNER, "eu-west-1")),)
    address = Query("DescribeNetworkInterfaces", "addresses.private-ip-address", "10.9.1.20", about="vpc-9")
    assert places.of(address) == (Asked(Place(OWNER, "eu-west-1")),)


def test_what_nothing_was_told_of_is_looked_for_in_the_accounts_of_all_profiles() -> None:
    places = Places()
    query = Query("DescribeInstances", "tag:Name", "app")
    assert places.of(query) == (Asked(HOME),)
    places.asked_for_names = (HOME, Place(OWNER))
    assert places.of(query) == (Asked(HOME), Asked(Place(OWNER), needed=False))


def test_of_a_shared_vpc_both_see_something_and_its_gateways_only_the_owner() -> None:
    table = {
        "RouteTableId": "rtb-1",
        "VpcId": "vpc-1",
        "OwnerId": OWNER,
        "Associations": [],
        "Routes": [{"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "State": "active"}],
    }
    places = learned((subnet(OwnerId=OWNER), r.Subnet), (table, r.RouteTable))
    both = (Asked(HOME), Asked(Place(OWNER), needed=False))
    assert places.of(Query("DescribeRouteTables", "vpc-id", "vpc-1")) == both
    assert places.of(Query("DescribeNatGateways", "nat-gateway-id", "nat-1")) == (Asked(Place(OWNER)),)
    assert places.owner_of("vpc-1") == Place(OWNER)


def test_the_group_of_a_guest_is_seen_by_the_owner_of_the_vpc_and_known_to_the_guest() -> None:
    places = learned((interface(OwnerId=GUEST), r.NetworkInterface), reader=Place(OWNER))
    asked = places.of(Query("DescribeSecurityGroups", "group-id", "sg-1"))
    assert asked == (Asked(Place(OWNER)), Asked(Place(GUEST), needed=False))


def test_an_arn_names_its_place() -> None:
    arn = f"arn:aws:elasticloadbalancing:eu-west-1:{OWNER}:loadbalancer/app/web/1"
    assert Places().of(Query("DescribeListeners", "LoadBalancerArn", arn)) == (Asked(Place(OWNER, "eu-west-1")),)
    assert Places().of(Query("DescribeListeners", "LoadBalancerArn", "arn:aws:s3:::bucket")) == (Asked(Place()),)


def test_the_group_that_a_rule_names_is_asked_for_in_its_account() -> None:
    group = {
        "GroupId": "sg-1",
        "OwnerId": "111111111111",
        "IpPermissions": [
            {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-9", "UserId": OWNER}]},
            {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-lb", "UserId": "amazon-elb"}]},
        ],
        "IpPermissionsEgress": [],
    }
    places = learned((group, r.SecurityGroup))
    assert places.of(Query("DescribeNetworkInterfaces", "group-id", "sg-9")) == (Asked(Place(OWNER)),)
    assert places.of(Query("DescribeNetworkInterfaces", "group-id", "sg-lb")) == (Asked(HOME),)
