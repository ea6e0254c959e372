"""Load balancers: listeners, zones, settings of target groups.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/network/edit-target-group-attributes.html
"""

from __future__ import annotations

from collections.abc import Sequence

from whyblocked.config import resources as r
from whyblocked.config.account import Missing
from whyblocked.config.edits import (
    CreateListener,
    DeregisterTargets,
    ModifyLoadBalancerAttributes,
    ModifyTargetGroupAttributes,
    SetSubnets,
)
from whyblocked.diagnosis.fixing.boxes import listed
from whyblocked.diagnosis.fixing.steps import Case, NoFix, Option, Step, step
from whyblocked.diagnosis.fixing.words import called
from whyblocked.network.noted import Blocker
from whyblocked.network.packets import TCP, UDP

_PROTOCOLS = {("network", TCP): "TCP", ("network", UDP): "UDP", ("application", TCP): "HTTP"}


def listener(case: Case, blocker: Blocker) -> Sequence[Option]:
    """A listener on the port that was asked about, to the one target group that there is."""
    balancer = _balancer(case, blocker.resource_ids[0])
    box = blocker.packets[0]
    low, high = box.destination_ports
    protocol = _PROTOCOLS.get((balancer.kind, box.protocol[0]))
    if protocol is None or low != high or len({box.destination_ports for box in blocker.packets}) > 1:
        raise NoFix(f"{blocker.summary} Which listeners it should have is a decision.")
    if protocol == "HTTP" and low == 443:
        raise NoFix(f"{blocker.summary} A listener for HTTPS needs a certificate, which is for its owner to choose.")
    groups = _groups_of(case, balancer)
    if len(groups) != 1:
        count = f"has {len(groups)} target groups" if groups else "has no target group"
        raise NoFix(f"{blocker.summary} It {count}: which one a new listener should forward to is a decision.")
    action = r.Action(type="forward", target_group_arn=groups[0])
    edit = CreateListener(load_balancer_arn=balancer.id, protocol=protocol, port=low, default_actions=(action,))
    name = groups[0].rpartition(":targetgroup/")[2].partition("/")[0]
    says = f"Give load balancer {balancer.name} a listener for {protocol} {low} that forwards to target group {name}."
    warn = "The targets get the requests on the port that they are registered with."
    return [(step([blocker], [edit], says, warn),)]


def zone(case: Case, blocker: Blocker) -> Sequence[Option]:
    """The target's zone enabled for the load balancer; or balancing across zones."""
    interface = case.account.interfaces.get(blocker.interface_id or "")
    balancer = _asked_one(case)
    subnet = case.account.subnets.get(interface.subnet_id) if interface else None
    if subnet is None:
        raise NoFix(f"{blocker.summary} The target's subnet is not known.")
    if subnet.availability_zone in balancer.zones or interface is None or _is_node(balancer, interface):
        return _across(blocker, balancer)
    if not balancer.internal:
        raise NoFix(
            f"{blocker.summary} Enabling the zone adds a node with a public address that is not known before, so that "
            "the way to it can't be tested."
        )
    subnets = case.account.subnets_of(subnet.vpc_id)
    there = [
        s for s in (() if isinstance(subnets, Missing) else subnets) if s.availability_zone == subnet.availability_zone
    ]
    found: list[Option] = []
    like_others = {_table_of(case, case.account.subnets.get(name)) for name in balancer.subnet_ids}
    for one in sorted(there, key=lambda s: (_table_of(case, s) not in like_others, s is not subnet)):
        edit = SetSubnets(load_balancer_arn=balancer.id, subnets=(*balancer.subnet_ids, one.subnet_id))
        place = called(case.account, one.subnet_id)
        says = f"Enable {subnet.availability_zone} for load balancer {balancer.name}, with {place}."
        warn = "The load balancer gets a node in that zone, which clients may be sent to: its rules count, too."
        found.append((step([blocker], [edit], says, warn),))
    return found[:3]


def keeps_no_address(_case: Case, blocker: Blocker) -> Sequence[Option]:
    """Client IP preservation, off: the target no longer sees its own address come back."""
    arn = blocker.resource_ids[0]
    setting = r.Attribute(key="preserve_client_ip.enabled", value="false")
    edit = ModifyTargetGroupAttributes(target_group_arn=arn, attributes=(setting,))
    name = arn.rpartition(":targetgroup/")[2].partition("/")[0]
    says = f"Turn client IP preservation of target group {name} off."
    warn = "The targets then see the load balancer's addresses instead of their clients', in logs and in rules."
    return [(step([blocker], [edit], says, warn),)]


def without_target(case: Case, blocker: Blocker) -> Step | None:
    """A target taken out that no interface here is and that nothing leads to; None where it is about no such one."""
    branch = case.walk.forks.branches[blocker.branch]
    target = branch.target
    if target is None or target.group is None or branch.spot.interface_id is not None or blocker.leg != "forward":
        return None
    balancer = case.account.balancers.by_id.get(target.balancer)
    place = balancer.vpc_id if isinstance(balancer, r.LoadBalancer) else None
    edit = DeregisterTargets(target_group_arn=target.group, targets=(r.Target(id=target.id, port=target.port),))
    name = target.group.rpartition(":targetgroup/")[2].partition("/")[0]
    says = f"Deregister {target.id}{f':{target.port}' if target.port else ''} from target group {name}."
    warn = "Nothing leads to this target as things are: if its host is still there, it needs a way or its new address."
    return step([blocker], [edit], says, warn, place=place)


def _table_of(case: Case, subnet: r.Subnet | None) -> str | None:
    table = case.account.route_table_of(subnet) if subnet is not None else None
    return table.route_table_id if isinstance(table, r.RouteTable) else None


def _across(blocker: Blocker, balancer: r.LoadBalancer) -> Sequence[Option]:
    setting = r.Attribute(key="load_balancing.cross_zone.enabled", value="true")
    edit = ModifyLoadBalancerAttributes(load_balancer_arn=balancer.id, attributes=(setting,))
    says = f"Let load balancer {balancer.name} balance across zones."
    warn = "Traffic between zones is charged."
    return [(step([blocker], [edit], says, warn),)]


def _is_node(balancer: r.LoadBalancer, interface: r.NetworkInterface) -> bool:
    return (interface.description or "").startswith("ELB ") or interface.network_interface_id.startswith(balancer.name)


def _balancer(case: Case, arn: str) -> r.LoadBalancer:
    found = case.account.balancers.by_id.get(arn)
    if not isinstance(found, r.LoadBalancer):
        raise NoFix(f"{listed([arn])} is a Classic Load Balancer: no change to one is proposed.")
    return found


def _groups_of(case: Case, balancer: r.LoadBalancer) -> list[str]:
    """The target groups that a load balancer forwards to by now."""
    found = set(case.account.balancers.groups_of.get(balancer.id, ()))
    for one in case.account.balancers.listeners.get(balancer.id, {}).values():
        rules = case.account.balancers.rules.get(one.listener_arn or "", {}).values()
        for actions in (one.default_actions, *(rule.actions for rule in rules)):
            found.update(arn for action in actions for arn in action.shares)
    return sorted(found)


def _asked_one(case: Case) -> r.LoadBalancer:
    """The load balancer that the packets came by last."""
    met = [passage.id for passage in case.walk.passages if passage.kind == "load-balancer"]
    return _balancer(case, met[-1] if met else "")
