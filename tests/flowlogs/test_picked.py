"""Large flow logs read for a few interfaces: the same records and counts as the parser's."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.flowlogs.cases import CASES, LINES
from tests.flowlogs.test_records import HEADER
from whyblocked.flowlogs import picked, quick
from whyblocked.flowlogs.blocks import Lines
from whyblocked.flowlogs.files import read_path
from whyblocked.flowlogs.picked import Picking
from whyblocked.flowlogs.quick import merge
from whyblocked.flowlogs.records import Parser, Record, Scan, Wanted
from whyblocked.flowlogs.sinks import File

ONE, TWO, OTHER = "eni-0aaaaaaaaaaaaaaaa", "eni-0bbbbbbbbbbbbbbbb", "eni-0ccccccccccccaaaa"
WANTED = Wanted(interfaces=frozenset({ONE, TWO}))


def parsed(path: Path, wanted: Wanted = WANTED) -> tuple[list[Record], Scan]:
    scan = Scan()
    return [record for records in read_path(str(path), (), wanted, scan) for record in records], scan


def quickly(*paths: Path, wanted: Wanted = WANTED) -> tuple[list[Record], Scan] | None:
    """None where a file is not taken."""
    picking, scan, found = Picking(), Scan(), []
    for path in paths:
        if not picking.take(File(path, str(path), "here", (), wanted)):
            return None
    while one := picking.next():
        merge(scan, one[0])
        found += one[1]
        assert one[2] == "here"
    picking.close()
    return found, scan


def line(interface: str, source: str = "10.0.0.1", action: str = "ACCEPT", status: str = "OK", start: int = 100) -> str:
    if status != "OK":
        return f"2 123456789012 {interface} - - - - - - - {start} {start + 9} - {status}"
    return f"2 123456789012 {interface} {source} 10.0.0.2 40000 443 6 3 180 {start} {start + 9} {action} {status}"


lines = st.builds(
    line,
    st.sampled_from([ONE, TWO, OTHER, "-", "eni-1"]),
    st.sampled_from(["10.0.0.1", "2001:db8::1", "-"]),  # of accepted records nobody looks whether it is an address
    st.sampled_from(["ACCEPT", "REJECT", "DROP", "-"]),
    st.sampled_from(["OK", "OK", "OK", "NODATA", "SKIPDATA", "LOST"]),
    st.integers(0, 300),
)
odd = st.sampled_from(
    ["", HEADER, "  ", "half a line", f"{line(ONE)} more", line(TWO).replace(" ", "  "), f"{line(ONE)}\r"]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.one_of(lines, lines, lines, odd), max_size=60), st.sampled_from([1, 90, 700, 1 << 20]), st.booleans()
)
def test_any_lines_are_what_the_parser_makes_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: list[str], chunk: int, packed: bool
) -> None:
    monkeypatch.setattr(picked, "_CHUNK", chunk)
    monkeypatch.setattr(quick, "CHUNK", 64)
    data = "\n".join([HEADER, *text]).encode()
    path = tmp_path / "x.log"
    path.write_bytes(gzip.compress(data) if packed else data)
    for wanted in (WANTED, Wanted(interfaces=WANTED.interfaces, since=100, until=200)):
        found = quickly(path, wanted=wanted)
        assert found is not None
        assert found == parsed(path, wanted)


@pytest.mark.parametrize("name", CASES)
def test_every_format_is_read_alike_or_left_to_the_parser(tmp_path: Path, name: str) -> None:
    data = CASES[name][0]
    path = tmp_path / "x.log"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    wanted = Wanted(interfaces=frozenset({"eni-1235b8ca123456789", "eni-11111111aaaaaaaaa"}))
    found = quickly(path, wanted=wanted)
    assert found is None or found == parsed(path, wanted)


def test_most_lines_are_not_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []
    real = Parser.read

    def read(self: Parser, block: Lines) -> list[Record]:
        seen.extend(block.lines)
        return real(self, block)

    monkeypatch.setattr(Parser, "read", read)
    rows = [line(OTHER, f"10.0.{n % 250}.1", random.Random(n).choice(["ACCEPT", "REJECT"])) for n in range(5000)]
    rows[1234] = line(ONE, action="REJECT")
    (tmp_path / "x.log").write_text("\n".join([HEADER, *rows, ""]))
    found = quickly(tmp_path / "x.log")
    assert found is not None
    records, scan = found
    assert [record.interface_id for record in records] == [ONE]
    assert (scan.records, scan.interfaces) == (5000, {ONE: 1})
    assert len(seen) == 2, "the header and the one record"


def test_files_come_in_the_order_in_which_they_were_taken(tmp_path: Path) -> None:
    paths = []
    for n in range(20):
        paths.append(tmp_path / f"{n}.log")
        paths[-1].write_text("\n".join([HEADER, line(ONE, start=n)] + LINES * (20 - n)))
    found = quickly(*paths)
    assert found is not None
    assert [record.start for record in found[0]] == list(range(20))
