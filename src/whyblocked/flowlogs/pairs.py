"""Requests that were accepted and replies that were rejected: pairs of records that tell which layer was at work."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from whyblocked.flowlogs.fields import Format
from whyblocked.flowlogs.files import files_below, read_path
from whyblocked.flowlogs.groups import NONE, PORTS, UNKNOWN
from whyblocked.flowlogs.records import Record, Scan, Wanted

LARGE = 4 << 20  # bytes of files (gzip's count eightfold) from which the accepted records are not read for this
FIRST_EPHEMERAL = 1024
CLIENTS = 32768  # from here on, ports that clients use, and few servers
_PACKED = 8

Flow = tuple[str, str, str, int, int]  # interface, source, destination, destination port (NONE: has none), protocol


class Pairs:
    """``answered`` are the rejected flows that reply to an accepted request at their interface, ``passed`` those that
    were accepted there at another time; ``seen``: there are accepted records at all, so that the others reply to none.
    """

    def __init__(self, rejected: Iterable[Flow]) -> None:
        self._rejected = frozenset(rejected)
        self.interfaces = frozenset(flow[0] for flow in self._rejected)
        self.answered: set[Flow] = set()
        self.passed: set[Flow] = set()
        self.seen = False

    def add(self, record: Record) -> None:
        """Look at one record."""
        if not record.accepted:
            return
        interface, protocol = record.interface_id or UNKNOWN, NONE if record.protocol is None else record.protocol
        source, destination = record.source or UNKNOWN, record.destination or UNKNOWN
        port, to_port = record.source_port, record.destination_port
        if protocol not in PORTS or port is None or to_port is None:
            port = to_port = NONE
        same = (interface, source, destination, to_port, protocol)
        if same in self._rejected:
            self.passed.add(same)
        if rank(to_port) > rank(port):
            return  # this is a reply itself
        reply = (interface, destination, source, port, protocol)
        if reply in self._rejected:
            self.answered.add(reply)


def rank(port: int) -> int:
    """How much a port is a client's: 0 a service's, 2 a client's, 1 what may be either."""
    return (port >= FIRST_EPHEMERAL) + (port >= CLIENTS)


def find_pairs(
    locations: Sequence[str], forms: Sequence[Format], rejected: Iterable[Flow], since: int | None, until: int | None
) -> Pairs | None:
    """Read the accepted records of these files for the requests of rejected flows; None where they are too large, or
    are no files."""
    try:
        paths = [path for location in locations for path in files_below(Path(location), Wanted(since=since))]
        if not all(path.is_file() for path in paths) or sum(map(_size, paths)) > LARGE:  # a pipe is read but once
            return None
    except (OSError, ValueError):
        return None
    pairs = Pairs(rejected)
    wanted = Wanted(interfaces=pairs.interfaces, since=since, until=until)
    scan = Scan()
    for location in dict.fromkeys(locations):
        for records in read_path(location, forms, wanted, scan):
            for record in records:
                pairs.add(record)
    pairs.seen = scan.accepted > 0
    return pairs


def _size(path: Path) -> int:
    return path.stat().st_size * (_PACKED if path.suffix in (".gz", ".parquet") else 1)
