"""Rules, packets, kinds and times in words: the one vocabulary of all reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Literal

from msgspec import structs

from whyblocked.diagnosis.answer import Asking, Leg, PacketSet
from whyblocked.diagnosis.phrases import EVERY_PORT, icmp_words, rule_words

__all__ = ["rule_words"]

Mark = Literal["yes", "no", "unknown", "pass"]

LEG_WORDS: dict[Leg, str] = {"forward": "on the way there", "return": "on the way back"}
_KINDS = {
    "network-acl": "network ACL",
    "nat-gateway": "NAT gateway",
    "vpc": "VPC",
    "vpc-peering": "VPC peering",
    "vpc-endpoint": "VPC endpoint",
    "vpn-gateway": "VPN gateway",
    "block-public-access": "VPC block public access",
}
_LISTED = 12  # blocks of a set that are named one by one; `internet` is a set of a hundred


def kind_words(kind: str) -> str:
    """``network-acl`` -> ``network ACL``."""
    return _KINDS.get(kind) or kind.replace("-", " ")


def names_words(ids: Iterable[str], names: Mapping[str, str]) -> str:
    """``sg-0a1 (web), sg-0b2``; of an ARN what stands behind account and Region, which the report says elsewhere."""
    return ", ".join(f"{short(id_)} ({names[id_]})" if id_ in names else short(id_) for id_ in ids)


def short(id_: str) -> str:
    """An id, of an ARN the resource alone."""
    return id_.split(":", 5)[-1] if id_.startswith("arn:") else id_


def question_words(asking: Asking, names: Mapping[str, str]) -> str:
    """The question in one line, as it was understood: ``203.0.113.5 -> i-0abc (web-1) tcp/22``."""
    ends = [f"{end} ({names[end]})" if end in names else end for end in (asking.source, asking.destination)]
    return f"{ends[0]} -> {ends[1]} {_asked(asking)}"


def _asked(asking: Asking) -> str:
    if asking.icmp_type is not None:
        return icmp_words(asking.protocol, asking.icmp_type, asking.icmp_code)
    if asking.destination_port is not None:
        return f"{asking.protocol}/{asking.destination_port}"
    words = _protocol(asking.protocol)
    return f"{words}, every port" if words in ("tcp", "udp") else words


def packet_words(packets: PacketSet) -> str:
    """A set of packets: ``tcp 203.0.113.5 -> 10.0.1.10 port 22 (source ports 1024-65535)``."""
    words = f"{_protocol(packets.protocol)} {block_words(packets.source)} -> {block_words(packets.destination)}"
    if packets.destination_ports not in (None, EVERY_PORT):
        words += f" {ports_words(packets.destination_ports)}"
    if packets.icmp_type is not None:
        words += f" type {packets.icmp_type}" + ("" if packets.icmp_code is None else f" code {packets.icmp_code}")
    if packets.source_ports not in (None, EVERY_PORT):
        words += f" (source {ports_words(packets.source_ports)})"
    return words


def reply_words(asked: PacketSet) -> str:
    """The replies of a blocker on the way back, whose packets are told from the question's side, as on the wire."""
    return packet_words(
        structs.replace(
            asked,
            source=asked.destination,
            destination=asked.source,
            source_ports=asked.destination_ports,
            destination_ports=asked.source_ports,
        )
    )


def difference_words(packets: PacketSet, others: list[PacketSet]) -> str:
    """What sets ``packets`` apart from ``others``: ``ports 1024-32767``; empty where nothing does."""
    words = {
        "protocol": _protocol(packets.protocol),
        "source": f"from {block_words(packets.source)}",
        "destination": f"to {block_words(packets.destination)}",
        "destination_ports": ports_words(packets.destination_ports),
        "source_ports": f"source {ports_words(packets.source_ports)}",
        "icmp_type": f"type {packets.icmp_type}",
        "icmp_code": f"code {packets.icmp_code}",
    }
    mine = {field: getattr(packets, field) for field in words}
    return ", ".join(
        words[field]
        for field, value in mine.items()
        if value is not None and any(getattr(other, field) != value for other in others)
    )


def block_words(blocks: str) -> str:
    """Blocks without the /32 of single addresses; very long lists say how many more there are."""
    parts = [part.strip() for part in blocks.split(",")]
    words = [part.removesuffix("/128" if ":" in part else "/32") for part in parts]
    if len(words) > _LISTED:
        words[_LISTED - 2 :] = [f"{len(words) - _LISTED + 2} more blocks"]
    return ", ".join(words)


def _protocol(protocol: str) -> str:
    return f"protocol {protocol}" if protocol.isdigit() else "all traffic" if protocol == "all" else protocol


def ports_words(ports: str | None) -> str:
    """``port 22``, ``ports 22,443``."""
    return f"port {ports}" if ports and ports.isdigit() else f"ports {ports}"


def count_words(count: int, one: str, many: str | None = None) -> str:
    """``1 record``, ``12,000 records``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def size_words(size: int) -> str:
    """A number of bytes: ``540 B``, ``2.9 kB``."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def span_words(first: str | None, last: str | None) -> str:
    """``2026-11-23 09:00:01 to 09:04:59 UTC``; the day once where it is the same."""
    start, end = _time(first), _time(last)
    if start is None or end is None:
        return " to ".join(text for text in (first, last) if text)
    if start == end:
        return f"{start:%Y-%m-%d %H:%M:%S} UTC"
    day = "" if start.date() == end.date() else f"{end:%Y-%m-%d} "
    return f"{start:%Y-%m-%d %H:%M:%S} to {day}{end:%H:%M:%S} UTC"


def moment_words(time: str) -> str:
    """``2026-11-23 09:00:01 UTC``, or the text itself where it is no time."""
    parsed = _time(time)
    return f"{parsed:%Y-%m-%d %H:%M:%S} UTC" if parsed else time


def clock_words(time: str) -> str:
    """``09:00``, or the text itself where it is no time."""
    parsed = _time(time)
    return f"{parsed:%H:%M}" if parsed else time


def step_words(first: str, second: str) -> str | None:
    """The time between two moments: ``5 min``."""
    start, end = _time(first), _time(second)
    if start is None or end is None or end <= start:
        return None
    seconds = int((end - start) / timedelta(seconds=1))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _time(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
