"""The window of time that flow logs are read for."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from whyblocked.errors import UsageError
from whyblocked.text import clean

DEFAULT = timedelta(hours=1)
_AGO = re.compile(r"([0-9]{1,9})\s*([smhdw])\Z")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str, now: datetime, option: str = "--since") -> datetime:
    """A point in time as people write it: ``90m`` (ago), ``2026-11-23T09:00:00Z``, ``now`` or Unix seconds.

    A time without a zone is UTC, as in every flow log.
    """
    bare = text.strip()
    if bare == "now":
        return now
    try:
        if ago := _AGO.match(bare):
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        if bare.isascii() and bare.isdigit() and len(bare) in (10, 13):
            return datetime.fromtimestamp(int(bare) / (1000 if len(bare) == 13 else 1), UTC)
        if not _DATE.match(bare):
            raise ValueError(bare)
        found = datetime.fromisoformat(bare)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"{option}: {clean(text, 60)!r} is no time; write 90m, 2d or 2026-11-23T09:00:00Z") from None


def iso(seconds: int) -> str:
    """Unix seconds as ``2026-11-23T09:00:01Z``."""
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}Z"  # strftime takes ten times as long
