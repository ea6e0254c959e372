"""What the printed commands do, done to an account as raw AWS JSON: an AWS CLI and an EC2 of a few pages.

Written from the CLI's and the API's reference alone, so that it can disagree with the product.
"""

from __future__ import annotations

import copy
import json
import re
import shlex
from collections.abc import Callable, Iterable
from ipaddress import ip_network
from typing import Any

from tests.oracle.model import Json, protocol_number
from tests.oracle.shapes import OWNER
from tests.oracle.world import interface, row
from tests.properties.worlds import with_rows

Options = dict[str, list[str]]
_ROUTE_TARGETS = {
    "gateway-id": "GatewayId",
    "nat-gateway-id": "NatGatewayId",
    "transit-gateway-id": "TransitGatewayId",
    "vpc-peering-connection-id": "VpcPeeringConnectionId",
    "vpc-endpoint-id": "GatewayId",
    "egress-only-internet-gateway-id": "EgressOnlyInternetGatewayId",
    "network-interface-id": "NetworkInterfaceId",
}
_ROUTE_DESTINATIONS = {
    "destination-cidr-block": "DestinationCidrBlock",
    "destination-ipv6-cidr-block": "DestinationIpv6CidrBlock",
    "destination-prefix-list-id": "DestinationPrefixListId",
}


def carried_out(account: Json, commands: Iterable[str]) -> Json:
    """The account after the commands, which a shell ran one after the other."""
    account = copy.deepcopy(account)
    variables: dict[str, str] = {}
    for command in commands:
        assigned = re.fullmatch(r"(\w+)=\$\((aws .*)\)", command)
        if " update-rule-group " in command:
            _add_firewall_rule(account, command)
        elif assigned:
            variables[assigned[1]] = _run(account, shlex.split(assigned[2]), variables) or ""
        else:
            _run(account, shlex.split(command), variables)
    return with_rows(account)


def parsed(words: list[str]) -> tuple[str, Options]:
    """The operation and its options of ``aws ec2 ...``."""
    assert words[0] == "aws"
    options: Options = {}
    values: list[str] = []
    for word in words[3:]:
        if word.startswith("--"):
            values = options.setdefault(word[2:], [])
        else:
            values.append(word)
    return f"{words[1]} {words[2]}", options


def _run(account: Json, words: list[str], variables: dict[str, str]) -> str | None:
    operation, options = parsed(words)
    for values in options.values():
        values[:] = [_expanded(account, value, variables) for value in values]
    return _OPERATIONS[operation](account, options)


def _expanded(account: Json, value: str, variables: dict[str, str]) -> str:
    if value.startswith("$(") and value.endswith(")"):
        return _run(account, shlex.split(value[2:-1]), variables) or ""
    return variables[value[1:]] if value.startswith("$") else value


def shorthand(text: str) -> Any:
    """The CLI's shorthand: ``a=1,b=[{c=2},{c=3}]``."""
    found, rest = _structure(text)
    assert not rest, text
    return found


def _structure(text: str) -> tuple[Json, str]:
    found: Json = {}
    while True:
        key, _, text = text.partition("=")
        found[key], text = _value(text)
        if not text.startswith(","):
            return found, text
        text = text[1:]


def _value(text: str) -> tuple[Any, str]:
    if text.startswith("["):
        items, text = [], text[1:]
        while not text.startswith("]"):
            item, text = _value(text)
            items.append(item)
            text = text.removeprefix(",")
        return items, text[1:]
    if text.startswith("{"):
        inner, text = _structure(text[1:])
        assert text.startswith("}"), text
        return inner, text[1:]
    match = re.match(r"[^,\]}]*", text)
    assert match
    return match[0], text[match.end() :]


# -- EC2 ---------------------------------------------------------------------------------------------------------------


def _authorize(direction: str) -> Callable[[Json, Options], None]:
    def run(account: Json, options: Options) -> None:
        group = row(account, "SecurityGroups", "GroupId", options["group-id"][0])
        for text in options["ip-permissions"]:
            told = shorthand(text)
            for key in ("FromPort", "ToPort"):
                if key in told:
                    told[key] = int(told[key])
            for pair in told.get("UserIdGroupPairs", []):
                pair["UserId"] = OWNER  # AWS adds it
            base: Json = {"UserIdGroupPairs": [], "IpRanges": [], "Ipv6Ranges": [], "PrefixListIds": []}
            group[direction].append({**base, **told})

    return run


def _entry(options: Options) -> Json:
    block = "CidrBlock" if "cidr-block" in options else "Ipv6CidrBlock"
    entry: Json = {
        "RuleNumber": int(options["rule-number"][0]),
        "Protocol": str(protocol_number(options["protocol"][0])),
        "RuleAction": options["rule-action"][0],
        "Egress": "egress" in options,
        block: options["cidr-block" if block == "CidrBlock" else "ipv6-cidr-block"][0],
    }
    assert ("egress" in options) != ("ingress" in options)
    assert 1 <= entry["RuleNumber"] <= 32766
    if "port-range" in options:
        entry["PortRange"] = {key: int(value) for key, value in shorthand(options["port-range"][0]).items()}
    if "icmp-type-code" in options:
        entry["IcmpTypeCode"] = {key: int(value) for key, value in shorthand(options["icmp-type-code"][0]).items()}
    return entry


def _put_entry(*, there: bool) -> Callable[[Json, Options], None]:
    def run(account: Json, options: Options) -> None:
        entries: list[Json] = row(account, "NetworkAcls", "NetworkAclId", options["network-acl-id"][0])["Entries"]
        new = _entry(options)
        same = [one for one in entries if (one["RuleNumber"], one["Egress"]) == (new["RuleNumber"], new["Egress"])]
        assert bool(same) == there, new
        entries[:] = [one for one in entries if one not in same] + [new]

    return run


def _put_route(*, there: bool) -> Callable[[Json, Options], None]:
    def run(account: Json, options: Options) -> None:
        routes: list[Json] = row(account, "RouteTables", "RouteTableId", options["route-table-id"][0])["Routes"]
        (destination,) = ((key, options[name][0]) for name, key in _ROUTE_DESTINATIONS.items() if name in options)
        (target,) = ((key, options[name][0]) for name, key in _ROUTE_TARGETS.items() if name in options)
        made = [one for one in routes if one.get(destination[0]) == destination[1] and one["Origin"] == "CreateRoute"]
        assert bool(made) == there, (destination, routes)
        new = {destination[0]: destination[1], target[0]: target[1], "Origin": "CreateRoute", "State": "active"}
        routes[:] = [one for one in routes if one not in made] + [new]

    return run


def _delete_route(account: Json, options: Options) -> None:
    routes: list[Json] = row(account, "RouteTables", "RouteTableId", options["route-table-id"][0])["Routes"]
    (destination,) = ((key, options[name][0]) for name, key in _ROUTE_DESTINATIONS.items() if name in options)
    (old,) = (one for one in routes if one.get(destination[0]) == destination[1])
    assert old["Origin"] == "CreateRoute"
    routes.remove(old)


def _modify_list(account: Json, options: Options) -> None:
    list_id = options["prefix-list-id"][0]
    listed = row(account, "PrefixLists", "PrefixListId", list_id)
    assert listed["OwnerId"] == OWNER
    assert [str(listed["Version"])] == options["current-version"]
    entries = account["PrefixListEntries"][list_id]
    entries += [{"Cidr": one.removeprefix("Cidr=")} for one in options["add-entries"]]
    assert len(entries) <= listed["MaxEntries"]
    listed["Version"] += 1


def _associate_table(account: Json, options: Options) -> None:
    table_id, subnet_id = options["route-table-id"][0], options["subnet-id"][0]
    assert not any(a.get("SubnetId") == subnet_id for t in account["RouteTables"] for a in t["Associations"])
    row(account, "RouteTables", "RouteTableId", table_id)["Associations"].append(
        {
            "Main": False,
            "RouteTableAssociationId": f"rtbassoc-{subnet_id}",
            "RouteTableId": table_id,
            "SubnetId": subnet_id,
            "AssociationState": {"State": "associated"},
        }
    )


def _allocate(account: Json, _options: Options) -> str:
    taken = {str(one.get("Association", {}).get("PublicIp")) for one in account["NetworkInterfaces"]}
    allocated = account.setdefault("Addresses", [])
    number = next(n for n in range(200, 255) if f"52.0.1.{n}" not in taken and n not in {a["N"] for a in allocated})
    allocated.append({"N": number, "AllocationId": f"eipalloc-{number}", "PublicIp": f"52.0.1.{number}"})
    return f"eipalloc-{number}"


def _associate(account: Json, options: Options) -> None:
    one = interface(account, options["network-interface-id"][0])
    public = row(account, "Addresses", "AllocationId", options["allocation-id"][0])["PublicIp"]
    private = options.get("private-ip-address", [one["PrivateIpAddress"]])[0]
    association = {"IpOwnerId": "1", "PublicIp": public, "PublicDnsName": ""}
    (entry,) = (entry for entry in one["PrivateIpAddresses"] if entry["PrivateIpAddress"] == private)
    entry["Association"] = association
    if private == one["PrivateIpAddress"]:
        one["Association"] = dict(association)


def _start(account: Json, options: Options) -> None:
    for reservation in account["Reservations"]:
        for instance in reservation["Instances"]:
            if instance["InstanceId"] in options["instance-ids"]:
                assert instance["State"]["Name"] == "stopped"
                instance["State"] = {"Code": 16, "Name": "running"}


def _create_gateway(account: Json, _options: Options) -> str:
    account["InternetGateways"].append({"InternetGatewayId": "igw-made", "Attachments": [], "Tags": []})
    return "igw-made"


def _attach(account: Json, options: Options) -> None:
    gateway_id, vpc_id = options["internet-gateway-id"][0], options["vpc-id"][0]
    attachments = [a for one in account["InternetGateways"] for a in one["Attachments"]]
    assert not any(a["VpcId"] == vpc_id for a in attachments)
    row(account, "InternetGateways", "InternetGatewayId", gateway_id)["Attachments"] = [
        {"State": "available", "VpcId": vpc_id}
    ]
    for table in account["RouteTables"]:
        for route in table["Routes"]:
            if table["VpcId"] == vpc_id and route.get("GatewayId") == gateway_id:
                route["State"] = "active"


def _accept(account: Json, options: Options) -> None:
    peering_id = options["vpc-peering-connection-id"][0]
    peering = row(account, "VpcPeeringConnections", "VpcPeeringConnectionId", peering_id)
    assert peering["Status"]["Code"] == "pending-acceptance"
    peering["Status"] = {"Code": "active", "Message": "Active"}
    for table in account["RouteTables"]:
        for route in table["Routes"]:
            if route.get("VpcPeeringConnectionId") == peering_id:
                route["State"] = "active"


def _exclude(account: Json, options: Options) -> None:
    kind = "subnet" if "subnet-id" in options else "vpc"
    name = options[f"{kind}-id"][0]
    account["VpcBlockPublicAccessExclusions"].append(
        {
            "ExclusionId": f"vpcbpa-exclude-new-{name}",
            "InternetGatewayExclusionMode": options["internet-gateway-exclusion-mode"][0],
            "ResourceArn": f"arn:aws:ec2:eu-west-1:123456789012:{kind}/{name}",
            "State": "create-complete",
            "Tags": [],
        }
    )


def _modify_exclusion(account: Json, options: Options) -> None:
    exclusion = row(account, "VpcBlockPublicAccessExclusions", "ExclusionId", options["exclusion-id"][0])
    exclusion["InternetGatewayExclusionMode"] = options["internet-gateway-exclusion-mode"][0]


def _vpn_route(account: Json, options: Options) -> None:
    connection = row(account, "VpnConnections", "VpnConnectionId", options["vpn-connection-id"][0])
    assert connection["Options"]["StaticRoutesOnly"]
    made = {"DestinationCidrBlock": options["destination-cidr-block"][0], "Source": "Static", "State": "available"}
    connection["Routes"].append(made)


# -- transit gateways, endpoints, load balancers, firewalls ------------------------------------------------------------


def _transit_routes(account: Json, options: Options) -> list[Json]:
    table = options["transit-gateway-route-table-id"][0]
    found: list[Json] = account["Files"][f"search-transit-gateway-routes.{table}"]["Routes"]
    return found


def _leading_to(account: Json, options: Options) -> list[Json]:
    name = options["transit-gateway-attachment-id"][0]
    found = row(account, "TransitGatewayAttachments", "TransitGatewayAttachmentId", name)
    return [{key: found[key] for key in ("ResourceId", "ResourceType", "TransitGatewayAttachmentId")}]


def _put_transit_route(*, there: bool) -> Callable[[Json, Options], None]:
    def run(account: Json, options: Options) -> None:
        routes, cidr = _transit_routes(account, options), options["destination-cidr-block"][0]
        static = [one for one in routes if one["DestinationCidrBlock"] == cidr and one["Type"] == "static"]
        assert bool(static) == there
        hidden = [one for one in routes if one["DestinationCidrBlock"] == cidr]
        made: Json = {"DestinationCidrBlock": cidr, "Type": "static", "State": "active"}
        made["TransitGatewayAttachments"] = _leading_to(account, options)
        routes[:] = [one for one in routes if one not in hidden] + [made]

    return run


def _propagate(account: Json, options: Options) -> None:
    routes, to = _transit_routes(account, options), _leading_to(account, options)
    vpc = row(account, "Vpcs", "VpcId", to[0]["ResourceId"])
    shown = {one["DestinationCidrBlock"] for one in routes}
    blocks = [one["CidrBlock"] for one in vpc["CidrBlockAssociationSet"]]
    blocks += [one["Ipv6CidrBlock"] for one in vpc.get("Ipv6CidrBlockAssociationSet", [])]
    for block in blocks:
        if block not in shown:
            made = {"DestinationCidrBlock": block, "Type": "propagated", "State": "active"}
            routes.append({**made, "TransitGatewayAttachments": to})


def _associate_transit(account: Json, options: Options) -> None:
    name = options["transit-gateway-attachment-id"][0]
    attachment = row(account, "TransitGatewayAttachments", "TransitGatewayAttachmentId", name)
    assert not attachment.get("Association")
    table = options["transit-gateway-route-table-id"][0]
    attachment["Association"] = {"TransitGatewayRouteTableId": table, "State": "associated"}


def _modify_attachment(account: Json, options: Options) -> None:
    name = options["transit-gateway-attachment-id"][0]
    attachment = row(account, "TransitGatewayVpcAttachments", "TransitGatewayAttachmentId", name)
    attachment["SubnetIds"] += options.get("add-subnet-ids", [])
    zones = [row(account, "Subnets", "SubnetId", one)["AvailabilityZone"] for one in attachment["SubnetIds"]]
    assert len(zones) == len(set(zones))
    for text in options.get("options", []):
        attachment["Options"] |= shorthand(text)


def _modify_transit_gateway(account: Json, options: Options) -> None:
    gateway = row(account, "TransitGateways", "TransitGatewayId", options["transit-gateway-id"][0])
    gateway["Options"] |= shorthand(options["options"][0])


def _accept_attachment(account: Json, options: Options) -> None:
    name = options["transit-gateway-attachment-id"][0]
    for key in ("TransitGatewayAttachments", "TransitGatewayVpcAttachments"):
        for one in account.get(key, []):
            if one["TransitGatewayAttachmentId"] == name:
                assert one["State"] == "pendingAcceptance"
                one["State"] = "available"


def _attach_vpn(account: Json, options: Options) -> None:
    gateway = row(account, "VpnGateways", "VpnGatewayId", options["vpn-gateway-id"][0])
    gateway["VpcAttachments"] = [{"VpcId": options["vpc-id"][0], "State": "attached"}]
    for table in account["RouteTables"]:
        for route in table["Routes"]:
            if table["VpcId"] == options["vpc-id"][0] and route.get("GatewayId") == gateway["VpnGatewayId"]:
                route["State"] = "active"


def _nat_address(account: Json, options: Options) -> None:
    gateway = row(account, "NatGateways", "NatGatewayId", options["nat-gateway-id"][0])
    zone = options["availability-zone"][0]
    public = row(account, "Addresses", "AllocationId", options["allocation-ids"][0])["PublicIp"]
    zones = {s["AvailabilityZone"]: s["AvailabilityZoneId"] for s in account["Subnets"]}
    made = {"PublicIp": public, "Status": "succeeded", "AvailabilityZone": zone, "AvailabilityZoneId": zones[zone]}
    gateway["NatGatewayAddresses"].append({**made, "AllocationId": options["allocation-ids"][0], "IsPrimary": False})


def _modify_endpoint(account: Json, options: Options) -> None:
    endpoint = row(account, "VpcEndpoints", "VpcEndpointId", options["vpc-endpoint-id"][0])
    lists = {one["PrefixListName"]: one["PrefixListId"] for one in account["PrefixLists"]}
    for table_id in options["add-route-table-ids"]:
        endpoint["RouteTableIds"].append(table_id)
        made = {"DestinationPrefixListId": lists[endpoint["ServiceName"]], "GatewayId": endpoint["VpcEndpointId"]}
        table = row(account, "RouteTables", "RouteTableId", table_id)
        table["Routes"].append({**made, "Origin": "CreateRoute", "State": "active"})


def _set_subnets(account: Json, options: Options) -> None:
    balancer = row(account, "LoadBalancers", "LoadBalancerArn", options["load-balancer-arn"][0])
    there = {one["SubnetId"] for one in balancer["AvailabilityZones"]}
    assert there < set(options["subnets"])
    name = balancer["LoadBalancerArn"].partition(":loadbalancer/")[2]
    node = next(one for one in account["NetworkInterfaces"] if one["Description"] == f"ELB {name}")
    for number, subnet_id in enumerate(options["subnets"]):
        if subnet_id not in there:
            subnet = row(account, "Subnets", "SubnetId", subnet_id)
            zone = {"ZoneName": subnet["AvailabilityZone"], "SubnetId": subnet_id, "LoadBalancerAddresses": []}
            balancer["AvailabilityZones"].append(zone)
            account["NetworkInterfaces"].append(_node_like(node, subnet, number))


def _node_like(node: Json, subnet: Json, number: int) -> Json:
    """The interface that the load balancer makes in a further subnet."""
    made = copy.deepcopy(node)
    private = str(ip_network(subnet["CidrBlock"])[200])
    made |= {"NetworkInterfaceId": f"{node['NetworkInterfaceId']}-{number}", "SubnetId": subnet["SubnetId"]}
    made |= {"PrivateIpAddress": private, "AvailabilityZone": subnet["AvailabilityZone"]}
    made["PrivateIpAddresses"] = [{"Primary": True, "PrivateIpAddress": private}]
    if made.pop("Association", None):
        association = {"IpOwnerId": OWNER, "PublicIp": f"52.0.2.{number + 1}", "PublicDnsName": ""}
        made["PrivateIpAddresses"][0]["Association"] = made["Association"] = association
    return made


def _create_listener(account: Json, options: Options) -> None:
    arn, port = options["load-balancer-arn"][0], int(options["port"][0])
    assert not any(one["LoadBalancerArn"] == arn and one["Port"] == port for one in account["Listeners"])
    actions = [shorthand(text) for text in options["default-actions"]]
    for action in actions:  # AWS tells it in both forms
        action["ForwardConfig"] = {"TargetGroups": [{"TargetGroupArn": action["TargetGroupArn"], "Weight": 1}]}
    listener = f"{arn.replace(':loadbalancer/', ':listener/')}/{port}"
    row_of = {"ListenerArn": listener, "LoadBalancerArn": arn, "Port": port, "Protocol": options["protocol"][0]}
    account["Listeners"].append({**row_of, "DefaultActions": actions})
    rule = {"RuleArn": f"{listener.replace(':listener/', ':listener-rule/')}/default", "Priority": "default"}
    account.setdefault("Rules", []).append({**rule, "Conditions": [], "IsDefault": True, "Actions": actions})


def _set_attributes(kind: str, option: str) -> Callable[[Json, Options], None]:
    def run(account: Json, options: Options) -> None:
        path = options[option][0].rpartition(":")[2].split("/")
        settings = account["Files"][f"describe-{kind}-attributes.{path[-2]}"]["Attributes"]
        for text in options["attributes"]:
            new = shorthand(text)
            settings[:] = [one for one in settings if one["Key"] != new["Key"]] + [new]

    return run


def _add_firewall_rule(account: Json, command: str) -> None:
    """A shell would ask AWS for the rules that the group has; here they are at hand."""
    arn = re.search(r"--rule-group-arn (\S+)", command)
    rule = re.search(r"\[`(\".*\")`, RulesSource.RulesString\]", command)
    assert arn
    assert rule
    group = account["Files"][f"describe-rule-group.{arn[1].rpartition('/')[2]}"]["RuleGroup"]
    group["RulesSource"]["RulesString"] = f"{json.loads(rule[1])}\n{group['RulesSource']['RulesString']}"


_OPERATIONS: dict[str, Callable[[Json, Options], str | None]] = {
    "ec2 authorize-security-group-ingress": _authorize("IpPermissions"),
    "ec2 authorize-security-group-egress": _authorize("IpPermissionsEgress"),
    "ec2 modify-managed-prefix-list": _modify_list,
    "ec2 create-network-acl-entry": _put_entry(there=False),
    "ec2 replace-network-acl-entry": _put_entry(there=True),
    "ec2 create-route": _put_route(there=False),
    "ec2 replace-route": _put_route(there=True),
    "ec2 delete-route": _delete_route,
    "ec2 associate-route-table": _associate_table,
    "ec2 allocate-address": _allocate,
    "ec2 associate-address": _associate,
    "ec2 start-instances": _start,
    "ec2 create-internet-gateway": _create_gateway,
    "ec2 attach-internet-gateway": _attach,
    "ec2 accept-vpc-peering-connection": _accept,
    "ec2 create-vpc-block-public-access-exclusion": _exclude,
    "ec2 modify-vpc-block-public-access-exclusion": _modify_exclusion,
    "ec2 create-vpn-connection-route": _vpn_route,
    "ec2 create-transit-gateway-route": _put_transit_route(there=False),
    "ec2 replace-transit-gateway-route": _put_transit_route(there=True),
    "ec2 enable-transit-gateway-route-table-propagation": _propagate,
    "ec2 associate-transit-gateway-route-table": _associate_transit,
    "ec2 modify-transit-gateway-vpc-attachment": _modify_attachment,
    "ec2 modify-transit-gateway": _modify_transit_gateway,
    "ec2 accept-transit-gateway-vpc-attachment": _accept_attachment,
    "ec2 attach-vpn-gateway": _attach_vpn,
    "ec2 associate-nat-gateway-address": _nat_address,
    "ec2 modify-vpc-endpoint": _modify_endpoint,
    "elbv2 set-subnets": _set_subnets,
    "elbv2 create-listener": _create_listener,
    "elbv2 modify-load-balancer-attributes": _set_attributes("load-balancer", "load-balancer-arn"),
    "elbv2 modify-target-group-attributes": _set_attributes("target-group", "target-group-arn"),
}
