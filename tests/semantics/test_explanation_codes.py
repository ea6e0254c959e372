"""docs/explanation-codes.md holds every code of AWS's Reachability Analyzer; those that it calls ours are found.

Every scenario is an incident of ``fixtures/`` or a scene here; those of load balancers, endpoints and firewalls are
made of what the tests of these build.

https://docs.aws.amazon.com/vpc/latest/reachability/explanation-codes.html
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.builders import OPEN, OUT, Network, codes, deny, question_of, tcp, udp
from tests.semantics import test_balancers_behind_firewalls as behind_firewalls
from tests.semantics.scenes import (
    behind_nat,
    from_behind_a_vpn,
    public_server,
    through_a_hub,
    two_subnets,
    two_vpcs,
)
from tests.semantics.test_endpoints import with_gateway, with_interfaces
from tests.semantics.test_firewalls import inspected, rules
from tests.semantics.test_load_balancers import Shop, classic, shop
from tests.semantics.test_middleboxes import redirected
from tests.semantics.test_peering import between_twins
from tests.transits import attach, transit_gateway, transit_table
from whyblocked.api import Session, snapshot

ROOT = Path(__file__).parents[2]
HOST = "192.0.2.80"

_ENDS = ("SOURCE", "DESTINATION")
_FILTERS = ("DESTINATION_ADDRESS", "DESTINATION_PORT_RANGE", "PROTOCOL", "SOURCE_ADDRESS", "SOURCE_PORT_RANGE")

_LISTED = """
BAD_STATE BAD_STATE_ATTACHMENT BAD_STATE_ROUTE BAD_STATE_VPN CANNOT_ROUTE HIGHER_PRIORITY_ROUTE MORE_SPECIFIC_ROUTE
NO_ROUTE_TO_DESTINATION VPC_LOCAL_ROUTE_CIDR_RESTRICTION INGRESS_RTB_NO_PUBLIC_IP INGRESS_RTB_TRAFFIC_REDIRECTION
NO_POSSIBLE_DESTINATION ENI_SG_RULES_MISMATCH SG_HAS_NO_RULES SG_REFERENCES_NOT_PRESERVED SG_REFERENCING_SUPPORT
UNKNOWN_PEERED_SGS SUBNET_ACL_RESTRICTION ENI_ADDRESS_RESTRICTION ENI_SOURCE_DEST_CHECK_RESTRICTION
IGW_DESTINATION_ADDRESS_IN_VPC_CIDRS IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS
IGW_DESTINATION_ADDRESS_NOT_IN_RFC6598_EGRESS IGW_NAT_REFLECTION IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS
IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS IGW_SOURCE_ADDRESS_NOT_IN_RFC1918_INGRESS
IGW_SOURCE_ADDRESS_NOT_IN_RFC6598_INGRESS GATEWAY_REJECTS_SPOOFED_TRAFFIC VPC_BLOCK_PUBLIC_ACCESS_ENABLED
NGW_DEST_ADDRESS_PRESERVATION NGW_REQUIRES_SOURCE_IN_VPC NGW_SOURCE_ADDRESS_REASSIGN
REGIONAL_NGW_ROUTE_AZ_RESTRICTION REMAP_EPHEMERAL_PORT PCX_REQUIRES_ADDRESS_IN_VPC_CIDR
TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION TGW_ATTACH_VPC_AZ_RESTRICTION TGW_BAD_STATE_VPN TGW_ROUTE_AZ_RESTRICTION
TGW_RTB_BAD_STATE_ROUTE TGW_RTB_CANNOT_ROUTE TGW_RTB_HIGHER_PRIORITY_ROUTE TGW_RTB_MORE_SPECIFIC_ROUTE
TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT TGW_RTB_ROUTES_ARE_UNKNOWN VGW_PRIVATE_IP_ASSOCIATION_FOR_EGRESS
VGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS VPCE_GATEWAY_EGRESS_SOURCE_ADDRESS_RESTRICTION
VPCE_GATEWAY_PROTOCOL_RESTRICTION VPCE_INTRA_VPC_TRAFFIC VPCE_SERVICE_NOT_INSTALLED_IN_AZ ELB_ACL_RESTRICTION
ELB_INSTALLED_AZ_RESTRICTION ELB_LISTENER_PORT_RESTRICTION ELB_LISTENERS_MISMATCH ELB_NOT_CROSSZONE
ELBV2_LISTENER_HAS_NO_TG ELBV2_LISTENER_PORT_RESTRICTION ELBV2_LISTENER_REQUIRES_TG_ACCEPT ELBV2_LISTENERS_MISMATCH
ELBV2_NO_TARGETS_IN_AZ ELBV2_SOURCE_ADDRESS_PRESERVATION TARGET_ADDRESS_RESTRICTION TARGET_PORT_RESTRICTION
GWLB_DESTINATION_PORT_RESTRICTION GWLB_PROTOCOL_RESTRICTION FIREWALL_RULES_RESTRICTION PROTOCOL_RESTRICTION
UNKNOWN_DESTINATION UNKNOWN_RESOURCE DISCONNECTED_VPCS NO_PATH NO_SOURCE_OR_DESTINATION UNASSOCIATED_COMPONENT
UNSUPPORTED_COMPONENT COMPONENT_FILTER_RESTRICTION COMPONENT_FILTER_RESTRICTION_REMOVED_COMPONENT
IGW_EXPECTS_PUBLIC_ADDRESS
"""

AWS = (
    *_LISTED.split(),
    *(f"FILTER_AT_{end}_{what}" for end in _ENDS for what in _FILTERS),
)
"""The codes of AWS's page, as it lists them."""

ROW = re.compile(r"^\| `([A-Z0-9_]+)` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
NAMED = re.compile(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`")


def rows() -> list[tuple[str, str, str]]:
    return ROW.findall((ROOT / "docs" / "explanation-codes.md").read_text(encoding="utf-8"))


OURS = [code for code, what, _ in rows() if what == "ours"]


# -- the scenes of what no incident is about -------------------------------------------------------------------------


def detached_gateway() -> list[str]:
    net = Network()
    net.internet_gateway(vpc=None)
    net.subnet("subnet-1", "10.0.1.0/24", routes={"0.0.0.0/0": "igw-1"})
    net.instance("web", "10.0.1.10", public="198.51.100.10")
    return codes(net.ask(f"web -> {HOST}:443"))


def behind_vpn() -> list[str]:
    net = Network()
    net.vpn_gateway()
    net.vpn_connection("vpn-1", static=["192.168.0.0/16"])
    net.subnet("subnet-app", "10.0.1.0/24", routes={"192.168.0.0/16": "vgw-1"})
    net.instance("app", "10.0.1.10", public="198.51.100.20")
    return codes(net.ask("192.168.7.7 -> 198.51.100.20:443"))


def attached(*, table: str | None = "tgw-rtb-1", tunnels: tuple[str, str] = ("UP", "UP")) -> list[str]:
    """From a VPC over a transit gateway to what is behind a VPN."""
    net = Network()
    net.subnet("subnet-app", "10.0.1.0/24", routes={"10.60.0.0/16": "tgw-1"})
    net.instance("app", "10.0.1.10")
    net.vpn_connection("vpn-1", "tgw-1", tunnels=tunnels)
    transit_gateway(net)
    attach(net, "tgw-attach-1", "vpc-1", ["subnet-app"], table=table)
    attach(net, "tgw-attach-2", "vpn-1")
    transit_table(net, propagated={"10.0.0.0/16": "tgw-attach-1", "10.60.0.0/16": "tgw-attach-2"})
    return codes(net.ask("app -> 10.60.1.5:443"))


def to_the_wrong_twin(routes: dict[str, str]) -> list[str]:
    return codes(between_twins(routes).ask("b -> a:443"))


def led_astray(static: str) -> list[str]:
    """By a static route of the transit gateway to its VPN, past the VPC that propagates into the same table."""
    net = Network()
    net.vpc("vpc-2", "10.9.0.0/16")
    net.subnet("subnet-app", "10.0.1.0/24", routes={"10.9.0.0/16": "tgw-1"})
    net.subnet("subnet-db", "10.9.1.0/24", vpc="vpc-2", routes={"10.0.0.0/16": "tgw-1"})
    net.group("sg-db", [], vpc="vpc-2")
    net.instance("app", "10.0.1.10")
    net.instance("db", "10.9.1.20", groups=["sg-db"])
    net.vpn_connection("vpn-1", "tgw-1")
    transit_gateway(net)
    attach(net, "tgw-attach-1", "vpc-1", ["subnet-app"])
    attach(net, "tgw-attach-2", "vpc-2", ["subnet-db"])
    attach(net, "tgw-attach-3", "vpn-1")
    transit_table(net, static={static: "tgw-attach-3"}, propagated={"10.0.0.0/16": "tgw-attach-1"})
    net.details["get-transit-gateway-route-table-propagations.tgw-rtb-1"] = {
        "TransitGatewayRouteTablePropagations": [
            {"ResourceId": "vpc-2", "ResourceType": "vpc", "TransitGatewayAttachmentId": "tgw-attach-2"}
        ]
    }
    return codes(net.ask("app -> db:5432"))


def through_a_peer() -> list[str]:
    net = two_vpcs(near={"10.9.0.0/16": "pcx-1", "0.0.0.0/0": "pcx-1"})
    return codes(net.ask(f"app -> {HOST}:443"))


def classic_in_its_targets_subnet() -> list[str]:
    made = Shop(acls={"web-1": (OPEN, [deny(90, "tcp", 8080), *OPEN])})
    return codes(classic(made, nodes={"subnet-web-1": "10.0.3.60"}, instances=[made.one]).ask("client -> old:80"))


def classic_of_one_zone() -> list[str]:
    made = Shop()
    return codes(classic(made, instances=[made.one], cross_zone=False).ask("client -> 10.0.2.60:80"))


def of_a_gateway_load_balancer(line: str) -> list[str]:
    opened = [udp(6081, "10.0.0.0/16")]
    made = Shop(ingress={"web-1": opened, "web-2": opened}).targets(name="gate", protocol="GENEVE", port=6081)
    nodes = {"subnet-a": "10.0.1.70", "subnet-b": "10.0.2.70"}
    made.balance.balancer("gate", nodes, {("GENEVE", 6081): "gate"}, kind="gateway")
    return codes(made.ask(line))


def through_a_gateway_endpoint() -> list[str]:
    net = with_gateway()
    net.responses["SecurityGroups"][-1]["IpPermissionsEgress"] = OUT
    return codes(net.ask("app -> s3:443/udp"))


EVERY_PORT = [tcp((0, 65535), "0.0.0.0/0")]

SCENES: dict[str, Callable[[], list[str]]] = {
    "BAD_STATE_ATTACHMENT": lambda: detached_gateway(),
    "IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS": lambda: codes(public_server().ask("web -> 10.99.0.5:443")),
    "IGW_DESTINATION_ADDRESS_NOT_IN_RFC6598_EGRESS": lambda: codes(public_server().ask("web -> 100.64.0.9:443")),
    "IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS": lambda: codes(public_server(public=None).ask("203.0.113.5 -> web:443")),
    "IGW_SOURCE_ADDRESS_NOT_IN_RFC1918_INGRESS": lambda: codes(public_server().ask("10.99.0.5 -> web:443")),
    "IGW_SOURCE_ADDRESS_NOT_IN_RFC6598_INGRESS": lambda: codes(public_server().ask("100.64.0.9 -> web:443")),
    "HIGHER_PRIORITY_ROUTE": lambda: codes(
        between_twins({"pl-a": "pcx-ab", "10.0.0.0/16": "pcx-cb"}).ask("b -> a:443")
    ),
    "MORE_SPECIFIC_ROUTE": lambda: codes(
        between_twins({"10.0.0.0/16": "pcx-ab", "10.0.1.0/24": "pcx-cb"}).ask("b -> a:443")
    ),
    "NGW_REQUIRES_SOURCE_IN_VPC": lambda: codes(from_behind_a_vpn().ask("192.168.7.7 -> app:443")),
    "NO_POSSIBLE_DESTINATION": lambda: codes(two_subnets().ask("client -> 10.0.77.5:443")),
    "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR": lambda: through_a_peer(),
    "PROTOCOL_RESTRICTION": lambda: codes(behind_nat().ask(f"worker -> {HOST} --protocol 50")),
    "SG_HAS_NO_RULES": lambda: codes(two_subnets(ingress=[]).ask("client -> server:443")),
    "TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION": lambda: attached(table=None),
    "TGW_BAD_STATE_VPN": lambda: attached(tunnels=("DOWN", "DOWN")),
    "TGW_RTB_HIGHER_PRIORITY_ROUTE": lambda: led_astray("10.9.0.0/16"),
    "TGW_RTB_MORE_SPECIFIC_ROUTE": lambda: led_astray("10.9.1.0/24"),
    "VGW_PRIVATE_IP_ASSOCIATION_FOR_EGRESS": lambda: codes(
        through_a_hub({"192.168.0.0/16": "vgw-1"}).ask("spoke -> 192.168.7.7:443")
    ),
    "VGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS": lambda: behind_vpn(),
    # load balancers
    "ELB_ACL_RESTRICTION": lambda: classic_in_its_targets_subnet(),
    "ELB_INSTALLED_AZ_RESTRICTION": lambda: codes(
        classic(Shop(), nodes={"subnet-a": "10.0.1.60"}).ask("client -> old:80")
    ),
    "ELB_LISTENERS_MISMATCH": lambda: codes(classic(Shop(ingress={"shop": EVERY_PORT})).ask("client -> old:8080")),
    "ELB_NOT_CROSSZONE": lambda: classic_of_one_zone(),
    "ELBV2_LISTENER_HAS_NO_TG": lambda: codes(Shop().targets(targets={}).balanced().ask()),
    "ELBV2_LISTENERS_MISMATCH": lambda: codes(shop(ingress={"shop": EVERY_PORT}).ask("client -> shop:443")),
    "ELBV2_NO_TARGETS_IN_AZ": lambda: codes(Shop().targets().balanced(nodes={"subnet-a": "10.0.1.50"}).ask()),
    "ELBV2_SOURCE_ADDRESS_PRESERVATION": lambda: codes(
        Shop(ingress=dict.fromkeys(("web-1", "web-2"), EVERY_PORT)).network().ask("web-1 -> shop:80")
    ),
    "GWLB_DESTINATION_PORT_RESTRICTION": lambda: of_a_gateway_load_balancer("client -> gate:443/udp"),
    "GWLB_PROTOCOL_RESTRICTION": lambda: of_a_gateway_load_balancer("client -> gate:6081"),
    # endpoints, firewalls and gateway route tables
    "VPCE_GATEWAY_PROTOCOL_RESTRICTION": lambda: through_a_gateway_endpoint(),
    "VPCE_INTRA_VPC_TRAFFIC": lambda: codes(with_interfaces().ask("eni-vpce-0b2-0 -> app:443")),
    "FIREWALL_RULES_RESTRICTION": lambda: codes(
        inspected(stateful={"web": rules("drop tcp any any -> any 443 (sid:1;)")}).ask(f"app -> {HOST}:443")
    ),
    "SG_REFERENCES_NOT_PRESERVED": lambda: codes(
        behind_firewalls.inspected(there=behind_firewalls.THROUGH, back={behind_firewalls.CLIENTS: "vpce-fw"}).ask(
            behind_firewalls.INTO
        )
    ),
    "INGRESS_RTB_NO_PUBLIC_IP": lambda: codes(redirected(public=None).ask("203.0.113.5 -> web:443")),
    "INGRESS_RTB_TRAFFIC_REDIRECTION": lambda: codes(redirected(out="igw-1").ask(f"web -> {HOST}:443")),
}


@cache
def of_incidents() -> frozenset[str]:
    """The codes that the incidents of ``fixtures/`` are answered with."""
    folders = sorted(path for path in (ROOT / "fixtures").iterdir() if path.is_dir())
    return frozenset(code for folder in folders for code in of_incident(folder))


def of_incident(folder: Path) -> list[str]:
    line = (folder / "question.txt").read_text(encoding="utf-8").strip()
    return codes(Session(snapshot(folder / "snapshot")).examine(question_of(line)).answer)


# -- the page -------------------------------------------------------------------------------------------------------


def test_the_page_has_every_code_of_aws_exactly_once() -> None:
    assert Counter(code for code, _, _ in rows()) == Counter(AWS)


def test_the_page_says_what_becomes_of_each_and_why() -> None:
    kinds = ("ours", "not decidable", "not applicable")
    for code, what, why in rows():
        assert what in kinds or re.fullmatch(r"covered by `\w+`(, `\w+`)*", what), code
        assert len(why) > 5, code


def test_what_covers_a_code_is_a_code_that_findings_have() -> None:
    listed = set(NAMED.findall((ROOT / "docs" / "codes.md").read_text(encoding="utf-8")))
    own = {code for code in listed if code not in AWS}
    for code, what, _ in rows():
        assert set(NAMED.findall(what)) <= {*OURS, *own}, code


def test_every_code_of_aws_that_the_walk_knows_is_called_ours() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "src/whyblocked/network").rglob("*.py")]
    written = {code for code in AWS if any(f'"{code}"' in source for source in sources)}
    assert written <= set(OURS)


# -- the proof ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", OURS)
def test_a_code_of_ours_is_found_in_a_scenario(code: str) -> None:
    found = SCENES[code]() if code in SCENES else of_incidents()
    assert code in found
