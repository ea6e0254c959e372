"""A table of flow logs as Athena knows it: which columns hold which fields, and which partitions a window lies in.

https://docs.aws.amazon.com/athena/latest/ug/vpc-flow-logs.html
https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from whyblocked.errors import InputError
from whyblocked.flowlogs.fields import FIELDS, Format, canonical
from whyblocked.flowlogs.statement import READ, Column, identifier, quoted
from whyblocked.text import clean

_LATE = timedelta(minutes=10)  # a record may be delivered, or dated, so much later or earlier
_INTERVAL = timedelta(minutes=10)  # a record begins at most so long before it ends, and files are sorted by ends
_FIRST, _LAST = datetime(2015, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)  # of all flow logs
_MOST = 1000  # more values than these are not listed
_PLACES = 400  # more places than these are not counted one by one
_TEXT = frozenset({"string", "varchar"})
_WHOLE = frozenset({"tinyint", "smallint", "int", "integer", "bigint"})
_OLDER = {  # what AWS's documentation called the columns once
    "account": "account-id",
    "sourceaddress": "srcaddr",
    "destinationaddress": "dstaddr",
    "sourceport": "srcport",
    "destinationport": "dstport",
    "numpackets": "packets",
    "numbytes": "bytes",
    "starttime": "start",
    "endtime": "end",
}
_SQUEEZED = {name.replace("-", ""): name for name in FIELDS} | _OLDER
_UNITS = {"year": "%Y", "month": "%m", "day": "%d", "hour": "%H"}
_TOKENS = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M"}
_STEPS = (("%M", timedelta(minutes=1)), ("%H", timedelta(hours=1)), ("%d", timedelta(days=1)))
_INTERVALS = {"MINUTES": 1, "HOURS": 60, "DAYS": 1440, "WEEKS": 10_080, "MONTHS": 44_640, "YEARS": 527_040}
_LOOKS = re.compile(r"[0-9]{4}(?P<sep>[-/]?)[0-9]{2}(?P=sep)[0-9]{2}(?:(?P<hour>[-/ T]?)[0-9]{2})?\Z")

Window = tuple[datetime, datetime]


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table: ``keys`` are its partition columns with their types, ``parameters`` its properties."""

    name: str
    columns: Mapping[str, Column]
    keys: Mapping[str, str] = {}
    parameters: Mapping[str, str] = {}
    location: str = ""

    @property
    def is_projected(self) -> bool:
        """Whether Athena works the partitions out by itself."""
        return self.parameters.get("projection.enabled", "").lower() == "true"


def described(name: str, table: Mapping[str, Any]) -> Table:
    """A table from what Glue's ``GetTable`` says; ``name`` is as the user wrote it.

    :class:`InputError` where it is no table of flow logs.
    """
    storage = table.get("StorageDescriptor") or {}
    parameters = {str(key).lower(): str(value) for key, value in (table.get("Parameters") or {}).items()}
    keys = {str(key["Name"]): str(key.get("Type") or "string").lower() for key in table.get("PartitionKeys") or ()}
    listed = storage.get("Columns") or ()
    given = [*((str(c["Name"]), str(c.get("Type") or "").lower()) for c in listed), *keys.items()]
    names = {column: field_of(column) for column, _ in given}
    form = Format(tuple(dict.fromkeys(names.values())))
    where = f"--flow-logs athena:{clean(name)}"
    if form.is_transit:
        raise InputError(f"{where}: the table holds flow logs of transit gateways, which tell of no rejection")
    if form.lacking or not form.names:
        lacks = " and no ".join(field.replace("-", "_") for field in form.lacking) or "action"
        raise InputError(f"{where}: is no table of flow logs: it has no column {lacks}")
    columns: dict[str, Column] = {}
    for column, kind in given:
        field = names[column]
        if field not in READ or (field in columns and canonical(column) != field):
            continue
        base = kind.partition("(")[0].strip()
        if base not in _TEXT | _WHOLE:
            shown = f"{clean(column)} has the type {clean(kind, 40)}"
            raise InputError(f"{where}: the column {shown}, where text or a whole number is expected")
        columns[field] = Column(column, "text" if base in _TEXT else "number")
    location = str(storage.get("Location") or "")
    return Table(name=name, columns=columns, keys=keys, parameters=parameters, location=location)


def field_of(column: str) -> str:
    """The documented name of the field that a column of this name holds; else the column's own name."""
    found = canonical(column)
    return found if found in FIELDS else _SQUEEZED.get(column.lower().replace("_", "").replace("-", ""), column)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What a window means for one partition column: a condition in SQL, and the only values (None: not known)."""

    condition: str = ""
    values: frozenset[str] | None = None


def parts(table: Table, window: Window, examples: Mapping[str, str]) -> dict[str, Part]:
    """What to read of each partition column; ``examples`` are values of one partition, where they are not projected.

    A superset is fine: the records are told by their own times. :class:`InputError` where a column needs a value
    that only the user knows.
    """
    begin, end = max(window[0], _FIRST) - _LATE, min(window[1], _LAST) + _LATE + _INTERVAL
    return {key: _part(table, key, kind, (begin, end), examples.get(key)) for key, kind in table.keys.items()}


def _part(table: Table, key: str, kind: str, window: Window, example: str | None) -> Part:
    projected = table.parameters.get(f"projection.{key.lower()}.type", "").lower() if table.is_projected else ""
    if projected == "injected":
        raise InputError(
            f"--flow-logs athena:{clean(table.name)}: the partition column {clean(key)} is injected, so that every "
            "query must name its value: make it an enum (whyblocked athena-ddl prints such a table)"
        )
    form = _strftime(table.parameters.get(f"projection.{key.lower()}.format", "")) if projected == "date" else ""
    if kind == "date":
        dates = _dates(key, window, "%Y-%m-%d", "DATE ")
        return msgspec.structs.replace(dates, values=_dates(key, window, form).values) if form else dates
    if form and kind in _TEXT:
        return _dates(key, _by_interval(table, key, window), form)
    if _is_unit(table, key, projected, example):
        return _units(key, kind, window)
    if projected == "enum":
        values = table.parameters.get(f"projection.{key.lower()}.values", "")
        return Part(values=frozenset(values.split(",")))
    looks = _LOOKS.match(example or "")
    if looks and not projected and kind in _TEXT:
        separator, hour = looks["sep"], looks["hour"]
        return _dates(key, window, separator.join(("%Y", "%m", "%d")) + (f"{hour}%H" if hour is not None else ""))
    return Part()


def _is_unit(table: Table, key: str, projected: str, example: str | None) -> bool:
    """Whether a column holds years, months, days or hours, and not, say, whole dates under the name of ``day``."""
    if key.lower() not in _UNITS or projected not in ("", "integer", "enum") or len(example or "") > 4:
        return False
    with_year = any(other.lower() == "year" for other in table.keys)
    return with_year or (key.lower() == "hour" and bool(projected or example))


def _strftime(java: str) -> str:
    """A date format of Java's as Python has it; empty where it has more than years to minutes."""
    found = ""
    for piece in re.finditer(r"'(?P<text>[^']*)'|(?P<run>([a-zA-Z])\3*)|(?P<other>.)", java):
        if piece["run"] and piece["run"] not in _TOKENS:
            return ""
        found += _TOKENS[piece["run"]] if piece["run"] else (piece["text"] or piece["other"] or "").replace("%", "%%")
    return found


def _by_interval(table: Table, key: str, window: Window) -> Window:
    """A window that begins with a partition, where one holds several units."""
    unit = table.parameters.get(f"projection.{key.lower()}.interval.unit", "").upper()
    interval = table.parameters.get(f"projection.{key.lower()}.interval", "1")
    count = int(interval) if interval.isdigit() else 1
    minutes = _INTERVALS.get(unit, 0) * count if count > 1 else 0
    return window[0] - timedelta(minutes=minutes), window[1]


def _dates(key: str, window: Window, form: str, literal: str = "") -> Part:
    """The values of a column of dates: a range where they sort as time does, else a list of them."""
    step = next((step for token, step in _STEPS if token in form), timedelta(days=27))
    moments = _moments(window, step)
    values = list(dict.fromkeys(moment.strftime(form) for moment in moments))
    name = identifier(key)
    tokens = re.findall("%[a-zA-Z]", form)
    if not tokens:
        return Part()
    if tokens == ["%Y", "%m", "%d", "%H", "%M"][: len(tokens)]:
        first, last = (moment.astimezone(UTC).strftime(form) for moment in window)
        condition = f"{name} BETWEEN {literal}{quoted(first)} AND {literal}{quoted(last)}"
    else:
        condition = f"{name} IN ({', '.join(map(quoted, values))})" if len(moments) <= _MOST else ""
    return Part(condition=condition, values=frozenset(values) if len(moments) <= _MOST else None)


def _units(key: str, kind: str, window: Window) -> Part:
    """The values of a column of years, months, days or hours, with and without leading zeros."""
    form = _UNITS[key.lower()]
    step = {"%H": timedelta(hours=1), "%d": timedelta(days=1), "%m": timedelta(days=27)}.get(form, timedelta(days=300))
    numbers = {int(moment.strftime(form)) for moment in _moments(window, step)}
    texts = dict.fromkeys(text for number in sorted(numbers) for text in (f"{number:02}", str(number)))
    if len(numbers) == {"%m": 12, "%d": 31, "%H": 24}.get(form):
        return Part(values=frozenset(texts))
    listed = ", ".join(map(str, sorted(numbers)) if kind in _WHOLE else map(quoted, texts))
    return Part(condition=f"{identifier(key)} IN ({listed})", values=frozenset(texts))


def _moments(window: Window, step: timedelta) -> list[datetime]:
    """Moments of a window, one at least in each unit that it touches; where they are too many, one more than that."""
    moment, end = (at.astimezone(UTC) for at in window)
    found: list[datetime] = []
    while moment < end and len(found) < _MOST:
        found.append(moment)
        moment += step
    return [*found, end]


def prefixes(table: Table, found: Mapping[str, Part]) -> list[str]:
    """The places in S3 that hold the partitions of a projected table, or the one that holds them all."""
    if not table.keys or not table.is_projected:
        return [f"{table.location.rstrip('/')}/"] if table.location else []
    hive = f"{table.location.rstrip('/')}/{'/'.join(f'{key}=${{{key}}}' for key in table.keys)}/"
    places = [table.parameters.get("storage.location.template") or hive]
    for key in re.findall(r"\$\{([^}]+)\}", places[0]):
        part = next((part for name, part in found.items() if name.lower() == key.lower()), Part())
        values = _written(table, key, part)
        if values is None or len(places) * len(values) > _PLACES:
            return list(dict.fromkeys(place.partition("${")[0] for place in places))
        places = [place.replace(f"${{{key}}}", value) for place in places for value in values]
    return [f"{place.rstrip('/')}/" for place in places]


def _written(table: Table, key: str, part: Part) -> Sequence[str] | None:
    """A partition column's values as they stand in the names of objects."""
    if part.values is None:
        return None
    digits = table.parameters.get(f"projection.{key.lower()}.digits", "")
    if table.parameters.get(f"projection.{key.lower()}.type", "").lower() == "integer":
        width = int(digits) if digits.isdigit() else 1
        return sorted({f"{int(value):0{width}}" for value in part.values})
    return sorted(part.values)


def holds(found: Mapping[str, Part], values: Mapping[str, str]) -> bool:
    """Whether a partition with these values may hold records of the window."""
    return all(part.values is None or values.get(key) is None or values[key] in part.values
               for key, part in found.items())  # fmt: skip


def conditions(found: Mapping[str, Part]) -> Iterable[str]:
    """The conditions in SQL."""
    return (part.condition for part in found.values() if part.condition)
