"""Load balancers of every kind but Gateway Load Balancers."""

from __future__ import annotations

from random import Random

from tests.oracle import shapes
from tests.oracle.crossing.scenes.common import CIDRS, OUTSIDE, RULES, Scene, block_public_access, change, narrow
from tests.oracle.crossing.services import Site
from tests.oracle.model import TCP, UDP
from tests.oracle.questions import Question


def balancer(rng: Random) -> Scene:
    """In two of three zones, with clients in its VPC, in a peer and on the internet."""
    net = Site()
    a = net.vpc("a", "10.0.0.0/16")
    b = net.vpc("b", "10.1.0.0/16")
    igw = net.internet_gateway("a")
    net.add("VpcPeeringConnections", shapes.peering("pcx-ab", a, b))
    net.subnet("b0", "b", "10.1.0.0/24", 0, [("10.0.0.0/16", "pcx-ab")])
    net.instance("b0", "b0", "10.1.0.10")
    kind = rng.choice(("application", "network", "network", "classic"))
    internal = rng.random() < 0.6
    shared = rng.random() < 0.3  # nodes and targets in the same subnets
    for zone in (0, 1, 2):
        out = [("0.0.0.0/0", igw)] if not internal or rng.random() < 0.3 else []
        net.subnet(f"lb{zone}", "a", f"10.0.10{zone}.0/24", zone, [("10.1.0.0/16", "pcx-ab"), *out])
        net.subnet(f"a{zone}", "a", f"10.0.{zone}.0/24", zone, [("10.1.0.0/16", "pcx-ab")])
        net.instance(f"a{zone}", f"lb{zone}" if shared else f"a{zone}", f"10.0.{'10' if shared else ''}{zone}.10")
    net.instance("client", "a0", "10.0.0.77")
    net.add("SecurityGroups", shapes.group("sg-lb", "vpc-a", [shapes.permission("-1", peers=["0.0.0.0/0"])]))
    groups = ["sg-lb"] if kind != "network" or rng.random() < 0.6 else []
    cross = kind == "application" or rng.random() < 0.5
    nodes = {f"lb{zone}": (f"10.0.10{zone}.50", None if internal else f"52.0.0.{zone + 1}") for zone in (0, 1)}
    arn = net.balancer("shop", kind, nodes, groups, internal, cross)
    udp = kind == "network" and rng.random() < 0.2
    members = [
        (f"a{zone}", rng.choice((8080, 8080, 443))) for zone in rng.choice(((0, 1), (0, 1), (0, 1, 2), (2,), (0,), ()))
    ]
    if kind == "classic":
        row = net.rows("LoadBalancerDescriptions")[0]
        for port, to in ((443, 8080), (80, rng.choice((80, 8080)))):
            listener = {"Protocol": "TCP", "LoadBalancerPort": port, "InstanceProtocol": "TCP", "InstancePort": to}
            row["ListenerDescriptions"].append({"Listener": listener, "PolicyNames": []})
        row["Instances"] = [{"InstanceId": f"i-{name}"} for name, _ in members]
    else:
        by_address = rng.random() < 0.4
        attributes = {"cross_zone": rng.choice(("use_load_balancer_configuration",) * 3 + ("true", "false"))}
        protocol = "HTTP"
        if kind == "network":
            protocol = rng.choice(("UDP", "TCP_UDP")) if udp else "TCP"
            attributes["preserve"] = "true" if udp else rng.choice(("true", "false"))
        else:
            attributes["cross_zone"] = rng.choice(("use_load_balancer_configuration",) * 3 + ("false",))
        targets = [
            (f"10.0.{'10' if shared else ''}{name[1]}.10" if by_address else f"i-{name}", port)
            for name, port in members
        ]
        net.target_group("web", "a", protocol, "ip" if by_address else "instance", targets, **attributes)
        net.target_group("more", "a", protocol, "instance", [("i-a0", 80)], **attributes)
        shares = rng.choice(({"web": 1}, {"web": 1}, {"web": 1}, {"web": 1, "more": 1}, {"web": 1, "more": 0}))
        heard = net.listener(arn, protocol if kind == "network" else "HTTPS", 443, net.forward(shares))
        if kind == "application" and rng.random() < 0.3:
            net.rule(heard, "5", net.forward({"more": 1}))
        if kind == "application":
            redirect = {"Type": "redirect", "Order": 1, "RedirectConfig": {"Port": "443", "StatusCode": "HTTP_301"}}
            net.listener(arn, "HTTP", 80, [redirect])

    def serve_balancer(rng: Random, net: Site) -> None:
        """Targets that take what the load balancer's group or subnets send, or what clients do."""
        peers = rng.choice((["sg-lb"], ["10.0.100.0/23"], ["10.0.0.0/16"], ["203.0.113.0/24"], ["sg-a"]))
        rule = shapes.permission("tcp", *rng.choice(((8080, 8080), (80, 8080))), peers)
        net.one("SecurityGroups", "GroupId", "sg-a")["IpPermissions"] = [rule]

    def serve_clients(rng: Random, net: Site) -> None:
        peers = rng.choice((["203.0.113.0/24"], ["10.0.0.0/8"], ["sg-a"], ["sg-b"]))
        rule = shapes.permission("tcp", 443, rng.choice((443, 8080)), peers)
        net.one("SecurityGroups", "GroupId", "sg-lb")["IpPermissions"] = [rule]

    def send_to_targets(rng: Random, net: Site) -> None:
        rule = shapes.permission("tcp", 8080, 8080, [rng.choice(("sg-a", "10.0.0.0/24", "10.0.0.0/16"))])
        net.one("SecurityGroups", "GroupId", "sg-lb")["IpPermissionsEgress"] = [rule]

    def ephemeral(rng: Random, net: Site) -> None:
        """A network ACL that lets out only some of the ports that the nodes use."""
        acl = rng.choice(net.rows("NetworkAcls"))
        if all(one["RuleNumber"] != 98 for one in acl["Entries"]):
            direction, ports = rng.choice(("ingress", "egress")), (1024, 32767)
            acl["Entries"].append(shapes.acl_entry(98, direction, "deny", rng.choice(CIDRS[:3]), TCP, ports))

    own = (serve_balancer, serve_balancer, serve_clients, send_to_targets, ephemeral)
    change(rng, net, (*(one for one in RULES if one is not narrow), narrow, *own, block_public_access))
    source = rng.choice(("i-client", "i-client", "i-b0", OUTSIDE, "i-a0"))
    if source == OUTSIDE and internal:
        source = "i-client"
    number = UDP if udp and rng.random() < 0.7 else TCP
    port = rng.choice((443, 443, 443, 80, 8080))
    return net.raw, Question(source, "shop", number, port, (40000, 40000))
