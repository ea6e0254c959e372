"""Random calls of the API, and what each makes of an account as raw JSON, written without the product.

Each maker draws a call that AWS would accept of the account as it is, rewrites the JSON in place, and gives the call;
None where the account has no occasion for it.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from ipaddress import ip_network
from random import Random
from typing import Any

from tests.oracle import account_rules, shapes
from tests.oracle.model import Json

Made = tuple[str, Json]
Maker = Callable[[Random, Json], Made | None]
NUMBERS = {"tcp": "6", "udp": "17", "icmp": "1", "icmpv6": "58"}
NAMES = {number: name for name, number in NUMBERS.items()}


def single(permission: Json) -> list[tuple[Any, ...]]:
    """Each rule of a permission, in a form that equal rules share."""
    protocol: str = NAMES.get(permission["IpProtocol"], str(permission["IpProtocol"]))
    ports: tuple[Any, ...] = (permission.get("FromPort"), permission.get("ToPort"))
    if protocol not in NUMBERS:
        ports = (None, None)
    if protocol.startswith("icmp") and ports[0] in (None, -1):
        ports = (-1, -1)
    peers = [str(ip_network(one["CidrIp"], strict=False)) for one in permission["IpRanges"]]
    peers += [str(ip_network(one["CidrIpv6"], strict=False)) for one in permission["Ipv6Ranges"]]
    peers += [one["PrefixListId"] for one in permission["PrefixListIds"]]
    peers += [one["GroupId"] for one in permission["UserIdGroupPairs"]]
    return [(protocol, *ports, peer) for peer in peers]


def side(rng: Random) -> tuple[str, str]:
    return rng.choice((("Ingress", "IpPermissions"), ("Egress", "IpPermissionsEgress")))


def authorize(rng: Random, account: Json) -> Made | None:
    group, (way, key) = rng.choice(account["SecurityGroups"]), side(rng)
    peers = [one["GroupId"] for one in account["SecurityGroups"]] + list(account["PrefixListEntries"])
    permission = account_rules.permission(rng, peers)
    if permission["IpProtocol"] == "50":
        permission["IpProtocol"] = "51"  # as good, and no world has it yet
    there = {rule for one in group[key] for rule in single(one)}
    if there.intersection(single(permission)):
        return None
    group[key].append(copy.deepcopy(permission))
    return f"AuthorizeSecurityGroup{way}", {"GroupId": group["GroupId"], "IpPermissions": [permission]}


def revoke(rng: Random, account: Json) -> Made | None:
    group, (way, key) = rng.choice(account["SecurityGroups"]), side(rng)
    rules = [(one, field, peer) for one in group[key] for field in FIELDS for peer in one[field]]
    if not rules:
        return None
    permission, field, peer = rng.choice(rules)
    unwanted = {"IpProtocol": permission["IpProtocol"]}
    unwanted |= {name: permission[name] for name in ("FromPort", "ToPort") if name in permission}
    unwanted |= {name: [peer] if name == field else [] for name in FIELDS}
    (gone,) = single(unwanted)
    for one in group[key]:
        for name in FIELDS:
            one[name] = [other for other in one[name] if single(only(one, name, other)) != [gone]]
    return f"RevokeSecurityGroup{way}", {"GroupId": group["GroupId"], "IpPermissions": [unwanted]}


FIELDS = ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs")


def only(permission: Json, field: str, peer: Json) -> Json:
    return {**permission, **{name: [peer] if name == field else [] for name in FIELDS}}


def numbers(acl: Json, egress: bool) -> list[int]:
    return [one["RuleNumber"] for one in acl["Entries"] if one["Egress"] == egress and one["RuleNumber"] < 32767]


def create_entry(rng: Random, account: Json) -> Made | None:
    acl, direction = rng.choice(account["NetworkAcls"]), rng.choice(("ingress", "egress"))
    number = rng.choice((1, 5, 50, 99, 150, 32766))
    if number in numbers(acl, direction == "egress"):
        return None
    entry = account_rules.acl_entry(rng, number, direction, ipv6=True)
    acl["Entries"].append(copy.deepcopy(entry))
    return "CreateNetworkAclEntry", {"NetworkAclId": acl["NetworkAclId"], **entry}


def replace_entry(rng: Random, account: Json) -> Made | None:
    acl, direction = rng.choice(account["NetworkAcls"]), rng.choice(("ingress", "egress"))
    known = numbers(acl, direction == "egress")
    if not known:
        return None
    entry = account_rules.acl_entry(rng, rng.choice(known), direction, ipv6=True)
    same = (entry["RuleNumber"], entry["Egress"])
    acl["Entries"] = [e for e in acl["Entries"] if (e["RuleNumber"], e["Egress"]) != same] + [copy.deepcopy(entry)]
    return "ReplaceNetworkAclEntry", {"NetworkAclId": acl["NetworkAclId"], **entry}


def delete_entry(rng: Random, account: Json) -> Made | None:
    acl, egress = rng.choice(account["NetworkAcls"]), rng.random() < 0.5
    known = numbers(acl, egress)
    if not known:
        return None
    number = rng.choice(known)
    acl["Entries"] = [e for e in acl["Entries"] if (e["RuleNumber"], e["Egress"]) != (number, egress)]
    return "DeleteNetworkAclEntry", {"NetworkAclId": acl["NetworkAclId"], "RuleNumber": number, "Egress": egress}


def guard(rng: Random, account: Json) -> Made | None:
    """Another network ACL for a subnet."""
    new = rng.choice(account["NetworkAcls"])
    subnets = [one for acl in account["NetworkAcls"] if acl["VpcId"] == new["VpcId"] for one in acl["Associations"]]
    if not subnets:
        return None
    association = rng.choice(subnets)
    for acl in account["NetworkAcls"]:
        acl["Associations"] = [one for one in acl["Associations"] if one is not association]
    new["Associations"].append({**association, "NetworkAclId": new["NetworkAclId"]})
    named = {"AssociationId": association["NetworkAclAssociationId"], "NetworkAclId": new["NetworkAclId"]}
    return "ReplaceNetworkAclAssociation", named


def made_routes(table: Json) -> list[Json]:
    return [one for one in table["Routes"] if one["Origin"] == "CreateRoute" and one.get("GatewayId") != "local"]


def targets(account: Json, vpc: str, version: int) -> list[str]:
    found = [
        one["InternetGatewayId"]
        for one in account["InternetGateways"]
        if any(a["VpcId"] == vpc and a.get("State") == "available" for a in one["Attachments"])
    ]
    if version == 4:
        found += [one["NatGatewayId"] for one in account["NatGateways"] if one.get("VpcId") == vpc]
    sides = ("RequesterVpcInfo", "AccepterVpcInfo")
    for one in account["VpcPeeringConnections"]:
        if vpc in [one[name]["VpcId"] for name in sides]:
            found.append(one["VpcPeeringConnectionId"])
    return found


OUTSIDE = ("0.0.0.0/0", "198.51.100.0/24", "203.0.113.0/24", "10.1.0.0/24", "::/0", "2001:db8:ffff::/48")


def create_route(rng: Random, account: Json) -> Made | None:
    table, destination = rng.choice(account["RouteTables"]), rng.choice(OUTSIDE)
    if any(one["Origin"] != "EnableVgwRoutePropagation" and destination in one.values() for one in table["Routes"]):
        return None
    (blocks,) = (vpc for vpc in account["Vpcs"] if vpc["VpcId"] == table["VpcId"])
    network = ip_network(destination)
    own = [ip_network(one["CidrBlock"]) for one in blocks["CidrBlockAssociationSet"]]
    if any(network.version == 4 and network.subnet_of(block) for block in own):  # type: ignore[arg-type]
        return None
    possible = targets(account, table["VpcId"], network.version)
    if not possible:
        return None
    route = shapes.route(destination, rng.choice(possible))
    table["Routes"].append(copy.deepcopy(route))
    return "CreateRoute", {"RouteTableId": table["RouteTableId"], **without(route, "Origin", "State")}


def replace_route(rng: Random, account: Json) -> Made | None:
    table = rng.choice(account["RouteTables"])
    routes = [one for one in made_routes(table) if "DestinationPrefixListId" not in one]
    if not routes:
        return None
    old = rng.choice(routes)
    destination = old.get("DestinationCidrBlock") or old["DestinationIpv6CidrBlock"]
    possible = targets(account, table["VpcId"], 6 if ":" in destination else 4)
    if not possible:
        return None
    route = shapes.route(destination, rng.choice(possible))
    table["Routes"] = [copy.deepcopy(route) if one is old else one for one in table["Routes"]]
    return "ReplaceRoute", {"RouteTableId": table["RouteTableId"], **without(route, "Origin", "State")}


def delete_route(rng: Random, account: Json) -> Made | None:
    table = rng.choice(account["RouteTables"])
    if not made_routes(table):
        return None
    old = rng.choice(made_routes(table))
    table["Routes"] = [one for one in table["Routes"] if one is not old]
    named = {name: value for name, value in old.items() if name.startswith("Destination")}
    return "DeleteRoute", {"RouteTableId": table["RouteTableId"], **named}


def without(found: Json, *names: str) -> Json:
    return {name: value for name, value in found.items() if name not in names}


def serve(rng: Random, account: Json) -> Made | None:
    """Another route table for a subnet that has one of its own, or for one that has not."""
    table, subnet = rng.choice(account["RouteTables"]), rng.choice(account["Subnets"])
    if table["VpcId"] != subnet["VpcId"]:
        return None
    made = {"Main": False, "SubnetId": subnet["SubnetId"], "AssociationState": {"State": "associated"}}
    for other in account["RouteTables"]:
        for one in other["Associations"]:
            if one.get("SubnetId") == subnet["SubnetId"]:
                other["Associations"].remove(one)
                table["Associations"].append(made | {"RouteTableAssociationId": one["RouteTableAssociationId"]})
                named = {"AssociationId": one["RouteTableAssociationId"], "RouteTableId": table["RouteTableId"]}
                return "ReplaceRouteTableAssociation", named
    table["Associations"].append(made)
    return "AssociateRouteTable", {"SubnetId": subnet["SubnetId"], "RouteTableId": table["RouteTableId"]}


def address(rng: Random, account: Json) -> Made | None:
    """An Elastic IP address that is allocated, for an interface of an instance, in the place of its own."""
    hosts = [one for one in account["NetworkInterfaces"] if one.get("Attachment", {}).get("InstanceId")]
    if not hosts:
        return None
    interface = rng.choice(hosts)
    attached = {a["VpcId"] for one in account["InternetGateways"] for a in one["Attachments"]}
    if interface["VpcId"] not in attached:
        return None
    public = "198.51.100.200"
    for one in account["NetworkInterfaces"]:
        held = [one, *one["PrivateIpAddresses"]]
        for place in held:
            if place.get("Association", {}).get("PublicIp") == public:
                del place["Association"]
    shown = {"PublicIp": public, "AllocationId": "eipalloc-1", "IpOwnerId": shapes.OWNER}
    interface["Association"] = dict(shown)
    for place in interface["PrivateIpAddresses"]:
        if place["PrivateIpAddress"] == interface["PrivateIpAddress"]:
            place["Association"] = dict(shown)
    named = {"NetworkInterfaceId": interface["NetworkInterfaceId"], "AllocationId": "eipalloc-1"}
    return "AssociateAddress", named


def carry(rng: Random, account: Json) -> Made | None:
    """Other groups on an interface."""
    interface = rng.choice(account["NetworkInterfaces"])
    known = [one for one in account["SecurityGroups"] if one["VpcId"] == interface["VpcId"]]
    if not known or not interface["Groups"]:
        return None
    chosen = rng.sample(known, rng.randint(1, min(2, len(known))))
    interface["Groups"] = [{"GroupId": one["GroupId"], "GroupName": one["GroupName"]} for one in chosen]
    groups = [one["GroupId"] for one in chosen]
    return "ModifyNetworkInterfaceAttribute", {"NetworkInterfaceId": interface["NetworkInterfaceId"], "Groups": groups}


def check(rng: Random, account: Json) -> Made | None:
    interface, on = rng.choice(account["NetworkInterfaces"]), rng.random() < 0.5
    interface["SourceDestCheck"] = on
    named = {"NetworkInterfaceId": interface["NetworkInterfaceId"], "SourceDestCheck": {"Value": on}}
    return "ModifyNetworkInterfaceAttribute", named


def run(rng: Random, account: Json) -> Made | None:
    """Start an instance, or stop one whose address stays."""
    instance = rng.choice([one for found in account["Reservations"] for one in found["Instances"]])
    stop = rng.random() < 0.5
    instance["State"] = {"Code": 80, "Name": "stopped"} if stop else {"Code": 16, "Name": "running"}
    for interface in account["NetworkInterfaces"] if stop else ():
        if interface.get("Attachment", {}).get("InstanceId") == instance["InstanceId"]:
            for place in (interface, *interface["PrivateIpAddresses"]):
                shown = place.get("Association", {})
                if (
                    shown.get("IpOwnerId") == "amazon"
                    and place.get("PrivateIpAddress") == interface["PrivateIpAddress"]
                ):
                    del place["Association"]
    return "StopInstances" if stop else "StartInstances", {"InstanceIds": [instance["InstanceId"]]}


def detach(rng: Random, account: Json) -> Made | None:
    gateway = rng.choice(account["InternetGateways"])
    if not gateway["Attachments"]:
        return None
    vpc = gateway["Attachments"][0]["VpcId"]
    gateway["Attachments"] = []
    for table in account["RouteTables"]:
        for route in table["Routes"]:
            if route.get("GatewayId") == gateway["InternetGatewayId"] and table["VpcId"] == vpc:
                route["State"] = "blackhole"
    return "DetachInternetGateway", {"InternetGatewayId": gateway["InternetGatewayId"], "VpcId": vpc}


def unpeer(rng: Random, account: Json) -> Made | None:
    if not account["VpcPeeringConnections"]:
        return None
    peering = rng.choice(account["VpcPeeringConnections"])
    peering["Status"] = {"Code": "deleted"}
    for table in account["RouteTables"]:
        for route in table["Routes"]:
            if route.get("VpcPeeringConnectionId") == peering["VpcPeeringConnectionId"]:
                route["State"] = "blackhole"
    return "DeleteVpcPeeringConnection", {"VpcPeeringConnectionId": peering["VpcPeeringConnectionId"]}


def public_access(rng: Random, account: Json) -> Made | None:
    options = account.get("VpcBlockPublicAccessOptions")
    if options is None:
        return None
    mode = rng.choice(("off", "block-ingress", "block-bidirectional"))
    options |= {"InternetGatewayBlockMode": mode, "State": "update-complete"}
    return "ModifyVpcBlockPublicAccessOptions", {"InternetGatewayBlockMode": mode}


def exclude(rng: Random, account: Json) -> Made | None:
    if account.get("VpcBlockPublicAccessExclusions") != []:
        return None
    subnet, mode = rng.choice(account["Subnets"]), rng.choice(("allow-bidirectional", "allow-egress"))
    account["VpcBlockPublicAccessExclusions"].append(
        {
            "ExclusionId": f"vpcbpa-exclude-{subnet['SubnetId'].partition('-')[2]}",
            "InternetGatewayExclusionMode": mode,
            "ResourceArn": f"arn:aws:ec2:{shapes.REGION}:{shapes.OWNER}:subnet/{subnet['SubnetId']}",
            "State": "create-complete",
        }
    )
    named = {"SubnetId": subnet["SubnetId"], "InternetGatewayExclusionMode": mode}
    return "CreateVpcBlockPublicAccessExclusion", named


def other_exclusion(rng: Random, account: Json) -> Made | None:
    """Another mode for an exclusion, or an end of it."""
    if not account.get("VpcBlockPublicAccessExclusions"):
        return None
    exclusion = rng.choice(account["VpcBlockPublicAccessExclusions"])
    named = {"ExclusionId": exclusion["ExclusionId"]}
    if rng.random() < 0.5:
        account["VpcBlockPublicAccessExclusions"].remove(exclusion)
        return "DeleteVpcBlockPublicAccessExclusion", named
    mode = rng.choice(("allow-bidirectional", "allow-egress"))
    exclusion |= {"InternetGatewayExclusionMode": mode, "State": "update-complete"}
    return "ModifyVpcBlockPublicAccessExclusion", named | {"InternetGatewayExclusionMode": mode}


def modify_list(rng: Random, account: Json) -> Made | None:
    if not account["PrefixListEntries"]:
        return None
    name = rng.choice(sorted(account["PrefixListEntries"]))
    entries = account["PrefixListEntries"][name]
    version = ip_network(entries[0]["Cidr"]).version if entries else 4
    new = rng.choice([cidr for cidr in OUTSIDE if ip_network(cidr).version == version])
    told: Json = {"PrefixListId": name, "CurrentVersion": 1}
    if entries and rng.random() < 0.5:
        gone = rng.choice(entries)
        entries.remove(gone)
        told["RemoveEntries"] = [{"Cidr": gone["Cidr"]}]
    if new not in [one["Cidr"] for one in entries]:
        entries.append({"Cidr": new})
        told["AddEntries"] = [{"Cidr": new, "Description": "x"}]
    return "ModifyManagedPrefixList", told


MAKERS: tuple[Maker, ...] = (
    *(authorize, authorize, revoke, revoke, create_entry, create_entry, replace_entry, delete_entry, guard),
    *(create_route, create_route, replace_route, delete_route, serve, address, carry, check, run, detach, unpeer),
    *(public_access, exclude, other_exclusion, modify_list),
)


def changes(rng: Random, account: Json, count: int) -> list[Made]:
    """Calls one after the other; ``account`` is what they make of it."""
    found: list[Made] = []
    versions: Counter[str] = Counter()
    while len(found) < count:
        made = rng.choice(MAKERS)(rng, account)
        if made is not None:
            if "CurrentVersion" in made[1]:  # which each change makes one higher
                versions[made[1]["PrefixListId"]] += 1
                made[1]["CurrentVersion"] = versions[made[1]["PrefixListId"]]
            found.append(made)
    return found
