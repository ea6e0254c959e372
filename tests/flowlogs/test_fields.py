"""Formats: what makes one, and what is missing from it."""

import pytest

from whyblocked.errors import InputError
from whyblocked.flowlogs.fields import BY_VERSION, DEFAULT, FIELDS, Format, header_format, is_default, parse_format

RECORD = b"2 123456789010 eni-1 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK"


def test_every_version_has_its_fields() -> None:
    assert [len(names.split()) for names in BY_VERSION.values()] == [14, 7, 4, 4, 18, 10, 1, 1, 1, 12]
    assert len(FIELDS) == 72


@pytest.mark.parametrize(
    "text",
    [
        "${version} ${srcaddr} ${dstaddr} ${action} ${log-status}",
        "${version} ${srcaddr}  ${dstaddr} ${action} ${log_status}",
        "${version}${srcaddr}${dstaddr}${action}${log-status}",
        "${ version }, ${srcaddr}, ${dstaddr}, ${action}, ${log-status}",
        "version srcaddr dstaddr action log-status",
        "version srcaddr dstaddr action log_status",
        "VERSION SrcAddr dstaddr ACTION LOG_STATUS",
        "version,srcaddr,dstaddr,action,log_status",
        "  version\tsrcaddr dstaddr action log-status\n",
    ],
)
def test_spellings(text: str) -> None:
    assert parse_format(text).names == ("version", "srcaddr", "dstaddr", "action", "log-status")


def test_a_format_is_written_as_it_is_read() -> None:
    assert parse_format(str(DEFAULT)) == DEFAULT


def test_unknown_fields_keep_their_names() -> None:
    assert parse_format("${srcaddr} ${dstaddr} ${action} ${my_New-field}").names[-1] == "my_New-field"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("${version} ${srcaddr} ${dstaddr}", "lacks action"),
        ("${srcaddr} ${action}", "lacks dstaddr or pkt-dstaddr"),
        ("${pkt-dstaddr} ${action}", "lacks srcaddr or pkt-srcaddr"),
        ("${version} ${start}", "lacks action, srcaddr or pkt-srcaddr, dstaddr or pkt-dstaddr"),
        ("", "no fields"),
        ("${}", "is no field name"),
        ("${srcaddr} - ${dstaddr} ${action}", "'-' is no field name"),
        ("${srcaddr} ${dstaddr", "is no field name"),
        ("${a\x1b[31mb}", "is no field name"),
    ],
)
def test_bad_formats(text: str, named: str) -> None:
    with pytest.raises(InputError) as error:
        parse_format(text)
    assert named in error.value.message
    assert "--log-format" in error.value.message
    assert "\x1b" not in error.value.message


def test_packet_addresses_alone_are_enough() -> None:
    assert not parse_format("pkt-srcaddr pkt-dstaddr action").lacking


def test_a_transit_gateways_format_needs_no_action() -> None:
    assert parse_format("${version} ${tgw-id} ${srcaddr} ${dstaddr} ${packets-lost-no-route}").is_transit
    assert not DEFAULT.is_transit


@pytest.mark.parametrize(
    ("line", "names"),
    [
        (b"version account-id action", ("version", "account-id", "action")),
        (b"version account_id action new_thing", ("version", "account-id", "action", "new_thing")),
        (b"Version Action", ("version", "action")),
        (b"version", None),
        (b"hello version world", None),
        (b"start end of the story", None),
        (RECORD, None),
        (b"eni-1 version action", ("eni-1", "version", "action")),
        ("version äction action".encode(), None),
        (b"version \x1b[31m action", None),
    ],
)
def test_header_lines(line: bytes, names: tuple[str, ...] | None) -> None:
    assert header_format(line.split()) == (Format(names) if names else None)


@pytest.mark.parametrize(
    ("line", "sure"),
    [
        (RECORD, True),
        (b"2 1 eni-1 - - - - - - - 1431280876 1431280934 - NODATA", True),
        (b"2 unknown eni-1 - - - - - - - 1431280876 1431280934 - SKIPDATA", True),
        (RECORD.replace(b"2 ", b"3 ", 1), False),
        (RECORD + b" more", False),
        (RECORD.replace(b"ACCEPT OK", b"OK ACCEPT"), False),
        (RECORD.replace(b"20641", b"10.0.0.1"), False),
        (b"", False),
    ],
)
def test_the_default_format_is_recognised_only_beyond_doubt(line: bytes, sure: bool) -> None:
    assert is_default(line.split()) is sure
