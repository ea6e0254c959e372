"""One statement for two engines: what Athena is told gives, in DuckDB over real files, what the local engine gives."""

from __future__ import annotations

import random
from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.flowlogs.engines import Engine, Row, columns, types_of, write_parquet, write_text
from tests.flowlogs.gathered import rejected
from whyblocked.flowlogs.athena import added_up
from whyblocked.flowlogs.fields import DEFAULT, FIELDS, Format
from whyblocked.flowlogs.files import read_path
from whyblocked.flowlogs.grouping import Grouping
from whyblocked.flowlogs.groups import Filters, Group, Rejected
from whyblocked.flowlogs.records import Record, Scan, Wanted
from whyblocked.flowlogs.sinks import Filter
from whyblocked.flowlogs.statement import KEYS, READ, SUMS, Source, records, sums

ADDRESSES = ("10.0.0.1", "10.0.0.255", "10.0.1.0", "2001:db8::1", "2001:db8:1::1", "-")
NUMBERS = ("0", "1", "22", "22", "256", "-")
TIMES = ("1764000000", "1764000059", "1764000060", "1764000061", "1764000061000", "1764000062000000", "-")
VALUES: dict[str, Sequence[str]] = {
    **{name: ADDRESSES if "addr" in name else NUMBERS for name in READ},
    "interface-id": ("eni-0a", "eni-0a", "eni-0b", "-"),
    "resource-id": ("nat-0c", "-"),
    "protocol": ("6", "6", "6", "17", "1", "47", "-"),
    "packets": ("1", "7", "1000000000000000", "-"),
    "start": (*TIMES, "1764000063000000000"),
    "end": (*TIMES, "1764000063999999999"),
    "action": ("ACCEPT", "REJECT", "REJECT", "REJECT", "REJECT", "-"),
    "log-status": ("OK", "OK", "OK", "OK", "OK", "NODATA", "SKIPDATA", "-"),
    "flow-direction": ("ingress", "egress", "-"),
    "tcp-flags": (*(str(number) for number in (0, 1, 2, 3, 4, 16, 18, 64, 128, 254)), "-"),
    "reject-reason": ("BPA", "-", "-"),
    "subnet-id": ("subnet-1", "subnet-2", "-"),
    "vpc-id": ("vpc-1", "-"),
}
NEEDED = ("action", "srcaddr", "dstaddr")
NETWORKS = ((), (), (), ("10.0.0.0/24",), ("10.0.0.1/32", "2001:db8::/48"), ("0.0.0.0/0",), ("::/0",))
PORTS: tuple[tuple[tuple[int, int], ...], ...] = ((), (), ((22, 22),), ((0, 1), (255, 65535)))
WINDOWS = ((None, None), (None, None), (1764000060, None), (None, 1764000060), (1764000061, 1764000062))
Window = tuple[int | None, int | None]


class Case:
    """A format, many records of it with few different values, a window and filters: all from one number."""

    def __init__(self, seed: int) -> None:
        pick = random.Random(seed)
        others = [name for name in READ if name not in NEEDED]
        self.names = [*NEEDED, *pick.sample(others, pick.randrange(len(others) + 1))]
        pick.shuffle(self.names)
        values = {name: pick.sample(VALUES[name], min(len(VALUES[name]), pick.choice((1, 2, 3, 9)))) for name in READ}
        self.rows = [{name: pick.choice(values[name]) for name in self.names} for _ in range(pick.choice((0, 1, 400)))]
        self.window: Window = pick.choice(WINDOWS)
        self.filters = Filters(
            sources=tuple(map(ip_network, pick.choice(NETWORKS))),
            destinations=tuple(map(ip_network, pick.choice(NETWORKS))),
            ports=pick.choice(PORTS),
            protocol=pick.choice((None, None, 6, 1)),
            interfaces=pick.choice((frozenset(), frozenset(), frozenset(("eni-0a",)), frozenset(("eni-0b", "nat-0c")))),
        )
        if seed % 3 == 0:
            self.window, self.filters = (None, None), Filters()

    def local(self, path: Path) -> Rejected:
        """What the engine on this machine gives."""
        since, until = self.window
        return rejected([str(path)], since=since, until=until, filters=self.filters)

    def compare(self, path: Path, *, typed: bool) -> None:
        """Both engines over a file."""
        here = self.local(path)
        there, scan = athena(self.names, path, self.filters, self.window, typed=typed)
        assert there == here.groups
        if self.window == (None, None):  # at AWS a window bounds what is counted, too
            assert {**scan.counts(), "files": 1} == here.scan.counts()


def athena(
    names: Sequence[str], path: Path, filters: Filters, window: Window, *, typed: bool
) -> tuple[list[Group], Scan]:
    """What the statement gives over a file, by way of sqlglot; as it stands, DuckDB takes it too."""
    table = columns(names, typed=typed)
    engine, scan, grouping = Engine(), Scan(), Grouping(filters)
    engine.table("logs.flow", [path], types_of(table))
    text = sums(Source(relation='"logs"."flow"', columns=table, since=window[0], until=window[1]), filters)
    header, rows = engine.run(text)
    assert header == ["kind", *KEYS, *SUMS]
    assert sorted(map(repr, engine.native(text)[1])) == sorted(map(repr, rows))
    grouping.add_groups(added_up([dict(zip(header, row, strict=True)) for row in rows], scan))
    return list(grouping.table()), scan


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.booleans())
def test_athenas_text_gives_over_text_files_what_the_local_engine_gives(
    tmp_path_factory: pytest.TempPathFactory, seed: int, typed: bool
) -> None:
    case = Case(seed)
    path = write_text(tmp_path_factory.mktemp("text") / "flow.log", case.names, case.rows)
    case.compare(path, typed=typed)


@settings(max_examples=30)
@given(st.integers(0, 2**32))
def test_athenas_text_gives_over_parquet_what_the_local_engine_gives(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    case = Case(seed)
    path = write_parquet(tmp_path_factory.mktemp("parquet") / "flow.parquet", case.names, case.rows)
    case.compare(path, typed=True)


PLAIN = "2 123456789012 eni-0a 203.0.113.5 10.0.0.1 40000 22 6 3 180 1764000000 1764000050 REJECT OK"


def row(**fields: str) -> Row:
    plain = dict(zip(DEFAULT.names, PLAIN.split(), strict=True))
    return plain | {name.replace("_", "-"): value for name, value in fields.items()}


@pytest.mark.parametrize("value", ["x", "1.5", "18446744073709551616", "٣", "-1", "0x1", "007"])
@pytest.mark.parametrize("status", ["OK", "NODATA", "BROKEN"])
def test_what_is_malformed_is_counted_where_columns_are_text(tmp_path: Path, value: str, status: str) -> None:
    rows = [row(), row(bytes=value, log_status=status), row(packets=value), row(protocol=value, srcaddr="10.9.9.9")]
    path = write_text(tmp_path / "flow.log", DEFAULT.names, rows)
    here = rejected([str(path)])
    there, scan = athena(DEFAULT.names, path, Filters(), (None, None), typed=False)
    assert there == here.groups
    assert {**scan.counts(), "files": 1} == here.scan.counts()


def test_what_is_no_address_is_malformed(tmp_path: Path) -> None:
    path = write_text(tmp_path / "flow.log", DEFAULT.names, [row(), row(srcaddr="10.0.0.300"), row(dstaddr="x'y")])
    found, scan = athena(DEFAULT.names, path, Filters(), (None, None), typed=True)
    assert [(group.source, group.records) for group in found] == [("203.0.113.5", 1)]
    assert (scan.rejected, scan.malformed) == (1, 2)


@pytest.mark.parametrize(
    ("block", "inside"),
    [("10.0.0.0/24", 2), ("10.0.0.255/32", 1), ("10.0.0.0/15", 3), ("0.0.0.0/0", 4), ("255.255.255.255/32", 1)],
)
def test_blocks_hold_their_first_and_last_address(tmp_path: Path, block: str, inside: int) -> None:
    ends = ("10.0.0.0", "10.0.0.255", "10.0.1.0", "255.255.255.255", "2001:db8::1", "-")
    path = write_text(tmp_path / "flow.log", DEFAULT.names, [row(srcaddr=end) for end in ends])
    filters = Filters(sources=(ip_network(block),))
    found, scan = athena(DEFAULT.names, path, filters, (None, None), typed=True)
    assert (len(found), scan.rejected) == (inside, 6), "what is not asked for is counted all the same"


@pytest.mark.parametrize("typed", [True, False])
def test_milliseconds_lie_in_a_window_too(tmp_path: Path, typed: bool) -> None:
    path = write_text(tmp_path / "flow.log", DEFAULT.names, [row(start="1764000000000", end="1764000050999")])
    for window, count in (((1763999999, 1764000000), 1), ((1764000051, None), 0), ((None, 1763999999), 0)):
        found, scan = athena(DEFAULT.names, path, Filters(), window, typed=typed)
        assert (len(found), scan.rejected) == (count, count)


def test_sums_stop_at_the_biggest_number(tmp_path: Path) -> None:
    path = write_text(
        tmp_path / "flow.log", DEFAULT.names, [row(packets="9223372036854775807", bytes="9223372036854775806")] * 3
    )
    for typed in (True, False):
        found, _ = athena(DEFAULT.names, path, Filters(), (None, None), typed=typed)
        assert found[0].packets == 2**63 - 1
        assert found[0].bytes == 2**63 - 1


@pytest.mark.parametrize("typed", [True, False])
@pytest.mark.parametrize(
    "fields", [{"dstport": "65536"}, {"srcport": "70000"}, {"protocol": "256"}, {"packets": "-1"}, {"end": "-5"}]
)
def test_numbers_that_are_none_of_their_kind_are_malformed(tmp_path: Path, typed: bool, fields: Row) -> None:
    rows = [row(), row(**fields), row(action="ACCEPT", **fields)]
    path = write_text(tmp_path / "flow.log", DEFAULT.names, rows)
    _, scan = athena(DEFAULT.names, path, Filters(), (None, None), typed=typed)
    assert (scan.rejected, scan.accepted, scan.malformed) == (1, 0, 2)


def test_header_lines_that_the_table_does_not_skip_are_no_records(tmp_path: Path) -> None:
    path = write_text(tmp_path / "flow.log", DEFAULT.names, [row(), {n: n for n in DEFAULT.names}, row()])
    found, scan = athena(DEFAULT.names, path, Filters(), (None, None), typed=True)
    assert (found[0].records, scan.records) == (2, 2)


def test_names_and_filters_are_data_whatever_is_in_them() -> None:
    evil = 'a"; DROP TABLE x; --'
    table = columns(DEFAULT.names, typed=True) | {"action": columns([evil], typed=False)[evil]}
    text = sums(Source(relation='"a"."b"', columns=table), Filters(interfaces=frozenset(("eni-1' OR '1'='1",))))
    (parsed,) = sqlglot.parse(text, read="athena")
    literals = {node.this for node in parsed.find_all(sqlglot.exp.Literal)} if parsed else set()
    assert "eni-1' OR '1'='1" in literals


def test_more_filters_than_a_statement_takes_are_left_to_whoever_reads_it(tmp_path: Path) -> None:
    many = tuple(ip_network(f"10.{n // 256}.{n % 256}.0/24") for n in range(5000))
    text = sums(Source(relation='"a"."b"', columns=columns(DEFAULT.names, typed=True)), Filters(sources=many))
    assert len(text) < 262_144, "https://docs.aws.amazon.com/athena/latest/ug/service-limits.html"


# -- records one by one ----------------------------------------------------------------------------------------------


def by_athena(path: Path, narrow: Filter, wanted: Wanted) -> list[Record]:
    from whyblocked.flowlogs.blocks import Lines
    from whyblocked.flowlogs.records import Parser

    table = {name: column for name, column in columns(DEFAULT.names, typed=True).items() if name in READ}
    engine = Engine()
    engine.table("logs.flow", [path], types_of(columns(DEFAULT.names, typed=True)))
    text = records(Source(relation='"logs"."flow"', columns=table, since=wanted.since, until=wanted.until), narrow)
    _, rows = engine.run(text)
    assert sorted(map(repr, engine.native(text)[1])) == sorted(map(repr, rows))
    lines = [" ".join(value or "-" for value in row).encode() for row in rows]
    return Parser("athena", [Format(tuple(table))], wanted, Scan()).read(Lines(lines, 1))


def shown(found: Sequence[Record]) -> list[tuple[Any, ...]]:
    return sorted((r.interface_id or "-", r.source or "-", r.destination_port or -1, r.accepted) for r in found)


def test_records_that_pass_the_filter_come_out_as_the_parser_has_them(tmp_path: Path) -> None:
    rows = [row(srcport=str(40000 + n), srcaddr=f"203.0.113.{n}") for n in range(5)]
    path = write_text(tmp_path / "flow.log", DEFAULT.names, [*rows, row(interface_id="eni-0b")])
    wanted = Wanted(interfaces=frozenset(("eni-0a",)))
    local = [record for batch in read_path(str(path), [], wanted, Scan()) for record in batch]
    assert shown(by_athena(path, Filter(interfaces=("eni-0a",)), wanted)) == shown(local)


def test_an_interface_without_a_matching_record_is_seen_to_be_logged_all_the_same(tmp_path: Path) -> None:
    rows = [row(srcaddr=f"198.51.100.{n}", start=str(1764000000 + n)) for n in range(50)]
    path = write_text(tmp_path / "flow.log", DEFAULT.names, rows)
    narrow = Filter(interfaces=("eni-0a",), addresses=("203.0.113.5", "10.0.0.1"), protocol=6)
    assert shown(by_athena(path, narrow, Wanted())) == [("eni-0a", "198.51.100.0", 22, False)]


def test_accepted_records_alone_come_where_those_are_asked_for(tmp_path: Path) -> None:
    rows = [row(srcaddr=f"198.51.100.{n}", action="ACCEPT" if n % 2 else "REJECT") for n in range(6)]
    path = write_text(tmp_path / "flow.log", DEFAULT.names, rows)
    found = by_athena(path, Filter(interfaces=("eni-0a",), accepted=True), Wanted())
    assert [record.source for record in found] == ["198.51.100.1", "198.51.100.3", "198.51.100.5"]
    narrow = Filter(addresses=("198.51.100.3", "10.0.0.1"), accepted=True)
    assert [record.source for record in by_athena(path, narrow, Wanted())] == ["198.51.100.3"]


def test_every_field_that_is_read_is_a_field() -> None:
    assert set(READ) <= set(FIELDS)
