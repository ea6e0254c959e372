"""The ends that are resources of services: which calls may know a name, and which interfaces a resource has.

Live, only the services that a name can belong to are asked, each for that one name where its API can.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from whyblocked.config.account import Missing
from whyblocked.config.addresses import device_index
from whyblocked.config.managed import Managed, of
from whyblocked.config.resources import ClusterArns, NetworkInterface, Subnet, address
from whyblocked.config.services import Services, services
from whyblocked.errors import EndpointError, UndeterminedError
from whyblocked.network.asked import End
from whyblocked.network.supposed import Supposed, suppose
from whyblocked.question.find import Search
from whyblocked.question.services import asks, asks_in_clusters
from whyblocked.text import clean

MOST_CLUSTERS = 10
"""In more clusters of ECS no name is looked for that does not say its own."""


def find(search: Search, name: str) -> list[Managed]:
    """What is called ``name``; nothing while it waits."""
    search.ask(*dict.fromkeys(asks(name)), about=name if name.startswith("arn:") else "")
    if search.waits():
        return []
    if not name.startswith("arn:"):  # an ARN stands among the texts of what could not be read as well
        for kind in ("DBInstances", "DBClusters", "CacheClusters", "Functions", "DomainStatusList"):
            search.check(kind, name)
    found = services(search.account).called(name)
    if not found:
        clusters = [arn for listed in of(search.account, ClusterArns) for arn in listed.cluster_arns]
        search.ask(*asks_in_clusters(name, clusters if len(clusters) <= MOST_CLUSTERS else ()))
        if search.waits():
            return []
        found = services(search.account).called(name)
    if not found and (alias := re.fullmatch(r"(arn:.*:function:[^:]+):.+", name)):
        found = services(search.account).called(alias[1])
    return found


def belongs_to(known: Services, interface: NetworkInterface) -> Managed | None:
    """The one resource of a service that an interface is of, as far as the resources were read."""
    told: list[Managed] = []
    alike: list[Managed] = []
    for one in known.by_kind.values():
        if interface.network_interface_id in one.interface_ids or (
            interface.vpc_id == one.vpc_id and interface.private_ip_address in one.addresses
        ):
            told.append(one)
        elif not one.interface_ids and not one.addresses and interface.subnet_id in one.subnets:
            in_zone = one.zone in (None, interface.availability_zone)
            alike += [one] if in_zone and is_of(one, interface) else []
    if told:  # a broker, and the cluster that it is one of
        return min(told, key=lambda one: len(one.interface_ids) + len(one.addresses))
    return alike[0] if len(alike) == 1 else None


def describe(found: Managed) -> str:
    """A candidate of an ambiguous name, by what tells it from the others: its ARN or DNS name."""
    unique = next((text for text in (*found.aliases, *found.hosts) if text.startswith("arn:") or "." in text), "")
    return clean(f"{unique or found.name} ({found.what}{f' {found.name}' if unique else ''})")


# -- from a resource to its interfaces -------------------------------------------------------------------------------


def end_of(search: Search, found: Managed, text: str, what: str) -> End | None:
    """The end that a resource is; None while something has to be fetched first."""
    _complete(search, found)
    if search.waits():
        return None
    if found.remark:
        raise EndpointError(f"{what}: {clean(found.what)} {clean(found.name)} {found.remark}")
    interfaces = tuple(_sorted(_interfaces(search, found)))
    if search.waits():
        return None
    if not interfaces:
        reasons = tuple(dict.fromkeys(clean(str(missing)) for missing in search.refused))
        why = ", ".join(reasons) or "neither they nor its subnets are listed"
        raise UndeterminedError(
            f"{what}: the network interfaces of {found.what} {clean(found.name)} could not be found: {why}", reasons
        )
    return End(text=text, label=found.name, kind="host", interfaces=interfaces, every=True)


def _complete(search: Search, found: Managed) -> None:
    """Ask for what the resource itself does not tell: its members, the subnets of its group."""
    search.ask(*(ask for ask in found.lacks if ask[2]))


def _sorted(interfaces: Iterator[NetworkInterface]) -> list[NetworkInterface]:
    unique = {one.network_interface_id: one for one in interfaces}
    return sorted(unique.values(), key=lambda one: (device_index(one), one.network_interface_id))


def _interfaces(search: Search, found: Managed) -> Iterator[NetworkInterface]:
    for note in found.notes:
        search.remark(f"{clean(found.name)}: {clean(note)}.")
    account = search.account
    known = services(account).by_kind
    parts = [known[part] for part in found.parts if part in known]
    for part in parts:
        _complete(search, part)
        if not search.waits():
            yield from _interfaces(search, part)
    if parts:
        return
    named = [account.interface(name) for name in found.interface_ids]
    named += [one for name in found.instance_ids for one in _each(account.interfaces_of(name))]
    for text in found.addresses:
        named += [
            one
            for one in _each(account.owners(address(text)))
            if isinstance(one, Missing) or found.vpc_id in (None, one.vpc_id)
        ]
    own = [one for one in named if search.note(one if isinstance(one, Missing) else None)]
    if own:
        yield from (one for one in own if isinstance(one, NetworkInterface))
        return
    if not search.waits():
        yield from _in_subnets(search, found)


def _each(found: tuple[NetworkInterface, ...] | Missing) -> list[NetworkInterface | Missing]:
    return [found] if isinstance(found, Missing) else list(found)


def _in_subnets(search: Search, found: Managed) -> Iterator[NetworkInterface]:
    """Those that look like the resource's own; where none does, one that it may have in each of its subnets."""
    account = search.account
    search.ask(*(("DescribeNetworkInterfaces", "subnet-id", name) for name in found.subnets))
    places = [one for name in found.subnets if isinstance(one := account.subnet(name), Subnet) or not search.note(one)]
    if search.waits():
        return
    for name in found.subnets:  # one of those that could not be read may be the one
        search.check("NetworkInterfaces", name)
    there: dict[str, list[NetworkInterface]] = defaultdict(list)
    for interface in account.interfaces.values():
        if not isinstance(interface, Supposed) and (not found.subnets or interface.subnet_id in found.subnets):
            there[interface.subnet_id].append(interface)
    own = {name: alike for name, ones in there.items() if (alike := [one for one in ones if is_of(found, one)])}
    subnets = [place for place in places if isinstance(place, Subnet)]
    here = [place for place in subnets if place.availability_zone == found.zone] or subnets
    seen = [one for place in here for one in own.get(place.subnet_id, ())] or [
        one for ones in own.values() for one in ones
    ]
    yield from seen
    if seen and not found.sends:
        if len(seen) > 1 and re.escape(found.name) not in found.described:
            search.remark(f"Which of {len(seen)} interfaces {clean(found.name)} has is not told; all are asked about.")
        return
    without = [place for place in here if place.subnet_id not in own]
    if without and found.public:
        raise UndeterminedError(
            f"{found.what} {clean(found.name)} has a public address, but its network interface is not listed"
        )
    if without and not found.groups:
        raise UndeterminedError(f"the security groups of {found.what} {clean(found.name)} are not known")
    for place in without:
        yield _supposed(search, found, place, there[place.subnet_id])


def _supposed(search: Search, found: Managed, place: Subnet, others: list[NetworkInterface]) -> NetworkInterface:
    """The interface that a resource may have in a subnet, known to the account so that a walk can go through it."""
    kind = "lambda" if found.sends else None
    one = suppose(found.name, kind, place, found.groups, others, ipv6=found.ipv6)
    search.remark(
        f"No interface of {clean(found.name)} is listed in {place.subnet_id}; taken as a host there with "
        f"{', '.join(found.groups)}, at any address that is free."
    )
    search.account.suppose(one)
    return one


def is_of(found: Managed, interface: NetworkInterface) -> bool:
    """Whether an interface looks like one of a resource: its description, and just its groups."""
    if isinstance(interface, Supposed) or not found.described:
        return False
    own = {group.group_id for group in interface.groups}
    alike = not found.groups or own == set(found.groups)
    return alike and re.fullmatch(found.described, interface.description or "") is not None
