"""Near misses: the rules that came closest to letting a packet pass, and in what they failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from whyblocked.config.account import Account
from whyblocked.diagnosis import near_rules
from whyblocked.diagnosis.answer import NearMiss
from whyblocked.diagnosis.nearness import Gap, Wanted, nearest, wanted
from whyblocked.network.noted import Blocker
from whyblocked.network.rules import AclRule, GroupRule

MOST = 3


class Candidates(Protocol):
    """What may have come close: how far each is off, and those that are shown, in words."""

    def gaps(self) -> Iterator[Gap]: ...

    def told(self, gap: Gap) -> NearMiss: ...


def near_misses(account: Account, blocker: Blocker, most: int = MOST) -> list[NearMiss]:
    """What came closest where nothing allowed, or no route led on: the ``most``, best first.

    A rule comes the closer the fewer dimensions fail. Among equals what is about another protocol comes last, then the
    way decides: the bits by which a prefix would have to be shorter, and those of the way to the port. Of a network
    ACL also the rules behind the deny that would have allowed it; of a route that is a blackhole those that it hides.

    Only what was read already is looked at: nothing is asked for to tell a near miss.
    """
    if not blocker.packets or not most:
        return []
    candidates = _candidates(account, blocker, wanted(blocker.packets))
    return [candidates.told(gap) for gap in nearest(candidates.gaps(), most)] if candidates else []


def _candidates(account: Account, blocker: Blocker, want: Wanted) -> Candidates | None:
    if blocker.layer == "security-group" and blocker.direction:
        rules = [rule for rule in blocker.tried if isinstance(rule, GroupRule)]
        return near_rules.GroupRules(account, blocker, rules, want)
    if blocker.layer == "network-acl" and blocker.direction:
        numbered = [rule for rule in blocker.tried if isinstance(rule, AclRule)]
        return near_rules.AclRules(account, blocker, numbered, want)
    from whyblocked.diagnosis import near_others, near_routes  # with the hops, which flow logs do without

    if blocker.layer == "route-table":
        return near_routes.of_table(account, blocker, want)
    if blocker.layer == "transit-gateway":
        return near_routes.of_gateway(account, blocker, want)
    if blocker.layer == "load-balancer":
        return near_others.listeners(account, blocker, want)
    if blocker.layer == "network-firewall":
        return near_others.firewall(blocker, want)
    return None
