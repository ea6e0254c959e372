"""Changes at transit gateways, made on a copy."""

from __future__ import annotations

import pytest

from tests.builders import Network, tcp
from tests.edits.making import account_of, ask
from tests.transits import attach, transit_gateway, transit_table
from whyblocked.config.edits import (
    AssociateTransitGatewayRouteTable,
    CreateTransitGatewayRoute,
    DeleteTransitGatewayRoute,
    DisableTransitGatewayRouteTablePropagation,
    DisassociateTransitGatewayRouteTable,
    Edit,
    EnableTransitGatewayRouteTablePropagation,
    ModifyTransitGateway,
    ModifyTransitGatewayVpcAttachment,
    ReplaceTransitGatewayRoute,
    apply,
)
from whyblocked.errors import EditError

LINE = "app -> db:5432"
TO_APP, TO_DB = "tgw-attach-app", "tgw-attach-db"


def hub(*, there: bool = True, associated: bool = True, zone: str = "a") -> Network:
    """Two VPCs at a transit gateway with one route table, which leads back and, if ``there``, also there."""
    net = Network("10.0.0.0/16")
    net.vpc("vpc-2", "10.9.0.0/16")
    net.subnet("subnet-app", "10.0.1.0/24", routes={"10.9.0.0/16": "tgw-1"})
    net.subnet("subnet-db", "10.9.1.0/24", vpc="vpc-2", routes={"10.0.0.0/16": "tgw-1"})
    net.subnet("subnet-out", "10.0.255.0/28", zone=zone)
    net.group("sg-app")
    net.group("sg-db", [tcp(5432, "10.0.0.0/16")], vpc="vpc-2")
    net.instance("app", "10.0.1.10", groups=["sg-app"])
    net.instance("db", "10.9.1.20", groups=["sg-db"])
    transit_gateway(net)
    attach(net, TO_APP, "vpc-1", ["subnet-out"], table="tgw-rtb-1" if associated else None)
    attach(net, TO_DB, "vpc-2", ["subnet-db"])
    transit_table(net, propagated={"10.0.0.0/16": TO_APP} | ({"10.9.0.0/16": TO_DB} if there else {}))
    return net


def route(to: str | None) -> CreateTransitGatewayRoute:
    return CreateTransitGatewayRoute(
        transit_gateway_route_table_id="tgw-rtb-1",
        destination_cidr_block="10.9.0.0/16",
        transit_gateway_attachment_id=to,
        blackhole=to is None,
    )


def verdict(net: Network, *edits: Edit) -> str:
    return ask(apply(account_of(net), edits), LINE).verdict


def test_a_route_leads_there_and_a_blackhole_nowhere() -> None:
    assert verdict(hub(there=False)) == "blocked"
    assert verdict(hub(there=False), route(TO_DB)) == "allowed"
    assert verdict(hub(), route(None)) == "blocked"


def test_a_static_route_that_goes_shows_the_propagated_one_again() -> None:
    net = hub()
    net.details["get-transit-gateway-route-table-propagations.tgw-rtb-1"] = {
        "TransitGatewayRouteTablePropagations": [
            {"TransitGatewayAttachmentId": TO_DB, "ResourceId": "vpc-2", "ResourceType": "vpc", "State": "enabled"}
        ]
    }
    net.details["search-transit-gateway-routes.tgw-rtb-1"]["Routes"].pop()  # as AWS lists none that is hidden
    gone = DeleteTransitGatewayRoute(transit_gateway_route_table_id="tgw-rtb-1", destination_cidr_block="10.9.0.0/16")
    assert verdict(net, route(None)) == "blocked"
    assert verdict(net, route(None), gone) == "allowed"


def test_a_static_route_can_be_given_another_target() -> None:
    other = ReplaceTransitGatewayRoute(
        transit_gateway_route_table_id="tgw-rtb-1",
        destination_cidr_block="10.9.0.0/16",
        transit_gateway_attachment_id=TO_DB,
    )
    assert verdict(hub(there=False), route(None), other) == "allowed"


def test_what_comes_in_by_an_attachment_is_lost_without_a_table() -> None:
    named = {"transit_gateway_route_table_id": "tgw-rtb-1", "transit_gateway_attachment_id": TO_APP}
    assert verdict(hub(associated=False)) == "blocked"
    assert verdict(hub(associated=False), AssociateTransitGatewayRouteTable(**named)) == "allowed"
    assert verdict(hub(), DisassociateTransitGatewayRouteTable(**named)) == "blocked"


def test_propagation_enters_the_blocks_of_a_vpc() -> None:
    named = {"transit_gateway_route_table_id": "tgw-rtb-1", "transit_gateway_attachment_id": TO_DB}
    assert verdict(hub(there=False), EnableTransitGatewayRouteTablePropagation(**named)) == "allowed"
    assert verdict(hub(), DisableTransitGatewayRouteTablePropagation(**named)) == "blocked"


def test_an_attachment_reaches_the_zones_of_its_subnets() -> None:
    far = hub(zone="b")
    more = ModifyTransitGatewayVpcAttachment(transit_gateway_attachment_id=TO_APP, add_subnet_ids=("subnet-app",))
    assert verdict(far) == "blocked"
    assert verdict(far, more) == "allowed"


def test_groups_can_be_named_across_a_gateway_once_it_says_so() -> None:
    net = hub()
    net.responses["SecurityGroups"][1]["IpPermissions"] = [tcp(5432, "sg-app")]
    assert verdict(net) == "blocked"
    on = ModifyTransitGateway(transit_gateway_id="tgw-1", security_group_referencing_support="enable")
    assert verdict(net, on) == "allowed"


@pytest.mark.parametrize(
    ("edits", "says"),
    [
        ([route(TO_DB), route(TO_DB)], "tgw-rtb-1 has a static route to 10.9.0.0/16 already"),
        ([route("tgw-attach-none")], "tgw-attach-none is no attachment of tgw-1"),
        (
            [
                AssociateTransitGatewayRouteTable(
                    transit_gateway_route_table_id="tgw-rtb-1", transit_gateway_attachment_id=TO_DB
                )
            ],
            "tgw-attach-db is associated with tgw-rtb-1 already",
        ),
        (
            [ModifyTransitGatewayVpcAttachment(transit_gateway_attachment_id=TO_APP, add_subnet_ids=("subnet-app",))],
            "tgw-attach-app has subnet-out in eu-west-1a already",
        ),
        (
            [
                DeleteTransitGatewayRoute(
                    transit_gateway_route_table_id="tgw-rtb-1", destination_cidr_block="10.9.0.0/16"
                )
            ],
            "tgw-rtb-1 has no static route to 10.9.0.0/16",
        ),
    ],
)
def test_what_aws_would_refuse(edits: list[Edit], says: str) -> None:
    with pytest.raises(EditError) as raised:
        apply(account_of(hub()), edits)
    assert says in raised.value.message
