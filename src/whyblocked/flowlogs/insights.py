"""Flow logs in CloudWatch Logs by Logs Insights: AWS parses, filters and adds up, and only what came of it is fetched.

A regular expression made of the record format finds the ordinary records: with a verdict, numbers where sums need them,
no fault. A second one finds those that say NODATA or SKIPDATA. Whatever is neither is fetched as it is and left to the
parser, so that both ways of reading a log group count the same.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Parse.html
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from decimal import Decimal

from whyblocked.errors import AwsError
from whyblocked.flowlogs.fields import DEFAULT, HIGHEST, Format
from whyblocked.flowlogs.groups import DIRECTIONS, NONE, SYN, UNKNOWN, Group, way
from whyblocked.flowlogs.loggroup import LogGroup, Refused
from whyblocked.flowlogs.messages import Messages
from whyblocked.flowlogs.queries import LIMIT, Queries, Row, Span, Strange
from whyblocked.flowlogs.records import Scan, Wanted
from whyblocked.flowlogs.sinks import Filter, Sink
from whyblocked.text import clean

_MANY = 20 * LIMIT  # records that are fetched faster, and for nothing, without Logs Insights
_COUNT = "xtotalrecords"
_NOTHING = "xnothing"
_NOTHING_AT = "xnothingat"  # the interface of a record that says NODATA or SKIPDATA
_SUMS = {"packets": "xtotalpackets", "bytes": "xtotalbytes"}
_FIRST, _LAST = "xfirststart", "xlastend"
_HIGHEST = "xhighestsrcport"
_KEYS = (
    "interface-id",
    "resource-id",
    "srcaddr",
    "dstaddr",
    "pkt-srcaddr",
    "pkt-dstaddr",
    "dstport",
    "protocol",
    "flow-direction",
    "tcp-flags",
    "reject-reason",
    "subnet-id",
    "vpc-id",
)
_ADDRESS = "[0-9A-Fa-f:.]+|-"
_ANY = r"\S+"
_NUMBER = "[0-9]{1,15}"
_PORT = "[0-5]?[0-9]{1,4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]|-"
_PATTERNS = {
    "action": "ACCEPT|REJECT",
    "start": "[0-9]{1,11}",
    "end": "[0-9]{1,11}",
    "packets": _NUMBER,
    "bytes": _NUMBER,
    **dict.fromkeys(("srcport", "dstport"), _PORT),
    "protocol": "[01]?[0-9]{1,2}|2[0-4][0-9]|25[0-5]|-",
    **dict.fromkeys(("srcaddr", "dstaddr", "pkt-srcaddr", "pkt-dstaddr"), _ADDRESS),
}


_KINDS = frozenset({"ACCEPT", "REJECT", "NODATA", "SKIPDATA", ""})


class Unanswered(Exception):
    """Logs Insights can't tell what was asked; nothing was counted yet, and another way is open."""


class Plan:
    """The texts of the queries for records of one format, in which every field is an alias of its own.

    ``since`` and ``until`` are Unix seconds: only records whose interval touches them are wanted.
    """

    def __init__(self, form: Format, wanted: Wanted, narrow: Filter) -> None:
        self.form, self.wanted, self.narrow = form, wanted, narrow
        self.keys = tuple(name for name in _KEYS if name in form.names)
        self.sums = tuple(name for name in _SUMS if name in form.names)
        self.times = tuple(name for name in ("start", "end") if name in form.names)
        self.places = tuple(name for name in ("interface-id", "resource-id") if name in form.names)
        self._parse = self._parsing()

    def counts(self, *, by_interface: bool) -> str:
        """How many records of each kind there are; ``by_interface``: at each of the wanted interfaces."""
        keys = [alias("action"), *([_NOTHING] if self._tells_nothing else [])]
        where = ""
        if by_interface and self.places:
            keys += [alias(name) for name in self.places] + ([_NOTHING_AT] if self._tells_nothing else [])
            wanted = self._at_interfaces(nothing=True)
            where = self._filters(self._rest, wanted) if wanted else ""
        return self._query(where, f"stats count(*) as {_COUNT} by {', '.join(keys)}")

    def groups(self) -> str:
        """The rejected records, added up by all that a group tells apart and what is joined here."""
        first, last = self.times[:1], self.times[-1:]
        columns = [
            f"count(*) as {_COUNT}",
            *(f"sum({alias(name)}) as {_SUMS[name]}" for name in self.sums),
            *(f"min({alias(name)}) as {_FIRST}" for name in first),
            *(f"max({alias(name)}) as {_LAST}" for name in last),
            *([f"max({alias('srcport')}) as {_HIGHEST}"] if "srcport" in self.form.names else []),
        ]
        where = self._filters('xaction = "REJECT"') + self._wanted_filters()
        return self._query(where, f"stats {', '.join(columns)} by {', '.join(map(alias, self.keys))}")

    def messages(self) -> str:
        """The records that are wanted, as they are."""
        what = 'xaction = "ACCEPT"' if self.narrow.accepted else "ispresent(xaction)"
        what = 'xaction = "REJECT"' if self.wanted.rejected_only else what
        return self._query(self._filters(what) + self._wanted_filters(), "display @timestamp, @message, @logStream")

    def rest(self) -> str:
        """What is no record at first sight."""
        return self._query(self._filters(self._rest), "display @timestamp, @message, @logStream")

    @property
    def _tells_nothing(self) -> bool:
        return "log-status" in self.form.names

    @property
    def _rest(self) -> str:
        absent = "not ispresent(xaction)"
        return f"({absent} and not ispresent({_NOTHING}))" if self._tells_nothing else absent

    def _query(self, where: str, what: str) -> str:
        return f"fields @timestamp, @message, @logStream\n{self._parse}{where}| {what}\n| limit {LIMIT}"

    def _filters(self, *either: str) -> str:
        return f"| filter {' or '.join(text for text in either if text)}\n" if any(either) else ""

    def _wanted_filters(self) -> str:
        narrow = self.narrow
        both = [
            _either("srcaddr", self.form, (*narrow.addresses, "-") if narrow.addresses else ()),
            _either("dstaddr", self.form, (*narrow.addresses, "-") if narrow.addresses else ()),
            self._of_protocol(),
            self._at_interfaces(nothing=False),
        ]
        if self.times:
            first, last = alias(self.times[0]), alias(self.times[-1])
            both.append(f"{last} >= {self.wanted.since}" if self.wanted.since is not None else "")
            both.append(f"{first} <= {self.wanted.until}" if self.wanted.until is not None else "")
        return "".join(self._filters(text) for text in both)

    def _of_protocol(self) -> str:
        field = alias("protocol")
        if self.narrow.protocol is None or "protocol" not in self.form.names:
            return ""
        return f'{field} = {self.narrow.protocol} or {field} = "-"'

    def _at_interfaces(self, *, nothing: bool) -> str:
        """Records of the wanted interfaces, and those that do not name any."""
        names = self.narrow.interfaces
        if not names or "interface-id" not in self.form.names:
            return ""
        found = _either("interface-id", self.form, (*names, "-"))
        if nothing and self._tells_nothing:
            return f"{found} or {_among(_NOTHING_AT, (*names, '-'))}"
        return found

    def _parsing(self) -> str:
        names = {*self.keys, *_PATTERNS}
        ordinary: list[str] = []
        nothing: list[str] = []
        for place, name in enumerate(self.form.names):
            is_first = self.form.names.index(name) == place
            if name == "log-status" and is_first:
                ordinary.append("OK")
                nothing.append(f"(?<{_NOTHING}>NODATA|SKIPDATA)")
                continue
            is_named = is_first and name in names
            ordinary.append(f"(?<{alias(name)}>{_PATTERNS.get(name, _ANY)})" if is_named else _ANY)
            if name == "interface-id" and is_first:
                nothing.append(f"(?<{_NOTHING_AT}>{_ANY})")
            elif name in _PATTERNS and name != "action" and is_first:
                nothing.append("[0-9A-Fa-f:.-]+" if "addr" in name else "-" if name in HIGHEST else "[0-9-]+")
            else:
                nothing.append(_ANY)
        first = f"| parse @message /^ *{' +'.join(ordinary)} *$/\n"
        return first + (f"| parse @message /^ *{' +'.join(nothing)} *$/\n" if self._tells_nothing else "")


def alias(name: str) -> str:
    """What a field is called in a query: no field that Logs Insights finds by itself is called so."""
    return "x" + "".join(char for char in name if char.isalnum())


def _either(name: str, form: Format, values: Sequence[str]) -> str:
    return _among(alias(name), values) if values and name in form.names else ""


def _among(field: str, values: Sequence[str]) -> str:
    listed = ", ".join(f'"{value}"' for value in values)
    return f"{field} in [{listed}]"


class Counts:
    """How many records of each kind a log group has; the empty kind is what is no record at first sight."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._kinds: dict[str, int] = {}
        self.interfaces: dict[str, int] = {}

    def __getitem__(self, kind: str) -> int:
        return self._kinds.get(kind, 0)

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self._kinds.values())

    def add(self, row: Row) -> None:
        """Take a row; :class:`Unanswered` where it is none of those that were asked for."""
        kind = row.get(alias("action")) or row.get(_NOTHING) or ""
        count = _whole(row.get(_COUNT, ""))
        if count is None or kind not in _KINDS:
            raise Unanswered("Logs Insights does not answer what it is asked here")
        self._kinds[kind] = self[kind] + count
        interface = row.get(alias("interface-id")) or row.get(_NOTHING_AT)
        if interface == "-":
            interface = row.get(alias("resource-id"))
        if interface in self._wanted.interfaces:
            self.interfaces[interface] = self.interfaces.get(interface, 0) + count


# -- reading -------------------------------------------------------------------------------------------------------


class Insights:
    """One reading of a log group by Logs Insights; ``span`` are the seconds that its events are of."""

    def __init__(
        self,
        group: LogGroup,
        forms: Sequence[Format],
        wanted: Wanted,
        scan: Scan,
        sink: Sink,
        narrow: Filter,
        told: Callable[[int], None],
    ) -> None:
        self.group, self.forms, self.wanted, self.scan, self.sink = group, forms, wanted, scan, sink
        self.location = f"cloudwatch:{group.name}"
        self.plan = Plan((*forms, DEFAULT)[0], wanted, narrow)
        self.queries = Queries(group, told)

    def read(self, span: Span, *, must: bool) -> None:
        """Fill the sink and the scan. :class:`Unanswered` where another way is better, unless it ``must`` be this."""
        try:
            with self.queries:
                if len(self.forms) > 1 or self.plan.form.is_transit:
                    if not must:
                        raise Unanswered("Logs Insights can't tell the formats of its records apart")
                    self._all(span)
                elif self.sink.adds_up:
                    self._added_up(span, must)
                else:
                    self._one_by_one(span, must)
        except Refused as refused:
            raise Unanswered(refused.unreadable.reason) from None
        except Strange as strange:
            raise AwsError(str(strange)) from None
        finally:
            if self.queries.cost.bytes_scanned:
                self.scan.costs.append(str(self.queries.cost))
                self.scan.billed += self.queries.cost.bytes_scanned

    def _all(self, span: Span) -> None:
        """Every message, for the parser to tell apart."""
        text = f"fields @timestamp, @message, @logStream\n| limit {LIMIT}"
        self._parsed(text, span, Messages(self.location, self.forms, self.wanted, self.scan))

    def _added_up(self, span: Span, must: bool) -> None:
        counts = self._counts(span, by_interface=False)
        self._check(counts, must)
        self._take(counts)
        rejected = counts["REJECT"]
        if rejected:
            found = 0
            for rows in self.queries.run(self.plan.groups(), span, _COUNT):
                groups = [group for row in rows if (group := self._group(row))]
                found += sum(group.records for group in groups)
                self.sink.add_groups(groups)
            narrow = self.plan.narrow
            if not narrow.interfaces and narrow.protocol is None:
                self.scan.outside += max(0, rejected - found)
        self._rest(span, counts)

    def _one_by_one(self, span: Span, must: bool) -> None:
        if self.plan.narrow.accepted:  # some of them, for which no count is worth its price
            form = self.forms or (self.plan.form,)
            try:
                self._parsed(self.plan.messages(), span, Messages(self.location, form, self.wanted, Scan()))
            except Strange as strange:
                if must:
                    raise
                raise Unanswered(str(strange)) from None
            return
        counts = self._counts(span, by_interface=True)
        self._check(counts, must)
        narrow = self.plan.narrow
        wanted = counts["ACCEPT"] + counts["REJECT"]
        if wanted > _MANY and not narrow.addresses and not must:
            raise Unanswered("many records are asked about")
        self._take(counts)
        if wanted:
            pieces = 1 if narrow.addresses else -(-wanted * 2 // LIMIT)
            form = self.forms or (self.plan.form,)
            self._parsed(self.plan.messages(), span, Messages(self.location, form, self.wanted, Scan()), pieces)
        self._rest(span, counts)

    # -- counts ----------------------------------------------------------------------------------------------------

    def _counts(self, span: Span, *, by_interface: bool) -> Counts:
        counts = Counts(self.wanted)
        try:
            for rows in self.queries.run(self.plan.counts(by_interface=by_interface), span, _COUNT):
                for row in rows:
                    counts.add(row)
        except Strange as strange:
            raise Unanswered(str(strange)) from None
        return counts

    def _check(self, counts: Counts, must: bool) -> None:
        if counts[""] > LIMIT and not must:
            raise Unanswered("many of its records are not of the expected format")

    def _take(self, counts: Counts) -> None:
        scan = self.scan
        scan.accepted += counts["ACCEPT"]
        scan.rejected += counts["REJECT"]
        scan.no_data += counts["NODATA"]
        scan.skipped_data += counts["SKIPDATA"]
        for interface, count in counts.interfaces.items():
            scan.interfaces[interface] = scan.interfaces.get(interface, 0) + count

    def _rest(self, span: Span, counts: Counts) -> None:
        """What is no record at first sight is the parser's."""
        if counts[""]:
            forms = self.forms or ((self.plan.form,) if counts.total > counts[""] else ())
            self._parsed(self.plan.rest(), span, Messages(self.location, forms, self.wanted, self.scan))

    # -- rows ------------------------------------------------------------------------------------------------------

    def _parsed(self, text: str, span: Span, messages: Messages, pieces: int = 1) -> None:
        for rows in self.queries.run(text, span, "@message", pieces):
            lines = [row["@message"].encode("utf-8", "replace") for row in rows]
            self.sink.add(messages.read(lines), self.location)

    def _group(self, row: Row) -> Group | None:
        """The group that a row is; None for records that are malformed after all."""
        cells = {name: _cell(row, alias(name)) for name in self.plan.keys}
        get = {name: value for name, value in cells.items() if value != "-"}.get
        records = _number(row, _COUNT)
        if not all(map(_is_address, (value for name, value in cells.items() if name.endswith("addr")))):
            self.scan.rejected -= records
            self.scan.malformed += records
            return None
        flags, direction = get("tcp-flags"), get("flow-direction")
        flags_seen = int(flags) if flags and flags.isascii() and flags.isdigit() else None
        sums = {name: _number(row, _SUMS[name]) for name in self.plan.sums}
        port, protocol = get("dstport"), get("protocol")
        told = next((known for known in DIRECTIONS if known == direction), None)
        return Group(
            interface_id=get("interface-id") or get("resource-id") or UNKNOWN,
            source=get("pkt-srcaddr") or get("srcaddr") or UNKNOWN,
            destination=get("pkt-dstaddr") or get("dstaddr") or UNKNOWN,
            destination_port=None if port is None else _whole(port),
            protocol=NONE if protocol is None else int(protocol),
            direction=way(told, *map(get, ("srcaddr", "dstaddr", "pkt-srcaddr", "pkt-dstaddr"))),
            records=records,
            packets=sums.get("packets", 0),
            bytes=sums.get("bytes", 0),
            first_seen=_number(row, _FIRST) if self.plan.times else 0,
            last_seen=_number(row, _LAST) if self.plan.times else 0,
            flags=flags_seen,
            syn=records if flags_seen is not None and flags_seen & SYN else 0,
            source_port=_whole(row.get(_HIGHEST, "")),
            reject_reason=get("reject-reason"),
            subnet_id=get("subnet-id"),
            vpc_id=get("vpc-id"),
        )


def _cell(row: Row, name: str) -> str:
    """A cell that was asked for."""
    if name not in row:
        raise AwsError("Logs Insights left out a column that it was asked for")
    return row[name]


def _number(row: Row, name: str) -> int:
    found = _whole(_cell(row, name))
    if found is None:
        raise AwsError(f"Logs Insights gave {clean(row[name], 40)!r} for a number")
    return found


def _whole(text: str) -> int | None:
    """A whole number as Logs Insights writes it: ``17``, ``17.0`` or ``1.7E1``."""
    try:
        number = Decimal(text)
        return int(number) if number.is_finite() and number == int(number) and number < 10**30 else None
    except ArithmeticError:
        return None


def _is_address(text: str) -> bool:
    if text == "-":
        return True
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    except (OSError, ValueError):
        return False
    return True
