"""From the arguments to the exit status: the one place where errors become messages, and where the program ends.

This module is imported before anything else, so that a Ctrl-C finds it ready: it imports only what is there anyway.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

INTERRUPTED = 130  # as shells report a program that SIGINT ended
CLOSED_PIPE = 141  # as shells report a program that SIGPIPE ended
FAILED = 4
_NOT_WRITTEN = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def entry() -> NoReturn:
    """The program ``whyblocked``.

    A run is short and then everything goes at once, so what long-running programs need is left out here, and only
    here (a live answer takes a third less time without it, see ``make bench``): the cycle collector, which would walk
    over all of the AWS library again and again while it is loaded, and the interpreter's taking apart of every object
    at the end. What was written is flushed first, so no line is lost. Of numpy's linear algebra nothing is used; its
    threads, which wait actively, are not started.
    """
    gc.disable()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    status = INTERRUPTED
    with contextlib.suppress(KeyboardInterrupt):
        status = run(sys.argv[1:])
    with contextlib.suppress(KeyboardInterrupt):
        status = _flushed(status)
    os._exit(status)


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say and return the exit status; never raises."""
    from whyblocked.errors import WhyblockedError

    debug = "--debug" in arguments
    try:
        from whyblocked.cli.commands import execute

        return execute(list(arguments))
    except WhyblockedError as error:
        if debug:
            _trace()
        _tell(error.message, error.candidates)
        return error.status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return CLOSED_PIPE
    except OSError as error:
        if error.errno not in _NOT_WRITTEN or error.filename is not None:
            return _internal(error, debug)
        _tell(f"the answer could not be written: {error.strerror}")
        return FAILED
    except Exception as error:  # noqa: BLE001 - the boundary: whatever else happens is told in one line
        return _internal(error, debug)


def _internal(error: Exception, debug: bool) -> int:
    if debug:
        _trace()
    _tell(f"internal error: {type(error).__name__}: {error}" + ("" if debug else " (--debug shows the traceback)"))
    return FAILED


def _tell(message: str, candidates: Sequence[str] = ()) -> None:
    """One line on standard error, and what an ambiguous name could have meant below it."""
    from whyblocked.text import clean

    lines = [f"whyblocked: {clean(message, 1000)}", *(f"  {clean(line)}" for line in candidates)]
    _complain("\n".join(lines) + "\n")


def _trace() -> None:
    import traceback

    from whyblocked.text import clean

    _complain("".join(f"{clean(line, 500)}\n" for line in traceback.format_exc().splitlines()))


def _complain(text: str) -> None:
    # Standard output first, so that the two come in order where they share a terminal.
    for stream, words in ((sys.stdout, ""), (sys.stderr, text)):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or never open
            stream.write(words)
            stream.flush()


def _flushed(status: int) -> int:
    """The exit status once everything that was written has gone out."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        status = CLOSED_PIPE
    except (OSError, ValueError) as error:
        if status != FAILED:  # else it is told already
            _tell(f"the answer could not be written: {getattr(error, 'strerror', None) or error}")
        status = FAILED
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.flush()
    return status
