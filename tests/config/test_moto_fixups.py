"""A canary for each fix-up: it dies when moto closes the gap itself, and the fix-up can go."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

# Runs in a process of its own, where moto is as it comes. Prints which gaps are there.
_PROBE = """
import json
import boto3
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.cloudtrail.responses import CloudTrailResponse
from moto.ec2.responses import EC2Response
from moto.networkfirewall.responses import NetworkFirewallResponse
from moto.ec2.models.route_tables import Route
from moto.ec2.models.security_groups import SecurityGroupRule

gaps = {}
with mock_aws():
    ec2 = boto3.client("ec2", region_name="us-east-1")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    one = ec2.create_security_group(GroupName="one", Description="d", VpcId=vpc)["GroupId"]
    two = ec2.create_security_group(GroupName="two", Description="d", VpcId=vpc)["GroupId"]
    gaps["cloudtrail"] = not hasattr(CloudTrailResponse, "lookup_events")
    gaps["missing_operations"] = not hasattr(EC2Response, "describe_vpc_block_public_access_options")

    run = ec2.run_instances(ImageId="ami-1e749f67", MinCount=1, MaxCount=1, SubnetId=subnet, SecurityGroupIds=[one])
    instance = run["Instances"][0]
    second = ec2.create_network_interface(SubnetId=subnet, Groups=[two], PrivateIpAddress="10.0.1.77")
    second = second["NetworkInterface"]["NetworkInterfaceId"]
    ec2.attach_network_interface(NetworkInterfaceId=second, InstanceId=instance["InstanceId"], DeviceIndex=1)
    (row,) = ec2.describe_network_interfaces(NetworkInterfaceIds=[second])["NetworkInterfaces"]
    gaps["interface_groups"] = [group["GroupId"] for group in row["Groups"]] != [two]

    def finds(call, key, name, *values):
        try:
            return bool(call(Filters=[{"Name": name, "Values": list(values)}])[key])
        except (NotImplementedError, ClientError):
            return False

    gaps["interface_filters"] = not finds(
        ec2.describe_network_interfaces, "NetworkInterfaces", "private-dns-name", "*"
    )
    start = instance["InstanceId"][:9] + "*"
    listed = ec2.create_managed_prefix_list(
        PrefixListName="l", MaxEntries=2, AddressFamily="IPv4", Entries=[{"Cidr": "192.0.2.0/24"}]
    )["PrefixList"]["PrefixListId"]
    ec2.authorize_security_group_ingress(
        GroupId=one, IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "PrefixListIds": [{"PrefixListId": listed}]}
        ]
    )
    gaps["prefix_list_filters"] = not finds(
        ec2.describe_security_groups, "SecurityGroups", "ip-permission.prefix-list-id", listed
    )
    gaps["filters_match_any_value"] = not finds(ec2.describe_instances, "Reservations", "instance-id", start)

    acl = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]
    gaps["network_acl_rows"] = acl["Entries"] == []
    icmp = {"Type": 8, "Code": 0}
    ec2.create_network_acl_entry(
        NetworkAclId=acl["NetworkAclId"], RuleNumber=10, Protocol="1", RuleAction="allow", Egress=False,
        CidrBlock="0.0.0.0/0", IcmpTypeCode=icmp,
    )
    (acl,) = ec2.describe_network_acls(NetworkAclIds=[acl["NetworkAclId"]])["NetworkAcls"]
    (entry,) = [entry for entry in acl["Entries"] if entry["RuleNumber"] == 10]
    gaps["icmp_of_network_acl_rows"] = entry.get("IcmpTypeCode") != icmp

    named = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
    (default,) = ec2.describe_security_groups(Filters=named)["SecurityGroups"]
    gaps["default_group_allows_itself"] = default["IpPermissions"] == []
    gaps["rule_owner_and_description"] = not hasattr(SecurityGroupRule, "group_owner_id")
    gaps["route_state"] = not (isinstance(getattr(Route, "state", None), property) and Route.state.fset)
    dual = ec2.create_vpc(CidrBlock="10.9.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]
    block = ec2.describe_vpcs(VpcIds=[dual["VpcId"]])["Vpcs"][0]["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"]
    given = ec2.create_subnet(
        VpcId=dual["VpcId"], CidrBlock="10.9.0.0/24", Ipv6CidrBlock=block.replace("00::/56", "01::/64")
    )["Subnet"]["Ipv6CidrBlockAssociationSet"][0]
    gaps["ipv6_of_subnets"] = given["Ipv6CidrBlockState"]["State"] != "associated"
    gaps["public_addresses"] = ec2.allocate_address(Domain="vpc")["PublicIp"].startswith("127.")
    gaps["pages"] = len(ec2.describe_subnets(MaxResults=5)["Subnets"]) > 5

    made = ec2.create_vpc_endpoint(
        VpcId=vpc, ServiceName="com.amazonaws.us-east-1.sqs", VpcEndpointType="Interface", SubnetIds=[subnet]
    )["VpcEndpoint"]
    (row,) = ec2.describe_network_interfaces(NetworkInterfaceIds=made["NetworkInterfaceIds"])["NetworkInterfaces"]
    gaps["endpoint_interfaces"] = row["InterfaceType"] != "vpc_endpoint"
    gaps["endpoint_filters"] = not finds(
        ec2.describe_vpc_endpoints, "VpcEndpoints", "vpc-endpoint-id", made["VpcEndpointId"]
    )
    customer = ec2.create_customer_gateway(Type="ipsec.1", PublicIp="192.0.2.1", BgpAsn=65000)["CustomerGateway"]
    vpn = ec2.create_vpn_connection(
        Type="ipsec.1", CustomerGatewayId=customer["CustomerGatewayId"],
        TransitGatewayId=ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"],
    )["VpnConnection"]["VpnConnectionId"]
    gaps["vpn_connection_filter"] = not finds(
        ec2.describe_vpn_connections, "VpnConnections", "vpn-connection-id", vpn
    )
    gaps["network_firewall"] = not hasattr(NetworkFirewallResponse, "describe_firewall_policy")
print(json.dumps(gaps))
"""


@pytest.fixture(scope="module")
def gaps() -> dict[str, bool]:
    probe = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, text=True, check=False)
    assert probe.returncode == 0, probe.stderr
    return json.loads(probe.stdout)


@pytest.mark.parametrize(
    "gap",
    [
        "cloudtrail",
        "missing_operations",
        "interface_groups",
        "interface_filters",
        "endpoint_filters",
        "prefix_list_filters",
        "endpoint_interfaces",
        "filters_match_any_value",
        "network_acl_rows",
        "icmp_of_network_acl_rows",
        "default_group_allows_itself",
        "rule_owner_and_description",
        "route_state",
        "ipv6_of_subnets",
        "public_addresses",
        "vpn_connection_filter",
        "network_firewall",
        "pages",
    ],
)
def test_moto_still_has_the_gap(gaps: dict[str, bool], gap: str) -> None:
    assert gaps[gap], f"moto closed this gap: _{gap} in tests/moto_fixups.py can go"
