"""Suricata rules as far as the header of a packet decides them.

A rule's header (protocol, addresses, ports, direction) becomes boxes of packets; a rule whose options look further
than the header is kept, but not ``sure``: it may or may not match what its header covers.
https://docs.aws.amazon.com/network-firewall/latest/developerguide/suricata-rule-evaluation-order.html
https://docs.suricata.io/en/suricata-7.0.8/rules/intro.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any, Literal

import msgspec

from whyblocked.config.account import Missing
from whyblocked.network.packets import (
    ALL_PORTS,
    ALL_PROTOCOLS,
    EVERYWHERE,
    ICMP,
    ICMPV6,
    TCP,
    UDP,
    Interval,
    Packets,
    join_intervals,
    span,
    subtract_intervals,
)

Way = Literal["request", "reply", "both"]

# Options that say nothing about which packets match.
_REMARKS = frozenset(
    ("msg", "sid", "rev", "gid", "classtype", "priority", "metadata", "reference", "target", "noalert", "alert")
)
_REQUESTS, _REPLIES = frozenset(("to_server", "from_client")), frozenset(("to_client", "from_server"))
_HEADER_PROTOCOLS: dict[str, tuple[tuple[int, Interval], ...]] = {
    **dict.fromkeys(("ip", "any", "pkthdr"), ((4, ALL_PROTOCOLS), (6, ALL_PROTOCOLS))),
    **dict.fromkeys(("ipv4", "ip4"), ((4, ALL_PROTOCOLS),)),
    **dict.fromkeys(("ipv6", "ip6"), ((6, ALL_PROTOCOLS),)),
    **dict.fromkeys(("tcp", "tcp-pkt", "tcp-stream"), ((4, (TCP, TCP)), (6, (TCP, TCP)))),
    "udp": ((4, (UDP, UDP)), (6, (UDP, UDP))),
    "icmp": ((4, (ICMP, ICMP)), (6, (ICMPV6, ICMPV6))),
    "icmpv4": ((4, (ICMP, ICMP)),),
    **dict.fromkeys(("icmpv6", "ipv6-icmp"), ((6, (ICMPV6, ICMPV6)),)),
    "sctp": ((4, (132, 132)), (6, (132, 132))),
}
_OVER_UDP = frozenset(("tftp", "ntp", "dhcp", "quic", "ike", "ikev2", "snmp"))
_OVER_BOTH = frozenset(("dns", "krb5", "sip", "nfs"))


class Header(msgspec.Struct, frozen=True):
    """A rule taken apart: its header as texts, its options in order."""

    action: str
    protocol: str
    source: str
    source_ports: str
    both_ways: bool
    destination: str
    destination_ports: str
    options: tuple[tuple[str, str], ...]


class FirewallRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule of a firewall over packets of one IP version.

    ``action`` is what it does (``pass``, ``drop``, ``reject``, ``forward``, or ``either`` where that can't be told).
    ``sure``: whatever is in its boxes matches; else ``why`` says what its match hangs on. ``way``: which packets of a
    connection it looks at. ``payload``: it can only match once a connection has carried data.
    """

    action: str
    boxes: tuple[Packets, ...]
    sure: bool = True
    why: str = ""
    way: Way = "both"
    payload: bool = False
    group: str = ""
    group_arn: str = ""
    label: str = ""
    details: tuple[tuple[str, str | int], ...] = ()


class Unresolved(Exception):
    """What a rule's addresses or ports refer to is not known."""

    def __init__(self, missing: Missing | str) -> None:
        super().__init__(str(missing))


Variables = Callable[[str], Sequence[str]]
"""The definition of a variable (``$NAME``) or reference (``@NAME``); raises :class:`Unresolved`."""


# -- text -----------------------------------------------------------------------------------------------------------


def parse(text: str) -> Iterator[Header | str]:
    """The rules in a text, in its order; a line that can't be read as one comes as it is."""
    for line in text.replace("\\\r\n", " ").replace("\\\n", " ").splitlines():
        rule = line.strip()
        if rule and not rule.startswith("#"):
            yield _rule(rule) or rule


def _rule(line: str) -> Header | None:
    head, opened, tail = line.partition("(")
    words = _words(head)
    if not opened or len(words) != 7 or words[4] not in ("->", "<>"):
        return None
    action, protocol, source, source_ports, arrow, destination, destination_ports = words
    options = tuple(_options(tail.rstrip().removesuffix(")")))
    return Header(
        action.lower(), protocol.lower(), source, source_ports, arrow == "<>", destination, destination_ports, options
    )


def _words(head: str) -> list[str]:
    """The words of a header; blanks inside brackets part none."""
    words, depth, word = [], 0, ""
    for char in head:
        depth += (char == "[") - (char == "]")
        if not char.isspace():
            word += char
        elif word and not depth:
            words.append(word)
            word = ""
    return [*words, word] if word else words


def _options(text: str) -> Iterator[tuple[str, str]]:
    """Keyword and setting of each option; a semicolon in quotes or behind a backslash ends none."""
    for option in re.findall(r'(?:[^;"\\]|\\.|"(?:[^"\\]|\\.)*")+', text):
        keyword, _, setting = option.strip().partition(":")
        if keyword.strip():
            yield keyword.strip().lower(), setting.strip().strip('"')


# -- addresses and ports --------------------------------------------------------------------------------------------


def addresses(text: str, version: int, variables: Variables, depth: int = 0) -> list[Interval]:
    """The addresses of one IP version that an expression covers."""

    def one(word: str) -> list[Interval] | None:
        if "-" in word and ":" not in word and "/" not in word:
            low, _, high = word.partition("-")
            first, last = ip_address(low.strip()), ip_address(high.strip())
            return [(int(first), int(last))] if first.version == version else []
        network = ip_network(word, strict=False)
        return [span(network)] if network.version == version else []

    return _expression(text, EVERYWHERE[version], one, variables, depth)


def ports(text: str, variables: Variables) -> list[Interval]:
    """The ports that an expression covers."""

    def one(word: str) -> list[Interval] | None:
        low, ranged, high = word.partition(":")
        first = int(low) if low else 0
        last = (int(high) if high else ALL_PORTS[1]) if ranged else first
        return [(first, last)] if 0 <= first <= last <= ALL_PORTS[1] else None

    return _expression(text, ALL_PORTS, one, variables, 0)


def _expression(
    text: str, everything: Interval, one: Callable[[str], list[Interval] | None], variables: Variables, depth: int
) -> list[Interval]:
    """``any``, a value, ``!...``, ``[a, b, !c]``, ``$NAME``, ``@NAME``."""
    text = text.strip()
    if depth > 8:
        raise Unresolved(f"{text} refers to itself")
    if text.lower() == "any":
        return [everything]
    if text.startswith("!"):
        return subtract_intervals([everything], _expression(text[1:], everything, one, variables, depth + 1))
    if text.startswith("["):
        return _union(_items(text[1:].removesuffix("]")), everything, one, variables, depth + 1)
    if text.startswith(("$", "@")):
        return _union(list(variables(text)), everything, one, variables, depth + 1)
    try:
        found = one(text)
    except ValueError:
        found = None
    if found is None:
        raise Unresolved(f"{text} is not understood")
    return found


def _union(
    items: Sequence[str],
    everything: Interval,
    one: Callable[[str], list[Interval] | None],
    variables: Variables,
    depth: int,
) -> list[Interval]:
    taken = [item.strip().removeprefix("!") for item in items if item.strip().startswith("!")]
    given = [item for item in items if not item.strip().startswith("!")]
    covered = [part for item in given for part in _expression(item, everything, one, variables, depth)]
    if taken and not given:
        covered = [everything]
    out = [part for item in taken for part in _expression(item, everything, one, variables, depth)]
    return subtract_intervals(join_intervals(covered), out)


def _items(text: str) -> list[str]:
    """The items of a list, those of lists inside it kept together."""
    items, depth, item = [], 0, ""
    for char in text:
        depth += (char == "[") - (char == "]")
        if char == "," and not depth:
            items.append(item)
            item = ""
        else:
            item += char
    return [found for found in (*items, item) if found.strip()]


# -- rules ----------------------------------------------------------------------------------------------------------


def compiled(header: Header, version: int, variables: Variables, origin: Mapping[str, Any]) -> FirewallRule | None:
    """A rule over packets of one IP version; None where it is about the other."""
    known = _HEADER_PROTOCOLS.get(header.protocol)
    why = [] if known else [f"it looks into {header.protocol}"]
    spans = [protocol for of, protocol in known if of == version] if known else _transports(header.protocol)
    icmp, way, others = _icmp_of(header), _way_of(header), _undecidable(header)
    if not spans:
        return None
    why += [f"option {keyword}" for keyword in others]
    try:
        sources = addresses(header.source, version, variables)
        destinations = addresses(header.destination, version, variables)
        from_ports, to_ports = ports(header.source_ports, variables), ports(header.destination_ports, variables)
    except Unresolved as unresolved:
        why.append(str(unresolved))
        sources = destinations = [EVERYWHERE[version]]
        from_ports = to_ports = [ALL_PORTS]
    if ALL_PROTOCOLS in spans and (from_ports, to_ports) != ([ALL_PORTS], [ALL_PORTS]):
        spans = [(TCP, TCP), (UDP, UDP)]
    types, codes = icmp
    boxes = [
        Packets(version, source, destination, protocol, sport, dport)
        for protocol in spans
        for source in sources
        for destination in destinations
        for sport, dport in _port_pairs(protocol, from_ports, to_ports, types, codes)
    ]
    if header.both_ways:
        boxes += [box.turned() for box in boxes if box.turned() != box]
    about = dict(header.options)
    return FirewallRule(
        action={"rejectsrc": "reject", "rejectdst": "reject", "rejectboth": "reject"}.get(header.action, header.action),
        boxes=tuple(dict.fromkeys(boxes)),
        sure=not why,
        why=", ".join(why),
        way=way,
        payload=known is None,
        label=f"rule {about['sid']}" if "sid" in about else f"rule '{header.action} {header.protocol}'",
        details=tuple((key, about[key]) for key in ("sid", "msg") if key in about),
        **origin,
    )


def _transports(protocol: str) -> list[Interval]:
    """What carries an application's protocol."""
    if protocol in _OVER_UDP:
        return [(UDP, UDP)]
    return [(TCP, TCP), (UDP, UDP)] if protocol in _OVER_BOTH else [(TCP, TCP)]


def _port_pairs(
    protocol: Interval,
    from_ports: list[Interval],
    to_ports: list[Interval],
    types: Interval,
    codes: Interval,
) -> Iterator[tuple[Interval, Interval]]:
    """Source and destination ports; for ICMP code and type stand there, and the header's ports mean nothing."""
    if protocol in ((ICMP, ICMP), (ICMPV6, ICMPV6)):
        yield codes, types
    elif protocol in ((TCP, TCP), (UDP, UDP), (132, 132), ALL_PROTOCOLS):
        yield from ((sport, dport) for sport in from_ports for dport in to_ports)
    else:
        yield ALL_PORTS, ALL_PORTS


def _icmp_of(header: Header) -> tuple[Interval, Interval]:
    found = dict(header.options)
    types, codes = (
        (int(found[key]), int(found[key])) if found.get(key, "").isdigit() else ALL_PORTS for key in ("itype", "icode")
    )
    return types, codes


def _flow(header: Header) -> list[str]:
    settings = ",".join(setting for keyword, setting in header.options if keyword == "flow")
    return [word.strip().lower() for word in settings.split(",") if word.strip()]


def _way_of(header: Header) -> Way:
    words = set(_flow(header))
    if words & _REQUESTS:
        return "request"
    return "reply" if words & _REPLIES else "both"


def _undecidable(header: Header) -> list[str]:
    """The options on which the match hangs beyond the header."""
    found = [
        keyword
        for keyword, setting in header.options
        if keyword not in _REMARKS
        and keyword != "flow"
        and not (keyword in ("itype", "icode") and setting.isdigit() and header.protocol.startswith("icmp"))
    ]
    words = set(_flow(header)) - _REQUESTS - _REPLIES - {"stateless", "established", "not_established"}
    if words:
        found.append(f"flow:{','.join(sorted(words))}")
    elif header.action == "pass" and "established" in _flow(header):
        found.append("flow:established")  # it passes what a connection carries, not what opens it
    return list(dict.fromkeys(found))


def opens_only(header: Header) -> bool:
    """Whether a rule passes what opens a connection, and leaves all else to other rules."""
    return header.action == "pass" and "not_established" in _flow(header)
