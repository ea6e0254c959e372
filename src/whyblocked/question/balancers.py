"""Load balancers as ends of a question: by name, DNS name or ARN.

https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/how-elastic-load-balancing-works.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from whyblocked.config.account import Account, Missing
from whyblocked.config.balancers import balancer_named, expected, node_description, nodes_of
from whyblocked.config.resources import Balancer, LoadBalancer, NetworkInterface
from whyblocked.errors import EndpointError, UndeterminedError
from whyblocked.network.asked import End
from whyblocked.question import arns
from whyblocked.text import clean

if TYPE_CHECKING:
    from whyblocked.question.find import Search

_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,32}(?<!-)")
_ARN = re.compile(r"arn:[^:]*:elasticloadbalancing:[^:]*:[^:]*:loadbalancer/(?:(?:app|net|gwy)/([^/]+)/[^/]+|([^/]+))")
# name-1234567890.eu-west-1.elb.amazonaws.com, name-0a1b2c3d4e5f6a7b.elb.eu-west-1.amazonaws.com
_HOST = re.compile(
    r"(?:dualstack\.|ipv6\.)?(?:[a-z]{2}(?:-[a-z]+)+-\d[a-z]\.)?"
    r"(?P<host>(?:internal-)?(?P<name>[a-z0-9-]+)-[0-9a-f]+"
    r"\.(?:[a-z0-9-]+\.elb|elb\.[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?)\.?",
    re.IGNORECASE,
)


def is_balancer(text: str) -> bool:
    """Whether an end is the ARN or DNS name of a load balancer."""
    return bool(_ARN.fullmatch(text) or _HOST.fullmatch(text))


def balancers_named(search: Search, name: str) -> list[Balancer]:
    """The load balancers with this name; a refusal is no matter where something else may have it."""
    if not _NAME.fullmatch(name):
        return []
    return _known(search, name, pending_only=True)


def balancer_at(search: Search, text: str) -> list[Balancer]:
    """The load balancer with this ARN or DNS name."""
    if match := _ARN.fullmatch(text):
        if match[2] is not None:
            found = [one for one in _known(search, match[2], arn=text) if not isinstance(one, LoadBalancer)]
            return [one for one in found if _may_be(search.account, one, text)]
        search.ask(("DescribeLoadBalancers", "LoadBalancerArns", text))
        known = search.account.balancers.by_id.get(text)
        return [] if known is None else [known]
    match = _HOST.fullmatch(text)
    if match is None:
        return []
    host = match["host"].lower()
    if host not in search.account.balancers.by_host:
        _known(search, match["name"])
    return list(search.account.balancers.by_host.get(host, {}).values())


def _may_be(account: Account, balancer: Balancer, arn: str) -> bool:
    """Whether a Classic Load Balancer, which shows no ARN of its own, can be the ARN's by where its VPC is."""
    vpc_id = balancer.vpc_id or ""
    return arns.may_be(arn, account.account_id_of(vpc_id), account.region_of(vpc_id))


def _known(search: Search, name: str, *, pending_only: bool = False, arn: str = "") -> list[Balancer]:
    found: list[Balancer] = []
    for one in balancer_named(search.account, name, arn):
        if not isinstance(one, Missing):
            found.append(one)
        elif one.pending or not pending_only:
            search.note(one)
    return found


def balancer_end(search: Search, text: str, what: str, balancer: Balancer) -> list[End]:
    """A load balancer with its nodes; none while they are fetched."""
    if what == "source":
        raise EndpointError(
            f"source: {clean(text)} is a load balancer: it opens no connections of its own. Name a client as the "
            "source and the load balancer as the destination, and its connections to its targets are followed"
        )
    search.account.expect(expected(search.account, balancer))
    nodes = nodes_of(search.account, balancer)
    if isinstance(nodes, Missing):
        search.note(nodes)
        if nodes.pending:
            return []
        reason = clean(str(nodes))
        raise UndeterminedError(f"{what}: the nodes of {clean(text)} could not be read: {reason}", (reason,))
    chosen = _of_zone(search, text, nodes)
    if not chosen:
        raise EndpointError(f"{what}: {clean(text)} is a load balancer without a subnet: it has no address")
    return [End(text=text, label=clean(balancer.name), kind="host", interfaces=chosen, balancer=balancer)]


def _of_zone(search: Search, text: str, nodes: Sequence[NetworkInterface]) -> tuple[NetworkInterface, ...]:
    """The nodes that a name stands for: of a zonal name (``eu-west-1a.name-...``) those of the zone."""
    zone = text.lower().partition(".")[0] if _HOST.fullmatch(text) else ""
    subnets = {node.subnet_id: search.account.subnets.get(node.subnet_id) for node in nodes}
    there = [node for node in nodes if zone and (s := subnets[node.subnet_id]) and s.availability_zone == zone]
    return tuple(there or nodes)


def describe_balancer(balancer: Balancer) -> str:
    """``arn:... (network load balancer, vpc-1)``, in a form that names it alone."""
    unique = balancer.id if isinstance(balancer, LoadBalancer) else balancer.dns_name or node_description(balancer)
    facts = ", ".join(fact for fact in (f"{balancer.kind} load balancer", balancer.vpc_id) if fact)
    return clean(f"{unique} ({facts})")
