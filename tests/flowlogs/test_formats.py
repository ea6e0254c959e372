"""Every format and container that AWS writes, each with what is in it; whichever is written, nothing is lost."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from tests.flowlogs.test_records import ACCEPTED, HEADER, REJECTED
from whyblocked.errors import InputError
from whyblocked.flowlogs.fields import BY_VERSION, DEFAULT, TRANSIT
from whyblocked.flowlogs.groups import Filters, Group, Rejected, rejected

NO_DATA = "2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA"
SKIPPED = NO_DATA.replace("NODATA", "SKIPDATA")
LINES = [ACCEPTED, REJECTED, NO_DATA, SKIPPED]
TEXT = "\n".join([HEADER, *LINES, ""])
COUNTS = (1, 1, 1, 1, 0)
V5 = (
    "version action log-status flow-direction tcp-flags pkt-srcaddr pkt-dstaddr srcaddr dstaddr dstport protocol "
    "packets bytes start end interface-id vpc-id subnet-id"
)
V5_LINE = (
    "5 REJECT OK ingress 2 198.51.100.7 10.0.0.9 198.51.100.7 10.0.0.5 22 6 "
    "1 40 1616729292 1616729349 eni-1 vpc-1 subnet-1"
)


def objects(lines: Iterable[str] = LINES, names: Sequence[str] = DEFAULT.names) -> list[dict[str, str]]:
    return [dict(zip(names, line.split(), strict=True)) for line in lines]


def typed(fields: dict[str, str], named: Callable[[str], str] = str, absent: bool = True) -> dict[str, Any]:
    """Fields as writers of typed formats have them: numbers, and nothing where there is nothing."""
    return {
        named(name): int(value) if value.isdigit() and name != "account-id" else None if value == "-" else value
        for name, value in fields.items()
        if absent or value != "-"
    }


def camel(name: str) -> str:
    return {"account-id": "accountId", "interface-id": "interfaceId", "srcaddr": "srcAddr", "dstaddr": "dstAddr"}.get(
        name, {"srcport": "srcPort", "dstport": "dstPort", "log-status": "logStatus"}.get(name, name)
    )


def snake(name: str) -> str:
    return name.replace("-", "_")


def line_of(names: str, **values: object) -> str:
    return " ".join(str(values.get(snake(name), "-")) for name in names.split())


def payload(lines: Iterable[str] = LINES, kind: str = "DATA_MESSAGE") -> str:
    events = [{"id": str(n), "timestamp": 1431280876000, "message": line} for n, line in enumerate(lines)]
    return json.dumps({"messageType": kind, "owner": "1", "logGroup": "g", "logStream": "s", "logEvents": events})


def table(rows: list[dict[str, Any]], quoting: Any = csv.QUOTE_MINIMAL) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), quoting=quoting)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def columns(rows: list[dict[str, Any]]) -> bytes:
    out = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()


def read(tmp_path: Path, data: str | bytes, name: str = "x.log", **options: Any) -> Rejected:
    path = tmp_path / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return rejected([str(path)], **options)


def counted(found: Rejected) -> tuple[int, ...]:
    scan = found.scan
    return scan.accepted, scan.rejected, scan.no_data, scan.skipped_data, scan.malformed


UNDERSCORED = TEXT.replace("account-id", "account_id").replace("log-status", "log_status")
SHUFFLED = "\n".join([" ".join(reversed(line.split())) for line in TEXT.splitlines()])
MILLISECONDS = REJECTED.replace("1418530010 1418530070", "1418530010123 1418530070456")
TRANSIT_LINE = line_of(
    " ".join(TRANSIT.names), version=6, resource_type="TransitGateway", tgw_id="tgw-1",
    tgw_attachment_id="tgw-attach-1",
    srcaddr="10.0.0.1", dstaddr="10.1.0.1", srcport=1, dstport=2, protocol=6, packets=1, bytes=40, start=1431280876,
    end=1431280934, log_status="OK", packets_lost_no_route=3, packets_lost_blackhole=4, packets_lost_mtu_exceeded=0,
    packets_lost_ttl_expired=0,
)  # fmt: skip
VALUES: dict[str, Any] = {
    "version": 11, "interface_id": "eni-1", "srcaddr": "10.0.0.1", "dstaddr": "10.0.0.2", "srcport": 40000,
    "dstport": 443, "protocol": 6, "packets": 1, "bytes": 40, "start": 1431280876, "end": 1431280934,
    "action": "REJECT", "log_status": "OK", "reject_reason": "BPA",
}  # fmt: skip
UP_TO = {
    v: " ".join(" ".join(BY_VERSION[n].split()) for n in range(2, v + 1) if n != 6) for v in range(2, 12) if v != 6
}
DAMAGED = bytearray(gzip.compress(TEXT.encode()))
DAMAGED[-6] ^= 0xFF

CASES: dict[str, tuple[str | bytes, tuple[int, ...]]] = {
    **{f"version {v}": (f"{names}\n{line_of(names, **VALUES)}\n", (0, 1, 0, 0, 0)) for v, names in UP_TO.items()},
    "default format, header": (TEXT, COUNTS),
    "default format, no header": ("\n".join(LINES), COUNTS),
    "default format, NODATA first": ("\n".join(reversed(LINES)), COUNTS),
    "underscores": (UNDERSCORED, COUNTS),
    "fields backwards": (SHUFFLED, COUNTS),
    "unknown fields": (f"{HEADER} new-field\n" + "".join(f"{line} x\n" for line in LINES), COUNTS),
    "action before the addresses": (f"{V5}\n{V5_LINE}\n", (0, 1, 0, 0, 0)),
    "no log-status": ("srcaddr dstaddr action\n1.1.1.1 2.2.2.2 REJECT\n- - -\n", (0, 1, 1, 0, 0)),
    "addresses of the packet alone": ("pkt-srcaddr pkt-dstaddr action\n1.1.1.1 2.2.2.2 REJECT\n", (0, 1, 0, 0, 0)),
    "CRLF": (TEXT.replace("\n", "\r\n"), COUNTS),
    "no final newline": (TEXT.rstrip("\n"), COUNTS),
    "double spaces and tabs": (TEXT.replace(" ", "  ").replace("REJECT", "\tREJECT"), COUNTS),
    "spaces around lines": ("\n".join(f"  {line}  " for line in TEXT.splitlines()), COUNTS),
    "blank lines": (TEXT.replace("\n", "\n\n \n"), COUNTS),
    "repeated headers": (TEXT * 3, (3, 3, 3, 3, 0)),
    "header in the middle changes the format": (TEXT + f"{V5}\n{V5_LINE}\n", (1, 2, 1, 1, 0)),
    "byte order mark": (b"\xef\xbb\xbf" + TEXT.encode(), COUNTS),
    "milliseconds": (MILLISECONDS, (0, 1, 0, 0, 0)),
    "IPv6": (REJECTED.replace("172.31.9.69", "2001:db8::1").replace("172.31.9.12", "2001:db8::2"), (0, 1, 0, 0, 0)),
    "a field too few": (TEXT + REJECTED.rsplit(" ", 1)[0], (1, 1, 1, 1, 1)),
    "a field too many": (TEXT + REJECTED + " x", (1, 1, 1, 1, 1)),
    "half a last line": (TEXT + REJECTED[:40], (1, 1, 1, 1, 1)),
    "no address": (TEXT + REJECTED.replace("172.31.9.69", "172.31.9.690"), (1, 1, 1, 1, 1)),
    "no number": (TEXT + REJECTED.replace(" 20 ", " -20 "), (1, 1, 1, 1, 1)),
    "no action": (TEXT + REJECTED.replace("REJECT", "DROP"), (1, 1, 1, 1, 1)),
    "REJECT where the interface stands": (TEXT + ACCEPTED.replace(" eni-", " REJECT "), (1, 1, 1, 1, 1)),
    "NUL and broken UTF-8 in a line": (TEXT.encode() + b" " * 5000 + b"\0\xff\n", (1, 1, 1, 1, 1)),
    "transit gateway mixed in": (TEXT + TRANSIT_LINE, COUNTS),
    "transit gateway alone": (" ".join(TRANSIT.names) + "\n" + TRANSIT_LINE, (0, 0, 0, 0, 0)),
    "gzip": (gzip.compress(TEXT.encode()), COUNTS),
    "gzip, several members": (gzip.compress(TEXT.encode()) * 3, (3, 3, 3, 3, 0)),
    "gzip, a line across members": (gzip.compress(TEXT[:90].encode()) + gzip.compress(TEXT[90:].encode()), COUNTS),
    "gzip, zeros behind": (gzip.compress(TEXT.encode()) + b"\0" * 100, COUNTS),
    "gzip, cut off": (gzip.compress(TEXT.encode())[:-4], (1, 1, 1, 1, 1)),
    "gzip, damaged": (bytes(DAMAGED), (1, 1, 1, 0, 1)),
    "gzip in gzip": (gzip.compress(gzip.compress(TEXT.encode())), COUNTS),
    "empty": (b"", (0, 0, 0, 0, 0)),
    "header alone": (HEADER, (0, 0, 0, 0, 0)),
    "JSON lines of fields": ("\n".join(json.dumps(typed(o)) for o in objects()), COUNTS),
    "JSON lines, underscores": ("\n".join(json.dumps(typed(o, snake)) for o in objects()), COUNTS),
    "JSON lines, absent fields": ("\n".join(json.dumps(typed(o, absent=False)) for o in objects()), COUNTS),
    "JSON lines of texts": ("\n".join(json.dumps(o) for o in objects()), COUNTS),
    "JSON lines of messages (Firehose)": ("\n".join(json.dumps({"message": line}) for line in LINES), COUNTS),
    "JSON lines, CRLF": ("\r\n".join(json.dumps({"message": line}) for line in LINES), COUNTS),
    "JSON, one broken line": (
        json.dumps({"message": REJECTED}) + '\n{"message": }\n{"message": "x"}\n', (0, 1, 0, 0, 2)
    ),
    "JSON, half-written": (json.dumps({"message": REJECTED}) + '\n{"message": "2 123', (0, 1, 0, 0, 1)),
    "JSON array (Logs Insights export)": (json.dumps([{"@timestamp": "x", "@message": m} for m in LINES]), COUNTS),
    "JSON of Logs Insights' own fields": (json.dumps([typed(o, camel) for o in objects()], indent=2), COUNTS),
    "JSON of filter-log-events": (json.dumps({"events": [{"message": m} for m in LINES]}, indent=4), COUNTS),
    "JSON of get-query-results": (
        json.dumps({"results": [[{"field": "@message", "value": m}, {"field": "@ptr", "value": "x"}] for m in LINES]}),
        COUNTS,
    ),
    "subscription payload": (payload(), COUNTS),
    "subscription payload, gzip": (gzip.compress(payload().encode()), COUNTS),
    "subscription payloads behind one another": (
        payload() + payload() + payload([], "CONTROL_MESSAGE"), (2, 2, 2, 2, 0)
    ),
    "subscription payloads, members, packed again": (
        gzip.compress(gzip.compress(payload().encode()) + gzip.compress(payload().encode())), (2, 2, 2, 2, 0)
    ),
    "subscription control message": (payload(["CWL CONTROL MESSAGE"], "CONTROL_MESSAGE"), (0, 0, 0, 0, 0)),
    "subscription event of a function": (
        json.dumps({"awslogs": {"data": base64.b64encode(gzip.compress(payload().encode())).decode()}}), COUNTS
    ),
    "CSV of fields": (table(objects()), COUNTS),
    "CSV, quoted, underscores": (
        table([{snake(k): v for k, v in o.items()} for o in objects()], csv.QUOTE_ALL), COUNTS
    ),
    "CSV, empty fields": (table([typed(o) for o in objects()]), COUNTS),
    "CSV of messages (console)": (table([{"timestamp": "1431280876000", "message": line} for line in LINES]), COUNTS),
    "CSV of messages (Logs Insights)": (table([{"@timestamp": "x", "@message": m} for m in LINES]), COUNTS),
    "CSV, one column": ("@message\n" + "\n".join(LINES), COUNTS),
    "CSV, a short row": (table(objects()) + "2,1,eni-1\r\n", (1, 1, 1, 1, 1)),
    "CSV, dates": (table([{**o, "start": "2014-12-14 04:06:50.000", "end": "2014-12-14T04:07:50Z"} for o in objects()]),
                   COUNTS),
    "CSV, header twice": (table(objects()) * 2, (2, 2, 2, 2, 0)),
    "Parquet": (columns([typed(o, snake) for o in objects()]), COUNTS),
    "Parquet of texts": (columns([{snake(k): v for k, v in o.items()} for o in objects()]), COUNTS),
    "Parquet, half-written": (columns([typed(o, snake) for o in objects()])[:-20], (0, 0, 0, 0, 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_format(tmp_path: Path, name: str) -> None:
    data, counts = CASES[name]
    found = read(tmp_path, data)
    assert counted(found) == counts, found.scan.places
    assert found.scan.files == 1
    assert sum(group.records for group in found.groups) == found.scan.rejected
    assert len(found.scan.places) == found.scan.malformed
    assert all(place.startswith(f"{tmp_path}/x.log:") for place in found.scan.places)
    if "REJECT OK" in str(data) and counts == COUNTS:
        assert found.groups[0] == RDP


RDP = Group(
    interface_id="eni-1235b8ca123456789", source="172.31.9.69", destination="172.31.9.12", destination_port=3389,
    protocol=6, direction=None, records=1, packets=20, bytes=4249, first_seen=1418530010, last_seen=1418530070,
    source_port=49761,
)  # fmt: skip


@pytest.mark.parametrize("name", [name for name, (_, counts) in CASES.items() if counts == COUNTS])
def test_the_group_is_the_same_in_every_container(tmp_path: Path, name: str) -> None:
    (found,) = read(tmp_path, CASES[name][0]).groups
    known = {"first_seen", "last_seen"} if name == "CSV, dates" else set()
    assert {f: getattr(found, f) for f in Group.__struct_fields__ if f not in known} == {
        f: getattr(RDP, f) for f in Group.__struct_fields__ if f not in known
    }


@pytest.mark.parametrize("name", ["Parquet", "gzip", "subscription payload", "CSV of fields"])
def test_standard_input_may_be_a_pipe(name: str) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 100))

    assert counted(rejected(["-"], stdin=Pipe(bytes(_bytes(CASES[name][0]))))) == COUNTS


def _bytes(data: str | bytes) -> bytes:
    return data.encode() if isinstance(data, str) else data


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ("version srcaddr dstaddr\n2 1.1.1.1 2.2.2.2\n", "lacks action"),
        ("srcaddr action\n1.1.1.1 REJECT\n", "lacks dstaddr or pkt-dstaddr"),
        ('{"srcaddr": "1.1.1.1", "dstaddr": "2.2.2.2", "dstport": 1}', "lacks action"),
        ("dstaddr,action,protocol\n1.1.1.1,REJECT,6\n", "lacks srcaddr or pkt-srcaddr"),
        (columns([{"srcaddr": "1.1.1.1", "dst_addr": "2.2.2.2", "action": "REJECT"}]), "lacks dstaddr or pkt-dstaddr"),
    ],
)
def test_a_format_that_lacks_a_field_is_named(tmp_path: Path, data: str | bytes, named: str) -> None:
    with pytest.raises(InputError, match=named) as error:
        read(tmp_path, data)
    assert "x.log" in error.value.message


def test_packet_addresses_and_all_that_a_group_tells(tmp_path: Path) -> None:
    other = V5_LINE.replace(" 2 198", " 4 198").replace("1616729292 1616729349", "1616729200 1616729300")
    late = V5_LINE.replace("198.51.100.7", "-", 1).replace("198.51.100.7", "10.0.0.8").replace("10.0.0.9", "-")
    found = read(tmp_path, f"{V5} reject-reason\n{V5_LINE} -\n{other} -\n{late} BPA\n").groups
    assert found[0] == Group(
        interface_id="eni-1", source="198.51.100.7", destination="10.0.0.9", destination_port=22, protocol=6,
        direction="ingress", records=2, packets=2, bytes=80, first_seen=1616729200, last_seen=1616729349, flags=6,
        syn=1, vpc_id="vpc-1", subnet_id="subnet-1",
    )  # fmt: skip
    assert (found[1].source, found[1].destination, found[1].reject_reason) == ("10.0.0.8", "10.0.0.5", "BPA")


def test_protocols_without_ports_make_one_group_whatever_the_type(tmp_path: Path) -> None:
    pings = [REJECTED.replace(" 49761 3389 6 ", f" {source} {port} 1 ") for source, port in ((0, 0), (3, 8))]
    (found,) = read(tmp_path, "\n".join(pings)).groups
    assert (found.protocol, found.destination_port, found.records) == (1, None, 2)


def test_losses_of_a_transit_gateway_stand_apart(tmp_path: Path) -> None:
    found = read(tmp_path, f"{TEXT}\n{TRANSIT_LINE}\n{TRANSIT_LINE}")
    (lost,) = found.lost
    assert (lost.transit_gateway_id, lost.attachment_id, lost.records) == ("tgw-1", "tgw-attach-1", 2)
    assert lost.packets == (6, 8, 0, 0)
    assert found.scan.records == 4


def test_skipped_data_is_said_aloud(tmp_path: Path) -> None:
    assert "skipped by AWS" in read(tmp_path, TEXT).notes[0]
    assert read(tmp_path, REJECTED).notes == []


@pytest.mark.parametrize(
    ("filters", "ports"),
    [
        (Filters(ports=((20, 30),)), [22]),
        (Filters(protocol=17), [53]),
        (Filters(interfaces=frozenset({"eni-2"})), [53]),
        (Filters(), [22, 53, 443]),
    ],
)
def test_filters(tmp_path: Path, filters: Filters, ports: list[int]) -> None:
    lines = [
        f"2 1 {eni} 1.1.1.1 2.2.2.2 9 {port} {protocol} 1 1 1 1 REJECT OK"
        for eni, port, protocol in (("eni-1", 22, 6), ("eni-1", 443, 6), ("eni-2", 53, 17))
    ]
    found = read(tmp_path, "\n".join(lines), filters=filters)
    assert sorted(group.destination_port or 0 for group in found.groups) == ports
    assert found.scan.rejected == 3


def test_groups_come_by_packets_then_by_their_keys(tmp_path: Path) -> None:
    lines = [REJECTED.replace(" 3389 6 20 ", f" {port} 6 {packets} ") for port, packets in ((9, 1), (80, 5), (8, 1))]
    found = read(tmp_path, "\n".join(lines)).groups
    assert [(group.destination_port, group.packets) for group in found] == [(80, 5), (8, 1), (9, 1)]


FOLDERS = {
    "plain": "AWSLogs/1/vpcflowlogs/eu-west-1/2026/11/{day}/",
    "hourly": "AWSLogs/1/vpcflowlogs/eu-west-1/2026/11/{day}/09/",
    "Hive": "AWSLogs/aws-account-id=1/aws-service=vpcflowlogs/aws-region=eu-west-1/year=2026/month=11/day={day}/",
    "Hive, hourly": "p/AWSLogs/aws-service=vpcflowlogs/aws-region=eu-west-1/year=2026/month=11/day={day}/hour=09/",
}


@pytest.mark.parametrize("layout", FOLDERS)
def test_a_window_leaves_files_unread_by_their_names(tmp_path: Path, layout: str) -> None:
    for day in (21, 22, 23):
        folder = tmp_path / FOLDERS[layout].format(day=day)
        folder.mkdir(parents=True)
        for minute in ("0900", "0930"):
            name = f"1_vpcflowlogs_eu-west-1_fl-1_202611{day}T{minute}Z_abc.log.gz"
            (folder / name).write_bytes(gzip.compress(f"{HEADER}\n{NO_DATA}\n".encode()))
    at = 1795338000  # 2026-11-22T09:00:00Z
    assert rejected([str(tmp_path)]).scan.files == 6
    assert rejected([str(tmp_path)], since=at, until=at + 300).scan.files == 1
    assert rejected([str(tmp_path)], since=at).scan.files == 4
    assert rejected([str(tmp_path)], until=at).scan.files == 3
    assert rejected([str(tmp_path)], since=at + 10 * 86400).scan.files == 0


numbers = st.integers(0, 65535).map(str)
addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)
values: dict[str, st.SearchStrategy[str]] = {
    **dict.fromkeys(("srcaddr", "dstaddr"), st.sampled_from(["10.0.0.1", "10.0.0.2", "2001:db8::1"]) | addresses),
    **dict.fromkeys(("pkt-srcaddr", "pkt-dstaddr"), st.just("-") | addresses),
    **dict.fromkeys(("srcport", "dstport", "packets", "bytes"), numbers),
    "protocol": st.sampled_from(["1", "6", "17", "58"]),
    "start": st.integers(1_700_000_000, 1_700_001_000).map(str),
    "end": st.integers(1_700_001_000, 1_700_002_000).map(str),
    "action": st.sampled_from(["ACCEPT", "REJECT"]),
    "log-status": st.just("OK"),
    "interface-id": st.sampled_from(["eni-1", "eni-2"]),
    "tcp-flags": st.sampled_from(["-", "0", "2", "18", "3"]),
    "flow-direction": st.sampled_from(["ingress", "egress"]),
    "reject-reason": st.sampled_from(["-", "BPA"]),
    "subnet-id": st.sampled_from(["-", "subnet-1"]),
}
rows = st.lists(st.fixed_dictionaries(values), min_size=1, max_size=12)


def text(records: list[dict[str, str]], names: list[str]) -> bytes:
    return "\n".join([" ".join(names), *(" ".join(record[name] for name in names) for record in records)]).encode()


def ordered(records: list[dict[str, str]], names: list[str]) -> list[dict[str, str]]:
    return [{name: record[name] for name in names} for record in records]


CONTAINERS: list[Callable[[list[dict[str, str]]], bytes]] = [
    lambda rows: gzip.compress(text(rows, list(rows[0]))),
    lambda rows: "\n".join(json.dumps(typed(row, snake)) for row in rows).encode(),
    lambda rows: json.dumps([typed(row, camel) for row in rows]).encode(),
    lambda rows: table([typed(row) for row in rows]).encode(),
    lambda rows: columns([typed(row, snake) for row in rows]),
]


@given(rows, st.permutations(list(values)), st.sampled_from(CONTAINERS))
def test_any_order_of_fields_and_any_container_holds_the_same(
    records: list[dict[str, str]], names: list[str], container: Callable[[list[dict[str, str]]], bytes]
) -> None:
    plain = rejected(["-"], stdin=io.BytesIO(text(records, sorted(names))))
    other = rejected(["-"], stdin=io.BytesIO(container(ordered(records, names))))
    assert other.groups == plain.groups
    assert other.scan.counts() == plain.scan.counts()
    assert plain.scan.rejected == sum(record["action"] == "REJECT" for record in records)
    assert sum(g.packets for g in plain.groups) == sum(
        int(record["packets"]) for record in records if record["action"] == "REJECT"
    )
