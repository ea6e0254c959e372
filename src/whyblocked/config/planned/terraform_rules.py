"""Security groups, network ACLs and route tables as Terraform plans them, with rules inside or of their own.

https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/security_group
https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/vpc_security_group_ingress_rule
https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/network_acl
https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/route
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from whyblocked.config import edits as e
from whyblocked.config import resources as r
from whyblocked.config.planned.plan import Resource, Unknown
from whyblocked.config.planned.terraform_types import GONE, NEW, PLACE, RULE, Staged, Type

Json = dict[str, Any]
_DIRECTIONS: tuple[e.Direction, ...] = ("ingress", "egress")
Get = Callable[[str], Any]


# -- security groups ---------------------------------------------------------------------------------------------------


def _security_group(one: Resource) -> Iterator[Staged]:
    if one.made_up:
        name = one.after.get("name")
        yield NEW, e.CreateSecurityGroup(group_id=one.made_up, vpc_id=one.name_of("vpc_id") or "", group_name=name)
    yield from _rules_within(one, one.id)


def _default_security_group(one: Resource) -> Iterator[Staged]:
    if one.created and not one.after.get("id"):
        raise Unknown("id")  # it is that of a VPC, which nothing names
    yield from _rules_within(one, one.id)


def _rules_within(one: Resource, group_id: str) -> Iterator[Staged]:
    """Rules inside the group; where the configuration has none, those that there are stay."""
    if not (one.created or one.updated):
        return
    for direction in _DIRECTIONS:
        rows = one.get(direction) or []
        if rows if one.created else direction in one.changed():
            permissions = tuple(_permission(row, group_id) for row in rows)
            yield RULE, e.SetSecurityGroupRules(group_id=group_id, direction=direction, permissions=permissions)


def _permission(row: Json, group_id: str) -> r.IpPermission:
    note = row.get("description") or None
    groups = [*(row.get("security_groups") or ()), *((group_id,) if row.get("self") else ())]
    return r.IpPermission(
        ip_protocol=str(row.get("protocol", "-1")),
        from_port=row.get("from_port"),
        to_port=row.get("to_port"),
        ip_ranges=tuple(r.IpRange(cidr_ip=cidr, description=note) for cidr in row.get("cidr_blocks") or ()),
        ipv6_ranges=tuple(r.Ipv6Range(cidr_ipv6=cidr, description=note) for cidr in row.get("ipv6_cidr_blocks") or ()),
        prefix_list_ids=tuple(
            r.PrefixListId(prefix_list_id=name, description=note) for name in row.get("prefix_list_ids") or ()
        ),
        user_id_group_pairs=tuple(_pair(name, note) for name in groups),
    )


def _pair(name: str, note: str | None) -> r.UserIdGroupPair:
    """A group, maybe another account's: ``123456789012/sg-1``."""
    account, _, group = name.rpartition("/")
    return r.UserIdGroupPair(group_id=group, user_id=account or None, description=note)


def _group_rule(one: Resource) -> Iterator[Staged]:
    """``aws_security_group_rule``, which may name several sources."""
    if one.deleted:
        yield GONE, _revoke(one.before["security_group_id"], one.before["type"], _old_rule(one.before))
    if one.created:
        group_id = one.name_of("security_group_id") or ""
        row = {name: one.get(name) for name in ("protocol", "from_port", "to_port", "description", "self")}
        row |= {name: one.get(name) for name in ("cidr_blocks", "ipv6_cidr_blocks")}
        row["prefix_list_ids"] = one.names_of("prefix_list_ids")
        source = one.name_of("source_security_group_id") if not row["self"] else None
        row["security_groups"] = [source] if source else []
        yield RULE, _authorize(group_id, one.get("type"), _permission(row, group_id))


def _old_rule(before: Json) -> r.IpPermission:
    source = before.get("source_security_group_id")
    groups = [source] if source and not before.get("self") else []
    return _permission({**before, "security_groups": groups}, before["security_group_id"])


def _single_rule(direction: e.Direction) -> Callable[[Resource], Iterator[Staged]]:
    """``aws_vpc_security_group_ingress_rule`` and ``-egress_rule``, which name one."""

    def make(one: Resource) -> Iterator[Staged]:
        if one.deleted or one.updated:
            yield GONE, _revoke(one.before["security_group_id"], direction, _single(one.before.get))
        if one.created or one.updated:
            group_id = one.name_of("security_group_id") or ""
            yield RULE, _authorize(group_id, direction, _single(lambda name: _of_rule(one, name)))

    return make


def _of_rule(one: Resource, name: str) -> Any:
    return one.name_of(name) if name in ("referenced_security_group_id", "prefix_list_id") else one.get(name)


def _single(get: Get) -> r.IpPermission:
    note = get("description") or None
    cidr4, cidr6, listed = get("cidr_ipv4"), get("cidr_ipv6"), get("prefix_list_id")
    group = get("referenced_security_group_id")
    return r.IpPermission(
        ip_protocol=str(get("ip_protocol")),
        from_port=get("from_port"),
        to_port=get("to_port"),
        ip_ranges=(r.IpRange(cidr_ip=cidr4, description=note),) if cidr4 else (),
        ipv6_ranges=(r.Ipv6Range(cidr_ipv6=cidr6, description=note),) if cidr6 else (),
        prefix_list_ids=(r.PrefixListId(prefix_list_id=listed, description=note),) if listed else (),
        user_id_group_pairs=(_pair(group, note),) if group else (),
    )


def _authorize(group_id: str, direction: e.Direction, permission: r.IpPermission) -> e.Edit:
    return e.AuthorizeSecurityGroup(group_id=group_id, direction=direction, permission=permission)


def _revoke(group_id: str, direction: e.Direction, permission: r.IpPermission) -> e.Edit:
    return e.RevokeSecurityGroup(group_id=group_id, direction=direction, permission=permission)


# -- network ACLs ------------------------------------------------------------------------------------------------------


def _network_acl(one: Resource) -> Iterator[Staged]:
    if one.made_up:
        yield NEW, e.CreateNetworkAcl(network_acl_id=one.made_up, vpc_id=one.name_of("vpc_id") or "")
    if one.created or one.updated:
        yield from _entries_within(one, one.id)
    yield from _subnets_of_acl(one, one.id)


def _default_network_acl(one: Resource) -> Iterator[Staged]:
    if one.created or one.updated:
        yield from _entries_within(one, one.name_of("default_network_acl_id") or "")


def _entries_within(one: Resource, acl_id: str) -> Iterator[Staged]:
    for direction in _DIRECTIONS:
        rows = one.get(direction) or []
        adopted = one.created and not one.made_up  # a default ACL, whose entries all go
        if rows or adopted if one.created else direction in one.changed():
            egress = direction == "egress"
            entries = tuple(_entry(row, egress, row.get("rule_no"), row.get("action")) for row in rows)
            yield RULE, e.SetNetworkAclEntries(network_acl_id=acl_id, egress=egress, entries=entries)


def _subnets_of_acl(one: Resource, acl_id: str) -> Iterator[Staged]:
    old = set(one.before.get("subnet_ids") or ())
    new = one.names_of("subnet_ids") if one.created or one.updated else ()
    if one.updated and "subnet_ids" not in one.changed():
        return
    for subnet in sorted(old - set(new)):
        yield GONE, e.ReplaceNetworkAclAssociation(network_acl_id=None, subnet_id=subnet)
    for subnet in new:
        if subnet not in old or one.made_up:
            yield PLACE, e.ReplaceNetworkAclAssociation(network_acl_id=acl_id, subnet_id=subnet)


def _acl_association(one: Resource) -> Iterator[Staged]:
    if one.deleted and not one.created:
        yield GONE, e.ReplaceNetworkAclAssociation(network_acl_id=None, subnet_id=one.before["subnet_id"])
    if one.created or one.updated:
        acl_id = one.name_of("network_acl_id")
        yield PLACE, e.ReplaceNetworkAclAssociation(network_acl_id=acl_id, subnet_id=one.name_of("subnet_id"))


def _acl_rule(one: Resource) -> Iterator[Staged]:
    if one.deleted:
        old = one.before
        yield (
            GONE,
            e.DeleteNetworkAclEntry(
                network_acl_id=old["network_acl_id"], rule_number=old["rule_number"], egress=bool(old.get("egress"))
            ),
        )
    if one.created:
        names = ("protocol", "cidr_block", "ipv6_cidr_block", "from_port", "to_port", "icmp_type", "icmp_code")
        row = {name: one.get(name) for name in names}
        entry = _entry(row, bool(one.get("egress")), one.get("rule_number"), one.get("rule_action"))
        yield RULE, e.CreateNetworkAclEntry(network_acl_id=one.name_of("network_acl_id") or "", entry=entry)


def _entry(row: Json, egress: bool, number: Any, action: Any) -> r.NetworkAclEntry:
    low, high = row.get("from_port"), row.get("to_port")
    icmp = str(row.get("protocol")).lower() in ("1", "58", "icmp", "icmpv6", "ipv6-icmp")
    protocol = {"ipv6-icmp": "icmpv6"}.get(str(row.get("protocol")).lower(), str(row.get("protocol")))
    return r.NetworkAclEntry(
        rule_number=int(number),
        protocol=protocol,
        rule_action=str(action).lower(),
        egress=egress,
        cidr_block=row.get("cidr_block") or None,
        ipv6_cidr_block=row.get("ipv6_cidr_block") or None,
        port_range=r.PortRange(from_=low or 0, to=high or 0) if not icmp else None,
        icmp_type_code=r.IcmpTypeCode(type=_code(row, "icmp_type"), code=_code(row, "icmp_code")) if icmp else None,
    )


def _code(row: Json, name: str) -> int:
    """The type or code, which the provider knows as text."""
    value = row.get(name)
    return 0 if value in (None, "") else int(value)


# -- routes ------------------------------------------------------------------------------------------------------------

_TARGETS = {
    "gateway_id": "gateway_id",
    "nat_gateway_id": "nat_gateway_id",
    "transit_gateway_id": "transit_gateway_id",
    "vpc_peering_connection_id": "vpc_peering_connection_id",
    "network_interface_id": "network_interface_id",
    "instance_id": "instance_id",
    "egress_only_gateway_id": "egress_only_internet_gateway_id",
    "carrier_gateway_id": "carrier_gateway_id",
    "local_gateway_id": "local_gateway_id",
    "core_network_arn": "core_network_arn",
    "odb_network_arn": "odb_network_arn",
    "vpc_endpoint_id": "vpc_endpoint_id",
}
"""The provider's names of a route's targets, and ours."""

_DESTINATIONS = ("destination_cidr_block", "destination_ipv6_cidr_block", "destination_prefix_list_id")
_WITHIN = {"cidr_block": _DESTINATIONS[0], "ipv6_cidr_block": _DESTINATIONS[1], _DESTINATIONS[2]: _DESTINATIONS[2]}


def _route(one: Resource) -> Iterator[Staged]:
    if one.deleted:
        destination = next(str(one.before[name]) for name in _DESTINATIONS if one.before.get(name))
        yield GONE, e.DeleteRoute(route_table_id=one.before["route_table_id"], destination=destination)
    if one.created or one.updated:
        told: Json = {name: one.get(name) for name in _DESTINATIONS[:2]}
        told[_DESTINATIONS[2]] = one.name_of(_DESTINATIONS[2])
        target = {ours: value for name, ours in _TARGETS.items() if (value := one.name_of(name))}
        if len(target) != 1:
            raise Unknown("the target")
        route = r.Route(**told, **target)
        table = one.name_of("route_table_id") or ""
        kind = e.CreateRoute if one.created else e.ReplaceRoute
        yield RULE, kind(route_table_id=table, route=route)


def _route_table(one: Resource) -> Iterator[Staged]:
    if one.made_up:
        yield NEW, e.CreateRouteTable(route_table_id=one.made_up, vpc_id=one.name_of("vpc_id") or "")
    if one.created or one.updated:
        yield from _routes_within(one, one.id)


def _default_route_table(one: Resource) -> Iterator[Staged]:
    if one.created or one.updated:
        yield from _routes_within(one, one.name_of("default_route_table_id") or "")


def _routes_within(one: Resource, table_id: str) -> Iterator[Staged]:
    rows = one.get("route") or []
    adopted = one.created and not one.made_up  # a default table, whose routes all go
    if rows or adopted if one.created else "route" in one.changed():
        routes = tuple(
            r.Route(**{ours: row[name] for name, ours in (_WITHIN | _TARGETS).items() if row.get(name)}) for row in rows
        )
        yield RULE, e.SetRoutes(route_table_id=table_id, routes=routes)


def _table_association(one: Resource) -> Iterator[Staged]:
    if one.deleted:
        yield GONE, e.DisassociateRouteTable(association_id=one.before["id"])
    table = one.name_of("route_table_id") if one.created or one.updated else None
    if one.updated and table:
        yield PLACE, e.ReplaceRouteTableAssociation(route_table_id=table, association_id=one.before["id"])
    if one.created and table:
        subnet, gateway = one.name_of("subnet_id"), one.name_of("gateway_id")
        yield PLACE, e.AssociateRouteTable(route_table_id=table, subnet_id=subnet, gateway_id=gateway)


def _main_association(one: Resource) -> Iterator[Staged]:
    if one.created or one.updated:
        table, vpc = one.name_of("route_table_id") or "", one.name_of("vpc_id")
        yield PLACE, e.ReplaceRouteTableAssociation(route_table_id=table, vpc_id=vpc)
    elif one.deleted:
        old = one.before.get("original_route_table_id") or ""
        yield GONE, e.ReplaceRouteTableAssociation(route_table_id=old, vpc_id=one.before["vpc_id"])


RULES: dict[str, Type] = {
    "aws_security_group": Type(_security_group),
    "aws_default_security_group": Type(_default_security_group),
    "aws_security_group_rule": Type(_group_rule),
    "aws_vpc_security_group_ingress_rule": Type(_single_rule("ingress")),
    "aws_vpc_security_group_egress_rule": Type(_single_rule("egress")),
    "aws_network_acl": Type(_network_acl),
    "aws_default_network_acl": Type(_default_network_acl),
    "aws_network_acl_association": Type(_acl_association),
    "aws_network_acl_rule": Type(_acl_rule),
    "aws_route": Type(_route),
    "aws_route_table": Type(_route_table, frozenset({"propagating_vgws"})),
    "aws_default_route_table": Type(_default_route_table, frozenset({"propagating_vgws"})),
    "aws_route_table_association": Type(_table_association),
    "aws_main_route_table_association": Type(_main_association),
}
