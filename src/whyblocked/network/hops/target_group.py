"""Target groups: which targets a node sends to, at which port, with which source address.

Health is no matter of packets: it is said, and does not decide.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/network/edit-target-group-attributes.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-troubleshooting.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/network/availability-zones.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from whyblocked.config.account import Account, Missing
from whyblocked.config.addresses import private_addresses
from whyblocked.config.balancers import (
    balancer_attributes,
    balancer_of,
    balancer_with,
    group_attributes,
    is_made_up,
    known_nodes,
    nodes_of,
    target_group,
    targets_of,
)
from whyblocked.config.resources import LoadBalancer, NetworkInterface, TargetGroup, TargetHealthDescription
from whyblocked.network.flow import Bundle, Node, flagged, split
from whyblocked.network.forks import Registered, Spot
from whyblocked.network.hops.relaying import (
    Way,
    address_of,
    outside_zones,
    send,
    to_instance,
    towards,
    zone_of,
    zones_of,
)
from whyblocked.network.packets import SOURCE
from whyblocked.network.walk import Step, Walk

_GENEVE = 6081
_CROSS_ZONE = "load_balancing.cross_zone.enabled"
_KEEPS = "preserve_client_ip.enabled"
_ALWAYS_KEPT = ("UDP", "TCP_UDP", "QUIC", "TCP_QUIC")


def cross(walk: Walk, node: Node, bundle: Bundle) -> Iterator[Step]:
    """To every target that the node may send to, on a connection of its own each."""
    interface = walk.account.interface(bundle.at or "")
    balancer = None if isinstance(interface, Missing) else balancer_of(walk.account, interface)
    if not isinstance(balancer, LoadBalancer) or isinstance(interface, Missing):
        yield from walk.lose(bundle, Missing(f"target group {node.id}", "its load balancer is not known"))
        return
    group = target_group(walk.account, node.id, balancer)
    targets = group if isinstance(group, Missing) else targets_of(walk.account, group)
    if isinstance(group, Missing) or isinstance(targets, Missing):
        walk.note(bundle, "target-group", node.id, "unknown", detail="could not be read")
        yield from walk.lose(bundle, *(one for one in (group, targets) if isinstance(one, Missing)))
        return
    if not targets:
        walk.note(bundle, "target-group", node.id, "deny", detail="no targets")
        summary = f"Target group {group.target_group_name} of {balancer.name} has no registered targets."
        _refuse(walk, group, bundle, "ELBV2_LISTENER_HAS_NO_TG", summary, "Register a target with it.")
        return
    _tell_health(walk, group, targets)
    walk.note(
        bundle,
        "target-group",
        node.id,
        "forward",
        detail=_count(targets),
        resource_ids=(node.id,),
        interface_id=bundle.at,
    )
    if group.target_type == "lambda":
        walk.warn(f"{targets[0].target.id} is invoked by {balancer.name} without any network of the account's.")
        place = Node("interface", bundle.at or "")
        invoked, _ = walk.rejoin(place, walk.fork(bundle, _registered(balancer, group, targets[0]), Spot()))
        walk.arrive(place, invoked)
        return
    yield from _to_targets(walk, balancer, interface, group, targets, bundle)


def neighbours(account: Account, here: Node) -> Iterator[Node]:
    """The nodes of its load balancers, which packets leave by for its targets."""
    group = account.balancers.target_groups.get(here.id)
    arns = group.load_balancer_arns if group and group.load_balancer_arns else account.balancers.by_id
    for arn in arns:
        balancer = account.balancers.by_id.get(arn)
        nodes = known_nodes(account, balancer) if isinstance(balancer, LoadBalancer) else ()
        yield from (Node("interface", node_id) for node_id in nodes)


def _to_targets(
    walk: Walk,
    balancer: LoadBalancer,
    node: NetworkInterface,
    group: TargetGroup,
    targets: Sequence[TargetHealthDescription],
    bundle: Bundle,
) -> Iterator[Step]:
    here, zones = zone_of(walk, node), zones_of(walk, balancer)
    elsewhere = reached = 0
    for described in targets:
        target = _registered(balancer, group, described)
        for way in _ways(walk, group, described):
            if isinstance(way, Missing):
                yield from walk.lose(towards(walk, bundle, target, way), way)
            elif way.zone and zones and way.zone not in zones and not _is_served(walk, balancer, group, described):
                there = towards(walk, bundle, target, way)
                outside_zones(walk, balancer, there, way, "ELBV2_NO_TARGETS_IN_AZ", group.target_group_arn)
            elif way.zone and here and way.zone != here and not _crosses(walk, balancer, group):
                elsewhere += 1
                continue
            else:
                yield from _send(walk, balancer, node, group, towards(walk, bundle, target, way), way)
            reached += 1
    if reached or not elsewhere:
        walk.served.add(node.network_interface_id)
        return
    name = group.target_group_name
    summary = f"{balancer.name} does not balance across zones, and {name} has no target in its node's zone {here}."
    if walk.balancer == balancer.id:
        walk.idle.add(node.network_interface_id)
        walk.warn(f"{summary} Clients are sent to the nodes of other zones only.")
    else:
        step = f"Register a target in {here}, or let {balancer.name} balance across zones."
        _refuse(walk, group, bundle, "ELBV2_NO_TARGETS_IN_AZ", summary, step)


def _registered(balancer: LoadBalancer, group: TargetGroup, described: TargetHealthDescription) -> Registered:
    target, health = described.target, described.target_health
    return Registered(
        balancer.id,
        group.target_group_arn,
        target.id,
        None if group.target_type == "lambda" else _port(group, described),
        None if target.availability_zone == "all" else target.availability_zone,
        health.state if health else None,
        health.reason if health else None,
    )


def _is_served(walk: Walk, balancer: LoadBalancer, group: TargetGroup, described: TargetHealthDescription) -> bool:
    """Whether a target in a zone that is not enabled gets traffic all the same.

    A Network Load Balancer serves constrained zones, which can't be enabled, across zones. Which these are is told by
    the target's health: it is checked only where the load balancer sends.
    """
    if balancer.kind != "network" or group.target_type == "alb" or not _crosses(walk, balancer, group):
        return False
    health = described.target_health
    return health is not None and health.state in ("initial", "healthy", "unhealthy", "unhealthy.draining")


def _send(
    walk: Walk, balancer: LoadBalancer, node: NetworkInterface, group: TargetGroup, bundle: Bundle, way: Way
) -> Iterator[Step]:
    keeps = bundle.version == way.address.version and _keeps(walk, balancer, group)
    own = int(way.address)
    looped, pieces = split(bundle.pieces, SOURCE, [(own, own)]) if keeps else ([], list(bundle.pieces))
    if looped:
        summary = (
            f"{way.label} is client and target at once: {balancer.name} keeps the client's address, so the packet "
            "comes back to where it is from and is dropped."
        )
        step = "Turn client IP preservation off, or register the targets by address."
        _refuse(walk, group, bundle.but(pieces=tuple(looped)), "ELBV2_SOURCE_ADDRESS_PRESERVATION", summary, step)
    if pieces:
        yield from send(walk, balancer, node, bundle.but(pieces=tuple(pieces)), way, keeps=keeps)


def _port(group: TargetGroup, described: TargetHealthDescription) -> int | None:
    return _GENEVE if (group.protocol or "").upper() == "GENEVE" else described.target.port or group.port


def _ways(walk: Walk, group: TargetGroup, described: TargetHealthDescription) -> Iterator[Way | Missing]:
    """How a registered target is reached: one way, or one for each node of a load balancer that is the target."""
    target = described.target
    port = _port(group, described)
    version = 6 if group.ip_address_type == "ipv6" else 4
    if group.target_type == "instance":
        yield to_instance(walk, target.id, port, version)
        return
    if group.target_type == "alb":
        yield from _balancer_ways(walk, target.id, port)
        return
    address = address_of(target.id)
    if address is None:
        yield Missing(f"target {target.id}", "its address can't be made out")
        return
    owner = walk.interface_at(group.vpc_id or "", address)
    if isinstance(owner, Missing):
        yield owner
        return
    zone = zone_of(walk, owner) if owner else _zone_around(walk, group, target.id, target.availability_zone)
    yield Way(target.id, address, port, owner, zone)


def _zone_around(walk: Walk, group: TargetGroup, target_id: str, told: str | None) -> str | None:
    """The zone of an address that no interface has: its subnet's, else what it was registered with."""
    address = address_of(target_id)
    subnets = walk.account.subnets_of(group.vpc_id or "")
    for subnet in () if isinstance(subnets, Missing) else subnets:
        if address is not None and any(address in network for network in subnet.networks):
            return subnet.availability_zone
    return None if told in (None, "all") else told


def _balancer_ways(walk: Walk, arn: str, port: int | None) -> Iterator[Way | Missing]:
    """An Application Load Balancer behind a Network Load Balancer: each of its nodes is one.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/network/application-load-balancer-target.html
    """
    behind = balancer_with(walk.account, arn)
    nodes = behind if isinstance(behind, Missing) else nodes_of(walk.account, behind)
    if isinstance(behind, Missing) or isinstance(nodes, Missing):
        yield from (one for one in (behind, nodes) if isinstance(one, Missing))
        return
    for node in nodes:
        if is_made_up(walk.account, node):
            walk.place(node)
        address = next((a for a in private_addresses(node) if a.version == 4), None)
        if address is not None:
            yield Way(behind.name, address, port, node, zone_of(walk, node))


# -- settings --------------------------------------------------------------------------------------------------------


def _crosses(walk: Walk, balancer: LoadBalancer, group: TargetGroup) -> bool:
    """Whether a node reaches the targets of other zones: the group says so, or leaves it to the load balancer."""
    of_group = _read(walk, group_attributes(walk.account, group))
    said = (of_group or {}).get(_CROSS_ZONE, "use_load_balancer_configuration")
    if said in ("true", "false"):
        return said == "true"
    if balancer.kind == "application":
        return True
    of_balancer = _read(walk, balancer_attributes(walk.account, balancer))
    if of_balancer is None or _CROSS_ZONE not in of_balancer:
        walk.warn(f"Whether {balancer.name} balances across zones could not be read; taken as off, the default.")
        return False
    return of_balancer[_CROSS_ZONE] == "true"


def _keeps(walk: Walk, balancer: LoadBalancer, group: TargetGroup) -> bool:
    """Whether targets see the client's address."""
    if balancer.kind != "network":
        return False
    if (group.protocol or "").upper() in _ALWAYS_KEPT or group.target_type == "alb":
        return True
    attributes = _read(walk, group_attributes(walk.account, group))
    if attributes is None or _KEEPS not in attributes:
        kept = group.target_type == "instance"
        walk.warn(
            f"Whether {group.target_group_name} keeps clients' addresses could not be read; taken as "
            f"{'on' if kept else 'off'}, the default for targets of type {group.target_type}."
        )
        return kept
    return attributes[_KEEPS] == "true"


def _read(walk: Walk, attributes: dict[str, str] | Missing) -> dict[str, str] | None:
    if isinstance(attributes, Missing):
        if attributes.pending:
            walk.lack(attributes)
        return None
    return attributes


# -- what is said ----------------------------------------------------------------------------------------------------


def _count(targets: Sequence[TargetHealthDescription]) -> str:
    return f"{len(targets)} target{'s' if len(targets) > 1 else ''}"


def _tell_health(walk: Walk, group: TargetGroup, targets: Sequence[TargetHealthDescription]) -> None:
    sick: list[str] = []
    failing = 0
    for described in targets:
        health = described.target_health
        state = (health.state if health else None) or "healthy"
        if state in ("healthy", "unavailable"):
            continue
        failing += state in ("unhealthy", "unhealthy.draining")
        reason = f" ({health.reason})" if health and health.reason else ""
        sick.append(f"{described.target.id} is {state}{reason}")
    if not sick:
        return
    more = f" and {len(sick) - 5} more" if len(sick) > 5 else ""
    opened = " As all are unhealthy, all of them get traffic." if failing == len(targets) else ""
    walk.warn(f"Target group {group.target_group_name}: {', '.join(sick[:5])}{more}.{opened}")


def _refuse(walk: Walk, group: TargetGroup, bundle: Bundle, code: str, summary: str, step: str) -> None:
    walk.block(
        bundle,
        bundle.pieces,
        layer="target-group",
        code=code,
        summary=summary,
        resource_ids=(group.target_group_arn,),
        interface_id=bundle.at,
        next_step=step,
    )
    walk.end(bundle, flagged(bundle.pieces, blocked=True))
