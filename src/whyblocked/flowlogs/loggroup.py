"""A log group, asked: requests that hold back when AWS is asked too much, and what its refusals mean."""

from __future__ import annotations

import threading
import time
from typing import Any

from whyblocked.config.awserrors import refusal
from whyblocked.errors import AwsError, WhyblockedError
from whyblocked.flowlogs.sinks import Unreadable
from whyblocked.text import clean

PERMISSION = "logs:FilterLogEvents"
_OPERATIONS = {  # the permission that each needs, and what no answer is without
    "filter_log_events": (PERMISSION, "events"),
    "start_query": ("logs:StartQuery", "queryId"),
    "get_query_results": ("logs:GetQueryResults", "status"),
    "stop_query": ("logs:StopQuery", "success"),
}
# Requests a second that FilterLogEvents takes, by Region; 10 elsewhere, and no quota that can be raised:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
_RATES = {
    "us-east-1": 25,
    "eu-central-1": 5,
    "ap-northeast-3": 5,
    "ap-southeast-3": 5,
    "ca-west-1": 5,
    "il-central-1": 5,
}
_RATE = 10
_LONGEST = 2.0  # seconds between two requests of a reader that was throttled again and again
_TRIES = 2  # each of botocore's several attempts


class Refused(Exception):
    """AWS refuses a kind of request from the first: ``code`` is its own, ``unreadable`` what it means."""

    def __init__(self, code: str, unreadable: Unreadable) -> None:
        super().__init__(unreadable.reason)
        self.code = code
        self.unreadable = unreadable


class LogGroup:
    """A log group, for any number of threads.

    A kind of request that is refused from the first raises :class:`Refused`; what fails once it was answered, or
    fails for good, is an :class:`AwsError`: what was read until then is not all.
    """

    def __init__(self, logs: Any, name: str, region: str = "") -> None:
        self.logs, self.name = logs, name
        self.region = region or str(getattr(getattr(logs, "meta", None), "region_name", ""))
        self._answered: set[str] = set()
        self._lock = threading.Lock()
        self._gap = 0.0
        self._next = 0.0

    def ask(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """The answer of AWS to one request."""
        permission, needed = _OPERATIONS[operation]
        for left in reversed(range(_TRIES)):
            self._hold_back()
            try:
                answer: dict[str, Any] = getattr(self.logs, operation)(**parameters)
            except Exception as error:  # noqa: BLE001 - botocore's, told apart there
                if not left or not (_is_throttled(error) or (operation in self._answered and _is_garbled(error))):
                    raise self._meaning(error, operation) from None
            else:
                if needed in answer:  # an answer that was cut off is an empty one to botocore
                    self._answered.add(operation)
                    return answer
            self.slow_down()
        raise AwsError(f"the answer of AWS to {permission} can't be read: it is cut off, or not AWS's")

    def slow_down(self) -> None:
        """Ask less often from now on, and not at once."""
        with self._lock:
            self._gap = min(_LONGEST, self._gap * 2 or 1 / _RATES.get(self.region, _RATE))
            self._next = max(self._next, time.monotonic() + min(1.0, 5 * self._gap))

    def _hold_back(self) -> None:
        with self._lock:
            now = time.monotonic()
            at = max(now, self._next)
            self._next = at + self._gap
        if at > now:
            time.sleep(at - now)

    def _meaning(self, error: Exception, operation: str) -> Exception:
        permission, _ = _OPERATIONS[operation]
        found = refusal(error, permission, self.region)
        if isinstance(found, WhyblockedError):
            return found
        name = clean(self.name)
        if operation in self._answered:
            return AwsError(f"AWS answered {permission} at first, then no more ({found.reason})")
        code = _code(error)
        if found.kind == "not found":
            return Refused(
                code, Unreadable(f"the log group {name} does not exist; AWS makes it with the first traffic")
            )
        helps = permission if found.kind == "denied" else None
        return Refused(code, Unreadable(f"the log group {name} can't be read ({permission}: {found.reason})", helps))


def _code(error: Exception) -> str:
    response = getattr(error, "response", None) or {}  # a time-out has one that is None
    return str(response.get("Error", {}).get("Code", ""))


def _is_throttled(error: Exception) -> bool:
    code = _code(error)
    return "Throttl" in code or code in ("LimitExceededException", "TooManyRequestsException")


def _is_garbled(error: Exception) -> bool:
    """Whether the answer was cut off or is nothing that AWS writes."""
    from botocore.parsers import ResponseParserError

    return isinstance(error, ResponseParserError)
