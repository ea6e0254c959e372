"""The packets of a question: which IP version, protocols, ports and addresses it is about."""

from __future__ import annotations

from collections.abc import Sequence

from whyblocked.config.account import Missing
from whyblocked.config.addresses import public_addresses
from whyblocked.config.resources import NetworkInterface, Vpc
from whyblocked.network.addresses import PUBLIC, is_public
from whyblocked.network.asked import ALL_PROTOCOLS, Asked, End, Question
from whyblocked.network.flow import Piece
from whyblocked.network.packets import (
    ALL_PORTS,
    ICMP,
    ICMPV6,
    TCP,
    UDP,
    Interval,
    Packets,
    span,
    subtract_intervals,
)
from whyblocked.network.supposed import addressed_as
from whyblocked.network.walk import Walk

UNKNOWN_CLIENT: Interval = (1024, 65535)
LINUX: Interval = (32768, 60999)
WINDOWS: Interval = (49152, 65535)


def ephemeral_ports(walk: Walk, interface: NetworkInterface | None) -> Interval:
    """The source ports that a client uses: by operating system for an instance, else the widest range.

    https://docs.aws.amazon.com/vpc/latest/userguide/custom-network-acl.html#nacl-ephemeral-ports
    """
    instance_id = interface.attachment.instance_id if interface and interface.attachment else None
    instance = walk.account.instance(instance_id) if instance_id else None
    if instance is None or isinstance(instance, Missing):
        return UNKNOWN_CLIENT
    return WINDOWS if (instance.platform or "").lower() == "windows" else LINUX


def version_of(asked: Asked) -> int:
    """The IP version that a question is about."""
    for end in (asked.source, asked.destination):
        if end.network is not None:
            return end.network.version
    hosts = [end for end in (asked.source, asked.destination) if end.kind == "host"]
    outside = len(hosts) == 1
    for end in hosts:
        if outside and any(public_addresses(i) for i in end.interfaces):
            return 4
    versions = [{v for v in (4, 6) if any(addressed_as(i, v) for i in end.interfaces)} for end in hosts]
    common = set.intersection(*versions) if versions else {4}
    if outside and 6 in common and asked.source.kind == "internet":
        return 6
    return 4 if 4 in common or not common else 6


def boxes(question: Question, version: int, source: Interval, destination: Interval, ports: Interval) -> list[Packets]:
    """The packets of the question between two spans of addresses; ``ports`` are the client's source ports."""
    asked_ports = question.destination_ports or ALL_PORTS
    sports = question.source_ports or ports
    icmp = ICMP if version == 4 else ICMPV6
    found = []
    number = question.protocol
    if number in (TCP, UDP, ALL_PROTOCOLS):
        found += [
            Packets(version, source, destination, (p, p), sports, asked_ports)
            for p in (TCP, UDP)
            if number in (p, ALL_PROTOCOLS)
        ]
    if number in (icmp, ALL_PROTOCOLS):
        found.append(
            Packets(
                version, source, destination, (icmp, icmp), _all_or(question.icmp_code), _all_or(question.icmp_type)
            )
        )
    if number == ALL_PROTOCOLS:
        others = subtract_intervals([(0, 255)], [(TCP, TCP), (UDP, UDP), (icmp, icmp)])
        found += [Packets(version, source, destination, other) for other in others]
    elif number not in (TCP, UDP, icmp):
        found.append(Packets(version, source, destination, (number, number)))
    return found


def _all_or(value: int | None) -> Interval:
    return (0, 255) if value is None or value == -1 else (value, value)


def spans_of(end: End, version: int, vpc: Vpc | None = None) -> Sequence[Interval]:
    """The addresses that an end means; the internet has none of the VPC at the other end."""
    if end.kind == "internet":
        own = [span(network) for network in vpc.networks if network.version == version] if vpc else []
        return subtract_intervals(PUBLIC[version], own)
    return [span(end.network)] if end.network is not None else []


def comes_from_outside(end: End) -> bool:
    if end.kind == "internet":
        return True
    if end.network is None or end.interfaces:
        return False
    return all(is_public(a) for a in (end.network.network_address, end.network.broadcast_address))


def pieces_between(
    asked: Asked, version: int, source: Interval, spans: Sequence[Interval], ports: Interval
) -> tuple[Piece, ...]:
    return tuple(
        Piece(box, box) for destination in spans for box in boxes(asked.question, version, source, destination, ports)
    )
