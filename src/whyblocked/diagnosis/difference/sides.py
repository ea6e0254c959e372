"""Two snapshots side by side: their resources by what they are, and accounts that lie between the two.

What serves a subnet is told of the subnet: that it moved from one route table to another is one difference, though it
shows in both tables. The rows of security group rules only add ids to what the groups themselves say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from whyblocked.config.account import Account
from whyblocked.config.inventory import Inventory, Item, Maker
from whyblocked.diagnosis.difference.trees import NOTHING, PERMISSIONS, Edit, cut, edited, grown

Json = dict[str, Any]

ACL_OF, TABLE_OF = "NetworkAclAssociations", "RouteTableAssociations"
"""Kinds of what AWS tells within the resource that serves."""
RULES = "SecurityGroupRules"

_SERVES = {"NetworkAcls": (ACL_OF, "NetworkAclId"), "RouteTables": (TABLE_OF, "RouteTableId")}
_SERVED_BY = {kind: (of, name) for of, (kind, name) in _SERVES.items()}


class Key(NamedTuple):
    """Which resource: its kind and id, account and Region (empty where they do not matter), which of several alike."""

    kind: str
    id: str
    place: tuple[str, str] = ("", "")
    turn: int = 0


class Change(NamedTuple):
    """Something that can be changed by itself: a resource that came or went (no ``edits``), or what is edited in it.

    ``keys``: the same resource may be told of by several accounts.
    """

    keys: tuple[Key, ...]
    edits: tuple[Edit, ...] = ()
    before: Any = NOTHING
    after: Any = NOTHING

    @property
    def key(self) -> Key:
        """Where it is told first."""
        return self.keys[0]


class Side:
    """One of two snapshots: items by key, without what they serve, which stands in ``serving``."""

    def __init__(self, inventory: Inventory, *, placed: bool) -> None:
        self.inventory = inventory
        self.items: dict[Key, Item] = {}
        self.serving: dict[Key, Json] = {}
        self._raws: dict[Key, Json] = {}
        for item in inventory.items:
            place = item.place if placed else ("", "")
            key = _free(self.items, Key(item.kind, item.id, place))
            self.items[key] = item
            for kind, served, association in _associations(item):
                self.serving[_free(self.serving, Key(kind, served, place))] = association

    def raw(self, key: Key) -> Json:
        """An item as it is compared."""
        found = self._raws.get(key)
        if found is None:
            found = self.items[key].raw
            if key.kind in _SERVES:
                found = {name: value for name, value in found.items() if name != "Associations"}
            self._raws[key] = found
        return found


class Sides:
    """Both snapshots, and what lies between them."""

    def __init__(self, before: Inventory, after: Inventory) -> None:
        placed = all(slot.account_id and slot.region for slot in (*before.slots, *after.slots))
        self.before, self.after = Side(before, placed=placed), Side(after, placed=placed)
        self.of_before, self.of_after = (one.captured(placed=placed) for one in (before, after))
        self._shared = self.of_before & self.of_after
        known = {_rule_of(item) for item in self.before.items.values() if item.kind == RULES}
        beside = {key: item for key, item in self.after.items.items() if not self.is_compared(key)}
        self._beside = [key for key, item in beside.items() if key.kind != RULES or _rule_of(item) not in known]
        self._maker = Maker()
        self._slots = dict.fromkeys((*before.slots, *after.slots))
        self._name = f"{before.name} and {after.name}"

    def is_compared(self, key: Key) -> bool:
        """Whether both snapshots have captured the kind there; rows of rules only where groups have none of them."""
        return (key.kind, key.place) in self._shared and (key.kind != RULES or self._are_rules(key))

    def _are_rules(self, key: Key) -> bool:
        for side in (self.before, self.after):
            row = side.items.get(key)
            group = Key("SecurityGroups", str(row.raw.get("GroupId")), key.place) if row is not None else None
            if group is not None and group in side.items:
                return not any(name in side.items[group].raw for name in PERMISSIONS)
        return True

    def whole(self, side: Side) -> Account:
        """One of the snapshots as it is, with nothing of the other."""
        return self._maker.account(side.inventory.name, side.items.values(), side.inventory.slots)

    def is_served(self, key: Key) -> bool:
        """Whether both snapshots have captured what serves, of this kind of association."""
        return (_SERVED_BY[key.kind][0], key.place) in self._shared

    def between(self, changes: Collection[Change]) -> Account:
        """The account before, with these changes made.

        What only one of the snapshots has captured is in it, whichever that is.
        """
        items = dict(self.before.items)
        for key in self._beside:
            items.setdefault(key, self.after.items[key])
        serving = dict(self.before.serving)
        tables: set[tuple[str, str]] = set()
        trees: dict[Key, Any] = {}
        for change in changes:
            for key in change.keys:
                if key.kind in _SERVED_BY:
                    tables |= self._serve(serving, key)
                elif change.edits:
                    tree = trees.get(key) or grown(items[key].raw, key.kind)
                    for edit in change.edits:
                        tree = edited(tree, edit.path, edit.after)
                    trees[key] = tree
                elif key in self.after.items:
                    items[key] = self.after.items[key]
                    tables.add((key.kind, key.id))
                else:
                    del items[key]
        for key, tree in trees.items():
            items[key] = items[key]._replace(raw=cut(tree))
        if tables:
            _attach(items, serving, tables)
        return self._maker.account(self._name, items.values(), self._slots)

    def _serve(self, serving: dict[Key, Json], key: Key) -> set[tuple[str, str]]:
        """Let what serves after serve; the resources that this shows in."""
        of, name = _SERVED_BY[key.kind]
        now = self.after.serving.get(key)
        old = serving.pop(key, None)
        if now is not None:
            serving[key] = now
        return {(of, str(one[name])) for one in (old, now) if one is not None}


def _attach(items: dict[Key, Item], serving: Mapping[Key, Json], tables: Collection[tuple[str, str]]) -> None:
    """Let these network ACLs and route tables show what they serve."""
    shown: dict[tuple[str, str, tuple[str, str]], list[Json]] = {}
    for key, association in serving.items():
        of, name = _SERVED_BY[key.kind]
        shown.setdefault((of, str(association[name]), key.place), []).append(association)
    for key, item in items.items():
        if key.kind in _SERVES and (key.kind, key.id) in tables:
            found = shown.get((key.kind, key.id, key.place), [])
            items[key] = item._replace(raw={**item.raw, "Associations": found})


def _associations(item: Item) -> Iterator[tuple[str, str, Json]]:
    """What a network ACL or route table serves: a subnet, a gateway, or the rest of its VPC."""
    if item.kind not in _SERVES:
        return
    kind, name = _SERVES[item.kind]
    associations: Iterable[Any] = item.raw.get("Associations") or ()
    for one in associations:
        if isinstance(one, dict):
            served = one.get("SubnetId") or one.get("GatewayId")
            if not served:
                served = f"the rest of {item.raw.get('VpcId')}" if one.get("Main") else str(one)
            yield kind, str(served), {**one, name: item.id}


def _rule_of(row: Item) -> str:
    """What a row's rule is, without its id."""
    return repr(sorted((name, str(value)) for name, value in row.raw.items() if name not in _OF_A_ROW))


_OF_A_ROW = ("SecurityGroupRuleId", "SecurityGroupRuleArn", "Tags", "Description")


def _free(found: Mapping[Key, Any], key: Key) -> Key:
    while key in found:
        key = key._replace(turn=key.turn + 1)
    return key
