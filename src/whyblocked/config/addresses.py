"""The addresses of an interface."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

from whyblocked.config import resources as r

Ip = IPv4Address | IPv6Address


def private_addresses(interface: r.NetworkInterface) -> tuple[Ip, ...]:
    """The addresses that the interface answers to inside AWS: private IPv4, primary first, then IPv6."""
    texts = [interface.private_ip_address] if interface.private_ip_address else []
    more = interface.private_ip_addresses
    texts += [a.private_ip_address for a in (sorted(more, key=lambda a: not a.primary) if len(more) > 1 else more)]
    texts += [a.ipv6_address for a in interface.ipv6_addresses]
    found = [r.address(text) for text in dict.fromkeys(texts)]
    if sum(address.version == 6 for address in found) > 1:  # one of those may be written in several ways
        return tuple(dict.fromkeys(found))
    return tuple(found)


def public_addresses(interface: r.NetworkInterface) -> tuple[tuple[IPv4Address, IPv4Address], ...]:
    """Pairs of private and public IPv4 address, primary first."""
    return _associated(interface, lambda association: association.public_ip)


def carrier_addresses(interface: r.NetworkInterface) -> tuple[tuple[IPv4Address, IPv4Address], ...]:
    """Pairs of private and carrier IPv4 address, primary first."""
    return _associated(interface, lambda association: association.carrier_ip)


def _associated(
    interface: r.NetworkInterface, address_of: Callable[[r.Association], str | None]
) -> tuple[tuple[IPv4Address, IPv4Address], ...]:
    pairs: dict[str, str] = {}
    for private, association in (
        (interface.private_ip_address, interface.association),
        *((one.private_ip_address, one.association) for one in interface.private_ip_addresses),
    ):
        if private and association and (outside := address_of(association)):
            pairs.setdefault(private, outside)
    return tuple((_ipv4(private), _ipv4(outside)) for private, outside in pairs.items())


def _ipv4(text: str) -> IPv4Address:
    found = r.address(text)
    if not isinstance(found, IPv4Address):
        raise ValueError(f"{text!r} is not an IPv4 address")
    return found


def delegated_prefixes(interface: r.NetworkInterface) -> tuple[str, ...]:
    """Blocks delegated to the interface; their addresses count as its own."""
    if not interface.ipv4_prefixes and not interface.ipv6_prefixes:
        return ()  # as of nearly all, and all interfaces are asked
    blocks = [p.ipv4_prefix for p in interface.ipv4_prefixes] + [p.ipv6_prefix for p in interface.ipv6_prefixes]
    return tuple(block for block in blocks if block)


def device_index(interface: r.NetworkInterface) -> int:
    """The device index of an attached interface (0 is the primary); detached ones come last."""
    if interface.attachment is None or interface.attachment.device_index is None:
        return 1 << 16
    return interface.attachment.device_index
