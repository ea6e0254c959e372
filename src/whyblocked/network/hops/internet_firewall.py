"""Automated Internet Firewall: an inspection between a VPC and its internet gateways that no route leads through.

A VPC names its firewall, a subnet how it is treated; the policy is a Next Generation one, which is not followed.
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_NetworkFirewallAssociation.html
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Subnet.html (networkFirewallConnectivityType)
"""

from __future__ import annotations

from whyblocked.config.account import Missing
from whyblocked.network.flow import Bundle, Piece, flagged
from whyblocked.network.hops.public_access import subnet_of_destination
from whyblocked.network.walk import Walk

_PASSED_BY = ("exclude", "az-unsupported")
_GIVE_NO_ADDRESS = ("bidirectional", *_PASSED_BY)


def inspect(walk: Walk, bundle: Bundle) -> tuple[Piece, ...]:
    """The pieces of a request, undecided where a firewall that blocks may look at them."""
    if bundle.established or _firewall(walk, bundle) is None or _connectivity(walk, bundle) in _PASSED_BY:
        return bundle.pieces
    walk.lack(undecided(walk, bundle))
    return flagged(bundle.pieces, unknown=True)


def undecided(walk: Walk, bundle: Bundle) -> Missing:
    """What nobody but the firewall knows."""
    what = f"Automated Internet Firewall of {bundle.vpc_id}"
    return Missing(what, f"{_firewall(walk, bundle)} may drop it by its policy, which is not followed")


def translates(walk: Walk, bundle: Bundle) -> bool:
    """Whether the firewall may give those an address that have no public one."""
    return _firewall(walk, bundle) is not None and _connectivity(walk, bundle) not in _GIVE_NO_ADDRESS


def _firewall(walk: Walk, bundle: Bundle) -> str | None:
    vpc = walk.account.vpcs.get(bundle.vpc_id or "")
    shown = vpc.network_firewall_associations if vpc else ()
    return next((one.firewall_arn for one in shown if one.firewall_mode != "monitor"), None)


def _connectivity(walk: Walk, bundle: Bundle) -> str:
    subnet_id = subnet_of_destination(walk, bundle) if bundle.inbound else bundle.subnet_id
    subnet = walk.account.subnets.get(subnet_id or "")
    return (subnet.network_firewall_connectivity_type if subnet else None) or ""
