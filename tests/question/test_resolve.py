"""Finding the ends of a question in an account."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from whyblocked.config import resources as r
from whyblocked.config.account import Account, Missing, Nothing, Query
from whyblocked.errors import EndpointError, InputError, UndeterminedError, WhyblockedError
from whyblocked.network.asked import Asked, End
from whyblocked.question.grammar import parse
from whyblocked.question.resolve import resolve

WEB = "i-0abc1234def567890"
DB = "i-00db1234def567890"


def instance(instance_id: str, name: str | None = None, state: str = "running", dns: str | None = None) -> r.Instance:
    return r.Instance(
        instance_id=instance_id,
        state=r.InstanceState(name=state),
        vpc_id="vpc-1",
        tags=(r.Tag(key="Name", value=name),) if name else (),
        private_dns_name=dns,
    )


def interface(
    interface_id: str,
    address: str,
    *,
    vpc: str = "vpc-1",
    of: str | None = None,
    index: int = 0,
    name: str | None = None,
    public: str | None = None,
    ipv6: tuple[str, ...] = (),
    dns: str | None = None,
) -> r.NetworkInterface:
    return r.NetworkInterface(
        network_interface_id=interface_id,
        vpc_id=vpc,
        subnet_id=f"subnet-{vpc}",
        groups=(r.GroupIdentifier(group_id=f"sg-{vpc}"),),
        private_ip_address=address,
        association=r.Association(public_ip=public) if public else None,
        ipv6_addresses=tuple(r.Ipv6Address(ipv6_address=text) for text in ipv6),
        attachment=r.Attachment(instance_id=of, device_index=index) if of else None,
        private_dns_name=dns,
        tag_set=(r.Tag(key="Name", value=name),) if name else (),
    )


def resources() -> list[r.Resource]:
    return [
        r.Vpc(vpc_id="vpc-1", cidr_block="10.0.0.0/16"),
        r.Subnet(subnet_id="subnet-vpc-1", vpc_id="vpc-1", cidr_block="10.0.1.0/24"),
        r.Subnet(subnet_id="subnet-vpc-2", vpc_id="vpc-2", cidr_block="10.0.1.0/24"),
        instance(WEB, "web-1", dns="web-1.corp.example"),
        interface("eni-0a2", "10.0.1.11", of=WEB, index=1),
        interface("eni-0a1", "10.0.1.10", of=WEB, public="203.0.113.9", ipv6=("2001:db8::10",)),
        instance(DB, "db"),
        interface("eni-0b1", "10.0.1.20", of=DB, name="db"),
        instance("i-0dd0000000000001", "dup"),
        interface("eni-0d1", "10.0.1.31", of="i-0dd0000000000001"),
        instance("i-0dd0000000000002", "dup"),
        interface("eni-0d2", "10.0.1.32", of="i-0dd0000000000002"),
        instance("i-0ee0000000000001", "again"),
        interface("eni-0e1", "10.0.1.41", of="i-0ee0000000000001"),
        instance("i-0ee0000000000002", "again", "terminated"),
        instance("i-0ff0000000000001", "gone", "terminated"),
        interface("eni-0c1", "10.0.1.50", name="web/1", dns="ip-10-0-1-50.ec2.internal"),
        interface("eni-0c2", "10.0.1.10", vpc="vpc-2", name="other"),
        interface("eni-0c3", "10.0.1.60", vpc="vpc-2", name="internet"),
        interface("eni-0c4", "10.0.1.77", vpc="vpc-2"),
        interface("eni-0c5", "10.0.1.77", vpc="vpc-3"),
    ]


@pytest.fixture
def account() -> Account:
    found = Account()
    for resource in resources():
        found.add(resource)
    return found


def ends(text: str, account: Account) -> tuple[End, End]:
    asked = resolve(parse(text), account)
    assert asked is not None
    return asked.source, asked.destination


def end(text: str, account: Account) -> End:
    return ends(f"198.51.100.1 {text}", account)[1]


def ids(found: End) -> list[str]:
    return [i.network_interface_id for i in found.interfaces]


@pytest.mark.parametrize(
    "text",
    [
        WEB,
        WEB.upper(),
        "i-0abc",
        "i-abc",
        "i-ABC",
        "i-0abc1234def56789",
        "web-1",
        "web-1.corp.example",
        "WEB-1.CORP.example",
    ],
)
def test_an_instance(text: str, account: Account) -> None:
    found = end(text, account)
    assert (found.kind, found.label) == ("host", WEB)
    assert ids(found) == ["eni-0a1", "eni-0a2"]  # by device index
    assert found.instance is not None
    assert found.instance.instance_id == WEB


def test_an_instance_by_resource_dns_name(account: Account) -> None:
    assert end(f"{WEB}.eu-west-1.compute.internal", account).label == WEB


def test_leading_zeros_may_be_left_out(account: Account) -> None:
    assert end("i-db", account).label == DB
    assert end("i-0db", account).label == DB
    assert end("i-00db", account).label == DB


def test_an_exact_id_wins(account: Account) -> None:
    account.add(instance("i-1234abcd"))
    account.add(instance("i-1234abcd000000001"))
    account.add(interface("eni-0f1", "10.0.1.81", of="i-1234abcd"))
    assert end("i-1234abcd", account).label == "i-1234abcd"


def test_an_ambiguous_id_lists_its_candidates(account: Account) -> None:
    with pytest.raises(EndpointError) as caught:
        end("i-dd", account)
    assert "ambiguous" in caught.value.message
    assert caught.value.candidates == (
        "i-0dd0000000000001 (dup, running, vpc-1)",
        "i-0dd0000000000002 (dup, running, vpc-1)",
    )


def test_many_candidates_are_cut(account: Account) -> None:
    for number in range(50):
        account.add(instance(f"i-0c0ffee{number:010x}"))
    with pytest.raises(EndpointError) as caught:
        end("i-c0ffee", account)
    assert len(caught.value.candidates) == 21
    assert caught.value.candidates[-1] == "and 30 more"


@pytest.mark.parametrize("text", ["eni-0a1", "ENI-0A1", "eni-a1"])
def test_an_interface(text: str, account: Account) -> None:
    found = end(text, account)
    assert (found.kind, found.label, ids(found)) == ("host", "eni-0a1", ["eni-0a1"])
    assert found.instance is not None
    assert found.instance.instance_id == WEB


def test_an_interface_by_name(account: Account) -> None:
    found = end("[web/1]:443", account)
    assert (found.label, found.instance) == ("eni-0c1", None)


def test_internet_in_brackets_is_a_name(account: Account) -> None:
    assert end("[internet]", account).label == "eni-0c3"
    source, _ = ends("internet web-1", account)
    assert (source.kind, source.label, source.interfaces) == ("internet", "internet", ())


def test_an_instance_and_its_interface_may_share_a_name(account: Account) -> None:
    assert end("db", account).label == DB


def test_several_with_a_name_are_ambiguous(account: Account) -> None:
    with pytest.raises(EndpointError, match="'dup' is ambiguous, 2 have that name"):
        end("dup", account)


def test_what_is_terminated_gives_its_name_up(account: Account) -> None:
    assert end("again", account).label == "i-0ee0000000000001"
    with pytest.raises(EndpointError, match="i-0ff0000000000001 is terminated"):
        end("gone", account)


def test_names_are_case_sensitive(account: Account) -> None:
    with pytest.raises(EndpointError) as caught:
        end("Web-1", account)
    assert "nothing is called 'Web-1'" in caught.value.message
    assert caught.value.candidates[0] == f"similar: {WEB} (web-1, running, vpc-1)"


def test_a_private_address(account: Account) -> None:
    found = end("10.0.1.20", account)
    assert (found.kind, found.label, ids(found), found.public) == ("address", "10.0.1.20", ["eni-0b1"], False)
    assert found.instance is not None


def test_ipv6(account: Account) -> None:
    assert ids(ends("2001:db8:1::1 2001:db8::10", account)[1]) == ["eni-0a1"]
    assert ids(ends("2001:db8:1::1 [2001:0DB8:0::0010]:22", account)[1]) == ["eni-0a1"]


def test_an_ipv4_address_in_ipv6_clothes(account: Account) -> None:
    assert end("::ffff:10.0.1.20", account).label == "10.0.1.20"


def test_a_public_address(account: Account) -> None:
    found = end("203.0.113.9", account)
    assert (found.kind, ids(found), found.public) == ("address", ["eni-0a1"], True)


def test_dns_names_of_addresses(account: Account) -> None:
    private = end("ip-10-0-1-50.ec2.internal", account)
    assert (private.kind, private.label, ids(private)) == ("address", "10.0.1.50", ["eni-0c1"])
    assert end("ip-10-0-1-20.eu-west-1.compute.internal", account).label == "10.0.1.20"
    public = end("ec2-203-0-113-9.compute-1.amazonaws.com", account)
    assert (public.kind, ids(public)) == ("host", ["eni-0a1"])  # from inside it means the private address
    assert end("EC2-203-0-113-9.eu-west-1.compute.amazonaws.com", account).label == "eni-0a1"
    with pytest.raises(EndpointError, match="nothing has the name ip-10-0-9-9"):
        end("ip-10-0-9-9.ec2.internal", account)


def test_an_address_nobody_has(account: Account) -> None:
    found = end("10.0.1.200", account)
    assert (found.kind, found.label, found.interfaces) == ("address", "10.0.1.200", ())


def test_cidrs(account: Account) -> None:
    source, _ = ends("192.0.2.0/24 web-1", account)
    assert (source.kind, source.label, source.interfaces) == ("network", "192.0.2.0/24", ())
    assert ends("203.0.113.9/32 db", account)[0].kind == "address"
    asked = resolve(parse("192.0.2.7/24 web-1"), account)
    assert asked is not None
    assert asked.source.label == "192.0.2.0/24"
    assert asked.warnings == ("192.0.2.7/24 was read as 192.0.2.0/24, the block that it lies in",)


def test_an_address_of_two_vpcs_is_the_one_of_the_other_end(account: Account) -> None:
    assert ids(ends("10.0.1.10 db", account)[0]) == ["eni-0a1"]
    assert ids(ends("other 10.0.1.10", account)[1]) == ["eni-0c2"]


def test_an_address_of_two_other_vpcs_is_left_to_the_routes(account: Account) -> None:
    assert ids(ends("web-1 10.0.1.77", account)[1]) == ["eni-0c4", "eni-0c5"]


def test_an_address_of_two_vpcs_is_ambiguous_from_outside(account: Account) -> None:
    with pytest.raises(EndpointError) as caught:
        end("10.0.1.10", account)
    assert "2 VPCs use that address" in caught.value.message
    assert caught.value.candidates == (f"eni-0a1 (web-1, 10.0.1.10, vpc-1, {WEB})", "eni-0c2 (other, 10.0.1.10, vpc-2)")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("i-fff web-1", "source: no instance i-fff in"),
        ("web-1 eni-fff", "destination: no network interface eni-fff in"),
        ("nobody web-1", "source: nothing is called 'nobody'"),
        ("8.8.8.8 1.1.1.1", "both ends lie outside the account"),
        ("internet 1.1.1.1", "both ends lie outside the account"),
        ("0.0.0.0/0 1.1.1.1", "both ends lie outside the account"),
        ("192.0.2.0/24 198.51.100.0/24", "both ends lie outside the account"),
        ("1.2.3.4 2001:db8::1", "1.2.3.4 is IPv4 and 2001:db8::1 is IPv6"),
        ("127.0.0.1 web-1", "never leaves the machine"),
        ("web-1 0.0.0.0", "never leaves the machine"),
        ("web-1 224.0.0.1", "addresses many at once"),
        ("web-1 255.255.255.255", "addresses many at once"),
        ("web-1 8.8.8.8/icmpv6", "icmpv6 is IPv6 only"),
        ("nat-0123456789abcdef0 web-1", "is a NAT gateway, not yet resolved"),
        ("web-1 vpce-0123456789abcdef0", "no VPC endpoint vpce-0123456789abcdef0"),
        ("web-1 tgw-01234567", "is a transit gateway, not yet resolved"),
        ("web-1 subnet-0123456789abcdef0", "ask about its CIDR"),
        ("sg-0123456789abcdef0 web-1", "is a security group"),
        ("web-1 sg-0abc", "nothing is called 'sg-0abc' in the account"),
        ("web-1 subnet-0abc", "it looks like the id of a subnet: ask about its CIDR"),
        ("web-1 app-1.eu-west-1.elb.amazonaws.com:443", "no load balancer app-1.eu-west-1.elb.amazonaws.com"),
        ("web-1 net-1.elb.eu-west-1.amazonaws.com:443", "no load balancer net-1.elb.eu-west-1"),
        ("web-1 db.abc.eu-west-1.rds.amazonaws.com:5432", "nothing is called 'db.abc.eu-west-1.rds.amazonaws.com'"),
        ("s3.eu-west-1.amazonaws.com web-1:443", "opens no connections"),
        ("web-1 arn:aws:lambda:eu-west-1:1:function:f", "nothing is called 'arn:aws:lambda:eu-west-1:1:function:f'"),
        ("web-1 arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/app/x/1:443", "no load balancer arn:aws:"),
        ("web-1 arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/x/1:443", "is a target group, which is no"),
        ("web-1 arn:aws:elasticloadbalancing:eu-west-1:1:listener/app/x/1/2", "is a listener, which is no end"),
    ],
)
def test_ends_that_are_refused(text: str, message: str, account: Account) -> None:
    with pytest.raises(EndpointError) as caught:
        resolve(parse(text), account)
    assert message in caught.value.message
    assert caught.value.status == 2


def test_an_arn_of_an_instance(account: Account) -> None:
    assert end(f"arn:aws:ec2:eu-west-1:123456789012:instance/{WEB}", account).label == WEB


@pytest.mark.parametrize(
    ("arn", "named"),
    [
        (f"arn:aws:ec2:eu-west-1:999999999999:instance/{WEB}", "account 999999999999 in eu-west-1"),
        (f"arn:aws:ec2:us-east-1:123456789012:instance/{WEB}", "account 123456789012 in us-east-1"),
        ("arn:aws:ec2:eu-west-1:999999999999:network-interface/eni-0a1", "account 999999999999 in eu-west-1"),
        (f"arn:aws:ec2::999999999999:instance/{WEB}", "account 999999999999,"),
        ("arn:aws:ec2:us-east-1::network-interface/eni-0a1", "names us-east-1,"),
    ],
)
def test_an_arn_of_another_account_or_region_means_nothing_here(arn: str, named: str) -> None:
    account = Account()
    for resource in resources():
        account.add(resource, "123456789012", "eu-west-1")
    with pytest.raises(EndpointError) as caught:
        resolve(parse(f"{arn} 10.0.1.77"), account)
    assert caught.value.status == 2
    assert named in caught.value.message
    assert "what was read is of account 123456789012 in eu-west-1" in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    "place", ["eu-west-1:123456789012", ":", "eu-west-1:", ":123456789012", "EU-WEST-1:123456789012"]
)
def test_an_arn_of_the_account_means_its_resource_whatever_it_leaves_out(place: str) -> None:
    account = Account()
    for resource in resources():
        account.add(resource, "123456789012", "eu-west-1")
    assert end(f"arn:aws:ec2:{place}:instance/{WEB}", account).label == WEB
    assert end(f"arn:aws:ec2:{place}:network-interface/eni-0a1", account).label == "eni-0a1"


def test_an_arn_of_what_can_be_no_end_says_what_it_is(account: Account) -> None:
    with pytest.raises(EndpointError, match=r"subnet-01234567 is a subnet, .* ask about its CIDR"):
        resolve(parse("web-1 arn:aws:ec2:eu-west-1:123456789012:subnet/subnet-01234567"), account)


def test_inside_a_subnets_range_is_inside(account: Account) -> None:
    source, destination = ends("10.0.1.201 8.8.8.8", account)
    assert not source.interfaces
    assert not destination.interfaces
    assert ends("10.0.0.0/8 8.8.8.8", account)[0].kind == "network"


def test_icmp_follows_the_ip_version(account: Account) -> None:
    asked = resolve(parse("2001:db8::1 web-1/icmp"), account)
    assert asked is not None
    assert (asked.question.protocol, asked.question.icmp_type, asked.question.icmp_code) == (58, 128, 0)
    assert asked.warnings == ("2001:db8::1 is IPv6: icmp was read as icmpv6",)
    with pytest.raises(EndpointError, match="ICMPv6 numbers its types differently"):
        resolve(parse("2001:db8::1 web-1/icmp", icmp_type="3"), account)


def test_what_comes_from_outside_is_cleaned_in_candidates(account: Account) -> None:
    account.add(instance("i-0aa0000000000001", "x\x1b[31mred"))
    account.add(instance("i-0aa0000000000002", "x" * 500))
    with pytest.raises(EndpointError) as caught:
        end("i-aa", account)
    assert "\x1b" not in "".join(caught.value.candidates)
    assert all(len(line) < 200 for line in caught.value.candidates)


def test_a_broken_resource_is_an_error_when_it_is_named(account: Account) -> None:
    account.broken["Reservations"].append(
        r.Broken("Reservations", frozenset({"i-0bad000000000001", "bad"}), "x.json: Reservations[0]: no InstanceId")
    )
    for text in ("i-0bad000000000001", "i-bad", "bad"):
        with pytest.raises(InputError, match=r"x\.json: Reservations"):
            end(text, account)
    assert end("web-1", account).label == WEB


# -- a source that has to be waited for ------------------------------------------------------------------------------


class Waiting(Nothing):
    """Gives what was asked for in rounds, filters as AWS does, and remembers the calls."""

    region = "eu-west-1"

    def __init__(self, denied: frozenset[str] = frozenset()) -> None:
        self.denied = denied
        self.loaded: set[Query] = set()
        self.asked: dict[Query, None] = {}
        self.rounds: list[list[Query]] = []

    def ask(self, query: Query) -> Missing | None:
        if query in self.loaded:
            refused = query.operation in self.denied
            return Missing(f"ec2:{query.operation}", "AccessDenied") if refused else None
        self.asked[query] = None
        return Missing(f"ec2:{query.operation}", "not fetched yet", pending=True)

    def absent(self, query: Query) -> Missing:
        return Missing(f"ec2:{query.operation}", f"{query.value} not found")

    def advance(self, account: Account) -> bool:
        queries, self.asked = list(self.asked), {}
        if not queries:
            return False
        self.rounds.append(queries)
        self.loaded.update(queries)
        for resource in resources():
            for query in queries:
                if query.operation not in self.denied and _gives(query, resource):
                    account.add(resource)
        return True

    def find_region_of(self, resource_id: str) -> tuple[str, ...]:
        return ("us-east-1",) if resource_id == "i-0fe*" else ()


def _gives(query: Query, resource: object) -> bool:
    """Whether the call gives the resource."""
    of_interface: dict[str, Callable[[r.NetworkInterface], object]] = {
        "network-interface-id": lambda i: i.network_interface_id,
        "attachment.instance-id": lambda i: i.attachment and i.attachment.instance_id,
        "addresses.private-ip-address": lambda i: i.private_ip_address,
        "addresses.association.public-ip": lambda i: i.association and i.association.public_ip,
        "tag:Name": lambda i: r.name_tag(i.tag_set),
    }
    of_instance: dict[str, Callable[[r.Instance], object]] = {
        "instance-id": lambda i: i.instance_id,
        "tag:Name": lambda i: r.name_tag(i.tags),
    }
    value: object = None
    if isinstance(resource, r.NetworkInterface) and query.operation == "DescribeNetworkInterfaces":
        value = of_interface[query.filter](resource) if query.filter in of_interface else None
    elif isinstance(resource, r.Instance) and query.operation == "DescribeInstances":
        value = of_instance[query.filter](resource) if query.filter in of_instance else None
    elif isinstance(resource, r.Subnet) and query.operation == "DescribeSubnets":
        return query.filter == "" or query.value == resource.vpc_id
    text = str(value)
    return text.startswith(query.value[:-1]) if query.value.endswith("*") else text == query.value


def rounds(text: str, source: Waiting) -> Asked:
    account = Account(source)
    while (found := resolve(parse(text), account)) is None:
        assert account.advance(), "waits for what was never asked for"
    return found


def asked_in(queries: list[Query]) -> set[tuple[str, str]]:
    return {(query.operation, query.filter) for query in queries}


BUNDLE = {
    ("DescribeVpcs", "vpc-id"),
    ("DescribeSubnets", "vpc-id"),
    ("DescribeRouteTables", "vpc-id"),
    ("DescribeNetworkAcls", "vpc-id"),
    ("DescribeInternetGateways", "attachment.vpc-id"),
    ("DescribeSecurityGroups", "group-id"),
    ("DescribeSecurityGroupRules", "group-id"),
}


def test_both_ends_by_id_take_one_round_and_the_rest_is_expected() -> None:
    source = Waiting()
    found = rounds("203.0.113.5 i-abc:22", source)
    assert found.destination.label == WEB
    assert len(source.rounds) == 1
    assert asked_in(source.rounds[0]) == {
        ("DescribeInstances", "instance-id"),
        ("DescribeNetworkInterfaces", "attachment.instance-id"),
        ("DescribeNetworkInterfaces", "addresses.private-ip-address"),
        ("DescribeNetworkInterfaces", "addresses.association.public-ip"),
        ("DescribeVpcBlockPublicAccessOptions", ""),
    }
    assert asked_in(list(source.asked)) == BUNDLE
    assert {query.value for query in source.asked if query.filter == "vpc-id"} == {"vpc-1"}


def test_a_whole_id_asks_for_just_that() -> None:
    source = Waiting()
    rounds(f"10.0.1.20 {WEB}", source)
    assert {q.value for q in source.rounds[0] if q.filter == "instance-id"} == {WEB}
    assert ("DescribeNetworkInterfaces", "addresses.association.public-ip") not in asked_in(source.rounds[0])


def test_an_interface_needs_its_instance_together_with_the_bundle() -> None:
    source = Waiting()
    found = rounds("eni-0b1 eni-0a1", source)
    assert found.source.instance is not None
    assert len(source.rounds) == 2
    assert asked_in(source.rounds[0]) == {("DescribeNetworkInterfaces", "network-interface-id")}
    assert asked_in(source.rounds[1]) == BUNDLE | {("DescribeInstances", "instance-id")}


def test_names_need_their_interfaces_together_with_the_bundle() -> None:
    source = Waiting()
    found = rounds("web-1 db:5432", source)
    assert (found.source.label, found.destination.label) == (WEB, DB)
    assert len(source.rounds) == 2
    of_balancers = {("DescribeLoadBalancers", "Names"), ("DescribeClassicLoadBalancers", "LoadBalancerNames")}
    tagged = {("DescribeInstances", "tag:Name"), ("DescribeNetworkInterfaces", "tag:Name")}
    assert asked_in(source.rounds[0]) == tagged | of_balancers
    assert ("DescribeRouteTables", "vpc-id") in asked_in(source.rounds[1])
    assert all(not query.filter.startswith("tag:") for query in source.rounds[1])


def test_two_addresses_ask_for_subnets_only_where_nobody_has_them() -> None:
    source = Waiting()
    found = rounds("10.0.1.201 8.8.8.8", source)
    assert not found.source.interfaces
    assert [("DescribeSubnets", "") in asked_in(queries) for queries in source.rounds] == [False, True]
    source = Waiting()
    rounds("10.0.1.20 8.8.8.8", source)
    assert all(("DescribeSubnets", "") not in asked_in(queries) for queries in source.rounds)


def test_nothing_is_asked_twice() -> None:
    for text in ("web-1 db", "i-abc eni-0b1", "10.0.1.20 i-db", "10.0.1.201 8.8.8.8", "203.0.113.9 db"):
        source = Waiting()
        rounds(text, source)
        queries = [query for queries in source.rounds for query in queries]
        assert len(queries) == len(set(queries))


def test_the_region_that_has_it_is_named() -> None:
    with pytest.raises(EndpointError, match="no instance i-fe in eu-west-1, but in us-east-1: use --region us-east-1"):
        rounds("8.8.8.8 i-fe", Waiting())
    with pytest.raises(EndpointError, match="in eu-west-1 \\(--region or --profile look elsewhere\\)"):
        rounds("8.8.8.8 i-fd", Waiting())


@pytest.mark.parametrize(
    ("denied", "text"),
    [
        ({"DescribeNetworkInterfaces"}, "8.8.8.8 i-abc"),
        ({"DescribeNetworkInterfaces"}, "db i-abc"),
        ({"DescribeNetworkInterfaces"}, "8.8.8.8 eni-0a1"),
        ({"DescribeNetworkInterfaces"}, "8.8.8.8 10.0.1.10"),
        ({"DescribeInstances", "DescribeNetworkInterfaces"}, "web-1 8.8.8.8"),
        ({"DescribeInstances"}, "web-1 8.8.8.8"),
    ],
)
def test_what_may_not_be_read_is_undetermined(denied: set[str], text: str) -> None:
    with pytest.raises(UndeterminedError) as caught:
        rounds(text, Waiting(frozenset(denied)))
    assert caught.value.status == 3
    assert "AccessDenied" in caught.value.message
    assert any(operation in caught.value.message for operation in denied)


def test_an_instance_shows_in_its_interfaces() -> None:
    found = rounds("8.8.8.8 i-abc", Waiting(frozenset({"DescribeInstances"})))
    assert found.destination.label == WEB
    assert found.destination.instance is None


def test_errors_are_one_line(account: Account) -> None:
    for text in ("x\u202ey web-1", f"{'n' * 5000} web-1"):
        with pytest.raises(WhyblockedError) as caught:
            resolve(parse(text), account)
        assert len(caught.value.message) < 500
        assert "\u202e" not in caught.value.message
