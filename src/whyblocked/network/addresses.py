"""Address ranges that AWS treats specially."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from whyblocked.config.addresses import Ip
from whyblocked.config.resources import Vpc
from whyblocked.network.packets import EVERYWHERE, Interval, span, subtract_intervals

RFC1918 = tuple(span(IPv4Network(block)) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
RFC6598 = span(IPv4Network("100.64.0.0/10"))
UNIQUE_LOCAL = span(IPv6Network("fc00::/7"))
_NOT_PUBLIC: dict[int, tuple[Interval, ...]] = {
    4: (
        *RFC1918,
        RFC6598,
        *(span(IPv4Network(b)) for b in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")),
    ),
    6: tuple(span(IPv6Network(b)) for b in ("::/3", "4000::/2", "8000::/1")),
}
PUBLIC: dict[int, tuple[Interval, ...]] = {
    version: tuple(subtract_intervals([EVERYWHERE[version]], taken)) for version, taken in _NOT_PUBLIC.items()
}

# Packets to these are never forwarded, even where a wider route covers them.
# https://docs.aws.amazon.com/vpc/latest/userguide/subnet-route-tables.html
NEVER_FORWARDED: dict[int, Interval] = {
    4: span(IPv4Network("169.254.168.0/22")),
    6: span(IPv6Network("fd00:ec2::/32")),
}

# The part of these that VPC Lattice answers, where a VPC is associated with a service network.
# https://docs.aws.amazon.com/vpc-lattice/latest/ug/how-it-works.html
LATTICE: dict[int, Interval] = {
    4: span(IPv4Network("169.254.171.0/24")),
    6: span(IPv6Network("fd00:ec2:80::/64")),
}

# Traffic that security groups and network ACLs do not filter.
# https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html
_SERVICES: dict[Ip, str] = {
    ip_address("169.254.169.254"): "the instance metadata service",
    ip_address("fd00:ec2::254"): "the instance metadata service",
    ip_address("169.254.169.253"): "the Amazon DNS server",
    ip_address("fd00:ec2::253"): "the Amazon DNS server",
    ip_address("169.254.169.123"): "the Amazon Time Sync Service",
    ip_address("fd00:ec2::123"): "the Amazon Time Sync Service",
    ip_address("169.254.170.2"): "the Amazon ECS task metadata",
    ip_address("169.254.169.250"): "the Windows licence activation",
    ip_address("169.254.169.251"): "the Windows licence activation",
    ip_address("fd00:ec2::250"): "the Windows licence activation",
    ip_address("255.255.255.255"): "DHCP",
}


def is_public(address: Ip) -> bool:
    """Whether an address is routed on the internet (documentation blocks count as such)."""
    number = int(address)
    return any(low <= number <= high for low, high in PUBLIC[address.version])


def unfiltered(version: int, vpc: Vpc | None, subnet_blocks: tuple[IPv4Network | IPv6Network, ...]) -> dict[int, str]:
    """The addresses that security groups, network ACLs and routes never filter traffic to, with what they are.

    Besides the link-local services: the Amazon DNS server at the base of the VPC's primary IPv4 block plus two,
    and the VPC router at the base of the subnet's block plus one.
    """
    found = {int(address): service for address, service in _SERVICES.items() if address.version == version}
    if version == 4:
        found |= {int(block.network_address) + 1: "the VPC router" for block in subnet_blocks if block.version == 4}
        if vpc is not None and vpc.cidr_block:
            found[int(ip_network(vpc.cidr_block, strict=False).network_address) + 2] = "the Amazon DNS server"
    return found


def reserved(
    address: Ip, block: IPv4Network | IPv6Network, subnet_blocks: tuple[IPv4Network | IPv6Network, ...], vpc: Vpc | None
) -> str:
    """What AWS keeps an address of a subnet's block for: the first four and the last.

    https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
    """
    service = unfiltered(block.version, vpc, subnet_blocks).get(int(address))
    if service:
        return service
    names = {0: "the network's own address", 1: "the VPC router", 2: "kept for DNS", 3: "kept for future use"}
    offset = int(address) - int(block.network_address)
    if int(address) == int(block.broadcast_address):
        return "the broadcast address"
    return names.get(offset, "")
