"""Memory that is free goes back to the system between the steps of a large piece of work."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

_MMAP_THRESHOLD = -3  # of glibc's mallopt
_LARGE = 1 << 20


def give_back() -> None:
    """Give back what is free.

    Allocators keep it for more of the same; where something else follows, that would be hundreds of megabytes that
    nobody uses.
    """
    if pyarrow := sys.modules.get("pyarrow"):
        pyarrow.default_memory_pool().release_unused()
    with suppress(AttributeError, OSError, TypeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)


def keep_none_of_the_large() -> None:
    """From here on what is large (a megabyte) goes back to the system as soon as it is free.

    Else threads that take and free columns leave holes between them, hundreds of megabytes with nine million groups. It
    costs a little time, so it is for those who put something on the disk.
    """
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE)
