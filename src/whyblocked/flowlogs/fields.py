"""The fields of flow log records and the formats made of them: versions 2 to 11, and transit gateways'.

https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html
https://docs.aws.amazon.com/vpc/latest/tgw/tgw-flow-logs.html
"""

from __future__ import annotations

import re

import msgspec

from whyblocked.errors import InputError
from whyblocked.text import clean

BY_VERSION: dict[int, str] = {
    2: "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action "
    "log-status",
    3: "vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr",
    4: "region az-id sublocation-type sublocation-id",
    5: "pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path",
    6: "resource-type tgw-id tgw-attachment-id tgw-src-vpc-account-id tgw-dst-vpc-account-id tgw-src-vpc-id "
    "tgw-dst-vpc-id tgw-src-subnet-id tgw-dst-subnet-id tgw-src-eni tgw-dst-eni tgw-src-az-id tgw-dst-az-id "
    "tgw-pair-attachment-id packets-lost-no-route packets-lost-blackhole packets-lost-mtu-exceeded "
    "packets-lost-ttl-expired",
    7: "ecs-cluster-arn ecs-cluster-name ecs-container-instance-arn ecs-container-instance-id ecs-container-id "
    "ecs-second-container-id ecs-service-name ecs-task-definition-arn ecs-task-arn ecs-task-id",
    8: "reject-reason",
    9: "resource-id",
    10: "encryption-status",
    11: "instance-tag instance-tag-2 interface-tag interface-tag-2 asg-tag asg-tag-2 interface-type "
    "next-hop-interface-id next-hop-subnet-id next-hop-az-id next-hop-vpc-id next-hop-interface-type",
}
FIELDS: dict[str, int] = {name: version for version, names in BY_VERSION.items() for name in names.split()}

_ADDRESSES = (("srcaddr", "pkt-srcaddr"), ("dstaddr", "pkt-dstaddr"))
TRANSIT_FIELDS = tuple(BY_VERSION[6].split())
STATES = frozenset({b"ACCEPT", b"REJECT", b"NODATA", b"SKIPDATA"})  # a record has one of these
_OWN = frozenset({*(name for pair in _ADDRESSES for name in pair), "action", "interface-id", "log-status"})
_PLACEHOLDER = re.compile(r"\$\{\s*([^{}]*?)\s*\}")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\Z")
_OTHERWISE = {  # what Logs Insights calls the fields that it finds by itself, Athena's older tables theirs, Steampipe
    "accountid": "account-id",
    "account": "account-id",
    "interfaceid": "interface-id",
    "sourceaddress": "srcaddr",
    "src-addr": "srcaddr",
    "destinationaddress": "dstaddr",
    "dst-addr": "dstaddr",
    "sourceport": "srcport",
    "src-port": "srcport",
    "destinationport": "dstport",
    "dst-port": "dstport",
    "numpackets": "packets",
    "numbytes": "bytes",
    "starttime": "start",
    "endtime": "end",
    "logstatus": "log-status",
}
_BOM = b"\xef\xbb\xbf"
_ALIKE = (
    10  # fields of the default format's fourteen that a line has in their places, if it was to be one of its records
)
_BEFORE_NAMES = (_BOM, b'"', b"$", b"#")  # what may stand before the first name in a header


class Format(msgspec.Struct, frozen=True):
    """The order of the fields in a record, by their documented (hyphenated) names; unknown ones keep their own."""

    names: tuple[str, ...]

    @property
    def is_transit(self) -> bool:
        """Whether it is a transit gateway's: those records tell of losses and have no ``action``."""
        return "action" not in self.names and any(name.startswith("tgw-") for name in self.names)

    @property
    def is_telling(self) -> bool:
        """Whether the names, which anything may have, are those of flow log records, if not of complete ones.

        Route 53 Resolver's query logs have a version and the sender's address and port, too, and nothing more.
        """
        known = len(FIELDS.keys() & set(self.names))
        nearly = "action" in self.names or len(self.lacking) < 2
        return len(_OWN.intersection(self.names)) >= 1 and known >= 2 and nearly

    @property
    def lacking(self) -> tuple[str, ...]:
        """What no reading of these records can do without and they do not have."""
        lacks = [] if "action" in self.names else ["action"]
        lacks += [" or ".join(pair) for pair in _ADDRESSES if self.names and not set(pair) & set(self.names)]
        return tuple(lacks)

    def __str__(self) -> str:
        return " ".join(f"${{{name}}}" for name in self.names)


DEFAULT = Format(tuple(BY_VERSION[2].split()))
# A transit gateway's own default: https://docs.aws.amazon.com/vpc/latest/tgw/tgw-flow-logs.html#flow-logs-default
_TRANSIT_DEFAULT = (
    "version resource-type account-id tgw-id tgw-attachment-id tgw-src-vpc-account-id tgw-dst-vpc-account-id "
    "tgw-src-vpc-id tgw-dst-vpc-id tgw-src-subnet-id tgw-dst-subnet-id tgw-src-eni tgw-dst-eni tgw-src-az-id "
    "tgw-dst-az-id tgw-pair-attachment-id srcaddr dstaddr srcport dstport protocol packets bytes start end log-status "
    "type packets-lost-no-route packets-lost-blackhole packets-lost-mtu-exceeded packets-lost-ttl-expired tcp-flags "
    "region flow-direction pkt-src-aws-service pkt-dst-aws-service"
)
TRANSIT = Format(tuple(_TRANSIT_DEFAULT.split()))
# What a transit gateway's record says was lost, and the reason for which it counts as rejected.
LOST = {
    "packets-lost-no-route": "tgw:no-route",
    "packets-lost-blackhole": "tgw:blackhole",
    "packets-lost-mtu-exceeded": "tgw:mtu-exceeded",
    "packets-lost-ttl-expired": "tgw:ttl-expired",
}
# A number that is bigger is none that AWS writes; any other fits eight bytes.
HIGHEST = {"srcport": 65535, "dstport": 65535, "protocol": 255}
BIGGEST = 2**63 - 1
_NUMBERS = "version srcport dstport protocol packets bytes start end tcp-flags traffic-path encryption-status"
_KINDS = {  # what tells a field from another, as far as anything does
    **dict.fromkeys((*_NUMBERS.split(), *LOST), rb"[0-9]+\Z"),
    **dict.fromkeys(("srcaddr", "dstaddr", "pkt-srcaddr", "pkt-dstaddr"), rb"[0-9a-fA-F]*[.:][0-9a-fA-F.:]*\Z"),
    "action": rb"(ACCEPT|REJECT)\Z",
    "log-status": rb"(OK|NODATA|SKIPDATA)\Z",
    "flow-direction": rb"(ingress|egress)\Z",
    "type": rb"(IPv4|IPv6|EFA)\Z",
    "interface-id": rb"eni-",
    "vpc-id": rb"vpc-",
    "subnet-id": rb"subnet-",
    "instance-id": rb"i-",
    "tgw-id": rb"tgw-",
    "tgw-attachment-id": rb"tgw-attach-",
}


def parse_format(text: str, where: str = "--log-format") -> Format:
    """A format as AWS writes it (``${version} ${srcaddr} ...``) or as plain names; ``where`` names it in errors."""
    names = _PLACEHOLDER.findall(text)
    if names:
        rest = _PLACEHOLDER.sub(" ", text).replace(",", " ").split()
    else:
        names, rest = text.replace(",", " ").split(), []
    wrong = [name for name in (*rest, *names) if not _NAME.match(name)]
    if wrong:
        raise InputError(
            f"{where}: {clean(wrong[0], 60)!r} is no field name; write it as '${{version}} ${{srcaddr}} ...'"
        )
    if not names:
        raise InputError(f"{where}: no fields; write it as '${{version}} ${{srcaddr}} ...'")
    return checked(Format(tuple(canonical(name) for name in names)), where)


def checked(form: Format, where: str) -> Format:
    """``form``, where its records can be used; else an error that names the field that is missing."""
    if form.lacking and not form.is_transit:
        fields = ", ".join(form.lacking)
        raise InputError(f"{where}: the record format lacks {fields}, without which no flow can be told")
    return form


def header_format(tokens: list[bytes]) -> Format | None:
    """The format that a header line gives, or None where the line is not one."""
    if not (tokens[0][:1].isalpha() or tokens[0].startswith(_BEFORE_NAMES)):
        return None
    try:
        text = b" ".join(tokens).removeprefix(_BOM).lstrip(b"# ").decode("ascii").replace('"', "")
    except UnicodeDecodeError:
        return None
    names = [canonical(name) for name in _PLACEHOLDER.findall(text) or text.split()]
    known = sum(name in FIELDS for name in names)
    if known < 2 or known * 2 < len(names) or not all(_NAME.match(name) for name in names):
        return None
    return Format(tuple(names))


def fits(form: Format, tokens: list[bytes]) -> bool:
    """Whether a line looks like a record of this format: as many fields, each of them of its kind."""
    return len(tokens) == len(form.names) and all(
        token == b"-" or name not in _KINDS or re.match(_KINDS[name], token)
        for name, token in zip(form.names, tokens, strict=True)
    )


def are_alike(one: Format, other: Format) -> bool:
    """Whether nothing tells records of these formats apart, though they mean different things."""
    pairs = list(zip(one.names, other.names, strict=False))
    return (
        len(one.names) == len(other.names)
        and any(a != b and (a in _KINDS or b in _KINDS) for a, b in pairs)
        and all(_KINDS.get(a) == _KINDS.get(b) for a, b in pairs)
    )


def is_default(tokens: list[bytes]) -> bool:
    """Whether a line is, beyond doubt, a record of the default format."""
    return len(tokens) == len(DEFAULT.names) and tokens[0] == b"2" and tokens[13] != b"-" and fits(DEFAULT, tokens)


def is_transit(tokens: list[bytes]) -> bool:
    """Whether a line is, beyond doubt, a record of the transit gateways' default format."""
    return len(tokens) == len(TRANSIT.names) and tokens[1].startswith(b"TransitGateway") and fits(TRANSIT, tokens)


def is_begun(tokens: list[bytes]) -> bool:
    """Whether a line that was cut off may have become a header, or a record of the default format."""
    *whole, last = [token.decode("ascii", "replace").lower().replace("_", "-") for token in tokens]
    if all(name in FIELDS for name in whole) and any(name.startswith(last) for name in FIELDS):
        return True
    known = len(whole)
    return tokens[0] == b"2" and known < len(DEFAULT.names) and fits(Format(DEFAULT.names[:known]), tokens[:-1])


def is_nearly_default(tokens: list[bytes]) -> bool:
    """Whether a line was to be a record of the default format: most of its fields, from both ends, are in place."""
    return tokens[0] == b"2" and _alike(tokens, DEFAULT.names) + _alike(tokens[::-1], DEFAULT.names[::-1]) >= _ALIKE


def _alike(tokens: list[bytes], names: tuple[str, ...]) -> int:
    """How many fields fit their names before the first that does not."""
    pairs = list(zip(tokens, names, strict=False))
    return next((at for at, (token, name) in enumerate(pairs) if not fits(Format((name,)), [token])), len(pairs))


def canonical(name: str) -> str:
    """A field's documented name, however it is written; an unknown name as it is."""
    hyphenated = name.lower().replace("_", "-")
    hyphenated = _OTHERWISE.get(hyphenated, hyphenated)
    return hyphenated if hyphenated in FIELDS else name
