"""The few accounts that most tests of AWS's behaviour play in."""

from __future__ import annotations

from typing import Any

from tests.builders import OPEN, OUT_V6, Json, Network
from tests.transits import attach, transit_gateway, transit_table

Rules = list[Json]
Acl = tuple[Rules, Rules]
OPEN_ACL: Acl = (OPEN, OPEN)

CLIENT_V6, SERVER_V6 = "2001:db8:1:1::10", "2001:db8:1:2::20"
OUTSIDE_V6 = "2001:db8:ffff::5"


def two_subnets(
    *,
    ingress: Rules | None = None,
    egress: Rules | None = None,
    client_acl: Acl = OPEN_ACL,
    server_acl: Acl = OPEN_ACL,
    **server: Any,
) -> Network:
    """``client`` (10.0.1.10, group sg-client) and ``server`` (10.0.2.20, group sg-server) in two subnets of a VPC.

    ``ingress`` are the rules of sg-server, ``egress`` those of sg-client; without them anything goes. Both have IPv6.
    """
    net = Network(ipv6="2001:db8:1::/56")
    net.subnet("subnet-client", "10.0.1.0/24", ipv6="2001:db8:1:1::/64", acl=client_acl)
    net.subnet("subnet-server", "10.0.2.0/24", ipv6="2001:db8:1:2::/64", acl=server_acl)
    net.group("sg-client", [], OUT_V6 if egress is None else egress)
    net.instance("client", "10.0.1.10", ipv6=CLIENT_V6, groups=["sg-client"])
    if ingress is not None:
        net.group("sg-server", ingress, [])
        server.setdefault("groups", ["sg-server"])
    net.instance("server", "10.0.2.20", ipv6=SERVER_V6, **server)
    return net


def public_server(
    *, ingress: Rules | None = None, acl: Acl = OPEN_ACL, routes: dict[str, Any] | None = None, **server: Any
) -> Network:
    """``web`` (10.0.1.10, public 198.51.100.10, IPv6) in a subnet that is routed to an internet gateway."""
    net = Network(ipv6="2001:db8:1::/56")
    net.internet_gateway()
    to_internet = {"0.0.0.0/0": "igw-1", "::/0": "igw-1"}
    net.subnet(
        "subnet-public",
        "10.0.1.0/24",
        ipv6="2001:db8:1:1::/64",
        routes=to_internet if routes is None else routes,
        acl=acl,
    )
    if ingress is not None:
        net.group("sg-web", ingress, [])
        server.setdefault("groups", ["sg-web"])
    server.setdefault("public", "198.51.100.10")
    server.setdefault("ipv6", "2001:db8:1:1::10")
    net.instance("web", "10.0.1.10", **server)
    return net


def behind_nat(
    *,
    client_acl: Acl = OPEN_ACL,
    nat_acl: Acl = OPEN_ACL,
    nat_routes: dict[str, Any] | None = None,
    state: str = "available",
    nat_public: str | None = "198.51.100.99",
    platform: str | None = None,
) -> Network:
    """``worker`` (10.0.2.20) in a private subnet whose default route is a NAT gateway (10.0.1.99) in a public one."""
    net = Network()
    net.internet_gateway()
    net.subnet(
        "subnet-public", "10.0.1.0/24", routes={"0.0.0.0/0": "igw-1"} if nat_routes is None else nat_routes, acl=nat_acl
    )
    net.subnet("subnet-private", "10.0.2.0/24", routes={"0.0.0.0/0": "nat-1"}, acl=client_acl)
    net.nat_gateway("nat-1", "10.0.1.99", nat_public, state=state)
    net.instance("worker", "10.0.2.20", platform=platform)
    return net


def two_vpcs(
    *,
    status: str = "active",
    near: dict[str, Any] | None = None,
    far: dict[str, Any] | None = None,
    ingress: Rules | None = None,
) -> Network:
    """``app`` (10.0.1.10) in vpc-1 and ``db`` (10.9.1.20, group sg-db) in vpc-2, peered and routed both ways."""
    net = Network(ipv6="2001:db8:1::/56")
    net.vpc("vpc-2", "10.9.0.0/16", ipv6="2001:db8:9::/56")
    net.peering("pcx-1", "vpc-1", "vpc-2", status=status)
    near = {"10.9.0.0/16": "pcx-1", "2001:db8:9::/56": "pcx-1"} if near is None else near
    far = {"10.0.0.0/16": "pcx-1", "2001:db8:1::/56": "pcx-1"} if far is None else far
    net.subnet("subnet-app", "10.0.1.0/24", ipv6="2001:db8:1:1::/64", routes=near)
    net.subnet("subnet-db", "10.9.1.0/24", ipv6="2001:db8:9:1::/64", routes=far, vpc="vpc-2")
    net.group("sg-app", [], OUT_V6)
    net.instance("app", "10.0.1.10", ipv6="2001:db8:1:1::10", groups=["sg-app"])
    if ingress is None:
        net.instance("db", "10.9.1.20", ipv6="2001:db8:9:1::20", groups=["sg-open-2"])
        net.group("sg-open-2", [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}], OUT_V6, vpc="vpc-2")
        net.responses["SecurityGroups"][-1]["IpPermissions"][0]["Ipv6Ranges"] = [{"CidrIpv6": "::/0"}]
    else:
        net.group("sg-db", ingress, [], vpc="vpc-2")
        net.instance("db", "10.9.1.20", ipv6="2001:db8:9:1::20", groups=["sg-db"])
    return net


def from_behind_a_vpn(*, nat: bool = True) -> Network:
    """``app`` (10.0.1.10) behind a VPN gateway whose own table leads through a firewall in subnet-fw.

    With ``nat`` that subnet's table takes what is for the app to a NAT gateway in subnet-nat (10.0.4.0/24).
    """
    net = Network()
    net.vpn_gateway()
    net.vpn_connection("vpn-1", static=["192.168.0.0/16"])
    net.subnet("subnet-app", "10.0.1.0/24", routes={"192.168.0.0/16": "vpce-fw"})
    around = {"10.0.1.0/24": "nat-1"} if nat else {}
    net.subnet("subnet-fw", "10.0.3.0/24", routes={**around, "192.168.0.0/16": "vgw-1"})
    net.subnet("subnet-nat", "10.0.4.0/24", routes={"192.168.0.0/16": "vpce-fw"})
    net.table("rtb-edge", {"10.0.1.0/24": "vpce-fw"}, gateway="vgw-1")
    arn = net.firewall("inspection", {"subnet-fw": "vpce-fw"})
    service = "com.amazonaws.vpce.eu-west-1.vpce-svc-0a1b2c3d4e5f60718"
    net.endpoint("vpce-fw", service, "GatewayLoadBalancer", at={"subnet-fw": "10.0.3.5"}, firewall=arn)
    net.nat_gateway("nat-1", "10.0.4.99")
    net.instance("app", "10.0.1.10")
    return net


def through_a_hub(routes: dict[str, str]) -> Network:
    """``spoke`` (10.9.1.10) in vpc-2, routed over tgw-1 to vpc-1, where the attachment's subnet has these ``routes``.

    There is a VPN gateway (192.168.0.0/16 behind it) and a public NAT gateway in vpc-1, and ``hub`` (10.0.2.20) in the
    attachment's subnet.
    """
    net = Network()
    net.vpc("vpc-2", "10.9.0.0/16")
    net.internet_gateway()
    net.vpn_gateway()
    net.vpn_connection("vpn-1", static=["192.168.0.0/16"])
    net.subnet("subnet-public", "10.0.1.0/24", routes={"0.0.0.0/0": "igw-1", "10.9.0.0/16": "tgw-1"})
    net.subnet("subnet-hub", "10.0.2.0/24", routes={**routes, "10.9.0.0/16": "tgw-1"})
    net.subnet("subnet-spoke", "10.9.1.0/24", vpc="vpc-2", routes={"0.0.0.0/0": "tgw-1"})
    net.group("sg-spoke", [], vpc="vpc-2")
    net.nat_gateway("nat-1", "10.0.1.99", "198.51.100.99")
    net.instance("hub", "10.0.2.20")
    net.instance("spoke", "10.9.1.10", groups=["sg-spoke"])
    transit_gateway(net)
    attach(net, "tgw-attach-1", "vpc-1", ["subnet-hub"])
    attach(net, "tgw-attach-2", "vpc-2", ["subnet-spoke"])
    blocks = {"10.0.0.0/16": "tgw-attach-1", "10.9.0.0/16": "tgw-attach-2"}
    transit_table(net, static={"0.0.0.0/0": "tgw-attach-1"}, propagated=blocks)
    return net
