"""Requests that were accepted and replies that were rejected: pairs of records that tell which layer was at work."""

from __future__ import annotations

from collections.abc import Iterable

from whyblocked.flowlogs.groups import NONE, PORTS, UNKNOWN
from whyblocked.flowlogs.records import Record

FIRST_EPHEMERAL = 1024
CLIENTS = 32768  # from here on, ports that clients use, and few servers

Flow = tuple[str, str, str, int, int]  # interface, source, destination, destination port (NONE: has none), protocol


class Pairs:
    """``answered`` are the rejected flows that reply to an accepted request at their interface, ``passed`` those that
    were accepted there at another time; ``seen``: there are accepted records at all, so that the others reply to none.
    """

    def __init__(self, rejected: Iterable[Flow]) -> None:
        self.rejected = frozenset(rejected)
        self.answered: set[Flow] = set()
        self.passed: set[Flow] = set()
        self.seen = False

    def add(self, record: Record) -> None:
        """Look at one record."""
        if not record.accepted:
            return
        self.seen = True
        interface, protocol = record.interface_id or UNKNOWN, NONE if record.protocol is None else record.protocol
        source, destination = record.source or UNKNOWN, record.destination or UNKNOWN
        port, to_port = record.source_port, record.destination_port
        if protocol not in PORTS or port is None or to_port is None:
            port = to_port = NONE
        same = (interface, source, destination, to_port, protocol)
        if same in self.rejected:
            self.passed.add(same)
        if rank(to_port) > rank(port):
            return  # this is a reply itself
        reply = (interface, destination, source, port, protocol)
        if reply in self.rejected:
            self.answered.add(reply)


def rank(port: int) -> int:
    """How much a port is a client's: 0 a service's, 2 a client's, 1 what may be either."""
    return (port >= FIRST_EPHEMERAL) + (port >= CLIENTS)
