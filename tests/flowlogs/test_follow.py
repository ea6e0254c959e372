"""A flow log that grows, is put aside, or is cut short while it is read, as ``tail -F`` has it."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.flowlogs.cases import LINES, TEXT, TRANSIT_HEADER, TRANSIT_LINE
from tests.flowlogs.test_records import ACCEPTED, HEADER, REJECTED, counts
from whyblocked.errors import InputError
from whyblocked.flowlogs.blocks import MAX_LINE
from whyblocked.flowlogs.fields import Format, parse_format
from whyblocked.flowlogs.follow import follow
from whyblocked.flowlogs.records import Record, Scan, Wanted


class Over(Exception):
    """Nothing more is going to happen."""


def watched(path: Path, *happenings: Callable[[], object], forms: Iterable[Format] = ()) -> tuple[list[int], Scan]:
    """The ports of the records that were seen while one thing after another happened, and the counts."""
    left = list(happenings)

    def sleep(_: float) -> None:
        if not left:
            raise Over
        left.pop(0)()

    scan, found = Scan(), list[Record]()
    with contextlib.suppress(Over):
        for records in follow(str(path), list(forms), Wanted(), scan, sleep=sleep):
            found += records or []
    return [record.source_port or 0 for record in found], scan


def line(port: int, action: str = "REJECT") -> str:
    return REJECTED.replace(" 49761 ", f" {port} ").replace("REJECT", action) + "\n"


def grow(path: Path, text: str) -> Callable[[], object]:
    def more() -> None:
        with path.open("a") as stream:
            stream.write(text)

    return more


def test_what_is_there_and_what_comes(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text(f"{HEADER}\n{line(1)}")
    ports, scan = watched(path, grow(path, line(2) + line(3)[:40]), lambda: None, grow(path, line(3)[40:] + "x\n"))
    assert ports == [1, 2, 3]
    assert (counts(scan), scan.files) == ((0, 3, 0, 0, 1), 1)
    assert scan.places == [f"{path}:5: 1 fields where the format has 14"]


def test_an_empty_file_that_is_begun_later(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text("")
    happenings = [grow(path, part) for part in ("\n", HEADER[:30], f"{HEADER[30:]}\n", line(7))]
    assert watched(path, *happenings) == ([7], Scan(rejected=1, files=1))


def test_another_file_takes_its_place(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text("dstaddr srcaddr srcport action\n10.0.0.1 10.0.0.2 1 REJECT\n10.0.0.1 10.0.0.2 2 REJECT")

    def aside() -> None:
        grow(path, "3\n")()  # the last line is whole only now
        path.rename(tmp_path / "x.log.1")
        path.write_text("10.0.0.1 10.0.0.2 4 REJECT\nx\n")

    ports, scan = watched(path, aside, grow(path, f"{HEADER}\n{line(5)}"))
    assert ports == [1, 4, 5]
    assert scan.places == [
        f"{path}:3: action 'REJECT3'",
        f"{path}:2: 1 fields where the format has 4",
    ]


def test_it_may_be_gone_for_a_while(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text(line(1))
    happenings = [path.unlink, lambda: None, lambda: path.write_text(line(2)), grow(path, line(3))]
    assert watched(path, *happenings)[0] == [1, 2, 3]


def test_cut_short_and_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text(line(1) + line(2))
    ports, scan = watched(path, lambda: path.write_text(line(3)), grow(path, "x\n"))
    assert ports == [1, 2, 3]
    assert scan.places == [f"{path}:2: 1 fields where the format has 14"]


def test_the_last_line_of_a_file_put_aside_may_have_no_end(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text(line(1) + line(2).rstrip())

    def aside() -> None:
        path.rename(tmp_path / "x.log.1")
        path.write_text(line(3))

    assert watched(path, aside)[0] == [1, 2, 3]


def test_a_line_too_long_takes_no_memory_and_is_malformed(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text(line(1) + "x" * MAX_LINE)
    ports, scan = watched(path, *[grow(path, "x" * MAX_LINE)] * 3, grow(path, "\n" + line(2)))
    assert ports == [1, 2]
    assert scan.places == [f"{path}:2: a line of more than {MAX_LINE} bytes"]


@pytest.mark.parametrize(
    ("text", "form", "found"),
    [
        (TEXT, None, (1, 1, 1, 1, 0)),
        ("\n".join(LINES), None, (1, 1, 1, 1, 0)),
        ("".join(f"2026-11-23T09:00:00.000000+00:00 eni-1-all {m}\n" for m in LINES), None, (1, 1, 1, 1, 0)),
        ("".join(f"2026-11-23T09:00:00Z {m.split()[3]} {m.split()[4]} {m.split()[12]}\n" for m in (ACCEPTED, REJECTED)),
         "srcaddr dstaddr action", (1, 1, 0, 0, 0)),
        (f"{TRANSIT_HEADER}\n{TRANSIT_LINE}\n", None, (0, 1, 0, 0, 0)),
        ("", None, (0, 0, 0, 0, 0)),
    ],
)  # fmt: skip
def test_standard_input_is_read_to_its_end(text: str, form: str | None, found: tuple[int, ...]) -> None:
    scan = Scan()
    forms = [parse_format(form)] if form else []
    seen = sum(len(records or []) for records in follow("-", forms, Wanted(), scan, io.BytesIO(text.encode())))
    assert seen >= found[0] + found[1]
    assert counts(scan) == found


@given(st.lists(st.integers(1, 200), min_size=1), st.booleans())
@settings(max_examples=50)
def test_pieces_of_any_size_through_a_pipe(sizes: list[int], ends: bool) -> None:
    class Pipe(io.BytesIO):
        turn = 0

        def read1(self, size: int | None = -1, /) -> bytes:
            self.turn += 1
            return super().read(sizes[self.turn % len(sizes)])

    scan = Scan()
    text = TEXT * 3 if ends else (TEXT * 3).rstrip()
    found = [record for records in follow("-", [], Wanted(), scan, Pipe(text.encode())) for record in records or []]
    assert [record.destination_port for record in found] == [22, 3389] * 3
    assert counts(scan) == (3, 3, 3, 3, 0)


def test_what_comes_through_a_pipe_is_there_at_once() -> None:
    reader, writer = os.pipe()
    scan = Scan()
    with os.fdopen(reader, "rb") as stream, os.fdopen(writer, "wb", buffering=0) as out:
        records = follow("-", [], Wanted(), scan, stream)
        out.write(line(1).encode())
        assert [record.source_port for record in next(records) or []] == [1]
        out.write(line(2).encode())
        assert [record.source_port for record in next(records) or []] == [2]
        assert next(records) is None  # after a while in which nothing comes
        out.close()
        assert list(records) == [[]]


def test_a_named_pipe_ends_with_its_writer(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=(TEXT,))
    writer.start()
    scan = Scan()
    assert sum(len(records or []) for records in follow(str(path), [], Wanted(), scan)) == 2
    writer.join()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (gzip.compress(TEXT.encode()), "is not lines of text: read it without --follow"),
        (b"PAR1" + b"\0" * 90 + b"\n", "is not lines of text"),
        (TEXT.encode("utf-16"), "is not lines of text"),
        (b'{"message": "2 1"}\n', "is not lines of text"),
        (b"timestamp,message\n1,2\n", "is not lines of text"),
        (b"\0" * 100_000, "is not lines of text"),
        (b"remember the milk\n", "is not a flow log"),
        (b"version srcaddr dstaddr\n", ":1: the record format lacks action"),
        (b"3 eni-1 10.0.0.1 10.0.0.2 ACCEPT OK\n", "give the flow log's own with --log-format"),
    ],
)
def test_what_can_not_be_followed(tmp_path: Path, content: bytes, named: str) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(content)
    for location, stdin in ((str(path), None), ("-", io.BytesIO(content))):
        with pytest.raises(InputError, match=named):
            for _ in follow(location, [], Wanted(), Scan(), stdin, cast(Callable[[float], None], pytest.fail)):
                pass


@pytest.mark.parametrize("location", ["gone.log", ".", "nul\0.log"])
def test_where_there_is_no_file(tmp_path: Path, location: str) -> None:
    with pytest.raises(InputError, match=r"is no file"):
        next(follow(f"{tmp_path}/{location}", [], Wanted(), Scan()))
