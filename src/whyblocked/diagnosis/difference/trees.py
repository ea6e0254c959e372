"""A resource as a tree: its lists become mappings from what tells their elements apart, so that order does not matter.

The elements of a list that only make sense as a whole (a rule, a route) stay together; others are looked into.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

Json = dict[str, Any]
Path = tuple[str, ...]
PERMISSIONS = ("IpPermissions", "IpPermissionsEgress")
PEERS = {
    "IpRanges": "CidrIp",
    "Ipv6Ranges": "CidrIpv6",
    "PrefixListIds": "PrefixListId",
    "UserIdGroupPairs": "GroupId",
}
_PROTOCOLS = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6"}
_DESTINATIONS = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId", "PrefixListId")
WHOLE = frozenset({"Entries", "Routes", *PERMISSIONS, "DefaultActions", "Actions", "Conditions"})
# What elements of further lists are told apart by: the first that all of a list have, each another.
_NAMES = (
    *("NetworkInterfaceId", "PrivateIpAddress", "Ipv6Address", "Ipv4Prefix", "Ipv6Prefix", "GroupId", "CidrBlock"),
    *("Ipv6CidrBlock", "Cidr", "TransitGatewayAttachmentId", "ZoneName", "SubnetId", "VpcId", "OutsideIpAddress"),
    *("AllocationId", "PublicIp", "PrivateIp", "GatewayId", "InternetGatewayId", "Key", "ResourceArn", "Name"),
)
# Times, counters, and texts that say the same as a state beside them.
_NOISE = re.compile(
    r".*(Time|Timestamp|Date|Expiry)$|LastStatusChange|Last\w+On|StatusMessage|StateTransitionReason|StateReason|"
    r"AvailableIpAddressCount|AcceptedRouteCount|CustomerGatewayConfiguration|(Next)?Token|NextMarker|Marker|"
    r"ResponseMetadata|UpdateToken|ETag|RevisionId|Version|ReservationId|OwnerId|UsageOperation\w*|ClientToken|"
    r"NumberOf\w+|\w*Consumed\w*|\w+Arn|HealthCheckPort|TransitGatewayOwnerId|ResourceOwnerId|VpcOwnerId"
)


class Listed(dict[str, Any]):
    """A list, by what tells its elements apart, in their order."""


class Edit(NamedTuple):
    """One difference in a tree: the path to it, and what is there before and after (:data:`NOTHING`: not there)."""

    path: Path
    before: Any
    after: Any


class _Nothing:
    def __repr__(self) -> str:
        return "NOTHING"


NOTHING = _Nothing()


def grown(raw: Any, key: str = "") -> Any:
    """The tree of a value that stands under ``key``."""
    if isinstance(raw, dict):
        return {name: grown(value, name) for name, value in raw.items()}
    if isinstance(raw, list):
        elements = [part for one in raw for part in _apart(one)] if key in PERMISSIONS else raw
        named = Listed()
        for name, element in zip(_names(elements, key), elements, strict=True):
            while name in named:
                name += "+"
            named[name] = element if key in WHOLE else grown(element)
        return named
    return raw


def cut(tree: Any) -> Any:
    """The value that a tree was grown from; rules of security groups come each by itself."""
    if isinstance(tree, Listed):
        return [cut(value) for value in tree.values()]
    return {name: cut(value) for name, value in tree.items()} if isinstance(tree, dict) else tree


def edits(before: Any, after: Any, keep: Callable[[Path], bool], path: Path = ()) -> Iterator[Edit]:
    """Every difference between two trees at paths that ``keep`` keeps, as deep as it goes."""
    if isinstance(before, dict) and isinstance(after, dict) and not _is_element(path):
        for name in dict.fromkeys((*before, *after)):
            there = (*path, name)
            if keep(there):
                yield from edits(before.get(name, NOTHING), after.get(name, NOTHING), keep, there)
    elif _differ(before, after, keep, path):
        yield Edit(path, before, after)


def edited(tree: Any, path: Path, value: Any) -> Any:
    """A tree with another value at a path; the original stays as it is."""
    if not path:
        return value
    name, *rest = path
    made = type(tree)(tree) if isinstance(tree, dict) else {}
    if not rest and value is NOTHING:
        made.pop(name, None)
    else:
        made[name] = edited(made.get(name, {}), tuple(rest), value)
    return made


def is_noise(name: str) -> bool:
    """Whether a key tells nothing of what the network does."""
    return _NOISE.fullmatch(name) is not None


def texts_in(value: Any) -> Iterator[str]:
    """All texts of a tree."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from texts_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts_in(item)


def _is_element(path: Path) -> bool:
    """Whether a path leads to an element that is one thing."""
    return len(path) > 1 and path[-2] in WHOLE


def _differ(before: Any, after: Any, keep: Callable[[Path], bool], path: Path) -> bool:
    if isinstance(before, dict) and isinstance(after, dict):
        return any(
            _differ(before.get(name, NOTHING), after.get(name, NOTHING), keep, (*path, name))
            for name in dict.fromkeys((*before, *after))
            if keep((*path, name))
        )
    return not (_is_empty(before) and _is_empty(after)) and bool(before != after)


def _is_empty(value: Any) -> bool:
    """Whether a value says no more than its absence does."""
    return value is NOTHING or value is None or value == {} or value == ""


# -- what tells elements apart ------------------------------------------------------------------------------------


def _names(elements: Sequence[Any], key: str) -> Iterable[str]:
    if all(isinstance(one, dict) for one in elements):
        if key in PERMISSIONS:
            return [_permission_name(one) for one in elements]
        if key == "Entries" and all("RuleNumber" in one for one in elements):
            return [f"{'egress' if one.get('Egress') else 'ingress'} {one['RuleNumber']}" for one in elements]
        if key == "Routes":
            return [next((str(one[name]) for name in _DESTINATIONS if one.get(name)), "") for one in elements]
        if key == "TargetHealthDescriptions":
            targets = [one.get("Target") or {} for one in elements]
            return [f"{target.get('Id')}:{target.get('Port')}" for target in targets if isinstance(target, dict)]
        for name in _NAMES:
            found = [one.get(name) for one in elements]
            if all(isinstance(text, str) and text for text in found) and len(set(found)) == len(found):
                return [str(text) for text in found]
    return [one if isinstance(one, str) else json.dumps(one, sort_keys=True, default=str) for one in elements]


def _apart(permission: Any) -> list[Any]:
    """A permission of a security group as rules with one peer each."""
    if not isinstance(permission, dict):
        return [permission]
    base = {name: value for name, value in permission.items() if name not in PEERS}
    if "IpProtocol" in base:
        protocol = str(base["IpProtocol"]).lower()
        base["IpProtocol"] = _PROTOCOLS.get(protocol, protocol)
    return [{**base, field: [peer]} for field in PEERS for peer in _list(permission.get(field))]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _permission_name(rule: Json) -> str:
    words = [str(rule.get("IpProtocol", "")), str(rule.get("FromPort", -1)), str(rule.get("ToPort", -1))]
    for field, name in PEERS.items():
        for peer in _list(rule.get(field)):
            words.append(str(peer.get(name)) if isinstance(peer, dict) else str(peer))
            if isinstance(peer, dict) and field == "UserIdGroupPairs" and peer.get("VpcPeeringConnectionId"):
                words.append(str(peer["VpcPeeringConnectionId"]))
    return " ".join(words)
