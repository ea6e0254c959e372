"""From what blocks to the ways past it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from whyblocked.diagnosis.fixing import (
    balancers,
    dead_ends,
    filters,
    firewalls,
    gateways,
    lists,
    outlets,
    transits,
    ways,
)
from whyblocked.diagnosis.fixing.steps import Case, NoFix, Option, Proposer, Step
from whyblocked.network.noted import Blocker

_FILTERS = ("security-group", "network-acl")
_BY_CODE: dict[tuple[str, str], Proposer] = {
    ("route-table", "NO_ROUTE_TO_DESTINATION"): ways.no_route,
    ("route-table", "BAD_STATE_ROUTE"): dead_ends.black_hole,
    ("route-table", "ROUTING_LOOP"): dead_ends.circle,
    ("route-table", "REPLY_GOES_ELSEWHERE"): ways.back_to_sender,
    ("route-table", "DELIVERED_ELSEWHERE"): ways.to_the_right_one,
    ("route-table", "MORE_SPECIFIC_ROUTE"): ways.past_the_wrong_turn,
    ("route-table", "HIGHER_PRIORITY_ROUTE"): ways.past_the_wrong_turn,
    ("internet-gateway", "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS"): outlets.address_out,
    ("internet-gateway", "IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS"): outlets.address_for,
    ("internet-gateway", "INGRESS_RTB_TRAFFIC_REDIRECTION"): firewalls.through,
    ("internet-gateway", "NO_INTERNET_GATEWAY"): gateways.attach_gateway,
    ("internet-gateway", "BAD_STATE_ATTACHMENT"): gateways.attach_gateway,
    ("internet-gateway", "NAT64_NEEDS_A_NAT_GATEWAY"): ways.around,
    ("internet-gateway", "IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS"): ways.around,
    ("internet-gateway", "IGW_DESTINATION_ADDRESS_NOT_IN_RFC6598_EGRESS"): ways.around,
    ("egress-only-internet-gateway", "BAD_STATE_ATTACHMENT"): ways.around,
    ("egress-only-internet-gateway", "NAT64_NEEDS_A_NAT_GATEWAY"): ways.around,
    ("egress-only-internet-gateway", "EGRESS_ONLY_GATEWAY_REFUSES_INBOUND"): ways.in_by_the_internet_gateway,
    ("internet-gateway", "IGW_SOURCE_ADDRESS_NOT_IN_RFC1918_INGRESS"): ways.in_by_a_private_way,
    ("internet-gateway", "IGW_SOURCE_ADDRESS_NOT_IN_RFC6598_INGRESS"): ways.in_by_a_private_way,
    ("nat-gateway", "NAT_GATEWAY_REFUSES_INBOUND"): ways.in_by_a_private_way,
    ("nat-gateway", "BAD_STATE"): ways.around,
    ("nat-gateway", "NAT_GATEWAY_CARRIES_NO_IPV6"): ways.around,
    ("nat-gateway", "NAT_GATEWAY_KNOWS_NO_CONNECTION"): ways.back_to_sender,
    ("nat-gateway", "PROTOCOL_RESTRICTION"): ways.around,
    ("nat-gateway", "REGIONAL_NGW_ROUTE_AZ_RESTRICTION"): outlets.nat_address_in_zone,
    ("vpc-peering", "BAD_STATE"): ways.accepted,
    ("vpn-gateway", "NO_ROUTE_TO_DESTINATION"): outlets.vpn_route,
    ("vpn-gateway", "BAD_STATE_ATTACHMENT"): gateways.attach_vpn,
    ("block-public-access", "VPC_BLOCK_PUBLIC_ACCESS_ENABLED"): outlets.exclusion,
    ("instance", "BAD_STATE"): outlets.start,
    ("interface", "ENI_SOURCE_DEST_CHECK_RESTRICTION"): outlets.forwarding,
    ("transit-gateway", "TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT"): transits.no_route,
    ("transit-gateway", "TGW_RTB_BAD_STATE_ROUTE"): transits.black_hole,
    ("transit-gateway", "TGW_RTB_MORE_SPECIFIC_ROUTE"): transits.wrong_turn,
    ("transit-gateway", "TGW_RTB_HIGHER_PRIORITY_ROUTE"): transits.wrong_turn,
    ("transit-gateway", "DELIVERED_ELSEWHERE"): transits.wrong_turn,
    ("transit-gateway", "REPLY_GOES_ELSEWHERE"): transits.wrong_turn,
    ("transit-gateway", "TGW_BAD_STATE_VPN"): transits.other_connection,
    ("transit-gateway", "TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION"): transits.association,
    ("transit-gateway", "TGW_ROUTE_AZ_RESTRICTION"): transits.zone,
    ("transit-gateway", "BAD_STATE_ATTACHMENT"): transits.acceptance,
    ("load-balancer", "ELBV2_LISTENERS_MISMATCH"): balancers.listener,
    ("target-group", "ELBV2_NO_TARGETS_IN_AZ"): balancers.zone,
    ("target-group", "ELBV2_SOURCE_ADDRESS_PRESERVATION"): balancers.keeps_no_address,
    ("network-firewall", "FIREWALL_RULES_RESTRICTION"): firewalls.rule,
    ("network-firewall", "ASYMMETRIC_ROUTING"): firewalls.symmetric,
}


_WHY = {
    "BAD_STATE_VPN": transits.TUNNELS_DOWN,
    "VGW_PRIVATE_IP_ASSOCIATION_FOR_EGRESS": "A VPC passes nothing on for others: the VPN or Direct Connect belongs at "
    "the transit gateway, which is a decision.",
    "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR": "A peering connection passes nothing on for others: connecting these networks "
    "takes a connection of their own, or a transit gateway, which is a decision.",
    "LAMBDA_ACCEPTS_NO_CONNECTIONS": "A Lambda function accepts no connections whatever the rules say: it is invoked "
    "through its API, a function URL or a load balancer.",
    "VGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS": "A virtual private gateway delivers to private addresses only: ask for "
    "the private one.",
}
"""Why some things have no remedy, where the summary of what blocks does not say it."""

_LEAD_NOWHERE = (
    "NO_ROUTE_TO_DESTINATION",
    "NO_POSSIBLE_DESTINATION",
    "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS",
    "IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS",
    "IGW_DESTINATION_ADDRESS_NOT_IN_RFC6598_EGRESS",
)
"""Where a target at an address that nobody here has can only be taken out, if nothing leads to it."""


def options(case: Case) -> Sequence[Option]:
    """The ways past what stands first: all rules in a row together, anything else alone, as it changes what follows.

    :class:`NoFix` where there is none.
    """
    if any(blocker.code == "LAMBDA_ACCEPTS_NO_CONNECTIONS" for blocker in case.walk.blockers):
        raise NoFix(_WHY["LAMBDA_ACCEPTS_NO_CONNECTIONS"])  # whatever stands before it
    rules: list[Blocker] = []
    for blocker in case.walk.blockers:
        if blocker.layer not in _FILTERS:
            break
        rules.append(blocker)
    if rules:
        return _past_rules(case, rules)
    first = next(iter(case.walk.blockers), None)
    if first is None:
        raise NoFix("Nothing that blocks is known.")
    proposer = _BY_CODE.get((first.layer, first.code), _none)
    try:
        return proposer(case, first)
    except NoFix:
        without = balancers.without_target(case, first) if first.code in _LEAD_NOWHERE else None
        if without is None:
            raise
        return [(without,)]


def _none(_case: Case, blocker: Blocker) -> Sequence[Option]:
    raise NoFix(_WHY.get(blocker.code, f"{blocker.summary} No change that whyblocked could propose would help."))


def _past_rules(case: Case, blockers: Sequence[Blocker]) -> Sequence[Option]:
    """The best step for each group and network ACL; and those that come next, where any has more than one."""
    taken: set[tuple[str, bool, int]] = set()
    found = [
        _of_group(case, alike) if alike[0].layer == "security-group" else filters.by_acl(case, alike, taken)
        for alike in _together(case, blockers)
    ]
    found = _once(found)
    most = max(map(len, found))
    return [tuple(one[min(number, len(one) - 1)] for one in found) for number in range(most)]


def _once(found: Sequence[list[Step]]) -> list[list[Step]]:
    """Without entries of a network ACL that another step has made already: what it lets in may be request and reply."""
    kept: dict[object, list[Step]] = {}
    for steps in found:
        key = filters.entries_of(steps[0]) if len(steps) == 1 else None
        if not key or key not in kept:
            kept[key or tuple(steps)] = steps
        else:
            (one,) = kept[key]
            clears = tuple(dict.fromkeys((*one.clears, *steps[0].clears)))
            kept[key] = [msgspec.structs.replace(one, clears=clears)]
    return list(kept.values())


def _of_group(case: Case, blockers: Sequence[Blocker]) -> list[Step]:
    """Rules, or an entry of a prefix list; and where only the switches of a transit gateway are off, those first."""
    rules = filters.by_group(case, blockers)
    on = transits.referencing(case, blockers[0]) if blockers[0].code == "SG_REFERENCING_SUPPORT" else None
    if on is not None:
        return [on, *rules[-1:]]
    entry = lists.by_list(case, blockers)
    return rules if entry is None else [*rules, entry]


def _together(case: Case, blockers: Sequence[Blocker]) -> list[list[Blocker]]:
    """Blockers that one rule can be for: of one group or network ACL, direction and deciding rule."""
    found: dict[tuple[object, ...], list[Blocker]] = {}
    for blocker in blockers:
        if blocker.layer == "security-group":
            key: tuple[object, ...] = (filters.group_for(case, blocker), blocker.direction, blocker.code)
        else:
            key = (blocker.resource_ids, blocker.direction, blocker.leg, str(blocker.rule))
        found.setdefault((blocker.layer, *key), []).append(blocker)
    return list(found.values())
