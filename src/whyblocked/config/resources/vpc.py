"""VPCs, subnets, route tables and network ACLs."""

from ipaddress import IPv4Network, IPv6Network, ip_address

import msgspec

from whyblocked.config.resources.base import (
    CidrAssociation,
    Ipv6CidrAssociation,
    PublicAccessStates,
    Resource,
    State,
    Tag,
    associated,
    block,
)
from whyblocked.config.resources.vpn import EncryptionControl


class InternetFirewall(Resource, frozen=True):
    """A VPC's Automated Internet Firewall, which blocks (``enforce``) or only logs (``monitor``)."""

    firewall_arn: str = ""
    firewall_mode: str = ""


class Vpc(Resource, frozen=True):
    """A VPC with all its address blocks."""

    vpc_id: str
    cidr_block: str | None = None
    cidr_block_association_set: tuple[CidrAssociation, ...] = ()
    ipv6_cidr_block_association_set: tuple[Ipv6CidrAssociation, ...] = ()
    owner_id: str | None = None
    tags: tuple[Tag, ...] = ()
    block_public_access_states: PublicAccessStates | None = None
    encryption_control: EncryptionControl | None = None
    network_firewall_associations: tuple[InternetFirewall, ...] = ()

    def __post_init__(self) -> None:
        if not self.cidr_block and not self.cidr_block_association_set and not self.ipv6_cidr_block_association_set:
            raise ValueError("Object missing required field `CidrBlock`")
        _ = self.networks

    @property
    def networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Every associated block, IPv4 first; the primary IPv4 block leads."""
        blocks = [self.cidr_block] if self.cidr_block else []
        blocks += [
            a.cidr_block
            for a in self.cidr_block_association_set
            if associated(a.cidr_block_state) and a.cidr_block != self.cidr_block
        ]
        blocks += [
            a.ipv6_cidr_block for a in self.ipv6_cidr_block_association_set if associated(a.ipv6_cidr_block_state)
        ]
        return tuple(block(text) for text in blocks)

    @property
    def private_ipv6(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The associated IPv6 blocks that AWS never advertises on the internet."""
        return tuple(
            block(a.ipv6_cidr_block)
            for a in self.ipv6_cidr_block_association_set
            if a.ipv6_address_attribute == "private" and associated(a.ipv6_cidr_block_state)
        )


class Subnet(Resource, frozen=True):
    """A subnet: the place where network ACLs and route tables apply."""

    subnet_id: str
    vpc_id: str
    cidr_block: str | None = None
    ipv6_cidr_block_association_set: tuple[Ipv6CidrAssociation, ...] = ()
    ipv6_native: bool = False
    availability_zone: str | None = None
    availability_zone_id: str | None = None
    owner_id: str | None = None
    tags: tuple[Tag, ...] = ()
    block_public_access_states: PublicAccessStates | None = None
    network_firewall_connectivity_type: str | None = None

    def __post_init__(self) -> None:
        if not self.cidr_block and not self.ipv6_native and not self.ipv6_cidr_block_association_set:
            raise ValueError("Object missing required field `CidrBlock`")
        _ = self.networks

    @property
    def networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The subnet's associated blocks, IPv4 first."""
        blocks = [self.cidr_block] if self.cidr_block else []
        blocks += [
            a.ipv6_cidr_block for a in self.ipv6_cidr_block_association_set if associated(a.ipv6_cidr_block_state)
        ]
        return tuple(block(text) for text in blocks)


class RouteTableAssociation(Resource, frozen=True):
    """What a route table serves: a subnet, a gateway (edge table), or, as main table, all other subnets."""

    main: bool = False
    route_table_association_id: str | None = None
    subnet_id: str | None = None
    gateway_id: str | None = None
    public_ipv4_pool: str | None = None
    association_state: State | None = None

    def __post_init__(self) -> None:
        if not (self.main or self.subnet_id or self.gateway_id or self.public_ipv4_pool):
            raise ValueError("Object missing required field `SubnetId`")

    @property
    def active(self) -> bool:
        """Only an ``associated`` association counts (older captures have no state)."""
        return associated(self.association_state)


class Route(Resource, frozen=True):
    """One route: a destination, one target field that is set, a state."""

    destination_cidr_block: str | None = None
    destination_ipv6_cidr_block: str | None = None
    destination_prefix_list_id: str | None = None
    gateway_id: str | None = None
    nat_gateway_id: str | None = None
    transit_gateway_id: str | None = None
    vpc_peering_connection_id: str | None = None
    network_interface_id: str | None = None
    instance_id: str | None = None
    egress_only_internet_gateway_id: str | None = None
    carrier_gateway_id: str | None = None
    local_gateway_id: str | None = None
    core_network_arn: str | None = None
    odb_network_arn: str | None = None
    vpc_endpoint_id: str | None = None
    ip_address: str | None = None
    state: str = "active"
    origin: str = ""

    def __post_init__(self) -> None:
        if not self.destination:
            raise ValueError("Object missing required field `DestinationCidrBlock`")
        if self.destination_cidr_block:
            block(self.destination_cidr_block)
        if self.destination_ipv6_cidr_block:
            block(self.destination_ipv6_cidr_block)
        if self.ip_address:
            ip_address(self.ip_address)

    @property
    def destination(self) -> str:
        """The destination as it was written: a block or a prefix list id."""
        return self.destination_cidr_block or self.destination_ipv6_cidr_block or self.destination_prefix_list_id or ""

    @property
    def target(self) -> str:
        """The id of the target (``local`` for the VPC's own router), or an empty text when none is named."""
        return (
            self.gateway_id
            or self.nat_gateway_id
            or self.transit_gateway_id
            or self.vpc_peering_connection_id
            or self.egress_only_internet_gateway_id
            or self.vpc_endpoint_id
            or self.carrier_gateway_id
            or self.local_gateway_id
            or self.core_network_arn
            or self.odb_network_arn
            or self.network_interface_id
            or self.instance_id
            or self.ip_address
            or ""
        )


class PropagatingGateway(Resource, frozen=True):
    """A virtual private gateway whose routes a table takes over."""

    gateway_id: str = ""


class RouteTable(Resource, frozen=True):
    """A route table with what it serves."""

    route_table_id: str
    vpc_id: str
    routes: tuple[Route, ...]
    associations: tuple[RouteTableAssociation, ...]
    propagating_vgws: tuple[PropagatingGateway, ...] = ()
    owner_id: str | None = None
    tags: tuple[Tag, ...] = ()

    @property
    def is_main(self) -> bool:
        """Whether it serves the subnets of its VPC that name no table."""
        return any(a.main and a.active for a in self.associations)


class PortRange(Resource, frozen=True):
    """Destination ports of a network ACL entry, inclusive."""

    from_: int = msgspec.field(name="From", default=0)
    to: int = 65535


class IcmpTypeCode(Resource, frozen=True):
    """ICMP type and code of a network ACL entry; -1 is all."""

    type: int = -1
    code: int = -1


class NetworkAclEntry(Resource, frozen=True):
    """One numbered rule of a network ACL."""

    rule_number: int
    protocol: str
    rule_action: str
    egress: bool
    cidr_block: str | None = None
    ipv6_cidr_block: str | None = None
    port_range: PortRange | None = None
    icmp_type_code: IcmpTypeCode | None = None

    def __post_init__(self) -> None:
        if self.cidr_block:
            block(self.cidr_block)
        if self.ipv6_cidr_block:
            block(self.ipv6_cidr_block)


class NetworkAclAssociation(Resource, frozen=True):
    """The subnet that a network ACL guards."""

    subnet_id: str
    network_acl_association_id: str | None = None


class NetworkAcl(Resource, frozen=True):
    """A network ACL: numbered rules, first match decides, stateless."""

    network_acl_id: str
    vpc_id: str
    entries: tuple[NetworkAclEntry, ...]
    associations: tuple[NetworkAclAssociation, ...]
    is_default: bool = False
    owner_id: str | None = None
    tags: tuple[Tag, ...] = ()
