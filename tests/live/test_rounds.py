"""A question about one VPC takes three rounds of calls at most, each of them filtered, and none made twice."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tests import moto_fixups
from tests.live.company import ANYWHERE, Company, backend, permission
from whyblocked.api import Session, live
from whyblocked.config.live import Live
from whyblocked.diagnosis.answer import Answer
from whyblocked.question.grammar import parse

# What a Region has one of, or where nothing tells which VPC it is about: asked for whole, and in pages.
UNFILTERED = {
    "DescribeVpcBlockPublicAccessOptions",
    "DescribeVpcBlockPublicAccessExclusions",
    "DescribeSubnets",
}

QUESTIONS = [
    ("203.0.113.5 -> i-abc:22", "allowed"),  # a prefix list in the group
    ("192.0.2.77 -> {web}:22", "blocked"),
    ("203.0.113.0/24 -> web-1:22", "allowed"),
    ("internet -> web-1:443", "allowed"),
    ("internet -> 198.51.100.10:22", "partial"),
    ("203.0.113.5 -> {web_interface}:22", "allowed"),
    ("203.0.113.5 -> kiosk:443", "partial"),  # its network ACL lets a part of the replies out
    ("{app} -> internet:443", "allowed"),  # through the NAT gateway
    ("app -> 192.0.2.77:443", "allowed"),
    ("10.0.2.20 -> 192.0.2.77", "allowed"),
    ("192.0.2.77 -> 10.0.2.20:8080", "blocked"),
    ("{web} -> {app}:8080", "allowed"),  # by a reference to its group
    ("web-1 -> app:8080", "allowed"),
    ("app -> web-1:22", "blocked"),
    ("app -> batch:22", "blocked"),
    ("10.0.1.10 -> 10.0.2.20:22", "allowed"),
    ("10.0.2.20 -> 10.0.1.10", "partial"),
    ("app -> ip-10-0-1-10.ec2.internal:443", "allowed"),
    ("app -> 198.51.100.10:443", "allowed"),  # a public address of the own VPC
    ("10.0.1.99 -> app:22", "allowed"),  # a host that nobody has
    ("10.0.1.99 -> app:8080", "blocked"),
    ("web-1 -> 10.0.2.99:443", "allowed"),
    ("web-1 -> 169.254.169.254:80", "allowed"),
    ("172.16.0.0/16 -> web-1:443", "blocked"),
    ("203.0.113.0/24 -> 10.0.1.0/24:22", "partial"),
    ("8.8.8.8 -> 198.51.100.200:443", "blocked"),  # the NAT gateway
    ("app -> 10.0.1.200:443", "blocked"),
    ("10.0.1.0/25 -> app:22", "allowed"),
    ("web-1 -> 10.0.2.0/24:22", "partial"),
    ("10.0.1.0/24 -> 10.0.2.0/24:22", "partial"),
    ("2001:db8::5 -> [{web_ipv6}]:443", "allowed"),
    ("{app_ipv6} -> [2001:db8::5]:443", "allowed"),  # through the egress-only internet gateway
    ("2001:db8::5 -> app:22", "blocked"),
    ("{web_ipv6} -> [{app_ipv6}]:8080", "allowed"),
]


def explained(question: str) -> tuple[Answer, Live]:
    account = live()
    answer = Session(account, flow_logs=True).explain(parse(question))
    return answer, cast(Live, account.source)


def assert_few_calls(source: Live) -> None:
    asked = [(name, repr(parameters)) for name, parameters in source.calls]
    assert len(asked) == len(set(asked)), f"made twice: {asked}"
    for name, parameters in source.calls:
        assert parameters or name in UNFILTERED, f"{name} asks for everything"


@pytest.mark.parametrize(("question", "verdict"), QUESTIONS)
def test_a_question_about_one_vpc_takes_three_rounds_at_most(company: Company, question: str, verdict: str) -> None:
    answer, source = explained(company.fill(question))
    assert (answer.verdict, answer.missing) == (verdict, [])
    assert source.waves <= 3, source.calls
    assert_few_calls(source)


@pytest.mark.parametrize(
    ("question", "verdict"),
    [
        ("app -> database:5432", "allowed"),
        ("app -> 10.1.1.10:5432", "allowed"),
        ("{peer} -> 10.0.2.20:22", "blocked"),
    ],
)
def test_a_peered_vpc_costs_no_round_more_where_both_ends_are_known(
    company: Company, question: str, verdict: str
) -> None:
    answer, source = explained(company.fill(question))
    assert (answer.verdict, answer.missing) == (verdict, [])
    assert source.waves <= 3, source.calls
    assert_few_calls(source)


@pytest.mark.parametrize("question", ["203.0.113.5 -> i-abc:22", "app -> internet:443", "web-1 -> app:8080"])
def test_small_pages_change_neither_answer_nor_rounds(
    company: Company, question: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, one = explained(question)
    monkeypatch.setattr(moto_fixups, "page_size", 5)
    paged, other = explained(question)
    assert paged == whole
    assert (other.waves, other.calls) == (one.waves, one.calls)


def test_every_list_is_asked_for_in_pages(company: Company) -> None:
    account = live()
    sent: dict[str, dict[str, Any]] = {}
    client = cast(Live, account.source).client("ec2")

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        sent[model.name] = dict(params)

    client.meta.events.register("provide-client-params.ec2", note)
    Session(account, flow_logs=True).explain(parse("app -> internet:443"))
    unpaged = {name for name, parameters in sent.items() if "MaxResults" not in parameters}
    assert unpaged == {"DescribeVpcBlockPublicAccessOptions"}


@pytest.mark.parametrize("question", ["203.0.113.5 -> i-abc:22", "app -> 192.0.2.77:443"])
def test_block_public_access_costs_no_round_more(
    company: Company, question: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"InternetGatewayBlockMode": "block-bidirectional", "AwsRegion": "us-east-1"}
    operation = "DescribeVpcBlockPublicAccessOptions"
    monkeypatch.setitem(moto_fixups.answers, operation, {"VpcBlockPublicAccessOptions": options})
    answer, source = explained(question)
    assert {finding.layer for finding in answer.blocked_by} == {"block-public-access"}
    assert source.waves <= 3
    assert_few_calls(source)


def test_prefix_lists_of_many_groups_and_routes_are_read_together(company: Company) -> None:
    listed = [
        company.ec2.create_managed_prefix_list(
            PrefixListName=f"list-{number}",
            MaxEntries=1,
            AddressFamily="IPv4",
            Entries=[{"Cidr": f"192.0.2.{number}/32"}],
        )["PrefixList"]["PrefixListId"]
        for number in (77, 78)
    ]
    rules = [permission("tcp", 22, pl=prefix_list) for prefix_list in listed]
    company.ec2.authorize_security_group_ingress(GroupId=company.web_group, IpPermissions=rules)
    try:
        answer, source = explained("192.0.2.77 -> web-1:22")
    finally:
        company.ec2.revoke_security_group_ingress(GroupId=company.web_group, IpPermissions=rules)
    assert (answer.verdict, source.waves) == ("allowed", 3)
    assert sum(name == "GetManagedPrefixListEntries" for name, _ in source.calls) == 3
    assert_few_calls(source)


def test_an_instance_with_many_groups_and_interfaces_is_read_together(company: Company) -> None:
    groups = []
    for number in range(4):
        made = company.ec2.create_security_group(GroupName=f"more-{number}", Description="more", VpcId=company.vpc)
        groups.append(made["GroupId"])
    rule = permission("tcp", 9000, cidr=ANYWHERE)
    company.ec2.authorize_security_group_ingress(GroupId=groups[-1], IpPermissions=[rule])
    second = company.ec2.create_network_interface(SubnetId=company.public, PrivateIpAddress="10.0.1.11", Groups=groups)
    second_id = second["NetworkInterface"]["NetworkInterfaceId"]
    attached = company.ec2.attach_network_interface(
        NetworkInterfaceId=second_id, InstanceId=company.ids["web"], DeviceIndex=1
    )
    try:
        answer, source = explained("app -> 10.0.1.11:9000")
        both, _ = explained("app -> web-1:9000")
    finally:
        company.ec2.detach_network_interface(AttachmentId=attached["AttachmentId"])
        company.ec2.delete_network_interface(NetworkInterfaceId=second_id)
    assert (answer.verdict, source.waves <= 3) == ("allowed", True)
    assert {finding.interface_id for finding in both.blocked_by} == {company.web_interface}
    assert_few_calls(source)


def test_a_short_id_that_means_two_is_found_out_in_one_round(company: Company) -> None:
    from whyblocked.errors import EndpointError

    account = live()
    with pytest.raises(EndpointError) as caught:
        Session(account, flow_logs=True).explain(parse("203.0.113.5 -> i-ab:22"))
    assert len(caught.value.candidates) == 2
    assert cast(Live, account.source).waves == 1


def test_a_vpc_of_many_interfaces_costs_as_few_calls(company: Company) -> None:
    _, before = explained("web-1 -> app:8080")
    model = backend()
    subnet = model.get_subnet(company.private)
    made = [
        model.create_network_interface(subnet, f"10.0.2.{number}", group_ids=[company.app_group])
        for number in range(100, 220)
    ]
    try:
        _, after = explained("web-1 -> app:8080")
    finally:
        for interface in made:
            model.delete_network_interface(interface.id)
    assert after.calls == before.calls
