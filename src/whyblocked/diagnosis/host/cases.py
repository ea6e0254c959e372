"""What the connections that were recorded say where the rules allow: is it the host, or what lies behind AWS's rules.

https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-records-examples.html
https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html (connections that were idle for 350 s)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

from whyblocked.diagnosis.host.talks import IDLE, LARGE, QUIET, Idle, Silence, Talk
from whyblocked.diagnosis.tally import Spot, Tally
from whyblocked.flowlogs.records import Scan
from whyblocked.network.packets import ICMP, ICMPV6, TCP, UDP

Kind = Literal["unanswered", "refused", "lost", "ignored", "idle", "silent", "large", "nothing"]
Confidence = Literal["high", "medium", "low"]

_LEVELS: tuple[Confidence, ...] = ("high", "medium", "low")
# Services over UDP that answer every request they understand; others may well take and say nothing (syslog, statsd).
_ANSWERING = frozenset((53, 67, 69, 88, 123, 137, 161, 389, 443, 500, 1812, 1813, 3478, 4500))
_SUMS = "it rests on sums of packets and bytes"
_LATE = 900  # seconds until all records of a moment are in the log


class Read(NamedTuple):
    """What was read, and how much it proves.

    ``complete``: the account's own flow logs, which record everything, were read to their end. ``until``: up to when
    AWS was asked (Unix seconds), None for files. ``forgets``: what on the path forgets idle connections.
    ``unheard``: for an interface and an IP version, which rules keep from its host that its packets are too large.
    """

    scan: Scan
    traffic: frozenset[str]
    complete: bool
    until: int | None
    forgets: tuple[str, ...] = ()
    unheard: Callable[[str, int], str | None] = lambda _interface_id, _version: None


class Case(NamedTuple):
    """One thing that the records say.

    ``at`` is where it was seen, ``other`` the place (if any) that it is compared with; ``serving``: the interface at
    ``at`` is asked, and does not ask. ``talks`` are the connections that it is about, ``worked`` counts those that did,
    the last of which began at ``until``. ``doubts`` are what its ``confidence`` suffers from; ``why`` is what of the
    configuration explains it, in words.
    """

    kind: Kind
    at: Spot
    talks: Sequence[Talk]
    serving: bool = True
    other: Spot | None = None
    worked: int = 0
    until: int | None = None
    idle: Idle | None = None
    silence: Silence | None = None
    doubts: tuple[str, ...] = ()
    why: str | None = None

    @property
    def sender(self) -> str:
        """The interface of the account whose large packets get lost; empty where it is not the account's."""
        sends = self.silence is not None and self.silence.quiet == ("asking" if self.serving else "answering")
        return self.at.sighting.interface_id if sends else ""

    @property
    def last(self) -> Talk:
        """The newest of the connections."""
        return self.talks[-1]

    @property
    def confidence(self) -> Confidence:
        """High without a doubt, low with several."""
        return _LEVELS[min(len(self.doubts), 2)]


def cases(tally: Tally, read: Read) -> Iterator[Case]:
    """What the records say; nothing where they only say that all is well, or say nothing."""
    if read.traffic == {"REJECT"} or tally.verdict != "allowed":
        return
    servers, clients = _ends(tally.spots)
    seen = False
    for spot in servers:
        talks = tally.talks.at(spot.sighting.interface_id)
        seen |= bool(talks)
        for of_port in _by_port(talks):
            found = _at_server(spot, of_port, clients, tally, read)
            yield from [found] if found else []
    if seen:
        return
    for spot in clients:
        talks = tally.talks.at(spot.sighting.interface_id)
        seen |= bool(talks)
        if any(_is_logged(server, read) for server in servers):
            continue  # the packets left and did not arrive: that is told as evidence, and no host's work
        for of_port in _by_port(talks):
            found = _judged(spot, of_port, tally, read, serving=False)
            yield from [found] if found else []
    spots = [spot for spot in (*clients, *servers) if _is_logged(spot, read)]
    if seen or tally.is_outside(read.scan):
        return
    if read.complete and spots and not any(s.records for s in tally.spots):
        yield Case("nothing", spots[0], (), serving=spots[0] in servers, doubts=("nothing says that anybody tried",))


def _ends(spots: Sequence[Spot]) -> tuple[list[Spot], list[Spot]]:
    """Where the packets arrive, and where they begin: interfaces that do not pass them on."""
    forward = [spot for spot in spots if spot.sighting.leg == "forward" and spot.sighting.reached]
    coming = {spot.sighting.interface_id for spot in forward if spot.sighting.direction == "ingress"}
    going = {spot.sighting.interface_id for spot in forward if spot.sighting.direction == "egress"}
    servers = [s for s in forward if s.sighting.interface_id in coming - going]
    return servers, [s for s in forward if s.sighting.interface_id in going - coming]


def _is_logged(spot: Spot, read: Read) -> bool:
    return spot.sighting.interface_id in read.scan.interfaces


def _by_port(talks: Sequence[Talk]) -> list[list[Talk]]:
    """The connections to each port, of the busiest ports."""
    found: dict[tuple[int, int], list[Talk]] = {}
    for talk in talks:
        found.setdefault((talk.protocol, talk.service_port), []).append(talk)
    return sorted(found.values(), key=len, reverse=True)[:3]


def _at_server(spot: Spot, talks: list[Talk], clients: Sequence[Spot], tally: Tally, read: Read) -> Case | None:
    """What the records at the interface that is asked say, and those at the asking one where there are any."""
    port = talks[0].protocol, talks[0].service_port
    for client in clients if len(clients) == 1 else ():
        asking = [t for t in tally.talks.at(client.sighting.interface_id) if (t.protocol, t.service_port) == port]
        case = _between(spot, talks, client, asking, tally, read)
        if case is not None:
            return case
    return _judged(spot, talks, tally, read, serving=True)


def _judged(spot: Spot, talks: list[Talk], tally: Tally, read: Read, *, serving: bool) -> Case | None:
    """What connections to one port say at one of its ends."""
    states = [(talk, talk.state()) for talk in talks]
    good = [talk for talk, state in states if state == "works"]
    newest = max((talk.start for talk in good), default=None)
    bad = [(t, s) for t, s in states if s in ("refused", "unanswered", "unfinished") and t.start > (newest or -1)]
    if good:  # of a service that works, the last records of a log may lack their answers
        bad = [(talk, state) for talk, state in bad if state == "refused" or _settled(spot, talk, tally, read)]
        bad = bad if len(bad) > 1 or [state for _, state in bad] == ["refused"] else []
    if not bad or talks[0].protocol not in (TCP, UDP, ICMP, ICMPV6):
        return _in_the_middle(spot, good, read, serving=serving)
    kinds: list[str] = [state for _, state in bad]
    state = max(("refused", "unanswered", "unfinished"), key=kinds.count)
    concerned = [talk for talk, one in bad if one == state]
    kind: Kind = "refused" if state == "refused" else "unanswered"
    if state == "unfinished":
        kind = "lost" if serving else "ignored"
    case = Case(kind, spot, concerned, serving=serving, worked=len(good), until=newest)
    if talks[0].protocol == UDP and kind == "unanswered" and talks[0].service_port not in _ANSWERING:
        return None  # nobody can tell whether an answer was due
    return case._replace(doubts=tuple(_doubts(case, tally, read)))


def _doubts(case: Case, tally: Tally, read: Read) -> Iterator[str]:
    """What weakens a case that rests on what is not in the records, or on how they look."""
    last = case.last
    if case.kind == "refused":
        if last.protocol == UDP:
            yield "records do not tell ICMP types"
        elif not case.serving:
            yield "something on the way may have sent the RST"
    else:
        if last.protocol == TCP and not last.has_flags:
            yield "the records have no tcp-flags"
        if last.protocol in (ICMP, ICMPV6):
            yield "records do not tell ICMP types"
        if last.protocol == UDP:
            yield "a service over UDP need not answer"
        if len(case.talks) == 1 and sum(part.packets for part in last.asked) < 3:
            yield "it was tried but once"
        if not case.serving and case.other is None:
            yield "only the asking side's records were read"
        if case.kind in ("lost", "ignored"):
            yield "it rests on packets that look like SYN and SYN-ACK sent again"
        if not _settled(case.at, last, tally, read):
            yield "the log ends with it, so that an answer may only not be there yet"
        if read.traffic == {"ACCEPT"}:
            yield "the log has accepted traffic only"
    if read.scan.skipped_data:
        yield "AWS skipped some records (SKIPDATA)"
    if tally.talks.full:
        yield "there are more connections than were told apart"
    if tally.loose:
        yield "some records are matched by interface and ports alone"


def _settled(spot: Spot, talk: Talk, tally: Tally, read: Read) -> bool:
    """Whether the log has newer records than those of a connection, or must have had time for them."""
    newest = tally.active.get(spot.sighting.interface_id, 0)
    return newest >= talk.end + QUIET or (read.until is not None and read.until >= talk.end + _LATE)


# -- both ends ------------------------------------------------------------------------------------------------------


def _between(
    server: Spot, talks: list[Talk], client: Spot, asking: list[Talk], tally: Tally, read: Read
) -> Case | None:
    """What only the records of both ends tell: answers, or large packets, that leave one and do not reach the other."""
    answered = [talk for talk in talks if talk.protocol == TCP and talk.was_answered and talk.has_flags]
    waiting = [talk for talk in asking if talk.state() == "unanswered"]
    reached = [talk for talk in asking if talk.was_answered]
    newest = reached[-1].start if reached else 0
    waiting = [talk for talk in waiting if talk.start > newest]
    lost = [talk for talk in answered if waiting and talk.end >= waiting[0].start - QUIET]
    if lost:
        case = Case(
            "lost",
            server,
            lost,
            other=_first_without(server, client, tally),
            worked=len(reached),
            until=newest or None,
        )
        doubts = ["AWS skipped some records (SKIPDATA)"] if read.scan.skipped_data else []
        doubts += [] if _settled(client, waiting[-1], tally, read) else ["the log ends with it"]
        return case._replace(doubts=tuple(doubts))
    if asking and asking[-1].state() == "unfinished":
        ignored = [talk for talk in asking if talk.state() == "unfinished"]
        case = Case("ignored", client, ignored, serving=False, other=server, worked=len(reached) - len(ignored))
        return case._replace(doubts=tuple(_doubts(case, tally, read)))
    for talk in reversed(talks):
        other = next((t for t in reversed(asking) if t.client_port == talk.client_port), None)
        if other is None:
            continue
        for sent, got, at, to in (
            (talk.answered, other.answered, server, client),
            (other.asked, talk.asked, client, server),
        ):
            if _lost_large(_sums(sent), _sums(got)):
                quiet: Literal["asking", "answering"] = "asking" if at is server else "answering"
                silence = Silence(quiet, talk.end, _sums(sent)[0], large=True)
                case = Case("large", at, [talk], serving=at is server, other=to, silence=silence, doubts=(_SUMS,))
                return _unheard(case, read)
    return None


def _first_without(server: Spot, client: Spot, tally: Tally) -> Spot:
    """The first interface on the way back that has records of the question, and none of an answer."""
    for spot in tally.spots:
        if spot.sighting.leg == "return" and spot.sighting.interface_id != server.sighting.interface_id:
            talks = tally.talks.at(spot.sighting.interface_id)
            if talks and not any(talk.was_answered for talk in talks):
                return spot
    return client


def _sums(parts: Sequence[tuple[int, int, int, int, int | None]]) -> tuple[int, int]:
    return sum(part[2] for part in parts), sum(part[3] for part in parts)


def _lost_large(sent: tuple[int, int], got: tuple[int, int]) -> bool:
    """Whether large packets left and only small ones arrived."""
    return (
        got[0] > 0
        and sent[0] - got[0] > 1
        and sent[1] - got[1] >= (sent[0] - got[0]) * LARGE
        and got[1] < got[0] * LARGE // 2
    )


# -- connections that were open -------------------------------------------------------------------------------------


def _in_the_middle(spot: Spot, talks: Sequence[Talk], read: Read, *, serving: bool) -> Case | None:
    """Connections that were open and did not come to a good end."""
    skipped = ("AWS skipped some records (SKIPDATA)",) if read.scan.skipped_data else ()
    tcp = [talk for talk in talks if talk.protocol == TCP]
    idle = [(talk, pause) for talk in tcp if (pause := talk.idle()) is not None]
    if idle:
        whys = [] if idle[-1][1].reset else ["no RST was recorded"]
        whys += [] if read.forgets else ["nothing on the path is known to forget idle connections"]
        found = [talk for talk, _ in idle]
        pause, doubts = idle[-1][1], (*whys, *skipped)
        names = " and ".join(read.forgets)
        why = f"{names} forgets connections that were idle for {IDLE} seconds" if names else None
        return Case("idle", spot, found, serving=serving, worked=len(talks), idle=pause, doubts=doubts, why=why)
    silent = [(talk, quiet) for talk in tcp if (quiet := talk.silence()) is not None]
    if not silent:
        return None
    quiet = silent[-1][1]
    kind: Kind = "large" if quiet.large else "silent"
    found = [one for one, other in silent if other.large == quiet.large]
    doubts = ("only one side's records were read", _SUMS, *skipped)
    case = Case(kind, spot, found, serving=serving, worked=len(talks), silence=quiet, doubts=doubts)
    return _unheard(case, read) if kind == "large" else case


def _unheard(case: Case, read: Read) -> Case:
    """Large packets that get lost are the likelier if our own rules keep the sender from hearing of it."""
    why = read.unheard(case.sender, case.last.version)
    return case._replace(why=why, doubts=case.doubts[1:]) if why else case
