"""The values of AWS CLI options: JSON, or the shorthand ``Key=value,List=[{Key=a},{Key=b}],Other=a,b``.

https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-shorthand.html
"""

from __future__ import annotations

import re
from typing import Any

_KEY = re.compile(r"\s*([A-Za-z0-9_.:/-]+)\s*=")
_BLANKS = re.compile(r"\s*")
_QUOTED = re.compile(r"""'((?:\\.|[^'\\])*)'|"((?:\\.|[^"\\])*)\"""", re.DOTALL)
_NEXT_KEY = re.compile(r",\s*[A-Za-z0-9_.:/-]+\s*=")


def parse(text: str) -> dict[str, Any]:
    """``text`` as keys and values, all of them texts, lists or dictionaries; ValueError where it is no shorthand."""
    parser = _Parser(text)
    found = parser.pairs()
    if not parser.done:
        raise ValueError(parser.rest)
    return found


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    @property
    def done(self) -> bool:
        self._skip()
        return self._at >= len(self._text)

    @property
    def rest(self) -> str:
        return self._text[self._at :]

    def pairs(self, closing: str = "") -> dict[str, Any]:
        """``Key=value,...`` up to ``closing``, which is left there."""
        found: dict[str, Any] = {}
        while True:
            key = _KEY.match(self._text, self._at)
            if key is None:
                raise ValueError(self.rest)
            self._at = key.end()
            found[key[1]] = self._value(closing)
            if not self._take(","):
                return found

    def _value(self, closing: str) -> Any:
        """What stands behind a key; outside of brackets, commas may list values up to the next key."""
        self._skip()
        if self._text.startswith(("[", "{"), self._at):
            return self._item(closing)
        values = [self._item(closing)]
        while not closing and self._text.startswith(",", self._at) and not _NEXT_KEY.match(self._text, self._at):
            self._at += 1
            self._skip()
            values.append(self._item(closing))
        return values[0] if len(values) == 1 else values

    def _item(self, closing: str) -> Any:
        if self._take("["):
            items: list[Any] = []
            while not self._take("]"):
                items.append(self._item("]"))
                if not self._take(",") and not self._peek("]"):
                    raise ValueError(self.rest)
            return items
        if self._take("{"):
            inner = {} if self._peek("}") else self.pairs("}")
            if not self._take("}"):
                raise ValueError(self.rest)
            return inner
        return self._scalar(closing)

    def _scalar(self, closing: str) -> str:
        quoted = _QUOTED.match(self._text, self._at)
        if quoted:
            self._at = quoted.end()
            self._skip()
            return re.sub(r"\\(.)", r"\1", quoted[1] if quoted[1] is not None else quoted[2])
        found: list[str] = []
        while self._at < len(self._text) and self._text[self._at] not in f",{closing}":
            if self._text.startswith("\\,", self._at):
                self._at += 1
            found.append(self._text[self._at])
            self._at += 1
        return "".join(found).strip()

    def _take(self, char: str) -> bool:
        found = self._peek(char)
        self._at += found
        return found

    def _peek(self, char: str) -> bool:
        self._skip()
        return self._text.startswith(char, self._at)

    def _skip(self) -> None:
        blanks = _BLANKS.match(self._text, self._at)
        self._at = blanks.end() if blanks else self._at
