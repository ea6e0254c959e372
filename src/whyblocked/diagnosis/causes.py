"""The finding for one group of rejected records: what refused it, by which rule, and what to make of it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from whyblocked.config.account import Missing
from whyblocked.diagnosis.answer import Finding, PacketSet
from whyblocked.diagnosis.answering import advised, findings
from whyblocked.diagnosis.judging import ACL, ENCRYPTION, GROUP, LATE, PUBLIC_ACCESS, TRANSIT, Judged
from whyblocked.diagnosis.near import MOST
from whyblocked.diagnosis.peers import ECHOES, Traffic
from whyblocked.diagnosis.places import DIRECTIONS, Place, Places
from whyblocked.flowlogs.groups import NONE, UNKNOWN, Group, Table
from whyblocked.flowlogs.pairs import CLIENTS
from whyblocked.network.flow import Leg
from whyblocked.network.noted import Blocker
from whyblocked.network.packets import ALL_PORTS, EVERYWHERE, TCP, Packets, interval_text, join_intervals
from whyblocked.network.protocols import protocol_text
from whyblocked.network.rules import AclRule, Direction, any_match, first_match

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
_ACCEPTED_WOULD_TELL = "only accepted records would tell, and there are none"
_LOOK = {
    "type": "Find out the type before a rule is opened for it: a capture at one of the ends tells, flow logs have no "
    "field for it.",
    "port": "Have a flow log whose format has ${dstport}: it tells for which port a rule is wanted.",
    "protocol": "Have a flow log whose format has ${protocol} and ${dstport}: it tells for what a rule is wanted.",
}


class Causes:
    """Makes the findings of judged groups, one on demand."""

    def __init__(self, table: Table, judged: Judged, places: Places) -> None:
        self.table, self.judged, self.places = table, judged, places
        self._account = places.account

    def cause(self, row: int, near: int = MOST) -> Finding | None:
        """What refused the group in this row, or None where nothing known did, with so many near misses."""
        blocker = self._blocker(row)
        if blocker is None:
            return None
        found = next(findings(self._account, [blocker], near))
        meant, words = self._meant(row, blocker, found.packets)
        if meant is None:
            return found
        step, command = advised(self._account, blocker, meant, found.near_misses)
        return msgspec.structs.replace(found, next_step=step and f"{words}{step}", command=command)

    def _meant(self, row: int, blocker: Blocker, packets: PacketSet) -> tuple[PacketSet | None, str]:
        """What a rule should allow, where that is not what the records show, and what to say in front of it.

        Clients use many ports, and no record tells the type of ICMP: one rule for all types would be too wide.
        """
        reply = blocker.leg == "return"
        if reply and packets.source_ports is not None:
            return msgspec.structs.replace(packets, source_ports=_CLIENT_PORTS), ""
        protocol = self.table.protocol[row]
        if packets.icmp_type is None or protocol not in ECHOES or blocker.next_step is not None:
            return None, ""
        echo = msgspec.structs.replace(packets, icmp_type=str(ECHOES[protocol][reply]), icmp_code="all")
        return echo, f"If these are {'answers to ' * reply}pings, which the records do not tell: "

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
        if self.judged.partly[row]:
            return self._partly(row, group, place, "security-group")
        rules, _ = self.places.group_rules(place.groups, direction)
        ids = tuple(sorted(one.group_id for one in place.interface.groups))
        names = " or ".join(ids) if len(ids) < 4 else f"{len(ids)} security groups"
        way = "inbound" if direction == "ingress" else "outbound"
        summary = f"No {way} rule of {names} on {group.interface_id} allows it"
        if not rules:
            summary = f"{names} on {group.interface_id} {'has' if len(ids) == 1 else 'have'} no {way} rules at all"
        packets = self._packets(row, group, direction)
        code = "ENI_SG_RULES_MISMATCH" if rules else "SG_HAS_NO_RULES"
        step: str | None = None
        if direction == "ingress" and self.places.lacks_referencing(place.groups, place.interface, packets):
            why, step = self.places.why_not_referenced(place.interface)
            code, summary = "SG_REFERENCING_SUPPORT", f"{names} on {group.interface_id} {why}"
        elif direction == "ingress" and (box := self.places.hides_groups(place.groups, place.interface, packets)):
            code = "SG_REFERENCES_NOT_PRESERVED"
            summary = (
                f"A rule of {names} on {group.interface_id} names the sender's security group, which is not told "
                f"behind {box}: name its addresses instead"
            )
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
        if self.judged.partly[row]:
            return self._partly(row, group, place, "network-acl")
        rule, words = self._refusal(row, place, direction)
        leg: Leg = "return" if self.judged.reply[row] else "forward"
        packets = self._packets(row, group, direction)
        known = self.places.acl_rules(place.acl, direction, packets[0].version)
        acl_id, rules = ("", []) if isinstance(known, Missing) else known
        more = ""
        if self.judged.too[row]:
            ids = sorted(one.group_id for one in place.interface.groups)
            more = f"; no rule of {' or '.join(ids)} allows it, either"
        if self.judged.untold[row]:  # and as answers it denies them as well
            more += f"{', unless these are answers' if more else '; whether these are answers'}: {_ACCEPTED_WOULD_TELL}"
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

    # -- what the records do not tell ------------------------------------------------------------------------

    def _partly(self, row: int, group: Group, place: Place, layer: Literal["security-group", "network-acl"]) -> Blocker:
        """What refuses some of the packets that the records may be of, and lets others pass."""
        direction = self._direction(row)
        packets = self._packets(row, group, direction)
        lacks = "protocol" if group.protocol == NONE else "type" if group.protocol in ECHOES else "port"
        way = "inbound" if direction == "ingress" else "outbound"
        if layer == "security-group":
            rules, _ = self.places.group_rules(place.groups, direction)
            ids = tuple(sorted(one.group_id for one in place.interface.groups))
            who, rule, code = f"{way} rules of {' or '.join(ids)}", None, "ENI_SG_RULES_MISMATCH"
            decided = any_match(rules, packets[0], lambda r, p: self.places.spans(place.groups, r, p))
        else:
            rule = self._refusal(row, place, direction)[0]
            known = self.places.acl_rules(place.acl, direction, packets[0].version)
            acl_id, entries = ("", []) if isinstance(known, Missing) else known
            who, ids, code = f"{way} rules of network ACL {acl_id}", (acl_id,), "SUBNET_ACL_RESTRICTION"
            decided = first_match(entries, packets[0])
        which = f"some {lacks}s"
        if group.protocol != NONE:
            highest = 255 if lacks == "type" else ALL_PORTS[1]
            spans = (one.packets.destination_ports for one in decided if one.action == "allow")
            numbers = interval_text(join_intervals((low, min(high, highest)) for low, high in spans))
            which = (
                f"{lacks}{'' if numbers.isdigit() else 's'} {numbers or 'not known'} of {protocol_text(group.protocol)}"
            )
        return Blocker(
            leg="return" if self.judged.reply[row] else "forward",
            layer=layer,
            code=code,
            summary=f"{who[:1].upper()}{who[1:]} let only {which} pass, and the records do not tell the {lacks}: "
            "it was another one, or the rules have changed since.",
            packets=packets,
            direction=direction,
            resource_ids=ids,
            rule=rule.described() if rule else None,
            next_step=_LOOK[lacks],
            **_where(group, place),
        )

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
        for place in (self.table.source[row], self.table.destination[row]):
            address = self.judged.numbers.address(place)
            ends.append((address[1], address[1]) if address[0] == version else EVERYWHERE[version])
        return (box._replace(source=ends[0], destination=ends[1]),)


def _where(group: Group, place: Place | None) -> dict[str, Any]:
    return {
        "interface_id": group.interface_id,
        "subnet_id": place.interface.subnet_id if place else group.subnet_id,
        "vpc_id": place.interface.vpc_id if place else group.vpc_id,
    }
