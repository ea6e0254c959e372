"""Security groups of an interface: all groups together, allow rules only, stateful.

https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from whyblocked.config.account import Missing
from whyblocked.config.resources import NetworkInterface
from whyblocked.network.flow import Bundle, Node, Piece
from whyblocked.network.hops.interface import works
from whyblocked.network.packets import Packets
from whyblocked.network.references import allowed_with_referencing, peers_of, why_not_referenced
from whyblocked.network.rules import Decision, Direction, GroupRule, any_match
from whyblocked.network.walk import Step, Walk


def cross(walk: Walk, node: Node, bundle: Bundle) -> Iterator[Step]:
    """Let pass what any rule of any group of the interface allows, and every reply."""
    interface = walk.account.interface(node.id)
    if isinstance(interface, Missing):
        yield from walk.lose(bundle, interface)
        return
    direction: Direction = "ingress" if bundle.inbound else "egress"
    here = bundle.but(subnet_id=interface.subnet_id, vpc_id=interface.vpc_id)
    walk.sight(here, node.id, direction, _visible(walk, interface, here.pieces))
    ahead = Node("interface", node.id) if bundle.inbound else Node("subnet", interface.subnet_id)
    groups = tuple(sorted(group.group_id for group in interface.groups))
    if not groups:
        yield ahead, here
    elif bundle.established:
        walk.note(
            here,
            "security-group",
            groups[0],
            "allow",
            direction=direction,
            detail="reply of a tracked connection",
            resource_ids=groups,
            interface_id=node.id,
        )
        yield ahead, here
    else:
        yield ahead, _filter(walk, interface, groups, direction, here)


def _filter(
    walk: Walk, interface: NetworkInterface, groups: tuple[str, ...], direction: Direction, bundle: Bundle
) -> Bundle:
    rules, unread = walk.rulebook.groups(interface, direction)
    pieces: list[Piece] = []
    outcome: dict[tuple[str, GroupRule | None], list[Packets]] = {}
    denied: list[Piece] = []
    unclear: list[Piece] = []
    for piece in bundle.pieces:
        for decision in _decided(walk, interface, direction, bundle, piece):
            if decision.action == "deny" and unread:
                decision = Decision(decision.packets, "unknown", None, unread[0])
            part = piece.narrowed(decision.packets)
            rule = decision.rule if isinstance(decision.rule, GroupRule) else None
            outcome.setdefault((decision.action, rule), []).append(decision.packets)
            if decision.action == "unknown":
                walk.lack(*unread, *((decision.missing,) if decision.missing else ()))
                part = part._replace(unknown=True)
                unclear.append(part)
            elif decision.action == "deny":
                denied.append(part)
                part = part._replace(blocked=True, here=direction == "ingress" and (part.here or not part.blocked))
            pieces.append(part)
    for (action, rule), boxes in outcome.items():
        walk.note(
            bundle,
            "security-group",
            rule.group_id if rule else groups[0],
            action,  # type: ignore[arg-type]
            packets=tuple(boxes),
            direction=direction,
            rule=rule.described() if rule else None,
            detail=None if rule else "no rule allows it",
            resource_ids=groups,
            interface_id=interface.network_interface_id,
        )
    walk.sight(bundle, interface.network_interface_id, direction, _visible(walk, interface, unclear))
    if denied:
        _block(walk, interface, groups, direction, bundle, denied, rules)
    return bundle.but(pieces=tuple(pieces))


def _decided(
    walk: Walk, interface: NetworkInterface, direction: Direction, bundle: Bundle, piece: Piece
) -> list[Decision]:
    return any_match(
        walk.rulebook.groups(interface, direction)[0],
        piece.packets,
        lambda rule, packets: peers_of(
            walk.account, interface, direction, bundle, rule, packets, interface_at=walk.interface_at
        ),
    )


def let_pass(walk: Walk, interface: NetworkInterface, direction: Direction, bundle: Bundle) -> tuple[Piece, ...]:
    """What the groups of an interface let pass of the bundle, or may let pass; nothing is noted."""
    if not interface.groups or walk.rulebook.groups(interface, direction)[1]:
        return bundle.pieces
    return tuple(
        piece.narrowed(decision.packets)
        for piece in bundle.pieces
        for decision in _decided(walk, interface, direction, bundle, piece)
        if decision.action != "deny"
    )


def _visible(walk: Walk, interface: NetworkInterface, pieces: Sequence[Piece]) -> Sequence[Piece]:
    """The pieces as a flow log sees them: at an interface of nothing that runs, nothing arrives."""
    if works(walk, interface):
        return pieces
    return [piece._replace(blocked=True, here=False) for piece in pieces]


def _block(
    walk: Walk,
    interface: NetworkInterface,
    groups: tuple[str, ...],
    direction: Direction,
    bundle: Bundle,
    denied: Sequence[Piece],
    rules: tuple[GroupRule, ...],
) -> None:
    eni = interface.network_interface_id
    walk.refuse(bundle, eni, direction, (piece.packets for piece in denied))
    _read_lists(walk, rules)
    peer_id = _peer_id(bundle, direction)
    boxes = [piece.packets for piece in denied]
    if (
        direction == "ingress"
        and not bundle.resumed
        and allowed_with_referencing(walk.account, interface, bundle, boxes, rules)
    ):
        why, step = why_not_referenced(walk.account, interface, bundle)
        walk.block(
            bundle,
            denied,
            layer="security-group",
            code="SG_REFERENCING_SUPPORT",
            summary=f"{' and '.join(groups)} on {eni} {why} ({bundle.via}).",
            direction=direction,
            resource_ids=groups,
            interface_id=eni,
            tried=rules,
            next_step=step,
            peer_id=peer_id,
        )
        return
    names = " or ".join(groups) if len(groups) < 4 else f"{len(groups)} security groups"
    way = "inbound" if direction == "ingress" else "outbound"
    code, summary = "ENI_SG_RULES_MISMATCH", f"No {way} rule of {names} on {eni} allows it."
    if not rules:
        code = "SG_HAS_NO_RULES"
        summary = f"{names} on {eni} {'has' if len(groups) == 1 else 'have'} no {way} rules at all."
    elif direction == "ingress" and bundle.inspected and _would_match(walk, interface, bundle, denied, rules):
        code = "SG_REFERENCES_NOT_PRESERVED"
        summary = (
            f"A rule of {names} on {eni} names the sender's security group, which is not told behind "
            f"{bundle.inspected[-1]}: name its addresses instead."
        )
    walk.block(
        bundle,
        denied,
        layer="security-group",
        code=code,
        summary=summary,
        direction=direction,
        resource_ids=groups,
        interface_id=eni,
        tried=rules,
        peer_id=peer_id,
    )


def _read_lists(walk: Walk, rules: Sequence[GroupRule]) -> None:
    """Which rules came close is told for those of other ports as well, whose prefix lists nothing needed so far."""
    for peer in dict.fromkeys(rule.peer for rule in rules if rule.kind == "prefix-list"):
        found = walk.account.prefix_list(peer)
        if isinstance(found, Missing) and found.pending:
            walk.lack(found)


def _peer_id(bundle: Bundle, direction: Direction) -> str | None:
    """The interface that sent the packets, or the one that they are meant for."""
    if direction == "egress":
        return bundle.goal.network_interface_id if bundle.goal else None
    if bundle.relay is not None:
        return bundle.relay.node
    return bundle.origin.id if bundle.origin.kind == "interface" else None


def _would_match(
    walk: Walk, interface: NetworkInterface, bundle: Bundle, denied: Sequence[Piece], rules: tuple[GroupRule, ...]
) -> bool:
    """Whether a rule that names a group would allow it all if the sender came without a middlebox.

    https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
    """
    direct = bundle.but(inspected=())
    named = [rule for rule in rules if rule.kind == "group"]
    return all(
        decision.action == "allow"
        for piece in denied
        for decision in any_match(
            named,
            piece.packets,
            lambda rule, packets: peers_of(
                walk.account, interface, "ingress", direct, rule, packets, interface_at=walk.interface_at
            ),
        )
    )
