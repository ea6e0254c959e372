"""What the records say of the host as findings of an answer: in words, with a confidence and what to run next."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import msgspec

from whyblocked.config.account import Account
from whyblocked.diagnosis.answer import Answer, Finding
from whyblocked.diagnosis.evidence import Gathered
from whyblocked.diagnosis.host.cases import Case, Read, cases
from whyblocked.diagnosis.host.commands import commands, host_of
from whyblocked.diagnosis.host.heads import headline
from whyblocked.diagnosis.host.mtu import unheard
from whyblocked.diagnosis.host.words import next_step, summary
from whyblocked.diagnosis.sets import packet_set
from whyblocked.diagnosis.tally import Tally
from whyblocked.network.packets import TCP, network_words

_CODES = {
    "unanswered": "HOST_SENDS_NOTHING_BACK",
    "refused": "HOST_REFUSES_CONNECTIONS",
    "lost": "REPLY_LOST_ON_THE_WAY_BACK",
    "ignored": "CLIENT_IGNORES_REPLIES",
    "idle": "IDLE_CONNECTION_FORGOTTEN",
    "silent": "CONNECTION_FALLS_SILENT",
    "large": "LARGE_PACKETS_LOST",
    "nothing": "NOTHING_ARRIVES",
}
_CERTAIN = {
    "refused": "the records show the RST",
    "idle": "the records show the pause and the RST",
    "large": "the records of both ends, and rules that keep out the message that would tell",
    **dict.fromkeys(("unanswered", "lost", "ignored"), "several tries, tcp-flags, and a log that goes on after them"),
}
_HINT = (
    "the rules allow it: if it was tried, it was perhaps lost before it came here (low confidence, as the log may "
    "leave records out); see at the client what address the name has there, its own firewall, proxy and VPN"
)
_FLAGLESS = (
    "these records have no tcp-flags, so they do not tell whether {what}; a flow log with ${{tcp-flags}} in its "
    "--log-format would"
)
_UNCLEAR = "what came back accepts (SYN-ACK) or refuses (RST)"
_UNTOLD = "these packets open connections (SYN) or belong to older ones"
MOST = 8  # findings; a load balancer may have hundreds of targets


def told(account: Account, answer: Answer, gathered: Gathered) -> Answer:
    """The answer with what the records say of the host behind it, where the rules allow and the records agree.

    The verdict stays what the rules say. Findings have the layer ``host``.
    """
    tally, read = gathered.tally, gathered.read
    if answer.verdict != "allowed" or tally is None or read is None or answer.evidence.status == "contradicts":
        return answer
    read = read._replace(forgets=tuple(_forgetting(answer)), unheard=partial(unheard, account))
    every = list(cases(tally, read))
    found = [_finding(account, case) for case in every[:MOST]]
    notes = [*_notes(tally, read, found), *answer.evidence.notes]
    if len(every) > MOST:
        notes.append(f"the records say as much of {len(every) - MOST:,} more interfaces or ports")
    verdict = answer.summary
    if found:
        first = found[0].summary
        verdict = f"{headline(found[0])}. {verdict.rstrip('.')}; by the records, {first[0].lower()}{first[1:]}"
    return msgspec.structs.replace(
        answer,
        summary=verdict,
        blocked_by=[*answer.blocked_by, *found],
        evidence=msgspec.structs.replace(answer.evidence, notes=list(dict.fromkeys(notes))),
    )


def _forgetting(answer: Answer) -> Iterator[str]:
    """What on the way forgets a connection that was idle for 350 seconds.

    https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html
    https://docs.aws.amazon.com/elasticloadbalancing/latest/network/network-load-balancers.html#connection-idle-timeout
    https://docs.aws.amazon.com/network-firewall/latest/developerguide/firewall-behavior.html
    """
    for hop in answer.forward:
        balancer = hop.kind == "load-balancer" and ":loadbalancer/app/" not in hop.id
        if balancer or hop.kind in ("nat-gateway", "network-firewall", "vpc-endpoint"):
            yield hop.name or hop.id


def _notes(tally: Tally, read: Read, found: list[Finding]) -> Iterator[str]:
    talks = list(tally.talks)
    if not tally.is_outside(read.scan) and not talks and not any(spot.records for spot in tally.spots) and not found:
        yield _HINT
    states = [(talk.has_flags, talk.state()) for talk in talks if talk.protocol == TCP]
    for state, what in (("unclear", _UNCLEAR), ("unanswered", _UNTOLD)):
        if (False, state) in states:
            yield _FLAGLESS.format(what=what)
    lost, good = states.count((True, "unanswered")), states.count((True, "works"))
    if good and lost > 1 and not found:
        yield (
            f"{lost:,} connections got no answer, while {good:,} others did: a full backlog of the service, perhaps, "
            "or more connections than the instance may track (conntrack_allowance_exceeded)"
        )


def _finding(account: Account, case: Case) -> Finding:
    sighting = case.at.sighting
    host = host_of(account, sighting.interface_id)
    peer, port, protocol = _ends(case)
    steps = commands(case, host, peer, port, protocol) if peer else []
    return Finding(
        layer="host",
        leg="return" if case.kind in ("lost", "ignored") else "forward",
        direction=None,
        resource_ids=[host.instance_id or sighting.interface_id],
        interface_id=sighting.interface_id,
        subnet_id=sighting.subnet_id or None,
        vpc_id=sighting.vpc_id or None,
        account_id=account.account_id_of(sighting.vpc_id),
        region=account.region_of(sighting.vpc_id),
        code=_CODES[case.kind],
        summary=summary(case),
        packets=packet_set(sighting.packets),
        next_step=next_step(case, host),
        command=steps[1] if host.instance_id and len(steps) > 1 else steps[0] if steps else None,
        confidence=case.confidence,
        confidence_reason="; ".join(case.doubts) or _CERTAIN.get(case.kind, "nothing speaks against it"),
        checks=steps,
    )


def _ends(case: Case) -> tuple[str, int, int]:
    """Address of the other end, port and protocol, for commands; no address where there are many."""
    if case.talks:
        return case.last.remote, case.last.service_port, case.last.protocol
    box = case.at.sighting.packets[0]
    peer = box.source if case.serving else box.destination
    known = peer[0] == peer[1] and box.protocol[0] == box.protocol[1]
    return network_words(box.version, [peer]) if known else "", box.destination_ports[0], box.protocol[0]
