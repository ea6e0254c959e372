"""Looking up load balancers, their nodes, listeners and targets in an account.

A node of a load balancer is an interface with the description "ELB app/<name>/<id>" (``net``, ``gwy``; "ELB <name>"
for a Classic one). Where none is listed for an enabled subnet, there is one all the same: it is made up here, with the
load balancer's security groups and an address that the subnet has free.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network

from whyblocked.config import resources as r
from whyblocked.config.account import Account, Missing, Query
from whyblocked.config.addresses import private_addresses, public_addresses
from whyblocked.errors import InputError

_RESERVED = 4  # at the beginning of every subnet; https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
_PREFIX = {"application": "app", "network": "net", "gateway": "gwy"}


def node_description(balancer: r.Balancer) -> str:
    """The description of the interfaces of a load balancer's nodes."""
    if isinstance(balancer, r.ClassicLoadBalancer):
        return f"ELB {balancer.name}"
    tail = balancer.id.rpartition(":loadbalancer/")[2].split("/")
    return "/".join((f"ELB {_PREFIX.get(balancer.kind, tail[0])}", *tail[1:]))


def balancer_named(account: Account, name: str, about: str = "") -> Iterator[r.Balancer | Missing]:
    """The load balancers with a name, one of the newer kinds and a Classic one may share it.

    ``about`` is an ARN, or a resource of theirs, that says in which account and Region.
    """
    for operation, parameter, classic in (
        ("DescribeLoadBalancers", "Names", False),
        ("DescribeClassicLoadBalancers", "LoadBalancerNames", True),
    ):
        missing = account.source.ask(Query(operation, parameter, name, about))
        _check(account, "LoadBalancerDescriptions" if classic else "LoadBalancers", name)
        found = account.balancers.by_name.get(name, {}).values()
        alike = [b for b in found if isinstance(b, r.ClassicLoadBalancer) is classic]
        if alike:
            yield from alike
        elif missing is not None:
            yield missing


def balancer_with(account: Account, arn: str) -> r.Balancer | Missing:
    """The load balancer with this ARN (or, for a Classic one, name)."""
    found = account.balancers.by_id.get(arn)
    if found is not None:
        return found
    _check(account, "LoadBalancers", arn)
    query = Query("DescribeLoadBalancers", "LoadBalancerArns", arn)
    return account.source.ask(query) or account.source.absent(query)


def balancer_of(account: Account, interface: r.NetworkInterface) -> r.Balancer | Missing | None:
    """The load balancer whose node an interface is; None for all other interfaces."""
    kind = (interface.interface_type or "").replace("_", "").lower()
    description = interface.description or ""
    if not description.startswith("ELB "):
        if kind in ("networkloadbalancer", "gatewayloadbalancer"):
            return Missing(f"load balancer of {interface.network_interface_id}", "nothing tells its name")
        return None
    path = description[4:].split("/")
    name = path[1] if len(path) > 2 else path[0]
    classic = len(path) < 3
    missing: Missing | None = None
    alike: list[r.Balancer] = []
    for found in balancer_named(account, name, interface.network_interface_id):
        if isinstance(found, Missing):
            missing = found if found.pending or missing is None else missing
        elif isinstance(found, r.ClassicLoadBalancer) is classic:
            alike.append(found)
    here = [found for found in alike if found.vpc_id in (interface.vpc_id, None)]
    if here:
        return next((found for found in here if node_description(found) == description), here[0])
    if missing is not None:
        return missing
    query = Query("DescribeClassicLoadBalancers" if classic else "DescribeLoadBalancers", "Names", name)
    return account.source.absent(query)


def nodes_of(account: Account, balancer: r.Balancer) -> tuple[r.NetworkInterface, ...] | Missing:
    """The interfaces of a load balancer, one or more in every enabled subnet, by subnet as it lists them."""
    description = node_description(balancer)
    missing = account.source.ask(Query("DescribeNetworkInterfaces", "description", description, balancer.id))
    if missing is not None and missing.pending:
        return missing
    listed = account.balancers.interfaces.get(description, {}).values()
    nodes: list[r.NetworkInterface] = []
    for subnet_id in balancer.subnet_ids:
        here = sorted((i for i in listed if i.subnet_id == subnet_id), key=lambda i: i.network_interface_id)
        if not here:
            subnet = account.subnet(subnet_id)
            if isinstance(subnet, Missing):
                return subnet
            here = [_made_up(account, balancer, subnet)]
        nodes += here
    return tuple(nodes)


def known_nodes(account: Account, balancer: r.Balancer) -> Iterator[str]:
    """The ids of the interfaces of a load balancer's nodes as far as they are known by now; nothing is asked for."""
    yield from account.balancers.interfaces.get(node_description(balancer), {})
    made_up = (f"{balancer.name}@{subnet_id}" for subnet_id in balancer.subnet_ids)
    yield from (node_id for node_id in made_up if node_id in account.balancers.nodes)


def is_made_up(account: Account, interface: r.NetworkInterface) -> bool:
    """Whether an interface is a node that no list of interfaces shows."""
    return interface.network_interface_id in account.balancers.nodes


def hides_public_address(account: Account, interface: r.NetworkInterface) -> bool:
    """Whether a node has a public IPv4 address that nothing tells: of an internet-facing load balancer."""
    if not is_made_up(account, interface) or public_addresses(interface):
        return False
    balancer = balancer_of(account, interface)
    return not isinstance(balancer, Missing) and balancer is not None and _has_public(balancer)


def _has_public(balancer: r.Balancer) -> bool:
    private = isinstance(balancer, r.LoadBalancer) and balancer.ip_address_type == "dualstack-without-public-ipv4"
    return not balancer.internal and not private


def _made_up(account: Account, balancer: r.Balancer, subnet: r.Subnet) -> r.NetworkInterface:
    node_id = f"{balancer.name}@{subnet.subnet_id}"
    known = account.balancers.nodes.get(node_id)
    if known is not None:
        return known
    zones = balancer.availability_zones if isinstance(balancer, r.LoadBalancer) else ()
    told = next((a for z in zones if z.subnet_id == subnet.subnet_id for a in z.load_balancer_addresses), None)
    versions = {6} if subnet.ipv6_native else {4}
    if isinstance(balancer, r.LoadBalancer) and (balancer.ip_address_type or "").startswith("dualstack"):
        versions.add(6)
    free = {n.version: _free(account, subnet, n) for n in reversed(subnet.networks) if n.version in versions}
    private = (told.private_ipv4_address if told else None) or free.get(4)
    ipv6 = (told.ipv6_address if told else None) or free.get(6)
    public = told.ip_address if told else None
    node = r.NetworkInterface(
        network_interface_id=node_id,
        vpc_id=subnet.vpc_id,
        subnet_id=subnet.subnet_id,
        groups=tuple(r.GroupIdentifier(group_id=group) for group in balancer.security_groups),
        private_ip_address=private,
        ipv6_addresses=(r.Ipv6Address(ipv6_address=ipv6),) if ipv6 else (),
        association=r.Association(public_ip=public) if public else None,
        description=node_description(balancer),
        availability_zone=subnet.availability_zone,
    )
    account.balancers.nodes[node_id] = node
    account.version += 1  # the graph has a vertex more
    return node


def _free(account: Account, subnet: r.Subnet, network: IPv4Network | IPv6Network) -> str:
    """An address of the subnet that nobody is known to have."""
    for offset in range(_RESERVED, network.num_addresses - 1):
        candidate = network[offset]
        if not account.is_owned(subnet.vpc_id, candidate):
            return str(candidate)
    return str(network[-2])


def listeners_of(account: Account, balancer: r.LoadBalancer) -> tuple[r.Listener, ...] | Missing:
    """The listeners of a load balancer, by port."""
    _check(account, "Listeners", balancer.id)
    found = account.balancers.listeners.get(balancer.id)
    told = account.details_about("DescribeListeners", balancer.id, r.Listener, balancer.name)
    if found and not (isinstance(told, Missing) and told.pending):
        return tuple(sorted(found.values(), key=lambda one: (one.port or 0, one.listener_arn or "")))
    return told


def rules_of(account: Account, listener: r.Listener) -> tuple[r.ListenerRule, ...] | Missing:
    """The rules of a listener in the order in which it tries them, without the last, which is its default."""
    arn = listener.listener_arn or ""
    _check(account, "Rules", arn)
    found = account.balancers.rules.get(arn)
    told = account.details_about("DescribeRules", arn, r.ListenerRule)
    if isinstance(told, Missing) and (told.pending or not found):
        return told
    numbered = [rule for rule in (found or {}).values() if not rule.is_default and (rule.priority or "").isdigit()]
    return tuple(sorted(numbered, key=lambda rule: int(rule.priority or 0)))


def target_group(account: Account, arn: str, balancer: r.LoadBalancer) -> r.TargetGroup | Missing:
    """A target group that a load balancer forwards to."""
    found = account.balancers.target_groups.get(arn)
    if found is not None:
        return found
    _check(account, "TargetGroups", arn)
    query = Query("DescribeTargetGroups", "LoadBalancerArn", balancer.id)
    missing = account.source.ask(query)
    if missing is not None:
        return missing
    return account.source.absent(query._replace(value=arn))


def targets_of(account: Account, group: r.TargetGroup) -> tuple[r.TargetHealthDescription, ...] | Missing:
    """The registered targets of a group, with their health."""
    arn, name = group.target_group_arn, group.target_group_name
    return account.details_about("DescribeTargetHealth", arn, r.TargetHealthDescription, name)


def group_attributes(account: Account, group: r.TargetGroup) -> dict[str, str] | Missing:
    """What was set on a target group."""
    arn, name = group.target_group_arn, group.target_group_name
    return _settings(account.details_about("DescribeTargetGroupAttributes", arn, r.Attribute, name))


def balancer_attributes(account: Account, balancer: r.LoadBalancer) -> dict[str, str] | Missing:
    """What was set on a load balancer."""
    found = account.details_about("DescribeLoadBalancerAttributes", balancer.id, r.Attribute, balancer.name)
    return _settings(found)


def classic_attributes(account: Account, balancer: r.ClassicLoadBalancer) -> r.ClassicAttributes | Missing:
    """What was set on a Classic Load Balancer."""
    found = account.details_about("DescribeClassicLoadBalancerAttributes", balancer.name, r.ClassicAttributes)
    if isinstance(found, Missing):
        return found
    return next(iter(found), r.ClassicAttributes())


def _settings(attributes: tuple[r.Attribute, ...] | Missing) -> dict[str, str] | Missing:
    if isinstance(attributes, Missing):
        return attributes
    return {attribute.key: attribute.value for attribute in attributes if attribute.value is not None}


def expected(account: Account, balancer: r.Balancer) -> Iterator[Query]:
    """What a walk through a load balancer will look up, as far as can be said by now."""
    if isinstance(balancer, r.ClassicLoadBalancer):
        yield Query("DescribeClassicLoadBalancerAttributes", "LoadBalancerName", balancer.name)
        for instance in balancer.instances:
            yield Query("DescribeNetworkInterfaces", "attachment.instance-id", instance.instance_id)
            yield Query("DescribeInstances", "instance-id", instance.instance_id)
        return
    yield Query("DescribeListeners", "LoadBalancerArn", balancer.id)
    yield Query("DescribeTargetGroups", "LoadBalancerArn", balancer.id)
    yield Query("DescribeLoadBalancerAttributes", "LoadBalancerArn", balancer.id)
    for arn in account.balancers.listeners.get(balancer.id, ()) if balancer.kind == "application" else ():
        yield Query("DescribeRules", "ListenerArn", arn)
    for group in account.balancers.groups_of.get(balancer.id, {}).values():
        yield Query("DescribeTargetHealth", "TargetGroupArn", group.target_group_arn)
        yield Query("DescribeTargetGroupAttributes", "TargetGroupArn", group.target_group_arn)
        yield from _of_targets(account, group)


def _of_targets(account: Account, group: r.TargetGroup) -> Iterable[Query]:
    described = account.details.get(("DescribeTargetHealth", group.target_group_arn), ())
    for one in described:
        if not isinstance(one, r.TargetHealthDescription):
            continue
        if group.target_type == "instance":
            yield Query("DescribeNetworkInterfaces", "attachment.instance-id", one.target.id)
            yield Query("DescribeInstances", "instance-id", one.target.id)
        elif group.target_type == "ip":
            name = "ipv6-addresses.ipv6-address" if ":" in one.target.id else "addresses.private-ip-address"
            yield Query("DescribeNetworkInterfaces", name, one.target.id)
        elif group.target_type == "alb":
            yield Query("DescribeLoadBalancers", "LoadBalancerArns", one.target.id)


def node_address(interface: r.NetworkInterface, version: int) -> int | None:
    """The private address that a node sends from."""
    return next((int(address) for address in private_addresses(interface) if address.version == version), None)


def _check(account: Account, kind: str, *mentions: str) -> None:
    """Raise where what is looked for is there, but could not be made sense of."""
    for broken in account.broken.get(kind, ()):
        if not broken.mentions.isdisjoint(mentions):
            raise InputError(broken.message)
