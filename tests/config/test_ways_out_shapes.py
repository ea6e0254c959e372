"""What leads out of AWS, as it stands in captures: of the AWS CLI, of Batfish's puller, and with things missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.config.shapes import put
from whyblocked.config import resources as r
from whyblocked.config.account import Account, Missing
from whyblocked.config.confidential import without_secrets
from whyblocked.config.exits import carrier_gateway, direct_connect, encryption_control, vpn_connections, vpn_gateway
from whyblocked.config.snapshot import load_snapshot
from whyblocked.errors import InputError

GATEWAY = {
    "AmazonSideAsn": 64512,
    "State": "available",
    "Type": "ipsec.1",
    "VpcAttachments": [{"State": "attached", "VpcId": "vpc-1"}],
    "VpnGatewayId": "vgw-1",
    "Tags": [],
}
# As Batfish's puller keeps it: boto3's answer with nulls, the configuration with its keys among it.
CONNECTION: dict[str, Any] = {
    "Category": "VPN",
    "CustomerGatewayConfiguration": "<vpn_connection><pre_shared_key>hush</pre_shared_key></vpn_connection>",
    "CustomerGatewayId": "cgw-1",
    "Options": {"EnableAcceleration": None, "StaticRoutesOnly": True, "TunnelOptions": [{"PreSharedKey": "hush"}]},
    "Routes": [{"DestinationCidrBlock": "192.168.0.0/16", "Source": "Static", "State": "available"}],
    "State": "available",
    "TransitGatewayId": None,
    "Type": "ipsec.1",
    "VgwTelemetry": [
        {
            "AcceptedRouteCount": 1,
            "LastStatusChange": "2026-11-23T07:12:44+00:00",
            "OutsideIpAddress": "192.0.2.9",
            "Status": "UP",
            "StatusMessage": "",
        }
    ],
    "VpnConnectionId": "vpn-1",
    "VpnGatewayId": "vgw-1",
}


def loaded(folder: Path, **files: Any) -> Account:
    vpcs = {"Vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16"}]}
    return load_snapshot(put(folder, **{"describe-vpcs": vpcs, **files}))


def test_a_gateway_and_its_connections(tmp_path: Path) -> None:
    account = loaded(tmp_path, VpnGateways={"VpnGateways": [GATEWAY]}, VpnConnections={"VpnConnections": [CONNECTION]})
    gateway = vpn_gateway(account, "vgw-1")
    assert isinstance(gateway, r.VpnGateway)
    assert [(a.vpc_id, a.state) for a in gateway.vpc_attachments] == [("vpc-1", "attached")]
    connections = vpn_connections(account, "vgw-1")
    assert not isinstance(connections, Missing)
    (connection,) = connections
    assert connection.options == r.VpnOptions(static_routes_only=True)
    assert [route.destination_cidr_block for route in connection.routes] == ["192.168.0.0/16"]
    assert [(tunnel.status, tunnel.accepted_route_count) for tunnel in connection.vgw_telemetry] == [("UP", 1)]


def test_connections_of_others_and_those_that_are_gone_are_not_its_own(tmp_path: Path) -> None:
    others = [
        {**CONNECTION, "VpnConnectionId": "vpn-2", "VpnGatewayId": "vgw-2"},
        {**CONNECTION, "VpnConnectionId": "vpn-3", "State": "deleted"},
        {**CONNECTION, "VpnConnectionId": "vpn-4", "VpnGatewayId": None, "TransitGatewayId": "tgw-1"},
    ]
    account = loaded(tmp_path, connections={"VpnConnections": others})
    assert vpn_connections(account, "vgw-1") == ()


def test_what_is_not_in_the_capture_is_missing_with_its_permission(tmp_path: Path) -> None:
    account = loaded(tmp_path)
    for found, permission in (
        (vpn_gateway(account, "vgw-1"), "ec2:DescribeVpnGateways"),
        (vpn_connections(account, "vgw-1"), "ec2:DescribeVpnConnections"),
        (direct_connect(account, "vgw-1"), "directconnect:DescribeDirectConnectGatewayAssociations"),
        (carrier_gateway(account, "cagw-1"), "ec2:DescribeCarrierGateways"),
    ):
        assert isinstance(found, Missing)
        assert found.what == permission
    assert encryption_control(account, "vpc-1") is None


def test_a_connection_with_a_route_that_is_none_is_an_error_where_it_is_needed(tmp_path: Path) -> None:
    broken = {**CONNECTION, "Routes": [{"DestinationCidrBlock": "192.168.0.0/99"}]}
    account = loaded(tmp_path, connections={"VpnConnections": [broken]})
    assert vpn_connections(account, "vgw-2") == ()
    with pytest.raises(InputError, match=r"connections\.json: VpnConnections\[0\]"):
        vpn_connections(account, "vgw-1")


@pytest.mark.parametrize(
    ("interfaces", "associations", "found"),
    [
        ([], [], False),
        ([{"virtualInterfaceId": "dxvif-1", "virtualGatewayId": "vgw-1"}], [], True),
        ([{"virtualInterfaceId": "dxvif-1", "virtualGatewayId": "vgw-2"}], [], False),
        ([{"virtualInterfaceId": "d", "virtualGatewayId": "vgw-1", "virtualInterfaceState": "deleted"}], [], False),
        ([], [{"virtualGatewayId": "vgw-1", "associationState": "associated"}], True),
        ([], [{"virtualGatewayId": "vgw-1", "associationState": "disassociated"}], False),
    ],
)
def test_direct_connect_by_an_interface_or_by_its_gateway(
    tmp_path: Path, interfaces: list[Any], associations: list[Any], found: bool
) -> None:
    account = loaded(
        tmp_path,
        **{
            "describe-virtual-interfaces": {"virtualInterfaces": interfaces},
            "describe-direct-connect-gateway-associations.vgw-1": {"directConnectGatewayAssociations": associations},
        },
    )
    assert direct_connect(account, "vgw-1") is found


def test_the_keys_of_tunnels_and_sessions_are_not_saved() -> None:
    kept = without_secrets({"VpnConnections": [CONNECTION], "virtualInterfaces": [{"authKey": "hush", "vlan": 7}]})
    assert "hush" not in str(kept)
    assert kept["virtualInterfaces"] == [{"vlan": 7}]
    assert kept["VpnConnections"][0]["Options"]["StaticRoutesOnly"] is True
