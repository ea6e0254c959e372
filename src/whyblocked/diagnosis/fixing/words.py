"""What resources are called in fixes."""

from __future__ import annotations

from whyblocked.config.account import Account
from whyblocked.config.resources import name_tag
from whyblocked.text import clean

_LONGEST = 60


def called(account: Account, resource_id: str) -> str:
    """An id with the name that people know it by: ``sg-0a1 (web)``."""
    name = name_of(account, resource_id)
    return f"{resource_id} ({clean(name, _LONGEST)})" if name else resource_id


def name_of(account: Account, resource_id: str) -> str | None:
    """The ``Name`` tag of a resource, of a group its own name."""
    group = account.security_groups.get(resource_id)
    if group is not None:
        return group.group_name or name_tag(group.tags)
    listed = account.managed_lists.get(resource_id)
    if listed is not None:
        return listed.prefix_list_name
    resource = (
        account.network_acls.get(resource_id)
        or account.route_tables.get(resource_id)
        or account.instances.get(resource_id)
        or account.subnets.get(resource_id)
        or account.vpcs.get(resource_id)
        or account.internet_gateways.get(resource_id)
        or account.nat_gateways.get(resource_id)
        or account.peerings.get(resource_id)
        or account.transit_gateways.get(resource_id)
        or account.transit_tables.get(resource_id)
    )
    return name_tag(resource.tags) if resource is not None else None


def counted(count: int, noun: str) -> str:
    """``1 interface``, ``14 interfaces``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
