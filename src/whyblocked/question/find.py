"""Looking an endpoint up in an account, in as few questions to AWS as it takes.

Every look-up asks for all it may need at once, also where the first answer would do: a live account fetches what was
asked for in one round, and is looked up again. Search.waits() tells whether one of them has to.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection
from ipaddress import IPv4Network, IPv6Network
from weakref import WeakKeyDictionary

from whyblocked.config.account import ANY, Account, Missing, Query
from whyblocked.config.addresses import device_index
from whyblocked.config.resources import Instance, NetworkInterface, name_tag
from whyblocked.errors import InputError
from whyblocked.network.addresses import is_public
from whyblocked.question import arns
from whyblocked.question.shapes import ID_DIGITS, is_host_name

GONE = frozenset({"terminated", "shutting-down"})


class _Ids:
    """Ids of one kind, found by their beginnings."""

    def __init__(self, ids: Collection[str]) -> None:
        self._known = frozenset(ids)
        self._sorted = sorted((found.partition("-")[2].lstrip("0"), found) for found in ids)

    def matching(self, prefix: str) -> list[str]:
        """The ids that ``prefix`` may mean: the one that is just it, else all that begin with it."""
        if prefix in self._known:
            return [prefix]
        match = short_id(prefix).match
        digits = prefix.partition("-")[2].lstrip("0")
        first = bisect_left(self._sorted, (digits, ""))
        last = bisect_left(self._sorted, (f"{digits}~", ""))
        return [found for _, found in self._sorted[first:last] if match(found)]


class Directory:
    """The names under which an account's instances and interfaces are known."""

    def __init__(self, account: Account) -> None:
        self.version = account.version
        self.instances: dict[str, list[Instance]] = defaultdict(list)
        self.interfaces: dict[str, list[NetworkInterface]] = defaultdict(list)
        self.instance_hosts: dict[str, list[Instance]] = defaultdict(list)
        self.interface_hosts: dict[str, list[NetworkInterface]] = defaultdict(list)
        self.attached: dict[str, list[NetworkInterface]] = defaultdict(list)
        for instance in account.instances.values():
            if name := name_tag(instance.tags):
                self.instances[name].append(instance)
            for host in {instance.private_dns_name, instance.public_dns_name}:
                if host:
                    self.instance_hosts[host.lower()].append(instance)
        for interface in account.interfaces.values():
            if name := name_tag(interface.tag_set):
                self.interfaces[name].append(interface)
            public = interface.association.public_dns_name if interface.association else None
            for host in {interface.private_dns_name, public}:
                if host:
                    self.interface_hosts[host.lower()].append(interface)
            if interface.attachment and interface.attachment.instance_id:
                self.attached[interface.attachment.instance_id].append(interface)
        self.instance_ids = _Ids({*account.instances, *self.attached})
        self.interface_ids = _Ids(account.interfaces)

    def names(self) -> list[str]:
        """Every name, for suggestions."""
        return [*self.instances, *self.interfaces, *self.instance_hosts, *self.interface_hosts]


_directories: WeakKeyDictionary[Account, Directory] = WeakKeyDictionary()


def directory(account: Account) -> Directory:
    """The names in ``account`` as it is now."""
    found = _directories.get(account)
    if found is None or found.version != account.version:
        found = _directories[account] = Directory(account)
    return found


class Search:
    """Look-ups in one account; remembers whether one of them waits, and what was refused.

    ``block``: one of the ends is a block that may hold interfaces of a VPC. ``version``: the IP version that an end
    fixes by its looks, where one does.
    """

    def __init__(self, account: Account, *, block: bool = False, version: int | None = None) -> None:
        self.account = account
        self.block = block
        self.version = version
        self.directory = directory(account)
        self._pending = False
        self.refused: list[Missing] = []
        self.remarks: dict[str, None] = {}

    def note(self, missing: Missing | None) -> bool:
        """True where an answer is there; else notes why not."""
        if missing is None:
            return True
        if missing.pending:
            self._pending = True
        elif missing not in self.refused:
            self.refused.append(missing)
        return False

    def remark(self, text: str) -> None:
        """Remember what the reader of the answer has to know about an end."""
        self.remarks[text] = None

    def in_dns(self, host: str) -> tuple[str, ...] | Missing:
        """The addresses of a name that only DNS knows; offline it is not asked, so that an answer stays the same."""
        look_up: Callable[[str], tuple[str, ...] | None] | None = getattr(self.account.source, "look_up", None)
        if look_up is None:
            return Missing(f"DNS name {host}", "names are not looked up in DNS with --snapshot", absent=True)
        found = look_up(host)
        return Missing(f"DNS name {host}", "no answer from DNS") if found is None else found

    def waits(self) -> bool:
        """Whether something that was looked up has to be fetched first."""
        return self._pending

    def ask(self, *queries: tuple[str, str, str], about: str = "") -> None:
        """Ask for all of these, where what they are ``about`` lives."""
        for query in queries:
            self.note(self.account.source.ask(Query(*query, about)))

    def instances_like(self, prefix: str, arn: str = "") -> dict[str, Instance | None]:
        """The instances whose id begins with ``prefix``, leading zeros aside; ``arn`` where all of it was typed.

        None stands for an instance that only shows in its interfaces.
        """
        for pattern in id_patterns(prefix):
            self.ask(
                ("DescribeInstances", "instance-id", pattern),
                ("DescribeNetworkInterfaces", "attachment.instance-id", pattern),
                about=arn,
            )
        self.check("Reservations", prefix)
        ids = self.directory.instance_ids.matching(prefix)
        return {
            found: self.account.instances.get(found) for found in ids if not arn or self._is_instance_of(found, arn)
        }

    def interfaces_like(self, prefix: str, arn: str = "") -> list[NetworkInterface]:
        """The interfaces whose id begins with ``prefix``, leading zeros aside; ``arn`` where all of it was typed."""
        for pattern in id_patterns(prefix):
            self.ask(("DescribeNetworkInterfaces", "network-interface-id", pattern), about=arn)
        self.check("NetworkInterfaces", prefix)
        found = [self.account.interfaces[one] for one in self.directory.interface_ids.matching(prefix)]
        return [one for one in found if not arn or arns.may_be(arn, *self._place_of(one))]

    def _is_instance_of(self, instance_id: str, arn: str) -> bool:
        """Whether an instance can be the one that an ARN names, by itself and by what its interfaces tell."""
        account = self.account
        places = [(account.account_id_of(instance_id), account.region_of(instance_id))]
        for interface in self.directory.attached.get(instance_id, ()):
            owner, region = self._place_of(interface)
            said = interface.attachment.instance_owner_id if interface.attachment else None
            places.append((said or owner, region))
        return all(arns.may_be(arn, *place) for place in places)

    def _place_of(self, interface: NetworkInterface) -> tuple[str | None, str | None]:
        """The account and Region of an interface, as far as they are known."""
        of, account = interface.network_interface_id, self.account
        return account.account_id_of(of), account.region_of(of) or account.region_of(interface.vpc_id)

    def named(self, name: str) -> tuple[list[Instance], list[NetworkInterface]]:
        """The instances and interfaces with this ``Name`` or DNS name; what is gone only where nothing else has it."""
        self.ask(("DescribeInstances", "tag:Name", name), ("DescribeNetworkInterfaces", "tag:Name", name))
        host = name.lower().rstrip(".")
        instances = list(self.directory.instances.get(name, ()))
        interfaces = list(self.directory.interfaces.get(name, ()))
        if is_host_name(name):
            self.ask(
                ("DescribeInstances", "private-dns-name", host), ("DescribeNetworkInterfaces", "private-dns-name", host)
            )
            instances += [i for i in self.directory.instance_hosts.get(host, ()) if i not in instances]
            interfaces += [i for i in self.directory.interface_hosts.get(host, ()) if i not in interfaces]
        if not instances and not interfaces and not self._pending:
            self.check("Reservations", name)
            self.check("NetworkInterfaces", name)
        alive = [i for i in instances if not i.state or i.state.name not in GONE]
        instances = alive or ([] if interfaces else instances)
        of_these = {instance.instance_id for instance in instances}
        return instances, [i for i in interfaces if not i.attachment or i.attachment.instance_id not in of_these]

    def interfaces_of(self, instance_id: str, *, asked: bool) -> tuple[NetworkInterface, ...]:
        """The interfaces of an instance by device index; ``asked`` where its id was already searched for."""
        if not asked:
            self.ask(("DescribeNetworkInterfaces", "attachment.instance-id", instance_id))
        found = self.directory.attached.get(instance_id, ())
        return tuple(sorted(found, key=lambda i: (device_index(i), i.network_interface_id)))

    def public_owners(self, block: IPv4Network | IPv6Network) -> None:
        """Who has addresses of a block that is routed on the internet; no filter of AWS's takes a block."""
        if is_public(block[0]):
            name = "addresses.association.public-ip" if block.version == 4 else "ipv6-addresses.ipv6-address"
            self.ask(("DescribeNetworkInterfaces", name, ANY))

    def instance_of(self, interface: NetworkInterface) -> Instance | None:
        """The instance that an interface is attached to, where it can be read."""
        instance_id = interface.attachment.instance_id if interface.attachment else None
        if not instance_id:
            return None
        found = self.account.instance(instance_id)
        if isinstance(found, Missing):
            self._pending = self._pending or found.pending
            return None
        return found

    def check(self, kind: str, text: str) -> None:
        """Raise :class:`InputError` where what was named is there, but could not be made sense of."""
        pattern = short_id(text) if text.startswith(("i-", "eni-", "vpce-")) else re.compile(re.escape(text) + r"\Z")
        for broken in self.account.broken.get(kind, ()):
            if any(pattern.match(mention) for mention in broken.mentions):
                raise InputError(broken.message)


def id_patterns(prefix: str) -> tuple[str, ...]:
    """The filter values that find an id by its beginning, with any number of zeros left out."""
    kind, digits = prefix.split("-", 1)
    if len(digits) >= ID_DIGITS:
        return (prefix,)
    return tuple(f"{kind}-{'0' * zeros}{digits}*" for zeros in range(ID_DIGITS - len(digits) + 1))


def short_id(prefix: str) -> re.Pattern[str]:
    """What an id that begins with ``prefix``, leading zeros aside, looks like."""
    kind, digits = prefix.split("-", 1)
    return re.compile(f"{re.escape(kind)}-0*{re.escape(digits)}")
