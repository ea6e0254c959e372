"""VPC Block Public Access: an account's switch against traffic through internet and egress-only gateways.

https://docs.aws.amazon.com/vpc/latest/userguide/security-vpc-bpa-basics.html
The effect of modes and exclusions follows the scenarios of the page "security-vpc-bpa-example" of the same guide.
"""

from __future__ import annotations

from whyblocked.config.account import Missing
from whyblocked.network.flow import Bundle, Node, Piece, flagged
from whyblocked.network.walk import Walk

_BLOCKING = ("block-bidirectional", "block-ingress")
_INACTIVE = ("create-failed", "delete-in-progress", "delete-complete", "disable-in-progress", "disable-complete")


def check(walk: Walk, node: Node, bundle: Bundle, gateway_kind: str) -> tuple[Piece, ...]:
    """The pieces, marked as blocked where Block Public Access stops them at this gateway."""
    if bundle.established:
        return bundle.pieces  # what was let pass the one way comes back the other
    vpc_id = bundle.vpc_id or ""
    options = walk.account.block_public_access(vpc_id)
    if isinstance(options, Missing):
        walk.lack(options)
        return flagged(bundle.pieces, unknown=True)
    mode = options.internet_gateway_block_mode if options else "off"
    if mode not in _BLOCKING:
        return bundle.pieces
    # Both ways of a connection pass or fail together; only where it began and through what counts.
    through_nat = bool(bundle.bindings) or gateway_kind == "egress-only-internet-gateway"
    outbound = through_nat and not bundle.inbound
    if mode == "block-ingress" and outbound:
        return bundle.pieces
    excluded = _exclusion(walk, bundle)
    if isinstance(excluded, Missing):
        walk.lack(excluded)
        return flagged(bundle.pieces, unknown=True)
    if excluded == "allow-bidirectional" or (excluded == "allow-egress" and outbound):
        return bundle.pieces
    walk.note(bundle, "block-public-access", vpc_id, "deny", detail=mode)
    walk.block(
        bundle,
        bundle.pieces,
        layer="block-public-access",
        code="VPC_BLOCK_PUBLIC_ACCESS_ENABLED",
        summary=f"Block Public Access ({mode}) stops traffic of {vpc_id} through {node.id}.",
        resource_ids=(vpc_id,),
        next_step=f"Exclude {bundle.subnet_id or vpc_id} from Block Public Access, if that is intended.",
    )
    return flagged(bundle.pieces, blocked=True)


def _exclusion(walk: Walk, bundle: Bundle) -> str | Missing | None:
    """The mode of the exclusion that covers the subnet at this end of the gateway, or its VPC."""
    exclusions = walk.account.exclusions(bundle.vpc_id or "")
    if isinstance(exclusions, Missing):
        return exclusions
    modes = {
        exclusion.resource_arn.rpartition("/")[2]: exclusion.internet_gateway_exclusion_mode
        for exclusion in exclusions
        if exclusion.state not in _INACTIVE
    }
    subnet_id = bundle.subnet_id or _subnet_of_destination(walk, bundle)
    return modes.get(subnet_id or "") or modes.get(bundle.vpc_id or "")


def _subnet_of_destination(walk: Walk, bundle: Bundle) -> str | None:
    subnets = walk.account.subnets_of(bundle.vpc_id or "")
    if isinstance(subnets, Missing):
        return None
    numbers = [piece.packets.destination[0] for piece in bundle.pieces]
    for subnet in subnets:
        blocks = [n for n in subnet.networks if n.version == bundle.version]
        if all(any(int(n.network_address) <= x <= int(n.broadcast_address) for n in blocks) for x in numbers):
            return subnet.subnet_id
    return None
