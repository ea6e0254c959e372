"""What a public DNS name of EC2's means to an instance in another VPC: mostly not the private address.

https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-dns.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from whyblocked.config.account import Account, Missing
from whyblocked.config.resources import PeeringSide
from whyblocked.network.asked import End
from whyblocked.question.find import Search


def as_resolved(search: Search, source: End, destination: End, public: Sequence[End]) -> tuple[End, str | None]:
    """The destination that its public name leads the source to, and what has to be said about that.

    The name means the private address inside its VPC, and in a VPC that is peered with it by a connection whose side
    of the name allows that; elsewhere it means ``public``, the same interface by its public address.
    """
    here = {interface.vpc_id for interface in source.interfaces}
    there = {interface.vpc_id for interface in destination.interfaces}
    if len(here) != 1 or len(there) != 1 or here == there or not public:
        return destination, None
    sides = _sides(search.account, here.pop(), there.pop())
    if isinstance(sides, Missing):
        search.note(sides)
        return destination, None
    if any(side.peering_options and side.peering_options.allow_dns_resolution_from_remote_vpc for _, side in sides):
        return destination, None
    if not sides and _has_transit(search.account, source):
        return destination, None  # whose attachments resolve such names to private addresses unless told not to
    told = f"{destination.text} means the public address {public[0].label} in the VPC of {source.label}"
    if sides:
        pcx = sides[0][0]
        told += f": {pcx} does not resolve it to the private one (AllowDnsResolutionFromRemoteVpc)"
    return public[0], told


def _sides(account: Account, here: str, there: str) -> list[tuple[str, PeeringSide]] | Missing:
    """The side of ``there`` on every active connection between two VPCs, with the connection's id."""
    found = account.peerings_between(here, there)
    if isinstance(found, Missing):
        return found
    return [
        (peering.vpc_peering_connection_id, side)
        for peering in found
        if peering.status.code == "active"
        for side in (peering.requester_vpc_info, peering.accepter_vpc_info)
        if side.vpc_id == there
    ]


def _has_transit(account: Account, source: End) -> bool:
    """Whether a route where the source is leads to a transit gateway."""
    return any(target.startswith("tgw-") for target in _targets(account, source))


def _targets(account: Account, source: End) -> Iterator[str]:
    for interface in source.interfaces:
        subnet = account.subnet(interface.subnet_id)
        table = subnet if isinstance(subnet, Missing) else account.route_table_of(subnet)
        if not isinstance(table, Missing):
            yield from (route.target for route in table.routes)
