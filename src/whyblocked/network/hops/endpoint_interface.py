"""The interfaces of VPC endpoints: interface endpoints answer, and never begin a connection.

https://docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html
https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-access-aws-services.html
"""

from __future__ import annotations

from whyblocked.config.account import Missing
from whyblocked.config.endpoints import endpoint_behind
from whyblocked.config.resources import NetworkInterface
from whyblocked.config.resources.endpoints import APPLIANCES
from whyblocked.network.flow import Bundle, flagged
from whyblocked.network.hops.vpc_endpoint import check_state, tell_policy
from whyblocked.network.packets import TCP, UDP
from whyblocked.network.walk import Walk


def check_sender(walk: Walk, interface: NetworkInterface, bundle: Bundle) -> Bundle:
    """An endpoint opens no connection into its VPC."""
    endpoint = endpoint_behind(walk.account, interface)
    if endpoint is None or not bundle.pieces:
        return bundle
    eni = interface.network_interface_id
    name = eni if isinstance(endpoint, Missing) else endpoint.vpc_endpoint_id
    walk.note(bundle, "vpc-endpoint", name, "deny", detail="opens no connections", interface_id=eni)
    walk.block(
        bundle,
        bundle.pieces,
        layer="vpc-endpoint",
        code="VPCE_INTRA_VPC_TRAFFIC",
        summary=f"VPC endpoint {name} answers connections and never begins one.",
        resource_ids=(name,),
        interface_id=eni,
    )
    return bundle.but(pieces=flagged(bundle.pieces, blocked=True))


def check_receiver(walk: Walk, interface: NetworkInterface, bundle: Bundle) -> Bundle:
    """What an endpoint takes: no ping, and nothing while it is not available."""
    endpoint = endpoint_behind(walk.account, interface)
    if endpoint is None:
        return bundle
    eni = interface.network_interface_id
    if isinstance(endpoint, Missing):
        if not endpoint.absent and not endpoint.pending and "not in the snapshot" not in endpoint.reason:
            walk.lack(endpoint)
            return bundle.but(pieces=flagged(bundle.pieces, unknown=True))
        if endpoint.pending:
            walk.lack(endpoint)
        walk.warn(f"The VPC endpoint of {eni} could not be read ({endpoint}); it is taken as available.")
        name = eni
    else:
        name = endpoint.vpc_endpoint_id
        bundle = check_state(walk, endpoint, bundle, eni)
        tell_policy(walk, endpoint)
        if endpoint.kind == APPLIANCES:
            return _refuse(walk, interface, bundle, name, (), "takes what routes send through it, nothing for itself")
    return _refuse(walk, interface, bundle, name, (TCP, UDP), "takes TCP and UDP only: it does not answer ping")


def _refuse(
    walk: Walk, interface: NetworkInterface, bundle: Bundle, name: str, taken: tuple[int, ...], why: str
) -> Bundle:
    """Refuse the protocols that an endpoint does not take."""
    spans = [(number, number) for number in taken]
    refused = [piece for piece in bundle.pieces if piece.packets.protocol not in spans]
    if not refused:
        return bundle
    eni = interface.network_interface_id
    boxes = tuple(piece.packets for piece in refused)
    walk.note(bundle, "vpc-endpoint", name, "deny", packets=boxes, detail=why, interface_id=eni)
    walk.block(
        bundle,
        refused,
        layer="vpc-endpoint",
        code="PROTOCOL_RESTRICTION",
        summary=f"VPC endpoint {name} {why}.",
        resource_ids=(name,),
        interface_id=eni,
    )
    kept = tuple(piece for piece in bundle.pieces if piece not in refused)
    return bundle.but(pieces=(*kept, *flagged(tuple(refused), blocked=True)))
