"""A snapshot as its raw resources, each by itself: to compare two, and to make accounts that lie between them.

An account made from an inventory is the one that loading its files gives.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from whyblocked.config.account import Account
from whyblocked.config.confidential import without_secrets
from whyblocked.config.decode import Part, decode_response
from whyblocked.config.documents import responses_of
from whyblocked.config.operations import BY_KEY, SAVED, WRAPPERS, Operation
from whyblocked.config.snapshot import LoadedFile, Loader
from whyblocked.config.snapshot_files import files_in, path_words
from whyblocked.errors import InputError

Json = dict[str, Any]

INSTANCES = "Instances"
"""The kind of what stands under ``Reservations``."""

_KEYS = {operation.key: operation for operation in reversed(SAVED)} | BY_KEY
_MORE = "AdditionalRoutesAvailable"
_PREFIX_LIST = re.compile(r"pl-[0-9a-zA-Z]+")
# What a resource is known by, where that is not the first of its keys that ends like a name.
_IDS: dict[str, tuple[str, ...]] = {
    "Vpcs": ("VpcId",),
    "Subnets": ("SubnetId",),
    "RouteTables": ("RouteTableId",),
    "NetworkAcls": ("NetworkAclId",),
    "SecurityGroups": ("GroupId",),
    "SecurityGroupRules": ("SecurityGroupRuleId",),
    "SecurityGroupVpcAssociations": ("GroupId", "VpcId"),
    "NetworkInterfaces": ("NetworkInterfaceId",),
    INSTANCES: ("InstanceId",),
    "InternetGateways": ("InternetGatewayId",),
    "EgressOnlyInternetGateways": ("EgressOnlyInternetGatewayId",),
    "NatGateways": ("NatGatewayId",),
    "VpcPeeringConnections": ("VpcPeeringConnectionId",),
    "PrefixLists": ("PrefixListId",),
    "Addresses": ("AllocationId",),
    "FlowLogs": ("FlowLogId",),
    "VpnGateways": ("VpnGatewayId",),
    "VpnConnections": ("VpnConnectionId",),
    "virtualInterfaces": ("virtualInterfaceId",),
    "CarrierGateways": ("CarrierGatewayId",),
    "VpcBlockPublicAccessExclusions": ("ExclusionId",),
    "VpcEncryptionControls": ("VpcEncryptionControlId",),
    "TransitGateways": ("TransitGatewayId",),
    "TransitGatewayAttachments": ("TransitGatewayAttachmentId",),
    "TransitGatewayVpcAttachments": ("TransitGatewayAttachmentId",),
    "TransitGatewayPeeringAttachments": ("TransitGatewayAttachmentId",),
    "TransitGatewayRouteTables": ("TransitGatewayRouteTableId",),
    "LoadBalancers": ("LoadBalancerArn",),
    "LoadBalancerDescriptions": ("LoadBalancerName",),
    "Listeners": ("ListenerArn",),
    "Rules": ("RuleArn",),
    "TargetGroups": ("TargetGroupArn",),
    "VpcEndpoints": ("VpcEndpointId",),
    "FileSystems": ("FileSystemId",),
    "MountTargets": ("MountTargetId",),
    "Functions": ("FunctionName",),
    "DomainStatusList": ("DomainName",),
}
_NO_IDS = frozenset({"OwnerId", "AwsAccountId", "RequesterId", "AvailabilityZoneId", "ZoneId", "KmsKeyId", "VpcId"})
_NAMES = ("Arn", "ARN", "Id", "Identifier", "Name")


class Slot(NamedTuple):
    """The list of a file that items stand in: how the file is called, where it is from, and the list's key.

    ``about`` is the object that a call was about, which its answer does not name; ``wrapper`` the list that keeps
    several such answers.
    """

    stem: str
    account_id: str | None
    region: str | None
    key: str
    about: str = ""
    wrapper: str = ""


class Item(NamedTuple):
    """One resource as AWS tells it, or the whole answer of a call about one object."""

    slot: Slot
    kind: str
    id: str
    raw: Json
    owner: str | None = None

    @property
    def place(self) -> tuple[str, str]:
        """Account and Region, as far as the path told."""
        return self.slot.account_id or "", self.slot.region or ""


class Inventory:
    """The items of a snapshot, and the lists that they stand in, which may be empty."""

    def __init__(self, name: str, items: Iterable[Item], slots: Iterable[Slot]) -> None:
        self.name = name
        self.items = tuple(items)
        self.slots = tuple(dict.fromkeys(slots))

    def captured(self, *, placed: bool) -> frozenset[tuple[str, tuple[str, str]]]:
        """The kinds that were captured, also where there is nothing of them: each with its account and Region, where
        these are asked for."""
        return frozenset(
            (
                INSTANCES if slot.key == "Reservations" else slot.key,
                (slot.account_id or "", slot.region or "") if placed else ("", ""),
            )
            for slot in self.slots
        )


def load_inventory(folder: Path, region: str | None = None) -> Inventory:
    """The inventory of a snapshot folder, or of what it holds of one Region; what is unknown is left alone."""
    items: list[Item] = []
    slots: list[Slot] = []
    for file in files_in(folder):
        if file.path.suffix.lower() == ".gz" or (region and file.region not in (None, region)):
            continue
        base = Slot(file.path.stem, file.account_id, file.region, "")
        for response in responses_of(file.name, file.content()):
            for slot, found in _of_document(without_secrets(response), base):
                slots.append(slot)
                items += found
    if not slots:
        raise InputError(
            f"{path_words(folder)}: no file in this folder holds a known API response; "
            "`whyblocked snapshot save DIR` makes a snapshot"
        )
    return Inventory(path_words(folder), items, slots)


def _of_document(document: Json, base: Slot) -> Iterator[tuple[Slot, list[Item]]]:
    """The lists of one file with their items."""
    for key, operation in _KEYS.items():
        value = document.get(key)
        if value is None or (key in WRAPPERS and isinstance(value, list)):
            continue
        slot = base._replace(key=key)
        if operation.beside:
            beside = document.get(operation.beside)
            if isinstance(value, dict):
                raw = {key: value, operation.beside: beside if isinstance(beside, dict) else {}}
                yield slot, [Item(slot, key, _name_of(key, value), raw)]
        elif operation.whole:
            yield slot, [Item(slot, key, base.stem, document)]
        elif operation.each is not None and not operation.each.named:
            about = base.stem.rpartition(".")[2]
            if key != "Entries" or _PREFIX_LIST.fullmatch(about):
                slot = slot._replace(about=about)
                yield slot, [Item(slot, key, about, _answer(document, key))]
        elif operation.single:
            yield slot, [Item(slot, key, _name_of(key, value), value)] if isinstance(value, dict) else []
        elif isinstance(value, list):
            yield slot, list(_listed(slot, value))
    for wrapper, operation in WRAPPERS.items():
        rows = document.get(wrapper)
        for row in rows if isinstance(rows, list) else ():
            of = row.get(operation.each.id) if operation.each and isinstance(row, dict) else None
            if isinstance(of, str):
                slot = base._replace(key=operation.key, about=of, wrapper=wrapper)
                yield slot, [Item(slot, operation.key, of, _answer(row, operation.key))]


def _answer(document: Json, key: str) -> Json:
    """The answer of a call about one object: its list, and whether there is more."""
    return {name: document[name] for name in (key, _MORE) if name in document}


def _listed(slot: Slot, rows: list[Any]) -> Iterator[Item]:
    for row in rows:
        if not isinstance(row, dict):
            continue
        if slot.key != "Reservations":
            yield Item(slot, slot.key, _name_of(slot.key, row), row)
            continue
        owner, instances = row.get("OwnerId"), row.get("Instances")
        for instance in instances if isinstance(instances, list) else ():
            if isinstance(instance, dict):
                name = _name_of(INSTANCES, instance)
                yield Item(slot, INSTANCES, name, instance, owner if isinstance(owner, str) else None)


def _name_of(kind: str, raw: Json) -> str:
    known = _IDS.get(kind)
    if known is not None and any(raw.get(key) for key in known):
        return " ".join(str(raw.get(key, "")) for key in known)
    for ending in _NAMES:
        for key, value in raw.items():
            if key.endswith(ending) and key not in _NO_IDS and isinstance(value, str):
                return value
    return kind


# -- accounts -----------------------------------------------------------------------------------------------------


class Maker:
    """Makes accounts from items; each item is decoded once, however many accounts it is in."""

    def __init__(self) -> None:
        self._parts: dict[int, tuple[Item, list[Part]]] = {}

    def account(self, name: str, items: Iterable[Item], slots: Iterable[Slot]) -> Account:
        """The account that a snapshot with these items and lists would give."""
        files = {slot: [Part(_operation(slot), (), about=slot.about if slot.wrapper else "")] for slot in slots}
        for item in items:
            files.setdefault(item.slot, []).extend(self._decoded(name, item))
        return Loader(
            [
                LoadedFile(f"{name}/{slot.stem}.json", slot.stem, parts, slot.account_id, slot.region)
                for slot, parts in files.items()
            ]
        ).account

    def _decoded(self, name: str, item: Item) -> list[Part]:
        known = self._parts.get(id(item.raw))
        if known is not None and known[0].raw is item.raw:
            return known[1]
        parts = [_part(name, item)]
        self._parts[id(item.raw)] = item, parts
        return parts


def _operation(slot: Slot) -> Operation:
    return WRAPPERS[slot.wrapper] if slot.wrapper else _KEYS[slot.key]


def _part(name: str, item: Item) -> Part:
    operation, key = _operation(item.slot), item.slot.key
    if item.kind == INSTANCES:
        response: Json = {key: [{"OwnerId": item.owner, "Instances": [item.raw]}]}
    elif operation.beside or operation.whole or item.slot.about:
        response = item.raw
    else:
        response = {key: item.raw if operation.single else [item.raw]}
    if operation.type is None:
        return Part(operation, ())
    part = decode_response(operation, response, f"{name}/{item.slot.stem}.json: {item.id}")
    return part._replace(about=item.slot.about) if item.slot.wrapper else part
