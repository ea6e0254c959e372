"""Flow log records as stories tell them, and what ``whyblocked rejects`` makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.builders import NOW, Network
from whyblocked.api import Session, snapshot
from whyblocked.diagnosis.answer import Finding
from whyblocked.diagnosis.rejects import Explained, Rejects, RejectsRequest
from whyblocked.diagnosis.request import ChangesRequest

HEADER = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action "
    "log-status tcp-flags pkt-srcaddr pkt-dstaddr flow-direction reject-reason"
)
PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58}
START = 1795424400  # 2026-11-23 09:00


def record(
    interface: str,
    flow: str,
    protocol: str = "tcp",
    *,
    accepted: bool = False,
    flags: int | None = None,
    seen: tuple[str, str] | None = None,
    direction: str = "-",
    reason: str = "-",
    packets: int = 4,
    at: int = 0,
) -> str:
    """A record of ``flow`` (``source port -> destination port``, without ports ``source -> destination``).

    What is not given is ``-``, as in a format that lacks it. ``seen`` are the interface's addresses where they differ
    from the packet's; only then has the record packet addresses.
    """
    source, destination = (end.split() for end in flow.split(" -> "))
    ports = source[1] if len(source) > 1 else "0", destination[1] if len(destination) > 1 else "0"
    shown = seen or (source[0], destination[0])
    packet = (source[0], destination[0]) if seen else ("-", "-")
    words: list[object] = [8, "123456789012", interface, *shown, *ports, PROTOCOLS.get(protocol, protocol)]
    words += [packets, packets * 60, START + at, START + at + 58, "ACCEPT" if accepted else "REJECT", "OK"]
    words += ["-" if flags is None else flags, *packet, direction, reason]
    return " ".join(map(str, words))


def rejects(net: Network, records: Sequence[str], top: int = 0) -> Rejects:
    """The rejected flows of these records in this account, with what changed since as far as its snapshot tells."""
    with TemporaryDirectory() as folder:
        log = Path(folder, "flow.log")
        log.write_text("\n".join([HEADER, *records, ""]), encoding="utf-8")
        session = Session(snapshot(net.save(Path(folder, "snapshot"))))
        return session.rejects(RejectsRequest(locations=(str(log),), top=top, changes=ChangesRequest(NOW)), NOW)


def groups(net: Network, *records: str) -> list[Explained]:
    return rejects(net, records).document.groups


def one(net: Network, *records: str) -> Explained:
    """The only group."""
    (found,) = groups(net, *records)
    return found


def cause(net: Network, *records: str) -> Finding:
    """The cause of the only group."""
    found = one(net, *records)
    assert found.status == "explained"
    assert found.cause
    return found.cause


def short(found: Finding | None) -> str:
    """``return network-acl egress acl-web rule 90``."""
    assert found
    words = [found.leg, found.layer, found.direction, *found.resource_ids]
    if found.rule:
        words.append(f"rule {found.rule['rule_number']}")
    return " ".join(filter(None, words))
