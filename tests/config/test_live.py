"""A live account: what is looked up is fetched in few rounds, with filters, and never twice."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any, cast

import pytest

from tests import moto_fixups
from tests.config import cloud
from tests.config.cloud import Cloud
from whyblocked.config.account import Account, Missing, Query
from whyblocked.config.live import Live, live_account

pytestmark = pytest.mark.usefixtures("aws")


@pytest.fixture
def made(aws: None) -> Cloud:
    return cloud.build()


@pytest.fixture
def account(made: Cloud) -> Account:
    return live_account()


def source(account: Account) -> Live:
    return cast(Live, account.source)


def operations(account: Account) -> list[str]:
    return [operation for operation, _ in source(account).calls]


# -- rounds ------------------------------------------------------------------------------------------------------


def test_nothing_is_asked_before_something_is_looked_up(account: Account) -> None:
    assert account.advance() is False
    assert source(account).calls == []


def test_what_is_looked_up_is_pending_until_the_next_round(account: Account, made: Cloud) -> None:
    before = account.instance(made.instance)
    assert isinstance(before, Missing)
    assert before.pending
    assert account.advance()
    after = account.instance(made.instance)
    assert not isinstance(after, Missing)
    assert after.instance_id == made.instance


def test_all_that_is_pending_takes_one_round(account: Account, made: Cloud) -> None:
    account.instance(made.instance)
    account.vpc(made.vpc)
    account.subnet(made.subnet)
    account.security_group(made.group)
    account.prefix_list(made.prefix_list)
    account.internet_gateway_of(made.vpc)
    assert account.advance()
    assert source(account).waves == 1
    assert len(operations(account)) == 6
    assert account.prefix_list(made.prefix_list) == ("192.0.2.0/24",)


def test_values_of_one_filter_go_into_one_call(account: Account, made: Cloud) -> None:
    ids = [made.group, *(f"sg-{number:017x}" for number in range(250))]
    for group_id in ids:
        account.security_group(group_id)
    account.advance()
    asked = [parameters["Filters"][0]["Values"] for _, parameters in source(account).calls]
    assert [len(values) for values in asked] == [200, 51]
    assert [value for values in asked for value in values] == ids


def test_no_call_is_made_twice(account: Account, made: Cloud) -> None:
    for _ in range(3):
        account.subnets_of(made.vpc)
        account.rules_of(made.group)
        account.subnet("subnet-0nowhere")
        account.advance()
    assert sorted(operations(account)) == ["DescribeSecurityGroupRules", "DescribeSubnets", "DescribeSubnets"]


def test_what_came_with_a_broader_call_is_not_asked_for_again(account: Account, made: Cloud) -> None:
    account.subnets_of(made.vpc)
    account.advance()
    account.expect([Query("DescribeSubnets", "subnet-id", made.subnet), Query("DescribeSubnets", "vpc-id", made.vpc)])
    assert account.advance() is False


def test_a_subnet_is_not_asked_for_beside_all_those_of_its_vpc(account: Account, made: Cloud) -> None:
    account.interface(made.interface)
    account.advance()
    account.subnet(made.subnet)
    account.subnets_of(made.vpc)
    account.advance()
    assert operations(account) == ["DescribeNetworkInterfaces", "DescribeSubnets"]
    assert not isinstance(account.subnet(made.subnet), Missing)


def test_a_list_of_everything_answers_every_narrower_question(account: Account, made: Cloud) -> None:
    account.flow_logs_of([made.subnet])
    account.expect([Query("DescribeFlowLogs", "", "")])
    account.advance()
    assert source(account).calls == [("DescribeFlowLogs", {})]
    assert account.flow_logs_of([made.vpc, made.interface]) == ()
    assert account.advance() is False


@pytest.mark.usefixtures("small_pages")
def test_every_page_is_read(account: Account, made: Cloud) -> None:
    for number in range(12):
        made.ec2.create_network_interface(
            SubnetId=made.subnet, Groups=[made.group], PrivateIpAddress=f"10.0.1.{50 + number}"
        )
    account.members(made.group)
    account.advance()
    members = account.members(made.group)
    assert not isinstance(members, Missing)
    assert len(members) == 13


# -- filters -----------------------------------------------------------------------------------------------------


def looked_up(account: Account, query: Query) -> dict[str, Any]:
    assert account.source.ask(query) is not None
    account.advance()
    ((_, parameters),) = source(account).calls
    return parameters


def test_the_beginning_of_an_id_finds_what_begins_so(account: Account, made: Cloud) -> None:
    parameters = looked_up(account, Query("DescribeInstances", "instance-id", f"{made.instance[:9]}*"))
    assert parameters == {"Filters": [{"Name": "instance-id", "Values": [f"{made.instance[:9]}*"]}]}
    assert set(account.instances) == {made.instance}


def test_a_name_is_found_as_it_is_written(account: Account) -> None:
    parameters = looked_up(account, Query("DescribeInstances", "tag:Name", r"we*?\b"))
    assert parameters["Filters"][0]["Values"] == [r"we\*\?\\b"]
    assert account.instances == {}


def test_a_name_finds_its_instance(account: Account, made: Cloud) -> None:
    looked_up(account, Query("DescribeInstances", "tag:Name", "web"))
    assert set(account.instances) == {made.instance}


@pytest.mark.parametrize("operation", ["DescribeNatGateways", "DescribeFlowLogs"])
def test_two_calls_have_their_own_name_for_filters(account: Account, operation: str) -> None:
    assert "Filter" in looked_up(account, Query(operation, "resource-id", "x"))


def test_resources_of_service_owners_are_asked_for_too(account: Account, made: Cloud) -> None:
    sent: list[dict[str, Any]] = []
    client = source(account).client("ec2")
    client.meta.events.register("provide-client-params.ec2", lambda params, **_: sent.append(dict(params)))
    account.interface(made.interface)
    account.vpc(made.vpc)
    account.advance()
    assert sorted((p["MaxResults"], p.get("IncludeManagedResources", False)) for p in sent) == [
        (1000, False),
        (1000, True),
    ]


def test_addresses_find_their_owners(account: Account, made: Cloud) -> None:
    public = made.ec2.allocate_address(Domain="vpc")
    made.ec2.associate_address(AllocationId=public["AllocationId"], NetworkInterfaceId=made.interface)
    account.owners(ip_address("10.0.1.10"))
    account.public_owner(ip_address(public["PublicIp"]))
    account.owners(ip_address("10.0.1.99"))
    account.advance()
    owners = account.owners(ip_address("10.0.1.10"))
    assert not isinstance(owners, Missing)
    assert [owner.network_interface_id for owner in owners] == [made.interface]
    behind = account.public_owner(ip_address(public["PublicIp"]))
    assert isinstance(behind, tuple)
    assert behind[1] == ip_address("10.0.1.10")
    assert account.owners(ip_address("10.0.1.99")) == ()


# -- what is known of where things are -----------------------------------------------------------------------------


def test_account_and_region_are_known(account: Account, made: Cloud) -> None:
    account.vpc(made.vpc)
    account.advance()
    assert (account.account_id_of(made.vpc), account.region_of(made.vpc)) == ("123456789012", "us-east-1")


def test_what_is_not_there_is_said_with_the_region(account: Account) -> None:
    account.subnet("subnet-0nowhere")
    account.advance()
    assert str(account.subnet("subnet-0nowhere")) == "ec2:DescribeSubnets: subnet-0nowhere not found in us-east-1"


def test_another_region_is_asked_through_a_client_of_its_own(account: Account, made: Cloud) -> None:
    import boto3

    there = boto3.client("ec2", region_name="eu-west-1").create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    query = Query("DescribeVpcs", "vpc-id", there, f"arn:aws:ec2:eu-west-1::vpc/{there}")
    account.expect([query, Query("DescribeVpcs", "vpc-id", made.vpc, f"arn:aws:ec2:us-east-1::vpc/{made.vpc}")])
    account.advance()
    assert account.source.ask(query) is None
    assert account.region_of(there) == "eu-west-1"
    assert account.region_of(made.vpc) == "us-east-1"


def test_the_region_of_something_elsewhere_is_found(account: Account, made: Cloud) -> None:
    import boto3

    other = boto3.client("ec2", region_name="eu-west-1")
    vpc = other.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    subnet = other.create_subnet(VpcId=vpc, CidrBlock="10.8.0.0/24")["Subnet"]["SubnetId"]
    interface = other.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    assert source(account).find_region_of(interface) == ("eu-west-1",)
    assert source(account).find_region_of(f"{interface[:12]}*") == ("eu-west-1",)
    assert source(account).find_region_of("vpc-1") == ()


# -- Block Public Access -----------------------------------------------------------------------------------------


@pytest.fixture
def blocked_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"InternetGatewayBlockMode": "block-ingress", "AwsRegion": "us-east-1"}
    operation = "DescribeVpcBlockPublicAccessOptions"
    monkeypatch.setitem(moto_fixups.answers, operation, {"VpcBlockPublicAccessOptions": options})


@pytest.mark.usefixtures("blocked_everywhere")
def test_block_public_access_is_read(account: Account) -> None:
    account.block_public_access("vpc-1")
    account.advance()
    found = account.block_public_access("vpc-1")
    assert found is not None
    assert not isinstance(found, Missing)
    assert found.internet_gateway_block_mode == "block-ingress"
