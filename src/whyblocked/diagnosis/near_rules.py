"""The rules of security groups and network ACLs that came closest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from whyblocked.config.account import Account
from whyblocked.config.addresses import public_addresses
from whyblocked.config.resources import NetworkInterface, block, owner_tag
from whyblocked.diagnosis.answer import NearMiss
from whyblocked.diagnosis.nearness import (
    FAR,
    PLACE,
    SIDES,
    Gap,
    Side,
    Wanted,
    block_gap,
    block_words,
    covers,
    dimensions,
    distances,
    traffic_gap,
    traffic_words,
)
from whyblocked.network.noted import Blocker
from whyblocked.network.packets import Interval, join_intervals, span
from whyblocked.network.rules import DEFAULT_RULE, AclRule, Direction, GroupRule, acl_rules
from whyblocked.network.supposed import spans_of_interface
from whyblocked.text import clean

_NOT_CARRIED = 8  # an interface without the group is as far off as a block that misses by eight bits


class Peer(NamedTuple):
    """Whom a rule names, compared with ours: what fails, how far off that is, and why it fails, in words."""

    failed: int
    way: int
    why: str
    bits: int | None = None


_MATCHES = Peer(0, 0, "")


class GroupRules:
    """The rules of an interface's security groups, none of which matched."""

    def __init__(self, account: Account, blocker: Blocker, rules: Sequence[GroupRule], want: Wanted) -> None:
        self._account, self._rules, self._want = account, rules, want
        self._vpc_id, self._peer_id = blocker.vpc_id, blocker.peer_id
        self._side: Side = "source" if blocker.direction == "ingress" else "destination"
        self._peers: dict[tuple[str, str | None], Peer] = {}

    def gaps(self) -> Iterator[Gap]:
        """Those that may be the nearest: what fails more dimensions than another is not, however far it is off."""
        want, side = self._want, self._side
        version, (low, high) = want.version, want.side(side)
        before: tuple[Interval, Interval, Interval] | None = None  # rules about the same ports stand together
        beside = way = count = 0
        fewest = 8
        for place, rule in enumerate(self._rules):
            traffic = rule.protocol, rule.ports, rule.codes
            if traffic != before:
                before = traffic
                beside, way = traffic_gap(want, *traffic)
                count = beside.bit_count()
            if count > fewest:
                continue
            failed, block = beside, rule.block
            if block is None:
                more, bits, *_ = self._peer(rule, failed)
            elif rule.version == version and block[0] <= low and high <= block[1]:
                more = bits = 0
            elif count == fewest:
                continue
            else:
                more, bits = block_gap(want, side, rule.version or 4, block)
            if failed or more:
                failed |= more
                fewest = min(fewest, max(1, failed.bit_count()))
                yield Gap(failed, way + bits, place)

    def told(self, gap: Gap) -> NearMiss:
        rule, want, side = self._rules[gap.place], self._want, self._side
        words = traffic_words(want, gap.failed, rule.protocol, rule.ports, rule.codes)
        bits = None
        if rule.block is None:
            peer = self._peer(rule, traffic_gap(want, rule.protocol, rule.ports, rule.codes)[0])
            words += [peer.why] if peer.why else []
            bits = peer.bits
        elif gap.failed & SIDES[side]:
            words.append(block_words(want, side, rule.version or 4, rule.block, rule.peer))
            bits = block_gap(want, side, want.version, rule.block)[1] if rule.version == want.version else None
        return NearMiss(
            rule=rule.described(),
            failed=dimensions(gap.failed),
            summary="; ".join(words),
            description=rule.description,
            owner=self._owner(rule),
            distance=distances(want, gap.failed, rule.protocol, rule.ports, side, bits),
        )

    def _owner(self, rule: GroupRule) -> str | None:
        row = self._account.security_group_rules.get(rule.group_id, {}).get(rule.rule_id or "")
        group = self._account.security_groups.get(rule.group_id)
        return (owner_tag(row.tags) if row else None) or (owner_tag(group.tags) if group else None)

    # -- prefix lists and groups -----------------------------------------------------------------------------

    def _peer(self, rule: GroupRule, failed: int) -> Peer:
        if failed and rule.kind == "prefix-list":
            # Live, its entries are read only where the rest of the rule matches: a snapshot has to say the same.
            return Peer(0, FAR, f"the entries of prefix list {rule.peer} were not looked at then")
        key = (rule.peer, rule.peering_status)
        peer = self._peers.get(key)
        if peer is None:
            peer = self._listed(rule.peer) if rule.kind == "prefix-list" else self._carried(rule)
            self._peers[key] = peer
        if not failed and not peer.failed:  # it names ours, and yet it did not match
            why = (
                f"{rule.peer} is carried there, but the reference does not count: not behind appliances, nor in VPCs "
                "that are not peered with this one in the same Region"
            )
            return Peer(SIDES[self._side], 1, why)
        return peer

    def _listed(self, prefix_list_id: str) -> Peer:
        """The entry of a prefix list that came closest."""
        name = f"prefix list {prefix_list_id}"
        cidrs = self._account.prefix_lists.get(prefix_list_id)
        if cidrs is None:
            return Peer(SIDES[self._side], FAR, f"the entries of {name} are not known")
        if not cidrs:
            return Peer(SIDES[self._side], FAR, f"{name} is empty")
        networks = [block(cidr.strip()) for cidr in cidrs]
        mine = join_intervals(span(network) for network in networks if network.version == self._want.version)
        ours = self._want.sources if self._side == "source" else self._want.destinations
        if all(any(covers(have, one) for have in mine) for one in ours):
            return _MATCHES
        gaps = [(block_gap(self._want, self._side, n.version, span(n)), str(n)) for n in networks]
        ((failed, bits), nearest), network = min(zip(gaps, networks, strict=True), key=lambda found: found[0])
        if network.version != self._want.version:
            return Peer(failed, bits, f"{name} has IPv{network.version} entries only", None)
        words = block_words(self._want, self._side, network.version, span(network), nearest)
        return Peer(failed, bits, f"{words}, the nearest entry of {name}", bits)

    def _carried(self, rule: GroupRule) -> Peer:
        """Whether the interface behind our address carries the group that the rule names."""
        group, side = rule.peer, SIDES[self._side]
        ours = self._ours
        if rule.peering_status == "deleted":
            return Peer(side, _NOT_CARRIED, f"its reference to {group} is stale: the peering connection is gone")
        low, high = self._want.side(self._side)
        if low != high:
            return Peer(side, FAR, f"{group} stands for the interfaces that carry it, and not for {ours}")
        if self._found is None:
            return Peer(side, FAR, f"{ours} is no address of an interface that carries {group}")
        interface, private = self._found
        if not _carries(interface, group):
            return Peer(side, _NOT_CARRIED, _not_carried(interface, group, ours))
        if private is None:
            return _MATCHES
        why = f"would match the private address {private} of {_named(interface)}, which carries {group}"
        return Peer(side, 0, f"{why}: references to groups ignore public addresses, and {ours} is one")

    @cached_property
    def _ours(self) -> str:
        """Our addresses, in words."""
        return self._want.words(self._side)

    @cached_property
    def _found(self) -> tuple[NetworkInterface, IPv4Address | None] | None:
        """The interface that has our one address, with the private address behind it where it is a public one.

        Where the walk knows who is at the other end, nobody else is looked for: what else is known by chance says
        nothing.
        """
        account, peer_id = self._account, self._peer_id
        low, _ = self._want.side(self._side)
        address = IPv4Address(low) if self._want.version == 4 else IPv6Address(low)
        if peer_id is None:
            owners = sorted(account.known_owners(address), key=lambda one: (one.vpc_id != self._vpc_id, _named(one)))
            return (owners[0], None) if owners else account.known_public_owner(address)
        peer = account.interfaces.get(peer_id) or account.balancers.nodes.get(peer_id)
        if peer is None:
            return None
        if any(covers(own, (int(address), int(address))) for own in spans_of_interface(peer, address.version)):
            return peer, None
        return next(((peer, inside) for inside, outside in public_addresses(peer) if outside == address), None)


def _carries(interface: NetworkInterface, group: str) -> bool:
    return any(one.group_id == group for one in interface.groups)


def _named(interface: NetworkInterface) -> str:
    return clean(interface.network_interface_id, 64)


def _not_carried(interface: NetworkInterface, group: str, ours: str) -> str:
    carried = [one.group_id for one in interface.groups]
    has = f"it carries {' and '.join(sorted(carried))}" if carried else "it carries none"
    return f"{_named(interface)} ({ours}) does not carry {group}: {has}"


class AclRules:
    """The rules of a network ACL that allow, in front of the one that denied and behind it."""

    def __init__(self, account: Account, blocker: Blocker, rules: Sequence[AclRule], want: Wanted) -> None:
        self._want, self._decided = want, (blocker.rule or {}).get("rule_number", DEFAULT_RULE)
        self._deciding = blocker.rule
        self._side: Side = "source" if blocker.direction == "ingress" else "destination"
        acl = account.network_acls.get(blocker.resource_ids[0]) if blocker.resource_ids else None
        self._owner = owner_tag(acl.tags) if acl else None
        direction: Direction = "ingress" if blocker.direction == "ingress" else "egress"
        others = acl_rules(acl, direction, 10 - want.version) if acl else []
        self._own = len(rules)
        self._rules = [*rules, *others]

    def gaps(self) -> Iterator[Gap]:
        for place, rule in enumerate(self._rules):
            if not rule.allow:
                continue
            failed, way = traffic_gap(self._want, rule.box.protocol, rule.box.destination_ports, rule.box.source_ports)
            more, bits = block_gap(self._want, self._side, rule.box.version, self._block(rule))
            if place < self._own and rule.number > self._decided:
                failed |= PLACE
            if failed or more:
                yield Gap(failed | more, way + bits, place)

    def told(self, gap: Gap) -> NearMiss:
        rule, want, side = self._rules[gap.place], self._want, self._side
        traffic = rule.box.protocol, rule.box.destination_ports, rule.box.source_ports
        words = traffic_words(want, gap.failed, *traffic)
        bits = None
        if gap.failed & SIDES[side]:
            words.append(block_words(want, side, rule.box.version, self._block(rule), rule.cidr))
            if rule.box.version == want.version:
                bits = block_gap(want, side, want.version, self._block(rule))[1]
        first = self._covering(gap.place)
        if gap.failed & PLACE:
            would = "would allow it" if gap.failed == PLACE else "stands behind the one that decides"
            words.append(f"rule {rule.number} {would}, but rule {self._decided} denies first")
        if first is not None:
            words.append(f"rule {rule.number} is shadowed: rule {first.number} takes all that it is about")
        shadow = first.described() if first else self._deciding if gap.failed & PLACE else None
        return NearMiss(
            rule=rule.described(),
            failed=dimensions(gap.failed),
            summary="; ".join(words),
            owner=self._owner,
            distance=distances(want, gap.failed, *traffic[:2], side, bits),
            shadowed_by=shadow,
        )

    def _block(self, rule: AclRule) -> Interval:
        return rule.box.source if self._side == "source" else rule.box.destination

    def _covering(self, place: int) -> AclRule | None:
        """The first rule in front of one that leaves it nothing to decide."""
        rule = self._rules[place]
        start = 0 if place < self._own else self._own
        for earlier in self._rules[start:place]:
            if earlier.number < rule.number and all(map(covers, earlier.box[1:], rule.box[1:])):
                return earlier
        return None
