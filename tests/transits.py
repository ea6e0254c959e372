"""Transit gateways for :class:`tests.builders.Network`, in the shapes of the AWS CLI.

transit_gateway(net)
attach(net, "tgw-attach-1", "vpc-1", ["subnet-1"])
attach(net, "tgw-attach-vpn", "vpn-1")
transit_table(net, "tgw-rtb-1", {"10.9.0.0/16": "tgw-attach-1", "10.8.0.0/16": BLACKHOLE})
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.builders import Json, Network

BLACKHOLE = ""
_TYPES = {"vpc": "vpc", "vpn": "vpn", "dxgw": "direct-connect-gateway", "tgw": "peering"}
TABLE = "tgw-rtb-1"
CREATED = "2026-03-02T09:00:00+00:00"


def transit_gateway(
    net: Network, gateway: str = "tgw-1", *, referencing: bool = False, owner: str | None = None, region: str = ""
) -> str:
    """A transit gateway, without attachments and tables."""
    owner = owner or net.account
    net.responses.setdefault("TransitGateways", []).append(
        {
            "TransitGatewayId": gateway,
            "TransitGatewayArn": f"arn:aws:ec2:{region or net.region}:{owner}:transit-gateway/{gateway}",
            "State": "available",
            "OwnerId": owner,
            "Description": "",
            "CreationTime": CREATED,
            "Options": {
                "AmazonSideAsn": 64512,
                "AutoAcceptSharedAttachments": "disable",
                "DefaultRouteTableAssociation": "disable",
                "DefaultRouteTablePropagation": "disable",
                "VpnEcmpSupport": "enable",
                "DnsSupport": "enable",
                "SecurityGroupReferencingSupport": "enable" if referencing else "disable",
                "MulticastSupport": "disable",
            },
            "Tags": [],
        }
    )
    for key in ("TransitGatewayAttachments", "TransitGatewayVpcAttachments", "TransitGatewayRouteTables"):
        net.responses.setdefault(key, [])
    return gateway


def attach(
    net: Network,
    attachment: str,
    resource: str,
    subnets: Sequence[str] = (),
    *,
    gateway: str = "tgw-1",
    table: str | None = TABLE,
    state: str = "available",
    appliance: bool = False,
    referencing: bool = True,
    ipv6: bool = True,
    owner: str | None = None,
    gateway_owner: str | None = None,
    connect: bool = False,
) -> str:
    """Attach a VPC (with its subnets), a VPN, a Direct Connect gateway or another gateway, by its id."""
    kind = "connect" if connect else _TYPES[resource.partition("-")[0]]
    row: Json = {
        "TransitGatewayAttachmentId": attachment,
        "TransitGatewayId": gateway,
        "TransitGatewayOwnerId": gateway_owner or net.account,
        "ResourceOwnerId": owner or net.account,
        "ResourceType": kind,
        "ResourceId": resource,
        "State": state,
        "CreationTime": CREATED,
        "Tags": [],
    }
    if table is not None:
        row["Association"] = {"TransitGatewayRouteTableId": table, "State": "associated"}
    net.responses.setdefault("TransitGatewayAttachments", []).append(row)
    if kind == "vpc":
        net.responses.setdefault("TransitGatewayVpcAttachments", []).append(
            {
                "TransitGatewayAttachmentId": attachment,
                "TransitGatewayId": gateway,
                "VpcId": resource,
                "VpcOwnerId": owner or net.account,
                "State": state,
                "SubnetIds": list(subnets),
                "CreationTime": CREATED,
                "Options": {
                    "DnsSupport": "enable",
                    "SecurityGroupReferencingSupport": "enable" if referencing else "disable",
                    "Ipv6Support": "enable" if ipv6 else "disable",
                    "ApplianceModeSupport": "enable" if appliance else "disable",
                },
                "Tags": [],
            }
        )
    return attachment


def transit_route(net: Network, destination: str, to: str | Sequence[str], kind: str) -> Json:
    """One route as ``search-transit-gateway-routes`` shows it."""
    ids = [to] if isinstance(to, str) else list(to)
    rows = {a["TransitGatewayAttachmentId"]: a for a in net.responses["TransitGatewayAttachments"]}
    row: Json = {"DestinationCidrBlock": destination, "Type": kind, "State": "active" if to else "blackhole"}
    if to:
        row["TransitGatewayAttachments"] = [
            {
                "ResourceId": rows[i]["ResourceId"],
                "TransitGatewayAttachmentId": i,
                "ResourceType": rows[i]["ResourceType"],
            }
            for i in ids
        ]
    return row


def transit_table(
    net: Network,
    table: str = TABLE,
    static: Mapping[str, str | Sequence[str]] | None = None,
    propagated: Mapping[str, str | Sequence[str]] | None = None,
    *,
    gateway: str = "tgw-1",
    **more: Any,
) -> str:
    """A route table with what it holds; attachments have to be there before."""
    net.responses.setdefault("TransitGatewayRouteTables", []).append(
        {
            "TransitGatewayRouteTableId": table,
            "TransitGatewayId": gateway,
            "State": "available",
            "DefaultAssociationRouteTable": False,
            "DefaultPropagationRouteTable": False,
            "CreationTime": CREATED,
            "Tags": [],
        }
    )
    routes = [transit_route(net, destination, to, "static") for destination, to in (static or {}).items()]
    routes += [transit_route(net, destination, to, "propagated") for destination, to in (propagated or {}).items()]
    net.details[f"search-transit-gateway-routes.{table}"] = {
        "Routes": routes,
        "AdditionalRoutesAvailable": False,
        **more,
    }
    return table
