"""Egress-only internet gateways: IPv6, outbound only, stateful.

https://docs.aws.amazon.com/vpc/latest/userguide/egress-only-internet-gateway.html
"""

from __future__ import annotations

from collections.abc import Iterator

from whyblocked.network.flow import INTERNET, Bundle, Node, flagged
from whyblocked.network.hops.encryption import remark
from whyblocked.network.hops.internet_firewall import inspect
from whyblocked.network.hops.internet_gateway import check_attachment, refuse_private
from whyblocked.network.hops.public_access import check
from whyblocked.network.walk import Step, Walk


def cross(walk: Walk, node: Node, bundle: Bundle) -> Iterator[Step]:
    """Out freely; in only as the reply of a connection that went out here.

    A reply goes out only where the connection came in here, refused as it was: to one that came by the internet
    gateway the egress-only gateway is a stranger.
    """
    gateway = walk.account.egress_only_gateways.get(node.id)
    if gateway is not None:
        bundle = check_attachment(walk, node, bundle, gateway.attachments)
    remark(walk, node, bundle, "egress_only_internet_gateway")
    known = bundle.established and bundle.via == node.id
    if bundle.inbound if bundle.leg == "forward" else not known:
        bundle = _refuse(walk, node, bundle)
    else:
        walk.note(bundle, "egress-only-internet-gateway", node.id, "forward")
    if bundle.inbound:
        local = Node("vpc", bundle.vpc_id or "")
        yield local, bundle.but(heading=local, via=node.id)
        return
    bundle = bundle.but(pieces=refuse_private(walk, node, bundle, outbound=True))
    bundle = _refuse_inspected(walk, node, bundle)
    bundle = bundle.but(pieces=inspect(walk, bundle))
    checked = bundle.but(pieces=check(walk, node, bundle, "egress-only-internet-gateway"))
    yield INTERNET, checked.but(heading=node, at=None, via=node.id, subnet_id=None, vpc_id=None)


def _refuse_inspected(walk: Walk, node: Node, bundle: Bundle) -> Bundle:
    """What comes out of a Gateway Load Balancer endpoint is dropped.

    https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-load-balancer-endpoints.html
    """
    through = next((one for one in bundle.inspected if one.startswith("vpce-")), None)
    if through is None or bundle.leg == "return":
        return bundle
    walk.note(bundle, "egress-only-internet-gateway", node.id, "deny", detail=f"it comes through {through}")
    walk.block(
        bundle,
        bundle.pieces,
        layer="egress-only-internet-gateway",
        code="EGRESS_ONLY_GATEWAY_AFTER_APPLIANCES",
        summary=f"{node.id} drops IPv6 that comes through the Gateway Load Balancer endpoint {through}.",
        resource_ids=(node.id, through),
        next_step="Route ::/0 of the endpoint's subnet to an internet gateway instead.",
    )
    return bundle.but(pieces=flagged(bundle.pieces, blocked=True))


def _refuse(walk: Walk, node: Node, bundle: Bundle) -> Bundle:
    walk.note(bundle, "egress-only-internet-gateway", node.id, "deny", detail="outbound connections only")
    walk.block(
        bundle,
        bundle.pieces,
        layer="egress-only-internet-gateway",
        code="EGRESS_ONLY_GATEWAY_REFUSES_INBOUND",
        summary=f"{node.id} carries only connections that begin inside the VPC.",
        resource_ids=(node.id,),
        next_step="Route ::/0 of the subnet to an internet gateway if the host is to be reached from outside.",
    )
    return bundle.but(pieces=flagged(bundle.pieces, blocked=True))
