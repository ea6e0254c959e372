"""Caches, warehouses, search domains and message brokers of a live account, found by their names.

moto holds the resources and none of their interfaces: these are made as AWS shows them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from moto.backends import get_backend

from tests.live.company import permission
from tests.moto_server import ACCOUNT, REGION
from whyblocked.api import Session, live, snapshot
from whyblocked.config.live import Live
from whyblocked.config.operations import MANAGED
from whyblocked.config.save import save_snapshot
from whyblocked.diagnosis.answer import Answer
from whyblocked.question.grammar import parse

PORTS = {"cache": 6379, "warehouse": 5439, "logs": 443, "events": 9098}


@pytest.fixture
def stores(aws: None) -> dict[str, str]:
    """``web`` and, in another subnet, a cache, a warehouse, a search domain, and brokers: their interfaces."""
    ec2: Any = boto3.client("ec2", region_name=REGION)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    near, far = (
        ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=f"{REGION}a")["Subnet"]["SubnetId"]
        for block in ("10.0.1.0/24", "10.0.2.0/24")
    )
    groups = {
        name: ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        for name in ("web", "data")
    }
    rules = [permission("tcp", port, group=groups["web"]) for port in PORTS.values()]
    ec2.authorize_security_group_ingress(GroupId=groups["data"], IpPermissions=rules)
    placed: Any = {"DeviceIndex": 0, "SubnetId": near, "Groups": [groups["web"]], "PrivateIpAddress": "10.0.1.10"}
    web = ec2.run_instances(ImageId="ami-1e749f67", MinCount=1, MaxCount=1, NetworkInterfaces=[placed])["Instances"][0]
    ec2.create_tags(Resources=[web["InstanceId"]], Tags=[{"Key": "Name", "Value": "web"}])
    elasticache: Any = boto3.client("elasticache", region_name=REGION)
    elasticache.create_cache_subnet_group(
        CacheSubnetGroupName="data", CacheSubnetGroupDescription="data", SubnetIds=[far]
    )
    elasticache.create_cache_cluster(
        CacheClusterId="cache",
        Engine="redis",
        CacheNodeType="cache.t3.micro",
        NumCacheNodes=1,
        Port=6379,
        CacheSubnetGroupName="data",
        SecurityGroupIds=[groups["data"]],
    )
    redshift: Any = boto3.client("redshift", region_name=REGION)
    redshift.create_cluster_subnet_group(ClusterSubnetGroupName="data", Description="data", SubnetIds=[far])
    redshift.create_cluster(
        ClusterIdentifier="warehouse",
        NodeType="ra3.large",
        MasterUsername="u",
        MasterUserPassword="Passw0rdPassw0rd",
        ClusterSubnetGroupName="data",
        VpcSecurityGroupIds=[groups["data"]],
        Port=5439,
    )
    inside = {"SubnetIds": [far], "SecurityGroupIds": [groups["data"]]}
    boto3.client("opensearch", region_name=REGION).create_domain(DomainName="logs", VPCOptions=inside)
    kafka: Any = boto3.client("kafka", region_name=REGION)
    nodes = {"InstanceType": "kafka.m5.large", "ClientSubnets": [far], "SecurityGroups": [groups["data"]]}
    kafka.create_cluster(ClusterName="events", KafkaVersion="3.6.0", NumberOfBrokerNodes=1, BrokerNodeGroupInfo=nodes)
    descriptions = {
        "cache": "ElastiCache cache",
        "warehouse": "RedshiftNetworkInterface",
        "logs": "ES logs",
        "events": "DO NOT DELETE - Amazon MSK network interface for cluster events",
    }
    made: dict[str, str] = {}
    for number, (name, description) in enumerate(descriptions.items()):
        interface = ec2.create_network_interface(
            SubnetId=far,
            Groups=[groups["data"]],
            PrivateIpAddress=f"10.0.2.{20 + number}",
            Description=description,
        )["NetworkInterface"]["NetworkInterfaceId"]
        backends: Any = get_backend("ec2")
        backends[ACCOUNT][REGION].enis[interface].status = "in-use"
        made[name] = interface
    return made


def asked(question: str) -> tuple[Answer, Live]:
    account = live()
    return Session(account).explain(parse(question)), cast(Live, account.source)


@pytest.mark.parametrize("name", PORTS)
def test_a_store_is_asked_for_by_its_name_and_is_its_interface(
    stores: dict[str, str], name: str, tmp_path: Path
) -> None:
    answer, source = asked(f"web -> {name}:{PORTS[name]}")
    assert (answer.verdict, answer.missing) == ("allowed", []), answer.summary
    assert [hop.id for hop in answer.forward if hop.action == "deliver"] == [stores[name]]
    of_services = [call for call in source.calls if call[0] in MANAGED]
    assert 0 < len(of_services) <= 12
    closed, _ = asked(f"web -> {name}:22")
    assert {finding.code for finding in closed.blocked_by} == {"ENI_SG_RULES_MISMATCH"}
    save_snapshot(tmp_path, source)
    saved = Session(snapshot(tmp_path)).explain(parse(f"web -> {name}:{PORTS[name]}"))
    assert (saved.verdict, saved.forward) == (answer.verdict, answer.forward)
