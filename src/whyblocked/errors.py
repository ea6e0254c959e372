"""Everything that ends a run early: one class an exit status, one clear line a message."""

from __future__ import annotations


class WhyblockedError(Exception):
    """Ends the run with :attr:`status` and one line on standard error.

    ``message`` names the argument, file, line, resource or permission, and the way out. ``candidates`` are
    lines that may follow it (what an ambiguous name could have meant).
    """

    status = 4

    def __init__(self, message: str, candidates: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.candidates = candidates


class UsageError(WhyblockedError):
    """Bad usage: the question, an option or an argument can't be understood."""

    status = 2


class InputError(WhyblockedError):
    """Bad input: a snapshot, flow log or question file is not what it should be."""

    status = 2


class EndpointError(WhyblockedError):
    """An end of the question is not found, ambiguous, not supported yet, or both lie outside the account."""

    status = 2


class EditError(WhyblockedError):
    """A change to a copy of the account that AWS would refuse (``edit`` is the one), or whose file can't be read."""

    status = 2

    def __init__(self, message: str, edit: object = None) -> None:
        super().__init__(message)
        self.edit = edit


class UndeterminedError(WhyblockedError):
    """An end of the question exists, but what is needed of it could not be read; ``missing`` names the permission."""

    status = 3

    def __init__(self, message: str, missing: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.missing = missing or (message,)


class AwsError(WhyblockedError):
    """AWS or the network failed: credentials, throttling past the retries, an endpoint that does not answer."""

    status = 4
