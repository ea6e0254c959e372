"""The resources of services in an account, found by what they are called."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from weakref import WeakKeyDictionary

from whyblocked.config import compute, stores
from whyblocked.config.account import Account
from whyblocked.config.managed import Managed

_MAKERS: tuple[Callable[[Account], Iterator[Managed]], ...] = (
    stores.databases,
    stores.clusters,
    stores.proxies,
    stores.caches,
    stores.replication_groups,
    stores.serverless_caches,
    stores.warehouses,
    stores.domains,
    stores.file_systems,
    stores.brokers,
    compute.functions,
    compute.tasks,
)


class Services:
    """The resources of services in an account, by what they are called."""

    def __init__(self, account: Account) -> None:
        self.version = account.version
        self.names: dict[str, list[Managed]] = defaultdict(list)
        self.short: dict[str, list[Managed]] = defaultdict(list)
        self.hosts: dict[str, list[Managed]] = defaultdict(list)
        self.by_kind: dict[tuple[str, str], Managed] = {}
        for found in (one for make in _MAKERS for one in make(account)):
            self.by_kind.setdefault((found.what, found.name), found)
            for name in dict.fromkeys((found.name, *found.aliases)):
                self.names[name.lower()].append(found)
            for name in found.short:
                self.short[name.lower()].append(found)
            for host in dict.fromkeys(host.lower() for host in found.hosts if host):
                self.hosts[host].append(found)

    def called(self, name: str) -> list[Managed]:
        """What has this name, ARN or DNS name; a DNS name means the endpoint, not all that the resource has."""
        text = name.lower().rstrip(".")
        return self.hosts.get(text) or self.names.get(text) or self.short.get(text) or []


_known: WeakKeyDictionary[Account, Services] = WeakKeyDictionary()


def services(account: Account) -> Services:
    """The resources of services in ``account`` as it is now."""
    found = _known.get(account)
    if found is None or found.version != account.version:
        found = _known[account] = Services(account)
    return found
