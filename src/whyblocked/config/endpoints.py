"""Look-ups of VPC endpoints and of the Network Firewall behind them, in the terms of :class:`Account`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from whyblocked.config import resources as r
from whyblocked.config.account import Account, Missing, Query, R

FIREWALL_TAG = "Firewall"  # on the endpoints that Network Firewall makes, with the firewall's ARN
_IN_DESCRIPTION = re.compile(r"vpce-[0-9a-f]+")


def vpc_endpoint(account: Account, endpoint_id: str, about: str = "") -> r.VpcEndpoint | Missing:
    """The VPC endpoint with this id; ``about`` is a resource of its account where nothing named the endpoint."""
    query = Query("DescribeVpcEndpoints", "vpc-endpoint-id", endpoint_id, about)
    return account.vpc_endpoints.get(endpoint_id) or account._lacks("VpcEndpoints", query)


def endpoints_of(account: Account, vpc_id: str) -> tuple[r.VpcEndpoint, ...] | Missing:
    """The endpoints of a VPC, by id."""
    missing = account.source.ask(Query("DescribeVpcEndpoints", "vpc-id", vpc_id))
    if missing is not None:
        return missing
    return tuple(one for _, one in sorted(account._endpoints_of.get(vpc_id, {}).items()))


def endpoint_behind(account: Account, interface: r.NetworkInterface) -> r.VpcEndpoint | Missing | None:
    """The VPC endpoint whose interface this is; None for an interface of something else."""
    known = account._endpoint_of_interface.get(interface.network_interface_id)
    if known is not None:
        return known
    kind = (interface.interface_type or "").replace("_", "").lower()
    if kind not in ("vpcendpoint", "gatewayloadbalancerendpoint"):
        return None
    told = _IN_DESCRIPTION.search(interface.description or "")
    if told:
        return vpc_endpoint(account, told[0], interface.network_interface_id)
    found = endpoints_of(account, interface.vpc_id)
    if isinstance(found, Missing):
        return found
    query = Query("DescribeVpcEndpoints", "vpc-id", interface.vpc_id)
    return account._endpoint_of_interface.get(interface.network_interface_id) or account.source.absent(query)


def firewall_behind(account: Account, endpoint: r.VpcEndpoint) -> r.Firewall | Missing | None:
    """The Network Firewall that an endpoint is part of; None where it is part of none that can be seen."""
    known = account._firewall_of_endpoint.get(endpoint.vpc_endpoint_id)
    if known is not None:
        return known
    arn = next((tag.value for tag in endpoint.tags if tag.key == FIREWALL_TAG and tag.value.startswith("arn:")), None)
    if arn is not None:
        return _described(account, account.firewalls, "DescribeFirewall", arn)
    missing = account.source.ask(Query("ListFirewalls", "", "", endpoint.vpc_endpoint_id))
    if missing is not None:
        return missing
    for listed in sorted(
        account.listed_firewalls
    ):  # a Region has a handful: https://docs.aws.amazon.com/network-firewall/latest/developerguide/quotas.html
        firewall = _described(account, account.firewalls, "DescribeFirewall", listed)
        if isinstance(firewall, Missing):
            return firewall
    return account._firewall_of_endpoint.get(endpoint.vpc_endpoint_id)


def firewall_policy(account: Account, arn: str) -> r.FirewallPolicy | Missing:
    """The firewall policy with this ARN."""
    return _described(account, account.firewall_policies, "DescribeFirewallPolicy", arn)


def rule_group(account: Account, arn: str) -> r.RuleGroup | Missing:
    """The rule group with this ARN."""
    return _described(account, account.rule_groups, "DescribeRuleGroup", arn)


def _described(account: Account, known: Mapping[str, R], operation: str, arn: str) -> R | Missing:
    parameter = {"DescribeFirewall": "FirewallArn", "DescribeFirewallPolicy": "FirewallPolicyArn"}
    query = Query(operation, parameter.get(operation, "RuleGroupArn"), arn)
    return known.get(arn) or account._lacks(_KEYS[operation], query)


_KEYS = {
    "DescribeFirewall": "Firewall",
    "DescribeFirewallPolicy": "FirewallPolicyResponse",
    "DescribeRuleGroup": "RuleGroupResponse",
}
