"""Fixes that are routes, gateways, public addresses and switches: to what exists, and to nothing that does not."""

from __future__ import annotations

import pytest

from tests.builders import ANYWHERE, ANYWHERE_V6, OUT, Network, To, every, gone, tcp
from whyblocked.diagnosis.answer import Answer

CLIENT = "203.0.113.5"


def told(answer: Answer) -> list[str]:
    """The commands of the first fix without ``aws ec2`` and the Region."""
    assert answer.fixes, answer.no_fix
    return [
        command.removeprefix("aws ec2 ").removesuffix(" --region eu-west-1") for command in answer.fixes[0].commands
    ]


def two_subnets(routes: dict[str, str | To] | None = None, public: str | None = None) -> Network:
    """``app`` in a subnet with these routes, beside a public subnet with a NAT gateway."""
    net = Network(ipv6="2001:db8:1::/56")
    net.internet_gateway()
    net.subnet("public", "10.0.1.0/24", ipv6="2001:db8:1:1::/64", routes={ANYWHERE: "igw-1"})
    net.nat_gateway("nat-1", "10.0.1.7", "198.51.100.7")
    net.subnet("private", "10.0.2.0/24", ipv6="2001:db8:1:2::/64", routes=routes or {})
    net.group("sg-app", [every("-1", ANYWHERE), every("-1", ANYWHERE_V6)], [*OUT, every("-1", ANYWHERE_V6)])
    net.instance("app", "10.0.2.10", groups=["sg-app"], public=public, ipv6="2001:db8:1:2::10")
    return net


# -- routes out --------------------------------------------------------------------------------------------------------


def test_a_host_without_a_public_address_goes_out_by_the_nat_gateway() -> None:
    answer = two_subnets().fix("app -> internet:443")
    assert told(answer) == [
        "create-route --route-table-id rtb-private --destination-cidr-block 0.0.0.0/0 --nat-gateway-id nat-1"
    ]


def test_a_host_with_a_public_address_goes_out_by_the_internet_gateway() -> None:
    answer = two_subnets(public="198.51.100.10").fix("app -> internet:443")
    assert told(answer) == [
        "create-route --route-table-id rtb-private --destination-cidr-block 0.0.0.0/0 --gateway-id igw-1"
    ]


def test_a_default_route_to_the_internet_gateway_says_which_subnets_become_public_and_who_is_there() -> None:
    net = two_subnets(public="198.51.100.10")
    net.subnet("quiet", "10.0.4.0/24", table="rtb-private")
    net.instance("other", "10.0.2.20", groups=["sg-app"])
    net.instance("third", "10.0.4.20", groups=["sg-app"])
    fix, other = net.fix("app -> internet:443").fixes
    assert fix.warnings[0] == (
        "THIS MAKES 2 SUBNETS PUBLIC: private and quiet. All that is there takes the route to 0.0.0.0/0 (3 interfaces, "
        "1 now with a public address): what has one, or gets one, reaches the internet and is reached from it, as far "
        "as network ACLs and security groups allow it."
    )
    assert not any("as narrow as the question" in warning for warning in fix.warnings)
    assert "nat-1" in other.commands[0]
    assert not any("PUBLIC" in warning for warning in other.warnings)


def test_a_route_to_one_client_makes_no_subnet_public() -> None:
    (fix,) = two_subnets(public="198.51.100.10").fix(f"app -> {CLIENT}:443").fixes[:1]
    assert not any("PUBLIC" in warning for warning in fix.warnings)
    assert any("as narrow as the question" in warning for warning in fix.warnings)


def test_the_table_of_a_public_subnet_makes_another_one_public() -> None:
    net = two_subnets()
    net.subnet("forgotten", "10.0.3.0/24")
    net.instance("late", "10.0.3.10", groups=["sg-app"], public="198.51.100.30")
    fixes = net.fix("late -> internet:443").fixes
    (fix,) = [one for one in fixes if "associate-route-table" in one.commands[0]]
    assert fix.warnings[0].startswith("THIS MAKES A SUBNET PUBLIC: forgotten.")
    assert "(1 interface, 1 now with a public address)" in fix.warnings[0]


def test_a_route_leads_to_no_more_than_was_asked_about() -> None:
    answer = two_subnets().fix(f"app -> {CLIENT}:443")
    assert told(answer) == [
        f"create-route --route-table-id rtb-private --destination-cidr-block {CLIENT}/32 --nat-gateway-id nat-1"
    ]


def test_what_else_uses_the_route_is_told() -> None:
    net = two_subnets()
    net.instance("other", "10.0.2.20", groups=["sg-app"])
    (fix,) = net.fix(f"app -> {CLIENT}:443").fixes
    assert fix.also_allows is not None
    assert "private" in fix.also_allows


def test_a_blackhole_is_given_a_target_that_works() -> None:
    answer = two_subnets({ANYWHERE: gone("nat-0")}).fix("app -> internet:443")
    assert told(answer) == [
        "replace-route --route-table-id rtb-private --destination-cidr-block 0.0.0.0/0 --nat-gateway-id nat-1"
    ]


def test_ipv6_goes_out_by_the_egress_only_gateway() -> None:
    net = two_subnets()
    net.egress_only_gateway()
    answer = net.fix("2001:db8:1:2::10 -> [2001:db8:ffff::5]:443")
    assert told(answer) == [
        (
            "create-route --route-table-id rtb-private --destination-ipv6-cidr-block 2001:db8:ffff::5/128 "
            "--egress-only-internet-gateway-id eigw-1"
        )
    ]


def test_ipv6_that_comes_in_is_answered_by_the_internet_gateway_and_not_by_the_one_that_lets_nothing_in() -> None:
    net = two_subnets({ANYWHERE_V6: "eigw-1"})
    net.egress_only_gateway()
    (command,) = told(net.fix("2001:db8:ffff::5 -> [2001:db8:1:2::10]:443"))
    assert command == (
        "create-route --route-table-id rtb-private --destination-ipv6-cidr-block 2001:db8:ffff::5/128 "
        "--gateway-id igw-1"
    )


def test_a_subnet_that_nobody_gave_a_table_gets_one_that_others_use() -> None:
    net = two_subnets()
    net.subnet("forgotten", "10.0.3.0/24")
    net.instance("late", "10.0.3.10", groups=["sg-app"], public="198.51.100.30")
    answer = net.fix("late -> internet:443")
    commands = [fix.commands[0] for fix in answer.fixes]
    assert any("associate-route-table --route-table-id rtb-public --subnet-id forgotten" in one for one in commands)


def test_where_nothing_leads_there_none_is_invented() -> None:
    net = Network()
    net.subnet("private", "10.0.2.0/24")
    net.instance("app", "10.0.2.10")
    answer = net.fix("app -> 10.9.0.1:443")
    assert answer.fixes == []
    assert answer.no_fix is not None
    assert "10.9.0.1" in answer.no_fix


# -- gateways, addresses -----------------------------------------------------------------------------------------------


def test_a_vpc_without_an_internet_gateway_is_given_one_with_a_warning() -> None:
    net = Network()
    net.subnet("public", "10.0.1.0/24", routes={ANYWHERE: gone("igw-0")})
    net.instance("web", "10.0.1.10", public="198.51.100.10")
    (fix,) = net.fix(f"{CLIENT} -> web:443").fixes
    assert fix.commands[0].startswith("igw=$(aws ec2 create-internet-gateway ")
    assert "attach-internet-gateway" in fix.commands[1]
    assert '--internet-gateway-id "$igw"' in fix.commands[1]
    assert any("often meant to be private" in warning for warning in fix.warnings)


def test_a_gateway_that_is_attached_to_nothing_is_attached() -> None:
    net = Network()
    net.internet_gateway("igw-spare", vpc=None)
    net.subnet("public", "10.0.1.0/24", routes={ANYWHERE: gone("igw-spare")})
    net.instance("web", "10.0.1.10", public="198.51.100.10")
    commands = told(net.fix("web -> internet:443"))
    assert commands[0] == "attach-internet-gateway --internet-gateway-id igw-spare --vpc-id vpc-1"


def test_who_asks_from_outside_needs_an_address_at_the_host() -> None:
    net = two_subnets({ANYWHERE: "igw-1"})
    (fix,) = net.fix(f"{CLIENT} -> app:443").fixes
    assert "associate-address --network-interface-id eni-app" in fix.commands[0]
    assert '--allocation-id "$(aws ec2 allocate-address' in fix.commands[0]
    assert fix.warnings[0].startswith("THIS GIVES eni-app in private A PUBLIC ADDRESS")
    assert "costs money" in fix.warnings[1]
    assert any("its groups let in " in words for words in (fix.also_allows or "", *fix.warnings))


def test_a_stopped_instance_is_started() -> None:
    net = two_subnets({ANYWHERE: "igw-1"})
    idle = net.instance("idle", "10.0.2.40", groups=["sg-app"], public="198.51.100.40", state="stopped")
    assert told(net.fix(f"{CLIENT} -> idle:443")) == [f"start-instances --instance-ids {idle}"]


def test_what_is_terminated_comes_back_by_no_change() -> None:
    net = two_subnets({ANYWHERE: "igw-1"})
    net.instance("idle", "10.0.2.40", groups=["sg-app"], public="198.51.100.40", state="stopping")
    answer = net.fix(f"{CLIENT} -> idle:443")
    assert answer.fixes == []
    assert "Only a stopped instance can be started" in (answer.no_fix or "")


# -- peering -----------------------------------------------------------------------------------------------------------


def peered(status: str = "active", *, there: bool = True, back: bool = True) -> Network:
    """``app`` in vpc-1 and ``db`` in vpc-2, peered, with a route each way where one is wanted."""
    net = Network()
    net.vpc("vpc-2", "10.1.0.0/16")
    net.peering("pcx-1", "vpc-1", "vpc-2", status=status)
    net.subnet("one", "10.0.1.0/24", routes={"10.1.0.0/16": "pcx-1"} if there else {})
    net.subnet("two", "10.1.1.0/24", vpc="vpc-2", routes={"10.0.0.0/16": "pcx-1"} if back else {})
    net.instance("app", "10.0.1.10")
    net.group("sg-db", [tcp(5432, "10.0.0.0/16")], vpc="vpc-2")
    net.instance("db", "10.1.1.10", groups=["sg-db"])
    return net


def test_a_peering_that_waits_is_accepted() -> None:
    assert told(peered("pending-acceptance").fix("app -> db:5432")) == [
        "accept-vpc-peering-connection --vpc-peering-connection-id pcx-1"
    ]


@pytest.mark.parametrize(
    ("there", "back", "commands"),
    [
        (False, True, ["create-route --route-table-id rtb-one --destination-cidr-block {} --{}"]),
        (True, False, ["create-route --route-table-id rtb-two --destination-cidr-block {} --{}"]),
        (
            False,
            False,
            [
                "create-route --route-table-id rtb-one --destination-cidr-block {} --{}",
                "create-route --route-table-id rtb-two --destination-cidr-block {} --{}",
            ],
        ),
    ],
)
def test_each_side_of_a_peering_needs_its_route(there: bool, back: bool, commands: list[str]) -> None:
    found = told(peered(there=there, back=back).fix("app -> db:5432"))
    assert len(found) == len(commands)
    for one, shape in zip(found, commands, strict=True):
        block = "10.1.1.0/24" if "rtb-one" in shape else "10.0.1.0/24"
        near = block.replace("0/24", "10/32")
        via = "vpc-peering-connection-id pcx-1"
        assert one in {shape.format(size, via) for size in (block, near, block.replace("1.0/24", "0.0/16"))}


# -- what the account forbids ------------------------------------------------------------------------------------------


def test_block_public_access_gets_an_exclusion_no_wider_than_needed_and_a_warning() -> None:
    net = two_subnets({ANYWHERE: "nat-1"})
    net.block_public_access("block-bidirectional")
    (fix,) = net.fix("app -> internet:443").fixes
    assert "create-vpc-block-public-access-exclusion --subnet-id public" in fix.commands[0]
    assert "allow-egress" in fix.commands[0]
    assert any("somebody's decision" in warning for warning in fix.warnings)


def test_what_is_asked_from_outside_needs_the_exclusion_in_both_directions() -> None:
    net = two_subnets({ANYWHERE: "igw-1"}, public="198.51.100.10")
    net.block_public_access("block-bidirectional")
    (command,) = told(net.fix(f"{CLIENT} -> app:443"))
    assert "--subnet-id private" in command
    assert "allow-bidirectional" in command


def test_an_exclusion_that_is_there_already_is_widened() -> None:
    net = two_subnets(public="198.51.100.10", routes={ANYWHERE: "igw-1"})
    net.block_public_access("block-bidirectional", {"private": "allow-egress"})
    (command,) = told(net.fix(f"{CLIENT} -> app:443"))
    assert command.startswith("modify-vpc-block-public-access-exclusion --exclusion-id ")
    assert command.endswith("--internet-gateway-exclusion-mode allow-bidirectional")


def test_a_route_that_works_is_not_taken_from_the_hosts_that_use_it() -> None:
    net = two_subnets({ANYWHERE: "nat-1"}, public="198.51.100.10")
    answer = net.fix("internet -> app:443")
    assert answer.fixes == []
    assert answer.no_fix is not None
    assert "a decision for people" in answer.no_fix
