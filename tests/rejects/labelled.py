"""Flows whose fate is known, and the flow log records that AWS would write of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Literal

from tests.oracle.model import ICMP, ICMPV6, TCP, UDP, Json
from tests.oracle.snapshot import Snapshot
from whyblocked.api import Session
from whyblocked.diagnosis.rejects import Explained, Rejects, RejectsRequest

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
V2 = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
)
V3 = f"{V2} vpc-id subnet-id tcp-flags type pkt-srcaddr pkt-dstaddr"
V5 = f"{V3} region az-id flow-direction"
FORMATS = (V2, V3, V5, V5.replace(" tcp-flags", ""), V3.replace(" pkt-srcaddr pkt-dstaddr", ""))


@dataclass(frozen=True)
class Verdict:
    """What refused a packet. ``number`` is that of the network ACL's rule, 32767 for the last."""

    layer: str
    leg: str
    direction: str
    ids: tuple[str, ...]
    number: int | None = None


@dataclass(frozen=True)
class Seen:
    """One packet of a flow at one interface, on its way in or out. ``verdict``: what refused it there, if anything."""

    interface_id: str
    direction: Literal["ingress", "egress"]
    leg: Literal["forward", "return"]
    source: str
    destination: str
    protocol: int
    source_port: int = 0
    destination_port: int = 0
    icmp_type: int | None = None
    verdict: Verdict | None = None

    @property
    def is_echo(self) -> bool:
        """Whether it has no ICMP type, or that of a ping or of the answer to one."""
        return self.icmp_type in ((None, 8, 128) if self.leg == "forward" else (None, 0, 129))


def record(seen: Seen, raw: Json, form: str, rng: Random, start: int = 1795424400) -> str:
    """The line that AWS writes: the interface's primary address for any other, where that is its own or foreign."""
    interface = Snapshot(raw).interface(seen.interface_id)
    srcaddr, dstaddr = seen.source, seen.destination
    if interface is not None and ":" not in seen.source:
        primary = interface["PrivateIpAddress"]
        srcaddr, dstaddr = (srcaddr, primary) if seen.direction == "ingress" else (primary, dstaddr)
    reply = seen.leg == "return"
    has_ports = seen.protocol in (TCP, UDP)
    flags = {False: (2, 2, 3), True: (18, 19, 18)}[reply] if seen.protocol == TCP else (0,)
    values = {
        "version": "5",
        "account-id": "123456789012",
        "interface-id": seen.interface_id,
        "srcaddr": srcaddr,
        "dstaddr": dstaddr,
        "srcport": str(seen.source_port if has_ports else 0),
        "dstport": str(seen.destination_port if has_ports else 0),
        "protocol": str(seen.protocol),
        "packets": str(rng.randint(1, 9)),
        "bytes": str(rng.randint(40, 900)),
        "start": str(start),
        "end": str(start + 58),
        "action": "REJECT" if seen.verdict else "ACCEPT",
        "log-status": "OK",
        "vpc-id": interface["VpcId"] if interface else "-",
        "subnet-id": interface["SubnetId"] if interface else "-",
        "tcp-flags": str(rng.choice(flags)),
        "type": "IPv6" if ":" in seen.source else "IPv4",
        "pkt-srcaddr": seen.source,
        "pkt-dstaddr": seen.destination,
        "region": "eu-west-1",
        "az-id": "euw1-az1",
        "flow-direction": seen.direction,
    }
    return " ".join(values[name] for name in form.split())


def found_in(session: Session, lines: Sequence[str], form: str) -> Rejects:
    """What ``whyblocked rejects`` finds in a file with these lines."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "flow.log")
        path.write_text("\n".join([form, *lines]) + "\n")
        return session.rejects(RejectsRequest(locations=(str(path),), top=0), NOW)


def groups_of(found: Rejects) -> dict[tuple[object, ...], Explained]:
    """The groups by what a record of theirs shows."""
    return {(g.interface_id, g.source, g.destination, g.protocol, g.destination_port): g for g in found.document.groups}


def key_of(seen: Seen, raw: Json, form: str) -> tuple[object, ...]:
    """The key of the group that a packet's record belongs to."""
    line = dict(zip(form.split(), record(seen, raw, form, Random(0)).split(), strict=True))
    ends = line.get("pkt-srcaddr", line["srcaddr"]), line.get("pkt-dstaddr", line["dstaddr"])
    names = {TCP: "tcp", UDP: "udp", ICMP: "icmp", ICMPV6: "icmpv6"}
    port = seen.destination_port if seen.protocol in (TCP, UDP) else None
    return seen.interface_id, *ends, names.get(seen.protocol, str(seen.protocol)), port


def verdict_of(group: Explained) -> Verdict | None:
    """What the product blames."""
    cause = group.cause
    if cause is None or cause.direction is None:
        return None
    number = (cause.rule or {}).get("rule_number")
    return Verdict(cause.layer, cause.leg, cause.direction, tuple(sorted(cause.resource_ids)), last_of_all(number))


def last_of_all(number: int | None) -> int | None:
    """The number of a network ACL's rule; the last has one of two."""
    return 32767 if number == 32768 else number


def distinct(flows: Iterable[list[Seen]], raw: Json, form: str) -> list[list[Seen]]:
    """The flows without those whose records could be taken for another's."""
    used: set[tuple[object, ...]] = set()
    kept = []
    for flow in flows:
        keys = [key_of(seen, raw, form) for seen in flow]
        ends = {key[:4] for key in keys} | {(key[0], key[2], key[1], key[3]) for key in keys}
        if not ends & used:
            used |= ends
            kept.append(flow)
    return kept
