"""Parquet packed with gzip: its pages unpacked here come to what pyarrow reads, or are left to it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from tests.flowlogs.gathered import rejected
from whyblocked.flowlogs import columns as reader
from whyblocked.flowlogs import gathering, pages
from whyblocked.flowlogs.pages import Unusual, unpacked

# As AWS writes them: https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html
KINDS = {
    "interface_id": pa.string(), "srcaddr": pa.string(), "dstaddr": pa.string(), "srcport": pa.int32(),
    "dstport": pa.int32(), "protocol": pa.int32(), "packets": pa.int64(), "bytes": pa.int64(), "start": pa.int64(),
    "end": pa.int64(), "action": pa.string(), "log_status": pa.string(),
}  # fmt: skip
SCHEMA = pa.schema(KINDS)


def flows(count: int) -> pa.Table:
    """So many records; some ports and addresses are left out."""
    rows = [
        {
            "interface_id": f"eni-{n % 5}", "srcaddr": f"10.{n % 7}.{n % 251}.{n % 13}", "dstaddr": "10.0.0.1",
            "srcport": None if n % 11 == 0 else n % 65536, "dstport": (22, 443, 8080)[n % 3], "protocol": 6,
            "packets": n, "bytes": 40 * n, "start": 1795424400 + n, "end": 1795424460 + n,
            "action": "REJECT" if n % 3 else "ACCEPT", "log_status": "OK",
        }
        for n in range(count)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, SCHEMA)


def packed(table: pa.Table, **options: Any) -> io.BytesIO:
    out = io.BytesIO()
    parquet.write_table(table, out, compression="gzip", **options)
    return out


def groups(file: io.BytesIO, names: list[str]) -> list[pa.Table]:
    """Every row group, its pages unpacked, as pyarrow reads it."""
    metadata = parquet.read_metadata(file)
    found = []
    for group in range(metadata.num_row_groups):
        data = unpacked(file, metadata, group, names)
        read = parquet.ParquetFile(io.BytesIO(data))
        chunks = [read.metadata.row_group(0).column(place) for place in range(len(names))]
        assert {chunk.compression for chunk in chunks} == {"UNCOMPRESSED"}
        found.append(read.read())
    return found


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_dictionary": False},
        {"use_dictionary": ["action", "log_status"], "row_group_size": 700},
        {"data_page_size": 500, "dictionary_pagesize_limit": 300},  # several pages, and dictionaries that are given up
        {"data_page_size": 500, "write_page_checksum": True, "write_statistics": False},
        {"column_encoding": {"packets": "DELTA_BINARY_PACKED"}, "use_dictionary": False},
    ],
)
def test_every_row_group_holds_what_it_held(options: dict[str, Any]) -> None:
    table = flows(2000)
    names = ["action", "srcaddr", "srcport", "packets"]
    if "column_encoding" in options:  # an encoding that is not known here
        with pytest.raises(Unusual):
            groups(packed(table, **options), names)
        return
    found = pa.concat_tables(groups(packed(table, **options), names))
    assert found.select(names).equals(table.select(names))


@given(
    rows=st.lists(
        st.tuples(st.none() | st.text(max_size=20), st.none() | st.integers(-(2**63), 2**63 - 1)), min_size=1
    ),
    size=st.sampled_from([16, 1 << 20]),
    dictionary=st.booleans(),
)
@settings(max_examples=60)
def test_any_values_come_back(rows: list[tuple[str | None, int | None]], size: int, dictionary: bool) -> None:
    table = pa.table(
        {"a": pa.array([a for a, _ in rows], pa.string()), "b": pa.array([b for _, b in rows], pa.int64())}
    )
    (found,) = groups(packed(table, data_page_size=size, use_dictionary=dictionary), ["a", "b"])
    assert found.equals(table)


def test_columns_that_are_never_absent_come_back() -> None:
    schema = pa.schema([pa.field("action", pa.string(), nullable=False), pa.field("end", pa.int64(), nullable=False)])
    table = pa.table({"action": ["REJECT"] * 9, "end": list(range(9))}, schema)
    assert groups(packed(table), ["action", "end"])[0].to_pylist() == table.to_pylist()


@pytest.mark.parametrize(
    "table",
    [
        flows(9).append_column("x", pa.array([[1]] * 9)),
        flows(9).append_column("x", pa.array([1.5] * 9)),
        flows(9).append_column("x", pa.array([{"y": 1}] * 9)),
    ],
)
def test_kinds_of_columns_that_are_not_understood_are_left_to_pyarrow(table: pa.Table) -> None:
    file = packed(table)
    metadata = parquet.read_metadata(file)
    path = metadata.schema.column(metadata.num_columns - 1).path
    with pytest.raises(Unusual):
        unpacked(file, metadata, 0, [path])
    assert unpacked(file, metadata, 0, ["action"])  # beside it


@pytest.mark.parametrize("options", [{"data_page_version": "2.0"}, {"compression": "snappy"}])
def test_pages_of_another_kind_are_left_to_pyarrow(options: dict[str, Any]) -> None:
    out = io.BytesIO()
    parquet.write_table(flows(99), out, **{"compression": "gzip"} | options)
    with pytest.raises(Unusual):
        unpacked(out, parquet.read_metadata(out), 0, ["action", "srcport"])


def test_a_column_that_the_row_group_lacks_is_left_to_pyarrow() -> None:
    file = packed(flows(9))
    with pytest.raises(Unusual):
        unpacked(file, parquet.read_metadata(file), 0, ["action", "none of them"])


def test_damage_anywhere_is_left_to_pyarrow_or_harmless() -> None:
    """A byte that is changed makes no other values: gzip has a checksum, and what stands around it is not followed."""
    table = flows(200)
    names = ["action", "srcaddr", "srcport", "packets"]
    whole = packed(table).getvalue()
    metadata = parquet.read_metadata(io.BytesIO(whole))
    end = max(
        chunk.data_page_offset + chunk.total_compressed_size
        for chunk in (metadata.row_group(0).column(place) for place in range(metadata.num_columns))
    )
    for place in range(len(pages.MAGIC), end, 7):
        data = bytearray(whole)
        data[place] ^= 0x55
        try:
            found = parquet.read_table(io.BytesIO(unpacked(io.BytesIO(bytes(data)), metadata, 0, names)))
        except (Unusual, pa.ArrowException, OSError):
            continue
        assert found.select(names).equals(table.select(names)), place


@pytest.mark.parametrize("options", [{}, {"data_page_version": "2.0"}, {"data_page_size": 500, "row_group_size": 300}])
def test_large_files_are_added_up_as_the_parser_would(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: dict[str, Any]
) -> None:
    (tmp_path / "x.log.parquet").write_bytes(packed(flows(1000), **options).getvalue())
    calls: list[int] = []

    def noted(*arguments: Any) -> bytes:
        calls.append(0)
        return unpacked(*arguments)

    monkeypatch.setattr(reader, "unpacked", noted)
    found = []
    for large in (1 << 60, 0):
        monkeypatch.setattr(gathering, "LARGE", large)
        found.append(rejected([str(tmp_path)]))
    assert found[0].scan.counts() == found[1].scan.counts()
    assert found[0].groups == found[1].groups
    assert (found[1].scan.rejected, found[1].scan.accepted) == (666, 334)
    assert calls
