"""What rules decide as sorted columns, in which the outcomes for a million groups of records are looked up."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Sequence
from socket import AF_INET6, inet_aton, inet_pton
from typing import Any

import numpy as np

from whyblocked.diagnosis.peers import Cell, Traffic
from whyblocked.diagnosis.places import DIRECTIONS, VERSIONS
from whyblocked.flowlogs.groups import NONE
from whyblocked.network.packets import ALL_PORTS, join_intervals

Column = np.ndarray[Any, np.dtype[Any]]  # numpy.typing is not loaded for a name

_PROTOCOLS = 257  # with "not told"
_PORT_BITS, _NUMBER_BITS = 17, 33


class Numbers:
    """The table's addresses as numbers of at most 32 bits that keep their order: IPv6 ones by their rank."""

    def __init__(self, texts: Sequence[str]) -> None:
        odd = [place for place, text in enumerate(texts) if ":" in text or "." not in text]
        six = [place for place in odd if ":" in texts[place]]
        plain = list(texts)
        for place in odd:
            plain[place] = "0"
        self.version: Column = np.full(len(texts), 4, np.int8)
        self.version[odd] = 0
        self.version[six] = 6
        self.number: Column = np.frombuffer(b"".join(map(inet_aton, plain)), ">u4").astype(np.int64)
        values = [inet_pton(AF_INET6, texts[place]) for place in six]
        self._ranked = sorted(set(values))
        ranks = {value: rank for rank, value in enumerate(self._ranked)}
        self.number[six] = [ranks[value] for value in values]

    def at(self, version: int, address: int) -> int:
        """The number where an address stands, or would stand: the first of those not below it."""
        if version == 4:
            return address
        return len(self._ranked) if address >> 128 else bisect_left(self._ranked, address.to_bytes(16, "big"))

    def within(self, blocks: Sequence[tuple[int, int, int]]) -> Column:
        """Whether each address lies in one of these blocks: IP version, lowest and highest address."""
        inside = np.zeros(len(self.number), bool)
        for version in VERSIONS:
            joined = join_intervals((low, high) for of, low, high in blocks if of == version)
            spans = [found for low, high in joined if (found := self.span(version, low, high))[0] <= found[1]]
            if spans:
                lows, highs = np.array(spans, np.int64).T
                place = np.searchsorted(lows, self.number, "right") - 1
                inside |= (self.version == version) & (place >= 0) & (self.number <= highs[place])
        return inside

    def span(self, version: int, low: int, high: int) -> tuple[int, int]:
        """The numbers of the addresses of a span; the first is above the last where the table has none of them."""
        return self.at(version, low), self.at(version, high + 1) - 1


class Outcomes:
    """What rules of one kind do, by sets of rules: evaluated once for what is met, then only looked up.

    ``breaks`` tells the ports at which a set of rules changes for a direction, IP version and protocol; ``cells`` what
    the set does with some traffic. Both may be asked from one thread at a time only, so that a lock is around them:
    columns are made anew where something was added, and a place is told after what it stands for.
    """

    def __init__(
        self,
        sets: int,
        numbers: Numbers,
        breaks: Callable[[int, int, int, int | None], Sequence[int]],
        cells: Callable[[int, Traffic], Sequence[Cell]],
        lock: threading.Lock,
    ) -> None:
        self._numbers, self._breaks, self._of, self._lock = numbers, breaks, cells, lock
        self._classes = np.full(sets * 4 * _PROTOCOLS, NONE, np.int32)  # place of what has the same ports
        self._traffics: list[tuple[int, Traffic]] = []
        self._count = 0
        self._bounds: Column = np.zeros(0, np.int64)  # of ranges of ports, below the place of their class
        self._ranges: Column = np.zeros(0, np.int32)  # place of each one's cells
        self._known: dict[tuple[int, tuple[Cell, ...]], int] = {}  # cells that were met, which many ranges share
        self._starts: Column = np.zeros(0, np.int64)  # of cells, below the place of their range
        self._outcomes: Column = np.zeros(0, np.int64)

    def look_up(
        self, sets: Column, direction: Column, version: Column, protocol: Column, port: Column, number: Column
    ) -> Column:
        """The outcome for each row: set of rules, direction, IP version, protocol, port, the other side's address."""
        if not len(sets):
            return np.zeros(0, np.int64)
        codes = ((sets * 2 + direction) * 2 + (version == 6)) * _PROTOCOLS + protocol + 1
        places = self._classes[codes]
        if places.min() < 0:
            self._meet(_different(codes[places < 0], len(self._classes)))
            places = self._classes[codes]
        ranges = np.searchsorted(self._bounds, places.astype(np.int64) << _PORT_BITS | port + 1, "right") - 1
        places = self._ranges[ranges]
        if places.min() < 0:
            self._evaluate(_different(ranges[places < 0], len(self._ranges)))
            places = self._ranges[ranges]
        cells = np.searchsorted(self._starts, places.astype(np.int64) << _NUMBER_BITS | number, "right") - 1
        found: Column = self._outcomes[cells]
        return found

    def _meet(self, codes: Column) -> None:
        """Find the ranges of ports of what is met for the first time."""
        with self._lock:
            bounds: list[int] = []
            new = codes[self._classes[codes] < 0]
            for place, code in enumerate(new.tolist(), self._count):
                rest, protocol = divmod(code, _PROTOCOLS)
                rest, is_six = divmod(rest, 2)
                which, way = divmod(rest, 2)
                of = None if protocol == 0 else protocol - 1
                direction, version = DIRECTIONS[way], VERSIONS[is_six]
                ports = self._breaks(which, way, version, of)
                bounds.append(place << _PORT_BITS)  # where the record tells no port
                self._traffics.append((which, Traffic(direction, version, of, ALL_PORTS)))
                for low, after in zip(ports, [*ports[1:], ALL_PORTS[1] + 1], strict=True):
                    bounds.append(place << _PORT_BITS | low + 1)
                    self._traffics.append((which, Traffic(direction, version, of, (low, after - 1))))
            self._ranges = np.append(self._ranges, np.full(len(bounds), NONE, np.int32))
            self._bounds = np.append(self._bounds, np.array(bounds, np.int64))
            self._classes[new] = np.arange(self._count, self._count + len(new))
            self._count += len(new)

    def _evaluate(self, ranges: Column) -> None:
        """Find the cells of ranges of ports that are met for the first time."""
        with self._lock:
            starts: list[int] = []
            outcomes: list[int] = []
            new = ranges[self._ranges[ranges] < 0]
            places = []
            for at in new.tolist():
                which, traffic = self._traffics[at]
                cells = tuple(self._of(which, traffic))
                place = self._known.get((traffic.version, cells), len(self._known))
                if place == len(self._known):
                    self._known[traffic.version, cells] = place
                    for start, outcome in cells:
                        starts.append(place << _NUMBER_BITS | self._numbers.at(traffic.version, start))
                        outcomes.append(outcome)
                places.append(place)
            self._outcomes = np.append(self._outcomes, np.array(outcomes, np.int64))
            self._starts = np.append(self._starts, np.array(starts, np.int64))
            self._ranges[new] = places


def _different(values: Column, bound: int) -> Column:
    """The different values of a column, sorted; all are below the bound."""
    met = np.zeros(bound, bool)
    met[values] = True
    return np.flatnonzero(met)
