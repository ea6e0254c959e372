"""VPC Block Public Access: an account's switch against traffic through internet and egress-only gateways.

https://docs.aws.amazon.com/vpc/latest/userguide/security-vpc-bpa-basics.html
The effect of modes and exclusions follows the scenarios of the page "security-vpc-bpa-example" of the same guide.
"""

from __future__ import annotations

from collections.abc import Iterable

from whyblocked.config.account import Missing
from whyblocked.config.resources import PublicAccessOptions
from whyblocked.network.flow import Bundle, Node, Piece, flagged
from whyblocked.network.walk import Walk

_BLOCKING = ("block-bidirectional", "block-ingress")
_INACTIVE = ("create-failed", "delete-complete", "disable-complete")


def check(walk: Walk, node: Node, bundle: Bundle, gateway_kind: str) -> tuple[Piece, ...]:
    """The pieces, marked as blocked where Block Public Access stops them at this gateway."""
    if bundle.established:
        return bundle.pieces  # what was let pass the one way comes back the other
    vpc_id = bundle.vpc_id or ""
    options = walk.account.block_public_access(vpc_id)
    if isinstance(options, Missing):
        walk.lack(options)
        return flagged(bundle.pieces, unknown=True)
    mode = options.internet_gateway_block_mode if options else _shown_mode(walk, bundle) or "off"
    owner = _other_owner(walk, bundle, options)
    if owner is not None:
        mode = _shown_mode(walk, bundle) or mode
    if options is not None and options.state == "update-in-progress":
        walk.warn(f"Block Public Access is being changed to {mode}; until that is done, some traffic may still pass.")
    if mode not in _BLOCKING:
        return bundle.pieces
    # Both ways of a connection pass or fail together; only where it began and through what counts.
    through_nat = bool(bundle.bindings) or gateway_kind == "egress-only-internet-gateway"
    outbound = through_nat and not bundle.inbound
    if mode == "block-ingress" and outbound:
        return bundle.pieces
    excluded = _exclusion(walk, bundle) if owner is None else _of_owner(owner)
    if options is None and excluded is None:  # a capture that shows the switch on subnets and VPCs only
        excluded = Missing("ec2:DescribeVpcBlockPublicAccessExclusions", f"not read, and {vpc_id} shows {mode}")
    if isinstance(excluded, Missing):
        walk.lack(excluded)
        return flagged(bundle.pieces, unknown=True)
    if excluded == "allow-bidirectional" or (excluded == "allow-egress" and outbound):
        return bundle.pieces
    walk.note(bundle, "block-public-access", vpc_id, "deny", detail=mode)
    subnet_id = _sender_before_middleboxes(walk, bundle) or bundle.subnet_id
    walk.block(
        bundle,
        bundle.pieces,
        layer="block-public-access",
        code="VPC_BLOCK_PUBLIC_ACCESS_ENABLED",
        summary=f"Block Public Access ({mode}) stops traffic of {vpc_id} through {node.id}.",
        resource_ids=(vpc_id,),
        subnet_id=subnet_id,
        next_step=f"Exclude {subnet_id or vpc_id} from Block Public Access, if that is intended.",
    )
    return flagged(bundle.pieces, blocked=True)


def _other_owner(walk: Walk, bundle: Bundle, options: PublicAccessOptions | None) -> str | None:
    """The account that shares the VPC with the one that was read, where its switch shows on the subnet or VPC."""
    vpc = walk.account.vpcs.get(bundle.vpc_id or "")
    owner = vpc.owner_id if vpc else None
    own = options.aws_account_id if options else None
    return owner if owner != own and owner and own and _shown_mode(walk, bundle) else None


def _shown_mode(walk: Walk, bundle: Bundle) -> str | None:
    """The owner's switch as it shows on the subnet or VPC: of a shared VPC, the owner's counts."""
    subnet = walk.account.subnets.get(bundle.subnet_id or subnet_of_destination(walk, bundle) or "")
    vpc = walk.account.vpcs.get(bundle.vpc_id or "")
    shown = [place.block_public_access_states for place in (subnet, vpc) if place]
    return next((states.internet_gateway_block_mode for states in shown if states), None) or None


def _of_owner(owner: str) -> Missing:
    return Missing(f"Block Public Access of account {owner}", "its exclusions show to the owner of the VPC only")


def _exclusion(walk: Walk, bundle: Bundle) -> str | Missing | None:
    """The mode of the exclusion that covers the subnet at this end of the gateway, or its VPC."""
    exclusions = walk.account.exclusions(bundle.vpc_id or "")
    if isinstance(exclusions, Missing):
        return exclusions
    about = {e.resource_arn.rpartition("/")[2]: e for e in exclusions if e.state not in _INACTIVE}
    subnet_id = _sender_before_middleboxes(walk, bundle) or bundle.subnet_id or subnet_of_destination(walk, bundle)
    found = about.get(subnet_id or "") or about.get(bundle.vpc_id or "")
    if found is not None and found.state.endswith("-in-progress"):
        return Missing(f"exclusion {found.exclusion_id} from Block Public Access", f"its state is {found.state}")
    if found is None and subnet_id is None and bundle.bindings and _any_subnet(walk, bundle, about):
        what = "whether the exclusion of a subnet covers a regional NAT gateway is not documented"
        return Missing("Block Public Access", what)
    return found.internet_gateway_exclusion_mode if found else None


def _sender_before_middleboxes(walk: Walk, bundle: Bundle) -> str | None:
    """The subnet of the workload whose packets go out by a firewall or another middlebox: not that one's counts.

    https://docs.aws.amazon.com/vpc/latest/userguide/security-vpc-bpa-basics.html
    """
    if bundle.inbound or not bundle.inspected:
        return None
    if bundle.bindings and bundle.relay is None:
        gateway = walk.account.nat_gateways.get(bundle.bindings[-1].gateway_id)
        return gateway.subnet_id if gateway else None
    sender = walk.account.interfaces.get(bundle.origin.id)
    return sender.subnet_id if sender is not None and sender.vpc_id == bundle.vpc_id else None


def _any_subnet(walk: Walk, bundle: Bundle, names: Iterable[str]) -> bool:
    subnets = (walk.account.subnets.get(name) for name in names)
    return any(subnet is not None and subnet.vpc_id == bundle.vpc_id for subnet in subnets)


def subnet_of_destination(walk: Walk, bundle: Bundle) -> str | None:
    """The subnet of the bundle's VPC that all of it goes to."""
    subnets = walk.account.subnets_of(bundle.vpc_id or "")
    if isinstance(subnets, Missing):
        return None
    numbers = [piece.packets.destination[0] for piece in bundle.pieces]
    for subnet in subnets:
        blocks = [n for n in subnet.networks if n.version == bundle.version]
        if all(any(int(n.network_address) <= x <= int(n.broadcast_address) for n in blocks) for x in numbers):
            return subnet.subnet_id
    return None
