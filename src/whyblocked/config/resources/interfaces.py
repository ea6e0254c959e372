"""Network interfaces and the instances behind them."""

from whyblocked.config.resources.base import Resource, Tag


class Association(Resource, frozen=True):
    """A public IPv4 address on a private one."""

    public_ip: str | None = None
    public_dns_name: str | None = None
    ip_owner_id: str | None = None
    allocation_id: str | None = None
    carrier_ip: str | None = None


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
    requester_managed: bool = False
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
