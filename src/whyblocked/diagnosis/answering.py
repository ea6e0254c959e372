"""From a finished walk to an answer: the verdict, the blockers, both legs in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from whyblocked.config.account import Account
from whyblocked.config.ownership import ownership
from whyblocked.config.resources import Tag, name_tag, owner_tag
from whyblocked.diagnosis.advice import Step, next_step
from whyblocked.diagnosis.answer import Answer, Asking, Evidence, Finding, Hop, NearMiss, PacketSet, Verdict
from whyblocked.diagnosis.near import MOST, near_misses
from whyblocked.diagnosis.sets import packet_set, packet_sets
from whyblocked.errors import UndeterminedError
from whyblocked.network.asked import ALL_PROTOCOLS, Asked, End, Question
from whyblocked.network.flow import Leg, Piece
from whyblocked.network.noted import Blocker, Passage
from whyblocked.network.packets import (
    ALL_PORTS,
    DESTINATION_PORTS,
    Interval,
    Packets,
    interval_text,
    join_intervals,
    subtract_intervals,
    with_interval,
)
from whyblocked.network.protocols import has_ports, protocol_text
from whyblocked.network.supposed import Supposed
from whyblocked.text import clean

if TYPE_CHECKING:
    from whyblocked.network.walk import Walk

NOT_ASKED = Evidence(status="unavailable", summary="Flow logs were not asked.")


def unanswered(question: Question, error: UndeterminedError) -> Answer:
    """The answer where not even the ends of the question could be read."""
    portless = question.protocol not in (6, 17, ALL_PROTOCOLS)
    return Answer(
        question=Asking(
            text=question.text,
            source=question.source,
            destination=question.destination,
            protocol=protocol_text(question.protocol),
            destination_port=None if portless else _port(question.destination_ports),
            source_port=None if portless else _port(question.source_ports),
            icmp_type=question.icmp_type,
            icmp_code=question.icmp_code,
        ),
        verdict="undetermined",
        summary=f"{question.text} can't be told: {error.message}.",
        blocked_by=[],
        forward=[],
        return_=[],
        evidence=NOT_ASKED,
        missing=list(error.missing),
    )


def answer(asked: Asked, walk: Walk, remarks: Iterable[str] = ()) -> Answer:
    """The answer to a question that was walked; ``remarks`` are warnings that concern the account as a whole."""
    verdict = judge(walk.leaves)
    found = list(findings(walk.account, walk.blockers))
    asking = _asking(asked, walk.leaves)
    missing = [str(missing) for missing in walk.missing]
    whole, partly = _open_ports(asked, walk.leaves)
    warnings = [*asked.warnings, *walk.warnings, *_warnings(asked, found), *remarks]
    return Answer(
        question=asking,
        verdict=verdict,
        summary=_summary(asking, verdict, found, missing),
        open_ports=whole,
        partly_open=partly,
        blocked_by=found,
        forward=_hops(walk.account, walk.passages, "forward"),
        return_=_hops(walk.account, walk.passages, "return"),
        evidence=NOT_ASKED,
        warnings=list(dict.fromkeys(warnings)),
        missing=missing,
    )


def judge(leaves: Sequence[Piece]) -> Verdict:
    """The verdict of what became of every piece of the question.

    ``partial`` needs a piece that surely passes and one that surely does not; where nothing surely passes and
    something can't be told, the answer is ``undetermined``. What is refused behind an appliance is refused only if the
    appliance passes it on as it is, which can't be told.
    """
    blocked = any(piece.blocked and not piece.guess for piece in leaves)
    unknown = any(piece.guess or (piece.unknown and not piece.blocked) for piece in leaves)
    passing = any(not piece.blocked and not piece.unknown for piece in leaves)
    if not leaves or (unknown and not (blocked and passing)):
        return "undetermined"
    if blocked:
        return "partial" if passing else "blocked"
    return "allowed"


def _asking(asked: Asked, leaves: Sequence[Piece]) -> Asking:
    question = asked.question
    sources = join_intervals(piece.asked.source_ports for piece in leaves if has_ports(piece.asked.protocol))
    portless = question.protocol not in (6, 17, ALL_PROTOCOLS)
    return Asking(
        text=question.text,
        source=asked.source.label,
        destination=asked.destination.label,
        protocol=protocol_text(question.protocol),
        destination_port=None if portless else _port(question.destination_ports),
        source_port=None if portless or not sources else _port((sources[0][0], sources[-1][1])),
        icmp_type=question.icmp_type,
        icmp_code=question.icmp_code,
        source_name=_name_of(asked.source),
        destination_name=_name_of(asked.destination),
    )


def _name_of(end: End) -> str | None:
    """The ``Name`` tag of an end that is an instance or interface."""
    tags = [end.instance.tags] if end.instance else []
    tags += [interface.tag_set for interface in end.interfaces]
    return next((name for found in tags if (name := name_tag(found))), None)


def _port(ports: tuple[int, int] | None) -> int | str | None:
    if ports is None:
        return None
    return ports[0] if ports[0] == ports[1] else f"{ports[0]}-{ports[1]}"


def _open_ports(asked: Asked, leaves: Sequence[Piece]) -> tuple[str | None, list[PacketSet]]:
    """Where every port was asked about: the ports that pass wholly, both ways, and what passes to the others."""
    if asked.question.destination_ports is not None or asked.question.protocol not in (6, 17):
        return None, []
    passing = [piece.asked for piece in leaves if not piece.blocked and not piece.unknown]
    failing = [piece.asked.destination_ports for piece in leaves if piece.blocked or piece.unknown]
    whole = subtract_intervals((packets.destination_ports for packets in passing), join_intervals(failing))
    others = subtract_intervals([ALL_PORTS], whole)
    return interval_text(whole), _to_ports(sorted(passing, key=lambda packets: packets.destination_ports), others)


def _to_ports(packets: Sequence[Packets], ports: Sequence[Interval]) -> list[PacketSet]:
    """Those of the packets that go to these ports."""
    cut = [
        with_interval(box, DESTINATION_PORTS, (max(low, box.destination_ports[0]), min(high, box.destination_ports[1])))
        for box in packets
        for low, high in ports
        if low <= box.destination_ports[1] and high >= box.destination_ports[0]
    ]
    return packet_sets(cut)


def _summary(asking: Asking, verdict: Verdict, findings: Sequence[Finding], missing: Sequence[str]) -> str:
    port = f":{asking.destination_port}" if asking.destination_port is not None else ""
    what = f"{asking.source} -> {asking.destination}{port} ({asking.protocol})"
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    first = findings[0].summary.rstrip(".") if findings else ""
    if verdict == "blocked":
        return f"{what} is blocked: {first}{more}."
    if verdict == "partial":
        return f"{what} is partly blocked: {first}{more}."
    if verdict == "undetermined":
        lacking = f"can't be told without {missing[0]}" if missing else "can't be told"
        return f"{what} {lacking}{f' (blocked in part: {first})' if first else ''}."
    return f"{what} is allowed by security groups, network ACLs, routes and gateways, both ways."


# -- findings -------------------------------------------------------------------------------------------------------


def findings(account: Account, blockers: Iterable[Blocker], near_most: int = MOST) -> Iterator[Finding]:
    """Each blocker once, in the order that the packets met them, with all that it blocks.

    ``near_most`` of the near misses are looked for, which takes longer than all the rest.
    """
    grouped: dict[tuple[object, ...], tuple[Blocker, list[Packets]]] = {}
    for blocker in blockers:
        rule = tuple(sorted((blocker.rule or {}).items(), key=str))
        key = (
            blocker.leg,
            blocker.layer,
            blocker.direction,
            blocker.code,
            blocker.resource_ids,
            str(rule),
            blocker.interface_id,
            blocker.subnet_id,
            blocker.summary,
        )
        grouped.setdefault(key, (blocker, []))[1].extend(blocker.packets)
    for blocker, packets in grouped.values():
        near = near_misses(account, blocker, near_most)
        asked = [p.turned() for p in packets] if blocker.leg == "return" else packets
        for part in packet_sets(asked):
            step, command = advised(account, blocker, part, near)
            yield Finding(
                layer=blocker.layer,  # type: ignore[arg-type]
                leg=blocker.leg,
                direction=blocker.direction,
                resource_ids=list(blocker.resource_ids),
                interface_id=_listed(account, blocker.interface_id),
                subnet_id=blocker.subnet_id,
                vpc_id=blocker.vpc_id,
                account_id=account.account_id_of(blocker.gateway_id or blocker.vpc_id or ""),
                region=account.region_of(blocker.gateway_id or blocker.vpc_id or ""),
                rule=blocker.rule,
                code=blocker.code,
                summary=blocker.summary,
                near_misses=near,
                packets=part,
                next_step=step,
                command=command,
                owner=_owner(account, blocker),
            )


def _owner(account: Account, blocker: Blocker) -> str | None:
    """Who to ask about what refused, where it has a tag that says so."""
    kept: tuple[Mapping[str, _Tagged], ...] = (
        account.security_groups,
        account.network_acls,
        account.route_tables,
        account.transit_tables,
        account.nat_gateways,
        account.peerings,
    )
    found = (one.get(id_) for id_ in blocker.resource_ids for one in kept)
    return next((owner for resource in found if resource and (owner := owner_tag(resource.tags))), None)


def advised(account: Account, blocker: Blocker, packets: PacketSet, near: Sequence[NearMiss]) -> Step:
    """What to do about a blocker so that these packets pass, and the command for it."""
    acl = account.network_acls.get(blocker.resource_ids[0]) if blocker.layer == "network-acl" else None
    step, command = next_step(blocker, packets, near, acl)
    region = account.region_of(blocker.gateway_id or blocker.vpc_id or "")
    if command is None or region is None:
        return step, command
    from shlex import quote

    return step, f"{command} --region {quote(clean(region))}"


def _warnings(asked: Asked, findings: Sequence[Finding]) -> Iterable[str]:
    if any(f.leg == "return" for f in findings) and asked.question.protocol == 17:
        yield "Only replies are blocked: one-way senders over UDP (syslog, statsd) would not notice."
    if asked.destination.public and asked.source.interfaces:
        yield (
            f"{asked.destination.text} is a public address: the packets leave by an internet gateway, and rules that "
            "name security groups do not match them. Use the private address inside the VPC."
        )


# -- hops -----------------------------------------------------------------------------------------------------------


def _hops(account: Account, passages: Iterable[Passage], leg: Leg) -> list[Hop]:
    """The passages of one leg in the order of the packets; the same decision on several pieces is told once."""
    grouped: dict[tuple[object, ...], tuple[Passage, list[Packets]]] = {}
    for passage in passages:
        if passage.leg != leg:
            continue
        key = (
            passage.kind,
            passage.id,
            passage.direction,
            passage.action,
            str(passage.rule),
            passage.detail,
            passage.interface_id,
            passage.subnet_id,
            {packets.version for packets in passage.packets} == {6},
        )
        grouped.setdefault(key, (passage, []))[1].extend(passage.packets)
    return [
        Hop(
            kind=passage.kind,
            id=passage.id,
            direction=passage.direction,
            action=passage.action,
            rule=passage.rule,
            packet=packet_set(packets),
            detail=passage.detail,
            resource_ids=list(passage.resource_ids),
            name=_name(account, passage),
            interface_id=_listed(account, passage.interface_id),
            subnet_id=passage.subnet_id,
            vpc_id=passage.vpc_id,
        )
        for passage, packets in grouped.values()
    ]


def _listed(account: Account, interface_id: str | None) -> str | None:
    """An interface's id, unless the interface is only supposed: that one nobody can look up."""
    return None if isinstance(account.interfaces.get(interface_id or ""), Supposed) else interface_id


def _name(account: Account, passage: Passage) -> str | None:
    """What people call the resource: its ``Name`` tag, a group's own name, for an interface its instance's."""
    if passage.kind == "security-group":
        group = account.security_groups.get(passage.id)
        return group.group_name or name_tag(group.tags) if group else None
    if passage.kind == "interface":
        interface = account.interfaces.get(passage.id)
        if interface is None:
            return None
        instance = account.instances.get((interface.attachment and interface.attachment.instance_id) or "")
        owner = ownership(interface)
        named = name_tag(interface.tag_set) or (name_tag(instance.tags) if instance else None)
        return named or (str(owner) if owner else None)
    tagged: dict[str, Mapping[str, _Tagged]] = {
        "network-acl": account.network_acls,
        "route-table": account.route_tables,
        "internet-gateway": account.internet_gateways,
        "nat-gateway": account.nat_gateways,
        "vpc-peering": account.peerings,
        "vpn-gateway": account.vpn_gateways,
        "carrier-gateway": account.carrier_gateways,
        "transit-gateway": account.transit_gateways,
        "transit-gateway-route-table": account.transit_tables,
        "instance": account.instances,
    }
    resource = tagged.get(passage.kind, {}).get(passage.id)
    return name_tag(resource.tags) if resource else None


class _Tagged(Protocol):
    @property
    def tags(self) -> tuple[Tag, ...]: ...
