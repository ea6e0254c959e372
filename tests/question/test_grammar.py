"""The question as text: every form that is read, every mistake that is told."""

from __future__ import annotations

import unicodedata
from ipaddress import IPv4Address, IPv6Address

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from whyblocked.errors import UsageError
from whyblocked.network.asked import Question
from whyblocked.question.grammar import LONGEST, format_question, parse
from whyblocked.question.lines import read_line, without_comment
from whyblocked.question.ports import SERVICES, service_port

LB = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/web/50dc6c495c0c9188"


@pytest.mark.parametrize(
    "text",
    [
        "203.0.113.5 -> i-abc:22",
        "203.0.113.5 to i-abc:22",
        "203.0.113.5 TO i-abc:22",
        "203.0.113.5 i-abc:22",
        "203.0.113.5->i-abc:22",
        "203.0.113.5-> i-abc:22",
        "203.0.113.5 ->i-abc:22",
        "203.0.113.5 → i-abc:22",
        "  203.0.113.5   ->\ti-abc:22\n",
        "203.0.113.5\u00a0->\u00a0i-abc:22",
        "203.0.113.5 -> i-abc:ssh",
        "203.0.113.5 -> i-abc:SSH/TCP",
        "203.0.113.5 -> i-abc:22/6",
        "203.0.113.5 -> [i-abc]:22/tcp",
        "[203.0.113.5] [i-abc]:22",
    ],
)
def test_spellings_of_one_question(text: str) -> None:
    found = parse(text)
    assert (found.source, found.destination) == ("203.0.113.5", "i-abc")
    assert (found.protocol, found.destination_ports) == (6, (22, 22))
    assert (found.source_ports, found.icmp_type, found.icmp_code) == (None, None, None)


def test_the_text_is_kept_as_the_quoted_form() -> None:
    assert parse("203.0.113.5 i-abc:ssh").text == "203.0.113.5 -> i-abc:ssh"


@pytest.mark.parametrize(
    ("destination", "name", "ports", "protocol"),
    [
        ("web", "web", None, 6),
        ("web:8000-8100", "web", (8000, 8100), 6),
        ("web:0-65535", "web", (0, 65535), 6),
        ("web:22-22", "web", (22, 22), 6),
        ("web:53/udp", "web", (53, 53), 17),
        ("web:http-alt", "web", (8080, 8080), 6),
        ("web/udp", "web", None, 17),
        ("web/icmp", "web", None, 1),
        ("web/icmpv6", "web", None, 58),
        ("web/all", "web", None, -1),
        ("web/-1", "web", None, -1),
        ("web/esp", "web", None, 50),
        ("web/132", "web", None, 132),
        ("web/0", "web", None, 0),
        ("web/255", "web", None, 255),
        ("10.0.0.4", "10.0.0.4", None, 6),
        ("10.0.0.4:443", "10.0.0.4", (443, 443), 6),
        ("10.0.0.4/24", "10.0.0.4/24", None, 6),
        ("10.0.0.4/32", "10.0.0.4/32", None, 6),
        ("10.0.0.4/33", "10.0.0.4", None, 33),
        ("10.0.0.4/50", "10.0.0.4", None, 50),
        ("10.0.0.4/udp", "10.0.0.4", None, 17),
        ("10.0.0.0/8:443", "10.0.0.0/8", (443, 443), 6),
        ("10.0.0.0/8/udp", "10.0.0.0/8", None, 17),
        ("10.0.0.0/8:53/udp", "10.0.0.0/8", (53, 53), 17),
        ("2001:db8::1", "2001:db8::1", None, 6),
        ("2001:db8::1:443", "2001:db8::1:443", None, 6),
        ("[2001:db8::1]:443", "2001:db8::1", (443, 443), 6),
        ("[2001:db8::1]/icmpv6", "2001:db8::1", None, 58),
        ("2001:db8::/64", "2001:db8::/64", None, 6),
        ("2001:db8::1/128", "2001:db8::1/128", None, 6),
        ("2001:db8::1/132", "2001:db8::1", None, 132),
        ("2001:db8::/64:443", "2001:db8::/64", (443, 443), 6),
        ("[2001:db8::/64]:443/udp", "2001:db8::/64", (443, 443), 17),
        ("::", "::", None, 6),
        ("[web/1]:443", "web/1", (443, 443), 6),
        ("[a:b c]", "a:b c", None, 6),
        ("[web[1]]:443", "web[1]", (443, 443), 6),
        (r"[web\]1]:443", "web]1", (443, 443), 6),
        (r"[DOMAIN\web]", r"DOMAIN\web", None, 6),
        ("[ padded ]", " padded ", None, 6),
        ("[a -> b]:80", "a -> b", (80, 80), 6),
        ("[internet]", "[internet]", None, 6),
        ("internet:443", "internet", (443, 443), 6),
        (LB, LB, None, 6),
        (f"{LB}:443", LB, (443, 443), 6),
        (f"{LB}:443/udp", LB, (443, 443), 17),
        ("ip-10-0-1-5.ec2.internal:22", "ip-10-0-1-5.ec2.internal", (22, 22), 6),
        ("größe", "größe", None, 6),
        ("user@host", "user@host", None, 6),
    ],
)
def test_destinations(destination: str, name: str, ports: tuple[int, int] | None, protocol: int) -> None:
    found = parse(f"a -> {destination}")
    assert (found.destination, found.destination_ports, found.protocol) == (name, ports, protocol)
    assert parse(f"a {destination}") == found


def test_a_cidr_as_source() -> None:
    assert parse("10.0.0.0/16 web:22").source == "10.0.0.0/16"


def test_a_word_that_is_an_arrow_elsewhere() -> None:
    assert parse("to -> to").source == "to"
    assert parse("a [to]").destination == "to"


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [("udp", 17), ("UDP", 17), ("17", 17), ("icmp6", 58), ("all", -1), ("-1", -1), ("gre", 47)],
)
def test_protocol_by_option(protocol: str, expected: int) -> None:
    assert parse("a b", protocol=protocol).protocol == expected


def test_protocol_twice_but_the_same() -> None:
    assert parse("a b:53/udp", protocol="17").protocol == 17


@pytest.mark.parametrize(
    ("text", "kind", "code", "expected"),
    [
        ("a b/icmp", None, None, (8, 0)),
        ("a b/icmpv6", None, None, (128, 0)),
        ("a b/icmp", "3", None, (3, -1)),
        ("a b/icmp", "3", "4", (3, 4)),
        ("a b/icmp", "8", None, (8, 0)),
        ("a b/icmp", "0", None, (0, 0)),
        ("a b/icmpv6", "129", None, (129, 0)),
        ("a b/icmp", "all", None, (-1, -1)),
        ("a b/icmp", "-1", "-1", (-1, -1)),
        ("a b/icmp", "11", "ALL", (11, -1)),
        ("a b/udp", None, None, (None, None)),
    ],
)
def test_icmp(text: str, kind: str | None, code: str | None, expected: tuple[int | None, int | None]) -> None:
    found = parse(text, icmp_type=kind, icmp_code=code)
    assert (found.icmp_type, found.icmp_code) == expected


@pytest.mark.parametrize(
    ("given_", "expected"), [("40000", (40000, 40000)), ("1024-65535", (1024, 65535)), ("dns", (53, 53))]
)
def test_source_ports(given_: str, expected: tuple[int, int]) -> None:
    assert parse("a b:53/udp", source_port=given_).source_ports == expected


def test_services_the_machine_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getservbyname", lambda name, transport: {("tftp", "udp"): 69}[name, transport])
    assert service_port("tftp", "udp") == 69
    assert parse("a b:tftp/udp").destination_ports == (69, 69)


def test_common_services_do_not_ask_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("socket.getservbyname")
    assert all(service_port(name) == port for name, port in SERVICES.items())


# -- mistakes --------------------------------------------------------------------------------------------------------

BAD: list[tuple[str, dict[str, str], str]] = [
    ("", {}, "nothing is asked"),
    ("   ", {}, "nothing is asked"),
    ("a", {}, "no destination"),
    ("a ->", {}, "no destination"),
    ("a to", {}, "no destination"),
    ("a -", {}, "no destination"),
    ("a -> -", {}, "no destination"),
    ("-> b", {}, "no source"),
    ("->", {}, "no source"),
    ("a -> b -> c", {}, "one arrow, this one has 2"),
    ("a b c", {}, "one word too many: 'c'"),
    ("a -> b c", {}, "one word too many: 'c'"),
    ("my server -> b", {}, "one word too many: 'server'"),
    ("a – b", {}, "one word too many"),
    ("a –> b:22", {}, "'–>' is no arrow"),
    ("a —> b:22", {}, "is no arrow"),
    ("a => b", {}, "'=>' is no arrow"),
    ("a ⇒ b", {}, "is no arrow"),
    ("a --> b", {}, "one word too many"),
    ("a:22 -> b", {}, "--source-port 22"),
    ("10.0.0.1:1024 -> b:22", {}, "--source-port 1024"),
    ("a/udp -> b", {}, "behind the destination"),
    ("a -> b:", {}, "nothing behind the colon"),
    ("a -> b/", {}, "nothing behind the slash"),
    ("a -> :22", {}, "nothing before ':22'"),
    ("a -> /tcp", {}, "nothing before '/tcp'"),
    ("a -> b:0", {}, "port 0"),
    ("a -> b:0-0", {}, "port 0"),
    ("a -> b:65536", {}, "highest port, 65535"),
    ("a -> b:" + "9" * 5000, {}, "highest port, 65535"),
    ("a -> b:80-22", {}, "write 22-80"),
    ("a -> b:22-", {}, "no port number"),
    ("a -> b:-22", {}, "no port number"),
    ("a -> b:22,80", {}, "is a list"),
    ("a -> b:*", {}, "leave the port out"),
    ("a -> b:all", {}, "leave the port out"),
    ("a -> b:+22", {}, "no port number"),
    ("a -> b:\uff12\uff12", {}, "no port number"),
    ("a -> b:sssh", {}, "no service known here"),
    ("a -> web:22:33", {}, "can't be read"),
    ("a -> b/tcp:22", {}, "the port comes first: b:22/tcp"),
    ("a -> b:22/tcp/udp", {}, "can't be read"),
    ("a -> web/1:443", {}, "[web/1]:443"),
    ("a -> prod/web", {}, "[prod/web]"),
    ("a -> b/256", {}, "highest protocol number, 255"),
    ("a -> 10.0.0.4/300", {}, "highest protocol number, 255"),
    ("a -> 10.0.0.0/255.0.0.0", {}, "is no protocol"),
    ("a -> b:22/ftp", {}, "'ftp' is none"),
    ("a -> b:22/icmp", {}, "not with protocol icmp"),
    ("a -> b:22/all", {}, "not with all protocols"),
    ("a -> b:22/50", {}, "not with protocol 50"),
    ("a -> b/icmp", {"source_port": "5"}, "--source-port goes with tcp and udp"),
    ("a -> b", {"source_port": ""}, "--source-port: nothing"),
    ("a -> b", {"source_port": "70000"}, "--source-port: 70000"),
    ("a -> b", {"protocol": "tpc"}, "--protocol: 'tpc'"),
    ("a -> b", {"protocol": ""}, "--protocol"),
    ("a -> b/udp", {"protocol": "tcp"}, "--protocol tcp contradicts /udp"),
    ("a -> b:22", {"icmp_type": "8"}, "--icmp-type goes with /icmp"),
    ("a -> b/udp", {"icmp_code": "0"}, "--icmp-code goes with /icmp"),
    ("a -> b/icmp", {"icmp_code": "0"}, "--icmp-code needs --icmp-type"),
    ("a -> b/icmp", {"icmp_type": "256"}, "--icmp-type: '256'"),
    ("a -> b/icmp", {"icmp_type": "echo"}, "--icmp-type: 'echo'"),
    ("a -> b/icmp", {"icmp_type": "all", "icmp_code": "4"}, "--icmp-code"),
    ("a -> [b", {}, "a bracket is not closed"),
    ("a -> [[b]", {}, "a bracket is not closed"),
    ("a -> []:22", {}, "nothing in the brackets"),
    ("a -> [ ]", {}, "nothing in the brackets"),
    ("a -> [b]22", {}, "no :port"),
    ("a -> web[1]:22", {}, r"'[web\[1\]:22]'"),
    ("a -> b]", {}, "stands in brackets"),
    ("a -> 10.0.0.256:22", {}, "is no IPv4 address"),
    ("a -> 010.0.0.1", {}, "is no IPv4 address"),
    ("a -> 300.0.0.0/8", {}, "is no IPv4 address"),
    ("a -> [10.0.0.256]:22", {}, "is no IPv4 address"),
    ("a -> 2001:db8:::1", {}, "is no IPv6 address"),
    ("a -> fe80::1%eth0", {}, "has a zone"),
    ("a -> https://example.com/", {}, "is a URL"),
    ("a -> b\x00c", {}, "no text"),
    ("a -> \x1b]0;owned\x07", {}, "no text"),
    ("a -> [b\nc]", {}, "no text"),
    ("a -> b\udcff", {}, "no text"),
    ("x" * 1_000_000, {}, f"1000000 characters long: '{'x' * 79}…' (at most {LONGEST})"),
    ("[" * 8000, {}, "a bracket is not closed"),
    ("-" * 8000 + " b c", {}, "one word too many"),
    ("a" + " ->" * 2000, {}, "one arrow, this one has 2000"),
    ("a b:" + "x" * 8000, {}, "no service known here"),
]


@pytest.mark.parametrize(("text", "options", "message"), BAD, ids=[repr(text[:30]) for text, _, _ in BAD])
def test_mistakes(text: str, options: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, **options)
    assert message in caught.value.message
    assert caught.value.status == 2
    assert len(caught.value.message) < 400
    assert not any(unicodedata.category(char) in ("Cc", "Cs", "Cf") for char in caught.value.message)


@given(st.text(max_size=60), st.none() | st.text(max_size=8))
def test_any_text_is_a_question_or_a_mistake(text: str, protocol: str | None) -> None:
    message = ""
    try:
        found = parse(text, protocol=protocol)
    except UsageError as error:
        message = error.message
    else:
        assert found.source
        assert found.destination
    assert "\n" not in message


# -- there and back --------------------------------------------------------------------------------------------------

_names = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30).filter(
    lambda name: name.strip() and name.lower() != "internet" and not _is_bad_address(name)
)
_addresses = st.integers(0, 2**32 - 1).map(lambda i: str(IPv4Address(i))) | st.integers(0, 2**128 - 1).map(
    lambda i: str(IPv6Address(i))
)
_endpoints = st.one_of(
    _names, _addresses, st.sampled_from(["internet", "[internet]", "10.0.0.0/8", "2001:db8::/64", "i-abc", "to", LB])
)
_ports = st.tuples(st.integers(0, 65535), st.integers(1, 65535)).map(lambda pair: (min(pair), max(pair)))


def _is_bad_address(name: str) -> bool:
    try:
        return parse(f"[{name}] b").source != name
    except UsageError:
        return all(c not in name for c in "[]\\")


@st.composite
def questions(draw: st.DrawFn) -> Question:
    protocol = draw(st.sampled_from([6, 17, 1, 58, -1]) | st.integers(0, 255))
    with_ports = protocol in (6, 17)
    kind = code = None
    if protocol in (1, 58):
        kind = draw(st.integers(-1, 255))
        code = -1 if kind == -1 else draw(st.integers(-1, 255))
    return Question(
        text="",
        source=draw(_endpoints),
        destination=draw(_endpoints),
        protocol=protocol,
        destination_ports=draw(st.none() | _ports) if with_ports else None,
        source_ports=draw(st.none() | _ports) if with_ports else None,
        icmp_type=kind,
        icmp_code=code,
    )


@given(questions())
@example(Question(text="", source="a", destination="2001:db8::1", destination_ports=(443, 443)))
@example(Question(text="", source="a\\", destination="[]]\\["))
@example(Question(text="", source="--protocol", destination="#"))
def test_a_printed_question_comes_back(question: Question) -> None:
    printed = format_question(question)
    assert without_comment(printed) == printed
    line = read_line(1, printed)
    assert line.error is None
    assert line.question is not None
    assert _without_text(line.question) == question


def _without_text(question: Question) -> Question:
    return msgspec.structs.replace(question, text="")
