"""What a fix allows beside what was asked: whom, what and into how much, counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from whyblocked.config import edits as e
from whyblocked.config import transit
from whyblocked.config.account import Account, Missing, Query
from whyblocked.config.edits.groups import rules_of
from whyblocked.config.resources import IpPermission, NetworkAclEntry
from whyblocked.diagnosis.fixing.boxes import EVERYWHERE, listed
from whyblocked.diagnosis.fixing.words import called, counted
from whyblocked.network.packets import ALL_PORTS
from whyblocked.network.protocols import protocol_span, protocol_text
from whyblocked.network.rules import Direction

_MOST_NAMED = 3
_WAYS: tuple[Direction, ...] = ("ingress", "egress")


def also_allows(account: Account, edits: Iterable[e.Edit]) -> list[str]:
    """What the edits let pass beside the question, a sentence each; ``account`` is the one before them."""
    found = (text for edit in edits for text in _EFFECTS.get(type(edit), _none)(account, edit))
    return list(dict.fromkeys(found))


def _none(_account: Account, _edit: Any) -> Iterator[str]:
    return iter(())


# -- security groups ---------------------------------------------------------------------------------------------------


def _authorize(account: Account, edit: e.AuthorizeSecurityGroup) -> Iterator[str]:
    group = called(account, edit.group_id)
    members = account.members(edit.group_id)
    what = traffic_text(edit.permission)
    inbound = edit.direction == "ingress"
    whom = peers_text(account, edit.permission)
    if isinstance(members, Missing):
        yield f"How many interfaces carry {group} could not be read ({members}); the rule holds for all of them."
    elif len(members) > 1:
        to = f"{'from' if inbound else 'to'} {whom}"
        way = "into" if inbound else "out of"
        yield f"{group} is on {counted(len(members), 'interface')}: {what} {to} is then allowed {way} all of them."
    for pair in edit.permission.user_id_group_pairs:
        peers = account.members(pair.group_id or "")
        name = called(account, pair.group_id or "")
        if isinstance(peers, Missing):
            yield f"The rule holds for every interface that carries {name}; how many do could not be read ({peers})."
        elif len(peers) != 1 or inbound:
            now = f"{len(peers):,}" if peers else "none"
            yield f"The rule holds for every interface that carries {name}, now {now}, and those that will carry it."


def traffic_text(permission: IpPermission) -> str:
    """``tcp/22``, ``all traffic``, ``icmp type 8``."""
    name = protocol_text(protocol_span(permission.ip_protocol) or (0, 255))
    low, high = permission.from_port, permission.to_port
    if name == "all":
        return "all traffic"
    if name in ("icmp", "icmpv6"):
        return f"all {name}" if low in (None, -1) else f"{name} type {low}"
    if low is None or high is None:
        return name if name.isalpha() else f"protocol {name}"
    if (low, high) == ALL_PORTS:
        return f"all {name}"
    return f"{name}/{low}" if low == high else f"{name}/{low}-{high}"


def peers_text(account: Account, permission: IpPermission) -> str:
    """Whom a permission names."""
    peers = [one.cidr_ip for one in permission.ip_ranges] + [one.cidr_ipv6 for one in permission.ipv6_ranges]
    peers += [one.prefix_list_id for one in permission.prefix_list_ids]
    peers += [called(account, one.group_id or "") for one in permission.user_id_group_pairs]
    return listed(peers) if peers else "nobody"


def groups_read(account: Account, list_id: str) -> Missing | None:
    """Ask for the security groups that name a prefix list; what could not be read of them."""
    filters = ("ip-permission.prefix-list-id", "egress.ip-permission.prefix-list-id")
    missing = [account.source.ask(Query("DescribeSecurityGroups", name, list_id)) for name in filters]
    return next(filter(None, missing), None)


def _listed(account: Account, edit: e.ModifyManagedPrefixList) -> Iterator[str]:
    named = edit.prefix_list_id
    missing = groups_read(account, named)
    rules = [
        group.group_id
        for _, group in sorted(account.security_groups.items())
        for direction in _WAYS
        for rule in rules_of(account, group, direction)
        if (rule.kind, rule.peer) == ("prefix_list_ids", named)
    ]
    routes = [t for t in account.route_tables.values() if any(r.destination_prefix_list_id == named for r in t.routes)]
    known = [f"{counted(len(rules), 'rule')} of {counted(len(set(rules)), 'security group')}"]
    known += [f"routes of {counted(len(routes), 'route table')}"] if routes else []
    read = f" that could be read ({missing})" if missing else ""
    yield (
        f"Whatever names {called(account, named)} counts {listed(edit.add)} in from then on: "
        f"{' and '.join(known)}{read}."
    )


# -- network ACLs ------------------------------------------------------------------------------------------------------


def _entry(account: Account, edit: e.CreateNetworkAclEntry | e.ReplaceNetworkAclEntry) -> Iterator[str]:
    acl = account.network_acls.get(edit.network_acl_id)
    if acl is None or edit.entry.rule_action != "allow":
        return
    entry = edit.entry
    guarded = account.subnets_of(acl.vpc_id)
    subnets = [
        subnet.subnet_id
        for subnet in (() if isinstance(guarded, Missing) else guarded)
        if account.network_acl_of(subnet) is acl
    ]
    block = entry.cidr_block or entry.ipv6_cidr_block
    way, whom = ("leave", f"to {block}") if entry.egress else ("enter", f"from {block}")
    where = _some(account, subnets) or "the subnets that it guards"
    yield (
        f"{called(account, acl.network_acl_id)} guards all of {where}: {entry_text(entry)} {whom} may {way} there for "
        "every host, as far as its security groups allow it."
    )


def entry_text(entry: NetworkAclEntry) -> str:
    """What an entry is about: ``tcp/22``."""
    ports, icmp = entry.port_range, entry.icmp_type_code
    low, high = (ports.from_, ports.to) if ports else (icmp.type, icmp.code) if icmp else (None, None)
    return traffic_text(IpPermission(ip_protocol=entry.protocol, from_port=low, to_port=high))


def _some(account: Account, subnet_ids: list[str]) -> str:
    """The subnets by name, or how many; empty where there are none."""
    if not subnet_ids:
        return ""
    if len(subnet_ids) > _MOST_NAMED:
        return counted(len(subnet_ids), "subnet")
    return listed([called(account, subnet_id) for subnet_id in subnet_ids])


# -- routes ------------------------------------------------------------------------------------------------------------


def _route(account: Account, edit: e.CreateRoute | e.ReplaceRoute) -> Iterator[str]:
    table = account.route_tables.get(edit.route_table_id)
    if table is None:
        return
    gateways = [a.gateway_id for a in table.associations if a.gateway_id]
    name = called(account, edit.route_table_id)
    if gateways:
        yield f"All that comes in by {listed(gateways)} for {edit.route.destination} takes the new route."
        return
    subnets = _some(account, served(account, edit.route_table_id, table.vpc_id)) or "no subnet yet"
    yield f"{name} serves {subnets}: all that is sent from there to {edit.route.destination} takes the new route."
    if edit.route.target.startswith("igw-") and ":" in edit.route.destination:
        yield (
            f"IPv6 addresses are public: by the internet gateway {edit.route.destination} also reaches these hosts, as "
            "far as network ACLs and security groups allow it."
        )


def _less(account: Account, edit: e.DeleteRoute) -> Iterator[str]:
    table = account.route_tables.get(edit.route_table_id)
    if table is not None:
        subnets = _some(account, served(account, edit.route_table_id, table.vpc_id)) or "no subnet yet"
        yield (
            f"{called(account, edit.route_table_id)} serves {subnets}: all that is sent from there to "
            f"{edit.destination} takes the wider route."
        )


def served(account: Account, table_id: str, vpc_id: str) -> list[str]:
    """The subnets that use a route table."""
    subnets = account.subnets_of(vpc_id)
    found = []
    for subnet in () if isinstance(subnets, Missing) else subnets:
        own = account.route_table_of(subnet)
        if not isinstance(own, Missing) and own.route_table_id == table_id:
            found.append(subnet.subnet_id)
    return found


def _other_table(account: Account, edit: e.AssociateRouteTable) -> Iterator[str]:
    table = account.route_tables.get(edit.route_table_id)
    routes = [f"{one.destination} by {one.target}" for one in (table.routes if table else ()) if one.target != "local"]
    if edit.subnet_id and routes:
        more = f" and {len(routes) - _MOST_NAMED} more" if len(routes) > _MOST_NAMED else ""
        shown = ", ".join(routes[:_MOST_NAMED])
        yield f"All routes of {called(account, edit.route_table_id)} count for all of the subnet: {shown}{more}."


def _endpoint(account: Account, edit: e.ModifyVpcEndpoint) -> Iterator[str]:
    endpoint = account.vpc_endpoints.get(edit.vpc_endpoint_id)
    for table_id in edit.add_route_table_ids if endpoint else ():
        subnets = _some(account, served(account, table_id, endpoint.vpc_id if endpoint else "")) or "no subnet yet"
        yield f"{called(account, table_id)} serves {subnets}: all that is sent from there to the service goes by it."


def _transit_route(account: Account, edit: e.CreateTransitGatewayRoute | e.ReplaceTransitGatewayRoute) -> Iterator[str]:
    comes_in = _associated(account, edit.transit_gateway_route_table_id)
    yield f"All that comes in by {comes_in} for {edit.destination_cidr_block} takes the new route."


def _propagation(account: Account, edit: e.EnableTransitGatewayRouteTablePropagation) -> Iterator[str]:
    found = transit.by_id(account, edit.transit_gateway_attachment_id)
    vpc = account.vpcs.get(found.resource_id or "") if found else None
    blocks = listed([str(network) for network in vpc.networks]) if vpc else "everything behind it"
    comes_in = _associated(account, edit.transit_gateway_route_table_id)
    yield f"All that comes in by {comes_in} gets to {blocks}, as far as routes and rules there allow it."


def _associated(account: Account, table_id: str) -> str:
    """The attachments whose packets a table of a transit gateway decides about."""
    found = [
        one.transit_gateway_attachment_id
        for attachments in account.transit_attachments.values()
        for one in attachments.values()
        if one.association is not None and one.association.transit_gateway_route_table_id == table_id
    ]
    if not found:
        return f"the attachments associated with {called(account, table_id)}"
    return counted(len(found), "attachment") if len(found) > _MOST_NAMED else listed(sorted(found))


def _attachment(account: Account, edit: e.ModifyTransitGatewayVpcAttachment) -> Iterator[str]:
    for subnet_id in edit.add_subnet_ids:
        subnet = account.subnets.get(subnet_id)
        zone = subnet.availability_zone if subnet and subnet.availability_zone else "that zone"
        yield f"All hosts in {zone} whose routes lead to the transit gateway get to it."
    yield from _referencing(account, edit)


def _decides(account: Account, edit: e.AssociateTransitGatewayRouteTable) -> Iterator[str]:
    table = called(account, edit.transit_gateway_route_table_id)
    yield f"All that comes in by {edit.transit_gateway_attachment_id} goes by the routes of {table}."


def _accepted(_account: Account, edit: e.AcceptTransitGatewayVpcAttachment) -> Iterator[str]:
    yield f"All that routes lead over {edit.transit_gateway_attachment_id} passes, as far as rules allow it."


def _referencing(
    _account: Account, edit: e.ModifyTransitGatewayVpcAttachment | e.ModifyTransitGateway
) -> Iterator[str]:
    if edit.security_group_referencing_support:
        yield "Every inbound rule that names a group of another VPC on the transit gateway counts then, where it is on."


# -- gateways, addresses, hosts ----------------------------------------------------------------------------------------


def _address(account: Account, edit: e.AssociateAddress) -> Iterator[str]:
    eni = edit.network_interface_id or ""
    interface = account.interfaces.get(eni)
    opened: list[str] = []
    for group in interface.groups if interface else ():
        found = account.security_groups.get(group.group_id)
        for rule in rules_of(account, found, "ingress") if found else ():
            if rule.peer in EVERYWHERE:
                permission = IpPermission(ip_protocol=rule.protocol, from_port=rule.low, to_port=rule.high)
                opened.append(traffic_text(permission))
    what = f"let in {listed(list(dict.fromkeys(opened)))} from anywhere" if opened else "let in only whom a rule names"
    yield f"The internet can address {eni} then: where routes and network ACLs allow it, its groups {what}."


def _exclusion(
    account: Account, edit: e.CreateVpcBlockPublicAccessExclusion | e.ModifyVpcBlockPublicAccessExclusion
) -> Iterator[str]:
    bidirectional = edit.internet_gateway_exclusion_mode == "allow-bidirectional"
    what = "all traffic with the internet" if bidirectional else "all connections to the internet that begin inside"
    of = (
        called(account, edit.subnet_id or edit.vpc_id or "")
        if isinstance(edit, e.CreateVpcBlockPublicAccessExclusion)
        else edit.exclusion_id
    )
    yield f"The exclusion holds for {what} of {of}, as far as routes and rules allow it."


def _peering(account: Account, edit: e.AcceptVpcPeeringConnection) -> Iterator[str]:
    pcx = edit.vpc_peering_connection_id
    tables = [name for name, one in account.route_tables.items() if any(route.target == pcx for route in one.routes)]
    if tables:
        shown = listed([called(account, name) for name in sorted(tables)]) if len(tables) <= _MOST_NAMED else ""
        yield (
            f"Routes of {shown or counted(len(tables), 'route table')} lead over it already: all that they take gets "
            "to the other VPC then, as far as rules there allow it."
        )


def _attach(account: Account, edit: e.AttachInternetGateway) -> Iterator[str]:
    tables = [
        name
        for name, one in account.route_tables.items()
        if any(route.target == edit.internet_gateway_id for route in one.routes)
    ]
    if tables:
        yield f"The routes of {counted(len(tables), 'route table')} to it work again, for all subnets that they serve."


def _forwards(_account: Account, edit: e.ModifyNetworkInterfaceAttribute) -> Iterator[str]:
    if edit.source_dest_check is False:
        yield f"{edit.network_interface_id} takes and sends packets with any addresses then, as its groups allow it."


def _starts(account: Account, edit: e.StartInstances) -> Iterator[str]:
    for name in edit.instance_ids:
        yield f"Once {called(account, name)} runs, it sends and takes all that groups, network ACLs and routes allow."


def _nat_address(account: Account, edit: e.AssociateNatGatewayAddress) -> Iterator[str]:
    where = f"in {edit.availability_zone} " if edit.availability_zone else ""
    yield f"All hosts {where}whose routes lead to {called(account, edit.nat_gateway_id)} get out by it."


def _attach_vpn(account: Account, edit: e.AttachVpnGateway) -> Iterator[str]:
    name, vpc = called(account, edit.vpn_gateway_id), called(account, edit.vpc_id)
    yield f"All that is behind {name} and {vpc} reach each other, as far as routes and rules allow it."


def _balances(account: Account, edit: e.SetSubnets | e.ModifyLoadBalancerAttributes) -> Iterator[str]:
    balancer = account.balancers.by_id.get(edit.load_balancer_arn)
    name = balancer.name if balancer else "the load balancer"
    yield f"Everybody whom {name} serves gets to targets that it did not send to before."


def _listener(account: Account, edit: e.CreateListener) -> Iterator[str]:
    balancer = account.balancers.by_id.get(edit.load_balancer_arn)
    name = balancer.name if balancer else "the load balancer"
    yield f"Everybody whom the security groups of {name} admit on port {edit.port} is served."


def _target_sees(_account: Account, edit: e.ModifyTargetGroupAttributes) -> Iterator[str]:
    if any(one.key == "preserve_client_ip.enabled" and one.value == "false" for one in edit.attributes):
        yield "Rules of the targets that admit the load balancer's addresses admit all of its clients then."


def _vpn_route(_account: Account, edit: e.CreateVpnConnectionRoute) -> Iterator[str]:
    yield f"All that the VPC sends to {edit.destination_cidr_block} by the gateway goes over the connection."


_EFFECTS: dict[type, Callable[[Account, Any], Iterator[str]]] = {
    e.AuthorizeSecurityGroup: _authorize,
    e.ModifyManagedPrefixList: _listed,
    e.CreateNetworkAclEntry: _entry,
    e.ReplaceNetworkAclEntry: _entry,
    e.CreateRoute: _route,
    e.ReplaceRoute: _route,
    e.DeleteRoute: _less,
    e.AssociateRouteTable: _other_table,
    e.ModifyVpcEndpoint: _endpoint,
    e.CreateTransitGatewayRoute: _transit_route,
    e.ReplaceTransitGatewayRoute: _transit_route,
    e.EnableTransitGatewayRouteTablePropagation: _propagation,
    e.AssociateTransitGatewayRouteTable: _decides,
    e.AcceptTransitGatewayVpcAttachment: _accepted,
    e.ModifyTransitGatewayVpcAttachment: _attachment,
    e.ModifyTransitGateway: _referencing,
    e.AssociateAddress: _address,
    e.CreateVpcBlockPublicAccessExclusion: _exclusion,
    e.ModifyVpcBlockPublicAccessExclusion: _exclusion,
    e.AcceptVpcPeeringConnection: _peering,
    e.AttachInternetGateway: _attach,
    e.ModifyNetworkInterfaceAttribute: _forwards,
    e.StartInstances: _starts,
    e.AssociateNatGatewayAddress: _nat_address,
    e.AttachVpnGateway: _attach_vpn,
    e.SetSubnets: _balances,
    e.ModifyLoadBalancerAttributes: _balances,
    e.CreateListener: _listener,
    e.ModifyTargetGroupAttributes: _target_sees,
    e.CreateVpnConnectionRoute: _vpn_route,
}
