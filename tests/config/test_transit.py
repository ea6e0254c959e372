"""Transit gateways as captures hold them: the AWS CLI's answers, and what Batfish's puller wraps around them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.builders import blockers, codes, question_of
from tests.config.shapes import put
from tests.semantics.test_transit_gateways import BLOCKS, joined
from whyblocked.api import Session, snapshot
from whyblocked.config import resources as r
from whyblocked.config.account import Missing
from whyblocked.config.snapshot import load_snapshot
from whyblocked.diagnosis.answer import Answer

ROUTE = {
    "DestinationCidrBlock": "10.9.0.0/16",
    "TransitGatewayAttachments": [
        {"ResourceId": "vpc-2", "TransitGatewayAttachmentId": "tgw-attach-2", "ResourceType": "vpc"}
    ],
    "Type": "static",
    "State": "active",
}


@pytest.mark.parametrize("name", ["search-transit-gateway-routes.tgw-rtb-1", "tgw-rtb-1"])
def test_routes_belong_to_the_table_that_their_file_is_named_after(tmp_path: Path, name: str) -> None:
    put(tmp_path, **{name: {"Routes": [ROUTE], "AdditionalRoutesAvailable": False}})
    account = load_snapshot(tmp_path)
    found = account.details_about("SearchTransitGatewayRoutes", "tgw-rtb-1", r.TransitGatewayRoute)
    assert not isinstance(found, Missing)
    (route,) = found
    assert (route.destination, route.type, route.state) == ("10.9.0.0/16", "static", "active")
    assert route.transit_gateway_attachments[0].transit_gateway_attachment_id == "tgw-attach-2"
    other = account.details_about("SearchTransitGatewayRoutes", "tgw-rtb-2", r.TransitGatewayRoute)
    assert isinstance(other, Missing)


def test_a_destination_that_is_no_block_is_an_error_with_its_place(tmp_path: Path) -> None:
    put(tmp_path, **{"tgw-rtb-1": {"Routes": [{**ROUTE, "DestinationCidrBlock": "10.9.0.0.0/16"}]}})
    account = load_snapshot(tmp_path)
    with pytest.raises(Exception, match=r"tgw-rtb-1.json: Routes\[0\]"):
        account.details_about("SearchTransitGatewayRoutes", "tgw-rtb-1", r.TransitGatewayRoute)


def as_batfish_wrote_it(
    folder: Path, static: list[Any] | None, propagations: list[tuple[str, str, str]] | None, **more: Any
) -> Answer:
    """The answer for two VPCs at a transit gateway, from the files of Batfish's puller."""
    net = joined(table=False, **more)
    files = {next(iter(content)): content for content in net.files().values()}
    files["TransitGatewayRouteTables"] = {
        "TransitGatewayRouteTables": [
            {"TransitGatewayRouteTableId": "tgw-rtb-1", "TransitGatewayId": "tgw-1", "State": "available"}
        ]
    }
    if static is not None:
        files["TransitGatewayStaticRoutes"] = {
            "TransitGatewayStaticRoutes": [
                {"TransitGatewayRouteTableId": "tgw-rtb-1", "Routes": static, "AdditionalRoutesAvailable": False}
            ]
        }
    if propagations is not None:
        rows = [
            {"TransitGatewayAttachmentId": a, "ResourceId": b, "ResourceType": c, "State": "enabled"}
            for a, b, c in propagations
        ]
        files["TransitGatewayPropagations"] = {
            "TransitGatewayPropagations": [
                {"TransitGatewayRouteTableId": "tgw-rtb-1", "TransitGatewayRouteTablePropagations": rows}
            ]
        }
    put(folder / "aws_configs", **{f"us-west-2__{key}": content for key, content in files.items()})
    return Session(snapshot(folder)).examine(question_of("app -> db:5432")).answer


BOTH = [("tgw-attach-1", "vpc-1", "vpc"), ("tgw-attach-2", "vpc-2", "vpc")]


def test_what_vpcs_propagate_follows_from_their_blocks(tmp_path: Path) -> None:
    answer = as_batfish_wrote_it(tmp_path, [], BOTH)
    assert (answer.verdict, answer.missing) == ("allowed", [])
    assert {
        hop.rule["destination"] for hop in answer.forward if hop.kind == "transit-gateway-route-table" and hop.rule
    } <= set(BLOCKS)


def test_what_nobody_propagates_and_no_static_route_covers_is_not_routed(tmp_path: Path) -> None:
    answer = as_batfish_wrote_it(tmp_path, [], BOTH[:1])
    assert (answer.verdict, codes(answer)) == ("blocked", ["TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT"])


def test_static_routes_are_those_that_are_listed(tmp_path: Path) -> None:
    assert as_batfish_wrote_it(tmp_path, [ROUTE], BOTH[:1]).verdict == "allowed"
    blackhole = {"DestinationCidrBlock": "10.9.1.0/24", "Type": "static", "State": "blackhole"}
    answer = as_batfish_wrote_it(tmp_path / "other", [blackhole], BOTH)
    assert codes(answer) == ["TGW_RTB_BAD_STATE_ROUTE"]


def test_static_routes_without_the_propagations_leave_the_rest_open(tmp_path: Path) -> None:
    answer = as_batfish_wrote_it(tmp_path, [], None)
    assert (answer.verdict, blockers(answer)) == ("undetermined", [])


def test_propagations_without_the_static_routes_leave_it_open(tmp_path: Path) -> None:
    answer = as_batfish_wrote_it(tmp_path, None, BOTH)
    assert (answer.verdict, blockers(answer)) == ("undetermined", [])
    assert any("tgw-rtb-1" in missing for missing in answer.missing)


def test_what_a_vpn_propagates_is_not_known_and_only_matters_elsewhere(tmp_path: Path) -> None:
    with_vpn = [*BOTH, ("tgw-attach-3", "vpn-1", "vpn")]
    assert as_batfish_wrote_it(tmp_path, [], with_vpn).verdict == "allowed"
    answer = as_batfish_wrote_it(tmp_path / "other", [], [BOTH[0], with_vpn[2]])
    assert answer.verdict == "undetermined"
    assert any("tgw-attach-3" in missing for missing in answer.missing)


def test_two_vpcs_that_propagate_the_same_block_leave_it_open(tmp_path: Path) -> None:
    answer = as_batfish_wrote_it(tmp_path, [], [*BOTH, ("tgw-attach-4", "vpc-2", "vpc")])
    assert answer.verdict == "undetermined"
