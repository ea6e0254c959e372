"""Security groups and prefix lists."""

from whyblocked.config.resources.base import Resource, Tag, block

_WITH_PORTS = ("tcp", "udp", "6", "17")


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

    def __post_init__(self) -> None:
        if self.ip_protocol.lower() in _WITH_PORTS and (self.from_port is None) != (self.to_port is None):
            raise ValueError(f"Object missing required field `{'ToPort' if self.to_port is None else 'FromPort'}`")


class SecurityGroup(Resource, frozen=True):
    """A security group with its rules folded by protocol and ports."""

    group_id: str
    group_name: str | None = None
    vpc_id: str | None = None
    owner_id: str | None = None
    ip_permissions: tuple[IpPermission, ...] | None = None
    ip_permissions_egress: tuple[IpPermission, ...] | None = None
    tags: tuple[Tag, ...] = ()


class SecurityGroupVpcAssociation(Resource, frozen=True):
    """A further VPC whose interfaces may carry a group (besides that which the group belongs to)."""

    group_id: str
    vpc_id: str
    state: str = ""


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
    owner_id: str | None = None
    address_family: str | None = None
    max_entries: int | None = None
    state: str | None = None
    version: int | None = None

    def __post_init__(self) -> None:
        for cidr in self.cidrs or ():
            block(cidr)
