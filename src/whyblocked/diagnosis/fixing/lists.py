"""Prefix lists that rules name already: an entry more, where it is the account's own.

https://docs.aws.amazon.com/vpc/latest/userguide/work-with-cust-managed-prefix-lists.html
"""

from __future__ import annotations

from collections.abc import Sequence

from whyblocked.config import resources as r
from whyblocked.config.account import Query
from whyblocked.config.edits import ModifyManagedPrefixList
from whyblocked.diagnosis.fixing.boxes import EVERYWHERE, asks_from_source, blocks_of, listed, widened
from whyblocked.diagnosis.fixing.effects import groups_read
from whyblocked.diagnosis.fixing.steps import Case, NoFix, Step, step
from whyblocked.diagnosis.fixing.words import called
from whyblocked.network.noted import Blocker
from whyblocked.network.packets import Interval, Packets, subtract_intervals
from whyblocked.network.rules import GroupRule


def by_list(case: Case, blockers: Sequence[Blocker]) -> Step | None:
    """An entry in the list of a rule that fits but for the addresses; None where no such list can be changed."""
    first = blockers[0]
    boxes = [box for blocker in blockers for box in blocker.packets]
    version = boxes[0].version
    ingress = first.direction == "ingress"
    of_source = asks_from_source(first.leg, first.direction)
    spans = [box.source if ingress else box.destination for box in boxes]
    fitting = [rule for rule in first.tried if isinstance(rule, GroupRule) and _fits(rule, boxes)]
    for rule in fitting:
        known = _changeable(case, rule.peer, first.vpc_id or "", version)
        if known is None:
            continue
        try:
            blocks = blocks_of(case, version, spans, of_source=of_source)
        except NoFix:
            return None
        there = case.account.prefix_lists.get(rule.peer, ())
        if len(there) + len(blocks) > (known.max_entries or 0) or any(one in EVERYWHERE for one in blocks):
            continue
        edit = ModifyManagedPrefixList(prefix_list_id=rule.peer, add=tuple(blocks), version=known.version)
        way = "inbound" if ingress else "outbound"
        says = (
            f"Add {listed(blocks)} to prefix list {called(case.account, rule.peer)}, which an {way} rule of "
            f"{called(case.account, rule.group_id)} allows."
        )
        also = widened(case, version, spans, blocks, of_source=of_source)
        return step(blockers, [edit], says, also=also)
    return None


def _fits(rule: GroupRule, boxes: Sequence[Packets]) -> bool:
    """Whether a rule names a prefix list, and nothing but the addresses keeps it from these packets."""
    return rule.kind == "prefix-list" and all(
        _within(box.protocol, rule.protocol)
        and _within(box.destination_ports, rule.ports)
        and _within(box.source_ports, rule.codes)
        for box in boxes
    )


def _within(inner: Interval, outer: Interval) -> bool:
    return not subtract_intervals([inner], [outer])


def _changeable(case: Case, list_id: str, vpc_id: str, version: int) -> r.PrefixList | None:
    """The list, if its entries are known, it is that of the VPC's account and AWS would take a change now."""
    account = case.account
    if list_id not in account.prefix_lists:
        return None
    groups_read(account, list_id)  # in the same round
    if account.source.ask(Query("DescribeManagedPrefixLists", "prefix-list-id", list_id)) is not None:
        return None
    found = account.managed_lists.get(list_id)
    if found is None or found.version is None or found.address_family != f"IPv{version}":
        return None
    settled = (found.state or "").endswith("-complete")
    return found if settled and found.owner_id == account.account_id_of(vpc_id) else None
