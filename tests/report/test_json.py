"""JSON documents, JSON Lines, and their schema."""

from __future__ import annotations

import json as stdlib_json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.report import answers
from whyblocked.diagnosis.checked import Checked
from whyblocked.report import json, schema

SCHEMA = Path(__file__).parents[2] / "docs" / "answer.schema.json"


@pytest.fixture(scope="module")
def validator() -> Any:
    return jsonschema.Draft202012Validator(stdlib_json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_the_committed_schema_is_current() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema.render()


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(stdlib_json.loads(schema.render()))


@pytest.mark.parametrize("story", answers.STORIES)
def test_answers_have_the_shape_of_the_schema(story: str, validator: Any) -> None:
    validator.validate(stdlib_json.loads(json.render(answers.STORIES[story]())))


def test_the_keys_are_those_of_the_contract_in_its_order() -> None:
    document = stdlib_json.loads(json.render(answers.blocked_on_return()))
    added = {"open_ports", "partly_open", "changes", "change_summary", "change_notes", "no_fix"}
    added |= {"applied", "before", "before_summary", "targets"}
    assert [key for key in document if key not in added] == [
        "schema_version",
        "question",
        "verdict",
        "summary",
        "blocked_by",
        "forward",
        "return",
        "evidence",
        "fixes",
        "warnings",
        "missing",
    ]
    assert document["schema_version"] == 1
    assert {
        "layer",
        "leg",
        "direction",
        "resource_ids",
        "interface_id",
        "subnet_id",
        "vpc_id",
        "account_id",
        "region",
        "rule",
        "code",
        "summary",
        "near_misses",
        "packets",
    } <= document["blocked_by"][0].keys()
    assert {"kind", "id", "direction", "action", "rule", "packet"} <= document["return"][0].keys()


@pytest.mark.parametrize("story", answers.STORIES)
def test_every_struct_has_all_its_keys(story: str, validator: Any) -> None:
    document = stdlib_json.loads(json.render(answers.STORIES[story]()))
    assert {*document} == {*validator.schema["$defs"]["Answer"]["required"]}
    for hop in document["forward"]:
        assert {*hop} == {*validator.schema["$defs"]["Hop"]["required"]}


def test_the_schema_refuses_another_verdict(validator: Any) -> None:
    document = stdlib_json.loads(json.render(answers.allowed()))
    assert not validator.is_valid({**document, "verdict": "maybe"})
    assert not validator.is_valid({key: item for key, item in document.items() if key != "return"})


def test_the_document_of_a_question_is_indented_and_ends_its_line() -> None:
    assert json.render(answers.allowed()).startswith('{\n  "schema_version": 1,\n  "question": {\n')
    assert json.render(answers.allowed()).endswith("}\n")


def test_a_line_of_json_lines() -> None:
    line = json.render_line(Checked(number=3, text="a -> b", expected="blocked", holds=False, answer=answers.allowed()))
    document = stdlib_json.loads(line)
    assert line.count("\n") == 1
    assert [*document][:4] == ["line", "expected", "holds", "schema_version"]
    assert (document["line"], document["expected"], document["holds"]) == (3, "blocked", False)
    assert {**document, "line": 0} == {
        **stdlib_json.loads(json.render(answers.allowed())),
        "line": 0,
        "expected": "blocked",
        "holds": False,
    }


def test_a_line_without_expectation_has_nulls() -> None:
    document = stdlib_json.loads(json.render_line(Checked(number=1, text="a -> b", answer=answers.allowed())))
    assert (document["expected"], document["holds"]) == (None, None)


def test_a_line_in_error() -> None:
    line = json.render_line(Checked(number=7, text="what?", error="line 7: no question"))
    assert line == '{"line":7,"text":"what?","error":"line 7: no question"}\n'


def test_all_characters_come_back() -> None:
    text = "\x00\x1b[2J\x7f\x9b\u00ad\u200e\u202e\u2028\ufeff\U000e0041 é 東京 \U0001f600 \\ \" '"
    document = json.render(answers.hostile(text))
    assert stdlib_json.loads(document)["summary"] == text
    assert "é 東京 \U0001f600" in document
    assert r"\u0000\u001b[2J\u007f\u009b\u00ad\u200e\u202e\u2028\ufeff\udb40\udc41" in document


def test_half_a_surrogate_pair_is_replaced() -> None:
    for document in (
        json.render(answers.hostile("a\ud800b")),
        json.render_line(Checked(number=1, text="", answer=answers.hostile("a\ud800b"))),
    ):
        assert stdlib_json.loads(document)["summary"] == "a\ufffdb"
    assert "\ufffd" in json.render_line(Checked(number=1, text="\udc80", error="\udc80"))
