"""Security group and network ACL rules over packet sets.

Security groups: allow rules only, any match decides (https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html).
Network ACLs: ascending rule number, first match decides (https://docs.aws.amazon.com/vpc/latest/userguide/nacl-rules.html).
Encodings: the IpPermission and NetworkAclEntry types of the EC2 API Reference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import msgspec

from whyblocked.config.account import Missing
from whyblocked.config.resources import (
    IpPermission,
    NetworkAcl,
    NetworkAclEntry,
    SecurityGroup,
    SecurityGroupRule,
    UserIdGroupPair,
    block,
)
from whyblocked.network.packets import (
    ALL_PORTS,
    EVERYWHERE,
    ICMP,
    ICMPV6,
    TCP,
    UDP,
    Interval,
    Packets,
    intersect,
    span,
    subtract_all,
)
from whyblocked.network.protocols import protocol_span, protocol_text

Direction = Literal["ingress", "egress"]
DEFAULT_RULE = 32767  # the rule shown as `*`; its IPv6 twin is 32768
_KINDS = {"cidr": 0, "prefix-list": 1, "group": 2}  # in the order in which they are tried


class GroupRule(msgspec.Struct, frozen=True, kw_only=True):
    """One security group rule with one peer: a block, a prefix list or a group."""

    group_id: str
    rule_id: str | None
    direction: Direction
    protocol: Interval
    ports: Interval  # destination ports; for ICMP the types
    codes: Interval = ALL_PORTS  # ICMP codes
    kind: Literal["cidr", "prefix-list", "group"]
    peer: str
    version: int | None = None
    block: Interval | None = None
    peer_account: str | None = None
    peer_vpc: str | None = None
    peering_status: str | None = None
    description: str | None = None

    def described(self) -> dict[str, Any]:
        """The rule as it stands in answers."""
        key = {"cidr": "cidr", "prefix-list": "prefix_list_id", "group": "referenced_group_id"}[self.kind]
        return {
            "rule_id": self.rule_id,
            "group_id": self.group_id,
            "protocol": protocol_text(self.protocol),
            "ports": _ports_text(self.protocol, self.ports),
            **_icmp_text(self.protocol, self.ports, self.codes),
            key: self.peer,
            "description": self.description,
        }

    def box(self, version: int, peer: Interval) -> Packets:
        """The packets of one IP version that the rule allows with the peer's addresses in ``peer``."""
        everywhere = EVERYWHERE[version]
        source, destination = (peer, everywhere) if self.direction == "ingress" else (everywhere, peer)
        return Packets(version, source, destination, self.protocol, self.codes, self.ports)


class AclRule(msgspec.Struct, frozen=True, kw_only=True):
    """One numbered network ACL rule."""

    number: int
    allow: bool
    box: Packets
    cidr: str

    def described(self) -> dict[str, Any]:
        """The rule as it stands in answers."""
        return {
            "rule_number": self.number,
            "action": "allow" if self.allow else "deny",
            "protocol": protocol_text(self.box.protocol),
            "cidr": self.cidr,
            "ports": _ports_text(self.box.protocol, self.box.destination_ports),
            **_icmp_text(self.box.protocol, self.box.destination_ports, self.box.source_ports),
        }


class Decision(msgspec.Struct, frozen=True):
    """What became of a box: allowed or denied by a rule (None: nothing matched), or undecidable."""

    packets: Packets
    action: Literal["allow", "deny", "unknown"]
    rule: GroupRule | AclRule | None = None
    missing: Missing | None = None


def _ports_text(protocol: Interval, ports: Interval) -> str | None:
    if protocol not in ((TCP, TCP), (UDP, UDP)):
        return None
    return str(ports[0]) if ports[0] == ports[1] else f"{ports[0]}-{ports[1]}"


def _icmp_text(protocol: Interval, types: Interval, codes: Interval) -> dict[str, Any]:
    if protocol not in ((ICMP, ICMP), (ICMPV6, ICMPV6)):
        return {}
    return {
        "icmp_type": -1 if types == ALL_PORTS else types[0],
        "icmp_code": -1 if codes == ALL_PORTS else codes[0],
    }


def _port_spans(protocol: Interval, low: int | None, high: int | None) -> tuple[Interval, Interval]:
    """Ports (ICMP: types) and codes that a rule with FromPort and ToPort covers.

    Protocols other than TCP, UDP, ICMP and ICMPv6 ignore ports; for ICMP FromPort is the type, ToPort the code.
    """
    if protocol in ((TCP, TCP), (UDP, UDP)):
        if low is None or low == -1:
            return ALL_PORTS, ALL_PORTS
        return (low, low if high is None or high == -1 else high), ALL_PORTS
    if protocol in ((ICMP, ICMP), (ICMPV6, ICMPV6)):
        if low is None or low == -1:
            return ALL_PORTS, ALL_PORTS
        return (low, low), ALL_PORTS if high is None or high == -1 else (high, high)
    return ALL_PORTS, ALL_PORTS


# -- security groups --------------------------------------------------------------------------------------------


def group_rules(group: SecurityGroup, rows: Sequence[SecurityGroupRule], direction: Direction) -> list[GroupRule]:
    """The rules of a group for one direction, each with its id where the rows with ids were read.

    The folded permissions decide; the rows add ids (and stand in where the group came without permissions). The widest
    come first: any match decides, and so the fewest parts are cut.
    """
    permissions = group.ip_permissions if direction == "ingress" else group.ip_permissions_egress
    rows = [row for row in rows if row.is_egress == (direction == "egress")]
    if permissions is None:
        return sorted((rule for row in rows if (rule := row_rule(row))), key=_narrowness)
    ids = {_row_key(row): row for row in sorted(rows, key=lambda row: row.security_group_rule_id, reverse=True)}
    found = []
    for permission in permissions:
        for rule in permission_rules(group.group_id, permission, direction):
            if row := ids.get(_key(rule)):  # nobody else knows the rule yet
                msgspec.structs.force_setattr(rule, "rule_id", row.security_group_rule_id)
                msgspec.structs.force_setattr(rule, "description", rule.description or row.description)
            found.append(rule)
    return sorted(found, key=_narrowness)


def _narrowness(rule: GroupRule) -> tuple[object, ...]:
    """Widest first; what is equally wide in an order that does not hang on that in which AWS lists the rules."""
    low, high = rule.block or (0, 0)
    (a, b), (c, d), (e, f) = rule.protocol, rule.ports, rule.codes
    widths = (a - b, a, b, c - d, c, d, e - f, e, f)
    return (*widths, _KINDS[rule.kind], rule.version or 0, low - high, low, rule.peer, rule.rule_id or "")


def _key(rule: GroupRule) -> tuple[object, ...]:
    """What a rule and the row that gives its id have in common."""
    return (rule.protocol, rule.ports, rule.codes, rule.kind, rule.block or rule.peer, rule.version)


def _row_key(row: SecurityGroupRule) -> tuple[object, ...] | None:
    """The same of a row, of which no rule is made for that."""
    protocol = protocol_span(row.ip_protocol)
    if protocol is None:
        return None
    traffic = (protocol, *_port_spans(protocol, row.from_port, row.to_port))
    if cidr := row.cidr_ipv4 or row.cidr_ipv6:
        version, found = _block(cidr)
        return (*traffic, "cidr", found, version)
    if row.prefix_list_id:
        return (*traffic, "prefix-list", row.prefix_list_id, None)
    info = row.referenced_group_info
    return (*traffic, "group", info.group_id or "", None) if info else None


class _Base(NamedTuple):
    """What the rules of one permission have in common."""

    group_id: str
    rule_id: str | None
    direction: Direction
    protocol: Interval
    ports: Interval
    codes: Interval

    def of_block(self, cidr: str, description: str | None) -> GroupRule:
        """The rule for a block; there are so many that each keyword is written out, which is the fastest."""
        version, found = _block(cidr)
        return GroupRule(
            group_id=self.group_id,
            rule_id=self.rule_id,
            direction=self.direction,
            protocol=self.protocol,
            ports=self.ports,
            codes=self.codes,
            kind="cidr",
            peer=cidr,
            version=version,
            block=found,
            description=description,
        )

    def of_list(self, prefix_list_id: str, description: str | None) -> GroupRule:
        """The rule for a prefix list."""
        return GroupRule(**self._asdict(), kind="prefix-list", peer=prefix_list_id, description=description)

    def of_group(self, pair: UserIdGroupPair, description: str | None) -> GroupRule:
        """The rule for a group."""
        return GroupRule(
            **self._asdict(),
            kind="group",
            peer=pair.group_id or "",
            peer_account=pair.user_id,
            peer_vpc=pair.vpc_id,
            peering_status=pair.peering_status,
            description=description,
        )


def permission_rules(group_id: str, permission: IpPermission, direction: Direction) -> Iterable[GroupRule]:
    protocol = protocol_span(permission.ip_protocol)
    if protocol is None:
        return
    ports, codes = _port_spans(protocol, permission.from_port, permission.to_port)
    base = _Base(group_id, None, direction, protocol, ports, codes)
    for range4 in permission.ip_ranges:
        yield base.of_block(range4.cidr_ip, range4.description)
    for range6 in permission.ipv6_ranges:
        yield base.of_block(range6.cidr_ipv6, range6.description)
    for listed in permission.prefix_list_ids:
        yield base.of_list(listed.prefix_list_id, listed.description)
    for pair in permission.user_id_group_pairs:
        yield base.of_group(pair, pair.description)


@lru_cache(maxsize=1 << 16)
def _block(cidr: str) -> tuple[int, Interval]:
    """IP version and addresses of a block."""
    network = block(cidr.strip())
    return network.version, span(network)


def row_rule(row: SecurityGroupRule) -> GroupRule | None:
    protocol = protocol_span(row.ip_protocol)
    if protocol is None:
        return None
    ports, codes = _port_spans(protocol, row.from_port, row.to_port)
    direction: Direction = "egress" if row.is_egress else "ingress"
    base = _Base(row.group_id, row.security_group_rule_id, direction, protocol, ports, codes)
    if cidr := row.cidr_ipv4 or row.cidr_ipv6:
        return base.of_block(cidr, row.description)
    if row.prefix_list_id:
        return base.of_list(row.prefix_list_id, row.description)
    return base.of_group(row.referenced_group_info, row.description) if row.referenced_group_info else None


Peers = Callable[[GroupRule, Packets], Sequence[Interval] | Missing]


def any_match(rules: Iterable[GroupRule], packets: Packets, peers: Peers) -> list[Decision]:
    """Split ``packets`` by what the rules allow; what no rule allows is denied without a rule.

    ``peers`` gives the address spans that a prefix list or group rule stands for, for these packets. A rule whose
    peers can't be told leaves what only it could have allowed undecided.
    """
    decisions: list[Decision] = []
    rest = [packets]
    unknown: list[tuple[GroupRule, Missing]] = []
    low, high = packets.destination_ports
    for rule in rules:
        if rule.ports[0] > high or low > rule.ports[1]:
            continue  # most rules are about other ports
        if rule.kind == "cidr":
            if rule.version != packets.version or rule.block is None:
                continue
            spans: Sequence[Interval] | Missing = (rule.block,)
        else:
            if intersect(packets, rule.box(packets.version, EVERYWHERE[packets.version])) is None:
                continue
            spans = peers(rule, packets)
        if isinstance(spans, Missing):
            unknown.append((rule, spans))
            continue
        for peer in spans:
            box = rule.box(packets.version, peer)
            found = [common for piece in rest if (common := intersect(piece, box))]
            if found:
                decisions += [Decision(common, "allow", rule) for common in found]
                rest = subtract_all(rest, [box])
        if not rest:
            return decisions
    for rule, missing in unknown:
        box = rule.box(packets.version, EVERYWHERE[packets.version])
        decisions += [Decision(c, "unknown", rule, missing) for piece in rest if (c := intersect(piece, box))]
        rest = subtract_all(rest, [box])
    decisions += [Decision(piece, "deny") for piece in rest]
    return decisions


# -- network ACLs -----------------------------------------------------------------------------------------------


def acl_rules(acl: NetworkAcl, direction: Direction, version: int) -> list[AclRule]:
    """The rules of a network ACL for one direction and IP version in the order that they are tried.

    The last is always the deny that AWS shows as `*`, also where a capture left it out.
    """
    found = [
        rule
        for entry in acl.entries
        if entry.egress == (direction == "egress") and (rule := acl_rule(entry, direction, version))
    ]
    found.sort(key=lambda rule: rule.number)
    everywhere = "0.0.0.0/0" if version == 4 else "::/0"
    box = Packets(version, EVERYWHERE[version], EVERYWHERE[version])
    return [*found, AclRule(number=DEFAULT_RULE, allow=False, box=box, cidr=everywhere)]


def acl_rule(entry: NetworkAclEntry, direction: Direction, version: int) -> AclRule | None:
    cidr = entry.cidr_block if version == 4 else entry.ipv6_cidr_block
    protocol = protocol_span(entry.protocol)
    if not cidr or protocol is None:
        return None
    ports, codes = ALL_PORTS, ALL_PORTS
    if protocol in ((TCP, TCP), (UDP, UDP)) and entry.port_range is not None:
        ports = (entry.port_range.from_, entry.port_range.to)
    elif entry.icmp_type_code is not None and protocol == ((ICMP, ICMP) if version == 4 else (ICMPV6, ICMPV6)):
        types = entry.icmp_type_code
        if types.type != -1:
            ports = (types.type, types.type)
            codes = ALL_PORTS if types.code == -1 else (types.code, types.code)
    _, peer = _block(cidr)
    everywhere = EVERYWHERE[version]
    source, destination = (peer, everywhere) if direction == "ingress" else (everywhere, peer)
    box = Packets(version, source, destination, protocol, codes, ports)
    return AclRule(number=entry.rule_number, allow=entry.rule_action.lower() == "allow", box=box, cidr=cidr)


def first_match(rules: Iterable[AclRule], packets: Packets) -> list[Decision]:
    """Split ``packets`` by the first rule that matches each part."""
    decisions: list[Decision] = []
    rest = [packets]
    for rule in rules:
        found = [common for piece in rest if (common := intersect(piece, rule.box))]
        if found:
            decisions += [Decision(common, "allow" if rule.allow else "deny", rule) for common in found]
            rest = subtract_all(rest, [rule.box])
            if not rest:
                break
    return decisions
