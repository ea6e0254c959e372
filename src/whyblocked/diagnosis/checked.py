"""One line of a file of questions, answered (contract, part 5)."""

from __future__ import annotations

import msgspec

from whyblocked.diagnosis.answer import Answer


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a line: an answer, or the error that stands in its place.

    ``text`` is the question as it stands in the file. ``holds`` is None where nothing was ``expected``, and where
    the line is in error.
    """

    number: int
    text: str
    expected: str | None = None
    holds: bool | None = None
    answer: Answer | None = None
    error: str | None = None
