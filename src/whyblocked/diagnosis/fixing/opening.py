"""What a fix opens to the whole internet, said first.

https://docs.aws.amazon.com/vpc/latest/userguide/configure-subnets.html#subnet-types
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from whyblocked.config import resources as r
from whyblocked.config.account import Account, Query
from whyblocked.config.addresses import public_addresses
from whyblocked.config.edits import (
    NEW_GATEWAY,
    AssociateAddress,
    AssociateRouteTable,
    AuthorizeSecurityGroup,
    CreateRoute,
    Edit,
    ReplaceRoute,
)
from whyblocked.diagnosis.fixing.boxes import EVERYWHERE, listed
from whyblocked.diagnosis.fixing.effects import served
from whyblocked.diagnosis.fixing.words import called, counted

_MOST_NAMED = 3

_SENSITIVE = {
    22: "SSH",
    1433: "SQL Server",
    3306: "MySQL",
    3389: "Remote Desktop",
    5432: "PostgreSQL",
    6379: "Redis",
    9200: "Elasticsearch",
    11211: "Memcached",
    27017: "MongoDB",
}


def opened(edits: Iterable[Edit]) -> list[str]:
    """A warning for each inbound rule that lets everybody in."""
    return list(dict.fromkeys(_warning(edit) for edit in edits if _to_everybody(edit)))


def _to_everybody(edit: Edit) -> bool:
    if not isinstance(edit, AuthorizeSecurityGroup) or edit.direction != "ingress":
        return False
    permission = edit.permission
    return any(one.cidr_ip == "0.0.0.0/0" for one in permission.ip_ranges) or any(
        one.cidr_ipv6 == "::/0" for one in permission.ipv6_ranges
    )


def _warning(edit: Edit) -> str:
    assert isinstance(edit, AuthorizeSecurityGroup)
    low, high = edit.permission.from_port, edit.permission.to_port
    if low is None or high is None or edit.permission.ip_protocol not in ("tcp", "udp", "6", "17"):
        return "THIS OPENS EVERYTHING THE RULE NAMES TO THE WHOLE INTERNET."
    ports = f"PORT {low}" if low == high else f"PORTS {low}-{high}"
    kinds = ", ".join(name for port, name in _SENSITIVE.items() if low <= port <= high)
    return f"THIS OPENS {ports} TO THE WHOLE INTERNET" + (f": {kinds}." if kinds else ".")


# -- subnets that become public ----------------------------------------------------------------------------------------


def made_public(account: Account, edits: Iterable[Edit]) -> list[str]:
    """A warning for what the edits connect to the internet beside the one host; ``account`` is the one before them."""
    subnets: dict[str, dict[str, None]] = {destination: {} for destination in EVERYWHERE}
    found: list[str] = []
    for edit in edits:
        for destination, subnet_id in _opened_by(account, edit):
            if destination not in _by_gateway(account, subnet_id):
                subnets[destination][subnet_id] = None
        if isinstance(edit, AssociateAddress) and edit.network_interface_id:
            found.append(_address(account, edit.network_interface_id))
    return [_public(account, list(ids), destination) for destination, ids in subnets.items() if ids] + found


def _opened_by(account: Account, edit: Edit) -> Iterator[tuple[str, str]]:
    """Default routes to an internet gateway that an edit gives to subnets."""
    if isinstance(edit, CreateRoute | ReplaceRoute) and _to_internet(edit.route):
        table = account.route_tables.get(edit.route_table_id)
        for subnet_id in served(account, edit.route_table_id, table.vpc_id) if table is not None else ():
            yield edit.route.destination, subnet_id
    if isinstance(edit, AssociateRouteTable) and edit.subnet_id:
        table = account.route_tables.get(edit.route_table_id)
        for route in table.routes if table is not None else ():
            if _to_internet(route):
                yield route.destination, edit.subnet_id


def _by_gateway(account: Account, subnet_id: str) -> list[str]:
    """The default routes to an internet gateway that a subnet has already, and that work."""
    subnet = account.subnets.get(subnet_id)
    table = account.route_table_of(subnet) if subnet is not None else None
    routes = table.routes if isinstance(table, r.RouteTable) else ()
    return [one.destination for one in routes if _to_internet(one) and one.state != "blackhole"]


def _to_internet(route: r.Route) -> bool:
    return route.destination in EVERYWHERE and (route.target.startswith("igw-") or route.target == NEW_GATEWAY)


def _public(account: Account, subnet_ids: list[str], destination: str) -> str:
    names = [called(account, one) for one in subnet_ids[:_MOST_NAMED]]
    more = len(subnet_ids) - _MOST_NAMED
    which = listed(names if more <= 0 else [*names, f"{more} more"])
    several = "A SUBNET" if len(subnet_ids) == 1 else f"{len(subnet_ids)} SUBNETS"
    made = f"THIS MAKES {several} PUBLIC: {which}."
    hosts: dict[str, r.NetworkInterface] = {}
    for subnet_id in subnet_ids:
        missing = account.source.ask(Query("DescribeNetworkInterfaces", "subnet-id", subnet_id))
        if missing is not None:
            return f"{made} How many interfaces are there could not be read ({missing}); the route is for all of them."
        hosts |= {name: one for name, one in account.interfaces.items() if one.subnet_id == subnet_id}
    public = sum(bool(one.ipv6_addresses if ":" in destination else public_addresses(one)) for one in hosts.values())
    what = "an IPv6 address" if ":" in destination else "a public address"
    return (
        f"{made} All that is there takes the route to {destination} ({counted(len(hosts), 'interface')}, "
        f"{public or 'none'} now with {what}): what has one, or gets one, reaches the internet and is reached from it, "
        "as far as network ACLs and security groups allow it."
    )


def _address(account: Account, interface_id: str) -> str:
    interface = account.interfaces.get(interface_id)
    subnet = account.subnets.get(interface.subnet_id or "") if interface is not None else None
    where = f" in {called(account, subnet.subnet_id)}" if subnet is not None else ""
    return (
        f"THIS GIVES {interface_id}{where} A PUBLIC ADDRESS: by an internet gateway it is not for this question alone, "
        "but for all that its security groups and network ACL allow."
    )
