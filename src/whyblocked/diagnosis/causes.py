"""The finding for one group of rejected records: what refused it, by which rule, and what to make of it."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import msgspec

from whyblocked.config.account import Missing
from whyblocked.diagnosis.answer import Finding
from whyblocked.diagnosis.answering import advised, findings
from whyblocked.diagnosis.judging import ACL, ENCRYPTION, GROUP, LATE, PUBLIC_ACCESS, TRANSIT, Judged
from whyblocked.diagnosis.peers import Traffic
from whyblocked.diagnosis.places import DIRECTIONS, Place, Places
from whyblocked.flowlogs.groups import UNKNOWN, Group, Table
from whyblocked.flowlogs.pairs import CLIENTS
from whyblocked.network.flow import Leg
from whyblocked.network.hops import security_group
from whyblocked.network.packets import ALL_PORTS, EVERYWHERE, TCP, Packets
from whyblocked.network.rules import AclRule, Direction
from whyblocked.network.walk import Blocker

NOBODY = "Nobody has to open a rule for these."
LATE_PACKETS = "LATE_PACKETS"
_CLIENT_PORTS = "1024-65535"  # a rule for replies has to allow all that clients use
# Codes are the Reachability Analyzer's for transit gateway route tables where it has one.
# https://docs.aws.amazon.com/vpc/latest/tgw/tgw-flow-logs.html
# https://docs.aws.amazon.com/vpc/latest/tgw/transit-gateway-quotas.html (the largest packets)
_LOSSES = {
    "tgw:no-route": ("TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT", "for want of a route"),
    "tgw:blackhole": ("TGW_RTB_BAD_STATE_ROUTE", "in a blackhole route"),
    "tgw:mtu-exceeded": ("TGW_MTU_EXCEEDED", "for their size"),
    "tgw:ttl-expired": ("TGW_TTL_EXPIRED", "for their age (time to live)"),
}
_NEXT_STEPS = {
    "TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT": "Give {destination} a route in the transit gateway route table of "
    "{attachment}, if they should pass.",
    "TGW_RTB_BAD_STATE_ROUTE": "Look up {destination} in the transit gateway route table of {attachment}: its route is "
    "a blackhole on purpose, or the attachment that it leads to is gone.",
    "TGW_MTU_EXCEEDED": "Lower the MTU at the sender: a transit gateway passes packets of up to 8,500 bytes, a VPN of "
    "up to 1,500.",
    "TGW_TTL_EXPIRED": "Look for routes to {destination} that lead in a circle through the transit gateway.",
}
_LAST = (32767, 32768)


class Causes:
    """Makes the findings of judged groups, one on demand."""

    def __init__(self, table: Table, judged: Judged, places: Places) -> None:
        self.table, self.judged, self.places = table, judged, places
        self._account = places.account

    def cause(self, row: int) -> Finding | None:
        """What refused the group in this row, or None where nothing known did."""
        blocker = self._blocker(row)
        if blocker is None:
            return None
        found = next(findings(self._account, [blocker]))
        if blocker.leg == "forward" or found.packets.source_ports is None:
            return found
        wide = msgspec.structs.replace(found.packets, source_ports=_CLIENT_PORTS)
        step, command = advised(self._account, blocker, wide, found.near_misses)
        return msgspec.structs.replace(found, next_step=step, command=command)

    def _blocker(self, row: int) -> Blocker | None:
        work = int(self.judged.work[row])
        group = self.table[row]
        place = self.places.found.get(group.interface_id)
        if work == PUBLIC_ACCESS:
            return self._public_access(row, group, place)
        if work == ENCRYPTION:
            return self._encryption(row, group, place)
        if work == TRANSIT:
            return self._transit(row, group)
        if place is None:
            return None
        if work == LATE:
            return self._late(row, group, place)
        if work == GROUP:
            return self._group(row, group, place)
        return self._acl(row, group, place) if work == ACL else None

    # -- the rules -------------------------------------------------------------------------------------------

    def _group(self, row: int, group: Group, place: Place) -> Blocker:
        direction = self._direction(row)
        rules, _ = self.places.group_rules(place.groups, direction)
        ids = tuple(sorted(one.group_id for one in place.interface.groups))
        names = " or ".join(ids) if len(ids) < 4 else f"{len(ids)} security groups"
        way = "inbound" if direction == "ingress" else "outbound"
        summary = f"No {way} rule of {names} on {group.interface_id} allows it"
        if not rules:
            summary = f"{names} on {group.interface_id} {'has' if len(ids) == 1 else 'have'} no {way} rules at all"
        packets = self._packets(row, group, direction)
        code, step = "ENI_SG_RULES_MISMATCH" if rules else "SG_HAS_NO_RULES", None
        if direction == "ingress" and self.places.lacks_referencing(place.groups, place.interface, packets):
            code, step = "SG_REFERENCING_SUPPORT", security_group.TURN_REFERENCING_ON
            summary = f"{names} on {group.interface_id} {security_group.REFERENCING_IS_OFF}"
        return Blocker(
            leg="forward",
            layer="security-group",
            code=code,
            summary=f"{summary}{self._group_remark(row, group, place, direction)}.",
            packets=packets,
            direction=direction,
            resource_ids=ids,
            tried=rules,
            next_step=NOBODY if self.judged.reply[row] else step,
            **_where(group, place),
        )

    def _group_remark(self, row: int, group: Group, place: Place, direction: Direction) -> str:
        if self.judged.reply[row]:
            if group.syn:
                return ": these are answers to a connection that was not opened from here, or not this way"
            return (
                f": from port {group.source_port} to a client's port, these are late answers or packets of closed "
                "connections"
            )
        if self.judged.too[row]:
            return f"; {self._refusal(row, place, direction)[1]}, too"
        clients = group.protocol == TCP and group.flags is None and (group.destination_port or 0) >= CLIENTS
        if clients:
            return " (if these are late packets of closed connections, nobody has to; the records have no tcp-flags)"
        return ""

    def _acl(self, row: int, group: Group, place: Place) -> Blocker:
        direction = self._direction(row)
        rule, words = self._refusal(row, place, direction)
        leg: Leg = "return" if self.judged.reply[row] else "forward"
        packets = self._packets(row, group, direction)
        known = self.places.acl_rules(place.acl, direction, packets[0].version)
        acl_id, rules = ("", []) if isinstance(known, Missing) else known
        more = ""
        if self.judged.too[row]:
            ids = sorted(one.group_id for one in place.interface.groups)
            more = f"; no rule of {' or '.join(ids)} allows it, either"
        return Blocker(
            leg=leg,
            layer="network-acl",
            code="SUBNET_ACL_RESTRICTION",
            summary=f"{words[:1].upper()}{words[1:]}{' the reply' if leg == 'return' else ' it'}{more}.",
            packets=packets,
            direction=direction,
            resource_ids=(acl_id,),
            rule=rule.described() if rule else None,
            tried=tuple(rules),
            **_where(group, place),
        )

    def _refusal(self, row: int, place: Place, direction: Direction) -> tuple[AclRule | None, str]:
        """The network ACL's rule that refuses, and that it does, in words."""
        known = self.places.acl_rules(place.acl, direction, int(self.judged.version[row]))
        number = int(self.judged.rule[row])
        if isinstance(known, Missing) or number < 0:
            return None, "the network ACL denies"
        acl_id, rules = known
        rule = rules[number]
        way = "inbound" if direction == "ingress" else "outbound"
        name = "*" if rule.number in _LAST else str(rule.number)
        return rule, f"{way} rule {name} of network ACL {acl_id} denies"

    # -- what no rule does -----------------------------------------------------------------------------------

    def _late(self, row: int, group: Group, place: Place) -> Blocker:
        summary = (
            f"Late packets of closed connections arrived at {group.interface_id}: none of them opens one (no SYN), and "
            "the connection is no longer tracked."
        )
        return Blocker(
            leg="forward",
            layer="interface",
            code=LATE_PACKETS,
            summary=summary,
            packets=self._packets(row, group, self._direction(row)),
            resource_ids=(group.interface_id,),
            next_step=NOBODY,
            **_where(group, place),
        )

    def _public_access(self, row: int, group: Group, place: Place | None) -> Blocker:
        where = _where(group, place)
        vpc_id = where["vpc_id"]
        return Blocker(
            leg="forward",
            layer="block-public-access",
            code="VPC_BLOCK_PUBLIC_ACCESS_ENABLED",
            summary=f"Block Public Access stops it, as the records say{f' (VPC {vpc_id})' if vpc_id else ''}.",
            packets=self._packets(row, group, self._direction(row)),
            resource_ids=(vpc_id,) if vpc_id else (),
            next_step=f"Exclude {where['subnet_id'] or vpc_id or 'the subnet'} from Block Public Access, "
            "if that is intended.",
            **where,
        )

    def _encryption(self, row: int, group: Group, place: Place | None) -> Blocker:
        where = _where(group, place)
        return Blocker(
            leg="forward",
            layer="interface",
            code="VPC_ENCRYPTION_CONTROLS_ENFORCED",
            summary=f"The encryption controls of {where['vpc_id'] or 'the VPC'} stop it, as the records say: "
            "it is not encrypted.",
            packets=self._packets(row, group, self._direction(row)),
            resource_ids=(group.interface_id,),
            next_step="Send it encrypted (TLS), or exclude the resource from the VPC's encryption controls.",
            **where,
        )

    def _transit(self, row: int, group: Group) -> Blocker:
        code, why = _LOSSES[group.reject_reason or ""]
        known = group.interface_id != UNKNOWN
        attachment = group.interface_id if known else "the attachment"
        destination = group.destination if group.destination != UNKNOWN else "their destination"
        return Blocker(
            leg="forward",
            layer="transit-gateway",
            code=code,
            summary=f"A transit gateway lost these packets {why}{f' at {attachment}' if known else ''}.",
            packets=self._packets(row, group, self._direction(row)),
            resource_ids=(attachment,) if known else (),
            next_step=_NEXT_STEPS[code].format(destination=destination, attachment=attachment),
        )

    # -- the packets -----------------------------------------------------------------------------------------

    def packets(self, row: int) -> tuple[Packets, ...]:
        """The packets of the group in this row, as they are at its interface."""
        return self._packets(row, self.table[row], self._direction(row))

    def _direction(self, row: int) -> Direction:
        return DIRECTIONS[max(int(self.judged.direction[row]), 0)]

    def _packets(self, row: int, group: Group, direction: Direction) -> tuple[Packets, ...]:
        version = int(self.judged.version[row]) or 4
        port = group.destination_port
        ports = ALL_PORTS if port is None or port > ALL_PORTS[1] else (port, port)
        protocol = group.protocol if 0 <= group.protocol <= 255 else None
        box = Traffic(direction, version, protocol, ports).box()
        ends = []
        for text in (group.source, group.destination):
            known = ("." in text or ":" in text) and ip_address(text).version == version
            ends.append((int(ip_address(text)),) * 2 if known else EVERYWHERE[version])
        return (box._replace(source=ends[0], destination=ends[1]),)


def _where(group: Group, place: Place | None) -> dict[str, Any]:
    return {
        "interface_id": group.interface_id,
        "subnet_id": place.interface.subnet_id if place else group.subnet_id,
        "vpc_id": place.interface.vpc_id if place else group.vpc_id,
    }
