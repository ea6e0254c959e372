"""From a finished walk to an answer: the verdict, the blockers, both legs in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from whyblocked.config.account import Account
from whyblocked.config.resources import name_tag, owner_tag
from whyblocked.diagnosis.advice import Step, next_step
from whyblocked.diagnosis.answer import Answer, Asking, Evidence, Finding, NearMiss, PacketSet, Target, Verdict, last_of
from whyblocked.diagnosis.near import MOST, near_misses
from whyblocked.diagnosis.passing import Tagged, listed, passed
from whyblocked.diagnosis.serving import serving, verdict_of
from whyblocked.diagnosis.sets import packet_sets
from whyblocked.errors import UndeterminedError
from whyblocked.network.asked import ALL_PROTOCOLS, Asked, End, Question
from whyblocked.network.flow import Leg, Piece
from whyblocked.network.forks import fate
from whyblocked.network.noted import Blocker
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
from whyblocked.text import clean

if TYPE_CHECKING:
    from whyblocked.network.walk import Walk

LEGS: tuple[Leg, Leg] = ("forward", "return")
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
    found: list[Finding] = []
    stops: list[tuple[int, list[Blocker]]] = []
    for same in alike(walk.blockers):
        stops.append((len(found), same))
        found += _findings(walk.account, same, MOST)
    there, back = (passed(walk.account, walk.passages, walk.forks, leg) for leg in LEGS)
    targets = serving(walk, stops, there.ways, back.ways) if walk.forks else []
    asking = _asking(asked, walk.leaves)
    missing = [str(missing) for missing in walk.missing]
    whole, partly = _open_ports(asked, walk.leaves)
    warnings = [*asked.warnings, *walk.warnings, *_warnings(asked, found), *remarks]
    return Answer(
        question=asking,
        verdict=verdict,
        summary=_summary(asking, verdict, found, missing, targets),
        open_ports=whole,
        partly_open=partly,
        blocked_by=found,
        forward=there.hops,
        return_=back.hops,
        targets=targets,
        evidence=NOT_ASKED,
        warnings=list(dict.fromkeys(warnings)),
        missing=missing,
    )


def judge(leaves: Sequence[Piece]) -> Verdict:
    """The verdict of what became of every piece of the question."""
    return verdict_of(fate(leaves))


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


def _summary(
    asking: Asking, verdict: Verdict, findings: Sequence[Finding], missing: Sequence[str], targets: Sequence[Target]
) -> str:
    port = f":{asking.destination_port}" if asking.destination_port is not None else ""
    what = f"{asking.source} -> {asking.destination}{port} ({asking.protocol})"
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    first = findings[0].summary.rstrip(".") if findings else ""
    if verdict == "blocked":
        return f"{what} is blocked: {first}{more}."
    if verdict == "partial":
        return f"{what} is partly blocked: {first}{more}{_reachable(targets)}."
    if verdict == "undetermined":
        lacking = f"can't be told without {missing[0]}" if missing else "can't be told"
        return f"{what} {lacking}{f' (blocked in part: {first})' if first else ''}{_reachable(targets)}."
    return f"{what} is allowed by security groups, network ACLs, routes and gateways, both ways."


def _reachable(targets: Sequence[Target]) -> str:
    """How many targets are reached, and how many in part, where that is not the same for all."""
    last = last_of(targets)
    if len({target.verdict for target in last}) < 2:
        return ""
    reached, in_part, untold = (
        sum(target.verdict == verdict for target in last) for verdict in ("allowed", "partial", "undetermined")
    )
    of_all = f"of {len(last)} targets"
    said = []
    if reached or not (in_part or untold):
        said.append(f"{reached or 'none'} {of_all} {_are(reached or 1)} reachable")
    if in_part:
        said.append(f"{in_part} in part" if said else f"{in_part} {of_all} {_are(in_part)} reachable in part")
    if untold:
        said.append(f"of {untold} it can't be told" if said else f"of {untold} {of_all} it can't be told")
    return f"; {', '.join(said)}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


# -- findings -------------------------------------------------------------------------------------------------------


def findings(account: Account, blockers: Iterable[Blocker], near_most: int = MOST) -> Iterator[Finding]:
    """Each blocker once, in the order that the packets met them, with all that it blocks.

    ``near_most`` of the near misses are looked for, which takes longer than all the rest.
    """
    for same in alike(blockers):
        yield from _findings(account, same, near_most)


def alike(blockers: Iterable[Blocker]) -> Iterable[list[Blocker]]:
    """Blockers that differ in their packets alone, put together."""
    grouped: dict[tuple[object, ...], list[Blocker]] = {}
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
        grouped.setdefault(key, []).append(blocker)
    return grouped.values()


def _findings(account: Account, same: Sequence[Blocker], near_most: int) -> Iterator[Finding]:
    blocker = same[0]
    packets = [p for one in same for p in one.packets]
    near = near_misses(account, blocker, near_most)
    asked = [p.turned() for p in packets] if blocker.leg == "return" else packets
    for part in packet_sets(asked):
        step, command = advised(account, blocker, part, near)
        yield Finding(
            layer=blocker.layer,  # type: ignore[arg-type]
            leg=blocker.leg,
            direction=blocker.direction,
            resource_ids=list(blocker.resource_ids),
            interface_id=listed(account, blocker.interface_id),
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
    kept: tuple[Mapping[str, Tagged], ...] = (
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
