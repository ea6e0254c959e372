"""What random cases have found, each in the smallest network that shows it."""

from __future__ import annotations

from tests.oracle.model import Json
from tests.oracle.world import CLIENT, interface, set_routes
from tests.oracle.world import row as row_of
from tests.properties.asking import account_of, explain
from tests.properties.worlds import routes, wide_world
from whyblocked.diagnosis.answer import Answer


def asked(raw: Json, text: str, **options: str) -> Answer:
    return explain(account_of(raw), text, **options)


def blamed(answer: Answer) -> list[tuple[str, str, list[str]]]:
    return [(found.leg, found.code, found.resource_ids) for found in answer.blocked_by]


def refuse_all(raw: Json, acl_id: str) -> None:
    row_of(raw, "NetworkAcls", "NetworkAclId", acl_id)["Entries"] = []


def test_a_gateway_that_is_not_attached_carries_nothing() -> None:
    raw = wide_world()
    raw["InternetGateways"][0]["Attachments"] = []
    raw["EgressOnlyInternetGateways"][0]["Attachments"] = []
    outward = asked(raw, f"i-web -> {CLIENT}:443")
    assert outward.verdict == "blocked"
    assert ("forward", "BAD_STATE_ATTACHMENT", ["igw-a"]) in blamed(outward)
    assert ("return", "NO_INTERNET_GATEWAY", []) in blamed(outward)
    assert "not attached to vpc-a" in outward.blocked_by[0].summary
    six = asked(raw, "i-app -> [2001:db8:ffff::5]:443")
    assert six.verdict == "blocked"
    assert blamed(six)[0] == ("forward", "BAD_STATE_ATTACHMENT", ["eigw-a"])


def test_a_gateway_of_another_vpc_carries_nothing() -> None:
    raw = wide_world()
    set_routes(raw, "rtb-front", *[one for one in routes(raw, "rtb-front") if "0.0.0.0/0" not in one.values()])
    routes(raw, "rtb-front").append({**routes(raw, "rtb-far")[2], "GatewayId": "igw-b"})
    assert ("forward", "BAD_STATE_ATTACHMENT", ["igw-b"]) in blamed(asked(raw, f"i-web -> {CLIENT}:443"))


def private_nat() -> Json:
    raw = wide_world()
    raw["NatGateways"][0]["NatGatewayAddresses"][0].pop("PublicIp")
    raw["NatGateways"][0]["ConnectivityType"] = "private"
    nat = interface(raw, "eni-nat")
    nat.pop("Association")
    nat["PrivateIpAddresses"][0].pop("Association")
    return raw


def test_no_packet_is_lost_where_a_reply_does_not_fit_what_a_nat_gateway_sent() -> None:
    """It was never translated, so the answer comes from a private address: blocked on the way out, not unknown."""
    answer = asked(private_nat(), "i-app -> 52.0.0.20:443")
    assert answer.verdict == "blocked"
    assert blamed(answer)[0] == ("forward", "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS", ["igw-a"])
    assert all(leg == "forward" for leg, _, _ in blamed(answer))


def test_blockers_of_the_reply_behind_a_nat_gateway_that_could_not_send() -> None:
    raw = private_nat()
    entries = row_of(raw, "NetworkAcls", "NetworkAclId", "acl-back")["Entries"]
    entries[:] = [one for one in entries if one["Egress"]]
    assert blamed(asked(raw, f"i-app -> {CLIENT}:443")) == [
        ("forward", "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS", ["igw-a"]),
        ("return", "SUBNET_ACL_RESTRICTION", ["acl-back"]),
    ]


def test_blockers_inside_a_vpc_that_has_no_internet_gateway() -> None:
    raw = wide_world()
    raw["InternetGateways"] = raw["InternetGateways"][:1]
    refuse_all(raw, "acl-far")
    assert blamed(asked(raw, "i-web -> 52.0.0.20:443"))[:2] == [
        ("forward", "NO_INTERNET_GATEWAY", []),
        ("forward", "SUBNET_ACL_RESTRICTION", ["acl-far"]),
    ]
