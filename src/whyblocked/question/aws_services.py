"""Names of VPC endpoints and of AWS services, as people and DNS write them.

https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html
https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-access-aws-services.html#interface-endpoint-dns-hostnames
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

SHORT = frozenset({"s3", "dynamodb"})
"""The services that are known by one word: those with gateway endpoints."""

_REGION = r"[a-z]{2}(?:-[a-z]+)+-\d+"
_ENDPOINT_ID = re.compile(r"vpce-[0-9a-f]{1,17}")
_OF_ENDPOINT = re.compile(
    rf"(?:[^.]+\.)*(?P<id>vpce-[0-9a-f]+)-[0-9a-z]+(?:-(?P<zone>{_REGION}[a-z]))?\.[a-z0-9.-]+\.vpce\.amazonaws\.com(?:\.cn)?"
)
_SERVICE = re.compile(r"(?:cn\.)?com\.amazonaws\.[a-z0-9-]+(?:\.[a-z0-9-]+)+")
_PUBLIC = re.compile(
    rf"(?:(?:[^.]+\.)*?(?P<part>s3|dynamodb|api\.ecr|dkr\.ecr)|(?P<one>[a-z0-9-]+))\.(?P<region>{_REGION})"
    r"\.amazonaws\.com(?P<china>\.cn)?"
)


class Named(msgspec.Struct, frozen=True):
    """``endpoint``: ``value`` is its id (or the beginning), ``zone`` that of a zonal name; ``service``: its name."""

    kind: Literal["endpoint", "service"]
    value: str
    zone: str | None = None


def named(name: str) -> Named | None:
    """The endpoint or service that a name looks like; None where it looks like something else."""
    text = name.lower().rstrip(".")
    if _ENDPOINT_ID.fullmatch(text):
        return Named("endpoint", text)
    if match := _OF_ENDPOINT.fullmatch(text):
        return Named("endpoint", match["id"], match["zone"])
    if text in SHORT or _SERVICE.fullmatch(text):
        return Named("service", text)
    if match := _PUBLIC.fullmatch(text):
        words = (match["part"] or match["one"]).split(".")
        china = "cn." if match["china"] else ""
        return Named("service", f"{china}com.amazonaws.{match['region']}.{'.'.join(reversed(words))}")
    return None
