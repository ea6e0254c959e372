"""Large flow logs are read in another way and come to the same."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from tests.flowlogs.cases import CASES, LINES, TRANSIT_LINE, V5, V5_LINE
from tests.flowlogs.gathered import rejected
from tests.flowlogs.test_records import ACCEPTED, HEADER, REJECTED
from whyblocked.flowlogs import blocks, engine, gathering, quick
from whyblocked.flowlogs.groups import Filters, Rejected


def both(monkeypatch: pytest.MonkeyPatch, folder: Path, **options: object) -> tuple[Rejected, Rejected]:
    """What the parser alone finds, and what the engine does."""
    found = []
    for large in (1 << 60, 0):
        monkeypatch.setattr(gathering, "LARGE", large)
        found.append(rejected([str(folder)], **options))  # type: ignore[arg-type]
    return found[0], found[1]


def same(slow: Rejected, fast: Rejected) -> None:
    assert fast.scan.counts() == slow.scan.counts()
    assert fast.groups == slow.groups
    assert sorted(fast.scan.places) == sorted(slow.scan.places)
    assert (fast.notes, fast.scan.outside) == (slow.notes, slow.scan.outside)


@pytest.mark.parametrize("name", CASES)
def test_every_format(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    data = CASES[name][0]
    (tmp_path / "x.log").write_bytes(data.encode() if isinstance(data, str) else data)
    same(*both(monkeypatch, tmp_path))


def other(text: str, *changes: tuple[str, str]) -> str:
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    return text


def test_the_quick_way_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("read by the parser")

    (tmp_path / "x.log.gz").write_bytes(gzip.compress("\n".join([HEADER, *LINES * 9, ""]).encode()))
    monkeypatch.setattr(gathering, "LARGE", 0)
    monkeypatch.setattr("whyblocked.flowlogs.large.read_file", fail)
    assert rejected([str(tmp_path)]).scan.rejected == 9


ODD = [
    other(ACCEPTED, (" 20641 ", " ")),
    other(ACCEPTED, (" 20641 ", " 20641 20641 ")),
    other(ACCEPTED, (" 20641 ", "  ")),
    other(ACCEPTED, (" 20641 ", "\t20641 ")),
    other(ACCEPTED, (" 20641 ", "\x0120641 ")),
    other(ACCEPTED, (" ACCEPT", " XACCEPT")),
    f" {ACCEPTED}",
    f"{ACCEPTED} ",
    f"{ACCEPTED}\r",
    "2 1 e - - - - - - - 1418530010 1418530070 - XSKIPDATA",
    "2 1 e - - - - - - - 1418530010 1418530070 - XNODATA",
    other(REJECTED, ("172.31.9.69", "172.31.9.691")),
    other(REJECTED, (" 3389 ", " x ")),
    other(REJECTED, (" 3389 ", " -3389 ")),
    other(REJECTED, (" 3389 ", " 65536 ")),
    other(REJECTED, (" 49761 ", " 70000 ")),
    other(REJECTED, (" 3389 6 ", " 3389 256 ")),
    other(REJECTED, (" 20 ", f" {2**63} ")),
    other(REJECTED, (" 20 ", f" {2**63 - 1} ")),
    other(REJECTED, ("1418530070", "9" * 22)),
    other(REJECTED, (" 3389 ", " - ")),
    other(REJECTED, (" 20 ", " 20  ")),
    other(REJECTED, ("1418530010", "1418530010000")),
    other(REJECTED, (" 3389 6 ", " 8 1 ")),
    other(REJECTED, ("172.31.9.69", "-")),
    other(REJECTED, ("eni-1235b8ca123456789", "-")),
    other(REJECTED, (" 20 ", " 99999999999999999999 ")),
    other(REJECTED, ("eni-", '"eni-')),
    REJECTED[:-3],
    f"{REJECTED} OK",
    other(REJECTED, (" OK", " KO")),
    other(ACCEPTED, ("ACCEPT", "ACCEPTED")),
    other(ACCEPTED, ("eni-", "REJECT ")),
    ACCEPTED[5:],
    HEADER,
    "",
    "   ",
    TRANSIT_LINE,
    "x",
]
usual = st.builds(
    lambda line, host, port, packets, at: (
        other(line, (" 6 ", " 6 "))
        .replace("172.31.9.69", f"10.0.{host}.1")
        .replace(" 3389 6 20 ", f" {port} 6 {packets} ")
        .replace("14185300", f"1418{at}300")
    ),
    st.sampled_from([REJECTED, ACCEPTED]),
    st.integers(0, 3),
    st.sampled_from([22, 443]),
    st.integers(1, 9),
    st.integers(10, 12),
)
lines = st.lists(usual | st.sampled_from([*LINES, *ODD]), max_size=30)
endings = st.sampled_from(["\n", "\r\n"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(lines, st.sampled_from([64, 300, 1 << 18]), endings, st.booleans(), st.sampled_from([None, 1418530000]))
def test_any_lines_in_chunks_of_any_size(
    tmp_path_factory: pytest.TempPathFactory, found: list[str], size: int, ending: str, packed: bool, since: int | None
) -> None:
    folder = tmp_path_factory.mktemp("large")
    pack: Callable[[bytes], bytes] = gzip.compress if packed else bytes
    (folder / "x.log").write_bytes(pack(ending.join([HEADER, *found, ACCEPTED]).encode()))
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(blocks, "CHUNK", max(size, 1024))
        monkeypatch.setattr(quick, "CHUNK", size)
        monkeypatch.setattr(quick, "_BATCH", 4 * size)
        same(*both(monkeypatch, folder, since=since))


@pytest.mark.parametrize(
    ("one", "another"),
    [
        (other(ACCEPTED, (" 20641 ", " ")), other(ACCEPTED, (" 20641 ", " 1 20641 "))),
        (other(ACCEPTED, (" 20641 ", "  ")), other(ACCEPTED, (" 22 ", "\t22 "))),
        (other(REJECTED, (" 3389 ", " ")), other(ACCEPTED, (" 20641 ", " 1 20641 "))),
        (other(ACCEPTED, (" 20641 ", "\x0120641 ")), f" {ACCEPTED}"),
    ],
)
def test_faults_that_make_up_for_each_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, one: str, another: str
) -> None:
    (tmp_path / "x.log").write_text("\n".join([*[ACCEPTED, REJECTED] * 200, one, another, ACCEPTED]))
    slow, fast = both(monkeypatch, tmp_path)
    same(slow, fast)
    assert fast.scan.malformed


FLOW: dict[str, object] = {
    "interface_id": "eni-1", "srcaddr": "10.0.0.1", "dstaddr": "2001:db8::1", "srcport": 1, "dstport": 22,
    "protocol": 6, "packets": 2, "bytes": 80, "start": 1418530010, "end": 1418530070, "action": "REJECT",
    "log_status": "OK", "pkt_srcaddr": "-", "flow_direction": "ingress", "tcp_flags": None, "subnet_id": "subnet-1",
}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"action": "ACCEPT"},
        {"action": "-", "log_status": "NODATA", "srcaddr": "-"},
        {"action": "-", "log_status": "SKIPDATA"},
        {"action": "DROP"},
        {"action": None},
        {"log_status": None},
        {"srcaddr": "10.0.0.256"},
        {"srcaddr": None, "interface_id": "-"},
        {"srcaddr": ""},
        {"dstport": -1},
        {"srcport": 65536, "action": "ACCEPT"},
        {"packets": -1, "action": "ACCEPT"},
        {"protocol": 256, "log_status": "NODATA", "action": "-"},
        {"tcp_flags": -1, "action": "ACCEPT"},
        {"dstport": None, "protocol": 1},
        {"start": 1418530010000},
        {"start": None, "end": None},
        {"subnet_id": "a b"},
        {"flow_direction": "-", "tcp_flags": 2, "pkt_srcaddr": "192.0.2.1"},
    ],
)
@pytest.mark.parametrize("since", [None, 1418530050])
def test_parquet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: dict[str, object], since: int | None) -> None:
    rows = [FLOW, FLOW | {"srcaddr": "10.0.0.2", "subnet_id": "subnet-2"}, FLOW | change, FLOW]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "x.parquet")
    slow, fast = both(monkeypatch, tmp_path, since=since)
    same(slow, fast)
    assert fast.groups


@pytest.mark.parametrize("name", ["x.parquet", "x[1]*.parquet"])
def test_parquet_of_other_types(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    rows = [FLOW | {"packets": 2.0, "start": datetime(2026, 11, 23, tzinfo=UTC)}, FLOW | {"packets": 3.0}]
    rows[1]["start"] = rows[0]["start"]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / name)
    same(*both(monkeypatch, tmp_path))
    parquet.write_table(pa.Table.from_pylist([FLOW]), tmp_path / name)
    same(*both(monkeypatch, tmp_path))
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-9])
    same(*both(monkeypatch, tmp_path))


def test_parquet_of_something_else_in_a_folder_is_named_and_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    parquet.write_table(pa.Table.from_pylist([FLOW]), tmp_path / "a.parquet")
    parquet.write_table(pa.Table.from_pylist([{"action": "BLOCK", "client_addr": "x"}]), tmp_path / "b.parquet")
    slow, fast = both(monkeypatch, tmp_path)
    same(slow, fast)
    assert fast.notes == [f"skipped in {tmp_path}, as they are no flow logs: b.parquet"]


def test_more_groups_than_memory_holds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hosts = [REJECTED.replace("172.31.9.69", f"10.{n % 5}.{n % 251}.{n % 13}") for n in range(3000)]
    for name in ("a.log", "b.log", "c.log"):
        (tmp_path / name).write_text("\n".join([HEADER, *hosts]))
        hosts = [host.replace(" 3389 ", " 22 ") for host in hosts[::-2]]
    monkeypatch.setattr(engine, "_BOUND", 500)
    monkeypatch.setattr(engine, "_RANGE", 300)
    monkeypatch.setattr(quick, "_BATCH", 10_000)
    same(*both(monkeypatch, tmp_path))


def test_sums_that_no_number_holds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "x.log").write_text("\n".join([other(REJECTED, (" 20 4249 ", f" {2**62} {2**63 - 1} "))] * 3))
    slow, fast = both(monkeypatch, tmp_path)
    same(slow, fast)
    assert (fast.groups[0].packets, fast.groups[0].bytes) == (2**63 - 1, 2**63 - 1)


def test_keys_with_the_same_hash(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hosts = [REJECTED.replace("172.31.9.69", f"10.0.0.{n % 7}") for n in range(100)]
    (tmp_path / "x.log").write_text("\n".join(hosts))
    monkeypatch.setattr(engine, "hashed", lambda rows: np.zeros(len(rows["source"]), np.int64))
    same(*both(monkeypatch, tmp_path))


@pytest.mark.parametrize("since", [None, 1616729330])
@pytest.mark.parametrize("reason", ["-", "BPA"])
def test_an_action_that_does_not_stand_last(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, since: int | None, reason: str
) -> None:
    names, line = V5.replace("action ", "srcport action ") + " reject-reason", V5_LINE.replace(" ", " 9 ", 1)
    hosts = [f"{line.replace('198.51.100.7', f'198.51.100.{n % 7}')} {reason}" for n in range(500)]
    early = [host.replace("16167293", "16167292") for host in hosts]
    (tmp_path / "x.log").write_text("\n".join([names, *hosts, *early, *(h.replace("REJ", "ACC") for h in hosts)]))
    slow, fast = both(monkeypatch, tmp_path, since=since)
    same(slow, fast)
    assert len(fast.groups) == 7


@pytest.mark.parametrize(
    "filters",
    [
        Filters(sources=(ip_network("10.0.1.0/24"),)),
        Filters(destinations=(ip_network("172.31.0.0/16"), ip_network("::/0"))),
        Filters(ports=((20, 30), (443, 443)), protocol=6),
        Filters(interfaces=frozenset({"eni-1235b8ca123456789"})),
        Filters(interfaces=frozenset({"eni-2"})),
    ],
)
def test_filters(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, filters: Filters) -> None:
    records = [
        REJECTED.replace("172.31.9.69", f"10.0.{n % 3}.1").replace(" 3389 ", f" {port} ")
        for n in range(20)
        for port in (22, 443, 8080)
    ]
    (tmp_path / "x.log").write_text("\n".join(records))
    same(*both(monkeypatch, tmp_path, filters=filters))


PACKETS = f"{HEADER} tcp-flags pkt-srcaddr pkt-dstaddr flow-direction"


@pytest.mark.parametrize(
    ("seen", "packet", "told", "direction"),
    [
        (("10.0.1.5", "10.0.0.220"), ("10.0.1.5", "203.0.113.5"), "-", "ingress"),  # what a NAT gateway gets
        (("10.0.0.220", "10.0.1.5"), ("203.0.113.5", "10.0.1.5"), "-", "egress"),  # and what it hands on
        (("10.0.0.220", "203.0.113.5"), ("10.0.0.220", "203.0.113.5"), "-", None),
        (("10.0.0.220", "10.0.0.221"), ("10.0.1.5", "10.0.1.6"), "-", None),
        (("10.0.1.5", "10.0.0.220"), ("10.0.1.5", "203.0.113.5"), "egress", "egress"),
        (("10.0.1.5", "10.0.0.220"), ("-", "-"), "-", None),
    ],
)
def test_an_address_that_is_not_the_packets_tells_the_direction(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    seen: tuple[str, str],
    packet: tuple[str, str],
    told: str,
    direction: str | None,
) -> None:
    lines = [
        f"2 123456789010 eni-1 {' '.join(seen)} {port} 443 6 1 40 1418530010 1418530070 REJECT OK 2 "
        f"{' '.join(packet)} {told}"
        for port in (40001, 40009, 40003)
    ]
    (tmp_path / "x.log").write_text("\n".join([PACKETS, *lines, ""]))
    slow, fast = both(monkeypatch, tmp_path)
    same(slow, fast)
    assert [(group.direction, group.source_port) for group in fast.groups] == [(direction, 40009)]
