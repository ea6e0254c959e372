"""Network ACLs: numbered rules at the edge of a subnet, first match decides, stateless.

https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from whyblocked.config.account import Missing
from whyblocked.network.flow import Bundle, Node, Piece, flagged
from whyblocked.network.packets import Packets
from whyblocked.network.rules import AclRule, Direction, first_match
from whyblocked.network.walk import Step, Walk


def cross(walk: Walk, node: Node, bundle: Bundle) -> Iterator[Step]:
    """Packets leave the subnet for where the router sends them, or enter it."""
    direction: Direction = "ingress" if bundle.inbound else "egress"
    subnet = walk.account.subnet(node.id)
    acl = subnet if isinstance(subnet, Missing) else walk.rulebook.acl(subnet, direction, bundle.version)
    here = bundle.but(subnet_id=node.id, vpc_id=bundle.vpc_id if isinstance(subnet, Missing) else subnet.vpc_id)
    if isinstance(acl, Missing):
        walk.lack(acl)
        walk.note(here, "network-acl", node.id, "unknown", direction=direction, detail="could not be read")
        after = here.but(pieces=flagged(here.pieces, unknown=True))
    else:
        after = _filter(walk, *acl, direction, here)
    if bundle.inbound:
        yield Node("subnet", node.id), after
        return
    heading = bundle.heading
    if heading is None or heading.kind in ("vpc", "nat-gateway", "interface"):
        yield Node("vpc", here.vpc_id or ""), after
    else:
        yield heading, after


def _filter(walk: Walk, acl_id: str, rules: list[AclRule], direction: Direction, bundle: Bundle) -> Bundle:
    pieces: list[Piece] = []
    outcome: dict[int, tuple[AclRule, list[Packets], list[Piece]]] = {}
    for piece in bundle.pieces:
        for decision in first_match(rules, piece.packets):
            rule = decision.rule
            if not isinstance(rule, AclRule):  # the last rule matches everything of its IP version
                continue
            part = piece.narrowed(decision.packets)
            _, boxes, parts = outcome.setdefault(id(rule), (rule, [], []))
            boxes.append(decision.packets)
            parts.append(part)
            pieces.append(
                part if rule.allow else part._replace(blocked=True, here=direction == "ingress" and not part.blocked)
            )
    interface_id = bundle.at if direction == "egress" else _receiver(walk, bundle)
    for rule, boxes, parts in outcome.values():
        walk.note(
            bundle,
            "network-acl",
            acl_id,
            "allow" if rule.allow else "deny",
            packets=tuple(boxes),
            direction=direction,
            rule=rule.described(),
            resource_ids=(acl_id,),
            interface_id=interface_id,
        )
        if not rule.allow:
            _block(walk, acl_id, rule, direction, bundle, parts, rules, interface_id)
    return bundle.but(pieces=tuple(pieces))


def _block(
    walk: Walk,
    acl_id: str,
    rule: AclRule,
    direction: Direction,
    bundle: Bundle,
    denied: list[Piece],
    rules: list[AclRule],
    interface_id: str | None,
) -> None:
    if direction == "egress" and bundle.at:
        walk.refuse(bundle, bundle.at, direction, (piece.packets for piece in denied))
    way = "inbound" if direction == "ingress" else "outbound"
    what = "the reply" if bundle.leg == "return" else "it"
    if rule.number in (32767, 32768):
        summary = f"No {way} rule of network ACL {acl_id} allows {what}, so its last rule (*) denies."
    else:
        summary = f"{way.capitalize()} rule {rule.number} of network ACL {acl_id} denies {what}."
    walk.block(
        bundle,
        denied,
        layer="network-acl",
        code="SUBNET_ACL_RESTRICTION",
        summary=summary,
        direction=direction,
        resource_ids=(acl_id,),
        rule=rule.described(),
        tried=tuple(rules),
        interface_id=interface_id,
    )


def _receiver(walk: Walk, bundle: Bundle) -> str | None:
    """The interface that the packets are coming in for, where it is one."""
    if bundle.heading is not None and bundle.heading.kind in ("interface", "nat-gateway"):
        return bundle.heading.id if bundle.heading.kind == "interface" else None
    if bundle.heading is not None and bundle.heading.kind == "transit-gateway":
        return None
    if all(walk.awaiting(bundle, piece.packets.destination[0]) for piece in bundle.pieces):
        return None
    found = set()
    for piece in bundle.pieces:
        low, high = piece.packets.destination
        kind = IPv4Address if piece.packets.version == 4 else IPv6Address
        owner = walk.account.interface_at(bundle.vpc_id or "", kind(low)) if low == high else None
        found.add(None if owner is None or isinstance(owner, Missing) else owner.network_interface_id)
    return found.pop() if len(found) == 1 else None
