"""What is asked of CloudTrail: by itself, so that whoever asks loads nothing that reads its events."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


class ChangesRequest(NamedTuple):
    """Which time is asked about, up to ``now``, the time of the run.

    Without ``since`` AWS is asked about the last 24 hours, and files are taken whole. ``always``: ask AWS also where
    nothing blocks, and no record says otherwise.
    """

    now: datetime
    since: datetime | None = None
    always: bool = False
