"""Where things live: which account and Region is asked about a resource, as the resources themselves tell.

A VPC's owner sees all of it. Whoever takes part in a shared VPC sees its own interfaces, and the subnets, route tables,
network ACLs and internet gateways around them; not what its owner alone may describe:
https://docs.aws.amazon.com/vpc/latest/userguide/vpc-sharing.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from whyblocked.config import resources as r
from whyblocked.config.account import Query

SEEN_BY_PARTICIPANTS = frozenset(
    {
        "DescribeVpcs",
        "DescribeSubnets",
        "DescribeRouteTables",
        "DescribeNetworkAcls",
        "DescribeInternetGateways",
        "DescribeNetworkInterfaces",
        "DescribeInstances",
        "DescribeSecurityGroups",
        "DescribeSecurityGroupRules",
    }
)
_OF_THE_VPCS_OWNER = ("nat-", "igw-", "eigw-", "vgw-", "vpce-", "pcx-", "cagw-", "lgw-")


class Place(NamedTuple):
    """An account's Region; empty is the account of the first profile, and the Region of the run."""

    account: str = ""
    region: str = ""


HOME = Place()


class Asked(NamedTuple):
    """A place that a query goes to; ``needed``: without its answer there is none."""

    place: Place
    needed: bool = True


class Places:
    """Learns from every answer where the resources live that it tells of.

    ``asked_for_names`` are the places where what is known by a name or an address alone is looked for.
    """

    def __init__(self) -> None:
        self.asked_for_names: tuple[Place, ...] = (HOME,)
        self.owners: set[str] = set()
        self._said: dict[str, Place] = {}  # a resource names the owner
        self._found: dict[str, Place] = {}  # where something mentioned it first
        self._visible: dict[str, Place] = {}  # who sees something of it that another account owns

    def of(self, query: Query) -> tuple[Asked, ...]:
        """Where ``query`` is asked, what is needed first."""
        about = query.about or query.value
        said = self._said.get(about) or _of_arn(about)
        visible = self._visible.get(about) if query.operation in SEEN_BY_PARTICIPANTS else None
        if visible is not None and said is not None and visible.account != said.account:
            return Asked(visible), Asked(said, needed=False)
        place = said or self._found.get(about)
        if place is not None:
            return (Asked(place),)
        first, *others = self.asked_for_names
        return Asked(first), *(Asked(other, needed=False) for other in others)

    def owner_of(self, resource_id: str) -> Place | None:
        """Where the owner of a resource is, if something told; None where it is not shared with who reads it."""
        return self._said.get(resource_id) if resource_id in self._visible else None

    def told(self) -> tuple[Place, ...]:
        """Every place that a resource named."""
        return tuple(dict.fromkeys(self._said.values()))

    def learn(self, resource: r.Resource, reader: Place) -> None:
        """Note what ``resource``, which came from ``reader``, tells of where things live."""
        for text in r.texts(msgspec.to_builtins(resource)):
            if "-" in text:
                self._found.setdefault(text, reader)
        for resource_id, owner, region in _owners(resource):
            if resource_id and _is_peer(resource, resource_id):
                self._found[resource_id] = Place(owner, reader.region)  # its Region is told by both sides alone
                self.owners.add(owner)
            elif resource_id:
                self._said.setdefault(resource_id, Place(owner, region or reader.region))
                self.owners.add(owner)
        if isinstance(resource, r.ClassicLoadBalancer):  # known by its name alone
            self._found.setdefault(resource.load_balancer_name, reader)
        if isinstance(resource, r.Subnet | r.NetworkInterface):
            self._visible.setdefault(resource.vpc_id, reader)
            self._visible.setdefault(resource.subnet_id, reader)
        if isinstance(resource, r.NetworkInterface):
            for group in resource.groups:
                self._visible.setdefault(group.group_id, reader)


def _owners(resource: r.Resource) -> Iterator[tuple[str | None, str, str | None]]:
    """What a resource says of owners: the id, its owner, and the Region where that differs from the resource's own."""
    match resource:
        case r.Vpc(owner_id=str(owner)):
            yield resource.vpc_id, owner, None
        case r.Subnet(owner_id=str(owner)):
            yield resource.vpc_id, owner, None
            yield resource.subnet_id, owner, None
        case r.RouteTable(owner_id=str(owner)):
            yield resource.vpc_id, owner, None
            yield resource.route_table_id, owner, None
            yield from ((x.target, owner, None) for x in resource.routes if x.target.startswith(_OF_THE_VPCS_OWNER))
        case r.NetworkAcl(owner_id=str(owner)):
            yield resource.vpc_id, owner, None
            yield resource.network_acl_id, owner, None
        case r.NetworkInterface(owner_id=str(owner)):
            yield resource.network_interface_id, owner, None
            yield from ((group.group_id, owner, None) for group in resource.groups)
            if resource.attachment:
                yield resource.attachment.instance_id, resource.attachment.instance_owner_id or owner, None
        case r.SecurityGroup():
            if resource.owner_id:
                yield resource.group_id, resource.owner_id, None
            for permission in (*(resource.ip_permissions or ()), *(resource.ip_permissions_egress or ())):
                for pair in permission.user_id_group_pairs:
                    if pair.user_id and pair.user_id.isdigit():  # "amazon-elb" is no account
                        yield pair.group_id, pair.user_id, None
        case r.VpcPeeringConnection():
            for side in (resource.requester_vpc_info, resource.accepter_vpc_info):
                if side.owner_id:
                    yield side.vpc_id, side.owner_id, side.region
        case _:
            yield from _owners_of_attachments(resource)


def _owners_of_attachments(resource: r.Resource) -> Iterator[tuple[str | None, str, str | None]]:
    """Transit gateways and what is attached to them, whichever of the calls tells of it."""
    gateway_owner = getattr(resource, "transit_gateway_owner_id", None)
    if gateway_owner:
        yield getattr(resource, "transit_gateway_id", None), gateway_owner, None
    elif type(resource).__name__ == "TransitGateway" and (owner := getattr(resource, "owner_id", None)):
        yield getattr(resource, "transit_gateway_id", None), owner, None
    if owner := getattr(resource, "resource_owner_id", None):
        yield getattr(resource, "resource_id", None), owner, None
    if owner := getattr(resource, "vpc_owner_id", None):
        yield getattr(resource, "vpc_id", None), owner, None
        yield from ((subnet_id, owner, None) for subnet_id in getattr(resource, "subnet_ids", ()))
    for name in ("requester_tgw_info", "accepter_tgw_info"):
        side = getattr(resource, name, None)
        if side is not None and side.owner_id:
            yield side.transit_gateway_id, side.owner_id, side.region


def _is_peer(resource: r.Resource, resource_id: str) -> bool:
    """Whether it is the gateway on the other side of an attachment, which may be in another Region."""
    return (
        isinstance(resource, r.TransitGatewayAttachment)
        and resource.resource_type.endswith("peering")
        and resource_id == resource.resource_id
    )


def _of_arn(text: str) -> Place | None:
    """The account and Region that an ARN names."""
    parts = text.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn" or not (parts[4] or "0").isdigit():
        return None
    return Place(parts[4], parts[3])
