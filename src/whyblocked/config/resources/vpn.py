"""What leads out of AWS's own network: VPN gateways and connections, Direct Connect, carrier gateways."""

from whyblocked.config.resources.base import Resource, Tag, block
from whyblocked.config.resources.gateways import GatewayAttachment


class VpnGateway(Resource, frozen=True):
    """A virtual private gateway: the AWS side of VPN connections and of Direct Connect, for one VPC."""

    vpn_gateway_id: str
    state: str = ""
    vpc_attachments: tuple[GatewayAttachment, ...] = ()
    tags: tuple[Tag, ...] = ()


class VpnStaticRoute(Resource, frozen=True):
    """A prefix behind a VPN connection that somebody wrote down."""

    destination_cidr_block: str | None = None
    state: str = ""

    def __post_init__(self) -> None:
        if self.destination_cidr_block:
            block(self.destination_cidr_block)


class VpnTunnel(Resource, frozen=True):
    """One of a connection's tunnels as AWS sees it: ``UP`` or ``DOWN``, and how many routes BGP brought."""

    outside_ip_address: str | None = None
    status: str = ""
    status_message: str | None = None
    accepted_route_count: int | None = None


class VpnOptions(Resource, frozen=True):
    """Whether a connection has static routes only, or speaks BGP."""

    static_routes_only: bool = False


class VpnConnection(Resource, frozen=True):
    """A Site-to-Site VPN connection of a virtual private gateway or a transit gateway.

    Its ``CustomerGatewayConfiguration`` and tunnel options hold keys; they are never read.
    """

    vpn_connection_id: str
    state: str = ""
    vpn_gateway_id: str | None = None
    transit_gateway_id: str | None = None
    customer_gateway_id: str | None = None
    options: VpnOptions | None = None
    routes: tuple[VpnStaticRoute, ...] = ()
    vgw_telemetry: tuple[VpnTunnel, ...] = ()
    tags: tuple[Tag, ...] = ()


class VirtualInterface(Resource, frozen=True, rename="camel"):
    """A Direct Connect virtual interface; a private one may end at a virtual private gateway."""

    virtual_interface_id: str
    virtual_interface_state: str = ""
    virtual_gateway_id: str | None = None


class DirectConnectAssociation(Resource, frozen=True, rename="camel"):
    """The association of a virtual private gateway (or transit gateway) with a Direct Connect gateway."""

    association_state: str = ""
    direct_connect_gateway_id: str | None = None
    virtual_gateway_id: str | None = None


class CarrierGateway(Resource, frozen=True):
    """A carrier gateway: the way of a Wavelength Zone to the carrier's network."""

    carrier_gateway_id: str
    vpc_id: str | None = None
    state: str = ""
    tags: tuple[Tag, ...] = ()


class EncryptionExclusion(Resource, frozen=True):
    """Whether a kind of resource is left out of encryption in transit: ``enabled``, ``disabled``, or on its way."""

    state: str = ""


class EncryptionExclusions(Resource, frozen=True):
    """The kinds of resources that encryption controls may leave out, as far as packets pass them."""

    internet_gateway: EncryptionExclusion | None = None
    egress_only_internet_gateway: EncryptionExclusion | None = None
    nat_gateway: EncryptionExclusion | None = None
    virtual_private_gateway: EncryptionExclusion | None = None
    vpc_peering: EncryptionExclusion | None = None


class EncryptionControl(Resource, frozen=True):
    """Encryption controls of a VPC: ``monitor`` drops nothing, ``enforce`` keeps out what is not encrypted."""

    vpc_id: str | None = None
    mode: str = ""
    state: str = ""
    resource_exclusions: EncryptionExclusions | None = None
