"""Network Firewall in the VPC that it guards, and in one that a transit gateway leads through."""

from __future__ import annotations

from random import Random

from tests.oracle import shapes
from tests.oracle.crossing.scenes.common import (
    CIDRS,
    OUTSIDE,
    Scene,
    block_public_access,
    bury_route,
    change,
    deny,
    lose_route,
    narrow,
    packet,
    spoke,
)
from tests.oracle.crossing.services import Site
from tests.oracle.model import Json


def stateless_rule(rng: Random, priority: int) -> Json:
    def blocks() -> list[Json]:
        return [{"AddressDefinition": rng.choice([one for one in CIDRS if "." in one])}]

    wanted: Json = {}
    if rng.random() < 0.6:
        wanted["Sources"] = blocks()
    if rng.random() < 0.6:
        wanted["Destinations"] = blocks()
    if rng.random() < 0.6:
        wanted["Protocols"] = rng.choice(([6], [6], [17], [1], [6, 17]))
    ports = set(wanted.get("Protocols", ())) <= {6, 17} and "Protocols" in wanted
    if ports and rng.random() < 0.5:
        wanted["DestinationPorts"] = [
            rng.choice(({"FromPort": 443, "ToPort": 443}, {"FromPort": 1024, "ToPort": 65535}))
        ]
    if ports and rng.random() < 0.3:
        wanted["SourcePorts"] = [rng.choice(({"FromPort": 443, "ToPort": 443}, {"FromPort": 1024, "ToPort": 65535}))]
    action = rng.choice(("aws:pass", "aws:drop", "aws:forward_to_sfe", "aws:forward_to_sfe"))
    return {"Priority": priority, "RuleDefinition": {"MatchAttributes": wanted, "Actions": [action]}}


def stateful_rule(rng: Random, number: int) -> Json:
    ends = ("ANY", "ANY", "$HOME_NET", "$EXTERNAL_NET", "10.0.0.0/16", "10.0.0.0/24", "203.0.113.0/24", "10.1.0.0/16")
    protocol = rng.choice(("TCP", "TCP", "UDP", "ICMP", "IP", "IP"))
    ported = protocol in ("TCP", "UDP")
    return {
        "Action": rng.choice(
            ("PASS", "PASS", "DROP", "ALERT", "REJECT") if protocol == "TCP" else ("PASS", "PASS", "DROP", "ALERT")
        ),
        "Header": {
            "Protocol": protocol,
            "Source": rng.choice(ends),
            "SourcePort": rng.choice(("ANY", "ANY", "1024:65535")) if ported else "ANY",
            "Direction": rng.choice(("FORWARD", "FORWARD", "ANY")),
            "Destination": rng.choice(ends),
            "DestinationPort": rng.choice(("ANY", "443", "443", "1:1023")) if ported else "ANY",
        },
        "RuleOptions": [{"Keyword": "sid", "Settings": [str(number)]}],
    }


def policy(rng: Random, net: Site) -> Json:
    strict = rng.random() < 0.5
    found: Json = {
        "StatelessDefaultActions": [rng.choice(("aws:forward_to_sfe",) * 5 + ("aws:pass", "aws:drop"))],
        "StatelessFragmentDefaultActions": ["aws:drop"],
        "StatelessRuleGroupReferences": [],
        "StatefulRuleGroupReferences": [],
    }
    if rng.random() < 0.5:
        found["StatefulEngineOptions"] = {"RuleOrder": "STRICT_ORDER" if strict else "DEFAULT_ACTION_ORDER"}
    else:
        strict = False
    if strict and rng.random() < 0.7:
        found["StatefulDefaultActions"] = rng.choice(
            (["aws:drop_strict"], ["aws:alert_strict"], ["aws:drop_strict", "aws:alert_strict"])
        )
    for n in range(rng.choice((0, 0, 1, 1, 2))):
        rules = [stateless_rule(rng, priority) for priority in rng.sample(range(1, 50), rng.choice((1, 2, 3)))]
        group = {"RulesSource": {"StatelessRulesAndCustomActions": {"StatelessRules": rules, "CustomActions": []}}}
        arn = net.rule_group(f"stateless-{n}", group, stateful=False)
        found["StatelessRuleGroupReferences"].append({"ResourceArn": arn, "Priority": rng.choice((5, 1)) + n})
    for n in range(rng.choice((0, 1, 1, 2))):
        rows = [stateful_rule(rng, n * 10 + k + 1) for k in range(rng.choice((1, 2, 3)))]
        options = {"StatefulRuleOptions": {"RuleOrder": "STRICT_ORDER"}} if strict else {}
        arn = net.rule_group(f"stateful-{n}", {"RulesSource": {"StatefulRules": rows}, **options}, stateful=True)
        reference = {"ResourceArn": arn, "Priority": 10 - n} if strict else {"ResourceArn": arn}
        found["StatefulRuleGroupReferences"].append(reference)
    return found


def firewall(rng: Random) -> Scene:
    """Between the workloads of a VPC and the internet, and between two of its subnets."""
    net = Site()
    net.vpc("a", "10.0.0.0/16")
    igw = net.internet_gateway("a")
    for zone in (0, 1):
        net.subnet(f"fw{zone}", "a", f"10.0.20{zone}.0/28", zone, [("0.0.0.0/0", igw)])
        net.gateway_load_balancer_endpoint(f"fw{zone}", f"fw{zone}", f"10.0.20{zone}.4")
    for zone in (0, 1):
        inner = [(f"10.0.{1 - zone}.0/24", f"vpce-fw{rng.choice((0, 0, 0, 1))}")]
        routes = [("0.0.0.0/0", f"vpce-fw{zone}")] + (inner if rng.random() < 0.6 else [])
        net.subnet(f"a{zone}", "a", f"10.0.{zone}.0/24", zone, routes)
        net.instance(f"a{zone}", f"a{zone}", f"10.0.{zone}.10", f"52.0.0.{zone + 1}" if rng.random() < 0.9 else None)
    edge = [shapes.route("10.0.0.0/16", "local")]
    redirected = [zone for zone in (0, 1) if rng.random() < 0.9]
    through = {zone: zone if rng.random() < 0.95 else 1 - zone for zone in redirected}
    edge += [shapes.route(f"10.0.{zone}.0/24", f"vpce-fw{end}") for zone, end in through.items()]
    table = shapes.route_table("rtb-edge", "vpc-a", edge)
    table["Associations"] = [
        {
            "Main": False,
            "RouteTableAssociationId": "rtbassoc-edge",
            "RouteTableId": "rtb-edge",
            "GatewayId": igw,
            "AssociationState": {"State": "associated"},
        }
    ]
    net.add("RouteTables", table)
    net.firewall("main", "a", {"fw0": "fw0", "fw1": "fw1"}, policy(rng, net))
    change(rng, net, (deny, narrow, lose_route, bury_route, block_public_access))
    here, inner_host = rng.choice(("i-a0", "i-a1")), rng.choice((("i-a0", "i-a1"), ("i-a1", "i-a0")))
    ends = rng.choice(((here, OUTSIDE), (here, OUTSIDE), (OUTSIDE, here), inner_host))
    return net.raw, packet(rng, *ends)


def inspection(rng: Random) -> Scene:
    """Two spokes whose packets a transit gateway takes through a firewall in a third VPC, and out to the internet."""
    net = Site()
    gateway = net.transit_gateway("one", "enable")
    for number, name in enumerate(("a", "b")):
        spoke(net, name, number, [("0.0.0.0/0", gateway)], ipv6=False)
    net.vpc("x", "10.9.0.0/16")
    igw = net.internet_gateway("x")
    back = [("10.0.0.0/15", gateway)]
    for zone in (0, 1):
        net.subnet(f"x-door{zone}", "x", f"10.9.{zone}.0/28", zone, [("0.0.0.0/0", f"vpce-fw{zone}")])
        net.subnet(f"x-fw{zone}", "x", f"10.9.1{zone}.0/28", zone, [*back, ("0.0.0.0/0", f"nat-x{zone}")])
        net.gateway_load_balancer_endpoint(f"fw{zone}", f"x-fw{zone}", f"10.9.1{zone}.4")
        net.subnet(
            f"x-nat{zone}", "x", f"10.9.2{zone}.0/28", zone, [("10.0.0.0/15", f"vpce-fw{zone}"), ("0.0.0.0/0", igw)]
        )
        net.nat(f"x{zone}", f"x-nat{zone}", f"10.9.2{zone}.9", f"52.0.0.{zone + 1}")
    net.firewall("main", "x", {"x-fw0": "fw0", "x-fw1": "fw1"}, policy(rng, net))
    before, after = net.transit_table(gateway, "before"), net.transit_table(gateway, "after")
    spokes = {name: net.attach_vpc(gateway, name, [f"{name}-door0", f"{name}-door1"], "before") for name in "ab"}
    x = net.attach_vpc(gateway, "x", ["x-door0", "x-door1"], "after", appliance=rng.random() < 0.75)
    before.append(net.transit_route("0.0.0.0/0", x))
    for number, name in enumerate("ab"):
        after.append(net.transit_route(f"10.{number}.0.0/16", spokes[name], "propagated"))

    def shortcut(rng: Random, net: Site) -> None:
        before.append(net.transit_route("10.1.0.0/16", spokes["b"]))

    def reference(rng: Random, net: Site) -> None:
        net.one("SecurityGroups", "GroupId", "sg-b")["IpPermissions"] = [shapes.permission("-1", peers=["sg-a"])]

    def lose(rng: Random, net: Site) -> None:
        if after:
            after.pop()

    change(rng, net, (deny, deny, narrow, lose_route, bury_route, shortcut, reference, lose, block_public_access))
    ends = rng.choice((("i-a0", "i-b0"), ("i-a0", "i-b1"), ("i-a1", "i-b0"), ("i-a0", OUTSIDE), ("i-b1", OUTSIDE)))
    return net.raw, packet(rng, *ends)
