"""Flow logs in Amazon S3: the calls that are made there, and what it means when one is refused.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
"""

from __future__ import annotations

from typing import Any, NamedTuple

from whyblocked.config.awserrors import refusal
from whyblocked.errors import AwsError, WhyblockedError
from whyblocked.flowlogs.sinks import Unreadable
from whyblocked.text import clean

LIST, GET, DECRYPT = "s3:ListBucket", "s3:GetObject", "kms:Decrypt"
_AGAIN = 3  # so often AWS may give a page again before it is taken for a circle
_ELSEWHERE = ("PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "301")


class Level(NamedTuple):
    """What lies below a prefix: objects with their sizes, and folders where they were asked for."""

    objects: dict[str, int]
    folders: list[str]


class Left(Exception):
    """One object that can't be read, and the reading goes on. ``lacks`` is for the answer's ``missing``.

    ``permission`` is what would help, where one would.
    """

    def __init__(self, reason: str, lacks: str | None, permission: str | None = None) -> None:
        super().__init__(reason)
        self.reason, self.lacks, self.permission = reason, lacks, permission


class Bucket:
    """A bucket. botocore goes on in the bucket's own Region where it is another than the client's."""

    def __init__(self, client: Any, name: str, request_payer: str | None = None) -> None:
        self.client, self.name = client, name
        self._always: dict[str, Any] = {"Bucket": name, **({"RequestPayer": request_payer} if request_payer else {})}
        self._pays = request_payer is not None

    def level(self, prefix: str, *, flat: bool) -> Level:
        """Everything below a prefix, or (not ``flat``) what is directly below it. What comes twice counts once."""
        asked = {**self._always, "Prefix": prefix, **({} if flat else {"Delimiter": "/"})}
        objects: dict[str, int] = {}
        folders: dict[str, None] = {}
        tokens: dict[str, int] = {}
        token: str | None = None
        while True:
            try:
                page = self.client.list_objects_v2(**asked, **({"ContinuationToken": token} if token else {}))
            except Exception as error:  # noqa: BLE001 - botocore's, told apart there
                raise self._unlisted(error) from None
            objects.update({found["Key"]: found.get("Size", 0) for found in page.get("Contents", ())})
            folders.update(dict.fromkeys(found["Prefix"] for found in page.get("CommonPrefixes", ())))
            token = page.get("NextContinuationToken")
            if not page.get("IsTruncated"):
                return Level(objects, list(folders))
            tokens[token or ""] = tokens.get(token or "", 0) + 1
            if not token or tokens[token] > _AGAIN:
                raise AwsError(f"AWS does not list {self.at(prefix)} to its end: the same page comes again and again")

    def get(self, key: str, **parameters: Any) -> Any:
        """An object, or the part of it that is asked for; its ``Body`` is not read yet."""
        return self.client.get_object(**self._always, Key=key, **parameters)

    def at(self, key: str) -> str:
        """Where an object is, as people write it."""
        return clean(f"s3://{self.name}/{key}", 1000)

    def unread(self, error: Exception) -> Exception:
        """What a refused GetObject means: one object less, or the end of the reading."""
        code = code_of(error)
        if code in ("NoSuchKey", "NoSuchVersion"):
            return Left("deleted before they could be read", None)
        lacks = f"{GET}: {clean(code)}"
        if code == "InvalidObjectState":
            return Left("archived (Glacier): restore them first, or name another time with --since", lacks)
        found = self._found(error, GET)
        if not isinstance(found, tuple):
            return found
        kind, reason = found
        if code.startswith("KMS."):
            return Left(f"their KMS key can't be used ({reason})", lacks)
        if kind != "denied":
            return Left(f"refused by AWS ({reason})", lacks)
        if "kms" in str(error).lower():
            lacks = f"{DECRYPT}: {reason}"
            return Left(f"encrypted with a KMS key that may not be used ({lacks})", lacks, DECRYPT)
        lacks = f"{GET}: {reason}"
        return Left(f"not allowed ({lacks}{self._payer_hint()})", lacks, GET)

    def _unlisted(self, error: Exception) -> Exception:
        found = self._found(error, LIST)
        if not isinstance(found, tuple):
            return found
        kind, reason = found
        place = f"the bucket {clean(self.name)}"
        if kind == "denied":
            return Unreadable(f"{place} can't be listed ({LIST}: {reason}{self._payer_hint()})", LIST)
        return Unreadable(f"{place} can't be listed ({LIST}: {reason})")

    def _found(self, error: Exception, permission: str) -> Exception | tuple[str, str]:
        """What ends the reading of this bucket, or why one call gave nothing."""
        from botocore.exceptions import ParamValidationError

        code = code_of(error)
        if isinstance(error, ParamValidationError):
            return Unreadable(f"{clean(self.name)!r} is no name of a bucket, or the key is none of an object")
        if code == "NoSuchBucket":
            return Unreadable(f"there is no bucket {clean(self.name)}")
        if code in _ELSEWHERE:
            return Unreadable(f"the bucket {clean(self.name)} is in another Region: name that with --region")
        found = refusal(error, permission, str(self.client.meta.region_name))
        return found if isinstance(found, WhyblockedError) else (found.kind, found.reason)

    def _payer_hint(self) -> str:
        return "" if self._pays else "; if the bucket's requester pays, add --request-payer requester"


def code_of(error: Exception) -> str:
    """The code of an error of AWS's; empty for any other."""
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))
