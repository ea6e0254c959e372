"""AWS Network Firewall on the path: its rules, both ways through the same endpoint, what a header can't decide.

https://docs.aws.amazon.com/network-firewall/latest/developerguide/firewall-policy-processing.html
https://docs.aws.amazon.com/network-firewall/latest/developerguide/suricata-rule-evaluation-order.html
https://docs.aws.amazon.com/network-firewall/latest/developerguide/arch-igw-ngw.html (the routes of ``inspected``)
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import OUT, Json, Network, allow, blockers, codes, tcp
from whyblocked.errors import InputError

TO = "app -> 192.0.2.80:443"


def rules(text: str, **more: Any) -> Json:
    return {"RulesSource": {"RulesString": text}, **more}


def listed(*targets: str, kind: str = "ALLOWLIST") -> Json:
    source = {"Targets": list(targets), "TargetTypes": ["TLS_SNI", "HTTP_HOST"], "GeneratedRulesType": kind}
    return {"RulesSource": {"RulesSourceList": source}}


def stateless(priority: int, action: str, **match: Any) -> Json:
    attributes = {
        "Sources": [{"AddressDefinition": block} for block in match.get("sources", ["0.0.0.0/0"])],
        "Destinations": [{"AddressDefinition": block} for block in match.get("destinations", ["0.0.0.0/0"])],
        "SourcePorts": [{"FromPort": a, "ToPort": b} for a, b in match.get("source_ports", [])],
        "DestinationPorts": [{"FromPort": a, "ToPort": b} for a, b in match.get("ports", [])],
        "Protocols": match.get("protocols", []),
        **({"TCPFlags": match["flags"]} if "flags" in match else {}),
    }
    return {"Priority": priority, "RuleDefinition": {"MatchAttributes": attributes, "Actions": [action]}}


def inspected(*, edge: bool = True, back: str = "vpce-fw", tag: bool = True, acl: Any = None, **policy: Any) -> Network:
    """``app`` (10.0.1.10, public 198.51.100.10) behind a firewall endpoint in subnet-fw, which has the way out."""
    net = Network()
    net.internet_gateway()
    net.subnet("subnet-app", "10.0.1.0/24", routes={"0.0.0.0/0": "vpce-fw"})
    net.subnet("subnet-fw", "10.0.2.0/28", routes={"0.0.0.0/0": "igw-1"}, **({"acl": acl} if acl else {}))
    net.group("sg-app", [tcp(443, "0.0.0.0/0")], OUT)
    net.instance("app", "10.0.1.10", public="198.51.100.10", groups=["sg-app"])
    arn = net.firewall("inspection", {"subnet-fw": "vpce-fw"}, **policy)
    service = "com.amazonaws.vpce.eu-west-1.vpce-svc-0a1b2c3d4e5f60718"
    net.endpoint("vpce-fw", service, "GatewayLoadBalancer", at={"subnet-fw": "10.0.2.5"}, firewall=arn if tag else None)
    if edge:
        net.table("rtb-edge", {"10.0.1.0/24": back}, gateway="igw-1")
    return net


def test_without_rules_everything_passes_and_both_ways_go_through_the_endpoint() -> None:
    answer = inspected().ask(TO)
    assert (answer.verdict, blockers(answer), answer.missing) == ("allowed", [], [])
    assert [hop.kind for hop in answer.forward] == [
        *(
            "interface",
            "security-group",
            "route-table",
            "network-acl",
            "network-acl",
            "vpc-endpoint",
            "network-firewall",
        ),
        *("route-table", "network-acl", "internet-gateway", "internet"),
    ]
    assert "network-firewall" in [hop.kind for hop in answer.return_]


def test_from_the_internet_the_gateways_table_sends_it_through_the_firewall() -> None:
    answer = inspected(stateful={"web": rules('drop tcp any any -> any 443 (msg:"no web"; sid:7; rev:1;)')}).ask(
        "203.0.113.5 -> app:443"
    )
    assert (answer.verdict, codes(answer)) == ("blocked", ["FIREWALL_RULES_RESTRICTION"])
    (found,) = answer.blocked_by
    assert (found.layer, found.leg, found.rule) == (
        "network-firewall",
        "forward",
        {"rule_group": "web", "rule": "rule 7", "action": "drop", "sid": "7", "msg": "no web"},
    )
    assert found.interface_id == "eni-vpce-fw-0"


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("drop tcp any any -> any 443 (sid:1;)", "blocked"),
        ("reject tcp any any -> any 443 (sid:1;)", "blocked"),
        ("drop tcp any any -> any 80 (sid:1;)", "allowed"),
        ("drop udp any any -> any any (sid:1;)", "allowed"),
        ("drop ip any any -> any any (sid:1;)", "blocked"),
        ("alert tcp any any -> any 443 (sid:1;)", "allowed"),
        ("# drop tcp any any -> any 443 (sid:1;)", "allowed"),
        ("drop tcp $HOME_NET any -> $EXTERNAL_NET 443 (sid:1;)", "blocked"),
        ("drop tcp $EXTERNAL_NET any -> $HOME_NET any (sid:1;)", "blocked"),  # matches the reply
        ("drop tcp $EXTERNAL_NET any -> $HOME_NET any (flow:to_server; sid:1;)", "allowed"),
        ("drop tcp [10.0.0.0/8, !10.0.1.0/24] any -> any any (sid:1;)", "allowed"),
        ("drop tcp !10.0.2.0/24 any -> any ![80,8080:8090] (sid:1;)", "blocked"),
        ("drop tcp 192.0.2.80 443 -> any any (sid:1;)", "blocked"),  # matches the reply
        ("drop tcp 192.0.2.80 any <> 10.0.1.10 any (sid:1;)", "blocked"),
        ("drop tcp any any -> any 443 (sid:1;)\npass tcp any any -> any 443 (sid:2;)", "allowed"),
        ('drop tcp any any -> any 443 \\\n (msg:"a; b"; sid:1;)', "blocked"),
        ('drop tls any any -> any any (tls.sni; content:"evil"; sid:1;)', "undetermined"),
        ('drop tcp any any -> any 443 (content:"evil"; sid:1;)', "undetermined"),
        ('drop tcp any any -> any 80 (content:"evil"; sid:1;)', "allowed"),
        ("drop tcp $PARTNERS any -> any any (sid:1;)", "undetermined"),
        (
            'drop tls any any -> any any (tls.sni; content:"evil"; sid:1;)\npass tcp any any -> any 443 (sid:2;)',
            "allowed",
        ),
        ("not a rule at all", "undetermined"),
    ],
)
def test_rules_are_tried_in_the_order_of_their_actions(text: str, verdict: str) -> None:
    answer = inspected(stateful={"all": rules(text)}).ask(TO)
    assert answer.verdict == verdict, answer.summary
    assert {finding.layer for finding in answer.blocked_by} == ({"network-firewall"} if verdict == "blocked" else set())


def test_what_the_header_does_not_decide_is_named() -> None:
    text = 'drop tls any any -> any any (tls.sni; content:"evil.example"; msg:"no evil"; sid:4711;)'
    answer = inspected(stateful={"deep": rules(text)}).ask(TO)
    assert answer.verdict == "undetermined"
    (missing,) = answer.missing
    assert "rule 4711 (no evil) of rule group deep of network firewall inspection: may drop it" in missing


@pytest.mark.parametrize(
    ("text", "default", "verdict"),
    [
        ("", ["aws:drop_strict"], "blocked"),
        ("", ["aws:drop_established"], "blocked"),
        ("", ["aws:alert_strict"], "allowed"),
        ("", [], "allowed"),
        ("pass tcp any any -> any 443 (sid:1;)", ["aws:drop_strict", "aws:alert_strict"], "allowed"),
        ("drop ip any any -> any any (sid:1;)\npass tcp any any -> any 443 (sid:2;)", ["aws:drop_strict"], "blocked"),
        ("pass tcp any any -> any 443 (sid:1;)\ndrop ip any any -> any any (sid:2;)", [], "allowed"),
        ('pass tls any any -> any 443 (tls.sni; content:"good"; sid:1;)', ["aws:drop_established"], "undetermined"),
        ('pass tls any any -> any 443 (tls.sni; content:"good"; sid:1;)', ["aws:drop_strict"], "blocked"),
        ("pass tcp any any <> any any (flow:not_established; sid:1;)", ["aws:drop_established"], "blocked"),
    ],
)
def test_in_strict_order_the_first_rule_decides_and_then_the_default(
    text: str, default: list[str], verdict: str
) -> None:
    answer = inspected(stateful={"all": rules(text)}, strict=True, default=default).ask(TO)
    assert answer.verdict == verdict, answer.summary


def test_a_reply_passes_with_the_flow_that_a_rule_passed() -> None:
    answer = inspected(
        stateful={"all": rules("pass tcp $HOME_NET any -> any 443 (sid:1;)")}, strict=True, default=["aws:drop_strict"]
    ).ask(TO)
    assert answer.verdict == "allowed"


@pytest.mark.parametrize(
    ("kind", "verdict"), [("ALLOWLIST", "undetermined"), ("DENYLIST", "undetermined"), ("ALERTLIST", "allowed")]
)
def test_a_domain_list_is_a_possible_blocker(kind: str, verdict: str) -> None:
    answer = inspected(stateful={"names": listed(".example.com", kind=kind)}).ask(TO)
    assert (answer.verdict, blockers(answer)) == (verdict, [])
    assert all("domain list" in missing and ".example.com" in missing for missing in answer.missing)


def test_a_domain_list_says_nothing_of_udp() -> None:
    assert inspected(stateful={"names": listed(".example.com")}).ask("app -> 192.0.2.80:53/udp").verdict == "allowed"


def test_rules_in_parts_are_read_as_those_in_a_text() -> None:
    header = {"Protocol": "TCP", "Source": "$HOME_NET", "SourcePort": "ANY", "Direction": "FORWARD"}
    header |= {"Destination": "ANY", "DestinationPort": "[443,8443]"}
    rule = {"Action": "DROP", "Header": header, "RuleOptions": [{"Keyword": "sid", "Settings": ["12"]}]}
    answer = inspected(stateful={"five": {"RulesSource": {"StatefulRules": [rule]}}}).ask(TO)
    assert (answer.verdict, (answer.blocked_by[0].rule or {})["sid"]) == ("blocked", "12")


def test_variables_of_the_group_the_policy_and_references_are_followed() -> None:
    variables = {"IPSets": {"PARTNERS": {"Definition": ["192.0.2.0/24"]}}, "PortSets": {"WEB": {"Definition": ["443"]}}}
    text = "drop tcp any any -> $PARTNERS $WEB (sid:1;)"
    assert inspected(stateful={"a": rules(text, RuleVariables=variables)}).ask(TO).verdict == "blocked"
    reference = {"IPSetReferences": {"LIST": {"ReferenceArn": "arn:aws:ec2:eu-west-1:123456789012:prefix-list/pl-1"}}}
    net = inspected(stateful={"a": rules("drop tcp any any -> @LIST any (sid:1;)", ReferenceSets=reference)})
    assert net.ask(TO).verdict == "undetermined"
    net.prefix_list("pl-1", ["192.0.2.0/24"])
    assert net.ask(TO).verdict == "blocked"
    home = inspected(stateful={"a": rules("drop tcp $HOME_NET any -> any any (sid:1;)")}, home=["10.99.0.0/16"])
    assert home.ask(TO).verdict == "allowed"


def test_stateless_rules_come_first_by_priority() -> None:
    drop = stateless(10, "aws:drop", ports=[(443, 443)], protocols=[6])
    passing = stateless(5, "aws:pass", ports=[(443, 443)], protocols=[6])
    replies = stateless(6, "aws:pass", source_ports=[(443, 443)], protocols=[6])
    dropped = inspected(stateless={"sl": [drop]}).ask(TO)
    assert (dropped.verdict, (dropped.blocked_by[0].rule or {})["rule"]) == ("blocked", "stateless rule 10")
    everything = {"all": rules("drop ip any any -> any any (sid:1;)")}
    assert inspected(stateless={"sl": [drop, passing, replies]}, stateful=everything).ask(TO).verdict == "allowed"


def test_a_stateless_pass_covers_no_reply() -> None:
    passing = stateless(5, "aws:pass", ports=[(443, 443)], protocols=[6])
    answer = inspected(stateless={"sl": [passing]}, stateless_default="aws:drop").ask(TO)
    assert [(f.layer, f.leg) for f in answer.blocked_by] == [("network-firewall", "return")]
    unseen = inspected(stateless={"sl": [passing]}).ask(TO)
    assert [(f.code, f.leg) for f in unseen.blocked_by] == [("ASYMMETRIC_ROUTING", "return")]


def test_tcp_flags_decide_by_the_packet_that_opens() -> None:
    syn = [{"Flags": ["SYN"], "Masks": ["SYN", "ACK"]}]
    ack = [{"Flags": ["ACK"], "Masks": ["ACK"]}]
    assert inspected(stateless={"sl": [stateless(1, "aws:drop", flags=syn)]}).ask(TO).verdict == "blocked"
    assert inspected(stateless={"sl": [stateless(1, "aws:pass", flags=ack)]}).ask(TO).verdict == "undetermined"


def test_replies_past_the_firewall_are_asymmetric() -> None:
    answer = inspected(edge=False).ask(TO)
    assert (answer.verdict, codes(answer)) == ("blocked", ["ASYMMETRIC_ROUTING"])
    assert (answer.blocked_by[0].layer, answer.blocked_by[0].leg) == ("network-firewall", "return")


def test_requests_past_the_firewall_are_asymmetric() -> None:
    answer = inspected(edge=False).ask("203.0.113.5 -> app:443")
    assert (answer.verdict, codes(answer)) == ("blocked", ["ASYMMETRIC_ROUTING"])


def test_the_firewalls_subnet_has_its_own_network_acl() -> None:
    answer = inspected(acl=([allow(100, "tcp", 80)], [allow(100)])).ask(TO)
    assert [(f.layer, f.subnet_id, f.leg) for f in answer.blocked_by] == [
        ("network-acl", "subnet-fw", "forward"),
        ("network-acl", "subnet-fw", "return"),
    ]


def test_the_firewall_is_found_without_its_tag() -> None:
    net = inspected(tag=False, stateful={"all": rules("drop tcp any any -> any 443 (sid:1;)")})
    assert net.ask(TO).verdict == "blocked"
    net.leave_out("Firewalls")
    assert net.ask(TO).verdict == "blocked"


@pytest.mark.parametrize(
    "missing", ["describe-firewall.inspection", "describe-firewall-policy.inspection", "describe-rule-group.all"]
)
def test_what_of_the_firewall_could_not_be_read_leaves_it_open(missing: str) -> None:
    net = inspected(stateful={"all": rules("pass tcp any any -> any any (sid:1;)")})
    del net.details[missing]
    answer = net.ask(TO)
    assert (answer.verdict, blockers(answer)) == ("undetermined", [])
    assert any("network-firewall:Describe" in line for line in answer.missing)


def test_a_firewall_that_is_not_ready_passes_nothing() -> None:
    answer = inspected(status="FAILED").ask(TO)
    assert (answer.verdict, set(codes(answer))) == ("blocked", {"BAD_STATE"})


def test_managed_rules_are_not_shown_by_aws() -> None:
    net = inspected()
    policy = net.details["describe-firewall-policy.inspection"]["FirewallPolicy"]
    arn = "arn:aws:network-firewall:eu-west-1:aws-managed:stateful-rulegroup/ThreatSignaturesBotnetActionOrder"
    policy["StatefulRuleGroupReferences"] = [{"ResourceArn": arn}]
    answer = net.ask(TO)
    assert answer.verdict == "undetermined"
    assert any("ThreatSignaturesBotnetActionOrder" in line for line in answer.missing)
    policy["StatefulRuleGroupReferences"][0]["Override"] = {"Action": "DROP_TO_ALERT"}
    assert net.ask(TO).verdict == "allowed"


def test_a_group_that_names_the_senders_group_allows_nothing_behind_a_firewall() -> None:
    # https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
    net = inspected()
    net.subnet("subnet-db", "10.0.3.0/24", routes={"10.0.1.0/24": "vpce-fw"})
    app = next(t for t in net.responses["RouteTables"] if t["RouteTableId"] == "rtb-app")
    app["Routes"].append(
        {"DestinationCidrBlock": "10.0.3.0/24", "GatewayId": "vpce-fw", "Origin": "CreateRoute", "State": "active"}
    )
    net.group("sg-db", [tcp(5432, "sg-app")], OUT)
    net.instance("db", "10.0.3.20", groups=["sg-db"])
    answer = net.ask("app -> db:5432")
    assert (answer.verdict, codes(answer)) == ("blocked", ["SG_REFERENCES_NOT_PRESERVED"])


def with_nat(*, firewall_first: bool, back: bool = True) -> Network:
    """``worker`` (10.0.1.10) goes out through a NAT gateway in subnet-nat and a firewall, in either order."""
    net = Network()
    net.internet_gateway()
    to_client = {"10.0.1.0/24": "vpce-fw"} if back else {}
    if firewall_first:
        net.subnet("subnet-app", "10.0.1.0/24", routes={"0.0.0.0/0": "vpce-fw"})
        net.subnet("subnet-fw", "10.0.2.0/28", routes={"0.0.0.0/0": "nat-1"})
        net.subnet("subnet-nat", "10.0.3.0/24", routes={"0.0.0.0/0": "igw-1", **to_client})
    else:
        net.subnet("subnet-app", "10.0.1.0/24", routes={"0.0.0.0/0": "nat-1"})
        net.subnet("subnet-fw", "10.0.2.0/28", routes={"0.0.0.0/0": "igw-1"})
        net.subnet("subnet-nat", "10.0.3.0/24", routes={"0.0.0.0/0": "vpce-fw"})
        net.table("rtb-edge", {"10.0.3.0/24": "vpce-fw"} if back else {}, gateway="igw-1")
    net.nat_gateway("nat-1", "10.0.3.99", "198.51.100.99")
    net.instance("worker", "10.0.1.10")
    arn = net.firewall("inspection", {"subnet-fw": "vpce-fw"})
    service = "com.amazonaws.vpce.eu-west-1.vpce-svc-0a1b2c3d4e5f60718"
    net.endpoint("vpce-fw", service, "GatewayLoadBalancer", at={"subnet-fw": "10.0.2.5"}, firewall=arn)
    return net


def inspected_twice() -> Network:
    """``worker`` goes out through vpce-fw, a NAT gateway (10.0.3.99) and vpce-fw2; their firewall drops HTTPS."""
    net = Network()
    net.internet_gateway()
    net.subnet("subnet-app", "10.0.1.0/24", routes={"0.0.0.0/0": "vpce-fw"})
    net.subnet("subnet-fw", "10.0.2.0/28", routes={"0.0.0.0/0": "nat-1"})
    net.subnet("subnet-nat", "10.0.3.0/24", routes={"0.0.0.0/0": "vpce-fw2", "10.0.1.0/24": "vpce-fw"})
    net.subnet("subnet-fw2", "10.0.4.0/28", routes={"0.0.0.0/0": "igw-1"}, zone="b")
    net.table("rtb-edge", {"10.0.3.0/24": "vpce-fw2"}, gateway="igw-1")
    net.nat_gateway("nat-1", "10.0.3.99", "198.51.100.99")
    net.instance("worker", "10.0.1.10")
    drops = {"no-web": rules("drop tcp any any -> any 443 (sid:1;)")}
    arn = net.firewall("inspection", {"subnet-fw": "vpce-fw", "subnet-fw2": "vpce-fw2"}, stateful=drops)
    service = "com.amazonaws.vpce.eu-west-1.vpce-svc-0a1b2c3d4e5f60718"
    net.endpoint("vpce-fw", service, "GatewayLoadBalancer", at={"subnet-fw": "10.0.2.5"}, firewall=arn)
    net.endpoint("vpce-fw2", service, "GatewayLoadBalancer", at={"subnet-fw2": "10.0.4.5"}, firewall=arn)
    return net


def test_a_firewall_on_both_sides_of_a_nat_gateway_refuses_at_each() -> None:
    """Two places on the way, with the packets as they are there: past the one the other still drops them."""
    found = inspected_twice().ask("worker -> 192.0.2.80:443").blocked_by
    assert [(one.leg, one.code, one.packets.source) for one in found] == [
        ("forward", "FIREWALL_RULES_RESTRICTION", "10.0.1.10/32"),
        ("forward", "FIREWALL_RULES_RESTRICTION", "10.0.3.99/32"),
    ]
    assert [one.summary.split(":")[0] for one in found] == [
        "Network firewall inspection at vpce-fw",
        "Network firewall inspection at vpce-fw2",
    ]


@pytest.mark.parametrize("firewall_first", [True, False])
def test_a_firewall_before_or_behind_a_nat_gateway(firewall_first: bool) -> None:
    # https://docs.aws.amazon.com/network-firewall/latest/developerguide/arch-igw-ngw.html
    answer = with_nat(firewall_first=firewall_first).ask("worker -> 192.0.2.80:443")
    assert (answer.verdict, blockers(answer), answer.missing) == ("allowed", [], [])
    assert [hop.kind for hop in answer.return_].count("network-firewall") == 1


@pytest.mark.parametrize("firewall_first", [True, False])
def test_replies_of_a_nat_gateway_past_the_firewall_are_asymmetric(firewall_first: bool) -> None:
    answer = with_nat(firewall_first=firewall_first, back=False).ask("worker -> 192.0.2.80:443")
    assert (answer.verdict, codes(answer)) == ("blocked", ["ASYMMETRIC_ROUTING"])


def test_what_opens_a_connection_may_show_in_flow_logs_where_only_established_ones_are_dropped() -> None:
    records = """
        2 123456789012 eni-app 10.0.1.10 192.0.2.80 42013 443 6 3 180 1795424413 1795424470 ACCEPT OK
        2 123456789012 eni-app 192.0.2.80 10.0.1.10 443 42013 6 1 60 1795424413 1795424470 ACCEPT OK
    """
    for default, status in (("aws:drop_established", "confirms"), ("aws:drop_strict", "contradicts")):
        answer = inspected(stateful={"none": rules("")}, strict=True, default=[default]).ask(TO, records)
        assert (answer.verdict, answer.evidence.status) == ("blocked", status)


@pytest.mark.parametrize("question", [TO, "app -> 192.0.2.80/icmp"])
def test_a_rule_about_replies_counts_where_none_passed_the_request(question: str) -> None:
    text = "drop ip any any -> 10.0.1.0/24 any (sid:7; rev:1;)"
    answer = inspected(stateful={"in": rules(text)}).ask(question)
    assert (answer.verdict, blockers(answer)[0].split()[:2]) == ("blocked", ["return", "network-firewall"])
    passed = inspected(stateful={"in": rules(f"pass ip 10.0.1.0/24 any -> any any (sid:6; rev:1;)\n{text}")})
    assert passed.ask(question).verdict == "allowed"


def test_a_reply_that_only_stateless_rules_see_is_warned_of() -> None:
    back = stateless(1, "aws:pass", sources=["192.0.2.0/24"])
    answer = inspected(stateless={"back": [back]}).ask(TO)
    assert answer.verdict == "allowed"
    assert any("one half" in warning for warning in answer.warnings)


@pytest.mark.parametrize(
    ("excluded", "verdict"), [("subnet-app", "allowed"), ("subnet-fw", "blocked"), (None, "blocked")]
)
def test_behind_a_firewall_the_workloads_subnet_has_to_be_excluded_from_block_public_access(
    excluded: str | None, verdict: str
) -> None:
    """https://docs.aws.amazon.com/vpc/latest/userguide/security-vpc-bpa-basics.html: not the firewall's subnet."""
    net = inspected()
    net.block_public_access("block-bidirectional", {excluded: "allow-bidirectional"} if excluded else None)
    answer = net.ask(TO)
    assert answer.verdict == verdict
    assert [found.subnet_id for found in answer.blocked_by] == ([] if verdict == "allowed" else ["subnet-app"])


def resolved_only(action: str = "DROP", **more: Any) -> Json:
    validation = {"Action": action, "DNSFirewallRuleGroupId": "rslvr-frg-0a1b2c3d4e5f60718", **more}
    return {"Route53ResolvedIPValidation": validation}


@pytest.mark.parametrize("action", ["DROP", "REJECT"])
def test_only_the_resolver_knows_which_addresses_it_gave(action: str) -> None:
    # https://docs.aws.amazon.com/network-firewall/latest/developerguide/route53-resolved-ip-validation-policy-setting.html
    answer = inspected(more=resolved_only(action)).ask(TO)
    assert answer.verdict == "undetermined"
    (missing,) = answer.missing
    assert missing.startswith("resolved IP validation of network firewall inspection: may drop it: only Route 53")


def block_of(text: str) -> list[Json]:
    return [{"AddressDefinition": text}]


@pytest.mark.parametrize(
    ("policy", "question"),
    [
        (resolved_only("ALERT"), TO),
        (resolved_only(BypassDestinationValidationIPRanges=block_of("192.0.2.0/24")), TO),
        (resolved_only(SourceIPRanges=block_of("10.0.7.0/24")), TO),
        (resolved_only(SourceIPRanges=[]), TO),
        (resolved_only(), "203.0.113.5 -> app:443"),  # without sources those of the firewall's VPC are meant
    ],
)
def test_what_is_not_validated_passes(policy: Json, question: str) -> None:
    answer = inspected(more=policy).ask(question)
    assert (answer.verdict, answer.missing) == ("allowed", [])


def test_what_is_dropped_whatever_the_resolver_gave_is_blocked() -> None:
    answer = inspected(strict=True, default=["aws:drop_strict"], more=resolved_only()).ask(TO)
    assert (answer.verdict, codes(answer)) == ("blocked", ["FIREWALL_RULES_RESTRICTION"])


def test_a_list_of_resolved_domains_counts_for_every_protocol() -> None:
    names = listed(".example.com")
    names["RulesSource"]["RulesSourceList"]["TargetTypes"] = ["AWS_ROUTE_53_RESOLVED_DOMAIN"]
    net = inspected(stateful={"names": names}, strict=True, default=["aws:drop_strict"])
    answer = net.ask("app -> 192.0.2.80:53/udp")
    assert answer.verdict == "undetermined"
    assert any("domain list" in missing for missing in answer.missing)


def test_a_policy_that_does_not_show_its_default_actions_tells_nothing() -> None:
    net = inspected()
    del net.details["describe-firewall-policy.inspection"]["FirewallPolicy"]["StatelessDefaultActions"]
    with pytest.raises(InputError, match='has no key "StatelessDefaultActions"'):
        net.ask(TO)
