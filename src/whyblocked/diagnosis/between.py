"""Whether a middlebox stands between two hosts of a VPC: behind it, rules that name the sender's group match nobody.

https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

from whyblocked.config.account import Account, Missing
from whyblocked.config.resources import NetworkInterface
from whyblocked.network.packets import Interval, span
from whyblocked.network.routes import look_up
from whyblocked.network.rulebook import Rulebook

_MIDDLEBOXES = ("vpce-", "eni-", "i-")


def vpcs_with_middleboxes(account: Account) -> set[str]:
    """The VPCs in which some route, other than a default route, leads to an endpoint or interface."""
    return {
        table.vpc_id
        for table in account.route_tables.values()
        for route in table.routes
        if route.target.startswith(_MIDDLEBOXES)
        and not route.destination.startswith("pl-")
        and not route.destination.endswith("/0")
    }


def straight(
    account: Account, rulebook: Rulebook, to: NetworkInterface, peers: Sequence[Interval], version: int
) -> list[Interval]:
    """Those of the peers, interfaces of the same VPC among them, whose packets come by no middlebox."""
    return [peer for peer in peers if middlebox_between(account, rulebook, peer, to, version) is None]


def middlebox_between(
    account: Account, rulebook: Rulebook, sender: Interval, to: NetworkInterface, version: int
) -> str | None:
    """The endpoint or interface that the sender's subnet routes packets for an interface of its VPC to."""
    kind = IPv4Address if version == 4 else IPv6Address
    owner = account.interface_at(to.vpc_id, kind(sender[0]))
    if owner is None or isinstance(owner, Missing) or owner.subnet_id == to.subnet_id:
        return None
    subnet = account.subnets.get(owner.subnet_id)
    table = account.route_table_of(subnet) if subnet is not None else None
    address = next((a for a in account.addresses_of(to) if a.version == version), None)
    if table is None or isinstance(table, Missing) or address is None:
        return None
    for choice in look_up(rulebook.table(table, version), version, span(address)):
        target = choice.route.target if choice.route is not None else ""
        if target.startswith(_MIDDLEBOXES) and target != to.network_interface_id:
            return target
    return None
