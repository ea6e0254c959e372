"""Whatever a file holds: changes, or one error that names it; never anything else."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.edits.plans import Terraform
from whyblocked.config.planned import read, shorthand
from whyblocked.config.planned.shell import commands
from whyblocked.errors import EditError

WORDS = st.sampled_from(
    [
        *("aws", "ec2", "elbv2", "authorize-security-group-ingress", "create-network-acl-entry", "create-route"),
        *("modify-security-group-rules", "register-targets", "create-listener", "modify-managed-prefix-list"),
        *("--group-id", "sg-1", "--ip-permissions", "--protocol", "tcp", "--port", "22", "--cidr", "10.0.0.0/8"),
        *("--egress", "--no-dry-run", "--dry-run", "--cli-input-json", "{}", "[]", "[{", "{}}", "--region", "=", "--"),
        *("IpProtocol=tcp,FromPort=22", "A=[{B=c},{D=e}]", "'", '"', "\\", "\n", ";", "&&", "|", "$X", "$(", "${", "`"),
        *("--targets", "Id=i-1,Port=x", "--port-range", "From=1,To=2", "--default-actions", "Type=forward", "#"),
        *("--add-entries", "Cidr=x", "--security-group-rules", "SecurityGroupRuleId=sgr-1", "X=1", "export", "set"),
    ]
)


def edits_or_error(content: bytes) -> None:
    message = "file: "
    try:
        read(content, "file")
    except EditError as error:
        message = error.message
    assert message.startswith("file: ")
    assert "\n" not in message
    assert "\x1b" not in message


@given(st.binary(max_size=200))
@example(b"\xff\xfe")
@example(b"{")
@example(b"\xef\xbb\xbf{}")
def test_any_bytes(content: bytes) -> None:
    edits_or_error(content)


@settings(max_examples=400)
@given(st.lists(WORDS, max_size=14), st.sampled_from([" ", "", "\n"]))
@example(["aws", "ec2", "modify-managed-prefix-list", "--add-entries", "X=1"], " ")
@example(["aws", "ec2", "modify-security-group-rules", "--cli-input-json", "'{\"SecurityGroupRules\": 1}'"], " ")
@example(["aws", "elbv2", "register-targets", "--cli-input-json", "'{\"Targets\": [1]}'"], " ")
def test_any_words(words: list[str], between: str) -> None:
    edits_or_error(between.join(words).encode())


@given(st.lists(st.text(min_size=1, max_size=20).filter(lambda word: "\0" not in word), min_size=1, max_size=6))
def test_words_that_are_quoted_for_a_shell_are_read_as_they_were(words: list[str]) -> None:
    line = shlex.join(["aws", *words])
    (found,) = commands(line, "file")
    assert list(found.words) == ["aws", *words]


VALUES = st.recursive(
    st.text(alphabet="abc019./:-_", min_size=1, max_size=8),
    lambda inner: (
        st.lists(inner, min_size=2, max_size=3)
        | st.dictionaries(st.sampled_from(["Key", "CidrIp", "List", "Id"]), inner, min_size=1, max_size=3)
    ),
    max_leaves=8,
)


def in_shorthand(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}={in_shorthand(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return f"[{','.join(map(in_shorthand, value))}]"
    return str(value)


@given(st.dictionaries(st.sampled_from(["IpProtocol", "IpRanges", "Port"]), VALUES, min_size=1))
def test_shorthand_is_read_as_it_is_written(value: dict[str, Any]) -> None:
    assert shorthand.parse(in_shorthand(value)[1:-1]) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=b,c,D=e", {"A": ["b", "c"], "D": "e"}),
        ("A=", {"A": ""}),
        ("A=\"b,c\",D='e f'", {"A": "b,c", "D": "e f"}),
        ("A=b\\,c", {"A": "b,c"}),
        ("A = b , C = [ d , e ]", {"A": "b", "C": ["d", "e"]}),
        ("Description=all of 10.0.0.0/8 (office)", {"Description": "all of 10.0.0.0/8 (office)"}),
    ],
)
def test_shorthand_as_people_write_it(text: str, value: Any) -> None:
    assert shorthand.parse(text) == value


# -- plans -------------------------------------------------------------------------------------------------------------


def whole_plan() -> Any:
    plan = Terraform()
    rule = {"cidr_blocks": ["10.0.0.0/8"], "from_port": 22, "to_port": 22, "protocol": "tcp", "self": False}
    plan.update("aws_security_group.a", {"id": "sg-1", "ingress": []}, {"ingress": [rule]})
    plan.create("aws_security_group_rule.b", rule | {"type": "ingress", "security_group_id": "sg-1"}, unknown=["id"])
    entry = {"rule_no": 1, "action": "allow", "protocol": "6", "from_port": 1, "to_port": 2, "cidr_block": "0.0.0.0/0"}
    plan.update("aws_network_acl.c", {"id": "acl-1", "subnet_ids": ["s"]}, {"ingress": [entry], "subnet_ids": []})
    plan.create(
        "aws_route.d", {"route_table_id": "rtb-1", "destination_cidr_block": "0.0.0.0/0", "gateway_id": "igw-1"}
    )
    plan.update(
        "aws_route_table.e", {"id": "rtb-1", "route": []}, {"route": [{"cidr_block": "::/0", "gateway_id": "i"}]}
    )
    plan.create("aws_lb_listener.f", {"port": 1, "default_action": [{"type": "forward"}]}, unknown=["id"])
    plan.replace("aws_eip.g", {"public_ip": "192.0.2.1", "instance": "i-1"}, {"instance": "i-2"}, unknown=["id"])
    plan.update("aws_ec2_managed_prefix_list.h", {"id": "pl-1", "entry": [{"cidr": "::/0"}]}, {"entry": []})
    plan.create("module.m.aws_route.n", {}, refers={"gateway_id": ["var.gateway"], "route_table_id": ["aws_x.y.id"]})
    plan.call("module.m", {"gateway": ["module.m.out"]}, {"out": ["var.gateway"]})
    return plan.document()


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        found += [place for key, item in value.items() for place in places(item, (*path, key))]
    elif isinstance(value, list):
        found += [place for at, item in enumerate(value) for place in places(item, (*path, at))]
    return found


WHOLE = whole_plan()
PLACES = [place for place in places(WHOLE) if place]
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, -1, 1.5, "", "x", "\x1b[31m", [], [None], ["x"], [{}], {}, {"x": 1}, {"references": 1}]
)


@settings(max_examples=600)
@given(st.lists(st.tuples(st.sampled_from(PLACES), ODD), min_size=1, max_size=3))
def test_any_value_in_any_place_of_a_plan(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    document = json.loads(json.dumps(WHOLE))
    for path, value in changes:
        found = document
        try:
            for step in path[:-1]:
                found = found[step]
            found[path[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    edits_or_error(json.dumps(document).encode())


def test_the_plan_itself_is_one() -> None:
    assert len(read(json.dumps(WHOLE).encode(), "file").changes) == 9
