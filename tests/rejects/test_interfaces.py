"""``--interface``: an id may be cut short, as in a question; what it means is never guessed, and never nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders import OPEN, OUT, Network, tcp
from tests.cli.programs import in_process
from tests.rejects.telling import HEADER, record

WEB, DB, DB_TOO, GONE = (
    "eni-0a11111111111111a",
    "eni-0b22222222222222b",
    "eni-0b33333333333333c",
    "eni-0d44444444444444d",
)


@pytest.fixture
def where(tmp_path: Path) -> tuple[str, ...]:
    net = Network()
    net.subnet("subnet-1", "10.0.1.0/24", acl=(OPEN, OPEN))
    net.group("sg-1", [tcp(443, "0.0.0.0/0")], OUT)
    for number, name in enumerate((WEB, DB, DB_TOO)):
        net.instance(f"host-{number}", f"10.0.1.1{number}", groups=["sg-1"], interface_id=name)
    log = tmp_path / "flow.log"
    flows = ((WEB, "10.0.1.10"), (DB, "10.0.1.11"), (GONE, "10.0.1.99"), ("nat-0ffffffffffffffff", "10.0.1.98"))
    lines = [record(name, f"203.0.113.5 40000 -> {address} 22", flags=2) for name, address in flows]
    log.write_text("\n".join([HEADER, *lines, ""]))
    return "--flow-logs", str(log), "--snapshot", str(net.save(tmp_path / "snapshot"))


def asked(capsys: pytest.CaptureFixture[str], where: tuple[str, ...], *interfaces: str) -> tuple[int, list[str], str]:
    """Exit status, the interfaces of the groups, and standard error."""
    words = [word for name in interfaces for word in ("--interface", name)]
    status, out, err = in_process(capsys, "rejects", *where, "--output", "csv", *words)
    return status, [line.split(",")[0] for line in out.splitlines()[1:]], err


@pytest.mark.parametrize("name", [WEB, "eni-0a1", "eni-a1", "ENI-0A1", "eni-0a11111111111111"])
def test_an_id_or_its_beginning_means_the_one_interface_of_the_account(
    capsys: pytest.CaptureFixture[str], where: tuple[str, ...], name: str
) -> None:
    assert asked(capsys, where, name) == (1, [WEB], "")


@pytest.mark.parametrize("name", [GONE, "eni-0d", "eni-d4"])
def test_an_interface_that_is_gone_is_found_in_the_records(
    capsys: pytest.CaptureFixture[str], where: tuple[str, ...], name: str
) -> None:
    assert asked(capsys, where, name) == (1, [GONE], "")


def test_what_is_no_elastic_network_interface_is_found_in_the_records(
    capsys: pytest.CaptureFixture[str], where: tuple[str, ...]
) -> None:
    assert asked(capsys, where, "nat-0f") == (1, ["nat-0ffffffffffffffff"], "")
    assert asked(capsys, where, "nat-0ffffffffffffffff") == (1, ["nat-0ffffffffffffffff"], "")


def test_several_are_asked_about_at_once(capsys: pytest.CaptureFixture[str], where: tuple[str, ...]) -> None:
    status, found, err = asked(capsys, where, "eni-a1", "eni-d4", DB)
    assert (status, sorted(found), err) == (1, [WEB, DB, GONE], "")


def test_an_ambiguous_id_lists_what_it_could_be(capsys: pytest.CaptureFixture[str], where: tuple[str, ...]) -> None:
    status, found, err = asked(capsys, where, "eni-0b")
    first, *candidates = err.splitlines()
    assert (status, found) == (2, [])
    assert "--interface: 'eni-0b' is ambiguous, 2 network interfaces' ids begin like that; use one of these:" in first
    assert [line.split()[0] for line in candidates] == [DB, DB_TOO]


def test_an_id_that_nothing_has_is_an_error_that_names_what_looks_like_it(
    capsys: pytest.CaptureFixture[str], where: tuple[str, ...]
) -> None:
    status, found, err = asked(capsys, where, GONE[:-2] + "e")
    assert (status, found) == (2, [])
    assert "no rejected record names an interface eni-0d4444" in err
    assert f"similar: {GONE} (in the records)" in err
    status, found, err = asked(capsys, where, "web-1")
    assert (status, found, err.count("\n")) == (2, [], 1)


def test_a_whole_id_without_rejected_records_is_no_error(
    capsys: pytest.CaptureFixture[str], where: tuple[str, ...]
) -> None:
    assert asked(capsys, where, DB_TOO) == (0, [], "")
    status, found, err = asked(capsys, where, "eni-0e55555555555555e")
    assert (status, found) == (0, [])
    assert "eni-0e55555555555555e is in no rejected record, and no interface in" in err


def test_the_other_filters_hold_as_well(capsys: pytest.CaptureFixture[str], where: tuple[str, ...]) -> None:
    status, found, _ = asked(capsys, (*where, "--port", "22"), "eni-0d")
    assert (status, found) == (1, [GONE])
    status, _, err = asked(capsys, (*where, "--port", "23"), "eni-0d")
    assert status == 2
    assert "no rejected record names an interface eni-0d" in err


def test_what_is_followed_is_looked_up_in_the_account(
    capsys: pytest.CaptureFixture[str], where: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, log, *account = where

    def followed(name: str) -> tuple[int, str, str]:
        with Path(log).open() as piped:
            monkeypatch.setattr("sys.stdin", piped)
            return in_process(capsys, "rejects", "--follow", "--flow-logs", "-", *account, "--interface", name)

    status, out, err = followed("eni-a1")
    assert (status, out.count("\n"), err) == (1, 1, "")
    status, out, err = followed("eni-0d")
    assert (status, out) == (2, "")
    assert "no rejected record names an interface eni-0d" in err
