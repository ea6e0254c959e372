"""The few values that the reference evaluator passes around."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

Json = dict[str, Any]
Leg = Literal["forward", "return"]
Verdict = Literal["allowed", "blocked", "undetermined"]
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
PROTOCOL_NUMBERS = {"icmp": ICMP, "tcp": TCP, "udp": UDP, "icmpv6": ICMPV6, "all": -1}
# Message types that are answered, and with what (RFC 792, RFC 950, RFC 4443).
ICMP_REPLIES = {(ICMP, 8): 0, (ICMP, 13): 14, (ICMP, 15): 16, (ICMP, 17): 18, (ICMPV6, 128): 129}


@cache
def address(text: str) -> IPAddress:
    return ipaddress.ip_address(text)


@cache
def network(text: str) -> IPNetwork:
    return ipaddress.ip_network(text, strict=False)


def inside(text: str, cidr: str) -> bool:
    """IPv4 and IPv6 are two independent worlds (facts 0)."""
    return address(text).version == network(cidr).version and address(text) in network(cidr)


def is_private(text: str) -> bool:
    """What an internet gateway refuses (facts 4.1: RFC 1918 and RFC 6598), and for IPv6 the unique local range."""
    return any(
        inside(text, cidr) for cidr in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
    )


def protocol_number(text: str | int) -> int:
    """Names and numbers are equal after normalising (facts 1.2)."""
    return PROTOCOL_NUMBERS[str(text).lower()] if str(text).lower() in PROTOCOL_NUMBERS else int(text)


@dataclass(frozen=True)
class Packet:
    """One concrete packet; ports are None where the protocol has none, type and code None where it is not ICMP."""

    source: str
    destination: str
    protocol: int
    source_port: int | None = None
    destination_port: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None

    def has_reply(self) -> bool:
        """Contract part 3: every protocol but the ICMP types that have no reply."""
        return self.protocol not in (ICMP, ICMPV6) or (self.protocol, self.icmp_type) in ICMP_REPLIES

    def reply(self) -> Packet:
        turned = replace(
            self,
            source=self.destination,
            destination=self.source,
            source_port=self.destination_port,
            destination_port=self.source_port,
        )
        if self.protocol in (ICMP, ICMPV6) and self.icmp_type is not None:
            answered = ICMP_REPLIES.get((self.protocol, self.icmp_type), self.icmp_type)
            turned = replace(turned, icmp_type=answered, icmp_code=0)
        return turned


@dataclass(frozen=True)
class Host:
    """Someone in a subnet: an interface of the account, or (without interface_id) a hypothetical host."""

    address: str
    subnet_id: str
    vpc_id: str
    interface_id: str | None = None
    nat_id: str | None = None


@dataclass(frozen=True)
class Internet:
    """An address outside the account."""

    address: str


@dataclass(frozen=True)
class Beyond:
    """Behind a gateway where no API looks: on premises, or a service of AWS; `gateway_id` is the way there."""

    address: str
    gateway_id: str


Place = Host | Internet | Beyond


@dataclass(frozen=True)
class Blocker:
    """`resource_ids` is empty where nothing exists that could be named (a VPC without internet gateway)."""

    leg: Leg
    layer: str
    resource_ids: tuple[str, ...]
    rule_number: int | None = None
    direction: str | None = None

    def short(self) -> tuple[str, str, str, int | None]:
        return self.leg, self.layer, ",".join(self.resource_ids), self.rule_number


@dataclass(frozen=True)
class Outcome:
    """What became of one packet and its reply.

    `complete` is False where a leg ended early (no route, unknown hop), so that more blockers may exist behind the
    last one. `target` is what a load balancer sent the packet on to: its group (None with a Classic Load Balancer),
    address and port.
    `doubts` (each of them a constant text) names decisions that AWS does not document; compare those packets loosely
    or not at all.
    """

    verdict: Verdict
    blockers: tuple[Blocker, ...]
    reason: str
    unknowns: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    complete: bool = True
    target: tuple[str | None, str, int] | None = None
