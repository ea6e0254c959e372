"""The account from a folder of API responses, as the AWS CLI prints them, ``snapshot save`` or Batfish wrote them.

A file is known by its top-level keys, wherever in the folder it lies; what is not known is left alone. Account and
Region come from the path (``<account>/<region>/file.json``), else from the resources themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from whyblocked.config import resources as r
from whyblocked.config.account import Account, Missing, Query
from whyblocked.config.decode import Part, decode_file
from whyblocked.config.index import Partial
from whyblocked.config.operations import BY_KEY, READ, STATIC_ROUTES, permission_of
from whyblocked.config.snapshot_files import REGION, files_in, path_words
from whyblocked.errors import InputError
from whyblocked.text import clean

if TYPE_CHECKING:
    from whyblocked.config.trail import Lookup, Trail, TrailFiles

Log = tuple[str, bytes | Path]
"""A file that may hold events of CloudTrail's: its name, and its content or where it is packed."""

_PREFIX_LIST = re.compile(r"pl-[0-9a-zA-Z]+")


class Snapshot:
    """The source of an account that was read from files: what they do not hold, it will never have."""

    def __init__(
        self,
        kinds: frozenset[str],
        regions: tuple[str, ...] = (),
        accounts: frozenset[str] = frozenset(),
        logs: Sequence[Log] = (),
    ) -> None:
        self.kinds = kinds
        self.regions = regions
        self._logs = logs
        self._accounts = accounts  # those whose folders there are
        self._owners = accounts  # and those whose interfaces show
        self._guests: set[str] | None = None  # the VPCs in which others than their owners have interfaces
        self.warnings: list[str] = []

    @cached_property
    def trail(self) -> TrailFiles:
        """What the files tell of changes."""
        from whyblocked.config.trail import TrailFile, TrailFiles

        return TrailFiles([TrailFile(*log) for log in self._logs])

    def ask(self, query: Query) -> Missing | None:
        """None where a file held the kind of list that ``query`` gives, or where its absence says enough.

        Rules of security groups stand in the groups as well, internet gateways show in routes, and captures older
        than Block Public Access do not speak of it.
        """
        operation = READ.get(query.operation)
        if operation is None:
            return Missing(permission_of(query.operation), "not in the snapshot")
        if operation.key in self.kinds or operation.optional or operation.key == "InternetGateways":
            return None
        if operation.key == "NetworkInterfaces" and "Reservations" in self.kinds:
            return None  # as instances show them
        if operation.key == "Entries" and "PrefixLists" in self.kinds:
            return None
        of_one = operation.key == "Entries" or (operation.service == "elbv2" and operation.each is not None)
        which = f"{query.value} is " if of_one and query.value else ""
        return Missing(operation.permission, f"{which}not in the snapshot")

    def advance(self, account: Account) -> bool:  # noqa: ARG002 - the protocol's signature
        """Everything was read at once."""
        return False

    def hear(self, lookups: Iterable[Lookup], since: datetime | None, now: datetime) -> Trail:  # noqa: ARG002
        """The changes since then that files tell of, whatever they are about."""
        from whyblocked.config.trail import Told

        return Told(self.trail.since(None if since is None else int(since.timestamp())))

    def absent(self, query: Query) -> Missing:
        """How to say that no file holds what ``query`` asks for."""
        return Missing(permission_of(query.operation), f"{query.value} is not in the snapshot")

    def hidden(self, account: Account, vpc_id: str) -> Missing | None:
        """A shared VPC whose owner was not read: nobody else sees the owner's interfaces. Or a capture that shows those
        of instances only: what services have may be at any address.

        Where no folder says whose captures they are, the owners of interfaces do: guests have some in the VPC.
        """
        if "NetworkInterfaces" not in self.kinds:
            return Missing("ec2:DescribeNetworkInterfaces", f"not in the snapshot: whose an address of {vpc_id} is")
        owner = account.owner_of(vpc_id)
        if owner is None or owner in self._accounts:
            return None
        if self._guests is None:
            told = [(i.owner_id, i.vpc_id) for i in account.interfaces.values() if i.owner_id]
            self._owners = self._accounts | {of for of, _ in told}
            self._guests = {where for of, where in told if of != account.owner_of(where)}
        if owner in self._owners or not (self._accounts or vpc_id in self._guests):
            return None
        return Missing(f"what others have in {vpc_id}", f"account {owner}, which shares it, is not in the snapshot")


class LoadedFile(msgspec.Struct, frozen=True):
    """One file that held something known, and what its path says of where that is from."""

    name: str
    stem: str
    parts: list[Part]
    account_id: str | None
    region: str | None


def load_snapshot(folder: Path, region: str | None = None) -> Account:
    """The account in ``folder``; only what belongs to ``region`` where that is given."""
    files: list[LoadedFile] = []
    logs: list[Log] = []
    for file in _read(folder):
        (files if isinstance(file, LoadedFile) else logs).append(file)  # type: ignore[arg-type]
    if not files:
        raise InputError(
            f"{path_words(folder)}: no file in this folder holds a known API response "
            '(JSON with a key such as "SecurityGroups"); `whyblocked snapshot save DIR` makes a snapshot'
        )
    regions = tuple(sorted({file.region for file in files if file.region}))
    if region is not None:
        files = [file for file in files if file.region in (None, region)]
        if not files:
            raise InputError(
                f"{path_words(folder)}: holds nothing of Region {clean(region)}, only {', '.join(regions)}"
            )
    return Loader(files, region, regions, logs).account


class Loader:
    """Fills an account from files, in their order."""

    def __init__(
        self,
        files: list[LoadedFile],
        region: str | None = None,
        regions: tuple[str, ...] = (),
        logs: Sequence[Log] = (),
    ) -> None:
        self._region = region
        self._region_of_vpc = _regions_of_vpcs(files) if region else {}
        self._lists: dict[str, list[str]] = {}
        self._broken_lists: set[str] = set()
        kinds = frozenset(part.operation.key for file in files for part in file.parts)
        accounts = frozenset(file.account_id for file in files if file.account_id)
        source = Snapshot(kinds, regions, accounts, logs)
        self.account = Account(source)
        self._shown: list[tuple[LoadedFile, int, r.Instance, str | None]] = []
        for file in files:
            for part in file.parts:
                self._take(file, part)
        for file, index, instance, owner_id in self._shown:
            for interface in _interfaces(instance, owner_id, self.account):
                self._add(file, "Reservations", index, interface, owner_id)
        for prefix_list_id, cidrs in self._lists.items():
            if prefix_list_id not in self._broken_lists:  # half a list would give wrong answers
                self.account.add_prefix_list(prefix_list_id, cidrs)
        if differing := list(self.account.differing):
            others = f" and {len(differing) - 1} others" if len(differing) > 1 else ""
            source.warnings.append(
                f"The snapshot tells of {clean(differing[0])}{others} more than once, and not the same each time; the "
                "first counts, in the order of the paths. Are there two snapshots in the folder? Then name one of them"
            )

    def _take(self, file: LoadedFile, part: Part) -> None:
        key = part.operation.key
        if key == "Entries":
            self._entries(file, part)
            return
        if part.operation.each is not None and not part.operation.beside:
            self._details(file, part)
            if not part.operation.each.named:
                return
        for broken in part.broken:
            self.account.broken[key].append(broken)
        for index, resource in enumerate(part.resources):
            if isinstance(resource, r.Reservation):
                for instance in resource.instances:
                    self._add(file, "Reservations", index, instance, resource.owner_id)
                    if instance.network_interfaces:
                        self._shown.append((file, index, instance, resource.owner_id))
            elif isinstance(resource, r.PrefixList):
                self._add(file, key, index, resource, None)
                if resource.cidrs is not None:
                    self._lists.setdefault(resource.prefix_list_id, []).extend(resource.cidrs)
            else:
                self._add(file, key, index, resource, getattr(resource, "owner_id", None))

    def _entries(self, file: LoadedFile, part: Part) -> None:
        """The entries of the prefix list that the file is named after; other APIs have ``Entries`` too."""
        prefix_list_id = file.stem.rpartition(".")[2]
        if not _PREFIX_LIST.fullmatch(prefix_list_id):
            return
        for broken in part.broken:
            self._broken_lists.add(prefix_list_id)
            self.account.broken["PrefixLists"].append(
                r.Broken("PrefixLists", broken.mentions | {prefix_list_id}, broken.message)
            )
        cidrs = [entry.cidr for entry in part.resources if isinstance(entry, r.PrefixListEntry)]
        self._lists.setdefault(prefix_list_id, []).extend(cidrs)

    def _details(self, file: LoadedFile, part: Part) -> None:
        """What a call about one object gave; the file is named after it, or after the call and it."""
        head, _, tail = file.stem.rpartition(".")
        about = part.about or tail
        self.account.broken[part.operation.key] += [
            r.Broken(broken.kind, broken.mentions | {about}, broken.message) for broken in part.broken
        ]
        alike = [operation for operation in READ.values() if operation.each and operation.key == part.operation.key]
        told = [operation for operation in alike if operation.file_name.partition("-")[2] in head]
        partial: Partial | None = "as many as fit" if part.cut else None
        if part.about and part.operation.each and part.operation.each.wrapper == STATIC_ROUTES:
            partial = partial or "static routes"
        for operation in (part.operation,) if part.about else told or alike:
            self.account.add_details(operation.name, about, part.resources, partial)
        if part.operation.each is not None and part.operation.each.named:
            return  # they are added with what is no detail
        for index, resource in enumerate(part.resources):
            self._add(file, part.operation.key, index, resource, getattr(resource, "owner_id", None))

    def _add(self, file: LoadedFile, key: str, index: int, resource: r.Resource, owner_id: str | None) -> None:
        region = file.region or _own_region(resource)
        if self._region and (region or self._region_of_vpc.get(getattr(resource, "vpc_id", None) or "")) not in (
            None,
            self._region,
        ):
            return
        kind = "NetworkInterfaces" if isinstance(resource, r.NetworkInterface) else key
        self.account.keep(kind, resource, f"{file.name}: {key}[{index}]", file.account_id or owner_id, region)


def _interfaces(instance: r.Instance, owner_id: str | None, account: Account) -> Iterator[r.NetworkInterface]:
    """The interfaces of an instance that only it shows, as in a snapshot without ``NetworkInterfaces``."""
    for shown in instance.network_interfaces:
        known = account.interfaces.get(shown.network_interface_id)
        elsewhere = known is not None and not (
            known.attachment and known.attachment.instance_id not in (None, instance.instance_id)
        )
        if elsewhere or any(shown.network_interface_id in b.mentions for b in account.broken["NetworkInterfaces"]):
            continue
        # Scrubbed captures give several instances one interface id; theirs are told apart by the instance's.
        interface_id = (
            shown.network_interface_id if known is None else f"{shown.network_interface_id}@{instance.instance_id}"
        )
        vpc_id, subnet_id = shown.vpc_id or instance.vpc_id, shown.subnet_id or instance.subnet_id
        if vpc_id is None or subnet_id is None or shown.groups is None:
            continue
        attachment = shown.attachment or r.Attachment(status="attached")
        yield r.NetworkInterface(
            network_interface_id=interface_id,
            vpc_id=vpc_id,
            subnet_id=subnet_id,
            groups=shown.groups,
            private_ip_address=shown.private_ip_address,
            private_ip_addresses=shown.private_ip_addresses,
            ipv6_addresses=shown.ipv6_addresses,
            association=shown.association,
            attachment=r.Attachment(
                status=attachment.status,
                instance_id=instance.instance_id,
                instance_owner_id=owner_id,
                device_index=attachment.device_index,
            ),
            status=shown.status,
            owner_id=shown.owner_id,
            source_dest_check=shown.source_dest_check,
        )


# -- where things are from ---------------------------------------------------------------------------------------


def _own_region(resource: r.Resource) -> str | None:
    """The Region of a resource by its Availability Zone (``eu-west-1a``, ``us-west-2-lax-1a``), or as it says."""
    zone = getattr(resource, "availability_zone", None)
    if zone:
        match = REGION.match(zone)
        return match[0] if match else None
    return getattr(resource, "aws_region", None)


def _regions_of_vpcs(files: list[LoadedFile]) -> dict[str, str]:
    """The Region of every VPC that some resource tells it of."""
    found: dict[str, str] = {}
    for file in files:
        for part in file.parts:
            for resource in part.resources:
                vpc_id, region = getattr(resource, "vpc_id", None), file.region or _own_region(resource)
                if vpc_id and region:
                    found.setdefault(vpc_id, region)
    return found


# -- files -------------------------------------------------------------------------------------------------------


def _read(folder: Path) -> Iterator[LoadedFile | Log]:
    """Every file that holds something known, in the order of their paths."""
    for file in files_in(folder):
        name, path = file.name, file.path
        if path.suffix.lower() == ".gz":  # as CloudTrail delivers its log files
            yield name, path
            continue
        content = file.content()
        parts = decode_file(name, content)
        if any(part.operation.key in BY_KEY for part in parts):
            yield LoadedFile(name, path.stem, parts, file.account_id, file.region)
        if _is_of_events(content):
            yield name, content


def _is_of_events(content: bytes) -> bool:
    """Whether a JSON file may hold events of CloudTrail's, by a look at its keys."""
    may_be = b'"Events"' in content or b'"Records"' in content
    return may_be and re.search(rb'"(?:Events|Records)"\s*:', content) is not None
