"""Where the records of a format have what, worked out once for all of its lines."""

from __future__ import annotations

from operator import itemgetter

from whyblocked.flowlogs.fields import LOST, TRANSIT_FIELDS, Format

_SUMS = ("packets", "bytes", "start", "end")
_NUMBERS = ("srcport", "dstport", "protocol", *_SUMS)
_ADDRESSES = ("srcaddr", "dstaddr", "pkt-srcaddr", "pkt-dstaddr")


class Positions:
    """Where a format has what; ``hot`` and ``sound`` are what a plain record of it is told by, in the fewest steps."""

    def __init__(self, form: Format) -> None:
        at = {name: index for index, name in reversed(list(enumerate(form.names)))}
        self.form = form
        self.at = at
        self.width = len(form.names)
        self.action = at.get("action", -1)
        self.status = at.get("log-status", -1)
        self.has_status = self.status >= 0
        self.of_transit = form.is_transit
        self.transit = tuple(at[name] for name in TRANSIT_FIELDS if name in at)
        self.lost = tuple((at[name], reason) for name, reason in LOST.items() if name in at)
        attachment = at.get("tgw-attachment-id", at.get("tgw-id", -1)) if self.of_transit else -1
        self.interface = at.get("interface-id", attachment)
        self.resource = at.get("resource-id", -1)
        self.start, self.end = at.get("start", -1), at.get("end", -1)
        self.addresses = tuple(at[name] for name in _ADDRESSES if name in at)
        self.numbers = tuple(at[name] for name in _NUMBERS if name in at)
        usual = self.has_status and bool(self.numbers) and self.action >= 0
        numbers = itemgetter(*self.numbers, self.numbers[0]) if usual else itemgetter(0, 0)
        addresses = itemgetter(*self.addresses, self.addresses[0]) if usual else itemgetter(0, 0)
        # A field that the format lacks is looked for where OK stands, which is a sound number of any kind.
        from_port, to_port, protocol, *sums = (at.get(name, self.status) for name in _NUMBERS)
        self.hot = (self.width if usual else -1, self.action, self.status, self.interface, addresses, numbers)
        self.sound = (from_port, to_port, protocol), tuple(sums)

    def is_empty(self, tokens: list[bytes]) -> bool:
        """Whether a record says nothing of any flow, as NODATA does in a format without ``log-status``."""
        return (
            not self.has_status
            and (self.action < 0 or tokens[self.action] == b"-")
            and bool(self.addresses)
            and all(tokens[index] == b"-" for index in self.addresses)
        )

    def is_transit(self, tokens: list[bytes]) -> bool:
        """Whether a record is a transit gateway's; in tables, one of theirs and one of interfaces have all fields."""
        return self.of_transit or (
            bool(self.transit) and tokens[self.action] == b"-" and any(tokens[index] != b"-" for index in self.transit)
        )

    def times(self, tokens: list[bytes]) -> tuple[int | None, int | None]:
        """A record's interval; where one end is not told, both are the other."""
        start, end = self.time(tokens, self.start), self.time(tokens, self.end)
        return start if start is not None else end, end if end is not None else start

    @staticmethod
    def time(tokens: list[bytes], index: int) -> int | None:
        """A time in Unix seconds; some writers give milliseconds (or finer), which no date of ours can be."""
        if index < 0 or tokens[index] == b"-":
            return None
        value = int(tokens[index])
        while value >= 10**11:
            value //= 1000
        return value
