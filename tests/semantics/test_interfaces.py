"""Interfaces and instances, and the traffic that no rule ever filters.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-eni.html
https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html
"""

from __future__ import annotations

import pytest

from tests.builders import ANYWHERE, CLOSED, Network, blockers, codes, tcp
from tests.semantics.scenes import public_server, two_subnets, two_vpcs


@pytest.mark.parametrize("state", ["pending", "stopping", "stopped", "shutting-down", "terminated"])
def test_an_instance_that_does_not_run_does_not_answer(state: str) -> None:
    net = two_subnets(state=state)
    instance = net.responses["Reservations"][-1]["Instances"][0]["InstanceId"]
    answer = net.ask("10.0.1.10 -> 10.0.2.20:443")
    assert (answer.verdict, blockers(answer)) == ("blocked", [f"forward instance {instance}"])
    assert codes(answer) == ["BAD_STATE"]


def test_an_instance_that_does_not_run_does_not_ask() -> None:
    answer = two_subnets(state="stopped").ask("server -> client:443")
    assert (answer.blocked_by[0].layer, answer.blocked_by[0].leg) == ("instance", "forward")


def test_a_running_instance_answers() -> None:
    assert two_subnets(state="running").ask("client -> server:443").verdict == "allowed"


def test_an_interface_that_is_attached_to_nothing_does_not_answer() -> None:
    net = two_subnets()
    net.interface("eni-spare", "10.0.2.30")
    answer = net.ask("client -> 10.0.2.30:443")
    assert (answer.verdict, blockers(answer)) == ("blocked", ["forward interface eni-spare"])
    assert codes(answer) == ["BAD_STATE_ATTACHMENT"]


def test_an_interface_that_is_just_being_detached_does_not_answer() -> None:
    net = two_subnets()
    net.responses["NetworkInterfaces"][-1]["Attachment"]["Status"] = "detaching"
    assert codes(net.ask("client -> server:443")) == ["BAD_STATE_ATTACHMENT"]


def test_an_interface_of_a_service_has_no_instance_and_answers() -> None:
    net = two_subnets()
    net.interface("eni-service", "10.0.2.40", requester="amazon-rds", description="RDSNetworkInterface")
    assert net.ask("client -> 10.0.2.40:5432").verdict == "allowed"


# -- addresses ------------------------------------------------------------------------------------------------------


def test_a_secondary_address_belongs_to_its_interface() -> None:
    net = two_subnets(ingress=[tcp(443, ANYWHERE)], secondary={"10.0.2.21": None})
    assert net.ask("client -> 10.0.2.21:443").verdict == "allowed"
    assert blockers(net.ask("client -> 10.0.2.21:22")) == ["forward security-group ingress sg-server"]


def test_the_interface_that_owns_the_address_decides() -> None:
    net = two_subnets(ingress=[tcp(443, ANYWHERE)])
    net.group("sg-admin", [tcp(22, ANYWHERE)])
    instance = net.responses["Reservations"][-1]["Instances"][0]["InstanceId"]
    net.interface("eni-admin", "10.0.2.99", groups=["sg-admin"], instance=instance, device=1)
    assert net.ask("client -> 10.0.2.20:443").verdict == "allowed"
    assert net.ask("client -> 10.0.2.99:22").verdict == "allowed"
    assert blockers(net.ask("client -> 10.0.2.99:443")) == ["forward security-group ingress sg-admin"]
    assert blockers(net.ask("client -> 10.0.2.20:22")) == ["forward security-group ingress sg-server"]


def test_every_interface_of_a_named_instance_is_asked() -> None:
    net = two_subnets(ingress=[tcp(443, ANYWHERE)])
    net.group("sg-admin", [tcp(22, ANYWHERE)])
    instance = net.responses["Reservations"][-1]["Instances"][0]["InstanceId"]
    net.interface("eni-admin", "10.0.2.99", groups=["sg-admin"], instance=instance, device=1)
    answer = net.ask("client -> server:443")
    assert (answer.verdict, blockers(answer)) == ("partial", ["forward security-group ingress sg-admin"])
    assert answer.blocked_by[0].interface_id == "eni-admin"


def test_delegated_prefixes_belong_to_their_interface() -> None:
    net = two_subnets()
    net.group("sg-pods", [tcp(8080, "10.0.1.0/24")])
    instance = net.responses["Reservations"][-1]["Instances"][0]["InstanceId"]
    net.interface("eni-pods", "10.0.2.50", groups=["sg-pods"], prefixes=["10.0.2.64/28"], instance=instance, device=1)
    assert net.ask("client -> 10.0.2.70:8080").verdict == "allowed"
    assert blockers(net.ask("client -> 10.0.2.70:22")) == ["forward security-group ingress sg-pods"]


def test_an_address_that_nobody_owns_is_a_host_without_groups_and_said_so() -> None:
    answer = two_subnets().ask("client -> 10.0.2.200:443")
    assert answer.verdict == "allowed"
    assert any("10.0.2.200" in warning and "No interface owns" in warning for warning in answer.warnings)


def test_from_outside_a_host_is_addressed_by_its_public_address_from_inside_by_its_private_one() -> None:
    net = public_server()
    net.instance("neighbour", "10.0.1.20")
    outside = net.ask("203.0.113.5 -> web:443")
    assert outside.forward[0].packet.destination == "198.51.100.10/32"
    inside = net.ask("neighbour -> web:443")
    assert inside.forward[0].packet.destination == "10.0.1.10/32"


# -- forwarding -----------------------------------------------------------------------------------------------------


def with_nat_instance(*, check: bool) -> Network:
    net = Network()
    net.internet_gateway()
    net.subnet("subnet-public", "10.0.1.0/24", routes={"0.0.0.0/0": "igw-1"})
    net.subnet("subnet-private", "10.0.2.0/24", routes={"0.0.0.0/0": "eni-nat"})
    net.instance("nat", "10.0.1.5", public="198.51.100.5", source_dest_check=check)
    net.instance("worker", "10.0.2.10")
    return net


def test_an_interface_with_its_source_destination_check_on_forwards_nothing() -> None:
    answer = with_nat_instance(check=True).ask("worker -> 192.0.2.80:443")
    assert (answer.verdict, blockers(answer)) == ("blocked", ["forward interface eni-nat"])
    assert codes(answer) == ["ENI_SOURCE_DEST_CHECK_RESTRICTION"]


def test_what_an_appliance_does_is_not_known() -> None:
    answer = with_nat_instance(check=False).ask("worker -> 192.0.2.80:443")
    assert (answer.verdict, blockers(answer)) == ("undetermined", [])
    assert any("appliance" in missing for missing in answer.missing)


def test_the_check_does_not_matter_at_either_end() -> None:
    assert with_nat_instance(check=True).ask("worker -> nat:443").verdict == "allowed"


# -- never filtered -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("destination", "service"),
    [
        ("169.254.169.254:80", "metadata"),
        ("[fd00:ec2::254]:80", "metadata"),
        ("169.254.169.253:53/udp", "DNS"),
        ("10.0.0.2:53/udp", "DNS"),
        ("169.254.169.123:123/udp", "Time Sync"),
        ("169.254.170.2:80", "ECS"),
        ("169.254.169.250:1688", "Windows"),
        ("10.0.1.1/icmp", "router"),
    ],
)
def test_what_aws_itself_answers_is_never_filtered(destination: str, service: str) -> None:
    net = Network(ipv6="2001:db8:1::/56")
    net.subnet("subnet-1", "10.0.1.0/24", ipv6="2001:db8:1:1::/64", acl=(CLOSED, CLOSED), routes={})
    net.group("sg-none", [], [])
    net.instance("worker", "10.0.1.10", ipv6="2001:db8:1:1::10", groups=["sg-none"])
    answer = net.ask(f"worker -> {destination}")
    assert (answer.verdict, blockers(answer)) == ("allowed", [])
    assert any(service in warning for warning in answer.warnings)


def test_a_dns_server_of_ones_own_is_filtered_like_any_host() -> None:
    net = two_subnets(ingress=[])
    assert blockers(net.ask("client -> server:53/udp")) == ["forward security-group ingress sg-server"]


# https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("10.0.2.0", "the network's own address"),
        ("10.0.2.2", "kept for DNS"),
        ("10.0.2.3", "kept for future use"),
        ("10.0.2.255", "the broadcast address"),
        ("[2001:db8:1:2::3]", "kept for future use"),
    ],
)
def test_nobody_can_have_an_address_that_aws_keeps(address: str, kept: str) -> None:
    answer = two_subnets().ask(f"client -> {address}:443")
    (found,) = answer.blocked_by
    assert (answer.verdict, found.layer, found.code) == ("blocked", "interface", "NO_POSSIBLE_DESTINATION")
    assert kept in found.summary
    assert not any("taken as a host" in warning for warning in answer.warnings)


def test_the_amazon_dns_server_answers_hosts_of_its_own_vpc_only() -> None:
    # https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-basics.html
    net = two_vpcs()
    net.subnet("subnet-dns", "10.9.0.0/24", vpc="vpc-2", routes={"10.0.0.0/16": "pcx-1"})
    answer = net.ask("app -> 10.9.0.2:53/udp")
    assert (answer.verdict, [found.code for found in answer.blocked_by]) == ("blocked", ["NO_POSSIBLE_DESTINATION"])
    assert "the Amazon DNS server" in answer.summary
    assert "its own VPC only" in answer.summary


def test_of_a_block_nobody_means_the_addresses_that_aws_keeps() -> None:
    assert two_subnets().ask("client -> 10.0.2.0/24:443").verdict == "allowed"
