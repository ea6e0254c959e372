"""A transit gateway of a network account, with VPCs of two others: what each account shows, and what opens the rest.

https://docs.aws.amazon.com/vpc/latest/tgw/transit-gateway-share.html
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, NamedTuple, cast

import boto3
import pytest
from moto.backends import get_backend
from moto.ec2.models.transit_gateway_attachments import TransitGatewayVpcAttachment

from tests.live.accounts import PATTERN, keys_of, run
from tests.live.company import permission
from tests.moto_server import ACCOUNT, REGION
from whyblocked.api import Session, live, snapshot
from whyblocked.config.live import Live
from whyblocked.config.save import save_snapshot
from whyblocked.diagnosis.answer import Answer
from whyblocked.question.grammar import parse

NETWORK, DATA = "222222222222", "333333333333"
QUESTION = "app -> 10.9.1.20:5432"


class _Shared(TransitGatewayVpcAttachment):
    """As AWS shows it: the gateway is the network account's, the VPC another's, the association its owner's alone."""

    @property
    def transit_gateway_owner_id(self) -> str:
        return NETWORK


class Hub(NamedTuple):
    """The clients of the network account and of who has the database, and the ids of what tests change."""

    network: Any
    data: Any
    table: str
    group: str
    gateway: str


@pytest.fixture
def hub(aws: None) -> Hub:
    """``app`` of the first account, and a database (10.9.1.20) of a third, at the gateway of the second."""
    clients: dict[str, Any] = {
        id_: boto3.client("ec2", region_name=REGION, **keys_of(id_)) for id_ in (ACCOUNT, NETWORK, DATA)
    }
    network = clients[NETWORK]
    options = {"DefaultRouteTableAssociation": "disable", "DefaultRouteTablePropagation": "disable"}
    gateway = network.create_transit_gateway(Options=options)["TransitGateway"]["TransitGatewayId"]
    table = network.create_transit_gateway_route_table(TransitGatewayId=gateway)["TransitGatewayRouteTable"][
        "TransitGatewayRouteTableId"
    ]
    group = ""
    for owner, name, block in ((ACCOUNT, "app", "10.0"), (DATA, "db", "10.9")):
        ec2 = clients[owner]
        vpc = ec2.create_vpc(CidrBlock=f"{block}.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"{block}.{part}.0/24", AvailabilityZone=f"{REGION}a")["Subnet"][
                "SubnetId"
            ]
            for part in (1, 255)
        ]
        (main,) = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
        route = {"RouteTableId": main["RouteTableId"], "DestinationCidrBlock": "10.0.0.0/8"}
        get_backend("ec2")[owner][REGION].transit_gateways[gateway] = get_backend("ec2")[NETWORK][
            REGION
        ].transit_gateways[gateway]
        ec2.create_route(**route, TransitGatewayId=gateway)
        group = ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission("tcp", 5432, cidr="10.0.0.0/16")])
        run(ec2, name, subnets[0], f"{block}.1.{10 if name == 'app' else 20}", group)
        attached = network.create_transit_gateway_vpc_attachment(
            TransitGatewayId=gateway, VpcId=vpc, SubnetIds=[subnets[1]]
        )["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
        network.associate_transit_gateway_route_table(
            TransitGatewayRouteTableId=table, TransitGatewayAttachmentId=attached
        )
        network.create_transit_gateway_route(
            TransitGatewayRouteTableId=table,
            DestinationCidrBlock=f"{block}.0.0/16",
            TransitGatewayAttachmentId=attached,
        )
        share(attached, owner)
    return Hub(network, clients[DATA], table, group, gateway)


def share(attachment: str, owner: str) -> None:
    """The attachment as the VPC's account sees it, too; moto keeps one account from another's."""
    backends: Any = get_backend("ec2")
    made = backends[NETWORK][REGION].transit_gateway_attachments[attachment]
    made.__class__, made.resource_owner_id = _Shared, owner
    theirs = copy.copy(made)
    theirs.ec2_backend = backends[owner][REGION]
    backends[owner][REGION].transit_gateway_attachments[attachment] = theirs
    for other in {ACCOUNT, DATA}:
        backends[other][REGION].transit_gateways.pop(made.transit_gateway_id, None)


def asked(role: str | None = PATTERN, question: str = QUESTION) -> tuple[Answer, Live]:
    account = live(role=role)
    return Session(account).explain(parse(question)), cast(Live, account.source)


def test_the_accounts_on_the_way_are_found_by_their_attachments(hub: Hub) -> None:
    answer, source = asked()
    assert (answer.verdict, answer.missing) == ("allowed", [])
    assert source.waves <= 9, source.calls
    assert {"transit-gateway", "transit-gateway-route-table"} <= {hop.kind for hop in answer.forward}


def test_what_refuses_far_off_is_named_with_its_account(hub: Hub) -> None:
    hub.data.revoke_security_group_ingress(
        GroupId=hub.group, IpPermissions=[permission("tcp", 5432, cidr="10.0.0.0/16")]
    )
    (found,) = asked()[0].blocked_by
    assert (found.layer, found.resource_ids, found.account_id) == ("security-group", [hub.group], DATA)
    hub.data.authorize_security_group_ingress(
        GroupId=hub.group, IpPermissions=[permission("tcp", 5432, cidr="10.0.0.0/16")]
    )
    hub.network.create_transit_gateway_route(
        TransitGatewayRouteTableId=hub.table, DestinationCidrBlock="10.9.1.0/24", Blackhole=True
    )
    (found,) = asked()[0].blocked_by
    assert (found.code, found.resource_ids, found.account_id) == ("TGW_RTB_BAD_STATE_ROUTE", [hub.table], NETWORK)


def test_without_a_role_the_gateways_account_is_named_with_what_would_open_it(hub: Hub) -> None:
    answer, _ = asked(role=None)
    assert answer.verdict == "undetermined"
    assert any(f"account {NETWORK}" in missing and "--role-arn" in missing for missing in answer.missing)


def test_of_a_sender_in_an_account_that_is_closed_the_own_side_still_counts(hub: Hub) -> None:
    answer, _ = asked(role=PATTERN.format(account=NETWORK), question="10.9.1.77 -> app:5432")
    assert (answer.verdict, [finding.account_id for finding in answer.blocked_by]) == ("blocked", [ACCOUNT])
    asked_back = [missing for missing in answer.missing if f"account {DATA}" in missing]
    assert asked_back
    assert all("--role-arn" in missing for missing in asked_back)


def test_a_role_of_the_gateways_account_alone_leads_on_to_the_next_that_is_closed(hub: Hub) -> None:
    answer, _ = asked(role=PATTERN.format(account=NETWORK))
    assert answer.verdict == "undetermined"
    assert any(f"account {DATA}" in missing and "--role-arn" in missing for missing in answer.missing)
    assert not any(f"account {NETWORK}" in missing for missing in answer.missing)


def test_the_saved_accounts_answer_alike(hub: Hub, tmp_path: Path) -> None:
    saved = save_snapshot(tmp_path, cast(Live, live(role=PATTERN).source))
    assert {one.account_id for one in saved} == {ACCOUNT, NETWORK, DATA}
    offline, (online, _) = Session(snapshot(tmp_path)).explain(parse(QUESTION)), asked()
    assert (offline.verdict, offline.forward, offline.return_) == (online.verdict, online.forward, online.return_)


# -- a gateway of another account in another Region, peered with the own ----------------------------------------------

FAR = "eu-west-1"
ARCHIVE = "app -> 10.50.1.30:5432"


@pytest.fixture
def peered(aws: None) -> str:
    """``app`` at the gateway of the first account, and an archive of a third at one in another Region: its group."""
    ends = ((ACCOUNT, REGION, "app", "10.0"), (DATA, FAR, "archive", "10.50"))
    made: dict[str, Any] = {}
    for owner, region, name, block in ends:
        ec2: Any = boto3.client("ec2", region_name=region, **keys_of(owner))
        options = {"DefaultRouteTableAssociation": "disable", "DefaultRouteTablePropagation": "disable"}
        gateway = ec2.create_transit_gateway(Options=options)["TransitGateway"]["TransitGatewayId"]
        vpc = ec2.create_vpc(CidrBlock=f"{block}.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=f"{block}.1.0/24", AvailabilityZone=f"{region}a")["Subnet"][
            "SubnetId"
        ]
        (main,) = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
        ec2.create_route(RouteTableId=main["RouteTableId"], DestinationCidrBlock="10.0.0.0/8", TransitGatewayId=gateway)
        group = ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission("tcp", 5432, cidr="10.0.0.0/16")])
        run(ec2, name, subnet, f"{block}.1.{10 if name == 'app' else 30}", group)
        attached = ec2.create_transit_gateway_vpc_attachment(TransitGatewayId=gateway, VpcId=vpc, SubnetIds=[subnet])[
            "TransitGatewayVpcAttachment"
        ]["TransitGatewayAttachmentId"]
        made[name] = (ec2, gateway, attached, f"{block}.0.0/16", group)
    (home, own, *_), (other, its, *_) = made["app"], made["archive"]
    peering = home.create_transit_gateway_peering_attachment(
        TransitGatewayId=own, PeerTransitGatewayId=its, PeerAccountId=DATA, PeerRegion=FAR
    )["TransitGatewayPeeringAttachment"]["TransitGatewayAttachmentId"]
    other.accept_transit_gateway_peering_attachment(TransitGatewayAttachmentId=peering)
    for name, far_off in (("app", "archive"), ("archive", "app")):
        ec2, gateway, attached, block, _ = made[name]
        table = ec2.create_transit_gateway_route_table(TransitGatewayId=gateway)["TransitGatewayRouteTable"][
            "TransitGatewayRouteTableId"
        ]
        for one in (attached, peering):
            ec2.associate_transit_gateway_route_table(TransitGatewayRouteTableId=table, TransitGatewayAttachmentId=one)
        for destination, to in ((block, attached), (made[far_off][3], peering)):
            ec2.create_transit_gateway_route(
                TransitGatewayRouteTableId=table, DestinationCidrBlock=destination, TransitGatewayAttachmentId=to
            )
    return str(made["archive"][4])


def test_a_peered_gateway_of_another_account_and_region_is_read_there(peered: str) -> None:
    answer, _ = asked(question=ARCHIVE)
    assert (answer.verdict, answer.missing) == ("allowed", [])
    (found,) = asked(question="app -> 10.50.1.30:22")[0].blocked_by
    assert (found.resource_ids, found.account_id, found.region) == ([peered], DATA, FAR)


def test_without_a_role_the_peered_gateways_account_is_named(peered: str) -> None:
    answer, _ = asked(role=None, question=ARCHIVE)
    assert answer.verdict == "undetermined"
    assert any(f"account {DATA}" in missing for missing in answer.missing)
    assert any("--role-arn" in missing for missing in answer.missing)


# -- security groups of other accounts -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("switch", "verdict", "codes"), [("enable", "allowed", []), ("disable", "blocked", ["SG_REFERENCING_SUPPORT"])]
)
def test_a_group_of_another_account_counts_where_the_switches_are_on(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, switch: str, verdict: str, codes: list[str]
) -> None:
    from whyblocked.config import live as module
    from whyblocked.config.fetch import fetcher as real

    home: Any = boto3.client("ec2", region_name=REGION)
    (app,) = home.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["app"]}])["SecurityGroups"]
    pair = {"GroupId": app["GroupId"], "UserId": ACCOUNT}
    backends: Any = get_backend("ec2")
    options = backends[NETWORK][REGION].transit_gateways[hub.gateway].options
    monkeypatch.setitem(options, "SecurityGroupReferencingSupport", switch)

    def fetcher(client: Any, operation: Any, parameters: Any) -> Any:
        def fetch() -> Any:
            response = real(client, operation, parameters)()
            for row in response.get("SecurityGroups", ()):  # moto knows no groups of other accounts
                if row["GroupId"] == hub.group:
                    ports = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432}
                    row["IpPermissions"] = [{**ports, "UserIdGroupPairs": [pair], "IpRanges": []}]
            rules = response.get("SecurityGroupRules", ())
            for row in rules:
                if row["GroupId"] == hub.group and not row["IsEgress"]:
                    del row["CidrIpv4"]
                    row["ReferencedGroupInfo"] = pair
            return response

        return fetch

    monkeypatch.setattr(module, "fetcher", fetcher)
    answer, _ = asked()
    assert (answer.verdict, [finding.code for finding in answer.blocked_by]) == (verdict, codes)
    assert answer.missing == []
