"""From the two ends as typed to what they mean in an account.

:func:`resolve` is called again after each round of fetching, until it no longer waits. It looks both ends up before it
waits for either, and once it knows where they are it says what a walk from there will need, so that a live account
is read in as few rounds as can be.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from whyblocked.config.account import Account
from whyblocked.errors import EndpointError, UndeterminedError
from whyblocked.network.asked import Asked, End, Question
from whyblocked.network.packets import ICMP, ICMPV6
from whyblocked.question import endpoints, hints
from whyblocked.question.ends import find_ends, owners_of
from whyblocked.question.find import Search
from whyblocked.question.needs import instance_wanted, may_be_inside, needed, public_access, subnets_around, vpcs_of
from whyblocked.question.peers import as_resolved
from whyblocked.question.shapes import Shape, shape_of
from whyblocked.text import clean

_ECHO = {8: 128, 0: 129, -1: -1}


def resolve(question: Question, account: Account) -> Asked | None:
    """The question with its ends found; None where something has to be fetched first (``account.advance()``).

    Raises :class:`EndpointError` for an end that is not found, ambiguous or not supported, and
    :class:`UndeterminedError` for one that could not be read.
    """
    shapes = shape_of(question.source, "source"), shape_of(question.destination, "destination")
    question, warnings = _fitting(question, shapes)
    version = next((shape.network.version for shape in shapes if shape.network is not None), None)
    search = Search(account, block=any(map(may_be_inside, shapes)), version=version)
    sources = find_ends(search, shapes[0], question.source, "source")
    destinations = find_ends(search, shapes[1], question.destination, "destination")
    if search.waits():
        ends = (*sources, *destinations)
        account.expect(needed(search, [end for end in ends if end.interfaces]))
        account.expect(public_access(search, ends))
        return None
    source, destination = _choose(account, sources, destinations)
    if shapes[1].public:
        by_address = [end for end in owners_of(search, shapes[1], question.destination) if end.public]
        destination, told = as_resolved(search, source, destination, by_address)
        warnings += (told,) if told else ()
    destination, remarks = endpoints.addressed(search, source, destination, _vpcs_around(account, source))
    if not _inside(search, source, destination) and not search.waits():
        if search.refused:
            reasons = tuple(clean(str(missing)) for missing in search.refused)
            ends_read = f"whether {source.label} or {destination.label} is in the account could not be read"
            raise UndeterminedError(f"{ends_read}: {', '.join(reasons)}", reasons)
        raise EndpointError(
            f"both ends lie outside the account: no interface and no subnet has {source.label} or {destination.label} "
            f"in {hints.elsewhere(account)}"
        )
    source, destination = _with_instance(search, source), _with_instance(search, destination)
    account.expect(needed(search, (source, destination)))
    account.expect(public_access(search, (source, destination)))
    if search.waits():
        return None
    warnings = (*warnings, *search.remarks, *remarks)
    return Asked(question=question, source=source, destination=destination, warnings=warnings)


def locate(text: str, account: Account) -> tuple[list[End], Search] | None:
    """What an address, id or name means: an end for each VPC that has the address; None while it waits."""
    search = Search(account)
    shape = shape_of(text, "whois")
    if shape.kind == "internet" or (shape.network is not None and shape.network.num_addresses > 1):
        raise EndpointError(f"whois: '{clean(text)}' is no single address: name an address, an id or a name")
    ends = find_ends(search, shape, text, "whois")
    return None if search.waits() else (ends, search)


# -- what the looks of the two ends settle ---------------------------------------------------------------------------


def _fitting(question: Question, shapes: tuple[Shape, Shape]) -> tuple[Question, tuple[str, ...]]:
    """The question as its ends' IP version wants it, with what has to be said about that."""
    versions = {
        shape.network.version: shape.value.removesuffix(f"/{shape.network.max_prefixlen}")
        for shape in shapes
        if shape.network is not None
    }
    if len(versions) > 1:
        raise EndpointError(f"{versions[4]} is IPv4 and {versions[6]} is IPv6: they can't talk to each other")
    warnings = [
        f"{clean(typed)} was read as {shape.network}, the block that it lies in"
        for typed, shape in zip((question.source, question.destination), shapes, strict=True)
        if shape.rounded
    ]
    if 6 in versions and question.protocol == ICMP:
        if question.icmp_type not in _ECHO:
            raise EndpointError(
                f"{versions[6]} is IPv6, and ICMPv6 numbers its types differently: use icmpv6 and its type"
            )
        kind = _ECHO[question.icmp_type]
        question = msgspec.structs.replace(question, protocol=ICMPV6, icmp_type=kind)
        warnings.append(f"{versions[6]} is IPv6: icmp was read as icmpv6")
    if 4 in versions and question.protocol == ICMPV6:
        raise EndpointError(f"{versions[4]} is IPv4, and icmpv6 is IPv6 only: use icmp")
    return question, tuple(warnings)


# -- choosing --------------------------------------------------------------------------------------------------------


def _choose(account: Account, sources: Sequence[End], destinations: Sequence[End]) -> tuple[End, End]:
    """One end each: of several owners of an address, the one in the VPC of the other end, or in one peered with it."""
    if len(sources) == len(destinations) == 1:
        return sources[0], destinations[0]
    shared = [(s, d) for s in sources for d in destinations if vpcs_of(s) & vpcs_of(d)]
    if len(shared) == 1:
        return shared[0]
    peered = [(s, d) for s in sources for d in destinations if _peered(account, s, d)]
    if len(sources) == 1 and sources[0].interfaces and destinations[0].kind == "address":
        # Routes lead from where the source is to one of them; which one is for the walk to find.
        likely = [end for _, end in peered]
        owners = tuple(owner for end in (*likely, *destinations) for owner in end.interfaces)
        owners = tuple({owner.network_interface_id: owner for owner in owners}.values())
        return sources[0], msgspec.structs.replace(destinations[0], interfaces=owners)
    if len(peered) == 1:
        return peered[0]
    what, ends = ("source", sources) if len(sources) > 1 else ("destination", destinations)
    lines = (hints.describe_interface(owner, account) for end in ends for owner in end.interfaces)
    raise hints.ambiguous(what, ends[0].text, f"{len(ends)} VPCs use that address", sorted(lines))


def _peered(account: Account, one: End, other: End) -> bool:
    """Whether a peering connection joins the VPCs of two ends, as far as those that were read tell."""
    theirs = {pcx for vpc_id in vpcs_of(other) for pcx in account.peerings_of.get(vpc_id, ())}
    return any(pcx in theirs for vpc_id in vpcs_of(one) for pcx in account.peerings_of.get(vpc_id, ()))


def _inside(search: Search, *ends: End) -> bool:
    """Whether one of the ends is in the account: as an interface, or as a place in the range of a subnet."""
    if any(end.interfaces for end in ends):
        return True
    search.ask(("DescribeSubnets", "", ""))
    return any(subnets_around(search.account, end) for end in ends)


def _vpcs_around(account: Account, end: End) -> list[str]:
    """The VPCs that an end is in: those of its interfaces, or of the subnets that its addresses touch."""
    return sorted(vpcs_of(end)) or sorted(set(subnets_around(account, end)))


def _with_instance(search: Search, end: End) -> End:
    """An end with the instance that its one interface belongs to: its state and operating system matter."""
    if instance_wanted(end) is None:
        return end
    instance = search.instance_of(end.interfaces[0])
    return end if instance is None else msgspec.structs.replace(end, instance=instance)
