"""What Classic Load Balancers do with their instances.

https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-backend-instances.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/enable-disable-crosszone-lb.html
"""

from __future__ import annotations

from collections.abc import Iterator

from whyblocked.config.account import Missing
from whyblocked.config.balancers import classic_attributes
from whyblocked.config.resources import ClassicLoadBalancer
from whyblocked.network.flow import Bundle, flagged
from whyblocked.network.forks import Registered
from whyblocked.network.hops.relaying import Way, outside_zones, send, to_instance, towards, zone_of, zones_of
from whyblocked.network.walk import Step, Walk


def to_instances(walk: Walk, balancer: ClassicLoadBalancer, port: int, bundle: Bundle) -> Iterator[Step]:
    """To every registered instance that the node may send to."""
    node = walk.account.interface(bundle.at or "")
    if isinstance(node, Missing):
        yield from walk.lose(bundle, node)
        return
    if not balancer.instances:
        _refuse(walk, balancer, bundle, "ELB_INSTALLED_AZ_RESTRICTION", f"{balancer.name} has no registered instances.")
        return
    zones = zones_of(walk, balancer)
    here = zone_of(walk, node)
    elsewhere: list[Way] = []
    reached = False
    for instance in balancer.instances:
        way = to_instance(walk, instance.instance_id, port, 4)
        target = Registered(balancer.id, None, instance.instance_id, port)
        if isinstance(way, Missing):
            reached = True
            yield from walk.lose(towards(walk, bundle, target, way), way)
        elif way.zone and zones and way.zone not in zones:
            reached = True
            there = towards(walk, bundle, target, way)
            outside_zones(walk, balancer, there, way, "ELB_INSTALLED_AZ_RESTRICTION", balancer.id)
        elif way.zone and here and way.zone != here and not _crosses(walk, balancer):
            elsewhere.append(way)
        else:
            reached = True
            yield from send(walk, balancer, node, towards(walk, bundle, target, way), way)
    if reached or not elsewhere:
        walk.served.add(node.network_interface_id)
        return
    summary = f"{balancer.name} does not balance across zones, and no instance is in {here}, the zone of its node."
    if walk.balancer == balancer.id:
        walk.idle.add(node.network_interface_id)
        walk.warn(f"{summary} Clients are sent to the nodes of other zones only.")
    else:
        _refuse(walk, balancer, bundle, "ELB_NOT_CROSSZONE", summary)


def _crosses(walk: Walk, balancer: ClassicLoadBalancer) -> bool:
    attributes = classic_attributes(walk.account, balancer)
    if isinstance(attributes, Missing):
        if attributes.pending:
            walk.lack(attributes)
        else:
            walk.warn(f"Whether {balancer.name} balances across zones could not be read ({attributes}): taken as so.")
        return True
    return bool(attributes.cross_zone_load_balancing and attributes.cross_zone_load_balancing.enabled)


def _refuse(walk: Walk, balancer: ClassicLoadBalancer, bundle: Bundle, code: str, summary: str) -> None:
    walk.block(
        bundle,
        bundle.pieces,
        layer="load-balancer",
        code=code,
        summary=summary,
        resource_ids=(balancer.id,),
        interface_id=bundle.at,
        next_step=f"Register an instance in a zone of {balancer.name}.",
    )
    walk.end(bundle, flagged(bundle.pieces, blocked=True))
