"""``whyblocked whois``: whose an address is, where it lies, and the exit status."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from tests.builders import ACCOUNT, REGION, Json, Network, tcp
from tests.cli.programs import in_process
from tests.semantics.test_services import company, function, tasks, with_database
from whyblocked.errors import UndeterminedError
from whyblocked.report import schema

SCHEMA = Path(__file__).parents[2] / "docs" / "whois.schema.json"

ATTACHMENT = "Network Interface for Transit Gateway Attachment tgw-attach-0"
UUID = "1b2c3d4e-1111-2222-3333-444455556666"


def ask(capsys: pytest.CaptureFixture[str], folder: Path, net: Network, *words: str) -> tuple[int, str, str]:
    net.save(folder / "snapshot")
    result = in_process(capsys, "whois", *words, "--snapshot", str(folder / "snapshot"))
    return result[0], result[1], result[2]


def found(capsys: pytest.CaptureFixture[str], folder: Path, net: Network, text: str) -> tuple[int, Json]:
    status, out, _ = ask(capsys, folder, net, text, "--output", "json")
    return status, json.loads(out)


def test_it_says_everything_about_an_interface(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    net = with_database(company())
    net.responses["DBInstances"][0]["DBInstanceIdentifier"] = "orders-db"
    status, out, err = ask(capsys, tmp_path, net, "10.0.3.17")
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "10.0.3.17 is eni-db of RDS instance orders-db.",
        "",
        '  interface  eni-db (in-use, "RDSNetworkInterface")',
        "  owner      RDS instance orders-db",
        "  groups     sg-db (db)",
        f"  subnet     subnet-b (10.0.3.0/24, {REGION}b)",
        "  VPC        vpc-1",
        f"  account    {ACCOUNT}, {REGION}",
        "  addresses  10.0.3.17",
    ]


def test_an_instance_with_its_name_and_state(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    net = company()
    net.instance("off", "10.0.2.9", state="stopped", public="198.51.100.9")
    for text in ("10.0.2.9", "198.51.100.9", "off", "eni-off"):
        status, answer = found(capsys, tmp_path, net, text)
        assert status == 0
        (owner,) = answer["owners"]
        assert owner["instance"] == {"id": owner["instance"]["id"], "name": "off", "state": "stopped"}
        assert owner["public_addresses"] == {"198.51.100.9": "10.0.2.9"}


@pytest.mark.parametrize(
    ("kind", "description", "requester", "service", "resource"),
    [
        ("nat_gateway", "Interface for NAT Gateway nat-0123456789abcdef0", "1", "NAT gateway", "nat-0123456789abcdef0"),
        ("natGateway", "", "1", "NAT gateway", None),
        (
            "vpc_endpoint",
            "VPC Endpoint Interface vpce-0123456789abcdef0",
            "1",
            "VPC endpoint",
            "vpce-0123456789abcdef0",
        ),
        (
            "transit_gateway",
            ATTACHMENT,
            "1",
            "transit gateway",
            "tgw-attach-0",
        ),
        ("interface", "ELB app/web/0123", "amazon-elb", "Application Load Balancer", "web"),
        ("network_load_balancer", "ELB net/tcp/0123", "amazon-elb", "Network Load Balancer", "tcp"),
        ("interface", "ELB old", "amazon-elb", "Classic Load Balancer", "old"),
        ("lambda", f"AWS Lambda VPC ENI-send-mail-{UUID}", "A:b", "Lambda function", "send-mail"),
        ("interface", "ElastiCache cache-001", "amazon-elasticache", "ElastiCache cluster", "cache-001"),
        ("interface", "EFS mount target for fs-01 (fsmt-02)", "1", "EFS file system", "fs-01"),
        ("interface", f"arn:aws:ecs:{REGION}:{ACCOUNT}:attachment/{UUID}", "1", "ECS task", None),
        ("interface", "RDSNetworkInterface", "amazon-rds", "RDS database", None),
        ("interface", "Amazon EKS prod", "1", "EKS control plane", "prod"),
        ("interface", "something new", "1", "a service of AWS's", None),
        ("interface", "ELB is what I call it", None, None, None),
    ],
)
def test_the_service_behind_an_interface(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    kind: str,
    description: str,
    requester: str | None,
    service: str | None,
    resource: str | None,
) -> None:
    net = company()
    net.interface("eni-x", "10.0.2.5", kind=kind, description=description, requester=requester)
    _, answer = found(capsys, tmp_path, net, "10.0.2.5")
    assert (answer["owners"][0]["service"], answer["owners"][0]["resource"]) == (service, resource)


def test_a_pod_is_of_the_node_that_has_its_prefix(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    net = company()
    net.interface("eni-node", "10.0.2.100", prefixes=["10.0.2.112/28"], description="aws-K8S-i-0123", requester="1")
    status, answer = found(capsys, tmp_path, net, "10.0.2.120")
    assert (status, answer["owners"][0]["interface_id"]) == (0, "eni-node")
    assert answer["owners"][0]["prefixes"] == ["10.0.2.112/28"]


def test_every_owner_where_vpcs_overlap(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    net = company()
    net.vpc("vpc-2", "10.0.0.0/16")
    net.subnet("subnet-2", "10.0.1.0/24", vpc="vpc-2")
    net.interface("eni-other", "10.0.1.10", subnet="subnet-2")
    status, answer = found(capsys, tmp_path, net, "10.0.1.10")
    assert status == 0
    assert [owner["interface_id"] for owner in answer["owners"]] == ["eni-other", "eni-web"]
    assert answer["summary"] == "10.0.1.10 is 2 interfaces in 2 VPCs."


@pytest.mark.parametrize(
    ("address", "status", "says"),
    [
        ("10.0.2.77", 0, "it is free in subnet-a of vpc-1"),
        ("10.0.2.0", 0, "the network's own address of subnet-a, reserved by AWS"),
        ("10.0.2.1", 0, "the VPC router of subnet-a, reserved by AWS"),
        ("10.0.2.2", 0, "kept for DNS of subnet-a, reserved by AWS"),
        ("10.0.2.3", 0, "kept for future use of subnet-a, reserved by AWS"),
        ("10.0.2.255", 0, "the broadcast address of subnet-a, reserved by AWS"),
        ("10.0.200.1", 0, "it lies in vpc-1, but in none of its subnets"),
        ("192.168.7.7", 2, "is not in this account"),
        ("203.0.113.9", 2, "is not in this account"),
        ("2001:db8::1", 2, "is not in this account"),
    ],
)
def test_an_address_that_nobody_has(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, address: str, status: int, says: str
) -> None:
    got, out, _ = ask(capsys, tmp_path, company(), address)
    assert says in out
    assert got == status


def test_a_resource_without_an_interface_is_said_to_have_none(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    net = company()
    net.responses["Functions"] = [function()]
    status, answer = found(capsys, tmp_path, net, "report")
    assert status == 0
    assert [owner["supposed"] for owner in answer["owners"]] == [True, True]
    assert "No interface of report is listed in subnet-a" in answer["warnings"][0]


def test_a_task_by_its_name(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    details = [{"name": "networkInterfaceId", "value": "eni-task"}]
    net = tasks(company(), attachments=[{"type": "ElasticNetworkInterface", "details": details}])
    net.interface("eni-task", "10.0.2.70", groups=["sg-db"], requester="1")
    assert found(capsys, tmp_path, net, "[prod/orders]")[1]["owners"][0]["interface_id"] == "eni-task"
    assert found(capsys, tmp_path, net, "prod/orders")[1]["owners"][0]["interface_id"] == "eni-task"


@pytest.mark.parametrize("text", ["nobody", "10.0.0.0/16", "internet", "eni-0ffff", "sg-0123456789abcdef0"])
def test_what_nobody_can_have_is_an_error_of_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str
) -> None:
    status, out, err = ask(capsys, tmp_path, company(), text)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1


def test_what_could_not_be_read_is_no_answer(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    net = company()
    net.leave_out("NetworkInterfaces", "Reservations")
    status, out, err = ask(capsys, tmp_path, net, "10.0.2.9")
    assert (status, out) == (UndeterminedError.status, "")
    assert "ec2:DescribeNetworkInterfaces" in err


def test_the_json_is_of_its_schema(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema.render("whois")
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    for address in ("10.0.1.10", "10.0.2.77", "203.0.113.9"):
        validator.validate(found(capsys, tmp_path, company(), address)[1])


def test_markdown_and_hostile_names(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    net = company()
    net.group("sg-evil", [tcp(1, "0.0.0.0/0")], [], name="a\x1b[31m`b`")
    net.interface("eni-x", "10.0.2.5", groups=["sg-evil"], description="<b>\x1b]0;x\x07", name="*web*")
    status, out, _ = ask(capsys, tmp_path, net, "10.0.2.5", "--output", "markdown")
    assert status == 0
    assert "\x1b" not in out
    assert "is eni-x (`*web*`)" in out
    assert "\x1b" not in ask(capsys, tmp_path, net, "10.0.2.5")[1]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("sg-0123456789abcdef0", "a security group"),
        ("sgr-0123456789abcdef0", "a security group rule"),
        ("subnet-01234567", "a subnet"),
        ("igw-0123456789abcdef0", "an internet gateway"),
        ("acl-0123456789abcdef0", "a network ACL"),
        ("rtb-0123456789abcdef0", "a route table"),
        ("tgw-rtb-0123456789abcdef0", "a transit gateway route table"),
        ("subnet-0abc", "the id of a subnet"),
        (f"arn:aws:ec2:{REGION}:{ACCOUNT}:security-group/sg-0123456789abcdef0", "a security group"),
        (f"arn:aws:sqs:{REGION}:{ACCOUNT}:jobs", "an ARN of sqs"),
    ],
)
def test_what_has_no_address_of_its_own_is_refused_with_what_to_name_instead(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, kind: str
) -> None:
    status, out, err = ask(capsys, tmp_path, company(), text)
    assert (status, out) == (2, "")
    assert kind in err
    assert err.endswith(": name an address, an interface, an instance or a name\n")
    assert err.count("\n") == 1
    assert "question" not in err


def test_an_arn_of_another_account_is_not_answered_with_what_this_one_has(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    net = company()
    host = net.instance("host", "10.0.2.9")
    status, out, err = ask(capsys, tmp_path, net, f"arn:aws:ec2:{REGION}:999999999999:instance/{host}")
    assert (status, out) == (2, "")
    assert f"the ARN names account 999999999999 in {REGION}" in err
    assert f"what was read is of account {ACCOUNT} in {REGION}" in err
    assert ask(capsys, tmp_path, net, f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{host}")[0] == 0
