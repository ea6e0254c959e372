"""Who opens connections from a block of addresses: what is there only to pass traffic on or to answer does not.

A block as an end of a question means anyone in it. Nobody is what has an address there and never sends from it, nor is
an interface anybody to itself: its own traffic meets no rule. Such packets say nothing of the block, so they are left
out; where nothing else was asked about, they are the question.

https://docs.aws.amazon.com/vpc/latest/userguide/vpc-nat-gateway.html
https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-access-aws-services.html (endpoints can't initiate)
https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/how-elastic-load-balancing-works.html
"""

from __future__ import annotations

from collections.abc import Iterable

from whyblocked.config.ownership import Ownership, ownership
from whyblocked.config.resources import NetworkInterface
from whyblocked.network.asked import Asked
from whyblocked.network.flow import Bundle, Node, Piece, split
from whyblocked.network.hops.interface import own_spans, why_idle
from whyblocked.network.hops.security_group import let_pass
from whyblocked.network.packets import DESTINATION, network_words
from whyblocked.network.walk import Step, Walk

_MOST_NAMED = 5
_PASSIVE = ("NAT gateway", "transit gateway", "VPC endpoint", "Gateway Load Balancer endpoint")
_BALANCER = "load balancer"


def only_senders(walk: Walk, asked: Asked, starts: Iterable[Step]) -> list[Step]:
    """The starts without those of nobody; all of them where there is no other."""
    every = list(starts)
    kept: list[Step] = []
    left_out: dict[str, None] = {}
    for node, bundle in every:
        pieces, why = _sent(walk, asked, node, bundle)
        if pieces:
            kept.append((node, bundle.but(pieces=pieces)))
        elif why is not None:
            left_out[f"{network_words(bundle.version, [p.packets.source for p in bundle.pieces])} ({why})"] = None
    if not kept:
        return every
    if left_out:
        names = list(left_out)
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        walk.warn(
            f"Left out of {asked.source.label}, as nobody opens connections from there: "
            f"{', '.join(names[:_MOST_NAMED])}{more}."
        )
    return kept


def _sent(walk: Walk, asked: Asked, node: Node, bundle: Bundle) -> tuple[tuple[Piece, ...], str | None]:
    """What of the bundle anybody sends, and, where that is nothing, who is nobody; None where that needs no word."""
    interface = walk.account.interfaces.get(node.id) if node.kind == "interface" else None
    if interface is None:
        return bundle.pieces, None
    pieces = tuple(split(bundle.pieces, DESTINATION, own_spans(interface, bundle.version))[1])
    if asked.source.kind != "network" or not pieces:
        return pieces, None
    idle = why_idle(walk, interface)
    if idle is not None:
        return (), idle
    owner = ownership(interface)
    if owner is None:
        return pieces, None
    if owner.service in _PASSIVE:
        return (), str(owner)
    if owner.service.lower().endswith(_BALANCER):
        return _to_targets(walk, interface, bundle.but(pieces=pieces)), _node(owner)
    return pieces, None


def _node(owner: Ownership) -> str:
    return f"{owner}, whose nodes connect to its targets alone"


def _to_targets(walk: Walk, node: NetworkInterface, bundle: Bundle) -> tuple[Piece, ...]:
    """What a load balancer's node may send to a target: what the groups at both ends let pass.

    Its registered targets are not looked up, so what is refused here anyhow is taken as no traffic of its own.
    """
    goal = bundle.goal
    if goal is None or goal.description == node.description:
        return ()
    trial = bundle.but(subnet_id=node.subnet_id, vpc_id=node.vpc_id, resumed=True)
    trial = trial.but(pieces=let_pass(walk, node, "egress", trial))
    return let_pass(walk, goal, "ingress", trial) if trial.pieces else ()
