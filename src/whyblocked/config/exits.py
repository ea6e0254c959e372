"""Look-ups of what leads out of AWS: VPN gateways and connections, Direct Connect, carrier gateways."""

from __future__ import annotations

from whyblocked.config import resources as r
from whyblocked.config.account import Account, Missing, Query

_ASSOCIATIONS = "DescribeDirectConnectGatewayAssociations"
_GONE = ("deleting", "deleted", "rejected", "disassociating", "disassociated")


def vpn_gateway(account: Account, gateway_id: str) -> r.VpnGateway | Missing:
    """The virtual private gateway with this id."""
    account.expect([Query("DescribeVpnConnections", "vpn-gateway-id", gateway_id)])  # asked for in the same round
    query = Query("DescribeVpnGateways", "vpn-gateway-id", gateway_id)
    return account.vpn_gateways.get(gateway_id) or account._lacks("VpnGateways", query)


def vpn_connections(account: Account, gateway_id: str) -> tuple[r.VpnConnection, ...] | Missing:
    """The VPN connections of a virtual private gateway that are not gone."""
    query = Query("DescribeVpnConnections", "vpn-gateway-id", gateway_id)
    missing = account.source.ask(query)
    if missing is not None:
        return missing
    if any(not b.mentions or gateway_id in b.mentions for b in account.broken.get("VpnConnections", ())):
        return account._lacks("VpnConnections", query)
    return tuple(
        connection
        for _, connection in sorted(account.vpn_connections.items())
        if connection.vpn_gateway_id == gateway_id and connection.state.lower() not in _GONE
    )


def vpn_connection(account: Account, connection_id: str, gateway_id: str) -> r.VpnConnection | Missing:
    """The VPN connection with this id, where the transit gateway is that it is attached to."""
    query = Query("DescribeVpnConnections", "vpn-connection-id", connection_id, gateway_id)
    return account.vpn_connections.get(connection_id) or account._lacks("VpnConnections", query)


def direct_connect(account: Account, gateway_id: str) -> bool | Missing:
    """Whether Direct Connect ends at a virtual private gateway: by a virtual interface, or a Direct Connect gateway."""
    associations = account.details_about(_ASSOCIATIONS, gateway_id, r.DirectConnectAssociation)
    interfaces = account.source.ask(Query("DescribeVirtualInterfaces", "", "", gateway_id))
    known = [association for found in account.details.values() for association in found]
    if any(
        isinstance(a, r.DirectConnectAssociation)
        and a.virtual_gateway_id == gateway_id
        and a.association_state not in _GONE
        for a in known
    ):
        return True
    if any(
        i.virtual_gateway_id == gateway_id and i.virtual_interface_state not in _GONE
        for i in account.virtual_interfaces.values()
    ):
        return True
    if isinstance(associations, Missing):
        return associations
    return interfaces if interfaces is not None else False


def carrier_gateway(account: Account, gateway_id: str) -> r.CarrierGateway | Missing:
    """The carrier gateway with this id."""
    query = Query("DescribeCarrierGateways", "carrier-gateway-id", gateway_id)
    return account.carrier_gateways.get(gateway_id) or account._lacks("CarrierGateways", query)


def encryption_control(account: Account, vpc_id: str) -> r.EncryptionControl | None:
    """The encryption controls of a VPC, where it has any and they were read (they come with the VPC)."""
    vpc = account.vpcs.get(vpc_id)
    return (vpc.encryption_control if vpc else None) or account.encryption_controls.get(vpc_id)
