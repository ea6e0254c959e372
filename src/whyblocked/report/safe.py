"""The gate that every answer passes on its way into a report: no string behind it can steer what shows it."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from whyblocked.diagnosis.answer import Answer, Asking
from whyblocked.text import clean

_T = TypeVar("_T")

PROSE = 500
SHORT = 120  # what people may write freely: names and descriptions
TYPED = 300  # the question
LONG = 8000  # what loses its meaning when it is cut
_FREE = frozenset({"name", "description", "owner"})
_WHOLE = frozenset(
    {
        "also_allows",
        "checks",
        "command",
        "commands",
        "destination",
        "destination_ports",
        "enable_command",
        "open_ports",
        "ports",
        "source",
        "source_ports",
        "terraform",
    }
)


def safe(answer: Answer) -> Answer:
    """``answer`` with every string cleaned: those of all resources, rules, records and files."""
    return _safe(answer, PROSE)


def _safe(value: _T, limit: int) -> _T:
    result: Any
    if isinstance(value, str):
        result = clean(value, limit)
    elif isinstance(value, Asking):
        result = Asking(**{key: _safe(getattr(value, key), TYPED) for key in value.__struct_fields__})
    elif isinstance(value, msgspec.Struct):
        result = type(value)(**{key: _safe(getattr(value, key), _limit(key)) for key in value.__struct_fields__})
    elif isinstance(value, dict):
        result = {clean(str(key)): _safe(item, _limit(key)) for key, item in value.items()}
    elif isinstance(value, list | tuple):
        result = [_safe(item, limit) for item in value]
    else:
        result = value
    return result  # type: ignore[no-any-return]


def _limit(key: object) -> int:
    return SHORT if key in _FREE else LONG if key in _WHOLE else PROSE
