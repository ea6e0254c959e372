"""Who has an address, for people: a line that says it, and the facts below."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from whyblocked.diagnosis.whois import Named, Owner, Place, WhoIs, words
from whyblocked.text import clean

if TYPE_CHECKING:
    from whyblocked.report.console import Screen

_MOST = 20  # addresses of one interface that are listed


def render(found: WhoIs, console: Screen) -> None:
    """The report as text."""
    from rich.text import Text

    from whyblocked.report.console import say, wrapped

    lines = wrapped(Text(clean(found.summary, 500), "bold"), console.width)
    for title, facts in _sections(found):
        lines.append(Text())
        if title:
            lines.append(Text(title, "bold"))
        for name, value in facts:
            lines += wrapped(Text(f"{name:<11}{value}"), console.width, 2, 13)
    for warning in (*found.warnings, *(f"could not be read: {missing}" for missing in found.missing)):
        lines.append(Text())
        lines += wrapped(Text(clean(warning, 500)), console.width)
    say(console, lines)


def markdown(found: WhoIs) -> str:
    """The report as Markdown."""
    from whyblocked.report.markdown import prose

    lines = [f"**{prose(clean(found.summary, 500))}**"]
    for title, facts in _sections(found):
        lines += ["", *([f"**{prose(title)}**", ""] if title else [])]
        lines += [f"- {name}: {prose(value)}" for name, value in facts]
    for warning in (*found.warnings, *(f"could not be read: {missing}" for missing in found.missing)):
        lines += ["", prose(clean(warning, 500))]
    return "\n".join(lines) + "\n"


def _sections(found: WhoIs) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    several = len(found.owners) > 1
    for owner in found.owners:
        yield clean(words(owner), 200) if several else "", list(_of_owner(owner))
    for place in found.places:
        yield "", list(_of_place(place))


def _of_owner(owner: Owner) -> Iterator[tuple[str, str]]:
    kind = "" if owner.interface_type in (None, "interface") else f"type {owner.interface_type}"
    facts = (owner.name, owner.status, kind, f'"{owner.description}"' if owner.description else "")
    yield "interface", _with(owner.interface_id, *facts)
    if owner.service:
        yield "owner", clean(f"{owner.service} {owner.resource or ''}".rstrip())
    if owner.instance:
        yield "instance", _with(owner.instance.id, owner.instance.name, owner.instance.state)
    if owner.groups:
        yield "groups", ", ".join(map(_named, owner.groups))
    yield from _of_place(owner.place)
    addresses = [*owner.private_addresses, *(f"{public} (public)" for public in owner.public_addresses)]
    addresses += [*owner.ipv6_addresses, *(f"{prefix} (prefix)" for prefix in owner.prefixes)]
    if addresses:
        more = f" and {len(addresses) - _MOST} more" if len(addresses) > _MOST else ""
        yield "addresses", clean(", ".join(addresses[:_MOST]), 2000) + more


def _of_place(place: Place) -> Iterator[tuple[str, str]]:
    if place.subnet:
        yield "subnet", _with(place.subnet.id, place.subnet.name, *place.subnet_blocks, place.zone)
    yield "VPC", _named(place.vpc)
    if place.account_id or place.region:
        yield "account", ", ".join(clean(text) for text in (place.account_id, place.region) if text)


def _named(one: Named) -> str:
    return _with(one.id, one.name)


def _with(name: str, *facts: str | None) -> str:
    known = [clean(fact, 120) for fact in facts if fact]
    return clean(name) + (f" ({', '.join(known)})" if known else "")
