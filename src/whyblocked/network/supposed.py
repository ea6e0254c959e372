"""An interface that is not there, or not to be seen: a service has it, or will make it, somewhere in a subnet.

Its groups and its subnet are known, its address is any that the subnet has free. Rules are asked about all of these.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_network

from whyblocked.config.addresses import delegated_prefixes, private_addresses
from whyblocked.config.resources import GroupIdentifier, NetworkInterface, Subnet
from whyblocked.network.packets import Interval, join_intervals, span, subtract_intervals

_FIRST, _LAST = 4, 1  # https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html


class Supposed(NetworkInterface, frozen=True):
    """``free`` are the addresses that it may have: IP version, lowest, highest."""

    free: tuple[tuple[int, int, int], ...] = ()


def suppose(
    name: str, kind: str | None, subnet: Subnet, groups: Iterable[str], owned: Iterable[NetworkInterface], *, ipv6: bool
) -> Supposed:
    """The interface of type ``kind`` that ``name`` has in ``subnet``, where ``owned`` are the others.

    IPv6 only where ``ipv6`` says so.
    """
    free: list[tuple[int, int, int]] = []
    others = list(owned)
    for network in subnet.networks:
        if network.version == 6 and not ipv6:
            continue
        low, high = span(network)
        if high - low < _FIRST + _LAST:  # no subnet of AWS's is that small
            continue
        taken = [own for interface in others for own in spans_of_interface(interface, network.version)]
        left = subtract_intervals([(low + _FIRST, high - _LAST)], taken)
        free += [(network.version, *part) for part in left]
    return Supposed(
        network_interface_id=f"{name}@{subnet.subnet_id}",
        vpc_id=subnet.vpc_id,
        subnet_id=subnet.subnet_id,
        groups=tuple(GroupIdentifier(group_id=group) for group in groups),
        availability_zone=subnet.availability_zone,
        description=name,
        interface_type=kind,
        status="in-use",
        free=tuple(free),
    )


def spans_of_interface(interface: NetworkInterface, version: int) -> list[Interval]:
    """All addresses of one IP version that an interface answers to, or may have."""
    if isinstance(interface, Supposed):
        return [(low, high) for of, low, high in interface.free if of == version]
    spans = [span(address) for address in private_addresses(interface) if address.version == version]
    networks = (ip_network(block, strict=False) for block in delegated_prefixes(interface))
    return join_intervals([*spans, *(span(network) for network in networks if network.version == version)])


def addressed_as(interface: NetworkInterface, version: int) -> list[Interval]:
    """The addresses that stand for an interface that was named: its first one, or all that it may have."""
    if isinstance(interface, Supposed):
        return spans_of_interface(interface, version)
    own = next((int(a) for a in private_addresses(interface) if a.version == version), None)
    return [] if own is None else [(own, own)]
