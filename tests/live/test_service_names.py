"""Resources of services as ends, asked of moto: which calls are made, and what becomes of one that is denied."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import boto3
import pytest

from tests.moto_server import Overlay
from whyblocked.api import Session, live
from whyblocked.config.live import Live
from whyblocked.config.operations import MANAGED
from whyblocked.diagnosis.answer import Answer
from whyblocked.errors import EndpointError, UndeterminedError
from whyblocked.question.grammar import parse

Json = dict[str, Any]


class Shop(NamedTuple):
    """The ids of a small shop: an instance, a database's interface, a function's subnet."""

    subnets: tuple[str, str]
    database: str
    file_system: str
    mount_target: str


def build(**client: Any) -> Shop:
    """``web`` (10.0.1.10), the database ``orders`` (10.0.2.17), the function ``report``, a file system."""
    options: Json = {"region_name": "us-east-1", **client}
    ec2 = boto3.client("ec2", **options)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    zones = {"10.0.1.0/24": "us-east-1a", "10.0.2.0/24": "us-east-1a", "10.0.3.0/24": "us-east-1b"}
    made = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for block, zone in zones.items()
    ]
    groups = {
        name: ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        for name in ("web", "data", "report")
    }
    ec2.authorize_security_group_ingress(
        GroupId=groups["data"],
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": port,
                "ToPort": port,
                "UserIdGroupPairs": [{"GroupId": groups[name]} for name in ("web", "report")],
            }
            for port in (5432, 2049)
        ],
    )
    placed: Any = {
        "DeviceIndex": 0,
        "SubnetId": made[0],
        "Groups": [groups["web"]],
        "PrivateIpAddress": "10.0.1.10",
    }
    web = ec2.run_instances(ImageId="ami-1e749f67", MinCount=1, MaxCount=1, NetworkInterfaces=[placed])["Instances"][0]
    ec2.create_tags(Resources=[web["InstanceId"]], Tags=[{"Key": "Name", "Value": "web"}])
    rds = boto3.client("rds", **options)
    rds.create_db_subnet_group(DBSubnetGroupName="data", DBSubnetGroupDescription="data", SubnetIds=made[1:])
    rds.create_db_instance(
        DBInstanceIdentifier="orders",
        DBInstanceClass="db.t3.micro",
        Engine="postgres",
        Port=5432,
        DBSubnetGroupName="data",
        VpcSecurityGroupIds=[groups["data"]],
        AvailabilityZone="us-east-1a",
        MasterUsername="u",
        MasterUserPassword="p-p-p-p-p",
        AllocatedStorage=20,
    )
    database = ec2.create_network_interface(
        SubnetId=made[1], Groups=[groups["data"]], PrivateIpAddress="10.0.2.17", Description="RDSNetworkInterface"
    )["NetworkInterface"]["NetworkInterfaceId"]
    attach(database)
    role = boto3.client("iam", **options).create_role(RoleName="report", AssumeRolePolicyDocument="{}", Path="/")[
        "Role"
    ]["Arn"]
    boto3.client("lambda", **options).create_function(
        FunctionName="report",
        Runtime="python3.12",
        Role=role,
        Handler="a.b",
        Code={"ZipFile": b"PK\x05\x06" + bytes(18)},
        VpcConfig={"SubnetIds": made[1:], "SecurityGroupIds": [groups["report"]]},
    )
    efs = boto3.client("efs", **options)
    file_system = efs.create_file_system(CreationToken="data")["FileSystemId"]
    target = efs.create_mount_target(
        FileSystemId=file_system, SubnetId=made[2], SecurityGroups=[groups["data"]], IpAddress="10.0.3.20"
    )
    attach(target["NetworkInterfaceId"])
    return Shop((made[1], made[2]), database, file_system, target["NetworkInterfaceId"])


def attach(interface_id: str) -> None:
    """moto keeps an interface that a service has as available; AWS shows it in use."""
    from moto.backends import get_backend

    backend: Any = get_backend("ec2")
    for account in backend.values():
        for region in account.values():
            if interface_id in region.enis:
                region.enis[interface_id].status = "in-use"


@pytest.fixture
def shop(aws: None) -> Shop:
    return build()


def asked(question: str) -> tuple[Answer, Live]:
    account = live()
    answer = Session(account).explain(parse(question))
    return answer, cast(Live, account.source)


def of_services(source: Live) -> list[tuple[str, Json]]:
    return [call for call in source.calls if call[0] in MANAGED]


def test_an_ordinary_question_asks_no_service(shop: Shop) -> None:
    answer, source = asked("web -> 10.0.2.17:5432")
    assert answer.question.destination == "10.0.2.17"
    assert of_services(source) == []


@pytest.mark.parametrize("name", ["orders", "arn:aws:rds:us-east-1:123456789012:db:orders"])
def test_a_database_is_asked_for_by_its_name_alone(shop: Shop, name: str) -> None:
    answer, source = asked(f"web -> [{name}]:5432")
    assert answer.verdict == "allowed", answer.summary
    assert answer.forward[-1].id == shop.database
    assert ("DescribeDBInstances", {"DBInstanceIdentifier": "orders"}) in source.calls
    assert all(
        parameters for call, parameters in source.calls if call not in ("DescribeServerlessCaches", "ListClusters")
    )


def test_a_dns_name_of_a_service_asks_that_service_alone(shop: Shop) -> None:
    host = boto3.client("rds", region_name="us-east-1").describe_db_instances()["DBInstances"][0]["Endpoint"]["Address"]
    answer, source = asked(f"web -> {host}:5432")
    assert answer.forward[-1].id == shop.database
    assert {name for name, _ in of_services(source)} == {
        "DescribeDBInstances",
        "DescribeDBClusters",
        "DescribeDBProxies",
    }


def test_a_function_sends_from_its_subnets(shop: Shop) -> None:
    answer, source = asked("report -> 10.0.2.17:5432")
    assert answer.verdict == "allowed", answer.summary
    assert {hop.id for hop in answer.forward if hop.kind == "interface"} >= {f"report@{name}" for name in shop.subnets}
    assert ("GetFunctionConfiguration", {"FunctionName": "report"}) in source.calls


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:rds:us-west-2:123456789012:db:orders",
        "arn:aws:lambda:us-west-2:123456789012:function:report",
        "arn:aws:ec2:us-west-2:123456789012:network-interface/{database}",
    ],
)
def test_an_arn_of_another_region_is_asked_there_and_means_nothing_here(shop: Shop, arn: str) -> None:
    with pytest.raises(EndpointError, match="the ARN names account 123456789012 in us-west-2, and there is none"):
        asked(f"web -> [{arn.format(database=shop.database)}]:5432")


def test_a_file_system_is_its_mount_targets(shop: Shop) -> None:
    answer, source = asked(f"web -> {shop.file_system}:2049")
    assert answer.forward[-1].id == shop.mount_target
    assert of_services(source) == [("DescribeMountTargets", {"FileSystemId": shop.file_system})]


def test_a_name_that_nothing_has_is_not_found_with_few_calls(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    account = live()
    with pytest.raises(EndpointError, match="nothing is called 'nowhere'"):
        Session(account).explain(parse("web -> nowhere:443"))
    source = cast(Live, account.source)
    assert source.waves <= 3
    assert len(of_services(source)) <= 12


def test_a_denied_service_is_named_with_its_permission(moto_server: Overlay, monkeypatch: pytest.MonkeyPatch) -> None:
    build(endpoint_url=moto_server.url, aws_access_key_id="testing", aws_secret_access_key="testing")
    for name, value in moto_server.environment().items():
        monkeypatch.setenv(name, value)
    moto_server.refuse("DescribeDBInstances", "AccessDenied")
    answer, _ = asked("web -> orders:5432")
    assert (answer.verdict, answer.exit_status) == ("undetermined", 3)
    assert "rds:DescribeDBInstances: AccessDenied" in answer.missing
    with pytest.raises(UndeterminedError, match="rds:DescribeDBInstances: AccessDenied"):
        Session(live()).whois("orders")


def test_a_service_by_its_short_name_asks_for_no_resources_of_services(shop: Shop) -> None:
    """What it costs to ask for the service does not grow with what the account has."""
    _, source = asked("web -> s3:443")
    assert not {operation for operation, _ in source.calls} & {*MANAGED, "ListClusters", "ListServices"}
