"""Whatever text stands in an answer: no format lets it steer a terminal, a page, a channel or a parser."""

from __future__ import annotations

import io
import json as stdlib_json
import unicodedata
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tests.report import answers
from tests.report.test_html import Page
from whyblocked.diagnosis.answer import Answer
from whyblocked.diagnosis.checked import Checked
from whyblocked.report import check, html, json, markdown, text
from whyblocked.report.console import build_console

TRICKS = [
    "\x1b[31m",
    "\x1b]0;title\x07",
    "\x9b2J",
    "[red]",
    "[/]",
    ":smile:",
    "\n",
    "\r",
    "\u2028",
    "\u202e",
    "\ud800",
    "`",
    "```\n",
    "*",
    "_",
    "<b>",
    "</code>",
    "<!channel>",
    "<script>",
    "&lt;",
    "@here",
    "](http://x)",
    "![",
    "|",
    "#",
    "]]>",
    "\ufffe",
    " ",
    "a",
    "1. ",
]
texts = st.lists(st.sampled_from(TRICKS) | st.text(max_size=8), max_size=8).map("".join)


def as_text(answer: Answer) -> str:
    stream = io.StringIO()
    text.render(answer, build_console(stream, False, 80))
    return stream.getvalue()


def as_table(answer: Answer) -> str:
    stream = io.StringIO()
    check.render([_checked(answer)], build_console(stream, False, 80))
    return stream.getvalue()


def as_junit(answer: Answer) -> str:
    return check.junit([_checked(answer), Checked(number=2, text=answer.summary, error=answer.summary)])


def as_line(answer: Answer) -> str:
    return json.render_line(_checked(answer))


def _checked(answer: Answer) -> Checked:
    return Checked(number=1, text=answer.question.text, expected="allowed", holds=False, answer=answer)


FORMATS = [as_text, as_table, as_junit, as_line, json.render, markdown.render, html.render]


@pytest.mark.parametrize("render", FORMATS)
@given(words=texts)
@settings(max_examples=60, deadline=None)
def test_no_format_lets_a_control_character_through(render: Callable[[Answer], str], words: str) -> None:
    document = render(answers.hostile(words))
    unsafe = {char for char in document if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    assert unsafe <= {"\n"}


@given(words=texts)
@settings(max_examples=60, deadline=None)
def test_lines_are_those_of_the_report(words: str) -> None:
    # Text from outside is on one line, whatever stands in it: only wrapping adds lines, and a pipe has none.
    lengths = set()
    for inside in (words, "x"):
        stream = io.StringIO()
        text.render(answers.hostile(f"x{inside}x"), build_console(stream, False, 10_000))
        lengths.add(stream.getvalue().count("\n"))
    assert len(lengths) == 1


@given(words=texts)
@settings(max_examples=60, deadline=None)
def test_colour_comes_from_the_report_alone(words: str) -> None:
    stream = io.StringIO()
    text.render(answers.hostile(words), build_console(stream, True, 80))
    rest = stream.getvalue()
    for code in ("0", "1", "2", "2;3", "31", "32", "35", "1;31", "1;32", "1;35"):
        rest = rest.replace(f"\x1b[{code}m", "")
    assert "\x1b" not in rest


@given(words=texts)
@settings(max_examples=60, deadline=None)
def test_markdown_is_inert(words: str) -> None:
    plain, hostile = (_shape(markdown.render(answers.hostile(inside))) for inside in ("x1", f"x1{words}"))
    assert hostile == plain


def _shape(document: str) -> list[str]:
    tokens = MarkdownIt("commonmark").enable("table").parse(document)
    kinds = [token.type for token in tokens]
    return kinds + [
        child.type for token in tokens for child in token.children or () if child.type not in ("text", "code_inline")
    ]


@given(words=texts)
@settings(max_examples=60, deadline=None)
def test_html_is_inert(words: str) -> None:
    plain, hostile = (Page(html.render(answers.hostile(inside))) for inside in ("x", f"x{words}"))
    assert (hostile.tags, hostile.attributes) == (plain.tags, plain.attributes)


@given(words=texts)
@settings(max_examples=60, deadline=None)
def test_documents_parse(words: str) -> None:
    answer = answers.hostile(words)
    stdlib_json.loads(json.render(answer))
    stdlib_json.loads(as_line(answer))
    ElementTree.fromstring(as_junit(answer))


def test_a_name_of_five_thousand_characters_is_cut() -> None:
    name = "A" * 5000
    assert "A" * 119 + "…" in as_text(answers.hostile(name))
    assert stdlib_json.loads(json.render(answers.hostile(name)))["forward"][0]["name"] == name
