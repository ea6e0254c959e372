"""The SQL that adds up rejected records where they are: one text, the same for Athena (Trino) and for DuckDB.

What it means is what :mod:`whyblocked.flowlogs.grouping` does with records one by one. It keeps to what both engines
spell and mean alike: no ``/`` between whole numbers, no bit operators, no regular expressions, no casts that may fail.

https://docs.aws.amazon.com/athena/latest/ug/querying-athena-tables.html
https://trino.io/docs/current/functions.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import Literal, NamedTuple

import msgspec

from whyblocked.flowlogs.fields import BIGGEST, HIGHEST
from whyblocked.flowlogs.groups import DIRECTIONS, PORTS, SYN, UNKNOWN, Filters
from whyblocked.flowlogs.sinks import Filter

Network = IPv4Network | IPv6Network

KINDS = ("accepted", "rejected", "no_data", "skipped_data", "malformed")  # as Scan counts them
GROUP = "group"  # the kind of a rejected record that is asked for
KEYS = ("interface_id", "source", "destination", "destination_port", "protocol", "direction", "reject_reason")
SUMS = ("records", "packets", "bytes", "first_seen", "last_seen", "flags", "syn", "source_port", "subnet_id", "vpc_id")
_MILLISECONDS = 100_000_000_000  # from here on a time is no longer in seconds
_BITS = (1, 2, 4, 8, 16, 32, 64, 128)  # TCP's flags
_MOST = 200  # more interfaces, blocks or ports than these are left to whoever reads the result
_NUMBERS = ("srcport", "dstport", "protocol", "packets", "bytes", "start", "end")
_PLACES = ("srcaddr", "dstaddr", "pkt-srcaddr", "pkt-dstaddr")
READ = (*_NUMBERS, *_PLACES, "action", "log-status", "interface-id", "resource-id", "flow-direction", "tcp-flags",
        "reject-reason", "subnet-id", "vpc-id")  # fmt: skip


class Column(NamedTuple):
    """A column that holds a field: as AWS writes it, or as a whole number, where ``-`` is null."""

    name: str
    kind: Literal["text", "number"]


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What is read: ``relation`` is SQL, ``columns`` are by the documented names of fields, ``conditions`` are SQL
    too and choose partitions. ``since`` and ``until`` are Unix seconds: of records whose interval touches the window.
    """

    relation: str
    columns: Mapping[str, Column]
    conditions: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None


def sums(source: Source, filters: Filters) -> str:
    """Every record counted by its kind, and the rejected ones that are asked for added up: a row for each group.

    The columns of the result are ``kind`` (one of :data:`KINDS` or :data:`GROUP`), :data:`KEYS`, which only a group
    has, and :data:`SUMS`, as :class:`whyblocked.flowlogs.groups.Group` has them. A group may be one that ``filters``
    leave out: not all of them can be told in SQL.
    """
    shown = ",\n    ".join(f"CASE WHEN kind = '{GROUP}' THEN {key} END AS {key}" for key in KEYS)
    flags = " + ".join(f"max(CASE WHEN mod(flags, {bit * 2}) >= {bit} THEN {bit} ELSE 0 END)" for bit in _BITS)
    asked = " AND ".join(_asked(filters)) or "true"
    comes, goes = (f"coalesce(pkt_{end} <> {end}, false)" for end in ("dstaddr", "srcaddr"))  # as groups.way tells
    return f"""{_timed(source)},
keyed AS (
  SELECT
    {_kind(source.columns)} AS kind,
    coalesce(interface_id, resource_id, '{UNKNOWN}') AS interface_id,
    coalesce(pkt_srcaddr, srcaddr, '{UNKNOWN}') AS source,
    coalesce(pkt_dstaddr, dstaddr, '{UNKNOWN}') AS destination,
    CASE WHEN protocol IS NULL OR protocol IN ({_listed(sorted(PORTS - {-1}))}) THEN dstport END AS destination_port,
    protocol,
    CASE
      WHEN flow_direction IN ({_listed(DIRECTIONS)}) THEN flow_direction
      WHEN {comes} = {goes} THEN NULL
      WHEN {comes} THEN '{DIRECTIONS[0]}' ELSE '{DIRECTIONS[1]}'
    END AS direction,
    srcport, reject_reason, packets, bytes, first_at, last_at, flags, subnet_id, vpc_id
  FROM timed
  WHERE {_window(source)}
),
told AS (
  SELECT
    CASE WHEN kind = 'rejected' AND {asked} THEN '{GROUP}' ELSE kind END AS kind,
    interface_id, source, destination, destination_port, protocol, direction, reject_reason,
    srcport, packets, bytes, first_at, last_at, flags, subnet_id, vpc_id
  FROM keyed
)
SELECT
  kind, {", ".join(KEYS)},
  count(*) AS records, {_sum("packets")} AS packets, {_sum("bytes")} AS bytes,
  min(first_at) AS first_seen, max(last_at) AS last_seen,
  CASE WHEN count(flags) > 0 THEN {flags} END AS flags,
  sum(CASE WHEN mod(flags, {SYN * 2}) >= {SYN} THEN 1 ELSE 0 END) AS syn,
  max(srcport) AS source_port,
  max(subnet_id) AS subnet_id, max(vpc_id) AS vpc_id
FROM (
  SELECT
    kind,
    {shown},
    CASE WHEN destination_port IS NOT NULL THEN srcport END AS srcport,
    packets, bytes, first_at, last_at, flags, subnet_id, vpc_id
  FROM told
) AS grouped
GROUP BY {", ".join(str(place + 1) for place in range(len(KEYS) + 1))}"""


def records(source: Source, narrow: Filter) -> str:
    """The records themselves, as text, that pass a filter; and one of each interface, so that it is known as logged.

    The columns of the result are those of ``source.columns``, in their order.
    """
    names = list(source.columns)
    shown = ",\n    ".join(f"CAST({_name(source.columns[n].name)} AS varchar) AS {_result(n)}" for n in names)
    asked = [*_narrowed(narrow), *(["action = 'ACCEPT'"] if narrow.accepted else [])]
    interfaces = [_in("interface_id", narrow.interfaces)] if narrow.interfaces and "interface-id" in names else []
    selected = ", ".join(f"{_result(name)} AS {_name(column_of(name))}" for name in names)
    known = "" if narrow.accepted else " OR place = 1"  # that an interface is logged is not asked then
    matching = f"({' AND '.join(asked)}{known})" if asked else "true"
    return f"""{_timed(source, shown)},
numbered AS (
  SELECT *, row_number() OVER (PARTITION BY interface_id ORDER BY first_at) AS place
  FROM timed
  WHERE {" AND ".join((_window(source), *interfaces))}
)
SELECT {selected}
FROM numbered
WHERE {matching}"""


def column_of(field: str) -> str:
    """A field's name as a column has it."""
    return field.replace("-", "_")


def quoted(text: str) -> str:
    """A text as SQL has it."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name as SQL has it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


_name = identifier


def _result(field: str) -> str:
    return _name(f"as_{column_of(field)}")


def _timed(source: Source, more: str = "") -> str:
    """The fields, each as one type whatever its column is; what the format lacks is null."""
    columns = source.columns
    texts = [f"{_text(columns, field)} AS {column_of(field)}" for field in (
        *_PLACES, "interface-id", "resource-id", "flow-direction", "reject-reason", "subnet-id", "vpc-id")]  # fmt: skip
    numbers = [f"{_number(columns, field)} AS {column_of(field)}" for field in ("srcport", "dstport", "protocol")]
    sums = [f"coalesce({_number(columns, field)}, 0) AS {field}" for field in ("packets", "bytes")]
    times = [f"{_number(columns, field)} AS {field}_at" for field in ("start", "end")]
    told = [f"{_text(columns, 'action')} AS action", f"{_text(columns, 'log-status')} AS log_status"]
    wrong = " OR ".join(_wrong(columns[field], field) for field in _NUMBERS if field in columns)
    fault = f"coalesce({wrong}, false) AS is_wrong" if wrong else "false AS is_wrong"
    flags = f"{_number(columns, 'tcp-flags')} AS flags"
    shown = ",\n    ".join((*([more] if more else []), *texts, *numbers, *sums, *times, *told, flags, fault))
    where = " AND ".join((*source.conditions, *_skipping(source))) or "true"
    begin, end = _seconds("start_at"), _seconds("end_at")
    return f"""WITH parsed AS (
  SELECT
    {shown}
  FROM {source.relation}
  WHERE {where}
),
timed AS (
  SELECT *,
    coalesce({begin}, {end}) AS first_at,
    coalesce({end}, {begin}) AS last_at
  FROM parsed
)"""


def _skipping(source: Source) -> Iterable[str]:
    """What tells an engine which parts of a Parquet file it need not read, and what leaves out header lines."""
    action = source.columns.get("action")
    if action:
        yield f"coalesce({_name(action.name)}, '') <> 'action'"  # a table without skip.header.line.count
    for field, bound in (("end", source.since), ("start", source.until)):
        column = source.columns.get(field)
        if bound is None or column is None or column.kind == "text":
            continue
        name = _name(column.name)
        within = f"{name} >= {bound}" if field == "end" else f"{name} <= {bound} OR {name} >= {_MILLISECONDS}"
        yield f"({name} IS NULL OR {within})"


def _window(source: Source) -> str:
    conditions = []
    if source.since is not None:
        conditions.append(f"(last_at IS NULL OR last_at >= {source.since})")
    if source.until is not None:
        conditions.append(f"(first_at IS NULL OR first_at <= {source.until})")
    return " AND ".join(conditions) or "true"


def _kind(columns: Mapping[str, Column]) -> str:
    """What a record is, in the order in which the parser of lines tells it."""
    cases = ["WHEN is_wrong THEN 'malformed'"]
    if "log-status" in columns:
        cases.insert(0, "WHEN coalesce(log_status, '') NOT IN ('OK', 'NODATA', 'SKIPDATA') THEN 'malformed'")
        cases += ["WHEN log_status = 'SKIPDATA' THEN 'skipped_data'", "WHEN log_status = 'NODATA' THEN 'no_data'"]
    else:
        nothing = " AND ".join(f"{column_of(field)} IS NULL" for field in ("action", *_PLACES))
        cases.append(f"WHEN {nothing} THEN 'no_data'")
    cases += ["WHEN action = 'ACCEPT' THEN 'accepted'", "WHEN action = 'REJECT' THEN 'rejected'"]
    return f"CASE {' '.join(cases)} ELSE 'malformed' END"


def _text(columns: Mapping[str, Column], field: str) -> str:
    column = columns.get(field)
    if column is None:
        return "CAST(NULL AS varchar)"
    name = _name(column.name)
    return f"nullif(nullif({name}, '-'), '')" if column.kind == "text" else f"CAST({name} AS varchar)"


def _number(columns: Mapping[str, Column], field: str) -> str:
    """A whole number; one too big for its column is the biggest, and a text that is none is null."""
    column = columns.get(field)
    if column is None:
        return "CAST(NULL AS bigint)"
    name = _name(column.name)
    if column.kind == "number":
        return f"CAST({name} AS bigint)"
    digits = f"{name} <> '' AND translate({name}, '0123456789', '') = ''"
    return f"CASE WHEN {digits} THEN coalesce(try_cast({name} AS bigint), {BIGGEST}) END"


def _wrong(column: Column, field: str) -> str:
    """Whether a number is none, is negative, or is bigger than one of its kind can be."""
    name, highest = _name(column.name), HIGHEST.get(field, BIGGEST)
    if column.kind == "number":
        return f"{name} < 0 OR {name} > {highest}"
    text = f"nullif(nullif({name}, '-'), '')"
    big = f"coalesce(try_cast({text} AS decimal(38, 0)), {BIGGEST + 1}) > {highest}"
    return f"translate({text}, '0123456789', '') <> '' OR ({text} IS NOT NULL AND {big})"


def _seconds(number: str) -> str:
    """A time in Unix seconds, where some writers give milliseconds or finer."""
    cases = [f"WHEN {number} < {_MILLISECONDS} THEN {number}"]
    for unit in (1000, 1000**2, 1000**3):
        whole = f"CAST(({number} - mod({number}, {unit})) / {unit}.0 AS bigint)"  # exact: nothing is left over
        cases.append(f"WHEN {number} < {_MILLISECONDS * unit} THEN {whole}" if unit < 1000**3 else f"ELSE {whole}")
    return f"CASE {' '.join(cases)} END"


def _sum(column: str) -> str:
    """A sum that does not overflow: the biggest number at most."""
    return f"CAST(least(sum(CAST({column} AS decimal(38, 0))), {BIGGEST}) AS bigint)"


def _asked(filters: Filters) -> Iterable[str]:
    """Conditions that every group that is asked for fulfils."""
    if 0 < len(filters.interfaces) <= _MOST:
        yield _in("interface_id", sorted(filters.interfaces))
    if filters.protocol is not None:
        yield f"protocol = {filters.protocol}"
    if 0 < len(filters.ports) <= _MOST:
        yield _any(f"destination_port BETWEEN {low} AND {high}" for low, high in filters.ports)
    for end, networks in (("source", filters.sources), ("destination", filters.destinations)):
        if 0 < len(networks) <= _MOST:
            yield _any(_within(end, network) for network in networks)


def _narrowed(narrow: Filter) -> Iterable[str]:
    if narrow.addresses:
        for end in ("srcaddr", "dstaddr"):
            yield f"({end} IS NULL OR {_in(end, narrow.addresses)})"
    if narrow.protocol is not None:
        yield f"(protocol IS NULL OR protocol = {narrow.protocol})"


def _within(column: str, network: Network) -> str:
    """Whether an address lies in a block; of IPv6, which SQL does not know, every address may."""
    if isinstance(network, IPv6Network):
        return f"strpos({column}, ':') > 0"
    if network.prefixlen == network.max_prefixlen:
        return f"{column} = '{network.network_address}'"
    parts = [f"try_cast(split_part({column}, '.', {n}) AS bigint) * {256 ** (4 - n)}" for n in (1, 2, 3, 4)]
    return f"{' + '.join(parts)} BETWEEN {int(network.network_address)} AND {int(network.broadcast_address)}"


def _any(conditions: Iterable[str]) -> str:
    return f"({' OR '.join(conditions)})"


def _in(column: str, values: Iterable[str]) -> str:
    return f"{column} IN ({_listed(values)})"


def _listed(values: Iterable[str] | Sequence[int]) -> str:
    return ", ".join(str(value) if isinstance(value, int) else quoted(value) for value in values)
