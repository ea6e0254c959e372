"""Transit gateways: attachments, their route tables, the subnets that hold their interfaces.

https://docs.aws.amazon.com/vpc/latest/tgw/how-transit-gateways-work.html
https://docs.aws.amazon.com/vpc/latest/tgw/tgw-vpc-attachments.html
https://docs.aws.amazon.com/vpc/latest/tgw/tgw-nacls.html
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import OPEN, OUT_V6, Network, blockers, codes, every, tcp
from tests.transits import BLACKHOLE, attach, transit_gateway, transit_table

BLOCKS = {"10.0.0.0/16": "tgw-attach-1", "10.9.0.0/16": "tgw-attach-2"}
V6_BLOCKS = {"2001:db8:1::/56": "tgw-attach-1", "2001:db8:9::/56": "tgw-attach-2"}
V6 = "2001:db8:1:1::10 -> [2001:db8:9:1::20]:5432"
ACLS = (OPEN, OPEN)


def joined(
    *,
    near: dict[str, Any] | None = None,
    far: dict[str, Any] | None = None,
    routes: dict[str, Any] | None = None,
    app_acl: Any = ACLS,
    near_acl: Any = ACLS,
    far_acl: Any = ACLS,
    db_acl: Any = ACLS,
    referencing: bool = False,
    ingress: list[Any] | None = None,
    first: dict[str, Any] | None = None,
    second: dict[str, Any] | None = None,
    table: bool = True,
) -> Network:
    """``app`` (10.0.1.10) in vpc-1 and ``db`` (10.9.1.20) in vpc-2, both attached to tgw-1 by subnets of their own."""
    net = Network(ipv6="2001:db8:1::/56")
    net.vpc("vpc-2", "10.9.0.0/16", ipv6="2001:db8:9::/56")
    near = {"10.9.0.0/16": "tgw-1", "2001:db8:9::/56": "tgw-1"} if near is None else near
    far = {"10.0.0.0/16": "tgw-1", "2001:db8:1::/56": "tgw-1"} if far is None else far
    net.subnet("subnet-app", "10.0.1.0/24", ipv6="2001:db8:1:1::/64", routes=near, acl=app_acl)
    net.subnet("subnet-tgw1", "10.0.255.0/28", ipv6="2001:db8:1:ff::/64", acl=near_acl)
    net.subnet("subnet-db", "10.9.1.0/24", ipv6="2001:db8:9:1::/64", routes=far, vpc="vpc-2", acl=db_acl)
    net.subnet("subnet-tgw2", "10.9.255.0/28", ipv6="2001:db8:9:ff::/64", vpc="vpc-2", acl=far_acl)
    net.group("sg-app", [], OUT_V6)
    net.group("sg-db", [every("-1", "0.0.0.0/0", "::/0")] if ingress is None else ingress, [], vpc="vpc-2")
    net.instance("app", "10.0.1.10", ipv6="2001:db8:1:1::10", groups=["sg-app"])
    net.instance("db", "10.9.1.20", ipv6="2001:db8:9:1::20", groups=["sg-db"])
    transit_gateway(net, referencing=referencing)
    attach(net, "tgw-attach-1", "vpc-1", **{"subnets": ["subnet-tgw1"], **(first or {})})
    attach(net, "tgw-attach-2", "vpc-2", **{"subnets": ["subnet-tgw2"], **(second or {})})
    if table:
        transit_table(net, propagated={**BLOCKS, **V6_BLOCKS}, static=routes)
    return net


@pytest.mark.parametrize("question", ["app -> db:5432", V6, "app -> db/icmp"])
def test_two_vpcs_whose_routes_are_propagated_reach_each_other(question: str) -> None:
    answer = joined().ask(question)
    assert (answer.verdict, blockers(answer), answer.missing) == ("allowed", [], [])
    for leg in (answer.forward, answer.return_):
        kinds = [hop.kind for hop in leg]
        assert "transit-gateway" in kinds
        assert "transit-gateway-route-table" in kinds
