"""The resources of the EC2 API that a question meets, in the API's own shapes.

Each class decodes straight from the PascalCase JSON that the AWS CLI prints (or the dictionaries that boto3
returns). Fields without a default are those that no answer can do without; a resource that lacks one is kept as
:class:`Broken` and only becomes an error when a question needs it. Shapes: the EC2 API Reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import msgspec


@lru_cache(maxsize=1 << 16)
def block(text: str) -> IPv4Network | IPv6Network:
    """``text`` as a block of addresses, bits behind the prefix ignored; ValueError where it is none."""
    return ip_network(text, strict=False)


@lru_cache(maxsize=1 << 16)
def address(text: str) -> IPv4Address | IPv6Address:
    """``text`` as an address; ValueError where it is none."""
    return ip_address(text)


class Resource(msgspec.Struct, frozen=True, rename="pascal", kw_only=True, gc=False):
    """Base of all shapes: immutable, PascalCase in JSON, unknown keys ignored; in no reference cycle, ever."""


class Tag(Resource, frozen=True):
    """One tag. Its text comes from outside and is data, never markup."""

    key: str = ""
    value: str = ""


def name_tag(tags: tuple[Tag, ...]) -> str | None:
    """The value of the ``Name`` tag, or None."""
    return next((tag.value for tag in tags if tag.key == "Name" and tag.value), None)


class State(Resource, frozen=True):
    """The state of an association; its field is ``State`` or ``Code`` depending on the API."""

    state: str = ""
    code: str = ""


class CidrAssociation(Resource, frozen=True):
    """One IPv4 block of a VPC with the state of its association."""

    cidr_block: str
    cidr_block_state: State | None = None


class Ipv6CidrAssociation(Resource, frozen=True):
    """One IPv6 block of a VPC or subnet with the state of its association."""

    ipv6_cidr_block: str
    ipv6_cidr_block_state: State | None = None


class PublicAccessStates(Resource, frozen=True):
    """Block Public Access as it shows on a VPC or subnet."""

    internet_gateway_block_mode: str = ""


def _associated(state: State | None) -> bool:
    return state is None or not state.state or state.state == "associated"


class Vpc(Resource, frozen=True):
    """A VPC with all its address blocks."""

    vpc_id: str
    cidr_block: str | None = None
    cidr_block_association_set: tuple[CidrAssociation, ...] = ()
    ipv6_cidr_block_association_set: tuple[Ipv6CidrAssociation, ...] = ()
    owner_id: str | None = None
    tags: tuple[Tag, ...] = ()
    block_public_access_states: PublicAccessStates | None = None

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
            if _associated(a.cidr_block_state) and a.cidr_block != self.cidr_block
        ]
        blocks += [
            a.ipv6_cidr_block for a in self.ipv6_cidr_block_association_set if _associated(a.ipv6_cidr_block_state)
        ]
        return tuple(block(text) for text in blocks)


class Subnet(Resource, frozen=True):
    """A subnet: the place where network ACLs and route tables apply."""

    subnet_id: str
    vpc_id: str
    cidr_block: str | None = None
    ipv6_cidr_block_association_set: tuple[Ipv6CidrAssociation, ...] = ()
    ipv6_native: bool = False
    availability_zone: str | None = None
    owner_id: str | None = None
    tags: tuple[Tag, ...] = ()
    block_public_access_states: PublicAccessStates | None = None

    def __post_init__(self) -> None:
        if not self.cidr_block and not self.ipv6_native and not self.ipv6_cidr_block_association_set:
            raise ValueError("Object missing required field `CidrBlock`")
        _ = self.networks

    @property
    def networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The subnet's associated blocks, IPv4 first."""
        blocks = [self.cidr_block] if self.cidr_block else []
        blocks += [
            a.ipv6_cidr_block for a in self.ipv6_cidr_block_association_set if _associated(a.ipv6_cidr_block_state)
        ]
        return tuple(block(text) for text in blocks)


class RouteTableAssociation(Resource, frozen=True):
    """What a route table serves: a subnet, a gateway (edge table), or, as main table, all other subnets."""

    main: bool = False
    subnet_id: str | None = None
    gateway_id: str | None = None
    association_state: State | None = None

    @property
    def active(self) -> bool:
        """Only an ``associated`` association counts (older captures have no state)."""
        return _associated(self.association_state)


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
    state: str = "active"
    origin: str = ""

    def __post_init__(self) -> None:
        if self.destination_cidr_block:
            block(self.destination_cidr_block)
        if self.destination_ipv6_cidr_block:
            block(self.destination_ipv6_cidr_block)

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
            or ""
        )


class RouteTable(Resource, frozen=True):
    """A route table with what it serves."""

    route_table_id: str
    vpc_id: str
    routes: tuple[Route, ...]
    associations: tuple[RouteTableAssociation, ...]
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

    subnet_id: str | None = None


class NetworkAcl(Resource, frozen=True):
    """A network ACL: numbered rules, first match decides, stateless."""

    network_acl_id: str
    vpc_id: str
    entries: tuple[NetworkAclEntry, ...]
    associations: tuple[NetworkAclAssociation, ...]
    is_default: bool = False
    owner_id: str | None = None
    tags: tuple[Tag, ...] = ()


class IpRange(Resource, frozen=True):
    """An IPv4 source or destination of a security group rule."""

    cidr_ip: str
    description: str | None = None

    def __post_init__(self) -> None:
        block(self.cidr_ip)


class Ipv6Range(Resource, frozen=True):
    """An IPv6 source or destination of a security group rule."""

    cidr_ipv6: str
    description: str | None = None

    def __post_init__(self) -> None:
        block(self.cidr_ipv6)


class PrefixListId(Resource, frozen=True):
    """A prefix list named by a security group rule."""

    prefix_list_id: str
    description: str | None = None


class UserIdGroupPair(Resource, frozen=True):
    """A security group named by a security group rule."""

    group_id: str | None = None
    user_id: str | None = None
    vpc_id: str | None = None
    vpc_peering_connection_id: str | None = None
    peering_status: str | None = None
    description: str | None = None


class IpPermission(Resource, frozen=True):
    """Security group rules that share protocol and ports."""

    ip_protocol: str
    from_port: int | None = None
    to_port: int | None = None
    ip_ranges: tuple[IpRange, ...] = ()
    ipv6_ranges: tuple[Ipv6Range, ...] = ()
    prefix_list_ids: tuple[PrefixListId, ...] = ()
    user_id_group_pairs: tuple[UserIdGroupPair, ...] = ()


class SecurityGroup(Resource, frozen=True):
    """A security group with its rules folded by protocol and ports."""

    group_id: str
    group_name: str | None = None
    vpc_id: str | None = None
    owner_id: str | None = None
    ip_permissions: tuple[IpPermission, ...] | None = None
    ip_permissions_egress: tuple[IpPermission, ...] | None = None
    tags: tuple[Tag, ...] = ()


class SecurityGroupRule(Resource, frozen=True):
    """One rule of a security group with its own id (``sgr-...``)."""

    security_group_rule_id: str
    group_id: str
    is_egress: bool
    ip_protocol: str
    from_port: int | None = None
    to_port: int | None = None
    cidr_ipv4: str | None = None
    cidr_ipv6: str | None = None
    prefix_list_id: str | None = None
    referenced_group_info: UserIdGroupPair | None = None
    description: str | None = None
    tags: tuple[Tag, ...] = ()


class Association(Resource, frozen=True):
    """A public IPv4 address on a private one."""

    public_ip: str | None = None
    public_dns_name: str | None = None
    ip_owner_id: str | None = None
    allocation_id: str | None = None


class PrivateIpAddress(Resource, frozen=True):
    """A private IPv4 address of an interface."""

    private_ip_address: str
    primary: bool = False
    association: Association | None = None


class Ipv6Address(Resource, frozen=True):
    """An IPv6 address of an interface."""

    ipv6_address: str


class Ipv4Prefix(Resource, frozen=True):
    """A /28 delegated to an interface."""

    ipv4_prefix: str | None = None


class Ipv6Prefix(Resource, frozen=True):
    """A /80 delegated to an interface."""

    ipv6_prefix: str | None = None


class Attachment(Resource, frozen=True):
    """What an interface is attached to."""

    status: str | None = None
    instance_id: str | None = None
    instance_owner_id: str | None = None
    device_index: int | None = None


class GroupIdentifier(Resource, frozen=True):
    """A security group on an interface."""

    group_id: str
    group_name: str | None = None


class NetworkInterface(Resource, frozen=True):
    """An elastic network interface: the thing that has addresses and security groups."""

    network_interface_id: str
    vpc_id: str
    subnet_id: str
    groups: tuple[GroupIdentifier, ...]
    private_ip_address: str | None = None
    private_ip_addresses: tuple[PrivateIpAddress, ...] = ()
    ipv6_addresses: tuple[Ipv6Address, ...] = ()
    ipv4_prefixes: tuple[Ipv4Prefix, ...] = ()
    ipv6_prefixes: tuple[Ipv6Prefix, ...] = ()
    association: Association | None = None
    attachment: Attachment | None = None
    status: str | None = None
    interface_type: str | None = None
    description: str | None = None
    requester_id: str | None = None
    owner_id: str | None = None
    source_dest_check: bool = True
    deny_all_igw_traffic: bool = False
    private_dns_name: str | None = None
    availability_zone: str | None = None
    tag_set: tuple[Tag, ...] = ()


class InstanceState(Resource, frozen=True):
    """``running``, ``stopped``, ..."""

    name: str = ""


class InstanceInterface(Resource, frozen=True):
    """An interface as an instance shows it; stands in where a snapshot has no ``NetworkInterfaces``."""

    network_interface_id: str
    vpc_id: str | None = None
    subnet_id: str | None = None
    groups: tuple[GroupIdentifier, ...] | None = None
    private_ip_address: str | None = None
    private_ip_addresses: tuple[PrivateIpAddress, ...] = ()
    ipv6_addresses: tuple[Ipv6Address, ...] = ()
    association: Association | None = None
    attachment: Attachment | None = None
    status: str | None = None
    owner_id: str | None = None
    source_dest_check: bool = True


class Instance(Resource, frozen=True):
    """An instance: its state and operating system matter, the rest is on its interfaces."""

    instance_id: str
    state: InstanceState | None = None
    platform: str | None = None
    vpc_id: str | None = None
    subnet_id: str | None = None
    private_dns_name: str | None = None
    public_dns_name: str | None = None
    network_interfaces: tuple[InstanceInterface, ...] = ()
    tags: tuple[Tag, ...] = ()


class Reservation(Resource, frozen=True):
    """Instances that were launched together."""

    instances: tuple[Instance, ...] = ()
    owner_id: str | None = None


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


class NatGateway(Resource, frozen=True):
    """A NAT gateway: zonal (in a subnet) or regional (of the VPC, with a route table of its own)."""

    nat_gateway_id: str
    state: str
    vpc_id: str | None = None
    subnet_id: str | None = None
    connectivity_type: str = "public"
    availability_mode: str = "zonal"
    route_table_id: str | None = None
    nat_gateway_addresses: tuple[NatGatewayAddress, ...] = ()
    tags: tuple[Tag, ...] = ()


class PeeringCidr(Resource, frozen=True):
    """An IPv4 block of one side of a peering connection."""

    cidr_block: str


class PeeringIpv6Cidr(Resource, frozen=True):
    """An IPv6 block of one side of a peering connection."""

    ipv6_cidr_block: str


class PeeringSide(Resource, frozen=True):
    """Requester or accepter of a peering connection."""

    vpc_id: str | None = None
    owner_id: str | None = None
    region: str | None = None
    cidr_block: str | None = None
    cidr_block_set: tuple[PeeringCidr, ...] = ()
    ipv6_cidr_block_set: tuple[PeeringIpv6Cidr, ...] = ()


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


class PrefixListEntry(Resource, frozen=True):
    """One block of a managed prefix list (``get-managed-prefix-list-entries``)."""

    cidr: str
    description: str | None = None

    def __post_init__(self) -> None:
        block(self.cidr)


class PrefixList(Resource, frozen=True):
    """A prefix list: with its blocks (``describe-prefix-lists``) or without (``describe-managed-prefix-lists``)."""

    prefix_list_id: str
    cidrs: tuple[str, ...] | None = None
    prefix_list_name: str | None = None

    def __post_init__(self) -> None:
        for cidr in self.cidrs or ():
            block(cidr)


class PublicAccessOptions(Resource, frozen=True):
    """Block Public Access of the account in a Region."""

    internet_gateway_block_mode: str = "off"
    state: str | None = None
    aws_account_id: str | None = None
    aws_region: str | None = None


class PublicAccessExclusion(Resource, frozen=True):
    """A VPC or subnet that Block Public Access leaves out."""

    exclusion_id: str | None = None
    internet_gateway_exclusion_mode: str = ""
    resource_arn: str = ""
    state: str = ""


class FlowLog(Resource, frozen=True):
    """A flow log: what it covers, where it delivers, in which format."""

    flow_log_id: str
    resource_id: str | None = None
    flow_log_status: str | None = None
    deliver_logs_status: str | None = None
    deliver_logs_error_message: str | None = None
    log_destination_type: str | None = None
    log_destination: str | None = None
    log_group_name: str | None = None
    log_format: str | None = None
    traffic_type: str | None = None
    max_aggregation_interval: int | None = None


class Address(Resource, frozen=True):
    """An Elastic IP address."""

    public_ip: str | None = None
    private_ip_address: str | None = None
    network_interface_id: str | None = None
    instance_id: str | None = None
    allocation_id: str | None = None


class Broken(msgspec.Struct, frozen=True):
    """A resource that could not be decoded, kept until a question needs it.

    ``kind`` is its top-level key, ``mentions`` all the texts in it (its id and those of others, as far as they
    could be read), ``message`` the error that names file, place and key.
    """

    kind: str
    mentions: frozenset[str]
    message: str


def texts(value: object) -> Iterator[str]:
    """All the texts in plain data: the ids in a resource that could not be read are among them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts(item)
