"""Whether a host hears that its packets are too large: routers say so with ICMP, which rules may keep out.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/network_mtu.html#path_mtu_discovery
https://docs.aws.amazon.com/vpc/latest/userguide/path_mtu_discovery.html
"""

from __future__ import annotations

from collections.abc import Sequence

from whyblocked.config.account import Account, Missing
from whyblocked.config.resources import block
from whyblocked.network.packets import EVERYWHERE, ICMP, ICMPV6, Interval, Packets, span
from whyblocked.network.rulebook import Rulebook
from whyblocked.network.rules import GroupRule, any_match, first_match

TOO_LARGE = {4: ("ICMP type 3 code 4", ICMP, 3, 4), 6: ("ICMPv6 type 2", ICMPV6, 2, 0)}


def unheard(account: Account, interface_id: str, version: int) -> str | None:
    """The rules that let no such message in to an interface, in words; None where one does, or that can't be told."""
    interface = account.interfaces.get(interface_id)
    subnet = account.subnets.get(interface.subnet_id) if interface else None
    if interface is None or subnet is None:
        return None
    words, protocol, kind, code = TOO_LARGE[version]
    everywhere = EVERYWHERE[version]
    message = Packets(version, everywhere, everywhere, (protocol, protocol), (code, code), (kind, kind))
    book = Rulebook(account)
    rules, unread = book.groups(interface, "ingress")
    if interface.groups and not unread:
        decided = any_match(rules, message, lambda rule, packets: _listed(account, rule, packets))
        if all(decision.action == "deny" for decision in decided):
            groups = " or ".join(sorted(one.group_id for one in interface.groups))
            return f"no inbound rule of {groups} lets {words} in"
    acl = book.acl(subnet, "ingress", version)
    if not isinstance(acl, Missing) and all(one.action == "deny" for one in first_match(acl[1], message)):
        return f"no inbound rule of {acl[0]} lets {words} in"
    return None


def _listed(account: Account, rule: GroupRule, packets: Packets) -> Sequence[Interval]:
    """Routers are in no security group; they may be in a prefix list."""
    listed = account.prefix_lists.get(rule.peer, ()) if rule.kind == "prefix-list" else ()
    networks = (block(cidr.strip()) for cidr in listed)
    return [span(network) for network in networks if network.version == packets.version]
