"""Who sends in a block of addresses: not what only passes traffic on or answers, nor anything to itself.

https://docs.aws.amazon.com/vpc/latest/userguide/vpc-nat-gateway.html
https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-access-aws-services.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/how-elastic-load-balancing-works.html
"""

from __future__ import annotations

import pytest

from tests.builders import Network, codes, tcp
from tests.semantics.scenes import two_subnets
from tests.semantics.test_load_balancers import Shop, shop
from whyblocked.diagnosis.answer import Answer
from whyblocked.network.packets import network_words, verb

BLOCK = "10.0.0.0/16"


def left_out(answer: Answer) -> str:
    found = [warning for warning in answer.warnings if warning.startswith("Left out of ")]
    assert len(found) < 2
    return "".join(found)


def server() -> Network:
    """``app`` (10.0.1.10), and ``db`` (10.0.2.20), which takes 5432 from the whole VPC."""
    net = Network()
    net.subnet("subnet-app", "10.0.1.0/24")
    net.subnet("subnet-db", "10.0.2.0/24")
    net.group("sg-db", [tcp(5432, BLOCK)])
    net.instance("app", "10.0.1.10")
    net.instance("db", "10.0.2.20", groups=["sg-db"])
    return net


# -- an interface to itself ------------------------------------------------------------------------------------------


def test_a_block_that_holds_the_destination_is_blocked_where_everybody_else_is() -> None:
    answer = two_subnets(ingress=[]).ask(f"{BLOCK} -> server:22")
    assert (answer.verdict, set(codes(answer))) == ("blocked", {"SG_HAS_NO_RULES"})
    assert not any("same interface" in warning for warning in answer.warnings)


def test_a_block_that_holds_the_destination_is_allowed_where_everybody_else_is() -> None:
    assert two_subnets(ingress=[tcp(22, BLOCK)]).ask(f"{BLOCK} -> server:22").verdict == "allowed"


def test_every_host_of_a_block_to_every_other() -> None:
    """Between blocks, too: the group of each refuses the other, and neither is asked about itself."""
    net = two_subnets(ingress=[])
    net.instance("other", "10.0.2.21", groups=["sg-server"])
    answer = net.ask("10.0.2.20/31 -> 10.0.2.20/31:22")
    assert (answer.verdict, set(codes(answer))) == ("blocked", {"SG_HAS_NO_RULES"})


def test_an_interface_asked_about_itself_is_told_that_no_rule_is_met() -> None:
    answer = two_subnets(ingress=[]).ask("server -> 10.0.2.20:22")
    assert answer.verdict == "allowed"
    assert any("same interface" in warning for warning in answer.warnings)


# -- what never opens a connection -----------------------------------------------------------------------------------


def test_a_nat_gateways_own_address_sends_nothing_of_its_own() -> None:
    """Its interface has no group that could refuse anything, so it would pass where everyone is refused."""
    net = server()
    net.subnet("subnet-public", "10.0.3.0/24")
    net.nat_gateway("nat-1", "10.0.3.99", "198.51.100.99")
    net.group("sg-shut", [], [])
    for row in net.responses["NetworkInterfaces"]:
        if row["NetworkInterfaceId"] == "eni-app":
            row["Groups"] = [{"GroupId": "sg-shut", "GroupName": "shut"}]
    answer = net.ask("10.0.3.99/31 -> db:5432")
    assert answer.verdict == "allowed"  # 10.0.3.98, where a host could be
    assert "10.0.3.99 (NAT gateway nat-1)" in left_out(answer)


def test_an_endpoints_interface_does_not_make_a_block_partial() -> None:
    net = server()
    net.endpoint("vpce-1", "com.amazonaws.eu-west-1.sqs", at={"subnet-app": "10.0.1.50"})
    answer = net.ask(f"{BLOCK} -> db:5432")
    assert (answer.verdict, codes(answer)) == ("allowed", [])
    assert "10.0.1.50 (VPC endpoint vpce-1)" in left_out(answer)


@pytest.mark.parametrize(
    ("kind", "description", "said"),
    [
        (
            "transit_gateway",
            "Network Interface for Transit Gateway Attachment tgw-attach-1",
            "transit gateway tgw-attach-1",
        ),
        ("gateway_load_balancer_endpoint", "VPC Endpoint Interface vpce-9", "VPC endpoint vpce-9"),
        ("gateway_load_balancer_endpoint", "", "Gateway Load Balancer endpoint"),
    ],
)
def test_what_passes_traffic_on_opens_no_connections(kind: str, description: str, said: str) -> None:
    net = server()
    net.group("sg-shut", [], [])
    net.interface("eni-x", "10.0.1.60", kind=kind, description=description, requester="amazon-aws", groups=["sg-shut"])
    answer = net.ask(f"{BLOCK} -> db:5432")
    assert answer.verdict == "allowed"
    assert f"10.0.1.60 ({said})" in left_out(answer)


def test_stopped_instances_and_loose_interfaces_send_nothing() -> None:
    net = server()
    net.instance("asleep", "10.0.1.70", state="stopped", instance_id="i-0a1")
    net.interface("eni-loose", "10.0.1.71")
    answer = net.ask(f"{BLOCK} -> db:5432")
    assert (answer.verdict, codes(answer)) == ("allowed", [])
    assert "10.0.1.70 (i-0a1, stopped)" in left_out(answer)
    assert "10.0.1.71 (eni-loose, not attached)" in left_out(answer)


def test_addresses_that_no_subnet_has_are_nobodys() -> None:
    answer = server().ask(f"{BLOCK} -> db:5432")
    assert (answer.verdict, codes(answer)) == ("allowed", [])
    assert any("in none of its subnets: nobody is there" in warning for warning in answer.warnings)


@pytest.mark.parametrize(("where", "verb_"), [("10.0.0.0/8", "is"), ("10.0.0.0/8, 11.0.0.0/8", "are")])
def test_several_blocks_take_a_verb_in_the_plural(where: str, verb_: str) -> None:
    assert verb(where, "is", "are") == verb_
    many = network_words(4, [(number, number) for number in range(0, 40, 2)])
    assert many.endswith("more blocks")
    assert verb(many, "is", "are") == "are"


def test_a_block_that_no_subnet_has_is_the_question() -> None:
    answer = server().ask("10.0.77.0/24 -> db:5432")
    assert (answer.verdict, codes(answer)) == ("blocked", ["NO_POSSIBLE_DESTINATION"])


def test_a_block_of_nothing_else_is_the_question() -> None:
    net = server()
    net.instance("asleep", "10.0.1.70", state="stopped", instance_id="i-0a1")
    net.instance("dozing", "10.0.1.71", state="stopped", instance_id="i-0a2")
    answer = net.ask("10.0.1.70/31 -> db:5432")
    assert (answer.verdict, codes(answer)) == ("blocked", ["BAD_STATE", "BAD_STATE"])
    assert not left_out(answer)


def test_a_named_source_is_always_the_question() -> None:
    net = server()
    net.endpoint("vpce-1", "com.amazonaws.eu-west-1.sqs", at={"subnet-app": "10.0.1.50"})
    assert codes(net.ask("10.0.1.50 -> db:5432")) == ["VPCE_INTRA_VPC_TRAFFIC"]


# -- the nodes of load balancers -------------------------------------------------------------------------------------


def refusing() -> Shop:
    """The load balancer's targets take nobody, so every client is refused."""
    return shop(ingress={"web-1": [tcp(443, "sg-shop")], "web-2": [tcp(443, "sg-shop")]})


def test_a_block_that_holds_the_load_balancers_nodes_is_blocked_where_every_client_is() -> None:
    answer = refusing().ask(f"{BLOCK} -> shop:80")
    assert (answer.verdict, set(codes(answer))) == ("blocked", {"ENI_SG_RULES_MISMATCH"})
    assert "10.0.1.50 (Application Load Balancer shop" in left_out(answer)
    assert "10.0.2.50 (Application Load Balancer shop" in left_out(answer)


def test_a_block_that_holds_the_load_balancers_nodes_is_allowed_where_every_client_is() -> None:
    assert shop().ask(f"{BLOCK} -> shop:80").verdict == "allowed"


def test_nodes_connect_to_their_targets() -> None:
    """Nobody but the load balancer is let in, by its group: part of the block passes."""
    answer = shop().ask("10.0.1.0/24 -> web-1:8080")
    assert (answer.verdict, codes(answer)) == ("partial", ["ENI_SG_RULES_MISMATCH"])
    assert "10.0.1.50/32" not in answer.blocked_by[0].packets.source.split(",")
    assert not left_out(answer)


def test_nodes_connect_to_nothing_but_targets() -> None:
    """The load balancer's group lets nothing out to the database, and nobody expects it to."""
    made = shop()
    made.net.group("sg-lb", [tcp(80, BLOCK)], [tcp(8080, "sg-web-1")])
    for row in made.net.responses["NetworkInterfaces"]:
        if row["Description"].startswith("ELB "):
            row["Groups"] = [{"GroupId": "sg-lb", "GroupName": "lb"}]
    made.net.group("sg-db", [tcp(5432, BLOCK)])
    made.net.instance("db", "10.0.4.20", groups=["sg-db"])
    answer = made.ask(f"{BLOCK} -> db:5432")
    assert (answer.verdict, codes(answer)) == ("allowed", [])
    assert "10.0.1.50 (Application Load Balancer shop" in left_out(answer)


def test_nodes_send_nothing_to_the_internet() -> None:
    net = shop().net
    answer = net.ask("10.0.1.0/24 -> 203.0.113.9:443")
    assert "10.0.1.50 (Application Load Balancer shop" in left_out(answer)
