"""Whose public address an event took away: the request alone names the association or allocation, and no interface.

An earlier ``AssociateAddress`` tells whose that was: it names the interface or instance, its answer the association.
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DisassociateAddress.html
"""

from __future__ import annotations

from collections.abc import Iterable

from whyblocked.config.trail import Event

NO_ADDRESS = ("IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS", "IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS")
"""The codes of what blocks because a host has no public address."""
EVENTS = ("DisassociateAddress", "AssociateAddress", "ReleaseAddress")
_NAMES = ("associationId", "allocationId", "publicIp")
_HOLDERS = ("networkInterfaceId", "instanceId")


def lost(events: Iterable[Event]) -> dict[str, frozenset[str] | None]:
    """From whom each event about a public address took it, by :func:`key`.

    That are ids of an interface or instance: none where it took it from nobody, None where nothing tells.
    """
    held: dict[str, frozenset[str]] = {}  # by each name of the address, who has it
    alike: dict[str, frozenset[str]] = {}  # all names of one address, by each of them
    found: dict[str, frozenset[str] | None] = {}
    for event in sorted((one for one in events if one.name in EVENTS), key=lambda one: one.time):
        given = {str(said[name]) for said in (event.request, event.response) for name in _NAMES if said.get(name)}
        names = frozenset(given).union(*(alike[name] for name in given if name in alike))
        before = next((held[name] for name in sorted(names) if name in held), None)
        if event.name == "AssociateAddress":
            now = frozenset(str(event.request[name]) for name in _HOLDERS if event.request.get(name))
            found[key(event)] = (before or frozenset()) - now
        else:
            now = frozenset()
            listed = frozenset(one for one in event.mentions if one.startswith(("eni-", "i-")))
            found[key(event)] = listed or before
        for name in names:
            held[name], alike[name] = now, names
    return found


def key(event: Event) -> str:
    """What tells events apart, also those without an id."""
    return event.event_id or f"{event.name} {event.time} {sorted(event.mentions)}"
