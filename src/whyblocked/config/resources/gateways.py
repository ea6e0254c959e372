"""Gateways and peering connections."""

from ipaddress import IPv4Address

from whyblocked.config.resources.base import Resource, Tag


class GatewayAttachment(Resource, frozen=True):
    """The VPC that a gateway is attached to."""

    vpc_id: str | None = None
    state: str | None = None


class InternetGateway(Resource, frozen=True):
    """An internet gateway with its attachments."""

    internet_gateway_id: str
    attachments: tuple[GatewayAttachment, ...]
    owner_id: str | None = None
    tags: tuple[Tag, ...] = ()


class EgressOnlyInternetGateway(Resource, frozen=True):
    """An egress-only internet gateway (IPv6, outbound only)."""

    egress_only_internet_gateway_id: str
    attachments: tuple[GatewayAttachment, ...] = ()
    tags: tuple[Tag, ...] = ()


class NatGatewayAddress(Resource, frozen=True):
    """One address of a NAT gateway."""

    private_ip: str | None = None
    public_ip: str | None = None
    network_interface_id: str | None = None
    is_primary: bool | None = None
    status: str | None = None
    availability_zone: str | None = None
    availability_zone_id: str | None = None

    def __post_init__(self) -> None:
        for text in (self.private_ip, self.public_ip):
            if text:
                IPv4Address(text)


class NatGateway(Resource, frozen=True):
    """A NAT gateway: zonal (in a subnet) or regional (of the VPC, with a route table of its own)."""

    nat_gateway_id: str
    state: str
    vpc_id: str | None = None
    subnet_id: str | None = None
    connectivity_type: str = "public"
    availability_mode: str = "zonal"
    auto_provision_zones: str | None = None
    route_table_id: str | None = None
    nat_gateway_addresses: tuple[NatGatewayAddress, ...] = ()
    tags: tuple[Tag, ...] = ()

    @property
    def regional(self) -> bool:
        """Whether it belongs to the VPC as a whole, without a subnet."""
        return self.availability_mode == "regional"


class PeeringCidr(Resource, frozen=True):
    """An IPv4 block of one side of a peering connection."""

    cidr_block: str


class PeeringIpv6Cidr(Resource, frozen=True):
    """An IPv6 block of one side of a peering connection."""

    ipv6_cidr_block: str


class PeeringOptions(Resource, frozen=True):
    """What one side allows: its public DNS names resolve to private addresses when the other side asks for them."""

    allow_dns_resolution_from_remote_vpc: bool | None = None


class PeeringSide(Resource, frozen=True):
    """Requester or accepter of a peering connection."""

    vpc_id: str | None = None
    owner_id: str | None = None
    region: str | None = None
    cidr_block: str | None = None
    cidr_block_set: tuple[PeeringCidr, ...] = ()
    ipv6_cidr_block_set: tuple[PeeringIpv6Cidr, ...] = ()
    peering_options: PeeringOptions | None = None


class PeeringStatus(Resource, frozen=True):
    """Only ``active`` forwards."""

    code: str = ""
    message: str | None = None


class VpcPeeringConnection(Resource, frozen=True):
    """A peering connection between two VPCs."""

    vpc_peering_connection_id: str
    requester_vpc_info: PeeringSide
    accepter_vpc_info: PeeringSide
    status: PeeringStatus
    tags: tuple[Tag, ...] = ()
