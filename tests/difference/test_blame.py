"""Which of the changes turned an answer: the smallest set, found among many that did not."""

from __future__ import annotations

from collections.abc import Callable, Collection

import pytest

from tests.builders import ANYWHERE, Network, allow, deny, gone, route, tcp
from tests.difference.comparing import after, compared, row
from whyblocked.diagnosis.difference import blaming
from whyblocked.diagnosis.difference.blaming import Blame, blame
from whyblocked.diagnosis.difference.sides import Change, Key
from whyblocked.diagnosis.difference.telling import Answered, Difference

SSH = "203.0.113.5 -> web:22"


def network() -> Network:
    """A web server that the office reaches by SSH, with much else around it."""
    net = Network()
    net.internet_gateway()
    net.subnet("subnet-web", "10.0.1.0/24", routes={"0.0.0.0/0": "igw-1"}, acl=([allow(100)], [allow(100)]))
    net.subnet("subnet-app", "10.0.2.0/24", routes={"0.0.0.0/0": "igw-1"})
    net.group("sg-web", [tcp(22, "203.0.113.0/24"), tcp(443, ANYWHERE)], name="web")
    net.instance("web", "10.0.1.10", groups=["sg-web"], public="198.51.100.10")
    for number in range(20):
        net.group(f"sg-{number}", [tcp(443, ANYWHERE)])
        net.instance(f"app-{number}", f"10.0.2.{10 + number}", groups=[f"sg-{number}"])
    return net


def noise(net: Network) -> None:
    """Changes all around that have nothing to do with it."""
    for number in range(20):
        row(net, "SecurityGroups", "GroupId", f"sg-{number}")["IpPermissions"] = [tcp(8000 + number, "10.0.0.0/8")]
    for number in range(5):
        row(net, "NetworkInterfaces", "NetworkInterfaceId", f"eni-app-{number}")["SourceDestCheck"] = False
    row(net, "SecurityGroups", "GroupId", "sg-web")["IpPermissions"].append(tcp(8443, ANYWHERE))
    row(net, "RouteTables", "RouteTableId", "rtb-web")["Routes"].append(route("192.168.0.0/16", gone("pcx-9")))


def asked(change: Callable[[Network], object], line: str = SSH) -> tuple[Difference, Answered]:
    """The comparison of the network with what the change made of it, amid the noise."""

    def both(net: Network) -> None:
        noise(net)
        change(net)

    found = compared(network(), after(network(), both), line)
    return found, found.answers[0]


def named(found: Difference, numbers: Collection[int]) -> list[str]:
    return [found.changes[number - 1].summary for number in numbers]


def close_ssh(net: Network) -> None:
    row(net, "SecurityGroups", "GroupId", "sg-web")["IpPermissions"].pop(0)


def deny_ssh(net: Network) -> None:
    row(net, "NetworkAcls", "NetworkAclId", "acl-web")["Entries"].append(deny(90, "tcp", 22) | {"Egress": False})


CLOSED = "security group sg-web (web): gone: ingress tcp/22 from 203.0.113.0/24"
DENIED = "network ACL acl-web: new: ingress rule 90 denies tcp/22 from 0.0.0.0/0"


def test_the_one_rule_among_many_changes() -> None:
    found, answer = asked(close_ssh)
    assert len(found.changes) > 40
    assert answer.before
    assert answer.after
    assert (answer.changed, answer.before.verdict, answer.after.verdict) == (True, "allowed", "blocked")
    assert [named(found, cause) for cause in answer.because] == [[CLOSED]]
    assert (answer.further, answer.complete, found.exit_status) == ([], True, 1)


def test_changes_that_each_suffice_are_named_one_beside_the_other() -> None:
    def both(net: Network) -> None:
        close_ssh(net)
        deny_ssh(net)

    found, answer = asked(both)
    assert sorted(named(found, cause) for cause in answer.because) == [[DENIED], [CLOSED]]


def test_changes_that_only_together_suffice_are_named_together() -> None:
    before = network()
    close_ssh(before)
    deny_ssh(before)

    def mended(net: Network) -> None:
        noise(net)
        row(net, "SecurityGroups", "GroupId", "sg-web")["IpPermissions"].append(tcp(22, "203.0.113.5/32"))
        row(net, "NetworkAcls", "NetworkAclId", "acl-web")["Entries"].pop()

    found = compared(before, after(before, mended), SSH)
    (cause,) = found.answers[0].because
    assert named(found, cause) == [
        "security group sg-web (web): new: ingress tcp/22 from 203.0.113.5/32",
        "network ACL acl-web: gone: ingress rule 90 denies tcp/22 from 0.0.0.0/0",
    ]


def test_a_new_network_acl_is_named_with_the_subnet_that_came_under_it() -> None:
    def change(net: Network) -> None:
        net.acl("acl-strict", [allow(100, "tcp", 443)], [allow(100)])
        moved = row(net, "NetworkAcls", "NetworkAclId", "acl-web")["Associations"].pop()
        row(net, "NetworkAcls", "NetworkAclId", "acl-strict")["Associations"].append(
            moved | {"NetworkAclId": "acl-strict"}
        )

    found, answer = asked(change)
    assert [named(found, cause) for cause in answer.because] == [
        ["network ACL acl-strict is new", "network ACL of subnet-web: acl-web -> acl-strict"]
    ]


def test_an_answer_with_the_same_verdict_by_another_blocker_has_changed() -> None:
    before = network()
    close_ssh(before)

    def change(net: Network) -> None:
        row(net, "SecurityGroups", "GroupId", "sg-web")["IpPermissions"].insert(0, tcp(22, "203.0.113.0/24"))
        deny_ssh(net)

    found = compared(before, after(before, change), SSH)
    (answer,) = found.answers
    assert answer.before
    assert answer.after
    assert (answer.before.verdict, answer.after.verdict, answer.changed) == ("blocked", "blocked", True)
    assert sorted(named(found, [n for cause in answer.because for n in cause])) == [
        DENIED,
        "security group sg-web (web): new: ingress tcp/22 from 203.0.113.0/24",
    ]


def test_an_answer_that_holds_has_no_cause() -> None:
    found, answer = asked(close_ssh, "203.0.113.5 -> web:443")
    assert (answer.changed, answer.because, found.exit_status) == (False, [], 0)


def test_an_end_that_is_gone_changes_the_answer_to_none() -> None:
    def change(net: Network) -> None:
        net.responses["Reservations"].pop(0)
        net.responses["NetworkInterfaces"].pop(0)

    found, answer = asked(change)
    assert (answer.after, found.exit_status) == (None, 1)
    assert "web" in (answer.error_after or "")
    (cause,) = answer.because
    assert any("instance" in words for words in named(found, cause))


def test_a_question_that_neither_can_answer_is_bad_input() -> None:
    found, answer = asked(close_ssh, "203.0.113.5 -> nobody:22")
    assert (answer.changed, answer.before, answer.after, found.exit_status) == (False, None, None, 2)


# -- the search -----------------------------------------------------------------------------------------------------


def changes(number: int) -> list[Change]:
    return [Change((Key("Things", f"x-{n}"),), before={"Id": f"x-{n}"}, after={"Id": n}) for n in range(number)]


def searched(
    number: int, holds: Callable[[frozenset[int]], bool], mentioned: frozenset[str] = frozenset()
) -> tuple[Blame, int]:
    asked = []

    def ask(some: Collection[int]) -> tuple[object, ...]:
        asked.append(some)
        return ("after" if holds(frozenset(some)) else "before",)

    return blame(changes(number), ask, ("before",), ("after",), mentioned), len(asked)


def test_the_search_needs_few_accounts() -> None:
    found, asked = searched(1000, lambda some: 421 in some)
    assert found.causes == ((421,),)
    assert asked < 50
    found, asked = searched(1000, lambda some: 421 in some, frozenset({"x-421", "x-3"}))
    assert (found.causes, asked < 10) == (((421,),), True)


@pytest.mark.parametrize("wanted", [{3}, {3, 4}, {0, 99}, {5, 50, 95}, {1, 2, 3, 4, 5}])
def test_what_is_needed_together_is_found_whole(wanted: set[int]) -> None:
    found, _ = searched(100, lambda some: wanted <= some)
    assert found == Blame((tuple(sorted(wanted)),))


def test_the_search_ends_at_its_limit_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blaming, "MOST_ACCOUNTS", 12)
    found, asked = searched(200, lambda some: {7, 70, 170} <= some)
    assert asked <= 12
    assert not found.complete
    assert all({7, 70, 170} <= set(cause) for cause in found.causes)


def test_an_outcome_in_between_is_taken_back_as_well() -> None:
    def outcome(some: Collection[int]) -> tuple[object, ...]:
        return ("after" if 1 in some else "half" if 2 in some else "before",)

    assert blame(changes(5), outcome, ("before",), ("after",), set()) == Blame(((1,),), (2,))


@pytest.mark.parametrize("kind", ["SecurityGroups", "NetworkAcls", "Subnets"])
def test_a_snapshot_that_lacks_a_kind_answers_for_itself_and_nothing_is_made_up_of_its_absence(kind: str) -> None:
    def lose(net: Network) -> None:
        del net.responses[kind]

    there_not_here = compared(network(), after(network(), lose), "203.0.113.5 -> 198.51.100.10:22")
    here_not_there = compared(after(network(), lose), network(), "203.0.113.5 -> 198.51.100.10:22")
    (lost,), (came,) = there_not_here.answers, here_not_there.answers
    assert lost.before
    assert came.after
    assert lost.before.verdict == came.after.verdict == "allowed"
    assert lost.after
    assert came.before
    assert lost.after.verdict == came.before.verdict == "undetermined"
    assert (lost.because, came.because) == ([], [])
    assert not lost.changed
    assert not came.changed
    assert there_not_here.exit_status == here_not_there.exit_status == 3
    for found in (there_not_here, here_not_there):
        assert found.changes == []
        assert any(kind in one for one in found.not_compared)
