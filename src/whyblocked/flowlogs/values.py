"""Values of formats that know types, or write dates, as a record in text has them."""

from __future__ import annotations

from datetime import UTC, datetime

TIMES = ("start", "end")


def token(value: object, name: str) -> str:
    """A value as a record in text has it."""
    if value is None or value == "":
        return "-"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value)
    if name in TIMES and not text.isdigit() and text != "-":
        text = _seconds(text)
    elif "." in text and text.removesuffix(".0").isdigit():
        text = text.removesuffix(".0")
    return "%20".join(text.split()) or "-"


def _seconds(text: str) -> str:
    """A time that was written as a date, in Unix seconds."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return str(int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()))
