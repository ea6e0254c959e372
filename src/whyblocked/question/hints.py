"""The way out of an end that was not found or is ambiguous: what it could be, and where else to look."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from whyblocked.config.account import Account, Missing, Query
from whyblocked.config.ownership import ownership
from whyblocked.config.resources import Instance, NetworkInterface, name_tag
from whyblocked.errors import EndpointError, UndeterminedError
from whyblocked.question import arns
from whyblocked.question.balancers import describe_balancer
from whyblocked.question.shapes import ID_DIGITS
from whyblocked.text import clean

if TYPE_CHECKING:
    from whyblocked.question.find import Search

_MOST_CANDIDATES = 20


def describe_instance(instance: Instance) -> str:
    """``i-0abc... (web-1, running, 10.0.1.5, vpc-1)``."""
    address = next((i.private_ip_address for i in instance.network_interfaces if i.private_ip_address), None)
    state = instance.state.name if instance.state else None
    return _described(instance.instance_id, name_tag(instance.tags), state, address, instance.vpc_id)


def describe_interface(interface: NetworkInterface, account: Account) -> str:
    """``eni-0abc... (web-1, in-use, 10.0.1.5, vpc-1, i-0abc...)``, named like its instance where it has no name."""
    instance_id = interface.attachment.instance_id if interface.attachment else None
    instance = account.instances.get(instance_id or "")
    return _described(
        interface.network_interface_id,
        name_tag(interface.tag_set) or (name_tag(instance.tags) if instance else interface.description),
        interface.status,
        interface.private_ip_address,
        interface.vpc_id,
        instance_id,
    )


def describe_owner(interface: NetworkInterface) -> str:
    """``eni-0abc of RDS database``, ``eni-0abc of i-0def``."""
    instance_id = interface.attachment.instance_id if interface.attachment else None
    whose = ownership(interface)
    owner = str(whose) if whose else (instance_id or name_tag(interface.tag_set) or interface.description)
    return clean(f"{interface.network_interface_id}{f' of {owner}' if owner else ''}")


def _described(resource_id: str, *facts: str | None) -> str:
    return f"{clean(resource_id)} ({', '.join(clean(fact, 80) for fact in facts if fact)})"


def elsewhere(account: Account, resource_id: str = "") -> str:
    """Where was looked, and how to look somewhere else."""
    source = account.source
    here: str | None = getattr(source, "region", None)
    find: Callable[[str], Sequence[str]] | None = getattr(source, "find_region_of", None)
    there = tuple(find(_likely(resource_id))) if find is not None and resource_id else ()
    place = clean(here) if here else "the snapshot" if hasattr(source, "regions") else "the account"
    if there:
        others = ", ".join(map(clean, there))
        return f"{place}, but in {others}: use --region {clean(there[0])}"
    regions: Sequence[str] = getattr(source, "regions", ())
    if regions:
        return f"{place} (it holds {', '.join(map(clean, regions))})"
    if hasattr(source, "regions"):
        return place
    return f"{place} (--region or --profile look elsewhere)"


def _likely(short: str) -> str:
    """A filter value for what a short id most likely stands for: ids begin with one zero."""
    kind, _, digits = short.partition("-")
    if len(digits) in (8, ID_DIGITS):
        return short
    return f"{kind}-{digits}*" if digits.startswith("0") else f"{kind}-0{digits}*"


def similar(search: Search, text: str) -> tuple[str, ...]:
    """What the account has under a name or id that looks like ``text``."""
    account, names = search.account, search.directory
    balancers = account.balancers.by_name
    folded: dict[str, str] = {}
    for known in (*balancers, *names.names(), *account.instances, *account.interfaces):
        folded.setdefault(known.lower(), known)
    close = difflib.get_close_matches(text[:256].lower(), folded, n=3, cutoff=0.75)
    found: dict[str, None] = {}
    for name in (folded[key] for key in close):
        instances = names.instances.get(name) or names.instance_hosts.get(name.lower()) or ()
        interfaces = names.interfaces.get(name) or names.interface_hosts.get(name.lower()) or ()
        if name in account.instances:
            instances = [account.instances[name]]
        elif name in account.interfaces:
            interfaces = [account.interfaces[name]]
        found.update(dict.fromkeys(map(describe_balancer, balancers.get(name, {}).values())))
        found.update(dict.fromkeys(map(describe_instance, instances)))
        found.update(dict.fromkeys(describe_interface(i, account) for i in interfaces))
    return tuple(f"similar: {line}" for line in list(found)[:5])


def not_found(
    search: Search, what: str, text: str, message: str, resource_id: str
) -> EndpointError | UndeterminedError:
    """What to raise for an end that is nowhere, or that could not be looked for everywhere."""
    if search.refused:
        reasons = tuple(dict.fromkeys(clean(str(missing)) for missing in search.refused))
        return UndeterminedError(f"{what}: '{clean(text)}' could not be looked up: {', '.join(reasons)}", reasons)
    if unread := _unread_balancer(search.account, text):
        seen = f"the interfaces are there of a load balancer '{clean(text)}', which itself could not be read"
        return UndeterminedError(f"{what}: {seen}: {clean(str(unread))}", (clean(str(unread)),))
    if (told := arns.named(text)) and (where := _read_instead(search.account)):
        return EndpointError(f"{what}: {message}: the ARN names {told}, and {where}")
    return EndpointError(f"{what}: {message} in {elsewhere(search.account, resource_id)}", similar(search, text))


def _unread_balancer(account: Account, name: str) -> Missing | None:
    """Why a load balancer was not read, the nodes of which show that it is there."""
    for interface in account.interfaces.values():
        owner = ownership(interface)
        if owner is not None and owner.name == name and owner.service.endswith("Load Balancer"):
            call = ("DescribeClassicLoadBalancers", "LoadBalancerNames")
            call = call if owner.service.startswith("Classic") else ("DescribeLoadBalancers", "Names")
            missing = account.source.ask(Query(*call, name))
            return None if missing is None or missing.pending else missing
    return None


def _read_instead(account: Account) -> str:
    """What was read where an ARN is not found. Live, its own account and Region were asked: else it is no answer."""
    if getattr(account.source, "region", None):
        return "there is none"
    read = arns.places_read(account)
    return f"what was read is of {read}" if read else ""


def ambiguous(what: str, text: str, message: str, lines: Iterable[str]) -> EndpointError:
    """What to raise for an end that several things could be, with a line for each that names it alone."""
    candidates = list(lines)
    if len(candidates) > _MOST_CANDIDATES:
        candidates[_MOST_CANDIDATES:] = [f"and {len(candidates) - _MOST_CANDIDATES} more"]
    return EndpointError(f"{what}: '{clean(text)}' is ambiguous, {message}; use one of these:", tuple(candidates))
