"""The names that AWS gives to flow logs in S3, and what they tell of the time of the records inside.

https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-path.html
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

# Each is compiled by re when it is first needed, which for most runs is never.
_FILE = r"_vpcflowlogs_[^/]*_([0-9]{8}T[0-9]{4})Z_[^/]*$"
_PLAIN = r"/vpcflowlogs/[a-z0-9-]+/([0-9]{4})(?:/([0-9]{2}))?(?:/([0-9]{2}))?(?:/([0-9]{2}))?/[^/]*$"
_HIVE = r"/year=([0-9]{4})(?:/month=([0-9]{2}))?(?:/day=([0-9]{2}))?(?:/hour=([0-9]{2}))?/[^/]*$"
_LOG = r"_vpcflowlogs_[^/]*_(fl-[0-9A-Za-z]+)_[0-9]{8}T[0-9]{4}Z_[^/]*$"
_ACCOUNT = r"(?:^|/)AWSLogs/(?:aws-account-id=)?([0-9]{12})/"
_REGION = r"/vpcflowlogs/([a-z]{2}-[a-z0-9-]+)/|/aws-service=vpcflowlogs/aws-region=([^/]+)/"
_OTHERS = r"(?:^|/)AWSLogs/(?:o-[a-z0-9]+/)?(?:aws-account-id=)?[0-9]{12}/(?!(?:aws-service=)?[a-z]*flowlogs/)[^/]+/"
_LAID_OUT = r"(?:^|/)(?:AWSLogs|vpcflowlogs|[a-z-]+=[^/]+)/"
_FILE_SPAN = 300  # a file holds the records that end in these seconds
_LATE = 600  # a record may come, or be dated, so much later or earlier
_INTERVAL = 600  # a record begins at most so long before it ends
_UNITS = (31_622_400, 2_678_400, 86_400, 3600)  # the longest year, month, day and hour


def may_hold(key: str, since: int | None, until: int | None) -> bool:
    """Whether a file, or a folder (its path ends in ``/``), may hold records of the window, by its name."""
    if since is None and until is None:
        return True
    found = span(key)
    if found is None:
        return True
    begin, end = found
    return (since is None or end + _LATE >= since) and (until is None or begin - _LATE - _INTERVAL <= until)


def span(key: str) -> tuple[int, int] | None:
    """The seconds in which the records below a key end, or None where its name does not tell."""
    try:
        if name := re.search(_FILE, key):
            begin = int(datetime.fromisoformat(name[1]).replace(tzinfo=UTC).timestamp())
            return begin, begin + _FILE_SPAN
        parts = re.search(_PLAIN, f"/{key}") or re.search(_HIVE, f"/{key}")
        if parts is None:
            return None
        numbers = [int(part) for part in parts.groups() if part is not None]
        year, month, day, hour = (numbers + [1, 1, 0][len(numbers) - 1 :])[:4]
        begin = int(datetime(year, month, day, hour, tzinfo=UTC).timestamp())
        return begin, begin + _UNITS[len(numbers) - 1]
    except ValueError:
        return None


def within(key: str, since: int | None, until: int | None) -> bool:
    """Whether everything below a folder, by its name, lies in the window."""
    found = span(key)
    return found is not None and (since is None or since <= found[0]) and (until is None or found[1] <= until)


def flow_log_of(key: str) -> str | None:
    """The id of the flow log that delivered a file, where its name is AWS's."""
    found = re.search(_LOG, key)
    return found[1] if found else None


def account_of(key: str) -> str | None:
    """The account whose flow logs lie below this part of a bucket, where AWS's folders tell."""
    found = re.search(_ACCOUNT, key)
    return found[1] if found else None


def region_of(key: str) -> str | None:
    """The Region whose flow logs lie below this part of a bucket, where AWS's folders tell."""
    found = re.search(_REGION, key)
    return (found[1] or found[2]) if found else None


def of_another_service(key: str) -> str | None:
    """The folder in which another service's logs lie, where the key is below one (``AWSLogs/ID/CloudTrail/``)."""
    found = re.search(_OTHERS, key)
    return key[: found.end()] if found else None


def is_laid_out(key: str) -> bool:
    """Whether a folder belongs to a layout that AWS or Hive makes, whose folders lead to a time."""
    return re.search(_LAID_OUT, key) is not None
