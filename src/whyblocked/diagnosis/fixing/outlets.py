"""Public addresses, internet and NAT gateways, Block Public Access, VPN connections, hosts that do not run.

https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html
https://docs.aws.amazon.com/vpc/latest/userguide/security-vpc-bpa-basics.html
https://docs.aws.amazon.com/vpn/latest/s2svpn/vpn-route-priority.html
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address

from whyblocked.config.account import Missing
from whyblocked.config.edits import (
    AssociateAddress,
    AssociateNatGatewayAddress,
    CreateVpcBlockPublicAccessExclusion,
    CreateVpnConnectionRoute,
    Edit,
    ModifyNetworkInterfaceAttribute,
    ModifyVpcBlockPublicAccessExclusion,
    StartInstances,
)
from whyblocked.config.edits.interfaces import stand_in
from whyblocked.config.ownership import ownership
from whyblocked.diagnosis.fixing import ways
from whyblocked.diagnosis.fixing.boxes import blocks_of, listed
from whyblocked.diagnosis.fixing.steps import Case, NoFix, Option, step
from whyblocked.diagnosis.fixing.targets import has_public
from whyblocked.diagnosis.fixing.words import called
from whyblocked.network.noted import Blocker
from whyblocked.network.packets import join_intervals

_OUTBOUND_ONLY = ("nat-gateway", "egress-only-internet-gateway")
_UNUSED = ("delete-complete", "disable-complete", "create-failed")


# -- public addresses --------------------------------------------------------------------------------------------------


def address_out(case: Case, blocker: Blocker) -> Sequence[Option]:
    """A public address for what sends to the internet, or the way through a NAT gateway."""
    found: list[Option] = []
    why: list[str] = []
    version, spans = ways.wanted(blocker)
    outside = has_public(version, spans)  # else neither would help
    for propose in (address_for, ways.around) if outside else (ways.around,):
        try:
            found += propose(case, blocker)
        except NoFix as reason:
            why.append(str(reason))
    if not found:
        raise NoFix(why[0])
    return found


def address_for(case: Case, blocker: Blocker) -> Sequence[Option]:
    """An Elastic IP address for the interface without which the internet gateway has nothing to translate."""
    interface = case.account.interfaces.get(blocker.interface_id or "")
    inbound = blocker.code == "IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS"
    if interface is None:
        if inbound:
            raise NoFix(f"{blocker.summary} No interface is known there that could be given one.")
        raise NoFix(
            f"{blocker.summary} It is no interface that could be given one (a Lambda function's never gets one): it "
            "has to send through a NAT gateway, from a subnet that routes to it, and none is known here."
        )
    owner = ownership(interface)
    if interface.requester_managed or (owner is not None and not interface.attachment):
        whose = f" of {owner}" if owner else ""
        what = "it has to send through a NAT gateway"
        if inbound:
            what = "it is reached from inside only, unless its service has a setting that makes it public"
        raise NoFix(
            f"{interface.network_interface_id} is a service's interface{whose}, which can't be given a public address: "
            f"{what}."
        )
    box = blocker.packets[0]
    low, high = box.destination if inbound else box.source
    private = str(IPv4Address(low)) if low == high else interface.private_ip_address
    other = private if private != interface.private_ip_address else None
    edit = AssociateAddress(
        network_interface_id=interface.network_interface_id,
        private_ip_address=other,
        public_ip=stand_in(case.account),
        allocated=False,
    )
    says = f"Give {interface.network_interface_id} ({private}) an Elastic IP address."
    warn = "The address costs money while it is allocated, and the host's name may resolve to it from then on."
    return [(step([blocker], [edit], says, warn, place=interface.vpc_id),)]


# -- NAT gateways, VPN connections ------------------------------------------------------------------------------------


def nat_address_in_zone(case: Case, blocker: Blocker) -> Sequence[Option]:
    """An address for a regional NAT gateway in the zone that has none."""
    subnet = next(
        (case.account.subnets.get(p.subnet_id or "") for p in case.walk.passages if p.leg == "forward" and p.subnet_id),
        None,
    )
    if subnet is None or subnet.availability_zone is None:
        raise NoFix(f"{blocker.summary} The sender's zone is not known.")
    name = blocker.resource_ids[0]
    edit = AssociateNatGatewayAddress(nat_gateway_id=name, availability_zone=subnet.availability_zone)
    says = f"Associate an Elastic IP address in {subnet.availability_zone} with {called(case.account, name)}."
    warn = "Whom these packets go to sees the new address: where addresses are listed, it has to be added."
    return [(step([blocker], [edit], says, warn),)]


def vpn_route(case: Case, blocker: Blocker) -> Sequence[Option]:
    """A static route of the VPN connection."""
    gateway_id = blocker.resource_ids[0]
    version = blocker.packets[0].version
    blocks = blocks_of(
        case,
        version,
        join_intervals(box.destination for box in blocker.packets),
        of_source=blocker.leg == "return",
    )
    connections = [
        connection
        for _, connection in sorted(case.account.vpn_connections.items())
        if connection.vpn_gateway_id == gateway_id and connection.options and connection.options.static_routes_only
    ]
    if not connections:
        raise NoFix(f"{blocker.summary} Its VPN connections learn routes by BGP: the other side has to announce it.")
    found: list[Option] = []
    for connection in connections:
        name = connection.vpn_connection_id
        edits = [CreateVpnConnectionRoute(vpn_connection_id=name, destination_cidr_block=block) for block in blocks]
        says = f"Add to {called(case.account, name)} a static route to {listed(blocks)}."
        warn = "The customer gateway at the other end has to know the VPC's addresses, which AWS does not show."
        found.append((step([blocker], edits, says, warn),))
    return found


# -- Block Public Access -----------------------------------------------------------------------------------------------


def exclusion(case: Case, blocker: Blocker) -> Sequence[Option]:
    """The subnet (or VPC) left out; for what begins inside alone where its gateway passes nothing else."""
    subnet = case.account.subnets.get(blocker.subnet_id or "") or ways.destination_subnet(case, blocker)
    of = subnet.subnet_id if subnet is not None else blocker.vpc_id or ""
    known = case.account.exclusions(blocker.vpc_id or "")
    if isinstance(known, Missing):
        raise NoFix(f"{blocker.summary} What is excluded already could not be read: {known}.")
    outbound = any(p.kind in _OUTBOUND_ONLY for p in case.walk.passages if p.leg == "forward")
    mode = "allow-egress" if outbound else "allow-bidirectional"
    there = [e for e in known if e.resource_arn.rpartition("/")[2] == of and e.state not in _UNUSED]
    edit: Edit
    if there and there[0].exclusion_id:
        edit = ModifyVpcBlockPublicAccessExclusion(
            exclusion_id=there[0].exclusion_id, internet_gateway_exclusion_mode=mode
        )
    elif subnet is not None:
        edit = CreateVpcBlockPublicAccessExclusion(subnet_id=of, internet_gateway_exclusion_mode=mode)
    else:
        edit = CreateVpcBlockPublicAccessExclusion(vpc_id=of, internet_gateway_exclusion_mode=mode)
    words = "for what begins inside" if outbound else "in both directions"
    says = f"Exclude {called(case.account, of)} from Block Public Access {words}."
    warn = "Block Public Access is somebody's decision for the whole account: ask whoever turned it on."
    return [(step([blocker], [edit], says, warn),)]


# -- hosts -------------------------------------------------------------------------------------------------------------


def start(case: Case, blocker: Blocker) -> Sequence[Option]:
    """An instance that was stopped."""
    name = blocker.resource_ids[0]
    instance = case.account.instances.get(name)
    state = instance.state.name if instance and instance.state else ""
    if state != "stopped":
        raise NoFix(f"{blocker.summary} Only a stopped instance can be started.")
    says = f"Start {called(case.account, name)}."
    warn = "A public address that is no Elastic IP address is another one after the start."
    return [(step([blocker], [StartInstances(instance_ids=(name,))], says, warn),)]


def forwarding(_case: Case, blocker: Blocker) -> Sequence[Option]:
    """The source/destination check of an appliance, off."""
    name = blocker.resource_ids[0]
    edit = ModifyNetworkInterfaceAttribute(network_interface_id=name, source_dest_check=False)
    says = f"Turn the source/destination check of {name} off."
    warn = "What the appliance does with the packets is its own business: AWS shows only that it gets them."
    return [(step([blocker], [edit], says, warn),)]
