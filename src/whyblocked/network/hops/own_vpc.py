"""What serves the hosts of its own VPC alone: nobody behind a peering connection or a VPN sends through it.

https://docs.aws.amazon.com/vpc/latest/reachability/explanation-codes.html (the codes of those who refuse)
"""

from __future__ import annotations

from whyblocked.network.flow import Bundle, Node, flagged, split
from whyblocked.network.packets import SOURCE, network_words, span, verb
from whyblocked.network.walk import Walk


def refuse_others(walk: Walk, node: Node, bundle: Bundle, *, code: str, serves: str, next_step: str) -> Bundle:
    """The bundle with what comes from elsewhere refused; ``serves`` says whom the node takes packets from."""
    vpc = walk.account.vpcs.get(bundle.vpc_id or "")
    if vpc is None or not vpc.networks:
        return bundle
    own, others = split(bundle.pieces, SOURCE, [span(n) for n in vpc.networks if n.version == bundle.version])
    if not others:
        return bundle
    where = network_words(bundle.version, [piece.packets.source for piece in others])
    boxes = tuple(piece.packets for piece in others)
    walk.note(bundle, node.kind, node.id, "deny", packets=boxes, detail=f"serves {bundle.vpc_id} only")
    walk.block(
        bundle,
        others,
        layer=node.kind,
        code=code,
        summary=f"{serves}, and {where} {verb(where, 'is', 'are')} not in it.",
        resource_ids=(node.id,),
        next_step=next_step,
    )
    return bundle.but(pieces=(*own, *flagged(tuple(others), blocked=True)))
