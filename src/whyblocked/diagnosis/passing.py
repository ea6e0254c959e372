"""The resources that packets pass on the way, leg by leg, as hops in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from whyblocked.config.account import Account
from whyblocked.config.ownership import ownership
from whyblocked.config.resources import NetworkInterface, Tag, name_tag
from whyblocked.diagnosis.answer import Hop
from whyblocked.diagnosis.sets import packet_set
from whyblocked.network.flow import Leg
from whyblocked.network.forks import Forks
from whyblocked.network.noted import Passage
from whyblocked.network.packets import Packets
from whyblocked.network.supposed import Supposed


class Passed(msgspec.Struct, frozen=True):
    """The hops of a leg; ``ways`` are, for each branch to or from a target, the places of its own in its order."""

    hops: list[Hop]
    ways: Mapping[int, Sequence[int]]


def passed(account: Account, passages: Iterable[Passage], forks: Forks, leg: Leg) -> Passed:
    """The passages of one leg in the order of the packets; the same decision on several pieces is told once.

    Each connection of a load balancer stands for itself: on the way there the client's comes first, on the way back
    it comes last.
    """
    grouped: dict[tuple[object, ...], tuple[Passage, list[Packets]]] = {}
    ways: dict[int, dict[tuple[object, ...], None]] = {}
    branches = forks.branches
    for passage in passages:
        if passage.leg != leg:
            continue
        key = (
            passage.kind,
            passage.id,
            passage.direction,
            passage.action,
            str(passage.rule),
            passage.detail,
            passage.interface_id,
            passage.subnet_id,
            {packets.version for packets in passage.packets} == {6},
            branches[passage.branch].depth,
        )
        grouped.setdefault(key, (passage, []))[1].extend(passage.packets)
        if passage.branch:
            ways.setdefault(passage.branch, {})[key] = None
    found = list(grouped)
    if ways:
        found.sort(key=lambda key: branches[grouped[key][0].branch].depth, reverse=leg == "return")
    places = {key: place for place, key in enumerate(found)} if ways else {}
    return Passed(
        [_hop(account, *grouped[key]) for key in found],
        {number: [places[key] for key in way] for number, way in ways.items()},
    )


def _hop(account: Account, passage: Passage, packets: Sequence[Packets]) -> Hop:
    return Hop(
        kind=passage.kind,
        id=passage.id,
        direction=passage.direction,
        action=passage.action,
        rule=passage.rule,
        packet=packet_set(packets),
        detail=passage.detail,
        resource_ids=list(passage.resource_ids),
        name=_name(account, passage),
        interface_id=listed(account, passage.interface_id),
        subnet_id=passage.subnet_id,
        vpc_id=passage.vpc_id,
    )


def listed(account: Account, interface_id: str | None) -> str | None:
    """An interface's id, unless the interface is only supposed: that one nobody can look up."""
    return None if isinstance(account.interfaces.get(interface_id or ""), Supposed) else interface_id


def _name(account: Account, passage: Passage) -> str | None:
    """What people call the resource: its ``Name`` tag, a group's own name, for an interface its instance's."""
    if passage.kind == "security-group":
        group = account.security_groups.get(passage.id)
        return group.group_name or name_tag(group.tags) if group else None
    if passage.kind == "interface":
        interface = account.interfaces.get(passage.id)
        return name_of_interface(account, interface) if interface else None
    tagged: dict[str, Mapping[str, Tagged]] = {
        "network-acl": account.network_acls,
        "route-table": account.route_tables,
        "internet-gateway": account.internet_gateways,
        "nat-gateway": account.nat_gateways,
        "vpc-peering": account.peerings,
        "vpn-gateway": account.vpn_gateways,
        "carrier-gateway": account.carrier_gateways,
        "transit-gateway": account.transit_gateways,
        "transit-gateway-route-table": account.transit_tables,
        "instance": account.instances,
    }
    resource = tagged.get(passage.kind, {}).get(passage.id)
    return name_tag(resource.tags) if resource else None


def name_of_interface(account: Account, interface: NetworkInterface) -> str | None:
    """The ``Name`` tag of an interface or of its instance, else what owns it."""
    instance = account.instances.get((interface.attachment and interface.attachment.instance_id) or "")
    owner = ownership(interface)
    named = name_tag(interface.tag_set) or (name_tag(instance.tags) if instance else None)
    return named or (str(owner) if owner else None)


class Tagged(Protocol):
    """What has tags."""

    @property
    def tags(self) -> tuple[Tag, ...]:
        """The tags."""
