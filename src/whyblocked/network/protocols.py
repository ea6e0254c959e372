"""Protocol names and numbers as AWS writes them.

https://www.iana.org/assignments/protocol-numbers
"""

from __future__ import annotations

from functools import lru_cache

from whyblocked.network.packets import ALL_PROTOCOLS, ICMP, ICMPV6, TCP, UDP, Interval

NAMES = {ICMP: "icmp", TCP: "tcp", UDP: "udp", ICMPV6: "icmpv6"}
_NUMBERS = {name: number for number, name in NAMES.items()} | {"all": -1, "-1": -1}


def protocol_number(text: str) -> int | None:
    """The number of a protocol as the API writes it (``"tcp"``, ``"6"``), -1 for all; None if it is none."""
    number = _NUMBERS.get(text.strip().lower())
    if number is not None:
        return number
    return int(text) if text.isascii() and text.isdigit() and int(text) <= 255 else None


@lru_cache(maxsize=1024)
def protocol_span(text: str) -> Interval | None:
    """The interval of protocol numbers that a rule's protocol covers, or None if it is no protocol."""
    number = protocol_number(text)
    if number is None:
        return None
    return ALL_PROTOCOLS if number == -1 else (number, number)


def protocol_text(protocol: Interval | int) -> str:
    """``tcp``, ``udp``, ``icmp``, ``icmpv6``, ``all`` or a number (or range of numbers) as text."""
    if isinstance(protocol, int):
        return "all" if protocol == -1 else NAMES.get(protocol, str(protocol))
    if protocol == ALL_PROTOCOLS:
        return "all"
    low, high = protocol
    return NAMES.get(low, str(low)) if low == high else f"{low}-{high}"


def has_ports(protocol: Interval) -> bool:
    """Whether every protocol of the interval has ports (TCP and UDP are the two that AWS filters by port)."""
    return protocol in ((TCP, TCP), (UDP, UDP))


def is_icmp(protocol: Interval, version: int) -> bool:
    """Whether the interval is the ICMP of this IP version, so that types and codes apply."""
    return protocol == ((ICMP, ICMP) if version == 4 else (ICMPV6, ICMPV6))
