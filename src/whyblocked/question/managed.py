"""The ends that are resources of services: which calls may know a name, and which interfaces a resource has.

Live, only the services that a name can belong to are asked, each for that one name where its API can.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from whyblocked.config.account import Account, Missing
from whyblocked.config.addresses import device_index
from whyblocked.config.managed import Managed, Services, services
from whyblocked.config.resources import NetworkInterface, Subnet, address
from whyblocked.errors import EndpointError, UndeterminedError
from whyblocked.network.asked import End
from whyblocked.network.supposed import Supposed, suppose
from whyblocked.question.find import Search
from whyblocked.question.services import asks
from whyblocked.text import clean


def find(search: Search, name: str) -> list[Managed]:
    """What is called ``name``; nothing while it waits."""
    search.ask(*dict.fromkeys(asks(name)))
    if search.waits():
        return []
    if not name.startswith("arn:"):  # an ARN stands among the texts of what could not be read as well
        for kind in ("DBInstances", "DBClusters", "CacheClusters", "Functions", "DomainStatusList"):
            search.check(kind, name)
    found = services(search.account).called(name)
    if not found and (alias := re.fullmatch(r"(arn:.*:function:[^:]+):.+", name)):
        found = services(search.account).called(alias[1])
    return found


def belongs_to(known: Services, interface: NetworkInterface) -> Managed | None:
    """The one resource of a service that an interface is of, as far as the resources were read."""
    found = []
    for one in known.by_kind.values():
        exact = interface.network_interface_id in one.interface_ids or (
            interface.vpc_id == one.vpc_id and interface.private_ip_address in one.addresses
        )
        alike = interface.subnet_id in one.subnets and _is_of(one, frozenset(one.groups), interface)
        in_zone = one.zone in (None, interface.availability_zone)
        if exact or (alike and in_zone and not one.interface_ids and not one.addresses):
            found.append(one)
    return found[0] if len(found) == 1 else None


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
    subnets = [
        one for one in map(account.subnet, found.subnets) if search.note(one if isinstance(one, Missing) else None)
    ]
    if search.waits():
        return
    wanted = frozenset(found.groups)
    there: dict[str, list[NetworkInterface]] = {name: [] for name in found.subnets}
    for interface in account.interfaces.values():
        if interface.subnet_id in there:
            there[interface.subnet_id].append(interface)
    own = {name: [one for one in ones if _is_of(found, wanted, one)] for name, ones in there.items()}
    places = [one for one in subnets if isinstance(one, Subnet)]
    in_zone = [one for one in places if one.availability_zone == found.zone] or places
    seen = [one for place in in_zone for one in own[place.subnet_id]] or [one for ones in own.values() for one in ones]
    if seen and not found.sends:
        if len(seen) > 1 and re.escape(found.name) not in found.described:
            search.remark(
                f"Which of {len(seen)} interfaces {clean(found.name)} has is not told; all of them are asked about."
            )
        yield from seen
        return
    yield from seen
    if found.public:
        raise UndeterminedError(
            f"{found.what} {clean(found.name)} has a public address, but its network interface is not listed"
        )
    missing = [place for place in in_zone if not own[place.subnet_id]]
    if missing and not wanted:
        raise UndeterminedError(f"the security groups of {found.what} {clean(found.name)} are not known")
    for place in missing:
        others = [one for one in there[place.subnet_id] if not isinstance(one, Supposed)]
        one = suppose(found.name, "lambda" if found.sends else None, place, found.groups, others, ipv6=found.ipv6)
        search.remark(
            f"No interface of {clean(found.name)} is listed in {place.subnet_id}; taken as a host there with "
            f"{', '.join(found.groups)}, at any address that is free."
        )
        yield account_with(account, one)


def account_with(account: Account, interface: NetworkInterface) -> NetworkInterface:
    """Have ``account`` know a supposed interface by its id, so that a walk can go through it."""
    if account.interfaces.get(interface.network_interface_id) != interface:
        account.interfaces[interface.network_interface_id] = interface
        account.version += 1
    return interface


def _is_of(found: Managed, groups: frozenset[str], interface: NetworkInterface) -> bool:
    if isinstance(interface, Supposed) or not found.described:
        return False
    own = {group.group_id for group in interface.groups}
    return (not groups or own == groups) and re.fullmatch(found.described, interface.description or "") is not None
