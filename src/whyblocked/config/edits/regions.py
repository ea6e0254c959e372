"""Whether a change is asked for in the Region of what it is about: in another one AWS knows no such thing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from whyblocked.config.account import Account
from whyblocked.config.edits.kinds import Edit
from whyblocked.errors import EditError
from whyblocked.text import clean


def check_region(account: Account, edit: Edit, region: str) -> None:
    """:class:`EditError` where a resource of ``edit`` is known to be in another Region than ``region``."""
    for resource_id in _ids(edit):
        there = _region_of(account, resource_id)
        if there and there != region:
            said = f"--region {clean(region, 40)}: {clean(resource_id, 200)} is in {clean(there, 40)}"
            raise EditError(f"{said}, so AWS would not find it", edit)


def _ids(edit: Edit) -> Iterator[str]:
    """The resources that a change names itself; what its routes and rules lead to may be anywhere."""
    for value in msgspec.structs.asdict(edit).values():
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, str):
                yield one


def _region_of(account: Account, resource_id: str) -> str | None:
    """The Region of a resource; None also for what is seen from several, as a peering connection is."""
    if resource_id.startswith("arn:"):
        parts = resource_id.split(":")
        return parts[3] if len(parts) > 3 else None
    indexes: tuple[dict[str, Any], ...] = (
        *(account.security_groups, account.network_acls, account.route_tables, account.subnets),
        *(account.interfaces, account.instances, account.nat_gateways),
    )
    vpc_id = next((index[resource_id].vpc_id for index in indexes if resource_id in index), None)
    return account.region_of(vpc_id or resource_id)
