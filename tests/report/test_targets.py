"""Targets of load balancers in reports: which are reached at one glance, and the way to each for itself."""

from __future__ import annotations

import io
import re
from typing import Any

import msgspec
import pytest

from tests.builders import OPEN, Network, allow, deny, tcp
from tests.report import answers, goldens
from tests.semantics.test_load_balancers import Shop, shop
from tests.semantics.test_targets import fronted
from whyblocked.diagnosis.answer import Answer, Hop, Stop, Target
from whyblocked.report import html, markdown, text
from whyblocked.report.console import build_console
from whyblocked.report.path import MOST_WAYS
from whyblocked.report.targets import ALL, KINDS, Targets, targets_of

GROUP = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/fedcba9876543210"
NODES = [f"eni-shop-{zone} (Application Load Balancer shop)" for zone in ("a", "b")]
CLIENT = [f"from {node} to the client" for node in NODES]
BALANCER = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/0123456789abcdef"


def shown(answer: Answer, width: int = 400) -> str:
    stream = io.StringIO()
    text.render(answer, build_console(stream, False, width))
    return stream.getvalue()


@pytest.fixture(scope="module")
def three() -> Answer:
    """web-1 is reached, the group of web-2 refuses, the replies of web-3 are refused."""
    made = Shop(ingress={"web-2": []})
    made.net.subnet("subnet-web-3", "10.0.5.0/24", zone="a", acl=(OPEN, [allow(100, "tcp", (80, 443))]))
    third = made.net.instance("web-3", "10.0.5.10", groups=["sg-web-1"])
    made.targets(
        targets={made.one: None, made.two: None, third: None}, health={made.two: ("unhealthy", "Target.Timeout")}
    )
    return made.balanced().ask()


@pytest.mark.parametrize("width", [80, 140])
def test_the_report_of_three_targets(three: Answer, width: int) -> None:
    goldens.check(f"targets.{width}.txt", shown(three, width))


def test_the_report_of_three_targets_in_markdown(three: Answer) -> None:
    goldens.check("targets.md", markdown.render(three))


def test_the_page_has_a_table_of_targets_and_one_for_each_way(three: Answer) -> None:
    page = html.render(three)
    assert "<h2>Targets <small>1 of 3 reachable; " in page
    assert page.count('<td class="id"><code>i-') == 3
    heads = re.findall("<h3>(.*?)</h3>", page)
    named = [f"{target.id}:8080 ({target.name})" for target in three.targets]
    assert heads == [
        f"to {NODES[1]}",
        "from shop to its targets",
        *(f"to {name}" for name in named),
        *(f"from {name}" for name in named),
        "from the targets to shop",
        *CLIENT,
    ]


# -- the list ---------------------------------------------------------------------------------------------------------


def a_target(number: int, **changes: Any) -> Target:
    fields: dict[str, Any] = {
        "id": f"i-{number:017x}",
        "port": 8080,
        "load_balancer": BALANCER,
        "target_group": GROUP,
        "availability_zone": "eu-west-1a",
        "verdict": "allowed",
    }
    return Target(**{**fields, **changes})


def refused(number: int, group: str = "sg-x", **changes: Any) -> Target:
    stop = Stop(finding=0, leg="forward", layer="security-group", code="ENI_SG_RULES_MISMATCH", resource_ids=[group])
    return a_target(number, **{"verdict": "blocked", "blocked_by": [stop], **changes})


def told(targets: list[Target]) -> Targets:
    found = targets_of(targets, {"sg-x": "web"})
    assert found is not None
    return found


def test_no_targets_are_not_spoken_of() -> None:
    assert targets_of([], {}) is None
    assert "Targets" not in shown(answers.allowed())
    assert "Targets" not in markdown.render(answers.allowed())
    assert "Targets" not in html.render(answers.allowed())


def test_the_one_that_is_refused_is_named_at_once_with_what_refuses_it() -> None:
    found = told([a_target(1), refused(0xABC), a_target(2)])
    assert found.head == (
        "2 of 3 reachable; i-00000000000000abc:8080 blocked by security group sg-x (web), on the way there"
    )
    assert [(row.mark, row.label) for row in found.rows] == [
        ("no", "i-00000000000000abc:8080"),
        ("yes", "i-00000000000000001:8080"),
        ("yes", "i-00000000000000002:8080"),
    ]
    assert {row.place for row in found.rows} == {"eu-west-1a"}


@pytest.mark.parametrize(
    ("verdict", "head"),
    [("allowed", "reachable"), ("blocked", "not reachable"), ("partial", "reachable in part")],
)
def test_a_single_one_is_not_counted(verdict: str, head: str) -> None:
    assert told([a_target(1, verdict=verdict)]).head == head


@pytest.mark.parametrize(
    ("layer", "code", "says"),
    [
        ("target-group", "ELBV2_NO_TARGETS_IN_AZ", "blocked as its zone is not served"),
        ("target-group", "ELBV2_SOURCE_ADDRESS_PRESERVATION", "blocked as it is the client itself"),
        ("instance", "BAD_STATE", "blocked as it is not running"),
        ("interface", "NO_POSSIBLE_DESTINATION", "blocked as no interface has the address"),
        (
            "load-balancer",
            "BAD_STATE",
            "blocked by load balancer loadbalancer/app/shop/0123456789abcdef, on the way there",
        ),
    ],
)
def test_what_is_no_matter_of_rules_is_told_in_its_own_words(layer: Any, code: str, says: str) -> None:
    stop = Stop(finding=0, leg="forward", layer=layer, code=code, resource_ids=[BALANCER])
    assert told([a_target(1, verdict="blocked", blocked_by=[stop])]).rows[0].says == says


def test_several_for_one_reason_are_counted() -> None:
    assert told([refused(n) for n in range(3)]).head == (
        "none of 3 reachable; 3 targets blocked by security group sg-x (web), on the way there"
    )
    other = a_target(9, verdict="undetermined")
    told_of = told([refused(1), refused(2), other]).head
    assert told_of.startswith("none of 3 known to be reachable; ")
    assert told_of.endswith(f"; {other.id}:8080 can't be told")


def test_those_that_are_reached_in_part_are_not_called_unreachable() -> None:
    halves = [refused(n, verdict="partial") for n in range(41)]
    assert told([refused(99), *halves]).head.startswith("41 of 42 reachable in part; ")


def test_very_different_reasons_are_counted_by_verdict() -> None:
    targets = [refused(n, f"sg-{n}") for n in range(4)]
    targets += [refused(9, "sg-9", verdict="partial"), a_target(10)]
    assert told(targets).head == "1 of 6 reachable; 4 blocked, 1 partly blocked"


def test_of_thousands_those_that_are_alike_are_counted() -> None:
    found = told([*(a_target(n) for n in range(4000)), *(refused(n) for n in range(4000, 4038))])
    assert found.head.startswith("4000 of 4,038 reachable; 38 targets blocked by security group sg-x")
    assert [(row.mark, row.label, row.says.partition(" by ")[0]) for row in found.rows] == [
        ("no", "i-00000000000000fa0:8080", "blocked"),
        ("no", "i-00000000000000fa1:8080", "blocked"),
        ("no", "36 more targets", "blocked"),
        ("yes", "i-00000000000000000:8080", "allowed"),
        ("yes", "i-00000000000000001:8080", "allowed"),
        ("yes", "3,998 more targets", "allowed"),
    ]


def test_of_thousands_that_all_differ_the_rest_is_counted() -> None:
    found = told([refused(n, f"sg-{n}") for n in range(3000)])
    assert len(found.rows) == KINDS + 1
    assert found.rows[-1].label == f"{3000 - KINDS:,} more targets"
    assert found.rows[-1].says == f"{3000 - KINDS:,} blocked"


def test_up_to_a_dozen_are_shown_one_by_one() -> None:
    assert len(told([a_target(n) for n in range(ALL)]).rows) == ALL
    assert len(told([a_target(n) for n in range(ALL + 1)]).rows) == 3


def test_the_group_is_named_where_there_are_several() -> None:
    other = a_target(2, target_group=GROUP.replace("/web/", "/api/"))
    assert [row.place for row in told([a_target(1), other]).rows] == ["eu-west-1a, web", "eu-west-1a, api"]


def test_health_that_is_not_good_is_said() -> None:
    sick = a_target(1, health="unhealthy", health_reason="Target.Timeout")
    says = [row.says for row in told([sick, a_target(2, health="healthy"), a_target(3, health="draining")]).rows]
    assert says == ["allowed; unhealthy (Target.Timeout)", "allowed", "allowed; draining"]


@pytest.mark.parametrize(
    ("target", "label"),
    [
        (a_target(1, name="web-1"), "i-00000000000000001:8080 (web-1)"),
        (a_target(1, id="10.0.4.9"), "10.0.4.9:8080"),
        (a_target(1, id="2001:db8::9"), "[2001:db8::9]:8080"),
        (a_target(1, id="arn:aws:lambda:eu-west-1:1:function:shop", port=None), "function:shop"),
        (a_target(1, id=BALANCER, name="shop", port=80, load_balancer="x"), "shop:80"),
    ],
)
def test_what_a_target_is_called(target: Target, label: str) -> None:
    assert told([target]).rows[0].label == label


# -- the ways ---------------------------------------------------------------------------------------------------------


def heads(report: str) -> list[str]:
    """Of a report in a terminal the heads of the parts of both paths."""
    return re.findall(r"^  ((?:to|from) .*)$", report, re.MULTILINE)


def test_one_target_needs_no_common_part() -> None:
    made = Shop()
    made.targets(targets={made.one: None}).balanced()
    name = f"{made.one}:8080 (web-1)"
    assert heads(shown(made.ask())) == [f"to {NODES[1]}", f"to {name}", f"from {name}", *CLIENT]


def test_one_node_needs_no_name() -> None:
    made = Shop()
    made.targets(targets={made.one: None}).balanced(nodes={"subnet-a": "10.0.1.50"})
    name = f"{made.one}:8080 (web-1)"
    assert heads(shown(made.ask())) == [f"to {name}", f"from {name}", "to the client"]


def test_what_is_on_the_way_to_each_node_stands_together() -> None:
    report = shown(shop(acls={"b": ([deny(90, cidr="10.0.0.0/24"), *OPEN], OPEN)}).ask())
    (way,) = re.findall(rf"^  to {re.escape(NODES[1])}\n((?:    .*\n)+)", report, re.MULTILINE)
    assert [line.split()[0] for line in way.splitlines()] == ["✗", "from", "✓", "·", "·", "·"]


def test_targets_with_the_same_hops_are_one_way() -> None:
    made = Shop(ingress={"web-1": [tcp(8080, "sg-shop")]})
    more = {made.net.instance(f"more-{n}", f"10.0.3.{20 + n}", groups=["sg-web-1"]): None for n in range(38)}
    made.targets(targets={made.one: None, **more}).balanced()
    report = shown(made.ask())
    _, to, back, *client = heads(report)
    assert to.startswith("to ")
    assert to.endswith(" and 36 more targets")
    assert (back, client) == (to.replace("to ", "from ", 1), CLIENT)
    assert report.count("(web-1) and 38 more") == 2, "the interfaces of the targets, there and back"
    assert report.count("allows tcp/8080 from sg-shop") == 1


def test_a_refusal_on_the_way_to_one_makes_it_a_way_of_its_own() -> None:
    made = shop(ingress={"web-2": []})
    first, second = f"{made.one}:8080 (web-1)", f"{made.two}:8080 (web-2)"
    report = shown(made.ask())
    assert heads(report) == [
        f"to {NODES[1]}",
        "from shop to its targets",
        f"to {first}",
        f"to {second}",
        f"from {first}",
        f"from {second}",
        "from the targets to shop",
        *CLIENT,
    ]
    way = report.partition(f"  to {second}\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in way] == ["✓", "✗", "from", "·"]


def test_nothing_passes_on_from_one_target_to_the_next() -> None:
    """Where the last that decides on a target's way refuses, what follows is about others."""
    made = shop(acls={"web-1": (OPEN, [allow(100, "tcp", (80, 443))])})
    for part in re.split(r"^  (?:to|from) .*$", shown(made.ask()), flags=re.MULTILINE):
        assert not part.rstrip().endswith("as if it had passed:")


def test_load_balancers_in_a_row_are_told_in_the_order_of_the_packets() -> None:
    made = fronted()
    first, second = f"{made.one}:8080 (web-1)", f"{made.two}:8080 (web-2)"
    assert heads(shown(made.ask("client -> front:80"))) == [
        "to eni-front-b (Network Load Balancer front)",
        "to shop:80",
        "from shop to its targets",
        f"to {first}",
        f"to {second}",
        f"from {first}",
        f"from {second}",
        "from the targets to shop",
        "from shop:80",
        *(f"from eni-front-{zone} (Network Load Balancer front) to the client" for zone in ("a", "b")),
    ]


def test_of_very_many_ways_those_that_something_stops_are_shown() -> None:
    def hop(kind: str, number: int, action: Any) -> Hop:
        return Hop(kind=kind, id=f"{kind}-{number}", action=action, packet=answers.there())

    count = 100
    forward = [hop("interface", 0, "forward")]
    targets = []
    for number in range(count):
        stopped = number in (40, 80)
        targets.append(a_target(number, forward=[len(forward)], verdict="blocked" if stopped else "allowed"))
        forward.append(hop("security-group", number, "deny" if stopped else "allow"))
    report = shown(msgspec.structs.replace(answers.allowed(), forward=forward, return_=[], targets=targets))
    ways = heads(report)
    assert len(ways) == MOST_WAYS
    assert [way for way in ways if way in (f"to {targets[40].id}:8080", f"to {targets[80].id}:8080")] == ways[-2:]
    assert f"the way of {count - MOST_WAYS} more targets is not shown" in report


def test_a_path_without_targets_has_one_part_without_a_head() -> None:
    net = Network()
    net.subnet("subnet-a", "10.0.0.0/24")
    net.instance("client", "10.0.0.10")
    net.instance("server", "10.0.0.11")
    assert heads(shown(net.ask("client -> server:80"))) == []
