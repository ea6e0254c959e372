"""What rules decide as sorted columns, in which the outcomes for a million groups of records are looked up."""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from socket import AF_INET6, inet_aton, inet_pton
from typing import Any

import numpy as np

from whyblocked.config.account import Missing
from whyblocked.diagnosis.peers import PASSES, UNKNOWN, Cell, Traffic, about, acl_cells, at_ports, group_cells
from whyblocked.diagnosis.places import DIRECTIONS, VERSIONS, Place, Places
from whyblocked.flowlogs.groups import NONE, Table
from whyblocked.flowlogs.listed import OTHERS, Listed
from whyblocked.network.packets import ALL_PORTS, join_intervals
from whyblocked.network.rules import GroupRule

Column = np.ndarray[Any, np.dtype[Any]]  # numpy.typing is not loaded for a name

_PROTOCOLS = 257  # with "not told"
_PORT_BITS, _NUMBER_BITS = 17, 33


class Numbers:
    """The table's addresses as numbers of at most 32 bits that keep their order: IPv6 ones by their rank."""

    def __init__(self, texts: Sequence[str]) -> None:
        if isinstance(texts, Listed):  # a large table knows the numbers
            odd = np.flatnonzero(texts.codes >= OTHERS).tolist()
            self.number: Column = np.where(texts.codes >= OTHERS, 0, texts.codes)
        else:
            odd = [place for place, text in enumerate(texts) if ":" in text or "." not in text]
            plain = list(texts)
            for place in odd:
                plain[place] = "0"
            self.number = np.frombuffer(b"".join(map(inet_aton, plain)), ">u4").astype(np.int64)
        found = {place: text for place, text in zip(odd, map(texts.__getitem__, odd), strict=True) if ":" in text}
        six = list(found)
        self.version: Column = np.full(len(texts), 4, np.int8)
        self.version[odd] = 0
        self.version[six] = 6
        values = [inet_pton(AF_INET6, text) for text in found.values()]
        self._ranked = sorted(set(values))
        ranks = {value: rank for rank, value in enumerate(self._ranked)}
        self.number[six] = [ranks[value] for value in values]

    def address(self, place: int) -> tuple[int, int]:
        """IP version (0: it is none) and address of a text."""
        version, number = int(self.version[place]), int(self.number[place])
        return version, int.from_bytes(self._ranked[number]) if version == 6 else number

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
        self._met: list[
            tuple[int, int, int, int | None, Sequence[int]]
        ] = []  # classes, with the ports where each changes
        self._firsts: list[int] = []  # the place of each one's first range, which is that of any port
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
            first, ranges = len(self._met), len(self._ranges)
            for place, code in enumerate(new.tolist(), first):
                rest, protocol = divmod(code, _PROTOCOLS)
                rest, is_six = divmod(rest, 2)
                which, way = divmod(rest, 2)
                of = None if protocol == 0 else protocol - 1
                version = VERSIONS[is_six]
                ports = self._breaks(which, way, version, of)
                self._met.append((which, way, version, of, ports))
                self._firsts.append(ranges + len(bounds))
                bounds.append(place << _PORT_BITS)  # where the record tells no port
                bounds += [place << _PORT_BITS | low + 1 for low in ports]
            self._ranges = np.append(self._ranges, np.full(len(bounds), NONE, np.int32))
            self._bounds = np.append(self._bounds, np.array(bounds, np.int64))
            self._classes[new] = np.arange(first, len(self._met))

    def _evaluate(self, ranges: Column) -> None:
        """Find the cells of ranges of ports that are met for the first time."""
        with self._lock:
            starts: list[int] = []
            outcomes: list[int] = []
            new = ranges[self._ranges[ranges] < 0]
            places = []
            for at in new.tolist():
                which, traffic = self._traffic(at)
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

    def _traffic(self, at: int) -> tuple[int, Traffic]:
        """The set of rules and the traffic that a range of ports is about."""
        place = bisect_right(self._firsts, at) - 1
        which, way, version, protocol, ports = self._met[place]
        turn = at - self._firsts[place]  # 0: any port
        last = ports[turn] - 1 if 0 < turn < len(ports) else ALL_PORTS[1]
        span = (ports[turn - 1], last) if turn else ALL_PORTS
        return which, Traffic(DIRECTIONS[way], version, protocol, span)


class Rules:
    """What is the same for all groups: the interfaces' facts, and what their rules do."""

    def __init__(self, table: Table, places: Places) -> None:
        self.places = places
        self.numbers = Numbers(table.addresses)
        self.names = table.interfaces
        self.known = [places.found.get(name) for name in table.interfaces]
        self.groups = self._facts(lambda place: place.groups)
        self.acl = self._facts(lambda place: place.acl)
        self.is_nat = self._facts(lambda place: int(place.is_nat)) == 1
        self.is_transit = self._facts(lambda place: int(place.is_transit)) == 1
        lock = threading.Lock()
        self._about: dict[tuple[object, ...], tuple[Sequence[GroupRule], bool]] = {}
        self._cells: dict[tuple[object, ...], list[Cell]] = {}  # by the rules that decide: most ports have the same
        self.of_groups = Outcomes(int(self.groups.max()) + 1, self.numbers, self._group_breaks, self._group_cells, lock)
        self.of_acl = Outcomes(int(self.acl.max()) + 1, self.numbers, self._acl_breaks, self._acl_cells, lock)
        self._own: list[tuple[int, int, int, int]] = []
        self.own = self._owners()
        self.subnets = self._subnets()

    def _facts(self, fact: Callable[[Place], int]) -> Column:
        """A fact about each interface, -1 where it is not known."""
        return np.array([NONE if place is None else fact(place) for place in self.known] or [NONE])

    # -- addresses -------------------------------------------------------------------------------------------

    def _owners(self) -> list[Column]:
        """Columns that name, for every address of the table, an interface that has it: as many as one has owners.

        Interfaces of several VPCs may have one address.
        """
        numbers = self.numbers
        owners: dict[tuple[int, int], list[int]] = {}
        for at, place in enumerate(self.known):
            for version, low, high in place.own if place else ():
                first, last = numbers.span(version, low, high)
                if first == last:
                    owners.setdefault((version, first), []).append(at)
                elif first < last:
                    self._own.append((at, version, first, last))
        columns: list[Column] = []
        for version in VERSIONS:
            values = sorted(number for of, number in owners if of == version)
            if not values:
                continue
            keys = np.array(values)
            found = np.minimum(np.searchsorted(keys, numbers.number), len(keys) - 1)
            here = np.flatnonzero((numbers.version == version) & (keys[found] == numbers.number))
            for address, number in zip(here.tolist(), numbers.number[here].tolist(), strict=True):
                for turn, at in enumerate(owners[version, number]):
                    if turn == len(columns):
                        columns.append(np.full(len(numbers.number), NONE, np.int32))
                    columns[turn][address] = at
        return columns

    def is_own(self, interface: Column, end: Column) -> Column:
        """Whether an end is an address of the row's interface, delegated blocks among them."""
        found = np.zeros(len(interface), bool)
        for owner in self.own:
            found |= owner[end] == interface
        if self._own:
            family, number = self.numbers.version[end], self.numbers.number[end]
            for at, of, first, last in self._own:
                found |= (interface == at) & (family == of) & (number >= first) & (number <= last)
        return found

    def _subnets(self) -> list[tuple[Column, Column, Column]]:
        """The blocks of each interface's subnet, a turn of columns for each: IP version, lowest, highest address."""
        blocks = [place.subnet if place else () for place in self.known]
        turns = []
        for turn in range(max(map(len, blocks), default=0)):
            spans = [(b[turn][0], *self.numbers.span(*b[turn])) if turn < len(b) else (0, 0, NONE) for b in blocks]
            version, low, high = (np.array(column) for column in zip(*spans, strict=True))
            turns.append((version, low, high))
        return turns

    # -- rules -----------------------------------------------------------------------------------------------

    def _group_breaks(self, groups: int, way: int, version: int, protocol: int | None) -> list[int]:
        return self.places.breaks(groups, None, DIRECTIONS[way], version, protocol)

    def _group_cells(self, groups: int, traffic: Traffic) -> list[Cell]:
        if not self.places.like(groups).groups:
            return [Cell(0, PASSES)]
        of = (groups, *traffic[:3])
        if of not in self._about:
            rules, unread = self.places.group_rules(groups, traffic.direction)
            self._about[of] = about(rules, traffic), unread
        there, unread = self._about[of]
        if not traffic.is_whole:
            return group_cells(there, traffic, lambda r, p: self.places.spans(groups, r, p), unread=unread)
        deciding = at_ports(there, traffic)
        named = NONE if all(rule.block is not None for rule in deciding) else groups  # others stand for more
        key = (unread, named, *traffic[:2], *map(id, deciding))
        if key not in self._cells:
            self._cells[key] = group_cells(
                deciding, traffic, lambda r, p: self.places.spans(groups, r, p), unread=unread
            )
        return self._cells[key]

    def _acl_breaks(self, acl: int, way: int, version: int, protocol: int | None) -> list[int]:
        return self.places.breaks(None, acl, DIRECTIONS[way], version, protocol)

    def _acl_cells(self, acl: int, traffic: Traffic) -> list[Cell]:
        rules = self.places.acl_rules(acl, traffic.direction, traffic.version)
        return [Cell(0, UNKNOWN)] if isinstance(rules, Missing) else acl_cells(rules[1], traffic)


def _different(values: Column, bound: int) -> Column:
    """The different values of a column, sorted; all are below the bound."""
    met = np.zeros(bound, bool)
    met[values] = True
    return np.flatnonzero(met)
