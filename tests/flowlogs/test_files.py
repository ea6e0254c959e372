"""Files, folders, pipes: found, unpacked, and read to the last whole record."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import threading
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.flowlogs.test_records import ACCEPTED, HEADER, REJECTED, counts
from whyblocked.errors import InputError, UsageError
from whyblocked.flowlogs import blocks
from whyblocked.flowlogs.blocks import MAX_LINE, contents, split
from whyblocked.flowlogs.locations import locate, read_files
from whyblocked.flowlogs.records import Record, Scan, Wanted

TEXT = f"{HEADER}\n{ACCEPTED}\n{REJECTED}\n".encode()


def read(location: Path | str, stdin: io.BytesIO | None = None) -> tuple[list[Record], Scan]:
    scan = Scan()
    found = [r for batch in read_files(str(location), (), Wanted(), scan, stdin) for r in batch]
    return found, scan


@pytest.mark.parametrize("name", ["a.log", "a.txt", "a.gz", "a.log.gz", "no-extension", "misnamed.zip"])
@pytest.mark.parametrize("packed", [False, True])
def test_the_content_decides_not_the_name(tmp_path: Path, name: str, packed: bool) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(TEXT) if packed else TEXT)
    found, scan = read(path)
    assert len(found) == 2
    assert (counts(scan), scan.files) == ((1, 1, 0, 0, 0), 1)


def test_gzip_of_several_members_and_padding() -> None:
    packed = (
        gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:]) + gzip.compress(b"") + gzip.compress(TEXT) + b"\0" * 512
    )
    _, scan = read("-", io.BytesIO(packed))
    assert counts(scan) == (2, 2, 0, 0, 0)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_any_size_of_chunks_reads_the_same(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(blocks, "CHUNK", size)
    start = max(size, 2)
    for data in (TEXT, gzip.compress(TEXT) * 3, gzip.compress(TEXT) + b"\0" * 9):
        lines = [line for block in split(contents(io.BytesIO(data[start:]), data[:start])) for line in block.lines]
        assert lines == TEXT.splitlines() * (3 if len(lines) > 3 else 1)


@pytest.mark.parametrize("cut", [1, 8, 9, 30])
def test_truncated_gzip_is_read_to_the_last_whole_record(cut: int) -> None:
    text = TEXT + b"".join(REJECTED.replace("49761", str(port)).encode() + b"\n" for port in range(1024, 5024))
    found, scan = read("-", io.BytesIO(gzip.compress(text, mtime=0)[:-cut]))
    assert scan.malformed == 1
    assert "the gzip data ends in the middle" in scan.places[0]
    assert scan.places[0].startswith(f"standard input:{scan.records + 1}: ")
    assert 3900 < len(found) <= 4002


def test_gzip_cut_in_its_header_is_one_malformed_line() -> None:
    for cut in (2, 5, 11):
        _, scan = read("-", io.BytesIO(gzip.compress(TEXT)[:cut]))
        assert (counts(scan), scan.files) == ((0, 0, 0, 0, 1), 1)


def test_damaged_gzip() -> None:
    packed = bytearray(gzip.compress(TEXT))
    packed[-5] ^= 0xFF  # the checksum
    _, scan = read("-", io.BytesIO(bytes(packed)))
    assert "damaged" in scan.places[0]
    _, scan = read("-", io.BytesIO(gzip.compress(TEXT) + b"trailing"))
    assert counts(scan) == (1, 1, 0, 0, 1)
    assert "something else follows" in scan.places[0]


@given(st.binary(max_size=200), st.integers(0, 60))
def test_hostile_bytes_never_crash(tail: bytes, cut: int) -> None:
    packed = gzip.compress(TEXT)
    for data in (TEXT + tail, tail, packed[: max(2, len(packed) - cut)] + tail, b"\x1f\x8b" + tail):
        with contextlib.suppress(InputError):
            _, scan = read("-", io.BytesIO(data))
            assert scan.files == 1
            assert all(place.isprintable() or "\ufffd" in place for place in scan.places)


def test_a_line_without_end_takes_no_memory() -> None:
    class Endless(io.RawIOBase):
        left = 40

        def read(self, size: int = -1) -> bytes:
            self.left -= 1
            if self.left == 20:
                return b"\n" + TEXT[len(HEADER) + 1 :]
            return b"A" * size if self.left > 0 else b""

    tracemalloc.start()
    scan = Scan()
    list(read_files("-", (), Wanted(), scan, Endless()))  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert counts(scan) == (1, 1, 0, 0, 2)
    assert scan.places[0] == f"standard input:1: a line of more than {MAX_LINE} bytes"
    assert scan.places[1].startswith("standard input:4: ")
    assert peak < 16 * blocks.CHUNK


def test_a_packed_bomb_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb", compresslevel=9) as out:
        for _ in range(64):
            out.write(b"A" * (1 << 20))
    tracemalloc.start()
    with pytest.raises(InputError, match="it has no lines"):
        read(path)
    assert tracemalloc.get_traced_memory()[1] < 16 * blocks.CHUNK
    tracemalloc.stop()


def test_folders_are_read_to_the_bottom_in_order(tmp_path: Path) -> None:
    deep = tmp_path / "AWSLogs" / "1" / "vpcflowlogs"
    deep.mkdir(parents=True)
    (deep / "b.log.gz").write_bytes(gzip.compress(TEXT))
    (deep / "a.log").write_bytes(TEXT.replace(b"49761", b"1"))
    (tmp_path / "z.log").write_bytes(b"")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0\0")
    (tmp_path / "notes.txt").write_text("remember the milk\n")
    (tmp_path / ".hidden").write_text("x y\n")
    (tmp_path / "loop").symlink_to(tmp_path)
    found, scan = read(tmp_path)
    assert [r.source_port for r in found] == [20641, 1, 20641, 49761]
    assert scan.files == 3
    assert scan.notes == [f"skipped in {tmp_path}, as they are no flow logs: notes.txt, picture.png"]


def test_a_file_of_records_in_an_unknown_format_is_not_skipped(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(TEXT)
    (tmp_path / "b.log").write_text("3 eni-1 10.0.0.1 10.0.0.2 ACCEPT OK\n")
    with pytest.raises(InputError, match=r"b\.log has no header line"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("gone.log", None, "no such file or folder: "),
        ("a.log/b", None, "Not a directory"),
        ("nul\0.log", None, "is no file name"),
        ("x" * 300, None, "File name too long"),
        ("empty/", None, "no flow log in the folder"),
        ("full/x.bin", b"\0\1", "no flow log in the folder"),
    ],
)
def test_bad_locations(tmp_path: Path, name: str, content: bytes | None, named: str) -> None:
    (tmp_path / "a.log").write_bytes(TEXT)
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    location = f"{tmp_path}/{name}"
    if content is not None:
        Path(location).write_bytes(content)
        location = str(Path(location).parent)
    with pytest.raises(InputError) as error:
        read(location)
    assert named in error.value.message
    assert error.value.message.isprintable() or "\ufffd" in error.value.message


def test_the_folder_that_can_not_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "open").mkdir()
    shut = tmp_path / "shut"
    shut.mkdir()
    scandir = os.scandir

    def refusing(path: str) -> object:
        if path == str(shut):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(InputError, match=f"{shut}: Permission denied"):
        read(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(TEXT)
    path.chmod(0)
    with pytest.raises(InputError, match="Permission denied"):
        read(path)


def test_a_named_pipe_is_read_as_it_comes(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(gzip.compress(TEXT),))
    writer.start()
    assert len(read(path)[0]) == 2
    writer.join()


@pytest.mark.parametrize(
    ("location", "named"),
    [
        ("s3://", "s3://BUCKET/PREFIX"),
        ("s3:///AWSLogs", "s3://BUCKET/PREFIX"),
        ("athena:logs", "athena:DATABASE.TABLE"),
        ("athena:.vpc", "athena:DATABASE.TABLE"),
        ("", "name a file"),
        ("cloudwatch:", "cloudwatch:LOG-GROUP"),
    ],
)
def test_locations_that_are_refused(location: str, named: str) -> None:
    with pytest.raises(UsageError) as error:
        locate(location)
    assert named in error.value.message
    assert location in error.value.message


@pytest.mark.parametrize(
    ("location", "kind", "name"),
    [
        ("-", "stdin", "standard input"),
        ("a.log", "file", "a.log"),
        ("cloudwatch.log", "file", "cloudwatch.log"),
        ("cloudwatch:/vpc/flow", "cloudwatch", "/vpc/flow"),
        ("s3://bucket/AWSLogs/", "s3", "bucket/AWSLogs/"),
        ("s3://bucket", "s3", "bucket"),
        ("athena:logs.vpc", "athena", "logs.vpc"),
    ],
)
def test_locations_that_are_taken(location: str, kind: str, name: str) -> None:
    assert locate(location) == (kind, name, location)


def test_long_lines_in_the_middle_are_malformed_in_their_place() -> None:
    long = b"x" * (MAX_LINE + 1)
    _, scan = read("-", io.BytesIO(b"\n".join([long, TEXT + long, TEXT + long + long])))
    assert counts(scan) == (2, 2, 0, 0, 3)
    assert [place.split(":")[1] for place in scan.places] == ["1", "5", "9"]
