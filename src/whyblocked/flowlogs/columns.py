"""Large Parquet files: rejected records straight as columns; accepted ones are counted, not built.

A file in which anything is unusual (types that AWS does not write, a status or number that is none) is left to the
parser, so the counts are the same. The numbers of accepted records are known by the extremes that the file tells of its
columns; where it tells none, they are not looked at, nor are their addresses, as in large text files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from whyblocked.flowlogs.coding import Addresses
from whyblocked.flowlogs.fields import BIGGEST, HIGHEST, Format, canonical
from whyblocked.flowlogs.groups import NONE
from whyblocked.flowlogs.listed import Column
from whyblocked.flowlogs.pages import Unusual, unpacked
from whyblocked.flowlogs.parquet import DAMAGED
from whyblocked.flowlogs.quick import ADDRESSES, NUMBERS, TEXTS, Unsuited, sound
from whyblocked.flowlogs.records import Scan

_ROWS = 1 << 17  # that are looked at at once
_STATE = ("action", "log-status")


def read_columns(
    path: Path, addresses: Addresses, index: parquet.FileMetaData | None = None
) -> tuple[Scan, list[pa.Table]]:
    """The counts and the rejected records of a file; :class:`Unsuited` where the parser has to read it.

    ``index`` is the file's own, where it was read already.
    """
    scan, tables = Scan(files=1), []
    try:
        with path.open("rb") as file, parquet.ParquetFile(file, metadata=index) as whole:
            names = _names(whole.schema_arrow)
            if not _are_numbers(whole.metadata, names):
                raise Unsuited
            for batch in _batches(file, whole, list(names.values())):
                table = _rejected(batch, names, scan)
                if table is not None and (table := sound(table, addresses)) is None:
                    raise Unsuited
                tables += [] if table is None else [table]
    except DAMAGED:
        raise Unsuited from None
    scan.rejected = sum(table.num_rows for table in tables)
    return scan, tables


def _names(schema: pa.Schema) -> dict[str, str]:
    """What is read, by the fields' documented names: action and status first; and what each is called here."""
    names = {canonical(name): name for name in schema.names}
    once = len({name.lower() for name in schema.names}) == len(schema) == len(names)
    if not once or Format(tuple(names)).lacking or "log-status" not in names:
        raise Unsuited
    found = {name: names[name] for name in (*_STATE, *TEXTS, *NUMBERS) if name in names}
    for name, column in found.items():
        kind = schema.field(column).type
        is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        if not (pa.types.is_integer(kind) if name in NUMBERS else is_text):
            raise Unsuited
    return found


def _are_numbers(metadata: parquet.FileMetaData, names: dict[str, str]) -> bool:
    """Whether all numbers are ones of their kinds, by the extremes that the file tells."""
    kinds = {column: HIGHEST.get(name, BIGGEST) for name, column in names.items() if name in NUMBERS}
    for place in range(metadata.num_columns):
        column = metadata.schema.column(place)
        highest = kinds.get(column.path)
        for group in range(metadata.num_row_groups if highest is not None else 0):
            chunk = metadata.row_group(group).column(place)
            if chunk.physical_type != column.physical_type:  # damaged, and nothing would catch pyarrow's error
                return False
            told = chunk.statistics
            if told is not None and told.has_min_max and not 0 <= told.min <= told.max <= highest:
                return False
    return True


def _batches(file: BinaryIO, whole: parquet.ParquetFile, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Some columns, texts as places in a list of the different ones."""
    texts = [name for name in names if not pa.types.is_integer(whole.schema_arrow.field(name).type)]
    unsigned = [name for name in names if pa.types.is_unsigned_integer(whole.schema_arrow.field(name).type)]
    for group in range(whole.num_row_groups):
        try:
            if unsigned:
                raise Unusual
            source = unpacked(file, whole.metadata, group, names)
            with parquet.ParquetFile(pa.BufferReader(source), read_dictionary=texts) as one:
                yield from one.iter_batches(_ROWS, columns=names, use_threads=False)
        except Unusual:
            with parquet.ParquetFile(file, metadata=whole.metadata, read_dictionary=texts) as again:
                yield from again.iter_batches(_ROWS, row_groups=[group], columns=names, use_threads=False)


def _rejected(batch: pa.RecordBatch, names: dict[str, str], scan: Scan) -> pa.Table | None:
    """The rejected records, if there are some; the others are counted."""
    action, status = (_Texts(batch.column(names[name])) for name in _STATE)
    is_fine = status.are("OK")
    refused, accepted = is_fine & action.are("REJECT"), is_fine & action.are("ACCEPT")
    counts = [int(np.count_nonzero(kind)) for kind in (refused, accepted)]
    scan.accepted += counts[1]
    if sum(counts) < batch.num_rows:
        others = ~(refused | accepted)
        no_data, skipped = (int(np.count_nonzero(status.are(text) & others)) for text in ("NODATA", "SKIPDATA"))
        if sum(counts) + no_data + skipped < batch.num_rows:
            raise Unsuited
        scan.no_data += no_data
        scan.skipped_data += skipped
    if not counts[0]:
        return None
    rows = np.flatnonzero(refused)
    found: dict[str, pa.Array] = {}
    for name, column in names.items():
        if name in NUMBERS:
            found[NUMBERS[name]] = batch.column(column).take(pa.array(rows)).cast(pa.int64())
        elif name in TEXTS:
            texts = _Texts(batch.column(column)).at(rows)
            if TEXTS[name] not in ADDRESSES and any(text.split() != [text] for text in texts.dictionary.to_pylist()):
                raise Unsuited
            found[TEXTS[name]] = texts
    return pa.table(found)


class _Texts:
    """A column of texts as places in a list of the different ones; in a column that is not kept so, they are found."""

    def __init__(self, column: pa.Array) -> None:
        coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        self._different = coded.dictionary.cast(pa.string())
        indices = coded.indices
        self._places: Column = (indices.fill_null(NONE) if indices.null_count else indices).to_numpy()

    def are(self, text: str) -> Column:
        """Which are this text."""
        place = self._different.index(text).as_py()
        found: Column = self._places == place if place >= 0 else np.zeros(len(self._places), bool)
        return found

    def at(self, rows: Column) -> pa.DictionaryArray:
        """Those of some rows, with a list of the texts that these have; a hyphen is none."""
        places = self._places[rows]
        is_met = np.zeros(len(self._different) + 1, bool)
        is_met[places] = True
        met = np.flatnonzero(is_met[:-1])
        of = np.full(len(is_met), NONE, np.int32)
        of[met] = np.arange(len(met), dtype=np.int32)
        found, texts = of[places], self._different.take(pa.array(met))
        hyphen = texts.index("-").as_py()
        if hyphen < 0 and not is_met[-1]:
            return pa.DictionaryArray.from_arrays(pa.array(found), texts)
        return pa.DictionaryArray.from_arrays(pa.array(found, mask=(found == NONE) | (found == hyphen)), texts)
