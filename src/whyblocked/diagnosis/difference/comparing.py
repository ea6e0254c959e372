"""What changed from one snapshot to the other, in pieces that can each be made by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec

from whyblocked.config import resources as r
from whyblocked.config.inventory import INSTANCES
from whyblocked.config.operations import BY_KEY, MANAGED, READ
from whyblocked.diagnosis.difference.sides import ACL_OF, TABLE_OF, Change, Key, Sides
from whyblocked.diagnosis.difference.trees import (
    NOTHING,
    WHOLE,
    Edit,
    Path,
    edits,
    grown,
    is_noise,
)

# Of what is mostly not about the network, what is.
_ONLY = {
    INSTANCES: frozenset({"State", "SourceDestCheck", "SubnetId", "VpcId", "Platform", "Tags"}),
    "FlowLogs": frozenset({"ResourceId", "TrafficType", "LogDestination", "LogGroupName", "LogFormat"}),
}
_OF_SERVICES = frozenset(READ[name].key for name in MANAGED)
# Told again, of the same address, in another place of the same interface.
_ADDRESSES = ("Association", "PrivateIpAddresses")
_ORDER = (
    *("SecurityGroups", "NetworkAcls", ACL_OF, "RouteTables", TABLE_OF, "PrefixLists", "Entries", "NetworkInterfaces"),
    *(INSTANCES, "Vpcs", "Subnets", "InternetGateways", "EgressOnlyInternetGateways", "NatGateways"),
    *("VpcPeeringConnections", "TransitGateways", "TransitGatewayAttachments", "TransitGatewayVpcAttachments"),
    *("TransitGatewayRouteTables", "Routes", "Associations", "LoadBalancers", "Listeners", "Rules", "TargetGroups"),
)


def compare(sides: Sides) -> list[Change]:
    """Every difference in what both have captured: resource by resource, the kinds that decide most first."""
    found: dict[object, Change] = {}
    for change in _changes(sides):
        key = change.key
        same = (key.kind, key.id, key.turn, repr(change.edits), repr(change.before), repr(change.after))
        known = found.get(same)
        found[same] = change if known is None else known._replace(keys=(*known.keys, *change.keys))
    return sorted(found.values(), key=lambda change: (*_rank(change.key), [edit.path for edit in change.edits]))


def _rank(key: Key) -> tuple[int, str, str]:
    return _ORDER.index(key.kind) if key.kind in _ORDER else len(_ORDER), key.kind, key.id


def _changes(sides: Sides) -> Iterator[Change]:
    before, after = sides.before, sides.after
    for key in dict.fromkeys((*before.items, *after.items)):
        if not sides.is_compared(key):
            continue
        if key not in after.items:
            yield Change((key,), before=before.raw(key))
        elif key not in before.items:
            yield Change((key,), after=after.raw(key))
        elif before.raw(key) != after.raw(key):
            yield from _edits(key, before.raw(key), after.raw(key))
    for key in dict.fromkeys((*before.serving, *after.serving)):
        if not sides.is_served(key):
            continue
        was, now = before.serving.get(key, NOTHING), after.serving.get(key, NOTHING)
        if _served(key, was) != _served(key, now):
            yield Change((key,), before=was, after=now)


def _served(key: Key, association: Any) -> Any:
    """What serves, and whether it does yet."""
    if association is NOTHING:
        return NOTHING
    state = association.get("AssociationState")
    name = "NetworkAclId" if key.kind == ACL_OF else "RouteTableId"
    return association[name], state.get("State") if isinstance(state, dict) else None


def _edits(key: Key, was: Any, now: Any) -> Iterator[Change]:
    """The differences within a resource, each by itself; addresses that are told twice together."""
    before, after = grown(was, key.kind), grown(now, key.kind)
    found = [
        Edit(path, a, b)
        for path, a, b in edits(before, after, lambda path: _matters(key.kind, path))
        if told(key.kind, path, a) != told(key.kind, path, b)
    ]
    together = [edit for edit in found if key.kind == "NetworkInterfaces" and _is_public(edit.path)]
    if together:
        yield Change((key,), tuple(together))
    for edit in found:
        if edit not in together:
            yield Change((key,), (edit,))


def _is_public(path: Path) -> bool:
    return "Association" in path and path[0] in _ADDRESSES


def told(kind: str, path: Path, value: Any) -> Any:
    """A tree without what is noise in it; None where nothing is left."""
    if not isinstance(value, dict):
        return None if value is NOTHING or value == "" else value
    kept = type(value)()
    for name, item in value.items():
        there = (*path, name)
        inner = told(kind, there, item) if _matters(kind, there) else None
        if inner is not None:
            kept[name] = inner
    return kept or None


def resource(key: Key, raw: Any) -> Any:
    """A whole resource without what is noise in it."""
    return raw if raw is NOTHING or key.kind in (ACL_OF, TABLE_OF) else told(key.kind, (), grown(raw, key.kind))


def _matters(kind: str, path: Path) -> bool:
    """Whether what stands at a path has to do with the network."""
    name = path[-1]
    if len(path) == 1 and kind in _ONLY:
        return name in _ONLY[kind]
    if path[0] in ("Tags", "TagSet"):
        return len(path) == 1 or path[1] == "Name"
    if kind == INSTANCES and path == ("State", "Code"):  # the number of the state's name
        return False
    if kind in _OF_SERVICES and len(path) == 1:
        return name in _fields(kind)
    return not is_noise(name) or not WHOLE.isdisjoint(path[:-1])


@cache
def _fields(kind: str) -> frozenset[str]:
    """The keys of a service's resource that say where its interfaces are."""
    struct = BY_KEY[kind].type
    if struct is None or not issubclass(struct, r.Resource):
        return frozenset()
    return frozenset(field.encode_name for field in msgspec.structs.fields(struct))
