"""Memory that is free goes back to the system between the steps of a large piece of work."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress


def give_back() -> None:
    """Give back what is free.

    Allocators keep it for more of the same; where something else follows, that would be hundreds of megabytes that
    nobody uses.
    """
    if pyarrow := sys.modules.get("pyarrow"):
        pyarrow.default_memory_pool().release_unused()
    with suppress(AttributeError, OSError, TypeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)
