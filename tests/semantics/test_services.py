"""Databases, caches, functions and tasks as ends of a question: found by name, asked at their interfaces."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.builders import ACCOUNT, OUT, REGION, Json, Network, blockers, codes, question_of, tcp
from whyblocked.api import Session, snapshot
from whyblocked.diagnosis.answer import Answer
from whyblocked.errors import EndpointError


def session_of(net: Network) -> Session:
    """One session for several questions."""
    with tempfile.TemporaryDirectory() as folder:
        return Session(snapshot(net.save(Path(folder))))


def explain(session: Session, line: str) -> Answer:
    return session.explain(question_of(line))


DB_HOST = "orders-db.cxy1.eu-west-1.rds.amazonaws.com"
DB_ARN = f"arn:aws:rds:{REGION}:{ACCOUNT}:db:orders-db"


def company(*, db_ingress: list[Json] | None = None) -> Network:
    """``web`` in a subnet, two subnets for what services run, and groups for each."""
    net = Network()
    net.subnet("subnet-web", "10.0.1.0/24", zone="a")
    net.subnet("subnet-a", "10.0.2.0/24", zone="a")
    net.subnet("subnet-b", "10.0.3.0/24", zone="b")
    net.group("sg-db", db_ingress if db_ingress is not None else [tcp(5432, "sg-web", "sg-fn")], [])
    net.group("sg-web", [], OUT)
    net.group("sg-fn", [], OUT)
    net.instance("web", "10.0.1.10", groups=["sg-web"])
    return net


def subnet_group(*names: str) -> Json:
    zones = {"subnet-a": "eu-west-1a", "subnet-b": "eu-west-1b"}
    subnets = [{"SubnetIdentifier": name, "SubnetAvailabilityZone": {"Name": zones[name]}} for name in names]
    return {"DBSubnetGroupName": "data", "VpcId": "vpc-1", "Subnets": subnets}


def database(name: str = "orders-db", **more: Any) -> Json:
    return {
        "DBInstanceIdentifier": name,
        "DBInstanceArn": f"arn:aws:rds:{REGION}:{ACCOUNT}:db:{name}",
        "Engine": "postgres",
        "Endpoint": {"Address": f"{name}.cxy1.eu-west-1.rds.amazonaws.com", "Port": 5432, "HostedZoneId": "Z1"},
        "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-db", "Status": "active"}],
        "DBSubnetGroup": subnet_group("subnet-a", "subnet-b"),
        "AvailabilityZone": "eu-west-1b",
        "PubliclyAccessible": False,
        **more,
    }


def with_database(net: Network) -> Network:
    net.responses["DBInstances"] = [database()]
    net.interface("eni-db", "10.0.3.17", groups=["sg-db"], description="RDSNetworkInterface", requester="amazon-rds")
    return net


@pytest.mark.parametrize("name", ["orders-db", "ORDERS-DB", DB_HOST, f"{DB_HOST}.", DB_ARN])
def test_a_database_is_found_by_name_dns_name_and_arn(name: str) -> None:
    net = with_database(company())
    answer = net.ask(f"web -> [{name}]:5432")
    assert answer.verdict == "allowed"
    assert answer.question.destination == "orders-db"
    assert answer.forward[-1].id == "eni-db"
    answer = net.ask(f"web -> [{name}]:3306")
    assert answer.verdict == "blocked"
    assert answer.blocked_by[0].interface_id == "eni-db"


def function(**more: Any) -> Json:
    return {
        "FunctionName": "report",
        "FunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:report",
        "VpcConfig": {"SubnetIds": ["subnet-a", "subnet-b"], "SecurityGroupIds": ["sg-fn"], "VpcId": "vpc-1"},
        **more,
    }


@pytest.mark.parametrize("name", ["report", function()["FunctionArn"], f"{function()['FunctionArn']}:live"])
def test_a_function_without_an_interface_sends_from_every_subnet_with_its_groups(name: str) -> None:
    net = with_database(company())
    net.responses["Functions"] = [function()]
    answer = net.ask(f"[{name}] -> orders-db:5432")
    assert answer.verdict == "allowed", blockers(answer)
    senders = {hop.id for hop in answer.forward if hop.kind == "interface"}
    assert senders == {"report@subnet-a", "report@subnet-b", "eni-db"}
    assert "No interface of report is listed in subnet-a" in answer.warnings[0]
    assert net.ask(f"[{name}] -> orders-db:3306").verdict == "blocked"


# -- RDS -------------------------------------------------------------------------------------------------------------


def test_an_unlisted_database_is_supposed_in_the_subnets_of_its_zone() -> None:
    net = company()
    net.responses["DBInstances"] = [database()]
    answer = net.ask("web -> orders-db:5432")
    assert answer.verdict == "allowed", blockers(answer)
    assert answer.forward[-1].id == "orders-db@subnet-b"
    assert answer.forward[-1].packet.destination != "10.0.3.0/24"  # the addresses that AWS keeps are no database's
    assert net.ask("web -> orders-db:3306").blocked_by[0].code == "ENI_SG_RULES_MISMATCH"


def test_a_public_database_that_is_not_listed_is_not_guessed() -> None:
    net = company()
    net.responses["DBInstances"] = [database(PubliclyAccessible=True)]
    answer = net.ask("web -> orders-db:5432")
    assert answer.verdict == "undetermined"
    assert "its network interface is not listed" in answer.summary


def cluster() -> Network:
    """An Aurora cluster: the writer in subnet-a, the reader in subnet-b, whose network ACL refuses it."""
    net = company()
    net.responses["DBInstances"] = [
        database("one", AvailabilityZone="eu-west-1a", DBClusterIdentifier="aurora"),
        database("two", AvailabilityZone="eu-west-1b", DBClusterIdentifier="aurora"),
    ]
    members = [
        {"DBInstanceIdentifier": "one", "IsClusterWriter": True},
        {"DBInstanceIdentifier": "two", "IsClusterWriter": False},
    ]
    net.responses["DBClusters"] = [
        {
            "DBClusterIdentifier": "aurora",
            "DBClusterArn": f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:aurora",
            "DBSubnetGroup": "data",
            "Endpoint": "aurora.cluster-cxy1.eu-west-1.rds.amazonaws.com",
            "ReaderEndpoint": "aurora.cluster-ro-cxy1.eu-west-1.rds.amazonaws.com",
            "CustomEndpoints": ["all.cluster-custom-cxy1.eu-west-1.rds.amazonaws.com"],
            "DBClusterMembers": members,
            "Port": 5432,
            "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-db", "Status": "active"}],
        }
    ]
    for name, address in (("eni-one", "10.0.2.11"), ("eni-two", "10.0.3.12")):
        net.interface(name, address, groups=["sg-db"], description="RDSNetworkInterface", requester="amazon-rds")
    return net


@pytest.mark.parametrize(
    ("name", "interfaces"),
    [
        ("aurora", {"eni-one"}),
        ("aurora.cluster-cxy1.eu-west-1.rds.amazonaws.com", {"eni-one"}),
        ("aurora.cluster-ro-cxy1.eu-west-1.rds.amazonaws.com", {"eni-two"}),
        ("all.cluster-custom-cxy1.eu-west-1.rds.amazonaws.com", {"eni-one", "eni-two"}),
        (f"[arn:aws:rds:{REGION}:{ACCOUNT}:cluster:aurora]", {"eni-one"}),
        ("two", {"eni-two"}),
    ],
)
def test_each_endpoint_of_a_cluster_is_its_own_instances(name: str, interfaces: set[str]) -> None:
    answer = cluster().ask(f"web -> {name}:5432")
    assert answer.verdict == "allowed", blockers(answer)
    assert {hop.id for hop in answer.forward if hop.kind == "interface"} - {"eni-web"} == interfaces


def test_a_proxy_is_found_by_its_name() -> None:
    net = company()
    net.responses["DBProxies"] = [
        {
            "DBProxyName": "pool",
            "VpcId": "vpc-1",
            "VpcSecurityGroupIds": ["sg-db"],
            "VpcSubnetIds": ["subnet-a", "subnet-b"],
            "Endpoint": "pool.proxy-cxy1.eu-west-1.rds.amazonaws.com",
        }
    ]
    answer = net.ask("web -> pool.proxy-cxy1.eu-west-1.rds.amazonaws.com:5432")
    assert answer.verdict == "allowed"
    assert {hop.id for hop in answer.forward if hop.kind == "interface"} >= {"pool@subnet-a", "pool@subnet-b"}


# -- other stores ----------------------------------------------------------------------------------------------------

CACHE = "sessions.x1.ng.0001.euw1.cache.amazonaws.com"


def replication_group(net: Network) -> None:
    end = {"Address": CACHE, "Port": 6379}
    net.responses["ReplicationGroups"] = [
        {
            "ReplicationGroupId": "sessions",
            "MemberClusters": ["sessions-001", "sessions-002"],
            "NodeGroups": [
                {
                    "PrimaryEndpoint": end,
                    "ReaderEndpoint": {"Address": CACHE.replace("sessions", "sessions-ro"), "Port": 6379},
                    "NodeGroupMembers": [
                        {"CacheClusterId": "sessions-001", "CurrentRole": "primary"},
                        {"CacheClusterId": "sessions-002", "CurrentRole": "replica"},
                    ],
                }
            ],
        }
    ]
    net.responses["CacheClusters"] = [
        {
            "CacheClusterId": name,
            "CacheSubnetGroupName": "data",
            "PreferredAvailabilityZone": zone,
            "SecurityGroups": [{"SecurityGroupId": "sg-db", "Status": "active"}],
        }
        for name, zone in (("sessions-001", "eu-west-1a"), ("sessions-002", "eu-west-1b"))
    ]
    for name, address in (("sessions-001", "10.0.2.21"), ("sessions-002", "10.0.3.22")):
        net.interface(f"eni-{name}", address, groups=["sg-db"], description=f"ElastiCache {name}", requester="1")


def domain(net: Network) -> None:
    net.responses["DomainStatusList"] = [
        {
            "DomainName": "logs",
            "ARN": f"arn:aws:es:{REGION}:{ACCOUNT}:domain/logs",
            "Endpoints": {"vpc": "vpc-logs-abc123.eu-west-1.es.amazonaws.com"},
            "VPCOptions": {"VPCId": "vpc-1", "SubnetIds": ["subnet-a"], "SecurityGroupIds": ["sg-db"]},
        }
    ]
    net.interface("eni-logs", "10.0.2.31", groups=["sg-db"], description="ES logs", requester="amazon-elasticsearch")


def warehouse(net: Network) -> None:
    net.responses["Clusters"] = [
        {
            "ClusterIdentifier": "facts",
            "ClusterNodes": [
                {"NodeRole": "LEADER", "PrivateIPAddress": "10.0.2.41"},
                {"NodeRole": "COMPUTE-0", "PrivateIPAddress": "10.0.2.42"},
            ],
            "Endpoint": {"Address": "facts.abc.eu-west-1.redshift.amazonaws.com", "Port": 5439},
            "VpcId": "vpc-1",
            "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-db"}],
        }
    ]
    for number in (1, 2):
        net.interface(f"eni-facts-{number}", f"10.0.2.4{number}", description="RedshiftNetworkInterface", requester="r")


def file_system(net: Network) -> None:
    net.responses["FileSystems"] = [{"FileSystemId": "fs-0123456789abcdef0", "Name": "shared"}]
    net.responses["MountTargets"] = [
        {
            "MountTargetId": f"fsmt-0123456789abcdef{number}",
            "FileSystemId": "fs-0123456789abcdef0",
            "SubnetId": name,
            "NetworkInterfaceId": f"eni-fsmt-{number}",
            "VpcId": "vpc-1",
        }
        for number, name in enumerate(("subnet-a", "subnet-b"))
    ]
    for number, address in enumerate(("10.0.2.51", "10.0.3.52")):
        net.interface(f"eni-fsmt-{number}", address, groups=["sg-db"], requester="1")


def brokers(net: Network) -> None:
    arn = f"arn:aws:kafka:{REGION}:{ACCOUNT}:cluster/events/1"
    net.responses["ClusterInfoList"] = [
        {
            "ClusterName": "events",
            "ClusterArn": arn,
            "Provisioned": {
                "BrokerNodeGroupInfo": {"ClientSubnets": ["subnet-a", "subnet-b"], "SecurityGroups": ["sg-db"]}
            },
        }
    ]


@pytest.mark.parametrize(
    ("make", "name", "interfaces"),
    [
        (replication_group, "sessions", {"eni-sessions-001"}),
        (replication_group, CACHE, {"eni-sessions-001"}),
        (replication_group, CACHE.replace("sessions", "sessions-ro"), {"eni-sessions-002"}),
        (replication_group, "sessions-002", {"eni-sessions-002"}),
        (domain, "logs", {"eni-logs"}),
        (domain, "vpc-logs-abc123.eu-west-1.es.amazonaws.com", {"eni-logs"}),
        (domain, f"[arn:aws:es:{REGION}:{ACCOUNT}:domain/logs]", {"eni-logs"}),
        (warehouse, "facts", {"eni-facts-1"}),
        (warehouse, "facts.abc.eu-west-1.redshift.amazonaws.com", {"eni-facts-1"}),
        (file_system, "shared", {"eni-fsmt-0", "eni-fsmt-1"}),
        (file_system, "fs-0123456789abcdef0", {"eni-fsmt-0", "eni-fsmt-1"}),
        (file_system, "fs-0123456789abcdef0.efs.eu-west-1.amazonaws.com", {"eni-fsmt-0", "eni-fsmt-1"}),
        (file_system, "fsmt-0123456789abcdef1", {"eni-fsmt-1"}),
        (brokers, "events", {"events@subnet-a", "events@subnet-b"}),
    ],
)
def test_a_store_is_found_by_its_names(make: Any, name: str, interfaces: set[str]) -> None:
    net = company(db_ingress=[tcp((1, 9999), "sg-web")])
    make(net)
    answer = net.ask(f"web -> {name}:443")
    assert {hop.id for hop in answer.forward if hop.kind == "interface"} - {"eni-web"} == interfaces
    assert answer.verdict == ("allowed" if make is not warehouse else answer.verdict)


# -- Lambda ----------------------------------------------------------------------------------------------------------


def test_a_function_uses_the_interface_that_its_subnet_and_groups_have() -> None:
    net = with_database(company())
    net.responses["Functions"] = [function()]
    net.interface(
        "eni-fn",
        "10.0.2.60",
        groups=["sg-fn"],
        kind="lambda",
        description="AWS Lambda VPC ENI-other-1b2c3d4e-1111-2222-3333-444455556666",
        requester="AROA:awslambda",
    )
    answer = net.ask("report -> orders-db:5432")
    assert answer.verdict == "allowed"
    assert {hop.id for hop in answer.forward if hop.kind == "interface"} == {"eni-fn", "report@subnet-b", "eni-db"}


def test_a_function_never_has_a_public_address() -> None:
    net = company()
    net.internet_gateway()
    net.subnet("subnet-public", "10.0.9.0/24", routes={"0.0.0.0/0": "igw-1"})
    net.responses["Functions"] = [
        function(VpcConfig={"SubnetIds": ["subnet-public"], "SecurityGroupIds": ["sg-fn"], "VpcId": "vpc-1"})
    ]
    answer = net.ask("report -> internet:443")
    assert answer.verdict == "blocked"
    assert codes(answer) == ["IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS"]


def test_a_function_behind_a_nat_gateway_reaches_the_internet() -> None:
    net = company()
    net.internet_gateway()
    net.subnet("subnet-public", "10.0.9.0/24", routes={"0.0.0.0/0": "igw-1"})
    net.subnet("subnet-private", "10.0.8.0/24", routes={"0.0.0.0/0": "nat-1"})
    net.nat_gateway("nat-1", "10.0.9.99", "198.51.100.99")
    net.responses["Functions"] = [
        function(VpcConfig={"SubnetIds": ["subnet-private"], "SecurityGroupIds": ["sg-fn"], "VpcId": "vpc-1"})
    ]
    assert net.ask("report -> 203.0.113.80:443").verdict == "allowed"
    assert net.ask("report -> internet:443").verdict == "allowed"


def test_a_rule_for_the_address_of_another_host_is_none_for_a_function() -> None:
    """An interface gets an address that nobody has: a rule for one that somebody has is never met."""
    net = company(db_ingress=[tcp(5432, "10.0.2.9/32")])
    with_database(net)
    net.instance("bastion", "10.0.2.9")
    vpc = {"SubnetIds": ["subnet-a"], "SecurityGroupIds": ["sg-fn"], "VpcId": "vpc-1"}
    net.responses["Functions"] = [function(VpcConfig=vpc)]
    assert net.ask("report -> orders-db:5432").verdict == "blocked"


def test_what_refuses_a_supposed_interface_names_no_id_that_could_be_looked_up() -> None:
    net = company(db_ingress=[])
    net.responses["DBInstances"] = [database()]
    (finding,) = net.ask("web -> orders-db:5432").blocked_by
    assert (finding.interface_id, finding.subnet_id, finding.resource_ids) == (None, "subnet-b", ["sg-db"])
    assert "orders-db@subnet-b" in finding.summary


def test_nothing_connects_to_a_function() -> None:
    net = company()
    net.group("sg-fn-open", [tcp(443, "0.0.0.0/0")], OUT)
    vpc = {"SubnetIds": ["subnet-a"], "SecurityGroupIds": ["sg-fn-open"], "VpcId": "vpc-1"}
    net.responses["Functions"] = [function(VpcConfig=vpc)]
    answer = net.ask("web -> report:443")
    assert answer.verdict == "blocked"
    assert codes(answer) == ["LAMBDA_ACCEPTS_NO_CONNECTIONS"]


def test_a_function_outside_of_vpcs_is_no_end() -> None:
    net = company()
    net.responses["Functions"] = [function(VpcConfig=None)]
    with pytest.raises(EndpointError, match="is in no VPC"):
        net.ask("report -> web:443")


def test_asking_of_a_function_changes_no_other_answer() -> None:
    """A group reference means those who carry the group, not a host that one question supposed in the subnet."""
    net = with_database(company())
    net.responses["Functions"] = [function()]
    session = session_of(net)
    before = explain(session, "10.0.2.99 -> orders-db:5432")
    assert explain(session, "report -> orders-db:5432").verdict == "allowed"
    assert explain(session, "10.0.2.99 -> orders-db:5432") == before
    assert before.verdict == "blocked"


# -- ECS -------------------------------------------------------------------------------------------------------------

TASK_ID = "0123456789abcdef0123456789abcdef"


def tasks(net: Network, **more: Any) -> Network:
    arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
    net.responses["tasks"] = [
        {
            "taskArn": f"{arn}:task/prod/{TASK_ID}",
            "clusterArn": f"{arn}:cluster/prod",
            "group": "service:orders",
            "lastStatus": "RUNNING",
            **more,
        }
    ]
    net.responses["services"] = [
        {
            "serviceName": "orders",
            "serviceArn": f"{arn}:service/prod/orders",
            "clusterArn": f"{arn}:cluster/prod",
        }
    ]
    return net


@pytest.mark.parametrize(
    "name",
    [
        "prod/orders",
        f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/prod/orders",
        f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/prod/{TASK_ID}",
        f"prod/{TASK_ID}",
    ],
)
def test_a_task_with_its_own_interface(name: str) -> None:
    details = [{"name": "subnetId", "value": "subnet-a"}, {"name": "networkInterfaceId", "value": "eni-task"}]
    net = tasks(company(), attachments=[{"type": "ElasticNetworkInterface", "details": details}])
    net.interface("eni-task", "10.0.2.70", groups=["sg-db"], requester="1")
    answer = net.ask(f"web -> [{name}]:5432")
    assert answer.verdict == "allowed"
    assert answer.forward[-1].id == "eni-task"


def test_a_task_in_bridge_mode_is_reached_at_its_host() -> None:
    instance = f"arn:aws:ecs:{REGION}:{ACCOUNT}:container-instance/prod/abc"
    bindings = [{"name": "api", "networkBindings": [{"containerPort": 8080, "hostPort": 32768}]}]
    net = tasks(company(), containerInstanceArn=instance, containers=bindings)
    host = net.instance("host", "10.0.2.80", groups=["sg-db"])
    net.responses["containerInstances"] = [{"containerInstanceArn": instance, "ec2InstanceId": host}]
    answer = net.ask("web -> [prod/orders]:5432")
    assert answer.forward[-1].id == "eni-host"
    assert "port 8080 of api is port 32768 of its host" in " ".join(answer.warnings)


# -- names -----------------------------------------------------------------------------------------------------------


def test_a_name_of_several_kinds_lists_its_candidates() -> None:
    net = with_database(company())
    net.responses["Functions"] = [function(FunctionName="orders-db")]
    with pytest.raises(EndpointError, match="is ambiguous") as caught:
        net.ask("web -> orders-db:5432")
    assert any("RDS instance" in line for line in caught.value.candidates)
    assert any("Lambda function" in line for line in caught.value.candidates)


def test_a_name_tag_goes_before_what_services_have() -> None:
    net = with_database(company())
    net.instance("orders-db", "10.0.1.77")
    assert net.ask("web -> orders-db:5432").forward[-1].id == "eni-orders-db"
