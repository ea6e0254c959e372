"""An answer as JSON, exactly as the contract has it (parts 3 to 5)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from whyblocked.diagnosis.answer import Answer
from whyblocked.diagnosis.checked import Checked

if TYPE_CHECKING:
    from whyblocked.diagnosis.difference.telling import Difference
    from whyblocked.diagnosis.rejects import Explained, Rejects
    from whyblocked.diagnosis.whois import WhoIs

# What JSON may hold raw and a terminal would obey: DEL, C1, and all of Unicode's format characters and separators.
_UNSAFE = re.compile(
    "[\x7f-\x9f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")


def render(answer: Answer) -> str:
    """The answer as one indented document."""
    return _text(msgspec.json.format(_encoded(answer), indent=2)) + "\n"


def render_rejects(rejects: Rejects) -> str:
    """Rejected flows as one indented document (part 4)."""
    return _text(msgspec.json.format(_encoded(rejects.document), indent=2)) + "\n"


def render_group(group: Explained) -> str:
    """One line of JSON Lines for a group of rejected flows."""
    return _text(_encoded(group)) + "\n"


def render_diff(found: Difference) -> str:
    """Two snapshots compared, as one indented document."""
    return _text(msgspec.json.format(_encoded(found), indent=2)) + "\n"


def render_whois(found: WhoIs) -> str:
    """Who has an address, as one indented document."""
    return _text(msgspec.json.format(_encoded(found), indent=2)) + "\n"


def render_line(checked: Checked) -> str:
    """One line of JSON Lines for one line of a file of questions."""
    if checked.answer is None:
        head = _encoded({"line": checked.number, "text": checked.text, "error": checked.error or ""})
        return _text(head) + "\n"
    head = _encoded({"line": checked.number, "expected": checked.expected, "holds": checked.holds})
    return _text(head[:-1] + b"," + _encoded(checked.answer)[1:]) + "\n"


def _encoded(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:  # half a surrogate pair, as from a file name that is not UTF-8
        return msgspec.json.encode(_mended(msgspec.to_builtins(value)))


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mended(item) for item in value]
    return value


def _text(document: bytes) -> str:
    text = document.decode()
    return text if text.isascii() and "\x7f" not in text else _UNSAFE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4))
