"""VPC peering connections: two VPCs, routes on both sides, nothing behind them.

https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-basics.html
https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-routing.html
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders import Network, Reference, blockers, codes, tcp
from tests.semantics.scenes import two_vpcs
from whyblocked.api import Session, snapshot
from whyblocked.diagnosis.answer import Answer
from whyblocked.question.grammar import parse

V6 = "2001:db8:1:1::10 -> [2001:db8:9:1::20]:5432"


@pytest.mark.parametrize("question", ["app -> db:5432", V6, "app -> db/icmp", "db -> app:443"])
def test_an_active_connection_with_routes_on_both_sides_carries_both_ways(question: str) -> None:
    net = two_vpcs()
    if question.startswith("db"):
        net.responses["SecurityGroups"][0]["IpPermissions"] = [tcp(443, "10.9.0.0/16")]
    answer = net.ask(question)
    assert (answer.verdict, blockers(answer)) == ("allowed", [])
    assert "vpc-peering" in [hop.kind for hop in answer.forward]
    assert "vpc-peering" in [hop.kind for hop in answer.return_]


@pytest.mark.parametrize("question", ["app -> db:5432", V6])
def test_without_a_route_on_the_near_side_the_request_is_dropped(question: str) -> None:
    answer = two_vpcs(near={}).ask(question)
    assert (answer.verdict, blockers(answer)) == ("blocked", ["forward route-table rtb-app"])


@pytest.mark.parametrize("question", ["app -> db:5432", V6])
def test_without_a_route_on_the_far_side_the_reply_is_dropped(question: str) -> None:
    answer = two_vpcs(far={}).ask(question)
    assert (answer.verdict, blockers(answer)) == ("blocked", ["return route-table rtb-db"])
    assert codes(answer) == ["NO_ROUTE_TO_DESTINATION"]


def test_what_is_behind_the_other_vpc_does_not_come_in() -> None:
    answer = two_vpcs(far={"10.0.0.0/16": "pcx-1", "192.168.0.0/16": "pcx-1"}).ask("192.168.7.7 -> db:5432")
    assert (answer.verdict, blockers(answer)[0]) == ("blocked", "forward vpc-peering pcx-1")
    assert codes(answer)[0] == "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR"


def test_a_side_may_route_a_part_of_the_other_only() -> None:
    net = two_vpcs(far={"10.0.1.0/24": "pcx-1"})
    net.subnet("subnet-batch", "10.0.2.0/24", routes={"10.9.0.0/16": "pcx-1"})
    net.instance("batch", "10.0.2.10")
    assert net.ask("app -> db:5432").verdict == "allowed"
    assert blockers(net.ask("batch -> db:5432")) == ["return route-table rtb-db"]


@pytest.mark.parametrize(
    "status", ["pending-acceptance", "provisioning", "rejected", "expired", "failed", "deleting", "deleted"]
)
def test_a_connection_that_is_not_active_carries_nothing(status: str) -> None:
    answer = two_vpcs(status=status).ask("app -> db:5432")
    assert answer.verdict == "blocked"
    assert ("vpc-peering", ["pcx-1"]) in [(finding.layer, finding.resource_ids) for finding in answer.blocked_by]


def test_the_far_sides_rules_decide_as_well() -> None:
    answer = two_vpcs(ingress=[tcp(5432, "10.0.2.0/24")]).ask("app -> db:5432")
    assert blockers(answer) == ["forward security-group ingress sg-db"]


def test_a_third_vpc_is_not_reached_through_a_peer() -> None:
    net = two_vpcs(near={"10.9.0.0/16": "pcx-1", "10.7.0.0/16": "pcx-1"})
    net.vpc("vpc-3", "10.7.0.0/16")
    net.peering("pcx-2", "vpc-2", "vpc-3")
    net.subnet("subnet-third", "10.7.1.0/24", vpc="vpc-3", routes={"10.0.0.0/16": "pcx-2"})
    net.group("sg-third", [tcp(443, "10.0.0.0/8")], vpc="vpc-3")
    net.instance("third", "10.7.1.10", groups=["sg-third"])
    answer = net.ask("app -> third:443")
    assert answer.verdict == "blocked"
    assert (answer.blocked_by[0].layer, codes(answer)[0]) == ("vpc-peering", "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR")


def test_a_peers_internet_gateway_is_not_usable() -> None:
    net = two_vpcs(near={"0.0.0.0/0": "pcx-1"}, far={"0.0.0.0/0": "igw-1", "10.0.0.0/16": "pcx-1"})
    net.internet_gateway(vpc="vpc-2")
    answer = net.ask("app -> 192.0.2.80:443")
    assert answer.verdict == "blocked"
    assert answer.blocked_by[0].layer == "vpc-peering"


def foreign_peer() -> Network:
    """``app`` and a connection to a VPC of another account that was not read."""
    net = Network()
    net.peering("pcx-1", "vpc-1", "vpc-9", accepter_account="999999999999", accepter_cidr="10.9.0.0/16")
    net.subnet("subnet-app", "10.0.1.0/24", routes={"10.9.0.0/16": "pcx-1"})
    net.group("sg-app", [tcp(443, "10.9.0.0/16")])
    net.instance("app", "10.0.1.10", groups=["sg-app"])
    return net


def test_a_far_side_that_cannot_be_read_leaves_the_answer_open() -> None:
    answer = foreign_peer().ask("app -> 10.9.1.20:5432")
    assert (answer.verdict, blockers(answer)) == ("undetermined", [])
    assert any("vpc-9" in missing for missing in answer.missing)


def test_from_a_far_side_that_cannot_be_read_the_own_side_still_counts() -> None:
    net = foreign_peer()
    assert net.ask("10.9.1.20 -> app:443").verdict == "undetermined"
    answer = net.ask("10.9.1.20 -> app:22")
    assert (answer.verdict, blockers(answer)) == ("blocked", ["forward security-group ingress sg-app"])


def test_the_reply_follows_the_table_of_its_own_subnet_even_to_the_wrong_vpc() -> None:
    # https://docs.aws.amazon.com/vpc/latest/peering/peering-configurations-partial-access.html
    net = Network("10.0.0.0/16")
    net.vpc("vpc-b", "172.16.0.0/16")
    net.vpc("vpc-c", "10.0.0.0/16")
    net.peering("pcx-ab", "vpc-1", "vpc-b")
    net.peering("pcx-cb", "vpc-c", "vpc-b")
    net.subnet("subnet-a", "10.0.1.0/24", routes={"172.16.0.0/16": "pcx-ab"})
    net.subnet("subnet-b", "172.16.1.0/24", vpc="vpc-b", routes={"10.0.0.0/16": "pcx-cb"})
    net.subnet("subnet-c", "10.0.9.0/24", vpc="vpc-c", routes={"172.16.0.0/16": "pcx-cb"})
    net.group("sg-b", [tcp(443, "10.0.0.0/8")], vpc="vpc-b")
    net.instance("a", "10.0.1.10")
    net.instance("b", "172.16.1.10", groups=["sg-b"])
    answer = net.ask("a -> b:443")
    assert answer.verdict == "blocked"
    assert {finding.leg for finding in answer.blocked_by} == {"return"}
    assert codes(answer) == ["NO_POSSIBLE_DESTINATION"], "10.0.1.10 is an address of vpc-c that nobody has there"


@pytest.mark.parametrize("lives", ["as a host of the other VPC", "nowhere"])
def test_a_reply_that_ends_in_the_wrong_vpc_does_not_come_back(lives: str) -> None:
    # "VPC B sends the response traffic to VPC C": https://docs.aws.amazon.com/vpc/latest/peering/peering-configurations-partial-access.html
    net = Network("10.0.0.0/16")
    net.vpc("vpc-b", "172.16.0.0/16")
    net.vpc("vpc-c", "10.0.0.0/16")
    net.peering("pcx-ab", "vpc-1", "vpc-b")
    net.peering("pcx-cb", "vpc-c", "vpc-b")
    net.subnet("subnet-a", "10.0.1.0/24", routes={"172.16.0.0/16": "pcx-ab"})
    net.subnet("subnet-b", "172.16.1.0/24", vpc="vpc-b", routes={"10.0.0.0/16": "pcx-cb", "10.0.1.77/32": "pcx-ab"})
    net.subnet("subnet-c", "10.0.1.0/24", vpc="vpc-c", routes={"172.16.0.0/16": "pcx-cb"})
    net.group("sg-b", [tcp(443, "10.0.0.0/8")], vpc="vpc-b")
    net.group("sg-c", [tcp(443, "10.0.0.0/8")], vpc="vpc-c")
    net.instance("a", "10.0.1.10", subnet="subnet-a")
    net.instance("a77", "10.0.1.77", subnet="subnet-a")
    if lives != "nowhere":
        net.instance("c", "10.0.1.10", subnet="subnet-c", groups=["sg-c"])
    net.instance("b", "172.16.1.10", groups=["sg-b"])
    answer = net.ask("a -> b:443")
    assert answer.verdict == "blocked"
    assert ("return", "REPLY_GOES_ELSEWHERE") in [(finding.leg, finding.code) for finding in answer.blocked_by]
    assert net.ask("a77 -> b:443").verdict == "allowed", "the longer prefix is the way AWS recommends"


def between_twins(routes: dict[str, str]) -> Network:
    """``a`` in vpc-1, ``c`` with the same address in vpc-c, both peered with vpc-b, where ``b`` has these routes."""
    net = Network("10.0.0.0/16")
    net.vpc("vpc-b", "172.16.0.0/16")
    net.vpc("vpc-c", "10.0.0.0/16")
    net.peering("pcx-ab", "vpc-1", "vpc-b")
    net.peering("pcx-cb", "vpc-c", "vpc-b")
    net.prefix_list("pl-a", ["10.0.0.0/16"])
    net.subnet("subnet-a", "10.0.1.0/24", routes={"172.16.0.0/16": "pcx-ab"})
    net.subnet("subnet-b", "172.16.1.0/24", vpc="vpc-b", routes=routes)
    net.subnet("subnet-c", "10.0.1.0/24", vpc="vpc-c", routes={"172.16.0.0/16": "pcx-cb"})
    for vpc in ("b", "c"):
        net.group(f"sg-{vpc}", [tcp(443, "0.0.0.0/0")], vpc=f"vpc-{vpc}")
    net.instance("a", "10.0.1.10", subnet="subnet-a")
    net.instance("c", "10.0.1.10", subnet="subnet-c", groups=["sg-c"])
    net.instance("b", "172.16.1.10", groups=["sg-b"])
    return net


@pytest.mark.parametrize(
    ("routes", "code"),
    [
        ({"10.0.0.0/16": "pcx-ab", "10.0.1.0/24": "pcx-cb"}, "MORE_SPECIFIC_ROUTE"),
        ({"pl-a": "pcx-ab", "10.0.0.0/16": "pcx-cb"}, "HIGHER_PRIORITY_ROUTE"),
        ({"10.0.0.0/16": "pcx-cb"}, "{}_ELSEWHERE"),
    ],
)
def test_the_route_that_leads_astray_is_named_with_the_one_that_it_hides(routes: dict[str, str], code: str) -> None:
    # https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html
    net = between_twins(routes)
    for question, leg, what in (("b -> a:443", "forward", "DELIVERED"), ("a -> b:443", "return", "REPLY_GOES")):
        answer = net.ask(question)
        assert answer.verdict == "blocked"
        finding = next(found for found in answer.blocked_by if found.leg == leg)
        assert (finding.code, finding.layer) == (code.format(what), "route-table")
        assert (finding.resource_ids, finding.vpc_id) == (["rtb-b"], "vpc-b")
        assert finding.rule is not None
        assert finding.rule["target"] == "pcx-cb"
        assert ("pcx-ab" in finding.summary) is ("ELSEWHERE" not in code)


# -- other accounts and Regions --------------------------------------------------------------------------------------

FAR = "222222222222"


def far_apart(folder: Path, *, region: str = "us-east-1", reference: Reference | None = None) -> Path:
    """``app`` of one account and ``db`` of another, in a Region of its own: a snapshot of both."""
    near = Network()
    near.peering("pcx-1", "vpc-1", "vpc-2", accepter_account=FAR, accepter_region=region, accepter_cidr="10.9.0.0/16")
    near.subnet("subnet-app", "10.0.1.0/24", routes={"10.9.0.0/16": "pcx-1"})
    near.group("sg-app", [])
    near.instance("app", "10.0.1.10", groups=["sg-app"])
    near.save(folder / near.account / near.region)
    far = Network(None, account=FAR, region=region)
    far.vpc("vpc-2", "10.9.0.0/16")
    far.responses["VpcPeeringConnections"] = near.responses["VpcPeeringConnections"]
    far.subnet("subnet-db", "10.9.1.0/24", vpc="vpc-2", routes={"10.0.0.0/16": "pcx-1"})
    far.group("sg-db", [tcp(5432, reference or "10.0.1.0/24")], vpc="vpc-2")
    far.instance("db", "10.9.1.20", groups=["sg-db"])
    far.save(folder / far.account / far.region)
    return folder


def asked(folder: Path, question: str) -> Answer:
    return Session(snapshot(folder)).explain(parse(question))


def test_a_snapshot_of_two_accounts_and_regions_is_walked_through(tmp_path: Path) -> None:
    far_apart(tmp_path)
    for destination in ("db", "10.9.1.20"):
        answer = asked(tmp_path, f"app -> {destination}:5432")
        assert (answer.verdict, answer.missing) == ("allowed", [])
    answer = asked(tmp_path, "app -> db:22")
    (finding,) = answer.blocked_by
    assert (finding.code, finding.account_id, finding.region) == ("ENI_SG_RULES_MISMATCH", FAR, "us-east-1")


@pytest.mark.parametrize(("region", "verdict"), [("eu-west-1", "allowed"), ("us-east-1", "blocked")])
def test_a_group_of_a_peer_is_known_in_the_same_region_only(tmp_path: Path, region: str, verdict: str) -> None:
    # https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-security-groups.html
    reference = Reference("sg-app", vpc="vpc-1", peering="pcx-1", status="active")
    answer = asked(far_apart(tmp_path, region=region, reference=reference), "app -> db:5432")
    assert answer.verdict == verdict


def test_the_members_of_a_group_of_an_account_that_was_not_read_are_not_guessed() -> None:
    net = foreign_peer()
    foreign = Reference("sg-theirs", account="999999999999", vpc="vpc-9", peering="pcx-1", status="active")
    net.group("sg-picky", [], [tcp(5432, foreign)])
    net.instance("picky", "10.0.1.11", groups=["sg-picky"])
    answer = net.ask("picky -> 10.9.1.20:5432")
    assert (answer.verdict, blockers(answer)) == ("undetermined", [])
    assert any("members of sg-theirs in account 999999999999" in missing for missing in answer.missing)
    assert net.ask("picky -> 10.9.1.20:22").verdict == "blocked", "no rule could allow that"
    assert net.ask("picky -> 10.8.1.20:5432").verdict == "blocked", "no address of the peer's"


@pytest.mark.parametrize("question", ["app -> 10.9.1.20:5432", "10.9.1.20 -> app:443"])
def test_of_several_vpcs_that_use_an_address_the_peered_one_is_meant(tmp_path: Path, question: str) -> None:
    far_apart(tmp_path)
    third = Network(None, account="000000000003", region="us-east-1")  # before the others in the order of the files
    third.vpc("vpc-3", "10.9.0.0/16")
    third.subnet("subnet-three", "10.9.1.0/24", vpc="vpc-3")
    third.group("sg-three", [], vpc="vpc-3")
    third.instance("three", "10.9.1.20", groups=["sg-three"])
    third.save(tmp_path / third.account / third.region)
    answer = asked(tmp_path, question)
    assert answer.verdict == ("allowed" if question.startswith("app") else "blocked")
    assert {finding.resource_ids[0] for finding in answer.blocked_by} <= {"sg-app"}


# -- names -----------------------------------------------------------------------------------------------------------

NAME = "ec2-198-51-100-20.us-east-1.compute.amazonaws.com"


def with_public_database(resolves: bool | None) -> Network:
    """``db`` of the peer has a public name; ``resolves``: the peer's side lets it mean the private address."""
    net = two_vpcs(ingress=[tcp(5432, "10.0.0.0/16")])
    net.internet_gateway("igw-2", vpc="vpc-2")
    interface = next(row for row in net.responses["NetworkInterfaces"] if row["PrivateIpAddress"] == "10.9.1.20")
    interface["Association"] = {"PublicIp": "198.51.100.20", "PublicDnsName": NAME, "IpOwnerId": "amazon"}
    if resolves is not None:
        side = net.responses["VpcPeeringConnections"][0]["AccepterVpcInfo"]
        side["PeeringOptions"] = {"AllowDnsResolutionFromRemoteVpc": resolves}
    return net


def test_a_public_name_of_a_peer_means_the_private_address_where_the_connection_allows_that() -> None:
    answer = with_public_database(True).ask(f"app -> {NAME}:5432")
    assert (answer.verdict, answer.warnings) == ("allowed", [])
    assert "vpc-peering" in [hop.kind for hop in answer.forward]


@pytest.mark.parametrize("resolves", [False, None])
def test_a_public_name_of_a_peer_otherwise_leads_out_to_the_internet(resolves: bool | None) -> None:
    answer = with_public_database(resolves).ask(f"app -> {NAME}:5432")
    assert answer.verdict == "blocked"
    assert codes(answer)[0] == "NO_ROUTE_TO_DESTINATION", "app has a route to the peer, and none to the internet"
    assert any("AllowDnsResolutionFromRemoteVpc" in warning for warning in answer.warnings)


def test_a_public_name_in_the_own_vpc_means_the_private_address() -> None:
    net = with_public_database(False)
    net.instance("near", "10.9.1.21", groups=["sg-db"])
    net.responses["SecurityGroups"][-1]["IpPermissions"] = [tcp(5432, "10.9.0.0/16")]
    assert "internet-gateway" not in [hop.kind for hop in net.ask(f"near -> {NAME}:5432").forward]
