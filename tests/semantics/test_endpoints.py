"""VPC endpoints: gateway endpoints by routes, interface endpoints by address, and services by their names.

https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html
https://docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html
https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-access-aws-services.html
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.balancing import Balancing
from tests.builders import OUT, Network, allow, blockers, codes, deny, tcp
from tests.transits import attach, transit_gateway, transit_table
from whyblocked.errors import EndpointError

S3 = "com.amazonaws.eu-west-1.s3"
BLOCKS = ["52.218.0.0/17", "3.5.64.0/21"]


def with_gateway(*, state: str = "available", entries: bool = True, **subnet: Any) -> Network:
    """``app`` (10.0.1.10) in a subnet without a way out but the gateway endpoint to S3."""
    net = Network()
    net.subnet("subnet-app", "10.0.1.0/24", **{"routes": {"pl-s3": "vpce-0a1"}, **subnet})
    net.prefix_list("pl-s3", BLOCKS, name=S3, owner="AWS", entries=entries)
    net.group(
        "sg-app",
        [],
        [
            tcp(443, "pl-s3"),
            {"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        ],
    )
    net.instance("app", "10.0.1.10", groups=["sg-app"])
    net.endpoint("vpce-0a1", S3, "Gateway", tables=["rtb-app"], state=state)
    return net


@pytest.mark.parametrize(
    "name", ["s3", S3, "s3.eu-west-1.amazonaws.com", "photos.s3.eu-west-1.amazonaws.com", "vpce-0a1"]
)
def test_a_service_is_reached_through_its_gateway_endpoint_and_the_reply_comes_back(name: str) -> None:
    answer = with_gateway().ask(f"app -> {name}:443")
    assert (answer.verdict, blockers(answer), answer.missing) == ("allowed", [], [])
    assert answer.question.destination == S3
    assert ("vpc-endpoint", "vpce-0a1", "deliver") in [(hop.kind, hop.id, hop.action) for hop in answer.forward]
    assert [hop.kind for hop in answer.return_] == ["vpc-endpoint", "network-acl", "security-group", "interface"]


def test_without_the_route_the_subnet_has_no_way_to_the_service() -> None:
    answer = with_gateway(routes={}).ask("app -> s3:443")
    assert (answer.verdict, blockers(answer)) == ("blocked", ["forward route-table rtb-app"])


def test_the_group_has_to_let_the_public_addresses_out() -> None:
    net = with_gateway()
    net.responses["SecurityGroups"][-1]["IpPermissionsEgress"] = [tcp(443, "10.0.0.0/8")]
    assert blockers(net.ask("app -> s3:443")) == ["forward security-group egress sg-app"]


def test_the_network_acl_has_to_let_the_replies_in() -> None:
    net = with_gateway(acl=([allow(100, "tcp", (1024, 65535), "52.218.0.0/17")], [allow(100)]))
    answer = net.ask("app -> s3:443")
    assert (answer.verdict, blockers(answer)) == ("partial", ["return network-acl ingress acl-app rule 32767"])


@pytest.mark.parametrize(
    ("state", "verdict"), [("available", "allowed"), ("Available", "allowed"), ("failed", "blocked")]
)
def test_only_an_available_endpoint_carries_packets(state: str, verdict: str) -> None:
    answer = with_gateway(state=state).ask("app -> s3:443")
    assert answer.verdict == verdict
    assert set(codes(answer)) == (set() if verdict == "allowed" else {"BAD_STATE"})


def test_a_gateway_endpoint_carries_tcp_and_ping_only() -> None:
    net = with_gateway()
    net.responses["SecurityGroups"][-1]["IpPermissionsEgress"] = OUT
    assert net.ask("app -> s3/icmp").verdict == "allowed"
    answer = net.ask("app -> s3:443/udp")
    assert (answer.verdict, codes(answer)) == ("blocked", ["VPCE_GATEWAY_PROTOCOL_RESTRICTION"])


def test_addresses_that_are_not_in_the_list_go_by_other_routes() -> None:
    answer = with_gateway().ask("app -> 54.231.0.1:443")
    assert "route-table" in [finding.layer for finding in answer.blocked_by]


def test_without_the_lists_entries_the_answer_is_open_and_names_the_call() -> None:
    answer = with_gateway(entries=False).ask("app -> s3:443")
    assert answer.verdict == "undetermined"
    assert any("ec2:GetManagedPrefixListEntries" in missing for missing in answer.missing)


def test_a_service_without_a_list_and_without_an_endpoint_is_undetermined() -> None:
    answer = with_gateway().ask("app -> com.amazonaws.eu-west-1.sqs:443")
    assert (answer.verdict, answer.exit_status) == ("undetermined", 3)
    assert any("ec2:GetManagedPrefixListEntries" in missing for missing in answer.missing)


def test_a_gateway_endpoint_that_could_not_be_read_is_known_by_its_active_route() -> None:
    net = with_gateway()
    net.leave_out("VpcEndpoints")
    answer = net.ask("app -> 52.218.1.1:443")
    assert (answer.verdict, answer.missing) == ("allowed", [])
    assert any("taken as available" in warning for warning in answer.warnings)


def test_a_policy_is_mentioned_and_is_no_packet_filter() -> None:
    net = with_gateway()
    assert not any("policy" in warning for warning in net.ask("app -> s3:443").warnings)
    narrow = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::photos/*"}
    net.responses["VpcEndpoints"] = []
    net.endpoint("vpce-0a1", S3, "Gateway", tables=["rtb-app"], policy=narrow)
    answer = net.ask("app -> s3:443")
    assert answer.verdict == "allowed"
    assert any("HTTP 403" in warning for warning in answer.warnings)


def test_a_subnet_without_the_route_reaches_the_service_through_a_nat_gateway() -> None:
    net = with_gateway()
    net.internet_gateway()
    net.subnet("subnet-public", "10.0.2.0/24", routes={"0.0.0.0/0": "igw-1"})
    net.subnet("subnet-other", "10.0.3.0/24", routes={"0.0.0.0/0": "nat-1"})
    net.nat_gateway("nat-1", "10.0.2.99", "198.51.100.99")
    net.instance("other", "10.0.3.10", groups=["sg-app"])
    answer = net.ask("other -> s3:443")
    assert answer.verdict == "allowed"
    assert "vpc-endpoint" not in [hop.kind for hop in answer.forward]
    net.responses["RouteTables"][-2]["Routes"].append(
        {"DestinationPrefixListId": "pl-s3", "GatewayId": "vpce-0a1", "Origin": "CreateRoute", "State": "active"}
    )
    behind = net.ask("other -> s3:443")
    assert behind.verdict == "allowed"
    assert "vpc-endpoint" in [hop.kind for hop in behind.forward]


def test_what_the_internet_reaches_is_not_doubted_for_the_services_addresses() -> None:
    net = with_gateway(routes={"pl-s3": "vpce-0a1", "0.0.0.0/0": "igw-1"})
    net.internet_gateway()
    net.group("sg-web", [tcp(443, "0.0.0.0/0")], OUT)
    net.instance("web", "10.0.1.20", public="198.51.100.20", groups=["sg-web"])
    assert net.ask("internet -> web:443").verdict == "allowed"


def test_the_arn_of_an_endpoint_means_it_in_its_own_account_and_region_alone() -> None:
    net = with_gateway()
    found = "vpce-0123456789abcdef0"
    net.responses["VpcEndpoints"][0]["VpcEndpointId"] = found
    net.responses["RouteTables"][-1]["Routes"][-1]["GatewayId"] = found
    own = f"[arn:aws:ec2:eu-west-1:123456789012:vpc-endpoint/{found}]"
    assert net.ask(f"app -> {own}:443").question.destination == S3
    for place in ("eu-west-1:999999999999", "us-east-1:123456789012"):
        with pytest.raises(EndpointError, match=f"the ARN names account {place[-12:]} in {place[:9]}"):
            net.ask(f"app -> [arn:aws:ec2:{place}:vpc-endpoint/{found}]:443")


def test_a_service_opens_no_connection() -> None:
    with pytest.raises(EndpointError, match="opens no connections"):
        with_gateway().ask("s3 -> app:443")


def candidates(net: Network, question: str) -> list[str]:
    with pytest.raises(EndpointError, match="an AWS service is called so as well") as caught:
        net.ask(question)
    return list(caught.value.candidates)


@pytest.mark.parametrize("name", ["s3", "S3"])
def test_an_instance_that_is_called_like_a_service_is_asked_back(name: str) -> None:
    net = with_gateway()
    instance = net.instance(name, "10.0.1.30")
    own, service = candidates(net, f"app -> {name}:443" if name == "s3" else "app -> [S3]:443")
    assert own.startswith(instance)
    assert service.startswith("com.amazonaws.")
    assert net.ask(f"app -> {instance}:443").question.destination_name == name
    assert net.ask(f"app -> {S3}:443").question.destination == S3


def test_a_load_balancer_that_is_called_like_a_service_is_asked_back() -> None:
    net = with_gateway()
    balance = Balancing(net)
    balance.group("web", {}, protocol="TCP")
    arn = balance.balancer("s3", {"subnet-app": "10.0.1.50"}, {("TCP", 443): "web"}, kind="network")
    own, service = candidates(net, "app -> s3:443")
    assert own.startswith(arn)
    assert service == "com.amazonaws.REGION.s3 (the service of AWS's)"
    assert net.ask(f"app -> [{arn}]:443").question.destination == "s3"


def test_an_endpoint_that_is_called_like_its_service_is_no_other_thing() -> None:
    net = with_gateway()
    net.responses["VpcEndpoints"][0]["Tags"] = [{"Key": "Name", "Value": "s3"}]
    assert net.ask("app -> s3:443").question.destination == S3


# -- interface endpoints --------------------------------------------------------------------------------------------

SQS = "com.amazonaws.eu-west-1.sqs"


def with_interfaces(
    *, ingress: Any = None, private_dns: bool = True, state: str = "available", acl: Any = None
) -> Network:
    """``app`` (10.0.1.10) and an interface endpoint to SQS in two other subnets (10.0.2.5, 10.0.3.5)."""
    net = Network()
    net.subnet("subnet-app", "10.0.1.0/24", zone="a")
    net.subnet("subnet-a", "10.0.2.0/24", zone="a", **({"acl": acl} if acl else {}))
    net.subnet("subnet-b", "10.0.3.0/24", zone="b")
    net.group("sg-endpoint", [tcp(443, "10.0.0.0/16")] if ingress is None else ingress, OUT)
    net.instance("app", "10.0.1.10")
    net.endpoint(
        "vpce-0b2",
        SQS,
        at={"subnet-b": "10.0.3.5", "subnet-a": "10.0.2.5"},
        groups=["sg-endpoint"],
        private_dns=private_dns,
        state=state,
    )
    return net


@pytest.mark.parametrize(
    "name",
    ["vpce-0b2", "vpce-b", SQS, "sqs.eu-west-1.amazonaws.com", "vpce-0b2-0a1b2c3d.sqs.eu-west-1.vpce.amazonaws.com"],
)
def test_an_interface_endpoint_is_found_by_id_name_and_service(name: str) -> None:
    answer = with_interfaces().ask(f"app -> {name}:443")
    assert (answer.verdict, answer.question.destination) == ("allowed", "vpce-0b2")
    delivered = [hop.interface_id for hop in answer.forward if hop.action == "deliver"]
    assert delivered == ["eni-vpce-0b2-1", "eni-vpce-0b2-0"]  # the one in the source's zone first


def test_a_zonal_name_means_the_interface_of_that_zone() -> None:
    answer = with_interfaces().ask("app -> vpce-0b2-0a1b2c3d-eu-west-1b.sqs.eu-west-1.vpce.amazonaws.com:443")
    assert [hop.interface_id for hop in answer.forward if hop.action == "deliver"] == ["eni-vpce-0b2-0"]


def test_the_endpoints_own_group_decides() -> None:
    answer = with_interfaces(ingress=[tcp(443, "sg-endpoint")]).ask("app -> sqs.eu-west-1.amazonaws.com:443")
    assert set(blockers(answer)) == {"forward security-group ingress sg-endpoint"}


def test_one_interface_of_two_that_is_shut_is_partly_blocked() -> None:
    answer = with_interfaces(acl=([deny(10, "tcp", 443), allow(100)], [allow(100)])).ask("app -> vpce-0b2:443")
    assert (answer.verdict, blockers(answer)) == ("partial", ["forward network-acl ingress acl-a rule 10"])


def test_without_private_dns_the_services_name_means_its_public_addresses() -> None:
    answer = with_interfaces(private_dns=False).ask("app -> sqs.eu-west-1.amazonaws.com:443")
    assert answer.verdict == "undetermined"
    assert with_interfaces(private_dns=False).ask("app -> vpce-0b2:443").verdict == "allowed"


def test_private_dns_is_told_with_what_it_hangs_on() -> None:
    answer = with_interfaces().ask(f"app -> {SQS}:443")
    assert any("enableDnsSupport" in warning for warning in answer.warnings)


def test_an_endpoint_does_not_answer_ping() -> None:
    answer = with_interfaces(ingress=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]).ask(
        "app -> vpce-0b2/icmp"
    )
    assert (answer.verdict, set(codes(answer))) == ("blocked", {"PROTOCOL_RESTRICTION"})


def test_an_endpoint_begins_no_connection() -> None:
    answer = with_interfaces().ask("eni-vpce-0b2-0 -> app:443")
    assert answer.verdict == "blocked"
    assert codes(answer)[0] == "VPCE_INTRA_VPC_TRAFFIC"


@pytest.mark.parametrize("state", ["pendingAcceptance", "PendingAcceptance", "rejected", "failed", "deleting"])
def test_an_endpoint_that_is_not_available_answers_nothing(state: str) -> None:
    answer = with_interfaces(state=state).ask("app -> 10.0.2.5:443")
    assert (answer.verdict, codes(answer)) == ("blocked", ["BAD_STATE"])


def test_an_endpoint_that_could_not_be_read_is_taken_as_available() -> None:
    net = with_interfaces()
    net.leave_out("VpcEndpoints")
    answer = net.ask("app -> 10.0.2.5:443")
    assert (answer.verdict, answer.missing) == ("allowed", [])
    assert any("taken as available" in warning for warning in answer.warnings)


def test_an_endpoint_in_front_of_appliances_is_no_destination() -> None:
    net = with_interfaces()
    net.endpoint(
        "vpce-0c3", "com.amazonaws.vpce.eu-west-1.vpce-svc-0a", "GatewayLoadBalancer", at={"subnet-a": "10.0.2.9"}
    )
    with pytest.raises(EndpointError, match="a way and no end"):
        net.ask("app -> vpce-0c3:443")


# -- from other VPCs -------------------------------------------------------------------------------------------------


def endpoint_elsewhere(over: str, *, ingress: list[Any], zone: str = "a") -> Network:
    """``app`` in vpc-1, and an endpoint (10.9.1.50) in vpc-2, to which ``pcx-1`` or ``tgw-1`` leads."""
    net = Network(region="us-east-1")
    net.vpc("vpc-2", "10.9.0.0/16")
    net.subnet("subnet-app", "10.0.1.0/24", zone=zone, routes={"10.9.0.0/16": over})
    net.subnet("subnet-far", "10.9.1.0/24", zone=zone, vpc="vpc-2", routes={"10.0.0.0/16": over})
    net.group("sg-app")
    net.group("sg-far", ingress, vpc="vpc-2")
    net.instance("app", "10.0.1.10", groups=["sg-app"])
    net.instance("db", "10.9.1.60", groups=["sg-far"])
    service = "com.amazonaws.us-east-1.ssm"
    net.endpoint("vpce-0d4", service, at={"subnet-far": "10.9.1.50"}, groups=["sg-far"], vpc="vpc-2")
    net.peering("pcx-1", "vpc-1", "vpc-2")
    transit_gateway(net, referencing=True)
    attach(net, "tgw-attach-1", "vpc-1", ["subnet-app"])
    attach(net, "tgw-attach-2", "vpc-2", ["subnet-far"])
    transit_table(net, propagated={"10.0.0.0/16": "tgw-attach-1", "10.9.0.0/16": "tgw-attach-2"})
    return net


@pytest.mark.parametrize("over", ["pcx-1", "tgw-1"])
@pytest.mark.parametrize("name", ["vpce-0d4", "10.9.1.50"])
def test_an_interface_endpoint_is_reached_by_its_address_from_other_vpcs(over: str, name: str) -> None:
    answer = endpoint_elsewhere(over, ingress=[tcp(443, "10.0.0.0/16")]).ask(f"app -> {name}:443")
    assert (answer.verdict, codes(answer), answer.missing) == ("allowed", [], [])


def test_the_senders_group_counts_at_an_endpoint_over_peering_and_never_over_a_transit_gateway() -> None:
    by_group = [tcp(443, "sg-app")]
    assert endpoint_elsewhere("pcx-1", ingress=by_group).ask("app -> vpce-0d4:443").verdict == "allowed"
    net = endpoint_elsewhere("tgw-1", ingress=by_group)
    assert net.ask("app -> db:443").verdict == "allowed"  # all switches are on
    answer = net.ask("app -> vpce-0d4:443")
    assert (answer.verdict, codes(answer)) == ("blocked", ["SG_REFERENCING_SUPPORT"])
    assert "never counts across a transit gateway at a VPC endpoint" in answer.summary
    assert net.ask("10.0.1.77 -> vpce-0d4:443").blocked_by[0].code == "ENI_SG_RULES_MISMATCH"


def test_the_fix_for_a_group_at_an_endpoint_is_a_rule_with_addresses_not_a_switch() -> None:
    net = endpoint_elsewhere("tgw-1", ingress=[tcp(443, "sg-app")])
    net.responses["TransitGateways"][0]["Options"]["SecurityGroupReferencingSupport"] = "disable"
    fixes = net.fix("app -> vpce-0d4:443").fixes
    assert fixes
    commands = " ".join(" ".join(fix.commands) for fix in fixes)
    assert "authorize-security-group-ingress" in commands
    assert "10.0.1.10/32" in commands
    assert "modify-transit-gateway" not in commands


def test_in_one_zone_no_group_counts_across_a_transit_gateway() -> None:
    net = endpoint_elsewhere("tgw-1", ingress=[tcp(443, "sg-app")], zone="c")
    assert net.responses["Subnets"][0]["AvailabilityZoneId"] == "use1-az3"
    answer = net.ask("app -> db:443")
    assert (answer.verdict, codes(answer)) == ("blocked", ["SG_REFERENCING_SUPPORT"])
    assert "use1-az3" in answer.summary
