"""Groups added up in plain Python: for any container, and for whatever is small enough to need no engine."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

from whyblocked.flowlogs.fields import BIGGEST
from whyblocked.flowlogs.groups import DIRECTIONS, NONE, PORTS, SYN, UNKNOWN, Filters, Group, Table, way
from whyblocked.flowlogs.records import Record

_Key = tuple[str, str, str, int, int, int, str]
_WIDE = "q"


class Grouping:
    """Takes records as they come and keeps their sums: memory follows the groups, not the records."""

    def __init__(self, filters: Filters | None = None) -> None:
        self._keep = Keep(filters or Filters())
        self._sums: dict[_Key, list[Any]] = {}

    def add(self, records: Iterable[Record]) -> None:
        """Add up the rejected among some records."""
        for record in records:
            if not record.accepted:
                self._add(record)

    def _add(self, record: Record) -> None:
        protocol = NONE if record.protocol is None else record.protocol
        port = NONE if record.destination_port is None or protocol not in PORTS else record.destination_port
        direction = way(record.direction, record.srcaddr, record.dstaddr, record.pkt_srcaddr, record.pkt_dstaddr)
        key = (
            record.interface_id or UNKNOWN,
            record.source or UNKNOWN,
            record.destination or UNKNOWN,
            port,
            protocol,
            NONE if direction is None else DIRECTIONS.index(direction),
            record.reject_reason or "",
        )
        flags = record.tcp_flags
        self._merge(
            key,
            (1, record.packets, record.bytes),
            (record.start, record.end),
            (flags, bool(flags and flags & SYN)),
            (record.fields.get("subnet-id", UNKNOWN), record.fields.get("vpc-id", UNKNOWN)),
            record.source_port,
        )

    def add_groups(self, groups: Iterable[Group]) -> None:
        """Add up groups that were added up elsewhere."""
        for group in groups:
            port, direction = group.destination_port, group.direction
            key = (
                group.interface_id,
                group.source,
                group.destination,
                NONE if port is None or group.protocol not in PORTS else port,
                group.protocol,
                NONE if direction is None else DIRECTIONS.index(direction),
                group.reject_reason or "",
            )
            self._merge(
                key,
                (group.records, group.packets, group.bytes),
                (group.first_seen or None, group.last_seen or None),
                (group.flags, group.syn),
                (group.subnet_id or UNKNOWN, group.vpc_id or UNKNOWN),
                group.source_port,
            )

    def _merge(
        self,
        key: _Key,
        counts: tuple[int, int, int],
        times: tuple[int | None, int | None],
        flags: tuple[int | None, int],
        places: tuple[str, str],
        source_port: int | None,
    ) -> None:
        sums = self._sums.get(key)
        if sums is None:
            if not self._keep.group(*key[:5]):
                return
            sums = self._sums[key] = [0, 0, 0, None, None, NONE, 0, "", "", NONE]
        for place, count in enumerate(counts):
            sums[place] += count
        start, end = times
        if start is not None and (sums[3] is None or start < sums[3]):
            sums[3] = start
        if end is not None and (sums[4] is None or end > sums[4]):
            sums[4] = end
        seen, syn = flags
        if seen is not None:
            sums[5] = seen if sums[5] == NONE else sums[5] | seen
            sums[6] += syn
        if key[3] != NONE and source_port is not None and source_port > sums[9]:
            sums[9] = source_port
        for place, value in enumerate(places, 7):
            if value != UNKNOWN and value > sums[place]:
                sums[place] = value

    def table(self) -> Table:
        """The groups, in their order."""
        rows = sorted((-sums[1], key, sums) for key, sums in self._sums.items())
        keys = [key for _, key, _ in rows]
        sums = [row for _, _, row in rows]
        interfaces = Texts(key[0] for key in keys)
        addresses = Texts(address for key in keys for address in key[1:3])
        reasons, subnets, vpcs = Texts(k[6] for k in keys), Texts(s[7] for s in sums), Texts(s[8] for s in sums)
        return Table(
            interfaces=interfaces.texts,
            addresses=addresses.texts,
            reject_reasons=reasons.texts,
            subnets=subnets.texts,
            vpcs=vpcs.texts,
            interface=interfaces.column(key[0] for key in keys),
            source=addresses.column(key[1] for key in keys),
            destination=addresses.column(key[2] for key in keys),
            destination_port=_column(key[3] for key in keys),
            protocol=_column(key[4] for key in keys),
            direction=_column(key[5] for key in keys),
            records=_column(row[0] for row in sums),
            packets=_column(row[1] for row in sums),
            bytes=_column(row[2] for row in sums),
            first_seen=_column(row[3] or 0 for row in sums),
            last_seen=_column(row[4] or 0 for row in sums),
            flags=_column(row[5] for row in sums),
            syn=_column(row[6] for row in sums),
            source_port=_column(row[9] for row in sums),
            reject_reason=reasons.column(key[6] for key in keys),
            subnet=subnets.column(row[7] for row in sums),
            vpc=vpcs.column(row[8] for row in sums),
        )


class Texts:
    """The different texts of a column, sorted, and their places; the empty one is none."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts = sorted(set(texts) - {""})
        self._places = {text: place for place, text in enumerate(self.texts)}

    def column(self, texts: Iterable[str]) -> memoryview:
        """Each text's place."""
        return _column(self._places.get(text, NONE) for text in texts)


class Keep:
    """Whether a group passes the filters; what was found out about an address is remembered."""

    def __init__(self, filters: Filters) -> None:
        self.filters = filters
        self._known: tuple[dict[str, bool], dict[str, bool]] = ({}, {})

    def group(self, interface: str, source: str, destination: str, port: int, protocol: int) -> bool:
        """Whether the group with this key is asked for."""
        wanted = self.filters
        return (
            (not wanted.interfaces or interface in wanted.interfaces)
            and (wanted.protocol is None or protocol == wanted.protocol)
            and (not wanted.ports or any(low <= port <= high for low, high in wanted.ports))
            and self.address(source, wanted.sources, 0)
            and self.address(destination, wanted.destinations, 1)
        )

    def address(self, text: str, networks: Sequence[IPv4Network | IPv6Network], end: int) -> bool:
        """Whether an address lies in one of the networks."""
        if not networks:
            return True
        known = self._known[end]
        if text not in known:
            known[text] = text != UNKNOWN and any(ip_address(text) in network for network in networks)
        return known[text]


def _column(numbers: Iterable[int]) -> memoryview:
    return memoryview(array(_WIDE, (min(number, BIGGEST) for number in numbers)))
