"""Small helpers for changes to accounts: the account of a network, and one edit in as few words as it takes."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.builders import Network, question_of
from whyblocked.api import Session, snapshot
from whyblocked.config import resources as r
from whyblocked.config.account import Account
from whyblocked.config.edits import AuthorizeSecurityGroup, CreateNetworkAclEntry, CreateRoute, Direction
from whyblocked.diagnosis.answer import Answer


def account_of(net: Network) -> Account:
    """The account by way of a snapshot folder."""
    with tempfile.TemporaryDirectory() as folder:
        return snapshot(net.save(Path(folder)))


def ask(account: Account, line: str) -> Answer:
    """The answer to a question about an account."""
    return Session(account).explain(question_of(line))


def tcp_from(port: int | tuple[int, int], *peers: str) -> r.IpPermission:
    """A permission for TCP from blocks and groups."""
    low, high = (port, port) if isinstance(port, int) else port
    return r.IpPermission(
        ip_protocol="tcp",
        from_port=low,
        to_port=high,
        ip_ranges=tuple(r.IpRange(cidr_ip=peer) for peer in peers if "." in peer),
        ipv6_ranges=tuple(r.Ipv6Range(cidr_ipv6=peer) for peer in peers if ":" in peer),
        user_id_group_pairs=tuple(r.UserIdGroupPair(group_id=peer) for peer in peers if peer.startswith("sg-")),
    )


def let_in(group: str, permission: r.IpPermission, direction: Direction = "ingress") -> AuthorizeSecurityGroup:
    """A rule more for a group."""
    return AuthorizeSecurityGroup(group_id=group, direction=direction, permission=permission)


def entry(
    acl: str, number: int, action: str, ports: tuple[int, int], *, egress: bool = False, cidr: str = "0.0.0.0/0"
) -> CreateNetworkAclEntry:
    """An entry for TCP more for a network ACL."""
    return CreateNetworkAclEntry(
        network_acl_id=acl,
        entry=r.NetworkAclEntry(
            rule_number=number,
            protocol="6",
            rule_action=action,
            egress=egress,
            cidr_block=cidr,
            port_range=r.PortRange(from_=ports[0], to=ports[1]),
        ),
    )


def to_gateway(table: str, destination: str, gateway: str) -> CreateRoute:
    """A route more to an internet gateway."""
    return CreateRoute(route_table_id=table, route=r.Route(destination_cidr_block=destination, gateway_id=gateway))
