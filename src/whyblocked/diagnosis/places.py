"""The interfaces that rejected flows name, with all that decides there, read in a few rounds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_network

import msgspec

from whyblocked.config.account import Account, Missing, Query
from whyblocked.config.addresses import delegated_prefixes
from whyblocked.config.resources import NetworkInterface, Subnet, Vpc
from whyblocked.diagnosis.between import middlebox_between, straight, vpcs_with_middleboxes
from whyblocked.diagnosis.peers import Traffic, breaks
from whyblocked.network.flow import Bundle, Node
from whyblocked.network.packets import Interval, Packets, span
from whyblocked.network.references import allowed_with_referencing, never_referenced, peers_of, why_not_referenced
from whyblocked.network.rules import AclRule, Direction, GroupRule, any_match
from whyblocked.network.simulator import Simulator

DIRECTIONS: tuple[Direction, Direction] = ("ingress", "egress")
VERSIONS = (4, 6)


class Place(msgspec.Struct, frozen=True):
    """An interface of the account: its addresses, and which groups and network ACL decide there.

    ``groups`` and ``acl`` are numbers: places with the same one have the same rules. ``subnet`` are the blocks inside
    which no network ACL looks. Addresses are (IP version, lowest, highest).
    """

    interface: NetworkInterface
    groups: int
    acl: int
    own: tuple[tuple[int, int, int], ...]
    subnet: tuple[tuple[int, int, int], ...]
    is_nat: bool
    is_transit: bool


class Places:
    """All interfaces that a run of flow logs names."""

    def __init__(self, simulator: Simulator, interface_ids: Sequence[str]) -> None:
        self.account: Account = simulator.account
        self._rulebook = simulator.rulebook
        self._spanned: dict[tuple[object, ...], Sequence[Interval] | Missing] = {}
        self.missing: dict[Missing, None] = {}
        self.found: dict[str, Place] = {}
        self.unread: set[str] = set()  # interfaces that may be there, but can't be read
        self._looked_at: set[tuple[str, int]] = set()  # rules that name no block, by VPC
        self._middleboxes: set[str] = set()  # the VPCs that have some between their own hosts
        self._like: list[NetworkInterface] = []  # an interface for every number of groups
        self._subnets: list[Subnet | Missing] = []  # a subnet for every number of network ACLs
        self._fetch(interface_ids)

    # -- reading ---------------------------------------------------------------------------------------------

    def _fetch(self, interface_ids: Sequence[str]) -> None:
        """Ask for everything that could matter until nothing new is asked for."""
        wanted = [name for name in interface_ids if name.startswith("eni-")]
        wanted += [name for name in interface_ids if name in self.account.interfaces and name not in wanted]
        while True:
            self._look(wanted)
            if not self._pending() or not self.account.advance():
                return

    def _pending(self) -> bool:
        return any(missing.pending for missing in self.missing)

    def _is_gone(self, missing: Missing, interface_id: str) -> bool:
        """Whether all that can be read was read and the interface is not there, as opposed to a refusal."""
        query = Query("DescribeNetworkInterfaces", "network-interface-id", interface_id)
        return missing.absent or self.account.source.ask(query) is None

    def _look(self, interface_ids: Iterable[str]) -> None:
        self.missing.clear()
        self.found.clear()
        self.unread.clear()
        self._like.clear()
        self._subnets.clear()
        self._spanned.clear()
        self._looked_at.clear()
        groups: dict[tuple[object, ...], int] = {}
        acls: dict[str, int] = {}
        peered = False
        self._middleboxes = vpcs_with_middleboxes(self.account)
        for name in interface_ids:
            interface = self.account.interface(name)
            if isinstance(interface, Missing):
                if not self._is_gone(interface, name):
                    self.missing[interface] = None
                    self.unread.add(name)
                continue
            ids = tuple(sorted(group.group_id for group in interface.groups))
            behind = interface.subnet_id if interface.vpc_id in self._middleboxes else None
            key = (interface.vpc_id, ids, never_referenced(self.account, interface), behind)
            if key not in groups:
                groups[key] = len(groups)
                self._like.append(interface)
                peered |= self._look_at_rules(interface)
            vpc = self.account.vpc(interface.vpc_id)
            if isinstance(vpc, Missing):
                self.missing[vpc] = None
            subnet = self.account.subnet(interface.subnet_id)
            acl = self._acl_key(subnet, interface.subnet_id)
            if acl not in acls:
                acls[acl] = len(acls)
                self._subnets.append(subnet)
            self.found[name] = _place(self.account, interface, groups[key], acls[acl], subnet)
        if peered:
            self.account.expect([Query("DescribeVpcPeeringConnections", "", "")])
            vpcs = dict.fromkeys(place.interface.vpc_id for place in self.found.values())
            self.account.expect(Query("DescribeRouteTables", "vpc-id", vpc_id) for vpc_id in vpcs)

    def _acl_key(self, subnet: Subnet | Missing, subnet_id: str) -> str:
        if isinstance(subnet, Missing):
            self.missing[subnet] = None
            return subnet_id
        acl = self.account.network_acl_of(subnet)
        if isinstance(acl, Missing):
            self.missing[acl] = None
            return subnet_id
        return acl.network_acl_id

    def _look_at_rules(self, interface: NetworkInterface) -> bool:
        """Ask for what its rules stand for; True where one names a group."""
        named = False
        for direction in DIRECTIONS:
            _, unread = self._rulebook.groups(interface, direction)
            self.missing.update(dict.fromkeys(unread))
            for rule in self._rulebook.references(interface, direction):
                named |= rule.kind == "group"
                if (
                    interface.vpc_id,
                    id(rule),
                ) in self._looked_at:  # the rulebook keeps it, so that nothing else has its id
                    continue
                self._looked_at.add((interface.vpc_id, id(rule)))
                found = self._spans(interface, rule, Traffic(direction, 4, None, rule.ports).box())
                if isinstance(found, Missing):
                    self.missing[found] = None
        return named

    def vpcs(self) -> list[Vpc]:
        """The VPCs of the interfaces, as far as they can be read."""
        found = {place.interface.vpc_id for place in self.found.values()}
        return [vpc for vpc_id in sorted(found) if (vpc := self.account.vpcs.get(vpc_id)) is not None]

    # -- rules -----------------------------------------------------------------------------------------------

    def like(self, groups: int) -> NetworkInterface:
        """An interface that has these groups."""
        return self._like[groups]

    def group_rules(self, groups: int, direction: Direction) -> tuple[tuple[GroupRule, ...], bool]:
        """The rules of these groups together, and whether some of them could not be read."""
        rules, unread = self._rulebook.groups(self._like[groups], direction)
        return rules, bool(unread)

    def acl_rules(self, acl: int, direction: Direction, version: int) -> tuple[str, list[AclRule]] | Missing:
        """The id and the rules of a network ACL."""
        subnet = self._subnets[acl]
        return subnet if isinstance(subnet, Missing) else self._rulebook.acl(subnet, direction, version)

    def spans(self, groups: int, rule: GroupRule, packets: Packets) -> Sequence[Interval] | Missing:
        """The addresses that a rule of these groups stands for where it names a prefix list or a group."""
        return self._spans(self._like[groups], rule, packets)

    def _spans(self, interface: NetworkInterface, rule: GroupRule, packets: Packets) -> Sequence[Interval] | Missing:
        peers = packets.source if rule.direction == "ingress" else packets.destination
        of = (rule.direction, rule.kind, rule.peer, rule.peer_account, rule.peering_status)
        across = never_referenced(self.account, interface)
        named = rule.kind == "group" and rule.direction == "ingress"
        to = interface.subnet_id if named and interface.vpc_id in self._middleboxes else None
        key = (interface.vpc_id, to, across, of, packets.version, peers)
        if key not in self._spanned:
            bundle = _from_anywhere(interface)
            found = peers_of(self.account, interface, rule.direction, bundle, rule, packets)
            if to is not None and not isinstance(found, Missing):
                found = straight(self.account, self._rulebook, interface, found, packets.version)
            self._spanned[key] = found
        return self._spanned[key]

    def lacks_referencing(self, groups: int, interface: NetworkInterface, boxes: Sequence[Packets]) -> bool:
        """Whether inbound packets are refused only because groups do not count across a transit gateway."""
        rules, unread = self.group_rules(groups, "ingress")
        bundle = _from_anywhere(interface)
        return not unread and allowed_with_referencing(self.account, interface, bundle, boxes, rules)

    def why_not_referenced(self, interface: NetworkInterface) -> tuple[str, str]:
        """Why groups do not count across a transit gateway there, and what to do about it."""
        return why_not_referenced(self.account, interface, _from_anywhere(interface))

    def hides_groups(self, groups: int, interface: NetworkInterface, boxes: Sequence[Packets]) -> str | None:
        """What hides the sender's group, where inbound packets are refused for that alone."""
        rules, unread = self.group_rules(groups, "ingress")
        named = [rule for rule in rules if rule.kind == "group"]
        if unread or not named or interface.vpc_id not in self._middleboxes:
            return None
        bundle = _from_anywhere(interface)
        for box in boxes:
            told = any_match(named, box, lambda r, p: peers_of(self.account, interface, "ingress", bundle, r, p))
            if any(decision.action != "allow" for decision in told):
                return None
        return middlebox_between(self.account, self._rulebook, boxes[0].source, interface, boxes[0].version)

    def breaks(
        self, groups: int | None, acl: int | None, direction: Direction, version: int, protocol: int | None
    ) -> list[int]:
        """The ports at which the rules of groups, or of a network ACL, begin to decide otherwise."""
        if groups is not None:
            return breaks(self.group_rules(groups, direction)[0], protocol)
        rules = self.acl_rules(acl or 0, direction, version)
        return [0] if isinstance(rules, Missing) else breaks(rules[1], protocol)


def _from_anywhere(interface: NetworkInterface) -> Bundle:
    """ "Resumed": by which peering or gateway the packets came is not known, so that every one may be meant."""
    return Bundle(pieces=(), leg="forward", origin=Node("interface", interface.network_interface_id), resumed=True)


def _place(account: Account, interface: NetworkInterface, groups: int, acl: int, subnet: Subnet | Missing) -> Place:
    own = [(a.version, int(a), int(a)) for a in account.addresses_of(interface)]
    blocks = [ip_network(text, strict=False) for text in delegated_prefixes(interface)]
    own += [(block.version, *span(block)) for block in blocks]
    inside = () if isinstance(subnet, Missing) else tuple((n.version, *span(n)) for n in subnet.networks)
    kind = (interface.interface_type or "").replace("_", "").lower()
    return Place(interface, groups, acl, tuple(own), inside, kind == "natgateway", kind == "transitgateway")
