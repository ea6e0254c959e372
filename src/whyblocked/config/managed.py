"""The resources of services in one form: how each is called, and where its network interfaces are.

How an interface tells whose it is stands in its description and requester, which services fill in by habit, not by
contract; the ids and addresses that a service's own API gives go first.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeVar

from whyblocked.config import resources as r
from whyblocked.config.account import Account

R = TypeVar("R", bound=r.Resource)


class Managed(NamedTuple):
    """A resource of a service.

    ``what`` says of which kind, ``name`` is how the answer calls it, ``aliases`` are its other names and ARNs and
    ``hosts`` its DNS names; ``short`` names count where nothing else is called so. Its interfaces are
    ``interface_ids``, or those that have ``addresses``, or those in ``subnets`` with just ``groups`` whose description
    fits ``described`` (in ``zone`` where it is in one), or those of ``instance_ids``, its hosts. ``parts`` names the
    resources that it consists of instead. ``sends``: it makes connections from each of its interfaces and accepts none.
    ``remark`` says why it can't be an end, ``notes`` are for the reader, ``lacks`` is what to ask for to know all this.
    """

    what: str
    name: str
    aliases: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    short: tuple[str, ...] = ()
    vpc_id: str | None = None
    subnets: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    zone: str | None = None
    interface_ids: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    instance_ids: tuple[str, ...] = ()
    described: str = ""
    parts: tuple[tuple[str, str], ...] = ()
    public: bool = False
    ipv6: bool = False
    sends: bool = False
    port: int | None = None
    remark: str = ""
    notes: tuple[str, ...] = ()
    lacks: tuple[tuple[str, str, str], ...] = ()


def of(account: Account, kind: type[R]) -> list[R]:
    return [one for one in account.managed.get(kind, {}).values() if isinstance(one, kind)]


def texts(*values: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))


def subnet_ids(subnets: Iterable[r.SubnetInGroup]) -> tuple[str, ...]:
    return tuple(subnet.subnet_identifier for subnet in subnets)
