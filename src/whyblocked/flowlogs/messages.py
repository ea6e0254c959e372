"""The messages of a log group, however they came, through the parser."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from whyblocked.errors import InputError
from whyblocked.flowlogs.blocks import Lines
from whyblocked.flowlogs.fields import DEFAULT, TRANSIT, Format, header_format, is_default, is_transit
from whyblocked.flowlogs.records import Parser, Record, Scan, Wanted
from whyblocked.text import clean


class Messages:
    """The parser of a log group, set up with its first messages where its ``forms`` are not known."""

    def __init__(self, name: str, forms: Sequence[Format], wanted: Wanted, scan: Scan) -> None:
        self.name, self.forms, self.wanted, self.scan = name, forms, wanted, scan
        self._parser: Parser | None = None
        self._count = 1

    def read(self, lines: Sequence[bytes]) -> list[Record]:
        """The wanted records among some messages; all of them are counted."""
        if not lines:
            return []
        if self._parser is None:
            forms = self.forms or _recognised(lines, self.name)
            self._parser = Parser(self.name, forms, self.wanted, self.scan)
        first, self._count = self._count, self._count + len(lines)
        return self._parser.read(Lines(list(lines), first))


def _recognised(lines: Collection[bytes], name: str) -> Sequence[Format]:
    """The default format where records of it, or header lines, are among the first; else it has to be told."""
    sample = [tokens for line in list(lines)[:50] if (tokens := line.split())]
    if any(is_default(tokens) for tokens in sample):
        return [DEFAULT]
    if any(is_transit(tokens) for tokens in sample):
        return [TRANSIT]
    if any(header_format(tokens) for tokens in sample):
        return []
    raise InputError(
        f"flow logs: the records in {clean(name)} are not in the default format (version 2): give the flow log's own "
        "with --log-format '${version} ...'"
    )
