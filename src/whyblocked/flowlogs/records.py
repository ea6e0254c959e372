"""From lines to records: every line is counted for what it is, those that may matter come out as :class:`Record`."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec.structs import replace

from whyblocked.flowlogs.blocks import Lines
from whyblocked.flowlogs.fields import (
    BIGGEST,
    DEFAULT,
    HIGHEST,
    TRANSIT,
    Format,
    are_alike,
    checked,
    fits,
    header_format,
    is_default,
)
from whyblocked.flowlogs.positions import Positions
from whyblocked.text import clean

PLACES = 5  # so many malformed lines are kept with their place
_REMEMBERED = 1 << 16
_LONG = 200  # digits that no number or line of numbers has
_WIDE = len(str(BIGGEST))  # digits of a number that may be too big
_PROTOCOLS = frozenset(b"%d" % number for number in range(HIGHEST["protocol"] + 1)) | {b"OK"}


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One flow in one interval at one interface. What the format lacks, or AWS left out (``-``), is None.

    ``source`` and ``destination`` are the packet's (``pkt-*`` where present), ``srcaddr`` and ``dstaddr`` what the
    interface saw. ``start`` and ``end`` are Unix seconds. ``fields`` holds all fields as written, unknown ones too.

    A transit gateway's record has its attachment as ``interface_id``. For each way in which it lost packets there is a
    record of those packets, not accepted, with a ``reject_reason`` of :data:`whyblocked.flowlogs.fields.LOST`.
    """

    interface_id: str | None = None
    srcaddr: str | None = None
    dstaddr: str | None = None
    pkt_srcaddr: str | None = None
    pkt_dstaddr: str | None = None
    source_port: int | None = None
    destination_port: int | None = None
    protocol: int | None = None
    packets: int = 0
    bytes: int = 0
    start: int | None = None
    end: int | None = None
    accepted: bool
    direction: Literal["ingress", "egress"] | None = None
    tcp_flags: int | None = None
    reject_reason: str | None = None
    fields: dict[str, str] = {}

    @property
    def source(self) -> str | None:
        """Where the packet came from."""
        return self.pkt_srcaddr or self.srcaddr

    @property
    def destination(self) -> str | None:
        """Where the packet went."""
        return self.pkt_dstaddr or self.dstaddr


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which records are worth building; a superset is fine, the asker looks again. Empty sets want everything.

    ``interfaces`` are tried where a record names its interface. ``since`` and ``until`` are Unix seconds: a record
    whose interval touches the window is wanted.
    """

    interfaces: frozenset[str] = frozenset()
    since: int | None = None
    until: int | None = None
    rejected_only: bool = False


class Scan(msgspec.Struct, kw_only=True):
    """What was read: ``records`` data lines, the sum of the first five counts.

    A transit gateway's record without losses is accepted, one with any is rejected. ``places`` names the first
    malformed lines. ``interfaces`` counts, for each interface that was wanted, its lines of any kind. ``outside`` are
    wanted records that lie outside the window. ``notes`` say what else the asker should know, ``costs`` what is to be
    paid, for ``billed`` bytes.
    """

    accepted: int = 0
    rejected: int = 0
    no_data: int = 0
    skipped_data: int = 0
    malformed: int = 0
    files: int = 0
    outside: int = 0
    places: list[str] = []
    notes: list[str] = []
    costs: list[str] = []
    billed: int = 0
    interfaces: dict[str, int] = {}

    @property
    def records(self) -> int:
        """Data lines, header lines aside."""
        return self.accepted + self.rejected + self.no_data + self.skipped_data + self.malformed

    def counts(self) -> dict[str, int]:
        """The contract's ``scanned``."""
        names = ("records", "accepted", "rejected", "no_data", "skipped_data", "malformed", "files")
        return {name: getattr(self, name) for name in names}


_EMPTY = Positions(Format(()))
_TRANSIT = Positions(TRANSIT)


class Parser:
    """Reads the lines of one source. ``formats`` are tried in order; a header line sets the only one.

    Without any format, lines before a header are malformed until one is, beyond doubt, of the default format.
    """

    def __init__(self, name: str, formats: Sequence[Format], wanted: Wanted, scan: Scan) -> None:
        self.name = clean(name)
        self.wanted = wanted
        self.scan = scan
        self._use([Positions(checked(form, self.name)) for form in formats] or [_EMPTY])
        for place, form in enumerate(formats):
            if any(are_alike(form, earlier) for earlier in formats[:place]):
                scan.notes.append(
                    f"{self.name}: nothing tells its formats apart, so its records are read as {formats[0]}"
                )
                break
        self._interfaces = frozenset(i.encode() for i in wanted.interfaces)
        self._good: set[bytes] = {b"-"}
        self._ports: set[bytes] = {b"OK"}

    def _use(self, layouts: list[Positions]) -> None:
        self._layouts = layouts
        alike = any(other.width == layouts[0].width for other in layouts[1:])
        self._first = _EMPTY if alike else layouts[0]

    def read(self, block: Lines) -> list[Record]:
        """The wanted records among some lines; all of the lines are counted."""
        if block.fault:
            self._malformed(block.first, block.fault)
        if block.form is not None and block.form is not self._layouts[0].form:
            self._use([Positions(checked(block.form, self.name))])
        found: list[Record] = []
        good, known_ports = self._good, self._ports
        interesting, rejected_only = self._interfaces | {b"-"}, self.wanted.rejected_only
        accepted = rejected = 0
        layout = self._layouts[0]
        width, action, status, interface, addresses, numbers = self._first.hot
        (from_port, to_port, protocol), (packets, size, start, end) = self._first.sound
        unasked = interface < 0 or not self._interfaces
        for number, line in enumerate(block.lines, block.first):
            tokens = line.split()
            # Most lines are whole records with nothing left out: told here, in as few steps as Python can.
            if (
                len(tokens) == width
                and tokens[status] == b"OK"
                and len(digits := b"".join(numbers(tokens))) < _LONG
                and digits.isdigit()
                and (tokens[from_port] in known_ports or self._is_port(tokens[from_port]))
                and (tokens[to_port] in known_ports or self._is_port(tokens[to_port]))
                and tokens[protocol] in _PROTOCOLS
                and len(tokens[packets]) < _WIDE
                and len(tokens[size]) < _WIDE
                and len(tokens[start]) < _WIDE
                and len(tokens[end]) < _WIDE
                and (good.issuperset(pair := addresses(tokens)) or all(map(self._is_address, pair)))
                and ((refused := tokens[action] == b"REJECT") or tokens[action] == b"ACCEPT")
            ):
                if refused:
                    rejected += 1
                else:
                    accepted += 1
                    if rejected_only:
                        continue
                if (unasked or tokens[interface] in interesting) and self._is_wanted(layout, tokens):
                    self._keep(layout, tokens, not refused, found)
                continue
            self._unusual(tokens, number, found, block.half)
            layout = self._layouts[0]
            width, action, status, interface, addresses, numbers = self._first.hot
            (from_port, to_port, protocol), (packets, size, start, end) = self._first.sound
            unasked = interface < 0 or not self._interfaces
        self.scan.accepted += accepted
        self.scan.rejected += rejected
        return found

    def _unusual(self, tokens: list[bytes], number: int, found: list[Record], half: bool) -> None:
        """A line that is not, at first sight, a plain record of the first format."""
        if not tokens:
            return
        header = header_format(tokens)
        if header is not None:
            if half and header.lacking and not header.is_transit:
                self._malformed(number, "half a header line")
                return
            self._use([Positions(checked(header, f"{self.name}:{number}"))])
            return
        if self._layouts[0] is _EMPTY and is_default(tokens):
            self._use([Positions(DEFAULT)])
        faults = [self._fault(layout, tokens) for layout in self._layouts]
        usable = [layout for layout, fault in zip(self._layouts, faults, strict=True) if fault is None]
        if not usable and _is_transit(tokens):
            faults = [self._fault(_TRANSIT, tokens)]
            usable = [_TRANSIT] if faults == [None] else []
        if not usable:
            self._malformed(number, faults[-1] or "")
        elif len(usable) == 1:
            self._count(usable[0], tokens, found)
        else:
            self._count(next((one for one in usable if fits(one.form, tokens)), usable[0]), tokens, found)

    def _fault(self, layout: Positions, tokens: list[bytes]) -> str | None:
        """Why a line can't be a record of this format, or None where it is one."""
        if len(tokens) != layout.width:
            return f"{len(tokens)} fields where the format has {layout.width}" if layout.width else "no known format"
        status = tokens[layout.status] if layout.has_status else b"OK"
        if status not in (b"OK", b"NODATA", b"SKIPDATA"):
            return f"log-status {_quoted(status)}"
        transit = layout.is_transit(tokens)
        for index in (*layout.numbers, *(index for index, _ in layout.lost if transit)):
            if tokens[index] != b"-" and (fault := _no_number(layout.form.names[index], tokens[index])):
                return f"{layout.form.names[index]} {_quoted(tokens[index])} {fault}"
        for index in layout.addresses:
            if not self._is_address(tokens[index]):
                return f"{layout.form.names[index]} {_quoted(tokens[index])} is no address"
        if status != b"OK" or layout.is_empty(tokens) or transit:
            return None
        action = tokens[layout.action]
        return None if action in (b"ACCEPT", b"REJECT") else f"action {_quoted(action)}"

    def _count(self, layout: Positions, tokens: list[bytes], found: list[Record]) -> None:
        """Count a line that fits the format, and keep its record where it is wanted."""
        scan = self.scan
        wanted = self._is_wanted(layout, tokens)
        if layout.has_status and tokens[layout.status] == b"SKIPDATA":
            scan.skipped_data += 1
        elif layout.is_empty(tokens) or (layout.has_status and tokens[layout.status] == b"NODATA"):
            scan.no_data += 1
        else:
            lost: list[tuple[str, int]] = []
            if layout.is_transit(tokens):
                sums = ((reason, _number(tokens[index].decode("ascii"))) for index, reason in layout.lost)
                lost = [(reason, packets) for reason, packets in sums if packets]
                accepted = not lost
            else:
                accepted = tokens[layout.action] == b"ACCEPT"
            scan.accepted += accepted
            scan.rejected += not accepted
            if wanted and not (accepted and self.wanted.rejected_only):
                self._keep(layout, tokens, accepted, found, lost)

    def _is_wanted(self, layout: Positions, tokens: list[bytes]) -> bool:
        """Whether the record is of an interface that is asked about, or does not tell."""
        if layout.interface < 0 or not self._interfaces:
            return True
        name = tokens[layout.interface]
        if name == b"-" and layout.resource >= 0:
            name = tokens[layout.resource]  # a regional NAT gateway has no interface
        if name not in self._interfaces:
            return name == b"-"
        seen = self.scan.interfaces
        text = name.decode()
        seen[text] = seen.get(text, 0) + 1
        return True

    def _keep(
        self,
        layout: Positions,
        tokens: list[bytes],
        accepted: bool,
        found: list[Record],
        lost: Sequence[tuple[str, int]] = (),
    ) -> None:
        """Build the record, or one for each way in which packets were ``lost``, if its interval touches the window."""
        first, last = layout.times(tokens)
        if self._is_outside(first, last):
            self.scan.outside += 1
            return
        fields = {name: tokens[index].decode("utf-8", "replace") for name, index in layout.at.items()}
        get = {name: value for name, value in fields.items() if value != "-"}.get
        record = Record(
            interface_id=get("interface-id") or get("resource-id") or self._attachment(layout, tokens),
            srcaddr=get("srcaddr"),
            dstaddr=get("dstaddr"),
            pkt_srcaddr=get("pkt-srcaddr"),
            pkt_dstaddr=get("pkt-dstaddr"),
            source_port=_number(get("srcport")),
            destination_port=_number(get("dstport")),
            protocol=_number(get("protocol")),
            packets=_number(get("packets")) or 0,
            bytes=_number(get("bytes")) or 0,
            start=first,
            end=last,
            accepted=accepted,
            direction=_DIRECTIONS.get(get("flow-direction") or ""),
            tcp_flags=_number(get("tcp-flags")),
            reject_reason=get("reject-reason"),
            fields=fields,
        )
        if not lost:
            found.append(record)
        found += [replace(record, packets=packets, bytes=0, reject_reason=reason) for reason, packets in lost]

    @staticmethod
    def _attachment(layout: Positions, tokens: list[bytes]) -> str | None:
        """Where a transit gateway's record was made; no interface can be meant."""
        if not layout.is_transit(tokens):
            return None
        named = (tokens[layout.at[name]] for name in ("tgw-attachment-id", "tgw-id") if name in layout.at)
        return next((name.decode("utf-8", "replace") for name in named if name != b"-"), "-")

    def _is_outside(self, first: int | None, last: int | None) -> bool:
        """Whether an interval does not touch the window."""
        since, until = self.wanted.since, self.wanted.until
        return (since is not None and last is not None and last < since) or (
            until is not None and first is not None and first > until
        )

    def _is_address(self, token: bytes) -> bool:
        """Whether it is an address or ``-``; those already seen are told by looking them up."""
        if token in self._good:
            return True
        try:
            socket.inet_pton(socket.AF_INET6 if b":" in token else socket.AF_INET, token.decode("ascii"))
        except (OSError, ValueError):
            return False
        if len(self._good) >= _REMEMBERED:
            self._good.clear()
            self._good.add(b"-")
        self._good.add(token)
        return True

    def _is_port(self, token: bytes) -> bool:
        """Whether a number is a port; those already seen are told by looking them up."""
        fine = token == b"OK" or (token.isdigit() and int(token) <= HIGHEST["srcport"])
        if fine and len(self._ports) <= HIGHEST["srcport"]:
            self._ports.add(token)
        return fine

    def _malformed(self, number: int, reason: str) -> None:
        self.scan.malformed += 1
        if len(self.scan.places) < PLACES:
            self.scan.places.append(f"{self.name}:{number}: {reason}")


_DIRECTIONS: dict[str, Literal["ingress", "egress"]] = {"ingress": "ingress", "egress": "egress"}


def _number(text: str | None) -> int | None:
    if text is None or not (text.isascii() and text.isdigit() and len(text) < _LONG):
        return None
    return min(int(text), BIGGEST)


def _no_number(name: str, token: bytes) -> str | None:
    """What is wrong with the number in this field, if anything is."""
    if not token.isdigit() or len(token) >= _LONG:
        return "is no number"
    highest = HIGHEST.get(name, BIGGEST)
    return f"is more than {highest}" if int(token) > highest else None


def _is_transit(tokens: list[bytes]) -> bool:
    """A record of a transit gateway's default format among those of interfaces (two logs in one log group)."""
    return len(tokens) > 1 and tokens[0].isdigit() and tokens[1] in (b"TransitGateway", b"TransitGatewayAttachment")


def _quoted(token: bytes) -> str:
    return repr(clean(token[:80].decode("utf-8", "replace"), 40))
