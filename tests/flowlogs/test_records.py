"""Lines become records: AWS's documented examples, the traps, and any record in any format."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyblocked.errors import InputError
from whyblocked.flowlogs.blocks import Lines
from whyblocked.flowlogs.fields import DEFAULT, FIELDS, Format, parse_format
from whyblocked.flowlogs.files import read_stream
from whyblocked.flowlogs.records import PLACES, Parser, Record, Scan, Wanted

ENI = "eni-1235b8ca123456789"
ACCEPTED = (
    "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK"
)
REJECTED = (
    "2 123456789010 eni-1235b8ca123456789 172.31.9.69 172.31.9.12 49761 3389 6 20 4249 1418530010 1418530070 REJECT OK"
)
NO_DATA = "2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA"
SKIPPED = "2 123456789010 eni-11111111aaaaaaaaa - - - - - - - 1431280876 1431280934 - SKIPDATA"
HEADER = " ".join(DEFAULT.names)
TRANSIT = (
    "version resource-type account-id tgw-id tgw-attachment-id srcaddr dstaddr srcport dstport protocol packets bytes "
    "start end log-status packets-lost-no-route packets-lost-blackhole"
)
TRANSIT_LINE = "6 TransitGateway 1 tgw-1 tgw-attach-1 10.0.0.1 10.1.0.1 1 2 6 3 180 1600000000 1600000060 OK 3 0"


def read(
    text: str | bytes, form: str | Format | None = None, wanted: Wanted | None = None
) -> tuple[list[Record], Scan]:
    data = text.encode() if isinstance(text, str) else text
    forms = [parse_format(form) if isinstance(form, str) else form] if form else []
    scan = Scan()
    found = [r for batch in read_stream(io.BytesIO(data), "x.log", forms, wanted or Wanted(), scan) for r in batch]
    assert scan.records == sum(
        scan.counts()[k] for k in ("accepted", "rejected", "no_data", "skipped_data", "malformed")
    )
    return found, scan


def counts(scan: Scan) -> tuple[int, int, int, int, int]:
    return scan.accepted, scan.rejected, scan.no_data, scan.skipped_data, scan.malformed


# -- AWS's own examples --------------------------------------------------------------------------------------


def test_documented_default_records() -> None:
    found, scan = read(f"{ACCEPTED}\n{REJECTED}\n{NO_DATA}\n{SKIPPED}")
    ssh, rdp = found
    assert ssh == Record(
        interface_id=ENI,
        srcaddr="172.31.16.139",
        dstaddr="172.31.16.21",
        source_port=20641,
        destination_port=22,
        protocol=6,
        packets=20,
        bytes=4249,
        start=1418530010,
        end=1418530070,
        accepted=True,
        fields=dict(zip(DEFAULT.names, ACCEPTED.split(), strict=True)),
    )
    assert (rdp.accepted, rdp.destination_port, rdp.source, rdp.destination) == (
        False,
        3389,
        "172.31.9.69",
        "172.31.9.12",
    )
    assert counts(scan) == (1, 1, 1, 1, 0)


def documented(name: str) -> tuple[list[Record], Scan]:
    """The records of one of AWS's pages, as they stand there."""
    return read((Path(__file__).parent / "documented" / f"{name}.log").read_bytes())


def test_documented_default_file() -> None:
    found, scan = documented("default")
    assert counts(scan) == (3, 2, 1, 1, 0)
    assert [(r.protocol, r.destination_port, r.accepted) for r in found] == [
        (6, 22, True),
        (6, 3389, False),
        (1, 0, True),  # ping
        (1, 0, False),  # its reply
        (6, 22, True),
    ]
    assert found[4].destination == "2001:db8:1234:a102:3304:8879:34cf:4071"


def test_documented_tcp_flags_with_their_double_space() -> None:
    found, scan = documented("tcp-flags")
    assert [r.tcp_flags for r in found] == [2, 18, 2, 18, 1, 1, 3, 19]
    assert [r.packets for r in found] == [8, 7, 70, 12, 1219, 15774, 17, 14]
    assert counts(scan) == (8, 0, 0, 0, 0)


def test_documented_transit_gateway_interfaces() -> None:
    found, _ = documented("transit-gateway-interfaces")
    assert [(r.srcaddr, r.source) for r in found] == [
        ("10.20.33.164", "10.20.33.164"),
        ("10.40.2.236", "10.40.2.236"),
        ("10.40.1.175", "10.20.33.164"),
        ("10.40.2.236", "10.40.2.236"),
    ]
    assert [(r.dstaddr, r.destination) for r in found][3] == ("10.40.2.31", "10.20.33.164")
    assert found[0].start is None


def test_documented_service_path_and_direction() -> None:
    found, _ = documented("service-path-direction")
    assert [(r.direction, r.fields["traffic-path"]) for r in found] == [("ingress", "-"), ("egress", "8")]
    assert [r.fields["pkt-dst-aws-service"] for r in found] == ["-", "S3"]


@pytest.mark.parametrize(
    ("line", "source", "destination"),
    [
        ("- eni-1235b8ca123456789 10.0.1.5 10.0.0.220 10.0.1.5 203.0.113.5", "10.0.1.5", "203.0.113.5"),
        ("- eni-1235b8ca123456789 10.0.0.220 203.0.113.5 10.0.0.220 203.0.113.5", "10.0.0.220", "203.0.113.5"),
        ("- eni-1235b8ca123456789 203.0.113.5 10.0.0.220 203.0.113.5 10.0.0.220", "203.0.113.5", "10.0.0.220"),
        ("- eni-1235b8ca123456789 10.0.0.220 10.0.1.5 203.0.113.5 10.0.1.5", "203.0.113.5", "10.0.1.5"),
        ("- eni-1235b8ca123456789 10.0.0.220 10.0.1.5 - -", "10.0.0.220", "10.0.1.5"),
    ],
)
def test_documented_nat_gateway(line: str, source: str, destination: str) -> None:
    form = "instance-id interface-id srcaddr dstaddr pkt-srcaddr pkt-dstaddr"
    with pytest.raises(InputError, match="lacks action"):
        parse_format(form)
    found, _ = read(f"{line} ACCEPT", f"{form} action")
    assert (found[0].source, found[0].destination) == (source, destination)


def test_documented_regional_nat_gateway_stands_for_its_interface() -> None:
    form = "resource-id instance-id interface-id subnet-id srcaddr dstaddr pkt-srcaddr pkt-dstaddr action"
    line = "nat-1234567890abcdef - - - 107.22.182.139 203.0.113.5 107.22.182.139 203.0.113.5 ACCEPT"
    (record,), _ = read(line, form, Wanted(interfaces=frozenset({"nat-1234567890abcdef"})))
    assert record.interface_id == "nat-1234567890abcdef"
    assert read(line, form, Wanted(interfaces=frozenset({"eni-1"})))[0] == []


# -- traps ---------------------------------------------------------------------------------------------------

CASES: dict[str, tuple[str | bytes, str | None, tuple[int, int, int, int, int]]] = {
    "no final newline": (ACCEPTED, None, (1, 0, 0, 0, 0)),
    "carriage returns": (f"{HEADER}\r\n{ACCEPTED}\r\n{NO_DATA}\r\n", None, (1, 0, 1, 0, 0)),
    "runs of spaces and tabs": (ACCEPTED.replace(" ", "  \t"), None, (1, 0, 0, 0, 0)),
    "spaces around": (f"  {ACCEPTED}   \n", None, (1, 0, 0, 0, 0)),
    "blank lines": (f"\n\n{ACCEPTED}\n\n{REJECTED}\n\n", None, (1, 1, 0, 0, 0)),
    "a byte order mark": (f"\ufeff{HEADER}\n{ACCEPTED}\n", None, (1, 0, 0, 0, 0)),
    "a repeated header": (f"{HEADER}\n{ACCEPTED}\n{HEADER}\n{REJECTED}\n", None, (1, 1, 0, 0, 0)),
    "only a header": (f"{HEADER}\n", None, (0, 0, 0, 0, 0)),
    "nothing": ("", None, (0, 0, 0, 0, 0)),
    "only blank lines": ("\n \n\r\n", None, (0, 0, 0, 0, 0)),
    "a header with underscores": (f"{HEADER.replace('-', '_')}\n{ACCEPTED}", None, (1, 0, 0, 0, 0)),
    "another header in the middle": (
        f"{HEADER}\n{ACCEPTED}\naction dstaddr srcaddr\nREJECT 10.0.0.1 10.0.0.2\n",
        None,
        (1, 1, 0, 0, 0),
    ),
    "the first line cut": (f"3070 ACCEPT OK\n{ACCEPTED}\n", None, (1, 0, 0, 0, 1)),
    "the last line cut": (f"{ACCEPTED}\n{REJECTED[:60]}", None, (1, 0, 0, 0, 1)),
    "the last word cut": (f"{ACCEPTED}\n{REJECTED[:-1]}", None, (1, 0, 0, 0, 1)),
    "a header after its records": (f"{ACCEPTED}\n{HEADER}\n{REJECTED}\n", None, (1, 1, 0, 0, 0)),
    "the format from the option": ("ACCEPT 10.0.0.1 10.0.0.2", "action srcaddr dstaddr", (1, 0, 0, 0, 0)),
    "a header against the option": (f"{HEADER}\n{ACCEPTED}", "action srcaddr dstaddr", (1, 0, 0, 0, 0)),
    "records against the option": (ACCEPTED, "action srcaddr dstaddr", (0, 0, 0, 0, 1)),
    "unknown fields": (
        "new-field action srcaddr dstaddr another\nx ACCEPT 10.0.0.1 10.0.0.2 y",
        None,
        (1, 0, 0, 0, 0),
    ),
    "no log-status": ("action srcaddr dstaddr\nREJECT 10.0.0.1 10.0.0.2\n- - -\n", None, (0, 1, 1, 0, 0)),
    "a field twice": ("action srcaddr dstaddr action\nREJECT 10.0.0.1 10.0.0.2 REJECT", None, (0, 1, 0, 0, 0)),
    "left out": (REJECTED.replace(" 4249 ", " - "), None, (0, 1, 0, 0, 0)),
    "no action though OK": (REJECTED.replace("REJECT", "-"), None, (0, 0, 0, 0, 1)),
    "another action": (f"{ACCEPTED}\n{REJECTED.replace('REJECT', 'DROP')}", None, (1, 0, 0, 0, 1)),
    "another status": (f"{ACCEPTED}\n{REJECTED.replace('OK', 'KO')}", None, (1, 0, 0, 0, 1)),
    "no number": (f"{ACCEPTED}\n{REJECTED.replace('3389', 'rdp')}", None, (1, 0, 0, 0, 1)),
    "a number with a sign": (f"{ACCEPTED}\n{REJECTED.replace('3389', '-3389')}", None, (1, 0, 0, 0, 1)),
    "no address": (f"{ACCEPTED}\n{REJECTED.replace('172.31.9.69', '172.31.9')}", None, (1, 0, 0, 0, 1)),
    "no such address": (f"{ACCEPTED}\n{REJECTED.replace('172.31.9.69', '300.1.1.1')}", None, (1, 0, 0, 0, 1)),
    "a field too many": (f"{ACCEPTED}\n{REJECTED} OK", None, (1, 0, 0, 0, 1)),
    "prose": (f"{ACCEPTED}\nthis is no record\n{REJECTED}", None, (1, 1, 0, 0, 1)),
    "endless digits": (f"{ACCEPTED}\n{REJECTED.replace('4249', '9' * 5000)}", None, (1, 0, 0, 0, 1)),
    "many digits": (f"{ACCEPTED}\n{REJECTED.replace('4249', '9' * 60)}", None, (1, 0, 0, 0, 1)),
    "no data in capitals only": (NO_DATA.replace("NODATA", "nodata") + f"\n{ACCEPTED}", None, (1, 0, 0, 0, 1)),
    "not UTF-8": (
        REJECTED.encode().replace(b"123456789010", b"\xff\xfe") + b"\n" + ACCEPTED.encode(),
        None,
        (1, 1, 0, 0, 0),
    ),
    "transit gateway records": (f"{TRANSIT}\n{TRANSIT_LINE}\n{HEADER}\n{ACCEPTED}\n", None, (1, 1, 0, 0, 0)),
    "transit gateway records of an unknown format": (f"{ACCEPTED}\n{TRANSIT_LINE}\n", None, (1, 0, 0, 0, 1)),
}


@pytest.mark.parametrize("case", CASES)
def test_counts(case: str) -> None:
    text, form, expected = CASES[case]
    _, scan = read(text, form)
    assert counts(scan) == expected
    assert len(scan.places) == min(scan.malformed, PLACES)


@pytest.mark.parametrize("digits", ["1418530010000", "1418530010999999", "1418530010123456789"])
def test_finer_times_are_seconds(digits: str) -> None:
    (record,), _ = read(ACCEPTED.replace("1418530010", digits))
    assert record.start == 1418530010


def test_malformed_lines_are_placed_and_harmless() -> None:
    lines = [HEADER, ACCEPTED, "\x1b]0;pwned\x07 [bold]x[/bold]", REJECTED.replace("REJECT", "\x1b[2J"), *["short"] * 9]
    _, scan = read("\n".join(lines))
    assert scan.malformed == 11
    assert scan.places[0] == "x.log:3: 2 fields where the format has 14"
    assert scan.places[1] == "x.log:4: action '\ufffd[2J'"
    assert len(scan.places) == PLACES


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("3 eni-1 10.0.0.1 10.0.0.2 ACCEPT OK\n", "x.log has no header line and is not in the default format"),
        ("version srcaddr dstaddr\n2 10.0.0.1 10.0.0.2\n", "x.log:1: the record format lacks action"),
        (f"{ACCEPTED}\nversion srcaddr action\n", "x.log:2: the record format lacks dstaddr or pkt-dstaddr"),
        ("Lorem ipsum dolor\n", "x.log is not a flow log"),
        ('{"message": "2 1"}\n', "x.log is not a flow log"),
        ('{"Vpcs": [{"VpcId": "vpc-1"}]}\n', "x.log is not a flow log: JSON without records"),
        ("version,account-id,action\n", "x.log: the record format lacks srcaddr or pkt-srcaddr"),
        (b"\x7fELF\x02\0\0\0", "not a flow log (binary data)"),
        ("version action\n".encode("utf-16"), "x.log:1: the record format lacks srcaddr"),
        (b"\x28\xb5\x2f\xfd\0\0", "x.log is packed with zstd, which is not read: unpack it"),
    ],
)
def test_what_is_no_flow_log(text: str | bytes, named: str) -> None:
    with pytest.raises(InputError) as error:
        read(text)
    assert named in error.value.message
    assert error.value.status == 2


def test_counts_do_not_depend_on_what_is_wanted() -> None:
    text = "\n".join(
        text for text, form, _ in CASES.values() if isinstance(text, str) and form is None and "\ufeff" not in text
    )
    everything, nothing = read(text)[1], read(text, None, Wanted(interfaces=frozenset({"eni-0"})))[1]
    assert everything.counts() == nothing.counts()
    assert everything.malformed > 10


def test_only_wanted_records_are_built() -> None:
    text = "\n".join([ACCEPTED, REJECTED, SKIPPED, ACCEPTED.replace(ENI, "eni-2"), ACCEPTED.replace(ENI, "-")])
    found, scan = read(text, None, Wanted(interfaces=frozenset({ENI})))
    assert [r.interface_id for r in found] == [ENI, ENI, None]
    assert scan.interfaces == {ENI: 2}
    assert [r.accepted for r in read(text, None, Wanted(rejected_only=True))[0]] == [False]


@pytest.mark.parametrize(
    ("since", "until", "kept"),
    [(None, None, 1), (1418530070, None, 1), (1418530071, None, 0), (None, 1418530010, 1), (None, 1418530009, 0)],
)
def test_window(since: int | None, until: int | None, kept: int) -> None:
    found, scan = read(ACCEPTED, None, Wanted(since=since, until=until))
    assert (len(found), scan.outside, scan.accepted) == (kept, 1 - kept, 1)


def test_several_formats_in_one_place() -> None:
    forms = [DEFAULT, parse_format("version interface-id srcaddr dstaddr action log-status")]
    scan = Scan()
    lines = [ACCEPTED, "3 eni-2 10.0.0.1 10.0.0.2 REJECT OK", "3 eni-2 - - - NODATA", "nonsense"]
    found = Parser("group", forms, Wanted(), scan).read(Lines([line.encode() for line in lines], 1))
    assert [(r.interface_id, r.accepted) for r in found] == [(ENI, True), ("eni-2", False)]
    assert counts(scan) == (1, 1, 1, 0, 1)


def test_formats_of_as_many_fields_in_one_place_are_told_apart() -> None:
    forms = [
        parse_format("instance-id srcport srcaddr dstaddr action log-status"),
        parse_format("subnet-id dstport srcaddr dstaddr action log-status"),
        parse_format("vpc-id action srcaddr dstaddr dstport log-status"),
    ]
    lines = [
        "i-1 1 10.0.0.1 10.0.0.2 ACCEPT OK",
        "subnet-1 2 10.0.0.1 10.0.0.2 ACCEPT OK",
        "vpc-1 ACCEPT 10.0.0.1 10.0.0.2 3 OK",
        "- 4 10.0.0.1 10.0.0.2 ACCEPT OK",  # for all that can be told, of the first
    ]
    for order in (forms, forms[::-1]):
        scan = Scan()
        found = Parser("group", order, Wanted(), scan).read(Lines([line.encode() for line in lines], 1))
        assert [(r.source_port, r.destination_port) for r in found[:3]] == [(1, None), (None, 2), (None, 3)]
        assert counts(scan) == (4, 0, 0, 0, 0)
        assert scan.notes == []


def test_formats_that_nothing_tells_apart_are_said() -> None:
    scan = Scan()
    forms = [parse_format("srcaddr dstaddr dstport action"), parse_format("dstaddr srcaddr dstport action")]
    Parser("group", forms, Wanted(), scan)
    assert scan.notes == [
        "group: nothing tells its formats apart, so its records are read as ${srcaddr} ${dstaddr} ${dstport} ${action}"
    ]


# -- any record, any order -----------------------------------------------------------------------------------

_NEEDED = ("action", "srcaddr", "dstaddr", "log-status")
_WORDS = st.text("abcdefghijklmnopqrstuvwxyzABC0123456789-_.:/%", min_size=1, max_size=12)
_SPECIAL = {
    "action": st.sampled_from(["ACCEPT", "REJECT"]),
    "log-status": st.just("OK"),
    "flow-direction": st.sampled_from(["ingress", "egress", "-"]),
    **dict.fromkeys(("srcaddr", "pkt-srcaddr"), st.ip_addresses().map(str)),
    **dict.fromkeys(("dstaddr", "pkt-dstaddr"), st.ip_addresses().map(str) | st.just("-")),
    **dict.fromkeys(("srcport", "dstport"), st.integers(0, 65535).map(str) | st.just("-")),
    "protocol": st.integers(0, 255).map(str) | st.just("-"),
    **dict.fromkeys(("packets", "bytes"), st.integers(0, 2**62).map(str) | st.just("-")),
    **dict.fromkeys(("start", "end"), st.integers(0, 10**11 - 1).map(str) | st.just("-")),
}


@st.composite
def _logs(draw: st.DrawFn) -> tuple[tuple[str, ...], list[dict[str, str]], bool]:
    names = list(_NEEDED) + draw(st.lists(st.sampled_from(sorted(set(FIELDS) - set(_NEEDED))), unique=True))
    names += draw(st.lists(st.sampled_from(["x-new", "x-newer"]), unique=True))
    names = draw(st.permutations(names))
    record = st.fixed_dictionaries({name: _SPECIAL.get(name, _WORDS) for name in names})
    return tuple(names), draw(st.lists(record, max_size=5)), draw(st.booleans())


@given(_logs())
def test_any_records_in_any_order_of_fields_come_back(log: tuple[tuple[str, ...], list[dict[str, str]], bool]) -> None:
    names, records, with_header = log
    lines = [" ".join(record[name] for name in names) for record in records]
    if with_header:
        found, scan = read("\n".join([" ".join(names), *lines]))
    else:
        found, scan = read("\n".join(lines), Format(names))
    assert [record.fields for record in found] == records
    assert scan.malformed == 0
    for record, fields in zip(found, records, strict=True):
        known = {name: value for name, value in fields.items() if value != "-"}
        assert record.accepted is (fields["action"] == "ACCEPT")
        assert record.source == known.get("pkt-srcaddr", fields["srcaddr"])
        assert record.destination == known.get("pkt-dstaddr", known.get("dstaddr"))
        assert record.packets == int(known.get("packets", "0"))
        assert record.destination_port == (int(known["dstport"]) if "dstport" in known else None)
