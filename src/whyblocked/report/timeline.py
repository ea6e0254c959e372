"""The evidence over time as a row of bars."""

from __future__ import annotations

import msgspec

from whyblocked.diagnosis.answer import Moment
from whyblocked.report.words import clock_words, step_words

_BARS = "▁▂▃▄▅▆▇█"
_NONE = "·"


class Timeline(msgspec.Struct, frozen=True):
    """Bars on one scale, and the span that they cover."""

    span: str
    rejected: str
    accepted: str
    peak: int


def timeline(moments: list[Moment], columns: int = 60) -> Timeline | None:
    """``moments`` in at most ``columns`` bars, neighbours added up; None where there is nothing to draw."""
    if len(moments) < 2:
        return None
    group = -(-len(moments) // columns)
    starts = [moments[i].start for i in range(0, len(moments), group)]
    rejected = _sums([moment.rejected for moment in moments], group)
    accepted = _sums([moment.accepted for moment in moments], group)
    peak = max(*rejected, *accepted)
    if peak <= 0:
        return None
    each = step_words(starts[0], starts[1]) if len(starts) > 1 else None
    span = f"{clock_words(starts[0])} to {clock_words(starts[-1])} UTC" + (f", a column is {each}" if each else "")
    return Timeline(span, _bars(rejected, peak), _bars(accepted, peak), peak)


def _sums(values: list[int], group: int) -> list[int]:
    return [sum(values[i : i + group]) for i in range(0, len(values), group)]


def _bars(values: list[int], peak: int) -> str:
    return "".join(_BARS[-(-value * len(_BARS) // peak) - 1] if value > 0 else _NONE for value in values)
