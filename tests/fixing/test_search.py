"""How fixes are looked for: bounded, tested, and with a reason where there is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.balancing import Balancing
from tests.builders import ANYWHERE, Network, allow, deny, question_of, tcp
from tests.transits import attach, transit_gateway, transit_table
from whyblocked.api import Session, snapshot
from whyblocked.diagnosis.fixing import trial
from whyblocked.diagnosis.fixing.trial import Trial


def row_of_subnets(count: int) -> Network:
    """``app`` and ``db``, in subnets whose network ACLs refuse both ways; ``db`` has ``count`` interfaces more."""
    net = Network()
    shut = ([deny(1), deny(2)], [deny(1), deny(2)])
    net.subnet("one", "10.0.1.0/24", acl=shut)
    net.subnet("two", "10.0.2.0/24", acl=shut)
    net.group("sg-app", egress=[])
    net.group("sg-db", ingress=[])
    net.instance("app", "10.0.1.10", groups=["sg-app"])
    net.instance("db", "10.0.2.10", groups=["sg-db"])
    for number in range(count):
        net.interface(f"eni-db{number}", f"10.0.2.{20 + number}", instance="db", groups=["sg-db"])
    return net


@pytest.mark.parametrize(
    "question", ["app -> db:5432", "app -> db", "10.0.0.0/16 -> db:5432", "app -> db --protocol all"]
)
def test_the_search_ends_after_some_dozen_walks(monkeypatch: pytest.MonkeyPatch, question: str) -> None:
    walks: list[int] = []
    ask = Trial.ask

    def counted(self: Trial, *args: object) -> object:
        walks.append(1)
        return ask(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Trial, "ask", counted)
    answer = row_of_subnets(4).fix(question)
    assert answer.fixes or answer.no_fix
    assert len(walks) <= trial.MOST_WALKS + 2  # the first one, and each of the last plan's steps once left out


def test_a_plan_goes_on_behind_what_hid_the_next_blocker() -> None:
    """The subnet has no route out; with one, the network ACL and the group of the peer stand in the way."""
    net = Network()
    net.vpc("vpc-2", "10.1.0.0/16")
    net.peering("pcx-1", "vpc-1", "vpc-2")
    net.subnet("one", "10.0.1.0/24", routes={})
    net.subnet("two", "10.1.1.0/24", vpc="vpc-2", routes={}, acl=([deny(1)], [deny(1)]))
    net.instance("app", "10.0.1.10")
    net.group("sg-db", ingress=[], vpc="vpc-2")
    net.instance("db", "10.1.1.10", groups=["sg-db"])
    fix = net.fix("app -> db:5432").fixes[0]
    assert fix.then == "allowed"
    assert [step.commands[-1].split()[2] for step in fix.steps] == [
        "create-route",
        "replace-network-acl-entry",
        "authorize-security-group-ingress",
        "create-route",
        "replace-network-acl-entry",
    ]


def test_no_step_is_one_that_the_plan_could_do_without() -> None:
    net = row_of_subnets(0)
    fix = net.fix("app -> db:5432").fixes[0]
    assert len(fix.steps) == 6  # two groups; two network ACLs, each for the request and for the reply
    assert len({step.summary for step in fix.steps}) == 6


def test_what_lies_behind_what_nobody_can_read_is_left_open() -> None:
    """The rule that is known to be missing is proposed, and it is said that more may stand in the way."""
    net = Network()
    net.subnet("one", "10.0.1.0/24", routes={"10.9.0.0/16": "tgw-1"})
    net.group("sg-app", egress=[])
    net.instance("app", "10.0.1.10", groups=["sg-app"])
    transit_gateway(net)
    attach(net, "tgw-attach-1", "vpc-1", ["one"])
    attach(net, "tgw-attach-2", "vpc-9", ["elsewhere"], owner="999999999999")
    transit_table(net, "tgw-rtb-1", {"10.9.0.0/16": "tgw-attach-2", "10.0.0.0/16": "tgw-attach-1"})
    answer = net.fix("app -> 10.9.0.1:443")
    assert answer.verdict == "blocked"
    (fix,) = answer.fixes
    assert fix.then == "undetermined"
    assert "authorize-security-group-egress" in fix.commands[0]


@pytest.mark.parametrize(
    ("build", "question", "reason"),
    [
        ("nat", "203.0.113.5 -> 198.51.100.7:443", "accepts no connections"),
        ("function", "app -> report:443", "accepts no connections"),
    ],
)
def test_what_no_change_would_mend_is_said_in_words(build: str, question: str, reason: str) -> None:
    net = Network()
    net.internet_gateway()
    net.subnet("public", "10.0.1.0/24", routes={ANYWHERE: "igw-1"})
    net.instance("app", "10.0.1.10")
    if build == "nat":
        net.nat_gateway("nat-1", "10.0.1.7", "198.51.100.7")
    else:
        net.interface(
            "eni-report",
            "10.0.1.30",
            groups=["sg-open"],
            kind="lambda",
            description="AWS Lambda VPC ENI-report-0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f",
            requester="AROAEXAMPLE:report",
        )
        question = "app -> 10.0.1.30:443"
    answer = net.fix(question)
    assert answer.verdict == "blocked"
    assert answer.fixes == []
    assert reason in (answer.no_fix or "")


def test_what_is_undetermined_is_asked_for_no_fix() -> None:
    net = Network()
    net.subnet("one", "10.0.1.0/24")
    net.instance("app", "10.0.1.10")
    net.instance("db", "10.0.1.20")
    net.leave_out("SecurityGroups")
    answer = net.fix("app -> db:5432")
    assert (answer.verdict, answer.fixes, answer.no_fix) == ("undetermined", [], None)


def test_the_next_step_of_a_finding_is_that_of_the_fix() -> None:
    """One thing is not advised in two ways."""
    net = Network()
    net.internet_gateway()
    net.subnet("public", "10.0.1.0/24", routes={ANYWHERE: "igw-1"}, acl=([deny(1), deny(2)], []))
    net.group("sg-web", ingress=[tcp(443, ANYWHERE)])
    net.instance("web", "10.0.1.10", groups=["sg-web"], public="198.51.100.10")
    answer = net.fix("203.0.113.5 -> web:22")
    steps = {step.summary: step.commands for step in answer.fixes[0].steps}
    for finding in answer.blocked_by:
        assert finding.next_step in steps
        commands = steps[finding.next_step or ""]
        assert finding.command == (commands[0] if len(commands) == 1 else None)


def test_an_answer_that_needs_no_fix_loads_none_of_it(tmp_path: Path) -> None:
    net = row_of_subnets(0)
    net.subnet("three", "10.0.3.0/24")
    net.instance("web", "10.0.3.10")
    net.instance("other", "10.0.3.20")
    folder = net.save(tmp_path / "account")
    code = (
        "import sys\n"
        "from whyblocked.api import Session, snapshot\n"
        "from whyblocked.question.grammar import parse\n"
        f"session, asked = Session(snapshot({str(folder)!r})), parse('web -> other:443')\n"
        "answer = session.fix(asked, session.explain(asked))\n"
        "print(answer.verdict, [name for name in sys.modules if name.startswith('whyblocked.diagnosis.fixing')])\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "allowed []"


def test_the_account_itself_stays_as_it_is(tmp_path: Path) -> None:
    folder = row_of_subnets(0).save(tmp_path / "account")
    session = Session(snapshot(folder))
    asked = question_of("app -> db:5432")
    before = session.explain(asked)
    assert session.fix(asked, before).fixes
    assert session.explain(asked) == before


def test_a_question_with_too_many_ways_to_walk_is_not_searched_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was walked counts, not the time: of the same question the same is always found."""
    net = row_of_subnets(0)
    everything = net.fix("app -> db:5432").fixes
    monkeypatch.setattr(trial, "MOST_WORK", 60)
    walks: list[int] = []
    ask = Trial.ask

    def counted(self: Trial, *args: object) -> object:
        walks.append(1)
        return ask(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Trial, "ask", counted)
    fix = net.fix("app -> db:5432").fixes[0]
    first = len(walks)
    assert net.fix("app -> db:5432").fixes[0] == fix
    assert first == len(walks) / 2 < 5
    assert fix.then == "allowed"
    assert any(warning.startswith("Not all candidates were tried") for warning in fix.warnings)
    assert not any(warning.startswith("Not all") for other in everything for warning in other.warnings)


def test_a_search_that_ends_without_a_fix_says_that_not_all_were_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    net = Network()
    net.vpc("vpc-2", "10.1.0.0/16")
    net.peering("pcx-1", "vpc-1", "vpc-2")
    net.subnet("one", "10.0.1.0/24", routes={})
    net.subnet("two", "10.1.1.0/24", vpc="vpc-2", routes={}, acl=([deny(1)], [deny(1)]))
    net.instance("app", "10.0.1.10")
    net.instance("db", "10.1.1.10")
    assert net.fix("app -> db:5432").fixes
    monkeypatch.setattr(trial, "MOST_WORK", 1)
    answer = net.fix("app -> db:5432")
    assert answer.fixes == []
    assert "Not all candidates were tried" in (answer.no_fix or "")


def shop() -> Network:
    """A load balancer with two nodes and three targets: one refuses them, one is stopped, one is in a shut subnet."""
    net = Network()
    net.subnet("subnet-a", "10.0.1.0/24")
    net.subnet("subnet-b", "10.0.2.0/24", zone="b")
    net.subnet("subnet-c", "10.0.3.0/24")
    net.subnet("subnet-d", "10.0.4.0/24", acl=([deny(100)], [allow(100)]))
    net.group("sg-old", ingress=[])
    net.instance("app", "10.0.1.10")
    old = net.instance("old", "10.0.3.10", groups=["sg-old"])
    off = net.instance("off", "10.0.3.11", state="stopped")
    shut = net.instance("shut", "10.0.4.10")
    balance = Balancing(net)
    balance.group("web", {shut: 8080, old: 8080, off: 8080})
    nodes = {"subnet-a": "10.0.1.50", "subnet-b": "10.0.2.50"}
    balance.balancer("shop", nodes, {("HTTP", 80): "web"}, groups=["sg-open"])
    return net


def test_the_same_changes_in_another_order_are_no_other_fix() -> None:
    fixes = shop().fix("app -> shop:80").fixes
    changes = [frozenset(fix.commands) for fix in fixes]
    assert changes
    assert len(changes) == len(set(changes))


def test_entries_of_one_network_acl_stand_together() -> None:
    fix = shop().fix("app -> shop:80").fixes[0]
    inbound = [n for n, step in enumerate(fix.steps) if "network-acl-entry" in step.commands[0]]
    assert inbound == list(range(inbound[0], inbound[0] + len(inbound)))
    assert len(inbound) > 1
