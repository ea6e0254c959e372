"""Names that only DNS knows, with a DNS of the tests' own."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.builders import Network, question_of
from tests.semantics.test_services import company, with_database
from whyblocked.api import Session, snapshot
from whyblocked.config import dns
from whyblocked.diagnosis.answer import Answer
from whyblocked.errors import EndpointError, UndeterminedError

real_look_up = dns.look_up  # before the tests' surroundings take it away

NAMES: dict[str, tuple[str, ...] | None] = {
    "db.corp.internal": ("10.0.3.17",),
    "both.corp.internal": ("10.0.3.17", "10.0.1.10"),
    "partner.example": ("198.51.100.7", "2001:db8::7"),
    "pool.example": ("198.51.100.8", "198.51.100.9"),
    "free.corp.internal": ("10.0.2.99",),
    "late.corp.internal": None,
    "orders-db.other.eu-west-1.rds.amazonaws.com": ("10.0.3.17",),
}


def session(net: Network, names: dict[str, tuple[str, ...] | None] = NAMES) -> Session:
    with tempfile.TemporaryDirectory() as folder:
        account = snapshot(net.save(Path(folder)))
    source: Any = account.source
    source.look_up = lambda host: names.get(host, ())
    return Session(account)


def ask(line: str) -> Answer:
    return session(with_database(company())).explain(question_of(line))


def test_a_name_of_dns_is_matched_to_its_interface_and_said() -> None:
    answer = ask("web -> db.corp.internal:5432")
    assert answer.verdict == "allowed"
    assert answer.forward[-1].id == "eni-db"
    assert answer.warnings == ["db.corp.internal is 10.0.3.17, eni-db of RDS database (as DNS says here)."]


def test_case_and_the_final_dot_do_not_matter() -> None:
    assert ask("web -> DB.corp.internal.:5432").forward[-1].id == "eni-db"


def test_a_service_name_that_the_configuration_does_not_hold_is_asked_of_dns() -> None:
    assert ask("web -> orders-db.other.eu-west-1.rds.amazonaws.com:5432").forward[-1].id == "eni-db"


def test_every_interface_behind_a_name_is_asked_about() -> None:
    answer = ask("10.0.2.99 -> both.corp.internal:5432")
    assert {hop.id for hop in answer.forward if hop.kind == "interface"} == {"eni-db", "eni-web"}


def test_a_name_outside_the_account_is_its_address() -> None:
    answer = ask("web -> partner.example:443")
    assert answer.question.destination == "198.51.100.7"
    assert answer.warnings[0] == "partner.example is 198.51.100.7 (as DNS says here)."
    assert "has 2 addresses, none of this account" in " ".join(ask("web -> pool.example:443").warnings)


def test_the_ip_version_is_that_of_the_other_end() -> None:
    with pytest.raises(EndpointError, match="has no IPv6 address in DNS"):
        ask("2001:db8::1 -> db.corp.internal:443")


def test_a_name_as_source() -> None:
    assert ask("db.corp.internal -> web:443").question.source == "10.0.3.17"


def test_a_name_that_dns_does_not_have() -> None:
    with pytest.raises(EndpointError, match="and DNS has no such name"):
        session(company()).explain(question_of("web -> nobody.corp.internal:443"))


def test_a_dns_that_does_not_answer_leaves_it_open() -> None:
    answer = ask("web -> late.corp.internal:443")
    assert answer.verdict == "undetermined"
    assert answer.missing == ["DNS name late.corp.internal: no answer from DNS"]


def test_a_snapshot_asks_no_dns() -> None:
    with pytest.raises(EndpointError, match="names are not looked up in DNS with --snapshot"):
        company().ask("web -> db.corp.internal:443")


def test_a_word_without_a_dot_is_no_name_of_dns() -> None:
    with pytest.raises(EndpointError, match="nothing is called 'nobody' in"):
        session(company()).explain(question_of("web -> nobody:443"))


def test_whois_takes_names_of_dns() -> None:
    found = session(with_database(company())).whois("db.corp.internal")
    assert [owner.interface_id for owner in found.owners] == ["eni-db"]
    with pytest.raises(UndeterminedError, match="no answer from DNS"):
        session(company()).whois("late.corp.internal")


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (socket.gaierror(socket.EAI_NONAME, "x"), ()),
        (socket.gaierror(socket.EAI_AGAIN, "x"), None),
        (UnicodeError(), ()),
    ],
)
def test_what_the_resolver_says(monkeypatch: pytest.MonkeyPatch, error: Exception, found: object) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert real_look_up(f"{type(error).__name__}-{error.args}.example") == found


def test_ipv4_goes_first_and_zones_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(10, 1, 6, "", ("fe80::1%eth0", 0, 0, 2)), (2, 1, 6, "", ("192.0.2.1", 0)), (2, 1, 6, "", ("192.0.2.1", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)
    assert real_look_up("some.example") == ("192.0.2.1", "fe80::1")
