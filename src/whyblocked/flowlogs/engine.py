"""Rejected records added up in DuckDB: in bounded memory, past it on disk, on both cores."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from tempfile import TemporaryDirectory
from typing import Any, cast

import duckdb
import numpy as np
import pyarrow as pa
from typing_extensions import Buffer

from whyblocked.flowlogs.grouping import Keep
from whyblocked.flowlogs.groups import PORTS, SYN, Filters, Table
from whyblocked.flowlogs.records import Record, Wanted

_MEMORY = "300MB"
_COLUMNS = {
    "interface": "VARCHAR", "resource": "VARCHAR", "src": "VARCHAR", "dst": "VARCHAR", "pkt_src": "VARCHAR",
    "pkt_dst": "VARCHAR", "port": "BIGINT", "protocol": "BIGINT", "direction": "VARCHAR", "reason": "VARCHAR",
    "packets": "BIGINT", "bytes": "BIGINT", "start": "BIGINT", "end": "BIGINT", "flags": "BIGINT",
    "subnet": "VARCHAR", "vpc": "VARCHAR", "srcport": "BIGINT",
}  # fmt: skip
_ARROW = {name: pa.int64() if kind == "BIGINT" else pa.string() for name, kind in _COLUMNS.items()}
_STORED = {
    "interface": "coalesce(interface, resource, '-')",
    "source": "coalesce(pkt_src, src, '-')",
    "destination": "coalesce(pkt_dst, dst, '-')",
    "port": f"CASE WHEN coalesce(protocol, -1) IN ({', '.join(map(str, sorted(PORTS)))}) "
    "THEN coalesce(port, -1) ELSE -1 END",
    "protocol": "coalesce(protocol, -1)",
    # The addresses as whyblocked.flowlogs.groups.way reads them.
    "direction": "CASE WHEN direction = 'ingress' THEN 0 WHEN direction = 'egress' THEN 1 "
    "WHEN coalesce(pkt_dst <> dst, false) = coalesce(pkt_src <> src, false) THEN -1 "
    "WHEN pkt_dst <> dst THEN 0 ELSE 1 END::TINYINT",
    "reason": "coalesce(reason, '')",
    "packets": "coalesce(packets, 0)",
    "bytes": "coalesce(bytes, 0)",
    '"start"': 'coalesce("start", "end")',
    '"end"': 'coalesce("end", "start")',
    "flags": "flags",
    "subnet": "subnet",
    "vpc": "vpc",
    "srcport": "srcport",
}
_KEYS = "interface, source, destination, port, protocol, direction, reason"
_SUMS = f"""
    SELECT {_KEYS}, count(*)::BIGINT AS records, least(sum(packets), 9223372036854775807)::BIGINT AS packets,
        least(sum(bytes), 9223372036854775807)::BIGINT AS bytes, coalesce(min("start"), 0)::BIGINT AS first_seen,
        coalesce(max("end"), 0)::BIGINT AS last_seen, coalesce(bit_or(flags), -1)::BIGINT AS flags,
        count(*) FILTER ((flags & {SYN}) <> 0)::BIGINT AS syn,
        CASE WHEN port < 0 THEN -1 ELSE coalesce(max(srcport), -1) END::BIGINT AS source_port,
        coalesce(max(subnet), '') AS subnet, coalesce(max(vpc), '') AS vpc
    FROM stored GROUP BY {_KEYS}
"""


class Store:
    """Takes rejected records from several threads and adds them up at the end; a context, as it may use the disk."""

    def __init__(self, wanted: Wanted) -> None:
        self._folder = TemporaryDirectory(prefix="whyblocked-", ignore_cleanup_errors=True)
        options: dict[str, Any] = {
            "threads": 2,
            "memory_limit": _MEMORY,
            "temp_directory": self._folder.name,
            "preserve_insertion_order": "false",
        }
        self._connection = duckdb.connect(":memory:", config=options)
        types = {**_COLUMNS, "direction": "TINYINT"}
        columns = [f"{name} {types.get(name.strip(chr(34)), 'VARCHAR')}" for name in _STORED]
        self._connection.execute(f"CREATE TEMP TABLE stored ({', '.join(columns)})")
        self._lock = threading.Lock()
        conditions = []
        if wanted.since is not None:
            conditions.append(f'(coalesce("end", "start") IS NULL OR coalesce("end", "start") >= {wanted.since})')
        if wanted.until is not None:
            conditions.append(f'(coalesce("start", "end") IS NULL OR coalesce("start", "end") <= {wanted.until})')
        self._where = f"WHERE {' AND '.join(conditions)}" if conditions else ""

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._folder.cleanup()

    def add(self, table: pa.Table) -> int:
        """Keep records in columns; returns how many of them lie outside the window."""
        absent = [f'NULL::{kind} AS "{name}"' for name, kind in _COLUMNS.items() if name not in table.column_names]
        selected = ", ".join(["*", *absent])
        with self._lock:
            self._connection.register("arrived", table)
            found = self._connection.execute(
                f"INSERT INTO stored SELECT {', '.join(_STORED.values())} FROM (SELECT {selected} FROM arrived) "
                f"{self._where}"
            ).fetchone()
            self._connection.unregister("arrived")
        return int(table.num_rows) - int(found[0] if found else 0)

    def add_records(self, records: Sequence[Record]) -> None:
        """Keep records that the parser found."""
        if records:
            rows = [_row(record) for record in records]
            self.add(pa.table({n: pa.array([row[n] for row in rows], kind) for n, kind in _ARROW.items()}))

    def table(self, filters: Filters) -> Table:
        """The groups, in their order."""
        grouped: pa.Table = self._connection.sql(_SUMS).to_arrow_table()
        interfaces, interface = _encoded(grouped, "interface")
        addresses, source, destination = _encoded(grouped, "source", "destination")
        reasons, reason = _encoded(grouped, "reason")
        subnets, subnet = _encoded(grouped, "subnet")
        vpcs, vpc = _encoded(grouped, "vpc")
        numbers = {
            name: grouped.column(name).to_numpy()
            for name in ("port", "protocol", "direction", "records", "packets", "bytes", "first_seen", "last_seen")
        } | {name: grouped.column(name).to_numpy() for name in ("flags", "syn", "source_port")}
        del grouped
        order = np.lexsort(
            (reason, numbers["direction"], numbers["protocol"], numbers["port"], destination, source, interface,
             -numbers["packets"])
        )  # fmt: skip
        keep = Keep(filters)
        kept = np.ones(len(order), bool)
        if filters.interfaces:
            kept &= np.array([name in filters.interfaces for name in interfaces], bool)[interface]
        if filters.protocol is not None:
            kept &= numbers["protocol"] == filters.protocol
        if filters.ports:
            port = numbers["port"]
            kept &= np.logical_or.reduce([(low <= port) & (port <= high) for low, high in filters.ports])
        for networks, column, end in ((filters.sources, source, 0), (filters.destinations, destination, 1)):
            if networks:
                kept &= np.array([keep.address(text, networks, end) for text in addresses], bool)[column]
        order = order[kept[order]]

        def view(column: Any) -> memoryview:
            return memoryview(cast(Buffer, np.ascontiguousarray(column[order])))

        return Table(
            interfaces=interfaces,
            addresses=addresses,
            reject_reasons=reasons,
            subnets=subnets,
            vpcs=vpcs,
            interface=view(interface),
            source=view(source),
            destination=view(destination),
            destination_port=view(numbers["port"]),
            protocol=view(numbers["protocol"]),
            direction=view(numbers["direction"]),
            records=view(numbers["records"]),
            packets=view(numbers["packets"]),
            bytes=view(numbers["bytes"]),
            first_seen=view(numbers["first_seen"]),
            last_seen=view(numbers["last_seen"]),
            flags=view(numbers["flags"]),
            syn=view(numbers["syn"]),
            source_port=view(numbers["source_port"]),
            reject_reason=view(reason),
            subnet=view(subnet),
            vpc=view(vpc),
        )


def _row(record: Record) -> dict[str, Any]:
    return {
        "interface": record.interface_id, "resource": None, "src": record.srcaddr, "dst": record.dstaddr,
        "pkt_src": record.pkt_srcaddr, "pkt_dst": record.pkt_dstaddr, "port": record.destination_port,
        "protocol": record.protocol, "direction": record.direction, "reason": record.reject_reason,
        "packets": record.packets, "bytes": record.bytes, "start": record.start, "end": record.end,
        "flags": record.tcp_flags, "subnet": _told(record, "subnet-id"), "vpc": _told(record, "vpc-id"),
        "srcport": record.source_port,
    }  # fmt: skip


def _told(record: Record, name: str) -> str | None:
    value = record.fields.get(name, "-")
    return None if value == "-" else value


def _encoded(table: pa.Table, *names: str) -> tuple[Any, ...]:
    """The different texts of some columns, sorted, and the columns as places in them; the empty text is none."""
    chunks = [chunk for name in names for chunk in table.column(name).chunks]
    coded = pa.chunked_array(chunks, pa.string()).combine_chunks().dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    texts = coded.dictionary.to_pylist()
    order = sorted(range(len(texts)), key=texts.__getitem__)
    empty = bool(order) and texts[order[0]] == ""
    places = np.empty(len(texts) or 1, np.int32)
    places[order] = np.arange(len(order), dtype=np.int32) - (1 if empty else 0)
    column = places[coded.indices.to_numpy()] if len(texts) else np.empty(0, np.int32)
    return ([texts[place] for place in order[empty:]], *np.split(column, len(names)))
