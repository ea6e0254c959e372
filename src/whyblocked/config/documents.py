"""JSON files as they lie about: in any Unicode encoding, with responses of the API in them or in a wrapping."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeGuard

import msgspec

from whyblocked.errors import InputError
from whyblocked.text import clean

_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_RECORDED = {"status_code", "data"}  # what placebo, boto's recorder, keeps of a call
_COLLECTED = {"collector_version", "provider"}  # what NP-Guard's collector says besides what it collected
_AS_COLLECTED = ("internet_gateways", "network_acls", "security_groups", "subnets", "vpcs")
# What each row of a list has, and no row of another kind.
_ALONE = {
    "Reservations": {"Instances", "ReservationId"},
    "NetworkInterfaces": {"NetworkInterfaceId", "Groups", "TagSet"},
    "SecurityGroups": {"GroupId", "IpPermissions"},
    "SecurityGroupRules": {"SecurityGroupRuleId", "IsEgress"},
    "NetworkAcls": {"NetworkAclId", "Entries"},
    "RouteTables": {"RouteTableId", "Routes"},
    "Subnets": {"SubnetId", "VpcId", "AvailableIpAddressCount"},
    "Vpcs": {"VpcId", "CidrBlock", "DhcpOptionsId"},
    "InternetGateways": {"InternetGatewayId", "Attachments"},
    "NatGateways": {"NatGatewayId", "NatGatewayAddresses"},
    "VpcEndpoints": {"VpcEndpointId", "VpcEndpointType"},
    "VpcPeeringConnections": {"VpcPeeringConnectionId", "RequesterVpcInfo"},
    "LoadBalancers": {"LoadBalancerArn", "Scheme"},
    "TargetGroups": {"TargetGroupArn", "TargetType"},
}
_DATETIME = ("year", "month", "day", "hour", "minute", "second")


def responses_of(name: str, content: bytes) -> list[dict[str, Any]]:
    """The API's responses in a file; an object that may be none of them comes as it is.

    There is one, as a rule. Pages that were put together are a list of them; what placebo recorded has the response
    inside; NP-Guard's collector has lists of its own names; and resources may stand alone, as ``--query`` takes them
    out. :class:`InputError` for what is not JSON.
    """
    content = as_utf8(name, content)
    try:
        document = msgspec.json.decode(content)
        if isinstance(document, list) and (key := _kind_of(document)):
            return [{key: document}]
        return [_unwrapped(one) for one in (document if isinstance(document, list) else [document]) if _is_object(one)]
    except (ValueError, RecursionError) as error:
        raise _not_json(name, content, error) from None


def _kind_of(rows: list[object]) -> str | None:
    """The key under which the API has rows like these; None where they are not all of one such kind."""
    for key, has in _ALONE.items():
        if rows and all(isinstance(row, dict) and row.keys() >= has for row in rows):
            return key
    return None


def wrapped(document: Mapping[str, Any]) -> bool:
    """Whether an object is not a response, but has one inside or is a part of one."""
    keys = document.keys()
    return any(keys >= those for those in (_RECORDED, _COLLECTED, {"InstanceId", "NetworkInterfaces"}))


def _is_object(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _unwrapped(document: dict[str, Any]) -> dict[str, Any]:
    if document.keys() >= _RECORDED:
        inside = _with_times(document["data"])
        return inside if _is_object(inside) else {}
    if document.keys() >= _COLLECTED:
        return _collected(document) if document["provider"] == "aws" else {}
    return {"Reservations": [{"Instances": [document]}]} if wrapped(document) else document


def _collected(document: dict[str, Any]) -> dict[str, Any]:
    """https://github.com/np-guard/cloud-resource-collector: the API's objects, in lists with names of its own."""
    lists = {name.title().replace("_", ""): document[name] for name in _AS_COLLECTED if name in document}
    instances = document.get("instances")
    shown = [one for one in instances if one is not None] if isinstance(instances, list) else []
    return {**lists, "Reservations": [{"Instances": shown}]}


def _with_times(value: object) -> Any:
    """``value`` with the times that placebo took apart put together again."""
    if isinstance(value, list):
        return [_with_times(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("__class__") == "datetime":
        try:
            return f"{datetime(*(value[part] for part in _DATETIME)).isoformat()}Z"  # noqa: DTZ001 - they are UTC
        except (KeyError, TypeError, ValueError, OverflowError):
            return None
    return {key: _with_times(item) for key, item in value.items()}


# -- text -----------------------------------------------------------------------------------------------------------


def as_utf8(name: str, content: bytes) -> bytes:
    """``content`` in UTF-8 without a byte order mark (PowerShell's redirection writes UTF-16)."""
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            try:
                return content.decode(encoding).encode()
            except UnicodeError:
                raise InputError(f"{name}: not {encoding.removesuffix('-sig').upper()} text") from None
    return content


def _not_json(name: str, content: bytes, error: Exception) -> InputError:
    """The error for a file that can't be read as JSON, with the line where that shows."""
    if not content.strip():
        return InputError(f"{name}: the file is empty, not JSON")
    if isinstance(error, RecursionError):
        return InputError(f"{name}: not an API response: nested too deeply")
    if isinstance(error, UnicodeError):
        return InputError(f"{name}: not JSON: the text is not UTF-8")
    text = str(error)
    if "truncated" in text:
        return InputError(f"{name}: not JSON: it ends too early (cut off while it was written?)")
    byte = re.search(r"\(byte (\d+)\)", text)
    line = f"line {content.count(bytes([10]), 0, int(byte[1])) + 1}: " if byte else ""
    what = re.sub(r"^JSON is malformed: | \(byte \d+\)$", "", text)
    return InputError(f"{name}: not JSON: {line}{clean(what)}")
