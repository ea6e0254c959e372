"""Text from the outside is data: what makes it safe to print anywhere."""

from __future__ import annotations

import unicodedata

# Cc: control characters (escape sequences begin with one); Cf: bidirectional overrides, zero-width joiners, tags;
# Cs: lone surrogates; Zl, Zp: line separators that some terminals obey.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def clean(text: str, limit: int = 256) -> str:
    """``text`` on one line without anything a terminal would obey, cut to ``limit`` characters.

    Each unsafe character is replaced by U+FFFD, so that it shows that something was there.
    """
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    return "".join("\ufffd" if unicodedata.category(char) in _UNSAFE else char for char in text)
