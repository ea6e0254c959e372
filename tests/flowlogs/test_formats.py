"""Every format and container that AWS writes, each with what is in it; whichever is written, nothing is lost."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.flowlogs.cases import (
    CASES,
    COUNTS,
    LINES,
    LOST,
    NO_DATA,
    TEXT,
    TRANSIT_LINE,
    V5,
    V5_LINE,
    columns,
    rdp,
    told,
)
from tests.flowlogs.gathered import rejected
from tests.flowlogs.test_records import HEADER, REJECTED
from whyblocked.errors import InputError
from whyblocked.flowlogs import exports, files
from whyblocked.flowlogs.groups import Filters, Group, Rejected


def read(tmp_path: Path, data: str | bytes, name: str = "x.log", **options: Any) -> Rejected:
    path = tmp_path / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return rejected([str(path)], **options)


def counted(found: Rejected) -> tuple[int, ...]:
    scan = found.scan
    return scan.accepted, scan.rejected, scan.no_data, scan.skipped_data, scan.malformed


@pytest.mark.parametrize("name", CASES)
def test_format(tmp_path: Path, name: str) -> None:
    data, counts, groups = CASES[name]
    found = read(tmp_path, data)
    assert counted(found) == counts, found.scan.places
    assert [told(group) for group in found.groups] == groups
    assert found.scan.files == 1
    assert len(found.scan.places) == found.scan.malformed
    assert all(place.startswith(f"{tmp_path}/x.log:") for place in found.scan.places)


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
        (columns([{"srcaddr": "1.1.1.1", "dst": "2.2.2.2", "action": "REJECT"}]), "lacks dstaddr or pkt-dstaddr"),
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


def test_losses_of_a_transit_gateway_are_groups_of_rejected_packets(tmp_path: Path) -> None:
    found = read(tmp_path, f"{TEXT}\n{TRANSIT_LINE}\n{TRANSIT_LINE}")
    assert counted(found) == (1, 3, 1, 1, 0)
    assert [told(group) for group in found.groups[1:]] == [
        lost.replace(f"1x {packets}p", f"2x {2 * packets}p") for lost, packets in zip(LOST, (4, 3), strict=True)
    ]
    assert len(read(tmp_path, TRANSIT_LINE, until=1431280875).groups) == 0
    assert read(tmp_path, TRANSIT_LINE, until=1431280875).scan.outside == 1


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


def test_a_document_too_large_to_be_held_is_read_piece_by_piece(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(exports, "_LARGEST", 2000)
    monkeypatch.setattr(files, "CHUNK", 700)
    page = {
        "events": [{"logStreamName": "s", "message": REJECTED}] * 50,
        "searchedLogStreams": [{"logStreamName": "s", "searchedCompletely": True}],
        "nextToken": "x",
    }
    found = read(tmp_path, json.dumps(page, indent=4) * 3)
    assert counted(found) == (0, 150, 0, 0, 0)


def test_whole_records_come_before_some_of_their_fields(tmp_path: Path) -> None:
    found = read(tmp_path, f"@timestamp,action,@message\nx,REJECT,{REJECTED}\nx,,{NO_DATA}\n")
    assert counted(found) == (0, 1, 1, 0, 0)
    assert [told(group) for group in found.groups] == rdp()


def test_malformed_lines_are_shown_by_file_and_line(tmp_path: Path) -> None:
    bad = REJECTED.replace("REJECT", "DROP")
    for data, lines in (
        (f"{HEADER}\n{bad}\n\n{HEADER}\n{bad}\n", (2, 5)),
        (gzip.compress(f"{HEADER}\n{bad}\n".encode()) * 2, (2, 4)),
        (f'timestamp,message\n1,{bad}\n\ntimestamp,message\n1,"{REJECTED}\n"\n1,{bad}\n', (2, 7)),
        ("\n".join(json.dumps({"message": m}) for m in (bad, REJECTED, bad)), (1, 3)),
        (columns([{"message": m} for m in (REJECTED, bad, bad)]), (2, 3)),
    ):
        assert read(tmp_path, data).scan.places == [f"{tmp_path}/x.log:{line}: action 'DROP'" for line in lines]


# https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-query-logs-format.html
QUERY = b"""{"version":"1.100000","account_id":"111122223333","region":"us-west-2","vpc_id":"vpc-1",
"query_timestamp":"2026-11-23T09:00:00Z","query_name":"example.com.","query_type":"A","rcode":"NOERROR","answers":[],
"srcaddr":"10.0.0.4","srcport":"9993","transport":"UDP","srcids":{"instance":"i-1"}}""".replace(b"\n", b"")
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html
ACCESS = (
    b"http 2026-11-23T09:00:00.186641Z app/lb/50dc6c495c0c9188 192.0.2.39:2817 10.0.0.1:80 0.000 0.001 0.000 200 200 "
    b'34 366 "GET http://example.com:80/ HTTP/1.1" "curl/7.46.0" - - arn:aws:x "Root=1-5" "-" "-" 0 2026 "forward"\n'
)


def test_other_things_in_a_folder_are_named_and_left(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(TEXT)
    for name, content in {
        ".DS_Store": b"\0\0\0\1Bud1", "README.md": b"# Version, start and end\n", "a.csv.metadata": b"\x08\1\0",
        "b.parquet": columns([{"name": "x", "start": 1}]), "c.csv": b"region,start,end\neu-west-1,1,2\n",
        "d.json": b'{"FlowLogs": [{"FlowLogId": "fl-1"}]}', "e.log.zst": b"\x28\xb5\x2f\xfd\0", "f.log": b"",
        "dns.log.gz": gzip.compress(QUERY), "trail.json.gz": gzip.compress(b'{"Records":[{"eventVersion":"1.08"}]}'),
        "alb.log.gz": gzip.compress(ACCESS), "waf.json": b'{"timestamp":1,"action":"BLOCK","httpRequest":{}}',
    }.items():  # fmt: skip
        (tmp_path / name).write_bytes(content)
    found = rejected([str(tmp_path)])
    assert (counted(found), found.scan.files) == (COUNTS, 2)
    assert found.notes[0] == (
        f"skipped in {tmp_path}, as they are no flow logs: README.md, a.csv.metadata, alb.log.gz and 7 more"
    )
    for name in ("README.md", "a.csv.metadata", "alb.log.gz", "b.parquet", "dns.log.gz", "trail.json.gz", "waf.json"):
        (tmp_path / name).unlink()
    assert rejected([str(tmp_path)]).notes[0].endswith(": c.csv, d.json, e.log.zst (zstd)")


def test_what_stands_around_some_records_does_not_hide_the_others(tmp_path: Path) -> None:
    """A line with a word too many comes first: it is malformed, and not what the others are like."""
    names = "${interface-id} ${srcaddr} ${dstaddr} ${action}"
    lines = "x eni-1 10.0.0.1 10.0.0.2 REJECT\neni-1 10.0.0.1 10.0.0.2 REJECT\n" * 2
    found = read(tmp_path, lines, log_format=names)
    assert counted(found) == (0, 2, 0, 0, 2)


def test_a_record_that_begins_with_an_ipv6_address_has_nothing_before_it(tmp_path: Path) -> None:
    names = "${srcaddr} ${tcp-flags} ${dstaddr} ${action} ${log-status}"
    (group,) = read(tmp_path, "2001:db8::2 2 2001:db8::3 REJECT OK\n", log_format=names).groups
    assert (group.source, group.destination) == ("2001:db8::2", "2001:db8::3")


def test_any_number_of_records_may_stand_side_by_side(tmp_path: Path) -> None:
    assert counted(read(tmp_path, "\t".join(LINES * 3000))) == (3000, 3000, 3000, 3000, 0)
