"""Load balancers: what takes the client's connection, and the load balancer's own to each of its targets.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-troubleshooting.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-update-security-groups.html
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.balancing import Balancing
from tests.builders import OPEN, Json, Network, allow, blockers, codes, deny, icmp, tcp, udp
from whyblocked.diagnosis.answer import Answer
from whyblocked.errors import EndpointError

HTTP = {("HTTP", 80): "web"}
TARGET, OTHER = "10.0.3.10", "10.0.4.10"


class Shop:
    """``client`` (10.0.0.10), a load balancer in two zones (10.0.1.50, 10.0.2.50), targets web-1 and web-2, which are
    in the same zones but other subnets (10.0.3.10, 10.0.4.10) and listen on 8080."""

    def __init__(self, *, acls: dict[str, Any] | None = None, ingress: dict[str, list[Json]] | None = None) -> None:
        net = self.net = Network()
        acls, ingress = acls or {}, ingress or {}
        zones = {"client": "a", "a": "a", "b": "b", "web-1": "a", "web-2": "b"}
        for third, (bits, zone) in enumerate(zones.items()):
            net.subnet(f"subnet-{bits}", f"10.0.{third}.0/24", zone=zone, acl=acls.get(bits))
        net.group("sg-shop", ingress.get("shop", [tcp(80, "10.0.0.0/16")]))
        for name in ("web-1", "web-2"):
            net.group(f"sg-{name}", ingress.get(name, [tcp(8080, "sg-shop")]))
        self.client = net.instance("client", "10.0.0.10")
        self.one = net.instance("web-1", TARGET, groups=["sg-web-1"])
        self.two = net.instance("web-2", OTHER, groups=["sg-web-2"])
        self.balance = Balancing(net)

    def targets(self, **settings: Any) -> Shop:
        targets = settings.pop("targets", {self.one: None, self.two: None})
        self.balance.group(settings.pop("name", "web"), targets, **{"port": 8080, **settings})
        return self

    def balanced(self, listeners: Any = None, **settings: Any) -> Shop:
        nodes = settings.pop("nodes", {"subnet-a": "10.0.1.50", "subnet-b": "10.0.2.50"})
        groups = settings.pop("groups", ["sg-shop"])
        self.arn = self.balance.balancer("shop", nodes, listeners or HTTP, groups=groups, **settings)
        return self

    def network(self, *, keeps: bool | None = None, groups: tuple[str, ...] = (), **settings: Any) -> Shop:
        """As a Network Load Balancer."""
        self.targets(protocol="TCP", keeps=keeps, **settings)
        return self.balanced({("TCP", 80): "web"}, kind="network", groups=list(groups))

    def ask(self, line: str = "client -> shop:80") -> Answer:
        return self.net.ask(line)


def shop(**settings: Any) -> Shop:
    return Shop(**settings).targets().balanced()


def test_a_load_balancer_that_shows_in_its_interfaces_alone_was_not_read() -> None:
    made = shop()
    made.net.leave_out("LoadBalancers")
    answer = made.ask()
    assert (answer.verdict, answer.exit_status) == ("undetermined", 3)
    assert "interfaces are there of a load balancer 'shop'" in answer.summary
    assert answer.missing == ["elasticloadbalancing:DescribeLoadBalancers: not in the snapshot"]
    with pytest.raises(EndpointError, match="nothing is called 'store'"):
        made.ask("client -> store:80")


@pytest.mark.parametrize("name", ["shp", "SHOP", "shopp"])
def test_a_load_balancer_is_among_what_is_called_nearly_so(name: str) -> None:
    made = shop()
    with pytest.raises(EndpointError) as caught:
        made.ask(f"client -> {name}:80")
    assert caught.value.candidates[0] == f"similar: {made.arn} (application load balancer, vpc-1)"


# -- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "shop",
        "internal-shop-1234567890.eu-west-1.elb.amazonaws.com",
        "Internal-Shop-1234567890.eu-west-1.elb.amazonaws.com.",
        "[arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/0123456789abcdef]",
    ],
)
def test_name_dns_name_and_arn_mean_the_same(name: str) -> None:
    answer = shop().ask(f"client -> {name}:80")
    assert (answer.verdict, answer.question.destination) == ("allowed", "shop")


def test_a_name_that_an_instance_has_as_well_is_ambiguous() -> None:
    made = shop()
    made.net.instance("shop", "10.0.0.99")
    with pytest.raises(EndpointError, match="ambiguous") as caught:
        made.ask()
    assert any("application load balancer" in line for line in caught.value.candidates)


def test_a_load_balancer_is_no_source() -> None:
    with pytest.raises(EndpointError, match="opens no connections of its own"):
        shop().ask("shop -> client:80")


# -- both connections -------------------------------------------------------------------------------------------------


def test_the_second_connection_has_the_target_port_and_the_nodes_address() -> None:
    answer = shop().ask()
    assert (answer.verdict, blockers(answer), answer.warnings) == ("allowed", [], [])
    to_target = next(hop for hop in answer.forward if hop.id == "sg-web-1")
    assert to_target.rule is not None
    assert (to_target.packet.destination, to_target.packet.destination_ports) == (f"{TARGET}/32", "8080")
    assert set(to_target.packet.source.split(",")) == {"10.0.1.50/32", "10.0.2.50/32"}
    assert to_target.packet.source_ports == "1024-65535"
    kinds = [hop.kind for hop in answer.forward]
    assert (
        kinds.index("load-balancer")
        < kinds.index("target-group")
        < kinds.index("network-acl", kinds.index("target-group"))
    )


def test_one_of_two_targets_that_refuses_makes_it_partial() -> None:
    answer = shop(ingress={"web-2": [tcp(8080, "10.0.0.10/32")]}).ask()
    assert (answer.verdict, blockers(answer)) == ("partial", ["forward security-group ingress sg-web-2"])
    assert answer.blocked_by[0].interface_id == "eni-web-2"


def test_all_targets_that_refuse_make_it_blocked() -> None:
    rules = [tcp(80, "sg-shop")]  # the listener's port in place of the target's
    answer = shop(ingress={"web-1": rules, "web-2": rules}).ask()
    assert answer.verdict == "blocked"
    assert [finding.near_misses[0].failed for finding in answer.blocked_by] == [["port"], ["port"]]


def test_the_load_balancers_own_groups_are_asked_on_both_sides() -> None:
    closed = shop(ingress={"shop": [tcp(80, "192.0.2.0/24")]}).ask()
    assert (closed.verdict, set(blockers(closed))) == ("blocked", {"forward security-group ingress sg-shop"})
    made = shop()
    made.net.responses["SecurityGroups"][0]["IpPermissionsEgress"] = [tcp(8443, "0.0.0.0/0")]
    assert set(blockers(made.ask())) == {"forward security-group egress sg-shop"}


def test_replies_of_targets_need_the_load_balancers_ephemeral_ports() -> None:
    """https://docs.aws.amazon.com/vpc/latest/userguide/custom-network-acl.html#nacl-ephemeral-ports"""
    answer = shop(acls={"web-1": (OPEN, [allow(100, "tcp", (32768, 65535))])}).ask()
    assert (answer.verdict, answer.blocked_by[0].leg) == ("partial", "return")
    assert answer.blocked_by[0].subnet_id == "subnet-web-1"


def test_replies_to_the_client_leave_the_nodes_subnet() -> None:
    closed = (OPEN, [allow(100, "tcp", 8080)])
    answer = shop(acls={"a": closed, "b": closed}).ask()
    assert (answer.verdict, {finding.subnet_id for finding in answer.blocked_by}) == (
        "blocked",
        {"subnet-a", "subnet-b"},
    )
    assert {finding.leg for finding in answer.blocked_by} == {"return"}


def test_a_subnet_that_shuts_out_the_load_balancers_subnet_gets_nothing() -> None:
    answer = shop(acls={"web-2": ([deny(90, cidr="10.0.2.0/24"), *OPEN], OPEN)}).ask()
    assert answer.verdict == "partial"
    assert blockers(answer) == ["forward network-acl ingress acl-web-2 rule 90"]


def test_a_target_that_is_stopped_is_named() -> None:
    made = shop()
    made.net.responses["Reservations"][1]["Instances"][0]["State"] = {"Code": 80, "Name": "stopped"}
    answer = made.ask()
    assert (answer.verdict, codes(answer)) == ("partial", ["BAD_STATE"])


# -- listeners --------------------------------------------------------------------------------------------------------


def test_a_port_without_a_listener_is_blocked_once_for_all_nodes() -> None:
    answer = shop(ingress={"shop": [tcp((0, 65535), "0.0.0.0/0")]}).ask("client -> shop:443")
    assert (answer.verdict, codes(answer)) == ("blocked", ["ELBV2_LISTENERS_MISMATCH"])
    assert answer.blocked_by[0].layer == "load-balancer"
    assert "it listens on tcp 80" in answer.blocked_by[0].summary
    assert answer.return_ == []


@pytest.mark.parametrize(
    ("protocol", "line", "verdict"),
    [
        ("TCP", "client -> shop:53", "allowed"),
        ("TCP", "client -> shop:53/udp", "blocked"),
        ("UDP", "client -> shop:53", "blocked"),
        ("UDP", "client -> shop:53/udp", "allowed"),
        ("TCP_UDP", "client -> shop:53", "allowed"),
        ("TCP_UDP", "client -> shop:53/udp", "allowed"),
        ("TLS", "client -> shop:53", "allowed"),
    ],
)
def test_a_listener_takes_its_protocol_alone(protocol: str, line: str, verdict: str) -> None:
    rules = [tcp(8080, "0.0.0.0/0"), udp(8080, "0.0.0.0/0")]
    made = Shop(ingress={"web-1": rules, "web-2": rules}).targets(protocol=protocol)
    answer = made.balanced({(protocol, 53): "web"}, kind="network", groups=[]).ask(line)
    assert answer.verdict == verdict
    assert set(codes(answer)) <= {"ELBV2_LISTENERS_MISMATCH"}


def test_which_ports_are_open_are_those_that_are_listened_on() -> None:
    made = Shop(ingress={"shop": [tcp((0, 65535), "0.0.0.0/0")]}).targets()
    answer = made.balanced({("HTTP", 80): "web", ("HTTPS", 443): "web"}).ask("client -> shop")
    assert (answer.verdict, answer.open_ports) == ("partial", "80,443")


def test_pings_are_answered_by_the_load_balancer_itself() -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-update-security-groups.html"""
    answer = shop(ingress={"shop": [icmp(8, 0, "0.0.0.0/0")]}).ask("client -> shop/icmp")
    assert answer.verdict == "allowed"
    assert "target-group" not in {hop.kind for hop in answer.forward}


@pytest.mark.parametrize("kind", ["fixed-response", "redirect"])
def test_what_a_listener_answers_itself_needs_no_target(kind: str) -> None:
    answer = Shop().balanced({("HTTP", 80): [{"Type": kind, "Order": 1}]}).ask()
    assert answer.verdict == "allowed"
    assert any("Default action" in warning or "The default action" in warning for warning in answer.warnings)


# -- rules ------------------------------------------------------------------------------------------------------------


def ruled(conditions: list[Json], **group: Any) -> Answer:
    made = Shop(ingress={"web-2": []}).targets(targets={"PLACE": None}).targets(name="api", targets={"PLACE": None})
    made.net.details["describe-target-health.web"]["TargetHealthDescriptions"][0]["Target"]["Id"] = made.one
    made.net.details["describe-target-health.api"]["TargetHealthDescriptions"][0]["Target"]["Id"] = made.two
    made.balanced({})
    listener = made.balance.listener(made.arn, "HTTP", 80, "web")
    made.balance.rule(listener, 10, conditions, "api")
    return made.ask()


def test_rules_on_what_packets_do_not_tell_are_all_possible() -> None:
    answer = ruled([{"Field": "path-pattern", "Values": ["/api/*"], "PathPatternConfig": {"Values": ["/api/*"]}}])
    assert (answer.verdict, blockers(answer)) == ("partial", ["forward security-group ingress sg-web-2"])
    assert any("rule 10 (path-pattern /api/*)" in warning for warning in answer.warnings)


@pytest.mark.parametrize(("block", "verdict"), [("10.0.0.0/24", "blocked"), ("192.0.2.0/24", "allowed")])
def test_rules_on_the_source_address_are_decided(block: str, verdict: str) -> None:
    answer = ruled([{"Field": "source-ip", "SourceIpConfig": {"Values": [block]}}])
    assert (answer.verdict, answer.warnings) == (verdict, [])


def test_a_target_group_of_no_weight_gets_nothing() -> None:
    made = Shop(ingress={"web-2": []})
    made.targets(targets={made.one: None}).targets(name="old", targets={made.two: None})
    assert made.balanced({("HTTP", 80): {"web": 1, "old": 0}}).ask().verdict == "allowed"


def test_rules_that_were_not_read_leave_the_default_action() -> None:
    made = shop()
    made.net.leave_out("Rules")
    answer = made.ask()
    assert answer.verdict == "allowed"
    assert any("could not be read; default actions" in warning for warning in answer.warnings)


# -- targets ----------------------------------------------------------------------------------------------------------


def test_a_target_group_without_targets_serves_nobody() -> None:
    answer = Shop().targets(targets={}).balanced().ask()
    assert (answer.verdict, set(codes(answer))) == ("blocked", {"ELBV2_LISTENER_HAS_NO_TG"})
    assert answer.blocked_by[0].layer == "target-group"


@pytest.mark.parametrize("health", [("unused", "Target.NotInUse"), ("unavailable", "Target.HealthCheckDisabled")])
def test_a_target_in_a_zone_that_is_not_enabled_gets_nothing(health: tuple[str, str]) -> None:
    # "these registered targets do not receive traffic":
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/how-elastic-load-balancing-works.html
    made = Shop()
    made.targets(health={made.two: health}).balanced(nodes={"subnet-a": "10.0.1.50"})
    answer = made.ask()
    assert (answer.verdict, codes(answer)) == ("partial", ["ELBV2_NO_TARGETS_IN_AZ"])
    assert "eu-west-1b" in answer.blocked_by[0].summary


@pytest.mark.parametrize("state", ["healthy", "unhealthy", "initial"])
def test_a_network_load_balancer_serves_constrained_zones_across_zones(state: str) -> None:
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/network/availability-zones.html
    made = Shop(ingress={"web-1": [tcp(8080, "10.0.0.0/16")], "web-2": [tcp(8080, "10.0.0.0/16")]})
    made.targets(protocol="TCP", health={made.two: (state, None)})
    made.balanced({("TCP", 80): "web"}, kind="network", groups=[], nodes={"subnet-a": "10.0.1.50"}, cross_zone=True)
    assert (made.ask().verdict, codes(made.ask())) == ("allowed", [])
    alone = Shop().targets(health={}).balanced(nodes={"subnet-a": "10.0.1.50"})
    assert codes(alone.ask()) == ["ELBV2_NO_TARGETS_IN_AZ"], "an Application Load Balancer has none"


def test_unhealthy_is_said_and_is_not_blocked() -> None:
    made = Shop()
    made.targets(health={made.two: ("unhealthy", "Target.ResponseCodeMismatch")}).balanced()
    answer = made.ask()
    assert answer.verdict == "allowed"
    assert any(f"{made.two} is unhealthy (Target.ResponseCodeMismatch)" in warning for warning in answer.warnings)
    assert not any("all of them get traffic" in warning for warning in answer.warnings)


def test_where_all_are_unhealthy_all_get_traffic() -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html"""
    made = Shop()
    sick = ("unhealthy", "Target.Timeout")
    answer = made.targets(health={made.one: sick, made.two: sick}).balanced().ask()
    assert answer.verdict == "allowed"
    assert any("all of them get traffic" in warning for warning in answer.warnings)


def test_targets_by_address_are_walked_like_instances() -> None:
    made = Shop(ingress={"web-2": []}).targets(targets={TARGET: None, OTHER: None}, kind="ip").balanced()
    answer = made.ask()
    assert (answer.verdict, blockers(answer)) == ("partial", ["forward security-group ingress sg-web-2"])


def test_a_function_is_reached_without_the_network() -> None:
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:shop"
    answer = Shop().targets(targets={arn: None}, kind="lambda").balanced().ask()
    assert answer.verdict == "allowed"
    assert any("is invoked" in warning for warning in answer.warnings)


@pytest.mark.parametrize("left_out", ["LoadBalancers", "Listeners", "TargetGroups", "TargetHealthDescriptions"])
def test_what_was_not_read_is_undetermined_and_named(left_out: str) -> None:
    made = shop()
    made.net.leave_out(left_out)
    answer = made.ask("client -> 10.0.1.50:80")
    assert (answer.verdict, answer.exit_status) == ("undetermined", 3)
    assert any(missing.startswith("elasticloadbalancing:") for missing in answer.missing), answer.missing
    if left_out in ("Listeners", "TargetHealthDescriptions"):
        about = made.arn if left_out == "Listeners" else made.balance.group_arn("web")
        assert any(f": {about} is not in the snapshot" in missing for missing in answer.missing), answer.missing


# -- cross-zone -------------------------------------------------------------------------------------------------------


def test_without_balancing_across_zones_every_node_has_its_own_targets() -> None:
    made = Shop(acls={"web-2": ([deny(90, cidr="10.0.1.0/24"), *OPEN], OPEN)}).targets(cross_zone="false").balanced()
    assert made.ask().verdict == "allowed"  # with it, the node in zone a would send to web-2 and be refused
    assert shop(acls={"web-2": ([deny(90, cidr="10.0.1.0/24"), *OPEN], OPEN)}).ask().verdict == "partial"


def test_a_node_without_targets_in_its_zone_is_no_way_by_name_and_refuses_by_address() -> None:
    made = Shop()
    made.targets(targets={made.one: None}, cross_zone="false").balanced()
    by_name = made.ask()
    assert by_name.verdict == "allowed"
    assert any("no target in its node's zone eu-west-1b" in warning for warning in by_name.warnings)
    by_address = made.ask("client -> 10.0.2.50:80")
    assert (by_address.verdict, codes(by_address)) == ("blocked", ["ELBV2_NO_TARGETS_IN_AZ"])


def test_what_stops_packets_for_a_node_without_targets_stops_nobody() -> None:
    made = Shop(acls={"b": ([deny(90, cidr="10.0.0.0/24"), *OPEN], OPEN)})
    answer = made.targets(targets={made.one: None}, cross_zone="false").balanced().ask()
    assert (answer.verdict, blockers(answer)) == ("allowed", [])


# -- Network Load Balancers -------------------------------------------------------------------------------------------


def test_a_network_load_balancer_without_groups_filters_nothing_itself() -> None:
    rules = [tcp(8080, "10.0.0.0/24")]
    answer = Shop(ingress={"web-1": rules, "web-2": rules}).network().ask()
    assert answer.verdict == "allowed"
    assert "eni-shop-a" not in {hop.interface_id for hop in answer.forward if hop.kind == "security-group"}


def test_the_clients_address_is_kept_for_instances() -> None:
    rules = [tcp(8080, "10.0.1.0/24", "10.0.2.0/24")]
    kept = Shop(ingress={"web-1": rules, "web-2": rules}).network().ask()
    assert kept.verdict == "blocked"
    assert {finding.packets.source for finding in kept.blocked_by} == {"10.0.0.10/32"}
    assert Shop(ingress={"web-1": rules, "web-2": rules}).network(keeps=False).ask().verdict == "allowed"


def test_the_load_balancers_group_counts_even_where_the_clients_address_is_kept() -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-security-groups.html"""
    assert Shop().network(groups=("sg-shop",)).ask().verdict == "allowed"


def test_the_clients_group_does_not_count_behind_a_network_load_balancer() -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/network/target-group-register-targets.html"""
    rules = [tcp(8080, "sg-open")]
    assert Shop(ingress={"web-1": rules, "web-2": rules}).network().ask().verdict == "blocked"


def test_replies_go_back_through_it_whatever_routes_say() -> None:
    """Targets of an internet-facing one need no way to the internet of their own."""
    rules = [tcp(8080, "0.0.0.0/0")]
    made = Shop(ingress={"web-1": rules, "web-2": rules})
    made.net.internet_gateway()
    for bits in ("a", "b"):
        made.net.table(f"rtb-{bits}", {"0.0.0.0/0": "igw-1"}, subnets=[f"subnet-{bits}"])
    made.targets(protocol="TCP")
    nodes = {"subnet-a": ("10.0.1.50", "198.51.100.50"), "subnet-b": ("10.0.2.50", "198.51.100.51")}
    made.balanced({("TCP", 80): "web"}, kind="network", groups=[], internal=False, nodes=nodes)
    answer = made.ask("203.0.113.5 -> shop:80")
    assert (answer.verdict, blockers(answer)) == ("allowed", [])


def test_a_target_that_is_its_own_client_gets_nothing_back() -> None:
    rules = [tcp(8080, "0.0.0.0/0")]
    made = Shop(ingress={"web-1": rules, "web-2": rules}).network()
    answer = made.ask("web-1 -> shop:80")
    assert (answer.verdict, set(codes(answer))) == ("partial", {"ELBV2_SOURCE_ADDRESS_PRESERVATION"})


def test_attributes_that_were_not_read_are_taken_as_their_defaults_and_said() -> None:
    made = Shop(ingress={name: [tcp(8080, "10.0.0.0/24")] for name in ("web-1", "web-2")}).network()
    made.net.leave_out("Attributes")
    answer = made.ask()
    assert answer.verdict == "allowed"
    assert any("taken as on, the default for targets of type instance" in warning for warning in answer.warnings)


def test_an_application_load_balancer_behind_a_network_load_balancer() -> None:
    made = shop(ingress={"shop": [tcp(80, "10.0.0.0/24")]})
    made.balance.group("front", {made.arn: 80}, kind="alb", protocol="TCP")
    made.balance.balancer("front", {"subnet-a": "10.0.1.60"}, {("TCP", 80): "front"}, kind="network", cross_zone=True)
    answer = made.ask("client -> front:80")
    assert answer.verdict == "partial"  # the node in zone b is in none that is enabled for the front
    assert codes(answer) == ["ELBV2_NO_TARGETS_IN_AZ"]
    made.net.responses["LoadBalancers"][-1]["AvailabilityZones"].append(
        {"ZoneName": "eu-west-1b", "SubnetId": "subnet-b", "LoadBalancerAddresses": []}
    )
    both = made.ask("client -> front:80")
    assert (both.verdict, codes(both)) == ("allowed", [])


# -- schemes ----------------------------------------------------------------------------------------------------------


def facing(*, route: bool = True, listed: bool = True) -> Shop:
    made = Shop(ingress={"shop": [tcp(80, "0.0.0.0/0")]}).targets()
    made.net.internet_gateway()
    if route:
        for bits in ("a", "b"):
            made.net.table(f"rtb-{bits}", {"0.0.0.0/0": "igw-1"}, subnets=[f"subnet-{bits}"])
    nodes: dict[str, Any] = {"subnet-a": ("10.0.1.50", "198.51.100.50"), "subnet-b": ("10.0.2.50", "198.51.100.51")}
    return made.balanced(internal=False, nodes=nodes if listed else dict.fromkeys(nodes))


@pytest.mark.parametrize("listed", [True, False])
def test_an_internet_facing_one_is_reached_from_the_internet(listed: bool) -> None:
    assert facing(listed=listed).ask("internet -> shop:80").verdict == "allowed"


def test_its_subnets_need_a_way_to_the_internet_gateway() -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html"""
    answer = facing(route=False).ask("203.0.113.5 -> shop:80")
    assert (answer.verdict, set(codes(answer))) == ("blocked", {"NO_ROUTE_TO_DESTINATION"})
    assert {finding.leg for finding in answer.blocked_by} == {"return"}


def test_an_internal_one_has_no_public_address() -> None:
    made = facing()
    made.net.responses["LoadBalancers"][0]["Scheme"] = "internal"
    for row in made.net.responses["NetworkInterfaces"]:
        if row["Description"].startswith("ELB"):
            row.pop("Association")
            row["PrivateIpAddresses"][0].pop("Association")
    answer = made.ask("203.0.113.5 -> shop:80")
    assert answer.verdict == "blocked"
    assert set(codes(answer)) >= {"IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS"}


def test_the_name_of_an_internet_facing_one_is_public_inside_as_well() -> None:
    answer = facing().ask()
    assert (answer.verdict, set(codes(answer))) == ("blocked", {"NO_ROUTE_TO_DESTINATION"})
    assert any("public addresses" in warning for warning in answer.warnings)


def test_public_addresses_that_nothing_tells_are_missed_from_inside() -> None:
    answer = facing(listed=False).ask()
    assert (answer.verdict, answer.exit_status) == ("undetermined", 3)
    assert "public addresses of load balancer shop" in answer.missing[0]


@pytest.mark.parametrize(
    ("state", "verdict"), [("active", "allowed"), ("provisioning", "blocked"), ("failed", "blocked")]
)
def test_only_an_active_one_works(state: str, verdict: str) -> None:
    answer = Shop().targets().balanced(state=state).ask()
    assert (answer.verdict, set(codes(answer))) == (verdict, set() if verdict == "allowed" else {"BAD_STATE"})


def test_nodes_that_no_list_shows_have_the_groups_of_the_load_balancer() -> None:
    made = Shop().targets().balanced(nodes={"subnet-a": None, "subnet-b": None})
    answer = made.ask()
    assert answer.verdict == "allowed"
    assert len([warning for warning in answer.warnings if "No interface of load balancer shop" in warning]) == 2
    made.net.responses["SecurityGroups"][0]["IpPermissions"] = []
    assert set(blockers(made.ask())) == {"forward security-group ingress sg-shop"}


# -- Classic Load Balancers -------------------------------------------------------------------------------------------


def classic(made: Shop, **settings: Any) -> Shop:
    nodes = settings.pop("nodes", {"subnet-a": "10.0.1.60", "subnet-b": "10.0.2.60"})
    instances = settings.pop("instances", [made.one, made.two])
    made.balance.classic("old", nodes, {80: 8080}, instances, groups=["sg-shop"], **settings)
    return made


def test_a_classic_one_sends_to_the_port_of_its_instances() -> None:
    made = classic(Shop())
    assert made.ask("client -> old:80").verdict == "allowed"
    assert made.ask("client -> internal-old-987654321.eu-west-1.elb.amazonaws.com:80").verdict == "allowed"


@pytest.mark.parametrize("place", ["eu-west-1:999999999999", "us-east-1:123456789012"])
def test_a_classic_one_is_not_what_the_arn_of_another_place_names(place: str) -> None:
    net = classic(Shop()).net
    client = next(iter(net.responses["NetworkInterfaces"]))["PrivateIpAddress"]
    own = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/old"
    assert net.ask(f"{client} -> [{own}]:80").question.destination == "old"
    with pytest.raises(EndpointError, match=r"the ARN names account .*what was read is of account 123456789012 in eu-"):
        net.ask(f"{client} -> [arn:aws:elasticloadbalancing:{place}:loadbalancer/old]:80")


def test_a_classic_one_listens_on_its_own_ports() -> None:
    answer = classic(Shop(ingress={"shop": [tcp((0, 65535), "0.0.0.0/0")]})).ask("client -> old:8080")
    assert codes(answer) == ["ELB_LISTENERS_MISMATCH"]


def test_instances_of_a_zone_that_is_not_enabled_get_nothing_from_a_classic_one() -> None:
    answer = classic(Shop(), nodes={"subnet-a": "10.0.1.60"}).ask("client -> old:80")
    assert (answer.verdict, codes(answer)) == ("partial", ["ELB_INSTALLED_AZ_RESTRICTION"])


def test_a_classic_node_without_instances_in_its_zone() -> None:
    made = Shop()
    answer = classic(made, instances=[made.one], cross_zone=False).ask("client -> 10.0.2.60:80")
    assert (answer.verdict, codes(answer)) == ("blocked", ["ELB_NOT_CROSSZONE"])
    assert made.ask("client -> old:80").verdict == "allowed"


def test_a_classic_one_meets_the_network_acl_inside_its_own_subnet() -> None:
    """https://docs.aws.amazon.com/vpc/latest/reachability/explanation-codes.html (ELB_ACL_RESTRICTION)"""
    closed = (OPEN, [deny(90, "tcp", 8080), *OPEN])
    made = Shop(acls={"web-1": closed})
    answer = classic(made, nodes={"subnet-web-1": "10.0.3.60"}, instances=[made.one]).ask("client -> old:80")
    assert (answer.verdict, codes(answer)) == ("blocked", ["ELB_ACL_RESTRICTION"])
    with_new = Shop(acls={"web-1": closed})
    with_new.targets(targets={with_new.one: None}).balanced(nodes={"subnet-web-1": "10.0.3.50"})
    assert with_new.ask().verdict == "allowed"


# -- Gateway Load Balancers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("client -> gate:6081/udp", None),
        ("client -> gate:443/udp", "GWLB_DESTINATION_PORT_RESTRICTION"),
        ("client -> gate:6081", "GWLB_PROTOCOL_RESTRICTION"),
    ],
)
def test_a_gateway_load_balancer_speaks_geneve_alone(line: str, code: str | None) -> None:
    rules = [udp(6081, "10.0.0.0/16")]
    made = Shop(ingress={"web-1": rules, "web-2": rules}).targets(name="gate", protocol="GENEVE", port=6081)
    nodes = {"subnet-a": "10.0.1.70", "subnet-b": "10.0.2.70"}
    made.balance.balancer("gate", nodes, {("GENEVE", 6081): "gate"}, kind="gateway")
    answer = made.ask(line)
    assert (answer.verdict, codes(answer)) == (("blocked", [code]) if code else ("allowed", []))


# -- IPv6, peers -----------------------------------------------------------------------------------------------------


def test_a_client_of_ipv6_reaches_targets_of_ipv4() -> None:
    """The load balancer makes a connection of its own, over the version of the target group."""
    net = Network(ipv6="2001:db8:1::/56")
    net.subnet("subnet-client", "10.0.0.0/24", ipv6="2001:db8:1:0::/64")
    net.subnet("subnet-a", "10.0.1.0/24", ipv6="2001:db8:1:1::/64")
    net.group("sg-shop", [tcp(80, "2001:db8:1::/56")])
    net.group("sg-web", [tcp(8080, "sg-shop")])
    net.instance("client", None, ipv6="2001:db8:1::10", subnet="subnet-client")
    web = net.instance("web", "10.0.1.20", groups=["sg-web"])
    balance = Balancing(net)
    balance.group("web", {web: 8080})
    ipv6 = {"subnet-a": "2001:db8:1:1::50"}
    balance.balancer("shop", {"subnet-a": "10.0.1.50"}, HTTP, groups=["sg-shop"], ipv6=ipv6)
    answer = net.ask("client -> shop:80")
    assert (answer.verdict, answer.blocked_by) == ("allowed", [])
    at_target = next(hop for hop in answer.forward if hop.id == "sg-web")
    assert at_target.packet.source == "10.0.1.50/32"
    assert next(hop for hop in answer.return_ if hop.kind == "load-balancer").packet.destination == "2001:db8:1::10/128"


@pytest.mark.parametrize(("keeps", "verdict"), [(True, "allowed"), (False, "blocked")])
def test_a_client_in_a_peered_vpc(keeps: bool, verdict: str) -> None:
    rules = [tcp(8080, "10.9.0.0/16")]
    made = Shop(ingress={"web-1": rules, "web-2": rules})
    net = made.net
    net.vpc("vpc-2", "10.9.0.0/16")
    net.peering("pcx-1", "vpc-1", "vpc-2")
    net.subnet("subnet-far", "10.9.1.0/24", vpc="vpc-2", routes={"10.0.0.0/16": "pcx-1"})
    net.group("sg-far", [], vpc="vpc-2")
    net.instance("far", "10.9.1.10", groups=["sg-far"])
    for bits in ("a", "b"):  # the targets' own subnets have no way to the peer, and need none
        net.table(f"rtb-{bits}", {"10.9.0.0/16": "pcx-1"}, subnets=[f"subnet-{bits}"])
    answer = made.network(keeps=keeps).ask("far -> shop:80")
    assert answer.verdict == verdict, answer.summary


def test_which_part_of_a_block_of_clients_passes() -> None:
    made = Shop(ingress={"shop": [tcp(80, "10.0.0.0/25")]}).targets().balanced()
    answer = made.ask("10.0.0.0/24 -> shop:80")
    assert answer.verdict == "partial"
    assert {finding.packets.source for finding in answer.blocked_by} == {"10.0.0.128/25"}


def test_a_block_of_clients_whose_addresses_are_kept_is_split_by_the_targets_rules() -> None:
    rules = [tcp(8080, "10.0.0.0/25")]
    answer = Shop(ingress={"web-1": rules, "web-2": rules}).network().ask("10.0.0.0/24 -> shop:80")
    assert answer.verdict == "partial"
    assert {finding.packets.source for finding in answer.blocked_by} == {"10.0.0.128/25"}
    assert {finding.layer for finding in answer.blocked_by} == {"security-group"}


def test_targets_behind_a_peering_connection_are_reached_by_the_nodes_routes() -> None:
    made = Shop()
    net = made.net
    net.vpc("vpc-2", "10.9.0.0/16")
    net.peering("pcx-1", "vpc-1", "vpc-2")
    net.subnet("subnet-far", "10.9.1.0/24", vpc="vpc-2", routes={"10.0.0.0/16": "pcx-1"})
    net.group("sg-far", [tcp(8080, "sg-shop")], vpc="vpc-2")
    net.instance("far", "10.9.1.10", groups=["sg-far"])
    made.targets(targets={"10.9.1.10": None}, kind="ip", zones={"10.9.1.10": "all"}).balanced()
    assert set(codes(made.ask())) == {"NO_ROUTE_TO_DESTINATION"}
    for bits in ("a", "b"):
        net.table(f"rtb-{bits}", {"10.9.0.0/16": "pcx-1"}, subnets=[f"subnet-{bits}"])
    assert made.ask().verdict == "allowed"
