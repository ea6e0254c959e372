"""Sizes, and what Athena asks for reading them.

https://aws.amazon.com/athena/pricing/ (the price differs in a few Regions).
"""

from __future__ import annotations

import re

from whyblocked.errors import UsageError
from whyblocked.text import clean

DEFAULT_LIMIT = 10 << 30  # bytes that Athena may read unasked
_PRICE = 5.0  # dollars for each terabyte read
_LEAST = 10 << 20  # bytes that every query is charged for
_UNITS = ("B", "KB", "MB", "GB", "TB", "PB")
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([KMGTP]?)(?:I?B)?\Z", re.IGNORECASE)


def parse_size(text: str, option: str = "--max-scan") -> int | None:
    """A number of bytes as people write it (``500MB``, ``2GB``, ``1.5TB``); None for ``none``."""
    bare = text.strip()
    if bare.lower() == "none":
        return None
    found = _SIZE.match(bare)
    if found is None or len(found[1]) > 20:
        raise UsageError(f"{option}: {clean(text, 60)!r} is no size; write 500MB, 2GB, 1TB or none")
    return int(float(found[1]) * 1024 ** " KMGTP".index(found[2].upper() or " "))


def size_text(size: int) -> str:
    """A number of bytes in the unit that suits it: ``1.2 GB``."""
    number, unit = float(size), 0
    while number >= 1024 and unit < len(_UNITS) - 1:
        number, unit = number / 1024, unit + 1
    return f"{number:.1f} {_UNITS[unit]}" if unit and number < 100 else f"{number:,.0f} {_UNITS[unit]}"


def cost_text(size: int) -> str:
    """What Athena asks for reading so many bytes, in dollars: ``about $0.06``."""
    cost = max(size, _LEAST) / (1 << 40) * _PRICE
    return f"about ${cost:,.2f}" if cost >= 0.01 else "less than $0.01"
