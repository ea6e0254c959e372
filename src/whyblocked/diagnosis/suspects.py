"""What a change must be about to matter for a question: the resources that decide it, and what to ask of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from whyblocked.config.account import Account
from whyblocked.config.trail import Lookup
from whyblocked.diagnosis.trail_addresses import EVENTS, NO_ADDRESS
from whyblocked.network.noted import Blocker
from whyblocked.network.packets import Packets
from whyblocked.network.rules import Direction, GroupRule
from whyblocked.network.supposed import Supposed
from whyblocked.network.walk import Walk

MOST_LOOKUPS = 6
MOST_LOOKUPS_OF_A_PATH = 4
"""Where nothing blocks: what was changed on the path is then of less interest."""

# Events that name no resource of their own kind, but an association (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReplaceNetworkAclAssociation.html).
_UNNAMED = {
    "network-acl": ("ReplaceNetworkAclAssociation",),
    "route-table": ("ReplaceRouteTableAssociation",),
    "block-public-access": ("ModifyVpcBlockPublicAccessOptions", "DeleteVpcBlockPublicAccessExclusion"),
}
# AWS does not say that CloudTrail lists these under the resource's id: asked for where nothing is.
_BY_NAME = {
    "network-acl": ("CreateNetworkAclEntry", "ReplaceNetworkAclEntry", "DeleteNetworkAclEntry"),
    "route-table": ("DeleteRoute", "ReplaceRoute"),
}
_ORDER = ("security-group", "network-acl", "route-table", "prefix-list", "interface", "instance")
_NO_RESOURCE = ("internet", "host", "vpc", "subnet")


class Decider(NamedTuple):
    """A resource that decides on packets, which are as they are there; ``blocks``: it refuses them.

    ``rule`` is what matched, as answers have it; ``also`` are further ids that an event may name instead; ``layer`` is
    the blocker's, of an interface or instance where one stands. ``unaddressed``: it blocks because that has no public
    address.
    """

    kind: str
    id: str
    packets: tuple[Packets, ...]
    blocks: bool
    direction: Direction | None = None
    rule: Mapping[str, Any] | None = None
    also: frozenset[str] = frozenset()
    layer: str = ""
    unaddressed: bool = False

    @property
    def ids(self) -> frozenset[str]:
        """Every id that an event about it may name."""
        return self.also | {self.id}


def deciders(walk: Walk) -> list[Decider]:
    """What decides a question: first what blocks it, then what lets it pass, each once."""
    found = [one for blocker in walk.blockers for one in of_blocker(walk.account, blocker)]
    for passage in walk.passages:
        if passage.action in ("deny", "unknown") or passage.kind in _NO_RESOURCE:
            continue
        one = Decider(passage.kind, passage.id, passage.packets, False, passage.direction, passage.rule)
        ids = passage.resource_ids if passage.kind == "security-group" else (passage.id,)
        found += [one._replace(id=id_, also=_also(walk.account, one.kind, id_, passage.subnet_id)) for id_ in ids]
        found += _of_rules(passage.rule or {}, passage.packets, passage.direction, blocks=False)
    return list(_once(found))


def of_blocker(account: Account, blocker: Blocker) -> Iterator[Decider]:
    """What one blocker is about: its resources, the prefix lists of its rules, and the interface where it stands."""
    for resource_id in blocker.resource_ids:
        also = _also(account, blocker.layer, resource_id, blocker.subnet_id)
        target = (blocker.rule or {}).get("target")
        also |= {target} if target and target != "local" else frozenset()
        if blocker.layer in ("internet-gateway", "block-public-access") and blocker.vpc_id:
            also |= {blocker.vpc_id}
        yield Decider(blocker.layer, resource_id, blocker.packets, True, blocker.direction, blocker.rule, also)
    lists = dict.fromkeys(r.peer for r in blocker.tried if isinstance(r, GroupRule) and r.kind == "prefix-list")
    for list_id in lists:
        yield Decider("prefix-list", list_id, blocker.packets, True, blocker.direction)
    interface = account.interfaces.get(blocker.interface_id or "")
    if interface is None or isinstance(interface, Supposed) or blocker.layer == "network-acl":
        return
    here = Decider("interface", interface.network_interface_id, blocker.packets, True, blocker.direction)
    here = here._replace(layer=blocker.layer, unaddressed=blocker.code in NO_ADDRESS)
    yield here
    if interface.attachment and interface.attachment.instance_id:
        # an address that is given to an instance goes to its primary interface
        primary = not interface.attachment.device_index
        unaddressed = here.unaddressed and primary
        yield here._replace(kind="instance", id=interface.attachment.instance_id, unaddressed=unaddressed)


def at_interface(
    account: Account, interface_id: str, packets: tuple[Packets, ...], direction: Direction
) -> list[Decider]:
    """What decides on packets at one interface, which is known to let them pass: its groups and its network ACL."""
    interface = account.interfaces.get(interface_id)
    if interface is None:
        return []
    found = [Decider("security-group", g.group_id, packets, False, direction) for g in interface.groups]
    subnet = account.subnets.get(interface.subnet_id)
    acl = account.network_acl_of(subnet) if subnet is not None else None
    acl_id = getattr(acl, "network_acl_id", None)
    if acl_id:
        also = _also(account, "network-acl", acl_id, interface.subnet_id)
        found.append(Decider("network-acl", acl_id, packets, False, direction, None, also))
    found.append(Decider("interface", interface_id, packets, False, direction))
    return found


def lookups(found: Iterable[Decider], most: int | None = None) -> list[Lookup]:
    """What to ask CloudTrail, the most telling first; of a question that something blocks, only of what blocks it."""
    everything = list(found)
    blocking = [one for one in everything if one.blocks]
    wanted: dict[Lookup, None] = {}
    for one in blocking or sorted(everything, key=_rank):
        if one.kind != "block-public-access":  # whose events name the account at most
            wanted[Lookup("ResourceName", one.id, one.id, _BY_NAME.get(one.kind, ()) if one.blocks else ())] = None
    for one in blocking:
        for name in (*_UNNAMED.get(one.kind, ()), *(EVENTS if one.unaddressed and one.kind == "interface" else ())):
            wanted[Lookup("EventName", name, one.id)] = None
    return list(wanted)[: most or (MOST_LOOKUPS if blocking else MOST_LOOKUPS_OF_A_PATH)]


def _rank(one: Decider) -> int:
    return _ORDER.index(one.kind) if one.kind in _ORDER else len(_ORDER)


def _of_rules(
    rule: Mapping[str, Any], packets: tuple[Packets, ...], direction: Direction | None, *, blocks: bool
) -> Iterator[Decider]:
    """The prefix list that a rule names."""
    for key in ("prefix_list_id", "destination"):
        if str(rule.get(key) or "").startswith("pl-"):
            yield Decider("prefix-list", str(rule[key]), packets, blocks, direction)


def _also(account: Account, kind: str, resource_id: str, subnet_id: str | None) -> frozenset[str]:
    """The ids of the associations by which a network ACL or route table serves a subnet: events name nothing else."""
    if kind == "network-acl" and (acl := account.network_acls.get(resource_id)):
        made = [a.network_acl_association_id for a in acl.associations if a.subnet_id == subnet_id]
    elif kind == "route-table" and (table := account.route_tables.get(resource_id)):
        own = [a for a in table.associations if a.subnet_id is not None and a.subnet_id == subnet_id]
        made = [a.route_table_association_id for a in own or table.associations if own or a.main]
    else:
        made = []
    return frozenset(one for one in made if one)


def _once(found: Iterable[Decider]) -> Iterator[Decider]:
    seen = set()
    for one in found:
        key = (one.kind, one.id, one.direction, one.blocks, one.packets, str(one.rule))
        if key not in seen:
            seen.add(key)
            yield one


def numbered(one: Decider) -> int | None:
    """The number of the network ACL rule that decides."""
    number = (one.rule or {}).get("rule_number")
    return number if isinstance(number, int) else None
