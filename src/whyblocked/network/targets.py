"""What the packets of a question are addressed to when they come from outside the account's interfaces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address

from whyblocked.config.account import Missing
from whyblocked.config.addresses import Ip, private_addresses, public_addresses
from whyblocked.config.resources import NetworkInterface, Subnet
from whyblocked.network.asked import Asked, End
from whyblocked.network.opening import (
    spans_of,
)
from whyblocked.network.packets import (
    Interval,
    span,
    subtract_intervals,
)
from whyblocked.network.supposed import addressed_as
from whyblocked.network.walk import Walk


class Target:
    """One destination: the addresses that the packets carry, and the interface or subnet that they are for."""

    def __init__(
        self,
        spans: Sequence[Interval],
        interface: NetworkInterface | None,
        subnet: Subnet | None,
        private: Interval | None,
    ) -> None:
        self.spans = spans
        self.interface = interface
        self.subnet = subnet
        self.private = private  # the address inside AWS where ``spans`` is the public one, else the same

    @property
    def vpc_id(self) -> str | None:
        """The VPC that it is in, also where its subnet could not be read."""
        where = self.subnet or self.interface
        return where.vpc_id if where else None

    def has_public(self, version: int) -> bool:
        """Whether the internet can address it at all."""
        return version == 6 or (self.private is not None and self.spans[0] != self.private)


def targets_of(walk: Walk, asked: Asked, version: int, *, outside: bool) -> Iterator[Target]:
    end = asked.destination
    if end.kind == "host":
        yield from _host_targets(walk, end, version, outside=outside)
    elif end.interfaces and end.network is not None:
        interface = end.interfaces[0]
        subnet = _subnet(walk, interface)
        if end.public:
            private = source_address(end, interface, 4)
            yield Target(spans_of(end, version), interface, subnet, None if private is None else (private, private))
        else:
            public = (
                dict(public_addresses(interface)).get(IPv4Address(int(end.network.network_address)))
                if version == 4
                else None
            )
            own = span(end.network)
            # A private address that was asked for is taken as it is; only the internet needs the public one.
            yield Target([(int(public), int(public))] if public and outside else [own], interface, subnet, own)
    else:
        yield from _network_targets(walk, end, version, outside=outside)


def _host_targets(walk: Walk, end: End, version: int, *, outside: bool) -> Iterator[Target]:
    for interface in end.interfaces:
        subnet = _subnet(walk, interface)
        public = public_addresses(interface) if version == 4 and outside else ()
        if public:
            private, address = public[0]
            yield Target([(int(address), int(address))], interface, subnet, (int(private), int(private)))
            continue
        own = addressed_as(interface, version)
        if not own or (outside and version == 4 and any(public_addresses(i) for i in end.interfaces)):
            continue  # from outside only the interfaces with a public address are meant, where there is one
        yield from (Target([part], interface, subnet, part) for part in own)


def _network_targets(walk: Walk, end: End, version: int, *, outside: bool) -> Iterator[Target]:
    """What lies in a block of the account: its interfaces, and for the rest a hypothetical host a subnet."""
    rest = list(spans_of(end, version))
    for subnet in walk.account.all_subnets():
        for block in (span(n) for n in subnet.networks if n.version == version):
            inside = [(max(a, block[0]), min(b, block[1])) for a, b in rest if a <= block[1] and block[0] <= b]
            rest = subtract_intervals(rest, inside)
            for part in inside:
                owned = owned_within(walk, subnet.vpc_id, version, part)
                for own, interface in owned:
                    public = dict(public_addresses(interface)).get(IPv4Address(own[0])) if version == 4 else None
                    addressed = (int(public), int(public)) if public and outside else own
                    yield Target([addressed], interface, subnet, own)
                for gap in subtract_intervals([part], [own for own, _ in owned]):
                    yield Target([gap], None, subnet, gap)


def owned_within(walk: Walk, vpc_id: str, version: int, part: Interval) -> list[tuple[Interval, NetworkInterface]]:
    """The owned addresses of a VPC in a span, with their interfaces."""
    if part[0] == part[1]:
        address: Ip = IPv4Address(part[0]) if version == 4 else IPv6Address(part[0])
        owner = walk.account.interface_at(vpc_id, address)
        if isinstance(owner, Missing):
            walk.lack(owner)
            return []
        return [(part, owner)] if owner else []
    found = walk.account.addresses_within(vpc_id, version, *part)
    if isinstance(found, Missing):
        walk.lack(found)
        return []
    return found


def _subnet(walk: Walk, interface: NetworkInterface) -> Subnet | None:
    subnet = walk.account.subnet(interface.subnet_id)
    if isinstance(subnet, Missing):
        walk.lack(subnet)
        return None
    return subnet


def source_address(end: End, interface: NetworkInterface, version: int) -> int | None:
    if end.address is not None and end.address.version == version:
        if not end.public:
            return int(end.address)
        behind = {public: private for private, public in public_addresses(interface)}
        private = behind.get(IPv4Address(int(end.address)))
        if private is not None:
            return int(private)
    return next((int(a) for a in private_addresses(interface) if a.version == version), None)
