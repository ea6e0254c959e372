"""The addresses of a large table as numbers, in the order of their texts, which are made for those that are shown."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address
from typing import Any, overload

import numpy as np

Column = np.ndarray[Any, np.dtype[Any]]  # numpy.typing is not loaded for a name

OTHERS = 1 << 32  # from here on: what is no IPv4 address, as its place in a list


class Listed(Sequence[str]):
    """Addresses in the order of their texts. ``codes`` are their numbers; ``others`` what those from :data:`OTHERS` on
    stand for."""

    def __init__(self, codes: Column, others: Sequence[str]) -> None:
        self.codes, self.others = codes, others

    def __len__(self) -> int:
        return len(self.codes)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> Listed: ...
    def __getitem__(self, place: int | slice) -> str | Listed:
        if isinstance(place, slice):
            return Listed(self.codes[place], self.others)
        code = int(self.codes[place])
        return self.others[code - OTHERS] if code >= OTHERS else str(IPv4Address(code))

    def __iter__(self) -> Iterator[str]:
        return (self[place] for place in range(len(self)))


def in_order_of_texts(codes: Column, others: Sequence[str]) -> Column:
    """The places of addresses in the order of their texts, of which none is made but those of ``others``.

    Octets are put in the order of what they look like with the dot behind them, so that four of them are one number
    that sorts as the text does. What is no IPv4 address stands where it does among first octets: it equals none.
    """
    dotted = [f"{number}." for number in range(256)]
    inner = np.argsort(np.argsort(dotted))
    last = np.argsort(np.argsort([str(number) for number in range(256)]))
    firsts = sorted(dotted)
    is_four = codes < OTHERS
    four, rest = np.flatnonzero(is_four), np.flatnonzero(~is_four)
    texts = [others[place] for place in (codes[rest] - OTHERS).tolist()]
    sort = sorted(range(len(texts)), key=texts.__getitem__)
    numbers = codes[four]
    octets = [numbers >> shift & 255 for shift in (24, 16, 8, 0)]
    keys = ((inner[octets[0]] << 8 | inner[octets[1]]) << 8 | inner[octets[2]]) << 8 | last[octets[3]]
    before = np.array([bisect_left(firsts, texts[place]) << 25 for place in sort], np.int64)
    bits = len(sort).bit_length()  # so that no two keys are equal, and the fastest way to sort them does
    order = np.argsort(np.concatenate([before << bits | np.arange(len(sort)), (keys << 1 | 1) << bits]))
    found: Column = np.concatenate([rest[sort], four])[order]
    return found
