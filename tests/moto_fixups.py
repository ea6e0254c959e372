"""Where moto is not like EC2, made alike: :func:`mend` before ``mock_aws()`` or the server starts.

Each function closes one gap; ``tests/config/test_moto_fixups.py`` has a canary for each that tells when moto has
closed it itself, so that the function can go.
"""

from __future__ import annotations

import copy
import fnmatch
import functools
import inspect
import itertools
import json
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import moto.core.routing
import moto.ec2.models.elastic_ip_addresses
import moto.ec2.utils
from botocore import xform_name
from moto.cloudtrail.responses import CloudTrailResponse
from moto.core.exceptions import AccessDeniedError, _RESTError
from moto.core.responses import ActionResult
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.instances import Instance
from moto.ec2.models.network_acls import NetworkAclBackend
from moto.ec2.models.route_tables import Route
from moto.ec2.models.security_groups import SecurityGroup, SecurityGroupBackend, SecurityGroupRule
from moto.ec2.models.subnets import Subnet
from moto.ec2.models.transit_gateway_attachments import (
    TransitGatewayAttachment,
    TransitGatewayPeeringAttachment,
)
from moto.ec2.models.transit_gateway_attachments import TransitGatewayAttachmentBackend as TransitAttachments
from moto.ec2.models.transit_gateway_route_tables import TransitGatewayRouteTableBackend as TransitTables
from moto.ec2.models.vpcs import VPCBackend, VPCEndPoint
from moto.ec2.models.vpn_connections import VPNConnection
from moto.ec2.responses import EC2Response
from moto.networkfirewall.responses import NetworkFirewallResponse

page_size: int | None = None
"""Pages of this size even where the caller asks for none: what forgets to page then misses something."""

answers: dict[str, dict[str, Any]] = {
    "DescribeVpcBlockPublicAccessOptions": {"VpcBlockPublicAccessOptions": {"InternetGatewayBlockMode": "off"}},
    "DescribeVpcBlockPublicAccessExclusions": {"VpcBlockPublicAccessExclusions": []},
    "DescribeVpcEncryptionControls": {"VpcEncryptionControls": []},
    "DescribeSecurityGroupVpcAssociations": {"SecurityGroupVpcAssociations": []},
    "GetTransitGatewayPrefixListReferences": {"TransitGatewayPrefixListReferences": []},
}
"""Operations that moto lacks, with what they answer; a test may put its own here."""

firewalls: dict[str, dict[str, Any]] = {}
"""What Network Firewall tells of the policies and rule groups that moto lacks, and of firewalls, by ARN."""

trail: list[dict[str, Any]] = []
"""The records that CloudTrail answers ``LookupEvents`` from (as in its log files), which moto has not at all."""

trail_pages: list[int] = []
"""A number: no page of events is longer, whatever the caller asks for."""

_PAGED_BY_MOTO = ("describe_instances", "describe_vpc_endpoint_services")


@functools.cache
def mend() -> None:
    """Close every gap, once a process."""
    _missing_operations()
    _interface_groups()
    _interface_filters()
    _endpoint_filters()
    _prefix_list_filters()
    _endpoint_interfaces()
    _filters_match_any_value()
    _network_acl_rows()
    _icmp_of_network_acl_rows()
    _default_group_allows_itself()
    _rule_owner_and_description()
    _route_state()
    _ipv6_of_subnets()
    _public_addresses()
    _transit_gateways()
    _vpn_connection_filter()
    _network_firewall()
    _cloudtrail()
    _pages()
    _denials()
    _routes_one_by_one()


def _missing_operations() -> None:
    for operation in answers:
        setattr(EC2Response, xform_name(operation), lambda _self, name=operation: ActionResult(answers[name]))


def add_firewall(name: str, vpc: str, endpoints: dict[str, str], rules: str = "", **policy: Any) -> str:
    """A firewall with one stateful rule group of ``rules``; ``endpoints`` maps subnets to endpoint ids. Its ARN."""
    import boto3

    client = boto3.client("network-firewall", region_name="us-east-1")
    of = "arn:aws:network-firewall:us-east-1:123456789012:"
    policy_arn, group_arn = f"{of}firewall-policy/{name}", f"{of}stateful-rulegroup/{name}"
    made = client.create_firewall(
        FirewallName=name,
        FirewallPolicyArn=policy_arn,
        VpcId=vpc,
        SubnetMappings=[{"SubnetId": subnet} for subnet in endpoints],
    )["Firewall"]["FirewallArn"]
    states = {
        f"us-east-1{zone}": {"Attachment": {"SubnetId": subnet, "EndpointId": endpoint, "Status": "READY"}}
        for zone, (subnet, endpoint) in zip("abcdef", endpoints.items(), strict=False)
    }
    status = {"Status": "READY", "ConfigurationSyncStateSummary": "IN_SYNC", "SyncStates": states}
    firewalls[made] = {"FirewallStatus": status}
    firewalls[policy_arn] = {
        "FirewallPolicyResponse": {
            "FirewallPolicyName": name,
            "FirewallPolicyArn": policy_arn,
            "FirewallPolicyId": "1",
        },
        "FirewallPolicy": {
            "StatelessDefaultActions": ["aws:forward_to_sfe"],
            "StatelessFragmentDefaultActions": ["aws:forward_to_sfe"],
            "StatefulRuleGroupReferences": [{"ResourceArn": group_arn}],
            **policy,
        },
    }
    firewalls[group_arn] = {
        "RuleGroupResponse": {"RuleGroupName": name, "RuleGroupArn": group_arn, "RuleGroupId": "1", "Type": "STATEFUL"},
        "RuleGroup": {"RulesSource": {"RulesString": rules}},
    }
    return str(made)


def _vpn_connection_filter() -> None:
    """Connections are found by their id as well."""
    original = VPNConnection.get_filter_value
    _set(
        VPNConnection,
        "get_filter_value",
        lambda self, name, method=None: self.id if name == "vpn-connection-id" else original(self, name, method),
    )


def _network_firewall() -> None:
    """Policies and rule groups, and the endpoints of a firewall: what tests said with :func:`add_firewall`."""
    original = NetworkFirewallResponse.describe_firewall

    def describe_firewall(self: Any) -> Any:
        told: Any = original(self).result
        return ActionResult({**told, **firewalls.get(told["Firewall"]["FirewallArn"], {})})

    def listing(key: str, part: str) -> Callable[[Any], ActionResult]:
        def listed(_self: Any) -> ActionResult:
            arns = [arn for arn in firewalls if f":{part}" in arn or f"-{part}" in arn]
            return ActionResult({key: [{"Name": arn.rpartition("/")[2], "Arn": arn} for arn in arns]})

        return listed

    def describing(parameter: str) -> Callable[[Any], ActionResult]:
        return lambda self: ActionResult({"UpdateToken": "1", **firewalls[self._get_param(parameter)]})

    _set(NetworkFirewallResponse, "describe_firewall", describe_firewall)
    _set(NetworkFirewallResponse, "list_firewall_policies", listing("FirewallPolicies", "firewall-policy"))
    _set(NetworkFirewallResponse, "list_rule_groups", listing("RuleGroups", "rulegroup"))
    _set(NetworkFirewallResponse, "describe_firewall_policy", describing("FirewallPolicyArn"))
    _set(NetworkFirewallResponse, "describe_rule_group", describing("RuleGroupArn"))


def _interface_groups() -> None:
    """An interface has its own groups only, and an instance shows those of its primary interface."""

    def primary(instance: Any) -> Any:
        return instance.__dict__.get("nics", {}).get(0)

    def groups_of(instance: Any) -> list[Any]:
        interface = primary(instance)
        return list(interface._group_set) if interface is not None else instance.__dict__.get("_groups", [])

    def set_groups(instance: Any, groups: list[Any]) -> None:
        instance.__dict__["_groups"] = groups
        interface = primary(instance)
        if interface is not None:
            interface._group_set = list(groups)

    _set(NetworkInterface, "group_set", property(lambda self: self._group_set))
    _set(Instance, "security_groups", property(groups_of, set_groups))


def _interface_filters() -> None:
    """Filters by public, secondary and IPv6 address, and by DNS name."""
    original = NetworkInterface.get_filter_value

    def get_filter_value(self: Any, filter_name: str, method_name: str | None = None) -> Any:
        match filter_name:
            case "addresses.private-ip-address":
                return [address["PrivateIpAddress"] for address in self.private_ip_addresses]
            case "association.public-ip" | "addresses.association.public-ip":
                return self.public_ip
            case "ipv6-addresses.ipv6-address":
                return self.ipv6_addresses
            case "private-dns-name":
                return getattr(self, "private_dns_name", None)
        return original(self, filter_name, method_name)

    _set(NetworkInterface, "get_filter_value", get_filter_value)


def _endpoint_filters() -> None:
    """VPC endpoints by id."""
    original = VPCEndPoint.get_filter_value

    def get_filter_value(self: Any, filter_name: str, method_name: str | None = None) -> Any:
        return self.id if filter_name == "vpc-endpoint-id" else original(self, filter_name, method_name)

    _set(VPCEndPoint, "get_filter_value", get_filter_value)


def _prefix_list_filters() -> None:
    """Security groups by the prefix lists that their rules name."""

    def names(rules: list[SecurityGroupRule], values: list[str]) -> bool:
        return any(rule.prefix_list_id in values for rule in rules)

    _set(SecurityGroup, "filter_ip_permission__prefix_list_id", lambda self, v: names(self.ingress_rules, v))
    _set(SecurityGroup, "filter_egress__ip_permission__prefix_list_id", lambda self, v: names(self.egress_rules, v))


def _endpoint_interfaces() -> None:
    """An interface endpoint's interfaces have an address of their subnet and the endpoint's groups, and are in use."""
    original = VPCBackend.create_vpc_endpoint

    def create_vpc_endpoint(self: Any, *args: Any, **more: Any) -> Any:
        made = original(self, *args, **more)
        for interface_id in made.network_interface_ids:
            interface = self.get_network_interface(interface_id)
            address = interface.subnet.get_available_subnet_ip(interface)
            interface.private_ip_address = address
            interface.private_ip_addresses = [{"Primary": True, "PrivateIpAddress": address}]
            interface._group_set = [self.get_security_group_from_id(group) for group in made.security_group_ids]
            interface.interface_type, interface.status = "vpc_endpoint", "in-use"
            interface.description = f"VPC Endpoint Interface {made.id}"
        return made

    _set(VPCBackend, "create_vpc_endpoint", create_vpc_endpoint)


def _filters_match_any_value() -> None:
    """A filter holds where any of its values, wildcards allowed, is any of the resource's."""

    def any_of(values: Any, patterns: Any) -> bool:
        sought = patterns if isinstance(patterns, list | tuple) else [patterns]
        return any(fnmatch.fnmatchcase(value, pattern) for value in values for pattern in sought)

    original = moto.ec2.utils.is_filter_matching
    original_of_instances = moto.ec2.utils.instance_value_in_filter_values

    def is_filter_matching(resource: Any, name: str, patterns: Any) -> bool:
        values = resource.get_filter_value(name)
        if isinstance(values, list | tuple | set) and all(isinstance(value, str) for value in values):
            return any_of(values, patterns)
        return original(resource, name, patterns)

    def instance_value_in_filter_values(value: Any, patterns: Any) -> bool:
        return any_of([value], patterns) if isinstance(value, str) else original_of_instances(value, patterns)

    _set(moto.ec2.utils, "is_filter_matching", is_filter_matching)
    _set(moto.ec2.utils, "instance_value_in_filter_values", instance_value_in_filter_values)


def _network_acl_rows() -> None:
    """The ``*`` rows of a custom network ACL, and the IPv6 rows of any in a VPC with IPv6."""
    original = NetworkAclBackend.create_network_acl

    def create_network_acl(self: Any, vpc_id: str, tags: Any = None, default: bool = False) -> Any:
        acl = original(self, vpc_id, tags, default)
        ipv6 = bool(self.get_vpc(vpc_id).get_cidr_block_association_set(ipv6=True))
        rows: list[tuple[int, str, str | None, str | None]] = [] if default else [(32767, "deny", "0.0.0.0/0", None)]
        if ipv6:
            rows.append((32768, "deny", None, "::/0"))
            rows += [(101, "allow", None, "::/0")] if default else []
        for (number, action, ipv4_block, ipv6_block), egress in itertools.product(rows, (True, False)):
            self.create_network_acl_entry(
                network_acl_id=acl.id,
                rule_number=number,
                protocol="-1",
                rule_action=action,
                egress=egress,
                cidr_block=ipv4_block,
                icmp_code=None,
                icmp_type=None,
                port_range_from=None,
                port_range_to=None,
                ipv6_cidr_block=ipv6_block,
            )
        return acl

    _set(NetworkAclBackend, "create_network_acl", create_network_acl)


def _icmp_of_network_acl_rows() -> None:
    """ICMP type and code of a row: moto reads a parameter of another name."""
    original = EC2Response._get_param

    def get_param(self: Any, name: str, if_none: Any = None) -> Any:
        return original(self, f"IcmpTypeCode.{name[5:]}" if name.startswith("Icmp.") else name, if_none)

    _set(EC2Response, "_get_param", get_param)


def _default_group_allows_itself() -> None:
    original = SecurityGroupBackend.create_security_group

    def create_security_group(self: Any, *args: Any, **kwargs: Any) -> Any:
        group = original(self, *args, **kwargs)
        if kwargs.get("is_default"):
            itself = {"GroupId": group.id, "UserId": self.account_id}
            rule = SecurityGroupRule(self, "-1", group.id, None, None, None, source_group=itself, is_egress=False)
            group.add_ingress_rule(rule)
        return group

    _set(SecurityGroupBackend, "create_security_group", create_security_group)


def _rule_owner_and_description() -> None:
    original = SecurityGroupRule.__init__

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        prefix_list = kwargs.get("prefix_list_id") or (args[7] if len(args) > 7 else None)
        self.__dict__["_list_says"] = prefix_list.get("Description") if isinstance(prefix_list, dict) else None
        original(self, *args, **kwargs)

    def description(self: Any) -> Any:
        return self.ip_range.get("Description") or self.source_group.get("Description") or self.__dict__["_list_says"]

    _set(SecurityGroupRule, "__init__", init)
    _set(SecurityGroupRule, "description", property(description))
    _set(SecurityGroupRule, "group_owner_id", property(lambda self: self.owner_id))


def _route_state() -> None:
    """A route's state can be set: ``route.state = "blackhole"``."""
    state = property(
        lambda self: self.__dict__.get("_state", "active"),
        lambda self, value: self.__dict__.__setitem__("_state", value),
    )
    _set(Route, "state", state)


def _ipv6_of_subnets() -> None:
    """The state of a subnet's IPv6 block is a word: moto answers with a Python dict as text."""
    original = Subnet.ipv6_cidr_block_association_set

    def associations(self: Any) -> list[Any]:
        return [
            {**found, "ipv6CidrBlockState": {"state": "associated"}}
            for found in original.__get__(self)  # it keeps none of another state
        ]

    _set(Subnet, "ipv6_cidr_block_association_set", property(associations))


def _public_addresses() -> None:
    """Elastic addresses from a documentation block: moto's are loopback addresses."""
    numbers = itertools.count(1)
    _set(
        moto.ec2.models.elastic_ip_addresses,
        "random_ip",
        lambda: f"198.51.100.{next(numbers) % 254 + 1}",
    )


class _OtherSide(TransitGatewayPeeringAttachment):
    """A peering attachment as the accepter sees it: in the same state as the requester's."""

    original: Any

    @property
    def state(self) -> str:
        return str(self.original.state)

    @state.setter
    def state(self, value: str) -> None:
        self.original.state = value


def _transit_gateways() -> None:
    """An attachment shows the table it is associated with; what is propagated is among the routes; routes lead on."""

    def association(self: Any) -> dict[str, str] | None:
        last = self.ec2_backend.transit_gateway_associations.get(self.id)
        table = last.transit_gateway_route_table_id if last else None
        return {"State": "associated", "TransitGatewayRouteTableId": table} if table else None

    create, search = TransitTables.create_transit_gateway_route, TransitTables.search_transit_gateway_routes

    def created(self: Any, *args: Any, **kwargs: Any) -> Any:
        route: dict[str, Any] = create(self, *args, **kwargs)
        if isinstance(route.get("transitGatewayAttachments"), dict):
            route["transitGatewayAttachments"] = [route["transitGatewayAttachments"]]
        return route

    def searched(self: Any, transit_gateway_route_table_id: str, *args: Any, **kwargs: Any) -> list[Any]:
        found: list[Any] = search(self, transit_gateway_route_table_id, *args, **kwargs)
        table = self.transit_gateways_route_tables.get(transit_gateway_route_table_id)
        for one in table.route_table_propagation if table else ():
            told = {
                "resourceId": one.resourceId,
                "resourceType": one.resourceType,
                "transitGatewayAttachmentId": one.transitGatewayAttachmentId,
            }
            block = self.get_vpc(one.resourceId).cidr_block
            if block not in [route["destinationCidrBlock"] for route in found]:
                row = {"destinationCidrBlock": block, "state": "active", "type": "propagated"}
                found.append({**row, "transitGatewayAttachments": [told]})
        return found

    create_peering = TransitAttachments.create_transit_gateway_peering_attachment

    def peered(self: Any, *args: Any, **kwargs: Any) -> Any:
        """In the other Region it is an attachment of the other gateway, to this one."""
        made = create_peering(self, *args, **kwargs)
        there = made.accepter_tgw_info
        for backend in self._get_peering_attachment_backend_refs():
            if backend is not self and made.id in backend.transit_gateway_attachments:
                other: Any = copy.copy(made)
                other.__class__ = _OtherSide
                other.original, other.ec2_backend = made, backend
                other.transit_gateway_id, other.resource_id = there["TransitGatewayId"], made.transit_gateway_id
                backend.transit_gateway_attachments[made.id] = other
        return made

    _set(TransitGatewayAttachment, "association", property(association))
    _set(TransitAttachments, "create_transit_gateway_peering_attachment", peered)
    _set(TransitTables, "create_transit_gateway_route", created)
    _set(TransitTables, "search_transit_gateway_routes", searched)


def _cloudtrail() -> None:
    """``LookupEvents``: newest first, one attribute, pages; the ids that a record's resources name."""

    def looked_up(self: Any) -> str:
        asked = json.loads(self.body)
        ((key, value),) = [(a["AttributeKey"], a["AttributeValue"]) for a in asked.get("LookupAttributes", [])]
        field = {"EventName": "eventName", "EventId": "eventID"}.get(key)
        found = []
        for record in sorted(trail, key=lambda record: record["eventTime"], reverse=True):
            time = datetime.fromisoformat(record["eventTime"]).timestamp()
            named = [resource["ResourceName"] for resource in record.get("-resources", [])]
            if (record.get(field) == value if field else value in named) and time >= asked.get("StartTime", 0):
                found.append((time, record))
        size = min([asked.get("MaxResults", 50), 50, *trail_pages])
        start = int(asked.get("NextToken", 0))
        more = {"NextToken": str(start + size)} if start + size < len(found) else {}
        return json.dumps({"Events": [_event(*one) for one in found[start : start + size]], **more})

    _set(CloudTrailResponse, "lookup_events", looked_up)


def _event(time: float, record: dict[str, Any]) -> dict[str, Any]:
    """A record as ``LookupEvents`` wraps it."""
    resources = record.get("-resources", [])
    shown = {key: value for key, value in record.items() if not key.startswith("-")}
    return {
        "EventId": record["eventID"],
        "EventName": record["eventName"],
        "EventTime": time,
        "EventSource": record["eventSource"],
        "ReadOnly": str(record.get("readOnly", False)).lower(),
        "Username": "somebody",
        "Resources": resources,
        "CloudTrailEvent": json.dumps(shown),
    }


def _pages() -> None:
    """``MaxResults`` and ``NextToken`` on every call that lists something."""

    def paged(method: Callable[[Any], Any]) -> Callable[[Any], Any]:
        @functools.wraps(method)
        def page(self: Any) -> Any:
            result = method(self)
            size, token = page_size or self._get_param("MaxResults"), self._get_param("NextToken")
            data: dict[str, Any] = result._result if isinstance(result, ActionResult) else {}  # type: ignore[assignment]
            lists = [key for key, value in data.items() if isinstance(value, list | tuple)]
            if len(lists) != 1 or not (size or token):
                return result
            items, start = list(data[lists[0]]), int(token or 0)
            end = start + int(size or 1000)
            more = {"NextToken": str(end)} if end < len(items) else {}
            return ActionResult({**data, lists[0]: items[start:end], **more})

        return page

    for name, method in inspect.getmembers(EC2Response, inspect.isfunction):
        if name.startswith("describe_") and name not in _PAGED_BY_MOTO:
            setattr(EC2Response, name, paged(method))


def _denials() -> None:
    """The code and the wording with which EC2 refuses a call."""

    def init(self: Any, user_arn: str, action: str) -> None:
        said = f"User: {user_arn} is not authorized to perform: {action} because no identity-based policy allows it"
        code = "UnauthorizedOperation" if action.startswith("ec2:") else "AccessDenied"
        _RESTError.__init__(self, code, said)

    _set(AccessDeniedError, "__init__", init)


def _set(where: Any, name: str, value: Any) -> None:
    setattr(where, name, value)


def _routes_one_by_one() -> None:
    """moto makes a service's routes when it is first asked, by way of syntax trees. CPython 3.11 counts the depth of
    those for all threads together: two that are made at once may fail.
    """
    make, lock = moto.core.routing._create_map, threading.RLock()

    def made(rules: Any) -> Any:
        with lock:
            return make(rules)

    moto.core.routing._create_map = made
