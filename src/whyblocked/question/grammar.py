"""The question's grammar: ``SOURCE -> DESTINATION[:PORT][/PROTOCOL]``, in the spellings that people type.

An endpoint is one word; what holds a colon, a slash, a bracket or white space stands in brackets: ``[web/1]:443``,
``[2001:db8::1]:443``. Within brackets a backslash takes its meaning from a bracket or a backslash behind it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from whyblocked.errors import UsageError
from whyblocked.network.asked import ALL_PROTOCOLS, Question
from whyblocked.question.ports import format_ports, parse_ports
from whyblocked.question.protocols import (
    ECHO_REQUEST,
    format_protocol,
    has_ports,
    parse_icmp,
    parse_protocol,
)
from whyblocked.text import clean

LONGEST = 8192  # characters; an ARN has at most 2048
ARROW = "->"
EXAMPLE = "203.0.113.5 -> i-abc:22"

_ARROWS = ("->", "→")
# What chat programs and word processors make of an arrow, and what other tools take for one.
_OTHER_ARROWS = re.compile("[-=~\u2010-\u2015\u2212\u2500]{1,3}[>\u203a\xbb]|[\u21d2\u27f6\u2794\u279c\u279e\u27a1]")
_ARN = re.compile(r"(arn:(?:[^:]*:){4}.+?)((?::\d+(?:-\d+)?)?(?:(?<=\d)/[a-z]\w*)?)", re.IGNORECASE)
_SUFFIX = re.compile(r"(?::(?P<port>[^:/]*))?(?:/(?P<protocol>[^:/]*))?")
_FOUR_NUMBERS = re.compile(r"\d+(\.\d+){3}")


class Endpoint(NamedTuple):
    """One end as typed: its name without brackets, and the texts of port and protocol (None where there is none)."""

    typed: str
    name: str
    port: str | None
    protocol: str | None


def parse(
    text: str,
    *,
    protocol: str | None = None,
    source_port: str | None = None,
    icmp_type: str | None = None,
    icmp_code: str | None = None,
) -> Question:
    """The question that ``text`` and the options of the same names ask; :class:`UsageError` where there is none."""
    source_word, destination_word = _ends(words_of(text))
    source = parse_endpoint(source_word, "source")
    if source.port is not None:
        raise UsageError(
            f"source: '{_shown(source_word)}' has a port: the source port is an option, "
            f"--source-port {_shown(source.port, 20)}"
        )
    if source.protocol is not None:
        raise UsageError(f"source: '{_shown(source_word)}' has a protocol: it stands behind the destination")
    destination = parse_endpoint(destination_word, "destination")

    number = 6
    if destination.protocol is not None:
        number = parse_protocol(destination.protocol, "protocol of the destination")
    if protocol is not None:
        option = parse_protocol(protocol, "--protocol")
        if destination.protocol is not None and option != number:
            raise UsageError(
                f"--protocol {format_protocol(option)} contradicts /{format_protocol(number)} behind the destination"
            )
        number = option
    elif destination.protocol is None and icmp_type is not None:
        raise UsageError("--icmp-type goes with /icmp or /icmpv6: write it behind the destination, or use --protocol")

    for given, what in ((destination.port, "a destination port"), (source_port, "--source-port")):
        if given is not None and not has_ports(number):
            raise UsageError(f"{what} goes with tcp and udp, not with {_protocol_phrase(number)}")
    transport = format_protocol(number)
    kind, code = parse_icmp(number, icmp_type, icmp_code)
    return Question(
        text=f"{source.typed} {ARROW} {destination.typed}",
        source=source.name,
        destination=destination.name,
        protocol=number,
        destination_ports=None
        if destination.port is None
        else parse_ports(destination.port, "destination port", transport),
        source_ports=None if source_port is None else parse_ports(source_port, "--source-port", transport),
        icmp_type=kind,
        icmp_code=code,
    )


def words_of(text: str) -> list[str]:
    """The words of a question, each arrow a word of its own (``->``); brackets keep what they hold together."""
    if len(text) > LONGEST:
        raise UsageError(f"the question is {len(text)} characters long: '{_shown(text)}' (at most {LONGEST})")
    words: list[str] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
        elif arrow := next((a for a in _ARROWS if text.startswith(a, at)), None):
            words.append(ARROW)
            at += len(arrow)
        else:
            end = _word_end(text, at)
            words.append(text[at:end])
            at = end
    for word in words:
        if not word.isprintable() and any(unicodedata.category(char) in ("Cc", "Cs") for char in word):
            raise UsageError(f"the question holds characters that are no text: '{_shown(word)}'")
    return words


def _word_end(text: str, at: int) -> int:
    depth = 0
    opened = at
    while at < len(text):
        char = text[at]
        if depth and char == "\\":
            at += 1
        elif char == "[":
            opened, depth = (at if not depth else opened), depth + 1
        elif char == "]" and depth:
            depth -= 1
        elif not depth and (char.isspace() or text.startswith(_ARROWS, at)):
            return at
        at += 1
    if depth:
        raise UsageError(f"a bracket is not closed: '{_shown(text[opened:])}'")
    return len(text)


def _ends(words: list[str]) -> tuple[str, str]:
    """The two words that name the ends."""
    if not words:
        raise UsageError(f"nothing is asked: whyblocked '{EXAMPLE}' (--help tells more)")
    arrows = words.count(ARROW)
    if arrows > 1:
        raise UsageError(f"a question has one arrow, this one has {arrows}: '{_shown(' '.join(words))}'")
    if arrows:
        at = words.index(ARROW)
        before, behind = words[:at], words[at + 1 :]
    elif len(words) == 3 and words[1].lower() == "to":
        before, behind = words[:1], words[2:]
    else:
        before, behind = words[:1], words[1:]
        if other := next((found for word in words if word[0] != "[" and (found := _OTHER_ARROWS.search(word))), None):
            raise UsageError(f"'{_shown(other[0])}' is no arrow: type -> (quoted), or to: '{EXAMPLE}'")
    if not before:
        raise UsageError(f"no source before the arrow: write it like '{EXAMPLE}'")
    if not behind or behind == ["-"] or (not arrows and behind == ["to"]):
        raise UsageError(f"'{_shown(' '.join(words))}' has no destination: write it like '{EXAMPLE}', with its quotes")
    if len(before) > 1 or len(behind) > 1:
        extra = before[1] if len(before) > 1 else behind[1]
        raise UsageError(
            f"one word too many: '{_shown(extra)}' in '{_shown(' '.join(words))}' "
            "(a name with spaces stands in brackets)"
        )
    return before[0], behind[0]


def parse_endpoint(word: str, what: str) -> Endpoint:
    """One end of a question, taken apart."""
    if word.startswith("["):
        name, suffix = _bracketed(word, what)
    else:
        name, suffix = _bare(word, what)
    matched = _SUFFIX.fullmatch(suffix)
    if matched is None:
        swapped = re.fullmatch(r"/([a-z]\w*):([\w-]+)", suffix, re.IGNORECASE)
        if swapped:
            advice = f"the port comes first: {_shown(name)}:{swapped[2]}/{swapped[1]}"
        else:
            advice = "a name that holds ':' or '/' stands in brackets: [web/1]:443"
        raise UsageError(f"{what}: '{_shown(word)}' can't be read: {advice}")
    port, protocol = matched["port"], matched["protocol"]
    if protocol and port is None and not word.startswith("[") and not _known(protocol):
        raise UsageError(
            f"{what}: '{_shown(protocol, 40)}' is no protocol; a name that holds a slash stands in brackets: "
            f"[{_shown(word)}]"
        )
    return Endpoint(word, name, port, protocol)


def _bracketed(word: str, what: str) -> tuple[str, str]:
    """Name and suffix of a word that begins with a bracket (:func:`words_of` has seen to it that it closes)."""
    name: list[str] = []
    depth, at = 1, 1
    while at < len(word):
        char = word[at]
        if char == "\\" and word[at + 1 : at + 2] in ("[", "]", "\\"):
            at += 1
            name.append(word[at])
        else:
            depth += (char == "[") - (char == "]")
            if not depth:
                break
            name.append(char)
        at += 1
    if depth:
        raise UsageError(f"{what}: a bracket is not closed: '{_shown(word)}'")
    inside, suffix = "".join(name), word[at + 1 :]
    if not inside.strip():
        raise UsageError(f"{what}: nothing in the brackets of '{_shown(word)}'")
    if suffix and suffix[0] not in ":/":
        raise UsageError(
            f"{what}: '{_shown(suffix, 40)}' behind the bracket of '{_shown(word)}' is no :port, no /protocol"
        )
    _check_address(inside, what)
    # "internet" is the one keyword; in brackets it is a name, and stays recognisable as one.
    return (f"[{inside}]" if inside.lower() == "internet" else inside), suffix


def _bare(word: str, what: str) -> tuple[str, str]:
    if "[" in word or "]" in word:
        escaped = re.sub(r"([\[\]\\])", r"\\\1", word)
        raise UsageError(f"{what}: a name that holds a bracket stands in brackets: '[{_shown(escaped)}]'")
    if "://" in word:
        raise UsageError(f"{what}: '{_shown(word)}' is a URL: name the host and the port")
    if arn := _ARN.fullmatch(word):
        return arn[1], arn[2]
    head, slash, tail = word.partition("/")
    address = _address(head)
    if address is not None:
        _check_address(head, what)
        length = re.match(r"\d+(?![^:/])", tail, re.ASCII)
        if slash and length and len(length[0]) <= 3 and int(length[0]) <= address.max_prefixlen:
            return f"{head}/{length[0]}", tail[length.end() :]
        return head, slash + tail
    name = re.split("[:/]", word, maxsplit=1)[0]
    if not name:
        raise UsageError(f"{what}: nothing before '{_shown(word, 40)}': an address, an id or a name")
    if name.isalnum() and word.count(":") > 1 and re.fullmatch(r"[0-9a-fA-F:.]+", head):
        raise UsageError(f"{what}: '{_shown(head)}' is no IPv6 address (with a port it stands in brackets)")
    _check_address(name, what)
    return name, word[len(name) :]


def _check_address(name: str, what: str) -> None:
    """Refuses what was meant to be an address and is none."""
    head = name.partition("/")[0]
    if _FOUR_NUMBERS.fullmatch(head) and _address(head) is None:
        raise UsageError(
            f"{what}: '{_shown(head, 40)}' is no IPv4 address: four numbers from 0 to 255, without leading zeros"
        )
    if "%" in head and _address(head) is not None:
        raise UsageError(
            f"{what}: '{_shown(name)}' has a zone, which only means something on one machine: leave it out"
        )


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _known(protocol: str) -> bool:
    try:
        parse_protocol(protocol)
    except UsageError:
        return protocol.isascii() and protocol.isdigit()  # too high a number: its own error says so
    return True


def _protocol_phrase(number: int) -> str:
    return "all protocols" if number == ALL_PROTOCOLS else f"protocol {format_protocol(number)}"


def _shown(text: str, limit: int = 80) -> str:
    return clean(text, limit)


# -- and back ----------------------------------------------------------------------------------------------------


def quote(name: str, suffix: str = "") -> str:
    """An endpoint as it has to be typed before ``suffix``: in brackets where it needs them."""
    if name.startswith("[") and name.endswith("]") and name[1:-1].lower() == "internet":
        return name + suffix
    try:
        bare = words_of(name) == [name] and parse_endpoint(name, "name")[1:] == (name, None, None)
        if bare and "#" not in name and not (suffix and ":" in name) and not name.startswith("-"):
            return name + suffix
    except UsageError:
        pass
    return "[" + re.sub(r"([\[\]\\])", r"\\\1", name) + "]" + suffix


def format_question(question: Question) -> str:
    """A question as a line that asks the same, with its options: what ``check`` reads from a file."""
    port = "" if question.destination_ports is None else f":{format_ports(question.destination_ports)}"
    return " ".join((quote(question.source), ARROW, quote(question.destination, port), *_options(question)))


def _options(question: Question) -> Iterable[str]:
    if question.protocol != 6:
        yield f"--protocol {format_protocol(question.protocol)}"
    if question.source_ports is not None:
        yield f"--source-port {format_ports(question.source_ports)}"
    if question.icmp_type is not None and (question.icmp_type, question.icmp_code) != (
        ECHO_REQUEST.get(question.protocol),
        0,
    ):
        yield f"--icmp-type {question.icmp_type}"
        if question.icmp_code is not None:
            yield f"--icmp-code {question.icmp_code}"
