"""Memory that is free goes back to the system between the steps of a large piece of work."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -2, -3, -8  # of glibc's mallopt
_MEBIBYTE = 1 << 20
DEAR = 1 << 22  # groups: with more of them, memory counts more than the time that it takes to get it again
_ARENAS = 2  # one for each thread that works at a time


def give_back() -> None:
    """Give back what is free.

    Allocators keep it for more of the same; where something else follows, that would be hundreds of megabytes that
    nobody uses.
    """
    if pyarrow := sys.modules.get("pyarrow"):
        pyarrow.default_memory_pool().release_unused()
    with suppress(AttributeError, OSError, TypeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)


def keep_what_is_free() -> None:
    """From here on what is free is used again, by all threads and libraries, instead of going back and being asked for.

    Each page that comes from the system is filled with zeros first and costs an interrupt: a tenth of the time of large
    flow logs. Fewer arenas, and one allocator for all, leave fewer holes, so that it takes less memory as well.
    """
    if pyarrow := sys.modules.get("pyarrow"):
        pyarrow.set_memory_pool(pyarrow.system_memory_pool())
    _set(_ARENA_MAX, _ARENAS)
    _set(_MMAP_THRESHOLD, 32 * _MEBIBYTE)  # the highest
    _set(_TRIM_THRESHOLD, 256 * _MEBIBYTE)
    _set(_TOP_PAD, 16 * _MEBIBYTE)


def keep_none_of_the_large() -> None:
    """From here on what is large (a megabyte) goes back to the system as soon as it is free.

    Else threads that take and free columns leave holes between them, hundreds of megabytes with nine million groups. It
    costs a little time, so it is for those who put something on the disk.
    """
    _set(_MMAP_THRESHOLD, _MEBIBYTE)
    _set(_TRIM_THRESHOLD, _MEBIBYTE)
    _set(_TOP_PAD, 0)


def _set(what: int, value: int) -> None:
    with suppress(AttributeError, OSError, TypeError):  # only glibc has it
        ctypes.CDLL(None).mallopt(what, value)
