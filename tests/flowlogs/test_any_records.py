"""Whatever is recorded, in whichever order of fields, container and pieces: nothing is lost and nothing is made up."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
from collections.abc import Callable, Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.flowlogs.cases import (
    CASES,
    JSONS,
    LINES,
    TABLES,
    TEXT,
    TRANSIT_HEADER,
    TRANSIT_LINE,
    camel,
    columns,
    packed,
    payload,
    snake,
    table,
    told,
    transit,
    typed,
)
from tests.flowlogs.gathered import rejected
from tests.flowlogs.test_records import ACCEPTED, REJECTED
from whyblocked.errors import InputError
from whyblocked.flowlogs import blocks, files, gathering
from whyblocked.flowlogs.groups import Filters, Rejected

Row = dict[str, str]

numbers = st.integers(0, 65535).map(str)
few = st.sampled_from(["10.0.0.1", "10.0.0.2", "2001:db8::1"])
addresses = few | st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)
NEEDED: dict[str, st.SearchStrategy[str]] = {
    **dict.fromkeys(("srcaddr", "dstaddr"), addresses),
    "action": st.sampled_from(["ACCEPT", "REJECT"]),
    "log-status": st.just("OK"),
}
OTHERS: dict[str, st.SearchStrategy[str]] = {
    "version": st.just("11"),
    "account-id": st.just("123456789010"),
    **dict.fromkeys(("pkt-srcaddr", "pkt-dstaddr"), st.just("-") | addresses),
    **dict.fromkeys(("srcport", "dstport"), st.just("-") | numbers),
    **dict.fromkeys(("packets", "bytes"), st.just("-") | numbers | st.integers(0, 2**62).map(str)),
    "protocol": st.sampled_from(["1", "6", "17", "47", "58", "-"]),
    "start": st.integers(1_700_000_000, 1_700_001_000).map(str) | st.just("-"),
    "end": st.integers(1_700_001_000, 1_700_002_000).map(str) | st.just("-"),
    "interface-id": st.sampled_from(["eni-1", "eni-2", "-"]),
    "resource-id": st.sampled_from(["nat-1", "-"]),
    "tcp-flags": st.sampled_from(["-", "0", "2", "18", "3"]),
    "flow-direction": st.sampled_from(["ingress", "egress", "-"]),
    "reject-reason": st.sampled_from(["-", "BPA"]),
    "subnet-id": st.sampled_from(["-", "subnet-1", "subnet-2"]),
    "vpc-id": st.sampled_from(["-", "vpc-1"]),
    "instance-tag": st.sampled_from(["web%20server", "-", "a/b:c,d"]),
    "x-new": st.sampled_from(["-", "new"]),
}
STATES = st.sampled_from([None] * 8 + ["NODATA", "SKIPDATA"])


class Log(NamedTuple):
    """Records of one format."""

    names: list[str]
    rows: list[Row]

    def lines(self, names: Sequence[str]) -> list[str]:
        return [" ".join(row[name] for name in names) for row in self.rows]

    def text(self, names: Sequence[str]) -> bytes:
        return "\n".join([" ".join(names), *self.lines(names)]).encode()


@st.composite
def logs(draw: st.DrawFn, least: int = 1) -> Log:
    names = [*NEEDED, *draw(st.lists(st.sampled_from(sorted(OTHERS)), unique=True, min_size=2))]
    rows = draw(st.lists(st.fixed_dictionaries({n: (NEEDED | OTHERS)[n] for n in names}), min_size=least, max_size=12))
    for row in rows:
        if state := draw(STATES):  # such a record tells of nothing but its interface and interval
            row |= {n: "-" for n in row if n not in ("interface-id", "resource-id", "start", "end", "version")}
            row["log-status"] = state
    return Log(draw(st.permutations(names)), rows)


def ordered(log: Log) -> list[Row]:
    return [{name: row[name] for name in log.names} for row in log.rows]


def members(text: bytes, cut: int) -> bytes:
    return gzip.compress(text[:cut], mtime=0) + gzip.compress(text[cut:], mtime=0)


# Those that hold whole records, whose format the user then gives, and those that name the fields themselves.
WHOLE: dict[str, Callable[[list[str]], bytes]] = {
    "text": lambda lines: "\r\n".join(lines).encode(),
    "UTF-16": lambda lines: "\n".join(lines).encode("utf-16"),
    "with a time before each": lambda lines: "".join(f"2026-11-23T09:00:00Z {line}\n" for line in lines).encode(),
    "side by side": lambda lines: "\t".join(lines).encode(),
    "payload": lambda lines: payload(lines).encode(),
    "payloads in members": lambda lines: b"".join(gzip.compress(payload([line]).encode()) for line in lines),
    "event of a function": lambda lines: json.dumps({"awslogs": {"data": packed(lines)}}).encode(),
    "JSON lines": lambda lines: "\n".join(json.dumps({"message": line}) for line in lines).encode(),
    "JSON document": lambda lines: json.dumps({"events": [{"message": m} for m in lines]}, indent=2).encode(),
    "CSV": lambda lines: table([{"@timestamp": "x", "@message": line} for line in lines]).encode(),
    "Parquet": lambda lines: columns([{"message": line} for line in lines]),
}
NAMED: dict[str, Callable[[Log], bytes]] = {
    "text": lambda log: log.text(log.names),
    "gzip": lambda log: gzip.compress(log.text(log.names)),
    "gzip of members": lambda log: members(log.text(log.names), 50),
    "JSON lines": lambda log: "\n".join(json.dumps(typed(row, snake)) for row in ordered(log)).encode(),
    "JSON lines, what is absent left out": lambda log: "".join(
        json.dumps(typed(row, absent=False) | {"action": row["action"]}) for row in ordered(log)
    ).encode(),
    "JSON array": lambda log: json.dumps([typed(row, camel) for row in ordered(log)], indent=1).encode(),
    "CSV": lambda log: table([typed(row) for row in ordered(log)]).encode(),
    "CSV, quoted": lambda log: table([typed(row, snake) for row in ordered(log)], csv.QUOTE_ALL).encode(),
    "CSV, semicolons": lambda log: table(ordered(log), mark=";").encode(),
    "Parquet": lambda log: columns([typed(row, snake) for row in ordered(log)]),
    "Parquet of texts": lambda log: columns([{snake(k): v for k, v in row.items()} for row in ordered(log)]),
}


def read(data: bytes, **options: Any) -> Rejected:
    return rejected(["-"], stdin=io.BytesIO(data), **options)


def same(one: Rejected, other: Rejected) -> None:
    assert one.scan.counts() == other.scan.counts()
    assert one.groups == other.groups


def expected(log: Log) -> Rejected:
    """What the plainest reading finds, checked against the records themselves."""
    plain = read(log.text(sorted(log.names)))
    kinds = [row["action"] if row["log-status"] == "OK" else row["log-status"] for row in log.rows]
    scan = plain.scan
    assert (scan.accepted, scan.rejected) == (kinds.count("ACCEPT"), kinds.count("REJECT"))
    assert (scan.no_data, scan.skipped_data, scan.malformed) == (kinds.count("NODATA"), kinds.count("SKIPDATA"), 0)
    assert sum(group.records for group in plain.groups) == scan.rejected
    return plain


@pytest.mark.parametrize("container", NAMED)
@given(log=logs())
@settings(max_examples=40)
def test_any_records_in_any_order_and_container_that_names_its_fields(container: str, log: Log) -> None:
    same(read(NAMED[container](log)), expected(log))


@pytest.mark.parametrize("container", WHOLE)
@given(log=logs())
@settings(max_examples=40)
def test_any_records_in_any_container_of_whole_records(container: str, log: Log) -> None:
    data = WHOLE[container](log.lines(log.names))
    same(read(data, log_format=" ".join(f"${{{name}}}" for name in log.names)), expected(log))


@given(logs(), st.data())
@settings(max_examples=40)
def test_a_folder_of_them_holds_what_they_hold_together(
    tmp_path_factory: pytest.TempPathFactory, log: Log, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("logs")
    parts: dict[int, list[Row]] = {}
    for row in log.rows:
        parts.setdefault(data.draw(st.integers(0, 3)), []).append(row)
    for number, rows in parts.items():
        part = Log(data.draw(st.permutations(log.names)), rows)
        path = folder / f"AWSLogs/1/vpcflowlogs/eu-west-1/2026/11/2{number}/x.log"
        path.parent.mkdir(parents=True)
        path.write_bytes(data.draw(st.sampled_from(sorted(NAMED.items())))[1](part))
    found, plain = rejected([str(folder)]), expected(log)
    assert found.scan.counts() == plain.scan.counts() | {"files": len(parts)}
    assert found.groups == plain.groups


class Pieces(io.RawIOBase):
    """Gives what it has in pieces of these sizes, as a pipe or a slow disk may."""

    def __init__(self, data: bytes, sizes: Sequence[int]) -> None:
        self.data, self.sizes, self.turn = data, sizes, 0

    def read(self, size: int = -1) -> bytes:
        self.turn += 1
        size = min(size, self.sizes[self.turn % len(self.sizes)])
        found, self.data = self.data[:size], self.data[size:]
        return found


@given(st.sampled_from(sorted(set(CASES) - {"a line of ten megabytes"})), st.lists(st.integers(1, 90), min_size=1))
@settings(max_examples=300)
def test_any_pieces_read_the_same(name: str, sizes: list[int]) -> None:
    data, counts, groups = CASES[name]
    found = rejected(["-"], stdin=cast(BinaryIO, Pieces(data.encode() if isinstance(data, str) else data, sizes)))
    scan = found.scan
    assert (scan.accepted, scan.rejected, scan.no_data, scan.skipped_data, scan.malformed) == counts
    assert [told(group) for group in found.groups] == groups


@pytest.mark.parametrize("text", [TEXT, "\n".join(LINES), f"{TRANSIT_HEADER}\n{TRANSIT_LINE}\n{transit()}"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_text_cut_anywhere_is_read_to_the_last_whole_record(text: str, ending: str) -> None:
    data = text.replace("\n", ending).encode()
    for cut in range(len(data)):
        found = read(data[:cut]).scan
        whole = read(data[: data[:cut].rfind(b"\n") + 1]).scan
        assert found.malformed <= 1
        assert 0 <= found.records - whole.records <= 1
        assert found.accepted >= whole.accepted
        assert found.rejected >= whole.rejected


@given(st.lists(st.sampled_from([ACCEPTED, REJECTED, *LINES]), min_size=1, max_size=400), st.data())
@settings(max_examples=60)
def test_gzip_cut_anywhere_is_read_to_the_last_whole_record(lines: list[str], data: st.DataObject) -> None:
    packed = gzip.compress("\n".join([*lines, ""]).encode(), mtime=0)
    cut = data.draw(st.integers(1, len(packed) - 1))
    scan = read(packed[:cut]).scan
    assert scan.malformed == 1
    read_whole = scan.records - 1
    assert read_whole <= len(lines)
    assert scan.rejected == sum("REJECT" in line for line in lines[:read_whole])
    assert cut < len(packed) - 8 or read_whole == len(lines)  # the last eight bytes are a checksum and a length


@pytest.mark.parametrize("name", sorted({**JSONS, **TABLES}))
def test_other_containers_cut_anywhere_end_in_nothing_but_a_clear_word(name: str) -> None:
    content, counts, _ = CASES[name]
    data = content.encode() if isinstance(content, str) else content
    for cut in range(0, len(data), 7):
        with contextlib.suppress(InputError):  # so little may be left that it is no flow log
            scan = read(data[:cut]).scan
            assert scan.records - scan.malformed <= sum(counts[:4])


NETWORKS = st.sampled_from(["10.0.0.1/32", "10.0.0.0/30", "0.0.0.0/1", "2001:db8::/32", "::/0"]).map(ip_network)
FILTERS = st.builds(
    Filters,
    sources=st.lists(NETWORKS, max_size=1).map(tuple),
    destinations=st.lists(NETWORKS, max_size=2).map(tuple),
    ports=st.just(()) | st.just(((0, 1023), (40000, 50000))),
    protocol=st.none() | st.sampled_from([1, 6]),
    interfaces=st.just(frozenset()) | st.sampled_from([frozenset({"eni-1"}), frozenset({"eni-2", "nat-1", "-"})]),
)
TIMES = st.none() | st.integers(1_699_999_990, 1_700_002_010)
FOUND = st.lists(st.tuples(st.sampled_from(sorted(NAMED)), logs(least=0)), min_size=1, max_size=3)


@given(FOUND, FILTERS | st.just(Filters()), TIMES, TIMES, st.integers(1, 3), st.integers(64, 4096))
@settings(max_examples=60)
def test_the_engine_adds_up_as_plain_python_does(
    tmp_path_factory: pytest.TempPathFactory,
    found: list[tuple[str, Log]],
    filters: Filters,
    since: int | None,
    until: int | None,
    times: int,
    chunk: int,
) -> None:
    folder = tmp_path_factory.mktemp("logs")
    for number, (container, log) in enumerate(found):
        kept = log if log.rows else Log(log.names, [dict.fromkeys(log.names, "-") | {"log-status": "NODATA"}])
        (folder / f"{number}.log").write_bytes(NAMED[container](Log(kept.names, kept.rows * times)))
    results = []
    with pytest.MonkeyPatch.context() as patch:
        for large in (1 << 60, 0):
            patch.setattr(gathering, "LARGE", large)
            patch.setattr(blocks, "CHUNK", chunk)
            patch.setattr(files, "CHUNK", chunk)
            results.append(rejected([str(folder)], filters=filters, since=since, until=until))
    plain, engine = results
    same(plain, engine)
    assert (plain.scan.outside, plain.notes) == (engine.scan.outside, engine.notes)
    assert sorted(plain.scan.places) == sorted(engine.scan.places)


FAULTS = st.sampled_from(
    [
        *(("srcport", bad) for bad in ("65536", "70000", "-1", "1e3")),
        *(("dstport", bad) for bad in ("65536", "99999999999999999999", "-22")),
        *(("protocol", bad) for bad in ("256", "300", "-6", "tcp")),
        *((name, bad) for name in ("packets", "bytes", "start", "end") for bad in (str(2**63), "-1", "9" * 40)),
    ]
)


@given(st.sampled_from(sorted(NAMED)), logs(), st.data())
@settings(max_examples=80)
def test_a_number_that_is_none_of_its_kind_is_malformed_to_every_reader(
    tmp_path_factory: pytest.TempPathFactory, container: str, log: Log, data: st.DataObject
) -> None:
    names = list(dict.fromkeys((*log.names, "srcport", "dstport", "protocol", "packets", "bytes", "start", "end")))
    bad = 0
    rows = []
    for row in log.rows:
        rows.append(dict.fromkeys(names, "-") | row)
        if row["action"] == "REJECT" and data.draw(st.booleans()):  # of accepted ones large files have no numbers read
            name, value = data.draw(FAULTS)
            rows[-1][name] = value
            bad += 1
    folder = tmp_path_factory.mktemp("logs")
    (folder / "x.log").write_bytes(NAMED[container](Log(names, rows)))
    results = []
    with pytest.MonkeyPatch.context() as patch:
        for large in (1 << 60, 0):
            patch.setattr(gathering, "LARGE", large)
            results.append(rejected([str(folder)]))
    same(*results)
    assert results[0].scan.malformed == bad


def test_the_engine_reads_every_case_cut_short_as_plain_python_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in (TEXT, gzip.compress(TEXT.encode() * 40, mtime=0)):
        data = part.encode() if isinstance(part, str) else part
        for cut in range(1, len(data), 11):
            (tmp_path / "x.log").write_bytes(data[:cut])
            results = []
            for large in (1 << 60, 0):
                monkeypatch.setattr(gathering, "LARGE", large)
                results.append(rejected([str(tmp_path)]))
            same(*results)
