"""Who has an address: the instance or interface behind it, by the name that people gave it."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

from whyblocked.config.account import Account, Missing
from whyblocked.config.addresses import Ip
from whyblocked.config.ownership import ownership
from whyblocked.config.resources import NetworkInterface, name_tag
from whyblocked.network.addresses import is_public


def owners(account: Account, addresses: Iterable[str], interface_ids: Iterable[str]) -> dict[str, str]:
    """The names of these addresses and interfaces; of what nobody here has, or has named, there is none."""
    wanted = [ip_address(text) for text in sorted(set(addresses)) if "." in text or ":" in text]
    ids = sorted(set(interface_ids))
    while True:
        found, pending = _look(account, wanted, ids)
        if not pending or not account.advance():
            return found


def _look(account: Account, addresses: list[Ip], interface_ids: list[str]) -> tuple[dict[str, str], bool]:
    names: dict[str, str] = {}
    pending = False
    known: list[tuple[str, NetworkInterface]] = []
    for address in addresses:
        owner = _owner(account, address)
        if isinstance(owner, Missing):
            pending |= owner.pending
        elif owner is not None:
            known.append((str(address), owner))
    known += [(name, account.interfaces[name]) for name in interface_ids if name in account.interfaces]
    for text, interface in known:
        name, waits = _name(account, interface)
        pending |= waits
        if name:
            names[text] = name
    return names, pending


def _owner(account: Account, address: Ip) -> NetworkInterface | Missing | None:
    """The one interface that has an address; None where VPCs overlap, and it is any of several."""
    if address.version == 4 and is_public(address):
        pair = account.public_owner(address)
        return pair[0] if isinstance(pair, tuple) else pair
    found = account.owners(address)
    if isinstance(found, Missing):
        return found
    return found[0] if len(found) == 1 else None


def _own_name(interface: NetworkInterface) -> str | None:
    """By its ``Name``, else by the service that it belongs to, else as it is described."""
    owner = ownership(interface)
    return name_tag(interface.tag_set) or (str(owner) if owner else interface.description) or None


def _name(account: Account, interface: NetworkInterface) -> tuple[str | None, bool]:
    """The name of an interface or its instance, and whether it has yet to be fetched."""
    instance_id = interface.attachment.instance_id if interface.attachment else None
    if not instance_id:
        return _own_name(interface), False
    instance = account.instance(instance_id)
    if isinstance(instance, Missing):
        return _own_name(interface) or instance_id, instance.pending
    return name_tag(instance.tags) or name_tag(interface.tag_set) or instance_id, False
