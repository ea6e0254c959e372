"""Protocols as people write them, and the ICMP type and code that go with one."""

from __future__ import annotations

from whyblocked.errors import UsageError
from whyblocked.network.asked import ALL_PROTOCOLS
from whyblocked.network.packets import ICMP, ICMPV6, TCP, UDP
from whyblocked.text import clean

# https://www.iana.org/assignments/protocol-numbers (those that people filter), and "all" as AWS names and numbers it.
NUMBERS = {
    "all": ALL_PROTOCOLS,
    "any": ALL_PROTOCOLS,
    "-1": ALL_PROTOCOLS,
    "icmp": ICMP,
    "igmp": 2,
    "ipip": 4,
    "tcp": TCP,
    "egp": 8,
    "igp": 9,
    "udp": UDP,
    "dccp": 33,
    "ipv6": 41,
    "rsvp": 46,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "icmpv6": ICMPV6,
    "icmp6": ICMPV6,
    "ipv6-icmp": ICMPV6,
    "eigrp": 88,
    "ospf": 89,
    "etherip": 97,
    "pim": 103,
    "ipcomp": 108,
    "vrrp": 112,
    "l2tp": 115,
    "sctp": 132,
    "udplite": 136,
    "mpls-in-ip": 137,
}
_NAMES = {ALL_PROTOCOLS: "all", ICMP: "icmp", TCP: "tcp", UDP: "udp", ICMPV6: "icmpv6"}

ECHO_REQUEST = {ICMP: 8, ICMPV6: 128}
ECHO_REPLY = {ICMP: 0, ICMPV6: 129}


def parse_protocol(text: str, what: str = "protocol") -> int:
    """The IANA number of a protocol, -1 for all of them."""
    if not text:
        raise UsageError(f"{what}: nothing behind the slash: tcp, udp, icmp, icmpv6, all or a number")
    number = NUMBERS.get(text.lower())
    if number is not None:
        return number
    if text.isascii() and text.isdigit():
        if len(text) > 3 or int(text) > 255:
            raise UsageError(f"{what}: {clean(text, 40)} is higher than the highest protocol number, 255")
        return int(text)
    raise UsageError(f"{what}: '{clean(text, 40)}' is none: tcp, udp, icmp, icmpv6, all or a number")


def format_protocol(number: int) -> str:
    """``tcp``, ``udp``, ``icmp``, ``icmpv6``, ``all`` or the number."""
    return _NAMES.get(number, str(number))


def has_ports(protocol: int) -> bool:
    """Whether AWS filters the protocol by port: only TCP and UDP."""
    return protocol in (TCP, UDP)


def parse_icmp(protocol: int, icmp_type: str | None, icmp_code: str | None) -> tuple[int | None, int | None]:
    """Type and code for a protocol, None for those that are no ICMP; echo request where nothing is given.

    A type given alone means all of its codes, but for echo, which has only code 0.
    """
    if protocol not in ECHO_REQUEST:
        given = "--icmp-type" if icmp_type is not None else "--icmp-code" if icmp_code is not None else None
        if given:
            raise UsageError(f"{given} goes with /icmp or /icmpv6, not with {format_protocol(protocol)}")
        return None, None
    if icmp_type is None:
        if icmp_code is not None:
            raise UsageError("--icmp-code needs --icmp-type: a code means nothing without its type")
        return ECHO_REQUEST[protocol], 0
    kind = _icmp_number(icmp_type, "--icmp-type")
    if icmp_code is None:
        return kind, 0 if kind in (ECHO_REQUEST[protocol], ECHO_REPLY[protocol]) else -1
    code = _icmp_number(icmp_code, "--icmp-code")
    if kind == -1 and code != -1:
        raise UsageError("--icmp-code: a code means nothing for all types: name the type")
    return kind, code


def _icmp_number(text: str, option: str) -> int:
    if text.lower() in ("-1", "all"):
        return -1
    if text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 255:
        return int(text)
    raise UsageError(f"{option}: '{clean(text, 40)}' is no number from 0 to 255, nor all")
