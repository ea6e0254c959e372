"""A case in words: what the records say, and what to look at next."""

from __future__ import annotations

from whyblocked.diagnosis.host.cases import Case
from whyblocked.diagnosis.host.commands import Host
from whyblocked.diagnosis.host.talks import Talk
from whyblocked.flowlogs.window import iso
from whyblocked.network.packets import ICMP, ICMPV6, TCP, UDP
from whyblocked.network.protocols import has_ports, protocol_text
from whyblocked.text import clean


def summary(case: Case) -> str:
    """What the records say, in one sentence."""
    words = {
        "unanswered": _unanswered,
        "refused": _refused,
        "lost": _lost,
        "ignored": _ignored,
        "idle": _idle,
        "silent": _silent,
        "large": _large,
        "nothing": _nothing,
    }
    return f"{words[case.kind](case)}."


def next_step(case: Case, host: Host) -> str:
    """What to look at next, and where."""
    if not host.is_open and case.kind not in ("lost", "nothing"):
        return f"{host.name} is a service's: look at its state, its logs and its events, as nobody can log in there."
    name, service = host.name, _service(case)
    other = case.last.remote if case.talks else "the destination"
    if case.serving:
        return {
            "unanswered": f"See on {name} whether anything listens on {service}, whether its own firewall drops it, "
            "and whether its answer would leave by another way.",
            "refused": f"See on {name} whether what should listen on {service} runs, and on which address.",
            "lost": f"Capture on {name} and at the client at once: what lies between drops the answer (another way "
            "back, an appliance, a VPN, the client's own firewall).",
            "nothing": "See at the client what address the name has there, and whether it sends; the capture shows "
            f"whether anything comes to {name}.",
            **_EITHER,
        }[case.kind].format(name=name)
    return {
        "unanswered": f"See what {other} does with it: whether it listens on {service}, and what its own firewall "
        f"says. A capture on {name} shows whether anything comes back.",
        "refused": f"See whether anything listens on {service} at {other}.",
        "ignored": f"See what the firewall of {name} does with answers, and whether the capture shows them.",
        "nothing": f"See on {name} what address the name has there, which way that is routed, and what its own "
        "firewall does.",
        **_EITHER,
    }[case.kind].format(name=name)


_EITHER = {
    "idle": "Send keepalives more often than every 350 seconds, or let the client open connections anew.",
    "silent": "See on {name} whether the connection still stands there, and whether packets come in.",
    "large": "Find the largest packet that passes from {name}; lower its MTU, or let the ICMP in that asks for it.",
}


# -- one for each kind ----------------------------------------------------------------------------------------------


def _unanswered(case: Case) -> str:
    where, what = _where(case), _service(case)
    if case.serving:
        return f"{where} gets {_noun(case.last)}s for {what} and sends nothing back: {_counted(case)}"
    return f"Nothing comes back to {where} for {what}: {_counted(case)}"


def _refused(case: Case) -> str:
    where, what = _where(case), _service(case)
    if case.last.protocol == UDP:
        return f"{where} answers {what} with ICMP, as a host does where nothing listens: {_counted(case)}"
    if case.serving:
        return f"{where} answers {what} with RST, as a host does where nothing listens: {_counted(case)}"
    return f"A RST comes back to {where} for {what}, as from a host where nothing listens: {_counted(case)}"


def _lost(case: Case) -> str:
    where, what = _where(case), _service(case)
    if case.other is None:
        return (
            f"{where} answers {what} (SYN-ACK), and {case.last.remote} asks again: the answer is lost on the way back: "
            f"{_counted(case)}"
        )
    to = clean(case.other.sighting.interface_id, 64)
    return (
        f"{where} answers {what} (SYN-ACK), and no answer comes to {to}: it is lost between them, on the way back: "
        f"{_counted(case)}"
    )


def _ignored(case: Case) -> str:
    return f"Answers for {_service(case)} (SYN-ACK) come to {_where(case)}, and it asks again: {_counted(case)}"


def _idle(case: Case) -> str:
    assert case.idle is not None
    met = "a RST" if case.idle.reset else "silence"
    why = case.why or "something on the path had forgotten it"
    return (
        f"A connection of {_service(case)} between {case.last.remote} and {_where(case)} was idle for "
        f"{case.idle.seconds:,} seconds until {iso(case.idle.until)} and met {met} then: {why}{_several(case)}"
    )


def _silent(case: Case) -> str:
    assert case.silence is not None
    where, remote = _where(case), case.last.remote
    quiet, loud = (where, remote) if (case.silence.quiet == "answering") == case.serving else (remote, where)
    return (
        f"A connection of {_service(case)} was open; since {iso(case.silence.since)} {quiet} is silent, while {loud} "
        f"sent {case.silence.packets:,} more packets{_several(case)}"
    )


def _large(case: Case) -> str:
    to = "are not answered" if case.other is None else f"do not come to {clean(case.other.sighting.interface_id, 64)}"
    why = f"; {case.why}, so {_where(case)} does not hear that they are too large" if case.why else ""
    sender = _where(case) if case.sender else case.last.remote
    return (
        f"Small packets of {_service(case)} pass, large ones leave {sender} and {to}: the path carries less (MTU){why}"
    )


def _nothing(case: Case) -> str:
    if case.serving:
        return f"Nothing of it arrives at {_where(case)}, whose flow log is complete: it is lost before it gets there"
    return f"Nothing of it leaves {_where(case)}, whose flow log is complete: its host does not send it that way"


# -- parts ----------------------------------------------------------------------------------------------------------


def _where(case: Case) -> str:
    return clean(case.at.sighting.interface_id, 64)


def _counted(case: Case) -> str:
    """``3 SYNs from 10.0.1.10 between ... and ... (until ... others worked)``: connections, not packets."""
    count, ends = len(case.talks), {talk.remote for talk in case.talks}
    first, last = min(talk.start for talk in case.talks), max(talk.end for talk in case.talks)
    whom = f"{'from' if case.serving else 'to'} {case.last.remote}" if len(ends) == 1 else f"of {len(ends):,} hosts"
    tries = f"{count:,} {'try' if count == 1 else 'tries'} {whom} between {iso(first)} and {iso(last)}"
    return tries + (f"; one that began at {iso(case.until)} worked" if case.until is not None else "")


def _several(case: Case) -> str:
    return f" ({len(case.talks):,} connections did)" if len(case.talks) > 1 else ""


def _noun(talk: Talk) -> str:
    if talk.protocol in (ICMP, ICMPV6):
        return "ping"
    return "SYN" if talk.protocol == TCP and talk.has_flags else "packet"


def _service(case: Case) -> str:
    if not case.talks:
        return "it"
    protocol = case.last.protocol
    name = protocol_text(protocol)
    return f"{name}/{case.last.service_port}" if has_ports((protocol, protocol)) else name
