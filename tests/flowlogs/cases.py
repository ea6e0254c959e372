"""Samples of flow logs as AWS, its tools and its customers' tools write them, each with what is in it.

A case is its data, the five counts (accepted, rejected, without data, skipped, malformed), and its groups in the words
of :func:`told`. Addresses, interfaces and times are those of AWS's documentation where it has an example.
"""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from tests.flowlogs.test_records import ACCEPTED, HEADER, REJECTED
from whyblocked.flowlogs.fields import BY_VERSION, DEFAULT, TRANSIT
from whyblocked.flowlogs.groups import Group

Counts = tuple[int, int, int, int, int]
Case = tuple[str | bytes, Counts, list[str]]

NO_DATA = "2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA"
SKIPPED = NO_DATA.replace("NODATA", "SKIPDATA")
LINES = [ACCEPTED, REJECTED, NO_DATA, SKIPPED]
TEXT = "\n".join([HEADER, *LINES, ""])
COUNTS: Counts = (1, 1, 1, 1, 0)
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


def athena_rows(rows: Iterable[Iterable[str]]) -> list[dict[str, list[dict[str, str]]]]:
    """Rows as Athena's API has them: a cell of nothing is an empty object."""
    return [{"Data": [{} if cell == "-" else {"VarCharValue": cell} for cell in row]} for row in rows]


def steampipe(name: str) -> str:
    """A field's name as a column of Steampipe's."""
    return snake(name).replace("addr", "_addr").replace("port", "_port")


def camel(name: str) -> str:
    """A field's name as Logs Insights finds it."""
    return {
        "account-id": "accountId", "interface-id": "interfaceId", "srcaddr": "srcAddr", "dstaddr": "dstAddr",
        "srcport": "srcPort", "dstport": "dstPort", "log-status": "logStatus", "start": "startTime", "end": "endTime",
    }.get(name, name)  # fmt: skip


def snake(name: str) -> str:
    return name.replace("-", "_")


def old(name: str) -> str:
    """A field's name in the tables of Athena's older documentation."""
    return {
        "account-id": "account", "srcaddr": "sourceaddress", "dstaddr": "destinationaddress", "srcport": "sourceport",
        "dstport": "destinationport", "packets": "numpackets", "bytes": "numbytes", "start": "starttime",
        "end": "endtime",
    }.get(name, name.replace("-", ""))  # fmt: skip


def line_of(names: str, **values: object) -> str:
    return " ".join(str(values.get(snake(name), "-")) for name in names.split())


def payload(lines: Iterable[str] = LINES, kind: str = "DATA_MESSAGE") -> str:
    """What a subscription filter sends."""
    events = [{"id": str(n), "timestamp": 1431280876000, "message": line} for n, line in enumerate(lines)]
    return json.dumps({"messageType": kind, "owner": "1", "logGroup": "g", "logStream": "s", "logEvents": events})


def packed(lines: Iterable[str] = LINES) -> str:
    """The same as the event of a function has it."""
    return base64.b64encode(gzip.compress(payload(lines).encode(), mtime=0)).decode()


def table(rows: list[dict[str, Any]], quoting: Any = csv.QUOTE_MINIMAL, mark: str = ",") -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), quoting=quoting, delimiter=mark)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def columns(rows: list[dict[str, Any]], **options: Any) -> bytes:
    return written(pa.Table.from_pylist(rows), **options)


def written(rows: pa.Table, **options: Any) -> bytes:
    out = io.BytesIO()
    parquet.write_table(rows, out, **options)
    return out.getvalue()


def recast(**kinds: Any) -> pa.Table:
    """The default records in Parquet's types, some of them others."""
    rows = pa.Table.from_pylist(ROWS)
    for name, kind in kinds.items():
        place = rows.schema.get_field_index(name)
        rows = rows.set_column(place, name, rows.column(name).cast(kind))
    return rows


def told(group: Group) -> str:
    """A group in a line: ``3x 60p 12747B eni-1: 1.1.1.1 -> 2.2.2.2 6/3389``, then what not every format tells."""
    port = "" if group.destination_port is None else f"/{group.destination_port}"
    words = f"{group.records}x {group.packets}p {group.bytes}B {group.interface_id}: {group.source} -> "
    words += f"{group.destination} {group.protocol}{port} {group.first_seen}-{group.last_seen}"
    more = (group.direction, group.flags, group.reject_reason, group.subnet_id, group.vpc_id)
    return " ".join([words, *(str(one) for one in more if one is not None)])


def rdp(times: int = 1) -> list[str]:
    """The group of AWS's documented rejected record."""
    sums = f"{times}x {20 * times}p {4249 * times}B"
    return [f"{sums} eni-1235b8ca123456789: 172.31.9.69 -> 172.31.9.12 6/3389 1418530010-1418530070"]


def gone(lost: int, reason: str, where: str = "tgw-attach-1") -> str:
    """The group of packets that the transit gateway of :data:`TRANSIT_LINE` lost in one way."""
    return f"1x {lost}p 0B {where}: 10.0.0.1 -> 10.1.0.1 6/2 1431280876-1431280934 {reason}"


def transit(**values: object) -> str:
    known: dict[str, object] = {
        "version": 6, "resource_type": "TransitGateway", "tgw_id": "tgw-1", "tgw_attachment_id": "tgw-attach-1",
        "srcaddr": "10.0.0.1", "dstaddr": "10.1.0.1", "srcport": 1, "dstport": 2, "protocol": 6, "packets": 1,
        "bytes": 40, "start": 1431280876, "end": 1431280934, "log_status": "OK", "packets_lost_no_route": 0,
        "packets_lost_blackhole": 0, "packets_lost_mtu_exceeded": 0, "packets_lost_ttl_expired": 0,
    }  # fmt: skip
    return line_of(" ".join(TRANSIT.names), **(known | values))


def date(seconds: str) -> str:
    return seconds if seconds == "-" else datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d %H:%M:%S.000")


ROWS = [typed(fields, snake) for fields in objects()]
EVENTS = [
    {"logStreamName": "eni-1235b8ca123456789-all", "timestamp": 1431280876000, "message": m, "ingestionTime": 1}
    for m in LINES
]
STAMP = "2015-05-10T18:01:16.000000+00:00"
SHUFFLED = "\n".join([" ".join(reversed(line.split())) for line in TEXT.splitlines()])
MILLISECONDS = REJECTED.replace("1418530010 1418530070", "1418530010123 1418530070456")
TRANSIT_HEADER = " ".join(TRANSIT.names)
TRANSIT_LINE = transit(packets_lost_no_route=3, packets_lost_blackhole=4)
LOST = [gone(4, "tgw:blackhole"), gone(3, "tgw:no-route")]
TRANSIT_SHORT = (
    "tgw-id tgw-attachment-id srcaddr dstaddr dstport protocol packets start end packets-lost-ttl-expired",
    "tgw-1 - 10.0.0.1 10.1.0.1 2 6 9 1431280876 1431280934 5",
)
VALUES: dict[str, Any] = {
    "version": 11, "interface_id": "eni-1", "srcaddr": "10.0.0.1", "dstaddr": "10.0.0.2", "srcport": 40000,
    "dstport": 443, "protocol": 6, "packets": 1, "bytes": 40, "start": 1431280876, "end": 1431280934,
    "action": "REJECT", "log_status": "OK", "reject_reason": "BPA", "ecs_task_id": "0123abc", "encryption_status": 0,
    "instance_tag": "web%20server", "interface_type": "nat_gateway", "next_hop_vpc_id": "vpc-2",
}  # fmt: skip
PLAIN = "1x 1p 40B eni-1: 10.0.0.1 -> 10.0.0.2 6/443 1431280876-1431280934"
VERSIONS = {
    v: " ".join(" ".join(BY_VERSION[n].split()) for n in range(2, v + 1) if n != 6) for v in range(2, 12) if v != 6
}
REGIONAL = "resource-id instance-id interface-id subnet-id srcaddr dstaddr pkt-srcaddr pkt-dstaddr action log-status"
REGIONAL_LINE = "nat-1234567890abcdef - - - 203.0.113.5 107.22.182.139 203.0.113.5 107.22.182.139 REJECT OK"
DAMAGED = bytearray(gzip.compress(TEXT.encode(), mtime=0))
DAMAGED[-6] ^= 0xFF
MANY = [REJECTED.replace(" 49761 ", f" {port} ") for port in range(1024, 2024)]
HALF_GZIP = gzip.compress("\n".join(MANY).encode(), mtime=0)

TEXTS: dict[str, Case] = {
    **{
        f"version {v}": (f"{names}\n{line_of(names, **VALUES)}\n", (0, 1, 0, 0, 0), [PLAIN + " BPA" * (v >= 8)])
        for v, names in VERSIONS.items()
    },
    "default format, header": (TEXT, COUNTS, rdp()),
    "default format, no header": ("\n".join(LINES), COUNTS, rdp()),
    "default format, NODATA first": ("\n".join(reversed(LINES)), COUNTS, rdp()),
    "header with underscores": (TEXT.replace(HEADER, snake(HEADER)), COUNTS, rdp()),
    "header in capitals": (TEXT.replace(HEADER, HEADER.upper()), COUNTS, rdp()),
    "header as the API has it": (TEXT.replace(HEADER, str(DEFAULT)), COUNTS, rdp()),
    "header in quotes": (TEXT.replace(HEADER, f'"{HEADER}"'), COUNTS, rdp()),
    "header behind a number sign": (TEXT.replace(HEADER, f"# {HEADER}"), COUNTS, rdp()),
    "header with Athena's older names": (TEXT.replace(HEADER, " ".join(map(old, DEFAULT.names))), COUNTS, rdp()),
    "fields backwards": (SHUFFLED, COUNTS, rdp()),
    "unknown fields": (f"{HEADER} new-field\n" + "".join(f"{line} x\n" for line in LINES), COUNTS, rdp()),
    "action before the addresses": (f"{V5}\n{V5_LINE}\n", (0, 1, 0, 0, 0), [
        "1x 1p 40B eni-1: 198.51.100.7 -> 10.0.0.9 6/22 1616729292-1616729349 ingress 2 subnet-1 vpc-1"
    ]),
    "no log-status": ("srcaddr dstaddr action\n1.1.1.1 2.2.2.2 REJECT\n- - -\n", (0, 1, 1, 0, 0), [
        "1x 0p 0B -: 1.1.1.1 -> 2.2.2.2 -1 0-0"
    ]),
    "addresses of the packet alone": ("pkt-srcaddr pkt-dstaddr action\n1.1.1.1 2.2.2.2 REJECT\n", (0, 1, 0, 0, 0), [
        "1x 0p 0B -: 1.1.1.1 -> 2.2.2.2 -1 0-0"
    ]),
    "regional NAT gateway": (f"{REGIONAL}\n{REGIONAL_LINE}\n", (0, 1, 0, 0, 0), [
        "1x 0p 0B nat-1234567890abcdef: 203.0.113.5 -> 107.22.182.139 -1 0-0"
    ]),
    "CRLF": (TEXT.replace("\n", "\r\n"), COUNTS, rdp()),
    "no final newline": (TEXT.rstrip("\n"), COUNTS, rdp()),
    "double spaces and tabs": (TEXT.replace(" ", "  ").replace("REJECT", "\tREJECT"), COUNTS, rdp()),
    "tabs": (TEXT.replace(" ", "\t"), COUNTS, rdp()),
    "spaces around lines": ("\n".join(f"  {line}  " for line in TEXT.splitlines()), COUNTS, rdp()),
    "blank lines": (TEXT.replace("\n", "\n\n \n"), COUNTS, rdp()),
    "repeated headers": (TEXT * 3, (3, 3, 3, 3, 0), rdp(3)),
    "header in the middle changes the format": (TEXT + f"{V5}\n{V5_LINE}\n", (1, 2, 1, 1, 0), [*rdp(), (
        "1x 1p 40B eni-1: 198.51.100.7 -> 10.0.0.9 6/22 1616729292-1616729349 ingress 2 subnet-1 vpc-1"
    )]),
    "byte order mark": (b"\xef\xbb\xbf" + TEXT.encode(), COUNTS, rdp()),
    "byte order marks, files put together": ((b"\xef\xbb\xbf" + TEXT.encode()) * 2, (2, 2, 2, 2, 0), rdp(2)),
    "UTF-16, as PowerShell redirects": (TEXT.replace("\n", "\r\n").encode("utf-16"), COUNTS, rdp()),
    "UTF-16, big end first": (b"\xfe\xff" + TEXT.encode("utf-16-be"), COUNTS, rdp()),
    "UTF-16 without a mark": (TEXT.encode("utf-16-le"), COUNTS, rdp()),
    "UTF-16, cut in the middle of a character": (TEXT.encode("utf-16")[:-3], (*COUNTS[:3], 0, 1), rdp()),
    "milliseconds": (MILLISECONDS, (0, 1, 0, 0, 0), rdp()),
    "nanoseconds": (MILLISECONDS.replace("123 ", "123456789 ").replace("456 ", "456000000 "), (0, 1, 0, 0, 0), rdp()),
    "IPv6": (REJECTED.replace("172.31.9.69", "2001:db8::1").replace("172.31.9.12", "2001:db8::2"), (0, 1, 0, 0, 0), [
        "1x 20p 4249B eni-1235b8ca123456789: 2001:db8::1 -> 2001:db8::2 6/3389 1418530010-1418530070"
    ]),
    "a sender that is left out": (REJECTED.replace("172.31.9.69", "-"), (0, 1, 0, 0, 0), [
        "1x 20p 4249B eni-1235b8ca123456789: - -> 172.31.9.12 6/3389 1418530010-1418530070"
    ]),
    "ICMP": (REJECTED.replace(" 49761 3389 6 ", " 0 0 1 "), (0, 1, 0, 0, 0), [
        "1x 20p 4249B eni-1235b8ca123456789: 172.31.9.69 -> 172.31.9.12 1 1418530010-1418530070"
    ]),
    "the biggest number": (REJECTED.replace(" 4249 ", f" {2**63 - 1} "), (0, 1, 0, 0, 0), [
        f"1x 20p {2**63 - 1}B eni-1235b8ca123456789: 172.31.9.69 -> 172.31.9.12 6/3389 1418530010-1418530070"
    ]),
    "numbers past 64 bits": (TEXT + REJECTED.replace(" 4249 ", f" {2**63} "), (1, 1, 1, 1, 1), rdp()),
    "numbers with an end that nobody sees": (TEXT + ACCEPTED.replace(" 4249 ", f" {10**30} "), (1, 1, 1, 1, 1), rdp()),
    "a port that is none": (TEXT + REJECTED.replace(" 3389 ", " 65536 "), (1, 1, 1, 1, 1), rdp()),
    "a client's port that is none": (TEXT + ACCEPTED.replace(" 20641 ", " 70000 "), (1, 1, 1, 1, 1), rdp()),
    "a protocol that is none": (TEXT + REJECTED.replace(" 3389 6 ", " 3389 256 "), (1, 1, 1, 1, 1), rdp()),
    "the highest numbers": (TEXT + ACCEPTED.replace(" 20641 22 6 ", " 65535 65535 255 "), (2, 1, 1, 1, 0), rdp()),
    "one bad record and no header": (REJECTED.replace(" 3389 ", " 65536 "), (0, 0, 0, 0, 1), []),
    "one record with a field too few and no header": (REJECTED.rsplit(" ", 2)[0] + " OK\n", (0, 0, 0, 0, 1), []),
    "one record with a field too many and no header": (REJECTED.replace(" 6 ", " 6 x ") + "\n", (0, 0, 0, 0, 1), []),
    "a field too few": (TEXT + REJECTED.rsplit(" ", 1)[0], (1, 1, 1, 1, 1), rdp()),
    "a field too many": (TEXT + REJECTED + " x", (1, 1, 1, 1, 1), rdp()),
    "half a last line": (TEXT + REJECTED[:40], (1, 1, 1, 1, 1), rdp()),
    "half a first line": (REJECTED[40:] + "\n" + "\n".join(LINES), (1, 1, 1, 1, 1), rdp()),
    "no address": (TEXT + REJECTED.replace("172.31.9.69", "172.31.9.690"), (1, 1, 1, 1, 1), rdp()),
    "no number": (TEXT + REJECTED.replace(" 20 ", " -20 "), (1, 1, 1, 1, 1), rdp()),
    "no action": (TEXT + REJECTED.replace("REJECT", "DROP"), (1, 1, 1, 1, 1), rdp()),
    "REJECT where the interface stands": (TEXT + ACCEPTED.replace(" eni-", " REJECT "), (1, 1, 1, 1, 1), rdp()),
    "NUL and broken UTF-8 in a line": (TEXT.encode() + b"\0\xff\n", (1, 1, 1, 1, 1), rdp()),
    "NULs where the file was not written yet": (TEXT.encode() + b"\0" * 4096, (1, 1, 1, 1, 1), rdp()),
    "a line of ten megabytes": (TEXT + "x" * 10_000_000 + "\n" + REJECTED + "\n", (1, 2, 1, 1, 1), rdp(2)),
    "no records": (b"", (0, 0, 0, 0, 0), []),
    "no records, a header": (HEADER, (0, 0, 0, 0, 0), []),
    "transit gateway mixed in": (TEXT + TRANSIT_LINE, (1, 2, 1, 1, 0), [*rdp(), *LOST]),
    "transit gateway, header": (f"{TRANSIT_HEADER}\n{TRANSIT_LINE}", (0, 1, 0, 0, 0), LOST),
    "transit gateway, no header": (f"{TRANSIT_LINE}\n{transit()}", (1, 1, 0, 0, 0), LOST),
    "transit gateway, every kind of loss": (
        "\n".join([
            transit(packets_lost_mtu_exceeded=8, packets_lost_ttl_expired=7, flow_direction="egress"),
            transit(log_status="NODATA"), transit(log_status="SKIPDATA"), transit(packets_lost_no_route="many"),
        ]),
        (0, 1, 1, 1, 1), [
            gone(8, "egress tgw:mtu-exceeded"), gone(7, "egress tgw:ttl-expired")
        ],
    ),
    "transit gateway, own format": ("\n".join(TRANSIT_SHORT), (0, 1, 0, 0, 0), [gone(5, "tgw:ttl-expired", "tgw-1")]),
    "aws logs tail": ("".join(f"{STAMP} eni-1235b8ca123456789-all {m}\n" for m in LINES), COUNTS, rdp()),
    "aws logs tail --format short": ("".join(f"2015-05-10T18:01:16 {m}\n" for m in LINES), COUNTS, rdp()),
    "aws logs filter-log-events --output text": (
        "".join(f"EVENTS\t3{n}\t1431280976000\teni-1235b8ca123456789-all\t{m}\t1\n" for n, m in enumerate(LINES)),
        COUNTS, rdp(),
    ),
    "aws logs get-log-events --output text": (
        "b/34\tf/35\n" + "".join(f"EVENTS\t1431280976000\t{m}\t1431280876000\n" for m in LINES), (1, 1, 1, 1, 1), rdp()
    ),
    "aws logs ... --query events[].[message,timestamp] --output text": (
        "".join(f"{m}\t1431280876000\n" for m in LINES), COUNTS, rdp()
    ),
    "aws logs ... --query events[].message --output table": (
        "-----\n|  FilterLogEvents  |\n+---+\n" + "".join(f"|  {m}  |\n" for m in LINES) + "+---+\n",
        (1, 1, 1, 1, 4), rdp(),
    ),
    "grep in several files": ("".join(f"logs/2015-05-10T18:01.log:{m}\n" for m in LINES), COUNTS, rdp()),
    "grep -n": ("".join(f"{n}:{m}\n" for n, m in enumerate(LINES, 2)), COUNTS, rdp()),
    "grep -Hn, one of the lines pasted alone": (f"x.log:7:{REJECTED}\n{ACCEPTED}\n", (1, 1, 0, 0, 0), rdp()),
    "aws logs ... --query events[].message --output text": ("\t".join(LINES) + "\n", COUNTS, rdp()),
    "export of a log group to S3": (
        gzip.compress("".join(f"2015-05-10T18:01:16.000Z {m}\n" for m in LINES).encode(), mtime=0), COUNTS, rdp()
    ),
}  # fmt: skip

PACKED: dict[str, Case] = {
    "gzip": (gzip.compress(TEXT.encode(), mtime=0), COUNTS, rdp()),
    "gzip, several members": (gzip.compress(TEXT.encode(), mtime=0) * 3, (3, 3, 3, 3, 0), rdp(3)),
    "gzip, an empty member first": (gzip.compress(b"") + gzip.compress(TEXT.encode()), COUNTS, rdp()),
    "gzip, a line across members": (
        gzip.compress(TEXT[:90].encode()) + gzip.compress(TEXT[90:].encode()), COUNTS, rdp()
    ),
    "gzip, zeros behind": (gzip.compress(TEXT.encode()) + b"\0" * 100, COUNTS, rdp()),
    "gzip, something else behind": (gzip.compress(TEXT.encode()) + b"garbage", (1, 1, 1, 1, 1), rdp()),
    "gzip, cut off at the end": (gzip.compress(TEXT.encode())[:-4], (1, 1, 1, 1, 1), rdp()),
    "gzip, damaged": (bytes(DAMAGED), (1, 1, 1, 1, 1), rdp()),
    "gzip, a byte order mark inside": (gzip.compress(b"\xef\xbb\xbf" + TEXT.encode()), COUNTS, rdp()),
    "gzip in gzip": (gzip.compress(gzip.compress(TEXT.encode())), COUNTS, rdp()),
    "subscription payload": (payload(), COUNTS, rdp()),
    "subscription payload, gzip": (gzip.compress(payload().encode()), COUNTS, rdp()),
    "subscription payloads behind one another": (
        payload() + payload() + payload([], "CONTROL_MESSAGE"), (2, 2, 2, 2, 0), rdp(2)
    ),
    "subscription payloads, members (Firehose)": (gzip.compress(payload().encode()) * 3, (3, 3, 3, 3, 0), rdp(3)),
    "subscription payloads, members, packed again": (
        gzip.compress(gzip.compress(payload().encode()) + gzip.compress(payload().encode())), (2, 2, 2, 2, 0), rdp(2)
    ),
    "subscription payload, cut off": (payload()[:-30], (1, 1, 1, 0, 1), rdp()),
    "subscription control message": (payload(["CWL CONTROL MESSAGE"], "CONTROL_MESSAGE"), (0, 0, 0, 0, 0), []),
    "subscription event of a function": (json.dumps({"awslogs": {"data": packed()}}), COUNTS, rdp()),
    "subscription event of a function, Kinesis": (
        json.dumps({"Records": [{"kinesis": {"data": packed(LINES[:2])}}, {"kinesis": {"data": packed(LINES[2:])}}]}),
        COUNTS, rdp(),
    ),
    "subscription event of a function, Firehose": (
        json.dumps({"invocationId": "1", "records": [{"recordId": "1", "data": packed()}]}), COUNTS, rdp()
    ),
    "subscription event that is damaged": (json.dumps({"awslogs": {"data": "H4sI"}}), (0, 0, 0, 0, 1), []),
}  # fmt: skip

JSONS: dict[str, Case] = {
    "JSON lines of fields": ("\n".join(json.dumps(typed(o)) for o in objects()), COUNTS, rdp()),
    "JSON lines, underscores": ("\n".join(json.dumps(typed(o, snake)) for o in objects()), COUNTS, rdp()),
    "JSON lines, absent fields": ("\n".join(json.dumps(typed(o, absent=False)) for o in objects()), COUNTS, rdp()),
    "JSON lines of texts": ("\n".join(json.dumps(o) for o in objects()), COUNTS, rdp()),
    "JSON lines of messages (Firehose)": ("\n".join(json.dumps({"message": m}) for m in LINES), COUNTS, rdp()),
    "JSON of messages without line ends": ("".join(json.dumps({"message": m}) for m in LINES), COUNTS, rdp()),
    "JSON lines, CRLF": ("\r\n".join(json.dumps({"message": m}) for m in LINES), COUNTS, rdp()),
    "JSON lines, byte order mark": ("\ufeff" + "\n".join(json.dumps({"message": m}) for m in LINES), COUNTS, rdp()),
    "JSON lines of both kinds of records": (
        "\n".join(json.dumps(typed(o, snake)) for o in [*objects(), *objects([TRANSIT_LINE], TRANSIT.names)]),
        (1, 2, 1, 1, 0), [*rdp(), *LOST],
    ),
    "JSON lines, one broken": (
        json.dumps({"message": REJECTED}) + '\n{"message": }\n{"message": "x"}\n', (0, 1, 0, 0, 2), rdp()
    ),
    "JSON lines, text among them": (json.dumps({"message": REJECTED}) + f"\n{REJECTED}\n" + json.dumps(
        {"message": ACCEPTED}), (1, 1, 0, 0, 1), rdp()
    ),
    "JSON lines, a number with more digits than are read": (
        f'{{"srcaddr": "10.0.0.1", "packets": {"9" * 5000}}}\n' + json.dumps({"message": REJECTED}),
        (0, 1, 0, 0, 1), rdp(),
    ),
    "JSON texts, each in a line (jq '.events[].message')": (
        "\n".join(json.dumps(f"{m}\n") for m in LINES), COUNTS, rdp()
    ),
    "JSON of rows (--query 'events[].[timestamp,logStreamName,message]')": (
        json.dumps([[1431280876000, "eni-1-all", m] for m in LINES], indent=4), COUNTS, rdp()
    ),
    "JSON of aws kinesis get-records": (
        json.dumps({"Records": [{"SequenceNumber": "1", "Data": packed(), "PartitionKey": "x"}]}), COUNTS, rdp()
    ),
    "JSON lines, half-written": (json.dumps({"message": REJECTED}) + '\n{"message": "2 123', (0, 1, 0, 0, 1), rdp()),
    "JSON array of texts": (json.dumps(LINES, indent=4), COUNTS, rdp()),
    "JSON array (Logs Insights export)": (
        json.dumps([{"@timestamp": "x", "@message": m} for m in LINES]), COUNTS, rdp()
    ),
    "JSON of Logs Insights' own fields": (json.dumps([typed(o, camel) for o in objects()], indent=2), COUNTS, rdp()),
    "JSON of filter-log-events": (json.dumps({"events": EVENTS, "searchedLogStreams": []}, indent=4), COUNTS, rdp()),
    "JSON of filter-log-events, UTF-16": (json.dumps({"events": EVENTS}, indent=4).encode("utf-16"), COUNTS, rdp()),
    "JSON of filter-log-events, cut off": (json.dumps({"events": EVENTS}, indent=4)[:-90], (1, 1, 1, 0, 1), rdp()),
    "JSON of filter-log-events, two pages": (json.dumps({"events": EVENTS}, indent=4) * 2, (2, 2, 2, 2, 0), rdp(2)),
    "JSON of filter-log-events, nothing found": (
        json.dumps({"events": [], "searchedLogStreams": []}), (0, 0, 0, 0, 0), []
    ),
    "JSON of get-query-results": (
        json.dumps({
            "results": [[{"field": "@message", "value": m}, {"field": "@ptr", "value": "x"}] for m in LINES],
            "statistics": {"recordsMatched": 4.0}, "status": "Complete",
        }),
        COUNTS, rdp(),
    ),
    "JSON of get-query-results, before the query ended": (
        json.dumps({"results": [[{"field": "@message", "value": m}] for m in LINES], "status": "Running"}),
        (1, 1, 1, 1, 1), rdp(),
    ),
    "JSON of get-query-results, before the query had results": (
        json.dumps({"results": [], "status": "Scheduled"}), (0, 0, 0, 0, 1), []
    ),
    "JSON of Athena's get-query-results": (
        json.dumps({"ResultSet": {"Rows": athena_rows([DEFAULT.names, *(m.split() for m in LINES)])}}, indent=4),
        COUNTS,
        rdp(),
    ),
    "JSON of Athena's get-query-results, rows cut short and none": (
        json.dumps({"ResultSet": {"Rows": [*athena_rows([DEFAULT.names, REJECTED.split(), ["2"]]), None, {}]}})
        + json.dumps({"ResultSet": {"Rows": []}}),
        (0, 1, 0, 0, 1),
        rdp(),
    ),
    "JSON of Splunk's results": (
        "\n".join(json.dumps({"preview": False, "result": {"_raw": m, "host": "h"}}) for m in LINES),
        COUNTS,
        rdp(),
    ),
    "JSON of events for Splunk": ("".join(json.dumps({"time": 1, "event": m}) for m in LINES), COUNTS, rdp()),
    "JSON of documents of Elasticsearch": (
        "\n".join(json.dumps({"_index": "x", "_source": {"event": {"original": m}, "aws": {}}}) for m in LINES),
        COUNTS,
        rdp(),
    ),
    "JSON lines of events with what they were made of": (
        "\n".join(json.dumps({"event": {"original": m, "kind": "event"}, "aws": {}}) for m in LINES),
        COUNTS,
        rdp(),
    ),
    "JSON of Steampipe's columns": (
        json.dumps([typed(o, steampipe) for o in objects()]),
        COUNTS,
        rdp(),
    ),
    "JSON of get-query-results, own fields": (
        json.dumps({"results": [[{"field": camel(k), "value": v} for k, v in o.items()] for o in objects()]}),
        COUNTS, rdp(),
    ),
}  # fmt: skip

TABLES: dict[str, Case] = {
    "CSV of fields": (table(objects()), COUNTS, rdp()),
    "CSV, quoted, underscores (Athena's results)": (
        table([{snake(k): v for k, v in o.items()} for o in objects()], csv.QUOTE_ALL), COUNTS, rdp()
    ),
    "CSV, Athena's older names": (table([{old(k): v for k, v in o.items()} for o in objects()]), COUNTS, rdp()),
    "CSV, empty fields": (table([typed(o) for o in objects()]), COUNTS, rdp()),
    "CSV, semicolons": (table(objects(), mark=";"), COUNTS, rdp()),
    "CSV, byte order mark": ("\ufeff" + table(objects()), COUNTS, rdp()),
    "CSV without a header": ("".join(",".join(m.split()) + "\n" for m in LINES), COUNTS, rdp()),
    "CSV of messages without a header (grep REJECT export.csv)": (
        "".join(f"1431280876000,{m}\n" for m in LINES), COUNTS, rdp()
    ),
    "CSV of messages without a header, quoted": ("".join(f'"2015-05-10","{m}"\r\n' for m in LINES), COUNTS, rdp()),
    "CSV of messages without a header, in one column": ("".join(f'"{m}"\r\n' for m in LINES), COUNTS, rdp()),
    "CSV of messages (console)": (
        table([{"timestamp": "1431280876000", "message": m} for m in LINES]), COUNTS, rdp()
    ),
    "CSV of messages with line ends": (table([{"timestamp": "1", "message": f"{m}\n"} for m in LINES]), COUNTS, rdp()),
    "CSV of messages (Logs Insights)": (table([{"@timestamp": "x", "@message": m} for m in LINES]), COUNTS, rdp()),
    "CSV of Logs Insights' own fields": (
        table([{"@timestamp": "x", **{camel(k): v for k, v in o.items()}} for o in objects()]), COUNTS, rdp()
    ),
    "CSV of Splunk's results": (table([{"_time": "x", "_raw": m, "host": "h"} for m in LINES]), COUNTS, rdp()),
    "CSV, one column": ("@message\n" + "\n".join(LINES), COUNTS, rdp()),
    "CSV, a short row": (table(objects()) + "2,1,eni-1\r\n", (1, 1, 1, 1, 1), rdp()),
    "CSV, half-written": (table(objects())[:-30], (1, 1, 1, 0, 1), rdp()),
    "CSV, dates": (
        table([{**o, "start": date(o["start"]), "end": date(o["end"]).replace(".000", "Z")} for o in objects()]),
        COUNTS, rdp(),
    ),
    "CSV, header twice": (table(objects()) * 2, (2, 2, 2, 2, 0), rdp(2)),
    "CSV, another header in the middle": (
        table(objects()) + table([dict(reversed(o.items())) for o in objects()]), (2, 2, 2, 2, 0), rdp(2)
    ),
    "Parquet": (columns(ROWS), COUNTS, rdp()),
    "Parquet of texts": (columns([{snake(k): v for k, v in o.items()} for o in objects()]), COUNTS, rdp()),
    "Parquet, a row group a row, zstd": (columns(ROWS, row_group_size=1, compression="zstd"), COUNTS, rdp()),
    "Parquet, no dictionaries, second pages": (
        columns(ROWS, use_dictionary=False, data_page_version="2.0", compression="gzip"), COUNTS, rdp()
    ),
    "Parquet, more columns, nested ones, partitions": (
        columns([{**row, "tags": [{"a": 1}], "m": {"x": 1}, "year": "2026", "n": 1.5, "b": True, "none": None}
                 for row in ROWS]), COUNTS, rdp(),
    ),
    "Parquet, unsigned and small numbers": (
        written(recast(dstport=pa.uint16(), protocol=pa.uint8(), packets=pa.uint64(), bytes=pa.uint64(),
                       start=pa.uint32(), end=pa.int32())), COUNTS, rdp(),
    ),
    "Parquet, columns of other kinds beside": (
        written(
            recast()
            .append_column("a", pa.array(["two words"] * 4, pa.string_view()))
            .append_column("b", pa.array([b"\xff 0123456789abcde"[:16]] * 4, pa.binary(16)))
            .append_column("c", pa.array([b"\xff"] * 4).dictionary_encode())
            .append_column("d", pa.array(["two words"] * 4).dictionary_encode())
            .append_column("e", pa.array([b"\xff" * 16] * 4, pa.uuid()))
            .append_column("f", pa.array([1] * 4, pa.duration("s")))
        ),
        COUNTS, rdp(),
    ),
    "Parquet, texts that are not UTF-8": (
        written(
            recast().append_column(
                "subnet_id",
                pa.array([b"\xff\xfe"] * 4).cast(options=pc.CastOptions(pa.string(), allow_invalid_utf8=True)),
            )
        ),
        COUNTS, [f"{rdp()[0]} \ufffd\ufffd"],
    ),
    "Parquet, times": (
        written(recast(start=pa.timestamp("s")).append_column("x", recast(end=pa.timestamp("s")).column("end"))),
        COUNTS, rdp(),
    ),
    "Parquet, floats and decimals": (
        written(recast(start=pa.float64(), packets=pa.decimal128(30, 2))), COUNTS, rdp()
    ),
    "Parquet, bytes and dictionaries": (
        written(
            recast(action=pa.binary(), srcaddr=pa.large_string(), log_status=pa.dictionary(pa.int32(), pa.string()))
        ),
        COUNTS, rdp(),
    ),
    "Parquet, a column twice": (
        written(recast().append_column("srcaddr", pa.array(["192.0.2.1"] * 4))), COUNTS, rdp()
    ),
    "Parquet of messages": (columns([{"message": m} for m in LINES]), COUNTS, rdp()),
    "Parquet in gzip": (gzip.compress(columns(ROWS)), COUNTS, rdp()),
    "Parquet, no rows": (written(recast().slice(0, 0)), (0, 0, 0, 0, 0), []),
    "Parquet, half-written": (columns(ROWS)[:-20], (0, 0, 0, 0, 1), []),
}  # fmt: skip

CASES: dict[str, Case] = {**TEXTS, **PACKED, **JSONS, **TABLES}
