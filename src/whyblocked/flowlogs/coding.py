"""Texts of flow log records as numbers: addresses by what they are, other texts by the order in which they came."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from whyblocked.flowlogs.groups import NONE, UNKNOWN
from whyblocked.flowlogs.listed import OTHERS, Column, Listed, in_order_of_texts

_DOT = ord(".")
_FEW = np.iinfo(np.int16).max
_OCTET = np.full(4 << 12, NONE, np.int16)  # the octet of so many digits (at 12 bits), four bits for each
for _number in range(256):
    _digits = str(_number)
    _OCTET[len(_digits) << 12 | sum(int(digit) << 4 * place for place, digit in enumerate(_digits))] = _number
_OCTETS = pa.array([str(number) for number in range(256)])


class Codes:
    """The different texts of a column as numbers."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._known: dict[str, int] = {}
        self._lock = threading.Lock()

    def __contains__(self, text: str) -> bool:
        return text in self._known

    def of(self, texts: Sequence[str]) -> Column:
        """The number of each text."""
        known = self._known
        with self._lock:
            for text in texts:
                if text not in known:
                    known[text] = len(self.texts)
                    self.texts.append(text)
        return np.array([known[text] for text in texts], np.int32)

    def column(self, table: pa.Table, name: str) -> Column:
        """A column of texts as their numbers, -1 where there is none."""
        if name not in table.column_names or table.column(name).null_count == table.num_rows:
            return np.full(table.num_rows, NONE, np.int32)
        indices, texts = _encoded(table.column(name))
        return np.append(self.of(texts.to_pylist()), np.int32(NONE))[indices]

    def placed(self, column: Column) -> tuple[list[str], Column]:
        """The texts that a column of numbers stands for, sorted, and the column as places among them."""
        if column.max(initial=NONE) == NONE:  # as all columns of what the format does not have
            return [], column
        used = np.zeros(len(self.texts) + 1, bool)
        used[column] = True
        order = sorted(np.flatnonzero(used[:-1]).tolist(), key=self.texts.__getitem__)
        places = np.full(len(used), NONE, np.int32 if len(order) > _FEW else np.int16)
        places[order] = np.arange(len(order))
        return [self.texts[code] for code in order], places[column]


class Addresses:
    """Addresses as numbers: an IPv4 address is its own, any other (``-`` too) has one that is bigger."""

    def __init__(self) -> None:
        self._others = Codes()

    def column(self, column: pa.ChunkedArray) -> Column | None:
        """The number of each address, -1 where there is none; None where one is no address."""
        indices, texts = _encoded(column)
        numbers = self._of(texts)
        return None if numbers is None else np.append(numbers, NONE)[indices]

    def _of(self, texts: pa.Array) -> Column | None:
        """The number of each address; None where one is no address."""
        size = len(texts)
        if not size:
            return np.zeros(0, np.int64)
        offsets = np.frombuffer(texts.buffers()[1], np.int32, size + 1, texts.offset * 4).astype(np.int64)
        body = texts.buffers()[2]
        data = np.frombuffer(body, np.uint8, int(offsets[-1])) if body is not None else np.zeros(0, np.uint8)
        dots = np.flatnonzero(data == _DOT)
        before = np.searchsorted(dots, offsets)
        found = np.full(size, NONE, np.int64)
        four = np.flatnonzero(np.diff(before) == 3)
        if len(four):
            found[four] = _quads(data, offsets[four], dots[before[four] + np.arange(3)[:, None]], offsets[four + 1])
        others = np.flatnonzero(found == NONE)
        if len(others):
            names = texts.take(pa.array(others)).to_pylist()
            if not all(name in self._others or _is_address(name) for name in names):
                return None
            found[others] = self._others.of(names).astype(np.int64) + OTHERS
        return found

    def unknown(self) -> int:
        """The number that stands for an address that no record tells."""
        return int(self._others.of([UNKNOWN])[0]) + OTHERS

    def texts(self, codes: Column) -> pa.Array:
        """The addresses with these numbers."""
        parts = [_OCTETS.take(pa.array(codes >> shift & 255)) for shift in (24, 16, 8, 0)]
        found = pc.binary_join_element_wise(*parts, ".")
        others = codes >= OTHERS
        if others.any():
            texts = [self._others.texts[code] for code in (codes[others] - OTHERS).tolist()]
            found = pc.replace_with_mask(found, pa.array(others), pa.array(texts, pa.string()))
        return found

    def ranked(self, parts: Sequence[Column]) -> tuple[Listed, list[Column]]:
        """All addresses with the numbers in these parts, sorted by their texts, and each part's places among them."""
        used, inside = different(*parts)
        order = in_order_of_texts(used, self._others.texts)
        places = np.empty(len(used), np.int32)
        places[order] = np.arange(len(used), dtype=np.int32)
        return Listed(used[order], self._others.texts), [places[part] for part in inside]


def different(*columns: Column) -> tuple[Column, list[Column]]:
    """The different numbers in some columns, in no order, and each column as places among them."""
    coded = pa.array(np.concatenate(columns).astype(np.int64, copy=False)).dictionary_encode()
    ends = np.cumsum([len(column) for column in columns])[:-1]
    return coded.dictionary.to_numpy(), np.split(coded.indices.to_numpy(), ends)


def _quads(data: Column, begins: Column, dots: Column, ends: Column) -> Column:
    """The IPv4 addresses between these places of some text, with three dots in each; -1 for what is none.

    The three bytes in front of an octet's end are read as one number, and what of it is the octet is looked up.
    """
    padded = np.zeros(len(data) + 8, np.uint8)
    padded[3 : 3 + len(data)] = data
    words: Column = np.ndarray((len(data) + 4,), "<u4", padded, 0, (1,))
    found, fine = np.zeros(len(begins), np.int64), np.ones(len(begins), bool)
    for begin, end in zip((begins, *(dots + 1)), (*dots, ends), strict=True):
        size = end - begin
        size[size > 3] = 0
        unused = (24 - (size << 3)).astype(np.uint32)
        octet = (words[end] & np.uint32(0xFFFFFF)) >> unused
        fine &= octet & np.uint32(0xF0F0F0) == np.uint32(0x303030) >> unused
        digits = octet & 15 | octet >> 4 & 0xF0 | octet >> 8 & 0xF00
        number = _OCTET[size << 12 | digits]
        fine &= number >= 0
        found = found << 8 | number
    return np.where(fine, found, NONE)


def _encoded(column: pa.ChunkedArray) -> tuple[Column, pa.Array]:
    """A column of texts as places in an array of the different ones, -1 where there is none."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    column = column.unify_dictionaries()
    if not column.num_chunks:
        return np.zeros(0, np.int32), pa.array([], pa.string())
    indices = [pc.fill_null(chunk.indices, NONE).to_numpy() for chunk in column.chunks]
    return indices[0] if len(indices) == 1 else np.concatenate(indices), column.chunk(0).dictionary


def _is_address(text: str) -> bool:
    if text == UNKNOWN:
        return True
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    except (OSError, ValueError):
        return False
    return True
